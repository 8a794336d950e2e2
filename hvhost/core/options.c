// SPDX-License-Identifier: GPL-2.0-only
/* The command line, in Hyper-V's own words, and the layout command. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fail.h"
#include "core/options.h"
#include "core/parse.h"
#include "core/run.h"
#include "core/status.h"

static const char usage_start[] =
"hvhost: a Hyper-V host on KVM\n"
"\n"
"  hvhost run --kernel FILE [OPTION...]   boot a Linux bzImage\n"
"  hvhost layout [OPTION...]              print where things are, as JSON\n"
"  hvhost [run|layout] --help\n"
"\n"
"The guest (run):\n"
"  --kernel FILE         needed: a bzImage, on arm64 an Image\n"
"  --initrd FILE         initial RAM disk\n"
"  --append TEXT         kernel command line; the console is ttyS0, on arm64\n"
"                        ttyAMA0\n"
"  --cpus N              1 to 8; 1\n"
"  --max-cpus N          arm64: how many there might be, up to 2048: each has a\n"
"                        redistributor in low MMIO; as --cpus\n"
"  --isolation none|vbs  what kind of isolated VM it is told to be; none\n"
"  --vmbus-version M.N   the highest that is accepted; 6.0\n"
"\n"
"Its devices (run):\n";

/* Between the two: --pci of each kind */
static const char usage_rest[] =
"  --bar-conflicts refuse|ignore\n"
"                        whether a BAR in another's way decodes; refuse\n"
"  --overlap refuse|cover\n"
"                        of a config window or BAR on the framebuffer: it is\n"
"                        refused, or accepted and the framebuffer covers it, as\n"
"                        on OpenVMM; refuse\n"
"  --bar-reads exact|zero\n"
"                        zero: while a device decodes, its BARs read as 0; exact\n"
"  --dead-devices hold|release\n"
"                        whether the first D0 entry fails if the kernel before\n"
"                        did not release the device; hold\n"
"  --offers guid|video-first\n"
"                        in what order channels are offered: that of interface\n"
"                        GUIDs, so PCI before video, or video first; guid\n"
"  --refuse-windows START-END[=STATUS]\n"
"                        hexadecimal, up to 16 times: D0 entry fails with that\n"
"                        status if the config window overlaps this range,\n"
"                        whatever is there; c0370048\n"
"  --no-synthvid         no synthetic video; isolated VMs never have it\n"
"\n"
"Its address space (run, layout):\n"
"  --generation 1|2      2\n"
"  --firmware uefi|none|devicetree\n"
"                        generation 2: none is a kernel loaded without firmware,\n"
"                        with the framebuffer nowhere until the guest places it;\n"
"                        devicetree, on arm64, is that without ACPI; uefi\n"
"  --memory SIZE         512M; sizes are bytes, or end in K, M or G\n"
"  --low-mmio SIZE       as Set-VM -LowMemoryMappedIoSpace: 128M to 3584M\n"
"  --high-mmio SIZE|none 512M; none: a range of length zero, as OpenVMM has it\n"
"  --video WxH           the largest resolution, as Set-VMVideo; 1920x1080\n"
"  --not-windows         low MMIO from 32M on, and exactly as large as it says\n"
"  --crs START-END       hexadecimal, up to 16 times: these windows and no\n"
"                        other, in this order, also empty or inverted ones\n"
"  --fb START-END|none   the framebuffer, wherever that is\n"
"  --fb-mapped SIZE|offered\n"
"                        how much of it is mapped before a driver moves it; all\n"
"                        that is offered, on generation 1 what the VGA BAR holds\n"
"  --firmware-fb START-END|none\n"
"                        what screen_info says of it, whatever is true; on\n"
"                        generation 1 none, for text mode\n"
"  --arch x86|arm64      what this hvhost runs; the other is for layout only\n"
"\n"
"The run:\n"
"  --timeout SECONDS     end it after that long\n"
"  --findings FILE       write what the guest sends to its second serial port,\n"
"                        COM2 or ttyAMA1, to FILE\n"
"  --shutdown-on TEXT    when the guest sends TEXT, to that with --findings and\n"
"                        else to the console, ask it to shut down\n"
"  --add-on DEVICE=TEXT  ... offer it that PCI device; what is first added, is\n"
"                        not there at the start\n"
"  --eject-on DEVICE=TEXT\n"
"                        ... ask it to let go of that PCI device\n"
"  --remove-on DEVICE=TEXT\n"
"                        ... take that PCI device away without asking\n"
"  --rescind-on DEVICE=TEXT\n"
"                        ... the same, but do not say first that its bus is empty\n"
"  --nmi-on CPU=TEXT     ... send that vCPU an NMI, as Debug-VM does; not on arm64\n"
"  --screen FILE         what is on the screen when the run ends, as PNG\n"
"  --screen-on FILE=TEXT ... or each time the guest sends TEXT\n"
"                        Each TEXT can be @DEVICE: when the guest begins with\n"
"                        the bus of that PCI device\n"
"  --hostile SEED[:RATE] lie to the guest: change what is sent, by this seed, in\n"
"                        RATE of a thousand decisions, 20\n"
"  --hostile-only SITE[.NUMBER][,...]\n"
"                        ... only at these sites, or these mutations; README.md\n"
"                        lists the sites; -SITE: not there\n"
"  --trace FILE          what the host did and saw, in JSON lines\n"
"  -v, --verbose         the same on stderr, for people\n"
"\n"
"Ends with 0: guest powered off, 1: host error, 2: bad use, 3: guest reset,\n"
"4: triple fault, 124: timeout.\n";

static void options_print_usage(const struct device_kind *const *kind)
{
	fputs(usage_start, stdout);
	for (; *kind; kind++)
		fputs((*kind)->help, stdout);
	fputs(usage_rest, stdout);
}

/* What this program runs guests of */
#ifdef __aarch64__
#define ARCH_OURS	LAYOUT_ARM64
#else
#define ARCH_OURS	LAYOUT_X86
#endif

static const char *const arch_name[] = {
	[LAYOUT_X86] = "x86", [LAYOUT_ARM64] = "arm64",
};

/* The lowest version that hosts of today still speak */
#define VMBUS_VERSION_MIN	((2 << 16) | 4)
#define VMBUS_VERSION_DEFAULT	(6 << 16)

/* The lowest NTSTATUS that Linux takes for a failure: it is signed there */
#define REFUSAL_MIN		0x80000000u

static const char *options_parse_crs(char *s, struct options *opt)
{
	struct layout_request *layout = &opt->layout;

	layout->crs_given = true;
	return layout->crs_count < LAYOUT_MAX_RANGES &&
	       parse_range(s, &layout->crs[layout->crs_count++]) ? NULL :
		"START-END in hexadecimal, at most 16 times";
}

/* A range, {0, 0} for none */
static const char *options_parse_a_fb(const char *s, struct range *fb,
				      bool *given)
{
	*given = true;
	*fb = (struct range) { 0, 0 };
	return !strcmp(s, "none") || parse_range(s, fb) ? NULL :
		"START-END in hexadecimal, or none";
}

static const char *options_parse_fb(char *s, struct options *opt)
{
	return options_parse_a_fb(s, &opt->layout.fb, &opt->layout.fb_given);
}

static const char *options_parse_firmware_fb(char *s, struct options *opt)
{
	return options_parse_a_fb(s, &opt->layout.firmware,
				  &opt->layout.firmware_given);
}

static const char *options_parse_fb_mapped(char *s, struct options *opt)
{
	struct layout_request *layout = &opt->layout;

	layout->fb_mapped_whole = !strcmp(s, "offered");
	layout->fb_mapped = 0;
	return layout->fb_mapped_whole || parse_size(s, &layout->fb_mapped) ?
		NULL : "a size, such as 8M, or offered";
}

static const char *options_parse_high_mmio(char *s, struct options *opt)
{
	struct layout_request *layout = &opt->layout;

	layout->high_mmio = 0;
	layout->no_high_mmio = !strcmp(s, "none");
	return layout->no_high_mmio || parse_size(s, &layout->high_mmio) ?
		NULL : "a size, such as 512M, or none";
}

static const char *options_parse_video(char *s, struct options *opt)
{
	struct layout_request *layout = &opt->layout;

	return parse_pair(s, 'x', INT_MAX, &layout->width, &layout->height) &&
	       layout->width && layout->height ? NULL :
		"WxH, such as 1920x1080";
}

static const char *options_parse_arch(char *s, struct options *opt)
{
	enum layout_arch *arch = &opt->layout.arch;

	*arch = strcmp(s, "arm64") ? LAYOUT_X86 : LAYOUT_ARM64;
	return *arch == LAYOUT_ARM64 || !strcmp(s, "x86") ? NULL :
		"x86 or arm64";
}

static const char *options_parse_firmware(char *s, struct options *opt)
{
	opt->devicetree = !strcmp(s, "devicetree");
	opt->layout.no_firmware = opt->devicetree || !strcmp(s, "none");
	return opt->layout.no_firmware || !strcmp(s, "uefi") ? NULL :
		"uefi, none or devicetree";
}

static const char *options_parse_vmbus_version(char *s, struct options *opt)
{
	u32 major, minor;

	if (!parse_pair(s, '.', 0xffff, &major, &minor))
		return "2.4 or later";
	opt->vmbus_version = major << 16 | minor;
	return opt->vmbus_version >= VMBUS_VERSION_MIN ? NULL : "2.4 or later";
}

/* START-END[=STATUS] */
static const char *options_parse_refuse_windows(char *s, struct options *opt)
{
	struct option_refusal *refusal = &opt->refusal[opt->refusals];
	u64 status = STATUS_ON_FRAMEBUFFER;
	const char *end;

	if (opt->refusals == MAX_REFUSALS)
		return "one of the first 16 ranges";
	if (!parse_range_until(s, &end, &refusal->range) ||
	    (*end == '=' && !parse_u64(end + 1, 16, &end, &status)) || *end)
		return "START-END or START-END=STATUS in hexadecimal";
	if (refusal->range.start > refusal->range.end)
		return "a range that ends at or after its start";
	if (status < REFUSAL_MIN || status > UINT_MAX)
		return "a range with a status from 80000000 to ffffffff";
	refusal->status = (u32)status;
	opt->refusals++;
	return NULL;
}

static const char *options_parse_hostile(char *s, struct options *opt)
{
	return hostile_parse(s, &opt->hostile);
}

static const char *options_parse_hostile_only(char *s, struct options *opt)
{
	return hostile_parse_only(s, &opt->hostile);
}

/* "A or B": every kind's syntax, for a message */
static const char *options_all_syntaxes(const struct device_kind *const *kind)
{
	static char text[400];
	size_t len = 0;

	for (; *kind && len < sizeof(text); kind++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s",
				len ? " or " : "", (*kind)->syntax);
	return text;
}

/* Its name is its kind, and how many of that there were before. */
static const char *options_parse_pci(char *s, struct options *opt)
{
	struct option_pci *pci = &opt->pci[opt->pcis];
	const struct device_kind *const *kind;
	const char *args, *want;
	int i, n = 0;

	if (opt->pcis == MAX_PCI)
		return "one of the first 128";
	for (kind = opt->kinds; *kind; kind++) {
		args = parse_after(s, (*kind)->prefix);
		if (args)
			break;
	}
	if (!*kind)
		return options_all_syntaxes(opt->kinds);
	want = (*kind)->check(args);
	if (want)
		return want;
	*pci = (struct option_pci) { .kind = *kind, .args = args };
	for (i = 0; i < opt->pcis; i++)
		n += opt->pci[i].kind == *kind;
	snprintf(pci->name, sizeof(pci->name), "%s%d", pci->kind->name, n);
	opt->pcis++;
	return NULL;
}

/* TEXT, DEVICE=TEXT, FILE=TEXT or CPU=TEXT; @s stays as it is unless all is well */
static const char *options_parse_watch(char *s, enum watch_action action,
				       struct options *opt)
{
	struct option_watch watch = { .action = action, .text = s };
	char *equals = NULL;

	if (action != WATCH_SHUTDOWN) {
		equals = strchr(s, '=');
		if (!equals || equals == s)
			return action == WATCH_SCREEN ? "FILE=TEXT" :
			       action == WATCH_NMI ? "CPU=TEXT" : "DEVICE=TEXT";
		watch.object = s;
		watch.text = equals + 1;
	}
	if (!*watch.text || strlen(watch.text) > MAX_WATCH_TEXT)
		return "a text of at most 255 bytes";
	if (opt->watches == MAX_WATCHES)
		return "one of the first 64 texts to wait for";
	if (equals)
		*equals = 0;
	if (watch.text[0] == '@')
		watch.bus = watch.text + 1;
	opt->watch[opt->watches++] = watch;
	return NULL;
}

/* What the value of an option is */
enum option_type {
	FLAG,		/* bool; there is no value */
	TEXT,		/* const char * */
	FILE_NAME,	/* the same, but not empty */
	CHOICE,		/* bool: ->want is "WORD or OTHER", the other sets it */
	NUMBER,		/* int, from ->min to ->max */
	SIZE,		/* u64 */
	WATCH,		/* for the action that ->min says */
	OTHER,		/* ->parse() says NULL, or what it should be */
};

struct option_spec {
	const char *name;
	enum option_type type;
	size_t at;			/* in struct options */
	const char *want;		/* what the value should be */
	u64 min, max;
	const char *(*parse)(char *s, struct options *opt);
};

#define AT(member)	offsetof(struct options, member)

/* getopt_long() says this for the first of them, and 1 more for each next. */
#define LONG_OPTION	256

static const struct option_spec option_specs[] = {
	{ "add-on", WATCH, .min = WATCH_ADD },
	{ "append", TEXT, .at = AT(append) },
	{ "arch", OTHER, .parse = options_parse_arch },
	{ "bar-conflicts", CHOICE, .at = AT(ignore_bar_conflicts), "refuse or ignore" },
	{ "bar-reads", CHOICE, .at = AT(zero_bars), "exact or zero" },
	{ "cpus", NUMBER, .at = AT(cpus), "1 to 8", 1, MAX_CPUS },
	{ "crs", OTHER, .parse = options_parse_crs },
	{ "dead-devices", CHOICE, .at = AT(release_dead_devices), "hold or release" },
	{ "eject-on", WATCH, .min = WATCH_EJECT },
	{ "fb", OTHER, .parse = options_parse_fb },
	{ "fb-mapped", OTHER, .parse = options_parse_fb_mapped },
	{ "findings", FILE_NAME, .at = AT(findings), "a file" },
	{ "firmware", OTHER, .parse = options_parse_firmware },
	{ "firmware-fb", OTHER, .parse = options_parse_firmware_fb },
	{ "generation", NUMBER, .at = AT(layout.generation), "1 or 2", 1, 2 },
	{ "high-mmio", OTHER, .parse = options_parse_high_mmio },
	{ "hostile", OTHER, .parse = options_parse_hostile },
	{ "hostile-only", OTHER, .parse = options_parse_hostile_only },
	{ "initrd", TEXT, .at = AT(initrd) },
	{ "isolation", CHOICE, .at = AT(isolation_vbs), "none or vbs" },
	{ "kernel", TEXT, .at = AT(kernel) },
	{ "low-mmio", SIZE, .at = AT(layout.low_mmio), "a size, such as 3G" },
	{ "max-cpus", NUMBER, .at = AT(max_cpus), "1 to 2048", 1, LAYOUT_ARM64_MAX_VPS },
	{ "memory", SIZE, .at = AT(layout.memory), "a size, such as 512M" },
	{ "nmi-on", WATCH, .min = WATCH_NMI },
	{ "no-synthvid", FLAG, .at = AT(no_synthvid) },
	{ "not-windows", FLAG, .at = AT(layout.not_windows) },
	{ "offers", CHOICE, .at = AT(video_first), "guid or video-first" },
	{ "overlap", CHOICE, .at = AT(overlap_cover), "refuse or cover" },
	{ "pci", OTHER, .parse = options_parse_pci },
	{ "refuse-windows", OTHER, .parse = options_parse_refuse_windows },
	{ "remove-on", WATCH, .min = WATCH_REMOVE },
	{ "rescind-on", WATCH, .min = WATCH_RESCIND },
	{ "screen", FILE_NAME, .at = AT(screen), "a file" },
	{ "screen-on", WATCH, .min = WATCH_SCREEN },
	{ "shutdown-on", WATCH, .min = WATCH_SHUTDOWN },
	{ "timeout", NUMBER, .at = AT(timeout), "seconds, 1 or more", 1, INT_MAX },
	{ "trace", TEXT, .at = AT(trace) },
	{ "verbose", FLAG, .at = AT(verbose) },
	{ "video", OTHER, .parse = options_parse_video },
	{ "vmbus-version", OTHER, .parse = options_parse_vmbus_version },
};

/* One option. Return: NULL, or what its value should have been. */
static const char *options_take(const struct option_spec *spec, char *arg,
				struct options *opt)
{
	void *at = (char *)opt + spec->at;
	u64 value;

	switch (spec->type) {
	case FLAG:
		*(bool *)at = true;
		return NULL;
	case TEXT:
		*(const char **)at = arg;
		return NULL;
	case FILE_NAME:
		*(const char **)at = arg;
		return *arg ? NULL : spec->want;
	case CHOICE:
		return parse_choice(arg, spec->want, at);
	case NUMBER:
		if (!parse_number(arg, spec->min, spec->max, &value))
			return spec->want;
		*(int *)at = (int)value;
		return NULL;
	case SIZE:
		return parse_size(arg, at) ? NULL : spec->want;
	case WATCH:
		return options_parse_watch(arg, spec->min, opt);
	case OTHER:
		return spec->parse(arg, opt);
	}
	return "unknown";
}

/* Bad use: one line, and where to read more. */
#define options_bad(fmt, ...) \
	(fprintf(stderr, "hvhost: " fmt "; see hvhost --help\n", \
		 ##__VA_ARGS__), OPTIONS_BAD)

/* Better now than when KVM has been set up. */
static int options_check_file(const char *option, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err = errno;
	else if (S_ISDIR(st.st_mode))
		err = EISDIR;
	if (fd >= 0)
		close(fd);
	return err ? options_bad("cannot read --%s '%s': %s", option, path,
				 strerror(err)) : 0;
}

static struct option_pci *options_find_pci(struct options *opt,
					   const char *name)
{
	int i;

	for (i = 0; i < opt->pcis; i++)
		if (!strcmp(opt->pci[i].name, name))
			return &opt->pci[i];
	return NULL;
}

/* The option that asks for that action */
static const char *options_watch_name(enum watch_action action)
{
	const struct option_spec *spec = option_specs;

	while (spec->type != WATCH || spec->min != action)
		spec++;
	return spec->name;
}

/* Which vCPU gets an NMI */
static int options_check_nmi(const struct options *opt, struct option_watch *w)
{
	u64 cpu;

	if (opt->layout.arch != LAYOUT_X86)
		return options_bad("--nmi-on '%s=%s' needs --arch x86",
				   w->object, w->text);
	if (!parse_number(w->object, 0, opt->cpus - 1, &cpu))
		return options_bad("--nmi-on '%s=%s': no vCPU '%s' of --cpus %d",
				   w->object, w->text, w->object, opt->cpus);
	w->cpu = (u32)cpu;
	return 0;
}

/* Backwards, for the first that names a device says whether it is there. */
static int options_check_watches(struct options *opt)
{
	struct option_pci *pci;
	int i;

	for (i = opt->watches; i--;) {
		struct option_watch *w = &opt->watch[i];
		const char *name = options_watch_name(w->action);

		if (w->bus && !options_find_pci(opt, w->bus))
			return options_bad("--%s '%s%s%s': no --pci makes a '%s'",
					   name, w->object ? w->object : "",
					   w->object ? "=" : "", w->text,
					   w->bus);
		if (w->action == WATCH_SHUTDOWN || w->action == WATCH_SCREEN)
			continue;
		if (w->action == WATCH_NMI) {
			if (options_check_nmi(opt, w))
				return OPTIONS_BAD;
			continue;
		}
		if (w->action == WATCH_ADD && w->bus &&
		    !strcmp(w->object, w->bus))
			return options_bad("--add-on '%s=%s': nobody begins with what is to come",
					   w->object, w->text);
		pci = options_find_pci(opt, w->object);
		if (!pci)
			return options_bad("--%s '%s=%s': no --pci makes a '%s'",
					   name, w->object, w->text, w->object);
		pci->later = w->action == WATCH_ADD;
	}
	return 0;
}

/* What only one architecture has; and how many redistributors arm64 has */
static int options_check_arch(struct options *opt)
{
	if (opt->layout.arch == LAYOUT_X86) {
		if (opt->devicetree)
			return options_bad("--firmware devicetree needs --arch arm64");
		if (opt->max_cpus)
			return options_bad("--max-cpus %d needs --arch arm64",
					   opt->max_cpus);
		return 0;
	}
	if (opt->isolation_vbs)
		return options_bad("--isolation vbs needs --arch x86");
	if (!opt->max_cpus)
		opt->max_cpus = opt->cpus;
	if (opt->max_cpus < opt->cpus)
		return options_bad("--max-cpus %d is less than --cpus %d",
				   opt->max_cpus, opt->cpus);
	opt->layout.redistributors = opt->max_cpus;
	return 0;
}

/* What options say together */
static int options_check(int command, struct options *opt)
{
	if (opt->isolation_vbs && opt->layout.generation == 1)
		return options_bad("--isolation vbs needs --generation 2");
	if (options_check_arch(opt))
		return OPTIONS_BAD;
	if (command == OPTIONS_LAYOUT)
		return command;
	if (!opt->kernel)
		return options_bad("run needs --kernel");
	if (opt->hostile.onlys && !opt->hostile.on)
		return options_bad("--hostile-only needs --hostile SEED[:RATE]");
	if (opt->layout.arch != ARCH_OURS)
		return options_bad("--arch %s is for layout only: this hvhost runs %s",
				   arch_name[opt->layout.arch],
				   arch_name[ARCH_OURS]);
	if (options_check_file("kernel", opt->kernel) ||
	    (opt->initrd && options_check_file("initrd", opt->initrd)) ||
	    options_check_watches(opt))
		return OPTIONS_BAD;
	return command;
}

/* What getopt_long() does not take */
static int options_refuse(int c, const char *word)
{
	if (c == ':')
		return options_bad("%s needs a value", word);
	if (strncmp(word, "--", 2))
		return options_bad("unknown option '-%c'", optopt);
	if (optopt)
		return options_bad("%s: it takes no value", word);
	return options_bad("unknown option '%s'", word);
}

/* All options. Return: OPTIONS_RUN if they can be, else HELP or BAD. */
static int options_read(int argc, char **argv, struct options *opt)
{
	struct option long_options[ARRAY_SIZE(option_specs) + 2] = {
		{ "help", no_argument, NULL, 'h' },
	};
	const struct option_spec *spec;
	const char *want;
	size_t i;
	int c;

	for (i = 0; i < ARRAY_SIZE(option_specs); i++)
		long_options[i + 1] = (struct option) {
			.name = option_specs[i].name,
			.has_arg = option_specs[i].type == FLAG ?
				   no_argument : required_argument,
			.val = LONG_OPTION + (int)i,
		};
	opterr = 0;
	optind = 0;	/* glibc: begin anew, whoever has used it before */
	while ((c = getopt_long(argc, argv, ":hv", long_options, NULL)) != -1) {
		if (c == 'v') {
			opt->verbose = true;
			continue;
		}
		if (c == 'h') {
			options_print_usage(opt->kinds);
			return OPTIONS_HELP;
		}
		if (c < LONG_OPTION)
			return options_refuse(c, argv[optind - 1]);
		spec = &option_specs[c - LONG_OPTION];
		want = options_take(spec, optarg, opt);
		if (want)
			return options_bad("--%s '%s' is not %s", spec->name,
					   optarg, want);
	}
	if (optind < argc)
		return options_bad("unexpected argument '%s'", argv[optind]);
	return OPTIONS_RUN;
}

/**
 * options_parse() - Read the command line.
 * @argc:	main()'s
 * @argv:	main()'s; its order may change, and @opt points into it
 * @kinds:	The kinds of PCI devices that --pci can make, NULL at the end
 * @opt:	Result, unless OPTIONS_BAD
 *
 * An option that comes twice counts as it came last, but each --crs, --pci,
 * --refuse-windows, --hostile-only and text to wait for counts.
 * Whether the address space makes sense is layout_make()'s to say.
 *
 * Return: enum options_command.
 */
int options_parse(int argc, char **argv,
		  const struct device_kind *const *kinds, struct options *opt)
{
	int command, c;

	*opt = (struct options) {
		.cpus = 1,
		.kinds = kinds,
		.vmbus_version = VMBUS_VERSION_DEFAULT,
		.layout = {
			.arch = ARCH_OURS, .generation = 2, .memory = 512 * MIB,
		},
	};

	if (argc < 2)
		return options_bad("no command");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		options_print_usage(kinds);
		return OPTIONS_HELP;
	}
	if (!strcmp(argv[1], "run"))
		command = OPTIONS_RUN;
	else if (!strcmp(argv[1], "layout"))
		command = OPTIONS_LAYOUT;
	else
		return options_bad("no such command: '%s'", argv[1]);

	c = options_read(argc - 1, argv + 1, opt);
	return c == OPTIONS_RUN ? options_check(command, opt) : c;
}

static void options_print_range(const char *name, const struct range *range,
				bool has)
{
	if (has)
		printf("  \"%s\": \"0x%llx-0x%llx\",\n", name, range->start,
		       range->end);
	else
		printf("  \"%s\": null,\n", name);
}

static void options_print_ranges(const char *name, const struct range *range,
				 int count)
{
	int i;

	printf("  \"%s\": [", name);
	for (i = 0; i < count; i++)
		printf("%s\"0x%llx-0x%llx\"", i ? ", " : "", range[i].start,
		       range[i].end);
	printf("],\n");
}

/**
 * options_layout() - The layout command: print the layout as one JSON object.
 * @opt:	Options
 *
 * The members are those of the trace's layout event, and more.
 *
 * Return: exit status.
 */
int options_layout(const struct options *opt)
{
	struct layout l;
	char why[200];

	if (layout_make(&opt->layout, &l, why, sizeof(why))) {
		fprintf(stderr, "hvhost: %s\n", why);
		return RUN_USAGE;
	}
	printf("{\n  \"generation\": %d,\n", l.generation);
	options_print_ranges("ram", l.ram, l.ram_count);
	options_print_ranges("crs", l.crs, l.crs_count);
	options_print_ranges("windows", l.usable, l.usable_count);
	options_print_range("reserve", &l.reserve, l.has_reserve);
	options_print_range("fb", &l.fb, l.fb.end);
	options_print_range("fb_firmware", &l.fb_firmware, l.fb_firmware.end);
	options_print_range("vga_bar", &l.vga_bar, l.vga_bar.end);
	options_print_ranges("fixed", l.fixed, l.fixed_count);
	if (l.described_count)
		options_print_ranges("described", l.described,
				     l.described_count);
	printf("  \"max_fb\": \"0x%llx\",\n", l.max_fb);
	printf("  \"mmio_megabytes\": %u\n}\n", l.mmio_megabytes);
	if (fflush(stdout) || ferror(stdout)) {
		say_failed(-errno, "cannot write the layout");
		return RUN_HOST_ERROR;
	}
	return 0;
}
