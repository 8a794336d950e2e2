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

#include "arch/x86/acpi.h"
#include "core/trace.h"
#include "dsdt.h"

#define IOAPIC_GPA	0xfec00000u
#define LAPIC_GPA	0xfee00000u
#define PM_TIMER_HZ	3579545ull
#define RTC_CENTURY	0x32

/* Generic address structure. */
struct gas {
	u8 space;		/* 1: I/O ports */
	u8 bits;
	u8 offset;
	u8 access;		/* 1: byte, 2: word, 3: dword */
	u64 address;
} __packed;

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 ext_checksum;
	u8 reserved[3];
} __packed;

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

struct fadt {
	struct acpi_header h;
	u32 facs, dsdt;
	u8 model, profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr;
	u32 gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	u16 c2_lat, c3_lat, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, mon_alarm, century;
	u16 boot_arch;
	u8 reserved;
	u32 flags;
	struct gas reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt;
	struct gas x_pm_tmr, x_gpe0, x_gpe1, sleep_control, sleep_status;
	u64 hypervisor;
} __packed;

_Static_assert(sizeof(struct fadt) == 276, "FADT revision 6");
_Static_assert(sizeof(struct facs) == 64, "FACS");
_Static_assert(sizeof(struct rsdp) == 36, "RSDP");

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

/* AML ************************************************************/

/* A buffer that grows; full tells that something did not fit. */
struct aml {
	u8 *p;
	size_t size, len;
	bool full;
};

static void put(struct aml *a, u64 value, unsigned int bytes)
{
	while (bytes--) {
		if (a->len < a->size)
			a->p[a->len++] = value;
		else
			a->full = true;
		value >>= 8;
	}
}

static void puts_aml(struct aml *a, const char *s)
{
	while (*s)
		put(a, *s++, 1);
}

/* Two bytes always, the shortest that covers every table of ours. */
static void put_pkg_length(struct aml *a, size_t bytes)
{
	bytes += 2;
	if (bytes >= 1u << 12)
		a->full = true;
	put(a, 0x40 | (bytes & 0xf), 1);
	put(a, bytes >> 4, 1);
}

/* An address space descriptor: a window that its owner hands on. */
static void put_window(struct aml *a, unsigned int width, u8 type, u8 flags,
		       u64 min, u64 max)
{
	static const u8 tag[] = { [2] = 0x88, [4] = 0x87, [8] = 0x8a };

	put(a, tag[width], 1);
	put(a, 3 + 5 * width, 2);
	put(a, type, 1);
	put(a, 0x0c, 1);		/* producer, both ends fixed */
	put(a, flags, 1);
	put(a, 0, width);		/* granularity */
	put(a, min, width);
	put(a, max, width);
	put(a, 0, width);		/* translation */
	put(a, max < min ? 0 : max - min + 1, width);
}

static void put_memory(struct aml *a, const struct range *r)
{
	unsigned int width = (r->start | r->end) >> 32 ? 8 : 4;

	put_window(a, width, 0, 1 /* read-write */, r->start, r->end);
}

static void put_crs(struct aml *a, const struct layout *layout)
{
	int i;

	if (layout->generation == 1) {
		put_window(a, 2, 2, 0, 0, 0xff);	/* bus numbers */
		put(a, 0x47, 1);	/* config mechanism 1, consumed */
		put(a, 1, 1);
		put(a, 0xcf8, 2);
		put(a, 0xcf8, 2);
		put(a, 1, 1);
		put(a, 8, 1);
		put_window(a, 2, 1, 3, 0, 0xcf7);
		put_window(a, 2, 1, 3, 0xd00, 0xffff);
		put_memory(a, &(struct range) { 0xa0000, 0xbffff });
	}
	for (i = 0; i < layout->crs_count && i < LAYOUT_MAX_RANGES; i++)
		put_memory(a, &layout->crs[i]);
	put(a, 0x0079, 2);		/* end tag, no checksum */
}

static void set_header(struct acpi_header *h, const char *signature,
		       u8 revision, u32 length)
{
	memcpy(h->signature, signature, 4);
	h->length = length;
	h->revision = revision;
	memcpy(h->oem_id, "HVHOST", 6);
	memcpy(h->oem_table_id, "HVHOST  ", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "HVHT", 4);
	h->creator_revision = 1;
}

static u8 sum(const void *p, size_t len)
{
	const u8 *b = p;
	u8 s = 0;

	while (len--)
		s += *b++;
	return s;
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
	u8 crs[1024];
	struct aml c = { .p = crs, .size = sizeof(crs) };
	struct aml a = { .p = buf, .size = size };
	const char *name = layout->generation == 1 ? "PCI0" : "VMOD";
	const size_t head = sizeof(struct acpi_header);
	size_t buffer, scope;
	struct acpi_header h = { 0 };

	put_crs(&c, layout);
	/* BufferOp's insides: PkgLength, WordPrefix and size, the bytes */
	buffer = 3 + c.len;
	scope = 10 + 1 + 4 + 1 + 2 + buffer;

	set_header(&h, "SSDT", 2, head + 1 + 2 + scope);
	if (c.full || size < h.length)
		return -ENOSPC;
	memcpy(buf, &h, head);
	a.len = head;
	put(&a, 0x10, 1);			/* Scope */
	put_pkg_length(&a, scope);
	puts_aml(&a, "\\");
	put(&a, 0x2e, 1);			/* two names follow */
	puts_aml(&a, "_SB_");
	puts_aml(&a, name);
	put(&a, 0x08, 1);			/* Name */
	puts_aml(&a, "_CRS");
	put(&a, 0x11, 1);			/* Buffer */
	put_pkg_length(&a, buffer);
	put(&a, 0x0b, 1);			/* a word: */
	put(&a, c.len, 2);
	if (a.full || c.len > size - a.len)
		return -ENOSPC;
	memcpy(buf + a.len, crs, c.len);
	a.len += c.len;
	if (a.len != h.length)
		return -EINVAL;
	((struct acpi_header *)buf)->checksum = -sum(buf, a.len);
	return a.len;
}

/* Tables *********************************************************/

struct tables {
	u8 *base;
	u32 used;
};

/* Room for a table, cleared; its GPA in *gpa. NULL when there is no more. */
static void *table(struct tables *t, u32 size, u64 *gpa)
{
	void *p;

	t->used = (t->used + 63) & ~63u;
	if (size > ACPI_SIZE - t->used)
		return NULL;
	p = t->base + t->used;
	*gpa = ACPI_GPA + t->used;
	t->used += size;
	memset(p, 0, size);
	return p;
}

static struct gas port(u32 offset, u8 bytes)
{
	return (struct gas) {
		.space = 1,
		.bits = bytes * 8,
		.access = bytes == 4 ? 3 : bytes,
		.address = ACPI_PM_PORT + offset,
	};
}

static u64 make_madt(struct tables *t, int cpus)
{
	u32 length = offsetof(struct madt, cpu) +
		     cpus * sizeof(((struct madt *)0)->cpu[0]) +
		     sizeof(struct madt_rest);
	struct madt_rest *rest;
	struct madt *m;
	u64 gpa;
	int i;

	m = table(t, length, &gpa);
	if (!m)
		return 0;
	set_header(&m->h, "APIC", 5, length);
	m->lapic = LAPIC_GPA;
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
	m->h.checksum = -sum(m, length);
	return gpa;
}

static u64 make_fadt(struct tables *t, int generation)
{
	const u8 *dsdt = generation == 1 ? dsdt_gen1 : dsdt_gen2;
	u32 dsdt_len = generation == 1 ? dsdt_gen1_len : dsdt_gen2_len;
	u64 gpa, facs_gpa, dsdt_gpa;
	struct facs *facs;
	struct fadt *f;
	void *d;

	facs = table(t, sizeof(*facs), &facs_gpa);
	d = table(t, dsdt_len, &dsdt_gpa);
	f = table(t, sizeof(*f), &gpa);
	if (!facs || !d || !f)
		return 0;
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->version = 2;
	memcpy(d, dsdt, dsdt_len);

	set_header(&f->h, "FACP", 6, sizeof(*f));
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
	f->h.checksum = -sum(f, sizeof(*f));
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
	struct tables t = { .base = mem_at(&vm->mem, ACPI_GPA, ACPI_SIZE) };
	u64 rsdp_gpa, xsdt_gpa, entry[3];
	struct acpi_header *xsdt;
	struct rsdp *rsdp;
	u8 ssdt[2048];
	void *p;
	int len;

	if (!t.base) {
		fprintf(stderr, "hvhost: no RAM for ACPI tables at 0x%x\n",
			ACPI_GPA);
		return -EINVAL;
	}
	len = acpi_make_ssdt(&vm->layout, ssdt, sizeof(ssdt));
	if (len < 0)
		goto full;
	memset(t.base, 0, ACPI_SIZE);
	rsdp = table(&t, sizeof(*rsdp), &rsdp_gpa);
	xsdt = table(&t, sizeof(*xsdt) + sizeof(entry), &xsdt_gpa);
	entry[0] = make_fadt(&t, vm->layout.generation);
	entry[1] = make_madt(&t, vm->kvm.cpus);
	p = table(&t, len, &entry[2]);
	if (!rsdp || !xsdt || !entry[0] || !entry[1] || !p)
		goto full;
	memcpy(p, ssdt, len);

	set_header(xsdt, "XSDT", 1, sizeof(*xsdt) + sizeof(entry));
	memcpy(xsdt + 1, entry, sizeof(entry));
	xsdt->checksum = -sum(xsdt, xsdt->length);

	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "HVHOST", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = xsdt_gpa;
	rsdp->checksum = -sum(rsdp, 20);	/* the part of ACPI 1.0 */
	rsdp->ext_checksum = -sum(rsdp, sizeof(*rsdp));
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
	if (rc)
		fprintf(stderr, "hvhost: ACPI ports: %s\n", strerror(-rc));
	return rc;
}
