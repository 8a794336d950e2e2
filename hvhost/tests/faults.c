// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked into hvhost-faults, which is hvhost with calls that fail on demand. The linker's --wrap
 * brings each call of CALLS in the Makefile here first.
 *
 * HVHOST_FAULT=KIND:N makes the N-th call of a kind fail, KIND:N+ also all later ones. A kind is
 * memory, file, kvm, or the name of a call or of a call of KVM. HVHOST_FAULT_LOG=FILE gets a line
 * for the first one: the call, what it was about, and errno's number. No file: the run had fewer
 * calls.
 *
 * Unless HVHOST_KVM=real, KVM and its guest are made up, by madeup.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

static bool faults_named(const char *fault, size_t len, const char *name)
{
	return strlen(name) == len && !strncmp(fault, name, len);
}

/* Whether this call of a kind, about @what, fails: then errno is @err. */
static bool faults_here(const char *kind, const char *call, const char *what, int err)
{
	static int calls;
	const char *fault = getenv("HVHOST_FAULT"), *log = getenv("HVHOST_FAULT_LOG");
	size_t len = fault ? strcspn(fault, ":") : 0;
	char text[200], *end;
	int n, now, fd;

	if (!len || (!faults_named(fault, len, kind) && !faults_named(fault, len, call) &&
		     !faults_named(fault, len, what)))
		return false;
	n = (int)strtol(fault + len + 1, &end, 10);
	now = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
	if (now < n || (now > n && *end != '+'))
		return false;
	if (now == n && log) {
		len = (size_t)snprintf(text, sizeof(text), "%s %s %d\n", call, what, err);
		fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
		if (fd < 0 || syscall(SYS_write, fd, text, len) != (long)len)
			abort();
		syscall(SYS_close, fd);
	}
	errno = err;
	return true;
}

static bool faults_file(const char *call, int fd, int err)
{
	char link[32], name[100] = "?";
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name) - 1);
	if (len > 0)
		name[len] = 0;
	return faults_here("file", call, name, err);
}

static bool faults_madeup(void)
{
	const char *kvm = getenv("HVHOST_KVM");

	return !kvm || strcmp(kvm, "real");
}

/* Memory *********************************************************/

void *__wrap_malloc(size_t size)
{
	return faults_here("memory", "malloc", "-", ENOMEM) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return faults_here("memory", "calloc", "-", ENOMEM) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return faults_here("memory", "realloc", "-", ENOMEM) ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
	return faults_here("memory", "strdup", "-", ENOMEM) ? NULL : __real_strdup(s);
}

void *__wrap_mmap(void *p, size_t len, int prot, int flags, int fd, off_t at)
{
	return faults_here("memory", "mmap", fd < 0 ? "memory" : "file", ENOMEM) ? MAP_FAILED :
	       __real_mmap(p, len, prot, flags, fd, at);
}

int __wrap_madvise(void *p, size_t len, int advice)
{
	return faults_here("memory", "madvise", "-", ENOMEM) ? -1 : __real_madvise(p, len, advice);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	int err = EAGAIN;

	if (!faults_here("memory", "pthread_create", "-", err))
		return __real_pthread_create(thread, attr, fn, arg);
	/* It returns the error, and errno has nothing to do with it. */
	errno = 0;
	return err;
}

/* Files **********************************************************/

int __wrap_open(const char *path, int flags, ...)
{
	if (faults_here("file", "open", path, EMFILE))
		return -1;
	if (faults_madeup() && !strcmp(path, "/dev/kvm"))
		return (int)syscall(SYS_memfd_create, "kvm", 0);
	return __real_open(path, flags, 0666);
}

/* Closed all the same, as Linux does */
int __wrap_close(int fd)
{
	bool fails = faults_file("close", fd, ENOSPC);
	int ret = __real_close(fd);

	if (!fails)
		return ret;
	errno = ENOSPC;
	return -1;
}

ssize_t __wrap_read(int fd, void *p, size_t len)
{
	return faults_file("read", fd, EIO) ? -1 : __real_read(fd, p, len);
}

ssize_t __wrap_write(int fd, const void *p, size_t len)
{
	return faults_file("write", fd, ENOSPC) ? -1 : __real_write(fd, p, len);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	return faults_file("poll", fds[0].fd, ENOMEM) ? -1 : __real_poll(fds, n, ms);
}

int __wrap_fstat(int fd, struct stat *st)
{
	return faults_file("fstat", fd, EIO) ? -1 : __real_fstat(fd, st);
}

int __wrap_flock(int fd, int how)
{
	return faults_file("flock", fd, ENOLCK) ? -1 : __real_flock(fd, how);
}

off_t __wrap_lseek(int fd, off_t at, int from)
{
	return faults_file("lseek", fd, EIO) ? -1 : __real_lseek(fd, at, from);
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t len)
{
	return faults_file("fallocate", fd, ENOSPC) ? -1 : __real_fallocate(fd, mode, at, len);
}

int __wrap_ftruncate(int fd, off_t size)
{
	return faults_file("ftruncate", fd, EIO) ? -1 : __real_ftruncate(fd, size);
}

int __wrap_fdatasync(int fd)
{
	return faults_file("fdatasync", fd, EIO) ? -1 : __real_fdatasync(fd);
}

ssize_t __wrap_preadv(int fd, const struct iovec *v, int n, off_t at)
{
	return faults_file("preadv", fd, EIO) ? -1 : __real_preadv(fd, v, n, at);
}

ssize_t __wrap_pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	return faults_file("pwritev2", fd, ENOSPC) ? -1 : __real_pwritev2(fd, v, n, at, flags);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return faults_here("file", "fopen", path, EMFILE) ? NULL : __real_fopen(path, mode);
}

int __wrap_fclose(FILE *f)
{
	bool fails = faults_file("fclose", fileno(f), ENOSPC);
	int ret = __real_fclose(f);

	if (!fails)
		return ret;
	errno = ENOSPC;
	return EOF;
}

int __wrap_rename(const char *from, const char *to)
{
	return faults_here("file", "rename", to, ENOSPC) ? -1 : __real_rename(from, to);
}

int __wrap_eventfd(unsigned int value, int flags)
{
	return faults_here("file", "eventfd", "-", EMFILE) ? -1 : __real_eventfd(value, flags);
}

int __wrap_signalfd(int fd, const sigset_t *set, int flags)
{
	return faults_here("file", "signalfd", "-", EMFILE) ? -1 : __real_signalfd(fd, set, flags);
}

/* KVM ************************************************************/

static const char *faults_request(unsigned long request)
{
	static const struct {
		unsigned long request;
		const char *name;
	} known[] = {
		{ KVM_GET_API_VERSION, "KVM_GET_API_VERSION" },
		{ KVM_CREATE_VM, "KVM_CREATE_VM" },
		{ KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE" },
		{ KVM_CREATE_VCPU, "KVM_CREATE_VCPU" },
		{ KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID" },
		{ KVM_GET_SUPPORTED_HV_CPUID, "KVM_GET_SUPPORTED_HV_CPUID" },
		{ KVM_SET_CPUID2, "KVM_SET_CPUID2" },
		{ KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION" },
		{ KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR" },
		{ KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR" },
		{ KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP" },
		{ KVM_ENABLE_CAP, "KVM_ENABLE_CAP" },
		{ KVM_X86_SET_MSR_FILTER, "KVM_X86_SET_MSR_FILTER" },
		{ KVM_SET_MSRS, "KVM_SET_MSRS" },
		{ KVM_SET_GSI_ROUTING, "KVM_SET_GSI_ROUTING" },
		{ KVM_GET_SREGS, "KVM_GET_SREGS" },
		{ KVM_SET_SREGS, "KVM_SET_SREGS" },
		{ KVM_GET_REGS, "KVM_GET_REGS" },
		{ KVM_SET_REGS, "KVM_SET_REGS" },
		{ KVM_IRQ_LINE, "KVM_IRQ_LINE" },
		{ KVM_SIGNAL_MSI, "KVM_SIGNAL_MSI" },
		{ KVM_RUN, "KVM_RUN" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].request == request)
			return known[i].name;
	return "?";
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *p;

	va_start(args, request);
	p = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) != KVMIO)
		return __real_ioctl(fd, request, p);
	if (faults_here("kvm", "ioctl", faults_request(request), ENODEV))
		return -1;
	return faults_madeup() ? madeup_ioctl(fd, request, p) : __real_ioctl(fd, request, p);
}
