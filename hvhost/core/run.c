// SPDX-License-Identifier: GPL-2.0-only
/* A run: the lock that its threads share, and how it ends. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/fail.h"
#include "core/run.h"
#include "core/trace.h"

/**
 * run_init() - Begin a run.
 * @run:	Zero, but for ->kick and ->opaque
 *
 * Return: 0, or -errno after having said what failed.
 */
int run_init(struct run *run)
{
	pthread_mutexattr_t attr;

	/* A device may end up in another, or in itself through an interrupt. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&run->lock, &attr);
	pthread_mutex_init(&run->end_lock, NULL);
	run->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->end_fd >= 0)
		return 0;
	return say_failed(-errno, "eventfd");
}

/**
 * run_lock() - Take the lock, but do not wait for it for ever.
 * @run:	The run
 * @ms:		Milliseconds to wait at most
 *
 * For whoever has to go on when a vCPU's thread, which holds it, is stuck.
 *
 * Return: true if the lock is held now.
 */
bool run_lock(struct run *run, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000l;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return !pthread_mutex_clocklock(&run->lock, CLOCK_MONOTONIC, &until);
}

/**
 * run_unlock() - Release the lock.
 * @run:	The run, whose lock the caller holds
 */
void run_unlock(struct run *run)
{
	pthread_mutex_unlock(&run->lock);
}

/**
 * run_end() - End the run.
 * @run:	The run
 * @how:	The exit status
 * @why:	In words, for the trace
 *
 * The first call decides. May be called in any thread, with or without the
 * lock; returns at once.
 */
void run_end(struct run *run, enum run_end how, const char *why)
{
	u64 one = 1;

	pthread_mutex_lock(&run->end_lock);
	if (!run->ended) {
		run->how = how;
		snprintf(run->why, sizeof(run->why), "%s", why);
		__atomic_store_n(&run->ended, true, __ATOMIC_SEQ_CST);
		if (write(run->end_fd, &one, sizeof(one)) < 0) {
			say_failed(-errno, "the end of the run cannot be told");
			_exit(RUN_HOST_ERROR);
		}
		if (run->kick)
			run->kick(run->opaque);
	}
	pthread_mutex_unlock(&run->end_lock);
}

/**
 * run_over() - Has the run ended?
 * @run:	The run
 *
 * Return: true if it has.
 */
bool run_over(const struct run *run)
{
	return __atomic_load_n(&run->ended, __ATOMIC_SEQ_CST);
}

/**
 * run_ended() - How the run ended.
 * @run:	The run, whose ->end_fd is readable
 * @why:	Set to the reason in words
 *
 * Return: the exit status.
 */
enum run_end run_ended(struct run *run, const char **why)
{
	pthread_mutex_lock(&run->end_lock);
	pthread_mutex_unlock(&run->end_lock);
	*why = run->why;
	return run->how;
}

/**
 * run_fail() - Something failed that the run cannot do without: end it.
 * @run:	The run
 * @err:	Why: a negative errno value
 * @fmt:	What failed, as for printf()
 *
 * stderr is told of both, the trace of what failed.
 */
void run_fail(struct run *run, int err, const char *fmt, ...)
{
	char what[120], why[sizeof(run->why)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	say_failed(err, "%s", what);
	snprintf(why, sizeof(why), "%s failed", what);
	run_end(run, RUN_HOST_ERROR, why);
}

/**
 * run_guest_ends() - The guest switched itself off, or reset itself.
 * @run:	The run
 * @how:	RUN_POWEROFF or RUN_RESET
 * @cause:	How it did, for the trace's event
 * @why:	The same, for the end of the run
 */
void run_guest_ends(struct run *run, enum run_end how, const char *cause,
		    const char *why)
{
	if (how == RUN_POWEROFF)
		trace_begin("poweroff");
	else
		trace_begin("reset");
	trace_str("cause", cause);
	trace_end();
	run_end(run, how, why);
}

/**
 * run_poweroff() - The guest switched itself off.
 * @run:	The run
 * @cause:	How it did, for the trace
 */
void run_poweroff(struct run *run, const char *cause)
{
	run_guest_ends(run, RUN_POWEROFF, cause, cause);
}

/**
 * run_reset() - The guest reset itself.
 * @run:	The run
 * @cause:	How it did, for the trace
 */
void run_reset(struct run *run, const char *cause)
{
	run_guest_ends(run, RUN_RESET, cause, cause);
}
