/* SPDX-License-Identifier: GPL-2.0-only */
/* SINTs: a PPI as an edge. */
#ifndef HVHOST_ARM64_SINT_H
#define HVHOST_ARM64_SINT_H

#include "arch/machine.h"

int sint_init(struct vm *vm);
void sint_raise(struct vm *vm, u32 vp);
void sint_drop(u32 vp);

#endif
