# SPDX-License-Identifier: GPL-2.0-only
"""lab.process and lab.locks, in programs of a few lines."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.common import LabError
from lab.locks import lock
from lab.process import Children, Interrupted, catch_signals, pause
from lab.tests.conftest import Bench, wait_for

HEAD = """
import sys, time, os, signal, pathlib
from lab.common import *
from lab.process import *
from lab.locks import lock, scratch
folder = pathlib.Path.cwd()
"""
HOLD = HEAD + """
with lock(folder / "lock", "make matrix"):
    print("held", file=sys.stderr, flush=True)
    time.sleep(1000)
"""
WAIT = HEAD + """
try:
    with lock(folder / "lock", "waiter", float(sys.argv[1])):
        print("got it", file=sys.stderr)
except LabError as error:
    say(str(error))
"""


def hold(bench: Bench, code: str = HOLD) -> subprocess.Popen[str]:
    process = bench.start("-c", code)
    assert process.stderr
    assert process.stderr.readline() == "held\n"
    return process


def descriptors(pid: object) -> dict[str, str]:
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        # A process that has just started opens and closes others.
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = os.readlink(path)
    return found


def wait_to_wait(bench: Bench) -> subprocess.Popen[str]:
    """A process that waits for the lock."""
    waiter = bench.start("-c", WAIT, "30")
    path = str(bench.top.parent / "lock")
    assert wait_for(lambda: path in descriptors(waiter.pid).values())
    return waiter


def test_a_lock_says_who_holds_it(bench: Bench) -> None:
    holder = hold(bench)
    since = time.strftime("%H:")
    path = bench.top.parent / "lock"
    err = bench.run("-c", WAIT, "2.5")[1]
    who = f"{holder.pid} (make matrix, since {since}"
    assert f"lab: waiting for {who}" in err
    assert f"lab: waited 2.5 s for {who}" in err
    assert f"which holds the lock {path}; try again when it has finished" in err
    holder.kill()
    holder.communicate()
    assert bench.run("-c", WAIT, "0")[1] == "got it\n"
    # It was released, and says so.
    assert path.read_bytes() == b""


def test_a_lock_is_passed_on(bench: Bench) -> None:
    holder = hold(bench)
    waiter = wait_to_wait(bench)
    holder.kill()
    holder.communicate()
    assert waiter.communicate(timeout=20)[1] == "got it\n"


def test_a_lock_without_its_file(bench: Bench) -> None:
    """Who waits for a file that make clean removes gets the new one."""
    holder = hold(bench)
    waiter = wait_to_wait(bench)
    (bench.top.parent / "lock").unlink()
    second = hold(bench)
    holder.kill()
    holder.communicate()
    time.sleep(0.5)
    assert waiter.poll() is None
    second.kill()
    second.communicate()
    assert waiter.communicate(timeout=20)[1] == "got it\n"


def test_no_child_holds_a_lock(bench: Bench) -> None:
    """Not even one that was left alone with its keeper killed."""
    holder = hold(bench, HEAD + """
with lock(folder / "lock", "x"), scratch(folder, "s"), Children() as children:
    child = children.start(["sh", "-c", "setsid sleep 1000 & exec sleep 1000"])
    print("held", file=sys.stderr, flush=True)
    while not (folder / "go").exists():
        time.sleep(0.1)
    os.kill(child._process.pid, signal.SIGKILL)
    time.sleep(1000)
""")

    def sleepers() -> list[str]:
        return [line.split()[0] for line in bench.processes() if " sleep 1000" in line
                and " sh " not in line and "python" not in line]

    assert wait_for(lambda: len(sleepers()) == 2)
    for pid in sleepers():
        assert descriptors(pid).keys() == {"0", "1", "2"}, descriptors(pid)
    (bench.top.parent / "go").touch()
    assert wait_for(lambda: len(sleepers()) == 1)  # the one in a session of its own
    holder.kill()
    holder.wait()  # communicate() would wait for the one that is left
    assert len(sleepers()) == 1
    assert bench.run("-c", WAIT, "0")[1] == "got it\n"


def test_bad_locks(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"cannot lock .*/file/lock: File exists"):
        (tmp_path / "file").touch()
        with lock(tmp_path / "file/lock", "x"):
            pass
    with lock(tmp_path / "lock", "x"), \
            pytest.raises(LabError, match="this process already holds the lock"), \
            lock(tmp_path / "lock", "y"):
        pass


def test_lock_wait(bench: Bench) -> None:
    code = HEAD + "try:\n  with lock(folder / 'lock', 'x'): pass\n" \
        "except LabError as error: say(str(error))"
    assert "LOCK_WAIT is a number from 1 to 9999, not 'x'" in bench.run(
        "-c", code, LOCK_WAIT="x")[1]
    holder = hold(bench)
    assert "waited 1 s for" in bench.run("-c", code, LOCK_WAIT="1")[1]
    holder.kill()
    holder.communicate()


def test_a_killed_keeper_takes_its_command_along(bench: Bench) -> None:
    code = HEAD + """
with catch_signals(), Children() as children:
    child = children.start(["sleep", "1000"])
    time.sleep(0.5)
    os.kill(child._process.pid, signal.SIGKILL)
    while child.poll() is None:
        pause(0.1)
    children.end(child)
    print(child.poll(), file=sys.stderr)
"""
    assert bench.run("-c", code)[1] == "-9\n"
    assert wait_for(lambda: not bench.processes())


def test_statuses() -> None:
    with catch_signals(), Children() as children:
        for command, want in (
                (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
                (["/none"], 127), (["/etc/passwd"], 127)):
            child = children.start(command)
            while child.poll() is None:
                pause(0.1)
            assert child.poll() == want
        assert children.call("printf", "x%.0s", *[str(n) for n in range(9)]) == "x" * 9
        large = children.call("head", "-c", "1000000", "/dev/zero")
        assert len(large) == 1000000
        with pytest.raises(LabError, match="false failed with status 1"):
            children.call("false")


def test_a_signal_that_was_ignored_stays_ignored(bench: Bench) -> None:
    bench.play("kvm", "")
    bench.job("a", "echo there; sleep 1")
    code = ("import signal, sys, os; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
            "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])")
    lab = bench.start("-c", code, "-m", "lab.runner", str(bench.jobs), V="1")
    assert lab.stderr
    assert any(line == "there\n" for line in lab.stderr)
    lab.send_signal(signal.SIGHUP)
    lab.communicate(timeout=20)
    assert lab.returncode == 0


def test_signals_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted), catch_signals(), catch_signals():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
    assert signal.getsignal(signal.SIGINT) is before
    with catch_signals():
        pause(0)
