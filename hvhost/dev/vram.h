/* SPDX-License-Identifier: GPL-2.0-only */
/* The framebuffer's memory, wherever the framebuffer is. Under the VM's lock. */
#ifndef HVHOST_VRAM_H
#define HVHOST_VRAM_H

#include "core/io.h"
#include "core/mem.h"
#include "core/types.h"

/* One in the way cuts it into two; more pieces than that are not mapped. */
#define VRAM_MAX_PIECES		128

struct vram {
	u8 *host;
	u64 size;
	struct range at;		/* whole pages; end < start: nowhere */
	struct range piece[VRAM_MAX_PIECES];	/* those that are mapped */
	u32 pieces;
	const struct mem *mem;		/* RAM, which it must not overlap */
	const struct io_table *mmio;	/* comes first where it does; or NULL */
	struct range hole;		/* never mapped there; end 0: none */
	u64 limit;			/* GPAs end below it; 0: nowhere */
	/* Have a piece mapped: @host at @range; NULL: no longer. 0 or -errno */
	int (*map)(void *opaque, u32 index, const struct range *range,
		   u8 *host);
	void *opaque;
};

int vram_move(struct vram *v, const struct range *to);
int vram_cut(struct vram *v);
bool vram_access(const struct vram *v, u64 addr, bool write, void *data,
		 unsigned int size);

#endif
