/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of virtual PCI share: vpci.c has the protocol, vpci_func.c the
 * function on a bus as the guest reaches it by MMIO, vpci_irq.c its interrupts.
 */
#ifndef HVHOST_VPCI_BUS_H
#define HVHOST_VPCI_BUS_H

#include "core/msix.h"
#include "core/pcicfg.h"
#include "core/range.h"
#include "core/status.h"
#include "core/trace.h"
#include "hv/vpci.h"
#include "hv/vpci_proto.h"

/* Answers that may wait for a guest to read; Linux asks for 64 at most */
#define VPCI_MAX_QUEUED		64
/* BUS_RELATIONS2 of as many functions as a hostile host has on a bus */
#define VPCI_MAX_FUNCTIONS	8
#define VPCI_MAX_PAYLOAD	240

struct vpci_bar {
	struct vpci_bus *bus;
	struct mmio_claim claim;
	bool decodes;
};

/*
 * One interrupt that CREATE_INTERRUPT asked for. A request for several vectors gets
 * consecutive ones; deleting the first deletes them all.
 */
struct vpci_interrupt {
	bool used;
	u8 block;			/* of the first: how many; else 0 */
	u32 vector;
	u32 vp;
};

struct vpci_queued {
	u16 type;
	u16 len;
	u64 transaction;
	u8 data[VPCI_MAX_PAYLOAD];
};

struct vpci_bus {
	struct vpci_bus *next;
	struct vpci *vpci;
	struct vpci_device *dev;
	u16 number;			/* and domain, from 1 on */

	struct vmbus_device vmbus_dev;
	/* One opened channel */
	struct vmbus_channel *chan;	/* NULL: closed */
	u32 version;			/* agreed on, 0: not yet */
	bool told;			/* the guest knows the function */
	bool ejecting, ejected;
	bool asked;			/* the guest was sent the eject request */
	struct vpci_queued queue[VPCI_MAX_QUEUED];
	u32 queue_head, queue_len;

	/* The guest has the device, be that a kernel that is gone */
	bool assigned;
	/* In D0, with a window that works */
	bool live;
	struct mmio_claim window;
	u32 slot;			/* of the function that it shows */

	struct pcicfg cfg;
	struct vpci_bar bar[MAX_BARS];
	struct msix msix;
	struct vpci_interrupt *interrupts;
	u32 interrupt_count;		/* of these that there are */
};

struct vpci {
	struct vpci_config config;
	struct vmbus *vmbus;
	struct mem *mem;
	struct mmio_map *map;
	const struct vpci_ops *ops;
	void *opaque;
	struct vpci_bus *buses;		/* by number */
};

/* A completion. Its largest is first, for that is what {} makes zero. */
struct vpci_answer {
	union {
		struct vpci_reply_requirements requirements;
		struct vpci_reply_interrupt interrupt;
		struct vpci_reply_version version;
		u32 status;
	};
	size_t len;
};

static inline void vpci_bad(const struct vpci_bus *bus, const char *what,
			    u64 value)
{
	trace_bad(bus->dev->name, what, value);
}

/* The function */
bool vpci_func_ok(const struct vpci_device *dev);
int vpci_func_init(struct vpci_bus *bus);
void vpci_func_free(struct vpci_bus *bus);
void vpci_reset(struct vpci_bus *bus);
int vpci_power_on(struct vpci_bus *bus);
void vpci_power_off(struct vpci_bus *bus);
void vpci_decode_memory(struct vpci_bus *bus, bool on);

/* Its interrupts */
int vpci_irq_init(struct vpci_bus *bus);
void vpci_irq_free(struct vpci_bus *bus);
void vpci_irq_reset(struct vpci_bus *bus);
void vpci_irq_send(void *opaque, u64 address, u32 data);
u32 vpci_on_create(struct vpci_bus *bus, const void *msg,
		   struct vpci_answer *a);
u32 vpci_on_create2(struct vpci_bus *bus, const void *msg,
		    struct vpci_answer *a);
u32 vpci_on_create3(struct vpci_bus *bus, const void *msg,
		    struct vpci_answer *a);
u32 vpci_on_delete(struct vpci_bus *bus, const void *msg,
		   struct vpci_answer *a);

#endif
