// SPDX-License-Identifier: GPL-2.0-only
/* What is in the file, byte by byte. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/trace.h"

#define TEMPLATE	"/tmp/test_trace.XXXXXX"

static char path[sizeof(TEMPLATE)];
static char text[1 << 20];

static int setup(void **state)
{
	int fd;

	(void)state;
	memcpy(path, TEMPLATE, sizeof(path));
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	trace_close();
	return unlink(path);
}

static size_t slurp(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	return n;
}

/* The one line of the file, without {"t":0.123456, */
static const char *line(void)
{
	char *end;
	double t;

	trace_close();
	slurp(path);
	assert_memory_equal(text, "{\"t\":", 5);
	t = strtod(text + 5, &end);
	assert_true(t >= 0 && t < 60);
	assert_int_equal(*end, ',');
	assert_int_equal(end - strchr(text, '.'), 7);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	return end + 1;
}

static void begin(void)
{
	assert_int_equal(trace_open(path, false), 0);
	trace_begin("e");
}

static void kinds(void **state)
{
	const struct range r[] = { { 0xf8000000, 0xfed3ffff },
				   { 0x100000000, 0xffffffff } };
	const struct range none = { 0, 0 };
	const struct guid guid = { {
		0x57, 0x16, 0x4f, 0x39, 0x15, 0x91, 0x78, 0x4e,
		0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d } };

	(void)state;
	begin();
	trace_str("s", "heartbeat");
	trace_str("empty", "");
	trace_str("none", NULL);
	trace_num("n", -5);
	trace_num("min", -9223372036854775807ll - 1);
	trace_hex("h", ~0ull);
	trace_bool("b", true);
	trace_bool("c", false);
	trace_range("r", &r[0]);
	trace_range("inverted", &r[1]);
	trace_range("no", &none);
	trace_ranges("rs", r, 2);
	trace_ranges("rs0", r, 0);
	trace_guid("g", &guid);
	trace_end();
	assert_string_equal(line(),
			    "\"event\":\"e\",\"s\":\"heartbeat\",\"empty\":\"\",\"none\":null,\"n\":-5,\"min\":-9223372036854775808,\"h\":\"0xffffffffffffffff\",\"b\":true,\"c\":false,\"r\":\"0xf8000000-0xfed3ffff\",\"inverted\":\"0x100000000-0xffffffff\",\"no\":null,\"rs\":[\"0xf8000000-0xfed3ffff\",\"0x100000000-0xffffffff\"],\"rs0\":[],\"g\":\"394f1657-9115-4e78-ab55-382f3bd5422d\"}\n");
}

static void bad(void **state)
{
	(void)state;
	assert_int_equal(trace_open(path, false), 0);
	trace_bad("ring", "write index", 0xffffffff);
	assert_string_equal(line(),
			    "\"event\":\"bad\",\"who\":\"ring\",\"what\":\"write index\",\"value\":\"0xffffffff\"}\n");
}

/* Every byte there is, and what UTF-8 forbids */
static void escapes(void **state)
{
	static const struct {
		const char *bytes, *json;
	} want[] = {
		{ "\"\\/", "\\\"\\\\/" },
		{ "\n\r\t\1\x1b[0m\x7f", "\\n\\u000d\\u0009\\u0001\\u001b[0m\\u007f" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "\\u0080\\u009f\xc2\xa0" },
		/* alone, overlong, surrogate, too large, cut off */
		{ "a\x80z", "a\\ufffdz" },
		{ "\xff\xfe", "\\ufffd\\ufffd" },
		{ "\xc0\x80", "\\ufffd\\ufffd" },
		{ "\xc1\xbf", "\\ufffd\\ufffd" },
		{ "\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd" },
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },
		{ "\xed\x9f\xbf", "\xed\x9f\xbf" },
		{ "\xf0\x8f\xbf\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xe2\x82", "\\ufffd\\ufffd" },
		{ "\xe2\x82 ", "\\ufffd\\ufffd " },
		{ "\xf0\x9f\x98", "\\ufffd\\ufffd\\ufffd" },
	};
	unsigned int i;
	char json[200];

	(void)state;
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		begin();
		trace_str("s", want[i].bytes);
		trace_end();
		snprintf(json, sizeof(json), "\"event\":\"e\",\"s\":\"%s\"}\n",
			 want[i].json);
		assert_string_equal(line(), json);
	}
}

/* Cut at a character, and said; the line stays JSON. */
static void long_string(void **state)
{
	static const char *const fill[] = { "x", "\xe2\x82\xac", "\xff" };
	static char s[9000];
	unsigned int i, k;

	(void)state;
	for (k = 0; k < 3; k++) {
		const char *l;
		size_t step = strlen(fill[k]);

		for (i = 0; i + step < sizeof(s); i += step)
			memcpy(s + i, fill[k], step);
		s[i] = 0;
		begin();
		trace_str("s", s);
		trace_num("n", 1);
		trace_end();
		l = line();
		assert_true(strlen(l) < 4096);
		assert_non_null(strstr(l, "\\u2026\",\"n\":1,\"cut\":true}\n"));
		l = strstr(l, "\\u2026") - (k == 2 ? 6 : step);
		assert_memory_equal(l, k == 2 ? "\\ufffd" : fill[k],
				    k == 2 ? 6 : step);
	}
}

/* Members that do not fit are left out whole, those after may fit. */
static void long_line(void **state)
{
	static const struct range r[200];
	static char s[1500];
	const char *l;
	int i;

	(void)state;
	memset(s, 'y', sizeof(s) - 1);
	begin();
	for (i = 0; i < 5; i++)
		trace_str("s", s);
	trace_ranges("many", r, 200);
	trace_num("last", 7);
	trace_end();
	l = line();
	assert_true(strlen(text) <= 4096);
	assert_null(strstr(l, "many"));
	assert_non_null(strstr(l, "yy\",\"last\":7,\"cut\":true}\n"));
	begin();
	trace_ranges("many", r, 200);
	trace_end();
	l = line();
	assert_true(strlen(text) <= 4096);
}

/* Before trace_open() and after trace_close() nothing happens. */
static void closed(void **state)
{
	(void)state;
	trace_close();
	trace_begin("e");
	trace_num("n", 1);
	trace_end();
	trace_bad("a", "b", 1);
	begin();
	trace_close();
	trace_num("n", 1);
	trace_end();
	assert_int_equal(slurp(path), 0);
	assert_int_equal(trace_open(NULL, false), 0);
	trace_begin("e");
	trace_end();
}

/* An event that was not ended ends when the next begins. */
static void nested(void **state)
{
	(void)state;
	begin();
	trace_num("n", 1);
	trace_begin("f");
	trace_end();
	trace_end();
	trace_num("n", 2);
	trace_close();
	slurp(path);
	assert_non_null(strstr(text, "\"event\":\"e\",\"n\":1}\n"));
	assert_non_null(strstr(text, "\"event\":\"f\"}\n"));
	assert_null(strstr(text, "\"n\":2"));
}

/* What a child says on stderr, and how it ends. */
static int child(void (*fn)(void))
{
	int fd[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(fd[1], 2);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while ((got = read(fd[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += got;
	text[n] = 0;
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int lines(const char *s, const char *what)
{
	int n = 0;

	while ((s = strstr(s, what))) {
		s += strlen(what);
		n++;
	}
	return n;
}

static void events(int count)
{
	while (count--) {
		trace_begin("e");
		trace_str("s", "some text of some length");
		trace_num("n", count);
		trace_end();
	}
}

static void killed_child(void)
{
	trace_open(path, false);
	events(1000);
	kill(getpid(), SIGKILL);
}

/* A host that is killed leaves whole lines, and all of them. */
static void killed(void **state)
{
	(void)state;
	assert_true(WIFSIGNALED(child(killed_child)));
	slurp(path);
	assert_int_equal(lines(text, "\n"), 1000);
	assert_non_null(strstr(text, "\"n\":0}\n"));
}

static void full_child(void)
{
	trace_open("/dev/full", true);
	events(5);
	trace_close();
}

/* One error, and stderr still gets its summary. */
static void full(void **state)
{
	(void)state;
	assert_int_equal(child(full_child), 0);
	assert_int_equal(lines(text, "/dev/full"), 1);
	assert_int_equal(lines(text, "No space left"), 1);
	assert_int_equal(lines(text, "e s="), 5);
}

static void short_child(void)
{
	struct rlimit limit = { 1000, 1000 };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	trace_open(path, false);
	events(100);
	trace_close();
}

/* Full in the middle of a line: that line goes, those before stay. */
static void short_write(void **state)
{
	(void)state;
	assert_int_equal(child(short_child), 0);
	assert_int_equal(lines(text, "cannot write trace"), 1);
	slurp(path);
	assert_true(strlen(text) > 800 && strlen(text) < 1000);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void the_end(void)
{
	trace_begin("end");
	trace_str("how", "timeout");
	trace_end();
	trace_close();
}

static void flood_child(void)
{
	trace_open(path, false);
	events(300000);
	the_end();
}

static void flood_verbose_child(void)
{
	int fd = dup(STDERR_FILENO);

	/* With nobody who reads it, but the last word of it */
	freopen("/dev/null", "w", stderr);
	trace_open(NULL, true);
	events(300000);
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	events(10);
	the_end();
}

/* What stderr gets ends where the file would. */
static void flood_verbose(void **state)
{
	(void)state;
	assert_int_equal(child(flood_verbose_child), 0);
	assert_int_equal(lines(text, "\n"), 1);
	assert_int_equal(lines(text, "] end how=timeout"), 1);
}

/* A guest cannot fill the disk. */
static void flood(void **state)
{
	char end[4096];
	FILE *f;

	(void)state;
	assert_int_equal(child(flood_child), 0);
	assert_int_equal(lines(text, "it has 16 MiB"), 1);
	f = fopen(path, "r");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	assert_true(ftell(f) <= 16 << 20 && ftell(f) > 15 << 20);
	fseek(f, -60, SEEK_END);
	end[fread(end, 1, sizeof(end) - 1, f)] = 0;
	assert_non_null(strstr(end, "\"event\":\"end\",\"how\":\"timeout\"}\n"));
	fclose(f);
}

static void nowhere_child(void)
{
	if (!trace_open("/nonexistent/trace", false))
		_exit(1);
}

static void nowhere(void **state)
{
	(void)state;
	assert_int_equal(child(nowhere_child), 0);
	assert_string_equal(text, "hvhost: cannot write trace '/nonexistent/trace': No such file or directory\n");
}

static void verbose_child(void)
{
	trace_open(NULL, true);
	trace_begin("offer");
	trace_str("device", "heartbeat");
	trace_str("text", "a b\x1b");
	trace_num("relid", 2);
	trace_end();
}

/* For people, but nothing that a terminal would act on */
static void verbose(void **state)
{
	(void)state;
	assert_int_equal(child(verbose_child), 0);
	assert_non_null(strstr(text, "] offer device=heartbeat text=\"a b\\u001b\" relid=2\n"));
	assert_int_equal(text[0], '[');
}

static void *thread(void *arg)
{
	(void)arg;
	events(1000);
	return NULL;
}

/* Lines of threads do not mix, and their times never go back. */
static void threads(void **state)
{
	pthread_t t[4];
	static const char want[] =
		",\"event\":\"e\",\"s\":\"some text of some length\",\"n\":";
	double last = 0, now;
	char *s;
	int i;

	(void)state;
	assert_int_equal(trace_open(path, false), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, thread, NULL), 0);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	trace_close();
	slurp(path);
	for (i = 0, s = text; *s; i++) {
		assert_memory_equal(s, "{\"t\":", 5);
		now = strtod(s + 5, &s);
		assert_true(now >= last);
		last = now;
		assert_memory_equal(s, want, sizeof(want) - 1);
		assert_true(strtol(s + sizeof(want) - 1, &s, 10) < 1000);
		assert_memory_equal(s, "}\n", 2);
		s += 2;
	}
	assert_int_equal(i, 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(bad),
		cmocka_unit_test(escapes),
		cmocka_unit_test(long_string),
		cmocka_unit_test(long_line),
		cmocka_unit_test(closed),
		cmocka_unit_test(nested),
		cmocka_unit_test(killed),
		cmocka_unit_test(full),
		cmocka_unit_test(short_write),
		cmocka_unit_test(flood),
		cmocka_unit_test(nowhere),
		cmocka_unit_test(verbose),
		cmocka_unit_test(flood_verbose),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests_name("trace", tests, setup, teardown);
}
