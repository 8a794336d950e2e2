// SPDX-License-Identifier: GPL-2.0-only
/*
 * Synthetic video. The guest says where in its MMIO space it wants the
 * framebuffer, and how pixels lie in it. Real hosts remember the place when
 * the kernel that chose it is gone, without a word to the next; so do we.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/hostile.h"
#include "core/trace.h"
#include "hv/guids.h"
#include "hv/ring.h"
#include "hv/synthvid.h"

/* VMBUS_CHANNEL_NAMED_PIPE_MODE and VMBUS_PIPE_TYPE_MESSAGE of Linux */
#define CHN_PIPE		0x0010
#define PIPE_MESSAGES		4

/* Besides the largest. Windows offers such a list; its own is not known. */
static const struct video_resolution common[] = {
	{ 640, 480 }, { 800, 600 }, { 1024, 768 }, { 1152, 864 },
	{ 1280, 720 }, { 1280, 800 }, { 1280, 1024 }, { 1366, 768 },
	{ 1440, 900 }, { 1600, 900 }, { 1600, 1200 }, { 1680, 1050 },
	{ 1920, 1080 }, { 1920, 1200 }, { 2560, 1440 }, { 2560, 1600 },
	{ 3840, 2160 }, { 5120, 2880 }, { 7680, 4320 },
};

/* What the guest gets if it has no wish of its own, as firmware's */
#define PREFERRED_WIDTH		1024
#define PREFERRED_HEIGHT	768

/*
 * Send one message, or keep it until the guest has read enough. A driver that
 * never reads is left alone with what it misses.
 */
static void synthvid_send_now(struct synthvid *v, const struct video_head *head,
			      const void *data, size_t len)
{
	struct synthvid_waiting *w;

	/* The guest lied to the last one: the channel is closed */
	if (!v->chan)
		return;
	if (v->count == SYNTHVID_MAX_WAITING) {
		trace_bad("video", "message that finds no room", head->type);
		return;
	}
	w = &v->waiting[(v->first + v->count) % SYNTHVID_MAX_WAITING];
	memcpy(w->msg, head, sizeof(*head));
	memcpy(w->msg + sizeof(*head), data, len);
	w->len = sizeof(*head) + len;
	/* In their order: one that waits is tried in synthvid_room() */
	if (!v->count && vmbus_send(v->chan, RING_PKT_INBAND, 0, 0, w->msg,
				    w->len) != -EAGAIN)
		return;
	v->count++;
}

/* A hostile host's messages */
static void synthvid_send_lies(struct synthvid *v, struct video_head *head,
			       const void *honest, size_t len)
{
	static const enum hostile_site sites[] = {
		[VIDEO_VERSION_RESPONSE] = HOSTILE_VIDEO_VERSION,
		[VIDEO_FEATURE_CHANGE] = HOSTILE_VIDEO_VERSION,
		[VIDEO_VRAM_LOCATION_ACK] = HOSTILE_VRAM_ANSWER,
		[VIDEO_SITUATION_UPDATE_ACK] = HOSTILE_SITUATION_ANSWER,
		[VIDEO_RESOLUTION_RESPONSE] = HOSTILE_RESOLUTIONS,
	};
	u8 data[sizeof(struct video_resolutions)];

	memcpy(data, honest, len);
	hostile_bytes(sites[head->type], data, len);
	head->pipe_size = hostile_u32(HOSTILE_VIDEO_SIZE, head->pipe_size);
	head->size = hostile_u32(HOSTILE_VIDEO_SIZE, head->size);
	head->type = hostile_u32(HOSTILE_VIDEO_TYPE, head->type);
	synthvid_send_now(v, head, data, len);
	if (!hostile_event(HOSTILE_VIDEO_EXTRA))
		return;
	head->type = (u32)hostile_draw(HOSTILE_VIDEO_EXTRA,
				       VIDEO_RESOLUTION_RESPONSE + 2);
	synthvid_send_now(v, head, data, len);
}

static void synthvid_send(struct synthvid *v, u32 type, const void *data,
			  size_t len)
{
	struct video_head head = {
		.pipe_type = PIPE_DATA,
		.pipe_size = (u32)(VIDEO_HEAD_SIZE + len),
		.type = type,
		.size = (u32)(VIDEO_HEAD_SIZE + len),
	};

	if (hostile_on)
		synthvid_send_lies(v, &head, data, len);
	else
		synthvid_send_now(v, &head, data, len);
}

static void synthvid_room(struct vmbus_device *dev)
{
	struct synthvid *v = dev->opaque;

	while (v->count) {
		const struct synthvid_waiting *w = &v->waiting[v->first];

		if (vmbus_send(v->chan, RING_PKT_INBAND, 0, 0, w->msg,
			       w->len) == -EAGAIN || !v->count)
			return;
		v->first = (v->first + 1) % SYNTHVID_MAX_WAITING;
		v->count--;
	}
}

static void synthvid_on_version(struct synthvid *v, const u8 *data, size_t len)
{
	static const struct video_features all = { 1, 1, 1, 1 };
	struct video_version msg = { .outputs = 1 };
	char text[16];

	(void)len;
	memcpy(&msg.version, data, sizeof(msg.version));
	msg.accepted = msg.version == VIDEO_VERSION(3, 2) ||
		       msg.version == VIDEO_VERSION(3, 5);
	snprintf(text, sizeof(text), "%u.%u", msg.version & 0xffff,
		 msg.version >> 16);
	trace_begin("video_version");
	trace_str("version", text);
	trace_bool("accepted", msg.accepted);
	trace_end();
	v->version = msg.accepted ? msg.version : 0;
	synthvid_send(v, VIDEO_VERSION_RESPONSE, &msg, sizeof(msg));
	/* Nobody looks all the time, but then hears of everything */
	if (msg.accepted)
		synthvid_send(v, VIDEO_FEATURE_CHANGE, &all, sizeof(all));
}

static bool synthvid_has_fb(const struct range *fb)
{
	return fb->start < fb->end;
}

/* The framebuffer's memory and its claim. Return: false if it stays. */
static bool synthvid_move_to(struct synthvid *v, const struct range *to)
{
	if (!synthvid_has_fb(to) || v->move(v->opaque, to))
		return false;
	mmio_remove(v->map, &v->fb);
	v->fb.range = *to;
	/* No host is known to refuse a place: it is the guest's own harm */
	mmio_judge(v->map, &v->fb, false);
	mmio_add(v->map, &v->fb);
	return true;
}

/* Mapped nowhere. Return: false if it stays. */
static bool synthvid_move_away(struct synthvid *v)
{
	if (v->move(v->opaque, &(struct range) { 1, 0 }))
		return false;
	mmio_remove(v->map, &v->fb);
	v->fb.range = (struct range) { 0, 0 };
	return true;
}

/*
 * As on OpenVMM 1488a37b7 (uidevices/src/video/mod.rs): the framebuffer is mapped
 * nowhere if the location is not specified, and the answer echoes the context,
 * whatever became of the request.
 */
static void synthvid_on_vram(struct synthvid *v, const u8 *data, size_t len)
{
	struct range to = { 0, 0 };
	struct video_vram msg;
	bool accepted;

	(void)len;
	memcpy(&msg, data, sizeof(msg));
	if (msg.specified) {
		to.start = msg.gpa;
		to.end = msg.gpa + v->layout->max_fb - 1;
		accepted = !(msg.gpa % HV_PAGE_SIZE) &&
			   synthvid_move_to(v, &to);
	} else {
		accepted = synthvid_move_away(v);
	}
	trace_begin("vram_location");
	trace_hex("gpa", to.start);
	trace_range("fb", &v->fb.range);
	trace_bool("accepted", accepted);
	trace_end();
	if (!accepted)
		trace_bad("video", "VRAM location", to.start);
	synthvid_send(v, VIDEO_VRAM_LOCATION_ACK, &msg.context,
		      sizeof(msg.context));
}

/* Whether such a picture is one, and lies within the framebuffer */
static bool synthvid_situation_ok(const struct synthvid *v,
				  const struct video_situation *s)
{
	u64 row = (u64)s->width * s->depth / 8;

	if (s->outputs != 1) {
		trace_bad("video", "video outputs", s->outputs);
		return false;
	}
	if (!s->active)
		return true;
	if (s->depth != 16 && s->depth != 32) {
		trace_bad("video", "depth", s->depth);
		return false;
	}
	if (s->offset) {
		trace_bad("video", "VRAM offset", s->offset);
		return false;
	}
	if (!s->width || !s->height) {
		trace_bad("video", "resolution",
			  (u64)s->width << 32 | s->height);
		return false;
	}
	if (s->pitch < row ||
	    (u64)s->pitch * (s->height - 1) + row > v->layout->max_fb) {
		trace_bad("video", "pitch", s->pitch);
		return false;
	}
	return true;
}

static void synthvid_on_situation(struct synthvid *v, const u8 *data,
				  size_t len)
{
	struct video_situation msg;

	(void)len;
	memcpy(&msg, data, sizeof(msg));
	if (synthvid_situation_ok(v, &msg)) {
		v->active = msg.active;
		if (msg.active) {
			v->width = msg.width;
			v->height = msg.height;
			v->pitch = msg.pitch;
			v->depth = msg.depth;
		}
		trace_begin("situation");
		trace_bool("active", v->active);
		trace_num("width", msg.width);
		trace_num("height", msg.height);
		trace_num("depth", msg.depth);
		trace_num("pitch", msg.pitch);
		trace_end();
	}
	synthvid_send(v, VIDEO_SITUATION_UPDATE_ACK, &msg.context,
		      sizeof(msg.context));
}

/* Nobody points at our screen: it is only looked at whether it makes sense. */
static void synthvid_on_pointer(struct synthvid *v, const u8 *data, size_t len)
{
	struct video_pointer msg;

	(void)v;
	(void)len;
	memcpy(&msg, data, sizeof(msg));
	if (msg.output)
		trace_bad("video", "output of a pointer", msg.output);
}

static void synthvid_on_shape(struct synthvid *v, const u8 *data, size_t len)
{
	struct video_shape msg;

	(void)v;
	(void)len;
	memcpy(&msg, data, sizeof(msg));
	if (msg.width > VIDEO_POINTER_MAX || msg.height > VIDEO_POINTER_MAX)
		trace_bad("video", "size of a pointer",
			  (u64)msg.width << 32 | msg.height);
}

static void synthvid_on_dirt(struct synthvid *v, const u8 *data, size_t len)
{
	struct video_dirt msg;
	struct video_rect r;
	size_t i;

	memcpy(&msg, data, sizeof(msg));
	if (msg.output) {
		trace_bad("video", "output that is dirty", msg.output);
		return;
	}
	if (msg.count > (len - sizeof(msg)) / sizeof(r)) {
		trace_bad("video", "dirty rectangles", msg.count);
		return;
	}
	for (i = 0; i < msg.count; i++) {
		memcpy(&r, data + sizeof(msg) + i * sizeof(r), sizeof(r));
		if (r.x1 < 0 || r.y1 < 0 || r.x2 < r.x1 || r.y2 < r.y1) {
			trace_bad("video", "dirty rectangle from",
				  (u64)(u32)r.x1 << 32 | (u32)r.y1);
			return;
		}
		v->dirt++;
	}
}

static bool synthvid_offered(const struct synthvid *v,
			     struct video_resolution r)
{
	return r.width <= v->layout->width && r.height <= v->layout->height;
}

/* The common ones up to the largest, and that as the last */
static void synthvid_on_resolutions(struct synthvid *v, const u8 *data,
				    size_t len)
{
	struct video_resolutions msg = { 0 };
	u32 width = v->layout->width, height = v->layout->height, i;
	u8 max = data[0];

	(void)len;
	if (!max) {
		trace_bad("video", "resolutions asked for", max);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(common); i++)
		if (synthvid_offered(v, common[i]) &&
		    (common[i].width != width || common[i].height != height))
			msg.list[msg.count++] = common[i];
	msg.list[msg.count++] = (struct video_resolution) { width, height };
	if (msg.count > max)
		msg.count = max;
	msg.preferred = msg.count - 1;
	for (i = 0; i < msg.count; i++)
		if (msg.list[i].width == PREFERRED_WIDTH &&
		    msg.list[i].height == PREFERRED_HEIGHT)
			msg.preferred = i;
	synthvid_send(v, VIDEO_RESOLUTION_RESPONSE, &msg,
		      offsetof(struct video_resolutions, list) +
		      msg.count * sizeof(msg.list[0]));
}

static const struct {
	void (*fn)(struct synthvid *v, const u8 *data, size_t len);
	size_t len;			/* at least */
} handlers[] = {
	[VIDEO_VERSION_REQUEST] = { synthvid_on_version, sizeof(u32) },
	[VIDEO_VRAM_LOCATION] = { synthvid_on_vram, sizeof(struct video_vram) },
	[VIDEO_SITUATION_UPDATE] = {
		synthvid_on_situation, sizeof(struct video_situation),
	},
	[VIDEO_POINTER_POSITION] = {
		synthvid_on_pointer, sizeof(struct video_pointer),
	},
	[VIDEO_POINTER_SHAPE] = { synthvid_on_shape, sizeof(struct video_shape) },
	[VIDEO_DIRT] = { synthvid_on_dirt, sizeof(struct video_dirt) },
	[VIDEO_RESOLUTION_REQUEST] = { synthvid_on_resolutions, sizeof(u8) },
};

static void synthvid_received(struct vmbus_device *dev, u16 type, u16 flags,
			      u64 transaction, const u8 *payload, size_t len)
{
	struct synthvid *v = dev->opaque;
	struct video_head head;

	(void)flags;
	(void)transaction;
	if (type != RING_PKT_INBAND) {
		trace_bad("video", "packet type", type);
		return;
	}
	if (len < sizeof(head)) {
		trace_bad("video", "bytes of a message", len);
		return;
	}
	memcpy(&head, payload, sizeof(head));
	payload += sizeof(head);
	len -= sizeof(head);
	if (head.pipe_type != PIPE_DATA) {
		trace_bad("video", "pipe message type", head.pipe_type);
		return;
	}
	/* Behind it there is the padding of the ring */
	if (head.pipe_size != head.size || head.size < VIDEO_HEAD_SIZE ||
	    head.size - VIDEO_HEAD_SIZE > len) {
		trace_bad("video", "size of a message", head.size);
		return;
	}
	len = head.size - VIDEO_HEAD_SIZE;
	if (head.type >= ARRAY_SIZE(handlers) || !handlers[head.type].fn) {
		trace_bad("video", "message type", head.type);
		return;
	}
	if (len < handlers[head.type].len) {
		trace_bad("video", "short message of type", head.type);
		return;
	}
	if (!v->version && head.type != VIDEO_VERSION_REQUEST) {
		trace_bad("video", "message before a version", head.type);
		return;
	}
	handlers[head.type].fn(v, payload, len);
}

static void synthvid_opened(struct vmbus_device *dev,
			    struct vmbus_channel *chan)
{
	struct synthvid *v = dev->opaque;

	v->chan = chan;
}

/* The framebuffer stays where it is, and so does the picture. */
static void synthvid_closed(struct vmbus_device *dev)
{
	struct synthvid *v = dev->opaque;

	v->chan = NULL;
	v->version = 0;
	v->count = 0;
}

/**
 * synthvid_init() - Claim the framebuffer where firmware has it.
 * @v:		Filled in here
 * @layout:	Where that is, and how large it may be; must outlive @v
 * @map:	Who owns what; must outlive @v
 * @move:	Have its memory elsewhere; -errno: it stays
 * @opaque:	For @move
 */
void synthvid_init(struct synthvid *v, const struct layout *layout,
		   struct mmio_map *map,
		   int (*move)(void *opaque, const struct range *fb),
		   void *opaque)
{
	*v = (struct synthvid) {
		.dev = {
			.name = "video",
			.type = GUID_SYNTHVID,
			.instance = GUID_SYNTHVID_INSTANCE,
			.chn_flags = CHN_PIPE,
			.mmio_megabytes = (u16)layout->mmio_megabytes,
			.user_def = { PIPE_MESSAGES },
			.opened = synthvid_opened,
			.closed = synthvid_closed,
			.packet = synthvid_received,
			.room = synthvid_room,
			.opaque = v,
		},
		.layout = layout,
		.map = map,
		.fb = {
			.kind = MMIO_FRAMEBUFFER,
			.owner = "framebuffer",
			.bar = -1,
			.range = layout->fb,
		},
		.move = move,
		.opaque = opaque,
	};
	if (synthvid_has_fb(&layout->fb))
		mmio_add(map, &v->fb);
}

/* A framebuffer without memory */
static int synthvid_move_nothing(void *opaque, const struct range *fb)
{
	(void)opaque;
	(void)fb;
	return 0;
}

/* A hostile host's second video device; its framebuffer is nowhere at first. */
static int synthvid_add_second(const struct synthvid *v, struct vmbus *bus)
{
	static struct synthvid second;
	static struct layout layout;

	layout = *v->layout;
	layout.fb = (struct range) { 0, 0 };
	synthvid_init(&second, &layout, v->map, synthvid_move_nothing, NULL);
	second.dev.name = "video2";
	second.dev.instance.b[15] ^= 1;
	return vmbus_add_device(bus, &second.dev);
}

/**
 * synthvid_add() - Offer it; not to an isolated VM.
 * @v:		From synthvid_init(); must outlive @bus
 * @bus:	VMBus
 *
 * Return: as vmbus_add_device().
 */
int synthvid_add(struct synthvid *v, struct vmbus *bus)
{
	int err = vmbus_add_device(bus, &v->dev);

	if (!err && hostile_event(HOSTILE_VIDEO_OFFERS))
		err = synthvid_add_second(v, bus);
	return err;
}
