/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line, in Hyper-V's own words. */
#ifndef HVHOST_OPTIONS_H
#define HVHOST_OPTIONS_H

#include "vm.h"

enum options_command {
	OPTIONS_RUN,
	OPTIONS_LAYOUT,
	OPTIONS_HELP,		/* given; nothing else to do */
	OPTIONS_BAD,		/* stderr was told */
};

int options_parse(int argc, char **argv, struct options *opt);
int options_layout(const struct options *opt);

#endif
