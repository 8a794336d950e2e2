// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's end of the guest's serial ports. The first one sends to stdout and
 * receives from stdin. The second one, which is there with --findings only, sends
 * to that file and receives nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/fail.h"
#include "dev/console.h"

#define IDLE_MS		100
#define CTRL_A		1

/* For exit(), which there is one of */
static struct console *at_exit;
static struct termios saved;
static bool terminal_saved;

/* Ctrl-A x ends the run, Ctrl-A Ctrl-A is Ctrl-A. Returns what is left. */
static unsigned int console_keys(struct console *c, u8 *p, unsigned int len)
{
	unsigned int i, n = 0;

	for (i = 0; i < len; i++) {
		if (c->escaped) {
			c->escaped = false;
			if (p[i] == 'x' || p[i] == 'X')
				run_end(c->run, RUN_HOST_ERROR,
					"stopped by Ctrl-A x");
			else
				p[n++] = p[i];
		} else if (p[i] == CTRL_A) {
			c->escaped = true;
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
static void *console_thread(void *opaque)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	bool tty = isatty(STDIN_FILENO);
	unsigned int len = 0, done = 0;
	struct console *c = opaque;
	u8 buf[256];
	ssize_t n;

	for (;;) {
		/* No more is read while some is left: do not spin on it */
		if (poll(&in, done < len ? 0 : 1, IDLE_MS) > 0) {
			n = read(in.fd, buf, sizeof(buf));
			if (n > 0) {
				done = 0;
				len = tty ? console_keys(c, buf, n) : n;
			} else if (n == 0 ||
				   (errno != EINTR && errno != EAGAIN)) {
				in.fd = -1;	/* the end; poll() waits only */
			}
		}
		/* A vCPU may hold it for as long as nobody reads stdout */
		if (!run_lock(c->run, IDLE_MS))
			continue;
		if (done < len)
			done += serial_input(&c->port, buf + done, len - done);
		serial_flush(&c->port);
		serial_flush(&c->findings);
		run_unlock(c->run);
	}
	return NULL;
}

static void console_seen(void *opaque, int watch)
{
	struct console *c = opaque;

	c->seen(c->opaque, watch);
}

/*
 * A reader that went away, or a full disk. What the guest says is not kept from
 * now on, but trace and findings are; the run's status tells of it in the end.
 */
static void console_output_failed(void *opaque, int err)
{
	struct console *c = opaque;

	/* Who does not read, once the run has ended, did not want it */
	if (err == -ETIMEDOUT)
		return;
	c->output_err = say_failed(err, "cannot write the console");
	c->port.out_fd = -1;
}

static void console_say_failed(struct console *c, int err)
{
	c->findings_err = say_failed(err, "cannot write findings '%s'",
				     c->findings_path);
	c->findings.out_fd = -1;
}

/* A run whose findings are lost proves nothing: say why, and end it. */
static void console_findings_failed(void *opaque, int err)
{
	struct console *c = opaque;

	console_say_failed(c, err);
	run_end(c->run, RUN_HOST_ERROR, "the findings could not be written");
}

/*
 * At exit. Who ends a run holds the lock already, if it was to be had; when
 * the run could not start, nobody does, and console_thread() is about.
 */
static void console_stop(void)
{
	if (run_lock(at_exit->run, IDLE_MS)) {
		serial_flush(&at_exit->port);
		serial_flush(&at_exit->findings);
	}
	if (terminal_saved)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void console_raw_terminal(void)
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

/**
 * console_open_findings() - Make the file that the second port sends to.
 * @c:		Zero
 * @path:	File to make or to overwrite; NULL: none. Must stay.
 *
 * Before console_init().
 *
 * Return: 0 or -errno, said on stderr.
 */
int console_open_findings(struct console *c, const char *path)
{
	int err;

	c->findings_path = path;
	c->findings_fd = -1;
	c->findings_err = 0;
	if (!path)
		return 0;
	/* O_NONBLOCK: do not wait for somebody to read a FIFO. */
	c->findings_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
			      O_NOCTTY | O_NONBLOCK, 0666);
	if (c->findings_fd >= 0)
		return 0;
	err = -errno;
	console_say_failed(c, err);
	return err;
}

/**
 * console_close_findings() - The run has ended: write the rest of the findings.
 * @c:		The console; the lock is held
 *
 * The second port sends nowhere from now on.
 *
 * Return: 0, or -errno if some could not be written, said on stderr.
 */
int console_close_findings(struct console *c)
{
	if (c->findings_fd < 0)
		return c->findings_err;
	serial_flush(&c->findings);
	c->findings.out_fd = -1;
	/* Some file systems only tell now that the disk is full. */
	if (close(c->findings_fd) && !c->findings_err)
		console_say_failed(c, -errno);
	c->findings_fd = -1;
	return c->findings_err;
}

/**
 * console_flush() - The run has ended: write the rest of the console.
 * @c:		The console; the lock is held
 *
 * Return: 0, or -errno if some could not be written, said on stderr.
 */
int console_flush(struct console *c)
{
	serial_flush(&c->port);
	return c->output_err;
}

/**
 * console_has_findings() - Is there a second port?
 * @c:		The console, after console_open_findings()
 *
 * Return: true if there is.
 */
bool console_has_findings(const struct console *c)
{
	return c->findings_fd >= 0;
}

/**
 * console_init() - Set up both ports, but for what the guest sees of them.
 * @c:		The console, after console_open_findings()
 * @run:	The run
 *
 * Then ->port and ->findings are to be given their interrupts.
 */
void console_init(struct console *c, struct run *run)
{
	c->run = run;
	c->output_err = 0;
	c->port = (struct serial) {
		.out_fd = STDOUT_FILENO, .end_fd = run->end_fd,
		.seen = console_seen, .failed = console_output_failed,
		.opaque = c,
	};
	c->findings = (struct serial) {
		.out_fd = c->findings_fd, .end_fd = run->end_fd,
		.seen = console_seen, .failed = console_findings_failed,
		.opaque = c,
	};
}

/**
 * console_watch() - Wait for a text in the findings, or, without them, on stdout.
 * @c:		The console, after console_init(); it waits for MAX_WATCHES at most
 * @text:	What for; must stay
 * @again:	Each time that it comes, not the first time alone
 * @off:	Never; it has its index all the same
 */
void console_watch(struct console *c, const char *text, bool again, bool off)
{
	struct serial *s = console_has_findings(c) ? &c->findings : &c->port;

	s->watch[s->watches++] = (struct serial_watch) {
		.text = text, .again = again, .seen = off,
	};
}

/**
 * console_start() - Let stdin and the prompt through.
 * @c:		The console, whose ports the guest can find
 *
 * A terminal on stdin is raw from now until the process exits.
 *
 * Return: 0 or -errno, said on stderr.
 */
int console_start(struct console *c)
{
	pthread_t thread;
	int err;

	/* A reader that went away, or a limit, is no reason to die */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	console_raw_terminal();
	at_exit = c;
	atexit(console_stop);
	err = -pthread_create(&thread, NULL, console_thread, c);
	if (err)
		return say_failed(err, "no thread for the console");
	pthread_detach(thread);
	return 0;
}
