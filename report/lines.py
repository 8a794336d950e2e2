# SPDX-License-Identifier: GPL-2.0-only
"""Traces, findings and consoles line by line, as HTML."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from lab.trace import Event
from report.page import esc
from report.runs import LooseTrace

# Bytes of one text that are shown, from its start and from its end; no good run has more
HEAD, TAIL = 192 << 10, 64 << 10
# Events that are marked: the name, and when
REMARKABLE: dict[str, Callable[[Event], bool]] = {
    "conflict": lambda e: True, "bad": lambda e: True, "crash": lambda e: True,
    "reset": lambda e: True,
    # A held bus is expected in a second kernel: it asks the host to release the bus.
    "d0_entry": lambda e: e.get("status") != "0x0" and e.get("reason") != "held",
    "vram_location": lambda e: not e.true("accepted"),
    "end": lambda e: e.get("how") != "poweroff"}
MARKED = ("failed D0 Entry", "guest: failed", "guest: cannot", "job: ", "BUG: ",
          "WARNING: ", "Kernel panic", "guest: disk missing")
Marks = dict[int, str]          # ids of the lines, by number, that links lead to


def shortened(lines: list[str]) -> list[str]:
    """Of far too many lines the first and the last ones."""
    if sum(map(len, lines)) <= HEAD + TAIL:
        return lines
    total = list(itertools.accumulate(map(len, lines)))
    first = next((i for i, n in enumerate(total) if n > HEAD), 0)
    last = next(i for i, n in enumerate(total) if total[-1] - n <= TAIL) + 1
    note = f"\u2026 {last - first} lines are left out here; no good run has as many"
    return [*lines[:first], note, *lines[last:]]


def value(v: object) -> str:
    if isinstance(v, bool):
        return "yes" if v else "no"
    if isinstance(v, list):
        return " ".join(map(value, v)) or "none"
    return "none" if v is None else str(v)


def show_event(event: Event) -> str:
    """A line of the trace for people; nothing of it is left out."""
    words = (f"{key} {value(v)}" for key, v in event.data.items() if key not in ("t", "event"))
    return f"{event.time:11.6f} {event.name:<16} {'  '.join(words)}"


def marked(shown: str, link: str = "") -> str:
    """A line that stands out; LINK is its id."""
    return f'<mark id="{link}">{shown}</mark>' if link else f"<mark>{shown}</mark>"


def trace_lines(loose: LooseTrace, marks: Marks) -> Iterator[str]:
    """Each line of a trace; where a kernel begins is said."""
    begins = {life.events[0].line: life.number for life in loose.lives}
    for event, line in loose.lines:
        if event is None:
            broken = esc(f"\u2715 not whole: {line}")
            yield marked(broken)
            continue
        if event.line in begins:
            yield f"<b>\u2014 kernel {begins[event.line]} \u2014</b>"
        shown = esc(show_event(event))
        test = REMARKABLE.get(event.name)
        link = marks.get(event.line, "")
        yield marked(shown, link) if link or (test and test(event)) else shown


def text_lines(text: str, marks: Marks) -> Iterator[str]:
    """Each line of findings or a console."""
    for number, line in enumerate(text.split("\n"), 1):
        shown = esc(line)
        link = marks.get(number, "")
        yield marked(shown, link) if link or any(word in line for word in MARKED) else shown


def listing(lines: Iterable[str], link: str) -> str:
    """The lines in a box that scrolls; LINK is its id."""
    # A browser drops an empty line at the start.
    shown = "\n".join(shortened(list(lines)))
    return f'<pre id="{link}" tabindex="0">\n{shown}\n</pre>'
