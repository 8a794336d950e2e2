/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM: its descriptors, memory slots and interrupt lines. */
#ifndef HVHOST_KVM_H
#define HVHOST_KVM_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "core/fail.h"
#include "core/limits.h"
#include "core/types.h"

struct kvm {
	int fd, vm_fd;
	int cpu_fd[MAX_CPUS];
	int cpus;
	/* Where an isolated VM sees memory once more, a bit of the GPA; or 0 */
	u64 shared_bit;
};

/* Say what failed, and errno's reason. Return: -errno. */
static inline int kvm_fail(const char *what)
{
	return say_failed(-errno, "%s", what);
}

int kvm_open(struct kvm *kvm);
int kvm_add_cpu(struct kvm *kvm, u32 index, struct kvm_run **run);
int kvm_set_slots(const struct kvm *kvm, u32 pair, u64 gpa, u64 size, u8 *host);
int kvm_irq_line(const struct kvm *kvm, u32 gsi, int level);

#endif
