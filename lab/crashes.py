# SPDX-License-Identifier: GPL-2.0-only
"""The judge's groups on a crash: the memory that the second kernel has of it, and how the first
kernel crashed, by the log in its dump; see judge.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.common import read_text
from lab.plan import opens_dump
from lab.verdict import Verdicts, clean

if TYPE_CHECKING:
    from lab.judge import Run

LARGE = 64 << 20                # bytes: a vmcore has more
PANIC = r"Kernel panic - not syncing: "
# What the log of the kernel that crashed says, by the kind of crash
SAYS = {
    "sysrq": PANIC + "sysrq triggered crash",
    "oom": PANIC + "Out of memory: .*panic_on_oom is enabled",
    "init": PANIC + "Attempted to kill init!",
    "nmi": PANIC + "NMI: Not continuing",
    "irq": PANIC + "from hard IRQ context",
    "oops": PANIC + "Fatal exception",
    "stack": r"stack guard page|Insufficient stack space|kernel stack overflow",
    "lockup": PANIC + "Hard LOCKUP",
}
# Who finds a lockup is another processor; memory may be needed on any
ELSEWHERE = ("lockup", "oom")
# Bytes that guest/init keeps writing
BUSY = 2 << 20


def vmcore(run: Run, v: Verdicts) -> None:
    """In a crash kernel, /proc/vmcore is that of the kernel that crashed."""
    if not run.path.startswith("kdump-"):
        return
    block = run.report("second").block("vmcore")
    where = run.report("second").where("vmcore")
    size = block.first(r"^size ([0-9]{1,18})$")
    v.check("vmcore", "the format", "elf core", block.first("^(elf .*)"), where)
    v.check("vmcore", "the release", f"OSRELEASE={run.release('first')}",
            block.first("^(OSRELEASE=.*)"), where)
    v.check("vmcore", "the size", "large", "large" if int(size or 0) > LARGE else size, where)


def said(text: str, kind: str) -> str:
    """What the log says of the crash: what that kind says, or the panic that it was."""
    found = re.search(SAYS[kind], text)
    panic = re.search(PANIC + r".*", text)
    return kind if found else clean(panic[0]) if panic else "no panic"


def crashed_on(run: Run) -> str:
    """The vCPU on which the second kernel started, which is the one that panicked."""
    if len(run.trace.lives) < 2:
        return "none"
    return run.trace.lives[1].events[0].get("vp")


def crash(run: Run, v: Verdicts) -> None:
    """makedumpfile opens the dump when the guest is gone. The log in it is that of the kernel
    that crashed, as it had to and where it had to."""
    kind = run.scenario.guest["crash-by"]
    if not opens_dump(run.scenario, run.path) or run.host != "hvhost" or \
            run.expected("nvme", "second") not in ("works", "ignored"):
        return
    text = read_text(run.folder / "out" / "dmesg")
    opened = run.disk.get("opened", "")
    v.check("crash", "the dump", "opened", "opened" if opened not in ("", "0") else
            clean(run.disk.get("unopened", "")) or "missing", "out/opened")
    release = re.search(r"Linux version (\S+) ", text)
    v.check("crash", "the release in its log", run.release("first"), release[1] if release else "",
            "out/dmesg")
    v.check("crash", "its log", kind, said(text, kind), "out/dmesg")
    if run.scenario.guest["crash-cpu"] is not None and kind not in ELSEWHERE:
        v.check("crash", "the vCPU", run.scenario.guest["crash-cpu"], crashed_on(run), "out/trace")
    if run.scenario.guest["busy"]:
        # It was written again and again, and whole before that.
        v.check("busy", "the file's bytes", BUSY, run.disk.get("busy", "none"), "out/disk")
