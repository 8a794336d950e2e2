// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls: their inputs checked, and handed to VMBus and virtual PCI. */
#include <string.h>

#include "core/hostile.h"
#include "core/trace.h"
#include "hv/hypercall.h"

/* HvRetargetDeviceInterrupt's input, without its variable part */
#define RETARGET_INPUT		56

/**
 * hypercall_post_message() - HvPostMessage.
 * @h:		What hypercalls reach; the lock is held
 * @vp:		The vCPU that calls
 * @input:	The call's input value
 * @gpa:	Of its input
 *
 * Return: HV_STATUS_*.
 */
u16 hypercall_post_message(const struct hypercalls *h, u32 vp, u64 input,
			   u64 gpa)
{
	struct {
		u32 connection;
		u32 reserved;
		u32 type;
		u32 len;
		u8 payload[HV_MESSAGE_PAYLOAD];
	} msg;

	if (input & HVCALL_FAST)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (gpa & 7)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (mem_read(h->mem, gpa, &msg, sizeof(msg))) {
		trace_bad("hypercall", "post message GPA", gpa);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (msg.len > sizeof(msg.payload)) {
		trace_bad("hypercall", "post message length", msg.len);
		return HV_STATUS_INVALID_PARAMETER;
	}
	return hostile_u16(HOSTILE_POST_STATUS,
			   vmbus_hv_post(h->bus, vp, msg.connection, msg.type,
					 msg.payload, msg.len));
}

/**
 * hypercall_signal_event() - HvSignalEvent.
 * @h:		What hypercalls reach; the lock is held
 * @input:	The call's input value
 * @param:	Connection and flag, as the fast form has them in a register
 *
 * Return: HV_STATUS_*.
 */
u16 hypercall_signal_event(const struct hypercalls *h, u64 input, u64 param)
{
	struct {
		u32 connection;
		u16 flag;
		u16 reserved;
	} event;

	/*
	 * Of the form through memory, older KVM hands us the GPA, newer what
	 * it has read there, and does not say which. Linux uses the fast one.
	 */
	if (!(input & HVCALL_FAST))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(&event, &param, sizeof(event));
	return hostile_u16(HOSTILE_SIGNAL_STATUS,
			   vmbus_hv_signal(h->bus, event.connection,
					   event.flag));
}

static u16 hypercall_retarget(const struct hypercalls *h, u64 input, u64 gpa)
{
	u64 len = RETARGET_INPUT + HVCALL_VAR_WORDS(input) * 8;
	u8 params[HV_PAGE_SIZE];

	if (input & HVCALL_FAST)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (gpa & 7)
		return HV_STATUS_INVALID_ALIGNMENT;
	gpa &= ~h->shared_bit;
	/* An input lies in one page */
	if (len > HV_PAGE_SIZE - gpa % HV_PAGE_SIZE ||
	    mem_read(h->mem, gpa, params, len)) {
		trace_bad("hypercall", "retarget GPA", gpa);
		return HV_STATUS_INVALID_PARAMETER;
	}
	return hostile_u16(HOSTILE_RETARGET_STATUS,
			   vpci_retarget(h->vpci, params, len));
}

/**
 * hypercall_other() - All others, but for those that KVM handles by itself.
 * @h:		What hypercalls reach; the lock is held
 * @input:	The call's input value
 * @gpa:	Of its input
 *
 * Return: the call's result value: HV_STATUS_*, and how many reps were done.
 */
u64 hypercall_other(const struct hypercalls *h, u64 input, u64 gpa)
{
	u64 result = HV_STATUS_INVALID_HYPERCALL_CODE;

	switch (input & 0xffff) {
	case HVCALL_RETARGET_IRQ:
		result = hypercall_retarget(h, input, gpa);
		break;
	case HVCALL_GPA_VISIBILITY:
		/* Both views are of the same RAM; every page of the list. */
		result = HV_STATUS_SUCCESS | HVCALL_REPS(input) << 32;
		break;
	}
	trace_begin("hypercall");
	trace_hex("code", input & 0xffff);
	trace_num("reps", HVCALL_REPS(input));
	trace_num("status", result & 0xffff);
	trace_end();
	return result;
}
