# SPDX-License-Identifier: GPL-2.0-only
"""Which lines and functions of the code that is fuzzed no input reaches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.fuzzers import HVHOST, Fuzzer
from lab.common import LabError
from lab.process import Children

# How the kernel's code is called here: sweep/cut takes it out of several files.
CUT = "the kernel"
# The folders of hvhost
PARTS = ("core", "dev", "hv", "arch", "arch/x86", "arch/arm64")


@dataclass
class File:
    """A source file: how often each of its lines and functions ran."""

    name: str
    lines: dict[int, int] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)


def name_of(source: Path, cut: Path | None) -> str | None:
    """What a source file is called here; None for what is not the code that is fuzzed."""
    if source == cut:
        return CUT
    try:
        found = source.relative_to(HVHOST)
    except ValueError:
        return None
    return None if found.parts[0] == "tests" else f"hvhost/{found}"


def read(text: str, cut: Path | None) -> dict[str, File]:
    """llvm-cov's lcov format."""
    files: dict[str, File] = {}
    current: File | None = None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == "SF":
            name = name_of(Path(os.path.normpath(value)), cut)
            current = files.setdefault(name, File(name)) if name else None
        elif current and key == "DA":
            number, count = map(int, value.split(",")[:2])
            current.lines[number] = current.lines.get(number, 0) + count
        elif current and key == "FNDA":
            times, _, function = value.partition(",")
            function = function.rpartition(":")[2]
            current.functions[function] = current.functions.get(function, 0) + int(times)
    return files


def measure(children: Children, found: Sequence[Fuzzer]) -> list[File]:
    """Run the inputs of each in the program that counts."""
    profiles: list[Path] = []
    objects: list[str | Path] = []
    for one in found:
        profile = one.kept / "profile"
        if one.run(children, "-runs=0", one.corpus, cover=True) or not profile.exists():
            raise LabError(f"{one.name}: what it reaches cannot be measured; see {one.log}")
        profiles.append(profile)
        objects += ["-object", one.cover]
    whole = found[0].kept.parent / "profile"
    children.call("llvm-profdata", "merge", "-sparse", "-o", whole, *profiles)
    # The first is an argument of its own.
    text = children.call("llvm-cov", "export", "-format=lcov", f"-instr-profile={whole}",
                         *objects[1:])
    for file in (whole, *profiles):
        file.unlink()
    cut = next((one.cut for one in found if one.cut), None)
    return sorted(read(text, cut).values(), key=lambda file: file.name)


def nowhere(files: Sequence[File]) -> list[str]:
    """The files of hvhost that none of the fuzzers has."""
    there = {file.name for file in files}
    every = [f"hvhost/{file.relative_to(HVHOST)}" for part in PARTS
             for file in sorted((HVHOST / part).glob("*.c"))]
    return [name for name in every if name not in there]


def share(done: int, total: int) -> str:
    return f"{done} of {total}"


def table(files: Sequence[File]) -> Iterator[str]:
    """How much of each file is reached."""
    yield f"{'file':<28}{'functions':>14}{'lines':>16}"
    for file in files:
        functions = sum(1 for count in file.functions.values() if count)
        lines = sum(1 for count in file.lines.values() if count)
        part = f"{100 * lines // max(len(file.lines), 1)} %"
        yield (f"{file.name:<28}{share(functions, len(file.functions)):>14}"
               f"{share(lines, len(file.lines)):>16}{part:>7}")


def spans(numbers: Iterable[int]) -> str:
    """5-9 12, of numbers in order."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def unreached(files: Sequence[File]) -> Iterator[str]:
    """What no input reaches, a line for a file's functions and one for its lines."""
    for file in files:
        functions = sorted(name for name, count in file.functions.items() if not count)
        lines = sorted(number for number, count in file.lines.items() if not count)
        if functions:
            yield f"{file.name}: functions {' '.join(functions)}"
        if lines:
            yield f"{file.name}: lines {spans(lines)}"
    for name in nowhere(files):
        yield f"{name}: all of it; no fuzzer that ran has it"
