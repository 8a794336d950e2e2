// SPDX-License-Identifier: GPL-2.0-only
/* The SynIC: messages and event flags in the guest's pages. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "core/trace.h"
#include "hv/synic.h"

/*
 * How many messages may wait for a guest to take them: every offer and every
 * answer that a guest can ask for at once, and then some.
 */
#define SYNIC_MAX_WAITING		1024

struct hv_message {
	u32 type;
	u8 len;
	u8 flags;
	u16 reserved;
	u64 sender;
	u8 payload[HV_MESSAGE_PAYLOAD];
};

#define HV_MESSAGE_PENDING	1

struct synic_message {
	struct synic_message *next;
	u32 sint;
	struct hv_message msg;
};

static_assert(sizeof(struct hv_message) == 256, "a message slot");

/**
 * synic_init() - Begin with every SynIC off.
 * @s:		To be filled in
 * @mem:	The guest's RAM
 * @cpus:	How many vCPUs there are
 * @raise:	Raises a SINT's interrupt
 * @opaque:	For @raise
 */
void synic_init(struct synic *s, const struct mem *mem, u32 cpus,
		int (*raise)(void *opaque, u32 vp, u32 sint), void *opaque)
{
	int i;

	*s = (struct synic) {
		.mem = mem, .cpus = cpus, .raise = raise, .opaque = opaque,
	};
	for (i = 0; i < MAX_CPUS; i++)
		s->vp[i].last = &s->vp[i].first;
}

/**
 * synic_flush() - Write waiting messages into the message page.
 * @s:		The SynICs
 * @vp:		Of which vCPU
 *
 * As far as slots are free. To be called when the guest writes EOM.
 *
 * The guest frees a slot by zeroing its type and looks at the pending flag
 * after that; we set the flag and look at the type after that. So one of us
 * sees the other: either it writes the EOM MSR, and we come back here, or the
 * slot is free at the second look.
 */
void synic_flush(struct synic *s, u32 vp)
{
	struct synic_vp *v = &s->vp[vp];
	struct synic_message *w, **link = &v->first;
	u32 full = 0;

	if (!v->enabled || !v->message_page)
		return;
	while ((w = *link)) {
		struct hv_message *slot;

		slot = mem_at(s->mem, v->message_page +
			      w->sint * sizeof(*slot), sizeof(*slot));
		if (!slot) {
			trace_bad("synic", "message page", v->message_page);
			return;
		}
		if (!(full & BIT(w->sint)) &&
		    __atomic_load_n(&slot->type, __ATOMIC_ACQUIRE)) {
			__atomic_or_fetch(&slot->flags, HV_MESSAGE_PENDING,
					  __ATOMIC_SEQ_CST);
			if (__atomic_load_n(&slot->type, __ATOMIC_SEQ_CST))
				full |= BIT(w->sint);
		}
		if (full & BIT(w->sint)) {
			link = &w->next;
			continue;
		}
		slot->len = w->msg.len;
		slot->flags = 0;
		slot->sender = w->msg.sender;
		memcpy(slot->payload, w->msg.payload, sizeof(slot->payload));
		/* Its type makes it a message, so that comes last. */
		__atomic_store_n(&slot->type, w->msg.type, __ATOMIC_RELEASE);
		s->raise(s->opaque, vp, w->sint);

		*link = w->next;
		if (!w->next)
			v->last = link;
		v->count--;
		free(w);
	}
}

/**
 * synic_post() - Send a SynIC message to the guest.
 * @s:		The SynICs
 * @vp:		To which vCPU
 * @sint:	Of which SINT
 * @type:	The message's type, not 0
 * @payload:	What it says
 * @len:	Bytes, at most HV_MESSAGE_PAYLOAD
 *
 * Waits while the slot is taken, or the guest's SynIC is off.
 *
 * Return: 0, -EINVAL for what there is not, -ENOSPC if too many wait, -ENOMEM.
 */
int synic_post(struct synic *s, u32 vp, u32 sint, u32 type, const void *payload,
	       size_t len)
{
	struct synic_message *w;
	struct synic_vp *v;

	if (vp >= s->cpus || sint >= HV_SINTS || !type ||
	    len > HV_MESSAGE_PAYLOAD)
		return -EINVAL;
	v = &s->vp[vp];
	if (v->count == SYNIC_MAX_WAITING) {
		trace_bad("synic", "messages waiting", v->count);
		return -ENOSPC;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return say_host_failed(-ENOMEM, "SynIC message");
	w->sint = sint;
	w->msg.type = type;
	w->msg.len = len;
	memcpy(w->msg.payload, payload, len);
	*v->last = w;
	v->last = &w->next;
	v->count++;
	synic_flush(s, vp);
	return 0;
}

/**
 * synic_signal() - Set an event flag and interrupt the guest.
 * @s:		The SynICs
 * @vp:		Which vCPU's
 * @sint:	Of which SINT, 2048 flags each
 * @flag:	Which one
 *
 * Return: 0, -EINVAL for what there is not, -ENODEV while the SynIC is off.
 */
int synic_signal(struct synic *s, u32 vp, u32 sint, u32 flag)
{
	const struct synic_vp *v;
	u8 *byte;

	if (vp >= s->cpus || sint >= HV_SINTS || flag >= 2048)
		return -EINVAL;
	v = &s->vp[vp];
	if (!v->enabled || !v->event_page)
		return -ENODEV;
	byte = mem_at(s->mem, v->event_page + sint * 256 + flag / 8, 1);
	if (!byte) {
		trace_bad("synic", "event page", v->event_page);
		return -ENODEV;
	}
	if (!(__atomic_fetch_or(byte, BIT(flag % 8), __ATOMIC_SEQ_CST) &
	      BIT(flag % 8)))
		s->raise(s->opaque, vp, sint);
	return 0;
}

static void synic_drop(struct synic_vp *v)
{
	struct synic_message *w;

	while ((w = v->first)) {
		v->first = w->next;
		free(w);
	}
	v->last = &v->first;
	v->count = 0;
}

/**
 * synic_set() - The guest set up a vCPU's SynIC.
 * @s:		The SynICs
 * @vp:		Of which vCPU
 * @enabled:	Whether it is on
 * @message_page: GPA of the message page, 0: off
 * @event_page:	GPA of the event page, 0: off
 */
void synic_set(struct synic *s, u32 vp, bool enabled, u64 message_page,
	       u64 event_page)
{
	struct synic_vp *v = &s->vp[vp];

	v->enabled = enabled;
	v->message_page = message_page;
	v->event_page = event_page;
	if (message_page) {
		/*
		 * Another page is another kernel's, which took over without
		 * UNLOAD: what waits was meant for the one before. The same
		 * page, off and on again, is still the same kernel's.
		 */
		if (v->last_message_page && v->last_message_page != message_page)
			synic_drop(v);
		v->last_message_page = message_page;
	}
	synic_flush(s, vp);
}
