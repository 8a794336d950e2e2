// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a host could say, mostly what no host should say: _CRS, the VGA BAR, screen_info,
 * busy ranges, the size of the framebuffer
 *
 * Only one of a call's arguments may draw, since C does not say in which order they are
 * computed.
 */
#include <string.h>

#include "common.h"
#include "crs/draw.h"

static const u64 places[] = {
	0, 0xa0000, MIB, 16 * MIB, GIB, 2 * GIB, 3 * GIB, 4 * GIB - 256 * MIB,
	4 * GIB - 128 * MIB, 0xfec00000, HOLE_START, 0xfffc0000, 4 * GIB,
	0xfe0000000ull, 1ull << 36, 1ull << 40, 1ull << 46, 1ull << 52,
	1ull << 63, TOP - 64 * GIB + 1, TOP - 0xfff, 0,
};

/* Take up to @bytes from the input; when that is used up, draw from the seed. */
static u64 draw_next(struct list *l, size_t bytes)
{
	u64 value = 0;

	if (!l->input_left)
		return next_random(&l->random);
	if (bytes > l->input_left)
		bytes = l->input_left;
	memcpy(&value, l->input, bytes);
	l->input += bytes;
	l->input_left -= bytes;
	return value;
}

/**
 * draw_pick() - Draw a number below @count, each with the same probability.
 * @l:	The list
 * @count:	How many there are, not 0
 *
 * Return: the number
 */
u32 draw_pick(struct list *l, u32 count)
{
	return (u32)(draw_next(l, count <= 256 ? 1 : 4) % count);
}

/**
 * draw_any() - Draw any number; each count of bits is as likely as any other.
 * @l:	The list
 *
 * Return: the number
 */
u64 draw_any(struct list *l)
{
	u32 shift = draw_pick(l, 64);

	return draw_next(l, 8) >> shift;
}

/**
 * draw_nudge() - Draw an address at a place, or close to it.
 * @l:	The list
 * @at:	The place
 *
 * Return: the address
 */
u64 draw_nudge(struct list *l, u64 at)
{
	switch (draw_pick(l, 10)) {
	case 0:
		return at - 1;
	case 1:
		return at + 1;
	case 2:
		return at + 0x1000;
	case 3:
		return at - 0x1000;
	case 4:
		return at + draw_pick(l, 64) * MIB;
	case 5:
		return at - draw_pick(l, 64) * MIB;
	default:
		return at;
	}
}

/**
 * draw_place() - Draw an address at, or close to, one at which something happens.
 * @l:	The list
 *
 * Return: the address
 */
u64 draw_place(struct list *l)
{
	return draw_nudge(l, places[draw_pick(l, ARRAY_SIZE(places))]);
}

static u64 draw_length(struct list *l)
{
	switch (draw_pick(l, 8)) {
	case 0:
		return 1 + draw_pick(l, 0x1002);
	case 1:
		return 1ull << draw_pick(l, 64);
	case 2:
		return draw_any(l);
	case 3:
		return (1 + draw_pick(l, 512)) * 0x1000ull;
	default:
		return (1 + draw_pick(l, 1024)) * MIB;
	}
}

/* As hosts have it */
static struct range draw_sane(struct list *l, bool high)
{
	static const u64 low_ends[] = {
		4 * GIB, 4 * GIB, 0xfffc0000, HOLE_START, 4 * GIB - 128 * MIB,
	};
	u64 end, size;

	if (high) {
		size = 512 * MIB;
		if (!draw_pick(l, 2))
			size = (1 + draw_pick(l, 1024)) * GIB;
		return range_at((1 + draw_pick(l, 256)) * 4 * GIB - 512 * MIB,
				size);
	}
	end = low_ends[draw_pick(l, ARRAY_SIZE(low_ends))];
	return (struct range) {
		end - (1 + draw_pick(l, draw_pick(l, 2) ? 256 : 3500)) * MIB,
		end - 1
	};
}

/* One of its ranges, or if there is none a range of one byte */
static const struct range *draw_other(struct list *l)
{
	static const struct range none = { GIB, GIB };

	return l->crs_count ? &l->crs[draw_pick(l, l->crs_count)] : &none;
}

static struct range draw_range(struct list *l)
{
	const struct range *other = draw_other(l);
	u64 place = draw_place(l), size;
	struct range r;

	switch (draw_pick(l, 16)) {
	case 0:
	case 1:
		return draw_sane(l, false);
	case 2:
		return draw_sane(l, true);
	case 3:
		return range_at(draw_pick(l, 2) ? 4 * GIB : place, 0);
	case 4:				/* inverted, likely */
		return (struct range) { place, place - draw_length(l) };
	case 5:				/* overlaps */
		r.start = draw_nudge(l, other->start +
				     (other->end - other->start) /
				     (1 + draw_pick(l, 4)));
		return range_at(r.start, draw_length(l));
	case 6:				/* touches */
		if (draw_pick(l, 2))
			return range_at(other->end + 1, draw_length(l));
		r = range_at(0, draw_length(l));
		return (struct range) { other->start - 1 - r.end,
					other->start - 1 };
	case 7:
		return *other;
	case 8:				/* huge */
		r.start = draw_pick(l, 2) ? draw_any(l) : place;
		r.end = TOP;
		if (!draw_pick(l, 2))
			r.end -= draw_any(l);
		return r;
	case 9:				/* up to the top, or beyond */
		r.start = TOP - draw_any(l);
		size = draw_pick(l, 3) ? TOP - r.start + 1 : draw_length(l);
		return range_at(r.start, size);
	case 10:			/* in the hole, at its ends */
		r.start = draw_nudge(l, HOLE_START + draw_pick(l, 3) * 8 * MIB);
		return range_at(r.start, 1 + draw_pick(l, 24 * MIB));
	case 11:			/* across 4 GiB */
		r.start = 4 * GIB - 1 - draw_any(l) % GIB;
		r.end = 4 * GIB + draw_any(l) % (64 * GIB);
		return r;
	case 12:
		return range_at(place, 1 + draw_pick(l, 0x1100));
	case 13:
		size = draw_length(l);
		return range_at(draw_any(l), size);
	case 14:
		if (!draw_pick(l, 16))
			return (struct range) { 0, TOP };
		size = draw_any(l) % MIB;
		return range_at(draw_any(l) % MIB, size);
	default:
		return range_at(place, draw_length(l));
	}
}

static struct range draw_told(struct list *l)
{
	const struct range *r = draw_other(l);
	u64 size;

	switch (draw_pick(l, 8)) {
	case 0:
		size = draw_any(l);
		return range_at(draw_any(l), size);
	case 1:
		size = draw_length(l);
		return range_at(TOP - draw_any(l) % GIB, size);
	case 2:
		return range_at(draw_nudge(l, r->end - draw_any(l) % GIB),
				3 * MIB);
	case 3:
		size = draw_any(l) % GIB;
		return range_at(draw_nudge(l, r->start), size);
	default:
		return range_at(r->start, (draw_pick(l, 4) ? 3 : 128) * MIB);
	}
}

/* PCI leaves no BAR without bytes, or that ends before it starts. */
static struct range draw_vga(struct list *l)
{
	const struct range *r = draw_other(l);
	struct range vga;
	u64 size;

	switch (draw_pick(l, 4)) {
	case 0:
		vga = range_at(4 * GIB - 128 * MIB, 64 * MIB);
		break;
	case 1:
		vga = range_at(draw_nudge(l, r->start), 64 * MIB);
		break;
	case 2:
		size = draw_any(l) % GIB;
		vga = range_at(draw_nudge(l, r->end - draw_any(l) % GIB), size);
		break;
	default:
		size = draw_length(l);
		vga = range_at(draw_any(l), size);
	}
	return vga.start <= vga.end ? vga : range_at(4 * GIB, 64 * MIB);
}

static void draw_busy(struct list *l)
{
	const struct range *w;
	struct range r;
	u64 size;

	if (draw_pick(l, 2))
		l->busy[l->busy_count++] = range_at(0xfec00000, 0x400);
	if (!l->crs_count || draw_pick(l, 2))
		return;
	w = &l->crs[draw_pick(l, l->crs_count)];
	size = draw_length(l);
	r = range_at(draw_nudge(l, w->start + (w->end - w->start) /
				(1 + draw_pick(l, 8))), size);
	if (r.end >= r.start &&
	    !(l->busy_count && range_overlap(&r, &l->busy[0])))
		l->busy[l->busy_count++] = r;
}

/**
 * draw_mib() - Draw a size of video memory, as a host may offer it.
 * @l:	The list
 *
 * Return: MiB
 */
u16 draw_mib(struct list *l)
{
	static const u16 usual[] = { 0, 3, 8, 64, 128, 0xffff };

	return draw_pick(l, 2) ? usual[draw_pick(l, ARRAY_SIZE(usual))] :
				 draw_pick(l, 300);
}

/**
 * draw_list() - Draw a list, and what else the guest finds.
 * @l:	The list; all but ->kernel, ->input and what it writes to is zero
 * @seed:	Of the run
 * @index:	The list's number
 */
void draw_list(struct list *l, u64 seed, u64 index)
{
	u64 state = seed;
	int i, n;

	l->seed = seed;
	l->index = index;
	state = next_random(&state) ^ index;
	l->random = next_random(&state);

	/* Half of them have what a host would have, among other things */
	n = draw_pick(l, MAX_RANGES + 1);
	if (draw_pick(l, 2)) {
		l->crs[l->crs_count++] = draw_sane(l, false);
		if (draw_pick(l, 4))
			l->crs[l->crs_count++] = draw_sane(l, true);
		n = l->crs_count + draw_pick(l, 4);
	}
	while (l->crs_count < n) {
		struct range r = draw_range(l);

		l->crs[l->crs_count++] = r;
	}
	for (i = l->crs_count - 1; i > 0; i--) {
		int j = draw_pick(l, i + 1);
		struct range r = l->crs[i];

		l->crs[i] = l->crs[j];
		l->crs[j] = r;
	}
	l->efi = draw_pick(l, 2);
	l->has_vga = !draw_pick(l, 4);
	if (l->has_vga)
		l->vga = draw_vga(l);
	if (draw_pick(l, 2))
		l->told = draw_told(l);
	draw_busy(l);
	if (draw_pick(l, 3))
		l->offered = draw_mib(l);
	l->patient = !draw_pick(l, 32);
	l->devicetree = l->kernel->devicetree && !draw_pick(l, 8);
	if (l->devicetree) {
		l->has_vga = false;
		l->told = (struct range) {};
	}
}
