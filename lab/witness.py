# SPDX-License-Identifier: GPL-2.0-only
"""What OpenVMM says of a run: its log, and its inspect tree after the guest's power-off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.common import BadFile, Range
from lab.findings import Line

# Escape sequences of terminals
ESCAPES = re.compile("\x1b\\[[0-9;?]*[a-zA-Z]")
GUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass
class Node:
    """A part of the tree: its children by name, or a value."""

    line: int
    value: str = ""
    children: dict[str, Node] = field(default_factory=dict)

    def at(self, *names: str) -> Node:
        """The node below; an empty one if there is none."""
        node = self
        for name in names:
            node = node.children.get(name, Node(self.line))
        return node

    @property
    def where(self) -> str:
        return f"out/inspect:{self.line}"


def closed(text: str) -> Range | None:
    """OpenVMM's START-END, where END is the first address behind; None if it is none."""
    found = re.fullmatch(r"0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})", text)
    start, end = (int(found[1], 16), int(found[2], 16)) if found else (0, 0)
    return Range(start, end - 1) if end > start else None


def parse_tree(text: str) -> Node:
    """The tree that the command "x -r" printed. BadFile if it is not whole."""
    top = Node(1)
    stack: list[Node] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = ESCAPES.sub("", line).strip()
        if not stack:
            if line == "{":
                top = Node(number)
                stack.append(top)
        elif line in ("}", "},"):
            stack.pop()
            if not stack:
                return top
        else:
            found = re.fullmatch(r"(.+?): ([^:].*|\{)", line.rstrip(","))
            if not found:
                raise BadFile(f"inspect: line {number} is malformed: {line[:80]}")
            node = Node(number)
            stack[-1].children[found[1]] = node
            if found[2] == "{":
                stack.append(node)
            else:
                node.value = found[2].removesuffix("{}").strip('"')
    raise BadFile("inspect: the tree is cut" if stack else "inspect: there is no tree in it")


@dataclass
class Witness:
    """OpenVMM's view."""

    log: list[Line]
    tree: Node | None           # none if the guest did not power off

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
        """Errors and panics."""
        return [line for line, _ in self.find(r"^ *\d+\.\d+s ERROR |panicked at|^fatal error:")]

    def vm(self, *names: str) -> Node:
        return self.tree.at(*names) if self.tree else Node(0)

    @property
    def fb(self) -> Range | None:
        """Where the framebuffer's memory is mapped."""
        for name in self.vm("memory", "regions").children:
            span, _, what = name.partition(":")
            if what == "framebuffer":
                return closed(span)
        return None

    @property
    def windows(self) -> dict[str, Range]:
        """Low and high MMIO, as it lays them out."""
        spans = map(closed, self.vm("memory_layout", "mmio").children)
        return {"low" if span.start < 1 << 32 else "high": span for span in spans if span}

    @property
    def config_windows(self) -> dict[str, tuple[Range, str]]:
        """By instance GUID, where a bus in D0 has its config window; and where that is."""
        found = {}
        for name, node in self.vm("chipset", "mmio").children.items():
            what = re.fullmatch(f"vpci-({GUID})-config", node.at("region_name").value)
            span = Range.parse(name)
            if what and span:
                found[what[1]] = span, node.where
        return found

    @property
    def bars(self) -> list[tuple[str, Range, str]]:
        """(instance GUID, range, where) of what decodes of NVMe BARs."""
        found = []
        for name, node in self.vm("chipset", "mmio").children.items():
            what = re.fullmatch(f"nvme:vpci-({GUID})", node.at("dev_name").value)
            span = Range.parse(name)
            if what and span:
                found.append((what[1], span, node.where))
        return found


def lines_of(path: Path) -> list[Line]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as e:
        raise BadFile(f"{path.name}: cannot be read: {e.strerror}") from None
    return [Line(n, ESCAPES.sub("", line)) for n, line in enumerate(text.split("\n"), 1)]


def read_witness(out: Path) -> Witness:
    """What a run left in OUT. BadFile says what is missing, cut or malformed."""
    witness = Witness(lines_of(out / "log"), None)
    if witness.end[0] == "PowerOff":
        try:
            text = (out / "inspect").read_text(encoding="utf-8", errors="replace")
        except OSError as e:
            raise BadFile(f"inspect: cannot be read: {e.strerror}") from None
        witness.tree = parse_tree(text)
    return witness
