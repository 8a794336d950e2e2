# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that we did not build: what was observed of them, and what they are like.

ROLE=series, mainline or nofix says what a kernel is judged as. Without it the run itself
tells. A kernel that reserves what the series has to reserve in this scenario, and shows it
in /proc/iomem as only the series does, is judged as the series. One that does all that
mainline does here is like mainline. Else it is unknown: only what any kernel has to do is
judged. Without ROLE=, a lost device is a failure even where mainline is known to lose it.
On Generation 1 the reservation is the VGA device's own in /proc/iomem whoever makes it, so
there a kernel is like the series, or like mainline, if all verdicts for it are green.
"""

from __future__ import annotations

import os

from lab import foreign
from lab.common import one_of, words
from lab.crashes import vmcore
from lab.devices import disk, dump
from lab.judge import BASIC, Run, detection, judge, vmbus
from lab.losses import SAID
from lab.verdict import Verdicts

ENTRY = "Hyper-V framebuffer"
ROLES = ("series", "mainline", "nofix")


def asked_role() -> str:
    """ROLE, or "" for what the run tells."""
    role = os.environ.get("ROLE") or ""
    return one_of(role, (*ROLES, "unknown"), "ROLE") if role else ""


def like_series(run: Run) -> bool:
    """Each of the user's kernels reserves what the series has to, and shows it."""
    if run.scenario.host["generation"] == 1:
        return does_all(run, "series")
    named = run.kernel.as_role("series")
    for which in run.which:
        if not run.kernel.of(which).is_file:
            continue
        report = run.report(which)
        expected = run.scenario.expected("reserve", named, run.path, which)
        shown = any(name == ENTRY for _, name in report.iomem)
        if report.reserve != expected or not shown:
            return False
    return True


def does_all(run: Run, role: str) -> bool:
    """All verdicts for that role are green."""
    return judge(run.folder, run.scenario, run.path, run.kernel.as_role(role), run.host).ok


def find_role(run: Run) -> str:
    """series or mainline, or unknown if it is like neither."""
    if like_series(run):
        return "series"
    return "mainline" if does_all(run, "mainline") else "unknown"


def lost(run: Run) -> str:
    """What the kernels lost, "" if nothing."""
    found = []
    for which in run.which:
        for kind, device in run.found_losses(which):
            # What this host takes from every kernel is no fault of this one.
            if device not in run.scenario.expect["lost"].get(kind, ()):
                found.append(f"{which} kernel: {device} ({SAID.get(kind, kind)})")
        if run.scenario.has_disk and run.report(which).fact("disk") != "found" and \
                not any("nvme0" in text and text.startswith(which) for text in found):
            found.append(f"{which} kernel: nvme0 (no disk)")
    if run.scenario.has_disk and run.path.startswith("kdump-") and "elf" not in run.disk:
        found.append("the crash dump")
    return "; ".join(found)


def judge_unknown(run: Run) -> Verdicts:
    """What any kernel has to do."""
    v = Verdicts()
    for group in (*BASIC[run.host], detection, vmbus, vmcore, disk, dump):
        group(run, v)
    judge_losses(run, v)
    return v


def judge_losses(run: Run, v: Verdicts) -> None:
    """A kernel that nobody has a known failure for loses nothing."""
    v.open("devices")
    if lost(run):
        v.fail("devices", "lost", lost(run), "out/log" if run.witness else "out/trace")


def observed(run: Run) -> list[str]:
    """What was seen of each kernel, a line each."""
    lines = []
    for which in run.which:
        report = run.report(which)
        if run.witness:
            seen = foreign.life(run, which)
            lines.append(
                f"{which}: {report.fact('release') or 'no release'}; framebuffer at "
                f"{seen.vram.span if seen.vram else 'none'}; reserves "
                f"{report.reserve or 'nothing'}; config windows "
                f"{words(sorted(str(place.span) for place in seen.windows.values()))}; "
                f"disk {report.fact('disk') or '-'}")
            continue
        life = run.life(which)
        used = sorted({f"{e.device} {e.range('window')}" for e in life.all("d0_entry")
                       if e.get("status") == "0x0"})
        bars = sorted({f"{e.device} {e.range('range')}" for e in life.all("bar")
                       if e.true("decodes")})
        refused = sorted({f"{e.device} {e.range('window')} {e.get('status')}"
                          for e in life.all("d0_entry")
                          if e.get("status") != "0x0" and e.get("reason") != "held"})
        fb = life.vram
        lines.append(
            f"{which}: {report.fact('release') or 'no release'}; framebuffer at {fb or 'none'}; "
            f"reserves {report.reserve or 'nothing'}; config windows {words(used)}; "
            f"refused {words(refused)}; BARs {words(bars)}; disk {report.fact('disk') or '-'}")
    return lines
