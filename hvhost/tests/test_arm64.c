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
static u32 filters[8], filter_count;
static u32 lines[8], levels[8], line_count;
static int gic_error;			/* of the next one of its ioctls */
static bool inside;			/* a vCPU is in KVM_RUN, as KVM sees it */

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
	if (inside) {
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

	assert_true(cpu < CPUS && n < 31);
	/* KVM locks the vCPU for it, so no PPI is to be set meanwhile */
	assert_int_equal(pthread_mutex_trylock(&vm.gate.lock), EBUSY);
	if (request == KVM_GET_ONE_REG)
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

/* In place of vm.c's, whose vCPUs are real threads: kicked by hand here */
void vm_use_gate(struct vm *v, void (*act)(void *vm));
void vm_use_gate(struct vm *v, void (*act)(void *vm))
{
	gate_init(&v->gate, NULL, act, v);
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

static int setup(void **state)
{
	static bool once;
	u32 cpu;

	(void)state;
	mock_ram_new();
	mock_reset();
	filter_count = 0;
	line_count = 0;
	gic_error = 0;
	inside = false;
	memset(pending, 0, sizeof(pending));
	memset(active, 0, sizeof(active));
	if (!once)
		assert_int_equal(run_init(&vm.run), 0);
	once = true;
	vm.kvm.cpus = CPUS;
	vm.mem = mock_mem;
	for (cpu = 0; cpu < CPUS; cpu++)
		vm.kvm.cpu_fd[cpu] = CPU_FD + (int)cpu;
	return arch_init(&vm);
}

static int teardown(void **state)
{
	(void)state;
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
	/* By SMC: not skipped, so not answered */
	run.hypercall.longmode = KVM_HYPERCALL_EXIT_SMC;
	assert_false(arch_exit(&vm, 0, &run));
	run.exit_reason = KVM_EXIT_HLT;
	assert_false(arch_exit(&vm, 0, &run));
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

/*
 * While its handler runs, KVM would forget a PPI that comes again: it comes later, by
 * itself.
 */
static void while_active(void **state)
{
	int i;

	(void)state;
	synic_on(0);
	active[0] = BIT(INTID_VMBUS);
	assert_int_equal(synic_signal(&vm.synic, 0, 2, 5), 0);
	gate_enter(&vm.gate, 0);
	assert_int_equal(pending[0], 0);
	gate_leave(&vm.gate, 0);
	active[0] = 0;
	for (i = 0; i < 200 && !pending[0]; i++) {
		usleep(5000);
		gate_enter(&vm.gate, 0);
		gate_leave(&vm.gate, 0);
	}
	assert_int_equal(pending[0], BIT(INTID_VMBUS));
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

static void kvm_fails(void **state)
{
	(void)state;
	synic_on(0);
	assert_int_equal(synic_signal(&vm.synic, 0, 2, 5), 0);
	gic_error = EBUSY;
	gate_enter(&vm.gate, 0);
	assert_string_equal(mock_bad_what, "KVM does not set a PPI, error");
	assert_int_equal(mock_bad_value, EBUSY);
	gate_leave(&vm.gate, 0);
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filtered, setup, teardown),
		cmocka_unit_test_setup_teardown(calls, setup, teardown),
		cmocka_unit_test_setup_teardown(edge, setup, teardown),
		cmocka_unit_test_setup_teardown(while_active, setup, teardown),
		cmocka_unit_test_setup_teardown(masked, setup, teardown),
		cmocka_unit_test_setup_teardown(kvm_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(spis, setup, teardown),
	};

	return cmocka_run_group_tests_name("arm64", tests, NULL, NULL);
}
