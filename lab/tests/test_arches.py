# SPDX-License-Identifier: GPL-2.0-only
"""Architectures: which one is asked for, and what guests of arm64 get in place of x86's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab import arches, guest, hvhost, matrix, plan, scenario
from lab.arches import ARM64, X86
from lab.common import BUILD, TOP, LabError
from lab.inner import Inner
from lab.kernels import kernel, pair
from lab.tests.conftest import Bench
from lab.vmm import Order
from sweep import scenario as drawn


def script(name: str, path: str, kernels: str = "series") -> str:
    return hvhost.script(Order(scenario.load(name), path, pair(kernels), 240, "quiet"))


def own(tmp_path: Path, text: str) -> scenario.Scenario:
    file = tmp_path / "own.toml"
    file.write_text(f'about = "A test."\nprofile = "arm64"\npaths = ["boot"]\n{text}',
                    encoding="utf-8")
    return scenario.read(file)


@pytest.mark.parametrize(("asked", "arch"), [
    ("", X86), ("x86", X86), ("x86_64", X86), ("arm64", ARM64), ("aarch64", ARM64)])
def test_names(asked: str, arch: arches.Arch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH", asked)
    assert arches.chosen() is arch
    assert (arches.asked() is None) == (asked == "")


def test_an_unknown_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH", "mips")
    with pytest.raises(LabError, match=r"no such ARCH: 'mips' \(known: x86, arm64\)"):
        arches.chosen()


def test_kernels_table() -> None:
    """kernel/arches, which the scripts read, has the same architectures."""
    rows = [line.split() for line in (TOP / "kernel" / "arches").read_text().split("\n")
            if line and not line.startswith("#")]
    assert {row[0]: (row[4], row[6]) for row in rows} == \
        {arch.name: (arch.image, arch.qemu) for arch in arches.ARCHES.values()}
    for row in rows:
        assert arches.named(row[1]) is arches.named(row[2]) is arches.named(row[0])


def test_folders() -> None:
    """x86's are where they were; the two share nothing that is built."""
    assert X86.folder("matrix") == BUILD / "matrix" and not X86.environment
    assert ARM64.folder("matrix") == BUILD / "matrix-arm64"
    assert ARM64.folder("report.html") == BUILD / "report-arm64.html"
    assert kernel("nofix").path() == BUILD / "kernel" / "7.3-nofix"
    assert kernel("nofix").path(ARM64) == BUILD / "kernel" / "arm64" / "7.3-nofix"


WRONG = [
    ("[host]\ngeneration = 1", "generation", "no Generation 1 on arm64"),
    ("[host]\nisolation = \"vbs\"", "isolation", "no isolation on arm64"),
    ("[host]\nfirmware = \"none\"", "firmware", "uefi or devicetree"),
    ("[host]\nfirmware = \"devicetree\"", "firmware", "needs crs"),
    ("[host]\nmax-cpus = 2\ncpus = 4", "max-cpus", "4 cpus are more than"),
    ("[host]\nmax-cpus = 2049", "max-cpus", "cannot be 2049: .*from 1 to 2048"),
    ("[guest]\ncrash-cpu = 1", "crash-cpu", "crash-cpu = 1 with 1 cpus"),
]


@pytest.mark.parametrize(("text", "key", "said"), WRONG, ids=[w[2] for w in WRONG])
def test_what_arm64_cannot_have(tmp_path: Path, text: str, key: str, said: str) -> None:
    with pytest.raises(LabError, match=said) as error:
        own(tmp_path, text)
    line = next(n for n, line in enumerate((tmp_path / "own.toml").read_text().split("\n"), 1)
                if line.startswith(f"{key} ="))
    assert str(error.value).startswith(f"{tmp_path / 'own.toml'}:{line}:")


@pytest.mark.parametrize("text", ["max-cpus = 8", "firmware = \"devicetree\""])
def test_what_x86_cannot_have(tmp_path: Path, text: str) -> None:
    with pytest.raises(LabError, match="arm64's"):
        own(tmp_path, f"arch = \"x86\"\n[host]\n{text}")


def test_a_scenario_of_arm64(tmp_path: Path) -> None:
    found = own(tmp_path, "[host]\nfirmware = \"devicetree\"\ncrs = [\"e0000000-ffffffff\"]")
    assert found.arch is ARM64 and not found.has_uefi
    assert own(tmp_path, "").has_uefi


def test_the_job() -> None:
    """What the two architectures' jobs give hvhost."""
    text = script("arm64-default", "kdump-c")
    for words in ("hvhost run --kernel Image --initrd initrd-kdump --arch arm64 ",
                  "console=ttyAMA0 ", "guest.findings=ttyAMA1 "):
        assert words in text
    assert "ttyS" not in text and "bzImage" not in text
    text = script("gen2-default", "kdump-c")
    assert "hvhost run --kernel bzImage --initrd initrd-kdump --memory " in text
    assert "--arch" not in text and "ttyAMA" not in text
    assert "console=ttyS0 " in text and "guest.findings=ttyS1 " in text


def test_options() -> None:
    assert "--max-cpus 2048" in script("arm64-large", "boot")
    assert "--firmware devicetree --crs 1000000000-1fffffffff" in \
        re.sub(r" --(high|video)-?\S* \S+", "", script("arm64-devicetree", "boot"))
    assert "guest.crash-cpu=1 " in script("arm64-crash-cpu1", "kdump-s")
    assert "crash-cpu" not in script("arm64-default", "kdump-s")
    assert "guest.findings" not in script("arm64-default", "shell")


def test_debian() -> None:
    one = scenario.load("arm64-default")
    full, cloud = pair("debian-6.12-arm64"), pair("debian-6.12")
    assert plan.modules(one, full, "first") == \
        ["hv_vmbus", "hv_utils", "nvme", "ext4", "hyperv_drm", "pci-hyperv"]
    assert plan.modules(one, cloud, "first") == \
        ["hv_vmbus", "hv_utils", "hyperv_fb", "pci-hyperv"]


def test_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run of the matrix is of one architecture."""
    x86 = matrix.chosen([])
    assert {cell.scenario.arch for cell in x86} == {X86}
    with pytest.raises(LabError, match=r"nothing matches: arm64-\* .with ARCH=arm64 "):
        matrix.chosen(["arm64-*"])
    monkeypatch.setenv("ARCH", "arm64")
    arm64 = matrix.chosen([])
    assert {cell.scenario.arch for cell in arm64} == {ARM64}
    assert len(x86) + len(arm64) == \
        sum(len(list(scenario.load(name).runs())) for name in scenario.names())
    with pytest.raises(LabError, match="nothing matches: gen3$"):
        matrix.chosen(["gen3"])


def test_arm64_has_what_it_is_about() -> None:
    """A second kernel without mainline's fix loses the disk by each call, and one with the
    series keeps it; also after a crash on the second processor."""
    one = scenario.load("arm64-default")
    for path in ("kexec-s", "kexec-c", "kdump-s", "kdump-c"):
        assert one.known_failure(pair("nofix"), path)
        for name in ("mainline", "reservation", "series", "nofix..series"):
            assert not one.known_failure(pair(name), path)
            assert one.expected("lfb-base", pair(name), path, "second") == "0"
    assert scenario.load("arm64-crash-cpu1").guest["crash-cpu"] == 1


def test_inner_hosts() -> None:
    def command(arch: arches.Arch) -> str:
        return " ".join(Inner("qemu", Path("image"), arch).command(Path("in.tar"), 2, "word"))
    assert command(X86).startswith(
        "qemu -accel tcg,thread=multi -cpu max,svm=on,npt=on,-erms,-fsrm -smp 2 -m ")
    assert "virtualization=on,gic-version=3" in command(ARM64)
    assert "svm" not in command(ARM64) and "ttyS" not in command(ARM64)
    assert "console=ttyAMA0 panic=-1 mitigations=off word" in command(ARM64)


@pytest.mark.parametrize(("asked", "told"), [("", "none"), ("arm64", "arm64")])
def test_programs_are_told(bench: Bench, asked: str, told: str) -> None:
    """nest's programs get ARCH, and on x86 none."""
    bench.job("a", "true")
    for name in ("probe", "qemu", "host"):
        old = (bench.top / "nest" / name).read_text(encoding="utf-8")
        (bench.top / "nest" / name).write_text(
            f"{old}echo {name} ${{ARCH:-none}} >>{bench.top}/told\n", encoding="utf-8")
    status, err = bench.run(**({"ARCH": asked} if asked else {}))
    assert status == 0, err
    assert (bench.top / "told").read_text(encoding="utf-8").split() == \
        ["probe", told, "qemu", told, "host", told]


def image(path: Path, data: bytes) -> Path:
    """An arm64 Image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(0x38) + b"ARM\x64" + bytes(9) + data)
    return path


def test_release(tmp_path: Path) -> None:
    file = image(tmp_path / "Image", b"Linux version 7.3.4-mine (me@here) (gcc 12) #1")
    assert guest.release_of(file, ARM64) == "7.3.4-mine"
    with pytest.raises(LabError, match="is not a bzImage"):
        guest.release_of(file)
    with pytest.raises(LabError, match="does not say which release"):
        guest.release_of(image(file, b"Linux version %s (%s)"[:14]), ARM64)
    file.write_bytes(b"MZ" + bytes(100))
    with pytest.raises(LabError, match="is not an arm64 Image"):
        guest.release_of(file, ARM64)


def test_a_kernel_of_the_users(tmp_path: Path) -> None:
    image(tmp_path / "k" / "Image", b"Linux version 7.3.4-mine (me@here)")
    to = tmp_path / "to"
    to.mkdir()
    guest.find_file(kernel(f"{tmp_path}/k"), to, ARM64)
    assert sorted(f.name for f in to.iterdir()) == ["Image", "release"]


def way(**more: object) -> drawn.Way:
    """A line of the sweep's."""
    one: drawn.Way = {
        "kernel": "7.3-series", "order": "pci-first", "told": "e0000000-e02fffff", "efi": True,
        "windows": [], "reserve": None, "fb": None, "bus": [], "faults": []}
    usual: drawn.Way = {
        "group": "gen2-arm64", "what": "drawn", "path": "second", "told": "zero", "low": 0,
        "generation": 2, "other_host": False, "other_fb": False, "high": "512M",
        "video": "1920x1080", "pci": ["bar64=16K"], "layout": {"windows": [], "reserve": None},
        "first": one, "second": {**one, "told": None}}
    return {**usual, **more}


def test_drawn_layouts() -> None:
    """Ways that can be on arm64 are played there, by either call, without a foreign fb0."""
    text = drawn.text(way(), "series")
    assert "arch = \"arm64\"" in text and "max-cpus = 8" in text
    assert "paths = [\"kexec-c\"]" in text and "vfb" not in text
    assert "paths = [\"kexec-s\"]" in drawn.text(way(pci=["bar64=16K", "bar32=4K"]), "series")
    text = drawn.text(way(told="passed-on"), "series")
    assert "arch" not in text and "On x86, with the same windows." in text
    assert "arch = \"arm64\"" in drawn.text(way(path="boot", told="stale", second=None), "series")
    assert "arch" not in drawn.text(way(group="gen2-x86"), "series")
