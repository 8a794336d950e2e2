/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmbus_allocate_mmio() tries one place after another, mostly 4 KiB further
 * each time: tens of thousands of tries where a large range is taken. All of
 * them that overlap the same taken range come to nothing. So where it says
 * "continue", it is put before the last of these; it goes on from there by
 * itself. sweep/cut puts that into loops of the form that is known here.
 *
 * Not with sanitizers, and not with NO_SHORTCUT, for who measures or checks.
 */
#if !defined(SANITIZE) && !defined(NO_SHORTCUT)
static __maybe_unused bool skip_taken(const struct resource *window,
				      resource_size_t *start,
				      resource_size_t size,
				      resource_size_t step)
{
	const struct resource *res;

	/* One that does not fit at its place may be taken for its size alone. */
	if (!size || *start + size - 1 < *start)
		return true;
	for (res = window->child; res; res = res->sibling)
		if (res->end >= *start && res->start <= *start + size - 1)
			break;
	if (res && res->flags & IORESOURCE_BUSY && res->end > *start)
		*start += (res->end - *start) / step * step;
	return true;
}

#define SHORTCUT	if (skip_taken(iter, &start, size, align))
#else
#define SHORTCUT
#endif
