# SPDX-License-Identifier: GPL-2.0-only
"""What to measure, and where the samples go."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import kernels
from lab.common import BUILD, LabError, one_of, setting

PARTS = ("alloc", "guest", "boot", "crash", "size")


@dataclass(frozen=True)
class Bench:
    """One run of the bench. Kernels have the names that kernel/build and the sweep use."""

    folder: Path
    parts: tuple[str, ...]
    short: bool
    pairs: int
    asked: tuple[str, ...]      # two kernels, each perhaps as NAME[:FEATURE,...]=FOLDER

    @property
    def base(self) -> str:
        return name_of(self.asked[0])

    @property
    def series(self) -> str:
        return name_of(self.asked[1])

    @property
    def samples(self) -> Path:
        return self.folder / "samples.tsv"

    def add(self, text: str) -> None:
        """Add lines of samples."""
        with self.samples.open("a", encoding="utf-8") as out:
            out.write(text)

    def sample(self, part: str, case: str, measure: str, unit: str, kernel: str, number: int,
               value: object) -> None:
        self.add("\t".join((part, case, measure, unit, kernel, str(number), str(value))) + "\n")

    def machine(self, *, first: bool) -> None:
        """What else the machine does. The first sample of all starts the file."""
        if first:
            self.samples.write_text("", encoding="utf-8")
            self.sample("machine", "-", "cores", "1", "-", 0, len(os.sched_getaffinity(0)))
        self.sample("machine", "-", "load", "1", "-", 0 if first else 1,
                    f"{os.getloadavg()[0]:.2f}")

    def differ(self, what: str, base: Path, series: Path) -> None:
        """LabError if the two kernels are the same one."""
        if filecmp.cmp(base, series, shallow=False):
            raise LabError(f"{self.base} and {self.series} have the same {what}: there is "
                           "nothing to compare")


def name_of(asked: str) -> str:
    """The name of a kernel that is perhaps asked for as NAME[:FEATURE,...]=FOLDER."""
    return asked.partition("=")[0].partition(":")[0]


def build_name(name: str) -> str:
    """The name that kernel/build and the sweep use: 7.3-series of series. Others are theirs
    to check."""
    try:
        return name if "=" in name else kernels.built(name).build
    except LabError:
        return name


def read_settings(parts: Sequence[str]) -> Bench:
    """From the arguments and the environment."""
    short = setting("SHORT", r"1?", "", "1 or nothing") == "1"
    pairs = setting("PAIRS", r"[1-9]\d{0,2}", "1" if short else "10", "a number from 1 to 999")
    usual = f"mainline {kernels.set_kernel()}"
    asked = tuple(map(build_name, (os.environ.get("KERNELS") or usual).split()))
    if len(asked) != 2:
        raise LabError(f"KERNELS is two kernels, not '{os.environ['KERNELS']}'")
    for part in parts:
        one_of(part, PARTS, "part")
    parts = tuple(parts) or PARTS
    if parts != ("alloc",) and any("=" in name for name in asked):
        raise LabError(f"KERNELS: NAME=FOLDER is for alloc alone, not for {' '.join(parts)}")
    folder = Path(os.environ.get("BENCH") or BUILD / "bench").absolute()
    bench = Bench(folder, parts, short, int(pairs), asked)
    if bench.base == bench.series:
        raise LabError(f"KERNELS: '{bench.base}' twice")
    folder.mkdir(parents=True, exist_ok=True)
    return bench
