// SPDX-License-Identifier: GPL-2.0-only
/* GPADLs: guest pages under a handle, told in a header and body messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "core/trace.h"
#include "hv/gpadl.h"

/* Each range in the list is this, then its page frame numbers, 8 bytes each. */
struct wire_range {
	u32 byte_count;
	u32 byte_offset;
};

/**
 * gpadl_new() - Begin a GPADL, whose page lists then come by gpadl_feed().
 * @id:			The guest's handle
 * @relid:		The channel
 * @list_len:		Bytes of all ranges' lists together, as announced
 * @range_count:	Ranges in them, as announced
 *
 * Return: it, or NULL if the numbers cannot be right (traced) or memory ran
 * out.
 */
struct gpadl *gpadl_new(u32 id, u32 relid, u32 list_len, u32 range_count)
{
	struct gpadl *g;

	if (!range_count || range_count > GPADL_MAX_RANGES) {
		trace_bad("gpadl", "range count", range_count);
		return NULL;
	}
	/* The smallest range has one page */
	if (list_len % 8 || list_len > GPADL_MAX_BUFLEN ||
	    list_len < range_count * (sizeof(struct wire_range) + 8)) {
		trace_bad("gpadl", "length of ranges", list_len);
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (g)
		g->list = malloc(list_len);
	if (!g || !g->list) {
		free(g);
		say_host_failed(-ENOMEM, "GPADL %u", id);
		return NULL;
	}
	g->id = id;
	g->relid = relid;
	g->list_len = list_len;
	g->range_count = range_count;
	return g;
}

/* Find the pages of one range; *pos is advanced over its list. */
static int gpadl_parse_range(struct gpadl *g, const struct mem *mem,
			     struct gpadl_range *r, u32 *pos)
{
	struct wire_range w;
	u64 pfn, pages;
	u32 i;

	if (g->list_len - *pos < sizeof(w)) {
		trace_bad("gpadl", "range past the list, at", *pos);
		return -EINVAL;
	}
	memcpy(&w, g->list + *pos, sizeof(w));
	*pos += sizeof(w);
	if (!w.byte_count) {
		trace_bad("gpadl", "byte count", w.byte_count);
		return -EINVAL;
	}
	if (w.byte_offset >= HV_PAGE_SIZE) {
		trace_bad("gpadl", "byte offset", w.byte_offset);
		return -EINVAL;
	}
	pages = ((u64)w.byte_offset + w.byte_count + HV_PAGE_SIZE - 1) /
		HV_PAGE_SIZE;
	if (pages > (g->list_len - *pos) / 8) {
		trace_bad("gpadl", "pages without a number", pages);
		return -EINVAL;
	}
	*r = (struct gpadl_range) {
		.offset = w.byte_offset, .len = w.byte_count,
		.first = g->page_count, .count = (u32)pages,
	};
	for (i = 0; i < pages; i++, *pos += 8) {
		memcpy(&pfn, g->list + *pos, sizeof(pfn));
		if (pfn < 1ull << 52)
			g->page[g->page_count] = mem_at(mem, pfn * HV_PAGE_SIZE,
							HV_PAGE_SIZE);
		if (!g->page[g->page_count]) {
			trace_bad("gpadl", "page frame number", pfn);
			return -EFAULT;
		}
		g->page_count++;
	}
	return 0;
}

static int gpadl_parse(struct gpadl *g, const struct mem *mem)
{
	u32 pos = 0, i;
	int ret;

	g->range = calloc(g->range_count, sizeof(*g->range));
	g->page = calloc(g->list_len / 8, sizeof(*g->page));
	if (!g->range || !g->page)
		return say_host_failed(-ENOMEM, "GPADL %u", g->id);
	for (i = 0; i < g->range_count; i++) {
		ret = gpadl_parse_range(g, mem, &g->range[i], &pos);
		if (ret)
			return ret;
	}
	if (pos != g->list_len) {
		trace_bad("gpadl", "bytes after the last range",
			  g->list_len - pos);
		return -EINVAL;
	}
	g->complete = true;
	free(g->list);
	g->list = NULL;
	return 0;
}

/**
 * gpadl_feed() - Take the next piece of a GPADL's page lists.
 * @g:		From gpadl_new(), not complete yet
 * @mem:	The guest's RAM
 * @data:	What the message held after its fixed part
 * @len:	Bytes of it
 *
 * A piece may end anywhere, in the middle of a range's head too.
 *
 * Return: 1 when the GPADL is complete and can be used, 0 when more is to
 * come, or -errno when it is wrong (traced): then only gpadl_free() is left.
 */
int gpadl_feed(struct gpadl *g, const struct mem *mem, const void *data,
	       size_t len)
{
	int ret;

	if (g->complete || len > g->list_len - g->list_got) {
		trace_bad("gpadl", "bytes past the announced length", len);
		return -EINVAL;
	}
	memcpy(g->list + g->list_got, data, len);
	g->list_got += (u32)len;
	if (g->list_got < g->list_len)
		return 0;
	ret = gpadl_parse(g, mem);
	return ret ? ret : 1;
}

/**
 * gpadl_free() - Forget a GPADL.
 * @g:	It, complete or not, or NULL
 */
void gpadl_free(struct gpadl *g)
{
	if (!g)
		return;
	free(g->list);
	free(g->range);
	free(g->page);
	free(g);
}
