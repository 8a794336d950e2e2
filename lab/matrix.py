# SPDX-License-Identifier: GPL-2.0-only
"""The matrix: scenarios on every path and kernel that they ask for, run and judged."""

from __future__ import annotations

import fnmatch
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import arches, guest, hosts, job, kernels, results, runner, scenario, unknown
from lab.arches import Arch
from lab.common import TOP, LabError, number, read_text, say, writing
from lab.job import Job
from lab.judged import result_of
from lab.kernels import Pair
from lab.locks import lock
from lab.process import Interrupted, call
from lab.verdict import Result, failures

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


def cells(arch: Arch, only: str = "") -> Iterator[Cell]:
    """All of that architecture. ONLY: those for the series alone, with that kernel instead."""
    for name in scenario.names():
        one = scenario.load(name)
        if one.arch is not arch:
            continue
        for path, kernel in one.runs():
            if not only or kernel == "series":
                yield Cell(one, path, kernels.pair(only or kernel))


def elsewhere(pattern: str, arch: Arch) -> str:
    """That scenarios of another architecture match, as the end of a sentence; or ""."""
    found = [other.name for other in arches.ARCHES.values() if other is not arch
             and any(cell.matches(pattern) for cell in cells(other))]
    return f" (with ARCH={' or '.join(found)} something does)" if found else ""


def chosen(patterns: list[str]) -> list[Cell]:
    """Those of the architecture ARCH that a pattern matches, with the kernel that KERNEL or
    SET asks for."""
    only = os.environ.get("KERNEL") or ""
    if not only and os.environ.get("SET"):
        only = kernels.set_kernel()
    arch = arches.chosen()
    known = list(cells(arch, only))
    for pattern in patterns:
        if not any(cell.matches(pattern) for cell in known):
            raise LabError(f"nothing matches: {pattern}{elsewhere(pattern, arch)}")
    found = [cell for cell in known
             if not patterns or any(cell.matches(pattern) for pattern in patterns)]
    able = [cell for cell in found if not (cell.kernel.has_file and
                                           cell.scenario.guest["one-by-one"])]
    for cell in found:
        if cell not in able:
            say(f"left out: {cell.scenario.name}:{cell.path}: it binds devices one by one, for "
                "which VMBus must be built in, and that is not known of this kernel")
    return able


def play(folder: Path, arch: Arch | None = None,
         ready: Callable[[str], None] | None = None) -> str:
    """Run the jobs in the folder; how each one ends is for the judge. READY is called with
    the name of each that has ended for the first time. Returns the accelerator."""
    verbose = bool(os.environ.get("V"))
    outcome = runner.run_jobs(folder, verbose=verbose, arch=arch, ready=ready)
    if outcome.accel == "tcg":
        play_again(folder, verbose, arch)
    return outcome.accel


def play_again(folder: Path, verbose: bool, arch: Arch | None) -> None:
    """Emulated KVM is not quite KVM: 1 guest in some 600 ended in a triple fault. So there,
    and only there, such a guest gets a second chance, and a file "again" with the first
    console. A kernel that causes it fails again."""
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
    runner.run_jobs(again, verbose=verbose, arch=arch)
    for d in list(again.iterdir()):
        d.rename(folder / d.name)
    again.rmdir()


def about(folder: Path, accel: str, took: float) -> str:
    """What the results were made with, lines "KEY<TAB>VALUE"."""
    arch = arches.chosen()
    env = arch.environment
    lines = [call(TOP / "kernel" / "versions", arch.qemu, "busybox-static", "e2fsprogs",
                  "binutils", "acpica-tools").rstrip("\n"),
             f"took\t{took:.0f} s, JOBS={number('JOBS', os.cpu_count() or 1)}",
             f"guests run under\t{accel}"]
    if os.environ.get("SETTINGS"):
        lines.append(f"hosts' settings\t{os.environ['SETTINGS']}")
    if accel == "tcg":
        qemu = call(TOP / "nest" / "qemu", env=env).strip()
        host = Path(call(TOP / "nest" / "host", env=env).strip())
        lines += [f"QEMU\t{call(qemu, '--version').splitlines()[0]}",
                  f"Linux that has hvhost in it\t{guest.release_of(host / 'vmlinuz', arch)}"]
    for d in sorted((folder / "files").iterdir()):
        # Of pairs, each of the two is there as well.
        if d.is_dir() and ".." not in d.name and (d / arch.image).exists():
            lines.append(f"kernel {d.name}\t{guest.release_of(d / arch.image, arch)}")
    return "\n".join(lines) + "\n"


def prepare(folder: Path, plays: Iterable[tuple[Cell, str]]) -> list[Job]:
    """FOLDER/jobs, a folder for each (cell, name), all of one architecture."""
    plays = list(plays)
    arch = plays[0][0].scenario.arch if plays else arches.chosen()
    for name in ("jobs", "files", "ended.jsonl", "result.jsonl", "about", "failures"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (folder / "jobs").mkdir(parents=True)
    guest.files(folder / "files", [cell.kernel for cell, _ in plays], arch=arch)
    return [job.make(folder / "jobs" / name, folder / "files", cell.scenario, cell.path,
                     cell.kernel, more="quiet") for cell, name in plays]


def names_of(cell: Cell, times: int) -> list[str]:
    """Folder names; the kernel comes first, so that jobs of one kernel run in a row."""
    name = f"{cell.kernel.file_name}.{cell.scenario.name}.{cell.path}"
    return [name] if times == 1 else [f"{name}.{i:04d}" for i in range(1, times + 1)]


class Ended:
    """The runs that have ended, each judged as it comes. FOLDER/ended.jsonl has their results
    until all have, whatever lab dies of."""

    def __init__(self, jobs: list[Job], folder: Path) -> None:
        self.file = folder / "ended.jsonl"
        self._jobs = {one.folder.name: one for one in jobs}
        self._results: dict[str, Result] = {}

    def add(self, name: str) -> None:
        """That one has ended. One that runs again has no result yet."""
        one = self._jobs[name]
        if read_text(one.folder / "rc").strip() != TRIPLE_FAULT:
            self._results[name] = result_of(one)
            results.add(self._results[name], self.file)

    def all(self) -> list[Result]:
        """Of all runs; those that did not end have failed."""
        return [self._results.get(name) or result_of(one) for name, one in self._jobs.items()]

    def interrupted(self) -> None:
        """Say what is kept."""
        if self._results:
            say(f"{len(self._results)} of {len(self._jobs)} runs had ended; "
                f"{self.file} has their results")


def matrix(patterns: list[str], folder: Path | None = None) -> int:
    """Run, judge and print a table. 0 if all is as expected, else 1."""
    arch = arches.chosen()
    folder = folder or Path(os.environ.get("MATRIX") or arch.folder("matrix"))
    times = number("TIMES", 1)
    unknown.asked_role()
    for name in ("JUNIT", "TAP"):
        if os.environ.get(name):
            results.check_writable(Path(os.environ[name]))
    found = chosen(patterns)
    failure = ""
    host = hosts.chosen()
    reasons = [host.lacks(cell.scenario, cell.path, cell.kernel) for cell in found]
    able = [cell for cell, why in zip(found, reasons) if not why]
    if not found:
        raise LabError("nothing is left to run")
    if not able:
        # All skipped is no success. What the last matrix left stays.
        for line in dict.fromkeys(f"{cell.scenario.name}: {why}"
                                  for cell, why in zip(found, reasons)):
            say(line)
        raise LabError(f"{host.name} can run none of these")
    with lock(folder / "lock", "make matrix"):
        jobs = prepare(folder, [(cell, name) for cell in able for name in names_of(cell, times)])
        began = time.monotonic()
        ended = Ended(jobs, folder)
        try:
            accel = play(folder / "jobs", arch, ended.add)
        except LabError as e:
            # What has come back is judged all the same.
            accel, failure = "unknown", str(e)
        except Interrupted:
            ended.interrupted()
            raise
        took = time.monotonic() - began
        done = ended.all()
        done += [Result(cell.scenario.name, cell.path, cell.kernel.name, None, "", [], "", "",
                        host=host.name, skipped=why)
                 for cell, why in zip(found, reasons) if why]
        try:
            write(done, folder, about(folder, accel, took))
        except LabError as e:
            failure = failure or str(e)
    print("\n".join(results.table(done)))
    status = finish(done, folder, took)
    if failure:
        raise LabError(failure)
    return status


def write(done: list[Result], folder: Path, text: str) -> None:
    """The files of a matrix that has run."""
    with writing(folder / "about"):
        (folder / "about").write_text(text, encoding="utf-8")
    with writing(folder / "failures"):
        (folder / "failures").write_text("".join(f"{line}\n" for line in failures(done)),
                                         encoding="utf-8")
    results.write(done, folder / "result.jsonl")
    (folder / "ended.jsonl").unlink(missing_ok=True)


def finish(done: list[Result], folder: Path, took: float) -> int:
    """Say what was seen of unknown kernels, what failed, and how to run that again."""
    for r in done:
        if r.role:
            print(f"\n{r.name}: judged as {r.role}-like, lost: {r.lost or 'nothing'}".replace(
                "unknown-like", "unknown"))
            print("\n".join(f"  {note}" for note in r.notes))
    runs = sum(not r.skipped for r in done)
    say(f"{runs} runs in {took:.0f} s, {runs * 60 / (took + 1):.0f} a minute")
    wrong = failures(done)
    if os.environ.get("JUNIT"):
        results.junit(done, Path(os.environ["JUNIT"]))
    if os.environ.get("TAP"):
        file = Path(os.environ["TAP"])
        with writing(file), file.open("w", encoding="utf-8") as out:
            results.tap(done, out)
    if not wrong:
        return 0
    print("\n" + "\n".join(wrong))
    say(f"{sum(not r.ok for r in done)} of {runs} runs are not as expected; "
        f"{folder / 'failures'} has them")
    return 1
