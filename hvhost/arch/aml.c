// SPDX-License-Identifier: GPL-2.0-only
/* AML that depends on options, encoded by hand. Pure. */
#include <errno.h>
#include <string.h>

#include "arch/aml.h"
#include "arch/tables.h"

/**
 * aml_put() - Append a number.
 * @a:		The buffer
 * @value:	The number
 * @bytes:	How many, low ones first
 */
void aml_put(struct aml *a, u64 value, unsigned int bytes)
{
	while (bytes--) {
		if (a->len < a->size)
			a->p[a->len++] = value;
		else
			a->full = true;
		value >>= 8;
	}
}

/**
 * aml_puts() - Append characters, without a zero at the end.
 * @a:		The buffer
 * @s:		The characters
 */
void aml_puts(struct aml *a, const char *s)
{
	while (*s)
		aml_put(a, *s++, 1);
}

/**
 * aml_pkg_length() - Append a PkgLength.
 * @a:		The buffer
 * @bytes:	What is to follow; with its own it has to be less than 4 KiB
 *
 * Two bytes always, the shortest that covers every table of ours.
 */
void aml_pkg_length(struct aml *a, size_t bytes)
{
	bytes += 2;
	if (bytes >= 1u << 12)
		a->full = true;
	aml_put(a, 0x40 | (bytes & 0xf), 1);
	aml_put(a, bytes >> 4, 1);
}

/**
 * aml_window() - Append an address space descriptor: a window that its owner hands on.
 * @a:		The buffer
 * @width:	Bytes of an address: 2, 4 or 8
 * @type:	0: memory, 1: I/O, 2: bus numbers
 * @flags:	Of that type
 * @min:	First address
 * @max:	Last address; the length is 0 if it lies below
 */
void aml_window(struct aml *a, unsigned int width, u8 type, u8 flags,
		u64 min, u64 max)
{
	static const u8 tag[] = { [2] = 0x88, [4] = 0x87, [8] = 0x8a };

	aml_put(a, tag[width], 1);
	aml_put(a, 3 + 5 * width, 2);
	aml_put(a, type, 1);
	aml_put(a, 0x0c, 1);		/* producer, both ends fixed */
	aml_put(a, flags, 1);
	aml_put(a, 0, width);		/* granularity */
	aml_put(a, min, width);
	aml_put(a, max, width);
	aml_put(a, 0, width);		/* translation */
	aml_put(a, max < min ? 0 : max - min + 1, width);
}

/**
 * aml_memory() - Append a window of memory, 32 bits wide if both ends are.
 * @a:		The buffer
 * @r:		The window
 */
void aml_memory(struct aml *a, const struct range *r)
{
	unsigned int width = (r->start | r->end) >> 32 ? 8 : 4;

	aml_window(a, width, 0, 1 /* read-write */, r->start, r->end);
}

/**
 * aml_begin_table() - Begin a table with its header.
 * @a:		The buffer, empty
 * @signature:	Four characters
 */
void aml_begin_table(struct aml *a, const char *signature)
{
	struct acpi_header h = { 0 };
	const u8 *b = (const u8 *)&h;
	size_t i;

	acpi_set_header(&h, signature, 2, 0);
	for (i = 0; i < sizeof(h); i++)
		aml_put(a, b[i], 1);
}

/**
 * aml_scope_crs() - Append Scope (\_SB.DEVICE) { Name (_CRS, Buffer) }.
 * @a:		The buffer
 * @device:	The device's four characters
 * @crs:	What is in the buffer that is _CRS
 */
void aml_scope_crs(struct aml *a, const char *device, const struct aml *crs)
{
	/* BufferOp's insides: PkgLength, WordPrefix and size, the bytes */
	size_t buffer = 3 + crs->len, i;

	aml_put(a, 0x10, 1);			/* Scope */
	aml_pkg_length(a, 10 + 1 + 4 + 1 + 2 + buffer);
	aml_puts(a, "\\");
	aml_put(a, 0x2e, 1);			/* two names follow */
	aml_puts(a, "_SB_");
	aml_puts(a, device);
	aml_put(a, 0x08, 1);			/* Name */
	aml_puts(a, "_CRS");
	aml_put(a, 0x11, 1);			/* Buffer */
	aml_pkg_length(a, buffer);
	aml_put(a, 0x0b, 1);			/* a word: */
	aml_put(a, crs->len, 2);
	for (i = 0; i < crs->len; i++)
		aml_put(a, crs->p[i], 1);
}

/**
 * aml_end_table() - Fill in the table's length and checksum.
 * @a:		The buffer
 *
 * Return: length of the table, or -ENOSPC if something did not fit.
 */
int aml_end_table(struct aml *a)
{
	struct acpi_header *h = (void *)a->p;

	if (a->full || a->len < sizeof(*h))
		return -ENOSPC;
	h->length = a->len;
	h->checksum = -acpi_sum(a->p, a->len);
	return a->len;
}
