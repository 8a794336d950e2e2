/* SPDX-License-Identifier: GPL-2.0-only */
/* GUIDs. Their first three fields are little-endian. */
#ifndef HVHOST_GUID_H
#define HVHOST_GUID_H

#include <string.h>

#include "core/bytes.h"
#include "core/types.h"

/* The five numbers as people write them: the last has 48 bits. */
static inline struct guid guid_make(u32 a, u16 b, u16 c, u16 d, u64 e)
{
	struct guid guid;
	int i;

	put_le32(guid.b, a);
	put_le16(guid.b + 4, b);
	put_le16(guid.b + 6, c);
	guid.b[8] = d >> 8;
	guid.b[9] = (u8)d;
	for (i = 0; i < 6; i++)
		guid.b[10 + i] = (u8)(e >> (40 - 8 * i));
	return guid;
}

static inline bool guid_equal(const struct guid *a, const struct guid *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* By field, as numbers. Return: below 0, 0 or above 0, as memcmp(). */
static inline int guid_compare(const struct guid *a, const struct guid *b)
{
	static const u8 order[sizeof(a->b)] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		if (a->b[order[i]] != b->b[order[i]])
			return a->b[order[i]] - b->b[order[i]];
	return 0;
}

#endif
