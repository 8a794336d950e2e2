// SPDX-License-Identifier: GPL-2.0-only
/* ring.c against a guest that is honest, and one that is not. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "guest.h"

/* Out of order and in both pieces of RAM, so that pages must be looked up */
static const u64 pages[] = { 0x180, 0x107, 0x100003, 0x1ff };

static struct guest_ring guest;
static struct ring ring;
static u8 buf[0xffff * 8];

static void make(bool reader, u32 count)
{
	u8 *page[ARRAY_SIZE(pages)];
	static u8 *kept[ARRAY_SIZE(pages)];
	u32 i;

	mock_reset();
	memset(mock_ram, 0, MOCK_LOW_SIZE + MOCK_HIGH_SIZE);
	for (i = 0; i < count; i++) {
		page[i] = mem_at(&mock_mem, pages[i] * HV_PAGE_SIZE,
				 HV_PAGE_SIZE);
		assert_non_null(page[i]);
	}
	memcpy(kept, page, sizeof(page[0]) * count);
	guest = (struct guest_ring) { pages, (count - 1) * HV_PAGE_SIZE };
	if (reader)
		assert_int_equal(ring_init_reader(&ring, kept, count), 0);
	else
		assert_int_equal(ring_init_writer(&ring, kept, count), 0);
	assert_int_equal(ring.size, guest.size);
}

static void set(u32 offset, u32 value)
{
	*guest_field(&guest, offset) = value;
}

static u32 get(u32 offset)
{
	return *guest_field(&guest, offset);
}

static void pattern(u8 *p, u32 len, u32 seed)
{
	u32 i;

	for (i = 0; i < len; i++)
		p[i] = (u8)(seed * 31 + i * 7 + 1);
}

/* Each 8 byte offset is the start of a packet; sizes change all the time. */
static void test_read_wraps(void **state)
{
	struct ring_packet pkt;
	u8 data[400];
	u32 start, len;

	(void)state;
	make(true, ARRAY_SIZE(pages));
	for (start = 0; start < ring.size; start += 8) {
		bool signal = false;

		len = start / 8 % 397;
		set(RING_READ_INDEX, start);
		set(RING_WRITE_INDEX, start);
		ring.index = start;
		pattern(data, len, start);
		guest_write(&guest, 6, start, data, len);
		assert_true(ring_readable(&ring));
		assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
		assert_int_equal(pkt.desc.transaction, start);
		assert_int_equal(pkt.len, (len + 7) / 8 * 8);
		assert_memory_equal(pkt.payload, data, len);
		assert_int_equal(get(RING_READ_INDEX), get(RING_WRITE_INDEX));
		assert_false(ring_readable(&ring));
		assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 0);
		assert_false(signal);
	}
	assert_int_equal(mock_bad_count, 0);
}

static void test_write_wraps(void **state)
{
	u8 data[400], got[408];
	struct ring_desc d;
	u32 start, len;

	(void)state;
	make(false, ARRAY_SIZE(pages));
	for (start = 0; start < ring.size; start += 8) {
		bool signal = false;

		len = start / 8 % 397;
		set(RING_READ_INDEX, start);
		set(RING_WRITE_INDEX, start);
		ring.index = start;
		pattern(data, len, start);
		d = (struct ring_desc) { .type = 6, .transaction = start };
		assert_int_equal(ring_write(&ring, &d, data, len, &signal), 0);
		assert_true(signal);
		assert_int_equal(guest_read(&guest, &d, got, sizeof(got)),
				 (len + 7) / 8 * 8);
		assert_int_equal(d.transaction, start);
		assert_memory_equal(got, data, len);
		while (len % 8)
			assert_int_equal(got[len++], 0);
		assert_int_equal(get(RING_READ_INDEX), get(RING_WRITE_INDEX));
		/* The trailer tells where the packet began */
		len = (get(RING_WRITE_INDEX) + ring.size - 4) % ring.size;
		assert_int_equal(*(u32 *)(void *)guest_byte(&guest, len), start);
	}
	assert_int_equal(mock_bad_count, 0);
}

static void test_write_full(void **state)
{
	struct ring_desc d = { .type = 6 };
	bool signal = false;

	(void)state;
	make(false, 2);
	assert_int_equal(get(RING_FEATURES), RING_FEATURE_PENDING);
	/* 4096: with descriptor and trailer 4072 would fill it to the brim */
	assert_int_equal(ring_write(&ring, &d, buf, 4072, &signal), -EMSGSIZE);
	assert_int_equal(ring_write(&ring, &d, buf, 4065, &signal), -EMSGSIZE);
	assert_int_equal(ring_write(&ring, &d, buf, 0xfffffff0u, &signal),
			 -EMSGSIZE);
	assert_false(signal);
	assert_int_equal(ring_write(&ring, &d, buf, 4064, &signal), 0);
	assert_int_equal(get(RING_WRITE_INDEX), 4088);
	assert_true(signal);

	/* Full; the guest learns how much we wait for */
	assert_int_equal(ring_write(&ring, &d, buf, 9, &signal), -EAGAIN);
	assert_int_equal(get(RING_PENDING_SEND_SZ), 40);
	assert_false(ring_room(&ring));
	assert_int_equal(guest_read(&guest, &d, buf, 0), 4064);
	assert_true(ring_room(&ring));
	assert_int_equal(get(RING_PENDING_SEND_SZ), 0);
	assert_false(ring_room(&ring));
	signal = false;
	assert_int_equal(ring_write(&ring, &d, buf, 9, &signal), 0);
	assert_true(signal);
	assert_int_equal(mock_bad_count, 0);
}

/* What is left equals what is needed: that is full; 8 more is not. */
static void test_write_exact(void **state)
{
	struct ring_desc d = { .type = 6 };
	bool signal = false;

	(void)state;
	make(false, 2);
	assert_int_equal(ring_write(&ring, &d, buf, 4096 - 24 - 32, &signal), 0);
	assert_int_equal(ring_write(&ring, &d, buf, 8, &signal), -EAGAIN);
	assert_int_equal(get(RING_PENDING_SEND_SZ), 32);
	assert_int_equal(ring_write(&ring, &d, buf, 0, &signal), 0);
	assert_int_equal(get(RING_PENDING_SEND_SZ), 0);
	assert_int_equal(ring_write(&ring, &d, buf, 0, &signal), -EAGAIN);
}

static void test_write_signals(void **state)
{
	struct ring_desc d = { .type = 6 };
	bool signal = false;

	(void)state;
	make(false, 2);
	set(RING_INTERRUPT_MASK, 1);
	assert_int_equal(ring_write(&ring, &d, buf, 8, &signal), 0);
	assert_false(signal);
	set(RING_INTERRUPT_MASK, 0);
	/* Not empty: the guest is still to look */
	assert_int_equal(ring_write(&ring, &d, buf, 8, &signal), 0);
	assert_false(signal);
}

static void test_read_full(void **state)
{
	struct ring_packet pkt;
	bool signal = false;

	(void)state;
	make(true, 2);
	memset(buf, 0, sizeof(buf));
	guest_write(&guest, 6, 0, buf, 4064);
	assert_int_equal(get(RING_WRITE_INDEX), 4088);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_int_equal(pkt.len, 4064);
	assert_false(signal);
}

/* The guest waits for room: told once, and only when it told us it would. */
static void test_read_pending(void **state)
{
	struct ring_packet pkt;
	bool signal = false;
	int i;

	(void)state;
	make(true, 2);
	set(RING_FEATURES, RING_FEATURE_PENDING);
	for (i = 0; i < 127; i++)	/* 32 bytes each: 4064 of 4096 */
		guest_write(&guest, 6, i, buf, 8);
	set(RING_PENDING_SEND_SZ, 64);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_false(signal);		/* 64 free: exactly full is too full */
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_true(signal);
	signal = false;
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_false(signal);		/* there was room before that */

	set(RING_PENDING_SEND_SZ, 160);
	set(RING_FEATURES, 0);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_false(signal);

	/* More than there ever will be */
	set(RING_FEATURES, RING_FEATURE_PENDING);
	set(RING_PENDING_SEND_SZ, 0xffffffff);
	while (ring_read(&ring, buf, &pkt, &signal) == 1)
		;
	assert_false(signal);
	assert_int_equal(mock_bad_count, 0);
}

static void test_mask(void **state)
{
	(void)state;
	make(true, 2);
	ring_mask(&ring, true);
	assert_int_equal(get(RING_INTERRUPT_MASK), 1);
	ring_mask(&ring, false);
	assert_int_equal(get(RING_INTERRUPT_MASK), 0);
}

/* What was read is ours to say: the guest's idea of it does not matter. */
static void test_own_index(void **state)
{
	struct ring_desc d = { .type = 6 };
	struct ring_packet pkt;
	bool signal = false;

	(void)state;
	make(true, 2);
	guest_write(&guest, 6, 1, buf, 8);
	set(RING_READ_INDEX, 0xfffffff0);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_int_equal(get(RING_READ_INDEX), 32);

	make(false, 2);
	set(RING_WRITE_INDEX, 0xfffffff0);
	assert_int_equal(ring_write(&ring, &d, buf, 8, &signal), 0);
	assert_int_equal(get(RING_WRITE_INDEX), 32);
	assert_int_equal(mock_bad_count, 0);
}

static void lies(const char *what, u64 value)
{
	struct ring_packet pkt;
	u32 before = ring.index, count = mock_bad_count;
	bool signal = false;

	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), -EPROTO);
	assert_int_equal(ring.index, before);
	assert_int_equal(mock_bad_count, count + 1);
	assert_string_equal(mock_bad_what, what);
	assert_int_equal(mock_bad_value, value);
	assert_false(signal);
}

static void test_lying_write_index(void **state)
{
	static const u32 bad[] = {
		3 * 4096, 3 * 4096 + 8, 0x7ffffff8, 0x80000000, 0xfffffff8,
		0xffffffff, 1, 4, 12, 4095,
	};
	u32 i;

	(void)state;
	make(true, ARRAY_SIZE(pages));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		set(RING_WRITE_INDEX, bad[i]);
		lies("write index", bad[i]);
	}
	/* In range, but no packet fits into what it says is there */
	set(RING_WRITE_INDEX, 8);
	lies("bytes too few for a packet", 8);
	set(RING_WRITE_INDEX, 16);
	lies("bytes too few for a packet", 16);
	ring.index = ring.size - 8;
	set(RING_WRITE_INDEX, 8);
	lies("bytes too few for a packet", 16);
}

static void test_lying_read_index(void **state)
{
	static const u32 bad[] = {
		3 * 4096, 0x80000000, 0xfffffff8, 0xffffffff, 1, 4, 4095,
	};
	struct ring_desc d = { .type = 6 };
	bool signal = false;
	u32 i;

	(void)state;
	make(false, ARRAY_SIZE(pages));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		set(RING_READ_INDEX, bad[i]);
		assert_int_equal(ring_write(&ring, &d, buf, 8, &signal),
				 -EPROTO);
		assert_string_equal(mock_bad_what, "read index");
		assert_int_equal(mock_bad_value, bad[i]);
	}
	assert_false(signal);
	assert_int_equal(get(RING_WRITE_INDEX), 0);
}

/* The guest lies while we wait: found out by the write that follows. */
static void test_lying_while_full(void **state)
{
	struct ring_desc d = { .type = 6 };
	bool signal = false;

	(void)state;
	make(false, 2);
	assert_int_equal(ring_write(&ring, &d, buf, 4064, &signal), 0);
	assert_int_equal(ring_write(&ring, &d, buf, 64, &signal), -EAGAIN);
	set(RING_READ_INDEX, 4096);
	assert_true(ring_room(&ring));
	assert_int_equal(ring_write(&ring, &d, buf, 64, &signal), -EPROTO);
}

static void packet(u16 offset8, u16 len8)
{
	struct ring_desc d = {
		.type = 6, .offset8 = offset8, .len8 = len8,
	};

	ring.index = 0;
	set(RING_READ_INDEX, 0);
	set(RING_WRITE_INDEX, 0);
	guest_put(&guest, &d, sizeof(d));
	guest_put(&guest, buf, 40);	/* 56 bytes: room for len8 of 6 */
}

static void test_lying_descriptor(void **state)
{
	struct ring_packet pkt;
	bool signal = false;

	(void)state;
	make(true, ARRAY_SIZE(pages));
	packet(2, 0);
	lies("packet length", 0);
	packet(2, 1);
	lies("packet length", 8);
	packet(2, 7);			/* into the trailer */
	lies("packet length", 56);
	packet(2, 0xffff);		/* past the ring */
	lies("packet length", 0xffff * 8);
	packet(0, 6);
	lies("payload offset", 0);
	packet(1, 6);
	lies("payload offset", 8);
	packet(7, 6);
	lies("payload offset", 56);
	packet(0xffff, 6);
	lies("payload offset", 0xffff * 8);

	/* The edges of what is right: no payload, and all of it payload */
	packet(6, 6);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_int_equal(pkt.len, 0);
	packet(2, 6);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_int_equal(pkt.len, 32);
	/* A packet that leaves bytes over: they are the next one */
	packet(2, 2);
	assert_int_equal(ring_read(&ring, buf, &pkt, &signal), 1);
	assert_int_equal(pkt.len, 0);
	assert_int_equal(ring.index, 24);
}

static void test_init(void **state)
{
	u8 *page[2] = { mock_ram, mock_ram + HV_PAGE_SIZE };
	u32 *head = (u32 *)(void *)mock_ram;
	struct ring r;

	(void)state;
	mock_reset();
	memset(mock_ram, 0, HV_PAGE_SIZE);
	assert_int_equal(ring_init_reader(&r, page, 0), -EINVAL);
	assert_int_equal(ring_init_reader(&r, page, 1), -EINVAL);
	assert_int_equal(ring_init_writer(&r, page, 0xffffffff), -EINVAL);
	head[0] = 4096;
	assert_int_equal(ring_init_reader(&r, page, 2), -EPROTO);
	head[0] = 0;
	head[1] = 4;
	assert_int_equal(ring_init_writer(&r, page, 2), -EPROTO);
	head[1] = 64;
	head[0] = 128;
	assert_int_equal(ring_init_reader(&r, page, 2), 0);
	assert_int_equal(r.index, 64);
	assert_int_equal(ring_init_writer(&r, page, 2), 0);
	assert_int_equal(r.index, 128);
}

/* Both ends at once, each asleep unless the other signals */
#define RACE_PACKETS	100000

static struct ring race_up, race_down;
static sem_t readable, writable;
static u64 race_lost;

static bool slept_too_long(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	while (sem_timedwait(sem, &until))
		if (errno == ETIMEDOUT)
			return true;
	return false;
}

static void *race_reader(void *arg)
{
	static u8 packet[HV_PAGE_SIZE];
	struct ring_packet pkt;
	u64 next = 0;
	int ret;

	(void)arg;
	while (next < RACE_PACKETS) {
		bool signal = false;

		ring_mask(&race_up, true);
		ret = ring_read(&race_up, packet, &pkt, &signal);
		if (ret < 0 || (ret && pkt.desc.transaction != next++)) {
			race_lost = next;
			return NULL;
		}
		if (signal)
			sem_post(&writable);
		if (ret)
			continue;
		ring_mask(&race_up, false);
		if (!ring_readable(&race_up) && slept_too_long(&readable)) {
			race_lost = next + 1;
			return NULL;
		}
	}
	return NULL;
}

static void test_race(void **state)
{
	static u8 *page[2];
	pthread_t thread;
	u64 i;

	(void)state;
	mock_reset();
	memset(mock_ram, 0, 2 * HV_PAGE_SIZE);
	page[0] = mock_ram;
	page[1] = mock_ram + HV_PAGE_SIZE;
	assert_int_equal(ring_init_writer(&race_down, page, 2), 0);
	assert_int_equal(ring_init_reader(&race_up, page, 2), 0);
	sem_init(&readable, 0, 0);
	sem_init(&writable, 0, 0);
	race_lost = 0;
	assert_int_equal(pthread_create(&thread, NULL, race_reader, NULL), 0);
	for (i = 0; i < RACE_PACKETS; i++) {
		struct ring_desc d = { .type = 6, .transaction = i };
		u32 len = i * 37 % 700;
		bool signal = false;
		int ret;

		ret = ring_write(&race_down, &d, buf, len, &signal);
		while (ret == -EAGAIN) {
			/* A signal may also be for what is over already */
			if (slept_too_long(&writable))
				break;
			ring_room(&race_down);
			ret = ring_write(&race_down, &d, buf, len, &signal);
		}
		if (signal)
			sem_post(&readable);
		if (ret)
			break;
	}
	pthread_join(thread, NULL);
	assert_int_equal(race_lost, 0);
	assert_int_equal(i, RACE_PACKETS);
	assert_int_equal(mock_bad_count, 0);
	sem_destroy(&readable);
	sem_destroy(&writable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_read_wraps),
		cmocka_unit_test(test_write_wraps),
		cmocka_unit_test(test_write_full),
		cmocka_unit_test(test_write_exact),
		cmocka_unit_test(test_write_signals),
		cmocka_unit_test(test_read_full),
		cmocka_unit_test(test_read_pending),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_own_index),
		cmocka_unit_test(test_lying_write_index),
		cmocka_unit_test(test_lying_read_index),
		cmocka_unit_test(test_lying_while_full),
		cmocka_unit_test(test_lying_descriptor),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
