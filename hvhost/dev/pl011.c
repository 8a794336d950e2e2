// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PL011, as Linux uses one: by its FIFOs and interrupts. Bytes leave at once, so the
 * transmitter is always empty; there is no DMA, no modem line and no loopback.
 */
#include "dev/pl011.h"

static u32 pl011_raw(const struct pl011 *p)
{
	u32 raw = 0;

	if (p->sent)
		raw |= PL011_TX;
	if (p->len)
		raw |= PL011_RX | PL011_RX_TIMEOUT;
	return raw;
}

static void pl011_update(struct pl011 *p)
{
	bool listens = p->imsc & (PL011_RX | PL011_RX_TIMEOUT);
	int level;
	u8 c;

	/*
	 * Input waits until the guest listens for it, as in serial.c, and what it has
	 * not read waits again once it does not: Linux empties the FIFO as it opens
	 * the port.
	 */
	while (listens && p->len < PL011_FIFO && serial_take(p->line, &c))
		p->fifo[(p->head + p->len++) % PL011_FIFO] = c;
	while (!listens && p->len &&
	       serial_put_back(p->line, p->fifo[(p->head + p->len - 1) % PL011_FIFO]))
		p->len--;
	level = pl011_raw(p) & p->imsc ? 1 : 0;
	if (level != p->level) {
		p->level = level;
		p->line->irq(p->line->irq_opaque, level);
	}
}

static u8 pl011_receive(struct pl011 *p)
{
	u8 c;

	if (!p->len)
		return 0;
	c = p->fifo[p->head];
	p->head = (p->head + 1) % PL011_FIFO;
	p->len--;
	return c;
}

static u32 pl011_read(struct pl011 *p, u64 offset)
{
	/* Of ARM's, revision 1 */
	static const u8 id[] = { 0x11, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1 };

	if (offset >= PL011_ID && offset < PL011_ID + 4 * sizeof(id))
		return id[(offset - PL011_ID) / 4];
	switch (offset) {
	case PL011_DR:
		return pl011_receive(p);
	case PL011_FR:
		return PL011_FR_TXFE | (p->len ? 0 : PL011_FR_RXFE) |
		       (p->len == PL011_FIFO ? PL011_FR_RXFF : 0);
	case PL011_ILPR:
		return p->ilpr;
	case PL011_IBRD:
		return p->ibrd;
	case PL011_FBRD:
		return p->fbrd;
	case PL011_LCRH:
		return p->lcrh;
	case PL011_CR:
		return p->cr;
	case PL011_IFLS:
		return p->ifls;
	case PL011_IMSC:
		return p->imsc;
	case PL011_RIS:
		return pl011_raw(p);
	case PL011_MIS:
		return pl011_raw(p) & p->imsc;
	case PL011_DMACR:
		return p->dmacr;
	}
	return 0;
}

static void pl011_write(struct pl011 *p, u64 offset, u32 value)
{
	switch (offset) {
	case PL011_DR:
		serial_send(p->line, (u8)value);
		p->sent = true;
		break;
	case PL011_ILPR:
		p->ilpr = value;
		break;
	case PL011_IBRD:
		p->ibrd = value;
		break;
	case PL011_FBRD:
		p->fbrd = value;
		break;
	case PL011_LCRH:
		p->lcrh = value;
		break;
	case PL011_CR:
		p->cr = value;
		break;
	case PL011_IFLS:
		p->ifls = value;
		break;
	case PL011_IMSC:
		p->imsc = value & PL011_INTS;
		break;
	case PL011_ICR:
		if (value & PL011_TX)
			p->sent = false;
		break;
	case PL011_DMACR:
		p->dmacr = value;
		break;
	}
}

static void pl011_input(void *opaque)
{
	pl011_update(opaque);
}

/**
 * pl011_init() - Give a serial port the registers of a PL011.
 * @p:		To be filled in
 * @line:	The port, whose interrupt is set up
 */
void pl011_init(struct pl011 *p, struct serial *line)
{
	/* Enabled, as firmware leaves it: both directions */
	*p = (struct pl011) { .line = line, .cr = 0x301, .lcrh = 0x70 };
	line->input = pl011_input;
	line->input_opaque = p;
}

/**
 * pl011_io() - The port's page of registers.
 * @opaque:	The struct pl011
 * @offset:	Register
 * @write:	Guest writes
 * @value:	What it writes, or gets
 * @size:	Any; registers are aligned to four bytes
 */
void pl011_io(void *opaque, u64 offset, bool write, u64 *value,
	      unsigned int size)
{
	struct pl011 *p = opaque;

	if (!write)
		*value = 0;
	if (size > 4 || offset % 4)
		return;
	if (write)
		pl011_write(p, offset, (u32)*value);
	else
		*value = pl011_read(p, offset);
	/* By far the most frequent access changes nothing */
	if (offset != PL011_FR)
		pl011_update(p);
}
