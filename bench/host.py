# SPDX-License-Identifier: GPL-2.0-only
"""The parts without guests: alloc and size."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.settings import Bench
from lab.common import TOP, LabError, say
from lab.process import call
from sweep.build import build

FLAGS = "-DNO_SHORTCUT -DMAX_BUSES=512"
PCI = "drivers/pci/controller/pci-hyperv.o"


def alloc(bench: Bench) -> None:
    """Two builds of the same code: one for time, one that counts."""
    steps = ["--max-devices", "4", "--others", "16"] if bench.short else []
    times = [*steps, "--samples", "3", "--least", "100"] if bench.short else \
        ["--samples", "21", "--least", "2000"]
    build(bench.folder / "time", bench.asked, CFLAGS=FLAGS, SWEEP_TARGET="cost")
    bench.differ("code that sweep/cut takes", *(bench.folder / "time" / name / "cut.c"
                                                for name in (bench.base, bench.series)))
    build(bench.folder / "count", bench.asked, SWEEP_TARGET="cost",
          CFLAGS=f"{FLAGS} -DCOUNT -fsanitize-coverage=trace-pc")
    say("allocating: time")
    bench.add(call(bench.folder / "time" / "cost", *times))
    say("allocating: steps")
    bench.add(call(bench.folder / "count" / "cost", *steps))


def sections(folder: Path, files: list[str]) -> str:
    """What `size` prints of these object files."""
    done = subprocess.run(["size", *files], cwd=folder, text=True, capture_output=True,
                          check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LabError(f"size: {done.stderr.strip()}")
    return done.stdout


def size(bench: Bench) -> None:
    whole = [] if bench.short else ["vmlinux"]
    for kernel in (bench.base, bench.series):
        goals = [*(whole or ["drivers/hv/"]), PCI]
        say(f"building {' and '.join(goals)} of {kernel}")
        objects = Path(call(TOP / "kernel" / "build", "--make", f"{kernel}-nokunit",
                            *goals).strip())
        shutil.copy(objects / "drivers/hv/vmbus_drv.o", bench.folder / f"{kernel}.o")
        files = sorted(f"drivers/hv/{file.name}" for file in objects.glob("drivers/hv/*.o"))
        for line in sections(objects, [*files, PCI, *whole]).splitlines()[1:]:
            *numbers, _, _, name = line.split()
            for measure, value in zip(("text", "data", "bss"), numbers):
                bench.sample("size", name, measure, "bytes", kernel, 0, value)
    bench.differ("vmbus_drv.o", *(bench.folder / f"{name}.o"
                                  for name in (bench.base, bench.series)))
