/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual machine: KVM, its RAM, vCPU threads, ports and MMIO. */
#ifndef HVHOST_VM_H
#define HVHOST_VM_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "mem.h"
#include "types.h"

#define VM_MAX_CPUS	8

/* How a run ended; the process's exit status. */
enum vm_end {
	VM_POWEROFF = 0,
	VM_HOST_ERROR = 1,
	VM_USAGE = 2,
	VM_RESET = 3,
	VM_TRIPLE_FAULT = 4,
	VM_TIMEOUT = 124,
};

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *trace;
	const char *shutdown_on;	/* ask for shutdown when the console says so */
	int cpus;
	int timeout;			/* seconds, 0: none */
	bool isolation_vbs;
	bool verbose;
	u32 vmbus_version;		/* highest accepted, (major << 16) | minor */
	struct layout_request layout;
};

struct hyperv;
struct vmbus;

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
	struct hyperv *hyperv;
	struct vmbus *bus;
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

/*
 * Ports and MMIO. A handler gets accesses of 1, 2 or 4 bytes (MMIO: 8 too)
 * with offset + size within what was registered. *value is to be filled in on
 * reads (all bits above the size are dropped). The lock is held.
 */
typedef void (*vm_io_fn)(void *opaque, u64 offset, bool write, u64 *value,
			 unsigned int size);
int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque);
int vm_add_mmio(struct vm *vm, u64 gpa, u64 size, vm_io_fn fn, void *opaque);

/* Level of a pin of the in-kernel IOAPIC/PIC; 0 or -errno. */
int vm_irq_line(struct vm *vm, u32 gsi, int level);

/* End the run; the first one to say so decides. Safe in any thread. */
void vm_end(struct vm *vm, enum vm_end how, const char *why);
int vm_end_fd(void);
enum vm_end vm_ended(const char **why);

/* Ask the guest to shut down; called by the serial port, lock held. */
void host_request_shutdown(struct vm *vm);

/* Devices and tables, each in a file of its own name. 0 or -errno, said. */
int serial_init(struct vm *vm);		/* COM1; stdin to stdout */
int rtc_init(struct vm *vm);		/* CMOS clock */
int pci_init(struct vm *vm);		/* legacy PCI, Gen1 only */
int acpi_init(struct vm *vm);		/* PM registers, reset register */

/* What boot puts in the lowest MiB and at the top of low RAM. */
#define ACPI_GPA	0x000e0000u	/* tables, RSDP first; Gen1 finds it here */
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
/* EFI as Linux can tell (Gen2): writes the tables, fills in efi_info. */
int efi_setup(struct vm *vm, struct boot_params *bp);

#endif
