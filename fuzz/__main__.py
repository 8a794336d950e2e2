# SPDX-License-Identifier: GPL-2.0-only
"""fuzz/run: fuzzes hvhost and the kernel's MMIO code.

HOURS says for how long (8), JOBS how many fuzzers run at once (one per processor), ONLY
which ("ring crs"; all). The time is divided among them evenly.

build/fuzz (FUZZ) keeps for each its inputs, minimised, and what it found; the next run goes
on from there. An input that failed is tried again first. Prints what ran, what was found and
how much of each file is reached; build/fuzz/unreached lists the lines that are not. Exit: 0;
1 if an input fails, or a fuzzer cannot run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz import coverage, fuzzers, turns
from fuzz.fuzzers import Fuzzer
from lab.common import BUILD, LabError, number, say, setting, writing
from lab.locks import lock
from lab.process import Children, catch_signals, guarded


def hours() -> float:
    text = setting("HOURS", r"\d{1,4}(\.\d{1,6})?", "8", "a number of hours, as 8 or 0.5")
    if not float(text):
        raise LabError(f"HOURS is more than 0, not '{text}'")
    return float(text)


def play(children: Children, where: Path, seconds: float, jobs: int) -> list[Fuzzer]:
    """Build the fuzzers, run them, and minimise their inputs."""
    wanted = fuzzers.chosen(fuzzers.names(children))
    found = fuzzers.build(children, wanted, where, jobs)
    for one in found:
        fuzzers.prepare(one)
        fuzzers.retry(children, one)
    turns.take(children, found, seconds * min(jobs, len(found)) / len(found), jobs)
    say("minimising the inputs")
    for one in found:
        if not one.broken:
            fuzzers.minimise(children, one)
    return found


def results(found: Sequence[Fuzzer]) -> Iterator[str]:
    """What ran, and what was found."""
    yield f"{'fuzzer':<10}{'runs':>14}{'seconds':>9}{'inputs':>8}{'faults':>8}"
    for one in found:
        inputs = sum(1 for _ in one.corpus.iterdir())
        yield f"{one.name:<10}{one.runs:>14}{one.seconds:>9}{inputs:>8}{len(one.faults()):>8}"
    yield from (f"{one.name}: {one.broken}" for one in found if one.broken)
    yield from (f"{one.name}: {name} does not fail any more, and is an input now"
                for one in found for name in one.fixed)
    wrong = [f"{one.program} {file}" for one in found for file in one.faults()]
    if wrong:
        yield from ("", "Inputs that fail:", *wrong)


def show_coverage(children: Children, found: Sequence[Fuzzer], where: Path) -> None:
    reached = coverage.measure(children, found)
    print("\n".join(["", *coverage.table(reached)]))
    file = where / "unreached"
    with writing(file):
        file.write_text("".join(f"{line}\n" for line in coverage.unreached(reached)),
                        encoding="utf-8")
    print(f"\nWhat no input reaches: {file}")


def main() -> int:
    if len(sys.argv) > 1:
        raise LabError("it takes no arguments; HOURS, JOBS, ONLY and FUZZ are variables")
    where = Path(os.environ.get("FUZZ") or BUILD / "fuzz").resolve()
    seconds, jobs = hours() * 3600, number("JOBS", len(os.sched_getaffinity(0)))
    with writing(where):
        where.mkdir(parents=True, exist_ok=True)
    with catch_signals(), Children() as children, lock(where / "lock", "make fuzz"):
        found = play(children, where, seconds, jobs)
        print("\n".join(results(found)), flush=True)
        show_coverage(children, found, where)
    return 1 if any(one.broken or one.faults() for one in found) else 0


if __name__ == "__main__":
    sys.exit(guarded("fuzz", main))
