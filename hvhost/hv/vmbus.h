/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMBus, the host's end: messages, offers, GPADLs, channels and their rings.
 * Knows guest RAM by struct mem and the hypervisor by struct vmbus_ops, and
 * nothing of KVM, so that tests and fuzzers can play both.
 */
#ifndef HVHOST_VMBUS_H
#define HVHOST_VMBUS_H

#include "core/mem.h"
#include "core/types.h"

struct vmbus;
struct vmbus_channel;

/* What VMBus asks of the hypervisor below it. */
struct vmbus_ops {
	/* Send a SynIC message to a vCPU's SINT, queued while the slot is
	 * taken; -ENOSPC when too many wait, -EINVAL for a vp there is not
	 */
	int (*post)(void *opaque, u32 vp, u32 sint, u32 type,
		    const void *payload, size_t len);
	/* Set an event flag in a vCPU's SIEF page of that SINT and interrupt */
	int (*signal)(void *opaque, u32 vp, u32 sint, u32 flag);
};

struct vmbus_config {
	u32 max_version;	/* (major << 16) | minor */
	u32 cpus;
	bool isolated;		/* offer only what an isolated VM may use */
	u64 shared_bit;		/* an isolated VM's mark on shared GPAs, or 0 */
	/* Offer in the order of vmbus_add_device(), not of GUIDs */
	bool offer_as_added;
};

/* A device behind a channel. Every callback runs under the VM's lock. */
struct vmbus_device {
	const char *name;
	struct guid type, instance;
	u16 chn_flags;
	u16 mmio_megabytes;
	bool in_isolated;		/* offered to an isolated VM too */
	u8 user_def[120];		/* pipe mode, or the device's own */
	/* Opened: the rings can be used. Any may be NULL. */
	void (*opened)(struct vmbus_device *dev, struct vmbus_channel *chan);
	void (*closed)(struct vmbus_device *dev);
	/* One packet from the guest, copied out of the ring */
	void (*packet)(struct vmbus_device *dev, u16 type, u16 flags,
		       u64 transaction, const u8 *payload, size_t len);
	/* After vmbus_send() said -EAGAIN: try again */
	void (*room)(struct vmbus_device *dev);
	void *opaque;
};

#define VMBUS_MESSAGE_SINT	2

struct vmbus *vmbus_new(const struct vmbus_config *config, struct mem *mem,
			const struct vmbus_ops *ops, void *opaque);
void vmbus_free(struct vmbus *bus);

/* Offers are made when the guest asks for them, and at once if it has. */
int vmbus_add_device(struct vmbus *bus, struct vmbus_device *dev);
int vmbus_rescind(struct vmbus *bus, struct vmbus_device *dev);

/* Another kernel has begun, and the one in contact said no goodbye. */
void vmbus_new_kernel(struct vmbus *bus);

/* From the guest: HvPostMessage, HvSignalEvent. Return: HV_STATUS_*. */
u16 vmbus_hv_post(struct vmbus *bus, u32 vp, u32 connection, u32 type,
		  const void *payload, size_t len);
u16 vmbus_hv_signal(struct vmbus *bus, u32 connection, u16 flag);

/* Host to guest, as a packet of that type; -EAGAIN: the ring is full. */
int vmbus_send(struct vmbus_channel *chan, u16 type, u16 flags, u64 transaction,
	       const void *payload, size_t len);

/* Go on with what a guest that never stops sending left undone. */
void vmbus_poll(struct vmbus *bus);

#endif
