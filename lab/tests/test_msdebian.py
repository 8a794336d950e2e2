# SPDX-License-Identifier: GPL-2.0-only
"""lab.msdebian and lab.msvm: what comes of a Debian on OpenVMM, and what is asked for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab import debian, esp, msdebian, msvm
from lab.common import LabError
from lab.verdict import Verdicts

RELEASE = "7.3.4-hyperv-mmio"
CONSOLE = f"""\x1b[2J[    0.0] noise
guest: release {RELEASE}
guest: package linux-image-{RELEASE} installed
guest: root /dev/nvme0n1p2
guest: state active
guest: kdump current state   : ready to kdump
guest: begin selftest
ok 1 a
guest: end selftest 0
guest: begin iomem
guest: end iomem 0
guest: crashes
[    1.0] noise of two more kernels
guest: kernel second
guest: release {RELEASE}
guest: root /dev/nvme0n1p2
guest: begin crash
31000000 /var/crash/202611292130/dump.202611292130
20000 /var/crash/202611292130/dmesg.202611292130
guest: end crash 0
guest: finished
"""
LOG = "1s  WARN a\n2s  INFO openvmm_entry::vm_controller: guest halted reason=PowerOff\n"


class Run:
    """A folder as a run leaves it, but for the dump."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "out").mkdir()
        self.write("release", f"{RELEASE}\n")
        self.write("console", CONSOLE)
        self.write("out/log", LOG)
        self.write("out/disk", "e2fsck 0\n")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def spoil(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def failed(self) -> list[str]:
        return [verdict.text for verdict in msdebian.judge(self.folder).values()
                if not verdict.ok]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def no_dump(_v: Verdicts, _folder: Path, release: str) -> None:
        assert release == RELEASE
    monkeypatch.setattr(debian, "judge_dump", no_dump)
    return Run(tmp_path)


def test_a_good_run(run: Run) -> None:
    assert not run.failed()
    assert len(msdebian.judge(run.folder)) >= 10


@pytest.mark.parametrize("name, old, new, text", [
    ("out/log", "PowerOff", "TripleFault", "how it ended is TripleFault, not PowerOff"),
    ("out/log", "guest halted", "", "how it ended is not at all, not PowerOff"),
    ("console", "guest: crashes\n", "guest: crashes\nguest: crashes\n", "crashes is 2, not 1"),
    ("console", "guest: crashes\n", "", "crashes is 0, not 1"),
    ("console", f"guest: kernel second\nguest: release {RELEASE}",
     "guest: kernel second\nguest: release 6.1", "it is 6.1 /dev/nvme0n1p2, not"),
    ("console", CONSOLE[CONSOLE.index("guest: kernel second"):], "", "it is nothing, not 7.3.4"),
    ("console", "31000000 /var/crash/202611292130/dump.202611292130\n", "", "dumps is 0, not 1"),
    ("console", "31000000", "1 /var/crash/1/dump.1\n31000000", "dumps is 2, not 1"),
    ("console", "/dump.202611292130", "/dump.202611292130.tmp", "dumps is 0, not 1"),
    ("console", "state active", "state active, failed: a.service", "no unit failed"),
    ("console", "end selftest 0", "end selftest 127", "exit 127"),
    ("out/disk", "e2fsck 0", "e2fsck 4", "e2fsck is 4, not 0 or 1"),
])
def test_bad_runs(run: Run, name: str, old: str, new: str, text: str) -> None:
    run.spoil(name, old, new)
    assert text in "\n".join(run.failed())


def test_a_foreign_kernel_has_no_selftest(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "judge_dump", lambda *_: None)
    run.spoil("console", RELEASE, "6.1.0-50-cloud-amd64")
    run.write("release", "6.1.0-50-cloud-amd64\n")
    run.spoil("console", "end selftest 0", "end selftest 127")
    assert not run.failed()


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="not what lab debian leaves"):
        msdebian.judge(tmp_path)


def make_firmware(folder: Path) -> str:
    """The path of what passes as firmware."""
    file = folder / "MSVM.fd"
    file.write_bytes(bytes(40) + b"_FVH")
    return str(file)


@pytest.mark.parametrize("settings, text", [
    ({}, "OPENVMM is not set"),
    ({"OPENVMM": "/none"}, "OPENVMM: no such file: /none"),
    ({"OPENVMM": "/bin/sh"}, "MSVM is not set"),
    ({"OPENVMM": "/bin/sh", "MSVM": "/none"}, "MSVM: no such file: /none"),
    ({"OPENVMM": "/bin/sh", "MSVM": "/bin/sh"}, "MSVM: not a UEFI firmware volume"),
    ({"OPENVMM": "/bin/sh", "KEXEC": "-a"}, "no such KEXEC: '-a'"),
    ({"OPENVMM": "/bin/sh", "APPEND": "a\nb"}, "APPEND is not one line"),
    ({"OPENVMM": "/bin/sh", "MSVM": "made"}, "no such package: /none/x.deb"),
])
def test_bad_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                      settings: dict[str, str], text: str) -> None:
    for name in ("OPENVMM", "MSVM", "KEXEC", "APPEND"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value if value != "made" else make_firmware(tmp_path))
    with pytest.raises(LabError) as e:
        msdebian.prepare(Path("/none/x.deb"), tmp_path / "job")
    assert text in str(e.value)
    assert not (tmp_path / "job").exists()


def test_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVMM", "/bin/sh")
    (tmp_path / "image").mkdir()
    monkeypatch.setenv("MSVM", make_firmware(tmp_path / "image"))
    msvm.prepare(tmp_path, limit=7, starts=3, keep_disk=True, after="echo after\n")
    text = (tmp_path / "job").read_text(encoding="utf-8")
    assert "--disk file:disk,on=n0" in text and "./runner 7 " in text
    assert text.endswith("\necho after\nexit $rc\n") and os.access(tmp_path / "job", os.X_OK)
    assert (tmp_path / "deadline").read_text(encoding="ascii") == "81\n"
    assert any(path.name.startswith("libc.so") for path in (tmp_path / "lib").iterdir())
    msvm.prepare(tmp_path, limit=7)
    assert "memdiff:file:disk,on=n0" in (tmp_path / "job").read_text(encoding="utf-8")


@pytest.mark.parametrize("statuses, starts, status", [
    ("0", 1, 0), ("5 0", 2, 0), ("5 5 0", 2, 5), ("4 0", 1, 4), ("5 134 0", 2, 134)])
def test_a_reset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statuses: str, starts: int,
                 status: int) -> None:
    """It starts again after a reset, and after nothing else, twice at most."""
    monkeypatch.setenv("OPENVMM", "/bin/sh")
    (tmp_path / "image").mkdir()
    monkeypatch.setenv("MSVM", make_firmware(tmp_path / "image"))
    msvm.prepare(tmp_path, limit=20, starts=2, after="echo after\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "statuses").write_text("\n".join(statuses.split()) + "\n", encoding="ascii")
    # What is said to be OpenVMM
    (tmp_path / "openvmm").write_text(
        "#!/bin/sh\nread -r rc <statuses\nsed -i 1d statuses\n"
        "echo serial $rc >com1\necho findings $rc >findings\nexit $rc\n", encoding="ascii")
    (tmp_path / "openvmm").chmod(0o755)
    done = subprocess.run(["./job"], cwd=tmp_path, capture_output=True, text=True, check=False)
    expected = statuses.split()[:starts]
    assert done.returncode == status
    assert done.stdout == "".join(f"serial {rc}\n" for rc in expected) + "after\n"
    assert (tmp_path / "out" / "findings").read_text(encoding="ascii") == \
        "".join(f"findings {rc}\n" for rc in expected)


def test_a_program_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVMM", "/etc/passwd")
    monkeypatch.setenv("MSVM", "/etc/hostname")
    with pytest.raises(LabError, match="OPENVMM: not an executable file: /etc/passwd"):
        msvm.prepare(tmp_path, limit=7)


def test_a_disk(tmp_path: Path) -> None:
    """The boot loader's files name what is there."""
    for name, size in (("disk", 5 << 20), ("vmlinuz", 1000), ("initrd", 2000)):
        (tmp_path / name).write_bytes(os.urandom(size))
    root = (tmp_path / "disk").read_bytes()
    (tmp_path / "release").write_text("1.2\n", encoding="ascii")
    offset = msdebian.make_disk(tmp_path, "efi=noruntime")
    disk = tmp_path / "disk"
    assert disk.read_bytes()[offset:offset + len(root)] == root
    assert offset % esp.MIB == 0 and not (tmp_path / "initrd").exists()
    made = tmp_path / "entry"
    esp.run("mcopy", "-i", f"{disk}@@{esp.MIB}", "::/loader/entries/debian.conf", made)
    text = made.read_text(encoding="ascii")
    assert "options root=/dev/nvme0n1p2 ro " in text and text.endswith(" efi=noruntime\n")
    for line in text.split("\n")[1:3]:
        esp.run("mcopy", "-n", "-i", f"{disk}@@{esp.MIB}", f"::{line.split()[1]}",
                tmp_path / "one")
