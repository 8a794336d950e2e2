/* SPDX-License-Identifier: GPL-2.0-only */
/* AML that depends on options, encoded by hand. Pure. */
#ifndef HVHOST_AML_H
#define HVHOST_AML_H

#include "core/types.h"

/* A buffer that grows; full tells that something did not fit. */
struct aml {
	u8 *p;
	size_t size, len;
	bool full;
};

void aml_put(struct aml *a, u64 value, unsigned int bytes);
void aml_puts(struct aml *a, const char *s);
void aml_pkg_length(struct aml *a, size_t bytes);
void aml_window(struct aml *a, unsigned int width, u8 type, u8 flags,
		u64 min, u64 max);
void aml_memory(struct aml *a, const struct range *r);
void aml_begin_table(struct aml *a, const char *signature);
void aml_scope_crs(struct aml *a, const char *device, const struct aml *crs);
int aml_end_table(struct aml *a);

#endif
