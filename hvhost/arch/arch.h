/* SPDX-License-Identifier: GPL-2.0-only */
/* What each architecture has of its own, in a folder of its name. */
#ifndef HVHOST_ARCH_H
#define HVHOST_ARCH_H

#include "arch/machine.h"

/* Where the framebuffer's memory is never mapped, since KVM answers there */
extern const struct range arch_fb_hole;
/* What a virtual PCI device's interrupt can be; see vpci_config */
extern const struct range arch_vectors;
/* How a guest resets itself without leaving KVM, for the trace */
extern const char *const arch_reset_cause;

/* In this order; each 0, or -errno after having said what failed */
int arch_init(struct vm *vm);		/* before RAM and vCPUs */
int arch_init_cpu(struct vm *vm, u32 cpu);
int arch_init_irqs(struct vm *vm);	/* with all vCPUs */
int arch_add_devices(struct vm *vm);	/* what is on no VMBus */
int arch_boot(struct vm *vm);		/* kernel, tables, vCPU 0's registers */

/* Handle an exit that only this architecture has. Return: false if it has not. */
bool arch_exit(struct vm *vm, u32 cpu, struct kvm_run *run);
/* Where the vCPU is, in words, for the message of an exit that nobody handles */
void arch_where(struct vm *vm, u32 cpu, char *text, size_t len);

/* A SynIC's message or event flag of that SINT has come; opaque is the VM. */
int arch_raise_sint(void *vm, u32 vp, u32 sint);
/* A virtual PCI device's interrupt; -EINVAL for a vCPU there is not */
int arch_interrupt(struct vm *vm, u32 vp, u32 vector);
/* An NMI; -EINVAL for a vCPU there is not, -EOPNOTSUPP where there is none */
int arch_nmi(struct vm *vm, u32 vp);

#endif
