// SPDX-License-Identifier: GPL-2.0-only
/* The gate: what is to be done with all vCPUs out is done then, once, and by nobody waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/gate.h"

#define CPUS	3
#define ROUNDS	2000

static struct gate gate;
static u32 kicked, acts, inside_at_act;

static void kick(void *opaque, u32 vcpus)
{
	(void)opaque;
	kicked |= vcpus;
}

static void act(void *opaque)
{
	struct gate *g = opaque;

	acts++;
	inside_at_act |= g->inside;
}

static int setup(void **state)
{
	(void)state;
	kicked = 0;
	acts = 0;
	inside_at_act = 0;
	gate_init(&gate, kick, act, &gate);
	return 0;
}

/* Nobody is inside: the next one that enters does it, and many wants are one. */
static void first_in(void **state)
{
	(void)state;
	gate_want(&gate);
	gate_want(&gate);
	assert_int_equal(acts, 0);
	gate_enter(&gate, 1);
	assert_int_equal(acts, 1);
	assert_int_equal(kicked, 0);
	assert_int_equal(gate.inside, 2);
	gate_leave(&gate, 1);
	gate_enter(&gate, 1);
	assert_int_equal(acts, 1);
}

/* Those inside are kicked, once, and the last one that leaves does it. */
static void last_out(void **state)
{
	(void)state;
	gate_enter(&gate, 0);
	gate_enter(&gate, 2);
	gate_want(&gate);
	assert_int_equal(kicked, 5);
	kicked = 0;
	gate_want(&gate);
	assert_int_equal(kicked, 0);
	gate_leave(&gate, 0);
	assert_int_equal(acts, 0);
	gate_leave(&gate, 2);
	assert_int_equal(acts, 1);
	assert_int_equal(inside_at_act, 0);
}

static void *enters(void *opaque)
{
	gate_enter(&gate, 1);
	*(bool *)opaque = true;
	return NULL;
}

/* Who would enter meanwhile waits until it is done. */
static void waits(void **state)
{
	bool entered = false;
	pthread_t thread;

	(void)state;
	gate_enter(&gate, 0);
	gate_want(&gate);
	assert_int_equal(pthread_create(&thread, NULL, enters, &entered), 0);
	usleep(20000);
	assert_false(__atomic_load_n(&entered, __ATOMIC_SEQ_CST));
	gate_leave(&gate, 0);
	pthread_join(thread, NULL);
	assert_true(entered);
	assert_int_equal(acts, 1);
	assert_int_equal(gate.inside, 2);
}

static void *vcpu(void *opaque)
{
	u32 cpu = *(u32 *)opaque, i;

	for (i = 0; i < ROUNDS; i++) {
		gate_enter(&gate, cpu);
		gate_leave(&gate, cpu);
		if (i % 3 == cpu)
			gate_want(&gate);
	}
	return NULL;
}

/* Whoever wants and whoever enters: it never happens with one inside. */
static void many(void **state)
{
	pthread_t thread[CPUS];
	u32 cpu[CPUS], i;

	(void)state;
	for (i = 0; i < CPUS; i++) {
		cpu[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, vcpu,
						&cpu[i]), 0);
	}
	for (i = 0; i < CPUS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(inside_at_act, 0);
	assert_int_equal(gate.inside, 0);
	assert_true(acts > 0);
	/* Nothing is left wanted after one more has passed */
	gate_enter(&gate, 0);
	assert_false(gate.wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(first_in, setup),
		cmocka_unit_test_setup(last_out, setup),
		cmocka_unit_test_setup(waits, setup),
		cmocka_unit_test_setup(many, setup),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
