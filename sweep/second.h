/* SPDX-License-Identifier: GPL-2.0-only */
/* Which config window a kernel tries when the host refuses one */
#ifndef SWEEP_SECOND_H
#define SWEEP_SECOND_H

#include <stdio.h>

int second(FILE *out);

#endif
