/* SPDX-License-Identifier: GPL-2.0-only */
/* ACPI on arm64: hardware-reduced, GICv3, PSCI. Pure. */
#ifndef HVHOST_ARM64_ACPI_H
#define HVHOST_ARM64_ACPI_H

#include "arch/tables.h"
#include "core/layout.h"

int acpi64_make_ssdt(const struct layout *layout, u32 cpus, u8 *buf,
		     size_t size);
int acpi64_write(struct acpi_tables *t, const struct layout *layout, u32 cpus);

#endif
