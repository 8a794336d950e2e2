// SPDX-License-Identifier: GPL-2.0-only
/* The PL011, by the accesses of Linux' driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dev/pl011.h"

static struct serial line;
static struct pl011 uart;
static int level, edges, out[2];

static void set_irq(void *opaque, int now)
{
	(void)opaque;
	assert_int_not_equal(now, level);
	level = now;
	edges++;
}

static u32 get(u64 offset)
{
	u64 value = ~0ull;

	pl011_io(&uart, offset, false, &value, 4);
	assert_int_equal(value >> 32, 0);
	return (u32)value;
}

static void put(u64 offset, u32 value)
{
	u64 v = value;

	pl011_io(&uart, offset, true, &v, 4);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe(out), 0);
	memset(&line, 0, sizeof(line));
	line.irq = set_irq;
	line.out_fd = out[1];
	line.end_fd = -1;
	level = 0;
	edges = 0;
	pl011_init(&uart, &line);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(out[0]);
	close(out[1]);
	return 0;
}

/* earlycon: wait while the FIFO is full, send, wait while busy */
static void polled(void **state)
{
	static const char text[] = "hello\n";
	char got[16];
	u32 i;

	(void)state;
	for (i = 0; text[i]; i++) {
		assert_int_equal(get(PL011_FR) & (1u << 5), 0);
		put(PL011_DR, (u8)text[i]);
		assert_int_equal(get(PL011_FR) & (1u << 3), 0);
	}
	assert_int_equal(read(out[0], got, sizeof(got)), 6);
	assert_memory_equal(got, text, 6);
	assert_int_equal(edges, 0);
}

/* Linux sends, then waits for room by the interrupt, and masks it at the end. */
static void transmit_interrupt(void **state)
{
	(void)state;
	put(PL011_DR, 'a');
	assert_int_equal(get(PL011_RIS), PL011_TX);
	assert_int_equal(get(PL011_MIS), 0);
	put(PL011_IMSC, PL011_TX);
	assert_int_equal(level, 1);
	assert_int_equal(get(PL011_MIS), PL011_TX);
	put(PL011_ICR, PL011_TX);
	assert_int_equal(level, 0);
	put(PL011_DR, 'b');
	assert_int_equal(level, 1);
	put(PL011_IMSC, 0);
	assert_int_equal(level, 0);
}

/* Input waits until it is listened for, and is all there then. */
static void receives(void **state)
{
	u8 many[PL011_FIFO + 8];
	u32 i;

	(void)state;
	memset(many, 'x', sizeof(many));
	many[0] = 'f';
	assert_int_equal(serial_input(&line, many, sizeof(many)), sizeof(many));
	assert_int_not_equal(get(PL011_FR) & PL011_FR_RXFE, 0);
	assert_int_equal(edges, 0);
	put(PL011_IMSC, PL011_RX | PL011_RX_TIMEOUT);
	assert_int_equal(level, 1);
	assert_int_not_equal(get(PL011_FR) & PL011_FR_RXFF, 0);
	assert_int_equal(get(PL011_MIS), PL011_RX | PL011_RX_TIMEOUT);
	assert_int_equal(get(PL011_DR), 'f');
	for (i = 1; i < sizeof(many); i++) {
		assert_int_equal(get(PL011_FR) & PL011_FR_RXFE, 0);
		assert_int_equal(get(PL011_DR), 'x');
	}
	assert_int_not_equal(get(PL011_FR) & PL011_FR_RXFE, 0);
	assert_int_equal(level, 0);
	assert_int_equal(get(PL011_DR), 0);
	assert_int_equal(serial_input(&line, (const u8 *)"y", 1), 1);
	assert_int_equal(level, 1);
	assert_int_equal(get(PL011_DR), 'y');
}

/* The port is closed and opened: its driver empties the FIFO, and nothing is lost. */
static void reopened(void **state)
{
	const u8 text[] = "abcdef";
	u32 i;

	(void)state;
	put(PL011_IMSC, PL011_RX | PL011_RX_TIMEOUT);
	assert_int_equal(serial_input(&line, text, 6), 6);
	assert_int_equal(get(PL011_DR), 'a');
	put(PL011_IMSC, PL011_TX);
	assert_int_equal(level, 0);
	while (!(get(PL011_FR) & PL011_FR_RXFE))
		get(PL011_DR);
	assert_int_equal(serial_input(&line, (const u8 *)"g", 1), 1);
	put(PL011_IMSC, PL011_RX);
	assert_int_equal(level, 1);
	for (i = 1; i < 7; i++)
		assert_int_equal(get(PL011_DR), 'a' + i);
	assert_int_equal(level, 0);
	/* No room for it to wait: it stays */
	line.waiting_len = SERIAL_WAITING - 1;
	assert_int_equal(serial_input(&line, (const u8 *)"h", 1), 1);
	assert_int_equal(get(PL011_FR) & PL011_FR_RXFE, 0);
}

static void identity(void **state)
{
	u32 id = 0, i;

	(void)state;
	for (i = 0; i < 4; i++)
		id |= get(PL011_ID + 4 * i) << 8 * i;
	assert_int_equal(id & 0xfffff, 0x41011);
	assert_int_equal(get(PL011_ID + 28), 0xb1);
	assert_int_equal(get(0xfdc), 0);
}

/* What is set stays; what there is not is 0, and odd accesses do nothing. */
static void registers(void **state)
{
	u64 value = 0x55;

	(void)state;
	put(PL011_IBRD, 0x1234);
	put(PL011_LCRH, 0x70);
	put(PL011_IMSC, 0xffffffff);
	assert_int_equal(get(PL011_IBRD), 0x1234);
	assert_int_equal(get(PL011_LCRH), 0x70);
	assert_int_equal(get(PL011_IMSC), PL011_INTS);
	put(0x800, 1);
	assert_int_equal(get(0x800), 0);
	pl011_io(&uart, PL011_IBRD + 1, true, &value, 1);
	pl011_io(&uart, PL011_IBRD, true, &value, 8);
	assert_int_equal(get(PL011_IBRD), 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(polled, setup, teardown),
		cmocka_unit_test_setup_teardown(transmit_interrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(receives, setup, teardown),
		cmocka_unit_test_setup_teardown(reopened, setup, teardown),
		cmocka_unit_test_setup_teardown(identity, setup, teardown),
		cmocka_unit_test_setup_teardown(registers, setup, teardown),
	};

	return cmocka_run_group_tests_name("pl011", tests, NULL, NULL);
}
