# SPDX-License-Identifier: GPL-2.0-only
"""The judge's group on a VM that hibernates on one host and resumes on another; see judge.py.
out/trace1, out/findings1 and out/rc1 are of the first host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import findings, losses
from lab.common import read_text
from lab.devices import FILE_SUM, named
from lab.trace import Life, Trace, is_pci, read_trace
from lab.verdict import Verdicts

if TYPE_CHECKING:
    from lab.judge import Run


def used(life: Life) -> dict[tuple[str, str], str]:
    """The config windows, and the BARs that decode, that the PCI devices had last."""
    found: dict[tuple[str, str], str] = {}
    for e in life.events:
        if e.name == "d0_entry" and e.get("status") == "0x0":
            found[e.device, "config"] = str(e.range("window"))
        elif e.name == "bar" and e.true("decodes") and is_pci(e.device):
            found[e.device, f"bar{e.get('bar')}"] = str(e.range("range"))
    return found


def shown(spans: dict[tuple[str, str], str]) -> set[str]:
    return {f"{device} {what} {span}" for (device, what), span in spans.items()}


def first_host(run: Run, trace: Trace, v: Verdicts) -> None:
    """The VM wrote its memory to the disk and powered off, and lost nothing before."""
    end = trace.end
    v.check("hibernate", "the end of the first VM", "poweroff", end.get("how") if end else "",
            "out/trace1")
    v.check("hibernate", "its status", "0", read_text(run.folder / "out" / "rc1").strip(),
            "out/host1")
    for e in trace.events:
        if e.name == "bad":
            v.fail("hibernate", e.get("who"), f"{e.get('what')} {e.get('value')}",
                   f"out/trace1:{e.line}")
    said = findings.read(run.folder / "out" / "findings1").first
    v.check("hibernate", "the file", FILE_SUM, said.fact("file"), "out/findings1")
    v.check("hibernate", "the first VM's last word", "hibernates",
            said.said[-1].text if said.said else "", "out/findings1")
    lost = losses.losses(trace.lives[0], said, ()) if trace.lives else []
    v.check("hibernate", "lost before", "none", named(lost), "out/trace1")


def hibernate(run: Run, v: Verdicts) -> None:
    """So much of the first host; on the second one the kernel that was meant loaded the
    image, and the kernel in that set up its devices where they were."""
    if run.path != "hibernate":
        return
    trace = read_trace(run.folder / "out" / "trace1")
    first_host(run, trace, v)
    report = run.report("first")
    v.check("hibernate", "the loader", run.releases[-1] if run.releases else "",
            report.fact("loads"), report.where("loads"))
    v.check("hibernate", "restored", 1, len(report.lines("restored")), report.where("restored"))
    before, after = used(trace.lives[0]) if trace.lives else {}, used(run.life("first"))
    # A device whose config window was refused has another one, or none. The first VM may have
    # hibernated before a device's BARs decoded.
    refused = losses.refused_windows(run.life("first"))
    same = {key for key in before if key[0] not in refused}
    v.check("hibernate", "windows and BARs", shown({key: before[key] for key in same}),
            shown({key: after[key] for key in same & set(after)}), "out/trace")
