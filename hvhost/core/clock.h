/* SPDX-License-Identifier: GPL-2.0-only */
/* Time that passes evenly, from no point in particular. */
#ifndef HVHOST_CLOCK_H
#define HVHOST_CLOCK_H

#include <time.h>

#include "core/types.h"

static inline s64 clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

static inline s64 clock_ms(void)
{
	return clock_us() / 1000;
}

#endif
