/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a request has to be granted, by the kernel's documentation */
#ifndef SWEEP_CRS_PLACE_H
#define SWEEP_CRS_PLACE_H

#include "crs/list.h"

/*
 * vmbus_allocate_mmio() of some kernels tries one place after another at the
 * distance of the alignment: 4 KiB in a large window that is taken, or that
 * reaches beyond the end of iomem_resource, takes practically for ever. Nothing
 * is learnt from waiting: for these kernels, requests are made such that there
 * are few tries. One that ends at the reservation takes no time, the others do.
 */
#define TRY_COST	16
#define MAX_COST	(160 * TRY_COST)
/* ... so now and then even a reservation is passed in steps of 4 KiB. */
#define PATIENT_COST	(MAX_COST + 128 * MIB / 4096)

/* Inside the reservation, or elsewhere */
enum found { NOT_FOUND, INSIDE, OUTSIDE };

const struct range *place_taken(const struct list *l, const struct range *r);
enum found place_expect(struct list *l, const struct request *q,
			struct range *room);
u64 place_tries(const struct range *win, const struct request *q, u64 last);
u64 place_cost(const struct list *l, const struct request *q);

#endif
