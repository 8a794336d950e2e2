# SPDX-License-Identifier: GPL-2.0-only
"""The runs of a matrix: results, the host's traces, the guests' findings and consoles.

lab reads these strictly, to judge them. Here nothing has to be whole: guests write much
of it, and a run may have been killed. What is cut is shown as far as it goes, and said
among the problems of the run or of the matrix.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import findings, kernels, results, scenario
from lab.arches import X86, Arch
from lab.common import BadFile, LabError
from lab.findings import Findings
from lab.kernels import Kernel
from lab.scenario import Scenario
from lab.trace import Event, Life, Trace, parse_line
from lab.verdict import Result

# Ranges that a map needs of an event, and that only a broken trace lacks
NEEDS = {"d0_entry": "window", "bar": "range", "conflict": "range", "vram_location": "fb"}
REMARKS = {"again": "It ran again after a triple fault of emulated KVM.",
           "retried": "It ran again because the machine around hvhost died or froze."}


def read(path: Path) -> bytes | None:
    """A file's bytes, or None."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def read_text(path: Path) -> str:
    """A file as text, "" if there is none."""
    return (read(path) or b"").decode("utf-8", "replace")


def about(folder: Path) -> list[tuple[str, str]]:
    """What kernel/versions and others wrote, as pairs."""
    return pairs(read_text(folder / "about"))


def pairs(text: str) -> list[tuple[str, str]]:
    """Lines "KEY<TAB>VALUE" as pairs."""
    return [(line.partition("\t")[0], line.partition("\t")[2])
            for line in text.split("\n") if "\t" in line]


@functools.cache
def scenario_of(name: str) -> Scenario | None:
    """The scenario of that name, if there is one."""
    try:
        return None if "/" in name else scenario.load(name)
    except LabError:
        return None


def about_scenario(name: str) -> str:
    """What the scenario is for; "" if there is no such scenario."""
    found = scenario_of(name)
    return " ".join(found.about.split()) if found else ""


def arch_of(name: str) -> Arch:
    """The scenario's architecture; x86 if there is no such scenario."""
    found = scenario_of(name)
    return found.arch if found else X86


# Kernels by their names

def names_of(name: str) -> tuple[str, str]:
    """The first and the second kernel of a run."""
    first, dots, second = name.partition("..")
    return (first, second) if dots and "/" not in name else (name, name)


def kernel_of(name: str) -> Kernel | None:
    """The kernel of that name; None of a pair and of an unknown name."""
    if len(set(names_of(name))) > 1:
        return None
    try:
        return kernels.built(name)
    except LabError:
        return None


def is_series(name: str) -> bool:
    """All sets, of whichever base, and nothing else."""
    kernel = kernel_of(name)
    return bool(kernel and kernel.role == "series" and not kernel.variant)


def version(name: str) -> str:
    """The base that the kernel, or the second one of a pair, is of, as 7.3."""
    last = names_of(name)[1]
    kernel = kernel_of(last)
    if kernel and kernel.base:
        return kernel.base.name
    found = re.search(r"[0-9]+\.[0-9]+", last)
    return found[0] if found else ""


def kernel_order(name: str) -> tuple[object, ...]:
    """Kernels without the series, those with it, pairs."""
    return (len(set(names_of(name))), "series" in name, not name.startswith("debian-"),
            not name.endswith("nofix"), name)


def shown_kernel(name: str) -> str:
    return " \u2192 ".join(dict.fromkeys(names_of(name)))


# A run

class LooseTrace:
    """The host's trace: each line, and an event where the line is whole."""

    def __init__(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        self.lines = [(event_of(n, line), line)
                      for n, line in enumerate(text.split("\n"), 1) if line]
        self.broken = sum(event is None for event, _ in self.lines)
        if text and not text.endswith("\n"):
            self.broken = max(self.broken, 1)
        self.trace = Trace([event for event, _ in self.lines if event])

    @property
    def lives(self) -> list[Life]:
        return self.trace.lives


def event_of(number: int, line: str) -> Event | None:
    """The event of a line, None if the line is not whole."""
    try:
        event = parse_line(number, line)
        if event.name in NEEDS and (event.name != "vram_location" or event.true("accepted")):
            event.range(NEEDS[event.name])
    except BadFile:
        return None
    return event


@dataclass
class Run:
    """A cell of the matrix, or one of several in it."""

    result: Result
    name: str                   # of its folder
    console: str = ""
    said: str = ""              # the guest's findings, as text
    found: Findings = field(default_factory=Findings)
    loose: LooseTrace = field(default_factory=lambda: LooseTrace(b""))
    layout: dict[str, Any] = field(default_factory=dict)
    disk: dict[str, str] | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def scenario(self) -> str:
        return self.result.scenario

    @property
    def arch(self) -> Arch:
        return arch_of(self.scenario)

    @property
    def path(self) -> str:
        return self.result.path

    @property
    def kernel(self) -> str:
        return self.result.kernel

    @property
    def title(self) -> str:
        return self.result.name

    @property
    def reason(self) -> str:
        """Why it loses a device; "" if it loses none."""
        return self.result.known_failure or self.result.lost

    @property
    def dump(self) -> str:
        """saved or lost; "" where there is none to save."""
        if not self.path.startswith("kdump-") or self.disk is None:
            return ""
        return "saved" if self.disk.get("elf") else "lost"

    @property
    def word(self) -> tuple[str, str]:
        """good, lost or fail, and that in words."""
        if not self.result.ok:
            return "fail", "FAIL"
        if self.dump == "lost":
            return "lost", "dump lost"
        if self.reason:
            return "lost", "device lost"
        return "good", "dump saved" if self.dump else "ok"


def read_findings(run: Run, folder: Path) -> None:
    data = read(folder / "out" / "findings")
    if data is None:
        run.problems.append("There are no findings of the guest.")
        return
    run.said = data.decode("utf-8", "replace").replace("\r\n", "\n")
    try:
        run.found = findings.parse(run.said)
        if run.found.cut:
            run.problems.append(f"The findings are cut: {run.found.cut}.")
    except BadFile as e:
        run.problems.append(f"The findings cannot be read: {e}.")


def read_run(result: Result, name: str, folder: Path) -> Run:
    """All that there is of a run."""
    run = Run(result, name)
    console, trace = read(folder / "console"), read(folder / "out" / "trace")
    if console is None:
        run.problems.append("There is no console.")
    if trace is None:
        run.problems.append("The host has left no trace.")
    run.console = (console or b"").decode("utf-8", "replace").replace("\r\n", "\n")
    run.loose = LooseTrace(trace or b"")
    if run.loose.broken:
        run.problems.append(
            f"The trace is cut: {run.loose.broken} of its lines "
            f"{'is' if run.loose.broken == 1 else 'are'} not whole, and shown as found.")
    read_findings(run, folder)
    layout = run.loose.trace.layout
    run.layout = layout.data if layout else read_layout(folder)
    disk = read(folder / "out" / "disk")
    if disk is not None:
        run.disk = dict(line.partition(" ")[::2]
                        for line in disk.decode("utf-8", "replace").split("\n") if line)
    run.problems += [words for name, words in REMARKS.items() if (folder / name).exists()]
    if (folder / "why").exists():
        run.problems.append(read_text(folder / "why").strip())
    return run


def read_layout(folder: Path) -> dict[str, Any]:
    """What hvhost makes of the scenario, of a run without a trace."""
    try:
        found = json.loads(read(folder / "layout.json") or b"{}")
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


# The matrix

def parse_result(line: str) -> Result | None:
    """A line of result.jsonl; None if it is cut or malformed."""
    try:
        result = results.read_line(line)
        texts = [result.scenario, result.path, result.kernel, result.known_failure,
                 result.folder, result.again, result.role, result.lost, result.host,
                 result.skipped, *result.notes]
        texts += [text for verdict in result.verdicts for text in
                  (verdict.group, *(str(check.text) for check in verdict.checks))]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return result if all(isinstance(text, str) for text in texts) else None


class Matrix:
    """All that is in the folder of a matrix."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self.runs: list[Run] = []
        self.skipped: list[Result] = []
        self.settings = ""
        self.about = about(folder)
        file = folder / "result.jsonl"
        data = read(file)
        self.there = data is not None
        if data is None:
            return
        self.time = file.stat().st_mtime
        self.settings = self.use_settings()
        jobs = folder / "jobs"
        names = sorted(d.name for d in jobs.iterdir()) if jobs.is_dir() else []
        lines = data.decode("utf-8", "replace").split("\n")
        if lines.pop():
            self.problems.append("The last line of result.jsonl is cut.")
        for number, line in enumerate(lines, 1):
            result = parse_result(line)
            if result is None:
                self.problems.append(f"Line {number} of result.jsonl is cut: {line[:300]}")
            else:
                self.add(result, jobs, names)
        seen = {run.name for run in self.runs}
        self.problems += [f"{name}: it ran, but has no result."
                          for name in names if name not in seen]

    def use_settings(self) -> str:
        """What SETTINGS was when the matrix ran, from now on for reading scenarios, too."""
        os.environ["SETTINGS"] = dict(self.about).get("hosts' settings", "")
        try:
            scenario.settings()
        except LabError as e:
            self.problems.append(f"about: {e}")
            os.environ["SETTINGS"] = ""
        return os.environ["SETTINGS"]

    def add(self, result: Result, jobs: Path, names: Sequence[str]) -> None:
        """A run. A folder outside of the matrix's is not looked into."""
        if result.skipped:
            self.skipped.append(result)
            return
        name = Path(result.folder).name
        if any(run.name == name for run in self.runs):
            self.problems.append(f"{name}: it has a second result, which is left out.")
            return
        if name in names:
            self.runs.append(read_run(result, name, jobs / name))
            return
        self.problems.append(f"{name}: its folder is gone.")
        self.runs.append(Run(result, name, problems=["Its folder is gone."]))

    def scenarios(self) -> list[tuple[str, list[Run]]]:
        """Runs by scenario, in the order of their names."""
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            found.setdefault(run.scenario, []).append(run)
        return sorted(found.items())
