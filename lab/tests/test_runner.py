# SPDX-License-Identifier: GPL-2.0-only
"""lab.runner: jobs that succeed, fail and hang, and what is refused before the start."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lab.host import Job
from lab.runner import split
from lab.tests.conftest import Bench, wait_for


@pytest.fixture(params=["kvm", "tcg"])
def both(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    """On this machine, and in an inner host that pretends."""
    bench.play(request.param, "real()")
    return bench


def test_four_jobs_in_a_row(both: Bench, tmp_path: Path) -> None:
    good = both.job("a-good", "echo to stdout; echo to stderr >&2",
                    "mkdir out/sub; tr a-z A-Z <data >out/sub/data",
                    "chmod 700 out/sub/data")
    (tmp_path / "data").write_text("from a link\n", encoding="ascii")
    (good / "data").symlink_to(tmp_path / "data")
    fails = both.job("b-fails", "echo failing; exit 3")
    (fails / "why").write_text("stale", encoding="ascii")
    (fails / "retried").write_text("2\n", encoding="ascii")
    (fails / "out").mkdir()
    (fails / "out/stale").touch()
    both.job("c-hangs", "echo before", "sleep 1000 & sleep 1000", "echo after",
             deadline=1)
    both.job("d-last", "until [ -e console ]; do :; done; ls -A")
    status, err = both.run(JOBS="1")
    assert status == 3
    assert [both.had(n, "rc") for n in ("a-good", "b-fails", "c-hangs", "d-last")] \
        == ["0", "3", "124", "0"]
    assert both.had("a-good", "console") == "to stdout\nto stderr"
    assert both.had("a-good", "out/sub/data") == "FROM A LINK"
    assert (good / "out/sub/data").stat().st_mode & 0o777 == 0o700
    assert both.had("b-fails", "why") == both.had("b-fails", "retried") == "-"
    assert not list((fails / "out").iterdir())
    assert both.had("c-hangs", "console") == "before"
    assert both.had("c-hangs", "why") == "killed after its deadline of 1 s"
    assert sorted(both.had("d-last", "console").split()) == ["console", "job", "out"]
    assert "lab: 4 of 4: d-last: rc 0" in err
    assert "s left" in err
    assert not both.processes()
    assert not both.folders()


def test_all_succeed(both: Bench) -> None:
    both.job("a", "true")
    assert both.run()[0] == 0


def test_ready_is_called_when_the_files_are_there(both: Bench) -> None:
    for name in ("a", "b"):
        both.job(name, f"echo {name} >out/file; echo on console")
    code = ("import pathlib, sys; from lab.runner import run_jobs\n"
            "jobs = pathlib.Path(sys.argv[1])\n"
            "def ready(name):\n"
            "    files = [(jobs / name / f).read_text().strip()"
            " for f in ('out/file', 'console', 'rc')]\n"
            "    print('ready', name, files, file=sys.stderr)\n"
            "outcome = run_jobs(jobs, ready=ready, jobs=1)\n"
            "print('outcome', outcome.status, outcome.exit_status, file=sys.stderr)\n")
    status, err = both.run("-c", code, str(both.jobs))
    assert status == 0, err
    for name in ("a", "b"):
        assert f"ready {name} ['{name}', 'on console', '0']" in err
    assert "outcome {'a': 0, 'b': 0} 0" in err


def test_verbose_shows_the_console(both: Bench) -> None:
    both.job("a", "echo live text")
    assert "\nlive text\n" in both.run(V="1")[1]
    assert "\nlive text\n" not in both.run()[1]


def test_two_inner_hosts(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.job(name, "true")
    status, err = bench.run(JOBS="2")
    assert (status, "inner hosts: 2" in err) == (0, True)
    assert len((bench.top.parent / "starts").read_text(encoding="ascii").split()) == 2


def test_split() -> None:
    def jobs(**deadlines: int) -> list[Job]:
        return [Job(name, Path(name), deadline) for name, deadline in deadlines.items()]

    def names(parts: list[list[Job]]) -> list[str]:
        return ["".join(job.name for job in part) for part in parts]

    assert names(split(jobs(a=9, b=9, c=9, d=9, e=9), 2)) == ["ace", "bd"]
    assert names(split(jobs(a=9, b=9, c=30, d=9, e=9), 2)) == ["c", "abde"]


def test_what_left_its_session_ends_with_the_batch(both: Bench) -> None:
    both.job("a", "setsid sh -c \"trap '' TERM HUP; echo; sleep 1000\" >out/file 2>&1 &",
             "until [ -s out/file ]; do sleep 0.1; done")
    assert both.run()[0] == 0
    assert not both.processes()


def test_bad_folders(bench: Bench) -> None:
    def fails(text: str, *arguments: str, **env: str) -> None:
        arguments = arguments or (str(bench.jobs),)
        status, err = bench.run("-m", "lab.runner", *arguments, **env)
        assert status == 1
        assert text in err

    fails("usage: python3 -m lab.runner FOLDER", "one", "two")
    fails("lab: no such folder of jobs: /none", "/none")
    fails(f"lab: {bench.jobs} has no jobs (folders with an executable job)")
    empty = bench.jobs / "empty"
    empty.mkdir()
    fails(f"lab: {empty} has no executable job")
    (empty / "job").touch()
    fails(f"lab: {empty} has no executable job")
    (empty / "job").chmod(0o755)
    (empty / "deadline").write_bytes(b"soo\xffn\n")
    fails("empty/deadline is a number of seconds, not 'soo\ufffdn'")
    (empty / "deadline").write_text("0", encoding="ascii")
    fails("not '0'")
    (empty / "deadline").unlink()
    fails("lab: JOBS is a number from 1 to 9999, not '0'", JOBS="0")
    fails("lab: FROZEN is a number from 1 to 9999, not 'x'", FROZEN="x")
    empty.rename(bench.jobs / "two words")
    fails("'two words' is no name for a job (letters, digits, . _ -)")


def test_programs_that_fail(bench: Bench) -> None:
    bench.job("a", "true")
    for name in ("host", "qemu", "probe"):
        bench.stub(name, f"echo {name}: cannot >&2; exit 1")
        status, err = bench.run()
        assert status == 1
        assert f"{name}: cannot\n" in err
        assert f"lab: nest/{name} failed with status 1\n" in err
    (bench.top / "nest/probe").unlink()
    assert "lab: nest/probe failed with status 127\n" in bench.run()[1]


def test_a_killed_run_is_cleaned_up_by_the_next(bench: Bench) -> None:
    bench.job("a", "[ ! -e wait ] || exec sleep 1000")
    (bench.jobs / "a/wait").touch()
    running, killed = bench.start(), bench.start()
    assert wait_for(lambda: len(list(bench.top.glob("build/nest/jobs-*/0/events"))) == 2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert len(bench.folders()) == 2
    (bench.jobs / "a/wait").unlink()
    assert bench.run()[0] == 0
    assert len(bench.folders()) == 1
    running.send_signal(signal.SIGTERM)
    running.communicate()
    assert not bench.folders()
