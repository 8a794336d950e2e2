// SPDX-License-Identifier: GPL-2.0-only
/* A PCI function's config space and BARs, whatever bus it is on. */
#include <string.h>

#include "core/bytes.h"
#include "core/math.h"
#include "core/pcicfg.h"

/* What a 32-bit BAR can be */
#define MAX_BAR_32	(2 * GIB)

/**
 * pcicfg_init() - Set up the header of a function.
 * @cfg:	Filled in here
 * @vendor:	Its vendor ID
 * @device:	Its device ID
 * @class:	Its class code of 24 bits
 * @revision:	Its revision
 *
 * The guest can write what has no effect in any function; the rest of what it
 * can write is for pcicfg_allow().
 */
void pcicfg_init(struct pcicfg *cfg, u16 vendor, u16 device, u32 class,
		 u8 revision)
{
	memset(cfg, 0, sizeof(*cfg));
	pcicfg_set(cfg, PCI_VENDOR_ID, vendor, 2);
	pcicfg_set(cfg, PCI_DEVICE_ID, device, 2);
	pcicfg_set(cfg, PCI_CLASS_REVISION, class << 8 | revision, 4);
	pcicfg_allow(cfg, PCI_CACHE_LINE_SIZE, 0xff, 1);
	pcicfg_allow(cfg, PCI_LATENCY_TIMER, 0xff, 1);
	pcicfg_allow(cfg, PCI_INTERRUPT_LINE, 0xff, 1);
}

/**
 * pcicfg_set() - Set a register, whether or not the guest can write it.
 * @cfg:	The config space
 * @at:		First byte
 * @value:	What to set
 * @size:	Bytes, all of them within @cfg
 */
void pcicfg_set(struct pcicfg *cfg, u32 at, u64 value, unsigned int size)
{
	put_le(cfg->value + at, value, size);
}

/**
 * pcicfg_allow() - Set which bits of a register the guest can write.
 * @cfg:	The config space
 * @at:		First byte
 * @bits:	These bits and no others
 * @size:	Bytes, all of them within @cfg
 */
void pcicfg_allow(struct pcicfg *cfg, u32 at, u64 bits, unsigned int size)
{
	put_le(cfg->writable + at, bits, size);
}

/**
 * pcicfg_read() - The guest reads.
 * @cfg:	The config space
 * @at:		First byte
 * @size:	1, 2, 4 or 8 bytes
 *
 * Return: what is there. Bytes beyond the end are 0: extended config space
 * answers, and has no capability.
 */
u64 pcicfg_read(const struct pcicfg *cfg, u64 at, unsigned int size)
{
	if (at >= sizeof(cfg->value))
		return 0;
	return get_le(cfg->value + at,
		      (unsigned int)min64(size, sizeof(cfg->value) - at));
}

/**
 * pcicfg_write() - The guest writes.
 * @cfg:	The config space
 * @at:		First byte
 * @value:	What it writes
 * @size:	1, 2, 4 or 8 bytes
 *
 * Only bits that it can write change.
 */
void pcicfg_write(struct pcicfg *cfg, u64 at, u64 value, unsigned int size)
{
	u8 bits;

	for (; size && at < sizeof(cfg->value); size--, at++, value >>= 8) {
		bits = cfg->writable[at];
		cfg->value[at] &= (u8)~bits;
		cfg->value[at] |= (u8)value & bits;
	}
}

/**
 * pcicfg_command() - The command register.
 * @cfg:	The config space
 *
 * Return: its value.
 */
u16 pcicfg_command(const struct pcicfg *cfg)
{
	return get_le16(cfg->value + PCI_COMMAND);
}

/**
 * pcicfg_is_bar() - Does this byte of config space belong to a BAR?
 * @at:		The byte
 *
 * Return: true if it does.
 */
bool pcicfg_is_bar(u64 at)
{
	return at >= PCI_BASE_ADDRESS_0 &&
	       at < PCI_BASE_ADDRESS_0 + 4 * MAX_BARS;
}

/**
 * pci_bars_ok() - Can a function have these BARs?
 * @bars:	All of them
 *
 * Return: true if it can.
 */
bool pci_bars_ok(const struct pci_bar bars[MAX_BARS])
{
	int i;

	for (i = 0; i < MAX_BARS; i++) {
		u64 size = bars[i].size;

		if (!size)
			continue;
		if (size < 16 || !is_power_of_two(size) ||
		    (!bars[i].is_64 && size > MAX_BAR_32))
			return false;
		if (bars[i].is_64 && (i + 1 == MAX_BARS || bars[i + 1].size))
			return false;
	}
	return true;
}

static unsigned int pcicfg_bar_bytes(const struct pci_bar *bar)
{
	return bar->is_64 ? 8 : 4;
}

/**
 * pci_bar_mask() - The bits of a BAR that the guest can write.
 * @bar:	The BAR
 *
 * Return: all bits from the BAR's size on; 0 if there is no BAR.
 */
u64 pci_bar_mask(const struct pci_bar *bar)
{
	u64 mask = -bar->size;

	if (!bar->size)
		return 0;
	return bar->is_64 ? mask : (u32)mask;
}

static u32 pcicfg_bar_type(const struct pci_bar *bar)
{
	return (bar->is_64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
	       (bar->prefetch ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
}

/**
 * pci_bar_probed() - What a BAR reads as once all ones were written to it.
 * @bar:	The BAR
 *
 * Return: that; the upper half is the next BAR's.
 */
u64 pci_bar_probed(const struct pci_bar *bar)
{
	return bar->size ? pci_bar_mask(bar) | pcicfg_bar_type(bar) : 0;
}

/**
 * pcicfg_set_bar() - Put a BAR without an address into config space.
 * @cfg:	The config space
 * @index:	Which BAR
 * @bar:	The BAR; nothing is done if its size is 0
 */
void pcicfg_set_bar(struct pcicfg *cfg, int index, const struct pci_bar *bar)
{
	u32 at = PCI_BASE_ADDRESS_0 + 4 * index;

	if (!bar->size)
		return;
	pcicfg_set(cfg, at, pcicfg_bar_type(bar), 4);
	pcicfg_allow(cfg, at, pci_bar_mask(bar), pcicfg_bar_bytes(bar));
}

/**
 * pcicfg_bar_address() - The address in a BAR.
 * @cfg:	The config space
 * @index:	Which BAR
 * @bar:	The BAR
 *
 * Return: that, whether or not the function decodes it.
 */
u64 pcicfg_bar_address(const struct pcicfg *cfg, int index,
		       const struct pci_bar *bar)
{
	return get_le(cfg->value + PCI_BASE_ADDRESS_0 + 4 * index,
		      pcicfg_bar_bytes(bar)) & pci_bar_mask(bar);
}
