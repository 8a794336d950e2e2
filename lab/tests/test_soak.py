# SPDX-License-Identifier: GPL-2.0-only
"""Kdumps drawn by seed: what is drawn, what comes of it, results and their table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lab import (guest, hvhost, job, judge, judged, kernels, plan, scenario, seeds, soak,
                 soak_results)
from lab.arches import ARM64, X86, Arch
from lab.common import LabError
from lab.soak_results import Dump
from lab.verdict import Result, Verdicts
from lab.vmm import Order

RECORDING = Path(__file__).parent / "recordings" / "series.gen2-default.kdump-c"
SOME = range(1, 301)


@pytest.mark.parametrize("kernel, arch, kinds", [
    ("series", X86, {"sysrq", "oom", "init", "nmi"}),
    ("series-soak", X86, {"sysrq", "oom", "init", "nmi", "irq", "oops", "stack", "lockup"}),
    ("series", ARM64, {"sysrq", "oom", "init"})])
def test_drawn(kernel: str, arch: Arch, kinds: set[str]) -> None:
    """All there is to draw is drawn, within its bounds, and the same each time."""
    found = [soak.drawn(seed, kernel, arch) for seed in SOME]
    assert found == [soak.drawn(seed, kernel, arch) for seed in SOME]
    assert {one.crash for one in found} == kinds
    assert {one.machine for one in found} == {name for name, _ in soak.MACHINES[arch.name]}
    assert {one.path for one in found} == {"kdump-s", "kdump-c"}
    assert {one.cpus for one in found} == set(range(1, 9))
    assert {one.busy for one in found} == {True, False}
    assert all(0 <= one.cpu < one.cpus for one in found)
    assert {one.cpu for one in found} == set(range(8))
    assert all(1 <= len(one.pci) <= 64 and 1 <= one.pci.count("nvme") <= 8 for one in found)
    assert {soak_results.buses(one) for one in found} == {"1", "2-4", "5-16", "17-64"}
    assert not any(one.crash == "lockup" and one.cpus == 1 for one in found)
    for key, values in soak.HOST.items():
        assert {one.host.get(key) for one in found} == set(values)


def test_kernels_differ_in_the_crash_alone() -> None:
    for seed in range(50):
        one, other = soak.drawn(seed, "series"), soak.drawn(seed, "series-soak")
        assert replace(other, kernel="series", crash=one.crash) == one


@pytest.mark.parametrize("kernel, arch", [("series", X86), ("series-soak", X86),
                                          ("6.1-series", X86), ("series", ARM64)])
def test_is_a_scenario(kernel: str, arch: Arch, tmp_path: Path) -> None:
    """Each can be read, and hvhost gets what was drawn."""
    for seed in range(60):
        one = soak.drawn(seed, kernel, arch)
        file = tmp_path / f"{seed}.toml"
        file.write_text(soak.as_scenario(one), encoding="utf-8")
        found = scenario.read(file)
        pair = kernels.pair(kernel)
        assert list(found.runs()) == [(one.path, pair.name)]
        assert (found.arch, list(found.pci)) == (arch, one.pci)
        assert not found.known_failure(pair, one.path)
        arguments = list(plan.guest_arguments(found, pair, one.path))
        assert {f"guest.crash-by={one.crash}", f"guest.crash-cpu={one.cpu}"} <= set(arguments)
        assert ("guest.busy=yes" in arguments) == one.busy
        script = hvhost.script(Order(found, one.path, pair, 100))
        assert f" --cpus {one.cpus} " in script
        assert all(f" --{key} {value} " in script for key, value in one.host.items())
        assert (f"--nmi-on '{one.cpu}=guest: crashes nmi\n'" in script) == (one.crash == "nmi")
        for key, value in one.guest.items():
            assert list(found.guest[key]) == value


def test_exceptions_stay(tmp_path: Path) -> None:
    """Those for the drawn kernel and path, and no others."""
    for path, want in (("kdump-c", "0"), ("kdump-s", "f8000000")):
        one = replace(soak.drawn(1, "series"), machine="gen2-default", path=path, host={})
        file = tmp_path / f"{path}.toml"
        file.write_text(soak.as_scenario(one), encoding="utf-8")
        found = scenario.read(file)
        pair = kernels.pair("series")
        assert found.expected("lfb-base", pair, path, "second") == want
        assert found.expected("lfb-base", pair, path, "first") == "f8000000"


BAD = """about = "x"
profile = "gen2"
paths = ["kdump-c"]
"""


@pytest.mark.parametrize("text, why", [
    ('[guest]\ncrash-by = "boredom"\n', "crash-by cannot be 'boredom': expected sysrq or oom"),
    ('[guest]\ncrash-by = "lockup"\n', "crash-by = lockup with 1 cpu"),
    ('[guest]\nbusy = 1\n', "busy cannot be 1: expected true or false"),
    ('[host]\npci = ["test,bar32=4K"]\n[guest]\nbusy = true\n', "busy without nvme")])
def test_bad_scenarios(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD + text, encoding="utf-8")
    with pytest.raises(LabError, match=why):
        scenario.read(file)


def test_nmi_is_of_x86(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD.replace("gen2", "arm64") + '[guest]\ncrash-by = "nmi"\n', encoding="utf-8")
    with pytest.raises(LabError, match="crash-by = nmi is x86's"):
        scenario.read(file)


def test_asked() -> None:
    assert seeds.asked("", "", 20) == list(range(1, 21))
    assert seeds.asked("", "3", 20) == [1, 2, 3]
    assert seeds.asked("7,9-10", "", 20) == [7, 9, 10]
    for bad in ("0", "-1", "x", "1.5", "1000001", "99999999999"):
        with pytest.raises(LabError, match=f"N is a number of runs .*, not '{bad}'"):
            seeds.asked("", bad, 20)
    with pytest.raises(LabError, match="SEEDS: 'x' is not SEED"):
        seeds.asked("x", "", 20)
    with pytest.raises(LabError, match="SEEDS=1-4 and N=3: give one of them"):
        seeds.asked("1-4", "3", 20)


@pytest.mark.parametrize("env, why", [
    ({"KERNEL": "nofix"}, "KERNEL=nofix: make soak needs a kernel with the series"),
    ({"KERNEL": "nofix..series"}, "KERNEL=nofix..series: make soak needs"),
    ({"KERNEL": "./bzImage"}, "KERNEL=./bzImage: make soak needs"),
    ({"KERNEL": "series-loud"}, "no such kernel: 'series-loud'"),
    ({"KERNEL": "series-soak", "ARCH": "arm64"}, "KERNEL=series-soak: there is none of arm64"),
    ({"HOST": "openvmm"}, "HOST=openvmm: make soak runs on hvhost alone")])
def test_refused(env: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch,
                 tmp_path: Path) -> None:
    monkeypatch.setenv("SOAK", str(tmp_path))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LabError, match=why):
        soak.run("1", "")
    assert not list(tmp_path.iterdir())


def result(**groups: bool) -> Result:
    v = Verdicts()
    for group, good in groups.items():
        v.check(group, "x", True, good)
    return Result("soak-1", "kdump-c", "series", 12.34, "", list(v.values()), "", "")


GOOD = {"ends": True, "vmcore": True, "dump": True, "crash": True}


@pytest.mark.parametrize("found, rc, outcome", [
    (result(**GOOD), "0", "ok"),
    (result(**{**GOOD, "dump": False}), "0", "lost"),
    (result(**{**GOOD, "vmcore": False}), "0", "lost"),
    (result(**{**GOOD, "crash": False}), "0", "lost"),
    (result(**{**GOOD, "ends": False}), "1", "other"),
    (result(ends=False), "124", "lost"),
    (result(ends=False), "4", "lost"),
    (result(), "0", "lost"),
    (result(ends=True, vmcore=True, dump=True), "0", "lost"),
    (result(ends=False), "125", "none")])
def test_outcomes(found: Result, rc: str, outcome: str) -> None:
    one = soak.drawn(1, "series")
    soak_results.judge(one, found, rc)
    assert one.outcome == outcome
    assert one.seconds == 12.3
    assert bool(one.why) == (outcome != "ok" and bool(found.verdicts))


def test_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    some = [soak.drawn(seed, "series") for seed in range(1, 41)]
    for one in some:
        one.outcome, one.seconds = "ok", 10
    some[1].outcome, some[1].why, some[1].seconds = "lost", ["fail dump: x"], 30
    some[2].outcome, some[3].outcome = "other", "none"
    some[4].faults = ["triple fault", "inner host", "inner host"]
    lines = soak_results.table(some)
    assert lines[0].split() == ["runs", "ok", "lost", "other", "none", "triple", "died", "mean",
                                "s", "max", "s"]
    assert lines[-1].split() == ["all", "40", "37", "1", "1", "1", "1", "2", "10", "30"]
    cells = {tuple(line[:26].split()): line[26:].split() for line in lines[1:-1]}
    first = [line[10:26].strip() for line in lines[1:]]
    assert ("machine", min({d.machine for d in some})) in cells
    own = [d for d in some if d.machine == some[1].machine]
    line = next(line for line in lines if line[10:26].strip() == some[1].machine)
    assert line[26:].split()[:3] == [str(len(own)), str(sum(d.outcome == "ok" for d in own)), "1"]
    # The last is of the buses.
    assert [text for text in first if text.isdigit()] == [*sorted({str(d.cpus) for d in some}), "1"]
    # Each table has every run.
    for name, value in soak_results.COLUMNS:
        values = {value(d) for d in some}
        start = next(n for n, text in enumerate(lines) if text.startswith(f"{name} "))
        assert sum(int(text[26:].split()[0]) for text in lines[start:start + len(values)]) == 40
    assert soak_results.finish(some, tmp_path) == 1
    said = capsys.readouterr()
    assert "seed 2, lost" in said.out and "  fail dump: x\n" in said.out
    assert "again: make soak SEEDS=2 KERNEL=series AGAIN=1" in said.out
    assert "40 kdumps, 1 lost, 2 otherwise not as expected; faults of the emulator: 3" in said.err
    assert soak_results.finish(some[4:], tmp_path) == 0
    assert "36 kdumps, none lost" in capsys.readouterr().err


def test_again() -> None:
    one = replace(soak.drawn(7, "series", ARM64), settings="offers=guid")
    assert one.again == "make soak SEEDS=7 KERNEL=series ARCH=arm64 SETTINGS='offers=guid' AGAIN=1"


class Fake:
    """In place of guests: what each seed comes to, by the number of its try."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, accel: str = "tcg") -> None:
        self.ran: list[int] = []
        self.status: dict[int, list[str]] = {}
        self.retried: dict[int, str] = {}
        self.accel = accel
        monkeypatch.setenv("SOAK", str(folder))
        monkeypatch.setattr(soak, "play", self.play)
        monkeypatch.setattr(guest, "files", lambda *args, **more: None)
        monkeypatch.setattr(job, "read", lambda made: made)
        monkeypatch.setattr(judged, "result_of", self.result_of)

    def play(self, dumps: dict[str, Dump], folder: Path, files: Path,
             done: Callable[[str], None]) -> str:
        shutil.rmtree(folder / "jobs", ignore_errors=True)
        (folder / "scenarios").mkdir(exist_ok=True)
        for name, one in dumps.items():
            made = folder / "jobs" / name
            (made / "out").mkdir(parents=True)
            (folder / "scenarios" / f"soak-{one.seed}.toml").write_text("x", encoding="utf-8")
            tries = self.ran.count(one.seed)
            self.ran.append(one.seed)
            status = self.status.get(one.seed, ["0"])
            (made / "console").write_text(f"try {tries + 1}\n", encoding="ascii")
            (made / "rc").write_text(status[min(tries, len(status) - 1)] + "\n", encoding="ascii")
            if one.seed in self.retried:
                (made / "retried").write_text(self.retried[one.seed], encoding="ascii")
            done(name)
        return self.accel

    @staticmethod
    def result_of(made: Path) -> Result:
        rc = (made / "rc").read_text(encoding="ascii").strip()
        return result(**GOOD) if rc == "0" else result(ends=False)


def test_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that has a result is not run again; one that was cut off is."""
    fake = Fake(monkeypatch, tmp_path)
    assert soak.run("", "12") == 0
    assert fake.ran == list(range(1, 13))
    assert soak.run("10-14", "") == 0
    assert fake.ran[12:] == [13, 14]
    file = tmp_path / "results.jsonl"
    lines = file.read_text(encoding="utf-8")
    file.write_text(lines[:-20], encoding="utf-8")
    assert soak.run("13-15", "") == 0
    assert fake.ran[14:] == [14, 15]
    assert len(seeds.read(file, Dump)) == 15
    # Another kernel and other settings are other runs, and AGAIN asks for one.
    monkeypatch.setenv("KERNEL", "series-soak")
    assert soak.run("3", "") == 0
    monkeypatch.setenv("KERNEL", "series")
    monkeypatch.setenv("SETTINGS", "high-mmio=1G")
    assert soak.run("3", "") == 0
    monkeypatch.delenv("SETTINGS")
    assert soak.run("3", "") == 0
    assert fake.ran[16:] == [3, 3]
    monkeypatch.setenv("AGAIN", "1")
    assert soak.run("3", "") == 0
    assert fake.ran[18:] == [3]
    file.write_text("nonsense\n" + json.dumps(asdict(soak.drawn(1, "series"))) + "\n",
                    encoding="utf-8")
    with pytest.raises(LabError, match="results.jsonl: line 1 is malformed"):
        soak.run("3", "")


def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an emulator does is counted apart; what a kernel does again is its own."""
    fake = Fake(monkeypatch, tmp_path)
    fake.status = {2: ["4", "0"], 3: ["4", "4"], 4: ["1"], 5: ["125"]}
    fake.retried = {5: "2\n", 6: "1\n"}
    assert soak.run("1-6", "") == 1
    assert fake.ran == [1, 2, 3, 4, 5, 6, 2, 3]
    found = {one.seed: one for one in seeds.read(tmp_path / "results.jsonl", Dump)}
    assert {seed: one.outcome for seed, one in found.items()} == {
        1: "ok", 2: "ok", 3: "lost", 4: "lost", 5: "none", 6: "ok"}
    assert {seed: one.faults for seed, one in found.items() if one.faults} == {
        2: ["triple fault"], 3: ["triple fault"], 5: ["inner host"] * 2, 6: ["inner host"]}
    kept = {path.name for path in (tmp_path / "found").iterdir()}
    assert kept == {"2", "3", "4", "5", "6"}
    assert (tmp_path / "found" / "4" / "soak-4.toml").exists()
    assert [(tmp_path / "found" / "2" / name).read_text(encoding="ascii")
            for name in ("again", "console")] == ["try 1\n", "try 2\n"]


def test_hardware_gives_no_second_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, tmp_path, "kvm")
    fake.status = {2: ["4", "0"]}
    assert soak.run("1-3", "") == 1
    assert fake.ran == [1, 2, 3]
    assert len(seeds.read(tmp_path / "results.jsonl", Dump)) == 3


LOG = """[    0.0] Linux version 7.3.4-series (guest@hyperv-mmio) (gcc) #1 SMP
[    9.9] Kernel panic - not syncing: {}
"""
PANICS = {"sysrq": "sysrq triggered crash", "init": "Attempted to kill init! exitcode=0x00000100",
          "oom": "Out of memory: system-wide panic_on_oom is enabled",
          "nmi": "NMI: Not continuing", "irq": "from hard IRQ context", "oops": "Fatal exception",
          "stack": "Fatal exception\n[ 9.8] BUG: TASK stack guard page was hit at (____ptrval____)",
          "lockup": "Hard LOCKUP"}


def crashed(folder: Path, kind: str, log: str, disk: str, cpu: int = 0,
            busy: bool = True) -> Verdicts:
    """The verdicts over a recorded kdump, as if it had been one of these."""
    shutil.copytree(RECORDING, folder)
    (folder / "out" / "dmesg").write_text(log, encoding="utf-8")
    with (folder / "out" / "disk").open("a", encoding="utf-8") as out:
        out.write(disk)
    one = job.read(folder)
    host = {**one.scenario.host, "cpus": 8}
    ours = {**one.scenario.guest, "crash-by": kind, "crash-cpu": cpu, "busy": busy}
    return judge.judge(folder, replace(one.scenario, host=host, guest=ours), one.path, one.kernel)


@pytest.mark.parametrize("kind", list(PANICS))
def test_crash(kind: str, tmp_path: Path) -> None:
    disk = "opened 800\nbusy 2097152\n"
    v = crashed(tmp_path / "good", kind, LOG.format(PANICS[kind]), disk)
    assert not [verdict.text for verdict in v.values() if not verdict.ok]
    assert "crash" in v
    other = PANICS["nmi" if kind != "nmi" else "oom"]
    v = crashed(tmp_path / "bad", kind, LOG.format(other), disk)
    assert [group for group, verdict in v.items() if not verdict.ok] == ["crash"]
    assert f"its log is Kernel panic - not syncing: {other}, not {kind}" in v["crash"].text


@pytest.mark.parametrize("change, why", [
    ({"disk": "unopened Can't open the dump file(dump).\nbusy 2097152\n"},
     "the dump is Can't open the dump file"),
    ({"disk": "busy 2097152\n"}, "the dump is missing, not opened"),
    ({"disk": "opened 0\nbusy 2097152\n"}, "the dump is missing, not opened"),
    ({"log": ""}, "its log is no panic, not init"),
    ({"log": LOG.format(PANICS["init"]).replace("7.3.4-series", "7.3.4-nofix")},
     "the release in its log is 7.3.4-nofix, not 7.3.4-series"),
    ({"cpu": 3}, "the vCPU is 0, not 3"),
    ({"cpu": 7}, "the vCPU is 0, not 7")])
def test_crash_is_red(change: dict[str, object], why: str, tmp_path: Path) -> None:
    usual: dict[str, object] = {"kind": "init", "log": LOG.format(PANICS["init"]),
                                "disk": "opened 800\nbusy 2097152\n"}
    v = crashed(tmp_path / "bad", **{**usual, **change})  # type: ignore[arg-type]
    assert [group for group, verdict in v.items() if not verdict.ok] == ["crash"]
    assert why in v["crash"].text


@pytest.mark.parametrize("disk, why", [("", "none"), ("busy 0\n", "0"), ("busy 65536\n", "65536")])
def test_busy(disk: str, why: str, tmp_path: Path) -> None:
    v = crashed(tmp_path / "bad", "init", LOG.format(PANICS["init"]), "opened 800\n" + disk)
    assert [group for group, verdict in v.items() if not verdict.ok] == ["busy"]
    assert f"the file's bytes is {why}, not 2097152" in v["busy"].text
    v = crashed(tmp_path / "idle", "init", LOG.format(PANICS["init"]), "opened 800\n", busy=False)
    assert v["crash"].ok and "busy" not in v


@pytest.mark.parametrize("kind", ["oom", "lockup"])
def test_any_processor(kind: str, tmp_path: Path) -> None:
    v = crashed(tmp_path / "run", kind, LOG.format(PANICS[kind]), "opened 1\nbusy 2097152\n", 5)
    assert v["crash"].ok


def test_crash_on_the_console(tmp_path: Path) -> None:
    """What a kernel says when it is to crash is no warning; what it said before is one."""
    lines = "BUG: kernel NULL pointer dereference, address: 0\nguest: kernel second\n"
    for name, console, red in (("good", "guest: crashes oops\n" + lines, []),
                               ("bad", lines, ["reports"])):
        crashed(tmp_path / name, "oops", LOG.format(PANICS["oops"]), "opened 1\nbusy 2097152\n")
        (tmp_path / name / "console").write_text(console, encoding="utf-8")
        one = job.read(tmp_path / name)
        v = judge.judge(tmp_path / name, one.scenario, one.path, one.kernel)
        assert [group for group, verdict in v.items() if not verdict.ok] == red


def test_crash_is_not_judged_without_the_key(tmp_path: Path) -> None:
    shutil.copytree(RECORDING, tmp_path / "run")
    one = job.read(tmp_path / "run")
    assert "crash" not in judge.judge(tmp_path / "run", one.scenario, one.path, one.kernel)
