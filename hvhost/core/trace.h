/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host did and saw: JSON lines in a file, one object an event, and
 * the same in short on stderr with -v. The events are listed in README.md.
 *
 *	trace_begin("offer");
 *	trace_str("device", "heartbeat");
 *	trace_num("relid", 2);
 *	trace_end();
 *
 * Each thread gathers its own event, and trace_end() writes it as a whole, so an event
 * is one line whichever threads trace. Nothing happens before trace_open().
 */
#ifndef HVHOST_TRACE_H
#define HVHOST_TRACE_H

#include "core/types.h"

int trace_open(const char *path, bool verbose);
void trace_close(void);
void trace_begin(const char *event);
void trace_end(void);
void trace_str(const char *key, const char *value);
void trace_num(const char *key, s64 value);
void trace_hex(const char *key, u64 value);
void trace_bool(const char *key, bool value);
void trace_range(const char *key, const struct range *range);
void trace_ranges(const char *key, const struct range *range, int count);
void trace_guid(const char *key, const struct guid *guid);
void trace_bad(const char *who, const char *what, u64 value);

#endif
