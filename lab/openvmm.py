# SPDX-License-Identifier: GPL-2.0-only
"""OpenVMM, Microsoft's own VMM, as the host: OPENVMM is its path. docs/openvmm.md says how
it is built."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lab import esp, runner
from lab.arches import X86, Arch
from lab.common import BUILD, TOP, LabError, say
from lab.foreign import instance
from lab.kernels import Pair
from lab.locks import scratch
from lab.plan import DISK_FILE, command_line, initrd_of, make_disks, memory, without_findings
from lab.process import call
from lab.scenario import Scenario
from lab.schema import HOST as KEYS
from lab.verdict import shown
from lab.vmm import Order, Vmm

# Keys of [host] that it can do something about, or that say what it does anyway
CAN = ("generation", "memory", "cpus", "firmware", "synthvid", "pci", "crs", "video", "overlap",
       "dead-devices")
# MiB of memory below low MMIO; the rest is above 4 GiB, in whole GiB
LOW_RAM = 3072
# Disks whose files it can hand to its other process
MANY = 16
# Keys of [guest] that need something of the host
CANNOT = ("paint", "handover", "resume", "no-suspend", "gone", "crash-by", "busy")
ALWAYS = {"generation": 2, "overlap": "cover", "video": "1920x1080", "dead-devices": "release"}


def program() -> Path:
    """The binary that OPENVMM names."""
    text = os.environ.get("OPENVMM") or ""
    if not text:
        raise LabError("OPENVMM is not set; OPENVMM=/path/to/openvmm names OpenVMM's program, "
                       "and docs/openvmm.md says how it is built")
    path = Path(text)
    if not path.exists():
        raise LabError(f"OPENVMM: no such file: {path}")
    if not path.is_file() or not os.access(path, os.X_OK):
        raise LabError(f"OPENVMM: not an executable file: {path}")
    return path


def mebibytes(text: str) -> int:
    """Of a size such as 384M or 3G."""
    return int(text[:-1]) * (1024 if text.endswith("G") else 1)


def libraries(path: Path) -> Iterator[Path]:
    """The shared libraries that a program loads, but for its loader."""
    done = subprocess.run(["ldd", path], text=True, capture_output=True, check=False)
    for found in re.finditer(r"=> (.+?)(?: \(0x|$)", done.stdout, re.MULTILINE):
        if found[1] == "not found":
            raise LabError(f"{path} lacks a library: {found[0]}")
        yield Path(found[1])


def firmware() -> Path | None:
    """Hyper-V's UEFI firmware, which MSVM names; None if it names nothing."""
    text = os.environ.get("MSVM") or ""
    if not text:
        return None
    path = Path(text)
    if not path.is_file():
        raise LabError(f"MSVM: no such file: {path}")
    with path.open("rb") as file:
        if file.read(44)[40:] != b"_FVH":
            raise LabError(f"MSVM: not a UEFI firmware volume (no _FVH at offset 40): {path}; "
                           "nest/firmware/build makes MSVM.fd")
    return path


def mmio(size: int) -> tuple[str, str]:
    """Low and high MMIO of a VM with so many MiB. High MMIO is behind the memory."""
    high = (max(size - LOW_RAM, 0) << 20) + (4 << 30)
    return "f8000000-ffffffff", f"{high:x}-{high + (512 << 20) - 1:x}"


def unlike(scenario: Scenario) -> str:
    """What of the scenario's host it cannot be, or ""."""
    if scenario.arch is not X86:
        return f"lab has no OpenVMM for {scenario.arch.name}"
    size = mebibytes(str(scenario.host["memory"] or "0M"))
    for key in KEYS:
        value = scenario.host[key.name]
        if value == key.default:
            continue
        if key.name not in CAN:
            return f"OpenVMM has no {key.name} = {shown(value)}"
    if size > LOW_RAM and size % 1024:
        return f"OpenVMM's memory of more than {LOW_RAM} MiB is in whole GiB, not {size} MiB"
    for name, value in (*ALWAYS.items(), ("crs", mmio(size))):
        if scenario.host[name] != value:
            return (f"{name} is {shown(scenario.host[name]) or 'not set'} in the scenario; "
                    f"OpenVMM has only {shown(value)}")
    if scenario.has_uefi and not firmware():
        return "UEFI needs Hyper-V's firmware: MSVM=/path/to/MSVM.fd, see docs/openvmm.md"
    asked = [name for name in CANNOT if scenario.guest[name]]
    if asked:
        return f"lab cannot do {asked[0]} on OpenVMM"
    other = [device for device in scenario.pci if device.partition(",")[0] != "nvme"]
    return f"OpenVMM has no PCI device {other[0]!r}" if other else ""


# Lines of its log that people want
SEEN = (r"negotiated version|Mapped VRAM|FdoD0E|guest halted|ERROR (?!firmware)|panicked at"
        r"|fatal error")
PROBE = """#!/bin/sh
# What OpenVMM makes of a virtual PCI bus, without starting the guest.
export LD_LIBRARY_PATH="$PWD/lib" HOME="$PWD"
mkdir -p out /dev/pts
[ -e /dev/pts/ptmx ] || mount -t devpts devpts /dev/pts
printf 'x vm\\nq\\n' >commands
echo './openvmm --hypervisor kvm --hv --paused -m 64M --kernel bzImage --com1 none' \\
    '--nvme-pci id=n0,vpci --disk mem:1M,on=n0 <commands >out/units 2>out/log' >start
./script -q -e -c 'sh ./start' /dev/null </dev/null
"""


def copy(binary: Path, to: Path) -> None:
    """OpenVMM, the terminal that it wants, and the libraries of both."""
    terminal = shutil.which("script")
    if not terminal:
        raise LabError("HOST=openvmm needs script, of Debian's package bsdutils")
    (to / "lib").mkdir(parents=True, exist_ok=True)
    shutil.copy(binary, to / "openvmm")
    shutil.copy(terminal, to / "script")
    for library in {*libraries(binary), *libraries(Path(terminal))}:
        shutil.copy(library, to / "lib")


@functools.cache
def has_virtual_pci(binary: Path) -> bool:
    """Whether this OpenVMM has virtual PCI on KVM. As published it has none, and says
    nothing of it: the guest gets no such device. Asked once for each binary."""
    digest = hashlib.sha256(binary.read_bytes()).hexdigest()[:16]
    known = BUILD / "openvmm" / digest
    if not known.exists():
        say(f"does {binary} have virtual PCI on KVM?")
        with scratch(BUILD / "openvmm", "probe") as folder:
            job = folder / "jobs" / "probe"
            copy(binary, job)
            # Any kernel will do: it is loaded and never runs.
            image = Path(call(TOP / "nest" / "host").strip())
            shutil.copy(image / "vmlinuz", job / "bzImage")
            (job / "job").write_text(PROBE, encoding="utf-8")
            (job / "job").chmod(0o755)
            runner.run_jobs(folder / "jobs")
            units = job / "out" / "units"
            text = units.read_text(errors="replace") if units.exists() else ""
            if "vmbus" not in text:
                log = job / "out" / "log"
                words = log.read_text(errors="replace").split("\n") if log.exists() else []
                said = [word for word in words if word.strip()] or ["it said nothing"]
                raise LabError(f"OPENVMM: {binary} does not start: {said[-1].strip()}")
            found = "yes" if re.search(r"^ *vpci:", text, re.MULTILINE) else "no"
        new = known.with_suffix(".new")
        new.write_text(f"{found}\n", encoding="ascii")
        new.replace(known)
    return known.read_text(encoding="ascii").strip() == "yes"


def device_options(scenario: Scenario) -> list[str]:
    """NVMe controllers on virtual PCI."""
    found = []
    for number, name in enumerate(scenario.device_names, 1):
        found += ["--nvme-pci", f"id={name},vpci={instance(number)}",
                  "--disk", f"file:{DISK_FILE[name]},on={name}"]
    return found


def line_of(order: Order) -> str:
    """The kernel's command line."""
    line = command_line(order.scenario, order.kernel, order.path, order.more)
    return without_findings(order.scenario, line) if order.path == "shell" else line


def options(order: Order) -> list[str]:
    """OpenVMM's, but for its serial ports."""
    scenario = order.scenario
    found = ["--hypervisor", "kvm", "--hv", "-m", memory(scenario, order.kernel),
             "-p", str(scenario.host["cpus"]),
             "--guest-reset-action", "exit:3", "--guest-crash-action", "exit:4"]
    if scenario.disks > MANY:
        found.append("--single-process")
    if scenario.host["synthvid"]:
        # A port of its own: others may use VNC's.
        found += ["--gfx", "--vnc-port", "0"]
    found += device_options(scenario)
    if scenario.has_uefi:
        return [*found, "--uefi", "--uefi-firmware", "MSVM.fd", "--uefi-console-mode", "com1",
                "--disk", "memdiff:file:boot"]
    return [*found, "--kernel", "bzImage", "--initrd", initrd_of(order.path),
            "-c", line_of(order)]


def script(order: Order) -> str:
    """The job, a POSIX sh script."""
    disk = order.scenario.has_disk
    if order.path == "shell":
        run = "exec ./openvmm --com1 console --guest-shutdown-action exit " + \
            shlex.join(options(order))
        return "\n".join(("#!/bin/sh", 'export LD_LIBRARY_PATH="$PWD/lib" OPENVMM_LOG=error',
                          *make_disks(order.scenario, order.path), run, ""))
    command = ["./runner", str(order.patience), "--com2", "file=out/findings", *options(order)]
    return "\n".join((
        "#!/bin/sh",
        *make_disks(order.scenario, order.path),
        shlex.join(command),
        "rc=$?",
        *(["./nvme look >out/disk"] if disk else []),
        'exit "$rc"', ""))


class OpenVmm(Vmm):
    """Microsoft's VMM, on KVM."""

    name = "openvmm"
    settings = ("OPENVMM", "MSVM")
    slowness = 3

    def demos(self, arch: Arch) -> tuple[str, ...]:
        return ("openvmm-drm-first",)

    def put(self, files: Path, arch: Arch = X86) -> None:
        to = files / "openvmm"
        copy(program(), to)
        image = firmware()
        if image:
            shutil.copy(image, to / "MSVM.fd")
        shutil.copy(TOP / "nest" / "openvmm", to / "runner")
        shutil.copy(TOP / "nest" / "disk", to / "nvme")

    def lacks(self, scenario: Scenario, path: str, kernel: Pair) -> str:
        if path == "shutdown":
            return "lab cannot ask OpenVMM to shut a guest down"
        if path == "hibernate":
            return "lab cannot resume a hibernated VM on OpenVMM"
        why = unlike(scenario)
        if not why and scenario.pci and not has_virtual_pci(program()):
            why = "this OpenVMM has no virtual PCI on KVM (patches/openvmm adds it)"
        return why

    def saw(self, folder: Path) -> str:
        file = folder / "out" / "log"
        text = file.read_text(errors="replace") if file.exists() else ""
        lines = [line for line in text.split("\n") if re.search(SEEN, line)]
        return "\n".join(line[:160] for line in lines) or "nothing"

    def make(self, folder: Path, files: Path, order: Order) -> None:
        shutil.copytree(files / "openvmm", folder, copy_function=os.link, dirs_exist_ok=True)
        if order.scenario.has_uefi:
            # UEFI finds the kernel on a SCSI disk.
            kernel, initrd = folder / "bzImage", folder / initrd_of(order.path)
            esp.make_disk(folder / "boot", kernel, initrd, line_of(order))
            kernel.unlink()
            initrd.unlink()
        (folder / "job").write_text(script(order), encoding="utf-8")
