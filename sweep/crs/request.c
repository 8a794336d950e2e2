// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random requests for MMIO space, many of them close to the ends of what there is
 */
#include "crs/draw.h"
#include "crs/place.h"
#include "crs/request.h"

/* A place where something begins or ends, or about there */
static u64 request_edge(struct list *l)
{
	const struct range *r = NULL;

	switch (draw_pick(l, 8)) {
	case 0:
		if (l->has_reserve)
			r = &l->reserve;
		break;
	case 1:
	case 2:
		if (l->taken_count)
			r = &l->taken[draw_pick(l, l->taken_count)];
		break;
	case 3:
		if (l->busy_count)
			r = &l->busy[draw_pick(l, l->busy_count)];
		break;
	case 4:
		return draw_place(l);
	default:
		break;
	}
	if (!r && l->window_count)
		r = &l->windows[draw_pick(l, l->window_count)];
	if (!r)
		return draw_any(l);
	return draw_nudge(l, draw_pick(l, 2) ? r->start : r->end);
}

static u64 request_size(struct list *l)
{
	const struct range *r;

	switch (draw_pick(l, 16)) {
	case 0:
		return draw_pick(l, 2) ? 0 : TOP;
	case 1:
		return 1;
	case 2:
	case 3:
		return 0x1000;
	case 4:
		return 0x2000;
	case 5:
		return draw_any(l);
	case 6:
		return 1ull << draw_pick(l, 64);
	case 7:
		if (!l->window_count)
			return 1;
		r = &l->windows[draw_pick(l, l->window_count)];
		return r->end - r->start + draw_pick(l, 3);
	case 8:
	case 9:				/* some of them fill it */
		if (!l->window_count)
			return 1;
		r = &l->windows[draw_pick(l, l->window_count)];
		return ((r->end - r->start) >> draw_pick(l, 5)) + 1;
	case 10:
		return l->has_reserve ?
			l->reserve.end - l->reserve.start + 1 : 8 * MIB;
	case 11:
		return 1 + draw_pick(l, 0x10000);
	default:
		return MIB << draw_pick(l, 8);
	}
}

static u64 request_saturate(u64 a, u64 b)
{
	return a + b < a ? TOP : a + b;
}

/* From where to where */
static void request_limits(struct list *l, struct request *q)
{
	switch (draw_pick(l, 6)) {
	case 0:
		q->max = 4 * GIB - 1;
		break;
	case 1:
		q->min = 4 * GIB;
		break;
	case 2:
		q->min = request_edge(l);
		q->max = request_edge(l);
		if (q->min > q->max && draw_pick(l, 8)) {
			u64 min = q->max;

			q->max = q->min;
			q->min = min;
		}
		break;
	case 3:
		q->min = request_edge(l);
		q->max = request_saturate(q->min, q->size - 1);
		break;
	case 4:
		q->max = request_edge(l);
		q->min = q->max - (q->size - 1) - draw_pick(l, 0x10000);
		break;
	}
}

/**
 * request_make() - Draw a request.
 * @l:	The list
 *
 * Return: one for which the kernel does not search for too long
 */
struct request request_make(struct list *l)
{
	struct request q = { .max = TOP, .align = 0x1000 };
	u64 more;

	q.size = request_size(l);
	q.fb_ok = !draw_pick(l, 3);
	switch (draw_pick(l, 4)) {
	case 0:
		q.align = 1ull << draw_pick(l, 64);
		break;
	case 1:
		q.align = 1ull << draw_pick(l, 32);
		break;
	case 2:
		if (q.size)
			q.align = 1ull << (63 - __builtin_clzll(q.size));
		break;
	}
	request_limits(l, &q);
	while (place_cost(l, &q) > MAX_COST) {
		if (draw_pick(l, 2)) {
			u32 shift = 1 + draw_pick(l, 8);

			q.align = q.align >> (63 - shift) ? 1ull << 63 :
				q.align << shift;
		} else {
			q.min = request_edge(l);
			more = q.align >> 58 ? TOP : q.align * 32;
			more = request_saturate(q.size, more);
			q.max = request_saturate(q.min, more);
		}
	}
	return q;
}
