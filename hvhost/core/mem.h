/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest RAM, and the only way to reach it: by checked GPA. */
#ifndef HVHOST_MEM_H
#define HVHOST_MEM_H

#include "core/types.h"

#define MEM_MAX_REGIONS	4

struct mem_region {
	u64 gpa;
	u64 size;
	u8 *host;
};

struct mem {
	struct mem_region region[MEM_MAX_REGIONS];
	int count;
};

int mem_add(struct mem *mem, u64 gpa, u64 size, u8 *host);
void *mem_at(const struct mem *mem, u64 gpa, u64 len);
int mem_read(const struct mem *mem, u64 gpa, void *buf, u64 len);
int mem_write(const struct mem *mem, u64 gpa, const void *buf, u64 len);

#endif
