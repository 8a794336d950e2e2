/* SPDX-License-Identifier: GPL-2.0-only */
/* COM1 and COM2, by which the guest reaches the console and the findings. */
#ifndef HVHOST_COM_H
#define HVHOST_COM_H

#include "arch/machine.h"

int com_init(struct vm *vm);

#endif
