// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads an arm64 kernel by its boot protocol (Documentation/arch/arm64/booting.rst):
 * the Image, the initrd, the devicetree; EFI's and ACPI's tables unless the devicetree has
 * it all.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/arm64/acpi.h"
#include "arch/arm64/boot.h"
#include "arch/arm64/dtb.h"
#include "arch/arm64/efi.h"
#include "arch/arm64/image.h"
#include "arch/arm64/map.h"
#include "arch/file.h"
#include "core/fail.h"
#include "core/trace.h"

/* What is loaded */
struct boot64 {
	const u8 *kernel, *initrd;
	u64 kernel_size, initrd_size;
	struct image_place place;
	bool has_display_table;
};

static bool boot64_has_screen(const struct vm *vm)
{
	return vm->layout.efi && vm->config.firmware_tells &&
	       vm->layout.fb_firmware.start;
}

static int boot64_write_acpi(struct vm *vm)
{
	struct acpi_tables t = {
		.base = mem_at(&vm->mem, ACPI_GPA, ACPI_SIZE),
		.gpa = ACPI_GPA,
		.size = ACPI_SIZE,
	};
	int err;

	if (!t.base) {
		fprintf(stderr, "hvhost: no RAM for ACPI tables at 0x%x\n",
			ACPI_GPA);
		return -EINVAL;
	}
	err = acpi64_write(&t, &vm->layout, vm->kvm.cpus);
	if (err)
		fprintf(stderr, "hvhost: ACPI tables do not fit into 0x%x bytes\n",
			ACPI_SIZE);
	return err;
}

/* Return: 0 or -errno, said on stderr. */
static int boot64_write_tables(struct vm *vm, const struct boot64 *b)
{
	struct dtb_config config = {
		.append = vm->config.append ?: "",
		.initrd = b->place.initrd,
		.initrd_size = b->initrd_size,
		.layout = &vm->layout,
		.cpus = vm->kvm.cpus,
	};
	void *dtb = mem_at(&vm->mem, DTB_GPA, DTB_SIZE);
	struct efi64 efi;
	int err;

	if (!vm->config.devicetree) {
		err = boot64_write_acpi(vm);
		if (err)
			return err;
		err = efi64_write(&vm->mem, &vm->layout, b->has_display_table,
				  &efi);
		if (err)
			return say_failed(err, "EFI's tables");
		config.systab = efi.systab;
		config.map = efi.map;
		config.map_size = efi.map_size;
		config.desc_size = sizeof(struct efi_desc);
	}
	err = dtb ? dtb_make(&config, dtb, DTB_SIZE) : -EFAULT;
	if (err >= 0)
		return 0;
	return say_failed(err, "the devicetree");
}

static void boot64_trace(const struct vm *vm, const struct boot64 *b)
{
	const struct range *fb = &vm->layout.fb_firmware;

	trace_begin("boot");
	trace_str("kernel", vm->config.kernel);
	trace_num("kernel_size", (s64)b->kernel_size);
	trace_hex("entry", b->place.kernel);
	if (b->initrd_size) {
		trace_str("initrd", vm->config.initrd);
		trace_hex("initrd_gpa", b->place.initrd);
		trace_num("initrd_size", (s64)b->initrd_size);
	}
	trace_str("append", vm->config.append ?: "");
	trace_ranges("ram", vm->layout.ram, vm->layout.ram_count);
	trace_hex("lfb_base", b->has_display_table ? fb->start : 0);
	trace_num("lfb_size", b->has_display_table ?
		  (s64)(fb->end - fb->start + 1) : 0);
	trace_end();
}

static int boot64_write(struct vm *vm, struct boot64 *b)
{
	struct image img;
	char why[160];
	int err;

	if (image_check(b->kernel, b->kernel_size, &img, why, sizeof(why)) ||
	    image_check_append(vm->config.append ?: "", why, sizeof(why)) ||
	    image_place(&img, vm->layout.ram[0].end + 1, b->initrd_size,
			&b->place, why, sizeof(why))) {
		fprintf(stderr, "hvhost: %s: %s\n", vm->config.kernel, why);
		return -EINVAL;
	}
	b->has_display_table = boot64_has_screen(vm);
	err = boot64_write_tables(vm, b);
	if (err)
		return err;
	err = mem_write(&vm->mem, b->place.kernel, b->kernel, b->kernel_size);
	if (!err && b->initrd_size)
		err = mem_write(&vm->mem, b->place.initrd, b->initrd,
				b->initrd_size);
	if (err)
		fprintf(stderr, "hvhost: %s: RAM is not where the layout has it\n",
			vm->config.kernel);
	return err;
}

/**
 * boot64_load() - Load kernel, initrd, devicetree and tables.
 * @vm:		The VM, with options, layout and RAM
 * @entry:	Set to where vCPU 0 begins, with the devicetree's address in x0
 *
 * Return: 0 or -errno, said on stderr.
 */
int boot64_load(struct vm *vm, u64 *entry)
{
	struct boot64 b = { 0 };
	int err;

	err = file_map(vm->config.kernel, &b.kernel, &b.kernel_size);
	if (err)
		return err;
	if (vm->config.initrd)
		err = file_map(vm->config.initrd, &b.initrd, &b.initrd_size);
	err = err ?: boot64_write(vm, &b);
	if (!err) {
		boot64_trace(vm, &b);
		*entry = b.place.kernel;
	}
	file_unmap(b.kernel, b.kernel_size);
	file_unmap(b.initrd, b.initrd_size);
	return err;
}
