# SPDX-License-Identifier: GPL-2.0-only
"""lab.given and lab.dsdt: what a guest is given, on a recorded run and what becomes of it."""

from __future__ import annotations

import base64
import functools
import gzip
import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import dsdt, findings, given
from lab.common import TOP, LabError

BOTH = TOP / "tests" / "data" / "given"
RECORDED = BOTH / "hvhost"
ASL = """
DefinitionBlock ("", "DSDT", 2, "T", "T", 1)
{
    Scope (\\_SB)
    {
        Device (VMOD)
        {
            Name (_HID, "ACPI0004")
            Method (_CRS, 0, Serialized)
            {
                If (One) { Return (ResourceTemplate () { IRQNoFlags () {5} }) }
                Return (ResourceTemplate () { IRQNoFlags () {6} })
            }
            Device (IN)
            {
                Name (_UID, "a)b")
                Name (_CRS, ResourceTemplate () { IRQNoFlags () {7}
                    IO (Decode16, 0x10, 0x10, 1, 2) })
            }
        }
        Device (LAST) { Name (_ADR, 3) }
    }
}
"""


@functools.cache
def facts_of(tables: tuple[tuple[str, bytes], ...],
             read: Callable[[dict[str, bytes]], Iterator[tuple[str, str]]] = dsdt.facts) \
        -> tuple[tuple[str, str], ...]:
    return tuple(read(dict(tables)))


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the same tables only once: the firmware's have 2048 processors."""
    monkeypatch.setattr(dsdt, "facts", lambda tables: facts_of(tuple(sorted(tables.items()))))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """A copy of the recorded run, in which text is replaced."""
    def spoilt(old: str = "", new: str = "", count: int = 1) -> Path:
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(RECORDED, folder)
        path = folder / "out" / "findings"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= count
        path.write_text(text.replace(old, new), encoding="utf-8")
        return folder
    return spoilt


def packed(tables: dict[str, bytes]) -> str:
    """Tables as guest/given sends them."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in tables.items():
            info = tarfile.TarInfo(f"tables/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return base64.b64encode(gzip.compress(file.getvalue())).decode()


def test_recorded() -> None:
    facts = given.facts(RECORDED)
    assert facts["memory System RAM 0x100000-0x3fffffff"] == "yes"
    assert facts["EFI runtime code at 0x60000"] == "0x1 pages, 0x8000000000000008"
    assert facts["EFI version"] == "EFI v2.7 by Microsoft"
    assert facts["EFI table ACPI 2.0"] == "yes"
    assert facts["screen_info lfb_base"] == "0xf8000000"
    assert facts["VMBus window 0"] == "f8000000-fed3ffff"
    assert facts["VMBus reservation"] == "f8000000-fbffffff"
    assert facts["DMI"] == "not present or invalid."
    assert facts["CPUID 40000000"] == "40000006 7263694d 666f736f 76482074"
    assert facts["offers in order of their numbers"] == "shutdown, virtual PCI, heartbeat, video"
    assert facts["ACPI table FACP"] == "revision 6"
    assert "VGA_NOT_PRESENT" in facts["FADT boot flags"]
    assert facts["device VMOD.VMBS _CRS"] == "IRQNoFlags() {5}"
    assert "0xF8000000,0xFFFFFFFF" in facts["device VMOD _CRS"]
    assert given.compare(facts, facts, {}) == []


@pytest.mark.parametrize("old, new, key", [
    ("0x62000 0x9ffff System RAM\n", "", "memory System RAM 0x62000-0x9ffff"),
    ("0x0 0x5ffff System RAM", "0x0 0x5ffff Reserved", "memory Reserved 0x0-0x5ffff"),
    ("0x61000 0x1 0x6", "0x61000 0x2 0x6", "EFI runtime data at 0x61000"),
    ("ACPI 2.0=0xe0000", "SMBIOS=0xe0000", "EFI table SMBIOS"),
    ("lfb_size 0x300000", "lfb_size 0x400000", "screen_info lfb_size"),
    ("reservation f8000000-fbffffff", "reservation none", "VMBus reservation"),
    ("40000004 00040e2c", "40000004 00040e2d", "CPUID 40000004"),
    ("3 {57164f39", "9 {57164f39", "offers in order of their numbers"),
    ("{57164f39-9115", "{57164f38-9115", "offer heartbeat"),
])
def test_differences(run: Callable[..., Path], old: str, new: str, key: str) -> None:
    ours, theirs = given.facts(RECORDED), given.facts(run(old, new))
    found = given.compare(ours, theirs, {})
    assert key in [one.key for one in found]
    assert "UNKNOWN" in given.table(found, 1, [])
    known = {re.compile(re.escape(one.fact)): "because" for one in found}
    again = given.compare(ours, theirs, known)
    assert all(one.reason == "because" for one in again)
    assert "UNKNOWN" not in given.table(again, 1, []) and not given.stale(again, known)
    # A pattern that fits the key, or all but the end, is not enough.
    for one in found:
        for text in (one.key, f"{one.key}: .*x", one.fact[:-1]):
            pattern = {re.compile(re.escape(text)): "because"}
            again = given.compare(ours, theirs, pattern)
            assert not any(other.reason for other in again)
            assert given.stale(again, pattern) == [re.escape(text)]


def copy_of_both(folder: Path) -> Path:
    return Path(shutil.copytree(BOTH, folder / "both"))


def test_what_was_recorded_of_both_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert given.given([str(BOTH)]) == 0, capsys.readouterr().out
    found = given.compare(given.facts(RECORDED), given.facts(BOTH / "openvmm"), {})
    known = given.read_known()
    for one in found:
        assert sum(bool(pattern.fullmatch(one.fact)) for pattern in known) == 1, one.fact


@pytest.mark.parametrize("old, new, said", [
    # Each of these was known by its key alone.
    ("0xfffff Reserved", "0xf8ffffff Reserved", "memory Reserved 0xc0000-0xf8ffffff: UNKNOWN"),
    ("0x42ff000 0x400 0x6 0x800000000000000f", "0xf8000000 0x400 0x6 0x800000000000000f",
     "EFI runtime data at 0xf8000000: UNKNOWN"),
    ("0000087f 00000000 00000000 00000100", "0000087f 00000000 00000000 00000101",
     "CPUID 40000003: UNKNOWN"),
    ("100000000-11fffffff", "100000000-10fffffff", "VMBus window 1: UNKNOWN"),
    ("SMBIOS 3.1.0 present.", "SMBIOS 3.2.0 present.", "DMI: UNKNOWN"),
    ("8 {f912ad6d", "0 {f912ad6d", "offers in order of their numbers: UNKNOWN")])
def test_another_value_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str,
                                    new: str, said: str) -> None:
    both = copy_of_both(tmp_path)
    file = both / "openvmm" / "out" / "findings"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    assert given.given([str(both)]) == 1
    assert said in capsys.readouterr().out


def test_a_pattern_that_fits_nothing_is_red(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    known = tmp_path / "given.toml"
    text = given.KNOWN.read_text(encoding="utf-8")
    known.write_text(f"{text}\n'offer floppy: - \\| yes' = 'x'\n", encoding="utf-8")
    patterns = given.read_known(known)
    monkeypatch.setattr(given, "read_known", lambda: patterns)
    assert given.given([str(BOTH)]) == 1
    assert "STALE: nothing differs like this any more: offer floppy: - \\| yes\n38 facts" in \
        capsys.readouterr().out


def test_tables_differ(run: Callable[..., Path]) -> None:
    text = (RECORDED / "out" / "findings").read_text(encoding="utf-8")
    found = re.search(r"begin tables\n(.*?)guest: end", text, re.S)
    assert found
    report = findings.read(RECORDED / "out" / "findings").first
    tables = given.read_tables(report)
    facp = bytearray(tables["FACP"])
    facp[112 + 2] |= 0x10
    del tables["APIC"]
    folder = run(found[1], packed({**tables, "FACP": bytes(facp)}) + "\n")
    keys = {one.key: one for one in
            given.compare(given.facts(RECORDED), given.facts(folder), {})}
    assert set(keys) == {"FADT flags", "ACPI table APIC"}
    assert keys["FADT flags"].theirs.endswith("HW_REDUCED_ACPI")
    assert keys["ACPI table APIC"].theirs == "-"


@pytest.mark.parametrize("old, new, text", [
    ("guest: finished\n", "", "did not finish"),
    ("guest: end memmap 0", "guest: end memmap 1", "did not report memmap"),
    ("guest: end tables 0", "guest: end tables 1", "did not report tables"),
    ("guest: begin tables\n", "guest: begin tables\n!!", "cannot be unpacked"),
    ("guest: begin tables\n", "guest: begin tables\nAAAA", "cannot be unpacked"),
])
def test_bad_runs(run: Callable[..., Path], old: str, new: str, text: str) -> None:
    with pytest.raises(LabError) as e:
        given.facts(run(old, new))
    assert text in str(e.value)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(LabError) as e:
        given.given([str(tmp_path)])
    assert "out/findings" in str(e.value) or "findings" in str(e.value)
    with pytest.raises(LabError):
        given.given(["a", "b"])


@pytest.mark.parametrize("text, why", [
    ("[known]\n'a(' = 'x'\n", "a("), ("[known]\na = ''\n", "has no reason"),
    ("[known]\na = 1\n", "has no reason"), ("x = 1\n", "known"), ("[known", "given.toml")])
def test_bad_lists(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "given.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as e:
        given.read_known(path)
    assert why in str(e.value) and str(path) in str(e.value)


def test_the_list_can_be_read() -> None:
    given.read_known()


def test_devices(tmp_path: Path) -> None:
    (tmp_path / "a.asl").write_text(ASL, encoding="ascii")
    subprocess.run(["iasl", "-f", tmp_path / "a.asl"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, cwd=tmp_path)
    found = dict(dsdt.facts({"DSDT": (tmp_path / "a.aml").read_bytes()}))
    assert found["device VMOD _HID"] == '"ACPI0004"'
    assert found["device VMOD.IN _CRS"] == "IRQNoFlags() {7}IO(Decode16,0x0010,0x0010,0x01,0x02)"
    assert found["device LAST _ADR"] == "0x03"
    assert "{5}" in found["device VMOD _CRS"] and "{6}" in found["device VMOD _CRS"]
    assert set(found) == {"device VMOD _HID", "device VMOD _CRS", "device VMOD.IN _UID",
                          "device VMOD.IN _CRS", "device LAST _ADR"}


def test_devices_that_are_alike() -> None:
    found = dict(dsdt.together({
        "P001": {"_HID": "a", "_UID": "1"}, "P002": {"_HID": "a", "_UID": "2"},
        "P003": {"_HID": "b", "_UID": "3"}, "UAR1": {"_UID": "1"}, "UAR2": {"_UID": "2"}}))
    assert found == {"devices Pnnn": "2, from P001 to P002", "device P003 _HID": "b",
                     "device P003 _UID": "3", "device UAR1 _UID": "1", "device UAR2 _UID": "2"}


def test_bad_tables() -> None:
    with pytest.raises(LabError) as e:
        dict(dsdt.facts({"DSDT": b"no table"}))
    assert "iasl cannot read DSDT" in str(e.value)


def test_documented() -> None:
    """hvhost/README.md has each reason."""
    text = (TOP / "hvhost" / "README.md").read_text(encoding="utf-8")
    assert "\n".join(given.markdown()) in text
