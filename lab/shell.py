# SPDX-License-Identifier: GPL-2.0-only
"""Runs one job with this terminal as its own: python3 -m lab.shell FOLDER.

FOLDER is a job's folder as lab.runner has it. There is no deadline, and nothing is
written back. Ctrl-A x ends it from outside, in the inner host as well as in hvhost. The
terminal's settings are restored, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path

from lab import arches
from lab.arches import Arch
from lab.common import BUILD, LabError, say
from lab.inner import Inner, local_environment
from lab.locks import scratch
from lab.process import Children, catch_signals, keep_terminal, pause
from lab.runner import find_place, program, read_job


def wait(children: Children, command: list[str], cwd: Path | None = None,
         env: dict[str, str] | None = None) -> int:
    """Run a command with this terminal; returns its exit status."""
    child = children.start(command, session=False, stdin=None, cwd=cwd, env=env)
    while (status := child.poll()) is None:
        pause(1.0)
    children.end(child)
    return status


def local(children: Children, work: Path, folder: Path) -> int:
    """Run the job on this machine, in a copy of its folder."""
    children.call("cp", "-rL", "--", f"{folder}/.", work)
    (work / "out").mkdir(exist_ok=True)
    return wait(children, ["./job"], work, local_environment())


def inner(children: Children, work: Path, folder: Path, host: Inner) -> int:
    """Run the job in an inner host. Its status is in the host's log."""
    archive, log = work / "in.tar", work / "log"
    children.call("tar", "-chf", archive, "-C", folder, ".")
    say("starting an inner host; Ctrl-A x ends it")
    command = host.command(archive, len(os.sched_getaffinity(0)), "nest.shell")
    try:
        status = wait(children, [*command,
                                 "-chardev", "stdio,id=terminal,mux=on,signal=off",
                                 "-device", "virtconsole,chardev=terminal",
                                 "-chardev", host.to_file("log", log),
                                 "-serial", "chardev:log"])
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(log, BUILD / "nest/shell.log")
    if status:
        raise LabError(f"QEMU ended with status {status}; see {BUILD}/nest/shell.log")
    text = log.read_bytes() if log.exists() else b""
    ended = re.findall(rb"^nest: the job ended with ([0-9]{1,3})\r?$", text, re.MULTILINE)
    return int(ended[-1]) if ended else 0


def shell(folder: Path, accel: str | None = None, arch: Arch | None = None) -> int:
    """Run the job in that folder with this terminal; returns its exit status, or 0 if
    the user ended the inner host. Call this in the main thread. Raises LabError if it
    could not be run, and Interrupted at a signal."""
    read_job(folder.resolve())
    with catch_signals(), keep_terminal(), scratch(BUILD / "nest", "shell") as work, \
            Children() as children:
        place = find_place(children, accel, arch or arches.chosen())[1]
        if isinstance(place, Inner):
            return inner(children, work, folder, place)
        return local(children, work, folder)


if __name__ == "__main__":
    sys.exit(program("lab.shell", shell))
