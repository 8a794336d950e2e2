// SPDX-License-Identifier: GPL-2.0-only
/* What integration components have in common: versions, and one request. */
#include <errno.h>
#include <string.h>

#include "core/hostile.h"
#include "core/trace.h"
#include "hv/ics.h"
#include "hv/ring.h"

#define IC_TRANSACTION	1
#define IC_REQUEST	2
#define IC_RESPONSE	4

#define IC_PIPE_DATA	1

/* The longest is a request to shut down, with its text of 2 KiB */
#define IC_MAX_LEN	2304

/* The frame's versions, newest last as hosts have them */
static const struct ic_version frames[] = { { 1, 0 }, { 3, 0 } };

struct ic_negotiate {
	u16 frame_count;
	u16 msg_count;
	u32 reserved;
	struct ic_version version[ARRAY_SIZE(frames) + IC_MAX_VERSIONS];
} __packed;

/* Send one message; its answer has the same transaction number. */
static int ic_send(struct ic *ic, u16 type, const void *data, size_t len)
{
	u8 buf[sizeof(struct ic_head) + IC_MAX_LEN];
	struct ic_head head = {
		.pipe_flags = IC_PIPE_DATA,
		.pipe_len = (u32)(sizeof(head) - 8 + len),
		.frame = ic->frame,
		.type = type,
		.msg = ic->msg,
		.len = (u16)len,
		.transaction = (u8)(ic->transaction + 1),
		.flags = IC_TRANSACTION | IC_REQUEST,
	};
	int ret;

	if (len > IC_MAX_LEN)
		return -EMSGSIZE;
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), data, len);
	hostile_bytes(HOSTILE_IC, buf, sizeof(head) + len);
	ret = vmbus_send(ic->chan, RING_PKT_INBAND, 0, head.transaction, buf,
			 sizeof(head) + len);
	if (ret)
		return ret;
	ic->transaction = head.transaction;
	ic->waiting = true;
	return 0;
}

static void ic_set_state(struct ic *ic, enum ic_state state)
{
	ic->state = state;
	if (ic->changed)
		ic->changed(ic);
}

static void ic_negotiate(struct ic *ic)
{
	struct ic_negotiate n = {
		.frame_count = ARRAY_SIZE(frames),
		.msg_count = (u16)ic->offered_count,
	};
	size_t count = ARRAY_SIZE(frames) + (size_t)ic->offered_count;

	memcpy(n.version, frames, sizeof(frames));
	memcpy(n.version + ARRAY_SIZE(frames), ic->offered,
	       sizeof(ic->offered[0]) * (size_t)ic->offered_count);
	/* A ring that was just opened has room, if the guest is honest */
	ic->resend = ic_send(ic, IC_NEGOTIATE, &n,
			     offsetof(struct ic_negotiate, version) +
			     count * sizeof(n.version[0])) == -EAGAIN;
}

static bool ic_among(struct ic_version v, const struct ic_version *list,
		     int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (v.major == list[i].major && v.minor == list[i].minor)
			return true;
	return false;
}

/* The guest chose one version of each kind, or said that it knows none. */
static void ic_negotiated(struct ic *ic, const u8 *data, size_t len)
{
	struct ic_negotiate n;

	if (len < offsetof(struct ic_negotiate, version) +
		  2 * sizeof(n.version[0])) {
		trace_bad(ic->dev.name, "bytes of a negotiation", len);
		ic_set_state(ic, IC_FAILED);
		return;
	}
	memcpy(&n, data, len < sizeof(n) ? len : sizeof(n));
	if (n.frame_count != 1 || n.msg_count != 1 ||
	    !ic_among(n.version[0], frames, ARRAY_SIZE(frames)) ||
	    !ic_among(n.version[1], ic->offered, ic->offered_count)) {
		trace_bad(ic->dev.name, "choice of version",
			  (u64)n.version[1].major << 16 | n.version[1].minor);
		ic_set_state(ic, IC_FAILED);
		return;
	}
	ic->frame = n.version[0];
	ic->msg = n.version[1];
	trace_begin("ic");
	trace_str("device", ic->dev.name);
	trace_num("frame_major", ic->frame.major);
	trace_num("frame_minor", ic->frame.minor);
	trace_num("major", ic->msg.major);
	trace_num("minor", ic->msg.minor);
	trace_end();
	ic_set_state(ic, IC_READY);
}

static void ic_opened(struct vmbus_device *dev, struct vmbus_channel *chan)
{
	struct ic *ic = dev->opaque;

	ic->chan = chan;
	ic->waiting = false;
	ic->frame = frames[0];
	ic->msg = ic->offered[0];
	ic_set_state(ic, IC_NEGOTIATING);
	ic_negotiate(ic);
}

static void ic_closed(struct vmbus_device *dev)
{
	struct ic *ic = dev->opaque;

	ic->chan = NULL;
	ic->waiting = false;
	ic->resend = false;
	ic_set_state(ic, IC_CLOSED);
}

static void ic_room(struct vmbus_device *dev)
{
	struct ic *ic = dev->opaque;

	if (ic->resend)
		ic_negotiate(ic);
	else if (ic->changed)
		ic->changed(ic);
}

static void ic_received(struct vmbus_device *dev, u16 type, u16 flags,
			u64 transaction, const u8 *payload, size_t len)
{
	struct ic *ic = dev->opaque;
	struct ic_head head;

	(void)flags;
	(void)transaction;
	if (type != RING_PKT_INBAND) {
		trace_bad(dev->name, "packet type", type);
		return;
	}
	if (len < sizeof(head)) {
		trace_bad(dev->name, "bytes of a message", len);
		return;
	}
	memcpy(&head, payload, sizeof(head));
	payload += sizeof(head);
	len -= sizeof(head);
	if (!ic->waiting || !(head.flags & IC_RESPONSE) ||
	    head.transaction != ic->transaction) {
		trace_bad(dev->name, "answer to nothing, transaction",
			  head.transaction);
		return;
	}
	ic->waiting = false;
	if (ic->state == IC_NEGOTIATING && head.type == IC_NEGOTIATE)
		ic_negotiated(ic, payload, len);
	else if (ic->state == IC_READY && head.type == ic->type)
		ic->answer(ic, head.status, payload, len);
	else
		trace_bad(dev->name, "message type", head.type);
}

/**
 * ic_request() - Ask the guest something, in the service's own type.
 * @ic:		The service
 * @data:	What follows the header
 * @len:	Bytes, up to 2304
 *
 * A guest's driver may read just one message a signal, so the next request
 * has to wait for the answer to the last one.
 *
 * Return: 0, -ENOTCONN before versions are agreed on, -EBUSY while an answer
 * is due, or as vmbus_send().
 */
int ic_request(struct ic *ic, const void *data, size_t len)
{
	if (ic->state != IC_READY)
		return -ENOTCONN;
	if (ic->waiting)
		return -EBUSY;
	return ic_send(ic, ic->type, data, len);
}

/**
 * ic_add() - Put a service on the bus; anew at each open versions come first.
 * @ic:		With dev.name, type and instance, message type, the versions
 *		on offer and callbacks
 * @bus:	VMBus
 *
 * Return: as vmbus_add_device().
 */
int ic_add(struct ic *ic, struct vmbus *bus)
{
	static const u8 message_mode = 4;

	/* A pipe, of messages: Linux finds the pipe's header in each packet */
	ic->dev.chn_flags = 0x0010;
	ic->dev.user_def[0] = message_mode;
	ic->dev.in_isolated = true;
	ic->dev.opened = ic_opened;
	ic->dev.closed = ic_closed;
	ic->dev.packet = ic_received;
	ic->dev.room = ic_room;
	ic->dev.opaque = ic;
	return vmbus_add_device(bus, &ic->dev);
}
