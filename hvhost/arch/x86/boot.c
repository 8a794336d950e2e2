// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a bzImage by the 64-bit boot protocol (Documentation/arch/x86/boot.rst
 * in the kernel): the kernel, the initrd, the command line, the zero page.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/file.h"
#include "arch/gop.h"
#include "arch/machine.h"
#include "arch/x86/acpi.h"
#include "arch/x86/boot.h"
#include "arch/x86/efi.h"
#include "core/fail.h"
#include "core/math.h"
#include "core/trace.h"

#define HDR_OFFSET	0x1f1
#define ENTRY_64	0x200
#define LOADER_UNDEFINED	0xff
#define SECURE_BOOT_DISABLED	2

#define E820_RAM	1
#define E820_RESERVED	2
#define E820_ACPI	3

/* Where vCPU 0 starts, for boot_set_cpu(). */
static u64 boot_entry;

/**
 * boot_check() - Read and judge a bzImage's header.
 * @file:	The file
 * @size:	Bytes of it
 * @img:	Filled in if it is good
 * @why:	What is wrong, value included, if it is not
 * @why_len:	Bytes there
 *
 * Return: 0 or -EINVAL.
 */
int boot_check(const u8 *file, u64 size, struct boot_image *img, char *why,
	       size_t why_len)
{
	struct setup_header *h = &img->hdr;
	u64 len, setup;

	memset(img, 0, sizeof(*img));
	if (size < 1024)
		return refuse(why, why_len,
			      "%llu bytes are too few for a bzImage", size);
	memcpy(h, file + HDR_OFFSET, sizeof(*h));
	if (h->boot_flag != 0xaa55)
		return refuse(why, why_len,
			      "no bzImage: boot_flag is 0x%04x, not 0xaa55",
			      h->boot_flag);
	if (h->header != 0x53726448)
		return refuse(why, why_len,
			      "no bzImage: header is 0x%08x, not \"HdrS\"",
			      h->header);
	if (h->version < 0x020c)
		return refuse(why, why_len,
			      "boot protocol %u.%02u; 2.12 is needed",
			      h->version >> 8, h->version & 0xff);
	/* The header ends where its first jump goes; leave out what follows */
	len = 0x202 + (h->jump >> 8) - HDR_OFFSET;
	if ((h->jump & 0xff) != 0xeb ||
	    len < offsetof(struct setup_header, handover_offset))
		return refuse(why, why_len,
			      "jump is 0x%04x: the header is too short",
			      h->jump);
	if (len < sizeof(*h))
		memset((u8 *)h + len, 0, sizeof(*h) - len);
	if (!(h->xloadflags & XLF_KERNEL_64))
		return refuse(why, why_len,
			      "xloadflags 0x%x: no 64-bit entry point",
			      h->xloadflags);
	if (!(h->loadflags & LOADED_HIGH))
		return refuse(why, why_len,
			      "loadflags 0x%02x: not to be loaded at 1 MiB or above",
			      h->loadflags);
	setup = ((h->setup_sects ? h->setup_sects : 4) + 1) * 512ull;
	img->size = h->syssize * 16ull;
	if (setup >= size)
		return refuse(why, why_len,
			      "setup_sects %u: setup ends at %llu, the file at %llu",
			      h->setup_sects, setup, size);
	/* Older kernels count the padding to 16 bytes that is not there */
	if (img->size <= ENTRY_64 || img->size > size - setup + 15)
		return refuse(why, why_len,
			      "syssize 0x%x: %llu bytes, the file has %llu after its setup",
			      h->syssize, img->size, size - setup);
	if (img->size > size - setup)
		img->size = size - setup;
	img->offset = setup;
	if (!is_power_of_two(h->kernel_alignment) ||
	    h->kernel_alignment < 4096 || h->kernel_alignment > GIB)
		return refuse(why, why_len,
			      "kernel_alignment 0x%x is no power of 2 from 4 KiB to 1 GiB",
			      h->kernel_alignment);
	if (h->pref_address < MIB || h->pref_address >= 4 * GIB)
		return refuse(why, why_len,
			      "pref_address 0x%llx is not from 1 MiB to 4 GiB",
			      h->pref_address);
	if (h->init_size < img->size)
		return refuse(why, why_len,
			      "init_size 0x%x is less than the kernel's %llu bytes",
			      h->init_size, img->size);
	if (!h->cmdline_size)
		return refuse(why, why_len, "cmdline_size is 0");
	if (h->initrd_addr_max < MIB)
		return refuse(why, why_len,
			      "initrd_addr_max 0x%x is below 1 MiB",
			      h->initrd_addr_max);
	return 0;
}

/**
 * boot_place() - Choose where kernel and initrd go.
 * @img:	A good bzImage
 * @low_ram_end:	End of the RAM below 4 GiB, exclusive
 * @initrd_size:	Bytes, 0: none
 * @kernel:	GPA of the kernel
 * @initrd:	GPA of the initrd, page aligned, as high as it can be; or 0
 * @why:	What does not fit, if it does not
 * @why_len:	Bytes there
 *
 * The kernel goes where it prefers to be, or, when it can be relocated and
 * does not fit there, to the lowest place that its alignment allows.
 *
 * Return: 0 or -EINVAL.
 */
int boot_place(const struct boot_image *img, u64 low_ram_end, u64 initrd_size,
	       u64 *kernel, u64 *initrd, char *why, size_t why_len)
{
	const struct setup_header *h = &img->hdr;
	u64 top;

	*kernel = h->pref_address;
	if (*kernel + h->init_size > low_ram_end && h->relocatable_kernel)
		*kernel = round_up64(MIB, h->kernel_alignment);
	if (*kernel + h->init_size > low_ram_end)
		return refuse(why, why_len,
			      "the kernel needs 0x%x bytes at 0x%llx, RAM ends at 0x%llx",
			      h->init_size, *kernel, low_ram_end);
	*initrd = 0;
	if (!initrd_size)
		return 0;
	top = h->initrd_addr_max + 1ull;
	if (top > low_ram_end)
		top = low_ram_end;
	if (initrd_size < top)
		*initrd = (top - initrd_size) & ~0xfffull;
	if (*initrd < *kernel + h->init_size)
		return refuse(why, why_len,
			      "the initrd of %llu bytes does not fit between 0x%llx and 0x%llx",
			      initrd_size, *kernel + h->init_size, top);
	return 0;
}

struct e820 {
	struct boot_e820_entry *table;
	int count, max;		/* count goes on when the table is full */
};

static void add_e820(struct e820 *e, u64 start, u64 end, u32 type)
{
	if (e->count < e->max)
		e->table[e->count] = (struct boot_e820_entry) {
			.addr = start, .size = end - start, .type = type,
		};
	e->count++;
}

/**
 * boot_e820() - Make the memory map.
 * @layout:	RAM, generation and EFI count
 * @table:	Where to
 * @max:	Entries there
 *
 * Return: number of entries, or -ENOSPC.
 */
int boot_e820(const struct layout *layout, struct boot_e820_entry *table,
	      int max)
{
	struct e820 e = { .table = table, .max = max };
	int i;

	if (layout->efi) {
		add_e820(&e, 0, EFI_GPA, E820_RAM);
		add_e820(&e, EFI_GPA, EFI_GPA + EFI_RUNTIME_SIZE,
			 E820_RESERVED);
		add_e820(&e, EFI_GPA + EFI_RUNTIME_SIZE, 0xa0000, E820_RAM);
	} else if (layout->generation == 2) {
		add_e820(&e, 0, 0xa0000, E820_RAM);
	} else {
		/* As a BIOS, which keeps a piece for itself there */
		add_e820(&e, 0, 0x9fc00, E820_RAM);
		add_e820(&e, 0x9fc00, 0xa0000, E820_RESERVED);
	}
	add_e820(&e, ACPI_GPA, ACPI_GPA + ACPI_SIZE, E820_ACPI);
	if (layout->generation == 1)
		add_e820(&e, ACPI_GPA + ACPI_SIZE, MIB, E820_RESERVED);
	for (i = 0; i < layout->ram_count; i++) {
		u64 start = layout->ram[i].start;

		if (start < MIB)
			start = MIB;
		if (layout->ram[i].end > start)
			add_e820(&e, start, layout->ram[i].end + 1, E820_RAM);
	}
	return e.count > max ? -ENOSPC : e.count;
}

/* The identity map of the first 4 GiB and the GDT that the protocol asks for */
static int write_tables(struct mem *mem)
{
	static const u64 gdt[] = {
		0, 0,
		0x00af9b000000ffff,	/* 0x10: 64-bit code */
		0x00cf93000000ffff,	/* 0x18: data */
	};
	u64 pd[512], pdpt[512] = { 0 }, pml4[512] = { 0 };
	int i, j, rc;

	pml4[0] = BOOT_PDPT | 3;
	rc = mem_write(mem, BOOT_GDT, gdt, sizeof(gdt));
	for (i = 0; i < 4; i++) {
		for (j = 0; j < 512; j++)
			pd[j] = i * GIB + j * 2 * MIB + 0x83;
		pdpt[i] = (BOOT_PD + i * 0x1000) | 3;
		rc = rc ? : mem_write(mem, BOOT_PD + i * 0x1000, pd,
				      sizeof(pd));
	}
	rc = rc ? : mem_write(mem, BOOT_PDPT, pdpt, sizeof(pdpt));
	return rc ? : mem_write(mem, BOOT_PML4, pml4, sizeof(pml4));
}

static void boot_trace(const struct vm *vm, const struct boot_params *bp,
		       u64 kernel_size, u64 entry)
{
	const struct setup_header *h = &bp->hdr;
	u64 initrd_size = h->ramdisk_size | (u64)bp->ext_ramdisk_size << 32;

	trace_begin("boot");
	trace_str("kernel", vm->config.kernel);
	trace_num("kernel_size", kernel_size);
	trace_hex("entry", entry);
	if (initrd_size) {
		trace_str("initrd", vm->config.initrd);
		trace_hex("initrd_gpa", h->ramdisk_image |
			  (u64)bp->ext_ramdisk_image << 32);
		trace_num("initrd_size", initrd_size);
	}
	trace_str("append", vm->config.append ? : "");
	trace_ranges("ram", vm->layout.ram, vm->layout.ram_count);
	trace_hex("lfb_base", bp->screen_info.lfb_base |
		  (u64)bp->screen_info.ext_lfb_base << 32);
	trace_num("lfb_size", bp->screen_info.lfb_size);
	trace_end();
}

static int load(struct vm *vm, const u8 *file, u64 size, const u8 *initrd,
		u64 initrd_size, u64 *entry)
{
	const char *append = vm->config.append ? vm->config.append : "";
	u64 low_end, kernel_gpa, initrd_gpa;
	struct boot_params bp = { 0 };
	struct boot_image img;
	size_t limit;
	char why[160];
	int rc;

	if (boot_check(file, size, &img, why, sizeof(why)))
		goto bad_kernel;
	limit = img.hdr.cmdline_size;
	if (limit > BOOT_CMDLINE_SIZE - 1)
		limit = BOOT_CMDLINE_SIZE - 1;
	if (strlen(append) > limit) {
		refuse(why, sizeof(why),
		       "takes a command line of %zu bytes, not %zu", limit,
		       strlen(append));
		goto bad_kernel;
	}
	low_end = vm->layout.ram[0].end + 1;
	if (boot_place(&img, low_end, initrd_size, &kernel_gpa, &initrd_gpa,
		       why, sizeof(why)))
		goto bad_kernel;

	bp.hdr = img.hdr;
	bp.hdr.type_of_loader = LOADER_UNDEFINED;
	bp.hdr.code32_start = kernel_gpa;
	bp.hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp.hdr.ramdisk_image = initrd_gpa;
	bp.hdr.ramdisk_size = initrd_size;
	bp.ext_ramdisk_image = initrd_gpa >> 32;
	bp.ext_ramdisk_size = initrd_size >> 32;
	bp.hdr.vid_mode = 0xffff;	/* as it is */
	/*
	 * Without EFI this is how Linux finds it. kexec_file_load and
	 * kexec-tools pass the address on; a kernel that is told nothing looks
	 * where a BIOS has the RSDP, and that is where ACPI_GPA is.
	 */
	bp.acpi_rsdp_addr = ACPI_GPA;
	if (vm->config.firmware_tells)
		gop_describe(&vm->layout, &bp.screen_info);
	rc = boot_e820(&vm->layout, bp.e820_table, ARRAY_SIZE(bp.e820_table));
	if (rc < 0) {
		refuse(why, sizeof(why), "the memory map is full");
		goto bad_kernel;
	}
	bp.e820_entries = rc;

	rc = acpi_write_tables(vm);
	if (rc)
		return rc;
	if (vm->layout.efi) {
		bp.secure_boot = SECURE_BOOT_DISABLED;
		rc = efi_setup(vm, &bp);
		if (rc)
			return rc;
	}
	rc = write_tables(&vm->mem);
	rc = rc ? : mem_write(&vm->mem, kernel_gpa, file + img.offset,
			      img.size);
	if (initrd_size)
		rc = rc ? : mem_write(&vm->mem, initrd_gpa, initrd,
				      initrd_size);
	rc = rc ? : mem_write(&vm->mem, BOOT_CMDLINE, append,
			      strlen(append) + 1);
	rc = rc ? : mem_write(&vm->mem, BOOT_ZERO_PAGE, &bp, sizeof(bp));
	if (rc) {
		refuse(why, sizeof(why), "RAM is not where the layout has it");
		goto bad_kernel;
	}
	*entry = kernel_gpa + ENTRY_64;

	boot_trace(vm, &bp, img.size, *entry);
	return 0;

bad_kernel:
	fprintf(stderr, "hvhost: %s: %s\n", vm->config.kernel, why);
	return -EINVAL;
}

/**
 * boot_load() - Load kernel, initrd, command line, tables, zero page.
 * @vm:		The VM, with options, layout and RAM
 *
 * ACPI's and, on Gen2 with firmware, EFI's tables are written too.
 *
 * Return: 0 or -errno, said on stderr.
 */
int boot_load(struct vm *vm)
{
	const u8 *kernel, *initrd = NULL;
	u64 size, initrd_size = 0;
	int rc;

	rc = file_map(vm->config.kernel, &kernel, &size);
	if (rc)
		return rc;
	if (vm->config.initrd)
		rc = file_map(vm->config.initrd, &initrd, &initrd_size);
	rc = rc ? : load(vm, kernel, size, initrd, initrd_size, &boot_entry);
	file_unmap(kernel, size);
	file_unmap(initrd, initrd_size);
	return rc;
}

/**
 * boot_set_cpu() - Set a vCPU to where the boot protocol wants it.
 * @cpu_fd:	vCPU 0's, after boot_load()
 *
 * Long mode on the identity map, flat segments, interrupts off.
 *
 * Return: 0 or -errno, said on stderr.
 */
int boot_set_cpu(int cpu_fd)
{
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 0x18, .type = 3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_regs regs = {
		.rip = boot_entry,
		.rsi = BOOT_ZERO_PAGE,
		/* Nobody's yet; Linux sets its own at once */
		.rsp = BOOT_CMDLINE,
		.rflags = 2,
	};
	struct kvm_sregs sregs;

	if (ioctl(cpu_fd, KVM_GET_SREGS, &sregs))
		goto fail;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.cs = data;
	sregs.cs.selector = 0x10;
	sregs.cs.type = 11;
	sregs.cs.db = 0;
	sregs.cs.l = 1;
	sregs.gdt.base = BOOT_GDT;
	sregs.gdt.limit = 4 * 8 - 1;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr3 = BOOT_PML4;
	sregs.cr4 |= 1 << 5;		/* PAE */
	sregs.cr0 = 0x80050033;		/* PG AM WP NE ET MP PE */
	sregs.efer |= 0x500;		/* LME LMA */
	if (ioctl(cpu_fd, KVM_SET_SREGS, &sregs) ||
	    ioctl(cpu_fd, KVM_SET_REGS, &regs))
		goto fail;
	return 0;
fail:
	return say_failed(-errno, "vCPU 0's registers");
}
