// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KVM that is made up, for hvhost-faults, and a guest that uses each part of the host which
 * allocates memory or calls KVM, and then powers off, or with HVHOST_GUEST=reset resets itself.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arch/x86/acpi.h"
#include "faults.h"
#include "hv/guids.h"
#include "hv/hv.h"
#include "hv/ring.h"
#include "hv/synthvid_proto.h"
#include "hv/vmbus_proto.h"
#include "hv/vpci_proto.h"

#define SLOTS		64
#define STATE_SIZE	(3 * HV_PAGE_SIZE)
#define CPUS		8

static struct kvm_userspace_memory_region slot[SLOTS];

/* The guest's vCPU, and whose turn it is: it runs in a thread of its own. */
static struct kvm_run *guest_run;
static sem_t enter, leave;

static struct {
	int fd;
	struct kvm_run *run;
} cpu[CPUS];
static int cpus;

static void *guest_thread(void *unused);

static int madeup_cpu(void)
{
	pthread_t thread;
	int fd = (int)syscall(SYS_memfd_create, "vcpu", 0);

	if (cpus == CPUS || fd < 0 || __real_ftruncate(fd, STATE_SIZE))
		abort();
	cpu[cpus].fd = fd;
	cpu[cpus].run = __real_mmap(NULL, STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!cpus) {
		guest_run = cpu[0].run;
		sem_init(&enter, 0, 0);
		sem_init(&leave, 0, 0);
		if (__real_pthread_create(&thread, NULL, guest_thread, NULL))
			abort();
	}
	cpus++;
	return fd;
}

static int madeup_run(int fd)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int i = 0;

	while (cpu[i].fd != fd)
		i++;
	if (!i && !cpu[i].run->immediate_exit) {
		sem_post(&enter);
		while (sem_wait(&leave))
			;
		return 0;
	}
	/* Not woken up yet; a kick ends that. */
	while (!cpu[i].run->immediate_exit)
		nanosleep(&moment, NULL);
	errno = EINTR;
	return -1;
}

static void madeup_cpuid(struct kvm_cpuid2 *cpuid)
{
	static const u32 leaf[] = { 0, 1, 7, 0x40000000, 0x40000003, 0x80000008 };
	u32 i;

	cpuid->nent = ARRAY_SIZE(leaf);
	for (i = 0; i < cpuid->nent; i++)
		cpuid->entries[i] = (struct kvm_cpuid_entry2) { .function = leaf[i] };
	cpuid->entries[i - 1].eax = 40;		/* bits of an address */
}

/**
 * madeup_ioctl() - A call of KVM.
 * @fd:		KVM's, a VM's or a vCPU's
 * @request:	Which call
 * @p:		Its argument
 *
 * Return: as KVM's.
 */
int madeup_ioctl(int fd, unsigned long request, void *p)
{
	const struct kvm_userspace_memory_region *region = p;

	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CREATE_VM:
		return (int)syscall(SYS_memfd_create, "vm", 0);
	case KVM_GET_VCPU_MMAP_SIZE:
		return STATE_SIZE;
	case KVM_CREATE_VCPU:
		return madeup_cpu();
	case KVM_GET_SUPPORTED_CPUID:
	case KVM_GET_SUPPORTED_HV_CPUID:
		madeup_cpuid(p);
		return 0;
	case KVM_SET_USER_MEMORY_REGION:
		if (region->slot >= SLOTS)
			abort();
		slot[region->slot] = *region;
		return 0;
	case KVM_GET_REGS:
		memset(p, 0, sizeof(struct kvm_regs));
		return 0;
	case KVM_GET_SREGS:
		memset(p, 0, sizeof(struct kvm_sregs));
		return 0;
	case KVM_SET_MSRS:
	case KVM_SIGNAL_MSI:
		return 1;
	case KVM_RUN:
		return madeup_run(fd);
	}
	return 0;
}

/* The guest ******************************************************/

#define PAGES_GPA	0x2000000ull	/* of its own: */
#define MESSAGE_GPA	PAGES_GPA
#define EVENT_GPA	(PAGES_GPA + 0x1000)
#define INPUT_GPA	(PAGES_GPA + 0x2000)
#define RINGS_GPA	(PAGES_GPA + 0x10000)
#define RING_PAGES	4
#define SINT		2
#define COM1		0x3f8
#define COM2		0x2f8
#define PCI_GPA		0xfd000000ull	/* of each bus: its config window, and BARs */
#define PCI_STEP	0x200000
#define BAR_OFFSET	0x100000
#define NEW_FB		0xf9000000ull
#define COMMAND		4		/* of config space */
#define FIRST_BAR	0x10

static void *at(u64 gpa)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (gpa >= slot[i].guest_phys_addr &&
		    gpa - slot[i].guest_phys_addr < slot[i].memory_size)
			return (u8 *)(unsigned long)slot[i].userspace_addr +
			       (gpa - slot[i].guest_phys_addr);
	abort();
}

static void exits(u32 reason)
{
	guest_run->exit_reason = reason;
	sem_post(&leave);
	while (sem_wait(&enter))
		;
}

static void out(u16 port, u32 value, u8 size)
{
	guest_run->io.direction = KVM_EXIT_IO_OUT;
	guest_run->io.port = port;
	guest_run->io.size = size;
	guest_run->io.count = 1;
	guest_run->io.data_offset = HV_PAGE_SIZE;
	memcpy((u8 *)guest_run + HV_PAGE_SIZE, &value, sizeof(value));
	exits(KVM_EXIT_IO);
}

static void print(u16 port, const char *text)
{
	for (; *text; text++)
		out(port, (u8)*text, 1);
}

static void mmio_write(u64 gpa, u32 value, u8 len)
{
	guest_run->mmio.phys_addr = gpa;
	guest_run->mmio.len = len;
	guest_run->mmio.is_write = 1;
	memcpy(guest_run->mmio.data, &value, sizeof(value));
	exits(KVM_EXIT_MMIO);
}

static void wrmsr(u32 index, u64 data)
{
	guest_run->msr.index = index;
	guest_run->msr.data = data;
	exits(KVM_EXIT_X86_WRMSR);
}

static void hypercall(u64 input, u64 param)
{
	guest_run->hyperv.type = KVM_EXIT_HYPERV_HCALL;
	guest_run->hyperv.u.hcall.input = input;
	guest_run->hyperv.u.hcall.params[0] = param;
	exits(KVM_EXIT_HYPERV);
}

/* By the hypercall page: what KVM does not know */
static void other_hypercall(void)
{
	out(0xf6, 0, 4);
}

static void post(u32 type, void *msg, u32 len)
{
	struct {
		u32 connection, reserved, type, len;
		u8 payload[HV_MESSAGE_PAYLOAD];
	} input = { .connection = VMBUS_CONN_MESSAGE_4, .type = VMBUS_MESSAGE_TYPE, .len = len };

	((struct msg_head *)msg)->type = type;
	memcpy(input.payload, msg, len);
	memcpy(at(INPUT_GPA), &input, sizeof(input));
	hypercall(HVCALL_POST_MESSAGE, INPUT_GPA);
}

/* The host's next message, if there is one. */
static bool receive(void *msg, size_t len)
{
	struct {
		u32 type;
		u8 len, flags;
		u16 reserved;
		u64 sender;
		u8 payload[HV_MESSAGE_PAYLOAD];
	} *m = at(MESSAGE_GPA + SINT * 256);

	if (!m->type)
		return false;
	memcpy(msg, m->payload, len);
	m->type = 0;
	wrmsr(0x40000084, 0);
	return true;
}

/* Open the channel of an offer. Return: whether it is open. */
static bool open_channel(const struct msg_offer *offer, u64 rings)
{
	struct {
		struct msg_gpadl_header h;
		u32 range[2];
		u64 pfn[RING_PAGES];
	} __packed gpadl = {
		.h = { .relid = offer->relid, .gpadl = 0x100 + offer->relid,
		       .list_len = sizeof(gpadl) - sizeof(gpadl.h), .range_count = 1 },
		.range = { RING_PAGES * HV_PAGE_SIZE, 0 },
	};
	struct msg_open open = {
		.relid = offer->relid, .gpadl = gpadl.h.gpadl, .down_page = RING_PAGES / 2,
	};
	struct msg_gpadl_created created = { .status = 1 };
	struct msg_open_result result = { .status = 1 };
	int i;

	for (i = 0; i < RING_PAGES; i++)
		gpadl.pfn[i] = rings / HV_PAGE_SIZE + i;
	post(MSG_GPADL_HEADER, &gpadl, sizeof(gpadl));
	if (!receive(&created, sizeof(created)) || created.status)
		return false;
	post(MSG_OPEN, &open, sizeof(open));
	return receive(&result, sizeof(result)) && !result.status;
}

/* Send a packet; answers stay in the other ring, which has room for all of them. */
static void request(u32 relid, u64 rings, const void *msg, u32 len)
{
	struct ring_desc desc = {
		.type = RING_PKT_INBAND, .offset8 = 2, .len8 = (u16)(2 + (len + 7) / 8),
		.flags = RING_COMPLETION_REQUESTED, .transaction = 1,
	};
	u32 *write = at(rings + RING_WRITE_INDEX);
	u8 *data = at(rings + HV_PAGE_SIZE);

	memcpy(data + *write, &desc, sizeof(desc));
	memcpy(data + *write + sizeof(desc), msg, len);
	*write += desc.len8 * 8 + RING_TRAILER;
	hypercall(HVCALL_SIGNAL_EVENT | HVCALL_FAST, VMBUS_CONN_CHANNEL + relid);
}

static void use_video(u32 relid, u64 rings)
{
	struct {
		struct video_head head;
		struct video_version version;
	} __packed version = {
		{ PIPE_DATA, VIDEO_HEAD_SIZE + sizeof(version.version), VIDEO_VERSION_REQUEST,
		  VIDEO_HEAD_SIZE + sizeof(version.version) },
		{ .version = VIDEO_VERSION(3, 5) },
	};
	struct {
		struct video_head head;
		struct video_vram vram;
	} __packed move = {
		{ PIPE_DATA, VIDEO_HEAD_SIZE + sizeof(move.vram), VIDEO_VRAM_LOCATION,
		  VIDEO_HEAD_SIZE + sizeof(move.vram) },
		{ .specified = 1, .gpa = NEW_FB },
	};

	request(relid, rings, &version, sizeof(version));
	request(relid, rings, &move, sizeof(move));
}

static void use_pci(u32 relid, u64 rings)
{
	u64 window = PCI_GPA + relid * PCI_STEP, config = window + VPCI_CONFIG_PAGE;
	u32 bar = (u32)window + BAR_OFFSET;
	struct vpci_msg_version version = { VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION(1, 4) };
	struct vpci_msg_d0_entry d0 = { .type = VPCI_D0_ENTRY, .window = window };
	struct vpci_msg_create create = {
		.type = VPCI_CREATE_INTERRUPT, .vector = 0x40, .count = 1, .mask = 1,
	};

	request(relid, rings, &version, sizeof(version));
	request(relid, rings, &d0, sizeof(d0));
	request(relid, rings, &create, sizeof(create));
	mmio_write(window, 0, 4);
	mmio_write(config + FIRST_BAR, bar, 4);
	mmio_write(config + FIRST_BAR + 8, bar + BAR_OFFSET / 2, 4);
	mmio_write(config + COMMAND, 6, 2);
}

static void *guest_thread(void *unused)
{
	struct msg_contact contact = { .version = VMBUS_VERSION(5, 3), .sint = SINT };
	struct msg_offer offer[8] = { 0 };
	const struct guid synthvid = GUID_SYNTHVID, vpci = GUID_VPCI;
	struct msg_head head = { 0 };
	u8 version[VMBUS_MAX_MESSAGE];
	int i, offers = 0;

	while (sem_wait(&enter))
		;
	print(COM1, "made-up guest\n");
	print(COM2, "guest: kernel first\n");
	out(COM1 + 4, 8, 1);		/* OUT2: its interrupt may come */
	out(COM1 + 1, 2, 1);		/* ... and does */
	guest_run->hyperv.type = KVM_EXIT_HYPERV_SYNIC;
	guest_run->hyperv.u.synic.control = 1;
	guest_run->hyperv.u.synic.msg_page = MESSAGE_GPA | 1;
	guest_run->hyperv.u.synic.evt_page = EVENT_GPA | 1;
	exits(KVM_EXIT_HYPERV);
	post(MSG_CONTACT, &contact, sizeof(contact));
	if (receive(version, sizeof(version))) {
		post(MSG_REQUEST_OFFERS, &head, sizeof(head));
		while (offers < 8 && receive(&offer[offers], sizeof(offer[0])) &&
		       offer[offers].head.type == MSG_OFFER)
			offers++;
	}
	for (i = 0; i < offers; i++) {
		u64 rings = RINGS_GPA + (u64)i * RING_PAGES * HV_PAGE_SIZE;

		if (!open_channel(&offer[i], rings))
			continue;
		if (guid_equal(&offer[i].type, &synthvid))
			use_video(offer[i].relid, rings);
		else if (guid_equal(&offer[i].type, &vpci))
			use_pci(offer[i].relid, rings);
	}
	other_hypercall();
	print(COM1, "made-up guest: done\n");
	print(COM2, "guest: finished\n");
	if (getenv("HVHOST_GUEST"))
		out(ACPI_PM_PORT + ACPI_RESET, ACPI_RESET_VALUE, 1);
	else
		out(ACPI_PM_PORT + ACPI_PM1_CNT, ACPI_S5_TYPE << 10 | 1 << 13, 2);
	for (;;)
		exits(KVM_EXIT_HLT);
	return unused;
}
