// SPDX-License-Identifier: GPL-2.0-only
/* ACPI tables in the guest's RAM, of whatever architecture. Pure. */
#include <errno.h>
#include <string.h>

#include "arch/tables.h"

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 ext_checksum;
	u8 reserved[3];
} __packed;

_Static_assert(sizeof(struct fadt) == 276, "FADT revision 6");
_Static_assert(sizeof(struct rsdp) == 36, "RSDP");

/**
 * acpi_set_header() - Fill in a table's header, but for its checksum.
 * @h:		The header
 * @signature:	Four characters
 * @revision:	Of the table
 * @length:	Of the table
 */
void acpi_set_header(struct acpi_header *h, const char *signature,
		     u8 revision, u32 length)
{
	memcpy(h->signature, signature, 4);
	h->length = length;
	h->revision = revision;
	memcpy(h->oem_id, "HVHOST", 6);
	memcpy(h->oem_table_id, "HVHOST  ", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "HVHT", 4);
	h->creator_revision = 1;
}

/**
 * acpi_sum() - Add up bytes; a good table's are 0.
 * @p:		The bytes
 * @len:	How many
 *
 * Return: the sum's low byte.
 */
u8 acpi_sum(const void *p, size_t len)
{
	const u8 *b = p;
	u8 s = 0;

	while (len--)
		s += *b++;
	return s;
}

/**
 * acpi_begin() - Clear the place for tables, and leave room for the RSDP.
 * @t:		->base, ->gpa and ->size are set
 */
void acpi_begin(struct acpi_tables *t)
{
	memset(t->base, 0, t->size);
	t->used = sizeof(struct rsdp);
}

/**
 * acpi_table() - Make room for a table.
 * @t:		The tables
 * @size:	Bytes
 * @gpa:	Set to its GPA
 *
 * Return: it, cleared, or NULL if there is no room.
 */
void *acpi_table(struct acpi_tables *t, u32 size, u64 *gpa)
{
	u32 start = (t->used + 63) & ~63u;

	if (start > t->size || size > t->size - start)
		return NULL;
	*gpa = t->gpa + start;
	t->used = start + size;
	return t->base + start;
}

/**
 * acpi_copy() - Add a table that is complete.
 * @t:		The tables
 * @table:	The table
 * @size:	Bytes
 *
 * Return: its GPA, or 0 if there is no room.
 */
u64 acpi_copy(struct acpi_tables *t, const void *table, u32 size)
{
	u64 gpa;
	void *p = acpi_table(t, size, &gpa);

	if (!p)
		return 0;
	memcpy(p, table, size);
	return gpa;
}

/**
 * acpi_end() - Write the XSDT and the RSDP.
 * @t:		The tables
 * @entry:	GPAs of those that the XSDT has; 0: there was no room
 * @count:	How many
 *
 * Return: 0, or -ENOSPC if one of them did not fit.
 */
int acpi_end(struct acpi_tables *t, const u64 *entry, u32 count)
{
	u32 length = sizeof(struct acpi_header) + count * sizeof(*entry), i;
	struct rsdp *rsdp = (void *)t->base;
	struct acpi_header *xsdt;
	u64 gpa;

	xsdt = acpi_table(t, length, &gpa);
	for (i = 0; i < count; i++)
		if (!entry[i])
			return -ENOSPC;
	if (!xsdt)
		return -ENOSPC;
	acpi_set_header(xsdt, "XSDT", 1, length);
	memcpy(xsdt + 1, entry, count * sizeof(*entry));
	xsdt->checksum = -acpi_sum(xsdt, length);

	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "HVHOST", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = gpa;
	rsdp->checksum = -acpi_sum(rsdp, 20);	/* the part of ACPI 1.0 */
	rsdp->ext_checksum = -acpi_sum(rsdp, sizeof(*rsdp));
	return 0;
}
