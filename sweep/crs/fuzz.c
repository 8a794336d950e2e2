// SPDX-License-Identifier: GPL-2.0-only
/*
 * crs for libFuzzer: a list, and all that is done with it, is drawn from an input, and from
 * a fixed seed when that is used up. Inputs that reach new code of the kernel are kept.
 */
#include "common.h"
#include "crs/class.h"
#include "crs/draw.h"
#include "crs/jobs.h"
#include "crs/play.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

/**
 * LLVMFuzzerTestOneInput() - Play the list of one input.
 * @data:	The input
 * @len:	Its bytes
 *
 * Return: 0; does not return if the kernel's code is wrong.
 */
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static u64 count[CLASSES];
	char why[MAX_WHY] = "";
	struct list l = {
		.kernel = kernels[kernel_count - 1], .count = count, .why = why,
		.why_size = sizeof(why), .input = data, .input_left = len,
	};

	draw_list(&l, 0, 0);
	if (!play_list(&l)) {
		list_show(&l, stderr);
		fprintf(stderr, "\ncrs: %s: %s\n", l.kernel->name, why);
		abort();
	}
	return 0;
}
