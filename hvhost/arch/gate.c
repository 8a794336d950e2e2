// SPDX-License-Identifier: GPL-2.0-only
/*
 * A gate that every vCPU passes on its way into KVM_RUN and out of it. gate_want()
 * does not block: the last vCPU to leave, or the first one to come back if all are
 * out, calls ->act.
 */
#include "arch/gate.h"
#include "core/clock.h"

/**
 * gate_init() - Make a gate that is open, with nobody inside.
 * @g:		To be filled in
 * @kick:	Has vCPUs leave KVM_RUN; a bit for each
 * @act:	Called when gate_want() has been, and all are out
 * @opaque:	For both
 */
void gate_init(struct gate *g, void (*kick)(void *opaque, u32 vcpus),
	       void (*act)(void *opaque), void *opaque)
{
	*g = (struct gate) { .kick = kick, .act = act, .opaque = opaque };
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->opened, NULL);
}

static void gate_kick(struct gate *g, u32 vcpus)
{
	vcpus &= ~g->kicked;
	g->kicked |= vcpus;
	if (vcpus)
		g->kick(g->opaque, vcpus);
}

static void gate_act(struct gate *g)
{
	g->act(g->opaque);
	g->wanted = false;
	g->owed = g->waiting;
	pthread_cond_broadcast(&g->opened);
}

/**
 * gate_want() - Have ->act called once all vCPUs are out; do not wait for it.
 * @g:		The gate
 *
 * Calls before that one count as one. With no vCPU inside, the next one that
 * enters calls it. vCPUs that waited for the ->act before enter first.
 */
void gate_want(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->wanted = true;
	if (!g->owed)
		gate_kick(g, g->inside);
	pthread_mutex_unlock(&g->lock);
}

static void gate_wait(struct gate *g, u32 vcpu)
{
	s64 start = clock_ms(), waited;

	g->waiting |= vcpu;
	while (g->wanted && !(g->owed & vcpu)) {
		if (g->inside || g->owed)
			pthread_cond_wait(&g->opened, &g->lock);
		else
			gate_act(g);
	}
	g->waiting &= ~vcpu;
	waited = clock_ms() - start;
	if (waited > g->longest_wait)
		g->longest_wait = waited;
}

/**
 * gate_enter() - A vCPU is about to enter KVM_RUN.
 * @g:		The gate
 * @cpu:	Which one
 *
 * Waits for the others if something is to be done with all of them out. One that
 * has waited enters even if ->act is wanted again meanwhile: else faster vCPUs
 * could keep it out for ever.
 */
void gate_enter(struct gate *g, u32 cpu)
{
	u32 vcpu = 1u << cpu;

	pthread_mutex_lock(&g->lock);
	if (g->wanted)
		gate_wait(g, vcpu);
	g->owed &= ~vcpu;
	g->inside |= vcpu;
	__atomic_store_n(&g->since[cpu], clock_ms(), __ATOMIC_RELAXED);
	/* The one that enters is kicked by the next that leaves, if there is any */
	if (g->wanted && !g->owed)
		gate_kick(g, g->inside == vcpu ? vcpu : g->inside & ~vcpu);
	pthread_mutex_unlock(&g->lock);
}

/**
 * gate_leave() - A vCPU is out of KVM_RUN.
 * @g:		The gate
 * @cpu:	Which one
 */
void gate_leave(struct gate *g, u32 cpu)
{
	u32 vcpu = 1u << cpu;

	pthread_mutex_lock(&g->lock);
	g->inside &= ~vcpu;
	g->kicked &= ~vcpu;
	__atomic_store_n(&g->since[cpu], 0, __ATOMIC_RELAXED);
	if (g->wanted && !g->owed) {
		if (g->inside)
			gate_kick(g, g->inside);
		else
			gate_act(g);
	}
	pthread_mutex_unlock(&g->lock);
}

/**
 * gate_inside_ms() - How long has a vCPU been in KVM_RUN?
 * @g:		The gate; its lock need not be held
 * @cpu:	Which one
 *
 * Return: milliseconds, or -1 if it is not inside.
 */
s64 gate_inside_ms(const struct gate *g, u32 cpu)
{
	s64 since = __atomic_load_n(&g->since[cpu], __ATOMIC_RELAXED);

	return since ? clock_ms() - since : -1;
}

/**
 * gate_hold() - Keep ->act from being called for a moment.
 * @g:		The gate
 *
 * For calls of KVM that lock a vCPU as KVM_RUN does.
 */
void gate_hold(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
}

/**
 * gate_release() - Let ->act be called again.
 * @g:		The gate
 */
void gate_release(struct gate *g)
{
	pthread_mutex_unlock(&g->lock);
}
