// SPDX-License-Identifier: GPL-2.0-only
/* EFI's tables as a running Linux reads them, of whatever architecture. Pure. */
#include "arch/efitables.h"

_Static_assert(sizeof(struct efi_desc) == 48, "as real firmware");

/**
 * efi_add() - Add a range to the memory map.
 * @m:		The map
 * @start:	First byte, of a page
 * @end:	Behind its last page
 * @type:	EFI_CONVENTIONAL and so on
 * @attribute:	Beyond EFI_WB
 */
void efi_add(struct efi_map *m, u64 start, u64 end, u32 type, u64 attribute)
{
	if (m->count < m->max)
		m->map[m->count] = (struct efi_desc) {
			.type = type,
			.gpa = start,
			.pages = (end - start) >> 12,
			.attribute = EFI_WB | attribute,
		};
	m->count++;
}

/**
 * efi_add_ram() - Add all RAM from 1 MiB on to the memory map.
 * @m:		The map, which has what is below 1 MiB
 * @layout:	RAM counts
 */
void efi_add_ram(struct efi_map *m, const struct layout *layout)
{
	int i;

	for (i = 0; i < layout->ram_count; i++) {
		u64 start = layout->ram[i].start;

		if (start < MIB)
			start = MIB;
		if (layout->ram[i].end > start)
			efi_add(m, start, layout->ram[i].end + 1,
				EFI_CONVENTIONAL, 0);
	}
}

/**
 * efi_set_header() - Fill in a table's header; nobody looks at the checksum.
 * @h:		The header
 * @signature:	Eight characters
 * @size:	Of the table
 */
void efi_set_header(struct efi_header *h, u64 signature, u32 size)
{
	h->signature = signature;
	h->revision = 2 << 16 | 70;
	h->size = size;
}

/**
 * efi_set_systab() - Fill in a system table without services.
 * @systab:	The table, zero
 * @count:	How many configuration tables there are
 * @tables:	GPA of the array of them
 * @vendor:	GPA of what efi_set_vendor() writes
 */
void efi_set_systab(struct efi_systab *systab, u64 count, u64 tables,
		    u64 vendor)
{
	efi_set_header(&systab->h, 0x5453595320494249ull /* IBI SYST */,
		       sizeof(*systab));
	systab->vendor = vendor;
	systab->vendor_revision = 1 << 16;
	systab->table_count = count;
	systab->tables = tables;
}

/**
 * efi_set_vendor() - Write the vendor's name.
 * @vendor:	EFI_VENDOR_CHARS characters
 */
void efi_set_vendor(u16 *vendor)
{
	static const char name[EFI_VENDOR_CHARS] = "Microsoft";
	int i;

	for (i = 0; i < EFI_VENDOR_CHARS; i++)
		vendor[i] = name[i];
}
