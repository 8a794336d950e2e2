# SPDX-License-Identifier: GPL-2.0-only
"""Where jobs run: an inner host, which is a small Linux under QEMU's TCG, or this
machine where hardware KVM works. Both run nest/jobs, and leave its events, its live
output and its results as files in the folder given."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from lab.arches import Arch
from lab.common import TOP, LabError
from lab.process import Child, Children

MEMORY = 4096  # MiB that an inner host may use, jobs' files included
LEAST_SPACE = 1  # MiB on a disk that is not full


def pack(children: Children, archive: Path, folder: Path, names: list[str]) -> None:
    """Archive these of the folder, with links followed. Files that are hard links of
    each other are stored once."""
    children.call("tar", "-chf", archive, "-C", folder, "--", *names)


def local_environment() -> dict[str, str]:
    """For jobs on this machine: mkfs.ext4 and others are in sbin."""
    return {"NEST": "kvm", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


class Place(ABC):
    """Where jobs run."""

    what: str  # its name in messages

    @abstractmethod
    def start(self, children: Children, work: Path) -> Child:
        """Start what runs the jobs in WORK/in.tar. It writes the files events, live,
        out.tar and log in WORK."""


class Local(Place):
    """This machine, with hardware KVM."""

    what = "nest/jobs"

    def start(self, children: Children, work: Path) -> Child:
        jobs = work / "jobs"
        jobs.mkdir()
        children.call("tar", "-xf", work / "in.tar", "-C", jobs)
        (work / "events").write_text("up\n", encoding="ascii")
        with open(work / "events", "ab") as events, open(work / "log", "wb") as log:
            return children.start(
                [TOP / "nest/jobs", jobs, work / "out.tar", work / "live"],
                stdout=events, stderr=log, env=local_environment())


def _comma(path: Path) -> str:
    """Quote a path for an option of QEMU."""
    return str(path).replace(",", ",,")


@dataclass(frozen=True)
class Inner(Place):
    """Inner hosts under this QEMU, of this image, for guests of that architecture."""

    qemu: str
    image: Path
    arch: Arch
    what = "the inner host"

    @classmethod
    def find(cls, children: Children, arch: Arch) -> Inner:
        """Find QEMU and the image. What is missing is built, which takes minutes."""
        qemu = children.call(TOP / "nest/qemu", env=arch.environment).strip()
        image = children.call(TOP / "nest/host", env=arch.environment).strip()
        return cls(qemu, Path(image), arch)

    def command(self, jobs: Path, processors: int, word: str = "") -> list[str]:
        """The command that starts one with the jobs in that archive. Its init gets
        the word. The caller adds consoles and ports."""
        return [self.qemu, *self.arch.machine, "-smp", str(processors),
                "-m", str(MEMORY), "-nodefaults", "-no-user-config",
                "-display", "none", "-no-reboot",
                "-kernel", f"{self.image}/vmlinuz", "-initrd", f"{self.image}/initrd",
                "-append", f"{self.arch.append} {word}".strip(),
                "-drive", f"file={_comma(jobs)},format=raw,if=none,id=in,readonly=on",
                "-device", "virtio-blk-pci,drive=in", "-device", "virtio-serial-pci"]

    @staticmethod
    def to_file(name: str, path: Path) -> str:
        """QEMU's option for a character device of this name that writes a file."""
        return f"file,id={name},path={_comma(path)}"

    def start(self, children: Children, work: Path) -> Child:
        ports = []
        for n, name in enumerate(("events", "out.tar", "live"), 1):
            ports += ["-chardev", self.to_file(f"c{n}", work / name),
                      "-device", f"virtserialport,nr={n},chardev=c{n}"]
        # A guest with two processors needs two below it: under -smp 1 such guests
        # took twice as long, and 1 of 6 more than 40 s. For guests with one it is
        # about even: -smp 2 takes 4 to 18 % more of this machine's time.
        processors = min(2, len(os.sched_getaffinity(0)))
        command = self.command(work / "in.tar", processors) + ports
        with open(work / "log", "wb") as log:
            return children.start([*command, "-serial", "stdio"], stdout=log, stderr=log)


def available_memory() -> int:
    """MiB that can be allocated without swapping."""
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    raise LabError("/proc/meminfo has no MemAvailable")


def hosts_that_fit() -> int:
    """How many inner hosts this machine's memory is enough for. One takes memory only
    as its jobs do, so half of its bound is counted."""
    available = available_memory()
    fit = available // (MEMORY // 2)
    if not fit:
        raise LabError(f"too little memory for an inner host: {available} MiB are"
                       f" available, {MEMORY // 2} MiB are needed")
    return fit


def check_space(folder: Path) -> None:
    """Raise LabError if the folder's disk is full."""
    disk = os.statvfs(folder)
    blocks = disk.f_bavail if os.geteuid() else disk.f_bfree
    if blocks * disk.f_frsize < LEAST_SPACE << 20:
        raise LabError(f"the disk of {folder} is full: {os.strerror(errno.ENOSPC)}")
