# SPDX-License-Identifier: GPL-2.0-only
"""What hvhost gives a Generation 2 guest, against what Hyper-V's own UEFI firmware on OpenVMM
gives the same guest: memory map, EFI's tables, screen_info, ACPI's tables, the hypervisor's
CPUID leaves, and VMBus' offers.

guest/given reports it, as an initramfs' init. Each side becomes facts, KEY and VALUE; those
that differ must be in lab/given.toml with both values and the reason.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import os
import re
import shutil
import struct
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lab import dsdt, esp, findings, guest, hvhost, kernels, matrix, msvm
from lab.common import BUILD, TOP, BadFile, LabError
from lab.findings import Report
from lab.locks import lock
from lab.process import call

KNOWN = TOP / "lab" / "given.toml"
Facts = dict[str, str]

APPEND = "console=ttyS0 panic=-1 quiet rdinit=/bin/given"
JOB = f"""#!/bin/sh
truncate -s 64M disk
exec ./hvhost run --kernel bzImage --initrd initrd --memory 1G --generation 2 --cpus 1 \\
    --pci nvme,disk=disk --trace out/trace --findings out/findings --timeout 240 -v \\
    --append '{APPEND}' 2>out/host
"""
OFFERS = {
    "0e0b6031-5213-4934-818b-38d90ced39db": "shutdown",
    "44c4f61d-4444-4400-9d52-802e27ede19f": "virtual PCI",
    "57164f39-9115-4e78-ab55-382f3bd5422d": "heartbeat",
    "9527e630-d0ae-497b-adce-e80ab0175caf": "time synchronization",
    "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6": "key-value pairs",
    "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f": "SCSI",
    "cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a": "mouse",
    "da0a7802-e377-4aac-8e77-0558eb1073f8": "video",
    "f912ad6d-2b17-48ea-bd65-f927a61c7684": "keyboard",
}
EFI_TYPES = {"0x5": "runtime code", "0x6": "runtime data", "0xb": "MMIO", "0xc": "port MMIO"}
# Bits of the FADT's flags and boot flags that matter to a guest
FADT_FLAGS = {0: "WBINVD", 2: "PROC_C1", 4: "PWR_BUTTON", 5: "SLP_BUTTON", 6: "FIX_RTC",
              8: "TMR_VAL_EXT", 10: "RESET_REG_SUP", 12: "HEADLESS", 15: "USE_PLATFORM_CLOCK",
              20: "HW_REDUCED_ACPI", 21: "LOW_POWER_S0"}
BOOT_FLAGS = {0: "LEGACY_DEVICES", 1: "8042", 2: "VGA_NOT_PRESENT", 3: "MSI_NOT_SUPPORTED",
              5: "CMOS_RTC_NOT_PRESENT"}


def lines(report: Report, block: str) -> list[str]:
    found = report.block(block)
    if found.status != "0":
        raise BadFile(f"out/findings: the guest did not report {block}")
    return [line.text for line in found.lines if line.text]


def memory(report: Report) -> Iterator[tuple[str, str]]:
    for line in lines(report, "memmap"):
        start, end, kind = line.split(" ", 2)
        yield f"memory {kind} {start}-{end}", "yes"
    for line in lines(report, "runtime"):
        start, pages, kind, attribute = line.split(" ")
        yield f"EFI {EFI_TYPES.get(kind, kind)} at {start}", f"{pages} pages, {attribute}"


def firmware(report: Report) -> Iterator[tuple[str, str]]:
    """EFI's tables, but for their addresses, screen_info, and VMBus' address space."""
    for line in lines(report, "firmware"):
        what, _, rest = line.partition(": ")
        if what == "DMI" and "present" in rest:
            yield "DMI", rest.strip()
        elif "=0x" in rest:
            for name in re.findall(r"(\S[^=]*)=0x[0-9a-f]+", rest):
                yield f"EFI table {name.strip()}", "yes"
        elif rest.startswith("EFI v"):
            yield "EFI version", rest.strip()
    for line in lines(report, "screen"):
        name, _, value = line.partition(" ")
        yield f"screen_info {name}", value
    for n, window in enumerate(report.windows or []):
        yield f"VMBus window {n}", window
    yield "VMBus reservation", report.reserve or "none"


def hypervisor(report: Report) -> Iterator[tuple[str, str]]:
    for line in lines(report, "cpuid"):
        leaf, _, values = line.partition(" ")
        yield f"CPUID {leaf}", values


def offers(report: Report) -> Iterator[tuple[str, str]]:
    found = []
    for line in lines(report, "offers"):
        number, interface, _ = line.split(" ")
        name = OFFERS.get(interface.strip("{}"), interface)
        found.append((int(number), name))
        yield f"offer {name}", "yes"
    yield "offers in order of their numbers", ", ".join(name for _, name in sorted(found))


def bits(value: int, names: dict[int, str]) -> str:
    words = [names.get(bit, f"bit {bit}") for bit in range(32) if value >> bit & 1]
    return ", ".join(words) or "none"


def fadt(data: bytes) -> Iterator[tuple[str, str]]:
    """As ACPI 6.5, table 5.9, has it."""
    if len(data) < 276:
        raise BadFile(f"FACP: {len(data)} bytes are too few")
    yield "FADT preferred profile", str(data[45])
    yield "FADT SCI", str(struct.unpack_from("<H", data, 46)[0])
    for name, offset in (("PM1a event", 56), ("PM1a control", 64), ("PM timer", 76), ("GPE0", 80)):
        yield f"FADT {name} block", f"{struct.unpack_from('<I', data, offset)[0]:#x}"
    for name, offset in (("PM1a event", 148), ("PM1a control", 172), ("PM timer", 208),
                         ("GPE0", 220)):
        yield f"FADT extended {name} block", f"{struct.unpack_from('<Q', data, offset + 4)[0]:#x}"
    yield "FADT century", str(data[108])
    yield "FADT boot flags", bits(struct.unpack_from("<H", data, 109)[0], BOOT_FLAGS)
    yield "FADT flags", bits(struct.unpack_from("<I", data, 112)[0], FADT_FLAGS)
    yield "FADT hypervisor", repr(data[268:276].rstrip(b"\0").decode("ascii", "replace"))


def read_tables(report: Report) -> dict[str, bytes]:
    """ACPI's tables, by their names in sysfs."""
    text = "".join(lines(report, "tables"))
    try:
        archive = io.BytesIO(gzip.decompress(base64.b64decode(text, validate=True)))
        with tarfile.open(fileobj=archive) as tar:
            return {member.name.removeprefix("tables/"): file.read() for member in tar
                    if member.isfile() and (file := tar.extractfile(member))}
    except (binascii.Error, OSError, EOFError, tarfile.TarError) as e:
        raise BadFile(f"out/findings: ACPI's tables cannot be unpacked: {e}") from None


def acpi(report: Report) -> Iterator[tuple[str, str]]:
    tables = read_tables(report)
    for name, data in sorted(tables.items()):
        if len(data) < 36 and name != "FACS":
            raise BadFile(f"{name}: {len(data)} bytes are too few")
        yield f"ACPI table {name}", f"revision {data[8]}" if name != "FACS" else "yes"
    if "FACP" in tables:
        yield from fadt(tables["FACP"])
    yield from dsdt.facts({name: data for name, data in tables.items()
                           if re.fullmatch(r"DSDT|SSDT\d*", name)})


def facts(folder: Path) -> Facts:
    """What a run's guest reported."""
    found = findings.read(folder / "out" / "findings")
    report = found.first
    if not report.finished:
        raise BadFile(f"{folder}/out/findings: the guest did not finish; {found.cut}")
    made: Facts = {"release": report.fact("release")}
    for part in (memory, firmware, hypervisor, offers, acpi):
        made |= part(report)
    return made


@dataclass(frozen=True)
class Difference:
    """A fact that is not the same, and why; "" if nobody has said why."""

    key: str
    ours: str
    theirs: str
    reason: str = ""

    @property
    def fact(self) -> str:
        """What a pattern of lab/given.toml has to fit."""
        return f"{self.key}: {self.ours} | {self.theirs}"


def read_known(path: Path = KNOWN) -> dict[re.Pattern[str], str]:
    """Patterns of keys with both values, and why the facts differ."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = data["known"].items()
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError) as e:
        raise LabError(f"{path}: {e}") from None
    known = {}
    for key, reason in entries:
        if not isinstance(reason, str) or not reason.strip():
            raise LabError(f"{path}: {key!r} has no reason")
        try:
            known[re.compile(key)] = reason
        except re.error as e:
            raise LabError(f"{path}: {key!r} is not a pattern: {e}") from None
    return known


def markdown() -> list[str]:
    """The list of hvhost/README.md."""
    return [f"- `{pattern.pattern}`: {reason}" for pattern, reason in read_known().items()]


def compare(ours: Facts, theirs: Facts, known: dict[re.Pattern[str], str]) -> list[Difference]:
    """What differs, in the order of the keys."""
    found = []
    for key in sorted(ours.keys() | theirs.keys()):
        values = ours.get(key, "-"), theirs.get(key, "-")
        if values[0] != values[1]:
            one = Difference(key, *values)
            reasons = [reason for pattern, reason in known.items() if pattern.fullmatch(one.fact)]
            found.append(replace(one, reason=" ".join(reasons)))
    return found


def stale(found: list[Difference], known: dict[re.Pattern[str], str]) -> list[str]:
    """The patterns that fit no difference."""
    return [pattern.pattern for pattern in known
            if not any(pattern.fullmatch(one.fact) for one in found)]


def table(found: list[Difference], same: int, gone: list[str]) -> str:
    """For people: what differs and why, which patterns are stale, and how much is the same."""
    out = []
    for one in found:
        out += [f"{one.key}: {one.reason or 'UNKNOWN'}",
                f"    hvhost {one.ours}", f"    UEFI   {one.theirs}"]
    out += [f"STALE: nothing differs like this any more: {pattern}" for pattern in gone]
    unknown = sum(not one.reason for one in found)
    return "\n".join([*out, f"{same} facts are the same, {len(found) - unknown} differ for a known "
                      f"reason, {unknown} for none"])


def prepare(folder: Path) -> None:
    """Two jobs, with the same kernel and initramfs."""
    msvm.programs()
    esp.check_tools()
    shutil.rmtree(folder, ignore_errors=True)
    ours, theirs = folder / "jobs" / "hvhost", folder / "jobs" / "openvmm"
    ours.mkdir(parents=True)
    kernel = kernels.pair(os.environ.get("KERNEL") or "series").first
    guest.build([kernel])
    parts = guest.find_file(kernel, ours) if kernel.is_file else guest.find_built(kernel, ours)
    call("gcc", "-std=gnu11", "-O2", "-Wall", "-static", "-s", "-o", folder / "cpuid",
         TOP / "guest" / "cpuid.c")
    call(TOP / "guest" / "mkinitrd", ours / "initrd", *parts,
         f"bin/given={TOP}/guest/given", f"bin/cpuid={folder}/cpuid")
    shutil.copy(hvhost.build(), ours / "hvhost")
    (ours / "job").write_text(JOB, encoding="utf-8")
    (ours / "job").chmod(0o755)
    (ours / "deadline").write_text("300\n", encoding="ascii")
    msvm.prepare(theirs, limit=600)
    esp.make_disk(theirs / "disk", ours / "bzImage", ours / "initrd", APPEND)


def given(folders: list[str]) -> int:
    """Run both, or read the jobs in that folder, and print what differs. 0 if each
    difference is known, and what is known differs."""
    if len(folders) > 1:
        raise LabError("given takes one folder, that of a run")
    folder = Path(folders[0]) if folders else BUILD / "given" / "jobs"
    known = read_known()
    if not folders:
        with lock(BUILD / "given.lock", "lab given"):
            prepare(folder.parent)
            matrix.play(folder)
            (folder / "openvmm" / "disk").unlink(missing_ok=True)
    ours, theirs = facts(folder / "hvhost"), facts(folder / "openvmm")
    found = compare(ours, theirs, known)
    gone = stale(found, known)
    print(table(found, len(ours.keys() | theirs.keys()) - len(found), gone))
    return 0 if all(one.reason for one in found) and not gone else 1
