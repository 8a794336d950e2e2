# SPDX-License-Identifier: GPL-2.0-only
"""lab.archives: archives that inner hosts hand back, and which of them are refused."""

from __future__ import annotations

import errno
import os
import random
import tarfile
from pathlib import Path

import pytest

from lab.archives import Archives, Refused, Unreadable
from lab.common import LabError
from lab.tests.make_archive import archive, good, member

CONSOLE, RC = member("a/console", b"x"), member("a/rc", b"0\n")


def take(folder: Path, data: bytes, *jobs: str) -> list[int]:
    """The statuses of these jobs."""
    (folder / "out.tar").write_bytes(data)
    archives = Archives(folder / "out.tar")
    try:
        statuses = []
        for job in jobs or ("a",):
            (folder / job).mkdir(exist_ok=True)
            statuses.append(archives.take(job, folder / job))
        return statuses
    finally:
        archives.close()


def files(folder: Path) -> list[str]:
    """All that is there, but for the archive itself."""
    found = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    return sorted(name for name in found if name not in ("out.tar", "a"))


def test_archives_one_behind_the_other(tmp_path: Path) -> None:
    deep = "a/out/" + "/".join(["long" * 20] * 4)  # more than a header has room for
    first = archive(member(deep, b"x" * 3000, mode=0o4755), CONSOLE, RC)
    busybox = good("b", 7).rstrip(b"\0")
    busybox += bytes(-len(busybox) % 512 + 1024)  # not padded to whole records
    assert take(tmp_path, first + busybox + good("c"), "a", "b", "c") == [0, 7, 0]
    assert (tmp_path / deep).read_bytes() == b"x" * 3000
    assert (tmp_path / deep).stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "b/console").read_text(encoding="ascii") == "fine\n"


def test_large_files(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(3 << 20) + b"end"
    take(tmp_path, archive(member("a/out/large", content), RC))
    assert (tmp_path / "a/out/large").read_bytes() == content


BAD = {
    "'../x' is outside of the job's folder": member("../x"),
    "'a/../x' is outside": member("a/../x"),
    "'a/out/../../x' is outside": member("a/out/../../x"),
    "'a/out/./x' is outside": member("a/out/./x"),
    "'a/out//x' is outside": member("a/out//x"),
    "'b/out/x' is outside": member("b/out/x"),
    "'/tmp/x' is an absolute name": member("/tmp/x"),
    "'a/out/x' is a symbolic link": member(
        "a/out/x", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "'a/rc' is a hard link": member("a/rc", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "'a/out/c' is a device": member("a/out/c", type=tarfile.CHRTYPE),
    "'a/out/b' is a device": member("a/out/b", type=tarfile.BLKTYPE),
    "'a/out/f' is a FIFO": member("a/out/f", type=tarfile.FIFOTYPE),
    "'a/out/s' is of the type 'S'": member("a/out/s", type=tarfile.GNUTYPE_SPARSE),
    "'a/job' is not a result": member("a/job", b"#!/bin/sh"),
    "'a/' is not a result": member("a", type=tarfile.DIRTYPE),
    "'a/out' is not a result": member("a/out"),
    "'a/console/' is not a result": member("a/console", type=tarfile.DIRTYPE),
    "'a/rc/x' is not a result": member("a/rc/x"),
    "rc is 'soon', not a status from 0 to 255": member("a/rc", b"soon"),
    "rc is '256', not": member("a/rc", b"256"),
    "rc is '-1', not": member("a/rc", b"-1\n"),
}


@pytest.mark.parametrize("why", BAD)
def test_refused(tmp_path: Path, why: str) -> None:
    bad = archive(CONSOLE, RC, BAD[why])
    with pytest.raises(Refused, match=why.replace("(", r"\(")) as error:
        take(tmp_path, bad)
    assert not isinstance(error.value, Unreadable)
    assert not files(tmp_path)
    # The next archive is not affected.
    (tmp_path / "out.tar").write_bytes(bad + good("b"))
    archives = Archives(tmp_path / "out.tar")
    with pytest.raises(Refused):
        archives.take("a", tmp_path / "a")
    (tmp_path / "b").mkdir()
    assert archives.take("b", tmp_path / "b") == 0
    archives.close()


def test_no_rc(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no rc"):
        take(tmp_path, archive(CONSOLE))


def test_names_that_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="'a/out/x/y': File exists"):
        take(tmp_path, archive(RC, member("a/out/x"), member("a/out/x/y")))
    with pytest.raises(Refused, match="File name too long"):
        take(tmp_path, archive(RC, member("a/out/" + "x" * 300)))
    assert "a/rc" not in files(tmp_path)


def test_our_own_full_disk_is_not_the_archives_fault(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/console")

    monkeypatch.setattr("lab.archives.os.fdopen", full)
    with pytest.raises(LabError, match="cannot write /full/console: No space left"):
        take(tmp_path, archive(CONSOLE, RC))


def test_cut_anywhere(tmp_path: Path) -> None:
    whole = archive(member("a/out/x", b"y" * 1000), CONSOLE, RC)
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512  # where its content ends
    for cut in (*range(0, end, 100), end - 1, end, end + 511):
        with pytest.raises(Unreadable, match=r"the archive is cut|there is no archive"):
            take(tmp_path, whole[:cut])
        assert not files(tmp_path)
    assert take(tmp_path, whole[:end + 512]) == [0]


def test_garbage(tmp_path: Path) -> None:
    """No header with a changed byte makes it crash, hang, or write elsewhere."""
    chance = random.Random(2)
    whole = archive(member("a/out/" + "n" * 150, b"y" * 1000), CONSOLE, RC)
    headers = [at for at in range(0, len(whole), 512)
               if whole[at + 257:at + 262] == b"ustar"]
    assert len(headers) == 4
    for _ in range(600):
        data, at = bytearray(whole), chance.choice(headers)
        for _ in range(chance.choice((1, 1, 3))):
            data[at + chance.randrange(160)] = chance.choice(b"\0/.019Lxag5\xff")
        total = sum(data[at:at + 512]) - sum(data[at + 148:at + 156]) + 8 * 32
        data[at + 148:at + 156] = b"%06o\0 " % total
        try:
            take(tmp_path, bytes(data))
        except Refused as refused:
            assert str(refused).isprintable()
        assert not [f for f in files(tmp_path)
                    if not f.startswith(("a/out", "a/console", "a/rc"))]


def test_no_archive_at_all(tmp_path: Path) -> None:
    for text, data in (("the number", b"\xff" * 512), ("checksum", b"0" * 512)):
        with pytest.raises(Unreadable, match=text):
            take(tmp_path, data)


def test_sizes_that_cannot_be(tmp_path: Path) -> None:
    for size, text in ((1 << 60, "number"), (8 << 30, "number"), (4 << 30, "cut")):
        header = tarfile.TarInfo("a/out/x")
        header.size = size
        data = header.tobuf(tarfile.GNU_FORMAT)
        with pytest.raises(Unreadable, match=text):
            take(tmp_path, data + bytes(1024))
    name = tarfile.TarInfo("x")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1 << 20
    with pytest.raises(Unreadable, match="a name has 1048576 bytes"):
        take(tmp_path, name.tobuf(tarfile.GNU_FORMAT) + bytes(2 << 20))
