/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypervisor: CPUID leaves, MSRs, hypercalls, SynIC, as KVM lets us. */
#ifndef HVHOST_HYPERV_H
#define HVHOST_HYPERV_H

#include <linux/kvm.h>

#include "vm.h"

struct vmbus;

#define HV_STATUS_SUCCESS			0
#define HV_STATUS_INVALID_HYPERCALL_CODE	2
#define HV_STATUS_INVALID_HYPERCALL_INPUT	3
#define HV_STATUS_INVALID_ALIGNMENT		4
#define HV_STATUS_INVALID_PARAMETER		5
#define HV_STATUS_INSUFFICIENT_BUFFERS		19
#define HV_STATUS_INVALID_CONNECTION_ID		18
#define HV_STATUS_INVALID_PORT_ID		17

#endif
