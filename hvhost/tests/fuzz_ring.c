// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz ring.c. The input begins with a byte of how many pages the ring has
 * and which way it goes; the rest are steps of the guest's and of ours. What
 * a step with a lie must not do: touch anything outside the ring's pages
 * (ASan; pages are separate allocations), or bring our index out of range.
 */
#include <errno.h>

#include "fuzz.h"
#include "guest.h"

#define MAX_PAGES	5

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* Values that are near right more often than chance would have them */
static u32 index_like(struct input *in, const struct ring *r)
{
	u32 v = (u32)take(in, 2);

	switch (v & 7) {
	case 0:
		return r->size - (v >> 3 & 0x3f);
	case 1:
		return (u32)take(in, 4);
	case 2:
		return (r->index + (v >> 3)) % r->size;
	case 3:
		return r->index - (v >> 3);
	default:
		return (v >> 3) * 8 % r->size;
	}
}

static void *field(u8 *head, u32 offset)
{
	return head + offset;
}

static void put32(u8 *head, u32 offset, u32 value)
{
	memcpy(field(head, offset), &value, sizeof(value));
}

static u32 get32(u8 *head, u32 offset)
{
	u32 value;

	memcpy(&value, field(head, offset), sizeof(value));
	return value;
}

/* The guest writes bytes into the data, wherever */
static void scribble(struct ring *r, u32 at, struct input *in, u32 len)
{
	while (len-- && in->len) {
		at %= r->size;
		r->data[at / HV_PAGE_SIZE][at % HV_PAGE_SIZE] =
			(u8)take(in, 1);
		at++;
	}
}

/* An honest guest's packet at the write index, if there is room */
static void honest_write(struct ring *r, u32 len)
{
	struct ring_desc d = {
		.type = 6, .offset8 = 2, .len8 = (u16)(2 + len / 8),
	};
	u32 write = get32(r->head, RING_WRITE_INDEX), i;
	const u8 *p = (const u8 *)&d;

	len &= ~7u;
	if (write >= r->size || write % 8)
		return;
	if ((r->index + r->size - write - 1) % r->size < len + 24)
		return;
	for (i = 0; i < sizeof(d); i++)
		r->data[(write + i) % r->size / HV_PAGE_SIZE]
		       [(write + i) % HV_PAGE_SIZE] = p[i];
	put32(r->head, RING_WRITE_INDEX, (write + len + 24) % r->size);
}

static void read_step(struct ring *r, u8 *buf)
{
	struct ring_packet pkt;
	u32 old = r->index;
	bool signal = false;
	int ret = ring_read(r, buf, &pkt, &signal);

	check(r->index < r->size && !(r->index % 8));
	if (ret != 1) {
		check((!ret || ret == -EPROTO) && r->index == old && !signal);
		check(ret || !ring_readable(r));
		return;
	}
	check(get32(r->head, RING_READ_INDEX) == r->index);
	check(pkt.payload >= buf + 16 && pkt.len <= r->size &&
	      pkt.payload + pkt.len <= buf + r->size);
	/* Whatever is said to be there can be read */
	if (pkt.len)
		check(pkt.payload[0] + pkt.payload[pkt.len - 1] >= 0);
}

static void write_step(struct ring *r, struct input *in, const u8 *buf)
{
	struct ring_desc d = { .type = 6 };
	u32 old = r->index, len = (u32)take(in, 2);
	u32 total = 24 + ((len + 7) & ~7u);
	bool signal = false;
	int ret;

	if (len > 3 * r->size)
		len = 0xffffff00u | len;
	ret = ring_write(r, &d, buf, len, &signal);
	check(r->index < r->size && !(r->index % 8));
	if (ret) {
		check(r->index == old && !signal);
		check(ret == -EAGAIN || ret == -EMSGSIZE || ret == -EPROTO);
		check(ret != -EAGAIN || r->pending == total);
		return;
	}
	check(total < r->size && !r->pending);
	check(r->index == (old + total) % r->size);
	check(get32(r->head, RING_WRITE_INDEX) == r->index);
}

static void step(struct ring *r, struct input *in, u8 *buf)
{
	u32 at;

	switch (take(in, 1) % 12) {
	case 0:
		put32(r->head, RING_WRITE_INDEX, index_like(in, r));
		break;
	case 1:
		put32(r->head, RING_READ_INDEX, index_like(in, r));
		break;
	case 2:
		put32(r->head, RING_PENDING_SEND_SZ, index_like(in, r));
		break;
	case 3:
		put32(r->head, RING_FEATURES, (u32)take(in, 1));
		break;
	case 4:
		put32(r->head, RING_INTERRUPT_MASK, (u32)take(in, 1));
		break;
	case 5:
		at = index_like(in, r);
		scribble(r, at, in, (u32)take(in, 1) % 64);
		break;
	case 6:
	case 7:
		honest_write(r, (u32)take(in, 2));
		break;
	case 8:
	case 9:
		read_step(r, buf);
		break;
	case 10:
		write_step(r, in, buf);
		break;
	case 11:
		ring_room(r);
		ring_mask(r, take(in, 1) & 1);
		break;
	}
}

/**
 * LLVMFuzzerTestOneInput() - Run one input.
 * @data:	It
 * @len:	Its bytes
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct input in = { data, len };
	u32 first = (u32)take(&in, 1), count = first / 2 % (MAX_PAGES + 1), i;
	u8 *page[MAX_PAGES], *buf;
	struct ring r;
	int ret;

	if (first >= 0x80)	/* bad counts need only be tried now and then */
		count = 2 + count % (MAX_PAGES - 1);
	for (i = 0; i < MAX_PAGES; i++) {
		page[i] = i < count ? aligned_alloc(8, HV_PAGE_SIZE) : NULL;
		if (page[i])
			memset(page[i], 0, HV_PAGE_SIZE);
	}
	if (count && first & 0x40) {
		u64 v = take(&in, 8);

		memcpy(page[0], &v, 8);
	}
	ret = count ? first & 1 ? ring_init_writer(&r, page, count) :
				  ring_init_reader(&r, page, count) : -EINVAL;
	if (!ret) {
		buf = malloc(r.size);
		memset(buf, 0x55, r.size);
		while (in.len)
			step(&r, &in, buf);
		free(buf);
	}
	for (i = 0; i < count; i++)
		free(page[i]);
	mock_reset();
	return 0;
}
