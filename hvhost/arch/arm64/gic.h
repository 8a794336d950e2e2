/* SPDX-License-Identifier: GPL-2.0-only */
/* The interrupt controller: KVM's GICv3. */
#ifndef HVHOST_ARM64_GIC_H
#define HVHOST_ARM64_GIC_H

#include "arch/kvm.h"

/* What became of a PPI that was to be set pending */
enum gic_ppi { GIC_PPI_PENDING, GIC_PPI_ACTIVE };

int gic_init(const struct kvm *kvm);
int gic_start(const struct kvm *kvm);
int gic_set_spi(const struct kvm *kvm, u32 intid, int level);
int gic_pend_ppi(u32 cpu, u32 intid, enum gic_ppi *what);

#endif
