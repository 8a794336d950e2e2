/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What does not depend on options in a Generation 1 VM. The _CRS of PCI0,
 * which holds the MMIO windows, is in an SSDT that acpi.c makes. VMBS hangs
 * below the ISA bridge, as on Hyper-V: its windows are two levels up.
 */
DefinitionBlock ("", "DSDT", 2, "HVHOST", "GEN1", 0x00000001)
{
	Name (_S5, Package () { 5, 5, 0, 0 })

	Scope (_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, Zero)

			Device (SBRG)
			{
				Name (_ADR, 0x00070000)

				Device (VMBS)
				{
					Name (_HID, "VMBus")
					Name (_UID, Zero)
					Name (_DDN, "VMBUS")
					Name (_STA, 0x0F)
					/* Without one Linux looks for no windows above. */
					Name (_CRS, ResourceTemplate ()
					{
						IRQNoFlags () { 5 }
					})
				}

				Device (UAR1)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, One)
					Name (_DDN, "COM1")
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x03F8, 0x03F8,
						    1, 8)
						IRQNoFlags () { 4 }
					})
				}

				Device (RTC0)
				{
					Name (_HID, EisaId ("PNP0B00"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0070, 0x0070,
						    1, 2)
					})
				}
			}
		}
	}
}
