// SPDX-License-Identifier: GPL-2.0-only
/* The echo device, without a bus: its BARs are where the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/echo.h"
#include "mock.h"

static u64 bar_gpa[MAX_BARS];

/* In place of vpci.c's */
u64 vpci_bar_gpa(const struct vpci_device *dev, int bar)
{
	(void)dev;
	return bar_gpa[bar];
}

static u64 rd(struct vpci_device *dev, int bar, u64 offset, unsigned int size)
{
	u64 value = 0x5a5a5a5a5a5a5a5aull;

	dev->access(dev, bar, offset, false, &value, size);
	return value;
}

static void wr(struct vpci_device *dev, int bar, u64 offset, u64 value,
	       unsigned int size)
{
	dev->access(dev, bar, offset, true, &value, size);
}

static void test_words(void **state)
{
	static const struct echo_bar bars[] = {
		{ 16 * MIB, false }, { GIB, true }, { 4096, false },
	};
	struct vpci_device *dev;
	char name[] = "test0", why[128] = "";

	(void)state;
	dev = echo_new(name, bars, 3, why, sizeof(why));
	assert_non_null(dev);
	name[0] = 0;
	assert_string_equal(dev->name, "test0");
	assert_string_equal(why, "");
	assert_int_equal(dev->vectors, 0);
	assert_int_equal(dev->vendor, 0x1414);
	assert_int_equal(dev->class, 0xff0000);
	assert_int_equal(dev->bar[0].size, 16 * MIB);
	assert_false(dev->bar[0].is_64);
	assert_int_equal(dev->bar[1].size, GIB);
	assert_true(dev->bar[1].is_64);
	assert_int_equal(dev->bar[2].size, 0);
	assert_int_equal(dev->bar[3].size, 4096);
	assert_int_equal(dev->bar[4].size, 0);

	bar_gpa[0] = 0xf9000000;
	bar_gpa[1] = 0xfc0000000;
	assert_int_equal(rd(dev, 0, 0, 8), 0xf9000000);
	assert_int_equal(rd(dev, 0, 0xfffff8, 8), 0xf9fffff8);
	assert_int_equal(rd(dev, 1, 0x12345678, 8), 0xfd2345678);
	assert_int_equal(rd(dev, 1, 0x12345678, 4), 0xd2345678);
	assert_int_equal(rd(dev, 1, 0x1234567c, 4), 0xf);
	assert_int_equal(rd(dev, 1, 0x1234567a, 2), 0xd234);
	assert_int_equal(rd(dev, 1, 0x1234567c, 1), 0xf);
	/* Across words */
	assert_int_equal(rd(dev, 0, 0x1004, 8), 0xf900100800000000);

	/* What is written is felt in the whole BAR and in no other. */
	wr(dev, 1, 8, 0xa5a5000000000001, 8);
	assert_int_equal(rd(dev, 1, 0x12345678, 8), 0xa5a5000fd2345679);
	assert_int_equal(rd(dev, 0, 0, 8), 0xf9000000);
	wr(dev, 1, 0x3ffffffc, 0xffffffff00000010, 4);
	assert_int_equal(rd(dev, 1, 0, 8), 0xfc0000010);
	wr(dev, 1, 0, 0xff02, 1);
	assert_int_equal(rd(dev, 1, 0, 8), 0xfc0000002);
	dev->reset(dev);
	assert_int_equal(rd(dev, 1, 0, 8), 0xfc0000000);
	echo_free(dev);
	echo_free(NULL);
}

static void refused(const struct echo_bar *bars, int count, const char *want)
{
	char why[128] = "";

	assert_null(echo_new("test0", bars, count, why, sizeof(why)));
	assert_string_equal(why, want);
}

static void test_refused(void **state)
{
	struct echo_bar bars[7] = {
		{ 4096, false }, { 4096, false }, { 4096, false },
		{ 4096, false }, { 4096, false }, { 4096, false },
		{ 4096, false },
	};
	struct vpci_device *dev;
	char why[128];

	(void)state;
	dev = echo_new("test0", bars, 6, why, sizeof(why));
	assert_non_null(dev);
	echo_free(dev);
	dev = echo_new("test0", NULL, 0, why, sizeof(why));
	assert_non_null(dev);
	echo_free(dev);
	refused(bars, 7, "more than 6 BARs, of which one of 64 bits is two");
	bars[5].is_64 = true;
	refused(bars, 6, "more than 6 BARs, of which one of 64 bits is two");
	bars[0].size = 2048;
	refused(bars, 1,
		"a BAR of 0x800 bytes is not within 4 KiB to 1 GiB");
	bars[0].size = 0;
	refused(bars, 1, "a BAR of 0x0 bytes is not within 4 KiB to 1 GiB");
	bars[0].size = 2 * GIB;
	refused(bars, 1,
		"a BAR of 0x80000000 bytes is not within 4 KiB to 1 GiB");
	bars[0].size = 0x3000;
	refused(bars, 1, "a BAR of 0x3000 bytes is no power of two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
