# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that nobody knows: what they are judged as. Recordings of ours and of Debian's
stand for them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from lab import job, judged
from lab.common import LabError
from lab.verdict import Result

RECORDINGS = Path(__file__).parent / "recordings"
SERIES, NOFIX = "series.gen2-default.kdump-s", "nofix.gen2-default.kdump-c"


def as_file(name: str, to: Path) -> Result:
    """The recording, as if its kernel was a file."""
    folder = to / "job"
    shutil.copytree(RECORDINGS / name, folder)
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "kernel": "/boot/vmlinuz"}))
    return judged.result_of(job.read(folder))


def test_like_the_series(tmp_path: Path) -> None:
    found = as_file(SERIES, tmp_path)
    assert (found.role, found.lost, found.ok) == ("series", "", True)
    groups = {v.group for v in found.verdicts}
    assert {"second try", "space", "dump"} <= groups and "selftest" not in groups


def test_like_mainline(tmp_path: Path) -> None:
    """Without the entry in /proc/iomem it is not the series."""
    shutil.copytree(RECORDINGS, tmp_path / "r")
    file = tmp_path / "r" / SERIES / "out" / "findings"
    text = file.read_text().replace("Hyper-V framebuffer", "something else")
    folder = tmp_path / "job"
    shutil.copytree(tmp_path / "r" / SERIES, folder)
    (folder / "out" / "findings").write_text(text)
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "kernel": "/boot/vmlinuz"}))
    found = judged.result_of(job.read(folder))
    assert (found.role, found.lost, found.ok) == ("mainline", "", True)


def test_unknown_and_lost(tmp_path: Path) -> None:
    found = as_file(NOFIX, tmp_path)
    assert found.role == "unknown" and not found.ok
    assert found.lost == "second kernel: nvme0 (config-on-framebuffer); the crash dump"
    assert any("refused nvme0 f8000000-f8001fff 0xc0370048" in note for note in found.notes)


def test_role_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLE", "nofix")
    found = as_file(NOFIX, tmp_path)
    assert found.role == "nofix" and found.ok, "a known failure, as asked"
    assert found.known_failure
    monkeypatch.setenv("ROLE", "hero")
    with pytest.raises(LabError, match="no such ROLE: 'hero'"):
        as_file(NOFIX, tmp_path / "2")


def test_ended_from_outside(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    shutil.copytree(RECORDINGS / SERIES, folder)
    (folder / "why").write_text("killed after its deadline of 90 s\n")
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "kernel": "/boot/vmlinuz"}))
    found = judged.result_of(job.read(folder))
    assert not found.ok and "killed after its deadline" in found.verdicts[0].text


@pytest.mark.parametrize(("pattern", "to", "group"), [
    ("^fsck 0", "fsck 4", "disk"), ("^file .", "file x", "disk"),
    (r"\Z", "cut 99999999\n", "dump")])
def test_unknown_with_a_damaged_disk(tmp_path: Path, pattern: str, to: str, group: str,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLE", "unknown")
    folder = tmp_path / "job"
    shutil.copytree(RECORDINGS / SERIES, folder)
    file = folder / "out" / "disk"
    file.write_text(re.sub(pattern, to, file.read_text(), count=1, flags=re.M))
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "kernel": "/boot/vmlinuz"}))
    found = judged.result_of(job.read(folder))
    assert found.role == "unknown" and [v.group for v in found.failed] == [group]


@pytest.mark.parametrize("about", ["3", "{}", "[]", "[" * 5000, '{"scenario": 5, "path": "boot", '
                                   '"kernel": "series"}', '{"scenario": "gen2-default", '
                                   '"path": "walk", "kernel": "series"}'])
def test_what_is_no_job(tmp_path: Path, about: str) -> None:
    (tmp_path / "about.json").write_text(about)
    with pytest.raises(LabError):
        job.read(tmp_path)


def test_what_is_cut_is_not_judged_as_anything(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    shutil.copytree(RECORDINGS / SERIES, folder)
    (folder / "out" / "trace").unlink()
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "kernel": "/boot/vmlinuz"}))
    found = judged.result_of(job.read(folder))
    assert not found.ok and [v.group for v in found.verdicts] == ["trace"]
