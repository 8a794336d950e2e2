/* SPDX-License-Identifier: GPL-2.0-only */
/* Little-endian numbers at any address, as guests and firmware store them. */
#ifndef HVHOST_BYTES_H
#define HVHOST_BYTES_H

#include "core/types.h"

/* Store the lowest @size bytes of @value, 8 at most. */
static inline void put_le(u8 *p, u64 value, unsigned int size)
{
	for (; size; size--, value >>= 8)
		*p++ = (u8)value;
}

/* Load @size bytes, 8 at most. */
static inline u64 get_le(const u8 *p, unsigned int size)
{
	u64 value = 0;

	while (size--)
		value = value << 8 | p[size];
	return value;
}

static inline void put_le16(u8 *p, u32 value)
{
	put_le(p, value, 2);
}

static inline void put_le32(u8 *p, u32 value)
{
	put_le(p, value, 4);
}

static inline void put_le64(u8 *p, u64 value)
{
	put_le(p, value, 8);
}

static inline u16 get_le16(const u8 *p)
{
	return (u16)get_le(p, 2);
}

static inline u32 get_le32(const u8 *p)
{
	return (u32)get_le(p, 4);
}

static inline u64 get_le64(const u8 *p)
{
	return get_le(p, 8);
}

#endif
