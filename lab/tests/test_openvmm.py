# SPDX-License-Identifier: GPL-2.0-only
"""OpenVMM as the host: what it is asked to do, what it cannot, and what is wrong with what
the user named."""

from __future__ import annotations

import dataclasses
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from lab import foreign, hosts, kernels, matrix, openvmm, scenario
from lab.common import TOP, LabError
from lab.vmm import Order

DIRECT = "openvmm-drm-first"


def order(path: str = "kdump-c", name: str = DIRECT) -> Order:
    return Order(scenario.load(name), path, kernels.pair("series"), 100)


def make_program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_host_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hosts.chosen().name == "hvhost"
    monkeypatch.setenv("HOST", "openvmm")
    assert hosts.chosen().name == "openvmm"
    # tcsh exports the machine's name as HOST.
    monkeypatch.setattr("platform.node", lambda: "machine")
    monkeypatch.setenv("HOST", "machine")
    assert hosts.chosen().name == "hvhost"
    monkeypatch.setenv("HOST", "vbox")
    with pytest.raises(LabError, match="no such host: 'vbox' .known: hvhost, openvmm"):
        hosts.chosen()


@pytest.mark.parametrize("value,why", [
    ("", "OPENVMM is not set; OPENVMM=/path/to/openvmm names"),
    ("/nowhere/openvmm", "OPENVMM: no such file: /nowhere/openvmm"),
    ("/etc/passwd", "OPENVMM: not an executable file: /etc/passwd"),
    ("/etc", "OPENVMM: not an executable file: /etc")])
def test_no_program(monkeypatch: pytest.MonkeyPatch, value: str, why: str) -> None:
    monkeypatch.setenv("OPENVMM", value)
    with pytest.raises(LabError, match=why):
        openvmm.program()


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_program(tmp_path / "ldd", "#!/bin/sh\necho '\tlibx.so.1 => not found'\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(LabError, match="lacks a library: .*not found"):
        list(openvmm.libraries(tmp_path / "ldd"))


@pytest.mark.parametrize("name,why", [
    ("gen1-default", "generation is 1 in the scenario; OpenVMM has only 2"),
    ("gen2-default", "overlap is not set in the scenario; OpenVMM has only cover"),
    ("gen2-cover", "video is not set in the scenario; OpenVMM has only 1920x1080"),
    ("gen2-refused", "no refuse-windows")])
def test_what_it_cannot_be(name: str, why: str) -> None:
    assert why in openvmm.unlike(scenario.load(name))


def test_what_it_can_be() -> None:
    assert openvmm.unlike(scenario.load(DIRECT)) == ""


def test_uefi_needs_firmware(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = scenario.load("openvmm-uefi-drm-first")
    assert "MSVM=" in openvmm.unlike(one)
    monkeypatch.setenv("MSVM", str(tmp_path / "MSVM.fd"))
    with pytest.raises(LabError, match="MSVM: no such file"):
        openvmm.unlike(one)
    for data in (b"", bytes(40) + b"FVH_", b"_FVH" + bytes(60)):
        (tmp_path / "MSVM.fd").write_bytes(data)
        with pytest.raises(LabError, match="MSVM: not a UEFI firmware volume.*: .*/MSVM.fd;"):
            openvmm.unlike(one)
    (tmp_path / "MSVM.fd").write_bytes(bytes(40) + b"_FVH")
    assert openvmm.unlike(one) == ""


def test_shutdown_is_not_asked_for() -> None:
    host = hosts.named("openvmm")
    assert "shut" in host.lacks(scenario.load(DIRECT), "shutdown", kernels.pair("series"))


@pytest.mark.parametrize("key,value,why", [
    ("memory", "4G", "OpenVMM has only f8000000-ffffffff 140000000-15fffffff"),
    ("memory", "3G", ""),
    ("memory", "3073M", "in whole GiB, not 3073 MiB"),
    ("cpus", 2, ""), ("synthvid", False, ""),
    ("pci", ("nvme", "test,bar32=1M"), "no PCI device 'test,bar32=1M'"),
    ("crs", ("f8000000-ffffffff",), "crs is f8000000-ffffffff in the scenario; ")])
def test_keys_of_the_host(key: str, value: object, why: str) -> None:
    one = scenario.load(DIRECT)
    changed = dataclasses.replace(one, host={**one.host, key: value})
    found = openvmm.unlike(changed)
    assert why in found if why else not found


@pytest.mark.parametrize("key", ["paint", "handover", "resume"])
def test_keys_of_the_guest(key: str) -> None:
    one = scenario.load(DIRECT)
    changed = dataclasses.replace(one, guest={**one.guest, key: "x"})
    assert f"lab cannot do {key} on OpenVMM" == openvmm.unlike(changed)


@pytest.mark.parametrize("units,log,found", [
    ("{\n    vmbus: _,\n    vpci:99ec: _,\n}", "", "yes"), ("{\n    vmbus: _,\n}", "", "no"),
    ("", "fatal error: no /dev/kvm", "does not start: fatal error: no /dev/kvm"),
    (None, None, "does not start: it said nothing")])
def test_asking_a_program_for_virtual_pci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                          units: str | None, log: str | None, found: str) -> None:
    def run_jobs(folder: Path) -> None:
        job = folder / "probe"
        assert "--nvme-pci id=n0,vpci" in (job / "job").read_text()
        (job / "out").mkdir()
        for name, text in (("units", units), ("log", log)):
            if text is not None:
                (job / "out" / name).write_text(text)

    monkeypatch.setattr(openvmm, "BUILD", tmp_path / "build")
    monkeypatch.setattr(openvmm, "call", lambda program: f"{tmp_path}\n")
    monkeypatch.setattr("lab.runner.run_jobs", run_jobs)
    (tmp_path / "vmlinuz").touch()
    binary = make_program(tmp_path / "openvmm", f"#!/bin/sh\n# {found}\n")
    openvmm.has_virtual_pci.cache_clear()
    if found in ("yes", "no"):
        assert openvmm.has_virtual_pci(binary) == (found == "yes")
        assert [f.read_text() for f in (tmp_path / "build" / "openvmm").glob("?" * 16)] == [
            f"{found}\n"]
    else:
        with pytest.raises(LabError, match=found):
            openvmm.has_virtual_pci(binary)


@pytest.mark.parametrize("known,lacks", [("yes", ""), ("no", "no virtual PCI on KVM")])
def test_virtual_pci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: str,
                     lacks: str) -> None:
    monkeypatch.setenv("OPENVMM", str(make_program(tmp_path / "openvmm", f"#!/bin/sh\n{known}")))
    monkeypatch.setattr(openvmm, "has_virtual_pci", lambda binary: known == "yes")
    host = hosts.named("openvmm")
    assert lacks in host.lacks(scenario.load(DIRECT), "boot", kernels.pair("series"))


def test_a_matrix_that_is_all_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """It says why, and what the last one left is still there."""
    monkeypatch.setenv("HOST", "openvmm")
    (tmp_path / "jobs").mkdir()
    for name in ("result.jsonl", "failures", "about"):
        (tmp_path / name).write_text("old\n")
    with pytest.raises(LabError, match="^openvmm can run none of these$"):
        matrix.matrix(["openvmm-uefi-*:boot", "gen1-default:boot"], tmp_path)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and len(set(said)) == 3
    assert said[0].startswith("lab: gen1-default: generation is 1 in the scenario")
    assert said[1].startswith("lab: openvmm-uefi-drm-first: UEFI needs Hyper-V's firmware: MSVM=")
    assert {path.name for path in tmp_path.iterdir()} == {"jobs", "result.jsonl", "failures",
                                                          "about"}


def test_script() -> None:
    text = openvmm.script(order())
    assert "--com2 file=out/findings" in text and "--gfx" in text
    assert "--kernel bzImage --initrd initrd-kdump" in text
    for number in range(1, len(order().scenario.pci) + 1):
        assert f"vpci={foreign.instance(number)}" in text
    assert "crashkernel=" in text and "guest.findings=ttyS1" in text
    assert "./nvme look" in text


def test_shell_has_the_console() -> None:
    text = openvmm.script(order("shell"))
    assert "--com1 console" in text and "guest.findings" not in text


def test_uefi_boots_from_a_disk() -> None:
    text = openvmm.script(order(name="openvmm-uefi-drm-first"))
    assert "--uefi-firmware MSVM.fd" in text and "--disk memdiff:file:boot" in text
    assert "--kernel" not in text


FAKE = r"""#!/bin/sh
for word; do printf '%s|' "$word"; done >words
for word; do
    case $word in file=com1) printf 'from the guest\n' >com1 ;; esac
done
echo 'guest halted reason=PowerOff' >&2
while read -r line; do
    [ "$line" != q ] || exit 7
    printf '{\n}\n'
done
"""


def start(folder: Path, program: str, limit: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run nest/openvmm with this program as openvmm."""
    make_program(folder / "openvmm", program)
    terminal = shutil.which("script")
    assert terminal
    shutil.copy(terminal, folder / "script")
    return subprocess.run([TOP / "nest" / "openvmm", limit, *more], cwd=folder, text=True,
                          capture_output=True, check=False, timeout=60)


def test_a_run(tmp_path: Path) -> None:
    words = ["-c", "a 'b' \"c\" $d `e` \\"]
    done = start(tmp_path, FAKE, "30", *words)
    assert done.returncode == 7, done
    assert (tmp_path / "words").read_text().split("|")[2:-1] == words
    assert "from the guest" in done.stdout
    assert (tmp_path / "out" / "inspect").read_text() == "{\n}\n" * 3
    assert "guest halted" in (tmp_path / "out" / "log").read_text()


def test_a_run_that_takes_too_long(tmp_path: Path) -> None:
    done = start(tmp_path, "#!/bin/sh\nsleep 50\n", "2")
    assert done.returncode == 124 and "job: ended after 2 s" in done.stdout


def test_a_program_that_dies(tmp_path: Path) -> None:
    assert start(tmp_path, "#!/bin/sh\nexit 4\n", "30").returncode == 4
