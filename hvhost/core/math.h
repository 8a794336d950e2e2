/* SPDX-License-Identifier: GPL-2.0-only */
/* Arithmetic on addresses and sizes. */
#ifndef HVHOST_MATH_H
#define HVHOST_MATH_H

#include "core/types.h"

static inline u64 min64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static inline u64 max64(u64 a, u64 b)
{
	return a > b ? a : b;
}

/* The next multiple of @step, which is any number but 0 */
static inline u64 round_up64(u64 value, u64 step)
{
	return (value + step - 1) / step * step;
}

/* 0 is not one. */
static inline bool is_power_of_two(u64 value)
{
	return value && !(value & (value - 1));
}

#endif
