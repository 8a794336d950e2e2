// SPDX-License-Identifier: GPL-2.0-only
/* A host that lies: each site, by a session of a guest that does not look. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/pci_regs.h>

#include "arch/arm64/acpi.h"
#include "arch/arm64/dtb.h"
#include "arch/firmware.h"
#include "arch/gop.h"
#include "core/hostile.h"
#include "expect.h"
#include "guest.h"
#include "hv/hypercall.h"
#include "hv/ics.h"
#include "hv/synthvid.h"
#include "hv/vpci_bus.h"
#include "hv/vpci_proto.h"

/* Relids, in the order of the interfaces' GUIDs */
enum { PCI = 1, HEARTBEAT, VIDEO, CHANNELS = VIDEO };

#define WINDOW		0xf9000000ull
#define FB		0xf8000000ull
#define PAGES		12u		/* of both rings of a channel */
#define INPUT_GPA	MOCK_HIGH_GPA
/* Each channel's pages, and no more */
#define RINGS_SIZE	(CHANNELS * PAGES * HV_PAGE_SIZE)

static struct guest g;
static struct vpci *vpci;
static struct vpci_device dev;
static struct mmio_map map;
static struct synthvid video;
static struct heartbeat heartbeat;
static struct hypercalls calls;
static u64 pfn[CHANNELS + 1][PAGES];
static u64 log_hash;			/* of all that the guest can see */

static const struct layout layout = {
	.width = 1920, .height = 1080, .max_fb = 8 * MIB, .mmio_megabytes = 8,
	.fb = { FB, FB + 8 * MIB - 1 },
	.usable = { { FB, 0xfed3ffff }, { 0xfe0000000, 0xfffffffff } },
	.usable_count = 2,
	.crs = { { FB, 0xffffffff }, { 0xfe0000000, 0xfffffffff } },
	.crs_count = 2,
};

/* The config window, while it is mapped */
static struct {
	u64 gpa;
	void (*fn)(void *io, u64 offset, bool write, u64 *value,
		   unsigned int size);
	void *io;
} window;

static int map_op(void *opaque, u64 gpa, u64 size,
		  void (*fn)(void *io, u64 offset, bool write, u64 *value,
			     unsigned int size), void *io)
{
	(void)opaque;
	if (size == VPCI_CONFIG_WINDOW) {
		window.gpa = gpa;
		window.fn = fn;
		window.io = io;
	}
	return 0;
}

static void unmap_op(void *opaque, u64 gpa)
{
	(void)opaque;
	if (gpa == window.gpa)
		window.fn = NULL;
}

static int interrupt_op(void *opaque, u32 vp, u32 vector)
{
	(void)opaque;
	(void)vp;
	(void)vector;
	return 0;
}

static void begun_op(void *opaque, const char *name)
{
	(void)opaque;
	(void)name;
}

static const struct vpci_ops ops = {
	.map = map_op, .unmap = unmap_op, .interrupt = interrupt_op,
	.begun = begun_op,
};

static int move(void *opaque, const struct range *fb)
{
	(void)opaque;
	(void)fb;
	return 0;
}

static void dev_access(struct vpci_device *d, int bar, u64 offset, bool write,
		       u64 *value, unsigned int size)
{
	(void)d;
	(void)bar;
	(void)offset;
	(void)size;
	if (!write)
		*value = 0;
}

static void see(const void *data, size_t len)
{
	const u8 *p = data;

	while (len--)
		log_hash = (log_hash ^ *p++) * 0x100000001b3ull;
}

/* Take what came, and look at all of memory. */
static void look(void)
{
	struct guest_message *m;

	while ((m = guest_next(&g))) {
		see(&m->len, sizeof(m->len));
		see(m->bytes, sizeof(m->bytes));
	}
	see(&g.signals, sizeof(g.signals));
	see(&g.signal_flag, sizeof(g.signal_flag));
	see(mem_at(&mock_mem, MOCK_LOW_GPA, RINGS_SIZE), RINGS_SIZE);
	mock_reset();
}

static void kick_unseen(u32 relid)
{
	u16 status = hypercall_signal_event(&calls, HVCALL_FAST,
					    VMBUS_CONN_CHANNEL + relid);

	see(&status, sizeof(status));
}

static void kick(u32 relid)
{
	kick_unseen(relid);
	look();
}

static struct guest_ring up(u32 relid)
{
	return (struct guest_ring) { pfn[relid], HV_PAGE_SIZE };
}

static void open_channel(u32 relid)
{
	u32 i;

	for (i = 0; i < PAGES; i++)
		memset(mem_at(&mock_mem, pfn[relid][i] * HV_PAGE_SIZE,
			      HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
	guest_gpadl(&g, relid, 0x100 + relid, pfn[relid], PAGES);
	look();
	guest_open(&g, relid, 0x100 + relid, 0, 2);
	look();
}

static void ask_pci_unseen(const void *msg, u32 len)
{
	struct guest_ring ring = up(PCI);
	u64 trailer = (u64)*guest_field(&ring, RING_WRITE_INDEX) << 32;
	struct ring_desc d = {
		.type = RING_PKT_INBAND, .offset8 = 2,
		.len8 = (u16)(2 + (len + 7) / 8),
		.flags = RING_COMPLETION_REQUESTED, .transaction = 0x1234,
	};
	u8 buf[256] = { 0 };

	memcpy(buf, msg, len);
	guest_put(&ring, &d, sizeof(d));
	guest_put(&ring, buf, (len + 7) / 8 * 8);
	guest_put(&ring, &trailer, 8);
	kick_unseen(PCI);
}

static void ask_pci(const void *msg, u32 len)
{
	ask_pci_unseen(msg, len);
	look();
}

static void use_config(void)
{
	u64 value;
	u32 at;

	for (at = 0; at < 64 && window.fn; at += 4) {
		window.fn(window.io, VPCI_CONFIG_PAGE + at, false, &value, 4);
		see(&value, 4);
	}
}

static void use_pci(void)
{
	struct vpci_msg_version version = {
		VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION(1, 4),
	};
	struct vpci_msg relations = { VPCI_QUERY_BUS_RELATIONS };
	struct vpci_msg_slot slot = { .type = VPCI_QUERY_RESOURCE_REQUIREMENTS };
	struct vpci_msg_d0_entry entry = {
		.type = VPCI_D0_ENTRY, .window = WINDOW,
	};
	struct vpci_msg_create2 create = {
		.type = VPCI_CREATE_INTERRUPT2, .vector = 0x30, .count = 1,
		.vps = 1,
	};
	struct vpci_msg bus_exit = { VPCI_D0_EXIT };
	struct vpci_retarget retarget = { .partition = VPCI_PARTITION_SELF };
	u64 result;

	ask_pci(&version, sizeof(version));
	ask_pci(&relations, sizeof(relations));
	ask_pci(&slot, sizeof(slot));
	ask_pci(&entry, sizeof(entry));
	ask_pci(&create, sizeof(create));
	use_config();
	memcpy(mem_at(&mock_mem, INPUT_GPA, sizeof(retarget)), &retarget,
	       sizeof(retarget));
	result = hypercall_other(&calls, HVCALL_RETARGET_IRQ, INPUT_GPA);
	see(&result, sizeof(result));
	ask_pci(&bus_exit, sizeof(bus_exit));
}

static void say_video(u32 type, const void *data, u32 len)
{
	struct guest_ring ring = up(VIDEO);
	struct video_head head = {
		.pipe_type = PIPE_DATA, .pipe_size = VIDEO_HEAD_SIZE + len,
		.type = type, .size = VIDEO_HEAD_SIZE + len,
	};
	u8 buf[256];

	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), data, len);
	guest_write(&ring, RING_PKT_INBAND, 0, buf, sizeof(head) + len);
	kick(VIDEO);
}

static void use_video(void)
{
	struct video_situation situation = {
		.outputs = 1, .active = 1, .depth = 32, .width = 1024,
		.height = 768, .pitch = 4096,
	};
	struct video_vram vram = { .context = FB, .specified = 1, .gpa = FB };
	u32 version = VIDEO_VERSION(3, 5);
	u8 most = VIDEO_MAX_RESOLUTIONS;

	say_video(VIDEO_VERSION_REQUEST, &version, sizeof(version));
	say_video(VIDEO_RESOLUTION_REQUEST, &most, sizeof(most));
	say_video(VIDEO_VRAM_LOCATION, &vram, sizeof(vram));
	say_video(VIDEO_SITUATION_UPDATE, &situation, sizeof(situation));
}

/* What firmware says before all that */
static void use_firmware(void)
{
	const struct dtb_config config = { .append = "", .layout = &layout };
	const struct pci_bar bar = { .size = 64 * MIB };
	static u8 table[32 * KIB];
	struct pcicfg vga;
	struct screen_info si;
	int len;

	len = acpi64_make_ssdt(&layout, 1, table, sizeof(table));
	assert_true(len > 0);
	see(table, (size_t)len);
	len = dtb_make(&config, table, sizeof(table));
	assert_true(len > 0);
	see(table, (size_t)len);
	gop_describe(&layout, &si);
	see(&si, sizeof(si));
	pcicfg_init(&vga, 0x1414, 0x5353, 0x030000, 0);
	pcicfg_set_bar(&vga, 0, &bar);
	firmware_vga(&layout, &vga);
	see(&vga, sizeof(vga));
}

/* The same contact again, posted by a hypercall */
static void post(void)
{
	struct {
		u32 connection, reserved, type, len;
		struct msg_modify modify;
	} msg = {
		.connection = VMBUS_CONN_MESSAGE_4, .type = VMBUS_MESSAGE_TYPE,
		.len = sizeof(msg.modify),
		.modify = { .head.type = MSG_MODIFY, .relid = PCI, .vp = 1 },
	};
	u16 status;

	memcpy(mem_at(&mock_mem, INPUT_GPA, sizeof(msg)), &msg, sizeof(msg));
	status = hypercall_post_message(&calls, 1, 0, INPUT_GPA);
	see(&status, sizeof(status));
	look();
}

static void start(const struct hostile_plan *plan)
{
	static const struct vmbus_config vmbus_config = {
		.max_version = VMBUS_VERSION(6, 0), .cpus = GUEST_CPUS,
	};
	static const struct vpci_config config = {
		.cpus = GUEST_CPUS, .vectors = { 16, 255 },
	};
	u32 i, j;

	mock_ram_new();
	mock_reset();
	memset(&g, 0, sizeof(g));
	memset(&window, 0, sizeof(window));
	log_hash = 0xcbf29ce484222325ull;
	hostile_start(plan);
	for (i = 1; i <= CHANNELS; i++)
		for (j = 0; j < PAGES; j++)
			pfn[i][j] = MOCK_LOW_GPA / HV_PAGE_SIZE +
				    PAGES * (i - 1) + j;
	g.bus = vmbus_new(&vmbus_config, &mock_mem, &guest_ops, &g);
	mmio_init(&map, &layout);
	vpci = vpci_new(&config, g.bus, &mock_mem, &map, &ops, &g);
	dev = (struct vpci_device) {
		.name = "test0", .vendor = 0x1414, .device = 0xecc0,
		.class = 0x010802, .bar[0] = { .size = 16 * KIB },
		.vectors = 4, .msix_pba = 0x1000, .access = dev_access,
	};
	assert_int_equal(vpci_add(vpci, &dev), 0);
	assert_int_equal(heartbeat_add(&heartbeat, g.bus), 0);
	synthvid_init(&video, &layout, &map, move, NULL);
	assert_int_equal(synthvid_add(&video, g.bus), 0);
	calls = (struct hypercalls) {
		.mem = &mock_mem, .bus = g.bus, .vpci = vpci,
	};
}

/* All that a guest does, whatever it is answered. Return: a hash of what it saw. */
static u64 session(const struct hostile_plan *plan)
{
	u32 relid, round;

	start(plan);
	use_firmware();
	for (round = 0; round < 2; round++) {
		guest_contact(&g, VMBUS_VERSION(6, 0), 0);
		look();
		guest_simple(&g, MSG_REQUEST_OFFERS);
		look();
		for (relid = 1; relid <= CHANNELS; relid++)
			open_channel(relid);
		use_pci();
		use_video();
		post();
		vmbus_poll(g.bus);
		heartbeat_tick(&heartbeat);
		vpci_surprise(vpci, dev.name, true);
		if (!dev.bus)
			assert_int_equal(vpci_add(vpci, &dev), 0);
		for (relid = 1; relid <= CHANNELS; relid++) {
			guest_relid(&g, MSG_CLOSE, relid);
			guest_teardown(&g, relid, 0x100 + relid);
			guest_relid(&g, MSG_RELEASED, relid);
			look();
		}
		if (round)
			guest_simple(&g, MSG_UNLOAD);
		look();
	}
	vpci_free(vpci);
	vmbus_free(g.bus);
	mock_ram_free();
	return log_hash;
}

static const struct hostile_plan honest;

static struct hostile_plan only(u64 seed, u32 rate, enum hostile_site site,
				u64 number)
{
	return (struct hostile_plan) {
		.on = true, .seed = seed, .rate = rate,
		.only = { { .site = site, .number = number } }, .onlys = 1,
	};
}

/* At each site all decisions are lies at a rate of 1000, and none at 0. */
static void test_sites(void **state)
{
	u64 truth = session(&honest);
	struct hostile_plan plan;
	int site;

	(void)state;
	for (site = 0; site < HOSTILE_SITES; site++) {
		plan = only(7, 0, site, 0);
		if (session(&plan) != truth || hostile_mutations(site))
			fail_msg("%s lies at rate 0", hostile_name(site));
		plan = only(7, 1000, site, 0);
		if (session(&plan) == truth)
			fail_msg("%s does not lie at rate 1000",
				 hostile_name(site));
		if (!hostile_mutations(site))
			fail_msg("%s counts nothing", hostile_name(site));
	}
	assert_int_equal(session(&honest), truth);
}

/* The same seed does the same, another does something else. */
static void test_reproducible(void **state)
{
	struct hostile_plan plan = { .on = true, .seed = 1, .rate = 100 };
	u64 first = session(&plan);

	(void)state;
	assert_int_equal(session(&plan), first);
	plan.seed = 2;
	assert_int_not_equal(session(&plan), first);
}

/* One mutation of many is the same without the others. */
static void test_reduced(void **state)
{
	struct hostile_plan plan = only(3, 1000, HOSTILE_VERSION_CONNECTION, 2);
	struct hostile_plan nowhere = only(3, 1000, HOSTILE_VERSION_CONNECTION,
					   99);
	u64 truth = session(&honest), seen;
	int i;

	(void)state;
	seen = session(&plan);
	assert_int_not_equal(seen, truth);
	assert_int_equal(hostile_mutations(HOSTILE_VERSION_CONNECTION), 1);
	assert_int_equal(session(&nowhere), truth);

	/* Its value does not depend on what the other sites do */
	hostile_start(&plan);
	hostile_u32(HOSTILE_VERSION_CONNECTION, 4);
	seen = hostile_u32(HOSTILE_VERSION_CONNECTION, 4);
	assert_int_not_equal(seen, 4);
	plan.onlys = 0;
	hostile_start(&plan);
	for (i = 0; i < 9; i++)
		hostile_u32(HOSTILE_D0_STATUS, 0);
	assert_int_not_equal(hostile_u32(HOSTILE_VERSION_CONNECTION, 4), 4);
	assert_int_equal(hostile_u32(HOSTILE_VERSION_CONNECTION, 4), seen);
}

/* Not at some sites, or at all but some; the first that matches counts */
static void test_never(void **state)
{
	struct hostile_plan plan = { .on = true, .rate = 1000 };

	(void)state;
	assert_null(hostile_parse_only("-eject,-ic.2", &plan));
	hostile_start(&plan);
	assert_false(hostile_event(HOSTILE_EJECT));
	assert_true(hostile_event(HOSTILE_IC));
	assert_false(hostile_event(HOSTILE_IC));
	assert_true(hostile_event(HOSTILE_RESCIND));
	plan.onlys = 0;
	assert_null(hostile_parse_only("-ic.1,ic", &plan));
	hostile_start(&plan);
	assert_false(hostile_event(HOSTILE_IC));
	assert_true(hostile_event(HOSTILE_IC));
	assert_false(hostile_event(HOSTILE_EJECT));
}

/* The host's own state survives all of its lies. */
static void test_survives(void **state)
{
	struct hostile_plan plan = { .on = true };

	(void)state;
	for (plan.seed = 0; plan.seed < 300; plan.seed++) {
		plan.rate = (u32)(plan.seed % 10 * 100 + 5);
		session(&plan);
	}
}

/* RATE of 1000 decisions are lies, and no value stays what it was. */
static void test_rate(void **state)
{
	static const unsigned int sizes[] = { 1, 8, 16, 32, 64 };
	struct hostile_plan plan = { .on = true, .seed = 11, .rate = 250 };
	u64 old, lies, i;

	(void)state;
	hostile_start(&plan);
	for (i = 0; i < 10000; i++)
		hostile_event(HOSTILE_EJECT);
	lies = hostile_mutations(HOSTILE_EJECT);
	assert_in_range(lies, 2300, 2700);
	plan.rate = 1000;
	hostile_start(&plan);
	for (i = 0; i < 10000; i++) {
		unsigned int bits = sizes[i % ARRAY_SIZE(sizes)];
		u64 all = bits == 64 ? ~0ull : (1ull << bits) - 1;

		old = (i * 0x9e3779b97f4a7c15ull) & all;
		lies = hostile_bits(HOSTILE_BAR_MASKS, old, bits);
		assert_int_not_equal(lies, old);
		assert_int_equal(lies & ~all, 0);
	}
	for (i = 0; i < 10000; i++) {
		old = i % 8;
		lies = hostile_below(HOSTILE_PACKET_SIZE, (u32)old, 8);
		assert_in_range(lies, 0, 7);
		assert_int_not_equal(lies, old);
	}
}

/* Bytes change within their bounds, whatever their number. */
static void test_bytes(void **state)
{
	struct hostile_plan plan = { .on = true, .seed = 5, .rate = 1000 };
	u8 *bytes, old[33];
	size_t len, i;

	(void)state;
	hostile_start(&plan);
	hostile_bytes(HOSTILE_IC, NULL, 0);
	assert_int_equal(hostile_mutations(HOSTILE_IC), 0);
	for (i = 0; i < 2000; i++) {
		len = 1 + i % 33;
		bytes = malloc(len);
		assert_non_null(bytes);
		memset(bytes, (int)i, len);
		memcpy(old, bytes, len);
		hostile_bytes(HOSTILE_IC, bytes, len);
		assert_memory_not_equal(bytes, old, len);
		free(bytes);
	}
}

/* A mutation is an event that says where, which one, and what. */
static void test_trace(void **state)
{
	struct hostile_plan plan = only(1, 1000, HOSTILE_D0_STATUS, 2);
	char want[120];
	u32 lie;

	(void)state;
	mock_reset();
	hostile_start(&plan);
	assert_int_equal(hostile_u32(HOSTILE_D0_STATUS, 5), 5);
	assert_string_equal(mock_trace, "");
	lie = hostile_u32(HOSTILE_D0_STATUS, 5);
	snprintf(want, sizeof(want),
		 " hostile site=d0-status number=2 old=5 new=%x;", lie);
	assert_string_equal(mock_trace, want);
	mock_reset();
}

/* The new value in the trace's last event of that site, which has to have one */
static u64 traced(enum hostile_site site)
{
	const char *at = mock_trace, *last = NULL;
	char want[60];

	snprintf(want, sizeof(want), " hostile site=%s ", hostile_name(site));
	while ((at = strstr(at, want)))
		last = at++;
	assert_non_null(last);
	return strtoull(strstr(last, " new=") + strlen(" new="), NULL, 16);
}

/* Contact and an open channel, to a host that is honest until then */
static void begin(u32 relid)
{
	start(&honest);
	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	look();
	open_channel(relid);
}

static void end(void)
{
	vpci_free(vpci);
	vmbus_free(g.bus);
	mock_ram_free();
}

/* Bytes of the next packet's payload that the guest finds in a ring; -1: no packet */
static int received(u32 relid)
{
	struct guest_ring down = { pfn[relid] + 2, (PAGES - 3) * HV_PAGE_SIZE };
	struct ring_desc d;
	u8 buf[16];

	return guest_read(&down, &d, buf, sizeof(buf));
}

/* What the trace says of a size, or of an event flag, is what the guest gets. */
static void test_limits(void **state)
{
	struct vpci_msg_version version = {
		VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION(1, 4),
	};
	struct vpci_msg relations = { VPCI_QUERY_BUS_RELATIONS };
	struct hostile_plan plan;
	u64 new, seed;

	(void)state;
	for (seed = 0; seed < 100; seed++) {
		begin(PCI);
		plan = only(seed, 1000, HOSTILE_MESSAGE_SIZE, 0);
		hostile_start(&plan);
		guest_modify(&g, PCI, 1);
		new = traced(HOSTILE_MESSAGE_SIZE);
		assert_int_equal(guest_next(&g)->len, new);
		assert_int_not_equal(new, sizeof(struct msg_modified));
		mock_reset();

		plan = only(seed, 1000, HOSTILE_SIGNAL_FLAG, 0);
		hostile_start(&plan);
		ask_pci_unseen(&version, sizeof(version));
		assert_int_equal(g.signal_flag, traced(HOSTILE_SIGNAL_FLAG));
		assert_int_not_equal(g.signal_flag, PCI);
		mock_reset();
		received(PCI);

		plan = only(seed, 1000, HOSTILE_PACKET_SIZE, 0);
		hostile_start(&plan);
		ask_pci_unseen(&version, sizeof(version));
		new = traced(HOSTILE_PACKET_SIZE);
		assert_int_equal(received(PCI), (new + 7) / 8 * 8);
		assert_int_not_equal(new, sizeof(struct vpci_reply_version));
		mock_reset();

		plan = only(seed, 1000, HOSTILE_RELATIONS_SIZE, 0);
		hostile_start(&plan);
		ask_pci_unseen(&relations, sizeof(relations));
		new = traced(HOSTILE_RELATIONS_SIZE);
		assert_int_equal(received(PCI), (new + 7) / 8 * 8);
		assert_int_not_equal(new, sizeof(struct vpci_msg_relations2));
		end();
	}
	hostile_start(&honest);
	mock_reset();
}

/* One message and one packet of a channel can wait, and what is traced as late is. */
static void test_late(void **state)
{
	struct vpci_msg_version version = {
		VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION(1, 4),
	};
	struct vpci_msg relations = { VPCI_QUERY_BUS_RELATIONS };
	struct hostile_plan plan = only(1, 1000, HOSTILE_MESSAGE_LATE, 0);
	u64 size, seed;
	int empty = 0;
	u32 i;

	(void)state;
	start(&honest);
	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	look();
	hostile_start(&plan);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	assert_int_equal(mock_count(" hostile site=message-late"), 1);
	for (i = 2; i <= CHANNELS; i++)
		assert_int_equal(guest_next(&g)->offer.relid, i);
	assert_int_equal(guest_next(&g)->head.type, MSG_ALL_OFFERS);
	assert_null(guest_next(&g));
	vmbus_poll(g.bus);
	assert_int_equal(guest_next(&g)->offer.relid, 1);
	assert_null(guest_next(&g));
	end();

	plan.only[plan.onlys++].site = HOSTILE_MESSAGE_SIZE;
	for (seed = 0; seed < 100; seed++) {
		begin(PCI);
		plan.seed = seed;
		hostile_start(&plan);
		guest_modify(&g, PCI, 1);
		assert_null(guest_next(&g));
		size = traced(HOSTILE_MESSAGE_SIZE);
		empty += !size;
		vmbus_poll(g.bus);
		assert_int_equal(g.tail - g.head, 1);
		assert_int_equal(guest_next(&g)->len, size);
		end();
		mock_reset();
	}
	assert_true(empty);

	begin(PCI);
	ask_pci_unseen(&version, sizeof(version));
	received(PCI);
	plan = only(1, 1000, HOSTILE_PACKET_LATE, 0);
	hostile_start(&plan);
	/* Relations, and the completion of the query */
	ask_pci_unseen(&relations, sizeof(relations));
	assert_int_equal(mock_count(" hostile site=packet-late"), 1);
	assert_int_equal(received(PCI), sizeof(u64));
	assert_int_equal(received(PCI), -1);
	vmbus_poll(g.bus);
	assert_int_equal(received(PCI),
			 (sizeof(struct vpci_msg_relations2) + 7) / 8 * 8);
	assert_int_equal(received(PCI), -1);
	end();
	hostile_start(&honest);
	mock_reset();
}

/* A packet that is late waits for room, and finds out what the guest does to its ring. */
static void test_late_ring(void **state)
{
	struct guest_ring down = { pfn[PCI] + 2, (PAGES - 3) * HV_PAGE_SIZE };
	struct vpci_msg_version version = {
		VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION(1, 4),
	};
	struct hostile_plan plan = only(1, 1000, HOSTILE_PACKET_LATE, 1);
	u32 *read, was;

	(void)state;
	begin(PCI);
	read = guest_field(&down, RING_READ_INDEX);
	was = *read;
	hostile_start(&plan);
	ask_pci_unseen(&version, sizeof(version));
	assert_int_equal(received(PCI), -1);
	/* Full but for 8 bytes */
	*read = (*guest_field(&down, RING_WRITE_INDEX) + 8) % down.size;
	vmbus_poll(g.bus);
	*read = was;
	assert_int_equal(received(PCI), -1);
	vmbus_poll(g.bus);
	assert_int_equal(received(PCI), sizeof(struct vpci_reply_version));
	vmbus_poll(g.bus);
	assert_int_equal(received(PCI), -1);
	expect_good();

	hostile_start(&plan);
	ask_pci_unseen(&version, sizeof(version));
	mock_reset();
	*read = down.size;
	vmbus_poll(g.bus);
	assert_int_equal(mock_count(" close device=test0 relid=1 by=host;"), 1);
	expect_bad("read index", down.size);
	vmbus_poll(g.bus);
	expect_good();
	assert_null(dev.bus->chan);
	end();
	hostile_start(&honest);
}

static void test_parse(void **state)
{
	static const char *const bad[] = {
		"", "x", "-1", "1:", "1:1001", "1:x", ":5", "1:5:6", "0x10",
		"18446744073709551616", "1 ",
	};
	static const char *const bad_only[] = {
		"", "nowhere", "eject.", "eject.0", "eject.x", "eject,",
		"eject.1,", "eject.1 ", "ejec", "-", "--eject", "ejectx", ",eject",
	};
	struct hostile_plan plan = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_non_null(hostile_parse(bad[i], &plan));
	for (i = 0; i < ARRAY_SIZE(bad_only); i++)
		assert_non_null(hostile_parse_only(bad_only[i], &plan));
	plan = (struct hostile_plan) { 0 };
	assert_null(hostile_parse("18446744073709551615", &plan));
	assert_true(plan.on);
	assert_int_equal(plan.seed, ~0ull);
	assert_int_equal(plan.rate, HOSTILE_RATE_DEFAULT);
	assert_null(hostile_parse("12:1000", &plan));
	assert_int_equal(plan.seed, 12);
	assert_int_equal(plan.rate, 1000);
	assert_null(hostile_parse_only("eject", &plan));
	assert_null(hostile_parse_only("bar-masks.12,ic,d0-status.1", &plan));
	assert_int_equal(plan.onlys, 4);
	assert_int_equal(plan.only[1].site, HOSTILE_BAR_MASKS);
	assert_int_equal(plan.only[1].number, 12);
	assert_int_equal(plan.only[2].number, 0);
	while (plan.onlys < HOSTILE_MAX_ONLY)
		assert_null(hostile_parse_only("ic.7", &plan));
	assert_non_null(hostile_parse_only("ic.7", &plan));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_reproducible),
		cmocka_unit_test(test_reduced),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_survives),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_ring),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
