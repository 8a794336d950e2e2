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

#include "arch/firmware.h"
#include "arch/x86/acpi.h"
#include "arch/x86/pci.h"
#include "core/fail.h"
#include "core/math.h"
#include "core/range.h"
#include "core/trace.h"

static struct pci bus;

static void pci_setup_function(struct pcicfg *cfg, u16 vendor, u16 device,
			       u32 class, u8 revision, u16 command)
{
	pcicfg_init(cfg, vendor, device, class, revision);
	pcicfg_set(cfg, PCI_COMMAND, command, 2);
	pcicfg_allow(cfg, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
		     PCI_COMMAND_MASTER, 2);
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
	u64 size = range_size(vga_bar);

	if (vga_bar->end <= vga_bar->start || vga_bar->end >> 32 ||
	    size < 16 || !is_power_of_two(size) || vga_bar->start % size)
		return -EINVAL;
	memset(pci, 0, sizeof(*pci));
	pci_setup_function(&pci->host, 0x8086, 0x7192, 0x060000, 3,
			   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_setup_function(&pci->isa, 0x8086, 0x7110, 0x060100, 1,
			   PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			   PCI_COMMAND_MASTER);
	pci_setup_function(&pci->vga, 0x1414, 0x5353, 0x030000, 0,
			   PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			   PCI_COMMAND_MASTER);
	pci->vga_bar.size = size;
	pcicfg_set_bar(&pci->vga, 0, &pci->vga_bar);
	pcicfg_set(&pci->vga, PCI_BASE_ADDRESS_0, vga_bar->start, 4);
	pci->vga_base = vga_bar->start;
	pci->slot[0] = &pci->host;
	pci->slot[7] = &pci->isa;
	pci->slot[PCI_VGA_SLOT] = &pci->vga;
	return 0;
}

/* Where BAR0 is counts once it decodes; sizing it moves nothing. */
static void pci_watch_vga(struct pci *pci)
{
	u64 base = pcicfg_bar_address(&pci->vga, 0, &pci->vga_bar);
	struct range bar = range_of(base, pci->vga_bar.size);

	if (!(pcicfg_command(&pci->vga) & PCI_COMMAND_MEMORY) ||
	    base == pci_bar_mask(&pci->vga_bar) || base == pci->vga_base)
		return;
	trace_begin("vga_bar");
	trace_hex("from", pci->vga_base);
	trace_range("bar", &bar);
	trace_end();
	pci->vga_base = (u32)base;
}

static void pci_config(struct pci *pci, unsigned int at, bool write, u64 *value,
		       unsigned int size)
{
	struct pcicfg *cfg = NULL;
	u32 a = pci->address;
	u32 reg = (a & 0xfc) + at;

	/* Enabled; bus 0, function 0 is all there is */
	if ((a & 0x80ffff00) == (0x80000000 | (a & 0xf800)))
		cfg = pci->slot[a >> 11 & (PCI_SLOTS - 1)];
	if (at + size > 4)
		cfg = NULL;
	if (!write) {
		*value = cfg ? pcicfg_read(cfg, reg, size) : ~0ull;
		return;
	}
	if (!cfg)
		return;
	pcicfg_write(cfg, reg, *value, size);
	if (cfg == &pci->vga)
		pci_watch_vga(pci);
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
		pci_config(pci, offset - 4, write, value, size);
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
 * @vm:		The VM
 *
 * Return: 0 or -errno, said on stderr.
 */
int pci_init(struct vm *vm)
{
	const struct range *bar = &vm->layout.vga_bar;
	struct range told;
	int rc;

	if (pci_setup(&bus, bar)) {
		fprintf(stderr,
			"hvhost: 0x%llx-0x%llx cannot be the VGA device's BAR\n",
			bar->start, bar->end);
		return -EINVAL;
	}
	firmware_vga(&vm->layout, &bus.vga);
	bus.vga_base = (u32)pcicfg_bar_address(&bus.vga, 0, &bus.vga_bar);
	told = range_of(bus.vga_base, bus.vga_bar.size);
	bus.vm = vm;
	rc = vm_add_ports(vm, PCI_PORT, PCI_PORT_COUNT, pci_io, &bus);
	if (rc)
		return say_failed(rc, "PCI ports");
	trace_begin("vga_bar");
	trace_range("bar", &told);
	trace_end();
	return 0;
}
