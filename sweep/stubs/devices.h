/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same for what is built on struct resource: devices and the framebuffer
 * that firmware told of. To be included behind the kernel's own ioport.h.
 */
#ifndef SWEEP_STUBS_DEVICES_H
#define SWEEP_STUBS_DEVICES_H

#include "linux.h"
#include <linux/ioport.h>
#include <linux/screen_info.h>
#include <linux/sizes.h>
#include <uapi/linux/pci_regs.h>

/* A devicetree's node is its ranges. */
struct device_node {
	const struct range *ranges;
	int count;
};

struct device {
	const char *name;
	struct device_node *of_node;
};

struct platform_device {
	struct device dev;
};

struct of_range {
	u64 cpu_addr, size;
	unsigned int flags;
};

struct of_range_parser {
	const struct device_node *node;
	int next;
};

static inline int of_range_parser_init(struct of_range_parser *parser,
				       const struct device_node *node)
{
	*parser = (struct of_range_parser) { .node = node };
	return 0;
}

static inline bool of_range_parser_one(struct of_range_parser *parser,
				       struct of_range *range)
{
	const struct range *r = &parser->node->ranges[parser->next];

	if (parser->next++ == parser->node->count)
		return false;
	*range = (struct of_range) { .cpu_addr = r->start,
				     .size = r->end - r->start + 1,
				     .flags = IORESOURCE_MEM };
	return true;
}

#define for_each_of_range(parser, range) \
	while (of_range_parser_one(parser, range))

/* With devicetree there is an interrupt to be asked for. */
typedef unsigned long irq_hw_number_t;

struct irq_data {
	irq_hw_number_t hwirq;
};

static inline int platform_get_irq(struct platform_device *pdev, unsigned int n)
{
	(void)pdev;
	return (int)n + 1;
}

static inline struct irq_data *irq_get_irq_data(unsigned int irq)
{
	static struct irq_data data;

	data.hwirq = irq;
	return &data;
}

#define irqd_to_hwirq(data)	((data)->hwirq)

#define dev_name(dev)		((dev)->name)

/* include/linux/sysfb.h; the same thing under its older name */
struct sysfb_display_info {
	struct screen_info screen;
};

struct sysfb_display_info sysfb_primary_display;
struct screen_info screen_info;

struct pci_dev {
	struct resource resource[1];
};

struct pci_dev *pci_get_device(unsigned int vendor, unsigned int device,
			       struct pci_dev *from);
#define pci_dev_put(pdev)	((void)(pdev))

static inline void revoke_iomem(struct resource *res)
{
	(void)res;
}

struct hv_device {
	struct device device;
	void *driver_data;
};

#define hv_get_drvdata(hdev)	((hdev)->driver_data)

/* Asks the host; sweep/kernel.c has it. */
int sweep_send_d0_entry(struct hv_device *hdev);
#define hv_pci_send_d0_entry(hdev)	sweep_send_d0_entry(hdev)

/* The channels that the host has offered */
enum hv_device_type { HV_PCIE, HV_FB };

struct vmbus_channel {
	struct list_head listentry;
	enum hv_device_type device_id;
	struct {
		struct {
			u16 mmio_megabytes;
		} offer;
	} offermsg;
};

struct {
	struct list_head chn_list;
} vmbus_connection;

#define PCI_STD_NUM_BARS	6

struct pci_host_bridge {
	struct list_head windows;
};

#define pci_add_resource(list, res)	((void)(list), (void)(res))

struct drm_device {
	int unused;
};

struct drm_driver {
	int unused;
};

struct drm_driver hyperv_driver;
#define drm_aperture_remove_conflicting_framebuffers(base, size, driver) \
	((void)(base), (void)(size))
#define ioremap_cache(start, size)	((void *)(uintptr_t)(start))
#define ioremap(start, size)		((void *)(uintptr_t)(start))
#define iounmap(addr)			((void)(addr))

#endif
