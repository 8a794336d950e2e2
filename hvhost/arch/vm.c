// SPDX-License-Identifier: GPL-2.0-only
/* The virtual machine's life: vCPU threads and their exits. */
#include <signal.h>
#include <sys/ioctl.h>

#include "arch/arch.h"
#include "arch/vm.h"
#include "core/trace.h"

/* What makes a vCPU thread leave KVM_RUN. */
#define SIG_KICK	SIGUSR1

struct cpu {
	struct vm *vm;
	u32 index;
	struct kvm_run *run;
	pthread_t thread;
};

static struct cpu cpus[MAX_CPUS];

/* The run has ended: as vm_kick_out(), but for all, wherever they are. */
static void vm_kick(void *opaque)
{
	const struct vm *vm = opaque;
	int i;

	for (i = 0; i < vm->kvm.cpus; i++) {
		if (!cpus[i].thread)
			continue;
		cpus[i].run->immediate_exit = 1;
		pthread_kill(cpus[i].thread, SIG_KICK);
	}
}

/* Of the gate: have vCPUs leave KVM_RUN, also one that is about to enter it. */
static void vm_kick_out(void *opaque, u32 vcpus)
{
	const struct vm *vm = opaque;
	int i;

	for (i = 0; i < vm->kvm.cpus; i++) {
		if (!(vcpus & BIT(i)))
			continue;
		cpus[i].run->immediate_exit = 1;
		pthread_kill(cpus[i].thread, SIG_KICK);
	}
}

/**
 * vm_use_gate() - Make it possible to act with all vCPUs out of KVM_RUN.
 * @vm:		The VM, not started
 * @act:	What vm->gate calls after gate_want(); gets the VM
 */
void vm_use_gate(struct vm *vm, void (*act)(void *vm))
{
	gate_init(&vm->gate, vm_kick_out, act, vm);
}

static int vm_init_cpu(struct vm *vm, u32 index)
{
	struct cpu *cpu = &cpus[index];
	int err;

	cpu->vm = vm;
	cpu->index = index;
	err = kvm_add_cpu(&vm->kvm, index, &cpu->run);
	return err ?: arch_init_cpu(vm, index);
}

/**
 * vm_init() - Make the VM: RAM, interrupt controllers, vCPUs.
 * @vm:		The VM; ->config, ->layout and ->kvm.cpus are filled in, all else
 *		is zero
 *
 * Return: 0, or -errno after having said what failed.
 */
int vm_init(struct vm *vm)
{
	int i, err;

	vm->run.kick = vm_kick;
	vm->run.opaque = vm;
	err = run_init(&vm->run);
	if (!err)
		err = kvm_open(&vm->kvm);
	if (!err)
		err = arch_init(vm);
	if (!err)
		err = vm_add_ram(vm);
	if (!err)
		err = vm_add_fb(vm);
	for (i = 0; i < vm->kvm.cpus && !err; i++)
		err = vm_init_cpu(vm, i);
	return err ?: arch_init_irqs(vm);
}

static void vm_kicked(int sig)
{
	(void)sig;
}

/* An exit that ends the run because KVM or we are at a loss. */
static void vm_lost(struct vm *vm, u32 index, const struct kvm_run *run)
{
	char why[120], where[40], detail[40] = "";

	arch_where(vm, index, where, sizeof(where));
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		snprintf(detail, sizeof(detail), "detail %x, ",
			 run->internal.suberror);
	else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		snprintf(detail, sizeof(detail), "detail %llx, ",
			 (u64)run->fail_entry.hardware_entry_failure_reason);
	snprintf(why, sizeof(why), "vCPU %u: KVM exit %u, %s%s", index,
		 run->exit_reason, detail, where);
	run_end(&vm->run, RUN_HOST_ERROR, why);
}

/* Reads of what nobody handles are all ones. */
static void vm_mmio_exit(struct vm *vm, struct kvm_run *run)
{
	u64 gpa = run->mmio.phys_addr & ~vm->kvm.shared_bit;
	bool write = run->mmio.is_write;
	u8 *data = run->mmio.data;
	u32 len = run->mmio.len;

	pthread_mutex_lock(&vm->run.lock);
	if (!vm_mmio(vm, gpa, write, data, len) && !write)
		memset(data, 0xff, len);
	run_unlock(&vm->run);
}

static void vm_event_exit(struct vm *vm, const struct kvm_run *run)
{
	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		run_guest_ends(&vm->run, RUN_POWEROFF, "system event",
			       "the guest asked KVM to power off");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		run_guest_ends(&vm->run, RUN_RESET, arch_reset_cause,
			       "the guest asked KVM to reset");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		/* It tells that it panics; a kdump kernel may follow. */
		trace_begin("crash");
		trace_end();
		break;
	default:
		trace_bad("kvm", "system event", run->system_event.type);
	}
}

static void vm_handle_exit(struct vm *vm, u32 index, struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		vm_mmio_exit(vm, run);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_HLT:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		run_end(&vm->run, RUN_TRIPLE_FAULT, "triple fault");
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		vm_event_exit(vm, run);
		break;
	default:
		if (!arch_exit(vm, index, run))
			vm_lost(vm, index, run);
	}
}

/* Run a vCPU until it exits. Return: 0 or -errno. */
static int vm_run_cpu(struct cpu *cpu)
{
	struct vm *vm = cpu->vm;
	int err = 0;

	if (vm->gate.act)
		gate_enter(&vm->gate, cpu->index);
	if (ioctl(vm->kvm.cpu_fd[cpu->index], KVM_RUN, 0ul) < 0)
		err = -errno;
	if (vm->gate.act) {
		gate_leave(&vm->gate, cpu->index);
		/* Set between the two, or at the end of the run, which the caller sees */
		cpu->run->immediate_exit = 0;
	}
	return err;
}

static void *vm_cpu_main(void *arg)
{
	struct cpu *cpu = arg;
	struct vm *vm = cpu->vm;
	int err;

	cpu->thread = pthread_self();
	while (!run_over(&vm->run)) {
		err = vm_run_cpu(cpu);
		if (err) {
			/* EAGAIN: an AP that waits for its SIPI was kicked. */
			if (err == -EINTR || err == -EAGAIN)
				continue;
			run_fail(&vm->run, err, "vCPU %u: KVM_RUN", cpu->index);
			break;
		}
		vm_handle_exit(vm, cpu->index, cpu->run);
	}
	return NULL;
}

/**
 * vm_start() - Let the vCPUs run, each in a thread of its own.
 * @vm:		The VM, vCPU 0's registers set
 *
 * Return: 0, or -errno after having said what failed.
 */
int vm_start(struct vm *vm)
{
	struct sigaction act = { .sa_handler = vm_kicked };
	int i, err;

	sigaction(SIG_KICK, &act, NULL);
	for (i = 0; i < vm->kvm.cpus; i++) {
		err = pthread_create(&cpus[i].thread, NULL, vm_cpu_main,
				     &cpus[i]);
		if (err) {
			errno = err;
			return kvm_fail("no thread for a vCPU");
		}
	}
	return 0;
}
