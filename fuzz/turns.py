# SPDX-License-Identifier: GPL-2.0-only
"""Fuzzers that take turns, some at once, for as long as was asked for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz.fuzzers import Fuzzer, minimise
from lab.common import LabError, say
from lab.process import Children, pause

SLICE = 600         # seconds, about, until the next fuzzer has its turn
MOST = 5            # faults of one fuzzer in a turn, which is over then
LEAST = 1.0         # seconds for which libFuzzer can run


class Turn:
    """A fuzzer that runs, for some seconds."""

    def __init__(self, children: Children, one: Fuzzer, seconds: float) -> None:
        self.one = one
        self._children = children
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._faults = len(one.faults())
        self._finds = 0
        self._start()

    def _start(self) -> None:
        left = max(round(self._until - time.monotonic()), round(LEAST))
        self._read = size(self.one.log)
        self._child = self.one.start(self._children, f"-max_total_time={left}",
                                     "-print_final_stats=1", *self.one.inputs)

    def over(self) -> bool:
        """Look after it. After a fault it starts again, without the input that failed."""
        status = self._child.poll()
        if status is None:
            return False
        self._children.end(self._child)
        self.one.runs += runs(self.one.log, self._read)
        if status and self._fault(status):
            minimise(self._children, self.one)
            self._start()
            return False
        self.one.seconds += round(time.monotonic() - self._began)
        return True

    def _fault(self, status: int) -> bool:
        """It found something; returns whether it goes on."""
        faults = self.one.faults()
        if len(faults) == self._faults:
            raise LabError(f"{self.one.name} ended with status {status} and left no input; "
                           f"see {self.one.log}")
        self._finds += len(faults) - self._faults
        self._faults = len(faults)
        say(f"{self.one.name}: a fault; see {self.one.log}")
        return self._finds < MOST and self._until - time.monotonic() >= LEAST


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def runs(log: Path, start: int) -> int:
    """How often the fuzzer ran its function, by its log from that byte on."""
    with open(log, "rb") as file:
        file.seek(start)
        found = re.findall(rb"^stat::number_of_executed_units: *(\d+)", file.read(), re.M)
    return sum(map(int, found))


def order(found: Sequence[Fuzzer], seconds: float) -> Iterator[tuple[Fuzzer, float]]:
    """Turns by which each fuzzer gets SECONDS, and the seconds of each turn."""
    rounds = max(1, round(seconds / SLICE))
    for _ in range(rounds):
        for one in found:
            yield one, seconds / rounds


def take(children: Children, found: Sequence[Fuzzer], seconds: float, jobs: int) -> None:
    """Run each for SECONDS, JOBS at once, none beside itself."""
    waiting = list(order(found, seconds))
    total = len(waiting)
    running: list[Turn] = []
    while waiting or running:
        busy = [turn.one for turn in running]
        free = [n for n, (one, _) in enumerate(waiting) if one not in busy]
        if free and len(running) < jobs:
            one, share = waiting.pop(free[0])
            running.append(Turn(children, one, share))
            continue
        pause(0.2)
        for turn in [turn for turn in running if turn.over()]:
            running.remove(turn)
            say(f"{total - len(waiting) - len(running)} of {total}: {turn.one.name}: "
                f"{turn.one.runs} runs, {len(list(turn.one.corpus.iterdir()))} inputs")
