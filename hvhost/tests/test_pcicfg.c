// SPDX-License-Identifier: GPL-2.0-only
/* Config space, BARs and MSI-X of a function that is on no bus. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/msix.h"
#include "core/pcicfg.h"

#define TABLE		0x100u
#define PBA		0x400u
#define FLAGS		0x42u		/* of MSI-X, which is at 0x40 */
#define VECTORS		9u

static struct pcicfg cfg;
static struct msix msix;
static int sent;
static u64 sent_address;
static u32 sent_data;

static void header(void **state)
{
	u64 at;

	(void)state;
	pcicfg_init(&cfg, 0x1414, 0xb111, 0x010802, 7);
	assert_int_equal(pcicfg_read(&cfg, 0, 4), 0xb1111414);
	assert_int_equal(pcicfg_read(&cfg, 8, 4), 0x01080207);
	for (at = 0; at < PCI_CFG_SPACE_SIZE; at += 4)
		pcicfg_write(&cfg, at, ~0ull, 4);
	assert_int_equal(pcicfg_read(&cfg, 0, 4), 0xb1111414);
	assert_int_equal(pcicfg_read(&cfg, PCI_COMMAND, 4), 0);
	/* Cache line size and latency timer, not the header's type */
	assert_int_equal(pcicfg_read(&cfg, 0xc, 4), 0xffff);
	assert_int_equal(pcicfg_read(&cfg, 0x3c, 4), 0xff);
	for (at = 0x10; at < 0x3c; at += 4)
		assert_int_equal(pcicfg_read(&cfg, at, 4), 0);
}

/* An access may begin at the last byte, or anywhere beyond. */
static void ends(void **state)
{
	(void)state;
	pcicfg_init(&cfg, 0x1414, 0xb111, 0x010802, 7);
	pcicfg_allow(&cfg, 0xf8, ~0ull, 8);
	pcicfg_write(&cfg, 0xfe, 0x8877665544332211ull, 8);
	assert_int_equal(pcicfg_read(&cfg, 0xf8, 8), 0x2211000000000000ull);
	assert_int_equal(pcicfg_read(&cfg, 0xfe, 8), 0x2211);
	assert_int_equal(pcicfg_read(&cfg, 0xff, 1), 0x22);
	assert_int_equal(pcicfg_read(&cfg, 0x100, 4), 0);
	assert_int_equal(pcicfg_read(&cfg, ~0ull, 8), 0);
	pcicfg_write(&cfg, 0x100, 0, 4);
	pcicfg_write(&cfg, ~0ull, 0, 8);
	assert_int_equal(pcicfg_read(&cfg, 0xf8, 8), 0x2211000000000000ull);
	assert_int_equal(pcicfg_read(&cfg, 0, 4), 0xb1111414);
}

static void bars(void **state)
{
	static const struct pci_bar small = { .size = 16 };
	static const struct pci_bar large = {
		.size = 8 * GIB, .is_64 = true, .prefetch = true,
	};
	static const struct pci_bar none;

	(void)state;
	pcicfg_init(&cfg, 0x1414, 0xb111, 0x010802, 7);
	pcicfg_set_bar(&cfg, 0, &small);
	pcicfg_set_bar(&cfg, 2, &large);
	pcicfg_set_bar(&cfg, 4, &none);
	assert_int_equal(pcicfg_read(&cfg, 0x18, 8), 0xc);
	pcicfg_write(&cfg, 0x10, ~0ull, 8);
	pcicfg_write(&cfg, 0x18, ~0ull, 8);
	pcicfg_write(&cfg, 0x20, ~0ull, 8);
	assert_int_equal(pcicfg_read(&cfg, 0x10, 8), 0xfffffff0);
	assert_int_equal(pcicfg_read(&cfg, 0x18, 8), 0xfffffffe0000000cull);
	assert_int_equal(pcicfg_read(&cfg, 0x20, 8), 0);
	assert_int_equal(pci_bar_probed(&small), 0xfffffff0);
	assert_int_equal(pci_bar_probed(&large), 0xfffffffe0000000cull);
	assert_int_equal(pci_bar_probed(&none), 0);
	pcicfg_write(&cfg, 0x18, 0xfe1234567ull, 8);
	assert_int_equal(pcicfg_bar_address(&cfg, 2, &large), 0xe00000000ull);
	assert_int_equal(pcicfg_bar_address(&cfg, 4, &none), 0);
	assert_false(pcicfg_is_bar(0xf));
	assert_true(pcicfg_is_bar(0x10));
	assert_true(pcicfg_is_bar(0x27));
	assert_false(pcicfg_is_bar(0x28));
}

static void bad_bars(void **state)
{
	static const struct {
		struct pci_bar bar[MAX_BARS];
		bool ok;
	} sets[] = {
		{ .ok = true },
		{ { [5] = { .size = 16 } }, true },
		{ { [0] = { .size = 8 } }, false },
		{ { [0] = { .size = 48 } }, false },
		{ { [1] = { .size = 2 * GIB } }, true },
		{ { [1] = { .size = 4 * GIB } }, false },
		{ { [1] = { .size = 4 * GIB, .is_64 = true } }, true },
		{ { [4] = { .size = 4 * KIB, .is_64 = true } }, true },
		{ { [5] = { .size = 4 * KIB, .is_64 = true } }, false },
		{ { [2] = { .size = 4 * KIB, .is_64 = true },
		    [3] = { .size = 4 * KIB } }, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sets); i++)
		if (pci_bars_ok(sets[i].bar) != sets[i].ok)
			fail_msg("set %zu", i);
}

static void send_message(void *opaque, u64 address, u32 data)
{
	assert_ptr_equal(opaque, &cfg);
	sent++;
	sent_address = address;
	sent_data = data;
}

static const struct pci_bar msix_bars[MAX_BARS] = { [2] = { .size = 4 * KIB } };

static int start(void **state)
{
	static const struct msix_place at = {
		.vectors = VECTORS, .bar = 2, .table = TABLE, .pba = PBA,
	};

	(void)state;
	sent = 0;
	pcicfg_init(&cfg, 0x1414, 0xb111, 0x010802, 7);
	pcicfg_allow(&cfg, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	if (!msix_place_ok(&at, msix_bars) ||
	    msix_init(&msix, &at, &cfg, send_message, &cfg))
		return -1;
	msix_reset(&msix);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	msix_free(&msix);
	return 0;
}

static u64 table_read(u64 offset, unsigned int size)
{
	u64 value = ~0ull;

	assert_true(msix_access(&msix, 2, offset, false, &value, size));
	return value;
}

static void table_write(u64 offset, u64 value, unsigned int size)
{
	assert_true(msix_access(&msix, 2, offset, true, &value, size));
}

static void places(void **state)
{
	static const struct {
		struct msix_place at;
		bool ok;
	} tries[] = {
		{ { 0, 9, 1, 1 }, true },
		{ { 1, 2, 0, 0xff8 }, true },
		{ { 1, 2, 0, 0xff4 }, false },
		{ { 1, 2, 0, 0x1000 }, false },
		{ { 1, 2, 0xff0, 0 }, true },
		{ { 2, 2, 0xff0, 0 }, false },
		{ { 1, 3, 0, 0x800 }, false },
		{ { 1, MAX_BARS, 0, 0x800 }, false },
		{ { 65, 2, 0, 0xff0 }, true },
		{ { 65, 2, 0, 0xff8 }, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(tries); i++)
		if (msix_place_ok(&tries[i].at, msix_bars) != tries[i].ok)
			fail_msg("try %zu", i);
}

/* Lost while it is off, pending while masked, sent at once, or when unmasked */
static void messages(void **state)
{
	u64 entry = TABLE + 16 * 8;

	(void)state;
	assert_int_equal(pcicfg_read(&cfg, 0x34, 1), 0x40);
	assert_int_equal(pcicfg_read(&cfg, 0x40, 4), (VECTORS - 1) << 16 | 0x11);
	assert_int_equal(pcicfg_read(&cfg, 0x44, 8), (u64)(PBA | 2) << 32 | TABLE | 2);
	table_write(entry, 0xfee00000, 8);
	table_write(entry + 8, 0x1234, 4);
	assert_int_equal(table_read(entry + 8, 8), 1ull << 32 | 0x1234);
	msix_raise(&msix, 8);
	pcicfg_write(&cfg, FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	msix_raise(&msix, 8);
	assert_int_equal(table_read(PBA, 8), 0);
	pcicfg_write(&cfg, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	msix_raise(&msix, 8);
	msix_raise(&msix, VECTORS);
	assert_int_equal(table_read(PBA, 8), 1 << 8);
	assert_int_equal(sent, 0);
	/* The function's mask counts, too. */
	pcicfg_write(&cfg, FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	table_write(entry + 12, 0xfffffffe, 4);
	assert_int_equal(table_read(entry + 12, 4), 0);
	assert_int_equal(sent, 0);
	pcicfg_write(&cfg, FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	msix_update(&msix);
	assert_int_equal(sent, 1);
	assert_int_equal(sent_address, 0xfee00000);
	assert_int_equal(sent_data, 0x1234);
	assert_int_equal(table_read(PBA, 8), 0);
	msix_raise(&msix, 8);
	assert_int_equal(sent, 2);
	/* A reset masks it again. */
	pcicfg_init(&cfg, 0x1414, 0xb111, 0x010802, 7);
	msix_reset(&msix);
	assert_int_equal(table_read(entry + 8, 8), 1ull << 32);
	assert_int_equal(pcicfg_read(&cfg, FLAGS, 2), VECTORS - 1);
}

/* Accesses that are only partly in the table or the PBA, and elsewhere */
static void bounds(void **state)
{
	u64 end = TABLE + 16 * VECTORS, value = 1;

	(void)state;
	assert_int_equal(table_read(end - 4, 8), 1);
	assert_int_equal(table_read(TABLE + 12 - 4, 8), 1ull << 32);
	table_write(TABLE - 4, ~0ull, 8);
	assert_int_equal(table_read(TABLE, 4), 0xffffffff);
	table_write(PBA, ~0ull, 8);
	assert_int_equal(table_read(PBA, 8), 0);
	assert_int_equal(table_read(PBA + 4, 8), 0);
	assert_false(msix_access(&msix, 2, end, false, &value, 8));
	assert_false(msix_access(&msix, 2, TABLE - 8, false, &value, 8));
	assert_false(msix_access(&msix, 2, PBA + 8, false, &value, 8));
	assert_false(msix_access(&msix, 1, TABLE, false, &value, 8));
	assert_int_equal(value, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header),
		cmocka_unit_test(ends),
		cmocka_unit_test(bars),
		cmocka_unit_test(bad_bars),
		cmocka_unit_test(places),
		cmocka_unit_test_setup_teardown(messages, start, stop),
		cmocka_unit_test_setup_teardown(bounds, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
