# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that are files: which release they are, and where their modules are."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from lab import guest, kernels
from lab.common import LabError


def image(path: Path, release: bytes = b"7.3.4-mine (me@here) #1") -> Path:
    """The head of a bzImage."""
    data = bytearray(0x400)
    data[0x202:0x206] = b"HdrS"
    data[0x20e:0x210] = (0x100).to_bytes(2, "little")
    data[0x300:0x300 + len(release)] = release
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_release(tmp_path: Path) -> None:
    assert guest.release_of(image(tmp_path / "bzImage")) == "7.3.4-mine"


@pytest.mark.parametrize(("data", "said"), [
    (b"", "is not a bzImage"), (b"\x7fELF" + bytes(600), "is not a bzImage"),
    (bytes(0x202) + b"HdrS", "is not a bzImage")])
def test_what_is_no_kernel(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(LabError, match=said):
        guest.release_of(tmp_path / "x")


def test_a_kernel_that_does_not_say_its_release(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not say which release"):
        guest.release_of(image(tmp_path / "x", b""))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no such file: .*/none"):
        guest.find_file(kernels.kernel(f"{tmp_path}/none"), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabError, match="no such file: .*/empty/bzImage"):
        guest.find_file(kernels.kernel(f"{tmp_path}/empty"), tmp_path)


@pytest.mark.parametrize("where", ["boot/modules", "boot", ".", "usr"])
def test_modules_next_to_it(tmp_path: Path, where: str) -> None:
    file = image(tmp_path / "boot" / "vmlinuz")
    (tmp_path / where / "lib" / "modules" / "7.3.4-mine").mkdir(parents=True)
    found = guest.module_tree(file, "7.3.4-mine")
    assert found and (found / "lib" / "modules" / "7.3.4-mine").is_dir()


def test_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = image(tmp_path / "bzImage")
    assert guest.module_tree(file, "7.3.4-mine") is None
    monkeypatch.setenv("MODULES", str(tmp_path))
    with pytest.raises(LabError, match="MODULES: .* has no lib/modules/7.3.4-mine"):
        guest.module_tree(file, "7.3.4-mine")


def test_packed_modules(tmp_path: Path) -> None:
    packed = tmp_path / "a.ko.xz"
    packed.write_bytes(lzma.compress(b"module"))
    to = guest.unpack(packed, tmp_path / "new.ko.xz")
    assert to == tmp_path / "new.ko" and to.read_bytes() == b"module"
