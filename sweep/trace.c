// SPDX-License-Identifier: GPL-2.0-only
/* hvhost traces conflicts. The sweep has millions, and counts them itself. */
#include "core/trace.h"

void trace_begin(const char *event)
{
	(void)event;
}

void trace_end(void)
{
}

void trace_str(const char *key, const char *value)
{
	(void)key;
	(void)value;
}

void trace_num(const char *key, s64 value)
{
	(void)key;
	(void)value;
}

void trace_range(const char *key, const struct range *range)
{
	(void)key;
	(void)range;
}
