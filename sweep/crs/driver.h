/* SPDX-License-Identifier: GPL-2.0-only */
/* The drivers' own requests. Each returns false after list_wrong(). */
#ifndef SWEEP_CRS_DRIVER_H
#define SWEEP_CRS_DRIVER_H

#include "crs/list.h"

bool driver_video(struct list *l);
bool driver_config(struct list *l, int bus);
bool driver_windows(struct list *l, int bus);

#endif
