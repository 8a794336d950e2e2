# SPDX-License-Identifier: GPL-2.0-only
"""OpenVMM as the host: what it is asked to do, what it cannot, and what is wrong with what
the user named."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lab import foreign, hosts, kernels, openvmm, scenario
from lab.common import LabError
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
    ("", "HOST=openvmm needs OPENVMM=/path/to/openvmm"),
    ("/nowhere/openvmm", "OPENVMM: no such program: /nowhere/openvmm"),
    ("/etc/passwd", "OPENVMM: no such program: /etc/passwd"),
    ("/etc", "OPENVMM: no such program: /etc")])
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
    ("gen1-default", "generation"), ("gen2-default", "overlap = cover, and nothing"),
    ("gen2-cover", "OpenVMM has video"), ("gen2-refused", "no refuse-windows")])
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
    (tmp_path / "MSVM.fd").touch()
    assert openvmm.unlike(one) == ""


def test_shutdown_is_not_asked_for() -> None:
    host = hosts.named("openvmm")
    assert "shut" in host.lacks(scenario.load(DIRECT), "shutdown", kernels.pair("series"))


@pytest.mark.parametrize("known,lacks", [("yes", ""), ("no", "no virtual PCI on KVM")])
def test_virtual_pci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: str,
                     lacks: str) -> None:
    monkeypatch.setenv("OPENVMM", str(make_program(tmp_path / "openvmm", f"#!/bin/sh\n{known}")))
    monkeypatch.setattr(openvmm, "has_virtual_pci", lambda binary: known == "yes")
    host = hosts.named("openvmm")
    assert lacks in host.lacks(scenario.load(DIRECT), "boot", kernels.pair("series"))


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
