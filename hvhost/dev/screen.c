// SPDX-License-Identifier: GPL-2.0-only
/* What is on the screen, as a PNG. */
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fail.h"
#include "dev/screen.h"

/* Why it cannot be written: what a call left in errno */
static int screen_failed(int err, char *why, size_t why_len)
{
	snprintf(why, why_len, "%s", strerror(err));
	return -err;
}

#define RGB	3	/* bytes of a pixel in the picture */

/* 5 or 6 bits of a colour as 8 */
static u8 screen_widen(u32 value, u32 bits)
{
	value &= (1u << bits) - 1;
	return value << (8 - bits) | value >> (2 * bits - 8);
}

static void screen_convert(const struct screen *screen, const u8 *vram, u8 *rgb)
{
	u32 x, y;

	for (y = 0; y < screen->height; y++) {
		const u8 *p = vram + (u64)y * screen->pitch;

		for (x = 0; x < screen->width; x++, rgb += RGB) {
			if (screen->depth == 32) {
				rgb[0] = p[2];
				rgb[1] = p[1];
				rgb[2] = p[0];
				p += 4;
			} else {
				u32 v = p[0] | (u32)p[1] << 8;

				rgb[0] = screen_widen(v >> 11, 5);
				rgb[1] = screen_widen(v >> 5, 6);
				rgb[2] = screen_widen(v, 5);
				p += 2;
			}
		}
	}
}

static int screen_check(const struct screen *s, u64 size, char *why,
			size_t why_len)
{
	u64 row = (u64)s->width * s->depth / 8;

	if (s->depth != 16 && s->depth != 32)
		return refuse(why, why_len, "%u bits a pixel are not supported",
			      s->depth);
	if (!s->width || !s->height || s->pitch < row)
		return refuse(why, why_len,
			      "no picture is %ux%u with %u bytes a row",
			      s->width, s->height, s->pitch);
	if ((u64)s->pitch * (s->height - 1) + row > size)
		return refuse(why, why_len,
			      "%ux%u with %u bytes a row is more than the framebuffer's %llu bytes",
			      s->width, s->height, s->pitch, size);
	return 0;
}

static int screen_write_png(FILE *f, png_image *image, const u8 *rgb, char *why,
			    size_t why_len)
{
	int err = 0;

	errno = 0;
	if (!png_image_write_to_stdio(image, f, 0, rgb, 0, NULL)) {
		/* libpng's own word has no reason in it */
		err = errno ? -errno : -EIO;
		snprintf(why, why_len, "%s", errno ? strerror(errno) : image->message);
	}
	if (fclose(f) && !err)
		err = screen_failed(errno, why, why_len);
	return err;
}

/**
 * screen_write() - Write what is on the screen to a file.
 * @path:	PNG, replaced as a whole or not at all
 * @screen:	How pixels lie
 * @vram:	Where; the guest may write there meanwhile
 * @size:	Bytes there
 * @why:	On error, what is wrong
 * @why_len:	Bytes at @why
 *
 * Return: 0 or -errno.
 */
int screen_write(const char *path, const struct screen *screen, const u8 *vram,
		 u64 size, char *why, size_t why_len)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = screen->width,
		.height = screen->height,
		.format = PNG_FORMAT_RGB,
		/* It is not kept for long */
		.flags = PNG_IMAGE_FLAG_FAST,
	};
	char part[4096];
	u8 *rgb;
	FILE *f;
	int err;

	err = screen_check(screen, size, why, why_len);
	if (err)
		return err;
	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return screen_failed(ENAMETOOLONG, why, why_len);
	rgb = malloc((u64)screen->width * screen->height * RGB);
	if (!rgb)
		return screen_failed(ENOMEM, why, why_len);
	screen_convert(screen, vram, rgb);
	f = fopen(part, "we");
	if (!f) {
		err = screen_failed(errno, why, why_len);
		free(rgb);
		return err;
	}
	err = screen_write_png(f, &image, rgb, why, why_len);
	free(rgb);
	if (!err && rename(part, path))
		err = screen_failed(errno, why, why_len);
	if (err)
		unlink(part);
	return err;
}
