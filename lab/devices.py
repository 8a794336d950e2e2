# SPDX-License-Identifier: GPL-2.0-only
"""The judge's groups on the framebuffer and PCI devices; see judge.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from lab import losses
from lab.common import Range, unique, words
from lab.findings import read_iomem
from lab.plan import modules
from lab.scenario import NO_D0
from lab.space import errors, framebuffers, outermost
from lab.trace import Event
from lab.verdict import Verdicts

if TYPE_CHECKING:
    from lab.judge import Run

# What guest/init writes to its disk, seq 20000, by its SHA-256
FILE_SUM = "f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a"
# The first picture that guest/init paints, in the console's colours (0xaa a channel);
# the second one is the other way round.
PICTURE = ["aa0000", "00aa00", "aa5500", "0000aa", "aa00aa", "00aaaa", "aaaaaa", "000000"]
# Losses after which a controller's disk is not there
NO_DISK = (*NO_D0, "bar-on-framebuffer", "bar-on-device", "bar-on-fixed", "config-covered",
           "bar-covered")
# Losses by which the host refuses config windows
BY_WINDOW = ("config-refused", "config-on-framebuffer", "config-on-device", "config-on-fixed",
             "outside")
# Losses by which a PCI bus gets no MMIO space
NO_SPACE = ("no-config-window", "no-low-window", "no-high-window")


def named(kinds: list[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {device}" for kind, device in kinds) or "none"


def covered(event: Event) -> str:
    """config-covered or bar-covered, of a conflict in which the framebuffer won; or ""."""
    what = event.get("with_what" if event.get("what") == "framebuffer" else "what")
    return f"{what}-covered" if event.get("action") == "covered" else ""


def vram(run: Run, v: Verdicts) -> None:
    """Where the host has the framebuffer when each kernel is done."""
    fb = Range.parse(run.layout.get("fb"))
    for which in run.which:
        expected = run.expected("vram", which) or (f"{fb.start:x}" if fb else "none")
        found = run.life(which).vram
        moved = run.life(which).last("vram_location")
        v.check("vram", which, expected, f"{found.start:x}" if found else "none",
                moved.where if moved else "out/trace")


def lost(run: Run, v: Verdicts) -> None:
    """No device lost anything but what it has to lose."""
    for which in run.which:
        found = run.found_losses(which)
        for kind, device in sorted(set(found) - set(run.losses(which))):
            if kind in losses.SAID:
                v.fail("lost", losses.SAID[kind], f"{device} of the {which} kernel", "out/trace")
        v.check("lost", which, named(run.losses(which)), named(found), "out/trace")


@dataclass
class Buses:
    """The expected state of one kernel's PCI buses."""

    probed: list[str]           # that reach D0 entry
    up: list[str]               # that stay in D0
    codes: set[str]             # of the last D0 entry: ok, or a status
    bars: int                   # of test devices that work
    dead: list[str]             # PCI addresses of test devices with a dead BAR


def buses(run: Run, which: str) -> Buses:
    """By the scenario: its devices, less what is gone and what has to be lost."""
    found = Buses([], [], set(), 0, [])
    lose: dict[str, set[str]] = {}
    for kind, device in run.losses(which):
        lose.setdefault(device, set()).add(kind)
    if "pci-hyperv" not in modules(run.scenario, run.kernel, which):
        return found
    for number, (device, options) in enumerate(zip(run.scenario.device_names,
                                                   run.scenario.pci), 1):
        kinds = lose.get(device, set())
        if device in run.scenario.guest["gone"] or "no-config-window" in kinds:
            continue
        found.probed.append(device)
        codes = {"config-on-framebuffer": {"c0370048"}, "config-on-device": {"c0000018"},
                 "config-on-fixed": {"c0000018"}, "outside": {"c0000018"},
                 "config-refused": set(refused_codes(run, which))}
        found.codes |= next((codes[kind] for kind in codes if kind in kinds), {"ok"})
        if kinds & set(NO_D0):
            continue
        found.up.append(device)
        if "config-covered" in kinds:
            continue
        if kinds:
            found.dead.append(f"{number:04x}:00:00.0")
        elif device.startswith("test"):
            found.bars += options.partition(",refuse")[0].count(",")
    return found


def refused_codes(run: Run, which: str) -> list[str]:
    """The status of each config window that the host refused."""
    refused = losses.refused_windows(run.life(which))
    return unique(w.status.removeprefix("0x") for windows in refused.values()
                  for w in windows if w.status != "0x0")


def d0(run: Run, v: Verdicts) -> None:
    """Each PCI bus came to D0, or was refused, and the guest says so; in a second kernel
    only after the host was asked to release what the first one had, unless the host releases
    it by itself."""
    gone = run.scenario.guest["gone"]
    had: set[str] = set()
    for which in run.which:
        want, life = buses(run, which), run.life(which)
        entries = {e.device: e for e in life.all("d0_entry") if e.device not in gone}
        got = {"ok" if e.get("status") == "0x0" else e.get("status").removeprefix("0x")
               for e in entries.values()}
        v.check("d0", f"{which}: last status", want.codes, got, "out/trace")
        v.check("d0", f"{which}: buses", len(want.probed), len(entries), "out/trace")
        v.check("d0", f"{which}: refusals in the guest's log", words(refused_codes(run, which)),
                words(unique(run.report(which).refusals)), run.report(which).where("messages"))
        if which == "second":
            held = {e.device for e in life.all("d0_entry") if e.get("reason") == "held"}
            keeps = run.scenario.host["dead-devices"] != "release"
            v.check("d0", "second: buses held for the first",
                    len(had & set(want.probed)) if keeps else 0, len(held), "out/trace")
        had = set(want.up)


def tries(run: Run, v: Verdicts) -> None:
    """Which config windows were refused and which ones the guest chose then. With the
    second try no device is left without a window."""
    gone = run.scenario.guest["gone"]
    for which in run.which:
        if not run.kernel.of(which).second_try:
            continue
        life = run.life(which)
        starts = losses.window_starts(losses.refused_windows(life))
        v.check("tries", which, run.expected("tries", which), starts, "out/trace")
        lose = {device for kind, device in run.losses(which) if kind in BY_WINDOW}
        without = {e.device for e in life.all("d0_entry")
                   if e.device not in gone and not life.entered(e.device)}
        v.check("second try", f"{which}: without a config window", lose, without, "out/trace")


def log(run: Run, v: Verdicts) -> None:
    """The log of a kernel with the series names each config window that the host refused,
    and for each device without MMIO space what was asked for and what there was."""
    for which in run.which:
        if not run.kernel.of(which).second_try:
            continue
        life, report = run.life(which), run.report(which)
        refused = {w.start for windows in losses.refused_windows(life).values()
                   for w in windows if w.status != "0x0"}
        v.check("log", f"{which}: refused config windows", refused,
                set(report.refused_windows), report.where("messages"))
        for kind, device in run.losses(which):
            if kind in NO_SPACE:
                # Without high MMIO there is no window that VMBus could name.
                want = ["need"] if kind == "no-high-window" else ["request", "need", "space"]
                said = report.no_space(life.instances.get(device, "?"))
                v.check("log", f"{which}: what it says of {device}", set(want),
                        set(said) & set(want), report.where("messages"))


def conflicts(run: Run, v: Verdicts) -> None:
    """What the host saw on the framebuffer or on another device. A config window that
    was refused or covered does no harm if the guest used another one in the end."""
    for which in run.which:
        life = run.life(which)
        kinds = {kind for kind, _ in run.losses(which)}
        if run.expected("nvme", which) == "ignored":
            kinds.add("bar-on-framebuffer")
        want = {kind.replace("-on-", "/") for kind in kinds
                if "-on-" in kind or kind in losses.SAID}
        events = [e for e in life.all("conflict")
                  if e.get("what") != "config" or not life.works(e.device)]
        got = {f"{what}/{other}" for what, _, other in losses.attempts(events)}
        got |= {covered(e) for e in events} - {""}
        v.check("conflicts", which, want, got, events[-1].where if events else "out/trace")


def echo(run: Run, v: Verdicts) -> None:
    """Each BAR of the test devices answers where the guest placed it."""
    if not run.scenario.has_test:
        return
    for which in run.which:
        want = buses(run, which)
        block = run.report(which).block("echo")
        dead = dict.fromkeys(m[1] for _, m in block.find(r"^not ok (\S+)"))
        answers = [m[1] for _, m in block.find(r"^ok (\S+)") if m[1] not in dead]
        where = run.report(which).where("echo")
        v.check("echo", f"{which}: BARs that answer", want.bars, len(answers), where)
        v.check("echo", f"{which}: dead", want.dead, list(dead), where)
        v.check("echo", f"{which}: status", "1" if want.dead or not want.bars else "0",
                block.status, where)


def space(run: Run, v: Verdicts) -> None:
    """What a kernel with the series holds of MMIO space is what /proc/iomem says."""
    fbs = framebuffers(run.began)
    for which in run.which:
        if run.kernel.of(which).ours:
            v.check("space", which, "", "; ".join(errors(run.report(which), run.life(which), fbs)),
                    run.report(which).where("iomem"))


def hot(run: Run, v: Verdicts) -> None:
    """Which devices there are in the end. All removals and at least one addition happen
    while other buses are being probed."""
    gone = run.scenario.guest["gone"]
    for which in run.which:
        want = {d for d in run.scenario.device_names if d not in gone}
        got = {d for d in run.life(which).present if d.startswith(("nvme", "test"))}
        if run.scenario.hotplug:
            v.check("hot", f"{which}: devices", want, got, "out/trace")
    if not run.scenario.hotplug:
        return
    going = {device for what, device, _ in run.scenario.hotplug if what != "add"}
    while_others = [m for m in losses.moments(run.life("first")) if m.begun and m.left]
    left = [m for m in while_others if m.event.name == "eject" and m.event.get("how") != "done"]
    v.check("hot", "devices that go while others are probed", len(going),
            len({m.event.device for m in left}), "out/trace")
    come = any(m.event.name == "offer" and m.event.device.startswith(("nvme", "test"))
               for m in while_others)
    v.check("hot", "devices come meanwhile",
            any(what == "add" for what, _, _ in run.scenario.hotplug), come, "out/trace")
    if run.scenario.guest["one-by-one"]:
        v.check("set-up", "devices that go and were set up", len(going),
                len({m.event.device for m in left if m.was_up}), "out/trace")


def at_once(run: Run, v: Verdicts) -> None:
    """So many buses were probed at once."""
    least = run.expected("at-once", "first")
    least = least if isinstance(least, int) else 0
    if least:
        most = max((m.probing for m in losses.moments(run.life("first"))), default=0)
        v.check("at-once", "buses", f"at least {least}",
                f"at least {least}" if most >= least else most, "out/trace")


def picture(file: Path) -> list[str]:
    """The eight colours of what guest/init paints, in hexadecimal; nothing if it cannot
    be read."""
    try:
        with Image.open(file) as image:
            plain = image.convert("RGB")
            pixels = [plain.getpixel((64 * i + 32, 56)) for i in range(8)]
    except (OSError, ValueError, SyntaxError, IndexError, Image.DecompressionBombError):
        return []
    return ["".join(f"{channel:02x}" for channel in p) for p in pixels if isinstance(p, tuple)]


def pictures(run: Run, v: Verdicts) -> None:
    """The pictures on the screen, by the host, are those that were drawn."""
    if not run.scenario.paints:
        return
    last = 1
    for which in run.which:
        last = 1 if which == "first" and not run.scenario.guest["handover"] else 2
        v.check("paint", f"{which}: the picture that was drawn", last,
                run.report(which).fact("painted"), run.report(which).where("painted"))
    v.check("paint", "the screen", PICTURE if last == 1 else PICTURE[::-1],
            picture(run.folder / "out" / "screen.png"), "out/screen.png")


def handover(run: Run, v: Verdicts) -> None:
    """What firmware's framebuffer showed while it was firmware's; whose it is in
    /proc/iomem before and after hyperv_drm, and when that and VMBus' driver are gone."""
    driver = run.scenario.guest["handover"]
    if not driver:
        return
    ours = run.kernel.first.ours and run.scenario.host["generation"] == 2
    entry = "Hyper-V framebuffer" if ours else ""
    under = f"{entry} > " if entry else ""
    v.check("handover", "the screen before", PICTURE,
            picture(run.folder / "out" / "before.png"), "out/before.png")
    fb = run.life("first").vram
    owner = {"simpledrm": f"{under}BOOTFB > simpledrm", "efifb": f"{under}efifb"}[driver]
    for name, want in (("before", owner), ("iomem", f"{under}VMBus"),
                       ("unloaded", entry or "nothing"), ("unbound", "nothing")):
        at = int(str(run.expected("lfb-base", "first")), 16) if name == "before" else \
            fb.start if fb else 0
        v.check("handover", name, want,
                outermost(read_iomem(run.report("first").block(name)), at),
                run.report("first").where(name))


def loops(run: Run, v: Verdicts) -> None:
    """Drivers were unbound and bound as often as asked, allocations failed."""
    report = run.report("first")
    asked = run.scenario.guest["rebind"]
    if asked:
        done = [line.text.replace(" ", ":") for line in report.lines("rebound")]
        v.check("rebind", "DRIVER:TIMES", list(asked), done, report.where("rebound"))
    asked = run.scenario.guest["failslab"]
    if asked:
        times = [line.text.split() for line in report.lines("failslab")]
        v.check("failslab", "DRIVER:TIMES", list(asked), [":".join(t[:2]) for t in times],
                report.where("failslab"))
        for what, at in (("allocations that failed", 3), ("binds that failed", 5)):
            hit = any(len(t) > at and re.fullmatch("[1-9][0-9]*", t[at]) for t in times)
            v.check("failslab", what, "some", "some" if hit else "none",
                    report.where("failslab"))


def disk(run: Run, v: Verdicts) -> None:
    """NVMe is there or not; a file that the first kernel wrote is whole for each kernel
    and for the host, and fsck finds nothing."""
    if not run.scenario.has_disk:
        return
    for which in run.which:
        works = run.expected("nvme", which) in ("works", "ignored")
        report = run.report(which)
        v.check("disk", which, "found" if works else "missing", report.fact("disk"),
                report.where("disk"))
        if run.scenario.disks > 1:
            # A resumed kernel still has the disks that it lost.
            lost = {device for kind, device in run.losses(which)
                    if kind in NO_DISK and run.path != "hibernate"}
            want = [d for d in buses(run, which).probed if d.startswith("nvme") and d not in lost]
            v.check("disk", f"{which}: NVMe disks", len(want), report.fact("disks"),
                    report.where("disks"))
        if works:
            v.check("disk", f"{which}: the file", FILE_SUM, report.fact("file"),
                    report.where("file"))
    v.check("disk", "the file, by the host", FILE_SUM, run.disk.get("file"), "out/disk")
    v.check("disk", "fsck", "0", run.disk.get("fsck"), "out/fsck")


def dump_facts(run: Run) -> Iterator[tuple[str, str]]:
    """What the host found of the dump: its format, its length, its kernel."""
    kind, _, segments = run.disk.get("elf", "").partition(", ")
    yield "the format", kind or "none"
    yield "segments", "none" if segments.startswith("0 ") or not segments else "some"
    cut = run.disk.get("cut")
    yield "the length", f"{run.disk.get('size')} of {cut} bytes" if cut else "whole"
    yield "the release", run.disk.get("osrelease", "")


def dump(run: Run, v: Verdicts) -> None:
    """The host finds the dump on the disk or it does not; readelf opens it, and it names
    the kernel that crashed."""
    if not run.scenario.has_disk or not run.path.startswith("kdump-"):
        return
    report = run.report("second")
    works = run.expected("nvme", "second") in ("works", "ignored")
    said = report.fact("dump")
    v.check("dump", "the guest says", "saved" if works else "lost no disk",
            "saved" if said.startswith("saved ") else said, report.where("dump"))
    want = {"the format": "CORE (Core file)", "segments": "some", "the length": "whole",
            "the release": run.release("first")}
    for what, got in dump_facts(run):
        v.check("dump", what, want[what] if works else
                {"the format": "none", "segments": "none", "the length": "whole"}.get(what, ""),
                got, "out/disk")
    if run.scenario.guest["save"] == "full":
        v.check("full dump", "bytes", report.block("vmcore").first(r"^size ([0-9]{1,18})$"),
                run.disk.get("size"), "out/disk")
