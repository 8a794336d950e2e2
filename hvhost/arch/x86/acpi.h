/* SPDX-License-Identifier: GPL-2.0-only */
/* ACPI tables and the registers they tell of; what the tests see of them. */
#ifndef HVHOST_X86_ACPI_H
#define HVHOST_X86_ACPI_H

#include "arch/machine.h"
#include "arch/tables.h"
#include "core/layout.h"
#include "core/types.h"

/* PM1 events, PM1 control, PM timer and the reset register. */
#define ACPI_PM_PORT	0x400
#define ACPI_PM_COUNT	0x10
#define ACPI_PM1_STS	0x0
#define ACPI_PM1_EN	0x2
#define ACPI_PM1_CNT	0x4
#define ACPI_PM_TMR	0x8
#define ACPI_RESET	0xc
#define ACPI_RESET_VALUE	6
#define ACPI_SCI	9
#define ACPI_S5_TYPE	5

/* Tables, RSDP first; who has no EFI finds it here. */
#define ACPI_GPA	0x000e0000u
#define ACPI_SIZE	0x00010000u

int acpi_make_ssdt(const struct layout *layout, u8 *buf, size_t size);
void acpi_pm_io(void *opaque, u64 offset, bool write, u64 *value,
		unsigned int size);
int acpi_write_tables(struct vm *vm);
int acpi_init(struct vm *vm);		/* PM registers, reset register */

#endif
