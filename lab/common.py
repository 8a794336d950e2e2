# SPDX-License-Identifier: GPL-2.0-only
"""What every module of lab uses: paths, errors, progress, ranges of addresses."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"


class LabError(Exception):
    """One clear sentence for the user; the program ends with status 1."""


class BadFile(LabError):
    """A file that a run left behind is missing, cut or malformed."""


def say(text: str) -> None:
    """A line of progress on stderr."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def nobody_reads() -> None:
    """Whoever read our output has gone: let nothing else fail because of that, not even
    what Python flushes when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for fd in (1, 2):
        os.dup2(nowhere, fd)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """For a block that writes this: an error of it names the path. Python's own does not if
    the disk is full."""
    try:
        yield
    except OSError as e:
        raise LabError(f"cannot write {e.filename or path}: {e.strerror or e}") from None


def read_text(file: Path) -> str:
    """The file's text, "" if there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_file(file: Path) -> str:
    """The text of a file that must be there. BadFile says which one cannot be read, behind its
    name, as the judge wants it."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as e:
        raise BadFile(f"{file.name}: {file} cannot be read: {e.strerror}") from None


class Range(NamedTuple):
    """Guest physical addresses from start to end, both inclusive."""

    start: int
    end: int

    @classmethod
    def parse(cls, text: object) -> Range | None:
        """START-END in hexadecimal, with or without 0x; None if it is not that."""
        if not isinstance(text, str):
            return None
        found = re.fullmatch(r"(?:0x)?([0-9a-f]{1,16})-(?:0x)?([0-9a-f]{1,16})", text)
        return cls(int(found[1], 16), int(found[2], 16)) if found else None

    def __str__(self) -> str:
        return f"{self.start:x}-{self.end:x}"

    @property
    def size(self) -> int:
        return self.end - self.start + 1

    def inside(self, other: Range) -> bool:
        return other.start <= self.start and self.end <= other.end

    def overlaps(self, other: Range) -> bool:
        return self.start <= other.end and other.start <= self.end


def words(items: Iterable[object], empty: str = "none") -> str:
    """The items with a space between them, or the word for nothing."""
    return " ".join(str(item) for item in items) or empty


def unique(items: Iterable[str]) -> list[str]:
    """Each item once, sorted."""
    return sorted(set(items))


def setting(name: str, pattern: str, default: str, what: str) -> str:
    """An environment variable whose value must match the pattern."""
    value = os.environ.get(name) or default
    if not re.fullmatch(pattern, value):
        raise LabError(f"{name} is {what}, not '{value}'")
    return value


def number(name: str, default: int) -> int:
    """An environment variable that is a whole number from 1 to 9999."""
    return int(setting(name, r"[1-9]\d{0,3}", str(default), "a number from 1 to 9999"))


def one_of(value: str, known: Sequence[str], what: str) -> str:
    """The value, if it is one of the known ones."""
    if value not in known:
        raise LabError(f"no such {what}: '{value}' (known: {', '.join(known)})")
    return value
