/* SPDX-License-Identifier: GPL-2.0-only */
/* Ranges of addresses; of all struct range here both ends belong to the range. */
#ifndef SWEEP_CRS_RANGE_H
#define SWEEP_CRS_RANGE_H

#include "core/types.h"

#define TOP		(~0ull)
#define HOLE_START	0xfed40000ull	/* the vTPM's, up to 4 GiB */
#define HOLE_END	(4 * GIB - 1)

static inline u64 min64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static inline u64 max64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static inline bool range_overlap(const struct range *a, const struct range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static inline bool range_within(const struct range *a, const struct range *b)
{
	return a->start >= b->start && a->end <= b->end;
}

static inline bool range_intersect(const struct range *a,
				   const struct range *b, struct range *out)
{
	out->start = max64(a->start, b->start);
	out->end = min64(a->end, b->end);
	return range_overlap(a, b);
}

static inline bool range_same(const struct range *a, const struct range *b)
{
	return a->start == b->start && a->end == b->end;
}

static inline bool range_in_hole(const struct range *r)
{
	return r->start <= HOLE_END && r->end >= HOLE_START;
}

static inline struct range range_at(u64 start, u64 size)
{
	return (struct range) { start, start + size - 1 };
}

bool range_any_has(u64 at, const struct range *r, int n);
int range_add_cut(u64 *at, int n, u64 place);
int range_add_cuts(u64 *at, int n, const struct range *r, int count);

#endif
