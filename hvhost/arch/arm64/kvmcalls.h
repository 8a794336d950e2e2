/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM definitions missing from Debian 12's headers (Linux 6.4) */
#ifndef HVHOST_ARM64_KVMCALLS_H
#define HVHOST_ARM64_KVMCALLS_H

#include <linux/kvm.h>

#ifndef KVM_ARM_VM_SMCCC_CTRL
#define KVM_ARM_VM_SMCCC_CTRL		0
#define KVM_ARM_VM_SMCCC_FILTER		0

#define KVM_SMCCC_FILTER_FWD_TO_USER	2

struct kvm_smccc_filter {
	__u32 base;
	__u32 nr_functions;
	__u8 action;
	__u8 pad[15];
};

#define KVM_HYPERCALL_EXIT_SMC		(1u << 0)
#endif

/* Called flags since then; the low half has a name in all headers. */
static inline __u32 kvm_hypercall_flags(const struct kvm_run *run)
{
	return run->hypercall.longmode;
}

#endif
