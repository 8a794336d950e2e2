// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI device of nothing but BARs, in which each word says where it is. There
 * is no memory behind them, so that they cost nothing.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "core/math.h"
#include "core/parse.h"
#include "dev/echo.h"

#define MIN_BAR		(4 * KIB)

/* Microsoft's vendor id, a device id that is nobody's, and no known class */
#define VENDOR		0x1414
#define DEVICE		0xecc0
#define CLASS		0xff0000u

struct echo {
	struct vpci_device dev;
	char *name;
	u64 last[MAX_BARS];		/* written, anywhere in that BAR */
};

static void echo_access_bar(struct vpci_device *dev, int bar, u64 offset,
			    bool write, u64 *value, unsigned int size)
{
	struct echo *echo = (struct echo *)dev;
	u64 word;
	unsigned int i;

	if (write) {
		echo->last[bar] = *value;
		if (size < 8)
			echo->last[bar] &= (1ull << 8 * size) - 1;
		return;
	}
	*value = 0;
	for (i = 0; i < size; i++, offset++) {
		word = (vpci_bar_gpa(dev, bar) + offset) & ~7ull;
		word ^= echo->last[bar];
		*value |= (word >> offset % 8 * 8 & 0xff) << i * 8;
	}
}

static void echo_reset(struct vpci_device *dev)
{
	struct echo *echo = (struct echo *)dev;

	memset(echo->last, 0, sizeof(echo->last));
}

/* Return: the slot after this BAR's, or -EINVAL and why there is no place for it. */
static int echo_add_bar(struct vpci_device *dev, int slot,
			const struct echo_bar *bar, char *why, size_t why_len)
{
	if (bar->size < MIN_BAR || bar->size > ECHO_MAX_BAR)
		return refuse(why, why_len,
			      "a BAR of 0x%llx bytes is not within 4 KiB to 1 GiB",
			      bar->size);
	if (!is_power_of_two(bar->size))
		return refuse(why, why_len,
			      "a BAR of 0x%llx bytes is no power of two", bar->size);
	if (slot + bar->is_64 >= MAX_BARS)
		return refuse(why, why_len,
			      "more than %d BARs, of which one of 64 bits is two",
			      MAX_BARS);
	dev->bar[slot].size = bar->size;
	dev->bar[slot].is_64 = bar->is_64;
	/* Reads have no effects, but writes are felt elsewhere */
	dev->bar[slot].prefetch = false;
	return slot + 1 + bar->is_64;
}

/**
 * echo_new() - Make an echo device.
 * @name:	Copied
 * @bar:	Its BARs, in order
 * @count:	How many, may be 0
 * @why:	Where to say why not
 * @why_len:	Bytes there
 *
 * Return: it, or NULL after having said why.
 */
struct vpci_device *echo_new(const char *name, const struct echo_bar *bar,
			     int count, char *why, size_t why_len)
{
	struct echo *echo = calloc(1, sizeof(*echo));
	int i, slot = 0;

	if (!echo)
		goto no_memory;
	echo->name = strdup(name);
	if (!echo->name)
		goto no_memory;
	echo->dev = (struct vpci_device) {
		.name = echo->name,
		.vendor = VENDOR, .device = DEVICE,
		.subsystem_vendor = VENDOR, .subsystem = DEVICE,
		.class = CLASS,
		.access = echo_access_bar,
		.reset = echo_reset,
	};
	for (i = 0; i < count; i++) {
		slot = echo_add_bar(&echo->dev, slot, &bar[i], why, why_len);
		if (slot < 0) {
			echo_free(&echo->dev);
			return NULL;
		}
	}
	return &echo->dev;
no_memory:
	snprintf(why, why_len, "%s", strerror(ENOMEM));
	free(echo);
	return NULL;
}

/**
 * echo_free() - Free an echo device that is on no bus.
 * @dev:	From echo_new(), or NULL
 */
void echo_free(struct vpci_device *dev)
{
	struct echo *echo = (struct echo *)dev;

	if (!echo)
		return;
	free(echo->name);
	free(echo);
}

/* What follows "test," on the command line */
struct echo_args {
	struct echo_bar bar[MAX_BARS];
	int bars;
	u32 refuse_first, refuse_last;	/* D0 entries, from 1; 0: none */
};

/*
 * bar32=16M,bar64=1G,...: whether there can be such BARs is for echo_new().
 * Last of all may be refuse-d0=2-3.
 * Return: NULL, or what @s should have been.
 */
static const char *echo_parse(const char *s, struct echo_args *args)
{
	const char *size, *refusal;
	char text[32];
	size_t len;

	*args = (struct echo_args) { .bars = 0 };
	for (;; s += len + 1) {
		struct echo_bar *bar = &args->bar[args->bars];

		refusal = parse_after(s, "refuse-d0=");
		if (refusal && args->bars)
			return parse_pair(refusal, '-', INT_MAX,
					  &args->refuse_first,
					  &args->refuse_last) &&
			       args->refuse_first &&
			       args->refuse_first <= args->refuse_last ? NULL :
				"test with refuse-d0=FIRST-LAST, from 1 on";
		if (args->bars == MAX_BARS)
			return "test with at most 6 BARs";
		len = strcspn(s, ",");
		if (len >= sizeof(text))
			return "test with bar32=SIZE and bar64=SIZE";
		memcpy(text, s, len);
		text[len] = 0;
		size = parse_after(text, "bar64=");
		bar->is_64 = size;
		if (!size)
			size = parse_after(text, "bar32=");
		if (!size || !parse_size(size, &bar->size))
			return "test with bar32=SIZE and bar64=SIZE";
		args->bars++;
		if (!s[len])
			return NULL;
	}
}

static const char *echo_check(const char *args)
{
	struct echo_args a;

	return echo_parse(args, &a);
}

static struct vpci_device *echo_make(const char *name, const char *args,
				     char *why, size_t why_len)
{
	struct vpci_device *dev;
	struct echo_args a;

	echo_parse(args, &a);
	dev = echo_new(name, a.bar, a.bars, why, why_len);
	if (dev) {
		dev->refuse_first = a.refuse_first;
		dev->refuse_last = a.refuse_last;
	}
	return dev;
}

const struct device_kind echo_kind = {
	.name = "test",
	.prefix = "test,",
	.syntax = "test,bar32=SIZE,bar64=SIZE,...",
	.help =
"  --pci test,bar32=SIZE,bar64=SIZE,...\n"
"                        a device of nothing but BARs, 4K to 1G; test0, test1;\n"
"                        with ,refuse-d0=2-3 behind, these D0 entries fail\n",
	.check = echo_check,
	.make = echo_make,
};
