/* SPDX-License-Identifier: GPL-2.0-only */
/* EFI's tables as a running Linux reads them, of whatever architecture. Pure. */
#ifndef HVHOST_EFITABLES_H
#define HVHOST_EFITABLES_H

#include "core/layout.h"
#include "core/types.h"

#define EFI_LOADER_DATA		2
#define EFI_RUNTIME_CODE	5
#define EFI_RUNTIME_DATA	6
#define EFI_CONVENTIONAL	7
#define EFI_ACPI_RECLAIM	9
#define EFI_WB			0x8ull
#define EFI_RUNTIME		(1ull << 63)

/* A memory descriptor as we write it: 48 bytes, as real firmware does. */
struct efi_desc {
	u32 type;
	u32 pad;
	u64 gpa;
	u64 virt;
	u64 pages;
	u64 attribute;
	u64 pad2;
};

struct efi_header {
	u64 signature;
	u32 revision;
	u32 size;
	u32 crc;
	u32 reserved;
};

struct efi_systab {
	struct efi_header h;
	u64 vendor;
	u32 vendor_revision;
	u32 pad;
	u64 con_in_handle, con_in, con_out_handle, con_out;
	u64 err_handle, err;
	u64 runtime;
	u64 boot;
	u64 table_count;
	u64 tables;
};

struct efi_config {
	struct guid guid;
	u64 table;
};

/* 8868e871-e4f1-11d3-bc22-0080c73c8881 */
#define EFI_ACPI_20_GUID	((struct guid) { {		\
	0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,		\
	0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 } })

/* The vendor's name with the zero at its end, and some more */
#define EFI_VENDOR_CHARS	16

struct efi_map {
	struct efi_desc *map;
	int count, max;		/* count goes on when the map is full */
};

void efi_add(struct efi_map *m, u64 start, u64 end, u32 type, u64 attribute);
void efi_add_ram(struct efi_map *m, const struct layout *layout);
void efi_set_header(struct efi_header *h, u64 signature, u32 size);
void efi_set_systab(struct efi_systab *systab, u64 count, u64 tables,
		    u64 vendor);
void efi_set_vendor(u16 *vendor);

#endif
