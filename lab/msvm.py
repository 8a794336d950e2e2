# SPDX-License-Identifier: GPL-2.0-only
"""Jobs in which OpenVMM runs a VM with Hyper-V's UEFI firmware, which boots from an NVMe disk
behind virtual PCI, FOLDER/disk. OPENVMM is OpenVMM's program, MSVM the firmware;
nest/firmware/README.md says how it is built.

OpenVMM writes no trace as hvhost does: the job prints what the guest writes to its first
serial port, and leaves the second one in out/findings, and OpenVMM's log in out/log.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from lab import openvmm
from lab.common import TOP, LabError

# 4 is for a triple fault, as hvhost has it, 5 for a reset. OpenVMM starts anew for that: as it
# resets a VM with virtual PCI, 1488a37b7 panics now and then.
JOB = """#!/bin/sh
n=0 rc=5
while [ $rc = 5 ] && [ $n -lt {starts} ]; do
    n=$((n + 1))
    ./runner {limit} --single-process --hypervisor kvm --hv -m 1G -p 1 \\
        --uefi --uefi-firmware MSVM.fd --uefi-console-mode com1 --default-boot-always-attempt \\
        --com2 file=findings --gfx --vnc-port 0 --nvme-pci id=n0,vpci --disk {disk},on=n0 \\
        --guest-shutdown-action exit:0 --guest-crash-action exit:4 --guest-reset-action exit:5
    rc=$?
    cat findings >>out/findings
done
{after}exit $rc
"""


def programs() -> tuple[Path, Path]:
    """OPENVMM and MSVM."""
    binary, image = openvmm.program(), openvmm.firmware()
    if not image:
        raise LabError("MSVM is not set; nest/firmware/README.md says what it is")
    return binary, image


def prepare(folder: Path, *, limit: int, starts: int = 1, keep_disk: bool = False,
            after: str = "") -> None:
    """Make the folder a job: all but the disk. The VM starts so often, again after a reset;
    the limit, in seconds, is for each start. What the guest writes stays on the disk, or is
    lost. After is what the shell does when all is over."""
    binary, image = programs()
    openvmm.copy(binary, folder)
    shutil.copy(image, folder / "MSVM.fd")
    shutil.copy(TOP / "nest" / "openvmm", folder / "runner")
    disk = "file:disk" if keep_disk else "memdiff:file:disk"
    (folder / "job").write_text(JOB.format(limit=limit, starts=starts, disk=disk, after=after),
                                encoding="utf-8")
    (folder / "job").chmod(0o755)
    (folder / "deadline").write_text(f"{limit * starts + 60}\n", encoding="ascii")


def halts(folder: Path) -> list[str]:
    """Why the guest halted, each time, by OpenVMM's log."""
    try:
        log = (folder / "out" / "log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return re.findall(r"guest halted reason=(\w+)", log)
