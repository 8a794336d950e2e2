// SPDX-License-Identifier: GPL-2.0-only
/* The host rule against every figure that was measured. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/layout.h"

#define GEN1	.generation = 1, .memory = 512 * MIB
#define GEN2	.generation = 2, .memory = 512 * MIB
#define ARM64	.arch = LAYOUT_ARM64, GEN2
#define WINDOWS(...)	.crs_given = true, .crs = { __VA_ARGS__ }, \
	.crs_count = sizeof((struct range[]){ __VA_ARGS__ }) / \
		     sizeof(struct range)

#define HOLE	0xfed40000ull
#define TOP	(4 * GIB - 1)

/* Lay out, or fail with the reason. */
static struct layout make(struct layout_request req)
{
	struct layout l;
	char why[200] = "";

	if (layout_make(&req, &l, why, sizeof(why)))
		fail_msg("%s", why);
	return l;
}

#define make(...) make((struct layout_request) { __VA_ARGS__ })

/* Be refused for a reason that has all of @want in it. */
static void refused(const char *want, struct layout_request req)
{
	struct layout l;
	char why[200] = "";

	if (!layout_make(&req, &l, why, sizeof(why)))
		fail_msg("not refused: %s", want);
	if (!strstr(why, want))
		fail_msg("refused as \"%s\", not \"%s\"", why, want);
	assert_null(strchr(why, '\n'));
}

#define refused(want, ...) refused(want, (struct layout_request) { __VA_ARGS__ })

static void assert_range(struct range r, u64 start, u64 end)
{
	if (r.start != start || r.end != end)
		fail_msg("range is %#llx-%#llx, not %#llx-%#llx", r.start,
			 r.end, start, end);
}

static u64 size(struct range r)
{
	return r.end - r.start + 1;
}

/* 0xf8000000-0xfed3ffff, 109.25 MiB, and fe0000000-fffffffff */
static void gen2_default(void **state)
{
	struct layout l = make(GEN2);

	(void)state;
	assert_int_equal(l.crs_count, 2);
	assert_range(l.crs[0], 0xf8000000, TOP);
	assert_range(l.crs[1], 0xfe0000000, 0xfffffffff);
	assert_int_equal(l.usable_count, 2);
	assert_range(l.usable[0], 0xf8000000, 0xfed3ffff);
	assert_int_equal(size(l.usable[0]) * 4, 437 * MIB);
	assert_range(l.usable[1], 0xfe0000000, 0xfffffffff);
	assert_int_equal(l.mmio_megabytes, 8);
	assert_range(l.fb, 0xf8000000, 0xf87fffff);
	assert_range(l.fb_firmware, 0xf8000000, 0xf82fffff);
	assert_true(l.has_reserve);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	assert_int_equal(l.vga_bar.end, 0);
}

/* LKML 2026-04-28: hv_mmio=[mem 0xf8000000-0xfed3ffff],... fb=..fbffffff */
static void gen1_default(void **state)
{
	struct layout l = make(GEN1);

	(void)state;
	assert_range(l.crs[0], 0xf8000000, 0xfffbffff);
	assert_int_equal(size(l.crs[0]), 128 * MIB - 256 * KIB);
	assert_range(l.crs[1], 0xfe0000000, 0xfffffffff);
	assert_range(l.usable[0], 0xf8000000, 0xfed3ffff);
	assert_range(l.vga_bar, 0xf8000000, 0xfbffffff);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	assert_int_equal(l.fb.start, 0xf8000000);
	assert_int_equal(l.fb_firmware.end, 0);
}

/* The same VM at 7680x4320: neither the windows nor the BAR move. */
static void gen1_8k(void **state)
{
	struct layout l = make(GEN1, .width = 7680, .height = 4320);

	(void)state;
	assert_int_equal(l.mmio_megabytes, 128);
	assert_range(l.usable[0], 0xf8000000, 0xfed3ffff);
	assert_range(l.vga_bar, 0xf8000000, 0xfbffffff);
	/* Not as far as the IOAPIC */
	assert_range(l.fb, 0xf8000000, 0xfbffffff);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
}

/* low_size = T - 0.25, fb_base stays at 4 GiB - 128 */
static void gen1_low(void **state)
{
	struct layout l = make(GEN1, .low_mmio = GIB);

	(void)state;
	assert_range(l.crs[0], 0xc0000000, 0xfffbffff);
	assert_int_equal(l.fb.start, 0xf8000000);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	l = make(GEN1, .low_mmio = 129 * MIB);
	assert_range(l.crs[0], 0xf7e00000, 0xfffbffff);
	assert_range(l.vga_bar, 0xf8000000, 0xfbffffff);
	l = make(GEN1, .low_mmio = 128 * MIB);
	assert_range(l.crs[0], 0xf8000000, 0xfffbffff);
}

/* 126.56 MiB, rounded to 128; low MMIO grows by 2 * (128 - 64) */
static void gen2_8k(void **state)
{
	struct layout l = make(GEN2, .width = 7680, .height = 4320);

	(void)state;
	assert_int_equal(7680 * 4320 * 4 * 100ull / MIB, 12656);
	assert_int_equal(l.max_fb, 128 * MIB);
	assert_int_equal(l.mmio_megabytes, 128);
	assert_range(l.crs[0], 0xf0000000, TOP);
	assert_range(l.fb, 0xf0000000, 0xf7ffffff);
	assert_range(l.fb_firmware, 0xf0000000, 0xf02fffff);
	assert_range(l.reserve, 0xf0000000, 0xf7ffffff);
}

/* 66.8 MiB, rounded to 68: exactly tight */
static void gen2_4834x3622(void **state)
{
	struct layout l = make(GEN2, .width = 4834, .height = 3622);

	(void)state;
	assert_int_equal(l.mmio_megabytes, 68);
	assert_range(l.crs[0], 0xf7800000, TOP);
	assert_range(l.fb, 0xf7800000, 0xfbbfffff);
	assert_range(l.reserve, 0xf7800000, 0xfbbfffff);
}

/* 64 MiB is what the default has room for, 2 MiB more is not. */
static void gen2_excess(void **state)
{
	struct layout l = make(GEN2, .width = 4096, .height = 4096);

	(void)state;
	assert_int_equal(l.mmio_megabytes, 64);
	assert_range(l.crs[0], 0xf8000000, TOP);
	l = make(GEN2, .width = 4097, .height = 4096);
	assert_int_equal(l.mmio_megabytes, 66);
	assert_range(l.crs[0], 0xf7c00000, TOP);
}

/* Azure's VMs */
static void gen2_azure_3g(void **state)
{
	struct layout l = make(GEN2, .low_mmio = 3 * GIB);

	(void)state;
	assert_range(l.crs[0], 0x40000000, TOP);
	assert_range(l.usable[0], 0x40000000, 0xfed3ffff);
	assert_int_equal(l.fb.start, 0x40000000);
	assert_range(l.reserve, 0x40000000, 0x47ffffff);
	l = make(ARM64, .low_mmio = 3 * GIB);
	assert_range(l.crs[0], 0x40000000, TOP);
	assert_range(l.reserve, 0x40000000, 0x47ffffff);
}

/* Azure's CVMs */
static void gen2_azure_cvm_1g(void **state)
{
	struct layout l = make(GEN2, .low_mmio = GIB);

	(void)state;
	assert_range(l.crs[0], 0xc0000000, TOP);
	assert_range(l.reserve, 0xc0000000, 0xc7ffffff);
}

static void gen2_low_150m(void **state)
{
	struct layout l = make(GEN2, .low_mmio = 150 * MIB);

	(void)state;
	assert_range(l.crs[0], 0xf6a00000, TOP);
	assert_int_equal(l.fb.start, 0xf6a00000);
	assert_range(l.reserve, 0xf6a00000, 0xf6a00000 + 75 * MIB - 1);
	/* T = round_up(T, 2 MiB) */
	l = make(GEN2, .low_mmio = 149 * MIB);
	assert_int_equal(l.crs[0].start, 0xf6a00000);
	l = make(GEN2, .low_mmio = 148 * MIB + 4096);
	assert_int_equal(l.crs[0].start, 0xf6a00000);
	/* smaller than what the framebuffer needs: no effect */
	l = make(GEN2, .low_mmio = 150 * MIB, .width = 7680, .height = 4320);
	assert_int_equal(l.crs[0].start, 0xf0000000);
}

/* 512 always, whatever the resolution */
static void arm64_512(void **state)
{
	struct layout l = make(ARM64);

	(void)state;
	assert_range(l.crs[0], 0xe0000000, TOP);
	assert_range(l.reserve, 0xe0000000, 0xe7ffffff);
	l = make(ARM64, .width = 7680, .height = 4320);
	assert_range(l.crs[0], 0xe0000000, TOP);
	assert_range(l.fb, 0xe0000000, 0xe7ffffff);
	assert_range(l.reserve, 0xe0000000, 0xe7ffffff);
	l = make(ARM64, .low_mmio = GIB);
	assert_range(l.crs[0], 0xc0000000, TOP);
}

/* The largest that Set-VM takes */
static void low_3584m(void **state)
{
	struct layout l = make(GEN2, .low_mmio = 3584 * MIB);

	(void)state;
	assert_range(l.crs[0], 0x20000000, TOP);
	assert_range(l.ram[0], 0, 0x1fffffff);
	assert_int_equal(l.ram_count, 1);
}

/*
 * OpenVMM: as large as it is told to be, 13.25, 19.25 and 22.25 MiB usable.
 * Half of 32 is more than three quarters of what is usable, and so on; the
 * least of it is 8 MiB for the framebuffer, with 5.25 left for PCI.
 */
static void openvmm_low(void **state)
{
	static const struct {
		u64 low, usable4, reserve;
	} want[] = {
		{ 32, 13 * 4 + 1, 8 },
		{ 38, 19 * 4 + 1, 14 },
		{ 41, 22 * 4 + 1, 16 },
		{ 58, 39 * 4 + 1, 28 },
		{ 64, 45 * 4 + 1, 32 },
		{ 128, 109 * 4 + 1, 64 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		u64 low = want[i].low * MIB;
		struct layout l = make(GEN2, .low_mmio = low,
				       .not_windows = true,
				       .no_high_mmio = true);

		assert_range(l.crs[0], 4 * GIB - low, TOP);
		assert_range(l.crs[1], 0x100000000, 0xffffffff);
		assert_int_equal(l.usable_count, 1);
		assert_range(l.usable[0], 4 * GIB - low, HOLE - 1);
		assert_int_equal(size(l.usable[0]) * 4,
				 want[i].usable4 * MIB);
		assert_int_equal(l.reserve.start, 4 * GIB - low);
		assert_int_equal(size(l.reserve), want[i].reserve * MIB);
		assert_true(size(l.reserve) >= 8 * MIB);
		assert_true(size(l.usable[0]) - size(l.reserve) >= 4 * MIB);
	}
}

/* Without --low-mmio, a host that is not Windows has the same default. */
static void openvmm_default(void **state)
{
	struct layout l = make(GEN2, .not_windows = true);

	(void)state;
	assert_range(l.crs[0], 0xf8000000, TOP);
	l = make(ARM64, .not_windows = true);
	assert_range(l.crs[0], 0xe0000000, TOP);
}

/* arm64's RAM ends below the first device, however small low MMIO is. */
static void arm64_ram(void **state)
{
	struct layout l = make(.arch = LAYOUT_ARM64, .generation = 2,
			       .memory = 4 * GIB, .low_mmio = 32 * MIB,
			       .not_windows = true);

	(void)state;
	assert_range(l.ram[0], 0, 0xefefffff);
	assert_range(l.ram[1], 4 * GIB, 4 * GIB + 257 * MIB - 1);
	/* Only high windows */
	l = make(.arch = LAYOUT_ARM64, .generation = 2, .memory = 4 * GIB,
		 WINDOWS({ 0xfe0000000, 0xfffffffff }));
	assert_range(l.ram[0], 0, 0xefefffff);
	/* On x86 such devices are above all RAM. */
	l = make(.generation = 2, .memory = 4 * GIB, .low_mmio = 32 * MIB,
		 .not_windows = true);
	assert_range(l.ram[0], 0, 0xfdffffff);
}

/* A zero-length range at 4 GiB, and RAM may go on there. */
static void no_high(void **state)
{
	struct layout l = make(.generation = 2, .memory = 8 * GIB,
			       .no_high_mmio = true);

	(void)state;
	assert_int_equal(l.crs_count, 2);
	assert_range(l.crs[1], 0x100000000, 0xffffffff);
	assert_int_equal(l.usable_count, 1);
	assert_int_equal(l.ram_count, 2);
	assert_range(l.ram[0], 0, 0xf7ffffff);
	assert_range(l.ram[1], 4 * GIB, 8 * GIB + 128 * MIB - 1);
}

static void high_size(void **state)
{
	struct layout l = make(GEN2, .high_mmio = 4 * GIB);

	(void)state;
	assert_range(l.crs[1], 0xfe0000000, 0x10dfffffff);
	assert_range(l.usable[1], 0xfe0000000, 0x10dfffffff);
}

/* RAM fills up to the low window, then from 4 GiB to the high one. */
static void ram(void **state)
{
	struct layout l = make(.generation = 2, .memory = 3968 * MIB);

	(void)state;
	assert_int_equal(l.ram_count, 1);
	assert_range(l.ram[0], 0, 0xf7ffffff);
	l = make(.generation = 2, .memory = 3969 * MIB);
	assert_int_equal(l.ram_count, 2);
	assert_range(l.ram[1], 4 * GIB, 4 * GIB + MIB - 1);
	l = make(.generation = 2, .memory = 3968 * MIB + 60928 * MIB);
	assert_range(l.ram[1], 4 * GIB, 0xfe0000000 - 1);
	refused("memory of 64897 MiB does not fit: 3968 MiB below",
		.generation = 2, .memory = 64897 * MIB);
	refused("4 GiB and the high one", .generation = 2,
		.memory = 2000 * GIB, .no_high_mmio = true);
}

/*
 * On every Gen2 host of the rule, min(128 MiB, half of low MMIO as sized)
 * covers the framebuffer, stays off the hole, is what is reserved, and leaves
 * PCI at least 45.25 MiB.
 */
static void reserve_always_enough(void **state)
{
	unsigned int layouts = 0, tight = 0;
	u64 least = ~0ull, fb, low;
	int arch;

	(void)state;
	for (arch = LAYOUT_X86; arch <= LAYOUT_ARM64; arch++) {
		u64 min = arch == LAYOUT_X86 ? 128 * MIB : 512 * MIB;

		for (fb = 2; fb <= 128; fb += 2)
			for (low = min; low <= 3584 * MIB; low += 2 * MIB) {
				/* 512 * 1024 pixels are 2 MiB. */
				u32 w = fb <= 64 ? 512 : 7680;
				u32 h = fb <= 64 ? fb / 2 * 1024 :
					fb * MIB / 4 / 7680;
				struct layout l;
				u64 half, left;

				if (h > 4320) {
					w = 4096;
					h = fb * MIB / 4 / w;
				}
				if (h > 4320) {
					w = 7680;
					h = 4320;
				}
				l = make(.arch = arch, GEN2, .low_mmio = low,
					 .width = w, .height = h);
				assert_int_equal(l.mmio_megabytes,
						 fb < 8 ? 8 : fb);
				half = size(l.crs[0]) / 2;
				if (half > 128 * MIB)
					half = 128 * MIB;
				assert_int_equal(size(l.reserve), half);
				assert_true(l.max_fb <= half);
				assert_int_equal(l.fb.start, l.reserve.start);
				assert_true(l.fb.end <= l.reserve.end);
				assert_true(l.reserve.end < HOLE);
				left = size(l.usable[0]) - half;
				least = left < least ? left : least;
				tight += l.max_fb == half;
				layouts++;
			}
	}
	assert_int_equal(layouts, 64 * (1729 + 1537));
	assert_int_equal(tight, 4290);
	assert_int_equal(least * 4, 181 * MIB);
}

/* Azure's and the default's Gen1, however large: the BAR is in the window. */
static void gen1_any_low(void **state)
{
	u64 low;

	(void)state;
	for (low = 128 * MIB; low <= 3584 * MIB; low += 2 * MIB) {
		struct layout l = make(GEN1, .low_mmio = low);

		assert_int_equal(size(l.crs[0]), low - 256 * KIB);
		assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	}
}

static void bad_requests(void **state)
{
	(void)state;
	refused("generation is 0", .memory = GIB);
	refused("generation is 3", .generation = 3, .memory = GIB);
	refused("generation 1 is x86 only", .arch = LAYOUT_ARM64, GEN1);
	refused("unknown architecture 2", .arch = 2, GEN2);
	refused("memory of 0 MiB is less than 64", .generation = 2);
	refused("memory of 63 MiB", .generation = 2, .memory = 63 * MIB);
	refused("memory of 67112960 bytes is not whole MiB", .generation = 2,
		.memory = 64 * MIB + 4096);
	refused("does not fit", .generation = 2, .memory = ~0ull - MIB + 1);
	refused("low MMIO of 126 MiB is not within 128 to 3584 MiB", GEN2,
		.low_mmio = 126 * MIB);
	refused("low MMIO of 3585 MiB", GEN2, .low_mmio = 3585 * MIB);
	refused("low MMIO of 510 MiB is not within 512 to 3584 MiB", ARM64,
		.low_mmio = 510 * MIB);
	refused("low MMIO of 31 MiB is not within 32", GEN2,
		.low_mmio = 31 * MIB, .not_windows = true);
	refused("not whole pages", GEN2, .low_mmio = 200 * MIB + 1);
	refused("low MMIO of 1.759218604e+13 MiB", GEN2,
		.low_mmio = ~0ull);
	refused("high MMIO is both absent and 512 MiB", GEN2,
		.high_mmio = 512 * MIB, .no_high_mmio = true);
	refused("high MMIO of 1 bytes", GEN2, .high_mmio = 1);
	/* OpenHCL's is 512 KiB shorter. */
	assert_range(make(GEN2, .high_mmio = 512 * MIB - 512 * KIB).crs[1],
		     0xfe0000000, 0xffff7ffff);
	refused("goes beyond 0x10000000000", GEN2, .high_mmio = 961 * GIB);
	refused("video of 1024x0", GEN2, .width = 1024);
	refused("video of 0x768", GEN2, .height = 768);
	refused("video of 7681x4320", GEN2, .width = 7681, .height = 4320);
	refused("video of 7680x4321", GEN2, .width = 7680, .height = 4321);
	refused("17 ranges in _CRS", GEN2, .crs_given = true, .crs_count = 17);
	refused("-1 ranges in _CRS", GEN2, .crs_given = true, .crs_count = -1);
	refused("framebuffer [0xf8000000-0xf7000000] ends before", GEN2,
		.fb_given = true, .fb = { 0xf8000000, 0xf7000000 });
	refused("framebuffer of 128 MiB does not fit into low MMIO of 32 MiB",
		GEN2, .low_mmio = 32 * MIB, .not_windows = true,
		.width = 7680, .height = 4320);
	refused("only 1 MiB below the lowest", GEN2,
		WINDOWS({ MIB, TOP }));
	refused("does not fit: 512 MiB below the low window and 0 MiB",
		.generation = 2, .memory = 513 * MIB,
		WINDOWS({ 0x20000000, 8 * GIB }));
}

/* A reason that does not fit is cut, not written past its end. */
static void short_why(void **state)
{
	struct layout_request req = { .generation = 7 };
	char why[8] = "1234567";
	struct layout l;

	(void)state;
	assert_int_not_equal(layout_make(&req, &l, why, 4), 0);
	assert_memory_equal(why, "gen\000567", 8);
	assert_int_not_equal(layout_make(&req, &l, NULL, 0), 0);
}

/* Ranges by hand are passed on as they stand. */
static void crs_as_given(void **state)
{
	struct layout l = make(GEN2, WINDOWS({ 0x100000000, 0xffffffff },
					     { 0xf8000000, 0xf0000000 },
					     { 0xf9000000, 0xf8ffffff },
					     { 0xf9000000, 0xf9000fff },
					     { 0xf9001000, 0xf9001ffe }));

	(void)state;
	assert_int_equal(l.crs_count, 5);
	assert_range(l.crs[0], 0x100000000, 0xffffffff);
	assert_range(l.crs[1], 0xf8000000, 0xf0000000);
	assert_range(l.crs[2], 0xf9000000, 0xf8ffffff);
	/* less than a page: not even to be merged */
	assert_int_equal(l.usable_count, 1);
	assert_range(l.usable[0], 0xf9000000, 0xf9000fff);
	/* three quarters of a page round down to nothing */
	assert_false(l.has_reserve);
}

static void crs_none(void **state)
{
	struct layout l = make(GEN2, .crs_given = true);

	(void)state;
	assert_int_equal(l.crs_count, 0);
	assert_int_equal(l.usable_count, 0);
	assert_false(l.has_reserve);
	assert_int_equal(l.fb.end, 0);
	l = make(GEN1, .crs_given = true);
	assert_false(l.has_reserve);
	assert_range(l.vga_bar, 0xf8000000, 0xfbffffff);
}

/* Sorted, and what overlaps, touches or fills a gap becomes one. */
static void crs_merged(void **state)
{
	struct layout l = make(GEN2, WINDOWS({ 0xfe0000000, 0xfffffffff },
					     { 0xf9000000, 0xf9ffffff },
					     { 0xf0000000, 0xf0ffffff },
					     { 0xf1800000, 0xf8ffffff },
					     { 0xf1000000, 0xf17fffff },
					     { 0xf2000000, 0xf20fffff },
					     { 0xfa000001, 0xfaffffff }));

	(void)state;
	assert_int_equal(l.usable_count, 3);
	assert_range(l.usable[0], 0xf0000000, 0xf9ffffff);
	assert_range(l.usable[1], 0xfa000001, 0xfaffffff);
	assert_range(l.usable[2], 0xfe0000000, 0xfffffffff);
}

/* The hole is cut out of whatever comes. */
static void crs_hole(void **state)
{
	struct layout l = make(GEN2, WINDOWS({ 0xf8000000, 0x17fffffff }));

	(void)state;
	assert_int_equal(l.usable_count, 2);
	assert_range(l.usable[0], 0xf8000000, 0xfed3ffff);
	assert_range(l.usable[1], 0x100000000, 0x17fffffff);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	assert_range(l.fb, 0xf8000000, 0xf87fffff);
	l = make(GEN2, WINDOWS({ 0xfed40000, 0xffffffff }));
	assert_int_equal(l.usable_count, 0);
	l = make(GEN2, WINDOWS({ 0xfee00000, 0x100000fff }));
	assert_int_equal(l.usable_count, 1);
	assert_range(l.usable[0], 0x100000000, 0x100000fff);
	assert_false(l.has_reserve);
	assert_int_equal(l.fb.end, 0);
}

/* Nothing below 1 MiB is of use; the ends of the address space are. */
static void crs_ends(void **state)
{
	struct layout l = make(GEN2, WINDOWS({ 0xa0000, 0xfffff },
					     { 0xfe0000000, ~0ull },
					     { ~0ull, ~0ull }, { 0, 0 }));

	(void)state;
	assert_int_equal(l.usable_count, 1);
	assert_range(l.usable[0], 0xfe0000000, ~0ull);
	assert_range(l.ram[0], 0, 512 * MIB - 1);
	l = make(GEN2, WINDOWS({ 4 * GIB, ~0ull }));
	assert_range(l.usable[0], 4 * GIB, ~0ull);
	refused("only 0 MiB below", GEN2, WINDOWS({ 0, ~0ull }));
}

/* Sixteen apart, one of them cut in two */
static void crs_most(void **state)
{
	struct layout_request req = { GEN2, .crs_given = true };
	struct layout l;
	int i;

	(void)state;
	req.crs_count = LAYOUT_MAX_RANGES;
	for (i = 0; i < LAYOUT_MAX_RANGES - 1; i++) {
		req.crs[i].start = 0xf0000000 - i * 2 * MIB;
		req.crs[i].end = req.crs[i].start + MIB - 1;
	}
	req.crs[i].start = 0xf8000000;
	req.crs[i].end = 8 * GIB - 1;
	assert_int_equal(layout_make(&req, &l, NULL, 0), 0);
	assert_int_equal(l.usable_count, LAYOUT_MAX_RANGES + 1);
	for (i = 1; i < l.usable_count; i++)
		assert_true(l.usable[i].start > l.usable[i - 1].end);
}

/* Low MMIO in pieces: the reservation is in the first, at most all of it. */
static void crs_split_low(void **state)
{
	struct layout l = make(GEN2, WINDOWS({ 0xfc000000, 0xffffffff },
					     { 0xf8000000, 0xf9ffffff }));

	(void)state;
	assert_range(l.reserve, 0xf8000000, 0xf9ffffff);
	assert_range(l.fb, 0xf8000000, 0xf87fffff);
	l = make(GEN2, WINDOWS({ 0xc0000000, 0xcfffffff },
			       { 0xf8000000, 0xffffffff }));
	assert_range(l.reserve, 0xc0000000, 0xc7ffffff);
	/* far from 4 GiB: three quarters of what there is */
	l = make(GEN2, WINDOWS({ 0xf0000000, 0xf3ffffff }));
	assert_range(l.reserve, 0xf0000000, 0xf2ffffff);
	/* Ends below the I/O APIC: half of what is up to 4 GiB */
	l = make(GEN2, WINDOWS({ 0xf0000000, 0xfebfffff }));
	assert_range(l.reserve, 0xf0000000, 0xf7ffffff);
}

/* Gen1: the part of the BAR that is in a window, whichever that is */
static void gen1_bar(void **state)
{
	struct layout l = make(GEN1, WINDOWS({ 0xc0000000, 0xcfffffff },
					     { 0xf8000000, 0xfbffffff }));

	(void)state;
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	l = make(GEN1, WINDOWS({ 0xfa000000, 0xfffbffff }));
	assert_range(l.reserve, 0xfa000000, 0xfbffffff);
	l = make(GEN1, WINDOWS({ 0xc0000000, 0xcfffffff }));
	assert_false(l.has_reserve);
	/* RAM keeps off the BAR even so. */
	l = make(.generation = 1, .memory = 3968 * MIB,
		 .low_mmio = 32 * MIB, .not_windows = true);
	assert_range(l.ram[0], 0, 0xf7ffffff);
	assert_false(l.has_reserve);
}

static void fb_none(void **state)
{
	struct layout l = make(GEN2, .fb_given = true);

	(void)state;
	assert_int_equal(l.fb.end, 0);
	assert_int_equal(l.fb_firmware.end, 0);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
}

/* The reservation goes by the rule, not by where the framebuffer is. */
/* As OpenVMM loads Linux itself: the framebuffer is nowhere, the rest as ever. */
static void no_firmware(void **state)
{
	struct layout l = make(GEN2, .no_firmware = true);

	(void)state;
	assert_false(l.efi);
	assert_int_equal(l.fb.end, 0);
	assert_int_equal(l.fb_firmware.end, 0);
	assert_int_equal(l.vga_bar.end, 0);
	assert_int_equal(l.mmio_megabytes, 8);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	l = make(GEN2, .no_firmware = true, WINDOWS({ 0xf8000000, TOP }),
		 .fb_given = true);
	assert_int_equal(l.fb.end, 0);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	l = make(GEN2);
	assert_true(l.efi);
	l = make(GEN1);
	assert_false(l.efi);
	refused("without firmware needs generation 2, not 1", GEN1,
		.no_firmware = true);
	refused("firmware's framebuffer [0xf8000000-0xf82fffff] is given, but there is no firmware",
		GEN2, .no_firmware = true, .firmware_given = true,
		.firmware = { 0xf8000000, 0xf82fffff });
	refused("framebuffer [0xf8000000-0xf87fffff] is given, but without firmware",
		GEN2, .no_firmware = true, .fb_given = true,
		.fb = { 0xf8000000, 0xf87fffff });
}

static void fb_elsewhere(void **state)
{
	struct layout l = make(GEN2, .fb_given = true,
			       .fb = { 0xfd000000, 0xfd7fffff });

	(void)state;
	assert_range(l.fb_firmware, 0xfd000000, 0xfd2fffff);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	/* overlapping it */
	l = make(GEN2, .fb_given = true, .fb = { 0xfbc00000, 0xfc3fffff });
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	/* outside of all windows: nobody's, but not RAM either */
	l = make(.generation = 2, .memory = 1536 * MIB, .fb_given = true,
		 .fb = { 0x40000000, 0x407fffff });
	assert_range(l.ram[0], 0, 0x3fffffff);
	assert_range(l.ram[1], 4 * GIB, 4 * GIB + 512 * MIB - 1);
	/* half in the hole, at the top of the address space */
	l = make(GEN2, .fb_given = true, .fb = { 0xfec00000, 0xff3fffff });
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	l = make(GEN2, .fb_given = true, .fb = { ~0ull - 4095, ~0ull });
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
}

/* What firmware says need not be so, and does not matter. */
static void firmware(void **state)
{
	struct layout l = make(GEN2, .firmware_given = true);
	struct range told = { 0xfd000000, 0xfd2fffff };

	(void)state;
	assert_range(l.fb, 0xf8000000, 0xf87fffff);
	assert_int_equal(l.fb_firmware.end, 0);
	l = make(GEN2, .firmware_given = true, .firmware = told);
	assert_range(l.fb, 0xf8000000, 0xf87fffff);
	assert_range(l.fb_firmware, told.start, told.end);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	/* It is no reason to have less RAM. */
	l = make(.generation = 2, .memory = 1536 * MIB, .firmware_given = true,
		 .firmware = { 0x40000000, 0x402fffff });
	assert_range(l.ram[0], 0, 1536 * MIB - 1);

	/* Text mode, VESA's mode, and one elsewhere */
	l = make(GEN1);
	assert_int_equal(l.fb_firmware.end, 0);
	l = make(GEN1, .firmware_given = true,
		 .firmware = { 0xf8000000, 0xf82fffff });
	assert_range(l.fb_firmware, 0xf8000000, 0xf82fffff);
	l = make(GEN1, .low_mmio = GIB, .firmware_given = true,
		 .firmware = { 0xc0000000, 0xc02fffff });
	assert_range(l.fb_firmware, 0xc0000000, 0xc02fffff);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
}

static void bad_firmware(void **state)
{
	(void)state;
	refused("firmware's framebuffer [0x2000-0x1fff] ends before it starts",
		GEN2, .firmware_given = true, .firmware = { 0x2000, 0x1fff });
	refused("firmware's framebuffer is at 0", GEN2, .firmware_given = true,
		.firmware = { 0, 0x1fff });
	refused("firmware's framebuffer of 3145729 bytes is not whole 64 KiB",
		GEN1, .firmware_given = true,
		.firmware = { 0xf8000000, 0xf8300000 });
	make(GEN2, .firmware_given = true,
	     .firmware = { 0xf8000000, 0xf8300000 });
	refused("firmware's framebuffer of 4096 MiB is more than", GEN2,
		.firmware_given = true, .firmware = { MIB, 4 * GIB + MIB - 1 });
	make(GEN1, .firmware_given = true,
	     .firmware = { MIB, 4 * GIB + MIB - 1 });
	refused("is more than screen_info can say", GEN1,
		.firmware_given = true, .firmware = { 64 * KIB, ~0ull });
}

/* How much of the framebuffer is mapped at first */
static void fb_mapped(void **state)
{
	struct layout l;

	(void)state;
	l = make(GEN2, .width = 7680, .height = 4320, .fb_mapped = 8 * MIB);
	assert_range(l.fb, 0xf0000000, 0xf07fffff);
	assert_int_equal(l.mmio_megabytes, 128);
	assert_int_equal(size(l.reserve), 128 * MIB);
	assert_range(l.fb_firmware, 0xf0000000, 0xf02fffff);
	l = make(GEN2, .fb_mapped = MIB);
	assert_range(l.fb_firmware, 0xf8000000, 0xf80fffff);
	/* No more than is offered */
	l = make(GEN2, .fb_mapped = 64 * MIB);
	assert_range(l.fb, 0xf8000000, 0xf87fffff);
	l = make(GEN2, .width = 7680, .height = 4320, .fb_mapped_whole = true);
	assert_range(l.fb, 0xf0000000, 0xf7ffffff);
	/* On Gen1 a large one does not fit into the VGA BAR. */
	l = make(GEN1, .width = 7680, .height = 4320);
	assert_range(l.fb, 0xf8000000, 0xfbffffff);
	l = make(GEN1, .width = 7680, .height = 4320, .fb_mapped_whole = true);
	assert_range(l.fb, 0xf8000000, 0xffffffff);
	assert_range(l.reserve, 0xf8000000, 0xfbffffff);
	l = make(GEN1, .width = 7680, .height = 4320, .fb_mapped = 8 * MIB);
	assert_range(l.fb, 0xf8000000, 0xf87fffff);
	/* By hand */
	l = make(GEN2, WINDOWS({ 0xe0000000, TOP }), .fb_mapped = 3 * MIB);
	assert_range(l.fb, 0xe0000000, 0xe02fffff);
	l = make(GEN2, WINDOWS({ 0xe0000000, TOP }), .fb_mapped = 64 * MIB);
	assert_range(l.fb, 0xe0000000, 0xe07fffff);
	refused("mapped framebuffer of 1 bytes", GEN2, .fb_mapped = 1);
	refused("mapped framebuffer of 135266304 bytes", GEN2,
		.fb_mapped = 129 * MIB);
	refused("framebuffer [0xf8000000-0xf87fffff] is given", GEN2,
		.fb_given = true, .fb = { 0xf8000000, 0xf87fffff },
		.fb_mapped = MIB);
	refused("framebuffer [0xf8000000-0xf87fffff] is given", GEN2,
		.fb_given = true, .fb = { 0xf8000000, 0xf87fffff },
		.fb_mapped_whole = true);
}

/* Devices that ACPI does not describe: within what guests take for usable */
static void fixed_devices(void **state)
{
	struct layout l;

	(void)state;
	l = make(GEN2);
	assert_int_equal(l.fixed_count, 2);
	assert_range(l.fixed[0], 0xfed3c000, 0xfed3dfff);
	assert_range(l.fixed[1], 0xfed3f000, 0xfed3ffff);
	assert_range(l.usable[0], 0xf8000000, HOLE - 1);
	l = make(ARM64);
	assert_int_equal(l.fixed_count, 2);
	assert_range(l.fixed[0], 0xeffe8000, 0xeffeafff);
	assert_range(l.fixed[1], 0xeffed000, 0xeffedfff);
	assert_int_equal(l.described_count, 3);
	assert_range(l.described[0], 0xeffeb000, 0xeffecfff);
	assert_range(l.described[1], 0xefff0000, 0xf000ffff);
	assert_range(l.described[2], 0xffff0000, 0xffffffff);
	/* As many as there can be: up to the distributor */
	l = make(ARM64, .redistributors = 2048);
	assert_range(l.described[1], 0xefff0000, 0xfffeffff);
	refused("2049 possible vCPUs are more than 2048", ARM64,
		.redistributors = 2049);
	l = make(GEN1);
	assert_int_equal(l.fixed_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gen2_default),
		cmocka_unit_test(gen1_default),
		cmocka_unit_test(gen1_8k),
		cmocka_unit_test(gen1_low),
		cmocka_unit_test(gen2_8k),
		cmocka_unit_test(gen2_4834x3622),
		cmocka_unit_test(gen2_excess),
		cmocka_unit_test(gen2_azure_3g),
		cmocka_unit_test(gen2_azure_cvm_1g),
		cmocka_unit_test(gen2_low_150m),
		cmocka_unit_test(arm64_512),
		cmocka_unit_test(low_3584m),
		cmocka_unit_test(openvmm_low),
		cmocka_unit_test(openvmm_default),
		cmocka_unit_test(arm64_ram),
		cmocka_unit_test(no_high),
		cmocka_unit_test(high_size),
		cmocka_unit_test(ram),
		cmocka_unit_test(reserve_always_enough),
		cmocka_unit_test(gen1_any_low),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(short_why),
		cmocka_unit_test(crs_as_given),
		cmocka_unit_test(crs_none),
		cmocka_unit_test(crs_merged),
		cmocka_unit_test(crs_hole),
		cmocka_unit_test(crs_ends),
		cmocka_unit_test(crs_most),
		cmocka_unit_test(crs_split_low),
		cmocka_unit_test(gen1_bar),
		cmocka_unit_test(fb_none),
		cmocka_unit_test(no_firmware),
		cmocka_unit_test(fb_elsewhere),
		cmocka_unit_test(firmware),
		cmocka_unit_test(bad_firmware),
		cmocka_unit_test(fb_mapped),
		cmocka_unit_test(fixed_devices),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
