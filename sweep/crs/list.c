// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a list says, and the ranges that it was granted
 */
#include <stdarg.h>

#include "crs/class.h"
#include "crs/list.h"

/**
 * list_say() - Print what happens to a list, if that was asked for.
 * @l:		The list
 * @format:	As for printf()
 */
void list_say(const struct list *l, const char *format, ...)
{
	va_list args;

	if (!l->verbose)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

/**
 * list_wrong() - Record what is wrong.
 * @l:		The list
 * @format:	As for printf()
 *
 * Return: false, as does each function that finds something wrong
 */
bool list_wrong(struct list *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->why, l->why_size, format, args);
	va_end(args);
	return false;
}

/**
 * list_show() - Print what the host and its firmware say, without a newline.
 * @l:	The list
 * @f:	Where to
 */
void list_show(const struct list *l, FILE *f)
{
	int i;

	fprintf(f, "_CRS");
	for (i = 0; i < l->crs_count; i++)
		fprintf(f, " [%#llx-%#llx]", l->crs[i].start, l->crs[i].end);
	if (!l->crs_count)
		fprintf(f, " empty");
	if (l->has_vga)
		fprintf(f, "; VGA BAR [%#llx-%#llx]", l->vga.start, l->vga.end);
	if (l->told.end)
		fprintf(f, "; screen_info [%#llx-%#llx]", l->told.start,
			l->told.end);
	for (i = 0; i < l->busy_count; i++)
		fprintf(f, "; busy [%#llx-%#llx]", l->busy[i].start,
			l->busy[i].end);
	fprintf(f, "; %u MiB offered; %sEFI", l->offered, l->efi ? "" : "no ");
	if (l->devicetree)
		fprintf(f, "; devicetree");
}

/**
 * list_request() - Say what a request is.
 * @q:	The request
 *
 * Return: its text
 */
struct request_text list_request(const struct request *q)
{
	struct request_text t;

	snprintf(t.text, sizeof(t.text),
		 "min %#llx max %#llx size %#llx align %#llx%s", q->min, q->max,
		 q->size, q->align, q->fb_ok ? " fb_ok" : "");
	return t;
}

/**
 * list_take() - Remember a range that was granted.
 * @l:	The list, which has room for it
 * @r:	The range
 * @who:	Who gives it back
 * @bus:	The owner's bus, of a CALLER 0
 */
void list_take(struct list *l, const struct range *r, enum owner who, int bus)
{
	l->taken[l->taken_count] = *r;
	l->how[l->taken_count++] = (struct taken) { who, bus };
}

/**
 * list_forget() - Forget a range that was given back.
 * @l:	The list
 * @i:	The range's number; the last one gets it
 */
void list_forget(struct list *l, int i)
{
	l->count[FREED]++;
	l->taken_count--;
	l->taken[i] = l->taken[l->taken_count];
	l->how[i] = l->how[l->taken_count];
}
