# SPDX-License-Identifier: GPL-2.0-only
"""The command line: lab/lab VERB; the Makefile calls it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from lab import (arches, chain, compare, debian, demo, given, guest, hostile, hosts, hvhost, job,
                 judged, kernels, matrix, msdebian, recordings, results, runner, scenario, schema,
                 soak, unknown)
from lab.common import BUILD, LabError, one_of, say
from lab.locks import scratch
from lab.matrix import Cell
from lab.process import catch_signals, guarded, need
from lab.shell import shell as play_shell
from lab.verdict import Result, failures

EPILOG = """exit status:
  0  as expected
  1  not as expected, or it could not be run; stderr says which
  2  wrong usage
  3  jobs: the status of a job is not 0
"""


def list_(args: argparse.Namespace) -> int:
    """the scenarios that there are"""
    for name in scenario.names():
        about = " ".join(scenario.load(name).about.split())
        print(f"{name:<20} {about.split('. ')[0].rstrip('.')}.")
    return 0


def check(args: argparse.Namespace) -> int:
    """check scenario files; print the first error"""
    for name in args.name or scenario.names():
        scenario.load(name)
    return 0


def cells(args: argparse.Namespace) -> int:
    """the cells of the matrix that a pattern matches, SCENARIO:PATH:KERNEL a line"""
    for cell in matrix.chosen(args.pattern):
        print(f"{cell.scenario.name}:{cell.path}:{cell.kernel.name}")
    return 0


def layout(args: argparse.Namespace) -> int:
    """print the MMIO layout that hvhost calculates for a scenario"""
    print(hvhost.layout(hvhost.build(), scenario.load(args.name), kernels.pair("series")),
          end="")
    return 0


def fitting(name: str) -> scenario.Scenario:
    """The scenario of that name, which ARCH has to agree with."""
    one = scenario.load(name)
    if arches.asked() not in (None, one.arch):
        raise LabError(f"{one.name} is a scenario of {one.arch.name}, not of "
                       f"ARCH={os.environ['ARCH']}")
    return one


def cell_of(args: argparse.Namespace, path: str) -> Cell:
    one = fitting(args.name)
    name = os.environ.get("KERNEL") or kernels.expand(one.kernel)[0]
    if name == "series":
        name = kernels.set_kernel()
    return Cell(one, path, kernels.pair(name))


def able(cell: Cell) -> Cell:
    """The cell, if the host can run it."""
    why = hosts.chosen().lacks(cell.scenario, cell.path, cell.kernel)
    if why:
        raise LabError(f"{cell.scenario.name}, {cell.path}: {why}")
    return cell


def run(args: argparse.Namespace) -> int:
    """one scenario: the console as it comes, what the host saw, the verdicts"""
    one = fitting(args.name)
    paths = args.path or (["boot"] if "boot" in one.paths else [one.paths[0]])
    for path in paths:
        one_of(path, schema.PATHS, "path")
        if paths.count(path) > 1:
            raise LabError(f"the path {path} twice")
    unknown.asked_role()
    cells = [able(cell_of(args, path)) for path in paths]
    with scratch(BUILD / "run", "lab") as folder:
        guest.files(folder / "files", [cell.kernel for cell in cells], arch=one.arch)
        more = "quiet" if os.environ.get("QUIET") else ""
        jobs = [job.make(folder / "jobs" / cell.path, folder / "files", cell.scenario, cell.path,
                         cell.kernel, more=more) for cell in cells]
        runner.run_jobs(folder / "jobs", verbose=True, arch=one.arch)
        good = True
        for done in jobs:
            result = judged.result_of(done)
            print(f"\n{result.name}: what the host saw")
            print(done.host.saw(done.folder))
            print("\n".join(described(result)))
            good = good and result.ok
        if not good:
            keep(folder / "jobs")
    return 0 if good else 1


def described(result: Result) -> list[str]:
    """What was seen of a kernel of the user's, and the verdicts."""
    as_what = [f"judged as {result.role}, lost: {result.lost or 'nothing'}"] if result.role else []
    return [*as_what, *result.notes, *(v.text for v in result.verdicts)]


def keep(jobs: Path) -> None:
    """The files that red verdicts name."""
    last = BUILD / "run" / "last"
    shutil.rmtree(last, ignore_errors=True)
    jobs.rename(last)
    say(f"files: {last}")


def shell(args: argparse.Namespace) -> int:
    """a shell in a scenario's guest; `exit` powers off"""
    cell = able(cell_of(args, "shell"))
    with scratch(BUILD / "run", "lab") as folder:
        arch = cell.scenario.arch
        guest.files(folder / "files", [cell.kernel], arch=arch)
        one = job.make(folder / "job", folder / "files", cell.scenario, "shell", cell.kernel,
                       more="quiet")
        return play_shell(one.folder, arch=arch)


def matrix_(args: argparse.Namespace) -> int:
    """run SCENARIO[:PATH[:KERNEL]]..., * for anything; all unless some are named"""
    return matrix.matrix(args.pattern)


def judge(args: argparse.Namespace) -> int:
    """judge a job's folder again; with --json, one JSON object per run"""
    done = [judged.result_of(job.read(Path(folder))) for folder in args.folder]
    for result in done:
        if args.json:
            print(json.dumps(result.as_dict()))
        else:
            print("\n".join([f"{result.name}:", *(f"  {line}" for line in described(result))]))
    return 1 if failures(done) else 0


def record(args: argparse.Namespace) -> int:
    """keep these job folders of OpenVMM, or of the same runs on hvhost, in lab/recordings"""
    recordings.record(map(Path, args.folder))
    return 0


def recorded(args: argparse.Namespace) -> int:
    """judge what is kept of runs on OpenVMM; print the table of docs/openvmm.md"""
    found = list(recordings.recorded())
    print("\n".join(recordings.markdown(found)))
    wrong = failures(one.result for one in found)
    if wrong:
        print("\n" + "\n".join(wrong))
    return 1 if wrong else 0


def agree(args: argparse.Namespace) -> int:
    """do these job folders of hvhost agree with lab/recordings of the same runs on OpenVMM?"""
    wrong = 0
    for name, differences in recordings.agree(map(Path, args.folder)):
        wrong += bool(differences)
        print("\n".join(f"fail {line}" for line in differences) or f"pass {name}: as on OpenVMM")
    return 1 if wrong else 0


def compare_(args: argparse.Namespace) -> int:
    """where hvhost and OpenVMM differ in what they say to a guest: SCENARIO and PATH are run
    on both, openvmm-drm-first and kexec-s by default. With --folders they are the folders of
    two runs. With --known only print the section on that of hvhost/README.md"""
    if args.known:
        print("\n".join(compare.markdown()))
        return 0
    if args.folders:
        if not args.scenario or not args.path:
            raise LabError("--folders needs the folders of two runs")
        return compare.compare_jobs([job.read(Path(args.scenario)), job.read(Path(args.path))])
    return compare.run(args.scenario or compare.DEFAULT, args.path or "kexec-s")


def debian_(args: argparse.Namespace) -> int:
    """a Debian with the kernel package DEB crashes; does kdump-tools save the dump?
    With --judge, DEB is the folder of such a run"""
    ours = hosts.chosen().name == "hvhost"
    if args.judge:
        ours = not (Path(args.deb) / "out" / "log").exists()
    return (debian.debian if ours else msdebian.msdebian)(args.deb, args.judge)


def given_(args: argparse.Namespace) -> int:
    """what hvhost gives a Generation 2 guest, against Hyper-V's UEFI on OpenVMM (OPENVMM,
    MSVM); or compare the jobs of such a run in FOLDER. With --known only print the section on
    that of hvhost/README.md"""
    if args.known:
        print("\n".join(given.markdown()))
        return 0
    return given.given(args.folder)


def demo_(args: argparse.Namespace) -> int:
    """before and after, side by side"""
    return demo.demo()


def hostile_(args: argparse.Namespace) -> int:
    """guests on a host that lies, SEEDS as 1,7,20-29, RATE in 1000; a table of sites and
    outcomes. With --reduce, the lies of one seed that its finding needs"""
    return (hostile.smallest if args.reduce else hostile.run)(args.seeds, args.rate)


def soak_(args: argparse.Namespace) -> int:
    """kdumps drawn by seed, SEEDS as 1,7,20-29 or the first N; a table. None may be lost"""
    return soak.run(args.seeds or "", args.n or "")


def chain_(args: argparse.Namespace) -> int:
    """kernels that start each other, drawn by seed, SEEDS as 1,7,20-29 or the first N; a table.
    Those with the series may lose nothing"""
    return chain.run(args.seeds or "", args.n or "")


def jobs(args: argparse.Namespace) -> int:
    """run the job folders in FOLDER; 3 if a job's status is not 0"""
    verbose = bool(os.environ.get("V"))
    return runner.run_jobs(Path(args.folder), verbose=verbose).exit_status


def files(args: argparse.Namespace) -> int:
    """make what guests with these kernels need in FOLDER"""
    guest.files(Path(args.folder), [kernels.pair(name) for name in args.kernel],
                arch=arches.chosen())
    return 0


def schema_(args: argparse.Namespace) -> int:
    """the tables of scenarios/README.md"""
    print(schema.markdown())
    return 0


def table(args: argparse.Namespace) -> int:
    """the table of a matrix that was run before, or of what had ended of one that was killed"""
    files = [Path(args.folder) / name for name in ("result.jsonl", "ended.jsonl")]
    file = next((one for one in files if one.exists()), files[0])
    print("\n".join(results.table(results.read(file))))
    return 0


# A verb's function, which packages it needs, and its arguments
VERBS: dict[str, tuple[Callable[[argparse.Namespace], int], str, tuple[str, ...]]] = {
    "list": (list_, "", ()),
    "check": (check, "", ("name*",)),
    "cells": (cells, "", ("pattern*",)),
    "layout": (layout, "hvhost", ("name",)),
    "run": (run, "run", ("name", "path*")),
    "shell": (shell, "shell", ("name",)),
    "matrix": (matrix_, "matrix", ("pattern*",)),
    "demo": (demo_, "demo", ()),
    "record": (record, "", ("folder+",)),
    "recorded": (recorded, "", ()),
    "agree": (agree, "", ("folder+",)),
    "compare": (compare_, "", ("scenario?", "path?", "--folders", "--known")),
    "debian": (debian_, "root", ("deb", "--judge")),
    "given": (given_, "given", ("folder*", "--known")),
    "judge": (judge, "", ("folder+", "--json")),
    "hostile": (hostile_, "hostile", ("seeds", "rate?", "--reduce")),
    "soak": (soak_, "soak", ("seeds?", "n?")),
    "chain": (chain_, "chain", ("seeds?", "n?")),
    "jobs": (jobs, "nest", ("folder",)),
    "files": (files, "scenario", ("folder", "kernel+")),
    "schema": (schema_, "", ()),
    "table": (table, "", ("folder",)),
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="lab", epilog=EPILOG,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (function, _, arguments) in VERBS.items():
        sub = verbs.add_parser(name, help=function.__doc__, description=function.__doc__)
        for argument in arguments:
            if argument.startswith("--"):
                sub.add_argument(argument, action="store_true")
            elif argument[-1] in "*+?":
                sub.add_argument(argument[:-1], nargs=argument[-1])
            else:
                sub.add_argument(argument)
    return top


def main() -> int:
    args = parser().parse_args()
    function, group, _ = VERBS[args.verb]

    def run_verb() -> int:
        with catch_signals():
            kernels.refuse_base()
            for name in filter(None, (group, arches.chosen().packages if group else "")):
                need(name)
            return function(args)

    return guarded("lab", run_verb)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
