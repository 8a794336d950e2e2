/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns which range of the guest's MMIO space: the framebuffer, each
 * config window, each BAR. One map a VM, and the only place that tells what is
 * in whose way. Pure but for the trace.
 */
#ifndef HVHOST_MMIO_H
#define HVHOST_MMIO_H

#include "core/layout.h"
#include "core/types.h"

enum mmio_kind { MMIO_FRAMEBUFFER, MMIO_CONFIG, MMIO_BAR };

/* A range and its owner; embedded in whatever owns it. */
struct mmio_claim {
	struct mmio_claim *next;
	enum mmio_kind kind;
	const char *owner;		/* "framebuffer", or the device's name */
	int bar;			/* MMIO_BAR: which one, else -1 */
	struct range range;
	bool in_map;
};

/* What is in the way of a claim, the worst first. */
enum mmio_verdict {
	MMIO_FREE,
	MMIO_ON_FRAMEBUFFER,
	MMIO_ON_DEVICE,			/* a config window, a BAR; be it its own */
	MMIO_ON_FIXED,			/* one of layout's fixed[] or described[] */
	MMIO_OUTSIDE,			/* not within one of usable[] */
	/* On the framebuffer of a host that minds nothing: see mmio_map */
	MMIO_COVERED,
};

struct mmio_map {
	/* usable[]: what a guest can use, that is _CRS less the vTPM hole */
	const struct layout *layout;
	/*
	 * The framebuffer wins over config windows and BARs, which are accepted
	 * there, as by OpenVMM; else they are refused.
	 */
	bool cover;
	struct mmio_claim *claims;
};

void mmio_init(struct mmio_map *map, const struct layout *layout);

/*
 * Judge @claim, which is not in the map, against all that is. Each thing in
 * the way is traced as a "conflict" with what the host does about it: "refused"
 * if it would @refuse the claim, "ignored" if not, "covered" if the framebuffer
 * wins.
 */
enum mmio_verdict mmio_judge(const struct mmio_map *map,
			     const struct mmio_claim *claim, bool refuse);
/* Does it overlap a config window, a BAR or a device at a fixed address? No trace. */
bool mmio_on_device(const struct mmio_map *map, const struct mmio_claim *claim);
void mmio_add(struct mmio_map *map, struct mmio_claim *claim);
void mmio_remove(struct mmio_map *map, struct mmio_claim *claim);
const char *mmio_verdict_name(enum mmio_verdict verdict);

#endif
