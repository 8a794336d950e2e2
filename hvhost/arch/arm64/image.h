/* SPDX-License-Identifier: GPL-2.0-only */
/* An arm64 kernel's Image: its header, and where it goes. Pure. */
#ifndef HVHOST_ARM64_IMAGE_H
#define HVHOST_ARM64_IMAGE_H

#include "core/types.h"

/* Documentation/arch/arm64/booting.rst in the kernel */
struct image_header {
	u32 code[2];
	u64 text_offset;
	u64 image_size;
	u64 flags;
	u64 reserved[3];
	u32 magic;
	u32 pe_offset;
};

#define IMAGE_MAGIC	0x644d5241u	/* "ARM\x64" */
#define IMAGE_BIG_ENDIAN	1ull

#define IMAGE_APPEND_MAX	2047	/* COMMAND_LINE_SIZE, without the 0 */

/* An Image that was found to be good. */
struct image {
	u64 text_offset;
	u64 size;		/* in memory, BSS and so on included */
};

/* Where kernel and initrd go */
struct image_place {
	u64 kernel;
	u64 initrd;		/* 0: there is none */
};

int image_check(const u8 *file, u64 size, struct image *img, char *why,
		size_t why_len);
int image_check_append(const char *append, char *why, size_t why_len);
int image_place(const struct image *img, u64 low_ram_end, u64 initrd_size,
		struct image_place *place, char *why, size_t why_len);

#endif
