/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI device of nothing but BARs, of any size up to 1 GiB. Each 64-bit word
 * of a BAR reads as its own guest physical address, exclusive or with what was
 * last written anywhere in that BAR: who reads it knows that this BAR answers,
 * and where.
 */
#ifndef HVHOST_ECHO_H
#define HVHOST_ECHO_H

#include "core/kind.h"
#include "hv/vpci.h"

#define ECHO_MAX_BAR	GIB

extern const struct device_kind echo_kind;

struct echo_bar {
	u64 size;
	bool is_64;
};

struct vpci_device *echo_new(const char *name, const struct echo_bar *bar,
			     int count, char *why, size_t why_len);
void echo_free(struct vpci_device *dev);

#endif
