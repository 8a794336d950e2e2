// SPDX-License-Identifier: GPL-2.0-only
/* The command line, in Hyper-V's own words, and the layout command. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/options.h"
#include "core/parse.h"
#include "core/run.h"

static const char usage_start[] =
"hvhost: a Hyper-V host on KVM\n"
"\n"
"  hvhost run --kernel FILE [OPTION...]   boot a Linux bzImage\n"
"  hvhost layout [OPTION...]              print where things are, as JSON\n"
"  hvhost [run|layout] --help\n"
"\n"
"The guest (run):\n"
"  --kernel FILE         bzImage, needed\n"
"  --initrd FILE         initial RAM disk\n"
"  --append TEXT         kernel command line; the console is ttyS0\n"
"  --cpus N              1 to 8; 1\n"
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
"  --firmware uefi|none  generation 2: none is a kernel loaded without EFI, with\n"
"                        the framebuffer nowhere until the guest places it; uefi\n"
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
"  --arch x86|arm64      x86; arm64 is for layout only\n"
"\n"
"The run:\n"
"  --timeout SECONDS     end it after that long\n"
"  --findings FILE       the guest has COM2; write what it sends there to FILE\n"
"  --shutdown-on TEXT    when the guest sends TEXT, to COM2 with --findings and\n"
"                        else to the console, ask it to shut down\n"
"  --add-on DEVICE=TEXT  ... offer it that PCI device; what is first added, is\n"
"                        not there at the start\n"
"  --eject-on DEVICE=TEXT\n"
"                        ... ask it to let go of that PCI device\n"
"  --remove-on DEVICE=TEXT\n"
"                        ... take that PCI device away without asking\n"
"  --rescind-on DEVICE=TEXT\n"
"                        ... the same, but do not say first that its bus is empty\n"
"  --screen FILE         what is on the screen when the run ends, as PNG\n"
"  --screen-on FILE=TEXT ... or each time the guest sends TEXT\n"
"                        Each TEXT can be @DEVICE: when the guest begins with\n"
"                        the bus of that PCI device\n"
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

enum {
	OPT_ADD_ON = 256, OPT_APPEND, OPT_ARCH, OPT_BAR_CONFLICTS, OPT_BAR_READS,
	OPT_CPUS, OPT_CRS, OPT_DEAD_DEVICES, OPT_EJECT_ON, OPT_FB,
	OPT_FB_MAPPED, OPT_FINDINGS, OPT_FIRMWARE, OPT_FIRMWARE_FB,
	OPT_GENERATION, OPT_HIGH_MMIO, OPT_INITRD, OPT_ISOLATION, OPT_KERNEL, OPT_LOW_MMIO,
	OPT_MEMORY, OPT_NO_SYNTHVID, OPT_NOT_WINDOWS, OPT_OFFERS, OPT_OVERLAP,
	OPT_PCI, OPT_REFUSE_WINDOWS, OPT_REMOVE_ON, OPT_RESCIND_ON, OPT_SCREEN,
	OPT_SCREEN_ON, OPT_SHUTDOWN_ON, OPT_TIMEOUT, OPT_TRACE, OPT_VIDEO,
	OPT_VMBUS_VERSION,
};

static const struct option long_options[] = {
	{ "add-on", required_argument, NULL, OPT_ADD_ON },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "bar-conflicts", required_argument, NULL, OPT_BAR_CONFLICTS },
	{ "bar-reads", required_argument, NULL, OPT_BAR_READS },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "crs", required_argument, NULL, OPT_CRS },
	{ "dead-devices", required_argument, NULL, OPT_DEAD_DEVICES },
	{ "eject-on", required_argument, NULL, OPT_EJECT_ON },
	{ "fb", required_argument, NULL, OPT_FB },
	{ "fb-mapped", required_argument, NULL, OPT_FB_MAPPED },
	{ "findings", required_argument, NULL, OPT_FINDINGS },
	{ "firmware", required_argument, NULL, OPT_FIRMWARE },
	{ "firmware-fb", required_argument, NULL, OPT_FIRMWARE_FB },
	{ "generation", required_argument, NULL, OPT_GENERATION },
	{ "help", no_argument, NULL, 'h' },
	{ "high-mmio", required_argument, NULL, OPT_HIGH_MMIO },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "isolation", required_argument, NULL, OPT_ISOLATION },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "low-mmio", required_argument, NULL, OPT_LOW_MMIO },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "no-synthvid", no_argument, NULL, OPT_NO_SYNTHVID },
	{ "not-windows", no_argument, NULL, OPT_NOT_WINDOWS },
	{ "offers", required_argument, NULL, OPT_OFFERS },
	{ "overlap", required_argument, NULL, OPT_OVERLAP },
	{ "pci", required_argument, NULL, OPT_PCI },
	{ "refuse-windows", required_argument, NULL, OPT_REFUSE_WINDOWS },
	{ "remove-on", required_argument, NULL, OPT_REMOVE_ON },
	{ "rescind-on", required_argument, NULL, OPT_RESCIND_ON },
	{ "screen", required_argument, NULL, OPT_SCREEN },
	{ "screen-on", required_argument, NULL, OPT_SCREEN_ON },
	{ "shutdown-on", required_argument, NULL, OPT_SHUTDOWN_ON },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "verbose", no_argument, NULL, 'v' },
	{ "video", required_argument, NULL, OPT_VIDEO },
	{ "vmbus-version", required_argument, NULL, OPT_VMBUS_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* The lowest version that hosts of today still speak */
#define VMBUS_VERSION_MIN	((2 << 16) | 4)
#define VMBUS_VERSION_DEFAULT	(6 << 16)

/* What real hosts refuse a config window on the framebuffer with */
#define REFUSAL_DEFAULT		0xc0370048u
/* The lowest NTSTATUS that Linux takes for a failure: it is signed there */
#define REFUSAL_MIN		0x80000000u

static bool options_parse_crs(const char *s, struct layout_request *layout)
{
	layout->crs_given = true;
	return layout->crs_count < LAYOUT_MAX_RANGES &&
	       parse_range(s, &layout->crs[layout->crs_count++]);
}

/* A range, {0, 0} for none */
static bool options_parse_fb(const char *s, struct range *fb, bool *given)
{
	*given = true;
	*fb = (struct range) { 0, 0 };
	return !strcmp(s, "none") || parse_range(s, fb);
}

static bool options_parse_high(const char *s, struct layout_request *layout)
{
	layout->high_mmio = 0;
	layout->no_high_mmio = !strcmp(s, "none");
	return layout->no_high_mmio || parse_size(s, &layout->high_mmio);
}

static bool options_parse_arch(const char *s, struct layout_request *layout)
{
	layout->arch = strcmp(s, "arm64") ? LAYOUT_X86 : LAYOUT_ARM64;
	return layout->arch == LAYOUT_ARM64 || !strcmp(s, "x86");
}

static bool options_parse_version(const char *s, struct options *opt)
{
	u32 major, minor;

	if (!parse_pair(s, '.', 0xffff, &major, &minor))
		return false;
	opt->vmbus_version = major << 16 | minor;
	return opt->vmbus_version >= VMBUS_VERSION_MIN;
}

/* START-END[=STATUS] */
static const char *options_parse_refused_windows(const char *s,
						 struct options *opt)
{
	struct option_refusal *refusal = &opt->refusal[opt->refusals];
	u64 status = REFUSAL_DEFAULT;
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
static const char *options_parse_pci(const char *s, struct options *opt)
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

/* TEXT, DEVICE=TEXT or FILE=TEXT; @s stays as it is unless all is well */
static const char *options_parse_watch(char *s, enum watch_action action,
				       struct options *opt)
{
	struct option_watch watch = { .action = action, .text = s };
	char *equals = NULL;

	if (action != WATCH_SHUTDOWN) {
		equals = strchr(s, '=');
		if (!equals || equals == s)
			return action == WATCH_SCREEN ? "FILE=TEXT" :
							"DEVICE=TEXT";
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

/*
 * One option. Return: NULL, or what its value should have been.
 */
static const char *options_take(int option, char *arg, struct options *opt)
{
	struct layout_request *layout = &opt->layout;
	u64 value;

	switch (option) {
	case OPT_APPEND:
		opt->append = arg;
		return NULL;
	case OPT_INITRD:
		opt->initrd = arg;
		return NULL;
	case OPT_KERNEL:
		opt->kernel = arg;
		return NULL;
	case OPT_TRACE:
		opt->trace = arg;
		return NULL;
	case OPT_FINDINGS:
		opt->findings = arg;
		return *arg ? NULL : "a file";
	case OPT_SCREEN:
		opt->screen = arg;
		return *arg ? NULL : "a file";
	case OPT_SHUTDOWN_ON:
		return options_parse_watch(arg, WATCH_SHUTDOWN, opt);
	case OPT_ADD_ON:
		return options_parse_watch(arg, WATCH_ADD, opt);
	case OPT_EJECT_ON:
		return options_parse_watch(arg, WATCH_EJECT, opt);
	case OPT_REMOVE_ON:
		return options_parse_watch(arg, WATCH_REMOVE, opt);
	case OPT_RESCIND_ON:
		return options_parse_watch(arg, WATCH_RESCIND, opt);
	case OPT_SCREEN_ON:
		return options_parse_watch(arg, WATCH_SCREEN, opt);
	case OPT_PCI:
		return options_parse_pci(arg, opt);
	case OPT_BAR_CONFLICTS:
		return parse_choice(arg, "refuse or ignore",
				    &opt->ignore_bar_conflicts);
	case OPT_OVERLAP:
		return parse_choice(arg, "refuse or cover",
				    &opt->overlap_cover);
	case OPT_BAR_READS:
		return parse_choice(arg, "exact or zero", &opt->zero_bars);
	case OPT_DEAD_DEVICES:
		return parse_choice(arg, "hold or release",
				    &opt->release_dead_devices);
	case OPT_OFFERS:
		return parse_choice(arg, "guid or video-first",
				    &opt->video_first);
	case OPT_REFUSE_WINDOWS:
		return options_parse_refused_windows(arg, opt);
	case OPT_NO_SYNTHVID:
		opt->no_synthvid = true;
		return NULL;
	case OPT_NOT_WINDOWS:
		layout->not_windows = true;
		return NULL;
	case 'v':
		opt->verbose = true;
		return NULL;
	case OPT_CPUS:
		if (!parse_number(arg, 1, MAX_CPUS, &value))
			return "1 to 8";
		opt->cpus = value;
		return NULL;
	case OPT_GENERATION:
		if (!parse_number(arg, 1, 2, &value))
			return "1 or 2";
		layout->generation = value;
		return NULL;
	case OPT_TIMEOUT:
		if (!parse_number(arg, 1, INT_MAX, &value))
			return "seconds, 1 or more";
		opt->timeout = value;
		return NULL;
	case OPT_MEMORY:
		return parse_size(arg, &layout->memory) ? NULL :
			"a size, such as 512M";
	case OPT_LOW_MMIO:
		return parse_size(arg, &layout->low_mmio) ? NULL :
			"a size, such as 3G";
	case OPT_HIGH_MMIO:
		return options_parse_high(arg, layout) ? NULL :
			"a size, such as 512M, or none";
	case OPT_VIDEO:
		if (!parse_pair(arg, 'x', INT_MAX, &layout->width,
				&layout->height) ||
		    !layout->width || !layout->height)
			return "WxH, such as 1920x1080";
		return NULL;
	case OPT_CRS:
		return options_parse_crs(arg, layout) ? NULL :
			"START-END in hexadecimal, at most 16 times";
	case OPT_FB:
		return options_parse_fb(arg, &layout->fb,
					&layout->fb_given) ? NULL :
			"START-END in hexadecimal, or none";
	case OPT_FB_MAPPED:
		layout->fb_mapped_whole = !strcmp(arg, "offered");
		layout->fb_mapped = 0;
		return layout->fb_mapped_whole ||
		       (parse_size(arg, &layout->fb_mapped) &&
			layout->fb_mapped) ? NULL :
			"a size, such as 8M, or offered";
	case OPT_FIRMWARE:
		return parse_choice(arg, "uefi or none",
				    &layout->no_firmware);
	case OPT_FIRMWARE_FB:
		return options_parse_fb(arg, &layout->firmware,
					&layout->firmware_given) ? NULL :
			"START-END in hexadecimal, or none";
	case OPT_ARCH:
		return options_parse_arch(arg, layout) ? NULL : "x86 or arm64";
	case OPT_ISOLATION:
		return parse_choice(arg, "none or vbs", &opt->isolation_vbs);
	case OPT_VMBUS_VERSION:
		return options_parse_version(arg, opt) ? NULL : "2.4 or later";
	}
	return "unknown";
}

/* Bad use: one line, and where to read more. */
#define bad(fmt, ...) \
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
	return err ? bad("cannot read --%s '%s': %s", option, path,
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

/* Backwards, for the first that names a device says whether it is there. */
static int options_check_watches(struct options *opt)
{
	static const char * const name[] = {
		[WATCH_SHUTDOWN] = "shutdown-on", [WATCH_SCREEN] = "screen-on",
		[WATCH_ADD] = "add-on", [WATCH_EJECT] = "eject-on",
		[WATCH_REMOVE] = "remove-on", [WATCH_RESCIND] = "rescind-on",
	};
	struct option_pci *pci;
	int i;

	for (i = opt->watches; i--;) {
		const struct option_watch *w = &opt->watch[i];

		if (w->bus && !options_find_pci(opt, w->bus))
			return bad("--%s '%s%s%s': no --pci makes a '%s'",
				   name[w->action], w->object ? w->object : "",
				   w->object ? "=" : "", w->text, w->bus);
		if (w->action == WATCH_SHUTDOWN || w->action == WATCH_SCREEN)
			continue;
		if (w->action == WATCH_ADD && w->bus &&
		    !strcmp(w->object, w->bus))
			return bad("--add-on '%s=%s': nobody begins with what is to come",
				   w->object, w->text);
		pci = options_find_pci(opt, w->object);
		if (!pci)
			return bad("--%s '%s=%s': no --pci makes a '%s'",
				   name[w->action], w->object, w->text,
				   w->object);
		pci->later = w->action == WATCH_ADD;
	}
	return 0;
}

/* What options say together */
static int options_check(int command, struct options *opt)
{
	if (opt->isolation_vbs && opt->layout.generation == 1)
		return bad("--isolation vbs needs --generation 2");
	if (command == OPTIONS_LAYOUT)
		return command;
	if (!opt->kernel)
		return bad("run needs --kernel");
	if (opt->layout.arch != LAYOUT_X86)
		return bad("--arch arm64 is for layout only");
	if (options_check_file("kernel", opt->kernel) ||
	    (opt->initrd && options_check_file("initrd", opt->initrd)) ||
	    options_check_watches(opt))
		return OPTIONS_BAD;
	return command;
}

/**
 * options_parse() - Read the command line.
 * @argc:	main()'s
 * @argv:	main()'s; its order may change, and @opt points into it
 * @kinds:	The kinds of PCI devices that --pci can make, NULL at the end
 * @opt:	Result, unless OPTIONS_BAD
 *
 * An option that comes twice counts as it came last, but each --crs, --pci,
 * --refuse-windows and text to wait for counts.
 * Whether the address space makes sense is layout_make()'s to say.
 *
 * Return: enum options_command.
 */
int options_parse(int argc, char **argv,
		  const struct device_kind *const *kinds, struct options *opt)
{
	int command, c, index = 0;
	const char *want;

	*opt = (struct options) {
		.cpus = 1,
		.kinds = kinds,
		.vmbus_version = VMBUS_VERSION_DEFAULT,
		.layout = { .generation = 2, .memory = 512 * MIB },
	};

	if (argc < 2)
		return bad("no command");
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
		return bad("no such command: '%s'", argv[1]);

	argc--;
	argv++;
	opterr = 0;
	optind = 0;	/* glibc: begin anew, whoever has used it before */
	while ((c = getopt_long(argc, argv, ":hv", long_options,
				&index)) != -1) {
		switch (c) {
		case 'h':
			options_print_usage(kinds);
			return OPTIONS_HELP;
		case ':':
			return bad("%s needs a value", argv[optind - 1]);
		case '?':
			if (strncmp(argv[optind - 1], "--", 2))
				return bad("unknown option '-%c'", optopt);
			if (optopt)
				return bad("%s: it takes no value",
					   argv[optind - 1]);
			return bad("unknown option '%s'", argv[optind - 1]);
		}
		want = options_take(c, optarg, opt);
		if (want)
			return bad("--%s '%s' is not %s",
				   long_options[index].name, optarg, want);
	}
	if (optind < argc)
		return bad("unexpected argument '%s'", argv[optind]);
	return options_check(command, opt);
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
	printf("  \"max_fb\": \"0x%llx\",\n", l.max_fb);
	printf("  \"mmio_megabytes\": %u\n}\n", l.mmio_megabytes);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "hvhost: cannot write the layout: %s\n",
			strerror(errno));
		return RUN_HOST_ERROR;
	}
	return 0;
}
