// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual PCI, the host's end. A bus is powered by D0 entry, which says where
 * its config window is to be, and lies idle before and after. Who entered D0
 * gives all back by D0 exit; Linux, unbound, sends nothing else. When the channel
 * closes, the bus is powered off: what it decoded, its interrupts and its DMA are
 * gone, and the next kernel may use any address for anything. Only the device may
 * stay held, if the kernel did not release it: then the first D0 entry of the next
 * one fails, until it has released the device.
 *
 * With a conflict: Hyper-V refuses a config window on the framebuffer with
 * STATUS_ON_FRAMEBUFFER. What it answers to one that is on another device or
 * outside of MMIO space, and what it does about BARs, is not known; both are
 * ours. OpenVMM accepts config windows and BARs on the framebuffer, whose
 * memory then answers in their place: the map's ->cover.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/fail.h"
#include "core/hostile.h"
#include "core/trace.h"
#include "hv/guids.h"
#include "hv/ring.h"
#include "hv/vpci_bus.h"

static const char *vpci_message_name(u32 type);

/* Begin the event of a message */
static void vpci_trace_message(const struct vpci_bus *bus, const char *from,
			       u32 type)
{
	const char *message = vpci_message_name(type);

	trace_begin("vpci");
	trace_str("device", bus->dev->name);
	trace_str("from", from);
	if (message)
		trace_str("message", message);
	else
		trace_hex("message", type);
}

/* Send what waits, as far as there is room. */
static void vpci_flush(struct vpci_bus *bus)
{
	struct vpci_queued *q;

	while (bus->queue_len) {
		q = &bus->queue[bus->queue_head];
		if (vmbus_send(bus->chan, q->type, 0, q->transaction, q->data,
			       q->len) == -EAGAIN)
			return;
		/* A guest that lies has its channel closed, the queue with it */
		if (!bus->queue_len)
			return;
		bus->queue_head = (bus->queue_head + 1) % VPCI_MAX_QUEUED;
		bus->queue_len--;
	}
}

/*
 * Send, or keep for later; a guest that does not read loses answers. Return: true if it is
 * sent or kept.
 */
static bool vpci_send(struct vpci_bus *bus, u16 type, u64 transaction,
		      const void *payload, size_t len)
{
	struct vpci_queued *q;
	int ret;

	vpci_flush(bus);
	if (!bus->chan)
		return false;
	if (!bus->queue_len) {
		ret = vmbus_send(bus->chan, type, 0, transaction, payload, len);
		if (ret == -EMSGSIZE)
			vpci_bad(bus, "ring too small for a message of bytes",
				 len);
		if (ret != -EAGAIN)
			return !ret;
	}
	if (bus->queue_len == VPCI_MAX_QUEUED) {
		vpci_bad(bus, "messages that the guest does not read",
			 VPCI_MAX_QUEUED);
		return false;
	}
	q = &bus->queue[(bus->queue_head + bus->queue_len++) % VPCI_MAX_QUEUED];
	q->type = type;
	q->len = (u16)len;
	q->transaction = transaction;
	memcpy(q->data, payload, len);
	return true;
}

static u32 vpci_on_version(struct vpci_bus *bus, const void *msg,
			   struct vpci_answer *a)
{
	const struct vpci_msg_version *m = msg;
	u32 max = bus->vpci->config.max_version;
	bool known = m->version >= VPCI_VERSION(1, 1) && m->version <= max;

	a->len = sizeof(a->version);
	a->version.version = max;
	trace_begin("vpci_version");
	trace_str("device", bus->dev->name);
	trace_num("major", m->version >> 16);
	trace_num("minor", m->version & 0xffff);
	trace_bool("accepted", known);
	trace_end();
	if (!known)
		return STATUS_REVISION_MISMATCH;
	bus->version = m->version;
	return STATUS_OK;
}

/* A hostile host tells of functions and of sizes that there are not. */
static bool vpci_send_false_relations(struct vpci_bus *bus, const void *honest,
				      size_t len, size_t stride)
{
	const size_t head = offsetof(struct vpci_msg_relations, func);
	u8 msg[VPCI_MAX_PAYLOAD] = { 0 }, *slot;
	struct vpci_function *func = (struct vpci_function *)(msg + head);
	u32 count, i;

	memcpy(msg, honest, len);
	count = get_le32(msg + offsetof(struct vpci_msg_relations, count));
	if (count && hostile_event(HOSTILE_RELATIONS_MANY)) {
		count = 2 + (u32)hostile_draw(HOSTILE_RELATIONS_MANY,
					      VPCI_MAX_FUNCTIONS - 1);
		for (i = 1; i < count; i++) {
			memcpy(msg + head + i * stride, func, stride);
			slot = msg + head + i * stride +
			       offsetof(struct vpci_function, slot);
			/* Some are the same one, twice. */
			put_le32(slot, (u32)hostile_draw(HOSTILE_RELATIONS_MANY,
							 4));
		}
		len = head + count * stride;
	}
	if (len > head) {
		func->slot = hostile_u32(HOSTILE_RELATIONS_SLOT, func->slot);
		func->serial = hostile_u32(HOSTILE_RELATIONS_SERIAL,
					   func->serial);
		hostile_bytes(HOSTILE_RELATIONS_BYTES, msg + head, len - head);
	}
	put_le32(msg + offsetof(struct vpci_msg_relations, count),
		 hostile_u32(HOSTILE_RELATIONS_COUNT, count));
	len = hostile_below(HOSTILE_RELATIONS_SIZE, (u32)len, sizeof(msg) + 1);
	return vpci_send(bus, RING_PKT_INBAND, 0, msg, len);
}

static void vpci_send_relations(struct vpci_bus *bus, u32 count)
{
	const struct vpci_device *dev = bus->dev;
	bool v2 = bus->version >= VPCI_VERSION(1, 3);
	struct vpci_msg_relations2 msg = {
		.type = v2 ? VPCI_BUS_RELATIONS2 : VPCI_BUS_RELATIONS,
		.count = count,
		.func = {
			.vendor = dev->vendor, .device = dev->device,
			.revision = dev->revision, .prog_if = (u8)dev->class,
			.subclass = (u8)(dev->class >> 8),
			.base_class = (u8)(dev->class >> 16),
			.subsystem_vendor = dev->subsystem_vendor,
			.subsystem = dev->subsystem, .serial = bus->number,
		},
	};
	size_t len = v2 ? sizeof(msg) : sizeof(struct vpci_msg_relations);
	size_t stride = len - offsetof(struct vpci_msg_relations, func);
	bool sent;

	if (!count)
		len = offsetof(struct vpci_msg_relations, func);
	if (hostile_on)
		sent = vpci_send_false_relations(bus, &msg, len, stride);
	else
		sent = vpci_send(bus, RING_PKT_INBAND, 0, &msg, len);
	if (!sent)
		return;
	vpci_trace_message(bus, "host", msg.type);
	trace_num("count", count);
	trace_end();
}

static u32 vpci_on_query_relations(struct vpci_bus *bus, const void *msg,
				   struct vpci_answer *a)
{
	(void)msg;
	(void)a;
	bus->told = true;
	vpci_send_relations(bus, 1);
	return STATUS_OK;
}

static u32 vpci_on_requirements(struct vpci_bus *bus, const void *msg,
				struct vpci_answer *a)
{
	const struct vpci_device *dev = bus->dev;
	u64 probed;
	int i;

	(void)msg;
	a->len = sizeof(a->requirements);
	for (i = 0; i < MAX_BARS; i++) {
		if (!dev->bar[i].size)
			continue;
		probed = pci_bar_probed(&dev->bar[i]);
		a->requirements.probed[i] = (u32)probed;
		if (dev->bar[i].is_64)
			a->requirements.probed[i + 1] = (u32)(probed >> 32);
	}
	return STATUS_OK;
}

/* The --refuse-windows range that this config window overlaps, or NULL */
static const struct vpci_refusal *vpci_find_refusal(const struct vpci *vpci,
						    const struct range *window)
{
	const struct vpci_config *config = &vpci->config;
	int i;

	for (i = 0; i < config->refusals; i++) {
		const struct vpci_refusal *r = &config->refusal[i];

		if (range_overlap(window, &r->range))
			return r;
	}
	return NULL;
}

/* D0 entry but for its trace. Return: the status; *reason is in a word. */
static u32 vpci_enter_d0(struct vpci_bus *bus, u64 gpa, const char **reason)
{
	static const u32 status[] = {
		[MMIO_FREE] = STATUS_OK,
		[MMIO_ON_FRAMEBUFFER] = STATUS_ON_FRAMEBUFFER,
		[MMIO_ON_DEVICE] = STATUS_CONFLICTING_ADDRESSES,
		[MMIO_ON_FIXED] = STATUS_CONFLICTING_ADDRESSES,
		[MMIO_OUTSIDE] = STATUS_CONFLICTING_ADDRESSES,
		/* It is none of the guest's business that it reads pixels. */
		[MMIO_COVERED] = STATUS_OK,
	};
	struct vpci *vpci = bus->vpci;
	const struct vpci_refusal *refusal;
	struct vpci_device *dev = bus->dev;
	enum mmio_verdict verdict;

	dev->entries++;
	if (dev->entries >= dev->refuse_first &&
	    dev->entries <= dev->refuse_last) {
		*reason = "told";
		return STATUS_NO_SUCH_DEVICE;
	}
	if (gpa % HV_PAGE_SIZE || gpa > -(u64)VPCI_CONFIG_WINDOW) {
		*reason = "misaligned";
		return STATUS_INVALID;
	}
	if (bus->live) {
		*reason = "state";
		return STATUS_INVALID_DEVICE_STATE;
	}
	if (bus->assigned) {
		*reason = "held";
		return STATUS_INVALID_DEVICE_STATE;
	}
	bus->window.range = range_of(gpa, VPCI_CONFIG_WINDOW);
	refusal = vpci_find_refusal(vpci, &bus->window.range);
	if (refusal) {
		*reason = "window";
		return refusal->status;
	}
	verdict = mmio_judge(vpci->map, &bus->window, true);
	*reason = mmio_verdict_name(verdict);
	if (status[verdict] != STATUS_OK)
		return status[verdict];
	if (vpci_power_on(bus)) {
		*reason = "host";
		return STATUS_NO_RESOURCES;
	}
	return STATUS_OK;
}

static u32 vpci_on_d0_entry(struct vpci_bus *bus, const void *msg,
			    struct vpci_answer *a)
{
	const struct vpci_msg_d0_entry *m = msg;
	struct range window = range_of(m->window, VPCI_CONFIG_WINDOW);
	const char *reason;
	u32 status;

	(void)a;
	status = vpci_enter_d0(bus, m->window, &reason);
	/*
	 * Before the answer, unasked: OpenVMM's source calls that Hyper-V's
	 * order.
	 */
	if (status == STATUS_OK) {
		bus->told = true;
		vpci_send_relations(bus, 1);
	}
	trace_begin("d0_entry");
	trace_str("device", bus->dev->name);
	trace_range("window", &window);
	trace_hex("status", status);
	trace_str("reason", reason);
	trace_end();
	return status;
}

/* No complaint when it is off: Linux leaves a D0 that was refused. */
static u32 vpci_on_d0_exit(struct vpci_bus *bus, const void *msg,
			   struct vpci_answer *a)
{
	(void)msg;
	(void)a;
	/* Its own resources it need not name; a dead kernel's it must */
	if (bus->live)
		bus->assigned = false;
	vpci_power_off(bus);
	trace_begin("d0_exit");
	trace_str("device", bus->dev->name);
	trace_end();
	return STATUS_OK;
}

static u32 vpci_on_assigned(struct vpci_bus *bus, const void *msg,
			    struct vpci_answer *a)
{
	(void)msg;
	(void)a;
	if (!bus->live) {
		vpci_bad(bus, "resources assigned outside of D0", bus->number);
		return STATUS_INVALID_DEVICE_STATE;
	}
	bus->assigned = true;
	return STATUS_OK;
}

static u32 vpci_on_released(struct vpci_bus *bus, const void *msg,
			    struct vpci_answer *a)
{
	(void)msg;
	(void)a;
	bus->assigned = false;
	if (bus->live)
		vpci_reset(bus);
	return STATUS_OK;
}

/* Hyper-V's UEFI powers a device on before it uses it. */
static u32 vpci_on_power(struct vpci_bus *bus, const void *msg,
			 struct vpci_answer *a)
{
	const struct vpci_msg_power *m = msg;

	(void)a;
	if (!bus->live) {
		vpci_bad(bus, "power state outside of D0", m->state);
		return STATUS_INVALID_DEVICE_STATE;
	}
	switch (m->state) {
	case VPCI_POWER_D0:
		vpci_decode_memory(bus, true);
		return STATUS_OK;
	case VPCI_POWER_D3:
		vpci_decode_memory(bus, false);
		return STATUS_OK;
	}
	vpci_bad(bus, "power state", m->state);
	return STATUS_BAD_DATA;
}

/* OpenVMM does not support it either. */
static u32 vpci_on_reset(struct vpci_bus *bus, const void *msg,
			 struct vpci_answer *a)
{
	(void)bus;
	(void)msg;
	(void)a;
	return STATUS_NOT_SUPPORTED;
}

static void vpci_trace_eject(const struct vpci_bus *bus, const char *how)
{
	trace_begin("eject");
	trace_str("device", bus->dev->name);
	trace_str("how", how);
	trace_end();
}

static u32 vpci_on_ejected(struct vpci_bus *bus, const void *msg,
			   struct vpci_answer *a)
{
	(void)msg;
	(void)a;
	if (!bus->asked) {
		vpci_bad(bus, "ejection that nobody asked for", bus->number);
		return STATUS_INVALID_DEVICE_STATE;
	}
	bus->ejected = true;
	vpci_trace_eject(bus, "done");
	return STATUS_OK;
}

/* All messages; those without @fn are not for the host, or not supported. */
static const struct vpci_handler {
	u32 type;
	const char *name;
	size_t len;			/* at least */
	bool slot;			/* speaks of a function */
	u32 (*fn)(struct vpci_bus *bus, const void *msg, struct vpci_answer *a);
} vpci_handlers[] = {
	{ VPCI_BUS_RELATIONS, "BUS_RELATIONS", 0, false, NULL },
	{ VPCI_QUERY_BUS_RELATIONS, "QUERY_BUS_RELATIONS",
	  sizeof(struct vpci_msg), false, vpci_on_query_relations },
	{ VPCI_POWER_STATE_CHANGE, "POWER_STATE_CHANGE",
	  sizeof(struct vpci_msg_power), true, vpci_on_power },
	{ VPCI_QUERY_RESOURCE_REQUIREMENTS, "QUERY_RESOURCE_REQUIREMENTS",
	  sizeof(struct vpci_msg_slot), true, vpci_on_requirements },
	{ VPCI_D0_ENTRY, "D0_ENTRY",
	  sizeof(struct vpci_msg_d0_entry), false, vpci_on_d0_entry },
	{ VPCI_D0_EXIT, "D0_EXIT",
	  sizeof(struct vpci_msg), false, vpci_on_d0_exit },
	{ VPCI_READ_BLOCK, "READ_BLOCK", 0, false, NULL },
	{ VPCI_WRITE_BLOCK, "WRITE_BLOCK", 0, false, NULL },
	{ VPCI_EJECT, "EJECT", 0, false, NULL },
	{ VPCI_EJECTION_COMPLETE, "EJECTION_COMPLETE",
	  sizeof(struct vpci_msg_slot), true, vpci_on_ejected },
	{ VPCI_RESOURCES_ASSIGNED, "RESOURCES_ASSIGNED",
	  sizeof(struct vpci_msg_assigned), true, vpci_on_assigned },
	{ VPCI_RESOURCES_RELEASED, "RESOURCES_RELEASED",
	  sizeof(struct vpci_msg_slot), true, vpci_on_released },
	{ VPCI_QUERY_PROTOCOL_VERSION, "QUERY_PROTOCOL_VERSION",
	  sizeof(struct vpci_msg_version), false, vpci_on_version },
	{ VPCI_CREATE_INTERRUPT, "CREATE_INTERRUPT",
	  sizeof(struct vpci_msg_create), true, vpci_on_create },
	{ VPCI_DELETE_INTERRUPT, "DELETE_INTERRUPT",
	  sizeof(struct vpci_msg_delete), true, vpci_on_delete },
	{ VPCI_RESOURCES_ASSIGNED2, "RESOURCES_ASSIGNED2",
	  sizeof(struct vpci_msg_assigned), true, vpci_on_assigned },
	{ VPCI_CREATE_INTERRUPT2, "CREATE_INTERRUPT2",
	  sizeof(struct vpci_msg_create2), true, vpci_on_create2 },
	{ VPCI_DELETE_INTERRUPT2, "DELETE_INTERRUPT2",
	  sizeof(struct vpci_msg_delete), true, vpci_on_delete },
	{ VPCI_BUS_RELATIONS2, "BUS_RELATIONS2", 0, false, NULL },
	{ VPCI_RESOURCES_ASSIGNED3, "RESOURCES_ASSIGNED3",
	  sizeof(struct vpci_msg_assigned), true, vpci_on_assigned },
	{ VPCI_CREATE_INTERRUPT3, "CREATE_INTERRUPT3",
	  sizeof(struct vpci_msg_create3), true, vpci_on_create3 },
	{ VPCI_RESET_DEVICE, "RESET_DEVICE",
	  sizeof(struct vpci_msg_slot), true, vpci_on_reset },
};

static const struct vpci_handler *vpci_find_handler(u32 type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vpci_handlers); i++)
		if (vpci_handlers[i].type == type)
			return &vpci_handlers[i];
	return NULL;
}

/* The name of a message; NULL: a type that has none */
static const char *vpci_message_name(u32 type)
{
	const struct vpci_handler *h = vpci_find_handler(type);

	return h ? h->name : NULL;
}

/* The status of a message's completion, should it want one */
static u32 vpci_handle(struct vpci_bus *bus, const u8 *msg, size_t len,
		       struct vpci_answer *a)
{
	const struct vpci_handler *h;
	u32 type, slot;

	if (len < sizeof(struct vpci_msg)) {
		vpci_bad(bus, "bytes of a message", len);
		return STATUS_BAD_DATA;
	}
	type = get_le32(msg);
	vpci_trace_message(bus, "guest", type);
	trace_end();
	h = vpci_find_handler(type);
	if (!h || !h->fn) {
		vpci_bad(bus, "unsupported message", type);
		return STATUS_BAD_DATA;
	}
	if (len < h->len) {
		vpci_bad(bus, "short message of type", type);
		return STATUS_BAD_DATA;
	}
	/* With any version, messages of all versions are accepted, as by OpenVMM. */
	if (!bus->version && type != VPCI_QUERY_PROTOCOL_VERSION) {
		vpci_bad(bus, "message before a version was agreed on", type);
		return STATUS_INVALID_DEVICE_STATE;
	}
	if (h->slot) {
		slot = get_le32(msg + offsetof(struct vpci_msg_slot, slot));
		if (slot) {
			vpci_bad(bus, "message for slot", slot);
			return STATUS_BAD_DATA;
		}
	}
	return h->fn(bus, msg, a);
}

/* Forget a bus; it may be the one whose packet is being handled. */
static void vpci_take_away(struct vpci_bus *bus)
{
	struct vpci_bus **link = &bus->vpci->buses;

	vmbus_rescind(bus->vpci->vmbus, &bus->vmbus_dev);
	while (*link != bus)
		link = &(*link)->next;
	*link = bus->next;
	bus->dev->bus = NULL;
	vpci_func_free(bus);
	free(bus);
}

static void vpci_ask_to_eject(struct vpci_bus *bus)
{
	struct vpci_msg_slot msg = { .type = VPCI_EJECT };

	if (!vpci_send(bus, RING_PKT_INBAND, 0, &msg, sizeof(msg)))
		return;
	bus->asked = true;
	vpci_trace_eject(bus, "asked");
	vpci_trace_message(bus, "host", msg.type);
	trace_end();
}

/* ... if it is time to; if not, we will be called again. */
static void vpci_try_to_eject(struct vpci_bus *bus)
{
	if (bus->ejecting && !bus->asked && bus->live)
		vpci_ask_to_eject(bus);
}

static void vpci_room(struct vmbus_device *vmbus_dev)
{
	struct vpci_bus *bus = vmbus_dev->opaque;

	vpci_flush(bus);
	vpci_try_to_eject(bus);
}

static void vpci_trace_completion(const struct vpci_bus *bus, u32 type,
				  const struct vpci_answer *a)
{
	const struct vpci_reply_requirements *r = &a->requirements;
	char text[ARRAY_SIZE(r->probed) * sizeof("ffffffff")];
	u32 version = a->version.version;

	vpci_trace_message(bus, "host", type);
	trace_hex("status", a->status);
	if (type == VPCI_QUERY_RESOURCE_REQUIREMENTS && !a->status) {
		snprintf(text, sizeof(text), "%x %x %x %x %x %x",
			 r->probed[0], r->probed[1], r->probed[2],
			 r->probed[3], r->probed[4], r->probed[5]);
		trace_str("masks", text);
	}
	if (type == VPCI_QUERY_PROTOCOL_VERSION && a->len > sizeof(a->status)) {
		snprintf(text, sizeof(text), "%u.%u", version >> 16,
			 version & 0xffff);
		trace_str("version", text);
	}
	trace_end();
}

/* A hostile host's completion of a message of that type */
static void vpci_lie_in_answer(u32 type, struct vpci_answer *a)
{
	struct vpci_message *message = &a->interrupt.message;
	int i;

	a->status = hostile_u32(type == VPCI_D0_ENTRY ? HOSTILE_D0_STATUS :
				HOSTILE_VPCI_STATUS, a->status);
	if (a->len == sizeof(a->requirements))
		for (i = 0; i < MAX_BARS; i++)
			a->requirements.probed[i] =
				hostile_u32(HOSTILE_BAR_MASKS,
					    a->requirements.probed[i]);
	if (a->len == sizeof(a->version))
		a->version.version = hostile_u32(HOSTILE_VPCI_VERSION,
						 a->version.version);
	if (a->len != sizeof(a->interrupt))
		return;
	message->count = hostile_u16(HOSTILE_INTERRUPT_COUNT, message->count);
	message->data = hostile_u32(HOSTILE_INTERRUPT_DATA, message->data);
	message->address = hostile_u64(HOSTILE_INTERRUPT_ADDRESS,
				       message->address);
}

/* What a hostile host says after an answer without having been asked */
static void vpci_lie_unasked(struct vpci_bus *bus)
{
	if (hostile_event(HOSTILE_RELATIONS_AGAIN))
		vpci_send_relations(bus, (u32)hostile_draw(HOSTILE_RELATIONS_AGAIN,
							   2));
	if (bus->chan && hostile_event(HOSTILE_EJECT))
		vpci_ask_to_eject(bus);
}

static void vpci_received(struct vmbus_device *vmbus_dev, u16 type, u16 flags,
			  u64 transaction, const u8 *payload, size_t len)
{
	struct vpci_bus *bus = vmbus_dev->opaque;
	struct vpci_answer a = { .len = sizeof(a.status) }, sent;
	struct vpci *vpci = bus->vpci;
	u32 status, version = bus->version;
	bool named = len >= sizeof(struct vpci_msg);

	if (type != RING_PKT_INBAND) {
		vpci_bad(bus, "packet of type", type);
		return;
	}
	status = vpci_handle(bus, payload, len, &a);
	a.status = status;
	/* Not if the channel was closed meanwhile */
	if (flags & RING_COMPLETION_REQUESTED && bus->chan) {
		sent = a;
		if (hostile_on && named)
			vpci_lie_in_answer(get_le32(payload), &sent);
		if (vpci_send(bus, RING_PKT_COMPLETION, transaction, &sent,
			      sent.len) && named)
			vpci_trace_completion(bus, get_le32(payload), &a);
	}
	if (hostile_on && bus->chan)
		vpci_lie_unasked(bus);
	if (bus->ejected)
		vpci_take_away(bus);
	else if (bus->chan && !version && bus->version)
		vpci->ops->begun(vpci->opaque, bus->dev->name);
	else
		vpci_try_to_eject(bus);
}

static void vpci_opened(struct vmbus_device *vmbus_dev,
			struct vmbus_channel *chan)
{
	struct vpci_bus *bus = vmbus_dev->opaque;

	bus->chan = chan;
	bus->version = 0;
}

/* Be it that the guest is done, or crashed: the bus is powered off. */
static void vpci_closed(struct vmbus_device *vmbus_dev)
{
	struct vpci_bus *bus = vmbus_dev->opaque;

	bus->chan = NULL;
	bus->told = false;
	bus->ejecting = false;
	bus->asked = false;
	bus->queue_len = 0;
	if (bus->vpci->config.release_dead_devices)
		bus->assigned = false;
	vpci_power_off(bus);
}

static struct vpci_bus *vpci_find_bus(const struct vpci *vpci, const char *name)
{
	struct vpci_bus *bus = vpci->buses;

	while (bus && strcmp(bus->dev->name, name))
		bus = bus->next;
	return bus;
}

/**
 * vpci_eject() - Ask the guest to let go of a device.
 * @vpci:	Virtual PCI
 * @name:	The device's name
 *
 * The channel is rescinded when the guest has done so; at once if the guest does
 * not know the device yet. A guest that knows it but is not in D0, or does not read
 * its messages, is asked when it is, or does, unless it closes the channel first: before
 * D0 Linux may drop the request, and it must not be asked twice.
 * Its hv_eject_device_work() then runs twice and deletes a freed device from a
 * list.
 *
 * Return: 0, -ENOENT if there is no such device, -EALREADY if it is asked.
 */
int vpci_eject(struct vpci *vpci, const char *name)
{
	struct vpci_bus *bus = vpci_find_bus(vpci, name);

	if (!bus)
		return -ENOENT;
	if (bus->ejecting)
		return -EALREADY;
	if (bus->told) {
		bus->ejecting = true;
		vpci_try_to_eject(bus);
		/* A guest that lies has its channel closed */
		if (bus->ejecting && !bus->asked)
			vpci_trace_eject(bus, "postponed");
		return 0;
	}
	vpci_trace_eject(bus, "unseen");
	vpci_take_away(bus);
	return 0;
}

/**
 * vpci_surprise() - Take a device away without asking.
 * @vpci:	Virtual PCI
 * @name:	The device's name
 * @empty_first: Tell the guest, if it knows of it, that the bus is empty
 *
 * Then its channel is rescinded.
 *
 * Return: 0, -ENOENT if there is no such device.
 */
int vpci_surprise(struct vpci *vpci, const char *name, bool empty_first)
{
	struct vpci_bus *bus = vpci_find_bus(vpci, name);

	if (!bus)
		return -ENOENT;
	vpci_trace_eject(bus, empty_first ? "surprise" : "rescind");
	if (empty_first && bus->told)
		vpci_send_relations(bus, 0);
	vpci_take_away(bus);
	return 0;
}

/* All of a bus but what only VMBus knows, or NULL without memory */
static struct vpci_bus *vpci_new_bus(struct vpci *vpci, struct vpci_device *dev,
				     u16 number)
{
	struct vpci_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return NULL;
	*bus = (struct vpci_bus) {
		.vpci = vpci, .dev = dev, .number = number,
		.vmbus_dev = {
			.name = dev->name,
			.type = GUID_VPCI,
			.instance = GUID_VPCI_INSTANCE(number),
			.in_isolated = true,
			.opened = vpci_opened,
			.closed = vpci_closed,
			.packet = vpci_received,
			.room = vpci_room,
			.opaque = bus,
		},
	};
	if (!vpci_func_init(bus))
		return bus;
	free(bus);
	return NULL;
}

/**
 * vpci_add() - Put a device on a bus of its own, and offer that.
 * @vpci:	Virtual PCI
 * @dev:	The device; must live until it is ejected or @vpci is freed
 *
 * Return: 0, -EINVAL if it cannot be, -EEXIST if it, or one of its name, is
 * there already, -ENOSPC, -ENOMEM.
 */
int vpci_add(struct vpci *vpci, struct vpci_device *dev)
{
	struct vpci_bus **link = &vpci->buses, *bus;
	u32 number = 1;
	int ret;

	if (!vpci_func_ok(dev))
		return -EINVAL;
	if (dev->bus || vpci_find_bus(vpci, dev->name))
		return -EEXIST;
	for (; *link && (*link)->number == number; link = &(*link)->next)
		number++;
	if (number > 0xffff)
		return -ENOSPC;
	bus = vpci_new_bus(vpci, dev, (u16)number);
	if (!bus)
		return say_host_failed(-ENOMEM, "virtual PCI bus %u", number);
	bus->next = *link;
	*link = bus;
	dev->bus = bus;
	vpci_reset(bus);
	ret = vmbus_add_device(vpci->vmbus, &bus->vmbus_dev);
	if (ret)
		vpci_take_away(bus);
	return ret;
}

/**
 * vpci_new() - Make a virtual PCI without buses.
 * @config:	Copied
 * @vmbus:	Where buses are offered
 * @mem:	The guest's RAM
 * @map:	Who owns which addresses
 * @ops:	The VM below
 * @opaque:	For @ops
 *
 * Return: it, or NULL without memory.
 */
struct vpci *vpci_new(const struct vpci_config *config, struct vmbus *vmbus,
		      struct mem *mem, struct mmio_map *map,
		      const struct vpci_ops *ops, void *opaque)
{
	struct vpci *vpci = calloc(1, sizeof(*vpci));

	if (!vpci)
		return NULL;
	vpci->config = *config;
	if (!vpci->config.max_version)
		vpci->config.max_version = VPCI_MAX_VERSION;
	vpci->vmbus = vmbus;
	vpci->mem = mem;
	vpci->map = map;
	vpci->ops = ops;
	vpci->opaque = opaque;
	return vpci;
}

/**
 * vpci_free() - End it; every device is taken away.
 * @vpci:	Virtual PCI, or NULL; its VMBus must still be there
 */
void vpci_free(struct vpci *vpci)
{
	if (!vpci)
		return;
	while (vpci->buses)
		vpci_take_away(vpci->buses);
	free(vpci);
}
