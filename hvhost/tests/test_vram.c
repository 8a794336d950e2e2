// SPDX-License-Identifier: GPL-2.0-only
/* The framebuffer's memory: where it can be, what cuts it, what it keeps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dev/vram.h"
#include "mock.h"

#define SIZE	(64 * HV_PAGE_SIZE)
#define FB	0xf8000000ull

/* What the guest sees: KVM's slots */
static struct {
	struct range range;
	u8 *host;
} slot[VRAM_MAX_PIECES];
static u32 slots, maps;
static int fail_at;		/* this many more maps, then an error; -1: none */

static struct io_table mmio;
static struct vram v;

static int map(void *opaque, u32 index, const struct range *range, u8 *host)
{
	u32 i;

	assert_ptr_equal(opaque, &v);
	maps++;
	if (range && fail_at >= 0 && !fail_at--)
		return -ENOSPC;
	if (!range) {
		/* KVM refuses to delete what there is not */
		assert_int_equal(index, slots - 1);
		slots--;
		return 0;
	}
	assert_int_equal(index, slots);
	assert_int_equal(range->start % HV_PAGE_SIZE, 0);
	assert_int_equal(range->end % HV_PAGE_SIZE, HV_PAGE_SIZE - 1);
	assert_true(host >= v.host &&
		    host + (range->end - range->start) < v.host + v.size);
	for (i = 0; i < slots; i++)
		assert_true(range->end < slot[i].range.start ||
			    range->start > slot[i].range.end);
	slot[slots].range = *range;
	slot[slots++].host = host;
	return 0;
}

static void nothing(void *opaque, u64 offset, bool write, u64 *value,
		    unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)write;
	(void)value;
	(void)size;
}

static int answer(u64 start, u64 size)
{
	return io_add(&mmio, &(struct io_region) { start, size, nothing,
						   NULL }) ?: vram_cut(&v);
}

static int move_to(u64 start, u64 size)
{
	return vram_move(&v, &(struct range) { start, start + size - 1 });
}

static int setup(void **state)
{
	(void)state;
	mock_reset();
	mock_ram_new();
	slots = 0;
	maps = 0;
	fail_at = -1;
	v = (struct vram) {
		.host = calloc(1, SIZE), .size = SIZE, .at = { 1, 0 },
		.mem = &mock_mem, .mmio = &mmio, .limit = 1ull << 40,
		.map = map, .opaque = &v,
	};
	return v.host ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(v.host);
	free(mmio.region);
	memset(&mmio, 0, sizeof(mmio));
	mock_ram_free();
	return 0;
}

/* Slot @i is @start to @end, and what is there lies @offset into the memory. */
static void is_slot(u32 i, u64 start, u64 end, u64 offset)
{
	assert_true(i < slots);
	assert_int_equal(slot[i].range.start, start);
	assert_int_equal(slot[i].range.end, end);
	assert_ptr_equal(slot[i].host, v.host + offset);
}

static void places(void **state)
{
	(void)state;
	assert_int_equal(move_to(FB, SIZE), 0);
	assert_int_equal(slots, 1);
	is_slot(0, FB, FB + SIZE - 1, 0);
	/* Elsewhere, overlapping where it was, the same place, less of it */
	assert_int_equal(move_to(FB + 0x1000, SIZE), 0);
	assert_int_equal(slots, 1);
	is_slot(0, FB + 0x1000, FB + 0x1000 + SIZE - 1, 0);
	maps = 0;
	assert_int_equal(move_to(FB + 0x1000, SIZE), 0);
	assert_int_equal(maps, 0);
	assert_int_equal(move_to(FB, 0x1000), 0);
	is_slot(0, FB, FB + 0xfff, 0);
	assert_int_equal(vram_move(&v, &(struct range) { 1, 0 }), 0);
	assert_int_equal(slots, 0);
	assert_int_equal(move_to((1ull << 40) - SIZE, SIZE), 0);
	assert_int_equal(slots, 1);
}

static void refusals(void **state)
{
	(void)state;
	assert_int_equal(move_to(FB, SIZE), 0);
	maps = 0;
	assert_int_equal(move_to(FB + 1, SIZE), -EINVAL);
	assert_int_equal(move_to(FB, SIZE - 1), -EINVAL);
	assert_int_equal(move_to(FB, SIZE + 0x1000), -EINVAL);
	assert_int_equal(move_to((1ull << 40) - SIZE + 0x1000, SIZE),
			 -EINVAL);
	assert_int_equal(move_to(-(u64)SIZE, SIZE), -EINVAL);
	assert_int_equal(move_to(MOCK_LOW_GPA, SIZE), -EBUSY);
	assert_int_equal(move_to(MOCK_LOW_GPA + MOCK_LOW_SIZE - 0x1000,
				 SIZE), -EBUSY);
	assert_int_equal(move_to(MOCK_HIGH_GPA - SIZE + 0x1000, SIZE),
			 -EBUSY);
	assert_int_equal(maps, 0);
	assert_int_equal(move_to(MOCK_HIGH_GPA - SIZE, SIZE), 0);
	assert_int_equal(move_to(MOCK_LOW_GPA + MOCK_LOW_SIZE, SIZE), 0);
}

/* It stays where it was if KVM does not take it, or one piece of it. */
static void failure(void **state)
{
	(void)state;
	assert_int_equal(answer(FB + 0x3000, 0x1000), 0);
	assert_int_equal(move_to(FB + 0x100000, SIZE), 0);
	fail_at = 1;
	assert_int_equal(move_to(FB, SIZE), -ENOSPC);
	assert_int_equal(slots, 1);
	is_slot(0, FB + 0x100000, FB + 0x100000 + SIZE - 1, 0);
	assert_true(vram_access(&v, FB + 0x100000, true, &(u8) { 1 }, 1));
	assert_false(vram_access(&v, FB, true, &(u8) { 1 }, 1));
}

static void pieces(void **state)
{
	(void)state;
	assert_int_equal(move_to(FB, SIZE), 0);
	/* In the middle, at both ends, across them; less than a page */
	assert_int_equal(answer(FB + 0x8000, 0x2000), 0);
	assert_int_equal(slots, 2);
	is_slot(0, FB, FB + 0x7fff, 0);
	is_slot(1, FB + 0xa000, FB + SIZE - 1, 0xa000);
	assert_int_equal(answer(FB - 0x1000, 0x2000), 0);
	is_slot(0, FB + 0x1000, FB + 0x7fff, 0x1000);
	assert_int_equal(answer(FB + SIZE - 0x1000, 0x10000), 0);
	assert_int_equal(slots, 2);
	is_slot(1, FB + 0xa000, FB + SIZE - 0x1001, 0xa000);
	assert_int_equal(answer(FB + 0x4ff0, 0x20), 0);
	assert_int_equal(slots, 3);
	is_slot(0, FB + 0x1000, FB + 0x3fff, 0x1000);
	is_slot(1, FB + 0x6000, FB + 0x7fff, 0x6000);
	/* One that touches nothing costs nothing */
	maps = 0;
	assert_int_equal(answer(FB + 2 * SIZE, 0x1000), 0);
	assert_int_equal(answer(FB - 0x3000, 0x1000), 0);
	assert_int_equal(maps, 0);
	/* It moves from under them, and back; what is there stays */
	v.host[0x6000] = 0x42;
	assert_int_equal(move_to(FB + 0x200000, SIZE), 0);
	assert_int_equal(slots, 1);
	assert_int_equal(slot[0].host[0x6000], 0x42);
	assert_int_equal(move_to(FB, SIZE), 0);
	assert_int_equal(slots, 3);
	assert_int_equal(slot[1].host[0], 0x42);
	/* The last one gone */
	assert_int_equal(io_del(&mmio, FB + 0x8000), 0);
	assert_int_equal(vram_cut(&v), 0);
	assert_int_equal(slots, 2);
	is_slot(1, FB + 0x6000, FB + SIZE - 0x1001, 0x6000);
	/* All of it covered, up to where there are no more addresses */
	while (mmio.count)
		assert_int_equal(io_del(&mmio, mmio.region[0].start), 0);
	assert_int_equal(answer(FB, -FB - 1), 0);
	assert_int_equal(slots, 0);
}

/* Nothing comes before it: it is one piece, whatever is answered there. */
static void covers(void **state)
{
	(void)state;
	v.mmio = NULL;
	assert_int_equal(answer(FB + 0x8000, 0x2000), 0);
	assert_int_equal(move_to(FB, SIZE), 0);
	assert_int_equal(slots, 1);
	is_slot(0, FB, FB + SIZE - 1, 0);
	maps = 0;
	assert_int_equal(answer(FB + 0x4000, 0x1000), 0);
	assert_int_equal(maps, 0);
	assert_int_equal(vram_move(&v, &(struct range) { 1, 0 }), 0);
	assert_int_equal(slots, 0);
	assert_false(vram_access(&v, FB + 0x8000, false, &(u8) { 0 }, 1));
}

/* Pages that are never mapped, also if the framebuffer covers MMIO */
static void hole(void **state)
{
	(void)state;
	v.hole = (struct range) { FB + 0x3000, FB + 0x7fff };
	assert_int_equal(move_to(FB, SIZE), 0);
	assert_int_equal(slots, 2);
	is_slot(0, FB, FB + 0x2fff, 0);
	is_slot(1, FB + 0x8000, FB + SIZE - 1, 0x8000);
	/* MMIO before it, in it and behind it */
	assert_int_equal(answer(FB + 0x1000, 0x1000), 0);
	assert_int_equal(answer(FB + 0x5000, 0x1000), 0);
	assert_int_equal(answer(FB + 0x9000, 0x1000), 0);
	assert_int_equal(slots, 4);
	is_slot(1, FB + 0x2000, FB + 0x2fff, 0x2000);
	is_slot(2, FB + 0x8000, FB + 0x8fff, 0x8000);
	v.mmio = NULL;
	assert_int_equal(vram_cut(&v), 0);
	assert_int_equal(slots, 2);
	/* Up to the end, and beyond it */
	v.hole = (struct range) { FB + 0x3000, 0xffffffff };
	assert_int_equal(vram_cut(&v), 0);
	assert_int_equal(slots, 1);
	is_slot(0, FB, FB + 0x2fff, 0);
	assert_int_equal(move_to(FB + 0x4000, SIZE), 0);
	assert_int_equal(slots, 0);
}

/* Moved by as much as to have the same pieces, of other bytes */
static void same_pieces(void **state)
{
	(void)state;
	assert_int_equal(answer(FB, 0x2000), 0);
	assert_int_equal(move_to(FB, 0x4000), 0);
	is_slot(0, FB + 0x2000, FB + 0x3fff, 0x2000);
	assert_int_equal(move_to(FB + 0x1000, 0x3000), 0);
	is_slot(0, FB + 0x2000, FB + 0x3fff, 0x1000);
}

static void too_many(void **state)
{
	u64 size = (2 * VRAM_MAX_PIECES + 10) * (u64)HV_PAGE_SIZE, i;

	(void)state;
	free(v.host);
	v.host = calloc(1, size);
	v.size = size;
	assert_int_equal(move_to(FB, size), 0);
	for (i = 0; i < VRAM_MAX_PIECES - 1; i++)
		assert_int_equal(answer(FB + 0x1000 + i * 0x2000, 0x1000), 0);
	assert_int_equal(slots, VRAM_MAX_PIECES);
	assert_int_equal(mock_bad_count, 0);
	assert_int_equal(answer(FB + 0x1000 + i * 0x2000, 0x1000), 0);
	assert_int_equal(slots, VRAM_MAX_PIECES);
	assert_string_equal(mock_bad_what, "pieces, more than");
	/* What is not mapped can be reached all the same */
	assert_true(vram_access(&v, FB + size - 8, true, "abcdefgh", 8));
	assert_memory_equal(v.host + size - 8, "abcdefgh", 8);
}

static void accesses(void **state)
{
	u8 data[8] = "";

	(void)state;
	assert_false(vram_access(&v, 0, false, data, 1));
	assert_false(vram_access(&v, 1, false, data, 1));
	assert_int_equal(move_to(FB, 0x2000), 0);
	assert_true(vram_access(&v, FB + 0x1ffe, true, "xy", 2));
	assert_memory_equal(v.host + 0x1ffe, "xy", 3);
	assert_true(vram_access(&v, FB + 0x1fff, false, data, 1));
	assert_memory_equal(data, "y\0", 2);
	assert_false(vram_access(&v, FB + 0x1fff, false, data, 2));
	assert_false(vram_access(&v, FB - 1, false, data, 2));
	assert_false(vram_access(&v, FB + 0x2000, false, data, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(places, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(failure, setup, teardown),
		cmocka_unit_test_setup_teardown(pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(covers, setup, teardown),
		cmocka_unit_test_setup_teardown(hole, setup, teardown),
		cmocka_unit_test_setup_teardown(same_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(accesses, setup, teardown),
	};

	return cmocka_run_group_tests_name("vram", tests, NULL, NULL);
}
