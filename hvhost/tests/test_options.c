// SPDX-License-Identifier: GPL-2.0-only
/* The command line: what it becomes, and how it is refused. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/options.h"
#include "core/run.h"
#include "dev/echo.h"
#include "dev/kinds.h"
#include "dev/nvme.h"

#define MAX_ARGS	300

static struct options opt;
static char out[8192], line[4096];

/* Run with stdout and stderr into out[], each of it from the start. */
static int captured(int (*fn)(int argc, char **argv), int argc, char **argv)
{
	FILE *f = tmpfile();
	int saved[2], ret;
	size_t n;

	assert_non_null(f);
	fflush(NULL);
	saved[0] = dup(1);
	saved[1] = dup(2);
	dup2(fileno(f), 1);
	dup2(fileno(f), 2);
	ret = fn(argc, argv);
	fflush(NULL);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(saved[0]);
	close(saved[1]);
	rewind(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = 0;
	fclose(f);
	return ret;
}

static int do_parse(int argc, char **argv)
{
	return options_parse(argc, argv, device_kinds, &opt);
}

static int do_layout(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return options_layout(&opt);
}

/* Words of @args are arguments; what opt points to stays until the next. */
static int parse(const char *args)
{
	char *argv[MAX_ARGS] = { "hvhost" }, *save, *word;
	int argc = 1;

	snprintf(line, sizeof(line), "%s", args);
	for (word = strtok_r(line, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < MAX_ARGS - 1);
		argv[argc++] = word;
	}
	memset(&opt, 0xa5, sizeof(opt));
	return captured(do_parse, argc, argv);
}

static void accepted(const char *args, int command)
{
	if (parse(args) != command)
		fail_msg("'%s' is refused: %s", args, out);
	if (*out)
		fail_msg("'%s' is accepted, but: %s", args, out);
}

/* Refused in one line that begins with @want. */
static void refused(const char *args, const char *want)
{
	if (parse(args) != OPTIONS_BAD)
		fail_msg("'%s' is accepted", args);
	if (strncmp(out, "hvhost: ", 8) || strncmp(out + 8, want, strlen(want)))
		fail_msg("'%s' is refused with: %s", args, out);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void defaults(void **state)
{
	(void)state;
	accepted("run --kernel /dev/null", OPTIONS_RUN);
	assert_string_equal(opt.kernel, "/dev/null");
	assert_null(opt.initrd);
	assert_null(opt.append);
	assert_null(opt.trace);
	assert_null(opt.screen);
	assert_null(opt.findings);
	assert_int_equal(opt.watches, 0);
	assert_int_equal(opt.pcis, 0);
	assert_false(opt.no_synthvid);
	assert_false(opt.ignore_bar_conflicts);
	assert_false(opt.overlap_cover);
	assert_false(opt.zero_bars);
	assert_false(opt.release_dead_devices);
	assert_false(opt.video_first);
	assert_int_equal(opt.refusals, 0);
	assert_int_equal(opt.cpus, 1);
	assert_int_equal(opt.timeout, 0);
	assert_false(opt.isolation_vbs);
	assert_false(opt.verbose);
	assert_int_equal(opt.vmbus_version, 0x60000);
	assert_int_equal(opt.layout.arch, LAYOUT_X86);
	assert_int_equal(opt.layout.generation, 2);
	assert_int_equal(opt.layout.memory, 512 * MIB);
	assert_int_equal(opt.layout.low_mmio, 0);
	assert_int_equal(opt.layout.high_mmio, 0);
	assert_int_equal(opt.layout.width, 0);
	assert_false(opt.layout.no_high_mmio);
	assert_false(opt.layout.not_windows);
	assert_false(opt.layout.no_firmware);
	assert_false(opt.layout.crs_given);
	assert_false(opt.layout.fb_given);
	assert_false(opt.layout.firmware_given);
}

static void all(void **state)
{
	(void)state;
	accepted("run --kernel=/dev/null --initrd /dev/zero --append a=b --generation 2 --cpus 8 --memory 1G --low-mmio 3GB --high-mmio 1024M --video 7680x4320 --not-windows --isolation vbs --vmbus-version 5.3 --trace t --findings f --timeout 30 --shutdown-on done -v",
		 OPTIONS_RUN);
	assert_string_equal(opt.kernel, "/dev/null");
	assert_string_equal(opt.initrd, "/dev/zero");
	assert_string_equal(opt.append, "a=b");
	assert_string_equal(opt.trace, "t");
	assert_string_equal(opt.findings, "f");
	assert_int_equal(opt.watches, 1);
	assert_string_equal(opt.watch[0].text, "done");
	assert_int_equal(opt.watch[0].action, WATCH_SHUTDOWN);
	assert_null(opt.watch[0].object);
	assert_int_equal(opt.cpus, 8);
	assert_int_equal(opt.timeout, 30);
	assert_true(opt.isolation_vbs);
	assert_true(opt.verbose);
	assert_int_equal(opt.vmbus_version, 0x50003);
	assert_int_equal(opt.layout.memory, GIB);
	assert_int_equal(opt.layout.low_mmio, 3 * GIB);
	assert_int_equal(opt.layout.high_mmio, GIB);
	assert_int_equal(opt.layout.width, 7680);
	assert_int_equal(opt.layout.height, 4320);
	assert_true(opt.layout.not_windows);
	accepted("layout --firmware none --overlap cover", OPTIONS_LAYOUT);
	assert_true(opt.layout.no_firmware);
	assert_true(opt.overlap_cover);
	accepted("layout --arch arm64 --verbose", OPTIONS_LAYOUT);
	assert_int_equal(opt.layout.arch, LAYOUT_ARM64);
	assert_true(opt.verbose);
}

static void check_pci(int i, const char *name, const struct device_kind *kind,
		      const char *args)
{
	assert_string_equal(opt.pci[i].name, name);
	assert_ptr_equal(opt.pci[i].kind, kind);
	assert_string_equal(opt.pci[i].args, args);
}

/* The test device that the last command line's --pci with that index makes */
static struct vpci_device *make_test(int i)
{
	const struct option_pci *p = &opt.pci[i];
	char why[160] = "";
	struct vpci_device *dev;

	assert_ptr_equal(p->kind, &echo_kind);
	dev = p->kind->make(p->name, p->args, why, sizeof(why));
	if (!dev)
		fail_msg("%s: %s", p->name, why);
	assert_string_equal(dev->name, p->name);
	return dev;
}

static void pci(void **state)
{
	char args[4096] = "run --kernel /dev/null", want[100];
	struct vpci_device *dev;
	int i;

	(void)state;
	accepted("run --kernel /dev/null --pci test,bar32=16M --pci nvme,disk=/a,b=c --pci test,bar64=1G,bar32=4K,bar64=64K --pci nvme,disk=d --bar-conflicts ignore --no-synthvid",
		 OPTIONS_RUN);
	assert_int_equal(opt.pcis, 4);
	check_pci(0, "test0", &echo_kind, "bar32=16M");
	check_pci(1, "nvme0", &nvme_kind, "/a,b=c");
	check_pci(2, "test1", &echo_kind, "bar64=1G,bar32=4K,bar64=64K");
	check_pci(3, "nvme1", &nvme_kind, "d");
	dev = make_test(0);
	assert_int_equal(dev->bar[0].size, 16 * MIB);
	assert_false(dev->bar[0].is_64);
	assert_int_equal(dev->bar[1].size, 0);
	assert_int_equal(dev->refuse_first, 0);
	assert_int_equal(dev->refuse_last, 0);
	echo_free(dev);
	dev = make_test(2);
	assert_int_equal(dev->bar[0].size, GIB);
	assert_true(dev->bar[0].is_64);
	assert_int_equal(dev->bar[2].size, 4 * KIB);
	assert_false(dev->bar[2].is_64);
	assert_int_equal(dev->bar[3].size, 64 * KIB);
	assert_true(dev->bar[3].is_64);
	echo_free(dev);
	assert_true(opt.no_synthvid);
	assert_true(opt.ignore_bar_conflicts);
	accepted("run --kernel /dev/null --bar-conflicts ignore --bar-conflicts refuse",
		 OPTIONS_RUN);
	assert_false(opt.ignore_bar_conflicts);
	accepted("layout --fb-mapped 8M", OPTIONS_LAYOUT);
	assert_int_equal(opt.layout.fb_mapped, 8 * MIB);
	assert_false(opt.layout.fb_mapped_whole);
	accepted("layout --fb-mapped 8M --fb-mapped offered", OPTIONS_LAYOUT);
	assert_int_equal(opt.layout.fb_mapped, 0);
	assert_true(opt.layout.fb_mapped_whole);
	accepted("run --kernel /dev/null --bar-reads zero", OPTIONS_RUN);
	assert_true(opt.zero_bars);
	accepted("run --kernel /dev/null --bar-reads zero --bar-reads exact",
		 OPTIONS_RUN);
	assert_false(opt.zero_bars);
	accepted("run --kernel /dev/null --dead-devices release --offers video-first",
		 OPTIONS_RUN);
	assert_true(opt.release_dead_devices);
	assert_true(opt.video_first);
	accepted("run --kernel /dev/null --dead-devices release --dead-devices hold --offers video-first --offers guid",
		 OPTIONS_RUN);
	assert_false(opt.release_dead_devices);
	assert_false(opt.video_first);
	accepted("run --kernel /dev/null --pci test,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K,refuse-d0=2-3",
		 OPTIONS_RUN);
	dev = make_test(0);
	assert_int_equal(dev->bar[5].size, 4 * KIB);
	assert_int_equal(dev->refuse_first, 2);
	assert_int_equal(dev->refuse_last, 3);
	echo_free(dev);

	for (i = 0; i < MAX_PCI; i++)
		strcat(args, " --pci nvme,disk=a");
	assert_int_equal(parse(args), OPTIONS_RUN);
	assert_int_equal(opt.pcis, MAX_PCI);
	assert_string_equal(opt.pci[127].name, "nvme127");
	strcat(args, " --pci nvme,disk=b");
	assert_int_equal(parse(args), OPTIONS_BAD);
	snprintf(want, sizeof(want),
		 "hvhost: --pci 'nvme,disk=b' is not one of the first %d;",
		 MAX_PCI);
	assert_non_null(strstr(out, want));
}

static void bad_pci(void **state)
{
	static const char *const kinds[] = {
		"nvme", "nvme,", "nvme,disk", "nvme,file=a", "test", "disk",
		"nvme0,disk=a", "tests,bar32=4K", ",",
	};
	static const char *const bars[] = {
		"", "bar32", "bar32=", "bar16=4K", "bar32=4K,", "bar32=x",
		"bar32=0", ",bar32=4K", "bar32=4K,,bar64=4K", "bar32=4K bar64=4K",
		"bar32=4K,bar640=4K", "disk=a",
		"bar64=00000000000000000000000000000004K", "refuse-d0=2-3",
	};
	static const char *const refusals[] = {
		"", "2", "0-1", "3-2", "2-3,", "2-3,bar32=4K", "2-4294967296",
	};
	char *argv[] = { "hvhost", "run", "--pci", NULL, NULL };
	char arg[100];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		argv[3] = (char *)kinds[i];
		assert_int_equal(captured(do_parse, 4, argv), OPTIONS_BAD);
		snprintf(arg, sizeof(arg), "--pci '%s' is not nvme,disk=FILE or",
			 kinds[i]);
		assert_non_null(strstr(out, arg));
	}
	for (i = 0; i < ARRAY_SIZE(bars); i++) {
		snprintf(arg, sizeof(arg), "test,%s", bars[i]);
		argv[3] = arg;
		assert_int_equal(captured(do_parse, 4, argv), OPTIONS_BAD);
		assert_non_null(strstr(out, "' is not test with bar32=SIZE"));
	}
	refused("run --pci nvme,disk=", "--pci 'nvme,disk=' is not nvme with a disk");
	refused("run --pci test,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K",
		"--pci 'test,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K,bar32=4K' is not test with at most 6 BARs");
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		snprintf(arg, sizeof(arg), "test,bar32=4K,refuse-d0=%s",
			 refusals[i]);
		argv[3] = arg;
		assert_int_equal(captured(do_parse, 4, argv), OPTIONS_BAD);
		assert_non_null(strstr(out, "' is not test with refuse-d0=FIRST-LAST"));
	}
	refused("run --bar-conflicts warn", "--bar-conflicts 'warn' is not refuse or ignore");
	refused("run --fb-mapped 0", "--fb-mapped '0' is not a size, such as 8M, or offered");
	refused("run --fb-mapped all", "--fb-mapped 'all' is not a size, such as 8M, or offered");
	refused("run --bar-reads never", "--bar-reads 'never' is not exact or zero");
	refused("run --dead-devices drop", "--dead-devices 'drop' is not hold or release");
	refused("run --offers pci-first", "--offers 'pci-first' is not guid or video-first");
}

/* Each range counts, whether it has a status of its own or not. */
static void refused_windows(void **state)
{
	static const char *const words[] = {
		"", "1000", "1000-", "-1fff", "1000-1fff-", "1000-1fff=",
		"1000-1fff=c000000d=", "1000-1fff,c000000d", "1000-1fff=x",
		"1000-1fff=-1", "1000-1fff=10000000000000000",
		"10000000000000000-1ffff0000000000000", "lots-more", "none",
	};
	static const char *const statuses[] = {
		"0", "7fffffff", "103", "100000000", "ffffffff80000000",
	};
	char args[1000] = "run --kernel /dev/null", want[200], arg[60];
	char *argv[] = { "hvhost", "run", "--refuse-windows", arg, NULL };
	unsigned int i;

	(void)state;
	accepted("run --kernel /dev/null --refuse-windows fec01000-fecfffff --refuse-windows 0xFE0000000-0xfffffffff=0xC000000D --refuse-windows 0-0=80000000 --refuse-windows 0-ffffffffffffffff=ffffffff",
		 OPTIONS_RUN);
	assert_int_equal(opt.refusals, 4);
	assert_int_equal(opt.refusal[0].range.start, 0xfec01000);
	assert_int_equal(opt.refusal[0].range.end, 0xfecfffff);
	assert_int_equal(opt.refusal[0].status, 0xc0370048);
	assert_int_equal(opt.refusal[1].range.start, 0xfe0000000);
	assert_int_equal(opt.refusal[1].range.end, 0xfffffffff);
	assert_int_equal(opt.refusal[1].status, 0xc000000d);
	assert_int_equal(opt.refusal[2].range.end, 0);
	assert_int_equal(opt.refusal[2].status, 0x80000000);
	assert_true(opt.refusal[3].range.end == ~0ull);
	assert_int_equal(opt.refusal[3].status, 0xffffffff);

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		snprintf(arg, sizeof(arg), "%s", words[i]);
		assert_int_equal(captured(do_parse, 4, argv), OPTIONS_BAD);
		snprintf(want, sizeof(want), "hvhost: --refuse-windows '%s' is not START-END or START-END=STATUS in hexadecimal;",
			 words[i]);
		assert_non_null(strstr(out, want));
	}
	for (i = 0; i < ARRAY_SIZE(statuses); i++) {
		snprintf(arg, sizeof(arg), "1000-1fff=%s", statuses[i]);
		assert_int_equal(captured(do_parse, 4, argv), OPTIONS_BAD);
		snprintf(want, sizeof(want), "hvhost: --refuse-windows '%s' is not a range with a status from 80000000 to ffffffff;",
			 arg);
		assert_non_null(strstr(out, want));
	}
	refused("run --refuse-windows 2000-1fff",
		"--refuse-windows '2000-1fff' is not a range that ends at or after its start;");

	for (i = 0; i < MAX_REFUSALS; i++)
		strcat(args, " --refuse-windows 1000-1fff");
	accepted(args, OPTIONS_RUN);
	assert_int_equal(opt.refusals, MAX_REFUSALS);
	strcat(args, " --refuse-windows 2000-2fff");
	refused(args, "--refuse-windows '2000-2fff' is not one of the first 16 ranges;");
}

/* Every text counts, of several options, and of one that comes twice. */
static void watches(void **state)
{
	char args[4096] = "run --kernel /dev/null", text[300];
	int i;

	(void)state;
	accepted("run --kernel /dev/null --eject-on nvme0=a=b --shutdown-on c --remove-on test0=d --screen-on s.png=e --shutdown-on f --add-on test0=g --add-on test1=h --remove-on test1=i --rescind-on test1=@nvme0 --screen-on t.png=@test0 --shutdown-on @test1 --pci nvme,disk=x --pci test,bar32=4K --pci test,bar32=4K",
		 OPTIONS_RUN);
	assert_int_equal(opt.watches, 11);
	assert_int_equal(opt.watch[0].action, WATCH_EJECT);
	assert_string_equal(opt.watch[0].object, "nvme0");
	assert_string_equal(opt.watch[0].text, "a=b");
	assert_int_equal(opt.watch[1].action, WATCH_SHUTDOWN);
	assert_string_equal(opt.watch[1].text, "c");
	assert_int_equal(opt.watch[2].action, WATCH_REMOVE);
	assert_string_equal(opt.watch[2].object, "test0");
	assert_int_equal(opt.watch[3].action, WATCH_SCREEN);
	assert_string_equal(opt.watch[3].object, "s.png");
	assert_string_equal(opt.watch[3].text, "e");
	assert_string_equal(opt.watch[4].text, "f");
	assert_int_equal(opt.watch[5].action, WATCH_ADD);
	assert_string_equal(opt.watch[5].object, "test0");
	assert_int_equal(opt.watch[8].action, WATCH_RESCIND);
	assert_string_equal(opt.watch[8].text, "@nvme0");
	/* There from the start, unless it is added first */
	assert_false(opt.pci[0].later);
	assert_false(opt.pci[1].later);
	assert_true(opt.pci[2].later);

	refused("run --kernel /dev/null --eject-on nvme0", "--eject-on 'nvme0' is not DEVICE=TEXT");
	refused("run --kernel /dev/null --remove-on =x", "--remove-on '=x' is not DEVICE=TEXT");
	refused("run --kernel /dev/null --eject-on nvme0=", "--eject-on 'nvme0=' is not a text");
	refused("run --kernel /dev/null --eject-on nvme0=x", "--eject-on 'nvme0=x': no --pci makes a 'nvme0'");
	refused("run --kernel /dev/null --pci nvme,disk=a --remove-on nvme1=x",
		"--remove-on 'nvme1=x': no --pci makes a 'nvme1'");
	refused("run --kernel /dev/null --add-on nvme0=x", "--add-on 'nvme0=x': no --pci makes a 'nvme0'");
	refused("run --kernel /dev/null --pci nvme,disk=a --rescind-on nvme1=x",
		"--rescind-on 'nvme1=x': no --pci makes a 'nvme1'");
	refused("run --kernel /dev/null --pci nvme,disk=a --eject-on nvme0=@nvme1",
		"--eject-on 'nvme0=@nvme1': no --pci makes a 'nvme1'");
	refused("run --kernel /dev/null --screen-on a=@test0",
		"--screen-on 'a=@test0': no --pci makes a 'test0'");
	refused("run --kernel /dev/null --pci nvme,disk=a --add-on nvme0=@nvme0",
		"--add-on 'nvme0=@nvme0': nobody begins with what is to come");
	refused("run --kernel /dev/null --shutdown-on @", "--shutdown-on '@': no --pci makes a ''");
	refused("run --kernel /dev/null --screen-on x", "--screen-on 'x' is not FILE=TEXT");
	memset(text, 'x', sizeof(text));
	text[255] = 0;
	snprintf(args, sizeof(args), "run --kernel /dev/null --shutdown-on %s",
		 text);
	accepted(args, OPTIONS_RUN);
	strcat(args, "x");
	snprintf(text, sizeof(text), "--shutdown-on 'xxx");
	refused(args, text);
	assert_non_null(strstr(out, "' is not a text of at most 255 bytes"));
	snprintf(args, sizeof(args), "run --kernel /dev/null");
	for (i = 0; i < MAX_WATCHES; i++)
		strcat(args, " --shutdown-on x");
	assert_int_equal(parse(args), OPTIONS_RUN);
	strcat(args, " --shutdown-on y");
	assert_int_equal(parse(args), OPTIONS_BAD);
	assert_non_null(strstr(out, "--shutdown-on 'y' is not one of the first 64"));
}

/* The vCPU is one of --cpus, wherever on the command line that is. */
static void nmis(void **state)
{
	(void)state;
	accepted("run --kernel /dev/null --nmi-on 7=a=b --cpus 8 --nmi-on 0=c", OPTIONS_RUN);
	assert_int_equal(opt.watches, 2);
	assert_int_equal(opt.watch[0].action, WATCH_NMI);
	assert_int_equal(opt.watch[0].cpu, 7);
	assert_string_equal(opt.watch[0].text, "a=b");
	assert_int_equal(opt.watch[1].cpu, 0);
	refused("run --kernel /dev/null --nmi-on x", "--nmi-on 'x' is not CPU=TEXT");
	refused("run --kernel /dev/null --nmi-on 1=x", "--nmi-on '1=x': no vCPU '1' of --cpus 1");
	refused("run --kernel /dev/null --cpus 8 --nmi-on -1=x",
		"--nmi-on '-1=x': no vCPU '-1' of --cpus 8");
	refused("run --kernel /dev/null --cpus 8 --nmi-on nvme0=x",
		"--nmi-on 'nvme0=x': no vCPU 'nvme0' of --cpus 8");
}

/* The last one counts. */
static void twice(void **state)
{
	(void)state;
	accepted("layout --memory 1G --memory 2G --high-mmio none --high-mmio 1G --isolation vbs --isolation none --overlap cover --overlap refuse --firmware none --firmware uefi --fb 1000-2000 --fb none --firmware-fb 1000-2000 --firmware-fb none --arch arm64 --arch x86",
		 OPTIONS_LAYOUT);
	assert_int_equal(opt.layout.memory, 2 * GIB);
	assert_false(opt.layout.no_high_mmio);
	assert_int_equal(opt.layout.high_mmio, GIB);
	assert_false(opt.isolation_vbs);
	assert_false(opt.overlap_cover);
	assert_false(opt.layout.no_firmware);
	assert_true(opt.layout.fb_given);
	assert_int_equal(opt.layout.fb.end, 0);
	assert_true(opt.layout.firmware_given);
	assert_int_equal(opt.layout.firmware.end, 0);
	assert_int_equal(opt.layout.arch, LAYOUT_X86);
	accepted("layout --high-mmio 1G --high-mmio none", OPTIONS_LAYOUT);
	assert_true(opt.layout.no_high_mmio);
	assert_int_equal(opt.layout.high_mmio, 0);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		u64 bytes;
	} good[] = {
		{ "1", 1 }, { "4096", 4096 }, { "4k", 4096 }, { "4KB", 4096 },
		{ "0128M", 128 * MIB }, { "3584mb", 3584 * MIB },
		{ "17179869183G", 17179869183ull * GIB },
		{ "18446744073709551615", ~0ull },
	};
	static const char *const bad[] = {
		"0", "0M", "M", "-1", "+1", "1.5G", "12X", "1GG", "1GBx", "0x10",
		"128MiB", "17179869184G", "18446744073709551616", "1B",
		"99999999999999999999999999", "1e9", "512M,", "none",
	};
	char args[100], want[100];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		snprintf(args, sizeof(args), "layout --memory %s",
			 good[i].text);
		accepted(args, OPTIONS_LAYOUT);
		assert_int_equal(opt.layout.memory, good[i].bytes);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(args, sizeof(args), "layout --low-mmio %s", bad[i]);
		snprintf(want, sizeof(want), "--low-mmio '%s' is not a size",
			 bad[i]);
		refused(args, want);
	}
}

static void ranges(void **state)
{
	static const char *const bad[] = {
		"1", "1-", "-1", "1-2-3", "1-2 ", "0x0x1-2", "0x-1", "g-h",
		"1-0x", "10000000000000000-1", "1--2", " 1-2", "none",
	};
	char *argv[] = { "hvhost", "layout", "--crs", NULL, NULL };
	char args[1000] = "layout";
	unsigned int i;

	(void)state;
	accepted("layout --crs f8000000-0xFed3FFFF --crs 0X100000000-ffffffff --crs 0-ffffffffffffffff --fb 5-4 --firmware-fb 0x7-6",
		 OPTIONS_LAYOUT);
	assert_true(opt.layout.crs_given);
	assert_int_equal(opt.layout.crs_count, 3);
	assert_int_equal(opt.layout.crs[0].start, 0xf8000000);
	assert_int_equal(opt.layout.crs[0].end, 0xfed3ffff);
	assert_int_equal(opt.layout.crs[1].start, 0x100000000);
	assert_int_equal(opt.layout.crs[1].end, 0xffffffff);
	assert_int_equal(opt.layout.crs[2].start, 0);
	assert_int_equal(opt.layout.crs[2].end, ~0ull);
	assert_int_equal(opt.layout.fb.start, 5);
	assert_int_equal(opt.layout.fb.end, 4);
	assert_int_equal(opt.layout.firmware.start, 7);
	assert_int_equal(opt.layout.firmware.end, 6);

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		argv[3] = (char *)bad[i];
		assert_int_equal(captured(do_parse, 4, argv), OPTIONS_BAD);
		assert_non_null(strstr(out, "START-END in hexadecimal"));
	}
	for (i = 0; i < LAYOUT_MAX_RANGES; i++)
		strcat(args, " --crs 1000-1fff");
	accepted(args, OPTIONS_LAYOUT);
	assert_int_equal(opt.layout.crs_count, LAYOUT_MAX_RANGES);
	strcat(args, " --crs 1000-1fff");
	refused(args, "--crs '1000-1fff' is not START-END in hexadecimal, at most 16");
}

static void bad_use(void **state)
{
	(void)state;
	refused("", "no command");
	refused("walk", "no such command: 'walk'");
	refused("run", "run needs --kernel");
	refused("run --kernel /nonexistent", "cannot read --kernel '/nonexistent': No such file");
	refused("run --kernel /", "cannot read --kernel '/': Is a directory");
	refused("run --kernel /dev/null --initrd /nonexistent", "cannot read --initrd '/nonex");
	refused("run --kernel", "--kernel needs a value");
	refused("run --kernel /dev/null more", "unexpected argument 'more'");
	refused("run --kernel /dev/null --colour", "unknown option '--colour'");
	refused("run --kernel /dev/null --colour=red", "unknown option '--colour=red'");
	refused("run -x", "unknown option '-x'");
	refused("run -vx", "unknown option '-x'");
	refused("run --verbose=1", "--verbose=1: it takes no value");
	refused("run --kernel /dev/null --generation 3", "--generation '3' is not 1 or 2");
	refused("run --kernel /dev/null --generation 2x", "--generation '2x' is not");
	refused("run --kernel /dev/null --cpus 0", "--cpus '0' is not 1 to 8");
	refused("run --kernel /dev/null --cpus 9", "--cpus '9' is not 1 to 8");
	refused("run --kernel /dev/null --timeout 0", "--timeout '0' is not seconds");
	refused("run --kernel /dev/null --timeout 5s", "--timeout '5s' is not seconds");
	refused("run --kernel /dev/null --timeout 2147483648", "--timeout '2147483648'");
	refused("run --kernel /dev/null --isolation tdx", "--isolation 'tdx' is not none or vbs");
	refused("run --kernel /dev/null --isolation vbs --generation 1",
		"--isolation vbs needs --generation 2");
	refused("run --kernel /dev/null --overlap ignore", "--overlap 'ignore' is not refuse or cover");
	refused("run --kernel /dev/null --firmware bios", "--firmware 'bios' is not uefi, none or devicetree");
	refused("run --kernel /dev/null --arch arm64", "--arch arm64 is for layout only: this hvhost runs x86");
	refused("run --kernel /dev/null --arch riscv", "--arch 'riscv' is not x86 or");
	refused("run --kernel /dev/null --vmbus-version 6", "--vmbus-version '6' is not");
	refused("run --kernel /dev/null --vmbus-version 2.3", "--vmbus-version '2.3'");
	refused("run --kernel /dev/null --vmbus-version 70000.0", "--vmbus-version '70000");
	refused("run --kernel /dev/null --video 1920", "--video '1920' is not WxH");
	refused("run --kernel /dev/null --video 1920x", "--video '1920x' is not WxH");
	refused("run --kernel /dev/null --video 0x768", "--video '0x768' is not WxH");
	refused("run --kernel /dev/null --video 1024x768x32", "--video '1024x768x32'");
	refused("run --kernel /dev/null --video 4294967296x1", "--video '4294967296x1'");
	refused("run --kernel /dev/null --high-mmio nothing", "--high-mmio 'nothing'");
	refused("run --kernel /dev/null --firmware-fb f8000000",
		"--firmware-fb 'f8000000' is not START-END in hexadecimal, or none");
}

/* What one architecture has alone; and what is as large as what there might be */
static void arches(void **state)
{
	(void)state;
	accepted("layout --arch arm64 --cpus 3", OPTIONS_LAYOUT);
	assert_int_equal(opt.layout.redistributors, 3);
	accepted("layout --arch arm64 --cpus 3 --max-cpus 1900", OPTIONS_LAYOUT);
	assert_int_equal(opt.layout.redistributors, 1900);
	assert_int_equal(captured(do_layout, 0, NULL), 0);
	assert_non_null(strstr(out, "\"described\": [\"0xeffeb000-0xeffecfff\""));
	assert_non_null(strstr(out, ", \"0xefff0000-0xfed6ffff\", \"0xffff0000-"));
	accepted("layout --arch arm64 --firmware devicetree", OPTIONS_LAYOUT);
	assert_true(opt.devicetree);
	assert_true(opt.layout.no_firmware);
	refused("layout --arch arm64 --cpus 3 --max-cpus 2",
		"--max-cpus 2 is less than --cpus 3");
	refused("layout --arch arm64 --max-cpus 2049", "--max-cpus '2049' is not 1 to 2048");
	refused("layout --arch arm64 --isolation vbs", "--isolation vbs needs --arch x86");
	refused("layout --arch x86 --max-cpus 8", "--max-cpus 8 needs --arch arm64");
	refused("layout --arch x86 --firmware devicetree",
		"--firmware devicetree needs --arch arm64");
}

static void empty_text(void **state)
{
	char *argv[] = { "hvhost", "run", "--kernel", "/dev/null", "--shutdown-on", "",
			 NULL };

	(void)state;
	assert_int_equal(captured(do_parse, 6, argv), OPTIONS_BAD);
	assert_non_null(strstr(out, "--shutdown-on '' is not a text"));
	argv[4] = "--screen";
	assert_int_equal(captured(do_parse, 6, argv), OPTIONS_BAD);
	assert_non_null(strstr(out, "--screen '' is not a file"));
	argv[4] = "--findings";
	assert_int_equal(captured(do_parse, 6, argv), OPTIONS_BAD);
	assert_non_null(strstr(out, "--findings '' is not a file"));
}

static void help(void **state)
{
	static const char *const how[] = {
		"--help", "-h", "help", "run --help", "layout -h",
		"run --kernel /dev/null --help",
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(how); i++) {
		assert_int_equal(parse(how[i]), OPTIONS_HELP);
		assert_non_null(strstr(out, "--low-mmio SIZE"));
	}
}

static void layout(void **state)
{
	(void)state;
	accepted("layout --low-mmio 3G --high-mmio none", OPTIONS_LAYOUT);
	assert_int_equal(captured(do_layout, 0, NULL), 0);
	assert_string_equal(out,
			    "{\n"
			    "  \"generation\": 2,\n"
			    "  \"ram\": [\"0x0-0x1fffffff\"],\n"
			    "  \"crs\": [\"0x40000000-0xffffffff\", \"0x100000000-0xffffffff\"],\n"
			    "  \"windows\": [\"0x40000000-0xfed3ffff\"],\n"
			    "  \"reserve\": \"0x40000000-0x47ffffff\",\n"
			    "  \"fb\": \"0x40000000-0x407fffff\",\n"
			    "  \"fb_firmware\": \"0x40000000-0x402fffff\",\n"
			    "  \"vga_bar\": null,\n"
			    "  \"fixed\": [\"0xfed3c000-0xfed3dfff\", \"0xfed3f000-0xfed3ffff\"],\n"
			    "  \"max_fb\": \"0x800000\",\n"
			    "  \"mmio_megabytes\": 8\n"
			    "}\n");
	accepted("layout --low-mmio 4G", OPTIONS_LAYOUT);
	assert_int_equal(captured(do_layout, 0, NULL), RUN_USAGE);
	assert_string_equal(out, "hvhost: low MMIO of 4096 MiB is not within 128 to 3584 MiB, which is what Windows takes\n");
	accepted("layout --low-mmio 3G --firmware-fb f8000000-f82fffff",
		 OPTIONS_LAYOUT);
	assert_int_equal(captured(do_layout, 0, NULL), 0);
	assert_non_null(strstr(out, "  \"reserve\": \"0x40000000-0x47ffffff\",\n"
			       "  \"fb\": \"0x40000000-0x407fffff\",\n"
			       "  \"fb_firmware\": \"0xf8000000-0xf82fffff\",\n"));
	accepted("layout --firmware-fb none", OPTIONS_LAYOUT);
	assert_int_equal(captured(do_layout, 0, NULL), 0);
	assert_non_null(strstr(out, "\"fb_firmware\": null,"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(all),
		cmocka_unit_test(pci),
		cmocka_unit_test(bad_pci),
		cmocka_unit_test(refused_windows),
		cmocka_unit_test(watches),
		cmocka_unit_test(nmis),
		cmocka_unit_test(twice),
		cmocka_unit_test(sizes),
		cmocka_unit_test(ranges),
		cmocka_unit_test(bad_use),
		cmocka_unit_test(arches),
		cmocka_unit_test(empty_text),
		cmocka_unit_test(help),
		cmocka_unit_test(layout),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
