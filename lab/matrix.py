# SPDX-License-Identifier: GPL-2.0-only
"""The matrix: scenarios on every path and kernel that they ask for, run and judged."""

from __future__ import annotations

import fnmatch
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import guest, job, kernels, results, runner, scenario, unknown
from lab.common import BUILD, TOP, BadFile, LabError, call, number, say
from lab.job import Job
from lab.judge import judge, read_run
from lab.kernels import Pair
from lab.locks import lock
from lab.trace import read_trace
from lab.verdict import Result, Verdicts, failures

# hvhost's exit status for it
TRIPLE_FAULT = "4"


@dataclass(frozen=True)
class Cell:
    """A scenario on one path with one kernel."""

    scenario: scenario.Scenario
    path: str
    kernel: Pair

    def matches(self, pattern: str) -> bool:
        """SCENARIO[:PATH[:KERNEL]], each with * for anything; KERNEL may be a path."""
        name, path, kernel = (pattern.split(":", 2) + ["", ""])[:3]
        return fnmatch.fnmatchcase(self.scenario.name, name) and \
            fnmatch.fnmatchcase(self.path, path or "*") and \
            (not kernel or fnmatch.fnmatchcase(self.kernel.name, kernel))


def cells(only: str = "") -> Iterator[Cell]:
    """All there are. ONLY: those for the series alone, with that kernel instead."""
    for name in scenario.names():
        one = scenario.load(name)
        for path, kernel in one.runs():
            if not only or kernel == "series":
                yield Cell(one, path, kernels.pair(only or kernel))


def chosen(patterns: list[str]) -> list[Cell]:
    """Those that a pattern matches, with the kernel that KERNEL or SET asks for."""
    only = os.environ.get("KERNEL") or ""
    if not only and os.environ.get("SET"):
        only = kernels.set_kernel()
    known = list(cells(only))
    for pattern in patterns:
        if not any(cell.matches(pattern) for cell in known):
            raise LabError(f"nothing matches: {pattern}")
    return [cell for cell in known
            if not patterns or any(cell.matches(pattern) for pattern in patterns)]


def judged_as(folder: Path, cell: Job) -> tuple[Verdicts, Pair, str, list[str], str]:
    """Of a kernel that is a file: verdicts, the pair with its role, that role, what was
    observed, and what was lost."""
    asked = unknown.asked_role()
    try:
        run = read_run(folder, cell.scenario, cell.path, cell.kernel)
    except BadFile:
        return judge(folder, cell.scenario, cell.path, cell.kernel), cell.kernel, "", [], ""
    role = asked or unknown.find_role(run)
    lost = unknown.lost(run)
    if role in ("", "unknown"):
        return unknown.judge_unknown(run), cell.kernel, "unknown", unknown.observed(run), lost
    pair = cell.kernel.as_role(role)
    v = judge(folder, cell.scenario, cell.path, pair)
    if role != "series" and not asked:
        v.check("devices", "what is lost", "", lost, "out/trace")
    return v, pair, role, unknown.observed(run), lost


def result_of(one: Job) -> Result:
    """The verdicts over a job folder, with what is needed to look into it."""
    pair, role, lost = one.kernel, "", ""
    notes: list[str] = []
    if one.kernel.has_file:
        v, pair, role, notes, lost = judged_as(one.folder, one)
    else:
        v = judge(one.folder, one.scenario, one.path, one.kernel)
    try:
        seconds: float | None = read_trace(one.folder / "out" / "trace").seconds
    except BadFile:
        seconds = None
    known = "" if role == "unknown" else one.scenario.known_failure(pair, one.path)
    return Result(one.scenario.name, one.path, one.kernel.name, seconds, known,
                  list(v.values()), str(one.folder).removeprefix(f"{TOP}/"), one.again,
                  role, lost, notes)


def play(folder: Path, *, verbose: bool = False) -> None:
    """Run the jobs in the folder. How each one ends is for the judge."""
    outcome = runner.run_jobs(folder, verbose=verbose)
    if outcome.accel == "tcg":
        play_again(folder, verbose)


def play_again(folder: Path, verbose: bool) -> None:
    """Emulated KVM is not quite KVM: 1 guest in some 600 ended in a triple fault. So there,
    and only there, such a guest gets a second chance, and a file "again" with the first
    console. A kernel whose own fault it is does it again."""
    ended = [d for d in sorted(folder.iterdir())
             if (d / "rc").exists() and (d / "rc").read_text().strip() == TRIPLE_FAULT]
    if not ended:
        return
    again = folder.with_name(f"{folder.name}.again")
    shutil.rmtree(again, ignore_errors=True)
    again.mkdir()
    say(f"again, after a triple fault: {' '.join(d.name for d in ended)}")
    for d in ended:
        (d / "console").replace(d / "again")
        d.rename(again / d.name)
    runner.run_jobs(again, verbose=verbose)
    for d in list(again.iterdir()):
        d.rename(folder / d.name)
    again.rmdir()


def about(folder: Path, accel: str, took: float) -> str:
    """What the results were made with, lines "KEY<TAB>VALUE"."""
    lines = [call(TOP / "kernel" / "versions", "qemu-system-x86", "busybox-static", "e2fsprogs",
                  "binutils", "acpica-tools").rstrip("\n"),
             f"took\t{took:.0f} s, JOBS={number('JOBS', os.cpu_count() or 1)}",
             f"guests run under\t{accel}"]
    lines += runner.made_with() if accel == "tcg" else []
    for d in sorted((folder / "files").iterdir()):
        # Of pairs, each of the two is there as well.
        if d.is_dir() and ".." not in d.name:
            lines.append(f"kernel {d.name}\t{guest.release_of(d / 'bzImage')}")
    return "\n".join(lines) + "\n"


def prepare(folder: Path, plays: Iterable[tuple[Cell, str]]) -> list[Job]:
    """FOLDER/jobs, a folder for each (cell, name)."""
    plays = list(plays)
    for name in ("jobs", "files", "result.jsonl", "about", "failures"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (folder / "jobs").mkdir(parents=True)
    guest.files(folder / "files", [cell.kernel for cell, _ in plays])
    return [job.make(folder / "jobs" / name, folder / "files", cell.scenario, cell.path,
                     cell.kernel, more="quiet") for cell, name in plays]


def names_of(cell: Cell, times: int) -> list[str]:
    """Folder names; by kernel, so that a dying host or a slow kernel is not everybody's."""
    name = f"{cell.kernel.file_name}.{cell.scenario.name}.{cell.path}"
    return [name] if times == 1 else [f"{name}.{i:04d}" for i in range(1, times + 1)]


def matrix(patterns: list[str], folder: Path | None = None) -> int:
    """Run, judge and print a table. 0 if all is as expected, else 1."""
    folder = folder or Path(os.environ.get("MATRIX") or BUILD / "matrix")
    times = number("TIMES", 1)
    unknown.asked_role()
    found = chosen(patterns)
    with lock(folder / "lock", "make matrix"):
        jobs = prepare(folder, [(cell, name) for cell in found for name in names_of(cell, times)])
        began = time.monotonic()
        play(folder / "jobs")
        took = time.monotonic() - began
        (folder / "about").write_text(about(folder, runner.accelerator(), took),
                                      encoding="utf-8")
        done = [result_of(one) for one in jobs]
        results.write(done, folder / "result.jsonl")
    print("\n".join(results.table(done)))
    return finish(done, folder, took)


def finish(done: list[Result], folder: Path, took: float) -> int:
    """Say what was seen of unknown kernels, what failed, and how to run that again."""
    for r in done:
        if r.role:
            print(f"\n{r.name}: judged as {r.role}-like, lost: {r.lost or 'nothing'}".replace(
                "unknown-like", "unknown"))
            print("\n".join(f"  {note}" for note in r.notes))
    say(f"{len(done)} runs in {took:.0f} s, {len(done) * 60 / (took + 1):.0f} a minute")
    if os.environ.get("JUNIT"):
        results.junit(done, Path(os.environ["JUNIT"]))
    if os.environ.get("TAP"):
        with Path(os.environ["TAP"]).open("w", encoding="utf-8") as out:
            results.tap(done, out)
    wrong = failures(done)
    (folder / "failures").write_text("".join(f"{line}\n" for line in wrong), encoding="utf-8")
    if not wrong:
        return 0
    print("\n" + "\n".join(wrong))
    say(f"{sum(not r.ok for r in done)} of {len(done)} runs are not as expected; "
        f"{folder / 'failures'} has them")
    return 1
