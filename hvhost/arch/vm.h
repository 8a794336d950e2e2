/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual machine's life: vCPU threads and their exits. */
#ifndef HVHOST_VM_H
#define HVHOST_VM_H

#include "arch/machine.h"

int vm_init(struct vm *vm);
int vm_start(struct vm *vm);
void vm_use_gate(struct vm *vm, void (*act)(void *vm));

#endif
