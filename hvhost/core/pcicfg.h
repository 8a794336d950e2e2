/* SPDX-License-Identifier: GPL-2.0-only */
/* A PCI function's config space of 256 bytes, and its BARs. Pure. */
#ifndef HVHOST_PCICFG_H
#define HVHOST_PCICFG_H

#include <linux/pci_regs.h>

#include "core/limits.h"
#include "core/types.h"

struct pcicfg {
	u8 value[PCI_CFG_SPACE_SIZE];
	u8 writable[PCI_CFG_SPACE_SIZE];	/* the bits that a guest can change */
};

/* A memory BAR, as a device asks for it */
struct pci_bar {
	u64 size;			/* power of two from 16 on; 0: none */
	bool is_64;			/* takes the next one too */
	bool prefetch;
};

void pcicfg_init(struct pcicfg *cfg, u16 vendor, u16 device, u32 class,
		 u8 revision);
void pcicfg_set(struct pcicfg *cfg, u32 at, u64 value, unsigned int size);
void pcicfg_allow(struct pcicfg *cfg, u32 at, u64 bits, unsigned int size);

/* As the guest accesses it, at any offset */
u64 pcicfg_read(const struct pcicfg *cfg, u64 at, unsigned int size);
void pcicfg_write(struct pcicfg *cfg, u64 at, u64 value, unsigned int size);

u16 pcicfg_command(const struct pcicfg *cfg);
bool pcicfg_is_bar(u64 at);

bool pci_bars_ok(const struct pci_bar bars[MAX_BARS]);
u64 pci_bar_mask(const struct pci_bar *bar);
u64 pci_bar_probed(const struct pci_bar *bar);
void pcicfg_set_bar(struct pcicfg *cfg, int index, const struct pci_bar *bar);
u64 pcicfg_bar_address(const struct pcicfg *cfg, int index,
		       const struct pci_bar *bar);

#endif
