// SPDX-License-Identifier: GPL-2.0-only
/* The boot protocol: bad kernels, places, memory maps, EFI's tables. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* After those that it needs. */
#include <cmocka.h>

#include "arch/gop.h"
#include "arch/x86/acpi.h"
#include "arch/x86/boot.h"
#include "arch/x86/efi.h"

#define SETUP	(3 * 512)
#define KERNEL	4096

/* A bzImage that has nothing but a good header. */
static u8 file[SETUP + KERNEL];
static struct setup_header *h = (void *)(file + 0x1f1);
static struct boot_image img;
static char why[200];

static int fresh(void **state)
{
	(void)state;
	memset(file, 0x90, sizeof(file));
	memset(h, 0, sizeof(*h));
	h->setup_sects = 2;
	h->syssize = KERNEL / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb;
	h->header = 0x53726448;
	h->version = 0x020f;
	h->loadflags = LOADED_HIGH;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 2 * MIB;
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 2047;
	h->pref_address = 16 * MIB;
	h->init_size = 8 * MIB;
	why[0] = 0;
	return 0;
}

static void good(void **state)
{
	(void)state;
	assert_int_equal(boot_check(file, sizeof(file), &img, why,
				    sizeof(why)), 0);
	assert_int_equal(img.offset, SETUP);
	assert_int_equal(img.size, KERNEL);
	assert_int_equal(img.hdr.pref_address, 16 * MIB);
	/* The header ends at 0x26c: kernel_info_offset is its last field */
	assert_int_equal(img.hdr.kernel_info_offset, 0);
}

/* Some kernels count padding that their file does not have. */
static void padding(void **state)
{
	(void)state;
	assert_int_equal(boot_check(file, sizeof(file) - 15, &img, why,
				    sizeof(why)), 0);
	assert_int_equal(img.size, KERNEL - 15);
}

/* What lies behind the header's end belongs to the setup code. */
static void short_header(void **state)
{
	(void)state;
	h->jump = 0x62eb;	/* ends before handover_offset */
	h->handover_offset = 0x1234;
	h->kernel_info_offset = 0x5678;
	assert_int_equal(boot_check(file, sizeof(file), &img, why,
				    sizeof(why)), 0);
	assert_int_equal(img.hdr.init_size, 8 * MIB);
	assert_int_equal(img.hdr.handover_offset, 0);
	assert_int_equal(img.hdr.kernel_info_offset, 0);
}

static void expect_bad(u64 size, const char *text)
{
	assert_int_equal(boot_check(file, size, &img, why, sizeof(why)),
			 -EINVAL);
	if (!strstr(why, text))
		fail_msg("'%s' does not say '%s'", why, text);
	fresh(NULL);
}

static void bad(void **state)
{
	(void)state;
	expect_bad(0, "0 bytes");
	expect_bad(1023, "1023 bytes");
	h->boot_flag = 0x1234;
	expect_bad(sizeof(file), "0x1234");
	h->header = 0x464c457f;
	expect_bad(sizeof(file), "0x464c457f");
	h->version = 0x020b;
	expect_bad(sizeof(file), "2.11");
	h->jump = 0x20eb;
	expect_bad(sizeof(file), "0x20eb");
	h->jump = 0x6ae9;
	expect_bad(sizeof(file), "0x6ae9");
	h->xloadflags = XLF_CAN_BE_LOADED_ABOVE_4G;
	expect_bad(sizeof(file), "xloadflags 0x2");
	h->loadflags = KASLR_FLAG;
	expect_bad(sizeof(file), "loadflags 0x02");
	h->setup_sects = 255;
	expect_bad(sizeof(file), "setup_sects 255");
	/* 0 is 4, for history's sake: 2560 bytes of setup, 3072 left */
	h->setup_sects = 0;
	expect_bad(sizeof(file), "3072 after its setup");
	expect_bad(SETUP, "setup_sects 2");
	expect_bad(sizeof(file) - 16, "4080 after its setup");
	h->syssize = 0;
	expect_bad(sizeof(file), "syssize 0x0");
	h->syssize = 0xffffffff;
	expect_bad(sizeof(file), "syssize 0xffffffff");
	h->kernel_alignment = 0;
	expect_bad(sizeof(file), "kernel_alignment 0x0");
	h->kernel_alignment = 3 * MIB;
	expect_bad(sizeof(file), "kernel_alignment 0x300000");
	h->kernel_alignment = 1u << 31;
	expect_bad(sizeof(file), "kernel_alignment 0x80000000");
	h->pref_address = 0;
	expect_bad(sizeof(file), "pref_address 0x0");
	h->pref_address = 4 * GIB;
	expect_bad(sizeof(file), "pref_address 0x100000000");
	h->pref_address = ~0ull;
	expect_bad(sizeof(file), "pref_address 0xffffffffffffffff");
	h->init_size = KERNEL - 1;
	expect_bad(sizeof(file), "init_size 0xfff");
	h->cmdline_size = 0;
	expect_bad(sizeof(file), "cmdline_size is 0");
	h->initrd_addr_max = 0;
	expect_bad(sizeof(file), "initrd_addr_max 0x0");
}

static int place(u64 ram, u64 initrd_size, u64 *kernel, u64 *initrd)
{
	assert_int_equal(boot_check(file, sizeof(file), &img, why,
				    sizeof(why)), 0);
	return boot_place(&img, ram, initrd_size, kernel, initrd, why,
			  sizeof(why));
}

static void places(void **state)
{
	u64 kernel, initrd;

	(void)state;
	assert_int_equal(place(GIB, 0, &kernel, &initrd), 0);
	assert_int_equal(kernel, 16 * MIB);
	assert_int_equal(initrd, 0);

	/* High, aligned, never beyond what the kernel can reach */
	assert_int_equal(place(GIB, 5000, &kernel, &initrd), 0);
	assert_int_equal(initrd, GIB - 8192);
	assert_int_equal(place(0xf8000000, 1, &kernel, &initrd), 0);
	assert_int_equal(initrd, 0x7ffff000);

	/* To the byte: 24 MiB is where the kernel's room ends */
	assert_int_equal(place(32 * MIB, 8 * MIB, &kernel, &initrd), 0);
	assert_int_equal(initrd, 24 * MIB);
	assert_int_equal(place(32 * MIB, 8 * MIB + 1, &kernel, &initrd),
			 -EINVAL);
	assert_non_null(strstr(why, "8388609 bytes"));
	assert_int_equal(place(GIB, ~0ull, &kernel, &initrd), -EINVAL);
	assert_int_equal(place(GIB, GIB, &kernel, &initrd), -EINVAL);

	/* Too little RAM for the preferred place: lower, if it can be */
	assert_int_equal(place(23 * MIB, 0, &kernel, &initrd), 0);
	assert_int_equal(kernel, 2 * MIB);
	h->relocatable_kernel = 0;
	assert_int_equal(place(23 * MIB, 0, &kernel, &initrd), -EINVAL);
	assert_non_null(strstr(why, "0x1700000"));
	h->relocatable_kernel = 1;
	assert_int_equal(place(9 * MIB, 0, &kernel, &initrd), -EINVAL);
}

static const struct layout layouts[] = {
	{
		.generation = 1,
		.ram = { { 0, GIB - 1 } },
		.ram_count = 1,
	}, {
		.generation = 2, .efi = true,
		.ram = { { 0, GIB - 1 }, { 64 * GIB, 65 * GIB - 1 } },
		.ram_count = 2,
	}, {
		.generation = 2,	/* without firmware */
		.ram = { { 0, GIB - 1 } },
		.ram_count = 1,
	},
};

/* Sorted, disjoint, nothing empty; RAM to the end, but not where VGA is. */
static void e820(void **state)
{
	struct boot_e820_entry t[16];
	u64 ram, end;
	int i, j, n;
	bool efi;

	(void)state;
	for (i = 0; i < (int)ARRAY_SIZE(layouts); i++) {
		const struct layout *l = &layouts[i];

		n = boot_e820(l, t, ARRAY_SIZE(t));
		assert_true(n > 0);
		ram = 0;
		end = 0;
		efi = false;
		for (j = 0; j < n; j++) {
			assert_true(t[j].addr >= end);
			assert_true(t[j].size > 0);
			end = t[j].addr + t[j].size;
			assert_true(end <= 0xa0000 || t[j].addr >= 0xe0000);
			if (t[j].addr >= MIB)
				ram += t[j].size;
			if (t[j].addr == ACPI_GPA)
				assert_int_equal(t[j].type, 3);
			if (t[j].addr == EFI_GPA)
				assert_int_equal(t[j].type, 2);
			efi |= t[j].addr == EFI_GPA;
		}
		assert_int_equal(efi, l->efi);
		assert_int_equal(ram, l->ram_count * GIB - MIB);
		assert_int_equal(end, l->ram[l->ram_count - 1].end + 1);
		assert_int_equal(boot_e820(l, t, n), n);
		assert_int_equal(boot_e820(l, t, n - 1), -ENOSPC);
		assert_int_equal(boot_e820(l, t, 0), -ENOSPC);
	}
}

/* EFI calls RAM what e820 calls RAM, and the other way round. */
static void efi_map(void **state)
{
	const struct layout *l = &layouts[1];
	struct boot_e820_entry t[16];
	struct efi_desc map[16];
	u64 ram = 0, efi_ram = 0;
	int i, n, runtime = 0;

	(void)state;
	n = boot_e820(l, t, ARRAY_SIZE(t));
	for (i = 0; i < n; i++)
		ram += t[i].type == 1 ? t[i].size : 0;
	n = efi_make_map(l, map, ARRAY_SIZE(map));
	assert_true(n > 0);
	for (i = 0; i < n; i++) {
		if (map[i].type == EFI_CONVENTIONAL ||
		    map[i].type == EFI_LOADER_DATA)
			efi_ram += map[i].pages << 12;
		if (map[i].type == EFI_ACPI_RECLAIM)
			assert_int_equal(map[i].gpa, ACPI_GPA);
		runtime += !!(map[i].attribute & EFI_RUNTIME);
		assert_true(i == 0 || map[i].gpa >=
			    map[i - 1].gpa + (map[i - 1].pages << 12));
	}
	assert_int_equal(efi_ram, ram);
	assert_int_equal(runtime, 2);
	assert_int_equal(efi_make_map(l, map, n - 1), -ENOSPC);
}

static void screen(void **state)
{
	struct layout l = layouts[1];
	struct screen_info si;

	(void)state;
	l.fb_firmware = (struct range) { 0xf8000000, 0xf82fffff };
	gop_describe(&l, &si);
	assert_int_equal(si.orig_video_isVGA, VIDEO_TYPE_EFI);
	assert_int_equal(si.lfb_base, 0xf8000000);
	assert_int_equal(si.ext_lfb_base, 0);
	assert_int_equal(si.lfb_size, 3 * MIB);
	assert_int_equal(si.lfb_linelength * si.lfb_height, 3 * MIB);
	assert_int_equal(si.capabilities, 0);

	l.fb_firmware = (struct range) { 0x1f8000000, 0x1f82fffff };
	gop_describe(&l, &si);
	assert_int_equal(si.lfb_base, 0xf8000000);
	assert_int_equal(si.ext_lfb_base, 1);
	assert_int_equal(si.capabilities, VIDEO_CAPABILITY_64BIT_BASE);

	l.fb_firmware = (struct range) { 0, 0 };
	gop_describe(&l, &si);
	assert_int_equal(si.orig_video_isVGA, 0);
	assert_int_equal(si.lfb_base, 0);

	l.generation = 1;
	gop_describe(&l, &si);
	assert_int_equal(si.orig_video_isVGA, 1);
	assert_int_equal(si.lfb_base, 0);

	/* VESA's, in 64 KiB */
	l.fb_firmware = (struct range) { 0xf8000000, 0xf82fffff };
	gop_describe(&l, &si);
	assert_int_equal(si.orig_video_isVGA, VIDEO_TYPE_VLFB);
	assert_int_equal(si.lfb_base, 0xf8000000);
	assert_int_equal(si.lfb_size, 48);
	assert_int_equal(si.capabilities, 0);
	l.fb_firmware = (struct range) { 0xfe0000000, 0xfe02fffff };
	gop_describe(&l, &si);
	assert_int_equal(si.lfb_base, 0xe0000000);
	assert_int_equal(si.ext_lfb_base, 0xf);
	assert_int_equal(si.capabilities, VIDEO_CAPABILITY_64BIT_BASE);
}

#define RAM	(2 * MIB)

/* The tables' pointers, where they were and where the guest moves them. */
static void efi_virtual(void **state)
{
	const u64 map_gpa = 0x120000;
	struct efi_desc map[2] = {
		{ .gpa = EFI_DATA_GPA, .pages = 1, .virt = 0xffff000000005000 },
		{ .gpa = EFI_CODE_GPA, .pages = 1, .virt = 0xffff000000009000 },
	};
	struct boot_params bp = { 0 };
	struct vm vm = { .kvm.cpus = 1 };
	u64 *systab, *runtime, v;
	u8 *ram = calloc(1, RAM);

	(void)state;
	assert_non_null(ram);
	vm.layout = layouts[1];
	assert_int_equal(mem_add(&vm.mem, 0, RAM, ram), 0);
	assert_int_equal(efi_setup(&vm, &bp), 0);
	assert_memory_equal(&bp.efi_info.efi_loader_signature, "EL64", 4);
	systab = mem_at(&vm.mem, bp.efi_info.efi_systab, 120);
	assert_non_null(systab);
	assert_memory_equal(systab, "IBI SYST", 8);
	runtime = mem_at(&vm.mem, systab[11], 24 + 14 * 8);
	assert_non_null(runtime);
	assert_memory_equal(runtime, "RUNTSERV", 8);
	assert_int_equal(systab[13], 1);

#define OUT(reg, val) do { v = (val); efi_io(&vm, reg, true, &v, 4); } while (0)
	/* A size that lies, a map that is no RAM, one that leaves us out */
	OUT(EFI_PORT_MAP_SIZE, 0xffffffff);
	OUT(EFI_PORT_DESC_SIZE, 48);
	OUT(EFI_PORT_MAP_LOW, map_gpa);
	OUT(EFI_PORT_MAP_HIGH, 0);
	OUT(EFI_PORT_CALL, EFI_CALL_VIRTUAL);
	efi_io(&vm, EFI_PORT_CALL, false, &v, 4);
	assert_int_equal(v, 2 << 1 | 1);
	OUT(EFI_PORT_MAP_SIZE, sizeof(map));
	OUT(EFI_PORT_DESC_SIZE, 0);
	OUT(EFI_PORT_CALL, EFI_CALL_VIRTUAL);
	efi_io(&vm, EFI_PORT_CALL, false, &v, 4);
	assert_int_equal(v, 2 << 1 | 1);
	OUT(EFI_PORT_DESC_SIZE, 48);
	OUT(EFI_PORT_MAP_LOW, RAM - 48);
	OUT(EFI_PORT_CALL, EFI_CALL_VIRTUAL);
	efi_io(&vm, EFI_PORT_CALL, false, &v, 4);
	assert_int_equal(v, 2 << 1 | 1);
	OUT(EFI_PORT_MAP_LOW, map_gpa);
	OUT(EFI_PORT_MAP_SIZE, 48);
	assert_int_equal(mem_write(&vm.mem, map_gpa, map, sizeof(map)), 0);
	OUT(EFI_PORT_CALL, EFI_CALL_VIRTUAL);
	efi_io(&vm, EFI_PORT_CALL, false, &v, 4);
	assert_int_equal(v, 2 << 1 | 1);
	OUT(EFI_PORT_CALL, 77);
	efi_io(&vm, EFI_PORT_CALL, false, &v, 4);
	assert_int_equal(v, 2 << 1 | 1);
	assert_int_equal(runtime[3] & ~0xfffull, EFI_CODE_GPA);

	OUT(EFI_PORT_MAP_SIZE, sizeof(map));
	OUT(EFI_PORT_CALL, EFI_CALL_VIRTUAL);
	efi_io(&vm, EFI_PORT_CALL, false, &v, 4);
	assert_int_equal(v, 0);
	assert_int_equal(systab[11] & ~0xfffull, 0xffff000000005000);
	assert_int_equal(runtime[3] & ~0xfffull, 0xffff000000009000);
	assert_int_equal(runtime[16] & ~0xfffull, 0xffff000000009000);

	/* Once only */
	OUT(EFI_PORT_CALL, EFI_CALL_VIRTUAL);
	efi_io(&vm, EFI_PORT_CALL, false, &v, 4);
	assert_int_equal(v, 2 << 1 | 1);
	assert_int_equal(systab[11] & ~0xfffull, 0xffff000000005000);
#undef OUT
	free(vm.port.region);
	free(ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good, fresh),
		cmocka_unit_test_setup(padding, fresh),
		cmocka_unit_test_setup(short_header, fresh),
		cmocka_unit_test_setup(bad, fresh),
		cmocka_unit_test_setup(places, fresh),
		cmocka_unit_test(e820),
		cmocka_unit_test(efi_map),
		cmocka_unit_test(screen),
		cmocka_unit_test(efi_virtual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
