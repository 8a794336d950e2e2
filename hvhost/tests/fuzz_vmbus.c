// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz VMBus, from the guest's end. The input is a list of steps: each is a
 * byte of what to do, and bytes of how. Most steps do what a guest would, so
 * that channels get opened and services answered; the others lie: messages of
 * any bytes, ring indices, descriptors and RAM of any content. A device that
 * rescinds itself, sends and is added again comes along with the services.
 */
#include <errno.h>

#include "fuzz.h"
#include "guest.h"
#include "hv/ics.h"

#define CHANNELS	4	/* relids that steps speak of: 1 to 4 */

/* Pages that steps use: few, to be cleared quickly before each input */
#define USED_START	0xd0000u
#define USED_SIZE	0x30000u

struct world {
	struct guest g;
	struct heartbeat hb;
	struct shutdown sd;
	struct vmbus_device dev;
	struct vmbus_channel *chan;
	bool added;
	u32 flood;		/* packets that come while one is handled */
	u8 mood;		/* what the device does with a packet */
};

/* Each relid has ring pages of its own, six, in a strange order */
static u64 pfn[CHANNELS][6];

static struct guest_ring ring(u32 relid, bool down)
{
	return (struct guest_ring) {
		pfn[relid % CHANNELS] + (down ? 3 : 0), 2 * HV_PAGE_SIZE
	};
}

/* guest.h's helpers trust indices, so bring them back into range */
static void mend(const struct guest_ring *r)
{
	*guest_field(r, RING_WRITE_INDEX) %= r->size;
	*guest_field(r, RING_READ_INDEX) %= r->size;
}

static void dev_opened(struct vmbus_device *dev, struct vmbus_channel *chan)
{
	struct world *w = dev->opaque;

	if (w->chan)
		abort();		/* opened twice */
	w->chan = chan;
	if (w->mood == 3) {
		w->added = false;
		vmbus_rescind(w->g.bus, dev);
	}
}

static void dev_closed(struct vmbus_device *dev)
{
	struct world *w = dev->opaque;

	if (!w->chan)
		abort();
	w->chan = NULL;
}

static void dev_packet(struct vmbus_device *dev, u16 type, u16 flags,
		       u64 transaction, const u8 *payload, size_t len)
{
	struct world *w = dev->opaque;
	u32 sum = 0;
	size_t i;

	if (!w->chan)
		abort();		/* a packet for a closed channel */
	switch (w->mood) {
	case 0:
		vmbus_send(w->chan, type, flags, transaction, payload, len);
		break;
	case 1:
		w->added = false;
		vmbus_rescind(w->g.bus, dev);
		break;
	case 2:
		w->mood = 0;
		vmbus_rescind(w->g.bus, dev);
		vmbus_add_device(w->g.bus, dev);
		break;
	}
	if (w->flood) {
		struct guest_ring r = ring(3, false);

		w->flood--;
		mend(&r);
		guest_write(&r, 6, 0, "flood", 5);
	}
	for (i = 0; i < len; i++)
		sum += payload[i];
	w->mood ^= (sum & 0x80) >> 7;
}

static void dev_room(struct vmbus_device *dev)
{
	struct world *w = dev->opaque;

	if (!w->chan)
		abort();
	vmbus_send(w->chan, 6, 0, 0, "room", 4);
}

static void kick(struct world *w, u32 relid)
{
	vmbus_hv_signal(w->g.bus, VMBUS_CONN_CHANNEL + relid, 0);
}

static void fresh_rings(u32 relid)
{
	int i;

	for (i = 0; i < 6; i++)
		memset(mem_at(&mock_mem, pfn[relid % CHANNELS][i] *
			      HV_PAGE_SIZE, HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
}

static void contact(struct world *w, struct input *in)
{
	static const u32 versions[] = {
		VMBUS_VERSION(6, 0), VMBUS_VERSION(5, 3), VMBUS_VERSION(5, 2),
		VMBUS_VERSION(4, 1), VMBUS_VERSION(4, 0), VMBUS_VERSION(2, 4),
		VMBUS_VERSION(1, 1),
	};
	u32 how = (u32)take(in, 1);
	struct msg_contact msg = {
		.version = versions[how % ARRAY_SIZE(versions)],
		.vp = how >> 4 & 3,
	};

	if (msg.version < VMBUS_VERSION(5, 0))
		msg.interrupt_page = how & 0x80 ? MOCK_LOW_GPA : 0;
	else
		msg.sint = VMBUS_MESSAGE_SINT;
	guest_say(&w->g, MSG_CONTACT, &msg, sizeof(msg));
}

/* A message of any bytes; the type and connection are near right */
static void any_message(struct world *w, struct input *in)
{
	u8 msg[VMBUS_MAX_MESSAGE + 8] = { 0 };
	u32 len = (u32)take(in, 1), i;
	u32 connection = (u32)take(in, 1);

	len %= sizeof(msg);
	for (i = 0; i < len; i++)
		msg[i] = (u8)take(in, 1);
	if (len >= 8 && !(connection & 0x40)) {
		memset(msg + 1, 0, 7);
		msg[0] %= 27;
	}
	connection = connection & 0x80 ? connection : connection & 1 ? 1 : 4;
	vmbus_hv_post(w->g.bus, connection >> 1 & 7, connection,
		      connection & 0x20 ? 0 : 1, msg, len);
}

static void any_gpadl(struct world *w, struct input *in)
{
	u32 relid = (u32)take(in, 1) % (CHANNELS + 2);
	u32 id = 0x10 + (u32)take(in, 1) % 8, count = (u32)take(in, 2) % 100;
	u64 list[100];
	u32 i;

	for (i = 0; i < count; i++)
		list[i] = (MOCK_LOW_GPA + USED_START) / HV_PAGE_SIZE +
			  take(in, 1) % (USED_SIZE / HV_PAGE_SIZE);
	if (count && !(take(in, 1) % 8))
		list[count - 1] = take(in, 8);
	guest_gpadl(&w->g, relid, id, list, count);
	if (take(in, 1) & 1)
		guest_teardown(&w->g, relid, id);
}

/* A header whose list says what it likes, near the truth */
static void lying_gpadl(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1), len = how % 24 * 8, i;
	struct {
		struct msg_head head;
		u32 relid, gpadl;
		u16 list_len, range_count;
		u64 list[24];
	} __packed m = {
		.relid = how % 3 + 1, .gpadl = 0x10 + how % 8,
		.list_len = (u16)(len + (how & 0x20 ? take(in, 2) : 0)),
		.range_count = how & 0x40 ? (u16)take(in, 1) : 1,
	};

	for (i = 0; i < len / 8; i++) {
		u64 v = take(in, 2);

		if (!(v & 0xff8))	/* anything */
			v = take(in, 8);
		else if (v & 3)		/* a page's number */
			v = (MOCK_LOW_GPA + USED_START) / HV_PAGE_SIZE +
			    v % (USED_SIZE / HV_PAGE_SIZE);
		else if (v & 4)		/* a range of pages, from its start */
			v = (v >> 3) * HV_PAGE_SIZE;
		else			/* a range of its own ideas */
			v = take(in, 2) << 32 | v >> 3;
		m.list[i] = v;
	}
	guest_say(&w->g, MSG_GPADL_HEADER, &m, sizeof(m) - sizeof(m.list) +
		  (how & 0x80 ? take(in, 1) % sizeof(m.list) : len));
}

static void open_channel(struct world *w, struct input *in)
{
	u32 relid = (u32)take(in, 1);

	/* Handles beside those of any_gpadl() */
	if (relid & 0x40)
		fresh_rings(relid);
	relid = relid % CHANNELS + 1;
	guest_gpadl(&w->g, relid, 0x100 + relid, pfn[relid % CHANNELS], 6);
	guest_open(&w->g, relid, 0x100 + relid, relid % GUEST_CPUS, 3);
}

static void close_channel(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1), relid = how % CHANNELS + 1;

	if (!(how & 0x20))
		guest_relid(&w->g, MSG_CLOSE, relid);
	if (how & 0x40)
		guest_teardown(&w->g, relid, 0x100 + relid);
	if (how & 0x80)
		guest_relid(&w->g, MSG_RELEASED, relid);
}

/* A packet as it should be, of any payload */
static void good_packet(struct world *w, struct input *in)
{
	u32 relid = (u32)take(in, 1) % CHANNELS + 1;
	struct guest_ring r = ring(relid, false);
	u8 data[256] = { 0 };
	u32 len = (u32)take(in, 1), i;
	u16 type = (u16)(take(in, 1) % 16);

	for (i = 0; i < len % 64 && in->len; i++)
		data[i] = (u8)take(in, 1);
	mend(&r);
	guest_write(&r, type, len, data, len);
	if (!(len & 1))
		kick(w, relid);
}

/* What a service asked, answered as Linux does it, or nearly */
static void answer(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1), relid = how % 2 + 1;
	struct guest_ring in_ring = ring(relid, true);
	struct guest_ring out = ring(relid, false);
	struct {
		struct ic_head head;
		u8 data[4096];
	} __packed m;
	struct ring_desc d;
	u16 words[4] = { 1, 1, 0, 0 };
	struct ic_version chosen[2] = { { 3, 0 }, { 3, 0 } };
	u64 sequence;
	int len;

	memset(&m, 0, sizeof(m));
	mend(&in_ring);
	mend(&out);
	len = guest_read(&in_ring, &d, &m, sizeof(m));
	if (len < (int)sizeof(m.head))
		return;
	if (len > (int)sizeof(m))
		len = sizeof(m);
	m.head.flags = 5;
	if (m.head.type == IC_NEGOTIATE) {
		memcpy(m.data, words, sizeof(words));
		memcpy(m.data + 8, chosen, sizeof(chosen));
	} else if (m.head.type == IC_HEARTBEAT) {
		memcpy(&sequence, m.data, 8);
		sequence++;
		memcpy(m.data, &sequence, 8);
	}
	if (how & 0x80)
		((u8 *)&m)[take(in, 1) % 96] = (u8)take(in, 1);
	if (how & 0x40)
		len = (int)(take(in, 1) % (u32)len);
	guest_write(&out, 6, d.transaction, &m, (u32)len);
	kick(w, relid);
}

/* Write any bytes to a ring's head, or somewhere into RAM */
static void scribble(struct input *in)
{
	u32 relid = (u32)take(in, 1);
	struct guest_ring r = ring(relid, relid & 0x10);
	static const u32 fields[] = {
		RING_WRITE_INDEX, RING_READ_INDEX, RING_INTERRUPT_MASK,
		RING_PENDING_SEND_SZ, RING_FEATURES,
	};
	u32 at, i;

	switch (relid >> 6) {
	case 0:
		*guest_field(&r, fields[take(in, 1) % 5]) = (u32)take(in, 4);
		break;
	case 1:
		*guest_field(&r, fields[take(in, 1) % 2]) =
			(u32)take(in, 2) * 8 % r.size;
		break;
	case 2:		/* a descriptor, or what will be one */
		at = *guest_field(&r, relid & 0x20 ? RING_WRITE_INDEX :
						     RING_READ_INDEX);
		for (i = 0; i < 8; i++)
			*guest_byte(&r, at + i) = (u8)take(in, 1);
		break;
	case 3:
		at = (u32)take(in, 3) % (USED_SIZE + HV_PAGE_SIZE);
		if (at >= USED_SIZE)	/* the interrupt page */
			mock_ram[at - USED_SIZE] = (u8)take(in, 1);
		else
			mock_ram[USED_START + at] = (u8)take(in, 1);
		break;
	}
}

static void device(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1);

	w->mood = how >> 4 & 3;
	/* More than one batch now and then */
	if (how & 4)
		w->flood = (u32)take(in, 1) << (how & 8 ? 5 : 0);
	if (how & 1 && w->added) {
		w->added = false;
		vmbus_rescind(w->g.bus, &w->dev);
		return;
	}
	if (!w->added)
		w->added = !vmbus_add_device(w->g.bus, &w->dev);
	if (w->chan)
		vmbus_send(w->chan, 6, 1, how, mock_ram,
			   take(in, 2) % USED_SIZE);
}

static void step(struct world *w, struct input *in)
{
	struct guest *g = &w->g;
	u32 n;

	switch (take(in, 1) % 19) {
	case 0:
		contact(w, in);
		break;
	case 1:
		guest_simple(g, MSG_REQUEST_OFFERS);
		break;
	case 2:
		any_message(w, in);
		break;
	case 3:
		any_gpadl(w, in);
		break;
	case 4:
	case 5:
		open_channel(w, in);
		break;
	case 6:
		close_channel(w, in);
		break;
	case 7:
	case 8:
		good_packet(w, in);
		break;
	case 9:
	case 10:
		answer(w, in);
		break;
	case 11:
		scribble(in);
		break;
	case 12:
		n = (u32)take(in, 1);
		if (n < 0x40)
			kick(w, n % (CHANNELS + 2));
		else
			vmbus_hv_signal(g->bus, n & 1 ? 2 : (u32)take(in, 4),
					n >> 7);
		break;
	case 13:
		heartbeat_tick(&w->hb);
		break;
	case 14:
		shutdown_request(&w->sd, take(in, 1) & 1);
		break;
	case 15:
		device(w, in);
		break;
	case 16:
		n = (u32)take(in, 1);
		guest_modify(g, n % (CHANNELS + 2), n >> 4);
		break;
	case 17:
		n = (u32)take(in, 1);
		if (n < 0x20)
			guest_simple(g, MSG_UNLOAD);
		else if (n < 0x40)
			guest_open(g, n % 5, 0x10 + (u32)take(in, 1) % 8, 0,
				   (u32)take(in, 1));
		else
			g->post_error = n & 1 ? -ENOSPC : 0;
		break;
	case 18:
		lying_gpadl(w, in);
		break;
	}
	/* The guest reads its messages at once */
	g->head = g->tail;
}

/**
 * LLVMFuzzerTestOneInput() - Run one input, from a new VMBus.
 * @data:	It
 * @len:	Its bytes
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct input in = { data, len };
	u32 first = (u32)take(&in, 1), i, j;
	const struct vmbus_config config = {
		.max_version = first & 2 ? VMBUS_VERSION(4, 1) :
					   VMBUS_VERSION(6, 0),
		.cpus = GUEST_CPUS, .isolated = first & 1,
	};
	static struct world w;

	if (!mock_ram) {
		mock_ram_new();
		for (i = 0; i < CHANNELS; i++)
			for (j = 0; j < 6; j++)
				pfn[i][j] = 0x1f8 - i * 8 - (j * 5) % 7;
	}
	memset(mock_ram, 0, HV_PAGE_SIZE);
	memset(mock_ram + USED_START, 0, USED_SIZE);
	memset(&w, 0, sizeof(w));
	w.g.bus = vmbus_new(&config, &mock_mem, &guest_ops, &w.g);
	w.dev = (struct vmbus_device) {
		.name = "device", .type = { { 1 } }, .in_isolated = true,
		.opened = dev_opened, .closed = dev_closed,
		.packet = dev_packet, .room = dev_room, .opaque = &w,
	};
	if (!w.g.bus || heartbeat_add(&w.hb, w.g.bus) ||
	    shutdown_add(&w.sd, w.g.bus) ||
	    vmbus_add_device(w.g.bus, &w.dev))
		abort();
	w.added = true;
	/* Most inputs are to begin where it gets interesting */
	if (first & 0xf0) {
		guest_contact(&w.g, config.max_version, 0);
		guest_simple(&w.g, MSG_REQUEST_OFFERS);
		w.g.head = w.g.tail;
	}
	while (in.len)
		step(&w, &in);
	vmbus_free(w.g.bus);
	if (w.chan || w.hb.ic.chan || w.sd.ic.chan)
		abort();
	mock_reset();
	return 0;
}
