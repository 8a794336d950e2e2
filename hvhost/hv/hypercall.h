/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls: their inputs checked, and handed to VMBus and virtual PCI. */
#ifndef HVHOST_HYPERCALL_H
#define HVHOST_HYPERCALL_H

#include "core/mem.h"
#include "core/types.h"
#include "hv/hv.h"
#include "hv/vmbus.h"
#include "hv/vpci.h"

struct hypercalls {
	const struct mem *mem;
	struct vmbus *bus;
	struct vpci *vpci;
	u64 shared_bit;			/* an isolated VM's mark on shared GPAs */
};

u16 hypercall_post_message(const struct hypercalls *h, u32 vp, u64 input,
			   u64 gpa);
u16 hypercall_signal_event(const struct hypercalls *h, u64 input, u64 param);
u64 hypercall_other(const struct hypercalls *h, u64 input, u64 gpa);

#endif
