// SPDX-License-Identifier: GPL-2.0-only
/* An arm64 kernel's Image: its header, and where it goes. */
#include <string.h>

#include "arch/arm64/image.h"
#include "arch/arm64/map.h"
#include "core/fail.h"

static bool image_is_compressed(const u8 *file)
{
	/* gzip; an EFI application that unpacks itself, CONFIG_EFI_ZBOOT */
	return (file[0] == 0x1f && file[1] == 0x8b) ||
	       !memcmp(file + 4, "zimg", 4);
}

/**
 * image_check() - Read and judge an Image's header.
 * @file:	The file
 * @size:	Bytes of it
 * @img:	Filled in if it is good
 * @why:	What is wrong, value included, if it is not
 * @why_len:	Bytes there
 *
 * Return: 0 or -EINVAL.
 */
int image_check(const u8 *file, u64 size, struct image *img, char *why,
		size_t why_len)
{
	struct image_header h;

	if (size < sizeof(h))
		return refuse(why, why_len, "%llu bytes are too few for an Image",
			      size);
	memcpy(&h, file, sizeof(h));
	if (image_is_compressed(file))
		return refuse(why, why_len,
			      "it is compressed: unpack it, the uncompressed Image is needed");
	if (h.magic != IMAGE_MAGIC)
		return refuse(why, why_len,
			      "no arm64 Image: its magic is 0x%08x, not 0x%08x",
			      h.magic, IMAGE_MAGIC);
	if (h.flags & IMAGE_BIG_ENDIAN)
		return refuse(why, why_len, "flags 0x%llx: it is big-endian",
			      h.flags);
	if (h.text_offset >= 2 * MIB || h.text_offset % 4096)
		return refuse(why, why_len,
			      "text_offset 0x%llx is not whole pages below 2 MiB",
			      h.text_offset);
	/* Kernels before 3.17 do not say how large they are */
	if (h.image_size < size)
		return refuse(why, why_len,
			      "image_size %llu is less than the file's %llu bytes",
			      h.image_size, size);
	if (h.image_size > GIB)
		return refuse(why, why_len, "image_size %llu is more than 1 GiB",
			      h.image_size);
	img->text_offset = h.text_offset;
	img->size = h.image_size;
	return 0;
}

/**
 * image_check_append() - Judge a command line's length: kernels cut longer ones.
 * @append:	The command line
 * @why:	What is wrong, if it is too long
 * @why_len:	Bytes there
 *
 * Return: 0 or -EINVAL.
 */
int image_check_append(const char *append, char *why, size_t why_len)
{
	size_t len = strlen(append);

	if (len > IMAGE_APPEND_MAX)
		return refuse(why, why_len,
			      "takes a command line of %d bytes, not %zu",
			      IMAGE_APPEND_MAX, len);
	return 0;
}

/**
 * image_place() - Choose where kernel and initrd go.
 * @img:	A good Image
 * @low_ram_end:	End of the RAM below 4 GiB, exclusive
 * @initrd_size:	Bytes, 0: none
 * @place:	Filled in; the initrd is as high as it can be
 * @why:	What does not fit, if it does not
 * @why_len:	Bytes there
 *
 * The kernel goes as low as it can. What is in front of it is RAM to Linux as well.
 *
 * Return: 0 or -EINVAL.
 */
int image_place(const struct image *img, u64 low_ram_end, u64 initrd_size,
		struct image_place *place, char *why, size_t why_len)
{
	u64 end;

	place->kernel = KERNEL_GPA + img->text_offset;
	place->initrd = 0;
	end = place->kernel + img->size;
	if (end > low_ram_end)
		return refuse(why, why_len,
			      "the kernel needs 0x%llx bytes at 0x%llx, RAM ends at 0x%llx",
			      img->size, place->kernel, low_ram_end);
	if (!initrd_size)
		return 0;
	if (initrd_size <= low_ram_end)
		place->initrd = (low_ram_end - initrd_size) &
				~(u64)(BLOCK_SIZE - 1);
	if (place->initrd < end)
		return refuse(why, why_len,
			      "the initrd of %llu bytes does not fit between 0x%llx and 0x%llx",
			      initrd_size, end, low_ram_end);
	return 0;
}
