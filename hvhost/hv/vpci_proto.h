/* SPDX-License-Identifier: GPL-2.0-only */
/* vPCI messages as they stand in the ring; see Linux' pci-hyperv.c. */
#ifndef HVHOST_VPCI_PROTO_H
#define HVHOST_VPCI_PROTO_H

#include "core/types.h"

#define VPCI_VERSION(major, minor)	(((u32)(major) << 16) | (minor))
/* The highest that OpenVMM accepts; Linux knows up to 1.4 */
#define VPCI_MAX_VERSION		VPCI_VERSION(1, 6)

enum vpci_msg_type {
	VPCI_BUS_RELATIONS = 0x42490000,
	VPCI_QUERY_BUS_RELATIONS,
	VPCI_POWER_STATE_CHANGE = 0x42490004,
	VPCI_QUERY_RESOURCE_REQUIREMENTS = 0x42490005,
	VPCI_D0_ENTRY = 0x42490007,
	VPCI_D0_EXIT,
	VPCI_READ_BLOCK,
	VPCI_WRITE_BLOCK,
	VPCI_EJECT,
	VPCI_EJECTION_COMPLETE = 0x4249000f,
	VPCI_RESOURCES_ASSIGNED,
	VPCI_RESOURCES_RELEASED,
	VPCI_QUERY_PROTOCOL_VERSION = 0x42490013,
	VPCI_CREATE_INTERRUPT,
	VPCI_DELETE_INTERRUPT,
	VPCI_RESOURCES_ASSIGNED2,
	VPCI_CREATE_INTERRUPT2,
	VPCI_DELETE_INTERRUPT2,
	VPCI_BUS_RELATIONS2,
	VPCI_RESOURCES_ASSIGNED3,
	VPCI_CREATE_INTERRUPT3,
	VPCI_RESET_DEVICE,
};

/* Page by page: which function, and then its config space */
#define VPCI_CONFIG_WINDOW	0x2000u
#define VPCI_CONFIG_PAGE	0x1000u

struct vpci_msg {
	u32 type;
} __packed;

/* QUERY_RESOURCE_REQUIREMENTS, RESOURCES_RELEASED, EJECT */
struct vpci_msg_slot {
	u32 type;
	u32 slot;
} __packed;

struct vpci_msg_version {
	u32 type;
	u32 version;
} __packed;

struct vpci_msg_d0_entry {
	u32 type;
	u32 reserved;
	u64 window;
} __packed;

struct vpci_function {
	u16 vendor, device;
	u8 revision, prog_if, subclass, base_class;
	u16 subsystem_vendor, subsystem;
	u32 slot;
	u32 serial;
} __packed;

struct vpci_msg_relations {
	u32 type;
	u32 count;
	struct vpci_function func;
} __packed;

struct vpci_msg_relations2 {
	u32 type;
	u32 count;
	struct vpci_function func;
	u32 flags;
	u16 numa_node;
	u16 reserved;
} __packed;

/*
 * RESOURCES_ASSIGNED, 2 and 3: what all of them begin with. Nothing of it matters
 * but the slot. Linux sends 148 bytes of the first and 202 of the second.
 */
struct vpci_msg_assigned {
	u32 type;
	u32 slot;
	u8 memory[120];
	u32 messages;
	u32 reserved;
} __packed;

/* The states that OpenVMM knows */
#define VPCI_POWER_D0	1u
#define VPCI_POWER_D3	4u

struct vpci_msg_power {
	u32 type;
	u32 slot;
	u32 state;
} __packed;

/* vCPUs that an interrupt may be for */
#define VPCI_MAX_TARGETS	32

struct vpci_msg_create {
	u32 type;
	u32 slot;
	u8 vector;
	u8 mode;
	u16 count;
	u32 reserved;
	u64 mask;		/* of vCPUs */
} __packed;

struct vpci_msg_create2 {
	u32 type;
	u32 slot;
	u8 vector;
	u8 mode;
	u16 count;
	u16 vps;
	u16 vp[VPCI_MAX_TARGETS];
} __packed;

struct vpci_msg_create3 {
	u32 type;
	u32 slot;
	u32 vector;
	u8 mode;
	u8 reserved;
	u16 count;
	u16 vps;
	u16 vp[VPCI_MAX_TARGETS];
} __packed;

/* What a device is to write where, to interrupt */
struct vpci_message {
	u16 reserved;
	u16 count;
	u32 data;
	u64 address;
} __packed;

struct vpci_msg_delete {
	u32 type;
	u32 slot;
	struct vpci_message message;
} __packed;

struct vpci_msg_ejected {
	u32 type;
	u32 slot;
	u32 status;
} __packed;

/* Completions */
struct vpci_reply_version {
	u32 status;
	u32 version;		/* the highest that the host accepts */
} __packed;

struct vpci_reply_requirements {
	u32 status;
	u32 probed[6];		/* what BARs read after all ones */
} __packed;

struct vpci_reply_interrupt {
	u32 status;
	u32 reserved;
	struct vpci_message message;
} __packed;

/* HvRetargetDeviceInterrupt */
struct vpci_retarget {
	u64 partition;
	u64 device;
	u32 source;
	u32 reserved;
	u32 address;
	u32 data;
	u64 reserved2;
	u32 vector;
	u32 flags;
	u64 vps;		/* a mask; or a set's format */
	u64 banks;		/* a set's: which of them follow */
	u64 bank[];
} __packed;

#define VPCI_PARTITION_SELF	(~0ull)
#define VPCI_SOURCE_MSI		1u
#define VPCI_TARGET_MULTICAST	1u
#define VPCI_TARGET_SET		2u
#define VPCI_SET_SPARSE		0u

#endif
