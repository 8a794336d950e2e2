/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's end of the guest's serial ports: terminal, and file of findings. */
#ifndef HVHOST_CONSOLE_H
#define HVHOST_CONSOLE_H

#include "core/run.h"
#include "dev/serial.h"

struct console {
	struct run *run;
	/* To stdout, from stdin; the findings, of which nothing comes back */
	struct serial port, findings;
	const char *findings_path;	/* NULL: none, and no second port */
	int findings_fd;
	int findings_err;		/* the first that a write returned */
	int output_err;			/* likewise, of stdout */
	bool escaped;			/* Ctrl-A was typed last */
	/* A text that is waited for has come, as the index in ->watch */
	void (*seen)(void *opaque, int watch);
	void *opaque;
};

int console_open_findings(struct console *c, const char *path);
int console_close_findings(struct console *c);
int console_flush(struct console *c);
bool console_has_findings(const struct console *c);
void console_init(struct console *c, struct run *run);
void console_watch(struct console *c, const char *text, bool again, bool off);
int console_start(struct console *c);

#endif
