// SPDX-License-Identifier: GPL-2.0-only
/* The VM's memory, and who answers where in its address space. */
#include <sys/mman.h>

#include "arch/arch.h"
#include "arch/machine.h"
#include "core/range.h"
#include "core/trace.h"

/* KVM's pairs of slots: RAM, then the framebuffer */
#define VRAM_PAIR	MEM_MAX_REGIONS

/* No processor addresses more */
#define GPA_LIMIT	(1ull << 52)

#define HUGE_PAGE	(2 * MIB)

/**
 * vm_add_ports() - Handle I/O ports.
 * @vm:		The VM
 * @first:	First port
 * @count:	How many
 * @fn:		Called with the lock held, offsets count from @first
 * @opaque:	For @fn
 *
 * Return: 0, -EBUSY if a port is taken, -ENOSPC, -EINVAL, -ENOMEM.
 */
int vm_add_ports(struct vm *vm, u16 first, u16 count, vm_io_fn fn, void *opaque)
{
	return io_add(&vm->port,
		      &(struct io_region) { first, count, fn, opaque });
}

/* The framebuffer makes room for MMIO. */
static void cut_fb(struct vm *vm)
{
	int err = vram_cut(&vm->vram);

	if (err)
		trace_bad("framebuffer", "KVM does not map it, error", -err);
}

/**
 * vm_add_mmio() - Handle guest physical addresses that are no RAM.
 * @vm:		The VM
 * @gpa:	First address
 * @size:	Bytes
 * @fn:		Called with the lock held, offsets count from @gpa
 * @opaque:	For @fn
 *
 * Where it overlaps the framebuffer, it comes first, unless the framebuffer
 * covers it (--overlap). A handler may call this.
 *
 * Return: 0, -EBUSY if it overlaps another, -ENOSPC, -EINVAL, -ENOMEM.
 */
int vm_add_mmio(struct vm *vm, u64 gpa, u64 size, vm_io_fn fn, void *opaque)
{
	int err = io_add(&vm->mmio,
			 &(struct io_region) { gpa, size, fn, opaque });

	if (!err)
		cut_fb(vm);
	else if (err == -ENOMEM)
		say_host_failed(err, "MMIO at 0x%llx", gpa);
	return err;
}

/**
 * vm_del_mmio() - Handle them no more.
 * @vm:		The VM
 * @gpa:	First address, as it was added
 *
 * A handler may call this, for itself too.
 */
void vm_del_mmio(struct vm *vm, u64 gpa)
{
	if (!io_del(&vm->mmio, gpa))
		cut_fb(vm);
}

/**
 * vm_move_fb() - Have the framebuffer's memory elsewhere.
 * @opaque:	The VM
 * @fb:		Where; all pages that it touches. Nowhere, if it ends before it
 *		starts
 *
 * Return: as vram_move().
 */
int vm_move_fb(void *opaque, const struct range *fb)
{
	struct vm *vm = opaque;
	struct range pages = range_pages(fb, HV_PAGE_SIZE);

	return vram_move(&vm->vram, fb->end < fb->start ? fb : &pages);
}

static int fail_range(const char *what, const struct range *r)
{
	char text[80];

	snprintf(text, sizeof(text), "%s at 0x%llx-0x%llx", what, r->start,
		 r->end);
	return kvm_fail(text);
}

/*
 * Memory for a range that begins at @gpa, in huge pages if they are to be had.
 * KVM maps one as such only if the guest's is one of ours too. Where KVM itself
 * is emulated, a fault a small page is much of what a boot costs.
 */
static void *map_memory(u64 gpa, u64 size)
{
	u8 *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	p += (gpa - (unsigned long)p) & (HUGE_PAGE - 1);
	/* Without, it works as well. */
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

/**
 * vm_add_ram() - Have the guest's RAM as the layout says.
 * @vm:		The VM
 *
 * Return: 0, or -errno after having said what failed.
 */
int vm_add_ram(struct vm *vm)
{
	int i, err;

	for (i = 0; i < vm->layout.ram_count; i++) {
		const struct range *r = &vm->layout.ram[i];
		u64 size = range_size(r);
		u8 *p = map_memory(r->start, size);

		if (!p)
			return fail_range("no guest RAM", r);
		err = kvm_set_slots(&vm->kvm, i, r->start, size, p);
		if (err)
			return fail_range("no guest RAM", r);
		err = mem_add(&vm->mem, r->start, size, p);
		if (err) {
			errno = -err;
			return fail_range("no guest RAM", r);
		}
	}
	return 0;
}

static int map_fb(void *opaque, u32 index, const struct range *range, u8 *host)
{
	const struct vm *vm = opaque;
	u32 pair = VRAM_PAIR + index;
	int err;

	if (range)
		err = kvm_set_slots(&vm->kvm, pair, range->start, range_size(range), host);
	else
		err = kvm_set_slots(&vm->kvm, pair, 0, 0, NULL);
	/* Beyond what the processor can address: the guest's own choice */
	if (!err || err == -EINVAL)
		return err;
	return say_host_failed(err, "KVM does not map the framebuffer");
}

/**
 * vm_add_fb() - Have the framebuffer where the layout says.
 * @vm:		The VM with its RAM
 *
 * The framebuffer is memory, but no RAM to the devices. As large as the guest
 * may ask for, or as it was given by hand.
 *
 * Return: 0, or -errno after having said what failed.
 */
int vm_add_fb(struct vm *vm)
{
	const struct range *fb = &vm->layout.fb;
	struct range pages = range_pages(fb, HV_PAGE_SIZE);
	struct vram *v = &vm->vram;
	int err;

	v->size = max64(range_size(&pages), vm->layout.max_fb);
	v->mem = &vm->mem;
	v->mmio = vm->config.overlap_cover ? NULL : &vm->mmio;
	v->hole = arch_fb_hole;
	v->limit = vm->kvm.shared_bit ?: GPA_LIMIT;
	v->map = map_fb;
	v->opaque = vm;
	v->at = (struct range) { 1, 0 };
	v->host = map_memory(0, v->size);
	if (!v->host)
		return fail_range("no framebuffer", fb);
	if (fb->end <= fb->start)
		return 0;
	err = vm_move_fb(vm, fb);
	if (err) {
		errno = -err;
		return fail_range("no framebuffer", fb);
	}
	return 0;
}

/**
 * vm_mmio() - Handle an access to what is not mapped as memory.
 * @vm:		The VM; its lock is held
 * @gpa:	First address
 * @write:	Guest writes
 * @data:	What it writes, or gets
 * @len:	Bytes
 *
 * The framebuffer is mapped, but it may have come between exit and lock.
 *
 * Return: false if nobody answers there for all of it.
 */
bool vm_mmio(struct vm *vm, u64 gpa, bool write, u8 *data, u32 len)
{
	if (vm->config.overlap_cover &&
	    vram_access(&vm->vram, gpa, write, data, len))
		return true;
	return io_access(&vm->mmio, gpa, write, data, len) ||
	       vram_access(&vm->vram, gpa, write, data, len);
}

