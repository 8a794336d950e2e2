// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the NVMe controller. The input is a list of steps, each a byte of what
 * to do and bytes of how: some do what a driver would, so that queues get made
 * and commands carried out, the others are any access to any register, any
 * bytes in RAM, and a file that fails. RAM's pages are separate allocations,
 * so that ASan sees what goes past one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dev/nvme.h"
#include "dev/nvme_proto.h"
#include "fuzz.h"
#include "mock.h"

#define PAGES		48		/* of RAM, from page 1 on */
#define QUEUES		9
#define DISK_SIZE	(2 << 20)

/* A tail can make a thousand commands of one byte; enough is enough */
#define MAX_DMA		200000u

struct queue {
	u32 sq_size, tail;
	u32 cq_size, head, phase;
};

static u8 *page[PAGES];
static struct vpci_device *dev;
static struct queue queue[QUEUES];
static bool no_dma;
static u8 mood;				/* of the file */
static u32 dma;

static void check(bool ok)
{
	if (!ok)
		abort();
}

void *vpci_dma(struct vpci_device *d, u64 gpa, u64 len)
{
	u64 number = gpa / HV_PAGE_SIZE;

	check(d == dev && len && gpa % HV_PAGE_SIZE + len <= HV_PAGE_SIZE);
	dma++;
	if (no_dma || number < 1 || number > PAGES)
		return NULL;
	return page[number - 1] + gpa % HV_PAGE_SIZE;
}

void vpci_interrupt(struct vpci_device *d, u32 vector)
{
	check(d == dev && vector < d->vectors);
}

/* The file: no bytes of it matter, but all of the memory is touched */
static ssize_t move(const struct iovec *v, int count, off_t at, u8 byte)
{
	size_t done = 0;
	int i;

	for (i = 0; i < count; i++) {
		u8 *p = v[i].iov_base;

		check(v[i].iov_len && v[i].iov_len <= HV_PAGE_SIZE);
		p[0] ^= byte;
		p[v[i].iov_len - 1] ^= byte;
		done += v[i].iov_len;
	}
	check(at >= 0 && done && (size_t)at + done <= DISK_SIZE);
	if (mood & 1) {
		errno = mood & 2 ? EIO : ENOSPC;
		return -1;
	}
	if (mood & 2)
		return 0;
	return mood & 4 && done > 1000 ? (ssize_t)done - 999 : (ssize_t)done;
}

ssize_t preadv(int fd, const struct iovec *v, int count, off_t at)
{
	(void)fd;
	return move(v, count, at, 0xff);
}

ssize_t pwritev2(int fd, const struct iovec *v, int count, off_t at, int flags)
{
	check(fd >= 0 && !(flags & ~RWF_DSYNC));
	return move(v, count, at, 0);
}

int fdatasync(int fd)
{
	(void)fd;
	errno = EIO;
	return mood & 8 ? -1 : 0;
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
	check(fd >= 0 && mode == 3 && at >= 0 && len > 0);
	/* nvme_new() tries where nothing is */
	check(at == DISK_SIZE || at + len <= DISK_SIZE);
	errno = EOPNOTSUPP;
	return mood & 16 ? -1 : 0;
}

static void access_bar(int bar, u64 offset, bool write, u64 value,
		       unsigned int size)
{
	u64 v = value;

	dev->access(dev, bar, offset, write, &v, size);
	v = 0;
	dev->access(dev, 0, NVME_CSTS, false, &v, 4);
	check(!(v & ~0xbull));
	if (v & NVME_CSTS_RDY) {
		dev->access(dev, 0, NVME_CC, false, &v, 4);
		check(v & NVME_CC_EN);
	}
}

static void writel(u64 offset, u32 value)
{
	access_bar(0, offset, true, value, 4);
}

static u64 sq_gpa(u32 id)
{
	return (1 + 2 * id) * HV_PAGE_SIZE;
}

static void *ram(u64 gpa)
{
	u64 number = gpa / HV_PAGE_SIZE;

	return number < 1 || number > PAGES ? NULL :
	       page[number - 1] + gpa % HV_PAGE_SIZE;
}

static void put_command(u32 id, const struct nvme_command *cmd)
{
	struct queue *q = &queue[id];

	memcpy(ram(sq_gpa(id) + q->tail * sizeof(*cmd)), cmd, sizeof(*cmd));
	q->tail = (q->tail + 1) % q->sq_size;
}

static void ring_tail(u32 id)
{
	writel(NVME_DOORBELLS + 8 * id, queue[id].tail);
}

/* Take what is complete, as its phase tells */
static void reap(u32 id)
{
	struct queue *q = &queue[id];
	struct nvme_completion c;
	u32 i;

	for (i = 0; i < 64; i++) {
		memcpy(&c, ram(sq_gpa(id) + HV_PAGE_SIZE + q->head * sizeof(c)),
		       sizeof(c));
		if ((c.status & 1) != q->phase)
			break;
		q->head = (q->head + 1) % q->cq_size;
		q->phase ^= !q->head;
	}
	writel(NVME_DOORBELLS + 8 * id + 4, q->head);
}

static void new_queue(u32 id, u8 sizes)
{
	queue[id] = (struct queue) {
		.sq_size = 2 + sizes % 16, .cq_size = 2 + sizes / 16,
		.phase = 1,
	};
	memset(ram(sq_gpa(id) + HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
}

static void start(u8 sizes)
{
	writel(NVME_CC, 0);
	new_queue(0, sizes);
	writel(NVME_AQA, (queue[0].cq_size - 1) << 16 | (queue[0].sq_size - 1));
	access_bar(0, NVME_ASQ, true, sq_gpa(0), 8);
	access_bar(0, NVME_ACQ, true, sq_gpa(0) + HV_PAGE_SIZE, 8);
	writel(NVME_CC, 0x00460001);
}

static void create(u32 id, u8 sizes)
{
	struct nvme_command cmd = {
		.opcode = NVME_CREATE_CQ,
		.prp = { sq_gpa(id) + HV_PAGE_SIZE },
		.dw11 = id << 16 | NVME_QUEUE_PC | NVME_QUEUE_IEN,
	};

	new_queue(id, sizes);
	cmd.dw10 = (queue[id].cq_size - 1) << 16 | id;
	put_command(0, &cmd);
	ring_tail(0);
	reap(0);
	cmd.opcode = NVME_CREATE_SQ;
	cmd.prp[0] = sq_gpa(id);
	cmd.dw10 = (queue[id].sq_size - 1) << 16 | id;
	put_command(0, &cmd);
	ring_tail(0);
	reap(0);
}

/* An address in or near RAM, aligned more often than not */
static u64 gpa_like(struct input *in)
{
	static const u32 offset[] = { 0, 512, 0xff0, 0x7fe };
	u8 b = (u8)take(in, 1);

	return b == 0xff ? take(in, 8) :
	       (b & 63) * (u64)HV_PAGE_SIZE + offset[b >> 6];
}

static void command(struct input *in)
{
	u32 id = (u32)take(in, 1);
	struct nvme_command cmd = {
		.opcode = (u8)take(in, 1),
		.flags = id & 0x80 ? (u8)take(in, 1) : 0,
		.nsid = id & 0x40 ? (u32)take(in, 4) : 1,
		.cid = (u16)id,
	};

	cmd.prp[0] = gpa_like(in);
	cmd.prp[1] = gpa_like(in);
	cmd.dw10 = (u32)take(in, 2);
	if (id & 0x20) {
		cmd.dw10 |= (u32)take(in, 2) << 16;
		cmd.dw11 = (u32)take(in, 4);
	}
	cmd.dw12 = (u32)take(in, 2);
	cmd.dw12 |= (cmd.dw12 & 0x8000) << 15;
	if (queue[(id & 0x1f) % QUEUES].sq_size)
		put_command((id & 0x1f) % QUEUES, &cmd);
}

/* A PRP list of pages in a row */
static void list(struct input *in)
{
	u64 at = gpa_like(in) & ~7ull, gpa = gpa_like(in) & ~0xfffull;
	u32 count = (u32)take(in, 1), i;

	for (i = 0; i < count; i++, at += 8) {
		u64 *entry = ram(at);

		if (entry)
			*entry = gpa + i % 8 * HV_PAGE_SIZE;
	}
}

static void step(struct input *in)
{
	static const u16 reg[] = {
		NVME_CC, NVME_AQA, NVME_ASQ, NVME_ACQ, NVME_INTMS, NVME_INTMC,
		NVME_CSTS, NVME_DOORBELLS, NVME_DOORBELLS + 4,
		NVME_DOORBELLS + 8, NVME_DOORBELLS + 12, NVME_DOORBELLS + 16,
	};
	u32 id, size, how, i;
	u64 at;

	switch (take(in, 1) % 12) {
	case 0:
		i = (u32)take(in, 1) % ARRAY_SIZE(reg);
		writel(reg[i], (u32)take(in, 4));
		break;
	case 1:
		at = take(in, 2);
		how = (u32)take(in, 1);
		size = 1 << (how >> 1 & 3);
		access_bar(how & 8 ? 4 : 0, at % (0x4001 - size), how & 1,
			   take(in, how >> 4 & 7), size);
		break;
	case 2:
		start((u8)take(in, 1));
		break;
	case 3:
		id = 1 + (u32)take(in, 1) % (QUEUES - 1);
		size = (u32)take(in, 1);
		if (queue[0].sq_size)
			create(id, (u8)size);
		break;
	case 4:
		command(in);
		break;
	case 5:
		ring_tail((u32)take(in, 1) % QUEUES);
		break;
	case 6:
		id = (u32)take(in, 1) % QUEUES;
		if (queue[id].cq_size)
			reap(id);
		break;
	case 7:
		at = gpa_like(in);
		how = (u32)take(in, 1);
		for (i = 0; i < how && in->len; i++) {
			u8 *p = ram(at + i);
			u8 byte = (u8)take(in, 1);

			if (p)
				*p = byte;
		}
		break;
	case 8:
		list(in);
		break;
	case 9:
		dev->reset(dev);
		break;
	case 10:
		no_dma = take(in, 1) & 1;
		break;
	case 11:
		mood = (u8)take(in, 1);
		break;
	}
}

static const char *disk(void)
{
	static char path[32];
	int fd;

	if (!path[0]) {
		fd = memfd_create("disk", MFD_CLOEXEC);
		check(fd >= 0 && !ftruncate(fd, DISK_SIZE));
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	return path;
}

/**
 * LLVMFuzzerTestOneInput() - Run one input.
 * @data:	It
 * @len:	Its bytes
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct input in = { data, len };
	char why[128];
	int i;

	for (i = 0; i < PAGES; i++) {
		if (!page[i])
			page[i] = aligned_alloc(8, HV_PAGE_SIZE);
		check(page[i]);
		memset(page[i], 0, HV_PAGE_SIZE);
	}
	memset(queue, 0, sizeof(queue));
	no_dma = false;
	mood = (u8)take(&in, 1);
	dma = 0;
	dev = nvme_new("nvme0", disk(), why, sizeof(why));
	check(dev);
	while (in.len && dma < MAX_DMA)
		step(&in);
	nvme_free(dev);
	mock_reset();
	return 0;
}
