/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzzers share: an input that is used up from its front. */
#ifndef HVHOST_TESTS_FUZZ_H
#define HVHOST_TESTS_FUZZ_H

#include <string.h>

#include "core/types.h"

struct input {
	const u8 *data;
	size_t len;
};

/* The next bytes as a number, 8 at most; zeroes when there are no more */
static u64 take(struct input *in, size_t bytes)
{
	u64 value = 0;

	if (bytes > in->len)
		bytes = in->len;
	memcpy(&value, in->data, bytes);
	in->data += bytes;
	in->len -= bytes;
	return value;
}

#endif
