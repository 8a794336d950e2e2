/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual machine: KVM, its RAM, vCPU threads, ports and MMIO. */
#ifndef HVHOST_VM_H
#define HVHOST_VM_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "echo.h"
#include "io.h"
#include "layout.h"
#include "mem.h"
#include "mmio.h"
#include "types.h"
#include "vram.h"

#define VM_MAX_CPUS	8
#define VM_MAX_PCI	128
#define VM_MAX_WATCHES	64

/* How a run ended; the process's exit status. */
enum vm_end {
	VM_POWEROFF = 0,
	VM_HOST_ERROR = 1,
	VM_USAGE = 2,
	VM_RESET = 3,
	VM_TRIPLE_FAULT = 4,
	VM_TIMEOUT = 124,
};

/* One --pci */
struct option_pci {
	char name[16];			/* "nvme0" */
	const char *disk;		/* NULL: it is a test device */
	struct echo_bar bar[VPCI_BARS];
	int bars;
	bool later;			/* not there before an --add-on */
	u32 refuse_first, refuse_last;	/* as in vpci.h */
};

/* What to do when the guest sends a text, or begins with a bus */
enum watch_action {
	WATCH_SHUTDOWN, WATCH_SCREEN, WATCH_ADD, WATCH_EJECT, WATCH_REMOVE,
	WATCH_RESCIND,
};

struct option_watch {
	enum watch_action action;
	const char *object;		/* PCI device, or file of a picture */
	const char *text;
	const char *bus;		/* what @DEVICE waits for, or NULL */
};

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *trace;
	const char *findings;		/* what COM2 sends to; NULL: no COM2 */
	const char *screen;		/* PNG to write */
	int cpus;
	int timeout;			/* seconds, 0: none */
	bool isolation_vbs;
	bool no_synthvid;
	bool ignore_bar_conflicts;
	bool overlap_cover;		/* the framebuffer wins */
	bool stale_config;		/* config space does not read back */
	bool release_dead_devices;
	bool video_first;		/* in the order of offers */
	struct vpci_refusal refusal[VPCI_MAX_REFUSALS];
	int refusals;
	bool verbose;
	struct option_pci pci[VM_MAX_PCI];
	int pcis;
	struct option_watch watch[VM_MAX_WATCHES];
	int watches;
	u32 vmbus_version;		/* highest accepted, (major << 16) | minor */
	struct layout_request layout;
};

struct hyperv;
struct vmbus;
struct vpci;

struct vm {
	const struct options *opt;
	struct layout layout;
	struct mem mem;
	int kvm_fd, vm_fd;
	int cpu_fd[VM_MAX_CPUS];
	/* Held by whoever handles an exit, a timer or input: device code
	 * never runs twice at once. Recursive.
	 */
	pthread_mutex_t lock;
	struct io_table port, mmio;
	struct vram vram;
	struct mmio_map map;
	struct hyperv *hyperv;
	struct vmbus *bus;
	struct vpci *vpci;
};

/* Say what failed, and errno's reason. Return: -errno. */
static inline int vm_fail(const char *what)
{
	int err = errno;

	fprintf(stderr, "hvhost: %s: %s\n", what, strerror(err));
	return -err;
}

int vm_init(struct vm *vm);
int vm_start(struct vm *vm);

/* Take the lock if that is possible within so many ms. */
bool vm_lock(struct vm *vm, int ms);

/* Ports and MMIO; see io.h. Once vCPUs run, the lock is to be held. */
int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque);
int vm_add_mmio(struct vm *vm, u64 gpa, u64 size, vm_io_fn fn, void *opaque);
void vm_del_mmio(struct vm *vm, u64 gpa);

/* Have the framebuffer's memory there, or nowhere; see vram.h. 0 or -errno. */
int vm_move_fb(void *vm, const struct range *fb);

/* Level of a pin of the in-kernel IOAPIC/PIC; 0 or -errno. */
int vm_irq_line(struct vm *vm, u32 gsi, int level);
/* A fixed, edge-triggered interrupt to one vCPU; 0 or -errno. */
int vm_interrupt(struct vm *vm, u32 vp, u8 vector);

/* End the run; the first one to say so decides. Safe in any thread. */
void vm_end(struct vm *vm, enum vm_end how, const char *why);
int vm_end_fd(void);
enum vm_end vm_ended(const char **why);

/* The guest sent a text of --shutdown-on and the like, or has begun with the bus
 * that it names; lock held.
 */
void host_watch_seen(struct vm *vm, const struct option_watch *watch);

/* Devices and tables, each in a file of its own name. 0 or -errno, said. */
int serial_open_findings(const char *path);
int serial_close_findings(void);
int serial_init(struct vm *vm);		/* COM1: stdin, stdout; COM2: findings */
int rtc_init(struct vm *vm);		/* CMOS clock */
int pci_init(struct vm *vm);		/* legacy PCI, Gen1 only */
int acpi_init(struct vm *vm);		/* PM registers, reset register */

/* What boot puts in the lowest MiB and at the top of low RAM. */
/* Tables, RSDP first; who has no EFI finds it here. */
#define ACPI_GPA	0x000e0000u
#define ACPI_SIZE	0x00010000u
#define EFI_GPA		0x00060000u	/* system table, stubs, memory map */
#define EFI_SIZE	0x00010000u
#define BOOT_GPA	0x00010000u	/* zero page, command line, GDT, page tables */
#define BOOT_SIZE	0x00010000u

int acpi_write_tables(struct vm *vm);
int boot_load(struct vm *vm);
/* The 64-bit entry state of vCPU 0, after boot_load(). */
int boot_set_cpu(struct vm *vm, int cpu_fd);
struct boot_params;
/* EFI as Linux can tell (layout.efi): writes the tables, fills in efi_info. */
int efi_setup(struct vm *vm, struct boot_params *bp);

#endif
