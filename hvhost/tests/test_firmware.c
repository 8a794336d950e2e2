// SPDX-License-Identifier: GPL-2.0-only
/* What a hostile host has firmware say: what changes, and what a kernel can still rely on. */
#include <libfdt.h>
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* After those that it needs. */
#include <cmocka.h>

#include "arch/arm64/acpi.h"
#include "arch/arm64/dtb.h"
#include "arch/firmware.h"
#include "arch/gop.h"
#include "core/bytes.h"
#include "core/hostile.h"
#include "core/range.h"
#include "core/trace.h"

/* Descriptors of the layout below: one of 32 bits, one of 64 */
#define DWORD_SIZE	26u
#define QWORD_SIZE	46u
#define CRS_SIZE	(DWORD_SIZE + QWORD_SIZE + 2)

static const struct layout layout = {
	.generation = 2, .efi = true, .redistributors = 1,
	.ram = { { 0, GIB - 1 } }, .ram_count = 1,
	.crs = { { 0xf8000000, 0xffffffff }, { 0xfe0000000, 0xfffffffff } },
	.crs_count = 2,
	.fb_firmware = { 0xf8000000, 0xf82fffff },
};

static const struct hostile_plan honest;

/* In place of trace.c: the last event "firmware" */
static struct range told[128];
static int told_count;

void trace_begin(const char *event)
{
	(void)event;
}

void trace_end(void)
{
}

void trace_str(const char *key, const char *value)
{
	(void)key;
	(void)value;
}

void trace_num(const char *key, s64 value)
{
	(void)key;
	(void)value;
}

void trace_hex(const char *key, u64 value)
{
	(void)key;
	(void)value;
}

void trace_ranges(const char *key, const struct range *range, int count)
{
	assert_string_equal(key, "crs");
	assert_in_range(count, 0, ARRAY_SIZE(told));
	memcpy(told, range, (size_t)count * sizeof(told[0]));
	told_count = count;
}

static void lie(u64 seed, u32 rate, enum hostile_site site)
{
	struct hostile_plan plan = {
		.on = true, .seed = seed, .rate = rate,
		.only = { { .site = site } },
		.onlys = site != HOSTILE_SITES,
	};

	told_count = -1;
	hostile_start(&plan);
}

static void be_honest(void)
{
	hostile_start(&honest);
}

struct crs {
	u8 bytes[FIRMWARE_CRS_SIZE];
	size_t len;
};

/* A table whose checksum, lengths and names are right, whatever is in its _CRS. */
static struct crs table(const struct layout *l)
{
	u8 ssdt[FIRMWARE_SSDT_SIZE];
	int n = acpi64_make_ssdt(l, 1, ssdt, sizeof(ssdt));
	const u8 *p = ssdt + sizeof(struct acpi_header);
	size_t scope, buffer;
	struct crs crs;

	assert_true(n > 0);
	assert_int_equal(acpi_sum(ssdt, (size_t)n), 0);
	assert_int_equal(get_le32(ssdt + 4), n);
	assert_int_equal(*p++, 0x10);
	scope = (p[0] & 0xf) | p[1] << 4;
	assert_memory_equal(p + 2, "\\\x2e_SB_VMOD\x08_CRS\x11", 16);
	p += 18;
	buffer = (p[0] & 0xf) | p[1] << 4;
	assert_int_equal(scope, buffer + 18);
	assert_int_equal(p[2], 0x0b);
	crs.len = get_le16(p + 3);
	assert_int_equal(buffer, 5 + crs.len);
	memcpy(crs.bytes, p + 5, crs.len);
	/* The processors' scope follows. */
	assert_int_equal(p[5 + crs.len], 0x10);
	return crs;
}

/* A field of the first descriptor, and of no other byte, changes. */
static void fields(void **state)
{
	static const struct {
		enum hostile_site site;
		u32 at, size;
	} field[] = {
		{ HOSTILE_CRS_TAG, 0, 1 }, { HOSTILE_CRS_SIZE, 1, 2 },
		{ HOSTILE_CRS_TYPE, 3, 1 }, { HOSTILE_CRS_FLAGS, 4, 1 },
		{ HOSTILE_CRS_ATTRIBUTES, 5, 1 },
		{ HOSTILE_CRS_GRANULARITY, 6, 4 }, { HOSTILE_CRS_MIN, 10, 4 },
		{ HOSTILE_CRS_MAX, 14, 4 }, { HOSTILE_CRS_TRANSLATION, 18, 4 },
		{ HOSTILE_CRS_LENGTH, 22, 4 },
	};
	struct crs truth = table(&layout), crs;
	u64 seed;
	u32 i;

	(void)state;
	assert_int_equal(truth.len, CRS_SIZE);
	for (i = 0; i < ARRAY_SIZE(field); i++) {
		u32 at = field[i].at, after = at + field[i].size;

		for (seed = 0; seed < 50; seed++) {
			lie(seed, 1000, field[i].site);
			crs = table(&layout);
			assert_int_equal(crs.len, truth.len);
			assert_memory_equal(crs.bytes, truth.bytes, at);
			assert_memory_not_equal(crs.bytes + at,
						truth.bytes + at,
						field[i].size);
			assert_memory_equal(crs.bytes + after,
					    truth.bytes + after,
					    DWORD_SIZE - after);
			assert_memory_not_equal(crs.bytes + DWORD_SIZE,
						truth.bytes + DWORD_SIZE,
						QWORD_SIZE);
		}
	}
	be_honest();
}

/* What the trace says that a kernel can take for windows is what is in the table. */
static void traced(void **state)
{
	struct crs crs;

	(void)state;
	lie(1, 1000, HOSTILE_CRS_MIN);
	crs = table(&layout);
	assert_int_equal(told_count, 2);
	assert_int_equal(told[0].start, get_le32(crs.bytes + 10));
	assert_int_equal(told[0].end, 0xffffffff);
	assert_int_equal(told[1].start, get_le64(crs.bytes + DWORD_SIZE + 14));
	assert_int_equal(told[1].end, 0xfffffffff);
	/* Another type is no other window; another tag is none, or none that is whole. */
	lie(1, 1000, HOSTILE_CRS_TYPE);
	table(&layout);
	assert_int_equal(told_count, 2);
	lie(1, 1000, HOSTILE_CRS_TAG);
	table(&layout);
	assert_int_equal(told_count, 0);
	lie(1, 0, HOSTILE_SITES);
	table(&layout);
	assert_int_equal(told_count, 2);
	assert_memory_equal(told, layout.crs, 2 * sizeof(told[0]));
	be_honest();
	told_count = -1;
	table(&layout);
	assert_int_equal(told_count, -1);
}

/* No end tag, half of one, one with a checksum, one too early */
static void ends(void **state)
{
	struct crs truth = table(&layout), crs;
	u32 missing = 0, half = 0, sum = 0, early = 0;
	u64 seed;

	(void)state;
	for (seed = 0; seed < 200; seed++) {
		lie(seed, 1000, HOSTILE_CRS_END);
		crs = table(&layout);
		missing += crs.len == truth.len - 2;
		half += crs.len == truth.len - 1;
		sum += crs.len == truth.len && crs.bytes[crs.len - 1] == 1;
		if (crs.len != truth.len + 2)
			continue;
		early++;
		assert_true(told_count >= 0 && told_count <= 2);
	}
	assert_int_equal(missing + half + sum + early, 200);
	assert_true(missing && half && sum && early);
	be_honest();
}

/* Whole ranges: of all kinds that no host should have */
static void ranges(void **state)
{
	u32 empty = 0, reversed = 0, overlap = 0, top = 0, across = 0, hole = 0;
	u32 sane = 0, beyond = 0, zero = 0;
	struct range list[FIRMWARE_MAX_WINDOWS];
	u64 seed;
	int i;

	(void)state;
	for (seed = 0; seed < 2000; seed++) {
		lie(seed, 1000, HOSTILE_WINDOWS_RANGE);
		assert_int_equal(firmware_windows(&layout, list), 2);
		for (i = 0; i < 2; i++) {
			const struct range *r = &list[i];

			if (range_empty(r)) {
				empty += !range_size(r);
				reversed += !!range_size(r);
				continue;
			}
			overlap += range_overlap(r, &layout.crs[0]);
			top += r->end == ~0ull;
			across += r->start < 4 * GIB && r->end >= 4 * GIB;
			hole += r->start >= 0xfed40000 && r->end < 4 * GIB;
			beyond += r->start >= 1ull << 52;
			zero += !r->start;
			sane += range_within(r, &layout.crs[0]);
		}
	}
	assert_true(empty && reversed && overlap && top && across && hole);
	assert_true(sane && beyond && zero);
	be_honest();
}

static void lists(void **state)
{
	struct layout many = layout;
	struct range list[FIRMWARE_MAX_WINDOWS];
	int i;

	(void)state;
	many.crs_count = LAYOUT_MAX_RANGES;
	for (i = 0; i < many.crs_count; i++)
		many.crs[i] = range_of((u64)(i + 1) << 36, GIB);
	lie(3, 1000, HOSTILE_WINDOWS_EXTRA);
	assert_int_equal(firmware_windows(&many, list), 2 * many.crs_count);
	assert_memory_equal(&list[1], &many.crs[0], sizeof(list[0]));
	lie(3, 1000, HOSTILE_WINDOWS_TWICE);
	assert_int_equal(firmware_windows(&many, list), 2 * many.crs_count);
	assert_memory_equal(&list[0], &list[1], sizeof(list[0]));
	lie(3, 1000, HOSTILE_WINDOWS_ORDER);
	assert_int_equal(firmware_windows(&many, list), many.crs_count);
	assert_memory_not_equal(&list[0], &many.crs[0], sizeof(list[0]));
	/* The most that there can be fits into the table. */
	lie(3, 1000, HOSTILE_SITES);
	assert_int_equal(firmware_windows(&many, list), FIRMWARE_MAX_WINDOWS);
	lie(3, 1000, HOSTILE_SITES);
	table(&many);
	many.crs_count = 0;
	assert_int_equal(firmware_windows(&many, list), 0);
	table(&many);
	be_honest();
}

/* Whatever the seed and the rate, the table is whole. */
static void any_table(void **state)
{
	u64 seed;

	(void)state;
	for (seed = 0; seed < 3000; seed++) {
		lie(seed, 5 + (u32)(seed % 10) * 110, HOSTILE_SITES);
		table(&layout);
	}
	be_honest();
}

static u8 dtb[65536];

/* The node of VMBus */
static int tree(void)
{
	const struct dtb_config config = {
		.append = "", .layout = &layout, .cpus = 1,
	};
	int n = dtb_make(&config, dtb, sizeof(dtb)), node;

	assert_true(n > 0);
	assert_int_equal(fdt_check_full(dtb, (size_t)n), 0);
	node = fdt_path_offset(dtb, "/vmbus");
	assert_true(node > 0);
	return node;
}

static u64 entry(int node, u32 i)
{
	const fdt64_t *p = fdt_getprop(dtb, node, "ranges", NULL);

	return fdt64_to_cpu(p[i]);
}

static u32 cells(const char *name)
{
	const fdt32_t *p = fdt_getprop(dtb, fdt_path_offset(dtb, "/vmbus"), name, NULL);

	return fdt32_to_cpu(*p);
}

static void devicetree(void **state)
{
	static const enum hostile_site sites[] = {
		HOSTILE_RANGES_CHILD, HOSTILE_RANGES_PARENT, HOSTILE_RANGES_SIZE,
	};
	const u64 truth[] = {
		0xf8000000, 0xf8000000, 0x8000000, 0xfe0000000, 0xfe0000000, 0x20000000,
	};
	int len, node;
	u64 seed;
	u32 i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		lie(2, 1000, sites[i]);
		node = tree();
		for (j = 0; j < 6; j++)
			assert_int_equal(entry(node, j) == truth[j], j % 3 != i);
	}
	lie(2, 1000, HOSTILE_RANGES_PARENT);
	node = tree();
	assert_int_equal(entry(node, 1), told[0].start);
	assert_int_equal(told[0].end, told[0].start + 0x7ffffff);
	assert_int_equal(told_count, 2);
	for (seed = 0; seed < 100; seed++) {
		lie(seed, 1000, HOSTILE_RANGES_LENGTH);
		assert_non_null(fdt_getprop(dtb, tree(), "ranges", &len));
		assert_in_range(len, 0, 47);
		assert_int_equal(told_count, len / 24);
	}
	/* Then they are no ranges of ours. */
	lie(2, 1000, HOSTILE_RANGES_CELLS);
	tree();
	assert_int_not_equal(cells("#address-cells"), 2);
	assert_int_not_equal(cells("#size-cells"), 2);
	assert_int_equal(told_count, -1);
	for (seed = 0; seed < 1000; seed++) {
		lie(seed, 5 + (u32)(seed % 10) * 110, HOSTILE_SITES);
		tree();
	}
	be_honest();
	tree();
	assert_int_equal(cells("#address-cells"), 2);
	assert_int_equal(cells("#size-cells"), 2);
}

static void screen(void **state)
{
	static const struct {
		enum hostile_site site;
		size_t at, size;
	} field[] = {
		{ HOSTILE_SCREEN_TYPE, 0x0f, 1 }, { HOSTILE_SCREEN_WIDTH, 0x12, 2 },
		{ HOSTILE_SCREEN_HEIGHT, 0x14, 2 }, { HOSTILE_SCREEN_DEPTH, 0x16, 2 },
		{ HOSTILE_SCREEN_BASE, 0x18, 4 }, { HOSTILE_SCREEN_SIZE, 0x1c, 4 },
		{ HOSTILE_SCREEN_STRIDE, 0x24, 2 },
		{ HOSTILE_SCREEN_CAPABILITIES, 0x36, 4 },
		{ HOSTILE_SCREEN_EXT_BASE, 0x3a, 4 },
	};
	struct screen_info truth, si;
	struct layout gen1 = layout;
	u64 seed, high = 0;
	size_t i, j;

	(void)state;
	gop_describe(&layout, &truth);
	for (i = 0; i < ARRAY_SIZE(field); i++) {
		lie(4, 1000, field[i].site);
		gop_describe(&layout, &si);
		for (j = 0; j < sizeof(si); j++)
			if (j < field[i].at || j >= field[i].at + field[i].size)
				assert_int_equal(((u8 *)&si)[j], ((u8 *)&truth)[j]);
		assert_memory_not_equal(&si, &truth, sizeof(si));
	}
	gen1.generation = 1;
	gen1.fb_firmware = (struct range) { 0 };
	for (seed = 0; seed < 100; seed++) {
		/* A framebuffer where an honest host says that there is none */
		lie(seed, 1000, HOSTILE_SCREEN_PLACE);
		gop_describe(&gen1, &si);
		assert_int_equal(si.orig_video_isVGA, VIDEO_TYPE_VLFB);
		lie(seed, 1000, HOSTILE_SCREEN_PLACE);
		gop_describe(&layout, &si);
		assert_int_equal(si.orig_video_isVGA, VIDEO_TYPE_EFI);
		assert_int_equal(si.capabilities, si.ext_lfb_base ?
				 VIDEO_CAPABILITY_64BIT_BASE : 0);
		high += !!si.ext_lfb_base;
	}
	assert_in_range(high, 1, 99);
	be_honest();
}

static void vga(void **state)
{
	static const struct {
		enum hostile_site site;
		size_t at, size;
	} field[] = {
		{ HOSTILE_VGA_ID, PCI_VENDOR_ID, 4 },
		{ HOSTILE_VGA_COMMAND, PCI_COMMAND, 2 },
		{ HOSTILE_VGA_BAR, PCI_BASE_ADDRESS_0, 4 },
		{ HOSTILE_VGA_PLACE, PCI_BASE_ADDRESS_0, 4 },
	};
	const struct pci_bar bar = { .size = 64 * MIB };
	struct pcicfg truth, cfg;
	size_t i, j;

	(void)state;
	pcicfg_init(&truth, 0x1414, 0x5353, 0x030000, 0);
	pcicfg_set_bar(&truth, 0, &bar);
	pcicfg_set(&truth, PCI_BASE_ADDRESS_0, 0xf8000000, 4);
	for (i = 0; i < ARRAY_SIZE(field); i++) {
		cfg = truth;
		lie(5, 1000, field[i].site);
		firmware_vga(&layout, &cfg);
		assert_memory_equal(cfg.writable, truth.writable, sizeof(cfg.writable));
		for (j = 0; j < sizeof(cfg.value); j++)
			if (j < field[i].at || j >= field[i].at + field[i].size)
				assert_int_equal(cfg.value[j], truth.value[j]);
		assert_memory_not_equal(cfg.value, truth.value, sizeof(cfg.value));
	}
	/* A place is what the BAR can hold. */
	assert_int_equal(get_le32(cfg.value + PCI_BASE_ADDRESS_0) % bar.size, 0);
	cfg = truth;
	lie(5, 1000, HOSTILE_VGA_MASK);
	firmware_vga(&layout, &cfg);
	assert_memory_equal(cfg.value, truth.value, sizeof(cfg.value));
	assert_int_not_equal(get_le32(cfg.writable + PCI_BASE_ADDRESS_0),
			     get_le32(truth.writable + PCI_BASE_ADDRESS_0));
	cfg = truth;
	be_honest();
	firmware_vga(&layout, &cfg);
	assert_memory_equal(&cfg, &truth, sizeof(cfg));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(traced),
		cmocka_unit_test(ends),
		cmocka_unit_test(ranges),
		cmocka_unit_test(lists),
		cmocka_unit_test(any_table),
		cmocka_unit_test(devicetree),
		cmocka_unit_test(screen),
		cmocka_unit_test(vga),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
