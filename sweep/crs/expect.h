/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel has to make of a list, by its documentation */
#ifndef SWEEP_CRS_EXPECT_H
#define SWEEP_CRS_EXPECT_H

#include "crs/list.h"

#define FB_MOST		(128 * MIB)	/* of the framebuffer */

void expect_boot(struct list *l);
bool expect_told(const struct list *l, struct range *told);
bool expect_moves(const struct list *l);

#endif
