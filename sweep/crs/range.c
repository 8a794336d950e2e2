// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of ranges, and the cuts at which they begin and end: from one cut to the
 * next all addresses are alike.
 */
#include <string.h>

#include "crs/range.h"

/**
 * range_any_has() - Test whether a range of a list contains an address.
 * @at:	The address
 * @r:	The list
 * @n:	How many ranges it has
 *
 * Return: true if one does
 */
bool range_any_has(u64 at, const struct range *r, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (at >= r[i].start && at <= r[i].end)
			return true;
	return false;
}

/**
 * range_add_cut() - Insert an address into a sorted list without duplicates.
 * @at:	The list, with room for one more
 * @n:	How many addresses it has
 * @place:	The address
 *
 * Return: how many it has now
 */
int range_add_cut(u64 *at, int n, u64 place)
{
	int i = n;

	while (i && at[i - 1] > place)
		i--;
	if (i && at[i - 1] == place)
		return n;
	memmove(&at[i + 1], &at[i], (n - i) * sizeof(*at));
	at[i] = place;
	return n + 1;
}

/**
 * range_add_cuts() - Insert where ranges begin, and where what follows them begins.
 * @at:	The list of addresses, with room for two more a range
 * @n:	How many addresses it has
 * @r:	The ranges; none is empty
 * @count:	How many ranges there are
 *
 * Return: how many addresses it has now
 */
int range_add_cuts(u64 *at, int n, const struct range *r, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		n = range_add_cut(at, n, r[i].start);
		if (r[i].end != TOP)
			n = range_add_cut(at, n, r[i].end + 1);
	}
	return n;
}
