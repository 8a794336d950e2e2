# SPDX-License-Identifier: GPL-2.0-only
"""The fuzzers: which there are, how they are built, and how one is run."""

from __future__ import annotations

import os
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


@dataclass
class Fuzzer:
    """A program that has libFuzzer in it, and the folder for what comes of its runs."""

    name: str
    program: Path
    cover: Path                     # the same, built to measure coverage
    first: Path | None              # inputs of this repository to start from
    kept: Path
    runs: int = 0
    seconds: int = 0
    fixed: list[str] = field(default_factory=list)

    @property
    def corpus(self) -> Path:
        return self.kept / "corpus"

    @property
    def found(self) -> Path:
        return self.kept / "found"

    @property
    def log(self) -> Path:
        return self.kept / "log"

    @property
    def inputs(self) -> list[Path]:
        """The folders of inputs; libFuzzer adds new ones to the first."""
        return [self.corpus, *([self.first] if self.first else [])]

    def faults(self) -> list[Path]:
        """The inputs that fail."""
        return sorted(file for file in self.found.iterdir() if file.name.startswith(FAULTS))

    def start(self, children: Children, *options: str | Path) -> Child:
        """Start it. What it prints is appended to its log."""
        with writing(self.log), open(self.log, "ab") as log:
            return children.start(
                [self.program, *LIMITS, f"-artifact_prefix={self.found}/", *options],
                stdout=log, stderr=log, cwd=self.kept)

    def run(self, children: Children, *options: str | Path) -> int:
        """Run it to its end; returns its exit status."""
        return finish(children, self.start(children, *options))


def finish(children: Children, child: Child) -> int:
    """Wait for a program; returns its exit status."""
    while (status := child.poll()) is None:
        pause(0.2)
    children.end(child)
    return status


def names(children: Children) -> list[str]:
    return [*children.call("make", "-s", "-C", HVHOST, "fuzz-list").split(), KERNEL]


def chosen(known: Sequence[str]) -> list[str]:
    """Those that ONLY names, or all."""
    found = os.environ.get("ONLY", "").split() or known
    for name in found:
        if name not in known:
            raise LabError(f"ONLY: no such fuzzer: '{name}' (known: {' '.join(known)})")
    return list(dict.fromkeys(found))


def build(children: Children, wanted: Sequence[str], where: Path, jobs: int) -> list[Fuzzer]:
    """Build these, and make their folders in WHERE."""
    own = [name for name in wanted if name != KERNEL]
    of_hvhost, of_kernel = BUILD / "hvhost", BUILD / "sweep" / "fuzz"
    if own:
        say(f"building the fuzzers {' '.join(own)}")
        with lock(BUILD / "hvhost.lock", "building hvhost"):
            children.call("make", "-s", f"-j{jobs}", "-C", HVHOST, f"O={of_hvhost}",
                          *(f"{of_hvhost}/{kind}/fuzz_{name}" for kind in ("fuzz", "cover")
                            for name in own))
    if KERNEL in wanted:
        say(f"building the fuzzer {KERNEL}")
        for kind in ("fuzz", "cover"):
            build_sweep(of_kernel, [kernels.kernel(kernels.set_kernel()).build],
                        SWEEP_TARGET=f"{kind}/fuzz_{KERNEL}")
    found = []
    for name in wanted:
        base, program = of_kernel if name == KERNEL else of_hvhost, f"fuzz_{name}"
        first = HVHOST / "tests" / "corpus" / name
        found.append(Fuzzer(name, base / "fuzz" / program, base / "cover" / program,
                            first if first.is_dir() else None, where / name))
    return found


def prepare(one: Fuzzer) -> None:
    """Make its folders. Inputs that a killed run was minimising are put back."""
    old = one.kept / "corpus.old"
    with writing(one.kept):
        for path in (one.found, one.kept):
            path.mkdir(parents=True, exist_ok=True)
        if old.is_dir() and not one.corpus.exists():
            old.rename(one.corpus)
        one.corpus.mkdir(exist_ok=True)


def retry(children: Children, one: Fuzzer) -> None:
    """Run what failed before. An input that does not fail any more joins the others."""
    for file in one.faults():
        if one.run(children, file) == 0:
            file.rename(one.corpus / file.name)
            one.fixed.append(file.name)


def minimise(children: Children, one: Fuzzer) -> None:
    """Keep the fewest inputs that reach the same code, and none that fails."""
    new, old = one.kept / "corpus.new", one.kept / "corpus.old"
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    with writing(new):
        new.mkdir()
    if one.run(children, "-merge=1", new, *one.inputs):
        raise LabError(f"{one.name}: its inputs cannot be minimised; see {one.log}")
    one.corpus.rename(old)
    new.rename(one.corpus)
    shutil.rmtree(old)
