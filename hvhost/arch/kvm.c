// SPDX-License-Identifier: GPL-2.0-only
/* KVM: its descriptors, memory slots and interrupt lines. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "arch/kvm.h"

/**
 * kvm_open() - Open /dev/kvm and make a VM.
 * @kvm:	->cpus is set, all else is zero
 *
 * Return: 0, or -errno after having said what failed.
 */
int kvm_open(struct kvm *kvm)
{
	int version;

	kvm->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->fd < 0)
		return kvm_fail("cannot open /dev/kvm");
	version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		return kvm_fail("/dev/kvm does not tell its API version");
	if (version != KVM_API_VERSION) {
		fprintf(stderr, "hvhost: /dev/kvm has API version %d, not %d\n",
			version, KVM_API_VERSION);
		return -EINVAL;
	}
	kvm->vm_fd = ioctl(kvm->fd, KVM_CREATE_VM, 0ul);
	if (kvm->vm_fd < 0)
		return kvm_fail("KVM makes no VM");
	return 0;
}

/* Bytes of a vCPU's state, or -errno after having said what failed */
static int kvm_run_size(const struct kvm *kvm)
{
	int size = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < 0)
		return kvm_fail("KVM does not tell the size of a vCPU's state");
	if (size < (int)sizeof(struct kvm_run)) {
		fprintf(stderr, "hvhost: KVM's state of a vCPU has %d bytes, less than %zu\n",
			size, sizeof(struct kvm_run));
		return -EINVAL;
	}
	return size;
}

/**
 * kvm_add_cpu() - Make a vCPU.
 * @kvm:	The VM
 * @index:	Which one
 * @run:	Set to its state
 *
 * Return: 0, or -errno after having said what failed.
 */
int kvm_add_cpu(struct kvm *kvm, u32 index, struct kvm_run **run)
{
	int size = kvm_run_size(kvm);
	char text[48];
	int fd;

	if (size < 0)
		return size;
	fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (fd < 0) {
		snprintf(text, sizeof(text), "KVM makes no vCPU %u", index);
		return kvm_fail(text);
	}
	kvm->cpu_fd[index] = fd;
	*run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*run == MAP_FAILED) {
		snprintf(text, sizeof(text), "cannot map the state of vCPU %u",
			 index);
		return kvm_fail(text);
	}
	return 0;
}

static int kvm_set_slot(const struct kvm *kvm, u32 slot, u64 gpa, u64 size,
			u8 *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (u64)(unsigned long)host,
	};

	return ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ?
	       -errno : 0;
}

/**
 * kvm_set_slots() - Have the guest see our memory.
 * @kvm:	The VM
 * @pair:	Which two slots: the second is where an isolated VM sees it
 *		once more
 * @gpa:	Where
 * @size:	Bytes; 0: no longer
 * @host:	Our memory
 *
 * Return: 0 or -errno.
 */
int kvm_set_slots(const struct kvm *kvm, u32 pair, u64 gpa, u64 size, u8 *host)
{
	u64 shared = kvm->shared_bit;
	int err = kvm_set_slot(kvm, 2 * pair, gpa, size, host);

	if (err || !shared)
		return err;
	err = kvm_set_slot(kvm, 2 * pair + 1, gpa | shared, size, host);
	if (err && size)
		kvm_set_slot(kvm, 2 * pair, 0, 0, NULL);
	return err;
}

/**
 * kvm_irq_line() - Set the level of an interrupt line.
 * @kvm:	The VM
 * @gsi:	Pin of the interrupt controller, or what a route leads to
 * @level:	0 or 1
 *
 * Return: 0 or -errno, said: the guest misses an interrupt.
 */
int kvm_irq_line(const struct kvm *kvm, u32 gsi, int level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	if (ioctl(kvm->vm_fd, KVM_IRQ_LINE, &irq) < 0)
		return say_host_failed(-errno, "KVM does not set interrupt line %u", gsi);
	return 0;
}
