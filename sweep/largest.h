/* SPDX-License-Identifier: GPL-2.0-only */
/* How large BARs can be */
#ifndef SWEEP_LARGEST_H
#define SWEEP_LARGEST_H

#include <stdio.h>

void largest(FILE *out);

#endif
