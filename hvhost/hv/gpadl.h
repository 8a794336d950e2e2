/* SPDX-License-Identifier: GPL-2.0-only */
/* GPADLs: guest pages under a handle, told in a header and body messages. */
#ifndef HVHOST_GPADL_H
#define HVHOST_GPADL_H

#include "core/mem.h"
#include "core/types.h"

/* A GPADL's page lists: range_buflen is 16 bits wide and a multiple of 8. */
#define GPADL_MAX_BUFLEN	0xfff8u
#define GPADL_MAX_RANGES	256u

struct gpadl_range {
	u32 offset;		/* of the first byte in the first page */
	u32 len;		/* bytes */
	u32 first;		/* index of the first page in gpadl.page[] */
	u32 count;		/* pages */
};

struct gpadl {
	u32 id;			/* the guest's handle */
	u32 relid;		/* the channel it was made for */
	bool complete;		/* all messages seen, all pages are RAM */
	struct gpadl *next;	/* for the list of whoever keeps it */

	/* While messages are still missing: */
	u8 *list;
	u32 list_len, list_got;
	u32 range_count;

	/* When complete: host addresses of 4 KiB guest pages, and ranges */
	struct gpadl_range *range;
	u8 **page;
	u32 page_count;
};

struct gpadl *gpadl_new(u32 id, u32 relid, u32 list_len, u32 range_count);
int gpadl_feed(struct gpadl *g, const struct mem *mem, const void *data,
	       size_t len);
void gpadl_free(struct gpadl *g);

#endif
