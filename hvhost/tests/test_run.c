// SPDX-License-Identifier: GPL-2.0-only
/* How a run ends, who is told, and its lock. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/fail.h"
#include "core/run.h"
#include "mock.h"

static struct run run;
static int kicks;
static char out[8192];

static void kick(void *opaque)
{
	assert_ptr_equal(opaque, &run);
	kicks++;
}

static int start(void **state)
{
	(void)state;
	mock_reset();
	kicks = 0;
	run = (struct run) { .kick = kick, .opaque = &run };
	return run_init(&run);
}

static int stop(void **state)
{
	(void)state;
	return close(run.end_fd);
}

static bool end_readable(void)
{
	struct pollfd fd = { .fd = run.end_fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void ends(enum run_end how, const char *why)
{
	const char *got;

	assert_true(run_over(&run));
	assert_true(end_readable());
	assert_int_equal(run_ended(&run, &got), how);
	assert_string_equal(got, why);
	assert_int_equal(kicks, 1);
}

/* The first one counts. */
static void first(void **state)
{
	(void)state;
	assert_false(run_over(&run));
	assert_false(end_readable());
	run_end(&run, RUN_TIMEOUT, "out of time");
	run_end(&run, RUN_HOST_ERROR, "too late");
	ends(RUN_TIMEOUT, "out of time");
	assert_string_equal(mock_trace, "");
}

static void poweroff(void **state)
{
	(void)state;
	run_poweroff(&run, "ACPI S5");
	ends(RUN_POWEROFF, "ACPI S5");
	assert_string_equal(mock_trace, " poweroff cause=ACPI S5;");
}

static void reset(void **state)
{
	(void)state;
	run_reset(&run, "port 0xcf9");
	ends(RUN_RESET, "port 0xcf9");
	assert_string_equal(mock_trace, " reset cause=port 0xcf9;");
}

static void event(void **state)
{
	(void)state;
	run_guest_ends(&run, RUN_RESET, "reset MSR", "it wrote an MSR");
	run_guest_ends(&run, RUN_POWEROFF, "system event", "it asked KVM");
	ends(RUN_RESET, "it wrote an MSR");
	assert_string_equal(mock_trace,
			    " reset cause=reset MSR; poweroff cause=system event;");
}

/* What stderr is told by @fn, into out[] */
static void captured(void (*fn)(void))
{
	FILE *f = tmpfile();
	int saved = dup(2);
	size_t n;

	assert_non_null(f);
	dup2(fileno(f), 2);
	fn();
	dup2(saved, 2);
	close(saved);
	rewind(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = 0;
	fclose(f);
}

static void fail_run(void)
{
	run_fail(&run, -ENOSPC, "%s %d", "poll", 3);
}

static void fails(void **state)
{
	(void)state;
	captured(fail_run);
	assert_string_equal(out, "hvhost: poll 3: No space left on device\n");
	ends(RUN_HOST_ERROR, "poll 3 failed");
}

static char path[4097];

static void fail_path(void)
{
	assert_int_equal(say_failed(-ENOENT, "cannot write '%s'", path), -ENOENT);
}

/* A path as long as can be is not cut off. */
static void path_fails(void **state)
{
	char want[sizeof(path) + 80];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	captured(fail_path);
	snprintf(want, sizeof(want),
		 "hvhost: cannot write '%s': No such file or directory\n", path);
	assert_string_equal(out, want);
}

static void fail_host(void)
{
	assert_int_equal(say_host_failed(-ENOMEM, "GPADL %d", 7), -ENOMEM);
	assert_int_equal(say_host_failed(-ENOSPC, "trace"), -ENOSPC);
}

/* The first one is said and stays. */
static void host_fails(void **state)
{
	(void)state;
	assert_null(host_failure());
	captured(fail_host);
	assert_string_equal(out, "hvhost: GPADL 7: Cannot allocate memory\n");
	assert_string_equal(host_failure(), "GPADL 7");
}

static void refuses(void **state)
{
	char why[32];

	(void)state;
	assert_int_equal(refuse(why, sizeof(why), "%d is more than %d", 17, 16),
			 -EINVAL);
	assert_string_equal(why, "17 is more than 16");
}

static void *other(void *arg)
{
	bool *got = arg;

	*got = run_lock(&run, 20);
	if (*got)
		run_unlock(&run);
	return NULL;
}

static bool other_gets_lock(void)
{
	pthread_t thread;
	bool got;

	assert_int_equal(pthread_create(&thread, NULL, other, &got), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return got;
}

/* Recursive, and no other thread waits for ever. */
static void lock(void **state)
{
	(void)state;
	assert_true(run_lock(&run, 0));
	assert_true(run_lock(&run, 1500));
	assert_false(other_gets_lock());
	run_unlock(&run);
	assert_false(other_gets_lock());
	run_unlock(&run);
	assert_true(other_gets_lock());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first, start, stop),
		cmocka_unit_test_setup_teardown(poweroff, start, stop),
		cmocka_unit_test_setup_teardown(reset, start, stop),
		cmocka_unit_test_setup_teardown(event, start, stop),
		cmocka_unit_test_setup_teardown(fails, start, stop),
		cmocka_unit_test(path_fails),
		cmocka_unit_test(host_fails),
		cmocka_unit_test(refuses),
		cmocka_unit_test_setup_teardown(lock, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
