// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a virtual PCI bus. The guest asks for one with CREATE_INTERRUPT,
 * and gets the message that it is to put into the device's MSI-X table. Until
 * HvRetargetDeviceInterrupt moves it, that message leads to the vCPU and vector
 * that were asked for.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/bytes.h"
#include "core/trace.h"
#include "hv/hv.h"
#include "hv/vpci_bus.h"

/* What one CREATE_INTERRUPT may ask for: MSI has 32 messages at most */
#define MAX_BLOCK	32u

/* APIC delivery modes */
#define MODE_FIXED	0
#define MODE_LOWEST	1

/* The message that a guest is to write for the interrupt with that index */
static u32 vpci_message_data(const struct vpci_bus *bus, u32 index)
{
	return (u32)bus->number << 16 | (index + 1);
}

static struct vpci_interrupt *vpci_find_interrupt(const struct vpci_bus *bus,
						  u64 address, u32 data)
{
	u32 index = (data & 0xffff) - 1;

	if (address != MSI_ADDRESS || index >= bus->interrupt_count ||
	    data != vpci_message_data(bus, index) ||
	    !bus->interrupts[index].used)
		return NULL;
	return &bus->interrupts[index];
}

/**
 * vpci_irq_init() - Make the interrupts of a new bus.
 * @bus:	The bus
 *
 * Return: 0 or -ENOMEM.
 */
int vpci_irq_init(struct vpci_bus *bus)
{
	if (!bus->dev->vectors)
		return 0;
	/* Some more than vectors, since vpci_find_block() may leave gaps */
	bus->interrupt_count = 2 * MAX_BLOCK + bus->dev->vectors;
	bus->interrupts = calloc(bus->interrupt_count,
				 sizeof(*bus->interrupts));
	return bus->interrupts ? 0 : -ENOMEM;
}

/**
 * vpci_irq_free() - Free what vpci_irq_init() allocated.
 * @bus:	The bus
 */
void vpci_irq_free(struct vpci_bus *bus)
{
	free(bus->interrupts);
}

/**
 * vpci_irq_reset() - Forget all interrupts that the guest asked for.
 * @bus:	The bus
 */
void vpci_irq_reset(struct vpci_bus *bus)
{
	u32 i;

	for (i = 0; i < bus->interrupt_count; i++)
		bus->interrupts[i].used = false;
}

/**
 * vpci_irq_send() - The function sends a message.
 * @opaque:	Its bus
 * @address:	Where to
 * @data:	What
 */
void vpci_irq_send(void *opaque, u64 address, u32 data)
{
	struct vpci_bus *bus = opaque;
	struct vpci *vpci = bus->vpci;
	const struct vpci_interrupt *i;

	i = vpci_find_interrupt(bus, address, data);
	if (!i)
		vpci_bad(bus, "message of a vector", data);
	else if (vpci->ops->interrupt(vpci->opaque, i->vp, i->vector))
		vpci_bad(bus, "interrupt that could not be delivered",
			 i->vector);
}

/*
 * Find @count consecutive free interrupts. MSI puts the vector's number into the
 * low bits of the data, so these are 0 in the first one's message.
 * Return: the first one's index, or interrupt_count if there are none.
 */
static u32 vpci_find_block(const struct vpci_bus *bus, u32 count)
{
	u32 align = 1, index, i;

	while (align < count)
		align *= 2;
	for (index = align - 1; index + count <= bus->interrupt_count;
	     index += align) {
		for (i = 0; i < count && !bus->interrupts[index + i].used; i++)
			;
		if (i == count)
			return index;
	}
	return bus->interrupt_count;
}

static bool vpci_vectors_ok(const struct vpci *vpci, u32 vector, u32 count)
{
	const struct range *all = &vpci->config.vectors;

	return vector >= all->start && vector + (count - 1ull) <= all->end;
}

static u32 vpci_check_create(const struct vpci_bus *bus, u32 vector, u8 mode,
			     u32 count, u64 vp)
{
	if (!bus->live) {
		vpci_bad(bus, "interrupt outside of D0", vector);
		return STATUS_INVALID_DEVICE_STATE;
	}
	if (!count || count > MAX_BLOCK) {
		vpci_bad(bus, "vectors of an interrupt", count);
		return STATUS_BAD_DATA;
	}
	if (!vpci_vectors_ok(bus->vpci, vector, count)) {
		vpci_bad(bus, "interrupt vector", vector);
		return STATUS_INVALID;
	}
	if (mode != MODE_FIXED && mode != MODE_LOWEST) {
		vpci_bad(bus, "delivery mode", mode);
		return STATUS_BAD_DATA;
	}
	if (vp >= bus->vpci->config.cpus) {
		vpci_bad(bus, "vp of an interrupt", vp);
		return STATUS_INVALID;
	}
	return STATUS_OK;
}

static u32 vpci_create(struct vpci_bus *bus, struct vpci_answer *a, u32 vector,
		       u8 mode, u32 count, u64 vp)
{
	struct vpci_message *message = &a->interrupt.message;
	u32 status = vpci_check_create(bus, vector, mode, count, vp);
	u32 index, i;

	a->len = sizeof(a->interrupt);
	if (status)
		return status;
	index = vpci_find_block(bus, count);
	if (index == bus->interrupt_count) {
		vpci_bad(bus, "no free interrupts, asked for", count);
		return STATUS_NO_RESOURCES;
	}
	for (i = 0; i < count; i++)
		bus->interrupts[index + i] = (struct vpci_interrupt) {
			.used = true, .vector = vector + i, .vp = (u32)vp,
		};
	bus->interrupts[index].block = (u8)count;
	message->count = (u16)count;
	message->data = vpci_message_data(bus, index);
	message->address = MSI_ADDRESS;
	trace_begin("interrupt_created");
	trace_str("device", bus->dev->name);
	trace_hex("message", message->data);
	trace_num("vp", (u32)vp);
	trace_num("vector", vector);
	if (count > 1)
		trace_num("count", count);
	trace_end();
	return STATUS_OK;
}

/* The lowest of a mask, which may well name vCPUs that there are not */
static u64 vpci_lowest(u64 mask)
{
	return mask ? (u64)__builtin_ctzll(mask) : ~0ull;
}

/* The lowest in a list of no more than VPCI_MAX_TARGETS */
static u64 vpci_lowest_of(const u8 *vps, u32 count)
{
	u64 vp, least = ~0ull;
	u32 i;

	for (i = 0; i < count; i++) {
		vp = get_le16(vps + 2 * i);
		if (vp < least)
			least = vp;
	}
	return least;
}

/**
 * vpci_on_create() - CREATE_INTERRUPT: one for a mask of vCPUs.
 * @bus:	The bus
 * @msg:	The message, long enough
 * @a:		Its completion
 *
 * Return: the completion's status.
 */
u32 vpci_on_create(struct vpci_bus *bus, const void *msg, struct vpci_answer *a)
{
	const struct vpci_msg_create *m = msg;

	return vpci_create(bus, a, m->vector, m->mode, m->count,
			   vpci_lowest(m->mask));
}

static u32 vpci_create_for_list(struct vpci_bus *bus, struct vpci_answer *a,
				u32 vector, u8 mode, u32 count, u32 vps,
				const u8 *vp)
{
	if (vps > VPCI_MAX_TARGETS) {
		vpci_bad(bus, "vps of an interrupt", vps);
		a->len = sizeof(a->interrupt);
		return STATUS_BAD_DATA;
	}
	return vpci_create(bus, a, vector, mode, count,
			   vpci_lowest_of(vp, vps));
}

/**
 * vpci_on_create2() - CREATE_INTERRUPT2: one for a list of vCPUs.
 * @bus:	The bus
 * @msg:	The message, long enough
 * @a:		Its completion
 *
 * Return: the completion's status.
 */
u32 vpci_on_create2(struct vpci_bus *bus, const void *msg,
		    struct vpci_answer *a)
{
	const struct vpci_msg_create2 *m = msg;

	return vpci_create_for_list(bus, a, m->vector, m->mode, m->count,
				    m->vps, (const u8 *)m->vp);
}

/**
 * vpci_on_create3() - CREATE_INTERRUPT3: the same, with a vector of 32 bits.
 * @bus:	The bus
 * @msg:	The message, long enough
 * @a:		Its completion
 *
 * Return: the completion's status.
 */
u32 vpci_on_create3(struct vpci_bus *bus, const void *msg,
		    struct vpci_answer *a)
{
	const struct vpci_msg_create3 *m = msg;

	return vpci_create_for_list(bus, a, m->vector, m->mode, m->count,
				    m->vps, (const u8 *)m->vp);
}

/**
 * vpci_on_delete() - DELETE_INTERRUPT: of all vectors of one request.
 * @bus:	The bus
 * @msg:	The message, long enough
 * @a:		Its completion
 *
 * Return: the completion's status.
 */
u32 vpci_on_delete(struct vpci_bus *bus, const void *msg, struct vpci_answer *a)
{
	const struct vpci_msg_delete *m = msg;
	struct vpci_interrupt *i = vpci_find_interrupt(bus, m->message.address,
						       m->message.data);
	u32 n;

	(void)a;
	if (!i || !i->block) {
		vpci_bad(bus, "deletion of interrupt", m->message.data);
		return STATUS_INVALID;
	}
	for (n = i->block; n; n--)
		i[n - 1].used = false;
	trace_begin("interrupt_deleted");
	trace_str("device", bus->dev->name);
	trace_hex("message", m->message.data);
	trace_end();
	return STATUS_OK;
}

/* Is all there that a retarget's input says there is, and no more than that? */
static u16 vpci_check_retarget(const struct vpci_retarget *in, size_t len)
{
	bool set;

	if (len < offsetof(struct vpci_retarget, banks)) {
		trace_bad("vpci", "bytes of a retarget", len);
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	set = in->flags & VPCI_TARGET_SET;
	if (set && len < sizeof(*in)) {
		trace_bad("vpci", "bytes of a retarget", len);
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	if (set && (len - sizeof(*in)) / sizeof(in->bank[0]) <
		   (size_t)__builtin_popcountll(in->banks)) {
		trace_bad("vpci", "banks of a retarget", in->banks);
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	if (in->partition != VPCI_PARTITION_SELF) {
		trace_bad("vpci", "partition of a retarget", in->partition);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (in->source != VPCI_SOURCE_MSI) {
		trace_bad("vpci", "source of a retarget", in->source);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (in->flags & ~(VPCI_TARGET_MULTICAST | VPCI_TARGET_SET)) {
		trace_bad("vpci", "flags of a retarget", in->flags);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (set && in->vps != VPCI_SET_SPARSE) {
		trace_bad("vpci", "format of a retarget", in->vps);
		return HV_STATUS_INVALID_PARAMETER;
	}
	return HV_STATUS_SUCCESS;
}

/* The lowest vCPU that an interrupt is to go to from now on; ~0: none */
static u64 vpci_retarget_vp(const struct vpci_retarget *in)
{
	u64 i, bank, n = 0;

	if (!(in->flags & VPCI_TARGET_SET))
		return vpci_lowest(in->vps);
	for (i = 0; i < 64; i++) {
		if (!(in->banks >> i & 1))
			continue;
		bank = in->bank[n++];
		if (bank)
			return i * 64 + vpci_lowest(bank);
	}
	return ~0ull;
}

/* What HvRetargetDeviceInterrupt knows a bus's function by: its GUID */
static u64 vpci_device_id(const struct vpci_bus *bus)
{
	const u8 *b = bus->vmbus_dev.instance.b;

	return (u64)b[5] << 24 | (u64)b[4] << 16 | (u64)b[7] << 8 |
	       (b[6] & 0xf8);
}

/**
 * vpci_retarget() - The guest called HvRetargetDeviceInterrupt.
 * @vpci:	Virtual PCI
 * @input:	Its input, in our memory
 * @len:	Bytes of it
 *
 * Return: HV_STATUS_*.
 */
u16 vpci_retarget(struct vpci *vpci, const void *input, size_t len)
{
	const struct vpci_retarget *in = input;
	struct vpci_bus *bus = vpci->buses;
	struct vpci_interrupt *i;
	u16 status;
	u64 vp;

	status = vpci_check_retarget(in, len);
	if (status)
		return status;
	while (bus && vpci_device_id(bus) != in->device)
		bus = bus->next;
	i = bus ? vpci_find_interrupt(bus, in->address, in->data) : NULL;
	if (!i) {
		trace_bad("vpci", bus ? "retarget of message" :
			  "retarget for device",
			  bus ? in->data : in->device);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (!vpci_vectors_ok(vpci, in->vector, 1)) {
		vpci_bad(bus, "vector of a retarget", in->vector);
		return HV_STATUS_INVALID_PARAMETER;
	}
	vp = vpci_retarget_vp(in);
	if (vp >= vpci->config.cpus) {
		vpci_bad(bus, "vp of a retarget", vp);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (i->vp == vp && i->vector == in->vector)
		return HV_STATUS_SUCCESS;
	i->vp = (u32)vp;
	i->vector = in->vector;
	trace_begin("retarget");
	trace_str("device", bus->dev->name);
	trace_hex("message", in->data);
	trace_num("vp", i->vp);
	trace_num("vector", i->vector);
	trace_end();
	return HV_STATUS_SUCCESS;
}

