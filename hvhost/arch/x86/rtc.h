/* SPDX-License-Identifier: GPL-2.0-only */
/* The CMOS clock; what the tests see of it. */
#ifndef HVHOST_RTC_H
#define HVHOST_RTC_H

#include "arch/machine.h"

struct rtc {
	u8 index;
	u8 ram[128];
	s64 (*now)(void);	/* seconds since 1970, UTC */
};

int rtc_init(struct vm *vm);
void rtc_io(void *opaque, u64 offset, bool write, u64 *value,
	    unsigned int size);

#endif
