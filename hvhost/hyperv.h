/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypervisor: CPUID leaves, MSRs, hypercalls, SynIC, as KVM lets us. */
#ifndef HVHOST_HYPERV_H
#define HVHOST_HYPERV_H

#include "vm.h"

#define HV_STATUS_SUCCESS			0
#define HV_STATUS_INVALID_HYPERCALL_CODE	2
#define HV_STATUS_INVALID_HYPERCALL_INPUT	3
#define HV_STATUS_INVALID_ALIGNMENT		4
#define HV_STATUS_INVALID_PARAMETER		5
#define HV_STATUS_INVALID_CONNECTION_ID		18

#define HV_SINTS		16
#define HV_MESSAGE_PAYLOAD	240

struct kvm_run;
struct hyperv;

/* In this order: before the vCPUs, for each of them, after all of them. */
int hyperv_init(struct vm *vm);
int hyperv_init_cpu(struct vm *vm, u32 cpu);
int hyperv_route_sints(struct vm *vm);

/* An exit that is the hypervisor's; the lock is held. */
bool hyperv_exit(struct vm *vm, u32 cpu, struct kvm_run *run);

/* struct vmbus_ops; opaque is the VM. The lock is held. */
int hyperv_post(void *opaque, u32 vp, u32 sint, u32 type, const void *payload,
		size_t len);
int hyperv_signal(void *opaque, u32 vp, u32 sint, u32 flag);

/*
 * An isolated VM sees shared memory a second time, from this bit of the GPA
 * upwards (vTOM). 0: not isolated.
 */
u64 hyperv_shared_bit(const struct vm *vm);

#endif
