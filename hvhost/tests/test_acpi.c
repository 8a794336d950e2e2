// SPDX-License-Identifier: GPL-2.0-only
/* ACPI: the windows as iasl reads them, the tables, the registers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* After those that it needs. */
#include <cmocka.h>

#include "arch/x86/acpi.h"
#include "core/bytes.h"
#include "core/hostile.h"

static u8 sum(const void *p, size_t len)
{
	const u8 *b = p;
	u8 s = 0;

	while (len--)
		s += *b++;
	return s;
}

static const struct layout gen2 = {
	.generation = 2,
	.ram = { { 0, GIB - 1 } },
	.ram_count = 1,
	.crs = {
		{ 0xf8000000, 0xffffffff },
		{ 0xfe0000000, 0xfffffffff },
	},
	.crs_count = 2,
};

/* Nothing of this may be put right. */
static const struct layout degenerate = {
	.generation = 2,
	.crs = {
		{ 0x100000000, 0xffffffff },	/* empty */
		{ 0xf8000000, 0xf7ffffff },	/* empty, below 4 GiB */
		{ 0xfe000000, 0xf0000000 },	/* inverted */
		{ 0xf8000000, 0x1ffffffff },	/* across 4 GiB */
		{ 0xf9000000, 0xf9000000 },	/* a byte, overlapping */
		{ 0, 0 },
		{ 0, ~0ull },			/* its length does not fit */
		{ 0x2000000000, 0x1000000000 },	/* inverted, high */
	},
	.crs_count = 8,
};

/* ASL of a range, in iasl's own words */
static void asl(FILE *f, const struct range *r)
{
	bool wide = (r->start | r->end) >> 32;

	fprintf(f, "%s (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0x%llx, 0x%llx, 0, 0x%llx)\n",
		wide ? "QWordMemory" : "DWordMemory", r->start, r->end,
		r->end < r->start ? 0 : r->end - r->start + 1);
}

/* A file in the current folder, in a buffer that the caller frees */
static u8 *slurp(const char *name, size_t *len)
{
	FILE *f = fopen(name, "r");
	u8 *p = calloc(1, 65536);

	assert_non_null(f);
	assert_non_null(p);
	*len = fread(p, 1, 65535, f);
	fclose(f);
	return p;
}

/*
 * iasl makes the same descriptors of the same template, in the same order, and
 * reads our table without a complaint.
 */
static void compare(const struct layout *l, const char *scope)
{
	const size_t head = sizeof(struct acpi_header);
	char text[64], dir[] = "/tmp/test_acpi.XXXXXX";
	struct acpi_header *h;
	const u8 *crs, *tail;
	u8 ssdt[2048], *theirs;
	size_t their_len, len;
	FILE *f;
	int i, n;

	n = acpi_make_ssdt(l, ssdt, sizeof(ssdt));
	assert_true(n > (int)head);
	h = (void *)ssdt;
	assert_int_equal(h->length, n);
	assert_int_equal(sum(ssdt, n), 0);

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	f = fopen("ours.aml", "w");
	assert_non_null(f);
	assert_int_equal(fwrite(ssdt, 1, n, f), n);
	fclose(f);
	f = fopen("theirs.asl", "w");
	assert_non_null(f);
	fprintf(f, "DefinitionBlock (\"\", \"SSDT\", 2, \"A\", \"B\", 1)\n");
	fprintf(f, "{ Name (_CRS, ResourceTemplate () {\n");
	if (l->generation == 1) {
		fprintf(f, "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xff, 0, 0x100)\n");
		fprintf(f, "IO (Decode16, 0xcf8, 0xcf8, 1, 8)\n");
		fprintf(f, "WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0, 0xcf7, 0, 0xcf8)\n");
		fprintf(f, "WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0xd00, 0xffff, 0, 0xf300)\n");
		asl(f, &(struct range) { 0xa0000, 0xbffff });
	}
	for (i = 0; i < l->crs_count; i++)
		asl(f, &l->crs[i]);
	fprintf(f, "}) }\n");
	fclose(f);

	assert_int_equal(system("iasl -f theirs.asl >log1 2>&1"), 0);
	theirs = slurp("theirs.aml", &their_len);
	/* Name (_CRS, Buffer (size) { ... }): ours has a word for a size */
	crs = memmem(ssdt, n, "_CRS\x11", 5);
	assert_non_null(crs);
	crs += 4 + 1 + 2 + 3;
	len = ssdt + n - crs;
	assert_int_equal(crs[-3], 0x0b);
	assert_int_equal(crs[-2] | crs[-1] << 8, len);
	tail = memmem(theirs, their_len, crs, len - 2);
	assert_non_null(tail);
	assert_int_equal(tail + len - theirs, their_len);
	assert_int_equal(tail[len - 2], 0x79);
	assert_int_equal(crs[len - 2], 0x79);
	free(theirs);

	assert_int_equal(system("iasl -d ours.aml >log2 2>&1"), 0);
	theirs = slurp("ours.dsl", &their_len);
	snprintf(text, sizeof(text), "Scope (\\_SB.%s)", scope);
	assert_non_null(strstr((char *)theirs, text));
	assert_non_null(strstr((char *)theirs, "Name (_CRS, ResourceTemplate ()"));
	free(theirs);

	assert_int_equal(chdir("/"), 0);
	snprintf(text, sizeof(text), "rm -r %s", dir);
	assert_int_equal(system(text), 0);
}

static void windows(void **state)
{
	struct layout gen1 = gen2;

	(void)state;
	gen1.generation = 1;
	compare(&gen2, "VMOD");
	compare(&gen1, "PCI0");
	compare(&degenerate, "VMOD");
}

static void many_and_none(void **state)
{
	struct layout l = { .generation = 2 };
	u8 ssdt[2048];
	int i, n;

	(void)state;
	n = acpi_make_ssdt(&l, ssdt, sizeof(ssdt));
	assert_true(n > 2);
	assert_int_equal(ssdt[n - 2], 0x79);	/* nothing but the end tag */
	assert_int_equal(ssdt[n - 4], 2);
	l.crs_count = LAYOUT_MAX_RANGES;
	for (i = 0; i < l.crs_count; i++)
		l.crs[i] = (struct range) { i * GIB, i * GIB + 4095 };
	compare(&l, "VMOD");
	n = acpi_make_ssdt(&l, ssdt, sizeof(ssdt));
	assert_true(n > 0);
	assert_int_equal(acpi_make_ssdt(&l, ssdt, n), n);
	assert_int_equal(acpi_make_ssdt(&l, ssdt, n - 1), -ENOSPC);
	assert_int_equal(acpi_make_ssdt(&l, ssdt, 0), -ENOSPC);
}

/* A host that lies says other windows, in a table that is as whole. */
static void lies(void **state)
{
	static const struct hostile_plan honest, plan = {
		.on = true, .seed = 1, .rate = 1000,
		.only = { { .site = HOSTILE_CRS_MIN } }, .onlys = 1,
	};
	u8 truth[2048], ssdt[2048];
	int n = acpi_make_ssdt(&gen2, truth, sizeof(truth));

	(void)state;
	hostile_start(&plan);
	assert_int_equal(acpi_make_ssdt(&gen2, ssdt, sizeof(ssdt)), n);
	assert_memory_not_equal(ssdt, truth, n);
	assert_int_equal(sum(ssdt, n), 0);
	assert_int_equal(hostile_mutations(HOSTILE_CRS_MIN), gen2.crs_count);
	hostile_start(&honest);
	assert_int_equal(acpi_make_ssdt(&gen2, ssdt, sizeof(ssdt)), n);
	assert_memory_equal(ssdt, truth, n);
}

#define RAM	(2 * MIB)

/* From the RSDP to every table, with right sums and one entry a CPU. */
static void check_tables(struct vm *vm)
{
	const u8 *p = mem_at(&vm->mem, ACPI_GPA, ACPI_SIZE);
	const u8 *xsdt, *fadt, *madt, *ssdt, *dsdt;
	int at, lapics = 0;

	assert_int_equal(acpi_write_tables(vm), 0);
	assert_memory_equal(p, "RSD PTR ", 8);
	assert_int_equal(sum(p, 20), 0);
	assert_int_equal(sum(p, 36), 0);
	xsdt = mem_at(&vm->mem, get_le64(p + 24), 60);
	assert_memory_equal(xsdt, "XSDT", 4);
	assert_int_equal(get_le32(xsdt + 4), 60);
	assert_int_equal(sum(xsdt, 60), 0);

	fadt = mem_at(&vm->mem, get_le64(xsdt + 36), 276);
	assert_memory_equal(fadt, "FACP", 4);
	assert_int_equal(get_le32(fadt + 4), 276);
	assert_int_equal(sum(fadt, 276), 0);
	dsdt = mem_at(&vm->mem, get_le64(fadt + 140), 36);
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_int_equal(sum(dsdt, get_le32(dsdt + 4)), 0);

	madt = mem_at(&vm->mem, get_le64(xsdt + 44), 44);
	assert_memory_equal(madt, "APIC", 4);
	assert_int_equal(sum(madt, get_le32(madt + 4)), 0);
	for (at = 44; at < (int)get_le32(madt + 4); at += madt[at + 1]) {
		assert_true(madt[at + 1] >= 8);
		lapics += madt[at] == 0;
	}
	assert_int_equal(at, get_le32(madt + 4));
	assert_int_equal(lapics, vm->kvm.cpus);

	ssdt = mem_at(&vm->mem, get_le64(xsdt + 52), 36);
	assert_memory_equal(ssdt, "SSDT", 4);
	assert_int_equal(sum(ssdt, get_le32(ssdt + 4)), 0);
}

static void tables(void **state)
{
	struct vm vm = { .layout = gen2 };
	u8 *ram = calloc(1, RAM);

	(void)state;
	assert_non_null(ram);
	assert_int_equal(mem_add(&vm.mem, 0, RAM, ram), 0);
	for (vm.kvm.cpus = 1; vm.kvm.cpus <= MAX_CPUS; vm.kvm.cpus++) {
		vm.layout.generation = 1;
		check_tables(&vm);
		vm.layout.generation = 2;
		check_tables(&vm);
	}
	/* No RAM there */
	vm.mem.count = 0;
	assert_int_equal(mem_add(&vm.mem, 0, ACPI_GPA + 1, ram), 0);
	vm.kvm.cpus = 1;
	assert_int_equal(acpi_write_tables(&vm), -EINVAL);
	free(ram);
}

static u64 in(struct vm *vm, u64 offset, unsigned int size)
{
	u64 v = 0;

	acpi_pm_io(vm, offset, false, &v, size);
	return size == 4 ? (u32)v : size == 2 ? (u16)v : (u8)v;
}

static void out(struct vm *vm, u64 offset, u64 v, unsigned int size)
{
	acpi_pm_io(vm, offset, true, &v, size);
}

/* In place of run.c's and machine.c's. */
static int ended = -1;

void run_poweroff(struct run *run, const char *cause)
{
	(void)run;
	assert_non_null(cause);
	ended = RUN_POWEROFF;
}

void run_reset(struct run *run, const char *cause)
{
	(void)run;
	assert_non_null(cause);
	ended = RUN_RESET;
}

int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque)
{
	(void)vm;
	(void)first;
	(void)count;
	(void)fn;
	(void)opaque;
	return 0;
}

static void registers(void **state)
{
	struct vm vm = { .layout = { .generation = 2 } };
	u32 t;

	(void)state;
	assert_int_equal(acpi_init(&vm), 0);
	assert_int_equal(in(&vm, ACPI_PM1_CNT, 2), 1);	/* SCI_EN */
	out(&vm, ACPI_PM1_EN, 0x120, 2);
	assert_int_equal(in(&vm, ACPI_PM1_EN, 2), 0x120);
	assert_int_equal(in(&vm, ACPI_PM1_STS, 2), 0);

	/* Only a sleep that is enabled, and only S5, ends it */
	out(&vm, ACPI_PM1_CNT, ACPI_S5_TYPE << 10, 2);
	out(&vm, ACPI_PM1_CNT, 1 << 13 | 1 << 10, 2);
	out(&vm, ACPI_PM1_CNT, 0x34, 1);
	out(&vm, ACPI_RESET, ACPI_RESET_VALUE + 1, 1);
	assert_int_equal(ended, -1);
	out(&vm, ACPI_PM1_CNT, 1 << 13 | ACPI_S5_TYPE << 10, 2);
	assert_int_equal(ended, RUN_POWEROFF);
	out(&vm, ACPI_RESET, ACPI_RESET_VALUE, 1);
	assert_int_equal(ended, RUN_RESET);

	/* 3579.545 ticks a millisecond; a busy machine sleeps longer */
	t = in(&vm, ACPI_PM_TMR, 4);
	usleep(20000);
	t = in(&vm, ACPI_PM_TMR, 4) - t;
	assert_in_range(t, 20 * 3579, 20000 * 3579);

	/* Whatever is asked of every register in every size */
	for (t = 0; t < ACPI_PM_COUNT; t++) {
		if (t == ACPI_PM1_CNT || t == ACPI_RESET)
			continue;
		out(&vm, t, 0xffffffff, 1);
		out(&vm, t, 0xffffffff, 4);
		in(&vm, t, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows),
		cmocka_unit_test(many_and_none),
		cmocka_unit_test(lies),
		cmocka_unit_test(tables),
		cmocka_unit_test(registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
