# SPDX-License-Identifier: GPL-2.0-only
"""The architectures of guests: a row each, with all that differs between them.

A scenario names its own. ARCH chooses one for what is not about a single scenario: the
matrix, the demo and the sweep's agreement.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.common import BUILD, LabError


@dataclass(frozen=True)
class Arch:
    """One architecture."""

    name: str                   # hvhost's --arch, and scenarios' arch
    also: tuple[str, ...]       # other names that ARCH takes
    image: str                  # a kernel's file: in its folder and in a job
    kernels: Path               # the folder of what kernel/build makes
    suffix: str                 # of its own folders and files in build/
    console: str                # serial ports as Linux names them: the console
    findings: str               # and that of the guest's findings
    detected: str               # what the kernel's log calls the hypervisor: a pattern
    hypervisor: str             # and what its group must be
    unloads: bool               # Linux ends its VMBus connection before kexec
    slowness: int               # guests get so many times as long as x86's
    machine: tuple[str, ...]    # QEMU's options for an inner host
    append: str                 # the inner host's command line
    qemu: str                   # the package with that QEMU
    demo: tuple[str, ...]       # scenarios of make demo: the table's, and those below it
    packages: str               # a group of deps/packages that its guests need besides
    swept: tuple[tuple[str, str], ...]  # the sweep's groups of layouts, and those in words

    @property
    def environment(self) -> Mapping[str, str]:
        """For this repository's programs: x86 is what they do anyway."""
        return {"ARCH": self.name} if self.suffix else {}

    def folder(self, name: str) -> Path:
        """Its own folder of that name, or file, in build/."""
        path = Path(name)
        return BUILD / f"{path.stem}{self.suffix}{path.suffix}"


X86 = Arch(
    name="x86", also=("x86_64", "amd64", "i386"), image="bzImage",
    kernels=BUILD / "kernel", suffix="", console="ttyS0", findings="ttyS1",
    detected=r"Hypervisor detected: (.*)", hypervisor="Microsoft Hyper-V", unloads=True,
    slowness=1,
    machine=("-accel", "tcg,thread=multi", "-cpu", "max,svm=on,npt=on,-erms,-fsrm"),
    # TCG runs rep movsb and stosb a byte at a time, and has no use for mitigations: without
    # both, a guest that boots and starts another by kexec takes 8 s of processor time, not 13.
    append="console=ttyS0 panic=-1 tsc=reliable clocksource=tsc mitigations=off",
    qemu="qemu-system-x86", demo=("gen2-default", "gen2-cover"), packages="",
    swept=(("gen2-x86", "Generation 2"), ("gen1", "Generation 1")))

ARM64 = Arch(
    name="arm64", also=("aarch64",), image="Image",
    kernels=BUILD / "kernel" / "arm64", suffix="-arm64", console="ttyAMA0", findings="ttyAMA1",
    detected=r"(Hyper-V): privilege flags", hypervisor="Hyper-V", unloads=False,
    # A crash kernel's checksum alone takes 3 s, and 25 s on a busy machine.
    slowness=2,
    # None of these is needed, and pointer authentication is slow to emulate.
    machine=("-M", "virt,virtualization=on,gic-version=3", "-accel", "tcg,thread=multi",
             "-cpu", "max,pauth=off,sve=off,sme=off,lpa2=off"),
    append="console=ttyAMA0 panic=-1 mitigations=off",
    qemu="qemu-system-arm", demo=("arm64-default",), packages="scenario-arm64",
    swept=(("gen2-arm64", "arm64"),))

ARCHES = {arch.name: arch for arch in (X86, ARM64)}


def named(name: str) -> Arch:
    """The architecture of that name; of its other names as well."""
    for arch in ARCHES.values():
        if name in (arch.name, *arch.also):
            return arch
    raise LabError(f"no such ARCH: '{name}' (known: {', '.join(ARCHES)})")


def asked() -> Arch | None:
    """The one that ARCH names; None without ARCH."""
    name = os.environ.get("ARCH") or ""
    return named(name) if name else None


def chosen() -> Arch:
    """The one that ARCH names, or x86."""
    return asked() or X86


def misfits(arch: Arch, host: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, why) of each key of [host] that this architecture cannot have."""
    if arch is X86:
        if host["max-cpus"]:
            yield "max-cpus", "max-cpus is arm64's: x86's MMIO does not depend on it"
        if host["firmware"] == "devicetree":
            yield "firmware", "firmware = devicetree is arm64's"
        return
    if host["generation"] != 2:
        yield "generation", f"there is no Generation 1 on {arch.name}"
    if host["isolation"] == "vbs":
        yield "isolation", f"hvhost has no isolation on {arch.name}"
    if host["firmware"] == "none":
        yield "firmware", f"{arch.name} needs EFI or a devicetree: firmware is uefi or devicetree"
    if host["firmware"] == "devicetree" and not host["crs"]:
        yield "firmware", "firmware = devicetree needs crs, the ranges of its VMBus node"
    if host["max-cpus"] and host["max-cpus"] < host["cpus"]:
        yield "max-cpus", \
            f"{host['cpus']} cpus are more than max-cpus = {host['max-cpus']}"
