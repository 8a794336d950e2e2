/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line, in Hyper-V's own words. For main.c alone. */
#ifndef HVHOST_OPTIONS_H
#define HVHOST_OPTIONS_H

#include "core/hostile.h"
#include "core/kind.h"
#include "core/layout.h"
#include "core/limits.h"
#include "core/types.h"

/* One --pci */
struct option_pci {
	char name[16];			/* "nvme0" */
	const struct device_kind *kind;
	const char *args;		/* checked by it */
	bool later;			/* not there before an --add-on */
};

/* One --refuse-windows */
struct option_refusal {
	struct range range;
	u32 status;
};

/* What to do when the guest sends a text, or begins with a bus */
enum watch_action {
	WATCH_SHUTDOWN, WATCH_SCREEN, WATCH_ADD, WATCH_EJECT, WATCH_REMOVE,
	WATCH_RESCIND, WATCH_NMI,
};

struct option_watch {
	enum watch_action action;
	const char *object;		/* PCI device, file of a picture, vCPU */
	const char *text;
	const char *bus;		/* what @DEVICE waits for, or NULL */
	u32 cpu;			/* that gets an NMI */
};

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *trace;
	const char *findings;		/* what COM2 sends to; NULL: no COM2 */
	const char *screen;		/* PNG to write */
	int cpus;
	int timeout;			/* seconds, 0: none */
	bool isolation_vbs;
	bool devicetree;		/* no ACPI; arm64 */
	int max_cpus;			/* that are described; arm64, 0: as cpus */
	bool no_synthvid;
	bool ignore_bar_conflicts;
	bool overlap_cover;		/* the framebuffer wins */
	bool zero_bars;			/* they do not read back */
	bool release_dead_devices;
	bool video_first;		/* in the order of offers */
	struct option_refusal refusal[MAX_REFUSALS];
	int refusals;
	bool verbose;
	const struct device_kind *const *kinds;
	struct option_pci pci[MAX_PCI];
	int pcis;
	struct option_watch watch[MAX_WATCHES];
	int watches;
	struct hostile_plan hostile;
	u32 vmbus_version;		/* highest accepted, (major << 16) | minor */
	struct layout_request layout;
};

enum options_command {
	OPTIONS_RUN,
	OPTIONS_LAYOUT,
	OPTIONS_HELP,		/* given; nothing else to do */
	OPTIONS_BAD,		/* stderr was told */
};

int options_parse(int argc, char **argv,
		  const struct device_kind *const *kinds, struct options *opt);
int options_layout(const struct options *opt);

#endif
