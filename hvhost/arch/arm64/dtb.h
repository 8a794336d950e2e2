/* SPDX-License-Identifier: GPL-2.0-only */
/* The devicetree that an arm64 kernel is given. Pure. */
#ifndef HVHOST_ARM64_DTB_H
#define HVHOST_ARM64_DTB_H

#include "core/layout.h"

struct dtb_config {
	const char *append;
	u64 initrd, initrd_size;	/* size 0: none */
	/* EFI's tables; systab 0: no EFI, so that all devices are in the tree */
	u64 systab, map;
	u32 map_size, desc_size;
	const struct layout *layout;
	u32 cpus;
};

int dtb_make(const struct dtb_config *c, void *buf, u32 size);

#endif
