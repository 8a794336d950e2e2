// SPDX-License-Identifier: GPL-2.0-only
/* Synthetic video, against what Linux' hyperv_drm does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expect.h"
#include "guest.h"
#include "hv/synthvid.h"

#define RELID	1
#define FB	0xf8000000ull
#define MAX_FB	(32 * MIB)
#define V3_5	VIDEO_VERSION(3, 5)

static struct guest g;
static struct synthvid v;
static struct mmio_map map;
static struct layout layout;

/* Where the memory was had, and what is answered to it */
static struct range moved;
static int moves, move_error;

static const u64 ring_pfn[4] = { 0x110, 0x111, 0x112, 0x113 };
static const struct guest_ring up = { ring_pfn, 0x1000 };
static const struct guest_ring down = { ring_pfn + 2, 0x1000 };

/* As the guest gets it */
static struct {
	struct video_head head;
	union {
		struct video_version version;
		u64 context;
		struct video_features features;
		struct video_resolutions resolutions;
	} __packed;
	u8 more[8];
} __packed msg;

static int move(void *opaque, const struct range *fb)
{
	assert_ptr_equal(opaque, &g);
	moves++;
	if (!move_error)
		moved = *fb;
	return move_error;
}

static void open_video(void)
{
	int i;

	for (i = 0; i < 4; i++)
		memset(mem_at(&mock_mem, ring_pfn[i] * HV_PAGE_SIZE,
			      HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
	guest_gpadl(&g, RELID, RELID, ring_pfn, 4);
	assert_int_equal(guest_next(&g)->created.status, 0);
	guest_open(&g, RELID, RELID, 0, 2);
	assert_int_equal(guest_next(&g)->open_result.status, 0);
}

/* Return: the offer */
static struct guest_message *connect(void)
{
	struct guest_message *offer;

	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	assert_int_equal(guest_next(&g)->head.type, MSG_VERSION);
	offer = guest_next(&g);
	assert_int_equal(offer->head.type, MSG_OFFER);
	assert_int_equal(guest_next(&g)->head.type, MSG_ALL_OFFERS);
	return offer;
}

static void start(bool isolated)
{
	struct vmbus_config config = {
		.max_version = VMBUS_VERSION(6, 0), .cpus = GUEST_CPUS,
		.isolated = isolated,
	};

	memset(&g, 0, sizeof(g));
	g.bus = vmbus_new(&config, &mock_mem, &guest_ops, &g);
	mmio_init(&map, &layout);
	synthvid_init(&v, &layout, &map, move, &g);
	assert_int_equal(synthvid_add(&v, g.bus), 0);
}

static int setup(void **state)
{
	(void)state;
	mock_ram_new();
	mock_reset();
	moves = 0;
	move_error = 0;
	layout = (struct layout) {
		.width = 3840, .height = 2160, .max_fb = MAX_FB,
		.mmio_megabytes = MAX_FB / MIB,
		.fb = { FB, FB + MAX_FB - 1 },
		.usable = { { FB, 0xfed3ffff }, { 0xfe0000000, 0xfffffffff } },
		.usable_count = 2,
	};
	start(false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vmbus_free(g.bus);
	mock_ram_free();
	return 0;
}

/* The next message, of that type and @len bytes beyond the head */
static void gets(u32 type, u32 len)
{
	struct ring_desc d;
	int n;

	memset(&msg, 0, sizeof(msg));
	n = guest_read(&down, &d, &msg, sizeof(msg));
	assert_in_range(n, sizeof(msg.head) + len, sizeof(msg.head) + len + 7);
	assert_int_equal(d.type, RING_PKT_INBAND);
	assert_int_equal(msg.head.pipe_type, 1);
	assert_int_equal(msg.head.type, type);
	assert_int_equal(msg.head.size, 8 + len);
	assert_int_equal(msg.head.pipe_size, 8 + len);
}

static void gets_nothing(void)
{
	struct ring_desc d;

	assert_int_equal(guest_read(&down, &d, &msg, sizeof(msg)), -1);
}

static void signal_host(void)
{
	vmbus_hv_signal(g.bus, VMBUS_CONN_CHANNEL + RELID, 0);
}

static void say_head(const struct video_head *head, const void *data,
		     size_t len)
{
	u8 buf[1024];

	memcpy(buf, head, sizeof(*head));
	memcpy(buf + sizeof(*head), data, len);
	guest_write(&up, RING_PKT_INBAND, 7, buf, sizeof(*head) + len);
	signal_host();
}

/* As hv_drm_sendpacket() does */
static void say(u32 type, const void *data, size_t len)
{
	struct video_head head = { 1, 8 + len, type, 8 + len };

	say_head(&head, data, len);
}

static void ask_version(u32 version, bool accepted)
{
	say(VIDEO_VERSION_REQUEST, &version, 4);
	gets(VIDEO_VERSION_RESPONSE, 6);
	assert_int_equal(msg.version.version, version);
	assert_int_equal(msg.version.accepted, accepted);
	assert_int_equal(msg.version.outputs, 1);
	if (accepted) {
		gets(VIDEO_FEATURE_CHANGE, 4);
		assert_int_equal(msg.features.dirt, 1);
		assert_int_equal(msg.features.situation, 1);
	}
	gets_nothing();
}

static void begin(void)
{
	connect();
	open_video();
	ask_version(V3_5, true);
}

static bool place(u64 gpa, bool specified)
{
	const u64 context = 0x1122334455667788;
	struct video_vram vram = { context, specified, gpa };
	int moved_before = moves;

	say(VIDEO_VRAM_LOCATION, &vram, sizeof(vram));
	gets(VIDEO_VRAM_LOCATION_ACK, 8);
	/* The answer echoes the context, accepted or not. */
	assert_int_equal(msg.context, context);
	return moves > moved_before && !move_error;
}

static void fb_is(u64 start, u64 end)
{
	assert_true(v.fb.in_map);
	assert_int_equal(v.fb.range.start, start);
	assert_int_equal(v.fb.range.end, end);
}

static void offer(void **state)
{
	static const u8 class[16] = {
		0x02, 0x78, 0x0a, 0xda, 0x77, 0xe3, 0xac, 0x4a,
		0x8e, 0x77, 0x05, 0x58, 0xeb, 0x10, 0x73, 0xf8,
	};
	struct guest_message *m = connect();

	(void)state;
	assert_memory_equal(m->offer.type.b, class, 16);
	assert_int_equal(m->offer.mmio_megabytes, 32);
	assert_int_equal(m->offer.chn_flags, 0x10);
	assert_int_equal(m->offer.user_def[0], 4);
	fb_is(FB, FB + MAX_FB - 1);
	assert_int_equal(moves, 0);
}

/* It has a framebuffer all the same, which PCI must not take. */
static void isolated(void **state)
{
	(void)state;
	vmbus_free(g.bus);
	start(true);
	guest_contact(&g, VMBUS_VERSION(6, 0), 0);
	guest_simple(&g, MSG_REQUEST_OFFERS);
	assert_int_equal(guest_next(&g)->head.type, MSG_VERSION);
	assert_int_equal(guest_next(&g)->head.type, MSG_ALL_OFFERS);
	fb_is(FB, FB + MAX_FB - 1);
}

static void versions(void **state)
{
	u32 n;

	(void)state;
	connect();
	open_video();
	ask_version(VIDEO_VERSION(3, 0), false);
	say(VIDEO_RESOLUTION_REQUEST, "\x40", 1);
	expect_bad("message before a version", VIDEO_RESOLUTION_REQUEST);
	gets_nothing();
	for (n = 1; n < 10; n++)
		if (n != 2 && n != 5)
			ask_version(VIDEO_VERSION(3, n), false);
	ask_version(VIDEO_VERSION(5, 3), false);
	mock_reset();
	ask_version(VIDEO_VERSION(3, 2), true);
	assert_string_equal(mock_trace, " video_version version=3.2 accepted=true;");
	ask_version(V3_5, true);
	ask_version(VIDEO_VERSION(4, 0), false);
	assert_int_equal(v.version, 0);
}

static bool among(u32 width, u32 height)
{
	int i;

	for (i = 0; i < msg.resolutions.count; i++)
		if (msg.resolutions.list[i].width == width &&
		    msg.resolutions.list[i].height == height)
			return true;
	return false;
}

/* Return: how many are offered, the preferred one being this. */
static u32 ask_resolutions(u8 max, u32 width, u32 height)
{
	struct ring_desc d;
	u32 len, n, i;

	say(VIDEO_RESOLUTION_REQUEST, &max, 1);
	memset(&msg, 0, sizeof(msg));
	assert_int_not_equal(guest_read(&down, &d, &msg, sizeof(msg)), -1);
	assert_int_equal(msg.head.type, VIDEO_RESOLUTION_RESPONSE);
	n = msg.resolutions.count;
	len = 131 + 4 * n;
	assert_int_equal(msg.head.size, 8 + len);
	assert_in_range(n, 1, max);
	assert_in_range(msg.resolutions.preferred, 0, n - 1);
	i = msg.resolutions.preferred;
	assert_int_equal(msg.resolutions.list[i].width, width);
	assert_int_equal(msg.resolutions.list[i].height, height);
	for (i = 0; i < n; i++) {
		assert_in_range(msg.resolutions.list[i].width, 1,
				layout.width);
		assert_in_range(msg.resolutions.list[i].height, 1,
				layout.height);
	}
	return n;
}

static void resolutions(void **state)
{
	(void)state;
	begin();
	assert_true(ask_resolutions(64, 1024, 768) > 10);
	assert_true(among(640, 480));
	assert_true(among(1920, 1080));
	assert_true(among(3840, 2160));
	assert_false(among(5120, 2880));
	/* An odd one is the last; a small one the only one */
	layout.width = 1111;
	layout.height = 900;
	assert_true(ask_resolutions(64, 1024, 768) > 2);
	assert_true(among(1111, 900));
	assert_true(among(800, 600));
	layout.width = 320;
	layout.height = 200;
	assert_int_equal(ask_resolutions(64, 320, 200), 1);
	layout.width = 900;
	assert_int_equal(ask_resolutions(64, 900, 200), 1);
	/* As many as it has room for */
	layout.width = 7680;
	layout.height = 4320;
	assert_int_equal(ask_resolutions(2, 800, 600), 2);
	assert_true(ask_resolutions(255, 1024, 768) <= 64);
	assert_true(among(7680, 4320));
	assert_int_equal(mock_bad_count, 0);
	say(VIDEO_RESOLUTION_REQUEST, "", 1);
	expect_bad("resolutions asked for", 0);
	gets_nothing();
}

static void location(void **state)
{
	(void)state;
	begin();
	mock_reset();
	assert_true(place(FB, true));
	assert_string_equal(mock_trace,
			    " vram_location gpa=f8000000 fb=f8000000 accepted=true;");
	fb_is(FB, FB + MAX_FB - 1);
	assert_true(place(0xfe0000000, true));
	fb_is(0xfe0000000, 0xfe0000000 + MAX_FB - 1);
	assert_int_equal(moved.start, 0xfe0000000);
	assert_int_equal(moved.end, 0xfe0000000 + MAX_FB - 1);
	assert_int_equal(mock_bad_count, 0);
	/* Not specified: mapped nowhere */
	assert_true(place(0x12345, false));
	assert_false(v.fb.in_map);
	assert_true(moved.end < moved.start);
	assert_int_equal(moves, 3);
}

static void bad_location(void **state)
{
	(void)state;
	begin();
	assert_true(place(FB + MAX_FB, true));
	mock_reset();
	assert_false(place(FB + 1, true));
	assert_non_null(strstr(mock_trace, "accepted=false"));
	expect_bad("VRAM location", FB + 1);
	assert_false(place(-4096ull, true));
	expect_bad("VRAM location", -4096ull);
	assert_int_equal(moves, 1);
	move_error = -EBUSY;
	assert_false(place(0x100000, true));
	expect_bad("VRAM location", 0x100000);
	fb_is(FB + MAX_FB, FB + 2 * MAX_FB - 1);
	assert_int_equal(moved.start, FB + MAX_FB);
}

static void conflicts(void **state)
{
	struct mmio_claim bar = {
		.kind = MMIO_BAR, .owner = "nvme0", .bar = 4,
		.range = { 0xfe0000000, 0xfe0007fff },
	};

	(void)state;
	begin();
	mmio_add(&map, &bar);
	mock_reset();
	assert_true(place(0xfe0000000, true));
	assert_non_null(strstr(mock_trace, " conflict what=framebuffer"));
	assert_non_null(strstr(mock_trace, "with=nvme0"));
	assert_non_null(strstr(mock_trace, "with_what=bar with_bar=4 action=ignored"));
	fb_is(0xfe0000000, 0xfe0000000 + MAX_FB - 1);
	/* Once moved it is not in its own way, nor where it was */
	mock_reset();
	assert_true(place(0xfe0000000 + MAX_FB, true));
	assert_null(strstr(mock_trace, "conflict"));
	assert_true(place(0xfe0000000 + MAX_FB + 0x1000, true));
	assert_null(strstr(mock_trace, "conflict"));
	assert_int_equal(mmio_judge(&map, &(struct mmio_claim) {
		.kind = MMIO_CONFIG, .owner = "test0", .bar = -1,
		.range = { FB, FB + 0x1fff } }, true), MMIO_FREE);
	mmio_remove(&map, &bar);
}

/* A host without a framebuffer has none until the guest says where. */
static void no_framebuffer(void **state)
{
	(void)state;
	vmbus_free(g.bus);
	layout.fb = (struct range) { 0, 0 };
	start(false);
	assert_false(v.fb.in_map);
	assert_null(map.claims);
	begin();
	mock_reset();
	assert_true(place(0, false));
	assert_false(v.fb.in_map);
	assert_true(place(FB, true));
	fb_is(FB, FB + MAX_FB - 1);
	assert_int_equal(moved.start, FB);
	/* Nowhere again, unless its memory stays */
	mock_reset();
	move_error = -ENOSPC;
	assert_false(place(0, false));
	expect_bad("VRAM location", 0);
	fb_is(FB, FB + MAX_FB - 1);
	move_error = 0;
	assert_true(place(0, false));
	assert_string_equal(mock_trace,
			    " vram_location gpa=0 fb=0 accepted=true;");
	assert_true(moved.end < moved.start);
	assert_false(v.fb.in_map);
	assert_null(map.claims);
	/* In nobody's way at all */
	assert_int_equal(mmio_judge(&map, &(struct mmio_claim) {
		.kind = MMIO_CONFIG, .owner = "test0", .bar = -1,
		.range = { FB, FB + 0x1fff } }, true), MMIO_FREE);
}

static void situation(const struct video_situation *s, bool good)
{
	u32 bad = mock_bad_count;

	say(VIDEO_SITUATION_UPDATE, s, sizeof(*s));
	gets(VIDEO_SITUATION_UPDATE_ACK, 8);
	assert_int_equal(msg.context, s->context);
	assert_int_equal(mock_bad_count, bad + !good);
}

static void situations(void **state)
{
	const struct video_situation good = {
		.context = 99, .outputs = 1, .active = 1, .depth = 32,
		.width = 1024, .height = 768, .pitch = 4096,
	};
	struct video_situation s = good;

	(void)state;
	begin();
	mock_reset();
	situation(&s, true);
	assert_string_equal(mock_trace,
			    " situation active=true width=1024 height=768 depth=32 pitch=4096;");
	assert_true(v.active);
	assert_int_equal(v.width, 1024);
	assert_int_equal(v.height, 768);
	assert_int_equal(v.depth, 32);
	assert_int_equal(v.pitch, 4096);
	mock_reset();
#define BAD(field, value) do {			\
		s = good;			\
		s.field = (value);		\
		situation(&s, false);		\
	} while (0)
	BAD(outputs, 0);
	BAD(outputs, 2);
	BAD(depth, 24);
	BAD(depth, 0);
	BAD(offset, 4096);
	BAD(width, 0);
	BAD(height, 0);
	BAD(width, 1025);
	BAD(width, 0xffffffff);
	BAD(pitch, 4095);
	BAD(pitch, 0xffffffff);
	BAD(height, MAX_FB / 4096 + 1);
	BAD(height, 0xffffffff);
	assert_null(strstr(mock_trace, "situation"));
	assert_int_equal(v.width, 1024);
	/* Just as much as there is */
	s = good;
	s.height = MAX_FB / 4096;
	situation(&s, true);
	assert_int_equal(v.height, MAX_FB / 4096);
	/* What version 3.2 guests want of an offer of 8 MiB */
	layout.max_fb = 8 * MIB;
	s = (struct video_situation) {
		.outputs = 1, .active = 1, .depth = 32, .width = 1600,
		.height = 1200, .pitch = 6400,
	};
	situation(&s, true);
	s.depth = 16;
	s.pitch = 3200;
	situation(&s, true);
	assert_int_equal(v.depth, 16);
	/* Off: it does not say how pixels lie, so that stays */
	s = (struct video_situation) { .outputs = 1 };
	situation(&s, true);
	assert_false(v.active);
	assert_int_equal(v.width, 1600);
}

/* What stays when a kernel goes, whichever way it goes */
static void remembered(void **state)
{
	const struct video_situation s = {
		.outputs = 1, .active = 1, .depth = 32, .width = 1024,
		.height = 768, .pitch = 4096,
	};

	(void)state;
	begin();
	assert_true(place(FB + MAX_FB, true));
	situation(&s, true);
	guest_relid(&g, MSG_CLOSE, RELID);
	assert_null(v.chan);
	fb_is(FB + MAX_FB, FB + 2 * MAX_FB - 1);
	guest_teardown(&g, RELID, RELID);
	assert_int_equal(guest_next(&g)->head.type, MSG_GPADL_TORNDOWN);

	open_video();
	say(VIDEO_DIRT, "\0\0", 2);
	assert_string_equal(mock_bad_what, "message before a version");
	guest_simple(&g, MSG_UNLOAD);
	assert_int_equal(guest_next(&g)->head.type, MSG_UNLOADED);
	fb_is(FB + MAX_FB, FB + 2 * MAX_FB - 1);

	begin();
	begin();		/* after a crash */
	fb_is(FB + MAX_FB, FB + 2 * MAX_FB - 1);
	assert_int_equal(moves, 1);
	assert_int_equal(v.width, 1024);
	assert_true(v.active);
}

static void dirt(void **state)
{
	struct {
		struct video_dirt head;
		struct video_rect rect[3];
	} __packed d = {
		.head = { 0, 3 },
		.rect = { { 0, 0, 1, 1 }, { 5, 5, 5, 5 },
			  { 0, 0, 0x7fffffff, 0x7fffffff } },
	};

	(void)state;
	begin();
	say(VIDEO_DIRT, &d, sizeof(d));
	assert_int_equal(v.dirt, 3);
	d.head.count = 1;
	say(VIDEO_DIRT, &d, 18);
	assert_int_equal(v.dirt, 4);
	d.head.count = 0;
	say(VIDEO_DIRT, &d, 2);
	assert_int_equal(v.dirt, 4);
	assert_int_equal(mock_bad_count, 0);
	d.head.count = 3;
	say(VIDEO_DIRT, &d, sizeof(d) - 1);
	expect_bad("dirty rectangles", 3);
	d.head.count = 255;
	say(VIDEO_DIRT, &d, sizeof(d));
	expect_bad("dirty rectangles", 255);
	d.head.count = 1;
	d.rect[0].x1 = -1;
	say(VIDEO_DIRT, &d, 18);
	expect_bad("dirty rectangle from", 0xffffffff00000000);
	d.rect[0] = (struct video_rect) { 2, 1, 1, 1 };
	say(VIDEO_DIRT, &d, 18);
	expect_bad("dirty rectangle from", 0x200000001);
	d.rect[0] = (struct video_rect) { 1, 2, 1, 1 };
	say(VIDEO_DIRT, &d, 18);
	expect_bad("dirty rectangle from", 0x100000002);
	d.head.output = 1;
	say(VIDEO_DIRT, &d, 18);
	expect_bad("output that is dirty", 1);
	assert_int_equal(v.dirt, 4);
	gets_nothing();
}

static void pointers(void **state)
{
	struct video_pointer p = { .visible = 1, .x = -5 };
	struct video_shape s = { 0xff, 1, 96, 96, 0, 0 };

	(void)state;
	begin();
	say(VIDEO_POINTER_POSITION, &p, sizeof(p));
	say(VIDEO_POINTER_SHAPE, &s, sizeof(s));
	assert_int_equal(mock_bad_count, 0);
	p.output = 1;
	say(VIDEO_POINTER_POSITION, &p, sizeof(p));
	expect_bad("output of a pointer", 1);
	s.width = 97;
	say(VIDEO_POINTER_SHAPE, &s, sizeof(s));
	expect_bad("size of a pointer", 97ull << 32 | 96);
	s.width = 1;
	s.height = 97;
	say(VIDEO_POINTER_SHAPE, &s, sizeof(s));
	expect_bad("size of a pointer", 1ull << 32 | 97);
	gets_nothing();
}

static void malformed(void **state)
{
	static const struct {
		u8 type, len;
	} least[] = {
		{ VIDEO_VERSION_REQUEST, 4 }, { VIDEO_VRAM_LOCATION, 17 },
		{ VIDEO_SITUATION_UPDATE, 27 }, { VIDEO_POINTER_POSITION, 10 },
		{ VIDEO_POINTER_SHAPE, 18 }, { VIDEO_DIRT, 2 },
		{ VIDEO_RESOLUTION_REQUEST, 1 },
	};
	/* Those that are the host's to say, too */
	static const u32 unknown[] = {
		0, 2, 4, 6, 9, 11, 12, 14, 15, 16, 100, 0x80000001, 0xffffffff,
	};
	struct video_head head = { 1, 12, VIDEO_VERSION_REQUEST, 12 };
	static const u8 zero[256];
	u32 i;

	(void)state;
	begin();
	mock_reset();
	for (i = 0; i < ARRAY_SIZE(least); i++) {
		say(least[i].type, zero, least[i].len - 1);
		expect_bad("short message of type", least[i].type);
	}
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		say(unknown[i], zero, 64);
		expect_bad("message type", unknown[i]);
	}

	guest_write(&up, RING_PKT_INBAND, 1, zero, 8);
	signal_host();
	expect_bad("bytes of a message", 8);
	guest_write(&up, RING_PKT_COMPLETION, 1, zero, 32);
	signal_host();
	expect_bad("packet type", RING_PKT_COMPLETION);
	head.pipe_type = 2;
	say_head(&head, zero, 4);
	expect_bad("pipe message type", 2);
	head.pipe_type = 1;
	head.pipe_size = 11;
	say_head(&head, zero, 4);
	expect_bad("size of a message", 12);
	head.pipe_size = 25;
	head.size = 25;
	say_head(&head, zero, 16);
	expect_bad("size of a message", 25);
	head.pipe_size = 7;
	head.size = 7;
	say_head(&head, zero, 16);
	expect_bad("size of a message", 7);
	head.pipe_size = 0xffffffff;
	head.size = 0xffffffff;
	say_head(&head, zero, 16);
	expect_bad("size of a message", 0xffffffff);
	gets_nothing();
	assert_int_equal(moves, 0);
	assert_int_equal(v.version, V3_5);
}

/* One that does not read: its answers wait in their order, up to a limit. */
static void full_ring(void **state)
{
	u32 version = V3_5, i, n = 0;
	struct ring_desc d;

	(void)state;
	begin();
	for (i = 0; i < 200; i++) {
		struct video_vram vram = { i, 1, FB };

		say(VIDEO_VRAM_LOCATION, &vram, sizeof(vram));
	}
	assert_string_equal(mock_bad_what, "message that finds no room");
	assert_int_equal(v.count, SYNTHVID_MAX_WAITING);
	while (guest_read(&down, &d, &msg, sizeof(msg)) >= 0)
		assert_int_equal(msg.context, n++);
	assert_in_range(n, 50, 150);
	/* It tells that there is room: those that waited */
	signal_host();
	for (i = 0; i < SYNTHVID_MAX_WAITING; i++) {
		gets(VIDEO_VRAM_LOCATION_ACK, 8);
		assert_int_equal(msg.context, n++);
	}
	gets_nothing();
	assert_int_equal(v.count, 0);
	ask_version(V3_5, true);

	/* What waits is not for the next kernel */
	for (i = 0; i < 200; i++)
		say(VIDEO_VERSION_REQUEST, &version, 4);
	assert_int_equal(v.count, SYNTHVID_MAX_WAITING);
	begin();
	assert_int_equal(v.count, 0);
}

/* A guest that has read, but not told so: what waits still comes first. */
static void order(void **state)
{
	struct video_vram vram = { 0, 1, FB };
	struct ring_desc d;
	u64 n = 0;

	(void)state;
	begin();
	for (; v.count < 3; vram.context++)
		say(VIDEO_VRAM_LOCATION, &vram, sizeof(vram));
	while (guest_read(&down, &d, &msg, sizeof(msg)) >= 0)
		assert_int_equal(msg.context, n++);
	say(VIDEO_VRAM_LOCATION, &vram, sizeof(vram));
	while (guest_read(&down, &d, &msg, sizeof(msg)) >= 0)
		assert_int_equal(msg.context, n++);
	assert_int_equal(n, vram.context + 1);
}

/* A ring that lies closes the channel in the middle of an answer. */
static void lying_ring(void **state)
{
	u32 version = V3_5, i;

	(void)state;
	begin();
	*guest_field(&down, RING_READ_INDEX) = 0x12345678;
	say(VIDEO_VERSION_REQUEST, &version, 4);
	assert_null(v.chan);
	fb_is(FB, FB + MAX_FB - 1);

	/* ... and in room() */
	begin();
	for (i = 0; i < 200; i++)
		say(VIDEO_VERSION_REQUEST, &version, 4);
	assert_int_equal(v.count, SYNTHVID_MAX_WAITING);
	*guest_field(&down, RING_READ_INDEX) = 0x12345678;
	signal_host();
	assert_null(v.chan);
	assert_int_equal(v.count, 0);
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(offer),
		TEST(isolated),
		TEST(versions),
		TEST(resolutions),
		TEST(location),
		TEST(bad_location),
		TEST(conflicts),
		TEST(no_framebuffer),
		TEST(situations),
		TEST(remembered),
		TEST(dirt),
		TEST(pointers),
		TEST(malformed),
		TEST(full_ring),
		TEST(order),
		TEST(lying_ring),
	};

	return cmocka_run_group_tests_name("synthvid", tests, NULL, NULL);
}
