// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tries the BARs of hvhost's echo devices (hvhost/dev/echo.h): each 64-bit word of
 * them reads as its own guest physical address, exclusive or with what was last
 * written anywhere in that BAR. So a word that reads right says that this BAR
 * answers, and where. A line a BAR, "ok" or "not ok"; exit status 0 if there
 * are some and all are ok.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VENDOR		0x1414u
#define DEVICE		0xecc0u
#define BARS		6
#define MAX_BARS	512
/* Of the flags in sysfs: IORESOURCE_MEM and IORESOURCE_UNSET */
#define FLAG_MEM	0x00000200u
#define FLAG_UNSET	0x20000000u

static struct bar {
	char device[32];	/* "0001:00:00.0" */
	int number;
	uint64_t start, end;	/* both in it */
	int fd;
	char why[160];		/* what is wrong; the first thing stays */
} bars[MAX_BARS];
static size_t count;
static uint64_t page_size;

static void __attribute__((format(printf, 2, 3)))
wrong(struct bar *b, const char *format, ...)
{
	va_list args;

	if (b->why[0])
		return;
	va_start(args, format);
	vsnprintf(b->why, sizeof(b->why), format, args);
	va_end(args);
}

/* A number in a file of one line, ~0 if there is none. */
static unsigned long number(const char *dir, const char *name)
{
	char path[512], line[32] = "";
	unsigned long value = ~0ul;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f)
		return value;
	if (fgets(line, sizeof(line), f))
		value = strtoul(line, NULL, 16);
	fclose(f);
	return value;
}

/* Have the device decode its BARs. */
static bool enable(const char *dir)
{
	char path[512];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/enable", dir);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	good = write(fd, "1", 1) == 1;
	close(fd);
	return good;
}

static void find_bars(const char *dir)
{
	bool enabled = enable(dir);
	char path[512], line[128];
	int n, error = errno;
	FILE *f;

	snprintf(path, sizeof(path), "%s/resource", dir);
	f = fopen(path, "r");
	if (!f)
		return;
	for (n = 0; n < BARS && fgets(line, sizeof(line), f); n++) {
		unsigned long long start, end, flags;
		struct bar *b = &bars[count];

		if (sscanf(line, "%llx %llx %llx", &start, &end, &flags) != 3 ||
		    !(flags & FLAG_MEM) || count == MAX_BARS)
			continue;
		count++;
		snprintf(b->device, sizeof(b->device), "%s",
			 strrchr(dir, '/') + 1);
		b->number = n;
		b->start = start;
		b->end = end;
		b->fd = -1;
		if (flags & FLAG_UNSET) {
			wrong(b, "has no place");
		} else if (!enabled) {
			wrong(b, "enable: %s", strerror(error));
		} else {
			snprintf(path, sizeof(path), "%s/resource%d", dir, n);
			b->fd = open(path, O_RDWR | O_SYNC);
			if (b->fd < 0)
				wrong(b, "%s: %s", path, strerror(errno));
		}
	}
	fclose(f);
}

/* The page with the BAR's byte at @offset; NULL: it cannot be mapped. */
static volatile char *map(struct bar *b, uint64_t offset)
{
	uint64_t page = b->start / page_size * page_size;
	uint64_t wanted = (b->start + offset) / page_size * page_size;
	void *at = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			b->fd, (off_t)(wanted - page));

	if (at == MAP_FAILED) {
		wrong(b, "mmap at 0x%llx: %s", (unsigned long long)offset,
		      strerror(errno));
		return NULL;
	}
	return at;
}

/* The word at @offset, whole and in halves, after @written. */
static void check_word(struct bar *b, volatile char *page, uint64_t offset,
		       uint64_t written)
{
	uint64_t gpa = b->start + offset, want = gpa ^ written, got;
	volatile uint32_t *half;

	got = *(volatile uint64_t *)(page + gpa % page_size);
	if (got != want)
		wrong(b, "at 0x%llx: reads 0x%llx, not 0x%llx",
		      (unsigned long long)gpa, (unsigned long long)got,
		      (unsigned long long)want);
	half = (volatile uint32_t *)(page + gpa % page_size);
	if (half[0] != (uint32_t)want || half[1] != want >> 32)
		wrong(b, "at 0x%llx: halves read 0x%x 0x%x, not of 0x%llx",
		      (unsigned long long)gpa, half[1], half[0],
		      (unsigned long long)want);
}

/* The first and the last word of the page with @offset. */
static void check_page(struct bar *b, uint64_t offset, uint64_t written)
{
	uint64_t size = b->end - b->start + 1, len = size - offset;
	volatile char *page = map(b, offset);

	if (!page)
		return;
	check_word(b, page, offset, written);
	if (len > page_size)
		len = page_size;
	check_word(b, page, offset + len - 8, written);
	munmap((void *)page, page_size);
}

/* Pages at 0, 1, 2, 4, 8 ... and the last one: each bit of an address. */
static void check(struct bar *b, uint64_t written)
{
	uint64_t size = b->end - b->start + 1, offset;

	if (b->why[0])
		return;
	check_page(b, 0, written);
	for (offset = page_size; offset < size; offset *= 2)
		check_page(b, offset, written);
	if (size > page_size)
		check_page(b, size - page_size, written);
}

static void write_word(struct bar *b, uint64_t value)
{
	volatile char *page;

	if (b->why[0])
		return;
	page = map(b, 0);
	if (!page)
		return;
	*(volatile uint64_t *)(page + b->start % page_size) = value;
	munmap((void *)page, page_size);
}

int main(void)
{
	bool good = true;
	glob_t dirs;
	size_t i;

	page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	if (glob("/sys/bus/pci/devices/*", 0, NULL, &dirs))
		dirs.gl_pathc = 0;
	for (i = 0; i < dirs.gl_pathc; i++) {
		if (number(dirs.gl_pathv[i], "vendor") == VENDOR &&
		    number(dirs.gl_pathv[i], "device") == DEVICE)
			find_bars(dirs.gl_pathv[i]);
	}
	/*
	 * Written to all before any is read again, each its own: so that one
	 * who answers for another is found.
	 */
	for (i = 0; i < count; i++)
		check(&bars[i], 0);
	for (i = 0; i < count; i++)
		write_word(&bars[i], 0x0123456789abcdefull * (i + 1));
	for (i = 0; i < count; i++)
		check(&bars[i], 0x0123456789abcdefull * (i + 1));
	for (i = 0; i < count; i++)
		write_word(&bars[i], 0);
	for (i = 0; i < count; i++) {
		struct bar *b = &bars[i];

		printf("%s %s bar%d 0x%llx-0x%llx%s%s\n",
		       b->why[0] ? "not ok" : "ok", b->device, b->number,
		       (unsigned long long)b->start,
		       (unsigned long long)b->end, b->why[0] ? " " : "",
		       b->why);
		good &= !b->why[0];
	}
	if (!count)
		puts("no device that echoes");
	return !count || !good;
}
