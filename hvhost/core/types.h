/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's integer types and the few helpers that every file wants. */
#ifndef HVHOST_TYPES_H
#define HVHOST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define __packed	__attribute__((packed))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

#define KIB	1024ull
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)

#define HV_PAGE_SIZE	4096u

/* A range of guest physical addresses; both ends belong to it. */
struct range {
	u64 start;
	u64 end;
};

/* A GUID as its 16 bytes are stored in messages (first three fields LE). */
struct guid {
	u8 b[16];
};

#endif
