// SPDX-License-Identifier: GPL-2.0-only
/*
 * crs [--kernel NAME] [--count N] [--seed S] [--jobs N] [--failures N]
 * crs [--kernel NAME] [--seed S] --only INDEX
 *
 * A kernel's MMIO code on random _CRS, most of it such as no host should have:
 * its windows, its reservation and each answer to a random sequence of requests
 * are held against what is computed here from what the kernel documents
 * (Documentation/virt/hyperv/mmio.rst and the comments in vmbus_drv.c), on
 * plain intervals. To be built with sanitizers: sweep/Makefile does that.
 *
 * A list, and all that is done with it, comes from the seed and its index alone.
 * What fails is told in a line that ends with the command to see it again. Exit
 * status: 0; 1 if something failed; 2 for what makes no sense.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "kernel.h"

#define TOP		(~0ull)
#define HOLE_START	0xfed40000ull	/* the vTPM's, up to 4 GiB */
#define HOLE_END	(4 * GIB - 1)
#define FB_LEAST	(8 * MIB)	/* firmware says less than there is */
#define FB_MOST		(128 * MIB)

#define MAX_RANGES	12
#define MAX_WINDOWS	(MAX_RANGES + 1) /* the hole can cut one in two */
#define MAX_TAKEN	32
#define BUSES		3
#define MAX_FAILURES	1000
/* No list takes a thousandth of it, unless something goes round in circles. */
#define LIST_SECONDS	10
/* From so many lists on each class has to have occurred */
#define ENOUGH		100000

/*
 * vmbus_allocate_mmio() of some kernels tries one place after another at the
 * distance of the alignment: 4 KiB in a large window that is taken, or that
 * reaches beyond the end of iomem_resource, is practically for ever. Nothing is
 * learnt from waiting: for these, requests are made such that there are few
 * tries. One that ends at the reservation takes no time, the others do.
 */
#define TRY_COST	16
#define MAX_COST	(160 * TRY_COST)
/* ... so now and then even a reservation is passed in steps of 4 KiB. */
#define PATIENT_COST	(MAX_COST + 128 * MIB / 4096)

enum class {
	/* _CRS */
	NO_RANGE, ZERO_LENGTH, INVERTED, WRAPPING, TINY, LEGACY, UNALIGNED,
	UNSORTED, OVERLAPPING, DUPLICATE, ADJACENT, INTO_HOLE, IN_HOLE,
	ACROSS_HOLE, STRADDLING, HUGE_RANGE, TO_TOP, ALL_ADDRESSES,
	/* What has to become of it */
	NO_WINDOW, ONE_WINDOW, MANY_WINDOWS, NO_LOW, NO_RESERVE, SMALL_RESERVE,
	/* The machine */
	DEVICETREE, WITH_EFI, VGA_INSIDE, VGA_OUTSIDE, VGA_IN_TWO, TOLD_NOTHING, TOLD_RIGHT,
	TOLD_MORE, TOLD_APART, TOLD_NOWHERE, TOLD_VESA,
	BUSY_WINDOW, BUSY_RESERVE, MOVES,
	/* Requests */
	REQUESTS,
	ALLOCATED = REQUESTS, REFUSED, REFUSED_FULL, FB_OK, FB_OK_INSIDE,
	FB_OK_OUTSIDE, SIZE_0, ONE_BYTE, MIN_OVER_MAX, FULL_WINDOW, ENDS_AT_TOP,
	BY_VIDEO, BY_CONFIG, BY_LOW, BY_HIGH, GIVEN_BACK, FREED, CLASSES
};

static const char *const class_names[CLASSES] = {
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

struct request {
	u64 min, max, size, align;
	bool fb_ok;
};

/* What was handed out, and who gives it back */
enum owner { CALLER, CONFIG, LOW, HIGH };

struct taken {
	enum owner owner;
	int bus;
};

enum bus_state { BUS_OFF, BUS_CONFIG, BUS_ON };

/* A list, what is to be made of it, and what has become of it so far */
struct list {
	const struct kernel *kernel;
	u64 seed, index, random;
	bool verbose, patient;
	u64 *count;
	char *why;
	size_t why_size;

	struct range crs[MAX_RANGES], busy[2], vga, told;
	int crs_count, busy_count;
	bool has_vga, efi, devicetree;
	u16 offered;			/* MiB of video memory */

	struct range windows[MAX_WINDOWS], reserve, kept;
	int window_count;
	bool has_reserve, has_kept;

	struct request last;
	u64 before;			/* state() before the last request */
	struct range taken[MAX_TAKEN];
	struct taken how[MAX_TAKEN];
	int taken_count;
	enum bus_state bus[BUSES];
};

/* One process's; in memory that all share */
struct job {
	pid_t pid;
	u64 index, count[CLASSES];
	int failures;
	struct {
		u64 index;
		char why[320];
	} failure[MAX_FAILURES];
};

static u64 min64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static u64 max64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static bool overlap(const struct range *a, const struct range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool within(const struct range *a, const struct range *b)
{
	return a->start >= b->start && a->end <= b->end;
}

static bool intersect(const struct range *a, const struct range *b,
		      struct range *out)
{
	out->start = max64(a->start, b->start);
	out->end = min64(a->end, b->end);
	return overlap(a, b);
}

static bool same(const struct range *a, const struct range *b)
{
	return a->start == b->start && a->end == b->end;
}

static bool in_hole(const struct range *r)
{
	return r->start <= HOLE_END && r->end >= HOLE_START;
}

static u32 pick(struct list *l, u32 count)
{
	return (u32)(next_random(&l->random) % count);
}

/* Any number of bits is as likely as any other. */
static u64 any(struct list *l)
{
	u32 shift = pick(l, 64);

	return next_random(&l->random) >> shift;
}

__printf(2, 3)
static void say(const struct list *l, const char *format, ...)
{
	va_list args;

	if (!l->verbose)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

/* It is wrong; return false, as all do that find something wrong. */
__printf(2, 3)
static bool wrong(struct list *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->why, l->why_size, format, args);
	va_end(args);
	return false;
}

/*
 * The generator
 */
static const u64 places[] = {
	0, 0xa0000, MIB, 16 * MIB, GIB, 2 * GIB, 3 * GIB, 4 * GIB - 256 * MIB,
	4 * GIB - 128 * MIB, 0xfec00000, HOLE_START, 0xfffc0000, 4 * GIB,
	0xfe0000000ull, 1ull << 36, 1ull << 40, 1ull << 46, 1ull << 52,
	1ull << 63, TOP - 64 * GIB + 1, TOP - 0xfff, 0,
};

static u64 nudge(struct list *l, u64 at)
{
	switch (pick(l, 10)) {
	case 0:
		return at - 1;
	case 1:
		return at + 1;
	case 2:
		return at + 0x1000;
	case 3:
		return at - 0x1000;
	case 4:
		return at + pick(l, 64) * MIB;
	case 5:
		return at - pick(l, 64) * MIB;
	default:
		return at;
	}
}

static u64 length(struct list *l)
{
	switch (pick(l, 8)) {
	case 0:
		return 1 + pick(l, 0x1002);
	case 1:
		return 1ull << pick(l, 64);
	case 2:
		return any(l);
	case 3:
		return (1 + pick(l, 512)) * 0x1000ull;
	default:
		return (1 + pick(l, 1024)) * MIB;
	}
}

static struct range range_at(u64 start, u64 size)
{
	return (struct range) { start, start + size - 1 };
}

/* As hosts have it */
static struct range sane(struct list *l, bool high)
{
	static const u64 low_ends[] = {
		4 * GIB, 4 * GIB, 0xfffc0000, HOLE_START, 4 * GIB - 128 * MIB,
	};
	u64 end;

	if (high)
		return range_at((1 + pick(l, 256)) * 4 * GIB - 512 * MIB,
				pick(l, 2) ? 512 * MIB :
				(u64)(1 + pick(l, 1024)) * GIB);
	end = low_ends[pick(l, ARRAY_SIZE(low_ends))];
	return (struct range) {
		end - (1 + pick(l, pick(l, 2) ? 256 : 3500)) * MIB, end - 1
	};
}

static struct range make_range(struct list *l)
{
	const struct range *other = l->crs_count ?
		&l->crs[pick(l, l->crs_count)] : &(struct range) { GIB, GIB };
	u64 place = nudge(l, places[pick(l, ARRAY_SIZE(places))]);
	struct range r;

	switch (pick(l, 16)) {
	case 0:
	case 1:
		return sane(l, false);
	case 2:
		return sane(l, true);
	case 3:
		return range_at(pick(l, 2) ? 4 * GIB : place, 0);
	case 4:				/* inverted, likely */
		return (struct range) { place, place - length(l) };
	case 5:				/* overlaps */
		r.start = nudge(l, other->start + (other->end - other->start) /
				(1 + pick(l, 4)));
		return range_at(r.start, length(l));
	case 6:				/* touches */
		if (pick(l, 2))
			return range_at(other->end + 1, length(l));
		r = range_at(0, length(l));
		return (struct range) { other->start - 1 - r.end,
					other->start - 1 };
	case 7:
		return *other;
	case 8:				/* huge */
		return (struct range) { pick(l, 2) ? any(l) : place,
					TOP - (pick(l, 2) ? 0 : any(l)) };
	case 9:				/* up to the top, or beyond */
		r.start = TOP - any(l);
		return range_at(r.start, pick(l, 3) ? TOP - r.start + 1 :
				length(l));
	case 10:			/* in the hole, at its ends */
		r.start = nudge(l, HOLE_START + pick(l, 3) * 8 * MIB);
		return range_at(r.start, 1 + pick(l, 24 * MIB));
	case 11:			/* across 4 GiB */
		return (struct range) { 4 * GIB - 1 - any(l) % GIB,
					4 * GIB + any(l) % (64 * GIB) };
	case 12:
		return range_at(place, 1 + pick(l, 0x1100));
	case 13:
		return range_at(any(l), length(l));
	case 14:
		if (!pick(l, 16))
			return (struct range) { 0, TOP };
		return range_at(any(l) % MIB, any(l) % MIB);
	default:
		return range_at(place, length(l));
	}
}

static struct range make_told(struct list *l)
{
	const struct range *r = l->crs_count ?
		&l->crs[pick(l, l->crs_count)] : &(struct range) { GIB, GIB };

	switch (pick(l, 8)) {
	case 0:
		return range_at(any(l), any(l));
	case 1:
		return range_at(TOP - any(l) % GIB, length(l));
	case 2:
		return range_at(nudge(l, r->end - any(l) % GIB), 3 * MIB);
	case 3:
		return range_at(nudge(l, r->start), any(l) % GIB);
	default:
		return range_at(r->start, (pick(l, 4) ? 3 : 128) * MIB);
	}
}

/* PCI leaves no BAR without bytes, or that ends before it starts. */
static struct range make_vga(struct list *l)
{
	const struct range *r = l->crs_count ?
		&l->crs[pick(l, l->crs_count)] : &(struct range) { GIB, GIB };
	struct range vga;

	switch (pick(l, 4)) {
	case 0:
		vga = range_at(4 * GIB - 128 * MIB, 64 * MIB);
		break;
	case 1:
		vga = range_at(nudge(l, r->start), 64 * MIB);
		break;
	case 2:
		vga = range_at(nudge(l, r->end - any(l) % GIB), any(l) % GIB);
		break;
	default:
		vga = range_at(any(l), length(l));
	}
	return vga.start <= vga.end ? vga : range_at(4 * GIB, 64 * MIB);
}

static void make_busy(struct list *l)
{
	const struct range *w;
	struct range r;

	if (pick(l, 2))
		l->busy[l->busy_count++] = range_at(0xfec00000, 0x400);
	if (!l->crs_count || pick(l, 2))
		return;
	w = &l->crs[pick(l, l->crs_count)];
	r = range_at(nudge(l, w->start + (w->end - w->start) / (1 + pick(l, 8))),
		     length(l));
	if (r.end >= r.start &&
	    !(l->busy_count && overlap(&r, &l->busy[0])))
		l->busy[l->busy_count++] = r;
}

/* Of video memory, as a host may offer it */
static u16 make_mib(struct list *l)
{
	static const u16 usual[] = { 0, 3, 8, 64, 128, 0xffff };

	return pick(l, 2) ? usual[pick(l, ARRAY_SIZE(usual))] : pick(l, 300);
}

static void generate(struct list *l, u64 seed, u64 index)
{
	u64 state = seed;
	int i, n;

	l->seed = seed;
	l->index = index;
	state = next_random(&state) ^ index;
	l->random = next_random(&state);

	/* Half of them have what a host would have, among other things */
	n = pick(l, MAX_RANGES + 1);
	if (pick(l, 2)) {
		l->crs[l->crs_count++] = sane(l, false);
		if (pick(l, 4))
			l->crs[l->crs_count++] = sane(l, true);
		n = l->crs_count + pick(l, 4);
	}
	while (l->crs_count < n) {
		struct range r = make_range(l);

		l->crs[l->crs_count++] = r;
	}
	for (i = l->crs_count - 1; i > 0; i--) {
		int j = pick(l, i + 1);
		struct range r = l->crs[i];

		l->crs[i] = l->crs[j];
		l->crs[j] = r;
	}
	l->efi = pick(l, 2);
	l->has_vga = !pick(l, 4);
	if (l->has_vga)
		l->vga = make_vga(l);
	if (pick(l, 2))
		l->told = make_told(l);
	make_busy(l);
	if (pick(l, 3))
		l->offered = make_mib(l);
	l->patient = !pick(l, 32);
	l->devicetree = l->kernel->devicetree && !pick(l, 8);
	if (l->devicetree) {
		l->has_vga = false;
		l->told = (struct range) {};
	}
}

/*
 * What the kernel has to make of it, by its documentation
 */

/*
 * Ranges that are ignored as a whole. Of all addresses there are devicetree
 * cannot tell: their number is 0.
 */
static bool counts(const struct list *l, const struct range *r)
{
	if (l->devicetree && !(r->end - r->start + 1))
		return false;
	return r->start <= r->end && r->end - r->start >= 0xfff &&
	       r->end >= MIB;
}

static bool is_in(u64 at, const struct range *r, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (at >= r[i].start && at <= r[i].end)
			return true;
	return false;
}

/* Where something can begin or end; @at is sorted, each place is there once */
static int add_cut(u64 *at, int n, u64 place)
{
	int i = n;

	while (i && at[i - 1] > place)
		i--;
	if (i && at[i - 1] == place)
		return n;
	memmove(&at[i + 1], &at[i], (n - i) * sizeof(*at));
	at[i] = place;
	return n + 1;
}

static int add_cuts(u64 *at, int n, const struct range *r, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		n = add_cut(at, n, r[i].start);
		if (r[i].end != TOP)
			n = add_cut(at, n, r[i].end + 1);
	}
	return n;
}

/* From one cut to the next all addresses are alike. */
static void find_windows(struct list *l)
{
	u64 at[2 * MAX_RANGES + 3];
	struct range good[MAX_RANGES];
	int i, n = 0, goods = 0;

	for (i = 0; i < l->crs_count; i++)
		if (counts(l, &l->crs[i]))
			good[goods++] = l->crs[i];
	n = add_cut(at, n, 0);
	n = add_cut(at, n, HOLE_START);
	n = add_cut(at, n, HOLE_END + 1);
	n = add_cuts(at, n, good, goods);
	for (i = 0; i < n; i++) {
		struct range *last = l->window_count ?
			&l->windows[l->window_count - 1] : NULL;
		struct range r = { at[i], i + 1 < n ? at[i + 1] - 1 : TOP };

		if (in_hole(&r) || !is_in(at[i], good, goods))
			continue;
		if (last && last->end == r.start - 1)
			last->end = r.end;
		else
			l->windows[l->window_count++] = r;
	}
}

/* Without screen_info: at the VGA BAR, else at the bottom of low MMIO */
static void find_reserve(struct list *l)
{
	/* A BAR at 0 has no address. */
	bool has_bar = l->has_vga && l->vga.start;
	u64 usable = 0, sized, size;
	int i;

	/* A framebuffer comes with ACPI. */
	if (l->devicetree)
		return;
	for (i = 0; has_bar && i < l->window_count; i++) {
		if (!intersect(&l->windows[i], &l->vga, &l->reserve))
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
static u64 told_size(const struct list *l)
{
	u64 size = (u32)(l->told.end - l->told.start + 1);

	return max64(FB_LEAST, min64(FB_MOST, size));
}

/* What EFI told of, which no Gen1 VM has */
static bool find_told(const struct list *l, struct range *told)
{
	u64 size = told_size(l);

	*told = (struct range) {
		l->told.start, l->told.start + min64(size - 1, TOP - l->told.start)
	};
	return l->told.end && !l->has_vga;
}

/*
 * It is kept free as far as it is in the window in which it begins; not if it
 * wraps at 2^64, which no firmware says.
 */
static void find_kept(struct list *l)
{
	struct range told;
	int i;

	if (!find_told(l, &told) || told_size(l) - 1 > TOP - told.start)
		return;
	for (i = 0; i < l->window_count; i++)
		if (is_in(told.start, &l->windows[i], 1))
			break;
	if (i == l->window_count)
		return;
	intersect(&l->windows[i], &told, &l->kept);
	l->has_kept = !l->has_reserve || !overlap(&l->kept, &l->reserve);
}

/*
 * What kind of a list it is
 */
static void count_ranges(struct list *l, bool *is)
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
		is[INTO_HOLE] |= in_hole(r) &&
			(r->start < HOLE_START) != (r->end > HOLE_END);
		is[STRADDLING] |= r->start <= HOLE_END && r->end > HOLE_END;
		is[HUGE_RANGE] |= size >= 1ull << 40;
		is[TO_TOP] |= r->end == TOP;
		is[ALL_ADDRESSES] |= !size;
		for (j = 0; j < i; j++) {
			const struct range *q = &l->crs[j];

			if (q->start > q->end)
				continue;
			is[DUPLICATE] |= same(q, r);
			is[OVERLAPPING] |= overlap(q, r);
			is[UNSORTED] |= q->start > r->start;
			is[ADJACENT] |= (r->end != TOP &&
					 q->start == r->end + 1) ||
				(q->end != TOP && r->start == q->end + 1);
		}
	}
}

/* Does the framebuffer not fit into what is reserved? */
static bool moves(const struct list *l)
{
	return l->has_reserve &&
		l->offered > (l->reserve.end - l->reserve.start + 1) / MIB;
}

static void count_machine(struct list *l, bool *is)
{
	struct range told;
	int i, n = 0;

	is[NO_WINDOW] = !l->window_count;
	is[ONE_WINDOW] = l->window_count == 1;
	is[MANY_WINDOWS] = l->window_count >= 4;
	is[NO_LOW] = l->window_count && l->windows[0].start >= 4 * GIB;
	is[NO_RESERVE] = l->window_count && !l->has_reserve;
	is[MOVES] = moves(l);
	is[SMALL_RESERVE] = l->has_reserve &&
		l->reserve.end - l->reserve.start < 8 * MIB - 1;
	is[DEVICETREE] = l->devicetree;
	is[WITH_EFI] = l->efi;
	for (i = 0; l->has_vga && i < l->window_count; i++)
		n += overlap(&l->vga, &l->windows[i]);
	is[VGA_INSIDE] = n;
	is[VGA_OUTSIDE] = l->has_vga && l->window_count && !n;
	is[VGA_IN_TWO] = n > 1;
	if (!l->told.end) {
		is[TOLD_NOTHING] = true;
	} else if (!find_told(l, &told)) {
		is[TOLD_VESA] = true;
	} else {
		is[TOLD_APART] = l->has_kept;
		is[TOLD_RIGHT] = l->has_reserve && within(&told, &l->reserve);
		is[TOLD_MORE] = l->has_reserve && !is[TOLD_RIGHT] &&
			overlap(&told, &l->reserve);
		for (i = 0, n = 0; i < l->window_count; i++)
			n += overlap(&told, &l->windows[i]);
		is[TOLD_NOWHERE] = l->window_count && !n;
	}
	for (i = 0; i < l->busy_count; i++) {
		is[BUSY_RESERVE] |= l->has_reserve &&
			overlap(&l->busy[i], &l->reserve);
		for (n = 0; n < l->window_count; n++)
			is[BUSY_WINDOW] |= overlap(&l->busy[i],
						   &l->windows[n]);
	}
}

static void count_list(struct list *l)
{
	bool is[CLASSES] = {};
	int i;

	count_ranges(l, is);
	count_machine(l, is);
	for (i = 0; i < REQUESTS; i++)
		l->count[i] += is[i];
}

/*
 * What the kernel has made of it
 */

/* First that the addresses are right, then that they are in good order */
static bool check_windows(struct list *l)
{
	u64 at[2 * (MAX_WINDOWS + MAX_WINDOWS + 2) + 1];
	struct range got[MAX_WINDOWS + 2];
	int i, n = 0, count = l->kernel->granted(got, ARRAY_SIZE(got));

	for (i = 0; i < count; i++)
		say(l, "window\t[%#llx-%#llx]\n", got[i].start, got[i].end);
	for (i = 0; i < count; i++) {
		if (got[i].end < got[i].start)
			return wrong(l, "window [%#llx-%#llx] ends before it starts",
				     got[i].start, got[i].end);
		if (in_hole(&got[i]))
			return wrong(l, "window [%#llx-%#llx] reaches into the hole",
				     got[i].start, got[i].end);
	}
	n = add_cut(at, n, 0);
	n = add_cuts(at, n, got, count);
	n = add_cuts(at, n, l->windows, l->window_count);
	for (i = 0; i < n; i++) {
		bool is = is_in(at[i], got, count);

		if (is != is_in(at[i], l->windows, l->window_count))
			return wrong(l, "[%#llx-%#llx] is %s a window, but is %s",
				     at[i], i + 1 < n ? at[i + 1] - 1 : TOP,
				     is ? "in" : "not in",
				     is ? "not granted" : "granted");
	}
	if (count != l->window_count)
		return wrong(l, "%d windows for what is %d", count,
			     l->window_count);
	for (i = 0; i < count; i++)
		if (!same(&got[i], &l->windows[i]))
			return wrong(l, "window [%#llx-%#llx] should be [%#llx-%#llx]",
				     got[i].start, got[i].end,
				     l->windows[i].start, l->windows[i].end);
	return true;
}

static bool check_reserve(struct list *l)
{
	struct range got;
	bool has = l->kernel->reserved(&got);
	int i;

	if (!has) {
		say(l, "nothing reserved\n");
		return l->has_reserve ?
			wrong(l, "nothing reserved instead of [%#llx-%#llx]",
			      l->reserve.start, l->reserve.end) : true;
	}
	say(l, "reserved [%#llx-%#llx]\n", got.start, got.end);
	if (got.end < got.start)
		return wrong(l, "reservation [%#llx-%#llx] ends before it starts",
			     got.start, got.end);
	for (i = 0; i < l->window_count; i++)
		if (within(&got, &l->windows[i]))
			break;
	if (i == l->window_count)
		return wrong(l, "reservation [%#llx-%#llx] is not in a window",
			     got.start, got.end);
	if (!l->has_reserve)
		return wrong(l, "[%#llx-%#llx] reserved instead of nothing",
			     got.start, got.end);
	if (!same(&got, &l->reserve))
		return wrong(l, "[%#llx-%#llx] reserved instead of [%#llx-%#llx]",
			     got.start, got.end, l->reserve.start,
			     l->reserve.end);
	return true;
}

static const struct range *overlaps_any(const struct range *r,
					const struct range *with, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (overlap(r, &with[i]))
			return &with[i];
	return NULL;
}

/* What nobody can have again: handed out, busy, or firmware's framebuffer */
static const struct range *in_the_way(const struct list *l,
				      const struct range *r)
{
	const struct range *o = overlaps_any(r, l->taken, l->taken_count);

	o = o ?: overlaps_any(r, l->busy, l->busy_count);
	return o ?: overlaps_any(r, &l->kept, l->has_kept);
}

/* What a request cannot have, beside the reservation or in it */
static const struct range *obstacle(const struct list *l,
				    const struct range *r, bool in_reserve)
{
	const struct range *o = in_the_way(l, r);

	return o ?: overlaps_any(r, &l->reserve, l->has_reserve && !in_reserve);
}

/* The lowest place in @win that has to be found for a request */
static bool find_in(const struct list *l, const struct range *win,
		    const struct request *q, bool in_reserve, struct range *out)
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
		o = obstacle(l, out, in_reserve);
		if (!o)
			return true;
		if (o->end == TOP)
			return false;
		at = o->end + 1;
	}
}

/* ... in what is in @part of the first window that has one */
static bool find_part(const struct list *l, struct range part,
		      const struct request *q, struct range *out)
{
	struct range win;
	int i;

	for (i = 0; i < l->window_count; i++)
		if (part.start <= part.end &&
		    intersect(&l->windows[i], &part, &win) &&
		    find_in(l, &win, q, false, out))
			return true;
	return false;
}

/*
 * ... in high MMIO: where framebuffers are moved to, which is at least FB_MOST and
 * starts at a whole MiB, or where they are not
 */
static bool find_high(const struct list *l, const struct request *q,
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
		if (find_in(l, &win, q, false, out))
			return true;
	}
	return false;
}

/*
 * Where the documentation says that a request is granted: in the first place,
 * but while a framebuffer may have been moved, first away from where to.
 */
static bool find_place(const struct list *l, const struct request *q,
		       struct range *out)
{
	const struct range all = { 0, TOP };

	if (l->kernel->moves_fb && moves(l) && find_high(l, q, out))
		return true;
	return find_part(l, all, q, out);
}

enum found { NOT_FOUND, INSIDE, OUTSIDE };

static enum found find(const struct list *l, const struct request *q,
		       struct range *out)
{
	int i;

	if (q->fb_ok && l->has_reserve &&
	    find_in(l, &l->reserve, q, true, out))
		return INSIDE;
	if (!l->kernel->steps)
		return find_place(l, q, out) ? OUTSIDE : NOT_FOUND;
	for (i = 0; i < l->window_count; i++)
		if (find_in(l, &l->windows[i], q, false, out))
			return OUTSIDE;
	return NOT_FOUND;
}

/* Just before a request: where must it be granted? */
static enum found expect(struct list *l, const struct request *q,
			 struct range *room)
{
	l->before = l->kernel->state();
	return find(l, q, room);
}

/* How many places in @win, up to @last, are there to try? */
static u64 places_in(const struct range *win, const struct request *q, u64 last)
{
	u64 start = max64(win->start, q->min), end = min64(win->end, q->max);

	if (start > end || !q->size || end - start < q->size - 1)
		return 0;
	end = min64(end - (q->size - 1), last);
	if (start > end)
		return 0;
	return min64((end - start) / q->align + 1, 1ull << 40);
}

static u64 cost(const struct list *l, const struct request *q)
{
	struct range at;
	enum found found = find(l, q, &at);
	u64 cost = 0, last = found == OUTSIDE ? at.start : TOP;
	int i;

	if (!l->kernel->steps)
		return 0;
	if (q->fb_ok && l->has_reserve)
		cost += TRY_COST * places_in(&l->reserve, q, found == INSIDE ?
					     at.start : TOP);
	for (i = 0; i < l->window_count && found != INSIDE; i++)
		cost += TRY_COST * places_in(&l->windows[i], q, last);
	if (!q->fb_ok && l->has_reserve)
		cost -= (TRY_COST - 1) * places_in(&l->reserve, q, last);
	return cost;
}

static bool trees_are_good(struct list *l, const char *after)
{
	const char *why = l->kernel->check();

	return !why || wrong(l, "%s, after %s", why, after);
}

#define REQUEST_FMT	"min %#llx max %#llx size %#llx align %#llx%s"
#define REQUEST_ARGS(q)	(q)->min, (q)->max, (q)->size, (q)->align, \
			(q)->fb_ok ? " fb_ok" : ""

__printf(4, 5)
static bool wrong_place(struct list *l, const struct request *q,
			const struct range *got, const char *format, ...)
{
	char what[120];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return wrong(l, REQUEST_FMT ": got [%#llx-%#llx], %s", REQUEST_ARGS(q),
		     got->start, got->end, what);
}

/* Is that what was asked for? */
static bool check_place(struct list *l, const struct request *q,
			const struct range *got)
{
	const struct range *o;
	int i;

	if (got->end < got->start || got->end - got->start + 1 != q->size)
		return wrong_place(l, q, got, "which is of another size");
	if (got->start < q->min)
		return wrong_place(l, q, got, "which is below min");
	if (got->end > q->max)
		return wrong_place(l, q, got, "which is above max");
	if (got->start & (q->align - 1))
		return wrong_place(l, q, got, "which is not aligned");
	if (in_hole(got))
		return wrong_place(l, q, got, "which is in the hole");
	for (i = 0; i < l->window_count; i++)
		if (within(got, &l->windows[i]))
			break;
	if (i == l->window_count)
		return wrong_place(l, q, got, "which is not in a window");
	o = in_the_way(l, got);
	if (o)
		return wrong_place(l, q, got, "where [%#llx-%#llx] is %s",
				   o->start, o->end,
				   o >= l->taken && o < l->taken + MAX_TAKEN ?
				   "handed out" :
				   o >= l->busy && o < l->busy + 2 ? "busy" :
				   "screen_info's framebuffer");
	if (l->has_reserve && overlap(got, &l->reserve) &&
	    !(q->fb_ok && within(got, &l->reserve)))
		return wrong_place(l, q, got, "%s",
				   q->fb_ok ? "partly in the reservation" :
				   "in the reservation");
	l->count[FULL_WINDOW] += same(got, &l->windows[i]);
	return true;
}

/* Is the answer right? @found is where there is room. */
static bool check_answer(struct list *l, const struct request *q, int err,
			 const struct range *got, enum found found,
			 const struct range *room)
{
	int i;

	if (err)
		say(l, "\terror %d\n", err);
	else
		say(l, "\t[%#llx-%#llx]\n", got->start, got->end);
	l->count[FB_OK] += q->fb_ok;
	l->count[SIZE_0] += !q->size;
	l->count[ONE_BYTE] += q->size == 1;
	l->count[MIN_OVER_MAX] += q->min > q->max;
	if (err) {
		l->count[REFUSED]++;
		if (found != NOT_FOUND)
			return wrong(l, REQUEST_FMT ": error %d, but there is [%#llx-%#llx]",
				     REQUEST_ARGS(q), err, room->start,
				     room->end);
		if (l->kernel->state() != l->before)
			return wrong(l, REQUEST_FMT ": error %d, but not all is as before",
				     REQUEST_ARGS(q), err);
		/* If nothing were there it would fit. */
		for (i = 0; i < l->window_count; i++) {
			if (places_in(&l->windows[i], q, TOP)) {
				l->count[REFUSED_FULL]++;
				break;
			}
		}
		return true;
	}
	l->count[ALLOCATED]++;
	l->count[ENDS_AT_TOP] += got->end == TOP;
	if (!check_place(l, q, got))
		return false;
	if (q->fb_ok && l->has_reserve) {
		bool inside = within(got, &l->reserve);

		l->count[inside ? FB_OK_INSIDE : FB_OK_OUTSIDE]++;
		if (!inside && found == INSIDE)
			return wrong_place(l, q, got, "but the reservation has [%#llx-%#llx]",
					   room->start, room->end);
	}
	if (found == NOT_FOUND)
		return wrong_place(l, q, got, "where there should be no room");
	if (!l->kernel->steps && !same(got, room))
		return wrong_place(l, q, got, "which should be [%#llx-%#llx]",
				   room->start, room->end);
	return true;
}

static void take(struct list *l, const struct range *r, enum owner owner,
		 int bus)
{
	l->taken[l->taken_count] = *r;
	l->how[l->taken_count++] = (struct taken) { owner, bus };
}

/* A place where something begins or ends, or about there */
static u64 edge(struct list *l)
{
	const struct range *r = NULL;

	switch (pick(l, 8)) {
	case 0:
		if (l->has_reserve)
			r = &l->reserve;
		break;
	case 1:
	case 2:
		if (l->taken_count)
			r = &l->taken[pick(l, l->taken_count)];
		break;
	case 3:
		if (l->busy_count)
			r = &l->busy[pick(l, l->busy_count)];
		break;
	case 4:
		return nudge(l, places[pick(l, ARRAY_SIZE(places))]);
	default:
		break;
	}
	if (!r && l->window_count)
		r = &l->windows[pick(l, l->window_count)];
	if (!r)
		return any(l);
	return nudge(l, pick(l, 2) ? r->start : r->end);
}

static u64 make_size(struct list *l)
{
	const struct range *r;

	switch (pick(l, 16)) {
	case 0:
		return pick(l, 2) ? 0 : TOP;
	case 1:
		return 1;
	case 2:
	case 3:
		return 0x1000;
	case 4:
		return 0x2000;
	case 5:
		return any(l);
	case 6:
		return 1ull << pick(l, 64);
	case 7:
		if (!l->window_count)
			return 1;
		r = &l->windows[pick(l, l->window_count)];
		return r->end - r->start + pick(l, 3);
	case 8:
	case 9:				/* some of them fill it */
		if (!l->window_count)
			return 1;
		r = &l->windows[pick(l, l->window_count)];
		return ((r->end - r->start) >> pick(l, 5)) + 1;
	case 10:
		return l->has_reserve ?
			l->reserve.end - l->reserve.start + 1 : 8 * MIB;
	case 11:
		return 1 + pick(l, 0x10000);
	default:
		return MIB << pick(l, 8);
	}
}

static u64 saturate(u64 a, u64 b)
{
	return a + b < a ? TOP : a + b;
}

static struct request make_request(struct list *l)
{
	struct request q = {
		.max = TOP, .size = make_size(l), .align = 0x1000,
		.fb_ok = !pick(l, 3),
	};

	switch (pick(l, 4)) {
	case 0:
		q.align = 1ull << pick(l, 64);
		break;
	case 1:
		q.align = 1ull << pick(l, 32);
		break;
	case 2:
		if (q.size)
			q.align = 1ull << (63 - __builtin_clzll(q.size));
		break;
	}
	switch (pick(l, 6)) {
	case 0:
		q.max = 4 * GIB - 1;
		break;
	case 1:
		q.min = 4 * GIB;
		break;
	case 2:
		q.min = edge(l);
		q.max = edge(l);
		if (q.min > q.max && pick(l, 8)) {
			u64 min = q.max;

			q.max = q.min;
			q.min = min;
		}
		break;
	case 3:
		q.min = edge(l);
		q.max = saturate(q.min, q.size - 1);
		break;
	case 4:
		q.max = edge(l);
		q.min = q.max - (q.size - 1) - pick(l, 0x10000);
		break;
	}
	while (cost(l, &q) > MAX_COST) {
		if (pick(l, 2)) {
			u32 shift = 1 + pick(l, 8);

			q.align = q.align >> (63 - shift) ? 1ull << 63 :
				q.align << shift;
		} else {
			q.min = edge(l);
			q.max = saturate(q.min, saturate(q.size, q.align >> 58 ?
							 TOP : q.align * 32));
		}
	}
	return q;
}

static u64 limit(const struct list *l)
{
	return l->patient ? PATIENT_COST : MAX_COST;
}

static bool video(struct list *l)
{
	u32 mib = pick(l, 4) ? l->offered : make_mib(l);
	struct request q = {
		.max = TOP, .size = mib * MIB, .align = MIB, .fb_ok = true,
	};
	struct range got, room;
	enum found found;
	int err;

	found = expect(l, &q, &room);
	/* Mapped, address 0 is NULL with sweep/stubs, and so an error. */
	if (cost(l, &q) > limit(l) || (found != NOT_FOUND && !room.start))
		return true;
	say(l, "hyperv_drm asks for %u MiB\n", mib);
	l->count[BY_VIDEO]++;
	err = l->kernel->video(mib, &got);
	if (!check_answer(l, &q, err, &got, found, &room))
		return false;
	if (!err)
		take(l, &got, CALLER, 0);
	return trees_are_good(l, "hyperv_drm's request");
}

static bool config(struct list *l, int bus)
{
	struct request q = { .max = TOP, .size = 0x2000, .align = 0x1000 };
	/* Beside the I/O APIC, if the kernel prefers that */
	struct request near = q;
	struct range got, room;
	enum found found = NOT_FOUND;
	int err;

	near.min = 0xfec01000;
	near.max = 0xfecfffff;
	if (cost(l, &q) > limit(l))
		return true;
	say(l, "pci-hyperv asks for a config window, bus %d\n", bus);
	l->count[BY_CONFIG]++;
	if (l->kernel->config_at_ioapic)
		found = expect(l, &near, &room);
	if (found == NOT_FOUND)
		found = expect(l, &q, &room);
	l->kernel->add(bus);
	err = l->kernel->config(bus, &got);
	if (!check_answer(l, &q, err, &got, found, &room))
		return false;
	if (!err) {
		take(l, &got, CONFIG, bus);
		l->bus[bus] = BUS_CONFIG;
	}
	return trees_are_good(l, "a config window");
}

static struct request bar_request(u64 size, bool high)
{
	return (struct request) {
		.min = high ? 4 * GIB : 0, .max = high ? TOP : 4 * GIB - 1,
		.size = size,
		.align = size ? 1ull << (63 - __builtin_clzll(size)) : 1,
	};
}

/* It asks only for what there is; both are apart, so each has its own answer. */
static bool windows(struct list *l, int bus)
{
	u64 low = 0, high = 0;
	struct request q[2];
	struct range got[2], room[2];
	enum found found[2];
	struct bus dev = {};
	int i, err;

	for (i = 0; i < MAX_BARS - 1 && pick(l, 4); i++) {
		bool is_64 = pick(l, 2);
		u64 size = 0x1000ull << pick(l, is_64 ? 24 : 16);

		dev.bar[i].size = size;
		dev.bar[i].is_64 = is_64;
		*(is_64 ? &high : &low) += size;
		i += is_64;
	}
	q[0] = bar_request(low, false);
	q[1] = bar_request(high, true);
	for (i = 0; i < 2; i++) {
		if (cost(l, &q[i]) > limit(l))
			return true;
		found[i] = expect(l, &q[i], &room[i]);
	}
	/* Then it has to give back the first. Kernels without the fix leave it. */
	if (low && high && found[1] == NOT_FOUND) {
		if (l->kernel->steps)
			return true;
		l->count[GIVEN_BACK] += found[0] != NOT_FOUND;
		found[0] = NOT_FOUND;
	}
	say(l, "pci-hyperv asks for %#llx low, %#llx high, bus %d\n", low, high,
	    bus);
	l->bus[bus] = BUS_ON;
	err = l->kernel->windows(bus, &dev, &got[0], &got[1]);
	for (i = 0; i < 2; i++) {
		if (!q[i].size)
			continue;
		l->count[i ? BY_HIGH : BY_LOW]++;
		if (!check_answer(l, &q[i], err, &got[i], found[i], &room[i]))
			return false;
		if (err)
			break;
		take(l, &got[i], i ? HIGH : LOW, bus);
	}
	return trees_are_good(l, "bridge windows");
}

static void forget(struct list *l, int i)
{
	l->count[FREED]++;
	l->taken_count--;
	l->taken[i] = l->taken[l->taken_count];
	l->how[i] = l->how[l->taken_count];
}

static bool give_back(struct list *l, int i)
{
	int bus = l->how[i].bus;
	enum owner owner = l->how[i].owner;
	struct range r = l->taken[i];

	say(l, "give back [%#llx-%#llx]\n", r.start, r.end);
	switch (owner) {
	case CALLER:
		l->kernel->free(r.start, r.end - r.start + 1);
		forget(l, i);
		break;
	case CONFIG:
		l->kernel->unconfig(bus);
		forget(l, i);
		break;
	case LOW:
	case HIGH:
		l->kernel->unwindows(bus);
		for (i = l->taken_count - 1; i >= 0; i--)
			if (l->how[i].bus == bus && (l->how[i].owner == LOW ||
						     l->how[i].owner == HIGH))
				forget(l, i);
		break;
	}
	if (owner != CALLER) {
		/* A bus is used anew when nothing of it is left. */
		for (i = 0; i < l->taken_count; i++)
			if (l->how[i].owner != CALLER && l->how[i].bus == bus)
				break;
		l->bus[bus] = i == l->taken_count ? BUS_OFF : BUS_ON;
	}
	return trees_are_good(l, "giving back");
}

static bool allocate(struct list *l)
{
	struct range got, room;
	struct request q;
	enum found found;
	u64 before;
	int err;

	/* The same over and over fills what there is. */
	q = l->last;
	if (!q.align || pick(l, 3) || cost(l, &q) > MAX_COST)
		q = make_request(l);
	l->last = q;
	say(l, "allocate " REQUEST_FMT "\n", REQUEST_ARGS(&q));
	found = expect(l, &q, &room);
	err = l->kernel->allocate(q.min, q.max, q.size, q.align, q.fb_ok, &got);
	before = l->before;
	if (!check_answer(l, &q, err, &got, found, &room))
		return false;
	if (err)
		return trees_are_good(l, "allocate");
	take(l, &got, CALLER, 0);
	if (!trees_are_good(l, "allocate"))
		return false;
	if (pick(l, 4))
		return true;

	/* Given back at once there is nothing to be seen of it. */
	if (!give_back(l, l->taken_count - 1))
		return false;
	if (l->kernel->state() != before)
		return wrong_place(l, &q, &got, "given back, but not all is as before");
	return true;
}

static bool step(struct list *l)
{
	int bus = pick(l, BUSES);

	switch (pick(l, 16)) {
	case 0:
		return video(l);
	case 1:
	case 2:
	case 3:
		if (l->bus[bus] == BUS_OFF)
			return config(l, bus);
		if (l->bus[bus] == BUS_CONFIG)
			return windows(l, bus);
		break;
	case 4:
	case 5:
	case 6:
		if (l->taken_count)
			return give_back(l, pick(l, l->taken_count));
		break;
	}
	return allocate(l);
}

static void show_list(const struct list *l, FILE *f)
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

/* All of it. Return: was it right? */
static bool play(struct list *l)
{
	struct boot boot = {
		.crs = l->crs, .crs_count = l->crs_count,
		.busy = l->busy, .busy_count = l->busy_count,
		.vga_bar = l->has_vga ? &l->vga : NULL,
		.efi = l->efi, .told = l->told, .offered_mib = l->offered,
		.devicetree = l->devicetree,
	};
	int i, n, err;
	u64 state;

	find_windows(l);
	find_reserve(l);
	find_kept(l);
	count_list(l);
	if (l->has_kept)
		say(l, "to be kept free: [%#llx-%#llx]\n", l->kept.start,
		    l->kept.end);

	/* There is no limit to windows, and memory there is. */
	err = l->kernel->boot(&boot);
	if (err)
		return wrong(l, "boot: error %d", err);
	if (!check_windows(l) || !check_reserve(l) ||
	    !trees_are_good(l, "boot"))
		return false;
	state = l->kernel->state();

	n = 5 + pick(l, 16);
	for (i = 0; i < n; i++)
		if (!step(l))
			return false;
	while (l->taken_count)
		if (!give_back(l, pick(l, l->taken_count)))
			return false;
	if (l->kernel->state() != state)
		return wrong(l, "all is given back, but not all is as before");
	n = l->kernel->remove();
	say(l, "removed\n");
	if (n)
		return wrong(l, "%d objects are left when all is gone", n);
	return trees_are_good(l, "remove");
}

static void play_some(const struct kernel *k, u64 seed, u64 from, u64 count,
		      int jobs, struct job *job)
{
	for (job->index = from; job->index < count; job->index += jobs) {
		struct list l = {
			.kernel = k, .count = job->count,
			.why = job->failure[job->failures].why,
			.why_size = sizeof(job->failure[0].why),
		};

		alarm(LIST_SECONDS);
		generate(&l, seed, job->index);
		if (!play(&l))
			_exit(1);
	}
	_exit(0);
}

static void start(const struct kernel *k, u64 seed, u64 from, u64 count,
		  int jobs, struct job *job)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("crs: fork");
		exit(1);
	}
	if (!pid)
		play_some(k, seed, from, count, jobs, job);
	/* Shared: not for the process to write as well */
	job->pid = pid;
}

/*
 * A process ends with what goes wrong, also when that is a crash, and leaves
 * what comes then to a new one, for which nothing has gone wrong yet.
 */
static void play_all(const struct kernel *k, u64 seed, u64 count, int jobs,
		     int failures, struct job *job)
{
	int i, status, running = jobs;
	pid_t pid;

	for (i = 0; i < jobs; i++)
		start(k, seed, i, count, jobs, &job[i]);
	while (running) {
		struct job *j = job;
		char *why;

		pid = wait(&status);
		if (pid < 0) {
			perror("crs: wait");
			exit(1);
		}
		while (j < job + jobs && j->pid != pid)
			j++;
		if (j == job + jobs)
			continue;
		running--;
		if (!status)
			continue;
		why = j->failure[j->failures].why;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			sprintf(why, "it takes longer than %d s", LIST_SECONDS);
		else if (WIFSIGNALED(status))
			sprintf(why, "crashed: %s",
				strsignal(WTERMSIG(status)));
		else if (!*why)
			strcpy(why, "crashed: a sanitizer says more");
		j->failure[j->failures++].index = j->index;
		if (j->failures < failures && j->index + jobs < count) {
			start(k, seed, j->index + jobs, count, jobs, j);
			running++;
		}
	}
}

static void show_failure(const struct kernel *k, u64 seed, u64 index,
			 const char *why)
{
	struct list l = { .kernel = k };

	generate(&l, seed, index);
	fprintf(stderr, "crs: %s seed %llu index %llu: %s; ", k->name, seed,
		index, why);
	show_list(&l, stderr);
	fprintf(stderr, "; again: crs --kernel %s --seed %llu --only %llu\n",
		k->name, seed, index);
}

/* In order, up to @failures. Each job has as many of its own, if there are. */
static int show_failures(const struct kernel *k, u64 seed, int jobs,
			 int failures, const struct job *job)
{
	int next[1024] = {}, shown;

	for (shown = 0; shown < failures; shown++) {
		int i, first = -1;

		for (i = 0; i < jobs; i++) {
			if (next[i] == job[i].failures)
				continue;
			if (first < 0 || job[i].failure[next[i]].index <
			    job[first].failure[next[first]].index)
				first = i;
		}
		if (first < 0)
			break;
		show_failure(k, seed, job[first].failure[next[first]].index,
			     job[first].failure[next[first]].why);
		next[first]++;
	}
	return shown;
}

/* Return: classes that are none */
static int show_counts(const struct job *job, int jobs, u64 *requests)
{
	int i, c, none = 0;

	for (c = 0; c < CLASSES; c++) {
		u64 n = 0;

		for (i = 0; i < jobs; i++)
			n += job[i].count[c];
		if (!c || c == REQUESTS)
			printf("%s\n", c ? "requests" : "lists with");
		printf("%12llu  %s\n", n, class_names[c]);
		none += !n;
		if (c == ALLOCATED || c == REFUSED)
			*requests += n;
	}
	return none;
}

static int run(const struct kernel *k, u64 seed, u64 count, int jobs,
	       int failures)
{
	struct job *job = mmap(NULL, jobs * sizeof(*job),
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u64 requests = 0;
	int failed, none;

	if (job == MAP_FAILED) {
		perror("crs: memory");
		return 1;
	}
	play_all(k, seed, count, jobs, failures, job);
	none = show_counts(job, jobs, &requests);
	fflush(stdout);
	failed = show_failures(k, seed, jobs, failures, job);
	if (!failed && none && count >= ENOUGH) {
		fprintf(stderr, "crs: %d classes above have none: the generator does not reach them\n",
			none);
		failed = 1;
	}
	printf("%s, seed %llu: %llu lists, %llu requests, %s\n", k->name, seed,
	       count, requests, !failed ? "all is right" :
	       failed < failures ? "not all is right" :
	       "stopped since too much is wrong");
	return !!failed;
}

static int run_one(const struct kernel *k, u64 seed, u64 index)
{
	u64 count[CLASSES] = {};
	char why[320] = "";
	struct list l = {
		.kernel = k, .count = count, .verbose = true, .why = why,
		.why_size = sizeof(why),
	};

	/* Its last line is where it crashed. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	generate(&l, seed, index);
	show_list(&l, stdout);
	printf("\n");
	if (play(&l)) {
		printf("all is right\n");
		return 0;
	}
	show_failure(k, seed, index, why);
	return 1;
}

static const struct kernel *kernel_named(const char *name)
{
	int i;

	for (i = 0; i < kernel_count; i++)
		if (!strcmp(kernels[i]->name, name))
			return kernels[i];
	fprintf(stderr, "crs: --kernel: there is no kernel '%s' in this one, but",
		name);
	for (i = 0; i < kernel_count; i++)
		fprintf(stderr, " %s", kernels[i]->name);
	fprintf(stderr, "\n");
	exit(2);
}

static void usage(void)
{
	fprintf(stderr, "usage: crs [--kernel NAME] [--count N] [--seed S] [--jobs N] [--failures N]\n"
		"       crs [--kernel NAME] [--seed S] --only INDEX\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kernel", required_argument, NULL, 'k' },
		{ "count", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "failures", required_argument, NULL, 'f' },
		{ "only", required_argument, NULL, 'o' },
		{}
	};
	long jobs = sysconf(_SC_NPROCESSORS_ONLN), count = 1000000, seed = 1;
	long failures = 10, only = -1;
	const struct kernel *k = kernels[kernel_count - 1];
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			k = kernel_named(optarg);
			break;
		case 'c':
			count = number("--count", optarg, 1, 1000000000);
			break;
		case 's':
			seed = number("--seed", optarg, 0, 1000000000);
			break;
		case 'j':
			jobs = number("--jobs", optarg, 1, 1024);
			break;
		case 'f':
			failures = number("--failures", optarg, 1,
					  MAX_FAILURES);
			break;
		case 'o':
			only = number("--only", optarg, 0, 1000000000);
			break;
		default:
			usage();
		}
	}
	if (argc != optind)
		usage();
	if (only >= 0)
		return run_one(k, (u64)seed, (u64)only);
	if (jobs < 1 || jobs > 1024)
		jobs = 1;
	return run(k, (u64)seed, (u64)count, (int)jobs, (int)failures);
}
