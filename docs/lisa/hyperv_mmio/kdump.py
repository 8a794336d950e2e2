# SPDX-License-Identifier: GPL-2.0-only
"""Crash the VM, and check the dump and the second kernel's reservation."""
from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Iterator

from func_timeout import FunctionTimedOut  # type: ignore[import]
from lisa import LisaException, Logger, Node, SkippedException
from lisa.operating_system import CBLMariner, Debian, Fedora
from lisa.tools.kdump import KdumpBase

from .machine import boot_id, exists, listens, reservation, root, wait_for_boot

CRASH = "/var/crash"
SECOND = f"{CRASH}/hyperv-mmio-second"
LABEL = "hyperv-mmio"
SAVED = ".hyperv-mmio"
# On one line, because LISA logs each command
FIND = (
    f"find {CRASH} -type f -size +1M "
    r"\( -name 'dump.[0-9]*' -o -name vmcore -o -name 'vmcore.*' \)"
)
CRASH_MIB = 512
AZURE_LINUX = "/etc/default/grub.d/51_kexec_tools.cfg"
TRIGGER = (
    "sync; echo 1 >/proc/sys/kernel/sysrq; "
    "setsid sh -c 'sleep 2; echo c >/proc/sysrq-trigger' >/dev/null 2>&1 </dev/null &"
)


@dataclass(frozen=True)
class Kdump:
    """How a distribution's kdump is told how to load the second kernel."""

    config: str
    key: str
    reload: str
    # The service in the second kernel that saves the dump, if that kernel has the
    # first one's root. Else the second kernel's log is beside the dump.
    service: str = ""
    # Prints kexec's arguments that the configuration cannot replace
    fixed: str = ""


DEBIAN = Kdump(
    "/etc/default/kdump-tools",
    "KDUMP_KEXEC_ARGS",
    "kdump-config unload; kdump-config load",
    "kdump-tools-dump.service",
)
RED_HAT = Kdump(
    "/etc/sysconfig/kdump",
    "KEXEC_ARGS",
    "kdumpctl restart",
    fixed="sed -n 's/^standard_kexec_args=//p' $(command -v kdumpctl)",
)


@dataclass
class Check:
    """Something that was checked after the crash; why is "" if it is right."""

    name: str
    why: str = ""
    skipped: bool = False


def kdump_of(node: Node) -> Kdump:
    if isinstance(node.os, Debian):
        return DEBIAN
    if isinstance(node.os, (Fedora, CBLMariner)):  # Fedora: Red Hat and its kin, too
        return RED_HAT
    raise SkippedException(f"it is not known how kdump is set up on {node.os.name}")


def disks_of(node: Node, path: str) -> list[str]:
    """Return the block devices that @path is on, such as nvme0n1p1 and nvme0n1."""
    source = root(node, f"findmnt -nvo SOURCE -T {shlex.quote(path)}").strip()
    return root(node, f"lsblk -nslo NAME {shlex.quote(source)}").split()


def on_nvme(disks: list[str]) -> bool:
    return any(disk.startswith("nvme") for disk in disks)


def prepare_disk(node: Node, disk: str) -> None:
    """Mount @disk on /var/crash. It must be empty, or was prepared before."""
    found = root(node, f"lsblk -nro NAME,FSTYPE,LABEL {shlex.quote(disk)}").split()
    if LABEL not in found:
        if len(found) > 1:
            raise LisaException(f"{disk} is not empty: {' '.join(found)}; erase it first")
        root(node, f"mkfs.ext4 -q -L {LABEL} {shlex.quote(disk)}")
    # If the second kernel has no such disk, it goes on without.
    line = (
        f"LABEL={LABEL} {CRASH} ext4 nofail,x-systemd.device-timeout=60s,"
        f"x-systemd.before={DEBIAN.service} 0 2"
    )
    root(
        node,
        f"mkdir -p {CRASH}; grep -qs '^LABEL={LABEL} ' /etc/fstab || echo '{line}' >>/etc/fstab; "
        f"systemctl daemon-reload; mountpoint -q {CRASH} || mount {CRASH}",
    )


def folder_of(kdump: Kdump) -> str:
    return f"/etc/systemd/system/{kdump.service}.d"


def check_how(node: Node, kdump: Kdump, how: str) -> None:
    """Skip the case if kdump appends -s, as Azure Linux's does: of -c and -s the last counts."""
    fixed = root(node, kdump.fixed).strip() if kdump.fixed else ""
    if how == "-c" and "-s" in fixed.strip('"').split():
        raise SkippedException(f"this kdumpctl always runs kexec with {fixed}")


def reserved(node: Node) -> int:
    """Return how much memory is reserved for the crash kernel, in MiB."""
    return int(root(node, "cat /sys/kernel/kexec_crash_size")) >> 20


def reserve(node: Node, tool: KdumpBase) -> None:
    """Reserve memory for the crash kernel, and reboot, unless there is enough."""
    if reserved(node) >= CRASH_MIB:
        return
    if exists(node, AZURE_LINUX):  # LISA looks for a variable that is not in this file
        root(
            node,
            f"sed -i 's/crashkernel=[^ \"]*/crashkernel={CRASH_MIB}M/' {AZURE_LINUX}; "
            "grub2-mkconfig -o /boot/grub2/grub.cfg",
        )
    else:
        tool.config_crashkernel_memory(f"{CRASH_MIB}M")
    tool.enable_kdump_service()
    node.reboot(time_out=900)
    found = reserved(node)
    if found < CRASH_MIB:
        raise LisaException(
            f"{found} MiB are reserved for the crash kernel, not {CRASH_MIB}: "
            f"put crashkernel={CRASH_MIB}M on the kernel's command line"
        )


def prepare(node: Node, kdump: Kdump, how: str, disk: str) -> None:
    """Have a second kernel loaded with kexec @how (-c or -s), and a dump go to NVMe."""
    if disk:
        prepare_disk(node, disk)
    root(node, f"mkdir -p {CRASH}")
    disks = disks_of(node, CRASH)
    if not on_nvme(disks):
        raise SkippedException(
            f"{CRASH} is on {' '.join(disks)}, not on NVMe: a dump there shows nothing. "
            "Use a VM whose root is on NVMe, or name an empty NVMe disk: -v dump_disk:"
        )
    tool = node.tools[KdumpBase]  # installs what kdump needs
    check_how(node, kdump, how)
    reserve(node, tool)
    root(
        node,
        f"cp -n {kdump.config} {kdump.config}{SAVED}; "
        f"sed -i '/^#* *{kdump.key}=/d' {kdump.config}; "
        f"echo '{kdump.key}=\"{how}\"' >>{kdump.config}",
    )
    if kdump.service:
        folder = folder_of(kdump)
        command = f"exec >{SECOND}; cat /proc/cmdline /proc/iomem; dmesg"
        root(
            node,
            f"mkdir -p {folder}; printf '%s\\n' '[Service]' "
            f"'ExecStartPre=-/bin/sh -c \"{command}\"' >{folder}/hyperv-mmio.conf",
        )
    root(node, kdump.reload)
    if root(node, "cat /sys/kernel/kexec_crash_loaded").strip() != "1":
        raise LisaException(f"no second kernel is loaded after '{kdump.reload}'")
    root(node, f"rm -f {SECOND}")


def restore(node: Node, log: Logger, kdump: Kdump) -> None:
    """Undo what prepare() changed in kdump's settings, if the VM answers."""
    saved = f"{kdump.config}{SAVED}"
    command = f"[ ! -e {saved} ] || mv {saved} {kdump.config}"
    if kdump.service:
        command += f"; rm -rf {folder_of(kdump)}"
    try:
        if not listens(node):
            raise LisaException("the VM does not answer")
        root(node, command, timeout=60)
    except (Exception, FunctionTimedOut) as e:
        log.info(f"kdump's settings are not restored: {e}")


@contextlib.contextmanager
def restored(node: Node, log: Logger) -> Iterator[Kdump]:
    """Give this system's kdump, and undo at the end what prepare() has changed of it."""
    kdump = kdump_of(node)
    try:
        yield kdump
    finally:
        restore(node, log, kdump)


def crash(node: Node, log: Logger, seconds: int) -> list[str]:
    """Crash the kernel, and wait for the next boot. Return which dumps are new."""
    before, old = boot_id(node), root(node, FIND).split()
    try:
        node.execute(TRIGGER, shell=True, sudo=True, timeout=15)
    except (Exception, FunctionTimedOut) as e:
        log.debug(f"the connection is gone: {e}")
    wait_for_boot(node, log, before, seconds, "the crash")
    return [path for path in root(node, FIND).split() if path not in old]


def second_log(node: Node, kdump: Kdump, dump: str) -> str:
    """Return what the second kernel logged; "" if that was not kept."""
    path = SECOND if kdump.service else str(PurePosixPath(dump).parent / "kexec-dmesg.log")
    return root(node, f"cat {shlex.quote(path)}") if exists(node, path) else ""


def check_dump(node: Node, dump: str, release: str) -> list[Check]:
    """The dump is on NVMe, and is one of the kernel that crashed."""
    disks = disks_of(node, dump)
    place = Check("dump_is_on_nvme")
    if not on_nvme(disks):
        place.why = f"{dump} is on {' '.join(disks)}, not on NVMe"
    text = root(
        node,
        f"head -c 16777216 {shlex.quote(dump)} | grep -aom1 'OSRELEASE=[^[:space:]]*' || true",
    )
    found = re.search(r"OSRELEASE=(\S+)", text)
    names = Check("dump_names_kernel")
    if not found or found[1] != release:
        names.why = f"{dump} is of kernel {found[1] if found else 'unknown'}, not {release}"
    return [place, names]


def check_second(first: str, log: str, kept: bool) -> Check:
    """The second kernel has reserved what the first one had; both are kernel logs."""
    check = Check("second_kernel_reservation")
    expected, found = reservation(first), reservation(log)
    if not log and not kept:
        check.why, check.skipped = "this kdump keeps no log of the second kernel", True
    elif not log:
        check.why = f"the second kernel left no {SECOND}"
    elif not expected:
        check.why, check.skipped = "the first kernel prints no reservation", True
    elif found != expected:
        check.why = f"the second kernel reserved {found or 'nothing'}, the first {expected}"
    return check
