// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devicetree that an arm64 kernel is given. With EFI it has nothing but /chosen,
 * as EFI's stub makes it: Linux takes ACPI's tables only then. Without EFI it is all
 * that a kernel learns of the VM.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "arch/arm64/dtb.h"
#include "arch/arm64/map.h"
#include "arch/firmware.h"

#define GIC_PHANDLE		1

/* Of an address, and of a size */
#define CELLS			2

/* As the GIC's binding has interrupts */
#define GIC_SPI			0
#define GIC_PPI			1
#define EDGE_RISING		1
#define LEVEL_HIGH		4

#define SECURE_BOOT_DISABLED	2

/* A tree in the making; the first error stays */
struct dtb {
	void *fdt;
	int err;
};

static void dtb_try(struct dtb *d, int err)
{
	if (!d->err)
		d->err = err;
}

static void dtb_begin(struct dtb *d, const char *name)
{
	dtb_try(d, fdt_begin_node(d->fdt, name));
}

/* ... with the unit address that is the first of its reg */
static void dtb_begin_at(struct dtb *d, const char *name, u64 address)
{
	char text[48];

	snprintf(text, sizeof(text), "%s@%llx", name, address);
	dtb_begin(d, text);
}

static void dtb_end(struct dtb *d)
{
	dtb_try(d, fdt_end_node(d->fdt));
}

static void dtb_empty(struct dtb *d, const char *name)
{
	dtb_try(d, fdt_property(d->fdt, name, NULL, 0));
}

static void dtb_string(struct dtb *d, const char *name, const char *value)
{
	dtb_try(d, fdt_property_string(d->fdt, name, value));
}

static void dtb_u32(struct dtb *d, const char *name, u32 value)
{
	dtb_try(d, fdt_property_u32(d->fdt, name, value));
}

static void dtb_u64(struct dtb *d, const char *name, u64 value)
{
	dtb_try(d, fdt_property_u64(d->fdt, name, value));
}

static void dtb_u32s(struct dtb *d, const char *name, const u32 *value,
		     u32 count)
{
	fdt32_t cells[16];
	u32 i;

	for (i = 0; i < count && i < ARRAY_SIZE(cells); i++)
		cells[i] = cpu_to_fdt32(value[i]);
	dtb_try(d, fdt_property(d->fdt, name, cells, i * sizeof(cells[0])));
}

/* ... of so many bytes, which need not be whole numbers */
static void dtb_u64_bytes(struct dtb *d, const char *name, const u64 *value,
			  u32 bytes)
{
	fdt64_t cells[3 * FIRMWARE_MAX_WINDOWS];
	u32 i;

	for (i = 0; i * sizeof(cells[0]) < bytes && i < ARRAY_SIZE(cells); i++)
		cells[i] = cpu_to_fdt64(value[i]);
	dtb_try(d, fdt_property(d->fdt, name, cells, (int)bytes));
}

static void dtb_u64s(struct dtb *d, const char *name, const u64 *value,
		     u32 count)
{
	dtb_u64_bytes(d, name, value, count * sizeof(*value));
}

static void dtb_cells(struct dtb *d, u32 address, u32 size)
{
	dtb_u32(d, "#address-cells", address);
	dtb_u32(d, "#size-cells", size);
}

static void dtb_chosen(struct dtb *d, const struct dtb_config *c)
{
	dtb_begin(d, "chosen");
	dtb_string(d, "bootargs", c->append);
	if (c->initrd_size) {
		dtb_u64(d, "linux,initrd-start", c->initrd);
		dtb_u64(d, "linux,initrd-end", c->initrd + c->initrd_size);
	}
	if (c->systab) {
		dtb_u64(d, "linux,uefi-system-table", c->systab);
		dtb_u64(d, "linux,uefi-mmap-start", c->map);
		dtb_u32(d, "linux,uefi-mmap-size", c->map_size);
		dtb_u32(d, "linux,uefi-mmap-desc-size", c->desc_size);
		dtb_u32(d, "linux,uefi-mmap-desc-ver", 1);
		/* Debian's kernels panic for want of RAM without it */
		dtb_u32(d, "linux,uefi-secure-boot", SECURE_BOOT_DISABLED);
	}
	dtb_end(d);
}

static void dtb_memory(struct dtb *d, const struct layout *layout)
{
	int i;

	for (i = 0; i < layout->ram_count; i++) {
		const struct range *r = &layout->ram[i];
		u64 reg[] = { r->start, r->end - r->start + 1 };

		dtb_begin_at(d, "memory", r->start);
		dtb_string(d, "device_type", "memory");
		dtb_u64s(d, "reg", reg, ARRAY_SIZE(reg));
		dtb_end(d);
	}
}

static void dtb_cpus(struct dtb *d, u32 cpus)
{
	u32 i;

	dtb_begin(d, "cpus");
	dtb_u32(d, "#address-cells", 1);
	dtb_u32(d, "#size-cells", 0);
	for (i = 0; i < cpus; i++) {
		dtb_begin_at(d, "cpu", i);
		dtb_string(d, "device_type", "cpu");
		dtb_string(d, "compatible", "arm,armv8");
		dtb_string(d, "enable-method", "psci");
		dtb_u32(d, "reg", i);
		dtb_end(d);
	}
	dtb_end(d);
	dtb_begin(d, "psci");
	dtb_string(d, "compatible", "arm,psci-1.0");
	dtb_string(d, "method", "hvc");
	dtb_end(d);
}

static void dtb_gic(struct dtb *d, const struct layout *layout)
{
	u64 reg[] = {
		GICD_GPA, GICD_SIZE,
		GICR_GPA, layout->redistributors * (u64)GICR_SIZE,
	};

	dtb_begin_at(d, "interrupt-controller", GICD_GPA);
	dtb_string(d, "compatible", "arm,gic-v3");
	dtb_empty(d, "interrupt-controller");
	dtb_u32(d, "#interrupt-cells", 3);
	dtb_u64s(d, "reg", reg, ARRAY_SIZE(reg));
	dtb_u32(d, "phandle", GIC_PHANDLE);
	dtb_end(d);
}

static void dtb_timer(struct dtb *d)
{
	/* Secure, physical, virtual, hypervisor's; of which KVM has two */
	u32 irqs[] = {
		GIC_PPI, INTID_SECURE_TIMER - PPI_FIRST, LEVEL_HIGH,
		GIC_PPI, INTID_PTIMER - PPI_FIRST, LEVEL_HIGH,
		GIC_PPI, INTID_VTIMER - PPI_FIRST, LEVEL_HIGH,
		GIC_PPI, INTID_HYP_TIMER - PPI_FIRST, LEVEL_HIGH,
	};

	dtb_begin(d, "timer");
	dtb_string(d, "compatible", "arm,armv8-timer");
	dtb_u32s(d, "interrupts", irqs, ARRAY_SIZE(irqs));
	dtb_empty(d, "always-on");
	dtb_end(d);
}

static void dtb_uart(struct dtb *d, u64 gpa, u32 intid)
{
	u32 irq[] = { GIC_SPI, intid - SPI_FIRST, LEVEL_HIGH };
	u64 reg[] = { gpa, UART_SIZE };

	dtb_begin_at(d, "serial", gpa);
	/* A PL011 that needs no clock properties */
	dtb_string(d, "compatible", "arm,sbsa-uart");
	dtb_u32(d, "current-speed", 115200);
	dtb_u64s(d, "reg", reg, ARRAY_SIZE(reg));
	dtb_u32s(d, "interrupts", irq, ARRAY_SIZE(irq));
	dtb_end(d);
}

/*
 * The windows in the order and with the nonsense of the layout; the size is 0 where the
 * end lies below the start. The binding has sizes of one cell, in which no window of
 * 4 GiB can be said; Linux reads both.
 */
static void dtb_vmbus(struct dtb *d, const struct layout *layout)
{
	u32 irq[] = { GIC_PPI, INTID_VMBUS - PPI_FIRST, EDGE_RISING };
	struct firmware_ranges ranges = {
		.address_cells = CELLS, .size_cells = CELLS,
	};
	struct range window[FIRMWARE_MAX_WINDOWS];
	int windows = firmware_windows(layout, window), i;

	for (i = 0; i < windows; i++) {
		const struct range *r = &window[i];

		ranges.entry[i][0] = r->start;
		ranges.entry[i][1] = r->start;
		ranges.entry[i][2] = r->end < r->start ? 0 :
				     r->end - r->start + 1;
	}
	ranges.bytes = (u32)windows * sizeof(ranges.entry[0]);
	firmware_ranges(&ranges);
	dtb_begin(d, "vmbus");
	dtb_string(d, "compatible", "microsoft,vmbus");
	dtb_cells(d, ranges.address_cells, ranges.size_cells);
	dtb_u64_bytes(d, "ranges", ranges.entry[0], ranges.bytes);
	dtb_empty(d, "dma-coherent");
	dtb_u32s(d, "interrupts", irq, ARRAY_SIZE(irq));
	dtb_end(d);
}

/**
 * dtb_make() - Make the devicetree.
 * @c:		What is to be in it
 * @buf:	Where to
 * @size:	Bytes there
 *
 * Return: its length, or -ENOSPC.
 */
int dtb_make(const struct dtb_config *c, void *buf, u32 size)
{
	struct dtb d = { .fdt = buf };

	d.err = fdt_create(buf, (int)size);
	dtb_try(&d, fdt_finish_reservemap(buf));
	dtb_begin(&d, "");
	dtb_cells(&d, CELLS, CELLS);
	if (!c->systab) {
		dtb_string(&d, "compatible", "microsoft,hyper-v");
		dtb_string(&d, "model", "hvhost");
		dtb_u32(&d, "interrupt-parent", GIC_PHANDLE);
		dtb_memory(&d, c->layout);
		dtb_cpus(&d, c->cpus);
		dtb_gic(&d, c->layout);
		dtb_timer(&d);
		dtb_uart(&d, UART1_GPA, INTID_UART1);
		dtb_uart(&d, UART2_GPA, INTID_UART2);
		dtb_vmbus(&d, c->layout);
	}
	dtb_chosen(&d, c);
	dtb_end(&d);
	dtb_try(&d, fdt_finish(buf));
	return d.err ? -ENOSPC : (int)fdt_totalsize(buf);
}
