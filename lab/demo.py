# SPDX-License-Identifier: GPL-2.0-only
"""The main job, from nothing: the same VM crashes twice, on a kernel without the fix and
on one with the series, and each time a kdump kernel is to save the dump on the NVMe
disk. What became of it is shown side by side, and below it what another kind of host makes of
the same."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import arches, foreign, hosts, judged, kernels, matrix, results, scenario, unknown
from lab.common import LabError, Range, words
from lab.judge import Run, read_run
from lab.locks import lock
from lab.verdict import Result, failures

# The case that users met: kexec -c, for Ubuntu 22.04's default without Secure Boot, and
# PCI before video in the second kernel.
PATH = "kdump-c"
MAP = 43                        # columns of a memory map
LEGEND = """
low MMIO: F framebuffer, r reserved for it, C the PCI device's config window, X
the window lies on the framebuffer: {what}.
Runs and consoles: {jobs}/*/console; the host's view: {view} beside it."""
WHAT = {"hvhost": ("the host refuses the device with c0370048", "out/trace"),
        "openvmm": ("the guest reads pixels as config space", "out/log")}


def reserved(run: Run, which: str) -> str:
    return run.report(which).reserve


def fb_range(run: Run, which: str) -> Range | None:
    if run.witness:
        found = foreign.life(run, which).vram
        return found.span if found else None
    return run.life(which).vram


def framebuffer(run: Run, which: str) -> str:
    fb = fb_range(run, which)
    return f"{fb.start:x}" if fb else "none"


def told(run: Run, which: str) -> str:
    return "nothing" if run.report(which).lfb_base == "0" else run.report(which).lfb_base


def window(run: Run, which: str) -> str:
    if run.witness:
        found = foreign.life(run, which).windows.get(foreign.instance(1))
        return str(found.span) if found else "-"
    entry = run.life(which).last("d0_entry")
    return str(entry.range("window")) if entry else "-"


def status(run: Run, which: str) -> str:
    # Of the window as it was then: the framebuffer may move away later.
    if any(kind == "config-covered" for kind, _ in run.found_losses(which)):
        return "accepted, covered"
    if run.witness:
        return "accepted" if Range.parse(window(run, which)) else "none"
    entry = run.life(which).last("d0_entry")
    if not entry:
        return "none"
    code = entry.get("status").removeprefix("0x")
    return "accepted" if code == "0" else f"refused, {code}"


def bars(run: Run, which: str) -> str:
    if run.witness:
        return words(map(str, foreign.bars(run, which, 1)))
    return words(sorted({str(e.range("range")) for e in run.life(which).all("bar")
                         if e.true("decodes")}))


def disk(run: Run, which: str) -> str:
    return run.report(which).fact("disk")


def dump(run: Run, which: str) -> str:
    if not run.report(which).fact("dump").startswith("saved"):
        return "LOST"
    size = int(run.disk.get("size") or 0) >> 20
    return f"saved, {size} MiB, of {run.disk.get('osrelease', 'nothing')}"


def low_map(run: Run, which: str) -> str:
    """Low MMIO, a character a few MiB."""
    spans = run.layout.get("windows") or list(run.scenario.expect["windows"])
    low = Range.parse(spans[0]) if isinstance(spans, list) and spans else None
    if not low:
        return ""
    cells = ["."] * MAP
    for mark, span in (("r", Range.parse(reserved(run, which))), ("F", fb_range(run, which)),
                       ("C", Range.parse(window(run, which)))):
        if span:
            first, last = ((at - low.start) * MAP // low.size for at in span)
            for i in range(max(first, 0), min(last, MAP - 1) + 1):
                cells[i] = "X" if mark == "C" and cells[i] == "F" else mark
    return "".join(cells)


Fact = Callable[[Run, str], str]


@dataclass(frozen=True)
class Row:
    """A line of the table: its title, which kernel it is about, what of that."""

    title: str
    which: str = ""
    fact: Fact | None = None


ROWS = (
    Row("The VM runs"),
    Row("VMBus reserves", "first", reserved),
    Row("framebuffer is at", "first", framebuffer),
    Row("PCI config window", "first", window),
    Row("NVMe disk", "first", disk),
    Row("It crashes; kdump kernel"),
    Row("is told of framebuffer", "second", told),
    Row("VMBus reserves", "second", reserved),
    Row("framebuffer still is at", "second", framebuffer),
    Row("PCI config window", "second", window),
    Row("low MMIO", "second", low_map),
    Row("host on D0 entry", "second", status),
    Row("NVMe BARs", "second", bars),
    Row("NVMe disk", "second", disk),
    Row("CRASH DUMP", "second", dump),
)


def rows(runs: list[Run]) -> list[tuple[Row, list[str]]]:
    return [(row, [row.fact(run, row.which) for run in runs] if row.fact else [])
            for row in ROWS]


def line(title: str, cells: list[str]) -> str:
    before, after = (cells + ["", ""])[:2]
    return f"{title:<26}  {before:<43}  {after}".rstrip()


# What is shown of a host that treats the same case otherwise
OTHERWISE = ("host on D0 entry", "NVMe disk", "CRASH DUMP")


def show(names: list[str], table: list[tuple[Row, list[str]]]) -> None:
    print("\n" + line("", [f"{names[0]} (before)", f"{names[1]} (after)"]))
    for row, cells in table:
        if not cells or row.title != "NVMe BARs":
            print(line(row.title if not cells else f"  {row.title}", cells))


def show_other(table: list[tuple[Row, list[str]]]) -> None:
    print("On a host that does not refuse, but lets the framebuffer cover the window, as OpenVMM:")
    for row, cells in table:
        if row.which == "second" and row.title in OTHERWISE:
            print(line(f"  {row.title}", cells))


def legend(folder: Path) -> None:
    what, view = WHAT[hosts.chosen().name]
    print(LEGEND.format(jobs=folder / "jobs", what=what, view=view))


def kernel_names() -> list[str]:
    """Before and after. A kernel of the user's is the second one."""
    return ["nofix", os.environ.get("KERNEL") or kernels.set_kernel()]


def job_name(cell: matrix.Cell, demo: str) -> str:
    """Of the demo's own scenario, the kernel's name alone."""
    name = cell.kernel.file_name
    return name if cell.scenario.name == demo else f"{name}-{cell.scenario.name}"


def must_be_good(result: Result) -> bool:
    """Of a tree of the user's own, what it is like before is not known."""
    return not (result.kernel == "nofix" and os.environ.get("LINUX"))


def data(table: list[tuple[Row, list[str]]], of: str = "") -> list[dict[str, str]]:
    """The table for programs."""
    return [{"which": of + row.which, "title": row.title, "before": cells[0], "after": cells[1]}
            for row, cells in table if cells]


def demo() -> int:
    """Run both, on each kind of host; show the table. 0 if each is as expected."""
    arch = arches.chosen()
    folder = arch.folder("demo")
    names = kernel_names()
    unknown.asked_role()
    host = hosts.chosen()
    main, *more = host.demos(arch)
    cells = [matrix.Cell(scenario.load(name), PATH, kernels.pair(kernel))
             for name in (main, *more) for kernel in names]
    why = host.lacks(cells[0].scenario, PATH, cells[0].kernel)
    if why:
        raise LabError(f"no demo on {host.name}: {why}")
    with lock(folder / "lock", "make demo"):
        jobs = matrix.prepare(folder, [(cell, job_name(cell, main)) for cell in cells])
        matrix.play(folder / "jobs", arch)
        done = [judged.result_of(one) for one in jobs]
        results.write(done, folder / "result.jsonl")
        try:
            runs = [read_run(job.folder, job.scenario, job.path, job.kernel, host.name)
                    for job in jobs]
        except LabError as e:
            raise LabError(f"a run did not come to its end: {e}; see {folder}/jobs") from None
        tables = [rows(runs[i:i + 2]) for i in range(0, len(runs), 2)]
        found = data(tables[0])
        for name, table in zip(more, tables[1:]):
            found += data(table, f"{name}, ")
        (folder / "table.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show([cell.kernel.first.build for cell in cells[:2]], tables[0])
    for table in tables[1:]:
        show_other(table)
    legend(folder)
    wrong = failures([r for r in done if not r.ok and must_be_good(r)])
    if wrong:
        print("\n".join(wrong))
    return 1 if wrong else 0
