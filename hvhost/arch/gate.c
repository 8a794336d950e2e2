// SPDX-License-Identifier: GPL-2.0-only
/*
 * A gate that every vCPU passes on its way into KVM_RUN and out of it. Whoever
 * wants all of them out does not wait for it: the last one to leave, or the
 * first one to come back if all are out, does what is to be done.
 */
#include "arch/gate.h"

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

static void gate_act(struct gate *g)
{
	g->act(g->opaque);
	g->wanted = false;
	pthread_cond_broadcast(&g->opened);
}

/**
 * gate_want() - Have ->act called once all vCPUs are out; do not wait for it.
 * @g:		The gate
 *
 * Calls before that one count as one. With no vCPU inside, the next one that
 * enters calls it.
 */
void gate_want(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	if (!g->wanted && g->inside)
		g->kick(g->opaque, g->inside);
	g->wanted = true;
	pthread_mutex_unlock(&g->lock);
}

/**
 * gate_enter() - A vCPU is about to enter KVM_RUN.
 * @g:		The gate
 * @cpu:	Which one
 *
 * Waits for the others if something is to be done with all of them out.
 */
void gate_enter(struct gate *g, u32 cpu)
{
	pthread_mutex_lock(&g->lock);
	while (g->wanted) {
		if (g->inside)
			pthread_cond_wait(&g->opened, &g->lock);
		else
			gate_act(g);
	}
	g->inside |= 1u << cpu;
	pthread_mutex_unlock(&g->lock);
}

/**
 * gate_leave() - A vCPU is out of KVM_RUN.
 * @g:		The gate
 * @cpu:	Which one
 */
void gate_leave(struct gate *g, u32 cpu)
{
	pthread_mutex_lock(&g->lock);
	g->inside &= ~(1u << cpu);
	if (g->wanted && !g->inside)
		gate_act(g);
	pthread_mutex_unlock(&g->lock);
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
