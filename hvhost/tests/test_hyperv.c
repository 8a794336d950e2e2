// SPDX-License-Identifier: GPL-2.0-only
/* hyperv.c without KVM: exits that are made up, and the guest's SynIC pages. */
#include <errno.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/hyperv.h"
#include "hv/vmbus.h"
#include "hv/vpci.h"
#include "mock.h"

#define PAGE_A		(MOCK_LOW_GPA + 0x1000)
#define PAGE_B		(MOCK_LOW_GPA + 0x3000)
#define EVENTS		(MOCK_LOW_GPA + 0x5000)
#define CODE		(MOCK_LOW_GPA + 0x6000)
#define INPUT		(MOCK_LOW_GPA + 0x7000)
#define FAST		(1ull << 16)

struct slot {
	u32 type;
	u8 len, flags;
	u16 reserved;
	u64 sender;
	u8 payload[HV_MESSAGE_PAYLOAD];
};

static bool isolated;
static struct vm vm;
static struct kvm_run run;
static struct kvm_regs regs;
static struct synic kept[32];	/* what waits there is never freed */
static int irqs, posts, signals, retargets;
static size_t retarget_len;
static u32 last_gsi;

/* In place of libc's: all that hyperv.c asks of KVM after its start */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *p;

	(void)fd;
	va_start(args, request);
	p = va_arg(args, void *);
	va_end(args);
	if (request == KVM_GET_REGS)
		memcpy(p, &regs, sizeof(regs));
	else if (request == KVM_SET_REGS)
		memcpy(&regs, p, sizeof(regs));
	return request == KVM_SET_MSRS ? 1 : 0;
}

int kvm_irq_line(const struct kvm *kvm, u32 gsi, int level)
{
	(void)kvm;
	assert_int_equal(level, 1);
	last_gsi = gsi;
	irqs++;
	return 0;
}

u16 vmbus_hv_post(struct vmbus *bus, u32 vp, u32 connection, u32 type,
		  const void *payload, size_t len)
{
	(void)bus;
	(void)vp;
	(void)payload;
	assert_int_equal(connection, 4);
	assert_int_equal(type, 1);
	assert_int_equal(len, HV_MESSAGE_PAYLOAD);
	posts++;
	return HV_STATUS_SUCCESS;
}

u16 vmbus_hv_signal(struct vmbus *bus, u32 connection, u16 flag)
{
	(void)bus;
	assert_int_equal(connection, 0x2001);
	assert_int_equal(flag, 3);
	signals++;
	return HV_STATUS_SUCCESS;
}

u16 vpci_retarget(struct vpci *vpci, const void *input, size_t len)
{
	(void)vpci;
	assert_int_equal(*(const u8 *)input, 0x5a);
	assert_int_equal(((const u8 *)input)[len - 1], 0xa5);
	retargets++;
	retarget_len = len;
	return HV_STATUS_INVALID_PARAMETER + 1;
}

static int setup(void **state)
{
	static unsigned int n;

	(void)state;
	mock_ram_new();
	mock_reset();
	irqs = 0;
	posts = 0;
	signals = 0;
	retargets = 0;
	kept[n++] = vm.synic;
	vm = (struct vm) {
		.kvm.cpus = 2, .config.isolated = isolated, .mem = mock_mem,
	};
	assert_int_equal(hyperv_init(&vm), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mock_ram_free();
	return 0;
}

static void synic(bool on, u64 messages, u64 events)
{
	run.exit_reason = KVM_EXIT_HYPERV;
	run.hyperv.type = KVM_EXIT_HYPERV_SYNIC;
	run.hyperv.u.synic.control = on;
	run.hyperv.u.synic.msg_page = messages ? messages | 1 : 0;
	run.hyperv.u.synic.evt_page = events ? events | 1 : 0;
	assert_true(hyperv_exit(&vm, 1, &run));
}

static void wrmsr(u32 index, u64 data)
{
	run.exit_reason = KVM_EXIT_X86_WRMSR;
	run.msr.index = index;
	run.msr.data = data;
	assert_true(hyperv_exit(&vm, 1, &run));
	assert_int_equal(run.msr.error, 0);
}

static u64 hypercall(u64 input, u64 param)
{
	run.exit_reason = KVM_EXIT_HYPERV;
	run.hyperv.type = KVM_EXIT_HYPERV_HCALL;
	run.hyperv.u.hcall.input = input;
	run.hyperv.u.hcall.params[0] = param;
	assert_true(hyperv_exit(&vm, 1, &run));
	return run.hyperv.u.hcall.result;
}

static struct slot *slot(u64 page, u32 sint)
{
	return mem_at(&mock_mem, page + sint * 256, 256);
}

static int post(u32 sint, u32 type)
{
	return synic_post(&vm.synic, 1, sint, type, "abc", 4);
}

/* Into a free slot; while it is busy others wait, in their order. */
static void messages(void **state)
{
	struct slot *s = slot(PAGE_A, 2);

	(void)state;
	synic(true, PAGE_A, EVENTS);
	assert_int_equal(post(2, 1), 0);
	assert_int_equal(s->type, 1);
	assert_int_equal(s->len, 4);
	assert_int_equal(s->flags, 0);
	assert_string_equal((char *)s->payload, "abc");
	assert_int_equal(irqs, 1);
	assert_int_equal(last_gsi, 24 + HV_SINTS + 2);

	assert_int_equal(post(2, 2), 0);
	assert_int_equal(post(2, 3), 0);
	assert_int_equal(s->type, 1);
	assert_int_equal(s->flags, 1);
	assert_int_equal(irqs, 1);
	assert_int_equal(post(3, 9), 0);	/* another SINT does not wait */
	assert_int_equal(slot(PAGE_A, 3)->type, 9);

	s->type = 0;
	wrmsr(0x40000084, 0);
	assert_int_equal(s->type, 2);
	assert_int_equal(s->flags, 1);
	s->type = 0;
	wrmsr(0x40000084, 0);
	assert_int_equal(s->type, 3);
	assert_int_equal(s->flags, 0);
	assert_int_equal(irqs, 4);
}

static void limits(void **state)
{
	int i;

	(void)state;
	assert_int_equal(synic_post(&vm.synic, 2, 2, 1, "", 1), -EINVAL);
	assert_int_equal(post(HV_SINTS, 1), -EINVAL);
	assert_int_equal(post(2, 0), -EINVAL);
	assert_int_equal(synic_post(&vm.synic, 1, 2, 1, "", 241), -EINVAL);
	for (i = 0; i < 1024; i++)
		assert_int_equal(post(2, 1), 0);
	assert_int_equal(post(2, 1), -ENOSPC);
	assert_string_equal(mock_bad_what, "messages waiting");
}

/* The same page again is the same kernel's; another one is the next's. */
static void takeover(void **state)
{
	(void)state;
	synic(true, PAGE_A, 0);
	synic(false, 0, 0);
	assert_int_equal(post(2, 5), 0);
	synic(true, PAGE_A, 0);
	assert_int_equal(slot(PAGE_A, 2)->type, 5);
	assert_int_equal(post(2, 6), 0);
	synic(true, PAGE_B, 0);
	assert_int_equal(slot(PAGE_B, 2)->type, 0);
	assert_int_equal(post(2, 7), 0);
	assert_int_equal(slot(PAGE_B, 2)->type, 7);
}

static void events(void **state)
{
	(void)state;
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 9), -ENODEV);
	synic(true, 0, EVENTS);
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 2048), -EINVAL);
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 9), 0);
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 9), 0);
	assert_int_equal(*(u8 *)mem_at(&mock_mem, EVENTS + 2 * 256 + 1, 1), 2);
	assert_int_equal(irqs, 1);
}

/* An isolated VM gives the addresses of its pages with the shared bit. */
static void shared(void **state)
{
	u64 bit;

	isolated = true;
	setup(state);
	isolated = false;
	bit = vm.kvm.shared_bit;
	assert_int_equal(bit, 1ull << 35);
	synic(true, PAGE_A | bit, EVENTS | bit);
	assert_int_equal(post(2, 1), 0);
	assert_int_equal(slot(PAGE_A, 2)->type, 1);
	assert_int_equal(synic_signal(&vm.synic, 1, 2, 9), 0);
}

static void hypercalls(void **state)
{
	u32 *in = mem_at(&mock_mem, INPUT, 256);

	(void)state;
	in[0] = 4;
	in[2] = 1;
	in[3] = HV_MESSAGE_PAYLOAD;
	assert_int_equal(hypercall(0x5c, INPUT), HV_STATUS_SUCCESS);
	assert_int_equal(hypercall(0x5c, INPUT + 4),
			 HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(hypercall(0x5c | FAST, INPUT),
			 HV_STATUS_INVALID_HYPERCALL_INPUT);
	assert_int_equal(hypercall(0x5c, 8), HV_STATUS_INVALID_PARAMETER);
	in[3]++;
	assert_int_equal(hypercall(0x5c, INPUT), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(posts, 1);

	assert_int_equal(hypercall(0x5d | FAST, 0x300002001),
			 HV_STATUS_SUCCESS);
	in[0] = 0x2001;
	in[1] = 3;
	assert_int_equal(hypercall(0x5d, INPUT),
			 HV_STATUS_INVALID_HYPERCALL_INPUT);
	assert_int_equal(signals, 1);
	assert_int_equal(hypercall(0x99, 0), HV_STATUS_INVALID_HYPERCALL_CODE);
}

/* Where the page leads with @code: the offset of what is neither cmp nor je */
static u32 leads_to(const u8 *page, u16 code)
{
	u32 at = 0;

	while (page[at] == 0x66) {
		assert_int_equal(page[at + 1] << 8 | page[at + 2], 0x81f9);
		assert_int_equal(page[at + 5], 0x74);
		if ((page[at + 3] | page[at + 4] << 8) == code)
			return at + 7 + page[at + 6];
		at += 7;
	}
	return at;
}

/* A call by the port of our page. Return: what it is answered. */
static u64 port_call(u64 input, u64 gpa)
{
	run.exit_reason = KVM_EXIT_IO;
	run.io.port = 0xf6;
	run.io.direction = KVM_EXIT_IO_OUT;
	run.io.size = 4;
	regs.rcx = input;
	regs.rdx = gpa;
	regs.rax = ~0ull;
	assert_true(hyperv_exit(&vm, 1, &run));
	return regs.rax;
}

static void hypercall_page(void **state)
{
	static const u16 known[] = { 2, 3, 8, 0xb, 0x13, 0x14, 0x15, 0x5c,
				     0x5d };
	static const u8 kvm[] = { 0x0f, 0x01, 0xc1, 0xc3 };
	u8 *page = mem_at(&mock_mem, CODE, HV_PAGE_SIZE);
	unsigned int i;

	(void)state;
	memcpy(page, kvm, sizeof(kvm));
	/* KVM enables none for a guest without a name */
	wrmsr(0x40000001, CODE | 1);
	assert_memory_equal(page, kvm, sizeof(kvm));
	wrmsr(0x40000000, 0x8100000000000000);
	wrmsr(0x40000001, CODE | 1);
	for (i = 0; i < ARRAY_SIZE(known); i++)
		assert_memory_equal(page + leads_to(page, known[i]), kvm,
				    sizeof(kvm));
	assert_memory_equal(page + leads_to(page, 0x7e), "\xe7\xf6\xc3", 3);

	assert_int_equal(port_call(0xdb | 5ull << 32, 0), 5ull << 32);
}

/* What the input says of its own length, in one page of RAM */
static void retarget(void **state)
{
	u8 *in = mem_at(&mock_mem, INPUT, HV_PAGE_SIZE);

	(void)state;
	in[0] = 0x5a;
	in[55] = 0xa5;
	assert_int_equal(port_call(0x7e, INPUT),
			 HV_STATUS_INVALID_PARAMETER + 1);
	assert_int_equal(retarget_len, 56);
	in[55] = 0;
	in[71] = 0xa5;
	port_call(0x7e | 2 << 17, INPUT);
	assert_int_equal(retarget_len, 72);
	in[71] = 0;
	in[HV_PAGE_SIZE - 1] = 0xa5;
	port_call(0x7e | 505 << 17, INPUT);
	assert_int_equal(retarget_len, HV_PAGE_SIZE);
	assert_int_equal(retargets, 3);
	assert_int_equal(mock_bad_count, 0);

	assert_int_equal(port_call(0x7e | 506 << 17, INPUT),
			 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_call(0x7e | 1023 << 17, INPUT),
			 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_call(0x7e, INPUT + HV_PAGE_SIZE - 48),
			 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_call(0x7e, 0x1000), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(mock_bad_count, 4);
	assert_int_equal(mock_bad_value, 0x1000);
	assert_int_equal(port_call(0x7e, INPUT + 4),
			 HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(port_call(0x7e | FAST, INPUT),
			 HV_STATUS_INVALID_HYPERCALL_INPUT);
	assert_int_equal(retargets, 3);
	assert_int_equal(port_call(0x7f, INPUT),
			 HV_STATUS_INVALID_HYPERCALL_CODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(takeover, setup, teardown),
		cmocka_unit_test_setup_teardown(events, setup, teardown),
		cmocka_unit_test_teardown(shared, teardown),
		cmocka_unit_test_setup_teardown(hypercalls, setup, teardown),
		cmocka_unit_test_setup_teardown(hypercall_page, setup,
						teardown),
		cmocka_unit_test_setup_teardown(retarget, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
