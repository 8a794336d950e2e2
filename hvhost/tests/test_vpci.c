// SPDX-License-Identifier: GPL-2.0-only
/* Virtual PCI, against what Linux' pci-hyperv does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/pci_regs.h>

#include "hv/hv.h"
#include "expect.h"
#include "guest.h"
#include "hv/vpci.h"
#include "hv/vpci_proto.h"

#define VV(major, minor)	VPCI_VERSION(major, minor)

#define NVME		"nvme0"
#define VECTORS		70u
#define TABLE		0x2000u
#define PBA		0x3000u

/* Where the tests put things */
#define WINDOW		0xf9000000ull
#define BAR0		0xfe0000000ull
#define BAR4		0xfe0010000ull
#define FB		0xf8000000ull

#define OK		0u
#define INVALID		0xc000000du
#define NO_DEVICE	0xc000000eu
#define CONFLICT	0xc0000018u
#define MISMATCH	0xc0000059u
#define NO_RESOURCES	0xc000009au
#define NOT_SUPPORTED	0xc00000bbu
#define WRONG_STATE	0xc0000184u
#define BAD_DATA	0xc000090bu
#define ON_FRAMEBUFFER	0xc0370048u

#define MAX_BUSES	64
#define SHARED_BIT	(1ull << 46)

static struct guest g;
static struct vpci *vpci;
static struct mmio_map map;
static struct mmio_claim fb;

static const struct layout layout = {
	.usable = { { FB, 0xfed3ffff }, { 0xfe0000000, 0xfffffffff } },
	.usable_count = 2,
	.fixed = { { 0xfed3c000, 0xfed3dfff } }, .fixed_count = 1,
	.described = { { 0xfed38000, 0xfed38fff } }, .described_count = 1,
};

/* Rings of two pages each; a bus has relid index + 1 */
static u64 pfn[MAX_BUSES][4];

/* What is mapped */
static struct mapping {
	u64 gpa, size;
	void (*fn)(void *io, u64 offset, bool write, u64 *value,
		   unsigned int size);
	void *io;
} mappings[256];

static int map_error;

static u32 interrupts, interrupt_vp;
static u32 interrupt_vector;
static int interrupt_error;
static int begun;
static const char *begun_name;
static enum { STAY, EJECT, REMOVE } at_begun;

static int map_op(void *opaque, u64 gpa, u64 size,
		  void (*fn)(void *io, u64 offset, bool write, u64 *value,
			     unsigned int size), void *io)
{
	struct mapping *empty = NULL;
	size_t i;

	assert_ptr_equal(opaque, &g);
	if (map_error)
		return map_error;
	for (i = 0; i < ARRAY_SIZE(mappings); i++) {
		struct mapping *m = &mappings[i];

		if (!m->size)
			empty = m;
		else if (gpa < m->gpa + m->size && m->gpa < gpa + size)
			return -EBUSY;
	}
	assert_non_null(empty);
	*empty = (struct mapping) { gpa, size, fn, io };
	return 0;
}

static void unmap_op(void *opaque, u64 gpa)
{
	size_t i;

	assert_ptr_equal(opaque, &g);
	for (i = 0; i < ARRAY_SIZE(mappings); i++) {
		if (mappings[i].size && mappings[i].gpa == gpa) {
			mappings[i].size = 0;
			return;
		}
	}
	fail_msg("unmap of 0x%llx", gpa);
}

static int interrupt_op(void *opaque, u32 vp, u32 vector)
{
	assert_ptr_equal(opaque, &g);
	interrupts++;
	interrupt_vp = vp;
	interrupt_vector = vector;
	return interrupt_error;
}

/* Begun with; and then, maybe, gone or asked to go */
static void begun_op(void *opaque, const char *name)
{
	assert_ptr_equal(opaque, &g);
	begun++;
	begun_name = name;
	if (at_begun == EJECT)
		assert_int_equal(vpci_eject(vpci, name), 0);
	else if (at_begun == REMOVE)
		assert_int_equal(vpci_surprise(vpci, name, true), 0);
}

static const struct vpci_ops ops = {
	.map = map_op, .unmap = unmap_op, .interrupt = interrupt_op,
	.begun = begun_op,
};

static size_t mapped(void)
{
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(mappings); i++)
		n += !!mappings[i].size;
	return n;
}

static bool mmio(u64 gpa, bool write, u64 *value, unsigned int size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mappings); i++) {
		struct mapping *m = &mappings[i];

		if (m->size && gpa >= m->gpa && gpa - m->gpa < m->size) {
			m->fn(m->io, gpa - m->gpa, write, value, size);
			return true;
		}
	}
	return false;
}

static u64 rd(u64 gpa, unsigned int size)
{
	u64 value = 0x5a5a5a5a5a5a5a5aull;

	if (!mmio(gpa, false, &value, size))
		return ~0ull;
	return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

static void wr(u64 gpa, u64 value, unsigned int size)
{
	mmio(gpa, true, &value, size);
}

/* The config space of the bus whose window is @window */
static u32 cfg(u64 window, u32 reg, unsigned int size)
{
	wr(window, 0, 4);
	return (u32)rd(window + 0x1000 + reg, size);
}

static void cfg_set(u64 window, u32 reg, u32 value, unsigned int size)
{
	wr(window, 0, 4);
	wr(window + 0x1000 + reg, value, size);
}

/* A device in Azure's shape, whose registers are the last thing written */
static struct vpci_device nvme;
static u32 resets, accesses;
static int access_bar;
static u64 access_offset, access_value;

static void dev_access(struct vpci_device *dev, int bar, u64 offset, bool write,
		       u64 *value, unsigned int size)
{
	assert_ptr_equal(dev, &nvme);
	assert_true(size <= 8 && offset + size <= dev->bar[bar].size);
	accesses++;
	access_bar = bar;
	access_offset = offset;
	if (write)
		access_value = *value;
	else
		*value = access_value;
}

static void dev_reset(struct vpci_device *dev)
{
	assert_ptr_equal(dev, &nvme);
	resets++;
}

static void new_nvme(void)
{
	nvme = (struct vpci_device) {
		.name = NVME, .vendor = 0x1414, .device = 0xb111,
		.subsystem_vendor = 0x1415, .subsystem = 0xb112,
		.class = 0x010802, .revision = 7,
		.bar = {
			[0] = { .size = 16 * KIB, .is_64 = true },
			[2] = { .size = 4 * KIB, .prefetch = true },
			[4] = { .size = 32 * KIB, .is_64 = true,
				.prefetch = true },
		},
		.vectors = VECTORS, .msix_bar = 4,
		.msix_table = TABLE, .msix_pba = PBA,
		.access = dev_access, .reset = dev_reset,
	};
}

/* The highest version of virtual PCI that the host accepts */
static u32 highest;

static void start(const struct vpci_config *config)
{
	static const struct vmbus_config vmbus_config = {
		.max_version = VMBUS_VERSION(6, 0), .cpus = GUEST_CPUS,
		.isolated = true,
	};
	struct vpci_config own = *config;
	int i, j;

	if (!own.vectors.end)
		own.vectors = (struct range) { 16, 255 };
	mock_ram_new();
	mock_reset();
	memset(&g, 0, sizeof(g));
	memset(mappings, 0, sizeof(mappings));
	highest = config->max_version ? config->max_version : VPCI_MAX_VERSION;
	map_error = 0;
	interrupt_error = 0;
	begun = 0;
	begun_name = NULL;
	at_begun = STAY;
	interrupts = 0;
	resets = 0;
	accesses = 0;
	for (i = 0; i < MAX_BUSES; i++)
		for (j = 0; j < 4; j++)
			pfn[i][j] = MOCK_LOW_GPA / HV_PAGE_SIZE + 4 * i + 3 - j;
	g.bus = vmbus_new(&vmbus_config, &mock_mem, &guest_ops, &g);
	mmio_init(&map, &layout);
	fb = (struct mmio_claim) {
		.kind = MMIO_FRAMEBUFFER, .owner = "framebuffer", .bar = -1,
		.range = { FB, FB + 8 * MIB - 1 },
	};
	mmio_add(&map, &fb);
	vpci = vpci_new(&own, g.bus, &mock_mem, &map, &ops, &g);
	assert_non_null(vpci);
	new_nvme();
	assert_int_equal(vpci_add(vpci, &nvme), 0);
	assert_non_null(nvme.bus);
}

static int setup(void **state)
{
	static const struct vpci_config config = {
		.cpus = GUEST_CPUS, .shared_bit = SHARED_BIT,
	};

	(void)state;
	start(&config);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vpci_free(vpci);
	assert_int_equal(mapped(), 0);
	assert_ptr_equal(map.claims, &fb);
	assert_null(fb.next);
	vmbus_free(g.bus);
	mock_ram_free();
	return 0;
}

static void restart(const struct vpci_config *config)
{
	teardown(NULL);
	start(config);
}

static void expect_once(const char *what)
{
	if (mock_count(what) != 1)
		fail_msg("not once '%s' in '%s'", what, mock_trace);
}

static void expect_trace(const char *what)
{
	if (!strstr(mock_trace, what))
		fail_msg("no '%s' in '%s'", what, mock_trace);
	mock_reset();
}

static void connect(void)
{
	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	g.head = g.tail;
}

static void open_bus(int i)
{
	u32 id = 0x100 + i;
	int j;

	for (j = 0; j < 4; j++)
		memset(mem_at(&mock_mem, pfn[i][j] * HV_PAGE_SIZE,
			      HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
	guest_gpadl(&g, i + 1, id, pfn[i], 4);
	assert_int_equal(guest_next(&g)->created.status, 0);
	guest_open(&g, i + 1, id, 0, 2);
	assert_int_equal(guest_next(&g)->open_result.status, 0);
}

static void close_bus(int i)
{
	guest_relid(&g, MSG_CLOSE, i + 1);
	guest_teardown(&g, i + 1, 0x100 + i);
	assert_int_equal(guest_next(&g)->head.type, MSG_GPADL_TORNDOWN);
}

static struct guest_ring up(int i)
{
	return (struct guest_ring) { pfn[i], HV_PAGE_SIZE };
}

static struct guest_ring down(int i)
{
	return (struct guest_ring) { pfn[i] + 2, HV_PAGE_SIZE };
}

static void kick(int i)
{
	vmbus_hv_signal(g.bus, VMBUS_CONN_CHANNEL + i + 1, 0);
}

static void write_packet(int i, u16 type, u16 flags, u64 transaction,
			 const void *msg, u32 len)
{
	struct guest_ring r = up(i);
	u64 trailer = (u64)*guest_field(&r, RING_WRITE_INDEX) << 32, zero = 0;
	struct ring_desc d = {
		.type = type, .offset8 = 2, .len8 = (u16)(2 + (len + 7) / 8),
		.flags = flags, .transaction = transaction,
	};

	guest_put(&r, &d, sizeof(d));
	guest_put(&r, msg, len);
	guest_put(&r, &zero, (8 - len % 8) % 8);
	guest_put(&r, &trailer, 8);
}

/* Tell, without a wish to be answered */
static void say(int i, const void *msg, u32 len)
{
	struct guest_ring r = down(i);
	struct ring_desc d;

	write_packet(i, RING_PKT_INBAND, 0, 0, msg, len);
	kick(i);
	assert_int_equal(guest_read(&r, &d, NULL, 0), -1);
}

/* BUS_RELATIONS with one function, if that is what comes next */
static bool have_relations(int i)
{
	struct guest_ring r = down(i), before = r;
	struct vpci_msg_relations2 rel;
	u32 read = *guest_field(&before, RING_READ_INDEX);
	struct ring_desc d;

	memset(&rel, 0, sizeof(rel));
	if (guest_read(&r, &d, &rel, sizeof(rel)) < 0 ||
	    d.type != RING_PKT_INBAND) {
		*guest_field(&before, RING_READ_INDEX) = read;
		return false;
	}
	assert_true(rel.type == VPCI_BUS_RELATIONS ||
		    rel.type == VPCI_BUS_RELATIONS2);
	assert_int_equal(rel.count, 1);
	assert_int_equal(rel.func.serial, i + 1);
	return true;
}

/* Ask, and have a status, and more in @reply if there is one */
static u32 ask_more(int i, const void *msg, u32 len, void *reply, int reply_len)
{
	static u64 transaction = 0x1000;
	struct guest_ring r = down(i);
	struct ring_desc d;
	bool relations;
	u8 buf[64];
	u32 status;

	write_packet(i, RING_PKT_INBAND, RING_COMPLETION_REQUESTED,
		     ++transaction, msg, len);
	kick(i);
	relations = have_relations(i);
	assert_int_equal(guest_read(&r, &d, buf, sizeof(buf)),
			 (reply_len + 7) / 8 * 8);
	assert_int_equal(d.type, RING_PKT_COMPLETION);
	assert_int_equal(d.flags, 0);
	assert_int_equal(d.transaction, transaction);
	memcpy(&status, buf, 4);
	if (reply)
		memcpy(reply, buf, reply_len);
	/* Sent before a D0 entry that succeeds is answered, and never else */
	if (len < 4 || *(const u32 *)msg != VPCI_D0_ENTRY || status != OK)
		assert_false(relations);
	else
		assert_true(relations);
	assert_int_equal(guest_read(&r, &d, buf, sizeof(buf)), -1);
	return status;
}

static u32 ask(int i, const void *msg, u32 len)
{
	return ask_more(i, msg, len, NULL, 4);
}

static u32 ask_version(int i, u32 version)
{
	struct vpci_msg_version msg = { VPCI_QUERY_PROTOCOL_VERSION, version };
	struct vpci_reply_version reply;
	u32 status = ask_more(i, &msg, sizeof(msg), &reply, sizeof(reply));

	/* Whatever was asked for, the answer has the highest. */
	assert_int_equal(reply.version, highest);
	return status;
}

static u32 ask_slot(int i, u32 type, u32 slot)
{
	struct vpci_msg_slot msg = { type, slot };

	return ask(i, &msg, sizeof(msg));
}

static u32 ask_type(int i, u32 type)
{
	struct vpci_msg msg = { type };

	return ask(i, &msg, sizeof(msg));
}

/* Up to what a guest knows before D0 */
static void get_relations(int i, u32 version)
{
	struct vpci_msg msg = { VPCI_QUERY_BUS_RELATIONS };
	struct guest_ring r = down(i);
	struct vpci_msg_relations2 rel;
	struct ring_desc d;
	int len;

	assert_int_equal(ask_version(i, version), OK);
	write_packet(i, RING_PKT_INBAND, 0, 0, &msg, sizeof(msg));
	kick(i);
	memset(&rel, 0, sizeof(rel));
	len = guest_read(&r, &d, &rel, sizeof(rel));
	assert_int_equal(d.type, RING_PKT_INBAND);
	assert_int_equal(d.transaction, 0);
	assert_int_equal(d.flags, 0);
	assert_int_equal(len, version >= VV(1, 3) ? 40 : 32);
	assert_int_equal(rel.type, version >= VV(1, 3) ? VPCI_BUS_RELATIONS2 :
							 VPCI_BUS_RELATIONS);
	assert_int_equal(rel.count, 1);
	assert_int_equal(rel.func.slot, 0);
	assert_int_equal(rel.func.serial, i + 1);
	assert_int_equal(rel.flags, 0);
	assert_int_equal(guest_read(&r, &d, &rel, sizeof(rel)), -1);
}

static u32 d0_entry(int i, u64 window)
{
	struct vpci_msg_d0_entry msg = {
		.type = VPCI_D0_ENTRY, .window = window,
	};

	return ask(i, &msg, sizeof(msg));
}

static u32 assigned(int i)
{
	struct vpci_msg_assigned msg = { .type = VPCI_RESOURCES_ASSIGNED2 };

	return ask(i, &msg, sizeof(msg));
}

/* As hv_pci_bus_exit() */
static void bus_exit(int i)
{
	struct vpci_msg_slot released = { VPCI_RESOURCES_RELEASED, 0 };

	say(i, &released, sizeof(released));
	assert_int_equal(ask_type(i, VPCI_D0_EXIT), OK);
}

static void probe(int i, u64 window)
{
	open_bus(i);
	get_relations(i, VV(1, 4));
	assert_int_equal(d0_entry(i, window), OK);
	assert_int_equal(assigned(i), OK);
}

/* ... after a kernel that did not give it back */
static void probe_held(int i, u64 window)
{
	open_bus(i);
	get_relations(i, VV(1, 4));
	assert_int_equal(d0_entry(i, window), WRONG_STATE);
	bus_exit(i);
	assert_int_equal(d0_entry(i, window), OK);
	assert_int_equal(assigned(i), OK);
}

/* The BARs of the first device, as Linux sets them, and all on */
static void place(u64 window, u64 bar0, u64 bar4)
{
	cfg_set(window, PCI_COMMAND, 0, 2);
	cfg_set(window, PCI_BASE_ADDRESS_0, (u32)bar0, 4);
	cfg_set(window, PCI_BASE_ADDRESS_1, (u32)(bar0 >> 32), 4);
	cfg_set(window, PCI_BASE_ADDRESS_4, (u32)bar4, 4);
	cfg_set(window, PCI_BASE_ADDRESS_5, (u32)(bar4 >> 32), 4);
	cfg_set(window, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
		2);
}

static void boot(void)
{
	connect();
	probe(0, WINDOW);
	place(WINDOW, BAR0, BAR4);
	expect_good();
	mock_reset();
}

static u32 create(int i, u32 vector, u32 vp, struct vpci_message *message)
{
	struct vpci_msg_create3 msg = {
		.type = VPCI_CREATE_INTERRUPT3, .vector = vector, .count = 1,
		.vps = 1, .vp = { (u16)vp },
	};
	struct vpci_reply_interrupt reply;
	u32 status = ask_more(i, &msg, sizeof(msg), &reply, sizeof(reply));

	*message = reply.message;
	return status;
}

static u32 delete(int i, const struct vpci_message *message)
{
	struct vpci_msg_delete msg = {
		.type = VPCI_DELETE_INTERRUPT, .message = *message,
	};

	return ask(i, &msg, sizeof(msg));
}

static void set_entry(u32 vector, const struct vpci_message *message, u32 mask)
{
	u64 at = BAR4 + TABLE + 16 * vector;

	wr(at + 12, 1, 4);
	wr(at, (u32)message->address, 4);
	wr(at + 4, (u32)(message->address >> 32), 4);
	wr(at + 8, message->data, 4);
	wr(at + 12, mask, 4);
}

#define MSIX		0x40

static void msix(u32 flags)
{
	cfg_set(WINDOW, MSIX + PCI_MSIX_FLAGS, flags, 2);
}

static void test_offer(void **state)
{
	static const u8 class[16] = {
		0x1d, 0xf6, 0xc4, 0x44, 0x44, 0x44, 0x00, 0x44,
		0x9d, 0x52, 0x80, 0x2e, 0x27, 0xed, 0xe1, 0x9f,
	};
	struct guest_message *m;

	(void)state;
	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	assert_int_equal(guest_next(&g)->head.type, MSG_VERSION);
	m = guest_next(&g);
	assert_int_equal(m->head.type, MSG_OFFER);
	assert_memory_equal(&m->offer.type, class, sizeof(class));
	/* The domain */
	assert_int_equal(m->offer.instance.b[4], 1);
	assert_int_equal(m->offer.instance.b[5], 0);
	assert_int_equal(m->offer.mmio_megabytes, 0);
	expect_trace(" connection=8193 flags=0 mmio_megabytes=0;");
}

/* From probe to remove, in each version, by a host that has no newer one */
union create {
	struct vpci_msg_create v1;
	struct vpci_msg_create2 v2;
	struct vpci_msg_create3 v3;
	struct vpci_msg_assigned assigned;
	u8 bytes[202];
};

/* Linux's message for one vector on vCPU 2 or 3; return its length. */
static u32 fill_create(union create *m, u32 version)
{
	memset(m, 0, sizeof(*m));
	if (version == VV(1, 1)) {
		m->v1.type = VPCI_CREATE_INTERRUPT;
		m->v1.vector = 0x31;
		m->v1.count = 1;
		m->v1.mask = ~3ull;
		return sizeof(m->v1);
	}
	if (version < VV(1, 4)) {
		m->v2.type = VPCI_CREATE_INTERRUPT2;
		m->v2.vector = 0x31;
		m->v2.count = 1;
		m->v2.vps = 2;
		m->v2.vp[0] = 3;
		m->v2.vp[1] = 2;
		return sizeof(m->v2);
	}
	m->v3.type = VPCI_CREATE_INTERRUPT3;
	m->v3.vector = 0x31;
	m->v3.count = 1;
	m->v3.vps = 2;
	m->v3.vp[0] = 2;
	m->v3.vp[1] = 3;
	return sizeof(m->v3);
}

/* Resources, BARs and an interrupt, as with that version */
static void life_in_d0(u32 version)
{
	struct vpci_reply_interrupt reply;
	union create m = { .bytes = { 0 } };
	u32 len;

	if (version == VV(1, 1)) {
		m.assigned.type = VPCI_RESOURCES_ASSIGNED;
		assert_int_equal(ask(0, &m, 148), OK);
	} else {
		m.assigned.type = VPCI_RESOURCES_ASSIGNED2;
		assert_int_equal(ask(0, &m, sizeof(m.bytes)), OK);
	}
	place(WINDOW, BAR0, BAR4);
	expect_good();

	len = fill_create(&m, version);
	assert_int_equal(ask_more(0, &m, len, &reply, sizeof(reply)), OK);
	assert_int_equal(reply.message.count, 1);
	assert_true(reply.message.data);
	assert_true(reply.message.address);
	set_entry(3, &reply.message, 0);
	msix(PCI_MSIX_FLAGS_ENABLE);
	vpci_interrupt(&nvme, 3);
	assert_int_equal(interrupts, 1);
	assert_int_equal(interrupt_vp, 2);
	assert_int_equal(interrupt_vector, 0x31);
	assert_int_equal(delete(0, &reply.message), OK);
	expect_good();
}

static void test_life(void **state)
{
	static const u32 versions[] = {
		VV(1, 1), VV(1, 2), VV(1, 3), VV(1, 4),
	};
	struct vpci_msg_slot need = { VPCI_QUERY_RESOURCE_REQUIREMENTS, 0 };
	struct vpci_reply_requirements req;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		const struct vpci_config config = {
			.cpus = GUEST_CPUS, .max_version = versions[i],
		};
		u32 v = versions[i];

		restart(&config);
		connect();
		open_bus(0);
		for (j = ARRAY_SIZE(versions) - 1; j > i; j--)
			assert_int_equal(ask_version(0, versions[j]), MISMATCH);
		get_relations(0, v);
		assert_int_equal(ask_more(0, &need, sizeof(need), &req,
					  sizeof(req)), OK);
		assert_int_equal(req.probed[0], 0xffffc004);
		assert_int_equal(req.probed[1], 0xffffffff);
		assert_int_equal(req.probed[2], 0xfffff008);
		assert_int_equal(req.probed[3], 0);
		assert_int_equal(req.probed[4], 0xffff800c);
		assert_int_equal(req.probed[5], 0xffffffff);
		mock_reset();
		assert_int_equal(d0_entry(0, WINDOW), OK);
		assert_string_equal(mock_trace,
				    " d0_entry device=nvme0 window=f9000000 status=0 reason=ok;");
		life_in_d0(v);
		mock_reset();
		bus_exit(0);
		expect_trace(" d0_exit device=nvme0;");
		assert_int_equal(mapped(), 0);
		/* And it can be probed again at once. */
		assert_int_equal(d0_entry(0, WINDOW + 0x2000), OK);
		bus_exit(0);
		close_bus(0);
		expect_good();
	}
}

static void test_versions(void **state)
{
	static const u32 unknown[] = {
		0, VV(1, 0), VV(1, 7), VV(2, 1), 0xffffffff, 1,
	};
	struct vpci_message message;
	size_t i;

	(void)state;
	connect();
	open_bus(0);
	/* Nothing else before */
	assert_int_equal(d0_entry(0, WINDOW), WRONG_STATE);
	expect_bad("message before a version was agreed on", VPCI_D0_ENTRY);
	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_int_equal(ask_version(0, unknown[i]), MISMATCH);
	expect_trace(" vpci_version device=nvme0 major=0 minor=1 accepted=false;");
	assert_int_equal(ask_type(0, VPCI_D0_EXIT), WRONG_STATE);
	expect_bad("message before a version was agreed on", VPCI_D0_EXIT);
	assert_int_equal(ask_version(0, VV(1, 2)), OK);
	expect_trace(" vpci_version device=nvme0 major=1 minor=2 accepted=true;");
	assert_int_equal(d0_entry(0, WINDOW), OK);
	/* Messages of newer versions are accepted, as by OpenVMM. */
	assert_int_equal(create(0, 0x40, 0, &message), OK);
	assert_int_equal(delete(0, &message), OK);
	/* The next one agrees anew. */
	close_bus(0);
	open_bus(0);
	assert_int_equal(d0_entry(0, WINDOW), WRONG_STATE);
	expect_bad("message before a version was agreed on", VPCI_D0_ENTRY);
	assert_int_equal(ask_version(0, VV(1, 4)), OK);
	bus_exit(0);
	assert_int_equal(d0_entry(0, WINDOW), OK);
	assert_int_equal(assigned(0), OK);
	expect_good();
	/* The newest that OpenVMM takes */
	close_bus(0);
	open_bus(0);
	assert_int_equal(ask_version(0, VV(1, 6)), OK);
	expect_good();
}

/* A kernel is gone, in each way there is; the next one has to retry D0. */
static void test_held(void **state)
{
	int i;

	(void)state;
	boot();
	for (i = 0; i < 3; i++) {
		/* Where the last one's window was, and where its BAR was */
		u64 window = i == 2 ? BAR0 : WINDOW;

		resets = 0;
		if (i == 0) {
			guest_simple(&g, MSG_UNLOAD);
			connect();
		} else if (i == 1) {
			connect();
		} else {
			close_bus(0);
		}
		/* Nothing of it answers any more, before D0 and all */
		assert_int_equal(mapped(), 0);
		assert_ptr_equal(map.claims, &fb);
		assert_int_equal(resets, 1);
		mock_reset();
		open_bus(0);
		get_relations(0, VV(1, 4));
		mock_reset();
		assert_int_equal(d0_entry(0, window), WRONG_STATE);
		assert_int_equal(mock_count("conflict"), 0);
		assert_int_equal(mock_count(i == 2 ? "nvme0 window=fe0000000" :
					       "nvme0 window=f9000000"), 1);
		expect_trace(" status=c0000184 reason=held;");
		assert_int_equal(mapped(), 0);
		/* To leave D0 is not enough, to release is. */
		assert_int_equal(ask_type(0, VPCI_D0_EXIT), OK);
		assert_int_equal(d0_entry(0, window), WRONG_STATE);
		expect_trace("reason=held;");
		if (i == 1)
			bus_exit(0);
		else
			assert_int_equal(ask_slot(0, VPCI_RESOURCES_RELEASED,
						  0), OK);
		assert_int_equal(d0_entry(0, window), OK);
		expect_trace("reason=ok;");
		assert_int_equal(assigned(0), OK);
		assert_int_equal(cfg(window, PCI_COMMAND, 2), 0);
		assert_int_equal(cfg(window, PCI_BASE_ADDRESS_0, 4), 4);
		assert_int_equal(cfg(window, PCI_BASE_ADDRESS_1, 4), 0);
		place(window, i == 1 ? BAR0 : WINDOW + 0x10000, BAR4);
		expect_good();
	}
}

/* Unbound in order: Linux leaves D0, and says nothing of resources. */
static void test_unbound(void **state)
{
	int i;

	(void)state;
	boot();
	for (i = 0; i < 2; i++) {
		assert_int_equal(ask_type(0, VPCI_D0_EXIT), OK);
		assert_int_equal(mapped(), 0);
		/* Bound again, by this kernel or the next one */
		if (i)
			connect();
		else
			close_bus(0);
		mock_reset();
		probe(0, WINDOW);
		expect_trace(" status=0 reason=ok;");
	}
	expect_good();
}

/* D0 entries that are to be refused, whoever asks: Linux tries each twice. */
static void test_refused(void **state)
{
	int i;

	(void)state;
	nvme.refuse_first = 2;
	nvme.refuse_last = 3;
	boot();
	bus_exit(0);
	for (i = 0; i < 2; i++) {
		mock_reset();
		assert_int_equal(d0_entry(0, WINDOW), NO_DEVICE);
		expect_trace(" status=c000000e reason=told;");
		assert_int_equal(mapped(), 0);
		assert_int_equal(ask_type(0, VPCI_D0_EXIT), OK);
		/* They are counted over contacts. */
		if (!i) {
			connect();
			open_bus(0);
			get_relations(0, VV(1, 4));
		}
	}
	mock_reset();
	assert_int_equal(d0_entry(0, WINDOW), OK);
	expect_trace(" status=0 reason=ok;");
	assert_int_equal(assigned(0), OK);
	place(WINDOW, BAR0, BAR4);
	expect_good();
	/* ... and go on when the device is taken away and comes back. */
	nvme.refuse_last = 5;
	bus_exit(0);
	assert_int_equal(vpci_surprise(vpci, NVME, false), 0);
	assert_int_equal(vpci_add(vpci, &nvme), 0);
	connect();
	open_bus(0);
	get_relations(0, VV(1, 4));
	assert_int_equal(d0_entry(0, WINDOW), NO_DEVICE);
	assert_int_equal(d0_entry(0, WINDOW), OK);
}

/* Ranges that the host refuses config windows in, whatever is there */
static void test_refused_windows(void **state)
{
	static const struct vpci_config config = {
		.cpus = GUEST_CPUS, .refusals = 3, .refusal = {
			{ { WINDOW, WINDOW + 0xfff }, ON_FRAMEBUFFER },
			{ { WINDOW, WINDOW + 0x3fff }, INVALID },
			{ { FB, FB + 0xfff }, 0x80000000 },
		},
	};
	static const struct {
		u64 window;
		u32 status;
		const char *trace;
	} windows[] = {
		{ WINDOW - 0x1000, ON_FRAMEBUFFER, "window=f8fff000 status=c0370048" },
		{ WINDOW, ON_FRAMEBUFFER, "window=f9000000 status=c0370048 reason=window;" },
		{ WINDOW + 0x1000, INVALID, "window=f9001000 status=c000000d reason=window;" },
		{ WINDOW + 0x3000, INVALID, "window=f9003000 status=c000000d reason=window;" },
		{ FB, 0x80000000, "window=f8000000 status=80000000 reason=window;" },
		/* These are judged as ever. */
		{ FB + 0x1000, ON_FRAMEBUFFER, "reason=framebuffer;" },
		{ WINDOW + 0x3800, INVALID, "reason=misaligned;" },
		{ WINDOW + 0x4000, OK, "reason=ok;" },
		{ WINDOW, WRONG_STATE, "reason=state;" },
	};
	size_t i;

	(void)state;
	restart(&config);
	connect();
	open_bus(0);
	get_relations(0, VV(1, 4));
	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		mock_reset();
		assert_int_equal(d0_entry(0, windows[i].window),
				 windows[i].status);
		/* What else is there is not looked at. */
		assert_int_equal(mock_count("conflict"),
				 windows[i].window == FB + 0x1000);
		expect_trace(windows[i].trace);
		assert_int_equal(mapped(), windows[i].status == OK ||
				 windows[i].status == WRONG_STATE);
	}
	/* A bus that a dead kernel holds says so first. */
	assert_int_equal(assigned(0), OK);
	connect();
	open_bus(0);
	get_relations(0, VV(1, 4));
	mock_reset();
	assert_int_equal(d0_entry(0, WINDOW), WRONG_STATE);
	expect_trace("reason=held;");
	bus_exit(0);
	assert_int_equal(d0_entry(0, WINDOW), ON_FRAMEBUFFER);
	assert_int_equal(d0_entry(0, WINDOW + 0x4000), OK);
	expect_good();
}

/* A host that takes back what a dead kernel had */
static void test_released(void **state)
{
	static const struct vpci_config release = {
		.cpus = GUEST_CPUS, .release_dead_devices = true,
	};
	int i;

	(void)state;
	restart(&release);
	connect();
	probe(0, WINDOW);
	for (i = 0; i < 3; i++) {
		if (i == 0)
			guest_simple(&g, MSG_UNLOAD);
		if (i < 2)
			connect();
		else
			close_bus(0);
		assert_int_equal(mapped(), 0);
		probe(0, i == 1 ? BAR0 : WINDOW);
		assert_int_equal(mapped(), 1);
	}
	expect_good();
}

/* Held, and on the framebuffer: the first is told first, the second stays. */
static void test_held_on_framebuffer(void **state)
{
	(void)state;
	boot();
	connect();
	open_bus(0);
	get_relations(0, VV(1, 4));
	mock_reset();
	assert_int_equal(d0_entry(0, FB + 0x1000), WRONG_STATE);
	assert_string_equal(mock_trace,
			    " d0_entry device=nvme0 window=f8001000 status=c0000184 reason=held;");
	mock_reset();
	bus_exit(0);
	mock_reset();
	assert_int_equal(d0_entry(0, FB + 0x1000), ON_FRAMEBUFFER);
	assert_string_equal(mock_trace,
			    " conflict what=config device=nvme0 range=f8001000 with=framebuffer with_range=f8000000 action=refused; d0_entry device=nvme0 window=f8001000 status=c0370048 reason=framebuffer;");
	/* A retry makes no difference. */
	bus_exit(0);
	assert_int_equal(d0_entry(0, FB + 0x1000), ON_FRAMEBUFFER);
	assert_int_equal(mapped(), 0);
	/* Nor does it hold the bus for the next kernel. */
	connect();
	open_bus(0);
	get_relations(0, VV(1, 4));
	assert_int_equal(d0_entry(0, WINDOW), OK);
	expect_good();
}

/* What a kernel that is gone had on another bus is in nobody's way. */
static void test_dead_addresses(void **state)
{
	struct vpci_device other = nvme;

	(void)state;
	connect();
	other.name = "nvme1";
	other.reset = NULL;
	other.bus = NULL;
	assert_int_equal(vpci_add(vpci, &other), 0);
	assert_int_equal(guest_next(&g)->head.type, MSG_OFFER);
	probe(0, WINDOW);
	place(WINDOW, BAR0, BAR4);
	probe(1, WINDOW + 0x2000);
	connect();
	assert_int_equal(mapped(), 0);
	mock_reset();
	open_bus(1);
	get_relations(1, VV(1, 4));
	assert_int_equal(d0_entry(1, WINDOW), WRONG_STATE);
	bus_exit(1);
	assert_int_equal(d0_entry(1, WINDOW), OK);
	assert_int_equal(mock_count("conflict"), 0);
	expect_good();
	assert_int_equal(vpci_surprise(vpci, "nvme1", false), 0);
}

static void test_window(void **state)
{
	static const struct {
		u64 window;
		u32 status;
		const char *reason;
	} refused[] = {
		{ FB, ON_FRAMEBUFFER, "reason=framebuffer;" },
		{ FB + 8 * MIB - 0x1000, ON_FRAMEBUFFER, "reason=framebuffer;" },
		{ FB - 0x1000, ON_FRAMEBUFFER, "reason=framebuffer;" },
		{ WINDOW, CONFLICT, "reason=overlap;" },
		{ WINDOW + 0x1000, CONFLICT, "reason=overlap;" },
		{ BAR4, CONFLICT, "reason=overlap;" },
		{ FB - 0x2000, CONFLICT, "reason=outside;" },
		{ 0xfed3f000, CONFLICT, "reason=outside;" },
		{ 0x100000, CONFLICT, "reason=outside;" },
		{ 0, CONFLICT, "reason=outside;" },
		{ 0xffffffffffffe000, CONFLICT, "reason=outside;" },
		{ 0xfffffffffffff000, INVALID, "reason=misaligned;" },
		{ WINDOW + 0x2800, INVALID, "reason=misaligned;" },
		{ ~0ull, INVALID, "reason=misaligned;" },
	};
	static struct vpci_device other;
	size_t i;

	(void)state;
	boot();
	other = nvme;
	other.bus = NULL;
	other.name = "other";
	other.reset = NULL;
	assert_int_equal(vpci_add(vpci, &other), 0);
	g.head = g.tail;
	open_bus(1);
	get_relations(1, VV(1, 4));
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		mock_reset();
		assert_int_equal(d0_entry(1, refused[i].window),
				 refused[i].status);
		assert_int_equal(mock_count("d0_entry device=other"), 1);
		assert_int_equal(mock_count("conflict"),
				 refused[i].status == INVALID ? 0 :
				 refused[i].window == FB - 0x1000 ? 2 : 1);
		expect_trace(refused[i].reason);
	}
	assert_int_equal(mapped(), 3);
	map_error = -ENOSPC;
	assert_int_equal(d0_entry(1, WINDOW + 0x2000), NO_RESOURCES);
	expect_trace("reason=host;");
	map_error = 0;
	assert_int_equal(d0_entry(1, WINDOW + 0x2000), OK);
	assert_int_equal(d0_entry(1, WINDOW + 0x4000), WRONG_STATE);
	expect_trace("reason=state;");
	assert_int_equal(cfg(WINDOW + 0x2000, PCI_DEVICE_ID, 2), 0xb111);
	assert_int_equal(mapped(), 4);
	expect_good();
}

static void test_config(void **state)
{
	u64 page = WINDOW + 0x1000;

	(void)state;
	connect();
	probe(0, WINDOW);
	assert_int_equal(cfg(WINDOW, 0, 4), 0xb1111414);
	assert_int_equal(cfg(WINDOW, PCI_CLASS_REVISION, 4), 0x01080207);
	assert_int_equal(cfg(WINDOW, PCI_SUBSYSTEM_VENDOR_ID, 4), 0xb1121415);
	assert_int_equal(cfg(WINDOW, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(cfg(WINDOW, PCI_COMMAND, 4), 0x00100000);
	assert_int_equal(cfg(WINDOW, PCI_CAPABILITY_LIST, 1), MSIX);
	assert_int_equal(cfg(WINDOW, MSIX, 4), (VECTORS - 1) << 16 | 0x11);
	assert_int_equal(cfg(WINDOW, MSIX + PCI_MSIX_TABLE, 4), TABLE | 4);
	assert_int_equal(cfg(WINDOW, MSIX + PCI_MSIX_PBA, 4), PBA | 4);
	assert_int_equal(cfg(WINDOW, 0x80, 4), 0);
	assert_int_equal(cfg(WINDOW, 0xfc, 4), 0);
	/* Extended config space has no capability. */
	assert_int_equal(cfg(WINDOW, 0x100, 4), 0);
	assert_int_equal(cfg(WINDOW, 0xffc, 4), 0);
	/* Every size at every offset, its end included */
	assert_int_equal(rd(page + 1, 1), 0x14);
	assert_int_equal(rd(page + 1, 2), 0x1114);
	assert_int_equal(rd(page + 1, 4), 0x00b11114);
	assert_int_equal(rd(page, 8), 0x00100000b1111414);
	assert_int_equal(rd(page + 0xfe, 4), 0);
	wr(page + 0xfe, ~0ull, 4);
	wr(page + 0xfff, ~0ull, 1);

	/* What can be written */
	cfg_set(WINDOW, 0, ~0u, 4);
	assert_int_equal(cfg(WINDOW, 0, 4), 0xb1111414);
	cfg_set(WINDOW, PCI_COMMAND, ~0u, 4);
	assert_int_equal(cfg(WINDOW, PCI_COMMAND, 4), 0x00100546);
	cfg_set(WINDOW, PCI_COMMAND, 0, 4);
	assert_int_equal(cfg(WINDOW, PCI_COMMAND, 4), 0x00100000);
	cfg_set(WINDOW, MSIX, ~0u, 4);
	assert_int_equal(cfg(WINDOW, MSIX, 4), 0xc0000011 | (VECTORS - 1) << 16);
	cfg_set(WINDOW, MSIX + PCI_MSIX_TABLE, ~0u, 4);
	assert_int_equal(cfg(WINDOW, MSIX + PCI_MSIX_TABLE, 4), TABLE | 4);

	/* BAR sizing */
	cfg_set(WINDOW, PCI_BASE_ADDRESS_0, ~0u, 4);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_1, ~0u, 4);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_2, ~0u, 4);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_3, ~0u, 4);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_0, 4), 0xffffc004);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_1, 4), 0xffffffff);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_2, 4), 0xfffff008);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_3, 4), 0);
	/* A byte at a time */
	cfg_set(WINDOW, PCI_BASE_ADDRESS_0 + 3, 0x12, 1);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_0, 0, 2);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_1, 0xf, 4);
	assert_int_equal(vpci_bar_gpa(&nvme, 0), 0xf12ff0000);
	cfg_set(WINDOW, PCI_ROM_ADDRESS, ~0u, 4);
	assert_int_equal(cfg(WINDOW, PCI_ROM_ADDRESS, 4), 0);

	/* Another function is none. */
	wr(WINDOW, 1, 4);
	assert_int_equal(rd(WINDOW, 4), 1);
	assert_int_equal(rd(WINDOW + 4, 4), 0);
	assert_int_equal(rd(page, 4), 0xffffffff);
	wr(page + PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	wr(WINDOW + 4, 0, 4);
	assert_int_equal(rd(page, 4), 0xffffffff);
	wr(WINDOW, 0, 4);
	assert_int_equal(rd(page + PCI_COMMAND, 2), 0);
	/* The next D0 begins with the first. */
	wr(WINDOW, 1, 4);
	bus_exit(0);
	assert_int_equal(d0_entry(0, WINDOW), OK);
	assert_int_equal(rd(page, 2), 0x1414);
	expect_good();
}

static void test_bars(void **state)
{
	struct mapping *m = mappings;

	(void)state;
	connect();
	probe(0, WINDOW);
	mock_reset();
	place(WINDOW, BAR0, BAR4);
	assert_string_equal(mock_trace,
			    " bar device=nvme0 bar=0 range=fe0000000 decodes=true; bar device=nvme0 bar=4 range=fe0010000 decodes=true;");
	/* BAR2 has no address, so it is not decoded */
	assert_int_equal(mapped(), 3);
	while (m->gpa != BAR0)
		m++;
	assert_int_equal(m->size, 16 * KIB);
	wr(BAR0 + 0x14, 0x1234, 4);
	assert_int_equal(access_bar, 0);
	assert_int_equal(access_offset, 0x14);
	assert_int_equal(rd(BAR0 + 0x3ff8, 8), 0x1234);
	assert_int_equal(rd(BAR4 + 0x7ff8, 8), 0x1234);
	assert_int_equal(access_bar, 4);
	assert_int_equal(access_offset, 0x7ff8);
	assert_int_equal(accesses, 3);

	/* It does not move while it decodes. */
	cfg_set(WINDOW, PCI_BASE_ADDRESS_0, 0x80000, 4);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_0, 4), 0xe0000004);
	assert_int_equal(vpci_bar_gpa(&nvme, 0), BAR0);
	assert_int_equal(vpci_bar_gpa(&nvme, 4), BAR4);
	/* Nor does it cease to answer; nobody does at the new place. */
	assert_int_equal(mapped(), 3);
	assert_int_equal(rd(BAR0 + 0x14, 4), 0x1234);
	assert_int_equal(rd(0xf00080000 + 0x14, 4), ~0ull);
	mock_reset();
	cfg_set(WINDOW, PCI_COMMAND, 0, 2);
	assert_string_equal(mock_trace,
			    " bar device=nvme0 bar=0 range=fe0000000 decodes=false; bar device=nvme0 bar=4 range=fe0010000 decodes=false;");
	assert_int_equal(mapped(), 1);
	assert_int_equal(rd(BAR0, 4), ~0ull);
	assert_int_equal(vpci_bar_gpa(&nvme, 0), BAR0);

	/* Sizes are no places, be the command left on by mistake. */
	mock_reset();
	cfg_set(WINDOW, PCI_BASE_ADDRESS_0, ~0u, 4);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_1, ~0u, 4);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_2, ~0u, 4);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_4, ~0u, 4);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_5, ~0u, 4);
	cfg_set(WINDOW, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	assert_string_equal(mock_trace, "");
	assert_int_equal(mapped(), 1);

	/* The VM has no place left: it is not decoded, nor on the map. */
	cfg_set(WINDOW, PCI_COMMAND, 0, 2);
	map_error = -ENOSPC;
	place(WINDOW, BAR0, 0);
	expect_bad("BAR that cannot be mapped", BAR0);
	assert_int_equal(mapped(), 1);
	map_error = 0;
	place(WINDOW, BAR0, BAR4);
	assert_int_equal(mapped(), 3);
	expect_good();
}

static void test_bar_refused(void **state)
{
	(void)state;
	connect();
	probe(0, WINDOW);
	mock_reset();
	place(WINDOW, FB + 0x100000, BAR4);
	assert_string_equal(mock_trace,
			    " conflict what=bar device=nvme0 bar=0 range=f8100000 with=framebuffer with_range=f8000000 action=refused; bar device=nvme0 bar=0 range=f8100000 decodes=false; bar device=nvme0 bar=4 range=fe0010000 decodes=true;");
	assert_int_equal(rd(FB + 0x100000, 4), ~0ull);
	assert_int_equal(mapped(), 2);
	/* On its own config window, its own other BAR, and outside */
	mock_reset();
	place(WINDOW, WINDOW, BAR4);
	expect_trace("bar=0 range=f9000000 with=nvme0 with_range=f9000000 action=refused;");
	assert_int_equal(mapped(), 2);
	mock_reset();
	place(WINDOW, BAR4 + 0x4000, BAR4);
	/* The first to come has it. */
	expect_trace("bar=4 range=fe0010000 with=nvme0 with_range=fe0014000 action=refused;");
	assert_int_equal(mapped(), 2);
	assert_int_equal(rd(BAR4, 4), ~0ull);
	mock_reset();
	place(WINDOW, 0x80000000, 0x1000000000);
	assert_int_equal(mock_count("with=outside action=refused;"), 2);
	assert_int_equal(mapped(), 1);
	/* What was in the way leaves: it counts from the next time on. */
	place(WINDOW, FB, BAR4);
	mmio_remove(&map, &fb);
	cfg_set(WINDOW, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
		2);
	assert_int_equal(mapped(), 2);
	place(WINDOW, FB, BAR4);
	assert_int_equal(mapped(), 3);
	place(WINDOW, BAR0, BAR4);
	mmio_add(&map, &fb);
	expect_good();
}

static void test_bar_ignored(void **state)
{
	static const struct vpci_config config = {
		.cpus = GUEST_CPUS, .ignore_bar_conflicts = true,
	};

	(void)state;
	restart(&config);
	connect();
	probe(0, WINDOW);
	mock_reset();
	place(WINDOW, FB + 0x100000, 0x80000000);
	assert_string_equal(mock_trace,
			    " conflict what=bar device=nvme0 bar=0 range=f8100000 with=framebuffer with_range=f8000000 action=ignored; bar device=nvme0 bar=0 range=f8100000 decodes=true; conflict what=bar device=nvme0 bar=4 range=80000000 with=outside action=ignored; bar device=nvme0 bar=4 range=80000000 decodes=true;");
	wr(FB + 0x100000, 0x99, 4);
	assert_int_equal(access_value, 0x99);
	assert_int_equal(mapped(), 3);
	expect_good();
	/* Two cannot answer: a BAR on a BAR, and one on a window */
	mock_reset();
	place(WINDOW, BAR4 + 0x4000, BAR4);
	expect_trace(" bar device=nvme0 bar=0 range=fe0014000 decodes=true; conflict what=bar device=nvme0 bar=4 range=fe0010000 with=nvme0 with_range=fe0014000 action=refused; bar device=nvme0 bar=4 range=fe0010000 decodes=false;");
	mock_reset();
	place(WINDOW, WINDOW, BAR4);
	expect_trace("bar=0 range=f9000000 with=nvme0 with_range=f9000000 action=refused; bar device=nvme0 bar=0 range=f9000000 decodes=false;");
	assert_int_equal(mapped(), 2);
	/* ... nor if it is on the framebuffer, too, or outside */
	place(WINDOW, FB + 0x100000, BAR4);
	mock_reset();
	cfg_set(WINDOW, PCI_COMMAND, 0, 2);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_2, FB + 0x101000, 4);
	place(WINDOW, FB + 0x100000, BAR4);
	expect_once("bar=0 range=f8100000 with=framebuffer with_range=f8000000 action=ignored;");
	expect_once("bar=2 range=f8101000 with=framebuffer with_range=f8000000 action=refused;");
	expect_once("bar=2 range=f8101000 with=nvme0 with_range=f8100000 action=refused;");
	expect_once("bar=2 range=f8101000 decodes=false;");
	mock_reset();
	cfg_set(WINDOW, PCI_COMMAND, 0, 2);
	cfg_set(WINDOW, PCI_BASE_ADDRESS_2, 0x80001000, 4);
	place(WINDOW, 0x80000000, BAR4);
	expect_once("bar=0 range=80000000 with=outside action=ignored;");
	expect_once("bar=2 range=80001000 with=outside action=refused;");
	expect_once("bar=2 range=80001000 decodes=false;");
	assert_int_equal(mapped(), 3);
	/* ... nor on a device of the host's at a fixed address */
	mock_reset();
	place(WINDOW, 0xfed3c000, BAR4);
	expect_trace("bar=0 range=fed3c000 with=fixed with_range=fed3c000 action=refused; bar device=nvme0 bar=0 range=fed3c000 decodes=false;");
	place(WINDOW, 0xfed38000, BAR4);
	expect_trace("bar=0 range=fed38000 with=fixed with_range=fed38000 action=refused; bar device=nvme0 bar=0 range=fed38000 decodes=false;");
	/* It has a place, and nobody complains of the VM */
	expect_good();
	/* Windows are refused all the same. */
	bus_exit(0);
	assert_int_equal(d0_entry(0, FB), ON_FRAMEBUFFER);
}

/* The framebuffer covers windows and BARs: they are accepted all the same. */
static void test_covered(void **state)
{
	struct mmio_claim other = {
		.kind = MMIO_CONFIG, .owner = "test0", .bar = -1,
		.range = { FB + 0x4000, FB + 0x5fff },
	};

	(void)state;
	map.cover = true;
	connect();
	open_bus(0);
	get_relations(0, VV(1, 4));
	mock_reset();
	assert_int_equal(d0_entry(0, FB + 0x1000), OK);
	assert_string_equal(mock_trace,
			    " conflict what=config device=nvme0 range=f8001000 with=framebuffer with_range=f8000000 action=covered; d0_entry device=nvme0 window=f8001000 status=0 reason=covered;");
	assert_int_equal(mapped(), 1);
	bus_exit(0);
	assert_int_equal(d0_entry(0, FB + 8 * MIB - 0x1000), OK);
	/* On another device, or outside, it is refused as ever. */
	bus_exit(0);
	mmio_add(&map, &other);
	assert_int_equal(d0_entry(0, FB + 0x5000), CONFLICT);
	mmio_remove(&map, &other);
	assert_int_equal(d0_entry(0, FB - 0x1000), CONFLICT);
	/* BARs */
	assert_int_equal(d0_entry(0, WINDOW), OK);
	mock_reset();
	place(WINDOW, FB + 0x100000, BAR4);
	assert_string_equal(mock_trace,
			    " conflict what=bar device=nvme0 bar=0 range=f8100000 with=framebuffer with_range=f8000000 action=covered; bar device=nvme0 bar=0 range=f8100000 decodes=true; bar device=nvme0 bar=4 range=fe0010000 decodes=true;");
	assert_int_equal(mapped(), 3);
	mock_reset();
	place(WINDOW, WINDOW, BAR4);
	expect_once("with=nvme0 with_range=f9000000 action=refused;");
	assert_int_equal(mapped(), 2);
	expect_good();
}

static void test_msix(void **state)
{
	struct vpci_message a, b;
	u64 entry = BAR4 + TABLE + 16 * 65;

	(void)state;
	boot();
	assert_int_equal(create(0, 0x40, 1, &a), OK);
	assert_string_equal(mock_trace,
			    " interrupt_created device=nvme0 message=10001 vp=1 vector=64;");
	assert_int_equal(create(0, 0x41, 2, &b), OK);
	assert_int_not_equal(a.data, b.data);
	/* All masked, all else 0 at first */
	assert_int_equal(rd(entry + 12, 4), 1);
	assert_int_equal(rd(entry, 8), 0);
	set_entry(65, &a, 1);
	assert_int_equal(rd(entry + 8, 4), a.data);
	assert_int_equal(rd(entry + 8, 8), (u64)a.data | 1ull << 32);
	/* Off: lost */
	vpci_interrupt(&nvme, 65);
	assert_int_equal(rd(BAR4 + PBA + 8, 8), 0);
	msix(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(interrupts, 0);
	/* Masked: pending, and delivered once it is not */
	vpci_interrupt(&nvme, 65);
	vpci_interrupt(&nvme, 65);
	assert_int_equal(interrupts, 0);
	assert_int_equal(rd(BAR4 + PBA + 8, 8), 2);
	assert_int_equal(rd(BAR4 + PBA, 8), 0);
	wr(BAR4 + PBA + 8, 0, 8);
	assert_int_equal(rd(BAR4 + PBA + 8, 1), 2);
	wr(entry + 12, 0, 1);
	assert_int_equal(interrupts, 1);
	assert_int_equal(interrupt_vp, 1);
	assert_int_equal(interrupt_vector, 0x40);
	assert_int_equal(rd(BAR4 + PBA + 8, 8), 0);
	wr(entry + 12, 0, 4);
	assert_int_equal(interrupts, 1);
	/* At once when nothing is masked; no other bit of the mask's word */
	vpci_interrupt(&nvme, 65);
	assert_int_equal(interrupts, 2);
	wr(entry + 12, 0xfffffffe, 4);
	assert_int_equal(rd(entry + 12, 4), 0);
	/* The whole function */
	msix(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	vpci_interrupt(&nvme, 65);
	assert_int_equal(interrupts, 2);
	wr(entry + 12, 1, 4);
	msix(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(interrupts, 2);
	wr(entry + 8, (u64)b.data, 8);	/* another message, and unmasked */
	assert_int_equal(interrupts, 3);
	assert_int_equal(interrupt_vp, 2);
	assert_int_equal(interrupt_vector, 0x41);
	msix(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	vpci_interrupt(&nvme, 65);
	msix(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(interrupts, 4);
	/* No bus master, no message */
	cfg_set(WINDOW, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	vpci_interrupt(&nvme, 65);
	cfg_set(WINDOW, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
		2);
	assert_int_equal(interrupts, 4);
	vpci_interrupt(&nvme, VECTORS);
	vpci_interrupt(&nvme, ~0u);
	expect_good();
	assert_int_equal(accesses, 0);
}

/* Messages that are nobody's */
static void test_msix_lies(void **state)
{
	u64 entry = BAR4 + TABLE + 16 * 65;
	struct vpci_message a, b;

	(void)state;
	boot();
	assert_int_equal(create(0, 0x40, 1, &a), OK);
	assert_int_equal(create(0, 0x41, 2, &b), OK);
	set_entry(65, &b, 0);
	msix(PCI_MSIX_FLAGS_ENABLE);
	vpci_interrupt(&nvme, 65);
	assert_int_equal(interrupts, 1);
	wr(entry + 4, 1, 4);
	vpci_interrupt(&nvme, 65);
	expect_bad("message of a vector", b.data);
	wr(entry + 4, 0, 4);
	wr(entry + 8, b.data + 1, 4);
	vpci_interrupt(&nvme, 65);
	expect_bad("message of a vector", b.data + 1);
	wr(entry + 8, b.data + 0x10000, 4);
	vpci_interrupt(&nvme, 65);
	expect_bad("message of a vector", b.data + 0x10000);
	wr(entry + 8, b.data, 4);
	mock_reset();
	assert_int_equal(delete(0, &b), OK);
	expect_trace(" interrupt_deleted device=nvme0 message=10002;");
	vpci_interrupt(&nvme, 65);
	expect_bad("message of a vector", b.data);
	assert_int_equal(interrupts, 1);
	assert_int_equal(create(0, 0x50, 0, &b), OK);
	interrupt_error = -EINVAL;
	vpci_interrupt(&nvme, 65);
	expect_bad("interrupt that could not be delivered", 0x50);
}

/* arm64: a vector is an SPI's number, beyond 255 too. */
static void test_spis(void **state)
{
	const struct vpci_config config = {
		.cpus = GUEST_CPUS, .vectors = { 64, 991 },
	};
	struct vpci_message a;

	(void)state;
	restart(&config);
	boot();
	assert_int_equal(create(0, 0x3df, 0, &a), OK);
	set_entry(0, &a, 0);
	msix(PCI_MSIX_FLAGS_ENABLE);
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupts, 1);
	assert_int_equal(interrupt_vector, 991);
	assert_int_equal(create(0, 63, 0, &a), INVALID);
	expect_bad("interrupt vector", 63);
	assert_int_equal(create(0, 992, 0, &a), INVALID);
	expect_bad("interrupt vector", 992);
	assert_int_equal(create(0, ~0u, 0, &a), INVALID);
	expect_bad("interrupt vector", ~0u);
}

/* Where the table is not, the device is. */
static void test_msix_bounds(void **state)
{
	(void)state;
	boot();
	wr(BAR4 + TABLE + 16 * VECTORS, 5, 8);
	assert_int_equal(accesses, 1);
	wr(BAR4 + PBA + 16, 5, 8);
	assert_int_equal(accesses, 2);
	wr(BAR4 + TABLE - 8, 5, 8);
	assert_int_equal(accesses, 3);
	/* Across its edge, what is in it counts. */
	wr(BAR4 + TABLE - 4, 0x1234567800000000, 8);
	assert_int_equal(rd(BAR4 + TABLE, 4), 0x12345678);
	assert_int_equal(rd(BAR4 + TABLE - 4, 8), 0x1234567800000000);
	assert_int_equal(rd(BAR4 + TABLE + 16 * VECTORS - 4, 8), 1);
	assert_int_equal(accesses, 3);
}

/* Requests that cannot be: nothing is made of them. */
static void test_create_lies(void **state)
{
	struct vpci_msg_create3 ok = {
		.type = VPCI_CREATE_INTERRUPT3, .vector = 0x40, .count = 1,
		.vps = 1,
	}, m;
	struct vpci_msg_create v1 = {
		.type = VPCI_CREATE_INTERRUPT, .vector = 0x40, .count = 1,
	};
	const u32 len = sizeof(struct vpci_reply_interrupt);

	(void)state;
	boot();
	m = ok;
	m.vector = 15;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), INVALID);
	expect_bad("interrupt vector", 15);
	m.vector = 0x140;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), INVALID);
	expect_bad("interrupt vector", 0x140);
	m = ok;
	m.mode = 4;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), BAD_DATA);
	expect_bad("delivery mode", 4);
	m = ok;
	m.count = 0;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), BAD_DATA);
	expect_bad("vectors of an interrupt", 0);
	m.count = 33;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), BAD_DATA);
	expect_bad("vectors of an interrupt", 33);
	m.count = 2;
	m.vector = 0xff;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), INVALID);
	expect_bad("interrupt vector", 0xff);
	m = ok;
	m.vp[0] = GUEST_CPUS;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), INVALID);
	expect_bad("vp of an interrupt", GUEST_CPUS);
	m = ok;
	m.vps = 0;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), INVALID);
	expect_bad("vp of an interrupt", ~0ull);
	m.vps = 33;
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), BAD_DATA);
	expect_bad("vps of an interrupt", 33);
	assert_int_equal(ask_more(0, &v1, sizeof(v1), NULL, len), INVALID);
	expect_bad("vp of an interrupt", ~0ull);
	v1.mask = 1ull << GUEST_CPUS;
	assert_int_equal(ask_more(0, &v1, sizeof(v1), NULL, len), INVALID);
	expect_bad("vp of an interrupt", GUEST_CPUS);
	m = ok;
	m.slot = 1;
	assert_int_equal(ask(0, &m, sizeof(m)), BAD_DATA);
	expect_bad("message for slot", 1);
}

/* At least as many as there are vectors, and once each */
static void test_create_all(void **state)
{
	const struct vpci_msg_create3 ok = {
		.type = VPCI_CREATE_INTERRUPT3, .vector = 0x40, .count = 1,
		.vps = 1,
	};
	const u32 len = sizeof(struct vpci_reply_interrupt);
	struct vpci_message message, last;
	u32 i;

	(void)state;
	boot();
	for (i = 0; i < VECTORS; i++)
		assert_int_equal(create(0, 0x40, 0, &message), OK);
	expect_good();
	while (i++ < 1000 && !create(0, 0x40, 0, &last))
		message = last;
	assert_true(i < 1000);
	expect_bad("no free interrupts, asked for", 1);
	assert_int_equal(ask_more(0, &ok, sizeof(ok), NULL, len), NO_RESOURCES);
	expect_bad("no free interrupts, asked for", 1);
	assert_int_equal(delete(0, &message), OK);
	expect_good();
	assert_int_equal(delete(0, &message), INVALID);
	expect_bad("deletion of interrupt", message.data);
	assert_int_equal(create(0, 0x40, 0, &message), OK);
	message.address++;
	assert_int_equal(delete(0, &message), INVALID);
	expect_bad("deletion of interrupt", message.data);
	message.address--;
	message.data = 0x10000;
	assert_int_equal(delete(0, &message), INVALID);
	expect_bad("deletion of interrupt", 0x10000);
	/* Released, they are gone. */
	assert_int_equal(ask_slot(0, VPCI_RESOURCES_RELEASED, 0), OK);
	assert_int_equal(create(0, 0x40, 0, &message), OK);
	assert_int_equal(message.data, 0x10001);
	assert_int_equal(ask_type(0, VPCI_D0_EXIT), OK);
	assert_int_equal(ask_more(0, &ok, sizeof(ok), NULL, len), WRONG_STATE);
	expect_bad("interrupt outside of D0", 0x40);
}

/* Several vectors in one request, as for MSI */
static void test_create_many(void **state)
{
	static const u32 counts[] = { 2, 3, 4, 16, 32, 31 };
	struct vpci_msg_create3 msg = {
		.type = VPCI_CREATE_INTERRUPT3, .vector = 0x40, .vps = 1,
		.vp = { 1 },
	};
	struct vpci_reply_interrupt reply;
	struct vpci_message message, one;
	u32 i, j;

	(void)state;
	boot();
	msix(PCI_MSIX_FLAGS_ENABLE);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		u32 mask = counts[i] > 16 ? 31 : counts[i] - 1;

		/* One in use, so that a block cannot start at the first one */
		assert_int_equal(create(0, 0x30, 0, &one), OK);
		msg.count = (u16)counts[i];
		mock_reset();
		assert_int_equal(ask_more(0, &msg, sizeof(msg), &reply,
					  sizeof(reply)), OK);
		message = reply.message;
		assert_int_equal(message.count, counts[i]);
		if (!(counts[i] & mask))
			assert_int_equal(message.data & mask, 0);
		for (j = 0; j < counts[i]; j++) {
			interrupts = 0;
			set_entry(j, &message, 0);
			vpci_interrupt(&nvme, j);
			assert_int_equal(interrupts, 1);
			assert_int_equal(interrupt_vp, 1);
			assert_int_equal(interrupt_vector, 0x40 + j);
			message.data++;
		}
		expect_good();
		/* Only the first message deletes them, and all of them. */
		assert_int_equal(delete(0, &(struct vpci_message) {
			.data = message.data - 1, .address = message.address,
		}), INVALID);
		expect_bad("deletion of interrupt", message.data - 1);
		assert_int_equal(delete(0, &reply.message), OK);
		vpci_interrupt(&nvme, 0);
		expect_bad("message of a vector", reply.message.data);
		assert_int_equal(delete(0, &one), OK);
	}
}

/* As on OpenVMM, power states turn memory decoding on and off. */
static void test_power(void **state)
{
	struct vpci_msg_power msg = {
		.type = VPCI_POWER_STATE_CHANGE, .state = VPCI_POWER_D3,
	};

	(void)state;
	boot();
	assert_int_equal(mapped(), 3);
	assert_int_equal(ask(0, &msg, sizeof(msg)), OK);
	assert_int_equal(mapped(), 1);
	assert_int_equal(cfg(WINDOW, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	msg.state = VPCI_POWER_D0;
	assert_int_equal(ask(0, &msg, sizeof(msg)), OK);
	assert_int_equal(ask(0, &msg, sizeof(msg)), OK);
	assert_int_equal(mapped(), 3);
	expect_good();
	msg.state = 2;
	assert_int_equal(ask(0, &msg, sizeof(msg)), BAD_DATA);
	expect_bad("power state", 2);
	/* OpenVMM does not support a reset. */
	assert_int_equal(ask_slot(0, VPCI_RESET_DEVICE, 0), NOT_SUPPORTED);
	expect_good();
	bus_exit(0);
	msg.state = VPCI_POWER_D0;
	assert_int_equal(ask(0, &msg, sizeof(msg)), WRONG_STATE);
	expect_bad("power state outside of D0", VPCI_POWER_D0);
	assert_int_equal(mapped(), 0);
}

/* BARs that do not read back what was written */
static void test_zero_bars(void **state)
{
	const struct vpci_config config = {
		.cpus = GUEST_CPUS, .zero_bars = true,
	};

	(void)state;
	restart(&config);
	connect();
	probe(0, WINDOW);
	/* BARs can be sized as ever. */
	cfg_set(WINDOW, PCI_BASE_ADDRESS_0, ~0u, 4);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_0, 4), 0xffffc004);
	place(WINDOW, BAR0, BAR4);
	assert_int_equal(mapped(), 3);
	assert_int_equal(cfg(WINDOW, PCI_COMMAND, 2),
			 PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_0, 4), 0);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_5, 4), 0);
	assert_int_equal(cfg(WINDOW, PCI_CLASS_REVISION, 4), 0x01080207);
	assert_int_equal(vpci_bar_gpa(&nvme, 0), BAR0);
	cfg_set(WINDOW, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	assert_int_equal(mapped(), 1);
	assert_int_equal(cfg(WINDOW, PCI_BASE_ADDRESS_1, 4), (u32)(BAR0 >> 32));
	expect_good();
}

struct retarget {
	struct vpci_retarget in;
	u64 bank[4];
};

static u16 do_retarget(const struct retarget *r, u32 banks)
{
	return vpci_retarget(vpci, r, sizeof(r->in) + 8 * banks);
}

/* To the lowest of a mask, which says nothing of banks; so long it is at least */
#define RETARGET_MASK	offsetof(struct vpci_retarget, banks)

/*
 * Vector 0 interrupts vCPU 1 with 0x40; @ok is what makes that vCPU 2 or 3 with
 * 0x51, by a set, as from version 1.2 on.
 */
static void boot_to_retarget(struct retarget *ok)
{
	struct vpci_message a;

	boot();
	assert_int_equal(create(0, 0x40, 1, &a), OK);
	set_entry(0, &a, 0);
	msix(PCI_MSIX_FLAGS_ENABLE);
	memset(ok, 0, sizeof(*ok));
	ok->in.partition = ~0ull;
	ok->in.device = 1ull << 16 | 0x40 << 8;
	ok->in.source = 1;
	ok->in.address = (u32)a.address;
	ok->in.data = a.data;
	ok->in.vector = 0x51;
	ok->in.flags = VPCI_TARGET_SET;
	ok->in.banks = 1;
	ok->bank[0] = 0xc;
	mock_reset();
}

static void test_retarget(void **state)
{
	struct retarget r, ok;

	(void)state;
	boot_to_retarget(&ok);
	assert_int_equal(do_retarget(&ok, 1), HV_STATUS_SUCCESS);
	assert_string_equal(mock_trace,
			    " retarget device=nvme0 message=10001 vp=2 vector=81;");
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupt_vp, 2);
	assert_int_equal(interrupt_vector, 0x51);
	/* The same once more is not worth a line. */
	mock_reset();
	assert_int_equal(do_retarget(&ok, 1), HV_STATUS_SUCCESS);
	assert_string_equal(mock_trace, "");
	/* By a mask, as in 1.1 */
	r = ok;
	r.in.flags = 0;
	r.in.vps = 0xa;
	r.in.vector = 0x52;
	assert_int_equal(vpci_retarget(vpci, &r, RETARGET_MASK),
			 HV_STATUS_SUCCESS);
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupt_vp, 1);
	assert_int_equal(interrupt_vector, 0x52);
	/* A bank that is empty, then one that is not, of vCPUs that are not */
	r = ok;
	r.in.banks = 9;
	r.bank[0] = 0;
	r.bank[1] = 4;
	assert_int_equal(do_retarget(&r, 2), HV_STATUS_INVALID_PARAMETER);
	expect_bad("vp of a retarget", 3 * 64 + 2);
	r.bank[0] = 8;
	assert_int_equal(do_retarget(&r, 2), HV_STATUS_SUCCESS);
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupt_vp, 3);
	expect_good();
	/* What a dead kernel knew cannot be moved. */
	connect();
	assert_int_equal(do_retarget(&ok, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("retarget of message", ok.in.data);
}

/* Those that do not fit into themselves, or name vCPUs that are not */
static void test_retarget_sets(void **state)
{
	const size_t len = RETARGET_MASK;
	struct retarget r, ok;

	(void)state;
	boot_to_retarget(&ok);
	assert_int_equal(vpci_retarget(vpci, &ok, len - 1),
			 HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect_bad("bytes of a retarget", len - 1);
	assert_int_equal(vpci_retarget(vpci, &ok, len),
			 HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect_bad("bytes of a retarget", len);
	assert_int_equal(do_retarget(&ok, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect_bad("banks of a retarget", 1);
	r = ok;
	r.in.banks = ~0ull;
	assert_int_equal(do_retarget(&r, 4), HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect_bad("banks of a retarget", ~0ull);
	r = ok;
	r.bank[0] = 0;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("vp of a retarget", ~0ull);
	r.in.banks = 0;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("vp of a retarget", ~0ull);
	r = ok;
	r.bank[0] = 1 << GUEST_CPUS;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("vp of a retarget", GUEST_CPUS);
	r = ok;
	r.in.flags = 0;
	r.in.vps = 0;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("vp of a retarget", ~0ull);
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupt_vp, 1);
	assert_int_equal(interrupt_vector, 0x40);
}

static void test_retarget_lies(void **state)
{
	struct retarget r, ok;

	(void)state;
	boot_to_retarget(&ok);
	r = ok;
	r.in.partition = 1;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("partition of a retarget", 1);
	r = ok;
	r.in.source = 2;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("source of a retarget", 2);
	r = ok;
	r.in.flags |= 4;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("flags of a retarget", 6);
	r = ok;
	r.in.vps = 1;			/* all vCPUs, without a set */
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("format of a retarget", 1);
	r = ok;
	r.in.device++;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("retarget for device", r.in.device);
	r = ok;
	r.in.data++;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("retarget of message", r.in.data);
	r = ok;
	r.in.address++;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("retarget of message", r.in.data);
	r = ok;
	r.in.vector = 15;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("vector of a retarget", 15);
	r.in.vector = 0x151;
	assert_int_equal(do_retarget(&r, 1), HV_STATUS_INVALID_PARAMETER);
	expect_bad("vector of a retarget", 0x151);
	/* None of that moved it. */
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupt_vp, 1);
	assert_int_equal(interrupt_vector, 0x40);
}

/* DMA and interrupts: by leave of the guest, and not into the next kernel */
static void test_dma(void **state)
{
	struct vpci_message a;

	(void)state;
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA, 8));
	connect();
	probe(0, WINDOW);
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA, 8));
	cfg_set(WINDOW, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	assert_ptr_equal(vpci_dma(&nvme, MOCK_LOW_GPA, 8), mock_ram);
	assert_ptr_equal(vpci_dma(&nvme, SHARED_BIT | (MOCK_LOW_GPA + 8), 8),
			 mock_ram + 8);
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA - 1, 8));
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA + MOCK_LOW_SIZE - 4, 8));
	place(WINDOW, BAR0, BAR4);
	assert_int_equal(create(0, 0x40, 1, &a), OK);
	set_entry(0, &a, 0);
	msix(PCI_MSIX_FLAGS_ENABLE);
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupts, 1);
	close_bus(0);
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA, 8));
	vpci_interrupt(&nvme, 0);
	assert_int_equal(interrupts, 1);
	assert_int_equal(rd(WINDOW + 0x1000, 4), ~0ull);
	/* Not in the next D0 either, before it says so */
	open_bus(0);
	get_relations(0, VV(1, 4));
	bus_exit(0);
	assert_int_equal(d0_entry(0, WINDOW), OK);
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA, 8));
	place(WINDOW, BAR0, BAR4);
	assert_int_equal(rd(BAR4 + TABLE, 4), 0);
	assert_int_equal(rd(BAR4 + TABLE + 12, 4), 1);
	msix(PCI_MSIX_FLAGS_ENABLE);
	vpci_interrupt(&nvme, 0);
	assert_int_equal(rd(BAR4 + PBA, 8), 1);
	/* Released: off, but for the config window */
	assert_int_equal(ask_slot(0, VPCI_RESOURCES_RELEASED, 0), OK);
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA, 8));
	assert_int_equal(mapped(), 1);
	assert_int_equal(cfg(WINDOW, PCI_COMMAND, 2), 0);
	place(WINDOW, BAR0, BAR4);
	assert_int_equal(rd(BAR4 + PBA, 8), 0);
	expect_good();
}

/* The next packet of the host's on that bus: its type as a message */
static u32 next_message(int i, struct vpci_msg_slot *msg)
{
	struct guest_ring r = down(i);
	struct ring_desc d;

	assert_int_equal(guest_read(&r, &d, msg, sizeof(*msg)), 8);
	assert_int_equal(d.type, RING_PKT_INBAND);
	return msg->type;
}

/* Since the last time: a "vpci" event for each, in this order */
static void expect_messages(const char *what)
{
	assert_string_equal(mock_messages, what);
	mock_reset();
}

static void test_messages(void **state)
{
	struct vpci_msg_slot need = { VPCI_QUERY_RESOURCE_REQUIREMENTS, 0 };
	struct vpci_reply_requirements req;
	struct vpci_msg_delete delete2;
	struct vpci_message message;
	struct vpci_msg_slot eject;
	u32 type = VPCI_READ_BLOCK;

	(void)state;
	connect();
	open_bus(0);
	mock_reset();
	get_relations(0, VV(1, 4));
	expect_messages(" vpci device=nvme0 from=guest message=QUERY_PROTOCOL_VERSION; vpci device=nvme0 from=host message=QUERY_PROTOCOL_VERSION status=0 version=1.6; vpci device=nvme0 from=guest message=QUERY_BUS_RELATIONS; vpci device=nvme0 from=host message=BUS_RELATIONS2 count=1;");
	ask_more(0, &need, sizeof(need), &req, sizeof(req));
	expect_messages(" vpci device=nvme0 from=guest message=QUERY_RESOURCE_REQUIREMENTS; vpci device=nvme0 from=host message=QUERY_RESOURCE_REQUIREMENTS status=0 masks=ffffc004 ffffffff fffff008 0 ffff800c ffffffff;");
	need.slot = 1;
	ask(0, &need, sizeof(need));
	expect_messages(" vpci device=nvme0 from=guest message=QUERY_RESOURCE_REQUIREMENTS; vpci device=nvme0 from=host message=QUERY_RESOURCE_REQUIREMENTS status=c000090b;");
	/* On the framebuffer, then elsewhere */
	d0_entry(0, FB);
	d0_entry(0, WINDOW);
	expect_messages(" vpci device=nvme0 from=guest message=D0_ENTRY; vpci device=nvme0 from=host message=D0_ENTRY status=c0370048; vpci device=nvme0 from=guest message=D0_ENTRY; vpci device=nvme0 from=host message=BUS_RELATIONS2 count=1; vpci device=nvme0 from=host message=D0_ENTRY status=0;");
	create(0, 0x40, 0, &message);
	delete(0, &message);
	expect_messages(" vpci device=nvme0 from=guest message=CREATE_INTERRUPT3; vpci device=nvme0 from=host message=CREATE_INTERRUPT3 status=0; vpci device=nvme0 from=guest message=DELETE_INTERRUPT; vpci device=nvme0 from=host message=DELETE_INTERRUPT status=0;");
	create(0, 0x40, 0, &message);
	delete2 = (struct vpci_msg_delete) {
		.type = VPCI_DELETE_INTERRUPT2, .message = message,
	};
	mock_reset();
	ask(0, &delete2, sizeof(delete2));
	expect_messages(" vpci device=nvme0 from=guest message=DELETE_INTERRUPT2; vpci device=nvme0 from=host message=DELETE_INTERRUPT2 status=0;");
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	expect_messages(" vpci device=nvme0 from=host message=EJECT;");
	assert_int_equal(next_message(0, &eject), VPCI_EJECT);
	/* What wants no completion has none. */
	bus_exit(0);
	expect_messages(" vpci device=nvme0 from=guest message=RESOURCES_RELEASED; vpci device=nvme0 from=guest message=D0_EXIT; vpci device=nvme0 from=host message=D0_EXIT status=0;");
	/* Not supported, and not known */
	ask(0, &type, sizeof(type));
	type = VPCI_BUS_RELATIONS - 1;
	ask(0, &type, sizeof(type));
	type = VPCI_CREATE_INTERRUPT3 + 1;
	ask(0, &type, sizeof(type));
	expect_messages(" vpci device=nvme0 from=guest message=READ_BLOCK; vpci device=nvme0 from=host message=READ_BLOCK status=c000090b; vpci device=nvme0 from=guest message=4248ffff; vpci device=nvme0 from=host message=4248ffff status=c000090b; vpci device=nvme0 from=guest message=RESET_DEVICE; vpci device=nvme0 from=host message=RESET_DEVICE status=c00000bb;");
}

static void test_eject(void **state)
{
	struct vpci_msg_ejected done = { .type = VPCI_EJECTION_COMPLETE };
	struct vpci_msg_slot msg;
	struct guest_message *m;

	(void)state;
	boot();
	assert_int_equal(vpci_eject(vpci, "nvme1"), -ENOENT);
	assert_int_equal(ask(0, &done, sizeof(done)), WRONG_STATE);
	expect_bad("ejection that nobody asked for", 1);
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	expect_trace(" eject device=nvme0 how=asked;");
	assert_int_equal(next_message(0, &msg), VPCI_EJECT);
	assert_int_equal(msg.slot, 0);
	assert_int_equal(vpci_eject(vpci, NVME), -EALREADY);
	/* It works until the guest has let go. */
	assert_int_equal(mapped(), 3);
	write_packet(0, RING_PKT_INBAND, 0, 0, &done, sizeof(done));
	/* What comes behind it is read by nobody. */
	write_packet(0, RING_PKT_INBAND, 0, 0, &done, sizeof(done));
	kick(0);
	expect_trace(" eject device=nvme0 how=done;");
	m = guest_next(&g);
	assert_int_equal(m->head.type, MSG_RESCIND);
	assert_int_equal(m->relid.relid, 1);
	assert_null(nvme.bus);
	assert_int_equal(mapped(), 0);
	vpci_interrupt(&nvme, 0);
	assert_null(vpci_dma(&nvme, MOCK_LOW_GPA, 8));
	assert_int_equal(vpci_bar_gpa(&nvme, 0), 0);
	assert_int_equal(vpci_eject(vpci, NVME), -ENOENT);
	expect_good();

	/* Plugged in again; held by nobody */
	assert_int_equal(vpci_add(vpci, &nvme), 0);
	assert_null(guest_next(&g));
	guest_relid(&g, MSG_RELEASED, 1);
	m = guest_next(&g);
	assert_int_equal(m->head.type, MSG_OFFER);
	assert_int_equal(m->offer.relid, 2);
	assert_int_equal(m->offer.instance.b[4], 1);
	expect_good();
}

/* The guest knows the device, but is not in D0 yet: Linux may drop the request. */
static void test_eject_early(void **state)
{
	struct vpci_msg_ejected done = { .type = VPCI_EJECTION_COMPLETE };
	struct vpci_msg_assigned all = { .type = VPCI_RESOURCES_ASSIGNED2 };
	struct vpci_msg_d0_entry entry = {
		.type = VPCI_D0_ENTRY, .window = WINDOW,
	};
	struct vpci_msg_slot msg;

	(void)state;
	boot();
	/* That an earlier kernel was in D0 says nothing of this one. */
	connect();
	open_bus(0);
	get_relations(0, VV(1, 4));
	mock_reset();
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	expect_trace(" eject device=nvme0 how=postponed;");
	assert_int_equal(vpci_eject(vpci, NVME), -EALREADY);
	bus_exit(0);
	mock_reset();
	write_packet(0, RING_PKT_INBAND, 0, 0, &entry, sizeof(entry));
	kick(0);
	expect_trace(" eject device=nvme0 how=asked;");
	assert_true(have_relations(0));
	assert_int_equal(next_message(0, &msg), VPCI_EJECT);
	/* Once, whatever the guest does then */
	write_packet(0, RING_PKT_INBAND, 0, 0, &all, sizeof(all));
	kick(0);
	assert_null(strstr(mock_trace, "eject"));
	assert_int_equal(vpci_eject(vpci, NVME), -EALREADY);
	/* By that kernel, and not by the next one */
	connect();
	probe_held(0, WINDOW);
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	assert_int_equal(next_message(0, &msg), VPCI_EJECT);
	assert_int_equal(vpci_eject(vpci, NVME), -EALREADY);
	write_packet(0, RING_PKT_INBAND, 0, 0, &done, sizeof(done));
	kick(0);
	assert_null(nvme.bus);
	expect_good();
}

/* Nobody there to ask, or nobody that knows it */
static void test_eject_unseen(void **state)
{
	(void)state;
	connect();
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	expect_trace(" eject device=nvme0 how=unseen;");
	assert_int_equal(guest_next(&g)->head.type, MSG_RESCIND);
	assert_null(nvme.bus);
	guest_relid(&g, MSG_RELEASED, 1);
	assert_int_equal(vpci_add(vpci, &nvme), 0);
	connect();
	open_bus(0);
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	assert_null(nvme.bus);
	assert_int_equal(guest_next(&g)->head.type, MSG_RESCIND);
	guest_relid(&g, MSG_RELEASED, 1);
	/* A kernel is asked, and crashes: the next one may keep it. */
	assert_int_equal(vpci_add(vpci, &nvme), 0);
	boot();
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	connect();
	assert_non_null(nvme.bus);
	open_bus(0);
	get_relations(0, VV(1, 4));
	bus_exit(0);
	assert_int_equal(d0_entry(0, WINDOW), OK);
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	assert_non_null(nvme.bus);
	/* The one after that has not seen it yet. */
	connect();
	open_bus(0);
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	assert_null(nvme.bus);
	expect_good();
}

static void test_surprise(void **state)
{
	struct guest_ring r = down(0);
	struct vpci_msg_slot msg;
	u32 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		connect();
		open_bus(0);
		get_relations(0, i ? VV(1, 4) : VV(1, 2));
		if (i)
			assert_int_equal(d0_entry(0, WINDOW), OK);
		assert_int_equal(vpci_surprise(vpci, "nvme1", true), -ENOENT);
		mock_reset();
		assert_int_equal(vpci_surprise(vpci, NVME, true), 0);
		assert_int_equal(mock_count(" eject device=nvme0 how=surprise;"), 1);
		assert_null(nvme.bus);
		assert_int_equal(mapped(), 0);
		assert_int_equal(next_message(0, &msg), i ?
				 VPCI_BUS_RELATIONS2 : VPCI_BUS_RELATIONS);
		assert_int_equal(msg.slot, 0);		/* how many */
		assert_int_equal(*guest_field(&r, RING_READ_INDEX),
				 *guest_field(&r, RING_WRITE_INDEX));
		assert_int_equal(guest_next(&g)->head.type, MSG_RESCIND);
		assert_int_equal(vpci_add(vpci, &nvme), 0);
	}
	/* Before anybody has seen it */
	assert_int_equal(vpci_surprise(vpci, NVME, true), 0);
	expect_good();
}

/* Nothing but the rescind, however much the guest knows */
static void test_rescind(void **state)
{
	struct guest_ring r = down(0);
	u32 read;

	(void)state;
	boot();
	mock_reset();
	read = *guest_field(&r, RING_READ_INDEX);
	assert_int_equal(vpci_surprise(vpci, "nvme1", false), -ENOENT);
	assert_int_equal(vpci_surprise(vpci, NVME, false), 0);
	assert_int_equal(mock_count(" eject device=nvme0 how=rescind;"), 1);
	assert_null(nvme.bus);
	assert_int_equal(mapped(), 0);
	assert_int_equal(*guest_field(&r, RING_READ_INDEX), read);
	assert_int_equal(*guest_field(&r, RING_WRITE_INDEX), read);
	assert_int_equal(guest_next(&g)->head.type, MSG_RESCIND);
	expect_good();
}

/* Once a channel, when a version is agreed on */
static void test_begun(void **state)
{
	(void)state;
	connect();
	open_bus(0);
	assert_int_equal(begun, 0);
	assert_int_equal(ask_version(0, VV(9, 9)), MISMATCH);
	assert_int_equal(begun, 0);
	assert_int_equal(ask_version(0, VV(1, 4)), OK);
	assert_int_equal(begun, 1);
	assert_string_equal(begun_name, NVME);
	assert_int_equal(ask_version(0, VV(1, 3)), OK);
	assert_int_equal(begun, 1);
	assert_int_equal(d0_entry(0, WINDOW), OK);
	assert_int_equal(begun, 1);

	at_begun = EJECT;
	connect();
	open_bus(0);
	assert_int_equal(ask_version(0, VV(1, 4)), OK);
	assert_int_equal(begun, 2);
	assert_int_equal(mock_count(" eject device=nvme0 how=unseen;"), 1);
	assert_null(nvme.bus);

	at_begun = REMOVE;
	assert_int_equal(vpci_add(vpci, &nvme), 0);
	connect();
	open_bus(0);
	assert_int_equal(ask_version(0, VV(1, 4)), OK);
	assert_int_equal(begun, 3);
	assert_null(nvme.bus);
	expect_good();
}

/* Every message there is, and some there are not, at every length */
static void test_malformed(void **state)
{
	static const struct {
		u32 type, len;
	} known[] = {
		{ VPCI_QUERY_PROTOCOL_VERSION, 8 },
		{ VPCI_QUERY_RESOURCE_REQUIREMENTS, 8 },
		{ VPCI_D0_ENTRY, 16 },
		{ VPCI_POWER_STATE_CHANGE, 12 },
		{ VPCI_RESOURCES_ASSIGNED, 136 },
		{ VPCI_RESOURCES_ASSIGNED2, 136 },
		{ VPCI_RESOURCES_ASSIGNED3, 136 },
		{ VPCI_RESOURCES_RELEASED, 8 },
		{ VPCI_CREATE_INTERRUPT, 24 },
		{ VPCI_CREATE_INTERRUPT2, 78 },
		{ VPCI_CREATE_INTERRUPT3, 82 },
		{ VPCI_DELETE_INTERRUPT, 24 },
		{ VPCI_DELETE_INTERRUPT2, 24 },
		{ VPCI_EJECTION_COMPLETE, 8 },
		{ VPCI_RESET_DEVICE, 8 },
	};
	u8 msg[256] = { 0 };
	u32 i, len;

	(void)state;
	boot();
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		memcpy(msg, &known[i].type, 4);
		for (len = 0; len < known[i].len; len += 8) {
			/* Padding makes it long enough */
			if (len && (len + 7) / 8 * 8 >= known[i].len)
				break;
			mock_reset();
			assert_int_equal(ask(0, msg, len), BAD_DATA);
			if (len)
				expect_bad("short message of type",
					   known[i].type);
			else
				expect_bad("bytes of a message", 0);
		}
	}
	/* Slots */
	assert_int_equal(ask_slot(0, VPCI_RESOURCES_RELEASED, 1), BAD_DATA);
	expect_bad("message for slot", 1);
	assert_int_equal(ask_slot(0, VPCI_QUERY_RESOURCE_REQUIREMENTS, 0x20),
			 BAD_DATA);
	expect_bad("message for slot", 0x20);
	/* All of that did nothing. */
	assert_int_equal(mapped(), 3);
}

/* What the host sends, or does not know */
static void test_unknown(void **state)
{
	static const u8 ours[] = {
		1, 4, 5, 7, 8, 15, 16, 17, 19, 20, 21, 22, 23, 24, 26, 27, 28,
	};
	u8 msg[256] = { 0 };
	struct guest_ring r = down(0);
	struct ring_desc d;
	u32 i, want;

	(void)state;
	boot();
	for (i = 0; i < 0x40; i++) {
		if (memchr(ours, (int)i, sizeof(ours)))
			continue;
		want = VPCI_BUS_RELATIONS + i;
		memcpy(msg, &want, 4);
		assert_int_equal(ask(0, msg, 200), BAD_DATA);
		expect_bad("unsupported message", want);
		/* Nobody wants to know. */
		say(0, msg, 200);
		expect_bad("unsupported message", want);
	}
	memset(msg, 0xff, sizeof(msg));
	assert_int_equal(ask(0, msg, 8), BAD_DATA);
	expect_bad("unsupported message", 0xffffffff);
	/* Packets of other types; they may be answers to what we never asked */
	write_packet(0, RING_PKT_COMPLETION, RING_COMPLETION_REQUESTED, 1, msg,
		     8);
	kick(0);
	expect_bad("packet of type", RING_PKT_COMPLETION);
	assert_int_equal(guest_read(&r, &d, NULL, 0), -1);
	/* All of that did nothing. */
	assert_int_equal(mapped(), 3);
	bus_exit(0);
	assert_int_equal(assigned(0), WRONG_STATE);
	expect_bad("resources assigned outside of D0", 1);
	assert_int_equal(d0_entry(0, WINDOW), OK);
}

/* A guest that does not read has its answers kept, but not for ever. */
static void test_full(void **state)
{
	struct vpci_msg msg = { VPCI_QUERY_BUS_RELATIONS };
	struct vpci_msg exit_msg = { VPCI_D0_EXIT };
	struct guest_ring r = down(0);
	struct ring_desc d;
	u64 next = 0;
	u32 i, n = 0;

	(void)state;
	boot();
	/* 32 bytes each, in 4096 */
	for (i = 0; i < 127 + 64; i++) {
		write_packet(0, RING_PKT_INBAND, RING_COMPLETION_REQUESTED, i,
			     &exit_msg, sizeof(exit_msg));
		kick(0);
	}
	expect_good();
	write_packet(0, RING_PKT_INBAND, 0, 0, &msg, sizeof(msg));
	kick(0);
	expect_bad("messages that the guest does not read", 64);
	/* They come when there is room, in order. */
	while (guest_read(&r, &d, NULL, 0) >= 0) {
		assert_int_equal(d.type, RING_PKT_COMPLETION);
		assert_int_equal(d.transaction, next++);
		n++;
	}
	/* One more: it has to wait until those before it are told. */
	write_packet(0, RING_PKT_INBAND, RING_COMPLETION_REQUESTED, i,
		     &exit_msg, sizeof(exit_msg));
	kick(0);
	while (guest_read(&r, &d, NULL, 0) >= 0) {
		assert_int_equal(d.transaction, next++);
		n++;
	}
	assert_int_equal(n, 127 + 64 + 1);
	/* And the new one gets none that were for the old. */
	for (i = 0; i < 127 + 10; i++) {
		write_packet(0, RING_PKT_INBAND, RING_COMPLETION_REQUESTED, i,
			     &exit_msg, sizeof(exit_msg));
		kick(0);
	}
	connect();
	open_bus(0);
	assert_int_equal(guest_read(&r, &d, NULL, 0), -1);
	get_relations(0, VV(1, 4));
	bus_exit(0);
	assert_int_equal(d0_entry(0, WINDOW), OK);
	/* An index that lies, with a queue: the channel is closed. */
	for (i = 0; i < 127 + 10; i++) {
		write_packet(0, RING_PKT_INBAND, RING_COMPLETION_REQUESTED, i,
			     &exit_msg, sizeof(exit_msg));
		kick(0);
	}
	*guest_field(&r, RING_READ_INDEX) = 3;
	kick(0);
	expect_bad("read index", 3);
	assert_int_equal(mapped(), 0);
	close_bus(0);
	open_bus(0);
	assert_int_equal(ask_version(0, VV(1, 4)), OK);
	expect_good();
}

/* What the guest's queue does not take is not traced, and an eject request comes later. */
static void test_full_trace(void **state)
{
	struct vpci_msg_slot need = { VPCI_QUERY_RESOURCE_REQUIREMENTS, 0 };
	struct guest_ring r = down(0);
	u32 type = 0, ejects = 0, i;
	struct ring_desc d;

	(void)state;
	boot();
	for (i = 0; i < 2; i++) {
		while (!mock_bad_count) {
			mock_reset();
			write_packet(0, RING_PKT_INBAND,
				     RING_COMPLETION_REQUESTED, 0, &need,
				     sizeof(need));
			kick(0);
		}
		assert_string_equal(mock_messages,
				    " vpci device=nvme0 from=guest message=QUERY_RESOURCE_REQUIREMENTS;");
		expect_bad("messages that the guest does not read", 64);
	}
	assert_int_equal(vpci_eject(vpci, NVME), 0);
	assert_string_equal(mock_messages, "");
	assert_string_equal(mock_trace, " eject device=nvme0 how=postponed;");
	expect_bad("messages that the guest does not read", 64);
	assert_int_equal(vpci_eject(vpci, NVME), -EALREADY);
	do {
		while (guest_read(&r, &d, &type, sizeof(type)) >= 0)
			ejects += d.type == RING_PKT_INBAND &&
				  type == VPCI_EJECT;
		kick(0);
	} while (*guest_field(&r, RING_READ_INDEX) !=
		 *guest_field(&r, RING_WRITE_INDEX));
	assert_int_equal(ejects, 1);
	expect_trace(" eject device=nvme0 how=asked;");
	expect_good();
}

/* What is short enough for the room there is does not overtake what is not. */
static void test_order(void **state)
{
	struct vpci_msg_slot need = { VPCI_QUERY_RESOURCE_REQUIREMENTS, 0 };
	struct vpci_msg exit_msg = { VPCI_D0_EXIT };
	struct guest_ring r = down(0);
	struct ring_desc d;
	u64 next = 0, i;

	(void)state;
	boot();
	/* 56 bytes, and 32 bytes each: 40 of 4096 are left */
	for (i = 0; i < 128; i++) {
		if (i == 0 || i == 126)
			write_packet(0, RING_PKT_INBAND,
				     RING_COMPLETION_REQUESTED, i, &need,
				     sizeof(need));
		else
			write_packet(0, RING_PKT_INBAND,
				     RING_COMPLETION_REQUESTED, i, &exit_msg,
				     sizeof(exit_msg));
		kick(0);
	}
	while (guest_read(&r, &d, NULL, 0) >= 0)
		assert_int_equal(d.transaction, next++);
	assert_int_equal(next, 126);
	kick(0);
	while (guest_read(&r, &d, NULL, 0) >= 0)
		assert_int_equal(d.transaction, next++);
	assert_int_equal(next, 128);
	expect_good();
}

/* 64 buses with windows and BARs of their own, at once, in two kernels */
static void test_many(void **state)
{
	static struct vpci_device devs[MAX_BUSES];
	static char names[MAX_BUSES][16];
	struct guest_message *m;
	int i, kernel;

	(void)state;
	for (kernel = 0; kernel < 2; kernel++) {
		connect();
		for (i = 0; i < MAX_BUSES; i++) {
			u64 window = 0xf9000000ull + i * 0x2000ull;

			if (i && !kernel) {
				snprintf(names[i], sizeof(names[i]), "nvme%d",
					 i);
				devs[i] = nvme;
				devs[i].name = names[i];
				devs[i].reset = NULL;
				devs[i].bus = NULL;
				assert_int_equal(vpci_add(vpci, &devs[i]), 0);
				m = guest_next(&g);
				assert_int_equal(m->head.type, MSG_OFFER);
				assert_int_equal(m->offer.relid, i + 1);
				assert_int_equal(m->offer.instance.b[4], i + 1);
				assert_int_equal(m->offer.instance.b[5], 0);
			}
			open_bus(i);
			get_relations(i, VV(1, 4));
			mock_reset();
			if (kernel) {
				assert_int_equal(d0_entry(i, window),
						 WRONG_STATE);
				bus_exit(i);
			}
			assert_int_equal(d0_entry(i, window), OK);
			assert_int_equal(assigned(i), OK);
			place(window, BAR0 + i * 0x20000ull,
			      BAR4 + i * 0x20000ull);
			assert_int_equal(mapped(), 3 * (i + 1));
			assert_int_equal(mock_count("conflict"), 0);
			expect_good();
		}
	}
}

static void test_add(void **state)
{
	static struct vpci_device d, e;	/* the teardown wants them, too */

	(void)state;
	d = nvme;
	assert_int_equal(vpci_add(vpci, &nvme), -EEXIST);
	d.bus = NULL;
	d.reset = NULL;
	assert_int_equal(vpci_add(vpci, &d), -EEXIST);
	d.name = "other";
	e = d;
	e.bar[0].size = 0x3000;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e.bar[0].size = 8;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e = d;
	e.bar[1].size = 0x1000;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e = d;
	e.bar[5] = e.bar[4];
	e.bar[4].size = 0;
	e.vectors = 0;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e = d;
	e.bar[2].size = 4 * GIB;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e = d;
	e.vectors = 2049;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e = d;
	e.msix_bar = 6;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e.msix_bar = 3;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e = d;
	e.msix_table = 0x7ff0;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e = d;
	e.msix_pba = 0x7ff8;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e.msix_pba = 0x9000;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	e.msix_pba = 0x3004;
	assert_int_equal(vpci_add(vpci, &e), -EINVAL);
	assert_null(e.bus);
	/* The lowest number that is free */
	assert_int_equal(vpci_add(vpci, &d), 0);
	e = d;
	e.bus = NULL;
	e.name = "third";
	e.vectors = 0;
	e.msix_bar = 6;			/* without vectors it does not count */
	assert_int_equal(vpci_add(vpci, &e), 0);
	assert_int_equal(vpci_surprise(vpci, "other", true), 0);
	assert_null(d.bus);
	assert_int_equal(vpci_add(vpci, &d), 0);
	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	guest_next(&g);
	assert_int_equal(guest_next(&g)->offer.instance.b[4], 1);
	assert_int_equal(guest_next(&g)->offer.instance.b[4], 2);
	assert_int_equal(guest_next(&g)->offer.instance.b[4], 3);
	vpci_free(NULL);
}

/* Without MSI-X there is no capability, and no interrupt. */
static void test_plain(void **state)
{
	const u32 len = sizeof(struct vpci_reply_interrupt);
	struct vpci_msg_create3 m = {
		.type = VPCI_CREATE_INTERRUPT3, .vector = 0x40, .count = 1,
		.vps = 1,
	};

	(void)state;
	assert_int_equal(vpci_surprise(vpci, NVME, true), 0);
	nvme.vectors = 0;
	assert_int_equal(vpci_add(vpci, &nvme), 0);
	boot();
	assert_int_equal(cfg(WINDOW, PCI_COMMAND, 4), 6);
	assert_int_equal(cfg(WINDOW, PCI_CAPABILITY_LIST, 1), 0);
	assert_int_equal(cfg(WINDOW, MSIX, 4), 0);
	assert_int_equal(ask_more(0, &m, sizeof(m), NULL, len), NO_RESOURCES);
	expect_bad("no free interrupts, asked for", 1);
	vpci_interrupt(&nvme, 0);
	rd(BAR4 + TABLE, 4);
	assert_int_equal(accesses, 1);
	expect_good();
}

int main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_offer),
		T(test_life),
		T(test_versions),
		T(test_held),
		T(test_unbound),
		T(test_refused),
		T(test_refused_windows),
		T(test_released),
		T(test_held_on_framebuffer),
		T(test_dead_addresses),
		T(test_window),
		T(test_config),
		T(test_bars),
		T(test_bar_refused),
		T(test_bar_ignored),
		T(test_covered),
		T(test_msix),
		T(test_msix_lies),
		T(test_spis),
		T(test_msix_bounds),
		T(test_create_lies),
		T(test_create_all),
		T(test_create_many),
		T(test_power),
		T(test_zero_bars),
		T(test_retarget),
		T(test_retarget_sets),
		T(test_retarget_lies),
		T(test_dma),
		T(test_messages),
		T(test_eject),
		T(test_eject_early),
		T(test_eject_unseen),
		T(test_surprise),
		T(test_rescind),
		T(test_begun),
		T(test_malformed),
		T(test_unknown),
		T(test_full),
		T(test_full_trace),
		T(test_order),
		T(test_many),
		T(test_add),
		T(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
