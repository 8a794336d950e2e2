/* SPDX-License-Identifier: GPL-2.0-only */
/* Ranges of addresses. Both ends belong to a range. */
#ifndef HVHOST_RANGE_H
#define HVHOST_RANGE_H

#include "core/math.h"
#include "core/types.h"

static inline struct range range_of(u64 start, u64 size)
{
	return (struct range) { start, start + size - 1 };
}

/* Ranges in _CRS can have no bytes, or less. */
static inline bool range_empty(const struct range *r)
{
	return r->end < r->start;
}

static inline u64 range_size(const struct range *r)
{
	return r->end - r->start + 1;
}

/* True if they share an address. Neither is empty. */
static inline bool range_overlap(const struct range *a, const struct range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

/* True if @inner, which is not empty, lies within @outer */
static inline bool range_within(const struct range *inner,
				const struct range *outer)
{
	return inner->start >= outer->start && inner->end <= outer->end;
}

/* What both share. Return: false if that is nothing; @out is left alone then. */
static inline bool range_intersect(const struct range *a, const struct range *b,
				   struct range *out)
{
	struct range both = {
		max64(a->start, b->start), min64(a->end, b->end)
	};

	if (range_empty(a) || range_empty(b) || range_empty(&both))
		return false;
	*out = both;
	return true;
}

/* All pages that @r touches; @page is a power of two. */
static inline struct range range_pages(const struct range *r, u64 page)
{
	return (struct range) { r->start & ~(page - 1), r->end | (page - 1) };
}

#endif
