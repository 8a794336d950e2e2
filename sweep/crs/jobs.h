/* SPDX-License-Identifier: GPL-2.0-only */
/* Many lists, in several processes */
#ifndef SWEEP_CRS_JOBS_H
#define SWEEP_CRS_JOBS_H

#include "kernel.h"

#define MAX_JOBS	1024
#define MAX_FAILURES	1000
#define MAX_WHY		320		/* bytes of what is wrong with a list */

int jobs_run(const struct kernel *k, u64 seed, u64 count, int jobs,
	     int failures);
void jobs_show_failure(const struct kernel *k, u64 seed, u64 index,
		       const char *why);

#endif
