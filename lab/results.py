# SPDX-License-Identifier: GPL-2.0-only
"""Results of a matrix as files and for people: JSON lines, a table, TAP, JUnit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree

from lab.common import LabError, writing
from lab.schema import PATHS
from lab.verdict import Check, Result, Verdict, clean


def write(results: Iterable[Result], file: Path) -> None:
    """A line of JSON for each."""
    new = file.with_suffix(".new")
    with writing(new):
        new.write_text("".join(json.dumps(result.as_dict()) + "\n" for result in results),
                       encoding="utf-8")
        new.replace(file)


def add(result: Result, file: Path) -> None:
    """One more line of JSON."""
    with writing(file), file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(result.as_dict()) + "\n")


def check_writable(file: Path) -> None:
    """Before a long run: whether its results can be written there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8"):
            pass
    except OSError as e:
        raise LabError(f"cannot write {file}: {e.strerror}") from None


def read_line(text: str) -> Result:
    data = json.loads(text)
    verdicts = [Verdict(v["group"], [Check(**check) for check in v["checks"]])
                for v in data["verdicts"]]
    names = ("scenario", "path", "kernel", "seconds", "known_failure", "folder", "again",
             "role", "lost", "notes")
    # Results of before there were other hosts have none of these.
    return Result(verdicts=verdicts, host=data.get("host", "hvhost"),
                  skipped=data.get("skipped", ""), **{name: data[name] for name in names})


def read(file: Path) -> list[Result]:
    """What write() wrote; LabError names the line that is cut."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as e:
        raise LabError(f"{file}: {e.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(read_line(line))
        except (ValueError, KeyError, TypeError):
            raise LabError(f"{file}: line {number} is cut or malformed") from None
    return found


def word(results: Sequence[Result]) -> str:
    """What the table says of the runs of one cell."""
    if not results:
        return "-"
    if all(r.skipped for r in results):
        return "skip"
    good = [r for r in results if r.ok]
    if len(good) < len(results):
        return f"{len(good)}/{len(results)}" if len(results) > 1 else "FAIL"
    name = "lost" if results[0].known_failure or results[0].lost else "ok"
    return f"{len(results)} {name}" if len(results) > 1 else name


def table(results: Sequence[Result]) -> list[str]:
    """A line a scenario and kernel, a column a path. What has to fail is lost where it
    does."""
    rows: dict[tuple[str, str], dict[str, list[Result]]] = {}
    for r in results:
        rows.setdefault((r.scenario, r.kernel), {}).setdefault(r.path, []).append(r)
    widths = [max([18, *(len(name) for name, _ in rows)]),
              max([27, *(len(k) for _, k in rows)])]
    heads = ["scenario", "kernel", *PATHS]
    lines = []
    for cells in [heads, *([name, kernel, *(word(row.get(p, [])) for p in PATHS)]
                           for (name, kernel), row in rows.items())]:
        first = " ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths))
        lines.append(f"{first} {' '.join(f'{cell:<8}' for cell in cells[2:])}".rstrip())
    run = [r for r in results if not r.skipped]
    good = [r for r in run if r.ok]
    lost = [r for r in good if r.known_failure]
    lines += ["", f"{len(good)} of {len(run)} as expected; {len(lost)} of those lose a "
              "device or crash, which is expected:" if lost else
              f"{len(good)} of {len(run)} as expected; 0 of those lose a device"]
    lines += sorted({f"  {r.scenario}, {r.kernel}: {r.known_failure}" for r in lost})
    skipped = [r for r in results if r.skipped]
    if skipped:
        lines.append(f"{len(skipped)} skipped:")
        lines += sorted({f"  {r.scenario}, {r.path}: {r.skipped}" for r in skipped})
    return lines


def tap(results: Sequence[Result], out: TextIO) -> None:
    """A test for each run."""
    print(f"TAP version 13\n1..{len(results)}", file=out)
    for number, r in enumerate(results, 1):
        print(f"{'ok' if r.ok else 'not ok'} {number} - {r.name}"
              f"{': ' + r.lost if r.lost else ''}"
              f"{' # SKIP ' + r.skipped if r.skipped else ''}", file=out)
        for verdict in r.failed:
            print(f"# {verdict.text}", file=out)
        if not r.ok:
            print(f"# files: {r.folder}\n# again: {r.again}", file=out)


def junit(results: Sequence[Result], file: Path) -> None:
    """A test case for each run, with its verdicts."""
    suite = ElementTree.Element("testsuite", name="hyperv-mmio", tests=str(len(results)),
                                failures=str(sum(not r.ok for r in results)), errors="0",
                                skipped=str(sum(bool(r.skipped) for r in results)))
    for r in results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=clean(f"{r.scenario}.{r.kernel}"), name=r.path,
            time=f"{r.seconds or 0:.1f}")
        if r.skipped:
            ElementTree.SubElement(case, "skipped", message=clean(r.skipped))
            continue
        if not r.ok:
            why = r.lost or "; ".join(v.group for v in r.failed) or "no verdicts"
            failure = ElementTree.SubElement(case, "failure", message=clean(why))
            failure.text = clean("\n".join([v.text for v in r.failed] +
                                           [f"files: {r.folder}", f"again: {r.again}"]))
        said = ElementTree.SubElement(case, "system-out")
        said.text = clean("\n".join([*(v.text for v in r.verdicts), *r.notes]))
    tree = ElementTree.ElementTree(suite)
    ElementTree.indent(tree)
    check_writable(file)
    with writing(file):
        tree.write(file, encoding="utf-8", xml_declaration=True)
