# SPDX-License-Identifier: GPL-2.0-only
"""A full disk: a clear line, no wait, and what had ended is kept. So it is when lab is killed."""

from __future__ import annotations

import signal
import subprocess
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import __main__ as lab_main
from lab import guest, hosts, job, kernels, matrix, results, runner, scenario, seeds
from lab.arches import Arch
from lab.common import LabError, writing
from lab.inner import check_space
from lab.process import Interrupted
from lab.runner import Outcome
from lab.soak_results import Dump
from lab.tests.conftest import Bench, wait_for
from lab.verdict import Result, Verdicts

FULL = "No space left on device"


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[None]:
    """Have the folder be a disk of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", folder],
                           capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("accel", ["kvm", "tcg"])
def test_jobs(bench: Bench, accel: str) -> None:
    """No room for the results of a job: it is named, and those before it stay."""
    bench.play(accel, "real()")
    with small_disk(bench.jobs, 2):
        bench.job("a", "echo good; echo kept >out/file")
        bench.job("b", "echo big; head -c 4000000 /dev/zero >out/file")
        bench.job("c", "true")
        status, err = bench.run(JOBS="1")
        assert status == 1
        assert f"lab: cannot write {bench.jobs}/b/out/file: {FULL}\n" in err
        assert [bench.had("a", name) for name in ("rc", "console", "out/file")] == \
            ["0", "good", "kept"]
        assert bench.had("b", "rc") == "-"
        assert not bench.processes() and not bench.folders()


def test_work(bench: Bench) -> None:
    """No room where a job runs, as in an inner host: it fails, others run."""
    bench.play("kvm", "")
    bench.job("a", "echo good; echo kept >out/file")
    bench.job("b", "cat /dev/zero >out/file")
    bench.job("c", "echo good")
    with small_disk(bench.top / "build/nest", 4):
        status, err = bench.run(JOBS="1")
        assert status == 3
        assert "running it again" not in err
        assert [bench.had(name, "rc") for name in "abc"] == ["0", "125", "0"]
        assert bench.had("b", "why") == "no space was left for its results"
        assert [bench.had("a", "out/file"), bench.had("c", "console")] == ["kept", "good"]


def test_streams(bench: Bench) -> None:
    """No room for what an inner host sends: another one is not tried."""
    bench.job("a", "echo good; echo kept >out/file")
    bench.job("b", "head -c 8000000 /dev/zero >out/file")
    bench.job("c", "true")
    with small_disk(bench.top / "build/nest", 4):
        began = time.monotonic()
        status, err = bench.run(JOBS="1", FROZEN="3")
        assert status == 1, err
        assert " is full: " in err and f": {FULL}\n" in err
        assert "trying" not in err and "running it again" not in err
        assert time.monotonic() - began < 20
        assert [bench.had("a", name) for name in ("rc", "console", "out/file")] == \
            ["0", "good", "kept"]
        assert not bench.processes()


def test_check_space(tmp_path: Path) -> None:
    check_space(tmp_path)
    with small_disk(tmp_path / "disk", 2):
        check_space(tmp_path / "disk")
        with pytest.raises(OSError, match=FULL):
            (tmp_path / "disk/file").write_bytes(bytes(4 << 20))
        with pytest.raises(LabError, match=f"the disk of .*/disk is full: {FULL}"):
            check_space(tmp_path / "disk")


def test_writing() -> None:
    """Python does not say which file had no room."""
    full = Path("/dev/full")
    with pytest.raises(LabError, match=f"^cannot write /dev/full: {FULL}$"), writing(full):
        full.write_text("x", encoding="ascii")
    with pytest.raises(LabError, match="^cannot write /none/file: No such file"), writing(full):
        Path("/none/file").write_text("x", encoding="ascii")


def dump(seed: int) -> Dump:
    return Dump(seed, "x86", "series", "gen2-default", "kdump-c", "sysrq", 1, 0, False, [])


def test_seeds(tmp_path: Path) -> None:
    """A result that does not fit is lost, and none of those before it."""
    file = tmp_path / "disk" / "results.jsonl"
    with small_disk(file.parent, 1):
        seeds.add(file, dump(1))
        filler = file.with_name("filler")
        with pytest.raises(OSError, match=FULL):
            filler.write_bytes(bytes(2 << 20))
        with pytest.raises(LabError, match=f"cannot write {file}: {FULL}"):
            for seed in range(2, 100):
                seeds.add(file, dump(seed))
        had = seeds.read(file, Dump)
        assert [one.seed for one in had] == list(range(1, len(had) + 1)) and len(had) > 1
        assert file.stat().st_size % 4096 == 0
        # There is still no room, but a line that is cut is no loss to the others.
        with pytest.raises(LabError, match=f"cannot write {file}: {FULL}"):
            seeds.add(file, dump(200))
        assert len(seeds.read(file, Dump)) == len(had)
        filler.unlink()
        seeds.add(file, dump(300))
        assert [one.seed for one in seeds.read(file, Dump)][-2:] == [len(had), 300]


class Fake:
    """A matrix of three runs, in place of which END is called after the second one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path,
                 end: Callable[[], None]) -> None:
        self.end = end
        self.folder = folder
        self.judged: list[str] = []
        self.triple = ""
        monkeypatch.setattr(guest, "files", lambda *args, **more: None)
        monkeypatch.setattr(job, "make", self.make)
        monkeypatch.setattr(matrix, "about", lambda *args: "accel\tkvm\n")
        monkeypatch.setattr(matrix, "result_of", self.result_of)
        monkeypatch.setattr(runner, "run_jobs", self.run_jobs)

    @staticmethod
    def make(folder: Path, files: Path, one: scenario.Scenario, path: str, pair: kernels.Pair,
             more: str) -> job.Job:
        folder.mkdir(parents=True)
        return job.Job(folder, one, path, pair, hosts.chosen())

    def run_jobs(self, folder: Path, *, ready: Callable[[str], None], verbose: bool,
                 arch: Arch) -> Outcome:
        names = sorted(path.name for path in folder.iterdir())
        assert len(names) == 3
        for number, name in enumerate(names):
            if number == 2:
                self.end()
            (folder / name / "rc").write_text(self.triple if number == 1 and self.triple else "0",
                                              encoding="ascii")
            ready(name)
        return Outcome("kvm")

    def result_of(self, one: job.Job) -> Result:
        self.judged.append(one.folder.name)
        v = Verdicts()
        v.check("ends", "rc", "0", (one.folder / "rc").read_text(encoding="ascii").strip()
                if (one.folder / "rc").exists() else "")
        return Result(one.scenario.name, one.path, one.kernel.name, 1.0, "", list(v.values()),
                      str(one.folder), "make run")

    def run(self) -> int:
        return matrix.matrix([f"gen2-default:boot:{name}" for name in
                              ("nofix", "mainline", "series")], self.folder)

    def kept(self, name: str) -> list[bool]:
        """Whether each result in that file is as expected."""
        file = self.folder / name
        return [one.ok for one in results.read(file)] if file.exists() else []


def nothing() -> None:
    pass


def interrupt() -> None:
    raise Interrupted(signal.SIGTERM)


def fail() -> None:
    raise LabError(f"cannot write x: {FULL}")


def test_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, tmp_path, nothing)
    assert fake.run() == 0
    assert fake.kept("result.jsonl") == [True] * 3
    assert not (tmp_path / "ended.jsonl").exists()
    assert len(fake.judged) == 3


def test_matrix_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                            capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake(monkeypatch, tmp_path, interrupt)
    with pytest.raises(Interrupted):
        fake.run()
    assert fake.kept("ended.jsonl") == [True] * 2
    assert not fake.kept("result.jsonl")
    assert f"lab: 2 of 3 runs had ended; {tmp_path}/ended.jsonl has their results\n" in \
        capsys.readouterr().err
    assert lab_main.table(Namespace(folder=tmp_path)) == 0
    assert "2 of 2 as expected" in capsys.readouterr().out
    # The next one begins anew.
    fake.end = nothing
    assert fake.run() == 0
    assert not (tmp_path / "ended.jsonl").exists()


def test_matrix_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                             capsys: pytest.CaptureFixture[str]) -> None:
    """The jobs have no room: what had ended is judged and kept, and the table is shown."""
    fake = Fake(monkeypatch, tmp_path, fail)
    with pytest.raises(LabError, match=f"^cannot write x: {FULL}$"):
        fake.run()
    assert sorted(fake.kept("result.jsonl")) == [False, True, True]
    assert "2 of 3 as expected" in capsys.readouterr().out


def test_matrix_without_room_for_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    disk = tmp_path / "disk"

    def fill() -> None:
        for folder in (disk / "jobs").iterdir():
            (folder / "rc").write_text("0", encoding="ascii")
        with pytest.raises(OSError, match=FULL):
            (disk / "filler").write_bytes(bytes(2 << 20))

    with small_disk(disk, 1):
        fake = Fake(monkeypatch, disk, fill)
        with pytest.raises(LabError, match=f"^cannot write {disk}/about: {FULL}$"):
            fake.run()
        assert fake.kept("ended.jsonl") == [True] * 3
    assert "3 of 3 as expected" in capsys.readouterr().out


def test_a_triple_fault_is_no_result_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, tmp_path, interrupt)
    fake.triple = matrix.TRIPLE_FAULT
    with pytest.raises(Interrupted):
        fake.run()
    assert fake.kept("ended.jsonl") == [True]
    assert len(fake.judged) == 1


def test_killed(bench: Bench) -> None:
    """SIGKILL: what each job left before it is there, as the caller was told."""
    bench.play("kvm", "")
    bench.job("a", "echo kept >out/file")
    bench.job("b", "sleep 1000")
    ready = bench.top / "ready"
    lab = bench.start("-c", "import pathlib, sys; from lab.runner import run_jobs\n"
                      "run_jobs(pathlib.Path(sys.argv[1]), jobs=1, ready=lambda name: "
                      "pathlib.Path(sys.argv[2]).write_text(name))", str(bench.jobs), str(ready))
    assert wait_for(ready.exists)
    lab.send_signal(signal.SIGKILL)
    lab.communicate(timeout=20)
    assert wait_for(lambda: not bench.processes())
    assert [bench.had("a", name) for name in ("rc", "out/file")] == ["0", "kept"]
    assert bench.had("b", "rc") == "-"


def test_errors_without_a_reason(bench: Bench) -> None:
    """shutil.Error is an OSError that has none."""
    code = ("import shutil, sys; from lab.process import guarded\n"
            "def run(): raise shutil.Error('a: No space left on device')\n"
            "sys.exit(guarded('lab', run))\n")
    assert bench.run("-c", code) == (1, f"lab: error: a: {FULL}\n")
