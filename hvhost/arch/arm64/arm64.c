// SPDX-License-Identifier: GPL-2.0-only
/* What arm64 has of its own: GIC, calls by HVC, UARTs. */
#include <sys/ioctl.h>
#include <time.h>

#include "arch/arch.h"
#include "arch/arm64/boot.h"
#include "arch/arm64/gic.h"
#include "arch/arm64/kvmcalls.h"
#include "arch/arm64/map.h"
#include "arch/arm64/sint.h"
#include "arch/arm64/smccc.h"
#include "arch/arm64/uart.h"
#include "arch/arm64/vcpu.h"
#include "core/fail.h"

/* Functions that are the vendor's hypervisor's: yielding and fast, of 32 and 64 bits */
#define SMCCC_OWNER_FUNCTIONS	0x10000u

/*
 * From the UARTs on: KVM and devices answer in parts of it. Framebuffer accesses to the space
 * between them exit, and go to the framebuffer's memory from there.
 */
const struct range arch_fb_hole = { UART2_GPA, 4 * GIB - 1 };

/* SPIs that pci-hyperv takes */
const struct range arch_vectors = { INTID_PCI_FIRST, INTID_LAST };

const char *const arch_reset_cause = "PSCI SYSTEM_RESET";

static struct smccc smccc;
static u64 started;

static u64 arm64_ticks(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 10000000ull + t.tv_nsec / 100;
}

static u64 arm64_time(void)
{
	return arm64_ticks() - started;
}

/* Have calls to the vendor's hypervisor come to us; PSCI stays with KVM. */
static int arm64_filter_calls(const struct kvm *kvm)
{
	static const u32 base[] = {
		0x06000000, 0x46000000, 0x86000000, 0xc6000000,
	};
	struct kvm_smccc_filter filter = {
		.nr_functions = SMCCC_OWNER_FUNCTIONS,
		.action = KVM_SMCCC_FILTER_FWD_TO_USER,
	};
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = KVM_ARM_VM_SMCCC_FILTER,
		.addr = (u64)(unsigned long)&filter,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		filter.base = base[i];
		if (ioctl(kvm->vm_fd, KVM_SET_DEVICE_ATTR, &attr) < 0)
			return kvm_fail("KVM does not let us see calls (6.4 or later can)");
	}
	return 0;
}

/* Without it, an access that the processor does not decode makes KVM_RUN fail. */
static int arm64_see_undecoded(const struct kvm *kvm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	if (ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap) < 0)
		return kvm_fail("KVM does not report undecoded accesses (5.5 or later can)");
	return 0;
}

/**
 * arch_init() - Make the interrupt controller, and prepare for Hyper-V.
 * @vm:		The VM, without RAM and vCPUs
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_init(struct vm *vm)
{
	int err;

	started = arm64_ticks();
	synic_init(&vm->synic, &vm->mem, vm->kvm.cpus, arch_raise_sint, vm);
	smccc_init(&smccc, &vm->synic, vm->kvm.cpus, arm64_time, sint_drop);
	err = arm64_filter_calls(&vm->kvm);
	if (!err)
		err = arm64_see_undecoded(&vm->kvm);
	if (!err)
		err = gic_init(&vm->kvm);
	return err ?: sint_init(vm);
}

/**
 * arch_init_cpu() - Initialise a vCPU.
 * @vm:		The VM
 * @cpu:	The vCPU, just made
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_init_cpu(struct vm *vm, u32 cpu)
{
	return vcpu_init(&vm->kvm, cpu);
}

/**
 * arch_init_irqs() - Make the interrupt controller work.
 * @vm:		The VM with all its vCPUs
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_init_irqs(struct vm *vm)
{
	return gic_start(&vm->kvm);
}

/**
 * arch_add_devices() - Serial ports.
 * @vm:		The VM, whose console is set up
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_add_devices(struct vm *vm)
{
	return uart_init(vm);
}

/**
 * arch_boot() - Load the kernel, and have vCPU 0 begin with it.
 * @vm:		The VM with all its devices
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_boot(struct vm *vm)
{
	u64 entry;
	int err = boot64_load(vm, &entry);

	if (err)
		return err;
	/* The other registers are 0, as they have to be */
	err = vcpu_set_x(vm->kvm.cpu_fd[0], 0, DTB_GPA) ?:
	      vcpu_set_pc(vm->kvm.cpu_fd[0], entry);
	return err ? say_failed(err, "vCPU 0's registers") : 0;
}

/**
 * arch_raise_sint() - Raise a SINT's interrupt.
 * @opaque:	The VM; its lock is held
 * @vp:		Of which vCPU
 * @sint:	Which one; it is lost if that is masked
 *
 * Return: 0.
 */
int arch_raise_sint(void *opaque, u32 vp, u32 sint)
{
	if (smccc_sint_intid(&smccc, vp, sint))
		sint_raise(opaque, vp);
	return 0;
}

/**
 * arch_interrupt() - Interrupt by an SPI, as an edge.
 * @vm:		The VM
 * @vp:		A vCPU that exists; see below
 * @vector:	The SPI's INTID
 *
 * The GIC's affinity routing selects the vCPU, so @vp is only checked. On arm64,
 * pci-hyperv moves interrupts by the GIC and not by HvRetargetDeviceInterrupt.
 *
 * Return: 0, -EINVAL for a vCPU or an SPI there is not, or -errno of KVM.
 */
int arch_interrupt(struct vm *vm, u32 vp, u32 vector)
{
	if (vp >= (u32)vm->kvm.cpus || vector < INTID_PCI_FIRST ||
	    vector > INTID_LAST)
		return -EINVAL;
	return gic_set_spi(&vm->kvm, vector, 1) ?:
	       gic_set_spi(&vm->kvm, vector, 0);
}

/**
 * arch_nmi() - Send a vCPU an NMI, which arm64 does not have.
 * @vm:		The VM
 * @vp:		Which one
 *
 * Return: -EOPNOTSUPP.
 */
int arch_nmi(struct vm *vm, u32 vp)
{
	(void)vm;
	(void)vp;
	return -EOPNOTSUPP;
}

/**
 * arch_where() - Where a vCPU is.
 * @vm:		The VM
 * @cpu:	Which vCPU, out of KVM_RUN
 * @text:	Where to
 * @len:	Bytes there
 */
void arch_where(struct vm *vm, u32 cpu, char *text, size_t len)
{
	u64 pc;

	/* KVM locks the vCPU for it, as for its general registers */
	gate_hold(&vm->gate);
	if (vcpu_get_pc(vm->kvm.cpu_fd[cpu], &pc))
		pc = 0;
	gate_release(&vm->gate);
	snprintf(text, len, "pc %llx", pc);
}

/* Hyper-V's calls come by HVC. KVM has advanced the PC either way. */
static int arm64_refuse_smc(struct vm *vm, u32 cpu)
{
	int err;

	gate_hold(&vm->gate);
	err = vcpu_set_x(vm->kvm.cpu_fd[cpu], 0, SMCCC_NOT_SUPPORTED);
	gate_release(&vm->gate);
	return err;
}

/* An MMIO access by an instruction that the processor does not decode for KVM */
static void arm64_end_undecoded(struct vm *vm, u32 cpu,
				const struct kvm_run *run)
{
	char why[120], where[40];

	arch_where(vm, cpu, where, sizeof(where));
	snprintf(why, sizeof(why),
		 "vCPU %u: undecoded access to %llx, syndrome %llx, %s", cpu,
		 (u64)run->arm_nisv.fault_ipa, (u64)run->arm_nisv.esr_iss,
		 where);
	run_end(&vm->run, RUN_HOST_ERROR, why);
}

/* Return: 0 or -errno of KVM. */
static int arm64_call(struct vm *vm, u32 cpu, u32 function)
{
	const struct hypercalls calls = {
		.mem = &vm->mem, .bus = vm->bus, .vpci = vm->vpci,
	};
	int fd = vm->kvm.cpu_fd[cpu], err = 0;
	u64 x[SMCCC_REGS] = { function };
	u32 i, results;

	/* KVM does not set a PPI pending while one of these calls is under way */
	gate_hold(&vm->gate);
	for (i = 1; i < SMCCC_REGS && !err; i++)
		err = vcpu_get_x(fd, i, &x[i]);
	gate_release(&vm->gate);
	if (err)
		return err;
	pthread_mutex_lock(&vm->run.lock);
	results = smccc_call(&smccc, &calls, cpu, function, x);
	run_unlock(&vm->run);
	gate_hold(&vm->gate);
	for (i = 0; i < SMCCC_REGS && !err; i++)
		if (results & BIT(i))
			err = vcpu_set_x(fd, i, x[i]);
	gate_release(&vm->gate);
	return err;
}

/**
 * arch_exit() - Handle an exit that only arm64 has.
 * @vm:		The VM
 * @cpu:	Which vCPU
 * @run:	Its state
 *
 * Return: false if nobody handles it.
 */
bool arch_exit(struct vm *vm, u32 cpu, struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_HYPERCALL:
		if (kvm_hypercall_flags(run) & KVM_HYPERCALL_EXIT_SMC)
			return !arm64_refuse_smc(vm, cpu);
		return !arm64_call(vm, cpu, run->hypercall.nr);
	case KVM_EXIT_ARM_NISV:
		arm64_end_undecoded(vm, cpu, run);
		return true;
	}
	return false;
}
