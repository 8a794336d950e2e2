// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel's life on a host, as far as MMIO goes. What the kernel does is its
 * own code; what the host does is hvhost's ownership map, asked in the order in
 * which hvhost asks it: a config window at D0 entry, BARs when they decode, the
 * framebuffer when it is moved. Of a kernel before only the framebuffer is left.
 */
#include <errno.h>
#include <string.h>

#include "life.h"
#include "core/mmio.h"

const char *const fault_names[FAULTS] = {
	[CONFIG_ON_FB] = "config-on-framebuffer",
	[BAR_ON_FB] = "bar-on-framebuffer",
	[CONFIG_ON_DEVICE] = "config-on-device",
	[BAR_ON_DEVICE] = "bar-on-device",
	[FB_ON_DEVICE] = "framebuffer-on-device",
	[CONFIG_ON_FIXED] = "config-on-fixed",
	[BAR_ON_FIXED] = "bar-on-fixed",
	[FB_ON_FIXED] = "framebuffer-on-fixed",
	[OUTSIDE] = "outside",
	[NO_CONFIG] = "no-config-window",
	[NO_LOW] = "no-low-window",
	[NO_HIGH] = "no-high-window",
	[NO_VRAM] = "no-vram",
};

const char *const note_names[NOTES - FAULTS] = {
	[REFUSED - FAULTS] = "refused",
	[REFUSED_TWICE - FAULTS] = "refused-twice",
	[SECOND_NEAR - FAULTS] = "second-near",
	[SECOND_WRONG - FAULTS] = "second-wrong",
	[CONFIG_AT_IOAPIC - FAULTS] = "config-at-ioapic",
	[RESERVES_LESS - FAULTS] = "reserves-less",
};

const char *const order_names[ORDERS] = {
	[VIDEO_FIRST] = "video-first",
	[PCI_FIRST] = "pci-first",
	[NO_VIDEO] = "no-video",
};

static const struct range nothing = { 1, 0 };
static const struct claims no_claims = { { 1, 0 }, { 1, 0 }, { 1, 0 } };

/* The host, and what is on its map */
struct host {
	struct mmio_map map;
	struct mmio_claim fb;
	struct mmio_claim own[MAX_BUSES][3];
};

static bool overlap(const struct range *a, const struct range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

/* Put on the map what is in the way of nothing, else say what it is. */
static enum mmio_verdict claim(struct host *h, struct mmio_claim *c,
			       enum mmio_kind kind, const struct range *range)
{
	enum mmio_verdict v;

	*c = (struct mmio_claim) {
		.kind = kind, .owner = "device", .bar = -1, .range = *range,
	};
	v = mmio_judge(&h->map, c, true);
	if (v == MMIO_FREE)
		mmio_add(&h->map, c);
	return v;
}

static u32 fault(enum mmio_verdict v, enum fault on_fb, enum fault on_device,
		 enum fault on_fixed)
{
	switch (v) {
	case MMIO_ON_FRAMEBUFFER:
		return 1u << on_fb;
	case MMIO_ON_DEVICE:
		return 1u << on_device;
	case MMIO_ON_FIXED:
		return 1u << on_fixed;
	case MMIO_OUTSIDE:
		return 1u << OUTSIDE;
	default:
		return 0;
	}
}

/* hyperv_drm: VRAM, of which the host is told */
static void video(const struct kernel *k, struct host *h, struct outcome *o)
{
	struct range fb;

	if (k->video(h->map.layout->mmio_megabytes, &fb)) {
		o->faults |= 1u << NO_VRAM;
		return;
	}
	mmio_remove(&h->map, &h->fb);
	h->fb.range = fb;
	o->faults |= fault(mmio_judge(&h->map, &h->fb, false),
			   FB_ON_DEVICE, FB_ON_DEVICE, FB_ON_FIXED);
	mmio_add(&h->map, &h->fb);
	o->fb = fb;
}

/* BARs fill the windows that are made for them, so windows stand for them. */
static u32 claim_bars(struct host *h, int bus, int i, struct range *window,
		      struct range *tried)
{
	enum mmio_verdict v;

	if (nowhere(window))
		return 0;
	v = claim(h, &h->own[bus][i], MMIO_BAR, window);
	if (v == MMIO_FREE)
		return 0;
	*tried = *window;
	*window = nothing;
	return fault(v, BAR_ON_FB, BAR_ON_DEVICE, BAR_ON_FIXED);
}

/* x86's first I/O APIC, and the rest of that MiB */
static const struct range ioapic = { 0xfec00000, 0xfecfffff };

/* No framebuffer is larger */
#define MAX_FB	(128 * MIB)

/* Can no framebuffer overlap both? */
static bool far_apart(const struct range *a, const struct range *b)
{
	return a->start < b->start ? b->start - a->end >= MAX_FB :
				     a->start - b->end >= MAX_FB;
}

/* A bus on its way to D0, and what the host has said so far */
struct d0 {
	struct host *host;
	struct outcome *o;
	int bus;
	bool first_on_fb;
	u32 faults, notes;
};

static bool takes(void *arg, const struct range *config)
{
	struct d0 *d = arg;
	struct mmio_claim *own = &d->host->own[d->bus][0];
	struct range *refused = d->o->refused[d->bus];
	int n = d->o->refused_count[d->bus];
	enum mmio_verdict v;
	bool apart = n == 1 && far_apart(&refused[0], config);

	v = claim(d->host, own, MMIO_CONFIG, config);
	if (overlap(config, &ioapic))
		d->notes |= 1u << CONFIG_AT_IOAPIC;
	if (n == 1 && !apart)
		d->notes |= 1u << SECOND_NEAR;
	if (n == 1 && apart && d->first_on_fb && v == MMIO_ON_FRAMEBUFFER)
		d->notes |= 1u << SECOND_WRONG;
	d->faults = fault(v, CONFIG_ON_FB, CONFIG_ON_DEVICE, CONFIG_ON_FIXED);
	if (v == MMIO_FREE)
		return true;
	if (n < 2)
		d->notes |= 1u << (n ? REFUSED_TWICE : REFUSED);
	if (!n)
		d->first_on_fb = v == MMIO_ON_FRAMEBUFFER;
	if (n < MAX_TRIES)
		refused[d->o->refused_count[d->bus]++] = *config;
	return false;
}

/* Bridge windows, or what there are none for */
static u32 bridge_windows(const struct kernel *k, int bus,
			  const struct bus *dev, struct claims *c)
{
	int err = k->windows(bus, dev, &c->low, &c->high);

	return err ? 1u << (err == -ENOSPC ? NO_HIGH : NO_LOW) : 0;
}

/* pci-hyperv's probe of one bus */
static u32 probe(const struct kernel *k, struct host *h, int bus,
		 const struct bus *dev, struct outcome *o)
{
	struct claims *c = &o->bus[bus], *tried = &o->tried[bus];
	struct d0 d = { .host = h, .o = o, .bus = bus };
	u32 faults = 0;

	*c = no_claims;
	*tried = no_claims;
	o->refused_count[bus] = 0;
	k->add(bus);
	if (k->windows_first)
		faults = bridge_windows(k, bus, dev, c);
	if (!faults && k->config(bus, &c->config)) {
		faults = 1u << NO_CONFIG;
		if (k->windows_first)
			k->unwindows(bus);
	}
	if (faults) {
		*c = no_claims;
		o->stuck = true;
		return faults;
	}
	if (k->enter_d0(bus, takes, &d, &c->config)) {
		faults = d.faults;
		if (k->windows_first)
			k->unwindows(bus);
	} else if (!k->windows_first) {
		faults = bridge_windows(k, bus, dev, c);
		if (faults)
			mmio_remove(&h->map, &h->own[bus][0]);
	}
	if (faults) {
		k->unconfig(bus);
		tried->config = c->config;
		*c = no_claims;
		return faults | d.notes;
	}
	return claim_bars(h, bus, 1, &c->low, &tried->low) |
	       claim_bars(h, bus, 2, &c->high, &tried->high) | d.notes;
}

static void meet(struct host *h, const struct before *before,
		 const struct pci_set *set, struct outcome *o)
{
	o->faults = 0;
	o->stuck = false;
	o->fb = before->fb;
	o->buses = set->buses;
	mmio_init(&h->map, before->layout);
	h->fb = (struct mmio_claim) {
		.kind = MMIO_FRAMEBUFFER, .owner = "framebuffer", .bar = -1,
		.range = before->fb,
	};
	if (!nowhere(&before->fb))
		mmio_add(&h->map, &h->fb);
}

/* The kernel finds its windows, and reserves space for the framebuffer */
static void start(const struct kernel *k, const struct boot *boot,
		  const struct layout *layout, struct outcome *o)
{
	struct range r;

	k->boot(boot);
	k->reserved(&r);
	if (layout->has_reserve &&
	    (r.start > layout->reserve.start || r.end < layout->reserve.end))
		o->faults |= 1u << RESERVES_LESS;
}

static void pci(const struct kernel *k, struct host *h,
		const struct pci_set *set, struct outcome *o)
{
	int i;

	for (i = 0; i < set->buses; i++) {
		o->bus_faults[i] = probe(k, h, i, &set->bus[i], o);
		o->faults |= o->bus_faults[i];
	}
	k->left(&o->left);
}

/**
 * life_alone() - The same in each order, on a host that never objects.
 * @k:		The kernel
 * @boot:	What it finds
 * @set:	The PCI devices
 * @layout:	The host's
 * @out:	Results, by order
 *
 * What PCI devices get is found out once, unless the video driver, when it is
 * first, takes something of what they could have had.
 */
void life_alone(const struct kernel *k, const struct boot *boot,
		const struct pci_set *set, const struct layout *layout,
		struct outcome out[ORDERS])
{
	const struct before nobody = { .layout = layout, .fb = nothing };
	static struct host h;
	u64 before_video;

	meet(&h, &nobody, set, &out[NO_VIDEO]);
	start(k, boot, layout, &out[NO_VIDEO]);
	before_video = k->state();
	pci(k, &h, set, &out[NO_VIDEO]);
	out[PCI_FIRST] = out[NO_VIDEO];
	video(k, &h, &out[PCI_FIRST]);
	k->left(&out[PCI_FIRST].left);

	meet(&h, &nobody, set, &out[VIDEO_FIRST]);
	start(k, boot, layout, &out[VIDEO_FIRST]);
	video(k, &h, &out[VIDEO_FIRST]);
	if (k->state() == before_video) {
		memcpy(out[VIDEO_FIRST].bus, out[NO_VIDEO].bus,
		       set->buses * sizeof(out[0].bus[0]));
		memcpy(out[VIDEO_FIRST].tried, out[NO_VIDEO].tried,
		       set->buses * sizeof(out[0].tried[0]));
		memcpy(out[VIDEO_FIRST].bus_faults, out[NO_VIDEO].bus_faults,
		       set->buses * sizeof(out[0].bus_faults[0]));
		memcpy(out[VIDEO_FIRST].refused_count,
		       out[NO_VIDEO].refused_count,
		       set->buses * sizeof(out[0].refused_count[0]));
		out[VIDEO_FIRST].stuck = out[NO_VIDEO].stuck;
		out[VIDEO_FIRST].faults |= out[NO_VIDEO].faults;
		out[VIDEO_FIRST].left = out[NO_VIDEO].left;
		return;
	}
	pci(k, &h, set, &out[VIDEO_FIRST]);
}

/**
 * life() - Boot a kernel and have its drivers take their space.
 * @k:		The kernel
 * @boot:	What it finds
 * @order:	Which driver is first
 * @set:	The PCI devices
 * @before:	The host as this kernel finds it
 * @o:		Result
 */
void life(const struct kernel *k, const struct boot *boot, enum order order,
	  const struct pci_set *set, const struct before *before,
	  struct outcome *o)
{
	static struct host h;

	meet(&h, before, set, o);
	start(k, boot, before->layout, o);
	if (order == VIDEO_FIRST)
		video(k, &h, o);
	pci(k, &h, set, o);
	if (order == PCI_FIRST) {
		video(k, &h, o);
		k->left(&o->left);
	}
}

static bool touches(const struct claims *c, const struct range *r)
{
	return overlap(&c->config, r) || overlap(&c->low, r) ||
	       overlap(&c->high, r);
}

/**
 * life_same() - Would another host have let it be just so?
 * @o:		Outcome on a host without a framebuffer
 * @order:	As it was there
 * @before:	The other host
 *
 * A look that saves most calls of life(): where nothing is in anything's way a
 * kernel, which does not see the host's map, does the same.
 *
 * Return: true if so, but for o->fb if no driver moved it.
 */
bool life_same(const struct outcome *o, enum order order,
	       const struct before *before)
{
	bool moved = order != NO_VIDEO && !(o->faults & (1u << NO_VRAM));
	const struct range *fb = order == VIDEO_FIRST && moved ? &o->fb :
								 &before->fb;
	int i;

	if (o->faults & CONFLICTS)
		return false;
	for (i = 0; i < o->buses; i++)
		if (touches(&o->bus[i], fb) || overlap(&o->tried[i].config, fb))
			return false;
	return true;
}

/* Free space, for life_could(); sorted, disjoint */
struct space {
	struct range free[MAX_BUSES * 4 + LAYOUT_MAX_RANGES];
	int count;
};

static void take(struct space *s, const struct range *r)
{
	int i;

	for (i = 0; i < s->count; i++) {
		struct range f = s->free[i];

		if (nowhere(&f) || !overlap(&f, r))
			continue;
		s->free[i] = nothing;
		if (f.start < r->start)
			s->free[i] = (struct range) { f.start, r->start - 1 };
		if (f.end > r->end)
			s->free[s->count++] = (struct range) { r->end + 1, f.end };
	}
}

/* First fit, anywhere in [@min, @max] */
static bool place(struct space *s, u64 size, u64 align, u64 min, u64 max)
{
	int i;

	for (i = 0; i < s->count; i++) {
		u64 from = s->free[i].start > min ? s->free[i].start : min;
		u64 to = s->free[i].end < max ? s->free[i].end : max;
		u64 at = (from + align - 1) & ~(align - 1);

		if (nowhere(&s->free[i]) || at < from || at > to ||
		    to - at < size - 1)
			continue;
		take(s, &(struct range) { at, at + size - 1 });
		return true;
	}
	return false;
}

static u64 sum(const struct bus *dev, bool is_64)
{
	u64 bytes = 0;
	int i;

	for (i = 0; i < MAX_BARS; i++)
		if (dev->bar[i].is_64 == is_64)
			bytes += dev->bar[i].size;
	return bytes;
}

static bool place_windows(struct space *s, const struct pci_set *set,
			  bool is_64, u64 min, u64 max)
{
	bool done[MAX_BUSES] = {};
	int i, left;

	/* The largest first, which leaves the fewest gaps */
	for (left = set->buses; left; left--) {
		u64 size, most = 0;
		int next = -1;

		for (i = 0; i < set->buses; i++) {
			size = sum(&set->bus[i], is_64);
			if (!done[i] && (next < 0 || size > most)) {
				most = size;
				next = i;
			}
		}
		done[next] = true;
		if (most && !place(s, most, 1ull << (63 - __builtin_clzll(most)),
				   min, max))
			return false;
	}
	return true;
}

#define CONFIG_BYTES	0x2000

/**
 * life_could() - Is there room for all devices, if space is chosen well?
 * @boot:	What the kernel finds
 * @set:	The devices
 * @before:	Where the framebuffer is
 *
 * As for every Linux, windows for 64-bit BARs are above 4 GiB. Found by first
 * fit, the largest first, so that true is a proof and false is not.
 *
 * Return: true if there is.
 */
bool life_could(const struct boot *boot, const struct pci_set *set,
		const struct before *before)
{
	const struct layout *layout = before->layout;
	struct space s = { .count = layout->usable_count };
	int i;

	memcpy(s.free, layout->usable, s.count * sizeof(s.free[0]));
	take(&s, &before->fb);
	for (i = 0; i < boot->busy_count; i++)
		take(&s, &boot->busy[i]);
	if (!place_windows(&s, set, false, 0, 4 * GIB - 1) ||
	    !place_windows(&s, set, true, 4 * GIB, ~0ull))
		return false;
	for (i = 0; i < set->buses; i++)
		if (!place(&s, CONFIG_BYTES, HV_PAGE_SIZE, 4 * GIB, ~0ull) &&
		    !place(&s, CONFIG_BYTES, HV_PAGE_SIZE, 0, 4 * GIB - 1))
			return false;
	return true;
}
