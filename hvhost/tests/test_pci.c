// SPDX-License-Identifier: GPL-2.0-only
/* Gen1's PCI bus: what is there, sizing and moving the BAR, bounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
/* After those that it needs. */
#include <cmocka.h>

#include "arch/x86/pci.h"
#include "core/hostile.h"

#define BAR { 0xf8000000, 0xfbffffff }

static const struct range bar = BAR;
static struct pci pci;
static int resets;
static struct pci *added;		/* by pci_init() */

/* In place of run.c's and machine.c's. */
void run_reset(struct run *run, const char *cause)
{
	(void)run;
	assert_non_null(cause);
	resets++;
}

int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque)
{
	(void)vm;
	(void)first;
	(void)count;
	(void)fn;
	added = opaque;
	return 0;
}

static int fresh(void **state)
{
	static struct vm vm;
	int err;

	(void)state;
	resets = 0;
	err = pci_setup(&pci, &bar);
	pci.vm = &vm;
	return err;
}

static u32 in(u16 port, unsigned int size)
{
	u64 v = 0;

	pci_io(&pci, port - PCI_PORT, false, &v, size);
	return size == 4 ? (u32)v : size == 2 ? (u16)v : (u8)v;
}

static void out(u16 port, u32 value, unsigned int size)
{
	u64 v = value;

	pci_io(&pci, port - PCI_PORT, true, &v, size);
}

static u32 config(u32 bus, u32 slot, u32 fn, u32 reg)
{
	out(0xcf8, 1u << 31 | bus << 16 | slot << 11 | fn << 8 | reg, 4);
	return in(0xcfc, 4);
}

static void present(void **state)
{
	u32 bus, slot, fn, id;

	(void)state;
	assert_int_equal(config(0, 0, 0, 0), 0x71928086);
	assert_int_equal(config(0, 0, 0, 8) >> 8, 0x060000);
	assert_int_equal(config(0, 7, 0, 0), 0x71108086);
	assert_int_equal(config(0, 7, 0, 8) >> 8, 0x060100);
	assert_int_equal(config(0, 8, 0, 0), 0x53531414);
	assert_int_equal(config(0, 8, 0, 8) >> 8, 0x030000);
	assert_int_equal(config(0, 8, 0, 0x10), 0xf8000000);
	/* One function each, no bridge */
	assert_int_equal(config(0, 8, 0, 0xc), 0);
	for (bus = 0; bus < 256; bus += 85)
		for (slot = 0; slot < 32; slot++)
			for (fn = 0; fn < 8; fn++) {
				id = config(bus, slot, fn, 0);
				if (!bus && !fn && (!slot || slot == 7 ||
						    slot == 8))
					continue;
				assert_int_equal(id, 0xffffffff);
			}
}

/* As Linux sizes a BAR, with decoding off and on. */
static void sizing(void **state)
{
	int reg;

	(void)state;
	for (reg = 0x10; reg < 0x28; reg += 4) {
		u32 was = config(0, 8, 0, reg);

		out(0xcfc, 0xffffffff, 4);
		assert_int_equal(in(0xcfc, 4), reg == 0x10 ? 0xfc000000 : 0);
		out(0xcfc, was, 4);
		assert_int_equal(in(0xcfc, 4), was);
	}
	assert_int_equal(pci.vga_base, 0xf8000000);
	config(0, 8, 0, 0x30);
	out(0xcfc, 0xffffffff, 4);
	assert_int_equal(in(0xcfc, 4), 0);
}

static void moving(void **state)
{
	(void)state;
	/* Decoding off: it is written, but it is nowhere */
	assert_int_equal(config(0, 8, 0, 4) & 0xffff, 7);
	out(0xcfc, 5, 2);
	config(0, 8, 0, 0x10);
	out(0xcfc, 0xf5432100, 4);
	assert_int_equal(in(0xcfc, 4), 0xf4000000);
	assert_int_equal(pci.vga_base, 0xf8000000);
	config(0, 8, 0, 4);
	out(0xcfc, 7, 2);
	assert_int_equal(pci.vga_base, 0xf4000000);
	/* And with decoding on, byte by byte */
	config(0, 8, 0, 0x10);
	out(0xcff, 0xe0, 1);
	assert_int_equal(in(0xcfc, 4), 0xe0000000);
	assert_int_equal(pci.vga_base, 0xe0000000);
	/* No other bits of the command stick, nor of the IDs */
	config(0, 8, 0, 4);
	out(0xcfc, 0xffffffff, 4);
	assert_int_equal(in(0xcfc, 4), 7);
	config(0, 8, 0, 0);
	out(0xcfc, 0, 4);
	assert_int_equal(in(0xcfc, 4), 0x53531414);
}

static void sizes(void **state)
{
	unsigned int at, size;

	(void)state;
	config(0, 8, 0, 0);
	assert_int_equal(in(0xcfe, 2), 0x5353);
	assert_int_equal(in(0xcfd, 1), 0x14);
	/* Beyond the dword there is nothing, nor behind the last register */
	assert_int_equal(in(0xcfd, 4), 0xffffffff);
	assert_int_equal(in(0xcff, 2), 0xffff);
	config(0, 8, 0, 0xfc);
	for (at = 0; at < 4; at++)
		for (size = 1; size <= 4; size *= 2) {
			out(0xcfc + at, 0xa5a5a5a5, size);
			in(0xcfc + at, size);
		}
	assert_int_equal(in(0xcfc, 4), 0);
}

/* The address is a dword; a byte at 0xcf9 is something else. */
static void address(void **state)
{
	(void)state;
	out(0xcf8, 0x80000000, 4);
	assert_int_equal(in(0xcf8, 4), 0x80000000);
	out(0xcfb, 1, 1);		/* what Linux starts its probe with */
	out(0xcf8, 0, 2);
	assert_int_equal(in(0xcf8, 4), 0x80000000);
	out(0xcf9, 2, 1);
	assert_int_equal(resets, 0);
	out(0xcf9, 6, 1);
	assert_int_equal(resets, 1);
	assert_int_equal(in(0xcf8, 4), 0x80000000);
	/* Not enabled: nothing there */
	out(0xcf8, 0, 4);
	assert_int_equal(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, 0xffffffff, 4);
	assert_int_equal(in(0xcf8, 4), 0x80fffffc);
	assert_int_equal(in(0xcfc, 4), 0xffffffff);
}

static void bad_bars(void **state)
{
	static const struct range bad[] = {
		{ 0, 0 },
		{ 0xf8000000, 0xf7ffffff },
		{ 0xf8000000, 0xfaffffff },	/* 48 MiB */
		{ 0xfa000000, 0xfdffffff },	/* not aligned to its size */
		{ 0xfe0000000, 0xfe3ffffff },	/* above 4 GiB */
		{ 0, ~0ull },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(pci_setup(&pci, &bad[i]), -EINVAL);
}

/* A host that lies has firmware set another address. */
static void lies(void **state)
{
	static const struct hostile_plan honest, plan = {
		.on = true, .seed = 1, .rate = 1000,
		.only = { { .site = HOSTILE_VGA_PLACE } }, .onlys = 1,
	};
	static struct vm vm = { .layout = { .generation = 1, .vga_bar = BAR } };

	(void)state;
	hostile_start(&plan);
	assert_int_equal(pci_init(&vm), 0);
	pci = *added;
	assert_int_not_equal(config(0, 8, 0, 0x10), bar.start);
	assert_int_equal(pci.vga_base, config(0, 8, 0, 0x10));
	hostile_start(&honest);
	assert_int_equal(pci_init(&vm), 0);
	pci = *added;
	assert_int_equal(config(0, 8, 0, 0x10), bar.start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(present, fresh),
		cmocka_unit_test_setup(sizing, fresh),
		cmocka_unit_test_setup(moving, fresh),
		cmocka_unit_test_setup(sizes, fresh),
		cmocka_unit_test_setup(address, fresh),
		cmocka_unit_test(bad_bars),
		cmocka_unit_test(lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
