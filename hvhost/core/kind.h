/* SPDX-License-Identifier: GPL-2.0-only */
/* Kinds of virtual PCI devices, as --pci makes them. */
#ifndef HVHOST_KIND_H
#define HVHOST_KIND_H

#include "core/types.h"

struct vpci_device;

/* All that is known of a kind outside of its own file */
struct device_kind {
	const char *name;	/* "nvme": the first device is nvme0 */
	/* --pci PREFIX...: what follows it are the kind's own arguments */
	const char *prefix;
	const char *syntax;	/* the whole of it, for messages */
	const char *help;	/* the same with what it means, for --help */
	/* Are these arguments? NULL, or what --pci should have been */
	const char *(*check)(const char *args);
	/* Make a device; NULL after having said @why not. @args is checked. */
	struct vpci_device *(*make)(const char *name, const char *args,
				    char *why, size_t why_len);
};

#endif
