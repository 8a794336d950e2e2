// SPDX-License-Identifier: GPL-2.0-only
/* Who answers at which address: I/O ports, or MMIO. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/math.h"

/* The first region that ends beyond @addr: its index, or how many there are */
static u32 io_find(const struct io_table *table, u64 addr)
{
	u32 low = 0, high = table->count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		const struct io_region *r = &table->region[mid];

		if (r->start + r->size > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/**
 * io_add() - Have addresses answered.
 * @table:	The table
 * @region:	Copied
 *
 * Return: 0, -EBUSY if it overlaps another, -ENOSPC, -EINVAL, -ENOMEM.
 */
int io_add(struct io_table *table, const struct io_region *region)
{
	struct io_region *r;
	u32 i;

	if (!region->size || region->start + region->size < region->start)
		return -EINVAL;
	i = io_find(table, region->start);
	if (i < table->count &&
	    table->region[i].start < region->start + region->size)
		return -EBUSY;
	if (table->count == IO_MAX)
		return -ENOSPC;
	if (table->count == table->room) {
		u32 room = table->room ? 2 * table->room : 16;

		r = realloc(table->region, room * sizeof(*r));
		if (!r)
			return -ENOMEM;
		table->region = r;
		table->room = room;
	}
	r = &table->region[i];
	memmove(r + 1, r, (table->count - i) * sizeof(*r));
	*r = *region;
	table->count++;
	return 0;
}

/**
 * io_del() - Have them answered no more.
 * @table:	The table
 * @start:	First address, as it was added
 *
 * Return: 0, -ENOENT if nothing starts there.
 */
int io_del(struct io_table *table, u64 start)
{
	u32 i = io_find(table, start);
	struct io_region *r;

	if (i == table->count || table->region[i].start != start)
		return -ENOENT;
	r = &table->region[i];
	table->count--;
	memmove(r, r + 1, (table->count - i) * sizeof(*r));
	return 0;
}

/**
 * io_next() - Go through what is answered, from low to high.
 * @table:	The table
 * @from:	What lies below does not count
 * @range:	Set to the lowest that does not
 *
 * Return: false if there is none.
 */
bool io_next(const struct io_table *table, u64 from, struct range *range)
{
	u32 i = io_find(table, from);

	if (i == table->count)
		return false;
	range->start = table->region[i].start;
	range->end = range->start + table->region[i].size - 1;
	return true;
}

/**
 * io_access() - Hand one access on.
 * @table:	The table; a handler may change it
 * @addr:	First address
 * @write:	Guest writes
 * @data:	What it writes, or gets
 * @size:	Bytes
 *
 * Return: false if nobody answers there for all of it.
 */
bool io_access(const struct io_table *table, u64 addr, bool write, void *data,
	       unsigned int size)
{
	u32 i = io_find(table, addr);
	struct io_region r;
	u64 value = 0;

	/* What crosses a page comes in odd pieces; no device takes those */
	if (size > sizeof(value) || !is_power_of_two(size))
		return false;
	if (i == table->count)
		return false;
	r = table->region[i];
	if (addr < r.start || size > r.size - (addr - r.start))
		return false;
	if (write)
		memcpy(&value, data, size);
	r.fn(r.opaque, addr - r.start, write, &value, size);
	if (!write)
		memcpy(data, &value, size);
	return true;
}
