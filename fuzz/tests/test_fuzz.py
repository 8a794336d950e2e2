# SPDX-License-Identifier: GPL-2.0-only
"""Fuzzers in turn, what is kept of them, and what they reach."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz import __main__ as program
from fuzz import coverage, fuzzers, turns
from fuzz.fuzzers import HVHOST, Fuzzer
from lab.common import LabError
from lab.process import Children

Make = Callable[..., Fuzzer]
PRETEND = Path(__file__).with_name("pretend")


@pytest.fixture(name="fuzzer")
def make_fuzzer(tmp_path: Path) -> Make:
    def make(name: str, *seeds: str) -> Fuzzer:
        file = tmp_path / name
        shutil.copy(PRETEND, file)
        first = tmp_path / f"{name}.first"
        first.mkdir()
        for seed in ("seed", *seeds):
            (first / seed).write_text(f"{seed}\n", encoding="ascii")
        one = Fuzzer(name, file, file, first, tmp_path / "kept" / name)
        fuzzers.prepare(one)
        return one
    return make


def inputs(one: Fuzzer) -> list[str]:
    return sorted(file.name for file in one.corpus.iterdir())


def take(found: list[Fuzzer], seconds: float = 1, jobs: int = 2) -> None:
    with Children() as children:
        turns.take(children, found, seconds, jobs)


def test_turns(fuzzer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets its time, in slices, and what ran is counted."""
    monkeypatch.setattr(turns, "SLICE", 2)
    found = [fuzzer("a"), fuzzer("b"), fuzzer("c")]
    take(found, 4)
    assert [one.runs for one in found] == [20, 20, 20]
    for one in found:
        assert (one.kept / "seconds").read_text(encoding="ascii").split() == ["2", "2"]
        assert inputs(one) == ["new", "seed"]


def test_order() -> None:
    one, two = (Fuzzer(name, Path(), Path(), None, Path()) for name in "ab")
    assert list(turns.order([one, two], 30)) == [(one, 30), (two, 30)]
    assert [one.name for one, _ in turns.order([one, two], 1200)] == ["a", "b", "a", "b"]


def test_fault(fuzzer: Make) -> None:
    """It is kept, and the fuzzer goes on without it."""
    one = fuzzer("a")
    (one.kept / "finds").write_text("x\ny\n", encoding="ascii")
    take([one], 20)
    assert [file.name for file in one.faults()] == ["crash-x", "crash-y"]
    assert one.runs == 4 + 4 + 10


def test_kept_input_fails(fuzzer: Make) -> None:
    """An input of an earlier run that fails today is a fault, and is none of the inputs."""
    one = fuzzer("a")
    (one.corpus / "old").write_text("bad\n", encoding="ascii")
    take([one], 20)
    assert [file.name for file in one.faults()] == ["crash-old"]
    assert inputs(one) == ["new", "seed"]


def test_many_faults(fuzzer: Make) -> None:
    """The turn is over."""
    one = fuzzer("a")
    (one.kept / "finds").write_text("\n".join(map(str, range(9))), encoding="ascii")
    take([one], 20)
    assert len(one.faults()) == turns.MOST


def test_the_same_fault_again(fuzzer: Make) -> None:
    """It has the same name, and ends nothing."""
    one = fuzzer("a")
    (one.found / "crash-x").write_text("bad\n", encoding="ascii")
    (one.kept / "finds").write_text("x\nx\n", encoding="ascii")
    take([one], 20)
    assert [file.name for file in one.faults()] == ["crash-x"]
    assert not one.broken and one.runs == 4 + 4 + 10


def test_first_input_fails(fuzzer: Make) -> None:
    """One of this repository is a fault like any other."""
    one = fuzzer("a", "bad")
    take([one], 20)
    assert [file.name for file in one.faults()] == ["crash-bad"]
    assert not one.broken and one.runs == 4 + 10 and inputs(one) == ["new", "seed"]


def test_broken(fuzzer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends without an input has no more turns; the others have theirs."""
    monkeypatch.setattr(turns, "SLICE", 1)
    one, two = fuzzer("a"), fuzzer("b")
    (one.kept / "broken").touch()
    take([one, two], 3)
    assert one.broken.startswith("it ended with status 3 and left no input; see ")
    assert len((one.kept / "seconds").read_text(encoding="ascii").split()) == 1
    assert two.runs == 30
    assert any(line.startswith("a: it ended with status 3") for line in program.results([one]))


def test_retry(fuzzer: Make) -> None:
    """What failed before is tried again; what is repaired is an input from then on."""
    one = fuzzer("a")
    for _ in range(2):
        (one.found / "crash-x").write_text("bad\n", encoding="ascii")
        with Children() as children:
            fuzzers.retry(children, one)
        if not one.fixed:
            assert [file.name for file in one.faults()] == ["crash-x"]
            (one.kept / "repaired").touch()
    assert one.fixed == ["crash-x"] and not one.faults()
    assert (one.corpus / "crash-x").exists()


def test_minimise(fuzzer: Make) -> None:
    """It leaves the inputs if it fails, also when it is killed."""
    one = fuzzer("a")
    (one.corpus / "x").touch()
    with Children() as children:
        fuzzers.minimise(children, one)
        assert inputs(one) == ["seed", "x"] and not one.broken
        one.program.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
        fuzzers.minimise(children, one)
    assert one.broken.startswith("its inputs cannot be minimised; see ")
    assert inputs(one) == ["seed", "x"]
    one.corpus.rename(one.kept / "corpus.old")
    fuzzers.prepare(one)
    assert inputs(one) == ["seed", "x"]


def test_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["ring", "vpci", "crs"]
    assert fuzzers.chosen(known) == known
    monkeypatch.setenv("ONLY", "crs ring crs")
    assert fuzzers.chosen(known) == ["crs", "ring"]
    monkeypatch.setenv("ONLY", "rings")
    with pytest.raises(LabError, match=r"no such fuzzer: 'rings' \(known: ring vpci crs\)"):
        fuzzers.chosen(known)


@pytest.mark.parametrize("text, value", [("8", 8), ("0.5", 0.5), ("", 8)])
def test_hours(text: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURS", text)
    assert program.hours() == value


@pytest.mark.parametrize("text", ["0", "0.0", "-1", "x", "1e3", "99999", "inf"])
def test_no_hours(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURS", text)
    with pytest.raises(LabError, match=f"HOURS is .*'{text}'"):
        program.hours()


@pytest.mark.parametrize("finds, status", [("", 0), ("x\n", 1)])
def test_status(finds: str, status: int, fuzzer: Make, monkeypatch: pytest.MonkeyPatch,
                capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The exit status, and what is printed."""
    one = fuzzer("a")
    (one.kept / "finds").write_text(finds, encoding="ascii")
    monkeypatch.setenv("FUZZ", str(tmp_path / "kept"))
    monkeypatch.setenv("HOURS", "0.001")
    monkeypatch.setattr("sys.argv", ["fuzz"])
    monkeypatch.setattr(fuzzers, "names", lambda children: ["a"])
    monkeypatch.setattr(fuzzers, "build", lambda *_: [one])
    monkeypatch.setattr(coverage, "measure", lambda *_: coverage.read(LCOV, CUT).values())
    assert program.main() == status
    out = capsys.readouterr().out
    assert ("Inputs that fail" in out) == bool(finds)
    assert not finds or f"{one.program} {one.found}/crash-x" in out
    assert "hvhost/hv/ring.c" in out
    assert "a: crash" not in out
    text = (tmp_path / "kept" / "unreached").read_text(encoding="ascii")
    assert text.startswith("hvhost/hv/ring.c: functions never\nhvhost/hv/ring.c: lines 3-4 7\n")


CUT = Path("/build/sweep/fuzz/7.3-series/cut.c")
LCOV = f"""SF:{HVHOST}/hv/../hv/ring.c
FN:1,ring.c:used
FNDA:5,ring.c:used
FNDA:0,never
DA:1,5
DA:2,1
DA:3,0
DA:4,0
DA:7,0
end_of_record
SF:{HVHOST}/tests/fuzz_ring.c
FNDA:0,LLVMFuzzerTestOneInput
DA:1,0
end_of_record
SF:{CUT}
FNDA:1,vmbus_add_mmio
DA:9,1
end_of_record
SF:/usr/include/stdio.h
DA:1,0
end_of_record
"""


def test_coverage() -> None:
    found = list(coverage.read(LCOV, CUT).values())
    assert [file.name for file in found] == ["hvhost/hv/ring.c", "the kernel"]
    lines = list(coverage.table(found))
    assert lines[1].split() == "hvhost/hv/ring.c 1 of 2 2 of 5 40 %".split()
    assert lines[2].split() == "the kernel 1 of 1 1 of 1 100 %".split()
    left = list(coverage.unreached(found))
    assert left[:2] == ["hvhost/hv/ring.c: functions never", "hvhost/hv/ring.c: lines 3-4 7"]
    assert "hvhost/arch/vm.c: all of it; no fuzzer that ran has it" in left
    assert not any(line.startswith("hvhost/hv/ring.c: all") for line in left)


def test_every_file_of_hvhost_is_looked_for() -> None:
    every = {str(file.relative_to(HVHOST)) for file in HVHOST.glob("**/*.c")
             if "tests" not in file.parts and file.name != "main.c"}
    assert every == {name.removeprefix("hvhost/") for name in coverage.nowhere([])}
