# SPDX-License-Identifier: GPL-2.0-only
"""What guests report of themselves, on their second serial port, as guest/init and
guest/report.c write it: lines "guest: WORD ..." and blocks between "guest: begin NAME"
and "guest: end NAME STATUS UPTIME". The second kernel's begin with "guest: kernel
second". Other lines outside of blocks are output of programs, for people.

The console is read for one thing alone: where a kernel crashed that can report no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lab.common import BadFile, Range, read_file

KNOWN = ("kernel", "release", "disk", "disks", "file", "efi", "painted", "not", "failslab",
         "rebound", "dump", "starts", "waits", "failed", "cannot", "no", "finished",
         "package", "root", "state", "kdump", "crashes", "hibernates", "loads", "restored")


CRASH = r"BUG: |Oops|general protection fault|kernel BUG at"
# As guest/report.c has it
WARNING = CRASH + "|WARNING: |INFO: |Trying to free nonexistent resource"


class Line(NamedTuple):
    """A line of a file, and its number there."""

    number: int
    text: str


@dataclass
class Block:
    """The lines between begin and end, and the status that the end names."""

    name: str
    begin: int
    lines: list[Line] = field(default_factory=list)
    status: str = ""

    def find(self, pattern: str) -> Iterator[tuple[Line, re.Match[str]]]:
        for line in self.lines:
            found = re.search(pattern, line.text)
            if found:
                yield line, found

    def first(self, pattern: str) -> str:
        """The first group of the first match, or ""."""
        return next((m[1] for _, m in self.find(pattern)), "")


NO_BLOCK = Block("", 0)


@dataclass
class Report:
    """What one kernel reported. Facts: the last line of each word, as its text."""

    said: list[Line] = field(default_factory=list)
    blocks: dict[str, Block] = field(default_factory=dict)

    def block(self, name: str) -> Block:
        return self.blocks.get(name, NO_BLOCK)

    def lines(self, word: str) -> list[Line]:
        """What stands behind "guest: WORD ", of each such line."""
        return [Line(n, text[len(word) + 1:]) for n, text in self.said
                if text == word or text.startswith(word + " ")]

    def fact(self, word: str) -> str:
        found = self.lines(word)
        return found[-1].text if found else ""

    def where(self, word: str) -> str:
        """Evidence: the block of that name, or the last such line."""
        found = self.lines(word)
        number = self.blocks[word].begin if word in self.blocks else \
            found[-1].number if found else 0
        return f"out/findings:{number}" if number else "out/findings"

    @property
    def finished(self) -> int:
        return len(self.lines("finished"))

    @property
    def failures(self) -> list[Line]:
        """What the guest says went wrong."""
        return [line for line in self.said
                if line.text.startswith(("failed", "cannot", "not painted"))]

    # From the blocks

    @property
    def reserve(self) -> str:
        """The range that VMBus has reserved, by the kernel's memory."""
        return self.block("mmio").first(r"^reservation (\S+)")

    @property
    def windows(self) -> list[str] | None:
        block = self.block("mmio")
        for _, found in block.find(r"^windows (.*)"):
            return [] if found[1] == "none" else found[1].split()
        return None

    @property
    def lfb_base(self) -> str:
        return self.block("screen").first(r"^lfb_base 0x(\S+)")

    @property
    def printed(self) -> str:
        """What the kernel's log says it reserved, "" if it says nothing."""
        texts = [m[1] for _, m in self.block("messages").find(r"hv_mmio=.* fb=(.*)")]
        text = re.sub(r"0x|\[mem |\]", "", texts[-1]) if texts else ""
        return re.sub(r"^\(null\).*", "none", text)

    @property
    def refusals(self) -> list[str]:
        """Status codes with which D0 entry failed, by the kernel's log."""
        pattern = r"failed D0 Entry with status ([^ ,]+)"
        return [m[1] for _, m in self.block("messages").find(pattern)]

    @property
    def refused_windows(self) -> list[str]:
        """Where the config windows of these D0 entries start, by the kernel's log."""
        pattern = r"failed D0 Entry with status [^ ,]+, config window \[mem 0x([0-9a-f]+)-"
        return [m[1] for _, m in self.block("messages").find(pattern)]

    def no_space(self, instance: str) -> list[str]:
        """What the log says of the MMIO space that the device with that instance did not
        get: VMBus the request and the space that each window has, pci-hyperv the need."""
        texts = {"request": r"no MMIO space of 0x[0-9a-f]+, aligned to 0x[0-9a-f]+, in \[",
                 "space": r"\[mem 0x[0-9a-f]+-0x[0-9a-f]+\] has space for 0x[0-9a-f]+",
                 "need": r"Need 0x[0-9a-f]+ of (low |high )?MMIO space"}
        return [name for name, text in texts.items()
                if any(self.block("messages").find(f"{re.escape(instance)}: {text}"))]

    def needs(self, instance: str) -> str:
        """low or high: the MMIO space that the device with that instance did not get."""
        return self.block("messages").first(
            rf"{re.escape(instance)}: Need 0x[0-9a-f]+ of (low|high) MMIO space")

    @property
    def iomem(self) -> list[tuple[Range, str]]:
        return read_iomem(self.block("iomem"))


def read_iomem(block: Block) -> list[tuple[Range, str]]:
    """A block of /proc/iomem: ranges with their names, the outer before the inner."""
    found = []
    for _, match in block.find(r"^ *([0-9a-f]+-[0-9a-f]+) : (.*)$"):
        span = Range.parse(match[1])
        if span:
            found.append((span, match[2]))
    return found


@dataclass
class Findings:
    """What the guest reported, kernel by kernel."""

    reports: list[Report] = field(default_factory=lambda: [Report()])
    cut: str = ""               # why it is not whole: the file ends too early

    @property
    def first(self) -> Report:
        return self.number(1)

    @property
    def second(self) -> Report:
        return self.number(2)

    def of(self, which: str) -> Report:
        return self.first if which == "first" else self.second

    def number(self, number: int) -> Report:
        """Of that kernel, counted from 1; an empty one if it reported nothing."""
        return self.reports[number - 1] if number <= len(self.reports) else Report()

    @property
    def finished(self) -> int:
        return sum(report.finished for report in self.reports)

    @property
    def failures(self) -> list[Line]:
        """What the guest says went wrong, in any kernel."""
        return [line for report in self.reports for line in report.failures]


def parse(text: str, name: str = "findings") -> Findings:
    """BadFile names the line that guest/init cannot have written."""
    found = Findings()
    report, block = found.reports[0], None
    lines = text.split("\n")
    if lines.pop():
        found.cut = f"{name}: line {len(lines) + 1} is cut"
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r")
        word = line[7:] if line.startswith("guest: ") else ""
        if block:
            ended = re.fullmatch(rf"end {re.escape(block.name)} (\d+)(?: \S+)?", word)
            if ended:
                block.status = ended[1]
                report.blocks.setdefault(block.name, block)
                block = None
            elif word:
                raise BadFile(f"{name}: line {number}: '{line}' in the block {block.name}, "
                              f"which began in line {block.begin}")
            else:
                block.lines.append(Line(number, line))
        elif word.startswith("begin "):
            block = Block(word[6:], number)
        elif word == "kernel second":
            report = Report([Line(number, word)])
            found.reports.append(report)
        elif word.partition(" ")[0] in KNOWN:
            report.said.append(Line(number, word))
        elif word:
            raise BadFile(f"{name}: line {number}: the guest does not say '{line}'")
    if block:
        found.cut = f"{name}: the block {block.name} from line {block.begin} has no end"
    return found


def read(path: Path) -> Findings:
    """The findings of a run. BadFile if they are missing or malformed."""
    text = read_file(path)
    return parse(text) if text else Findings(cut="findings: the guest reported nothing")


def read_console(path: Path) -> list[Line]:
    """The console's lines. BadFile if there is none."""
    return [Line(n, line.rstrip("\r")) for n, line in enumerate(read_file(path).split("\n"), 1)]


def crashed_in(console: list[Line]) -> Line | None:
    """The function that the kernel crashed in first; a warning is no crash."""
    crashed = False
    for line in console:
        crashed = crashed or bool(re.search(CRASH, line.text))
        # As x86 and as arm64 say it
        found = re.search(r"(?:RIP: 0010:|pc : )([^+ ]+)\+", line.text)
        if crashed and found:
            return Line(line.number, found[1])
    return None


def warnings(console: list[Line], which: str) -> list[Line]:
    """What that kernel warned of on the console, whenever it did before it was to crash."""
    last = len(console) + 1
    second = next((line.number for line in console if line.text == "guest: kernel second"), last)
    crash = next((line.number for line in console if line.text.startswith("guest: crashes ")), last)
    return [line for line in console if re.search(WARNING, line.text) and
            (line.number < min(crash, second) if which == "first" else line.number > second)]


def job_failures(console: list[Line]) -> list[Line]:
    """What the job says of itself: it could not do what it had to."""
    return [line for line in console if line.text.startswith("job: ")]
