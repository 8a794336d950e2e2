// SPDX-License-Identifier: GPL-2.0-only
/*
 * sweep [--full] [--every N] [--jobs N] [--base NAME] OUT
 * sweep --draw N [--seed S] [--arm64]
 * sweep --largest
 * sweep --second
 *
 * Every kernel, every pair of a first and a second one, and chains of any length,
 * in every way on every layout; the figures go to files in the folder OUT
 * (README.md says which and what is in them). With --draw N of all that instead, as
 * lines of JSON: of x86's layouts, or of arm64's.
 *
 * A kernel's life depends on what is before it only where the host objects. So
 * each is lived once on a host that never does, and again only where
 * life_same() cannot tell that nothing would be different; what different
 * first kernels leave alike is one state for all the second ones, and views
 * that a kernel makes the same of are one start. Now and then all of this is
 * checked against a life without short cuts.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"
#include "common.h"
#include "dev/echo.h"
#include "largest.h"
#include "second.h"
#include "show.h"

/* One time in so many life() checks what life_same() said */
#define CHECK_EVERY	4999

static const struct range nothing = { 1, 0 };

/* A pair: the first kernel, and the second or, for its boot alone, none */
#define PAIRS		(MAX_KERNELS * (MAX_KERNELS + 1))
#define NO_SECOND	MAX_KERNELS

static int pair_of(int first, int second)
{
	return first * (MAX_KERNELS + 1) + second;
}

/* The smallest way to something; rank 0: none yet */
struct example {
	u64 rank;
	int point;
	struct way way;
};

struct count {
	u64 layouts, layouts_conflict, layouts_lost;
	u64 ways, conflict, lost, needless;
	/* Of conflict: with the framebuffer */
	u64 fb_conflict, layouts_fb_conflict;
	u64 of[NOTES];			/* by fault and by note */
	/* Than with the base in place of what is newer, in all that happens */
	u64 worse, better;
	struct example worst;
};

/* Of one layout with a kernel for both: ways, and those that went wrong */
struct cell {
	u32 ways, conflict, lost;
};

/* What one process counts; in memory that all share */
struct counts {
	/* What both kernels are told is true, or not told, or: is a lie */
	struct count count[2][GROUPS][PAIRS];
	struct example example[GROUPS][MAX_KERNELS][FAULTS];
	struct chain_counts chains[2][GROUPS];
	u64 lives, checks;
};

/* What belongs to a point, written by whoever has it */
struct result {
	struct cell cell[MAX_KERNELS];
	u32 left[MAX_KERNELS], largest[MAX_KERNELS];	/* pages */
	u32 low_mib, fb_mib;
	u8 group;
};

static struct asked *points;
static struct result *results;
static int point_count, base = -1;
static struct counts *counts;		/* this process's */

/* What a kernel makes of what it is told, as it boots: views, with EFI or not */
#define STARTS		(VIEWS * 2)
#define UNKNOWN		(~0u)

/* One layout with one set of devices */
struct work {
	const struct point *p;
	enum set set;
	/* Which views are the same to a kernel: starts[] of them */
	int start[MAX_KERNELS][VIEWS][2], starts[MAX_KERNELS];
	bool used[MAX_KERNELS][STARTS];	/* with these devices */
	u64 start_state[MAX_KERNELS][STARTS];
	struct boot boot[MAX_KERNELS][STARTS];
	struct left left[MAX_KERNELS];
	/* What kernels leave behind: where the framebuffer is. Many leave the same.
	 * The first is where the host has it before any kernel.
	 */
	struct range fb[MAX_FBS];
	int fbs;
	/* On a host that never objects */
	struct outcome alone[MAX_KERNELS][STARTS][ORDERS];
	struct step step[MAX_FBS][MAX_KERNELS][ORDERS][STARTS];
	/* life_could() with the framebuffer there */
	int could[MAX_FBS];
};

/* Views that leave a kernel in the same state are one start. */
static void find_starts(struct work *w, int k)
{
	const struct kernel *kernel = kernel_for(k, w->p->group);
	int view, efi, i;
	u64 state;

	w->starts[k] = 0;
	for (view = 0; view < VIEWS; view++) {
		for (efi = 0; efi < 2; efi++) {
			struct boot b = dims_boot(w->p, view, efi);

			kernel->boot(&b);
			state = kernel->state();
			for (i = 0; i < w->starts[k]; i++)
				if (w->start_state[k][i] == state)
					break;
			w->start[k][view][efi] = i;
			if (i < w->starts[k])
				continue;
			w->start_state[k][i] = state;
			w->boot[k][i] = b;
			w->starts[k]++;
		}
	}
}

/* Which starts there are with this set of devices, in any way */
static void find_used(struct work *w)
{
	struct way way = { .path = SECOND, .set = w->set };
	int k, told, efi;

	memset(w->used, 0, sizeof(w->used));
	for (told = 0; told < TOLDS; told++) {
		for (efi = 0; efi < 2; efi++) {
			way.told = told;
			way.efi = efi;
			if (!dims_has(w->p, &way))
				continue;
			for (k = 0; k < kernel_count; k++) {
				const int (*start)[2] = w->start[k];

				w->used[k][start[dims_view(told, false)][1]] = true;
				w->used[k][start[dims_view(told, true)][efi]] = true;
			}
		}
	}
}

/* The outcome on a host that may object; *@o is used if that is another */
static const struct outcome *outcome(struct work *w, int k, enum order order,
				     int start, const struct before *before,
				     struct outcome *o)
{
	const struct outcome *a = &w->alone[k][start][order];
	const struct boot *b = &w->boot[k][start];
	const struct kernel *kernel = kernel_for(k, w->p->group);
	const struct pci_set *set = &w->p->set[w->set];

	if (!life_same(a, order, before)) {
		counts->lives++;
		life(kernel, b, order, set, before, o);
		return o;
	}
	if (++counts->checks % CHECK_EVERY == 0) {
		life(kernel, b, order, set, before, o);
		if (o->faults != a->faults ||
		    memcmp(o->bus, a->bus, o->buses * sizeof(o->bus[0]))) {
			fprintf(stderr, "sweep: a short cut leads elsewhere: %s, %s, low MMIO %u MiB, framebuffer %u MiB, %s, %s, %s, start %d of %d: faults %#x, not %#x\n",
				kernels[k]->name, group_names[w->p->group],
				w->p->asked.low_mib, w->p->asked.fb_mib,
				high_names[w->p->asked.high],
				set_names[w->set], order_names[order], start,
				w->starts[k], a->faults, o->faults);
			abort();
		}
	}
	return a;
}

static int find_fb(struct work *w, const struct range *fb)
{
	int i;

	for (i = 0; i < w->fbs; i++)
		if (w->fb[i].start == fb->start && w->fb[i].end == fb->end)
			return i;
	if (i == MAX_FBS) {
		fprintf(stderr, "sweep: framebuffers are in more than %d places\n",
			MAX_FBS);
		abort();
	}
	w->fb[i] = *fb;
	memset(w->step[i], 0xff, sizeof(w->step[0]));
	w->could[i] = -1;
	return w->fbs++;
}

/* Where the framebuffer is after @o, which may be from a host without one */
static struct range fb_after(const struct outcome *o, enum order order,
			     const struct range *before)
{
	bool moved = order != NO_VIDEO && !(o->faults & (1u << NO_VRAM));

	return moved ? o->fb : *before;
}

static void live_alone(struct work *w)
{
	int k, i;

	for (k = 0; k < kernel_count; k++) {
		for (i = 0; i < w->starts[k]; i++) {
			if (!w->used[k][i])
				continue;
			life_alone(kernel_for(k, w->p->group), &w->boot[k][i],
				   &w->p->set[w->set], &w->p->layout,
				   w->alone[k][i]);
			counts->lives += 2;
		}
		if (w->set == SET_NVME)
			w->left[k] = w->alone[k][w->start[k][VIEW_TRUE][1]]
					     [VIDEO_FIRST].left;
	}
}

/* What comes of a kernel on a host whose framebuffer is at w->fb[@fb] */
static struct step step(struct work *w, int fb, int k, enum order order,
			enum view view, bool efi)
{
	struct before before = { .layout = &w->p->layout, .fb = w->fb[fb] };
	int start = w->start[k][view][efi];
	struct step *s = &w->step[fb][k][order][start];
	static struct outcome own;

	if (s->faults == UNKNOWN) {
		const struct outcome *o = outcome(w, k, order, start, &before, &own);
		struct range after = fb_after(o, order, &before.fb);

		s->fb = find_fb(w, &after);
		s->faults = o->faults;
	}
	return *s;
}

/* Could there have been room for what a kernel found none for? */
static bool needless(struct work *w, int fb)
{
	struct before before = { .layout = &w->p->layout, .fb = w->fb[fb] };
	struct boot b = dims_boot(w->p, VIEW_TRUE, true);

	if (w->could[fb] < 0)
		w->could[fb] = life_could(&b, &w->p->set[w->set], &before);
	return w->could[fb];
}

/* Smaller is easier to look at: what a rank is made of, the heaviest first. */
static u64 rank_of(const struct point *p, const struct way *w)
{
	static const u8 high[HIGHS] = { [HIGH_512M] = 0, [HIGH_NONE] = 1,
					[HIGH_64G] = 2 };
	u64 rank = 1;

	rank = rank << 1 | (w->told == TOLD_STALE);
	rank = rank << 2 | w->path;
	rank = rank << 3 | w->set;
	rank = rank << 2 | w->told;
	rank = rank << 1 | !w->efi;
	rank = rank << 1 | p->asked.other_host;
	rank = rank << 1 | p->asked.other_fb;
	rank = rank << 2 | high[p->asked.high];
	rank = rank << 1 | (w->path != BOOT && w->first != w->second);
	rank = rank << 12 | p->asked.low_mib;
	rank = rank << 8 | p->asked.fb_mib;
	rank = rank << 2 | w->first_order;
	rank = rank << 2 | w->second_order;
	return rank << 3 | w->first;
}

static void keep(struct example *e, const struct point *p, int point,
		 const struct way *w)
{
	u64 rank = rank_of(p, w);

	if (e->rank && e->rank <= rank)
		return;
	e->rank = rank;
	e->point = point;
	e->way = *w;
}

/* Layouts in which a pair went wrong in some way */
struct flags {
	bool conflict[2][PAIRS], fb_conflict[2][PAIRS], lost[2][PAIRS];
	bool any[2][PAIRS];
};

/* Which kernel another one is held against: those behind the base, the base */
static int against(int k)
{
	return base >= 0 && k > base ? base : k;
}

/*
 * @faults are those of the last kernel, which found the framebuffer at w->fb[@fb],
 * @before those of the one before it; @base_faults those of both with against() in their place.
 */
static void count_way(struct work *w, int point, const struct way *way,
		      u32 faults, u32 before, int fb, u32 base_faults,
		      struct flags *f)
{
	const struct point *p = w->p;
	int second = way->path == BOOT ? NO_SECOND : way->second;
	int pair = pair_of(way->first, second), i;
	bool lie = way->told == TOLD_STALE;
	struct count *c = &counts->count[lie][p->group][pair];
	int k = way->path == BOOT ? way->first : way->second;

	c->ways++;
	f->any[lie][pair] = true;
	if (faults & CONFLICTS) {
		c->conflict++;
		f->conflict[lie][pair] = true;
	}
	if (faults & FB_CONFLICTS) {
		c->fb_conflict++;
		f->fb_conflict[lie][pair] = true;
	}
	for (i = 0; i < NOTES; i++)
		c->of[i] += faults >> i & 1;
	faults &= FAILURES;
	before &= FAILURES;
	base_faults &= FAILURES;
	if (faults & LOSSES) {
		c->lost++;
		if (needless(w, fb)) {
			c->needless++;
			f->lost[lie][pair] = true;
		}
	}
	for (i = 0; faults && i < FAULTS; i++)
		if (faults & (1u << i) &&
		    (1u << i & CONFLICTS || needless(w, fb)))
			keep(&counts->example[p->group][k][i], p, point, way);
	if ((faults | before) && !base_faults) {
		c->worse++;
		keep(&c->worst, p, point, way);
	}
	c->better += !(faults | before) && base_faults;
	if (!lie && (way->path == BOOT || way->first == way->second)) {
		struct cell *cell = &results[point].cell[k];

		cell->ways++;
		cell->conflict += !!(faults & CONFLICTS);
		cell->lost += !!(faults & LOSSES) && needless(w, fb);
	}
}

static void boots(struct work *w, int point, struct flags *f)
{
	struct way way = { .path = BOOT, .set = w->set, .efi = true };
	int k, order, told;

	for (k = 0; k < kernel_count; k++) {
		for (order = 0; order < ORDERS; order++) {
			for (told = 0; told < TOLDS; told++) {
				enum view v = dims_view(told, false);

				way.first = k;
				way.first_order = order;
				way.told = told;
				if (!dims_has(w->p, &way))
					continue;
				count_way(w, point, &way,
					  step(w, 0, k, order, v, true).faults, 0, 0,
					  step(w, 0, against(k), order, v, true).faults,
					  f);
			}
		}
	}
}

/* All second kernels after one first one; of @way the second is to be set. */
static void seconds(struct work *w, int point, struct way way, struct flags *f)
{
	enum view v1 = dims_view(way.told, false);
	enum view v2 = dims_view(way.told, true);
	struct step own = step(w, 0, way.first, way.first_order, v1, true);
	struct step other = step(w, 0, against(way.first), way.first_order, v1, true);
	int k, order;

	for (order = 0; order < ORDERS; order++) {
		way.second_order = order;
		for (k = 0; k < kernel_count; k++) {
			u32 faults, other_faults;

			faults = step(w, own.fb, k, order, v2, way.efi).faults;
			other_faults = step(w, other.fb, against(k), order, v2,
					    way.efi).faults;
			way.second = k;
			count_way(w, point, &way, faults, own.faults, own.fb,
				  other_faults | other.faults, f);
		}
	}
}

static void sweep_set(struct work *w, int point, struct flags *f)
{
	const struct layout *l = &w->p->layout;
	struct way way = { .set = w->set };
	int k, order, told, efi;

	w->fbs = 0;
	find_fb(w, l->fb.end ? &l->fb : &nothing);
	find_used(w);
	live_alone(w);
	boots(w, point, f);
	way.path = SECOND;
	for (efi = 1; efi >= 0; efi--) {
		for (told = 0; told < TOLDS; told++) {
			way.efi = efi;
			way.told = told;
			if (!dims_has(w->p, &way))
				continue;
			for (k = 0; k < kernel_count; k++) {
				way.first = k;
				for (order = 0; order < ORDERS; order++) {
					way.first_order = order;
					seconds(w, point, way, f);
				}
			}
		}
	}
}

static struct step chain_step(void *work, int fb, int k, enum order order,
			      enum view view, bool efi)
{
	return step(work, fb, k, order, view, efi);
}

static const struct range *chain_fb(void *work, int fb)
{
	const struct work *w = work;

	return &w->fb[fb];
}

static void sweep_chains(struct work *w, int point)
{
	const struct chain_on on = {
		.p = w->p, .point = point, .set = w->set, .work = w,
		.step = chain_step, .fb = chain_fb,
	};
	struct chain_counts *chain_counts[2] = {
		&counts->chains[0][w->p->group], &counts->chains[1][w->p->group],
	};

	chains(&on, chain_counts);
}

static void sweep_point(struct work *w, int point)
{
	struct result *r = &results[point];
	struct flags f = {};
	struct point p;
	int set, i;

	dims_fill_in(&p, &points[point]);
	w->p = &p;
	for (i = 0; i < kernel_count; i++)
		find_starts(w, i);
	for (set = 0; set < SETS; set++) {
		w->set = set;
		sweep_set(w, point, &f);
		sweep_chains(w, point);
		for (i = 0; set == SET_NVME && i < kernel_count; i++) {
			r->left[i] = (u32)(w->left[i].bytes / HV_PAGE_SIZE);
			r->largest[i] = (u32)(w->left[i].largest / HV_PAGE_SIZE);
		}
	}
	r->group = (u8)p.group;
	r->low_mib = (u32)((4 * GIB - p.layout.crs[0].start) / MIB);
	r->fb_mib = p.layout.mmio_megabytes;
	for (i = 0; i < 2 * PAIRS; i++) {
		struct count *c = &counts->count[i / PAIRS][p.group][i % PAIRS];

		c->layouts += f.any[i / PAIRS][i % PAIRS];
		c->layouts_fb_conflict += f.fb_conflict[i / PAIRS][i % PAIRS];
		c->layouts_conflict += f.conflict[i / PAIRS][i % PAIRS];
		c->layouts_lost += f.lost[i / PAIRS][i % PAIRS];
	}
}

static void better_example(struct example *to, const struct example *from)
{
	if (from->rank && (!to->rank || from->rank < to->rank))
		*to = *from;
}

static void add_count(struct count *to, const struct count *from)
{
	int i;

	to->layouts += from->layouts;
	to->layouts_conflict += from->layouts_conflict;
	to->layouts_lost += from->layouts_lost;
	to->ways += from->ways;
	to->conflict += from->conflict;
	to->lost += from->lost;
	to->needless += from->needless;
	to->fb_conflict += from->fb_conflict;
	to->layouts_fb_conflict += from->layouts_fb_conflict;
	for (i = 0; i < NOTES; i++)
		to->of[i] += from->of[i];
	to->worse += from->worse;
	to->better += from->better;
	better_example(&to->worst, &from->worst);
}

static void add_counts(struct counts *to, const struct counts *from)
{
	int g, i, j;

	for (g = 0; g < GROUPS; g++) {
		for (i = 0; i < PAIRS; i++)
			for (j = 0; j < 2; j++)
				add_count(&to->count[j][g][i],
					  &from->count[j][g][i]);
		for (i = 0; i < MAX_KERNELS; i++)
			for (j = 0; j < FAULTS; j++)
				better_example(&to->example[g][i][j],
					       &from->example[g][i][j]);
		for (j = 0; j < 2; j++)
			chain_add(&to->chains[j][g], &from->chains[j][g]);
	}
	to->lives += from->lives;
	to->checks += from->checks;
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("sweep: memory");
		exit(1);
	}
	return p;
}

/* Points are not done in order of cost, but nearly. */
static void progress(int point)
{
	static int last;
	int percent = (int)(100ll * point / point_count);

	if (percent == last || (!isatty(2) && percent % 20))
		return;
	last = percent;
	fprintf(stderr, isatty(2) ? "\rsweep: %d %%" : "sweep: %d %%\n", percent);
}

/* Every point, in @jobs processes; what they counted is in @counts then. */
static void sweep_all(int jobs)
{
	struct counts *all = shared((jobs + 1) * sizeof(*all));
	int i, j, status, failed = 0;
	static struct work work;

	results = shared((size_t)point_count * sizeof(*results));
	for (j = 0; j < jobs; j++) {
		switch (fork()) {
		case -1:
			perror("sweep: fork");
			exit(1);
		case 0:
			counts = &all[j];
			for (i = j; i < point_count; i += jobs) {
				sweep_point(&work, i);
				if (!j)
					progress(i);
			}
			_exit(0);
		}
	}
	for (j = 0; j < jobs; j++) {
		wait(&status);
		failed |= status;
	}
	if (isatty(2))
		fprintf(stderr, "\r%-20s\r", "");
	if (failed) {
		fprintf(stderr, "sweep: a process came to a bad end (status %#x)\n",
			(unsigned int)failed);
		exit(1);
	}
	for (j = 0; j < jobs; j++)
		add_counts(&all[jobs], &all[j]);
	counts = &all[jobs];
}

static u64 all_ways(void)
{
	u64 ways = 0;
	int g, i;

	for (g = 0; g < GROUPS; g++)
		for (i = 0; i < PAIRS; i++)
			ways += counts->count[0][g][i].ways +
				counts->count[1][g][i].ways;
	return ways;
}

static FILE *create(const char *folder, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (!f) {
		fprintf(stderr, "sweep: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return f;
}

static void finish(FILE *f)
{
	if (ferror(f) | fclose(f)) {
		perror("sweep: cannot write its results");
		exit(1);
	}
}

/* The end of a table's head */
static void write_notes(FILE *f)
{
	int i;

	for (i = 0; i < NOTES; i++)
		fprintf(f, "\t%s", i < FAULTS ? fault_names[i] :
			note_names[i - FAULTS]);
}

static void write_pairs(const char *folder)
{
	FILE *f = create(folder, "pairs.tsv");
	int g, i, j, lie, first, second;

	fprintf(f, "told\tgroup\tfirst\tsecond\tlayouts\tlayouts_conflict\tlayouts_lost\tways\tconflict\tlost\tlost_needlessly\tworse\tbetter\tlayouts_fb_conflict\tfb_conflict");
	write_notes(f);
	fprintf(f, "\n");
	for (i = 0; i < 2 * GROUPS * PAIRS; i++) {
		const struct count *c;

		lie = i / (GROUPS * PAIRS);
		g = i / PAIRS % GROUPS;
		first = i % PAIRS / (MAX_KERNELS + 1);
		second = i % (MAX_KERNELS + 1);
		c = &counts->count[lie][g][i % PAIRS];
		if (!c->ways)
			continue;
		fprintf(f, "%s\t%s\t%s\t%s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu",
			lie ? "lie" : "truth", group_names[g],
			kernels[first]->name,
			second == NO_SECOND ? "-" : kernels[second]->name,
			c->layouts, c->layouts_conflict, c->layouts_lost,
			c->ways, c->conflict, c->lost, c->needless, c->worse,
			c->better, c->layouts_fb_conflict,
			c->fb_conflict);
		for (j = 0; j < NOTES; j++)
			fprintf(f, "\t%llu", c->of[j]);
		fprintf(f, "\n");
	}
	finish(f);
}

static void write_chains(const char *folder)
{
	FILE *f = create(folder, "chains.tsv");
	int lie, g;

	fprintf(f, "told\tgroup\toldest\tlast\tlayouts\tlayouts_conflict\tstates\tsteps\tdeepest\tconflict\tfb_conflict\tstrays");
	write_notes(f);
	fprintf(f, "\texample\n");
	for (lie = 0; lie < 2; lie++)
		for (g = 0; g < GROUPS; g++)
			chains_write(f, &counts->chains[lie][g],
				     lie ? "lie" : "truth", group_names[g],
				     points);
	finish(f);
}

static int by_value(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

/* Least and middle of what @k leaves, in KiB; how often it is less than base's */
static void write_left_of(FILE *f, enum group g, int k, u32 *values)
{
	u64 less[2] = {}, more[2] = {};
	u32 least[2], middle[2];
	int i, n = 0, what;

	for (what = 0; what < 2; what++) {
		n = 0;
		for (i = 0; i < point_count; i++) {
			const struct result *r = &results[i];
			const u32 *v = what ? r->largest : r->left;

			if (r->group != g)
				continue;
			values[n++] = v[k];
			less[what] += base >= 0 && v[k] < v[base];
			more[what] += base >= 0 && v[k] > v[base];
		}
		qsort(values, n, sizeof(*values), by_value);
		least[what] = n ? values[0] : 0;
		middle[what] = n ? values[n / 2] : 0;
	}
	fprintf(f, "%s\t%s\t%d\t%u\t%u\t%llu\t%llu\t%u\t%u\t%llu\t%llu\n",
		group_names[g], kernels[k]->name, n, least[0] * 4,
		middle[0] * 4, less[0], more[0], least[1] * 4, middle[1] * 4,
		less[1], more[1]);
}

static void write_left(const char *folder)
{
	u32 *values = calloc(point_count, sizeof(*values));
	FILE *f = create(folder, "left.tsv");
	int g, k;

	if (!values) {
		perror("sweep");
		exit(1);
	}
	fprintf(f, "group\tkernel\tlayouts\tleast_kib\tmedian_kib\tless_than_base\tmore_than_base\tleast_largest_kib\tmedian_largest_kib\tsmaller_than_base\tlarger_than_base\n");
	for (g = 0; g < GROUPS; g++)
		for (k = 0; k < kernel_count; k++)
			write_left_of(f, g, k, values);
	free(values);
	finish(f);
}

static void write_map(const char *folder)
{
	FILE *f = create(folder, "map.tsv");
	int i, k;

	fprintf(f, "group\tkernel\tlow_mib\tfb_mib\tways\tconflict\tlost_needlessly\n");
	for (i = 0; i < point_count; i++) {
		const struct result *r = &results[i];

		for (k = 0; k < kernel_count; k++)
			fprintf(f, "%s\t%s\t%u\t%u\t%u\t%u\t%u\n",
				group_names[r->group], kernels[k]->name,
				r->low_mib, r->fb_mib, r->cell[k].ways,
				r->cell[k].conflict, r->cell[k].lost);
	}
	finish(f);
}

/* What each kernel can do, and whether its bridge windows come first: "yes" or "no" */
static void write_kernels(const char *folder)
{
	FILE *f = create(folder, "kernels.tsv");
	int k;

	fprintf(f, "kernel\tfeatures\twindows_first\n");
	for (k = 0; k < kernel_count; k++)
		fprintf(f, "%s\t%s\t%s\n", kernels[k]->name,
			kernels[k]->features,
			kernels[k]->windows_first ? "yes" : "no");
	finish(f);
}

static void show_example(FILE *f, const struct example *e, const char *what)
{
	struct point p;

	if (!e->rank)
		return;
	dims_fill_in(&p, &points[e->point]);
	show(f, &p, &e->way, what);
}

static void write_examples(const char *folder)
{
	FILE *f = create(folder, "examples.jsonl");
	int g, i, j;

	for (g = 0; g < GROUPS; g++)
		for (i = 0; i < kernel_count; i++)
			for (j = 0; j < FAULTS; j++)
				show_example(f, &counts->example[g][i][j],
					     fault_names[j]);
	finish(f);
	f = create(folder, "worse.jsonl");
	for (g = 0; g < GROUPS; g++)
		for (i = 0; i < PAIRS; i++)
			for (j = 0; j < 2; j++)
				show_example(f, &counts->count[j][g][i].worst,
					     "worse");
	finish(f);
}

static u32 pick(u64 *state, u32 count)
{
	return (u32)(next_random(state) % count);
}

/*
 * On arm64 a second kernel is never told where the framebuffer is. Hosts with less
 * low MMIO than Windows have no GIC in it.
 */
static bool can_boot_arm64(const struct point *p, const struct way *w)
{
	return !p->asked.other_host && (w->path == BOOT || w->told == TOLD_ONCE ||
					w->told == TOLD_NEVER);
}

/* Can hvhost, which has no larger BARs, start kernels so? */
static bool can_boot(const struct point *p, const struct way *w)
{
	const struct pci_set *set = &p->set[w->set];
	int i, j;

	for (i = 0; i < set->buses; i++)
		for (j = 0; j < MAX_BARS; j++)
			if (set->bus[i].bar[j].size > ECHO_MAX_BAR)
				return false;
	/*
	 * If firmware's framebuffer is not where screen_info says, simpledrm's
	 * entry in /proc/iomem can have config windows in it. hyperv_drm removes
	 * the entry with all that is in it, so guests could not report them.
	 */
	if (is_gen1(p->group) && w->told == TOLD_STALE &&
	    (w->first_order == PCI_FIRST || w->second_order == PCI_FIRST))
		return false;
	return (p->group != GEN2_ARM64 || can_boot_arm64(p, w)) && dims_has(p, w);
}

/*
 * Each dimension on its own, evenly, and not each layout: of these most have a
 * low MMIO of gigabytes.
 */
static void draw(u64 seed, int count, bool arm64)
{
	u64 state = seed;

	while (count) {
		struct way w = {};
		u32 group, high, small, i;
		bool other_fb;
		struct point p;

		w.path = pick(&state, PATHS);
		w.set = pick(&state, SETS);
		w.told = pick(&state, TOLDS);
		w.efi = pick(&state, 4) > 0;
		w.first = pick(&state, kernel_count);
		w.second = pick(&state, kernel_count);
		w.first_order = pick(&state, ORDERS);
		w.second_order = pick(&state, ORDERS);
		group = pick(&state, 2) ? GEN2_X86 : GEN1;
		high = pick(&state, HIGHS);
		other_fb = !pick(&state, 4);
		small = pick(&state, 3);
		if (arm64) {
			group = GEN2_ARM64;
		} else if (group == GEN1 && high == HIGH_NONE) {
			group = GEN1_NO_HIGH;
			other_fb = false;
		} else if (group == GEN1 && other_fb) {
			group = GEN1_WHOLE_FB;
		}
		/* A third of them are small */
		do {
			i = pick(&state, point_count);
		} while (points[i].group != group || points[i].high != high ||
			 points[i].other_fb != other_fb ||
			 (!small && points[i].low_mib > (arm64 ? 1024 : 256)));
		dims_fill_in(&p, &points[i]);
		if (!can_boot(&p, &w))
			continue;
		show(stdout, &p, &w, "drawn");
		count--;
	}
}

static int kernel_named(const char *name)
{
	int i;

	for (i = 0; i < kernel_count; i++)
		if (!strcmp(kernels[i]->name, name))
			return i;
	fprintf(stderr, "sweep: --base: there is no kernel '%s' in this one\n",
		name);
	exit(2);
}

static void usage(void)
{
	fprintf(stderr, "usage: sweep [--full] [--every N] [--jobs N] [--base KERNEL] FOLDER\n"
		"       sweep [--full] --draw N [--seed S] [--arm64]\n"
		"       sweep --largest | --second\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "full", no_argument, NULL, 'f' },
		{ "every", required_argument, NULL, 'e' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "base", required_argument, NULL, 'b' },
		{ "draw", required_argument, NULL, 'd' },
		{ "seed", required_argument, NULL, 's' },
		{ "arm64", no_argument, NULL, 'a' },
		{ "largest", no_argument, NULL, 'l' },
		{ "second", no_argument, NULL, '2' },
		{}
	};
	long jobs = sysconf(_SC_NPROCESSORS_ONLN), drawn = 0, seed = 1;
	long every = 1;
	bool full = false, arm64 = false;
	int c, i;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			full = true;
			break;
		case 'e':
			every = number("--every", optarg, 1, 1000000);
			break;
		case 'j':
			jobs = number("--jobs", optarg, 1, 1024);
			break;
		case 'b':
			base = kernel_named(optarg);
			break;
		case 'd':
			drawn = number("--draw", optarg, 1, 1000000);
			break;
		case 's':
			seed = number("--seed", optarg, 0, 1000000000);
			break;
		case 'a':
			arm64 = true;
			break;
		case 'l':
			largest(stdout);
			return 0;
		case '2':
			return second(stdout) ? 1 : 0;
		default:
			usage();
		}
	}
	if (argc - optind != !drawn || (arm64 && !drawn))
		usage();
	if (kernel_count > MAX_KERNELS) {
		fprintf(stderr, "sweep: %d kernels, at most %d can be\n",
			kernel_count, MAX_KERNELS);
		return 2;
	}
	points = dims_points(full, &point_count);
	if (drawn) {
		draw((u64)seed, (int)drawn, arm64);
		return 0;
	}
	point_count = (int)((point_count + every - 1) / every);
	for (i = 0; i < point_count; i++)
		points[i] = points[i * every];
	sweep_all((int)jobs);
	write_pairs(argv[optind]);
	write_chains(argv[optind]);
	write_left(argv[optind]);
	write_kernels(argv[optind]);
	write_map(argv[optind]);
	write_examples(argv[optind]);
	printf("%d layouts: %s.\n", point_count, dims_steps(full));
	if (every > 1)
		printf("Of these, one in %ld.\n", every);
	printf("%llu ways for kernels to live on them; %llu lives; %llu short cuts, each %dth checked.\n",
	       all_ways(), counts->lives, counts->checks, CHECK_EVERY);
	return 0;
}
