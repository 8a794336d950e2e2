/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator: all comes from the seed and the list's number. */
#ifndef SWEEP_CRS_DRAW_H
#define SWEEP_CRS_DRAW_H

#include "crs/list.h"

u32 draw_pick(struct list *l, u32 count);
u64 draw_any(struct list *l);
u64 draw_nudge(struct list *l, u64 at);
u64 draw_place(struct list *l);
u16 draw_mib(struct list *l);
void draw_list(struct list *l, u64 seed, u64 index);

#endif
