// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes arm64's calls: hypercalls and VP registers, with VMBus and the SynIC behind them.
 *
 * An input is a sequence of steps, a byte each and what it needs:
 *	0 VP NAME(4) VALUE(8)	set a VP register; of 6 bits of VP, the highest: any name
 *	1 VP NAME(4)		get one
 *	2 VP LEN BYTES		post a message
 *	3 VP CONNECTION(2) FLAG(2)	signal
 *	4 VP FUNCTION(4) X1(8) X2(8) X3(8)	any call at all
 *	5 VP			the guest frees its message slot
 *	6 VP FLAG(2)		the host signals
 */
#include <stdlib.h>

#include "arch/arm64/smccc.h"
#include "fuzz.h"
#include "guest.h"

#define INPUT		(MOCK_LOW_GPA + 0x8000)
#define PARTITION_SELF	(~0ull)
#define VP_SELF		0xfffffffeull

struct world {
	struct guest g;
	struct synic synic;
	struct smccc smccc;
	struct hypercalls calls;
};

/* The registers that there are, so that most steps reach one */
static const u32 names[] = {
	VP_HYPERVISOR_VERSION, VP_PRIVILEGES, VP_FEATURES, VP_LIMITS,
	VP_CRASH_P0, VP_CRASH_P4, VP_CRASH_CTL, VP_GUEST_OS_ID, VP_INDEX,
	VP_TIME_REF_COUNT, VP_SINT0, VP_SINT0 + 2, VP_SINT15, VP_SCONTROL,
	VP_SVERSION, VP_SIEFP, VP_SIMP, VP_EOM,
};

static int raise_sint(void *opaque, u32 vp, u32 sint)
{
	const struct world *w = opaque;
	u32 intid;

	if (vp >= GUEST_CPUS || sint >= HV_SINTS)
		abort();
	intid = smccc_sint_intid(&w->smccc, vp, sint);
	if (intid && intid != 18)
		abort();
	return 0;
}

static void drop(u32 vp)
{
	if (vp >= GUEST_CPUS)
		abort();
}

static u64 now(void)
{
	return 1;
}

static int post_op(void *opaque, u32 vp, u32 sint, u32 type,
		   const void *payload, size_t len)
{
	struct world *w = opaque;

	return synic_post(&w->synic, vp, sint, type, payload, len);
}

static int signal_op(void *opaque, u32 vp, u32 sint, u32 flag)
{
	struct world *w = opaque;

	return synic_signal(&w->synic, vp, sint, flag);
}

static void call(struct world *w, u32 vp, u32 function, u64 *x)
{
	u32 results = smccc_call(&w->smccc, &w->calls, vp, function, x);

	if (!(results & 1) || results >> SMCCC_REGS)
		abort();
}

static u32 take_name(struct input *in, u32 vp)
{
	u32 name = (u32)take(in, 4);

	return vp & 0x20 ? name : names[name % ARRAY_SIZE(names)];
}

static void post(struct world *w, u32 vp, struct input *in)
{
	u64 x[SMCCC_REGS] = { 0, HVCALL_POST_MESSAGE, INPUT };
	struct {
		u32 connection, reserved, type, len;
		u8 payload[HV_MESSAGE_PAYLOAD];
	} *msg = mem_at(&mock_mem, INPUT, sizeof(*msg));
	u32 i;

	memset(msg, 0, sizeof(*msg));
	msg->connection = 4;
	msg->type = VMBUS_MESSAGE_TYPE;
	msg->len = (u32)take(in, 1);
	for (i = 0; i < msg->len && i < sizeof(msg->payload); i++)
		msg->payload[i] = (u8)take(in, 1);
	call(w, vp, SMCCC_HYPERCALL, x);
}

static void step(struct world *w, struct input *in)
{
	u64 x[SMCCC_REGS] = {
		0, HVCALL_FAST | 1ull << 32, PARTITION_SELF, VP_SELF,
	};
	u32 what = (u32)take(in, 1), vp = (u32)take(in, 1), i;
	u32 cpu = vp % GUEST_CPUS;

	switch (what % 7) {
	case 0:
		x[1] |= HVCALL_SET_VP_REGISTERS;
		x[4] = take_name(in, vp);
		x[6] = take(in, 8);
		call(w, cpu, SMCCC_HYPERCALL, x);
		break;
	case 1:
		x[1] |= HVCALL_GET_VP_REGISTERS;
		x[4] = take_name(in, vp);
		call(w, cpu, SMCCC_HYPERCALL, x);
		break;
	case 2:
		post(w, cpu, in);
		break;
	case 3:
		x[1] = HVCALL_SIGNAL_EVENT | HVCALL_FAST;
		x[2] = 0x2000 + take(in, 2) + (take(in, 2) << 32);
		call(w, cpu, SMCCC_HYPERCALL, x);
		break;
	case 4:
		what = (u32)take(in, 4);
		for (i = 1; i < 4; i++)
			x[i] = take(in, 8);
		call(w, cpu, vp & 0x20 ? what : SMCCC_HYPERCALL, x);
		break;
	case 5:
		if (w->synic.vp[cpu].message_page) {
			u32 *type = mem_at(&mock_mem,
					   w->synic.vp[cpu].message_page +
					   VMBUS_MESSAGE_SINT * 256, 4);

			if (type)
				*type = 0;
		}
		break;
	case 6:
		synic_signal(&w->synic, cpu, VMBUS_MESSAGE_SINT,
			     (u32)take(in, 2));
		break;
	}
}

/**
 * LLVMFuzzerTestOneInput() - Run one input, from a VM that has just started.
 * @data:	It
 * @len:	Its bytes
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static const struct vmbus_ops ops = {
		.post = post_op, .signal = signal_op,
	};
	const struct vmbus_config config = {
		.max_version = VMBUS_VERSION(6, 0), .cpus = GUEST_CPUS,
	};
	const struct vpci_config vpci_config = {
		.cpus = GUEST_CPUS, .vectors = { 64, 991 },
	};
	static const struct vpci_ops vpci_ops;
	struct input in = { data, len };
	static struct mmio_map map;
	static struct world w;
	struct vpci *vpci;
	u32 vp;

	if (!mock_ram)
		mock_ram_new();
	memset(mock_ram, 0, 0x10000);
	memset(&w, 0, sizeof(w));
	synic_init(&w.synic, &mock_mem, GUEST_CPUS, raise_sint, &w);
	smccc_init(&w.smccc, &w.synic, GUEST_CPUS, now, drop);
	w.g.bus = vmbus_new(&config, &mock_mem, &ops, &w);
	/* Without a bus: whom a retarget is for, is not there */
	vpci = vpci_new(&vpci_config, w.g.bus, &mock_mem, &map, &vpci_ops, &w);
	if (!w.g.bus || !vpci)
		abort();
	w.calls = (struct hypercalls) {
		.mem = &mock_mem, .bus = w.g.bus, .vpci = vpci,
	};
	while (in.len)
		step(&w, &in);
	vpci_free(vpci);
	vmbus_free(w.g.bus);
	/* Another message page: what waits is dropped */
	for (vp = 0; vp < GUEST_CPUS; vp++) {
		synic_set(&w.synic, vp, false, 0x1000, 0);
		synic_set(&w.synic, vp, false, 0x2000, 0);
	}
	mock_reset();
	return 0;
}
