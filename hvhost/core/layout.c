// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a Hyper-V host puts RAM, the MMIO windows and the framebuffer.
 *
 * The rule was measured by Dexuan Cui on Windows Server 2016, 2019 and 2025
 * and on Azure (linux-hyperv list, 2026-04-15); sizes in MiB:
 *
 *	max_fb = round_up(width * height * 4, 2)
 *	Gen1:  low_base = fb_base = 4096 - 128;  low_size = 128 - 0.25
 *	Gen2:  low_base = fb_base = 4096 - 128 - 2 * max(0, max_fb - 64)
 *	       low_size = 4096 - low_base
 *	LowMemoryMappedIoSpace = T:  T = round_up(T, 2); if 4096 - T < low_base:
 *		low_base = 4096 - T
 *		Gen1: low_size = T - 0.25, fb_base stays
 *		Gen2: low_size = T, fb_base = low_base
 *	arm64: Gen2 with 512 in place of 128 and without the term for max_fb
 *
 * Other hosts of the same protocol are simpler: OpenVMM's low MMIO is as large
 * as it is told to be and ends at 4 GiB. If it loads a Linux kernel itself,
 * without firmware, the framebuffer is mapped nowhere until the guest sends a
 * VRAM location (OpenVMM 1488a37b7).
 *
 * The last part is what a guest should make of it, stated here on its own so
 * that a kernel can be held against it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/fail.h"
#include "core/layout.h"
#include "core/range.h"

#define LOW_STEP	(2 * MIB)	/* what max_fb and T are rounded to */
#define LOW_MIN_X86	(128 * MIB)	/* what Set-VM takes, and the default */
#define LOW_MIN_ARM64	(512 * MIB)
#define LOW_MIN_OTHER	(32 * MIB)	/* OpenVMM's smallest */
#define LOW_MAX		(3584 * MIB)
#define LOW_GEN1_CUT	(256 * KIB)	/* Gen1's window ends below the BIOS */

#define FB_MIN		(8 * MIB)	/* offered for displays up to 1080p */
#define FB_MAX		(128 * MIB)	/* for 7680x4320, the largest */
#define FB_IN_LOW	(64 * MIB)	/* beyond it low MMIO grows, twofold */
#define FB_FIRMWARE	(3 * MIB)	/* lfb_size, however large max_fb is */
#define VESA_UNIT	(64 * KIB)	/* what Gen1's lfb_size counts in */
#define FB_DEFAULT_W	1920
#define FB_DEFAULT_H	1080
#define FB_MAX_W	7680
#define FB_MAX_H	4320

/* 1414:5353's BAR0: always here, also when the framebuffer is moved (LKML
 * 2026-04-28: 7680x4320, and still fb=[mem 0xf8000000-0xfbffffff])
 */
#define VGA_BASE	(4 * GIB - 128 * MIB)
#define VGA_SIZE	(64 * MIB)

/* HighMemoryMappedIoSpace: the window as seen on Gen1 and Gen2 (LKML
 * 2026-04-28). That another size moves its end, not its start, is a guess.
 */
#define HIGH_BASE	(65024 * MIB)
#define HIGH_SIZE	(512 * MIB)

/* The least physical address width of what runs us: QEMU's TCG has 40 bits. */
#define PHYS_LIMIT	(1024 * GIB)

#define RAM_MIN		(64 * MIB)
/* Below it there is no IOAPIC, HPET, APIC or BIOS, whatever the windows. */
#define RAM_LOW_MAX	(4 * GIB - LOW_MIN_OTHER)

/*
 * Devices at fixed addresses that ACPI does not describe, so guests take their
 * addresses for free (mu_msvm 9feb53ed, MsvmPkg.dec and MsvmPkgX64.dsc): processor
 * aggregator, PMEM and battery, a page each; on arm64 also the BIOS. The UARTs and
 * the GIC of arm64, which are next to them, are in ACPI's tables.
 */
static const struct range fixed_x86[] = {
	{ 0xfed3c000, 0xfed3dfff }, { 0xfed3f000, 0xfed3ffff },
};

static const struct range fixed_arm64[] = {
	{ 0xeffe8000, 0xeffeafff }, { 0xeffed000, 0xeffedfff },
};

/* Nobody can use what lies between the vTPM's base and 4 GiB. */
#define HOLE_START	0xfed40000ull

static bool layout_fb_known(const struct range *fb)
{
	return fb->start || fb->end;
}

#define MIB_FMT		"%.10g MiB"

static double layout_mib(u64 bytes)
{
	return (double)bytes / MIB;
}

/* Can screen_info say that? */
static int layout_check_firmware(const struct layout_request *req, char *why,
				 size_t why_len)
{
	const struct range *fb = &req->firmware;
	u64 unit = req->generation == 1 ? VESA_UNIT : 1;

	if (!req->firmware_given || !layout_fb_known(fb))
		return 0;
	if (range_empty(fb))
		return refuse(why, why_len,
			      "firmware's framebuffer [%#llx-%#llx] ends before it starts",
			      fb->start, fb->end);
	if (!fb->start)
		return refuse(why, why_len,
			      "firmware's framebuffer is at 0, which means that there is none");
	if (range_size(fb) % unit)
		return refuse(why, why_len,
			      "firmware's framebuffer of %llu bytes is not whole 64 KiB, in which generation 1 counts",
			      range_size(fb));
	if (range_size(fb) / unit > (u32)-1)
		return refuse(why, why_len,
			      "firmware's framebuffer of " MIB_FMT
			      " is more than screen_info can say",
			      layout_mib(range_size(fb)));
	return 0;
}

/* What can be without firmware? */
static int layout_check_no_firmware(const struct layout_request *req, char *why,
				    size_t why_len)
{
	if (!req->no_firmware)
		return 0;
	if (req->generation != 2)
		return refuse(why, why_len,
			      "a VM without firmware needs generation 2, not %d",
			      req->generation);
	if (req->firmware_given)
		return refuse(why, why_len,
			      "firmware's framebuffer [%#llx-%#llx] is given, but there is no firmware",
			      req->firmware.start, req->firmware.end);
	if (req->fb_given && layout_fb_known(&req->fb))
		return refuse(why, why_len,
			      "framebuffer [%#llx-%#llx] is given, but without firmware it is mapped nowhere at first",
			      req->fb.start, req->fb.end);
	return 0;
}

static int layout_check_request(const struct layout_request *req, char *why,
				size_t why_len)
{
	u64 low_min = req->arch == LAYOUT_ARM64 ? LOW_MIN_ARM64 : LOW_MIN_X86;

	if (req->arch != LAYOUT_X86 && req->arch != LAYOUT_ARM64)
		return refuse(why, why_len, "unknown architecture %d",
			      req->arch);
	if (req->generation != 1 && req->generation != 2)
		return refuse(why, why_len, "generation is %d, not 1 or 2",
			      req->generation);
	if (req->arch == LAYOUT_ARM64 && req->generation == 1)
		return refuse(why, why_len, "generation 1 is x86 only");

	if (req->redistributors > LAYOUT_ARM64_MAX_VPS)
		return refuse(why, why_len, "%u possible vCPUs are more than %u",
			      req->redistributors, LAYOUT_ARM64_MAX_VPS);

	if (req->memory < RAM_MIN)
		return refuse(why, why_len, "memory of " MIB_FMT
			      " is less than %llu MiB", layout_mib(req->memory),
			      RAM_MIN / MIB);
	if (req->memory % MIB)
		return refuse(why, why_len,
			      "memory of %llu bytes is not whole MiB",
			      req->memory);

	if (req->not_windows)
		low_min = LOW_MIN_OTHER;
	if (req->low_mmio && (req->low_mmio < low_min ||
			      req->low_mmio > LOW_MAX))
		return refuse(why, why_len, "low MMIO of " MIB_FMT
			      " is not within %llu to %llu MiB%s",
			      layout_mib(req->low_mmio), low_min / MIB,
			      LOW_MAX / MIB, req->not_windows ? "" :
			      ", which is what Windows takes");
	if (req->low_mmio % HV_PAGE_SIZE)
		return refuse(why, why_len,
			      "low MMIO of %llu bytes is not whole pages",
			      req->low_mmio);
	if (req->no_high_mmio && req->high_mmio)
		return refuse(why, why_len,
			      "high MMIO is both absent and " MIB_FMT,
			      layout_mib(req->high_mmio));
	if (req->high_mmio % HV_PAGE_SIZE)
		return refuse(why, why_len,
			      "high MMIO of %llu bytes is not whole pages",
			      req->high_mmio);
	if (req->high_mmio > PHYS_LIMIT - HIGH_BASE)
		return refuse(why, why_len, "high MMIO of " MIB_FMT
			      " from %#llx goes beyond %#llx",
			      layout_mib(req->high_mmio), HIGH_BASE, PHYS_LIMIT);

	if (!req->width != !req->height || req->width > FB_MAX_W ||
	    req->height > FB_MAX_H)
		return refuse(why, why_len,
			      "video of %ux%u is not within 1x1 to %ux%u",
			      req->width, req->height, FB_MAX_W, FB_MAX_H);

	if (req->fb_mapped % HV_PAGE_SIZE || req->fb_mapped > FB_MAX)
		return refuse(why, why_len,
			      "a mapped framebuffer of %llu bytes is not whole pages up to %llu MiB",
			      req->fb_mapped, FB_MAX / MIB);
	if (req->fb_given && (req->fb_mapped || req->fb_mapped_whole))
		return refuse(why, why_len,
			      "framebuffer [%#llx-%#llx] is given, and how much of it is mapped as well",
			      req->fb.start, req->fb.end);

	if (req->crs_given && (req->crs_count < 0 ||
			       req->crs_count > LAYOUT_MAX_RANGES))
		return refuse(why, why_len,
			      "%d ranges in _CRS, at most %d can be",
			      req->crs_count, LAYOUT_MAX_RANGES);
	if (req->fb_given && range_empty(&req->fb))
		return refuse(why, why_len,
			      "framebuffer [%#llx-%#llx] ends before it starts",
			      req->fb.start, req->fb.end);
	return layout_check_no_firmware(req, why, why_len) ?:
	       layout_check_firmware(req, why, why_len);
}

/* The host's rule, as in the head of this file. */
static void layout_place_windows(const struct layout_request *req,
				 struct layout *out)
{
	u64 low_default, low_base, low_size, fb_base, cut = 0;
	u64 width = req->width ? req->width : FB_DEFAULT_W;
	u64 height = req->height ? req->height : FB_DEFAULT_H;
	u64 asked = req->low_mmio;

	out->width = width;
	out->height = height;
	/* Not in the measured rule: small displays are offered 8 MiB, too. */
	out->max_fb = max64(FB_MIN, round_up64(width * height * 4, LOW_STEP));
	out->mmio_megabytes = out->max_fb / MIB;

	low_default = req->arch == LAYOUT_ARM64 ? LOW_MIN_ARM64 : LOW_MIN_X86;
	low_base = 4 * GIB - low_default;
	if (req->not_windows) {
		/* As large as it is told to be */
		if (asked)
			low_base = 4 * GIB - asked;
	} else {
		asked = round_up64(asked, LOW_STEP);
		if (req->generation == 2 && req->arch == LAYOUT_X86 &&
		    out->max_fb > FB_IN_LOW)
			low_base -= 2 * (out->max_fb - FB_IN_LOW);
		low_base = min64(low_base, 4 * GIB - asked);
	}
	if (req->generation == 1)
		cut = LOW_GEN1_CUT;
	low_size = 4 * GIB - low_base - cut;
	fb_base = req->generation == 1 ? VGA_BASE : low_base;

	if (req->crs_given) {
		memcpy(out->crs, req->crs,
		       req->crs_count * sizeof(out->crs[0]));
		out->crs_count = req->crs_count;
	} else {
		out->crs[0] = range_of(low_base, low_size);
		/* No high MMIO is a window of length zero on OpenVMM. */
		out->crs[1] = req->no_high_mmio ? range_of(4 * GIB, 0) :
			range_of(HIGH_BASE, req->high_mmio ?: HIGH_SIZE);
		out->crs_count = 2;
		out->fb = range_of(fb_base, out->max_fb);
	}
	if (req->generation == 1) {
		out->vga_bar = range_of(VGA_BASE, VGA_SIZE);
		/* What is larger has to be moved before it is used as a whole */
		out->fb = range_of(VGA_BASE, req->fb_mapped_whole ?
				   out->max_fb : min64(out->max_fb, VGA_SIZE));
	}
	if (req->fb_mapped && layout_fb_known(&out->fb))
		out->fb = range_of(out->fb.start,
				   min64(range_size(&out->fb), req->fb_mapped));
}

/* arm64: UARTs, redistributors, distributor */
static void layout_place_described(const struct layout_request *req,
				   struct layout *out)
{
	out->redistributors = req->redistributors ?: 1;
	out->described[0] = (struct range) {
		LAYOUT_ARM64_UART2, LAYOUT_ARM64_UART1 + HV_PAGE_SIZE - 1
	};
	out->described[1] = range_of(LAYOUT_ARM64_GICR, out->redistributors *
				     (u64)LAYOUT_ARM64_GICR_SIZE);
	out->described[2] = (struct range) { LAYOUT_ARM64_GICD, 4 * GIB - 1 };
	out->described_count = 3;
}

static void layout_place_fixed(const struct layout_request *req,
			       struct layout *out)
{
	const struct range *fixed = fixed_x86;

	/* Known of Gen2 only */
	if (req->generation == 1)
		return;
	if (req->arch == LAYOUT_ARM64) {
		fixed = fixed_arm64;
		layout_place_described(req, out);
	}
	out->fixed_count = ARRAY_SIZE(fixed_x86);
	memcpy(out->fixed, fixed, sizeof(fixed_x86));
}

/*
 * RAM lies below the low windows and goes on at 4 GiB, below the high ones.
 * Windows given by hand can be anywhere; whatever has a byte from 1 MiB on
 * bounds the RAM below it. On arm64 the UARTs and the GIC stay where they are
 * and bound it as well.
 */
static int layout_place_ram(const struct layout_request *req,
			    struct layout *out, char *why, size_t why_len)
{
	u64 low = RAM_LOW_MAX, high = PHYS_LIMIT, room;
	struct range taken[LAYOUT_MAX_RANGES + 2 + LAYOUT_MAX_FIXED +
			   LAYOUT_MAX_DESCRIBED];
	int i, n = out->crs_count;

	memcpy(taken, out->crs, n * sizeof(taken[0]));
	if (out->generation == 1)
		taken[n++] = out->vga_bar;
	if (layout_fb_known(&out->fb))
		taken[n++] = out->fb;
	for (i = 0; i < out->fixed_count; i++)
		taken[n++] = out->fixed[i];
	for (i = 0; i < out->described_count; i++)
		taken[n++] = out->described[i];

	for (i = 0; i < n; i++) {
		if (range_empty(&taken[i]) || taken[i].end < MIB)
			continue;
		if (taken[i].start < 4 * GIB)
			low = min64(low, taken[i].start);
		if (taken[i].end >= 4 * GIB)
			high = min64(high, max64(4 * GIB, taken[i].start));
	}
	low -= low % MIB;
	high -= high % MIB;

	if (low < RAM_MIN)
		return refuse(why, why_len, "only " MIB_FMT
			      " below the lowest window or framebuffer are left for RAM",
			      layout_mib(low));
	room = high - 4 * GIB;
	if (req->memory > low && req->memory - low > room)
		return refuse(why, why_len, "memory of " MIB_FMT
			      " does not fit: %llu MiB below the low window and %llu MiB between 4 GiB and the high one",
			      layout_mib(req->memory), low / MIB, room / MIB);

	out->ram[out->ram_count++] = range_of(0, min64(req->memory, low));
	if (req->memory > low)
		out->ram[out->ram_count++] = range_of(4 * GIB,
						      req->memory - low);
	return 0;
}

/* Add one range; @out->usable stays sorted, and what touches is one. */
static void layout_add_usable(struct layout *out, struct range r)
{
	struct range *u = out->usable;
	int i = 0, j;

	/* Ranges can end at the very top: nothing here may add 1 to an end. */
	while (i < out->usable_count && u[i].end < r.start &&
	       r.start - u[i].end > 1)
		i++;
	for (j = i; j < out->usable_count; j++) {
		if (u[j].start > r.end && u[j].start - r.end > 1)
			break;
		r.start = min64(r.start, u[j].start);
		r.end = max64(r.end, u[j].end);
	}
	memmove(&u[i + 1], &u[j], (out->usable_count - j) * sizeof(u[0]));
	u[i] = r;
	out->usable_count += 1 - (j - i);
}

/*
 * What of _CRS a guest can give to devices: not the hole, nothing below
 * 1 MiB (legacy), no range of less than a page (nothing fits, and an absent
 * window is one of length zero).
 */
static void layout_find_usable(struct layout *out)
{
	int i;

	for (i = 0; i < out->crs_count; i++) {
		struct range r = out->crs[i];

		if (range_empty(&r) || r.end - r.start < HV_PAGE_SIZE - 1 ||
		    r.end < MIB)
			continue;
		if (r.start < HOLE_START)
			layout_add_usable(out, (struct range) {
				r.start, min64(r.end, HOLE_START - 1) });
		if (r.end >= 4 * GIB)
			layout_add_usable(out, (struct range) {
				max64(r.start, 4 * GIB), r.end });
	}
}

/*
 * What a guest is to keep for the framebuffer, without being told where it is.
 *
 * Gen1: the VGA BAR is where firmware put the framebuffer and cannot be moved;
 * the part of it that lies in a window.
 *
 * Gen2: the bottom of low MMIO. By the rule above low MMIO, which extends to
 * 4 GiB, is at least twice max_fb, and max_fb at most 128 MiB. So
 * min(128 MiB, half) covers every framebuffer and leaves PCI the rest. Hosts
 * with tiny low MMIO do not keep to the rule; a quarter of what can be used
 * there is left to PCI. Nothing spans two windows.
 */
static void layout_find_reserve(struct layout *out)
{
	u64 usable = 0, size;
	const struct range *u = out->usable;
	int i;

	if (out->generation == 1) {
		for (i = 0; i < out->usable_count && !out->has_reserve; i++)
			out->has_reserve = range_intersect(&u[i], &out->vga_bar,
							   &out->reserve);
		return;
	}

	for (i = 0; i < out->usable_count && u[i].start < 4 * GIB; i++)
		usable += range_size(&u[i]);
	if (!usable)
		return;
	size = usable / 4 * 3;
	size = min64(size - size % (2 * MIB),
		     min64(FB_MAX, (4 * GIB - u[0].start) / 2));
	size = min64(size, range_size(&u[0]));
	if (!size)
		return;
	out->reserve = range_of(u[0].start, size);
	out->has_reserve = true;
}

/**
 * layout_make() - Lay out guest physical address space as a host would.
 * @req:	What the user asks for
 * @out:	Result; undefined on error
 * @why:	On error, one line that names what is wrong and its value
 * @why_len:	Bytes at @why
 *
 * Return: 0 or -EINVAL.
 */
int layout_make(const struct layout_request *req, struct layout *out,
		char *why, size_t why_len)
{
	int ret = layout_check_request(req, why, why_len);

	if (ret)
		return ret;
	memset(out, 0, sizeof(*out));
	out->generation = req->generation;
	out->efi = req->generation == 2 && !req->no_firmware;
	layout_place_windows(req, out);
	layout_place_fixed(req, out);
	layout_find_usable(out);

	if (req->no_firmware) {
		/* Until the guest says where it is to be */
		out->fb = (struct range) { 0, 0 };
	} else if (req->fb_given) {
		out->fb = req->fb;
	} else if (req->crs_given && req->generation == 2 &&
		   out->usable_count && out->usable[0].start < 4 * GIB) {
		/* No host's rule: the bottom of low MMIO, as far as it goes */
		out->fb = range_of(out->usable[0].start,
				   min64(req->fb_mapped ?: out->max_fb,
					 out->max_fb));
		out->fb.end = min64(out->fb.end, out->usable[0].end);
	}
	/* Gen1 boots in text mode, Gen2 from wherever the framebuffer is */
	if (req->firmware_given)
		out->fb_firmware = req->firmware;
	else if (out->generation == 2 && layout_fb_known(&out->fb))
		out->fb_firmware = range_of(out->fb.start,
					    min64(FB_FIRMWARE,
						  range_size(&out->fb)));
	ret = layout_place_ram(req, out, why, why_len);
	if (ret)
		return ret;
	if (!req->crs_given && layout_fb_known(&out->fb) && !req->fb_given &&
	    req->generation == 2 && out->fb.end >= HOLE_START)
		return refuse(why, why_len,
			      "framebuffer of %llu MiB does not fit into low MMIO of "
			      MIB_FMT, out->max_fb / MIB,
			      layout_mib(range_size(&out->crs[0])));
	layout_find_reserve(out);
	return 0;
}
