# SPDX-License-Identifier: GPL-2.0-only
"""Runs that are drawn by seeds: which ones, and their results as JSON lines, so that many can
be run a few at a time."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import Field, asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from lab.common import LabError, read_text, writing

MOST = 1000000


class Record(Protocol):
    """A dataclass of values that JSON has."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


One = TypeVar("One", bound=Record)


def parse_seeds(text: str) -> list[int]:
    """1,7,20-29, in that order, each once."""
    found: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,19})(?:-(\d{1,19}))?", part)
        if not match or (match[2] and int(match[2]) < int(match[1])):
            raise LabError(f"SEEDS: '{part}' is not SEED or FIRST-LAST, as in 1,7,20-29")
        last = int(match[2] or match[1])
        if last - int(match[1]) >= MOST:
            raise LabError(f"SEEDS: '{part}' is more than {MOST} seeds")
        found |= dict.fromkeys(range(int(match[1]), last + 1))
    return list(found)


def read(file: Path, kind: type[One]) -> list[One]:
    """The results so far; a last line that is cut is left out."""
    found = []
    lines = read_text(file).split("\n")
    for n, line in enumerate(lines, 1):
        try:
            if line:
                found.append(kind(**json.loads(line)))
        except (ValueError, TypeError):
            if n < len(lines):
                raise LabError(f"{file}: line {n} is malformed") from None
    return found


def add(file: Path, one: Record) -> None:
    """Add a result, on a line of its own even if the last one was cut."""
    with writing(file), file.open("ab") as out:
        data = file.read_bytes()
        # Cut in place: a full disk may not have room for the other results a second time.
        out.truncate(data.rfind(b"\n") + 1)
        out.write(f"{json.dumps(asdict(one))}\n".encode())


def keep(folder: Path, to: Path) -> None:
    """Keep what a job's result can be looked into with: not the kernel and its programs."""
    shutil.rmtree(to, ignore_errors=True)
    with writing(to):
        to.mkdir(parents=True)
        for name in ("job", "console", "again", "rc", "why", "about.json", "layout.json",
                     "release"):
            if (folder / name).exists():
                shutil.copy(folder / name, to / name)
        if (folder / "out").exists():
            shutil.copytree(folder / "out", to / "out")
