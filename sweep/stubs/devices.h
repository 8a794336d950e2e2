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

struct device {
	const char *name;
};

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
};

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

#endif
