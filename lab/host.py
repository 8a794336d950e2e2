# SPDX-License-Identifier: GPL-2.0-only
"""One start of an inner host, followed by its events until it ends.

nest/jobs writes the events, a line each: "start NAME DEADLINE", "end NAME STATUS
SECONDS", "alive" every 2 s and "finished"; nest/init writes "up" before them, or
"broken WHY". They come from where guests ran: nothing in them is trusted.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.archives import quote
from lab.common import number
from lab.process import Child

CHUNK = 1 << 16  # bytes of events that a look reads at most
LONGEST = 1000  # bytes of an event
LONGEST_LOOK = 1.0  # seconds
STREAMS = ("events", "live", "out.tar", "log")


@dataclass(frozen=True)
class Job:
    """A folder with an executable job."""

    name: str
    folder: Path
    deadline: int


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    boot: int  # for an inner host to come up, more when tried again
    grace: int  # to hand back a job's files after its deadline
    frozen: int  # of silence mean that it froze; it says something every 2 s

    @classmethod
    def from_environment(cls) -> Limits:
        return cls(number("BOOT", 45), number("GRACE", 60), number("FROZEN", 15))


class Clock:
    """Time in which this process ran. No more than LONGEST_LOOK counts between two
    looks: if more has passed, the machine was suspended, or this process was stopped or
    starved, and the inner hosts may not have run either."""

    def __init__(self) -> None:
        self.now = 0.0
        self._last = time.monotonic()

    def tick(self) -> None:
        """A new look."""
        last, self._last = self._last, time.monotonic()
        self.now += min(self._last - last, LONGEST_LOOK)


@dataclass(frozen=True)
class Ended:
    """A job that has ended and whose results have arrived."""

    job: Job
    seconds: int


class Host:
    """An inner host that runs jobs in a row."""

    def __init__(self, work: Path, child: Child, jobs: Iterable[Job], limits: Limits,
                 clock: Clock, tries: int) -> None:
        self.child = child
        self.current: Job | None = None
        self.trouble = ""  # how it failed
        self.over = False  # nothing more will come
        self._work = work
        self._waiting = {job.name: job for job in jobs}
        self._limits, self._clock, self._tries = limits, clock, tries
        self._events = (work / "events").open("rb")
        self._live = (work / "live").open("rb")
        self._part = b""
        self._up = False
        self._sizes: list[int] = []
        self._heard = clock.now
        self._expect(limits.boot * tries)

    def close(self) -> None:
        self._events.close()
        self._live.close()

    def _expect(self, seconds: float) -> None:
        """Give it this long until its next step."""
        self._limit = self._clock.now + seconds

    def _end(self, trouble: str = "") -> None:
        self.over = True
        self.trouble = trouble

    def look(self) -> Iterator[Ended]:
        """Read the events since the last look, and yield the jobs that have ended."""
        # Ask first: it may write its last events between the two steps.
        gone = self.child.poll() is not None
        chunk = self._events.read(CHUNK)
        *lines, self._part = (self._part + chunk).split(b"\n")
        for line in lines:
            self._heard = self._clock.now
            yield from self._event(line)
            if self.over:
                return
        sizes = [(self._work / name).stat().st_size for name in STREAMS]
        if sizes != self._sizes:
            self._heard = self._clock.now
        self._sizes = sizes
        if len(self._part) > LONGEST:
            self._malformed(self._part)
        elif gone and not chunk:
            self._end("died")
        elif self._clock.now >= self._limit:
            self._end("stopped answering")
        elif self._clock.now - self._heard >= self._limits.frozen * self._tries:
            self._end("froze")

    def _event(self, line: bytes) -> Iterator[Ended]:
        match line.decode("ascii", "replace").split():
            case ["alive"]:
                pass
            case ["up"] if not self._up:
                self._up = True
                self._expect(self._limits.boot * self._tries)
            case ["start", name, _] if not self.current and name in self._waiting:
                self.current = self._waiting.pop(name)
                self._expect(self.current.deadline + self._limits.grace)
            case ["end", name, _, seconds] if (
                    self.current and name == self.current.name
                    and re.fullmatch(r"[0-9]{1,6}", seconds)):
                ended = Ended(self.current, int(seconds))
                self.current = None
                self._expect(self._limits.grace)
                yield ended
            case ["finished"] if not self.current:
                self._end()
            case ["broken", *text] if text:
                self._end(quote(" ".join(text)).strip("'\""))
            case _:
                self._malformed(line)

    def _malformed(self, line: bytes) -> None:
        self._end(f"sent an invalid event: {quote(line)}")

    def show(self) -> None:
        """Copy what the jobs have printed since the last call to stderr."""
        sys.stderr.buffer.write(self._live.read())
        sys.stderr.flush()

    def console(self, job: Job) -> bytes:
        """What the job printed, as far as it got. nest/jobs marks where it starts."""
        live = (self._work / "live").read_bytes()
        behind = live.partition(f"@@nest@@ {job.name}\n".encode())[2]
        return behind.partition(b"@@nest@@ ")[0]

    def last_words(self) -> str:
        """The last line of its log, or its panic, to be appended to a message."""
        text = (self._work / "log").read_bytes().replace(b"\r", b"")
        lines = [line for line in text.split(b"\n") if line]
        panics = [line for line in lines if b"Kernel panic" in line]
        last = (panics or lines)[-1:]
        return f"; its last words: {printable(last[0])}" if last else ""


def printable(line: bytes) -> str:
    """A line of a console without control characters."""
    text = line[:500].decode(errors="replace")
    return "".join(c if c.isprintable() else "?" for c in text)
