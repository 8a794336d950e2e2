# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m report MATRIX SWEEP BENCH <VERSIONS >REPORT

The report, one file of HTML without scripts, of what lab matrix, sweep/run and the bench
left in these folders. VERSIONS is what kernel/versions prints now. What is missing is
said in the report and on stderr.

Exit: 0, or 1 if there is neither a matrix nor a sweep.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from lab.arches import ARCHES
from lab.common import TOP
from report import maps
from report.article import link
from report.coverage import kernels_section, options_section, tries_section
from report.matrix import (
    losses_section,
    matrix_section,
    runs_section,
    same_crash,
    summary,
    timings_section,
)
from report.page import details, esc, picture, svg_title, table
from report.runs import Matrix, pairs, read, read_text
from report.sweep import Sweep, sweep_section

SECTIONS = {"pictures": "Pictures", "matrix": "Matrix", "losses": "Losses",
            "kernels": "Kernels", "tries": "Second tries", "options": "Options",
            "sweep": "Every layout", "timings": "Timings", "bench": "Performance",
            "versions": "Versions", "runs": "Runs"}
INTRODUCTION = (
    "<h1>hyperv-mmio: without and with the series</h1>"
    "<p>On Hyper-V and Azure, the framebuffer and PCI devices share one pool of guest MMIO "
    "space. <b>Without the series</b> a kexec or kdump kernel that does not know where the "
    "framebuffer is gives its space to a PCI device. The host refuses that device: the NVMe "
    "disk is lost, and the crash dump with it. <b>With the series</b> the kernel always "
    "reserves the place where hosts put the framebuffer.</p>")
Pairs = list[tuple[str, str]]
Named = tuple[tuple[str, Matrix | Sweep], ...]


def say(words: str) -> None:
    print(f"report: {words}", file=sys.stderr)


def bench_section(folder: Path) -> str:
    """The bench's plots, and a table."""
    plots = sorted(folder.glob("plot-*.svg"))
    lines = [line.split("\t") for line in read_text(folder / "results.tsv").split("\n") if line]
    if not plots and not lines:
        return ""
    out = ['<section id="bench"><h2>Performance</h2><div class="maps">']
    for file in plots:
        svg = read(file) or b""
        words = svg_title(svg) or file.stem.removeprefix("plot-")
        out.append(f"<figure>{picture(svg, words)}<figcaption>{esc(words)}</figcaption></figure>")
    out.append("</div>")
    if lines:
        out.append(details("Figures", table(lines[0], lines[1:], "Measured figures"),
                           is_open=not plots))
    out.append("</section>")
    return "".join(out)


def named(matrix: Matrix, sweep: Sweep) -> Named:
    """Both by the verbs that make them."""
    return ("matrix", matrix), ("sweep", sweep)


def versions_section(matrix: Matrix, sweep: Sweep, now: Pairs) -> str:
    out = ['<section id="versions"><h2>Versions</h2>']
    for name, what in named(matrix, sweep):
        if what.there:
            words = f"The {name} was made with"
            out.append(table(("what", "version"), what.about, words) if what.about else
                       f"<p>The {name} does not say what it was made with.</p>")
    out.append(table(("what", "version"), now, "This report was made with"))
    out.append("</section>")
    return "".join(out)


def when(what: Matrix | Sweep) -> str:
    """The time of a result, by its versions or by its file."""
    return dict(what.about).get("time") or time.strftime(
        "%Y-%m-%d %H:%M UTC", time.gmtime(what.time))


def made(matrix: Matrix, sweep: Sweep, now: Pairs) -> Iterable[str]:
    """When the results were made, and of which commit."""
    this = dict(now).get("repository", "unknown")
    patches = "; ".join(f"{key.partition(', ')[2]}: {value}" for key, value in now
                        if key.startswith("patches, "))
    yield f"Patches: {patches}"
    yield f"Repository: {this}"
    for name, what in named(matrix, sweep):
        yield f"{name.capitalize()}: run {when(what)}" if what.there else \
            f"{name.capitalize()}: not run; make {name} does"
    if matrix.runs:
        there = {run.arch.name for run in matrix.runs}
        others = [name for name in ARCHES if name not in there]
        more = "".join(f"; make report ARCH={name} shows {name}\u2019s" for name in others)
        yield f"Guests: {' and '.join(sorted(there))}{more}"
    for name, what in named(matrix, sweep):
        commit = dict(what.about).get("repository", this)
        if what.there and commit != this:
            yield f"The {name} is of another commit: {commit}"


def head(matrix: Matrix, sweep: Sweep, now: Pairs, problems: list[str]) -> str:
    failures = [f"{link(run, run.title)}: "
                f"{esc(', '.join(v.group for v in run.result.failed) or 'no verdicts')}"
                for run in matrix.runs if run.word[0] == "fail"]
    lines = "".join(f"<li>{esc(line)}</li>" for line in made(matrix, sweep, now))
    out = [f'<header>{INTRODUCTION}{summary(matrix, sweep)}<ul class="when">{lines}</ul>']
    if failures or problems:
        words = "Unexpected results" if failures else "This report is not complete"
        shown = "".join(f"<li>{line}</li>" for line in [*failures, *map(esc, problems)])
        out.append(f'<div class="alarm"><b>{words}</b><ul>{shown}</ul></div>')
    return "".join(out)


def contents(parts: str) -> str:
    links = "".join(f'<li><a href="#{key}">{words}</a></li>' for key, words in SECTIONS.items()
                    if f'<section id="{key}">' in parts)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav></header>'


def page(matrix: Matrix, sweep: Sweep, bench: Path, now: Pairs, problems: list[str]) -> str:
    parts = "".join((same_crash(matrix), matrix_section(matrix), losses_section(matrix),
                     kernels_section(matrix), tries_section(matrix), options_section(matrix),
                     sweep_section(sweep), timings_section(matrix), bench_section(bench),
                     versions_section(matrix, sweep, now), runs_section(matrix)))
    # Nothing is loaded and nothing runs, even if something got past esc().
    return ('<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'; img-src data:\">"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            "<title>hyperv-mmio: without and with the series</title>"
            f"<style>{read_text(TOP / 'report' / 'style.css')}</style></head><body>{maps.DEFS}"
            f"{head(matrix, sweep, now, problems)}{contents(parts)}<main>{parts}</main>"
            "</body></html>\n")


def main() -> int:
    if len(sys.argv) != 4:
        say("usage: python3 -m report MATRIX SWEEP BENCH <VERSIONS >REPORT")
        return 2
    matrix, sweep = Matrix(Path(sys.argv[1])), Sweep(Path(sys.argv[2]))
    problems = []
    for name, what in named(matrix, sweep):
        if not what.there:
            say(f"there is no {name}; make {name} makes it")
        problems += [f"{name}: {problem}" for problem in what.problems]
    for problem in problems:
        say(problem)
    if not matrix.there and not sweep.there:
        say("nothing to report of")
        return 1
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(page(matrix, sweep, Path(sys.argv[3]), pairs(sys.stdin.read()), problems))
    return 0


if __name__ == "__main__":
    sys.exit(main())
