# SPDX-License-Identifier: GPL-2.0-only
"""Runs that are drawn by seeds: which ones, many in a row, and their results as JSON lines, so
that many can be run a few at a time."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import Field, asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from lab.common import LabError, read_text, say, writing
from lab.locks import lock

MOST = 1000000
# Runs of one inner host
BATCH = 10
# Faults of the emulator, see docs/reliability.md
TRIPLE, DIED = "triple fault", "inner host"


class Record(Protocol):
    """A dataclass of values that JSON has."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


One = TypeVar("One", bound=Record)


class Keyed(Record, Protocol):
    """A result that is kept."""

    @property
    def key(self) -> tuple[object, ...]:
        """Results with the same key are of the same run."""


class Drawn(Keyed, Protocol):
    """One that a seed draws, and what came of it."""

    seed: int
    faults: list[str]
    outcome: str
    why: list[str]

    @property
    def about(self) -> str:
        """What was drawn."""

    @property
    def again(self) -> str:
        """The command that runs it again."""


Run = TypeVar("Run", bound=Drawn)
Kept = TypeVar("Kept", bound=Keyed)


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


def asked(seeds: str, count: str, default: int) -> list[int]:
    """The seeds that SEEDS lists, or the first N."""
    if seeds and count:
        raise LabError(f"SEEDS={seeds} and N={count}: give one of them")
    if count and (not re.fullmatch(r"[1-9]\d{0,6}", count) or int(count) > MOST):
        raise LabError(f"N is a number of runs from 1 to {MOST}, not '{count}'")
    return parse_seeds(seeds or f"1-{count or default}")


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
                     "later.json", "release"):
            if (folder / name).exists():
                shutil.copy(folder / name, to / name)
        if (folder / "out").exists():
            shutil.copytree(folder / "out", to / "out")


def ended(one: Drawn, made: Path) -> str:
    """The status of a run that has ended. Notes that inner hosts died under it."""
    retried = read_text(made / "retried").strip()
    one.faults += [DIED] * (int(retried) if retried.isdigit() else 0)
    return read_text(made / "rc").strip()


def batch(runs: Sequence[Run], folder: Path,
          play: Callable[[dict[str, Run], Callable[[str], None]], str],
          judge: Callable[[Run, Path, Path], bool], done: Callable[[Run], None]) -> None:
    """PLAY these by the names of their folders in FOLDER/jobs, and JUDGE each as it ends, with
    a folder to keep it in: is it a triple fault? As in the matrix, emulated KVM gets a second
    chance after one: a kernel that causes it does so again."""
    by_name = {f"n{n:02d}.{one.seed}": one for n, one in enumerate(runs)}
    held: dict[str, Run] = {}

    def first(name: str) -> None:
        one = by_name[name]
        if judge(one, folder / "jobs" / name, folder / "found" / str(one.seed)):
            held[name] = one
        else:
            done(one)

    def second(name: str) -> None:
        one = by_name[name]
        kept = folder / "found" / str(one.seed)
        console = read_text(kept / "console")
        judge(one, folder / "jobs" / name, kept)
        (kept / "again").write_text(console, encoding="utf-8")
        done(one)

    accel = play(by_name, first)
    if held and accel == "tcg":
        for name, one in held.items():
            say(f"{name}: again, after a triple fault")
            one.faults.append(TRIPLE)
        play(held, second)
    else:
        for one in held.values():
            done(one)


def resume(todo: Sequence[Kept], kind: type[Kept], folder: Path, verb: str,
           prepare: Callable[[Path], None],
           play: Callable[[Sequence[Kept], Callable[[Kept], None]], None], *,
           again: bool = False, size: int = BATCH) -> list[Kept]:
    """Run those that have no result in FOLDER; with AGAIN, or the variable of that name, all.
    PREPARE makes FOLDER/files, PLAY runs some, at most SIZE. Returns all with their results."""
    file = folder / "results.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / "lock", verb):
        had = {one.key: one for one in read(file, kind)}
        left = [one for one in todo
                if again or os.environ.get("AGAIN") or one.key not in had]

        def done(one: Kept) -> None:
            had[one.key] = one
            add(file, one)

        if left:
            say(f"{len(todo) - len(left)} of {len(todo)} seeds have results")
            shutil.rmtree(folder / "files", ignore_errors=True)
            prepare(folder / "files")
        for start in range(0, len(left), size):
            play(left[start:start + size], done)
            shutil.rmtree(folder / "jobs", ignore_errors=True)
        for name in ("files", "scenarios"):
            shutil.rmtree(folder / name, ignore_errors=True)
    return [had[one.key] for one in todo if one.key in had]


def show_wrong(found: Sequence[Run], folder: Path) -> list[Run]:
    """Print each run that is not as expected, with what it left in FOLDER. Returns them."""
    wrong = [one for one in found if one.outcome != "ok"]
    for one in wrong:
        print(f"\nseed {one.seed}, {one.outcome}: {one.about}")
        print("\n".join(f"  {text}" for text in one.why) or "  no verdicts")
        print(f"  files: {folder / 'found' / str(one.seed)}\n  again: {one.again}")
    return wrong
