// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs: how they begin, and their registers. PSCI, which starts and stops them, is KVM's. */
#include <sys/ioctl.h>

#include "arch/arm64/map.h"
#include "arch/arm64/vcpu.h"

/* A core register's number: where it is in struct kvm_regs, in units of 4 bytes */
#define CORE_REG(offset) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | (offset) / 4)
#define REG_X(n)	CORE_REG(offsetof(struct kvm_regs, regs.regs) + 8 * (n))
#define REG_PC		CORE_REG(offsetof(struct kvm_regs, regs.pc))

static int vcpu_reg(int fd, unsigned long request, u64 id, u64 *value)
{
	struct kvm_one_reg reg = {
		.id = id, .addr = (u64)(unsigned long)value,
	};

	return ioctl(fd, request, &reg) < 0 ? -errno : 0;
}

/**
 * vcpu_get_x() - Read a general register.
 * @fd:		The vCPU's
 * @reg:	0 to 30
 * @value:	Set to what it has
 *
 * Return: 0 or -errno.
 */
int vcpu_get_x(int fd, u32 reg, u64 *value)
{
	return vcpu_reg(fd, KVM_GET_ONE_REG, REG_X(reg), value);
}

/**
 * vcpu_set_x() - Write a general register.
 * @fd:		The vCPU's
 * @reg:	0 to 30
 * @value:	What it is to have
 *
 * Return: 0 or -errno.
 */
int vcpu_set_x(int fd, u32 reg, u64 value)
{
	return vcpu_reg(fd, KVM_SET_ONE_REG, REG_X(reg), &value);
}

/**
 * vcpu_get_pc() - Where is a vCPU?
 * @fd:		The vCPU's
 * @value:	Set to its program counter
 *
 * Return: 0 or -errno.
 */
int vcpu_get_pc(int fd, u64 *value)
{
	return vcpu_reg(fd, KVM_GET_ONE_REG, REG_PC, value);
}

/**
 * vcpu_set_pc() - Have a vCPU go on elsewhere.
 * @fd:		The vCPU's
 * @value:	Where
 *
 * Return: 0 or -errno.
 */
int vcpu_set_pc(int fd, u64 value)
{
	return vcpu_reg(fd, KVM_SET_ONE_REG, REG_PC, &value);
}

/**
 * vcpu_is_off() - Is a vCPU off, as PSCI says?
 * @fd:		The vCPU's, out of KVM_RUN
 *
 * Return: true if it is, false also if KVM does not say.
 */
bool vcpu_is_off(int fd)
{
	struct kvm_mp_state state;

	return !ioctl(fd, KVM_GET_MP_STATE, &state) &&
	       state.mp_state == KVM_MP_STATE_STOPPED;
}

/* The virtual timer's interrupt is another than KVM's own choice. */
static int vcpu_set_timer(int fd)
{
	u32 intid = INTID_VTIMER;
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_TIMER_CTRL,
		.attr = KVM_ARM_VCPU_TIMER_IRQ_VTIMER,
		.addr = (u64)(unsigned long)&intid,
	};

	if (ioctl(fd, KVM_SET_DEVICE_ATTR, &attr) < 0)
		return kvm_fail("KVM does not take the timer's interrupt");
	return 0;
}

/**
 * vcpu_init() - Have a vCPU begin as PSCI says: the first one on, the others off.
 * @kvm:	The VM
 * @cpu:	The vCPU, just made
 *
 * Return: 0, or -errno after having said what failed.
 */
int vcpu_init(const struct kvm *kvm, u32 cpu)
{
	struct kvm_vcpu_init init;

	if (ioctl(kvm->vm_fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return kvm_fail("KVM has no processor for arm64 guests");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (cpu)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (ioctl(kvm->cpu_fd[cpu], KVM_ARM_VCPU_INIT, &init) < 0)
		return kvm_fail("KVM does not initialise a vCPU");
	/* All have the same; KVM takes it from any of them */
	return cpu ? 0 : vcpu_set_timer(kvm->cpu_fd[cpu]);
}
