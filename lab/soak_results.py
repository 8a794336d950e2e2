# SPDX-License-Identifier: GPL-2.0-only
"""Results of kdumps that were drawn by seeds: what each was, what came of it, and a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.common import say
from lab.seeds import DIED, TRIPLE, show_wrong
from lab.verdict import Result

# What can come of a run, in the table's order: the dump is lost; it is there, but something
# else is not as expected; the emulator gave no result
OUTCOMES = ("ok", "lost", "other", "none")
# Groups of verdicts that are about the dump
DUMP = ("dump", "vmcore", "crash")
# Columns of a table, and the buses of each of its lines
BUSES = ((1, 1), (2, 4), (5, 16), (17, 64))


@dataclass
class Dump:
    """One kdump: what is drawn, and what came of it."""

    seed: int
    arch: str
    kernel: str
    machine: str                # the scenario that it is made of
    path: str                   # kdump-s, kdump-c
    crash: str                  # crash-by
    cpus: int
    cpu: int                    # that crashes
    busy: bool                  # writes while it crashes
    pci: list[str]
    host: dict[str, Any] = field(default_factory=dict)  # what else of [host]
    guest: dict[str, Any] = field(default_factory=dict)  # what else of [guest]
    settings: str = ""          # SETTINGS
    outcome: str = ""           # of OUTCOMES
    why: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # after which it was run again
    seconds: float = 0          # of the host's clock

    @property
    def key(self) -> tuple[int, str, str, str]:
        """Results with the same key are of the same run."""
        return self.seed, self.arch, self.kernel, self.settings

    @property
    def again(self) -> str:
        """The command that runs it again."""
        words = ["make soak", f"SEEDS={self.seed}", f"KERNEL={self.kernel}"]
        words += [f"ARCH={self.arch}"] if self.arch != "x86" else []
        words += [f"SETTINGS='{self.settings}'"] if self.settings else []
        return " ".join([*words, "AGAIN=1"])

    @property
    def about(self) -> str:
        """All that was drawn, in words."""
        more = {**self.host, **self.guest}
        words = [self.machine, self.path, f"by {self.crash}", f"vCPU {self.cpu} of {self.cpus}",
                 f"{len(self.pci)} buses", *(["writing"] if self.busy else []),
                 *(f"{key}={value}" for key, value in more.items() if not isinstance(value, list)),
                 *(f"{key}={','.join(value)}" for key, value in more.items()
                   if isinstance(value, list))]
        return ", ".join(words)


def judge(one: Dump, result: Result, rc: str) -> None:
    """Fill in what came of it. RC is the job's."""
    one.seconds = round(result.seconds or 0, 1)
    one.why = [verdict.text for verdict in result.failed]
    groups = {verdict.group for verdict in result.verdicts}
    if rc == "125":
        one.outcome = "none"
    elif result.ok and groups >= set(DUMP):
        one.outcome = "ok"
    elif result.failed and groups >= set(DUMP) and \
            not any(verdict.group in DUMP for verdict in result.failed):
        one.outcome = "other"
    else:
        one.outcome = "lost"
        if result.ok:
            one.why.append("nobody looked at the dump")


def buses(one: Dump) -> str:
    low, high = next(span for span in BUSES if span[0] <= len(one.pci) <= span[1])
    return f"{low}" if low == high else f"{low}-{high}"


COLUMNS: tuple[tuple[str, Callable[[Dump], str]], ...] = (
    ("machine", lambda one: one.machine), ("crash by", lambda one: one.crash),
    ("vCPUs", lambda one: str(one.cpus)), ("buses", buses),
    ("call", lambda one: one.path.removeprefix("kdump-")),
    ("writing", lambda one: "yes" if one.busy else "no"))


def counts(found: list[Dump]) -> list[str]:
    """Runs, those of each outcome, the emulator's faults, and seconds on average and at most."""
    times = [one.seconds for one in found if one.seconds]
    mean = f"{sum(times) / len(times):.0f}" if times else "-"
    return [str(len(found)), *(str(sum(one.outcome == o for one in found) or "-")
                               for o in OUTCOMES),
            *(str(sum(fault == f for one in found for f in one.faults) or "-")
              for fault in (TRIPLE, DIED)),
            mean, f"{max(times):.0f}" if times else "-"]


def natural(text: str) -> list[tuple[int, str]]:
    """For sorting: numbers by their value."""
    return [(int(part or 0), "") if part.isdigit() else (0, part)
            for part in re.split(r"(\d+)", text)]


def table(found: Iterable[Dump]) -> list[str]:
    """For each thing that was drawn a line a value, and one for all."""
    found = list(found)
    heads = ["runs", *OUTCOMES, "triple", "died", "mean s", "max s"]

    def line(first: str, second: str, cells: list[str]) -> str:
        return f"{first:<9} {second:<16}" + "".join(f"{cell:>8}" for cell in cells)

    lines = [line("", "", heads)]
    for name, value in COLUMNS:
        for one in sorted({value(one) for one in found}, key=natural):
            lines.append(line(name, one, counts([d for d in found if value(d) == one])))
            name = ""
    return [*lines, line("all", "", counts(found))]


def finish(found: list[Dump], folder: Path) -> int:
    """Print the table and each run that is not as expected. 0 if all are."""
    print("\n".join(table(found)))
    wrong = show_wrong(found, folder)
    lost = sum(one.outcome == "lost" for one in found)
    faults = sum(len(one.faults) for one in found)
    say(f"{len(found)} kdumps, {lost or 'none'} lost, {len(wrong) - lost} otherwise not as "
        f"expected; faults of the emulator: {faults}")
    return 1 if wrong else 0
