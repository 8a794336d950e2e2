# SPDX-License-Identifier: GPL-2.0-only
"""What OpenVMM says of a run: its log, and parts of its inspect tree after the guest's
power-off, as nest/openvmm asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lab.common import BadFile, Range, read_file
from lab.findings import Line
from lab.space import CONFIG_WINDOW

GUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
VIDEO = "da0a7802-e377-4aac-8e77-0558eb1073f8"
# nest/openvmm's PARTS
PARTS = ("layout", "regions", "mmio")
# What one of them is if there is nothing in it, or no such part
EMPTY = ("{}", "error (not found)")


@dataclass
class Node:
    """A part of the tree: its children by name, or a value."""

    line: int
    value: str = ""
    children: dict[str, Node] = field(default_factory=dict)

    def at(self, name: str) -> Node:
        """The node below; an empty one if there is none."""
        return self.children.get(name, Node(self.line))


class Place(NamedTuple):
    """A range, and where OpenVMM says so."""

    span: Range
    where: str


@dataclass
class Life:
    """What one kernel, or the firmware, did, from its contact with VMBus to the next one."""

    line: int
    vram: Place | None = None   # the framebuffer, when it was done
    windows: dict[str, Place] = field(default_factory=dict)  # config windows by instance
    covered: set[str] = field(default_factory=set)  # that the framebuffer was on at D0 entry

    def enter(self, instance: str, window: Place) -> None:
        """A bus entered D0."""
        self.windows[instance] = window
        self.covered.discard(instance)
        if self.vram and self.vram.span.overlaps(window.span):
            self.covered.add(instance)

    def lost(self, instance: str) -> bool:
        """The framebuffer was on its window when the guest began with the device, or is in
        the end."""
        window = self.windows.get(instance)
        return instance in self.covered or bool(
            window and self.vram and self.vram.span.overlaps(window.span))


@dataclass
class Witness:
    """OpenVMM's view."""

    log: list[Line]
    parts: dict[str, Node]      # of the inspect tree; none if the guest did not power off
    lives: list[Life]

    def find(self, pattern: str) -> Iterator[tuple[Line, re.Match[str]]]:
        for line in self.log:
            found = re.search(pattern, line.text)
            if found:
                yield line, found

    @property
    def end(self) -> tuple[str, str]:
        """How the guest ended, PowerOff for example, and where the log says so."""
        for line, found in self.find(r"guest halted reason=\"?([A-Za-z]+)"):
            return found[1], f"out/log:{line.number}"
        return "", "out/log"

    @property
    def seconds(self) -> float:
        """Seconds until the guest's end, by OpenVMM's clock."""
        for _, found in self.find(r"^ *(\d+)\.\d+s .*guest halted"):
            return float(found[1])
        return 0.0

    @property
    def troubles(self) -> list[Line]:
        """Errors and panics. The firmware logs its own debugging messages as errors."""
        return [line for line, _ in self.find(
            r"^ *\d+\.\d+s ERROR (?!firmware_uefi.*EFI log entry)|panicked at|^fatal error:")]

    def part(self, name: str) -> dict[str, Node]:
        return self.parts.get(name, Node(0)).children

    @property
    def fb(self) -> Place | None:
        """Where the framebuffer's memory is mapped in the end."""
        for name, node in self.part("regions").items():
            span, _, what = name.partition(":")
            found = behind(span)
            if what == "framebuffer" and found:
                return Place(found, f"out/inspect:{node.line}")
        return None

    @property
    def windows(self) -> dict[str, Range]:
        """Low and high MMIO, as OpenVMM lays them out."""
        spans = map(behind, self.part("layout"))
        return {"low" if span.start < 1 << 32 else "high": span for span in spans if span}

    @property
    def config_windows(self) -> dict[str, Place]:
        """By instance, where a bus that is in D0 in the end has its config window."""
        found = {}
        for name, node in self.part("mmio").items():
            what = re.fullmatch(f"vpci-({GUID})-config", node.at("region_name").value)
            span = Range.parse(name)
            if what and span:
                found[what[1]] = Place(span, f"out/inspect:{node.line}")
        return found

    def bars(self, instance: str) -> list[Range]:
        """What decodes of an NVMe controller's BARs in the end."""
        return [span for name, node in self.part("mmio").items()
                if node.at("dev_name").value == f"nvme:vpci-{instance}"
                and (span := Range.parse(name))]


def behind(text: str) -> Range | None:
    """OpenVMM's START-END, where END is the first address behind; None if it is none."""
    found = re.fullmatch(r"0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})", text)
    start, end = (int(found[1], 16), int(found[2], 16)) if found else (0, 0)
    return Range(start, end - 1) if end > start else None


def parse_node(text: str, number: int) -> tuple[str, Node]:
    """The name and the value in "NAME: VALUE,"; "{" as the value begins children."""
    found = re.fullmatch(r"(.+?): (.*?),?", text)
    if not found:
        raise BadFile(f"inspect: line {number} is malformed: {text[:80]}")
    return found[1], Node(number, found[2].strip('"'))


def parse_trees(text: str) -> list[Node]:
    """What the commands "x -r" printed. BadFile if one is not whole."""
    done: list[Node] = []
    stack: list[Node] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line:
            continue
        if not stack:
            if line in EMPTY:
                done.append(Node(number))
            elif line == "{":
                stack.append(Node(number))
            else:
                raise BadFile(f"inspect: line {number} is malformed: {line[:80]}")
        elif line in ("}", "},"):
            node = stack.pop()
            if not stack:
                done.append(node)
        else:
            name, node = parse_node(line, number)
            stack[-1].children[name] = node
            if node.value == "{":
                stack.append(node)
    if stack:
        raise BadFile(f"inspect: the tree from line {stack[0].line} has no end")
    return done


def lines_of(path: Path) -> list[Line]:
    return [Line(n, line) for n, line in enumerate(read_file(path).split("\n"), 1)]


EVENTS = {
    "contact": re.compile(r"vmbus_server::channels: +guest negotiated version "),
    "size": re.compile(rf"typ=OFFER_CHANNEL .*interface_id: {VIDEO}.* "
                       r"mmio_megabytes: ([0-9a-f]{1,4}),"),
    "vram": re.compile(r"framebuffer: +Mapped VRAM to guest at address 0x([0-9a-f]{1,16})"),
    "entry": re.compile(rf"FdoD0Entry {{ mmio_start: ([0-9a-f]{{1,16}}) }} instance_id=({GUID})$"),
    "exit": re.compile(rf"packet=FdoD0Exit.* instance_id=({GUID})$"),
}


def events(log: list[Line]) -> Iterator[tuple[str, Line, re.Match[str]]]:
    for line in log:
        for name, pattern in EVENTS.items():
            found = pattern.search(line.text)
            if found:
                yield name, line, found


def lives_of(log: list[Line]) -> list[Life]:
    """Each kernel's, and before them the firmware's."""
    lives: list[Life] = []
    size, vram = 0, None
    for name, line, found in events(log):
        where = f"out/log:{line.number}"
        if name == "size":
            size = int(found[1], 16) << 20
        elif name == "contact":
            # What is mapped for a dead kernel stays; its channels are closed.
            lives.append(Life(line.number, vram))
        elif name == "vram":
            start = int(found[1], 16)
            vram = Place(Range(start, start + (size or 1) - 1), where)
            if lives:
                lives[-1].vram = vram
        elif lives and name == "entry":
            start = int(found[1], 16)
            lives[-1].enter(found[2], Place(Range(start, start + CONFIG_WINDOW - 1), where))
        elif lives:
            lives[-1].windows.pop(found[1], None)
    return lives


def read_witness(out: Path) -> Witness:
    """What a run left in OUT. BadFile says what is missing, cut or malformed."""
    log = lines_of(out / "log")
    witness = Witness(log, {}, lives_of(log))
    if witness.end[0] == "PowerOff":
        text = "\n".join(line.text for line in lines_of(out / "inspect"))
        trees = parse_trees(text)
        if len(trees) != len(PARTS):
            raise BadFile(f"inspect: it has {len(trees)} of {len(PARTS)} parts")
        witness.parts = dict(zip(PARTS, trees))
    return witness
