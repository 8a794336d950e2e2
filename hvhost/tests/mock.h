/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of VMBus share: a trace that remembers, in place of trace.c, and
 * a guest's RAM. Include it from one file of a program only.
 */
#ifndef HVHOST_TESTS_MOCK_H
#define HVHOST_TESTS_MOCK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/trace.h"

/*
 * Events since mock_reset() as " event key=value ...;", and complaints. "vpci"
 * events, one for each message, are kept apart from those of what came of it.
 */
static char mock_trace[8192];
static char mock_messages[8192];
static char *mock_to = mock_trace;
static char mock_bad_what[64];
static u64 mock_bad_value;
static u32 mock_bad_count;

static inline void mock_reset(void)
{
	mock_trace[0] = 0;
	mock_messages[0] = 0;
	mock_bad_what[0] = 0;
	mock_bad_value = 0;
	mock_bad_count = 0;
}

/* How often the trace has that text */
static inline int mock_count(const char *text)
{
	const char *p = mock_trace;
	int n = 0;

	for (; (p = strstr(p, text)); p++)
		n++;
	return n;
}

__printf(1, 0)
static void mock_add(const char *fmt, const char *a, const char *b, u64 v)
{
	size_t len = strlen(mock_to);

	if (len < sizeof(mock_trace) - 128)
		snprintf(mock_to + len, 128, fmt, a, b, v);
}

int trace_open(const char *path, bool verbose)
{
	(void)path;
	(void)verbose;
	return 0;
}

void trace_close(void)
{
}

void trace_begin(const char *event)
{
	mock_to = strcmp(event, "vpci") ? mock_trace : mock_messages;
	mock_add(" %s%s", event, "", 0);
}

void trace_end(void)
{
	mock_add("%s%s", ";", "", 0);
}

void trace_str(const char *key, const char *value)
{
	mock_add(" %s=%s", key, value, 0);
}

void trace_num(const char *key, s64 value)
{
	mock_add(" %s%s=%lld", key, "", (u64)value);
}

void trace_hex(const char *key, u64 value)
{
	mock_add(" %s%s=%llx", key, "", value);
}

void trace_bool(const char *key, bool value)
{
	mock_add(" %s=%s", key, value ? "true" : "false", 0);
}

void trace_range(const char *key, const struct range *range)
{
	mock_add(" %s%s=%llx", key, "", range->start);
}

void trace_ranges(const char *key, const struct range *range, int count)
{
	(void)range;
	mock_add(" %s%s=%lld", key, "", (u64)count);
}

void trace_guid(const char *key, const struct guid *guid)
{
	(void)guid;
	mock_add(" %s%s", key, "", 0);
}

void trace_bad(const char *who, const char *what, u64 value)
{
	(void)who;
	snprintf(mock_bad_what, sizeof(mock_bad_what), "%s", what);
	mock_bad_value = value;
	mock_bad_count++;
}

/* RAM in two pieces with a hole between, neither at 0 */
#define MOCK_LOW_GPA	0x100000ull
#define MOCK_LOW_SIZE	0x100000ull
#define MOCK_HIGH_GPA	0x100000000ull
#define MOCK_HIGH_SIZE	0x8000ull

static u8 *mock_ram;
static struct mem mock_mem;

static inline void mock_ram_new(void)
{
	mock_ram = aligned_alloc(HV_PAGE_SIZE, MOCK_LOW_SIZE + MOCK_HIGH_SIZE);
	if (!mock_ram)
		abort();
	memset(mock_ram, 0, MOCK_LOW_SIZE + MOCK_HIGH_SIZE);
	mock_mem.count = 0;
	if (mem_add(&mock_mem, MOCK_LOW_GPA, MOCK_LOW_SIZE, mock_ram) ||
	    mem_add(&mock_mem, MOCK_HIGH_GPA, MOCK_HIGH_SIZE,
		    mock_ram + MOCK_LOW_SIZE))
		abort();
}

static inline void mock_ram_free(void)
{
	free(mock_ram);
	mock_ram = NULL;
}

/* For cmocka_unit_test_setup_teardown() */
static inline int mock_setup(void **state)
{
	(void)state;
	mock_ram_new();
	return 0;
}

static inline int mock_teardown(void **state)
{
	(void)state;
	mock_ram_free();
	return 0;
}

#endif
