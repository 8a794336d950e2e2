# SPDX-License-Identifier: GPL-2.0-only
"""lab.esp: the disk that UEFI firmware boots from, read back with other programs."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import time
from pathlib import Path

import pytest

from lab import esp
from lab.common import LabError
from lab.esp import PAGE, SECTOR, Image, Section

COMMAND_LINE = "console=ttyS0 guest.path=kdump-c"
MTOOLS = {"MTOOLSRC": "/dev/null", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


class Inputs:
    """A kernel and an initramfs of random bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kernel, self.initrd = folder / "bzImage", folder / "initrd"
        self.kernel.write_bytes(os.urandom(300_001))
        self.initrd.write_bytes(os.urandom(123_457))

    def disk(self, name: str = "disk", command_line: str = COMMAND_LINE) -> Path:
        path = self.folder / name
        esp.make_disk(path, self.kernel, self.initrd, command_line)
        return path


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)


def output(*command: str | Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=MTOOLS)
    return done.stdout


def efi_file(disk: Path) -> Path:
    """The file that firmware boots, by mtools."""
    path = disk.with_name("read-back")
    output("mcopy", "-n", "-i", f"{disk}@@{esp.MIB}", "::/EFI/BOOT/BOOTX64.EFI", path)
    return path


def sections(path: Path) -> dict[str, tuple[int, int, int]]:
    """Size, address and place in the file of each section, by objdump."""
    return {name: (int(size, 16), int(address, 16), int(offset, 16))
            for name, size, address, offset in re.findall(
                r"^ +\d+ (\.\S+) +(\S+) +(\S+) +\S+ +(\S+) ", output("objdump", "-h", path), re.M)}


def test_partition_table(inputs: Inputs) -> None:
    disk = inputs.disk()
    table = json.loads(output("sfdisk", "--json", disk))["partitiontable"]
    assert table["label"] == "gpt" and table["sectorsize"] == SECTOR
    [only] = table["partitions"]
    assert only["type"] == "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    assert only["start"] * SECTOR == esp.MIB
    end = (only["start"] + only["size"]) * SECTOR
    assert end <= (table["lastlba"] + 1) * SECTOR <= disk.stat().st_size
    # The second copy of the table is at the end of the disk.
    assert not re.search("backup|corrupt|mismatch", output("sfdisk", "--verify", disk))


def test_file_system(inputs: Inputs) -> None:
    disk = inputs.disk()
    with disk.open("rb") as f:
        f.seek(esp.MIB)
        inside = disk.with_name("inside")
        inside.write_bytes(f.read())
    said = output("fsck.vfat", "-n", "-v", inside)
    assert "32 bit entries" in said and "4 files" in said
    found = output("mdir", "-/", "-b", "-i", f"{disk}@@{esp.MIB}", "::/").split()
    assert found == ["::/EFI/", "::/EFI/BOOT/", "::/EFI/BOOT/BOOTX64.EFI"]


def test_sections(inputs: Inputs) -> None:
    path = efi_file(inputs.disk())
    found = sections(path)
    old = sections(esp.STUB)
    assert list(found) == [*old, ".osrel", ".cmdline", ".initrd", ".linux"]
    data = path.read_bytes()
    for name, want in ((".cmdline", COMMAND_LINE.encode()),
                       (".initrd", inputs.initrd.read_bytes()),
                       (".linux", inputs.kernel.read_bytes())):
        size, address, offset = found[name]
        assert data[offset:offset + size].rstrip(b"\0") == want.rstrip(b"\0")
        assert address % PAGE == 0
    # In memory and in the file each ends before the next one begins.
    for which in (1, 2):
        placed = sorted((place[which], place[0]) for place in found.values())
        for (start, size), (after, _) in zip(placed, placed[1:]):
            assert start + size <= after
    said = output("objdump", "-p", path)
    image = re.search(r"SizeOfImage\s+(\S+)", said)
    assert image and int(image[1], 16) >= max(size + at for size, at, _ in found.values())
    # What the stub's own sections contain is left alone.
    stub = esp.STUB.read_bytes()
    for name, (size, _, offset) in old.items():
        at = found[name][2]
        assert data[at:at + size] == stub[offset:offset + size]


def test_the_size_in_memory_is_exact(inputs: Inputs) -> None:
    """The stub takes that for the length; padding must not become part of the text."""
    data = efi_file(inputs.disk()).read_bytes()
    for name, want in ((b".cmdline", len(COMMAND_LINE)), (b".initrd", 123_457),
                       (b".linux\0\0", 300_001)):
        assert struct.unpack_from("<I", data, data.index(name, 0x80) + 8)[0] == want


def test_same_bytes(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inputs.disk("first").read_bytes()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    os.utime(inputs.kernel, (1, 1))
    time.sleep(2.1)  # FAT counts in steps of 2 seconds.
    assert inputs.disk("second").read_bytes() == first
    assert inputs.disk("third", "quiet").read_bytes() != first


def test_large_files_fit(inputs: Inputs) -> None:
    with inputs.initrd.open("r+b") as f:
        f.truncate(70 * esp.MIB)
    disk = inputs.disk()
    assert sections(efi_file(disk))[".initrd"][0] >= 70 * esp.MIB
    # What is zero takes no room on the real disk.
    assert disk.stat().st_blocks * 512 < 10 * esp.MIB


def test_more_files_and_partitions(inputs: Inputs) -> None:
    """As lab/msdebian.py has them: a boot loader with its files, and a root."""
    files = {"loader/entries/a.conf": inputs.initrd, "EFI/BOOT/BOOTX64.EFI": inputs.kernel,
             "loader/loader.conf": inputs.initrd, "a/b/c/d": inputs.initrd}
    esp_file, disk = inputs.folder / "esp", inputs.folder / "disk"
    esp.make_esp(esp_file, files)
    starts = esp.make_gpt(disk, {"ESP": esp_file, "ROOT": inputs.kernel})
    found = output("mdir", "-/", "-b", "-a", "-i", f"{disk}@@{starts[0]}", "::/").split()
    assert {name[3:] for name in found if not name.endswith("/")} == set(files)
    assert efi_file(disk).read_bytes() == inputs.kernel.read_bytes()
    first, second = json.loads(output("sfdisk", "--json", disk))["partitiontable"]["partitions"]
    assert [part["start"] * SECTOR for part in (first, second)] == starts
    assert second["type"] == esp.TYPES["ROOT"] and first["uuid"] != second["uuid"]
    assert first["start"] + first["size"] <= second["start"]
    length = inputs.kernel.stat().st_size
    assert disk.read_bytes()[starts[1]:starts[1] + length] == inputs.kernel.read_bytes()
    assert second["size"] == (length + SECTOR - 1) // SECTOR


def test_no_command_line(inputs: Inputs) -> None:
    assert ".cmdline" not in sections(efi_file(inputs.disk(command_line="")))


def test_place(inputs: Inputs) -> None:
    """Behind what the stub has, also where that is longer in memory than in the file."""
    stub = Image(0x140000000, [Section(".text", 0x1000, 0x2345), Section(".bss", 0x4000, 0x10001)])
    placed = esp.place(stub, {"initrd": inputs.initrd, "linux": inputs.kernel})
    assert placed == [Section(".initrd", 0x15000, 123_457), Section(".linux", 0x34000, 300_001)]


def test_longer_in_memory(inputs: Inputs) -> None:
    """A section of zeros has no bytes in the file, or fewer than it has in memory."""
    data = bytearray(esp.STUB.read_bytes())
    struct.pack_into("<I", data, data.index(b".sdmagic") + 8, 0x12345)
    path = inputs.folder / "stub"
    path.write_bytes(data)
    assert esp.read_image(path).sections[-1].size == 0x12345


def test_stub_with_a_base(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd 254's has one; objcopy's addresses count from 0, the file's from the base."""
    moved = inputs.folder / "stub"
    output("objcopy", "--image-base", "0x140000000", "--adjust-vma", "0x140000000",
           esp.STUB, moved)
    assert esp.read_image(moved).base == 0x140000000
    monkeypatch.setattr(esp, "STUB", moved)
    path = efi_file(inputs.disk())
    made = esp.read_image(path)
    assert made.base == 0x140000000
    assert made.sections[-1].address < esp.MIB
    assert sections(path)[".linux"][1] == made.base + made.sections[-1].address


def refused(inputs: Inputs, text: str, **more: str) -> None:
    with pytest.raises(LabError) as e:
        inputs.disk(**more)
    assert text in str(e.value)
    assert not (inputs.folder / "disk").exists()


def test_what_is_missing_is_named(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as m:
        m.setattr(esp, "STUB", Path("/none/stub"))
        refused(inputs, "/none/stub; install systemd-boot-efi")
    with monkeypatch.context() as m:
        m.setattr(esp, "TOOLS", {**esp.TOOLS, "no-such-tool": "some-package"})
        refused(inputs, "no-such-tool is missing; install some-package")
    inputs.kernel.unlink()
    refused(inputs, f"no such file: {inputs.kernel}")


def test_bad_stubs(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = inputs.folder / "stub"
    monkeypatch.setattr(esp, "STUB", stub)
    good = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub").read_bytes()
    stub.write_bytes(b"MZ" + bytes(200))
    refused(inputs, "is not an EFI file for x86-64")
    for length in (0, 30, 100, 0x100, 0x1a0):
        stub.write_bytes(good[:length])
        refused(inputs, str(stub))
    assert b".sbat\0" in good
    stub.write_bytes(good.replace(b".sbat\0\0\0", b".linux\0\0", 1))
    refused(inputs, "has a section .linux already")


@pytest.mark.parametrize("line", ["a\nb", "a\0b", "caf\xe9", "a\rb"])
def test_bad_command_lines(inputs: Inputs, line: str) -> None:
    refused(inputs, f"not one line of ASCII: {line!r}", command_line=line)


def test_bad_files(inputs: Inputs) -> None:
    inputs.initrd.write_bytes(b"")
    refused(inputs, f"{inputs.initrd} is empty")
    with inputs.initrd.open("r+b") as f:
        f.truncate(1 << 31)
    refused(inputs, "2 GiB is the most")


def test_a_tool_that_fails(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esp, "VOLUME_ID", "none")
    refused(inputs, "mkfs.vfat failed with status 1: ")
