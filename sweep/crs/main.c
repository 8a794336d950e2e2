// SPDX-License-Identifier: GPL-2.0-only
/*
 * crs [--kernel NAME] [--count N] [--seed S] [--jobs N] [--failures N]
 * crs [--kernel NAME] [--seed S] --only INDEX
 *
 * A kernel's MMIO code on random _CRS, most of it such as no host should have:
 * its windows, its reservation and each answer to a random sequence of requests
 * are held against what is computed here from what the kernel documents
 * (Documentation/virt/hyperv/mmio.rst and the comments in vmbus_drv.c), on
 * plain intervals. To be built with sanitizers: sweep/Makefile does that.
 *
 * A list, and all that is done with it, comes from the seed and its index alone.
 * What fails is told in a line that ends with the command to see it again. Exit
 * status: 0; 1 if something failed; 2 for what makes no sense.
 */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "crs/class.h"
#include "crs/draw.h"
#include "crs/jobs.h"
#include "crs/play.h"

static int main_one(const struct kernel *k, u64 seed, u64 index)
{
	u64 count[CLASSES] = {};
	char why[MAX_WHY] = "";
	struct list l = {
		.kernel = k, .count = count, .verbose = true, .why = why,
		.why_size = sizeof(why),
	};

	/* Its last line is where it crashed. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	draw_list(&l, seed, index);
	list_show(&l, stdout);
	printf("\n");
	if (play_list(&l)) {
		printf("all is right\n");
		return 0;
	}
	jobs_show_failure(k, seed, index, why);
	return 1;
}

static const struct kernel *main_kernel(const char *name)
{
	int i;

	for (i = 0; i < kernel_count; i++)
		if (!strcmp(kernels[i]->name, name))
			return kernels[i];
	fprintf(stderr, "crs: --kernel: there is no kernel '%s' in this one, but",
		name);
	for (i = 0; i < kernel_count; i++)
		fprintf(stderr, " %s", kernels[i]->name);
	fprintf(stderr, "\n");
	exit(2);
}

static void main_usage(void)
{
	fprintf(stderr,
		"usage: crs [--kernel NAME] [--count N] [--seed S] [--jobs N] [--failures N]\n"
		"       crs [--kernel NAME] [--seed S] --only INDEX\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kernel", required_argument, NULL, 'k' },
		{ "count", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "failures", required_argument, NULL, 'f' },
		{ "only", required_argument, NULL, 'o' },
		{}
	};
	long jobs = sysconf(_SC_NPROCESSORS_ONLN), count = 1000000, seed = 1;
	long failures = 10, only = -1;
	const struct kernel *k = kernels[kernel_count - 1];
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			k = main_kernel(optarg);
			break;
		case 'c':
			count = number("--count", optarg, 1, 1000000000);
			break;
		case 's':
			seed = number("--seed", optarg, 0, 1000000000);
			break;
		case 'j':
			jobs = number("--jobs", optarg, 1, MAX_JOBS);
			break;
		case 'f':
			failures = number("--failures", optarg, 1,
					  MAX_FAILURES);
			break;
		case 'o':
			only = number("--only", optarg, 0, 1000000000);
			break;
		default:
			main_usage();
		}
	}
	if (argc != optind)
		main_usage();
	if (only >= 0)
		return main_one(k, (u64)seed, (u64)only);
	if (jobs < 1 || jobs > MAX_JOBS)
		jobs = 1;
	return jobs_run(k, (u64)seed, (u64)count, (int)jobs, (int)failures);
}
