// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kind of a list it is: counted, to see that the generator reaches all kinds
 */
#include "crs/class.h"
#include "crs/expect.h"

const char *const class_names[CLASSES] = {
	[NO_RANGE] = "no range at all",
	[ZERO_LENGTH] = "a range of no bytes",
	[INVERTED] = "an inverted range",
	[WRAPPING] = "a range that wraps at 2^64",
	[TINY] = "a range of less than a page",
	[LEGACY] = "a range below 1 MiB",
	[UNALIGNED] = "a range that is not whole pages",
	[UNSORTED] = "ranges out of order",
	[OVERLAPPING] = "ranges that overlap",
	[DUPLICATE] = "the same range twice",
	[ADJACENT] = "ranges that touch",
	[INTO_HOLE] = "a range that reaches into the hole",
	[IN_HOLE] = "a range inside the hole",
	[ACROSS_HOLE] = "a range across the hole",
	[STRADDLING] = "a range that straddles 4 GiB",
	[HUGE_RANGE] = "a range of 1 TiB or more",
	[TO_TOP] = "a range that ends at 2^64 - 1",
	[ALL_ADDRESSES] = "a range of all there is",
	[NO_WINDOW] = "no usable window",
	[ONE_WINDOW] = "one window",
	[MANY_WINDOWS] = "four windows or more",
	[NO_LOW] = "windows, but none below 4 GiB",
	[NO_RESERVE] = "windows, but nothing to reserve",
	[SMALL_RESERVE] = "less than 8 MiB to reserve",
	[DEVICETREE] = "devicetree instead of ACPI",
	[WITH_EFI] = "EFI",
	[VGA_INSIDE] = "a VGA BAR in a window",
	[VGA_OUTSIDE] = "a VGA BAR outside of all windows",
	[VGA_IN_TWO] = "a VGA BAR in two windows or more",
	[TOLD_NOTHING] = "no framebuffer in screen_info",
	[TOLD_RIGHT] = "screen_info's in the reservation",
	[TOLD_MORE] = "screen_info's partly in it",
	[TOLD_APART] = "screen_info's in another place",
	[TOLD_NOWHERE] = "screen_info's outside of all windows",
	[TOLD_VESA] = "screen_info's, but not EFI's",
	[BUSY_WINDOW] = "something busy in a window",
	[BUSY_RESERVE] = "something busy in the reservation",
	[MOVES] = "a framebuffer that is larger than what is reserved",
	[ALLOCATED] = "granted",
	[REFUSED] = "refused",
	[REFUSED_FULL] = "... since something is in the way",
	[FB_OK] = "with fb_ok",
	[FB_OK_INSIDE] = "... granted in the reservation",
	[FB_OK_OUTSIDE] = "... granted elsewhere",
	[SIZE_0] = "for no bytes",
	[ONE_BYTE] = "for one byte",
	[MIN_OVER_MAX] = "with min > max",
	[FULL_WINDOW] = "granted a window as a whole",
	[ENDS_AT_TOP] = "granted up to 2^64 - 1",
	[BY_VIDEO] = "hyperv_drm's",
	[BY_CONFIG] = "pci-hyperv's for config space",
	[BY_LOW] = "pci-hyperv's for 32-bit BARs",
	[BY_HIGH] = "pci-hyperv's for 64-bit BARs",
	[GIVEN_BACK] = "... given back, since there is none for 64-bit ones",
	[FREED] = "given back",
};

static void class_ranges(struct list *l, bool *is)
{
	int i, j;

	is[NO_RANGE] = !l->crs_count;
	for (i = 0; i < l->crs_count; i++) {
		const struct range *r = &l->crs[i];
		u64 size = r->end - r->start + 1;

		if (r->start > r->end) {
			is[ZERO_LENGTH] |= !size;
			is[WRAPPING] |= size && size < 1ull << 48;
			is[INVERTED] |= size >= 1ull << 48;
			continue;
		}
		is[TINY] |= size && size < 0x1000;
		is[LEGACY] |= r->end < MIB;
		is[UNALIGNED] |= (r->start | (r->end + 1)) & 0xfff;
		is[IN_HOLE] |= r->start >= HOLE_START && r->end <= HOLE_END;
		is[ACROSS_HOLE] |= r->start < HOLE_START && r->end > HOLE_END;
		is[INTO_HOLE] |= range_in_hole(r) &&
			(r->start < HOLE_START) != (r->end > HOLE_END);
		is[STRADDLING] |= r->start <= HOLE_END && r->end > HOLE_END;
		is[HUGE_RANGE] |= size >= 1ull << 40;
		is[TO_TOP] |= r->end == TOP;
		is[ALL_ADDRESSES] |= !size;
		for (j = 0; j < i; j++) {
			const struct range *q = &l->crs[j];

			if (q->start > q->end)
				continue;
			is[DUPLICATE] |= range_same(q, r);
			is[OVERLAPPING] |= range_overlap(q, r);
			is[UNSORTED] |= q->start > r->start;
			is[ADJACENT] |= (r->end != TOP &&
					 q->start == r->end + 1) ||
				(q->end != TOP && r->start == q->end + 1);
		}
	}
}

static void class_machine(struct list *l, bool *is)
{
	struct range told;
	int i, n = 0;

	is[NO_WINDOW] = !l->window_count;
	is[ONE_WINDOW] = l->window_count == 1;
	is[MANY_WINDOWS] = l->window_count >= 4;
	is[NO_LOW] = l->window_count && l->windows[0].start >= 4 * GIB;
	is[NO_RESERVE] = l->window_count && !l->has_reserve;
	is[MOVES] = expect_moves(l);
	is[SMALL_RESERVE] = l->has_reserve &&
		l->reserve.end - l->reserve.start < 8 * MIB - 1;
	is[DEVICETREE] = l->devicetree;
	is[WITH_EFI] = l->efi;
	for (i = 0; l->has_vga && i < l->window_count; i++)
		n += range_overlap(&l->vga, &l->windows[i]);
	is[VGA_INSIDE] = n;
	is[VGA_OUTSIDE] = l->has_vga && l->window_count && !n;
	is[VGA_IN_TWO] = n > 1;
	if (!l->told.end) {
		is[TOLD_NOTHING] = true;
	} else if (!expect_told(l, &told)) {
		is[TOLD_VESA] = true;
	} else {
		is[TOLD_APART] = l->has_kept;
		is[TOLD_RIGHT] = l->has_reserve &&
			range_within(&told, &l->reserve);
		is[TOLD_MORE] = l->has_reserve && !is[TOLD_RIGHT] &&
			range_overlap(&told, &l->reserve);
		for (i = 0, n = 0; i < l->window_count; i++)
			n += range_overlap(&told, &l->windows[i]);
		is[TOLD_NOWHERE] = l->window_count && !n;
	}
	for (i = 0; i < l->busy_count; i++) {
		is[BUSY_RESERVE] |= l->has_reserve &&
			range_overlap(&l->busy[i], &l->reserve);
		for (n = 0; n < l->window_count; n++)
			is[BUSY_WINDOW] |= range_overlap(&l->busy[i],
							 &l->windows[n]);
	}
}

/**
 * class_count() - Count a list with the classes to which it belongs.
 * @l:	The list, after expect_boot()
 */
void class_count(struct list *l)
{
	bool is[CLASSES] = {};
	int i;

	class_ranges(l, is);
	class_machine(l, is);
	for (i = 0; i < REQUESTS; i++)
		l->count[i] += is[i];
}
