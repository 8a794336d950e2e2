# SPDX-License-Identifier: GPL-2.0-only
"""lab.shell: a job with the terminal as its own, which is restored afterwards."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from lab.tests.conftest import Bench, wait_for

# As QEMU does: a raw terminal; then it copies its stdin in upper case.
FAKE = """
import tty
tty.setraw(0)
(FOLDER / "pid").write_text(str(os.getpid()))
os.write(1, b"raw\\r\\n")
while data := os.read(0, 100):
    os.write(1, data.upper())
    if data == b"\\x01x":
        sys.exit(0)
    if data == b"q":
        Path(PORTS["log"]).write_bytes(b"[1.0] x\\r\\nnest: the job ended with 5\\r\\n")
        sys.exit(0)
    if data == b"f":
        sys.exit(9)
"""


class Terminal:
    """lab.shell on a terminal."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.ours, self.its = pty.openpty()
        self.before = termios.tcgetattr(self.its)
        self.lab = subprocess.Popen(
            [sys.executable, "-m", "lab.shell", str(bench.jobs / "a")],
            cwd=bench.top.parent, env=bench.env(),
            stdin=self.its, stdout=self.its, stderr=self.its, start_new_session=True)

    def reads(self, want: bytes) -> bytes:
        """What it prints, up to what is wanted."""
        seen = b""
        while want not in seen:
            assert select.select([self.ours], [], [], 20)[0], seen
            seen += os.read(self.ours, 1000)
        return seen

    def write(self, data: bytes) -> None:
        os.write(self.ours, data)

    def raw(self) -> bool:
        return termios.tcgetattr(self.its) != self.before

    def ended(self, status: int) -> None:
        """It has ended so, and the terminal is as it was."""
        assert self.lab.wait(20) == status
        assert wait_for(lambda: not self.raw())
        assert wait_for(lambda: not self.bench.processes())


@pytest.fixture
def terminal(bench: Bench) -> Iterator[Terminal]:
    bench.job("a", "echo \"$NEST $(cat data)\"; read line; echo \"got $line\"", "exit 4")
    (bench.jobs / "a/data").write_text("data\n", encoding="ascii")
    bench.play("tcg", FAKE)
    made = Terminal(bench)
    yield made
    bench.kill_all()
    os.close(made.ours)
    os.close(made.its)


def test_the_terminal_is_the_jobs(terminal: Terminal) -> None:
    seen = terminal.reads(b"raw\r\n")
    assert b"lab: starting an inner host; Ctrl-A x ends it\r\n" in seen
    assert terminal.raw()
    terminal.write(b"abc")
    terminal.reads(b"ABC")
    terminal.write(b"\x03")  # no signal: the guest gets it
    terminal.reads(b"\x03")
    terminal.write(b"q")
    terminal.ended(5)
    assert not terminal.bench.folders()
    log = terminal.bench.top / "build/nest/shell.log"
    assert b"nest: the job ended with 5" in log.read_bytes()


def test_ended_from_outside(terminal: Terminal) -> None:
    terminal.reads(b"raw\r\n")
    terminal.write(b"\x01x")
    terminal.ended(0)


def test_qemu_fails(terminal: Terminal) -> None:
    terminal.reads(b"raw\r\n")
    terminal.write(b"f")
    log = terminal.bench.top / "build/nest/shell.log"
    terminal.reads(f"lab: QEMU ended with status 9; see {log}\r\n".encode())
    terminal.ended(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP,
                                    signal.SIGKILL])
def test_signals(terminal: Terminal, number: int) -> None:
    terminal.reads(b"raw\r\n")
    assert terminal.raw()
    terminal.lab.send_signal(number)
    terminal.ended(-number)
    assert number == signal.SIGKILL or not terminal.bench.folders()


def test_killed_qemu(terminal: Terminal) -> None:
    terminal.reads(b"raw\r\n")
    os.kill(int((terminal.bench.top.parent / "pid").read_text()), signal.SIGKILL)
    terminal.reads(b"QEMU ended with status 137")
    terminal.ended(1)


def test_killed_keeper(terminal: Terminal) -> None:
    terminal.reads(b"raw\r\n")
    keepers = [line for line in terminal.bench.processes() if "keeper.py" in line]
    assert len(keepers) == 1
    os.kill(int(keepers[0].split()[0]), signal.SIGKILL)
    terminal.reads(b"QEMU ended with status -9")
    terminal.ended(1)


def test_on_this_machine(bench: Bench, terminal: Terminal) -> None:
    terminal.reads(b"raw\r\n")
    terminal.write(b"\x01x")
    terminal.ended(0)
    bench.play("kvm", "")
    local = Terminal(bench)
    local.reads(b"kvm data\r\n")
    local.write(b"line\r")
    local.reads(b"got line\r\n")
    local.ended(4)
    assert not (bench.jobs / "a/out").exists()
    # Ctrl-C is for the job, which dies of it, and for lab.
    local = Terminal(bench)
    local.reads(b"kvm data\r\n")
    time.sleep(0.2)
    local.lab.send_signal(signal.SIGINT)
    local.ended(-signal.SIGINT)
    assert not bench.folders()


def test_bad_folders(bench: Bench) -> None:
    for arguments, text in (((), "usage: python3 -m lab.shell FOLDER"),
                            (("/none",), "lab: /none has no executable job")):
        status, err = bench.run("-m", "lab.shell", *arguments)
        assert status == 1
        assert text in err
