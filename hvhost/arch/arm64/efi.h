/* SPDX-License-Identifier: GPL-2.0-only */
/* EFI as an arm64 kernel finds it when its stub has run. Pure. */
#ifndef HVHOST_ARM64_EFI_H
#define HVHOST_ARM64_EFI_H

#include "arch/efitables.h"
#include "core/layout.h"
#include "core/mem.h"

/* e03fc20a-85dc-406e-b90e-4ab502371d95, Linux' own */
#define EFI_DISPLAY_GUID	((struct guid) { {		\
	0x0a, 0xc2, 0x3f, 0xe0, 0xdc, 0x85, 0x6e, 0x40,		\
	0xb9, 0x0e, 0x4a, 0xb5, 0x02, 0x37, 0x1d, 0x95 } })

/* What of it is in the devicetree */
struct efi64 {
	u64 systab, map;
	u32 map_size;
};

int efi64_make_map(const struct layout *layout, struct efi_desc *map, int max);
int efi64_write(const struct mem *mem, const struct layout *layout,
		bool tell_screen, struct efi64 *efi);

#endif
