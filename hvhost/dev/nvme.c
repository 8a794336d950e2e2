// SPDX-License-Identifier: GPL-2.0-only
/*
 * An NVMe controller with one namespace, which is a file: NVM Express 1.3
 * with what it makes mandatory for Linux' driver, and little else. Commands
 * are carried out while the doorbell is written, so nothing is ever under way
 * when a guest resets it, dies, or is followed by another kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/fail.h"
#include "core/limits.h"
#include "core/trace.h"
#include "dev/nvme.h"
#include "dev/nvme_proto.h"

#define PAGE		HV_PAGE_SIZE	/* the only CC.MPS there is */
#define BLOCK_SHIFT	9
#define MIN_DISK	MIB

#define QUEUES		(1 + MAX_CPUS)	/* admin, and one I/O a vCPU */
#define QUEUE_ENTRIES	1024
#define ASYNC_EVENTS	4		/* requests that are held */
#define READY_TIMEOUT	20		/* times 500 ms; it takes none */

#define MDTS		7		/* log2 of the most pages a command moves */
#define MAX_TRANSFER	(PAGE << MDTS)
#define MAX_PIECES	((1 << MDTS) + 1)

/* Azure's 1414:b111; what is where in BAR4 is our own choice */
#define REGISTERS_BAR	0
#define MSIX_BAR	4
#define MSIX_PBA	0x4000

#define TEMPERATURE	313		/* kelvins, as are these */
#define WARNING		343
#define CRITICAL	353

/* What a command returns that is not complete: no status of NVMe's */
#define HELD		0xffff

/* What can be wrong; each is traced once until the controller is reset. */
enum wrong {
	WRONG_READ_SIZE,
	WRONG_WRITE_SIZE,
	WRONG_DOORBELL,
	WRONG_TAIL,
	WRONG_HEAD,
	WRONG_CC,
	WRONG_AQA,
	WRONG_SQ_GPA,
	WRONG_CQ_GPA,
	WRONG_OPCODE,
	WRONG_FLAGS,
	WRONG_NSID,
	WRONG_LENGTH,
	WRONG_PRP_OFFSET,
	WRONG_PRP_GPA,
	WRONG_LBA,
	WRONG_QUEUE,
	WRONG_QUEUE_SIZE,
	WRONG_QUEUE_FLAGS,
	WRONG_VECTOR,
	WRONG_ORDER,
	WRONG_EVENTS,
	WRONG_FILE,
};

static const char *const wrong_name[] = {
	[WRONG_READ_SIZE] = "read of that size, at",
	[WRONG_WRITE_SIZE] = "write of that size, at",
	[WRONG_DOORBELL] = "doorbell of no queue, at",
	[WRONG_TAIL] = "submission queue tail",
	[WRONG_HEAD] = "completion queue head",
	[WRONG_CC] = "controller configuration",
	[WRONG_AQA] = "admin queue attributes",
	[WRONG_SQ_GPA] = "submission queue not in RAM, at",
	[WRONG_CQ_GPA] = "completion queue not in RAM, at",
	[WRONG_OPCODE] = "opcode",
	[WRONG_FLAGS] = "command flags",
	[WRONG_NSID] = "namespace",
	[WRONG_LENGTH] = "length of a transfer",
	[WRONG_PRP_OFFSET] = "PRP not aligned",
	[WRONG_PRP_GPA] = "PRP not in RAM",
	[WRONG_LBA] = "blocks beyond the end, at",
	[WRONG_QUEUE] = "queue",
	[WRONG_QUEUE_SIZE] = "queue size",
	[WRONG_QUEUE_FLAGS] = "queue flags",
	[WRONG_VECTOR] = "interrupt vector",
	[WRONG_ORDER] = "number of queues, too late",
	[WRONG_EVENTS] = "asynchronous event requests",
	[WRONG_FILE] = "errno of the disk's file",
};

struct sq {
	bool on;
	u64 base;
	u32 size, head, tail;		/* entries */
	u16 cq;
};

struct cq {
	bool on;
	u64 base;
	u32 size, head, tail;
	bool phase;
	bool interrupts;
	u16 vector;
};

/* Since the start of the run, whoever asked */
struct counts {
	u64 reads, read_bytes;
	u64 writes, written_bytes;
	u64 flushes;
	u64 io_errors;			/* I/O commands that failed */
	u64 errors, media_errors;	/* as logs have them: admin's, too */
};

struct nvme {
	struct vpci_device dev;
	char name[32];
	int fd;
	u64 blocks;
	bool can_punch;			/* holes, which read as zeroes */
	u64 eui64;

	u32 cc, csts, aqa, masked;
	u64 asq, acq;
	struct sq sq[QUEUES];
	struct cq cq[QUEUES];
	u32 events;			/* asynchronous event requests held */
	u32 async_config;
	u32 threshold;
	bool write_cache;
	struct counts counts;
	u8 last_error[64];
	u32 told;			/* a bit for each enum wrong */

	/* Of the command at hand: its data in RAM, and what goes there */
	struct iovec piece[MAX_PIECES];
	int pieces;
	u8 page[PAGE];
};

_Static_assert(sizeof(struct nvme_command) == 1 << NVME_SQ_SHIFT, "command");
_Static_assert(sizeof(struct nvme_completion) == 1 << NVME_CQ_SHIFT,
	       "completion");
_Static_assert(ARRAY_SIZE(wrong_name) <= 32, "bits of told");

/* ASCII, padded with spaces */
static void nvme_put_text(u8 *p, size_t len, const char *text)
{
	size_t n = strnlen(text, len);

	memset(p, ' ', len);
	memcpy(p, text, n);
}

/* A guest can do wrong as fast as it can; traces would be little else */
static void nvme_tell_wrong(struct nvme *n, enum wrong what, u64 value)
{
	if (n->told >> what & 1)
		return;
	n->told |= 1u << what;
	trace_bad("nvme", wrong_name[what], value);
}

static u16 nvme_refuse(struct nvme *n, u16 status, enum wrong what, u64 value)
{
	nvme_tell_wrong(n, what, value);
	return status;
}

/* Nothing more is done until the guest resets the controller. */
static void nvme_fatal(struct nvme *n, enum wrong what, u64 value)
{
	nvme_tell_wrong(n, what, value);
	n->csts |= NVME_CSTS_CFS;
}

static bool nvme_running(const struct nvme *n)
{
	return (n->csts & (NVME_CSTS_RDY | NVME_CSTS_CFS | NVME_CSTS_SHST)) ==
	       NVME_CSTS_RDY;
}

/* What the guest may change meanwhile is read once only. */
static u64 nvme_load(const void *p)
{
	return __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED);
}

static u32 nvme_next(u32 index, u32 size)
{
	return index + 1 == size ? 0 : index + 1;
}

/* Entries from one index up to another; 0 when they are equal */
static u32 nvme_distance(u32 from, u32 to, u32 size)
{
	return to >= from ? to - from : size - from + to;
}

static u16 nvme_add_piece(struct nvme *n, u64 gpa, u32 len)
{
	u8 *p = vpci_dma(&n->dev, gpa, len);

	if (!p)
		return nvme_refuse(n, NVME_SC_DATA_TRANSFER, WRONG_PRP_GPA,
				   gpa);
	n->piece[n->pieces].iov_base = p;
	n->piece[n->pieces++].iov_len = len;
	return 0;
}

static u16 nvme_add_list(struct nvme *n, u64 at, u32 len)
{
	if (at % 8)
		return nvme_refuse(n, NVME_SC_PRP_OFFSET, WRONG_PRP_OFFSET, at);
	while (len) {
		const void *p = vpci_dma(&n->dev, at, 8);
		u32 piece = len < PAGE ? len : PAGE;
		u64 entry;
		u16 status;

		if (!p)
			return nvme_refuse(n, NVME_SC_DATA_TRANSFER,
					   WRONG_PRP_GPA, at);
		entry = nvme_load(p);
		if (entry % PAGE)
			return nvme_refuse(n, NVME_SC_PRP_OFFSET,
					   WRONG_PRP_OFFSET, entry);
		/* A page's last entry tells where more of them are */
		if (len > PAGE && at % PAGE == PAGE - 8) {
			at = entry;
			continue;
		}
		status = nvme_add_piece(n, entry, piece);
		if (status)
			return status;
		len -= piece;
		at += 8;
	}
	return 0;
}

/* Find a command's data, @len bytes, in RAM. Section 4.3. */
static u16 nvme_find_data(struct nvme *n, const struct nvme_command *cmd,
			  u32 len)
{
	u64 prp = cmd->prp[0];
	u32 first = PAGE - prp % PAGE;
	u16 status;

	n->pieces = 0;
	if (len > MAX_TRANSFER)
		return nvme_refuse(n, NVME_SC_INVALID_FIELD, WRONG_LENGTH, len);
	if (prp % 4)
		return nvme_refuse(n, NVME_SC_PRP_OFFSET, WRONG_PRP_OFFSET,
				   prp);
	if (first > len)
		first = len;
	status = nvme_add_piece(n, prp, first);
	len -= first;
	if (status || !len)
		return status;
	prp = cmd->prp[1];
	if (len > PAGE)
		return nvme_add_list(n, prp, len);
	if (prp % PAGE)
		return nvme_refuse(n, NVME_SC_PRP_OFFSET, WRONG_PRP_OFFSET,
				   prp);
	return nvme_add_piece(n, prp, len);
}

/* Give the guest the first @have bytes of n->page, and zeroes after them. */
static u16 nvme_give_page(struct nvme *n, const struct nvme_command *cmd,
			  u32 len, u32 have)
{
	u16 status = nvme_find_data(n, cmd, len);
	u32 done = 0;
	int i;

	if (status)
		return status;
	for (i = 0; i < n->pieces; i++) {
		u8 *p = n->piece[i].iov_base;
		u32 size = (u32)n->piece[i].iov_len;
		u32 copy = have - done < size ? have - done : size;

		memcpy(p, n->page + done, copy);
		memset(p + copy, 0, size - copy);
		done += copy;
	}
	return 0;
}

static u16 nvme_file_error(struct nvme *n, int error, u16 status)
{
	n->counts.media_errors++;
	say_host_failed(-error, "%s: the file of its disk", n->name);
	if (error == ENOSPC || error == EDQUOT)
		status = NVME_SC_CAPACITY;
	return nvme_refuse(n, status, WRONG_FILE, error);
}

/* Move what n->piece[] tells of. Return: 0 or -errno. */
static int nvme_transfer(struct nvme *n, bool write, u64 at, int flags)
{
	struct iovec *v = n->piece;
	int left = n->pieces;

	while (left) {
		ssize_t done = write ?
			pwritev2(n->fd, v, left, (off_t)at, flags) :
			preadv(n->fd, v, left, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -EIO;		/* somebody cut the file */
		at += (u64)done;
		for (; left && (size_t)done >= v->iov_len; v++, left--)
			done -= (ssize_t)v->iov_len;
		if (left) {
			v->iov_base = (u8 *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static u16 nvme_flush(struct nvme *n)
{
	n->counts.flushes++;
	while (fdatasync(n->fd))
		if (errno != EINTR)
			return nvme_file_error(n, errno, NVME_SC_WRITE_FAULT);
	return 0;
}

static bool nvme_in_disk(const struct nvme *n, u64 lba, u32 blocks)
{
	return lba <= n->blocks && blocks <= n->blocks - lba;
}

static u16 nvme_read_write(struct nvme *n, const struct nvme_command *cmd,
			   u64 lba, u32 blocks)
{
	bool write = cmd->opcode == NVME_WRITE, fua = cmd->dw12 & NVME_FUA;
	u32 len = blocks << BLOCK_SHIFT;
	u16 status;
	int err;

	status = nvme_find_data(n, cmd, len);
	/* What is read then must be on the medium, too */
	if (!status && !write && fua)
		status = nvme_flush(n);
	if (status)
		return status;
	err = nvme_transfer(n, write, lba << BLOCK_SHIFT,
			    fua || !n->write_cache ? RWF_DSYNC : 0);
	if (err)
		return nvme_file_error(n, -err, write ? NVME_SC_WRITE_FAULT :
						  NVME_SC_READ_ERROR);
	if (write) {
		n->counts.writes++;
		n->counts.written_bytes += len;
	} else {
		n->counts.reads++;
		n->counts.read_bytes += len;
	}
	return 0;
}

static u16 nvme_punch(struct nvme *n, u64 lba, u32 blocks)
{
	while (fallocate(n->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)(lba << BLOCK_SHIFT),
			 (off_t)blocks << BLOCK_SHIFT))
		if (errno != EINTR)
			return nvme_file_error(n, errno, NVME_SC_WRITE_FAULT);
	return 0;
}

static u16 nvme_write_zeroes(struct nvme *n, const struct nvme_command *cmd,
			     u64 lba, u32 blocks)
{
	u16 status = nvme_punch(n, lba, blocks);

	if (status)
		return status;
	return cmd->dw12 & NVME_FUA || !n->write_cache ? nvme_flush(n) : 0;
}

static u16 nvme_deallocate(struct nvme *n, const struct nvme_command *cmd)
{
	struct nvme_dsm_range range[NVME_DSM_RANGES];
	u32 count = (cmd->dw10 & 0xff) + 1, done = 0, i;
	u16 status;

	status = nvme_find_data(n, cmd, count * sizeof(range[0]));
	if (status)
		return status;
	for (i = 0; i < (u32)n->pieces; i++) {
		memcpy((u8 *)range + done, n->piece[i].iov_base,
		       n->piece[i].iov_len);
		done += (u32)n->piece[i].iov_len;
	}
	for (i = 0; i < count; i++)
		if (!nvme_in_disk(n, range[i].lba, range[i].blocks))
			return nvme_refuse(n, NVME_SC_LBA_RANGE, WRONG_LBA,
					   range[i].lba);
	/* All else are hints at how they will be used */
	if (!(cmd->dw11 & NVME_DSM_DEALLOCATE))
		return 0;
	for (i = 0; i < count && !status; i++)
		if (range[i].blocks)
			status = nvme_punch(n, range[i].lba, range[i].blocks);
	return status;
}

static u16 nvme_io_command(struct nvme *n, const struct nvme_command *cmd)
{
	u64 lba = (u64)cmd->dw11 << 32 | cmd->dw10;
	u32 blocks = (cmd->dw12 & 0xffff) + 1;
	bool known = false;

	switch (cmd->opcode) {
	case NVME_FLUSH:
	case NVME_READ:
	case NVME_WRITE:
		known = true;
		break;
	case NVME_WRITE_ZEROES:
	case NVME_DSM:
		known = n->can_punch;
		break;
	}
	if (!known)
		return nvme_refuse(n, NVME_SC_INVALID_OPCODE, WRONG_OPCODE,
				   cmd->opcode);
	if (cmd->nsid != 1 && !(cmd->opcode == NVME_FLUSH &&
				cmd->nsid == NVME_ALL_NAMESPACES))
		return nvme_refuse(n, NVME_SC_INVALID_NS, WRONG_NSID,
				   cmd->nsid);
	if (cmd->opcode == NVME_FLUSH)
		return nvme_flush(n);
	if (cmd->opcode == NVME_DSM)
		return nvme_deallocate(n, cmd);
	if (!nvme_in_disk(n, lba, blocks))
		return nvme_refuse(n, NVME_SC_LBA_RANGE, WRONG_LBA, lba);
	if (cmd->opcode == NVME_WRITE_ZEROES)
		return nvme_write_zeroes(n, cmd, lba, blocks);
	return nvme_read_write(n, cmd, lba, blocks);
}

static bool nvme_has_io_queues(const struct nvme *n)
{
	u32 i;

	for (i = 1; i < QUEUES; i++)
		if (n->sq[i].on || n->cq[i].on)
			return true;
	return false;
}

static u16 nvme_check_new_queue(struct nvme *n, const struct nvme_command *cmd)
{
	u32 entries = (cmd->dw10 >> 16) + 1;

	if (entries < 2 || entries > QUEUE_ENTRIES)
		return nvme_refuse(n, NVME_SC_QUEUE_SIZE, WRONG_QUEUE_SIZE,
				   entries);
	if (!(cmd->dw11 & NVME_QUEUE_PC))
		return nvme_refuse(n, NVME_SC_INVALID_FIELD, WRONG_QUEUE_FLAGS,
				   cmd->dw11);
	if (cmd->prp[0] % PAGE)
		return nvme_refuse(n, NVME_SC_PRP_OFFSET, WRONG_PRP_OFFSET,
				   cmd->prp[0]);
	return 0;
}

static u16 nvme_create_cq(struct nvme *n, const struct nvme_command *cmd)
{
	u32 id = cmd->dw10 & 0xffff, vector = cmd->dw11 >> 16;
	u16 status;

	if (!id || id >= QUEUES || n->cq[id].on)
		return nvme_refuse(n, NVME_SC_QUEUE_ID, WRONG_QUEUE, id);
	if (NVME_CC_IOCQES(n->cc) != NVME_CQ_SHIFT)
		return nvme_refuse(n, NVME_SC_INVALID_FIELD, WRONG_CC, n->cc);
	if (vector >= QUEUES)
		return nvme_refuse(n, NVME_SC_VECTOR, WRONG_VECTOR, vector);
	status = nvme_check_new_queue(n, cmd);
	if (status)
		return status;
	n->cq[id] = (struct cq) {
		.on = true, .base = cmd->prp[0],
		.size = (cmd->dw10 >> 16) + 1, .phase = true,
		.interrupts = cmd->dw11 & NVME_QUEUE_IEN, .vector = (u16)vector,
	};
	return 0;
}

static u16 nvme_create_sq(struct nvme *n, const struct nvme_command *cmd)
{
	u32 id = cmd->dw10 & 0xffff, cq = cmd->dw11 >> 16;
	u16 status;

	if (!id || id >= QUEUES || n->sq[id].on)
		return nvme_refuse(n, NVME_SC_QUEUE_ID, WRONG_QUEUE, id);
	if (!cq || cq >= QUEUES)
		return nvme_refuse(n, NVME_SC_QUEUE_ID, WRONG_QUEUE, cq);
	if (!n->cq[cq].on)
		return nvme_refuse(n, NVME_SC_CQ_INVALID, WRONG_QUEUE, cq);
	if (NVME_CC_IOSQES(n->cc) != NVME_SQ_SHIFT)
		return nvme_refuse(n, NVME_SC_INVALID_FIELD, WRONG_CC, n->cc);
	status = nvme_check_new_queue(n, cmd);
	if (status)
		return status;
	n->sq[id] = (struct sq) {
		.on = true, .base = cmd->prp[0],
		.size = (cmd->dw10 >> 16) + 1, .cq = (u16)cq,
	};
	return 0;
}

static u16 nvme_delete_sq(struct nvme *n, u32 id)
{
	if (!id || id >= QUEUES || !n->sq[id].on)
		return nvme_refuse(n, NVME_SC_QUEUE_ID, WRONG_QUEUE, id);
	n->sq[id].on = false;
	return 0;
}

static u16 nvme_delete_cq(struct nvme *n, u32 id)
{
	u32 i;

	if (!id || id >= QUEUES || !n->cq[id].on)
		return nvme_refuse(n, NVME_SC_QUEUE_ID, WRONG_QUEUE, id);
	for (i = 1; i < QUEUES; i++)
		if (n->sq[i].on && n->sq[i].cq == id)
			return nvme_refuse(n, NVME_SC_QUEUE_DELETION,
					   WRONG_QUEUE, id);
	n->cq[id].on = false;
	return 0;
}

/* Offsets as in figures 109 and 114 of section 5.15 */
static void nvme_describe_controller(const struct nvme *n, u8 *p)
{
	put_le16(p, n->dev.vendor);
	put_le16(p + 2, n->dev.subsystem_vendor);
	nvme_put_text(p + 4, 20, n->name);		/* serial number */
	nvme_put_text(p + 24, 40, "hvhost NVMe disk");	/* model */
	nvme_put_text(p + 64, 8, "1");			/* firmware */
	p[77] = MDTS;
	put_le32(p + 80, NVME_VERSION_1_3);
	p[259] = ASYNC_EVENTS - 1;
	p[260] = 1 << 1 | 1;		/* one firmware slot, read-only */
	put_le16(p + 266, WARNING);
	put_le16(p + 268, CRITICAL);
	p[512] = NVME_SQ_SHIFT << 4 | NVME_SQ_SHIFT;
	p[513] = NVME_CQ_SHIFT << 4 | NVME_CQ_SHIFT;
	put_le32(p + 516, 1);		/* namespaces */
	/* Dataset management, write zeroes */
	put_le16(p + 520, n->can_punch ? 1 << 2 | 1 << 3 : 0);
	p[525] = 1;			/* a volatile write cache */
	/* Linux takes controllers with the same name for one subsystem */
	snprintf((char *)p + 768, 256,
		 "nqn.2014-08.org.nvmexpress:uuid:%08x-0000-4000-8000-%012llx",
		 (u32)(n->eui64 >> 32), n->eui64 & 0xffffffffffffull);
}

static void nvme_describe_namespace(const struct nvme *n, u8 *p)
{
	put_le64(p, n->blocks);		/* size, capacity, utilization */
	put_le64(p + 8, n->blocks);
	put_le64(p + 16, n->blocks);
	/* What is deallocated, by write zeroes too, reads as zeroes */
	p[33] = n->can_punch ? 1 << 3 | 1 : 0;
	put_le64(p + 120, n->eui64);
	p[128 + 2] = BLOCK_SHIFT;	/* the only format */
}

static u16 nvme_identify(struct nvme *n, const struct nvme_command *cmd)
{
	u8 *p = n->page;

	memset(p, 0, PAGE);
	switch (cmd->dw10 & 0xff) {
	case NVME_CNS_CONTROLLER:
		nvme_describe_controller(n, p);
		break;
	case NVME_CNS_NAMESPACE:
		if (cmd->nsid != 1)
			return nvme_refuse(n, NVME_SC_INVALID_NS, WRONG_NSID,
					   cmd->nsid);
		nvme_describe_namespace(n, p);
		break;
	case NVME_CNS_ACTIVE_LIST:
		if (cmd->nsid >= NVME_ALL_NAMESPACES - 1)
			return nvme_refuse(n, NVME_SC_INVALID_NS, WRONG_NSID,
					   cmd->nsid);
		if (!cmd->nsid)		/* those after it */
			put_le32(p, 1);
		break;
	case NVME_CNS_DESCRIPTORS:
		if (cmd->nsid != 1)
			return nvme_refuse(n, NVME_SC_INVALID_NS, WRONG_NSID,
					   cmd->nsid);
		p[0] = 1;		/* an EUI-64 */
		p[1] = 8;
		put_le64(p + 4, n->eui64);
		break;
	default:
		/* Not traced: a driver can only find out by asking */
		return NVME_SC_INVALID_FIELD;
	}
	return nvme_give_page(n, cmd, PAGE, PAGE);
}

/* Offsets as in figure 94 of section 5.14.1.2 */
static u32 nvme_smart_log(const struct nvme *n, u8 *p)
{
	const struct counts *c = &n->counts;

	put_le16(p + 1, TEMPERATURE);
	p[3] = 100;			/* percent of spares left, and enough */
	p[4] = 10;
	/* Of 1000 times 512 bytes, begun ones included */
	put_le64(p + 32, (c->read_bytes + 511999) / 512000);
	put_le64(p + 48, (c->written_bytes + 511999) / 512000);
	put_le64(p + 64, c->reads);
	put_le64(p + 80, c->writes);
	put_le64(p + 112, 1);		/* power cycles */
	put_le64(p + 160, c->media_errors);
	put_le64(p + 176, c->errors);
	return 512;
}

static u16 nvme_get_log_page(struct nvme *n, const struct nvme_command *cmd)
{
	u32 len = ((cmd->dw10 >> 16) + 1) * 4, have;
	u8 *p = n->page;

	/* Offsets and upper halves of lengths are extensions we do not have */
	if (cmd->dw11 & 0xffff || cmd->dw12 || cmd->dw13)
		return NVME_SC_INVALID_FIELD;
	memset(p, 0, PAGE);
	switch (cmd->dw10 & 0xff) {
	case NVME_LOG_ERROR:
		memcpy(p, n->last_error, sizeof(n->last_error));
		have = sizeof(n->last_error);
		break;
	case NVME_LOG_SMART:
		have = nvme_smart_log(n, p);
		break;
	case NVME_LOG_FIRMWARE:
		p[0] = 1;		/* the slot in use */
		nvme_put_text(p + 8, 8, "1");
		have = 512;
		break;
	default:
		return NVME_SC_LOG_PAGE;
	}
	return nvme_give_page(n, cmd, len, have);
}

static u16 nvme_get_features(const struct nvme *n,
			     const struct nvme_command *cmd, u32 *result)
{
	/* Only the current value: selecting another is an extension */
	if (cmd->dw10 >> 8)
		return NVME_SC_INVALID_FIELD;
	switch (cmd->dw10) {
	case NVME_FEAT_POWER:
		return 0;
	case NVME_FEAT_TEMPERATURE:
		if (cmd->dw11 >> 16)
			return NVME_SC_INVALID_FIELD;
		*result = n->threshold;
		return 0;
	case NVME_FEAT_WRITE_CACHE:
		*result = n->write_cache;
		return 0;
	case NVME_FEAT_QUEUES:
		*result = (QUEUES - 2) << 16 | (QUEUES - 2);
		return 0;
	case NVME_FEAT_ASYNC_EVENTS:
		*result = n->async_config;
		return 0;
	}
	return NVME_SC_INVALID_FIELD;
}

static u16 nvme_set_features(struct nvme *n, const struct nvme_command *cmd,
			     u32 *result)
{
	u32 v = cmd->dw11;

	if (cmd->dw10 & NVME_FEAT_SAVE)
		return NVME_SC_NOT_SAVEABLE;
	switch (cmd->dw10) {
	case NVME_FEAT_POWER:
		return v ? NVME_SC_INVALID_FIELD : 0;	/* one state only */
	case NVME_FEAT_TEMPERATURE:
		/* The composite temperature's upper one only */
		if (v >> 16)
			return NVME_SC_INVALID_FIELD;
		n->threshold = v;
		return 0;
	case NVME_FEAT_WRITE_CACHE:
		n->write_cache = v & 1;
		return 0;
	case NVME_FEAT_QUEUES:
		if ((v & 0xffff) == 0xffff || v >> 16 == 0xffff)
			return NVME_SC_INVALID_FIELD;
		if (nvme_has_io_queues(n))
			return nvme_refuse(n, NVME_SC_SEQUENCE, WRONG_ORDER, v);
		*result = (QUEUES - 2) << 16 | (QUEUES - 2);
		return 0;
	case NVME_FEAT_ASYNC_EVENTS:
		n->async_config = v;
		return 0;
	}
	return NVME_SC_INVALID_FIELD;
}

static u16 nvme_admin_command(struct nvme *n, const struct nvme_command *cmd,
			      u32 *result)
{
	switch (cmd->opcode) {
	case NVME_DELETE_SQ:
		return nvme_delete_sq(n, cmd->dw10 & 0xffff);
	case NVME_CREATE_SQ:
		return nvme_create_sq(n, cmd);
	case NVME_GET_LOG_PAGE:
		return nvme_get_log_page(n, cmd);
	case NVME_DELETE_CQ:
		return nvme_delete_cq(n, cmd->dw10 & 0xffff);
	case NVME_CREATE_CQ:
		return nvme_create_cq(n, cmd);
	case NVME_IDENTIFY:
		return nvme_identify(n, cmd);
	case NVME_ABORT:
		*result = 1;	/* not aborted: there is nothing under way */
		return 0;
	case NVME_SET_FEATURES:
		return nvme_set_features(n, cmd, result);
	case NVME_GET_FEATURES:
		return nvme_get_features(n, cmd, result);
	case NVME_ASYNC_EVENT:
		if (n->events == ASYNC_EVENTS)
			return nvme_refuse(n, NVME_SC_ASYNC_LIMIT, WRONG_EVENTS,
					   n->events + 1);
		/* To be completed when something happens; nothing does */
		n->events++;
		return HELD;
	}
	return nvme_refuse(n, NVME_SC_INVALID_OPCODE, WRONG_OPCODE,
			   cmd->opcode);
}

/* Offsets as in figure 93 of section 5.14.1.1 */
static void nvme_log_error(struct nvme *n, u32 sq,
			   const struct nvme_command *cmd, u16 status)
{
	u8 *p = n->last_error;

	n->counts.io_errors += sq != 0;
	put_le64(p, ++n->counts.errors);
	put_le16(p + 8, sq);
	put_le16(p + 10, cmd->cid);
	put_le16(p + 12, (u32)status << 1);
	put_le16(p + 14, 0xffff);		/* where the mistake is: not told */
	put_le64(p + 16, sq ? (u64)cmd->dw11 << 32 | cmd->dw10 : 0);
	put_le32(p + 24, cmd->nsid);
}

/* Complete a command in @sq with what @entry has but for queue and phase. */
static void nvme_complete(struct nvme *n, u32 sq, struct nvme_completion *entry)
{
	struct cq *cq = &n->cq[n->sq[sq].cq];
	u64 gpa = cq->base + ((u64)cq->tail << NVME_CQ_SHIFT);
	u8 *p = vpci_dma(&n->dev, gpa, sizeof(*entry));
	u32 last;

	if (!p) {
		nvme_fatal(n, WRONG_CQ_GPA, gpa);
		return;
	}
	entry->sq_head = (u16)n->sq[sq].head;
	entry->sq_id = (u16)sq;
	entry->status |= cq->phase;
	memcpy(p, entry, sizeof(*entry) - sizeof(last));
	memcpy(&last, &entry->cid, sizeof(last));
	/* The phase is in these, and tells the guest that all is there */
	__atomic_store_n((u32 *)(void *)(p + sizeof(*entry) - sizeof(last)),
			 last, __ATOMIC_RELEASE);
	cq->tail = nvme_next(cq->tail, cq->size);
	if (!cq->tail)
		cq->phase = !cq->phase;
}

/* Take the next command of a queue that has one, and carry it out. */
static void nvme_one_command(struct nvme *n, u32 id)
{
	struct nvme_completion entry = { 0 };
	struct sq *sq = &n->sq[id];
	u64 gpa = sq->base + ((u64)sq->head << NVME_SQ_SHIFT);
	const u8 *p = vpci_dma(&n->dev, gpa, sizeof(struct nvme_command));
	union {
		struct nvme_command cmd;
		u64 word[sizeof(struct nvme_command) / 8];
	} u;
	u16 status;
	u32 i;

	if (!p) {
		nvme_fatal(n, WRONG_SQ_GPA, gpa);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(u.word); i++)
		u.word[i] = nvme_load(p + 8 * i);
	sq->head = nvme_next(sq->head, sq->size);

	/* Fused commands and SGLs are not offered */
	if (u.cmd.flags)
		status = nvme_refuse(n, NVME_SC_INVALID_FIELD, WRONG_FLAGS,
				     u.cmd.flags);
	else if (id)
		status = nvme_io_command(n, &u.cmd);
	else
		status = nvme_admin_command(n, &u.cmd, &entry.result);
	if (status == HELD)
		return;
	if (status) {
		status |= NVME_SC_DNR;	/* it will fail again */
		nvme_log_error(n, id, &u.cmd, status);
	}
	entry.cid = u.cmd.cid;
	entry.status = (u16)(status << 1);
	nvme_complete(n, id, &entry);
}

static void nvme_interrupt(struct nvme *n, const struct cq *cq)
{
	if (cq->on && cq->interrupts && cq->head != cq->tail &&
	    !(n->masked >> cq->vector & 1))
		vpci_interrupt(&n->dev, cq->vector);
}

/*
 * Carry out what is in a submission queue, as far as the completion queue has
 * room: at most a queue's length of commands, for the guest cannot ring the
 * doorbell meanwhile.
 */
static void nvme_work(struct nvme *n, u32 id)
{
	const struct sq *sq = &n->sq[id];
	const struct cq *cq = &n->cq[sq->cq];
	u32 tail = cq->tail;

	while (nvme_running(n) && sq->head != sq->tail &&
	       nvme_next(cq->tail, cq->size) != cq->head)
		nvme_one_command(n, id);
	if (cq->tail != tail)
		nvme_interrupt(n, cq);
}

static void nvme_ring_sq(struct nvme *n, u32 id, u32 tail)
{
	if (tail >= n->sq[id].size) {
		nvme_tell_wrong(n, WRONG_TAIL, tail);
		return;
	}
	n->sq[id].tail = tail;
	nvme_work(n, id);
}

static void nvme_ring_cq(struct nvme *n, u32 id, u32 head)
{
	struct cq *cq = &n->cq[id];
	u32 i;

	/* It cannot have seen more than there is */
	if (head >= cq->size || nvme_distance(cq->head, head, cq->size) >
				nvme_distance(cq->head, cq->tail, cq->size)) {
		nvme_tell_wrong(n, WRONG_HEAD, head);
		return;
	}
	cq->head = head;
	for (i = 0; i < QUEUES; i++)
		if (n->sq[i].on && n->sq[i].cq == id)
			nvme_work(n, i);
}

static void nvme_doorbell(struct nvme *n, u64 offset, u32 value)
{
	u64 id = (offset - NVME_DOORBELLS) / 8;
	bool is_cq = offset & 4;

	if (!nvme_running(n))
		return;
	if (id >= QUEUES || !(is_cq ? n->cq[id].on : n->sq[id].on))
		nvme_tell_wrong(n, WRONG_DOORBELL, offset);
	else if (is_cq)
		nvme_ring_cq(n, (u32)id, value);
	else
		nvme_ring_sq(n, (u32)id, value);
}

static void nvme_tell(const struct nvme *n, const char *state)
{
	trace_begin("nvme");
	trace_str("device", n->name);
	trace_str("state", state);
	trace_num("reads", (s64)n->counts.reads);
	trace_num("read_bytes", (s64)n->counts.read_bytes);
	trace_num("writes", (s64)n->counts.writes);
	trace_num("written_bytes", (s64)n->counts.written_bytes);
	trace_num("flushes", (s64)n->counts.flushes);
	trace_num("errors", (s64)n->counts.io_errors);
	trace_end();
}

/* All that a controller reset resets: not the admin queue's registers */
static void nvme_clear(struct nvme *n)
{
	memset(n->sq, 0, sizeof(n->sq));
	memset(n->cq, 0, sizeof(n->cq));
	n->csts = 0;
	n->masked = 0;
	n->events = 0;
	n->async_config = 0;
	n->threshold = WARNING;
	n->write_cache = true;
	n->told = 0;
}

static void nvme_enable(struct nvme *n)
{
	u32 sq_size = (n->aqa & 0xfff) + 1, cq_size = (n->aqa >> 16) + 1;

	nvme_clear(n);
	if (n->cc & (NVME_CC_CSS | NVME_CC_MPS | NVME_CC_AMS)) {
		nvme_fatal(n, WRONG_CC, n->cc);
		return;
	}
	if (sq_size < 2 || cq_size < 2) {
		nvme_fatal(n, WRONG_AQA, n->aqa);
		return;
	}
	n->sq[0] = (struct sq) { .on = true, .base = n->asq, .size = sq_size };
	n->cq[0] = (struct cq) {
		.on = true, .base = n->acq, .size = cq_size, .phase = true,
		.interrupts = true,
	};
	n->csts = NVME_CSTS_RDY;
	nvme_tell(n, "enabled");
}

static void nvme_disable(struct nvme *n, const char *state)
{
	bool was_enabled = n->csts & NVME_CSTS_RDY;

	nvme_clear(n);
	if (was_enabled)
		nvme_tell(n, state);
}

static void nvme_write_cc(struct nvme *n, u32 value)
{
	u32 changed = n->cc ^ value;

	n->cc = value & NVME_CC_WRITABLE;
	if (changed & NVME_CC_EN) {
		if (value & NVME_CC_EN)
			nvme_enable(n);
		else
			nvme_disable(n, "disabled");
	}
	if (changed & value & NVME_CC_SHN && !(n->csts & NVME_CSTS_SHST)) {
		nvme_flush(n);
		n->csts |= NVME_CSTS_SHST_DONE;
		nvme_tell(n, "shutdown");
	}
}

static void nvme_write_mask(struct nvme *n, u32 masked)
{
	u32 unmasked = n->masked & ~masked, i;

	n->masked = masked;
	for (i = 0; i < QUEUES; i++)
		if (unmasked >> n->cq[i].vector & 1)
			nvme_interrupt(n, &n->cq[i]);
}

static void nvme_put_half(u64 *reg, bool high, u32 value)
{
	if (high)
		*reg = (*reg & 0xffffffffull) | (u64)value << 32;
	else
		*reg = (*reg & ~0xffffffffull) | (value & ~(PAGE - 1));
}

static void nvme_write_register(struct nvme *n, u64 offset, u32 value)
{
	bool enabled = n->cc & NVME_CC_EN;

	if (offset >= NVME_DOORBELLS) {
		nvme_doorbell(n, offset, value);
		return;
	}
	switch (offset) {
	case NVME_INTMS:
		nvme_write_mask(n, n->masked | value);
		break;
	case NVME_INTMC:
		nvme_write_mask(n, n->masked & ~value);
		break;
	case NVME_CC:
		nvme_write_cc(n, value);
		break;
	case NVME_AQA:
		if (!enabled)
			n->aqa = value & 0x0fff0fff;
		break;
	case NVME_ASQ:
	case NVME_ASQ + 4:
		if (!enabled)
			nvme_put_half(&n->asq, offset & 4, value);
		break;
	case NVME_ACQ:
	case NVME_ACQ + 4:
		if (!enabled)
			nvme_put_half(&n->acq, offset & 4, value);
		break;
	}
}

static u32 nvme_read_register(const struct nvme *n, u64 offset)
{
	static const u64 cap = NVME_CAP_MQES(QUEUE_ENTRIES) | NVME_CAP_CQR |
			       NVME_CAP_TO(READY_TIMEOUT) | NVME_CAP_CSS_NVM;

	switch (offset) {
	case NVME_CAP:
		return (u32)cap;
	case NVME_CAP + 4:
		return (u32)(cap >> 32);
	case NVME_VS:
		return NVME_VERSION_1_3;
	case NVME_INTMS:
	case NVME_INTMC:
		return n->masked;
	case NVME_CC:
		return n->cc;
	case NVME_CSTS:
		return n->csts;
	case NVME_AQA:
		return n->aqa;
	case NVME_ASQ:
		return (u32)n->asq;
	case NVME_ASQ + 4:
		return (u32)(n->asq >> 32);
	case NVME_ACQ:
		return (u32)n->acq;
	case NVME_ACQ + 4:
		return (u32)(n->acq >> 32);
	}
	return 0;
}

static void nvme_bar_access(struct vpci_device *dev, int bar, u64 offset,
			    bool write, u64 *value, unsigned int size)
{
	struct nvme *n = (struct nvme *)dev;
	bool whole = size >= 4 && !(offset % size);
	unsigned int i;

	/* BAR4 has the MSI-X table, which is not ours, and nothing else */
	if (bar != REGISTERS_BAR) {
		if (!write)
			*value = 0;
		return;
	}
	if (!write) {
		if (!whole)
			nvme_tell_wrong(n, WRONG_READ_SIZE, offset);
		*value = 0;
		for (i = 0; i < size; i++) {
			u64 at = offset + i;
			u64 byte = nvme_read_register(n, at & ~3ull) >>
				   8 * (at & 3) & 0xff;

			*value |= byte << 8 * i;
		}
		return;
	}
	/* No register but these two has 8 bytes that can be written */
	if (size == 8 && offset != NVME_ASQ && offset != NVME_ACQ)
		whole = false;
	if (!whole) {
		nvme_tell_wrong(n, WRONG_WRITE_SIZE, offset);
		return;
	}
	nvme_write_register(n, offset, (u32)*value);
	if (size == 8)
		nvme_write_register(n, offset + 4, (u32)(*value >> 32));
}

static void nvme_power_on(struct vpci_device *dev)
{
	struct nvme *n = (struct nvme *)dev;

	nvme_disable(n, "reset");
	n->cc = 0;
	n->aqa = 0;
	n->asq = 0;
	n->acq = 0;
}

static int nvme_open_disk(struct nvme *n, const char *disk, char *why,
			  size_t why_len)
{
	struct stat st;
	off_t size;

	n->fd = open(disk, O_RDWR | O_CLOEXEC);
	if (n->fd < 0 || fstat(n->fd, &st))
		return refuse(why, why_len, "cannot open '%s' to write: %s", disk,
			      strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return refuse(why, why_len, "'%s' is no file and no block device",
			      disk);
	if (flock(n->fd, LOCK_EX | LOCK_NB))
		return refuse(why, why_len, "cannot have '%s' alone: %s", disk,
			      errno == EWOULDBLOCK ? "it is in use" :
						     strerror(errno));
	size = lseek(n->fd, 0, SEEK_END);
	if (size < 0)
		return refuse(why, why_len, "'%s': %s", disk, strerror(errno));
	if (size < (off_t)MIN_DISK || size % (1 << BLOCK_SHIFT))
		return refuse(why, why_len,
			      "'%s' has %lld bytes, not 1 MiB or more in whole blocks of 512",
			      disk, (long long)size);
	n->blocks = (u64)size >> BLOCK_SHIFT;
	/* Where there is nothing this does nothing, but if it cannot be */
	n->can_punch = !fallocate(n->fd, FALLOC_FL_PUNCH_HOLE |
				  FALLOC_FL_KEEP_SIZE, size, PAGE);
	return 0;
}

/* FNV-1a: something that is this name's own, whenever and wherever it runs */
static u64 nvme_hash(const char *name)
{
	u64 h = 0xcbf29ce484222325ull;

	while (*name)
		h = (h ^ (u8)*name++) * 0x100000001b3ull;
	return h;
}

/**
 * nvme_new() - Make an NVMe controller for vpci_add().
 * @name:	As the trace says it, and its serial number; at most 31 bytes
 * @disk:	What its namespace is in: a file, or a block device, that nobody
 *		else has locked
 * @why:	Set if it cannot be
 * @why_len:	Bytes there
 *
 * Return: it, or NULL.
 */
struct vpci_device *nvme_new(const char *name, const char *disk, char *why,
			     size_t why_len)
{
	struct nvme *n = calloc(1, sizeof(*n));

	if (!n) {
		snprintf(why, why_len, "%s", strerror(ENOMEM));
		return NULL;
	}
	if (nvme_open_disk(n, disk, why, why_len)) {
		if (n->fd >= 0)
			close(n->fd);
		free(n);
		return NULL;
	}
	snprintf(n->name, sizeof(n->name), "%s", name);
	n->eui64 = nvme_hash(n->name);
	n->dev = (struct vpci_device) {
		.name = n->name,
		.vendor = 0x1414, .device = 0xb111,
		.subsystem_vendor = 0x1414, .subsystem = 0xb111,
		.class = 0x010802,
		.bar = {
			[REGISTERS_BAR] = { .size = 16 * KIB, .is_64 = true },
			[MSIX_BAR] = { .size = 32 * KIB, .is_64 = true },
		},
		.vectors = QUEUES,
		.msix_bar = MSIX_BAR, .msix_pba = MSIX_PBA,
		.access = nvme_bar_access,
		.reset = nvme_power_on,
	};
	nvme_clear(n);
	return &n->dev;
}

/**
 * nvme_free() - Let go of a controller and its disk.
 * @dev:	From nvme_new(), off the bus
 */
void nvme_free(struct vpci_device *dev)
{
	struct nvme *n = (struct nvme *)dev;

	close(n->fd);
	free(n);
}

static const char *nvme_check(const char *disk)
{
	return *disk ? NULL : "nvme with a disk";
}

const struct device_kind nvme_kind = {
	.name = "nvme",
	.prefix = "nvme,disk=",
	.syntax = "nvme,disk=FILE",
	.help =
"  --pci nvme,disk=FILE  an NVMe controller with that disk; its name is nvme0,\n"
"                        the next one's nvme1; up to 128 times --pci in all\n",
	.check = nvme_check,
	.make = nvme_new,
};
