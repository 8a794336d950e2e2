// SPDX-License-Identifier: GPL-2.0-only
/* ACPI on arm64: what iasl makes of the tables, and what Linux looks for in them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* After those that it needs. */
#include <cmocka.h>

#include "arch/arm64/acpi.h"
#include "arch/arm64/map.h"

static u8 memory[ACPI_SIZE];
static struct acpi_tables t;

static const struct layout layout = {
	.generation = 2,
	.crs = { { 0xe0000000, 0xffffffff }, { 0xfe0000000, 0xfffffffff } },
	.crs_count = 2,
	.redistributors = 1900,
};

static u64 number(const void *p, u32 at, u32 bytes)
{
	u64 value = 0;

	memcpy(&value, (const u8 *)p + at, bytes);
	return value;
}

static struct acpi_header *at_gpa(u64 gpa)
{
	struct acpi_header *h = (void *)(memory + (gpa - ACPI_GPA));

	assert_true(gpa >= ACPI_GPA && gpa < ACPI_GPA + ACPI_SIZE);
	assert_true(h->length <= ACPI_GPA + ACPI_SIZE - gpa);
	assert_int_equal(acpi_sum(h, h->length), 0);
	return h;
}

static struct acpi_header *find(const char *signature)
{
	struct acpi_header *xsdt, *h;
	u32 i;

	assert_memory_equal(memory, "RSD PTR ", 8);
	assert_int_equal(acpi_sum(memory, 36), 0);
	xsdt = at_gpa(number(memory, 24, 8));
	for (i = sizeof(*xsdt); i < xsdt->length; i += 8) {
		h = at_gpa(number(xsdt, i, 8));
		if (!memcmp(h->signature, signature, 4))
			return h;
	}
	fail_msg("no %s", signature);
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	t = (struct acpi_tables) {
		.base = memory, .gpa = ACPI_GPA, .size = ACPI_SIZE,
	};
	return acpi64_write(&t, &layout, 3);
}

static void fadt(void **state)
{
	struct fadt *f = (void *)find("FACP");

	(void)state;
	assert_int_equal(f->h.revision, 6);
	assert_int_equal(f->flags, 1u << 20);
	assert_int_equal(f->arm_boot_arch, 3);
	assert_memory_equal(&f->hypervisor, "MsHyperV", 8);
	assert_memory_equal(at_gpa(f->x_dsdt)->signature, "DSDT", 4);
}

static void madt(void **state)
{
	const struct acpi_header *h = find("APIC");
	const u8 *p = (const u8 *)h;
	u32 at, cpus = 0, redist = 0, dist = 0;

	(void)state;
	for (at = 44; at < h->length; at += p[at + 1]) {
		assert_true(p[at + 1] > 2);
		switch (p[at]) {
		case 0xb:
			assert_int_equal(number(p, at + 8, 4), cpus);
			assert_int_equal(number(p, at + 12, 4), 1);
			assert_int_equal(number(p, at + 68, 8), cpus);
			cpus++;
			break;
		case 0xc:
			assert_int_equal(number(p, at + 8, 8), 0xffff0000);
			assert_int_equal(p[at + 20], 3);
			dist++;
			break;
		case 0xe:
			assert_int_equal(number(p, at + 4, 8), 0xefff0000);
			assert_int_equal(number(p, at + 12, 4),
					 1900 * 0x20000);
			redist++;
			break;
		default:
			fail_msg("entry %u", p[at]);
		}
	}
	assert_int_equal(at, h->length);
	assert_int_equal(cpus, 3);
	assert_int_equal(redist, 1);
	assert_int_equal(dist, 1);
}

static void gtdt(void **state)
{
	const struct acpi_header *h = find("GTDT");

	(void)state;
	assert_int_equal(number(h, 36, 8), ~0ull);
	assert_int_equal(number(h, 56, 4), INTID_PTIMER);
	assert_int_equal(number(h, 64, 4), INTID_VTIMER);
	assert_int_equal(number(h, 68, 4), 4);
	assert_int_equal(number(h, 80, 8), ~0ull);
}

/* iasl reads DSDT and SSDT together, and finds what it should. */
static void disassembled(void **state)
{
	/* Addresses of 32 bits may be shorter; only they have a second spelling */
	static const char *const want[][2] = {
		{ "ACPI0004" }, { "0x00000000E0000000", "0xE0000000" },
		{ "0x0000000FE0000000" }, { "Device (CPU0)" },
		{ "Device (CPU2)" }, { "ACPI0007" },
	};
	const struct acpi_header *ssdt = find("SSDT");
	char dir[] = "/tmp/test_acpi64.XXXXXX", command[120];
	struct fadt *f = (void *)find("FACP");
	u32 i;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	file = fopen("ssdt.aml", "w");
	assert_non_null(file);
	assert_int_equal(fwrite(ssdt, 1, ssdt->length, file), ssdt->length);
	fclose(file);
	file = fopen("dsdt.aml", "w");
	assert_non_null(file);
	assert_int_equal(fwrite(at_gpa(f->x_dsdt), 1, at_gpa(f->x_dsdt)->length,
				file), at_gpa(f->x_dsdt)->length);
	fclose(file);
	assert_int_equal(system("iasl -e ssdt.aml -d dsdt.aml >log 2>&1"), 0);
	assert_int_equal(system("iasl -e dsdt.aml -d ssdt.aml >>log 2>&1"), 0);
	assert_int_equal(system("! grep -i 'error\\|warning.*[1-9]' log"), 0);
	assert_int_equal(system("! grep CPU3 ssdt.dsl"), 0);
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		snprintf(command, sizeof(command),
			 "cat *.dsl | grep -qF -e '%s' -e '%s'", want[i][0],
			 want[i][1] ?: want[i][0]);
		if (system(command))
			fail_msg("no %s in %s", want[i][0], dir);
	}
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void full(void **state)
{
	u8 buf[2048];
	int n;

	(void)state;
	n = acpi64_make_ssdt(&layout, 8, buf, sizeof(buf));
	assert_true(n > 0);
	assert_int_equal(acpi64_make_ssdt(&layout, 8, buf, n), n);
	assert_int_equal(acpi64_make_ssdt(&layout, 8, buf, n - 1), -ENOSPC);
	t.size = t.used - 1;
	assert_int_equal(acpi64_write(&t, &layout, 3), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fadt, setup),
		cmocka_unit_test_setup(madt, setup),
		cmocka_unit_test_setup(gtdt, setup),
		cmocka_unit_test_setup(disassembled, setup),
		cmocka_unit_test_setup(full, setup),
	};

	return cmocka_run_group_tests_name("acpi64", tests, NULL, NULL);
}
