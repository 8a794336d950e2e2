# SPDX-License-Identifier: GPL-2.0-only
"""What OpenVMM says of a run, as it is read: its log and its inspect tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import witness
from lab.common import BadFile, Range
from lab.findings import Line

NVME = "69637076-0001-4000-8000-687668737400"
CONTACT = "  1.5s  INFO vmbus_server::channels:  guest negotiated version vtl=0x0 version=x"
ASKED = "  1.4s TRACE vmbus_server::channels:  received vmbus message msg=InitiateContact2(x)"
OFFER = ("  1.6s TRACE vmbus_server::channels:  sending message typ=OFFER_CHANNEL msg=OfferChannel "
         f"{{ interface_id: {witness.VIDEO}, instance_id: 1, mmio_megabytes: 8, user: 1 }}")
VRAM = "  1.8s DEBUG framebuffer:  Mapped VRAM to guest at address 0xf8000000"
ENTRY = ("  1.9s TRACE vpci::device:  vpci packet packet=FdoD0Entry { mmio_start: f8800000 } "
         f"instance_id={NVME}")
EXIT = f"  2.0s TRACE vpci::device:  vpci packet packet=FdoD0Exit instance_id={NVME}"
END = " 44.1s  INFO openvmm_entry::vm_controller:  guest halted reason=PowerOff"
TREES = f"""{{
    0xf8000000-0x100000000: {{
        length: 0x8000000,
    }},
    0x100000000-0x120000000: {{
        length: 0x20000000,
    }},
}}
{{
    0x0-0x40000000:ram: {{
        is_active: true,
    }},
    0xf8000000-0xf8800000:framebuffer: {{
        mappings: {{}},
    }},
}}
{{
    0xfec01000-0xfec02fff: {{
        dev_name: "vpci:{NVME}",
        region_name: "vpci-{NVME}-config",
    }},
    0x100000000-0x10000ffff: {{
        dev_name: "nvme:vpci-{NVME}",
        region_name: "bar0",
    }},
    break_on: "",
}}
"""


def lines(*texts: str) -> list[Line]:
    return [Line(n, text) for n, text in enumerate(texts, 1)]


def make(folder: Path, log: str, inspect: str = TREES) -> witness.Witness:
    (folder / "log").write_text(log)
    (folder / "inspect").write_text(inspect)
    return witness.read_witness(folder)


def test_lives() -> None:
    lives = witness.lives_of(lines(ASKED, CONTACT, OFFER, VRAM, ENTRY, CONTACT, ENTRY, EXIT))
    assert len(lives) == 2
    assert lives[0].vram == witness.Place(Range(0xf8000000, 0xf87fffff), "out/log:4")
    assert lives[0].windows == {
        NVME: witness.Place(Range(0xf8800000, 0xf8801fff), "out/log:5")}
    # A dead kernel's framebuffer stays where it is, its windows do not.
    assert lives[1].vram == lives[0].vram
    assert not lives[1].windows


def test_a_contact_that_is_refused_starts_nothing() -> None:
    assert len(witness.lives_of(lines(ASKED, ASKED, CONTACT))) == 1


def test_the_size_is_hexadecimal() -> None:
    lives = witness.lives_of(lines(CONTACT, OFFER.replace("megabytes: 8", "megabytes: 10"), VRAM))
    assert lives[0].vram and lives[0].vram.span.end == 0xf8ffffff


def test_covered_when_the_guest_began() -> None:
    on = ENTRY.replace("f8800000", "f87ff000")
    away = VRAM.replace("0xf8000000", "0xf9000000")
    assert witness.lives_of(lines(CONTACT, OFFER, VRAM, on, away))[0].lost(NVME)
    assert witness.lives_of(lines(CONTACT, OFFER, ENTRY, VRAM.replace("0xf80", "0xf88")))[0].lost(
        NVME)
    assert not witness.lives_of(lines(CONTACT, OFFER, VRAM, ENTRY))[0].lost(NVME)
    assert not witness.lives_of(lines(CONTACT, OFFER, VRAM, on, ENTRY))[0].lost(NVME)


def test_firmware_maps_the_framebuffer_before_the_first_contact() -> None:
    lives = witness.lives_of(lines(OFFER, VRAM, CONTACT))
    assert lives[0].vram and lives[0].vram.span.start == 0xf8000000


def test_end_and_tree(tmp_path: Path) -> None:
    found = make(tmp_path, f"{CONTACT}\n{END}\n")
    assert found.end == ("PowerOff", "out/log:2") and found.seconds == 44
    assert found.windows == {"low": Range(0xf8000000, 0xffffffff),
                             "high": Range(0x100000000, 0x11fffffff)}
    assert found.fb == witness.Place(Range(0xf8000000, 0xf87fffff), "out/inspect:13")
    assert found.config_windows == {
        NVME: witness.Place(Range(0xfec01000, 0xfec02fff), "out/inspect:18")}
    assert found.bars(NVME) == [Range(0x100000000, 0x10000ffff)]


def test_no_framebuffer(tmp_path: Path) -> None:
    text = TREES.replace(":framebuffer", ":other")
    assert make(tmp_path, END, text).fb is None


def test_the_tree_counts_only_after_power_off(tmp_path: Path) -> None:
    found = make(tmp_path, END.replace("PowerOff", "TripleFault"), "")
    assert found.end[0] == "TripleFault" and not found.parts


@pytest.mark.parametrize("text,why", [
    ("", "it has 0 of 3 parts"), (TREES.partition("\n{\n")[0], "it has 1 of 3 parts"),
    (TREES[:-3], "the tree from line 17 has no end"), ("panicked\n" + TREES, "line 1 is malformed"),
    (TREES.replace("is_active: true", "is_active"), "line 11 is malformed")])
def test_damaged_trees(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadFile, match=why):
        make(tmp_path, END, text)


def test_a_part_that_is_not_there(tmp_path: Path) -> None:
    text = TREES.partition("\n{\n")
    found = make(tmp_path, END, "error (not found)\n{" + text[1][2:] + text[2])
    assert found.windows == {} and found.fb


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=f"log: {tmp_path}/log cannot be read"):
        witness.read_witness(tmp_path)
    (tmp_path / "log").write_text(END)
    with pytest.raises(BadFile, match=f"inspect: {tmp_path}/inspect cannot be read"):
        witness.read_witness(tmp_path)


def test_what_firmware_logs_is_no_trouble(tmp_path: Path) -> None:
    line = " 5.1s ERROR firmware_uefi::service::diagnostics:  EFI log entry debug_level=ERROR"
    assert not make(tmp_path, f"{line}\n{END}\n").troubles


@pytest.mark.parametrize("text", [
    "  2.1s ERROR vmm_core:  it broke", "thread 'x' panicked at y", "fatal error: no kernel"])
def test_troubles(tmp_path: Path, text: str) -> None:
    found = make(tmp_path, f"  1.0s  WARN nvme:  fine\n{text}\n{END}\n")
    assert [line.number for line in found.troubles] == [2]


@pytest.mark.parametrize("text", [
    "0x10-0x10", "0x20-0x10", "f8000000-f9000000", "", "0x1-0x" + "1" * 17])
def test_what_is_no_range(text: str) -> None:
    assert witness.behind(text) is None
