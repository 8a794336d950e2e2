// SPDX-License-Identifier: GPL-2.0-only
/* gpadl.c: page lists, cut anywhere, and lists that lie. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/gpadl.h"
#include "mock.h"

#define PFN(n)	(MOCK_LOW_GPA / HV_PAGE_SIZE + (n))

static u64 range_head(u32 count, u32 offset)
{
	return (u64)offset << 32 | count;
}

/* Feed a whole list at once; the GPADL is freed unless *keep is to have it */
static int feed(const u64 *list, u32 words, u32 ranges, struct gpadl **keep)
{
	struct gpadl *g;
	int ret;

	mock_reset();
	g = gpadl_new(7, 3, words * 8, ranges);
	assert_non_null(g);
	ret = gpadl_feed(g, &mock_mem, list, words * 8);
	assert_int_equal(g->complete, ret == 1);
	assert_int_equal(mock_bad_count, ret < 0);
	if (keep)
		*keep = g;
	else
		gpadl_free(g);
	return ret;
}

static void test_one(void **state)
{
	const u64 list[] = {
		range_head(3 * HV_PAGE_SIZE, 0), PFN(5), PFN(2), PFN(255),
	};
	struct gpadl *g;

	(void)state;
	assert_int_equal(feed(list, 4, 1, &g), 1);
	assert_int_equal(g->id, 7);
	assert_int_equal(g->relid, 3);
	assert_int_equal(g->page_count, 3);
	assert_ptr_equal(g->page[0], mock_ram + 5 * HV_PAGE_SIZE);
	assert_ptr_equal(g->page[1], mock_ram + 2 * HV_PAGE_SIZE);
	assert_ptr_equal(g->page[2], mock_ram + 255 * HV_PAGE_SIZE);
	gpadl_free(g);
	gpadl_free(NULL);
}

static void test_ranges(void **state)
{
	const u64 list[] = {
		range_head(1, 4095), PFN(1),
		range_head(2, 4095), PFN(2), PFN(3),
		range_head(HV_PAGE_SIZE, 0), 0x100007,
		range_head(HV_PAGE_SIZE, 1), PFN(4), PFN(4),
	};
	static const struct gpadl_range want[] = {
		{ 4095, 1, 0, 1 }, { 4095, 2, 1, 2 }, { 0, 4096, 3, 1 },
		{ 1, 4096, 4, 2 },
	};
	struct gpadl *g;

	(void)state;
	assert_int_equal(feed(list, ARRAY_SIZE(list), 4, &g), 1);
	assert_int_equal(g->page_count, 6);
	assert_memory_equal(g->range, want, sizeof(want));
	assert_ptr_equal(g->page[3], mock_ram + MOCK_LOW_SIZE + 0x7000);
	gpadl_free(g);
}

/* Two pieces, cut at every byte; and byte by byte. */
static void test_splits(void **state)
{
	const u64 list[] = {
		range_head(HV_PAGE_SIZE, 0), PFN(1),
		range_head(2 * HV_PAGE_SIZE, 0), PFN(2), PFN(3),
	};
	const u8 *bytes = (const u8 *)list;
	struct gpadl *g;
	size_t cut, i;

	(void)state;
	for (cut = 0; cut < sizeof(list); cut++) {
		g = gpadl_new(1, 1, sizeof(list), 2);
		assert_int_equal(gpadl_feed(g, &mock_mem, bytes, cut), 0);
		assert_false(g->complete);
		assert_int_equal(gpadl_feed(g, &mock_mem, bytes + cut,
					    sizeof(list) - cut), 1);
		assert_int_equal(g->page_count, 3);
		/* Nothing may follow */
		assert_int_equal(gpadl_feed(g, &mock_mem, bytes, 8), -EINVAL);
		gpadl_free(g);
	}
	g = gpadl_new(1, 1, sizeof(list), 2);
	for (i = 0; i < sizeof(list) - 1; i++)
		assert_int_equal(gpadl_feed(g, &mock_mem, bytes + i, 1), 0);
	assert_int_equal(gpadl_feed(g, &mock_mem, bytes + i, 1), 1);
	gpadl_free(g);
}

static void test_longest(void **state)
{
	static u64 list[GPADL_MAX_BUFLEN / 8];
	struct gpadl *g;
	u32 i;

	(void)state;
	list[0] = range_head((ARRAY_SIZE(list) - 1) * HV_PAGE_SIZE, 0);
	for (i = 1; i < ARRAY_SIZE(list); i++)
		list[i] = PFN(i % 256);
	assert_int_equal(feed(list, ARRAY_SIZE(list), 1, &g), 1);
	assert_int_equal(g->page_count, 8190);
	gpadl_free(g);
}

static void test_announced(void **state)
{
	static const struct {
		u32 len, ranges;
	} bad[] = {
		{ 16, 0 }, { 0, 1 }, { 8, 1 }, { 15, 1 }, { 17, 1 },
		{ 16, 2 }, { 24, 2 }, { 0xffff, 1 }, { 0x10000, 1 },
		{ 0xfff8, 257 }, { 0xfff8, 0xffff },
	};
	struct gpadl *g;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		mock_reset();
		assert_null(gpadl_new(1, 1, bad[i].len, bad[i].ranges));
		assert_int_equal(mock_bad_count, 1);
	}
	g = gpadl_new(1, 1, 16, 1);
	assert_non_null(g);
	gpadl_free(g);
}

static void test_count_lies(void **state)
{
	/* One page less, and more, than the byte count needs */
	const u64 few[] = { range_head(2 * HV_PAGE_SIZE, 0), PFN(1) };
	const u64 crossing[] = { range_head(HV_PAGE_SIZE, 8), PFN(1) };
	const u64 many[] = { range_head(HV_PAGE_SIZE, 0), PFN(1), PFN(2) };
	const u64 huge[] = { range_head(0xffffffff, 4095), PFN(1) };
	const u64 none[] = { range_head(0, 0), PFN(1) };
	const u64 offset[] = { range_head(8, 4096), PFN(1) };
	const u64 offset2[] = { range_head(8, 0xffffffff), PFN(1) };
	/* Two ranges announced, the first takes all */
	const u64 greedy[] = {
		range_head(3 * HV_PAGE_SIZE, 0), PFN(1), PFN(2), PFN(3),
	};
	/* One announced, two there */
	const u64 more[] = {
		range_head(8, 0), PFN(1), range_head(8, 0), PFN(2),
	};

	(void)state;
	assert_int_equal(feed(few, 2, 1, NULL), -EINVAL);
	assert_int_equal(feed(crossing, 2, 1, NULL), -EINVAL);
	assert_int_equal(feed(many, 3, 1, NULL), -EINVAL);
	assert_int_equal(feed(huge, 2, 1, NULL), -EINVAL);
	assert_int_equal(mock_bad_value, 0x100001);
	assert_int_equal(feed(none, 2, 1, NULL), -EINVAL);
	assert_int_equal(feed(offset, 2, 1, NULL), -EINVAL);
	assert_int_equal(feed(offset2, 2, 1, NULL), -EINVAL);
	assert_int_equal(feed(greedy, 4, 2, NULL), -EINVAL);
	assert_int_equal(feed(more, 4, 1, NULL), -EINVAL);
	assert_int_equal(feed(more, 4, 2, NULL), 1);
}

static void test_not_ram(void **state)
{
	/* Below, right after, in the hole, after the end, wrapping */
	static const u64 bad[] = {
		0, 0xff, 0x200, 0xfffff, 0x100008, 1ull << 40,
		(1ull << 52) - 1, 1ull << 52, (1ull << 52) + 0x100, ~0ull,
	};
	u64 list[3] = { range_head(2 * HV_PAGE_SIZE, 0), PFN(0) };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		list[2] = bad[i];
		assert_int_equal(feed(list, 3, 1, NULL), -EFAULT);
		assert_string_equal(mock_bad_what, "page frame number");
		assert_int_equal(mock_bad_value, bad[i]);
	}
	/* The last page of each piece is fine */
	list[1] = 0x1ff;
	list[2] = 0x100007;
	assert_int_equal(feed(list, 3, 1, NULL), 1);
}

static void test_overlong(void **state)
{
	const u64 list[] = {
		range_head(HV_PAGE_SIZE, 0), PFN(1), PFN(2), PFN(3),
	};
	struct gpadl *g;

	(void)state;
	mock_reset();
	g = gpadl_new(1, 1, 16, 1);
	assert_int_equal(gpadl_feed(g, &mock_mem, list, 24), -EINVAL);
	assert_int_equal(mock_bad_value, 24);
	assert_int_equal(gpadl_feed(g, &mock_mem, list, 8), 0);
	assert_int_equal(gpadl_feed(g, &mock_mem, list + 1, 9), -EINVAL);
	assert_int_equal(gpadl_feed(g, &mock_mem, list, SIZE_MAX), -EINVAL);
	gpadl_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_announced),
		cmocka_unit_test(test_count_lies),
		cmocka_unit_test(test_not_ram),
		cmocka_unit_test(test_overlong),
	};

	return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
