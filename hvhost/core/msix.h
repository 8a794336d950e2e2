/* SPDX-License-Identifier: GPL-2.0-only */
/* MSI-X of a PCI function: capability, table, pending bits. Pure. */
#ifndef HVHOST_MSIX_H
#define HVHOST_MSIX_H

#include "core/pcicfg.h"
#include "core/types.h"

/*
 * Where messages are written: the local APICs' address on x86. arm64 guests, which have
 * none, write to the address that they are given as well.
 */
#define MSI_ADDRESS	0xfee00000u

/* Where table and PBA lie, as a device asks for it */
struct msix_place {
	u32 vectors;			/* 0: no MSI-X */
	int bar;
	u32 table, pba;			/* offsets in that BAR */
};

struct msix {
	struct msix_place at;
	struct pcicfg *cfg;
	u8 *table;			/* as the guest reads it */
	u8 *pending;			/* the PBA */
	/* Send a message. */
	void (*send)(void *opaque, u64 address, u32 data);
	void *opaque;
};

bool msix_place_ok(const struct msix_place *at, const struct pci_bar bars[MAX_BARS]);
int msix_init(struct msix *m, const struct msix_place *at, struct pcicfg *cfg,
	      void (*send)(void *opaque, u64 address, u32 data), void *opaque);
void msix_free(struct msix *m);
void msix_reset(struct msix *m);
void msix_raise(struct msix *m, u32 vector);
void msix_update(struct msix *m);
bool msix_access(struct msix *m, int bar, u64 offset, bool write, u64 *value,
		 unsigned int size);

#endif
