/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What does not depend on options in an arm64 VM. The _CRS of VMOD, which holds the
 * MMIO windows, and the processors are in an SSDT that acpi.c makes.
 */
DefinitionBlock ("", "DSDT", 2, "HVHOST", "ARM64", 0x00000001)
{
	Scope (_SB)
	{
		Device (VMOD)
		{
			Name (_HID, "ACPI0004")
			Name (_UID, Zero)

			Device (VMBS)
			{
				Name (_HID, "MSFT1000")
				Name (_CID, "VMBus")
				Name (_UID, Zero)
				Name (_DDN, "VMBUS")
				Name (_STA, 0x0F)
				Name (_CCA, One)
				Name (_CRS, ResourceTemplate ()
				{
					Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 18 }
				})
			}
		}

		Device (UAR1)
		{
			Name (_HID, "ARMH0011")
			Name (_UID, Zero)
			Name (_DDN, "COM1")
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xEFFEC000, 0x1000)
				Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 33 }
			})
		}

		Device (UAR2)
		{
			Name (_HID, "ARMH0011")
			Name (_UID, One)
			Name (_DDN, "COM2")
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xEFFEB000, 0x1000)
				Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 34 }
			})
		}
	}
}
