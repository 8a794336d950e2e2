/* SPDX-License-Identifier: GPL-2.0-only */
/* All kinds of virtual PCI devices that there are. */
#ifndef HVHOST_KINDS_H
#define HVHOST_KINDS_H

#include "core/kind.h"

/* A NULL ends it. */
extern const struct device_kind *const device_kinds[];

#endif
