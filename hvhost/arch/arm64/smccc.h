/* SPDX-License-Identifier: GPL-2.0-only */
/* Hyper-V's calls on arm64: hypercalls and VP registers, by HVC. Pure. */
#ifndef HVHOST_ARM64_SMCCC_H
#define HVHOST_ARM64_SMCCC_H

#include "core/limits.h"
#include "hv/hypercall.h"
#include "hv/synic.h"

/* Functions; what else is of the vendor's hypervisor is not supported */
#define SMCCC_HYPERCALL		0x46000001u	/* yielding, 64 bits */
#define SMCCC_CALL_UID		0x8600ff01u	/* fast, 32 bits */

#define SMCCC_NOT_SUPPORTED	(~0ull)

/* x0 to x7 */
#define SMCCC_REGS		8

/* What HvGetVpRegisters and HvSetVpRegisters know; of 128 bits the low half */
#define VP_HYPERVISOR_VERSION	0x00000100u
#define VP_PRIVILEGES		0x00000200u
#define VP_FEATURES		0x00000201u
#define VP_LIMITS		0x00000202u
#define VP_CRASH_P0		0x00000210u
#define VP_CRASH_P4		0x00000214u
#define VP_CRASH_CTL		0x00000215u
#define VP_GUEST_OS_ID		0x00090002u
#define VP_INDEX		0x00090003u
#define VP_TIME_REF_COUNT	0x00090004u
#define VP_SINT0		0x000a0000u
#define VP_SINT15		0x000a000fu
#define VP_SCONTROL		0x000a0010u
#define VP_SVERSION		0x000a0011u
#define VP_SIEFP		0x000a0012u
#define VP_SIMP			0x000a0013u
#define VP_EOM			0x000a0014u

#define VP_CRASH_NOTIFY		(1ull << 63)
#define VP_CRASH_MESSAGE	(1ull << 62)
#define VP_SINT_MASKED		(1ull << 16)
#define VP_ENABLE		1ull	/* SCONTROL, SIEFP, SIMP */

struct smccc_vp {
	u64 sint[HV_SINTS];
	u64 scontrol, siefp, simp;
};

struct smccc {
	struct synic *synic;
	u32 cpus;
	u64 (*now)(void);		/* units of 100 ns */
	void (*drop)(u32 vp);
	u64 guest_os_id;
	u64 crash[5];
	struct smccc_vp vp[MAX_CPUS];
};

void smccc_init(struct smccc *s, struct synic *synic, u32 cpus,
		u64 (*now)(void), void (*drop)(u32 vp));
u32 smccc_call(struct smccc *s, const struct hypercalls *h, u32 vp,
	       u32 function, u64 *x);
u32 smccc_sint_intid(const struct smccc *s, u32 vp, u32 sint);

#endif
