/* SPDX-License-Identifier: GPL-2.0-only */
/* A PL011: the registers of a serial port of arm64. */
#ifndef HVHOST_PL011_H
#define HVHOST_PL011_H

#include "dev/serial.h"

#define PL011_FIFO	32

/* Registers */
#define PL011_DR	0x00
#define PL011_FR	0x18
#define PL011_ILPR	0x20
#define PL011_IBRD	0x24
#define PL011_FBRD	0x28
#define PL011_LCRH	0x2c
#define PL011_CR	0x30
#define PL011_IFLS	0x34
#define PL011_IMSC	0x38
#define PL011_RIS	0x3c
#define PL011_MIS	0x40
#define PL011_ICR	0x44
#define PL011_DMACR	0x48
#define PL011_ID	0xfe0	/* eight of them */

/* Of FR, and of IMSC, RIS, MIS and ICR */
#define PL011_FR_RXFE	(1u << 4)
#define PL011_FR_RXFF	(1u << 6)
#define PL011_FR_TXFE	(1u << 7)
#define PL011_RX	(1u << 4)
#define PL011_TX	(1u << 5)
#define PL011_RX_TIMEOUT	(1u << 6)
#define PL011_INTS	0x7ffu

struct pl011 {
	struct serial *line;	/* what is not registers, and the interrupt */
	u32 ilpr, ibrd, fbrd, lcrh, cr, ifls, imsc, dmacr;
	bool sent;		/* TX interrupt pending */
	int level;		/* of the interrupt line */
	u8 fifo[PL011_FIFO];
	u32 head, len;
};

void pl011_init(struct pl011 *p, struct serial *line);
void pl011_io(void *opaque, u64 offset, bool write, u64 *value,
	      unsigned int size);

#endif
