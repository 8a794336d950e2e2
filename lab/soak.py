# SPDX-License-Identifier: GPL-2.0-only
"""Kdumps that are drawn by seeds: a machine, a crash and a host each, many in a row in one
inner host. No dump may be lost. Results are kept and resumed."""

from __future__ import annotations

import fnmatch
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lab import arches, guest, hosts, job, judged, kernels, runner, scenario, seeds, soak_results
from lab.arches import X86, Arch
from lab.common import LabError, number
from lab.kernels import Pair
from lab.matrix import TRIPLE_FAULT
from lab.plan import PATIENCE, size_class
from lab.reader import load_toml
from lab.schema import CRASHES
from lab.seeds import keep
from lab.soak_results import Dump

# What a run is made of: scenarios by architecture, and how often each is drawn
MACHINES = {
    "x86": (("gen2-default", 4), ("gen1-default", 4), ("gen2-azure-3g", 2), ("gen2-8k", 1),
            ("gen1-8k", 1), ("gen1-low-1g", 1), ("gen1-8k-low-1g", 1), ("gen2-low-150m", 1),
            ("gen2-no-video", 1)),
    "arm64": (("arm64-default", 4), ("arm64-azure-3g", 2), ("arm64-8k", 1))}
CPUS = (1, 1, 2, 2, 2, 3, 4, 4, 5, 6, 7, 8)
# Spans of virtual PCI buses, and how often each is drawn
BUSES = tuple(zip(soak_results.BUSES, (4, 4, 3, 1)))
# Buses beside the disk: another one, or a device with BARs, small enough for 63 of them
NVMES = 8
DEVICES = ("nvme", "test,bar32=64K", "test,bar64=1M", "test,bar32=16K,bar64=64K")
# Of [host], by key. None is the default.
HOST: dict[str, tuple[str | None, ...]] = {
    "offers": (None, "video-first"), "dead-devices": (None, "release"),
    "bar-reads": (None, "zero"), "fb-mapped": (None, "8M"), "overlap": (None, "cover"),
    "bar-conflicts": (None, "ignore")}
# Kinds of crash that every kernel has, and those for which it needs LKDTM
PLAIN, TESTED = CRASHES[:4], CRASHES[4:]
DEFAULT = 20                    # runs, unless N or SEEDS is given


def crashes(kernel: Pair, arch: Arch, cpus: int) -> list[str]:
    """The kinds of crash that there are on such a machine."""
    found = [kind for kind in PLAIN if kind != "nmi" or arch is X86]
    if kernel.first.variant == "soak":
        found += [kind for kind in TESTED if kind != "lockup" or cpus > 1]
    return found


def draw_devices(draw: random.Random) -> list[str]:
    """The PCI devices in order; one is the disk."""
    low, high = draw.choices([span for span, _ in BUSES], [often for _, often in BUSES])[0]
    found: list[str] = []
    for _ in range(draw.randint(low, high) - 1):
        device = draw.choice(DEVICES)
        # The crash kernel has little memory, and needs some for each disk.
        found.append(DEVICES[1] if device == "nvme" and found.count("nvme") == NVMES - 1
                     else device)
    found.insert(draw.randint(0, len(found)), "nvme")
    return found


def drawn(seed: int, kernel: str, arch: Arch = X86) -> Dump:
    """What the run of a seed is. Kernels differ in the crash alone, so that is drawn last."""
    draw = random.Random(f"soak {arch.name} {seed}")
    machines = MACHINES[arch.name]
    machine = draw.choices([name for name, _ in machines], [often for _, often in machines])[0]
    cpus = draw.choice(CPUS)
    cpu, path = draw.randrange(cpus), draw.choice(("kdump-s", "kdump-c"))
    busy, pci = draw.random() < 0.5, draw_devices(draw)
    host = {key: draw.choice(values) for key, values in HOST.items()}
    drivers = {}
    for key in ("drivers", "second-drivers"):
        order = draw.sample(("hyperv_drm", "pci-hyperv"), 2)
        if "hyperv_drm" in scenario.load(machine).guest["drivers"]:
            drivers[key] = order
    crash = draw.choice(crashes(kernels.pair(kernel), arch, cpus))
    return Dump(seed, arch.name, kernel, machine, path, crash, cpus, cpu, busy, pci,
                {key: value for key, value in host.items() if value}, drivers,
                settings=os.environ.get("SETTINGS") or "")


def toml(values: dict[str, Any]) -> Iterator[str]:
    """The lines of a table. JSON's text, numbers and lists are TOML's as well."""
    for key, value in values.items():
        if isinstance(value, dict):
            inside = ", ".join(toml(value))
            yield f"{key} = {{ {inside} }}"
        else:
            yield f"{key} = {json.dumps(value)}"


def as_scenario(one: Dump) -> str:
    """The run as the text of a scenario, to be run by itself as well."""
    values, reader = load_toml(scenario.SCENARIOS / f"{one.machine}.toml")
    values = scenario.merged(values, reader)
    kernel = kernels.pair(one.kernel).name
    host = {**values["host"], **one.host, "cpus": one.cpus, "pci": one.pci}
    ours = {**values["guest"], **one.guest, "paint": False, "crash-by": one.crash,
            "crash-cpu": one.cpu, "busy": one.busy}
    top = {"about": f"Seed {one.seed} of make soak.", "arch": one.arch, "paths": [one.path],
           "kernel": kernel}
    lines = [*toml(top)]
    for name, table in (("host", host), ("guest", ours), ("expect", values["expect"])):
        lines += ["", f"[{name}]", *toml(table)]
    for exception in values.get("except", []):
        if one.path in exception.get("paths", [one.path]) and \
                any(fnmatch.fnmatchcase(kernel, name) for name in exception.get("kernels", ["*"])):
            lines += ["", "[[except]]", *toml(exception)]
    return "\n".join(lines) + "\n"


def where(arch: Arch) -> Path:
    return Path(os.environ.get("SOAK") or arch.folder("soak"))


def kernel_name(arch: Arch) -> str:
    """KERNEL, which has to have the series: without it dumps are lost."""
    name = os.environ.get("KERNEL") or kernels.set_kernel()
    pair = kernels.pair(name)
    if not pair.first.ours or not pair.second.ours:
        raise LabError(f"KERNEL={name}: make soak needs a kernel with the series, such as series, "
                       "series-soak or 6.1-series")
    if "soak" in (pair.first.variant, pair.second.variant) and arch is not X86:
        raise LabError(f"KERNEL={name}: there is none of {arch.name}, only of x86")
    return pair.name


def play(dumps: dict[str, Dump], folder: Path, files: Path, done: Callable[[str], None]) -> str:
    """Run each, by its name. DONE is called with the name of each that has ended. Returns the
    accelerator."""
    arch = arches.chosen()
    shutil.rmtree(folder / "jobs", ignore_errors=True)
    for name, one in dumps.items():
        file = folder / "scenarios" / f"soak-{one.seed}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(as_scenario(one), encoding="utf-8")
        scenario.load.cache_clear()
        pair = kernels.pair(one.kernel)
        # Every bus takes time, and emulated processors share this machine's.
        patience = PATIENCE[size_class(pair)] * arch.slowness * \
            (1 + (one.cpus - 1) // 2 + len(one.pci) // 16)
        job.make(folder / "jobs" / name, files, scenario.load(str(file)), one.path, pair,
                 patience=number("PATIENCE", patience), more="quiet")
    return runner.run_jobs(folder / "jobs", jobs=number("JOBS", 1),
                           verbose=bool(os.environ.get("V")), ready=done, arch=arch).accel


def ended(one: Dump, made: Path, kept: Path) -> bool:
    """Judge a run that has ended. Return: it ended in a triple fault."""
    rc = seeds.ended(one, made)
    soak_results.judge(one, judged.result_of(job.read(made)), rc)
    if one.outcome != "ok" or one.faults:
        keep(made, kept)
        shutil.copy(made.parent.parent / "scenarios" / f"soak-{one.seed}.toml", kept)
    return rc == TRIPLE_FAULT


def run(asked: str, count: str) -> int:
    """Run these seeds, but for those with results."""
    arch = arches.chosen()
    kernel = kernel_name(arch)
    if hosts.chosen().name != "hvhost":
        raise LabError(f"HOST={hosts.chosen().name}: make soak runs on hvhost alone")
    todo = [drawn(seed, kernel, arch) for seed in seeds.asked(asked, count, DEFAULT)]
    folder = where(arch)

    def some(dumps: Sequence[Dump], done: Callable[[Dump], None]) -> None:
        seeds.batch(dumps, folder, lambda by_name, ready: play(by_name, folder, folder / "files",
                                                               ready), ended, done)

    found = seeds.resume(
        todo, Dump, folder, "make soak",
        lambda files: guest.files(files, [kernels.pair(kernel)], arch=arch), some)
    return soak_results.finish(found, folder)
