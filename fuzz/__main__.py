# SPDX-License-Identifier: GPL-2.0-only
"""fuzz/run: fuzzes hvhost and the kernel's MMIO code.

HOURS says for how long (8), JOBS how many fuzzers run at once (one per processor), ONLY
which ("ring crs"; all). The time is divided among them evenly.

build/fuzz (FUZZ) keeps for each its inputs, minimised, and what it found; the next run goes
on from there. An input that failed is tried again first. Prints what ran, what was found and
how much of each file is reached; build/fuzz/unreached lists the lines that are not. Exit: 0;
1 if an input fails.
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


def table(found: Sequence[Fuzzer]) -> Iterator[str]:
    yield f"{'fuzzer':<10}{'runs':>14}{'seconds':>9}{'inputs':>8}{'faults':>8}"
    for one in found:
        inputs = sum(1 for _ in one.corpus.iterdir())
        yield f"{one.name:<10}{one.runs:>14}{one.seconds:>9}{inputs:>8}{len(one.faults()):>8}"


def play(where: Path, seconds: float, jobs: int) -> list[Fuzzer]:
    """All but what is printed in the end; that of the coverage it prints."""
    with Children() as children, lock(BUILD / "fuzz.lock", "make fuzz"):
        wanted = fuzzers.chosen(fuzzers.names(children))
        found = fuzzers.build(children, wanted, where, jobs)
        for one in found:
            fuzzers.prepare(one)
            fuzzers.retry(children, one)
        turns.take(children, found, seconds * min(jobs, len(found)) / len(found), jobs)
        say("minimising the inputs")
        for one in found:
            fuzzers.minimise(children, one)
        reached = coverage.measure(children, found)
    print("\n".join([*table(found), "", *coverage.table(reached)]))
    file = where / "unreached"
    with writing(file):
        file.write_text("".join(f"{line}\n" for line in coverage.unreached(reached)),
                        encoding="utf-8")
    print(f"\nWhat no input reaches: {file}")
    return found


def main() -> int:
    where = Path(os.environ.get("FUZZ") or BUILD / "fuzz").resolve()
    with catch_signals():
        found = play(where, hours() * 3600, number("JOBS", len(os.sched_getaffinity(0))))
    for one in found:
        for name in one.fixed:
            print(f"{one.name}: {name} does not fail any more, and is an input now")
    wrong = [f"{one.program} {file}" for one in found for file in one.faults()]
    if wrong:
        print("\n".join(["\nInputs that fail:", *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(guarded("fuzz", main))
