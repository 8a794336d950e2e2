# SPDX-License-Identifier: GPL-2.0-only
"""Judges a chain of kernels: each with the series as a second kernel is judged, the others by
what they may lose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import devices, findings, judge as judges
from lab.chain_results import Chain
from lab.common import BadFile
from lab.findings import Line, Report
from lab.judge import Group, Run
from lab.kernels import Pair, pair
from lab.scenario import Scenario
from lab.trace import Life, read_trace
from lab.verdict import Verdicts

# Of every kernel, and of those with the series. What screen_info and EFI are depends on all
# kernels before, so nothing is expected of them.
EVERY: tuple[Group, ...] = (judges.detection, judges.vmbus)
SERIES: tuple[Group, ...] = (
    judges.windows, judges.reserve, judges.selftest, judges.reports, devices.disk, devices.vram,
    devices.lost, devices.d0, devices.tries, devices.log, devices.conflicts, devices.echo,
    devices.space)
# Groups that are about devices
DEVICES = ("lost", "disk", "d0", "second try", "echo")


@dataclass
class Whole(Run):
    """All kernels of a chain."""

    count: int

    @property
    def kernels(self) -> int:
        return self.count


@dataclass
class Step(Run):
    """One kernel of a chain, the number-th. Which one of two it is asked for does not matter."""

    number: int

    @property
    def which(self) -> tuple[str, ...]:
        return (f"kernel {self.number}, {self.kernel.second.name}",)

    @property
    def usual(self) -> str:
        """What the scenario calls such a kernel."""
        return "first" if self.number == 1 else "second"

    def life(self, which: str) -> Life:
        lives = self.trace.lives
        if self.number <= len(lives):
            return lives[self.number - 1]
        return Life(self.number, lives[-1].vram if lives else None)

    def report(self, which: str) -> Report:
        return self.findings.number(self.number)

    def expected(self, key: str, which: str) -> object:
        return super().expected(key, self.usual)

    def losses(self, which: str) -> list[tuple[str, str]]:
        return super().losses(self.usual)

    def release(self, which: str) -> str:
        return self.releases[self.number - 1]


def consoles(lines: list[Line]) -> Iterator[list[Line]]:
    """The lines of each kernel: one begins where the one before starts it."""
    own: list[Line] = []
    for line in lines:
        if line.text.startswith("guest: starts second"):
            yield own
            own = []
        own.append(line)
    yield own


def splats(step: Step, lines: list[Line], v: Verdicts) -> None:
    """No kernel crashes, and one with the series warns of nothing."""
    pattern = findings.WARNING if step.kernel.second.ours else findings.CRASH
    v.open("reports")
    for line in [line for line in lines if re.search(pattern, line.text)][:3]:
        v.fail("reports", f"{step.which[0]}: the console", line.text, f"console:{line.number}")


def others(step: Step, v: Verdicts) -> None:
    """A kernel without the series only loses devices to the framebuffer."""
    which = step.which[0]
    for kind, device in step.found_losses(which):
        if "framebuffer" not in kind:
            v.fail("lost", which, f"{kind} {device}", "out/trace")


def steps(run: Run, one: Chain, releases: list[str]) -> Iterator[Step]:
    for number, name in enumerate(one.kernels, 1):
        kernel = pair(name).second
        call = one.calls[number - 2] if number > 1 else "s"
        facts: dict[str, Any] = {**vars(run), "kernel": Pair(kernel, kernel), "console": [],
                                 "path": f"kexec-{call}", "releases": releases}
        yield Step(**facts, number=number)


def judge_chain(run: Run, v: Verdicts, one: Chain, releases: list[str]) -> None:
    whole = Whole(**vars(run), count=len(one.kernels))
    for group in (*judges.BASIC["hvhost"], judges.os_ids, judges.connections,
                  judges.host_windows):
        group(whole, v)
    v.check("detection", "kernels that reported", len(one.kernels), len(run.findings.reports),
            "out/findings")
    texts = [*consoles(run.console)]
    for step in steps(run, one, releases):
        for group in (*EVERY, *(SERIES if step.kernel.second.ours else ())):
            group(step, v)
        if not step.kernel.second.ours:
            others(step, v)
        splats(step, texts[step.number - 1] if step.number <= len(texts) else [], v)
        one.lost.append(sorted({device for _, device in step.found_losses(step.which[0])}))


def judge(one: Chain, folder: Path, scenario: Scenario, releases: list[str]) -> Verdicts:
    """The verdicts over what came back of a chain, whose kernels have these releases. Notes in
    ONE what came of it."""
    one.lost = []
    v = judges.judge_by(lambda run, v: judge_chain(run, v, one, releases), folder, scenario,
                        "boot", pair(one.kernels[0]))
    one.why = [verdict.text for verdict in v.values() if not verdict.ok]
    red = {group for group, verdict in v.items() if not verdict.ok}
    one.outcome = "ok" if v and not red else "lost" if red & set(DEVICES) else "other"
    try:
        one.seconds = round(read_trace(folder / "out" / "trace").seconds, 1)
    except BadFile:
        pass
    return v
