// SPDX-License-Identifier: GPL-2.0-only
/* The virtual machine: KVM, its RAM, vCPU threads, ports and MMIO. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hyperv.h"
#include "trace.h"
#include "vm.h"

/*
 * Three pages that KVM on Intel wants for itself; in the vTPM hole, where no
 * guest is given anything.
 */
#define TSS_GPA		0xfffbd000ul
#define IDENTITY_GPA	0xfffbc000ul

/* KVM's slots: RAM, a second time for isolated VMs; then the framebuffer's */
#define VRAM_SLOT	(2 * MEM_MAX_REGIONS)

/* Where a message signalled interrupt is written to, and for whom */
#define MSI_ADDRESS	0xfee00000u
#define MSI_VP_SHIFT	12

/* The I/O APIC, local APICs and the pages above: KVM's, not the framebuffer's */
#define APIC_START	0xfec00000u
#define APIC_END	0xffffffffu

/* No processor addresses more */
#define GPA_LIMIT	(1ull << 52)

#define HUGE_PAGE	(2 * MIB)

/* What makes a vCPU thread leave KVM_RUN. */
#define SIG_KICK	SIGUSR1

struct cpu {
	struct vm *vm;
	u32 index;
	struct kvm_run *run;
	pthread_t thread;
};

/* What only this file needs to know of the VM; there is one a process. */
static struct {
	struct cpu cpu[VM_MAX_CPUS];
	pthread_mutex_t end_lock;
	bool ended;
	enum vm_end how;
	char why[160];
	int end_fd;
} state = {
	.end_lock = PTHREAD_MUTEX_INITIALIZER,
	.end_fd = -1,
};

/**
 * vm_end() - End the run.
 * @vm:		The VM
 * @how:	The exit status
 * @why:	In words, for the trace
 *
 * The first one to say so decides. May be called in any thread, with or
 * without the VM's lock; returns at once.
 */
void vm_end(struct vm *vm, enum vm_end how, const char *why)
{
	u64 one = 1;
	int i;

	pthread_mutex_lock(&state.end_lock);
	if (!state.ended) {
		state.how = how;
		snprintf(state.why, sizeof(state.why), "%s", why);
		__atomic_store_n(&state.ended, true, __ATOMIC_SEQ_CST);
		if (write(state.end_fd, &one, sizeof(one)) < 0)
			_exit(VM_HOST_ERROR);
		for (i = 0; i < vm->opt->cpus; i++)
			if (state.cpu[i].thread)
				pthread_kill(state.cpu[i].thread, SIG_KICK);
	}
	pthread_mutex_unlock(&state.end_lock);
}

/**
 * vm_end_fd() - A file that becomes readable when the run has ended.
 *
 * Return: the descriptor.
 */
int vm_end_fd(void)
{
	return state.end_fd;
}

/**
 * vm_ended() - How the run ended.
 * @why:	Set to the reason in words
 *
 * Return: the exit status. To be asked once vm_end_fd() is readable.
 */
enum vm_end vm_ended(const char **why)
{
	pthread_mutex_lock(&state.end_lock);
	pthread_mutex_unlock(&state.end_lock);
	*why = state.why;
	return state.how;
}

/**
 * vm_lock() - Take the VM's lock, but do not wait for it for ever.
 * @vm:		The VM
 * @ms:		Milliseconds to wait at most
 *
 * For whoever has to go on when a vCPU's thread, which holds it, is stuck.
 *
 * Return: true if the lock is held now.
 */
bool vm_lock(struct vm *vm, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000l;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return !pthread_mutex_clocklock(&vm->lock, CLOCK_MONOTONIC, &until);
}

/**
 * vm_add_ports() - Handle I/O ports.
 * @vm:		The VM
 * @first:	First port
 * @count:	How many
 * @fn:		Called with the lock held, offsets count from @first
 * @opaque:	For @fn
 *
 * Return: 0, -EBUSY if a port is taken, -ENOSPC, -EINVAL, -ENOMEM.
 */
int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque)
{
	return io_add(&vm->port,
		      &(struct io_region) { first, count, fn, opaque });
}

/* The framebuffer makes room for MMIO. */
static void cut_fb(struct vm *vm)
{
	int err = vram_cut(&vm->vram);

	if (err)
		trace_bad("framebuffer", "KVM does not map it, error", -err);
}

/**
 * vm_add_mmio() - Handle guest physical addresses that are no RAM.
 * @vm:		The VM
 * @gpa:	First address
 * @size:	Bytes
 * @fn:		Called with the lock held, offsets count from @gpa
 * @opaque:	For @fn
 *
 * Where it overlaps the framebuffer, it comes first, unless the framebuffer
 * covers it (--overlap). A handler may call this.
 *
 * Return: 0, -EBUSY if it overlaps another, -ENOSPC, -EINVAL, -ENOMEM.
 */
int vm_add_mmio(struct vm *vm, u64 gpa, u64 size, vm_io_fn fn, void *opaque)
{
	int err = io_add(&vm->mmio,
			 &(struct io_region) { gpa, size, fn, opaque });

	if (!err)
		cut_fb(vm);
	return err;
}

/**
 * vm_del_mmio() - Handle them no more.
 * @vm:		The VM
 * @gpa:	First address, as it was added
 *
 * A handler may call this, for itself too.
 */
void vm_del_mmio(struct vm *vm, u64 gpa)
{
	if (!io_del(&vm->mmio, gpa))
		cut_fb(vm);
}

/**
 * vm_move_fb() - Have the framebuffer's memory elsewhere.
 * @opaque:	The VM
 * @fb:		Where; all pages that it touches. Nowhere, if it ends before it
 *		starts
 *
 * Return: as vram_move().
 */
int vm_move_fb(void *opaque, const struct range *fb)
{
	struct vm *vm = opaque;
	struct range pages = {
		fb->start & ~(u64)(HV_PAGE_SIZE - 1),
		fb->end | (HV_PAGE_SIZE - 1),
	};

	return vram_move(&vm->vram, fb->end < fb->start ? fb : &pages);
}

/**
 * vm_irq_line() - Set the level of an interrupt line.
 * @vm:		The VM
 * @gsi:	Pin of the IOAPIC, or what a route leads to
 * @level:	0 or 1
 *
 * Return: 0 or -errno.
 */
int vm_irq_line(struct vm *vm, u32 gsi, int level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	return ioctl(vm->vm_fd, KVM_IRQ_LINE, &irq) < 0 ? -errno : 0;
}

/**
 * vm_interrupt() - Interrupt a vCPU.
 * @vm:		The VM
 * @vp:		Which one
 * @vector:	By this vector
 *
 * Return: 0, -EINVAL for a vCPU there is not, or -errno of KVM.
 */
int vm_interrupt(struct vm *vm, u32 vp, u8 vector)
{
	struct kvm_msi msi = {
		.address_lo = MSI_ADDRESS | vp << MSI_VP_SHIFT,
		.data = vector,
	};

	if (vp >= (u32)vm->opt->cpus)
		return -EINVAL;
	return ioctl(vm->vm_fd, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}

static int fail_range(const char *what, const struct range *r)
{
	char text[80];

	snprintf(text, sizeof(text), "%s at 0x%llx-0x%llx", what, r->start,
		 r->end);
	return vm_fail(text);
}

/*
 * Memory for a range that begins at @gpa, in huge pages if they are to be had.
 * KVM maps one as such only if the guest's is one of ours too. Where KVM itself
 * is emulated, a fault a small page is much of what a boot costs.
 */
static void *map_memory(u64 gpa, u64 size)
{
	u8 *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	p += (gpa - (unsigned long)p) & (HUGE_PAGE - 1);
	/* Without, it works as well. */
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static int set_slot(struct vm *vm, u32 slot, u64 gpa, u64 size, u8 *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (u64)(unsigned long)host,
	};

	return ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ?
	       -errno : 0;
}

/*
 * Have the guest see our memory, in slots 2 * @pair and the next, which is for
 * where an isolated VM sees it once more. @size 0: no longer.
 */
static int set_slots(struct vm *vm, u32 pair, u64 gpa, u64 size, u8 *host)
{
	u64 shared = hyperv_shared_bit(vm);
	int err = set_slot(vm, 2 * pair, gpa, size, host);

	if (err || !shared)
		return err;
	err = set_slot(vm, 2 * pair + 1, gpa | shared, size, host);
	if (err && size)
		set_slot(vm, 2 * pair, 0, 0, NULL);
	return err;
}

static int add_ram(struct vm *vm)
{
	int i, err;

	for (i = 0; i < vm->layout.ram_count; i++) {
		const struct range *r = &vm->layout.ram[i];
		u64 size = r->end - r->start + 1;
		u8 *p = map_memory(r->start, size);

		if (!p)
			return fail_range("no guest RAM", r);
		err = set_slots(vm, i, r->start, size, p);
		if (err)
			return fail_range("no guest RAM", r);
		err = mem_add(&vm->mem, r->start, size, p);
		if (err)
			return err;
	}
	return 0;
}

static int map_fb(void *opaque, u32 index, const struct range *range, u8 *host)
{
	u32 pair = VRAM_SLOT / 2 + index;

	if (!range)
		return set_slots(opaque, pair, 0, 0, NULL);
	return set_slots(opaque, pair, range->start,
			 range->end - range->start + 1, host);
}

/*
 * The framebuffer is memory, but no RAM to the devices. As large as the guest
 * may ask for, or as it was given by hand.
 */
static int add_fb(struct vm *vm)
{
	const struct range *fb = &vm->layout.fb;
	struct vram *v = &vm->vram;
	int err;

	v->size = (fb->end | (HV_PAGE_SIZE - 1)) -
		  (fb->start & ~(u64)(HV_PAGE_SIZE - 1)) + 1;
	if (v->size < vm->layout.max_fb)
		v->size = vm->layout.max_fb;
	v->mem = &vm->mem;
	v->mmio = vm->opt->overlap_cover ? NULL : &vm->mmio;
	v->hole = (struct range) { APIC_START, APIC_END };
	v->limit = hyperv_shared_bit(vm) ?: GPA_LIMIT;
	v->map = map_fb;
	v->opaque = vm;
	v->at = (struct range) { 1, 0 };
	v->host = map_memory(0, v->size);
	if (!v->host)
		return fail_range("no framebuffer", fb);
	if (fb->end <= fb->start)
		return 0;
	err = vm_move_fb(vm, fb);
	if (err) {
		errno = -err;
		return fail_range("no framebuffer", fb);
	}
	return 0;
}

static int init_cpu(struct vm *vm, u32 index, int run_size)
{
	struct cpu *cpu = &state.cpu[index];
	char text[48];
	int fd;

	cpu->vm = vm;
	cpu->index = index;
	fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (fd < 0) {
		snprintf(text, sizeof(text), "KVM makes no vCPU %u", index);
		return vm_fail(text);
	}
	vm->cpu_fd[index] = fd;
	cpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			0);
	if (cpu->run == MAP_FAILED) {
		snprintf(text, sizeof(text), "cannot map the state of vCPU %u",
			 index);
		return vm_fail(text);
	}
	return hyperv_init_cpu(vm, index);
}

/**
 * vm_init() - Make the VM: RAM, interrupt controllers, vCPUs.
 * @vm:		The VM; ->opt and ->layout are filled in, all else is zero
 *
 * Return: 0, or -errno after having said what failed.
 */
int vm_init(struct vm *vm)
{
	unsigned long identity = IDENTITY_GPA;
	pthread_mutexattr_t attr;
	int version, run_size, i, err;

	/* A device may end up in another, or in itself through an interrupt. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&vm->lock, &attr);
	state.end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (state.end_fd < 0)
		return vm_fail("eventfd");

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return vm_fail("cannot open /dev/kvm");
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		fprintf(stderr, "hvhost: /dev/kvm has API version %d, not %d\n",
			version, KVM_API_VERSION);
		return -EINVAL;
	}
	vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0ul);
	if (vm->vm_fd < 0)
		return vm_fail("KVM makes no VM");
	/* Before the vCPUs; AMD needs neither. */
	ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, TSS_GPA);
	ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0ul) < 0)
		return vm_fail("KVM makes no interrupt controllers");
	err = hyperv_init(vm);
	if (err)
		return err;
	err = add_ram(vm);
	if (!err)
		err = add_fb(vm);
	if (err)
		return err;
	run_size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < 0)
		return vm_fail("KVM does not tell the size of a vCPU's state");
	if (run_size < (int)sizeof(struct kvm_run)) {
		fprintf(stderr, "hvhost: KVM's state of a vCPU has %d bytes, less than %zu\n",
			run_size, sizeof(struct kvm_run));
		return -EINVAL;
	}
	for (i = 0; i < vm->opt->cpus; i++) {
		err = init_cpu(vm, i, run_size);
		if (err)
			return err;
	}
	return hyperv_route_sints(vm);
}

static void kicked(int sig)
{
	(void)sig;
}

/* An exit that ends the run because KVM or we are at a loss. */
static void lost(struct vm *vm, u32 index, const struct kvm_run *run)
{
	struct kvm_regs regs;
	char why[120];

	if (ioctl(vm->cpu_fd[index], KVM_GET_REGS, &regs) < 0)
		memset(&regs, 0, sizeof(regs));
	snprintf(why, sizeof(why), "vCPU %u: KVM exit %u, detail %llx, rip %llx",
		 index, run->exit_reason,
		 run->exit_reason == KVM_EXIT_INTERNAL_ERROR ?
			(u64)run->internal.suberror :
			(u64)run->fail_entry.hardware_entry_failure_reason,
		 regs.rip);
	vm_end(vm, VM_HOST_ERROR, why);
}

/* Reads of what nobody handles are all ones. */
static void port_exit(struct vm *vm, struct kvm_run *run)
{
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	for (i = 0; i < run->io.count; i++, data += run->io.size) {
		pthread_mutex_lock(&vm->lock);
		if (!io_access(&vm->port, run->io.port, write, data,
			       run->io.size) && !write)
			memset(data, 0xff, run->io.size);
		pthread_mutex_unlock(&vm->lock);
	}
}

/* The framebuffer is mapped, but it may have come between exit and lock. */
static bool mmio_access(struct vm *vm, u64 gpa, bool write, u8 *data, u32 len)
{
	if (vm->opt->overlap_cover &&
	    vram_access(&vm->vram, gpa, write, data, len))
		return true;
	return io_access(&vm->mmio, gpa, write, data, len) ||
	       vram_access(&vm->vram, gpa, write, data, len);
}

static void mmio_exit(struct vm *vm, struct kvm_run *run)
{
	u64 gpa = run->mmio.phys_addr & ~hyperv_shared_bit(vm);
	bool write = run->mmio.is_write;
	u8 *data = run->mmio.data;
	u32 len = run->mmio.len;

	pthread_mutex_lock(&vm->lock);
	if (!mmio_access(vm, gpa, write, data, len) && !write)
		memset(data, 0xff, len);
	pthread_mutex_unlock(&vm->lock);
}

static void event_exit(struct vm *vm, const struct kvm_run *run)
{
	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		trace_begin("poweroff");
		trace_str("cause", "system event");
		trace_end();
		vm_end(vm, VM_POWEROFF, "the guest asked KVM to power off");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		trace_begin("reset");
		trace_str("cause", "reset MSR");
		trace_end();
		vm_end(vm, VM_RESET, "the guest wrote the reset MSR");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		/* It tells that it panics; a kdump kernel may follow. */
		trace_begin("crash");
		trace_end();
		break;
	default:
		trace_bad("kvm", "system event", run->system_event.type);
	}
}

static void handle_exit(struct vm *vm, u32 index, struct kvm_run *run)
{
	bool ours;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_HYPERV:
	case KVM_EXIT_X86_WRMSR:
		pthread_mutex_lock(&vm->lock);
		ours = hyperv_exit(vm, index, run);
		pthread_mutex_unlock(&vm->lock);
		if (ours)
			break;
		if (run->exit_reason == KVM_EXIT_IO)
			port_exit(vm, run);
		else
			lost(vm, index, run);
		break;
	case KVM_EXIT_MMIO:
		mmio_exit(vm, run);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_HLT:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		vm_end(vm, VM_TRIPLE_FAULT, "triple fault");
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		event_exit(vm, run);
		break;
	default:
		lost(vm, index, run);
	}
}

static void *cpu_main(void *arg)
{
	struct cpu *cpu = arg;
	struct vm *vm = cpu->vm;
	int fd = vm->cpu_fd[cpu->index];

	while (!__atomic_load_n(&state.ended, __ATOMIC_SEQ_CST)) {
		if (ioctl(fd, KVM_RUN, 0ul) < 0) {
			/* EAGAIN: an AP that waits for its SIPI was kicked. */
			if (errno == EINTR || errno == EAGAIN)
				continue;
			fprintf(stderr, "hvhost: KVM_RUN: %s\n",
				strerror(errno));
			vm_end(vm, VM_HOST_ERROR, "KVM_RUN failed");
			break;
		}
		handle_exit(vm, cpu->index, cpu->run);
	}
	return NULL;
}

/**
 * vm_start() - Let the vCPUs run, each in a thread of its own.
 * @vm:		The VM, vCPU 0's registers set
 *
 * Return: 0, or -errno after having said what failed.
 */
int vm_start(struct vm *vm)
{
	struct sigaction act = { .sa_handler = kicked };
	int i, err;

	sigaction(SIG_KICK, &act, NULL);
	for (i = 0; i < vm->opt->cpus; i++) {
		err = pthread_create(&state.cpu[i].thread, NULL, cpu_main,
				     &state.cpu[i]);
		if (err) {
			errno = err;
			return vm_fail("no thread for a vCPU");
		}
	}
	return 0;
}
