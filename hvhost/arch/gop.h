/* SPDX-License-Identifier: GPL-2.0-only */
/* What firmware tells the kernel of the screen. */
#ifndef HVHOST_GOP_H
#define HVHOST_GOP_H

#include <linux/screen_info.h>

#include "core/layout.h"

void gop_describe(const struct layout *layout, struct screen_info *si);

#endif
