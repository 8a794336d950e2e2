/* SPDX-License-Identifier: GPL-2.0-only */
/* What is linked into hvhost-faults: the calls behind those that fail, and the made-up KVM. */
#ifndef HVHOST_TESTS_FAULTS_H
#define HVHOST_TESTS_FAULTS_H

#include <pthread.h>
#include <stdio.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "core/types.h"

/* Named by the linker; see --wrap */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__real_mmap(void *p, size_t len, int prot, int flags, int fd, off_t at);
int __real_madvise(void *p, size_t len, int advice);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_read(int fd, void *p, size_t len);
ssize_t __real_write(int fd, const void *p, size_t len);
int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __real_fstat(int fd, struct stat *st);
int __real_flock(int fd, int how);
off_t __real_lseek(int fd, off_t at, int from);
int __real_fallocate(int fd, int mode, off_t at, off_t len);
int __real_ftruncate(int fd, off_t size);
int __real_fdatasync(int fd);
ssize_t __real_preadv(int fd, const struct iovec *v, int n, off_t at);
ssize_t __real_pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags);
FILE *__real_fopen(const char *path, const char *mode);
int __real_fclose(FILE *f);
int __real_rename(const char *from, const char *to);
int __real_eventfd(unsigned int value, int flags);
int __real_signalfd(int fd, const sigset_t *set, int flags);
int __real_ioctl(int fd, unsigned long request, ...);

/* As KVM's, with a guest that is made up too */
int madeup_ioctl(int fd, unsigned long request, void *p);

#endif
