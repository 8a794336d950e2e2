// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel has to make of a list, by its documentation: windows, reservation, and
 * the framebuffer of firmware
 */
#include "crs/expect.h"

#define FB_LEAST	(8 * MIB)	/* firmware says less than there is */

/*
 * False for ranges that are ignored as a whole. Devicetree gives the size of a
 * range, and that of all addresses is 0.
 */
static bool expect_counts(const struct list *l, const struct range *r)
{
	if (l->devicetree && !(r->end - r->start + 1))
		return false;
	return r->start <= r->end && r->end - r->start >= 0xfff &&
	       r->end >= MIB;
}

static void expect_windows(struct list *l)
{
	u64 at[2 * MAX_RANGES + 3];
	struct range good[MAX_RANGES];
	int i, n = 0, goods = 0;

	for (i = 0; i < l->crs_count; i++)
		if (expect_counts(l, &l->crs[i]))
			good[goods++] = l->crs[i];
	n = range_add_cut(at, n, 0);
	n = range_add_cut(at, n, HOLE_START);
	n = range_add_cut(at, n, HOLE_END + 1);
	n = range_add_cuts(at, n, good, goods);
	for (i = 0; i < n; i++) {
		struct range *last = l->window_count ?
			&l->windows[l->window_count - 1] : NULL;
		struct range r = { at[i], i + 1 < n ? at[i + 1] - 1 : TOP };

		if (range_in_hole(&r) || !range_any_has(at[i], good, goods))
			continue;
		if (last && last->end == r.start - 1)
			last->end = r.end;
		else
			l->windows[l->window_count++] = r;
	}
}

/* Without screen_info: at the VGA BAR, else at the bottom of low MMIO */
static void expect_reserve(struct list *l)
{
	/* A BAR at 0 has no address. */
	bool has_bar = l->has_vga && l->vga.start;
	u64 usable = 0, sized, size;
	int i;

	/* A framebuffer comes with ACPI. */
	if (l->devicetree)
		return;
	for (i = 0; has_bar && i < l->window_count; i++) {
		if (!range_intersect(&l->windows[i], &l->vga, &l->reserve))
			continue;
		l->has_reserve = true;
		return;
	}
	if (has_bar)
		return;
	for (i = 0; i < l->window_count && l->windows[i].start < 4 * GIB; i++)
		usable += l->windows[i].end - l->windows[i].start + 1;
	if (!usable)
		return;
	/* The host counts all up to 4 GiB, the hole, too. */
	sized = 4 * GIB - l->windows[0].start;
	size = usable / 4 * 3 / (2 * MIB) * (2 * MIB);
	size = min64(min64(size, FB_MOST), sized / 2);
	size = min64(size, l->windows[0].end - l->windows[0].start + 1);
	if (!size)
		return;
	l->reserve = range_at(l->windows[0].start, size);
	l->has_reserve = true;
}

/* screen_info's size has 32 bits. */
static u64 expect_told_size(const struct list *l)
{
	u64 size = (u32)(l->told.end - l->told.start + 1);

	return max64(FB_LEAST, min64(FB_MOST, size));
}

/**
 * expect_told() - Find the framebuffer that EFI describes.
 * @l:	The list
 * @told:	Gets it, as large as the kernel takes it to be
 *
 * Return: false if there is none, as on each Gen1 VM
 */
bool expect_told(const struct list *l, struct range *told)
{
	u64 size = expect_told_size(l);

	*told = (struct range) {
		l->told.start,
		l->told.start + min64(size - 1, TOP - l->told.start)
	};
	return l->told.end && !l->has_vga;
}

/*
 * It is kept free as far as it is in the window in which it begins; not if it
 * wraps at 2^64, which no firmware says.
 */
static void expect_kept(struct list *l)
{
	struct range told;
	int i;

	if (!expect_told(l, &told) ||
	    expect_told_size(l) - 1 > TOP - told.start)
		return;
	for (i = 0; i < l->window_count; i++)
		if (range_any_has(told.start, &l->windows[i], 1))
			break;
	if (i == l->window_count)
		return;
	range_intersect(&l->windows[i], &told, &l->kept);
	l->has_kept = !l->has_reserve || !range_overlap(&l->kept, &l->reserve);
}

/**
 * expect_boot() - Find the windows, the reservation and what else is kept free.
 * @l:	The list
 */
void expect_boot(struct list *l)
{
	expect_windows(l);
	expect_reserve(l);
	expect_kept(l);
}

/**
 * expect_moves() - Test whether the framebuffer is larger than the reservation.
 * @l:	The list, after expect_boot()
 *
 * Return: true if it is, so that hyperv_drm moves it
 */
bool expect_moves(const struct list *l)
{
	return l->has_reserve &&
		l->offered > (l->reserve.end - l->reserve.start + 1) / MIB;
}
