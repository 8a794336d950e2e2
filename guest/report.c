// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest can tell of itself, as blocks between "guest: begin NAME" and
 * "guest: end NAME STATUS UPTIME". In C, since a shell would start a hundred
 * programs for it, and in a guest of an emulated machine each takes long.
 *
 *	messages	what the kernel says of its hypervisor, VMBus, and the devices
 *	reports		what it says of itself that it should not have to
 *	screen		the framebuffer that firmware or kexec told it of
 *	mmio		what VMBus truly has, whatever the kernel prints
 *	iomem		/proc/iomem
 *	pci		PCI devices: identity, class, driver, where the BARs are
 *	vmcore		in a crash kernel: whose memory /proc/vmcore is
 */
#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static int cannot(const char *what)
{
	printf("cannot %s\n", what);
	return 1;
}

static bool read_at(int fd, uint64_t offset, void *buf, size_t len)
{
	return pread(fd, buf, len, (off_t)offset) == (ssize_t)len;
}

/* The kernel's messages that have one of @wanted in them */
static int log_lines(const char * const *wanted, size_t count)
{
	static char log[4 << 20];
	char *line, *save;
	size_t i;
	int len;

	len = klogctl(3 /* all, and leave it there */, log, sizeof(log) - 1);
	if (len < 0)
		return cannot("read the kernel's messages");
	log[len] = 0;
	for (line = strtok_r(log, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		for (i = 0; i < count; i++) {
			if (strstr(line, wanted[i])) {
				/* Without its level, "<6>" */
				puts(line + strcspn(line, "["));
				break;
			}
		}
	}
	return 0;
}

static int messages(void)
{
	/* The second line: what is judged, whatever prefix it has */
	static const char * const wanted[] = {
		"Hypervisor detected", "Hyper-V", "hv_vmbus", "hv_utils",
		"Vmbus version:", "hv_mmio=", "failed D0 Entry", " MMIO space",
		"hyperv_drm", "hyperv_fb", "hv_pci", "PCI Pass-through VSP",
		"nvme", "ignoring device",
	};

	return log_lines(wanted, ARRAY_SIZE(wanted));
}

static int reports(void)
{
	static const char * const wanted[] = {
		"BUG: ", "WARNING: ", "INFO: ", "Oops", "kernel BUG at",
		"Trying to free nonexistent resource",
	};

	return log_lines(wanted, ARRAY_SIZE(wanted));
}

/* The running kernel's memory: /proc/kcore and its program headers. */
static struct {
	bool open;
	int fd, count;
	Elf64_Phdr load[256];
} kcore;

static bool kcore_open(void)
{
	Elf64_Ehdr head;

	if (kcore.open)
		return true;
	kcore.fd = open("/proc/kcore", O_RDONLY);
	if (kcore.fd < 0 || !read_at(kcore.fd, 0, &head, sizeof(head)))
		return false;
	kcore.count = head.e_phnum;
	kcore.open = kcore.count <= (int)ARRAY_SIZE(kcore.load) &&
		     read_at(kcore.fd, head.e_phoff, kcore.load,
			     kcore.count * sizeof(Elf64_Phdr));
	return kcore.open;
}

static bool kernel_read(uint64_t address, void *buf, size_t len)
{
	int i;

	for (i = 0; i < kcore.count; i++) {
		const Elf64_Phdr *p = &kcore.load[i];

		if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
		    address - p->p_vaddr < p->p_memsz)
			return read_at(kcore.fd,
				       p->p_offset + (address - p->p_vaddr),
				       buf, len);
	}
	return false;
}

/* The addresses of some symbols; those that there are not stay 0. */
static void symbols(const char * const *names, uint64_t *address, size_t count)
{
	static char buf[1 << 20];
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], name[256];
	unsigned long long a;
	size_t i, left = count;

	if (!f)
		return;
	setvbuf(f, buf, _IOFBF, sizeof(buf));
	while (left && fgets(line, sizeof(line), f)) {
		/* Most lines are neither: look before taking one apart. */
		for (i = 0; i < count; i++) {
			if (address[i] || !strstr(line, names[i]))
				continue;
			if (sscanf(line, "%llx %*c %255s", &a, name) == 2 &&
			    !strcmp(name, names[i])) {
				address[i] = a;
				left--;
			}
		}
	}
	fclose(f);
}

/* struct screen_info: x86 has it in a file, elsewhere it is in the kernel's memory. */
static bool screen_info(uint8_t *info, size_t len)
{
	/* The name since 7.1, and the one before */
	static const char * const names[] = {
		"sysfb_primary_display", "screen_info",
	};
	uint64_t address[2] = { 0, 0 };
	int fd = open("/sys/kernel/boot_params/data", O_RDONLY);
	bool good;

	if (fd >= 0) {
		good = read_at(fd, 0, info, len);
		close(fd);
		return good;
	}
	symbols(names, address, 2);
	return kcore_open() &&
	       kernel_read(address[0] ? address[0] : address[1], info, len);
}

static int screen(void)
{
	uint8_t info[64];
	uint32_t base, size, ext_base;
	glob_t names;
	size_t i;

	if (!screen_info(info, sizeof(info)))
		return cannot("read struct screen_info");
	memcpy(&base, info + 0x18, 4);
	memcpy(&size, info + 0x1c, 4);
	memcpy(&ext_base, info + 0x3a, 4);
	printf("type 0x%02x\n", info[0x0f]);
	printf("lfb_base 0x%llx\n", (unsigned long long)ext_base << 32 | base);
	printf("lfb_size 0x%x\n", size);
	if (glob("/sys/class/graphics/fb[0-9]*/name", 0, NULL, &names))
		return 0;
	for (i = 0; i < names.gl_pathc; i++) {
		char name[64] = "";
		FILE *f = fopen(names.gl_pathv[i], "r");

		if (!f)
			continue;
		if (fgets(name, sizeof(name), f))
			printf("fb %s", name);
		fclose(f);
	}
	return 0;
}

/*
 * Print the struct resource that the pointer at @pointer points to, and its
 * siblings, as ranges.
 */
static int resources(const char *what, uint64_t pointer, bool siblings)
{
	/* start, end, name, flags, desc, parent, sibling: the same since 4.6 */
	uint64_t at, res[7];
	int n = 0;

	printf("%s", what);
	if (!kernel_read(pointer, &at, sizeof(at)))
		goto unreadable;
	while (at && n++ < 64) {
		if (!kernel_read(at, res, sizeof(res)))
			goto unreadable;
		printf(" %llx-%llx", (unsigned long long)res[0],
		       (unsigned long long)res[1]);
		at = siblings ? res[6] : 0;
	}
	puts(n ? "" : " none");
	return 0;
unreadable:
	puts(" ?");
	return cannot("read the kernel's memory");
}

/*
 * Print the ranges of what is below the struct resource that the pointer at
 * @pointer points to, and below its siblings, but for the one at @but.
 */
static int held(uint64_t pointer, uint64_t but, unsigned int depth)
{
	/* As in resources(), then the child */
	uint64_t at, res[8];
	int n = 0;

	if (!kernel_read(pointer, &at, sizeof(at)))
		goto unreadable;
	for (; at && n++ < 1024; at = res[6]) {
		if (!kernel_read(at, res, sizeof(res)))
			goto unreadable;
		if (depth && at != but)
			printf("held %llx-%llx\n", (unsigned long long)res[0],
			       (unsigned long long)res[1]);
		if (depth < 3 && held(at + 7 * sizeof(res[0]), but, depth + 1))
			return 1;
	}
	return 0;
unreadable:
	return cannot("read the kernel's memory");
}

static int mmio(void)
{
	static const char * const names[] = { "hyperv_mmio", "fb_mmio" };
	uint64_t address[2] = { 0, 0 }, fb;

	if (!kcore_open())
		return cannot("read /proc/kcore");
	symbols(names, address, 2);
	if (!address[0] || !address[1])
		return cannot("find hyperv_mmio and fb_mmio in /proc/kallsyms");
	return resources("windows", address[0], true) |
	       resources("reservation", address[1], false) |
	       (kernel_read(address[1], &fb, sizeof(fb)) ?
		held(address[0], fb, 0) : cannot("read the kernel's memory"));
}

static int iomem(void)
{
	FILE *f = fopen("/proc/iomem", "r");
	char line[256];

	if (!f)
		return cannot("read /proc/iomem");
	while (fgets(line, sizeof(line), f))
		fputs(line, stdout);
	fclose(f);
	return 0;
}

/* The first line of the file @name in @dir; empty if there is none. */
static void line_of(const char *dir, const char *name, char *line, size_t len)
{
	char path[512];
	FILE *f;

	line[0] = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f)
		return;
	if (!fgets(line, (int)len, f))
		line[0] = 0;
	line[strcspn(line, "\n")] = 0;
	fclose(f);
}

/* Such as 0x1414, without the 0x. */
static void print_hex_of(const char *dir, const char *name, char before)
{
	char line[32];

	line_of(dir, name, line, sizeof(line));
	printf("%c%s", before, strncmp(line, "0x", 2) ? "?" : line + 2);
}

static void bars(const char *dir)
{
	unsigned long long start, end, flags;
	char path[512], line[128];
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "%s/resource", dir);
	f = fopen(path, "r");
	for (i = 0; f && i < 6 && fgets(line, sizeof(line), f); i++) {
		if (sscanf(line, "%llx %llx %llx", &start, &end, &flags) != 3 ||
		    !flags)
			continue;
		if (flags & 0x20000000 /* IORESOURCE_UNSET */)
			printf(" bar%d unset", i);
		else
			printf(" bar%d 0x%llx-0x%llx", i, start, end);
	}
	if (f)
		fclose(f);
}

static int pci(void)
{
	char path[512], driver[256];
	ssize_t len;
	glob_t dirs;
	size_t i;

	if (glob("/sys/bus/pci/devices/*", 0, NULL, &dirs))
		return 0;
	for (i = 0; i < dirs.gl_pathc; i++) {
		const char *dir = dirs.gl_pathv[i];

		fputs(strrchr(dir, '/') + 1, stdout);
		print_hex_of(dir, "vendor", ' ');
		print_hex_of(dir, "device", ':');
		print_hex_of(dir, "class", ' ');
		snprintf(path, sizeof(path), "%s/driver", dir);
		len = readlink(path, driver, sizeof(driver) - 1);
		driver[len < 0 ? 0 : len] = 0;
		printf(" %s", len < 0 ? "-" : strrchr(driver, '/') + 1);
		bars(dir);
		putchar('\n');
	}
	return 0;
}

/* The kernel that crashed left notes; one says its release. */
static int vmcore_note(int fd, const Elf64_Phdr *note)
{
	uint64_t pos = note->p_offset, end = pos + note->p_filesz;
	Elf64_Nhdr head;
	char name[16], *text;

	while (pos + sizeof(head) < end) {
		if (!read_at(fd, pos, &head, sizeof(head)))
			return cannot("read the notes of /proc/vmcore");
		pos += sizeof(head);
		memset(name, 0, sizeof(name));
		if (head.n_namesz < sizeof(name) &&
		    !read_at(fd, pos, name, head.n_namesz))
			return cannot("read the notes of /proc/vmcore");
		pos += (head.n_namesz + 3) & ~3u;
		if (!strcmp(name, "VMCOREINFO") && head.n_descsz < 1 << 16) {
			text = calloc(1, head.n_descsz + 1);
			if (!text || !read_at(fd, pos, text, head.n_descsz))
				return cannot("read VMCOREINFO");
			printf("%.*s\n", (int)strcspn(text, "\n"), text);
			return 0;
		}
		pos += (head.n_descsz + 3) & ~3u;
	}
	return cannot("find VMCOREINFO in /proc/vmcore");
}

static int vmcore(void)
{
	Elf64_Ehdr head;
	Elf64_Phdr note;
	struct stat st;
	int fd = open("/proc/vmcore", O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		return cannot("open /proc/vmcore");
	printf("size %lld\n", (long long)st.st_size);
	if (!read_at(fd, 0, &head, sizeof(head)))
		return cannot("read /proc/vmcore");
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_type != ET_CORE)
		return cannot("take /proc/vmcore for an ELF core");
	puts("elf core");
	/* The kernel puts them all in the first. */
	if (!read_at(fd, head.e_phoff, &note, sizeof(note)) ||
	    note.p_type != PT_NOTE)
		return cannot("find the notes of /proc/vmcore");
	return vmcore_note(fd, &note);
}

static const struct {
	const char *name;
	int (*fn)(void);
} block[] = {
	{ "messages", messages },
	{ "reports", reports },
	{ "screen", screen },
	{ "mmio", mmio },
	{ "iomem", iomem },
	{ "pci", pci },
	{ "vmcore", vmcore },
};

int main(void)
{
	bool efi = !access("/sys/firmware/efi", F_OK);
	size_t i;

	printf("guest: efi %s\n", efi ? "yes" : "no");
	for (i = 0; i < ARRAY_SIZE(block); i++) {
		char up[64] = "";
		FILE *f;
		int ret;

		if (block[i].fn == vmcore && access("/proc/vmcore", F_OK))
			continue;
		printf("guest: begin %s\n", block[i].name);
		ret = block[i].fn();
		f = fopen("/proc/uptime", "r");
		if (f && !fgets(up, sizeof(up), f))
			up[0] = 0;
		if (f)
			fclose(f);
		printf("guest: end %s %d %.*s\n", block[i].name, ret,
		       (int)strcspn(up, " "), up);
	}
	return 0;
}
