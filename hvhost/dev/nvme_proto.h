/* SPDX-License-Identifier: GPL-2.0-only */
/* NVM Express 1.3, as much of it as hvhost speaks; sections are that text's. */
#ifndef HVHOST_NVME_PROTO_H
#define HVHOST_NVME_PROTO_H

#include "core/types.h"

/* Section 3.1: registers, and their offsets in BAR0 */
#define NVME_CAP	0x00		/* 8 bytes */
#define NVME_VS		0x08
#define NVME_INTMS	0x0c
#define NVME_INTMC	0x10
#define NVME_CC		0x14
#define NVME_CSTS	0x1c
#define NVME_AQA	0x24
#define NVME_ASQ	0x28		/* 8 bytes */
#define NVME_ACQ	0x30		/* 8 bytes */
#define NVME_DOORBELLS	0x1000		/* of each queue: SQ tail, CQ head */

#define NVME_CAP_MQES(n)	((n) - 1ull)	/* entries of a queue */
#define NVME_CAP_CQR		(1ull << 16)	/* queues are contiguous */
#define NVME_CAP_TO(n)		((u64)(n) << 24)	/* times 500 ms */
#define NVME_CAP_CSS_NVM	(1ull << 37)

#define NVME_VERSION_1_3	0x00010300u

#define NVME_CC_EN		(1u << 0)
#define NVME_CC_CSS		(7u << 4)
#define NVME_CC_MPS		(0xfu << 7)
#define NVME_CC_AMS		(7u << 11)
#define NVME_CC_SHN		(3u << 14)
#define NVME_CC_IOSQES(cc)	((cc) >> 16 & 0xf)
#define NVME_CC_IOCQES(cc)	((cc) >> 20 & 0xf)
#define NVME_CC_WRITABLE	0x00fffff1u

#define NVME_CSTS_RDY		(1u << 0)
#define NVME_CSTS_CFS		(1u << 1)
#define NVME_CSTS_SHST		(3u << 2)
#define NVME_CSTS_SHST_DONE	(2u << 2)

/* Section 4.2: a command, and 4.6: its completion */
struct nvme_command {
	u8 opcode;
	u8 flags;			/* FUSE and PSDT, which must be 0 */
	u16 cid;
	u32 nsid;
	u64 reserved;
	u64 metadata;
	u64 prp[2];
	u32 dw10, dw11, dw12, dw13, dw14, dw15;
};

struct nvme_completion {
	u32 result;
	u32 reserved;
	u16 sq_head;
	u16 sq_id;
	u16 cid;
	u16 status;			/* phase in bit 0 */
};

#define NVME_SQ_SHIFT		6	/* log2 of their sizes */
#define NVME_CQ_SHIFT		4

/* Section 4.6.1: status codes, with their type in bits 8 to 10 */
#define NVME_SC_INVALID_OPCODE	0x001
#define NVME_SC_INVALID_FIELD	0x002
#define NVME_SC_DATA_TRANSFER	0x004
#define NVME_SC_INVALID_NS	0x00b
#define NVME_SC_SEQUENCE	0x00c
#define NVME_SC_PRP_OFFSET	0x013
#define NVME_SC_LBA_RANGE	0x080
#define NVME_SC_CAPACITY	0x081
#define NVME_SC_CQ_INVALID	0x100
#define NVME_SC_QUEUE_ID	0x101
#define NVME_SC_QUEUE_SIZE	0x102
#define NVME_SC_ASYNC_LIMIT	0x105
#define NVME_SC_VECTOR		0x108
#define NVME_SC_LOG_PAGE	0x109
#define NVME_SC_QUEUE_DELETION	0x10c
#define NVME_SC_NOT_SAVEABLE	0x10d
#define NVME_SC_WRITE_FAULT	0x280
#define NVME_SC_READ_ERROR	0x281
#define NVME_SC_DNR		0x4000	/* do not retry */

/* Section 5: admin commands */
#define NVME_DELETE_SQ		0x00
#define NVME_CREATE_SQ		0x01
#define NVME_GET_LOG_PAGE	0x02
#define NVME_DELETE_CQ		0x04
#define NVME_CREATE_CQ		0x05
#define NVME_IDENTIFY		0x06
#define NVME_ABORT		0x08
#define NVME_SET_FEATURES	0x09
#define NVME_GET_FEATURES	0x0a
#define NVME_ASYNC_EVENT	0x0c

#define NVME_QUEUE_PC		(1u << 0)	/* physically contiguous */
#define NVME_QUEUE_IEN		(1u << 1)

/* Section 5.14.1 */
#define NVME_LOG_ERROR		0x01
#define NVME_LOG_SMART		0x02
#define NVME_LOG_FIRMWARE	0x03

/* Section 5.15 */
#define NVME_CNS_NAMESPACE	0x00
#define NVME_CNS_CONTROLLER	0x01
#define NVME_CNS_ACTIVE_LIST	0x02
#define NVME_CNS_DESCRIPTORS	0x03

/* Section 5.21.1 */
#define NVME_FEAT_POWER		0x02
#define NVME_FEAT_TEMPERATURE	0x04
#define NVME_FEAT_WRITE_CACHE	0x06
#define NVME_FEAT_QUEUES	0x07
#define NVME_FEAT_ASYNC_EVENTS	0x0b
#define NVME_FEAT_SAVE		(1u << 31)	/* in dw10 */

/* Section 6: NVM commands */
#define NVME_FLUSH		0x00
#define NVME_WRITE		0x01
#define NVME_READ		0x02
#define NVME_WRITE_ZEROES	0x08
#define NVME_DSM		0x09

#define NVME_FUA		(1u << 30)	/* in dw12 */
#define NVME_DSM_DEALLOCATE	(1u << 2)	/* in dw11 */
#define NVME_DSM_RANGES		256

struct nvme_dsm_range {
	u32 attributes;
	u32 blocks;
	u64 lba;
};

#define NVME_ALL_NAMESPACES	0xffffffffu

#endif
