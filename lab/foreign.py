# SPDX-License-Identifier: GPL-2.0-only
"""The judge's groups for OpenVMM, which writes no trace of ours: by the guest's findings,
OpenVMM's log, and its inspect tree, which is what the last kernel left. The evidence of
each check names the file that it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.common import Range, words
from lab.space import CONFIG_WINDOW
from lab.verdict import Verdicts

if TYPE_CHECKING:
    from lab.judge import Run
    from lab.witness import Witness


def instance(number: int) -> str:
    """The instance GUID of the number-th PCI device, from 1, as hvhost has it too: with the
    same one a guest gives it the same PCI domain."""
    return f"69637076-{number:04x}-4000-8000-687668737400"


def address(number: int) -> str:
    """The guest's PCI address of its function."""
    return f"{number:04x}:00:00.0"


def witness_of(run: Run) -> Witness:
    assert run.witness
    return run.witness


def last(run: Run, which: str) -> bool:
    """The inspect tree is about this kernel."""
    return which == run.which[-1]


def framebuffer(run: Run, which: str) -> Range | None:
    """Where it was when that kernel was done: by OpenVMM, or of a first kernel that
    started another one, by the range that hyperv_drm had then."""
    if last(run, which):
        return witness_of(run).fb
    video = {m[1] for _, m in run.report(which).block("messages").find(
        r"hyperv_(?:drm|fb) ([0-9a-f-]{36})")}
    return next((span for span, name in run.report(which).iomem if name in video), None)


def config_window(run: Run, which: str, number: int) -> Range | None:
    """The same of a device's config window."""
    guid = instance(number)
    if last(run, which):
        found = witness_of(run).config_windows.get(guid)
        return found[0] if found else None
    return next((span for span, name in run.report(which).iomem
                 if name == guid and span.size == CONFIG_WINDOW), None)


def bars(run: Run, which: str, number: int) -> list[Range]:
    """The same of what decodes of its BARs."""
    guid = instance(number)
    if last(run, which):
        return [span for owner, span, _ in witness_of(run).bars if owner == guid]
    return [span for span, name in run.report(which).iomem if name == address(number)]


def drivers(run: Run, which: str) -> dict[str, str]:
    """The driver of each PCI device, by its address, as the guest has it."""
    found = run.report(which).block("pci").find(r"^(\S+) [0-9a-f:]+ [0-9a-f]{6} (\S+)")
    return {m[1]: m[2] for _, m in found}


def losses(run: Run, which: str) -> list[tuple[str, str]]:
    """The (kind, device) of all that this kernel lost."""
    if "pci-hyperv" not in run.scenario.drivers(which):
        return []
    fb, have = framebuffer(run, which), drivers(run, which)
    found = []
    for number, device in enumerate(run.scenario.device_names, 1):
        window = config_window(run, which, number)
        if fb and window and window.overlaps(fb):
            found.append(("config-covered", device))
        elif fb and any(bar.overlaps(fb) for bar in bars(run, which, number)):
            found.append(("bar-covered", device))
        elif have.get(address(number), "-") == "-":
            found.append(("no-config-window" if not window else "no-driver", device))
    return sorted(found)


def ends(run: Run, v: Verdicts) -> None:
    """The guest powered off, and had nothing to complain of."""
    how, where = witness_of(run).end
    v.check("ends", "the end", "PowerOff", how or "none", where)
    v.check("ends", "finished guests", 1, run.findings.finished, "out/findings")
    for line in run.findings.first.failures + run.findings.second.failures:
        v.fail("ends", "the guest reported", line.text, f"out/findings:{line.number}")


def well_behaved(run: Run, v: Verdicts) -> None:
    """OpenVMM logged no error."""
    v.open("well behaved")
    for line in witness_of(run).troubles[:3]:
        v.fail("well behaved", "OpenVMM", line.text, f"out/log:{line.number}")


def host_windows(run: Run, v: Verdicts) -> None:
    """The guest's windows are OpenVMM's, but for what nobody can use of low MMIO."""
    mine = witness_of(run).windows
    whole = [Range.parse(text) for text in run.scenario.expect["windows"]]
    expected = [span for span in whole if span]
    for name, span in zip(("low", "high"), expected):
        has = mine.get(name)
        # Low MMIO ends behind the vTPM hole, which no guest uses.
        want, got = ((str(s) if name == "high" else f"{s.start:x}") if s else "none"
                     for s in (span, has))
        v.check("windows", f"the host: {name} MMIO", want, got, "out/inspect")


def vram(run: Run, v: Verdicts) -> None:
    """Where OpenVMM has the framebuffer in the end."""
    which = run.which[-1]
    expected = run.expected("vram", which)
    if expected:
        fb = witness_of(run).fb
        v.check("vram", which, expected, f"{fb.start:x}" if fb else "none", "out/inspect")


def lost(run: Run, v: Verdicts) -> None:
    """No device lost anything but what it has to lose: a device works if the guest has a
    driver for it and the framebuffer is on none of its windows."""
    for which in run.which:
        want, got = (", ".join(f"{kind} {device}" for kind, device in found) or "none"
                     for found in (run.losses(which), losses(run, which)))
        v.check("lost", which, want, got, "out/inspect" if last(run, which) else
                run.report(which).where("iomem"))


def in_d0(run: Run, v: Verdicts) -> None:
    """As many buses are in D0 as there are devices, each where the guest says."""
    which = run.which[-1]
    if "pci-hyperv" not in run.scenario.drivers(which):
        return
    report = run.report(which)
    for number, device in enumerate(run.scenario.device_names, 1):
        found = witness_of(run).config_windows.get(instance(number))
        says = [str(span) for span, name in report.iomem
                if name == instance(number) and span.size == CONFIG_WINDOW]
        v.check("d0", f"{which}: {device}'s config window", words(says),
                str(found[0]) if found else "none", found[1] if found else "out/inspect")


# What a guest logs of a device whose config space is pixels
SYMPTOMS = r"unknown header type|ignoring device|probe failed with error|Refused to change power"


def symptoms(run: Run, which: str) -> Iterator[str]:
    """The lines, without what differs from run to run."""
    for line, _ in run.report(which).block("messages").find(SYMPTOMS):
        yield re.sub(r"^\[[ .0-9]*\] |[0-9a-f]{4}:00:00\.0|header type [0-9a-f]+", "", line.text)
