/* SPDX-License-Identifier: GPL-2.0-only */
/* Synthetic video: where the framebuffer is, and how its pixels lie in it. */
#ifndef HVHOST_SYNTHVID_H
#define HVHOST_SYNTHVID_H

#include "core/layout.h"
#include "core/mmio.h"
#include "core/types.h"
#include "hv/synthvid_proto.h"
#include "hv/vmbus.h"

/* Answers that wait for a guest to read those before */
#define SYNTHVID_MAX_WAITING	16

struct synthvid_waiting {
	size_t len;
	u8 msg[SYNTHVID_MAX_MESSAGE];
};

struct synthvid {
	struct vmbus_device dev;
	struct vmbus_channel *chan;	/* NULL while closed */
	const struct layout *layout;
	struct mmio_map *map;
	struct mmio_claim fb;		/* where it is; stays when a kernel goes */
	u32 version;			/* agreed on, 0: not yet */
	bool active;
	u32 width, height, pitch, depth;	/* of the last situation */
	u64 dirt;			/* rectangles that were said to have changed */
	struct synthvid_waiting waiting[SYNTHVID_MAX_WAITING];
	u32 first, count;		/* of those that wait */
	/* Have the framebuffer's memory there; -errno: it cannot be */
	int (*move)(void *opaque, const struct range *fb);
	void *opaque;
};

/* Claim the framebuffer where firmware has it; offer the device */
void synthvid_init(struct synthvid *v, const struct layout *layout,
		   struct mmio_map *map,
		   int (*move)(void *opaque, const struct range *fb),
		   void *opaque);
int synthvid_add(struct synthvid *v, struct vmbus *bus);

#endif
