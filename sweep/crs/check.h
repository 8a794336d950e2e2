/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel has made of it. Each returns false after list_wrong(). */
#ifndef SWEEP_CRS_CHECK_H
#define SWEEP_CRS_CHECK_H

#include "crs/place.h"

bool check_windows(struct list *l);
bool check_reserve(struct list *l);
bool check_trees(struct list *l, const char *after);
bool check_answer(struct list *l, const struct request *q, int err,
		  const struct range *got, enum found found,
		  const struct range *room);
__printf(4, 5)
bool check_wrong_place(struct list *l, const struct request *q,
		       const struct range *got, const char *format, ...);

#endif
