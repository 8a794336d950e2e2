# SPDX-License-Identifier: GPL-2.0-only
"""A scenario, a path and a kernel as a job folder, for the runner."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.common import BUILD, TOP, LabError, one_of
from lab.kernels import Pair, pair
from lab.locks import lock
from lab.process import call
from lab.scenario import Scenario, load
from lab.schema import PATHS

# MiB that a VM has unless its scenario says otherwise, and that a crash kernel needs:
# with our kernels; with Debian's and unknown ones, which are larger and come with larger
# initramfs; with KASAN. A dump of less memory takes less time.
MEMORY = {"ours": 384, "debian": 768, "debug": 1024}
CRASH = {"ours": 96, "debian": 256, "debug": 384}
# Seconds that a guest gets; it needs 4 to 30, and several times that on a busy machine.
PATIENCE = {"ours": 240, "debian": 300, "debug": 1200}
# MiB of the NVMe disk: room for a dump without what makedumpfile leaves out, and for one
# of everything
DISK = {"small": 384, "full": 1024}
# Modules that Debian's kernels need for what ours have built in: always, and for the
# disk; those without -amd64 at the end have NVMe and ext4 built in.
DEBIAN_MODULES = ("hv_vmbus", "hv_utils")
DISK_MODULES = ("nvme", "ext4")


def size_class(kernels: Pair) -> str:
    """ours, debian or debug: how much memory and time a run takes."""
    if any(k.variant == "debug" for k in (kernels.first, kernels.second)):
        return "debug"
    big = any(k.is_debian or k.is_file for k in (kernels.first, kernels.second))
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
        if scenario.has_disk and (own.is_file or own.name.endswith("-amd64")):
            found += DISK_MODULES
    # Debian's cloud kernels have the driver that was there before hyperv_drm; others may.
    video = "hyperv_drm"
    if own.is_file:
        video = "hyperv_drm/hyperv_fb"
    elif own.is_debian and not own.name.endswith("-amd64"):
        video = "hyperv_fb"
    return found + [video if name == "hyperv_drm" else name for name in scenario.drivers(which)]


def guest_arguments(scenario: Scenario, kernels: Pair, path: str) -> Iterator[str]:
    """The guest.* arguments, which guest/init reads."""
    guest = scenario.guest
    yield f"guest.path={path}"
    yield "guest.findings=ttyS1"
    lists = [",".join(modules(scenario, kernels, which)) for which in ("first", "second")]
    if any(lists):
        yield f"guest.modules={lists[0]}"
        yield f"guest.modules2={lists[1]}"
    for key in ("fb", "handover"):
        if guest[key]:
            yield f"guest.{key}={guest[key]}"
    for key, given in (("one-by-one", guest["one-by-one"]), ("echo", scenario.has_test),
                       ("paint", scenario.paints), ("leaks", guest["leaks"]),
                       ("disk", scenario.has_disk)):
        if given:
            yield f"guest.{key}=yes"
    if scenario.hotplug:
        yield f"guest.settle={len(scenario.pci) - len(guest['gone'])}"
    if guest["resume"]:
        yield f"guest.resume={guest['resume']}"
    for key in ("rebind", "failslab"):
        if guest[key]:
            yield f"guest.{key}={','.join(guest[key])}"
    if scenario.has_disk and path.startswith("kdump-"):
        yield f"guest.dump={guest['save']}"


def command_line(scenario: Scenario, kernels: Pair, path: str, more: str = "") -> str:
    """What the first kernel is given."""
    parts = ["console=ttyS0", "panic=-1", scenario.guest["append"] or "", more,
             *guest_arguments(scenario, kernels, path)]
    if path.startswith("kdump-"):
        parts.append(f"crashkernel={CRASH[size_class(kernels)]}M")
    return " ".join(part for part in parts if part)


def layout_options(scenario: Scenario, kernels: Pair) -> list[str]:
    """hvhost layout's options."""
    found = ["--memory", memory(scenario, kernels)]
    for key in ("generation", "low-mmio", "high-mmio", "video", "fb", "firmware-fb"):
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
    for key in ("cpus", "isolation", "vmbus-version", "bar-conflicts", "dead-windows"):
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
    for device in scenario.pci:
        found += ["--pci", "nvme,disk=disk" if device == "nvme" else device]
    return found


def build_hvhost() -> Path:
    """The host, built; with SANITIZE=1 with sanitizers."""
    program = BUILD / "hvhost" / ("asan" if os.environ.get("SANITIZE") else "") / "hvhost"
    log = BUILD / "hvhost.log"
    command = 'exec make -s -C "$1" O="$2" "$3" >"$4" 2>&1'
    with lock(BUILD / "hvhost.lock", "building hvhost"):
        try:
            call("sh", "-c", command, "sh", TOP / "hvhost", BUILD / "hvhost", program, log)
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


@dataclass(frozen=True)
class Job:
    """A job folder: what it runs."""

    folder: Path
    scenario: Scenario
    path: str
    kernel: Pair

    @property
    def again(self) -> str:
        """The command that runs it again."""
        words = [f"S={self.scenario.reference}", f"P={self.path}", f"KERNEL={self.kernel.name}"]
        words += [f"{name}={os.environ[name]}" for name in
                  ("ROLE", "LINUX", "MODULES", "WORK", "SANITIZE")
                  if os.environ.get(name, "") not in ("", "0")]
        return f"make run {shlex.join(words)}"


def script(scenario: Scenario, kernels: Pair, path: str, patience: int, more: str) -> str:
    """The job, a POSIX sh script."""
    initrd = {"kexec": "initrd-kexec", "kdump": "initrd-kdump", "shell": "initrd-kdump"}.get(
        path.partition("-")[0], "initrd")
    line = command_line(scenario, kernels, path, more)
    command = ["./hvhost", "run", "--kernel", "bzImage", "--initrd", initrd,
               *host_options(scenario, kernels), "--trace", "out/trace"]
    if path == "shell":
        line = line.replace("guest.findings=ttyS1 ", "")
    else:
        command += ["--findings", "out/findings", "--timeout", str(patience), "-v"]
    if path == "shutdown":
        command += ["--shutdown-on", "guest: waits for shutdown"]
    command += ["--append", line]
    disk = scenario.has_disk
    return "\n".join((
        "#!/bin/sh",
        *([f"./nvme make {DISK[scenario.guest['save']]} || exit 1"] if disk else []),
        shlex.join(command) + ("" if path == "shell" else " 2>out/host"),
        "rc=$?",
        *(["./nvme look >out/disk"] if disk else []),
        'exit "$rc"', ""))


def make(folder: Path, files: Path, scenario: Scenario, path: str, kernels: Pair, *,
         patience: int | None = None, more: str = "") -> Job:
    """Make the job's folder, with the guest's files from FILES/KERNEL, as hard links: the
    archive for an inner host has once what many jobs share. PATH may be shell."""
    patience = patience or PATIENCE[size_class(kernels)]
    folder.mkdir(parents=True)
    own = files / kernels.file_name
    text = script(scenario, kernels, path, patience, more)
    for name in ("bzImage", "initrd", "initrd-kexec", "initrd-kdump"):
        if f" {name} " in text:
            os.link(own / name, folder / name)
    os.link(files / "hvhost", folder / "hvhost")
    # The NVMe disk that it makes is the file disk.
    os.link(files / "disk", folder / "nvme")
    (folder / "job").write_text(text, encoding="utf-8")
    (folder / "job").chmod(0o755)
    if path != "shell":
        # A little more for a guest that hvhost does not end
        (folder / "deadline").write_text(f"{patience + 10}\n", encoding="utf-8")
    (folder / "layout.json").write_text(layout(files / "hvhost", scenario, kernels),
                                        encoding="utf-8")
    (folder / "release").write_text((own / "release").read_text(encoding="utf-8"),
                                    encoding="utf-8")
    about = {"scenario": scenario.reference, "path": path, "kernel": kernels.name}
    (folder / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    return Job(folder, scenario, path, kernels)


def read(folder: Path) -> Job:
    """The job that is in a folder."""
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        scenario, path, name = about["scenario"], about["path"], about["kernel"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
        raise LabError(f"{folder} is not the folder of a job: {e}") from None
    if not all(isinstance(value, str) for value in (scenario, path, name)):
        raise LabError(f"{folder}/about.json does not name a scenario, a path and a kernel")
    one_of(path, PATHS, "path")
    return Job(folder, load(scenario), path, pair(name))
