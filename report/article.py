# SPDX-License-Identifier: GPL-2.0-only
"""All of one run: what failed, maps, verdicts, findings, console and trace."""

from __future__ import annotations

import re
from collections.abc import Iterator

from report import maps
from report.lines import Marks, listing, text_lines, trace_lines
from report.page import details, esc, ident, items, stack, table
from report.runs import Run

MARK = {"good": "\u2713", "lost": "\u2715", "fail": "\u203c"}


def mark(kind: str) -> str:
    return f'<span aria-hidden="true">{MARK[kind]}</span>'


def link(run: Run, words: str = "") -> str:
    """A link to a run, which says what came of it unless WORDS say something else."""
    kind, word = run.word
    return (f'<a class="{kind}" href="#run-{ident(run.name)}">{mark(kind)} '
            f"{esc(words or word)}</a>")


def failed_checks(run: Run) -> str:
    """Each check that failed, where to look, and how to run it again."""
    result = run.result
    if result.ok:
        return ""
    rows = [[esc(text) for text in (verdict.group, check.what, check.expected or "nothing",
                                    check.got or "nothing", check.evidence)]
            for verdict in result.failed for check in verdict.failed]
    groups = ", ".join(verdict.group for verdict in result.failed) or "there are no verdicts"
    out = [f'<p class="alarm"><b>FAIL:</b> {esc(groups)}</p>']
    if rows:
        out.append(stack(("verdict", "what", "expected", "got", "evidence"), rows,
                         "Failed checks"))
    out.append(f"<p>Files: <code>{esc(result.folder)}</code><br>"
               f"Run it again: <code>{esc(result.again)}</code></p>")
    return "".join(out)


def unknown_kernel(run: Run) -> str:
    """Of a kernel that is a file: what it was judged as, and what was seen of it."""
    result = run.result
    if not result.role:
        return ""
    role = "an unknown kernel" if result.role == "unknown" else f"{result.role}-like"
    return (f"<p>{esc(result.kernel)} was judged as {esc(role)}. "
            f"Lost: {esc(result.lost or 'nothing')}.</p>{items(result.notes)}")


def verdicts(run: Run) -> str:
    """All verdicts of a run, as a list."""
    lines = [verdict.text if verdict.ok else verdict.text.replace("fail ", "FAIL ", 1)
             for verdict in run.result.verdicts]
    good = len(lines) - len(run.result.failed)
    return details(f"Verdicts: {good} of {len(lines)} are as expected", items(lines))


def evidence(run: Run, file: str) -> Marks:
    """The lines of a file that failed checks name."""
    found = set()
    for verdict in run.result.failed:
        for check in verdict.failed:
            match = re.fullmatch(re.escape(file) + r":([0-9]{1,9})", check.evidence)
            if match:
                found.add(int(match[1]))
    return found


def files(run: Run) -> Iterator[str]:
    """Findings, console and trace."""
    for name, file, text in (("Guest's findings", "out/findings", run.said),
                             ("Console", "console", run.console)):
        yield details(f"{name}, {text.count(chr(10))} lines",
                      listing(text_lines(text, evidence(run, file))))
    yield details(f"Host's trace, {len(run.loose.lines)} events",
                  listing(trace_lines(run.loose, evidence(run, "out/trace"))))


def article(run: Run) -> str:
    """All of one run."""
    kind, word = run.word
    out = [(f'<article id="run-{ident(run.name)}" class="run {kind}"><h4>{mark(kind)} '
            f"{esc(run.title)}: {esc(word)}</h4>")]
    if run.result.known_failure:
        out.append(f"<p>A loss is expected: {esc(run.result.known_failure)}.</p>")
    out += [failed_checks(run), unknown_kernel(run)]
    out += [f'<p class="alarm">{esc(problem)}</p>' for problem in run.problems]
    out.append(maps.pair(run))
    rows = list(maps.addresses(run))
    if rows:
        out.append(details("Addresses", table(("kernel", "what", "where", "size"), rows,
                                              "What is where", text_columns=4)))
    out += [verdicts(run), *files(run)]
    out.append(f'<p class="up"><a href="#cell-{ident(run.scenario)}">To the matrix</a></p>'
               "</article>")
    return "".join(out)
