// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMBus, the host's end. The guest makes contact, asks for offers, describes
 * memory (GPADLs), and opens channels whose rings lie in it; UNLOAD, or the
 * next contact after a crash, ends all of that at once.
 *
 * Everything here runs under the VM's lock. A device's callbacks may send
 * and, but for closed(), add and rescind devices.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/fail.h"
#include "core/guid.h"
#include "core/hostile.h"
#include "core/status.h"
#include "core/trace.h"
#include "hv/gpadl.h"
#include "hv/hv.h"
#include "hv/lies.h"
#include "hv/ring.h"
#include "hv/vmbus.h"
#include "hv/vmbus_proto.h"

#define MAX_RELIDS	2048	/* event flags of a SINT; 0 is no channel */
#define MAX_GPADLS	256

/* Packets taken from a channel before others have their turn */
#define BATCH		4096
#define BATCH_BYTES	MIB

/* Room for a payload that a hostile host changes or keeps back; half of it can be honest. */
#define LIES_MAX_PACKET	4096u

/* What a hostile host has not sent yet */
struct late_packet {
	struct ring_desc desc;
	size_t len;
	u8 payload[LIES_MAX_PACKET];
};

enum channel_state {
	CHANNEL_CLOSED,
	CHANNEL_OPEN,
	CHANNEL_BROKEN,		/* open for the guest, no longer for us */
};

struct vmbus_channel {
	struct vmbus_channel *next;
	struct vmbus *bus;
	struct vmbus_device *dev;	/* NULL: rescinded */
	struct guid type, instance;
	u32 relid;			/* 0: not offered in this contact */
	bool declined;			/* offered, but released by the guest */
	enum channel_state state;
	u32 vp;
	struct gpadl *gpadl;		/* that the rings are in, while open */
	struct ring up, down;		/* to the host, to the guest */
	u8 *buf;			/* for one packet */
	bool more;			/* left undone after a batch */
	struct late_packet *late;	/* NULL: none */
};

struct vmbus {
	struct vmbus_config config;
	struct mem *mem;
	const struct vmbus_ops *ops;
	void *opaque;

	/* One contact */
	bool connected, offers_requested;
	bool superseded;		/* by a kernel that has made no contact */
	u32 version;
	u32 vp, sint;			/* where its messages go */
	u64 interrupt_page;		/* 0: none */
	u32 last_relid;
	bool more;			/* some channel has more */

	struct vmbus_channel *channels;	/* in the order they were added */
	struct vmbus_channel *by_relid[MAX_RELIDS];
	struct gpadl *gpadls;
	u32 gpadl_count;

	/* A message that a hostile host has not sent yet */
	u8 late[VMBUS_MAX_MESSAGE];
	size_t late_len;
	bool late_waits;
};

/* A message of the guest's, copied, zeroes after its end: all of it is first
 * in the union, for that is what {} makes zero.
 */
struct message {
	size_t len;
	u32 vp;			/* that posted it */
	union {
		u8 bytes[VMBUS_MAX_MESSAGE];
		struct msg_head head;
		struct msg_relid relid;
		struct msg_open open;
		struct msg_gpadl_header gpadl_header;
		struct msg_gpadl_body gpadl_body;
		struct msg_gpadl_teardown gpadl_teardown;
		struct msg_contact contact;
		struct msg_modify modify;
	};
};

static void vmbus_post_now(struct vmbus *bus, const void *msg, size_t len)
{
	/* The message page may be the new kernel's memory */
	if (bus->superseded)
		return;
	if (bus->ops->post(bus->opaque, bus->vp, bus->sint, VMBUS_MESSAGE_TYPE,
			   msg, len))
		trace_bad("vmbus", "message that could not be queued",
			  get_le32(msg));
}

/* A hostile host posts that, something else, twice, later, or nothing. */
static void vmbus_post_lies(struct vmbus *bus, const void *honest, size_t len)
{
	u8 msg[VMBUS_MAX_MESSAGE] = { 0 }, extra[VMBUS_MAX_MESSAGE] = { 0 };
	size_t extra_len = len;

	memcpy(msg, honest, len);
	memcpy(extra, honest, len);
	len = lies_in_message(msg, len);
	if (hostile_event(HOSTILE_MESSAGE_EXTRA)) {
		extra_len = lies_extra_message(extra, extra_len,
					       bus->last_relid);
		vmbus_post_now(bus, extra, extra_len);
	}
	if (hostile_event(HOSTILE_MESSAGE_DROP))
		return;
	if (!bus->late_waits && hostile_event(HOSTILE_MESSAGE_LATE)) {
		memcpy(bus->late, msg, sizeof(msg));
		bus->late_len = len;
		bus->late_waits = true;
		return;
	}
	vmbus_post_now(bus, msg, len);
	if (hostile_event(HOSTILE_MESSAGE_TWICE))
		vmbus_post_now(bus, msg, len);
}

static void vmbus_post(struct vmbus *bus, u32 type, void *msg, size_t len)
{
	struct msg_head *head = msg;

	head->type = type;
	if (hostile_on)
		vmbus_post_lies(bus, msg, len);
	else
		vmbus_post_now(bus, msg, len);
}

/* Failure means that the guest has its SynIC off: its own choice. */
static void vmbus_interrupt_guest(struct vmbus_channel *chan)
{
	if (hostile_event(HOSTILE_SIGNAL_DROP))
		return;
	chan->bus->ops->signal(chan->bus->opaque, chan->vp, VMBUS_MESSAGE_SINT,
			       hostile_below(HOSTILE_SIGNAL_FLAG, chan->relid,
					     MAX_RELIDS));
}

static struct vmbus_channel *vmbus_find_channel(struct vmbus *bus, u32 relid)
{
	return relid < MAX_RELIDS ? bus->by_relid[relid] : NULL;
}

static const char *vmbus_name(const struct vmbus_channel *chan)
{
	return chan->dev ? chan->dev->name : "rescinded";
}

static void vmbus_trace_channel(const char *event,
				const struct vmbus_channel *chan)
{
	trace_begin(event);
	trace_str("device", vmbus_name(chan));
	trace_num("relid", chan->relid);
}

/*
 * End a channel's service, be it for the guest's or for our reasons. The
 * packet buffer stays: a device may be looking at it just now.
 */
static void vmbus_stop(struct vmbus_channel *chan, enum channel_state state,
		       const char *by)
{
	bool was_open = chan->state == CHANNEL_OPEN;

	chan->state = state;
	chan->gpadl = NULL;
	chan->more = false;
	free(chan->late);
	chan->late = NULL;
	if (!was_open)
		return;
	vmbus_trace_channel("close", chan);
	trace_str("by", by);
	trace_end();
	if (chan->dev && chan->dev->closed)
		chan->dev->closed(chan->dev);
}

static void vmbus_free_channel(struct vmbus_channel *chan)
{
	struct vmbus_channel **link = &chan->bus->channels;

	while (*link != chan)
		link = &(*link)->next;
	*link = chan->next;
	if (chan->relid)
		chan->bus->by_relid[chan->relid] = NULL;
	free(chan->buf);
	free(chan->late);
	free(chan);
}

/* As late as can be: a message or signal under way may still mean the old */
static u32 vmbus_new_relid(struct vmbus *bus)
{
	u32 i, relid = bus->last_relid;

	for (i = 1; i < MAX_RELIDS; i++) {
		relid = relid + 1 < MAX_RELIDS ? relid + 1 : 1;
		if (!bus->by_relid[relid]) {
			bus->last_relid = relid;
			return relid;
		}
	}
	return 0;
}

/* Is @chan offered before @dev? Interfaces count before instances. */
static bool vmbus_offered_before(const struct vmbus_channel *chan,
				 const struct vmbus_device *dev)
{
	int order = guid_compare(&chan->type, &dev->type);

	if (!order)
		order = guid_compare(&chan->instance, &dev->instance);
	return order <= 0;
}

/* The guest has not yet let go of a rescinded offer of the same instance. */
static bool vmbus_predecessor_lives(const struct vmbus_channel *chan)
{
	const struct vmbus_channel *c;

	for (c = chan->bus->channels; c; c = c->next)
		if (!c->dev && guid_equal(&c->type, &chan->type) &&
		    guid_equal(&c->instance, &chan->instance))
			return true;
	return false;
}

/* Offer a channel if it is time to; if not, we will be called again. */
static void vmbus_offer(struct vmbus_channel *chan)
{
	const struct vmbus_device *dev = chan->dev;
	struct vmbus *bus = chan->bus;
	struct msg_offer msg = { 0 };

	if (!bus->offers_requested || !dev || chan->relid || chan->declined)
		return;
	if (bus->config.isolated && !dev->in_isolated)
		return;
	if (vmbus_predecessor_lives(chan))
		return;
	chan->relid = vmbus_new_relid(bus);
	if (!chan->relid) {
		trace_bad("vmbus", "relids taken", MAX_RELIDS - 1);
		return;
	}
	bus->by_relid[chan->relid] = chan;

	msg.type = chan->type;
	msg.instance = chan->instance;
	msg.chn_flags = dev->chn_flags;
	msg.mmio_megabytes = dev->mmio_megabytes;
	memcpy(msg.user_def, dev->user_def, sizeof(msg.user_def));
	msg.relid = chan->relid;
	msg.dedicated_interrupt = 1;
	msg.connection = VMBUS_CONN_CHANNEL + chan->relid;
	vmbus_trace_channel("offer", chan);
	trace_guid("type", &chan->type);
	trace_guid("instance", &chan->instance);
	trace_num("connection", msg.connection);
	trace_hex("flags", msg.chn_flags);
	trace_num("mmio_megabytes", msg.mmio_megabytes);
	trace_end();
	vmbus_post(bus, MSG_OFFER, &msg, sizeof(msg));
}

static void vmbus_offer_all(struct vmbus *bus)
{
	struct vmbus_channel *chan;

	for (chan = bus->channels; chan; chan = chan->next)
		vmbus_offer(chan);
}

static struct gpadl **vmbus_find_gpadl(struct vmbus *bus, u32 id)
{
	struct gpadl **link = &bus->gpadls;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

static void vmbus_drop_gpadl(struct vmbus *bus, struct gpadl **link)
{
	struct gpadl *g = *link;

	*link = g->next;
	bus->gpadl_count--;
	gpadl_free(g);
}

/* Back to before contact. */
static void vmbus_disconnect(struct vmbus *bus, const char *why)
{
	struct vmbus_channel *chan, *next;

	for (chan = bus->channels; chan; chan = next) {
		next = chan->next;
		vmbus_stop(chan, CHANNEL_CLOSED, why);
		if (!chan->dev) {
			vmbus_free_channel(chan);
			continue;
		}
		bus->by_relid[chan->relid] = NULL;
		chan->relid = 0;
		chan->declined = false;
	}
	while (bus->gpadls)
		vmbus_drop_gpadl(bus, &bus->gpadls);
	bus->connected = false;
	bus->superseded = false;
	bus->offers_requested = false;
	bus->interrupt_page = 0;
	bus->last_relid = 0;
	bus->late_waits = false;
}

/**
 * vmbus_new_kernel() - Another kernel has begun to run.
 * @bus:	VMBus
 *
 * If the one before did not unload, rings of its channels are in memory that now is
 * the new kernel's. arm64 Linux does not unload before kexec; what a heartbeat would
 * overwrite there is chance. So close the channels, and post nothing: the message page
 * is the old kernel's as well. The contact itself stays until the new kernel makes its own.
 */
void vmbus_new_kernel(struct vmbus *bus)
{
	struct vmbus_channel *chan;

	for (chan = bus->channels; chan; chan = chan->next)
		vmbus_stop(chan, CHANNEL_CLOSED, "kernel");
	bus->superseded = bus->connected;
}

static bool vmbus_version_known(const struct vmbus *bus, u32 version)
{
	static const u32 known[] = {
		VMBUS_VERSION(2, 4), VMBUS_VERSION(3, 0), VMBUS_VERSION(4, 0),
		VMBUS_VERSION(4, 1), VMBUS_VERSION(5, 0), VMBUS_VERSION(5, 1),
		VMBUS_VERSION(5, 2), VMBUS_VERSION(5, 3), VMBUS_VERSION(6, 0),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (version == known[i])
			return version <= bus->config.max_version;
	return false;
}

static bool vmbus_page_ok(const struct vmbus *bus, const char *what, u64 gpa)
{
	if (!gpa || (!(gpa % HV_PAGE_SIZE) &&
		     mem_at(bus->mem, gpa, HV_PAGE_SIZE)))
		return true;
	trace_bad("vmbus", what, gpa);
	return false;
}

/* What else must hold for a contact to be taken */
static bool vmbus_contact_ok(const struct vmbus *bus,
			     const struct msg_contact *msg)
{
	u64 shared = bus->config.shared_bit;

	/* We never touch these: worth a line, not worth a refusal */
	vmbus_page_ok(bus, "monitor page", msg->monitor_page[0] & ~shared);
	vmbus_page_ok(bus, "monitor page", msg->monitor_page[1] & ~shared);

	if (msg->vp >= bus->config.cpus) {
		trace_bad("vmbus", "target vp", msg->vp);
		return false;
	}
	if (msg->version < VMBUS_VERSION(5, 0))
		return vmbus_page_ok(bus, "interrupt page",
				     msg->interrupt_page);
	if (msg->sint > 15) {
		trace_bad("vmbus", "message SINT", msg->sint);
		return false;
	}
	if (msg->vtl) {
		trace_bad("vmbus", "message VTL", msg->vtl);
		return false;
	}
	return true;
}

static void vmbus_on_contact(struct vmbus *bus, const struct message *m)
{
	const struct msg_contact *msg = &m->contact;
	struct msg_version answer = { 0 };
	size_t len = offsetof(struct msg_version, features);
	bool v5 = msg->version >= VMBUS_VERSION(5, 0);
	bool again = bus->connected, ok;
	char version[16];

	/* Without UNLOAD before it, this is a kernel after a crash */
	vmbus_disconnect(bus, "contact");
	ok = vmbus_version_known(bus, msg->version) &&
	     vmbus_contact_ok(bus, msg);
	bus->vp = msg->vp < bus->config.cpus ? msg->vp : m->vp;
	bus->sint = ok && v5 ? msg->sint : VMBUS_MESSAGE_SINT;
	bus->connected = ok;
	bus->version = ok ? msg->version : 0;
	if (ok && !v5)
		bus->interrupt_page = msg->interrupt_page;

	snprintf(version, sizeof(version), "%u.%u", msg->version >> 16,
		 msg->version & 0xffff);
	trace_begin("contact");
	trace_str("version", version);
	trace_bool("accepted", ok);
	trace_num("vp", m->vp);
	trace_num("target_vp", msg->vp);
	if (msg->version >= VMBUS_VERSION(6, 0))
		trace_hex("features", msg->features);
	if (again)
		trace_bool("without_unload", true);
	trace_end();

	answer.supported = ok;
	if (ok) {
		answer.connection = v5 ? VMBUS_CONN_MESSAGE_4 :
					 VMBUS_CONN_MESSAGE;
		/* We know none of the features, so the answer names none */
		if (msg->version >= VMBUS_VERSION(6, 0))
			len = sizeof(answer);
	}
	vmbus_post(bus, MSG_VERSION, &answer, len);
}

static void vmbus_on_request_offers(struct vmbus *bus, const struct message *m)
{
	struct msg_head all = { 0 };

	if (bus->offers_requested) {
		trace_bad("vmbus", "second request for offers by vp", m->vp);
		return;
	}
	trace_begin("offers_requested");
	trace_end();
	bus->offers_requested = true;
	vmbus_offer_all(bus);
	vmbus_post(bus, MSG_ALL_OFFERS, &all, sizeof(all));
}

/* The checks of OPEN, and all that it needs but the answer */
static u32 vmbus_open_channel(struct vmbus *bus, struct vmbus_channel *chan,
			      const struct msg_open *msg)
{
	const size_t longest = 0xffff * 8;
	struct gpadl *g;
	u8 *buf;

	if (chan->state != CHANNEL_CLOSED) {
		trace_bad("vmbus", "open of an open channel", chan->relid);
		return STATUS_INVALID_DEVICE_STATE;
	}
	if (msg->vp >= bus->config.cpus) {
		trace_bad("vmbus", "target vp", msg->vp);
		return STATUS_INVALID;
	}
	g = *vmbus_find_gpadl(bus, msg->gpadl);
	if (!g || !g->complete || g->relid != chan->relid) {
		trace_bad("vmbus", "GPADL of rings", msg->gpadl);
		return STATUS_INVALID;
	}
	if (g->range_count != 1 || g->range[0].offset ||
	    g->range[0].len != g->page_count * HV_PAGE_SIZE) {
		trace_bad("vmbus", "GPADL that is no ring", msg->gpadl);
		return STATUS_INVALID;
	}
	/* Each ring has a page of indices and at least one of data */
	if (msg->down_page < 2 || g->page_count < 4 ||
	    msg->down_page > g->page_count - 2) {
		trace_bad("vmbus", "page of the second ring", msg->down_page);
		return STATUS_INVALID;
	}
	if (ring_init_reader(&chan->up, g->page, msg->down_page) ||
	    ring_init_writer(&chan->down, g->page + msg->down_page,
			     g->page_count - msg->down_page))
		return STATUS_INVALID;
	buf = realloc(chan->buf, chan->up.size < longest ? chan->up.size :
							   longest);
	if (!buf) {
		say_host_failed(-ENOMEM, "VMBus channel %u", chan->relid);
		return STATUS_NO_RESOURCES;
	}
	chan->buf = buf;
	chan->vp = msg->vp;
	chan->gpadl = g;
	chan->state = CHANNEL_OPEN;
	return STATUS_OK;
}

static void vmbus_serve(struct vmbus_channel *chan);

/*
 * A hostile host may take away the device of that channel, which may be NULL, and
 * then offer it again. Return: whether it has.
 */
static bool vmbus_vanish(struct vmbus_channel *chan)
{
	struct vmbus_device *dev = chan ? chan->dev : NULL;
	struct vmbus *bus;
	bool again;

	if (!dev || !hostile_event(HOSTILE_RESCIND))
		return false;
	bus = chan->bus;
	again = hostile_draw(HOSTILE_RESCIND, 2);
	vmbus_rescind(bus, dev);
	if (again && vmbus_add_device(bus, dev))
		trace_bad("vmbus", "device that cannot come back", 0);
	return true;
}

static void vmbus_on_open(struct vmbus *bus, const struct message *m)
{
	const struct msg_open *msg = &m->open;
	struct vmbus_channel *chan = vmbus_find_channel(bus, msg->relid);
	struct msg_open_result answer = {
		.relid = msg->relid, .open_id = msg->open_id,
		.status = STATUS_NO_SUCH_DEVICE,
	};

	if (!chan)
		trace_bad("vmbus", "open of relid", msg->relid);
	else if (chan->dev)	/* else it crossed our rescind */
		answer.status = vmbus_open_channel(bus, chan, msg);
	vmbus_post(bus, MSG_OPEN_RESULT, &answer, sizeof(answer));
	if (answer.status)
		return;
	vmbus_trace_channel("open", chan);
	trace_num("vp", chan->vp);
	trace_num("up_bytes", chan->up.size);
	trace_num("down_bytes", chan->down.size);
	trace_end();
	if (chan->dev->opened)
		chan->dev->opened(chan->dev, chan);
	/* A guest may have written before it opened */
	vmbus_serve(chan);
}

static void vmbus_on_close(struct vmbus *bus, const struct message *m)
{
	struct vmbus_channel *chan = vmbus_find_channel(bus, m->relid.relid);

	if (!chan || (chan->dev && chan->state == CHANNEL_CLOSED)) {
		trace_bad("vmbus", "close of relid", m->relid.relid);
		return;
	}
	vmbus_stop(chan, CHANNEL_CLOSED, "guest");
}

static void vmbus_gpadl_created(struct vmbus *bus, u32 relid, u32 id,
				u32 status)
{
	struct msg_gpadl_created answer = {
		.relid = relid, .gpadl = id, .status = status,
	};

	vmbus_post(bus, MSG_GPADL_CREATED, &answer, sizeof(answer));
}

/* Give the newest piece to a GPADL, answer if that ends it. */
static void vmbus_feed_gpadl(struct vmbus *bus, struct gpadl **link,
			     const u8 *data, size_t len)
{
	struct gpadl *g = *link;
	u32 relid = g->relid, id = g->id;
	int ret = gpadl_feed(g, bus->mem, data, len);

	if (!ret)
		return;
	if (ret < 0) {
		vmbus_drop_gpadl(bus, link);
	} else {
		trace_begin("gpadl");
		trace_num("gpadl", id);
		trace_num("relid", relid);
		trace_num("pages", g->page_count);
		trace_end();
	}
	vmbus_gpadl_created(bus, relid, id,
			    ret < 0 ? STATUS_INVALID : STATUS_OK);
}

static void vmbus_on_gpadl_header(struct vmbus *bus, const struct message *m)
{
	const struct msg_gpadl_header *msg = &m->gpadl_header;
	struct vmbus_channel *chan = vmbus_find_channel(bus, msg->relid);
	u32 status = STATUS_INVALID;
	struct gpadl **link;

	if (!chan) {
		trace_bad("vmbus", "GPADL for relid", msg->relid);
		goto refuse;
	}
	if (!chan->dev) {		/* it crossed our rescind */
		status = STATUS_NO_SUCH_DEVICE;
		goto refuse;
	}
	link = vmbus_find_gpadl(bus, msg->gpadl);
	if (!msg->gpadl || *link) {
		trace_bad("vmbus", "handle of a new GPADL", msg->gpadl);
		goto refuse;
	}
	if (bus->gpadl_count == MAX_GPADLS) {
		trace_bad("vmbus", "GPADLs", MAX_GPADLS + 1);
		status = STATUS_NO_RESOURCES;
		goto refuse;
	}
	*link = gpadl_new(msg->gpadl, msg->relid, msg->list_len,
			  msg->range_count);
	if (!*link)
		goto refuse;
	bus->gpadl_count++;
	vmbus_feed_gpadl(bus, link, msg->list, m->len - sizeof(*msg));
	return;
refuse:
	vmbus_gpadl_created(bus, msg->relid, msg->gpadl, status);
}

static void vmbus_on_gpadl_body(struct vmbus *bus, const struct message *m)
{
	const struct msg_gpadl_body *msg = &m->gpadl_body;
	struct gpadl **link = vmbus_find_gpadl(bus, msg->gpadl);

	/* Whose header we refused, say: that was the answer */
	if (!*link) {
		trace_bad("vmbus", "body of GPADL", msg->gpadl);
		return;
	}
	/* A finished one is not to be lost for this */
	if ((*link)->complete) {
		trace_bad("vmbus", "body of complete GPADL", msg->gpadl);
		return;
	}
	vmbus_feed_gpadl(bus, link, msg->list, m->len - sizeof(*msg));
}

static void vmbus_on_gpadl_teardown(struct vmbus *bus, const struct message *m)
{
	const struct msg_gpadl_teardown *msg = &m->gpadl_teardown;
	struct vmbus_channel *chan = vmbus_find_channel(bus, msg->relid);
	struct gpadl **link = vmbus_find_gpadl(bus, msg->gpadl);
	struct msg_gpadl_torndown answer = { .gpadl = msg->gpadl };

	if (!*link || (*link)->relid != msg->relid) {
		trace_bad("vmbus", "teardown of GPADL", msg->gpadl);
		return;
	}
	if (chan && chan->gpadl == *link) {
		trace_bad("vmbus", "teardown of open rings", msg->gpadl);
		vmbus_stop(chan, CHANNEL_BROKEN, "host");
		link = vmbus_find_gpadl(bus, msg->gpadl);
	}
	vmbus_drop_gpadl(bus, link);
	trace_begin("gpadl_torndown");
	trace_num("gpadl", msg->gpadl);
	trace_end();
	vmbus_post(bus, MSG_GPADL_TORNDOWN, &answer, sizeof(answer));
}

static void vmbus_on_released(struct vmbus *bus, const struct message *m)
{
	u32 relid = m->relid.relid;
	struct vmbus_channel *chan = vmbus_find_channel(bus, relid);
	struct gpadl **link = &bus->gpadls;

	/* Linux still says it for every channel after UNLOAD */
	if (!bus->connected)
		return;
	if (!chan) {
		trace_bad("vmbus", "release of relid", relid);
		return;
	}
	if (chan->state != CHANNEL_CLOSED && chan->dev)
		trace_bad("vmbus", "release of open relid", relid);
	vmbus_stop(chan, CHANNEL_CLOSED, "guest");
	while (*link) {
		if ((*link)->relid == relid)
			vmbus_drop_gpadl(bus, link);
		else
			link = &(*link)->next;
	}
	vmbus_trace_channel("released", chan);
	trace_end();
	bus->by_relid[relid] = NULL;
	chan->relid = 0;
	if (chan->dev)
		chan->declined = true;
	else
		vmbus_free_channel(chan);
	vmbus_offer_all(bus);
}

static void vmbus_on_unload(struct vmbus *bus, const struct message *m)
{
	struct msg_head answer = { 0 };

	vmbus_disconnect(bus, "unload");
	trace_begin("unload");
	trace_num("vp", m->vp);
	trace_num("target_vp", bus->vp);
	trace_end();
	vmbus_post(bus, MSG_UNLOADED, &answer, sizeof(answer));
}

static void vmbus_on_modify(struct vmbus *bus, const struct message *m)
{
	const struct msg_modify *msg = &m->modify;
	struct vmbus_channel *chan = vmbus_find_channel(bus, msg->relid);
	struct msg_modified answer = {
		.relid = msg->relid, .status = STATUS_INVALID,
	};

	if (!chan || (chan->dev && chan->state == CHANNEL_CLOSED)) {
		trace_bad("vmbus", "modification of relid", msg->relid);
	} else if (msg->vp >= bus->config.cpus) {
		trace_bad("vmbus", "target vp", msg->vp);
	} else {
		chan->vp = msg->vp;
		vmbus_trace_channel("modify", chan);
		trace_num("vp", msg->vp);
		trace_end();
		answer.status = STATUS_OK;
	}
	if (bus->version >= VMBUS_VERSION(5, 3))
		vmbus_post(bus, MSG_MODIFIED, &answer, sizeof(answer));
}

static const struct {
	void (*fn)(struct vmbus *bus, const struct message *m);
	size_t len;			/* at least */
	bool early;			/* before contact too */
	u32 version;			/* from this one on */
} handlers[] = {
	[MSG_REQUEST_OFFERS] = {
		.fn = vmbus_on_request_offers,
		.len = sizeof(struct msg_head),
	},
	[MSG_OPEN] = {
		.fn = vmbus_on_open,
		.len = sizeof(struct msg_open),
	},
	[MSG_CLOSE] = {
		.fn = vmbus_on_close,
		.len = sizeof(struct msg_relid),
	},
	[MSG_GPADL_HEADER] = {
		.fn = vmbus_on_gpadl_header,
		.len = sizeof(struct msg_gpadl_header),
	},
	[MSG_GPADL_BODY] = {
		.fn = vmbus_on_gpadl_body,
		.len = sizeof(struct msg_gpadl_body),
	},
	[MSG_GPADL_TEARDOWN] = {
		.fn = vmbus_on_gpadl_teardown,
		.len = sizeof(struct msg_gpadl_teardown),
	},
	[MSG_RELEASED] = {
		.fn = vmbus_on_released,
		.len = sizeof(struct msg_relid),
		.early = true,
	},
	[MSG_CONTACT] = {
		.fn = vmbus_on_contact,
		.len = sizeof(struct msg_contact),
		.early = true,
	},
	[MSG_UNLOAD] = {
		.fn = vmbus_on_unload,
		.len = sizeof(struct msg_head),
	},
	[MSG_MODIFY] = {
		.fn = vmbus_on_modify,
		.len = sizeof(struct msg_modify),
		.version = VMBUS_VERSION(4, 1),
	},
};

/**
 * vmbus_hv_post() - The guest called HvPostMessage.
 * @bus:	VMBus
 * @vp:		The calling vCPU
 * @connection:	Connection id
 * @type:	Message type
 * @payload:	Message, in our memory
 * @len:	Bytes of it
 *
 * What the hypervisor would not deliver fails; what VMBus does not take from
 * it (traced) is dropped or answered with a failure, as on a real host.
 *
 * Return: HV_STATUS_*.
 */
u16 vmbus_hv_post(struct vmbus *bus, u32 vp, u32 connection, u32 type,
		  const void *payload, size_t len)
{
	struct message m = { .len = len, .vp = vp };

	/* Old hosts do not have the second: Linux then tries older versions */
	if (connection != VMBUS_CONN_MESSAGE &&
	    (connection != VMBUS_CONN_MESSAGE_4 ||
	     bus->config.max_version < VMBUS_VERSION(5, 0))) {
		trace_bad("vmbus", "post to connection", connection);
		return HV_STATUS_INVALID_CONNECTION_ID;
	}
	if (len > VMBUS_MAX_MESSAGE) {
		trace_bad("vmbus", "message of bytes", len);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (vp >= bus->config.cpus) {
		trace_bad("vmbus", "message of vp", vp);
		return HV_STATUS_INVALID_PARAMETER;
	}
	vmbus_poll(bus);
	if (type != VMBUS_MESSAGE_TYPE) {
		trace_bad("vmbus", "SynIC message type", type);
		return HV_STATUS_SUCCESS;
	}
	memcpy(m.bytes, payload, len);
	type = m.head.type;
	if (len < sizeof(struct msg_head) || type >= ARRAY_SIZE(handlers) ||
	    !handlers[type].fn) {
		trace_bad("vmbus", type == MSG_TL_CONNECT ?
			  "unsupported message, hv_sock's" :
			  "unsupported message", type);
		return HV_STATUS_SUCCESS;
	}
	if (len < handlers[type].len) {
		trace_bad("vmbus", "short message of type", type);
		return HV_STATUS_SUCCESS;
	}
	if (!handlers[type].early &&
	    (!bus->connected || bus->version < handlers[type].version)) {
		trace_bad("vmbus", bus->connected ?
			  "message too new for the contact" :
			  "message without contact", type);
		return HV_STATUS_SUCCESS;
	}
	handlers[type].fn(bus, &m);
	if (hostile_on && handlers[type].len > sizeof(struct msg_head))
		vmbus_vanish(vmbus_find_channel(bus, m.relid.relid));
	return HV_STATUS_SUCCESS;
}

/* Send what a hostile host kept back; without room it is kept on. */
static void vmbus_send_late(struct vmbus_channel *chan)
{
	struct late_packet *late = chan->late;
	bool signal = false;
	int ret;

	if (!late || chan->state != CHANNEL_OPEN)
		return;
	ret = ring_write(&chan->down, &late->desc, late->payload,
			 (u32)late->len, &signal);
	if (ret == -EAGAIN)
		return;
	if (ret == -EPROTO) {
		vmbus_stop(chan, CHANNEL_BROKEN, "host");
		return;
	}
	chan->late = NULL;
	free(late);
	if (signal)
		vmbus_interrupt_guest(chan);
}

/* Take what the guest has sent, up to a batch, and see whether it reads. */
static void vmbus_serve(struct vmbus_channel *chan)
{
	struct ring_packet pkt;
	bool signal = false;
	u64 bytes = 0;
	int ret, i;

	if (chan->state != CHANNEL_OPEN)
		return;
	chan->more = true;
	ring_mask(&chan->up, true);
	for (i = 0; i < BATCH && bytes < BATCH_BYTES; i++) {
		ret = ring_read(&chan->up, chan->buf, &pkt, &signal);
		if (ret < 0) {
			vmbus_stop(chan, CHANNEL_BROKEN, "host");
			return;
		}
		if (!ret) {
			/* The guest signals from here on, so look again */
			ring_mask(&chan->up, false);
			chan->more = ring_readable(&chan->up);
			if (!chan->more)
				break;
			ring_mask(&chan->up, true);
			continue;
		}
		bytes += pkt.desc.len8 * 8;
		if (vmbus_vanish(chan))
			return;
		if (chan->dev->packet)
			chan->dev->packet(chan->dev, pkt.desc.type,
					  pkt.desc.flags, pkt.desc.transaction,
					  pkt.payload, pkt.len);
		if (chan->state != CHANNEL_OPEN || vmbus_vanish(chan))
			return;
	}
	if (chan->more) {
		chan->bus->more = true;
		ring_mask(&chan->up, false);
	}
	if (signal)
		vmbus_interrupt_guest(chan);
	if (ring_room(&chan->down) && chan->dev->room)
		chan->dev->room(chan->dev);
}

/* Guests before version 5 may set a bit per channel in a shared page. */
static void vmbus_serve_interrupt_page(struct vmbus *bus)
{
	u64 *flags, bits;
	u32 i, bit;

	/* The second half of the page is ours to read */
	flags = mem_at(bus->mem, bus->interrupt_page + HV_PAGE_SIZE / 2,
		       HV_PAGE_SIZE / 2);
	if (!flags)
		return;
	for (i = 0; i < MAX_RELIDS / 64; i++) {
		bits = __atomic_exchange_n(&flags[i], 0, __ATOMIC_SEQ_CST);
		for (bit = 0; bits >> bit; bit++) {
			if (bits >> bit & 1 && bus->by_relid[i * 64 + bit])
				vmbus_serve(bus->by_relid[i * 64 + bit]);
			if (bit == 63)
				break;
		}
	}
}

/**
 * vmbus_hv_signal() - The guest called HvSignalEvent.
 * @bus:	VMBus
 * @connection:	Connection id
 * @flag:	Event flag
 *
 * Return: HV_STATUS_*.
 */
u16 vmbus_hv_signal(struct vmbus *bus, u32 connection, u16 flag)
{
	struct vmbus_channel *chan;

	vmbus_poll(bus);
	if (connection == VMBUS_CONN_EVENT && bus->connected) {
		if (bus->interrupt_page)
			vmbus_serve_interrupt_page(bus);
		return HV_STATUS_SUCCESS;
	}
	/* Wraps below the first connection, and then is no relid */
	chan = vmbus_find_channel(bus, connection - VMBUS_CONN_CHANNEL);
	if (!chan) {
		trace_bad("vmbus", "signal of connection", connection);
		return HV_STATUS_INVALID_CONNECTION_ID;
	}
	if (flag) {
		trace_bad("vmbus", "event flag", flag);
		return HV_STATUS_INVALID_PARAMETER;
	}
	vmbus_serve(chan);
	return HV_STATUS_SUCCESS;
}

/* A hostile host sends what it kept back. */
static void vmbus_poll_lies(struct vmbus *bus)
{
	u32 i;

	if (bus->late_waits)
		vmbus_post_now(bus, bus->late, bus->late_len);
	bus->late_waits = false;
	for (i = 1; i < MAX_RELIDS; i++)
		if (bus->by_relid[i])
			vmbus_send_late(bus->by_relid[i]);
}

/**
 * vmbus_poll() - Serve channels that had more than a batch of packets.
 * @bus:	VMBus
 *
 * Happens with every message and signal too; call it now and then for a
 * guest that sends without them.
 */
void vmbus_poll(struct vmbus *bus)
{
	u32 i;

	if (hostile_on)
		vmbus_poll_lies(bus);
	if (!bus->more)
		return;
	bus->more = false;
	for (i = 1; i < MAX_RELIDS; i++)
		if (bus->by_relid[i] && bus->by_relid[i]->more)
			vmbus_serve(bus->by_relid[i]);
}

/*
 * A hostile host writes that, something else, twice, later, or nothing. Return: as
 * ring_write(), of what an honest host would have written.
 */
static int vmbus_write_lies(struct vmbus_channel *chan,
			    const struct ring_desc *honest, const void *payload,
			    size_t len, bool *signal)
{
	u8 buf[LIES_MAX_PACKET] = { 0 };
	struct ring_desc desc = {
		.type = hostile_u16(HOSTILE_PACKET_TYPE, honest->type),
		.flags = hostile_u16(HOSTILE_PACKET_FLAGS, honest->flags),
		.transaction = hostile_u64(HOSTILE_PACKET_TRANSACTION,
					   honest->transaction),
	};
	int ret, more = 0;

	if (len > sizeof(buf) / 2)
		return ring_write(&chan->down, honest, payload, (u32)len,
				  signal);
	memcpy(buf, payload, len);
	hostile_bytes(HOSTILE_PACKET_BYTES, buf, len);
	len = hostile_below(HOSTILE_PACKET_SIZE, (u32)len, (u32)len + 64);
	if (hostile_event(HOSTILE_PACKET_DROP))
		return 0;
	if (!chan->late && hostile_event(HOSTILE_PACKET_LATE)) {
		chan->late = malloc(sizeof(*chan->late));
		if (!chan->late)
			return say_host_failed(-ENOMEM, "VMBus packet");
		chan->late->desc = desc;
		chan->late->len = len;
		memcpy(chan->late->payload, buf, len);
		return 0;
	}
	ret = ring_write(&chan->down, &desc, buf, (u32)len, signal);
	if (!ret && hostile_event(HOSTILE_PACKET_TWICE))
		more = ring_write(&chan->down, &desc, buf, (u32)len, signal);
	if (!ret && hostile_event(HOSTILE_PACKET_EXTRA)) {
		desc.type = RING_PKT_COMPLETION;
		desc.transaction = hostile_draw(HOSTILE_PACKET_EXTRA, 2) ?
			hostile_draw(HOSTILE_PACKET_EXTRA, ~0ull) :
			desc.transaction +
			hostile_draw(HOSTILE_PACKET_EXTRA, 3) - 1;
		more = ring_write(&chan->down, &desc, buf, (u32)len, signal);
	}
	return more == -EPROTO ? more : ret;
}

/**
 * vmbus_send() - Send a packet to the guest.
 * @chan:		From the device's opened()
 * @type:		Packet type, RING_PKT_*
 * @flags:		RING_COMPLETION_REQUESTED or 0
 * @transaction:	Whatever the guest is to see
 * @payload:		Copied
 * @len:		Bytes
 *
 * Return: 0, -EAGAIN when the ring is full (the device's room() is called
 * when the guest has read enough), -EMSGSIZE if it never fits, -ENODEV when
 * the channel is not open, -EIO if the guest lies: it is not open any more.
 */
int vmbus_send(struct vmbus_channel *chan, u16 type, u16 flags, u64 transaction,
	       const void *payload, size_t len)
{
	struct ring_desc desc = {
		.type = type, .flags = flags, .transaction = transaction,
	};
	bool signal = false;
	int ret;

	if (chan->state != CHANNEL_OPEN)
		return -ENODEV;
	if (len > 0xffffffffu)
		return -EMSGSIZE;
	if (hostile_on)
		ret = vmbus_write_lies(chan, &desc, payload, len, &signal);
	else
		ret = ring_write(&chan->down, &desc, payload, (u32)len,
				 &signal);
	if (ret == -EPROTO) {
		vmbus_stop(chan, CHANNEL_BROKEN, "host");
		return -EIO;
	}
	if (signal)
		vmbus_interrupt_guest(chan);
	return ret;
}

/**
 * vmbus_add_device() - Have a device offered.
 * @bus:	VMBus
 * @dev:	It; must live until it is rescinded or @bus is freed
 *
 * The offer is made when the guest has asked for offers; if a rescinded one
 * of the same type and instance is still with the guest, when that has been
 * released. An isolated VM is offered nothing but what has in_isolated. Offers
 * are in the order of interface GUIDs, then of instance GUIDs, as OpenVMM's are,
 * unless offer_as_added is set.
 *
 * Return: 0, -EEXIST if it or its instance is there already, -ENOMEM.
 */
int vmbus_add_device(struct vmbus *bus, struct vmbus_device *dev)
{
	struct vmbus_channel *chan, **link;

	for (chan = bus->channels; chan; chan = chan->next)
		if (chan->dev && guid_equal(&chan->instance, &dev->instance) &&
		    guid_equal(&chan->type, &dev->type))
			return -EEXIST;
	chan = calloc(1, sizeof(*chan));
	if (!chan)
		return say_host_failed(-ENOMEM, "VMBus channel");
	chan->bus = bus;
	chan->dev = dev;
	chan->type = dev->type;
	chan->instance = dev->instance;
	link = &bus->channels;
	while (*link && (bus->config.offer_as_added ||
			 vmbus_offered_before(*link, dev)))
		link = &(*link)->next;
	chan->next = *link;
	*link = chan;
	vmbus_offer(chan);
	return 0;
}

/**
 * vmbus_rescind() - Take a device away.
 * @bus:	VMBus
 * @dev:	It; closed() is called if it is open, and nothing after that
 *
 * Return: 0, -ENOENT if it is not there.
 */
int vmbus_rescind(struct vmbus *bus, struct vmbus_device *dev)
{
	struct vmbus_channel *chan = bus->channels;
	struct msg_relid msg = { 0 };

	while (chan && chan->dev != dev)
		chan = chan->next;
	if (!chan)
		return -ENOENT;
	vmbus_trace_channel("rescind", chan);
	trace_end();
	vmbus_stop(chan, CHANNEL_CLOSED, "rescind");
	chan->dev = NULL;
	if (!chan->relid) {
		vmbus_free_channel(chan);
		return 0;
	}
	msg.relid = chan->relid;
	vmbus_post(bus, MSG_RESCIND, &msg, sizeof(msg));
	return 0;
}

/**
 * vmbus_new() - Make a VMBus without devices or contact.
 * @config:	Copied
 * @mem:	The guest's RAM
 * @ops:	The hypervisor below
 * @opaque:	For @ops
 *
 * Return: it, or NULL without memory.
 */
struct vmbus *vmbus_new(const struct vmbus_config *config, struct mem *mem,
			const struct vmbus_ops *ops, void *opaque)
{
	struct vmbus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return NULL;
	bus->config = *config;
	bus->mem = mem;
	bus->ops = ops;
	bus->opaque = opaque;
	bus->sint = VMBUS_MESSAGE_SINT;
	return bus;
}

/**
 * vmbus_free() - End it; devices that are open see their closed().
 * @bus:	VMBus, or NULL
 */
void vmbus_free(struct vmbus *bus)
{
	if (!bus)
		return;
	vmbus_disconnect(bus, "end");
	while (bus->channels)
		vmbus_free_channel(bus->channels);
	free(bus);
}
