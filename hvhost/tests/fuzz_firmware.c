// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes what a hostile host has firmware say: whatever the windows are and whatever it
 * makes of them, the tables around them are whole, and the same seed makes the same.
 *
 * An input is SEED(8) RATE(2) SITE(1) GENERATION(1), with a site beyond the last for all,
 * and then windows, START(8) END(8) each. One without all of the first four is ignored.
 */
#include <libfdt.h>
#include <stdlib.h>

#include "arch/arm64/acpi.h"
#include "arch/arm64/dtb.h"
#include "arch/firmware.h"
#include "arch/gop.h"
#include "core/bytes.h"
#include "core/hostile.h"
#include "fuzz.h"
#include "mock.h"

#define ENTRIES	(sizeof(struct acpi_header) + 20)	/* up to Buffer's PkgLength */

/* All that is made of an input */
struct made {
	u8 ssdt[FIRMWARE_SSDT_SIZE], dtb[8 * KIB];
	int ssdt_len, dtb_len;
	struct screen_info si;
	struct pcicfg vga;
};

static void make(const struct hostile_plan *plan, const struct layout *layout,
		 struct made *m)
{
	const struct dtb_config config = { .append = "", .layout = layout };
	const struct pci_bar bar = { .size = 64 * MIB };

	memset(m, 0, sizeof(*m));
	hostile_start(plan);
	m->ssdt_len = acpi64_make_ssdt(layout, 1, m->ssdt, sizeof(m->ssdt));
	m->dtb_len = dtb_make(&config, m->dtb, sizeof(m->dtb));
	gop_describe(layout, &m->si);
	pcicfg_init(&m->vga, 0x1414, 0x5353, 0x030000, 0);
	pcicfg_set_bar(&m->vga, 0, &bar);
	firmware_vga(layout, &m->vga);
	mock_reset();
}

/* The checksum, the table's length and those that are within it */
static void check(const struct made *m)
{
	const u8 *p = m->ssdt + ENTRIES - 20;
	size_t scope, buffer, crs;

	if (m->ssdt_len < (int)ENTRIES ||
	    acpi_sum(m->ssdt, (size_t)m->ssdt_len) ||
	    get_le32(m->ssdt + 4) != (u32)m->ssdt_len)
		abort();
	scope = (p[1] & 0xf) | p[2] << 4;
	buffer = (p[19] & 0xf) | p[20] << 4;
	crs = get_le16(p + 22);
	if (scope != buffer + 18 || buffer != crs + 5 || p[21] != 0x0b ||
	    crs > FIRMWARE_CRS_SIZE || p[1 + scope] != 0x10)
		abort();
	if (m->dtb_len <= 0 || fdt_check_full(m->dtb, (size_t)m->dtb_len))
		abort();
}

/**
 * LLVMFuzzerTestOneInput() - Run one input.
 * @data:	It
 * @len:	Its bytes
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static struct made one, other;
	static struct hostile_plan plan;
	struct input in = { data, len };
	struct layout layout = { .redistributors = 1 };
	u64 site;

	if (len < 12)
		return 0;
	plan.on = true;
	plan.seed = take(&in, 8);
	plan.rate = (u32)take(&in, 2) % (HOSTILE_RATE_MAX + 1);
	site = take(&in, 1);
	plan.onlys = site < HOSTILE_SITES;
	plan.only[0].site = plan.onlys ? (enum hostile_site)site : 0;
	layout.generation = 1 + (int)take(&in, 1) % 2;
	while (in.len && layout.crs_count < LAYOUT_MAX_RANGES) {
		struct range *r = &layout.crs[layout.crs_count++];

		r->start = take(&in, 8);
		r->end = take(&in, 8);
	}
	layout.fb_firmware = layout.crs[0];
	make(&plan, &layout, &one);
	check(&one);
	make(&plan, &layout, &other);
	if (memcmp(&one, &other, sizeof(one)))
		abort();
	return 0;
}
