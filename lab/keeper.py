# SPDX-License-Identifier: GPL-2.0-only
"""keeper.py FD COMMAND...: run a command and leave no process behind.

FD is the read end of a pipe. lab holds the write end, and the kernel closes it
when lab dies, whatever lab dies of. This program ends the command, and every
process that the command started, in whatever session it is by then, when

- lab closes the pipe or dies,
- the command ends by itself,
- SIGTERM, SIGINT or SIGHUP arrives.

If this program is killed, the kernel kills the command. If stdin is a terminal, its
settings are restored at the end. The exit status is the command's, 128 plus the
number of a signal that ended it, or 127 if it could not be started.

lab.process runs this as a program of its own: it imports nothing from lab.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE = 2.0  # seconds between SIGTERM and SIGKILL
GIVE_UP = 10.0  # seconds after which a process that cannot be killed is left

LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    if LIBC.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def watch_signals() -> int:
    """Return a descriptor that is readable when a signal has arrived."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (*STOP, signal.SIGCHLD):
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGCHLD:
            signal.signal(number, lambda *_: None)
    # A background process may restore the terminal.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    return read


def arrived(signals: int) -> set[int]:
    """The signals that have arrived since the last call."""
    try:
        return set(os.read(signals, 4096))
    except BlockingIOError:
        return set()


def start(command: list[str]) -> int:
    """Start the command; the kernel kills it if this process dies."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTTOU):
            signal.signal(number, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def reap(pid: int) -> tuple[bool, int | None]:
    """Collect ended children: whether any child is left, and the wait status of pid if
    it was among them."""
    status = None
    while True:
        try:
            child, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False, status
        if child == 0:
            return True, status
        if child == pid:
            status = ended


def descendants() -> Iterator[int]:
    """Every process below this one. Orphans are below it, too: it is a subreaper."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found = list(children.get(os.getpid(), []))
    for pid in found:
        found += children.get(pid, [])
    yield from found


def send(number: int) -> None:
    for pid in descendants():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end_all(signals: int) -> None:
    """End every process below this one."""
    began = time.monotonic()
    if not reap(0)[0]:
        return
    send(signal.SIGTERM)
    while reap(0)[0]:
        spent = time.monotonic() - began
        if spent > GIVE_UP:
            left = " ".join(str(pid) for pid in descendants())
            os.write(2, f"these processes cannot be killed: {left}\n".encode())
            return
        if spent > GRACE:
            send(signal.SIGKILL)
        select.select([signals], [], [], 0.02)
        arrived(signals)


def wait(pid: int, alive: int, signals: int) -> int | None:
    """Wait for the end of pid and return its wait status; None if it is to be ended."""
    while True:
        ready = select.select([alive, signals], [], [])[0]
        status = reap(pid)[1]
        if status is not None:
            return status
        if alive in ready or not arrived(signals).isdisjoint(STOP):
            return None


def main(arguments: list[str]) -> int:
    alive = int(arguments[0])
    os.set_inheritable(alive, False)
    terminal = termios.tcgetattr(0) if os.isatty(0) else None
    signals = watch_signals()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        status = wait(start(arguments[1:]), alive, signals)
        end_all(signals)
    finally:
        if terminal:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, terminal)
    if status is None:
        return 128 + signal.SIGTERM
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
