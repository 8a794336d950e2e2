// SPDX-License-Identifier: GPL-2.0-only
/* What a hostile host makes of VMBus messages. */
#include <string.h>

#include "core/bytes.h"
#include "core/hostile.h"
#include "hv/lies.h"

#define AT(kind, member)	offsetof(struct kind, member)

/* Fields that have a site of their own, by the message's type */
static const struct hostile_field fields[] = {
	{ MSG_VERSION, AT(msg_version, supported), 1, HOSTILE_VERSION_SUPPORTED },
	{ MSG_VERSION, AT(msg_version, state), 1, HOSTILE_VERSION_STATE },
	{ MSG_VERSION, AT(msg_version, connection), 4, HOSTILE_VERSION_CONNECTION },
	{ MSG_VERSION, AT(msg_version, features), 4, HOSTILE_VERSION_FEATURES },
	{ MSG_OFFER, AT(msg_offer, type), 16, HOSTILE_OFFER_GUID },
	{ MSG_OFFER, AT(msg_offer, instance), 16, HOSTILE_OFFER_GUID },
	{ MSG_OFFER, AT(msg_offer, chn_flags), 2, HOSTILE_OFFER_FLAGS },
	{ MSG_OFFER, AT(msg_offer, mmio_megabytes), 2, HOSTILE_OFFER_MMIO },
	{ MSG_OFFER, AT(msg_offer, user_def), 120, HOSTILE_OFFER_USER },
	{ MSG_OFFER, AT(msg_offer, sub_channel), 2, HOSTILE_OFFER_SUBCHANNEL },
	{ MSG_OFFER, AT(msg_offer, relid), 4, HOSTILE_OFFER_RELID },
	{ MSG_OFFER, AT(msg_offer, monitor_id), 1, HOSTILE_OFFER_MONITOR },
	{ MSG_OFFER, AT(msg_offer, monitor_allocated), 1, HOSTILE_OFFER_MONITOR },
	{ MSG_OFFER, AT(msg_offer, dedicated_interrupt), 2, HOSTILE_OFFER_INTERRUPT },
	{ MSG_OFFER, AT(msg_offer, connection), 4, HOSTILE_OFFER_CONNECTION },
	{ MSG_RESCIND, AT(msg_relid, relid), 4, HOSTILE_RESCIND_RELID },
	{ MSG_OPEN_RESULT, AT(msg_open_result, relid), 4, HOSTILE_OPEN_RELID },
	{ MSG_OPEN_RESULT, AT(msg_open_result, open_id), 4, HOSTILE_OPEN_ID },
	{ MSG_OPEN_RESULT, AT(msg_open_result, status), 4, HOSTILE_OPEN_STATUS },
	{ MSG_GPADL_CREATED, AT(msg_gpadl_created, relid), 4, HOSTILE_GPADL_RELID },
	{ MSG_GPADL_CREATED, AT(msg_gpadl_created, gpadl), 4, HOSTILE_GPADL_HANDLE },
	{ MSG_GPADL_CREATED, AT(msg_gpadl_created, status), 4, HOSTILE_GPADL_STATUS },
	{ MSG_GPADL_TORNDOWN, AT(msg_gpadl_torndown, gpadl), 4, HOSTILE_GPADL_HANDLE },
	{ MSG_MODIFIED, AT(msg_modified, relid), 4, HOSTILE_MODIFY_RELID },
	{ MSG_MODIFIED, AT(msg_modified, status), 4, HOSTILE_MODIFY_STATUS },
};

/**
 * lies_in_message() - Change what a message says.
 * @msg:	The message, with VMBUS_MAX_MESSAGE bytes of room
 * @len:	Bytes of it
 *
 * Return: bytes of it now.
 */
size_t lies_in_message(u8 *msg, size_t len)
{
	hostile_fields(fields, ARRAY_SIZE(fields), get_le32(msg), msg, len);
	hostile_bytes(HOSTILE_MESSAGE_BYTES, msg, len);
	put_le32(msg, hostile_u32(HOSTILE_MESSAGE_TYPE, get_le32(msg)));
	return hostile_below(HOSTILE_MESSAGE_SIZE, (u32)len,
			     VMBUS_MAX_MESSAGE + 1);
}

/**
 * lies_extra_message() - Make up a message that nobody asked for.
 * @msg:	An honest one, to be changed
 * @len:	Bytes of it
 * @last:	The relid that was given to a channel last
 *
 * A third of them rescind some channel; the others have any type. Those whose relid
 * comes first have one from 0 to the one after @last.
 *
 * Return: bytes of it now.
 */
size_t lies_extra_message(u8 *msg, size_t len, u32 last)
{
	u32 relid = (u32)hostile_draw(HOSTILE_MESSAGE_EXTRA, last + 2ull);
	u32 type = (u32)hostile_draw(HOSTILE_MESSAGE_EXTRA, MSG_MODIFIED + 3);

	if (!hostile_draw(HOSTILE_MESSAGE_EXTRA, 3))
		type = MSG_RESCIND;
	put_le32(msg, type);
	if (type == MSG_OFFER) {
		put_le32(msg + offsetof(struct msg_offer, relid), relid);
		return sizeof(struct msg_offer);
	}
	put_le32(msg + offsetof(struct msg_relid, relid), relid);
	return len < sizeof(struct msg_open_result) ?
		sizeof(struct msg_open_result) : len;
}
