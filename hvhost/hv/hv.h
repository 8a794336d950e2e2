/* SPDX-License-Identifier: GPL-2.0-only */
/* Of the Hypervisor Top Level Functional Specification, what all need. */
#ifndef HVHOST_HV_H
#define HVHOST_HV_H

#define BIT(n)		(1u << (n))

#define HV_STATUS_SUCCESS			0
#define HV_STATUS_INVALID_HYPERCALL_CODE	2
#define HV_STATUS_INVALID_HYPERCALL_INPUT	3
#define HV_STATUS_INVALID_ALIGNMENT		4
#define HV_STATUS_INVALID_PARAMETER		5
#define HV_STATUS_INVALID_PARTITION_ID		13
#define HV_STATUS_INVALID_VP_INDEX		14
#define HV_STATUS_INVALID_CONNECTION_ID		18

#define HV_SINTS		16
#define HV_MESSAGE_PAYLOAD	240

/* Hypercalls; the low 16 bits of a call's input value */
#define HVCALL_FLUSH_SPACE	0x0002
#define HVCALL_FLUSH_LIST	0x0003
#define HVCALL_SPIN_WAIT	0x0008
#define HVCALL_SEND_IPI		0x000b
#define HVCALL_FLUSH_SPACE_EX	0x0013
#define HVCALL_FLUSH_LIST_EX	0x0014
#define HVCALL_SEND_IPI_EX	0x0015
#define HVCALL_GET_VP_REGISTERS	0x0050	/* these two on arm64 */
#define HVCALL_SET_VP_REGISTERS	0x0051
#define HVCALL_POST_MESSAGE	0x005c
#define HVCALL_SIGNAL_EVENT	0x005d
#define HVCALL_RETARGET_IRQ	0x007e
#define HVCALL_GPA_VISIBILITY	0x00db
#define HVCALL_FAST		(1u << 16)
#define HVCALL_VAR_WORDS(input)	((input) >> 17 & 0x3ff)
#define HVCALL_REPS(input)	((input) >> 32 & 0xfff)

#endif
