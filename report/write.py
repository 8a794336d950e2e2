# SPDX-License-Identifier: GPL-2.0-only
"""write.py MATRIX SWEEP BENCH TOP <VERSIONS >REPORT

The report, one file of HTML without scripts, of what nest/matrix, sweep/run and
the bench left in these folders of the repository TOP; VERSIONS is what
kernel/versions says now. What is missing is said in it and on stderr.

Exit: 0, or 1 if there is neither a matrix nor a sweep.
"""
import csv
import importlib.machinery
import importlib.util
import itertools
import os
import re
import statistics
import sys
import time

import maps
from page import esc, ident, picture, svg_title, table
from runs import (HEAD, PATHS, TAIL, Matrix, about, kernel_order, read,
                  scenario_text, text)

MARK = {"good": "\u2713", "lost": "\u2715", "fail": "\u203c"}
# What of a trace is to be seen at once: the event's name, and when
REMARKABLE = {
    "conflict": lambda e: True, "bad": lambda e: True, "crash": lambda e: True,
    "reset": lambda e: True,
    # That it is held is as it has to be: the host is then asked to let go of it.
    "d0_entry": lambda e: e.get("status") != "0x0" and e.get("reason") != "held",
    "vram_location": lambda e: e.get("accepted") is not True,
    "end": lambda e: e.get("how") != "poweroff"}
MARKED = ("failed D0 Entry", "guest: failed", "guest: cannot", "job: ", "BUG: ",
          "WARNING: ", "Kernel panic", "guest: disk missing")


def say(words):
    print("report: %s" % words, file=sys.stderr)


def load(path, name):
    """sweep/report as a module: it knows what its figures mean."""
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def shortened(lines):
    """Of far too many lines those at the start and at the end."""
    if sum(map(len, lines)) <= HEAD + TAIL:
        return lines
    total = list(itertools.accumulate(map(len, lines)))
    first = next((i for i, n in enumerate(total) if n > HEAD), 0)
    last = next(i for i, n in enumerate(total) if total[-1] - n <= TAIL) + 1
    return lines[:first] + ["\u2026 %d lines are left out here: this guest has said "
                            "far more than any good one" % (last - first)] + lines[last:]


def show_event(event):
    """A line of the trace for people; nothing of it is left out."""
    def value(v):
        if isinstance(v, bool):
            return "yes" if v else "no"
        if isinstance(v, list):
            return " ".join(map(value, v)) or "none"
        return "none" if v is None else str(v)

    t = event.get("t")
    return "%11s %-16s %s" % (
        "%.6f" % t if isinstance(t, (int, float)) and abs(t) < 1e9 else value(t),
        event["event"], "  ".join("%s %s" % (k, value(v)) for k, v in event.items()
                                  if k not in ("t", "event")))


def trace_lines(trace):
    """Each line of a trace, as HTML; where a kernel begins is said."""
    n = 0
    for event, line in trace.lines:
        if event is None:
            yield "<mark>%s</mark>" % esc("\u2715 not whole: " + line)
            continue
        if event["event"] == "contact" and event.get("accepted") is True:
            n += 1
            yield "<b>\u2014 kernel %d \u2014</b>" % n
        shown = esc(show_event(event))
        if REMARKABLE.get(event["event"], lambda e: False)(event):
            shown = "<mark>%s</mark>" % shown
        yield shown


def console_lines(console):
    for line in console.split("\n"):
        shown = esc(line)
        if any(word in line for word in MARKED):
            shown = "<mark>%s</mark>" % shown
        yield shown


def details(summary, inside, is_open=False):
    return "<details%s><summary>%s</summary>%s</details>" % (
        " open" if is_open else "", esc(summary), inside)


def listing(lines):
    # A line at the start that is empty would be eaten.
    return '<pre tabindex="0">\n%s\n</pre>' % "\n".join(shortened(list(lines)))


def link(run, words=None):
    kind, word = run.word()
    return '<a class="%s" href="#run-%s"><span aria-hidden="true">%s</span> %s</a>' % (
        kind, ident(run.name), MARK[kind], esc(words or word))


def article(run):
    """All of one run."""
    kind, word = run.word()
    out = ['<article id="run-%s" class="run %s"><h4><span aria-hidden="true">%s'
           "</span> %s, %s, %s: %s</h4>" % (
               ident(run.name), kind, MARK[kind], esc(run.scenario), esc(run.path),
               esc(run.kernel), esc(word))]
    if run.reason:
        out.append("<p>A loss is expected: %s.</p>" % esc(run.reason))
    for _, group, why in run.failed:
        out.append('<p class="alarm"><b>FAIL, %s:</b> %s</p>' % (esc(group), esc(why)))
    for problem in run.problems:
        out.append('<p class="alarm">%s</p>' % esc(problem))
    out.append(maps.pair(run))
    rows = list(maps.addresses(run))
    if rows:
        out.append(details("Addresses", table(
            ("kernel", "what", "where", "size"), rows,
            "What is where", text_columns=4)))
    out.append(details(
        "Verdicts: %d of %d are as they must be" % (
            len(run.verdicts) - len(run.failed), len(run.verdicts)),
        "<ul>%s</ul>" % "".join(
            "<li>%s %s%s</li>" % ("pass" if good else "FAIL", esc(group),
                                  esc(": " + why if why else ""))
            for good, group, why in run.verdicts)))
    out.append(details("Console, %d lines" % run.console.count("\n"),
                       listing(console_lines(run.console))))
    out.append(details("Host's trace, %d events" % len(run.trace.lines),
                       listing(trace_lines(run.trace))))
    out.append('<p class="up"><a href="#cell-%s">To the matrix</a></p></article>'
               % ident(run.scenario))
    return "".join(out)


def counted(part, whole):
    return "%d of %d" % (part, whole) if whole else "not run"


def columns(matrix, sweep):
    """The kernels to compare, (name, in words): with the series and before."""
    names = [r.kernel for r in matrix.runs] + sweep.kernels
    with_series = [n for n in names if n.endswith("-series") and ".." not in n]
    if not with_series:
        return []
    best = max(dict.fromkeys(with_series), key=with_series.count)
    base = best[:-len("-series")]
    return [(name, words) for name, words in (
        (base + "-nofix", "before any fix"), (base, "mainline"),
        (best, "this series")) if name in names]


def summary(matrix, sweep):
    """What happens without and with the series: one small table."""
    kernels = columns(matrix, sweep)
    if not kernels:
        return ""
    rows = []
    if matrix.there:
        dumps, kept = ["Crash dumps saved"], ["Runs that lose no device"]
        for name, _ in kernels:
            own = [r for r in matrix.runs if r.kernel == name]
            with_dump = [r for r in own if r.dump]
            dumps.append(counted(sum(r.dump == "saved" for r in with_dump),
                                 len(with_dump)))
            kept.append(counted(sum(r.word()[0] == "good" for r in own), len(own)))
        rows += [dumps, kept]
    for group, words in (("gen2-x86", "Generation 2"), ("gen1", "Generation 1")):
        row = ["Layouts without a conflict, %s" % words]
        for name, _ in kernels:
            row.append(sweep.free(group, name))
        if any(row[1:]):
            rows.append([row[0]] + [c or "not swept" for c in row[1:]])
    out = ["<table class=\"brief\"><caption>Without and with the series</caption>"
           "<thead><tr><td></td>"]
    out += ['<th scope="col">%s<br><small>%s</small></th>' % (esc(words), esc(name))
            for name, words in kernels]
    out.append("</tr></thead><tbody>")
    for row in rows:
        out.append('<tr><th scope="row">%s</th>' % esc(row[0]))
        for cell in row[1:]:
            part, _, whole = cell.partition(" of ")
            kind, mark = (("good", "good") if cell == "100 %" or part == whole
                          else ("", "") if cell.startswith("not ") else ("lost", "lost"))
            out.append('<td class="%s">%s%s</td>' % (
                kind, '<span aria-hidden="true">%s</span> ' % MARK[mark]
                if mark else "", esc(cell)))
        out.append("</tr>")
    out.append("</tbody></table>")
    if matrix.there:
        out.append("<p><small>Kernels without the series are run where there is "
                   "something to see, so theirs are no rates. A layout counts where "
                   "PCI and framebuffer do not meet in any way to start the same kernel "
                   "a second time, told of EFI or not, in any order of its "
                   "drivers.%s</small></p>" % "".join(
                       " With this series %s, %s, loses one: %s." % (
                           link(r, r.scenario), esc(r.path), esc(r.reason))
                       for r in matrix.runs
                       if r.kernel == kernels[-1][0] and r.word()[0] == "lost"))
    return "".join(out)


def counterpart(matrix, run):
    """The same scenario and path with the series, or None; of several kernels with
    one that of the run's own version, or what was run most."""
    def version(kernel):
        found = re.search(r"[0-9]+\.[0-9]+", kernel.split("..")[-1])
        return found[0] if found else ""

    names = [r.kernel for r in matrix.runs]
    found = [r for r in matrix.runs if (r.scenario, r.path) == (run.scenario, run.path)
             and r.kernel.endswith("-series") and ".." not in r.kernel]
    return max(found, default=None, key=lambda r: (
        version(r.kernel) == version(run.kernel), names.count(r.kernel)))


def comparisons(matrix):
    """(run that loses something, the same with the series) of plain kernels."""
    lost = [(r, counterpart(matrix, r)) for r in matrix.runs
            if r.word()[0] == "lost" and ".." not in r.kernel and "-series" not in r.kernel]
    return [(r, other) for r, other in lost if other and other.word()[0] == "good"]


def same_crash(matrix):
    """The best examples as pictures: one for each kernel that loses."""
    def worth(pair):
        bad, _ = pair
        return (bad.dump == "lost",
                any("framebuffer" in refused[1] for k in bad.trace.kernels
                    for refused in k.refused.values()),
                bad.scenario == "gen2-default", bad.path == "kdump-c")

    out, seen = [], set()
    pairs = sorted(comparisons(matrix), key=worth, reverse=True)
    ours = [p for p in pairs if not p[0].kernel.startswith("debian-")]
    for bad, good in ours or pairs:
        if bad.kernel in seen or len(seen) == 2:
            continue
        seen.add(bad.kernel)
        out.append("<h3>%s, %s</h3><p>%s</p>" % (
            esc(bad.scenario), esc(bad.path), esc(scenario_text(TOP, bad.scenario))))
        out.append("<h4>%s: %s</h4><p>%s.</p>%s" % (
            esc(bad.kernel), link(bad), esc(bad.reason), maps.pair(bad)))
        out.append("<h4>%s: %s</h4>%s" % (esc(good.kernel), link(good), maps.pair(good)))
    if not out:
        return ""
    return ('<section id="pictures"><h2>The same VM, without and with</h2>'
            "<p>A picture is the MMIO space of one kernel, to scale; what is below "
            "another thing has the same address. Crossed out and marked \u2715: what "
            "the host refused. What would be too narrow to be seen is drawn a "
            "little wider. The <em>hole</em> is the vTPM\u2019s and what is behind "
            "it.</p>%s</section>" % "".join(out))


def matrix_section(matrix):
    """Kernels x scenarios x paths."""
    if not matrix.there:
        return ""
    shown = [p for p in PATHS if any(r.path == p for r in matrix.runs)]
    shown += sorted({r.path for r in matrix.runs} - set(shown))
    good = sum(r.word()[0] != "fail" for r in matrix.runs)
    lost = sum(r.word()[0] == "lost" for r in matrix.runs)
    bad = len(matrix.runs) - good
    out = ['<section id="matrix"><h2>Matrix</h2><p>%d runs of %d scenarios: %s. %d of them '
           "lose a device, as they must: why is below. Each leads to its map, its console "
           "and the host\u2019s trace.</p>" % (
               len(matrix.runs), len(matrix.scenarios()),
               "<b>%d not as they must be</b>" % bad if bad else
               "all are as they must be", lost),
           '<ul class="legend"><li class="good">%s as it must be</li><li class="lost">%s '
           "a device is lost, as it must be</li>"
           '<li class="fail">%s not as it must be</li></ul>' % (
               MARK["good"], MARK["lost"], MARK["fail"]),
           '<table class="matrix" role="table"><caption>Runs by scenario, kernel and path'
           '</caption><thead role="rowgroup"><tr role="row">'
           '<th scope="col" role="columnheader">scenario, kernel</th>']
    out += ['<th scope="col" role="columnheader">%s</th>' % esc(p) for p in shown]
    out.append("</tr></thead>")
    for name, runs in matrix.scenarios():
        out.append('<tbody role="rowgroup"><tr role="row" class="scenario"><th '
                   'id="cell-%s" role="rowheader" scope="rowgroup" colspan="%d">'
                   '<b>%s</b> <span>%s</span></th></tr>' % (
                       ident(name), len(shown) + 1, esc(name),
                       esc(scenario_text(TOP, name))))
        for kernel in sorted({r.kernel for r in runs}, key=kernel_order):
            out.append('<tr role="row"><th role="rowheader" scope="row">%s</th>'
                       % esc(kernel.replace("..", " \u2192 ")))
            for path in shown:
                own = [r for r in runs if (r.kernel, r.path) == (kernel, path)]
                words = ([link(own[0])] if len(own) == 1 else
                         [link(r, "%d: %s" % (i, r.word()[1]))
                          for i, r in enumerate(own, 1)])
                out.append('<td role="cell"%s>%s</td>' % (
                    ' data-label="%s"' % esc(path) if own else "", " ".join(words)))
            out.append("</tr>")
        out.append("</tbody>")
    out.append("</table></section>")
    return "".join(out)


def losses_section(matrix):
    """Which are expected, why, and what the series makes of the same."""
    lost = [r for r in matrix.runs if r.word()[0] == "lost"]
    if not lost:
        return ""
    rows = []
    for r in sorted(lost, key=lambda r: (r.scenario, PATHS.index(r.path)
                                         if r.path in PATHS else 9,
                                         kernel_order(r.kernel))):
        other = counterpart(matrix, r)
        rows.append("<tr>%s</tr>" % "".join(
            '<td data-label="%s">%s</td>' % cell for cell in (
                ("run", "%s, %s" % (esc(r.scenario), esc(r.path))),
                ("kernel", esc(r.kernel.replace("..", " \u2192 "))),
                ("becomes", link(r)), ("why", esc(r.reason)),
                ("with the series", link(other, "%s, %s" % (
                    other.word()[1], other.kernel)) if other and other is not r
                 else "is this one" if other is r else "not run"))))
    return ('<section id="losses"><h2>What is lost, and why</h2><div class="wide" '
            'tabindex="0" role="region" aria-label="Losses"><table class="stack">'
            "<caption>Losses that are expected</caption><thead><tr>"
            '<th scope="col">scenario, path</th><th scope="col">kernel</th>'
            '<th scope="col">becomes</th><th scope="col">why</th>'
            '<th scope="col">the same with the series</th></tr></thead><tbody>'
            "%s</tbody></table></div></section>" % "".join(rows))


class Sweep:
    """What sweep/run left; its own report knows what the figures mean."""

    def __init__(self, folder):
        self.folder = folder
        self.problems = []
        self.pairs, self.left, self.kernels = [], [], []
        self.about = about(folder)
        self.there = os.path.exists(os.path.join(folder, "pairs.tsv"))
        if not self.there:
            return
        self.time = os.stat(os.path.join(folder, "pairs.tsv")).st_mtime
        self.report = load(os.path.join(TOP, "sweep", "report"), "sweep_report")
        # All that is needed of them is used once, so that half a table is known
        # to be one before anything is said of it.
        for name, make in (("pairs", self.report.pair_table),
                           ("left", self.report.left_table)):
            try:
                rows = self.report.read(folder, name + ".tsv")
                make(rows)
            except (OSError, ValueError, KeyError, TypeError, AttributeError,
                    csv.Error) as e:
                self.problems.append("%s.tsv cannot be read: %s: %s"
                                     % (name, type(e).__name__, e))
                continue
            setattr(self, name, rows)
        self.kernels = list(dict.fromkeys(str(r["kernel"]) for r in self.left))
        self.maps = [(group, read(folder, "map-%s.svg" % group))
                     for group in self.report.GROUPS]
        for group, svg in self.maps:
            if svg is None:
                self.problems.append("map-%s.svg is missing." % group)

    def free(self, group, kernel):
        """Layouts without a conflict with that kernel for both, rounded down, or
        nothing."""
        for p in self.pairs:
            if (p["told"], p["group"], p["first"], p["second"]) == (
                    "truth", group, kernel, kernel):
                free = p["layouts"] - p["layouts_conflict"]
                return "%g %%" % (free * 1000 // (p["layouts"] or 1) / 10)
        return ""


def sweep_section(sweep):
    if not sweep.there:
        return ""
    said = text(read(sweep.folder, "layouts") or b"").strip()
    out = ['<section id="sweep"><h2>Every layout</h2><p>The kernel\u2019s own MMIO code, '
           "compiled for userspace, lives on every layout that a host can make, as a "
           "first and as a second kernel; docs/sweep.md says what that proves, and what "
           "it does not.</p>"]
    out += ["<p>%s</p>" % esc(line) for line in said.split("\n") if line]
    out.append('<div class="maps">')
    for group, svg in sweep.maps:
        if svg:
            name = sweep.report.NAMES[group]
            out.append("<figure>%s<figcaption>%s</figcaption></figure>" % (
                picture(svg, svg_title(svg) or name), esc(name)))
    out.append("</div>")

    def mark(row):
        pair = row[1].split(" -> ")
        return "ours" if pair[-1].endswith("-series") and len(set(pair)) == 1 else ""

    if sweep.pairs:
        out.append("<p>%s Bold: the series in both.</p>" % esc(sweep.report.ALL_PAIRS))
        for told, words in sweep.report.TOLD.items():
            head, rows = sweep.report.pair_table(
                [p for p in sweep.pairs if p["told"] == told])
            shown = table(head, rows, words, mark)
            out.append(shown if told == "truth" else details(words, shown))
    if sweep.left:
        head, rows = sweep.report.left_table(sweep.left)
        out.append("<p>%s</p>" % esc(sweep.report.LEFT_OVER))
        out.append(table(head, rows, "Low MMIO that is left, in MiB", mark))
    out.append("</section>")
    return "".join(out)


def median(values):
    return "%.1f" % statistics.median(values) if values else "-"


def timings_section(matrix):
    rows = []
    by = {}
    for r in matrix.runs:
        by.setdefault((r.kernel, r.path), []).append(r)
    for kernel, path in sorted(by, key=lambda k: (
            kernel_order(k[0]), PATHS.index(k[1]) if k[1] in PATHS else 9)):
        own = by[kernel, path]
        contact = [[r.trace.kernels[n].began for r in own if len(r.trace.kernels) > n and
                    r.trace.kernels[n].began is not None] for n in (0, 1)]
        ends = [r.trace.last for r in own if r.trace.last]
        rows.append((kernel, path, len(own), median(contact[0]), median(contact[1]),
                     median(ends), "%.1f" % max(ends) if ends else "-"))
    if not rows:
        return ""
    where = dict(matrix.about).get("guests run under", "")
    return ('<section id="timings"><h2>Timings</h2><p>Seconds since the VM was started, '
            "by the host\u2019s trace%s: until the first and the second kernel are "
            "connected to VMBus, and until the end; medians. They are of emulation as "
            "much as of kernels.</p>%s</section>" % (
                esc(", under " + where if where else ""),
                details("%d kernels and paths" % len(rows), table(
                    ("kernel", "path", "runs", "VMBus, first", "VMBus, second", "end",
                     "slowest"), rows, "Seconds"), is_open=True)))


def bench_section(folder):
    """The plots that there are, and a table."""
    if not os.path.isdir(folder):
        return ""
    plots = sorted(n for n in os.listdir(folder)
                   if n.startswith("plot-") and n.endswith(".svg"))
    lines = [line.split("\t") for line in
             text(read(folder, "results.tsv") or b"").split("\n") if line]
    if not plots and not lines:
        return ""
    out = ['<section id="bench"><h2>Performance</h2><div class="maps">']
    for name in plots:
        svg = read(folder, name) or b""
        words = svg_title(svg) or name[len("plot-"):-len(".svg")]
        out.append("<figure>%s<figcaption>%s</figcaption></figure>" % (
            picture(svg, words), esc(words)))
    out.append("</div>")
    if lines:
        out.append(details("Figures", table(lines[0], lines[1:], "Measured figures"),
                           is_open=not plots))
    out.append("</section>")
    return "".join(out)


def versions_section(matrix, sweep, now):
    def pairs(lines, caption):
        return table(("what", "version"), lines, caption)

    out = ['<section id="versions"><h2>Versions</h2>']
    for what, words in ((matrix, "The matrix was made with"),
                        (sweep, "The sweep was made with")):
        if what.there:
            out.append(pairs(what.about, words) if what.about else
                       "<p>%s what it does not tell.</p>" % words)
    out.append(pairs(now, "This report was made with"))
    out.append("</section>")
    return "".join(out)


def runs_section(matrix):
    if not matrix.runs:
        return ""
    out = ['<section id="runs"><h2>Runs</h2><p class="paper">On paper, only runs that are '
           "not as they must be; maps, consoles and traces of the others are in the "
           "file.</p>"]
    for name, runs in matrix.scenarios():
        out.append('<h3 class="scenario">%s</h3><p class="scenario">%s</p>' % (
            esc(name), esc(scenario_text(TOP, name))))
        out += [article(r) for r in sorted(runs, key=lambda r: (
            kernel_order(r.kernel), PATHS.index(r.path) if r.path in PATHS else 9,
            r.name))]
    out.append("</section>")
    return "".join(out)


def when(what):
    """The time of a result, by what made it or by its file."""
    return dict(what.about).get("time") or time.strftime(
        "%Y-%m-%d %H:%M UTC", time.gmtime(what.time))


def head(matrix, sweep, now, problems):
    this = dict(now)
    runs = [("matrix", matrix, "make matrix"), ("sweep", sweep, "make sweep")]
    lines = ["%s: %s" % (name.capitalize(), "run %s" % when(what) if what.there else
                         "not run; %s does" % verb) for name, what, verb in runs]
    for name, what, _ in runs:
        made = dict(what.about).get("repository")
        if what.there and made and made != this.get("repository"):
            lines.append("The %s is of another commit: %s" % (name, made))
    failures = ['<a href="#run-%s">%s, %s, %s</a>: %s' % (
        ident(r.name), esc(r.scenario), esc(r.path), esc(r.kernel),
        esc(", ".join(v[1] for v in r.failed) or "no verdicts"))
                for r in matrix.runs if r.word()[0] == "fail"]
    out = ["<header><h1>hyperv-mmio: without and with the series</h1>"
           "<p>On Hyper-V and Azure, the framebuffer and PCI devices share one pool of "
           "guest MMIO space. <b>Without the series</b> a kexec or kdump kernel that "
           "does not know where the framebuffer is gives its place to a PCI device. The "
           "host refuses that device: the NVMe disk is gone, and with it the crash dump. "
           "<b>With the series</b> the place where hosts have it is always kept "
           "free.</p>",
           summary(matrix, sweep),
           '<ul class="when">%s</ul>' % "".join("<li>%s</li>" % esc(x) for x in [
               "Patches: %s" % "; ".join("%s: %s" % (k.partition(", ")[2], v)
                                         for k, v in now if k.startswith("patches, ")),
               "Repository: %s" % this.get("repository", "unknown")] + lines)]
    if failures or problems:
        out.append('<div class="alarm"><b>%s</b><ul>%s</ul></div>' % (
            "Not all is as it must be" if failures else "This report is not whole",
            "".join("<li>%s</li>" % x for x in failures + list(map(esc, problems)))))
    return "".join(out)


def contents(parts):
    names = {"pictures": "Pictures", "matrix": "Matrix", "losses": "Losses",
             "sweep": "Every layout", "timings": "Timings", "bench": "Performance",
             "versions": "Versions", "runs": "Runs"}
    return '<nav aria-label="Contents"><ul>%s</ul></nav></header>' % "".join(
        '<li><a href="#%s">%s</a></li>' % (k, words) for k, words in names.items()
        if '<section id="%s">' % k in parts)


def main():
    if len(sys.argv) != 5:
        sys.exit("report: usage: write.py MATRIX SWEEP BENCH TOP <VERSIONS")
    matrix, sweep = Matrix(sys.argv[1]), Sweep(sys.argv[2])
    now = [tuple(line.rstrip("\n").split("\t", 1)) for line in sys.stdin if "\t" in line]
    problems = []
    for what, name, verb in ((matrix, "matrix", "make matrix"),
                             (sweep, "sweep", "make sweep")):
        if not what.there:
            say("there is no %s; %s makes it" % (name, verb))
        problems += ["%s: %s" % (name, p) for p in what.problems]
    for problem in problems:
        say(problem)
    if not matrix.there and not sweep.there:
        sys.exit("report: nothing to report of")
    parts = "".join((same_crash(matrix), matrix_section(matrix), losses_section(matrix),
                     sweep_section(sweep), timings_section(matrix),
                     bench_section(sys.argv[3]), versions_section(matrix, sweep, now),
                     runs_section(matrix)))
    style = text(read(TOP, "report", "style.css") or b"")
    sys.stdout.reconfigure(encoding="utf-8")
    # Nothing is fetched and nothing runs, even if something got past esc().
    print('<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
          '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
          "style-src 'unsafe-inline'; img-src data:\">"
          '<meta name="viewport" content="width=device-width, initial-scale=1">'
          '<meta name="color-scheme" content="light dark">'
          "<title>hyperv-mmio: without and with the series</title><style>%s</style>"
          "</head><body>%s%s%s<main>%s</main></body></html>" % (
              style, maps.DEFS, head(matrix, sweep, now, problems), contents(parts),
              parts))


TOP = sys.argv[4] if len(sys.argv) == 5 else ""
main()
