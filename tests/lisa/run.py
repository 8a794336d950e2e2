# SPDX-License-Identifier: GPL-2.0-only
"""LISA runs our cases on a VM that answers by a script (node.py): what LISA says of each
has to be what the script has the VM do. Prints "pass|fail WHAT[: WHY]".

run.py FOLDER [PATTERN]: keeps LISA's logs there; only runs what PATTERN matches.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import node
import paramiko  # type: ignore[import]

TOP = Path(__file__).resolve().parents[2]
LISA = Path(sys.executable).with_name("lisa")
PREFIX = "verify_hyperv_mmio_"
LIMIT = 600  # seconds; 15 on a machine that has nothing else to do
AT_ONCE = 4  # they mostly wait
NO_DEVICE = {name: "no PCI pass-through device" for name in node.TESTS[1:]}
NO_PCI = {name: "no PCI pass-through device" for name in node.TESTS[4:]}


@dataclass
class Play:
    """A run of LISA: some cases, how the VM behaves, and what LISA has to say."""

    what: str
    cases: str
    script: node.Script
    status: str  # of each case: passed, failed or skipped
    why: str = ""  # a pattern for LISA's message
    count: int = 1
    given: tuple[str, ...] = ("kernel:none",)


PLAYS = (
    Play("a package is installed, and all cases pass", ".*",
         node.Script(release="6.1.0-50-cloud-amd64", sudo=True), "passed", count=5,
         given=("kernel:package",)),
    Play("an RPM is installed on Rocky Linux, and a dump is saved", "kdump_file_load",
         node.Script(release="5.14.0-427", system="rocky"), "passed",
         given=("kernel:package", "package:{}/kernel.rpm")),
    Play("kexec on Rocky Linux passes", "kexec_file_load", node.Script(system="rocky"), "passed"),
    Play("another kernel than was asked for", "boot", node.Script(release="7.3.5"),
         "failed", "this is kernel 7.3.5, not 7.3.4-hyperv-mmio"),
    Play("a selftest that fails", "boot",
         node.Script(node.ktap({}, failed=("pci_avoids_reservation",)), 1), "failed",
         "failed: global.pci_avoids_reservation"),
    Play("a selftest that stops after three tests", "boot",
         node.Script(node.ktap({}, stop=3), 139), "failed", "6 tests planned, 3 reported"),
    Play("a selftest that skips all but its first test", "boot",
         node.Script(node.ktap(NO_DEVICE)), "skipped",
         "no PCI device was checked: no PCI pass-through device"),
    Play("a selftest that skips what is about PCI", "kexec_load",
         node.Script(node.ktap(NO_PCI)), "skipped", "no PCI device was checked"),
    Play("a reset in place of kexec", "kexec_load", node.Script(kexec="resets"), "failed",
         "the VM was reset, and did not boot the kernel that kexec -c loaded"),
    Play("systemctl kexec fails", "kexec_file_load", node.Script(kexec="fails"), "failed",
         "systemctl kexec exits with 1: Failed to start kexec.target"),
    Play("kexec loads nothing", "kexec_load", node.Script(kexec="loads nothing"), "failed",
         "kexec -l -c has loaded no kernel"),
    Play("no answer after kexec", "kexec_load", node.Script(kexec="hangs"), "failed",
         "no answer in 6 s after kexec -c; see the serial console"),
    Play("no answer after a crash", "kdump_load", node.Script(crash="hangs"), "failed",
         "no answer in 6 s after the crash; see the serial console"),
    Play("a crash without a dump", "kdump_file_load", node.Script(crash="loses"), "failed",
         "no new dump in /var/crash after a crash with kexec -s"),
    Play("a dump on the wrong disk", "kdump_load", node.Script(dump_disk="sda1"), "failed",
         "dump.202611300900 is on sda1 sda, not on NVMe"),
    Play("a dump of another kernel", "kdump_load", node.Script(dump_release="6.1.0-50"),
         "failed", "is of kernel 6.1.0-50, not 7.3.4-hyperv-mmio"),
    Play("a second kernel that reserves nothing", "kdump_load", node.Script(second=""),
         "failed", "the second kernel reserved nothing, the first 0xf8000000-0xfbffffff"),
    Play("dumps would not go to NVMe", "kdump_load", node.Script(crash_disk="sda1"),
         "skipped", "/var/crash is on sda1 sda, not on NVMe"),
    Play("kexec -c on Rocky Linux saves a dump", "kdump_load", node.Script(system="rocky"),
         "passed"),
    Play("a kdumpctl that always uses kexec -s", "kdump_load",
         node.Script(system="rocky", fixed="-s -p"), "skipped",
         'this kdumpctl always runs kexec with "-s -p"'),
    Play("and kexec -s there saves a dump", "kdump_file_load",
         node.Script(system="rocky", fixed="-s -p"), "passed"),
    Play("a kernel that was booted by kexec", "boot",
         node.Script(cmdline=f"{node.CMDLINE} hyperv_mmio_kexec=1", default="6.1.0-57"), "failed",
         "this is kernel 6.1.0-57, not 7.3.4-hyperv-mmio",
         given=("kernel:none", "kernel_release:")),
    Play("a kernel that was booted only once", "kdump_load",
         node.Script(crash_mib=192, default="6.1.0-57"), "failed",
         "this is kernel 6.1.0-57, not 7.3.4-hyperv-mmio",
         given=("kernel:none", "kernel_release:")),
    Play("a small crashkernel= is enlarged on Debian", "kdump_load",
         node.Script(crash_mib=192), "passed"),
    Play("a small crashkernel= is enlarged on Rocky Linux", "kdump_load",
         node.Script(crash_mib=192, system="rocky"), "passed"),
    Play("a small crashkernel= is enlarged on Azure Linux", "kdump_file_load",
         node.Script(crash_mib=256, system="azurelinux"), "passed"),
    Play("too little memory for a crash kernel", "kdump_load",
         node.Script(crash_mib=192, crash_max=256), "failed",
         "256 MiB are reserved for the crash kernel, not 512"),
    Play("an empty NVMe disk is used for dumps", "kdump_load",
         node.Script(crash_disk="sda1", spare="nvme1n1"), "passed",
         given=("kernel:none", "dump_disk:/dev/nvme1n1")),
    Play("a disk for dumps that has data", "kdump_load",
         node.Script(crash_disk="sda1", spare="nvme1n1", spare_has="nvme1n1 ext4 home"),
         "failed", "/dev/nvme1n1 is not empty: nvme1n1 ext4 home",
         given=("kernel:none", "dump_disk:/dev/nvme1n1")),
)


def results(folder: Path) -> list[tuple[str, str, str]]:
    """Each case's name, status and message, from LISA's JUnit file."""
    found = []
    for file in folder.glob("log/**/lisa.junit.xml"):
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            name = case.get("name", "").split(" ")[0].rpartition(".")[2]
            child = next((c for c in case if c.tag in ("failure", "skipped", "error")), None)
            status = {None: "passed", "skipped": "skipped"}.get(
                child.tag if child is not None else None, "failed")
            found.append((name, status, child.get("message", "") if child is not None else ""))
    return [case for case in found if case[0].startswith(PREFIX)]


def judge(play: Play, machine: node.Machine, folder: Path) -> str:
    """Return what is wrong."""
    found = results(folder)
    if machine.unknown:
        return f"the script has no answer to: {'; '.join(machine.unknown)}"
    if machine.kdump_changed and play.script.crash != "hangs":
        return "kdump's settings are not restored"
    if len(found) != play.count:
        return f"{len(found)} cases ran, not {play.count}; see {folder}/out"
    for name, status, message in found:
        if status != play.status:
            return f"{name} {status}, not {play.status}: {message}"
        if not re.search(play.why, message):
            return f"{name} says: {message}"
    return ""


def run(number: int, play: Play, top: Path) -> str:
    """Let LISA run it. Return what is wrong."""
    folder = top / str(number)
    (folder / "root").mkdir(parents=True)
    machine = node.Machine(play.script, folder / "root")
    for name in ("hyperv_mmio", "linux-image.deb", "kernel.rpm"):
        (folder / name).write_text("not used\n")
    paramiko.ECDSAKey.generate().write_private_key_file(str(folder / "key"))
    given = (
        "address:127.0.0.1", f"port:{node.serve(machine)}", "username:tester",
        f"admin_private_key_file:{folder}/key", f"selftest:{folder}/hyperv_mmio",
        f"package:{folder}/linux-image.deb", f"kernel_release:{node.RELEASE}",
        "areas:hyperv_mmio", f"case:{PREFIX}{play.cases}",
        f"boot_seconds:{6 if 'hangs' in (play.script.kexec, play.script.crash) else 60}",
        *(word.format(folder) for word in play.given),
    )
    with (folder / "out").open("w") as out:
        subprocess.run(
            [LISA, "-l", folder / "log", "-w", folder / "work", "run",
             "-r", TOP / "docs" / "lisa" / "vm.yml", *(w for v in given for w in ("-v", v))],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=LIMIT, check=False,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )
    return judge(play, machine, folder)


def attempt(job: tuple[int, Play], top: Path) -> bool:
    number, play = job
    try:
        why = run(number, play, top)
    except subprocess.TimeoutExpired:
        why = f"LISA was not done in {LIMIT} s; see {top / str(number)}/out"
    line = f"LISA on {play.what}: {play.status}" if play.status != "passed" else play.what
    print(f"fail {line}: {' '.join(why.split())}" if why else f"pass {line}", flush=True)
    return not why


def main() -> int:
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: run.py FOLDER [PATTERN]")
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    top = Path(sys.argv[1]).resolve()
    plays = [play for play in PLAYS if re.search("".join(sys.argv[2:]), play.what)]
    if not plays:
        sys.exit(f"run.py: '{sys.argv[2]}' matches nothing")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        good = list(pool.map(lambda job: attempt(job, top), enumerate(plays)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
