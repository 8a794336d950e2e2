/* SPDX-License-Identifier: GPL-2.0-only */
/* A list of windows, what is expected of it, and what has become of it so far */
#ifndef SWEEP_CRS_LIST_H
#define SWEEP_CRS_LIST_H

#include <stdio.h>

#include "kernel.h"
#include "crs/range.h"

/* How many there can be of what */
#define MAX_RANGES	12
#define MAX_WINDOWS	(MAX_RANGES + 1) /* the hole can cut one in two */
#define MAX_TAKEN	32
#define BUSES		3

struct request {
	u64 min, max, size, align;
	bool fb_ok;
};

/* What was handed out, and who gives it back */
enum owner { CALLER, CONFIG, LOW, HIGH };

struct taken {
	enum owner owner;
	int bus;
};

/* A bus gets its config window, then its bridge windows. */
enum bus_state { BUS_OFF, BUS_CONFIG, BUS_ON };

struct list {
	const struct kernel *kernel;
	u64 seed, index, random;
	/* What is drawn is taken from here first, see fuzz.c. */
	const u8 *input;
	size_t input_left;
	bool verbose, patient;
	u64 *count;
	char *why;
	size_t why_size;

	struct range crs[MAX_RANGES], busy[2], vga, told;
	int crs_count, busy_count;
	bool has_vga, efi, devicetree;
	u16 offered;			/* MiB of video memory */

	struct range windows[MAX_WINDOWS], reserve, kept;
	int window_count;
	bool has_reserve, has_kept;

	struct request last;
	u64 before;			/* state() before the last request */
	struct range taken[MAX_TAKEN];
	struct taken how[MAX_TAKEN];
	int taken_count;
	enum bus_state bus[BUSES];
};

/* A request in words */
struct request_text {
	char text[120];
};

__printf(2, 3)
void list_say(const struct list *l, const char *format, ...);
__printf(2, 3)
bool list_wrong(struct list *l, const char *format, ...);
void list_show(const struct list *l, FILE *f);
struct request_text list_request(const struct request *q);
void list_take(struct list *l, const struct range *r, enum owner who, int bus);
void list_forget(struct list *l, int i);

#endif
