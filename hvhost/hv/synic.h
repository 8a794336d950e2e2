/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SynIC: each vCPU's message and event pages, in which the host leaves
 * messages and event flags. Who tells where they are, and how a SINT interrupts,
 * is the architecture's. All calls under the VM's lock.
 */
#ifndef HVHOST_SYNIC_H
#define HVHOST_SYNIC_H

#include "core/limits.h"
#include "core/mem.h"
#include "core/types.h"
#include "hv/hv.h"

struct synic_message;

/* One vCPU's SynIC, as the guest last set it up. */
struct synic_vp {
	bool enabled;
	u64 message_page, event_page;	/* GPAs; 0: off */
	u64 last_message_page;		/* the last that was not 0 */
	struct synic_message *first, **last;
	int count;
};

struct synic {
	const struct mem *mem;
	u32 cpus;
	/* Raise a SINT's interrupt. 0 or -errno */
	int (*raise)(void *opaque, u32 vp, u32 sint);
	void *opaque;
	struct synic_vp vp[MAX_CPUS];
};

void synic_init(struct synic *s, const struct mem *mem, u32 cpus,
		int (*raise)(void *opaque, u32 vp, u32 sint), void *opaque);
void synic_set(struct synic *s, u32 vp, bool enabled, u64 message_page,
	       u64 event_page);
void synic_flush(struct synic *s, u32 vp);
int synic_post(struct synic *s, u32 vp, u32 sint, u32 type, const void *payload,
	       size_t len);
int synic_signal(struct synic *s, u32 vp, u32 sint, u32 flag);

#endif
