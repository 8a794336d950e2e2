/* SPDX-License-Identifier: GPL-2.0-only */
/* What is on the screen, as a picture in a file. */
#ifndef HVHOST_SCREEN_H
#define HVHOST_SCREEN_H

#include "core/types.h"

/* How pixels lie in the framebuffer, from its first byte on */
struct screen {
	u32 width, height;
	u32 pitch;			/* bytes from one row to the next */
	u32 depth;			/* bits: 32 is XRGB8888, 16 is RGB565 */
};

/* As firmware sets it, and tells in screen_info */
#define SCREEN_FIRMWARE	{ .width = 1024, .height = 768, \
			  .pitch = 1024 * 4, .depth = 32 }

int screen_write(const char *path, const struct screen *screen, const u8 *vram,
		 u64 size, char *why, size_t why_len);

#endif
