/* SPDX-License-Identifier: GPL-2.0-only */
/* Who answers at which address: I/O ports, or MMIO. Pure. */
#ifndef HVHOST_IO_H
#define HVHOST_IO_H

#include "core/types.h"

/* Every BAR and config window of 128 buses, and what is always there */
#define IO_MAX		1024

/*
 * A handler gets accesses of 1, 2 or 4 bytes (MMIO: 8 too) with offset + size
 * within what was registered. *value is to be filled in on reads (all bits
 * above the size are dropped). The VM's lock is held.
 */
typedef void (*vm_io_fn)(void *opaque, u64 offset, bool write, u64 *value,
			 unsigned int size);

struct io_region {
	u64 start, size;
	vm_io_fn fn;
	void *opaque;
};

/* Sorted by address, none overlaps another */
struct io_table {
	struct io_region *region;
	u32 count, room;
};

int io_add(struct io_table *table, const struct io_region *region);
int io_del(struct io_table *table, u64 start);
bool io_next(const struct io_table *table, u64 from, struct range *range);
bool io_access(const struct io_table *table, u64 addr, bool write, void *data,
	       unsigned int size);

#endif
