/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a Hyper-V host puts RAM, the MMIO windows and the framebuffer: the
 * rule as measured on real hosts, and nothing else. Pure.
 */
#ifndef HVHOST_LAYOUT_H
#define HVHOST_LAYOUT_H

#include "core/types.h"

#define LAYOUT_MAX_RANGES	16
#define LAYOUT_MAX_FIXED	2
#define LAYOUT_MAX_DESCRIBED	3

/* arm64: UARTs and GIC, in low MMIO; a redistributor for each vCPU that there may be */
#define LAYOUT_ARM64_UART2	0xeffeb000ull
#define LAYOUT_ARM64_UART1	0xeffec000ull
#define LAYOUT_ARM64_GICR	0xefff0000ull
#define LAYOUT_ARM64_GICR_SIZE	0x20000u
#define LAYOUT_ARM64_GICD	0xffff0000ull
#define LAYOUT_ARM64_MAX_VPS	2048	/* their redistributors end at the distributor */

enum layout_arch { LAYOUT_X86, LAYOUT_ARM64 };

/* What the user asks for, in the host's own words. */
struct layout_request {
	enum layout_arch arch;
	int generation;			/* 1 or 2 */
	u64 memory;			/* bytes of RAM */
	u64 low_mmio;			/* Set-VM -LowMemoryMappedIoSpace, 0: default */
	u64 high_mmio;			/* size, 0: default */
	bool no_high_mmio;		/* a zero-length range at 4 GiB instead */
	bool not_windows;		/* low_mmio below what Windows takes */
	/* Gen2: no EFI, and nobody has set up a framebuffer */
	bool no_firmware;
	u32 redistributors;		/* arm64: 0 is 1 */
	u32 width, height;		/* Set-VMVideo, 0: default */
	/*
	 * How much of the framebuffer is mapped before a driver moves it: bytes,
	 * 0: all that is offered, but on Gen1 no more than the VGA BAR
	 */
	u64 fb_mapped;
	bool fb_mapped_whole;		/* all that is offered, on Gen1 too */
	/* The escape: these in place of what the rule says; may be nonsense. */
	bool crs_given, fb_given, firmware_given;
	struct range crs[LAYOUT_MAX_RANGES];
	int crs_count;
	struct range fb;		/* {0, 0}: no framebuffer known */
	struct range firmware;		/* what firmware says; {0, 0}: of none */
};

struct layout {
	int generation;
	bool efi;
	/* RAM; ram[1] lies above 4 GiB and high MMIO and may be absent */
	struct range ram[2];
	int ram_count;
	/* _CRS, in the order and with the nonsense that was asked for: a range
	 * whose end is below its start is empty or inverted as it stands
	 */
	struct range crs[LAYOUT_MAX_RANGES];
	int crs_count;
	u32 width, height;		/* the largest resolution */
	u64 max_fb;			/* bytes that the framebuffer may need */
	u32 mmio_megabytes;		/* max_fb as the synthvid offer says it */
	struct range fb;		/* where it is at first; {0, 0}: nowhere */
	struct range fb_firmware;	/* as screen_info says; {0, 0}: none */
	struct range vga_bar;		/* Gen1 */
	/* In low MMIO, devices of the host's that ACPI does not describe */
	struct range fixed[LAYOUT_MAX_FIXED];
	int fixed_count;
	/* ... and those that it describes: guests do not allocate these ranges */
	struct range described[LAYOUT_MAX_DESCRIBED];
	int described_count;
	u32 redistributors;		/* arm64 */
	/* What a guest should make of it: */
	/* sorted, disjoint, without the hole, which can cut one in two */
	struct range usable[LAYOUT_MAX_RANGES + 1];
	int usable_count;
	struct range reserve;		/* to be kept for the framebuffer */
	bool has_reserve;
};

int layout_make(const struct layout_request *req, struct layout *out,
		char *why, size_t why_len);

#endif
