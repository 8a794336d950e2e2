// SPDX-License-Identifier: GPL-2.0-only
/*
 * SINTs: VMBus' PPI as an edge. KVM sets it pending only while all vCPUs are out of KVM_RUN, so
 * vCPUs to be interrupted are collected until then. While a vCPU's handler still runs, it has
 * to be looked at again later, because KVM does not report the handler's end. Each look stops
 * all vCPUs. So a thread waits until that vCPU has been in KVM_RUN for a while, and for longer
 * each time: else a slow handler would never end.
 */
#include "arch/arm64/gic.h"
#include "arch/arm64/map.h"
#include "arch/arm64/sint.h"
#include "arch/arm64/vcpu.h"
#include "arch/vm.h"
#include "core/clock.h"
#include "core/math.h"
#include "core/trace.h"

/* What a vCPU gets between two looks: 1 ms, then twice as much each time */
#define RETRY_MAX_SHIFT	11
/* A handler that has had half a second by then is worth a line in the trace */
#define RETRIES_LATE	9

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t retry_cond = PTHREAD_COND_INITIALIZER;
/* A bit for each vCPU: */
static u32 waiting;			/* to be interrupted */
static u32 blocked;			/* ... whose handler ran at the last look */
static u32 due;				/* ... for which the thread wants another look */
static u32 retries[MAX_CPUS];

static void sint_trace_late(const struct vm *vm, u32 vp)
{
	trace_begin("sint_late");
	trace_num("vp", vp);
	trace_num("retries", retries[vp]);
	trace_num("gate_ms", vm->gate.longest_wait);
	trace_end();
}

/* Return: true if the vCPU still waits. */
static bool sint_pend(struct vm *vm, u32 vp)
{
	enum gic_ppi what;
	int err = gic_pend_ppi(vp, INTID_VMBUS, &what);

	if (err && err != -EBUSY) {
		run_fail(&vm->run, err, "vCPU %u: setting PPI %d pending", vp,
			 INTID_VMBUS);
		return false;
	}
	if (!err && what == GIC_PPI_PENDING)
		return false;
	/* It ended in its handler, as when it panics there */
	if (vcpu_is_off(vm->kvm.cpu_fd[vp]))
		return false;
	if (due & BIT(vp) && ++retries[vp] == RETRIES_LATE)
		sint_trace_late(vm, vp);
	return true;
}

/* No vCPU is in KVM_RUN. */
static void sint_act(void *opaque)
{
	struct vm *vm = opaque;
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < vm->kvm.cpus; i++) {
		if (!(waiting & BIT(i)) || sint_pend(vm, i))
			continue;
		waiting &= ~BIT(i);
		retries[i] = 0;
	}
	blocked = waiting;
	due = 0;
	if (blocked)
		pthread_cond_signal(&retry_cond);
	pthread_mutex_unlock(&lock);
}

/*
 * Which blocked vCPUs have been in KVM_RUN for long enough since the last look? If none has,
 * @ms is set to when one may have.
 */
static u32 sint_find_due(const struct vm *vm, s64 *ms)
{
	s64 want, inside;
	u32 i, found = 0;

	*ms = 1 << RETRY_MAX_SHIFT;
	for (i = 0; i < (u32)vm->kvm.cpus; i++) {
		if (!(blocked & BIT(i)))
			continue;
		want = 1 << min64(retries[i], RETRY_MAX_SHIFT);
		inside = gate_inside_ms(&vm->gate, i);
		if (inside > want)
			found |= BIT(i);
		else
			*ms = min64(*ms, inside < 0 ? want : want + 1 - inside);
	}
	return found;
}

static void sint_wait(s64 ms)
{
	s64 until = clock_us() + ms * 1000;
	struct timespec t = {
		.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000,
	};

	pthread_cond_clockwait(&retry_cond, &lock, CLOCK_MONOTONIC, &t);
}

static void *sint_thread(void *opaque)
{
	struct vm *vm = opaque;
	u32 found;
	s64 ms;

	for (;;) {
		pthread_mutex_lock(&lock);
		while (!blocked)
			pthread_cond_wait(&retry_cond, &lock);
		found = sint_find_due(vm, &ms);
		if (!found)
			sint_wait(ms);
		due |= found;
		blocked &= ~found;
		pthread_mutex_unlock(&lock);
		if (found)
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
 */
void sint_raise(struct vm *vm, u32 vp)
{
	bool waits;

	pthread_mutex_lock(&lock);
	waits = waiting & BIT(vp);
	waiting |= BIT(vp);
	pthread_mutex_unlock(&lock);
	/* One that waits already is seen to, and nobody is disturbed for it */
	if (!waits)
		gate_want(&vm->gate);
}

/**
 * sint_drop() - Do not interrupt a vCPU after all.
 * @vp:		Which vCPU: its SINTs are masked now, or another kernel runs
 */
void sint_drop(u32 vp)
{
	pthread_mutex_lock(&lock);
	waiting &= ~BIT(vp);
	blocked &= ~BIT(vp);
	retries[vp] = 0;
	pthread_mutex_unlock(&lock);
}
