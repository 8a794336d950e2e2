// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the second try: the host refuses a config window, and each
 * kernel that tries another one has to choose it as documented, and to free
 * what was refused.
 */
#include <string.h>

#include "kernel.h"
#include "second.h"

#define MAX_WINDOWS	2
#define MAX_FILLERS	8
#define MAX_TRIES	4
#define CONFIG_BYTES	0x2000

struct test {
	const char *name;
	struct range crs[MAX_WINDOWS];
	int crs_count;
	u64 first;			/* the only free place at first */
	bool full;			/* ... and also later */
	int refusals;
	u64 next[MAX_TRIES];		/* which it has to try, up to 0 */
	bool fails;
	u16 offered_mib;		/* of video memory, 0: few */
};

/* With 128 MiB reserved at e0000000, or 64 MiB at f8000000 */
#define LARGE	{ 0xe0000000, 0xffffffff }
#define SMALL	{ 0xf8000000, 0xffffffff }
#define HIGH	{ 0x100000000, 0x13fffffff }
#define SHORT	{ 0x100000000, 0x113ffffff }
#define USABLE_END	0xfed3ffff

static const struct test tests[] = {
	{ "the host takes the first window", { LARGE, HIGH }, 2,
	  0xe8000000, .refusals = 0 },
	{ "up: 128 MiB behind the refused window", { LARGE, HIGH }, 2,
	  0xe8000000, .refusals = 1, .next = { 0xf0002000 } },
	{ "up: in the next MMIO window", { LARGE, HIGH }, 2,
	  0xfec01000, .refusals = 1, .next = { 0x106c03000 } },
	{ "down: 128 MiB before the refused window", { LARGE }, 1,
	  0xfed3e000, .refusals = 1, .next = { 0xe8000000 } },
	{ "down: exactly 128 MiB before it", { LARGE }, 1,
	  0xf0002000, .refusals = 1, .next = { 0xf8004000 } },
	{ "down: although high MMIO is preferred", { SMALL, SHORT }, 2,
	  0x10c800000, .refusals = 1, .next = { 0xfc000000 },
	  .offered_mib = 128 },
	{ "anywhere: there is no place 128 MiB away", { SMALL }, 1,
	  0xfc000000, .refusals = 1, .next = { 0xfc002000 } },
	{ "none: there is no other place", { SMALL }, 1,
	  0xfc000000, .full = true, .refusals = 1, .fails = true },
	{ "the second window is refused, too", { LARGE, HIGH }, 2,
	  0xe8000000, .refusals = 2, .next = { 0xf0002000, 0xf8004000 } },
	{ "all three are refused", { LARGE, HIGH }, 2, 0xe8000000,
	  .refusals = 9, .next = { 0xf0002000, 0xf8004000 }, .fails = true },
};

struct host {
	const struct test *test;
	u64 tried[MAX_TRIES + 1];
	int count;
};

static bool takes(void *arg, const struct range *config)
{
	struct host *h = arg;

	if (h->count <= MAX_TRIES)
		h->tried[h->count] = config->start;
	return h->count++ >= h->test->refusals;
}

/* Take all that is free but [@hole, @hole + CONFIG_BYTES) */
static int fill(const struct kernel *k, const struct test *t, struct range *out)
{
	struct range reserve, r[2 * MAX_WINDOWS];
	int i, n = 0, count = 0;

	k->reserved(&reserve);
	for (i = 0; i < t->crs_count; i++) {
		u64 start = t->crs[i].start, end = t->crs[i].end;

		if (start == reserve.start)
			start = reserve.end + 1;
		if (start < 4 * GIB)
			end = USABLE_END;
		if (t->first < start || t->first > end) {
			r[n++] = (struct range) { start, end };
			continue;
		}
		r[n++] = (struct range) { start, t->first - 1 };
		r[n++] = (struct range) { t->first + CONFIG_BYTES, end };
	}
	for (i = 0; i < n; i++)
		if (r[i].start < r[i].end &&
		    !k->allocate(r[i].start, r[i].end,
				 r[i].end - r[i].start + 1, HV_PAGE_SIZE, false,
				 &out[count]))
			count++;
	return count;
}

static void free_all(const struct kernel *k, const struct range *r, int count)
{
	while (count--)
		k->free(r[count].start, r[count].end - r[count].start + 1);
}

static bool passes(const struct kernel *k, const struct test *t, char *why,
		   size_t size)
{
	const struct boot boot = {
		.crs = t->crs, .crs_count = t->crs_count, .efi = true,
		.offered_mib = t->offered_mib ?: 8,
	};
	struct range fillers[MAX_FILLERS], window;
	struct host h = { .test = t };
	u64 before, last = t->first;
	int i, err, count;

	k->boot(&boot);
	before = k->state();
	count = fill(k, t, fillers);
	k->add(0);
	err = k->config(0, &window);
	if (err || window.start != t->first) {
		snprintf(why, size, "the first is at %#llx, not %#llx (error %d)",
			 window.start, t->first, err);
		return false;
	}
	if (!t->full)
		free_all(k, fillers, count);
	err = k->enter_d0(0, takes, &h, &window);
	for (i = 0; i <= MAX_TRIES; i++) {
		u64 want = i ? t->next[i - 1] : t->first;
		u64 got = i < h.count ? h.tried[i] : 0;

		if (want != got) {
			snprintf(why, size, "try %d is at %#llx, not %#llx",
				 i + 1, got, want);
			return false;
		}
		if (want)
			last = want;
	}
	if (!err == t->fails || window.start != last) {
		snprintf(why, size, "it ends at %#llx with error %d",
			 window.start, err);
		return false;
	}
	k->unconfig(0);
	if (t->full)
		free_all(k, fillers, count);
	if (k->state() != before) {
		snprintf(why, size, "not all is free again");
		return false;
	}
	return true;
}

/**
 * second() - Test each kernel that tries another config window.
 * @out:	Gets a line a test: "ok NAME", or "not ok NAME: WHY"
 *
 * Return: how many failed, or 1 if no kernel tries another one.
 */
int second(FILE *out)
{
	int k, failed = 0, ran = 0;
	char why[200];
	size_t t;

	for (k = 0; k < 2 * kernel_count; k++) {
		const struct kernel *kernel = k % 2 ? arm64_kernels[k / 2] :
						      kernels[k / 2];
		const char *arch = k % 2 ? "arm64" : "x86";

		for (t = 0; kernel->retries && t < ARRAY_SIZE(tests); t++) {
			bool ok = passes(kernel, &tests[t], why, sizeof(why));

			fprintf(out, "%sok %s, %s: %s%s%s\n", ok ? "" : "not ",
				kernel->name, arch, tests[t].name,
				ok ? "" : ": ", ok ? "" : why);
			failed += !ok;
			ran++;
		}
	}
	if (!ran)
		fprintf(out, "not ok no kernel tries another config window\n");
	return ran ? failed : 1;
}
