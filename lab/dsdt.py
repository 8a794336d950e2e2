# SPDX-License-Identifier: GPL-2.0-only
"""The devices that ACPI's DSDT and SSDTs describe, with their resources, by iasl."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.common import LabError

# Of a device
NAMES = "_HID|_CID|_UID|_DDN|_STA|_CRS|_CCA|_ADR"
OPEN = re.compile(r"\s*(Device|Scope|Method|PowerResource|ThermalZone|Processor) \(([^,)]+)")
NAME = re.compile(rf"\s*(?:Name|Method) \(({NAMES}),")


def disassemble(tables: Mapping[str, bytes]) -> dict[str, str]:
    """Each table as ASL."""
    made = {}
    with tempfile.TemporaryDirectory(prefix="lab-dsdt.") as work:
        for name, data in tables.items():
            path = Path(work) / f"{name}.dat"
            path.write_bytes(data)
            try:
                done = subprocess.run(["iasl", "-d", path], capture_output=True, text=True,
                                      errors="replace", check=False)
            except FileNotFoundError:
                raise LabError("iasl is missing; install acpica-tools") from None
            text = path.with_suffix(".dsl")
            if done.returncode or not text.exists():
                said = (done.stderr or done.stdout).strip().split("\n")[-1]
                raise LabError(f"iasl cannot read {name}: {said}")
            made[name] = text.read_text(encoding="utf-8", errors="replace")
    return made


def plain(text: str) -> str:
    """ASL without comments and spaces that mean nothing."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"//.*", "", text)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r" ?([(),{}]) ?", r"\1", text)


def statement(lines: list[str], at: int) -> str:
    """The statement that begins in that line, with its block: until all that it opens is
    closed. A string has no parentheses in what iasl writes of these names."""
    depth, text = 0, ""
    for n, line in enumerate(lines[at:]):
        line = re.sub(r"//.*", "", line)
        depth += sum(line.count(c) for c in "({") - sum(line.count(c) for c in ")}")
        text += line + "\n"
        after = lines[at + n + 1].strip() if at + n + 1 < len(lines) else ""
        if depth <= 0 and after != "{":
            break
    return text


def resources(text: str) -> str:
    """What is in a ResourceTemplate, or all of the text if that is something else."""
    found = re.fullmatch(r"Name\(_CRS,ResourceTemplate\(\)\{(.*)\}\)", text)
    return re.sub(r",+\)", ")", found[1]).replace(")", ") ").strip() if found else text


def values(asl: str) -> Iterator[tuple[str, str, str]]:
    """(path, name, value) of each device's names."""
    lines = re.sub(r"/\*.*?\*/", "", asl, flags=re.S).split("\n")
    path: list[str] = []
    pending = ""
    for at, line in enumerate(lines):
        if found := NAME.match(line):
            text = plain(statement(lines, at))
            value = resources(text) if found[1] == "_CRS" else \
                re.sub(r"^Name\(\w+,(.*)\)$", r"\1", text)
            yield ".".join(filter(None, path)), found[1], value
        opened = OPEN.match(line)
        word = opened[2].strip().lstrip("\\").removeprefix("_SB").strip(".") if opened else ""
        if line.strip() == "{":
            path.append(pending)
        elif line.strip().startswith("}"):
            del path[-1:]
        pending = word


def together(devices: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """One fact for devices that differ in their numbers alone, as 2048 processors do."""
    families: dict[tuple[str, str], list[str]] = {}
    for path, names in devices.items():
        same = {name: value for name, value in names.items() if name not in ("_UID", "_ADR")}
        key = re.sub(r"\d{3}$", "nnn", path), str(sorted(same.items()))
        families.setdefault(key, []).append(path)
    for (family, _), paths in families.items():
        if len(paths) > 1:
            yield f"devices {family}", f"{len(paths)}, from {paths[0]} to {paths[-1]}"
        else:
            for name, value in devices[paths[0]].items():
                yield f"device {paths[0]} {name}", value


def facts(tables: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Devices' names and what they are."""
    devices: dict[str, dict[str, str]] = {}
    for asl in disassemble(tables).values():
        for path, name, value in values(asl):
            devices.setdefault(path, {})[name] = value
    yield from together(devices)
