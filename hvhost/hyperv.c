// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor: CPUID leaves, MSRs, hypercalls, SynIC, as KVM lets us.
 *
 * KVM has most of it. What it cannot do by itself is done here: it is made to
 * look like Hyper-V and nothing else; messages and events are written into
 * the guest's SynIC pages; and the hypercalls that it does not know reach us,
 * through a hypercall page of our own.
 */
#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hyperv.h"
#include "trace.h"
#include "vmbus.h"
#include "vpci.h"

/* Hypervisor Top Level Functional Specification, 2.4 and on */
#define HV_CPUID_FIRST		0x40000000u
#define HV_CPUID_LAST		0x4000000cu
#define HV_CPUID_INTERFACE	0x40000001u
#define HV_CPUID_VERSION	0x40000002u
#define HV_CPUID_FEATURES	0x40000003u
#define HV_CPUID_LIMITS		0x40000005u
#define HV_CPUID_HARDWARE	0x40000006u
#define HV_CPUID_ISOLATION	0x4000000cu
/* Where a guest looks for the paravisor's properties */
#define HV_CPUID_STACK_FIRST	0x40000080u
#define HV_CPUID_STACK_LAST	0x40000082u

/* HV_CPUID_FEATURES, EAX: what the partition may use */
#define HV_VP_RUNTIME		BIT(0)
#define HV_TIME_REF_COUNT	BIT(1)
#define HV_SYNIC		BIT(2)
#define HV_SYNTIMER		BIT(3)
#define HV_APIC_ACCESS		BIT(4)
#define HV_HYPERCALL		BIT(5)
#define HV_VP_INDEX		BIT(6)
#define HV_RESET		BIT(7)
#define HV_REFERENCE_TSC	BIT(9)
#define HV_FREQUENCY_MSRS	BIT(11)
/* EBX */
#define HV_POST_MESSAGES	BIT(4)
#define HV_SIGNAL_EVENTS	BIT(5)
#define HV_ISOLATION		BIT(22)
/* EDX */
#define HV_FREQUENCY_REGS	BIT(8)
#define HV_CRASH_REGS		BIT(10)
#define HV_DIRECT_STIMER	BIT(19)
/* HV_CPUID_ISOLATION: type and vTOM, in EBX */
#define HV_ISOLATION_VBS	1u
#define HV_SHARED_BIT_ACTIVE	BIT(5)
#define HV_SHARED_BIT_SHIFT	6

#define BIT(n)			(1u << (n))

/* The build that a guest is told: Windows Server 2025's */
#define HOST_BUILD		26100u
#define HOST_MAJOR		10u
#define HOST_MINOR		0u

#define MSR_GUEST_OS_ID		0x40000000u
#define MSR_HYPERCALL		0x40000001u
#define MSR_EOM			0x40000084u
#define MSR_PAGE_ENABLE		1ull
#define MSR_MISC_ENABLE		0x000001a0u
#define MISC_ENABLE_FAST_STRING	1ull
#define MSR_MTRR_DEF_TYPE	0x000002ffu
#define MTRR_ENABLE_WB		0x806ull

/* Hypercalls; the low 16 bits of a call's input value */
#define HVCALL_FLUSH_SPACE	0x0002
#define HVCALL_FLUSH_LIST	0x0003
#define HVCALL_SPIN_WAIT	0x0008
#define HVCALL_SEND_IPI		0x000b
#define HVCALL_FLUSH_SPACE_EX	0x0013
#define HVCALL_FLUSH_LIST_EX	0x0014
#define HVCALL_SEND_IPI_EX	0x0015
#define HVCALL_POST_MESSAGE	0x005c
#define HVCALL_SIGNAL_EVENT	0x005d
#define HVCALL_RETARGET_IRQ	0x007e
#define HVCALL_GPA_VISIBILITY	0x00db
#define HVCALL_FAST		BIT(16)
#define HVCALL_VAR_WORDS(input)	((input) >> 17 & 0x3ff)
#define HVCALL_REPS(input)	((input) >> 32 & 0xfff)
/* HvRetargetDeviceInterrupt's input, without its variable part */
#define RETARGET_INPUT		56

/* The port by which our hypercall page calls us; nothing else lives there. */
#define HYPERCALL_PORT		0xf6

/* GSIs: the IOAPIC's pins, then every SINT of every vCPU. */
#define IOAPIC_PINS		24
#define SINT_GSI(vp, sint)	(IOAPIC_PINS + (vp) * HV_SINTS + (sint))
#define ROUTES			(16 + IOAPIC_PINS + VM_MAX_CPUS * HV_SINTS)

/*
 * How many messages may wait for a guest to take them: every offer and every
 * answer that a guest can ask for at once, and then some.
 */
#define MAX_WAITING		1024

#define MAX_CPUID		256

struct hv_message {
	u32 type;
	u8 len;
	u8 flags;
	u16 reserved;
	u64 sender;
	u8 payload[HV_MESSAGE_PAYLOAD];
};

#define HV_MESSAGE_PENDING	1

struct waiting {
	struct waiting *next;
	u32 sint;
	struct hv_message msg;
};

/* One vCPU's SynIC, as the guest last set it up. */
struct synic {
	bool enabled;
	u64 message_page, event_page;	/* GPAs; 0: off */
	u64 last_message_page;		/* the last that was not 0 */
	struct waiting *first, **last;
	int count;
};

struct hyperv {
	struct synic synic[VM_MAX_CPUS];
	u64 shared_bit;
	u64 guest_os_id;
};

static_assert(sizeof(struct hv_message) == 256, "a message slot");

/**
 * hyperv_shared_bit() - Where shared memory is seen by an isolated VM.
 * @vm:	The VM
 *
 * Return: that bit of the GPA (vTOM), 0 if the VM is not isolated.
 */
u64 hyperv_shared_bit(const struct vm *vm)
{
	return vm->hyperv->shared_bit;
}

static int set_msr(int fd, u32 index, u64 value)
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

/* CPUID as KVM can give it; ->nent entries. NULL on failure, said. */
static struct kvm_cpuid2 *get_cpuid(int fd, unsigned long request)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) +
			  MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return NULL;
	cpuid->nent = MAX_CPUID;
	if (ioctl(fd, request, cpuid) < 0) {
		vm_fail("KVM does not tell the CPUID it supports");
		free(cpuid);
		return NULL;
	}
	return cpuid;
}

/* The number of bits of a GPA; 36 is what every 64-bit processor has. */
static u32 gpa_bits(const struct kvm_cpuid2 *cpuid)
{
	u32 i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000008)
			return cpuid->entries[i].eax & 0xff;
	return 36;
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
	struct kvm_cpuid2 *cpuid;
	int i;

	vm->hyperv = calloc(1, sizeof(*vm->hyperv));
	if (!vm->hyperv)
		return vm_fail("no memory");
	for (i = 0; i < VM_MAX_CPUS; i++)
		vm->hyperv->synic[i].last = &vm->hyperv->synic[i].first;
	if (vm->opt->isolation_vbs) {
		cpuid = get_cpuid(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID);
		if (!cpuid)
			return -ENOMEM;
		vm->hyperv->shared_bit = 1ull << (gpa_bits(cpuid) - 1);
		free(cpuid);
	}
	if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) < 0 ||
	    ioctl(vm->vm_fd, KVM_X86_SET_MSR_FILTER, &filter) < 0)
		return vm_fail("KVM does not let us see MSRs (5.10 or later can)");
	return 0;
}

/* Leaf @e is one of the processor's own: take away what does not work. */
static void processor_leaf(struct kvm_cpuid_entry2 *e, u32 cpu, u32 cpus)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xffff) | cpu << 24 | cpus << 16;
		/*
		 * Not XSAVE, nor what needs it (OSXSAVE, AVX, F16C, FMA):
		 * emulated processors disagree with themselves on its size,
		 * and no guest here wants it. Nor VMX. Bit 31: hypervisor.
		 */
		e->ecx &= ~(BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(12) |
			    BIT(5));
		e->ecx |= BIT(31);
		e->edx &= ~BIT(28);
		if (cpus > 1)
			e->edx |= BIT(28);
		break;
	case 7:
		/* AVX2, AVX512*, PKU, VAES, VPCLMULQDQ, AMX, SHSTK, IBT */
		if (e->index) {
			e->eax = 0;
			e->ebx = 0;
			e->ecx = 0;
			e->edx = 0;
			break;
		}
		e->ebx &= ~(BIT(5) | BIT(14) | 0xffff0000u) |
			  BIT(18) | BIT(19) | BIT(20) | BIT(23) | BIT(24) |
			  BIT(29);
		e->ecx &= ~(BIT(1) | BIT(3) | BIT(4) | BIT(6) | BIT(7) |
			    BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14));
		e->edx &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(20) | BIT(22) |
			    BIT(23) | BIT(24) | BIT(25));
		break;
	case 0xb:
	case 0x1f:
		e->edx = cpu;
		break;
	case 0xd:
		e->eax = 0;
		e->ebx = 0;
		e->ecx = 0;
		e->edx = 0;
		break;
	case 0x80000001:
		/* SVM, XOP, FMA4, and the performance counters */
		e->ecx &= ~(BIT(2) | BIT(11) | BIT(16) | BIT(23));
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xffu) | (cpus - 1);
		break;
	case 0x8000001e:
		e->eax = cpu;
		e->ebx = (e->ebx & ~0xffu) | cpu;
		break;
	}
}

/* The last of the hypervisor's leaves; the one on isolation is beyond most. */
static u32 last_leaf(const struct vm *vm)
{
	return vm->hyperv->shared_bit ? HV_CPUID_LAST : HV_CPUID_HARDWARE;
}

/* Leaf @e is one of the hypervisor's, as KVM would have it. */
static void hypervisor_leaf(const struct vm *vm, struct kvm_cpuid_entry2 *e)
{
	u64 shared = vm->hyperv->shared_bit;

	switch (e->function) {
	case HV_CPUID_FIRST:
		e->eax = last_leaf(vm);
		memcpy(&e->ebx, "Micr", 4);
		memcpy(&e->ecx, "osof", 4);
		memcpy(&e->edx, "t Hv", 4);
		break;
	case HV_CPUID_INTERFACE:
		memcpy(&e->eax, "Hv#1", 4);
		break;
	case HV_CPUID_VERSION:
		e->eax = HOST_BUILD;
		e->ebx = HOST_MAJOR << 16 | HOST_MINOR;
		e->ecx = 0;
		e->edx = 0;
		break;
	case HV_CPUID_FEATURES:
		e->eax &= HV_VP_RUNTIME | HV_TIME_REF_COUNT | HV_SYNIC |
			  HV_SYNTIMER | HV_APIC_ACCESS | HV_HYPERCALL |
			  HV_VP_INDEX | HV_RESET | HV_REFERENCE_TSC |
			  HV_FREQUENCY_MSRS;
		e->ebx = HV_POST_MESSAGES | HV_SIGNAL_EVENTS |
			 (shared ? HV_ISOLATION : 0);
		e->ecx = 0;
		e->edx &= HV_FREQUENCY_REGS | HV_CRASH_REGS | HV_DIRECT_STIMER;
		break;
	case HV_CPUID_LIMITS:
		e->eax = VM_MAX_CPUS;
		e->ebx = VM_MAX_CPUS;
		e->ecx = 0;
		e->edx = 0;
		break;
	case HV_CPUID_ISOLATION:
		e->eax = 0;
		e->ebx = HV_ISOLATION_VBS | HV_SHARED_BIT_ACTIVE |
			 (u32)__builtin_ctzll(shared | 1ull << 63) <<
			 HV_SHARED_BIT_SHIFT;
		e->ecx = 0;
		e->edx = 0;
		break;
	}
}

static int set_cpuid(struct vm *vm, u32 cpu)
{
	struct kvm_cpuid2 *host, *hv;
	struct kvm_cpuid_entry2 *e;
	u32 i, n = 0, last, function;
	int ret;

	host = get_cpuid(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID);
	hv = get_cpuid(vm->cpu_fd[cpu], KVM_GET_SUPPORTED_HV_CPUID);
	if (!host || !hv) {
		ret = -EINVAL;
		goto out;
	}
	/* No trace of KVM: Linux would take it for the better hypervisor. */
	for (i = 0; i < host->nent; i++) {
		e = &host->entries[i];
		if (e->function >> 16 == HV_CPUID_FIRST >> 16)
			continue;
		processor_leaf(e, cpu, vm->opt->cpus);
		host->entries[n++] = *e;
	}
	last = last_leaf(vm);
	for (function = HV_CPUID_FIRST; function <= HV_CPUID_STACK_LAST;
	     function++) {
		if (function > last && function < HV_CPUID_STACK_FIRST)
			continue;
		if (n == MAX_CPUID) {
			fprintf(stderr, "hvhost: KVM has too many CPUID leaves\n");
			ret = -ENOSPC;
			goto out;
		}
		e = &host->entries[n++];
		*e = (struct kvm_cpuid_entry2) { .function = function };
		for (i = 0; function <= last && i < hv->nent; i++)
			if (hv->entries[i].function == function)
				*e = hv->entries[i];
		hypervisor_leaf(vm, e);
	}
	host->nent = n;
	ret = 0;
	if (ioctl(vm->cpu_fd[cpu], KVM_SET_CPUID2, host) < 0)
		ret = vm_fail("KVM does not take the CPUID");
out:
	free(host);
	free(hv);
	return ret;
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
	int fd = vm->cpu_fd[cpu], err;

	err = set_cpuid(vm, cpu);
	if (err)
		return err;
	if (ioctl(fd, KVM_ENABLE_CAP, &cap) < 0)
		return vm_fail("KVM has no Hyper-V SynIC");
	/* As firmware leaves them; neither is worth to fail for. */
	set_msr(fd, MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRING);
	set_msr(fd, MSR_MTRR_DEF_TYPE, MTRR_ENABLE_WB);
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
	for (i = 0; i < (u32)vm->opt->cpus; i++) {
		for (sint = 0; sint < HV_SINTS; sint++, e++) {
			e->gsi = SINT_GSI(i, sint);
			e->type = KVM_IRQ_ROUTING_HV_SINT;
			e->u.hv_sint.vcpu = i;
			e->u.hv_sint.sint = sint;
		}
	}
	routes.head.nr = e - routes.entry;
	if (ioctl(vm->vm_fd, KVM_SET_GSI_ROUTING, &routes) < 0)
		return vm_fail("KVM does not route SINTs");
	return 0;
}

/*
 * Write what waits into the message page, as far as slots are free.
 *
 * The guest frees a slot by zeroing its type and looks at the pending flag
 * after that; we set the flag and look at the type after that. So one of us
 * sees the other: either it writes the EOM MSR, and we come back here, or the
 * slot is free at the second look.
 */
static void flush_messages(struct vm *vm, u32 vp)
{
	struct synic *s = &vm->hyperv->synic[vp];
	struct waiting *w, **link = &s->first;
	u32 full = 0;

	if (!s->enabled || !s->message_page)
		return;
	while ((w = *link)) {
		struct hv_message *slot;

		slot = mem_at(&vm->mem, s->message_page +
			      w->sint * sizeof(*slot), sizeof(*slot));
		if (!slot) {
			trace_bad("synic", "message page", s->message_page);
			return;
		}
		if (!(full & BIT(w->sint)) &&
		    __atomic_load_n(&slot->type, __ATOMIC_ACQUIRE)) {
			__atomic_or_fetch(&slot->flags, HV_MESSAGE_PENDING,
					  __ATOMIC_SEQ_CST);
			if (__atomic_load_n(&slot->type, __ATOMIC_SEQ_CST))
				full |= BIT(w->sint);
		}
		if (full & BIT(w->sint)) {
			link = &w->next;
			continue;
		}
		slot->len = w->msg.len;
		slot->flags = 0;
		slot->sender = w->msg.sender;
		memcpy(slot->payload, w->msg.payload, sizeof(slot->payload));
		/* Its type makes it a message, so that comes last. */
		__atomic_store_n(&slot->type, w->msg.type, __ATOMIC_RELEASE);
		vm_irq_line(vm, SINT_GSI(vp, w->sint), 1);

		*link = w->next;
		if (!w->next)
			s->last = link;
		s->count--;
		free(w);
	}
}

/**
 * hyperv_post() - Send a SynIC message to the guest.
 * @opaque:	The VM; its lock is held
 * @vp:		To which vCPU
 * @sint:	Of which SINT
 * @type:	The message's type, not 0
 * @payload:	What it says
 * @len:	Bytes, at most HV_MESSAGE_PAYLOAD
 *
 * Waits while the slot is taken, or the guest's SynIC is off.
 *
 * Return: 0, -EINVAL for what there is not, -ENOSPC if too many wait, -ENOMEM.
 */
int hyperv_post(void *opaque, u32 vp, u32 sint, u32 type, const void *payload,
		size_t len)
{
	struct vm *vm = opaque;
	struct synic *s;
	struct waiting *w;

	if (vp >= (u32)vm->opt->cpus || sint >= HV_SINTS || !type ||
	    len > HV_MESSAGE_PAYLOAD)
		return -EINVAL;
	s = &vm->hyperv->synic[vp];
	if (s->count == MAX_WAITING) {
		trace_bad("synic", "messages waiting", s->count);
		return -ENOSPC;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->sint = sint;
	w->msg.type = type;
	w->msg.len = len;
	memcpy(w->msg.payload, payload, len);
	*s->last = w;
	s->last = &w->next;
	s->count++;
	flush_messages(vm, vp);
	return 0;
}

/**
 * hyperv_signal() - Set an event flag and interrupt the guest.
 * @opaque:	The VM; its lock is held
 * @vp:		Which vCPU's
 * @sint:	Of which SINT, 2048 flags each
 * @flag:	Which one
 *
 * Return: 0, -EINVAL for what there is not, -ENODEV while the SynIC is off.
 */
int hyperv_signal(void *opaque, u32 vp, u32 sint, u32 flag)
{
	struct vm *vm = opaque;
	struct synic *s;
	u8 *byte;

	if (vp >= (u32)vm->opt->cpus || sint >= HV_SINTS || flag >= 2048)
		return -EINVAL;
	s = &vm->hyperv->synic[vp];
	if (!s->enabled || !s->event_page)
		return -ENODEV;
	byte = mem_at(&vm->mem, s->event_page + sint * 256 + flag / 8, 1);
	if (!byte) {
		trace_bad("synic", "event page", s->event_page);
		return -ENODEV;
	}
	if (!(__atomic_fetch_or(byte, BIT(flag % 8), __ATOMIC_SEQ_CST) &
	      BIT(flag % 8)))
		vm_irq_line(vm, SINT_GSI(vp, sint), 1);
	return 0;
}

static void drop_messages(struct synic *s)
{
	struct waiting *w;

	while ((w = s->first)) {
		s->first = w->next;
		free(w);
	}
	s->last = &s->first;
	s->count = 0;
}

static void synic_exit(struct vm *vm, u32 cpu, const struct kvm_run *run)
{
	struct synic *s = &vm->hyperv->synic[cpu];
	u64 shared = vm->hyperv->shared_bit;
	u64 msg = run->hyperv.u.synic.msg_page & ~shared;
	u64 evt = run->hyperv.u.synic.evt_page & ~shared;

	s->enabled = run->hyperv.u.synic.control & MSR_PAGE_ENABLE;
	s->message_page = msg & MSR_PAGE_ENABLE ? msg & ~0xfffull : 0;
	s->event_page = evt & MSR_PAGE_ENABLE ? evt & ~0xfffull : 0;
	if (s->message_page) {
		/*
		 * Another page is another kernel's, which took over without
		 * UNLOAD: what waits was meant for the one before. The same
		 * page, off and on again, is still the same kernel's.
		 */
		if (s->last_message_page &&
		    s->last_message_page != s->message_page)
			drop_messages(s);
		s->last_message_page = s->message_page;
	}
	flush_messages(vm, cpu);
}

static u16 post_message(struct vm *vm, u32 vp, u64 input, u64 gpa)
{
	struct {
		u32 connection;
		u32 reserved;
		u32 type;
		u32 len;
		u8 payload[HV_MESSAGE_PAYLOAD];
	} msg;

	if (input & HVCALL_FAST)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (gpa & 7)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (mem_read(&vm->mem, gpa, &msg, sizeof(msg))) {
		trace_bad("hypercall", "post message GPA", gpa);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (msg.len > sizeof(msg.payload)) {
		trace_bad("hypercall", "post message length", msg.len);
		return HV_STATUS_INVALID_PARAMETER;
	}
	return vmbus_hv_post(vm->bus, vp, msg.connection, msg.type,
			     msg.payload, msg.len);
}

static u16 signal_event(struct vm *vm, u64 input, u64 param)
{
	struct {
		u32 connection;
		u16 flag;
		u16 reserved;
	} event;

	/*
	 * Of the form through memory, older KVM hands us the GPA, newer what
	 * it has read there, and does not say which. Linux uses the fast one.
	 */
	if (!(input & HVCALL_FAST))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(&event, &param, sizeof(event));
	return vmbus_hv_signal(vm->bus, event.connection, event.flag);
}

static u16 retarget_interrupt(struct vm *vm, u64 input, u64 gpa)
{
	u64 len = RETARGET_INPUT + HVCALL_VAR_WORDS(input) * 8;
	u8 params[HV_PAGE_SIZE];

	if (input & HVCALL_FAST)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (gpa & 7)
		return HV_STATUS_INVALID_ALIGNMENT;
	gpa &= ~vm->hyperv->shared_bit;
	/* An input lies in one page */
	if (len > HV_PAGE_SIZE - gpa % HV_PAGE_SIZE ||
	    mem_read(&vm->mem, gpa, params, len)) {
		trace_bad("hypercall", "retarget GPA", gpa);
		return HV_STATUS_INVALID_PARAMETER;
	}
	return vpci_retarget(vm->vpci, params, len);
}

/*
 * A hypercall that KVM does not know, by our port; @gpa is where its input is.
 * Return: what RAX gets.
 */
static u64 other_hypercall(struct vm *vm, u64 input, u64 gpa)
{
	u64 result = HV_STATUS_INVALID_HYPERCALL_CODE;

	switch (input & 0xffff) {
	case HVCALL_RETARGET_IRQ:
		result = retarget_interrupt(vm, input, gpa);
		break;
	case HVCALL_GPA_VISIBILITY:
		/* Both views are of the same RAM; every page of the list. */
		result = HV_STATUS_SUCCESS | HVCALL_REPS(input) << 32;
		break;
	}
	trace_begin("hypercall");
	trace_hex("code", input & 0xffff);
	trace_num("reps", HVCALL_REPS(input));
	trace_num("status", result & 0xffff);
	trace_end();
	return result;
}

static void hypercall_port(struct vm *vm, u32 cpu)
{
	struct kvm_regs regs;

	if (ioctl(vm->cpu_fd[cpu], KVM_GET_REGS, &regs) < 0)
		return;
	regs.rax = other_hypercall(vm, regs.rcx, regs.rdx);
	ioctl(vm->cpu_fd[cpu], KVM_SET_REGS, &regs);
}

/*
 * KVM has just written its hypercall page: one instruction that calls it, of
 * the processor's maker's, and a return. Put one before it that takes to us
 * what KVM does not know and would refuse without asking.
 */
static void write_hypercall_page(struct vm *vm, u64 gpa)
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

static void msr_exit(struct vm *vm, u32 cpu, struct kvm_run *run)
{
	u64 data = run->msr.data;

	run->msr.error = set_msr(vm->cpu_fd[cpu], run->msr.index, data) ? 1 : 0;
	if (run->msr.error)
		return;
	switch (run->msr.index) {
	case MSR_GUEST_OS_ID:
		vm->hyperv->guest_os_id = data;
		trace_begin("guest_os_id");
		trace_num("vp", cpu);
		trace_hex("id", data);
		trace_end();
		break;
	case MSR_HYPERCALL:
		/* KVM enables no page for a guest that has not said who it is */
		if (data & MSR_PAGE_ENABLE && vm->hyperv->guest_os_id)
			write_hypercall_page(vm, data & ~0xfffull);
		break;
	case MSR_EOM:
		flush_messages(vm, cpu);
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
	u64 input, status;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.port != HYPERCALL_PORT ||
		    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4)
			return false;
		hypercall_port(vm, cpu);
		return true;
	case KVM_EXIT_X86_WRMSR:
		msr_exit(vm, cpu, run);
		return true;
	}
	switch (run->hyperv.type) {
	case KVM_EXIT_HYPERV_SYNIC:
		synic_exit(vm, cpu, run);
		return true;
	case KVM_EXIT_HYPERV_HCALL:
		input = run->hyperv.u.hcall.input;
		status = HV_STATUS_INVALID_HYPERCALL_CODE;
		if ((input & 0xffff) == HVCALL_POST_MESSAGE)
			status = post_message(vm, cpu, input,
					      run->hyperv.u.hcall.params[0]);
		else if ((input & 0xffff) == HVCALL_SIGNAL_EVENT)
			status = signal_event(vm, input,
					      run->hyperv.u.hcall.params[0]);
		run->hyperv.u.hcall.result = status;
		return true;
	}
	return false;
}
