/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors: say_failed() tells the user what failed, say_host_failed() also fails the run,
 * refuse() tells a caller why its request cannot be. Errors are negative errno values.
 */
#ifndef HVHOST_FAIL_H
#define HVHOST_FAIL_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/types.h"

int say_failed(int err, const char *fmt, ...) __printf(2, 3);
int say_host_failed(int err, const char *fmt, ...) __printf(2, 3);
const char *host_failure(void);

/* Write why into a caller's buffer. Return: -EINVAL. */
__printf(3, 4)
static inline int refuse(char *why, size_t why_len, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, why_len, fmt, args);
	va_end(args);
	return -EINVAL;
}

#endif
