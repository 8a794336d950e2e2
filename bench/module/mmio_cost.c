// SPDX-License-Identifier: GPL-2.0-only
/*
 * What MMIO space costs in a guest: the same config and bridge windows as
 * sweep/cost.c has, asked for as pci-hyperv asks for them, with the kernel's own
 * locks and memory. A KUnit suite as a module of its own, which any kernel takes,
 * with the series or without. Says for each sample how long a device took.
 */
#include <kunit/test.h>
#include <linux/hyperv.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#define MAX_DEVICES	256
#define SAMPLES		5

struct window {
	resource_size_t min, max, size, align;
};

/* pci-hyperv's hv_allocate_config_window(), hv_pci_allocate_bridge_windows() */
static const struct window config = { 0, -1, SZ_8K, SZ_4K };
static const struct window low = { 0, U32_MAX, SZ_64K, SZ_64K };
static const struct window high = { SZ_4G, -1, SZ_32K + SZ_16K, SZ_32K };

struct cost {
	struct hv_device hdev;
	struct resource *config[MAX_DEVICES];
	struct resource *low[MAX_DEVICES];
	struct resource *high[MAX_DEVICES];
};

static void take(struct kunit *test, const struct window *w,
		 struct resource **res)
{
	struct cost *cost = test->priv;

	KUNIT_ASSERT_EQ(test, 0,
			vmbus_allocate_mmio(res, &cost->hdev, w->min, w->max,
					    w->size, w->align, false));
}

static void give(struct resource *res)
{
	vmbus_free_mmio(res->start, resource_size(res));
}

static void take_configs(struct kunit *test, int devices)
{
	struct cost *cost = test->priv;
	int i;

	for (i = 0; i < devices; i++)
		take(test, &config, &cost->config[i]);
}

static void give_configs(struct kunit *test, int devices)
{
	struct cost *cost = test->priv;
	int i;

	for (i = 0; i < devices; i++)
		give(cost->config[i]);
}

static void take_windows(struct kunit *test, int devices)
{
	struct cost *cost = test->priv;
	int i;

	for (i = 0; i < devices; i++) {
		take(test, &low, &cost->low[i]);
		take(test, &high, &cost->high[i]);
	}
}

static void give_windows(struct kunit *test, int devices)
{
	struct cost *cost = test->priv;
	int i;

	for (i = 0; i < devices; i++) {
		give(cost->low[i]);
		give(cost->high[i]);
	}
}

static void measure(struct kunit *test, const char *what, int devices,
		    void (*all)(struct kunit *test, int devices),
		    void (*none)(struct kunit *test, int devices))
{
	int cycles = MAX_DEVICES / devices, i, n;

	for (n = 0; n < SAMPLES; n++) {
		u64 start = ktime_get_ns();

		for (i = 0; i < cycles; i++) {
			all(test, devices);
			none(test, devices);
		}
		kunit_info(test, "cost devices=%d %s %llu ns\n", devices, what,
			   div_u64(ktime_get_ns() - start, cycles * devices));
		cond_resched();
	}
}

static const int counts[] = { 1, 4, 16, 64, MAX_DEVICES };

static void describe(const int *devices, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%d devices", *devices);
}

KUNIT_ARRAY_PARAM(counts, counts, describe);

static void cost_of_windows(struct kunit *test)
{
	int devices = *(const int *)test->param_value;

	measure(test, "config", devices, take_configs, give_configs);
	take_configs(test, devices);
	measure(test, "windows", devices, take_windows, give_windows);
	give_configs(test, devices);
}

static int cost_init(struct kunit *test)
{
	struct cost *cost = kunit_kzalloc(test, sizeof(*cost), GFP_KERNEL);

	if (!cost)
		return -ENOMEM;
	cost->hdev.device.init_name = "mmio_cost";
	test->priv = cost;
	return 0;
}

static struct kunit_case cost_cases[] = {
	KUNIT_CASE_PARAM(cost_of_windows, counts_gen_params),
	{}
};

static struct kunit_suite cost_suite = {
	.name = "mmio_cost",
	.init = cost_init,
	.test_cases = cost_cases,
};

kunit_test_suite(cost_suite);

MODULE_DESCRIPTION("Cost of MMIO windows on Hyper-V");
MODULE_LICENSE("GPL");
