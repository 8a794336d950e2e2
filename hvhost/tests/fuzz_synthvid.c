// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz synthetic video, from the guest's end, with the framebuffer's memory
 * and MMIO below it. The input is a list of steps: each is a byte of what to
 * do, and bytes of how.
 */
#include <errno.h>

#include "core/io.h"
#include "dev/vram.h"
#include "fuzz.h"
#include "guest.h"
#include "hv/synthvid.h"

#define VRAM_SIZE	(8 * MIB)
#define RELIDS		8

struct world {
	struct guest g;
	struct synthvid video;
	struct mmio_map map;
	struct vram vram;
	struct io_table mmio;
	struct range mapped[VRAM_MAX_PIECES];
	u32 pieces;
	bool full;		/* the hypervisor maps no more */
};

static const struct layout layout = {
	.width = 1920, .height = 1080, .max_fb = VRAM_SIZE, .mmio_megabytes = 8,
	.fb = { 0xf8000000, 0xf8000000 + VRAM_SIZE - 1 },
	.usable = { { 0xf8000000, 0xfed3ffff }, { 0xfe0000000, 0xfffffffff } },
	.usable_count = 2,
};

/* The first of RAM */
static const u64 ring_pfn[4] = { 0x100, 0x101, 0x102, 0x103 };
static const struct guest_ring up = { ring_pfn, 0x1000 };
static const struct guest_ring down = { ring_pfn + 2, 0x1000 };

static int map(void *opaque, u32 index, const struct range *range, u8 *host)
{
	struct world *w = opaque;
	u32 i;

	if (!range) {
		if (index != --w->pieces)
			abort();
		return 0;
	}
	if (w->full)
		return -ENOSPC;
	if (index != w->pieces || index >= VRAM_MAX_PIECES ||
	    range->end < range->start || range->start % HV_PAGE_SIZE ||
	    range->end % HV_PAGE_SIZE != HV_PAGE_SIZE - 1 ||
	    host < w->vram.host ||
	    range->end - range->start >=
	    VRAM_SIZE - (u64)(host - w->vram.host))
		abort();
	for (i = 0; i < index; i++)
		if (range->start <= w->mapped[i].end &&
		    w->mapped[i].start <= range->end)
			abort();
	for (i = 0; i < w->mmio.count; i++) {
		const struct io_region *r = &w->mmio.region[i];

		if (range->start < r->start + r->size &&
		    r->start <= range->end)
			abort();
	}
	w->mapped[w->pieces++] = *range;
	return 0;
}

static int move(void *opaque, const struct range *fb)
{
	struct world *w = opaque;

	return vram_move(&w->vram, fb);
}

static void answered(void *opaque, u64 offset, bool write, u64 *value,
		     unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)write;
	(void)value;
	(void)size;
}

/* guest.h's helpers trust indices, so bring them back into range */
static void mend(void)
{
	*guest_field(&up, RING_WRITE_INDEX) %= up.size;
	*guest_field(&up, RING_READ_INDEX) %= up.size;
	*guest_field(&down, RING_WRITE_INDEX) %= down.size;
	*guest_field(&down, RING_READ_INDEX) %= down.size;
}

static void signal_host(struct world *w)
{
	u32 relid;

	for (relid = 1; relid < RELIDS; relid++)
		vmbus_hv_signal(w->g.bus, VMBUS_CONN_CHANNEL + relid, 0);
}

static void packet(struct world *w, u16 type, const void *data, u32 len)
{
	mend();
	guest_write(&up, type, 1, data, len);
	signal_host(w);
}

/* An honest message, with as many bytes of the input as it says */
static void say(struct world *w, u32 type, struct input *in, u32 len)
{
	struct video_head head = { PIPE_DATA, 8 + len, type, 8 + len };
	u8 buf[sizeof(head) + 256];
	u32 i;

	memcpy(buf, &head, sizeof(head));
	for (i = 0; i < len; i++)
		buf[sizeof(head) + i] = (u8)take(in, 1);
	packet(w, RING_PKT_INBAND, buf, sizeof(head) + len);
}

static void open_video(struct world *w)
{
	memset(mock_ram, 0, 4 * HV_PAGE_SIZE);
	guest_gpadl(&w->g, 1, 1, ring_pfn, 4);
	guest_open(&w->g, 1, 1, 0, 2);
}

/* Any GPA, or, more often, pages in and about where it can be */
static u64 address(struct input *in)
{
	u64 how = take(in, 1);

	if (how >= 0xf0)
		return take(in, 8);
	return (how & 0x80 ? 0xfe0000000 : how & 0x40 ? MOCK_LOW_GPA :
		0xf8000000) + (how & 0x3f) * 0x40000;
}

static void place(struct world *w, struct input *in)
{
	struct video_vram vram = { 1, (u8)take(in, 1), address(in) };
	struct input bytes = { (const u8 *)&vram, sizeof(vram) };

	say(w, VIDEO_VRAM_LOCATION, &bytes, sizeof(vram));
}

static void mmio(struct world *w, struct input *in)
{
	u64 start = address(in), size = take(in, 1) * 0x800;

	if (io_del(&w->mmio, start))
		io_add(&w->mmio, &(struct io_region) {
			start, size, answered, NULL });
	vram_cut(&w->vram);
}

static void step(struct world *w, struct input *in)
{
	u8 how = (u8)take(in, 1), buf[256];
	u32 version = VIDEO_VERSION(3, 5), i;
	struct input bytes = { (const u8 *)&version, sizeof(version) };
	u64 value;

	switch (how % 12) {
	case 0:
		guest_contact(&w->g, VMBUS_VERSION(5, 3), 0);
		guest_simple(&w->g, MSG_REQUEST_OFFERS);
		open_video(w);
		break;
	case 1:
		say(w, VIDEO_VERSION_REQUEST, &bytes, sizeof(version));
		break;
	case 2:
		place(w, in);
		break;
	case 3:
		i = (u32)take(in, 1);
		say(w, i, in, (u32)take(in, 1));
		break;
	case 4:
		i = (u32)take(in, 1);
		memset(buf, 0, sizeof(buf));
		for (u32 n = 0; n < i; n++)
			buf[n] = (u8)take(in, 1);
		packet(w, (u16)take(in, 1), buf, i);
		break;
	case 5:
		mmio(w, in);
		break;
	case 6:
		mend();
		*guest_field(&down, RING_READ_INDEX) =
			*guest_field(&down, RING_WRITE_INDEX);
		signal_host(w);
		break;
	case 7:
		guest_relid(&w->g, MSG_CLOSE, 1);
		guest_teardown(&w->g, 1, 1);
		break;
	case 8:
		guest_simple(&w->g, MSG_UNLOAD);
		break;
	case 9:
		/* A lie in one of the rings' heads */
		*guest_field(how & 0x80 ? &up : &down,
			     take(in, 1) % 4 * 4) = (u32)take(in, 4);
		signal_host(w);
		break;
	case 10:
		value = take(in, 8);
		vram_access(&w->vram, address(in), how & 0x80, &value,
			    take(in, 1) % 9);
		break;
	case 11:
		w->full = how & 0x80;
		break;
	}
	while (guest_next(&w->g))
		;
	/* What the map tells is where the memory is */
	if (!w->full && w->video.fb.in_map &&
	    w->video.fb.range.start != w->vram.at.start)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static const struct vmbus_config config = {
		.max_version = VMBUS_VERSION(6, 0), .cpus = GUEST_CPUS,
	};
	static u8 *vram;
	struct input in = { data, len };
	struct world *w = calloc(1, sizeof(*w));
	int steps;

	if (!mock_ram)
		mock_ram_new();
	if (!vram)
		vram = calloc(1, VRAM_SIZE);
	if (!w || !vram)
		abort();
	mock_reset();
	memset(mock_ram, 0, 4 * HV_PAGE_SIZE);
	w->vram = (struct vram) {
		.host = vram, .size = VRAM_SIZE, .at = { 1, 0 },
		.mem = &mock_mem, .mmio = &w->mmio, .limit = 1ull << 40,
		.map = map, .opaque = w,
	};
	mmio_init(&w->map, &layout);
	synthvid_init(&w->video, &layout, &w->map, move, w);
	if (vram_move(&w->vram, &layout.fb))
		abort();
	w->g.bus = vmbus_new(&config, &mock_mem, &guest_ops, &w->g);
	if (!w->g.bus || synthvid_add(&w->video, w->g.bus))
		abort();
	for (steps = 0; in.len && steps < 200; steps++)
		step(w, &in);
	vmbus_free(w->g.bus);
	free(w->mmio.region);
	free(w);
	return 0;
}
