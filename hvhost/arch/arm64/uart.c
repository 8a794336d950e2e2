// SPDX-License-Identifier: GPL-2.0-only
/* The two PL011s, by which the guest reaches the console and the findings. */
#include "arch/arm64/gic.h"
#include "arch/arm64/map.h"
#include "arch/arm64/uart.h"
#include "core/fail.h"
#include "dev/pl011.h"

struct uart {
	const char *name;
	u64 gpa;
	u32 intid;
	struct vm *vm;
	struct pl011 pl011;
};

static struct uart uart1 = {
	.name = "UART 1", .gpa = UART1_GPA, .intid = INTID_UART1,
};

static struct uart uart2 = {
	.name = "UART 2", .gpa = UART2_GPA, .intid = INTID_UART2,
};

static void uart_set_irq(void *opaque, int level)
{
	const struct uart *uart = opaque;

	gic_set_spi(&uart->vm->kvm, uart->intid, level);
}

/* Have the guest find the port. Return: 0 or -errno, said. */
static int uart_add(struct vm *vm, struct uart *uart, struct serial *port)
{
	int err;

	uart->vm = vm;
	port->irq = uart_set_irq;
	port->irq_opaque = uart;
	pl011_init(&uart->pl011, port);
	err = vm_add_mmio(vm, uart->gpa, UART_SIZE, pl011_io, &uart->pl011);
	return err ? say_failed(err, "%s", uart->name) : 0;
}

/**
 * uart_init() - Make both; without findings, the second one sends nowhere.
 * @vm:		The VM, whose console is set up
 *
 * ACPI's tables and the devicetree have both, as on a real VM.
 *
 * Return: 0 or -errno, said on stderr.
 */
int uart_init(struct vm *vm)
{
	return uart_add(vm, &uart1, &vm->console.port) ?:
	       uart_add(vm, &uart2, &vm->console.findings);
}
