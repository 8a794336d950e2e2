/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the sweep goes over. A point is a layout; the rest are the ways in which
 * one or two kernels can live on it.
 */
#ifndef SWEEP_DIMS_H
#define SWEEP_DIMS_H

#include "life.h"

/* Gen1 without high MMIO, which no known host makes, is counted apart. */
/* So is Gen1 with a framebuffer that is mapped beyond its BAR. */
enum group {
	GEN1, GEN1_NO_HIGH, GEN1_WHOLE_FB, GEN2_X86, GEN2_ARM64, GROUPS
};
enum high { HIGH_512M, HIGH_64G, HIGH_NONE, HIGHS };
/* What fills low MMIO depends on whether space is kept for a lie as well. */
enum set {
	SET_NVME, SET_BAR32, SET_MIXED, SET_HIGH, SET_HIGH_UP, SET_FILL,
	SET_FILL_LIE, SETS
};

/* What screen_info says: to both kernels, the first alone, none; a lie to both */
enum told { TOLD, TOLD_ONCE, TOLD_NEVER, TOLD_STALE, TOLDS };
/* ... so to one of them: */
enum view { VIEW_TRUE, VIEW_NONE, VIEW_STALE, VIEWS };

/* Kexec and kdump differ in nothing that counts here. */
enum path { BOOT, SECOND, PATHS };

/* What is asked of the host */
struct asked {
	u8 group, high;
	bool other_host;		/* not Windows */
	/*
	 * Before a driver moves it, the framebuffer is mapped otherwise: 8 MiB
	 * of it on Gen2, all of it on Gen1
	 */
	bool other_fb;
	u16 low_mib;			/* 0: the default */
	u16 fb_mib;			/* the layout rounds it up */
};

struct point {
	struct asked asked;
	enum group group;
	struct layout layout;
	struct range busy[LAYOUT_MAX_DESCRIBED];
	int busy_count;
	struct pci_set set[SETS];
};

/* How kernels live on it; for BOOT all of the second kernel is left out. */
struct way {
	enum path path;
	enum set set;
	enum told told;
	bool efi;			/* handed on to the second kernel */
	int first, second;		/* of kernels[] */
	enum order first_order, second_order;
};

extern const char *const group_names[GROUPS], *const high_names[HIGHS];
extern const char *const set_names[SETS], *const told_names[TOLDS];
extern const char *const path_names[PATHS], *const view_names[VIEWS];

static inline bool is_gen1(enum group group)
{
	return group == GEN1 || group == GEN1_NO_HIGH || group == GEN1_WHOLE_FB;
}

/* Kernel @k of kernels[], as it is compiled for @group */
static inline const struct kernel *kernel_for(int k, enum group group)
{
	return group == GEN2_ARM64 ? arm64_kernels[k] : kernels[k];
}

struct asked *dims_points(bool full, int *count);
const char *dims_steps(bool full);
void dims_fill_in(struct point *p, const struct asked *asked);
bool dims_hands_on(const struct point *p, enum view from, bool from_efi,
		   enum view to, bool to_efi);
bool dims_has(const struct point *p, const struct way *w);
enum view dims_view(enum told told, bool second);
struct boot dims_boot(const struct point *p, enum view view, bool efi);

#endif
