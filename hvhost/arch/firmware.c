// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes what firmware says, for a hostile host. Checksums and table lengths stay right,
 * so the kernel parses the contents.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "arch/firmware.h"
#include "core/bytes.h"
#include "core/hostile.h"
#include "core/range.h"
#include "core/trace.h"

#define TOP		(~0ull)
#define VTPM		0xfed40000ull

/* Resource descriptors, as ACPI has them */
#define TAG_WORD	0x88
#define TAG_DWORD	0x87
#define TAG_QWORD	0x8a
#define TAG_END		0x79
#define END_SIZE	2
#define WINDOW_MIN(width)	(6 + (width))
#define WINDOW_MAX(width)	(6 + 2 * (width))
#define WINDOW_SIZE(width)	(6 + 5 * (width))

enum firmware_kind {
	FIRMWARE_DESCRIPTOR,		/* any */
	FIRMWARE_LARGE,			/* one with a length of its own */
	FIRMWARE_WINDOW,		/* an address space descriptor */
	FIRMWARE_RANGES,
	FIRMWARE_CELLS,
	FIRMWARE_SCREEN,
	FIRMWARE_VGA,
	FIRMWARE_VGA_WRITABLE,
};

#define AT(kind, member)	offsetof(struct kind, member)

static const struct hostile_field fields[] = {
	{ FIRMWARE_DESCRIPTOR, 0, 1, HOSTILE_CRS_TAG },
	{ FIRMWARE_LARGE, 1, 2, HOSTILE_CRS_SIZE },
	{ FIRMWARE_WINDOW, 3, 1, HOSTILE_CRS_TYPE },
	{ FIRMWARE_WINDOW, 4, 1, HOSTILE_CRS_FLAGS },
	{ FIRMWARE_WINDOW, 5, 1, HOSTILE_CRS_ATTRIBUTES },
	{ FIRMWARE_RANGES, 0, 8, HOSTILE_RANGES_CHILD },
	{ FIRMWARE_RANGES, 8, 8, HOSTILE_RANGES_PARENT },
	{ FIRMWARE_RANGES, 16, 8, HOSTILE_RANGES_SIZE },
	{ FIRMWARE_CELLS, AT(firmware_ranges, address_cells), 4, HOSTILE_RANGES_CELLS },
	{ FIRMWARE_CELLS, AT(firmware_ranges, size_cells), 4, HOSTILE_RANGES_CELLS },
	{ FIRMWARE_SCREEN, AT(screen_info, orig_video_isVGA), 1, HOSTILE_SCREEN_TYPE },
	{ FIRMWARE_SCREEN, AT(screen_info, lfb_base), 4, HOSTILE_SCREEN_BASE },
	{ FIRMWARE_SCREEN, AT(screen_info, ext_lfb_base), 4, HOSTILE_SCREEN_EXT_BASE },
	{ FIRMWARE_SCREEN, AT(screen_info, lfb_size), 4, HOSTILE_SCREEN_SIZE },
	{ FIRMWARE_SCREEN, AT(screen_info, lfb_width), 2, HOSTILE_SCREEN_WIDTH },
	{ FIRMWARE_SCREEN, AT(screen_info, lfb_height), 2, HOSTILE_SCREEN_HEIGHT },
	{ FIRMWARE_SCREEN, AT(screen_info, lfb_linelength), 2, HOSTILE_SCREEN_STRIDE },
	{ FIRMWARE_SCREEN, AT(screen_info, lfb_depth), 2, HOSTILE_SCREEN_DEPTH },
	{ FIRMWARE_SCREEN, AT(screen_info, capabilities), 4, HOSTILE_SCREEN_CAPABILITIES },
	{ FIRMWARE_VGA, PCI_VENDOR_ID, 4, HOSTILE_VGA_ID },
	{ FIRMWARE_VGA, PCI_COMMAND, 2, HOSTILE_VGA_COMMAND },
	{ FIRMWARE_VGA, PCI_BASE_ADDRESS_0, 4, HOSTILE_VGA_BAR },
	{ FIRMWARE_VGA_WRITABLE, PCI_BASE_ADDRESS_0, 4, HOSTILE_VGA_MASK },
};

static void firmware_lie(enum firmware_kind kind, void *data, size_t len)
{
	hostile_fields(fields, ARRAY_SIZE(fields), kind, data, len);
}

/* An address at which something begins or ends, or close to one */
static u64 firmware_place(enum hostile_site site, const struct layout *layout)
{
	static const u64 places[] = {
		0, MIB, 16 * MIB, GIB, 0xfec00000, VTPM, 4 * GIB, 1ull << 36,
		1ull << 46, 1ull << 52, 1ull << 63, TOP - 0xfff,
	};
	u64 at = places[hostile_draw(site, ARRAY_SIZE(places))];

	if (layout->crs_count && hostile_draw(site, 2)) {
		u64 i = hostile_draw(site, (u64)layout->crs_count);
		const struct range *r = &layout->crs[i];

		at = hostile_draw(site, 2) ? r->start : r->end;
	}
	switch (hostile_draw(site, 8)) {
	case 0:
		return at + 1;
	case 1:
		return at - 1;
	case 2:
		return at + HV_PAGE_SIZE;
	case 3:
		return at - HV_PAGE_SIZE;
	case 4:
		return at + hostile_draw(site, 64) * MIB;
	case 5:
		return at - hostile_draw(site, 64) * MIB;
	default:
		return at;
	}
}

static u64 firmware_length(enum hostile_site site)
{
	switch (hostile_draw(site, 5)) {
	case 0:
		return 1 + hostile_draw(site, 2 * HV_PAGE_SIZE);
	case 1:
		return 1ull << hostile_draw(site, 64);
	case 2:
		return hostile_draw(site, TOP) >> hostile_draw(site, 64);
	default:
		return (1 + hostile_draw(site, 1024)) * MIB;
	}
}

/* Draw a range for the site's last decision; many of them are malformed. */
static struct range firmware_draw(enum hostile_site site,
				  const struct layout *layout)
{
	u64 at = firmware_place(site, layout), size = firmware_length(site);

	switch (hostile_draw(site, 10)) {
	case 0:				/* empty */
		return range_of(at, 0);
	case 1:				/* reversed */
		return (struct range) { at, at - size };
	case 2:				/* to the top */
		return (struct range) { at, TOP };
	case 3:				/* wraps, likely */
		return range_of(TOP - hostile_draw(site, GIB), size);
	case 4:				/* across 4 GiB */
		return (struct range) {
			4 * GIB - 1 - hostile_draw(site, GIB),
			4 * GIB + hostile_draw(site, 64 * GIB),
		};
	case 5:				/* in the vTPM's hole, or at its ends */
		return range_of(VTPM - MIB + hostile_draw(site, 20 * MIB),
				1 + hostile_draw(site, 20 * MIB));
	case 6:				/* up to there */
		return (struct range) { at - size, at };
	default:
		return range_of(at, size);
	}
}

/**
 * firmware_windows() - List the MMIO windows for _CRS or the devicetree.
 * @layout:	Only crs is used
 * @list:	Result; it has room for FIRMWARE_MAX_WINDOWS
 *
 * Return: the number of windows.
 */
int firmware_windows(const struct layout *layout, struct range *list)
{
	struct range first;
	int i, n = 0;

	for (i = 0; i < layout->crs_count && i < LAYOUT_MAX_RANGES; i++) {
		if (hostile_event(HOSTILE_WINDOWS_EXTRA))
			list[n++] = firmware_draw(HOSTILE_WINDOWS_EXTRA, layout);
		list[n] = layout->crs[i];
		if (hostile_event(HOSTILE_WINDOWS_RANGE))
			list[n] = firmware_draw(HOSTILE_WINDOWS_RANGE, layout);
		n++;
		if (hostile_event(HOSTILE_WINDOWS_TWICE)) {
			list[n] = list[n - 1];
			n++;
		}
	}
	if (n > 1 && hostile_event(HOSTILE_WINDOWS_ORDER)) {
		first = list[0];
		i = 1 + (int)hostile_draw(HOSTILE_WINDOWS_ORDER, (u64)n - 1);
		list[0] = list[i];
		list[i] = first;
	}
	return n;
}

/* Bytes of an address in an address space descriptor; 0: it is none */
static unsigned int firmware_width(const u8 *p)
{
	switch (*p) {
	case TAG_WORD:
		return 2;
	case TAG_DWORD:
		return 4;
	case TAG_QWORD:
		return 8;
	}
	return 0;
}

/* Bytes of a descriptor, by what it says itself */
static size_t firmware_descriptor(const u8 *p, size_t left)
{
	if (!(*p & 0x80))
		return 1 + (*p & 7);
	return left < 3 ? left : 3u + get_le16(p + 1);
}

/* Remove or cut the end tag, insert one too early, or give it a wrong checksum. */
static void firmware_end(struct aml *crs)
{
	static const u8 end[END_SIZE] = { TAG_END };
	size_t at = 0, starts = 0, which;

	if (crs->len < END_SIZE || !hostile_event(HOSTILE_CRS_END))
		return;
	switch (hostile_draw(HOSTILE_CRS_END, 4)) {
	case 0:
		crs->len -= END_SIZE;
		return;
	case 1:
		crs->len--;
		return;
	case 2:
		crs->p[crs->len - 1] = 1;
		return;
	}
	for (; at < crs->len; starts++)
		at += firmware_descriptor(crs->p + at, crs->len - at);
	which = hostile_draw(HOSTILE_CRS_END, starts);
	for (at = 0; which; which--)
		at += firmware_descriptor(crs->p + at, crs->len - at);
	if (crs->len + END_SIZE > crs->size)
		return;
	memmove(crs->p + at + END_SIZE, crs->p + at, crs->len - at);
	memcpy(crs->p + at, end, END_SIZE);
	crs->len += END_SIZE;
}

static void firmware_window(u8 *p, size_t len, unsigned int width)
{
	static const enum hostile_site sites[] = {
		HOSTILE_CRS_GRANULARITY, HOSTILE_CRS_MIN, HOSTILE_CRS_MAX,
		HOSTILE_CRS_TRANSLATION, HOSTILE_CRS_LENGTH,
	};
	size_t i;

	firmware_lie(FIRMWARE_WINDOW, p, len);
	p += 6;
	for (i = 0; i < ARRAY_SIZE(sites); i++, p += width)
		put_le(p, hostile_bits(sites[i], get_le(p, width), width * 8),
		       width);
}

/*
 * Trace the ranges that Linux uses as windows: descriptors of 32 and 64 bits, whatever their
 * resource type. ACPICA may still reject the whole _CRS.
 */
static void firmware_trace_crs(const struct aml *crs)
{
	struct range list[FIRMWARE_CRS_SIZE / WINDOW_SIZE(4)];
	size_t at = 0, len, left;
	int n = 0;

	for (; at < crs->len && crs->p[at] != TAG_END; at += len) {
		const u8 *p = crs->p + at;
		unsigned int width = firmware_width(p);

		left = crs->len - at;
		len = firmware_descriptor(p, left);
		if (width < 4 || len > left || len < WINDOW_SIZE(width))
			continue;
		list[n++] = (struct range) {
			get_le(p + WINDOW_MIN(width), width),
			get_le(p + WINDOW_MAX(width), width),
		};
	}
	trace_begin("firmware");
	trace_ranges("crs", list, n);
	trace_end();
}

/**
 * firmware_crs() - Change the resource descriptors of _CRS.
 * @crs:	The descriptors, with an end tag; the length may change
 */
void firmware_crs(struct aml *crs)
{
	size_t at = 0, len;

	if (!hostile_on)
		return;
	firmware_end(crs);
	for (; at < crs->len; at += len) {
		u8 *p = crs->p + at;
		unsigned int width = firmware_width(p);

		len = firmware_descriptor(p, crs->len - at);
		if (width)
			firmware_window(p, len, width);
		if (*p & 0x80)
			firmware_lie(FIRMWARE_LARGE, p, len);
		firmware_lie(FIRMWARE_DESCRIPTOR, p, len);
	}
	hostile_bytes(HOSTILE_CRS_BYTES, crs->p, crs->len);
	firmware_trace_crs(crs);
}

/**
 * firmware_ranges() - Change the "ranges" property of a devicetree node.
 * @r:		The property, and the numbers of cells
 */
void firmware_ranges(struct firmware_ranges *r)
{
	struct range list[FIRMWARE_MAX_WINDOWS];
	u32 count = r->bytes / sizeof(r->entry[0]), i;

	if (!hostile_on)
		return;
	for (i = 0; i < count; i++)
		firmware_lie(FIRMWARE_RANGES, r->entry[i], sizeof(r->entry[i]));
	if (count)
		r->bytes = hostile_below(HOSTILE_RANGES_LENGTH, r->bytes,
					 r->bytes + 1);
	firmware_lie(FIRMWARE_CELLS, r, sizeof(*r));
	/* With other cells, the kernel reads other ranges. */
	if (hostile_mutations(HOSTILE_RANGES_CELLS))
		return;
	count = r->bytes / sizeof(r->entry[0]);
	for (i = 0; i < count; i++)
		list[i] = range_of(r->entry[i][1], r->entry[i][2]);
	trace_begin("firmware");
	trace_ranges("crs", list, (int)count);
	trace_end();
}

/**
 * firmware_screen() - Change screen_info.
 * @layout:	Only crs and generation are used
 * @si:		The structure
 */
void firmware_screen(const struct layout *layout, struct screen_info *si)
{
	struct range r;

	if (hostile_event(HOSTILE_SCREEN_PLACE)) {
		r = firmware_draw(HOSTILE_SCREEN_PLACE, layout);
		si->orig_video_isVGA = layout->generation == 1 ?
			VIDEO_TYPE_VLFB : VIDEO_TYPE_EFI;
		si->lfb_base = (u32)r.start;
		si->ext_lfb_base = (u32)(r.start >> 32);
		si->lfb_size = (u32)range_size(&r);
		si->capabilities = si->ext_lfb_base ?
			VIDEO_CAPABILITY_64BIT_BASE : 0;
	}
	firmware_lie(FIRMWARE_SCREEN, si, sizeof(*si));
}

/**
 * firmware_vga() - Change the config space of the VGA device.
 * @layout:	Only crs is used
 * @vga:	The config space, with BAR 0 set
 */
void firmware_vga(const struct layout *layout, struct pcicfg *vga)
{
	u8 *bar = vga->value + PCI_BASE_ADDRESS_0;
	struct range r;

	if (hostile_event(HOSTILE_VGA_PLACE)) {
		r = firmware_draw(HOSTILE_VGA_PLACE, layout);
		put_le32(bar, (u32)r.start &
			 get_le32(vga->writable + PCI_BASE_ADDRESS_0));
	}
	firmware_lie(FIRMWARE_VGA, vga->value, sizeof(vga->value));
	firmware_lie(FIRMWARE_VGA_WRITABLE, vga->writable, sizeof(vga->writable));
}
