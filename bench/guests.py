# SPDX-License-Identifier: GPL-2.0-only
"""The parts with guests: guest, boot and crash."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.settings import Bench
from lab import guest, job, judge, kernels, runner, scenario
from lab.arches import X86, Arch
from lab.common import TOP, say
from lab.findings import Report
from lab.job import Job
from lab.kernels import Kernel, Pair
from lab.process import call
from lab.scenario import Scenario
from lab.trace import Life, Trace

PATIENCE = 300                  # seconds a guest gets
KUNIT = "kunit.enable=1 kunit.autorun=1 kunit.filter_glob=mmio_cost"
DEVICE = "test,bar64=16K,bar64=32K,bar32=64K"       # as in sweep/cost.c


@dataclass(frozen=True)
class WithModule(Kernel):
    """A kernel whose folder, a copy, also has the module mmio_cost."""

    folder: str = ""

    def path(self, arch: Arch = X86) -> Path:
        return Path(self.folder)


@dataclass(frozen=True)
class Case:
    """Runs of a scenario that are compared: one with each kernel, as often as asked."""

    part: str
    name: str
    scenario: Scenario
    path: str
    kernels: tuple[Kernel, ...]

    @property
    def files(self) -> str:
        """The folder of the guests' files: kernels of one name are not the same in all."""
        return "module" if self.part == "guest" else "plain"


@dataclass(frozen=True)
class Play:
    """One run of a case."""

    case: Case
    kernel: Kernel
    pair: int
    job: Job


Sample = tuple[str, str, str, int, float]       # case, measure, unit, number, value


def variant(name: str, drivers: tuple[str, ...], pci: tuple[str, ...] = (),
            append: str | None = None) -> Scenario:
    """That scenario with other devices and drivers and one processor, only to boot."""
    one = scenario.load(name)
    changed: dict[str, Any] = {"drivers": drivers, "second-drivers": None, "append": append}
    return dataclasses.replace(one, paths=("boot",), also=[],
                               host={**one.host, "cpus": 1, "pci": pci},
                               guest={**one.guest, **changed})


def with_module(bench: Bench, kernel: Kernel) -> Kernel:
    """The kernel with the module, built for it."""
    source, to = bench.folder / "module", bench.folder / "kernel" / kernel.build
    call(TOP / "kernel" / "build", kernel.build)
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(TOP / "bench" / "module", source)
    say(f"building the module for {kernel.build}")
    # vmlinux may not be built, so its symbols may not be known.
    call(TOP / "kernel" / "build", "--make", kernel.build, f"M={source}",
         "KBUILD_MODPOST_WARN=1", "modules")
    shutil.copytree(kernel.path(), to, symlinks=True)
    release = (to / "release").read_text(encoding="utf-8").strip()
    shutil.copy(source / "mmio_cost.ko", to / "modules" / "lib" / "modules" / release)
    call("depmod", "-b", to / "modules", release)
    facts = {f.name: getattr(kernel, f.name) for f in dataclasses.fields(kernel)}
    return WithModule(**facts, folder=str(to))


def cases(bench: Bench) -> Iterator[Case]:
    """All that is to be run."""
    both = tuple(map(kernels.built, (bench.base, bench.series)))
    if "guest" in bench.parts:
        own = tuple(with_module(bench, kernel) for kernel in both)
        for name in ("gen2-azure-3g",) if bench.short else ("gen2-default", "gen2-azure-3g"):
            yield Case("guest", name, variant(name, ("mmio_cost",), append=KUNIT), "boot", own)
    if "boot" in bench.parts:
        for n in (1,) if bench.short else (1, 16, 64):
            yield Case("boot", f"devices={n}",
                       variant("gen2-azure-3g", ("pci-hyperv",), (DEVICE,) * n), "boot", both)
    if "crash" in bench.parts:
        # nofix saves the dump as well, because the next kernel is told of the framebuffer.
        more = () if bench.short else (kernels.kernel("nofix"),)
        yield Case("crash", "gen2-default", scenario.load("gen2-default"), "kdump-s",
                   (*more, *both))


def make_jobs(bench: Bench, todo: list[Case]) -> Iterator[Play]:
    """A job for each run. Kernels take turns in which one is first."""
    for case in todo:
        files = bench.folder / "files" / case.files
        if not files.exists():
            same = [c for c in todo if c.files == case.files]
            guest.files(files, {Pair(k, k) for c in same for k in c.kernels})
            bench.differ("kernel", *(files / kernels.built(name).file_name / "bzImage"
                                     for name in (bench.base, bench.series)))
        for pair in range(bench.pairs):
            for turn in range(len(case.kernels)):
                kernel = case.kernels[(pair + turn) % len(case.kernels)]
                name = f"{pair:03d}.{case.part}.{case.name}.{turn}".replace("=", "-")
                yield Play(case, kernel, pair, job.make(
                    bench.folder / "jobs" / name, files, case.scenario, case.path,
                    Pair(kernel, kernel), patience=PATIENCE, more="quiet guest.times=yes"))


def clock(report: Report, pattern: str) -> float | None:
    """What the kernel's own clock said at that line of its log."""
    found = report.block("times").first(rf"^\[ *([0-9.]+)\] .*{pattern}")
    return float(found) if found else None


def minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def time_of(trace: Trace, name: str) -> float | None:
    return next((e.time for e in trace.events if e.name == name), None)


def last_time(life: Life, name: str) -> float | None:
    """When the host last saw that of a kernel; of D0 entries, accepted one."""
    times = [e.time for e in life.all(name) if name != "d0_entry" or e.get("status") == "0x0"]
    return times[-1] if times else None


def host_clock(life: Life, report: Report, time: float | None) -> float | None:
    """A time of the kernel's own clock on the host's. Both know the first PCI bus; what
    the kernel says of earlier times may be wrong, as its clock may be set later."""
    bus = life.first(lambda e: e.name == "vpci_version")
    since = minus(time, clock(report, "PCI VMBus probing:"))
    return bus.time + since if bus and since is not None else None


def of_boot(trace: Trace, life: Life, report: Report) -> dict[str, float | None]:
    boot, assigned = time_of(trace, "boot"), clock(report, r": BAR .*: assigned$")
    return {"contact": minus(life.events[0].time, boot),
            "offers": minus(last_time(life, "offer"), boot),
            "d0-entries": minus(last_time(life, "d0_entry"), boot),
            "bars": minus(host_clock(life, report, assigned), boot),
            "first-to-last": minus(assigned, clock(report, "PCI VMBus probing:")),
            "guest-contact": clock(report, "Vmbus version:"), "guest-bars": assigned}


def of_crash(trace: Trace, life: Life, report: Report) -> dict[str, float | None]:
    crash, saved = time_of(trace, "crash"), clock(report, "guest: dump saved$")
    return {"contact": minus(life.events[0].time, crash),
            "d0-entry": minus(last_time(life, "d0_entry"), crash),
            "saved": minus(host_clock(life, report, saved), crash)}


def of_guest(play: Play, report: Report) -> Iterator[Sample]:
    """What the KUnit suite measured, if it passed."""
    block = report.block("times")
    if not block.first(r"(\] ok [0-9]+ mmio_cost$)"):
        return
    seen: dict[tuple[str, str], int] = {}
    for _, found in block.find(r": cost (devices=\d+) (\S+) (\d+) (\S+)"):
        devices, what, value, unit = found.groups()
        number = seen[devices, what] = seen.get((devices, what), -1) + 1
        yield (f"{play.case.name} {devices}", what, unit, play.pair * 1000 + number,
               float(value))


def samples_of(play: Play) -> Iterator[Sample]:
    """What a good run measured."""
    one = play.job
    run = judge.read_run(one.folder, one.scenario, one.path, one.kernel)
    if play.case.part == "guest":
        yield from of_guest(play, run.report("first"))
        return
    which, measures = ("first", of_boot) if play.case.part == "boot" else ("second", of_crash)
    for measure, value in measures(run.trace, run.life(which), run.report(which)).items():
        if value is not None:
            yield play.case.name, measure, "s", play.pair, round(value, 6)


def collect(bench: Bench, play: Play) -> None:
    """Add the samples of a run. One that is not as expected is said, and gives none."""
    one = play.job
    verdicts = judge.judge(one.folder, one.scenario, one.path, one.kernel)
    wrong = [verdict.text for verdict in verdicts.values() if not verdict.ok]
    if wrong:
        say(f"{one.folder.name}, {play.kernel.build}: left out: {'; '.join(wrong)}")
        return
    for case, measure, unit, number, value in samples_of(play):
        bench.sample(play.case.part, case, measure, unit, play.kernel.build, number, value)


def measure(bench: Bench) -> None:
    """Run all cases, and add their samples."""
    todo = list(cases(bench))
    if not todo:
        return
    say("making the guests")
    plays = list(make_jobs(bench, todo))
    # Unless times do not matter, guests do not run side by side.
    runner.run_jobs(bench.folder / "jobs", jobs=None if bench.short else 1)
    for play in plays:
        collect(bench, play)
