// SPDX-License-Identifier: GPL-2.0-only
/* The heartbeat service: the guest adds 1 to a number and sends it back. */
#include <string.h>

#include "core/trace.h"
#include "hv/guids.h"
#include "hv/ics.h"

/* Ticks without an answer after which the heart has stopped */
#define LOST_AFTER	5

struct heartbeat_msg {
	u64 sequence;
	u32 reserved[8];
} __packed;

static void heartbeat_tell(const struct heartbeat *hb, const char *state)
{
	trace_begin("heartbeat");
	trace_str("state", state);
	trace_num("sequence", (s64)hb->sequence);
	trace_end();
}

static void heartbeat_changed(struct ic *ic)
{
	struct heartbeat *hb = (struct heartbeat *)ic;

	if (ic->state == IC_READY)
		return;
	hb->answered = 0;
	hb->unanswered = 0;
	hb->lost = false;
}

static void heartbeat_answer(struct ic *ic, u32 status, const u8 *data,
			     size_t len)
{
	struct heartbeat *hb = (struct heartbeat *)ic;
	u64 sequence;

	if (status) {
		trace_bad("heartbeat", "status", status);
		return;
	}
	if (len < sizeof(sequence)) {
		trace_bad("heartbeat", "bytes of an answer", len);
		return;
	}
	memcpy(&sequence, data, sizeof(sequence));
	if (sequence != hb->sequence + 1) {
		trace_bad("heartbeat", "sequence", sequence);
		return;
	}
	hb->sequence = sequence;
	hb->unanswered = 0;
	/* Traces would be little else if each beat had its line */
	if (!hb->answered++ || hb->lost)
		heartbeat_tell(hb, "ok");
	hb->lost = false;
}

/**
 * heartbeat_tick() - Time for a beat.
 * @hb:	The service
 *
 * Call it every 2 s or so, whatever the state of the channel. While an answer
 * is due no more is sent; after 5 ticks without, the trace says "lost".
 */
void heartbeat_tick(struct heartbeat *hb)
{
	struct heartbeat_msg msg = { .sequence = hb->sequence };

	if (hb->ic.state != IC_READY)
		return;
	if (!hb->ic.waiting) {
		ic_request(&hb->ic, &msg, sizeof(msg));
		return;
	}
	if (++hb->unanswered == LOST_AFTER) {
		hb->lost = true;
		heartbeat_tell(hb, "lost");
	}
}

/**
 * heartbeat_add() - Put the heartbeat service on the bus.
 * @hb:		Filled in here; must outlive @bus
 * @bus:	VMBus
 *
 * Return: as vmbus_add_device().
 */
int heartbeat_add(struct heartbeat *hb, struct vmbus *bus)
{
	*hb = (struct heartbeat) {
		.ic = {
			.dev = {
				.name = "heartbeat",
				.type = GUID_HEARTBEAT,
				.instance = GUID_HEARTBEAT_INSTANCE,
			},
			.type = IC_HEARTBEAT,
			.offered = { { 1, 0 }, { 3, 0 } },
			.offered_count = 2,
			.changed = heartbeat_changed,
			.answer = heartbeat_answer,
		},
	};
	return ic_add(&hb->ic, bus);
}
