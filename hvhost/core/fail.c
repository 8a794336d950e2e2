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

/* The first one; what is written here stays */
static struct {
	bool taken, known;		/* atomic */
	char what[PATH_MAX + 200];
} failure;

/**
 * say_host_failed() - Say that the host itself failed: the run proves nothing.
 * @err:	Why: a negative errno value
 * @fmt:	What, as for say_failed()
 *
 * For what no guest can cause, where the run does not have to end at once. Only the
 * first call says anything, since others may follow from the same cause.
 *
 * Return: @err.
 */
int say_host_failed(int err, const char *fmt, ...)
{
	va_list args;

	if (__atomic_exchange_n(&failure.taken, true, __ATOMIC_SEQ_CST))
		return err;
	va_start(args, fmt);
	vsnprintf(failure.what, sizeof(failure.what), fmt, args);
	va_end(args);
	__atomic_store_n(&failure.known, true, __ATOMIC_SEQ_CST);
	return say_failed(err, "%s", failure.what);
}

/**
 * host_failure() - What say_host_failed() was first called for.
 *
 * Return: it, or NULL. Any thread may call this.
 */
const char *host_failure(void)
{
	return __atomic_load_n(&failure.known, __ATOMIC_SEQ_CST) ? failure.what : NULL;
}
