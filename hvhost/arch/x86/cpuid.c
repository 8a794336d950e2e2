// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: a processor's without what does not work, and Hyper-V's leaves, with no
 * trace of KVM.
 */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "arch/x86/cpuid.h"
#include "hv/hv.h"

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

/* The build that a guest is told: Windows Server 2025's */
#define HOST_BUILD		26100u
#define HOST_MAJOR		10u
#define HOST_MINOR		0u

#define MAX_CPUID		256

/* CPUID as KVM can give it; ->nent entries. NULL on failure, said. */
static struct kvm_cpuid2 *cpuid_get(int fd, unsigned long request)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) +
			  MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid) {
		kvm_fail("CPUID leaves");
		return NULL;
	}
	cpuid->nent = MAX_CPUID;
	if (ioctl(fd, request, cpuid) < 0) {
		kvm_fail("KVM does not tell the CPUID it supports");
		free(cpuid);
		return NULL;
	}
	return cpuid;
}

/**
 * cpuid_gpa_bits() - The number of bits of a GPA.
 * @kvm:	KVM
 *
 * Return: it, or -ENOMEM, said.
 */
int cpuid_gpa_bits(const struct kvm *kvm)
{
	struct kvm_cpuid2 *cpuid = cpuid_get(kvm->fd, KVM_GET_SUPPORTED_CPUID);
	/* What every 64-bit processor has */
	int bits = 36;
	u32 i;

	if (!cpuid)
		return -ENOMEM;
	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000008)
			bits = cpuid->entries[i].eax & 0xff;
	free(cpuid);
	return bits;
}

/* Leaf @e is one of the processor's own: take away what does not work. */
static void cpuid_processor(struct kvm_cpuid_entry2 *e, u32 cpu, u32 cpus)
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
static u32 cpuid_last(const struct kvm *kvm)
{
	return kvm->shared_bit ? HV_CPUID_LAST : HV_CPUID_HARDWARE;
}

/* Leaf @e is one of the hypervisor's, as KVM would have it. */
static void cpuid_hypervisor(const struct kvm *kvm, struct kvm_cpuid_entry2 *e)
{
	u64 shared = kvm->shared_bit;

	switch (e->function) {
	case HV_CPUID_FIRST:
		e->eax = cpuid_last(kvm);
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
		e->eax = MAX_CPUS;
		e->ebx = MAX_CPUS;
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

/**
 * cpuid_set() - Have a vCPU look like one of Hyper-V's.
 * @kvm:	KVM
 * @cpu:	The vCPU, just made
 *
 * Return: 0, or -errno after having said what failed.
 */
int cpuid_set(const struct kvm *kvm, u32 cpu)
{
	struct kvm_cpuid2 *host, *hv;
	struct kvm_cpuid_entry2 *e;
	u32 i, n = 0, last, function;
	int ret;

	host = cpuid_get(kvm->fd, KVM_GET_SUPPORTED_CPUID);
	hv = cpuid_get(kvm->cpu_fd[cpu], KVM_GET_SUPPORTED_HV_CPUID);
	if (!host || !hv) {
		ret = -EINVAL;
		goto out;
	}
	/* No trace of KVM: Linux would take it for the better hypervisor. */
	for (i = 0; i < host->nent; i++) {
		e = &host->entries[i];
		if (e->function >> 16 == HV_CPUID_FIRST >> 16)
			continue;
		cpuid_processor(e, cpu, kvm->cpus);
		host->entries[n++] = *e;
	}
	last = cpuid_last(kvm);
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
		cpuid_hypervisor(kvm, e);
	}
	host->nent = n;
	ret = 0;
	if (ioctl(kvm->cpu_fd[cpu], KVM_SET_CPUID2, host) < 0)
		ret = kvm_fail("KVM does not take the CPUID");
out:
	free(host);
	free(hv);
	return ret;
}
