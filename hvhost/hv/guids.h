/* SPDX-License-Identifier: GPL-2.0-only */
/* The GUIDs of interfaces on VMBus, and of hvhost's instances of them. */
#ifndef HVHOST_GUIDS_H
#define HVHOST_GUIDS_H

#include "core/guid.h"

#define GUID_HEARTBEAT \
	guid_make(0x57164f39, 0x9115, 0x4e78, 0xab55, 0x382f3bd5422d)
#define GUID_SHUTDOWN \
	guid_make(0x0e0b6031, 0x5213, 0x4934, 0x818b, 0x38d90ced39db)
#define GUID_SYNTHVID \
	guid_make(0xda0a7802, 0xe377, 0x4aac, 0x8e77, 0x0558eb1073f8)
#define GUID_VPCI \
	guid_make(0x44c4f61d, 0x4444, 0x4400, 0x9d52, 0x802e27ede19f)

/* The last number is ASCII: "heartb", "shutdo", "video", "hvhst". */
#define GUID_HEARTBEAT_INSTANCE \
	guid_make(0x68767600, 0x0001, 0x4000, 0x8000, 0x686561727462)
#define GUID_SHUTDOWN_INSTANCE \
	guid_make(0x68767600, 0x0002, 0x4000, 0x8000, 0x73687574646f)
#define GUID_SYNTHVID_INSTANCE \
	guid_make(0x68767600, 0x0003, 0x4000, 0x8000, 0x766964656f00)
/* Linux takes the PCI domain from the second number. */
#define GUID_VPCI_INSTANCE(number) \
	guid_make(0x69637076, number, 0x4000, 0x8000, 0x687668737400)

#endif
