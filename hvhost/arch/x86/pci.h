/* SPDX-License-Identifier: GPL-2.0-only */
/* The legacy PCI bus of Gen1, configuration mechanism 1. */
#ifndef HVHOST_PCI_H
#define HVHOST_PCI_H

#include "arch/machine.h"
#include "core/layout.h"
#include "core/pcicfg.h"
#include "core/types.h"

#define PCI_PORT	0xcf8
#define PCI_PORT_COUNT	8
#define PCI_SLOTS	32
#define PCI_VGA_SLOT	8

struct pci {
	struct vm *vm;
	u32 address;		/* what is in 0xcf8 */
	struct pcicfg *slot[PCI_SLOTS];
	struct pcicfg host, isa, vga;
	struct pci_bar vga_bar;
	u32 vga_base;		/* where BAR0 decodes, as last traced */
};

int pci_setup(struct pci *pci, const struct range *vga_bar);
int pci_init(struct vm *vm);
void pci_io(void *opaque, u64 offset, bool write, u64 *value,
	    unsigned int size);

#endif
