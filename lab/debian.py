# SPDX-License-Identifier: GPL-2.0-only
"""Does a Debian with a kernel package, as a user has it, boot from NVMe in a Generation 2
VM, crash, and have its dump saved by Debian's own kdump-tools?

The guest is made by guest/mkroot; guest/witness reports on its console.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

from lab import findings, hvhost, matrix
from lab.common import BUILD, TOP, LabError, words
from lab.findings import Findings
from lab.judge import read_pairs
from lab.locks import lock
from lab.losses import attempts
from lab.process import call
from lab.trace import Trace, read_trace
from lab.verdict import Verdicts

# Seconds; emulated it is about 60.
DEADLINE = 600
LAYOUT = ("--generation", "2", "--memory", "1G")
# Debian's command line with what grub would have of kdump-tools
APPEND = "root=/dev/nvme0n1 ro quiet console=ttyS0 panic=-1 crashkernel=256M"
MIB = 1 << 20
JOB = """#!/bin/sh
./hvhost run --kernel vmlinuz --initrd initrd {options} --cpus 1 --pci nvme,disk=disk \\
    --trace out/trace --timeout {deadline} -v --append '{append}' 2>out/host
rc=$?
# What was written last may be in the journal only.
e2fsck -fp disk >out/fsck 2>&1
echo "e2fsck $?" >out/disk
debugfs -R 'rdump /var/crash out' disk >/dev/null 2>&1
rm -f disk
exit $rc
"""


def play(package: Path, folder: Path) -> None:
    """Install the package in a new Debian and run that, in that folder."""
    if not package.is_file():
        raise LabError(f"no such package: {package}")
    program = hvhost.build()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    call(TOP / "guest" / "mkroot", package, folder)
    layout = subprocess.run([program, "layout", *LAYOUT], stdout=subprocess.PIPE, check=True)
    (folder / "layout.json").write_bytes(layout.stdout)
    shutil.copy(program, folder / "hvhost")
    (folder / "job").write_text(JOB.format(options=" ".join(LAYOUT), deadline=DEADLINE,
                                           append=APPEND), encoding="utf-8")
    (folder / "job").chmod(0o755)
    (folder / "deadline").write_text(f"{DEADLINE + 30}\n", encoding="utf-8")
    matrix.play(folder.parent)
    # It is large, and was the job's.
    (folder / "disk").unlink(missing_ok=True)


def console_report(folder: Path) -> Findings:
    """guest/witness reports between the console's other lines."""
    text = (folder / "console").read_text(encoding="utf-8", errors="replace")
    return findings.parse(text.replace("\r", ""), "console")


def judge_guest(v: Verdicts, found: Findings, release: str,
                root: str = "/dev/nvme0n1") -> None:
    """What Debian reported before it crashed."""
    report = found.first
    for group, word, expected in (
            ("release", "release", release),
            ("the package, by dpkg", "package", f"linux-image-{release} installed"),
            ("root on NVMe", "root", root),
            ("Debian is up, and no unit failed", "state", "active")):
        v.check(group, "it", expected, report.fact(word), "console")
    v.check("kdump-tools has loaded a crash kernel", "it", "ready to kdump",
            report.fact("kdump").rpartition(":")[2].strip(), "console")
    block = report.block("selftest")
    if block.status == "127" and not release.endswith("-hyperv-mmio"):
        return  # A package that is not ours has none.
    failed = [m[1] for _, m in block.find(r"^not ok \d+ (\S+)")]
    v.check("selftest", "it", "exit 0, failed none",
            f"exit {block.status or 'missing'}, failed {words(failed)}", "console")


def judge_collected(v: Verdicts, found: Findings, folder: Path) -> None:
    """What hyperv-mmio-collect has put into its archive."""
    report = found.first
    block = report.block("collect")
    lines = []
    try:
        with tarfile.open(folder / "out" / "crash" / "collected.tar.gz") as archive:
            iomem = archive.extractfile("./iomem")
            lines = iomem.read().decode().splitlines() if iomem else []
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error):
        pass
    same = lines == [line.text for line in report.block("iomem").lines]
    v.check("hyperv-mmio-collect misses nothing, and has /proc/iomem", "it", "exit 0, it has",
            f"exit {block.status or 'missing'}, it has{'' if same else ' not'}", "console")


def judge_host(v: Verdicts, trace: Trace) -> None:
    """What the host saw of both kernels."""
    bad = [f"{e.get('who')} {e.get('what')} {e.get('value')}" for e in trace.events
           if e.name == "bad"]
    v.check("well behaved", "a complaint of the host", "none", words(bad[:1]), "out/trace")
    ids = ["off" if e.get("id") == "0x0" else "linux" for e in trace.events
           if e.name == "guest_os_id"]
    end = trace.end
    v.check("two kernels, the last one reset it", "it", "linux off linux, reset",
            f"{words(ids)}, {end.get('how') if end else 'no end'}", "out/trace")
    codes, conflicts = [], []
    for life in trace.lives:
        entry = life.last("d0_entry")
        code = entry.get("status").removeprefix("0x") if entry else "none"
        codes.append("ok" if code == "0" else code)
        conflicts += [f"{what}/{other}" for what, _, other in attempts(life.all("conflict"))]
    v.check("NVMe's bus came to D0 in both", "it", "ok ok", words(codes), "out/trace")
    v.check("no conflict with the framebuffer", "it", "none", words(conflicts), "out/trace")


def makedumpfile(folder: Path, *arguments: str | Path, stdin: Path | None = None) -> None:
    """Debian's own. Of a dump that is cut short it reads the end for ever."""
    tool = Path(call(TOP / "guest" / "tool", "makedumpfile").strip())
    command = [str(tool / "lib64" / "ld-linux-x86-64.so.2"), "--library-path",
               str(tool / "lib" / "x86_64-linux-gnu"), str(tool / "bin" / "makedumpfile"),
               *map(str, arguments)]
    with (folder / "makedumpfile.log").open("ab") as log, \
            contextlib.suppress(subprocess.TimeoutExpired), \
            (stdin or Path("/dev/null")).open("rb") as source:
        subprocess.run(command, stdin=source, stdout=log, stderr=log, timeout=20, check=False)


def judge_dump(v: Verdicts, folder: Path, release: str) -> None:
    """What kdump-tools saved, flattened, as it writes it."""
    dumps = sorted(folder.glob("out/crash/*/dump.*"))
    v.check("one dump in /var/crash", "dumps", 1, len(dumps), "out/crash")
    if not dumps:
        return
    for name in ("core", "dmesg", "makedumpfile.log"):
        (folder / name).unlink(missing_ok=True)
    makedumpfile(folder, "-R", folder / "core", stdin=dumps[0])
    makedumpfile(folder, "--dump-dmesg", folder / "core", folder / "dmesg")
    try:
        log = (folder / "dmesg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        log = ""
    version = re.search(r"Linux version (\S+) ", log)
    v.check("the dump has the log of the kernel that crashed", "it",
            f"{release}, crashed by sysrq", f"{version[1] if version else 'nothing'}, "
            f"{'crashed by sysrq' if 'sysrq: Trigger a crash' in log else 'no crash'}", "dmesg")
    size = dumps[0].stat().st_size
    v.check("and its pages, not the log alone", "it", "large",
            "large" if size >= 8 * MIB else f"{size} bytes", "out/crash")


def judge_file_system(v: Verdicts, folder: Path) -> None:
    # 1: the journal was replayed, or more was mended that a kernel that died had begun.
    code = read_pairs(folder / "out" / "disk").get("e2fsck", "none")
    v.check("the file system is whole", "e2fsck", "0 or 1",
            "0 or 1" if code in ("0", "1") else code, "out/fsck")


def judge(folder: Path) -> Verdicts:
    """The verdicts over what came back."""
    try:
        release = (folder / "release").read_text(encoding="utf-8").strip()
    except OSError:
        raise LabError(f"{folder}: not what lab debian leaves") from None
    v = Verdicts()
    found = console_report(folder)
    judge_guest(v, found, release)
    if release.endswith("-hyperv-mmio"):  # else there is no selftest to run
        judge_collected(v, found, folder)
    judge_host(v, read_trace(folder / "out" / "trace"))
    judge_file_system(v, folder)
    judge_dump(v, folder, release)
    return v


def debian(package: str, judge_only: bool) -> int:
    """Print the verdicts. 0 if all pass."""
    folder = Path(package)
    if not judge_only:
        folder = BUILD / "debian" / "jobs" / "debian"
        with lock(BUILD / "debian" / "lock", "lab debian"):
            play(Path(package), folder)
    v = judge(folder)
    print("\n".join(verdict.text for verdict in v.values()))
    return 0 if v.ok else 1
