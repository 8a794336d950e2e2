/* SPDX-License-Identifier: GPL-2.0-only */
/* A run: the lock that its threads share, and how it ends. */
#ifndef HVHOST_RUN_H
#define HVHOST_RUN_H

#include <pthread.h>

#include "core/types.h"

/* How a run ended; the process's exit status. */
enum run_end {
	RUN_POWEROFF = 0,
	RUN_HOST_ERROR = 1,
	RUN_USAGE = 2,
	RUN_RESET = 3,
	RUN_TRIPLE_FAULT = 4,
	RUN_TIMEOUT = 124,
};

struct run {
	/*
	 * Held by whoever handles an exit, a timer or input: device code never
	 * runs twice at once. Recursive.
	 */
	pthread_mutex_t lock;
	int end_fd;			/* readable once the run has ended */
	/* Have the vCPUs notice that; NULL: there are none yet */
	void (*kick)(void *opaque);
	void *opaque;
	/* Of run.c alone */
	pthread_mutex_t end_lock;
	bool ended;
	enum run_end how;
	char why[160];
};

int run_init(struct run *run);
bool run_lock(struct run *run, int ms);
void run_unlock(struct run *run);
void run_end(struct run *run, enum run_end how, const char *why);
bool run_over(const struct run *run);
enum run_end run_ended(struct run *run, const char **why);
void run_fail(struct run *run, int err, const char *fmt, ...) __printf(3, 4);
void run_guest_ends(struct run *run, enum run_end how, const char *cause,
		    const char *why);
void run_poweroff(struct run *run, const char *cause);
void run_reset(struct run *run, const char *cause);

#endif
