// SPDX-License-Identifier: GPL-2.0-only
/* The map of MMIO space: what is in whose way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/mmio.h"
#include "mock.h"

static const struct layout layout = {
	.usable = {
		{ 0xf8000000, 0xfbffffff },
		{ 0xfc000000, 0xfed3ffff },
		{ 0xfe0000000, 0xfffffffff },
	},
	.usable_count = 3,
	.fixed = { { 0xfed3c000, 0xfed3dfff } },
	.fixed_count = 1,
	.described = { { 0xfed38000, 0xfed38fff } },
	.described_count = 1,
};

static struct mmio_map map;

static struct mmio_claim fb = {
	.kind = MMIO_FRAMEBUFFER, .owner = "framebuffer", .bar = -1,
	.range = { 0xf8000000, 0xf87fffff },
};

static struct mmio_claim config = {
	.kind = MMIO_CONFIG, .owner = "nvme0", .bar = -1,
	.range = { 0xf8800000, 0xf8801fff },
};

static struct mmio_claim bar = {
	.kind = MMIO_BAR, .owner = "nvme0", .bar = 4,
	.range = { 0xf9000000, 0xf9ffffff },
};

static int setup(void **state)
{
	(void)state;
	mmio_init(&map, &layout);
	fb.in_map = false;
	config.in_map = false;
	bar.in_map = false;
	mmio_add(&map, &fb);
	mmio_add(&map, &config);
	mmio_add(&map, &bar);
	mock_reset();
	return 0;
}

static enum mmio_verdict judge(enum mmio_kind kind, u64 start, u64 end)
{
	struct mmio_claim claim = {
		.kind = kind, .owner = "test0",
		.bar = kind == MMIO_BAR ? 2 : -1, .range = { start, end },
	};

	mock_reset();
	return mmio_judge(&map, &claim, true);
}

static void told(const char *what)
{
	if (!strstr(mock_trace, what))
		fail_msg("no '%s' in '%s'", what, mock_trace);
}

static void test_edges(void **state)
{
	(void)state;
	assert_int_equal(judge(MMIO_CONFIG, 0xf8802000, 0xf8803fff), MMIO_FREE);
	assert_int_equal(judge(MMIO_CONFIG, 0xf87fe000, 0xf87fffff),
			 MMIO_ON_FRAMEBUFFER);
	assert_int_equal(judge(MMIO_CONFIG, 0xf87ff000, 0xf8800000),
			 MMIO_ON_FRAMEBUFFER);
	assert_int_equal(judge(MMIO_CONFIG, 0xf8801fff, 0xf8803ffe),
			 MMIO_ON_DEVICE);
	assert_int_equal(judge(MMIO_CONFIG, 0xf87fffff, 0xf87fffff),
			 MMIO_ON_FRAMEBUFFER);
	assert_int_equal(judge(MMIO_CONFIG, 0xf8800000, 0xf8800000),
			 MMIO_ON_DEVICE);
	/* Around it, within it */
	assert_int_equal(judge(MMIO_BAR, 0xf8ff0000, 0xfa0fffff),
			 MMIO_ON_DEVICE);
	assert_int_equal(judge(MMIO_BAR, 0xf9100000, 0xf91fffff),
			 MMIO_ON_DEVICE);
	assert_int_equal(judge(MMIO_BAR, 0xf8f00000, 0xf8ffffff), MMIO_FREE);
	assert_int_equal(judge(MMIO_BAR, 0xfa000000, 0xfa000fff), MMIO_FREE);
	assert_string_equal(mock_trace, "");
}

static void test_outside(void **state)
{
	(void)state;
	assert_int_equal(judge(MMIO_BAR, 0xfe0000000, 0xfffffffff), MMIO_FREE);
	assert_int_equal(judge(MMIO_BAR, 0xfe0000000, 0x1000000000),
			 MMIO_OUTSIDE);
	assert_string_equal(mock_trace,
			    " conflict what=bar device=test0 bar=2 range=fe0000000 with=outside action=refused;");
	assert_int_equal(judge(MMIO_BAR, 0xfed3e000, 0xfed40000), MMIO_OUTSIDE);
	assert_int_equal(judge(MMIO_BAR, 0xfed3e000, 0xfed3ffff), MMIO_FREE);
	/* In no one window, though in two side by side */
	assert_int_equal(judge(MMIO_BAR, 0xfbfff000, 0xfc000fff), MMIO_OUTSIDE);
	assert_int_equal(judge(MMIO_BAR, 0, 0xfff), MMIO_OUTSIDE);
	assert_int_equal(judge(MMIO_BAR, ~0ull - 0xfff, ~0ull), MMIO_OUTSIDE);
	/* Nonsense is nowhere */
	assert_int_equal(judge(MMIO_BAR, 0xfe0001000, 0xfe0000fff),
			 MMIO_OUTSIDE);
}

/* A device of the host's at a fixed address */
static void test_fixed(void **state)
{
	(void)state;
	assert_int_equal(judge(MMIO_CONFIG, 0xfed3a000, 0xfed3bfff), MMIO_FREE);
	assert_int_equal(judge(MMIO_CONFIG, 0xfed3b000, 0xfed3cfff),
			 MMIO_ON_FIXED);
	assert_string_equal(mock_trace,
			    " conflict what=config device=test0 range=fed3b000 with=fixed with_range=fed3c000 action=refused;");
	/* Outside of MMIO space as well: both are traced. */
	assert_int_equal(judge(MMIO_BAR, 0xfed3d000, 0xfed40000),
			 MMIO_ON_FIXED);
	told("with=fixed");
	told("with=outside");
	assert_int_equal(judge(MMIO_FRAMEBUFFER, 0xfed00000, 0xfed3ffff),
			 MMIO_ON_FIXED);
}

/* One that ACPI describes, which guests know better than to use */
static void test_described(void **state)
{
	(void)state;
	assert_int_equal(judge(MMIO_BAR, 0xfed37000, 0xfed37fff), MMIO_FREE);
	assert_int_equal(judge(MMIO_BAR, 0xfed38800, 0xfed387ff + 16),
			 MMIO_ON_FIXED);
	told("with=fixed with_range=fed38000 action=refused");
}

/* All that is in the way is told, the worst is the verdict. */
static void test_all(void **state)
{
	(void)state;
	assert_int_equal(judge(MMIO_BAR, 0xf0000000, 0xffffffff),
			 MMIO_ON_FRAMEBUFFER);
	told(" conflict what=bar device=test0 bar=2 range=f0000000 with=framebuffer with_range=f8000000 action=refused;");
	told("with=nvme0 with_range=f8800000 action");
	told("with=nvme0 with_range=f9000000 action");
	told("with=outside action");
	/* Whatever came to the map last */
	mmio_remove(&map, &fb);
	mmio_add(&map, &fb);
	assert_int_equal(judge(MMIO_BAR, 0xf0000000, 0xffffffff),
			 MMIO_ON_FRAMEBUFFER);
	mmio_remove(&map, &fb);
	assert_int_equal(judge(MMIO_CONFIG, 0xf0000000, 0xffffffff),
			 MMIO_ON_DEVICE);
	told(" conflict what=config device=test0 range=f0000000 with=nvme0");
	/* The framebuffer may be what is in the way, too */
	assert_int_equal(judge(MMIO_FRAMEBUFFER, 0xf8000000, 0xf8ffffff),
			 MMIO_ON_DEVICE);
	told("what=framebuffer device=test0 range");
}

/* The framebuffer wins: what is on it is accepted, unless something else is in
 * its way, too.
 */
static void test_cover(void **state)
{
	(void)state;
	map.cover = true;
	assert_int_equal(judge(MMIO_CONFIG, 0xf87ff000, 0xf87fffff),
			 MMIO_COVERED);
	assert_string_equal(mock_trace,
			    " conflict what=config device=test0 range=f87ff000 with=framebuffer with_range=f8000000 action=covered;");
	assert_int_equal(judge(MMIO_CONFIG, 0xf87ff000, 0xf8800fff),
			 MMIO_ON_DEVICE);
	told("with=framebuffer with_range=f8000000 action=refused");
	told("with=nvme0 with_range=f8800000 action=refused");
	assert_int_equal(judge(MMIO_BAR, 0xf7ff0000, 0xf800ffff), MMIO_OUTSIDE);
	told("with=framebuffer with_range=f8000000 action=refused");
	told("with=outside action=refused");
	assert_int_equal(judge(MMIO_BAR, 0xf8802000, 0xf8803fff), MMIO_FREE);
	assert_string_equal(mock_trace, "");

	/* It comes to what is there, of which there can be several. */
	mmio_remove(&map, &fb);
	mock_reset();
	assert_int_equal(mmio_judge(&map, &(struct mmio_claim) {
		.kind = MMIO_FRAMEBUFFER, .owner = "framebuffer", .bar = -1,
		.range = { 0xf8801000, 0xf9000fff } }, false), MMIO_COVERED);
	told("with=nvme0 with_range=f8800000 with_what=config action=covered;");
	told("with=nvme0 with_range=f9000000 with_what=bar with_bar=4 action=covered;");
	/* Outside of MMIO space it covers nothing but what is there. */
	mock_reset();
	assert_int_equal(mmio_judge(&map, &(struct mmio_claim) {
		.kind = MMIO_FRAMEBUFFER, .owner = "framebuffer", .bar = -1,
		.range = { 0xf7000000, 0xf8801fff } }, false), MMIO_OUTSIDE);
	told("with_what=config action=covered;");
	told("with=outside action=ignored;");
}

static bool on_device(u64 start, u64 end)
{
	struct mmio_claim claim = { .kind = MMIO_BAR, .range = { start, end } };

	return mmio_on_device(&map, &claim);
}

static void test_on_device(void **state)
{
	(void)state;
	assert_false(on_device(0xf8000000, 0xf87fffff));
	assert_true(on_device(0xf8000000, 0xf8800000));
	assert_true(on_device(0xf8801fff, 0xf8801fff));
	assert_false(on_device(0xf8802000, 0xf8ffffff));
	assert_true(on_device(0xf9100000, 0xf9100fff));
	assert_false(on_device(0x80000000, 0x80000fff));
	assert_true(on_device(0xfed3d000, 0xfed3dfff));
	assert_false(on_device(0xfed3e000, 0xfed3efff));
	assert_true(on_device(0xfed38000, 0xfed38000));
	assert_false(on_device(0xfed39000, 0xfed3bfff));
	assert_false(mmio_on_device(&map, &bar));
	assert_string_equal(mock_trace, "");
}

static void test_remove(void **state)
{
	(void)state;
	mmio_add(&map, &config);	/* it is there */
	mmio_remove(&map, &config);
	mmio_remove(&map, &config);
	assert_false(config.in_map);
	assert_int_equal(judge(MMIO_CONFIG, 0xf8800000, 0xf8801fff), MMIO_FREE);
	assert_int_equal(judge(MMIO_CONFIG, 0xf8000000, 0xf8001fff),
			 MMIO_ON_FRAMEBUFFER);
	assert_int_equal(judge(MMIO_CONFIG, 0xf9000000, 0xf9001fff),
			 MMIO_ON_DEVICE);
	mmio_remove(&map, &bar);
	mmio_remove(&map, &fb);
	assert_null(map.claims);
	assert_int_equal(judge(MMIO_CONFIG, 0xf8000000, 0xf8001fff), MMIO_FREE);
	mmio_add(&map, &fb);
	/* It is not in its own way. */
	assert_int_equal(mmio_judge(&map, &fb, true), MMIO_FREE);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(mmio_verdict_name(MMIO_FREE), "ok");
	assert_string_equal(mmio_verdict_name(MMIO_ON_FRAMEBUFFER),
			    "framebuffer");
	assert_string_equal(mmio_verdict_name(MMIO_ON_DEVICE), "overlap");
	assert_string_equal(mmio_verdict_name(MMIO_ON_FIXED), "fixed");
	assert_string_equal(mmio_verdict_name(MMIO_OUTSIDE), "outside");
	assert_string_equal(mmio_verdict_name(MMIO_COVERED), "covered");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_edges, setup),
		cmocka_unit_test_setup(test_outside, setup),
		cmocka_unit_test_setup(test_fixed, setup),
		cmocka_unit_test_setup(test_described, setup),
		cmocka_unit_test_setup(test_all, setup),
		cmocka_unit_test_setup(test_cover, setup),
		cmocka_unit_test_setup(test_on_device, setup),
		cmocka_unit_test_setup(test_remove, setup),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
