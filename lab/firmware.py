# SPDX-License-Identifier: GPL-2.0-only
"""Whether a kernel keeps to tables that lie: its MMIO windows and its reservation must be
inside the windows of _CRS or of the devicetree. hvhost's trace has the tables' windows, the
guest's findings have the kernel's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab import findings
from lab.common import BadFile, Range, words
from lab.findings import Findings, Report
from lab.splats import Splat


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The ranges sorted, without empty and reversed ones; adjacent and overlapping ones joined."""
    found: list[Range] = []
    for one in sorted(r for r in ranges if r.start <= r.end):
        if found and one.start <= found[-1].end + 1:
            found[-1] = Range(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(one)
    return found


def parsed(texts: Iterable[object]) -> list[Range]:
    return [span for text in texts if (span := Range.parse(text))]


def outside(report: Report, given: list[Range]) -> Iterator[Splat]:
    """The windows and the reservation of a kernel that are not inside GIVEN."""
    for what, ranges in (("window", parsed(report.windows or [])),
                         ("reservation", parsed([report.reserve]))):
        wrong = [r for r in ranges if r.start > r.end or not any(map(r.inside, given))]
        if wrong:
            yield Splat("firmware", f"firmware: a {what} that the tables do not give",
                        (f"{what}: {words(wrong)}", f"given: {words(given)}"))


def reports(folder: Path) -> list[Report]:
    """The reports of those kernels of a job that listed their windows."""
    try:
        found = findings.read(folder / "out" / "findings")
    except BadFile:
        found = Findings()
    return [one for one in found.reports if one.windows is not None]


def check(folder: Path, told: Iterable[Mapping[str, Any]]) -> tuple[list[Splat], int]:
    """(complaints, how many kernels were checked). TOLD are the events "firmware" of the trace."""
    given = [merged(parsed(event.get("crs", []))) for event in told]
    if not given:
        return [], 0
    looked = reports(folder)
    return [splat for one in looked for splat in outside(one, given[-1])], len(looked)
