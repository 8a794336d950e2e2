// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI on arm64: hardware-reduced, GICv3, PSCI. The DSDT is compiled from
 * dsdt-arm64.asl; MMIO windows and processors, which depend on options, come in an SSDT.
 */
#include <errno.h>
#include <string.h>

#include "arch/aml.h"
#include "arch/arm64/acpi.h"
#include "arch/arm64/map.h"
#include "arch/firmware.h"
#include "core/limits.h"
#include "dsdt-arm64.h"

#define FADT_HW_REDUCED		(1u << 20)
#define ARM_PSCI		(1u << 0)
#define ARM_PSCI_BY_HVC		(1u << 1)

#define NO_ADDRESS		(~0ull)
#define TIMER_ALWAYS_ON		(1u << 2)	/* level, active high */

struct gtdt {
	struct acpi_header h;
	u64 counter_control;
	u32 reserved;
	struct {
		u32 gsiv, flags;
	} __packed secure, physical, virtual, hypervisor;
	u64 counter_read;
	u32 platform_count, platform_offset;
	struct {
		u32 gsiv, flags;
	} __packed virtual_hypervisor;
} __packed;

_Static_assert(sizeof(struct gtdt) == 104, "GTDT revision 3");

struct madt_gicc {
	u8 type, length;
	u16 reserved;
	u32 interface, uid, flags;
	u32 parking, performance;
	u64 parked, gicc, gicv, gich;
	u32 maintenance;
	u64 gicr, mpidr;
	u8 efficiency, reserved2;
	u16 spe;
} __packed;

_Static_assert(sizeof(struct madt_gicc) == 80, "GICC");

struct madt64 {
	struct acpi_header h;
	u32 lapic, flags;
	struct {
		u8 type, length;
		u16 reserved;
		u32 id;
		u64 gpa;
		u32 vector_base;
		u8 version, reserved2[3];
	} __packed gicd;
	struct {
		u8 type, length;
		u16 reserved;
		u64 gpa;
		u32 size;
	} __packed gicr;
	/* As many as there are CPUs */
	struct madt_gicc gicc[];
} __packed;

static void acpi64_put_cpu(struct aml *a, u32 cpu)
{
	/* What is behind PkgLength: name, _HID, _UID */
	aml_put(a, 0x5b, 1);			/* Device */
	aml_put(a, 0x82, 1);
	aml_pkg_length(a, 4 + (5 + 1 + 9) + (5 + 2));
	aml_puts(a, "CPU");
	aml_put(a, '0' + cpu, 1);
	aml_put(a, 0x08, 1);			/* Name */
	aml_puts(a, "_HID");
	aml_put(a, 0x0d, 1);			/* a string: */
	aml_puts(a, "ACPI0007");
	aml_put(a, 0, 1);
	aml_put(a, 0x08, 1);			/* Name */
	aml_puts(a, "_UID");
	aml_put(a, 0x0a, 1);			/* a byte: */
	aml_put(a, cpu, 1);
}

/**
 * acpi64_make_ssdt() - Encode the MMIO windows and the processors.
 * @layout:	crs counts
 * @cpus:	How many processors; at most 8
 * @buf:	Where to
 * @size:	Bytes there
 *
 * Scope (\_SB.VMOD) { Name (_CRS, Buffer) } as on x86, and in \_SB CPU0 and so on.
 *
 * Return: length of the table, or -ENOSPC.
 */
int acpi64_make_ssdt(const struct layout *layout, u32 cpus, u8 *buf,
		     size_t size)
{
	struct range window[FIRMWARE_MAX_WINDOWS];
	u8 text[FIRMWARE_CRS_SIZE];
	struct aml crs = { .p = text, .size = sizeof(text) };
	struct aml a = { .p = buf, .size = size };
	int windows = firmware_windows(layout, window), n;
	size_t scope;
	u32 i;

	for (n = 0; n < windows; n++)
		aml_memory(&crs, &window[n]);
	aml_put(&crs, 0x0079, 2);		/* end tag, no checksum */
	if (crs.full)
		return -ENOSPC;
	firmware_crs(&crs);
	aml_begin_table(&a, "SSDT");
	aml_scope_crs(&a, "VMOD", &crs);
	scope = 5 + cpus * (2 + 2 + 4 + 15 + 7);
	aml_put(&a, 0x10, 1);			/* Scope */
	aml_pkg_length(&a, scope);
	aml_puts(&a, "\\_SB_");
	for (i = 0; i < cpus; i++)
		acpi64_put_cpu(&a, i);
	return aml_end_table(&a);
}

static u64 acpi64_make_fadt(struct acpi_tables *t)
{
	u64 gpa, dsdt = acpi_copy(t, dsdt_arm64, dsdt_arm64_len);
	struct fadt *f = acpi_table(t, sizeof(*f), &gpa);

	if (!dsdt || !f)
		return 0;
	acpi_set_header(&f->h, "FACP", 6, sizeof(*f));
	f->dsdt = dsdt;
	f->x_dsdt = dsdt;
	f->profile = 4;				/* enterprise server */
	f->flags = FADT_HW_REDUCED;
	f->arm_boot_arch = ARM_PSCI | ARM_PSCI_BY_HVC;
	/* Linux detects Hyper-V by it. */
	memcpy(&f->hypervisor, "MsHyperV", sizeof(f->hypervisor));
	f->h.checksum = -acpi_sum(f, sizeof(*f));
	return gpa;
}

static u64 acpi64_make_madt(struct acpi_tables *t, const struct layout *layout,
			    u32 cpus)
{
	u32 length = sizeof(struct madt64) + cpus * sizeof(struct madt_gicc);
	struct madt64 *m;
	u64 gpa;
	u32 i;

	m = acpi_table(t, length, &gpa);
	if (!m)
		return 0;
	acpi_set_header(&m->h, "APIC", 5, length);
	m->gicd.type = 0xc;
	m->gicd.length = sizeof(m->gicd);
	m->gicd.gpa = GICD_GPA;
	m->gicd.version = 3;
	m->gicr.type = 0xe;
	m->gicr.length = sizeof(m->gicr);
	m->gicr.gpa = GICR_GPA;
	m->gicr.size = layout->redistributors * GICR_SIZE;
	for (i = 0; i < cpus; i++) {
		m->gicc[i].type = 0xb;
		m->gicc[i].length = sizeof(m->gicc[i]);
		m->gicc[i].interface = i;
		m->gicc[i].uid = i;
		m->gicc[i].flags = 1;		/* enabled */
		m->gicc[i].mpidr = i;
	}
	m->h.checksum = -acpi_sum(m, length);
	return gpa;
}

static u64 acpi64_make_gtdt(struct acpi_tables *t)
{
	struct gtdt *g;
	u64 gpa;

	g = acpi_table(t, sizeof(*g), &gpa);
	if (!g)
		return 0;
	acpi_set_header(&g->h, "GTDT", 3, sizeof(*g));
	g->counter_control = NO_ADDRESS;
	g->counter_read = NO_ADDRESS;
	g->secure.gsiv = INTID_SECURE_TIMER;
	g->secure.flags = TIMER_ALWAYS_ON;
	g->hypervisor.gsiv = INTID_HYP_TIMER;
	g->hypervisor.flags = TIMER_ALWAYS_ON;
	g->physical.gsiv = INTID_PTIMER;
	g->physical.flags = TIMER_ALWAYS_ON;
	g->virtual.gsiv = INTID_VTIMER;
	g->virtual.flags = TIMER_ALWAYS_ON;
	g->platform_offset = sizeof(*g);
	g->h.checksum = -acpi_sum(g, sizeof(*g));
	return gpa;
}

/**
 * acpi64_write() - Write all tables.
 * @t:		Where to
 * @layout:	crs and redistributors count
 * @cpus:	How many vCPUs there are
 *
 * Return: 0, or -ENOSPC if they do not fit.
 */
int acpi64_write(struct acpi_tables *t, const struct layout *layout, u32 cpus)
{
	u64 entry[4];
	u8 ssdt[FIRMWARE_SSDT_SIZE];
	int len;

	acpi_begin(t);
	len = acpi64_make_ssdt(layout, cpus, ssdt, sizeof(ssdt));
	if (len < 0)
		return len;
	entry[0] = acpi64_make_fadt(t);
	entry[1] = acpi64_make_madt(t, layout, cpus);
	entry[2] = acpi64_make_gtdt(t);
	entry[3] = acpi_copy(t, ssdt, len);
	return acpi_end(t, entry, ARRAY_SIZE(entry));
}
