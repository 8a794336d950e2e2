// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm.c and what is below it on a KVM that is made up here: its slots are remembered, and a vCPU
 * exits as a test's script says.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "arch/vm.h"
#include "arch/x86/hyperv.h"
#include "mock.h"

#define FB		0xf8000000ull
#define FB_SIZE		(8 * MIB)
#define SHARED		(1ull << 39)
#define SLOTS		512

static bool overlap_cover;		/* of the next VM */
static struct vm vm;
static u64 shared_bit;

static struct kvm_userspace_memory_region slot[SLOTS];
static struct kvm_msi msi;
static int slot_error;			/* for those that are to be made */
static int slot_errno = ENOSPC;

/* The accesses of a vCPU; an end of the run after them */
static struct access {
	bool port, write;
	u64 addr;
	u32 size, count;
	u8 data[8];
} *script;

static int steps, step;
static struct kvm_run *state_of_cpu;

/* If not 0: KVM_RUN's error, or the reason of an exit that nobody handles */
static int run_error;
static u32 odd_exit;

/* The first KVM_RUN lasts until it is kicked, and with the vCPU out this is called. */
static bool hold, in_run;
static int acts, missed;

/* As KVM_RUN with an idle guest. Return: false if nothing kicks it for 5 s. */
static bool idle(const struct kvm_run *run)
{
	const struct timespec limit = { .tv_sec = 5 };
	sigset_t kicks, others;
	bool kicked;

	sigemptyset(&kicks);
	sigaddset(&kicks, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &kicks, &others);
	__atomic_store_n(&in_run, true, __ATOMIC_SEQ_CST);
	/* One that comes from here on ends the system call. */
	kicked = __atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST) ||
		 (ppoll(NULL, 0, &limit, &others) < 0 && errno == EINTR);
	pthread_sigmask(SIG_SETMASK, &others, NULL);
	return kicked;
}

/* Threads of vCPUs outlive their runs a little. */
static void wait_for_vcpus(void)
{
	struct stat st;

	do {
		usleep(1000);
		assert_int_equal(stat("/proc/self/task", &st), 0);
	} while (st.st_nlink > 3);
}

static void act(void *opaque)
{
	const struct vm *v = opaque;

	assert_int_equal(v->gate.inside, 0);
	assert_false(hold);
	acts++;
}

/* What the run has been when it is over */
static const char *ended_why;

int open(const char *path, int flags, ...)
{
	(void)flags;
	return strcmp(path, "/dev/kvm") ? -1 : (int)syscall(SYS_memfd_create,
							    "kvm", 0);
}

/* In place of hyperv.c's */
int hyperv_init(struct vm *v)
{
	v->kvm.shared_bit = shared_bit;
	return 0;
}

int hyperv_init_cpu(struct vm *v, u32 cpu)
{
	(void)v;
	(void)cpu;
	return 0;
}

int hyperv_route_sints(struct vm *v)
{
	(void)v;
	return 0;
}

bool hyperv_exit(struct vm *v, u32 cpu, struct kvm_run *run)
{
	(void)v;
	(void)cpu;
	(void)run;
	return false;
}

/* As KVM does: one slot overlaps no other, and to delete there is to be one */
static int set_slot(const struct kvm_userspace_memory_region *r)
{
	u32 i;

	assert_true(r->slot < SLOTS);
	assert_int_equal(r->guest_phys_addr % HV_PAGE_SIZE, 0);
	assert_int_equal(r->memory_size % HV_PAGE_SIZE, 0);
	if (!r->memory_size)
		assert_int_not_equal(slot[r->slot].memory_size, 0);
	else
		assert_int_equal(slot[r->slot].memory_size, 0);
	for (i = 0; r->memory_size && i < SLOTS; i++)
		if (r->guest_phys_addr < slot[i].guest_phys_addr +
					 slot[i].memory_size &&
		    slot[i].guest_phys_addr < r->guest_phys_addr +
					      r->memory_size)
			fail_msg("slot %u overlaps %u", r->slot, i);
	if (r->memory_size && slot_error && !--slot_error) {
		errno = slot_errno;
		return -1;
	}
	slot[r->slot] = *r;
	return 0;
}

/* KVM_RUN: what the guest got by the last exit stays in the script. */
static int next_exit(void)
{
	struct kvm_run *run = state_of_cpu;
	struct access *a = script;

	if (hold) {
		missed += !idle(run);
		/* So that one that was about to enter is out as well */
		assert_int_equal(run->immediate_exit, 1);
		hold = false;
		errno = EINTR;
		return -1;
	}
	assert_int_equal(run->immediate_exit, 0);
	if (run_error) {
		errno = run_error;
		return -1;
	}
	if (odd_exit) {
		run->exit_reason = odd_exit;
		if (odd_exit == KVM_EXIT_INTERNAL_ERROR)
			run->internal.suberror = 3;
		else
			run->fail_entry.hardware_entry_failure_reason =
				0x80000021;
		return 0;
	}
	if (step && step <= steps) {
		a = &script[step - 1];
		if (!a->write)
			memcpy(a->data, a->port ?
			       (u8 *)run + run->io.data_offset :
			       run->mmio.data, 8);
	}
	if (step++ >= steps) {
		run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
		run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
		return 0;
	}
	a = &script[step - 1];
	if (a->port) {
		run->exit_reason = KVM_EXIT_IO;
		run->io.direction = a->write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
		run->io.port = (u16)a->addr;
		run->io.size = (u8)a->size;
		run->io.count = a->count;
		run->io.data_offset = 2048;
		memcpy((u8 *)run + 2048, a->data, 8);
	} else {
		run->exit_reason = KVM_EXIT_MMIO;
		run->mmio.phys_addr = a->addr;
		run->mmio.is_write = a->write;
		run->mmio.len = a->size;
		memcpy(run->mmio.data, a->data, 8);
	}
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *p;

	(void)fd;
	va_start(args, request);
	p = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CREATE_VM:
		return 1000;
	case KVM_GET_VCPU_MMAP_SIZE:
		return HV_PAGE_SIZE;
	case KVM_CREATE_VCPU:
		fd = (int)syscall(SYS_memfd_create, "vcpu", 0);
		if (ftruncate(fd, HV_PAGE_SIZE))
			return -1;
		state_of_cpu = mmap(NULL, HV_PAGE_SIZE, PROT_READ | PROT_WRITE,
				    MAP_SHARED, fd, 0);
		return fd;
	case KVM_SET_USER_MEMORY_REGION:
		return set_slot(p);
	case KVM_SIGNAL_MSI:
		memcpy(&msi, p, sizeof(msi));
		return 1;
	case KVM_RUN:
		return next_exit();
	case KVM_GET_REGS:
		*(struct kvm_regs *)p = (struct kvm_regs) { .rip = 0x1234 };
		return 0;
	}
	return 0;
}

/* Run the script to its end. */
static void play(struct access *a, int count)
{
	struct timespec moment = { .tv_nsec = 1000000 };
	int i;

	script = a;
	steps = count;
	step = 0;
	hold = true;
	in_run = false;
	missed = 0;
	vm_use_gate(&vm, act);
	assert_int_equal(vm_start(&vm), 0);
	while (!__atomic_load_n(&in_run, __ATOMIC_SEQ_CST))
		usleep(100);
	gate_want(&vm.gate);
	for (i = 0; i < 5000 && step <= steps; i++)
		nanosleep(&moment, NULL);
	while (read(vm.run.end_fd, &(u64) { 0 }, 8) != 8)
		nanosleep(&moment, NULL);
	assert_int_equal(run_ended(&vm.run, &ended_why), RUN_POWEROFF);
	assert_int_equal(missed, 0);
	wait_for_vcpus();
}

static void end_run(void *opaque)
{
	struct vm *v = opaque;

	run_end(&v->run, RUN_POWEROFF, "at the gate");
}

/* The run ends while a vCPU passes the gate, and its kick is not lost. */
static void ends_at_the_gate(void **state)
{
	const char *why;

	(void)state;
	missed = 0;
	hold = true;
	vm_use_gate(&vm, end_run);
	gate_want(&vm.gate);
	assert_int_equal(vm_start(&vm), 0);
	wait_for_vcpus();
	assert_int_equal(run_ended(&vm.run, &why), RUN_POWEROFF);
	assert_string_equal(why, "at the gate");
	assert_int_equal(missed, 0);
}

static int try_setup(struct range fb)
{
	mock_reset();
	memset(slot, 0, sizeof(slot));
	slot_error = 0;
	vm = (struct vm) {
		.config.overlap_cover = overlap_cover,
		.kvm.cpus = 1,
		.layout = {
			.ram = { { 0, 2 * MIB - 1 },
				 { 4 * GIB, 4 * GIB + 2 * MIB - 1 } },
			.ram_count = 2, .fb = fb, .max_fb = FB_SIZE,
		},
	};
	return vm_init(&vm);
}

static int setup(void **state)
{
	(void)state;
	shared_bit = 0;
	return try_setup((struct range) { FB, FB + FB_SIZE - 1 });
}

static int setup_isolated(void **state)
{
	(void)state;
	shared_bit = SHARED;
	return try_setup((struct range) { FB, FB + FB_SIZE - 1 });
}

static int teardown(void **state)
{
	(void)state;
	free(vm.mmio.region);
	free(vm.port.region);
	return 0;
}

/* Where the guest sees @gpa, as our memory; NULL: it exits */
static u8 *seen(u64 gpa)
{
	u32 i;

	for (i = 0; i < SLOTS; i++)
		if (gpa >= slot[i].guest_phys_addr &&
		    gpa - slot[i].guest_phys_addr < slot[i].memory_size)
			return (u8 *)(unsigned long)slot[i].userspace_addr +
			       (gpa - slot[i].guest_phys_addr);
	return NULL;
}

static void handler(void *opaque, u64 offset, bool write, u64 *value,
		    unsigned int size)
{
	u64 *last = opaque;

	(void)size;
	if (write)
		*last = *value;
	else
		*value = offset;
}

static void memory(void **state)
{
	struct range to = { 0xfe0000000, 0xfe0000000 + FB_SIZE - 1 };

	(void)state;
	assert_ptr_equal(seen(0), mem_at(&vm.mem, 0, 2 * MIB));
	assert_ptr_equal(seen(4 * GIB), mem_at(&vm.mem, 4 * GIB, 2 * MIB));
	assert_null(seen(2 * MIB));
	assert_ptr_equal(seen(FB), vm.vram.host);
	assert_ptr_equal(seen(FB + FB_SIZE - 1), vm.vram.host + FB_SIZE - 1);
	assert_null(seen(FB + FB_SIZE));
	/* No RAM to the devices */
	assert_null(mem_at(&vm.mem, FB, 1));
	*seen(FB + 5) = 0x42;
	assert_int_equal(vm_move_fb(&vm, &to), 0);
	assert_null(seen(FB));
	assert_int_equal(*seen(0xfe0000005), 0x42);
	/* Not onto RAM, nor half a step further when KVM will not */
	to = (struct range) { 4 * GIB - FB_SIZE + 0x1000, 4 * GIB + 0xfff };
	assert_int_equal(vm_move_fb(&vm, &to), -EBUSY);
	to = (struct range) { FB, FB + FB_SIZE - 1 };
	slot_error = 1;
	slot_errno = EINVAL;
	assert_int_equal(vm_move_fb(&vm, &to), -EINVAL);
	slot_errno = ENOSPC;
	/* A guest can cause that, but no other error */
	assert_null(host_failure());
	slot_error = 1;
	assert_int_equal(vm_move_fb(&vm, &to), -ENOSPC);
	assert_string_equal(host_failure(), "KVM does not map the framebuffer");
	assert_null(seen(FB));
	assert_int_equal(*seen(0xfe0000005), 0x42);
}

/* An isolated VM sees all of it once more, and has it moved there as well. */
static void shared_memory(void **state)
{
	struct range to = { 0xfe0000000, 0xfe0000000 + FB_SIZE - 1 };

	(void)state;
	assert_ptr_equal(seen(SHARED), seen(0));
	assert_ptr_equal(seen(SHARED | FB), seen(FB));
	assert_int_equal(vm_move_fb(&vm, &to), 0);
	assert_null(seen(SHARED | FB));
	assert_ptr_equal(seen(SHARED | 0xfe0000000), vm.vram.host);
	assert_ptr_equal(seen(0xfe0000000), vm.vram.host);
	/* The first view is made, the second not: none of both then */
	slot_error = 2;
	to = (struct range) { FB, FB + FB_SIZE - 1 };
	assert_int_equal(vm_move_fb(&vm, &to), -ENOSPC);
	assert_null(seen(FB));
	assert_ptr_equal(seen(SHARED | 0xfe0000000), vm.vram.host);
	to = (struct range) { SHARED - FB_SIZE + 0x1000, SHARED + 0xfff };
	assert_int_equal(vm_move_fb(&vm, &to), -EINVAL);
}

/* A framebuffer given by hand: all pages that it touches; or none at all */
static void framebuffers(void **state)
{
	(void)state;
	shared_bit = 0;
	assert_int_equal(try_setup((struct range) { FB + 0x800, FB + 0x17ff }),
			 0);
	assert_ptr_equal(seen(FB), vm.vram.host);
	assert_non_null(seen(FB + 0x1fff));
	assert_null(seen(FB + 0x2000));
	assert_int_equal(vm.vram.size, FB_SIZE);
	assert_int_equal(try_setup((struct range) { FB, FB + 4 * FB_SIZE - 1 }),
			 0);
	assert_int_equal(vm.vram.size, 4 * FB_SIZE);
	assert_ptr_equal(seen(FB + 4 * FB_SIZE - 1),
			 vm.vram.host + 4 * FB_SIZE - 1);
	assert_int_equal(try_setup((struct range) { 0, 0 }), 0);
	assert_int_equal(vm.vram.size, FB_SIZE);
	assert_null(seen(FB));
	assert_int_equal(vm_move_fb(&vm, &(struct range) {
		FB, FB + FB_SIZE - 1 }), 0);
	assert_non_null(seen(FB));
	assert_int_equal(try_setup((struct range) { MIB, 3 * MIB }), -EBUSY);
}

/* MMIO comes before the framebuffer, whichever was there first. */
static void mmio_first(void **state)
{
	struct range to = { 0xfe0000000, 0xfe0000000 + FB_SIZE - 1 };
	u64 last = 0;

	(void)state;
	assert_int_equal(vm_add_mmio(&vm, FB + 0x2000, 0x2000, handler, &last),
			 0);
	assert_non_null(seen(FB + 0x1fff));
	assert_null(seen(FB + 0x2000));
	assert_null(seen(FB + 0x3fff));
	assert_ptr_equal(seen(FB + 0x4000), vm.vram.host + 0x4000);
	assert_int_equal(vm_add_mmio(&vm, 0xfe0000000, 0x4000, handler, &last),
			 0);
	assert_int_equal(vm_add_mmio(&vm, 0xfe0003000, 0x4000, handler, &last),
			 -EBUSY);
	assert_int_equal(vm_move_fb(&vm, &to), 0);
	assert_null(seen(0xfe0000000));
	assert_ptr_equal(seen(0xfe0004000), vm.vram.host + 0x4000);
	vm_del_mmio(&vm, 0xfe0000000);
	assert_ptr_equal(seen(0xfe0000000), vm.vram.host);
	/* KVM has no slot for it: said, and accesses get there all the same */
	slot_error = 1;
	assert_int_equal(vm_add_mmio(&vm, 0xfe0002000, 0x1000, handler, &last),
			 0);
	assert_string_equal(mock_bad_what, "KVM does not map it, error");
	assert_int_equal(mock_bad_value, ENOSPC);
}

/* It covers MMIO by the page, and what it leaves answers again. */
static void framebuffer_first(void **state)
{
	struct range to = { 0xfe0000000, 0xfe0000000 + FB_SIZE - 1 };
	const u64 half = FB - 0x1000, bar = 0xfe0100000;
	u64 last = 0;

	(void)state;
	overlap_cover = true;
	assert_int_equal(try_setup((struct range) { FB, FB + FB_SIZE - 1 }), 0);
	/* Half of a window lies on it. */
	assert_int_equal(vm_add_mmio(&vm, half, 0x2000, handler, &last), 0);
	assert_int_equal(vm_add_mmio(&vm, bar, 0x4000, handler, &last), 0);
	assert_null(seen(half + 0xfff));
	assert_ptr_equal(seen(half + 0x1000), vm.vram.host);
	assert_null(seen(bar));
	*seen(FB + 0x100000) = 0x2a;
	assert_int_equal(vm_move_fb(&vm, &to), 0);
	assert_null(seen(half + 0x1000));
	assert_int_equal(*seen(bar), 0x2a);
	assert_ptr_equal(seen(bar + 0x3fff), vm.vram.host + 0x103fff);
	/* A BAR that goes takes nothing away. */
	vm_del_mmio(&vm, bar);
	assert_int_equal(*seen(bar), 0x2a);
	assert_int_equal(vm_move_fb(&vm, &(struct range) { 1, 0 }), 0);
	assert_null(seen(bar));
	assert_null(seen(FB));
	assert_int_equal(mock_bad_count, 0);
	overlap_cover = false;
}

static void cover(void *opaque, u64 offset, bool write, u64 *value,
		  unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)write;
	(void)value;
	(void)size;
	vm.config.overlap_cover = true;
}

static void accesses(void **state)
{
	u64 last = 0, port = 0, covered = 0;
	struct access a[] = {
		{ .write = true, .addr = 0xf9000010, .size = 4,
		  .data = "\x78\x56\x34\x12\xff\xff\xff\xff" },
		{ .addr = 0xf9000018, .size = 8 },
		{ .addr = 0xf9000ffe, .size = 4 },	/* beyond its end */
		{ .addr = 0xf9000010, .size = 3 },	/* what no device takes */
		{ .addr = 0xfa000000, .size = 4 },	/* nobody's */
		{ .write = true, .addr = 0xfa000000, .size = 4 },
		/* The framebuffer, though it is mapped: it just was not */
		{ .write = true, .addr = FB + 0x10, .size = 8,
		  .data = "abcdefgh" },
		{ .addr = FB + 0x12, .size = 4 },
		{ .port = true, .addr = 0x70, .size = 1, .count = 1 },
		{ .port = true, .addr = 0x72, .size = 2, .count = 1 },
		{ .port = true, .write = true, .addr = 0x71, .size = 1,
		  .count = 3, .data = { 7, 8, 9 } },
		{ .port = true, .addr = 0x60, .size = 4, .count = 2 },
		/* MMIO on the framebuffer, before and after that covers it */
		{ .write = true, .addr = FB + 0x3008, .size = 1, .data = "z" },
		{ .port = true, .write = true, .addr = 0x74, .size = 1,
		  .count = 1 },
		{ .write = true, .addr = FB + 0x3010, .size = 1, .data = "y" },
		{ .addr = FB + 0x3010, .size = 2 },
	};

	(void)state;
	memset(a[1].data, 0x55, 8);
	memset(a[7].data, 0x55, 8);
	assert_int_equal(vm_add_mmio(&vm, 0xf9000000, 0x1000, handler, &last),
			 0);
	assert_int_equal(vm_add_ports(&vm, 0x70, 3, handler, &port), 0);
	assert_int_equal(vm_add_mmio(&vm, FB + 0x3000, 0x1000, handler,
				     &covered), 0);
	assert_int_equal(vm_add_ports(&vm, 0x74, 1, cover, NULL), 0);
	play(a, ARRAY_SIZE(a));
	assert_int_equal(covered, 'z');
	assert_memory_equal(vm.vram.host + 0x3008, "\0\0\0\0\0\0\0\0y", 9);
	assert_memory_equal(a[15].data, "y\0", 2);
	assert_int_equal(last, 0x12345678);
	assert_memory_equal(a[1].data, "\x18\0\0\0\0\0\0\0", 8);
	assert_memory_equal(a[2].data, "\xff\xff\xff\xff\0\0\0\0", 8);
	assert_memory_equal(a[3].data, "\xff\xff\xff\0", 4);
	assert_memory_equal(a[4].data, "\xff\xff\xff\xff\0\0\0\0", 8);
	assert_memory_equal(vm.vram.host + 0x10, "abcdefgh", 8);
	assert_memory_equal(a[7].data, "cdefUUUU", 8);
	assert_memory_equal(a[8].data, "\0\0", 2);
	assert_memory_equal(a[9].data, "\xff\xff\0", 3);
	assert_int_equal(port, 9);
	assert_memory_equal(a[11].data, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_string_equal(ended_why, "the guest asked KVM to power off");
	assert_int_equal(acts, 1);
}

/* Which vCPU it was, and what KVM says; of other exits the details mean nothing. */
static void lost(void **state)
{
	static const struct {
		u32 reason;
		int error;
		const char *why;
	} ends[] = {
		{ 0, EFAULT, "vCPU 0: KVM_RUN failed" },
		{ KVM_EXIT_FAIL_ENTRY, 0,
		  "vCPU 0: KVM exit 9, detail 80000021, rip 1234" },
		{ KVM_EXIT_INTERNAL_ERROR, 0,
		  "vCPU 0: KVM exit 17, detail 3, rip 1234" },
		{ KVM_EXIT_DEBUG, 0, "vCPU 0: KVM exit 4, rip 1234" },
	};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		assert_int_equal(setup(NULL), 0);
		run_error = ends[i].error;
		odd_exit = ends[i].reason;
		assert_int_equal(vm_start(&vm), 0);
		wait_for_vcpus();
		assert_int_equal(run_ended(&vm.run, &why), RUN_HOST_ERROR);
		assert_string_equal(why, ends[i].why);
		teardown(NULL);
	}
	run_error = 0;
	odd_exit = 0;
}

static void interrupts(void **state)
{
	(void)state;
	vm.kvm.cpus = 3;
	assert_int_equal(arch_interrupt(&vm, 2, 0x41), 0);
	assert_int_equal(msi.address_lo, 0xfee02000);
	assert_int_equal(msi.address_hi, 0);
	assert_int_equal(msi.data, 0x41);
	assert_int_equal(arch_interrupt(&vm, 3, 0x41), -EINVAL);
	assert_int_equal(arch_interrupt(&vm, 0xfffffff, 0x41), -EINVAL);
	assert_int_equal(arch_interrupt(&vm, 1, 0x400), -EINVAL);
	assert_int_equal(msi.data, 0x41);
	/* Delivery mode 4, to the vCPU's APIC */
	assert_int_equal(arch_nmi(&vm, 1), 0);
	assert_int_equal(msi.address_lo, 0xfee01000);
	assert_int_equal(msi.data, 0x400);
	assert_int_equal(arch_nmi(&vm, 3), -EINVAL);
	vm.kvm.cpus = 1;
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(memory),
		cmocka_unit_test_setup_teardown(shared_memory, setup_isolated,
						teardown),
		cmocka_unit_test_teardown(framebuffers, teardown),
		TEST(mmio_first),
		cmocka_unit_test_teardown(framebuffer_first, teardown),
		TEST(interrupts),
		TEST(accesses),
		TEST(ends_at_the_gate),
		cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
