# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of runs on OpenVMM: it is judged as it was then, each verdict on OpenVMM can
be red, hvhost agrees, and docs/openvmm.md has the table."""

from __future__ import annotations

import dataclasses
import functools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import job, matrix, recordings
from lab.common import TOP, BadFile, LabError
from lab.judged import result_of

KEPT = "reservation.openvmm-drm-first.kdump-c"
LOST = "mainline.openvmm-drm-first.kdump-c"
LOG, FOUND, TREE = "out/log", "out/findings", "out/inspect"


@functools.cache
def every(host: str) -> dict[str, recordings.Recorded]:
    return {one.name: one for one in recordings.recorded(host)}


def test_all_are_judged_as_they_were() -> None:
    for one in every("openvmm").values():
        assert one.result.ok, f"{one.name}: {one.result.failed[0].text}"
        least = 10 if one.result.scenario == "openvmm-no-pci" else 12
        assert len(one.result.verdicts) >= least


def test_the_table_of_the_documentation() -> None:
    text = (TOP / "docs" / "openvmm.md").read_text()
    found = re.search(r"<!-- lab/lab recorded -->\n(.*)\n<!-- end -->", text, re.DOTALL)
    assert found
    assert found[1].split("\n") == recordings.markdown(every("openvmm").values())


def test_the_numbers_of_runs_in_the_documentation() -> None:
    text = (TOP / "docs" / "openvmm.md").read_text()
    found = re.findall(r"`HOST=openvmm make matrix M='(.*)'` \| (\d+) runs", text)
    assert len(found) == 3
    for patterns, runs in found:
        assert len(matrix.chosen(patterns.split())) == int(runs), patterns
    every_run = matrix.chosen(["openvmm-*"])
    kernels = {name for cell in every_run for name in cell.kernel.name.split("..")}
    assert len(kernels) == 7 and "build seven kernels" in text
    assert round(len(every_run) / len(matrix.chosen(["openvmm-uefi-*"]))) == 3


def test_runs_that_were_started_once_more_are_named() -> None:
    kept = every("openvmm")
    one, other = kept[KEPT], kept[LOST]
    assert recordings.markdown([one, other])[-1] == "2 runs."
    again = dataclasses.replace(one, fault=True), dataclasses.replace(other, fault=True)
    assert recordings.markdown([*again, one])[-1] == \
        f"3 runs. These were started once more after a triple fault: `{KEPT}`, `{LOST}`."


def test_hvhost_finds_the_same() -> None:
    ours, theirs = every("hvhost"), every("openvmm")
    both = ours.keys() & theirs.keys()
    assert KEPT in both and LOST in both
    found = [line for name in sorted(both) for line in
             recordings.differences(ours[name], theirs[name])]
    assert not found, "\n".join(found)


def test_what_differs_is_seen() -> None:
    theirs = every("openvmm")
    assert recordings.differences(theirs[KEPT], theirs[LOST])


@pytest.fixture
def unpacked(tmp_path: Path) -> Iterator[Path]:
    for name in (KEPT, LOST):
        (tmp_path / name).mkdir()
        recordings.unpack(recordings.FOLDER / "openvmm" / f"{name}.tar.xz", tmp_path / name)
    yield tmp_path


@dataclass(frozen=True)
class Spoil:
    """An edit of a file of a recording, and the group that sees it."""

    group: str
    name: str
    file: str
    pattern: str
    to: str = ""


GUID = "69637076-0001-4000-8000-687668737400"
SPOILS = [
    Spoil("ends", KEPT, LOG, "guest halted reason=PowerOff", "guest halted reason=Reset"),
    Spoil("ends", KEPT, FOUND, "^guest: finished\n"),
    Spoil("ends", KEPT, FOUND, "^guest: finished", "guest: cannot load x\nguest: finished"),
    Spoil("ends", KEPT, "console", r"\A", "job: cannot make the NVMe disk\n"),
    Spoil("well behaved", KEPT, LOG, r"\A", "  0.1s ERROR vmm_core:  it broke\n"),
    Spoil("windows", KEPT, TREE, "0xf8000000-0x100000000", "0xf0000000-0x100000000"),
    Spoil("windows", KEPT, TREE, "0x100000000-0x120000000", "0x100000000-0x110000000"),
    Spoil("windows", KEPT, FOUND, "^windows f8000000", "windows f9000000"),
    Spoil("reserve", KEPT, FOUND, "^reservation f8000000-fbffffff",
          "reservation f8000000-f87fffff"),
    Spoil("vram", KEPT, LOG, "Mapped VRAM to guest at address 0xf8000000",
          "Mapped VRAM to guest at address 0xf9000000"),
    Spoil("vram", KEPT, TREE, "0xf8000000-0xf8800000:framebuffer",
          "0xf9000000-0xf9800000:framebuffer"),
    Spoil("lost", KEPT, LOG, r"(FdoD0Entry \{ mmio_start: )\w+( \} instance_id=" + GUID + ")",
          r"\1f8000000\2"),
    Spoil("lost", KEPT, FOUND, "^(0001:00:00.0 .* 010802) nvme", r"\1 -"),
    Spoil("lost", LOST, FOUND, "^0001:00:00.0 .*\n"),
    Spoil("lost", LOST, LOG, "Mapped VRAM to guest at address 0xf8000000",
          "Mapped VRAM to guest at address 0xf9000000"),
    Spoil("d0", KEPT, LOG, rf"^.*FdoD0Entry .*instance_id={GUID}$\n"),
    Spoil("d0", KEPT, TREE, rf"vpci-{GUID}-config", "other"),
    Spoil("d0", KEPT, FOUND, f"^[0-9a-f]+-[0-9a-f]+ : {GUID}$",
          f"fec08000-fec09fff : {GUID}"),
    Spoil("disk", KEPT, FOUND, "^guest: disk found", "guest: disk missing"),
    Spoil("disk", KEPT, "out/disk", "fsck 0", "fsck 4"),
    Spoil("dump", KEPT, "out/disk", "^elf .*\n"),
    Spoil("detection", KEPT, FOUND, "Hypervisor detected: .*", "Hypervisor detected: KVM"),
    Spoil("vmbus", KEPT, FOUND, "Vmbus version:", "Vmbus"),
    Spoil("efi", KEPT, FOUND, "^guest: efi no", "guest: efi yes"),
    Spoil("lfb-base", KEPT, FOUND, "^lfb_base 0x0$", "lfb_base 0xf8000000"),
    Spoil("selftest", KEPT, FOUND, "^ok (.*reservation_exists)", r"ok \1 # SKIP"),
    Spoil("reports", KEPT, FOUND, "^guest: begin reports\n",
          "guest: begin reports\n[ 1.0] BUG: x\n"),
    Spoil("vmcore", KEPT, FOUND, "^elf core", "elf none"),
]


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda s: f"{s.group}-{s.file}-{s.pattern}"[:60])
def test_spoilt(unpacked: Path, spoil: Spoil) -> None:
    folder = unpacked / spoil.name
    file = folder / spoil.file
    text, count = re.subn(spoil.pattern, spoil.to, file.read_text(), flags=re.MULTILINE)
    assert count
    file.write_text(text)
    assert spoil.group in [verdict.group for verdict in result_of(job.read(folder)).failed]


@pytest.mark.parametrize("file", [LOG, TREE, FOUND])
def test_missing(unpacked: Path, file: str) -> None:
    (unpacked / KEPT / file).unlink()
    failed = result_of(job.read(unpacked / KEPT)).failed
    assert len(failed) == 1 and f"{unpacked / KEPT / file} cannot be read: " in failed[0].text


def test_a_cut_log(unpacked: Path) -> None:
    file = unpacked / KEPT / LOG
    file.write_text(file.read_text()[:2000])
    assert [v.group for v in result_of(job.read(unpacked / KEPT)).failed] != []


def test_packing_again_makes_the_same_bytes(unpacked: Path) -> None:
    file = recordings.FOLDER / "openvmm" / f"{KEPT}.tar.xz"
    assert recordings.pack(unpacked / KEPT) == file.read_bytes()


def test_only_good_runs_are_kept(unpacked: Path, tmp_path: Path) -> None:
    (unpacked / KEPT / "out" / "disk").unlink()
    with pytest.raises(LabError, match="is not as expected"):
        recordings.record([unpacked / KEPT], tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_another_run_is_kept_beside_the_first(unpacked: Path, tmp_path: Path) -> None:
    for _ in range(3):
        recordings.record([unpacked / KEPT], tmp_path / "to")
    assert sorted(path.name for path in (tmp_path / "to").rglob("*.xz")) == \
        [f"{KEPT}{number}.tar.xz" for number in (".2", ".3", "")]
    assert len(list(recordings.recorded(folder=tmp_path / "to"))) == 3


def test_a_run_that_agrees_and_one_that_does_not(tmp_path: Path) -> None:
    for name, was in ((KEPT, KEPT), (LOST, KEPT)):
        (tmp_path / name).mkdir()
        recordings.unpack(recordings.FOLDER / "hvhost" / f"{was}.tar.xz", tmp_path / name)
    found = dict(recordings.agree([tmp_path / KEPT, tmp_path / LOST]))
    assert found[KEPT] == []
    assert any("lost, second: none on hvhost" in line for line in found[LOST])


def test_nothing_to_agree_with(tmp_path: Path) -> None:
    recordings.unpack(recordings.FOLDER / "hvhost" / f"{KEPT}.tar.xz", tmp_path / "x.other")
    with pytest.raises(LabError, match="no recordings of x.other"):
        list(recordings.agree([tmp_path / "x.other"]))


def test_damaged_recordings(tmp_path: Path) -> None:
    good = (recordings.FOLDER / "openvmm" / f"{KEPT}.tar.xz").read_bytes()
    file = tmp_path / "x.tar.xz"
    for bad in (b"", good[:-100], good[:200], b"\0" * 1000, good[:500] + b"\1" + good[501:]):
        file.write_bytes(bad)
        with pytest.raises(BadFile, match="x.tar.xz: "):
            recordings.unpack(file, tmp_path / "to")
            shutil.rmtree(tmp_path / "to")


def test_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has no recordings"):
        list(recordings.recorded("openvmm", tmp_path))


def test_all_of_them_are_small() -> None:
    size = sum(file.stat().st_size for file in recordings.FOLDER.rglob("*.tar.xz"))
    assert size < 5 << 20
