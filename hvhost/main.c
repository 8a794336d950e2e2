// SPDX-License-Identifier: GPL-2.0-only
/* hvhost: a Hyper-V host on KVM, small enough to be read. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/vm.h"
#include "core/clock.h"
#include "core/fail.h"
#include "core/hostile.h"
#include "core/math.h"
#include "core/options.h"
#include "core/trace.h"
#include "dev/kinds.h"
#include "dev/screen.h"
#include "hv/ics.h"
#include "hv/synthvid.h"
#include "hv/vmbus.h"
#include "hv/vpci.h"

/* As often as a Windows host asks for one. */
#define HEARTBEAT_SECONDS	2

/* What a guest gets to shut down in, when a signal asks for it. */
#define SHUTDOWN_SECONDS	30

/* How long to wait for the lock: during a run, and at its end. */
#define LOCK_MS			100
#define FINISH_MS		5000

static const char *const end_name[] = {
	[RUN_POWEROFF] = "poweroff",
	[RUN_HOST_ERROR] = "host_error",
	[RUN_USAGE] = "usage",
	[RUN_RESET] = "reset",
	[RUN_TRIPLE_FAULT] = "triple_fault",
	[RUN_TIMEOUT] = "timeout",
};

/* Of the one run that there is */
static const struct options *options;
static struct heartbeat heartbeat;
static struct shutdown shutdown_ic;
static struct synthvid video;
static struct vpci_device *pci[MAX_PCI];

static void main_request_shutdown(void)
{
	int err = shutdown_request(&shutdown_ic, false);

	if (err)
		say_failed(err, "the guest cannot be asked to shut down");
}

/* What is on the screen, as the guest last told, or as firmware set it. */
static int main_write_screen(struct vm *vm, const char *path)
{
	struct screen screen = SCREEN_FIRMWARE;
	u64 offset = video.fb.range.start % HV_PAGE_SIZE;
	char why[160] = "there is no framebuffer";
	int err = -ENODEV;

	if (video.width)
		screen = (struct screen) {
			.width = video.width, .height = video.height,
			.pitch = video.pitch, .depth = video.depth,
		};
	if (video.fb.in_map)
		err = screen_write(path, &screen, vm->vram.host + offset,
				   vm->vram.size - offset, why, sizeof(why));
	if (err == -ENODEV || err == -EINVAL) {
		/* The guest has no picture there */
		fprintf(stderr, "hvhost: screen '%s': %s\n", path, why);
		return err;
	}
	if (err)
		return say_host_failed(err, "screen '%s'", path);
	trace_begin("screen");
	trace_str("file", path);
	trace_num("width", screen.width);
	trace_num("height", screen.height);
	trace_num("depth", screen.depth);
	trace_range("fb", &video.fb.range);
	trace_num("dirt", (s64)video.dirt);
	trace_end();
	return 0;
}

/* The device of that name, of which options_parse() has made sure */
static struct vpci_device *main_find_pci(const char *name)
{
	int i = 0;

	while (strcmp(pci[i]->name, name))
		i++;
	return pci[i];
}

static void main_send_nmi(struct vm *vm, u32 cpu)
{
	int err = arch_nmi(vm, cpu);

	if (err) {
		say_failed(err, "no NMI for vCPU %u", cpu);
		return;
	}
	trace_begin("nmi");
	trace_num("vp", cpu);
	trace_end();
}

/* What was waited for is here: do what is to be done then. The lock is held. */
static void main_watch_seen(struct vm *vm, const struct option_watch *watch)
{
	const char *what = "taken away";
	int err = 0;

	switch (watch->action) {
	case WATCH_SHUTDOWN:
		main_request_shutdown();
		return;
	case WATCH_SCREEN:
		main_write_screen(vm, watch->object);
		return;
	case WATCH_NMI:
		main_send_nmi(vm, watch->cpu);
		return;
	case WATCH_ADD:
		what = "added";
		err = vpci_add(vm->vpci, main_find_pci(watch->object));
		break;
	case WATCH_EJECT:
		err = vpci_eject(vm->vpci, watch->object);
		break;
	case WATCH_REMOVE:
	case WATCH_RESCIND:
		err = vpci_surprise(vm->vpci, watch->object,
				    watch->action == WATCH_REMOVE);
		break;
	}
	if (err)
		say_failed(err, "%s cannot be %s", watch->object, what);
}

/* The guest begins with a bus; the first time counts, as with texts. */
static void main_begun(void *opaque, const char *name)
{
	static bool done[MAX_WATCHES];
	struct vm *vm = opaque;
	int i;

	for (i = 0; i < options->watches; i++) {
		const struct option_watch *w = &options->watch[i];

		if (!w->bus || strcmp(w->bus, name) ||
		    (done[i] && w->action != WATCH_SCREEN))
			continue;
		done[i] = true;
		main_watch_seen(vm, w);
	}
}

/* The guest sent the text of the watch with that index. */
static void main_text_seen(void *opaque, int watch)
{
	main_watch_seen(opaque, &options->watch[watch]);
}

static void main_trace_layout(const struct layout *l)
{
	trace_begin("layout");
	trace_num("generation", l->generation);
	trace_ranges("ram", l->ram, l->ram_count);
	trace_ranges("crs", l->crs, l->crs_count);
	trace_ranges("windows", l->usable, l->usable_count);
	if (l->has_reserve)
		trace_range("reserve", &l->reserve);
	trace_range("fb", &l->fb);
	trace_ranges("fixed", l->fixed, l->fixed_count);
	if (l->described_count)
		trace_ranges("described", l->described, l->described_count);
	trace_hex("max_fb", l->max_fb);
	trace_end();
}

/*
 * Until the run ends: heartbeats, the time limit, signals, and a failure of the
 * host's, seen with the next heartbeat. A vCPU's thread may hold the lock for as
 * long as nobody reads stdout, so what ends the run does without it.
 */
static void main_watch(struct vm *vm, int signal_fd)
{
	struct pollfd fds[] = {
		{ .fd = vm->run.end_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	s64 now = clock_ms(), beat = now + HEARTBEAT_SECONDS * 1000;
	s64 limit = options->timeout ? now + options->timeout * 1000ll :
				       INT64_MAX;
	const char *why = "out of time";
	struct signalfd_siginfo info;
	bool ask = false;
	int signals = 0;

	while (!run_over(&vm->run)) {
		s64 wait = ask ? 0 : (s64)min64(beat, limit) - clock_ms();

		if (poll(fds, ARRAY_SIZE(fds), wait < 0 ? 0 : (int)wait) < 0 &&
		    errno != EINTR)
			run_fail(&vm->run, -errno, "poll");
		now = clock_ms();
		if (host_failure())
			run_end(&vm->run, RUN_HOST_ERROR, host_failure());
		if (now >= limit)
			run_end(&vm->run, RUN_TIMEOUT, why);
		if (fds[1].revents & POLLIN &&
		    read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
			ask = !signals;
			if (signals++)
				run_end(&vm->run, RUN_HOST_ERROR,
					"asked twice to stop");
			why = "did not shut down when asked";
			limit = min64(limit, now + SHUTDOWN_SECONDS * 1000);
		}
		/* What cannot be done now, can in the next round */
		if ((!ask && now < beat) || !run_lock(&vm->run, LOCK_MS))
			continue;
		if (ask)
			main_request_shutdown();
		ask = false;
		if (now >= beat) {
			beat = now + HEARTBEAT_SECONDS * 1000;
			heartbeat_tick(&heartbeat);
			vmbus_poll(vm->bus);
		}
		run_unlock(&vm->run);
	}
}

static int main_map_mmio(void *opaque, u64 gpa, u64 size, vm_io_fn fn, void *io)
{
	return vm_add_mmio(opaque, gpa, size, fn, io);
}

static void main_unmap_mmio(void *opaque, u64 gpa)
{
	vm_del_mmio(opaque, gpa);
}

static int main_interrupt(void *opaque, u32 vp, u32 vector)
{
	return arch_interrupt(opaque, vp, vector);
}

/* Before there is a VM: what is wrong with them is bad use. */
static int main_make_pci(const struct options *opt)
{
	char why[160] = "no memory";
	int i;

	for (i = 0; i < opt->pcis; i++) {
		const struct option_pci *p = &opt->pci[i];

		pci[i] = p->kind->make(p->name, p->args, why, sizeof(why));
		if (!pci[i]) {
			fprintf(stderr, "hvhost: --pci, %s: %s\n", p->name,
				why);
			return -EINVAL;
		}
	}
	return 0;
}

static int main_add_pci(struct vm *vm)
{
	static const struct vpci_ops ops = {
		.map = main_map_mmio,
		.unmap = main_unmap_mmio,
		.interrupt = main_interrupt,
		.begun = main_begun,
	};
	struct vpci_config config = {
		.cpus = options->cpus,
		.shared_bit = vm->kvm.shared_bit,
		.ignore_bar_conflicts = options->ignore_bar_conflicts,
		.zero_bars = options->zero_bars,
		.release_dead_devices = options->release_dead_devices,
		.refusals = options->refusals,
		.vectors = arch_vectors,
	};
	int i, err;

	for (i = 0; i < options->refusals; i++)
		config.refusal[i] = (struct vpci_refusal) {
			.range = options->refusal[i].range,
			.status = options->refusal[i].status,
		};
	vm->vpci = vpci_new(&config, vm->bus, &vm->mem, &vm->map, &ops, vm);
	if (!vm->vpci)
		return say_failed(-ENOMEM, "virtual PCI");
	for (i = 0; i < options->pcis; i++) {
		if (options->pci[i].later)
			continue;
		err = vpci_add(vm->vpci, pci[i]);
		if (err)
			return say_failed(err, "virtual PCI: %s",
					  options->pci[i].name);
	}
	return 0;
}

static int main_post(void *opaque, u32 vp, u32 sint, u32 type,
		     const void *payload, size_t len)
{
	struct vm *vm = opaque;

	return synic_post(&vm->synic, vp, sint, type, payload, len);
}

static int main_signal_flag(void *opaque, u32 vp, u32 sint, u32 flag)
{
	struct vm *vm = opaque;

	return synic_signal(&vm->synic, vp, sint, flag);
}

/* What the guest finds on VMBus */
static int main_add_devices(struct vm *vm)
{
	static const struct vmbus_ops ops = {
		.post = main_post,
		.signal = main_signal_flag,
	};
	struct vmbus_config config = {
		.max_version = options->vmbus_version,
		.cpus = options->cpus,
		.isolated = options->isolation_vbs,
		.shared_bit = vm->kvm.shared_bit,
		.offer_as_added = options->video_first,
	};
	int err;

	mmio_init(&vm->map, &vm->layout);
	vm->map.cover = options->overlap_cover;
	synthvid_init(&video, &vm->layout, &vm->map, vm_move_fb, vm);
	vm->bus = vmbus_new(&config, &vm->mem, &ops, vm);
	if (!vm->bus)
		return say_failed(-ENOMEM, "VMBus");
	err = heartbeat_add(&heartbeat, vm->bus);
	if (err)
		return say_failed(err, "VMBus: heartbeat");
	err = shutdown_add(&shutdown_ic, vm->bus);
	if (err)
		return say_failed(err, "VMBus: shutdown");
	err = options->no_synthvid ? 0 : synthvid_add(&video, vm->bus);
	if (err)
		return say_failed(err, "VMBus: synthetic video");
	return main_add_pci(vm);
}

/* The console, and what texts to wait for in it */
static void main_init_console(struct vm *vm)
{
	int i;

	console_init(&vm->console, &vm->run);
	vm->console.seen = main_text_seen;
	vm->console.opaque = vm;
	for (i = 0; i < options->watches; i++) {
		const struct option_watch *w = &options->watch[i];

		/* A bus is not in the console's output. */
		console_watch(&vm->console, w->text,
			      !w->bus && w->action == WATCH_SCREEN, w->bus);
	}
}

static int main_start(struct vm *vm)
{
	int err;

	err = vm_init(vm);
	if (!err)
		err = main_add_devices(vm);
	if (err)
		return err;
	main_init_console(vm);
	err = arch_add_devices(vm);
	if (!err)
		err = console_start(&vm->console);
	if (!err)
		err = arch_boot(vm);
	if (!err)
		err = vm_start(vm);
	return err;
}

/* The trace's last word. Return: @how. */
static enum run_end main_trace_ending(enum run_end how, const char *why)
{
	trace_begin("end");
	trace_str("how", end_name[how]);
	trace_num("status", how);
	trace_str("why", why);
	trace_end();
	trace_close();
	return how;
}

/* However the guest ended: it may have done so because the host had failed. */
static enum run_end main_blame(enum run_end how, const char **why)
{
	if (how == RUN_HOST_ERROR || !host_failure())
		return how;
	*why = host_failure();
	return RUN_HOST_ERROR;
}

/*
 * The run has ended: write what is left. Whoever still handles an exit, finishes;
 * nobody begins, since the lock is never given back. Who does not finish may be
 * stuck in the trace, so then that has to do without its end.
 */
static enum run_end main_finish(struct vm *vm, const char **why)
{
	enum run_end how = run_ended(&vm->run, why);

	if (!run_lock(&vm->run, FINISH_MS)) {
		fprintf(stderr, "hvhost: a vCPU is stuck: the trace has no end\n");
		return main_blame(how, why);
	}
	if (options->screen && main_write_screen(vm, options->screen) &&
	    how == RUN_POWEROFF) {
		how = RUN_HOST_ERROR;
		*why = "the screen could not be written";
	}
	if (console_close_findings(&vm->console) && how == RUN_POWEROFF) {
		how = RUN_HOST_ERROR;
		*why = "the findings could not be written";
	}
	if (console_flush(&vm->console) && how == RUN_POWEROFF) {
		how = RUN_HOST_ERROR;
		*why = "the console could not be written";
	}
	how = main_trace_ending(main_blame(how, why), *why);
	/* That may have been what the host failed in */
	return main_blame(how, why);
}

static enum run_end main_run(const struct options *opt)
{
	static struct vm vm;
	enum run_end how;
	char text[160];
	const char *why;
	sigset_t set;
	int fd;

	options = opt;
	vm.kvm.cpus = opt->cpus;
	vm.config = (struct vm_config) {
		.kernel = opt->kernel, .initrd = opt->initrd,
		.append = opt->append, .isolated = opt->isolation_vbs,
		.overlap_cover = opt->overlap_cover,
		.devicetree = opt->devicetree,
		/* Firmware of isolated VMs says nothing by itself. */
		.firmware_tells = !opt->isolation_vbs ||
				  opt->layout.firmware_given,
	};
	if (layout_make(&opt->layout, &vm.layout, text, sizeof(text))) {
		fprintf(stderr, "hvhost: %s\n", text);
		return RUN_USAGE;
	}
	if (main_make_pci(opt))
		return RUN_USAGE;
	if (trace_open(opt->trace, opt->verbose))
		return RUN_HOST_ERROR;
	main_trace_layout(&vm.layout);
	hostile_start(&opt->hostile);

	/* For main_watch() alone, whichever thread they would have found. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		say_failed(-errno, "signalfd");
		return main_trace_ending(RUN_HOST_ERROR, "no signalfd");
	}
	/* In these two stderr knows why */
	if (console_open_findings(&vm.console, opt->findings))
		return main_trace_ending(RUN_HOST_ERROR,
					 "no file for findings");
	if (main_start(&vm))
		return main_trace_ending(RUN_HOST_ERROR, "it could not start");
	main_watch(&vm, fd);

	how = main_finish(&vm, &why);
	if (how != RUN_POWEROFF)
		fprintf(stderr, "hvhost: %s: %s\n", end_name[how], why);
	return how;
}

/**
 * main() - See options.c for what can be asked.
 * @argc:	As usual
 * @argv:	As usual
 *
 * Return: enum run_end.
 */
int main(int argc, char **argv)
{
	static struct options opt;
	int ret = options_parse(argc, argv, device_kinds, &opt);

	switch (ret) {
	case OPTIONS_RUN:
		return main_run(&opt);
	case OPTIONS_LAYOUT:
		return options_layout(&opt);
	case OPTIONS_HELP:
		return 0;
	}
	return RUN_USAGE;
}
