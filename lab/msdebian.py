# SPDX-License-Identifier: GPL-2.0-only
"""lab/debian.py's question on another host: Hyper-V's UEFI firmware on OpenVMM boots a Debian
from an NVMe disk behind virtual PCI. It crashes; is the dump found on that disk at the next boot?

VMBus, video and virtual PCI are Microsoft's code, but patches/openvmm connects virtual PCI on
KVM, and nest/firmware/edit.py changes the firmware.

The disk has an ESP with systemd-boot, and Debian's root. OPENVMM and MSVM are as lab/msvm.py
has them. KEXEC, -c or -s, is how kdump-tools loads the crash kernel; APPEND is added to
Debian's command line. Verdicts come from the guest, the disk and OpenVMM's log.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from lab import debian, esp, matrix, msvm
from lab.common import BUILD, TOP, LabError, one_of
from lab.findings import Findings
from lab.locks import lock
from lab.process import call
from lab.verdict import Verdicts

ROOT = "/dev/nvme0n1p2"
LOADER = esp.STUB.with_name("systemd-bootx64.efi")
# systemd would mount the ESP, for which not every kernel has a file system.
APPEND = f"root={ROOT} ro quiet console=ttyS0 panic=-1 crashkernel=256M systemd.gpt_auto=no"
# Seconds for a boot, a crash and a dump
LIMIT = 1800
# e2fsck does not replay the journal of a file system at an offset.
AFTER = """dd if=disk of=root bs=1M skip={mib} 2>/dev/null
rm -f disk
e2fsck -fp root >out/fsck 2>&1
echo "e2fsck $?" >out/disk
debugfs -R 'rdump /var/crash out' root >/dev/null 2>&1
rm -f root
"""


def settings() -> tuple[str, str]:
    """KEXEC and APPEND."""
    kexec = os.environ.get("KEXEC") or "-c"
    one_of(kexec, ("-c", "-s"), "KEXEC")
    append = os.environ.get("APPEND") or ""
    if not re.fullmatch(r"[ -~]*", append):
        raise LabError(f"APPEND is not one line of ASCII: {append!r}")
    return kexec, append


def make_disk(folder: Path, append: str) -> int:
    """FOLDER/disk with an ESP, and what guest/mkroot made as root. Returns where root
    begins."""
    release = (folder / "release").read_text(encoding="utf-8").strip()
    root = folder / "disk"
    with tempfile.TemporaryDirectory(prefix="lab-debian.", dir=folder.parent) as work:
        entry, menu = Path(work) / "debian.conf", Path(work) / "loader.conf"
        entry.write_text(f"title Debian\nlinux /debian/{release}/linux\n"
                         f"initrd /debian/{release}/initrd.img\n"
                         f"options {APPEND} {append}\n", encoding="ascii")
        menu.write_text("timeout 0\ndefault debian.conf\n", encoding="ascii")
        esp.make_esp(Path(work) / "esp", {
            esp.BOOT_FILE: LOADER, "loader/loader.conf": menu,
            "loader/entries/debian.conf": entry, f"debian/{release}/linux": folder / "vmlinuz",
            f"debian/{release}/initrd.img": folder / "initrd"})
        made = Path(work) / "disk"
        starts = esp.make_gpt(made, {"ESP": Path(work) / "esp", "ROOT": root})
        made.replace(root)
    for name in ("vmlinuz", "initrd"):
        (folder / name).unlink()
    return starts[1]


def prepare(package: Path, folder: Path) -> None:
    """The job's folder."""
    kexec, append = settings()
    msvm.programs()
    esp.check_tools()
    if not package.is_file():
        raise LabError(f"no such package: {package}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    call("env", f"DEVICE={ROOT}", f"KEXEC={kexec}", TOP / "guest" / "mkroot", package, folder)
    offset = make_disk(folder, append)
    msvm.prepare(folder, limit=LIMIT, starts=2, keep_disk=True,
                 after=AFTER.format(mib=offset // esp.MIB))


def judge_host(v: Verdicts, folder: Path, found: Findings) -> None:
    """What OpenVMM's log and the order of the guest's reports say."""
    halts = msvm.halts(folder)
    v.check("OpenVMM ends because the guest powers off", "how it ended", "PowerOff",
            halts[-1] if halts else "not at all", "out/log")
    v.check("the guest crashes once", "crashes", 1, len(found.first.lines("crashes")), "console")


def judge_next(v: Verdicts, found: Findings, release: str) -> None:
    """What Debian reported when it had booted again."""
    report = found.second
    v.check("it boots again from NVMe", "it", f"{release} {ROOT}",
            f"{report.fact('release') or 'nothing'} {report.fact('root')}".strip(), "console")
    dumps = list(report.block("crash").find(r"^\d+ /var/crash/\S+/dump\.\d+$"))
    v.check("and finds the dump", "dumps", 1, len(dumps), "console")


def judge(folder: Path) -> Verdicts:
    """The verdicts over what came back."""
    try:
        release = (folder / "release").read_text(encoding="utf-8").strip()
    except OSError:
        raise LabError(f"{folder}: not what lab debian leaves") from None
    v = Verdicts()
    found = debian.console_report(folder)
    debian.judge_guest(v, found, release, ROOT)
    judge_host(v, folder, found)
    judge_next(v, found, release)
    debian.judge_file_system(v, folder)
    debian.judge_dump(v, folder, release)
    return v


def msdebian(package: str, judge_only: bool) -> int:
    """Print the verdicts. 0 if all pass."""
    folder = Path(package)
    if not judge_only:
        folder = BUILD / "debian" / "openvmm" / "debian"
        with lock(BUILD / "debian" / "lock", "lab debian"):
            prepare(Path(package), folder)
            matrix.play(folder.parent)
            # It is large, and was the job's.
            (folder / "disk").unlink(missing_ok=True)
    v = judge(folder)
    print("\n".join(verdict.text for verdict in v.values()))
    return 0 if v.ok else 1
