/* SPDX-License-Identifier: GPL-2.0-only */
/* Chains: kernels that start each other, any number of them in any order */
#ifndef SWEEP_CHAIN_H
#define SWEEP_CHAIN_H

#include <stdio.h>

#include "dims.h"

/* Places where kernels of all chains on one layout leave the framebuffer */
#define MAX_FBS		256

/* Kernels in a chain that is drawn and lived through, or shown */
#define CHAIN		10

/* What comes of one kernel: its faults and notes, and where the framebuffer is then */
struct step {
	u32 faults;
	int fb;
};

/* One layout with one set of devices, and what the sweep found of kernels on it */
struct chain_on {
	const struct point *p;
	int point;			/* its number */
	enum set set;
	void *work;
	/* The kernel finds the framebuffer at fb(@fb); 0 is where the host has it */
	struct step (*step)(void *work, int fb, int kernel, enum order order,
			    enum view view, bool efi);
	const struct range *(*fb)(void *work, int fb);
};

/* The kernels of a chain, each as it was started */
struct chain_link {
	u8 kernel, order, view, efi;
};

struct chain_example {
	u32 rank;			/* smaller is worse or shorter; 0: none */
	u32 faults;
	int point, length;
	enum set set;
	struct chain_link link[CHAIN];
};

/* Of one last kernel, after chains of any length of some kernels */
struct chain_count {
	int last_point, last_conflict;	/* plus 1 */
	u64 layouts, layouts_conflict;
	u64 states;			/* that the last kernel can be started in */
	u64 steps;			/* states, and orders of its drivers */
	u64 conflict, fb_conflict;
	/* Its driver moves the framebuffer to where it never is in chains of this kernel
	 * and newer ones
	 */
	u64 strays;
	u64 of[NOTES];
	u32 deepest;			/* so many kernels are before the last new state */
	struct chain_example example;
};

/* By the oldest kernel in the chain (chains have it and all that are newer), and the last */
struct chain_counts {
	struct chain_count count[MAX_KERNELS][MAX_KERNELS];
};

void chains(const struct chain_on *on, struct chain_counts *counts[2]);
void chain_add(struct chain_counts *to, const struct chain_counts *from);
void chains_write(FILE *f, const struct chain_counts *counts, const char *told,
		  const char *group, const struct asked *points);

#endif
