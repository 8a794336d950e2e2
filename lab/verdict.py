# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts: a group, what was expected, what was found and where that can be seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

# What a terminal or XML cannot show: control characters, halves of pairs, no characters
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """Text that may come from a guest, safe to print and to put into XML."""
    return UNPRINTABLE.sub("?", text)


# What Verdicts.fail() expects
NOTHING = "no failure"


@dataclass(frozen=True)
class Check:
    """One comparison of a verdict."""

    what: str
    expected: str
    got: str
    evidence: str = ""

    @property
    def ok(self) -> bool:
        return self.expected == self.got

    @property
    def text(self) -> str:
        where = f" ({self.evidence})" if self.evidence else ""
        if self.expected == NOTHING:
            return f"{self.what}: {self.got}{where}" if self.what else f"{self.got}{where}"
        return f"{self.what} is {self.got or 'nothing'}, not {self.expected or 'nothing'}{where}"


@dataclass
class Verdict:
    """What came of one group of checks."""

    group: str
    checks: list[Check] = field(default_factory=list)

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.ok]

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def text(self) -> str:
        """pass GROUP, or fail GROUP and why, on one line."""
        if self.ok:
            return f"pass {self.group}"
        return f"fail {self.group}: " + "; ".join(check.text for check in self.failed)


class Verdicts(dict[str, Verdict]):
    """Those of one run, in the order of their groups."""

    def check(self, group: str, what: str, expected: object, got: object,
              evidence: str = "") -> None:
        found = self.setdefault(group, Verdict(group))
        found.checks.append(Check(what, shown(expected), shown(got), evidence))

    def fail(self, group: str, what: str, why: str, evidence: str = "") -> None:
        """Something failed, whatever was expected: "WHAT: WHY"."""
        self.check(group, what, NOTHING, why, evidence)

    def open(self, group: str) -> None:
        """The group is judged, even if nothing in it can be compared."""
        self.setdefault(group, Verdict(group))

    @property
    def ok(self) -> bool:
        return all(verdict.ok for verdict in self.values())


def shown(value: object) -> str:
    """A value as people read it, and as it is compared."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(map(shown, value)) if isinstance(value, (set, frozenset)) else \
            map(shown, value)
        return " ".join(items) or "none"
    return clean(str(value))


@dataclass
class Result:
    """A cell of the matrix: one run, judged."""

    scenario: str
    path: str
    kernel: str
    seconds: float | None       # of the host's clock
    known_failure: str          # why it has to lose a device; "" if it must not
    verdicts: list[Verdict]
    folder: str                 # of its files, from the repository's top
    again: str                  # the command that runs it again
    role: str = ""              # of a kernel that is a file: what it was judged as
    lost: str = ""              # of such a kernel: what it lost
    notes: list[str] = field(default_factory=list)
    host: str = "hvhost"
    skipped: str = ""           # why it was not run

    @property
    def name(self) -> str:
        where = "" if self.host == "hvhost" else f", {self.host}"
        return f"{self.scenario}, {self.path}, {self.kernel}{where}"

    @property
    def failed(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.ok]

    @property
    def ok(self) -> bool:
        return bool(self.skipped) or (bool(self.verdicts) and not self.failed)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        data = asdict(self)
        for verdict, plain in zip(self.verdicts, data["verdicts"]):
            plain["ok"] = verdict.ok
            plain["text"] = verdict.text
        return {**data, "ok": self.ok}


def failures(results: Iterable[Result]) -> list[str]:
    """For people: each red cell, its cause, its files, and how to run it again."""
    lines = []
    for result in results:
        if not result.ok:
            lines.append(f"{result.name}:")
            lines += [f"  {verdict.text}" for verdict in result.failed] or ["  no verdicts"]
            lines += [f"  files: {result.folder}", f"  again: {result.again}"]
    return lines
