// SPDX-License-Identifier: GPL-2.0-only
/*
 * SINTs: PPIs as edges. They are collected here until all vCPUs are out of KVM_RUN.
 * One whose handler still runs then has to wait until that is over, and KVM does not tell us;
 * a thread looks again a moment later. Each look interrupts the handler, which would never
 * end if that came too soon, so the moments become longer.
 */
#include <time.h>

#include "arch/arm64/gic.h"
#include "arch/arm64/sint.h"
#include "arch/vm.h"
#include "core/trace.h"

/* What a handler may take, and where KVM itself is emulated */
#define AGAIN_MIN_NS	1000000l
#define AGAIN_MAX_NS	128000000l

/* PPIs to be set pending, a bit for each INTID */
static u32 waiting[MAX_CPUS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t active = PTHREAD_COND_INITIALIZER;
static bool again;
static long again_ns = AGAIN_MIN_NS;

static u32 sint_pend(u32 cpu, u32 intids)
{
	enum gic_ppi what;
	u32 intid, left = 0;
	int err;

	for (intid = 0; intids >> intid; intid++) {
		if (!(intids & BIT(intid)))
			continue;
		err = gic_pend_ppi(cpu, intid, &what);
		if (err)
			trace_bad("gic", "KVM does not set a PPI, error", -err);
		else if (what == GIC_PPI_ACTIVE)
			left |= BIT(intid);
		if (intid == 31)
			break;
	}
	return left;
}

/* No vCPU is in KVM_RUN. */
static void sint_act(void *opaque)
{
	const struct vm *vm = opaque;
	bool left = false;
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < vm->kvm.cpus; i++) {
		if (!waiting[i])
			continue;
		waiting[i] = sint_pend(i, waiting[i]);
		left = left || waiting[i];
	}
	if (!left) {
		again_ns = AGAIN_MIN_NS;
	} else if (!again) {
		again = true;
		pthread_cond_signal(&active);
	}
	pthread_mutex_unlock(&lock);
}

static void *sint_thread(void *opaque)
{
	struct timespec moment = { 0 };
	struct vm *vm = opaque;

	for (;;) {
		pthread_mutex_lock(&lock);
		while (!again)
			pthread_cond_wait(&active, &lock);
		moment.tv_nsec = again_ns;
		if (again_ns < AGAIN_MAX_NS)
			again_ns *= 2;
		pthread_mutex_unlock(&lock);
		nanosleep(&moment, NULL);
		pthread_mutex_lock(&lock);
		again = false;
		pthread_mutex_unlock(&lock);
		gate_want(&vm->gate);
	}
	return NULL;
}

/**
 * sint_init() - Prepare for interrupts.
 * @vm:		The VM, not started
 *
 * Return: 0, or -errno after having said what failed.
 */
int sint_init(struct vm *vm)
{
	pthread_t thread;
	int err;

	vm_use_gate(vm, sint_act);
	err = pthread_create(&thread, NULL, sint_thread, vm);
	if (err) {
		errno = err;
		return kvm_fail("no thread for interrupts");
	}
	pthread_detach(thread);
	return 0;
}

/**
 * sint_raise() - Interrupt a vCPU, soon.
 * @vm:		The VM
 * @vp:		Which vCPU
 * @intid:	By which PPI
 */
void sint_raise(struct vm *vm, u32 vp, u32 intid)
{
	bool waits;

	pthread_mutex_lock(&lock);
	waits = waiting[vp] & BIT(intid);
	waiting[vp] |= BIT(intid);
	pthread_mutex_unlock(&lock);
	/* One that waits already is seen to, and nobody is disturbed for it */
	if (!waits)
		gate_want(&vm->gate);
}
