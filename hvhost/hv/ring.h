/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ring buffer in guest pages: a page with indices, then data. The guest
 * runs while we use it and may write anything anywhere: our own index is
 * kept here, the other side's is checked at each use.
 */
#ifndef HVHOST_RING_H
#define HVHOST_RING_H

#include "core/types.h"

/* In the first page; offsets of u32 fields */
#define RING_WRITE_INDEX	0
#define RING_READ_INDEX		4
#define RING_INTERRUPT_MASK	8
#define RING_PENDING_SEND_SZ	12
#define RING_FEATURES		64
#define RING_FEATURE_PENDING	1u

#define RING_TRAILER		8u

/* What each packet begins with */
struct ring_desc {
	u16 type;
	u16 offset8;		/* from here to the payload, in 8 bytes */
	u16 len8;		/* from here to the payload's end */
	u16 flags;
	u64 transaction;
};

#define RING_PKT_INBAND		6
#define RING_PKT_GPA_DIRECT	9
#define RING_PKT_COMPLETION	11
#define RING_COMPLETION_REQUESTED	1

struct ring {
	u8 *head;		/* the first page */
	u8 **data;		/* the pages after it */
	u32 size;		/* bytes of data */
	u32 index;		/* ours: next byte to read, or to write */
	u32 pending;		/* writer: bytes we wait for, 0: none */
};

/* A packet in the caller's buffer */
struct ring_packet {
	struct ring_desc desc;
	u8 *payload;
	u32 len;
};

int ring_init_reader(struct ring *r, u8 **page, u32 count);
int ring_init_writer(struct ring *r, u8 **page, u32 count);
void ring_mask(struct ring *r, bool on);
int ring_read(struct ring *r, u8 *buf, struct ring_packet *pkt, bool *signal);
bool ring_readable(const struct ring *r);
int ring_write(struct ring *r, const struct ring_desc *desc,
	       const void *payload, u32 len, bool *signal);
bool ring_room(struct ring *r);

#endif
