/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's vmbus-bridge makes \_SB.VMBS without MMIO windows; a Hyper-V host
 * gives them in the _CRS of an ancestor. \_SB is the only ancestor that
 * VMBS has, so the windows of a default Generation 2 VM go there. Such a VM
 * has no PCI root bus either: QEMU's would claim the low window as its own.
 */
DefinitionBlock ("", "SSDT", 2, "NEST", "GEN2WIN", 0x00000001)
{
	External (\_SB.PCI0, DeviceObj)

	Scope (\_SB)
	{
		Name (_CRS, ResourceTemplate ()
		{
			DWordMemory (ResourceProducer, PosDecode, MinFixed,
				MaxFixed, NonCacheable, ReadWrite,
				0x00000000, 0xF8000000, 0xFFFFFFFF,
				0x00000000, 0x08000000)
			QWordMemory (ResourceProducer, PosDecode, MinFixed,
				MaxFixed, NonCacheable, ReadWrite,
				0x0000000000000000, 0x0000000FE0000000,
				0x0000000FFFFFFFFF, 0x0000000000000000,
				0x0000000020000000)
		})
	}

	Scope (\_SB.PCI0)
	{
		Name (_STA, Zero)
	}
}
