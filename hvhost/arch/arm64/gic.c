// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt controller: KVM's GICv3, without ITS.
 *
 * KVM has every PPI level-triggered, and a pulse on such a line is lost; VMBus' is an
 * edge. So the PPI is set pending in the redistributor, for which KVM wants all vCPUs out of
 * KVM_RUN.
 */
#include <sys/ioctl.h>

#include "arch/arm64/gic.h"
#include "arch/arm64/gicregs.h"
#include "arch/arm64/map.h"

static int gic_fd;

static int gic_attr(u32 group, u64 attr, void *value)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (u64)(unsigned long)value,
	};

	return ioctl(gic_fd, KVM_SET_DEVICE_ATTR, &a) < 0 ? -errno : 0;
}

/**
 * gic_init() - Make the GIC, and say where it is.
 * @kvm:	The VM, without vCPUs
 *
 * Return: 0, or -errno after having said what failed.
 */
int gic_init(const struct kvm *kvm)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	u64 dist = GICD_GPA, redist = GICR_GPA;
	u32 intids = INTIDS;

	if (ioctl(kvm->vm_fd, KVM_CREATE_DEVICE, &create) < 0)
		return kvm_fail("KVM makes no GICv3");
	gic_fd = create.fd;
	if (gic_attr(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &intids) ||
	    gic_attr(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST,
		     &dist) ||
	    gic_attr(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST,
		     &redist))
		return kvm_fail("KVM does not place its GICv3");
	return 0;
}

/**
 * gic_start() - Make the GIC work.
 * @kvm:	The VM with all its vCPUs
 *
 * Return: 0, or -errno after having said what failed.
 */
int gic_start(const struct kvm *kvm)
{
	(void)kvm;
	if (gic_attr(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL))
		return kvm_fail("KVM does not start its GICv3");
	return 0;
}

/**
 * gic_set_spi() - Set the level of an SPI's line.
 * @kvm:	The VM
 * @intid:	Which one
 * @level:	0 or 1
 *
 * Return: 0 or -errno.
 */
int gic_set_spi(const struct kvm *kvm, u32 intid, int level)
{
	return kvm_irq_line(kvm, gic_spi_line(intid), level);
}

static int gic_read(u32 cpu, u32 offset, u32 *value)
{
	struct kvm_device_attr a = {
		.group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
		.attr = gic_redist_attr(cpu, offset),
		.addr = (u64)(unsigned long)value,
	};

	return ioctl(gic_fd, KVM_GET_DEVICE_ATTR, &a) < 0 ? -errno : 0;
}

/**
 * gic_pend_ppi() - Set a PPI pending, as an edge does.
 * @cpu:	Of which vCPU; none is in KVM_RUN
 * @intid:	Which one
 * @what:	What became of it. While it is active it stays as it is: KVM takes
 *		it for a level, and would forget at its end that it came again.
 *
 * Return: 0 or -errno of KVM.
 */
int gic_pend_ppi(u32 cpu, u32 intid, enum gic_ppi *what)
{
	u32 active, pending, bit = 1u << intid;
	int err = gic_read(cpu, GICR_ISACTIVER0, &active);

	*what = GIC_PPI_ACTIVE;
	if (err || active & bit)
		return err;
	*what = GIC_PPI_PENDING;
	err = gic_read(cpu, GICR_ISPENDR0, &pending);
	if (err || pending & bit)
		return err;
	/* It is all of the state, not just bits to be set */
	pending |= bit;
	return gic_attr(KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
			gic_redist_attr(cpu, GICR_ISPENDR0), &pending);
}
