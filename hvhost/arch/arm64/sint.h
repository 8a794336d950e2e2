/* SPDX-License-Identifier: GPL-2.0-only */
/* SINTs: PPIs as edges. */
#ifndef HVHOST_ARM64_SINT_H
#define HVHOST_ARM64_SINT_H

#include "arch/machine.h"

int sint_init(struct vm *vm);
void sint_raise(struct vm *vm, u32 vp, u32 intid);

#endif
