/* SPDX-License-Identifier: GPL-2.0-only */
/* The bzImage boot protocol; what efi.c and the tests see of it. */
#ifndef HVHOST_BOOT_H
#define HVHOST_BOOT_H

/* The kernel's header says bool to a struct of its own. */
#include <asm/bootparam.h>

#include "core/layout.h"
#include "core/types.h"

struct vm;

/* In the lowest MiB: zero page, command line, GDT, page tables */
#define BOOT_GPA	0x00010000u
#define BOOT_SIZE	0x00010000u
/* Within BOOT_GPA: */
#define BOOT_ZERO_PAGE	(BOOT_GPA + 0x0000)
#define BOOT_GDT	(BOOT_GPA + 0x1000)
#define BOOT_PML4	(BOOT_GPA + 0x2000)
#define BOOT_PDPT	(BOOT_GPA + 0x3000)
#define BOOT_PD		(BOOT_GPA + 0x4000)	/* four pages: 4 GiB */
#define BOOT_CMDLINE	(BOOT_GPA + 0x8000)
#define BOOT_CMDLINE_SIZE	0x8000

/* A bzImage that was found to be good. */
struct boot_image {
	struct setup_header hdr;
	u64 offset;		/* of the 64-bit kernel in the file */
	u64 size;		/* of it, bytes */
};

int boot_check(const u8 *file, u64 size, struct boot_image *img, char *why,
	       size_t why_len);
int boot_place(const struct boot_image *img, u64 low_ram_end, u64 initrd_size,
	       u64 *kernel, u64 *initrd, char *why, size_t why_len);
int boot_e820(const struct layout *layout, struct boot_e820_entry *table,
	      int max);
int boot_load(struct vm *vm);
int boot_set_cpu(int cpu_fd);

#endif
