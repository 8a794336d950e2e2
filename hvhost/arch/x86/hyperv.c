// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor on x86: MSRs, the hypercall page, SINTs, as KVM lets us.
 *
 * KVM has most of it. What it cannot do by itself is done here: messages and
 * events are written into the guest's SynIC pages; and the hypercalls that it does
 * not know reach us, through a hypercall page of our own.
 */
#include <sys/ioctl.h>

#include "arch/arch.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/hyperv.h"
#include "core/trace.h"
#include "hv/hypercall.h"

#define MSR_GUEST_OS_ID		0x40000000u
#define MSR_HYPERCALL		0x40000001u
#define MSR_EOM			0x40000084u
#define MSR_PAGE_ENABLE		1ull
#define MSR_MISC_ENABLE		0x000001a0u
#define MISC_ENABLE_FAST_STRING	1ull
#define MSR_MTRR_DEF_TYPE	0x000002ffu
#define MTRR_ENABLE_WB		0x806ull

/* The port by which our hypercall page calls us; nothing else lives there. */
#define HYPERCALL_PORT		0xf6

/* GSIs: the IOAPIC's pins, then every SINT of every vCPU. */
#define IOAPIC_PINS		24
#define SINT_GSI(vp, sint)	(IOAPIC_PINS + (vp) * HV_SINTS + (sint))
#define ROUTES			(16 + IOAPIC_PINS + MAX_CPUS * HV_SINTS)

static int hyperv_set_msr(int fd, u32 index, u64 value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = index, .data = value },
	};

	return ioctl(fd, KVM_SET_MSRS, &msrs) == 1 ? 0 : -EINVAL;
}

/**
 * hyperv_init() - Prepare the VM for what KVM leaves to us.
 * @vm:		The VM, without vCPUs
 *
 * Return: 0, or -errno after having said what failed.
 */
int hyperv_init(struct vm *vm)
{
	/* A bit for each; KVM reads them by the 8 bytes. */
	static u8 deny[8];
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_FILTER },
	};
	/*
	 * Writes that we want to see: those that make the hypercall page, and
	 * the end of a message, after which the next can be given.
	 */
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges = {
			{ KVM_MSR_FILTER_WRITE, 2, MSR_GUEST_OS_ID, deny },
			{ KVM_MSR_FILTER_WRITE, 1, MSR_EOM, deny },
		},
	};
	int bits;

	synic_init(&vm->synic, &vm->mem, vm->kvm.cpus, arch_raise_sint, vm);
	if (vm->config.isolated) {
		bits = cpuid_gpa_bits(&vm->kvm);
		if (bits < 0)
			return bits;
		vm->kvm.shared_bit = 1ull << (bits - 1);
	}
	if (ioctl(vm->kvm.vm_fd, KVM_ENABLE_CAP, &cap) < 0 ||
	    ioctl(vm->kvm.vm_fd, KVM_X86_SET_MSR_FILTER, &filter) < 0)
		return kvm_fail("KVM does not let us see MSRs (5.10 or later can)");
	return 0;
}

/**
 * hyperv_init_cpu() - Make a vCPU one of Hyper-V's.
 * @vm:		The VM
 * @cpu:	The vCPU, just made
 *
 * Return: 0, or -errno after having said what failed.
 */
int hyperv_init_cpu(struct vm *vm, u32 cpu)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_SYNIC2 };
	int fd = vm->kvm.cpu_fd[cpu], err;

	err = cpuid_set(&vm->kvm, cpu);
	if (err)
		return err;
	if (ioctl(fd, KVM_ENABLE_CAP, &cap) < 0)
		return kvm_fail("KVM has no Hyper-V SynIC");
	/* As firmware leaves them; neither is worth to fail for. */
	hyperv_set_msr(fd, MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRING);
	hyperv_set_msr(fd, MSR_MTRR_DEF_TYPE, MTRR_ENABLE_WB);
	return 0;
}

/**
 * hyperv_route_sints() - Make every SINT an interrupt that we can raise.
 * @vm:		The VM with all its vCPUs
 *
 * KVM ties a route to a SINT only if the SynIC is there already, so this is
 * to come after the last hyperv_init_cpu().
 *
 * Return: 0, or -errno after having said what failed.
 */
int hyperv_route_sints(struct vm *vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[ROUTES];
	} routes;
	struct kvm_irq_routing_entry *e = routes.entry;
	u32 i, sint;

	memset(&routes, 0, sizeof(routes));
	/* As KVM has them by default: both PICs, and the IOAPIC. */
	for (i = 0; i < 16; i++, e++) {
		e->gsi = i;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = i < 8 ? KVM_IRQCHIP_PIC_MASTER :
					       KVM_IRQCHIP_PIC_SLAVE;
		e->u.irqchip.pin = i % 8;
	}
	for (i = 0; i < IOAPIC_PINS; i++, e++) {
		e->gsi = i;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e->u.irqchip.pin = i;
	}
	for (i = 0; i < (u32)vm->kvm.cpus; i++) {
		for (sint = 0; sint < HV_SINTS; sint++, e++) {
			e->gsi = SINT_GSI(i, sint);
			e->type = KVM_IRQ_ROUTING_HV_SINT;
			e->u.hv_sint.vcpu = i;
			e->u.hv_sint.sint = sint;
		}
	}
	routes.head.nr = e - routes.entry;
	if (ioctl(vm->kvm.vm_fd, KVM_SET_GSI_ROUTING, &routes) < 0)
		return kvm_fail("KVM does not route SINTs");
	return 0;
}

/**
 * arch_raise_sint() - Raise a SINT's interrupt.
 * @opaque:	The VM
 * @vp:		Of which vCPU
 * @sint:	Which one
 *
 * Return: 0 or -errno.
 */
int arch_raise_sint(void *opaque, u32 vp, u32 sint)
{
	const struct vm *vm = opaque;

	return kvm_irq_line(&vm->kvm, SINT_GSI(vp, sint), 1);
}

static struct hypercalls hyperv_calls(const struct vm *vm)
{
	return (struct hypercalls) {
		.mem = &vm->mem, .bus = vm->bus, .vpci = vm->vpci,
		.shared_bit = vm->kvm.shared_bit,
	};
}

static void hyperv_port(struct vm *vm, u32 cpu)
{
	const struct hypercalls calls = hyperv_calls(vm);
	struct kvm_regs regs;

	if (ioctl(vm->kvm.cpu_fd[cpu], KVM_GET_REGS, &regs) < 0) {
		run_fail(&vm->run, -errno, "vCPU %u: KVM_GET_REGS", cpu);
		return;
	}
	regs.rax = hypercall_other(&calls, regs.rcx, regs.rdx);
	if (ioctl(vm->kvm.cpu_fd[cpu], KVM_SET_REGS, &regs) < 0)
		run_fail(&vm->run, -errno, "vCPU %u: KVM_SET_REGS", cpu);
}

/*
 * KVM has just written its hypercall page: one instruction that calls it, of
 * the processor's maker's, and a return. Put one before it that takes to us
 * what KVM does not know and would refuse without asking.
 */
static void hyperv_write_page(struct vm *vm, u64 gpa)
{
	static const u16 known[] = {
		HVCALL_FLUSH_SPACE, HVCALL_FLUSH_LIST, HVCALL_SPIN_WAIT,
		HVCALL_SEND_IPI, HVCALL_FLUSH_SPACE_EX, HVCALL_FLUSH_LIST_EX,
		HVCALL_SEND_IPI_EX, HVCALL_POST_MESSAGE, HVCALL_SIGNAL_EVENT,
	};
	u8 *page = mem_at(&vm->mem, gpa, HV_PAGE_SIZE);
	u8 kvm[32], *p = page;
	size_t i, end = ARRAY_SIZE(known) * 7 + 3;

	if (!page) {
		trace_bad("hypercall", "page GPA", gpa);
		return;
	}
	memcpy(kvm, page, sizeof(kvm));
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		/* cmp $known, %cx; je kvm */
		*p++ = 0x66;
		*p++ = 0x81;
		*p++ = 0xf9;
		*p++ = known[i] & 0xff;
		*p++ = known[i] >> 8;
		*p++ = 0x74;
		*p++ = end - (i + 1) * 7;
	}
	/* out %eax, $HYPERCALL_PORT; ret */
	*p++ = 0xe7;
	*p++ = HYPERCALL_PORT;
	*p++ = 0xc3;
	memcpy(p, kvm, sizeof(kvm));
}

static void hyperv_msr_exit(struct vm *vm, u32 cpu, struct kvm_run *run)
{
	u64 data = run->msr.data;

	run->msr.error = hyperv_set_msr(vm->kvm.cpu_fd[cpu], run->msr.index, data) ? 1 : 0;
	if (run->msr.error)
		return;
	switch (run->msr.index) {
	case MSR_GUEST_OS_ID:
		vm->guest_os_id = data;
		trace_begin("guest_os_id");
		trace_num("vp", cpu);
		trace_hex("id", data);
		trace_end();
		break;
	case MSR_HYPERCALL:
		/* KVM enables no page for a guest that has not said who it is */
		if (data & MSR_PAGE_ENABLE && vm->guest_os_id)
			hyperv_write_page(vm, data & ~0xfffull);
		break;
	case MSR_EOM:
		synic_flush(&vm->synic, cpu);
		break;
	}
}

/**
 * hyperv_exit() - Handle a vCPU's exit if it is the hypervisor's business.
 * @vm:		The VM; its lock is held
 * @cpu:	Which vCPU
 * @run:	Its state
 *
 * Return: true if it was.
 */
bool hyperv_exit(struct vm *vm, u32 cpu, struct kvm_run *run)
{
	const struct hypercalls calls = hyperv_calls(vm);
	u64 input, status, msg, evt;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.port != HYPERCALL_PORT ||
		    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4)
			return false;
		hyperv_port(vm, cpu);
		return true;
	case KVM_EXIT_X86_WRMSR:
		hyperv_msr_exit(vm, cpu, run);
		return true;
	}
	switch (run->hyperv.type) {
	case KVM_EXIT_HYPERV_SYNIC:
		msg = run->hyperv.u.synic.msg_page & ~vm->kvm.shared_bit;
		evt = run->hyperv.u.synic.evt_page & ~vm->kvm.shared_bit;
		synic_set(&vm->synic, cpu,
			  run->hyperv.u.synic.control & MSR_PAGE_ENABLE,
			  msg & MSR_PAGE_ENABLE ? msg & ~0xfffull : 0,
			  evt & MSR_PAGE_ENABLE ? evt & ~0xfffull : 0);
		return true;
	case KVM_EXIT_HYPERV_HCALL:
		input = run->hyperv.u.hcall.input;
		status = HV_STATUS_INVALID_HYPERCALL_CODE;
		if ((input & 0xffff) == HVCALL_POST_MESSAGE)
			status = hypercall_post_message(&calls, cpu, input,
							run->hyperv.u.hcall.params[0]);
		else if ((input & 0xffff) == HVCALL_SIGNAL_EVENT)
			status = hypercall_signal_event(&calls, input,
							run->hyperv.u.hcall.params[0]);
		run->hyperv.u.hcall.result = status;
		return true;
	}
	return false;
}
