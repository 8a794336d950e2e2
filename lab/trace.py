# SPDX-License-Identifier: GPL-2.0-only
"""The host's trace: its events, split into kernels.

Each kernel writes a guest OS id that is not 0 before it does anything else with the
host, so every such event starts a new kernel. A kernel that resumes from hibernation
does not write it again, and stays the same kernel.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.common import BadFile, Range, read_file

# Keys whose value, if there is one, must be a range
RANGES = ("window", "range", "fb")
# Events that must have one
NEEDED = {"d0_entry": "window", "bar": "range"}


@dataclass(frozen=True)
class Event:
    """A line of the trace."""

    line: int
    name: str
    data: dict[str, Any]

    def get(self, key: str) -> str:
        """A value as text, "" if the event does not have it."""
        value = self.data.get(key)
        return "" if value is None else str(value)

    def true(self, key: str) -> bool:
        return self.data.get(key) is True

    @property
    def device(self) -> str:
        return self.get("device")

    @property
    def time(self) -> float:
        return float(self.data["t"])

    @property
    def where(self) -> str:
        return f"out/trace:{self.line}"

    def range(self, key: str) -> Range:
        """A range that the event must have."""
        found = Range.parse(self.data.get(key))
        if not found:
            raise BadFile(f"trace: line {self.line}: {self.name} with {key}"
                          f" '{self.get(key)}', which is not a range")
        return found


def is_pci(device: str) -> bool:
    return device.startswith(("nvme", "test"))


@dataclass
class Life:
    """What one kernel did, from its guest OS id to that of the next kernel."""

    number: int
    fb: Range | None            # where the framebuffer was when it started; None: nowhere
    events: list[Event] = field(default_factory=list)

    def all(self, *names: str, device: str | None = None) -> list[Event]:
        """Its events of these names."""
        return [e for e in self.events if e.name in names and device in (None, e.device)]

    def last(self, *names: str, device: str | None = None) -> Event | None:
        found = self.all(*names, device=device)
        return found[-1] if found else None

    def first(self, test: Callable[[Event], bool]) -> Event | None:
        return next((e for e in self.events if test(e)), None)

    @property
    def instances(self) -> dict[str, str]:
        """The instance GUID of each device that the host offered."""
        return {e.device: e.get("instance") for e in self.all("offer")}

    @property
    def present(self) -> dict[str, str]:
        """The instance of each device that the host has in the end."""
        found: dict[str, str] = {}
        for e in self.all("offer", "rescind"):
            if e.name == "offer":
                found[e.device] = e.get("instance")
            else:
                found.pop(e.device, None)
        return found

    def entered(self, device: str) -> bool:
        """The host accepted the device's last D0 entry."""
        entry = self.last("d0_entry", device=device)
        return entry is not None and entry.get("status") == "0x0"

    def works(self, device: str) -> bool:
        """It did, and the framebuffer did not cover the config window."""
        entry = self.last("d0_entry", device=device)
        return self.entered(device) and entry is not None and entry.get("reason") != "covered"

    @property
    def vram(self) -> Range | None:
        """Where the framebuffer is when this kernel is done; None if it is mapped nowhere."""
        moved = [e for e in self.all("vram_location") if e.true("accepted")]
        return Range.parse(moved[-1].data.get("fb")) if moved else self.fb


@dataclass
class Trace:
    """All events of one run."""

    events: list[Event]
    lives: list[Life] = field(default_factory=list)

    def __post_init__(self) -> None:
        fb = Range.parse(self.layout.data.get("fb")) if self.layout else None
        for event in self.events:
            if event.name == "guest_os_id" and event.get("id") != "0x0":
                if self.lives:
                    fb = self.lives[-1].vram
                self.lives.append(Life(len(self.lives) + 1, fb))
            if self.lives:
                self.lives[-1].events.append(event)

    def last(self, name: str) -> Event | None:
        return next((e for e in reversed(self.events) if e.name == name), None)

    @property
    def layout(self) -> Event | None:
        return next((e for e in self.events if e.name == "layout"), None)

    @property
    def end(self) -> Event | None:
        return self.last("end")

    @property
    def seconds(self) -> float:
        return max((e.time for e in self.events), default=0)


def parse_line(number: int, text: str) -> Event:
    """An event, or BadFile."""
    try:
        data = json.loads(text)
        time = data["t"]
        if not isinstance(data["event"], str) or isinstance(time, bool) or \
                not 0 <= time < 1e6:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadFile(f"trace: line {number} is cut or malformed: {text[:80]}") from None
    event = Event(number, data["event"], data)
    for key in RANGES:
        if data.get(key) is not None or NEEDED.get(event.name) == key:
            event.range(key)
    return event


def parse_lines(lines: Iterable[str]) -> Iterator[Event]:
    for number, line in enumerate(lines, 1):
        yield parse_line(number, line)


def read_trace(path: Path) -> Trace:
    """The trace of a run. BadFile if it is missing, cut or malformed."""
    text = read_file(path)
    if not text:
        raise BadFile("trace: it is empty")
    lines = text.split("\n")
    if lines.pop():
        raise BadFile(f"trace: line {len(lines) + 1} is cut")
    trace = Trace(list(parse_lines(lines)))
    if trace.layout is None:
        raise BadFile("trace: there is no layout in it")
    return trace
