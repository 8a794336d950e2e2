# SPDX-License-Identifier: GPL-2.0-only
"""lab.runner and inner hosts that die, freeze, or send what they should not."""

from __future__ import annotations

import signal
import time

import pytest

from lab.host import Clock
from lab.tests.conftest import Bench, wait_for


@pytest.fixture
def two(bench: Bench) -> Bench:
    """With two jobs for one inner host."""
    bench.job("a", "true")
    bench.job("b", "true")
    return bench


def first(code: str, then: str = "real()") -> str:
    """A play whose first inner host does something else."""
    return f"if START == 1:\n    {code}\nelse:\n    {then}\n"


def run(bench: Bench, code: str, **env: str) -> tuple[int, str]:
    bench.play("tcg", code)
    return bench.run(**{"JOBS": "1", **env})


def starts(bench: Bench) -> int:
    return len((bench.top.parent / "starts").read_text(encoding="ascii").split())


def test_dies_each_time(bench: Bench) -> None:
    pid = bench.top.parent / "pid"
    bench.job("a", "echo kept")
    bench.job("b", f"echo last words; sleep 0.3; kill -9 $(cat {pid}); sleep 9")
    bench.job("c", "echo next")
    status, err = run(bench, "(FOLDER / 'pid').write_text(str(os.getpid())); real()")
    assert status == 3
    assert [bench.had(name, "rc") for name in "abc"] == ["0", "125", "0"]
    assert bench.had("a", "console") == "kept"
    assert bench.had("b", "console") == "last words"
    assert bench.had("b", "why") == "the inner host died"
    assert bench.had("b", "retried") == "2"
    assert "lab: b: the inner host died; running it again, try 3 of 3\n" in err
    assert "lab: 2 of 3: b: the inner host died, about" in err
    assert "lab: ran again because an inner host died or froze: b\n" in err
    assert bench.had("a", "retried") == bench.had("c", "retried") == "-"
    assert starts(bench) == 4


def test_freezes_once(two: Bench) -> None:
    (two.jobs / "b/out").mkdir()
    two.script(two.jobs / "b/job", "cat retried; ls out")
    freezes = "event('up'); done('a', good('a', 4)); begin('b'); sleep()"
    status, err = run(two, first(freezes), FROZEN="1")
    assert status == 3
    assert two.had("a", "rc") == "4"
    assert two.had("b", "rc") == "0"
    assert two.had("b", "console") == "1"
    assert "lab: b: the inner host froze; running it again, try 2 of 3\n" in err
    assert starts(two) == 2


@pytest.mark.parametrize("sign", ["event('alive')", "put(3, b'x')", "print(flush=True)"])
def test_any_sign_of_life_counts(two: Bench, sign: str) -> None:
    code = f"event('up'); begin('a')\nfor _ in range(4): {sign}; sleep(0.7)"
    err = run(two, first(f"exec({code!r})"), FROZEN="2")[1]
    assert "lab: a: the inner host died" in err
    assert "the inner host froze" not in err


def test_time_in_which_lab_is_stopped_does_not_count(two: Bench) -> None:
    """As when the machine is suspended: nothing runs, but the clock may go on."""
    code = ("event('up'); begin('a')\n"
            "while not (FOLDER / 'go').exists(): sleep(0.1)\n"
            "put(2, good('a')); event('end a 0 1'); done('b', good('b'))\n"
            "event('finished')")
    two.play("tcg", code)
    lab = two.start(JOBS="1", FROZEN="2")
    assert wait_for(lambda: any(two.top.glob("build/nest/jobs-*/0/live")))
    time.sleep(0.5)
    lab.send_signal(signal.SIGSTOP)
    time.sleep(4)
    lab.send_signal(signal.SIGCONT)
    time.sleep(0.2)
    (two.top.parent / "go").touch()
    err = lab.communicate(timeout=30)[1]
    assert lab.returncode == 0, err
    assert "froze" not in err


def test_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("lab.host.time.monotonic", lambda: now)
    clock = Clock()
    for gap, want in ((0.25, 0.25), (0.5, 0.75), (3600, 1.75), (0.25, 2.0)):
        now += gap
        clock.tick()
        assert clock.now == want


def test_a_result_without_its_event(two: Bench) -> None:
    status, err = run(two, first("event('up'); begin('a'); put(2, good('a', 7))"))
    assert status == 3
    assert two.had("a", "rc") == "7"
    assert two.had("a", "retried") == "-"
    assert "lab: 1 of 2: a: rc 7, but then the inner host died, about" in err


def test_half_a_result_without_its_event(two: Bench) -> None:
    assert run(two, first("event('up'); begin('a'); put(2, good('a', 7)[:1000])"))[0] == 0
    assert (two.had("a", "rc"), two.had("a", "retried")) == ("0", "1")


def test_a_refused_result_without_its_event(two: Bench) -> None:
    """Nothing of it is left for the next try."""
    two.script(two.jobs / "a/job", "ls out")
    bad = "archive(member('a/out/x'), member('a/out/x/y'), member('a/rc', b'0'))"
    assert run(two, first(f"event('up'); begin('a'); put(2, {bad})"))[0] == 0
    assert (two.had("a", "console"), two.had("a", "retried")) == ("", "1")
    assert not list((two.jobs / "a/out").iterdir())


@pytest.mark.parametrize(("text", "code"), [
    ("sent an invalid event: 'end a 0 1'", "event('end a 0 1')"),
    ("sent an invalid event: 'start nosuch 1'", "event('start nosuch 1')"),
    ("sent an invalid event: 'start b 1'", "begin('a'); event('start b 1')"),
    ("sent an invalid event: 'end b 0 1'", "begin('a'); event('end b 0 1')"),
    ("sent an invalid event: 'end a 0 x'",
     "begin('a'); put(2, good('a')); event('end a 0 x')"),
    ("sent an invalid event: 'finished'", "begin('a'); event('finished')"),
    ("sent an invalid event: 'start a 1'", "done('a', good('a')); event('start a 1')"),
    ("sent an invalid event: 'up'", "event('up')"),
    ("sent an invalid event: ''", "event('')"),
    ("sent an invalid event: '\\\\xff\\x1b[2J'", "event(b'\\xff\\x1b[2J')"),
    ("sent an invalid event: 'xxxxxx", "put(1, b'x' * 100000); sleep()"),
    ("has no /dev/kvm", "event('broken has no /dev/kvm'); sleep()"),
    ("stopped answering", "begin('a')\n    while True: event('alive'); sleep(0.01)"),
])
def test_events_that_cannot_be(two: Bench, text: str, code: str) -> None:
    """They end that inner host, and the jobs run in another."""
    (two.jobs / "a/deadline").write_text("1\n", encoding="ascii")
    status, err = run(two, first("event('up'); " + code), GRACE="1")
    assert status == 0, err
    assert f"the inner host {text}" in err
    assert starts(two) == 2


def test_an_archive_is_refused(two: Bench) -> None:
    """Only that job fails."""
    code = ("event('up'); done('a', archive(member('../../x', b'evil'))); "
            "done('b', good('b')); event('finished')")
    status, err = run(two, code)
    assert status == 3
    why = "its results were refused: '../../x' is outside of the job's folder"
    assert (two.had("a", "rc"), two.had("a", "why")) == ("125", why)
    assert two.had("a", "retried") == "-"
    assert f"lab: 1 of 2: a: {why}" in err
    assert (two.had("b", "rc"), two.had("b", "console")) == ("0", "fine")
    assert starts(two) == 1


def test_an_archive_is_cut(two: Bench) -> None:
    """That job fails, and the rest runs in another inner host."""
    status, err = run(two, first("event('up'); done('a', good('a')[:700]); sleep()"))
    assert status == 3
    assert two.had("a", "why") == "its results were refused: the archive is cut"
    assert two.had("b", "rc") == "0"
    assert "lab: the inner host sent results that cannot be read; jobs left: 1\n" in err
    assert starts(two) == 2


def test_no_result_at_all(two: Bench) -> None:
    status, err = run(two, "event('up'); event('finished')")
    assert status == 1
    assert "lab: no results came from the jobs a b\n" in err


def test_never_comes_up(two: Bench) -> None:
    status, err = run(two, "print('booting \\x1b[2J', flush=True); sleep()", BOOT="1")
    assert status == 1
    assert "the inner host stopped answering; its last words: booting ?[2J; " \
        "starting another, try 3 of 3\n" in err
    assert f"its last words: booting ?[2J; see {two.top}/build/nest/host.log\n" in err
    assert starts(two) == 3


def test_one_of_two_hosts_never_comes_up(two: Bench) -> None:
    """The other one still brings its results."""
    code = "import tarfile\nif 'a' in tarfile.open(JOBS).getnames(): sleep()\nreal()"
    status, err = run(two, code, BOOT="1", JOBS="2")
    assert status == 1
    assert "stopped answering; see" in err
    assert two.had("b", "rc") == "0"


def test_no_memory(two: Bench) -> None:
    code = ("import sys, pathlib; import lab.inner; from lab.runner import run_jobs\n"
            "lab.inner.available_memory = lambda: 2000\n"
            "try: run_jobs(pathlib.Path(sys.argv[1]))\n"
            "except Exception as error: print(error, file=sys.stderr)\n")
    assert two.run("-c", code, str(two.jobs))[1] == (
        "too little memory for an inner host: 2000 MiB are available,"
        " 2048 MiB are needed\n")
