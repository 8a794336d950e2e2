# SPDX-License-Identifier: GPL-2.0-only
"""What sweep/run left. sweep/report defines what the figures mean."""

from __future__ import annotations

import csv
import importlib.machinery
import importlib.util
from pathlib import Path
from typing import Any

from lab.common import TOP
from report.page import Row, details, esc, picture, svg_title, table
from report.runs import about, kernel_of, read, read_text


def load(path: Path, name: str) -> Any:
    """A script as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Sweep:
    """All that is in the folder of a sweep."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self.pairs: list[dict[str, Any]] = []
        self.left: list[dict[str, Any]] = []
        self.kernels: dict[str, str] = {}       # the sweep's names by lab's
        self.about = about(folder)
        self.layouts = read_text(folder / "layouts").strip()
        self.there = (folder / "pairs.tsv").exists()
        if not self.there:
            return
        self.time = (folder / "pairs.tsv").stat().st_mtime
        self.report = load(TOP / "sweep" / "report", "sweep_report")
        self.pairs = self.rows(folder, "pairs.tsv", self.report.pair_table)
        self.left = self.rows(folder, "left.tsv", self.report.left_table)
        for name in dict.fromkeys(str(row["kernel"]) for row in self.left):
            kernel = kernel_of(name)
            self.kernels[kernel.name if kernel else name] = name
        self.maps = [(group, read(folder / f"map-{group}.svg")) for group in self.report.GROUPS]
        self.problems += [f"map-{group}.svg is missing." for group, svg in self.maps if svg is None]

    def rows(self, folder: Path, name: str, make: Any) -> list[dict[str, Any]]:
        """A table of the sweep's. MAKE uses all that is needed of it, so that half a table
        is noticed before anything is said of it."""
        try:
            rows: list[dict[str, Any]] = self.report.read(str(folder), name)
            make(rows)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as e:
            self.problems.append(f"{name} cannot be read: {type(e).__name__}: {e}")
            return []
        return rows

    def free(self, group: str, kernel: str) -> str:
        """Layouts without a conflict with that kernel for both, rounded down, or ""."""
        name = self.kernels.get(kernel)
        for p in self.pairs:
            if (p["told"], p["group"], p["first"], p["second"]) == ("truth", group, name, name):
                free = p["layouts"] - p["layouts_conflict"]
                return f"{free * 1000 // (p['layouts'] or 1) / 10:g} %"
        return ""


def ours(row: Row) -> str:
    """Rows of the series alone are bold."""
    pair = str(row[1]).split(" -> ")
    return "ours" if pair[-1].endswith("-series") and len(set(pair)) == 1 else ""


def named(head: list[str]) -> list[str]:
    """A head of the sweep's tables, with a different name for each column. A name that is
    there twice gets the one before in front of it."""
    found, owner = [head[0] or "group"], ""
    for word in head[1:]:
        if head.count(word) == 1:
            owner = word
        found.append(word if word == owner else f"{owner}, {word}")
    return found


def sweep_section(sweep: Sweep) -> str:
    if not sweep.there:
        return ""
    out = [('<section id="sweep"><h2>Every layout</h2><p>The kernel\u2019s own MMIO code, '
            "compiled for userspace, runs on every layout that a host can make, as a first and "
            "as a second kernel; docs/sweep.md says what that proves, and what it does "
            "not.</p>")]
    out += [f"<p>{esc(line)}</p>" for line in sweep.layouts.split("\n") if line]
    out.append('<div class="maps">')
    for group, svg in sweep.maps:
        if svg:
            name = sweep.report.NAMES[group]
            out.append(f"<figure>{picture(svg, svg_title(svg) or name)}"
                       f"<figcaption>{esc(name)}</figcaption></figure>")
    out.append("</div>")
    if sweep.pairs:
        out.append(f"<p>{esc(sweep.report.ALL_PAIRS)} Bold: the series in both.</p>")
        for told, words in sweep.report.TOLD.items():
            head, rows = sweep.report.pair_table([p for p in sweep.pairs if p["told"] == told])
            shown = table(named(head), rows, words, mark=ours)
            out.append(shown if told == "truth" else details(words, shown))
    if sweep.left:
        head, rows = sweep.report.left_table(sweep.left)
        out.append(f"<p>{esc(sweep.report.LEFT_OVER)}</p>"
                   f"{table(named(head), rows, 'Low MMIO that is left, in MiB', mark=ours)}")
    out.append("</section>")
    return "".join(out)
