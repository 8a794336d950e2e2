# SPDX-License-Identifier: GPL-2.0-only
"""A disk that UEFI firmware boots Linux from: kernel, initramfs and command line as one EFI
file, which is the only file of a FAT32 file system on a GPT disk.

The EFI file is systemd's stub with more sections, as the "Unified Kernel Image"
specification has them. The same input makes the same bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lab.common import LabError

STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
STUB_PACKAGE = "systemd-boot-efi"
# Programs, and the Debian packages that have them
TOOLS = {"objcopy": "binutils", "mkfs.vfat": "dosfstools", "mcopy": "mtools", "mmd": "mtools",
         "sfdisk": "fdisk"}
BOOT_FILE = "EFI/BOOT/BOOTX64.EFI"
# Partitions' types, by their names; ROOT's is that of x86-64's root
TYPES = {"ESP": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
         "ROOT": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"}
MIB = 1 << 20
SECTOR = 512
# Where sections may begin
PAGE = 0x1000
# Without this many clusters it would be FAT16 with the label of FAT32.
FAT32_CLUSTERS = 65525
# Fixed, so that the same input makes the same bytes
DISK_ID = uuid.UUID("6d6d696f-0000-4000-8000-000000000000")
VOLUME_ID = "6d6d696f"
# Seconds since 1970; FAT's first day is in 1980.
TIME = 315532800


class Section(NamedTuple):
    """A section of a PE file: its name, where it is loaded, and how long it is there."""

    name: str
    address: int
    size: int

    @property
    def end(self) -> int:
        return self.address + self.size


class Image(NamedTuple):
    """The headers of a PE32+ file; the sections' addresses count from base."""

    base: int
    sections: list[Section]

    @property
    def end(self) -> int:
        return max((section.end for section in self.sections), default=0)


def read_image(path: Path) -> Image:
    """Read the headers of an EFI file for x86-64."""
    try:
        data = path.read_bytes()
        pe = struct.unpack_from("<I", data, 0x3c)[0]
        magic, machine, count, optional = struct.unpack_from("<4sHH12xH", data, pe)
        if data[:2] != b"MZ" or magic != b"PE\0\0" or machine != 0x8664 or optional < 32:
            raise LabError(f"{path} is not an EFI file for x86-64")
        base = struct.unpack_from("<Q", data, pe + 24 + 24)[0]
        found = []
        for n in range(count):
            name, size, address, raw = struct.unpack_from("<8sIII", data,
                                                          pe + 24 + optional + 40 * n)
            found.append(Section(name.rstrip(b"\0").decode("ascii", "replace"), address,
                                 max(size, raw)))
    except struct.error:
        raise LabError(f"{path} is cut short: its headers end at byte {len(data)}") from None
    return Image(base, found)


def page_up(value: int) -> int:
    """The next address at which a section may begin."""
    return (value + PAGE - 1) // PAGE * PAGE


def check_tools() -> None:
    """LabError that names the package of what is missing."""
    if not STUB.is_file():
        raise LabError(f"systemd's EFI stub is missing: {STUB}; install {STUB_PACKAGE}")
    for tool, package in TOOLS.items():
        if not find_tool(tool):
            raise LabError(f"{tool} is missing; install {package}")


def find_tool(name: str) -> str | None:
    """Its path; some are in /sbin, which a user's PATH may lack."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def run(tool: str, *arguments: str | Path, stdin: str = "") -> None:
    """Run a tool; LabError with what it said if it fails."""
    program = find_tool(tool)
    assert program, tool
    env = {**os.environ, "LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": str(TIME),
           "MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True,
                          errors="replace", env=env, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().split("\n")[0]
        raise LabError(f"{tool} failed with status {done.returncode}: {said}")


def make_efi_file(path: Path, kernel: Path, initrd: Path, command_line: str) -> None:
    """One EFI file of the three."""
    if not re.fullmatch(r"[\t -~]*", command_line):
        raise LabError(f"the command line is not one line of ASCII: {command_line!r}")
    stub = read_image(STUB)
    with tempfile.TemporaryDirectory(prefix="lab-esp.") as work:
        texts = {"osrel": "ID=hyperv-mmio\nNAME=hyperv-mmio\n", "cmdline": command_line}
        parts = {}
        for name in [name for name, text in texts.items() if text]:
            parts[name] = Path(work) / name
            parts[name].write_text(texts[name], encoding="ascii")
        # The kernel is the last one: it may use memory behind its image.
        parts |= {"initrd": initrd, "linux": kernel}
        arguments: list[str | Path] = []
        for section in place(stub, parts):
            arguments += ["--add-section", f"{section.name}={parts[section.name[1:]]}",
                          "--change-section-vma",
                          f"{section.name}={stub.base + section.address:#x}"]
        # Else the header gets the time of day.
        run("objcopy", "--preserve-dates", *arguments, STUB, path)


def place(stub: Image, parts: Mapping[str, Path]) -> list[Section]:
    """Sections for these files behind the stub's, page by page."""
    taken = {section.name for section in stub.sections}
    found = []
    at = page_up(stub.end)
    for name, path in parts.items():
        size = path.stat().st_size
        if not size:
            raise LabError(f"{path} is empty")
        if f".{name}" in taken:
            raise LabError(f"{STUB} has a section .{name} already")
        found.append(Section(f".{name}", at, size))
        at = page_up(at + size)
    if at >= 1 << 31:
        raise LabError(f"the EFI file would be {at} bytes long; 2 GiB is the most")
    return found


def make_esp(path: Path, files: Mapping[str, Path]) -> None:
    """A FAT32 file system with those files, by their paths in it."""
    # A file fills its last cluster, and each folder takes one.
    size = sum(file.stat().st_size + SECTOR * (2 + name.count("/")) for name, file in files.items())
    # The two tables take 8 bytes a cluster; reserved sectors take the rest.
    size = max(size, FAT32_CLUSTERS * SECTOR) * 33 // 32 + 2 * MIB
    size = (size + MIB - 1) // MIB * MIB
    path.unlink(missing_ok=True)
    with path.open("wb") as f:
        f.truncate(size)
    run("mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-i", VOLUME_ID, "-n", "ESP", path)
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    for folder in sorted(folders - {"."}):
        run("mmd", "-i", path, f"::/{folder}")
    for name, file in files.items():
        run("mcopy", "-i", path, file, f"::/{name}")


def copy_sparse(source: Path, target: Path, offset: int) -> None:
    """Copy a file into another one at that offset, without blocks that are all zero."""
    with source.open("rb") as old, target.open("r+b") as new:
        while block := old.read(MIB):
            if block.strip(b"\0"):
                new.seek(offset)
                new.write(block)
            offset += len(block)


def make_gpt(path: Path, partitions: Mapping[str, Path]) -> list[int]:
    """A GPT disk with those file systems in partitions of these names: ESP, or ROOT. Returns
    at which byte each begins."""
    starts, table, at = [], [], MIB
    for n, (name, file) in enumerate(partitions.items(), 1):
        sectors = (file.stat().st_size + SECTOR - 1) // SECTOR
        starts.append(at)
        table.append(f"start={at // SECTOR}, size={sectors}, type={TYPES[name]}, "
                     f"uuid={uuid.UUID(int=DISK_ID.int + n)}, name={name}\n")
        at += (sectors * SECTOR + MIB - 1) // MIB * MIB
    path.unlink(missing_ok=True)
    with path.open("wb") as f:
        f.truncate(at + MIB)
    run("sfdisk", "-q", path, stdin=f"label: gpt\nlabel-id: {DISK_ID}\n{''.join(table)}")
    for start, file in zip(starts, partitions.values()):
        copy_sparse(file, path, start)
    return starts


def make_disk(path: Path, kernel: Path, initrd: Path, command_line: str) -> None:
    """A disk in a file, from which UEFI firmware boots that kernel with that initramfs and
    command line. Needs no root."""
    check_tools()
    for file in (kernel, initrd):
        if not file.is_file():
            raise LabError(f"no such file: {file}")
    with tempfile.TemporaryDirectory(prefix="lab-esp.") as work:
        efi_file, esp = Path(work) / "boot.efi", Path(work) / "esp"
        make_efi_file(efi_file, kernel, initrd, command_line)
        make_esp(esp, {BOOT_FILE: efi_file})
        try:
            make_gpt(path, {"ESP": esp})
        except BaseException:
            path.unlink(missing_ok=True)
            raise
