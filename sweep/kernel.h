/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One version of the kernel's MMIO code, as the rest of the sweep sees it. Each
 * is an object file of its own, all else in it is its own, too: sweep/kernel.c
 * around what sweep/cut took from that kernel.
 */
#ifndef SWEEP_KERNEL_H
#define SWEEP_KERNEL_H

#include "core/layout.h"
#include "core/limits.h"
#include "core/types.h"

/* sweep/cost has more. */
#ifndef MAX_BUSES
#define MAX_BUSES	32
#endif

#define MAX_KERNELS	8

/* What a kernel finds when it starts. */
struct boot {
	const struct range *crs;	/* as the ACPI tables have it */
	int crs_count;
	const struct range *busy;	/* in iomem_resource from the start */
	int busy_count;
	const struct range *vga_bar;	/* of the Gen1 VGA device, NULL: none */
	bool efi;			/* was it told of EFI? */
	struct range told;		/* screen_info's framebuffer; {0, 0}: none */
	u16 offered_mib;		/* of video memory, by VMBus */
	bool devicetree;		/* from one, instead of ACPI */
};

/* The BARs of the one device on a virtual PCI bus; of size 0: there is none. */
struct bus {
	struct {
		u64 size;
		bool is_64;
	} bar[MAX_BARS];
};

/* Low MMIO that PCI could still have. */
struct left {
	u64 bytes;
	u64 largest;			/* BAR: a power of two, aligned */
};

/*
 * A range that is not to be had is {1, 0}, as is one that is not asked for.
 * Functions that return int return 0 or the kernel's -errno.
 */
struct kernel {
	const char *name;
	/* What is stated for it, as in sweep/cut.spec, with commas; the bools
	 * down to ->retries are some of that.
	 */
	const char *features;
	/* Does it allocate step by step? So do all without the series. */
	bool steps;
	/* boot() knows devicetree */
	bool devicetree;
	/* Does it move a framebuffer that is larger than what is reserved to
	 * the end of high MMIO?
	 */
	bool moves_fb;
	/* Does it prefer to place config windows next to x86's I/O APIC? */
	bool config_at_ioapic;
	/* Does it try another config window if the host refuses one? */
	bool retries;
	/* Does pci-hyperv's probe allocate bridge windows before the config
	 * window?
	 */
	bool windows_first;
	/* Forget all, then walk _CRS and reserve. Return: 0 or -ENOMEM. */
	int (*boot)(const struct boot *boot);
	/* hyperv_drm's probe gets its VRAM */
	int (*video)(u32 mmio_megabytes, struct range *fb);
	/* pci-hyperv's probe of a bus, in this order, but for windows() if
	 * ->windows_first. enter_d0() asks @takes whether the host takes a
	 * config window, for each window that the kernel tries; @window is the
	 * last one. windows() returns -ENOSPC if it is the high one that could
	 * not be had.
	 */
	void (*add)(int bus);
	int (*config)(int bus, struct range *window);
	void (*unconfig)(int bus);
	int (*enter_d0)(int bus,
			bool (*takes)(void *arg, const struct range *config),
			void *arg, struct range *window);
	int (*windows)(int bus, const struct bus *dev, struct range *low,
		       struct range *high);
	void (*unwindows)(int bus);
	/* The kernel's own idea of its windows, and of its reservation */
	int (*granted)(struct range *out, int max);
	bool (*reserved)(struct range *out);
	void (*left)(struct left *left);
	/* The same number: PCI devices get the same from here on. What is in
	 * iomem_resource within what is taken of a window does not count: for
	 * PCI the window has to be free there as well.
	 */
	u64 (*state)(void);
	/* For any caller's requests */
	int (*allocate)(u64 min, u64 max, u64 size, u64 align, bool fb_ok,
			struct range *out);
	void (*free)(u64 start, u64 size);
	/* The VMBus driver lets go. Return: objects that are still there, and a
	 * list of windows that is.
	 */
	int (*remove)(void);
	/* NULL, or what is wrong with the resource trees */
	const char *(*check)(void);
};

/* All that were built, in the order in which they were named: for x86, arm64 */
extern const struct kernel *const kernels[], *const arm64_kernels[];
extern const int kernel_count;

#endif
