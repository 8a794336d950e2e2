/* SPDX-License-Identifier: GPL-2.0-only */
/* A 16550A. */
#ifndef HVHOST_SERIAL_H
#define HVHOST_SERIAL_H

#include "core/limits.h"
#include "core/types.h"

#define SERIAL_FIFO	16
#define SERIAL_OUT	4096
#define SERIAL_WAITING	4096

struct serial_watch {
	const char *text;
	bool again;		/* not just the first time */
	bool seen;
};

struct serial {
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	bool thre;		/* THRE interrupt pending */
	bool overrun;
	int level;		/* of the interrupt line */
	u8 fifo[SERIAL_FIFO];
	unsigned int fifo_head, fifo_len;
	/* Input that has not come to the FIFO yet */
	u8 waiting[SERIAL_WAITING];
	unsigned int waiting_head, waiting_len;
	/* Output that has not been written yet */
	char out[SERIAL_OUT];
	unsigned int out_len;
	int out_fd;		/* -1: nowhere */
	int end_fd;		/* readable once the run has ended */
	s64 drop_at;		/* ms; 0 while the run has not ended */
	/* Called when a text appears in the output */
	struct serial_watch watch[MAX_WATCHES];
	int watches;
	char last[2 * MAX_WATCH_TEXT];	/* of the output, as much as is needed */
	unsigned int last_len;
	void (*seen)(void *opaque, int watch);
	void (*irq)(void *opaque, int level);
	void *irq_opaque;
	/* Called when input waits; NULL: it is a 16550A, which sees to it itself */
	void (*input)(void *opaque);
	void *input_opaque;
	/* Called when output could not be written; NULL: nobody has to know */
	void (*failed)(void *opaque, int err);
	void *opaque;
};

void serial_io(void *opaque, u64 offset, bool write, u64 *value,
	       unsigned int size);
unsigned int serial_input(struct serial *s, const u8 *p, unsigned int len);
void serial_flush(struct serial *s);

/* For registers other than a 16550A's */
void serial_send(struct serial *s, u8 c);
bool serial_take(struct serial *s, u8 *c);
bool serial_put_back(struct serial *s, u8 c);

#endif
