/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's code that sweep/cut takes needs from elsewhere in the
 * kernel, as little as will do: locks do nothing, messages go nowhere, memory
 * is a pool. Whatever is missing here is an error of the compiler's.
 */
#ifndef SWEEP_STUBS_LINUX_H
#define SWEEP_STUBS_LINUX_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The types that both this and hvhost's code have */
#include "core/types.h"

typedef u64 resource_size_t;
typedef u64 phys_addr_t;
typedef unsigned int gfp_t;
typedef int spinlock_t;

#define RESOURCE_SIZE_MAX	((resource_size_t)~0)
#define PHYS_ADDR_MAX		(~(phys_addr_t)0)
#define U64_MAX		((u64)~0ull)
#define PAGE_SIZE		4096UL
#define HV_HYP_PAGE_SIZE	PAGE_SIZE
#define BITS_PER_LONG		64
#define IO_SPACE_LIMIT		0xffff

#define CONFIG_ACPI		1
#define CONFIG_EFI		1
#define CONFIG_PCI		1
#define CONFIG_SYSFB		1
#define IS_ENABLED(option)	(option)

#define __iomem
#define __init
#define __maybe_unused		__attribute__((unused))
#define __user
#define __weak
#define fallthrough		__attribute__((fallthrough))
#define likely(x)		(x)
#define unlikely(x)		(x)
#define READ_ONCE(x)		(x)
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_GPL(name)
#define FW_BUG			"[Firmware Bug]: "

#define _AC(x, y)		x ## y
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define upper_32_bits(n)	((u32)((u64)(n) >> 32))
#define lower_32_bits(n)	((u32)(n))
#define CONCATENATE_(a, b)	a ## b
#define CONCATENATE(a, b)	CONCATENATE_(a, b)
#define COUNT_ARGS_(a, b, c, d, n, ...)	n
#define COUNT_ARGS(...)		COUNT_ARGS_(, ##__VA_ARGS__, 3, 2, 1, 0)

/* As include/linux/minmax.h: the sign has to agree */
#define __cmp(op, x, y) ({						\
	__typeof__(x) x_ = (x);						\
	__typeof__(y) y_ = (y);						\
	x_ op y_ ? x_ : y_; })
#define min(x, y)		__cmp(<, x, y)
#define max(x, y)		__cmp(>, x, y)
#define min3(x, y, z)		min(min(x, y), z)
#define max3(x, y, z)		max(max(x, y), z)
#define min_t(type, x, y)	__cmp(<, (type)(x), (type)(y))
#define max_t(type, x, y)	__cmp(>, (type)(x), (type)(y))
#define clamp(v, lo, hi)	min((__typeof__(v))max(v, lo), hi)
#define clamp_t(type, v, lo, hi) min_t(type, max_t(type, v, lo), hi)
#define swap(a, b) \
	do { __typeof__(a) t_ = (a); (a) = (b); (b) = t_; } while (0)

#define __round_mask(x, y)	((__typeof__(x))((y) - 1))
#define round_up(x, y)		((((x) - 1) | __round_mask(x, y)) + 1)
#define round_down(x, y)	((x) & ~__round_mask(x, y))
#define ALIGN(x, a)		(((x) + __round_mask(x, a)) & ~__round_mask(x, a))
#define ALIGN_DOWN(x, a)	round_down(x, a)
#define IS_ALIGNED(x, a)	(((x) & __round_mask(x, a)) == 0)

/* Messages: their arguments are compiled, their text is nobody's. */
static inline void no_message(const char *format, ...)
{
	(void)format;
}

#define pr_err(...)		no_message(__VA_ARGS__)
#define pr_warn(...)		no_message(__VA_ARGS__)
#define pr_info(...)		no_message(__VA_ARGS__)
#define pr_debug(...)		no_message(__VA_ARGS__)
#define pr_warn_once(...)	no_message(__VA_ARGS__)
#define dev_err(dev, ...)	((void)(dev), no_message(__VA_ARGS__))
#define dev_warn(dev, ...)	((void)(dev), no_message(__VA_ARGS__))
#define dev_info(dev, ...)	((void)(dev), no_message(__VA_ARGS__))
#define drm_err(dev, ...)	((void)(dev), no_message(__VA_ARGS__))
#define drm_warn(dev, ...)	((void)(dev), no_message(__VA_ARGS__))
#define dump_stack()		do { } while (0)
#define BUG_ON(x)		((x) ? abort() : (void)0)
#define WARN_ON(x)		(x)
#define WARN_ON_ONCE(x)		(x)
#define WARN(x, ...)		({ no_message(__VA_ARGS__); (x); })

/* One thread: locks are names that nobody looks up */
struct completion { int unused; };
#define mutex_lock(m)		do { } while (0)
#define mutex_unlock(m)		do { } while (0)
#define lockdep_assert_held(m)	do { } while (0)
#define write_lock(l)		do { } while (0)
#define write_unlock(l)		do { } while (0)
#define read_lock(l)		do { } while (0)
#define read_unlock(l)		do { } while (0)
#define spin_lock_irqsave(l, f)		((f) = 0)
#define spin_unlock_irqrestore(l, f)	((void)(f))
#define complete(c)		((void)(c))
#define xchg(p, v) \
	({ __typeof__(*(p)) old_ = *(p); *(p) = (v); old_; })

/* A "muxed" region is waited for. None is asked for. */
#define DECLARE_WAITQUEUE(name, task)	int name __maybe_unused
#define add_wait_queue(q, w)	abort()
#define remove_wait_queue(q, w)	abort()
#define set_current_state(s)	abort()
#define schedule()		abort()
#define wake_up(q)		abort()

/* Memory: sweep/kernel.c has it. */
#define GFP_KERNEL		0u
#define GFP_ATOMIC		0u
void *kzalloc(size_t size, gfp_t flags);
void kfree(const void *p);
#define kzalloc_obj(what, ...)	\
	((__typeof__(what) *)kzalloc(sizeof(what), GFP_KERNEL))
#define PageSlab(page)		((void)(page), true)
#define virt_to_head_page(p)	(p)

struct list_head {
	struct list_head *next, *prev;
};

#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define list_for_each_entry(pos, head, member) \
	for (pos = container_of((head)->next, __typeof__(*pos), member); \
	     &pos->member != (head); \
	     pos = container_of(pos->member.next, __typeof__(*pos), member))

/* ACPI: what _CRS can have. The values are the kernel's own business. */
typedef u32 acpi_status;
#define AE_OK			0
#define AE_ERROR		1
#define AE_NO_MEMORY		4
enum {
	ACPI_RESOURCE_TYPE_MEMORY32, ACPI_RESOURCE_TYPE_ADDRESS32,
	ACPI_RESOURCE_TYPE_ADDRESS64, ACPI_RESOURCE_TYPE_EXTENDED_IRQ
};

struct acpi_resource {
	u32 type;
	union {
		struct { struct { u32 minimum, maximum; } address; } address32;
		struct { struct { u64 minimum, maximum; } address; } address64;
		struct { u32 interrupts[1]; } extended_irq;
	} data;
};

struct resource;
struct acpi_device;
static inline bool acpi_dev_resource_interrupt(struct acpi_resource *res,
					       int index, struct resource *r)
{
	(void)res;
	(void)index;
	(void)r;
	return false;
}

#define EFI_BOOT		0
bool efi_enabled(int feature);

#endif
