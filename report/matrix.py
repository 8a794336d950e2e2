# SPDX-License-Identifier: GPL-2.0-only
"""What the matrix found: a summary, pictures, the table, losses, timings, all runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from lab.arches import X86
from lab.schema import PATHS
from report import maps
from report.article import MARK, article, link, mark
from report.page import details, esc, ident, items, stack, table
from report.runs import (
    Matrix,
    Run,
    about_scenario,
    is_series,
    kernel_of,
    kernel_order,
    shown_kernel,
    version,
)
from report.sweep import Sweep


def path_order(path: str) -> int:
    return PATHS.index(path) if path in PATHS else len(PATHS)


# The summary

def counted(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "not run"


def columns(matrix: Matrix, sweep: Sweep) -> list[tuple[str, str]]:
    """The kernels to compare, (name, in words): those before the series, and the series."""
    names = [run.kernel for run in matrix.runs] + list(sweep.kernels)
    with_series = [name for name in names if is_series(name)]
    if not with_series:
        return []
    best = max(dict.fromkeys(with_series), key=with_series.count)
    base = best.removesuffix("series")
    return [(name, words) for name, words in (
        (f"{base}nofix", "before any fix"), (f"{base}mainline", "mainline"),
        (best, "this series")) if name in names]


def summary_rows(matrix: Matrix, sweep: Sweep, names: list[str]) -> Iterable[list[str]]:
    if matrix.there:
        dumps, kept = ["Crash dumps saved"], ["Runs that lose no device"]
        for name in names:
            own = [run for run in matrix.runs if run.kernel == name]
            with_dump = [run for run in own if run.dump]
            dumps.append(counted(sum(run.dump == "saved" for run in with_dump),
                                 len(with_dump)))
            kept.append(counted(sum(run.word[0] == "good" for run in own), len(own)))
        yield dumps
        yield kept
    arch = matrix.runs[0].arch if matrix.runs else X86
    for group, words in arch.swept:
        free = [sweep.free(group, name) for name in names]
        if any(free):
            yield [f"Layouts without a conflict, {words}", *(f or "not swept" for f in free)]


def summary_cell(text: str) -> str:
    part, _, whole = text.partition(" of ")
    if text.startswith("not "):
        return f"<td>{esc(text)}</td>"
    kind = "good" if text == "100 %" or part == whole else "lost"
    return f'<td class="{kind}">{mark(kind)} {esc(text)}</td>'


def summary(matrix: Matrix, sweep: Sweep) -> str:
    """What happens without and with the series: one small table."""
    kernels = columns(matrix, sweep)
    if not kernels:
        return ""
    out = [('<table class="brief"><caption>Without and with the series</caption>'
            "<thead><tr><td></td>")]
    out += [f'<th scope="col">{esc(words)}<br><small>{esc(name)}</small></th>'
            for name, words in kernels]
    out.append("</tr></thead><tbody>")
    for row in summary_rows(matrix, sweep, [name for name, _ in kernels]):
        cells = "".join(map(summary_cell, row[1:]))
        out.append(f'<tr><th scope="row">{esc(row[0])}</th>{cells}</tr>')
    out.append("</tbody></table>")
    if matrix.there:
        losses = "".join(f" With this series {link(r, r.scenario)}, {esc(r.path)}, loses one: "
                         f"{esc(r.reason)}." for r in matrix.runs
                         if r.kernel == kernels[-1][0] and r.word[0] == "lost")
        out.append("<p><small>Kernels without the series run only where there is something "
                   "to see, so their numbers are no rates. A layout counts if no device and "
                   "framebuffer overlap, whichever way the same kernel is started a second "
                   "time, with EFI or without, and in any order of its drivers."
                   f"{losses}</small></p>")
    return "".join(out)


# Comparisons

def counterpart(matrix: Matrix, run: Run) -> Run | None:
    """The same scenario and path with the series: of the run's own version if there is
    one, else of the version that was run most."""
    names = [r.kernel for r in matrix.runs]
    found = [r for r in matrix.runs if (r.scenario, r.path) == (run.scenario, run.path)
             and is_series(r.kernel)]
    found.sort(key=lambda r: (version(r.kernel) == version(run.kernel), names.count(r.kernel)),
               reverse=True)
    return found[0] if found else None


def without_series(run: Run) -> bool:
    kernel = kernel_of(run.kernel)
    return bool(kernel and kernel.role != "series")


def comparisons(matrix: Matrix) -> list[tuple[Run, Run]]:
    """(run that loses something, the same with the series) of single kernels."""
    found = []
    for run in matrix.runs:
        other = counterpart(matrix, run)
        if run.word[0] == "lost" and without_series(run) and other and other.word[0] == "good":
            found.append((run, other))
    return found


def worth(pair: tuple[Run, Run]) -> tuple[bool, ...]:
    """How well the pair shows the problem."""
    bad = pair[0]
    on_framebuffer = any(conflict.other == "framebuffer" for life in bad.loose.lives
                         for conflict in maps.space_of(life).refused.values())
    return (bad.dump == "lost", on_framebuffer, bad.scenario == bad.arch.demo[0],
            bad.path == "kdump-c")


def same_crash(matrix: Matrix) -> str:
    """The best examples as pictures: one each of the first two kernels that lose."""
    pairs = sorted(comparisons(matrix), key=worth, reverse=True)
    ours = [p for p in pairs if not p[0].kernel.startswith("debian-")]
    best: dict[str, tuple[Run, Run]] = {}
    for pair in ours or pairs:
        best.setdefault(pair[0].kernel, pair)
    out = []
    for bad, good in list(best.values())[:2]:
        out.append(f"<h3>{esc(bad.scenario)}, {esc(bad.path)}</h3>"
                   f"<p>{esc(about_scenario(bad.scenario))}</p>")
        out.append(f"<h4>{esc(bad.kernel)}: {link(bad)}</h4><p>{esc(bad.reason)}.</p>"
                   f"{maps.pair(bad)}")
        out.append(f"<h4>{esc(good.kernel)}: {link(good)}</h4>{maps.pair(good)}")
    if not out:
        return ""
    fixed = "" if matrix.runs[0].arch is X86 else (
        " Gray in the windows are devices at fixed addresses, as the GIC and the UARTs.")
    return ('<section id="pictures"><h2>The same VM, without and with</h2>'
            "<p>A picture is the MMIO space of one kernel, to scale; things below each other "
            "have the same address. The host refused what is crossed out and marked "
            "\u2715. Things too narrow to be seen are drawn a little wider. The "
            f"<em>hole</em> belongs to the vTPM and to what is behind it.{fixed}</p>"
            f"{''.join(out)}</section>")


# The table

def matrix_head(matrix: Matrix, shown: list[str]) -> str:
    bad = sum(run.word[0] == "fail" for run in matrix.runs)
    lost = sum(run.word[0] == "lost" for run in matrix.runs)
    result = f"<b>{bad} not as expected</b>" if bad else "all as expected"
    columns_ = "".join(f'<th scope="col" role="columnheader">{esc(p)}</th>' for p in shown)
    return (f'<section id="matrix"><h2>Matrix</h2><p>{len(matrix.runs)} runs of '
            f"{len(matrix.scenarios())} scenarios: {result}. {lost} of them lose a device, as "
            "expected; the reasons are below. Each cell leads to its map, the guest\u2019s "
            "findings and console, and the host\u2019s trace.</p>"
            f'<ul class="legend"><li class="good">{MARK["good"]} as expected</li>'
            f'<li class="lost">{MARK["lost"]} a device is lost, as expected</li>'
            f'<li class="fail">{MARK["fail"]} not as expected</li></ul>'
            '<table class="matrix" role="table"><caption>Runs by scenario, kernel and path'
            '</caption><thead role="rowgroup"><tr role="row">'
            f'<th scope="col" role="columnheader">scenario, kernel</th>{columns_}</tr></thead>')


def matrix_cell(runs: list[Run], path: str) -> str:
    links = [link(runs[0])] if len(runs) == 1 else \
        [link(run, f"{i}: {run.word[1]}") for i, run in enumerate(runs, 1)]
    label = f' data-label="{esc(path)}"' if runs else ""
    return f'<td role="cell"{label}>{" ".join(links)}</td>'


def matrix_section(matrix: Matrix) -> str:
    """Scenarios x kernels x paths."""
    if not matrix.there:
        return ""
    shown = [p for p in PATHS if any(run.path == p for run in matrix.runs)]
    shown += sorted({run.path for run in matrix.runs} - set(shown))
    out = [matrix_head(matrix, shown)]
    for name, runs in matrix.scenarios():
        out.append('<tbody role="rowgroup"><tr role="row" class="scenario"><th '
                   f'id="cell-{ident(name)}" role="rowheader" scope="rowgroup" '
                   f'colspan="{len(shown) + 1}"><b>{esc(name)}</b> '
                   f"<span>{esc(about_scenario(name))}</span></th></tr>")
        for kernel in sorted({run.kernel for run in runs}, key=kernel_order):
            cells = "".join(matrix_cell([r for r in runs if (r.kernel, r.path) == (kernel, p)], p)
                            for p in shown)
            out.append('<tr role="row"><th role="rowheader" scope="row">'
                       f"{esc(shown_kernel(kernel))}</th>{cells}</tr>")
        out.append("</tbody>")
    out.append("</table>")
    if matrix.skipped:
        reasons = items(f"{r.name}: {r.skipped}" for r in matrix.skipped)
        out.append(details(f"{len(matrix.skipped)} could not be run", reasons))
    out.append("</section>")
    return "".join(out)


def loss_row(matrix: Matrix, run: Run) -> tuple[str, ...]:
    other = counterpart(matrix, run)
    beside = "not run" if not other else "is this one" if other is run else \
        link(other, f"{other.word[1]}, {other.kernel}")
    return (f"{esc(run.scenario)}, {esc(run.path)}", esc(shown_kernel(run.kernel)), link(run),
            esc(run.reason), beside)


def losses_section(matrix: Matrix) -> str:
    """Which losses are expected, why, and the same run with the series."""
    lost = sorted((run for run in matrix.runs if run.word[0] == "lost"), key=lambda r: (
        r.scenario, path_order(r.path), kernel_order(r.kernel)))
    if not lost:
        return ""
    shown = stack(("run", "kernel", "result", "why", "with the series"),
                  [loss_row(matrix, run) for run in lost], "Expected losses")
    return f'<section id="losses"><h2>What is lost, and why</h2>{shown}</section>'


# Timings

def contact(run: Run, number: int) -> float | None:
    """When that kernel of the run connected to VMBus."""
    lives = run.loose.lives
    event = lives[number].first(lambda e: e.name == "contact" and e.true("accepted")) \
        if number < len(lives) else None
    return event.time if event else None


def median(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.1f}" if known else "-"


def timings_section(matrix: Matrix) -> str:
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in matrix.runs:
        cells.setdefault((run.kernel, run.path), []).append(run)
    rows = []
    for kernel, path in sorted(cells, key=lambda k: (kernel_order(k[0]), path_order(k[1]))):
        own = cells[kernel, path]
        ends = [run.loose.trace.seconds or None for run in own]
        last = max((end for end in ends if end), default=None)
        rows.append((kernel, path, len(own), median(contact(run, 0) for run in own),
                     median(contact(run, 1) for run in own), median(ends), median([last])))
    if not rows:
        return ""
    where = dict(matrix.about).get("guests run under", "")
    under = f" under {esc(where)}" if where else ""
    shown = table(("kernel", "path", "runs", "VMBus, first", "VMBus, second", "end", "slowest"),
                  rows, "Seconds")
    return ('<section id="timings"><h2>Timings</h2><p>Seconds since the VM was started'
            f"{under}, by the host\u2019s trace: until the first and the second kernel are "
            "connected to VMBus, and until the end; medians. They depend on emulation as much "
            "as on kernels.</p>"
            f"{details(f'{len(rows)} kernels and paths', shown, is_open=True)}</section>")


# Runs

def runs_section(matrix: Matrix) -> str:
    if not matrix.runs:
        return ""
    out = [('<section id="runs"><h2>Runs</h2><p class="paper">Only unexpected results are '
            "printed; the file has the maps, consoles and traces of the others.</p>")]
    for name, runs in matrix.scenarios():
        # Only what is red is printed.
        kind = "" if any(run.word[0] == "fail" for run in runs) else ' class="quiet"'
        out.append(f"<h3{kind}>{esc(name)}</h3><p{kind}>{esc(about_scenario(name))}</p>")
        out += [article(run) for run in sorted(runs, key=lambda r: (
            kernel_order(r.kernel), path_order(r.path), r.name))]
    out.append("</section>")
    return "".join(out)
