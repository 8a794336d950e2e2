# SPDX-License-Identifier: GPL-2.0-only
"""The fuzzers: which there are, how they are built, and how one is run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import kernels
from lab.common import BUILD, TOP, LabError, say, writing
from lab.locks import lock
from lab.process import Child, Children, pause
from sweep.build import build as build_sweep

HVHOST = TOP / "hvhost"
# The kernel's MMIO code, see sweep/crs/fuzz.c. All others are hvhost's.
KERNEL = "crs"
LIMITS = ("-timeout=10", "-rss_limit_mb=1024")
# libFuzzer's names for inputs that are faults begin so.
FAULTS = ("crash-", "leak-", "timeout-", "oom-")
# ARCH is for guests; fuzzers run here.
MAKE = ("env", "-u", "ARCH", "make", "-s", "-C")


@dataclass
class Fuzzer:
    """A program that has libFuzzer in it, and the folder for what comes of its runs."""

    name: str
    program: Path
    cover: Path                     # the same, built to measure coverage
    first: Path | None              # inputs of this repository to start from
    kept: Path
    cut: Path | None = None         # of the kernel's: its code, as sweep/cut made it
    runs: int = 0
    seconds: int = 0
    fixed: list[str] = field(default_factory=list)
    broken: str = ""                # why it cannot run

    @property
    def corpus(self) -> Path:
        return self.kept / "corpus"

    @property
    def found(self) -> Path:
        return self.kept / "found"

    @property
    def log(self) -> Path:
        return self.kept / "log"

    def faults(self) -> list[Path]:
        """The inputs that fail."""
        return sorted(file for file in self.found.iterdir() if file.name.startswith(FAULTS))

    def start(self, children: Children, *options: str | Path, cover: bool = False) -> Child:
        """Start it, or the program that counts. What it prints is appended to its log."""
        env = {"LLVM_PROFILE_FILE": str(self.kept / "profile")} if cover else None
        with writing(self.log), open(self.log, "ab") as log:
            return children.start(
                [self.cover if cover else self.program, *LIMITS,
                 f"-artifact_prefix={self.found}/", *options],
                stdout=log, stderr=log, cwd=self.kept, env=env)

    def run(self, children: Children, *options: str | Path, cover: bool = False) -> int:
        """Run it to its end; returns its exit status."""
        return finish(children, self.start(children, *options, cover=cover))

    def said(self, start: int) -> str:
        """Its log from that byte on."""
        with open(self.log, "rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")

    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0


def finish(children: Children, child: Child) -> int:
    """Wait for a program; returns its exit status."""
    while (status := child.poll()) is None:
        pause(0.2)
    children.end(child)
    return status


def names(children: Children) -> list[str]:
    return [*children.call(*MAKE, HVHOST, "fuzz-list").split(), KERNEL]


def chosen(known: Sequence[str]) -> list[str]:
    """Those that ONLY names, or all."""
    found = os.environ.get("ONLY", "").split() or known
    for name in found:
        if name not in known:
            raise LabError(f"ONLY: no such fuzzer: '{name}' (known: {' '.join(known)})")
    return list(dict.fromkeys(found))


def build_hvhost(children: Children, wanted: Sequence[str], jobs: int) -> Path:
    """Build hvhost's; returns the folder."""
    folder = BUILD / "hvhost"
    say(f"building the fuzzers {' '.join(wanted)}")
    with lock(BUILD / "hvhost.lock", "building hvhost"):
        children.call(*MAKE, HVHOST, f"-j{jobs}", f"O={folder}",
                      *(f"{folder}/{kind}/fuzz_{name}" for kind in ("fuzz", "cover")
                        for name in wanted))
    return folder


def build_kernel() -> tuple[Path, Path]:
    """Build the kernel's; returns the folder, and the code in it."""
    folder, kernel = BUILD / "sweep" / "fuzz", kernels.kernel(kernels.set_kernel()).build
    say(f"building the fuzzer {KERNEL}")
    with lock(BUILD / "sweep-fuzz.lock", "building the fuzzer of the kernel's code"):
        for kind in ("fuzz", "cover"):
            build_sweep(folder, [kernel], SWEEP_TARGET=f"{kind}/fuzz_{KERNEL}")
    return folder, folder / kernel / "cut.c"


def build(children: Children, wanted: Sequence[str], where: Path, jobs: int) -> list[Fuzzer]:
    """Build these; their folders are in WHERE."""
    own = [name for name in wanted if name != KERNEL]
    folder = build_hvhost(children, own, jobs) if own else Path()
    found = []
    for name in own:
        first = HVHOST / "tests" / "corpus" / name
        found.append(Fuzzer(name, folder / "fuzz" / f"fuzz_{name}",
                            folder / "cover" / f"fuzz_{name}",
                            first if first.is_dir() else None, where / name))
    if KERNEL in wanted:
        folder, cut = build_kernel()
        found.append(Fuzzer(KERNEL, folder / "fuzz" / f"fuzz_{KERNEL}",
                            folder / "cover" / f"fuzz_{KERNEL}", None, where / KERNEL, cut))
    return sorted(found, key=lambda one: wanted.index(one.name))


def prepare(one: Fuzzer) -> None:
    """Make its folders, with this repository's inputs among the others. What a killed run was
    minimising is put back."""
    old = one.kept / "corpus.old"
    with writing(one.kept):
        one.found.mkdir(parents=True, exist_ok=True)
        if old.is_dir() and not one.corpus.exists():
            old.rename(one.corpus)
        one.corpus.mkdir(exist_ok=True)
        for file in sorted(one.first.iterdir()) if one.first else ():
            shutil.copy(file, one.corpus / file.name)


def retry(children: Children, one: Fuzzer) -> None:
    """Run what failed before. An input that does not fail any more joins the others."""
    for file in one.faults():
        if one.run(children, file) == 0:
            file.rename(one.corpus / file.name)
            one.fixed.append(file.name)


def begin_to_minimise(children: Children, one: Fuzzer) -> Child:
    """Start to copy the inputs, without those that reach nothing of their own or fail."""
    new = one.kept / "corpus.new"
    shutil.rmtree(new, ignore_errors=True)
    with writing(new):
        new.mkdir()
    return one.start(children, "-merge=1", new, one.corpus)


def minimised(one: Fuzzer, status: int) -> bool:
    """That has ended: the copy takes the place of the inputs, unless it failed."""
    new, old = one.kept / "corpus.new", one.kept / "corpus.old"
    if status:
        one.broken = f"its inputs cannot be minimised; see {one.log}"
        return False
    shutil.rmtree(old, ignore_errors=True)
    one.corpus.rename(old)
    new.rename(one.corpus)
    shutil.rmtree(old)
    return True


def minimise(children: Children, one: Fuzzer) -> None:
    """Both in one."""
    minimised(one, finish(children, begin_to_minimise(children, one)))


def artifacts(said: str) -> int:
    """How many inputs that fail it wrote, by its log. One with the same bytes as another has
    the same name."""
    return len(re.findall(r"^artifact_prefix=.*Test unit written to ", said, re.M))
