// SPDX-License-Identifier: GPL-2.0-only
/*
 * The function on a virtual PCI bus, as the guest reaches it by MMIO: the config
 * window and BARs that decode, and what a device may do in return.
 */
#include <errno.h>

#include "core/hostile.h"
#include "core/trace.h"
#include "hv/vpci_bus.h"

static bool vpci_bus_master(const struct vpci_bus *bus)
{
	return bus->live && pcicfg_command(&bus->cfg) & PCI_COMMAND_MASTER;
}

/**
 * vpci_interrupt() - A device interrupts, by MSI-X.
 * @dev:	The device
 * @vector:	Index in its MSI-X table
 *
 * While the vector, or the function, is masked, it pends. It is lost while
 * the function is not powered, no bus master, or has MSI-X off.
 */
void vpci_interrupt(struct vpci_device *dev, u32 vector)
{
	struct vpci_bus *bus = dev->bus;

	if (bus && vpci_bus_master(bus))
		msix_raise(&bus->msix, vector);
}

/**
 * vpci_dma() - Guest RAM for a device.
 * @dev:	The device
 * @gpa:	First byte, as the guest told the device
 * @len:	Bytes
 *
 * Return: as mem_at(); NULL too while the function is no bus master.
 */
void *vpci_dma(struct vpci_device *dev, u64 gpa, u64 len)
{
	struct vpci_bus *bus = dev->bus;

	if (!bus || !vpci_bus_master(bus))
		return NULL;
	return mem_at(bus->vpci->mem, gpa & ~bus->vpci->config.shared_bit, len);
}

/**
 * vpci_bar_gpa() - Where a BAR is, decoding or not.
 * @dev:	The device
 * @bar:	Which one
 *
 * Return: the address in it; 0 if the device is on no bus.
 */
u64 vpci_bar_gpa(const struct vpci_device *dev, int bar)
{
	if (!dev->bus)
		return 0;
	return pcicfg_bar_address(&dev->bus->cfg, bar, &dev->bar[bar]);
}

static void vpci_bar_io(void *io, u64 offset, bool write, u64 *value,
			unsigned int size)
{
	struct vpci_bar *bar = io;
	struct vpci_bus *bus = bar->bus;
	int index = bar->claim.bar;

	if (msix_access(&bus->msix, index, offset, write, value, size))
		return;
	bus->dev->access(bus->dev, index, offset, write, value, size);
}

static void vpci_trace_bar(const struct vpci_bar *bar)
{
	trace_begin("bar");
	trace_str("device", bar->claim.owner);
	trace_num("bar", bar->claim.bar);
	trace_range("range", &bar->claim.range);
	trace_bool("decodes", bar->decodes);
	trace_end();
}

/* Memory decoding comes on: have what has an address answer there. */
static void vpci_decode(struct vpci_bar *bar)
{
	struct vpci_bus *bus = bar->bus;
	struct vpci *vpci = bus->vpci;
	int index = bar->claim.bar;
	u64 size = bus->dev->bar[index].size;
	u64 gpa = vpci_bar_gpa(bus->dev, index);
	enum mmio_verdict verdict;
	bool ignore;

	/* Nowhere yet, or it is just being sized */
	if (!size || !gpa || gpa == pci_bar_mask(&bus->dev->bar[index]))
		return;
	bar->claim.range = range_of(gpa, size);
	ignore = vpci->config.ignore_bar_conflicts &&
		 !mmio_on_device(vpci->map, &bar->claim);
	verdict = mmio_judge(vpci->map, &bar->claim, !ignore);
	if (verdict == MMIO_FREE || verdict == MMIO_COVERED || ignore) {
		if (vpci->ops->map(vpci->opaque, gpa, size, vpci_bar_io, bar)) {
			vpci_bad(bus, "BAR that cannot be mapped", gpa);
		} else {
			bar->decodes = true;
			mmio_add(vpci->map, &bar->claim);
		}
	}
	vpci_trace_bar(bar);
}

static void vpci_undecode(struct vpci_bar *bar)
{
	struct vpci *vpci = bar->bus->vpci;

	if (!bar->decodes)
		return;
	vpci->ops->unmap(vpci->opaque, bar->claim.range.start);
	mmio_remove(vpci->map, &bar->claim);
	bar->decodes = false;
	vpci_trace_bar(bar);
}

/* BARs decode as the command register says now; it was @old. */
static void vpci_command_changed(struct vpci_bus *bus, u16 old)
{
	int i;

	if (!((old ^ pcicfg_command(&bus->cfg)) & PCI_COMMAND_MEMORY))
		return;
	for (i = 0; i < MAX_BARS; i++) {
		if (old & PCI_COMMAND_MEMORY)
			vpci_undecode(&bus->bar[i]);
		else
			vpci_decode(&bus->bar[i]);
	}
}

/**
 * vpci_decode_memory() - Turn memory decoding on or off, as the guest can.
 * @bus:	The bus, in D0
 * @on:		Which
 */
void vpci_decode_memory(struct vpci_bus *bus, bool on)
{
	u16 old = pcicfg_command(&bus->cfg);

	pcicfg_set(&bus->cfg, PCI_COMMAND, on ? old | PCI_COMMAND_MEMORY :
		   old & ~PCI_COMMAND_MEMORY, 2);
	vpci_command_changed(bus, old);
}

/*
 * A refused BAR is judged again when the guest turns memory decoding on the
 * next time, not before.
 *
 * With memory decoding on, what is written to any BAR is dropped, as by real
 * hosts. Their device then reads as all ones, says pci-hyperv, which does not
 * say where. Ours goes on answering at its old place, and that is what its BAR
 * reads as; nobody, which is all ones, answers at the one it did not move to.
 */
static void vpci_config_write(struct vpci_bus *bus, u64 at, u64 value,
			      unsigned int size)
{
	u16 old = pcicfg_command(&bus->cfg);

	for (; size; size--, at++, value >>= 8)
		if (!(old & PCI_COMMAND_MEMORY) || !pcicfg_is_bar(at))
			pcicfg_write(&bus->cfg, at, value, 1);
	vpci_command_changed(bus, old);
	msix_update(&bus->msix);
}

static u64 vpci_config_read(const struct vpci_bus *bus, u64 at,
			    unsigned int size)
{
	bool zero_bars = bus->vpci->config.zero_bars &&
			 pcicfg_command(&bus->cfg) & PCI_COMMAND_MEMORY;
	u64 value = pcicfg_read(&bus->cfg, at, size);
	unsigned int i;

	for (i = 0; i < size && zero_bars; i++)
		if (pcicfg_is_bar(at + i))
			value &= ~(0xffull << 8 * i);
	return value;
}

static void vpci_window_io(void *io, u64 offset, bool write, u64 *value,
			   unsigned int size)
{
	struct vpci_bus *bus = io;
	bool ours = !bus->slot;

	if (offset < VPCI_CONFIG_PAGE) {
		if (offset)
			*value = 0;
		else if (write)
			bus->slot = (u32)*value;
		else
			*value = bus->slot;
	} else if (!write) {
		*value = ours ? vpci_config_read(bus, offset - VPCI_CONFIG_PAGE,
						 size) : ~0ull;
	} else if (ours) {
		vpci_config_write(bus, offset - VPCI_CONFIG_PAGE, *value, size);
	}
	if (!write)
		*value = hostile_bits(HOSTILE_CONFIG_READ, *value, size * 8);
}

static void vpci_reset_config(struct vpci_bus *bus)
{
	const struct vpci_device *dev = bus->dev;
	struct pcicfg *cfg = &bus->cfg;
	int i;

	pcicfg_init(cfg, dev->vendor, dev->device, dev->class, dev->revision);
	pcicfg_set(cfg, PCI_SUBSYSTEM_VENDOR_ID, dev->subsystem_vendor, 2);
	pcicfg_set(cfg, PCI_SUBSYSTEM_ID, dev->subsystem, 2);
	pcicfg_allow(cfg, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		     PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
		     PCI_COMMAND_INTX_DISABLE, 2);
	for (i = 0; i < MAX_BARS; i++)
		pcicfg_set_bar(cfg, i, &dev->bar[i]);
}

/**
 * vpci_reset() - Put a function back to how it powers on.
 * @bus:	Its bus
 *
 * It has no BARs, DMA or interrupts any more.
 */
void vpci_reset(struct vpci_bus *bus)
{
	struct vpci_device *dev = bus->dev;
	int i;

	for (i = 0; i < MAX_BARS; i++)
		vpci_undecode(&bus->bar[i]);
	vpci_reset_config(bus);
	msix_reset(&bus->msix);
	vpci_irq_reset(bus);
	if (dev->reset)
		dev->reset(dev);
}

/**
 * vpci_power_on() - Have a bus's config window answer.
 * @bus:	The bus, not in D0; ->window has its range
 *
 * Return: 0, or -errno: it cannot be mapped.
 */
int vpci_power_on(struct vpci_bus *bus)
{
	struct vpci *vpci = bus->vpci;
	int err = vpci->ops->map(vpci->opaque, bus->window.range.start,
				 VPCI_CONFIG_WINDOW, vpci_window_io, bus);

	if (err)
		return err;
	mmio_add(vpci->map, &bus->window);
	bus->slot = 0;
	bus->live = true;
	return 0;
}

/**
 * vpci_power_off() - Reset the function; its config window stops to answer.
 * @bus:	The bus; nothing is done if it is not in D0
 *
 * Who has the device does not change.
 */
void vpci_power_off(struct vpci_bus *bus)
{
	struct vpci *vpci = bus->vpci;

	if (!bus->live)
		return;
	vpci_reset(bus);
	vpci->ops->unmap(vpci->opaque, bus->window.range.start);
	mmio_remove(vpci->map, &bus->window);
	bus->live = false;
}

static struct msix_place vpci_msix_place(const struct vpci_device *dev)
{
	return (struct msix_place) {
		.vectors = dev->vectors, .bar = dev->msix_bar,
		.table = dev->msix_table, .pba = dev->msix_pba,
	};
}

/**
 * vpci_func_ok() - Can there be a function like this?
 * @dev:	The device
 *
 * Return: true if its BARs and MSI-X are possible.
 */
bool vpci_func_ok(const struct vpci_device *dev)
{
	const struct msix_place at = vpci_msix_place(dev);

	return pci_bars_ok(dev->bar) && msix_place_ok(&at, dev->bar);
}

/**
 * vpci_func_init() - Make the function of a new bus.
 * @bus:	The bus, with its device, which is vpci_func_ok(), and number
 *
 * Return: 0 or -ENOMEM.
 */
int vpci_func_init(struct vpci_bus *bus)
{
	struct vpci_device *dev = bus->dev;
	const struct msix_place at = vpci_msix_place(dev);
	int i, err;

	bus->window = (struct mmio_claim) {
		.kind = MMIO_CONFIG, .owner = dev->name, .bar = -1,
	};
	for (i = 0; i < MAX_BARS; i++)
		bus->bar[i] = (struct vpci_bar) {
			.bus = bus,
			.claim = {
				.kind = MMIO_BAR, .owner = dev->name, .bar = i,
			},
		};
	err = msix_init(&bus->msix, &at, &bus->cfg, vpci_irq_send, bus);
	if (!err)
		err = vpci_irq_init(bus);
	if (err)
		vpci_func_free(bus);
	return err;
}

/**
 * vpci_func_free() - Free what vpci_func_init() allocated.
 * @bus:	The bus
 */
void vpci_func_free(struct vpci_bus *bus)
{
	msix_free(&bus->msix);
	vpci_irq_free(bus);
}
