// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host did and saw, as JSON lines.
 *
 * An event is gathered by its thread, with nothing held, and written by one
 * write() under the lock. So lines are whole whoever speaks and however the
 * process ends, and in the order of their times.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fail.h"
#include "core/trace.h"

/* A pipe takes as much as this at once, so readers never see half a line. */
#define LINE_MAX_LEN	4096
#define TEXT_MAX_LEN	1024
/* Kept free for the end of a line, which says that something was left out */
#define CUT		",\"cut\":true"
#define END_LEN		(sizeof(CUT) + sizeof("}\n"))
/*
 * A guest can make events for as long as it runs; disks are finite. The last
 * line is kept free for how the run ends.
 */
#define FILE_MAX_LEN	(16 * MIB)
#define LAST		",\"event\":\"end\""

struct line {
	char json[LINE_MAX_LEN];	/* members, from ,"event":... on */
	size_t json_len;
	char text[TEXT_MAX_LEN];	/* the same for people */
	size_t text_len;
	bool open, cut;
};

static __thread struct line line;

static struct {
	pthread_mutex_t lock;
	bool on;		/* atomic: asked without the lock */
	bool verbose;
	int fd;			/* -1: none, or none any more */
	bool full;		/* only LAST is still to come */
	off_t len;		/* of whole lines in the file, or as if */
	const char *path;
	s64 start;		/* of clock_us() */
} trace = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/**
 * trace_open() - Start to trace.
 * @path:	File to make or to overwrite; NULL: none. Must stay.
 * @verbose:	Also tell stderr
 *
 * Times count from here. Without either there is no trace, and all other
 * functions do nothing.
 *
 * Return: 0, or -errno, which stderr was told of.
 */
int trace_open(const char *path, bool verbose)
{
	trace_close();
	pthread_mutex_lock(&trace.lock);
	trace.start = clock_us();
	if (path) {
		trace.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
				0666);
		if (trace.fd < 0) {
			int err = say_failed(-errno, "cannot write trace '%s'",
					     path);

			pthread_mutex_unlock(&trace.lock);
			return err;
		}
	}
	trace.path = path;
	trace.len = 0;
	trace.full = false;
	trace.verbose = verbose;
	__atomic_store_n(&trace.on, path || verbose, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&trace.lock);
	return 0;
}

/* Trouble with the file: one word about it, and no more of it. */
static void trace_give_up(int err)
{
	say_host_failed(err, "cannot write trace '%s', which ends here", trace.path);
	close(trace.fd);
	trace.fd = -1;
	__atomic_store_n(&trace.on, trace.verbose, __ATOMIC_RELEASE);
}

/**
 * trace_close() - Stop to trace.
 *
 * An event that another thread has begun is lost.
 */
void trace_close(void)
{
	pthread_mutex_lock(&trace.lock);
	__atomic_store_n(&trace.on, false, __ATOMIC_RELEASE);
	trace.verbose = false;
	/* Some file systems only tell now that the disk is full. */
	if (trace.fd >= 0 && close(trace.fd) < 0)
		say_host_failed(-errno, "cannot close trace '%s'", trace.path);
	trace.fd = -1;
	pthread_mutex_unlock(&trace.lock);
}

/* Append to one of the buffers if it all fits into @max. */
static bool trace_append(char *buf, size_t *len, size_t max, const char *s,
			 size_t n)
{
	if (n > max - *len)
		return false;
	memcpy(buf + *len, s, n);
	*len += n;
	return true;
}

static bool trace_append_json(const char *s, size_t n)
{
	/* What comes before the members has a place at the end, too. */
	size_t max = sizeof(line.json) - END_LEN - sizeof("{\"t\":") - 24;

	return trace_append(line.json, &line.json_len, max, s, n);
}

static bool trace_append_text(const char *s, size_t n)
{
	return trace_append(line.text, &line.text_len, sizeof(line.text) - 2,
			    s, n);
}

/* A member whose value is JSON already; left out whole if it does not fit. */
static void trace_member(const char *key, const char *value)
{
	size_t json_len = line.json_len, text_len = line.text_len;
	size_t n = strlen(value);

	if (!line.open)
		return;
	if (!trace_append_json(",\"", 2) ||
	    !trace_append_json(key, strlen(key)) ||
	    !trace_append_json("\":", 2) || !trace_append_json(value, n)) {
		line.json_len = json_len;
		line.cut = true;
	}
	/* People do without quotes around a word. */
	if (n > 2 && value[0] == '"' && !memchr(value, ' ', n)) {
		value++;
		n -= 2;
	}
	if (!trace_append_text(" ", 1) ||
	    !trace_append_text(key, strlen(key)) ||
	    !trace_append_text("=", 1) || !trace_append_text(value, n))
		line.text_len = text_len;
}

/**
 * trace_begin() - Begin an event.
 * @event:	Its name, a word
 *
 * Events do not nest: one that the thread has not ended, ends now.
 */
void trace_begin(const char *event)
{
	if (line.open)
		trace_end();
	line.json_len = 0;
	line.text_len = 0;
	line.cut = false;
	line.open = __atomic_load_n(&trace.on, __ATOMIC_ACQUIRE);
	if (!line.open)
		return;
	trace_append_json(",\"event\":\"", 10);
	trace_append_json(event, strlen(event));
	trace_append_json("\"", 1);
	trace_append_text(event, strlen(event));
}

/* One line into the file: whole, or not at all, and then no other. */
static void trace_write_line(const char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(trace.fd, buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int err = n ? -errno : -ENOSPC;

			if (done && ftruncate(trace.fd, trace.len))
				done = 0;	/* a pipe: cannot be helped */
			trace_give_up(err);
			return;
		}
		done += n;
	}
}

/* Whether a line of @len bytes is still to be written, here and to stderr */
static bool trace_fits(size_t len)
{
	bool last = line.json_len >= strlen(LAST) &&
		    !memcmp(line.json, LAST, strlen(LAST));

	if (last)
		return true;
	if (!trace.full && trace.len + len > FILE_MAX_LEN - LINE_MAX_LEN) {
		trace.full = true;
		fprintf(stderr, "hvhost: trace%s%s: it has 16 MiB; only the end still comes\n",
			trace.path ? " " : "", trace.path ? : "");
	}
	return !trace.full;
}

/**
 * trace_end() - End the event and write it.
 */
void trace_end(void)
{
	char out[LINE_MAX_LEN];
	long long us;
	size_t len;
	bool told;

	if (!line.open)
		return;
	line.open = false;
	pthread_mutex_lock(&trace.lock);
	us = clock_us() - trace.start;
	len = snprintf(out, sizeof(out), "{\"t\":%lld.%06lld%.*s%s}\n",
		       us / 1000000, us % 1000000, (int)line.json_len,
		       line.json, line.cut ? CUT : "");
	told = trace_fits(len);
	if (told) {
		if (trace.fd >= 0)
			trace_write_line(out, len);
		trace.len += len;
	}
	if (told && trace.verbose) {
		len = snprintf(out, sizeof(out), "[%5lld.%06lld] %.*s\n",
			       us / 1000000, us % 1000000, (int)line.text_len,
			       line.text);
		/* Nobody could be told if that fails. */
		if (write(STDERR_FILENO, out, len) < 0)
			trace.verbose = true;
	}
	pthread_mutex_unlock(&trace.lock);
}

/*
 * Length of the UTF-8 character at @s, or 0 if it is none: not overlong, no
 * surrogate, nothing beyond U+10FFFF.
 */
static int trace_utf8_len(const unsigned char *s)
{
	int i, n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 :
		   s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	/* The byte at the string's end stops this, too. */
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/**
 * trace_str() - Add a string.
 * @key:	Name of the member
 * @value:	Any bytes up to a 0; what is no UTF-8 becomes U+FFFD, byte by
 *		byte, and what is too long ends in U+2026. NULL: null
 */
void trace_str(const char *key, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	char buf[TEXT_MAX_LEN * 2] = "\"";
	size_t len = 1;

	if (!line.open)
		return;
	if (!value) {
		trace_member(key, "null");
		return;
	}
	while (*s) {
		int n = trace_utf8_len(s);

		if (len > sizeof(buf) - 16) {
			len += sprintf(buf + len, "\\u2026");
			line.cut = true;
			break;
		}
		if (!n)
			len += sprintf(buf + len, "\\ufffd");
		else if (*s == '"' || *s == '\\')
			len += sprintf(buf + len, "\\%c", *s);
		else if (*s == '\n')
			len += sprintf(buf + len, "\\n");
		else if (*s < 0x20 || *s == 0x7f)
			len += sprintf(buf + len, "\\u%04x", *s);
		else if (n == 2 && *s == 0xc2 && s[1] < 0xa0)
			/* C1: a terminal would act on it */
			len += sprintf(buf + len, "\\u%04x", s[1]);
		else
			len += sprintf(buf + len, "%.*s", n, s);
		s += n ?: 1;
	}
	sprintf(buf + len, "\"");
	trace_member(key, buf);
}

/**
 * trace_num() - Add a number, in decimal.
 * @key:	Name of the member
 * @value:	The number
 */
void trace_num(const char *key, s64 value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%lld", value);
	trace_member(key, buf);
}

/**
 * trace_hex() - Add a number as a string, "0xf8000000".
 * @key:	Name of the member
 * @value:	The number; JSON's own are not exact beyond 2^53
 */
void trace_hex(const char *key, u64 value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "\"0x%llx\"", value);
	trace_member(key, buf);
}

/**
 * trace_bool() - Add true or false.
 * @key:	Name of the member
 * @value:	Which
 */
void trace_bool(const char *key, bool value)
{
	trace_member(key, value ? "true" : "false");
}

/**
 * trace_range() - Add a range as a string, "0xf8000000-0xfed3ffff".
 * @key:	Name of the member
 * @range:	The range, as it is; { 0, 0 } is null
 */
void trace_range(const char *key, const struct range *range)
{
	char buf[48] = "null";

	if (range->start || range->end)
		snprintf(buf, sizeof(buf), "\"0x%llx-0x%llx\"", range->start,
			 range->end);
	trace_member(key, buf);
}

/**
 * trace_ranges() - Add ranges as an array of strings.
 * @key:	Name of the member
 * @range:	The first of them
 * @count:	How many, may be 0; so many that a line is too short are not
 *		shown
 */
void trace_ranges(const char *key, const struct range *range, int count)
{
	char buf[LINE_MAX_LEN] = "[";
	size_t len = 1;
	int i;

	if (!line.open)
		return;
	for (i = 0; i < count; i++) {
		if (len > sizeof(buf) - 64) {
			line.cut = true;
			break;
		}
		len += sprintf(buf + len, "%s\"0x%llx-0x%llx\"", i ? "," : "",
			       range[i].start, range[i].end);
	}
	sprintf(buf + len, "]");
	trace_member(key, buf);
}

/**
 * trace_guid() - Add a GUID in its usual form.
 * @key:	Name of the member
 * @guid:	As in messages
 */
void trace_guid(const char *key, const struct guid *guid)
{
	const u8 *b = guid->b;
	char buf[40];

	snprintf(buf, sizeof(buf),
		 "\"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\"",
		 b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
	trace_member(key, buf);
}

/**
 * trace_bad() - Say that the guest did what it must not: the event "bad".
 * @who:	The part that noticed
 * @what:	Of what it was
 * @value:	The value
 */
void trace_bad(const char *who, const char *what, u64 value)
{
	trace_begin("bad");
	trace_str("who", who);
	trace_str("what", what);
	trace_hex("value", value);
	trace_end();
}
