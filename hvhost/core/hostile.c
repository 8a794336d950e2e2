// SPDX-License-Identifier: GPL-2.0-only
/* A host that lies: what changes on its way to the guest, by a seed. */
#include <string.h>

#include "core/bytes.h"
#include "core/hostile.h"
#include "core/parse.h"
#include "core/trace.h"

bool hostile_on;

/* README.md has the same table for people. */
static const char *const site_names[HOSTILE_SITES] = {
	[HOSTILE_MESSAGE_DROP] = "message-drop",
	[HOSTILE_MESSAGE_LATE] = "message-late",
	[HOSTILE_MESSAGE_TWICE] = "message-twice",
	[HOSTILE_MESSAGE_EXTRA] = "message-extra",
	[HOSTILE_MESSAGE_TYPE] = "message-type",
	[HOSTILE_MESSAGE_SIZE] = "message-size",
	[HOSTILE_MESSAGE_BYTES] = "message-bytes",
	[HOSTILE_VERSION_SUPPORTED] = "version-supported",
	[HOSTILE_VERSION_STATE] = "version-state",
	[HOSTILE_VERSION_CONNECTION] = "version-connection",
	[HOSTILE_VERSION_FEATURES] = "version-features",
	[HOSTILE_OFFER_GUID] = "offer-guid",
	[HOSTILE_OFFER_FLAGS] = "offer-flags",
	[HOSTILE_OFFER_MMIO] = "offer-mmio",
	[HOSTILE_OFFER_USER] = "offer-user",
	[HOSTILE_OFFER_SUBCHANNEL] = "offer-subchannel",
	[HOSTILE_OFFER_RELID] = "offer-relid",
	[HOSTILE_OFFER_MONITOR] = "offer-monitor",
	[HOSTILE_OFFER_INTERRUPT] = "offer-interrupt",
	[HOSTILE_OFFER_CONNECTION] = "offer-connection",
	[HOSTILE_OPEN_RELID] = "open-relid",
	[HOSTILE_OPEN_ID] = "open-id",
	[HOSTILE_OPEN_STATUS] = "open-status",
	[HOSTILE_GPADL_RELID] = "gpadl-relid",
	[HOSTILE_GPADL_HANDLE] = "gpadl-handle",
	[HOSTILE_GPADL_STATUS] = "gpadl-status",
	[HOSTILE_MODIFY_RELID] = "modify-relid",
	[HOSTILE_MODIFY_STATUS] = "modify-status",
	[HOSTILE_RESCIND_RELID] = "rescind-relid",
	[HOSTILE_RESCIND] = "rescind",
	[HOSTILE_POST_STATUS] = "post-status",
	[HOSTILE_SIGNAL_STATUS] = "signal-status",
	[HOSTILE_SIGNAL_DROP] = "signal-drop",
	[HOSTILE_SIGNAL_FLAG] = "signal-flag",
	[HOSTILE_PACKET_DROP] = "packet-drop",
	[HOSTILE_PACKET_LATE] = "packet-late",
	[HOSTILE_PACKET_TWICE] = "packet-twice",
	[HOSTILE_PACKET_EXTRA] = "packet-extra",
	[HOSTILE_PACKET_TYPE] = "packet-type",
	[HOSTILE_PACKET_FLAGS] = "packet-flags",
	[HOSTILE_PACKET_TRANSACTION] = "packet-transaction",
	[HOSTILE_PACKET_SIZE] = "packet-size",
	[HOSTILE_PACKET_BYTES] = "packet-bytes",
	[HOSTILE_PACKET_OFFSET] = "packet-offset",
	[HOSTILE_PACKET_LENGTH] = "packet-length",
	[HOSTILE_PACKET_TRAILER] = "packet-trailer",
	[HOSTILE_RING_WRITE] = "ring-write",
	[HOSTILE_RING_READ] = "ring-read",
	[HOSTILE_RELATIONS_COUNT] = "relations-count",
	[HOSTILE_RELATIONS_SIZE] = "relations-size",
	[HOSTILE_RELATIONS_MANY] = "relations-many",
	[HOSTILE_RELATIONS_SLOT] = "relations-slot",
	[HOSTILE_RELATIONS_SERIAL] = "relations-serial",
	[HOSTILE_RELATIONS_BYTES] = "relations-bytes",
	[HOSTILE_RELATIONS_AGAIN] = "relations-again",
	[HOSTILE_VPCI_VERSION] = "vpci-version",
	[HOSTILE_VPCI_STATUS] = "vpci-status",
	[HOSTILE_BAR_MASKS] = "bar-masks",
	[HOSTILE_D0_STATUS] = "d0-status",
	[HOSTILE_INTERRUPT_COUNT] = "interrupt-count",
	[HOSTILE_INTERRUPT_DATA] = "interrupt-data",
	[HOSTILE_INTERRUPT_ADDRESS] = "interrupt-address",
	[HOSTILE_RETARGET_STATUS] = "retarget-status",
	[HOSTILE_EJECT] = "eject",
	[HOSTILE_CONFIG_READ] = "config-read",
	[HOSTILE_VIDEO_VERSION] = "video-version",
	[HOSTILE_VIDEO_SIZE] = "video-size",
	[HOSTILE_VIDEO_TYPE] = "video-type",
	[HOSTILE_VIDEO_EXTRA] = "video-extra",
	[HOSTILE_VRAM_ANSWER] = "vram-answer",
	[HOSTILE_SITUATION_ANSWER] = "situation-answer",
	[HOSTILE_RESOLUTIONS] = "resolutions",
	[HOSTILE_VIDEO_OFFERS] = "video-offers",
	[HOSTILE_IC] = "ic",
	[HOSTILE_WINDOWS_ORDER] = "windows-order",
	[HOSTILE_WINDOWS_TWICE] = "windows-twice",
	[HOSTILE_WINDOWS_EXTRA] = "windows-extra",
	[HOSTILE_WINDOWS_RANGE] = "windows-range",
	[HOSTILE_CRS_END] = "crs-end",
	[HOSTILE_CRS_TAG] = "crs-tag",
	[HOSTILE_CRS_SIZE] = "crs-size",
	[HOSTILE_CRS_TYPE] = "crs-type",
	[HOSTILE_CRS_FLAGS] = "crs-flags",
	[HOSTILE_CRS_ATTRIBUTES] = "crs-attributes",
	[HOSTILE_CRS_GRANULARITY] = "crs-granularity",
	[HOSTILE_CRS_MIN] = "crs-min",
	[HOSTILE_CRS_MAX] = "crs-max",
	[HOSTILE_CRS_TRANSLATION] = "crs-translation",
	[HOSTILE_CRS_LENGTH] = "crs-length",
	[HOSTILE_CRS_BYTES] = "crs-bytes",
	[HOSTILE_RANGES_CHILD] = "ranges-child",
	[HOSTILE_RANGES_PARENT] = "ranges-parent",
	[HOSTILE_RANGES_SIZE] = "ranges-size",
	[HOSTILE_RANGES_LENGTH] = "ranges-length",
	[HOSTILE_RANGES_CELLS] = "ranges-cells",
	[HOSTILE_SCREEN_PLACE] = "screen-place",
	[HOSTILE_SCREEN_TYPE] = "screen-type",
	[HOSTILE_SCREEN_BASE] = "screen-base",
	[HOSTILE_SCREEN_EXT_BASE] = "screen-ext-base",
	[HOSTILE_SCREEN_SIZE] = "screen-size",
	[HOSTILE_SCREEN_WIDTH] = "screen-width",
	[HOSTILE_SCREEN_HEIGHT] = "screen-height",
	[HOSTILE_SCREEN_STRIDE] = "screen-stride",
	[HOSTILE_SCREEN_DEPTH] = "screen-depth",
	[HOSTILE_SCREEN_CAPABILITIES] = "screen-capabilities",
	[HOSTILE_VGA_PLACE] = "vga-place",
	[HOSTILE_VGA_BAR] = "vga-bar",
	[HOSTILE_VGA_MASK] = "vga-mask",
	[HOSTILE_VGA_COMMAND] = "vga-command",
	[HOSTILE_VGA_ID] = "vga-id",
};

/* One site's decisions */
struct site {
	u64 decisions, mutations;
	u64 draws;			/* for the decision that is the last */
	u64 key;			/* of its name */
};

static struct hostile_plan plan;
static struct site sites[HOSTILE_SITES];

/* The finalizer of splitmix64: all bits of the result depend on all of @x. */
static u64 hostile_mix(u64 x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* By its name, so that the same seed does the same when sites come or go */
static u64 hostile_key(enum hostile_site site)
{
	const char *s = site_names[site];
	u64 key = 0;

	while (*s)
		key = hostile_mix(key ^ (u8)*s++);
	return key;
}

/**
 * hostile_start() - Begin to lie, or to be honest.
 * @new_plan:	Copied; honest unless it is on
 *
 * Decisions count from here.
 */
void hostile_start(const struct hostile_plan *new_plan)
{
	int i;

	plan = *new_plan;
	memset(sites, 0, sizeof(sites));
	for (i = 0; i < HOSTILE_SITES; i++)
		sites[i].key = hostile_key(i);
	hostile_on = plan.on;
}

/**
 * hostile_name() - A site's name.
 * @site:	The site
 *
 * Return: that.
 */
const char *hostile_name(enum hostile_site site)
{
	return site_names[site];
}

/**
 * hostile_mutations() - How often a site has lied since hostile_start().
 * @site:	The site
 *
 * Return: that.
 */
u64 hostile_mutations(enum hostile_site site)
{
	return sites[site].mutations;
}

/**
 * hostile_draw() - A number that belongs to the site's last decision.
 * @site:	The site
 * @limit:	Not 0
 *
 * Return: another number at each call, less than @limit.
 */
u64 hostile_draw(enum hostile_site site, u64 limit)
{
	struct site *s = &sites[site];

	return hostile_mix(hostile_mix(plan.seed ^ s->key) ^
			   hostile_mix(s->decisions) ^ ++s->draws) % limit;
}

static bool hostile_allowed(enum hostile_site site)
{
	bool allowed = true;
	u32 i;

	for (i = 0; i < plan.onlys; i++) {
		const struct hostile_only *only = &plan.only[i];
		bool match = only->site == site &&
			     (!only->number ||
			      only->number == sites[site].decisions);

		if (match)
			return !only->never;
		if (!only->never)
			allowed = false;
	}
	return allowed;
}

/* The next decision of that site */
static bool hostile_decide(enum hostile_site site)
{
	struct site *s = &sites[site];

	s->decisions++;
	s->draws = 0;
	if (hostile_draw(site, HOSTILE_RATE_MAX) >= plan.rate ||
	    !hostile_allowed(site))
		return false;
	s->mutations++;
	return true;
}

/* Another value of @bits bits: often one at which code goes wrong */
static u64 hostile_other(enum hostile_site site, u64 old, unsigned int bits)
{
	u64 all = bits == 64 ? ~0ull : (1ull << bits) - 1;
	u64 top = 1ull << (bits - 1), value;

	switch (hostile_draw(site, 12)) {
	case 0:
		value = 0;
		break;
	case 1:
		value = all;
		break;
	case 2:
		value = top;
		break;
	case 3:
		value = all >> 1;
		break;
	case 4:
		value = old + 1;
		break;
	case 5:
		value = old - 1;
		break;
	case 6:
		value = old ^ 1ull << hostile_draw(site, bits);
		break;
	case 7:
		value = old ^ top;
		break;
	case 8:
		value = hostile_draw(site, 64);
		break;
	case 9:
		value = 1ull << hostile_draw(site, bits);
		break;
	case 10:
		value = all << hostile_draw(site, bits);
		break;
	default:
		value = hostile_draw(site, ~0ull);
		break;
	}
	value &= all;
	return value == (old & all) ? value ^ 1 : value;
}

/**
 * hostile_change() - A value on its way to the guest.
 * @site:	Where it is sent
 * @value:	What an honest host sends
 * @bits:	Its size, 1 to 64
 * @limit:	What is sent is less than this, as @value is; 0: no limit; not 1
 *
 * Return: @value, or, if the site lies now, another one.
 */
u64 hostile_change(enum hostile_site site, u64 value, unsigned int bits,
		   u64 limit)
{
	u64 other;

	if (!hostile_decide(site))
		return value;
	other = hostile_other(site, value, bits);
	if (limit) {
		other %= limit;
		if (other == value)
			other = (value + 1) % limit;
	}
	trace_begin("hostile");
	trace_str("site", site_names[site]);
	trace_num("number", (s64)sites[site].decisions);
	trace_hex("old", value);
	trace_hex("new", other);
	trace_end();
	return other;
}

/**
 * hostile_change_bytes() - Bytes on their way to the guest.
 * @site:	Where they are sent
 * @data:	Changed in place: one number of 1, 2, 4 or 8 bytes, at a multiple of
 *		its size
 * @len:	How many bytes; with none there is no decision
 */
void hostile_change_bytes(enum hostile_site site, void *data, size_t len)
{
	unsigned int size;
	u64 at, old, new;

	if (!len || !hostile_decide(site))
		return;
	size = 1u << hostile_draw(site, 4);
	while (size > len)
		size /= 2;
	at = hostile_draw(site, len / size) * size;
	old = get_le((u8 *)data + at, size);
	new = hostile_other(site, old, size * 8);
	put_le((u8 *)data + at, new, size);
	trace_begin("hostile");
	trace_str("site", site_names[site]);
	trace_num("number", (s64)sites[site].decisions);
	trace_num("at", (s64)at);
	trace_num("size", size);
	trace_hex("old", old);
	trace_hex("new", new);
	trace_end();
}

/**
 * hostile_change_fields() - Change fields of a structure on its way to the guest.
 * @fields:	Fields, each with its site
 * @count:	How many
 * @kind:	Only those of this kind
 * @data:	The structure, in little-endian; changed in place
 * @len:	Its bytes; fields that are not within them stay as they are
 */
void hostile_change_fields(const struct hostile_field *fields, size_t count,
			   u32 kind, void *data, size_t len)
{
	const struct hostile_field *f;

	for (f = fields; f < fields + count; f++) {
		u8 *p = (u8 *)data + f->at;
		unsigned int size = (unsigned int)f->size;

		if (f->kind != kind || f->at + f->size > len)
			continue;
		if (size > sizeof(u64))
			hostile_change_bytes(f->site, p, size);
		else
			put_le(p, hostile_change(f->site, get_le(p, size),
						 size * 8, 0), size);
	}
}

/**
 * hostile_happens() - Whether the site does now what an honest host does not.
 * @site:	The site
 *
 * Return: true if it does; that is traced.
 */
bool hostile_happens(enum hostile_site site)
{
	if (!hostile_decide(site))
		return false;
	trace_begin("hostile");
	trace_str("site", site_names[site]);
	trace_num("number", (s64)sites[site].decisions);
	trace_end();
	return true;
}

/**
 * hostile_parse() - Read the value of --hostile.
 * @s:		SEED or SEED:RATE
 * @to:		Gets it
 *
 * Return: NULL, or what it should be.
 */
const char *hostile_parse(const char *s, struct hostile_plan *to)
{
	static const char want[] =
		"SEED or SEED:RATE, with a rate of 0 to 1000 in a thousand";
	u64 rate = HOSTILE_RATE_DEFAULT;
	const char *end;

	if (!parse_u64(s, 10, &end, &to->seed) ||
	    (*end == ':' && !parse_u64(end + 1, 10, &end, &rate)) || *end ||
	    rate > HOSTILE_RATE_MAX)
		return want;
	to->rate = (u32)rate;
	to->on = true;
	return NULL;
}

/* The site whose name these bytes are, or HOSTILE_SITES */
static enum hostile_site hostile_find(const char *name, size_t len)
{
	int i;

	for (i = 0; i < HOSTILE_SITES; i++)
		if (strlen(site_names[i]) == len &&
		    !memcmp(site_names[i], name, len))
			break;
	return i;
}

/**
 * hostile_parse_only() - Read the value of --hostile-only.
 * @s:		SITE or SITE.NUMBER, more of them after commas; -SITE: not there
 * @to:		Gets them, beside those that it has
 *
 * Return: NULL, or what it should be.
 */
const char *hostile_parse_only(const char *s, struct hostile_plan *to)
{
	for (;;) {
		struct hostile_only only = { .never = *s == '-' };
		size_t len;

		s += only.never;
		len = strcspn(s, ".,");
		only.site = hostile_find(s, len);
		if (only.site == HOSTILE_SITES)
			return "SITE[.NUMBER][,...], with sites as README.md lists them";
		s += len;
		if (*s == '.' && (!parse_u64(s + 1, 10, &s, &only.number) ||
				  !only.number))
			return "SITE[.NUMBER][,...], with numbers of 1 or more";
		if (to->onlys == HOSTILE_MAX_ONLY)
			return "at most 4096 of SITE[.NUMBER]";
		to->only[to->onlys++] = only;
		if (!*s)
			return NULL;
		if (*s++ != ',')
			return "SITE[.NUMBER][,...], with commas between";
	}
}
