// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port as Linux's 8250 driver treats it; COM1 and COM2 of a VM; the CMOS
 * clock.
 */
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
/* After those that it needs. */
#include <cmocka.h>

#include "arch/x86/com.h"
#include "arch/x86/rtc.h"
#include "core/clock.h"

static struct serial s;
static int level, edges, seen;

static void irq(void *opaque, int to)
{
	(void)opaque;
	assert_int_not_equal(level, to);
	level = to;
	edges += to;
}

static u32 saw_which;		/* a bit each */
static int end_fd = -1;		/* of the run */

static void saw(void *opaque, int watch)
{
	(void)opaque;
	seen++;
	saw_which |= 1u << watch;
}

/* In place of run.c's. */
static int ends;
static enum run_end ended;

void run_end(struct run *run, enum run_end how, const char *why)
{
	assert_non_null(run);
	assert_non_null(why);
	ended = how;
	ends++;
}

/* As there: console_thread() is about, from the first console_start() on. */
bool run_lock(struct run *run, int ms)
{
	(void)ms;
	return !pthread_mutex_lock(&run->lock);
}

void run_unlock(struct run *run)
{
	pthread_mutex_unlock(&run->lock);
}

static int line[16];

int kvm_irq_line(const struct kvm *kvm, u32 gsi, int to)
{
	assert_non_null(kvm);
	line[gsi] = to;
	return 0;
}

/* The ports that were added: COM1's first */
static struct {
	u16 base;
	vm_io_fn fn;
	void *opaque;
} port[2];
static int ports;

int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque)
{
	assert_non_null(vm);
	assert_int_equal(count, 8);
	assert_true(ports < 2);
	port[ports].base = first;
	port[ports].fn = fn;
	port[ports++].opaque = opaque;
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	s.out_fd = -1;
	s.end_fd = end_fd;
	s.irq = irq;
	s.seen = saw;
	level = 0;
	edges = 0;
	seen = 0;
	saw_which = 0;
	return 0;
}

static u8 in(unsigned int reg)
{
	u64 v = 0;

	serial_io(&s, reg, false, &v, 1);
	return v;
}

static void out(unsigned int reg, u8 value)
{
	u64 v = value;

	serial_io(&s, reg, true, &v, 1);
}

/* The steps of Linux's autoconfig() that tell a 16550A from the others. */
static void detect(void **state)
{
	u8 mcr, iir;

	(void)state;
	out(UART_IER, 0);
	assert_int_equal(in(UART_IER), 0);
	out(UART_IER, 0x0f);
	assert_int_equal(in(UART_IER) & 0x0f, 0x0f);
	out(UART_IER, 0);

	mcr = in(UART_MCR);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(in(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(UART_MCR, mcr);

	/* No EFR, no scratch tricks; both FIFO bits, not the 64-byte one */
	out(UART_LCR, 0xbf);
	out(2, 0);
	out(UART_LCR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	iir = in(UART_IIR);
	assert_int_equal(iir >> 6, 3);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(in(UART_IIR) >> 5, 6);
	out(UART_FCR, 0);
	assert_int_equal(in(UART_IIR) >> 6, 0);
	out(UART_SCR, 0xa5);
	assert_int_equal(in(UART_SCR), 0xa5);
}

static void divisor(void **state)
{
	(void)state;
	out(UART_IER, 5);
	out(UART_LCR, UART_LCR_DLAB | 3);
	out(UART_DLL, 0x34);
	out(UART_DLM, 0x12);
	assert_int_equal(in(UART_DLL), 0x34);
	assert_int_equal(in(UART_DLM), 0x12);
	out(UART_LCR, 3);
	assert_int_equal(in(UART_IER), 5);
	assert_int_equal(s.out_len, 0);
}

/* An interrupt when it is enabled, again each time, and after each byte. */
static void thre(void **state)
{
	(void)state;
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_IER, UART_IER_THRI);
	assert_int_equal(level, 1);
	assert_int_equal(in(UART_IIR) & 0xf, UART_IIR_THRI);
	assert_int_equal(level, 0);
	assert_int_equal(in(UART_IIR) & 0xf, UART_IIR_NO_INT);
	out(UART_IER, 0);
	out(UART_IER, UART_IER_THRI);
	assert_int_equal(edges, 2);
	in(UART_IIR);
	out(UART_TX, 'a');
	out(UART_TX, 'b');
	assert_int_equal(level, 1);
	assert_int_equal(edges, 3);
	assert_int_equal(in(UART_IIR) & 0xf, UART_IIR_THRI);
	assert_int_equal(in(UART_IIR) & 0xf, UART_IIR_NO_INT);
	assert_int_equal(in(UART_LSR), UART_LSR_TEMT | UART_LSR_THRE);
	assert_memory_equal(s.out, "ab", 2);
	/* OUT2 is the gate */
	out(UART_TX, 'c');
	assert_int_equal(level, 1);
	out(UART_MCR, 0);
	assert_int_equal(level, 0);
}

static void receive(void **state)
{
	u8 big[SERIAL_WAITING + 7];
	unsigned int i;

	(void)state;
	memset(big, 'x', sizeof(big));
	/* Nobody listens yet: it waits, past a FIFO that is cleared */
	assert_int_equal(serial_input(&s, (const u8 *)"hello", 5), 5);
	assert_int_equal(in(UART_LSR) & UART_LSR_DR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	assert_int_equal(level, 1);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	out(UART_FCR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(UART_IIR) & 0xf, UART_IIR_RDI);
	for (i = 0; i < 5; i++) {
		assert_int_equal(in(UART_LSR) & UART_LSR_DR, UART_LSR_DR);
		assert_int_equal(in(UART_RX), "hello"[i]);
	}
	assert_int_equal(level, 0);
	assert_int_equal(in(UART_LSR) & UART_LSR_DR, 0);
	assert_int_equal(in(UART_RX), 0);

	/* More than there is room for: nothing is lost or made up */
	i = serial_input(&s, big, sizeof(big));
	assert_int_equal(i, SERIAL_WAITING);
	assert_int_equal(s.fifo_len, SERIAL_FIFO);
	assert_int_equal(serial_input(&s, big, 100), SERIAL_FIFO);
	for (i = 0; in(UART_LSR) & UART_LSR_DR; i++)
		assert_int_equal(in(UART_RX), 'x');
	assert_int_equal(i, SERIAL_WAITING + SERIAL_FIFO);
	assert_int_equal(in(UART_LSR) & UART_LSR_OE, 0);
}

/* Looped back, bytes do not get out, and too many are an overrun. */
static void loopback(void **state)
{
	int i;

	(void)state;
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	for (i = 0; i < SERIAL_FIFO + 1; i++)
		out(UART_TX, 'A' + i);
	assert_int_equal(s.out_len, 0);
	assert_int_equal(level, 0);
	assert_int_equal(in(UART_IIR) & 0xf, UART_IIR_RLSI);
	assert_int_equal(in(UART_LSR) & UART_LSR_OE, UART_LSR_OE);
	assert_int_equal(in(UART_LSR) & UART_LSR_OE, 0);
	assert_int_equal(serial_input(&s, (const u8 *)"z", 1), 1);
	for (i = 0; i < SERIAL_FIFO; i++)
		assert_int_equal(in(UART_RX), 'A' + i);
	assert_int_equal(in(UART_LSR) & UART_LSR_DR, 0);
	out(UART_MCR, UART_MCR_OUT2);
	assert_int_equal(in(UART_RX), 'z');
}

static void send(const char *text)
{
	while (*text)
		out(UART_TX, *text++);
}

static void output(void **state)
{
	char buf[SERIAL_OUT * 2];
	int fd[2], i;

	(void)state;
	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	s.out_fd = fd[1];
	send("part of a line");
	assert_int_equal(read(fd[0], buf, sizeof(buf)), -1);
	send("\n");
	assert_int_equal(read(fd[0], buf, sizeof(buf)), 15);
	send("prompt");
	serial_flush(&s);
	assert_int_equal(read(fd[0], buf, sizeof(buf)), 6);
	for (i = 0; i < SERIAL_OUT; i++)
		send("y");
	assert_int_equal(read(fd[0], buf, sizeof(buf)), SERIAL_OUT);
	/* The reader is gone: dropped, and no harm done */
	close(fd[0]);
	s.out_fd = open("/dev/full", O_WRONLY);
	send("lost\n");
	assert_int_equal(s.out_len, 0);
	close(s.out_fd);
	close(fd[1]);
}

static void watch(const char *text, bool again)
{
	s.watch[s.watches++] = (struct serial_watch) {
		.text = text, .again = again,
	};
}

static void watching(void **state)
{
	char text[MAX_WATCH_TEXT + 1];
	int i;

	(void)state;
	watch("aab: done", false);
	send("aaab: don");
	assert_int_equal(seen, 0);
	send("e");
	assert_int_equal(seen, 1);
	send("aab: done aab: done");
	assert_int_equal(seen, 1);

	fresh(NULL);
	memset(text, 'q', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	watch(text, false);
	/* The longest, wherever what is kept of the output is cut */
	for (i = 0; i < 3 * MAX_WATCH_TEXT; i++) {
		send("-");
		send(text + 1);
		assert_int_equal(seen, 0);
	}
	send("q");
	assert_int_equal(seen, 1);
}

/* Several at once, one of them as often as it comes; in lines, across lines */
static void watching_many(void **state)
{
	(void)state;
	watch("painted", true);
	watch("one\ntwo", false);
	watch("ted", false);
	watch("t", false);
	send("pain");
	assert_int_equal(seen, 0);
	send("t");
	assert_int_equal(seen, 1);
	assert_int_equal(saw_which, 8);
	send("ed\n");
	assert_int_equal(seen, 3);
	assert_int_equal(saw_which, 8 | 4 | 1);
	send("painted one\n");
	assert_int_equal(seen, 4);
	send("two, and all of it again: painted, one\ntwo\n");
	assert_int_equal(seen, 6);
	assert_int_equal(saw_which, 15);
}

/* Whatever order, register and size: no byte goes astray (ASan watches). */
static void anything(void **state)
{
	u32 x = 1;
	int i;

	(void)state;
	watch("\x55\x01", true);
	for (i = 0; i < 200000; i++) {
		u64 v;

		x = x * 1664525 + 1013904223;
		v = x >> 8;
		serial_io(&s, x >> 29, x >> 28 & 1, &v, 1 << (x >> 27 & 1));
		if (!(x >> 16 & 63))
			serial_input(&s, (u8 *)&x, sizeof(x));
		assert_true(s.fifo_len <= SERIAL_FIFO);
		assert_true(s.waiting_len <= SERIAL_WAITING);
		assert_true(s.out_len < SERIAL_OUT);
	}
}

/* A VM's ports, with its lock held, so that only this thread touches them */
static struct vm vm;
static char path[] = "/tmp/test_serial.XXXXXX";

/* As main.c does it */
static int start_console(void)
{
	int err;

	console_init(&vm.console, &vm.run);
	vm.console.seen = saw;
	console_watch(&vm.console, "waits", false, false);
	err = com_init(&vm);
	return err ?: console_start(&vm.console);
}

static int com_setup(void **state)
{
	static bool once;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	if (!once) {
		pthread_mutexattr_t attr;

		pthread_mutexattr_init(&attr);
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
		pthread_mutex_init(&vm.run.lock, &attr);
		/* Nothing to be read, no terminal to be made raw */
		fd = open("/dev/null", O_RDONLY);
		assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
		close(fd);
		once = true;
	}
	vm.run.end_fd = end_fd;
	vm.console.findings_fd = -1;
	ports = 0;
	ends = 0;
	seen = 0;
	pthread_mutex_lock(&vm.run.lock);
	return 0;
}

static int com_teardown(void **state)
{
	(void)state;
	console_close_findings(&vm.console);
	pthread_mutex_unlock(&vm.run.lock);
	unlink(path);
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	return 0;
}

static void com_out(int n, unsigned int reg, u8 value)
{
	u64 v = value;

	assert_true(n < ports);
	port[n].fn(port[n].opaque, reg, true, &v, 1);
}

static void com_send(int n, const char *text)
{
	while (*text)
		com_out(n, UART_TX, *text++);
}

static void assert_file(const char *want)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	close(fd);
	assert_string_equal(buf, want);
}

/* Run with stdout going nowhere and stderr into said[]; not to assert there. */
static char said[512];
static int result;

static void quietly(void (*fn)(void))
{
	FILE *f = tmpfile();
	int saved[2], null = open("/dev/null", O_WRONLY);
	size_t n;

	assert_non_null(f);
	fflush(NULL);
	saved[0] = dup(1);
	saved[1] = dup(2);
	dup2(null, 1);
	dup2(fileno(f), 2);
	fn();
	fflush(NULL);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(saved[0]);
	close(saved[1]);
	close(null);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = 0;
	fclose(f);
}

static void send_to_com1(void)
{
	com_send(0, "it waits\n");
}

static void send_to_com2(void)
{
	com_send(1, "it waits\npart");
}

/* COM1 alone, whose output is watched. */
static void only_com1(void **state)
{
	(void)state;
	assert_int_equal(console_open_findings(&vm.console, NULL), 0);
	assert_int_equal(start_console(), 0);
	assert_int_equal(ports, 1);
	assert_int_equal(port[0].base, 0x3f8);
	quietly(send_to_com1);
	assert_int_equal(seen, 1);
	assert_int_equal(saw_which, 1);
	assert_int_equal(console_close_findings(&vm.console), 0);
}

/* COM2 has its own registers, interrupt and file, and is watched instead. */
static void both(void **state)
{
	(void)state;
	assert_int_equal(console_open_findings(&vm.console, path), 0);
	assert_int_equal(start_console(), 0);
	assert_int_equal(ports, 2);
	assert_int_equal(port[0].base, 0x3f8);
	assert_int_equal(port[1].base, 0x2f8);
	quietly(send_to_com1);
	assert_int_equal(seen, 0);
	quietly(send_to_com2);
	assert_string_equal(said, "");
	assert_int_equal(seen, 1);
	assert_int_equal(saw_which, 1);
	assert_file("it waits\n");

	com_out(1, UART_MCR, UART_MCR_OUT2);
	com_out(1, UART_IER, UART_IER_THRI);
	assert_int_equal(line[3], 1);
	assert_int_equal(line[4], 0);
	com_out(1, UART_MCR, 0);
	assert_int_equal(line[3], 0);
	com_out(0, UART_MCR, UART_MCR_OUT2);
	com_out(0, UART_IER, UART_IER_THRI);
	assert_int_equal(line[4], 1);
	assert_int_equal(line[3], 0);
	com_out(0, UART_MCR, 0);

	/* The end of the run: what is left is written, and nothing after it. */
	assert_int_equal(console_close_findings(&vm.console), 0);
	assert_file("it waits\npart");
	com_send(1, "too late\n");
	assert_int_equal(console_close_findings(&vm.console), 0);
	assert_file("it waits\npart");
	assert_int_equal(ends, 0);

	/* Nothing is left of the run before. */
	assert_int_equal(console_open_findings(&vm.console, path), 0);
	assert_file("");
}

/* A line that does not end is written after a moment all the same. */
static void part_of_a_line(void **state)
{
	(void)state;
	assert_int_equal(console_open_findings(&vm.console, path), 0);
	assert_int_equal(start_console(), 0);
	com_send(1, "part");
	assert_file("");
	pthread_mutex_unlock(&vm.run.lock);
	usleep(500000);
	pthread_mutex_lock(&vm.run.lock);
	assert_file("part");
}

static void open_nowhere(void)
{
	result = console_open_findings(&vm.console, "/none/findings");
}

static void open_folder(void)
{
	result = console_open_findings(&vm.console, "/tmp");
}

/* Nobody reads: not waited for. */
static void open_fifo(void)
{
	unlink(path);
	if (mkfifo(path, 0600))
		return;
	alarm(20);
	result = console_open_findings(&vm.console, path);
	alarm(0);
}

static void cannot_open(void **state)
{
	(void)state;
	quietly(open_nowhere);
	assert_int_equal(result, -ENOENT);
	assert_string_equal(said, "hvhost: cannot write findings '/none/findings': No such file or directory\n");
	quietly(open_folder);
	assert_int_equal(result, -EISDIR);
	assert_string_equal(said, "hvhost: cannot write findings '/tmp': Is a directory\n");
	quietly(open_fifo);
	assert_int_equal(result, -ENXIO);
	assert_non_null(strstr(said, path));
	assert_non_null(strstr(said, ": No such device or address\n"));
	assert_int_equal(ends, 0);
}

static void send_lines(void)
{
	com_send(1, "first\n");
	com_send(1, "second\n");
	com_send(1, "third");
	com_send(0, "console\n");
}

/* The disk is full: said once, with its name, and the run ends. */
static void full(void **state)
{
	(void)state;
	assert_int_equal(console_open_findings(&vm.console, "/dev/full"), 0);
	assert_int_equal(start_console(), 0);
	quietly(send_lines);
	assert_string_equal(said, "hvhost: cannot write findings '/dev/full': No space left on device\n");
	assert_int_equal(ends, 1);
	assert_int_equal(ended, RUN_HOST_ERROR);
	assert_int_equal(console_close_findings(&vm.console), -ENOSPC);
	assert_int_equal(ends, 1);
}

static void send_part(void)
{
	com_send(1, "part");
	result = console_close_findings(&vm.console);
}

/* ... even if that is found out only when the run has ended. */
static void full_in_the_end(void **state)
{
	(void)state;
	assert_int_equal(console_open_findings(&vm.console, "/dev/full"), 0);
	assert_int_equal(start_console(), 0);
	quietly(send_part);
	assert_int_equal(result, -ENOSPC);
	assert_string_equal(said, "hvhost: cannot write findings '/dev/full': No space left on device\n");
}

static void send_many_lines(void)
{
	send_lines();
	send_lines();
}

/* What the guest says is lost: said once, and the run goes on; its end tells. */
static void console_full(void **state)
{
	(void)state;
	assert_int_equal(console_open_findings(&vm.console, path), 0);
	assert_int_equal(start_console(), 0);
	assert_int_equal(console_flush(&vm.console), 0);
	vm.console.port.out_fd = open("/dev/full", O_WRONLY);
	quietly(send_many_lines);
	assert_string_equal(said, "hvhost: cannot write the console: No space left on device\n");
	assert_int_equal(console_flush(&vm.console), -ENOSPC);
	assert_int_equal(ends, 0);
	assert_int_equal(console_close_findings(&vm.console), 0);
}

/* What fits is there. */
static void limited(void **state)
{
	struct rlimit old, limit;

	(void)state;
	assert_int_equal(console_open_findings(&vm.console, path), 0);
	assert_int_equal(start_console(), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 8;
	setrlimit(RLIMIT_FSIZE, &limit);
	quietly(send_lines);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_file("first\nse");
	assert_int_equal(ended, RUN_HOST_ERROR);
	assert_int_equal(console_close_findings(&vm.console), -EFBIG);
}

static s64 when;

static s64 now(void)
{
	return when;
}

static u8 cmos(struct rtc *rtc, u8 index)
{
	u64 v = index;

	rtc_io(rtc, 0, true, &v, 1);
	rtc_io(rtc, 1, false, &v, 1);
	return v;
}

static void clock_registers(void **state)
{
	static const u8 expect[][2] = {
		{ 0x00, 0x56 }, { 0x02, 0x34 }, { 0x04, 0x12 }, { 0x06, 0x05 },
		{ 0x07, 0x29 }, { 0x08, 0x02 }, { 0x09, 0x24 }, { 0x32, 0x20 },
		{ 0x0c, 0x00 }, { 0x0d, 0x80 },
	};
	struct rtc rtc = { .now = now };
	unsigned int i;
	u64 v;

	(void)state;
	when = 1709210096;	/* Thu 2024-02-29 12:34:56 UTC */
	for (i = 0; i < ARRAY_SIZE(expect); i++)
		assert_int_equal(cmos(&rtc, expect[i][0]), expect[i][1]);
	assert_int_equal(cmos(&rtc, 0x0a) & 0x80, 0);	/* no update */
	assert_int_equal(cmos(&rtc, 0x0b) & 0x06, 2);	/* BCD, 24 hours */
	/* The time cannot be set, the RAM can; bit 7 of the index is not it */
	assert_int_equal(cmos(&rtc, 0x00), 0x56);
	v = 0x11;
	rtc_io(&rtc, 1, true, &v, 1);
	assert_int_equal(cmos(&rtc, 0x80), 0x56);
	assert_int_equal(cmos(&rtc, 0x7f), 0);
	v = 0x22;
	rtc_io(&rtc, 1, true, &v, 1);
	assert_int_equal(cmos(&rtc, 0xff), 0x22);
	rtc_io(&rtc, 0, false, &v, 2);
	assert_int_equal(v, ~0ull);
}

/* The port on a pipe that is full, as behind "| sleep 100"; what it holds */
static int full_pipe(int fds[2])
{
	char page[4096] = { 0 };
	int flags, n = 0;

	assert_int_equal(pipe(fds), 0);
	flags = fcntl(fds[1], F_GETFL);
	fcntl(fds[1], F_SETFL, flags | O_NONBLOCK);
	while (write(fds[1], page, sizeof(page)) > 0)
		n += sizeof(page);
	fcntl(fds[1], F_SETFL, flags);
	s.out_fd = fds[1];
	memset(s.out, 'x', sizeof(s.out));
	s.out_len = sizeof(s.out);
	end_fd = eventfd(0, EFD_NONBLOCK);
	s.end_fd = end_fd;
	assert_true(end_fd >= 0);
	alarm(20);	/* rather than to hang */
	return n;
}

static void close_pipe(int fds[2])
{
	alarm(0);
	close(fds[0]);
	close(fds[1]);
	close(end_fd);
	end_fd = -1;
}

static void *end_soon(void *opaque)
{
	u64 one = 1;

	(void)opaque;
	usleep(200000);
	assert_int_equal(write(end_fd, &one, sizeof(one)), sizeof(one));
	return NULL;
}

/* Nobody reads: the guest waits, until the run ends and then a second. */
static void stalled(void **state)
{
	s64 start = clock_ms();
	pthread_t thread;
	int fds[2];

	(void)state;
	full_pipe(fds);
	assert_int_equal(pthread_create(&thread, NULL, end_soon, NULL), 0);
	serial_flush(&s);
	pthread_join(thread, NULL);
	assert_in_range(clock_ms() - start, 1150, 5000);
	assert_int_equal(s.out_len, 0);

	/* A second in all, not one each time */
	start = clock_ms();
	s.out_len = 1;
	serial_flush(&s);
	assert_in_range(clock_ms() - start, 0, 500);
	assert_int_equal(s.out_len, 0);
	close_pipe(fds);
}

struct late_reader {
	int fd, len;
};

static void *read_late(void *opaque)
{
	struct late_reader *r = opaque;
	char buf[4096];

	usleep(200000);
	while (r->len) {
		ssize_t n = read(r->fd, buf, sizeof(buf));

		assert_true(n > 0);
		r->len -= n;
	}
	return NULL;
}

/* Who reads late gets all of it, even after the run. */
static void late(void **state)
{
	struct late_reader r;
	pthread_t thread;
	char buf[8192];
	int fds[2], ended;
	u64 one = 1;

	(void)state;
	for (ended = 0; ended < 2; ended++) {
		r.len = full_pipe(fds);
		r.fd = fds[0];
		if (ended)
			assert_int_equal(write(end_fd, &one, 8), 8);
		assert_int_equal(pthread_create(&thread, NULL, read_late, &r),
				 0);
		serial_flush(&s);
		pthread_join(thread, NULL);
		assert_int_equal(read(fds[0], buf, sizeof(buf)), sizeof(s.out));
		assert_int_equal(buf[0], 'x');
		close_pipe(fds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(detect, fresh),
		cmocka_unit_test_setup(divisor, fresh),
		cmocka_unit_test_setup(thre, fresh),
		cmocka_unit_test_setup(receive, fresh),
		cmocka_unit_test_setup(loopback, fresh),
		cmocka_unit_test_setup(output, fresh),
		cmocka_unit_test_setup(stalled, fresh),
		cmocka_unit_test_setup(late, fresh),
		cmocka_unit_test_setup(watching, fresh),
		cmocka_unit_test_setup(watching_many, fresh),
		cmocka_unit_test_setup(anything, fresh),
		cmocka_unit_test_setup_teardown(only_com1, com_setup, com_teardown),
		cmocka_unit_test_setup_teardown(both, com_setup, com_teardown),
		cmocka_unit_test_setup_teardown(part_of_a_line, com_setup, com_teardown),
		cmocka_unit_test_setup_teardown(cannot_open, com_setup, com_teardown),
		cmocka_unit_test_setup_teardown(full, com_setup, com_teardown),
		cmocka_unit_test_setup_teardown(full_in_the_end, com_setup, com_teardown),
		cmocka_unit_test_setup_teardown(console_full, com_setup, com_teardown),
		cmocka_unit_test_setup_teardown(limited, com_setup, com_teardown),
		cmocka_unit_test(clock_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
