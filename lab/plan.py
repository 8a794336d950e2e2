# SPDX-License-Identifier: GPL-2.0-only
"""What a guest of a scenario gets on any host: memory, time, modules, command line."""

from __future__ import annotations

from collections.abc import Iterator

from lab.kernels import Pair
from lab.scenario import Scenario
from lab.schema import NVMES

# MiB that a VM has unless its scenario says otherwise, and that a crash kernel needs:
# with our kernels; with Debian's and unknown ones, which are larger and come with larger
# initramfs, and with pages of 64 KiB; with KASAN. A dump of less memory takes less time.
MEMORY = {"ours": 384, "debian": 768, "debug": 1024}
CRASH = {"ours": 96, "debian": 256, "debug": 384}
# Seconds that a guest gets; it needs 4 to 30, and several times that on a busy machine.
PATIENCE = {"ours": 240, "debian": 300, "debug": 1200}
# MiB of the NVMe disk: room for a dump without what makedumpfile leaves out, and for one
# of everything
DISK = {"small": 384, "full": 1024}
# MiB of the second disk, if a VM hibernates to it: as much memory as one has at most
IMAGE = 1024
# The file of each NVMe disk, as nest/disk makes them
DISK_FILE = {"nvme0": "disk", **{f"nvme{n}": f"disk{n}" for n in range(1, NVMES)}}
# Modules that Debian's kernels need for what ours have built in: always, and for the
# disk; those without -amd64 at the end have NVMe and ext4 built in.
DEBIAN_MODULES = ("hv_vmbus", "hv_utils")
DISK_MODULES = ("nvme", "ext4")


def size_class(kernels: Pair) -> str:
    """ours, debian or debug: how much memory and time a run takes."""
    if any(k.variant == "debug" for k in (kernels.first, kernels.second)):
        return "debug"
    big = any(k.is_debian or k.is_file or k.variant == "64k"
              for k in (kernels.first, kernels.second))
    return "debian" if big else "ours"


def memory(scenario: Scenario, kernels: Pair) -> str:
    found = scenario.host["memory"]
    kind = size_class(kernels)
    return f"{MEMORY[kind]}M" if kind == "debug" or not found else str(found)


def modules(scenario: Scenario, kernels: Pair, which: str) -> list[str]:
    """What that kernel loads, in order."""
    own = kernels.of(which)
    found: list[str] = []
    if own.is_debian or own.is_file:
        found += DEBIAN_MODULES
        if scenario.has_disk and (own.is_file or own.is_full_debian):
            found += DISK_MODULES
    # Debian's cloud kernels have the driver that was there before hyperv_drm; others may.
    video = "hyperv_drm"
    if own.is_file:
        video = "hyperv_drm/hyperv_fb"
    elif own.is_debian and not own.is_full_debian:
        video = "hyperv_fb"
    return found + [video if name == "hyperv_drm" else name for name in scenario.drivers(which)]


def guest_arguments(scenario: Scenario, kernels: Pair, path: str) -> Iterator[str]:
    """The guest.* arguments, which guest/init reads."""
    guest = scenario.guest
    yield f"guest.path={path}"
    yield f"guest.findings={scenario.arch.findings}"
    lists = [",".join(modules(scenario, kernels, which)) for which in ("first", "second")]
    if any(lists):
        yield f"guest.modules={lists[0]}"
        yield f"guest.modules2={lists[1]}"
    for key in ("fb", "handover"):
        if guest[key]:
            yield f"guest.{key}={guest[key]}"
    for key, given in (("one-by-one", guest["one-by-one"]), ("echo", scenario.has_test),
                       ("paint", scenario.paints), ("leaks", guest["leaks"]),
                       ("no-suspend", guest["no-suspend"]),
                       ("disk", scenario.has_disk)):
        if given:
            yield f"guest.{key}=yes"
    if scenario.disks > 1:
        yield f"guest.disks={scenario.disks}"
    if scenario.hotplug:
        yield f"guest.settle={len(scenario.pci) - len(guest['gone'])}"
    if guest["resume"]:
        yield f"guest.resume={guest['resume']}"
    if guest["crash-cpu"] is not None and path.startswith("kdump-"):
        yield f"guest.crash-cpu={guest['crash-cpu']}"
    if path.startswith("kdump-"):
        if guest["crash-by"]:
            yield f"guest.crash-by={guest['crash-by']}"
        if guest["busy"]:
            yield "guest.busy=yes"
    for key in ("rebind", "failslab"):
        if guest[key]:
            yield f"guest.{key}={','.join(guest[key])}"
    if scenario.has_disk and path.startswith("kdump-"):
        yield f"guest.dump={guest['save']}"


def command_line(scenario: Scenario, kernels: Pair, path: str, more: str = "") -> str:
    """What the first kernel is given."""
    parts = [f"console={scenario.arch.console}", "panic=-1", scenario.guest["append"] or "", more,
             *guest_arguments(scenario, kernels, path)]
    if path.startswith("kdump-"):
        parts.append(f"crashkernel={CRASH[size_class(kernels)]}M")
    return " ".join(part for part in parts if part)


def make_disks(scenario: Scenario, path: str) -> list[str]:
    """Lines of the job's script that make the NVMe disks."""
    if not scenario.has_disk:
        return []
    names = [DISK_FILE[f"nvme{n}"] for n in range(1, scenario.disks)]
    lines = [" ".join(("./nvme make", str(DISK[scenario.guest["save"]]), *names)) + " || exit 1"]
    if path == "hibernate":
        lines.append(f"truncate -s {IMAGE}M {DISK_FILE['nvme1']} || exit 1")
    return lines


def opens_dump(scenario: Scenario, path: str) -> bool:
    """The dump is opened when the guest is gone: nest/disk does if it has the tools."""
    return scenario.has_disk and path.startswith("kdump-") and bool(scenario.guest["crash-by"])


def initrd_of(path: str) -> str:
    """The initramfs of guest.files() that has what this path needs."""
    return {"kexec": "initrd-kexec", "kdump": "initrd-kdump", "shell": "initrd-kdump"}.get(
        path.partition("-")[0], "initrd")


def without_findings(scenario: Scenario, line: str) -> str:
    """A command line by which findings go to the console, too."""
    return line.replace(f"guest.findings={scenario.arch.findings} ", "")
