/* SPDX-License-Identifier: GPL-2.0-only */
/* VMBus messages as they stand in guest memory; see Linux' linux/hyperv.h. */
#ifndef HVHOST_VMBUS_PROTO_H
#define HVHOST_VMBUS_PROTO_H

#include "core/types.h"

#define VMBUS_MAX_MESSAGE	240	/* a SynIC message's payload */
#define VMBUS_MESSAGE_TYPE	1	/* the SynIC's, for all of them */

/* Connections that guests post to, and signal */
#define VMBUS_CONN_MESSAGE	1
#define VMBUS_CONN_EVENT	2	/* look into the interrupt page */
#define VMBUS_CONN_MESSAGE_4	4	/* for version 5.0 and up */
#define VMBUS_CONN_CHANNEL	0x2000	/* plus the channel's relid */

#define VMBUS_VERSION(major, minor)	(((u32)(major) << 16) | (minor))

enum vmbus_msg_type {
	MSG_OFFER = 1,
	MSG_RESCIND,
	MSG_REQUEST_OFFERS,
	MSG_ALL_OFFERS,
	MSG_OPEN,
	MSG_OPEN_RESULT,
	MSG_CLOSE,
	MSG_GPADL_HEADER,
	MSG_GPADL_BODY,
	MSG_GPADL_CREATED,
	MSG_GPADL_TEARDOWN,
	MSG_GPADL_TORNDOWN,
	MSG_RELEASED,
	MSG_CONTACT,
	MSG_VERSION,
	MSG_UNLOAD,
	MSG_UNLOADED,
	MSG_TL_CONNECT = 21,
	MSG_MODIFY = 22,
	MSG_MODIFIED = 24,
};

struct msg_head {
	u32 type;
	u32 padding;
};

struct msg_offer {
	struct msg_head head;
	struct guid type, instance;
	u64 reserved[2];
	u16 chn_flags;
	u16 mmio_megabytes;
	u8 user_def[120];
	u16 sub_channel;
	u16 reserved2;
	u32 relid;
	u8 monitor_id;
	u8 monitor_allocated;
	u16 dedicated_interrupt;
	u32 connection;
} __packed;

/* RESCIND, CLOSE, RELEASED */
struct msg_relid {
	struct msg_head head;
	u32 relid;
} __packed;

struct msg_open {
	struct msg_head head;
	u32 relid;
	u32 open_id;
	u32 gpadl;
	u32 vp;
	u32 down_page;		/* where host to guest begins in the GPADL */
	u8 user[120];
} __packed;

struct msg_open_result {
	struct msg_head head;
	u32 relid;
	u32 open_id;
	u32 status;
} __packed;

struct msg_gpadl_header {
	struct msg_head head;
	u32 relid;
	u32 gpadl;
	u16 list_len;
	u16 range_count;
	u8 list[];
} __packed;

struct msg_gpadl_body {
	struct msg_head head;
	u32 number;		/* Linux leaves it 0 */
	u32 gpadl;
	u8 list[];
} __packed;

struct msg_gpadl_created {
	struct msg_head head;
	u32 relid;
	u32 gpadl;
	u32 status;
} __packed;

struct msg_gpadl_teardown {
	struct msg_head head;
	u32 relid;
	u32 gpadl;
} __packed;

struct msg_gpadl_torndown {
	struct msg_head head;
	u32 gpadl;
} __packed;

struct msg_contact {
	struct msg_head head;
	u32 version;
	u32 vp;			/* that messages are to go to */
	union {
		u64 interrupt_page;	/* before version 5.0 */
		struct {
			u8 sint;
			u8 vtl;
			u8 reserved[2];
			u32 features;	/* version 6.0 */
		};
	};
	u64 monitor_page[2];
} __packed;

struct msg_version {
	struct msg_head head;
	u8 supported;
	u8 state;
	u16 padding;
	u32 connection;
	u32 features;		/* only there in version 6.0 and up */
} __packed;

struct msg_modify {
	struct msg_head head;
	u32 relid;
	u32 vp;
} __packed;

struct msg_modified {
	struct msg_head head;
	u32 relid;
	u32 status;
} __packed;

#endif
