# SPDX-License-Identifier: GPL-2.0-only
"""Kernels by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import kernels
from lab.common import LabError
from lab.kernels import kernel, pair


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("BASE", "SERIES", "LINUX", "SET"):
        monkeypatch.delenv(name, raising=False)
    kernels.bases.cache_clear()
    kernel.cache_clear()
    yield
    kernels.bases.cache_clear()
    kernel.cache_clear()


@pytest.mark.parametrize(("name", "build", "ours", "second_try"), [
    ("series", "7.3-series", True, True), ("mainline", "7.3", False, False),
    ("nofix", "7.3-nofix", False, False), ("reservation", "7.3-reservation", True, False),
    ("series-debug", "7.3-series-debug", True, True), ("7.3-series", "7.3-series", True, True),
    ("7.3", "7.3", False, False), ("6.1-series", "6.1-series", True, False),
    ("6.1-mainline", "6.1", False, False), ("debian-6.1.176", "debian-6.1.176", False, False)])
def test_names(name: str, build: str, ours: bool, second_try: bool) -> None:
    found = kernel(name)
    assert (found.build, found.ours, found.second_try) == (build, ours, second_try)


def test_main_base_has_no_number() -> None:
    assert kernel("7.3-series") == kernel("series")
    assert kernel("7.3").name == "mainline"


@pytest.mark.parametrize(("name", "said"), [
    ("5.4-series", "no such kernel: '5.4-series'"), ("2.6", "no such kernel: '2.6' "),
    ("newest", "no such kernel: 'newest'"),
    ("placement", "placement is the last set, so use series"), ("", "no such kernel: ''"),
    ("series..", "no such kernel: ''"), ("debian-newest", "no such kernel: 'debian-newest'"),
    ("series-fast", "no such kernel: 'series-fast'")])
def test_wrong(name: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        pair(name)


def test_pairs() -> None:
    assert pair("nofix..series").name == "nofix..series"
    assert pair("series").name == "series"
    assert pair("nofix..series").of("second") == kernel("series")
    assert pair("a/b..c/bzImage").first.file == "a/b..c/bzImage", "a path may have dots"


def test_files() -> None:
    found = pair("build/x/bzImage")
    assert found.has_file and not found.first.ours and found.file_name == "build_x_bzImage"
    as_series = found.as_role("series")
    assert as_series.name == "series" and as_series.first.ours and as_series.first.second_try
    assert not as_series.first.selftest, "it is not in that initramfs"
    assert as_series.first.path() == Path("build/x/bzImage")


@pytest.mark.parametrize(("path", "name"), [
    ("../linux/arch/x86/boot/bzImage", "linux_arch_x86_boot_bzImage"), ("./bzImage", "bzImage"),
    ("/boot/vmlinuz-6.9.0-rc1+", "boot_vmlinuz-6.9.0-rc1")])
def test_file_names(path: str, name: str) -> None:
    """The runner takes no other characters, and no dot at the start."""
    assert pair(path).file_name == name
    assert pair("debian-7.3.4-1~bpo13+1").file_name == "debian-7.3.4-1_bpo13_1"


def test_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINUX", "/a/tree")
    assert kernel("series").build == "local-series"
    assert kernel("6.1-series").build == "6.1-series"


def test_base_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for base in ("", "local", "7.3"):
        monkeypatch.setenv("BASE", base)
        kernels.refuse_base()
    monkeypatch.setenv("BASE", "6.1")
    with pytest.raises(LabError, match="BASE=6.1 .*KERNEL=6.1-series"):
        kernels.refuse_base()


def test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels.set_kernel() == "series"
    for asked, found in (("1-reservation", "reservation"), ("fix", "fixes"),
                         ("placement", "series")):
        monkeypatch.setenv("SET", asked)
        assert kernels.set_kernel() == found
    monkeypatch.setenv("SET", "nonsense")
    with pytest.raises(LabError, match="no such set: 'nonsense'"):
        kernels.set_kernel()


def test_a_new_base_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, role in (("7.3", "main"), ("6.12", "stable"), ("6.6", "stable")):
        folder = tmp_path / f"linux-{name}" / "1-stable"
        folder.mkdir(parents=True)
        (folder.parent / "base.toml").write_text(f"role = \"{role}\"\nvariants = []\n")
    monkeypatch.setattr(kernels, "PATCHES", tmp_path)
    assert kernel("6.6-series").build == "6.6-series"
    assert kernels.expand("stable") == ["6.6-series", "6.12-series"]
    assert kernels.expand("stable-nofix") == ["6.6-nofix", "6.12-nofix"]
    assert kernels.expand("series") == ["series"]


def test_bases_that_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "PATCHES", tmp_path)
    with pytest.raises(LabError, match="no folder linux-"):
        kernels.bases()
    (tmp_path / "linux-7.3").mkdir()
    with pytest.raises(LabError, match="base.toml: .*No such file"):
        kernels.bases()
    toml = tmp_path / "linux-7.3" / "base.toml"
    toml.write_text("role = main\n")
    with pytest.raises(LabError, match="base.toml: "):
        kernels.bases()
    for item in ("second-window", "2-more:second-window"):
        toml.write_text(f'role = "main"\nfeatures = ["{item}"]\n')
        with pytest.raises(LabError, match=f"base.toml: features has '{item}', not SET:FEATURE"):
            kernels.bases()


def test_features_are_stated_by_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1-reservation", "2-fixes", "3-placement"):
        (tmp_path / "linux-7.3" / name).mkdir(parents=True)
    (tmp_path / "linux-7.3" / "base.toml").write_text(
        'role = "main"\nfeatures = ["base:devicetree", "2-fixes:second-window"]\n')
    monkeypatch.setattr(kernels, "PATCHES", tmp_path)
    base = kernels.main_base()
    for role in ("nofix", "mainline", "reservation"):
        assert base.features_of(role) == {"devicetree"} and not kernel(role).second_try
    for role in ("fixes", "series"):
        assert base.features_of(role) == {"devicetree", "second-window"}
        assert kernel(role).second_try
