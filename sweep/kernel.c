// SPDX-License-Identifier: GPL-2.0-only
/*
 * One version of the kernel's MMIO code, compiled for userspace. The functions
 * are the kernel's own, cut out of its source (cut.c); here is what calls them
 * as the kernel does, and what stands in for the machine below them.
 */
#include "devices.h"
#include "kernel.h"
#include "have.h"

#ifndef KERNEL
#error "KERNEL is the name of this object's struct kernel"
#endif

static const struct range nowhere = { 1, 0 };

/* Memory. With sanitizers the C library's, so that each misuse is seen. */
static int objects;

#ifdef SANITIZE
void *kzalloc(size_t size, gfp_t flags)
{
	(void)flags;
	objects++;
	return calloc(1, size);
}

void kfree(const void *p)
{
	objects -= !!p;
	free((void *)p);
}

static void forget_memory(void)
{
}
#else
/* Objects of one size, the largest there is; a boot gives all of them back */
#define POOL_SIZE	(16 * MAX_BUSES)

union object {
	union object *next;
	char bytes[128];
};

static union object pool[POOL_SIZE], *free_objects;
static int pool_used;

void *kzalloc(size_t size, gfp_t flags)
{
	union object *o = free_objects;

	(void)flags;
	if (size > sizeof(*o))
		abort();
	if (o)
		free_objects = o->next;
	else if (pool_used < POOL_SIZE)
		o = &pool[pool_used++];
	else
		abort();
	objects++;
	memset(o, 0, size);
	return o;
}

void kfree(const void *p)
{
	union object *o = (union object *)p;

	if (!o)
		return;
	objects--;
	o->next = free_objects;
	free_objects = o;
}

static void forget_memory(void)
{
	free_objects = NULL;
	pool_used = 0;
	objects = 0;
}
#endif

/* The machine */
static bool has_efi, has_vga;
static struct pci_dev vga;

bool efi_enabled(int feature)
{
	return feature == EFI_BOOT && has_efi;
}

#include "cut.c"

struct pci_dev *pci_get_device(unsigned int vendor, unsigned int device,
			       struct pci_dev *from)
{
	if (from || vendor != PCI_VENDOR_ID_MICROSOFT ||
	    device != PCI_DEVICE_ID_HYPERV_VIDEO || !has_vga)
		return NULL;
	return &vga;
}

#ifdef HAVE_hv_drm_device
typedef struct hv_drm_device drm_t;
#else
typedef struct hyperv_drm_device drm_t;
#define hv_drm_setup_vram	hyperv_setup_vram
#endif
#ifndef HAVE_vmbus_mmio_remove
#define vmbus_mmio_remove()	vmbus_acpi_remove(NULL)
#endif

static struct hv_device video_dev = { .device.name = "video" };
static struct hv_device pci_dev[MAX_BUSES];
static struct hv_pcibus_device hbus[MAX_BUSES];
static struct pci_host_bridge bridge;
static struct resource busy[4];
/* The host, which is asked for D0 */
static bool (*host_takes)(void *host, const struct range *config);
static void *host;

static struct range range_of(const struct resource *res)
{
	return (struct range) { res->start, res->end };
}

/* screen_info as EFI's stub, VESA's or kexec_file_load() would fill it in */
static void tell(const struct range *told, bool vesa)
{
	struct screen_info si = {};
	u64 size = told->end - told->start + 1;

	if (told->end) {
		si.orig_video_isVGA = vesa ? VIDEO_TYPE_VLFB : VIDEO_TYPE_EFI;
		si.lfb_base = (u32)told->start;
		si.ext_lfb_base = told->start >> 32;
		if (si.ext_lfb_base)
			si.capabilities = VIDEO_CAPABILITY_64BIT_BASE;
		/* VESA counts in 64 KiB */
		si.lfb_size = (u32)(vesa ? size >> 16 : size);
	}
	screen_info = si;
	sysfb_primary_display.screen = si;
}

/* As acpi_walk_resources() does; ends as that does when it is refused. */
static int walk(const struct range *crs, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		struct acpi_resource res = {};

		/* As Hyper-V's firmware: DWordMemory where that can say it */
		if (crs[i].start <= (u32)-1 && crs[i].end <= (u32)-1) {
			res.type = ACPI_RESOURCE_TYPE_ADDRESS32;
			res.data.address32.address.minimum = (u32)crs[i].start;
			res.data.address32.address.maximum = (u32)crs[i].end;
		} else {
			res.type = ACPI_RESOURCE_TYPE_ADDRESS64;
			res.data.address64.address.minimum = crs[i].start;
			res.data.address64.address.maximum = crs[i].end;
		}
		if (vmbus_walk_resources(&res, NULL) != AE_OK)
			return -ENOMEM;
	}
	return 0;
}

/* A video device, and no other: drivers look for none in this list. */
static void offer(u16 mmio_megabytes)
{
	static struct vmbus_channel channel = { .device_id = HV_FB };

	channel.offermsg.offer.mmio_megabytes = mmio_megabytes;
	channel.listentry.next = &vmbus_connection.chn_list;
	channel.listentry.prev = &vmbus_connection.chn_list;
	vmbus_connection.chn_list.next = &channel.listentry;
	vmbus_connection.chn_list.prev = &channel.listentry;
}

/* Each variable of the kernel's code gets the value that it has at the start. */
static void reset_variables(void)
{
	static bool saved;

#define RESET(variable) {						\
	static char at_start[sizeof(variable)];				\
									\
	if (saved)							\
		memcpy(&(variable), at_start, sizeof(variable));	\
	else								\
		memcpy(at_start, &(variable), sizeof(variable));	\
}
	FOR_EACH_VARIABLE(RESET)
#undef RESET
	saved = true;
}

static int boot(const struct boot *b)
{
	int i, err;

	forget_memory();
	reset_variables();
	offer(b->offered_mib);
	for (i = 0; i < b->busy_count && i < (int)ARRAY_SIZE(busy); i++) {
		busy[i] = (struct resource) {
			.start = b->busy[i].start, .end = b->busy[i].end,
			.flags = IORESOURCE_MEM | IORESOURCE_BUSY,
			.name = "busy",
		};
		insert_resource(&iomem_resource, &busy[i]);
	}
	has_efi = b->efi;
	has_vga = b->vga_bar;
	if (has_vga)
		vga.resource[0] = (struct resource) {
			.start = b->vga_bar->start, .end = b->vga_bar->end,
			.flags = IORESOURCE_MEM,
		};
	tell(&b->told, has_vga);

#ifdef FEATURE_devicetree
	if (b->devicetree) {
		struct device_node node = { b->crs, b->crs_count };
		struct platform_device pdev = { .dev.of_node = &node };

		return vmbus_device_add(&pdev);
	}
#endif
	/* vmbus_acpi_add() */
	err = walk(b->crs, b->crs_count);
	if (!err && hyperv_mmio)
		vmbus_reserve_fb();
	return err;
}

static int video(u32 mmio_megabytes, struct range *fb)
{
	static drm_t drm;
	int err;

	drm.mmio_megabytes = mmio_megabytes;
	err = hv_drm_setup_vram(&drm, &video_dev);
	*fb = err ? nowhere : range_of(drm.mem);
	return err;
}

static void add(int bus)
{
	struct hv_pcibus_device *h = &hbus[bus];

	memset(h, 0, sizeof(*h));
	pci_dev[bus].device.name = "pci";
	pci_dev[bus].driver_data = h;
	h->hdev = &pci_dev[bus];
	h->bridge = &bridge;
}

static int config(int bus, struct range *window)
{
	struct hv_pcibus_device *h = &hbus[bus];
	int err = hv_allocate_config_window(h);

	*window = err ? nowhere : range_of(h->mem_config);
	return err;
}

static void unconfig(int bus)
{
	hv_free_config_window(&hbus[bus]);
}

int sweep_send_d0_entry(struct hv_device *hdev)
{
	const struct hv_pcibus_device *h = hv_get_drvdata(hdev);
	const struct range window = range_of(h->mem_config);

	return host_takes(host, &window) ? 0 : -EPROTO;
}

static int enter_d0(int bus, bool (*takes)(void *arg, const struct range *config),
		    void *arg, struct range *window)
{
	int err;

	host_takes = takes;
	host = arg;
#ifdef FEATURE_second_window
	err = hv_pci_enter_d0(&pci_dev[bus]);
#else
	err = sweep_send_d0_entry(&pci_dev[bus]);
#endif
	*window = range_of(hbus[bus].mem_config);
	return err;
}

/* What a BAR reads back when all ones are written to it */
static void probe(const struct bus *dev, u32 *bar)
{
	int i;

	memset(bar, 0, MAX_BARS * sizeof(*bar));
	for (i = 0; i < MAX_BARS; i++) {
		u64 mask = ~(dev->bar[i].size - 1);

		if (!dev->bar[i].size)
			continue;
		bar[i] = (u32)mask;
		if (!dev->bar[i].is_64)
			continue;
		bar[i] |= PCI_BASE_ADDRESS_MEM_TYPE_64;
		bar[++i] = (u32)(mask >> 32);
	}
}

static int windows(int bus, const struct bus *dev, struct range *low,
		   struct range *high)
{
	struct hv_pcibus_device *h = &hbus[bus];
	struct completion done;
	struct hv_pci_dev child;
	int err;

	probe(dev, child.probed_bar);
	h->children.next = &child.list_entry;
	h->children.prev = &child.list_entry;
	child.list_entry.next = &h->children;
	child.list_entry.prev = &h->children;
	h->survey_event = &done;
	survey_child_resources(h);

	*low = nowhere;
	*high = nowhere;
	err = hv_pci_allocate_bridge_windows(h);
	/* It may have been had and given back: then it is no resource now. */
	if (h->low_mmio_res && !err)
		*low = range_of(h->low_mmio_res);
	if (h->high_mmio_res && !err)
		*high = range_of(h->high_mmio_res);
	if (err && (h->low_mmio_res || !h->low_mmio_space))
		return -ENOSPC;
	return err;
}

static void unwindows(int bus)
{
	hv_pci_free_bridge_windows(&hbus[bus]);
}

static int granted(struct range *out, int max)
{
	const struct resource *win;
	int n = 0;

	for (win = hyperv_mmio; win && n < max; win = win->sibling)
		out[n++] = range_of(win);
	return n;
}

static bool reserved(struct range *out)
{
	*out = fb_mmio ? range_of(fb_mmio) : nowhere;
	return fb_mmio;
}

/* What lies free from @start up to @end, not included */
static void gap(u64 start, u64 end, struct left *left)
{
	u64 size;

	if (start >= end)
		return;
	left->bytes += end - start;
	for (size = 1ull << (63 - __builtin_clzll(end - start));
	     size >= PAGE_SIZE && size > left->largest; size >>= 1) {
		u64 at = ALIGN(start, size);

		if (at >= start && at < end && end - at >= size)
			left->largest = size;
	}
}

static void count_left(struct left *left)
{
	const struct resource *win, *r;

	*left = (struct left) {};
	for (win = hyperv_mmio; win && win->start < SZ_4G; win = win->sibling) {
		u64 from = win->start, end = min(win->end, SZ_4G - 1) + 1;

		for (r = win->child; r && r->start < SZ_4G; r = r->sibling) {
			gap(from, r->start, left);
			from = r->end + 1;
		}
		gap(from, end, left);
	}
}

static u64 mix(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0xbf58476d1ce4e5b9ull;
	return hash ^ hash >> 29;
}

static u64 state(void)
{
	const struct resource *win, *r;
	u64 hash = 1;

	for (win = hyperv_mmio; win; win = win->sibling) {
		hash = mix(mix(hash, win->start), win->end);
		for (r = win->child; r; r = r->sibling)
			hash = mix(mix(hash, r->start), r->end);
	}
	hash = mix(hash, fb_mmio ? fb_mmio->start : 0);
	for (r = iomem_resource.child; r; r = r->sibling) {
		const struct resource *over = NULL;

		for (win = hyperv_mmio; win && !over; win = win->sibling)
			for (over = win->child; over; over = over->sibling)
				if (over->start <= r->start &&
				    over->end >= r->end)
					break;
		if (!over)
			hash = mix(mix(hash, r->start), r->end);
	}
	return hash;
}

static int allocate(u64 min, u64 max, u64 size, u64 align, bool fb_ok,
		    struct range *out)
{
	struct resource *res;
	int err = vmbus_allocate_mmio(&res, &video_dev, min, max, size, align,
				      fb_ok);

	*out = err ? nowhere : range_of(res);
	return err;
}

static int remove_all(void)
{
	bool dangles;

	vmbus_mmio_remove();
	dangles = hyperv_mmio;
	hyperv_mmio = NULL;
	return objects + dangles;
}

static const char *check_children(const struct resource *parent)
{
	const struct resource *r;
	const char *why;

	for (r = parent->child; r; r = r->sibling) {
		if (r->end < r->start)
			return "a resource ends before it starts";
		if (r->start < parent->start || r->end > parent->end)
			return "a resource reaches out of its parent";
		if (r->parent != parent)
			return "a resource has another parent";
		if (r->sibling && r->sibling->start <= r->end)
			return "resources overlap or are not in order";
		why = check_children(r);
		if (why)
			return why;
	}
	return NULL;
}

static const char *check(void)
{
	const struct resource *win;
	const char *why;

	for (win = hyperv_mmio; win; win = win->sibling) {
		if (win->end < win->start)
			return "a window ends before it starts";
		if (win->parent)
			return "a window has a parent";
		if (win->sibling && win->sibling->start <= win->end)
			return "windows overlap or are not in order";
		why = check_children(win);
		if (why)
			return why;
	}
	return check_children(&iomem_resource);
}

const struct kernel KERNEL = {
	.name = KERNEL_NAME,
	.features = FEATURES,
#ifdef FEATURE_devicetree
	.devicetree = true,
#endif
#ifndef FEATURE_find_space
	.steps = true,
#endif
#ifdef FEATURE_moved_fb
	.moves_fb = true,
#endif
#if defined(CONFIG_X86) && defined(FEATURE_config_at_ioapic)
	.config_at_ioapic = true,
#endif
#ifdef FEATURE_second_window
	.retries = true,
#endif
#ifdef HAVE_hv_pci_allocate_bridge_windows_before_hv_allocate_config_window
	.windows_first = true,
#endif
	.boot = boot,
	.video = video,
	.add = add,
	.config = config,
	.unconfig = unconfig,
	.enter_d0 = enter_d0,
	.windows = windows,
	.unwindows = unwindows,
	.granted = granted,
	.reserved = reserved,
	.left = count_left,
	.state = state,
	.allocate = allocate,
	.free = vmbus_free_mmio,
	.remove = remove_all,
	.check = check,
};
