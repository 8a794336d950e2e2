// SPDX-License-Identifier: GPL-2.0-only
/* One point and one way to live on it, as a line of JSON: sweep/scenario.py
 * makes a scenario of it, sweep/agree.py compares it with what hvhost sees.
 */
#include "show.h"

static const struct range nothing = { 1, 0 };

static void show_range(FILE *out, const char *key, const struct range *r)
{
	if (nowhere(r) || !r->end)
		fprintf(out, "\"%s\":null", key);
	else
		fprintf(out, "\"%s\":\"%llx-%llx\"", key, r->start, r->end);
}

/* As hvhost's --pci takes it */
static void show_set(FILE *out, const struct pci_set *set)
{
	int i, j;

	fprintf(out, "\"pci\":[");
	for (i = 0; i < set->buses; i++) {
		fprintf(out, "%s\"", i ? "," : "");
		for (j = 0; j < MAX_BARS; j++)
			if (set->bus[i].bar[j].size)
				fprintf(out, "%sbar%d=%lluK",
					j ? "," : "",
					set->bus[i].bar[j].is_64 ? 64 : 32,
					set->bus[i].bar[j].size / KIB);
		fprintf(out, "\"");
	}
	fprintf(out, "]");
}

static void show_claims(FILE *out, const struct claims *c)
{
	show_range(out, "config", &c->config);
	fprintf(out, ",");
	show_range(out, "low", &c->low);
	fprintf(out, ",");
	show_range(out, "high", &c->high);
}

static void show_faults(FILE *out, u32 faults)
{
	int i, n = 0;

	fprintf(out, "\"faults\":[");
	for (i = 0; i < FAULTS; i++)
		if (faults & (1u << i))
			fprintf(out, "%s\"%s\"", n++ ? "," : "", fault_names[i]);
	fprintf(out, "]");
}

static void show_ranges(FILE *out, const char *key, const struct range *r,
			int count)
{
	int i;

	fprintf(out, "\"%s\":[", key);
	for (i = 0; i < count; i++)
		fprintf(out, "%s\"%llx-%llx\"", i ? "," : "", r[i].start,
			r[i].end);
	fprintf(out, "]");
}

/* What hvhost makes of it */
static void show_layout(FILE *out, const struct layout *l)
{
	fprintf(out, "\"layout\":{");
	show_ranges(out, "windows", l->usable, l->usable_count);
	fprintf(out, ",");
	show_range(out, "reserve", l->has_reserve ? &l->reserve : &nothing);
	fprintf(out, "}");
}

/* What one kernel does; leaves in @before what the next one finds. */
static void show_kernel(FILE *out, const struct point *p, const struct way *w,
			bool second, struct before *before)
{
	static struct outcome outcomes[2];
	struct outcome *o = &outcomes[second];
	const struct kernel *k = kernel_for(second ? w->second : w->first,
					    p->group);
	enum order order = second ? w->second_order : w->first_order;
	struct boot b = dims_boot(p, dims_view(w->told, second),
				  second ? w->efi : true);
	struct range granted[LAYOUT_MAX_RANGES + 1], r;
	int i, n;

	life(k, &b, order, &p->set[w->set], before, o);
	fprintf(out, "\"%s\":{\"kernel\":\"%s\",\"order\":\"%s\",",
		second ? "second" : "first", k->name, order_names[order]);
	show_range(out, "told", &b.told);
	fprintf(out, ",\"efi\":%s,", b.efi ? "true" : "false");
	n = k->granted(granted, ARRAY_SIZE(granted));
	show_ranges(out, "windows", granted, n);
	k->reserved(&r);
	fprintf(out, ",");
	show_range(out, "reserve", &r);
	fprintf(out, ",");
	show_range(out, "fb", &o->fb);
	fprintf(out, ",\"bus\":[");
	for (i = 0; i < o->buses; i++) {
		fprintf(out, "%s{", i ? "," : "");
		show_claims(out, &o->bus[i]);
		if (o->refused_count[i]) {
			fprintf(out, ",");
			show_ranges(out, "refused", o->refused[i],
				    o->refused_count[i]);
		}
		if (o->bus_faults[i] & FAILURES) {
			fprintf(out, ",\"tried\":{");
			show_claims(out, &o->tried[i]);
			fprintf(out, "},");
			show_faults(out, o->bus_faults[i]);
		}
		fprintf(out, "}");
	}
	fprintf(out, "],");
	show_faults(out, o->faults);
	fprintf(out, ",\"left\":%llu,\"largest\":%llu}", o->left.bytes,
		o->left.largest);

	before->fb = o->fb;
}

/**
 * show() - Live through it once more, and write down what happened.
 * @out:	Gets a line
 * @p:		The layout
 * @w:		The way
 * @what:	Why it is shown
 */
void show(FILE *out, const struct point *p, const struct way *w,
	  const char *what)
{
	const struct layout *l = &p->layout;
	const struct asked *a = &p->asked;
	struct before before = {
		.layout = l,
		.fb = l->fb.end ? l->fb : nothing,
	};

	fprintf(out, "{\"what\":\"%s\",\"group\":\"%s\",\"generation\":%d,"
		"\"low\":%u,\"other_host\":%s,\"other_fb\":%s,\"video\":\"%ux%u\",\"fb_mib\":%u,"
		"\"high\":\"%s\",\"set\":\"%s\",\"path\":\"%s\",\"told\":\"%s\","
		"\"efi\":%s,",
		what, group_names[p->group], l->generation, a->low_mib,
		a->other_host ? "true" : "false",
		a->other_fb ? "true" : "false", l->width, l->height,
		l->mmio_megabytes, high_names[a->high], set_names[w->set],
		path_names[w->path], told_names[w->told],
		w->efi && !is_gen1(p->group) ? "true" : "false");
	show_set(out, &p->set[w->set]);
	fprintf(out, ",");
	show_layout(out, &p->layout);
	fprintf(out, ",");
	show_kernel(out, p, w, false, &before);
	if (w->path != BOOT) {
		fprintf(out, ",");
		show_kernel(out, p, w, true, &before);
	}
	fprintf(out, "}\n");
}
