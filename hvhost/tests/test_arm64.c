// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64.c and what is below it on a KVM that is made up here: calls by HVC, and PPIs as
 * edges with no vCPU in KVM_RUN. Runs on arm64, or under qemu-user.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "arch/arm64/gicregs.h"
#include "arch/arm64/kvmcalls.h"
#include "arch/arm64/map.h"
#include "arch/arm64/smccc.h"
#include "core/clock.h"
#include "hv/vmbus.h"
#include "hv/vpci.h"
#include "mock.h"

#define GIC_FD		77
#define CPU_FD		100		/* and one more for each vCPU */
#define CPUS		2
#define FAST		(1ull << 16 | 1ull << 32)
#define SELF		(~0ull)
#define VP_SELF		0xfffffffeull
#define PAGE		(MOCK_LOW_GPA + 0x1000)

static struct vm vm;
static struct kvm_run run;
static u64 xs[CPUS][31];
static u32 pending[CPUS], active[CPUS];
static bool off[CPUS];
static u32 kicked;
static u32 cap;				/* the last one enabled */
static u64 pc;				/* of each vCPU */
static u32 filters[8], filter_count;
static u32 lines[8], levels[8], line_count;
static int gic_error;			/* of the next one of its ioctls */

static int fake_gic(unsigned long request, const struct kvm_device_attr *a)
{
	u32 *value = (u32 *)(unsigned long)a->addr;
	u32 cpu = a->attr >> 32, offset = (u32)a->attr;

	if (gic_error) {
		errno = gic_error;
		gic_error = 0;
		return -1;
	}
	if (a->group != KVM_DEV_ARM_VGIC_GRP_REDIST_REGS)
		return 0;
	assert_true(cpu < CPUS);
	/* As KVM's, which takes every vCPU's lock for this */
	if (vm.gate.inside) {
		errno = EBUSY;
		return -1;
	}
	if (request == KVM_GET_DEVICE_ATTR) {
		*value = offset == GICR_ISPENDR0 ? pending[cpu] : active[cpu];
		return 0;
	}
	assert_int_equal(offset, GICR_ISPENDR0);
	pending[cpu] = *value;
	return 0;
}

static int fake_reg(u32 cpu, unsigned long request,
		    const struct kvm_one_reg *reg)
{
	u64 *value = (u64 *)(unsigned long)reg->addr;
	u32 n = (reg->id & 0xffff) / 2;

	assert_true(cpu < CPUS && n < 33);
	/* KVM locks the vCPU for it, so no PPI is to be set meanwhile */
	if (!pthread_mutex_trylock(&vm.gate.lock)) {
		pthread_mutex_unlock(&vm.gate.lock);
		fail_msg("register %u of vCPU %u without gate_hold()", n, cpu);
	}
	if (n == offsetof(struct kvm_regs, regs.pc) / 8)
		*value = pc;
	else if (request == KVM_GET_ONE_REG)
		*value = xs[cpu][n];
	else
		xs[cpu][n] = *value;
	return 0;
}

/* In place of libc's: all that arm64's files ask of KVM */
int ioctl(int fd, unsigned long request, ...)
{
	const struct kvm_device_attr *attr;
	va_list args;
	void *p;

	va_start(args, request);
	p = va_arg(args, void *);
	va_end(args);
	attr = p;
	switch (request) {
	case KVM_CREATE_DEVICE:
		((struct kvm_create_device *)p)->fd = GIC_FD;
		return 0;
	case KVM_ENABLE_CAP:
		cap = ((struct kvm_enable_cap *)p)->cap;
		return 0;
	case KVM_GET_MP_STATE:
		assert_int_equal(vm.gate.inside, 0);
		((struct kvm_mp_state *)p)->mp_state = off[fd - CPU_FD] ?
			KVM_MP_STATE_STOPPED : KVM_MP_STATE_RUNNABLE;
		return 0;
	case KVM_IRQ_LINE:
		lines[line_count] = ((struct kvm_irq_level *)p)->irq;
		levels[line_count++] = ((struct kvm_irq_level *)p)->level;
		return 0;
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG:
		return fake_reg(fd - CPU_FD, request, p);
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		if (fd == GIC_FD)
			return fake_gic(request, p);
		filters[filter_count++] =
			((struct kvm_smccc_filter *)(unsigned long)attr->addr)->base;
		return 0;
	}
	fail_msg("ioctl %lx", request);
	return -1;
}

u16 vmbus_hv_post(struct vmbus *bus, u32 vp, u32 connection, u32 type,
		  const void *payload, size_t len)
{
	(void)bus;
	(void)vp;
	(void)connection;
	(void)type;
	(void)payload;
	(void)len;
	return HV_STATUS_INVALID_CONNECTION_ID;
}

u16 vmbus_hv_signal(struct vmbus *bus, u32 connection, u16 flag)
{
	(void)bus;
	(void)connection;
	(void)flag;
	return HV_STATUS_SUCCESS;
}

void vmbus_new_kernel(struct vmbus *bus)
{
	(void)bus;
}

u16 vpci_retarget(struct vpci *vpci, const void *input, size_t len)
{
	(void)vpci;
	(void)input;
	(void)len;
	return HV_STATUS_INVALID_PARAMETER;
}

static void kick(void *opaque, u32 vcpus)
{
	(void)opaque;
	__atomic_fetch_or(&kicked, vcpus, __ATOMIC_SEQ_CST);
}

/* In place of vm.c's, whose vCPUs are real threads: here a test enters and leaves for them */
void vm_use_gate(struct vm *v, void (*act)(void *vm));
void vm_use_gate(struct vm *v, void (*act)(void *vm))
{
	gate_init(&v->gate, kick, act, v);
}

static u32 call(u32 cpu, u64 function, u64 x1, u64 x2, u64 x3, u64 x4, u64 x6)
{
	const u64 in[8] = { function, x1, x2, x3, x4, 0, x6, 0 };

	memcpy(xs[cpu], in, sizeof(in));
	memset(&run, 0, sizeof(run));
	run.exit_reason = KVM_EXIT_HYPERCALL;
	run.hypercall.nr = function;
	return arch_exit(&vm, cpu, &run);
}

static void set(u32 cpu, u32 name, u64 value)
{
	assert_true(call(cpu, SMCCC_HYPERCALL, HVCALL_SET_VP_REGISTERS | FAST,
			 SELF, VP_SELF, name, value));
	assert_int_equal(xs[cpu][0], 1ull << 32);
}

/* Once: sint.c's thread does not end. */
static int setup_all(void **state)
{
	u32 cpu;

	(void)state;
	vm.kvm.cpus = CPUS;
	for (cpu = 0; cpu < CPUS; cpu++)
		vm.kvm.cpu_fd[cpu] = CPU_FD + (int)cpu;
	assert_int_equal(run_init(&vm.run), 0);
	return arch_init(&vm);
}

static int setup(void **state)
{
	(void)state;
	mock_ram_new();
	mock_reset();
	line_count = 0;
	gic_error = 0;
	memset(pending, 0, sizeof(pending));
	memset(active, 0, sizeof(active));
	memset(off, 0, sizeof(off));
	vm.mem = mock_mem;
	return 0;
}

/* Get all vCPUs out, also after a failure, and forget interrupts that wait. */
static int teardown(void **state)
{
	u32 cpu;

	(void)state;
	for (cpu = 0; cpu < CPUS; cpu++) {
		gate_leave(&vm.gate, cpu);
		set(cpu, VP_SINT0 + 2, VP_SINT_MASKED);
		set(cpu, VP_SCONTROL, 0);
	}
	gate_enter(&vm.gate, 0);
	gate_leave(&vm.gate, 0);
	mock_ram_free();
	return 0;
}

/* Yielding calls are a range of their own, in which Hyper-V's is. */
static void filtered(void **state)
{
	u32 i;

	(void)state;
	assert_int_equal(filter_count, 4);
	for (i = 0; i < filter_count && filters[i] != 0x46000000; i++)
		;
	assert_true(i < filter_count);
}

static void calls(void **state)
{
	(void)state;
	assert_true(call(1, SMCCC_HYPERCALL, HVCALL_GET_VP_REGISTERS | FAST,
			 SELF, VP_SELF, VP_INDEX, 0));
	assert_int_equal(xs[1][0], 1ull << 32);
	assert_int_equal(xs[1][6], 1);
	/* What has no result stays as it was */
	assert_int_equal(xs[1][1], HVCALL_GET_VP_REGISTERS | FAST);
	assert_true(call(0, SMCCC_CALL_UID, 0, 0, 0, 0, 0));
	assert_int_equal(xs[0][0], 0x4d32ba58);
	assert_int_equal(xs[0][3], 0x16597024);
	assert_true(call(0, 0xc6000001, 0, 0, 0, 0, 0));
	assert_int_equal(xs[0][0], ~0ull);
	run.exit_reason = KVM_EXIT_HLT;
	assert_false(arch_exit(&vm, 0, &run));
}

/* By SMC nothing is supported, whatever is called. */
static void smc(void **state)
{
	(void)state;
	memset(&run, 0, sizeof(run));
	run.exit_reason = KVM_EXIT_HYPERCALL;
	run.hypercall.nr = SMCCC_CALL_UID;
	run.hypercall.longmode = KVM_HYPERCALL_EXIT_SMC;
	xs[1][0] = SMCCC_CALL_UID;
	xs[1][3] = 3;
	assert_true(arch_exit(&vm, 1, &run));
	assert_int_equal(xs[1][0], ~0ull);
	assert_int_equal(xs[1][3], 3);
	assert_false(run_over(&vm.run));
}

static void synic_on(u32 cpu)
{
	set(cpu, VP_SIMP, (PAGE + cpu * 0x2000) | VP_ENABLE);
	set(cpu, VP_SIEFP, (PAGE + cpu * 0x2000 + 0x1000) | VP_ENABLE);
	set(cpu, VP_SINT0 + 2, INTID_VMBUS);
	set(cpu, VP_SCONTROL, VP_ENABLE);
}

/* It is pending once the vCPU is back, and nothing else of the register changes. */
static void edge(void **state)
{
	(void)state;
	synic_on(1);
	pending[1] = BIT(20);
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 5), 0);
	assert_int_equal(pending[1], BIT(20));
	gate_enter(&vm.gate, 0);
	assert_int_equal(pending[1], BIT(20) | BIT(INTID_VMBUS));
	assert_int_equal(pending[0], 0);
	gate_leave(&vm.gate, 0);
	/* Once pending, it stays so, and is not set again */
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 6), 0);
	gate_enter(&vm.gate, 1);
	assert_int_equal(pending[1], BIT(20) | BIT(INTID_VMBUS));
	gate_leave(&vm.gate, 1);
	assert_int_equal(mock_bad_count, 0);
}

/* vCPU 0 is inside until it is kicked. Return: for how many ms, at least. */
static s64 run_until_kicked(void)
{
	s64 start, end;

	__atomic_store_n(&kicked, 0, __ATOMIC_SEQ_CST);
	gate_enter(&vm.gate, 0);
	start = clock_ms();
	do {
		usleep(200);
		end = clock_ms();
	} while (!__atomic_load_n(&kicked, __ATOMIC_SEQ_CST) &&
		 end < start + 10000);
	assert_int_equal(kicked, 1);
	gate_leave(&vm.gate, 0);
	return end - start;
}

/* Nobody wants vCPU 0 out for 30 ms. */
static void undisturbed(void)
{
	bool wanted;

	__atomic_store_n(&kicked, 0, __ATOMIC_SEQ_CST);
	usleep(30000);
	assert_int_equal(__atomic_load_n(&kicked, __ATOMIC_SEQ_CST), 0);
	gate_hold(&vm.gate);
	wanted = vm.gate.wanted;
	gate_release(&vm.gate);
	assert_false(wanted);
}

/* The next interrupt comes while the handler of the one before runs. */
static void block(void)
{
	synic_on(0);
	active[0] = BIT(INTID_VMBUS);
	memset(mock_ram, 0, MOCK_LOW_SIZE);
	assert_int_equal(synic_signal(&vm.synic, 0, 2, 5), 0);
}

/*
 * While its handler runs, KVM would forget a PPI that comes again: it comes later, by
 * itself. From look to look the handler gets more time, which begins when it runs.
 */
static void while_active(void **state)
{
	int i;

	(void)state;
	block();
	gate_enter(&vm.gate, 0);
	gate_leave(&vm.gate, 0);
	undisturbed();
	for (i = 0; i < 9; i++) {
		assert_int_equal(pending[0], 0);
		assert_int_equal(mock_count("sint_late"), 0);
		assert_true(run_until_kicked() >= 1 << i);
		undisturbed();
	}
	assert_int_equal(mock_count(" sint_late vp=0 retries=9 gate_ms="), 1);
	active[0] = 0;
	run_until_kicked();
	assert_int_equal(pending[0], BIT(INTID_VMBUS));
	gate_enter(&vm.gate, 0);
	undisturbed();
	gate_leave(&vm.gate, 0);
	assert_int_equal(mock_bad_count, 0);
}

/* Another vCPU's interrupt is not late because of that. */
static void another_active(void **state)
{
	(void)state;
	block();
	run_until_kicked();
	run_until_kicked();
	synic_on(1);
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 5), 0);
	gate_enter(&vm.gate, 1);
	assert_int_equal(pending[1], BIT(INTID_VMBUS));
	assert_int_equal(pending[0], 0);
	gate_leave(&vm.gate, 1);
}

/* An interrupt that waits is forgotten, and does not come back. */
static void forgotten(void)
{
	gate_enter(&vm.gate, 0);
	undisturbed();
	gate_leave(&vm.gate, 0);
	active[0] = 0;
	gate_want(&vm.gate);
	gate_enter(&vm.gate, 0);
	assert_int_equal(pending[0], 0);
	gate_leave(&vm.gate, 0);
}

static void masked_while_active(void **state)
{
	(void)state;
	block();
	run_until_kicked();
	set(0, VP_SINT0 + 2, INTID_VMBUS | VP_SINT_MASKED);
	forgotten();
}

static void another_kernel(void **state)
{
	(void)state;
	set(0, VP_GUEST_OS_ID, 0x8100000703040000);
	block();
	run_until_kicked();
	set(1, VP_GUEST_OS_ID, 0x8100000703040000);
	forgotten();
	set(1, VP_GUEST_OS_ID, 0);
}

/* A vCPU that panics in its handler, and then is off */
static void off_while_active(void **state)
{
	(void)state;
	block();
	run_until_kicked();
	off[0] = true;
	run_until_kicked();
	forgotten();
}

/* A masked SINT interrupts nobody. */
static void masked(void **state)
{
	(void)state;
	synic_on(0);
	set(0, VP_SINT0 + 2, INTID_VMBUS | VP_SINT_MASKED);
	assert_int_equal(synic_signal(&vm.synic, 0, 2, 5), 0);
	gate_enter(&vm.gate, 0);
	assert_int_equal(pending[0], 0);
	gate_leave(&vm.gate, 0);
}

/* A busy KVM is asked again; without interrupts no channel goes on, so others end it. */
static void kvm_fails(void **state)
{
	const char *why;

	(void)state;
	synic_on(0);
	assert_int_equal(synic_signal(&vm.synic, 0, 2, 5), 0);
	gic_error = EBUSY;
	gate_enter(&vm.gate, 0);
	assert_int_equal(pending[0], 0);
	gate_leave(&vm.gate, 0);
	assert_false(run_over(&vm.run));
	run_until_kicked();
	assert_int_equal(pending[0], BIT(INTID_VMBUS));
	assert_int_equal(synic_signal(&vm.synic, 0, 2, 6), 0);
	gic_error = ENXIO;
	gate_enter(&vm.gate, 0);
	gate_leave(&vm.gate, 0);
	assert_true(run_over(&vm.run));
	assert_int_equal(run_ended(&vm.run, &why), RUN_HOST_ERROR);
	assert_string_equal(why, "vCPU 0: setting PPI 18 pending failed");
	vm.run.ended = false;
}

/* What the processor does not decode says where it was. */
static void undecoded(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(cap, KVM_CAP_ARM_NISV_TO_USER);
	memset(&run, 0, sizeof(run));
	run.exit_reason = KVM_EXIT_ARM_NISV;
	run.arm_nisv.fault_ipa = 0xeffeb010;
	run.arm_nisv.esr_iss = 0x47;
	pc = 0xffff800080001234;
	assert_true(arch_exit(&vm, 1, &run));
	assert_int_equal(run_ended(&vm.run, &why), RUN_HOST_ERROR);
	assert_string_equal(why, "vCPU 1: undecoded access to effeb010, syndrome 47, pc ffff800080001234");
	vm.run.ended = false;
}

/* SPIs go up and down again; which vCPU, the GIC says. */
static void spis(void **state)
{
	(void)state;
	assert_int_equal(arch_interrupt(&vm, 1, 64), 0);
	assert_int_equal(line_count, 2);
	assert_int_equal(lines[0], 0x1000040);
	assert_int_equal(levels[0], 1);
	assert_int_equal(lines[1], 0x1000040);
	assert_int_equal(levels[1], 0);
	assert_int_equal(arch_interrupt(&vm, 0, INTID_LAST), 0);
	assert_int_equal(arch_interrupt(&vm, CPUS, 64), -EINVAL);
	assert_int_equal(arch_interrupt(&vm, 0, 63), -EINVAL);
	assert_int_equal(arch_interrupt(&vm, 0, INTID_LAST + 1), -EINVAL);
	assert_int_equal(line_count, 4);
	assert_int_equal(arch_nmi(&vm, 0), -EOPNOTSUPP);
	assert_int_equal(line_count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filtered, setup, teardown),
		cmocka_unit_test_setup_teardown(calls, setup, teardown),
		cmocka_unit_test_setup_teardown(smc, setup, teardown),
		cmocka_unit_test_setup_teardown(edge, setup, teardown),
		cmocka_unit_test_setup_teardown(while_active, setup, teardown),
		cmocka_unit_test_setup_teardown(another_active, setup, teardown),
		cmocka_unit_test_setup_teardown(masked, setup, teardown),
		cmocka_unit_test_setup_teardown(masked_while_active, setup, teardown),
		cmocka_unit_test_setup_teardown(another_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(off_while_active, setup, teardown),
		cmocka_unit_test_setup_teardown(kvm_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(undecoded, setup, teardown),
		cmocka_unit_test_setup_teardown(spis, setup, teardown),
	};

	return cmocka_run_group_tests_name("arm64", tests, setup_all, NULL);
}
