// SPDX-License-Identifier: GPL-2.0-only
/* arm64's boot protocol: bad kernels, places, the devicetree, EFI's tables. */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arm64/dtb.h"
#include "arch/arm64/efi.h"
#include "arch/arm64/image.h"
#include "arch/arm64/map.h"
#include "arch/gop.h"

static u8 file[8192];
static struct image_header *h = (void *)file;
static struct image img;
static char why[200];
static u8 dtb[65536];

static int fresh(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	h->image_size = 16 * MIB;
	h->flags = 0xa;
	h->magic = IMAGE_MAGIC;
	why[0] = 0;
	return 0;
}

static void good(void **state)
{
	struct image_place place;

	(void)state;
	assert_int_equal(image_check(file, sizeof(file), &img, why,
				     sizeof(why)), 0);
	assert_int_equal(img.size, 16 * MIB);
	assert_int_equal(image_place(&img, 512 * MIB, 0, &place, why,
				     sizeof(why)), 0);
	assert_int_equal(place.kernel, 2 * MIB);
	assert_int_equal(place.initrd, 0);
	/* The initrd ends at the RAM's end, but for its alignment */
	assert_int_equal(image_place(&img, 512 * MIB, 70000, &place, why,
				     sizeof(why)), 0);
	assert_int_equal(place.initrd, 512 * MIB - 0x20000);
	h->text_offset = 0x80000;
	assert_int_equal(image_check(file, sizeof(file), &img, why,
				     sizeof(why)), 0);
	assert_int_equal(image_place(&img, 64 * MIB, 46 * MIB - 0x80000, &place,
				     why, sizeof(why)), 0);
	assert_int_equal(place.kernel, 2 * MIB + 0x80000);
	assert_int_equal(place.initrd, 18 * MIB + 0x80000);
}

/* The longest command line that kernels do not cut, and one more byte */
static void append(void **state)
{
	char text[2050] = "";

	(void)state;
	assert_int_equal(image_check_append(text, why, sizeof(why)), 0);
	memset(text, 'a', 2047);
	assert_int_equal(image_check_append(text, why, sizeof(why)), 0);
	text[2047] = 'a';
	assert_int_equal(image_check_append(text, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "takes a command line of 2047 bytes, not 2048");
}

static void refused(u64 size, const char *want)
{
	assert_int_equal(image_check(file, size, &img, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, want));
	fresh(NULL);
}

static void bad(void **state)
{
	struct image_place place;

	(void)state;
	refused(63, "63 bytes are too few");
	h->magic = 0x12345678;
	refused(sizeof(file), "its magic is 0x12345678");
	file[0] = 0x1f;
	file[1] = 0x8b;
	refused(sizeof(file), "it is compressed");
	memcpy(file, "MZ\0\0zimg", 8);
	refused(sizeof(file), "it is compressed");
	h->flags |= 1;
	refused(sizeof(file), "flags 0xb: it is big-endian");
	h->text_offset = 2 * MIB;
	refused(sizeof(file), "text_offset 0x200000");
	h->text_offset = 1;
	refused(sizeof(file), "text_offset 0x1");
	h->image_size = 0;
	refused(sizeof(file), "image_size 0 is less than the file's 8192 bytes");
	h->image_size = 2 * GIB;
	refused(sizeof(file), "image_size 2147483648 is more than 1 GiB");

	assert_int_equal(image_check(file, sizeof(file), &img, why,
				     sizeof(why)), 0);
	assert_int_equal(image_place(&img, 18 * MIB - 1, 0, &place, why,
				     sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "needs 0x1000000 bytes at 0x200000, RAM ends at 0x11fffff"));
	assert_int_equal(image_place(&img, 64 * MIB, 46 * MIB + 1, &place, why,
				     sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "the initrd of 48234497 bytes does not fit"));
	assert_int_equal(image_place(&img, 64 * MIB, ~0ull, &place, why,
				     sizeof(why)), -EINVAL);
}

static const struct layout layout = {
	.generation = 2,
	.efi = true,
	.ram = { { 0, 512 * MIB - 1 }, { 4 * GIB, 5 * GIB - 1 } },
	.ram_count = 2,
	.crs = {
		{ 0x1000000000, 0x1fffffffff },
		{ 0xe0000000, 0xffffffff },
		{ 0xe8000000, 0xe8ffffff },	/* within the one before */
		{ 0x100000000, 0xffffffff },	/* empty */
		{ 0xf0000000, 0xe0000000 },	/* inverted */
	},
	.crs_count = 5,
	.fb_firmware = { 0xe0000000, 0xe02fffff },
	.redistributors = 5,
};

static struct dtb_config config(void)
{
	return (struct dtb_config) {
		.append = "console=ttyAMA0", .initrd = 0x1000000,
		.initrd_size = 0x123, .layout = &layout, .cpus = 3,
	};
}

/* A property's bytes as a number, big-endian, from @at on */
static u64 number(int node, const char *name, int at, int bytes)
{
	const u8 *p;
	u64 value = 0;
	int len, i;

	p = fdt_getprop(dtb, node, name, &len);
	if (!p)
		fail_msg("no %s", name);
	assert_true(at + bytes <= len);
	for (i = 0; i < bytes; i++)
		value = value << 8 | p[at + i];
	return value;
}

static int node_at(const char *path)
{
	int node = fdt_path_offset(dtb, path);

	if (node < 0)
		fail_msg("no %s", path);
	return node;
}

/* With EFI it has /chosen and nothing else, or Linux leaves ACPI alone. */
static void stub(void **state)
{
	struct dtb_config c = config();
	int len, node;

	(void)state;
	c.systab = 0xd0000;
	c.map = 0xf0000;
	c.map_size = 288;
	c.desc_size = 48;
	len = dtb_make(&c, dtb, sizeof(dtb));
	assert_true(len > 0);
	assert_int_equal(fdt_check_header(dtb), 0);
	node = fdt_first_subnode(dtb, 0);
	assert_string_equal(fdt_get_name(dtb, node, NULL), "chosen");
	assert_int_equal(fdt_next_subnode(dtb, node), -FDT_ERR_NOTFOUND);
	assert_string_equal(fdt_getprop(dtb, node, "bootargs", NULL),
			    "console=ttyAMA0");
	assert_int_equal(number(node, "linux,initrd-start", 0, 8), 0x1000000);
	assert_int_equal(number(node, "linux,initrd-end", 0, 8), 0x1000123);
	assert_int_equal(number(node, "linux,uefi-system-table", 0, 8), 0xd0000);
	assert_int_equal(number(node, "linux,uefi-mmap-start", 0, 8), 0xf0000);
	assert_int_equal(number(node, "linux,uefi-mmap-size", 0, 4), 288);
	assert_int_equal(number(node, "linux,uefi-mmap-desc-size", 0, 4), 48);
	assert_int_equal(number(node, "linux,uefi-mmap-desc-ver", 0, 4), 1);
	assert_int_equal(number(node, "linux,uefi-secure-boot", 0, 4), 2);
	/* One byte less is too little, and nothing behind it is touched. */
	dtb[len] = 0x5a;
	assert_int_equal(dtb_make(&c, dtb, len - 1), -ENOSPC);
	assert_int_equal(dtb[len], 0x5a);
	assert_int_equal(dtb_make(&c, dtb, 16), -ENOSPC);
	c.initrd_size = 0;
	assert_true(dtb_make(&c, dtb, sizeof(dtb)) > 0);
	assert_null(fdt_getprop(dtb, fdt_path_offset(dtb, "/chosen"),
				"linux,initrd-start", NULL));
}

/* Without EFI it has it all, and ranges as the layout has windows. */
static void whole(void **state)
{
	static const u64 size[] = { 64 * GIB, 512 * MIB, 16 * MIB, 0, 0 };
	struct dtb_config c = config();
	int node, i, len;

	(void)state;
	assert_true(dtb_make(&c, dtb, sizeof(dtb)) > 0);
	assert_null(fdt_getprop(dtb, node_at("/chosen"),
				"linux,uefi-system-table", NULL));
	node = node_at("/memory@0");
	assert_int_equal(number(node, "reg", 8, 8), 512 * MIB);
	node = node_at("/memory@100000000");
	assert_int_equal(number(node, "reg", 0, 8), 4 * GIB);
	assert_int_equal(number(node, "reg", 8, 8), GIB);
	assert_int_equal(number(node_at("/cpus/cpu@2"), "reg", 0, 4), 2);
	assert_int_equal(fdt_path_offset(dtb, "/cpus/cpu@3"), -FDT_ERR_NOTFOUND);
	node = node_at("/interrupt-controller@ffff0000");
	assert_int_equal(number(node, "reg", 16, 8), 0xefff0000);
	assert_int_equal(number(node, "reg", 24, 8), 5 * 0x20000);
	assert_int_equal(number(0, "interrupt-parent", 0, 4),
			 fdt_get_phandle(dtb, node));
	node = node_at("/serial@effec000");
	assert_int_equal(number(node, "interrupts", 4, 4), INTID_UART1 - 32);
	node_at("/serial@effeb000");
	node = node_at("/timer");
	assert_int_equal(number(node, "interrupts", 28, 4), INTID_VTIMER - 16);
	node = node_at("/vmbus");
	assert_int_equal(number(node, "interrupts", 0, 4), 1);
	assert_int_equal(number(node, "interrupts", 4, 4), 2);
	assert_int_equal(number(node, "#size-cells", 0, 4), 2);
	assert_non_null(fdt_getprop(dtb, node, "ranges", &len));
	assert_int_equal(len, 5 * 24);
	for (i = 0; i < 5; i++) {
		assert_int_equal(number(node, "ranges", 24 * i, 8),
				 layout.crs[i].start);
		assert_int_equal(number(node, "ranges", 24 * i + 8, 8),
				 layout.crs[i].start);
		assert_int_equal(number(node, "ranges", 24 * i + 16, 8),
				 size[i]);
	}
}

/* The memory map has all RAM once, and its tables where they are. */
static void memory_map(void **state)
{
	struct efi_desc map[16];
	u64 next = 0;
	int i, n;

	(void)state;
	n = efi64_make_map(&layout, map, ARRAY_SIZE(map));
	assert_int_equal(n, 6);
	for (i = 0; i < n; i++) {
		/* Whole pages of 64 KiB, for kernels that have those */
		assert_int_equal(map[i].gpa % 0x10000, 0);
		assert_int_equal(map[i].pages % 16, 0);
		assert_int_equal(map[i].attribute & EFI_WB, EFI_WB);
		if (i < n - 1)
			assert_int_equal(map[i].gpa, next);
		next = map[i].gpa + map[i].pages * 4096;
	}
	assert_int_equal(map[4].gpa + map[4].pages * 4096, 512 * MIB);
	assert_int_equal(map[5].gpa, 4 * GIB);
	assert_int_equal(next, 5 * GIB);
	/* No virtual map: Linux then leaves runtime services alone */
	assert_int_equal(map[1].type, EFI_RUNTIME_DATA);
	assert_int_equal(map[1].attribute, EFI_WB | EFI_RUNTIME);
	assert_int_equal(map[1].virt, ~0ull);
	assert_int_equal(map[2].type, EFI_ACPI_RECLAIM);
	assert_int_equal(map[2].gpa, ACPI_GPA);
	assert_int_equal(efi64_make_map(&layout, map, n - 1), -ENOSPC);
}

static void tables(void **state)
{
	static const u8 display[16] = {
		0x0a, 0xc2, 0x3f, 0xe0, 0xdc, 0x85, 0x6e, 0x40,
		0xb9, 0x0e, 0x4a, 0xb5, 0x02, 0x37, 0x1d, 0x95,
	};
	const struct efi_config *c;
	const struct efi_systab *s;
	struct screen_info *si;
	struct mem mem = { 0 };
	struct efi64 efi;
	u8 *ram;

	(void)state;
	ram = calloc(1, 2 * MIB);
	assert_non_null(ram);
	assert_int_equal(efi64_write(&mem, &layout, true, &efi), -EFAULT);
	assert_int_equal(mem_add(&mem, 0, 2 * MIB, ram), 0);
	assert_int_equal(efi64_write(&mem, &layout, true, &efi), 0);
	assert_int_equal(efi.map_size, 6 * 48);
	assert_int_equal(efi.map, EFI_MAP_GPA);
	s = (void *)(ram + efi.systab);
	assert_int_equal(s->h.signature, 0x5453595320494249);
	assert_int_equal(s->table_count, 2);
	assert_int_equal(s->runtime, 0);
	assert_int_equal(ram[s->vendor], 'M');
	c = (void *)(ram + s->tables);
	assert_int_equal(c[0].guid.b[0], 0x71);
	assert_int_equal(c[0].table, ACPI_GPA);
	assert_memory_equal(c[1].guid.b, display, sizeof(display));
	si = (void *)(ram + c[1].table);
	assert_int_equal(si->lfb_base, 0xe0000000);
	assert_int_equal(si->lfb_size, 0x300000);
	assert_int_equal(si->orig_video_isVGA, VIDEO_TYPE_EFI);
	/* It is kept with ACPI, so that the next kernel sees it as this one leaves it */
	assert_true(c[1].table >= ACPI_GPA + ACPI_SIZE &&
		    c[1].table < ACPI_GPA + BLOCK_SIZE);

	assert_int_equal(efi64_write(&mem, &layout, false, &efi), 0);
	assert_int_equal(s->table_count, 1);
	assert_int_equal(si->lfb_base, 0);
	free(ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good, fresh),
		cmocka_unit_test_setup(bad, fresh),
		cmocka_unit_test_setup(append, fresh),
		cmocka_unit_test(stub),
		cmocka_unit_test(whole),
		cmocka_unit_test(memory_map),
		cmocka_unit_test(tables),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
