# SPDX-License-Identifier: GPL-2.0-only
"""A signal at any moment leaves no process and no folder behind."""

from __future__ import annotations

import signal
import time

import pytest

from lab.tests.conftest import Bench, wait_for

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
MOMENTS = [0.1 * n for n in range(1, 9)]


@pytest.fixture(params=["kvm", "tcg"])
def busy(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    """Jobs that start processes in sessions of their own; one ignores SIGTERM."""
    bench.play(request.param, "real()")
    bench.job("a", "setsid sh -c 'sleep 1000' &", "sleep 0.1")
    bench.job("d", "(trap '' TERM HUP INT; setsid sh -c 'sleep 1000; sleep 1000') &",
              "setsid sleep 1000 &", "echo there; sleep 1000")
    return bench


def interrupt(bench: Bench, number: int, moment: float | None) -> str:
    """Send a run that signal, at a moment or when all processes are there."""
    lab = bench.start(V="1", JOBS="2")
    if moment is None:
        assert lab.stderr
        assert any(line == "there\n" for line in lab.stderr)
    else:
        time.sleep(moment)
    assert bench.processes()
    lab.send_signal(number)
    err = lab.communicate(timeout=20)[1]
    if lab.returncode != -number:
        # Python was interrupted before it had started.
        assert number == signal.SIGINT and lab.returncode == 1, err
        assert "Fatal Python error" in err or "KeyboardInterrupt" in err
    if number == signal.SIGKILL:
        assert wait_for(lambda: not bench.processes()), bench.processes()
    else:
        assert not bench.processes()
        assert not bench.folders()
    return err


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_at_any_moment(bench: Bench, number: int, moment: float) -> None:
    bench.play("kvm", "")
    bench.job("a", "setsid sleep 1000 &", "sleep 0.2")
    bench.job("b", "echo there; setsid sh -c 'sleep 1000' & sleep 1000")
    interrupt(bench, number, moment)


@pytest.mark.parametrize("number", SIGNALS)
def test_at_work(busy: Bench, number: int) -> None:
    assert "Traceback" not in interrupt(busy, number, None)


@pytest.mark.parametrize("name", ["probe", "qemu", "host"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_while_a_program_prepares(bench: Bench, name: str, number: int) -> None:
    bench.job("a", "true")
    bench.stub(name, f"touch {bench.top}/there; (sleep 1000; true) & sleep 1000")
    lab = bench.start()
    assert wait_for((bench.top / "there").exists)
    lab.send_signal(number)
    lab.communicate(timeout=20)
    assert wait_for(lambda: not bench.processes())
    assert number == signal.SIGKILL or not bench.folders()


def test_twice(bench: Bench) -> None:
    """A second signal does not interrupt the cleaning up."""
    bench.play("kvm", "")
    bench.job("a", "trap '' TERM; echo there", "while :; do sleep 0.1; done")
    lab = bench.start(V="1")
    assert lab.stderr
    assert any(line == "there\n" for line in lab.stderr)
    lab.send_signal(signal.SIGINT)
    for _ in range(5):
        time.sleep(0.05)
        lab.send_signal(signal.SIGINT)
    lab.communicate(timeout=20)
    assert not bench.processes()
    assert not bench.folders()


def test_a_closed_stderr_ends_it(bench: Bench) -> None:
    bench.play("kvm", "")
    bench.job("a", "echo first; sleep 1; echo second; sleep 1000")
    lab = bench.start(V="1")
    assert lab.stderr and lab.stdout
    assert any(line == "first\n" for line in lab.stderr)
    lab.stderr.close()
    assert lab.wait(20) == 1
    lab.stdout.close()
    assert not bench.processes()
    assert not bench.folders()
