// SPDX-License-Identifier: GPL-2.0-only
/*
 * The largest BAR for which each kernel finds space on the default layouts,
 * with one device and with several, as a table.
 */
#include <string.h>

#include "dims.h"
#include "largest.h"

#define DEFAULT_FB_MIB	8

/* The other devices are Azure's NVMe. ONE: one device has the BAR. */
enum mode { ONE, EQUAL };

struct what {
	const char *name;
	bool is_64;
	enum mode mode;
	int buses;
};

static const struct what whats[] = {
	{ "bar32", false, ONE, 1 },
	{ "bar32_and_3_nvme", false, ONE, 4 },
	{ "bar32_twice", false, EQUAL, 2 },
	{ "bar64", true, ONE, 1 },
	{ "bar64_twice", true, EQUAL, 2 },
};

static void make_set(struct pci_set *set, const struct what *what, u64 size,
		     int large)
{
	int i;

	memset(set, 0, sizeof(*set));
	set->buses = what->buses;
	for (i = 0; i < what->buses; i++) {
		struct bus *b = &set->bus[i];

		if (what->mode == EQUAL || i == large) {
			b->bar[0].size = size;
			b->bar[0].is_64 = what->is_64;
		} else {
			b->bar[0].size = 16 * KIB;
			b->bar[0].is_64 = true;
			b->bar[2].size = 32 * KIB;
			b->bar[2].is_64 = true;
		}
	}
}

/* Does each device get its space, wherever in the order the large one is? */
static bool fits(const struct kernel *k, const struct point *p,
		 const struct what *what, u64 size)
{
	const struct before before = { .layout = &p->layout, .fb = p->layout.fb };
	const struct boot boot = dims_boot(p, VIEW_TRUE, true);
	static struct outcome o;
	static struct pci_set set;
	int large;

	for (large = 0; large < what->buses; large++) {
		make_set(&set, what, size, large);
		life(k, &boot, VIDEO_FIRST, &set, &before, &o);
		if (o.faults & FAILURES)
			return false;
		if (what->mode == EQUAL)
			break;
	}
	return true;
}

/**
 * largest() - The largest BARs that fit.
 * @out:	Gets a line for each kernel, host and set of devices
 *
 * The video driver is first: a kernel that reserves nothing knows only then
 * where the framebuffer is.
 */
void largest(FILE *out)
{
	static const enum group groups[] = { GEN1, GEN2_X86, GEN2_ARM64 };
	static struct point p;
	size_t g, w;
	int k;

	fprintf(out, "kernel\thost\tbars\tmib\n");
	for (k = 0; k < kernel_count; k++) {
		for (g = 0; g < ARRAY_SIZE(groups); g++) {
			const struct asked asked = {
				.group = groups[g], .high = HIGH_512M,
				.fb_mib = DEFAULT_FB_MIB,
			};

			dims_fill_in(&p, &asked);
			for (w = 0; w < ARRAY_SIZE(whats); w++) {
				u64 size = 2 * GIB;

				while (size >= MIB &&
				       !fits(kernel_for(k, groups[g]), &p,
					     &whats[w], size))
					size >>= 1;
				fprintf(out, "%s\t%s\t%s\t%llu\n",
					kernels[k]->name, group_names[groups[g]],
					whats[w].name, size / MIB);
			}
		}
	}
}
