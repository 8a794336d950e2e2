// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hyperv_drm and pci-hyperv request when they probe
 */
#include "crs/check.h"
#include "crs/class.h"
#include "crs/draw.h"
#include "crs/driver.h"

/* How long a request may take: see place_cost() */
static u64 driver_limit(const struct list *l)
{
	return l->patient ? PATIENT_COST : MAX_COST;
}

/**
 * driver_video() - Have hyperv_drm allocate its VRAM.
 * @l:	The list
 *
 * Return: true if the answer is right
 */
bool driver_video(struct list *l)
{
	u32 mib = draw_pick(l, 4) ? l->offered : draw_mib(l);
	struct request q = {
		.max = TOP, .size = mib * MIB, .align = MIB, .fb_ok = true,
	};
	struct range got, room;
	enum found found;
	int err;

	found = place_expect(l, &q, &room);
	/* Mapped, address 0 is NULL with sweep/stubs, and so an error. */
	if (place_cost(l, &q) > driver_limit(l) ||
	    (found != NOT_FOUND && !room.start))
		return true;
	list_say(l, "hyperv_drm asks for %u MiB\n", mib);
	l->count[BY_VIDEO]++;
	err = l->kernel->video(mib, &got);
	if (!check_answer(l, &q, err, &got, found, &room))
		return false;
	if (!err)
		list_take(l, &got, CALLER, 0);
	return check_trees(l, "hyperv_drm's request");
}

/**
 * driver_config() - Have pci-hyperv allocate a bus's config window.
 * @l:	The list
 * @bus:	The bus, which is BUS_OFF
 *
 * Return: true if the answer is right
 */
bool driver_config(struct list *l, int bus)
{
	struct request q = { .max = TOP, .size = 0x2000, .align = 0x1000 };
	/* Beside the I/O APIC, if the kernel prefers that */
	struct request near = q;
	struct range got, room;
	enum found found = NOT_FOUND;
	int err;

	near.min = 0xfec01000;
	near.max = 0xfecfffff;
	if (place_cost(l, &q) > driver_limit(l))
		return true;
	list_say(l, "pci-hyperv asks for a config window, bus %d\n", bus);
	l->count[BY_CONFIG]++;
	if (l->kernel->config_at_ioapic)
		found = place_expect(l, &near, &room);
	if (found == NOT_FOUND)
		found = place_expect(l, &q, &room);
	l->kernel->add(bus);
	err = l->kernel->config(bus, &got);
	if (!check_answer(l, &q, err, &got, found, &room))
		return false;
	if (!err) {
		list_take(l, &got, CONFIG, bus);
		l->bus[bus] = BUS_CONFIG;
	}
	return check_trees(l, "a config window");
}

static struct request driver_bars(u64 size, bool high)
{
	return (struct request) {
		.min = high ? 4 * GIB : 0, .max = high ? TOP : 4 * GIB - 1,
		.size = size,
		.align = size ? 1ull << (63 - __builtin_clzll(size)) : 1,
	};
}

/**
 * driver_windows() - Have pci-hyperv allocate a bus's bridge windows.
 * @l:	The list
 * @bus:	The bus, which is BUS_CONFIG
 *
 * It requests only what there are BARs for. Low and high MMIO do not overlap, so each
 * request has an answer of its own.
 *
 * Return: true if the answers are right
 */
bool driver_windows(struct list *l, int bus)
{
	u64 low = 0, high = 0;
	struct request q[2];
	struct range got[2], room[2];
	enum found found[2];
	struct bus dev = {};
	int i, err;

	for (i = 0; i < MAX_BARS - 1 && draw_pick(l, 4); i++) {
		bool is_64 = draw_pick(l, 2);
		u64 size = 0x1000ull << draw_pick(l, is_64 ? 24 : 16);

		dev.bar[i].size = size;
		dev.bar[i].is_64 = is_64;
		*(is_64 ? &high : &low) += size;
		i += is_64;
	}
	q[0] = driver_bars(low, false);
	q[1] = driver_bars(high, true);
	for (i = 0; i < 2; i++) {
		if (place_cost(l, &q[i]) > driver_limit(l))
			return true;
		found[i] = place_expect(l, &q[i], &room[i]);
	}
	/*
	 * Then it has to give back the first. Kernels without the fix leave
	 * it.
	 */
	if (low && high && found[1] == NOT_FOUND) {
		if (l->kernel->steps)
			return true;
		l->count[GIVEN_BACK] += found[0] != NOT_FOUND;
		found[0] = NOT_FOUND;
	}
	list_say(l, "pci-hyperv asks for %#llx low, %#llx high, bus %d\n",
		 low, high, bus);
	l->bus[bus] = BUS_ON;
	err = l->kernel->windows(bus, &dev, &got[0], &got[1]);
	for (i = 0; i < 2; i++) {
		if (!q[i].size)
			continue;
		l->count[i ? BY_HIGH : BY_LOW]++;
		if (!check_answer(l, &q[i], err, &got[i], found[i], &room[i]))
			return false;
		if (err)
			break;
		list_take(l, &got[i], i ? HIGH : LOW, bus);
	}
	return check_trees(l, "bridge windows");
}
