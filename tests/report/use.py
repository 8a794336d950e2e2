# SPDX-License-Identifier: GPL-2.0-only
"""use.py REPORT [AXE]: can everybody use the report? In Chromium, on a phone in dark mode, on
a desktop, and on paper: what axe-core finds, with AXE, its file; whether colours in maps can
be told from the page, which axe-core does not check; and whether each cell that is red or
lost leads to its evidence in two clicks. Prints "pass|fail WHAT[: WHY]".

axe-core looks at what is shown, so all that is folded is opened for it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from report.browser import Browser  # noqa: E402

SCREENS = (("phone, dark", 360, 780, "dark", ""),
           ("desktop", 1280, 900, "light", ""),
           ("paper", 794, 1123, "light", "print"))
SCRIPT = Path(__file__).with_suffix(".js")
# What axe-core cannot decide, and who does: contrasts() that in SVG; people, whether a row
# that only has the name of a scenario is a header.
UNDECIDED = {"color-contrast", "th-has-data-cells"}
CELLS = "table.matrix a.fail, table.matrix a.lost"


def verdict(what: str, wrong: list[str]) -> None:
    print(f"fail {what}: {'; '.join(wrong[:4])}" if wrong else f"pass {what}")


def axe(browser: Browser, source: str) -> Iterator[str]:
    """What axe-core finds, a line a rule."""
    browser.evaluate(source)
    found = json.loads(browser.evaluate("axeFinds()"))
    if found["passes"] < 30:
        yield f"only {found['passes']} of {found['rules']} rules passed"
    for rule in found["wrong"]:
        if rule["sure"] or rule["id"] not in UNDECIDED:
            yield f"{rule['id']}: {rule['help']}: {', '.join(rule['where'])}"


def maps(browser: Browser) -> Iterator[str]:
    """Text and shapes in maps that are hard to see."""
    found: dict[str, list[float]] = json.loads(browser.evaluate("contrasts()"))
    if len(found) < 8:
        yield f"there are only {', '.join(found) or 'none'}"
    for what, (ratio, least) in found.items():
        if ratio < least:
            yield f"{what} has a contrast of {ratio:.1f}, not {least:g}"


def open_page(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.evaluate(SCRIPT.read_text(encoding="utf-8"))


def follow(browser: Browser, links: str, index: int) -> dict[str, Any]:
    """What is at the end of one of these links."""
    found: dict[str, Any] = json.loads(browser.evaluate(f"follow({json.dumps(links)}, {index})"))
    return found


def clicks(browser: Browser) -> Iterator[str]:
    """Red and lost cells without evidence two clicks away."""
    cells = browser.evaluate(f"count({json.dumps(CELLS)})")
    if not cells:
        yield "there is no such cell"
    for cell in range(cells):
        run = follow(browser, CELLS, cell)
        if run["is"] != "ARTICLE" or not run["seen"]:
            yield f"cell {cell} leads to {run['id'] or 'nothing'}, which is not shown"
            continue
        links = f"[id='{run['id']}'] a[href*='_']"
        ways = browser.evaluate(f"count({json.dumps(links)})")
        if not ways:
            yield f"{run['id']} has no link to its evidence"
        for way in range(ways):
            end = follow(browser, links, way)
            if not end["seen"] or not end["text"].strip():
                yield f"{run['id']}: link {way} leads to '{end['id']}', which is not shown"


def main() -> None:
    report = Path(sys.argv[1])
    source = Path(sys.argv[2]).read_text(encoding="utf-8") if len(sys.argv) > 2 else ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        browser = Browser(Path(work))
        browser.screen(360, 780)
        open_page(browser, report)
        verdict("each red or lost cell leads to its evidence in two clicks", list(clicks(browser)))
        for name, width, height, scheme, media in SCREENS:
            browser.screen(width, height, scheme=scheme, media=media)
            open_page(browser, report)
            browser.evaluate("unfold()")
            verdict(f"{name}: what is in maps can be told from the page", list(maps(browser)))
            if source:
                verdict(f"{name}: axe-core finds nothing", list(axe(browser, source)))
        browser.close()


main()
