/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypervisor on x86: MSRs, the hypercall page, SINTs, as KVM lets us. */
#ifndef HVHOST_HYPERV_H
#define HVHOST_HYPERV_H

#include "arch/machine.h"

/* In this order: before the vCPUs, for each of them, after all of them. */
int hyperv_init(struct vm *vm);
int hyperv_init_cpu(struct vm *vm, u32 cpu);
int hyperv_route_sints(struct vm *vm);

/* An exit that is the hypervisor's; the lock is held. */
bool hyperv_exit(struct vm *vm, u32 cpu, struct kvm_run *run);

#endif
