// SPDX-License-Identifier: GPL-2.0-only
/*
 * All that happens to a list: boot, random requests, and all of it given back
 */
#include "crs/check.h"
#include "crs/class.h"
#include "crs/draw.h"
#include "crs/driver.h"
#include "crs/expect.h"
#include "crs/play.h"
#include "crs/request.h"

static bool play_give_back(struct list *l, int i)
{
	int bus = l->how[i].bus;
	enum owner owner = l->how[i].owner;
	struct range r = l->taken[i];

	list_say(l, "give back [%#llx-%#llx]\n", r.start, r.end);
	switch (owner) {
	case CALLER:
		l->kernel->free(r.start, r.end - r.start + 1);
		list_forget(l, i);
		break;
	case CONFIG:
		l->kernel->unconfig(bus);
		list_forget(l, i);
		break;
	case LOW:
	case HIGH:
		l->kernel->unwindows(bus);
		for (i = l->taken_count - 1; i >= 0; i--)
			if (l->how[i].bus == bus && (l->how[i].owner == LOW ||
						     l->how[i].owner == HIGH))
				list_forget(l, i);
		break;
	}
	if (owner != CALLER) {
		/* A bus is used anew when nothing of it is left. */
		for (i = 0; i < l->taken_count; i++)
			if (l->how[i].owner != CALLER && l->how[i].bus == bus)
				break;
		l->bus[bus] = i == l->taken_count ? BUS_OFF : BUS_ON;
	}
	return check_trees(l, "giving back");
}

static bool play_allocate(struct list *l)
{
	struct range got, room;
	struct request q;
	enum found found;
	u64 before;
	int err;

	/* The same over and over fills what there is. */
	q = l->last;
	if (!q.align || draw_pick(l, 3) || place_cost(l, &q) > MAX_COST)
		q = request_make(l);
	l->last = q;
	list_say(l, "allocate %s\n", list_request(&q).text);
	found = place_expect(l, &q, &room);
	err = l->kernel->allocate(q.min, q.max, q.size, q.align, q.fb_ok, &got);
	before = l->before;
	if (!check_answer(l, &q, err, &got, found, &room))
		return false;
	if (err)
		return check_trees(l, "allocate");
	list_take(l, &got, CALLER, 0);
	if (!check_trees(l, "allocate"))
		return false;
	if (draw_pick(l, 4))
		return true;

	/* Given back at once there is nothing to be seen of it. */
	if (!play_give_back(l, l->taken_count - 1))
		return false;
	if (l->kernel->state() != before)
		return check_wrong_place(l, &q, &got,
					 "given back, but not all is as before");
	return true;
}

static bool play_step(struct list *l)
{
	int bus = draw_pick(l, BUSES);

	switch (draw_pick(l, 16)) {
	case 0:
		return driver_video(l);
	case 1:
	case 2:
	case 3:
		if (l->bus[bus] == BUS_OFF)
			return driver_config(l, bus);
		if (l->bus[bus] == BUS_CONFIG)
			return driver_windows(l, bus);
		break;
	case 4:
	case 5:
	case 6:
		if (l->taken_count)
			return play_give_back(l, draw_pick(l, l->taken_count));
		break;
	}
	return play_allocate(l);
}

/**
 * play_list() - Boot the kernel on a list, make requests, and give back all.
 * @l:	The list, after draw_list()
 *
 * Return: true if all was right
 */
bool play_list(struct list *l)
{
	struct boot boot = {
		.crs = l->crs, .crs_count = l->crs_count,
		.busy = l->busy, .busy_count = l->busy_count,
		.vga_bar = l->has_vga ? &l->vga : NULL,
		.efi = l->efi, .told = l->told, .offered_mib = l->offered,
		.devicetree = l->devicetree,
	};
	int i, n, err;
	u64 state;

	expect_boot(l);
	class_count(l);
	if (l->has_kept)
		list_say(l, "to be kept free: [%#llx-%#llx]\n", l->kept.start,
			 l->kept.end);

	/* There is no limit to windows, and memory there is. */
	err = l->kernel->boot(&boot);
	if (err)
		return list_wrong(l, "boot: error %d", err);
	if (!check_windows(l) || !check_reserve(l) ||
	    !check_trees(l, "boot"))
		return false;
	state = l->kernel->state();

	n = 5 + draw_pick(l, 16);
	for (i = 0; i < n; i++)
		if (!play_step(l))
			return false;
	while (l->taken_count)
		if (!play_give_back(l, draw_pick(l, l->taken_count)))
			return false;
	if (l->kernel->state() != state)
		return list_wrong(l, "all is given back, but not all is as before");
	n = l->kernel->remove();
	list_say(l, "removed\n");
	if (n)
		return list_wrong(l, "%d objects are left when all is gone", n);
	return check_trees(l, "remove");
}
