/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes what firmware says, for a hostile host: MMIO windows, _CRS, devicetree, screen_info
 * and the VGA device's BAR; see core/hostile.h. Nothing changes if the host is honest.
 */
#ifndef HVHOST_FIRMWARE_H
#define HVHOST_FIRMWARE_H

#include <linux/screen_info.h>

#include "arch/aml.h"
#include "core/layout.h"
#include "core/pcicfg.h"

/* Each of the layout's windows, another one before it, and a copy */
#define FIRMWARE_MAX_WINDOWS	(3 * LAYOUT_MAX_RANGES)

/* Room for a _CRS with that many windows and all else that a host has there */
#define FIRMWARE_CRS_SIZE	2560u
/* ... and for the table that contains it */
#define FIRMWARE_SSDT_SIZE	3584u

/* A devicetree node's "ranges" property, and the cells by which it is read */
struct firmware_ranges {
	u64 entry[FIRMWARE_MAX_WINDOWS][3];	/* child's and parent's address, size */
	u32 bytes;				/* of the property */
	u32 address_cells, size_cells;
};

int firmware_windows(const struct layout *layout, struct range *list);
void firmware_crs(struct aml *crs);
void firmware_ranges(struct firmware_ranges *r);
void firmware_screen(const struct layout *layout, struct screen_info *si);
void firmware_vga(const struct layout *layout, struct pcicfg *vga);

#endif
