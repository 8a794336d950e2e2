/* SPDX-License-Identifier: GPL-2.0-only */
/* An NVMe controller with one namespace in a file, in Azure's shape. */
#ifndef HVHOST_NVME_H
#define HVHOST_NVME_H

#include "core/kind.h"
#include "hv/vpci.h"

extern const struct device_kind nvme_kind;

/* Opaque to all but nvme.c and its tests. @disk stays open until the end. */
struct vpci_device *nvme_new(const char *name, const char *disk, char *why,
			     size_t why_len);
void nvme_free(struct vpci_device *dev);

#endif
