/* SPDX-License-Identifier: GPL-2.0-only */
/* Random requests for MMIO space */
#ifndef SWEEP_CRS_REQUEST_H
#define SWEEP_CRS_REQUEST_H

#include "crs/list.h"

struct request request_make(struct list *l);

#endif
