# SPDX-License-Identifier: GPL-2.0-only
"""The judge's groups for OpenVMM, which writes no trace of ours: by the guest's findings,
OpenVMM's log, and its inspect tree, which is what the last kernel left. The evidence of
each check names the file that it comes from: out/findings, out/log or out/inspect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.common import Range
from lab.devices import named
from lab.space import CONFIG_WINDOW
from lab.verdict import Verdicts
from lab.witness import Life, Witness

if TYPE_CHECKING:
    from lab.judge import Run


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


def life(run: Run, which: str) -> Life:
    """That kernel in OpenVMM's log; an empty one if it never came to be. UEFI, which uses
    VMBus as well, comes before the kernels."""
    lives = witness_of(run).lives
    if run.scenario.has_uefi:
        lives = lives[1:]
    number = run.which.index(which)
    return lives[number] if number < len(lives) else Life(0)


def last(run: Run, which: str) -> bool:
    """The inspect tree is about this kernel."""
    return which == run.which[-1]


def bars(run: Run, which: str, number: int) -> list[Range]:
    """What a device's BARs decode: by OpenVMM in the end, or by the guest."""
    if last(run, which):
        return witness_of(run).bars(instance(number))
    return [span for span, name in run.report(which).iomem if name == address(number)]


def drivers(run: Run, which: str) -> dict[str, str]:
    """The driver of each PCI device, by its address, as the guest has it."""
    found = run.report(which).block("pci").find(r"^(\S+) [0-9a-f:]+ [0-9a-f]{6} (\S+)")
    return {m[1]: m[2] for _, m in found}


def losses(run: Run, which: str) -> list[tuple[str, str]]:
    """The (kind, device) of all that this kernel lost."""
    if "pci-hyperv" not in run.scenario.drivers(which):
        return []
    fb, have = life(run, which).vram, drivers(run, which)
    found = []
    for number, device in enumerate(run.scenario.device_names, 1):
        window = life(run, which).windows.get(instance(number))
        if life(run, which).lost(instance(number)):
            found.append(("config-covered", device))
        elif fb and any(bar.overlaps(fb.span) for bar in bars(run, which, number)):
            found.append(("bar-covered", device))
        elif have.get(address(number), "-") == "-":
            found.append(("no-config-window" if not window else "no-driver", device))
    return sorted(found)


def ends(run: Run, v: Verdicts) -> None:
    """The guest powered off, and had nothing to complain of."""
    how, where = witness_of(run).end
    v.check("ends", "the end", "PowerOff", how or "none", where)
    v.check("ends", "finished guests", 1, run.findings.finished, "out/findings")
    for line in run.findings.failures:
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
    """Where OpenVMM has the framebuffer when each kernel is done; in the end its inspect
    tree says so, too."""
    for which in run.which:
        expected = run.expected("vram", which)
        found = life(run, which).vram
        if expected:
            v.check("vram", which, expected, f"{found.span.start:x}" if found else "none",
                    found.where if found else "out/log")
        if last(run, which):
            mapped = witness_of(run).fb
            v.check("vram", "mapped in the end", str(found.span) if found else "none",
                    str(mapped.span) if mapped else "none",
                    mapped.where if mapped else "out/inspect")


def lost(run: Run, v: Verdicts) -> None:
    """No device lost anything but what it has to lose: a device works if the guest has a
    driver for it and the framebuffer is on none of its windows."""
    for which in run.which:
        want, got = map(named, (run.losses(which), losses(run, which)))
        windows = life(run, which).windows.values()
        v.check("lost", which, want, got, next((place.where for place in windows), "out/log"))


def d0(run: Run, v: Verdicts) -> None:
    """Each bus entered D0, with the config window that the guest says, and the last kernel's
    are there in the end."""
    for which in run.which:
        if "pci-hyperv" not in run.scenario.drivers(which):
            continue
        held = {name: str(span) for span, name in run.report(which).iomem
                if span.size == CONFIG_WINDOW}
        for number, device in enumerate(run.scenario.device_names, 1):
            guid = instance(number)
            found = life(run, which).windows.get(guid)
            v.check("d0", f"{which}: {device}'s config window", held.get(guid, "none"),
                    str(found.span) if found else "none", found.where if found else "out/log")
            if last(run, which):
                there = witness_of(run).config_windows.get(guid)
                v.check("d0", f"{device}'s config window in the end", held.get(guid, "none"),
                        str(there.span) if there else "none",
                        there.where if there else "out/inspect")


# What a guest logs of a device whose config space is pixels
SYMPTOMS = r"ignoring device|probe failed|probe with driver \S+ failed"


def symptoms(run: Run, which: str) -> Iterator[str]:
    """The lines, without what differs from run to run: when, which device, the pixels."""
    for line, _ in run.report(which).block("messages").find(SYMPTOMS):
        yield re.sub(r"^\[[ .0-9]*\] |[0-9a-f]{4}:00:00\.0: | [0-9a-f]+(?=,)", "", line.text)
