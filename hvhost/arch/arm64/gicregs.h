/* SPDX-License-Identifier: GPL-2.0-only */
/* How KVM's calls name the GIC's registers and lines. Pure. */
#ifndef HVHOST_ARM64_GICREGS_H
#define HVHOST_ARM64_GICREGS_H

#include "core/types.h"

/* A redistributor's registers for SGIs and PPIs are in its second frame. */
#define GICR_SGI_FRAME		0x10000u
#define GICR_ISPENDR0		(GICR_SGI_FRAME + 0x200)
#define GICR_ISACTIVER0		(GICR_SGI_FRAME + 0x300)

/* KVM_IRQ_LINE: an SPI; whatever its vCPU */
#define GIC_LINE_SPI		(1u << 24)

/* A vCPU's affinity as KVM numbers them: 16 in the lowest level */
static inline u64 gic_mpidr(u32 cpu)
{
	return (cpu & 0xf) | (u64)(cpu >> 4 & 0xff) << 8;
}

/* KVM_DEV_ARM_VGIC_GRP_REDIST_REGS: which register of which vCPU */
static inline u64 gic_redist_attr(u32 cpu, u32 offset)
{
	return gic_mpidr(cpu) << 32 | offset;
}

/* KVM_IRQ_LINE's number of an SPI */
static inline u32 gic_spi_line(u32 intid)
{
	return GIC_LINE_SPI | intid;
}

#endif
