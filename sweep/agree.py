# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m sweep.agree [--count N] [--seed S]: the sweep against hvhost. With ARCH=arm64,
arm64's layouts.

Draws N (40) layouts, with ways to use them, from all that the sweep covers, boots them on
hvhost with the kernels themselves, and compares what the sweep says with what the host and
the guests saw: windows, reservation, framebuffer, every window of every bus, and what is
lost. lab judges what a scenario can say. The windows are compared here: those that each
bus took, by its kernel's /proc/iomem; the config windows and BARs by the host's trace.

Prints "ok NAME: WHAT", or "not ok NAME: WHAT" and why. The scenarios and what came of them
stay in build/sweep/agree, arm64's in build/sweep/agree-arm64. Exit: 0 if all agree.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lab import arches, findings, kernels, results
from lab.common import BUILD, TOP, LabError, Range
from lab.process import Children, call, catch_signals, guarded, pause
from lab.scenario import kernels_of
from lab.trace import Life, read_trace
from lab.verdict import Result
from sweep import scenario
from sweep.build import build

Way = dict[str, Any]


def folder() -> Path:
    """Of the architecture that ARCH chooses."""
    return BUILD / "sweep" / f"agree{arches.chosen().suffix}"


def number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 to 9999")
    return int(text)


def show(ranges: Iterable[Range]) -> str:
    return " ".join(map(str, sorted(ranges))) or "nothing"


def parse(texts: Iterable[str | None]) -> set[Range]:
    return {found for text in texts if text and (found := Range.parse(text))}


def taken(bus: Way) -> set[Range]:
    """What a bus keeps, windows in which a BAR is then refused included."""
    tried = bus.get("tried", {})
    return parse([bus["config"], bus["low"], bus["high"], tried.get("low"), tried.get("high")])


def bus_differences(device: str, bus: Way, life: Life, has: set[Range]) -> Iterator[str]:
    """What differs for one bus. HAS: what its kernel's /proc/iomem says it has."""
    want = taken(bus)
    if has != want:
        yield f"{device} has {show(has)}, not {show(want)}"
    windows = parse([bus["config"] or bus.get("tried", {}).get("config"),
                     *bus.get("refused", ())])
    told = {e.range("window") for e in life.all("d0_entry", device=device)}
    if told != windows:
        yield f"{device}'s config windows are {show(told)}, not {show(windows)}"
    for e in life.all("bar", "conflict", device=device):
        if e.name == "bar" or e.get("what") == "bar":
            at = e.range("range")
            if not any(at.inside(window) for window in want):
                yield f"{device}'s BAR {e.get('bar')} is at {at}, outside of {show(want)}"


def differences(way: Way, result: Result) -> Iterator[str]:
    """What the host or a guest saw of the windows and the sweep does not say."""
    folder = TOP / result.folder
    trace = read_trace(folder / "out" / "trace")
    found = findings.read(folder / "out" / "findings")
    which = kernels_of(result.path)
    if len(trace.lives) != len(which):
        yield f"{len(trace.lives)} kernels started, not {len(which)}"
        return
    for name, life in zip(which, trace.lives):
        has: dict[str, set[Range]] = {}
        for span, owner in found.of(name).iomem:
            has.setdefault(owner, set()).add(span)
        for i, bus in enumerate(way[name]["bus"]):
            owned = has.get(life.instances.get(f"test{i}", ""), set())
            for text in bus_differences(f"test{i}", bus, life, owned):
                yield f"{name} kernel: {text}"


def complaints(way: Way, result: Result | None) -> list[str]:
    """All that does not agree."""
    if not result:
        return ["it was not played"]
    found = [verdict.text for verdict in result.failed]
    try:
        found += differences(way, result)
    except LabError as e:
        found.append(str(e))
    return found


def describe(way: Way) -> str:
    lives = " -> ".join(f"{way[which]['kernel']} {way[which]['order']}"
                        for which in ("first", "second") if way.get(which))
    return (f"{way['group']}, low MMIO {way['low']} MiB, framebuffer {way['fb_mib']} MiB, "
            f"high {way['high']}, {way['set']}, {way['path']}, {way['told']}, {lives}")


def draw(count: int, seed: int) -> list[str]:
    """Layouts and ways, a line of JSON each."""
    build(BUILD / "sweep", [kernels.kernel(role).build for role in kernels.ROLES])
    which = [f"--{arches.ARM64.name}"] if arches.chosen() is arches.ARM64 else []
    text = call(BUILD / "sweep" / "sweep", "--draw", str(count), "--seed", str(seed), *which)
    (folder() / "drawn.jsonl").write_text(text, encoding="utf-8")
    return text.splitlines()


def play() -> tuple[bool, dict[str, Result]]:
    """Run the scenarios. Returns whether all are as expected, and the results by scenario."""
    env = {"SCENARIOS": str(folder() / "scenarios"), "MATRIX": str(folder() / "matrix")}
    with (folder() / "table").open("wb") as table, Children() as children:
        child = children.start([TOP / "lab" / "lab", "matrix"], stdout=table, env=env)
        while (status := child.poll()) is None:
            pause(0.5)
    found = results.read(folder() / "matrix" / "result.jsonl")
    return status == 0, {r.scenario: r for r in found}


def agree(count: int, seed: int) -> bool:
    shutil.rmtree(folder(), ignore_errors=True)
    folder().mkdir(parents=True)
    drawn = draw(count, seed)
    scenario.write(folder() / "scenarios", drawn)
    good, played = play()
    for n, line in enumerate(drawn, 1):
        way, name = json.loads(line), f"drawn-{n:03d}"
        wrong = complaints(way, played.get(name))
        print(f"{'not ok' if wrong else 'ok'} {name}: {describe(way)}")
        for text in wrong:
            print(f"  {text}")
        good = good and not wrong
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="sweep.agree")
    parser.add_argument("--count", type=number, default=40, metavar="N")
    parser.add_argument("--seed", type=number, default=1, metavar="S")
    args = parser.parse_args()

    def run() -> int:
        with catch_signals():
            if agree(args.count, args.seed):
                return 0
        raise LabError(f"they do not agree; see {folder()}")

    return guarded("sweep.agree", run)


if __name__ == "__main__":
    sys.exit(main())
