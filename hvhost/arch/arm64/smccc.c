// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hyper-V's calls on arm64, by HVC: hypercalls, and VP registers, which are what MSRs
 * and CPUID are on x86. A guest gives up if one that it needs fails.
 */
#include <string.h>

#include "arch/arm64/map.h"
#include "arch/arm64/smccc.h"
#include "core/trace.h"

#define PARTITION_SELF		(~0ull)
#define VP_SELF			0xfffffffeu

/* How many registers, and which is the first; one fits into a fast call. */
#define ONE_REP			1
#define REP_START(input)	((input) >> 48 & 0xfff)
#define REPS_DONE(n)		((u64)(n) << 32)

/* Privileges: reference time, SynIC, hypercalls, VP index; post, signal; crashes */
#define FEATURES_LOW		(BIT(1) | BIT(2) | BIT(5) | BIT(6))
#define FEATURES_HIGH		(BIT(4) | BIT(5))
#define FEATURES_MISC		BIT(8)

/* As on x86: a build of Windows Server 2025 */
#define VERSION_BUILD		26100u
#define VERSION			(10u << 16)

/* The bytes of 58ba324d-6447-24cd-756c-ef8e24705916, as registers have them */
static const u32 uid[4] = { 0x4d32ba58, 0xcd244764, 0x8eef6c75, 0x16597024 };

/**
 * smccc_init() - Begin with registers as they are when a VM powers on.
 * @s:		To be filled in
 * @synic:	What SynIC registers are about
 * @cpus:	How many vCPUs there are
 * @now:	The time, in units of 100 ns
 * @drop:	Forgets a vCPU's interrupt that was raised and is not delivered yet
 */
void smccc_init(struct smccc *s, struct synic *synic, u32 cpus,
		u64 (*now)(void), void (*drop)(u32 vp))
{
	u32 i, sint;

	*s = (struct smccc) {
		.synic = synic, .cpus = cpus, .now = now, .drop = drop,
	};
	for (i = 0; i < MAX_CPUS; i++)
		for (sint = 0; sint < HV_SINTS; sint++)
			s->vp[i].sint[sint] = VP_SINT_MASKED;
}

/**
 * smccc_sint_intid() - What a SINT interrupts by.
 * @s:		Registers
 * @vp:		Of which vCPU
 * @sint:	Which one
 *
 * Return: VMBus' PPI, or 0 if the SINT is masked or names another interrupt. The
 * tables name that PPI alone, and others are KVM's own.
 */
u32 smccc_sint_intid(const struct smccc *s, u32 vp, u32 sint)
{
	u64 value = s->vp[vp].sint[sint];
	u32 intid = value & 0xff;

	return value & VP_SINT_MASKED || intid != INTID_VMBUS ? 0 : intid;
}

/* Does any SINT of the vCPU interrupt? */
static bool smccc_has_sint(const struct smccc *s, u32 vp)
{
	u32 sint;

	for (sint = 0; sint < HV_SINTS; sint++)
		if (smccc_sint_intid(s, vp, sint))
			return true;
	return false;
}

static u64 smccc_page(u64 value)
{
	return value & VP_ENABLE ? value & ~(u64)(HV_PAGE_SIZE - 1) : 0;
}

static void smccc_update_synic(struct smccc *s, u32 vp)
{
	const struct smccc_vp *v = &s->vp[vp];

	synic_set(s->synic, vp, v->scontrol & VP_ENABLE,
		  smccc_page(v->simp), smccc_page(v->siefp));
}

static void smccc_set_guest_os_id(struct smccc *s, const struct hypercalls *h,
				  u32 vp, u64 id)
{
	bool another = s->guest_os_id && id;
	u32 i;

	s->guest_os_id = id;
	trace_begin("guest_os_id");
	trace_num("vp", vp);
	trace_hex("id", id);
	trace_end();
	if (!another)
		return;
	vmbus_new_kernel(h->bus);
	/* vCPUs that the old kernel left may never end their handlers */
	for (i = 0; i < s->cpus; i++)
		s->drop(i);
}

static void smccc_set_crash_ctl(u64 value)
{
	if (!(value & VP_CRASH_NOTIFY))
		return;
	/* It tells that it panics; a kdump kernel may follow. */
	trace_begin("crash");
	trace_end();
}

static void smccc_set_sint(struct smccc *s, u32 vp, u32 sint, u64 value)
{
	s->vp[vp].sint[sint] = value;
	if (!(value & VP_SINT_MASKED) && !smccc_sint_intid(s, vp, sint))
		trace_bad("synic", "interrupt of a SINT", value & 0xff);
	if (!smccc_has_sint(s, vp))
		s->drop(vp);
}

/* Return: HV_STATUS_*. */
static u16 smccc_set_register(struct smccc *s, const struct hypercalls *h,
			      u32 vp, u32 name, u64 value)
{
	struct smccc_vp *v = &s->vp[vp];

	if (name >= VP_SINT0 && name <= VP_SINT15) {
		smccc_set_sint(s, vp, name - VP_SINT0, value);
		return HV_STATUS_SUCCESS;
	}
	if (name >= VP_CRASH_P0 && name <= VP_CRASH_P4) {
		s->crash[name - VP_CRASH_P0] = value;
		return HV_STATUS_SUCCESS;
	}
	switch (name) {
	case VP_GUEST_OS_ID:
		smccc_set_guest_os_id(s, h, vp, value);
		return HV_STATUS_SUCCESS;
	case VP_CRASH_CTL:
		smccc_set_crash_ctl(value);
		return HV_STATUS_SUCCESS;
	case VP_SCONTROL:
		v->scontrol = value;
		break;
	case VP_SIEFP:
		v->siefp = value;
		break;
	case VP_SIMP:
		v->simp = value;
		break;
	case VP_EOM:
		synic_flush(s->synic, vp);
		return HV_STATUS_SUCCESS;
	default:
		trace_bad("hypercall", "set VP register", name);
		return HV_STATUS_INVALID_PARAMETER;
	}
	smccc_update_synic(s, vp);
	return HV_STATUS_SUCCESS;
}

/* Return: HV_STATUS_*. */
static u16 smccc_get_register(const struct smccc *s, u32 vp, u32 name, u64 value[2])
{
	const struct smccc_vp *v = &s->vp[vp];

	value[0] = 0;
	value[1] = 0;
	if (name >= VP_SINT0 && name <= VP_SINT15) {
		value[0] = v->sint[name - VP_SINT0];
		return HV_STATUS_SUCCESS;
	}
	if (name >= VP_CRASH_P0 && name <= VP_CRASH_P4) {
		value[0] = s->crash[name - VP_CRASH_P0];
		return HV_STATUS_SUCCESS;
	}
	switch (name) {
	case VP_HYPERVISOR_VERSION:
		value[0] = VERSION_BUILD | (u64)VERSION << 32;
		break;
	case VP_PRIVILEGES:
		value[0] = FEATURES_LOW | (u64)FEATURES_HIGH << 32;
		value[1] = FEATURES_MISC;
		break;
	case VP_FEATURES:
	case VP_EOM:
		break;
	case VP_LIMITS:
		value[0] = MAX_CPUS | (u64)MAX_CPUS << 32;
		break;
	case VP_CRASH_CTL:
		value[0] = VP_CRASH_NOTIFY | VP_CRASH_MESSAGE;
		break;
	case VP_GUEST_OS_ID:
		value[0] = s->guest_os_id;
		break;
	case VP_INDEX:
		value[0] = vp;
		break;
	case VP_TIME_REF_COUNT:
		value[0] = s->now();
		break;
	case VP_SCONTROL:
		value[0] = v->scontrol;
		break;
	case VP_SVERSION:
		value[0] = 1;
		break;
	case VP_SIEFP:
		value[0] = v->siefp;
		break;
	case VP_SIMP:
		value[0] = v->simp;
		break;
	default:
		trace_bad("hypercall", "get VP register", name);
		return HV_STATUS_INVALID_PARAMETER;
	}
	return HV_STATUS_SUCCESS;
}

/* Is it the form that guests use: one register, of this partition? */
static u16 smccc_check_registers(const struct smccc *s, const u64 *x, u32 *vp)
{
	u32 index = (u32)x[3];

	if (!(x[1] & HVCALL_FAST) || HVCALL_REPS(x[1]) != ONE_REP ||
	    REP_START(x[1]) || HVCALL_VAR_WORDS(x[1])) {
		trace_bad("hypercall", "input of VP registers", x[1]);
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	if (x[2] != PARTITION_SELF) {
		trace_bad("hypercall", "partition of VP registers", x[2]);
		return HV_STATUS_INVALID_PARTITION_ID;
	}
	if (index != VP_SELF && index >= s->cpus) {
		trace_bad("hypercall", "VP of VP registers", index);
		return HV_STATUS_INVALID_VP_INDEX;
	}
	if (index != VP_SELF)
		*vp = index;
	return HV_STATUS_SUCCESS;
}

/* Return: a bit for each register that has a result. */
static u32 smccc_get_registers(const struct smccc *s, u32 vp, u64 *x)
{
	u64 value[2];
	u16 status = smccc_check_registers(s, x, &vp);

	if (!status)
		status = smccc_get_register(s, vp, (u32)x[4], value);
	x[0] = status ?: REPS_DONE(1);
	if (status)
		return BIT(0);
	x[6] = value[0];
	x[7] = value[1];
	return BIT(0) | BIT(6) | BIT(7);
}

static u32 smccc_set_registers(struct smccc *s, const struct hypercalls *h,
			       u32 vp, u64 *x)
{
	u16 status = smccc_check_registers(s, x, &vp);

	if (!status)
		status = smccc_set_register(s, h, vp, (u32)x[4], x[6]);
	x[0] = status ?: REPS_DONE(1);
	return BIT(0);
}

static u32 smccc_hypercall(struct smccc *s, const struct hypercalls *h, u32 vp,
			   u64 *x)
{
	switch (x[1] & 0xffff) {
	case HVCALL_GET_VP_REGISTERS:
		return smccc_get_registers(s, vp, x);
	case HVCALL_SET_VP_REGISTERS:
		return smccc_set_registers(s, h, vp, x);
	case HVCALL_POST_MESSAGE:
		x[0] = hypercall_post_message(h, vp, x[1], x[2]);
		break;
	case HVCALL_SIGNAL_EVENT:
		x[0] = hypercall_signal_event(h, x[1], x[2]);
		break;
	default:
		x[0] = hypercall_other(h, x[1], x[2]);
	}
	return BIT(0);
}

/**
 * smccc_call() - A vCPU called its hypervisor.
 * @s:		Registers
 * @h:		What hypercalls reach; the lock is held
 * @vp:		The vCPU
 * @function:	What it calls, x0
 * @x:		SMCCC_REGS registers, as they were; results are put there
 *
 * Return: a bit for each register that has a result.
 */
u32 smccc_call(struct smccc *s, const struct hypercalls *h, u32 vp,
	       u32 function, u64 *x)
{
	u32 i;

	switch (function) {
	case SMCCC_HYPERCALL:
		return smccc_hypercall(s, h, vp, x);
	case SMCCC_CALL_UID:
		for (i = 0; i < ARRAY_SIZE(uid); i++)
			x[i] = uid[i];
		return BIT(0) | BIT(1) | BIT(2) | BIT(3);
	}
	x[0] = SMCCC_NOT_SUPPORTED;
	return BIT(0);
}
