// SPDX-License-Identifier: GPL-2.0-only
/* COM1 and COM2, by which the guest reaches the console and the findings. */
#include "arch/x86/com.h"
#include "core/fail.h"

struct com {
	const char *name;
	u16 base;
	u32 gsi;
	struct vm *vm;
};

static struct com com1 = { .name = "COM1", .base = 0x3f8, .gsi = 4 };
static struct com com2 = { .name = "COM2", .base = 0x2f8, .gsi = 3 };

static void com_set_irq(void *opaque, int level)
{
	const struct com *com = opaque;

	kvm_irq_line(&com->vm->kvm, com->gsi, level);
}

/* Have the guest find the port. Return: 0 or -errno, said. */
static int com_add(struct vm *vm, struct com *com, struct serial *port)
{
	int err;

	com->vm = vm;
	port->irq = com_set_irq;
	port->irq_opaque = com;
	err = vm_add_ports(vm, com->base, 8, serial_io, port);
	return err ? say_failed(err, "%s", com->name) : 0;
}

/**
 * com_init() - Make COM1, and COM2 if there is a file for findings.
 * @vm:		The VM, whose console is set up
 *
 * Return: 0 or -errno, said on stderr.
 */
int com_init(struct vm *vm)
{
	int err = com_add(vm, &com1, &vm->console.port);

	if (!err && console_has_findings(&vm->console))
		err = com_add(vm, &com2, &vm->console.findings);
	return err;
}
