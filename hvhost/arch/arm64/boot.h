/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads an arm64 kernel. */
#ifndef HVHOST_ARM64_BOOT_H
#define HVHOST_ARM64_BOOT_H

#include "arch/machine.h"

int boot64_load(struct vm *vm, u64 *entry);

#endif
