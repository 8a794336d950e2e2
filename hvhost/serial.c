// SPDX-License-Identifier: GPL-2.0-only
/*
 * COM1 and COM2, each a 16550A. COM1 sends to stdout and receives from stdin.
 * COM2 is there with --findings only: it sends to that file and receives
 * nothing. Bytes leave at once, so the transmitter is always empty.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/serial_reg.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "serial.h"
#include "trace.h"
#include "vm.h"

#define IDLE_MS		100
/* What a reader gets to read the rest, after the run */
#define DROP_MS		1000
#define CTRL_A		1

static_assert(VM_MAX_WATCHES <= SERIAL_WATCHES, "one port watches for all");

struct com {
	const char *name;
	u16 base;
	u32 gsi;
	struct vm *vm;
	struct serial port;
};

static struct com com1 = { .name = "COM1", .base = 0x3f8, .gsi = 4 };
static struct com com2 = { .name = "COM2", .base = 0x2f8, .gsi = 3 };

/* The file that COM2 sends to */
static struct {
	const char *path;	/* NULL: none, and no COM2 */
	int fd;
	int err;		/* the first that a write returned */
} findings = { .fd = -1 };

static struct termios saved;
static bool terminal_saved;

static s64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* Wait for the reader. Return: 0, or -errno if it does not read any more. */
static int wait_writable(struct serial *s)
{
	struct pollfd fds[] = {
		{ .fd = s->out_fd, .events = POLLOUT },
		{ .fd = vm_end_fd(), .events = POLLIN },
	};
	s64 wait = -1;
	int n;

	for (;;) {
		if (s->drop_at) {
			wait = s->drop_at - now_ms();
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
			s->drop_at = now_ms() + DROP_MS;
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
		err = wait_writable(s);
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

static void watch(struct serial *s, u8 c)
{
	unsigned int len;
	int i;

	if (!s->watches)
		return;
	if (s->last_len == sizeof(s->last)) {
		s->last_len -= SERIAL_WATCH;
		memmove(s->last, s->last + SERIAL_WATCH, s->last_len);
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

static void transmit(struct serial *s, u8 c)
{
	s->out[s->out_len++] = c;
	if (c == '\n' || s->out_len == sizeof(s->out))
		serial_flush(s);
	watch(s, c);
}

static unsigned int fifo_size(const struct serial *s)
{
	return s->fcr & UART_FCR_ENABLE_FIFO ? SERIAL_FIFO : 1;
}

static void receive(struct serial *s, u8 c)
{
	if (s->fifo_len >= fifo_size(s)) {
		s->overrun = true;
		return;
	}
	s->fifo[(s->fifo_head + s->fifo_len++) % SERIAL_FIFO] = c;
}

/*
 * Input waits until the guest listens for it: else what a script says at the
 * start would be gone by the time a driver has reset the FIFO.
 */
static void take_waiting(struct serial *s)
{
	if (!(s->ier & UART_IER_RDI) || s->mcr & UART_MCR_LOOP)
		return;
	while (s->waiting_len && s->fifo_len < fifo_size(s)) {
		receive(s, s->waiting[s->waiting_head]);
		s->waiting_head = (s->waiting_head + 1) % SERIAL_WAITING;
		s->waiting_len--;
	}
}

/*
 * What came from stdin and is not read yet goes back to where it waited: it
 * would not have been on the wire yet. Linux clears the FIFO when it opens and
 * sets up the port.
 */
static void clear_fifo(struct serial *s)
{
	while (s->fifo_len && !(s->mcr & UART_MCR_LOOP) &&
	       s->waiting_len < SERIAL_WAITING) {
		s->waiting_head = (s->waiting_head + SERIAL_WAITING - 1) %
				  SERIAL_WAITING;
		s->waiting[s->waiting_head] =
			s->fifo[(s->fifo_head + --s->fifo_len) % SERIAL_FIFO];
		s->waiting_len++;
	}
	s->fifo_len = 0;
	s->overrun = false;
}

/* The interrupt of highest priority, as IIR tells it */
static u8 interrupt(const struct serial *s)
{
	if (s->ier & UART_IER_RLSI && s->overrun)
		return UART_IIR_RLSI;
	if (s->ier & UART_IER_RDI && s->fifo_len)
		return UART_IIR_RDI;
	if (s->ier & UART_IER_THRI && s->thre)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update(struct serial *s)
{
	int level;

	take_waiting(s);
	/* On a PC, OUT2 lets the interrupt through */
	level = interrupt(s) != UART_IIR_NO_INT && s->mcr & UART_MCR_OUT2 &&
		!(s->mcr & UART_MCR_LOOP);
	if (level != s->level) {
		s->level = level;
		s->irq(s->opaque, level);
	}
}

static u8 read_rx(struct serial *s)
{
	u8 c;

	if (!s->fifo_len)
		return 0;
	c = s->fifo[s->fifo_head];
	s->fifo_head = (s->fifo_head + 1) % SERIAL_FIFO;
	s->fifo_len--;
	return c;
}

static u8 read_msr(const struct serial *s)
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
		return dlab ? s->dll : read_rx(s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		v = interrupt(s);
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
		return read_msr(s);
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
			receive(s, v);
		else
			transmit(s, v);
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
			clear_fifo(s);
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
		update(s);
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
	update(s);
	return i;
}

/* Ctrl-A x ends the run, Ctrl-A Ctrl-A is Ctrl-A. Returns what is left. */
static unsigned int keys(struct vm *vm, u8 *p, unsigned int len)
{
	static bool escaped;
	unsigned int i, n = 0;

	for (i = 0; i < len; i++) {
		if (escaped) {
			escaped = false;
			if (p[i] == 'x' || p[i] == 'X')
				vm_end(vm, VM_HOST_ERROR,
				       "stopped by Ctrl-A x");
			else
				p[n++] = p[i];
		} else if (p[i] == CTRL_A) {
			escaped = true;
		} else {
			p[n++] = p[i];
		}
	}
	return n;
}

/*
 * Reads stdin as the guest takes it, and flushes a line that does not end, a
 * prompt for example, when it has stood for a moment.
 */
static void *serial_thread(void *opaque)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	bool tty = isatty(STDIN_FILENO);
	unsigned int len = 0, done = 0;
	struct vm *vm = opaque;
	u8 buf[256];
	ssize_t n;

	for (;;) {
		/* No more is read while some is left: do not spin on it */
		if (poll(&in, done < len ? 0 : 1, IDLE_MS) > 0) {
			n = read(in.fd, buf, sizeof(buf));
			if (n > 0) {
				done = 0;
				len = tty ? keys(vm, buf, n) : n;
			} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
				in.fd = -1;	/* the end; poll() waits only */
			}
		}
		/* A vCPU may hold it for as long as nobody reads stdout */
		if (!vm_lock(vm, IDLE_MS))
			continue;
		if (done < len)
			done += serial_input(&com1.port, buf + done,
					     len - done);
		serial_flush(&com1.port);
		serial_flush(&com2.port);
		pthread_mutex_unlock(&vm->lock);
	}
	return NULL;
}

static void set_irq(void *opaque, int level)
{
	const struct com *com = opaque;

	vm_irq_line(com->vm, com->gsi, level);
}

static void seen(void *opaque, int watch)
{
	struct vm *vm = ((const struct com *)opaque)->vm;

	host_watch_seen(vm, &vm->opt->watch[watch]);
}

/* A run whose findings are lost proves nothing: say why, and end it. */
static void findings_failed(void *opaque, int err)
{
	fprintf(stderr, "hvhost: cannot write findings '%s': %s\n",
		findings.path, strerror(-err));
	findings.err = err;
	com2.port.out_fd = -1;
	if (opaque)
		vm_end(((const struct com *)opaque)->vm, VM_HOST_ERROR,
		       "the findings could not be written");
}

/*
 * At exit. Who ends a run holds the lock already, if it was to be had; when
 * start() fails, nobody does, and serial_thread() is about.
 */
static void stop(void)
{
	if (vm_lock(com1.vm, IDLE_MS)) {
		serial_flush(&com1.port);
		serial_flush(&com2.port);
	}
	if (terminal_saved)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void raw_terminal(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
		return;
	raw = saved;
	raw.c_iflag &= ~(ICRNL | INLCR | IGNCR | IXON | BRKINT | ISTRIP);
	raw.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	terminal_saved = true;
}

/* Have the guest find the port. Return: 0 or -errno. */
static int add_port(struct vm *vm, struct com *com, int out_fd)
{
	com->vm = vm;
	com->port = (struct serial) {
		.out_fd = out_fd,
		.irq = set_irq,
		.seen = seen,
		.opaque = com,
	};
	return vm_add_ports(vm, com->base, 8, serial_io, &com->port);
}

static void add_watches(const struct options *opt, struct serial *s)
{
	int i;

	for (i = 0; i < opt->watches; i++) {
		const struct option_watch *w = &opt->watch[i];

		s->watch[i] = (struct serial_watch) {
			.text = w->text,
			/* A bus is not a port's to wait for */
			.seen = w->bus,
			.again = !w->bus && w->action == WATCH_SCREEN,
		};
	}
	s->watches = opt->watches;
}

/**
 * serial_open_findings() - Make the file that COM2 sends to.
 * @path:	File to make or to overwrite; NULL: none. Must stay.
 *
 * Before serial_init(), which adds COM2 only if there is one.
 *
 * Return: 0 or -errno, said on stderr.
 */
int serial_open_findings(const char *path)
{
	int err;

	findings.path = path;
	findings.err = 0;
	if (!path)
		return 0;
	/* O_NONBLOCK: do not wait for somebody to read a FIFO. */
	findings.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
			   O_NOCTTY | O_NONBLOCK, 0666);
	if (findings.fd >= 0)
		return 0;
	err = -errno;
	findings_failed(NULL, err);
	return err;
}

/**
 * serial_close_findings() - The run has ended: write the rest of the findings.
 *
 * The lock is held. COM2 sends nowhere from now on.
 *
 * Return: 0, or -errno if some could not be written, said on stderr.
 */
int serial_close_findings(void)
{
	if (findings.fd < 0)
		return findings.err;
	serial_flush(&com2.port);
	com2.port.out_fd = -1;
	/* Some file systems only tell now that the disk is full. */
	if (close(findings.fd) && !findings.err)
		findings_failed(NULL, -errno);
	findings.fd = -1;
	return findings.err;
}

/**
 * serial_init() - Make COM1, and COM2 if there is a file for findings.
 * @vm:		The VM
 *
 * A terminal on stdin is raw from now until the process exits. COM2 watches
 * for texts if it is there, else COM1 does.
 *
 * Return: 0 or -errno, said on stderr.
 */
int serial_init(struct vm *vm)
{
	struct com *com = &com1;
	pthread_t thread;
	int rc;

	/* A reader that went away, or a limit, is no reason to die */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	com2.port.out_fd = -1;
	rc = add_port(vm, com, STDOUT_FILENO);
	raw_terminal();
	atexit(stop);
	if (!rc && findings.fd >= 0) {
		com = &com2;
		rc = add_port(vm, com, findings.fd);
		com->port.failed = findings_failed;
	}
	if (!rc) {
		add_watches(vm->opt, &com->port);
		rc = -pthread_create(&thread, NULL, serial_thread, vm);
	}
	if (rc)
		fprintf(stderr, "hvhost: %s: %s\n", com->name, strerror(-rc));
	else
		pthread_detach(thread);
	return rc;
}
