// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz virtual PCI, from the guest's end. The input is a list of steps: each
 * is a byte of what to do, and bytes of how. Two devices, one with MSI-X and
 * one that echoes; most steps do what pci-hyperv would, so that buses get to
 * D0 and BARs decode, the others say anything.
 */
#include <errno.h>
#include <linux/pci_regs.h>

#include "dev/echo.h"
#include "fuzz.h"
#include "guest.h"
#include "hv/vpci.h"
#include "hv/vpci_proto.h"

#define BUSES	2
#define RELIDS	8	/* they come and go */
#define VECTORS	9

/* Ring pages at the start of RAM, cleared before each input */
#define USED_SIZE	(RELIDS * 4 * HV_PAGE_SIZE)

struct mapping {
	u64 gpa, size;
	void (*fn)(void *io, u64 offset, bool write, u64 *value,
		   unsigned int size);
	void *io;
};

struct world {
	struct guest g;
	struct vpci *vpci;
	struct mmio_map map;
	struct mmio_claim fb;
	struct vpci_device msix;
	struct vpci_device *dev[BUSES];
	struct mapping mapping[BUSES * (MAX_BARS + 1)];
	u32 at_begun;		/* what goes or comes when it begins with one */
};

static const struct layout layout = {
	.usable = { { 0xf8000000, 0xfed3ffff }, { 0xfe0000000, 0xfffffffff } },
	.usable_count = 2,
};

static u64 pfn[RELIDS][4];

static int map_op(void *opaque, u64 gpa, u64 size,
		  void (*fn)(void *io, u64 offset, bool write, u64 *value,
			     unsigned int size), void *io)
{
	struct world *w = opaque;
	struct mapping *empty = NULL;
	size_t i;

	if (!size || gpa + size - 1 < gpa)
		abort();
	for (i = 0; i < ARRAY_SIZE(w->mapping); i++) {
		struct mapping *m = &w->mapping[i];

		if (!m->size)
			empty = m;
		else if (gpa < m->gpa + m->size && m->gpa < gpa + size)
			return -EBUSY;
	}
	if (!empty)
		abort();		/* more than there are BARs */
	*empty = (struct mapping) { gpa, size, fn, io };
	return 0;
}

static void unmap_op(void *opaque, u64 gpa)
{
	struct world *w = opaque;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(w->mapping); i++) {
		if (w->mapping[i].size && w->mapping[i].gpa == gpa) {
			w->mapping[i].size = 0;
			return;
		}
	}
	abort();
}

static int interrupt_op(void *opaque, u32 vp, u32 vector)
{
	(void)opaque;
	if (vp >= GUEST_CPUS || vector < 16)
		abort();
	return 0;
}

static void begun_op(void *opaque, const char *name)
{
	struct world *w = opaque;
	struct vpci_device *dev = w->dev[w->at_begun % BUSES];

	(void)name;
	if (w->at_begun < BUSES)
		vpci_surprise(w->vpci, dev->name, true);
	else if (w->at_begun < 2 * BUSES)
		vpci_eject(w->vpci, dev->name);
	else if (w->at_begun < 3 * BUSES && !dev->bus)
		vpci_add(w->vpci, dev);
}

static const struct vpci_ops ops = {
	.map = map_op, .unmap = unmap_op, .interrupt = interrupt_op,
	.begun = begun_op,
};

/* A register is a doorbell: it interrupts, or has DMA done */
static void dev_access(struct vpci_device *dev, int bar, u64 offset, bool write,
		       u64 *value, unsigned int size)
{
	u8 *p;

	if (size > 8 || offset + size > dev->bar[bar].size)
		abort();
	if (!write) {
		*value = offset;
		return;
	}
	vpci_interrupt(dev, (u32)(*value % (VECTORS + 1)));
	p = vpci_dma(dev, *value, 16);
	if (p && (p < mock_ram ||
		  p + 16 > mock_ram + MOCK_LOW_SIZE + MOCK_HIGH_SIZE))
		abort();
}

static void access_mmio(struct world *w, u64 gpa, bool write, u64 value,
			unsigned int size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(w->mapping); i++) {
		struct mapping *m = &w->mapping[i];

		if (m->size && gpa >= m->gpa && gpa - m->gpa < m->size &&
		    size <= m->size - (gpa - m->gpa)) {
			m->fn(m->io, gpa - m->gpa, write, &value, size);
			return;
		}
	}
}

static struct guest_ring ring(u32 relid, bool down)
{
	return (struct guest_ring) {
		pfn[relid % RELIDS] + (down ? 2 : 0), HV_PAGE_SIZE
	};
}

/* guest.h's helpers trust indices, so bring them back into range */
static void mend(const struct guest_ring *r)
{
	*guest_field(r, RING_WRITE_INDEX) %= r->size;
	*guest_field(r, RING_READ_INDEX) %= r->size;
}

/* @how: 0x80: do not read what it says; 0x40: want no completion */
static void say(struct world *w, u32 relid, u32 how, const void *msg, u32 len)
{
	struct guest_ring up = ring(relid, false), down = ring(relid, true);
	u32 *read = guest_field(&down, RING_READ_INDEX), at;

	mend(&up);
	at = *guest_field(&up, RING_WRITE_INDEX);
	guest_write(&up, RING_PKT_INBAND, how, msg, len);
	if (!(how & 0x40))
		*guest_byte(&up, at + 6) = RING_COMPLETION_REQUESTED;
	vmbus_hv_signal(w->g.bus, VMBUS_CONN_CHANNEL + relid, 0);
	if (!(how & 0x80))
		*read = *guest_field(&down, RING_WRITE_INDEX);
}

static u64 somewhere(struct input *in)
{
	static const u64 base[] = {
		0xf8000000, 0xf9000000, 0xfed3c000, 0xfe0000000, 0xfffffe000,
		0, 0xfe0010000, 0xf9002000,
	};
	u32 how = (u32)take(in, 1);

	if (how >= 0xf0)
		return take(in, 8);
	return base[how % ARRAY_SIZE(base)] + (how >> 3 & 7) * 0x1000;
}

static void open_bus(struct world *w, struct input *in)
{
	u32 relid = (u32)take(in, 1) % RELIDS;
	int i;

	for (i = 0; i < 4; i++)
		memset(mem_at(&mock_mem, pfn[relid][i] * HV_PAGE_SIZE,
			      HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
	guest_gpadl(&w->g, relid, 0x100 + relid, pfn[relid], 4);
	guest_open(&w->g, relid, 0x100 + relid, relid % GUEST_CPUS, 2);
}

static void close_bus(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1), relid = how % RELIDS;

	guest_relid(&w->g, MSG_CLOSE, relid);
	if (how & 0x40)
		guest_teardown(&w->g, relid, 0x100 + relid);
	if (how & 0x80)
		guest_relid(&w->g, MSG_RELEASED, relid);
}

static void version(struct world *w, u32 relid, u32 how)
{
	struct vpci_msg_version msg = {
		VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION(1, how % 8),
	};

	say(w, relid, how, &msg, sizeof(msg));
}

static void d0_entry(struct world *w, u32 relid, u32 how, u64 window)
{
	struct vpci_msg_d0_entry msg = {
		.type = VPCI_D0_ENTRY, .window = window,
	};

	say(w, relid, how, &msg, sizeof(msg));
}

/* A message of the right length and any content, near right */
static void message(struct world *w, struct input *in, u32 relid, u32 how)
{
	static const struct {
		u32 type, len;
	} known[] = {
		{ VPCI_QUERY_BUS_RELATIONS, 4 },
		{ VPCI_QUERY_RESOURCE_REQUIREMENTS, 8 },
		{ VPCI_D0_EXIT, 4 },
		{ VPCI_RESOURCES_ASSIGNED, 148 },
		{ VPCI_RESOURCES_ASSIGNED2, 202 },
		{ VPCI_RESOURCES_ASSIGNED3, 136 },
		{ VPCI_RESOURCES_RELEASED, 8 },
		{ VPCI_CREATE_INTERRUPT, 24 },
		{ VPCI_CREATE_INTERRUPT2, 78 },
		{ VPCI_CREATE_INTERRUPT3, 82 },
		{ VPCI_DELETE_INTERRUPT, 24 },
		{ VPCI_DELETE_INTERRUPT2, 24 },
		{ VPCI_EJECTION_COMPLETE, 12 },
		{ VPCI_POWER_STATE_CHANGE, 12 },
		{ VPCI_RESET_DEVICE, 8 },
	};
	u32 which = (u32)take(in, 1) % ARRAY_SIZE(known), i;
	u8 msg[256] = { 0 };

	memcpy(msg, &known[which].type, 4);
	for (i = how & 0x20 ? 4 : 8; i < 28; i++)
		msg[i] = (u8)take(in, 1);
	say(w, relid, how, msg, known[which].len);
}

static void any_message(struct world *w, struct input *in, u32 relid, u32 how)
{
	u8 msg[256] = { 0 };
	u32 len = (u32)take(in, 1), i;

	for (i = 0; i < len && in->len; i++)
		msg[i] = (u8)take(in, 1);
	if (how & 0x20) {
		msg[0] %= 0x20;
		msg[1] = 0;
		msg[2] = 0x49;
		msg[3] = 0x42;
	}
	say(w, relid, how, msg, len);
}

/* Config space, by a window that is there, most often */
static void config(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1);
	unsigned int size = 1u << (how & 3);
	u64 window = 0;
	u32 reg = (u32)take(in, how & 4 ? 2 : 1) % 0x2000;
	size_t i, nth = how >> 3 & 1;

	for (i = 0; i < ARRAY_SIZE(w->mapping); i++)
		if (w->mapping[i].size == VPCI_CONFIG_WINDOW && !nth--)
			window = w->mapping[i].gpa;
	if (!(how & 4))
		reg += VPCI_CONFIG_PAGE;
	access_mmio(w, window + reg, how & 0x80,
		    take(in, how & 0x80 ? size : 0), size);
}

/* Both BARs at once, and all on */
static void place(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1), i;
	u64 bar[3] = { somewhere(in), somewhere(in), somewhere(in) };
	size_t n = how % ARRAY_SIZE(w->mapping);
	u64 page;

	if (w->mapping[n].size != VPCI_CONFIG_WINDOW)
		return;
	page = w->mapping[n].gpa + VPCI_CONFIG_PAGE;
	access_mmio(w, page - VPCI_CONFIG_PAGE, true, 0, 4);
	access_mmio(w, page + PCI_COMMAND, true, 0, 2);
	for (i = 0; i < 3; i++) {
		access_mmio(w, page + PCI_BASE_ADDRESS_0 + 8 * i, true, bar[i],
			    4);
		access_mmio(w, page + PCI_BASE_ADDRESS_1 + 8 * i, true,
			    bar[i] >> 32, 4);
	}
	access_mmio(w, page + 0x42, true, 0xc000 & how << 8, 2);
	access_mmio(w, page + PCI_COMMAND, true, 6, 2);
}

/* What is mapped, as deep as can be */
static void registers(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1);
	struct mapping *m = &w->mapping[how % ARRAY_SIZE(w->mapping)];
	u64 at = take(in, 2), value = take(in, how & 0x10 ? 4 : 1);
	unsigned int size = 1u << (how >> 5 & 3);

	if (!m->size)
		return;
	if (how & 0x80)
		at = m->size - 1 - at % m->size;
	access_mmio(w, m->gpa + at, how & 0x10, value, size);
}

static void retarget(struct world *w, struct input *in)
{
	struct {
		u64 word[12];
	} msg = { { ~0ull } };
	struct vpci_retarget *r = (struct vpci_retarget *)&msg;
	u32 how = (u32)take(in, 1), i;

	r->device = (u64)(how & 3) << 16 | 0x4000;
	r->source = 1;
	r->address = 0xfee00000;
	r->data = (how & 3) << 16 | (u32)take(in, 1) % (VECTORS + 2);
	r->vector = (u32)take(in, 1);
	r->flags = how & 4 ? VPCI_TARGET_SET : 0;
	for (i = how & 8 ? 1 : 6; i < ARRAY_SIZE(msg.word) && in->len; i++)
		msg.word[i] = take(in, how & 0x10 ? 8 : 1);
	if (how & 4 && !(how & 8))
		r->vps = 0;
	vpci_retarget(w->vpci, &msg, how & 0x20 ? take(in, 1) % sizeof(msg) :
						  sizeof(msg));
}

static void plug(struct world *w, struct input *in)
{
	u32 how = (u32)take(in, 1);
	struct vpci_device *dev = w->dev[how % BUSES];

	if (!dev->bus)
		vpci_add(w->vpci, dev);
	else if (how & 0x20)
		w->at_begun = (u32)take(in, 1) % (4 * BUSES);
	else if (how & 0x80)
		vpci_surprise(w->vpci, dev->name, how & 0x40);
	else
		vpci_eject(w->vpci, dev->name);
}

static void scribble(struct input *in)
{
	u32 how = (u32)take(in, 1);
	struct guest_ring r = ring(how, how & 0x10);

	if (how & 0x20)
		*guest_field(&r, how & 0x40 ? RING_WRITE_INDEX :
					      RING_READ_INDEX) =
			(u32)take(in, 2) * (how & 0x80 ? 1 : 8);
	else
		mock_ram[take(in, 3) % USED_SIZE] = (u8)take(in, 1);
}

static void step(struct world *w, struct input *in)
{
	u32 what = (u32)take(in, 1) % 16, relid, how;

	switch (what) {
	case 0:
		if (take(in, 1) & 1)
			guest_simple(&w->g, MSG_UNLOAD);
		guest_contact(&w->g, VMBUS_VERSION(6, 0), 0);
		guest_simple(&w->g, MSG_REQUEST_OFFERS);
		break;
	case 1:
		open_bus(w, in);
		break;
	case 2:
		close_bus(w, in);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		how = (u32)take(in, 1);
		relid = how % RELIDS;
		if (what == 3)
			version(w, relid, (u32)take(in, 1));
		else if (what == 4)
			d0_entry(w, relid, how, somewhere(in));
		else if (what == 5)
			message(w, in, relid, how);
		else
			any_message(w, in, relid, how);
		break;
	case 7:
		config(w, in);
		break;
	case 8:
		place(w, in);
		break;
	case 9:
	case 10:
		registers(w, in);
		break;
	case 11:
		retarget(w, in);
		break;
	case 12:
		plug(w, in);
		break;
	case 13:
		scribble(in);
		break;
	case 14:
		mmio_remove(&w->map, &w->fb);
		w->fb.range.start = somewhere(in) & 0xfffffff000;
		w->fb.range.end = w->fb.range.start + 8 * MIB - 1;
		mmio_add(&w->map, &w->fb);
		break;
	case 15:
		vpci_interrupt(w->dev[0], (u32)take(in, 1) % (VECTORS + 1));
		break;
	}
	/* The guest reads its messages at once */
	w->g.head = w->g.tail;
}

/**
 * LLVMFuzzerTestOneInput() - Run one input, from a new VMBus.
 * @data:	It
 * @len:	Its bytes
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static const struct echo_bar bars[] = {
		{ 4096, true }, { 1 * MIB, false }, { 64 * KIB, false },
		{ 16 * MIB, true },
	};
	struct input in = { data, len };
	u32 first = (u32)take(&in, 1), i, j;
	const struct vmbus_config vmbus_config = {
		.max_version = VMBUS_VERSION(6, 0), .cpus = GUEST_CPUS,
		.isolated = first & 1,
	};
	const struct vpci_config vpci_config = {
		.cpus = GUEST_CPUS, .shared_bit = first & 1 ? 1ull << 46 : 0,
		.ignore_bar_conflicts = first & 2,
		.zero_bars = first & 4,
		.release_dead_devices = first & 16,
		.vectors = { 16, 255 },
	};
	static struct world w;
	char why[128];

	if (!mock_ram) {
		mock_ram_new();
		for (i = 0; i < RELIDS; i++)
			for (j = 0; j < 4; j++)
				pfn[i][j] = MOCK_LOW_GPA / HV_PAGE_SIZE +
					    4 * i + 3 - j;
	}
	memset(mock_ram, 0, USED_SIZE);
	mock_reset();
	memset(&w, 0, sizeof(w));
	w.at_begun = ~0u;
	w.msix = (struct vpci_device) {
		.name = "msix", .vendor = 0x1414, .device = 0xb111,
		.class = 0x010802,
		.bar = {
			{ .size = 16 * KIB, .is_64 = true }, { .size = 0 },
			{ .size = 16 }, { .size = 0 },
			{ .size = 32 * KIB, .is_64 = true, .prefetch = true },
		},
		.vectors = VECTORS, .msix_bar = 4,
		.msix_table = 0x10, .msix_pba = 0x200,
		.access = dev_access,
	};
	mmio_init(&w.map, &layout);
	w.map.cover = first & 8;
	w.fb = (struct mmio_claim) {
		.kind = MMIO_FRAMEBUFFER, .owner = "framebuffer", .bar = -1,
		.range = { 0xf8000000, 0xf87fffff },
	};
	mmio_add(&w.map, &w.fb);
	w.g.bus = vmbus_new(&vmbus_config, &mock_mem, &guest_ops, &w.g);
	w.dev[0] = &w.msix;
	w.dev[1] = echo_new("echo", bars, ARRAY_SIZE(bars), why, sizeof(why));
	w.vpci = vpci_new(&vpci_config, w.g.bus, &mock_mem, &w.map, &ops, &w);
	if (!w.g.bus || !w.vpci || !w.dev[1])
		abort();
	for (i = 0; i < BUSES; i++)
		if (vpci_add(w.vpci, w.dev[i]))
			abort();
	guest_contact(&w.g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&w.g, MSG_REQUEST_OFFERS);
	w.g.head = w.g.tail;
	while (in.len)
		step(&w, &in);
	vpci_free(w.vpci);
	vmbus_free(w.g.bus);
	echo_free(w.dev[1]);
	/* Nothing is left behind. */
	for (i = 0; i < ARRAY_SIZE(w.mapping); i++)
		if (w.mapping[i].size)
			abort();
	if (w.map.claims != &w.fb || w.fb.next)
		abort();
	mock_reset();
	return 0;
}
