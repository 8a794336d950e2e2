// SPDX-License-Identifier: GPL-2.0-only
/* The shutdown service: ask the guest to power off or to reboot. */
#include <errno.h>
#include <stdio.h>

#include "core/trace.h"
#include "hv/guids.h"
#include "hv/ics.h"

#define SHUTDOWN_POWEROFF	0
#define SHUTDOWN_REBOOT		2

struct shutdown_msg {
	u32 reason;
	u32 timeout_seconds;
	u32 flags;
	char text[2048];
} __packed;

/* Send what was asked for, as soon as the guest can take it. */
static int shutdown_try_send(struct shutdown *sd)
{
	struct shutdown_msg msg = {
		.flags = sd->reboot ? SHUTDOWN_REBOOT : SHUTDOWN_POWEROFF,
		.timeout_seconds = 30,
	};
	int ret;

	snprintf(msg.text, sizeof(msg.text), "Asked for by the host.");
	ret = ic_request(&sd->ic, &msg, sizeof(msg));
	if (ret)
		return ret;
	sd->wanted = false;
	trace_begin("shutdown_request");
	trace_bool("reboot", sd->reboot);
	trace_end();
	return 0;
}

static void shutdown_changed(struct ic *ic)
{
	struct shutdown *sd = (struct shutdown *)ic;

	if (sd->wanted && ic->state == IC_READY)
		shutdown_try_send(sd);
}

static void shutdown_answer(struct ic *ic, u32 status, const u8 *data,
			    size_t len)
{
	struct shutdown *sd = (struct shutdown *)ic;

	(void)data;
	(void)len;
	trace_begin("shutdown_ack");
	trace_hex("status", status);
	trace_end();
	if (sd->wanted)
		shutdown_try_send(sd);
}

/**
 * shutdown_request() - Ask the guest to power off or to reboot.
 * @sd:		The service
 * @reboot:	Which of both
 *
 * When the guest's driver is not there yet, or has not answered the last
 * request, this one waits: the trace tells when it is sent. A later call
 * takes the place of one that waits.
 *
 * Return: 0, or -EMSGSIZE for a guest whose ring is too small for it.
 */
int shutdown_request(struct shutdown *sd, bool reboot)
{
	int ret;

	sd->wanted = true;
	sd->reboot = reboot;
	ret = shutdown_try_send(sd);
	if (ret != -EMSGSIZE)
		return 0;
	sd->wanted = false;
	return ret;
}

/**
 * shutdown_add() - Put the shutdown service on the bus.
 * @sd:		Filled in here; must outlive @bus
 * @bus:	VMBus
 *
 * Return: as vmbus_add_device().
 */
int shutdown_add(struct shutdown *sd, struct vmbus *bus)
{
	*sd = (struct shutdown) {
		.ic = {
			.dev = {
				.name = "shutdown",
				.type = GUID_SHUTDOWN,
				.instance = GUID_SHUTDOWN_INSTANCE,
			},
			.type = IC_SHUTDOWN,
			.offered = { { 1, 0 }, { 3, 0 }, { 3, 1 }, { 3, 2 } },
			.offered_count = 4,
			.changed = shutdown_changed,
			.answer = shutdown_answer,
		},
	};
	return ic_add(&sd->ic, bus);
}
