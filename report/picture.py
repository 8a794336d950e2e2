# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m report.picture BEFORE AFTER >docs/low-mmio.svg

README's picture: low MMIO as the second kernel of two runs used it. BEFORE and AFTER are
the folders of the runs, named KERNEL.SCENARIO.PATH.

Exit: 0, or 1 if a run shows no low MMIO.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

from lab.common import TOP
from lab.verdict import Result
from report import maps
from report.page import esc
from report.runs import Run, read_run, read_text

HEAD, GAP, EDGE = 19, 16, 8
TITLE = "Low MMIO of two kdump kernels, without the fix and with the series"
Panel = tuple[str, list[maps.Thing]]


def style() -> str:
    """What the report's style sheet has for maps, for a picture without a page."""
    sheet = read_text(TOP / "report" / "style.css")
    roots = re.findall(r"^:root \{.*?^\}$|^@media \(prefers-color-scheme: dark\) \{.*?^\}$",
                       sheet, re.M | re.S)
    rules = re.findall(r"^\.(?:map|hatch|cross)\b.*$", sheet, re.M)
    return "\n".join([*roots, *rules, ".map .title { fill: var(--ink); font-weight: 700; }"])


def read(folder: Path) -> Run:
    kernel, scenario, path = folder.name.split(".")
    result = Result(scenario, path, kernel, None, "", [], str(folder), "")
    return read_run(result, folder.name, folder)


def panel(run: Run, title: str) -> Panel:
    """The last kernel of a run, and what is on its map."""
    lives = maps.kernels_of(run)
    if not lives:
        raise ValueError(f"{run.name}: no kernel got as far as VMBus")
    return title, maps.things_of(run, lives[-1][1])


def draw(panels: list[Panel]) -> str:
    """All panels to one scale, one below the other."""
    everything = [thing for _, things in panels for thing in things]
    low = [plan for plan in maps.plans(everything) if plan.label == "low"]
    if not low:
        raise ValueError("there is no low MMIO space")
    used = {t.row for t in everything if t.span.overlaps(low[0].span)}
    plan = replace(low[0], rows=tuple(row for row in low[0].rows if row[0] in used))
    top, parts, said = EDGE, [], []
    for title, things in panels:
        parts.append(f'<text x="0" y="{top + maps.TEXT}" class="title">{esc(title)}</text>')
        top, svg = maps.Block(things, plan, top + HEAD).svg()
        parts.append(svg)
        said.append(f"{title}: {maps.words(things)}")
        top += GAP
    # As DEFS has it for HTML, where an <svg> holds it
    defs = re.sub(r"</?svg[^>]*>", "", maps.DEFS)
    return ("<!-- SPDX-License-Identifier: GPL-2.0-only -->\n"
            f'<svg xmlns="http://www.w3.org/2000/svg" class="map" role="img" '
            f'viewBox="{-EDGE} 0 {maps.WIDTH + 2 * EDGE} {top}" width="720">'
            f"<title>{esc(TITLE)}</title><desc>{esc('. '.join(said))}.</desc>"
            f"<style>{style()}</style>{defs}"
            f'<rect x="{-EDGE}" width="{maps.WIDTH + 2 * EDGE}" height="{top}" '
            f'fill="var(--page)"/>{"".join(parts)}</svg>\n')


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: python3 -m report.picture BEFORE AFTER >docs/low-mmio.svg", file=sys.stderr)
        return 2
    before, after = (read(Path(name)) for name in sys.argv[1:])
    titles = ("Without the fix, kdump kernel: nothing is reserved",
              "With the series, kdump kernel: space is reserved")
    try:
        svg = draw([panel(before, titles[0]), panel(after, titles[1])])
    except ValueError as e:
        print(f"picture: {e}", file=sys.stderr)
        return 1
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
