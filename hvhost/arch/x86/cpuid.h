/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUID: a processor's without what does not work, and Hyper-V's leaves. */
#ifndef HVHOST_CPUID_H
#define HVHOST_CPUID_H

#include "arch/kvm.h"

int cpuid_gpa_bits(const struct kvm *kvm);
int cpuid_set(const struct kvm *kvm, u32 cpu);

#endif
