// SPDX-License-Identifier: GPL-2.0-only
/*
 * The framebuffer's memory, wherever the framebuffer is. It stays the same
 * when that moves. The guest reaches it as it does RAM, but where MMIO is
 * answered within it, so it is mapped in pieces around that; or as a whole, if
 * it comes before MMIO.
 */
#include <errno.h>
#include <string.h>

#include "core/trace.h"
#include "dev/vram.h"

#define PAGE_MASK	((u64)HV_PAGE_SIZE - 1)

static bool vram_nowhere(const struct range *r)
{
	return r->end < r->start;
}

/* The lowest range from @from on that is not mapped. Return: false if none is. */
static bool vram_next_cut(const struct vram *v, u64 from, struct range *cut)
{
	bool found = v->mmio && io_next(v->mmio, from, cut);

	if (v->hole.end >= from && v->hole.end &&
	    (!found || v->hole.start < cut->start)) {
		*cut = v->hole;
		if (cut->start < from)
			cut->start = from;
		return true;
	}
	return found;
}

/* What is left of ->at beside MMIO, in whole pages. Return: how many pieces. */
static u32 vram_find_pieces(const struct vram *v, struct range *piece)
{
	u64 from = v->at.start;
	struct range io;
	u32 n = 0;

	if (vram_nowhere(&v->at))
		return 0;
	while (from <= v->at.end) {
		bool cut = vram_next_cut(v, from, &io) && io.start <= v->at.end;
		u64 end = v->at.end;

		if (cut)
			end = (io.start & ~PAGE_MASK) - 1;
		if (!cut || (io.start & ~PAGE_MASK) > from) {
			if (n == VRAM_MAX_PIECES) {
				trace_bad("framebuffer", "pieces, more than",
					  n);
				break;
			}
			piece[n++] = (struct range) { from, end };
		}
		/* What is in the way can go on to the very top */
		if (!cut || io.end >= v->at.end)
			break;
		from = (io.end | PAGE_MASK) + 1;
	}
	return n;
}

static int vram_unmap(struct vram *v)
{
	int err = 0;

	while (v->pieces && !err)
		err = v->map(v->opaque, --v->pieces, NULL, NULL);
	return err;
}

/**
 * vram_cut() - Map it anew, since MMIO has come or gone.
 * @v:	The memory
 *
 * While it is unmapped vram_access() stands in.
 *
 * Return: 0 or -errno of ->map().
 */
int vram_cut(struct vram *v)
{
	struct range piece[VRAM_MAX_PIECES];
	u32 n = vram_find_pieces(v, piece);
	int err;

	if (n == v->pieces && !memcmp(piece, v->piece, n * sizeof(piece[0])))
		return 0;
	err = vram_unmap(v);
	memcpy(v->piece, piece, n * sizeof(piece[0]));
	while (!err && v->pieces < n) {
		const struct range *p = &piece[v->pieces];

		err = v->map(v->opaque, v->pieces, p,
			     v->host + (p->start - v->at.start));
		if (!err)
			v->pieces++;
	}
	return err;
}

/**
 * vram_move() - Have it elsewhere.
 * @v:	The memory
 * @to:	Where, as a whole; ends before it starts: nowhere
 *
 * It stays where it was if that cannot be.
 *
 * Return: 0, -EINVAL if @to is not in whole pages, too large, or beyond what
 * the guest can address, -EBUSY if it overlaps RAM, or -errno of ->map().
 */
int vram_move(struct vram *v, const struct range *to)
{
	struct range before = v->at;
	int i, err;

	if (!vram_nowhere(to)) {
		if (to->start & PAGE_MASK ||
		    (to->end & PAGE_MASK) != PAGE_MASK ||
		    to->end - to->start >= v->size || to->end >= v->limit)
			return -EINVAL;
		for (i = 0; i < v->mem->count; i++) {
			const struct mem_region *r = &v->mem->region[i];

			if (to->start < r->gpa + r->size && r->gpa <= to->end)
				return -EBUSY;
		}
	}
	/* The same place in pieces, but other bytes of it */
	if (to->start != before.start)
		vram_unmap(v);
	v->at = *to;
	err = vram_cut(v);
	if (err) {
		vram_unmap(v);
		v->at = before;
		vram_cut(v);
	}
	return err;
}

/**
 * vram_access() - An access that the guest could not make by itself.
 * @v:		The memory
 * @addr:	First address; nothing else answers there
 * @write:	Guest writes
 * @data:	What it writes, or gets
 * @size:	Bytes
 *
 * Because it was mapped anew just then, MMIO that comes first lies in the same
 * page, or the address is in ->hole.
 *
 * Return: false if not all of it is in this memory.
 */
bool vram_access(const struct vram *v, u64 addr, bool write, void *data,
		 unsigned int size)
{
	if (vram_nowhere(&v->at) || addr < v->at.start || addr > v->at.end ||
	    size > v->at.end - addr + 1)
		return false;
	if (write)
		memcpy(v->host + (addr - v->at.start), data, size);
	else
		memcpy(data, v->host + (addr - v->at.start), size);
	return true;
}
