/* SPDX-License-Identifier: GPL-2.0-only */
/* How many there can be of what. */
#ifndef HVHOST_LIMITS_H
#define HVHOST_LIMITS_H

#define MAX_CPUS	8
#define MAX_PCI		128	/* --pci */
#define MAX_REFUSALS	16	/* --refuse-windows */
#define MAX_WATCHES	64	/* texts and buses to wait for */
#define MAX_WATCH_TEXT	255	/* bytes of such a text */
#define MAX_BARS	6	/* of a PCI function */

#endif
