// SPDX-License-Identifier: GPL-2.0-only
/*
 * The legacy PCI bus of a Generation 1 VM: a host bridge, an ISA bridge and
 * the VGA device whose BAR tells a kernel where the framebuffer is. Reached
 * by configuration mechanism 1.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/acpi.h"
#include "arch/x86/pci.h"
#include "core/trace.h"

static struct pci bus;

static void put16(u8 *p, u32 v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static void put32(u8 *p, u32 v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static u32 get(const u8 *p, unsigned int size)
{
	u32 v = 0;

	while (size--)
		v = v << 8 | p[size];
	return v;
}

static void setup_function(struct pci_function *f, u16 vendor, u16 device,
			   u32 class, u8 revision, u16 command)
{
	put16(f->config + PCI_VENDOR_ID, vendor);
	put16(f->config + PCI_DEVICE_ID, device);
	put32(f->config + PCI_CLASS_REVISION, class << 8 | revision);
	put16(f->config + PCI_COMMAND, command);
	put16(f->writable + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
	      PCI_COMMAND_MASTER);
	f->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	f->writable[PCI_LATENCY_TIMER] = 0xff;
	f->writable[PCI_INTERRUPT_LINE] = 0xff;
}

/**
 * pci_setup() - Put the three functions on the bus.
 * @pci:	The bus
 * @vga_bar:	BAR0 of the VGA device, as firmware sets it
 *
 * Return: 0, or -EINVAL if @vga_bar cannot be a 32-bit BAR.
 */
int pci_setup(struct pci *pci, const struct range *vga_bar)
{
	u64 size = vga_bar->end - vga_bar->start + 1;

	if (vga_bar->end <= vga_bar->start || vga_bar->end >> 32 ||
	    size < 16 || size & (size - 1) || vga_bar->start & (size - 1))
		return -EINVAL;
	memset(pci, 0, sizeof(*pci));
	setup_function(&pci->host, 0x8086, 0x7192, 0x060000, 3,
		       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	setup_function(&pci->isa, 0x8086, 0x7110, 0x060100, 1,
		       PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	setup_function(&pci->vga, 0x1414, 0x5353, 0x030000, 0,
		       PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	put32(pci->vga.config + PCI_BASE_ADDRESS_0, vga_bar->start);
	put32(pci->vga.writable + PCI_BASE_ADDRESS_0, -(u32)size);
	pci->vga_base = vga_bar->start;
	pci->slot[0] = &pci->host;
	pci->slot[7] = &pci->isa;
	pci->slot[PCI_VGA_SLOT] = &pci->vga;
	return 0;
}

/* Where BAR0 is counts once it decodes; sizing it moves nothing. */
static void watch_vga(struct pci *pci)
{
	u32 base = get(pci->vga.config + PCI_BASE_ADDRESS_0, 4);
	u32 mask = get(pci->vga.writable + PCI_BASE_ADDRESS_0, 4);
	struct range bar = { base, (u64)base + (u32)-mask - 1 };

	if (!(pci->vga.config[PCI_COMMAND] & PCI_COMMAND_MEMORY) ||
	    base == mask || base == pci->vga_base)
		return;
	trace_begin("vga_bar");
	trace_hex("from", pci->vga_base);
	trace_range("bar", &bar);
	trace_end();
	pci->vga_base = base;
}

static void config(struct pci *pci, unsigned int at, bool write, u64 *value,
		   unsigned int size)
{
	struct pci_function *f = NULL;
	u32 a = pci->address;
	unsigned int reg = (a & 0xfc) + at;
	unsigned int i;

	/* Enabled; bus 0, function 0 is all there is */
	if ((a & 0x80ffff00) == (0x80000000 | (a & 0xf800)))
		f = pci->slot[a >> 11 & (PCI_SLOTS - 1)];
	if (at + size > 4)
		f = NULL;
	if (!write) {
		*value = f ? get(f->config + reg, size) : ~0ull;
		return;
	}
	if (!f)
		return;
	for (i = 0; i < size; i++) {
		u8 mask = f->writable[reg + i];

		f->config[reg + i] = (f->config[reg + i] & ~mask) |
				     (*value >> 8 * i & mask);
	}
	if (f == &pci->vga)
		watch_vga(pci);
}

/**
 * pci_io() - Ports 0xcf8 to 0xcff.
 * @opaque:	The bus
 * @offset:	From 0xcf8
 * @write:	Guest writes
 * @value:	What it writes, or gets
 * @size:	1, 2 or 4 bytes
 *
 * 0xcf8 is the address when written as a whole; a byte at 0xcf9 is the reset
 * control register that PCs have there.
 */
void pci_io(void *opaque, u64 offset, bool write, u64 *value, unsigned int size)
{
	struct pci *pci = opaque;

	if (offset >= 4) {
		config(pci, offset - 4, write, value, size);
	} else if (offset == 0 && size == 4) {
		if (write)
			pci->address = *value & 0x80fffffc;
		else
			*value = pci->address;
	} else if (!write) {
		*value = offset == 1 && size == 1 ? 0 : ~0ull;
	} else if (offset == 1 && size == 1 && *value & 4) {
		run_reset(&pci->vm->run, "port 0xcf9");
	}
}

/**
 * pci_init() - Make the legacy PCI bus of a Gen1 VM.
 * @vm:		The VM; on Gen2 nothing is done
 *
 * Return: 0 or -errno, said on stderr.
 */
int pci_init(struct vm *vm)
{
	const struct range *bar = &vm->layout.vga_bar;
	int rc;

	if (vm->layout.generation != 1)
		return 0;
	if (pci_setup(&bus, bar)) {
		fprintf(stderr,
			"hvhost: 0x%llx-0x%llx cannot be the VGA device's BAR\n",
			bar->start, bar->end);
		return -EINVAL;
	}
	bus.vm = vm;
	rc = vm_add_ports(vm, PCI_PORT, PCI_PORT_COUNT, pci_io, &bus);
	if (rc) {
		fprintf(stderr, "hvhost: PCI ports: %s\n", strerror(-rc));
		return rc;
	}
	trace_begin("vga_bar");
	trace_range("bar", bar);
	trace_end();
	return 0;
}
