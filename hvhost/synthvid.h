/* SPDX-License-Identifier: GPL-2.0-only */
/* Synthetic video: where the framebuffer is, and how its pixels lie in it. */
#ifndef HVHOST_SYNTHVID_H
#define HVHOST_SYNTHVID_H

#include "layout.h"
#include "mmio.h"
#include "types.h"
#include "vmbus.h"

struct synthvid {
	struct vmbus_device dev;
	struct vmbus_channel *chan;	/* NULL while closed */
	struct mmio_map *map;
	struct mmio_claim fb;		/* where it is; stays when a kernel goes */
	u64 size;			/* bytes of it, the layout's max_fb */
	u32 version;			/* agreed on, 0: not yet */
	bool active;
	u32 width, height, pitch, depth;	/* of the last situation */
	/* Have the framebuffer's memory at that GPA; -errno: it cannot be */
	int (*move)(void *opaque, u64 gpa);
	void *opaque;
};

int synthvid_add(struct synthvid *v, struct vmbus *bus,
		 const struct layout *layout, struct mmio_map *map,
		 int (*move)(void *opaque, u64 gpa), void *opaque);

#endif
