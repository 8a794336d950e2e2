// SPDX-License-Identifier: GPL-2.0-only
/* Calls by HVC as arm64 Linux makes them: VP registers, hypercalls, the SynIC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arm64/gicregs.h"
#include "arch/arm64/map.h"
#include "arch/arm64/smccc.h"
#include "mock.h"

#define CPUS		2
#define PAGE		(MOCK_LOW_GPA + 0x1000)
#define EVENTS		(MOCK_LOW_GPA + 0x2000)
#define INPUT		(MOCK_LOW_GPA + 0x3000)
#define SINT2		(VP_SINT0 + 2)
#define ONE_REP		(1ull << 32)
#define SELF		(~0ull)
#define VP_SELF		0xfffffffeull

static struct synic synic;
static struct smccc smccc;
static struct hypercalls calls;
static u64 x[SMCCC_REGS];
static u32 raised_vp, raised, posts, signals, new_kernels, drops[CPUS];

u16 vmbus_hv_post(struct vmbus *bus, u32 vp, u32 connection, u32 type,
		  const void *payload, size_t len)
{
	(void)bus;
	(void)payload;
	assert_int_equal(vp, 1);
	assert_int_equal(connection, 4);
	assert_int_equal(type, 1);
	assert_int_equal(len, 24);
	posts++;
	return HV_STATUS_SUCCESS;
}

u16 vmbus_hv_signal(struct vmbus *bus, u32 connection, u16 flag)
{
	(void)bus;
	assert_int_equal(connection, 0x2001);
	assert_int_equal(flag, 0);
	signals++;
	return HV_STATUS_SUCCESS;
}

u16 vpci_retarget(struct vpci *vpci, const void *input, size_t len)
{
	(void)vpci;
	(void)input;
	(void)len;
	return HV_STATUS_INVALID_PARAMETER;
}

void vmbus_new_kernel(struct vmbus *bus)
{
	(void)bus;
	new_kernels++;
}

static int raise_sint(void *opaque, u32 vp, u32 sint)
{
	(void)opaque;
	assert_int_equal(sint, 2);
	raised_vp = vp;
	raised++;
	return 0;
}

static void drop(u32 vp)
{
	assert_true(vp < CPUS);
	drops[vp]++;
}

static u64 now(void)
{
	return 123456;
}

static int setup(void **state)
{
	(void)state;
	mock_ram_new();
	mock_reset();
	raised = 0;
	posts = 0;
	signals = 0;
	new_kernels = 0;
	memset(drops, 0, sizeof(drops));
	calls = (struct hypercalls) { .mem = &mock_mem };
	synic_init(&synic, &mock_mem, CPUS, raise_sint, NULL);
	smccc_init(&smccc, &synic, CPUS, now, drop);
	return 0;
}

static int teardown(void **state)
{
	u32 vp;

	(void)state;
	/* Another message page: what waits is dropped */
	for (vp = 0; vp < CPUS; vp++) {
		synic_set(&synic, vp, false, PAGE, 0);
		synic_set(&synic, vp, false, PAGE + 0x10000, 0);
	}
	mock_ram_free();
	return 0;
}

static u32 call(u32 vp, u32 function, u64 x1, u64 x2, u64 x3, u64 x4, u64 x6)
{
	const u64 in[SMCCC_REGS] = { function, x1, x2, x3, x4, 0, x6, 0 };

	memcpy(x, in, sizeof(x));
	return smccc_call(&smccc, &calls, vp, function, x);
}

/* hv_get_vpreg_128() */
static u64 get(u32 vp, u32 name)
{
	assert_int_equal(call(vp, SMCCC_HYPERCALL,
			      HVCALL_GET_VP_REGISTERS | HVCALL_FAST | ONE_REP,
			      SELF, VP_SELF, name, 0),
			 BIT(0) | BIT(6) | BIT(7));
	assert_int_equal(x[0], ONE_REP);
	return x[6];
}

/* hv_set_vpreg() */
static void set(u32 vp, u32 name, u64 value)
{
	assert_int_equal(call(vp, SMCCC_HYPERCALL,
			      HVCALL_SET_VP_REGISTERS | HVCALL_FAST | ONE_REP,
			      SELF, VP_SELF, name, value), BIT(0));
	assert_int_equal(x[0], ONE_REP);
}

/* What hyperv_init() reads and writes, and hv_common_cpu_init() */
static void starts(void **state)
{
	(void)state;
	set(0, VP_GUEST_OS_ID, 0x8100000703040000);
	assert_int_equal(get(1, VP_GUEST_OS_ID), 0x8100000703040000);
	assert_string_equal(mock_trace,
			    " guest_os_id vp=0 id=8100000703040000;");
	assert_int_equal(new_kernels, 0);
	assert_int_equal(get(0, VP_PRIVILEGES), 0x3000000066);
	assert_int_equal(x[7], 0x100);
	assert_int_equal(get(0, VP_FEATURES), 0);
	assert_int_equal(get(0, VP_HYPERVISOR_VERSION) >> 48, 10);
	assert_int_equal(get(0, VP_INDEX), 0);
	assert_int_equal(get(1, VP_INDEX), 1);
	assert_int_equal(get(0, VP_TIME_REF_COUNT), 123456);
	assert_int_equal(mock_bad_count, 0);
}

/* A kernel that comes by kexec says who it is, and nobody has said goodbye. */
static void another_kernel(void **state)
{
	(void)state;
	set(0, VP_GUEST_OS_ID, 0x8100000703040000);
	set(0, VP_GUEST_OS_ID, 0);
	assert_int_equal(new_kernels, 0);
	set(0, VP_GUEST_OS_ID, 0x8100000703040000);
	assert_int_equal(new_kernels, 0);
	assert_int_equal(drops[0] + drops[1], 0);
	set(1, VP_GUEST_OS_ID, 0x8100000703040000);
	assert_int_equal(new_kernels, 1);
	assert_int_equal(drops[0], 1);
	assert_int_equal(drops[1], 1);
}

/* hv_hyp_synic_enable_regs() and the last step after it; then a message */
static void synic_on(u32 vp)
{
	assert_int_equal(get(vp, VP_SIMP), 0);
	set(vp, VP_SIMP, PAGE | VP_ENABLE);
	set(vp, VP_SIEFP, EVENTS | VP_ENABLE);
	assert_int_equal(get(vp, SINT2), VP_SINT_MASKED);
	assert_int_equal(smccc_sint_intid(&smccc, vp, 2), 0);
	set(vp, SINT2, 18);
	assert_int_equal(smccc_sint_intid(&smccc, vp, 2), 18);
	set(vp, VP_SCONTROL, VP_ENABLE);
	assert_int_equal(get(vp, VP_SCONTROL), VP_ENABLE);
	assert_int_equal(get(vp, VP_SIMP), PAGE | VP_ENABLE);
}

static void messages(void **state)
{
	u8 *slot = mem_at(&mock_mem, PAGE + 2 * 256, 256);

	(void)state;
	assert_int_equal(synic_post(&synic, 1, 2, 1, "first", 5), 0);
	assert_int_equal(raised, 0);
	synic_on(1);
	/* It waited, and there is one more now */
	assert_int_equal(raised, 1);
	assert_int_equal(raised_vp, 1);
	assert_int_equal(synic_post(&synic, 1, 2, 1, "second", 6), 0);
	assert_int_equal(raised, 1);
	assert_memory_equal(slot + 16, "first", 5);
	assert_int_equal(slot[5] & 1, 1);	/* one more waits */
	memset(slot, 0, 4);
	set(1, VP_EOM, 0);
	assert_int_equal(raised, 2);
	assert_memory_equal(slot + 16, "second", 6);
	/* Another vCPU's EOM is nothing to this one's slot */
	assert_int_equal(synic_post(&synic, 1, 2, 1, "third", 5), 0);
	memset(slot, 0, 4);
	set(0, VP_EOM, 0);
	assert_int_equal(raised, 2);
	set(1, VP_EOM, 0);
	assert_int_equal(raised, 3);
}

/* hv_hyp_synic_disable_regs(): the pages go, one after the other */
static void synic_off(void **state)
{
	(void)state;
	synic_on(0);
	set(0, VP_SINT0 + 5, 18);
	set(0, SINT2, 18 | VP_SINT_MASKED);
	assert_int_equal(smccc_sint_intid(&smccc, 0, 2), 0);
	/* The other one may have been what interrupts */
	assert_int_equal(drops[0], 0);
	set(0, VP_SINT0 + 5, VP_SINT_MASKED);
	assert_int_equal(drops[0], 1);
	assert_int_equal(drops[1], 0);
	set(0, VP_SIMP, 0);
	assert_int_equal(synic_post(&synic, 0, 2, 1, "lost", 4), 0);
	assert_int_equal(raised, 0);
	set(0, VP_SIEFP, 0);
	assert_int_equal(synic_signal(&synic, 0, 2, 1), -19);
	/* What is no PPI, or another one, as the timer's */
	set(0, VP_SINT0, 33);
	assert_string_equal(mock_bad_what, "interrupt of a SINT");
	assert_int_equal(smccc_sint_intid(&smccc, 0, 0), 0);
	mock_reset();
	set(0, VP_SINT0, INTID_VTIMER);
	assert_string_equal(mock_bad_what, "interrupt of a SINT");
	assert_int_equal(mock_bad_value, INTID_VTIMER);
	assert_int_equal(smccc_sint_intid(&smccc, 0, 0), 0);
}

/* hv_kmsg_dump() */
static void crash(void **state)
{
	u32 i;

	(void)state;
	assert_int_equal(get(0, VP_CRASH_CTL),
			 VP_CRASH_NOTIFY | VP_CRASH_MESSAGE);
	for (i = 0; i < 5; i++)
		set(1, VP_CRASH_P0 + i, 0x1000 + i);
	assert_string_equal(mock_trace, "");
	set(1, VP_CRASH_CTL, VP_CRASH_NOTIFY | VP_CRASH_MESSAGE);
	assert_string_equal(mock_trace, " crash;");
	assert_int_equal(get(0, VP_CRASH_P4), 0x1004);
	/* Without the mark it says nothing */
	mock_reset();
	set(1, VP_CRASH_CTL, 0);
	assert_string_equal(mock_trace, "");
}

static void hypercalls(void **state)
{
	const struct {
		u32 connection, reserved, type, len;
		u8 payload[HV_MESSAGE_PAYLOAD];
	} msg = { .connection = 4, .type = 1, .len = 24 };

	(void)state;
	assert_int_equal(mem_write(&mock_mem, INPUT, &msg, sizeof(msg)), 0);
	assert_int_equal(call(1, SMCCC_HYPERCALL, HVCALL_POST_MESSAGE, INPUT, 0,
			      0, 0), BIT(0));
	assert_int_equal(x[0], HV_STATUS_SUCCESS);
	assert_int_equal(posts, 1);
	call(1, SMCCC_HYPERCALL, HVCALL_POST_MESSAGE, ~7ull, 0, 0, 0);
	assert_int_equal(x[0], HV_STATUS_INVALID_PARAMETER);
	call(0, SMCCC_HYPERCALL, HVCALL_SIGNAL_EVENT | HVCALL_FAST, 0x2001, 0,
	     0, 0);
	assert_int_equal(x[0], HV_STATUS_SUCCESS);
	assert_int_equal(signals, 1);
	call(0, SMCCC_HYPERCALL, 0x1234, 0, 0, 0, 0);
	assert_int_equal(x[0], HV_STATUS_INVALID_HYPERCALL_CODE);
}

/* One call that fails: its status, what is traced, and no other result */
static void fails(u64 input, u64 partition, u64 vp, u32 name, u16 status,
		  const char *what)
{
	mock_reset();
	assert_int_equal(call(0, SMCCC_HYPERCALL, input, partition, vp, name,
			      7), BIT(0));
	assert_int_equal(x[0], status);
	assert_string_equal(mock_bad_what, what);
}

static void bad(void **state)
{
	const u64 read = HVCALL_GET_VP_REGISTERS | HVCALL_FAST;
	const u64 write = HVCALL_SET_VP_REGISTERS | HVCALL_FAST;

	(void)state;
	fails(read, SELF, VP_SELF, VP_INDEX, HV_STATUS_INVALID_HYPERCALL_INPUT,
	      "input of VP registers");
	fails(read | 2 * ONE_REP, SELF, VP_SELF, VP_INDEX,
	      HV_STATUS_INVALID_HYPERCALL_INPUT, "input of VP registers");
	fails(read | ONE_REP | 1ull << 48, SELF, VP_SELF, VP_INDEX,
	      HV_STATUS_INVALID_HYPERCALL_INPUT, "input of VP registers");
	fails(HVCALL_GET_VP_REGISTERS | ONE_REP, SELF, VP_SELF, VP_INDEX,
	      HV_STATUS_INVALID_HYPERCALL_INPUT, "input of VP registers");
	fails(read | ONE_REP, 1, VP_SELF, VP_INDEX,
	      HV_STATUS_INVALID_PARTITION_ID, "partition of VP registers");
	fails(read | ONE_REP, SELF, CPUS, VP_INDEX, HV_STATUS_INVALID_VP_INDEX,
	      "VP of VP registers");
	fails(read | ONE_REP, SELF, VP_SELF, 0x90000,
	      HV_STATUS_INVALID_PARAMETER, "get VP register");
	fails(write | ONE_REP, SELF, VP_SELF, VP_INDEX,
	      HV_STATUS_INVALID_PARAMETER, "set VP register");
	/* Another vCPU's, by its number */
	call(0, SMCCC_HYPERCALL, read | ONE_REP, SELF, 1, VP_INDEX, 0);
	assert_int_equal(x[0], ONE_REP);
	assert_int_equal(x[6], 1);
}

/* The UUID as arm_smccc_hypervisor_has_uuid() puts it together; all else */
static void vendor(void **state)
{
	static const u8 uuid[16] = {
		0x58, 0xba, 0x32, 0x4d, 0x64, 0x47, 0x24, 0xcd,
		0x75, 0x6c, 0xef, 0x8e, 0x24, 0x70, 0x59, 0x16,
	};
	u32 i;

	(void)state;
	assert_int_equal(call(0, SMCCC_CALL_UID, 0, 0, 0, 0, 0), 0xf);
	for (i = 0; i < sizeof(uuid); i++)
		assert_int_equal(x[i / 4] >> i % 4 * 8 & 0xff, uuid[i]);
	assert_int_equal(call(0, 0xc6000001, 0, 0, 0, 0, 0), BIT(0));
	assert_int_equal(x[0], ~0ull);
}

/* How KVM wants to be told of registers and lines */
static void gic(void **state)
{
	(void)state;
	assert_int_equal(gic_redist_attr(0, GICR_ISPENDR0), 0x10200);
	assert_int_equal(gic_redist_attr(7, GICR_ISACTIVER0), 0x700010300);
	assert_int_equal(gic_mpidr(17), 0x101);
	assert_int_equal(gic_spi_line(64), 0x1000040);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(starts, setup, teardown),
		cmocka_unit_test_setup_teardown(another_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(messages, setup, teardown),
		cmocka_unit_test_setup_teardown(synic_off, setup, teardown),
		cmocka_unit_test_setup_teardown(crash, setup, teardown),
		cmocka_unit_test_setup_teardown(hypercalls, setup, teardown),
		cmocka_unit_test_setup_teardown(bad, setup, teardown),
		cmocka_unit_test_setup_teardown(vendor, setup, teardown),
		cmocka_unit_test(gic),
	};

	return cmocka_run_group_tests_name("smccc", tests, NULL, NULL);
}
