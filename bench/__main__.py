# SPDX-License-Identifier: GPL-2.0-only
"""bench/run [PART...]: what the series costs, against its base. The parts, all unless some
are named:

    alloc   allocating and releasing MMIO windows: sweep/cost
    guest   the same by a KUnit module in a guest: bench/module
    boot    a guest's way to VMBus and to its PCI devices
    crash   from a crash to the saved dump
    size    text and data

Runs of the two kernels take turns, and are compared in pairs. SHORT=1 does a little of
each part, only to see that it works; PAIRS=n boots n pairs (10) in guest, boot and crash.
KERNELS="BASE SERIES" names other kernels, for alloc alone also as NAME=FOLDER with their
source; a NAME that is no kernel's is NAME:FEATURE,...=FOLDER, as for make sweep.

Writes to build/bench (BENCH) samples.tsv, all that was measured, results.tsv, what came of
it, and plot-*.svg; prints tables. Exit: 0 if all could be measured and the cost of
allocating does not grow with what is reserved.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench import guests, host
from bench.settings import Bench, read_settings
from lab.common import TOP
from lab.locks import lock
from lab.process import catch_signals, guarded


def clear(folder: Path) -> None:
    """Remove what another run left."""
    for name in ("jobs", "files", "kernel"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for file in (*folder.glob("plot-*.svg"), folder / "results.tsv"):
        file.unlink(missing_ok=True)


def measure(bench: Bench) -> None:
    """Fill samples.tsv."""
    bench.machine(first=True)
    if "alloc" in bench.parts:
        host.alloc(bench)
    if "size" in bench.parts:
        host.size(bench)
    guests.measure(bench)
    bench.machine(first=False)


def show(bench: Bench) -> int:
    """Tables and plots. Not 0 if the samples are not as expected."""
    names = (bench.base, bench.series, str(bench.folder))
    for command in (("summary", *names, *bench.parts), ("plots", *names)):
        status = subprocess.run([TOP / "bench" / command[0], *command[1:]], check=False,
                                stdin=subprocess.DEVNULL).returncode
        if status:
            return 1
    return 0


def main() -> int:
    bench = read_settings(sys.argv[1:])
    with catch_signals(), lock(bench.folder / "lock", "make bench"):
        clear(bench.folder)
        measure(bench)
        return show(bench)


if __name__ == "__main__":
    sys.exit(guarded("bench", main))
