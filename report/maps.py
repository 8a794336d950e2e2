# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of a guest's MMIO space, as each kernel of a run used it.

A picture is a kernel; a block of it is low or high MMIO, to scale from end to end; a
row of that is one kind of thing. So things that overlap are below each other, whatever
the colours are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lab.arches import X86
from lab.common import Range
from lab.trace import Life
from report.page import esc
from report.runs import Run, names_of

GIB4 = 1 << 32
LAST = (1 << 64) - 1
# Of the picture, in its own units; a phone shows one of that width.
WIDTH, LEFT, RIGHT, ROW, GAP, TEXT = 360, 80, 6, 16, 3, 12
LEAST = 3       # width of things that would be too narrow to be seen
ROWS = (("window", "windows"), ("reserve", "reserved"), ("fb", "framebuffer"),
        ("config", "PCI config"), ("bar", "PCI BARs"))
# Once a page: what SVG refers to by name
DEFS = (
    '<svg width="0" height="0" aria-hidden="true" class="defs"><defs>'
    '<pattern id="hole" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<path d="M0 5 5 0" class="hatch"/></pattern>'
    '<pattern id="clash" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<path d="M0 0 6 6M0 6 6 0" class="cross"/></pattern></defs></svg>')


class Thing(NamedTuple):
    """A range in a row; REFUSED says why the host refused it."""

    row: str
    span: Range
    what: str
    refused: str = ""


class Conflict(NamedTuple):
    """The last attempt to use a range that the host found in use."""

    span: Range
    other: str
    action: str


@dataclass
class Space:
    """Where each thing of a kernel was last."""

    config: dict[str, Range] = field(default_factory=dict)
    bars: dict[tuple[str, str], Range] = field(default_factory=dict)
    # By (what, device, BAR)
    refused: dict[tuple[str, str, str], Conflict] = field(default_factory=dict)


def space_of(life: Life) -> Space:
    space = Space()
    for e in life.events:
        device, bar = e.device, e.get("bar")
        if e.name == "d0_entry" and e.get("status") == "0x0":
            space.config[device] = e.range("window")
            space.refused.pop(("config", device, ""), None)
        elif e.name == "bar" and e.true("decodes"):
            space.bars[device, bar] = e.range("range")
            space.refused.pop(("bar", device, bar), None)
        elif e.name == "conflict":
            key = e.get("what"), device, bar if e.get("what") == "bar" else ""
            new = Conflict(e.range("range"), e.get("with"), e.get("action"))
            old = space.refused.get(key)
            # Of several conflicts of one range, that with the framebuffer is the worst.
            if not old or old.span != new.span or old.other != "framebuffer":
                space.refused[key] = new
    return space


def size(span: Range) -> str:
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if span.size >= 1 << shift:
            return f"{round(span.size / (1 << shift), 2):g} {unit}"
    return f"{span.size} bytes"


def ranges(values: object) -> list[Range]:
    """Those of a list that are ranges and not empty."""
    found = [Range.parse(v) for v in values] if isinstance(values, list) else []
    return [r for r in found if r and r.start <= r.end]


def holes(layout: dict[str, Any]) -> Iterator[Range]:
    """What the host describes and guests must not use: the vTPM's."""
    windows = sorted(ranges(layout.get("windows")))
    for span in ranges(layout.get("crs")):
        start = span.start
        for window in windows:
            if not window.overlaps(Range(start, span.end)):
                continue
            if window.start > start:
                yield Range(start, window.start - 1)
            start = max(start, window.end + 1)
        if start <= span.end:
            yield Range(start, span.end)


def refusals(space: Space) -> Iterator[Thing]:
    for (what, device, bar), (span, other, action) in space.refused.items():
        row = {"framebuffer": "fb"}.get(what, what)
        if row not in ("fb", "config", "bar"):
            continue
        place = "the framebuffer" if other == "framebuffer" else other
        where = "outside of the windows" if other == "outside" else f"on {place}"
        name = " config window" if what == "config" else f" BAR {bar}" if bar else ""
        yield Thing(row, span, f"{device}{name} {action}: {where}", f"{action}: {where}")


def things_of(run: Run, life: Life) -> list[Thing]:
    """All that is on a kernel's map."""
    space, reserved = space_of(life), Range.parse(reservation(run, life))
    found = [Thing("window", r, "window") for r in ranges(run.layout.get("windows"))]
    found += [Thing("hole", r, "hole: described by the host, not to be used")
              for r in holes(run.layout)]
    if run.arch is not X86:
        # On x86 they are next to the hole, too small to be seen beside it.
        for key, what in (("fixed", "devices that ACPI does not describe"),
                          ("described", "UARTs and GIC")):
            found += [Thing("fixed", r, f"{what}, at a fixed address")
                      for r in ranges(run.layout.get(key))]
    if reserved:
        found.append(Thing("reserve", reserved, "reserved by the kernel"))
    if life.vram:
        found.append(Thing("fb", life.vram, "framebuffer"))
    found += [Thing("config", r, f"{device}: config window")
              for device, r in space.config.items()]
    found += [Thing("bar", r, f"{device}: BAR {bar}")
              for (device, bar), r in space.bars.items()]
    return [t for t in [*found, *refusals(space)] if t.span.start <= t.span.end]


def reservation(run: Run, life: Life) -> str:
    """What the kernel reports of it: a range, none, or ""."""
    return run.found.of("first" if life.number == 1 else "second").reserve


class Block:
    """Low or high MMIO of a picture, from TOP on."""

    def __init__(self, things: list[Thing], plan: Plan, top: int) -> None:
        self.plan = plan
        self.top = top
        self.scale = (WIDTH - LEFT - RIGHT) / plan.span.size
        self.things = [t for t in things if t.span.overlaps(plan.span)]

    def place(self, r: Range) -> tuple[float, float]:
        """Where a range begins, and its width."""
        span = self.plan.span
        x = LEFT + (max(r.start, span.start) - span.start) * self.scale
        width = (min(r.end, span.end) - max(r.start, span.start) + 1) * self.scale
        if width >= LEAST:
            return x, width
        # A thing drawn wider than it is must not seem to reach into the framebuffer.
        more = int(LEAST / self.scale)
        behind, before = (any(
            t.row in ("fb", "reserve") and t.span.overlaps(grown) and not t.span.overlaps(r)
            for t in self.things) for grown in (
                Range(r.start, r.start + more), Range(r.end - more, r.end)))
        if behind and not before:
            x += width - LEAST
        return min(max(x, LEFT), WIDTH - RIGHT - LEAST), LEAST

    def clashes(self) -> Iterator[str]:
        """Refused things darken all that is at the same addresses."""
        height = len(self.plan.rows) * (ROW + GAP) - GAP
        for thing in self.things:
            if thing.refused:
                x, width = self.place(thing.span)
                yield (f'<rect x="{x:.2f}" y="{self.top + TEXT + 6}" width="{width:.2f}" '
                       f'height="{height}" fill="url(#clash)"/>')

    def draw(self, thing: Thing, y: int) -> Iterator[str]:
        """A thing in the row at Y."""
        x, width = self.place(thing.span)
        yield (f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{ROW}" '
               f'class="{thing.row}{" no" if thing.refused else ""}"><title>'
               f"{esc(thing.what)}, {thing.span}, {size(thing.span)}</title></rect>")
        if thing.refused:
            # In words, on the side where there is room
            right = x + width / 2 < (LEFT + WIDTH) / 2
            at, anchor = (x + width + 3, "") if right else (x - 3, ' text-anchor="end"')
            yield (f'<text x="{at:.2f}" y="{y + ROW - 4}" class="bad"{anchor}>'
                   f"\u2715 {esc(thing.refused)}</text>")
        elif thing.row == "hole" and width > 30:
            yield (f'<text x="{x + width / 2:.2f}" y="{y + ROW - 4}" text-anchor="middle" '
                   'class="name">hole</text>')

    def svg(self) -> tuple[int, str]:
        """The height up to its end, and the block."""
        span = self.plan.span
        y = self.top + TEXT + 6
        out = [(f'<text x="0" y="{self.top + TEXT}" class="head">{self.plan.label} MMIO, '
                f"{size(span)}</text>")]
        for row, words in self.plan.rows:
            out.append(f'<text x="0" y="{y + ROW - 4}">{words}</text><path '
                       f'd="M{LEFT} {y + ROW / 2:.1f}H{WIDTH - RIGHT}" class="line"/>')
            for thing in self.things:
                if row == {"hole": "window", "fixed": "window"}.get(thing.row, thing.row):
                    out += self.draw(thing, y)
            y += ROW + GAP
        out += self.clashes()
        y += TEXT
        out.append(f'<text x="{LEFT}" y="{y}" class="axis">{span.start:x}</text>'
                   f'<text x="{WIDTH - RIGHT}" y="{y}" text-anchor="end" class="axis">'
                   f"{span.end:x}</text>")
        return y + 10, "".join(out)


@dataclass(frozen=True)
class Plan:
    """A block of all pictures of a run: what it is, its range, and its rows."""

    label: str
    span: Range
    rows: tuple[tuple[str, str], ...]


def plans(things: list[Thing]) -> list[Plan]:
    """Low and high MMIO, large enough for all of these."""
    found = []
    for label, whole in (("low", Range(0, GIB4 - 1)), ("high", Range(GIB4, LAST))):
        here = [t for t in things if t.span.overlaps(whole)]
        if here:
            span = Range(min(max(t.span.start, whole.start) for t in here),
                         max(min(t.span.end, whole.end) for t in here))
            present = {t.row for t in here} | {"window"}
            if label == "low":
                present |= {"fb", "config", "bar"}
            found.append(Plan(label, span, tuple(r for r in ROWS if r[0] in present)))
    return found


def words(things: list[Thing]) -> str:
    """What a picture shows, in a sentence for those who do not see it."""
    said = []
    for row, label in ROWS:
        here = [t for t in things if t.row == row]
        few = ", ".join(f"{t.span}{' refused' if t.refused else ''}" for t in here[:6])
        more = f" and {len(here) - 6} more" if len(here) > 6 else ""
        said.append(f"{label}: {few or 'none'}{more}")
    return "; ".join(said)


def draw(things: list[Thing], blocks: list[Plan], title: str) -> str:
    top, parts = 0, []
    for plan in blocks:
        top, svg = Block(things, plan, top).svg()
        parts.append(svg)
    return (f'<svg viewBox="0 0 {WIDTH} {top}" class="map" role="img" '
            f'aria-label="{esc(f"{title}: {words(things)}")}">{"".join(parts)}</svg>')


def kernels_of(run: Run) -> list[tuple[str, Life]]:
    """(heading, kernel) of each that the run's path starts, and that started."""
    names = names_of(run.kernel)
    heads = ("first kernel", f"second kernel, by {run.path}")
    if not run.path.startswith("k"):
        return [(names[0], life) for life in run.loose.lives[:1]]
    return [(f"{head} ({name})", life)
            for head, name, life in zip(heads, names, run.loose.lives)]


def pair(run: Run) -> str:
    """A run's maps, side by side where there is room, or why there are none."""
    kernels = kernels_of(run)
    if not kernels:
        return "<p>No kernel got as far as VMBus, so there is no map.</p>"
    things = [things_of(run, life) for _, life in kernels]
    blocks = plans([t for some in things for t in some])
    if not blocks:
        return "<p>There is no MMIO space, so there is no map.</p>"
    figures = (f"<figure><figcaption>{esc(head)}</figcaption>{draw(some, blocks, head)}</figure>"
               for (head, _), some in zip(kernels, things))
    return f'<div class="pair">{"".join(figures)}</div>'


def addresses(run: Run) -> Iterator[tuple[str, str, str, str]]:
    """Rows of a table: what is where, to the byte."""
    for head, life in kernels_of(run):
        said = reservation(run, life)
        if not Range.parse(said):
            yield head, "reserved by the kernel", said or "not reported", ""
        for thing in things_of(run, life):
            yield head, thing.what, str(thing.span), size(thing.span)
