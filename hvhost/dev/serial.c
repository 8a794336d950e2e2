// SPDX-License-Identifier: GPL-2.0-only
/* A 16550A. Bytes leave at once, so the transmitter is always empty. */
#include <errno.h>
#include <limits.h>
#include <linux/serial_reg.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "dev/serial.h"

/* What a reader gets to read the rest, after the run */
#define DROP_MS		1000

/* Wait for the reader. Return: 0, or -errno if it does not read any more. */
static int serial_wait_writable(struct serial *s)
{
	struct pollfd fds[] = {
		{ .fd = s->out_fd, .events = POLLOUT },
		{ .fd = s->end_fd, .events = POLLIN },
	};
	s64 wait = -1;
	int n;

	for (;;) {
		if (s->drop_at) {
			wait = s->drop_at - clock_ms();
			if (wait < 0)
				wait = 0;
		}
		/* The end of the run stays readable */
		n = poll(fds, s->drop_at ? 1 : 2, wait);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ETIMEDOUT;
		if (!s->drop_at && fds[1].revents)
			s->drop_at = clock_ms() + DROP_MS;
		if (fds[0].revents)
			return 0;
	}
}

/**
 * serial_flush() - Write out what the guest sent.
 * @s:		The port
 *
 * While the reader does not read, the guest waits; but once the run has ended
 * no more than DROP_MS in all. If writing fails, what is left is dropped and
 * s->failed is called. Without s->failed the guest does not notice.
 */
void serial_flush(struct serial *s)
{
	unsigned int len, done = 0;
	int err = 0;
	ssize_t n;

	while (s->out_fd >= 0 && done < s->out_len) {
		err = serial_wait_writable(s);
		if (err)
			break;
		/* A pipe that is writable takes so much without blocking */
		len = s->out_len - done;
		n = write(s->out_fd, s->out + done,
			  len < PIPE_BUF ? len : PIPE_BUF);
		if (n > 0) {
			done += n;
		} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
			err = n ? -errno : -ENOSPC;
			break;
		}
	}
	s->out_len = 0;
	if (err && s->failed)
		s->failed(s->opaque, err);
}

static void serial_watch(struct serial *s, u8 c)
{
	unsigned int len;
	int i;

	if (!s->watches)
		return;
	if (s->last_len == sizeof(s->last)) {
		s->last_len -= MAX_WATCH_TEXT;
		memmove(s->last, s->last + MAX_WATCH_TEXT, s->last_len);
	}
	s->last[s->last_len++] = c;
	for (i = 0; i < s->watches; i++) {
		struct serial_watch *w = &s->watch[i];

		len = strlen(w->text);
		if (len > s->last_len || (w->seen && !w->again) ||
		    memcmp(s->last + s->last_len - len, w->text, len))
			continue;
		w->seen = true;
		s->seen(s->opaque, i);
	}
}

/**
 * serial_send() - The guest sent a byte.
 * @s:		The port
 * @c:		The byte
 */
void serial_send(struct serial *s, u8 c)
{
	s->out[s->out_len++] = c;
	if (c == '\n' || s->out_len == sizeof(s->out))
		serial_flush(s);
	serial_watch(s, c);
}

/**
 * serial_put_back() - Give back the byte that was taken last: it waits again, as the first.
 * @s:		The port
 * @c:		The byte
 *
 * Return: false if there is no room, and the byte is not taken.
 */
bool serial_put_back(struct serial *s, u8 c)
{
	if (s->waiting_len == SERIAL_WAITING)
		return false;
	s->waiting_head = (s->waiting_head + SERIAL_WAITING - 1) % SERIAL_WAITING;
	s->waiting[s->waiting_head] = c;
	s->waiting_len++;
	return true;
}

static unsigned int serial_fifo_size(const struct serial *s)
{
	return s->fcr & UART_FCR_ENABLE_FIFO ? SERIAL_FIFO : 1;
}

static void serial_receive(struct serial *s, u8 c)
{
	if (s->fifo_len >= serial_fifo_size(s)) {
		s->overrun = true;
		return;
	}
	s->fifo[(s->fifo_head + s->fifo_len++) % SERIAL_FIFO] = c;
}

/*
 * Input waits until the guest listens for it: else what a script says at the
 * start would be gone by the time a driver has reset the FIFO.
 */
static void serial_take_waiting(struct serial *s)
{
	if (!(s->ier & UART_IER_RDI) || s->mcr & UART_MCR_LOOP)
		return;
	while (s->waiting_len && s->fifo_len < serial_fifo_size(s)) {
		serial_receive(s, s->waiting[s->waiting_head]);
		s->waiting_head = (s->waiting_head + 1) % SERIAL_WAITING;
		s->waiting_len--;
	}
}

/*
 * What came from stdin and is not read yet goes back to where it waited: it
 * would not have been on the wire yet. Linux clears the FIFO when it opens and
 * sets up the port.
 */
static void serial_clear_fifo(struct serial *s)
{
	while (s->fifo_len && !(s->mcr & UART_MCR_LOOP) &&
	       serial_put_back(s, s->fifo[(s->fifo_head + s->fifo_len - 1) %
					  SERIAL_FIFO]))
		s->fifo_len--;
	s->fifo_len = 0;
	s->overrun = false;
}

/* The interrupt of highest priority, as IIR tells it */
static u8 serial_interrupt(const struct serial *s)
{
	if (s->ier & UART_IER_RLSI && s->overrun)
		return UART_IIR_RLSI;
	if (s->ier & UART_IER_RDI && s->fifo_len)
		return UART_IIR_RDI;
	if (s->ier & UART_IER_THRI && s->thre)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void serial_update(struct serial *s)
{
	int level;

	serial_take_waiting(s);
	/* On a PC, OUT2 lets the interrupt through */
	level = serial_interrupt(s) != UART_IIR_NO_INT &&
		s->mcr & UART_MCR_OUT2 && !(s->mcr & UART_MCR_LOOP);
	if (level != s->level) {
		s->level = level;
		s->irq(s->irq_opaque, level);
	}
}

static u8 serial_read_rx(struct serial *s)
{
	u8 c;

	if (!s->fifo_len)
		return 0;
	c = s->fifo[s->fifo_head];
	s->fifo_head = (s->fifo_head + 1) % SERIAL_FIFO;
	s->fifo_len--;
	return c;
}

static u8 serial_read_msr(const struct serial *s)
{
	u8 msr = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (s->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static u8 serial_read(struct serial *s, unsigned int reg)
{
	bool dlab = s->lcr & UART_LCR_DLAB;
	u8 v;

	switch (reg) {
	case UART_RX:
		return dlab ? s->dll : serial_read_rx(s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		v = serial_interrupt(s);
		if (v == UART_IIR_THRI)
			s->thre = false;
		if (s->fcr & UART_FCR_ENABLE_FIFO)
			v |= 0xc0;
		return v;
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		v = UART_LSR_TEMT | UART_LSR_THRE;
		if (s->fifo_len)
			v |= UART_LSR_DR;
		if (s->overrun)
			v |= UART_LSR_OE;
		s->overrun = false;
		return v;
	case UART_MSR:
		return serial_read_msr(s);
	default:
		return s->scr;
	}
}

static void serial_write(struct serial *s, unsigned int reg, u8 v)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab) {
			s->dll = v;
			break;
		}
		if (s->mcr & UART_MCR_LOOP)
			serial_receive(s, v);
		else
			serial_send(s, v);
		/* Sent, so empty again. When that was known already, no new
		 * edge is needed: the guest has yet to see the first.
		 */
		s->thre = true;
		break;
	case UART_IER:
		if (dlab) {
			s->dlm = v;
			break;
		}
		/* Enabling it with an empty transmitter interrupts */
		if (v & UART_IER_THRI && !(s->ier & UART_IER_THRI))
			s->thre = true;
		s->ier = v & 0x0f;
		break;
	case UART_FCR:
		if ((v ^ s->fcr) & UART_FCR_ENABLE_FIFO ||
		    v & UART_FCR_CLEAR_RCVR)
			serial_clear_fifo(s);
		s->fcr = v & UART_FCR_ENABLE_FIFO ? v & 0xc9 : 0;
		break;
	case UART_LCR:
		s->lcr = v;
		break;
	case UART_MCR:
		s->mcr = v & 0x1f;
		break;
	case UART_SCR:
		s->scr = v;
		break;
	}
}

/**
 * serial_io() - The port's eight registers.
 * @opaque:	The struct serial
 * @offset:	Register
 * @write:	Guest writes
 * @value:	What it writes, or gets
 * @size:	Only bytes do anything
 */
void serial_io(void *opaque, u64 offset, bool write, u64 *value,
	       unsigned int size)
{
	struct serial *s = opaque;

	if (!write)
		*value = ~0ull;
	if (size != 1 || offset > 7)
		return;
	if (write)
		serial_write(s, offset, *value);
	else
		*value = serial_read(s, offset);
	/* By far the most frequent access changes nothing but an overrun */
	if (offset != UART_LSR || s->level)
		serial_update(s);
}

/**
 * serial_input() - Give bytes to the guest.
 * @s:		The port
 * @p:		The bytes
 * @len:	How many
 *
 * Return: how many were taken; the others are to be given again later.
 */
unsigned int serial_input(struct serial *s, const u8 *p, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len && s->waiting_len < SERIAL_WAITING; i++)
		s->waiting[(s->waiting_head + s->waiting_len++) %
			   SERIAL_WAITING] = p[i];
	if (s->input)
		s->input(s->input_opaque);
	else
		serial_update(s);
	return i;
}

/**
 * serial_take() - Take one byte of what waits for the guest.
 * @s:		The port; its registers are not a 16550A's
 * @c:		Set to the byte
 *
 * Return: false if none waits.
 */
bool serial_take(struct serial *s, u8 *c)
{
	if (!s->waiting_len)
		return false;
	*c = s->waiting[s->waiting_head];
	s->waiting_head = (s->waiting_head + 1) % SERIAL_WAITING;
	s->waiting_len--;
	return true;
}
