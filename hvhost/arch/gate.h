/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A gate that every vCPU passes on its way into KVM_RUN and out of it. Some of
 * KVM's state can only be changed while no vCPU is inside.
 */
#ifndef HVHOST_GATE_H
#define HVHOST_GATE_H

#include <pthread.h>

#include "core/limits.h"
#include "core/types.h"

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	/* A bit for each vCPU: */
	u32 inside;			/* in KVM_RUN */
	u32 kicked;			/* ... and to leave it */
	u32 waiting;			/* in gate_enter() */
	u32 owed;			/* ... and let in by the last ->act */
	bool wanted;			/* ->act is to be called */
	s64 since[MAX_CPUS];		/* clock_ms() of its entry, 0: out; atomic */
	s64 longest_wait;		/* in gate_enter(), ms */
	/*
	 * Both with ->lock held, and neither may call gate_*(). Have these vCPUs
	 * leave KVM_RUN soon; do what had to wait until all were out.
	 */
	void (*kick)(void *opaque, u32 vcpus);
	void (*act)(void *opaque);
	void *opaque;
};

void gate_init(struct gate *g, void (*kick)(void *opaque, u32 vcpus),
	       void (*act)(void *opaque), void *opaque);
void gate_want(struct gate *g);
void gate_enter(struct gate *g, u32 cpu);
void gate_leave(struct gate *g, u32 cpu);
s64 gate_inside_ms(const struct gate *g, u32 cpu);

/* Between these two ->act is not called. */
void gate_hold(struct gate *g);
void gate_release(struct gate *g);

#endif
