/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integration components: small services over a channel each, that agree on
 * versions first. All calls under the VM's lock; the structs must outlive
 * the VMBus that they are added to.
 */
#ifndef HVHOST_ICS_H
#define HVHOST_ICS_H

#include "core/types.h"
#include "hv/vmbus.h"

#define IC_MAX_VERSIONS	4

/* Message types */
#define IC_NEGOTIATE	0
#define IC_HEARTBEAT	1
#define IC_SHUTDOWN	3

struct ic_version {
	u16 major;
	u16 minor;
};

/* What every IC message begins with */
struct ic_head {
	u32 pipe_flags;		/* 1: data */
	u32 pipe_len;		/* bytes after this word */
	struct ic_version frame;
	u16 type;
	struct ic_version msg;
	u16 len;		/* bytes after this header */
	u32 status;
	u8 transaction;
	u8 flags;
	u8 reserved[2];
} __packed;

enum ic_state { IC_CLOSED, IC_NEGOTIATING, IC_READY, IC_FAILED };

/* One service; what is common to them */
struct ic {
	struct vmbus_device dev;
	struct vmbus_channel *chan;	/* NULL while closed */
	enum ic_state state;
	u16 type;			/* of its messages */
	struct ic_version offered[IC_MAX_VERSIONS];
	int offered_count;
	struct ic_version frame, msg;	/* agreed on */
	u8 transaction;			/* of the latest request */
	bool waiting;			/* for its answer */
	bool resend;			/* negotiation found no room */
	/* State changed; an answer to the latest request came */
	void (*changed)(struct ic *ic);
	void (*answer)(struct ic *ic, u32 status, const u8 *data, size_t len);
};

int ic_add(struct ic *ic, struct vmbus *bus);
int ic_request(struct ic *ic, const void *data, size_t len);

struct heartbeat {
	struct ic ic;
	u64 sequence;			/* sent last */
	u64 answered;			/* since the channel was opened */
	u32 unanswered;			/* ticks since the answer is due */
	bool lost;
};

int heartbeat_add(struct heartbeat *hb, struct vmbus *bus);
void heartbeat_tick(struct heartbeat *hb);

struct shutdown {
	struct ic ic;
	bool wanted, reboot;		/* asked for, not yet sent */
};

int shutdown_add(struct shutdown *sd, struct vmbus *bus);
int shutdown_request(struct shutdown *sd, bool reboot);

#endif
