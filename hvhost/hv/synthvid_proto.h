/* SPDX-License-Identifier: GPL-2.0-only */
/* Synthetic video's messages; see Linux' hyperv_drm_proto.c. */
#ifndef HVHOST_SYNTHVID_PROTO_H
#define HVHOST_SYNTHVID_PROTO_H

#include "core/types.h"

/* What the pipe's packets are; each has data */
#define PIPE_DATA	1

enum video_msg_type {
	VIDEO_VERSION_REQUEST = 1,
	VIDEO_VERSION_RESPONSE,
	VIDEO_VRAM_LOCATION,
	VIDEO_VRAM_LOCATION_ACK,
	VIDEO_SITUATION_UPDATE,
	VIDEO_SITUATION_UPDATE_ACK,
	VIDEO_POINTER_POSITION,
	VIDEO_POINTER_SHAPE,
	VIDEO_FEATURE_CHANGE,
	VIDEO_DIRT,
	VIDEO_RESOLUTION_REQUEST = 13,
	VIDEO_RESOLUTION_RESPONSE,
};

#define VIDEO_VERSION(major, minor)	((u32)(minor) << 16 | (major))

struct video_head {
	u32 pipe_type;
	u32 pipe_size;		/* bytes after this word */
	u32 type;
	u32 size;		/* of the message, with type and size */
} __packed;

/* What size counts that is before the message proper */
#define VIDEO_HEAD_SIZE		8

struct video_version {
	u32 version;
	u8 accepted;		/* the answer has these, too */
	u8 outputs;
} __packed;

struct video_vram {
	u64 context;		/* the acknowledgment has just this */
	u8 specified;		/* 0: it is mapped nowhere */
	u64 gpa;
} __packed;

struct video_situation {
	u64 context;		/* likewise */
	u8 outputs;
	u8 active;
	u32 offset;
	u8 depth;
	u32 width, height;
	u32 pitch;
} __packed;

struct video_pointer {
	u8 visible;
	u8 output;
	s32 x, y;
} __packed;

/* The most of a pointer, both ways */
#define VIDEO_POINTER_MAX	96

struct video_shape {
	u8 part;
	u8 argb;
	u32 width, height;
	u32 hot_x, hot_y;
} __packed;

struct video_features {
	u8 dirt;
	u8 pointer;
	u8 shape;
	u8 situation;
} __packed;

struct video_rect {
	s32 x1, y1;
	s32 x2, y2;		/* not in it */
} __packed;

struct video_dirt {
	u8 output;
	u8 count;
	struct video_rect rect[];
} __packed;

#define VIDEO_MAX_RESOLUTIONS	64

struct video_resolution {
	u16 width, height;
} __packed;

struct video_resolutions {
	u8 edid[128];
	u8 count;
	u8 preferred;
	u8 standard;
	struct video_resolution list[VIDEO_MAX_RESOLUTIONS];
} __packed;

#define SYNTHVID_MAX_MESSAGE	(sizeof(struct video_head) + \
				 sizeof(struct video_resolutions))

#endif
