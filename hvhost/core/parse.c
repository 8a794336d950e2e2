// SPDX-License-Identifier: GPL-2.0-only
/* Values on the command line. */
#include <string.h>

#include "core/parse.h"

/**
 * parse_u64() - A number, without sign or blanks.
 * @s:		Text that begins with it; 0x may precede one of base 16
 * @base:	10 or 16
 * @end:	Set to what follows it
 * @value:	Set to it
 *
 * Return: false if there is none, or it is beyond u64.
 */
bool parse_u64(const char *s, u32 base, const char **end, u64 *value)
{
	static const char digits[] = "0123456789abcdef";
	const char *first, *d;

	if (base == 16 && s[0] == '0' && (s[1] | 0x20) == 'x')
		s += 2;
	*value = 0;
	for (first = s; *s; s++) {
		d = memchr(digits, *s >= 'A' && *s <= 'F' ? *s | 0x20 : *s,
			   base);
		if (!d)
			break;
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, d - digits, value))
			return false;
	}
	*end = s;
	return s != first;
}

/**
 * parse_number() - A decimal number and nothing else.
 * @s:		Text
 * @min:	The least that it can be
 * @max:	The most that it can be
 * @value:	Set to it
 *
 * Return: false if @s is not one.
 */
bool parse_number(const char *s, u64 min, u64 max, u64 *value)
{
	const char *end;

	return parse_u64(s, 10, &end, value) && !*end && *value >= min &&
	       *value <= max;
}

/**
 * parse_size() - Bytes, not 0: 4096, 4K, 128M, 128MB, 3G.
 * @s:		Text
 * @value:	Set to the number of bytes
 *
 * Return: false if @s is not a size.
 */
bool parse_size(const char *s, u64 *value)
{
	u64 unit = 1;
	const char *end;

	if (!parse_u64(s, 10, &end, value))
		return false;
	switch (*end) {
	case 'g':
	case 'G':
		unit = GIB;
		break;
	case 'm':
	case 'M':
		unit = MIB;
		break;
	case 'k':
	case 'K':
		unit = KIB;
		break;
	}
	if (unit > 1) {
		end++;
		if (*end == 'b' || *end == 'B')
			end++;
	}
	if (*end || !*value || *value > ~0ull / unit)
		return false;
	*value *= unit;
	return true;
}

/**
 * parse_range_until() - START-END in hexadecimal, and what follows.
 * @s:		Text that begins with it
 * @end:	Set to what follows it
 * @range:	Set to it
 *
 * Return: false if there is none.
 */
bool parse_range_until(const char *s, const char **end, struct range *range)
{
	return parse_u64(s, 16, end, &range->start) && **end == '-' &&
	       parse_u64(*end + 1, 16, end, &range->end);
}

/**
 * parse_range() - START-END in hexadecimal and nothing else.
 * @s:		Text
 * @range:	Set to it; may be empty or inverted
 *
 * Return: false if @s is not one.
 */
bool parse_range(const char *s, struct range *range)
{
	const char *end;

	return parse_range_until(s, &end, range) && !*end;
}

/**
 * parse_pair() - Two decimal numbers with a character between them.
 * @s:		Text
 * @between:	The character
 * @max:	The most that each can be
 * @a:		Set to the first
 * @b:		Set to the second
 *
 * Return: false if @s is not that.
 */
bool parse_pair(const char *s, char between, u32 max, u32 *a, u32 *b)
{
	u64 first, second;
	const char *end;

	if (!parse_u64(s, 10, &end, &first) || *end != between ||
	    !parse_u64(end + 1, 10, &end, &second) || *end ||
	    first > max || second > max)
		return false;
	*a = first;
	*b = second;
	return true;
}

/**
 * parse_choice() - One of two words.
 * @s:		Text
 * @choice:	Both, as "WORD or OTHER"
 * @flag:	Set by the second word, cleared by the first
 *
 * Return: NULL, or @choice if @s is neither, for what was expected.
 */
const char *parse_choice(const char *s, const char *choice, bool *flag)
{
	size_t first = strcspn(choice, " ");

	*flag = !strcmp(s, choice + first + strlen(" or "));
	if (*flag || (strlen(s) == first && !strncmp(s, choice, first)))
		return NULL;
	return choice;
}

/**
 * parse_after() - Skip a prefix.
 * @s:		Text
 * @prefix:	The prefix
 *
 * Return: what follows @prefix, or NULL if @s does not begin with it.
 */
const char *parse_after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) ? NULL : s + len;
}
