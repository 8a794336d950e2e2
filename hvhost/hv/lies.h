/* SPDX-License-Identifier: GPL-2.0-only */
/* What a hostile host makes of VMBus messages, see core/hostile.h. */
#ifndef HVHOST_LIES_H
#define HVHOST_LIES_H

#include "core/types.h"
#include "hv/vmbus_proto.h"

/* Change fields of a message; the buffer has VMBUS_MAX_MESSAGE bytes. */
size_t lies_in_message(u8 *msg, size_t len);
/* Make up a message from an honest one; @last: the last relid. Return: its bytes. */
size_t lies_extra_message(u8 *msg, size_t len, u32 last);

#endif
