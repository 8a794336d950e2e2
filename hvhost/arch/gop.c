// SPDX-License-Identifier: GPL-2.0-only
/* What firmware tells the kernel of the screen. */
#include <string.h>

#include "arch/firmware.h"
#include "arch/gop.h"

/* What an honest host says */
static void gop_fill(const struct layout *layout, struct screen_info *si)
{
	const struct range *fb = &layout->fb_firmware;

	memset(si, 0, sizeof(*si));
	if (layout->generation == 1 && !fb->start) {
		si->orig_video_mode = 3;
		si->orig_video_cols = 80;
		si->orig_video_lines = 25;
		si->orig_video_isVGA = 1;
		si->orig_video_points = 16;
		return;
	}
	if (!fb->start || fb->end <= fb->start)
		return;
	si->orig_video_isVGA = layout->generation == 1 ? VIDEO_TYPE_VLFB :
							 VIDEO_TYPE_EFI;
	si->lfb_width = 1024;
	si->lfb_height = 768;
	si->lfb_depth = 32;
	si->lfb_linelength = 1024 * 4;
	si->lfb_base = fb->start;
	si->ext_lfb_base = fb->start >> 32;
	if (si->ext_lfb_base)
		si->capabilities |= VIDEO_CAPABILITY_64BIT_BASE;
	/* VESA counts in 64 KiB */
	si->lfb_size = (fb->end - fb->start + 1) >>
		       (layout->generation == 1 ? 16 : 0);
	si->blue_size = 8;
	si->green_size = 8;
	si->green_pos = 8;
	si->red_size = 8;
	si->red_pos = 16;
	si->rsvd_size = 8;
	si->rsvd_pos = 24;
	si->pages = 1;
}

/**
 * gop_describe() - Say what firmware left on the screen.
 * @layout:	fb_firmware, crs and generation count
 * @si:		Filled in; what is not known stays 0
 *
 * Gen2: the framebuffer of EFI's GOP, unless the layout has none: lfb_base is
 * 0 in an isolated VM, and without firmware. Gen1: text mode, as a BIOS boots,
 * for its framebuffer is told by the VGA device's BAR; only if the layout says
 * so, a VESA mode, as a boot loader sets it.
 */
void gop_describe(const struct layout *layout, struct screen_info *si)
{
	gop_fill(layout, si);
	firmware_screen(layout, si);
}
