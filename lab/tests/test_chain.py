# SPDX-License-Identifier: GPL-2.0-only
"""Chains of kernels drawn by seed: what is drawn, what comes of it, results and their table."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab import chain, chain_judge, chain_results, guest, hvhost, kernels, seeds
from lab.chain_results import Chain
from lab.common import LabError
from lab.verdict import Verdicts
from lab.vmm import Order

RECORDINGS = Path(__file__).parent / "recordings"
SERIES = RECORDINGS / "series.gen2-default.kdump-c"
NOFIX = RECORDINGS / "nofix.gen2-default.kdump-c"
SOME = range(1, 301)
RELEASES = ["7.3.4-series", "7.3.4-nofix", "7.3.4-series"]


def drawn(seed: int) -> Chain:
    return chain.drawn(seed, "series", chain.OTHERS)


def test_drawn() -> None:
    """All there is to draw is drawn, within its bounds, and the same each time."""
    found = [drawn(seed) for seed in SOME]
    assert found == [drawn(seed) for seed in SOME]
    assert {one.machine for one in found} == {name for name, _ in chain.MACHINES}
    assert {len(one.kernels) for one in found} == set(range(3, 11))
    assert all(one.kernels[-1] == "series" for one in found)
    assert {one.kernels[0] for one in found} == {"nofix", "mainline", "series"}
    assert all(len(one.calls) == len(one.kernels) - 1 for one in found)
    assert {call for one in found for call in one.calls} == {"s", "c"}
    assert {tuple(order) for one in found for order in one.drivers} == \
        {("hyperv_drm", "pci-hyperv"), ("pci-hyperv", "hyperv_drm")}
    assert {device for one in found for device in one.pci} == set(chain.DEVICES)
    assert all("nvme" in one.pci and len(one.pci) <= 4 for one in found)
    assert set(chain.drawn(1, "6.1-series", "debian-6.1.192").kernels) <= \
        {"6.1-series", "debian-6.1.192"}


def test_order() -> None:
    """The first kernel is told of the others, in few enough words, and the host what was
    drawn."""
    for seed in SOME:
        one = drawn(seed)
        pair = kernels.pair(one.kernels[0])
        script = hvhost.script(Order(chain.scenario_of(one), "boot", pair, 100,
                                     chain.argument(one)))
        line = re.search(r"--append '([^']*)'", script)
        assert line and len(line[1]) < 1500
        told = re.findall(r"[:,=]([sc]):([^:]+):([^, ]+)", line[1])
        assert [call for call, _, _ in told] == one.calls
        assert [name for _, name, _ in told] == one.kernels[1:]
        assert [modules.split("+") for _, _, modules in told] == one.drivers[1:]
        assert f"guest.modules={','.join(one.drivers[0])} " in line[1]
        assert script.count(" --pci ") == len(one.pci) and " --memory 768M " in script
    debian = chain.argument(replace(drawn(1), kernels=["series", "debian-6.1.192"], calls=["c"]))
    assert re.fullmatch(r"guest.chain=c:debian-6.1.192:hv_vmbus\+hv_utils\+[a-z_+-]+", debian)


def halves(lines: list[str], begins: str) -> tuple[list[str], list[str]]:
    """Those of the first and of the second kernel, which begins with such a line."""
    at = [n for n, line in enumerate(lines) if begins in line][-1]
    return lines[:at], lines[at:]


def lines_of(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text(encoding="utf-8").splitlines()


def chained(to: Path) -> Chain:
    """A chain that never ran: series, nofix, which is refused its config window, and series,
    of two recordings."""
    shutil.copytree(SERIES, to)
    one = replace(drawn(1), machine="gen2-default", kernels=["series", "nofix", "series"],
                  calls=["c", "c"], drivers=[["hyperv_drm", "pci-hyperv"],
                                             *[["pci-hyperv", "hyperv_drm"]] * 2], pci=["nvme"])
    os_id = '"id":"0x81'
    first, last = halves(lines_of(SERIES, "out/trace"), os_id)
    middle = [line for line in halves(lines_of(NOFIX, "out/trace"), os_id)[1]
              if '"poweroff"' not in line and '"end"' not in line]
    leaves = [line for line in first if '"unload"' in line and "close" not in line or
              '"id":"0x0"' in line]
    write(to / "out" / "trace", [*first, *middle, *leaves, *last])
    starts = "guest: starts second 29.80"
    for name in ("out/findings", "console"):
        first, last = halves(lines_of(SERIES, name), "guest: kernel second")
        middle = [line for line in halves(lines_of(NOFIX, name), "guest: kernel second")[1]
                  if line != "guest: finished"]
        write(to / name, [*first, *middle, starts, *last])
    return one


def write(file: Path, lines: list[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def judged(one: Chain, folder: Path) -> Verdicts:
    return chain_judge.judge(one, folder, chain.scenario_of(one), RELEASES)


def test_good(tmp_path: Path) -> None:
    one = chained(tmp_path / "run")
    v = judged(one, tmp_path / "run")
    assert [verdict.text for verdict in v.values() if not verdict.ok] == []
    assert (one.outcome, one.why, one.lost) == ("ok", [], [[], ["nvme0"], []])
    assert one.seconds > 0
    assert {"ends", "well behaved", "detection", "vmbus", "windows", "reserve", "selftest",
            "reports", "disk", "vram", "lost", "d0", "tries", "second try", "conflicts",
            "space"} <= set(v)
    # Judged again it says the same.
    judged(one, tmp_path / "run")
    assert one.lost == [[], ["nvme0"], []]


# What is changed in which kernel, and what is red then. The kernel is 0 for the whole file.
RED: tuple[tuple[str, int, str, str, set[str]], ...] = (
    ("out/trace", 0, '"how":"poweroff"', '"how":"reset"', {"ends"}),
    ("rc", 0, "0", "1", {"ends"}),
    ("out/findings", 3, "guest: disk found", "guest: failed x\nguest: disk found", {"ends"}),
    ("out/findings", 3, "guest: finished", "guest: kernel second\nguest: finished",
     {"detection"}),
    ("out/trace", 2, '"event":"offers_requested"', '"event":"bad","who":"x","what":"y"',
     {"well behaved"}),
    ("out/trace", 2, '"event":"unload"', '"event":"unloaded"', {"vmbus"}),
    ("out/trace", 2, '"id":"0x0"', '"id":"0x1"', {"detection", "d0", "space"}),
    ("out/findings", 2, "guest: release 7.3.4-nofix", "guest: release 7.3.4-series",
     {"detection"}),
    ("out/findings", 3, "guest: kernel second", "guest: release 7.3.4-series",
     {"detection", "vmbus", "windows", "reserve", "selftest", "reports", "disk", "space"}),
    ("out/findings", 2, "Vmbus version:", "Vmbus:", {"vmbus"}),
    ("out/findings", 3, "windows f8000000", "windows f8100000", {"windows"}),
    ("out/findings", 1, "reservation f8000000", "reservation f8100000",
     {"reserve", "space"}),
    ("out/findings", 3, "ok 1 ", "not ok 1 ", {"selftest"}),
    ("out/findings", 3, "guest: disk found", "guest: disk missing", {"disk"}),
    ("out/findings", 3, "guest: file f6", "guest: file e6", {"disk"}),
    ("out/disk", 0, "fsck 0", "fsck 4", {"disk"}),
    ("out/trace", 3, '"fb":"0xf8000000-0xf87fffff","acc', '"fb":"0xf8800000-0xf8ffffff","acc',
     {"vram"}),
    ("out/trace", 2, '"reason":"framebuffer"', '"reason":"overlap"', {"lost"}),
    ("console", 2, "guest: disk missing", "BUG: kernel NULL pointer dereference", {"reports"}),
    ("console", 2, "guest: disk missing", "WARNING: at fs/inode.c:1 iput", set()),
    ("console", 3, "guest: disk found", "WARNING: at fs/inode.c:1 iput", {"reports"}),
    ("console", 1, "guest: disk found", "WARNING: at fs/inode.c:1 iput", {"reports"}),
)
BEGINS = {"out/trace": '"id":"0x81', "out/findings": "guest: kernel", "console": "guest: kernel"}


def change(file: Path, kernel: int, old: str, new: str, begins: str) -> None:
    """Replace OLD once in the lines of that kernel."""
    lines = file.read_text(encoding="utf-8").splitlines()
    number = 0
    for n, line in enumerate(lines):
        number += bool(begins) and begins in line
        if number == kernel and old in line:
            lines[n] = line.replace(old, new)
            write(file, lines)
            return
    raise AssertionError(f"{file}: kernel {kernel} has no {old}")


@pytest.mark.parametrize("name, kernel, old, new, red", RED)
def test_red(name: str, kernel: int, old: str, new: str, red: set[str], tmp_path: Path) -> None:
    one = chained(tmp_path / "run")
    change(tmp_path / "run" / name, kernel, old, new, BEGINS.get(name, "") if kernel else "")
    v = judged(one, tmp_path / "run")
    assert {group for group, verdict in v.items() if not verdict.ok} == red
    lost = red & {"d0", "disk", "lost"}
    assert one.outcome == ("lost" if lost else "other" if red else "ok")


def test_the_series_loses_a_device(tmp_path: Path) -> None:
    one = chained(tmp_path / "run")
    change(tmp_path / "run/out/trace", 3, '"status":"0x0","reason":"ok"',
           '"status":"0xc0370048","reason":"framebuffer"', BEGINS["out/trace"])
    v = judged(one, tmp_path / "run")
    assert {"lost", "d0", "tries", "second try", "log"} <= \
        {group for group, verdict in v.items() if not verdict.ok}
    assert "kernel 3, series" in v["lost"].text
    assert "config-on-framebuffer nvme0" in v["lost"].text
    assert (one.outcome, one.lost[2]) == ("lost", ["nvme0"])


def test_a_chain_that_ends_early(tmp_path: Path) -> None:
    one = chained(tmp_path / "run")
    findings = tmp_path / "run" / "out" / "findings"
    text = findings.read_text(encoding="utf-8")
    findings.write_text(text[:text.rindex("guest: end mmio")], encoding="utf-8")
    v = judged(one, tmp_path / "run")
    assert [group for group, verdict in v.items() if not verdict.ok] == ["findings"]
    assert (one.outcome, one.lost) == ("other", [])
    (tmp_path / "run" / "why").write_text("it did not end after 300 s\n", encoding="ascii")
    v = judged(one, tmp_path / "run")
    assert "it did not end after 300 s" in v["ends"].text


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = replace(drawn(1), kernels=["nofix", "mainline", "nofix", "series"], outcome="ok",
                  lost=[[], ["nvme0"], ["nvme0", "test0"], []])
    bad = replace(one, seed=2, outcome="other", why=["fail ends: x"], lost=[], faults=["x"])
    assert [line.split() for line in chain_results.table([one, bad])[1:]] == [
        ["mainline", "1", "1"], ["nofix", "2", "1"], ["series", "1", "-"]]
    assert chain_results.finish([one], tmp_path) == 0
    assert "1 chains of 4 kernels, none not as expected" in capsys.readouterr().err
    assert chain_results.finish([one, bad], tmp_path) == 1
    said = capsys.readouterr()
    assert "seed 2, other: " in said.out and "  fail ends: x\n" in said.out
    assert "again: make chain SEEDS=2 KERNEL=series KERNELS='nofix mainline' AGAIN=1" in said.out
    assert "2 chains of 8 kernels, 1 not as expected; faults of the emulator: 1" in said.err


@pytest.mark.parametrize("env, why", [
    ({"KERNEL": "nofix"}, "KERNEL=nofix: make chain needs a kernel with the series"),
    ({"KERNEL": "series..mainline"}, "KERNEL=series..mainline: make chain needs"),
    ({"KERNEL": "./bzImage"}, "KERNEL=./bzImage: make chain needs"),
    ({"KERNELS": "nofix..mainline"}, "KERNELS: 'nofix..mainline' is not the name of one kernel"),
    ({"KERNELS": "loud"}, "no such kernel: 'loud'"),
    ({"ARCH": "arm64"}, "make chain runs x86's guests on hvhost alone"),
    ({"HOST": "openvmm"}, "make chain runs x86's guests on hvhost alone")])
def test_refused(env: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch,
                 tmp_path: Path) -> None:
    monkeypatch.setenv("CHAIN", str(tmp_path))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LabError, match=re.escape(why)):
        chain.run("1", "")
    assert not list(tmp_path.iterdir())


def test_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are kept, and not made twice. Red runs leave their files."""
    ran: list[int] = []
    monkeypatch.delenv("SETTINGS", raising=False)

    def play(chains: dict[str, Chain], folder: Path, done: Callable[[str], None]) -> str:
        for name, one in chains.items():
            ran.append(one.seed)
            chained(folder / "jobs" / name)
            one.machine, one.kernels, one.calls = "gen2-default", ["series"] * 3, ["c", "c"]
            one.pci = ["nvme"]
            (folder / "jobs" / name / "rc").write_text("125\n" if one.seed == 3 else "0\n",
                                                       encoding="ascii")
            done(name)
        return "tcg"

    def files(folder: Path, some: list[kernels.Kernel]) -> None:
        for kernel in some:
            (folder / kernel.name).mkdir(parents=True)
            (folder / kernel.name / "release").write_text("7.3.4-series\n", encoding="ascii")

    monkeypatch.setenv("CHAIN", str(tmp_path))
    monkeypatch.setattr(chain, "play", play)
    monkeypatch.setattr(guest, "chain_files", files)
    # The second kernel is nofix, and loses its disk: with the series that is red.
    assert chain.run("1-3", "") == 1
    assert chain.run("2", "") == 1
    assert ran == [1, 2, 3]
    found = {one.seed: one for one in seeds.read(tmp_path / "results.jsonl", Chain)}
    assert {seed: one.outcome for seed, one in found.items()} == {1: "lost", 2: "lost", 3: "none"}
    assert (tmp_path / "found" / "1" / "out" / "trace").exists()
    monkeypatch.setenv("SETTINGS", "offers=video-first")
    assert chain.run("2", "") == 1
    assert ran == [1, 2, 3, 2]
