# SPDX-License-Identifier: GPL-2.0-only
"""Which devices a kernel lost and how, by the host's trace, in the words of scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.findings import Report
from lab.trace import Event, Life, is_pci

# The reason of a D0 entry that is refused or does no good, and what kind of loss that is
REASONS = {"window": "config-refused", "told": "config-refused",
           "framebuffer": "config-on-framebuffer", "overlap": "config-on-device",
           "fixed": "config-on-fixed", "outside": "outside", "covered": "config-covered"}
# What people are told of some kinds
SAID = {"config-covered": "covered by the framebuffer",
        "bar-covered": "covered by the framebuffer"}


def worst(conflicts: list[str]) -> str:
    """framebuffer, device, fixed or outside: the conflict that decides the host's status."""
    if "framebuffer" in conflicts:
        return "framebuffer"
    if any(c not in ("fixed", "outside") for c in conflicts):
        return "device"
    return "fixed" if "fixed" in conflicts else "outside"


def kind(what: str, other: str) -> str:
    return "outside" if other == "outside" else f"{what}-on-{other}"


def dead_bars(life: Life) -> Iterator[tuple[str, str]]:
    """BARs that the host refused when the guest last wanted them to decode, or that the
    framebuffer covered then."""
    conflicts: dict[tuple[str, str], list[str]] = {}
    dead: dict[tuple[str, str], str] = {}
    for e in life.all("conflict", "bar"):
        bar = e.device, e.get("bar")
        if e.name == "conflict":
            if e.get("what") == "bar" and e.get("action") in ("refused", "covered"):
                conflicts.setdefault(bar, []).append(e.get("with"))
            continue
        found = conflicts.pop(bar, [])
        if found:
            dead[bar] = "bar-covered" if e.true("decodes") else kind("bar", worst(found))
        elif e.true("decodes"):
            dead.pop(bar, None)
    for (device, _), how in dead.items():
        yield how, device


def overrun(life: Life) -> set[tuple[str, str]]:
    """What the framebuffer moved onto while it was in use, and did not leave again."""
    covered: set[tuple[str, str, str]] = set()
    coming: set[tuple[str, str, str]] = set()
    used: set[str] = set()
    for e in life.events:
        if e.name == "d0_entry" and e.get("status") == "0x0":
            used.add(e.device)
            covered.discard((e.device, "config", ""))
        elif e.name in ("d0_exit", "rescind"):
            used.discard(e.device)
            covered = {one for one in covered if one[0] != e.device}
        elif e.name == "bar":
            covered.discard((e.device, "bar", e.get("bar")))
        elif e.name == "conflict" and e.get("what") == "framebuffer":
            if e.get("action") == "covered" and e.get("with") in used:
                coming.add((e.get("with"), e.get("with_what"), e.get("with_bar")))
        elif e.name == "vram_location" and e.true("accepted"):
            covered, coming = coming, set()
    return {(f"{what}-covered", device) for device, what, _ in covered}


def attempts(conflicts: list[Event]) -> list[tuple[str, str, str]]:
    """(what, device, worst conflict) of each attempt to use a range, but for what the
    framebuffer covers."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for e in (e for e in conflicts if e.get("action") != "covered"):
        key = e.get("what"), e.device, e.get("bar"), e.get("range")
        found.setdefault(key, []).append(e.get("with"))
    return [(what, device, worst(others)) for (what, device, _, _), others in found.items()]


def lost_bus(life: Life, device: str, report: Report) -> str:
    """How a PCI bus is lost; "" if it is not. Only the guest knows why it leaves D0."""
    entry = life.last("d0_entry", device=device)
    if entry is None:
        return "no-config-window"
    if entry.get("reason") in REASONS:
        return REASONS[entry.get("reason")]
    last = life.last("d0_entry", "d0_exit", device=device)
    needs = report.needs(life.instances.get(device, "?"))
    return f"no-{needs}-window" if last and last.name == "d0_exit" and needs else ""


def losses(life: Life, report: Report, gone: tuple[str, ...]) -> list[tuple[str, str]]:
    """The (kind, device) of all that this kernel lost. GONE: devices that the host took."""
    found = set(dead_bars(life)) | overrun(life)
    on_fb = [e for e in life.all("conflict") if e.get("what") == "framebuffer"]
    found |= {(kind("framebuffer", other), "video") for _, _, other in attempts(on_fb)}
    buses = {e.device for e in life.all("open", "d0_entry", "d0_exit") if is_pci(e.device)}
    for device in sorted(buses - set(gone)):
        how = lost_bus(life, device, report)
        if how:
            found.add((how, device))
    if life.all("open", device="video") and \
            not any(e.true("accepted") for e in life.all("vram_location")):
        found.add(("no-vram", "video"))
    return sorted(found)


@dataclass
class Window:
    """A config window that a bus used, and the status of its last D0 entry there."""

    start: str
    status: str
    opened: int                 # how often the channel had been opened then
    line: int


def config_windows(life: Life, device: str) -> list[Window]:
    """In order. A bus that is held for a dead kernel says nothing about its window."""
    found: list[Window] = []
    opened = 0
    for e in life.all("open", "d0_entry", device=device):
        if e.name == "open":
            opened += 1
        elif e.get("reason") != "held":
            start = f"{e.range('window').start:x}"
            if found and found[-1].start == start and found[-1].opened == opened:
                found[-1].status = e.get("status")
            else:
                found.append(Window(start, e.get("status"), opened, e.line))
    return found


def refused_windows(life: Life) -> dict[str, list[Window]]:
    """By device, all windows of those that had one refused."""
    devices = sorted({e.device for e in life.all("d0_entry") if is_pci(e.device)})
    found = {device: config_windows(life, device) for device in devices}
    return {device: windows for device, windows in found.items()
            if any(w.status != "0x0" for w in windows)}


def window_starts(refused: dict[str, list[Window]]) -> list[str]:
    """Of each device in turn, where its windows start, without repeating one in a row."""
    starts: list[str] = []
    for windows in refused.values():
        own: list[str] = []
        for window in windows:
            if own[-1:] != [window.start]:
                own.append(window.start)
        starts += own
    return starts


@dataclass
class Moment:
    """The state of probing when an event came."""

    event: Event
    probing: int                # buses between open and D0, after the event
    left: int                   # other buses that have yet to come to D0, before it
    was_up: bool                # its own device had come to D0
    begun: bool                 # some bus has been opened


def moments(life: Life) -> Iterator[Moment]:
    """How many buses were being probed at each event."""
    on: set[str] = set()
    waiting: set[str] = set()
    begun = False
    for e in life.events:
        left, was_up = len(waiting - {e.device}), e.device not in waiting
        up = e.name == "d0_entry" and e.get("status") == "0x0"
        if e.name == "offer" and is_pci(e.device):
            waiting.add(e.device)
        elif e.name == "open" and is_pci(e.device):
            on.add(e.device)
            begun = True
        elif e.name == "close":
            on.discard(e.device)
        elif e.name == "rescind" or up:
            on.discard(e.device)
            waiting.discard(e.device)
        yield Moment(e, len(on), left, was_up, begun)
