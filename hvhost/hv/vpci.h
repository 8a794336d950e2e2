/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual PCI: a VMBus channel a bus, with one function on it, whose config
 * space is reached through a window that the guest chooses. What the function
 * does is the device's own affair (nvme.c, echo.c).
 */
#ifndef HVHOST_VPCI_H
#define HVHOST_VPCI_H

#include "core/limits.h"
#include "core/mem.h"
#include "core/mmio.h"
#include "core/pcicfg.h"
#include "core/types.h"
#include "hv/vmbus.h"

struct vpci;
struct vpci_bus;
struct vpci_device;

/* What vPCI asks of the VM below it. All under the VM's lock. */
struct vpci_ops {
	/* Have accesses to these addresses handled; as vm_add_mmio() */
	int (*map)(void *opaque, u64 gpa, u64 size,
		   void (*fn)(void *io, u64 offset, bool write, u64 *value,
			      unsigned int size), void *io);
	void (*unmap)(void *opaque, u64 gpa);
	/* Deliver an interrupt to that vCPU */
	int (*interrupt)(void *opaque, u32 vp, u32 vector);
	/* The guest has begun with a device's bus; any may go, or come, now */
	void (*begun)(void *opaque, const char *name);
};

/* D0 entry with a config window that overlaps @range fails with @status. */
struct vpci_refusal {
	struct range range;
	u32 status;
};

struct vpci_config {
	u32 cpus;
	u64 shared_bit;			/* an isolated VM's mark on shared GPAs */
	/*
	 * A BAR on the framebuffer, or outside of MMIO space, decodes all the
	 * same. One that is on a device, be that at a fixed address, is refused:
	 * only one can answer.
	 */
	bool ignore_bar_conflicts;
	/*
	 * A device is no longer assigned when its channel closes. Otherwise the
	 * next kernel's first D0 entry fails if the one before it had not
	 * released the device, as Linux has seen it on Hyper-V.
	 */
	bool release_dead_devices;
	/* The first one that a window overlaps counts. */
	struct vpci_refusal refusal[MAX_REFUSALS];
	int refusals;
	/* What an interrupt's vector can be */
	struct range vectors;
	u32 max_version;		/* (major << 16) | minor; 0: the highest */
	bool zero_bars;			/* they read as 0 while a device decodes */
};

/* One function, as its own file fills it in; must outlive the bus. */
struct vpci_device {
	const char *name;		/* "nvme0"; as the trace says it */
	u16 vendor, device, subsystem_vendor, subsystem;
	u32 class;			/* 24 bits */
	u8 revision;
	struct pci_bar bar[MAX_BARS];
	/* MSI-X: table and PBA lie in this BAR; vPCI answers for them */
	u16 vectors;			/* 0: no MSI-X */
	u8 msix_bar;
	u32 msix_table, msix_pba;
	/* D0 entries to be refused, counted from 1; 0: none */
	u32 refuse_first, refuse_last;
	/*
	 * The guest accesses a BAR that decodes; 1, 2, 4 or 8 bytes that lie
	 * within it. *value is to be filled in on reads.
	 */
	void (*access)(struct vpci_device *dev, int bar, u64 offset, bool write,
		       u64 *value, unsigned int size);
	/* Back to power-on state: added, released, out of D0, channel closed */
	void (*reset)(struct vpci_device *dev);
	/* Set by vpci_add() */
	struct vpci_bus *bus;
	/* D0 entries that were asked for in the run, on any bus */
	u64 entries;
};

struct vpci *vpci_new(const struct vpci_config *config, struct vmbus *vmbus,
		      struct mem *mem, struct mmio_map *map,
		      const struct vpci_ops *ops, void *opaque);
void vpci_free(struct vpci *vpci);
int vpci_add(struct vpci *vpci, struct vpci_device *dev);
/* Ask the guest to let go of it (rescinded then), or take it away at once. */
int vpci_eject(struct vpci *vpci, const char *name);
int vpci_surprise(struct vpci *vpci, const char *name, bool empty_first);

/* HvRetargetDeviceInterrupt's input, in our memory. Return: HV_STATUS_*. */
u16 vpci_retarget(struct vpci *vpci, const void *input, size_t len);

/* For devices. An interrupt is dropped, or pends, as MSI-X says. */
void vpci_interrupt(struct vpci_device *dev, u32 vector);
/* RAM that the device may use; NULL: not RAM, or no bus master. */
void *vpci_dma(struct vpci_device *dev, u64 gpa, u64 len);
/* Where a BAR is, decoding or not */
u64 vpci_bar_gpa(const struct vpci_device *dev, int bar);

#endif
