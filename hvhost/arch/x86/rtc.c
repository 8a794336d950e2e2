// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CMOS clock: the time of day in UTC, BCD, 24 hours; no alarms, no
 * interrupts. A guest that writes a time gets the right one back: it has the
 * host's clock. Without all this Linux waits for seconds for an update.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arch/machine.h"
#include "arch/x86/rtc.h"
#include "core/fail.h"

#define RTC_A		0x0a
#define RTC_B		0x0b
#define RTC_C		0x0c
#define RTC_D		0x0d
#define RTC_CENTURY	0x32

static struct rtc cmos;

static s64 rtc_time_of_day(void)
{
	return time(NULL);
}

static u8 rtc_bcd(int v)
{
	return v / 10 % 10 << 4 | v % 10;
}

static u8 rtc_read(const struct rtc *rtc)
{
	time_t now = rtc->now();
	struct tm tm = { 0 };

	gmtime_r(&now, &tm);
	switch (rtc->index) {
	case 0x00:
		return rtc_bcd(tm.tm_sec);
	case 0x02:
		return rtc_bcd(tm.tm_min);
	case 0x04:
		return rtc_bcd(tm.tm_hour);
	case 0x06:
		return rtc_bcd(tm.tm_wday + 1);
	case 0x07:
		return rtc_bcd(tm.tm_mday);
	case 0x08:
		return rtc_bcd(tm.tm_mon + 1);
	case 0x09:
		return rtc_bcd(tm.tm_year % 100);
	case RTC_CENTURY:
		return rtc_bcd((tm.tm_year + 1900) / 100);
	case RTC_A:
		/* 32768 Hz, 1024 Hz; never in the middle of an update */
		return 0x26;
	case RTC_B:
		return 0x02;
	case RTC_C:
		return 0;
	case RTC_D:
		return 0x80;		/* the battery is good */
	}
	return rtc->ram[rtc->index];
}

/**
 * rtc_io() - Ports 0x70 (index) and 0x71 (data).
 * @opaque:	The struct rtc
 * @offset:	From 0x70
 * @write:	Guest writes
 * @value:	What it writes, or gets
 * @size:	Only bytes do anything
 */
void rtc_io(void *opaque, u64 offset, bool write, u64 *value, unsigned int size)
{
	struct rtc *rtc = opaque;

	if (!write)
		*value = ~0ull;
	if (size != 1)
		return;
	if (offset == 0) {
		/* Bit 7 masks NMIs, of which there are none */
		if (write)
			rtc->index = *value & 0x7f;
	} else if (write) {
		rtc->ram[rtc->index] = *value;
	} else {
		*value = rtc_read(rtc);
	}
}

/**
 * rtc_init() - Make the CMOS clock.
 * @vm:		The VM
 *
 * Return: 0 or -errno, said on stderr.
 */
int rtc_init(struct vm *vm)
{
	int rc;

	memset(&cmos, 0, sizeof(cmos));
	cmos.now = rtc_time_of_day;
	rc = vm_add_ports(vm, 0x70, 2, rtc_io, &cmos);
	return rc ? say_failed(rc, "RTC ports") : 0;
}
