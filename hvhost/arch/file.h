/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that are loaded into the guest: kernel and initrd. */
#ifndef HVHOST_FILE_H
#define HVHOST_FILE_H

#include "core/types.h"

int file_map(const char *path, const u8 **p, u64 *size);
void file_unmap(const u8 *p, u64 size);

#endif
