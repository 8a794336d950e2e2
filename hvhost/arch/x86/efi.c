// SPDX-License-Identifier: GPL-2.0-only
/*
 * EFI as a running Linux can tell (Gen2 with firmware): system table, runtime
 * services, memory map. Boot services are over when a kernel is loaded by its 64-bit
 * entry point. Of the runtime services two do something, by way of ports:
 * SetVirtualAddressMap and ResetSystem; the others are EFI_UNSUPPORTED.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/acpi.h"
#include "arch/x86/boot.h"
#include "arch/x86/efi.h"
#include "core/fail.h"
#include "core/trace.h"

#define EFI_INVALID_PARAMETER	(1ull << 63 | 2)

#define MAX_DESCRIPTORS	16
#define SERVICES	14
#define SVC_SET_VIRTUAL	4
#define SVC_RESET	10

/* All that Linux may read at run time; its page is RuntimeServicesData. */
struct efi_data {
	struct efi_systab systab;
	struct {
		struct efi_header h;
		u64 service[SERVICES];
	} runtime;
	struct efi_config config[1];
	u16 vendor[EFI_VENDOR_CHARS];
};

_Static_assert(sizeof(struct efi_data) <= 0x1000, "one page");

/*
 * The services. Arguments come as in Microsoft's ABI: rcx, rdx, r8, r9; rdx
 * and rax are free to use. They touch no memory, so it does not matter where
 * they are mapped and how. 66 ba is mov, %dx.
 */
#define CODE_UNSUPPORTED	0x00
#define CODE_SET_VIRTUAL	0x10
#define CODE_RESET		0x80

/* mov $EFI_UNSUPPORTED, %rax; ret */
static const u8 code_unsupported[] = {
	0x48, 0xb8, 0x03, 0, 0, 0, 0, 0, 0, 0x80, 0xc3,
};

#define LOW		((u8)EFI_PORT)
#define HIGH		(EFI_PORT >> 8)
#define OUT		0xef			/* out %eax, (%dx) */

static const u8 code_set_virtual[] = {
	0x41, 0x89, 0xd2,			/* mov %edx, %r10d */
	0x89, 0xc8,				/* mov %ecx, %eax */
	0x66, 0xba, LOW + EFI_PORT_MAP_SIZE, HIGH, OUT,
	0x44, 0x89, 0xd0,			/* mov %r10d, %eax */
	0x66, 0xba, LOW + EFI_PORT_DESC_SIZE, HIGH, OUT,
	0x44, 0x89, 0xc8,			/* mov %r9d, %eax */
	0x66, 0xba, LOW + EFI_PORT_MAP_LOW, HIGH, OUT,
	0x4c, 0x89, 0xc8,			/* mov %r9, %rax */
	0x48, 0xc1, 0xe8, 0x20,			/* shr $32, %rax */
	0x66, 0xba, LOW + EFI_PORT_MAP_HIGH, HIGH, OUT,
	0xb8, EFI_CALL_VIRTUAL, 0, 0, 0,	/* mov, %eax */
	0x66, 0xba, LOW + EFI_PORT_CALL, HIGH, OUT,
	0xed,					/* in (%dx), %eax */
	0x89, 0xc1,				/* mov %eax, %ecx */
	0x48, 0xc1, 0xe1, 0x3f,			/* shl $63, %rcx */
	0xd1, 0xe8,				/* shr %eax */
	0x48, 0x09, 0xc8,			/* or %rcx, %rax */
	0xc3,					/* ret */
};

static const u8 code_reset[] = {
	0x89, 0xc8,				/* mov %ecx, %eax */
	0x66, 0xba, LOW + EFI_PORT_MAP_SIZE, HIGH, OUT,
	0xb8, EFI_CALL_RESET, 0, 0, 0,		/* mov, %eax */
	0x66, 0xba, LOW + EFI_PORT_CALL, HIGH, OUT,
	0xfa, 0xf4, 0xeb, 0xfd,			/* cli; 1: hlt; jmp 1b */
};

_Static_assert(CODE_SET_VIRTUAL + sizeof(code_set_virtual) <= CODE_RESET,
	       "the services' code overlaps");

/* What the guest has put into the ports so far. */
static struct {
	u32 arg[4];
	u64 status;
	bool is_virtual;
} efi;

/**
 * efi_make_map() - Make the memory map.
 * @layout:	RAM counts
 * @map:	Where to
 * @max:	Descriptors there
 *
 * Agrees with boot_e820() about what is RAM.
 *
 * Return: number of descriptors, or -ENOSPC.
 */
int efi_make_map(const struct layout *layout, struct efi_desc *map, int max)
{
	struct efi_map m = { .map = map, .max = max };

	efi_add(&m, 0, EFI_GPA, EFI_CONVENTIONAL, 0);
	efi_add(&m, EFI_CODE_GPA, EFI_DATA_GPA, EFI_RUNTIME_CODE, EFI_RUNTIME);
	efi_add(&m, EFI_DATA_GPA, EFI_MAP_GPA, EFI_RUNTIME_DATA, EFI_RUNTIME);
	efi_add(&m, EFI_MAP_GPA, EFI_GPA + EFI_SIZE, EFI_LOADER_DATA, 0);
	efi_add(&m, EFI_GPA + EFI_SIZE, 0xa0000, EFI_CONVENTIONAL, 0);
	efi_add(&m, ACPI_GPA, ACPI_GPA + ACPI_SIZE, EFI_ACPI_RECLAIM, 0);
	efi_add_ram(&m, layout);
	return m.count > max ? -ENOSPC : m.count;
}

/* A GPA of ours by the guest's virtual map; 0 if it has none for it. */
static u64 to_virtual(const struct mem *mem, u64 map, u32 size, u32 desc_size,
		      u64 gpa)
{
	struct efi_desc d;
	u32 at;

	for (at = 0; at <= size - desc_size; at += desc_size) {
		if (mem_read(mem, map + at, &d, offsetof(struct efi_desc, pad2)))
			return 0;
		if (gpa >= d.gpa && (gpa - d.gpa) >> 12 < d.pages)
			return d.virt + (gpa - d.gpa);
	}
	return 0;
}

/* SetVirtualAddressMap: move every pointer that is used at run time. */
static u64 set_virtual(struct vm *vm, u64 map, u32 size, u32 desc_size)
{
	struct efi_data *d = mem_at(&vm->mem, EFI_DATA_GPA, sizeof(*d));
	u64 code, data;
	int i;

	if (!d || efi.is_virtual)
		return EFI_INVALID_PARAMETER;
	if (desc_size < offsetof(struct efi_desc, pad2) || size < desc_size ||
	    size > 0x10000) {
		trace_bad("efi", "virtual map size", (u64)desc_size << 32 | size);
		return EFI_INVALID_PARAMETER;
	}
	code = to_virtual(&vm->mem, map, size, desc_size, EFI_CODE_GPA);
	data = to_virtual(&vm->mem, map, size, desc_size, EFI_DATA_GPA);
	if (!code || !data) {
		trace_bad("efi", "virtual map", map);
		return EFI_INVALID_PARAMETER;
	}
	for (i = 0; i < SERVICES; i++)
		d->runtime.service[i] += code - EFI_CODE_GPA;
	d->systab.runtime += data - EFI_DATA_GPA;
	d->systab.vendor += data - EFI_DATA_GPA;
	d->systab.tables += data - EFI_DATA_GPA;
	efi.is_virtual = true;
	trace_begin("efi_virtual");
	trace_hex("code", code);
	trace_hex("data", data);
	trace_end();
	return 0;
}

/**
 * efi_io() - The ports that the runtime services' code speaks to.
 * @opaque:	The VM
 * @offset:	From EFI_PORT
 * @write:	Guest writes
 * @value:	What it writes, or gets
 * @size:	4 bytes, or it is ignored
 *
 * Arguments first, then the call. The status is read as its low 31 bits
 * shifted up by one, with the error bit in bit 0.
 */
void efi_io(void *opaque, u64 offset, bool write, u64 *value, unsigned int size)
{
	struct vm *vm = opaque;

	if (!write) {
		*value = offset == EFI_PORT_CALL ?
			efi.status << 1 | efi.status >> 63 : 0;
		return;
	}
	if (size != 4 || offset % 4)
		return;
	if (offset < EFI_PORT_CALL) {
		efi.arg[offset / 4] = *value;
		return;
	}
	switch ((u32)*value) {
	case EFI_CALL_VIRTUAL:
		efi.status = set_virtual(vm, efi.arg[2] | (u64)efi.arg[3] << 32,
					 efi.arg[0], efi.arg[1]);
		break;
	case EFI_CALL_RESET:
		/* Cold, warm, shutdown, platform specific */
		if (efi.arg[0] == 2)
			run_poweroff(&vm->run, "EFI ResetSystem");
		else
			run_reset(&vm->run, "EFI ResetSystem");
		break;
	default:
		trace_bad("efi", "call", *value);
		efi.status = EFI_INVALID_PARAMETER;
	}
}

/**
 * efi_setup() - Write EFI's tables into guest RAM and tell the kernel.
 * @vm:		The VM, with layout and RAM
 * @bp:		Zero page; its efi_info is filled in
 *
 * Return: 0 or -errno, said on stderr.
 */
int efi_setup(struct vm *vm, struct boot_params *bp)
{
	u8 *base = mem_at(&vm->mem, EFI_GPA, EFI_SIZE);
	struct efi_data *d;
	int i, n, rc;

	if (!base) {
		fprintf(stderr, "hvhost: no RAM for EFI at 0x%x\n", EFI_GPA);
		return -EINVAL;
	}
	memset(&efi, 0, sizeof(efi));
	memset(base, 0, EFI_SIZE);
	memcpy(base + CODE_UNSUPPORTED, code_unsupported,
	       sizeof(code_unsupported));
	memcpy(base + CODE_SET_VIRTUAL, code_set_virtual,
	       sizeof(code_set_virtual));
	memcpy(base + CODE_RESET, code_reset, sizeof(code_reset));

	d = (void *)(base + (EFI_DATA_GPA - EFI_GPA));
	efi_set_systab(&d->systab, ARRAY_SIZE(d->config),
		       EFI_DATA_GPA + offsetof(struct efi_data, config),
		       EFI_DATA_GPA + offsetof(struct efi_data, vendor));
	d->systab.runtime = EFI_DATA_GPA + offsetof(struct efi_data, runtime);
	efi_set_header(&d->runtime.h, 0x56524553544e5552ull /* RUNTSERV */,
		       sizeof(d->runtime));
	for (i = 0; i < SERVICES; i++)
		d->runtime.service[i] = EFI_CODE_GPA + CODE_UNSUPPORTED;
	d->runtime.service[SVC_SET_VIRTUAL] = EFI_CODE_GPA + CODE_SET_VIRTUAL;
	d->runtime.service[SVC_RESET] = EFI_CODE_GPA + CODE_RESET;
	d->config[0] = (struct efi_config) { EFI_ACPI_20_GUID, ACPI_GPA };
	efi_set_vendor(d->vendor);

	n = efi_make_map(&vm->layout, (void *)(base + (EFI_MAP_GPA - EFI_GPA)),
			 MAX_DESCRIPTORS);
	if (n < 0) {
		fprintf(stderr, "hvhost: the EFI memory map is full\n");
		return n;
	}
	memcpy(&bp->efi_info.efi_loader_signature, "EL64", 4);
	bp->efi_info.efi_systab = EFI_DATA_GPA +
				  offsetof(struct efi_data, systab);
	bp->efi_info.efi_memdesc_size = sizeof(struct efi_desc);
	bp->efi_info.efi_memdesc_version = 1;
	bp->efi_info.efi_memmap = EFI_MAP_GPA;
	bp->efi_info.efi_memmap_size = n * sizeof(struct efi_desc);

	rc = vm_add_ports(vm, EFI_PORT, EFI_PORT_COUNT, efi_io, vm);
	return rc ? say_failed(rc, "EFI ports") : 0;
}
