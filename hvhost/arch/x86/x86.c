// SPDX-License-Identifier: GPL-2.0-only
/* What x86 has of its own: interrupt controllers, I/O ports, devices of a PC. */
#include <sys/ioctl.h>

#include "arch/arch.h"
#include "arch/x86/acpi.h"
#include "arch/x86/boot.h"
#include "arch/x86/com.h"
#include "arch/x86/hyperv.h"
#include "arch/x86/pci.h"
#include "arch/x86/rtc.h"
#include "core/msix.h"

/*
 * Three pages that KVM on Intel wants for itself; in the vTPM hole, where no
 * guest is given anything.
 */
#define TSS_GPA		0xfffbd000ul
#define IDENTITY_GPA	0xfffbc000ul

/* Whose a message signalled interrupt is: in its address from here on */
#define MSI_VP_SHIFT	12
/* In place of a vector: deliver it as an NMI */
#define MSI_NMI		0x400u

/* The I/O APIC, local APICs and the pages above */
const struct range arch_fb_hole = { 0xfec00000, 0xffffffff };

/* Below are exceptions */
const struct range arch_vectors = { 16, 255 };

const char *const arch_reset_cause = "reset MSR";

/**
 * arch_init() - Make interrupt controllers, and prepare for Hyper-V.
 * @vm:		The VM, without RAM and vCPUs
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_init(struct vm *vm)
{
	unsigned long identity = IDENTITY_GPA;

	/* Before the vCPUs; on AMD both do nothing. */
	if (ioctl(vm->kvm.vm_fd, KVM_SET_TSS_ADDR, TSS_GPA) < 0 ||
	    ioctl(vm->kvm.vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return kvm_fail("KVM takes no pages for itself");
	if (ioctl(vm->kvm.vm_fd, KVM_CREATE_IRQCHIP, 0ul) < 0)
		return kvm_fail("KVM makes no interrupt controllers");
	return hyperv_init(vm);
}

/**
 * arch_init_cpu() - Make a vCPU one of Hyper-V's.
 * @vm:		The VM
 * @cpu:	The vCPU, just made
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_init_cpu(struct vm *vm, u32 cpu)
{
	return hyperv_init_cpu(vm, cpu);
}

/**
 * arch_init_irqs() - Route interrupts.
 * @vm:		The VM with all its vCPUs
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_init_irqs(struct vm *vm)
{
	return hyperv_route_sints(vm);
}

/**
 * arch_add_devices() - Serial ports, clock, legacy PCI, ACPI's registers.
 * @vm:		The VM, whose console is set up
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_add_devices(struct vm *vm)
{
	int err = com_init(vm);

	if (!err)
		err = rtc_init(vm);
	if (!err && vm->layout.generation == 1)
		err = pci_init(vm);
	return err ?: acpi_init(vm);
}

/**
 * arch_boot() - Load the kernel, and have vCPU 0 begin with it.
 * @vm:		The VM with all its devices
 *
 * Return: 0, or -errno after having said what failed.
 */
int arch_boot(struct vm *vm)
{
	int err = boot_load(vm);

	return err ?: boot_set_cpu(vm->kvm.cpu_fd[0]);
}

static int x86_signal_msi(struct vm *vm, u32 vp, u32 data)
{
	struct kvm_msi msi = {
		.address_lo = MSI_ADDRESS | vp << MSI_VP_SHIFT,
		.data = data,
	};

	if (vp >= (u32)vm->kvm.cpus)
		return -EINVAL;
	if (ioctl(vm->kvm.vm_fd, KVM_SIGNAL_MSI, &msi) >= 0)
		return 0;
	/* The vCPU's APIC takes none; all else is no fault of the guest's */
	if (errno == EPERM)
		return -EPERM;
	return say_host_failed(-errno, "KVM does not interrupt vCPU %u", vp);
}

/**
 * arch_interrupt() - Interrupt a vCPU.
 * @vm:		The VM
 * @vp:		Which one
 * @vector:	By this vector; fixed, edge-triggered
 *
 * Return: 0, -EINVAL for a vCPU or a vector there is not, or -errno of KVM.
 */
int arch_interrupt(struct vm *vm, u32 vp, u32 vector)
{
	return vector > 0xff ? -EINVAL : x86_signal_msi(vm, vp, vector);
}

/**
 * arch_nmi() - Send a vCPU an NMI.
 * @vm:		The VM
 * @vp:		Which one
 *
 * By a message: KVM_NMI would wait until the vCPU's thread leaves KVM_RUN.
 *
 * Return: 0, -EINVAL for a vCPU there is not, or -errno of KVM.
 */
int arch_nmi(struct vm *vm, u32 vp)
{
	return x86_signal_msi(vm, vp, MSI_NMI);
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
	struct kvm_regs regs;

	if (ioctl(vm->kvm.cpu_fd[cpu], KVM_GET_REGS, &regs) < 0)
		memset(&regs, 0, sizeof(regs));
	snprintf(text, len, "rip %llx", regs.rip);
}

/* Reads of what nobody handles are all ones. */
static void x86_port_exit(struct vm *vm, struct kvm_run *run)
{
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	for (i = 0; i < run->io.count; i++, data += run->io.size) {
		pthread_mutex_lock(&vm->run.lock);
		if (!io_access(&vm->port, run->io.port, write, data,
			       run->io.size) && !write)
			memset(data, 0xff, run->io.size);
		run_unlock(&vm->run);
	}
}

/**
 * arch_exit() - Handle an exit that only x86 has.
 * @vm:		The VM
 * @cpu:	Which vCPU
 * @run:	Its state
 *
 * Return: false if nobody handles it.
 */
bool arch_exit(struct vm *vm, u32 cpu, struct kvm_run *run)
{
	bool ours;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_HYPERV:
	case KVM_EXIT_X86_WRMSR:
		break;
	default:
		return false;
	}
	pthread_mutex_lock(&vm->run.lock);
	ours = hyperv_exit(vm, cpu, run);
	run_unlock(&vm->run);
	if (!ours && run->exit_reason == KVM_EXIT_IO) {
		x86_port_exit(vm, run);
		return true;
	}
	return ours;
}
