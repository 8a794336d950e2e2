// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the sweep goes over. Where things are is hvhost's rule (core/layout.c); here
 * is what is asked of it, and the devices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dims.h"

const char *const group_names[GROUPS] = {
	"gen1", "gen1-no-high", "gen1-whole-fb", "gen2-x86", "gen2-arm64"
};
const char *const high_names[HIGHS] = { "512M", "64G", "none" };
const char *const set_names[SETS] = {
	"nvme", "bar32", "mixed", "high", "high-up", "fill", "fill"
};
const char *const told_names[TOLDS] = { "passed-on", "zero", "never", "stale" };
const char *const path_names[PATHS] = { "boot", "second" };
const char *const view_names[VIEWS] = { "true", "zero", "stale" };

#define VM_MEMORY	(384 * MIB)
#define STEP_MIB	2
#define X86_MIN_MIB	128
#define ARM64_MIN_MIB	512
#define LOW_MAX_MIB	3584
#define FB_MIN_MIB	3
#define FB_MAX_MIB	128
/*
 * Without --full low MMIO is taken in larger steps from where twice the largest
 * framebuffer fits: from there on it is always the same 128 MiB that has to be
 * kept, and only the rest grows.
 */
#define FINE_MIB	(2 * FB_MAX_MIB)
#define MIDDLE_MIB	512
#define MIDDLE_STEP_MIB	16
#define COARSE_STEP_MIB	64
/* What hosts that are not Windows can have, and their framebuffer */
static const u32 other_mib[] = { 32, 64 };

#define OTHER_FB_MIB	8

/* What firmware tells of, and what kernels then take for the least */
#define FIRMWARE_FB	(3 * MIB)
#define LIE_BYTES	(8 * MIB)

/* What OpenVMM maps of the framebuffer, and the VGA device's BAR of Gen1 */
#define MAPPED_GEN2_MIB	8
#define VGA_BAR_MIB	64
/* Otherwise mapped framebuffers, with low MMIO in steps of this */
#define OTHER_FB_STEP_MIB	64

/* The widest that a host offers: with it each size can be had */
#define VIDEO_WIDTH	7680
#define VIDEO_HEIGHT	4320

/* x86's first I/O APIC is busy before any driver asks (hvhost/arch/x86/acpi.c has it
 * where Hyper-V does).
 */
#define IOAPIC_START	0xfec00000ull
#define IOAPIC_END	0xfec003ffull

/* arm64's UARTs and the GIC are busy as well: a redistributor for each of 8 vCPUs */
#define ARM64_VPS	8

static void add_bar(struct pci_set *set, int bus, u64 size, bool is_64)
{
	struct bus *b = &set->bus[bus];
	int i = 0;

	while (i < MAX_BARS && b->bar[i].size)
		i += 1 + b->bar[i].is_64;
	b->bar[i].size = size;
	b->bar[i].is_64 = is_64;
	if (bus >= set->buses)
		set->buses = bus + 1;
}

/*
 * A framebuffer where there is none: for Gen2 where all VMs with default low
 * MMIO have it, or where kernels before mainline's fix moved it; for Gen1 the
 * bottom of a window, above 4 GiB if need be.
 */
static u64 stale(const struct point *p)
{
	const struct layout *l = &p->layout;
	const u64 usual = 4 * GIB - X86_MIN_MIB * MIB;

	if (is_gen1(p->group))
		return l->crs[0].start < usual ? l->crs[0].start :
						 l->crs[1].start;
	return l->crs[0].start < usual ? usual : l->crs[0].start + 8 * MIB;
}

/* What is nobody's or not for PCI, when the largest free piece is looked for */
#define MAX_TAKEN	(LAYOUT_MAX_DESCRIBED + 2)

/* The largest piece of low MMIO outside of all @taken: [@from, @to) */
static void largest_piece(const struct layout *l, const struct range *taken,
			  int count, u64 *from, u64 *to)
{
	u64 at, end;
	int i, j, k;

	*from = 0;
	*to = 0;
	/* It begins where a window does, or behind something that is taken. */
	for (i = 0; i < l->usable_count && l->usable[i].start < 4 * GIB; i++) {
		const struct range *u = &l->usable[i];

		for (j = -1; j < count; j++) {
			at = j < 0 ? u->start : taken[j].end + 1;
			if (at < u->start || at > u->end)
				continue;
			end = u->end + 1;
			for (k = 0; k < count; k++)
				if (taken[k].end >= at && taken[k].start < end)
					end = taken[k].start;
			if (end > at && end - at > *to - *from) {
				*from = at;
				*to = end;
			}
		}
	}
}

/*
 * A device for each power of two of MiB, from the smallest: in this order the
 * first fit leaves no gap. Then what is left, from the largest. All of low
 * MMIO beside what has to be reserved, but for 1 MiB for config windows.
 */
static void fill_set(struct point *p, enum set which)
{
	const struct layout *l = &p->layout;
	struct pci_set *set = &p->set[which];
	struct range taken[MAX_TAKEN];
	u64 from, to, at, size;
	int count = 0, i;

	for (i = 0; i < p->busy_count; i++)
		taken[count++] = p->busy[i];
	if (l->has_reserve)
		taken[count++] = l->reserve;
	if (which == SET_FILL_LIE)
		taken[count++] = (struct range) {
			stale(p), stale(p) + LIE_BYTES - 1 };
	largest_piece(l, taken, count, &from, &to);
	for (size = MIB, at = from + MIB; at + size <= to; size <<= 1) {
		at = (at + size - 1) & ~(size - 1);
		if (at + size > to)
			break;
		add_bar(set, set->buses, size, false);
		at += size;
	}
	for (size >>= 1; size >= MIB && set->buses < MAX_BUSES; size >>= 1) {
		u64 next = (at + size - 1) & ~(size - 1);

		if (next + size > to)
			continue;
		add_bar(set, set->buses, size, false);
		at = next + size;
	}
}

/*
 * All of high MMIO, but for a framebuffer that does not fit into the VGA BAR and
 * 1 MiB: a device for each power of two, from the largest or from the smallest.
 */
static void fill_high(struct point *p)
{
	const struct layout *l = &p->layout;
	struct pci_set *down = &p->set[SET_HIGH], *up = &p->set[SET_HIGH_UP];
	bool moves = is_gen1(p->group) &&
		l->max_fb > l->vga_bar.end - l->vga_bar.start + 1;
	u64 size, all = 0;
	int i;

	for (i = 0; i < l->usable_count; i++)
		if (l->usable[i].start >= 4 * GIB)
			all = l->usable[i].end - l->usable[i].start + 1;
	for (size = all / 2; size >= MIB; size >>= 1)
		if (!moves || size != FB_MAX_MIB * MIB)
			add_bar(down, down->buses, size, true);
	for (i = down->buses - 1; i >= 0; i--)
		add_bar(up, up->buses, down->bus[i].bar[0].size, true);
}

static void make_sets(struct point *p)
{
	/* 64-bit BARs in KiB, two a device; 0: none */
	static const u32 mixed[8][2] = {
		{ 16, 32 }, { 64 }, { 1024, 16 }, { 8192 }, { 32, 4 },
		{ 2048, 64 }, { 512 }, { 16384, 32 }
	};
	struct pci_set *set = &p->set[SET_NVME];
	int i, j;

	memset(p->set, 0, sizeof(p->set));
	for (i = 0; i < SETS; i++)
		p->set[i].name = set_names[i];

	/* Azure's (shared facts: BAR0 16 KiB, BAR4 32 KiB, both 64-bit) */
	add_bar(set, 0, 16 * KIB, true);
	add_bar(set, 0, 32 * KIB, true);

	set = &p->set[SET_BAR32];
	add_bar(set, 0, 4 * KIB, false);
	add_bar(set, 0, 64 * KIB, false);
	add_bar(set, 1, MIB, false);
	add_bar(set, 2, 16 * KIB, false);
	add_bar(set, 2, 2 * MIB, false);
	add_bar(set, 3, 8 * MIB, false);

	set = &p->set[SET_MIXED];
	for (i = 0; i < 16; i++)
		for (j = 0; j < 2; j++)
			if (mixed[i % 8][j])
				add_bar(set, i, mixed[i % 8][j] * KIB, true);

	fill_high(p);
	fill_set(p, SET_FILL);
	fill_set(p, SET_FILL_LIE);
}

static int lay_out(const struct asked *a, struct layout *out, char *why,
		   size_t why_len)
{
	struct layout_request req = {
		.arch = a->group == GEN2_ARM64 ? LAYOUT_ARM64 : LAYOUT_X86,
		.generation = is_gen1(a->group) ? 1 : 2,
		.memory = VM_MEMORY,
		.redistributors = a->group == GEN2_ARM64 ? ARM64_VPS : 0,
		.low_mmio = a->low_mib * MIB,
		.high_mmio = a->high == HIGH_64G ? 64 * GIB :
			     a->high == HIGH_512M ? 512 * MIB : 0,
		.no_high_mmio = a->high == HIGH_NONE,
		.not_windows = a->other_host,
		.width = VIDEO_WIDTH,
		.fb_mapped = a->other_fb && !is_gen1(a->group) ?
			     MAPPED_GEN2_MIB * MIB : 0,
		.fb_mapped_whole = a->other_fb && is_gen1(a->group),
	};

	/* The most lines that need no more than that */
	req.height = a->fb_mib * MIB / (VIDEO_WIDTH * 4);
	if (req.height > VIDEO_HEIGHT)
		req.height = VIDEO_HEIGHT;
	return layout_make(&req, out, why, why_len);
}

/**
 * dims_fill_in() - Lay out a point, and have its devices.
 * @p:		Result
 * @asked:	What is asked of the host
 *
 * Ends the program if hvhost does not take it: all points are meant to be.
 */
void dims_fill_in(struct point *p, const struct asked *asked)
{
	char why[256];

	p->asked = *asked;
	p->group = asked->group;
	if (lay_out(asked, &p->layout, why, sizeof(why))) {
		fprintf(stderr, "sweep: %s, low MMIO %u MiB, framebuffer %u MiB: %s\n",
			group_names[asked->group], asked->low_mib,
			asked->fb_mib, why);
		exit(1);
	}
	p->busy_count = 0;
	if (p->group == GEN2_ARM64) {
		p->busy_count = p->layout.described_count;
		memcpy(p->busy, p->layout.described, sizeof(p->layout.described));
	} else {
		p->busy[p->busy_count++] = (struct range) {
			IOAPIC_START, IOAPIC_END };
	}
	make_sets(p);
}

/* Has one like it been before? Then it is the same layout, asked differently. */
static bool seen(const struct asked *a)
{
	static u8 bits[GROUPS][HIGHS][2][2][2048][FB_MAX_MIB / STEP_MIB + 1];
	struct layout l;
	char why[256];
	bool was;
	u8 *bit;

	/* What is wrong with it is for dims_fill_in() to say */
	if (lay_out(a, &l, why, sizeof(why)))
		return false;
	bit = &bits[a->group][a->high][a->other_host][a->other_fb]
		   [l.crs[0].start / (STEP_MIB * MIB)]
		   [l.max_fb / (STEP_MIB * MIB)];
	was = *bit;
	*bit = true;
	return was;
}

static void add_point(struct asked **points, int *count, struct asked a)
{
	if (seen(&a))
		return;
	if (!(*count & (*count - 1))) {
		size_t room = *count ? 2 * *count : 1;

		*points = realloc(*points, room * sizeof(a));
		if (!*points) {
			perror("sweep");
			exit(1);
		}
	}
	(*points)[(*count)++] = a;
}

/* The same with the framebuffer mapped otherwise, where that makes a difference */
static void add_other_fb(struct asked **points, int *count, struct asked a)
{
	a.other_fb = true;
	if (a.low_mib % OTHER_FB_STEP_MIB ||
	    a.fb_mib <= (is_gen1(a.group) ? VGA_BAR_MIB : MAPPED_GEN2_MIB))
		return;
	if (is_gen1(a.group)) {
		if (a.group == GEN1_NO_HIGH)
			return;
		a.group = GEN1_WHOLE_FB;
	}
	add_point(points, count, a);
}

static u32 low_step(u32 low, bool full)
{
	if (full || low < FINE_MIB)
		return STEP_MIB;
	return low < MIDDLE_MIB ? MIDDLE_STEP_MIB : COARSE_STEP_MIB;
}

/**
 * dims_steps() - What dims_points() goes over, in words.
 * @full:	As there
 *
 * Return: a text, which the next call changes.
 */
const char *dims_steps(bool full)
{
	static char text[512];
	int n;

	n = snprintf(text, sizeof(text),
		     "low MMIO up to %d MiB in steps of %d MiB",
		     LOW_MAX_MIB, STEP_MIB);
	if (!full)
		n += snprintf(text + n, sizeof(text) - n,
			      ", from %d MiB on of %d, from %d MiB on of %d",
			      FINE_MIB, MIDDLE_STEP_MIB, MIDDLE_MIB,
			      COARSE_STEP_MIB);
	snprintf(text + n, sizeof(text) - n,
		 "; each framebuffer from %d to %d MiB; high MMIO of 512 MiB, 64 GiB, none; framebuffers mapped otherwise with low MMIO in steps of %d MiB; %zu hosts with less low MMIO than Windows",
		 FB_MIN_MIB, FB_MAX_MIB, OTHER_FB_STEP_MIB, ARRAY_SIZE(other_mib));
	return text;
}

/**
 * dims_points() - All layouts to go over.
 * @full:	All; else low MMIO in larger steps where it is large
 * @count:	How many there are
 *
 * Return: a new array.
 */
struct asked *dims_points(bool full, int *count)
{
	struct asked *points = NULL;
	u32 low, fb, min;
	size_t i;
	u8 g, h;

	*count = 0;
	for (g = 0; g < GROUPS; g++) {
		for (h = 0; h < HIGHS; h++) {
			struct asked a = { .group = g, .high = h };

			/* add_other_fb() makes these. */
			if (g == GEN1_WHOLE_FB)
				continue;
			if (is_gen1(g) &&
			    (h == HIGH_NONE) != (g == GEN1_NO_HIGH))
				continue;
			min = g == GEN2_ARM64 ? ARM64_MIN_MIB : X86_MIN_MIB;
			for (fb = FB_MIN_MIB; fb <= FB_MAX_MIB + 1;
			     fb += STEP_MIB) {
				a.fb_mib = fb < FB_MAX_MIB ? fb : FB_MAX_MIB;
				a.low_mib = 0;
				add_point(&points, count, a);
				add_other_fb(&points, count, a);
				for (low = min; low <= LOW_MAX_MIB;
				     low += low_step(low, full)) {
					a.low_mib = low;
					add_point(&points, count, a);
					add_other_fb(&points, count, a);
				}
			}
			if (is_gen1(g))
				continue;
			a.other_host = true;
			a.fb_mib = OTHER_FB_MIB;
			for (i = 0; i < ARRAY_SIZE(other_mib); i++) {
				a.low_mib = other_mib[i];
				add_point(&points, count, a);
			}
		}
	}
	return points;
}

/**
 * dims_hands_on() - Can a kernel that starts like this start the next one like that?
 * @p:		The layout
 * @from:	What it is told of the framebuffer
 * @from_efi:	Whether it is told of EFI
 * @to:		What it tells the next one
 * @to_efi:	Whether it tells that one of EFI
 *
 * What is lost does not come back. What hands on no EFI (x86's kexec_file_load without
 * runtime services) hands on screen_info; Gen1 has no EFI.
 *
 * Return: true if there is a way.
 */
bool dims_hands_on(const struct point *p, enum view from, bool from_efi,
		   enum view to, bool to_efi)
{
	if (from != to)
		return from == VIEW_TRUE && to == VIEW_NONE && from_efi == to_efi;
	return from_efi == to_efi || (from_efi && p->group == GEN2_X86);
}

/**
 * dims_has() - Is there such a way?
 * @p:	The layout
 * @w:	The way
 *
 * Return: false if it would be another way once more, or if no way is known in
 * which it comes about. What fills low MMIO is one set or the other, by what the series
 * says that it keeps.
 */
bool dims_has(const struct point *p, const struct way *w)
{
	bool lie = w->told == TOLD_STALE && !is_gen1(p->group);

	if (!p->set[w->set].buses)
		return false;
	if (w->set == SET_FILL ? lie : w->set == SET_FILL_LIE && !lie)
		return false;
	if (w->path == BOOT)
		return w->efi && w->told != TOLD_ONCE;
	return dims_hands_on(p, dims_view(w->told, false), true,
			     dims_view(w->told, true), w->efi);
}

/**
 * dims_view() - What one of the kernels is told.
 * @told:	What both are
 * @second:	The second one
 *
 * Return: that.
 */
enum view dims_view(enum told told, bool second)
{
	switch (told) {
	case TOLD:
		return VIEW_TRUE;
	case TOLD_ONCE:
		return second ? VIEW_NONE : VIEW_TRUE;
	case TOLD_STALE:
		return VIEW_STALE;
	default:
		return VIEW_NONE;
	}
}

/**
 * dims_boot() - What a kernel finds.
 * @p:		The layout
 * @view:	What it is told of the framebuffer
 * @efi:	Whether it is told of EFI; Gen1 never is
 *
 * Return: that; it points into @p.
 */
struct boot dims_boot(const struct point *p, enum view view, bool efi)
{
	const struct layout *l = &p->layout;
	struct boot b = {
		.crs = l->crs, .crs_count = l->crs_count,
		.busy = p->busy, .busy_count = p->busy_count,
		.vga_bar = is_gen1(p->group) ? &l->vga_bar : NULL,
		.efi = efi && !is_gen1(p->group),
		.offered_mib = l->mmio_megabytes,
	};
	u64 size = FIRMWARE_FB;

	if (is_gen1(p->group))
		b.told = (struct range) { l->fb.start, l->fb.start + size - 1 };
	else
		b.told = l->fb_firmware;
	if (view == VIEW_NONE)
		b.told = (struct range) {};
	if (view == VIEW_STALE)
		b.told = (struct range) { stale(p), stale(p) + size - 1 };
	return b;
}

