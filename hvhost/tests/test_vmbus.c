// SPDX-License-Identifier: GPL-2.0-only
/* vmbus.c against a guest that does all in order, and one that does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/hv.h"
#include "expect.h"
#include "guest.h"

#define V(major, minor)	VMBUS_VERSION(major, minor)

static struct guest g;

/* A device that remembers what happened to it, and can answer packets. */
struct toy {
	struct vmbus_device dev;
	struct vmbus_channel *chan;
	int opened, closed, packets, rooms;
	u16 type;
	u64 transaction;
	u8 payload[64];
	size_t len;
	bool echo, rescind_self;
	int flood;	/* packets that the guest sends meanwhile */
	u32 flood_len;	/* of each */
};

static struct toy toys[2];

static void toy_opened(struct vmbus_device *dev, struct vmbus_channel *chan)
{
	struct toy *t = dev->opaque;

	t->opened++;
	t->chan = chan;
}

static void toy_closed(struct vmbus_device *dev)
{
	struct toy *t = dev->opaque;

	t->closed++;
	t->chan = NULL;
}

static void flood(struct toy *t);

static void toy_packet(struct vmbus_device *dev, u16 type, u16 flags,
		       u64 transaction, const u8 *payload, size_t len)
{
	struct toy *t = dev->opaque;

	(void)flags;
	t->packets++;
	t->type = type;
	t->transaction = transaction;
	t->len = len;
	if (t->rescind_self)
		assert_int_equal(vmbus_rescind(g.bus, dev), 0);
	/* Still readable, whatever has become of the channel */
	memcpy(t->payload, payload, len < 64 ? len : 64);
	if (t->flood)
		flood(t);
	if (t->echo)
		vmbus_send(t->chan, type, 0, transaction, payload, len);
}

static void toy_room(struct vmbus_device *dev)
{
	struct toy *t = dev->opaque;

	t->rooms++;
}

static void toy_add(int i)
{
	struct toy *t = &toys[i];

	*t = (struct toy) {
		.dev = {
			.name = i ? "toy1" : "toy0",
			.type = { { 0x10, (u8)i } },
			.instance = { { 0x20, (u8)i } },
			.chn_flags = 0x10,
			.mmio_megabytes = (u16)(8 + i),
			.user_def = { 1, 2, 3, (u8)i },
			.in_isolated = i,
			.opened = toy_opened,
			.closed = toy_closed,
			.packet = toy_packet,
			.room = toy_room,
		},
	};
	t->dev.opaque = t;
	assert_int_equal(vmbus_add_device(g.bus, &t->dev), 0);
}

static void start(u32 max_version, bool isolated)
{
	const struct vmbus_config config = {
		.max_version = max_version, .cpus = GUEST_CPUS,
		.isolated = isolated,
	};

	mock_ram_new();
	mock_reset();
	memset(&g, 0, sizeof(g));
	g.bus = vmbus_new(&config, &mock_mem, &guest_ops, &g);
	assert_non_null(g.bus);
	toy_add(0);
	toy_add(1);
}

static int setup(void **state)
{
	(void)state;
	start(V(6, 0), false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vmbus_free(g.bus);
	mock_ram_free();
	return 0;
}

static void config(u32 max_version, bool isolated)
{
	teardown(NULL);
	start(max_version, isolated);
}

/* The host's next message, which is to be of this type and length */
static struct guest_message *expect(u32 type, size_t len)
{
	struct guest_message *m = guest_next(&g);

	assert_non_null(m);
	assert_int_equal(m->head.type, type);
	assert_int_equal(m->len, len);
	assert_int_equal(m->type, VMBUS_MESSAGE_TYPE);
	return m;
}

static void expect_none(void)
{
	assert_null(guest_next(&g));
}

/* One complaint since the last look, of this kind */
static void connect(void)
{
	assert_int_equal(guest_contact(&g, V(6, 0), 2), HV_STATUS_SUCCESS);
	assert_int_equal(expect(MSG_VERSION, 20)->version.supported, 1);
}

/* Up to all offers; the toys have relids 1 and 2 */
static void get_offers(void)
{
	connect();
	guest_simple(&g, MSG_REQUEST_OFFERS);
	assert_int_equal(expect(MSG_OFFER, 196)->offer.relid, 1);
	assert_int_equal(expect(MSG_OFFER, 196)->offer.relid, 2);
	expect(MSG_ALL_OFFERS, 8);
}

/* Six pages, two rings of a page of indices and two of data each */
static const u64 ring_pfn[] = {
	0x1c0, 0x1a0, 0x100001, 0x180, 0x140, 0x1ff,
};

static const struct guest_ring up = { ring_pfn, 2 * HV_PAGE_SIZE };
static const struct guest_ring down = { ring_pfn + 3, 2 * HV_PAGE_SIZE };

static void flood(struct toy *t)
{
	static const u8 zeroes[4096];

	t->flood--;
	if (t->flood_len)
		guest_write(&up, 6, 0, zeroes, t->flood_len);
	else
		guest_write(&up, 6, 0, "more", 4);
}

static void make_gpadl(u32 relid, u32 id)
{
	struct guest_message *m;
	size_t i;

	/* As Linux does: a new kernel finds no old indices */
	for (i = 0; i < ARRAY_SIZE(ring_pfn); i++)
		memset(mem_at(&mock_mem, ring_pfn[i] * HV_PAGE_SIZE,
			      HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
	guest_gpadl(&g, relid, id, ring_pfn, ARRAY_SIZE(ring_pfn));
	m = expect(MSG_GPADL_CREATED, 20);
	assert_int_equal(m->created.relid, relid);
	assert_int_equal(m->created.gpadl, id);
	assert_int_equal(m->created.status, 0);
}

static u32 open_status(void)
{
	return expect(MSG_OPEN_RESULT, 20)->open_result.status;
}

static void open_toy(int i)
{
	struct guest_message *m;

	make_gpadl(i + 1, 0x100 + i);
	guest_open(&g, i + 1, 0x100 + i, 3, 3);
	m = expect(MSG_OPEN_RESULT, 20);
	assert_int_equal(m->open_result.relid, i + 1);
	assert_int_equal(m->open_result.open_id, 0x77);
	assert_int_equal(m->open_result.status, 0);
	assert_non_null(toys[i].chan);
}

static u16 kick(u32 relid)
{
	return vmbus_hv_signal(g.bus, VMBUS_CONN_CHANNEL + relid, 0);
}

static void test_versions(void **state)
{
	static const u32 good[] = {
		V(2, 4), V(3, 0), V(4, 0), V(4, 1), V(5, 0), V(5, 1), V(5, 2),
		V(5, 3), V(6, 0),
	};
	static const u32 bad[] = {
		0, V(0, 13), V(1, 1), V(2, 3), V(4, 2), V(5, 4), V(6, 1),
		V(7, 0), 0xffffffff,
	};
	struct guest_message *m;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		guest_contact(&g, good[i], 3);
		m = expect(MSG_VERSION, good[i] == V(6, 0) ? 20 : 16);
		assert_int_equal(m->vp, 3);
		assert_int_equal(m->sint, 2);
		assert_int_equal(m->version.supported, 1);
		assert_int_equal(m->version.state, 0);
		assert_int_equal(m->version.connection,
				 good[i] < V(5, 0) ? 1 : 4);
		assert_int_equal(m->version.features, 0);
		expect_none();
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		guest_contact(&g, bad[i], 3);
		m = expect(MSG_VERSION, 16);
		assert_int_equal(m->version.supported, 0);
		assert_int_equal(m->version.connection, 0);
		/* Nothing works until there is a version */
		expect_good();
		guest_simple(&g, MSG_REQUEST_OFFERS);
		expect_bad("message without contact", MSG_REQUEST_OFFERS);
		expect_none();
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		config(good[i], false);
		for (j = 0; j < ARRAY_SIZE(good); j++) {
			u16 ret = guest_contact(&g, good[j], 0);

			/* A host before 5.0 has no connection 4 */
			if (good[i] < V(5, 0)) {
				assert_int_equal(ret, HV_STATUS_INVALID_CONNECTION_ID);
				continue;
			}
			m = guest_next(&g);
			assert_non_null(m);
			assert_int_equal(m->version.supported, j <= i);
		}
	}
}

/* Linux on an old host: 6.0 first, on both connections */
static void test_old_host(void **state)
{
	struct msg_contact msg = {
		.head.type = MSG_CONTACT, .version = V(5, 3), .sint = 2,
	};

	(void)state;
	config(V(4, 0), false);
	assert_int_equal(vmbus_hv_post(g.bus, 0, 4, 1, &msg, sizeof(msg)),
			 HV_STATUS_INVALID_CONNECTION_ID);
	expect_none();
	msg.version = V(4, 1);
	assert_int_equal(vmbus_hv_post(g.bus, 0, 1, 1, &msg, sizeof(msg)), 0);
	assert_int_equal(expect(MSG_VERSION, 16)->version.supported, 0);
	msg.version = V(4, 0);
	msg.interrupt_page = 0;
	assert_int_equal(vmbus_hv_post(g.bus, 0, 1, 1, &msg, sizeof(msg)), 0);
	assert_int_equal(expect(MSG_VERSION, 16)->version.connection, 1);
}

static void test_contact_checks(void **state)
{
	struct msg_contact msg = { .version = V(5, 3), .sint = 2, .vp = 4 };
	struct guest_message *m;

	(void)state;
	/* No such vp: the answer goes to the one that asked */
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	expect_bad("target vp", 4);
	m = expect(MSG_VERSION, 16);
	assert_int_equal(m->vp, 1);
	assert_int_equal(m->version.supported, 0);
	msg.vp = 0xffffffff;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	assert_int_equal(expect(MSG_VERSION, 16)->version.supported, 0);
	mock_reset();

	msg.vp = 0;
	msg.sint = 16;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	expect_bad("message SINT", 16);
	m = expect(MSG_VERSION, 16);
	assert_int_equal(m->sint, 2);
	assert_int_equal(m->version.supported, 0);
	msg.sint = 5;
	msg.vtl = 2;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	expect_bad("message VTL", 2);
	assert_int_equal(expect(MSG_VERSION, 16)->version.supported, 0);
	msg.vtl = 0;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	m = expect(MSG_VERSION, 16);
	assert_int_equal(m->sint, 5);
	assert_int_equal(m->version.supported, 1);
	expect_good();

	/* Of no use to us, so of no consequence */
	msg.monitor_page[0] = MOCK_LOW_GPA;
	msg.monitor_page[1] = MOCK_LOW_GPA + 8;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	expect_bad("monitor page", MOCK_LOW_GPA + 8);
	assert_int_equal(expect(MSG_VERSION, 16)->version.supported, 1);

	msg.monitor_page[1] = 0;
	msg.version = V(4, 1);
	msg.interrupt_page = 0x1000;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	expect_bad("interrupt page", 0x1000);
	assert_int_equal(expect(MSG_VERSION, 16)->version.supported, 0);
	msg.interrupt_page = MOCK_LOW_GPA + MOCK_LOW_SIZE - HV_PAGE_SIZE;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	assert_int_equal(expect(MSG_VERSION, 16)->version.supported, 1);

	/* Features that we do not have do not stand in the way */
	msg = (struct msg_contact) {
		.version = V(6, 0), .sint = 2, .features = 0xffffffff,
	};
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	m = expect(MSG_VERSION, 20);
	assert_int_equal(m->version.supported, 1);
	assert_int_equal(m->version.features, 0);
}

/* An isolated VM gives shared pages with a bit that is no address's. */
static void test_shared_bit(void **state)
{
	const struct vmbus_config shared = {
		.max_version = V(6, 0), .cpus = GUEST_CPUS, .isolated = true,
		.shared_bit = 1ull << 39,
	};
	struct msg_contact msg = {
		.version = V(6, 0), .sint = 2,
		.monitor_page = {
			MOCK_LOW_GPA | 1ull << 39, MOCK_LOW_GPA | 1ull << 38,
		},
	};

	(void)state;
	vmbus_free(g.bus);
	g.bus = vmbus_new(&shared, &mock_mem, &guest_ops, &g);
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	expect_bad("monitor page", MOCK_LOW_GPA | 1ull << 38);
	assert_int_equal(expect(MSG_VERSION, 20)->version.supported, 1);
}

static void test_post_checks(void **state)
{
	u8 msg[241] = { MSG_REQUEST_OFFERS };
	u32 i;

	(void)state;
	connect();
	assert_int_equal(vmbus_hv_post(g.bus, 0, 0, 1, msg, 8),
			 HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(vmbus_hv_post(g.bus, 0, 0x800074, 1, msg, 8),
			 HV_STATUS_INVALID_CONNECTION_ID);
	mock_reset();
	assert_int_equal(vmbus_hv_post(g.bus, 0, 4, 1, msg, 241),
			 HV_STATUS_INVALID_PARAMETER);
	expect_bad("message of bytes", 241);
	assert_int_equal(vmbus_hv_post(g.bus, GUEST_CPUS, 4, 1, msg, 8),
			 HV_STATUS_INVALID_PARAMETER);
	expect_bad("message of vp", GUEST_CPUS);
	assert_int_equal(vmbus_hv_post(g.bus, 0, 4, 2, msg, 8), 0);
	expect_bad("SynIC message type", 2);
	for (i = 0; i < 8; i++) {
		assert_int_equal(vmbus_hv_post(g.bus, 0, 4, 1, msg, i), 0);
		mock_reset();
	}
	/* Each type too short by a byte, and those that only we send */
	for (i = 0; i < 300; i++) {
		static const size_t len[] = {
			[MSG_OPEN] = 148, [MSG_CLOSE] = 12,
			[MSG_GPADL_HEADER] = 20, [MSG_GPADL_BODY] = 16,
			[MSG_GPADL_TEARDOWN] = 16, [MSG_RELEASED] = 12,
			[MSG_CONTACT] = 40, [MSG_MODIFY] = 16,
		};

		msg[0] = (u8)i;
		msg[1] = (u8)(i >> 8);
		if (i == MSG_REQUEST_OFFERS || i == MSG_UNLOAD)
			continue;
		if (i < ARRAY_SIZE(len) && len[i]) {
			vmbus_hv_post(g.bus, 0, 4, 1, msg, len[i] - 1);
			expect_bad("short message of type", i);
		} else {
			vmbus_hv_post(g.bus, 0, 4, 1, msg, 240);
			assert_int_equal(mock_bad_value, i);
			mock_reset();
		}
	}
	expect_none();
	/* None of this has hurt */
	guest_simple(&g, MSG_REQUEST_OFFERS);
	expect(MSG_OFFER, 196);
}

static void test_offers(void **state)
{
	struct guest_message *m;
	int i;

	(void)state;
	connect();
	expect_none();			/* not before they are asked for */
	guest_simple(&g, MSG_REQUEST_OFFERS);
	for (i = 0; i < 2; i++) {
		m = expect(MSG_OFFER, 196);
		assert_int_equal(m->vp, 2);
		assert_int_equal(m->offer.type.b[1], i);
		assert_int_equal(m->offer.instance.b[0], 0x20);
		assert_int_equal(m->offer.chn_flags, 0x10);
		assert_int_equal(m->offer.mmio_megabytes, 8 + i);
		assert_int_equal(m->offer.user_def[3], i);
		assert_int_equal(m->offer.sub_channel, 0);
		assert_int_equal(m->offer.relid, i + 1);
		assert_int_equal(m->offer.monitor_allocated, 0);
		assert_int_equal(m->offer.dedicated_interrupt, 1);
		assert_int_equal(m->offer.connection, 0x2000 + i + 1);
	}
	expect(MSG_ALL_OFFERS, 8);
	expect_none();
	expect_good();
	guest_simple(&g, MSG_REQUEST_OFFERS);
	expect_bad("second request for offers by vp", 1);
	expect_none();
	assert_int_equal(vmbus_add_device(g.bus, &toys[0].dev), -EEXIST);
}

/* By GUIDs, whose first three numbers are little-endian, or as they came */
static void test_order(void **state)
{
	static const struct {
		struct guid type, instance;
	} late[] = {
		{ { { 0x09, 0, 0, 1 } }, { { 0 } } },
		{ { { 0x10, 0, 0, 0, 0, 1 } }, { { 0 } } },
		{ { { 0x10, 0, 0, 0, 1 } }, { { 0 } } },
		{ { { 0x10 } }, { { 0x20, 0, 0, 0, 0, 0, 0, 0, 1 } } },
		{ { { 0x10 } }, { { 0x1f } } },
	};
	/* The toys' types are 10 and 110, their instances 20 and 120. */
	static const u8 by_guid[] = { 4, 0xf0, 3, 2, 1, 0xf1, 0 };
	static const u8 as_added[] = { 0xf0, 0xf1, 0, 1, 2, 3, 4 };
	static struct vmbus_device devs[ARRAY_SIZE(late)];
	struct vmbus_config config = {
		.max_version = V(6, 0), .cpus = GUEST_CPUS,
	};
	int i, j;

	(void)state;
	for (j = 0; j < 2; j++) {
		const u8 *order = j ? as_added : by_guid;

		vmbus_free(g.bus);
		config.offer_as_added = j;
		g.bus = vmbus_new(&config, &mock_mem, &guest_ops, &g);
		assert_non_null(g.bus);
		toy_add(0);
		toy_add(1);
		for (i = 0; i < (int)ARRAY_SIZE(late); i++) {
			devs[i] = (struct vmbus_device) {
				.name = "late", .type = late[i].type,
				.instance = late[i].instance,
				.mmio_megabytes = (u16)(100 + i),
			};
			assert_int_equal(vmbus_add_device(g.bus, &devs[i]), 0);
			assert_int_equal(vmbus_add_device(g.bus, &devs[i]),
					 -EEXIST);
		}
		connect();
		guest_simple(&g, MSG_REQUEST_OFFERS);
		for (i = 0; i < (int)ARRAY_SIZE(by_guid); i++) {
			int mib = order[i] >= 0xf0 ? 8 + order[i] - 0xf0 :
						     100 + order[i];

			assert_int_equal(expect(MSG_OFFER, 196)->offer.mmio_megabytes,
					 mib);
		}
		expect(MSG_ALL_OFFERS, 8);
	}
}

static void test_isolated(void **state)
{
	struct guest_message *m;

	(void)state;
	config(V(6, 0), true);
	connect();
	guest_simple(&g, MSG_REQUEST_OFFERS);
	m = expect(MSG_OFFER, 196);
	assert_int_equal(m->offer.type.b[1], 1);
	expect(MSG_ALL_OFFERS, 8);
	expect_none();
}

static void test_packets(void **state)
{
	static const u8 data[24] = "in both directions";
	struct ring_desc d;
	u8 got[64];
	int i;

	(void)state;
	get_offers();
	open_toy(0);
	assert_int_equal(toys[0].opened, 1);
	toys[0].echo = true;
	for (i = 0; i < 1000; i++) {
		guest_write(&up, 6, i, data, i % 25);
		assert_int_equal(kick(1), 0);
		assert_int_equal(toys[0].packets, i + 1);
		assert_int_equal(toys[0].transaction, i);
		assert_int_equal(toys[0].len, (i % 25 + 7) / 8 * 8);
		assert_memory_equal(toys[0].payload, data, i % 25);
		assert_int_equal(g.signals, i + 1);
		assert_int_equal(g.signal_vp, 3);
		assert_int_equal(g.signal_flag, 1);
		assert_int_equal(guest_read(&down, &d, got, sizeof(got)),
				 toys[0].len);
		assert_int_equal(d.type, 6);
		assert_int_equal(d.transaction, i);
		assert_memory_equal(got, data, i % 25);
	}
	assert_int_equal(*guest_field(&up, RING_INTERRUPT_MASK), 0);
	assert_int_equal(toys[1].packets, 0);

	/* Several at once, one signal back for them */
	for (i = 0; i < 5; i++)
		guest_write(&up, 11, i, data, 8);
	kick(1);
	assert_int_equal(toys[0].packets, 1005);
	assert_int_equal(toys[0].type, 11);
	assert_int_equal(g.signals, 1001);
	expect_good();
}

/* A guest on another CPU that sends faster than we read: others get a turn. */
static void test_flood(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	toys[0].flood = 9999;
	guest_write(&up, 6, 0, "first", 5);
	kick(1);
	assert_in_range(toys[0].packets, 1, 9999);
	assert_int_equal(*guest_field(&up, RING_INTERRUPT_MASK), 0);
	/* Whatever comes next, is the time to go on, and no signal is needed */
	while (toys[0].flood)
		vmbus_poll(g.bus);
	assert_int_equal(toys[0].packets, 10000);
	vmbus_poll(g.bus);
	assert_int_equal(toys[0].packets, 10000);
	/* The end of contact is the end of it too */
	toys[0].flood = 9999;
	guest_write(&up, 6, 0, "first", 5);
	kick(1);
	guest_simple(&g, MSG_UNLOAD);
	expect(MSG_UNLOADED, 8);
	vmbus_poll(g.bus);
	assert_in_range(toys[0].flood, 1, 9998);
	expect_good();
}

/* Long packets fill a turn sooner: a turn is at most 1 MiB. */
static void test_flood_bytes(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	toys[0].flood = 600;
	toys[0].flood_len = 4096;
	guest_write(&up, 6, 0, "first", 5);
	kick(1);
	assert_in_range(toys[0].packets, 250, 260);
	while (toys[0].flood)
		vmbus_poll(g.bus);
	assert_int_equal(toys[0].packets, 601);
	expect_good();
}

/* A packet that describes guest pages: nobody uses it, nothing breaks. */
static void test_gpa_direct(void **state)
{
	struct ring_desc d = { .type = 9, .offset8 = 6, .len8 = 8 };
	u8 body[56] = { 0xff };

	(void)state;
	get_offers();
	open_toy(0);
	guest_put(&up, &d, sizeof(d));
	body[32] = 0x5a;
	guest_put(&up, body, sizeof(body));
	kick(1);
	assert_int_equal(toys[0].packets, 1);
	assert_int_equal(toys[0].type, 9);
	assert_int_equal(toys[0].len, 16);
	assert_int_equal(toys[0].payload[0], 0x5a);
}

static void test_full(void **state)
{
	struct ring_desc d;
	u8 big[3000] = { 0 };
	int sent = 0, ret;

	(void)state;
	get_offers();
	open_toy(0);
	do {
		ret = vmbus_send(toys[0].chan, 6, 0, 1, big, sizeof(big));
		sent += !ret;
	} while (!ret);
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(sent, 2);
	assert_int_equal(*guest_field(&down, RING_PENDING_SEND_SZ), 3024);
	kick(1);			/* no room yet */
	assert_int_equal(toys[0].rooms, 0);
	guest_read(&down, &d, big, 0);
	kick(1);
	assert_int_equal(toys[0].rooms, 1);
	kick(1);
	assert_int_equal(toys[0].rooms, 1);
	assert_int_equal(vmbus_send(toys[0].chan, 6, 0, 1, big, sizeof(big)),
			 0);
	assert_int_equal(vmbus_send(toys[0].chan, 6, 0, 1, big, 9000),
			 -EMSGSIZE);
	assert_int_equal(vmbus_send(toys[0].chan, 6, 0, 1, big, ~0ull),
			 -EMSGSIZE);
}

/* The guest's own writes wait for us to read. */
static void test_guest_waits(void **state)
{
	u8 big[4000] = { 0 };

	(void)state;
	get_offers();
	open_toy(0);
	*guest_field(&up, RING_FEATURES) = RING_FEATURE_PENDING;
	guest_write(&up, 6, 0, big, sizeof(big));
	guest_write(&up, 6, 0, big, sizeof(big));
	*guest_field(&up, RING_PENDING_SEND_SZ) = 4024;
	kick(1);
	assert_int_equal(toys[0].packets, 2);
	assert_int_equal(g.signals, 1);
}

static void test_signal_checks(void **state)
{
	(void)state;
	get_offers();
	assert_int_equal(kick(1), 0);	/* not open: nothing to do */
	expect_good();
	open_toy(0);
	assert_int_equal(kick(0), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(kick(3), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(kick(2048), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(vmbus_hv_signal(g.bus, 1, 0),
			 HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(vmbus_hv_signal(g.bus, 0xffffffff, 0),
			 HV_STATUS_INVALID_CONNECTION_ID);
	mock_reset();
	assert_int_equal(vmbus_hv_signal(g.bus, 0x2001, 1),
			 HV_STATUS_INVALID_PARAMETER);
	expect_bad("event flag", 1);
}

/* As guests did before each channel had its connection */
static void test_interrupt_page(void **state)
{
	struct msg_contact msg = {
		.version = V(4, 1), .interrupt_page = MOCK_LOW_GPA,
	};
	u8 *flags = mock_ram + HV_PAGE_SIZE / 2;

	(void)state;
	guest_say(&g, MSG_CONTACT, &msg, sizeof(msg));
	expect(MSG_VERSION, 16);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	expect(MSG_OFFER, 196);
	expect(MSG_OFFER, 196);
	expect(MSG_ALL_OFFERS, 8);
	open_toy(1);
	guest_write(&up, 6, 0, "hello", 5);
	assert_int_equal(vmbus_hv_signal(g.bus, 2, 0), 0);
	assert_int_equal(toys[1].packets, 0);
	flags[0] = 0xfe;		/* channels that there are not, too */
	flags[255] = 0x80;
	assert_int_equal(vmbus_hv_signal(g.bus, 2, 0), 0);
	assert_int_equal(toys[1].packets, 1);
	assert_int_equal(flags[0], 0);
	assert_int_equal(flags[255], 0);
	expect_good();

	/* Gone with the contact */
	connect();
	flags[0] = 0xff;
	assert_int_equal(vmbus_hv_signal(g.bus, 2, 0), 0);
	assert_int_equal(flags[0], 0xff);
}

static void test_lying_ring(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	*guest_field(&up, RING_WRITE_INDEX) = 2 * HV_PAGE_SIZE;
	assert_int_equal(kick(1), 0);
	expect_bad("write index", 2 * HV_PAGE_SIZE);
	assert_int_equal(toys[0].closed, 1);
	assert_null(toys[0].chan);
	/* Not served any more, even if it comes to its senses */
	*guest_field(&up, RING_WRITE_INDEX) = 0;
	guest_write(&up, 6, 0, "hello", 5);
	kick(1);
	assert_int_equal(toys[0].packets, 0);
	expect_good();
	/* The other is well; and this one will be after close and open */
	guest_relid(&g, MSG_CLOSE, 1);
	assert_int_equal(toys[0].closed, 1);
	guest_teardown(&g, 1, 0x100);
	expect(MSG_GPADL_TORNDOWN, 12);
	open_toy(0);
	guest_write(&up, 6, 0, "hello", 5);
	kick(1);
	assert_int_equal(toys[0].packets, 1);
	expect_good();
}

/* The lie is found by a device that sends, within its own packet() */
static void test_lying_down_ring(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	toys[0].echo = true;
	*guest_field(&down, RING_READ_INDEX) = 12;
	guest_write(&up, 6, 0, "hello", 5);
	guest_write(&up, 6, 0, "again", 5);
	kick(1);
	assert_int_equal(toys[0].packets, 1);
	assert_int_equal(toys[0].closed, 1);
	expect_bad("read index", 12);
}

static void test_open_checks(void **state)
{
	static const u64 pfn[] = { 0x180, 0x181, 0x182, 0x183 };
	struct guest_message *m;
	/* A page's worth of bytes, but across two pages' edge */
	struct {
		struct msg_head head;
		u32 relid, gpadl;
		u16 list_len, range_count;
		u32 list[6];
	} __packed odd = {
		.relid = 1, .gpadl = 0x300, .list_len = 24, .range_count = 1,
		.list = { HV_PAGE_SIZE, 8, 0x180, 0, 0x181, 0 },
	};

	(void)state;
	get_offers();
	make_gpadl(1, 0x100);
	guest_open(&g, 0, 0x100, 0, 3);
	expect_bad("open of relid", 0);
	assert_int_not_equal(open_status(), 0);
	guest_open(&g, 0xffffffff, 0x100, 0, 3);
	m = expect(MSG_OPEN_RESULT, 20);
	assert_int_equal(m->open_result.relid, 0xffffffff);
	assert_int_not_equal(m->open_result.status, 0);
	mock_reset();
	guest_open(&g, 1, 0x101, 0, 3);
	expect_bad("GPADL of rings", 0x101);
	assert_int_not_equal(open_status(), 0);
	guest_open(&g, 2, 0x100, 0, 3);	/* another channel's */
	expect_bad("GPADL of rings", 0x100);
	assert_int_not_equal(open_status(), 0);
	guest_open(&g, 1, 0x100, GUEST_CPUS, 3);
	expect_bad("target vp", GUEST_CPUS);
	assert_int_not_equal(open_status(), 0);
	guest_open(&g, 1, 0x100, 0, 1);
	expect_bad("page of the second ring", 1);
	assert_int_not_equal(open_status(), 0);
	guest_open(&g, 1, 0x100, 0, 5);
	expect_bad("page of the second ring", 5);
	assert_int_not_equal(open_status(), 0);
	guest_open(&g, 1, 0x100, 0, 0xffffffff);
	expect_bad("page of the second ring", 0xffffffff);
	assert_int_not_equal(open_status(), 0);

	guest_say(&g, MSG_GPADL_HEADER, &odd, sizeof(odd));
	assert_int_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
	guest_open(&g, 1, 0x300, 0, 2);
	expect_bad("GPADL that is no ring", 0x300);
	assert_int_not_equal(open_status(), 0);
	/* One page short of two rings */
	guest_gpadl(&g, 1, 0x301, pfn, 3);
	assert_int_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
	guest_open(&g, 1, 0x301, 0, 2);
	expect_bad("page of the second ring", 2);
	assert_int_not_equal(open_status(), 0);

	/* Indices that lie from the start */
	*guest_field(&up, RING_READ_INDEX) = 3;
	guest_open(&g, 1, 0x100, 0, 3);
	expect_bad("read index", 3);
	assert_int_not_equal(open_status(), 0);
	*guest_field(&up, RING_READ_INDEX) = 0;
	assert_int_equal(toys[0].opened, 0);

	guest_open(&g, 1, 0x100, 0, 4);	/* the most for the first ring */
	assert_int_equal(open_status(), 0);
	guest_open(&g, 1, 0x100, 0, 4);
	expect_bad("open of an open channel", 1);
	assert_int_not_equal(open_status(), 0);
	assert_int_equal(toys[0].opened, 1);
	assert_int_equal(toys[0].closed, 0);
}

/* What a guest wrote before it opened is not lost. */
static void test_written_before_open(void **state)
{
	(void)state;
	get_offers();
	make_gpadl(1, 0x100);
	guest_write(&up, 6, 0, "early", 5);
	guest_open(&g, 1, 0x100, 0, 3);
	assert_int_equal(open_status(), 0);
	assert_int_equal(toys[0].packets, 1);
}

static void test_gpadl_messages(void **state)
{
	struct msg_gpadl_header h = { .relid = 1, .gpadl = 5, .list_len = 8 };
	struct msg_gpadl_body b = { .gpadl = 6 };
	u64 pfn[300];
	u32 i;

	(void)state;
	get_offers();
	for (i = 0; i < 300; i++)
		pfn[i] = 0x100 + i % 256;
	/* In one, two and many messages */
	for (i = 1; i <= 300; i++) {
		guest_gpadl(&g, 1, i, pfn, i);
		if (i <= 256) {
			assert_int_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
			expect_good();
		} else if (i == 257) {
			/* Enough is enough: header, then bodies of nothing */
			assert_int_not_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
			assert_int_equal(mock_bad_count, 1 + (257 - 26 + 27) / 28);
			mock_reset();
			break;
		}
	}
	for (i = 1; i <= 256; i++) {
		guest_teardown(&g, 1, i);
		assert_int_equal(expect(MSG_GPADL_TORNDOWN, 12)->torndown.gpadl,
				 i);
	}
	expect_good();
	guest_teardown(&g, 1, 1);
	expect_bad("teardown of GPADL", 1);
	expect_none();

	guest_say(&g, MSG_GPADL_HEADER, &h, sizeof(h));
	expect_bad("range count", 0);
	assert_int_not_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
	guest_say(&g, MSG_GPADL_BODY, &b, sizeof(b));
	expect_bad("body of GPADL", 6);
	h.relid = 9;
	guest_say(&g, MSG_GPADL_HEADER, &h, sizeof(h));
	expect_bad("GPADL for relid", 9);
	assert_int_not_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
	guest_gpadl(&g, 1, 0, pfn, 1);
	expect_bad("handle of a new GPADL", 0);
	assert_int_not_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);

	make_gpadl(1, 7);
	guest_gpadl(&g, 2, 7, pfn, 1);
	expect_bad("handle of a new GPADL", 7);
	assert_int_not_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
	b.gpadl = 7;
	guest_say(&g, MSG_GPADL_BODY, &b, sizeof(b));
	expect_bad("body of complete GPADL", 7);
	guest_teardown(&g, 2, 7);	/* another channel's */
	expect_bad("teardown of GPADL", 7);
	expect_none();
	/* All that has not hurt the good one */
	guest_open(&g, 1, 7, 0, 3);
	assert_int_equal(open_status(), 0);
}

/* A page that is no RAM, told in the last of three messages */
static void test_gpadl_bad_body(void **state)
{
	u64 pfn[60];
	u32 i;

	(void)state;
	get_offers();
	for (i = 0; i < 60; i++)
		pfn[i] = 0x100;
	pfn[59] = 0x200;
	guest_gpadl(&g, 1, 9, pfn, 60);
	expect_bad("page frame number", 0x200);
	assert_int_not_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
	/* An unfinished one can be torn down, but not opened */
	guest_say(&g, MSG_GPADL_HEADER, &(struct msg_gpadl_header) {
		  .relid = 1, .gpadl = 9, .list_len = 48, .range_count = 1,
		  }, sizeof(struct msg_gpadl_header));
	expect_none();
	guest_open(&g, 1, 9, 0, 3);
	expect_bad("GPADL of rings", 9);
	assert_int_not_equal(open_status(), 0);
	guest_teardown(&g, 1, 9);
	expect(MSG_GPADL_TORNDOWN, 12);
}

static void test_teardown_while_open(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	guest_teardown(&g, 1, 0x100);
	expect_bad("teardown of open rings", 0x100);
	expect(MSG_GPADL_TORNDOWN, 12);
	assert_int_equal(toys[0].closed, 1);
	memset(mock_ram, 0xff, MOCK_LOW_SIZE);
	assert_int_equal(kick(1), 0);
	expect_good();
}

static void test_close(void **state)
{
	(void)state;
	get_offers();
	guest_relid(&g, MSG_CLOSE, 1);
	expect_bad("close of relid", 1);
	guest_relid(&g, MSG_CLOSE, 77);
	expect_bad("close of relid", 77);
	open_toy(0);
	guest_relid(&g, MSG_CLOSE, 1);
	assert_int_equal(toys[0].closed, 1);
	guest_write(&up, 6, 0, "late", 4);
	kick(1);
	assert_int_equal(toys[0].packets, 0);
	/* Open again, in the same GPADL */
	guest_open(&g, 1, 0x100, 1, 3);
	assert_int_equal(open_status(), 0);
	assert_int_equal(toys[0].opened, 2);
	expect_none();
	expect_good();
}

static void test_modify(void **state)
{
	struct guest_message *m;

	(void)state;
	get_offers();
	guest_modify(&g, 1, 0);		/* not open */
	expect_bad("modification of relid", 1);
	assert_int_not_equal(expect(MSG_MODIFIED, 16)->modified.status, 0);
	open_toy(0);
	guest_modify(&g, 1, GUEST_CPUS);
	expect_bad("target vp", GUEST_CPUS);
	assert_int_not_equal(expect(MSG_MODIFIED, 16)->modified.status, 0);
	guest_modify(&g, 1, 2);
	m = expect(MSG_MODIFIED, 16);
	assert_int_equal(m->modified.relid, 1);
	assert_int_equal(m->modified.status, 0);
	vmbus_send(toys[0].chan, 6, 0, 0, "x", 1);
	assert_int_equal(g.signal_vp, 2);

	/* Before 5.3 there is no answer, before 4.1 no such thing */
	guest_contact(&g, V(5, 2), 0);
	expect(MSG_VERSION, 16);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	expect(MSG_OFFER, 196);
	expect(MSG_OFFER, 196);
	expect(MSG_ALL_OFFERS, 8);
	open_toy(0);
	guest_modify(&g, 1, 1);
	expect_none();
	expect_good();
	guest_contact(&g, V(4, 0), 0);
	expect(MSG_VERSION, 16);
	guest_modify(&g, 1, 1);
	expect_bad("message too new for the contact", MSG_MODIFY);
	expect_none();
}

static void test_unload(void **state)
{
	struct guest_message *m;

	(void)state;
	guest_simple(&g, MSG_UNLOAD);
	expect_bad("message without contact", MSG_UNLOAD);
	expect_none();
	get_offers();
	open_toy(0);
	open_toy(1);
	guest_simple(&g, MSG_UNLOAD);	/* from vp 1; contact was by vp 2 */
	m = expect(MSG_UNLOADED, 8);
	assert_int_equal(m->vp, 2);
	assert_int_equal(toys[0].closed, 1);
	assert_int_equal(toys[1].closed, 1);
	memset(mock_ram, 0xff, MOCK_LOW_SIZE);
	expect_good();
	/* Linux lets go of each channel after that */
	guest_relid(&g, MSG_RELEASED, 1);
	guest_relid(&g, MSG_RELEASED, 2);
	expect_good();
	assert_int_equal(kick(1), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(vmbus_hv_signal(g.bus, 2, 0),
			 HV_STATUS_INVALID_CONNECTION_ID);
	mock_reset();

	/* The next kernel: same relids, and handles begin anew */
	memset(mock_ram, 0, MOCK_LOW_SIZE);
	get_offers();
	open_toy(0);
	guest_write(&up, 6, 0, "again", 5);
	kick(1);
	assert_int_equal(toys[0].packets, 1);
	expect_good();
}

/* kdump after a crash that had no time for UNLOAD */
static void test_contact_again(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	get_offers();
	assert_int_equal(toys[0].closed, 1);
	assert_non_null(strstr(mock_trace, "without_unload=true"));
	open_toy(0);
	assert_int_equal(toys[0].opened, 2);
	/* In the middle of it all, with a version we do not take */
	guest_contact(&g, V(7, 0), 0);
	assert_int_equal(expect(MSG_VERSION, 16)->version.supported, 0);
	assert_int_equal(toys[0].closed, 2);
	get_offers();
	expect_good();
}

/* kexec on arm64: the next kernel runs, and has not made contact yet */
static void test_new_kernel(void **state)
{
	struct vmbus_channel *chan;
	u64 i;

	(void)state;
	/* Without a contact there is nothing to end */
	vmbus_new_kernel(g.bus);
	get_offers();
	open_toy(0);
	chan = toys[0].chan;
	vmbus_new_kernel(g.bus);
	assert_int_equal(toys[0].closed, 1);
	assert_non_null(strstr(mock_trace, "by=kernel"));
	/* Rings and all are anybody's now; the device does not send any more */
	memset(mock_ram, 0, MOCK_LOW_SIZE);
	g.signals = 0;
	assert_int_equal(vmbus_send(chan, 6, 0, 0, "late", 4), -ENODEV);
	for (i = 0; i < MOCK_LOW_SIZE; i++)
		assert_int_equal(mock_ram[i], 0);
	assert_int_equal(g.signals, 0);
	/* Nor are there messages: their page was the old kernel's */
	assert_int_equal(vmbus_rescind(g.bus, &toys[1].dev), 0);
	toy_add(1);
	expect_none();
	expect_good();
	get_offers();
	assert_non_null(strstr(mock_trace, "without_unload=true"));
	assert_int_equal(toys[0].closed, 1);
	open_toy(0);
	assert_int_equal(vmbus_rescind(g.bus, &toys[1].dev), 0);
	expect(MSG_RESCIND, 12);
	expect_good();
}

static void test_rescind(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	assert_int_equal(vmbus_rescind(g.bus, &toys[0].dev), 0);
	assert_int_equal(toys[0].closed, 1);
	assert_int_equal(expect(MSG_RESCIND, 12)->relid.relid, 1);
	assert_int_equal(vmbus_rescind(g.bus, &toys[0].dev), -ENOENT);
	/* What crosses the rescind is no lie */
	assert_int_equal(kick(1), 0);
	guest_open(&g, 1, 0x100, 0, 3);
	assert_int_not_equal(open_status(), 0);
	guest_gpadl(&g, 1, 0x200, ring_pfn, 6);
	assert_int_not_equal(expect(MSG_GPADL_CREATED, 20)->created.status, 0);
	guest_relid(&g, MSG_CLOSE, 1);
	guest_teardown(&g, 1, 0x100);
	expect(MSG_GPADL_TORNDOWN, 12);
	expect_good();

	/* Back, but not offered while the guest still has the old one */
	toy_add(0);
	expect_none();
	guest_relid(&g, MSG_RELEASED, 1);
	assert_int_equal(expect(MSG_OFFER, 196)->offer.relid, 3);
	expect_none();
	guest_relid(&g, MSG_RELEASED, 1);
	expect_bad("release of relid", 1);
	make_gpadl(3, 0x300);
	guest_open(&g, 3, 0x300, 0, 3);
	assert_int_equal(open_status(), 0);
	assert_int_equal(toys[0].opened, 1);
	guest_write(&up, 6, 0, "hello", 5);
	kick(3);
	assert_int_equal(toys[0].packets, 1);
	expect_good();
}

static void test_rescind_more(void **state)
{
	(void)state;
	/* Before there is a contact, and before offers */
	assert_int_equal(vmbus_rescind(g.bus, &toys[0].dev), 0);
	toy_add(0);
	connect();
	assert_int_equal(vmbus_rescind(g.bus, &toys[0].dev), 0);
	expect_none();
	guest_simple(&g, MSG_REQUEST_OFFERS);
	assert_int_equal(expect(MSG_OFFER, 196)->offer.type.b[1], 1);
	expect(MSG_ALL_OFFERS, 8);
	/* Added late: offered at once */
	toy_add(0);
	assert_int_equal(expect(MSG_OFFER, 196)->offer.relid, 2);
	expect_none();
	/* Rescinded, never released, and the kernel goes */
	assert_int_equal(vmbus_rescind(g.bus, &toys[0].dev), 0);
	expect(MSG_RESCIND, 12);
	guest_simple(&g, MSG_UNLOAD);
	expect(MSG_UNLOADED, 8);
	toy_add(0);
	connect();
	guest_simple(&g, MSG_REQUEST_OFFERS);
	expect(MSG_OFFER, 196);
	expect(MSG_OFFER, 196);
	expect(MSG_ALL_OFFERS, 8);
	/* The guest lets go of an open one that we did not rescind */
	make_gpadl(1, 1);
	guest_open(&g, 1, 1, 0, 3);
	assert_int_equal(open_status(), 0);
	guest_relid(&g, MSG_RELEASED, 1);
	expect_bad("release of open relid", 1);
	assert_int_equal(kick(1), HV_STATUS_INVALID_CONNECTION_ID);
	expect_none();			/* and does not get it again */
	assert_int_equal(toys[0].closed, 1);
}

/* A device that takes itself away while it is handed a packet */
static void test_rescind_in_packet(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	toys[0].rescind_self = true;
	guest_write(&up, 6, 0, "first", 6);
	guest_write(&up, 6, 0, "second", 7);
	kick(1);
	assert_int_equal(toys[0].packets, 1);
	assert_string_equal((char *)toys[0].payload, "first");
	expect(MSG_RESCIND, 12);
	expect_good();
}

/* Relids go round before one is used again. */
static void test_relids(void **state)
{
	u32 relid = 1, next, i;

	(void)state;
	get_offers();
	for (i = 0; i < 5000; i++) {
		vmbus_rescind(g.bus, &toys[0].dev);
		expect(MSG_RESCIND, 12);
		guest_relid(&g, MSG_RELEASED, relid);
		toy_add(0);
		next = expect(MSG_OFFER, 196)->offer.relid;
		assert_true(next > 0 && next < 2048 && next != 2);
		assert_int_not_equal(next, relid);
		relid = next;
		mock_reset();
	}
}

/* A guest that takes no messages is its own problem. */
static void test_queue_full(void **state)
{
	(void)state;
	get_offers();
	g.post_error = -ENOSPC;
	guest_gpadl(&g, 1, 0x100, ring_pfn, 6);
	expect_bad("message that could not be queued", MSG_GPADL_CREATED);
	guest_open(&g, 1, 0x100, 0, 3);
	expect_bad("message that could not be queued", MSG_OPEN_RESULT);
	g.post_error = 0;
	guest_write(&up, 6, 0, "hello", 5);
	kick(1);
	assert_int_equal(toys[0].packets, 1);
}

static void test_free_while_open(void **state)
{
	(void)state;
	get_offers();
	open_toy(0);
	vmbus_rescind(g.bus, &toys[1].dev);
	guest_say(&g, MSG_GPADL_HEADER, &(struct msg_gpadl_header) {
		  .relid = 1, .gpadl = 9, .list_len = 48, .range_count = 1,
		  }, sizeof(struct msg_gpadl_header));
	vmbus_free(g.bus);
	g.bus = NULL;
	assert_int_equal(toys[0].closed, 1);
}

int main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_versions),
		T(test_old_host),
		T(test_contact_checks),
		T(test_shared_bit),
		T(test_post_checks),
		T(test_offers),
		T(test_order),
		T(test_isolated),
		T(test_packets),
		T(test_flood),
		T(test_flood_bytes),
		T(test_gpa_direct),
		T(test_full),
		T(test_guest_waits),
		T(test_signal_checks),
		T(test_interrupt_page),
		T(test_lying_ring),
		T(test_lying_down_ring),
		T(test_open_checks),
		T(test_written_before_open),
		T(test_gpadl_messages),
		T(test_gpadl_bad_body),
		T(test_teardown_while_open),
		T(test_close),
		T(test_modify),
		T(test_unload),
		T(test_contact_again),
		T(test_new_kernel),
		T(test_rescind),
		T(test_rescind_more),
		T(test_rescind_in_packet),
		T(test_relids),
		T(test_queue_full),
		T(test_free_while_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
