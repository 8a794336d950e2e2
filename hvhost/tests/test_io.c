// SPDX-License-Identifier: GPL-2.0-only
/* The table of ports or MMIO: who is asked, and what may come beside it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/io.h"

static struct io_table table;
static u64 last_offset, last_value;
static bool last_write;
static unsigned int last_size, calls;
static void *last_opaque;

static void handler(void *opaque, u64 offset, bool write, u64 *value,
		    unsigned int size)
{
	last_opaque = opaque;
	last_offset = offset;
	last_write = write;
	last_size = size;
	last_value = *value;
	if (!write)
		*value = 0x8877665544332211;
	calls++;
}

static int add(u64 start, u64 size, void *opaque)
{
	return io_add(&table, &(struct io_region) {
		start, size, handler, opaque });
}

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	calls = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(table.region);
	return 0;
}

static void overlaps(void **state)
{
	(void)state;
	assert_int_equal(io_del(&table, 0), -ENOENT);
	assert_int_equal(add(0x1000, 0x100, NULL), 0);
	assert_int_equal(add(0x3000, 0x100, NULL), 0);
	assert_int_equal(add(0x2000, 0x100, NULL), 0);
	assert_int_equal(add(0x1000, 0x100, NULL), -EBUSY);
	assert_int_equal(add(0x10ff, 1, NULL), -EBUSY);
	assert_int_equal(add(0xfff, 2, NULL), -EBUSY);
	assert_int_equal(add(0, 0x10000, NULL), -EBUSY);
	assert_int_equal(add(0x2080, 1, NULL), -EBUSY);
	assert_int_equal(add(0x1fff, 0x1001, NULL), -EBUSY);
	assert_int_equal(add(0x1100, 0xf00, NULL), 0);
	assert_int_equal(add(0x2100, 0xf00, NULL), 0);
	assert_int_equal(add(0x5000, 0, NULL), -EINVAL);
	assert_int_equal(add(~0ull, 1, NULL), -EINVAL);
	assert_int_equal(add(2, ~0ull - 1, NULL), -EINVAL);
	assert_int_equal(table.count, 5);
	assert_int_equal(io_del(&table, 0x1001), -ENOENT);
	assert_int_equal(io_del(&table, 0x9000), -ENOENT);
	assert_int_equal(io_del(&table, 0x1100), 0);
	assert_int_equal(io_del(&table, 0x1100), -ENOENT);
	assert_int_equal(add(0x1100, 0xf00, NULL), 0);
}

static void room(void **state)
{
	u64 i;

	(void)state;
	/* Not in their order: odd ones down, then even ones up */
	for (i = IO_MAX; i-- > 0;)
		if (i & 1)
			assert_int_equal(add(i * 16, 16, (void *)i), 0);
	for (i = 0; i < IO_MAX; i += 2)
		assert_int_equal(add(i * 16, 16, (void *)i), 0);
	assert_int_equal(add(1 << 20, 1, NULL), -ENOSPC);
	for (i = 0; i < IO_MAX; i++) {
		u64 value;

		assert_true(io_access(&table, i * 16 + 8, false, &value, 8));
		assert_ptr_equal(last_opaque, (void *)i);
	}
	assert_int_equal(io_del(&table, 160), 0);
	assert_int_equal(add(1 << 20, 1, NULL), 0);
}

static void accesses(void **state)
{
	u8 data[8];
	int i;

	(void)state;
	assert_int_equal(add(0x1000, 0x10, &table), 0);
	memset(data, 0, sizeof(data));
	assert_true(io_access(&table, 0x1004, false, data, 2));
	assert_memory_equal(data, "\x11\x22\0\0\0\0\0\0", 8);
	assert_int_equal(last_offset, 4);
	assert_false(last_write);
	assert_int_equal(last_size, 2);
	assert_ptr_equal(last_opaque, &table);
	memcpy(data, "\1\2\3\4\5\6\7\xff", 8);
	assert_true(io_access(&table, 0x1008, true, data, 8));
	assert_true(last_write);
	assert_int_equal(last_value, 0xff07060504030201);
	assert_true(io_access(&table, 0x100f, true, data, 1));
	assert_int_equal(last_value, 1);

	calls = 0;
	assert_false(io_access(&table, 0x100f, true, data, 2));
	assert_false(io_access(&table, 0xfff, true, data, 2));
	assert_false(io_access(&table, 0xfff, true, data, 1));
	assert_false(io_access(&table, 0x1010, true, data, 1));
	for (i = 0; i < 10; i++)
		if (i != 1 && i != 2 && i != 4 && i != 8)
			assert_false(io_access(&table, 0x1000, true, data, i));
	assert_int_equal(calls, 0);
}

static void next(void **state)
{
	struct range r;

	(void)state;
	assert_false(io_next(&table, 0, &r));
	add(0x1000, 0x10, NULL);
	add(0x3000, 0x1000, NULL);
	assert_true(io_next(&table, 0, &r));
	assert_int_equal(r.start, 0x1000);
	assert_int_equal(r.end, 0x100f);
	assert_true(io_next(&table, 0x100f, &r));
	assert_int_equal(r.start, 0x1000);
	assert_true(io_next(&table, 0x1010, &r));
	assert_int_equal(r.start, 0x3000);
	assert_int_equal(r.end, 0x3fff);
	assert_false(io_next(&table, 0x4000, &r));
}

/* A handler that takes itself and others away, and makes a new one */
static void change(void *opaque, u64 offset, bool write, u64 *value,
		   unsigned int size)
{
	u64 i;

	(void)opaque;
	(void)offset;
	(void)write;
	(void)size;
	assert_int_equal(io_del(&table, 0x1000), 0);
	for (i = 1; i < 100; i++)
		assert_int_equal(add(i * 0x10000, 16, NULL), 0);
	*value = 5;
}

static void changes(void **state)
{
	u8 data = 0;

	(void)state;
	assert_int_equal(io_add(&table, &(struct io_region) {
		0x1000, 0x10, change, NULL }), 0);
	assert_true(io_access(&table, 0x1000, false, &data, 1));
	assert_int_equal(data, 5);
	assert_false(io_access(&table, 0x1000, false, &data, 1));
	assert_true(io_access(&table, 99 * 0x10000, false, &data, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(overlaps, setup, teardown),
		cmocka_unit_test_setup_teardown(room, setup, teardown),
		cmocka_unit_test_setup_teardown(accesses, setup, teardown),
		cmocka_unit_test_setup_teardown(next, setup, teardown),
		cmocka_unit_test_setup_teardown(changes, setup, teardown),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
