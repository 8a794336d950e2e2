// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a request has to be granted, by the kernel's documentation, on plain intervals
 */
#include "crs/expect.h"
#include "crs/place.h"

static const struct range *place_overlap(const struct range *r,
					 const struct range *with, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (range_overlap(r, &with[i]))
			return &with[i];
	return NULL;
}

/**
 * place_taken() - Find what overlaps a range: granted, busy, or firmware's framebuffer.
 * @l:	The list
 * @r:	The range
 *
 * Return: one of those, NULL if there is none
 */
const struct range *place_taken(const struct list *l, const struct range *r)
{
	const struct range *o = place_overlap(r, l->taken, l->taken_count);

	o = o ?: place_overlap(r, l->busy, l->busy_count);
	return o ?: place_overlap(r, &l->kept, l->has_kept);
}

/* What a request cannot have, beside the reservation or in it */
static const struct range *place_obstacle(const struct list *l,
					  const struct range *r,
					  bool in_reserve)
{
	const struct range *o = place_taken(l, r);

	return o ?: place_overlap(r, &l->reserve,
				  l->has_reserve && !in_reserve);
}

/* The lowest place in @win that has to be found for a request */
static bool place_in(const struct list *l, const struct range *win,
		     const struct request *q, bool in_reserve,
		     struct range *out)
{
	u64 at = max64(win->start, q->min), end = min64(win->end, q->max);
	const struct range *o = NULL;

	if (!q->size)
		return false;
	for (;;) {
		u64 up = (at + (q->align - 1)) & ~(q->align - 1);

		if (up < at || up > end || end - up < q->size - 1)
			return false;
		*out = range_at(up, q->size);
		o = place_obstacle(l, out, in_reserve);
		if (!o)
			return true;
		if (o->end == TOP)
			return false;
		at = o->end + 1;
	}
}

/* ... in what is in @part of the first window that has one */
static bool place_in_windows(const struct list *l, struct range part,
			     const struct request *q, struct range *out)
{
	struct range win;
	int i;

	for (i = 0; i < l->window_count; i++)
		if (part.start <= part.end &&
		    range_intersect(&l->windows[i], &part, &win) &&
		    place_in(l, &win, q, false, out))
			return true;
	return false;
}

/*
 * ... in high MMIO: where framebuffers are moved to, which is at least FB_MOST
 * and starts at a whole MiB, or where they are not
 */
static bool place_high(const struct list *l, const struct request *q,
		       struct range *out)
{
	int i;

	for (i = 0; i < l->window_count; i++) {
		struct range win = l->windows[i];
		u64 size = win.end - win.start, moved;

		if (win.start < 4 * GIB)
			continue;
		moved = (win.end - FB_MOST + 1) / MIB * MIB;
		if (q->fb_ok) {
			win.start = max64(win.start, moved);
		} else {
			win.start += size / 2 + size % 2;
			if (moved <= win.start)
				continue;
			win.end = moved - 1;
		}
		if (place_in(l, &win, q, false, out))
			return true;
	}
	return false;
}

/*
 * Where the documentation says that a request is granted: in the first place,
 * but while a framebuffer may have been moved, first away from where to.
 */
static bool place_first(const struct list *l, const struct request *q,
			struct range *out)
{
	const struct range all = { 0, TOP };

	if (l->kernel->moves_fb && expect_moves(l) && place_high(l, q, out))
		return true;
	return place_in_windows(l, all, q, out);
}

static enum found place_find(const struct list *l, const struct request *q,
			     struct range *out)
{
	int i;

	if (q->fb_ok && l->has_reserve &&
	    place_in(l, &l->reserve, q, true, out))
		return INSIDE;
	if (!l->kernel->steps)
		return place_first(l, q, out) ? OUTSIDE : NOT_FOUND;
	for (i = 0; i < l->window_count; i++)
		if (place_in(l, &l->windows[i], q, false, out))
			return OUTSIDE;
	return NOT_FOUND;
}

/**
 * place_expect() - Find where a request must be granted that is about to be made.
 * @l:	The list
 * @q:	The request
 * @room:	Gets the place, if there is one
 *
 * Return: where that is
 */
enum found place_expect(struct list *l, const struct request *q,
			struct range *room)
{
	l->before = l->kernel->state();
	return place_find(l, q, room);
}

/**
 * place_tries() - Count the places at which a request could be granted in a window.
 * @win:	The window, as if it were empty
 * @q:	The request
 * @last:	The last place that counts
 *
 * Return: how many there are, at most 2^40
 */
u64 place_tries(const struct range *win, const struct request *q, u64 last)
{
	u64 start = max64(win->start, q->min), end = min64(win->end, q->max);

	if (start > end || !q->size || end - start < q->size - 1)
		return 0;
	end = min64(end - (q->size - 1), last);
	if (start > end)
		return 0;
	return min64((end - start) / q->align + 1, 1ull << 40);
}

/**
 * place_cost() - Estimate how long the kernel searches for a request.
 * @l:	The list
 * @q:	The request
 *
 * Return: places that it tries, each counted TRY_COST times
 */
u64 place_cost(const struct list *l, const struct request *q)
{
	struct range at;
	enum found found = place_find(l, q, &at);
	u64 cost = 0, last = found == OUTSIDE ? at.start : TOP;
	int i;

	if (!l->kernel->steps)
		return 0;
	if (q->fb_ok && l->has_reserve)
		cost += TRY_COST * place_tries(&l->reserve, q, found == INSIDE ?
					       at.start : TOP);
	for (i = 0; i < l->window_count && found != INSIDE; i++)
		cost += TRY_COST * place_tries(&l->windows[i], q, last);
	if (!q->fb_ok && l->has_reserve)
		cost -= (TRY_COST - 1) * place_tries(&l->reserve, q, last);
	return cost;
}
