// SPDX-License-Identifier: GPL-2.0-only
/* The NVMe controller, against a driver that does what Linux' does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/fail.h"
#include "dev/nvme.h"
#include "dev/nvme_proto.h"
#include "mock.h"

#define DISK_SIZE	(4 * MIB + 512)		/* ends in half a page */
#define BLOCKS		(DISK_SIZE / 512)
#define CC_LINUX	0x00460001u		/* EN, IOSQES 6, IOCQES 4 */

/* Where the driver has things in RAM */
#define ASQ_GPA		0x110000ull
#define ACQ_GPA		0x111000ull
#define QUEUE_GPA(id)	(0x112000ull + (id) * 0x2000ull)	/* SQ, then CQ */
#define LIST_GPA	0x130000ull
#define DATA_GPA	0x140000ull
#define NOT_RAM		0x300000ull

static int disk_fd;
static char disk_path[32];
static struct vpci_device *dev;

static bool no_dma;
static u32 interrupts[16], all_interrupts;

/* What the file does to the controller */
static u32 fdatasyncs;
static int fdatasync_error, io_error, write_flags;
static size_t io_max;			/* bytes that one call moves, 0: all */

void *vpci_dma(struct vpci_device *d, u64 gpa, u64 len)
{
	assert_ptr_equal(d, dev);
	assert_true(len && gpa % HV_PAGE_SIZE + len <= HV_PAGE_SIZE);
	return no_dma ? NULL : mem_at(&mock_mem, gpa, len);
}

void vpci_interrupt(struct vpci_device *d, u32 vector)
{
	assert_ptr_equal(d, dev);
	assert_in_range(vector, 0, d->vectors - 1);
	interrupts[vector]++;
	all_interrupts++;
}

int fdatasync(int fd)
{
	assert_int_not_equal(fd, disk_fd);
	fdatasyncs++;
	if (!fdatasync_error)
		return 0;
	errno = fdatasync_error;
	if (errno == EINTR)
		fdatasync_error = 0;
	return -1;
}

static ssize_t move(int fd, const struct iovec *v, int count, off_t at,
		    bool write)
{
	size_t done = 0;
	int i;

	if (io_error) {
		errno = io_error;
		if (errno == EINTR)
			io_error = 0;
		return -1;
	}
	for (i = 0; i < count && !(io_max && done == io_max); i++) {
		size_t len = v[i].iov_len;
		ssize_t n;

		assert_true(len);
		if (io_max && len > io_max - done)
			len = io_max - done;
		n = write ? pwrite(fd, v[i].iov_base, len, at) :
			    pread(fd, v[i].iov_base, len, at);
		if (n < 0)
			return -1;
		done += (size_t)n;
		at += n;
		if ((size_t)n < len)
			break;
	}
	return (ssize_t)done;
}

ssize_t preadv(int fd, const struct iovec *v, int count, off_t at)
{
	return move(fd, v, count, at, false);
}

ssize_t pwritev2(int fd, const struct iovec *v, int count, off_t at, int flags)
{
	write_flags = flags;
	return move(fd, v, count, at, true);
}

struct queue {
	u16 id, cq_id;
	u64 sq, cq;
	u32 sq_size, cq_size;
	u32 tail, head;
	u16 phase;
	u16 cid;
};

static struct queue admin, io;

static u64 reg_read(u64 offset, unsigned int size)
{
	u64 v = 0x5555555555555555ull;

	dev->access(dev, 0, offset, false, &v, size);
	return size == 8 ? v : v & ((1ull << size * 8) - 1);
}

static void reg_write(u64 offset, u64 v, unsigned int size)
{
	dev->access(dev, 0, offset, true, &v, size);
}

static u32 readl(u64 offset)
{
	return (u32)reg_read(offset, 4);
}

static void writel(u64 offset, u32 v)
{
	reg_write(offset, v, 4);
}

static void *at(u64 gpa)
{
	return mem_at(&mock_mem, gpa, 1);
}

static void ring_tail(const struct queue *q)
{
	writel(NVME_DOORBELLS + 8 * q->id, q->tail);
}

static void ring_head(const struct queue *q)
{
	writel(NVME_DOORBELLS + 8 * q->cq_id + 4, q->head);
}

static u16 submit(struct queue *q, const struct nvme_command *cmd)
{
	struct nvme_command *slot = at(q->sq + q->tail * 64);

	*slot = *cmd;
	slot->cid = ++q->cid;
	q->tail = (q->tail + 1) % q->sq_size;
	return q->cid;
}

/* Take a completion if there is one; the head is not told. */
static bool reap(struct queue *q, struct nvme_completion *c)
{
	const struct nvme_completion *slot = at(q->cq + q->head * 16);

	if ((slot->status & 1) != q->phase)
		return false;
	*c = *slot;
	q->head = (q->head + 1) % q->cq_size;
	if (!q->head)
		q->phase = !q->phase;
	return true;
}

static struct nvme_completion completion;

/* One command from beginning to end. Return: its status, DNR or not */
static u16 run(struct queue *q, const struct nvme_command *cmd)
{
	u16 cid = submit(q, cmd);

	ring_tail(q);
	assert_true(reap(q, &completion));
	ring_head(q);
	assert_int_equal(completion.cid, cid);
	assert_int_equal(completion.sq_id, q->id);
	assert_int_equal(completion.sq_head, q->tail);
	assert_int_equal(completion.reserved, 0);
	assert_int_equal(!!(completion.status >> 1),
			 !!(completion.status >> 1 & NVME_SC_DNR));
	return completion.status >> 1 & 0x7ff;
}

static void start_with(u32 admin_size)
{
	writel(NVME_CC, readl(NVME_CC) & ~NVME_CC_EN);
	assert_int_equal(readl(NVME_CSTS), 0);
	admin = (struct queue) {
		.sq = ASQ_GPA, .cq = ACQ_GPA, .sq_size = admin_size,
		.cq_size = admin_size, .phase = 1,
	};
	memset(at(ACQ_GPA), 0, 0x1000);
	writel(NVME_AQA, (admin_size - 1) << 16 | (admin_size - 1));
	reg_write(NVME_ASQ, (u32)ASQ_GPA, 4);
	reg_write(NVME_ASQ + 4, ASQ_GPA >> 32, 4);
	reg_write(NVME_ACQ, ACQ_GPA, 8);
	writel(NVME_CC, CC_LINUX & ~NVME_CC_EN);
	writel(NVME_CC, CC_LINUX);
	assert_int_equal(readl(NVME_CSTS), NVME_CSTS_RDY);
}

static void start(void)
{
	start_with(32);
}

static u16 create_cq(u16 id, u32 size, u32 flags, u16 vector)
{
	const struct nvme_command cmd = {
		.opcode = NVME_CREATE_CQ, .prp = { QUEUE_GPA(id) + 0x1000 },
		.dw10 = (size - 1) << 16 | id, .dw11 = (u32)vector << 16 | flags,
	};

	memset(at(QUEUE_GPA(id) + 0x1000), 0, 0x1000);
	return run(&admin, &cmd);
}

static u16 create_sq(u16 id, u32 size, u16 cq)
{
	const struct nvme_command cmd = {
		.opcode = NVME_CREATE_SQ, .prp = { QUEUE_GPA(id) },
		.dw10 = (size - 1) << 16 | id,
		.dw11 = (u32)cq << 16 | NVME_QUEUE_PC,
	};

	return run(&admin, &cmd);
}

static u16 delete(u8 opcode, u16 id)
{
	const struct nvme_command cmd = { .opcode = opcode, .dw10 = id };

	return run(&admin, &cmd);
}

static struct queue queue(u16 id, u16 cq_id, u32 sq_size, u32 cq_size)
{
	return (struct queue) {
		.id = id, .cq_id = cq_id, .sq = QUEUE_GPA(id),
		.cq = QUEUE_GPA(cq_id) + 0x1000, .sq_size = sq_size,
		.cq_size = cq_size, .phase = 1,
	};
}

static void start_io_with(u32 sq_size, u32 cq_size)
{
	start();
	assert_int_equal(create_cq(1, cq_size, NVME_QUEUE_PC | NVME_QUEUE_IEN,
				   1), 0);
	assert_int_equal(create_sq(1, sq_size, 1), 0);
	io = queue(1, 1, sq_size, cq_size);
}

static void start_io(void)
{
	start_io_with(16, 16);
}

static u8 pattern(u64 i)
{
	return (u8)(i * 7 + i / 512 * 13 + i / 4096);
}

static int setup(void **state)
{
	static u8 buf[DISK_SIZE];
	char why[128];
	u64 i;

	(void)state;
	mock_ram_new();
	mock_reset();
	no_dma = false;
	memset(interrupts, 0, sizeof(interrupts));
	all_interrupts = 0;
	fdatasyncs = 0;
	fdatasync_error = 0;
	io_error = 0;
	io_max = 0;
	write_flags = 0;
	disk_fd = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(disk_fd >= 0);
	for (i = 0; i < DISK_SIZE; i++)
		buf[i] = pattern(i);
	assert_int_equal(pwrite(disk_fd, buf, DISK_SIZE, 0), DISK_SIZE);
	snprintf(disk_path, sizeof(disk_path), "/proc/self/fd/%d", disk_fd);
	dev = nvme_new("nvme0", disk_path, why, sizeof(why));
	assert_non_null(dev);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nvme_free(dev);
	close(disk_fd);
	mock_ram_free();
	return 0;
}

static void test_shape(void **state)
{
	u64 v = 1;

	(void)state;
	assert_string_equal(dev->name, "nvme0");
	assert_int_equal(dev->vendor, 0x1414);
	assert_int_equal(dev->device, 0xb111);
	assert_int_equal(dev->class, 0x010802);
	assert_int_equal(dev->bar[0].size, 0x4000);
	assert_true(dev->bar[0].is_64);
	assert_int_equal(dev->bar[4].size, 0x8000);
	assert_true(dev->bar[4].is_64);
	assert_int_equal(dev->vectors, 9);
	assert_int_equal(dev->msix_bar, 4);
	assert_in_range(dev->msix_pba, dev->msix_table + 16 * dev->vectors,
			0x8000 - 8);
	dev->access(dev, 4, 0x7000, false, &v, 4);
	assert_int_equal(v, 0);
	v = NVME_CC_EN;
	dev->access(dev, 4, NVME_CC, true, &v, 4);
	assert_int_equal(readl(NVME_CC), 0);
}

static void refused(const char *path, const char *want)
{
	char why[128] = "";

	assert_null(nvme_new("other", path, why, sizeof(why)));
	if (!strstr(why, want))
		fail_msg("'%s' is refused as '%s', not '%s'", path, why, want);
}

static void test_disk(void **state)
{
	struct vpci_device *other;
	char path[32], why[128];
	int fd;

	(void)state;
	refused("/nowhere", "No such file");
	refused("/", "Is a directory");
	refused("/proc/self/exe", "busy");	/* cannot be written */
	refused("/dev/null", "no file and no block device");
	refused(disk_path, "it is in use");

	fd = memfd_create("other", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	refused(path, "has 0 bytes");
	assert_int_equal(ftruncate(fd, MIB - 512), 0);
	refused(path, "has 1048064 bytes");
	assert_int_equal(ftruncate(fd, MIB + 511), 0);
	refused(path, "has 1049087 bytes");
	assert_int_equal(ftruncate(fd, MIB), 0);
	other = nvme_new("a name that is longer than a serial number",
			 path, why, sizeof(why));
	assert_non_null(other);
	assert_int_equal(strlen(other->name), 31);
	refused(path, "it is in use");
	nvme_free(other);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

static void test_registers(void **state)
{
	u64 cap = reg_read(NVME_CAP, 8), offset;
	u32 bad;

	(void)state;
	assert_int_equal(cap & 0xffff, 1023);
	assert_int_equal(cap >> 16 & 1, 1);		/* contiguous */
	assert_in_range(cap >> 24 & 0xff, 1, 255);	/* timeout */
	assert_int_equal(cap >> 32 & 0xf, 0);		/* doorbell stride */
	assert_int_equal(cap >> 37 & 0xff, 1);		/* NVM commands */
	assert_int_equal(cap >> 48, 0);			/* 4 KiB pages */
	assert_int_equal(readl(NVME_CAP) | (u64)readl(NVME_CAP + 4) << 32, cap);
	assert_int_equal(readl(NVME_VS), 0x10300);
	assert_int_equal(readl(NVME_CC), 0);
	assert_int_equal(readl(NVME_CSTS), 0);
	for (offset = 0x38; offset < 0x4000; offset += 4)
		assert_int_equal(readl(offset), 0);

	reg_write(NVME_ASQ, 0x123456789abcdefull, 8);
	assert_int_equal(reg_read(NVME_ASQ, 8), 0x123456789abc000ull);
	reg_write(NVME_ASQ, 0x11111111, 4);
	assert_int_equal(reg_read(NVME_ASQ, 8), 0x123456711111000ull);
	reg_write(NVME_ACQ + 4, 0xfedcba98, 4);
	assert_int_equal(reg_read(NVME_ACQ, 8), 0xfedcba9800000000ull);
	writel(NVME_ACQ, 0x777);
	assert_int_equal(readl(NVME_ACQ), 0);
	writel(NVME_AQA, 0xffffffff);
	assert_int_equal(readl(NVME_AQA), 0x0fff0fff);
	writel(NVME_CAP, 0);
	writel(NVME_VS, 0);
	writel(NVME_CSTS, 0xffffffff);
	assert_int_equal(reg_read(NVME_CAP, 8), cap);
	assert_int_equal(readl(NVME_VS), 0x10300);
	assert_int_equal(readl(NVME_CSTS), 0);
	assert_int_equal(mock_bad_count, 0);

	/* Parts of registers read as such, and are not written */
	assert_int_equal(reg_read(NVME_VS + 1, 1), 3);
	assert_string_equal(mock_bad_what, "read of that size, at");
	assert_int_equal(reg_read(NVME_VS + 2, 2), 1);
	assert_int_equal(reg_read(NVME_CAP + 2, 4), cap >> 16 & 0xffffffff);
	assert_int_equal(mock_bad_count, 1);
	reg_write(NVME_CC, NVME_CC_EN, 1);
	assert_string_equal(mock_bad_what, "write of that size, at");
	reg_write(NVME_CC, NVME_CC_EN, 2);
	reg_write(NVME_CC - 2, NVME_CC_EN << 16, 4);
	reg_write(NVME_INTMC, (u64)NVME_CC_EN << 32, 8);
	reg_write(NVME_DOORBELLS, 0, 8);
	assert_int_equal(readl(NVME_CC), 0);
	assert_int_equal(mock_bad_count, 2);

	/* The admin queue stays where it is while it is in use */
	start();
	writel(NVME_AQA, 0);
	reg_write(NVME_ASQ, 0x5000, 8);
	reg_write(NVME_ACQ, 0x5000, 8);
	assert_int_equal(readl(NVME_AQA), 0x1f001f);
	assert_int_equal(reg_read(NVME_ASQ, 8), ASQ_GPA);
	assert_int_equal(reg_read(NVME_ACQ, 8), ACQ_GPA);
	writel(NVME_CC, CC_LINUX & ~NVME_CC_EN);
	assert_int_equal(reg_read(NVME_ASQ, 8), ASQ_GPA);
	assert_int_equal(reg_read(NVME_ACQ, 8), ACQ_GPA);
	bad = mock_bad_count;
	reg_write(0x200, 1, 4);			/* nothing there */
	assert_int_equal(mock_bad_count, bad);
}

static void not_enabled(u32 cc, const char *why)
{
	mock_reset();
	writel(NVME_CC, cc);
	assert_int_equal(readl(NVME_CSTS), NVME_CSTS_CFS);
	assert_string_equal(mock_bad_what, why);
	assert_int_equal(mock_count("nvme"), 0);
	ring_tail(&admin);
	writel(NVME_CC, 0);
	assert_int_equal(readl(NVME_CSTS), 0);
	assert_int_equal(mock_count("nvme"), 0);
}

static void test_enable(void **state)
{
	(void)state;
	start();
	assert_int_equal(mock_count(" nvme device=nvme0 state=enabled"), 1);
	writel(NVME_CC, CC_LINUX);		/* again is nothing */
	assert_int_equal(mock_count("enabled"), 1);
	writel(NVME_CC, 0);
	assert_int_equal(readl(NVME_CSTS), 0);
	assert_int_equal(mock_count("state=disabled"), 1);
	writel(NVME_CC, 0);
	assert_int_equal(mock_count("nvme "), 2);

	not_enabled(CC_LINUX | 1 << 7, "controller configuration");
	not_enabled(CC_LINUX | 6 << 4, "controller configuration");
	not_enabled(CC_LINUX | 1 << 11, "controller configuration");
	writel(NVME_AQA, 0x001f0000);
	not_enabled(CC_LINUX, "admin queue attributes");
	writel(NVME_AQA, 0x0000001f);
	not_enabled(CC_LINUX, "admin queue attributes");
	start();
}

/* A command that fills @len bytes at DATA_GPA */
static u16 get(u8 opcode, u32 nsid, u32 dw10, u32 len)
{
	const struct nvme_command cmd = {
		.opcode = opcode, .nsid = nsid, .dw10 = dw10,
		.prp = { DATA_GPA + 0x800, DATA_GPA + 0x2000 },
	};
	u8 *p = at(DATA_GPA);
	u16 status;

	/* As driver's buffers are: one page, wherever it begins */
	memset(p, 0xee, 0x4000);
	status = run(&admin, &cmd);
	if (status)
		len = 0;
	if (len > 0x800)
		memcpy(p + 0x1000, p + 0x2000, len - 0x800);
	else
		assert_int_equal(p[0x2000], 0xee);
	assert_int_equal(p[0x7ff], 0xee);
	assert_int_equal(p[0x800 + len], 0xee);
	memmove(p, p + 0x800, len);
	return status;
}

static u32 get16(u32 offset)
{
	u16 v;

	memcpy(&v, (u8 *)at(DATA_GPA) + offset, sizeof(v));
	return v;
}

static u64 get64(u32 offset)
{
	u64 v;

	memcpy(&v, (u8 *)at(DATA_GPA) + offset, sizeof(v));
	return v;
}

static void test_identify(void **state)
{
	const u8 *p = at(DATA_GPA);
	u64 eui64;

	(void)state;
	start();
	assert_int_equal(get(NVME_IDENTIFY, 0, NVME_CNS_CONTROLLER, 4096), 0);
	assert_int_equal(get16(0), 0x1414);
	assert_memory_equal(p + 4, "nvme0               ", 20);
	assert_memory_equal(p + 24, "hvhost NVMe disk        ", 24);
	assert_memory_equal(p + 64, "1       ", 8);
	assert_int_equal(p[77], 7);
	assert_int_equal(get64(80) & 0xffffffff, 0x10300);
	assert_int_equal(get16(96), 0);		/* no attributes */
	assert_int_equal(get16(256), 0);	/* no optional admin commands */
	assert_int_equal(p[512], 0x66);
	assert_int_equal(p[513], 0x44);
	assert_int_equal(get64(516) & 0xffffffff, 1);
	assert_int_equal(get16(520), 0xc);	/* DSM, write zeroes */
	assert_int_equal(p[525], 1);
	assert_int_equal(get64(536), 0);	/* no SGLs */
	assert_memory_equal(p + 768, "nqn.2014-08.org.nvmexpress:uuid:", 32);
	assert_int_equal(strlen((char *)p + 768), 32 + 36);

	assert_int_equal(get(NVME_IDENTIFY, 1, NVME_CNS_NAMESPACE, 4096), 0);
	assert_int_equal(get64(0), BLOCKS);
	assert_int_equal(get64(8), BLOCKS);
	assert_int_equal(get64(16), BLOCKS);
	assert_int_equal(p[25], 0);		/* one format, */
	assert_int_equal(p[26], 0);
	assert_int_equal(get64(128), 9 << 16);	/* of 512 bytes */
	assert_int_equal(p[33], 9);
	eui64 = get64(120);
	assert_true(eui64);
	assert_int_equal(get(NVME_IDENTIFY, 1, NVME_CNS_DESCRIPTORS, 4096), 0);
	assert_int_equal(get64(0) & 0xffffffff, 0x801);
	assert_int_equal(get64(4), eui64);
	assert_int_equal(get64(12), 0);

	assert_int_equal(get(NVME_IDENTIFY, 0, NVME_CNS_ACTIVE_LIST, 4096), 0);
	assert_int_equal(get64(0), 1);
	assert_int_equal(get(NVME_IDENTIFY, 1, NVME_CNS_ACTIVE_LIST, 4096), 0);
	assert_int_equal(get64(0), 0);

	/* Linux asks for these, and does without */
	assert_int_equal(get(NVME_IDENTIFY, 1, 5, 0), NVME_SC_INVALID_FIELD);
	assert_int_equal(get(NVME_IDENTIFY, 0, 6, 0), NVME_SC_INVALID_FIELD);
	assert_int_equal(mock_bad_count, 0);

	assert_int_equal(get(NVME_IDENTIFY, 2, NVME_CNS_NAMESPACE, 0),
			 NVME_SC_INVALID_NS);
	assert_int_equal(get(NVME_IDENTIFY, 0, NVME_CNS_DESCRIPTORS, 0),
			 NVME_SC_INVALID_NS);
	assert_int_equal(get(NVME_IDENTIFY, NVME_ALL_NAMESPACES,
			     NVME_CNS_ACTIVE_LIST, 0), NVME_SC_INVALID_NS);
	assert_string_equal(mock_bad_what, "namespace");
}

static void test_two_disks(void **state)
{
	struct vpci_device *first = dev, *second;
	char path[32], nqn[256], why[128];
	int fd = memfd_create("other", MFD_CLOEXEC);
	u64 eui64;

	(void)state;
	assert_int_equal(ftruncate(fd, MIB), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	second = nvme_new("nvme1", path, why, sizeof(why));
	assert_non_null(second);
	start();
	get(NVME_IDENTIFY, 0, NVME_CNS_CONTROLLER, 4096);
	memcpy(nqn, (u8 *)at(DATA_GPA) + 768, sizeof(nqn));
	get(NVME_IDENTIFY, 1, NVME_CNS_NAMESPACE, 4096);
	eui64 = get64(120);
	dev = second;
	start();
	get(NVME_IDENTIFY, 0, NVME_CNS_CONTROLLER, 4096);
	assert_string_not_equal((char *)at(DATA_GPA + 768), nqn);
	get(NVME_IDENTIFY, 1, NVME_CNS_NAMESPACE, 4096);
	assert_int_not_equal(get64(120), eui64);
	assert_int_equal(get64(0), MIB / 512);
	nvme_free(second);
	close(fd);
	dev = first;
}

static u16 feature(u8 opcode, u32 dw10, u32 dw11)
{
	const struct nvme_command cmd = {
		.opcode = opcode, .dw10 = dw10, .dw11 = dw11,
	};

	return run(&admin, &cmd);
}

static u16 get_feature(u32 id)
{
	return feature(NVME_GET_FEATURES, id, 0);
}

static u16 set_feature(u32 id, u32 v)
{
	return feature(NVME_SET_FEATURES, id, v);
}

static void test_features(void **state)
{
	(void)state;
	start();
	assert_int_equal(set_feature(NVME_FEAT_QUEUES, 0x003f003f), 0);
	assert_int_equal(completion.result, 0x00070007);
	assert_int_equal(set_feature(NVME_FEAT_QUEUES, 0xffff), 2);
	assert_int_equal(set_feature(NVME_FEAT_QUEUES, 0xffff0000), 2);
	assert_int_equal(get_feature(NVME_FEAT_QUEUES), 0);
	assert_int_equal(completion.result, 0x00070007);

	assert_int_equal(get_feature(NVME_FEAT_WRITE_CACHE), 0);
	assert_int_equal(completion.result, 1);
	assert_int_equal(set_feature(NVME_FEAT_WRITE_CACHE, 0), 0);
	assert_int_equal(get_feature(NVME_FEAT_WRITE_CACHE), 0);
	assert_int_equal(completion.result, 0);
	assert_int_equal(set_feature(NVME_FEAT_WRITE_CACHE | 1u << 31, 1),
			 NVME_SC_NOT_SAVEABLE);
	assert_int_equal(feature(NVME_GET_FEATURES, 0x106, 0), 2);
	assert_int_equal(set_feature(NVME_FEAT_ASYNC_EVENTS, 0x100), 0);
	assert_int_equal(get_feature(NVME_FEAT_ASYNC_EVENTS), 0);
	assert_int_equal(completion.result, 0x100);
	assert_int_equal(set_feature(NVME_FEAT_TEMPERATURE, 300), 0);
	assert_int_equal(get_feature(NVME_FEAT_TEMPERATURE), 0);
	assert_int_equal(completion.result, 300);
	assert_int_equal(set_feature(NVME_FEAT_TEMPERATURE, 0x100000), 2);
	assert_int_equal(feature(NVME_GET_FEATURES, NVME_FEAT_TEMPERATURE,
				 0x100000), 2);
	assert_int_equal(get_feature(NVME_FEAT_POWER), 0);
	assert_int_equal(set_feature(NVME_FEAT_POWER, 1), 2);
	assert_int_equal(set_feature(0x7e, 0), 2);
	assert_int_equal(get_feature(0x7e), 2);
	assert_int_equal(mock_bad_count, 0);

	/* A reset forgets them */
	start();
	assert_int_equal(get_feature(NVME_FEAT_WRITE_CACHE), 0);
	assert_int_equal(completion.result, 1);
	assert_int_equal(get_feature(NVME_FEAT_ASYNC_EVENTS), 0);
	assert_int_equal(completion.result, 0);

	start_io();
	assert_int_equal(set_feature(NVME_FEAT_QUEUES, 0x00010001),
			 NVME_SC_SEQUENCE);
	assert_string_equal(mock_bad_what, "number of queues, too late");
}

static void test_queues(void **state)
{
	const u32 pc = NVME_QUEUE_PC;
	struct nvme_command cmd;
	u16 id;

	(void)state;
	start();
	assert_int_equal(create_cq(0, 16, pc, 0), NVME_SC_QUEUE_ID);
	assert_string_equal(mock_bad_what, "queue");
	assert_int_equal(create_cq(9, 16, pc, 0), NVME_SC_QUEUE_ID);
	assert_int_equal(create_cq(1, 1, pc, 0), NVME_SC_QUEUE_SIZE);
	assert_string_equal(mock_bad_what, "queue size");
	assert_int_equal(create_cq(1, 1025, pc, 0), NVME_SC_QUEUE_SIZE);
	assert_int_equal(create_cq(1, 16, NVME_QUEUE_IEN, 0), 2);
	assert_string_equal(mock_bad_what, "queue flags");
	assert_int_equal(create_cq(1, 16, pc, 9), NVME_SC_VECTOR);
	assert_string_equal(mock_bad_what, "interrupt vector");
	assert_int_equal(create_sq(1, 16, 1), NVME_SC_CQ_INVALID);
	assert_int_equal(create_cq(1, 1024, pc, 8), 0);
	assert_int_equal(create_cq(1, 16, pc, 0), NVME_SC_QUEUE_ID);
	assert_int_equal(create_sq(0, 16, 1), NVME_SC_QUEUE_ID);
	assert_int_equal(create_sq(9, 16, 1), NVME_SC_QUEUE_ID);
	assert_int_equal(create_sq(1, 16, 0), NVME_SC_QUEUE_ID);
	assert_int_equal(create_sq(1, 16, 9), NVME_SC_QUEUE_ID);
	assert_int_equal(create_sq(1, 16, 2), NVME_SC_CQ_INVALID);
	assert_int_equal(create_sq(1, 1, 1), NVME_SC_QUEUE_SIZE);
	cmd = (struct nvme_command) {
		.opcode = NVME_CREATE_SQ, .prp = { QUEUE_GPA(1) + 64 },
		.dw10 = 15 << 16 | 1, .dw11 = 1 << 16 | pc,
	};
	assert_int_equal(run(&admin, &cmd), NVME_SC_PRP_OFFSET);
	cmd.opcode = NVME_CREATE_CQ;
	cmd.dw10 = 15 << 16 | 2;
	assert_int_equal(run(&admin, &cmd), NVME_SC_PRP_OFFSET);
	assert_string_equal(mock_bad_what, "PRP not aligned");
	assert_int_equal(create_sq(1, 1024, 1), 0);
	assert_int_equal(create_sq(1, 16, 1), NVME_SC_QUEUE_ID);

	assert_int_equal(delete(NVME_DELETE_CQ, 1), NVME_SC_QUEUE_DELETION);
	assert_int_equal(delete(NVME_DELETE_CQ, 0), NVME_SC_QUEUE_ID);
	assert_int_equal(delete(NVME_DELETE_CQ, 2), NVME_SC_QUEUE_ID);
	assert_int_equal(delete(NVME_DELETE_CQ, 9), NVME_SC_QUEUE_ID);
	assert_int_equal(delete(NVME_DELETE_SQ, 0), NVME_SC_QUEUE_ID);
	assert_int_equal(delete(NVME_DELETE_SQ, 2), NVME_SC_QUEUE_ID);
	assert_int_equal(delete(NVME_DELETE_SQ, 9), NVME_SC_QUEUE_ID);
	assert_int_equal(delete(NVME_DELETE_SQ, 1), 0);
	assert_int_equal(delete(NVME_DELETE_SQ, 1), NVME_SC_QUEUE_ID);
	assert_int_equal(delete(NVME_DELETE_CQ, 1), 0);
	assert_int_equal(delete(NVME_DELETE_CQ, 1), NVME_SC_QUEUE_ID);

	for (id = 1; id <= 8; id++) {
		assert_int_equal(create_cq(id, 16, pc, id), 0);
		assert_int_equal(create_sq(id, 16, id), 0);
	}

	/* Entries of another size than ours */
	writel(NVME_CC, 0);
	writel(NVME_CC, (CC_LINUX & ~0xff0000u) | 0x560000);
	admin = (struct queue) {
		.sq = ASQ_GPA, .cq = ACQ_GPA, .sq_size = 32, .cq_size = 32,
		.phase = 1,
	};
	memset(at(ACQ_GPA), 0, 0x1000);
	assert_int_equal(create_cq(1, 16, pc, 0), 2);
	writel(NVME_CC, (CC_LINUX & ~0xff0000u) | 0x470000);
	assert_int_equal(create_cq(1, 16, pc, 0), 0);
	assert_int_equal(create_sq(1, 16, 1), 2);
}

static u64 random_state = 1;

static u32 random32(void)
{
	random_state = random_state * 6364136223846793005ull + 1;
	return (u32)(random_state >> 33);
}

/*
 * Describe @len bytes at @gpa as a driver does, page by page, the list from
 * @list on. When a page of the list is full, its last entry leads to another.
 */
static void describe(struct nvme_command *cmd, u64 gpa, u32 len, u64 list)
{
	u32 first = 4096 - gpa % 4096;
	u64 more = LIST_GPA + 0x4000;

	cmd->prp[0] = gpa;
	if (first >= len)
		return;
	gpa += first;
	len -= first;
	cmd->prp[1] = len <= 4096 ? gpa : list;
	if (len <= 4096)
		return;
	for (;;) {
		if (list % 4096 == 4088 && len > 4096) {
			*(u64 *)at(list) = more;
			list = more;
			more += 0x1000;
		}
		*(u64 *)at(list) = gpa;
		list += 8;
		gpa += 4096;
		if (len <= 4096)
			return;
		len -= 4096;
	}
}

static u16 rw(u8 opcode, u64 lba, u64 gpa, u32 len, u64 list)
{
	struct nvme_command cmd = {
		.opcode = opcode, .nsid = 1, .dw10 = (u32)lba,
		.dw11 = (u32)(lba >> 32), .dw12 = len / 512 - 1,
	};

	describe(&cmd, gpa, len, list);
	return run(&io, &cmd);
}

static void check_read(u64 lba, u64 gpa, u32 len, u64 list)
{
	const u8 *p = at(gpa);
	u32 i;

	memset(at(DATA_GPA), 0xee, 0xb0000);
	assert_int_equal(rw(NVME_READ, lba, gpa, len, list), 0);
	for (i = 0; i < len; i++)
		if (p[i] != pattern(lba * 512 + i))
			fail_msg("read of %u at %llu: byte %u is wrong", len,
				 lba, i);
	assert_int_equal(p[-1], 0xee);
	assert_int_equal(p[len], 0xee);
}

static void check_write(u64 lba, u64 gpa, u32 len, u64 list)
{
	static u8 buf[DISK_SIZE];
	u8 *p = at(gpa);
	u64 i;

	for (i = 0; i < len; i++)
		p[i] = (u8)random32();
	assert_int_equal(rw(NVME_WRITE, lba, gpa, len, list), 0);
	assert_int_equal(pread(disk_fd, buf, DISK_SIZE, 0), DISK_SIZE);
	assert_memory_equal(buf + lba * 512, p, len);
	for (i = 0; i < DISK_SIZE; i++) {
		if (i == lba * 512)
			i += len;
		if (i < DISK_SIZE && buf[i] != pattern(i))
			fail_msg("write of %u at %llu changed byte %llu", len,
				 lba, i);
	}
	for (i = lba * 512; i < lba * 512 + len; i++)
		buf[i] = pattern(i);
	assert_int_equal(pwrite(disk_fd, buf, DISK_SIZE, 0), DISK_SIZE);
}

static void test_transfers(void **state)
{
	static const u32 lens[] = {
		512, 4096, 4608, 8192, 12288, 65536, 131072 - 512, 524288,
	};
	static const u32 offsets[] = { 0x10, 0x1000, 0x1200, 0x1e00, 0x1ffc };
	/* Lists: whole page, Linux' small ones, about to end, at the end */
	static const u32 lists[] = { 0, 0x100, 0xf00, 0xff0, 0xff8 };
	u32 i, j, k;

	(void)state;
	start_io();
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		for (j = 0; j < ARRAY_SIZE(offsets); j++)
			for (k = 0; k < ARRAY_SIZE(lists); k++)
				check_read(i * 3, DATA_GPA + offsets[j],
					   lens[i], LIST_GPA + lists[k]);
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		check_write(i * 3, DATA_GPA + offsets[i % 5], lens[i],
			    LIST_GPA + lists[i % 5]);
	check_read(BLOCKS - 1, DATA_GPA + 0x1000, 512, 0);
	check_write(BLOCKS - 1, DATA_GPA + 0x1000, 512, 0);
	check_write(BLOCKS - 1024, DATA_GPA + 0x1000, 524288, LIST_GPA);
	assert_int_equal(mock_bad_count, 0);
	writel(NVME_CC, 0);
	assert_int_equal(mock_count("state=disabled reads=201 read_bytes=18752512 "), 1);
	assert_int_equal(mock_count("writes=10 written_bytes=1274880 flushes=0 errors=0;"),
			 1);
}

/* Pages in any order, in both pieces of RAM */
static void test_scattered(void **state)
{
	static const u64 page[] = {
		0x148000, 0x100002000ull, 0x141000, 0x100000000ull, 0x142000,
	};
	struct nvme_command cmd = {
		.opcode = NVME_READ, .nsid = 1, .dw10 = 9, .dw12 = 39,
		.prp = { page[0] + 512, LIST_GPA + 8 },
	};
	u32 i, j, done = 0;

	(void)state;
	start_io();
	for (i = 1; i < 5; i++)
		((u64 *)at(LIST_GPA))[i] = page[i];
	((u64 *)at(LIST_GPA))[5] = 0x143000;
	assert_int_equal(run(&io, &cmd), 0);
	for (i = 0; i < 5; i++)
		for (j = i ? 0 : 512; j < 4096; j++, done++)
			assert_int_equal(((u8 *)at(page[i]))[j],
					 pattern(9 * 512 + done));
	assert_int_equal(((u8 *)at(0x143000))[0], pattern(9 * 512 + done));
	assert_int_equal(((u8 *)at(0x143000))[511],
			 pattern(9 * 512 + done + 511));
	assert_int_equal(((u8 *)at(0x143000))[512], 0);
}

/* The file moves a bit at a time */
static void test_short_io(void **state)
{
	static const size_t max[] = { 1, 511, 512, 4096, 5000 };
	u32 i;

	(void)state;
	start_io();
	for (i = 0; i < ARRAY_SIZE(max); i++) {
		io_max = max[i];
		io_error = EINTR;
		check_read(3, DATA_GPA + 0x1e00, 12288, LIST_GPA);
		io_error = EINTR;
		check_write(3, DATA_GPA + 0x1e00, 12288, LIST_GPA);
	}
	assert_int_equal(mock_bad_count, 0);
}

static void test_wrap(void **state)
{
	static const struct nvme_command cmd = {
		.opcode = NVME_FLUSH, .nsid = 1,
	};
	static const u32 sizes[][2] = {
		{ 2, 2 }, { 2, 5 }, { 5, 2 }, { 5, 5 }, { 3, 7 }, { 64, 200 },
	};
	u32 i, j, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		start_io_with(sizes[i][0], sizes[i][1]);
		for (j = 0; j < 500; j++)
			assert_int_equal(run(&io, &cmd), 0);
		/* As many at once as the smaller one takes */
		for (j = 0; j < 50; j++) {
			u32 n = sizes[i][0] < sizes[i][1] ? sizes[i][0] :
							    sizes[i][1];

			for (k = 1; k < n; k++)
				submit(&io, &cmd);
			ring_tail(&io);
			for (k = 1; k < n; k++) {
				assert_true(reap(&io, &completion));
				assert_int_equal(completion.cid,
						 (u16)(io.cid - n + k + 1));
			}
			assert_false(reap(&io, &completion));
			ring_head(&io);
		}
	}
	start_with(2);
	for (j = 0; j < 10; j++)
		assert_int_equal(get_feature(NVME_FEAT_POWER), 0);
	assert_int_equal(mock_bad_count, 0);
}

static void test_full(void **state)
{
	static const struct nvme_command cmd = {
		.opcode = NVME_FLUSH, .nsid = 1,
	};
	u32 i;

	(void)state;
	start_io_with(8, 4);
	for (i = 0; i < 7; i++)
		submit(&io, &cmd);
	ring_tail(&io);
	assert_int_equal(fdatasyncs, 3);	/* the others are not begun */
	assert_int_equal(interrupts[1], 1);
	for (i = 0; i < 3; i++) {
		assert_true(reap(&io, &completion));
		assert_int_equal(completion.cid, i + 1);
		assert_int_equal(completion.sq_head, i + 1);
	}
	assert_false(reap(&io, &completion));
	writel(NVME_DOORBELLS + 12, 1);
	assert_int_equal(fdatasyncs, 4);
	assert_int_equal(interrupts[1], 2);
	ring_head(&io);
	assert_int_equal(fdatasyncs, 6);
	assert_int_equal(interrupts[1], 3);
	for (; i < 6; i++) {
		assert_true(reap(&io, &completion));
		assert_int_equal(completion.cid, i + 1);
	}
	assert_false(reap(&io, &completion));
	ring_head(&io);
	assert_true(reap(&io, &completion));
	assert_int_equal(completion.cid, 7);
	ring_head(&io);
	assert_int_equal(fdatasyncs, 7);
	assert_int_equal(interrupts[1], 4);
	assert_int_equal(mock_bad_count, 0);
}

/* Two submission queues with one completion queue */
static void test_shared(void **state)
{
	static const struct nvme_command cmd = {
		.opcode = NVME_FLUSH, .nsid = NVME_ALL_NAMESPACES,
	};
	struct queue second;
	u32 i, seen[3] = { 0 };

	(void)state;
	start_io_with(8, 4);
	assert_int_equal(create_sq(2, 8, 1), 0);
	second = queue(2, 1, 8, 4);
	for (i = 0; i < 5; i++) {
		submit(&io, &cmd);
		submit(&second, &cmd);
	}
	ring_tail(&io);
	ring_tail(&second);
	for (i = 0; i < 10; i++) {
		assert_true(reap(&io, &completion));
		assert_in_range(completion.sq_id, 1, 2);
		assert_int_equal(completion.cid, ++seen[completion.sq_id]);
		ring_head(&io);
	}
	assert_int_equal(seen[1], 5);
	assert_int_equal(seen[2], 5);
	assert_false(reap(&io, &completion));

	/* Deleted: what was not begun never will be */
	for (i = 0; i < 7; i++)
		submit(&second, &cmd);
	ring_tail(&second);
	assert_int_equal(delete(NVME_DELETE_SQ, 2), 0);
	for (i = 0; i < 3; i++)
		assert_true(reap(&io, &completion));
	ring_head(&io);
	assert_false(reap(&io, &completion));
	assert_int_equal(mock_bad_count, 0);
}

static void test_interrupts(void **state)
{
	static const struct nvme_command cmd = {
		.opcode = NVME_FLUSH, .nsid = 1,
	}, power = {
		.opcode = NVME_GET_FEATURES, .dw10 = NVME_FEAT_POWER,
	};
	struct queue polled;
	u32 i, n;

	(void)state;
	start();
	get_feature(NVME_FEAT_POWER);
	assert_int_equal(interrupts[0], 1);
	assert_int_equal(create_cq(3, 16, NVME_QUEUE_PC | NVME_QUEUE_IEN, 5), 0);
	assert_int_equal(create_sq(2, 16, 3), 0);
	assert_int_equal(create_cq(4, 16, NVME_QUEUE_PC, 6), 0);
	assert_int_equal(create_sq(3, 16, 4), 0);
	n = interrupts[0];
	assert_int_equal(n, 5);
	io = queue(2, 3, 16, 16);
	for (i = 0; i < 4; i++)
		submit(&io, &cmd);
	assert_int_equal(interrupts[5], 0);
	ring_tail(&io);
	assert_int_equal(interrupts[5], 1);	/* one for all */
	ring_tail(&io);				/* nothing new */
	assert_int_equal(interrupts[5], 1);
	while (reap(&io, &completion))
		;
	ring_head(&io);
	assert_int_equal(interrupts[5], 1);

	polled = queue(3, 4, 16, 16);
	assert_int_equal(run(&polled, &cmd), 0);
	assert_int_equal(all_interrupts, n + 1);

	/* Masked, it waits */
	writel(NVME_INTMS, 1 << 5 | 1 << 7);
	assert_int_equal(readl(NVME_INTMS), 0xa0);
	submit(&io, &cmd);
	ring_tail(&io);
	assert_int_equal(interrupts[5], 1);
	submit(&admin, &power);
	ring_tail(&admin);
	assert_int_equal(interrupts[0], n + 1);
	writel(NVME_INTMC, 1 << 7);
	assert_int_equal(readl(NVME_INTMC), 0x20);
	assert_int_equal(interrupts[5], 1);
	assert_int_equal(interrupts[0], n + 1);	/* it was not masked */
	writel(NVME_INTMC, 1 << 5);
	assert_int_equal(interrupts[5], 2);
	assert_true(reap(&io, &completion));
	ring_head(&io);
	writel(NVME_INTMS, 1 << 5);
	writel(NVME_INTMC, 1 << 5);
	assert_int_equal(interrupts[5], 2);	/* it was seen */
	assert_int_equal(mock_bad_count, 0);
}

static void test_durable(void **state)
{
	struct nvme_command cmd = {
		.opcode = NVME_WRITE, .nsid = 1, .prp = { DATA_GPA },
	};

	(void)state;
	start_io();
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(write_flags, 0);
	cmd.dw12 = NVME_FUA;
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(write_flags, RWF_DSYNC);
	assert_int_equal(fdatasyncs, 0);
	cmd.opcode = NVME_READ;
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(fdatasyncs, 1);
	cmd.opcode = NVME_WRITE_ZEROES;
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(fdatasyncs, 2);
	cmd.dw12 = 0;
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(fdatasyncs, 2);
	cmd.opcode = NVME_FLUSH;
	fdatasync_error = EINTR;
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(fdatasyncs, 4);
	fdatasync_error = EIO;
	assert_int_equal(run(&io, &cmd), NVME_SC_WRITE_FAULT);
	fdatasync_error = 0;

	assert_int_equal(set_feature(NVME_FEAT_WRITE_CACHE, 0), 0);
	cmd.opcode = NVME_WRITE;
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(write_flags, RWF_DSYNC);
	cmd.opcode = NVME_WRITE_ZEROES;
	fdatasyncs = 0;
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(fdatasyncs, 1);
}

/* Is the disk as it was but for zeroes in these blocks? */
static void check_zeroes(u64 first, u64 last)
{
	static u8 buf[DISK_SIZE];
	u64 i;

	assert_int_equal(lseek(disk_fd, 0, SEEK_END), DISK_SIZE);
	assert_int_equal(pread(disk_fd, buf, DISK_SIZE, 0), DISK_SIZE);
	for (i = 0; i < DISK_SIZE; i++)
		if (buf[i] != (i / 512 >= first && i / 512 <= last ?
			       0 : pattern(i)))
			fail_msg("byte %llu is wrong", i);
	for (i = 0; i < DISK_SIZE; i++)
		buf[i] = pattern(i);
	assert_int_equal(pwrite(disk_fd, buf, DISK_SIZE, 0), DISK_SIZE);
}

static void test_zeroes(void **state)
{
	struct nvme_command cmd = {
		.opcode = NVME_WRITE_ZEROES, .nsid = 1, .dw10 = 8,
		.dw12 = 1u << 25 | 0,		/* deallocate */
	};
	struct nvme_dsm_range *range = at(DATA_GPA);
	u32 i;

	(void)state;
	start_io();
	assert_int_equal(run(&io, &cmd), 0);
	check_zeroes(8, 8);
	cmd.dw10 = 3;
	cmd.dw12 = 99;
	assert_int_equal(run(&io, &cmd), 0);
	check_zeroes(3, 102);
	cmd.dw10 = BLOCKS - 100;
	assert_int_equal(run(&io, &cmd), 0);
	check_zeroes(BLOCKS - 100, BLOCKS - 1);
	cmd.dw10 = BLOCKS - 99;
	assert_int_equal(run(&io, &cmd), NVME_SC_LBA_RANGE);
	cmd.dw12 = 0xffff;
	cmd.dw10 = 0;
	assert_int_equal(run(&io, &cmd), NVME_SC_LBA_RANGE);
	check_zeroes(1, 0);

	cmd = (struct nvme_command) {
		.opcode = NVME_DSM, .nsid = 1, .dw10 = 255,
		.dw11 = NVME_DSM_DEALLOCATE,
		.prp = { DATA_GPA + 0x800, DATA_GPA + 0x1000 },
	};
	range += 0x800 / sizeof(*range);
	for (i = 0; i < 256; i++)
		range[i] = (struct nvme_dsm_range) {
			.blocks = i % 3, .lba = 50 + i / 3 * 3 + i % 3,
		};
	range[0] = (struct nvme_dsm_range) { .blocks = 300, .lba = 50 };
	assert_int_equal(run(&io, &cmd), 0);
	check_zeroes(50, 349);
	range[0] = (struct nvme_dsm_range) { .lba = BLOCKS };
	for (i = 0; i < 256; i++)
		range[i] = range[0];		/* of no blocks, at the end */
	assert_int_equal(run(&io, &cmd), 0);
	check_zeroes(1, 0);
	range[0] = (struct nvme_dsm_range) { .blocks = 1 };
	cmd.dw11 = 0;				/* but a hint */
	assert_int_equal(run(&io, &cmd), 0);
	check_zeroes(1, 0);
	cmd.dw11 = NVME_DSM_DEALLOCATE;
	/* Nothing is done if a later one is wrong */
	range[255] = (struct nvme_dsm_range) { .blocks = 2, .lba = BLOCKS - 1 };
	assert_int_equal(run(&io, &cmd), NVME_SC_LBA_RANGE);
	range[255] = (struct nvme_dsm_range) { .blocks = 1, .lba = ~0ull };
	assert_int_equal(run(&io, &cmd), NVME_SC_LBA_RANGE);
	check_zeroes(1, 0);
	cmd.dw10 = 0;
	assert_int_equal(run(&io, &cmd), 0);
	check_zeroes(0, 0);
	cmd.prp[0] = NOT_RAM;
	assert_int_equal(run(&io, &cmd), NVME_SC_DATA_TRANSFER);
	/* A file that may not change */
	cmd.prp[0] = DATA_GPA + 0x800;
	assert_int_equal(fcntl(disk_fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(run(&io, &cmd), NVME_SC_WRITE_FAULT);
	assert_string_equal(mock_bad_what, "errno of the disk's file");
	assert_int_equal(mock_bad_value, EPERM);
}

/* A file that cannot have holes, as on some file systems */
static void test_no_holes(void **state)
{
	struct nvme_command cmd = { .opcode = NVME_WRITE_ZEROES, .nsid = 1 };
	char why[128];

	(void)state;
	nvme_free(dev);
	assert_int_equal(fcntl(disk_fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	dev = nvme_new("nvme0", disk_path, why, sizeof(why));
	assert_non_null(dev);
	start_io();
	get(NVME_IDENTIFY, 0, NVME_CNS_CONTROLLER, 4096);
	assert_int_equal(get16(520), 0);
	get(NVME_IDENTIFY, 1, NVME_CNS_NAMESPACE, 4096);
	assert_int_equal(get16(33) & 0xff, 0);
	assert_int_equal(run(&io, &cmd), NVME_SC_INVALID_OPCODE);
	cmd.opcode = NVME_DSM;
	assert_int_equal(run(&io, &cmd), NVME_SC_INVALID_OPCODE);
	assert_string_equal(mock_bad_what, "opcode");
	cmd.opcode = NVME_WRITE;
	cmd.prp[0] = DATA_GPA;
	assert_int_equal(run(&io, &cmd), NVME_SC_WRITE_FAULT);
	assert_string_equal(mock_bad_what, "errno of the disk's file");
}

static void io_fails(struct nvme_command *cmd, u16 status, const char *what,
		     u64 value)
{
	mock_reset();
	start_io();
	assert_int_equal(run(&io, cmd), status);
	assert_string_equal(mock_bad_what, what);
	assert_int_equal(mock_bad_value, value);
	assert_int_equal(mock_bad_count, 1);
	/* Once is enough */
	assert_int_equal(run(&io, cmd), status);
	assert_int_equal(mock_bad_count, 1);
}

static void test_bad_commands(void **state)
{
	static const struct nvme_command good = {
		.opcode = NVME_READ, .nsid = 1, .prp = { DATA_GPA },
	};
	struct nvme_command cmd = good;
	u64 *list = at(LIST_GPA);

	(void)state;
	cmd.opcode = 0x7f;
	io_fails(&cmd, NVME_SC_INVALID_OPCODE, "opcode", 0x7f);
	cmd = good;
	cmd.nsid = 2;
	io_fails(&cmd, NVME_SC_INVALID_NS, "namespace", 2);
	cmd.nsid = NVME_ALL_NAMESPACES;
	io_fails(&cmd, NVME_SC_INVALID_NS, "namespace", NVME_ALL_NAMESPACES);
	cmd.nsid = 0;
	cmd.opcode = NVME_FLUSH;
	io_fails(&cmd, NVME_SC_INVALID_NS, "namespace", 0);
	cmd = good;
	cmd.flags = 0x40;
	io_fails(&cmd, NVME_SC_INVALID_FIELD, "command flags", 0x40);
	cmd.flags = 1;
	io_fails(&cmd, NVME_SC_INVALID_FIELD, "command flags", 1);
	cmd = good;
	cmd.dw10 = BLOCKS;
	io_fails(&cmd, NVME_SC_LBA_RANGE, "blocks beyond the end, at", BLOCKS);
	cmd.dw10 = BLOCKS - 1;
	cmd.dw12 = 1;
	io_fails(&cmd, NVME_SC_LBA_RANGE, "blocks beyond the end, at",
		 BLOCKS - 1);
	cmd.dw10 = 0xffffffff;
	cmd.dw11 = 0xffffffff;
	io_fails(&cmd, NVME_SC_LBA_RANGE, "blocks beyond the end, at", ~0ull);
	cmd = good;
	cmd.dw12 = 1024;
	cmd.prp[1] = LIST_GPA;
	io_fails(&cmd, NVME_SC_INVALID_FIELD, "length of a transfer", 1025 * 512);

	cmd = good;
	cmd.prp[0] = DATA_GPA + 2;
	io_fails(&cmd, NVME_SC_PRP_OFFSET, "PRP not aligned", DATA_GPA + 2);
	cmd.prp[0] = NOT_RAM;
	io_fails(&cmd, NVME_SC_DATA_TRANSFER, "PRP not in RAM", NOT_RAM);
	cmd.prp[0] = DATA_GPA;
	cmd.dw12 = 8;				/* 512 bytes in the second */
	cmd.prp[1] = DATA_GPA + 0x1008;
	io_fails(&cmd, NVME_SC_PRP_OFFSET, "PRP not aligned", DATA_GPA + 0x1008);
	cmd.prp[1] = ~0xfffull;
	io_fails(&cmd, NVME_SC_DATA_TRANSFER, "PRP not in RAM", ~0xfffull);
	cmd.dw12 = 23;				/* two entries in a list */
	cmd.prp[1] = LIST_GPA + 4;
	io_fails(&cmd, NVME_SC_PRP_OFFSET, "PRP not aligned", LIST_GPA + 4);
	cmd.prp[1] = NOT_RAM + 8;
	io_fails(&cmd, NVME_SC_DATA_TRANSFER, "PRP not in RAM", NOT_RAM + 8);
	cmd.prp[1] = LIST_GPA;
	list[0] = DATA_GPA + 0x1000;
	list[1] = DATA_GPA + 0x2800;
	io_fails(&cmd, NVME_SC_PRP_OFFSET, "PRP not aligned",
		 DATA_GPA + 0x2800);
	list[1] = NOT_RAM;
	memset(at(DATA_GPA), 0xee, 512);
	io_fails(&cmd, NVME_SC_DATA_TRANSFER, "PRP not in RAM", NOT_RAM);
	assert_int_equal(*(u8 *)at(DATA_GPA), 0xee);	/* nothing was moved */
	/* The list goes on in nowhere, and in the middle of a page */
	cmd.prp[1] = LIST_GPA + 0xff8;
	list[511] = NOT_RAM;
	io_fails(&cmd, NVME_SC_DATA_TRANSFER, "PRP not in RAM", NOT_RAM);
	list[511] = LIST_GPA + 8;
	io_fails(&cmd, NVME_SC_PRP_OFFSET, "PRP not aligned", LIST_GPA + 8);
	/* The last page of the list leads to itself */
	cmd.dw12 = 1023;
	list[511] = LIST_GPA;
	memset(list, 0, 511 * 8);
	io_fails(&cmd, NVME_SC_DATA_TRANSFER, "PRP not in RAM", 0);
	start_io();
	assert_int_equal(run(&io, &good), 0);
}

static void test_bad_admin(void **state)
{
	struct nvme_command cmd = { .opcode = 0x7f };
	u32 i;

	(void)state;
	start();
	assert_int_equal(run(&admin, &cmd), NVME_SC_INVALID_OPCODE);
	assert_string_equal(mock_bad_what, "opcode");
	cmd.opcode = NVME_IDENTIFY;
	cmd.flags = 0x80;
	assert_int_equal(run(&admin, &cmd), NVME_SC_INVALID_FIELD);
	cmd.flags = 0;
	cmd.dw10 = NVME_CNS_CONTROLLER;
	cmd.prp[0] = NOT_RAM;
	assert_int_equal(run(&admin, &cmd), NVME_SC_DATA_TRANSFER);
	cmd.opcode = NVME_ABORT;
	assert_int_equal(run(&admin, &cmd), 0);
	assert_int_equal(completion.result, 1);

	/* Held until something happens; one too many is not */
	cmd = (struct nvme_command) { .opcode = NVME_ASYNC_EVENT };
	for (i = 0; i < 4; i++)
		submit(&admin, &cmd);
	ring_tail(&admin);
	assert_false(reap(&admin, &completion));
	assert_int_equal(run(&admin, &cmd), NVME_SC_ASYNC_LIMIT);
	assert_string_equal(mock_bad_what, "asynchronous event requests");
	assert_int_equal(get_feature(NVME_FEAT_POWER), 0);
	start();
	submit(&admin, &cmd);
	ring_tail(&admin);
	assert_false(reap(&admin, &completion));
}

static void test_doorbells(void **state)
{
	static const struct nvme_command cmd = {
		.opcode = NVME_FLUSH, .nsid = 1,
	};

	(void)state;
	writel(NVME_DOORBELLS, 1);	/* disabled: not even a mistake */
	assert_int_equal(mock_bad_count, 0);
	start_io();
	writel(NVME_DOORBELLS + 8, 16);
	assert_string_equal(mock_bad_what, "submission queue tail");
	writel(NVME_DOORBELLS + 8, 0xffffffff);
	writel(NVME_DOORBELLS + 8, 0x10000);
	assert_int_equal(mock_bad_count, 1);
	writel(NVME_DOORBELLS + 12, 16);
	assert_string_equal(mock_bad_what, "completion queue head");
	writel(NVME_DOORBELLS + 12, 1);		/* nothing was there to see */
	assert_int_equal(mock_bad_count, 2);
	writel(NVME_DOORBELLS + 16, 0);
	assert_string_equal(mock_bad_what, "doorbell of no queue, at");
	assert_int_equal(mock_bad_value, NVME_DOORBELLS + 16);
	writel(NVME_DOORBELLS + 20, 0);
	writel(NVME_DOORBELLS + 9 * 8, 0);
	writel(0x3ffc, 0);
	assert_int_equal(mock_bad_count, 3);
	/* None of that did anything */
	assert_int_equal(fdatasyncs, 0);
	assert_int_equal(run(&io, &cmd), 0);
	assert_int_equal(fdatasyncs, 1);
	assert_int_equal(readl(NVME_CSTS), NVME_CSTS_RDY);
	/* A head that goes back, when the queue is empty and when it is not */
	mock_reset();
	start_io();
	run(&io, &cmd);
	submit(&io, &cmd);
	ring_tail(&io);
	writel(NVME_DOORBELLS + 12, 0);
	assert_string_equal(mock_bad_what, "completion queue head");
	assert_true(reap(&io, &completion));
	ring_head(&io);
	assert_int_equal(mock_bad_count, 1);
}

static void test_lost_queues(void **state)
{
	struct nvme_command cmd = {
		.opcode = NVME_CREATE_CQ, .prp = { NOT_RAM },
		.dw10 = 15 << 16 | 1, .dw11 = NVME_QUEUE_PC,
	};

	(void)state;
	start();
	assert_int_equal(run(&admin, &cmd), 0);
	assert_int_equal(create_sq(1, 16, 1), 0);
	io = queue(1, 1, 16, 16);
	cmd.opcode = NVME_FLUSH;
	submit(&io, &cmd);
	submit(&io, &cmd);
	ring_tail(&io);
	assert_int_equal(readl(NVME_CSTS), NVME_CSTS_RDY | NVME_CSTS_CFS);
	assert_string_equal(mock_bad_what,
			    "completion queue not in RAM, at");
	assert_int_equal(mock_bad_value, NOT_RAM);
	/* Nothing more, until it is reset */
	submit(&admin, &cmd);
	ring_tail(&admin);
	assert_false(reap(&admin, &completion));
	start_io();

	no_dma = true;				/* no bus master */
	submit(&io, &cmd);
	ring_tail(&io);
	assert_int_equal(readl(NVME_CSTS), NVME_CSTS_RDY | NVME_CSTS_CFS);
	assert_string_equal(mock_bad_what, "submission queue not in RAM, at");
	assert_int_equal(mock_bad_value, QUEUE_GPA(1));
	no_dma = false;
	dev->reset(dev);
	assert_int_equal(readl(NVME_CSTS), 0);
	assert_int_equal(mock_count("state=reset"), 1);
	start_io();
}

static void test_file_errors(void **state)
{
	struct nvme_command cmd = {
		.opcode = NVME_READ, .nsid = 1, .prp = { DATA_GPA },
	};

	(void)state;
	io_error = EIO;
	io_fails(&cmd, NVME_SC_READ_ERROR, "errno of the disk's file", EIO);
	cmd.opcode = NVME_WRITE;
	io_fails(&cmd, NVME_SC_WRITE_FAULT, "errno of the disk's file", EIO);
	io_error = ENOSPC;
	io_fails(&cmd, NVME_SC_CAPACITY, "errno of the disk's file", ENOSPC);
	/* It is no fault of the guest's. */
	assert_string_equal(host_failure(), "nvme0: the file of its disk");
	io_error = 0;
	assert_int_equal(run(&io, &cmd), 0);
	/* Somebody cuts the file */
	assert_int_equal(ftruncate(disk_fd, 0), 0);
	cmd.opcode = NVME_READ;
	cmd.dw10 = 100;
	io_fails(&cmd, NVME_SC_READ_ERROR, "errno of the disk's file", EIO);
	writel(NVME_CC, 0);
	assert_int_equal(mock_count(" reads=0 read_bytes=0 "), 3);
	assert_int_equal(mock_count(" writes=1 written_bytes=512 flushes=0 errors=8;"),
			 1);
}

static void test_logs(void **state)
{
	struct nvme_command cmd = {
		.opcode = NVME_READ, .nsid = 1, .dw10 = BLOCKS,
		.prp = { DATA_GPA },
	};
	const u8 *p = at(DATA_GPA);

	(void)state;
	start_io();
	check_read(0, DATA_GPA + 0x1000, 4096, 0);
	check_read(0, DATA_GPA + 0x1000, 512, 0);
	cmd.cid = 0x1234;
	assert_int_equal(run(&io, &cmd), NVME_SC_LBA_RANGE);
	assert_int_equal(get(NVME_GET_LOG_PAGE, 0, 127 << 16 | 2, 512), 0);
	assert_int_equal(p[0], 0);		/* nothing critical */
	assert_in_range(get16(1), 280, 340);	/* kelvins */
	assert_int_equal(p[3], 100);
	assert_int_equal(get64(32), 1);		/* units of 512000 bytes */
	assert_int_equal(get64(48), 0);
	assert_int_equal(get64(64), 2);
	assert_int_equal(get64(80), 0);
	assert_int_equal(get64(160), 0);
	assert_int_equal(get64(176), 1);
	assert_int_equal(get(NVME_GET_LOG_PAGE, 0, 15 << 16 | 1, 64), 0);
	assert_int_equal(get64(0), 1);
	assert_int_equal(get16(8), 1);
	assert_int_equal(get16(10), io.cid);
	assert_int_equal(get16(12), (NVME_SC_LBA_RANGE | NVME_SC_DNR) << 1);
	assert_int_equal(get64(16), BLOCKS);
	assert_int_equal(get64(24), 1);
	/* More than there is of it */
	assert_int_equal(get(NVME_GET_LOG_PAGE, 0, 255 << 16 | 1, 1024), 0);
	assert_int_equal(get64(0), 1);
	assert_int_equal(get64(64), 0);
	assert_int_equal(get64(1016), 0);
	assert_int_equal(get(NVME_GET_LOG_PAGE, 0, 127 << 16 | 3, 512), 0);
	assert_int_equal(p[0], 1);
	assert_memory_equal(p + 8, "1       ", 8);
	assert_int_equal(get(NVME_GET_LOG_PAGE, 0, 127 << 16 | 5, 0),
			 NVME_SC_LOG_PAGE);
	cmd = (struct nvme_command) {
		.opcode = NVME_GET_LOG_PAGE, .dw10 = 127 << 16 | 2,
		.prp = { DATA_GPA }, .dw11 = 1,
	};
	assert_int_equal(run(&admin, &cmd), NVME_SC_INVALID_FIELD);
	cmd.dw11 = 0;
	cmd.dw13 = 1;
	assert_int_equal(run(&admin, &cmd), NVME_SC_INVALID_FIELD);
	/* 256 KiB of it, most of them zeroes */
	cmd.dw13 = 0;
	cmd.dw10 = 0xffffu << 16 | 2;
	describe(&cmd, DATA_GPA + 0x10, 256 * KIB, LIST_GPA);
	memset(at(DATA_GPA), 0xee, 0x50000);
	assert_int_equal(run(&admin, &cmd), 0);
	assert_int_equal(get64(0x10 + 176), 4);
	assert_int_equal(get64(0x10 + 256 * KIB - 8), 0);
	assert_int_equal(p[0x10 + 256 * KIB], 0xee);
	/* What a driver asks in vain is no error in the trace */
	writel(NVME_CC, 0);
	assert_int_equal(mock_count(" errors=1;"), 1);
}

static void test_shutdown(void **state)
{
	static const struct nvme_command cmd = {
		.opcode = NVME_WRITE, .nsid = 1, .prp = { DATA_GPA },
	};

	(void)state;
	start_io();
	assert_int_equal(run(&io, &cmd), 0);
	writel(NVME_CC, CC_LINUX | 1 << 14);
	assert_int_equal(readl(NVME_CSTS) & NVME_CSTS_SHST, 2 << 2);
	assert_int_equal(fdatasyncs, 1);
	assert_int_equal(mock_count("state=shutdown reads=0 read_bytes=0 writes=1 "),
			 1);
	assert_int_equal(mock_count(" written_bytes=512 flushes=1 errors=0;"), 1);
	writel(NVME_CC, CC_LINUX | 1 << 14);
	assert_int_equal(mock_count("shutdown"), 1);
	submit(&io, &cmd);
	ring_tail(&io);
	assert_false(reap(&io, &completion));
	/* The next kernel starts as always */
	start_io();
	assert_int_equal(run(&io, &cmd), 0);
	/* Or the power goes, after a shutdown of what is not enabled */
	writel(NVME_CC, 0);
	writel(NVME_CC, 2 << 14);
	assert_int_equal(readl(NVME_CSTS), 2 << 2);
	dev->reset(dev);
	assert_int_equal(readl(NVME_CSTS), 0);
	assert_int_equal(readl(NVME_CC), 0);
	assert_int_equal(mock_bad_count, 0);
}

/* A kernel dies with commands in the queue; another comes. */
static void test_crash(void **state)
{
	static const struct nvme_command flush = {
		.opcode = NVME_FLUSH, .nsid = 1,
	}, event = {
		.opcode = NVME_ASYNC_EVENT,
	};
	int by_bus, i;

	(void)state;
	for (by_bus = 0; by_bus < 2; by_bus++) {
		start_io_with(16, 4);
		submit(&admin, &event);
		ring_tail(&admin);
		for (i = 0; i < 9; i++)
			submit(&io, &flush);
		ring_tail(&io);
		writel(NVME_INTMS, 3);
		fdatasyncs = 0;
		if (by_bus) {
			dev->reset(dev);
			assert_int_equal(reg_read(NVME_ASQ, 8), 0);
			assert_int_equal(reg_read(NVME_ACQ, 8), 0);
			assert_int_equal(readl(NVME_AQA), 0);
			assert_int_equal(readl(NVME_CC), 0);
		}
		/* The old queues' memory is the new kernel's now */
		memset(at(QUEUE_GPA(1)), 0xee, 0x2000);
		start();
		assert_int_equal(readl(NVME_INTMS), 0);
		writel(NVME_DOORBELLS + 12, 3);
		writel(NVME_DOORBELLS + 8, 0);
		assert_int_equal(*(u8 *)at(QUEUE_GPA(1) + 0x1000), 0xee);
		assert_int_equal(fdatasyncs, 0);
		start_io();
		check_read(7, DATA_GPA + 0x1000, 8192, LIST_GPA);
		check_write(7, DATA_GPA + 0x1000, 8192, LIST_GPA);
		for (i = 0; i < 4; i++)
			submit(&admin, &event);
		ring_tail(&admin);
		assert_false(reap(&admin, &completion));
	}
	/* Nothing to reset, nothing to say */
	dev->reset(dev);
	mock_reset();
	dev->reset(dev);
	assert_int_equal(mock_count("nvme"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_shape),
		T(test_disk),
		T(test_registers),
		T(test_enable),
		T(test_identify),
		T(test_two_disks),
		T(test_features),
		T(test_queues),
		T(test_transfers),
		T(test_scattered),
		T(test_short_io),
		T(test_wrap),
		T(test_full),
		T(test_shared),
		T(test_interrupts),
		T(test_durable),
		T(test_zeroes),
		T(test_no_holes),
		T(test_bad_commands),
		T(test_bad_admin),
		T(test_doorbells),
		T(test_lost_queues),
		T(test_file_errors),
		T(test_logs),
		T(test_shutdown),
		T(test_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
