// SPDX-License-Identifier: GPL-2.0-only
/*
 * One ring buffer in guest pages. Indices are bytes from the start of the
 * data; equal ones mean empty, so a ring is never filled to its last byte.
 */
#include <errno.h>
#include <string.h>

#include "core/hostile.h"
#include "core/trace.h"
#include "hv/ring.h"

static u32 *ring_field(const struct ring *r, u32 offset)
{
	return (u32 *)(void *)(r->head + offset);
}

static void ring_set(const struct ring *r, u32 offset, u32 value)
{
	__atomic_store_n(ring_field(r, offset), value, __ATOMIC_RELEASE);
}

static u32 ring_get(const struct ring *r, u32 offset)
{
	return __atomic_load_n(ring_field(r, offset), __ATOMIC_ACQUIRE);
}

static u32 ring_advance(const struct ring *r, u32 index, u32 bytes)
{
	u32 left = r->size - index;

	return bytes < left ? index + bytes : bytes - left;
}

/* Bytes from one index up to another; 0 when they are equal */
static u32 ring_distance(const struct ring *r, u32 from, u32 to)
{
	return to >= from ? to - from : r->size - from + to;
}

/* What the writer may fill; the last byte of it must stay free */
static u32 ring_space(const struct ring *r, u32 read, u32 write)
{
	return r->size - ring_distance(r, read, write);
}

static bool ring_index_ok(const struct ring *r, u32 index)
{
	return index < r->size && !(index % 8);
}

/* Copy across pages and around the end; @index and @len are in range. */
static void ring_copy(const struct ring *r, u32 index, void *buf, u32 len,
		      bool to_ring)
{
	u8 *p = buf;

	while (len) {
		u32 in_page = index % HV_PAGE_SIZE;
		u32 n = HV_PAGE_SIZE - in_page < len ?
			HV_PAGE_SIZE - in_page : len;
		u8 *at = r->data[index / HV_PAGE_SIZE] + in_page;

		if (to_ring)
			memcpy(at, p, n);
		else
			memcpy(p, at, n);
		p += n;
		len -= n;
		index = ring_advance(r, index, n);
	}
}

static int ring_init(struct ring *r, u8 **page, u32 count, u32 own)
{
	u32 read, write;

	/* Indices are 32 bits; a page of data is the least there is */
	if (count < 2 || count - 1 > 0x7fffffffu / HV_PAGE_SIZE) {
		trace_bad("ring", "pages", count);
		return -EINVAL;
	}
	*r = (struct ring) {
		.head = page[0], .data = page + 1,
		.size = (count - 1) * HV_PAGE_SIZE,
	};
	read = ring_get(r, RING_READ_INDEX);
	write = ring_get(r, RING_WRITE_INDEX);
	if (!ring_index_ok(r, read)) {
		trace_bad("ring", "read index", read);
		return -EPROTO;
	}
	if (!ring_index_ok(r, write)) {
		trace_bad("ring", "write index", write);
		return -EPROTO;
	}
	r->index = own == RING_READ_INDEX ? read : write;
	return 0;
}

/**
 * ring_init_reader() - Begin to read from a ring that the guest writes.
 * @r:		To be filled in
 * @page:	Host addresses of its 4 KiB pages; must stay as they are
 * @count:	How many, the first with the indices included
 *
 * Return: 0, -EINVAL for a ring without room, -EPROTO for lying indices.
 */
int ring_init_reader(struct ring *r, u8 **page, u32 count)
{
	return ring_init(r, page, count, RING_READ_INDEX);
}

/**
 * ring_init_writer() - Begin to write to a ring that the guest reads.
 * @r:		To be filled in
 * @page:	Host addresses of its 4 KiB pages; must stay as they are
 * @count:	How many, the first with the indices included
 *
 * Tells the guest that we set pending_send_sz when we wait for room.
 *
 * Return: 0, -EINVAL for a ring without room, -EPROTO for lying indices.
 */
int ring_init_writer(struct ring *r, u8 **page, u32 count)
{
	int ret = ring_init(r, page, count, RING_WRITE_INDEX);

	if (!ret)
		__atomic_fetch_or(ring_field(r, RING_FEATURES),
				  RING_FEATURE_PENDING, __ATOMIC_SEQ_CST);
	return ret;
}

/**
 * ring_mask() - Tell the guest whether we want its signals.
 * @r:	A ring that we read
 * @on:	true while we read anyway; after false look again (ring_readable())
 */
void ring_mask(struct ring *r, bool on)
{
	ring_set(r, RING_INTERRUPT_MASK, on);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/**
 * ring_readable() - Is there something new, be it a lie?
 * @r:	A ring that we read
 *
 * Return: true if ring_read() would not return 0.
 */
bool ring_readable(const struct ring *r)
{
	return ring_get(r, RING_WRITE_INDEX) != r->index;
}

/*
 * Room has come up by our reading from @old to r->index: does the guest wait
 * for it, and only since now have it?
 */
static bool ring_guest_waits(const struct ring *r, u32 old)
{
	u32 pending, write;

	if (!(ring_get(r, RING_FEATURES) & RING_FEATURE_PENDING))
		return false;
	/* The new read index must be out before we look at this one */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	pending = ring_get(r, RING_PENDING_SEND_SZ);
	if (!pending)
		return false;
	write = ring_get(r, RING_WRITE_INDEX);
	if (!ring_index_ok(r, write))
		return false;		/* the next read will say so */
	return ring_space(r, old, write) <= pending &&
	       ring_space(r, r->index, write) > pending;
}

/**
 * ring_read() - Take one packet out of a ring.
 * @r:		A ring that we read
 * @buf:	r->size bytes for the packet
 * @pkt:	Its descriptor, and where in @buf the payload lies
 * @signal:	Set if the guest waited for the room; else left alone
 *
 * Return: 1, 0 if there is none, -EPROTO if the guest lies (traced); nothing
 * was taken then.
 */
int ring_read(struct ring *r, u8 *buf, struct ring_packet *pkt, bool *signal)
{
	u32 write = ring_get(r, RING_WRITE_INDEX), old = r->index;
	struct ring_desc *d = &pkt->desc;
	u32 avail, len, offset;

	if (!ring_index_ok(r, write)) {
		trace_bad("ring", "write index", write);
		return -EPROTO;
	}
	avail = ring_distance(r, old, write);
	if (!avail)
		return 0;
	if (avail < sizeof(*d) + RING_TRAILER) {
		trace_bad("ring", "bytes too few for a packet", avail);
		return -EPROTO;
	}
	ring_copy(r, old, d, sizeof(*d), false);
	len = d->len8 * 8u;
	offset = d->offset8 * 8u;
	if (len < sizeof(*d) || len > avail - RING_TRAILER) {
		trace_bad("ring", "packet length", len);
		return -EPROTO;
	}
	if (offset < sizeof(*d) || offset > len) {
		trace_bad("ring", "payload offset", offset);
		return -EPROTO;
	}
	ring_copy(r, old, buf, len, false);
	pkt->payload = buf + offset;
	pkt->len = len - offset;

	/* The trailer is for walking backwards; nobody does */
	r->index = ring_advance(r, old, len + RING_TRAILER);
	ring_set(r, RING_READ_INDEX, hostile_u32(HOSTILE_RING_READ, r->index));
	if (ring_guest_waits(r, old))
		*signal = true;
	return 1;
}

/**
 * ring_write() - Put one packet into a ring.
 * @r:		A ring that we write
 * @desc:	Its descriptor; lengths are filled in here
 * @payload:	What follows it
 * @len:	Bytes of that
 * @signal:	Set if the guest must be told; else left alone
 *
 * Without room, pending_send_sz is set: the guest will signal when there is,
 * see ring_room().
 *
 * Return: 0, -EAGAIN without room, -EMSGSIZE if there never will be, -EPROTO
 * if the guest lies (traced).
 */
int ring_write(struct ring *r, const struct ring_desc *desc,
	       const void *payload, u32 len, bool *signal)
{
	static const u8 zero[8];
	struct ring_desc d = *desc;
	u32 padded, total, read, at = r->index;
	u64 trailer = (u64)at << 32;

	if (len > 0xffffu * 8 - sizeof(d))
		return -EMSGSIZE;
	padded = (len + 7) & ~7u;
	total = sizeof(d) + padded + RING_TRAILER;
	if (total >= r->size)
		return -EMSGSIZE;
	d.offset8 = sizeof(d) / 8;
	d.len8 = (u16)((sizeof(d) + padded) / 8);
	d.offset8 = hostile_u16(HOSTILE_PACKET_OFFSET, d.offset8);
	d.len8 = hostile_u16(HOSTILE_PACKET_LENGTH, d.len8);
	trailer = hostile_u64(HOSTILE_PACKET_TRAILER, trailer);

	read = ring_get(r, RING_READ_INDEX);
	if (!ring_index_ok(r, read)) {
		trace_bad("ring", "read index", read);
		return -EPROTO;
	}
	if (ring_space(r, read, at) <= total) {
		r->pending = total;
		ring_set(r, RING_PENDING_SEND_SZ, total);
		/* The guest may have made room just before it could see that */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		read = ring_get(r, RING_READ_INDEX);
		if (!ring_index_ok(r, read)) {
			trace_bad("ring", "read index", read);
			return -EPROTO;
		}
		if (ring_space(r, read, at) <= total)
			return -EAGAIN;
	}
	if (r->pending) {
		r->pending = 0;
		ring_set(r, RING_PENDING_SEND_SZ, 0);
	}
	ring_copy(r, at, &d, sizeof(d), true);
	at = ring_advance(r, at, sizeof(d));
	ring_copy(r, at, (void *)payload, len, true);
	at = ring_advance(r, at, len);
	ring_copy(r, at, (void *)zero, padded - len, true);
	at = ring_advance(r, at, padded - len);
	ring_copy(r, at, &trailer, sizeof(trailer), true);
	at = ring_advance(r, at, sizeof(trailer));

	ring_set(r, RING_WRITE_INDEX, hostile_u32(HOSTILE_RING_WRITE, at));
	/*
	 * A reader that found the ring empty has set its read index, and
	 * cleared the mask if it uses one, before it looked a last time: one
	 * of us two sees the other's store.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!ring_get(r, RING_INTERRUPT_MASK) &&
	    ring_get(r, RING_READ_INDEX) == r->index)
		*signal = true;
	r->index = at;
	return 0;
}

/**
 * ring_room() - Has the room come up that a write waited for?
 * @r:	A ring that we write
 *
 * Return: true, once, when it has (or when the guest's index lies: the next
 * write will say so).
 */
bool ring_room(struct ring *r)
{
	u32 read;

	if (!r->pending)
		return false;
	read = ring_get(r, RING_READ_INDEX);
	if (ring_index_ok(r, read) &&
	    ring_space(r, read, r->index) <= r->pending)
		return false;
	r->pending = 0;
	ring_set(r, RING_PENDING_SEND_SZ, 0);
	return true;
}
