/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What does not depend on options in a Generation 2 VM. The _CRS of VMOD,
 * which holds the MMIO windows, is in an SSDT that acpi.c makes.
 */
DefinitionBlock ("", "DSDT", 2, "HVHOST", "GEN2", 0x00000001)
{
	Name (_S5, Package () { 5, 5, 0, 0 })

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
				/* Without one Linux looks for no windows above. */
				Name (_CRS, ResourceTemplate ()
				{
					IRQNoFlags () { 5 }
				})
			}
		}

		Device (UAR1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, One)
			Name (_DDN, "COM1")
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
			})
		}
	}
}
