# SPDX-License-Identifier: GPL-2.0-only
"""Runs job folders where guests can run: python3 -m lab.runner FOLDER.

A job is a folder FOLDER/NAME with an executable `job`, a POSIX sh script started in
that folder, the files it needs (links are followed) and, if wanted, a `deadline` in
seconds (120). busybox's commands and /dev/kvm are there, and on x86 qemu-system-x86_64
with its firmware; NEST is kvm or tcg. With ARCH=arm64 all that is arm64's. Written to
the same folder are `console` (what the job printed), `rc`, all it left in `out/`, and
`why` if it was ended from outside: rc is then 124 for the deadline, and 125 for an
inner host that died or froze under it, and for results that were refused or had no
room. Each lane runs its jobs in the order of their names.

Where hardware KVM works the jobs run on this machine. Otherwise they run in an inner
host, a small Linux under QEMU's TCG, which serves many jobs in a row; JOBS=n (one per
processor) says how many inner hosts may run side by side. One that dies or freezes,
which happens now and then under emulation, costs no results: the job that it ran runs
again in a new one, at most twice. `retried` in its folder says how often, and stays. A
job past its own deadline does not run again. V=1 shows what the jobs print. ACCEL is
nest/probe's. BOOT, GRACE and FROZEN are limits in seconds, see lab/host.py.

The exit status is 0 if every job's rc is 0, 3 if one's is not, and 1 if the jobs could
not be run.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab import arches
from lab.arches import Arch
from lab.archives import Archives, Refused, Unreadable
from lab.common import BUILD, TOP, LabError, number, say, writing
from lab.host import Clock, Host, Job, Limits
from lab.inner import Inner, Local, Place, check_space, hosts_that_fit, pack
from lab.locks import scratch
from lab.process import Children, catch_signals, check, guarded, pause

RETRIES = 2  # of a job whose inner host died or froze
STARTS = 3  # of an inner host that brings no job to an end
LOOK = 0.1  # seconds between two looks
DEADLINE = 120
RESULTS = ("console", "rc", "why", "out")

Ready = Callable[[str], None]


@dataclass
class Outcome:
    """What came of a folder of jobs."""

    accel: str
    status: dict[str, int] = field(default_factory=dict)  # by the job's name
    retried: dict[str, int] = field(default_factory=dict)  # how often, if at all

    @property
    def exit_status(self) -> int:
        return 3 if any(self.status.values()) else 0


def read_job(folder: Path) -> Job:
    """Check a job's folder."""
    name = folder.name
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise LabError(f"{folder.parent}: '{name}' is no name for a job"
                       " (letters, digits, . _ -)")
    script = folder / "job"
    if not script.is_file() or not os.access(script, os.X_OK):
        raise LabError(f"{folder} has no executable job")
    deadline = str(DEADLINE)
    if (folder / "deadline").exists():
        text = (folder / "deadline").read_bytes().decode(errors="replace")
        deadline = text.partition("\n")[0].strip()
        if not re.fullmatch(r"[1-9][0-9]{0,4}", deadline):
            raise LabError(f"{folder}/deadline is a number of seconds, not '{deadline}'")
    return Job(name, folder, int(deadline))


def read_jobs(folder: Path) -> list[Job]:
    """The jobs of a folder, in the order of their names."""
    if not folder.is_dir():
        raise LabError(f"no such folder of jobs: {folder}")
    folder = folder.resolve()
    jobs = [read_job(path) for path in sorted(folder.iterdir())
            if path.is_dir() and not path.name.startswith(".")]
    if not jobs:
        raise LabError(f"{folder} has no jobs (folders with an executable job)")
    return jobs


def clear(job: Job, *names: str) -> None:
    """Remove these from the job's folder."""
    for name in names:
        path = job.folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def retries(job: Job) -> int:
    """How often the job has run again."""
    try:
        return int((job.folder / "retried").read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0


def split(jobs: list[Job], lanes: int) -> list[list[Job]]:
    """The jobs of each lane: those with the longest deadlines first, each to the lane
    that has least to do."""
    parts: list[list[Job]] = [[] for _ in range(lanes)]
    for job in sorted(jobs, key=lambda job: -job.deadline):
        min(parts, key=lambda part: sum(j.deadline for j in part)).append(job)
    return [sorted(part, key=lambda job: job.name) for part in parts]


class Progress:
    """Counts the jobs that have ended, and says so."""

    def __init__(self, total: int, outcome: Outcome, ready: Ready | None) -> None:
        self._began = time.monotonic()
        self._total = total
        self._outcome = outcome
        self._ready = ready

    def ended(self, job: Job, status: int, text: str) -> None:
        """All files of that job are there."""
        self._outcome.status[job.name] = status
        done = len(self._outcome.status)
        left = ""
        if done < self._total:
            spent = time.monotonic() - self._began
            left = f", about {spent * (self._total - done) / done:.0f} s left"
        say(f"{done} of {self._total}: {job.name}: {text}{left}")
        if self._ready:
            self._ready(job.name)


class Lane:
    """Jobs that run in a row, in a new inner host each time one dies or freezes."""

    def __init__(self, place: Place, children: Children, work: Path, jobs: list[Job],
                 limits: Limits, clock: Clock, progress: Progress) -> None:
        self.failure = ""  # why jobs are left that cannot be run
        self.host: Host | None = None
        self._place, self._children, self._work = place, children, work
        self._pending = {job.name: job for job in jobs}
        self._limits, self._clock, self._progress = limits, clock, progress
        self._tries = 1
        self._start()

    def _start(self) -> None:
        """Start an inner host with all jobs that are left."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        jobs = list(self._pending.values())
        pack(self._children, self._work / "in.tar", jobs[0].folder.parent,
             [job.name for job in jobs])
        for name in ("events", "live", "out.tar", "log"):
            (self._work / name).touch()
        child = self._place.start(self._children, self._work)
        self._archives = Archives(self._work / "out.tar")
        self._had = len(jobs)
        self.host = Host(self._work, child, jobs, self._limits, self._clock, self._tries)

    def look(self, verbose: bool) -> None:
        """Follow the inner host; when it has ended, start another if jobs are left."""
        host = self.host
        assert host
        for ended in host.look():
            self._take(host, ended.job, f", {ended.seconds} s")
            check()
        if verbose:
            host.show()
        if host.over:
            self._after(host)

    def _take(self, host: Host, job: Job, text: str) -> None:
        """A job has ended: take its results."""
        try:
            status = self._results(job)
        except Refused as refused:
            check_space(self._work)
            self._fail(host, job, f"its results were refused: {refused}")
            if isinstance(refused, Unreadable):
                host.over = True
                host.trouble = "sent results that cannot be read"
            return
        del self._pending[job.name]
        self._progress.ended(job, status, f"rc {status}{text}")

    def _results(self, job: Job) -> int:
        """Write the results of the job to its folder, or nothing."""
        try:
            return self._archives.take(job.name, job.folder)
        except Refused:
            clear(job, *RESULTS)
            raise

    def _fail(self, host: Host, job: Job, why: str) -> None:
        """A job ends without results."""
        with writing(job.folder):
            (job.folder / "console").write_bytes(host.console(job))
            (job.folder / "why").write_text(f"{why}\n", encoding="utf-8")
            (job.folder / "rc").write_text("125\n", encoding="ascii")
        del self._pending[job.name]
        self._progress.ended(job, 125, why)

    def _again(self, host: Host, job: Job, why: str) -> None:
        """The inner host ended under this job: run it once more, or end it."""
        times = retries(job)
        if times == RETRIES:
            self._fail(host, job, why)
            return
        with writing(job.folder / "retried"):
            (job.folder / "retried").write_text(f"{times + 1}\n", encoding="ascii")
        say(f"{job.name}: {why}; running it again, try {times + 2} of {RETRIES + 1}")

    def _after(self, host: Host) -> None:
        """The inner host has ended: account for it, and decide what comes next."""
        self._children.end(host.child)
        why = f"{self._place.what} {host.trouble}{host.last_words()}"
        if host.trouble:
            # Where there is no space for what it writes, another one fails as well.
            check_space(self._work)
            with writing(BUILD / "nest/host.log"):
                shutil.copyfile(self._work / "log", BUILD / "nest/host.log")
        if host.current:
            self._rescue(host, host.current, why)
        elif host.trouble and len(self._pending) < self._had:
            say(f"{why}; jobs left: {len(self._pending)}")
        host.close()
        self._archives.close()
        self.host = None
        if self._pending:
            self._next(host, why)

    def _rescue(self, host: Host, job: Job, why: str) -> None:
        """Look for results that came without the event that says so."""
        try:
            status = self._results(job)
        except Refused:
            self._again(host, job, why)
            return
        del self._pending[job.name]
        self._progress.ended(job, status, f"rc {status}, but then {why}")

    def _next(self, host: Host, why: str) -> None:
        """Start another inner host with what is left, unless this one did nothing."""
        if host.current or len(self._pending) < self._had:
            self._tries = 1
        elif not host.trouble:
            self.failure = f"no results came from the jobs {' '.join(self._pending)}"
        elif self._tries == STARTS:
            self.failure = f"{why}; see {BUILD}/nest/host.log"
        else:
            self._tries += 1
            say(f"{why}; starting another, try {self._tries} of {STARTS}")
        if not self.failure:
            self._start()


def find_place(children: Children, accel: str | None, arch: Arch) -> tuple[str, Place]:
    """Where jobs of that architecture run: the accelerator, and the place."""
    env = {**arch.environment, **({"ACCEL": accel} if accel else {})}
    found = children.call(TOP / "nest/probe", env=env).strip()
    return found, Local() if found == "kvm" else Inner.find(children, arch)


def run_jobs(folder: Path, *, jobs: int | None = None, verbose: bool = False,
             accel: str | None = None, ready: Ready | None = None,
             arch: Arch | None = None) -> Outcome:
    """Run every job of the folder; jobs, verbose, accel and arch are JOBS, V, ACCEL and
    ARCH. ready(NAME) is called when all files of a job are there. Call this in the main
    thread. Raises LabError if jobs could not be run, and Interrupted at a signal."""
    todo = read_jobs(folder)
    most = jobs or number("JOBS", len(os.sched_getaffinity(0)))
    limits = Limits.from_environment()
    with catch_signals(), scratch(BUILD / "nest", "jobs") as work, \
            Children() as children:
        found, place = find_place(children, accel, arch or arches.chosen())
        for job in todo:
            clear(job, *RESULTS, "retried")
        # Real KVM is fast enough that jobs need not compete.
        hosts = min(most, hosts_that_fit(), len(todo)) if found == "tcg" else 1
        also = f", inner hosts: {hosts}" if found == "tcg" else ""
        say(f"{len(todo)} jobs under {found}{also}")
        outcome = Outcome(found)
        progress = Progress(len(todo), outcome, ready)
        clock = Clock()
        lanes = [Lane(place, children, work / str(n), part, limits, clock, progress)
                 for n, part in enumerate(split(todo, hosts))]
        follow(lanes, clock, verbose)
    for job in todo:
        if times := retries(job):
            outcome.retried[job.name] = times
    if outcome.retried:
        say(f"ran again because an inner host died or froze: {' '.join(outcome.retried)}")
    for lane in lanes:
        if lane.failure:
            raise LabError(lane.failure)
    return outcome


def follow(lanes: list[Lane], clock: Clock, verbose: bool) -> None:
    """Look after all lanes until each has ended."""
    while running := [lane for lane in lanes if lane.host]:
        pause(LOOK)
        clock.tick()
        for lane in running:
            lane.look(verbose)


def program(name: str, run: Callable[[Path], int]) -> int:
    """A program with a folder as its argument; returns its exit status."""
    if len(sys.argv) != 2:
        print(f"usage: python3 -m {name} FOLDER", file=sys.stderr)
        return 1
    return guarded("lab", lambda: run(Path(sys.argv[1])))


if __name__ == "__main__":
    verbose = bool(os.environ.get("V"))
    sys.exit(program("lab.runner",
                     lambda folder: run_jobs(folder, verbose=verbose).exit_status))
