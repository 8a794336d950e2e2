// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns which range of the guest's MMIO space. A claim is in the way of
 * another if they share a byte, whoever the two belong to: a device's BAR over
 * its own config window is as wrong as over its neighbour's.
 */
#include "core/mmio.h"
#include "core/range.h"
#include "core/trace.h"

/**
 * mmio_init() - Begin with nothing claimed.
 * @map:	To be filled in
 * @layout:	The VM's; its usable[] is all the MMIO space there is
 */
void mmio_init(struct mmio_map *map, const struct layout *layout)
{
	*map = (struct mmio_map) { .layout = layout };
}

static const char *mmio_kind_name(enum mmio_kind kind)
{
	static const char *const names[] = {
		[MMIO_FRAMEBUFFER] = "framebuffer",
		[MMIO_CONFIG] = "config",
		[MMIO_BAR] = "bar",
	};

	return names[kind];
}

/*
 * What @claim conflicts with: @other's claim, one of the layout's @fixed devices,
 * or, if both are NULL, it is not within MMIO space.
 */
static void mmio_trace_conflict(const struct mmio_claim *claim,
				const struct mmio_claim *other,
				const struct range *fixed, const char *action)
{
	trace_begin("conflict");
	trace_str("what", mmio_kind_name(claim->kind));
	trace_str("device", claim->owner);
	if (claim->kind == MMIO_BAR)
		trace_num("bar", claim->bar);
	trace_range("range", &claim->range);
	if (other) {
		trace_str("with", other->kind == MMIO_FRAMEBUFFER ?
			  "framebuffer" : other->owner);
		trace_range("with_range", &other->range);
		/* Of a device, it can be a window or a BAR. */
		if (claim->kind == MMIO_FRAMEBUFFER)
			trace_str("with_what", mmio_kind_name(other->kind));
		if (claim->kind == MMIO_FRAMEBUFFER && other->kind == MMIO_BAR)
			trace_num("with_bar", other->bar);
	} else if (fixed) {
		trace_str("with", "fixed");
		trace_range("with_range", fixed);
	} else {
		trace_str("with", "outside");
	}
	trace_str("action", action);
	trace_end();
}

/* Two windows side by side are two: nothing that guests allocate spans them */
static bool mmio_inside(const struct layout *layout, const struct range *range)
{
	int i;

	for (i = 0; i < layout->usable_count; i++)
		if (range_within(range, &layout->usable[i]))
			return range->start <= range->end;
	return false;
}

static bool mmio_on_fixed(const struct layout *layout, const struct range *range)
{
	int i;

	for (i = 0; i < layout->fixed_count; i++)
		if (range_overlap(&layout->fixed[i], range))
			return true;
	for (i = 0; i < layout->described_count; i++)
		if (range_overlap(&layout->described[i], range))
			return true;
	return false;
}

/* What @other means for @claim, with which it overlaps */
static enum mmio_verdict mmio_verdict_on(const struct mmio_map *map,
					 const struct mmio_claim *claim,
					 const struct mmio_claim *other)
{
	if (map->cover && (claim->kind == MMIO_FRAMEBUFFER ||
			   other->kind == MMIO_FRAMEBUFFER))
		return MMIO_COVERED;
	return other->kind == MMIO_FRAMEBUFFER ? MMIO_ON_FRAMEBUFFER :
						 MMIO_ON_DEVICE;
}

static enum mmio_verdict mmio_find_verdict(const struct mmio_map *map,
					   const struct mmio_claim *claim)
{
	enum mmio_verdict worst = mmio_inside(map->layout, &claim->range) ?
				  MMIO_FREE : MMIO_OUTSIDE;
	const struct mmio_claim *c;

	if (mmio_on_fixed(map->layout, &claim->range))
		worst = MMIO_ON_FIXED;
	for (c = map->claims; c; c = c->next) {
		enum mmio_verdict verdict;

		if (c == claim || !range_overlap(&c->range, &claim->range))
			continue;
		verdict = mmio_verdict_on(map, claim, c);
		if (worst == MMIO_FREE || verdict < worst)
			worst = verdict;
	}
	return worst;
}

/**
 * mmio_judge() - What is in a claim's way?
 * @map:	The map
 * @claim:	Not in it; its range does not wrap
 * @refuse:	Whether the host refuses the claim if anything is, but for a
 *		framebuffer that covers it
 *
 * All that is in the way is traced, a "conflict" each.
 *
 * Return: the worst of it, or MMIO_FREE.
 */
enum mmio_verdict mmio_judge(const struct mmio_map *map,
			     const struct mmio_claim *claim, bool refuse)
{
	enum mmio_verdict worst = mmio_find_verdict(map, claim);
	bool accepted = !refuse || worst == MMIO_COVERED;
	const char *action = accepted ? "ignored" : "refused";
	const struct mmio_claim *c;
	int i;

	if (worst == MMIO_FREE)
		return worst;
	for (c = map->claims; c; c = c->next) {
		if (c == claim || !range_overlap(&c->range, &claim->range))
			continue;
		/* What is refused has nothing there to be covered. */
		if (accepted && mmio_verdict_on(map, claim, c) == MMIO_COVERED)
			mmio_trace_conflict(claim, c, NULL, "covered");
		else
			mmio_trace_conflict(claim, c, NULL, action);
	}
	for (i = 0; i < map->layout->fixed_count; i++) {
		const struct range *fixed = &map->layout->fixed[i];

		if (range_overlap(fixed, &claim->range))
			mmio_trace_conflict(claim, NULL, fixed, action);
	}
	for (i = 0; i < map->layout->described_count; i++) {
		const struct range *described = &map->layout->described[i];

		if (range_overlap(described, &claim->range))
			mmio_trace_conflict(claim, NULL, described, action);
	}
	if (!mmio_inside(map->layout, &claim->range))
		mmio_trace_conflict(claim, NULL, NULL, action);
	return worst;
}

/**
 * mmio_on_device() - Test whether a claim overlaps a device.
 * @map:	The map
 * @claim:	As for mmio_judge(), whose verdict is the worst alone
 *
 * Return: true if it overlaps a config window, a BAR, or a device at a fixed address.
 */
bool mmio_on_device(const struct mmio_map *map, const struct mmio_claim *claim)
{
	const struct mmio_claim *c;

	for (c = map->claims; c; c = c->next)
		if (c != claim && c->kind != MMIO_FRAMEBUFFER &&
		    range_overlap(&c->range, &claim->range))
			return true;
	return mmio_on_fixed(map->layout, &claim->range);
}

/**
 * mmio_add() - Put a claim on the map, whatever is in its way.
 * @map:	The map
 * @claim:	Stays where it is and as it is until mmio_remove()
 */
void mmio_add(struct mmio_map *map, struct mmio_claim *claim)
{
	if (claim->in_map)
		return;
	claim->next = map->claims;
	claim->in_map = true;
	map->claims = claim;
}

/**
 * mmio_remove() - Take a claim off the map.
 * @map:	The map
 * @claim:	It; one that is not there is left alone
 */
void mmio_remove(struct mmio_map *map, struct mmio_claim *claim)
{
	struct mmio_claim **link = &map->claims;

	if (!claim->in_map)
		return;
	while (*link != claim)
		link = &(*link)->next;
	*link = claim->next;
	claim->next = NULL;
	claim->in_map = false;
}

/**
 * mmio_verdict_name() - A verdict in a word, as traces say it.
 * @verdict:	It
 *
 * Return: "ok", "framebuffer", "overlap", "fixed", "outside" or "covered".
 */
const char *mmio_verdict_name(enum mmio_verdict verdict)
{
	static const char *const names[] = {
		[MMIO_FREE] = "ok",
		[MMIO_ON_FRAMEBUFFER] = "framebuffer",
		[MMIO_ON_DEVICE] = "overlap",
		[MMIO_ON_FIXED] = "fixed",
		[MMIO_OUTSIDE] = "outside",
		[MMIO_COVERED] = "covered",
	};

	return names[verdict];
}
