// SPDX-License-Identifier: GPL-2.0-only
/* Heartbeat and shutdown, against what Linux' hv_utils does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "guest.h"
#include "hv/ics.h"

#define RELID_HEARTBEAT	2
#define RELID_SHUTDOWN	1
#define FLAGS_RESPONSE	5	/* to a transaction */

static struct guest g;
static struct heartbeat hb;
static struct shutdown sd;

static const u64 ring_pfn[2][6] = {
	{ 0x110, 0x111, 0x112, 0x113, 0x114, 0x115 },
	{ 0x120, 0x125, 0x122, 0x123, 0x121, 0x124 },
};

static struct guest_ring up[2], down[2];

/* A message as the guest gets it */
struct ic_message {
	struct ic_head head;
	union {
		struct {
			u16 frames, msgs;
			u32 reserved;
			struct ic_version version[6];
		} __packed nego;
		u64 sequence;
		struct {
			u32 reason, timeout, flags;
			char text[2048];
		} __packed shutdown;
		u8 bytes[4096];
	} __packed;
	int len;
} __packed;

static int setup(void **state)
{
	static const struct vmbus_config config = {
		.max_version = VMBUS_VERSION(6, 0), .cpus = GUEST_CPUS,
		.isolated = true,
	};
	int i;

	(void)state;
	mock_ram_new();
	mock_reset();
	memset(&g, 0, sizeof(g));
	g.bus = vmbus_new(&config, &mock_mem, &guest_ops, &g);
	assert_int_equal(heartbeat_add(&hb, g.bus), 0);
	assert_int_equal(shutdown_add(&sd, g.bus), 0);
	for (i = 0; i < 2; i++) {
		up[i] = (struct guest_ring) { ring_pfn[i], 0x2000 };
		down[i] = (struct guest_ring) { ring_pfn[i] + 3, 0x2000 };
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vmbus_free(g.bus);
	mock_ram_free();
	return 0;
}

static void connect(void)
{
	struct guest_message *m;

	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	assert_int_equal(guest_next(&g)->head.type, MSG_VERSION);
	m = guest_next(&g);
	assert_int_equal(m->head.type, MSG_OFFER);
	assert_int_equal(m->offer.type.b[3], 0x0e);	/* shutdown's */
	m = guest_next(&g);
	assert_int_equal(m->head.type, MSG_OFFER);
	assert_int_equal(m->offer.type.b[3], 0x57);	/* heartbeat's */
	assert_int_equal(guest_next(&g)->head.type, MSG_ALL_OFFERS);
}

static void open_ic(u32 relid)
{
	int i;

	for (i = 0; i < 6; i++)
		memset(mem_at(&mock_mem, ring_pfn[relid - 1][i] * HV_PAGE_SIZE,
			      HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
	guest_gpadl(&g, relid, relid, ring_pfn[relid - 1], 6);
	assert_int_equal(guest_next(&g)->created.status, 0);
	guest_open(&g, relid, relid, 0, 3);
	assert_int_equal(guest_next(&g)->open_result.status, 0);
}

/* Is there a message? If so, check what all have in common. */
static bool get(u32 relid, struct ic_message *m)
{
	struct ring_desc d;
	int len = guest_read(&down[relid - 1], &d, m, sizeof(*m));

	if (len < 0)
		return false;
	assert_int_equal(d.type, 6);
	assert_int_equal(d.flags, 0);
	assert_int_equal(m->head.pipe_flags, 1);
	assert_int_equal(m->head.pipe_len, sizeof(m->head) - 8 + m->head.len);
	assert_int_equal(m->head.flags, 3);
	assert_int_equal(m->head.status, 0);
	assert_in_range(sizeof(m->head) + m->head.len, len - 7, len);
	m->len = len;
	/* What a driver reads at most */
	assert_in_range(m->len, sizeof(m->head), HV_PAGE_SIZE);
	return true;
}

static void answer(u32 relid, struct ic_message *m)
{
	m->head.flags = FLAGS_RESPONSE;
	guest_write(&up[relid - 1], 6, m->head.transaction, m, m->len);
	vmbus_hv_signal(g.bus, VMBUS_CONN_CHANNEL + relid, 0);
}

/* Take the offer with this index among each kind's, as hv_utils answers */
static void choose(u32 relid, struct ic_message *m, int frame, int msg)
{
	assert_true(get(relid, m));
	assert_int_equal(m->head.type, IC_NEGOTIATE);
	assert_int_equal(m->nego.frames, 2);
	assert_int_equal(m->head.len,
			 8 + 4 * (m->nego.frames + m->nego.msgs));
	m->nego.version[0] = m->nego.version[frame];
	m->nego.version[1] = m->nego.version[m->nego.frames + msg];
	m->nego.frames = 1;
	m->nego.msgs = 1;
	m->head.len = 0x10;
	answer(relid, m);
}

static void beat(u64 sequence)
{
	struct ic_message m;

	heartbeat_tick(&hb);
	assert_true(get(RELID_HEARTBEAT, &m));
	assert_int_equal(m.head.type, IC_HEARTBEAT);
	assert_int_equal(m.head.frame.major, 3);
	assert_int_equal(m.head.msg.major, 3);
	assert_int_equal(m.sequence, sequence);
	m.sequence++;
	answer(RELID_HEARTBEAT, &m);
	assert_false(get(RELID_HEARTBEAT, &m));
}

static void test_heartbeat(void **state)
{
	struct ic_message m;
	u64 i;

	(void)state;
	heartbeat_tick(&hb);		/* nobody there */
	connect();
	heartbeat_tick(&hb);
	open_ic(RELID_HEARTBEAT);
	heartbeat_tick(&hb);		/* not agreed yet: no beat */
	choose(RELID_HEARTBEAT, &m, 1, 1);
	assert_int_equal(mock_count("ic device=heartbeat frame_major=3 "), 1);
	assert_int_equal(mock_count(" frame_minor=0 major=3 minor=0;"), 1);
	for (i = 0; i < 300; i++)	/* past the transaction's 8 bits */
		beat(i);
	assert_int_equal(mock_count("heartbeat state=ok"), 1);
	assert_int_equal(mock_bad_count, 0);
}

static void test_heartbeat_lost(void **state)
{
	struct ic_message m, beat_msg;
	int i;

	(void)state;
	connect();
	open_ic(RELID_HEARTBEAT);
	choose(RELID_HEARTBEAT, &m, 1, 1);
	beat(0);
	for (i = 0; i < 20; i++)
		heartbeat_tick(&hb);
	assert_true(get(RELID_HEARTBEAT, &beat_msg));
	assert_false(get(RELID_HEARTBEAT, &m));	/* one at a time */
	assert_int_equal(mock_count("state=lost"), 1);
	beat_msg.sequence++;
	answer(RELID_HEARTBEAT, &beat_msg);
	assert_int_equal(mock_count("state=ok"), 2);
	beat(2);
	assert_int_equal(mock_count("state=ok"), 2);
}

static void test_heartbeat_lies(void **state)
{
	struct ic_message m;

	(void)state;
	connect();
	open_ic(RELID_HEARTBEAT);
	choose(RELID_HEARTBEAT, &m, 1, 1);
	answer(RELID_HEARTBEAT, &m);	/* to what was answered before */
	assert_string_equal(mock_bad_what, "answer to nothing, transaction");

	heartbeat_tick(&hb);
	assert_true(get(RELID_HEARTBEAT, &m));
	m.sequence += 2;
	answer(RELID_HEARTBEAT, &m);
	assert_string_equal(mock_bad_what, "sequence");
	heartbeat_tick(&hb);
	assert_true(get(RELID_HEARTBEAT, &m));
	m.head.status = 0x80004005;
	answer(RELID_HEARTBEAT, &m);
	assert_string_equal(mock_bad_what, "status");
	heartbeat_tick(&hb);
	assert_true(get(RELID_HEARTBEAT, &m));
	m.head.type = IC_SHUTDOWN;
	answer(RELID_HEARTBEAT, &m);
	assert_string_equal(mock_bad_what, "message type");
	heartbeat_tick(&hb);
	assert_true(get(RELID_HEARTBEAT, &m));
	m.len = sizeof(m.head) + 4;	/* 32 bytes: no sequence */
	answer(RELID_HEARTBEAT, &m);
	assert_string_equal(mock_bad_what, "bytes of an answer");
	heartbeat_tick(&hb);
	assert_true(get(RELID_HEARTBEAT, &m));
	guest_write(&up[RELID_HEARTBEAT - 1], 6, 0, &m, 16);
	vmbus_hv_signal(g.bus, VMBUS_CONN_CHANNEL + RELID_HEARTBEAT, 0);
	assert_string_equal(mock_bad_what, "bytes of a message");
	guest_write(&up[RELID_HEARTBEAT - 1], 11, 0, &m, m.len);
	vmbus_hv_signal(g.bus, VMBUS_CONN_CHANNEL + RELID_HEARTBEAT, 0);
	assert_string_equal(mock_bad_what, "packet type");
	/* It only has to say the right thing */
	m.sequence++;
	answer(RELID_HEARTBEAT, &m);
	assert_int_equal(mock_count("state=ok"), 1);
}

/* What a guest says that knows none of our versions, or others */
static void test_negotiation_fails(void **state)
{
	struct ic_message m;
	int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		mock_reset();
		connect();
		open_ic(RELID_HEARTBEAT);
		assert_true(get(RELID_HEARTBEAT, &m));
		m.nego.frames = i != 0;
		m.nego.msgs = i != 1;
		m.nego.version[0].major = i == 2 ? 2 : 3;
		m.nego.version[0].minor = 0;
		m.nego.version[1].major = i == 3 ? 4 : 3;
		m.nego.version[1].minor = 0;
		if (i == 4)
			m.len = sizeof(m.head) + 4;
		answer(RELID_HEARTBEAT, &m);
		assert_int_equal(mock_bad_count, 1);
		assert_string_equal(mock_bad_what, i == 4 ?
				    "bytes of a negotiation" :
				    "choice of version");
		heartbeat_tick(&hb);
		assert_false(get(RELID_HEARTBEAT, &m));
	}
}

static void test_shutdown(void **state)
{
	struct ic_message m;

	(void)state;
	connect();
	open_ic(RELID_SHUTDOWN);
	choose(RELID_SHUTDOWN, &m, 1, 3);
	assert_int_equal(mock_count("major=3 minor=2"), 1);
	assert_int_equal(shutdown_request(&sd, false), 0);
	assert_true(get(RELID_SHUTDOWN, &m));
	assert_int_equal(m.head.type, IC_SHUTDOWN);
	assert_int_equal(m.head.msg.minor, 2);
	assert_int_equal(m.head.len, 2060);
	assert_int_equal(m.shutdown.flags, 0);
	assert_int_equal(mock_count("shutdown_request reboot=false"), 1);
	/* Another one must wait for the answer: Linux reads one a signal */
	assert_int_equal(shutdown_request(&sd, true), 0);
	assert_int_equal(mock_count("shutdown_request"), 1);
	m.head.status = 0;
	answer(RELID_SHUTDOWN, &m);
	assert_int_equal(mock_count("shutdown_ack status=0;"), 1);
	assert_int_equal(mock_count("shutdown_request reboot=true"), 1);
	assert_true(get(RELID_SHUTDOWN, &m));
	assert_int_equal(m.shutdown.flags, 2);
	m.head.status = 0x80004005;
	answer(RELID_SHUTDOWN, &m);
	assert_int_equal(mock_count("shutdown_ack status=80004005;"), 1);
	assert_false(get(RELID_SHUTDOWN, &m));
	assert_int_equal(mock_bad_count, 0);
}

/* Asked for before there is a driver: sent when there is */
static void test_shutdown_early(void **state)
{
	struct ic_message m;

	(void)state;
	assert_int_equal(shutdown_request(&sd, true), 0);
	assert_int_equal(shutdown_request(&sd, false), 0);
	connect();
	open_ic(RELID_SHUTDOWN);
	assert_int_equal(mock_count("shutdown_request"), 0);
	choose(RELID_SHUTDOWN, &m, 0, 0);
	assert_int_equal(mock_count("shutdown_request reboot=false"), 1);
	assert_true(get(RELID_SHUTDOWN, &m));
	assert_int_equal(m.head.msg.major, 1);
	assert_int_equal(m.shutdown.flags, 0);
}

/* kexec: closed or not, the next kernel agrees anew, be it on less */
static void test_reconnect(void **state)
{
	struct ic_message m;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		connect();
		open_ic(RELID_HEARTBEAT);
		open_ic(RELID_SHUTDOWN);
		choose(RELID_HEARTBEAT, &m, 1, 1);
		choose(RELID_SHUTDOWN, &m, 1, i);
		beat(i);
		assert_int_equal(shutdown_request(&sd, false), 0);
		assert_true(get(RELID_SHUTDOWN, &m));
		assert_int_equal(m.head.msg.minor, i ? i - 1 : 0);
		/* Gone while an answer was due; kdump without UNLOAD too */
		if (i == 1)
			continue;
		guest_simple(&g, MSG_UNLOAD);
		assert_int_equal(guest_next(&g)->head.type, MSG_UNLOADED);
		heartbeat_tick(&hb);
	}
	assert_int_equal(mock_count("heartbeat state=ok"), 3);
	assert_int_equal(mock_bad_count, 0);
}

/* A guest that left no room for the first message gets it when there is. */
static void test_no_room(void **state)
{
	struct ic_message m;
	u32 *write, *read;

	(void)state;
	connect();
	guest_gpadl(&g, RELID_SHUTDOWN, 2, ring_pfn[RELID_SHUTDOWN - 1], 6);
	write = guest_field(&down[RELID_SHUTDOWN - 1], RING_WRITE_INDEX);
	read = guest_field(&down[RELID_SHUTDOWN - 1], RING_READ_INDEX);
	*write = 64;
	*read = 72;
	guest_open(&g, RELID_SHUTDOWN, 2, 0, 3);
	assert_int_equal(shutdown_request(&sd, false), 0);
	*read = 64;
	vmbus_hv_signal(g.bus, VMBUS_CONN_CHANNEL + RELID_SHUTDOWN, 0);
	choose(RELID_SHUTDOWN, &m, 1, 1);
	assert_true(get(RELID_SHUTDOWN, &m));
	assert_int_equal(m.head.type, IC_SHUTDOWN);
	assert_int_equal(mock_bad_count, 0);
}

int main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_heartbeat),
		T(test_heartbeat_lost),
		T(test_heartbeat_lies),
		T(test_negotiation_fails),
		T(test_shutdown),
		T(test_shutdown_early),
		T(test_reconnect),
		T(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
