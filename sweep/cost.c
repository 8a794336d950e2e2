// SPDX-License-Identifier: GPL-2.0-only
/*
 * What MMIO space costs a kernel: pci-hyperv's own functions take a config
 * window and bridge windows for so many devices, and give them back, on
 * Generation 2 with little and with much low MMIO, in trees that are empty,
 * crowded, or full of holes; and beside a reservation of one size or another.
 *
 * Prints samples, with tabs: part, case, measure, unit, kernel, number, value.
 * Kernels take turns, so those of one number belong together. The value is per
 * device: nanoseconds of CPU time, or, if built with COUNT for gcc's
 * -fsanitize-coverage=trace-pc, basic blocks gone through, which are the same in
 * each run and on each machine. Locks do nothing here, memory comes from a pool,
 * and sweep/shortcut.h must not be in it: NO_SHORTCUT.
 */
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "common.h"
#include "kernel.h"

#ifndef NO_SHORTCUT
#error "with short cuts it measures nothing that a kernel does"
#endif

#define MAX_DEVICES	(MAX_BUSES / 2)
#define MAX_OTHERS	(MAX_BUSES - MAX_DEVICES)

/* Beside those that are measured, in trees that are not empty */
static int others = MAX_OTHERS;

/* A reservation on which only its size changes is Generation 1's. */
static const u64 reservations[] = { 8 * MIB, 32 * MIB, 128 * MIB, 512 * MIB };
static const u64 low_sizes[] = { 128 * MIB, 3072 * MIB };
static const int device_counts[] = { 1, 4, 16, 64, 256 };
static const char *const trees[] = { "empty", "crowded", "holes" };

/* Two 64-bit BARs, as Azure's NVMe has, and a 32-bit one that fits everywhere */
static const struct bus device = {
	.bar = { { 16 * KIB, true }, {}, { 32 * KIB, true }, {},
		 { 64 * KIB, false } },
};

#ifdef COUNT
static u64 blocks;

/* gcc puts a call to it into each basic block. */
__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void);
__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
	blocks++;
}

static u64 now(void)
{
	return blocks;
}

static const char unit[] = "blocks";
#else
static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static const char unit[] = "ns";
#endif

static void need_window(const struct kernel *k, int bus, const char *what,
			int err)
{
	if (!err)
		return;
	fprintf(stderr, "cost: %s: no %s for device %d: %s\n", k->name, what,
		bus, strerror(-err));
	exit(1);
}

static void take_configs(const struct kernel *k, int from, int to)
{
	struct range r;
	int i;

	for (i = from; i < to; i++) {
		k->add(i);
		need_window(k, i, "config window", k->config(i, &r));
	}
}

static void take_windows(const struct kernel *k, int from, int to)
{
	struct range low, high;
	int i;

	for (i = from; i < to; i++)
		need_window(k, i, "bridge windows",
			    k->windows(i, &device, &low, &high));
}

static void give_configs(const struct kernel *k, int from, int to)
{
	int i;

	for (i = from; i < to; i++)
		k->unconfig(i);
}

static void give_windows(const struct kernel *k, int from, int to)
{
	int i;

	for (i = from; i < to; i++)
		k->unwindows(i);
}

/* Puts into @k what is there before. */
static void plant(const struct kernel *k, const char *tree)
{
	int i;

	if (!strcmp(tree, "empty"))
		return;
	for (i = MAX_DEVICES; i < MAX_DEVICES + others; i++) {
		take_configs(k, i, i + 1);
		take_windows(k, i, i + 1);
	}
	if (strcmp(tree, "holes"))
		return;
	for (i = MAX_DEVICES; i < MAX_DEVICES + others; i += 2) {
		give_windows(k, i, i + 1);
		give_configs(k, i, i + 1);
	}
}

/* Config windows or, with config windows held, bridge windows; all of them, and
 * back again, @cycles times.
 */
static u64 cycle(const struct kernel *k, bool config, int devices, u64 cycles)
{
	u64 start = now();

	while (cycles--) {
		if (config) {
			take_configs(k, 0, devices);
			give_configs(k, 0, devices);
		} else {
			take_windows(k, 0, devices);
			give_windows(k, 0, devices);
		}
	}
	return now() - start;
}

static void measure(const char *setting, bool config, int devices, int samples,
		    u64 least)
{
	u64 cycles[kernel_count];
	int i, n;

	for (i = 0; i < kernel_count; i++) {
		u64 once;

		if (!config)
			take_configs(kernels[i], 0, devices);
		/* The first warms caches, and does not count. */
		cycle(kernels[i], config, devices, 1);
		once = cycle(kernels[i], config, devices, 1);
		cycles[i] = 1 + least / (once + 1);
	}
	for (n = 0; n < samples; n++) {
		for (i = 0; i < kernel_count; i++) {
			int who = (i + n) % kernel_count;
			u64 value = cycle(kernels[who], config, devices,
					  cycles[who]);

			printf("alloc\t%s devices=%d\t%s\t%s\t%s\t%d\t%.3f\n",
			       setting, devices, config ? "config" : "windows",
			       unit, kernels[who]->name, n,
			       (double)value / (double)cycles[who] / devices);
		}
	}
	for (i = 0; i < kernel_count && !config; i++)
		give_configs(kernels[i], 0, devices);
}

static void both(const char *setting, int devices, int samples, u64 least)
{
	measure(setting, true, devices, samples, least);
	measure(setting, false, devices, samples, least);
	fflush(stdout);
}

static void boot_all(const struct boot *boot)
{
	int i;

	for (i = 0; i < kernel_count; i++) {
		if (kernels[i]->boot(boot)) {
			fprintf(stderr, "cost: %s does not boot\n",
				kernels[i]->name);
			exit(1);
		}
	}
}

/* @low bytes of low MMIO, on Generation 2 */
static void lay_out(u64 low, struct layout *l)
{
	struct layout_request req = {
		.generation = 2, .memory = 512 * MIB, .low_mmio = low,
	};
	char why[160];

	if (layout_make(&req, l, why, sizeof(why))) {
		fprintf(stderr, "cost: %s\n", why);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "samples", required_argument, NULL, 's' },
		{ "max-devices", required_argument, NULL, 'd' },
		{ "others", required_argument, NULL, 'o' },
		{ "least", required_argument, NULL, 'a' },
		{}
	};
	long samples = 1, max_devices = MAX_DEVICES, least = 0;
	struct layout l;
	char setting[80];
	size_t i, t, d;
	int c, j;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			samples = number("--samples", optarg, 1, 100000);
			break;
		case 'd':
			max_devices = number("--max-devices", optarg, 1,
					     MAX_DEVICES);
			break;
		case 'o':
			others = (int)number("--others", optarg, 1, MAX_OTHERS);
			break;
		case 'a':
			least = number("--least", optarg, 0, 1000000);
			break;
		default:
			optind = argc + 1;
		}
		if (optind > argc)
			break;
	}
	if (optind != argc) {
		fprintf(stderr, "usage: cost [--samples N] [--max-devices N] [--others N] [--least MICROSECONDS]\n");
		return 2;
	}
	for (i = 0; i < ARRAY_SIZE(low_sizes); i++) {
		struct boot b = { .efi = true };

		lay_out(low_sizes[i], &l);
		b.crs = l.crs;
		b.crs_count = l.crs_count;
		b.told = l.fb_firmware;
		b.offered_mib = (u16)l.mmio_megabytes;
		for (t = 0; t < ARRAY_SIZE(trees); t++) {
			boot_all(&b);
			for (j = 0; j < kernel_count; j++)
				plant(kernels[j], trees[t]);
			snprintf(setting, sizeof(setting), "low=%lluM tree=%s",
				 low_sizes[i] / MIB, trees[t]);
			for (d = 0; d < ARRAY_SIZE(device_counts); d++)
				if (device_counts[d] <= max_devices)
					both(setting, device_counts[d],
					     (int)samples, (u64)least * 1000);
		}
	}
	/* The largest low window, of the last above, for all of them */
	for (i = 0; i < ARRAY_SIZE(reservations); i++) {
		struct range bar = { l.usable[0].start,
				     l.usable[0].start + reservations[i] - 1 };
		struct boot b = {
			.crs = l.crs, .crs_count = l.crs_count, .vga_bar = &bar,
			.offered_mib = (u16)l.mmio_megabytes,
		};

		boot_all(&b);
		snprintf(setting, sizeof(setting), "low=%lluM reserved=%lluM",
			 low_sizes[ARRAY_SIZE(low_sizes) - 1] / MIB,
			 reservations[i] / MIB);
		both(setting, 1, (int)samples, (u64)least * 1000);
	}
	return 0;
}
