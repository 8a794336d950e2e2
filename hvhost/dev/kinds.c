// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kinds of virtual PCI devices. A new one is a file that defines a struct
 * device_kind, and two lines here.
 */
#include <stddef.h>

#include "dev/echo.h"
#include "dev/kinds.h"
#include "dev/nvme.h"

const struct device_kind *const device_kinds[] = {
	&nvme_kind,
	&echo_kind,
	NULL,
};
