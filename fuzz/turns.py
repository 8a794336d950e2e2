# SPDX-License-Identifier: GPL-2.0-only
"""Fuzzers that take turns, some at once, for as long as was asked for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from fuzz.fuzzers import Fuzzer, artifacts, begin_to_minimise, minimised
from lab.common import say
from lab.process import Children, pause

SLICE = 600         # seconds, about, until the next fuzzer has its turn
MOST = 5            # faults of one fuzzer in a turn, which is over then
LEAST = 1.0         # seconds for which libFuzzer can run


class Turn:
    """A fuzzer that runs for some seconds. After a fault its inputs are minimised, since that
    removes those that fail, and it starts again."""

    def __init__(self, children: Children, one: Fuzzer, seconds: float) -> None:
        self.one = one
        self._children = children
        self._until = time.monotonic() + seconds
        self._finds = 0
        self._start()

    def _start(self) -> None:
        self._minimises = False
        self._began = time.monotonic()
        left = max(round(self._until - self._began), round(LEAST))
        self._read = self.one.log_size()
        self._child = self.one.start(self._children, f"-max_total_time={left}",
                                     "-print_final_stats=1", self.one.corpus)

    def over(self) -> bool:
        """Look after it."""
        status = self._child.poll()
        if status is None:
            return False
        self._children.end(self._child)
        if self._minimises:
            return not minimised(self.one, status) or self._finish()
        said = self.one.said(self._read)
        self.one.runs += runs(said)
        self.one.seconds += round(time.monotonic() - self._began)
        if not status:
            return True
        if not artifacts(said):
            self.one.broken = f"it ended with status {status} and left no input; " \
                              f"see {self.one.log}"
            return True
        self._finds += 1
        say(f"{self.one.name}: a fault; see {self.one.log}")
        self._minimises = True
        self._child = begin_to_minimise(self._children, self.one)
        return False

    def _finish(self) -> bool:
        """After a fault: whether the turn is over; if not, it starts again."""
        if self._finds >= MOST or self._until - time.monotonic() < LEAST:
            return True
        self._start()
        return False


def runs(said: str) -> int:
    """How often the fuzzer ran its function, by its log."""
    return sum(map(int, re.findall(r"^stat::number_of_executed_units: *(\d+)", said, re.M)))


def order(found: Sequence[Fuzzer], seconds: float) -> Iterator[tuple[Fuzzer, float]]:
    """Turns by which each fuzzer gets SECONDS, and the seconds of each turn."""
    rounds = max(1, round(seconds / SLICE))
    for _ in range(rounds):
        for one in found:
            yield one, seconds / rounds


def take(children: Children, found: Sequence[Fuzzer], seconds: float, jobs: int) -> None:
    """Run each for SECONDS, at most JOBS at once, and each only once at a time. One that cannot
    run has no more turns."""
    waiting = list(order(found, seconds))
    total = len(waiting)
    running: list[Turn] = []
    while waiting or running:
        busy = [turn.one for turn in running]
        waiting = [turn for turn in waiting if not turn[0].broken]
        free = [n for n, (one, _) in enumerate(waiting) if one not in busy]
        if free and len(running) < jobs:
            one, share = waiting.pop(free[0])
            running.append(Turn(children, one, share))
            continue
        pause(0.2)
        for turn in [turn for turn in running if turn.over()]:
            running.remove(turn)
            text = turn.one.broken or f"{turn.one.runs} runs, " \
                f"{len(list(turn.one.corpus.iterdir()))} inputs"
            say(f"{total - len(waiting) - len(running)} of {total}: {turn.one.name}: {text}")
