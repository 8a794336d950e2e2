/* SPDX-License-Identifier: GPL-2.0-only */
/* Where things are in an arm64 VM: addresses and interrupt numbers. */
#ifndef HVHOST_ARM64_MAP_H
#define HVHOST_ARM64_MAP_H

#include "core/layout.h"

/*
 * In the first MiB, in blocks of 64 KiB for kernels with such pages: EFI's tables,
 * ACPI's, then the memory map; then the devicetree, and from 2 MiB on the kernel.
 */
#define EFI_GPA			0x000d0000u
#define ACPI_GPA		0x000e0000u
#define EFI_MAP_GPA		0x000f0000u
#define BLOCK_SIZE		0x00010000u
#define DTB_GPA			0x00100000u
#define DTB_SIZE		0x00100000u
#define KERNEL_GPA		0x00200000u

/* ACPI's last page is what EFI tells of the screen: kernels zero it, and ACPI stays */
#define DISPLAY_SIZE		0x1000u
#define DISPLAY_GPA		(ACPI_GPA + BLOCK_SIZE - DISPLAY_SIZE)
#define ACPI_SIZE		(BLOCK_SIZE - DISPLAY_SIZE)

/*
 * The UARTs are where a real VM has them (LKML 2021-12: effec000 is ttyAMA0), and the
 * distributor as well (mu_msvm 9feb53e). The redistributors begin at effee000 there;
 * KVM wants 64 KiB alignment.
 */
#define UART1_GPA		LAYOUT_ARM64_UART1
#define UART2_GPA		LAYOUT_ARM64_UART2
#define UART_SIZE		0x1000u
#define GICR_GPA		LAYOUT_ARM64_GICR
#define GICR_SIZE		LAYOUT_ARM64_GICR_SIZE
#define GICD_GPA		LAYOUT_ARM64_GICD
#define GICD_SIZE		0x10000u

/* INTIDs. PPIs are 16 to 31, SPIs from 32 on; pci-hyperv takes those from 64 on. */
#define INTID_VMBUS		18
#define INTID_VTIMER		20	/* as OpenVMM has it */
#define INTID_PTIMER		30
/* KVM has neither of them, but Linux asks for them all */
#define INTID_SECURE_TIMER	29
#define INTID_HYP_TIMER		26
#define INTID_UART1		33
#define INTID_UART2		34
#define INTID_PCI_FIRST		64
#define INTID_LAST		(INTIDS - 1)
#define INTIDS			992	/* as many as KVM can have */

#define PPI_FIRST		16
#define SPI_FIRST		32

#endif
