# SPDX-License-Identifier: GPL-2.0-only
"""MMIO space as a kernel with the series accounts for it, against the host's view.

Each piece of MMIO space that VMBus has given away is in /proc/iomem under a device that
the host offers; each config window and BAR that the host knows lies in a piece of its
own device; nothing overlaps and nothing is left over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.common import Range
from lab.findings import Report
from lab.trace import Life

INSTANCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CONFIG_WINDOW = 0x2000          # bytes
FB_LEAST = 8 << 20              # bytes
Owned = tuple[Range, str]       # a range, and whose it is: an instance


def in_use(life: Life) -> Iterator[tuple[str, Range, str]]:
    """(config or bar, range, device) of what each bus uses in the end."""
    used: dict[str, list[tuple[str, Range]]] = {}
    for e in life.events:
        if e.name == "d0_entry" and e.get("status") == "0x0":
            used[e.device] = [("config", e.range("window"))]
        elif e.name in ("d0_exit", "rescind"):
            used.pop(e.device, None)
        elif e.name == "bar" and e.true("decodes"):
            used.setdefault(e.device, []).append(("bar", e.range("range")))
    for device, pieces in used.items():
        for what, span in pieces:
            yield what, span, device


def guest_errors(owned: list[Owned], held: set[Range], reserve: Range | None,
                 fbs: set[Range], present: set[str]) -> Iterator[str]:
    """What does not agree in the guest's own account."""
    for i, (span, owner) in enumerate(owned):
        if span not in held and not (reserve and span.inside(reserve)):
            yield f"not held: {span}"
        if owner not in present:
            yield f"left behind: {span}"
        for other, _ in owned[:i]:
            if span.overlaps(other):
                yield f"twice: {span}"
    for span in held - {span for span, _ in owned} - fbs:
        yield f"nobody's: {span}"


def host_errors(owned: list[Owned], used: list[tuple[str, Range, str]]) -> Iterator[str]:
    """What does not agree with what the host knows; USED has instances."""
    for span, owner in owned:
        # A config window that is not the one in use was leaked.
        if span.size == CONFIG_WINDOW and ("config", span, owner) not in used:
            yield f"not in use: {span}"
    for what, span, owner in used:
        mine = [piece for piece, other in owned if other == owner]
        if not (span in mine if what == "config" else any(map(span.inside, mine))):
            yield f"not its own {what}: {span}"


def framebuffers(layout: dict[str, object]) -> set[Range]:
    """What a kernel holds beside the reservation if it is outside of that: the framebuffer, and
    what firmware says that it is, but at least 8 MiB of it."""
    fb, told = Range.parse(layout.get("fb")), Range.parse(layout.get("fb_firmware"))
    if told:
        told = Range(told.start, max(told.end, told.start + FB_LEAST - 1))
    return {span for span in (fb, told) if span}


def errors(report: Report, life: Life, fbs: set[Range]) -> list[str]:
    """All that does not agree, at most four, or an empty list. FBS are framebuffers()."""
    held = {span for _, m in report.block("mmio").find(r"^held (\S+)")
            if (span := Range.parse(m[1]))}
    owned = [(span, name) for span, name in report.iomem if INSTANCE.fullmatch(name)]
    present = life.present
    used = [(what, span, present.get(device, device))
            for what, span, device in in_use(life)]
    wrong = [*guest_errors(owned, held, Range.parse(report.reserve), fbs,
                           set(present.values())), *host_errors(owned, used)]
    return sorted(set(wrong))[:4]


def outermost(iomem: list[Owned], address: int) -> str:
    """The names in /proc/iomem at that address, the outermost first, without PCI's buses
    and BARs; VMBus stands for an instance of one of its devices."""
    names = []
    for span, name in iomem:
        if INSTANCE.fullmatch(name):
            name = "VMBus"
        if re.match(r"PCI Bus |....:..:..\..$", name):
            continue
        if span.start <= address <= span.end:
            names.append(name)
    return " > ".join(names) or "nothing"
