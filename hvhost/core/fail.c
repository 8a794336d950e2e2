// SPDX-License-Identifier: GPL-2.0-only
/* What failed, for the user. */
#include <limits.h>
#include <string.h>

#include "core/fail.h"

/**
 * say_failed() - Say on stderr what failed, and why.
 * @err:	Why: a negative errno value
 * @fmt:	What, as for printf(), without a newline
 *
 * For example: "hvhost: RTC ports: File exists".
 *
 * Return: @err.
 */
int say_failed(int err, const char *fmt, ...)
{
	char what[PATH_MAX + 200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	fprintf(stderr, "hvhost: %s: %s\n", what, strerror(-err));
	return err;
}
