// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X. An interrupt sends the message that the guest put into the table. While
 * its vector or the function is masked, the interrupt pends. While MSI-X or bus
 * mastering is off, it is lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/msix.h"

#define MSIX_CAP	0x40		/* the only capability, if there is one */
#define MSIX_MAX	(PCI_MSIX_FLAGS_QSIZE + 1)

static u64 msix_table_size(const struct msix_place *at)
{
	return at->vectors * (u64)PCI_MSIX_ENTRY_SIZE;
}

static u64 msix_pba_size(const struct msix_place *at)
{
	return (at->vectors + 63) / 64 * 8;
}

static bool msix_fits(const struct pci_bar *bar, u32 offset, u64 len)
{
	return !(offset % 8) && offset <= bar->size && len <= bar->size - offset;
}

/**
 * msix_place_ok() - Can MSI-X be there?
 * @at:		Where
 * @bars:	The function's BARs
 *
 * Return: true if it can, or if there is none.
 */
bool msix_place_ok(const struct msix_place *at, const struct pci_bar bars[MAX_BARS])
{
	if (!at->vectors)
		return true;
	return at->vectors <= MSIX_MAX && at->bar < MAX_BARS &&
	       msix_fits(&bars[at->bar], at->table, msix_table_size(at)) &&
	       msix_fits(&bars[at->bar], at->pba, msix_pba_size(at));
}

/**
 * msix_init() - Make a function's MSI-X.
 * @m:		Filled in here
 * @at:		Where it is; msix_place_ok()
 * @cfg:	The function's config space
 * @send:	Sends a message
 * @opaque:	For @send
 *
 * msix_reset() is still to be called.
 *
 * Return: 0 or -ENOMEM.
 */
int msix_init(struct msix *m, const struct msix_place *at, struct pcicfg *cfg,
	      void (*send)(void *opaque, u64 address, u32 data), void *opaque)
{
	*m = (struct msix) {
		.at = *at, .cfg = cfg, .send = send, .opaque = opaque,
	};
	if (!at->vectors)
		return 0;
	m->table = calloc(at->vectors, PCI_MSIX_ENTRY_SIZE);
	m->pending = calloc(1, msix_pba_size(at));
	if (m->table && m->pending)
		return 0;
	msix_free(m);
	return -ENOMEM;
}

/**
 * msix_free() - Free what msix_init() allocated.
 * @m:		The MSI-X
 */
void msix_free(struct msix *m)
{
	free(m->table);
	free(m->pending);
	m->table = NULL;
	m->pending = NULL;
}

/**
 * msix_reset() - Put the capability into config space, nothing enabled.
 * @m:		The MSI-X, whose config space is fresh from pcicfg_init()
 */
void msix_reset(struct msix *m)
{
	const struct msix_place *at = &m->at;
	u32 i;

	if (!at->vectors)
		return;
	pcicfg_set(m->cfg, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	pcicfg_set(m->cfg, PCI_CAPABILITY_LIST, MSIX_CAP, 1);
	pcicfg_set(m->cfg, MSIX_CAP + PCI_CAP_LIST_ID, PCI_CAP_ID_MSIX, 1);
	pcicfg_set(m->cfg, MSIX_CAP + PCI_MSIX_FLAGS, at->vectors - 1, 2);
	pcicfg_set(m->cfg, MSIX_CAP + PCI_MSIX_TABLE, at->table | at->bar, 4);
	pcicfg_set(m->cfg, MSIX_CAP + PCI_MSIX_PBA, at->pba | at->bar, 4);
	pcicfg_allow(m->cfg, MSIX_CAP + PCI_MSIX_FLAGS,
		     PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	memset(m->table, 0, msix_table_size(at));
	for (i = 0; i < at->vectors; i++)
		m->table[i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
	memset(m->pending, 0, msix_pba_size(at));
}

static u16 msix_flags(const struct msix *m)
{
	return get_le16(m->cfg->value + MSIX_CAP + PCI_MSIX_FLAGS);
}

static bool msix_enabled(const struct msix *m)
{
	return m->at.vectors && pcicfg_command(m->cfg) & PCI_COMMAND_MASTER &&
	       msix_flags(m) & PCI_MSIX_FLAGS_ENABLE;
}

static u8 *msix_entry(const struct msix *m, u32 vector)
{
	return m->table + vector * PCI_MSIX_ENTRY_SIZE;
}

static bool msix_masked(const struct msix *m, u32 vector)
{
	return msix_flags(m) & PCI_MSIX_FLAGS_MASKALL ||
	       msix_entry(m, vector)[PCI_MSIX_ENTRY_VECTOR_CTRL] &
	       PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* Send the vector's message if it pends and may be sent. */
static void msix_unpend(struct msix *m, u32 vector)
{
	const u8 *entry = msix_entry(m, vector);
	u8 bit = (u8)(1 << vector % 8);

	if (!(m->pending[vector / 8] & bit) || !msix_enabled(m) ||
	    msix_masked(m, vector))
		return;
	m->pending[vector / 8] &= (u8)~bit;
	m->send(m->opaque, get_le64(entry + PCI_MSIX_ENTRY_LOWER_ADDR),
		get_le32(entry + PCI_MSIX_ENTRY_DATA));
}

/**
 * msix_update() - Config space changed: send what pends and may be sent now.
 * @m:		The MSI-X
 */
void msix_update(struct msix *m)
{
	u32 i;

	for (i = 0; i < m->at.vectors; i++)
		msix_unpend(m, i);
}

/**
 * msix_raise() - The function interrupts.
 * @m:		The MSI-X
 * @vector:	Index in the table; nothing is done if it is beyond
 */
void msix_raise(struct msix *m, u32 vector)
{
	if (vector >= m->at.vectors || !msix_enabled(m))
		return;
	m->pending[vector / 8] |= (u8)(1 << vector % 8);
	msix_unpend(m, vector);
}

/*
 * Copy the part of an access at @at that lies within the @len bytes of a table or
 * PBA; @at can be before it, below 0.
 */
static void msix_bytes(u8 *bytes, u64 len, u64 at, bool write, u64 *value,
		       unsigned int size)
{
	unsigned int i;

	for (i = 0; i < size; i++, at++) {
		if (at >= len)
			continue;
		if (write)
			bytes[at] = (u8)(*value >> 8 * i);
		else
			*value |= (u64)bytes[at] << 8 * i;
	}
}

static void msix_write(struct msix *m, u64 at, u64 value, unsigned int size)
{
	u64 len = msix_table_size(&m->at), i;
	u32 vector;
	u8 *control;

	msix_bytes(m->table, len, at, true, &value, size);
	for (i = at; i != at + size; i++) {
		if (i >= len || (i != at && i % PCI_MSIX_ENTRY_SIZE))
			continue;
		vector = (u32)(i / PCI_MSIX_ENTRY_SIZE);
		control = msix_entry(m, vector) + PCI_MSIX_ENTRY_VECTOR_CTRL;
		put_le32(control, *control & PCI_MSIX_ENTRY_CTRL_MASKBIT);
		msix_unpend(m, vector);
	}
}

/**
 * msix_access() - The guest accesses a BAR: is it MSI-X that answers?
 * @m:		The MSI-X
 * @bar:	Which BAR
 * @offset:	In the BAR
 * @write:	The guest writes
 * @value:	What it writes, or gets
 * @size:	1, 2, 4 or 8 bytes
 *
 * The PBA can only be read.
 *
 * Return: true if any byte of the access is in the table or the PBA.
 */
bool msix_access(struct msix *m, int bar, u64 offset, bool write, u64 *value,
		 unsigned int size)
{
	u64 table = offset - m->at.table, pba = offset - m->at.pba;
	u64 table_len = msix_table_size(&m->at);
	u64 pba_len = msix_pba_size(&m->at);
	bool in_table = table + size - 1 < table_len + size - 1;
	bool in_pba = pba + size - 1 < pba_len + size - 1;

	if (!m->at.vectors || bar != m->at.bar || (!in_table && !in_pba))
		return false;
	if (!write) {
		*value = 0;
		msix_bytes(m->table, table_len, table, false, value, size);
		msix_bytes(m->pending, pba_len, pba, false, value, size);
	} else if (in_table) {
		msix_write(m, table, *value, size);
	}
	return true;
}
