/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel's life on a host, as far as MMIO goes: it boots, its drivers take
 * their space in some order, and the host says what it thinks of that. Space,
 * boundaries and what is in whose way are hvhost's code.
 */
#ifndef SWEEP_LIFE_H
#define SWEEP_LIFE_H

#include "kernel.h"
#include "core/layout.h"

/* Who asks first; without a driver the framebuffer stays where it is. */
enum order { VIDEO_FIRST, PCI_FIRST, NO_VIDEO, ORDERS };

struct pci_set {
	const char *name;
	int buses;
	struct bus bus[MAX_BUSES];
};

/* What can go wrong with a device's space: the host objects ... */
enum fault {
	CONFIG_ON_FB, BAR_ON_FB, CONFIG_ON_DEVICE, BAR_ON_DEVICE, FB_ON_DEVICE,
	CONFIG_ON_FIXED, BAR_ON_FIXED, FB_ON_FIXED, OUTSIDE,
/* ... or the kernel finds none. */
	NO_CONFIG, NO_LOW, NO_HIGH, NO_VRAM, FAULTS
};

#define CONFLICTS	((1u << NO_CONFIG) - 1)
#define LOSSES		((1u << FAULTS) - 1 - CONFLICTS)
#define FAILURES	(CONFLICTS | LOSSES)
/* The framebuffer and a device overlap */
#define FB_CONFLICTS	(1u << CONFIG_ON_FB | 1u << BAR_ON_FB | 1u << FB_ON_DEVICE)

/* What else is noted, in the same bits behind the faults; none is a failure */
enum note {
	REFUSED = FAULTS,		/* the first config window of some bus */
	REFUSED_TWICE,			/* and the second */
	/* The second window is so close to the first that the same framebuffer
	 * could reach it: there was no other space
	 */
	SECOND_NEAR,
	/* It is not, and the same framebuffer does: this cannot be. */
	SECOND_WRONG,
	/* A config window is in the MiB of x86's I/O APIC */
	CONFIG_AT_IOAPIC,
	/* The reservation lacks some of what hvhost's rule says to reserve */
	RESERVES_LESS,
	NOTES
};

/* How many config windows the kernel may try */
#define MAX_TRIES	4

/* What a virtual PCI bus has: config window, windows for 32 and 64-bit BARs. */
struct claims {
	struct range config, low, high;
};

/* The host as a kernel finds it: closing a channel frees all that a bus had. */
struct before {
	const struct layout *layout;
	struct range fb;
};

struct outcome {
	u32 faults;			/* bits of enum fault */
	struct range fb;		/* where the host has it now */
	int buses;
	struct claims bus[MAX_BUSES];	/* what the host let them have */
	/* What it did not; and a config window that was given back, since there
	 * was no room for BARs
	 */
	struct claims tried[MAX_BUSES];
	/* Config windows that the host refused, up to ->tried's or ->bus's */
	struct range refused[MAX_BUSES][MAX_TRIES];
	int refused_count[MAX_BUSES];
	u32 bus_faults[MAX_BUSES];
	bool stuck;			/* some bus did not get to ask for D0 */
	struct left left;
};

extern const char *const fault_names[FAULTS], *const note_names[NOTES - FAULTS];
extern const char *const order_names[ORDERS];

static inline bool nowhere(const struct range *r)
{
	return r->end < r->start;
}

void life_alone(const struct kernel *k, const struct boot *boot,
		const struct pci_set *set, const struct layout *layout,
		struct outcome out[ORDERS]);
void life(const struct kernel *k, const struct boot *boot, enum order order,
	  const struct pci_set *set, const struct before *before,
	  struct outcome *out);
bool life_same(const struct outcome *o, enum order order,
	       const struct before *before);
bool life_could(const struct boot *boot, const struct pci_set *set,
		const struct before *before);

#endif
