/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host that lies: values on their way to the guest are changed, and messages left out,
 * repeated or made up, by a seed. Only what is sent changes, not what the host itself
 * keeps, but for a rescind, an eject request and a second framebuffer: see README.md.
 *
 * Each place that may lie is a site. A site numbers its decisions from 1 on, and what
 * becomes of one depends on the seed, the site's name and that number alone. So the same
 * seed does the same to a guest that behaves the same, a new site changes nothing for the
 * others, and SITE.NUMBER names a mutation that can be repeated without the rest.
 *
 * All calls are made under the VM's lock, and not within an event of the trace.
 */
#ifndef HVHOST_HOSTILE_H
#define HVHOST_HOSTILE_H

#include "core/types.h"

/* In the order of the table in hostile.c */
enum hostile_site {
	HOSTILE_MESSAGE_DROP,
	HOSTILE_MESSAGE_LATE,
	HOSTILE_MESSAGE_TWICE,
	HOSTILE_MESSAGE_EXTRA,
	HOSTILE_MESSAGE_TYPE,
	HOSTILE_MESSAGE_SIZE,
	HOSTILE_MESSAGE_BYTES,
	HOSTILE_VERSION_SUPPORTED,
	HOSTILE_VERSION_STATE,
	HOSTILE_VERSION_CONNECTION,
	HOSTILE_VERSION_FEATURES,
	HOSTILE_OFFER_GUID,
	HOSTILE_OFFER_FLAGS,
	HOSTILE_OFFER_MMIO,
	HOSTILE_OFFER_USER,
	HOSTILE_OFFER_SUBCHANNEL,
	HOSTILE_OFFER_RELID,
	HOSTILE_OFFER_MONITOR,
	HOSTILE_OFFER_INTERRUPT,
	HOSTILE_OFFER_CONNECTION,
	HOSTILE_OPEN_RELID,
	HOSTILE_OPEN_ID,
	HOSTILE_OPEN_STATUS,
	HOSTILE_GPADL_RELID,
	HOSTILE_GPADL_HANDLE,
	HOSTILE_GPADL_STATUS,
	HOSTILE_MODIFY_RELID,
	HOSTILE_MODIFY_STATUS,
	HOSTILE_RESCIND_RELID,
	HOSTILE_RESCIND,
	HOSTILE_POST_STATUS,
	HOSTILE_SIGNAL_STATUS,
	HOSTILE_SIGNAL_DROP,
	HOSTILE_SIGNAL_FLAG,
	HOSTILE_PACKET_DROP,
	HOSTILE_PACKET_LATE,
	HOSTILE_PACKET_TWICE,
	HOSTILE_PACKET_EXTRA,
	HOSTILE_PACKET_TYPE,
	HOSTILE_PACKET_FLAGS,
	HOSTILE_PACKET_TRANSACTION,
	HOSTILE_PACKET_SIZE,
	HOSTILE_PACKET_BYTES,
	HOSTILE_PACKET_OFFSET,
	HOSTILE_PACKET_LENGTH,
	HOSTILE_PACKET_TRAILER,
	HOSTILE_RING_WRITE,
	HOSTILE_RING_READ,
	HOSTILE_RELATIONS_COUNT,
	HOSTILE_RELATIONS_SIZE,
	HOSTILE_RELATIONS_MANY,
	HOSTILE_RELATIONS_SLOT,
	HOSTILE_RELATIONS_SERIAL,
	HOSTILE_RELATIONS_BYTES,
	HOSTILE_RELATIONS_AGAIN,
	HOSTILE_VPCI_VERSION,
	HOSTILE_VPCI_STATUS,
	HOSTILE_BAR_MASKS,
	HOSTILE_D0_STATUS,
	HOSTILE_INTERRUPT_COUNT,
	HOSTILE_INTERRUPT_DATA,
	HOSTILE_INTERRUPT_ADDRESS,
	HOSTILE_RETARGET_STATUS,
	HOSTILE_EJECT,
	HOSTILE_CONFIG_READ,
	HOSTILE_VIDEO_VERSION,
	HOSTILE_VIDEO_SIZE,
	HOSTILE_VIDEO_TYPE,
	HOSTILE_VIDEO_EXTRA,
	HOSTILE_VRAM_ANSWER,
	HOSTILE_SITUATION_ANSWER,
	HOSTILE_RESOLUTIONS,
	HOSTILE_VIDEO_OFFERS,
	HOSTILE_IC,
	HOSTILE_WINDOWS_ORDER,
	HOSTILE_WINDOWS_TWICE,
	HOSTILE_WINDOWS_EXTRA,
	HOSTILE_WINDOWS_RANGE,
	HOSTILE_CRS_END,
	HOSTILE_CRS_TAG,
	HOSTILE_CRS_SIZE,
	HOSTILE_CRS_TYPE,
	HOSTILE_CRS_FLAGS,
	HOSTILE_CRS_ATTRIBUTES,
	HOSTILE_CRS_GRANULARITY,
	HOSTILE_CRS_MIN,
	HOSTILE_CRS_MAX,
	HOSTILE_CRS_TRANSLATION,
	HOSTILE_CRS_LENGTH,
	HOSTILE_CRS_BYTES,
	HOSTILE_RANGES_CHILD,
	HOSTILE_RANGES_PARENT,
	HOSTILE_RANGES_SIZE,
	HOSTILE_RANGES_LENGTH,
	HOSTILE_RANGES_CELLS,
	HOSTILE_SCREEN_PLACE,
	HOSTILE_SCREEN_TYPE,
	HOSTILE_SCREEN_BASE,
	HOSTILE_SCREEN_EXT_BASE,
	HOSTILE_SCREEN_SIZE,
	HOSTILE_SCREEN_WIDTH,
	HOSTILE_SCREEN_HEIGHT,
	HOSTILE_SCREEN_STRIDE,
	HOSTILE_SCREEN_DEPTH,
	HOSTILE_SCREEN_CAPABILITIES,
	HOSTILE_VGA_PLACE,
	HOSTILE_VGA_BAR,
	HOSTILE_VGA_MASK,
	HOSTILE_VGA_COMMAND,
	HOSTILE_VGA_ID,
	HOSTILE_SITES
};

/* A number of 1 to 8 bytes, or more bytes, in what is sent, and the site that changes it */
struct hostile_field {
	u32 kind;			/* of what is sent */
	size_t at, size;
	enum hostile_site site;
};

/* Mutations that --hostile-only names */
#define HOSTILE_MAX_ONLY	4096

struct hostile_only {
	enum hostile_site site;
	u64 number;			/* 0: all of the site's */
	bool never;			/* all but these */
};

struct hostile_plan {
	bool on;
	u64 seed;
	u32 rate;			/* mutations in 1000 decisions */
	struct hostile_only only[HOSTILE_MAX_ONLY];
	u32 onlys;			/* 0: no limit */
};

#define HOSTILE_RATE_DEFAULT	20
#define HOSTILE_RATE_MAX	1000

/* Asked at each site, so that a host that does not lie only reads this */
extern bool hostile_on;

void hostile_start(const struct hostile_plan *plan);
const char *hostile_parse(const char *s, struct hostile_plan *plan);
const char *hostile_parse_only(const char *s, struct hostile_plan *plan);
const char *hostile_name(enum hostile_site site);
u64 hostile_mutations(enum hostile_site site);

/* For the functions below, which look at hostile_on first */
u64 hostile_change(enum hostile_site site, u64 value, unsigned int bits,
		   u64 limit);
void hostile_change_bytes(enum hostile_site site, void *data, size_t len);
void hostile_change_fields(const struct hostile_field *fields, size_t count,
			   u32 kind, void *data, size_t len);
bool hostile_happens(enum hostile_site site);
u64 hostile_draw(enum hostile_site site, u64 limit);

/* A value of that many bits, maybe another one than @value */
static inline u64 hostile_bits(enum hostile_site site, u64 value, unsigned int bits)
{
	return hostile_on ? hostile_change(site, value, bits, 0) : value;
}

static inline u16 hostile_u16(enum hostile_site site, u16 value)
{
	return (u16)hostile_bits(site, value, 16);
}

static inline u32 hostile_u32(enum hostile_site site, u32 value)
{
	return (u32)hostile_bits(site, value, 32);
}

static inline u64 hostile_u64(enum hostile_site site, u64 value)
{
	return hostile_bits(site, value, 64);
}

/* A value below @limit, maybe another one than @value, which is below it as well */
static inline u32 hostile_below(enum hostile_site site, u32 value, u32 limit)
{
	return hostile_on ? (u32)hostile_change(site, value, 32, limit) : value;
}

/* 1, 2, 4 or 8 of these bytes may change. */
static inline void hostile_bytes(enum hostile_site site, void *data, size_t len)
{
	if (hostile_on)
		hostile_change_bytes(site, data, len);
}

/* Each of @fields of that @kind may change, if it is within these bytes. */
static inline void hostile_fields(const struct hostile_field *fields,
				  size_t count, u32 kind, void *data,
				  size_t len)
{
	if (hostile_on)
		hostile_change_fields(fields, count, kind, data, len);
}

/* Is it time for something that an honest host does not do? */
static inline bool hostile_event(enum hostile_site site)
{
	return hostile_on && hostile_happens(site);
}

#endif
