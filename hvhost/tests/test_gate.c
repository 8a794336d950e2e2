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
	__atomic_fetch_or(&kicked, vcpus, __ATOMIC_SEQ_CST);
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

static bool becomes_true(const bool *what)
{
	int i;

	for (i = 0; i < 5000 && !__atomic_load_n(what, __ATOMIC_SEQ_CST); i++)
		usleep(1000);
	return *what;
}

static bool is_waiting(u32 vcpus)
{
	bool waits;

	gate_hold(&gate);
	waits = gate.waiting == vcpus;
	gate_release(&gate);
	return waits;
}

/*
 * A vCPU that waited gets in next, even if a faster one is inside again and another
 * act is wanted. It gets to run as well: its kick comes when the other one leaves.
 */
static void takes_turns(void **state)
{
	bool entered;
	pthread_t thread;
	int i, late = 0;

	(void)state;
	for (i = 0; i < 50; i++) {
		entered = false;
		gate_enter(&gate, 0);
		gate_want(&gate);
		assert_int_equal(pthread_create(&thread, NULL, enters,
						&entered), 0);
		while (!is_waiting(2))
			usleep(100);
		gate_leave(&gate, 0);
		gate_enter(&gate, 0);
		__atomic_store_n(&kicked, 0, __ATOMIC_SEQ_CST);
		gate_want(&gate);
		assert_true(becomes_true(&entered));
		pthread_join(thread, NULL);
		assert_int_equal(gate.inside, 3);
		/* 3 if it was in before the want */
		late += kicked == 1;
		assert_true(kicked == 1 || kicked == 3);
		gate_leave(&gate, 0);
		assert_int_equal(kicked, 3);
		assert_int_equal(acts, 2 * i + 1);
		gate_leave(&gate, 1);
		assert_int_equal(acts, 2 * i + 2);
	}
	assert_true(late > 0);
	assert_int_equal(inside_at_act, 0);
}

/* With nobody else inside, it is kicked at once: no one might ever leave. */
static void turn_alone(void **state)
{
	bool entered;
	pthread_t thread;
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		entered = false;
		gate_enter(&gate, 0);
		gate_want(&gate);
		assert_int_equal(pthread_create(&thread, NULL, enters,
						&entered), 0);
		while (!is_waiting(2))
			usleep(100);
		__atomic_store_n(&kicked, 0, __ATOMIC_SEQ_CST);
		gate_leave(&gate, 0);
		gate_want(&gate);
		pthread_join(thread, NULL);
		assert_int_equal(gate.inside, 2);
		assert_int_equal(kicked, 2);
		gate_leave(&gate, 1);
		assert_int_equal(acts, 2 * i + 2);
	}
	assert_int_equal(inside_at_act, 0);
}

/* How long each has been inside, and the longest wait */
static void times(void **state)
{
	bool entered = false;
	pthread_t thread;

	(void)state;
	assert_int_equal(gate_inside_ms(&gate, 0), -1);
	gate_enter(&gate, 0);
	usleep(10000);
	assert_true(gate_inside_ms(&gate, 0) >= 9);
	assert_int_equal(gate_inside_ms(&gate, 1), -1);
	assert_int_equal(gate.longest_wait, 0);
	gate_want(&gate);
	assert_int_equal(pthread_create(&thread, NULL, enters, &entered), 0);
	while (!is_waiting(2))
		usleep(100);
	usleep(10000);
	gate_leave(&gate, 0);
	pthread_join(thread, NULL);
	assert_int_equal(gate_inside_ms(&gate, 0), -1);
	assert_true(gate_inside_ms(&gate, 1) >= 0);
	assert_true(gate.longest_wait >= 9);
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
		cmocka_unit_test_setup(takes_turns, setup),
		cmocka_unit_test_setup(turn_alone, setup),
		cmocka_unit_test_setup(times, setup),
		cmocka_unit_test_setup(many, setup),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
