/* SPDX-License-Identifier: GPL-2.0-only */
/* EFI as Linux can tell; what boot.c and the tests see of it. */
#ifndef HVHOST_X86_EFI_H
#define HVHOST_X86_EFI_H

#include "arch/efitables.h"
#include "arch/machine.h"
#include "core/layout.h"
#include "core/types.h"

struct boot_params;

/* In the lowest MiB: system table, stubs, memory map */
#define EFI_GPA		0x00060000u
#define EFI_SIZE	0x00010000u
/* Within EFI_GPA: one page of runtime code, one of runtime data, the map. */
#define EFI_CODE_GPA	(EFI_GPA + 0x0000)
#define EFI_DATA_GPA	(EFI_GPA + 0x1000)
#define EFI_MAP_GPA	(EFI_GPA + 0x2000)
#define EFI_RUNTIME_SIZE	0x2000

/* Ports that the runtime services' machine code speaks to. */
#define EFI_PORT		0x420
#define EFI_PORT_COUNT		20
#define EFI_PORT_MAP_SIZE	0x0
#define EFI_PORT_DESC_SIZE	0x4
#define EFI_PORT_MAP_LOW	0x8
#define EFI_PORT_MAP_HIGH	0xc
#define EFI_PORT_CALL		0x10
#define EFI_CALL_VIRTUAL	1
#define EFI_CALL_RESET		2	/* its type is in EFI_PORT_MAP_SIZE */

int efi_make_map(const struct layout *layout, struct efi_desc *map, int max);
int efi_setup(struct vm *vm, struct boot_params *bp);
void efi_io(void *opaque, u64 offset, bool write, u64 *value,
	    unsigned int size);

#endif
