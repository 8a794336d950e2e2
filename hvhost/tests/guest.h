/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's end of VMBus, small and trusting, written apart from ../ring.c:
 * for tests, and for the fuzzer to get deep. Needs mock.h.
 */
#ifndef HVHOST_TESTS_GUEST_H
#define HVHOST_TESTS_GUEST_H

#include "hv/ring.h"
#include "hv/vmbus.h"
#include "hv/vmbus_proto.h"
#include "mock.h"

#define GUEST_CPUS	4

/* What the host sent, oldest first */
struct guest_message {
	u32 vp, sint, type;
	size_t len;
	union {
		struct msg_head head;
		struct msg_relid relid;
		struct msg_offer offer;
		struct msg_open_result open_result;
		struct msg_gpadl_created created;
		struct msg_gpadl_torndown torndown;
		struct msg_version version;
		struct msg_modified modified;
		u8 bytes[VMBUS_MAX_MESSAGE];
	};
};

struct guest {
	struct vmbus *bus;
	struct guest_message queue[64];
	u32 head, tail;
	int post_error;			/* for the host's posts to fail */
	u32 signals, signal_vp, signal_flag;
};

static int guest_post_op(void *opaque, u32 vp, u32 sint, u32 type,
			 const void *payload, size_t len)
{
	struct guest *g = opaque;
	struct guest_message *m = &g->queue[g->tail % 64];

	if (g->post_error)
		return g->post_error;
	if (g->tail - g->head == 64)
		return -28;
	if (vp >= GUEST_CPUS || sint > 15 || len > VMBUS_MAX_MESSAGE)
		abort();
	memset(m, 0, sizeof(*m));
	m->vp = vp;
	m->sint = sint;
	m->type = type;
	m->len = len;
	memcpy(m->bytes, payload, len);
	g->tail++;
	return 0;
}

static int guest_signal_op(void *opaque, u32 vp, u32 sint, u32 flag)
{
	struct guest *g = opaque;

	if (vp >= GUEST_CPUS || sint != VMBUS_MESSAGE_SINT || flag >= 2048)
		abort();
	g->signals++;
	g->signal_vp = vp;
	g->signal_flag = flag;
	return 0;
}

static const struct vmbus_ops guest_ops = {
	.post = guest_post_op,
	.signal = guest_signal_op,
};

/* The next message of the host's, or NULL */
static inline struct guest_message *guest_next(struct guest *g)
{
	return g->head == g->tail ? NULL : &g->queue[g->head++ % 64];
}

static inline u16 guest_say(struct guest *g, u32 type, void *msg, size_t len)
{
	struct msg_head *head = msg;

	head->type = type;
	return vmbus_hv_post(g->bus, 1, 4, VMBUS_MESSAGE_TYPE, msg, len);
}

static inline u16 guest_contact(struct guest *g, u32 version, u32 vp)
{
	struct msg_contact msg = { .version = version, .vp = vp };

	if (version >= VMBUS_VERSION(5, 0))
		msg.sint = VMBUS_MESSAGE_SINT;
	return guest_say(g, MSG_CONTACT, &msg, sizeof(msg));
}

static inline u16 guest_simple(struct guest *g, u32 type)
{
	struct msg_head msg = { 0 };

	return guest_say(g, type, &msg, sizeof(msg));
}

static inline u16 guest_relid(struct guest *g, u32 type, u32 relid)
{
	struct msg_relid msg = { .relid = relid };

	return guest_say(g, type, &msg, sizeof(msg));
}

static inline u16 guest_open(struct guest *g, u32 relid, u32 gpadl, u32 vp,
			     u32 down_page)
{
	struct msg_open msg = {
		.relid = relid, .open_id = 0x77, .gpadl = gpadl, .vp = vp,
		.down_page = down_page,
	};

	return guest_say(g, MSG_OPEN, &msg, sizeof(msg));
}

static inline u16 guest_modify(struct guest *g, u32 relid, u32 vp)
{
	struct msg_modify msg = { .relid = relid, .vp = vp };

	return guest_say(g, MSG_MODIFY, &msg, sizeof(msg));
}

static inline u16 guest_teardown(struct guest *g, u32 relid, u32 gpadl)
{
	struct msg_gpadl_teardown msg = { .relid = relid, .gpadl = gpadl };

	return guest_say(g, MSG_GPADL_TEARDOWN, &msg, sizeof(msg));
}

/* One range of whole pages, as many messages as it takes */
static inline void guest_gpadl(struct guest *g, u32 relid, u32 gpadl,
			       const u64 *pfn, u32 count)
{
	struct {
		union {
			struct msg_gpadl_header h;
			u8 bytes[VMBUS_MAX_MESSAGE];
		};
	} m = { .h = {
		.relid = relid, .gpadl = gpadl, .range_count = 1,
		.list_len = (u16)(8 + count * 8),
	} };
	u32 range[2] = { count * HV_PAGE_SIZE, 0 };
	u32 n = count < 26 ? count : 26, done;

	memcpy(m.h.list, range, 8);
	memcpy(m.h.list + 8, pfn, n * 8);
	guest_say(g, MSG_GPADL_HEADER, &m, sizeof(m.h) + 8 + n * 8);
	for (done = n; done < count; done += n) {
		struct msg_gpadl_body b = { .gpadl = gpadl };

		n = count - done < 28 ? count - done : 28;
		memset(&m, 0, sizeof(m));
		memcpy(&m, &b, sizeof(b));
		memcpy(m.bytes + sizeof(b), pfn + done, n * 8);
		guest_say(g, MSG_GPADL_BODY, &m, sizeof(b) + n * 8);
	}
}

/* A ring from the guest's side: its pages' numbers */
struct guest_ring {
	const u64 *pfn;
	u32 size;
};

static inline u32 *guest_field(const struct guest_ring *r, u32 offset)
{
	return mem_at(&mock_mem, r->pfn[0] * HV_PAGE_SIZE + offset, 4);
}

static inline u8 *guest_byte(const struct guest_ring *r, u32 at)
{
	at %= r->size;
	return mem_at(&mock_mem, r->pfn[1 + at / HV_PAGE_SIZE] * HV_PAGE_SIZE +
		      at % HV_PAGE_SIZE, 1);
}

static inline void guest_put(const struct guest_ring *r, const void *data,
			     u32 len)
{
	u32 *write = guest_field(r, RING_WRITE_INDEX), i;

	for (i = 0; i < len; i++)
		*guest_byte(r, *write + i) = ((const u8 *)data)[i];
	*write = (*write + len) % r->size;
}

/* Write a packet; its payload is padded to 8 bytes */
static inline void guest_write(const struct guest_ring *r, u16 type,
			       u64 transaction, const void *data, u32 len)
{
	u64 trailer = (u64)*guest_field(r, RING_WRITE_INDEX) << 32, zero = 0;
	struct ring_desc d = {
		.type = type, .offset8 = 2, .len8 = (u16)(2 + (len + 7) / 8),
		.transaction = transaction,
	};

	guest_put(r, &d, sizeof(d));
	guest_put(r, data, len);
	guest_put(r, &zero, (8 - len % 8) % 8);
	guest_put(r, &trailer, 8);
}

/* Read a packet: its payload's length, padding included; -1: none */
static inline int guest_read(const struct guest_ring *r, struct ring_desc *d,
			     void *data, u32 max)
{
	u32 *read = guest_field(r, RING_READ_INDEX), i, len;

	if (*read == *guest_field(r, RING_WRITE_INDEX))
		return -1;
	for (i = 0; i < sizeof(*d); i++)
		((u8 *)d)[i] = *guest_byte(r, *read + i);
	len = d->len8 * 8u - d->offset8 * 8u;
	for (i = 0; i < len && i < max; i++)
		((u8 *)data)[i] = *guest_byte(r, *read + d->offset8 * 8u + i);
	*read = (*read + d->len8 * 8u + RING_TRAILER) % r->size;
	return (int)len;
}

#endif
