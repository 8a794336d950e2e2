# SPDX-License-Identifier: GPL-2.0-only
"""Chains of kernels that are drawn by seeds: each is started by kexec from the one before, and
the last has the series. Results are kept and resumed."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lab import (arches, chain_judge, chain_results, guest, hosts, job, kernels, plan, runner,
                 scenario, seeds)
from lab.arches import X86
from lab.chain_results import Chain
from lab.common import LabError, number
from lab.kernels import Kernel, Pair
from lab.matrix import TRIPLE_FAULT
from lab.scenario import Scenario
from lab.seeds import keep

# What a run is made of: scenarios, and how often each is drawn
MACHINES = (("gen2-default", 3), ("gen2-efi-noruntime", 3), ("gen1-default", 2), ("gen1-8k", 2),
            ("gen1-8k-low-1g", 1), ("gen2-azure-3g", 1), ("gen2-8k", 2), ("gen2-low-150m", 1))
SHORTEST, LONGEST = 3, 10
OTHERS = "nofix mainline"       # kernels beside that with the series, unless KERNELS is given
# Beside the disk. They have 64-bit BARs: after kernels without the fix there may be no room
# for others (docs/sweep.md).
DEVICES = ("nvme", "test,bar64=64K", "test,bar64=1M")
MOST_DEVICES = 3
MEMORY = "768M"                 # each kernel has all the others in its initramfs
DEFAULT = 10                    # runs, unless N or SEEDS is given


def drawn(seed: int, kernel: str, others: str) -> Chain:
    """What the run of a seed is: a chain of OTHERS and KERNEL, which is the last."""
    draw = random.Random(f"chain {seed}")
    machine = draw.choices([name for name, _ in MACHINES], [often for _, often in MACHINES])[0]
    pci = [draw.choice(DEVICES) for _ in range(draw.randint(0, MOST_DEVICES))]
    pci.insert(draw.randint(0, len(pci)), "nvme")
    length = draw.randint(SHORTEST, LONGEST)
    names = [draw.choice([kernel, *others.split()]) for _ in range(length - 1)] + [kernel]
    calls = [draw.choice("sc") for _ in range(length - 1)]
    orders = [draw.sample(("hyperv_drm", "pci-hyperv"), 2) for _ in range(length)]
    return Chain(seed, kernel, others, machine, names, calls, orders, pci,
                 os.environ.get("SETTINGS") or "")


def scenario_of(one: Chain) -> Scenario:
    """That of its machine, with what was drawn."""
    found = scenario.load(one.machine)
    return replace(found, host={**found.host, "pci": one.pci, "memory": MEMORY},
                   guest={**found.guest, "drivers": one.drivers[0], "second-drivers": None,
                          "paint": False})


def argument(one: Chain) -> str:
    """guest.chain= of the first kernel."""
    found = []
    for name, call, order in zip(one.kernels[1:], one.calls, one.drivers[1:]):
        pair = kernels.pair(name)
        base = scenario_of(one)
        own = replace(base, guest={**base.guest, "drivers": order})
        found.append(f"{call}:{pair.first.file_name}:"
                     f"{'+'.join(plan.modules(own, pair, 'second'))}")
    return f"guest.chain={','.join(found)}"


def asked_kernels() -> tuple[str, str]:
    """KERNEL, which has to have the series, and KERNELS, the others."""
    name = os.environ.get("KERNEL") or kernels.set_kernel()
    others = os.environ.get("KERNELS") or OTHERS
    last = kernels.pair(name)
    if ".." in name or not last.first.ours:
        raise LabError(f"KERNEL={name}: make chain needs a kernel with the series, such as series "
                       "or 6.1-series")
    for other in others.split():
        if ".." in other or "/" in other:
            raise LabError(f"KERNELS: '{other}' is not the name of one kernel")
        kernels.kernel(other)
    return last.name, others


def kernels_of(chains: Sequence[Chain]) -> list[Kernel]:
    """All that are in these."""
    return [kernels.kernel(name) for name in sorted({k for one in chains for k in one.kernels})]


def play(chains: dict[str, Chain], folder: Path, done: Callable[[str], None]) -> str:
    """Run each, by its name. DONE is called with the name of each that has ended. Returns the
    accelerator."""
    shutil.rmtree(folder / "jobs", ignore_errors=True)
    for name, one in chains.items():
        first: Pair = kernels.pair(one.kernels[0])
        patience = plan.PATIENCE["debian"] + plan.PATIENCE["ours"] * len(one.kernels) // 4
        job.make(folder / "jobs" / name, folder / "files", scenario_of(one), "boot", first,
                 patience=number("PATIENCE", patience), more=f"quiet {argument(one)}")
    return runner.run_jobs(folder / "jobs", jobs=number("JOBS", 1),
                           verbose=bool(os.environ.get("V")), ready=done, arch=X86).accel


def ended(one: Chain, made: Path, kept: Path) -> bool:
    """Judge a run that has ended. Return: it ended in a triple fault."""
    rc = seeds.ended(one, made)
    files = made.parent.parent / "files"
    releases = [(files / kernels.kernel(name).file_name / "release").read_text(
        encoding="utf-8").strip() for name in one.kernels]
    chain_judge.judge(one, made, scenario_of(one), releases)
    if rc == "125":
        one.outcome = "none"
    if one.outcome != "ok" or one.faults:
        keep(made, kept)
    return rc == TRIPLE_FAULT


def run(asked: str, count: str) -> int:
    """Run these seeds, but for those with results."""
    if hosts.chosen().name != "hvhost" or arches.chosen() is not X86:
        raise LabError("make chain runs x86's guests on hvhost alone, without HOST and ARCH")
    kernel, others = asked_kernels()
    todo = [drawn(seed, kernel, others) for seed in seeds.asked(asked, count, DEFAULT)]
    folder = Path(os.environ.get("CHAIN") or X86.folder("chain"))

    def some(chains: Sequence[Chain], done: Callable[[Chain], None]) -> None:
        seeds.batch(chains, folder, lambda by_name, ready: play(by_name, folder, ready), ended,
                    done)

    found = seeds.resume(todo, Chain, folder, "make chain",
                         lambda files: guest.chain_files(files, kernels_of(todo)), some)
    return chain_results.finish(found, folder)
