// SPDX-License-Identifier: GPL-2.0-only
/* Pictures of the screen: what a viewer of PNGs sees of a framebuffer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <png.h>
#include <cmocka.h>

#include "dev/screen.h"

static char folder[40];
static char path[100], part[100], why[160];
static u8 *pixels;			/* as read, 3 bytes each */
static u32 got_width, got_height;

static int setup(void **state)
{
	(void)state;
	pixels = NULL;
	why[0] = 0;
	snprintf(folder, sizeof(folder), "/tmp/test_screen.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/a.png", folder);
	snprintf(part, sizeof(part), "%s/a.png.part", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(pixels);
	unlink(path);
	return rmdir(folder);
}

static void read_png(void)
{
	png_image image = { .version = PNG_IMAGE_VERSION };

	assert_true(png_image_begin_read_from_file(&image, path));
	assert_int_equal(image.format & PNG_FORMAT_FLAG_ALPHA, 0);
	image.format = PNG_FORMAT_RGB;
	got_width = image.width;
	got_height = image.height;
	free(pixels);
	pixels = malloc(PNG_IMAGE_SIZE(image));
	assert_non_null(pixels);
	assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
}

static u32 pixel(u32 x, u32 y)
{
	const u8 *p = pixels + (y * got_width + x) * 3;

	return p[0] << 16 | p[1] << 8 | p[2];
}

/* Rows that are longer than they look; the unused byte is no alpha. */
static void depth_32(void **state)
{
	const struct screen s = {
		.width = 5, .height = 3, .pitch = 24, .depth = 32,
	};
	/* Just as large as it must be; ASan guards its end */
	const size_t size = 2 * 24 + 5 * 4;
	u32 *vram = malloc(size);
	u32 x, y;

	(void)state;
	memset(vram, 0xee, size);
	for (y = 0; y < 3; y++)
		for (x = 0; x < 5; x++)
			vram[y * 6 + x] = (x & 1 ? 0xff000000 : 0) |
					  0x102030 * y | x;
	assert_int_equal(screen_write(path, &s, (u8 *)vram, size, why,
				      sizeof(why)), 0);
	read_png();
	assert_int_equal(got_width, 5);
	assert_int_equal(got_height, 3);
	for (y = 0; y < 3; y++)
		for (x = 0; x < 5; x++)
			assert_int_equal(pixel(x, y), 0x102030 * y | x);
	free(vram);
	assert_int_not_equal(access(part, F_OK), 0);
}

static void depth_16(void **state)
{
	static const struct {
		u16 in;
		u32 out;
	} colour[] = {
		{ 0x0000, 0x000000 }, { 0xffff, 0xffffff }, { 0xf800, 0xff0000 },
		{ 0x07e0, 0x00ff00 }, { 0x001f, 0x0000ff }, { 0x0821, 0x080408 },
		{ 0x8410, 0x848284 },
	};
	const struct screen s = {
		.width = 7, .height = 2, .pitch = 14, .depth = 16,
	};
	u16 vram[14];
	u32 i;

	(void)state;
	for (i = 0; i < 7; i++) {
		vram[i] = colour[i].in;
		vram[7 + i] = colour[6 - i].in;
	}
	assert_int_equal(screen_write(path, &s, (u8 *)vram, sizeof(vram), why,
				      sizeof(why)), 0);
	read_png();
	for (i = 0; i < 7; i++) {
		assert_int_equal(pixel(i, 0), colour[i].out);
		assert_int_equal(pixel(i, 1), colour[6 - i].out);
	}
}

/* The file that was there is gone at once, or stays. */
static void replaced(void **state)
{
	const struct screen s = {
		.width = 1, .height = 1, .pitch = 4, .depth = 32,
	};
	u8 vram[4] = { 1, 2, 3, 4 };
	FILE *f = fopen(path, "w");

	(void)state;
	assert_non_null(f);
	fputs("old", f);
	fclose(f);
	assert_int_equal(screen_write(path, &s, vram, 3, why, sizeof(why)),
			 -EINVAL);
	f = fopen(path, "r");
	assert_int_equal(fgetc(f), 'o');
	fclose(f);
	assert_int_equal(screen_write(path, &s, vram, 4, why, sizeof(why)), 0);
	read_png();
	assert_int_equal(pixel(0, 0), 0x030201);
}

static void refused(const struct screen *s, u64 size, const char *want)
{
	static const u8 vram[64];

	assert_int_equal(screen_write(path, s, vram, size, why, sizeof(why)),
			 -EINVAL);
	assert_string_equal(why, want);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void refusals(void **state)
{
	(void)state;
	refused(&(struct screen) { 2, 2, 6, 24 }, 64,
		"24 bits a pixel are not supported");
	refused(&(struct screen) { 0, 2, 8, 32 }, 64,
		"no picture is 0x2 with 8 bytes a row");
	refused(&(struct screen) { 2, 0, 8, 32 }, 64,
		"no picture is 2x0 with 8 bytes a row");
	refused(&(struct screen) { 3, 2, 11, 32 }, 64,
		"no picture is 3x2 with 11 bytes a row");
	refused(&(struct screen) { 2, 9, 8, 32 }, 64,
		"2x9 with 8 bytes a row is more than the framebuffer's 64 bytes");
	refused(&(struct screen) { 2, 0xffffffff, 0xffffffff, 32 }, 64,
		"2x4294967295 with 4294967295 bytes a row is more than the framebuffer's 64 bytes");
	refused(&(struct screen) { 0xffffffff, 1, 0xffffffff, 32 }, 64,
		"no picture is 4294967295x1 with 4294967295 bytes a row");
}

static void bad_files(void **state)
{
	const struct screen s = {
		.width = 1, .height = 1, .pitch = 4, .depth = 32,
	};
	char longest[5000];
	u8 vram[4] = { 0 };

	(void)state;
	assert_int_equal(screen_write("/nonexistent/a.png", &s, vram, 4, why,
				      sizeof(why)), -ENOENT);
	assert_string_equal(why, "No such file or directory");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(screen_write(longest, &s, vram, 4, why, sizeof(why)),
			 -ENAMETOOLONG);
	/* What it is to replace cannot be: nothing is left behind */
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(screen_write(path, &s, vram, 4, why, sizeof(why)),
			 -EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_int_not_equal(access(part, F_OK), 0);
	/* Full */
	assert_int_equal(symlink("/dev/full", part), 0);
	assert_true(screen_write(path, &s, vram, 4, why, sizeof(why)) < 0);
	assert_int_not_equal(access(part, F_OK), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(depth_32, setup, teardown),
		cmocka_unit_test_setup_teardown(depth_16, setup, teardown),
		cmocka_unit_test_setup_teardown(replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
