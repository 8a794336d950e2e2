/* SPDX-License-Identifier: GPL-2.0-only */
/* All that happens to a list */
#ifndef SWEEP_CRS_PLAY_H
#define SWEEP_CRS_PLAY_H

#include "crs/list.h"

bool play_list(struct list *l);

#endif
