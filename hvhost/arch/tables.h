/* SPDX-License-Identifier: GPL-2.0-only */
/* ACPI tables in the guest's RAM, of whatever architecture. Pure. */
#ifndef HVHOST_TABLES_H
#define HVHOST_TABLES_H

#include "core/types.h"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;

/* Generic address structure. */
struct gas {
	u8 space;		/* 1: I/O ports */
	u8 bits;
	u8 offset;
	u8 access;		/* 1: byte, 2: word, 3: dword */
	u64 address;
} __packed;

struct fadt {
	struct acpi_header h;
	u32 facs, dsdt;
	u8 model, profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr;
	u32 gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	u16 c2_lat, c3_lat, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, mon_alarm, century;
	u16 boot_arch;
	u8 reserved;
	u32 flags;
	struct gas reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt;
	struct gas x_pm_tmr, x_gpe0, x_gpe1, sleep_control, sleep_status;
	u64 hypervisor;
} __packed;

/* Where the tables are; the RSDP comes first. */
struct acpi_tables {
	u8 *base;
	u64 gpa;
	u32 size;
	u32 used;
};

void acpi_begin(struct acpi_tables *t);
void *acpi_table(struct acpi_tables *t, u32 size, u64 *gpa);
u64 acpi_copy(struct acpi_tables *t, const void *table, u32 size);
int acpi_end(struct acpi_tables *t, const u64 *entry, u32 count);
void acpi_set_header(struct acpi_header *h, const char *signature,
		     u8 revision, u32 length);
u8 acpi_sum(const void *p, size_t len);

#endif
