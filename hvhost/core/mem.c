// SPDX-License-Identifier: GPL-2.0-only
/* Guest RAM, and the only way to reach it: by checked GPA. */
#include <errno.h>
#include <string.h>

#include "core/mem.h"

/**
 * mem_add() - Make a piece of guest RAM known.
 * @mem:	The guest's memory
 * @gpa:	Where the guest sees it
 * @size:	Bytes, not 0
 * @host:	Where we see it
 *
 * Return: 0, -EINVAL if it wraps or overlaps what is there, -ENOSPC.
 */
int mem_add(struct mem *mem, u64 gpa, u64 size, u8 *host)
{
	int i;

	if (!size || gpa + size < gpa)
		return -EINVAL;
	for (i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];

		if (gpa < r->gpa + r->size && r->gpa < gpa + size)
			return -EINVAL;
	}
	if (mem->count == MEM_MAX_REGIONS)
		return -ENOSPC;
	mem->region[mem->count++] = (struct mem_region) {
		.gpa = gpa, .size = size, .host = host,
	};
	return 0;
}

/**
 * mem_at() - Guest RAM as host memory.
 * @mem:	The guest's memory
 * @gpa:	First byte
 * @len:	Bytes, may be 0
 *
 * The guest can change what is there at any time: copy before checking.
 *
 * Return: pointer good for @len bytes, or NULL if not all of them are RAM of
 * one region.
 */
void *mem_at(const struct mem *mem, u64 gpa, u64 len)
{
	int i;

	for (i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size &&
		    len <= r->size - (gpa - r->gpa))
			return r->host + (gpa - r->gpa);
	}
	return NULL;
}

/**
 * mem_read() - Copy from guest RAM.
 * @mem:	The guest's memory
 * @gpa:	First byte
 * @buf:	Where to
 * @len:	Bytes
 *
 * Return: 0, or -EFAULT if not all of it is RAM; @buf is unchanged then.
 */
int mem_read(const struct mem *mem, u64 gpa, void *buf, u64 len)
{
	const void *p = mem_at(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

/**
 * mem_write() - Copy to guest RAM.
 * @mem:	The guest's memory
 * @gpa:	First byte
 * @buf:	What
 * @len:	Bytes
 *
 * Return: 0, or -EFAULT if not all of it is RAM; nothing is written then.
 */
int mem_write(const struct mem *mem, u64 gpa, const void *buf, u64 len)
{
	void *p = mem_at(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}
