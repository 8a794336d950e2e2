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
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/trace.h"
#include "hv/hv.h"
#include "hv/ring.h"
#include "hv/vpci.h"
#include "hv/vpci_proto.h"

#define CONFIG_SIZE	PCI_CFG_SPACE_SIZE
#define MSIX_CAP	0x40		/* the only capability, if there is one */
#define MAX_VECTORS	(PCI_MSIX_FLAGS_QSIZE + 1)

/* Answers that may wait for a guest to read; Linux asks for 64 at most */
#define MAX_QUEUED	64
#define MAX_PAYLOAD	40

/* Where messages are to be written: the local APICs, as on real machines */
#define MESSAGE_ADDRESS	0xfee00000u
#define FIRST_VECTOR	16u

/* What one CREATE_INTERRUPT may ask for: MSI has 32 messages at most */
#define MAX_BLOCK	32u

/* APIC delivery modes */
#define MODE_FIXED	0
#define MODE_LOWEST	1

#define STATUS_OK			0
#define STATUS_INVALID			0xc000000du
#define STATUS_NO_SUCH_DEVICE		0xc000000eu
#define STATUS_CONFLICTING_ADDRESSES	0xc0000018u
#define STATUS_REVISION_MISMATCH	0xc0000059u
#define STATUS_NO_RESOURCES		0xc000009au
#define STATUS_NOT_SUPPORTED		0xc00000bbu
#define STATUS_INVALID_DEVICE_STATE	0xc0000184u
/* A message that cannot be, as OpenVMM answers it */
#define STATUS_BAD_DATA			0xc000090bu
/* Seen on real hosts (linux-hyperv list, 2026-01-21); has no public name */
#define STATUS_ON_FRAMEBUFFER		0xc0370048u

struct bar {
	struct vpci_bus *bus;
	struct mmio_claim claim;
	bool decodes;
};

/*
 * One interrupt that CREATE_INTERRUPT asked for. A request for several vectors gets
 * consecutive ones; deleting the first deletes them all.
 */
struct interrupt {
	bool used;
	u8 block;			/* of the first: how many; else 0 */
	u8 vector;
	u32 vp;
};

struct queued {
	u16 type;
	u16 len;
	u64 transaction;
	u8 data[MAX_PAYLOAD];
};

struct vpci_bus {
	struct vpci_bus *next;
	struct vpci *vpci;
	struct vpci_device *dev;
	u16 number;			/* and domain, from 1 on */

	struct vmbus_device vmbus_dev;
	/* One opened channel */
	struct vmbus_channel *chan;	/* NULL: closed */
	u32 version;			/* agreed on, 0: not yet */
	bool told;			/* the guest knows the function */
	bool ejecting, ejected;
	bool asked;			/* the guest was sent the eject request */
	struct queued queue[MAX_QUEUED];
	u32 queue_head, queue_len;

	/* The guest has the device, be that a kernel that is gone */
	bool assigned;
	/* In D0, with a window that works */
	bool live;
	struct mmio_claim window;
	u32 slot;			/* of the function that it shows */
	u64 entries;			/* into D0 that were asked for */

	u8 config[CONFIG_SIZE], writable[CONFIG_SIZE];
	struct bar bar[MAX_BARS];
	u8 *table;			/* MSI-X, as the guest reads it */
	u8 *pending;			/* the PBA */
	struct interrupt *interrupts;
	u32 interrupt_count;		/* of these that there are */
};

struct vpci {
	struct vpci_config config;
	struct vmbus *vmbus;
	struct mem *mem;
	struct mmio_map *map;
	const struct vpci_ops *ops;
	void *opaque;
	struct vpci_bus *buses;		/* by number */
};

/* A completion. Its largest is first, for that is what {} makes zero. */
struct answer {
	union {
		struct vpci_reply_requirements requirements;
		struct vpci_reply_interrupt interrupt;
		struct vpci_reply_version version;
		u32 status;
	};
	size_t len;
};

static void put(u8 *p, u64 value, size_t size)
{
	memcpy(p, &value, size);
}

static u64 get(const u8 *p, size_t size)
{
	u64 value = 0;

	memcpy(&value, p, size);
	return value;
}

static void bad(const struct vpci_bus *bus, const char *what, u64 value)
{
	trace_bad(bus->dev->name, what, value);
}

/* The name of a message; NULL: a type that has none */
static const char *message_name(u32 type)
{
	static const struct {
		u32 type;
		const char *name;
	} names[] = {
		{ VPCI_BUS_RELATIONS, "BUS_RELATIONS" },
		{ VPCI_QUERY_BUS_RELATIONS, "QUERY_BUS_RELATIONS" },
		{ VPCI_POWER_STATE_CHANGE, "POWER_STATE_CHANGE" },
		{ VPCI_QUERY_RESOURCE_REQUIREMENTS,
		  "QUERY_RESOURCE_REQUIREMENTS" },
		{ VPCI_D0_ENTRY, "D0_ENTRY" },
		{ VPCI_D0_EXIT, "D0_EXIT" },
		{ VPCI_READ_BLOCK, "READ_BLOCK" },
		{ VPCI_WRITE_BLOCK, "WRITE_BLOCK" },
		{ VPCI_EJECT, "EJECT" },
		{ VPCI_EJECTION_COMPLETE, "EJECTION_COMPLETE" },
		{ VPCI_RESOURCES_ASSIGNED, "RESOURCES_ASSIGNED" },
		{ VPCI_RESOURCES_RELEASED, "RESOURCES_RELEASED" },
		{ VPCI_QUERY_PROTOCOL_VERSION, "QUERY_PROTOCOL_VERSION" },
		{ VPCI_CREATE_INTERRUPT, "CREATE_INTERRUPT" },
		{ VPCI_DELETE_INTERRUPT, "DELETE_INTERRUPT" },
		{ VPCI_RESOURCES_ASSIGNED2, "RESOURCES_ASSIGNED2" },
		{ VPCI_CREATE_INTERRUPT2, "CREATE_INTERRUPT2" },
		{ VPCI_BUS_RELATIONS2, "BUS_RELATIONS2" },
		{ VPCI_RESOURCES_ASSIGNED3, "RESOURCES_ASSIGNED3" },
		{ VPCI_CREATE_INTERRUPT3, "CREATE_INTERRUPT3" },
		{ VPCI_RESET_DEVICE, "RESET_DEVICE" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

/* Begin the event of a message */
static void trace_message(const struct vpci_bus *bus, const char *from,
			  u32 type)
{
	const char *message = message_name(type);

	trace_begin("vpci");
	trace_str("device", bus->dev->name);
	trace_str("from", from);
	if (message)
		trace_str("message", message);
	else
		trace_hex("message", type);
}

/* Send what waits, as far as there is room. */
static void flush(struct vpci_bus *bus)
{
	struct queued *q;

	while (bus->queue_len) {
		q = &bus->queue[bus->queue_head];
		if (vmbus_send(bus->chan, q->type, 0, q->transaction, q->data,
			       q->len) == -EAGAIN)
			return;
		/* A guest that lies has its channel closed, the queue with it */
		if (!bus->queue_len)
			return;
		bus->queue_head = (bus->queue_head + 1) % MAX_QUEUED;
		bus->queue_len--;
	}
}

static void room(struct vmbus_device *vmbus_dev)
{
	flush(vmbus_dev->opaque);
}

/* Send, or keep for later; a guest that does not read loses answers. */
static void send(struct vpci_bus *bus, u16 type, u64 transaction,
		 const void *payload, size_t len)
{
	struct queued *q;
	int ret;

	flush(bus);
	if (!bus->chan)
		return;
	if (!bus->queue_len) {
		ret = vmbus_send(bus->chan, type, 0, transaction, payload, len);
		if (ret == -EMSGSIZE)
			bad(bus, "ring too small for a message of bytes", len);
		if (ret != -EAGAIN)
			return;
	}
	if (bus->queue_len == MAX_QUEUED) {
		bad(bus, "messages that the guest does not read", MAX_QUEUED);
		return;
	}
	q = &bus->queue[(bus->queue_head + bus->queue_len++) % MAX_QUEUED];
	q->type = type;
	q->len = (u16)len;
	q->transaction = transaction;
	memcpy(q->data, payload, len);
}

static u32 command(const struct vpci_bus *bus)
{
	return (u32)get(bus->config + PCI_COMMAND, 2);
}

static u32 msix_flags(const struct vpci_bus *bus)
{
	return bus->dev->vectors ?
		(u32)get(bus->config + MSIX_CAP + PCI_MSIX_FLAGS, 2) : 0;
}

static bool bus_master(const struct vpci_bus *bus)
{
	return bus->live && command(bus) & PCI_COMMAND_MASTER;
}

static u8 *bar_register(u8 *space, int bar)
{
	return space + PCI_BASE_ADDRESS_0 + 4 * bar;
}

static size_t bar_bytes(const struct vpci_device *dev, int bar)
{
	return dev->bar[bar].is_64 ? 8 : 4;
}

/* The bits that can be written: all above the size */
static u64 bar_mask(const struct vpci_device *dev, int bar)
{
	u64 mask = -dev->bar[bar].size;

	if (!dev->bar[bar].size)
		return 0;
	return dev->bar[bar].is_64 ? mask : (u32)mask;
}

static u32 bar_type(const struct vpci_device *dev, int bar)
{
	return (dev->bar[bar].is_64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
	       (dev->bar[bar].prefetch ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
}

/* The message that a guest is to write for the interrupt with that index */
static u32 message_data(const struct vpci_bus *bus, u32 index)
{
	return (u32)bus->number << 16 | (index + 1);
}

static struct interrupt *find_interrupt(const struct vpci_bus *bus,
					u64 address, u32 data)
{
	u32 index = (data & 0xffff) - 1;

	if (address != MESSAGE_ADDRESS || index >= bus->interrupt_count ||
	    data != message_data(bus, index) || !bus->interrupts[index].used)
		return NULL;
	return &bus->interrupts[index];
}

static void deliver(struct vpci_bus *bus, u32 vector)
{
	const u8 *entry = bus->table + vector * PCI_MSIX_ENTRY_SIZE;
	u32 data = (u32)get(entry + PCI_MSIX_ENTRY_DATA, 4);
	u64 address = get(entry + PCI_MSIX_ENTRY_LOWER_ADDR, 8);
	const struct interrupt *i = find_interrupt(bus, address, data);
	struct vpci *vpci = bus->vpci;

	if (!i)
		bad(bus, "message of a vector", data);
	else if (vpci->ops->interrupt(vpci->opaque, i->vp, i->vector))
		bad(bus, "interrupt that could not be delivered", i->vector);
}

static bool masked(const struct vpci_bus *bus, u32 vector)
{
	return msix_flags(bus) & PCI_MSIX_FLAGS_MASKALL ||
	       bus->table[vector * PCI_MSIX_ENTRY_SIZE +
			  PCI_MSIX_ENTRY_VECTOR_CTRL] &
	       PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* Deliver what pends and may be by now. */
static void unpend(struct vpci_bus *bus, u32 vector)
{
	u8 bit = (u8)(1 << vector % 8);

	if (!(bus->pending[vector / 8] & bit) || !bus_master(bus) ||
	    !(msix_flags(bus) & PCI_MSIX_FLAGS_ENABLE) || masked(bus, vector))
		return;
	bus->pending[vector / 8] &= (u8)~bit;
	deliver(bus, vector);
}

static void unpend_all(struct vpci_bus *bus)
{
	u32 i;

	for (i = 0; i < bus->dev->vectors; i++)
		unpend(bus, i);
}

/**
 * vpci_interrupt() - A device interrupts, by MSI-X.
 * @dev:	The device
 * @vector:	Index in its MSI-X table
 *
 * While the vector, or the function, is masked, it pends. It is lost while
 * the function is not powered, no bus master, or has MSI-X off.
 */
void vpci_interrupt(struct vpci_device *dev, u32 vector)
{
	struct vpci_bus *bus = dev->bus;

	if (!bus || vector >= dev->vectors || !bus_master(bus) ||
	    !(msix_flags(bus) & PCI_MSIX_FLAGS_ENABLE))
		return;
	bus->pending[vector / 8] |= (u8)(1 << vector % 8);
	unpend(bus, vector);
}

/**
 * vpci_dma() - Guest RAM for a device.
 * @dev:	The device
 * @gpa:	First byte, as the guest told the device
 * @len:	Bytes
 *
 * Return: as mem_at(); NULL too while the function is no bus master.
 */
void *vpci_dma(struct vpci_device *dev, u64 gpa, u64 len)
{
	struct vpci_bus *bus = dev->bus;

	if (!bus || !bus_master(bus))
		return NULL;
	return mem_at(bus->vpci->mem, gpa & ~bus->vpci->config.shared_bit, len);
}

/**
 * vpci_bar_gpa() - Where a BAR is, decoding or not.
 * @dev:	The device
 * @bar:	Which one
 *
 * Return: the address in it; 0 if the device is on no bus.
 */
u64 vpci_bar_gpa(const struct vpci_device *dev, int bar)
{
	if (!dev->bus)
		return 0;
	return get(bar_register(dev->bus->config, bar), bar_bytes(dev, bar)) &
	       bar_mask(dev, bar);
}

/* The part of an MSI-X table or PBA that an access at @at meets; @at can be
 * before it.
 */
static void msix_bytes(u8 *bytes, u64 len, u64 at, bool write, u64 *value,
		       unsigned int size)
{
	unsigned int i;

	for (i = 0; i < size; i++, at++) {
		if (at >= len)
			continue;
		if (write)
			bytes[at] = (u8)(*value >> 8 * i);
		else
			*value |= (u64)bytes[at] << 8 * i;
	}
}

static void msix_write(struct vpci_bus *bus, u64 at, u64 value,
		       unsigned int size)
{
	u64 len = bus->dev->vectors * (u64)PCI_MSIX_ENTRY_SIZE, i;
	u32 vector;
	u8 *control;

	msix_bytes(bus->table, len, at, true, &value, size);
	for (i = at; i != at + size; i++) {
		if (i >= len || (i != at && i % PCI_MSIX_ENTRY_SIZE))
			continue;
		vector = (u32)(i / PCI_MSIX_ENTRY_SIZE);
		control = bus->table + vector * PCI_MSIX_ENTRY_SIZE +
			  PCI_MSIX_ENTRY_VECTOR_CTRL;
		put(control, *control & PCI_MSIX_ENTRY_CTRL_MASKBIT, 4);
		unpend(bus, vector);
	}
}

static u64 pba_size(const struct vpci_device *dev)
{
	return (dev->vectors + 63) / 64 * 8;
}

/* Return: true if the access is to the MSI-X table or the PBA. */
static bool msix_access(struct vpci_bus *bus, int bar, u64 offset, bool write,
			u64 *value, unsigned int size)
{
	const struct vpci_device *dev = bus->dev;
	u64 table = offset - dev->msix_table, pba = offset - dev->msix_pba;
	u64 table_len = dev->vectors * (u64)PCI_MSIX_ENTRY_SIZE;
	bool in_table = table + size - 1 < table_len + size - 1;
	bool in_pba = pba + size - 1 < pba_size(dev) + size - 1;

	if (!dev->vectors || bar != dev->msix_bar || (!in_table && !in_pba))
		return false;
	if (!write) {
		*value = 0;
		msix_bytes(bus->table, table_len, table, false, value, size);
		msix_bytes(bus->pending, pba_size(dev), pba, false, value,
			   size);
	} else if (in_table) {
		msix_write(bus, table, *value, size);
	}
	return true;
}

static void bar_io(void *io, u64 offset, bool write, u64 *value,
		   unsigned int size)
{
	struct bar *bar = io;
	struct vpci_bus *bus = bar->bus;

	if (msix_access(bus, bar->claim.bar, offset, write, value, size))
		return;
	bus->dev->access(bus->dev, bar->claim.bar, offset, write, value, size);
}

static void trace_bar(const struct bar *bar)
{
	trace_begin("bar");
	trace_str("device", bar->claim.owner);
	trace_num("bar", bar->claim.bar);
	trace_range("range", &bar->claim.range);
	trace_bool("decodes", bar->decodes);
	trace_end();
}

/* Memory decoding comes on: have what has an address answer there. */
static void decode(struct bar *bar)
{
	struct vpci_bus *bus = bar->bus;
	struct vpci *vpci = bus->vpci;
	int index = bar->claim.bar;
	u64 size = bus->dev->bar[index].size;
	u64 gpa = vpci_bar_gpa(bus->dev, index);
	enum mmio_verdict verdict;
	bool ignore;

	/* Nowhere yet, or it is just being sized */
	if (!size || !gpa || gpa == bar_mask(bus->dev, index))
		return;
	bar->claim.range = (struct range) { gpa, gpa + size - 1 };
	ignore = vpci->config.ignore_bar_conflicts &&
		 !mmio_on_device(vpci->map, &bar->claim);
	verdict = mmio_judge(vpci->map, &bar->claim, !ignore);
	if (verdict == MMIO_FREE || verdict == MMIO_COVERED || ignore) {
		if (vpci->ops->map(vpci->opaque, gpa, size, bar_io, bar)) {
			bad(bus, "BAR that cannot be mapped", gpa);
		} else {
			bar->decodes = true;
			mmio_add(vpci->map, &bar->claim);
		}
	}
	trace_bar(bar);
}

static void undecode(struct bar *bar)
{
	struct vpci *vpci = bar->bus->vpci;

	if (!bar->decodes)
		return;
	vpci->ops->unmap(vpci->opaque, bar->claim.range.start);
	mmio_remove(vpci->map, &bar->claim);
	bar->decodes = false;
	trace_bar(bar);
}

/* BARs decode as the command register says now; it was @old. */
static void command_changed(struct vpci_bus *bus, u32 old)
{
	int i;

	if (!((old ^ command(bus)) & PCI_COMMAND_MEMORY))
		return;
	for (i = 0; i < MAX_BARS; i++) {
		if (old & PCI_COMMAND_MEMORY)
			undecode(&bus->bar[i]);
		else
			decode(&bus->bar[i]);
	}
}

/*
 * A refused BAR is judged again when the guest turns memory decoding on the
 * next time, not before.
 *
 * With memory decoding on, what is written to any BAR is dropped, as by real
 * hosts. Their device then reads as all ones, says pci-hyperv, which does not
 * say where. Ours goes on answering at its old place, and that is what its BAR
 * reads as; nobody, which is all ones, answers at the one it did not move to.
 */
static void config_write(struct vpci_bus *bus, u64 offset, u64 value,
			 unsigned int size)
{
	u32 old = command(bus);
	unsigned int i;
	u64 at;

	for (i = 0; i < size; i++) {
		at = offset + i;
		if (at >= CONFIG_SIZE)
			break;
		if (old & PCI_COMMAND_MEMORY && at >= PCI_BASE_ADDRESS_0 &&
		    at < PCI_BASE_ADDRESS_0 + 4 * MAX_BARS)
			continue;
		bus->config[at] &= (u8)~bus->writable[at];
		bus->config[at] |= (u8)(value >> 8 * i) & bus->writable[at];
	}
	command_changed(bus, old);
	unpend_all(bus);
}

static u64 config_read(const struct vpci_bus *bus, u64 offset,
		       unsigned int size)
{
	u8 config[CONFIG_SIZE];
	u64 value = 0;

	/* Extended config space answers, and has no capability */
	if (offset >= CONFIG_SIZE)
		return 0;
	memcpy(config, bus->config, sizeof(config));
	if (bus->vpci->config.zero_bars && command(bus) & PCI_COMMAND_MEMORY)
		memset(bar_register(config, 0), 0, 4 * MAX_BARS);
	memcpy(&value, config + offset,
	       size < CONFIG_SIZE - offset ? size : CONFIG_SIZE - offset);
	return value;
}

static void window_io(void *io, u64 offset, bool write, u64 *value,
		      unsigned int size)
{
	struct vpci_bus *bus = io;
	bool ours = !bus->slot;

	if (offset < VPCI_CONFIG_PAGE) {
		if (offset)
			*value = 0;
		else if (write)
			bus->slot = (u32)*value;
		else
			*value = bus->slot;
	} else if (!write) {
		*value = ours ? config_read(bus, offset - VPCI_CONFIG_PAGE,
					    size) : ~0ull;
	} else if (ours) {
		config_write(bus, offset - VPCI_CONFIG_PAGE, *value, size);
	}
}

static void setup_config(struct vpci_bus *bus)
{
	const struct vpci_device *dev = bus->dev;
	u8 *c = bus->config, *w = bus->writable, *cap = c + MSIX_CAP;
	int i;

	memset(c, 0, CONFIG_SIZE);
	memset(w, 0, CONFIG_SIZE);
	put(c + PCI_VENDOR_ID, dev->vendor, 2);
	put(c + PCI_DEVICE_ID, dev->device, 2);
	put(c + PCI_CLASS_REVISION, dev->class << 8 | dev->revision, 4);
	put(c + PCI_SUBSYSTEM_VENDOR_ID, dev->subsystem_vendor, 2);
	put(c + PCI_SUBSYSTEM_ID, dev->subsystem, 2);
	put(w + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
	    PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
	    2);
	w[PCI_CACHE_LINE_SIZE] = 0xff;
	w[PCI_LATENCY_TIMER] = 0xff;
	w[PCI_INTERRUPT_LINE] = 0xff;
	for (i = 0; i < MAX_BARS; i++) {
		if (!dev->bar[i].size)
			continue;
		put(bar_register(c, i), bar_type(dev, i), 4);
		put(bar_register(w, i), bar_mask(dev, i), bar_bytes(dev, i));
	}
	if (!dev->vectors)
		return;
	put(c + PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	c[PCI_CAPABILITY_LIST] = MSIX_CAP;
	cap[PCI_CAP_LIST_ID] = PCI_CAP_ID_MSIX;
	put(cap + PCI_MSIX_FLAGS, dev->vectors - 1, 2);
	put(cap + PCI_MSIX_TABLE, dev->msix_table | dev->msix_bar, 4);
	put(cap + PCI_MSIX_PBA, dev->msix_pba | dev->msix_bar, 4);
	put(w + MSIX_CAP + PCI_MSIX_FLAGS,
	    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
}

/* Back to how a function powers on: no BARs, DMA or interrupts any more */
static void reset(struct vpci_bus *bus)
{
	struct vpci_device *dev = bus->dev;
	u32 i;

	for (i = 0; i < MAX_BARS; i++)
		undecode(&bus->bar[i]);
	setup_config(bus);
	for (i = 0; i < dev->vectors; i++) {
		u8 *entry = bus->table + i * PCI_MSIX_ENTRY_SIZE;

		memset(entry, 0, PCI_MSIX_ENTRY_SIZE);
		entry[PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	for (i = 0; i < bus->interrupt_count; i++)
		bus->interrupts[i].used = false;
	if (dev->vectors)
		memset(bus->pending, 0, pba_size(dev));
	if (dev->reset)
		dev->reset(dev);
}

/* The window stops to answer; who holds what is not changed. */
static void quiesce(struct vpci_bus *bus)
{
	struct vpci *vpci = bus->vpci;

	if (!bus->live)
		return;
	reset(bus);
	vpci->ops->unmap(vpci->opaque, bus->window.range.start);
	mmio_remove(vpci->map, &bus->window);
	bus->live = false;
}

static u32 on_version(struct vpci_bus *bus, const void *msg, struct answer *a)
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

static void send_relations(struct vpci_bus *bus, u32 count)
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

	trace_message(bus, "host", msg.type);
	trace_num("count", count);
	trace_end();
	send(bus, RING_PKT_INBAND, 0, &msg,
	     count ? len : offsetof(struct vpci_msg_relations, func));
}

static u32 on_query_relations(struct vpci_bus *bus, const void *msg,
			      struct answer *a)
{
	(void)msg;
	(void)a;
	bus->told = true;
	send_relations(bus, 1);
	return STATUS_OK;
}

static u32 on_requirements(struct vpci_bus *bus, const void *msg,
			   struct answer *a)
{
	const struct vpci_device *dev = bus->dev;
	u64 probed;
	int i;

	(void)msg;
	a->len = sizeof(a->requirements);
	for (i = 0; i < MAX_BARS; i++) {
		if (!dev->bar[i].size)
			continue;
		probed = bar_mask(dev, i) | bar_type(dev, i);
		a->requirements.probed[i] = (u32)probed;
		if (dev->bar[i].is_64)
			a->requirements.probed[i + 1] = (u32)(probed >> 32);
	}
	return STATUS_OK;
}

/* The --refuse-windows range that this config window overlaps, or NULL */
static const struct vpci_refusal *find_refusal(const struct vpci *vpci,
					       const struct range *window)
{
	const struct vpci_config *config = &vpci->config;
	int i;

	for (i = 0; i < config->refusals; i++) {
		const struct vpci_refusal *r = &config->refusal[i];

		if (window->start <= r->range.end &&
		    r->range.start <= window->end)
			return r;
	}
	return NULL;
}

/* D0 entry but for its trace. Return: the status; *reason is in a word. */
static u32 enter_d0(struct vpci_bus *bus, u64 gpa, const char **reason)
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
	enum mmio_verdict verdict;

	bus->entries++;
	if (bus->entries >= bus->dev->refuse_first &&
	    bus->entries <= bus->dev->refuse_last) {
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
	bus->window.range = (struct range) {
		gpa, gpa + VPCI_CONFIG_WINDOW - 1
	};
	refusal = find_refusal(vpci, &bus->window.range);
	if (refusal) {
		*reason = "window";
		return refusal->status;
	}
	verdict = mmio_judge(vpci->map, &bus->window, true);
	*reason = mmio_verdict_name(verdict);
	if (status[verdict] != STATUS_OK)
		return status[verdict];
	if (vpci->ops->map(vpci->opaque, gpa, VPCI_CONFIG_WINDOW, window_io,
			   bus)) {
		*reason = "host";
		return STATUS_NO_RESOURCES;
	}
	mmio_add(vpci->map, &bus->window);
	bus->slot = 0;
	bus->live = true;
	return STATUS_OK;
}

static u32 on_d0_entry(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	const struct vpci_msg_d0_entry *m = msg;
	struct range window = {
		m->window, m->window + VPCI_CONFIG_WINDOW - 1
	};
	const char *reason;
	u32 status;

	(void)a;
	status = enter_d0(bus, m->window, &reason);
	/*
	 * Before the answer, unasked: OpenVMM's source calls that Hyper-V's
	 * order.
	 */
	if (status == STATUS_OK) {
		bus->told = true;
		send_relations(bus, 1);
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
static u32 on_d0_exit(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	(void)msg;
	(void)a;
	/* Its own resources it need not name; a dead kernel's it must */
	if (bus->live)
		bus->assigned = false;
	quiesce(bus);
	trace_begin("d0_exit");
	trace_str("device", bus->dev->name);
	trace_end();
	return STATUS_OK;
}

static u32 on_assigned(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	(void)msg;
	(void)a;
	if (!bus->live) {
		bad(bus, "resources assigned outside of D0", bus->number);
		return STATUS_INVALID_DEVICE_STATE;
	}
	bus->assigned = true;
	return STATUS_OK;
}

static u32 on_released(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	(void)msg;
	(void)a;
	bus->assigned = false;
	if (bus->live)
		reset(bus);
	return STATUS_OK;
}

/* Hyper-V's UEFI powers a device on before it uses it. */
static u32 on_power(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	const struct vpci_msg_power *m = msg;
	u32 old = command(bus), new = old;

	(void)a;
	if (!bus->live) {
		bad(bus, "power state outside of D0", m->state);
		return STATUS_INVALID_DEVICE_STATE;
	}
	switch (m->state) {
	case VPCI_POWER_D0:
		new |= PCI_COMMAND_MEMORY;
		break;
	case VPCI_POWER_D3:
		new &= ~(u32)PCI_COMMAND_MEMORY;
		break;
	default:
		bad(bus, "power state", m->state);
		return STATUS_BAD_DATA;
	}
	put(bus->config + PCI_COMMAND, new, 2);
	command_changed(bus, old);
	return STATUS_OK;
}

/* OpenVMM does not support it either. */
static u32 on_reset(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	(void)bus;
	(void)msg;
	(void)a;
	return STATUS_NOT_SUPPORTED;
}

/*
 * Find @count consecutive free interrupts. MSI puts the vector's number into the
 * low bits of the data, so these are 0 in the first one's message.
 * Return: the first one's index, or interrupt_count if there are none.
 */
static u32 find_block(const struct vpci_bus *bus, u32 count)
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

static u32 check_create(const struct vpci_bus *bus, u32 vector, u8 mode,
			u32 count, u64 vp)
{
	if (!bus->live) {
		bad(bus, "interrupt outside of D0", vector);
		return STATUS_INVALID_DEVICE_STATE;
	}
	if (!count || count > MAX_BLOCK) {
		bad(bus, "vectors of an interrupt", count);
		return STATUS_BAD_DATA;
	}
	if (vector < FIRST_VECTOR || vector > 0xff - (count - 1)) {
		bad(bus, "interrupt vector", vector);
		return STATUS_INVALID;
	}
	if (mode != MODE_FIXED && mode != MODE_LOWEST) {
		bad(bus, "delivery mode", mode);
		return STATUS_BAD_DATA;
	}
	if (vp >= bus->vpci->config.cpus) {
		bad(bus, "vp of an interrupt", vp);
		return STATUS_INVALID;
	}
	return STATUS_OK;
}

static u32 create(struct vpci_bus *bus, struct answer *a, u32 vector, u8 mode,
		  u32 count, u64 vp)
{
	struct vpci_message *message = &a->interrupt.message;
	u32 status = check_create(bus, vector, mode, count, vp);
	u32 index, i;

	a->len = sizeof(a->interrupt);
	if (status)
		return status;
	index = find_block(bus, count);
	if (index == bus->interrupt_count) {
		bad(bus, "no free interrupts, asked for", count);
		return STATUS_NO_RESOURCES;
	}
	for (i = 0; i < count; i++)
		bus->interrupts[index + i] = (struct interrupt) {
			.used = true, .vector = (u8)(vector + i), .vp = (u32)vp,
		};
	bus->interrupts[index].block = (u8)count;
	message->count = (u16)count;
	message->data = message_data(bus, index);
	message->address = MESSAGE_ADDRESS;
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
static u64 lowest(u64 mask)
{
	return mask ? (u64)__builtin_ctzll(mask) : ~0ull;
}

/* The lowest in a list of no more than VPCI_MAX_TARGETS */
static u64 lowest_of(const u8 *vps, u32 count)
{
	u64 vp, least = ~0ull;
	u32 i;

	for (i = 0; i < count; i++) {
		vp = get(vps + 2 * i, 2);
		if (vp < least)
			least = vp;
	}
	return least;
}

static u32 on_create(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	const struct vpci_msg_create *m = msg;

	return create(bus, a, m->vector, m->mode, m->count, lowest(m->mask));
}

static u32 create_for_list(struct vpci_bus *bus, struct answer *a, u32 vector,
			   u8 mode, u32 count, u32 vps, const u8 *vp)
{
	if (vps > VPCI_MAX_TARGETS) {
		bad(bus, "vps of an interrupt", vps);
		a->len = sizeof(a->interrupt);
		return STATUS_BAD_DATA;
	}
	return create(bus, a, vector, mode, count, lowest_of(vp, vps));
}

static u32 on_create2(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	const struct vpci_msg_create2 *m = msg;

	return create_for_list(bus, a, m->vector, m->mode, m->count, m->vps,
			       (const u8 *)m->vp);
}

static u32 on_create3(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	const struct vpci_msg_create3 *m = msg;

	return create_for_list(bus, a, m->vector, m->mode, m->count, m->vps,
			       (const u8 *)m->vp);
}

static u32 on_delete(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	const struct vpci_msg_delete *m = msg;
	struct interrupt *i = find_interrupt(bus, m->message.address,
					     m->message.data);
	u32 n;

	(void)a;
	if (!i || !i->block) {
		bad(bus, "deletion of interrupt", m->message.data);
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

static void trace_eject(const struct vpci_bus *bus, const char *how)
{
	trace_begin("eject");
	trace_str("device", bus->dev->name);
	trace_str("how", how);
	trace_end();
}

static u32 on_ejected(struct vpci_bus *bus, const void *msg, struct answer *a)
{
	(void)msg;
	(void)a;
	if (!bus->asked) {
		bad(bus, "ejection that nobody asked for", bus->number);
		return STATUS_INVALID_DEVICE_STATE;
	}
	bus->ejected = true;
	trace_eject(bus, "done");
	return STATUS_OK;
}

static const struct handler {
	u32 type;
	size_t len;			/* at least */
	bool slot;			/* speaks of a function */
	u32 (*fn)(struct vpci_bus *bus, const void *msg, struct answer *a);
} handlers[] = {
	{ VPCI_QUERY_PROTOCOL_VERSION,
	  sizeof(struct vpci_msg_version), false, on_version },
	{ VPCI_QUERY_BUS_RELATIONS,
	  sizeof(struct vpci_msg), false, on_query_relations },
	{ VPCI_POWER_STATE_CHANGE,
	  sizeof(struct vpci_msg_power), true, on_power },
	{ VPCI_QUERY_RESOURCE_REQUIREMENTS,
	  sizeof(struct vpci_msg_slot), true, on_requirements },
	{ VPCI_D0_ENTRY,
	  sizeof(struct vpci_msg_d0_entry), false, on_d0_entry },
	{ VPCI_D0_EXIT, sizeof(struct vpci_msg), false, on_d0_exit },
	{ VPCI_RESOURCES_ASSIGNED,
	  sizeof(struct vpci_msg_assigned), true, on_assigned },
	{ VPCI_RESOURCES_ASSIGNED2,
	  sizeof(struct vpci_msg_assigned), true, on_assigned },
	{ VPCI_RESOURCES_ASSIGNED3,
	  sizeof(struct vpci_msg_assigned), true, on_assigned },
	{ VPCI_RESOURCES_RELEASED,
	  sizeof(struct vpci_msg_slot), true, on_released },
	{ VPCI_CREATE_INTERRUPT,
	  sizeof(struct vpci_msg_create), true, on_create },
	{ VPCI_CREATE_INTERRUPT2,
	  sizeof(struct vpci_msg_create2), true, on_create2 },
	{ VPCI_CREATE_INTERRUPT3,
	  sizeof(struct vpci_msg_create3), true, on_create3 },
	{ VPCI_DELETE_INTERRUPT,
	  sizeof(struct vpci_msg_delete), true, on_delete },
	{ VPCI_DELETE_INTERRUPT2,
	  sizeof(struct vpci_msg_delete), true, on_delete },
	{ VPCI_EJECTION_COMPLETE,
	  sizeof(struct vpci_msg_slot), true, on_ejected },
	{ VPCI_RESET_DEVICE, sizeof(struct vpci_msg_slot), true, on_reset },
};

static const struct handler *find_handler(u32 type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(handlers); i++)
		if (handlers[i].type == type)
			return &handlers[i];
	return NULL;
}

/* The status of a message's completion, should it want one */
static u32 handle(struct vpci_bus *bus, const u8 *msg, size_t len,
		  struct answer *a)
{
	const struct handler *h;
	u32 type, slot;

	if (len < sizeof(struct vpci_msg)) {
		bad(bus, "bytes of a message", len);
		return STATUS_BAD_DATA;
	}
	type = (u32)get(msg, 4);
	trace_message(bus, "guest", type);
	trace_end();
	h = find_handler(type);
	if (!h) {
		bad(bus, "unsupported message", type);
		return STATUS_BAD_DATA;
	}
	if (len < h->len) {
		bad(bus, "short message of type", type);
		return STATUS_BAD_DATA;
	}
	/* With any version, messages of all versions are accepted, as by OpenVMM. */
	if (!bus->version && type != VPCI_QUERY_PROTOCOL_VERSION) {
		bad(bus, "message before a version was agreed on", type);
		return STATUS_INVALID_DEVICE_STATE;
	}
	if (h->slot) {
		slot = (u32)get(msg + offsetof(struct vpci_msg_slot, slot), 4);
		if (slot) {
			bad(bus, "message for slot", slot);
			return STATUS_BAD_DATA;
		}
	}
	return h->fn(bus, msg, a);
}

/* Forget a bus; it may be the one whose packet is being handled. */
static void take_away(struct vpci_bus *bus)
{
	struct vpci_bus **link = &bus->vpci->buses;

	vmbus_rescind(bus->vpci->vmbus, &bus->vmbus_dev);
	while (*link != bus)
		link = &(*link)->next;
	*link = bus->next;
	bus->dev->bus = NULL;
	free(bus->table);
	free(bus->pending);
	free(bus->interrupts);
	free(bus);
}

static void ask_to_eject(struct vpci_bus *bus)
{
	struct vpci_msg_slot msg = { .type = VPCI_EJECT };

	trace_eject(bus, "asked");
	trace_message(bus, "host", msg.type);
	trace_end();
	bus->asked = true;
	send(bus, RING_PKT_INBAND, 0, &msg, sizeof(msg));
}

static void trace_completion(const struct vpci_bus *bus, u32 type,
			     const struct answer *a)
{
	const struct vpci_reply_requirements *r = &a->requirements;
	char text[ARRAY_SIZE(r->probed) * sizeof("ffffffff")];
	u32 version = a->version.version;

	trace_message(bus, "host", type);
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

static void received(struct vmbus_device *vmbus_dev, u16 type, u16 flags,
		     u64 transaction, const u8 *payload, size_t len)
{
	struct vpci_bus *bus = vmbus_dev->opaque;
	struct answer a = { .len = sizeof(a.status) };
	struct vpci *vpci = bus->vpci;
	u32 status, version = bus->version;

	if (type != RING_PKT_INBAND) {
		bad(bus, "packet of type", type);
		return;
	}
	status = handle(bus, payload, len, &a);
	a.status = status;
	/* Not if the channel was closed meanwhile */
	if (flags & RING_COMPLETION_REQUESTED && bus->chan) {
		if (len >= sizeof(struct vpci_msg))
			trace_completion(bus, (u32)get(payload, 4), &a);
		send(bus, RING_PKT_COMPLETION, transaction, &a, a.len);
	}
	if (bus->ejected)
		take_away(bus);
	else if (bus->ejecting && !bus->asked && bus->live)
		ask_to_eject(bus);
	else if (bus->chan && !version && bus->version)
		vpci->ops->begun(vpci->opaque, bus->dev->name);
}

static void opened(struct vmbus_device *vmbus_dev, struct vmbus_channel *chan)
{
	struct vpci_bus *bus = vmbus_dev->opaque;

	bus->chan = chan;
	bus->version = 0;
}

/* Be it that the guest is done, or crashed: the bus is powered off. */
static void closed(struct vmbus_device *vmbus_dev)
{
	struct vpci_bus *bus = vmbus_dev->opaque;

	bus->chan = NULL;
	bus->told = false;
	bus->ejecting = false;
	bus->asked = false;
	bus->queue_len = 0;
	if (bus->vpci->config.release_dead_devices)
		bus->assigned = false;
	quiesce(bus);
}

static struct vpci_bus *find_bus(const struct vpci *vpci, const char *name)
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
 * not know the device yet. A guest that knows it but is not in D0 is asked when
 * it is: before that, Linux may drop the request, and it must not be asked twice.
 * Its hv_eject_device_work() then runs twice and deletes a freed device from a
 * list.
 *
 * Return: 0, -ENOENT if there is no such device, -EALREADY if it is asked.
 */
int vpci_eject(struct vpci *vpci, const char *name)
{
	struct vpci_bus *bus = find_bus(vpci, name);

	if (!bus)
		return -ENOENT;
	if (bus->ejecting)
		return -EALREADY;
	if (bus->told) {
		bus->ejecting = true;
		if (bus->live)
			ask_to_eject(bus);
		else
			trace_eject(bus, "postponed");
		return 0;
	}
	trace_eject(bus, "unseen");
	take_away(bus);
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
	struct vpci_bus *bus = find_bus(vpci, name);

	if (!bus)
		return -ENOENT;
	trace_eject(bus, empty_first ? "surprise" : "rescind");
	if (empty_first && bus->told)
		send_relations(bus, 0);
	take_away(bus);
	return 0;
}

/* Is all there that a retarget's input says there is, and no more than that? */
static u16 check_retarget(const struct vpci_retarget *in, size_t len)
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
static u64 retarget_vp(const struct vpci_retarget *in)
{
	u64 i, bank, n = 0;

	if (!(in->flags & VPCI_TARGET_SET))
		return lowest(in->vps);
	for (i = 0; i < 64; i++) {
		if (!(in->banks >> i & 1))
			continue;
		bank = in->bank[n++];
		if (bank)
			return i * 64 + lowest(bank);
	}
	return ~0ull;
}

/* What HvRetargetDeviceInterrupt knows a bus's function by: its GUID */
static u64 device_id(const struct vpci_bus *bus)
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
	struct interrupt *i;
	u16 status;
	u64 vp;

	status = check_retarget(in, len);
	if (status)
		return status;
	while (bus && device_id(bus) != in->device)
		bus = bus->next;
	i = bus ? find_interrupt(bus, in->address, in->data) : NULL;
	if (!i) {
		trace_bad("vpci", bus ? "retarget of message" :
			  "retarget for device",
			  bus ? in->data : in->device);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (in->vector < FIRST_VECTOR || in->vector > 0xff) {
		bad(bus, "vector of a retarget", in->vector);
		return HV_STATUS_INVALID_PARAMETER;
	}
	vp = retarget_vp(in);
	if (vp >= vpci->config.cpus) {
		bad(bus, "vp of a retarget", vp);
		return HV_STATUS_INVALID_PARAMETER;
	}
	if (i->vp == vp && i->vector == in->vector)
		return HV_STATUS_SUCCESS;
	i->vp = (u32)vp;
	i->vector = (u8)in->vector;
	trace_begin("retarget");
	trace_str("device", bus->dev->name);
	trace_hex("message", in->data);
	trace_num("vp", i->vp);
	trace_num("vector", i->vector);
	trace_end();
	return HV_STATUS_SUCCESS;
}

static bool fits(const struct vpci_device *dev, u32 offset, u64 len)
{
	return !(offset % 8) && offset <= dev->bar[dev->msix_bar].size &&
	       len <= dev->bar[dev->msix_bar].size - offset;
}

static bool device_ok(const struct vpci_device *dev)
{
	int i;

	for (i = 0; i < MAX_BARS; i++) {
		u64 size = dev->bar[i].size;

		if (!size)
			continue;
		if (size < 16 || size & (size - 1) ||
		    (!dev->bar[i].is_64 && size > 2 * GIB))
			return false;
		if (dev->bar[i].is_64 &&
		    (i + 1 == MAX_BARS || dev->bar[i + 1].size))
			return false;
	}
	return !dev->vectors ||
	       (dev->vectors <= MAX_VECTORS && dev->msix_bar < MAX_BARS &&
		fits(dev, dev->msix_table,
		     dev->vectors * (u64)PCI_MSIX_ENTRY_SIZE) &&
		fits(dev, dev->msix_pba, pba_size(dev)));
}

/* All of a bus but what only VMBus knows */
static struct vpci_bus *new_bus(struct vpci *vpci, struct vpci_device *dev,
				u16 number)
{
	struct vpci_bus *bus = calloc(1, sizeof(*bus));
	int i;

	if (!bus)
		return NULL;
	*bus = (struct vpci_bus) {
		.vpci = vpci, .dev = dev, .number = number,
		.window = {
			.kind = MMIO_CONFIG, .owner = dev->name, .bar = -1,
		},
		.vmbus_dev = {
			.name = dev->name,
			/* 44c4f61d-4444-4400-9d52-802e27ede19f */
			.type = { {
				0x1d, 0xf6, 0xc4, 0x44, 0x44, 0x44, 0x00, 0x44,
				0x9d, 0x52, 0x80, 0x2e, 0x27, 0xed, 0xe1, 0x9f,
			} },
			/* 69637076-XXXX-4000-8000-687668737400; Linux takes
			 * the domain from XXXX
			 */
			.instance = { {
				0x76, 0x70, 0x63, 0x69, (u8)number,
				(u8)(number >> 8), 0x00, 0x40, 0x80, 0x00,
				0x68, 0x76, 0x68, 0x73, 0x74, 0x00,
			} },
			.in_isolated = true,
			.opened = opened,
			.closed = closed,
			.packet = received,
			.room = room,
			.opaque = bus,
		},
	};
	for (i = 0; i < MAX_BARS; i++)
		bus->bar[i] = (struct bar) {
			.bus = bus,
			.claim = {
				.kind = MMIO_BAR, .owner = dev->name, .bar = i,
			},
		};
	if (!dev->vectors)
		return bus;
	bus->table = calloc(dev->vectors, PCI_MSIX_ENTRY_SIZE);
	bus->pending = calloc(1, pba_size(dev));
	/* Some more than vectors, since find_block() may leave gaps */
	bus->interrupt_count = 2 * MAX_BLOCK + dev->vectors;
	bus->interrupts = calloc(bus->interrupt_count, sizeof(*bus->interrupts));
	if (bus->table && bus->pending && bus->interrupts)
		return bus;
	free(bus->table);
	free(bus->pending);
	free(bus->interrupts);
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

	if (!device_ok(dev))
		return -EINVAL;
	if (dev->bus || find_bus(vpci, dev->name))
		return -EEXIST;
	for (; *link && (*link)->number == number; link = &(*link)->next)
		number++;
	if (number > 0xffff)
		return -ENOSPC;
	bus = new_bus(vpci, dev, (u16)number);
	if (!bus)
		return -ENOMEM;
	bus->next = *link;
	*link = bus;
	dev->bus = bus;
	reset(bus);
	ret = vmbus_add_device(vpci->vmbus, &bus->vmbus_dev);
	if (ret)
		take_away(bus);
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
		take_away(vpci->buses);
	free(vpci);
}
