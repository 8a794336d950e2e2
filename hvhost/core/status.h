/* SPDX-License-Identifier: GPL-2.0-only */
/* NTSTATUS, as answers of VMBus and virtual PCI carry it. Negative ones are failures. */
#ifndef HVHOST_STATUS_H
#define HVHOST_STATUS_H

#define STATUS_OK			0
#define STATUS_INVALID			0xc000000du
#define STATUS_NO_SUCH_DEVICE		0xc000000eu
#define STATUS_CONFLICTING_ADDRESSES	0xc0000018u
#define STATUS_REVISION_MISMATCH	0xc0000059u
#define STATUS_NO_RESOURCES		0xc000009au
#define STATUS_NOT_SUPPORTED		0xc00000bbu
#define STATUS_INVALID_DEVICE_STATE	0xc0000184u
/* A message that cannot be, as OpenVMM answers it */
#define STATUS_BAD_DATA			0xc000090bu
/* Seen on real hosts (linux-hyperv list, 2026-01-21); has no public name */
#define STATUS_ON_FRAMEBUFFER		0xc0370048u

#endif
