/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs here share: sweep and crs are linked of different objects. */
#ifndef SWEEP_COMMON_H
#define SWEEP_COMMON_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/types.h"

/* splitmix64 */
static inline u64 next_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* An option's value; ends the program if it is none from @min to @max. */
static inline long number(const char *option, const char *text, long min,
			  long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max) {
		fprintf(stderr, "%s: %s: '%s' is not a number from %ld to %ld\n",
			program_invocation_short_name, option, text, min, max);
		exit(2);
	}
	return n;
}

#endif
