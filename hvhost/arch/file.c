// SPDX-License-Identifier: GPL-2.0-only
/* Files that are loaded into the guest: kernel and initrd. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/file.h"

/**
 * file_map() - Map a whole file.
 * @path:	Its name
 * @p:		Set to its contents, to be read only
 * @size:	Set to its size, at least 1
 *
 * Return: 0, or -errno after having said what failed.
 */
int file_map(const char *path, const u8 **p, u64 *size)
{
	struct stat st;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		err = errno;
		goto fail;
	}
	err = EINVAL;
	if (!S_ISREG(st.st_mode) || !st.st_size)
		goto fail;
	*p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (*p == MAP_FAILED) {
		err = errno;
		goto fail;
	}
	*size = st.st_size;
	close(fd);
	return 0;
fail:
	fprintf(stderr, "hvhost: %s: %s\n", path,
		err == EINVAL ? "empty, or no file" : strerror(err));
	if (fd >= 0)
		close(fd);
	return -err;
}

/**
 * file_unmap() - Unmap what file_map() mapped.
 * @p:		The file's contents, or NULL
 * @size:	Its size
 */
void file_unmap(const u8 *p, u64 size)
{
	if (p)
		munmap((void *)p, size);
}
