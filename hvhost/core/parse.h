/* SPDX-License-Identifier: GPL-2.0-only */
/* Values on the command line: numbers, sizes, ranges, words. Pure. */
#ifndef HVHOST_PARSE_H
#define HVHOST_PARSE_H

#include "core/types.h"

bool parse_u64(const char *s, u32 base, const char **end, u64 *value);
bool parse_number(const char *s, u64 min, u64 max, u64 *value);
bool parse_size(const char *s, u64 *value);
bool parse_range_until(const char *s, const char **end, struct range *range);
bool parse_range(const char *s, struct range *range);
bool parse_pair(const char *s, char between, u32 max, u32 *a, u32 *b);
const char *parse_choice(const char *s, const char *choice, bool *flag);
const char *parse_after(const char *s, const char *prefix);

#endif
