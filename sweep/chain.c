// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chains: kernels that start each other, any number of them in any order. What one
 * hands to the next is a state: where the framebuffer is, what screen_info says, and
 * whether there is EFI; the host takes back all other MMIO space. States are few. So a
 * search from those of a first kernel, through every kernel in each, until no state is
 * new, covers all chains of all lengths.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "common.h"

#define MAX_STATES	(MAX_FBS * VIEWS * 2)

/* How a kernel starts, and which one started it */
struct state {
	int fb;
	enum view view;
	bool efi;
	int before;			/* the state of that one, or -1 */
	u8 kernel, order;		/* that one */
	u32 length;			/* kernels before */
};

struct search {
	struct state state[MAX_STATES];
	int count;
	int number[MAX_FBS][VIEWS][2];	/* of state[], or -1 */
	/* Where chains of this kernel and newer ones have the framebuffer */
	bool own[MAX_KERNELS][MAX_FBS];
};

static void reach(struct search *s, struct state state)
{
	int *number = &s->number[state.fb][state.view][state.efi];

	if (*number >= 0)
		return;
	*number = s->count;
	s->state[s->count++] = state;
}

/* What first kernels are told: the truth or nothing, or a lie */
static void reach_first(const struct chain_on *on, struct search *s, bool lie)
{
	struct way way = { .path = BOOT, .set = on->set, .efi = true };
	int told;

	s->count = 0;
	memset(s->number, 0xff, sizeof(s->number));
	for (told = 0; told < TOLDS; told++) {
		way.told = told;
		if ((told == TOLD_STALE) == lie && dims_has(on->p, &way))
			reach(s, (struct state) {
				.view = dims_view(told, false), .efi = true,
				.before = -1 });
	}
}

/* All states that the kernel hands on when the framebuffer is at @fb */
static void reach_next(const struct chain_on *on, struct search *s, int i,
		       int k, enum order order, int fb)
{
	const struct state *from = &s->state[i];
	int view, efi;

	for (view = 0; view < VIEWS; view++)
		for (efi = 0; efi < 2; efi++)
			if (dims_hands_on(on->p, from->view, from->efi, view, efi))
				reach(s, (struct state) {
					.fb = fb, .view = view, .efi = efi,
					.before = i, .kernel = k, .order = order,
					.length = from->length + 1 });
}

/* The worst fault, of these in the shortest chain, is easiest to look at. */
static void keep(const struct chain_on *on, const struct search *s, int i,
		 int k, enum order order, u32 faults, struct chain_example *e)
{
	u32 length = s->state[i].length + 1;
	u32 rank = (u32)__builtin_ctz(faults & CONFLICTS) << 8 | length;
	int n = (int)length;

	if ((e->rank && e->rank <= rank) || n > CHAIN)
		return;
	*e = (struct chain_example) {
		.rank = rank, .faults = faults, .point = on->point,
		.length = n, .set = on->set,
	};
	while (n--) {
		const struct state *state = &s->state[i];

		e->link[n] = (struct chain_link) {
			(u8)k, (u8)order, (u8)state->view, state->efi };
		k = state->kernel;
		order = state->order;
		i = state->before;
	}
}

static void count_step(const struct chain_on *on, const struct search *s, int i,
		       int k, enum order order, const struct step *step,
		       struct chain_count *c)
{
	int j;

	c->steps++;
	for (j = 0; j < NOTES; j++)
		c->of[j] += step->faults >> j & 1;
	c->fb_conflict += !!(step->faults & FB_CONFLICTS);
	c->strays += order != NO_VIDEO && !(step->faults & 1u << NO_VRAM) &&
		     !s->own[k][step->fb];
	if (!(step->faults & CONFLICTS))
		return;
	c->conflict++;
	keep(on, s, i, k, order, step->faults, &c->example);
	if (c->last_conflict != on->point + 1)
		c->layouts_conflict++;
	c->last_conflict = on->point + 1;
}

/* Chains of @oldest and the newer ones */
static void search(const struct chain_on *on, struct search *s, int oldest,
		   bool lie, struct chain_count count[MAX_KERNELS])
{
	int i, k, order;

	reach_first(on, s, lie);
	memset(s->own[oldest], true, sizeof(s->own[oldest]));
	for (i = 0; i < s->count; i++) {
		const struct state state = s->state[i];

		for (k = oldest; k < kernel_count; k++) {
			for (order = 0; order < ORDERS; order++) {
				struct step step = on->step(on->work, state.fb, k,
					order, state.view, state.efi);

				count_step(on, s, i, k, order, &step, &count[k]);
				reach_next(on, s, i, k, order, step.fb);
			}
		}
	}
	memset(s->own[oldest], false, sizeof(s->own[oldest]));
	for (i = 0; i < s->count; i++)
		s->own[oldest][s->state[i].fb] = true;
	for (k = oldest; s->count && k < kernel_count; k++) {
		struct chain_count *c = &count[k];
		u32 length = s->state[s->count - 1].length;

		c->layouts += c->last_point != on->point + 1;
		c->last_point = on->point + 1;
		c->states += s->count;
		if (c->deepest < length)
			c->deepest = length;
	}
}

static bool same(const struct range *a, const struct range *b)
{
	return a->start == b->start && a->end == b->end;
}

/*
 * One chain that is drawn, lived through without short cuts: the search has to have been
 * in each of its states, and to have found the same there.
 */
static void walk(const struct chain_on *on, const struct search *s)
{
	u64 random = (u64)on->point * SETS + on->set;
	struct before before = { .layout = &on->p->layout, .fb = *on->fb(on->work, 0) };
	struct state state;
	static struct outcome o;
	int i, n, firsts = 0;

	while (firsts < s->count && !s->state[firsts].length)
		firsts++;
	if (!firsts)
		return;
	state = s->state[next_random(&random) % firsts];
	for (n = 1; n <= CHAIN; n++) {
		int k = next_random(&random) % kernel_count;
		enum order order = next_random(&random) % ORDERS;
		const struct boot b = dims_boot(on->p, state.view, state.efi);
		struct step step;

		if (s->number[state.fb][state.view][state.efi] < 0)
			break;
		life(kernel_for(k, on->p->group), &b, order, &on->p->set[on->set],
		     &before, &o);
		step = on->step(on->work, state.fb, k, order, state.view, state.efi);
		if (o.faults != step.faults || !same(&o.fb, on->fb(on->work, step.fb)))
			break;
		before.fb = o.fb;
		state.fb = step.fb;
		do {
			i = next_random(&random) % (VIEWS * 2);
		} while (!dims_hands_on(on->p, state.view, state.efi, i / 2, i % 2));
		state.view = i / 2;
		state.efi = i % 2;
	}
	if (n > CHAIN)
		return;
	fprintf(stderr, "sweep: a chain leads elsewhere at its kernel %d: %s, low MMIO %u MiB, framebuffer %u MiB, %s, %s\n",
		n, group_names[on->p->group], on->p->asked.low_mib,
		on->p->asked.fb_mib, high_names[on->p->asked.high],
		set_names[on->set]);
	abort();
}

/**
 * chains() - Go through all chains of kernels on a layout.
 * @on:		The layout, and the devices on it
 * @counts:	Are added to: what comes of the last kernel if screen_info tells the
 *		truth or nothing, and if it lies
 */
void chains(const struct chain_on *on, struct chain_counts *counts[2])
{
	static struct search s;
	int oldest, lie;

	for (lie = 0; lie < 2; lie++) {
		for (oldest = kernel_count - 1; oldest >= 0; oldest--)
			search(on, &s, oldest, lie, counts[lie]->count[oldest]);
		if ((int)on->set == on->point % SETS)
			walk(on, &s);
	}
}

static void add_count(struct chain_count *to, const struct chain_count *from)
{
	int i;

	to->layouts += from->layouts;
	to->layouts_conflict += from->layouts_conflict;
	to->states += from->states;
	to->steps += from->steps;
	to->conflict += from->conflict;
	to->fb_conflict += from->fb_conflict;
	to->strays += from->strays;
	for (i = 0; i < NOTES; i++)
		to->of[i] += from->of[i];
	if (to->deepest < from->deepest)
		to->deepest = from->deepest;
	if (from->example.rank &&
	    (!to->example.rank || from->example.rank < to->example.rank))
		to->example = from->example;
}

/**
 * chain_add() - Add what another process counted.
 * @to:		Is added to
 * @from:	That
 */
void chain_add(struct chain_counts *to, const struct chain_counts *from)
{
	int i;

	for (i = 0; i < MAX_KERNELS * MAX_KERNELS; i++)
		add_count(&to->count[i / MAX_KERNELS][i % MAX_KERNELS],
			  &from->count[i / MAX_KERNELS][i % MAX_KERNELS]);
}

static void show_example(FILE *f, const struct chain_example *e,
			 const struct asked *points)
{
	const struct asked *a = &points[e->point];
	int i;

	if (!e->rank) {
		fprintf(f, "-");
		return;
	}
	if (a->low_mib)
		fprintf(f, "low MMIO %u MiB, ", a->low_mib);
	fprintf(f, "framebuffer %u MiB, high MMIO %s, devices %s: ",
		a->fb_mib, high_names[a->high], set_names[e->set]);
	for (i = 0; i < e->length; i++) {
		const struct chain_link *l = &e->link[i];

		fprintf(f, "%s%s, %s, screen_info %s%s", i ? "; " : "",
			kernels[l->kernel]->name, order_names[l->order],
			view_names[l->view], l->efi ? "" : ", no EFI");
	}
	for (i = 0; i < FAULTS; i++)
		if (e->faults & CONFLICTS & 1u << i)
			fprintf(f, ": %s", fault_names[i]);
}

/**
 * chains_write() - Write what was counted, as lines of a table.
 * @f:		Gets a line for each oldest and last kernel
 * @c:		That
 * @told:	What screen_info says in these, and
 * @group:	of which layouts they are: for the first two columns
 * @points:	The layouts
 */
void chains_write(FILE *f, const struct chain_counts *counts, const char *told,
		  const char *group, const struct asked *points)
{
	int oldest, last, j;

	for (oldest = 0; oldest < kernel_count; oldest++) {
		for (last = oldest; last < kernel_count; last++) {
			const struct chain_count *c = &counts->count[oldest][last];

			if (!c->states)
				continue;
			fprintf(f, "%s\t%s\t%s\t%s\t%llu\t%llu\t%llu\t%llu\t%u\t%llu\t%llu\t%llu",
				told, group, kernels[oldest]->name,
				kernels[last]->name, c->layouts,
				c->layouts_conflict, c->states, c->steps,
				c->deepest, c->conflict, c->fb_conflict, c->strays);
			for (j = 0; j < NOTES; j++)
				fprintf(f, "\t%llu", c->of[j]);
			fprintf(f, "\t");
			show_example(f, &c->example, points);
			fprintf(f, "\n");
		}
	}
}
