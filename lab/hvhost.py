# SPDX-License-Identifier: GPL-2.0-only
"""The host of this repository, hvhost/: the default."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from lab.arches import X86, Arch
from lab.common import BUILD, TOP, LabError
from lab.kernels import Pair
from lab.locks import lock
from lab.plan import (DISK_FILE, command_line, initrd_of, make_disks, memory, opens_dump,
                      without_findings)
from lab.process import call
from lab.scenario import Scenario
from lab.vmm import Order, Vmm


# The program that lays out, in the folder of guest.files()
LAYOUT = "hvhost-layout"
# The kernel that loads a hibernated one, and its initrd, in a job's folder
LOADER = "loader"


def layout_options(scenario: Scenario, kernels: Pair) -> list[str]:
    """hvhost layout's options."""
    found = ["--memory", memory(scenario, kernels)]
    if scenario.arch is not X86:
        # There a processor has space in low MMIO.
        found = ["--arch", scenario.arch.name, *found,
                 "--max-cpus", str(scenario.host["max-cpus"] or scenario.host["cpus"])]
    for key in ("generation", "firmware", "low-mmio", "high-mmio", "video", "fb",
                "fb-mapped", "firmware-fb"):
        if scenario.host[key] is not None:
            found += [f"--{key}", str(scenario.host[key])]
    if scenario.host["not-windows"]:
        found.append("--not-windows")
    for window in scenario.host["crs"] or ():
        found += ["--crs", window]
    return found


def host_options(scenario: Scenario, kernels: Pair) -> list[str]:
    """hvhost run's, which takes those as well."""
    found = layout_options(scenario, kernels)
    for key in ("cpus", "isolation", "vmbus-version", "bar-conflicts", "overlap",
                "bar-reads", "dead-devices", "offers"):
        if scenario.host[key] is not None:
            found += [f"--{key}", str(scenario.host[key])]
    if not scenario.host["synthvid"]:
        found.append("--no-synthvid")
    for window in scenario.host["refuse-windows"]:
        found += ["--refuse-windows", window]
    if scenario.guest["handover"]:
        found += ["--screen-on", "out/before.png=guest: painted 1",
                  "--screen-on", "out/screen.png=guest: painted 2"]
    elif scenario.paints:
        found += ["--screen", "out/screen.png"]
    for what, device, other in scenario.hotplug:
        found += [f"--{what}-on", f"{device}=@{other}"]
    for name, device in zip(scenario.device_names, scenario.pci):
        found += ["--pci", f"nvme,disk={DISK_FILE[name]}" if device == "nvme" else device]
    return found


def build(arch: Arch | None = None) -> Path:
    """The host for guests of ARCH, or without it for this machine, where it only lays out;
    with SANITIZE=1 with sanitizers."""
    folder, log = (arch or X86).folder("hvhost"), (arch or X86).folder("hvhost.log")
    program = folder / ("asan" if os.environ.get("SANITIZE") else "") / "hvhost"
    # ARCH may be set for lab.
    command = 'unset ARCH; exec make -s -C "$1" O="$2" "$3" ${5:+"ARCH=$5"} >"$4" 2>&1'
    name = arch.environment.get("ARCH", "") if arch else ""
    with lock(BUILD / "hvhost.lock", "building hvhost"):
        try:
            call("sh", "-c", command, "sh", TOP / "hvhost", folder, program, log, name)
        except LabError:
            raise LabError(f"hvhost does not build; see {log}") from None
    return program


def layout(program: Path, scenario: Scenario, kernels: Pair) -> str:
    """What hvhost makes of the scenario's address space, as JSON."""
    done = subprocess.run([program, "layout", *layout_options(scenario, kernels)], text=True,
                          capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LabError(f"{scenario.name}: hvhost does not take this layout: "
                       f"{done.stderr.strip()}")
    return done.stdout


def command(order: Order, scenario: Scenario, image: str, initrd: str, line: str,
            number: str = "") -> str:
    """hvhost run with these files, and the kernel's command line. NUMBER is added to the names
    of the files that it writes."""
    if scenario.host["firmware"] == "none" and scenario.host["synthvid"]:
        # As OpenVMM has it, so that the same text is on the screen: where the framebuffer
        # covers a config window, the kernel reads it.
        line = f"console=tty {line}"
    words = ["./hvhost", "run", "--kernel", image, "--initrd", initrd,
             *host_options(scenario, order.kernel), *order.options,
             "--trace", f"out/trace{number}"]
    if order.path == "shell":
        line = without_findings(scenario, line)
    else:
        words += ["--findings", f"out/findings{number}", "--timeout",
                  str(order.patience), "-v"]
    if order.path == "shutdown":
        words += ["--shutdown-on", "guest: waits for shutdown"]
    if scenario.guest["crash-by"] == "nmi" and order.path.startswith("kdump-"):
        # With its end, so that the line is whole when the guest stops.
        words += ["--nmi-on", f"{scenario.guest['crash-cpu'] or 0}=guest: crashes nmi\n"]
    words += ["--append", line]
    return shlex.join(words) + ("" if order.path == "shell" else f" 2>out/host{number}")


def commands(order: Order) -> list[str]:
    """The lines that run the host, or for a VM that hibernates, two in a row."""
    scenario, image, initrd = order.scenario, order.scenario.arch.image, initrd_of(order.path)
    line = command_line(scenario, order.kernel, order.path, order.more)
    if order.path != "hibernate":
        return [command(order, scenario, image, initrd, line)]
    return [command(order, scenario, image, initrd, line, "1"),
            "rc=$?",
            "echo $rc >out/rc1",
            '[ "$rc" = 0 ] || exit "$rc"',
            command(order, scenario.later, LOADER, f"{LOADER}-initrd", f"{line} guest.loader=yes")]


def script(order: Order) -> str:
    """The job, a POSIX sh script."""
    disk = order.scenario.has_disk
    return "\n".join((
        "#!/bin/sh",
        *make_disks(order.scenario, order.path),
        *commands(order),
        "rc=$?",
        *(["./nvme look >out/disk"] if disk else []),
        'exit "$rc"', ""))


class Hvhost(Vmm):
    """hvhost, built from its source."""

    name = "hvhost"
    settings = ("SANITIZE",)

    def demos(self, arch: Arch) -> tuple[str, ...]:
        return arch.demo

    def put(self, files: Path, arch: Arch = X86) -> None:
        shutil.copy(build(arch), files / "hvhost")
        # What runs guests of another architecture does not run here.
        shutil.copy(build() if arch is not X86 else files / "hvhost", files / LAYOUT)
        shutil.copy(TOP / "nest" / "disk", files / "disk")
        tool = call(TOP / "guest" / "tool", "makedumpfile", env=arch.environment).strip()
        shutil.copytree(tool, files / "tools", dirs_exist_ok=True)

    def saw(self, folder: Path) -> str:
        files = (folder / "out" / name for name in ("host1", "host"))
        return "\n".join(file.read_text(errors="replace") for file in files
                         if file.exists()) or "nothing"

    def make(self, folder: Path, files: Path, order: Order) -> None:
        os.link(files / "hvhost", folder / "hvhost")
        # The NVMe disk that it makes is the file disk; see plan.DISK_FILE.
        os.link(files / "disk", folder / "nvme")
        if opens_dump(order.scenario, order.path):
            shutil.copytree(files / "tools", folder / "tools", copy_function=os.link)
        (folder / "job").write_text(script(order), encoding="utf-8")
        (folder / "layout.json").write_text(
            layout(files / LAYOUT, order.scenario, order.kernel), encoding="utf-8")
        if order.path == "hibernate":
            own = files / order.kernel.second.file_name
            os.link(own / order.scenario.arch.image, folder / LOADER)
            os.link(own / "initrd", folder / f"{LOADER}-initrd")
            (folder / "later.json").write_text(
                layout(files / LAYOUT, order.scenario.later, order.kernel), encoding="utf-8")
