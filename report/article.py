# SPDX-License-Identifier: GPL-2.0-only
"""All of one run: what failed, maps, verdicts, findings, console and trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lab.verdict import Check
from report import maps
from report.lines import Marks, listing, text_lines, trace_lines
from report.page import details, esc, ident, items, stack, table
from report.runs import Run

# The files of a run that its article has, by their headings
FILES = {"Guest\u2019s findings": "out/findings", "Console": "console",
         "Host\u2019s trace": "out/trace"}
# The verdicts that say what is lost, and the check that says in which function it crashed
LOSS, CRASH = ("lost", "conflicts"), "the crash"
MARK = {"good": "\u2713", "lost": "\u2715", "fail": "\u203c"}


def mark(kind: str) -> str:
    return f'<span aria-hidden="true">{MARK[kind]}</span>'


def link(run: Run, words: str = "") -> str:
    """A link to a run, which says what came of it unless WORDS say something else."""
    kind, word = run.word
    return (f'<a class="{kind}" href="#run-{ident(run.name)}">{mark(kind)} '
            f"{esc(words or word)}</a>")


def anchor(run: Run, file: str, line: int = 0) -> str:
    """The id of a file of the run, or of a line of it. No id of another run is the same:
    ident() has underscores in pairs."""
    return f"run-{ident(run.name)}_{Path(file).name}{f'-{line}' if line else ''}"


def where(run: Run, evidence: str, shown: str) -> str:
    """A link to the evidence, as near as it is in the files that are SHOWN; plain text if it
    is of another file."""
    file, line = place(evidence)
    for target in (anchor(run, file, line), anchor(run, file)):
        if f'id="{target}"' in shown:
            return f'<a href="#{target}">{esc(evidence)}</a>'
    return esc(evidence)


def lost_checks(run: Run) -> Iterator[Check]:
    """The checks that show what was lost, where that was expected."""
    for verdict in run.result.verdicts:
        for check in verdict.checks:
            if (verdict.group in LOSS or check.what == CRASH) and \
                    check.got not in ("", "0", "none"):
                yield check


def evidence(run: Run, shown: str) -> str:
    """What shows that something was lost, or went wrong, as links into this page."""
    if run.word[0] == "good":
        return ""
    seen = [f"<li>{esc(check.what)}: {esc(check.got)} ({where(run, check.evidence, shown)})</li>"
            for check in lost_checks(run)] if run.word[0] == "lost" else []
    whole = [f'<a href="#{anchor(run, file)}">{words}</a>' for words, file in FILES.items()
             if text_of(run, file)]
    if whole:
        seen.append(f"<li>All: {', '.join(whole)}</li>")
    return f"<p>Evidence:</p><ul>{''.join(seen)}</ul>" if seen else ""


def failed_checks(run: Run, shown: str) -> str:
    """Each check that failed, where to look, and how to run it again."""
    result = run.result
    if result.ok:
        return ""
    rows = [[*(esc(text) for text in (verdict.group, check.what, check.expected or "nothing",
                                      check.got or "nothing")),
             where(run, check.evidence, shown)]
            for verdict in result.failed for check in verdict.failed]
    groups = ", ".join(verdict.group for verdict in result.failed) or "there are no verdicts"
    out = [f'<p class="alarm"><b>FAIL:</b> {esc(groups)}</p>']
    if rows:
        out.append(stack(("verdict", "what", "expected", "got", "evidence"), rows,
                         "Failed checks", of=run.title))
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


def place(evidence_: str) -> tuple[str, int]:
    """The file and the line that a check's evidence names; line 0 is the whole file."""
    found = re.fullmatch(r"(.*?)(?::([0-9]{1,9}))?", evidence_, re.S)
    assert found
    return found[1], int(found[2] or 0)


def marks(run: Run, file: str) -> Marks:
    """The lines of a file that links of this run lead to."""
    checks = [check for verdict in run.result.failed for check in verdict.failed]
    places = [place(check.evidence) for check in [*checks, *lost_checks(run)]]
    return {line: anchor(run, file, line) for name, line in places if name == file and line}


def text_of(run: Run, file: str) -> str:
    """Those of the files that are text; of the trace whatever is not empty."""
    if file == "out/trace":
        return "\n" if run.loose.lines else ""
    return run.console if file == "console" else run.said


def files(run: Run) -> Iterator[str]:
    """Findings, console and trace."""
    for name, file in FILES.items():
        link, lines = anchor(run, file), marks(run, file)
        if file == "out/trace":
            yield details(f"{name}, {len(run.loose.lines)} events",
                          listing(trace_lines(run.loose, lines), link))
            continue
        text = text_of(run, file)
        yield details(f"{name}, {text.count(chr(10))} lines",
                      listing(text_lines(text, lines), link))


def article(run: Run) -> str:
    """All of one run."""
    kind, word = run.word
    out = [(f'<article id="run-{ident(run.name)}" class="run {kind}"><h4>{mark(kind)} '
            f"{esc(run.title)}: {esc(word)}</h4>")]
    if run.result.known_failure:
        out.append(f"<p>A loss is expected: {esc(run.result.known_failure)}.</p>")
    shown = "".join(files(run))
    out += [failed_checks(run, shown), unknown_kernel(run), evidence(run, shown)]
    out += [f'<p class="alarm">{esc(problem)}</p>' for problem in run.problems]
    out.append(maps.pair(run))
    rows = list(maps.addresses(run))
    if rows:
        out.append(details("Addresses", table(("kernel", "what", "where", "size"), rows,
                                              "What is where", of=run.title, text_columns=4)))
    out += [verdicts(run), shown]
    out.append(f'<p class="up"><a href="#cell-{ident(run.scenario)}">To the matrix</a></p>'
               "</article>")
    return "".join(out)
