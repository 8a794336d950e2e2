/* SPDX-License-Identifier: GPL-2.0-only */
/* The two PL011s, by which the guest reaches the console and the findings. */
#ifndef HVHOST_ARM64_UART_H
#define HVHOST_ARM64_UART_H

#include "arch/machine.h"

int uart_init(struct vm *vm);

#endif
