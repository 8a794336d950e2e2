// SPDX-License-Identifier: GPL-2.0-only
/*
 * EFI as an arm64 kernel finds it when its stub has run: system table, memory map,
 * configuration tables. There are no runtime services, and no virtual addresses for
 * them: Linux takes that for firmware whose stub left them out, and goes on without.
 */
#include <errno.h>
#include <string.h>

#include "arch/arm64/efi.h"
#include "arch/arm64/map.h"
#include "arch/gop.h"

#define MAX_DESCRIPTORS	16

/* The stub's mark on what runtime services use, when it has made no virtual map */
#define NO_VIRTUAL	(~0ull)

/* What the kernel and those that it starts by kexec read */
struct efi64_data {
	struct efi_systab systab;
	struct efi_config config[2];
	u16 vendor[EFI_VENDOR_CHARS];
};

/**
 * efi64_make_map() - Make the memory map.
 * @layout:	RAM counts
 * @map:	Where to
 * @max:	Descriptors there
 *
 * Return: number of descriptors, or -ENOSPC.
 */
int efi64_make_map(const struct layout *layout, struct efi_desc *map, int max)
{
	struct efi_map m = { .map = map, .max = max };

	efi_add(&m, 0, EFI_GPA, EFI_CONVENTIONAL, 0);
	efi_add(&m, EFI_GPA, EFI_GPA + BLOCK_SIZE, EFI_RUNTIME_DATA,
		EFI_RUNTIME);
	if (m.max > 1)
		map[1].virt = NO_VIRTUAL;
	efi_add(&m, ACPI_GPA, ACPI_GPA + BLOCK_SIZE, EFI_ACPI_RECLAIM, 0);
	efi_add(&m, EFI_MAP_GPA, EFI_MAP_GPA + BLOCK_SIZE, EFI_LOADER_DATA, 0);
	efi_add_ram(&m, layout);
	return m.count > max ? -ENOSPC : m.count;
}

/**
 * efi64_write() - Write EFI's tables into guest RAM.
 * @mem:	The guest's RAM
 * @layout:	RAM and firmware's framebuffer count
 * @tell_screen: Whether firmware tells of a framebuffer. A kernel clears that table
 *		once it has read it, so one that it starts by kexec is not told.
 * @efi:	Set to where they are
 *
 * Return: 0, -EFAULT without RAM there, -ENOSPC.
 */
int efi64_write(const struct mem *mem, const struct layout *layout,
		bool tell_screen, struct efi64 *efi)
{
	struct efi64_data *d = mem_at(mem, EFI_GPA, BLOCK_SIZE);
	struct efi_desc *map = mem_at(mem, EFI_MAP_GPA, BLOCK_SIZE);
	u8 *display = mem_at(mem, DISPLAY_GPA, DISPLAY_SIZE);
	struct screen_info si;
	int tables = 0, n;

	if (!d || !map || !display)
		return -EFAULT;
	memset(d, 0, BLOCK_SIZE);
	memset(map, 0, BLOCK_SIZE);
	memset(display, 0, DISPLAY_SIZE);
	d->config[tables++] = (struct efi_config) {
		EFI_ACPI_20_GUID, ACPI_GPA
	};
	if (tell_screen) {
		gop_describe(layout, &si);
		memcpy(display, &si, sizeof(si));
		d->config[tables++] = (struct efi_config) {
			EFI_DISPLAY_GUID, DISPLAY_GPA
		};
	}
	efi_set_systab(&d->systab, tables,
		       EFI_GPA + offsetof(struct efi64_data, config),
		       EFI_GPA + offsetof(struct efi64_data, vendor));
	efi_set_vendor(d->vendor);
	n = efi64_make_map(layout, map, MAX_DESCRIPTORS);
	if (n < 0)
		return n;
	*efi = (struct efi64) {
		.systab = EFI_GPA + offsetof(struct efi64_data, systab),
		.map = EFI_MAP_GPA,
		.map_size = n * sizeof(*map),
	};
	return 0;
}
