/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs: how they begin, and their registers. */
#ifndef HVHOST_ARM64_VCPU_H
#define HVHOST_ARM64_VCPU_H

#include "arch/kvm.h"

int vcpu_init(const struct kvm *kvm, u32 cpu);
int vcpu_get_x(int fd, u32 reg, u64 *value);
int vcpu_set_x(int fd, u32 reg, u64 value);
bool vcpu_is_off(int fd);
int vcpu_get_pc(int fd, u64 *value);
int vcpu_set_pc(int fd, u64 value);

#endif
