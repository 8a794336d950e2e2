// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel has made of it: windows, reservation, resource trees, answers
 */
#include <stdarg.h>

#include "crs/check.h"
#include "crs/class.h"

/**
 * check_windows() - Compare the kernel's windows with those that are expected.
 * @l:	The list
 *
 * First come the addresses, then how they are divided into windows.
 *
 * Return: true if all is right
 */
bool check_windows(struct list *l)
{
	u64 at[2 * (MAX_WINDOWS + MAX_WINDOWS + 2) + 1];
	struct range got[MAX_WINDOWS + 2];
	int i, n = 0, count = l->kernel->granted(got, ARRAY_SIZE(got));

	for (i = 0; i < count; i++)
		list_say(l, "window\t[%#llx-%#llx]\n", got[i].start, got[i].end);
	for (i = 0; i < count; i++) {
		if (got[i].end < got[i].start)
			return list_wrong(l, "window [%#llx-%#llx] ends before it starts",
					  got[i].start, got[i].end);
		if (range_in_hole(&got[i]))
			return list_wrong(l, "window [%#llx-%#llx] reaches into the hole",
					  got[i].start, got[i].end);
	}
	n = range_add_cut(at, n, 0);
	n = range_add_cuts(at, n, got, count);
	n = range_add_cuts(at, n, l->windows, l->window_count);
	for (i = 0; i < n; i++) {
		bool is = range_any_has(at[i], got, count);

		if (is != range_any_has(at[i], l->windows, l->window_count))
			return list_wrong(l, "[%#llx-%#llx] is %s a window, but is %s",
					  at[i], i + 1 < n ? at[i + 1] - 1 : TOP,
					  is ? "in" : "not in",
					  is ? "not granted" : "granted");
	}
	if (count != l->window_count)
		return list_wrong(l, "%d windows for what is %d", count,
				  l->window_count);
	for (i = 0; i < count; i++)
		if (!range_same(&got[i], &l->windows[i]))
			return list_wrong(l, "window [%#llx-%#llx] should be [%#llx-%#llx]",
					  got[i].start, got[i].end,
					  l->windows[i].start,
					  l->windows[i].end);
	return true;
}

/**
 * check_reserve() - Compare the kernel's reservation with the one that is expected.
 * @l:	The list
 *
 * Return: true if it is right
 */
bool check_reserve(struct list *l)
{
	struct range got;
	bool has = l->kernel->reserved(&got);
	int i;

	if (!has) {
		list_say(l, "nothing reserved\n");
		return l->has_reserve ?
			list_wrong(l, "nothing reserved instead of [%#llx-%#llx]",
				   l->reserve.start, l->reserve.end) : true;
	}
	list_say(l, "reserved [%#llx-%#llx]\n", got.start, got.end);
	if (got.end < got.start)
		return list_wrong(l, "reservation [%#llx-%#llx] ends before it starts",
				  got.start, got.end);
	for (i = 0; i < l->window_count; i++)
		if (range_within(&got, &l->windows[i]))
			break;
	if (i == l->window_count)
		return list_wrong(l, "reservation [%#llx-%#llx] is not in a window",
				  got.start, got.end);
	if (!l->has_reserve)
		return list_wrong(l, "[%#llx-%#llx] reserved instead of nothing",
				  got.start, got.end);
	if (!range_same(&got, &l->reserve))
		return list_wrong(l, "[%#llx-%#llx] reserved instead of [%#llx-%#llx]",
				  got.start, got.end, l->reserve.start,
				  l->reserve.end);
	return true;
}

/**
 * check_trees() - Check the kernel's resource trees.
 * @l:	The list
 * @after:	What was done last
 *
 * Return: true if they are right
 */
bool check_trees(struct list *l, const char *after)
{
	const char *why = l->kernel->check();

	return !why || list_wrong(l, "%s, after %s", why, after);
}

/**
 * check_wrong_place() - Record that the place of a range that was granted is wrong.
 * @l:		The list
 * @q:		The request
 * @got:		The range
 * @format:	Why, as for printf()
 *
 * Return: false
 */
bool check_wrong_place(struct list *l, const struct request *q,
		       const struct range *got, const char *format, ...)
{
	char what[120];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return list_wrong(l, "%s: got [%#llx-%#llx], %s", list_request(q).text,
			  got->start, got->end, what);
}

/* Is that what was asked for? */
static bool check_place(struct list *l, const struct request *q,
			const struct range *got)
{
	const struct range *o;
	int i;

	if (got->end < got->start || got->end - got->start + 1 != q->size)
		return check_wrong_place(l, q, got, "which is of another size");
	if (got->start < q->min)
		return check_wrong_place(l, q, got, "which is below min");
	if (got->end > q->max)
		return check_wrong_place(l, q, got, "which is above max");
	if (got->start & (q->align - 1))
		return check_wrong_place(l, q, got, "which is not aligned");
	if (range_in_hole(got))
		return check_wrong_place(l, q, got, "which is in the hole");
	for (i = 0; i < l->window_count; i++)
		if (range_within(got, &l->windows[i]))
			break;
	if (i == l->window_count)
		return check_wrong_place(l, q, got, "which is not in a window");
	o = place_taken(l, got);
	if (o)
		return check_wrong_place(l, q, got, "where [%#llx-%#llx] is %s",
					 o->start, o->end,
					 o >= l->taken &&
					 o < l->taken + MAX_TAKEN ? "handed out" :
					 o >= l->busy &&
					 o < l->busy + 2 ? "busy" :
					 "screen_info's framebuffer");
	if (l->has_reserve && range_overlap(got, &l->reserve) &&
	    !(q->fb_ok && range_within(got, &l->reserve)))
		return check_wrong_place(l, q, got, "%s",
					 q->fb_ok ? "partly in the reservation" :
					 "in the reservation");
	l->count[FULL_WINDOW] += range_same(got, &l->windows[i]);
	return true;
}

/* @l's request @q was refused with @err: was there really no room? */
static bool check_refusal(struct list *l, const struct request *q, int err,
			  enum found found, const struct range *room)
{
	int i;

	l->count[REFUSED]++;
	if (found != NOT_FOUND)
		return list_wrong(l, "%s: error %d, but there is [%#llx-%#llx]",
				  list_request(q).text, err, room->start, room->end);
	if (l->kernel->state() != l->before)
		return list_wrong(l, "%s: error %d, but not all is as before",
				  list_request(q).text, err);
	/* If nothing were there it would fit. */
	for (i = 0; i < l->window_count; i++) {
		if (place_tries(&l->windows[i], q, TOP)) {
			l->count[REFUSED_FULL]++;
			break;
		}
	}
	return true;
}

/**
 * check_answer() - Check what the kernel has answered to a request.
 * @l:	The list
 * @q:	The request
 * @err:	The kernel's error, or 0
 * @got:	What it granted, if there is no error
 * @found:	What place_expect() returned
 * @room:	... and found
 *
 * Return: true if it is right
 */
bool check_answer(struct list *l, const struct request *q, int err,
		  const struct range *got, enum found found,
		  const struct range *room)
{
	if (err)
		list_say(l, "\terror %d\n", err);
	else
		list_say(l, "\t[%#llx-%#llx]\n", got->start, got->end);
	l->count[FB_OK] += q->fb_ok;
	l->count[SIZE_0] += !q->size;
	l->count[ONE_BYTE] += q->size == 1;
	l->count[MIN_OVER_MAX] += q->min > q->max;
	if (err)
		return check_refusal(l, q, err, found, room);
	l->count[ALLOCATED]++;
	l->count[ENDS_AT_TOP] += got->end == TOP;
	if (!check_place(l, q, got))
		return false;
	if (q->fb_ok && l->has_reserve) {
		bool inside = range_within(got, &l->reserve);

		l->count[inside ? FB_OK_INSIDE : FB_OK_OUTSIDE]++;
		if (!inside && found == INSIDE)
			return check_wrong_place(l, q, got, "but the reservation has [%#llx-%#llx]",
						 room->start, room->end);
	}
	if (found == NOT_FOUND)
		return check_wrong_place(l, q, got, "where there should be no room");
	if (!l->kernel->steps && !range_same(got, room))
		return check_wrong_place(l, q, got, "which should be [%#llx-%#llx]",
					 room->start, room->end);
	return true;
}
