/* SPDX-License-Identifier: GPL-2.0-only */
/* The VM's parts, and who answers where in its address space. */
#ifndef HVHOST_MACHINE_H
#define HVHOST_MACHINE_H

#include "arch/gate.h"
#include "arch/kvm.h"
#include "core/io.h"
#include "core/layout.h"
#include "core/mem.h"
#include "core/mmio.h"
#include "core/run.h"
#include "dev/console.h"
#include "dev/vram.h"
#include "hv/synic.h"

struct vmbus;
struct vpci;

/* What main.c asks for */
struct vm_config {
	const char *kernel, *initrd, *append;
	bool isolated;			/* told to be an isolated VM (VBS) */
	bool firmware_tells;		/* of a framebuffer, in screen_info */
	bool overlap_cover;		/* the framebuffer wins over MMIO */
	bool devicetree;		/* no ACPI; arm64 */
};

struct vm {
	struct vm_config config;
	struct layout layout;
	struct run run;
	struct kvm kvm;
	struct gate gate;		/* ->act is NULL: not used */
	struct mem mem;
	struct io_table port, mmio;
	struct vram vram;
	struct mmio_map map;
	struct console console;
	struct synic synic;
	u64 guest_os_id;		/* as the guest last told */
	struct vmbus *bus;
	struct vpci *vpci;
};

int vm_add_ram(struct vm *vm);
int vm_add_fb(struct vm *vm);

/* Ports and MMIO; see io.h. Once vCPUs run, the lock is to be held. */
int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque);
int vm_add_mmio(struct vm *vm, u64 gpa, u64 size, vm_io_fn fn, void *opaque);
void vm_del_mmio(struct vm *vm, u64 gpa);
bool vm_mmio(struct vm *vm, u64 gpa, bool write, u8 *data, u32 len);

/* Have the framebuffer's memory there, or nowhere; see vram.h. 0 or -errno. */
int vm_move_fb(void *vm, const struct range *fb);

#endif
