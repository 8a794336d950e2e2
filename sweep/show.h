/* SPDX-License-Identifier: GPL-2.0-only */
/* One point and one way to live on it, as a line of JSON. */
#ifndef SWEEP_SHOW_H
#define SWEEP_SHOW_H

#include <stdio.h>

#include "dims.h"

void show(FILE *out, const struct point *p, const struct way *w,
	  const char *what);

#endif
