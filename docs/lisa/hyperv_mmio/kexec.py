# SPDX-License-Identifier: GPL-2.0-only
"""Boot a second kernel by kexec, and prove that it was kexec."""
from __future__ import annotations

import re
import shlex
import uuid

from func_timeout import FunctionTimedOut  # type: ignore[import]
from lisa import LisaException, Logger, Node
from lisa.operating_system import Posix

from .machine import boot_id, exists, root, wait_for_boot

NONCE = "hyperv_mmio_kexec"
INITRDS = (
    "/boot/initrd.img-{}",  # Debian, Ubuntu
    "/boot/initramfs-{}.img",  # Red Hat, Azure Linux
    "/boot/initrd-{}",  # SUSE
)


def initrd_of(node: Node, release: str) -> str:
    paths = [path.format(release) for path in INITRDS]
    for path in paths:
        if exists(node, path):
            return path
    raise LisaException(f"kernel {release} has no initrd: none of {', '.join(paths)}")


def was_kexec(node: Node) -> bool:
    """The running kernel was booted by kexec()."""
    return f"{NONCE}=" in root(node, "cat /proc/cmdline")


def _go(node: Node, log: Logger) -> None:
    """Run systemctl kexec. It fails, returns 0 at once, or the connection is lost."""
    try:
        result = node.execute("systemctl kexec", sudo=True, timeout=15)
    except (Exception, FunctionTimedOut) as e:
        log.debug(f"the connection is gone: {e}")
        return
    # -1: the connection was lost before the exit status.
    if not result.is_timeout and result.exit_code not in (0, -1, None):
        raise LisaException(
            f"systemctl kexec exits with {result.exit_code}: "
            f"{result.stdout} {result.stderr}"
        )


def kexec(node: Node, log: Logger, how: str, release: str, seconds: int) -> None:
    """Load the running kernel again with kexec @how (-c or -s), and boot it.

    The second kernel's command line has a word that no other boot has. Another boot
    ID alone could also be a reset into the same kernel.
    """
    if node.execute("command -v kexec", shell=True, sudo=True).exit_code:
        assert isinstance(node.os, Posix)
        node.os.install_packages("kexec-tools")
    words = root(node, "cat /proc/cmdline")
    nonce = f"{NONCE}={uuid.uuid4().hex}"
    words = f"{re.sub(rf' *{NONCE}=[^ ]*', '', words)} {nonce}"
    root(
        node,
        f"kexec -l {how} /boot/vmlinuz-{release} --initrd={initrd_of(node, release)} "
        f"--command-line={shlex.quote(words)}",
    )
    if root(node, "cat /sys/kernel/kexec_loaded").strip() != "1":
        raise LisaException(f"kexec -l {how} has loaded no kernel")
    before = boot_id(node)
    _go(node, log)
    wait_for_boot(node, log, before, seconds, f"kexec {how}")
    if nonce not in root(node, "cat /proc/cmdline").split():
        raise LisaException(
            f"the VM was reset, and did not boot the kernel that kexec {how} loaded: "
            f"'{nonce}' is not on its command line"
        )
