# SPDX-License-Identifier: GPL-2.0-only
"""The VM: commands in it, and waiting until it has booted again."""
from __future__ import annotations

import re
import shlex
import time

from func_timeout import FunctionTimedOut  # type: ignore[import]
from lisa import LisaException, Logger, Node, RemoteNode
from lisa.util import constants
from lisa.util.shell import wait_tcp_port_ready

BOOT_ID = "/proc/sys/kernel/random/boot_id"
POLL = 3  # seconds
# "hv_vmbus: hv_mmio=[mem ...],[mem ...] fb=[mem 0xf8000000-0xfbffffff]"
RESERVATION = re.compile(r"hv_mmio=.* fb=\[mem (0x[0-9a-f]+-0x[0-9a-f]+)\]")


def root(node: Node, command: str, timeout: int = 600) -> str:
    """Run a shell command as root. Return its output, or raise if it fails."""
    result = node.execute(command, shell=True, sudo=True, timeout=timeout)
    if result.exit_code != 0:
        raise LisaException(
            f"'{command}' exits with {result.exit_code}: {result.stdout} {result.stderr}"
        )
    return str(result.stdout)


def exists(node: Node, path: str) -> bool:
    return node.execute(f"test -e {shlex.quote(path)}", shell=True, sudo=True).exit_code == 0


def check_release(node: Node, expected: str) -> str:
    """Return the release of the running kernel. If one is expected, it must be that."""
    release = str(node.execute("uname -r").stdout).strip()
    if expected and release != expected:
        raise LisaException(f"this is kernel {release}, not {expected}")
    return release


def boot_id(node: Node) -> str:
    return str(node.execute(f"cat {BOOT_ID}", timeout=20).stdout).strip()


def reservation(text: str) -> str:
    """Return the range that VMBus reserved, from a kernel log; "" if it has none."""
    found = RESERVATION.findall(text)
    return str(found[-1]) if found else ""


def listens(node: Node) -> bool:
    """The VM takes connections. LISA itself would wait 5 minutes for that."""
    assert isinstance(node, RemoteNode)
    ready, _ = wait_tcp_port_ready(
        node.connection_info[constants.ENVIRONMENTS_NODES_REMOTE_ADDRESS],
        node.connection_info[constants.ENVIRONMENTS_NODES_REMOTE_PORT],
        timeout=POLL,
    )
    return bool(ready)


def wait_for_boot(
    node: Node, log: Logger, before: str, seconds: int, after: str
) -> None:
    """Wait until the VM answers with another boot ID, and not from a crash kernel."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(POLL)
        if not listens(node):
            continue
        try:
            node.close()
            if boot_id(node) not in ("", before) and not exists(node, "/proc/vmcore"):
                return
        # FunctionTimedOut is no Exception.
        except (Exception, FunctionTimedOut) as e:
            log.debug(f"no answer yet: {e}")
    raise LisaException(
        f"no answer in {seconds} s after {after}; see the serial console, "
        "on Azure with az vm boot-diagnostics get-boot-log"
    )
