# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that we did not build: what was observed of them, and what they are like.

ROLE=series, mainline or nofix says what a kernel is to be judged as. Without it the run
itself tells: if the kernel reserves what a role has to reserve in this scenario, and
with the series also shows it in /proc/iomem, it is judged as that role. Else it is
unknown: only what any kernel has to do is judged, and a device that it loses fails.
"""

from __future__ import annotations

import os

from lab import losses
from lab.common import one_of, words
from lab.judge import Run, detection, ends, vmbus, well_behaved
from lab.verdict import Verdicts

ENTRY = "Hyper-V framebuffer"
ROLES = ("series", "mainline", "nofix")


def asked_role() -> str:
    """ROLE, or "" for what the run tells."""
    role = os.environ.get("ROLE") or ""
    return one_of(role, (*ROLES, "unknown"), "ROLE") if role else ""


def behaves_like(run: Run, role: str) -> bool:
    """Each kernel reserves what that role has to reserve here, and says so."""
    named = run.kernel.as_role(role)
    for which in run.which:
        report = run.report(which)
        expected = run.scenario.expected("reserve", named, run.path, which)
        shown = any(name == ENTRY for _, name in report.iomem)
        wants_entry = role == "series" and expected != "none" and \
            run.scenario.host["generation"] == 2
        if report.reserve != expected or shown != wants_entry:
            return False
    return True


def find_role(run: Run) -> str:
    """series or mainline, or "" if it is like neither."""
    return next((role for role in ("series", "mainline") if behaves_like(run, role)), "")


def lost(run: Run) -> str:
    """What the kernels lost, "" if nothing."""
    found = []
    for which in run.which:
        gone = run.scenario.guest["gone"]
        for kind, device in losses.losses(run.life(which), run.report(which), gone):
            found.append(f"{which} kernel: {device} ({kind})")
        if run.scenario.has_disk and run.report(which).fact("disk") != "found" and \
                not any("nvme0" in text and text.startswith(which) for text in found):
            found.append(f"{which} kernel: nvme0 (no disk)")
    if run.scenario.has_disk and run.path.startswith("kdump-") and "elf" not in run.disk:
        found.append("the crash dump")
    return "; ".join(found)


def judge_unknown(run: Run) -> Verdicts:
    """What any kernel has to do."""
    v = Verdicts()
    for group in (ends, well_behaved, detection, vmbus):
        group(run, v)
    v.check("devices", "what is lost", "", lost(run), "out/trace")
    return v


def observed(run: Run) -> list[str]:
    """What was seen of each kernel, a line each."""
    lines = []
    for which in run.which:
        life, report = run.life(which), run.report(which)
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
