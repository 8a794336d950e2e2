// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI: the tables, and the few registers they tell of. The DSDT is compiled
 * from dsdt-gen1.asl or dsdt-gen2.asl; the MMIO windows, which depend on the
 * layout, come in an SSDT that is encoded here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arch/aml.h"
#include "arch/firmware.h"
#include "arch/x86/acpi.h"
#include "core/fail.h"
#include "core/msix.h"
#include "core/trace.h"
#include "dsdt-x86.h"

#define IOAPIC_GPA	0xfec00000u
#define PM_TIMER_HZ	3579545ull
#define RTC_CENTURY	0x32

struct facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __packed;

_Static_assert(sizeof(struct facs) == 64, "FACS");

#define FADT_WBINVD		(1u << 0)
#define FADT_C1			(1u << 2)
#define FADT_NO_POWER_BUTTON	(1u << 4)
#define FADT_NO_SLEEP_BUTTON	(1u << 5)
#define FADT_NO_FIXED_RTC	(1u << 6)
#define FADT_TIMER_32BIT	(1u << 8)
#define FADT_RESET		(1u << 10)

/* That there is no 8042 saves Linux from looking for one. */
#define ARCH_LEGACY_DEVICES	(1u << 0)
#define ARCH_NO_VGA		(1u << 2)

struct madt {
	struct acpi_header h;
	u32 lapic;
	u32 flags;		/* bit 0: there are 8259s too */
	struct {
		u8 type, length, uid, id;
		u32 flags;
	} __packed cpu[MAX_CPUS];
	/* The rest follows the CPUs that there are. */
} __packed;

struct madt_rest {
	struct {
		u8 type, length, id, reserved;
		u32 address, gsi_base;
	} __packed ioapic;
	struct {
		u8 type, length, bus, source;
		u32 gsi;
		u16 flags;
	} __packed iso[2];
} __packed;

static void put_crs(struct aml *a, const struct layout *layout)
{
	struct range window[FIRMWARE_MAX_WINDOWS];
	int i, windows;

	if (layout->generation == 1) {
		aml_window(a, 2, 2, 0, 0, 0xff);	/* bus numbers */
		aml_put(a, 0x47, 1);	/* config mechanism 1, consumed */
		aml_put(a, 1, 1);
		aml_put(a, 0xcf8, 2);
		aml_put(a, 0xcf8, 2);
		aml_put(a, 1, 1);
		aml_put(a, 8, 1);
		aml_window(a, 2, 1, 3, 0, 0xcf7);
		aml_window(a, 2, 1, 3, 0xd00, 0xffff);
		aml_memory(a, &(struct range) { 0xa0000, 0xbffff });
	}
	windows = firmware_windows(layout, window);
	for (i = 0; i < windows; i++)
		aml_memory(a, &window[i]);
	aml_put(a, 0x0079, 2);		/* end tag, no checksum */
}

/**
 * acpi_make_ssdt() - Encode the MMIO windows.
 * @layout:	crs and generation count
 * @buf:	Where to
 * @size:	Bytes there
 *
 * Makes Scope (\_SB.VMOD) or (\_SB.PCI0) { Name (_CRS, Buffer) } with one
 * memory descriptor a range, in the order and with the nonsense of the
 * layout: 32 bits wide if both ends are, else 64. Its length is 0 where the
 * end lies below the start.
 *
 * Return: length of the table, or -ENOSPC.
 */
int acpi_make_ssdt(const struct layout *layout, u8 *buf, size_t size)
{
	u8 crs[FIRMWARE_CRS_SIZE];
	struct aml c = { .p = crs, .size = sizeof(crs) };
	struct aml a = { .p = buf, .size = size };

	put_crs(&c, layout);
	if (c.full)
		return -ENOSPC;
	firmware_crs(&c);
	aml_begin_table(&a, "SSDT");
	aml_scope_crs(&a, layout->generation == 1 ? "PCI0" : "VMOD", &c);
	return aml_end_table(&a);
}

/* Tables *********************************************************/

static struct gas port(u32 offset, u8 bytes)
{
	return (struct gas) {
		.space = 1,
		.bits = bytes * 8,
		.access = bytes == 4 ? 3 : bytes,
		.address = ACPI_PM_PORT + offset,
	};
}

static u64 make_madt(struct acpi_tables *t, int cpus)
{
	u32 length = offsetof(struct madt, cpu) +
		     cpus * sizeof(((struct madt *)0)->cpu[0]) +
		     sizeof(struct madt_rest);
	struct madt_rest *rest;
	struct madt *m;
	u64 gpa;
	int i;

	m = acpi_table(t, length, &gpa);
	if (!m)
		return 0;
	acpi_set_header(&m->h, "APIC", 5, length);
	m->lapic = MSI_ADDRESS;
	m->flags = 1;
	for (i = 0; i < cpus; i++) {
		m->cpu[i].length = 8;
		m->cpu[i].uid = i;
		m->cpu[i].id = i;
		m->cpu[i].flags = 1;
	}
	rest = (void *)&m->cpu[cpus];
	rest->ioapic.type = 1;
	rest->ioapic.length = 12;
	rest->ioapic.address = IOAPIC_GPA;
	/* The PIT's IRQ 0 is on pin 2; the SCI is level, active high */
	rest->iso[0].type = 2;
	rest->iso[0].length = 10;
	rest->iso[0].gsi = 2;
	rest->iso[1].type = 2;
	rest->iso[1].length = 10;
	rest->iso[1].source = ACPI_SCI;
	rest->iso[1].gsi = ACPI_SCI;
	rest->iso[1].flags = 0xd;
	m->h.checksum = -acpi_sum(m, length);
	return gpa;
}

static u64 make_fadt(struct acpi_tables *t, int generation)
{
	const u8 *dsdt = generation == 1 ? dsdt_gen1 : dsdt_gen2;
	u32 dsdt_len = generation == 1 ? dsdt_gen1_len : dsdt_gen2_len;
	u64 gpa, facs_gpa, dsdt_gpa;
	struct facs *facs;
	struct fadt *f;

	facs = acpi_table(t, sizeof(*facs), &facs_gpa);
	dsdt_gpa = acpi_copy(t, dsdt, dsdt_len);
	f = acpi_table(t, sizeof(*f), &gpa);
	if (!facs || !dsdt_gpa || !f)
		return 0;
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->version = 2;

	acpi_set_header(&f->h, "FACP", 6, sizeof(*f));
	f->facs = facs_gpa;
	f->dsdt = dsdt_gpa;
	f->x_dsdt = dsdt_gpa;
	f->profile = 4;				/* enterprise server */
	f->sci_int = ACPI_SCI;
	f->pm1a_evt = ACPI_PM_PORT + ACPI_PM1_STS;
	f->pm1_evt_len = 4;
	f->x_pm1a_evt = port(ACPI_PM1_STS, 4);
	f->x_pm1a_evt.access = 2;
	f->pm1a_cnt = ACPI_PM_PORT + ACPI_PM1_CNT;
	f->pm1_cnt_len = 2;
	f->x_pm1a_cnt = port(ACPI_PM1_CNT, 2);
	f->pm_tmr = ACPI_PM_PORT + ACPI_PM_TMR;
	f->pm_tmr_len = 4;
	f->x_pm_tmr = port(ACPI_PM_TMR, 4);
	f->c2_lat = 0xfff;			/* no C2, no C3 */
	f->c3_lat = 0xfff;
	f->century = RTC_CENTURY;
	f->boot_arch = generation == 1 ? ARCH_LEGACY_DEVICES : ARCH_NO_VGA;
	f->flags = FADT_WBINVD | FADT_C1 | FADT_NO_POWER_BUTTON |
		   FADT_NO_SLEEP_BUTTON | FADT_NO_FIXED_RTC |
		   FADT_TIMER_32BIT | FADT_RESET;
	f->reset_reg = port(ACPI_RESET, 1);
	f->reset_value = ACPI_RESET_VALUE;
	/* As Hyper-V's firmware has it; arm64 kernels detect Hyper-V by it. */
	memcpy(&f->hypervisor, "MsHyperV", sizeof(f->hypervisor));
	f->h.checksum = -acpi_sum(f, sizeof(*f));
	return gpa;
}

/**
 * acpi_write_tables() - Put the ACPI tables into guest RAM at ACPI_GPA.
 * @vm:		The VM, with layout and RAM
 *
 * The RSDP comes first, where Linux' search from 0xe0000 on finds it if there
 * is no EFI.
 *
 * Return: 0 or -errno, said on stderr.
 */
int acpi_write_tables(struct vm *vm)
{
	struct acpi_tables t;
	u64 entry[3];
	u8 ssdt[FIRMWARE_SSDT_SIZE];
	int len;

	t = (struct acpi_tables) {
		.base = mem_at(&vm->mem, ACPI_GPA, ACPI_SIZE),
		.gpa = ACPI_GPA,
		.size = ACPI_SIZE,
	};
	if (!t.base) {
		fprintf(stderr, "hvhost: no RAM for ACPI tables at 0x%x\n",
			ACPI_GPA);
		return -EINVAL;
	}
	acpi_begin(&t);
	len = acpi_make_ssdt(&vm->layout, ssdt, sizeof(ssdt));
	if (len < 0)
		goto full;
	entry[0] = make_fadt(&t, vm->layout.generation);
	entry[1] = make_madt(&t, vm->kvm.cpus);
	entry[2] = acpi_copy(&t, ssdt, len);
	if (!acpi_end(&t, entry, ARRAY_SIZE(entry)))
		return 0;
full:
	fprintf(stderr, "hvhost: ACPI tables do not fit into 0x%x bytes\n",
		ACPI_SIZE);
	return -ENOSPC;
}

/* Registers ******************************************************/

static struct {
	u16 sts, en, cnt;
} pm;

static u32 pm_timer(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * PM_TIMER_HZ + t.tv_nsec * PM_TIMER_HZ / 1000000000;
}

static void pm_control(struct vm *vm, u16 value)
{
	unsigned int type = value >> 10 & 7;

	pm.cnt = value & 0x1c06;
	if (!(value & 1u << 13))
		return;
	if (type == ACPI_S5_TYPE)
		run_poweroff(&vm->run, "ACPI S5");
	else
		trace_bad("acpi", "sleep type", type);
}

/**
 * acpi_pm_io() - PM1 events and control, PM timer, reset register.
 * @opaque:	The VM
 * @offset:	From ACPI_PM_PORT
 * @write:	Guest writes
 * @value:	What it writes, or gets
 * @size:	1, 2 or 4 bytes
 */
void acpi_pm_io(void *opaque, u64 offset, bool write, u64 *value,
		unsigned int size)
{
	struct vm *vm = opaque;
	u64 old;

	switch (offset) {
	case ACPI_PM1_STS:
		old = pm.sts | (u32)pm.en << 16;
		break;
	case ACPI_PM1_EN:
		old = pm.en;
		break;
	case ACPI_PM1_CNT:
		old = pm.cnt | 1;		/* always in ACPI mode */
		break;
	case ACPI_PM_TMR:
		old = pm_timer();
		break;
	default:
		old = 0;
	}
	if (!write) {
		*value = old;
		return;
	}
	switch (offset) {
	case ACPI_PM1_STS:
		pm.sts &= ~*value;
		if (size == 4)
			pm.en = *value >> 16;
		break;
	case ACPI_PM1_EN:
		pm.en = *value;
		break;
	case ACPI_PM1_CNT:
		if (size >= 2)
			pm_control(vm, *value);
		break;
	case ACPI_RESET:
		if ((u8)*value == ACPI_RESET_VALUE)
			run_reset(&vm->run, "ACPI reset register");
		break;
	}
}

/* What PCs before ACPI are reset by; Linux tries them when all else fails. */
static void reset_io(void *opaque, u64 offset, bool write, u64 *value,
		     unsigned int size)
{
	struct vm *vm = opaque;

	(void)offset;
	(void)size;
	if (!write)
		*value = 0;
	else if (*value & 4)
		run_reset(&vm->run, "port 0xcf9");
}

/* No 8042 is there (FADT): no data, ready for commands, 0xfe resets. */
static void keyboard_io(void *opaque, u64 offset, bool write, u64 *value,
			unsigned int size)
{
	struct vm *vm = opaque;

	(void)offset;
	(void)size;
	if (!write)
		*value = 0;
	else if ((u8)*value == 0xfe)
		run_reset(&vm->run, "port 0x64");
}

/**
 * acpi_init() - Register PM registers and the ports that reset.
 * @vm:		The VM
 *
 * On Gen1, port 0xcf9 is pci.c's, which sends its resets here too.
 *
 * Return: 0 or -errno, said on stderr.
 */
int acpi_init(struct vm *vm)
{
	int rc;

	memset(&pm, 0, sizeof(pm));
	rc = vm_add_ports(vm, ACPI_PM_PORT, ACPI_PM_COUNT, acpi_pm_io, vm);
	if (!rc)
		rc = vm_add_ports(vm, 0x64, 1, keyboard_io, vm);
	if (!rc && vm->layout.generation == 2)
		rc = vm_add_ports(vm, 0xcf9, 1, reset_io, vm);
	return rc ? say_failed(rc, "ACPI ports") : 0;
}
