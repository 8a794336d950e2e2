/* SPDX-License-Identifier: GPL-2.0-only */
/* The legacy PCI bus of Gen1, configuration mechanism 1. */
#ifndef HVHOST_PCI_H
#define HVHOST_PCI_H

#include "arch/machine.h"
#include "core/layout.h"
#include "core/types.h"

#define PCI_PORT	0xcf8
#define PCI_PORT_COUNT	8
#define PCI_SLOTS	32
#define PCI_VGA_SLOT	8

struct pci_function {
	u8 config[256];
	u8 writable[256];	/* the bits that a guest can change */
};

struct pci {
	struct vm *vm;
	u32 address;		/* what is in 0xcf8 */
	struct pci_function *slot[PCI_SLOTS];
	struct pci_function host, isa, vga;
	u32 vga_base;		/* where BAR0 decodes, as last traced */
};

int pci_setup(struct pci *pci, const struct range *vga_bar);
int pci_init(struct vm *vm);
void pci_io(void *opaque, u64 offset, bool write, u64 *value,
	    unsigned int size);

#endif
