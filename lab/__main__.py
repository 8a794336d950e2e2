# SPDX-License-Identifier: GPL-2.0-only
"""The command line: python3 -m lab VERB; the Makefile calls it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from lab import demo, guest, job, kernels, matrix, results, runner, scenario, schema, unknown
from lab.common import BUILD, LabError, call, one_of
from lab.matrix import Cell
from lab.verdict import failures

DEADLINE = 120                  # seconds a guest of `run`
EPILOG = """exit status:
  0  as expected
  1  not as expected, or it could not be run; stderr says which
  2  wrong usage
"""


def list_(args: argparse.Namespace) -> int:
    """the scenarios that there are"""
    for name in scenario.names():
        about = " ".join(scenario.load(name).about.split())
        print(f"{name:<20} {about.split('. ')[0].rstrip('.')}.")
    return 0


def check(args: argparse.Namespace) -> int:
    """read scenario files; the first error that is found"""
    for name in args.name or scenario.names():
        scenario.load(name)
    return 0


def layout(args: argparse.Namespace) -> int:
    """what hvhost makes of a scenario's address space"""
    print(job.layout(job.build_hvhost(), scenario.load(args.name), kernels.pair("series")),
          end="")
    return 0


def cell_of(args: argparse.Namespace, path: str) -> Cell:
    one = scenario.load(args.name)
    name = os.environ.get("KERNEL") or one.kernel
    if name == "series":
        name = kernels.set_kernel()
    return Cell(one, path, kernels.pair(kernels.expand(name)[0]))


def run(args: argparse.Namespace) -> int:
    """one scenario: the console as it comes, what the host saw, the verdicts"""
    one = scenario.load(args.name)
    paths = args.path or (["boot"] if "boot" in one.paths else [one.paths[0]])
    for path in paths:
        one_of(path, schema.PATHS, "path")
    unknown.asked_role()
    cells = [cell_of(args, path) for path in paths]
    with guest.temporary(BUILD / "run") as name:
        folder = Path(name)
        guest.files(folder / "files", [cell.kernel for cell in cells])
        more = "quiet" if os.environ.get("QUIET") else ""
        jobs = [job.make(folder / "jobs" / cell.path, folder / "files", cell.scenario, cell.path,
                         cell.kernel, patience=DEADLINE, more=more) for cell in cells]
        runner.run_jobs(folder / "jobs", verbose=True)
        good = True
        for done in jobs:
            result = matrix.result_of(done)
            print(f"\n{result.name}: what the host saw")
            host = done.folder / "out" / "host"
            print(host.read_text(errors="replace") if host.exists() else "nothing")
            print("\n".join([*result.notes, *(v.text for v in result.verdicts)]))
            good = good and result.ok
    return 0 if good else 1


def shell(args: argparse.Namespace) -> int:
    """a shell in a scenario's guest; `exit` powers off"""
    cell = cell_of(args, "shell")
    with guest.temporary(BUILD / "run") as name:
        folder = Path(name)
        guest.files(folder / "files", [cell.kernel])
        one = job.make(folder / "job", folder / "files", cell.scenario, "shell", cell.kernel,
                       more="quiet")
        return int(runner.shell(one.folder))


def matrix_(args: argparse.Namespace) -> int:
    """run SCENARIO[:PATH[:KERNEL]]..., * for anything; all unless some are named"""
    return matrix.matrix(args.pattern)


def judge(args: argparse.Namespace) -> int:
    """judge a job's folder again; with --json as results have it"""
    done = [matrix.result_of(job.read(Path(folder))) for folder in args.folder]
    for result in done:
        if args.json:
            print(result.json())
        else:
            print("\n".join([f"{result.name}:", *(f"  {v.text}" for v in result.verdicts)]))
    return 1 if failures(done) else 0


def demo_(args: argparse.Namespace) -> int:
    """before and after, side by side"""
    return demo.demo()


def jobs(args: argparse.Namespace) -> int:
    """run the job folders in FOLDER; 3 if a job's status is not 0"""
    return int(runner.run_jobs(Path(args.folder), verbose=bool(os.environ.get("V"))).status)


def files(args: argparse.Namespace) -> int:
    """make what guests with these kernels need in FOLDER"""
    guest.files(Path(args.folder), [kernels.pair(name) for name in args.kernel])
    return 0


def schema_(args: argparse.Namespace) -> int:
    """the tables of scenarios/README.md"""
    print(schema.markdown())
    return 0


def table(args: argparse.Namespace) -> int:
    """the table of a matrix that was run before"""
    print("\n".join(results.table(results.read(Path(args.folder) / "result.jsonl"))))
    return 0


# A verb's function, which packages it needs, and its arguments
VERBS: dict[str, tuple[Callable[[argparse.Namespace], int], str, tuple[str, ...]]] = {
    "list": (list_, "", ()),
    "check": (check, "", ("name*",)),
    "layout": (layout, "hvhost", ("name",)),
    "run": (run, "run", ("name", "path*")),
    "shell": (shell, "shell", ("name",)),
    "matrix": (matrix_, "matrix", ("pattern*",)),
    "demo": (demo_, "demo", ()),
    "judge": (judge, "", ("folder+", "--json")),
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
            elif argument[-1] in "*+":
                sub.add_argument(argument[:-1], nargs=argument[-1])
            else:
                sub.add_argument(argument)
    return top


def main() -> int:
    args = parser().parse_args()
    function, group, _ = VERBS[args.verb]
    try:
        if group:
            call("bash", "-c", '. kernel/lib.sh && need "$1"', "lab", group)
        return function(args)
    except LabError as e:
        print(f"lab: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever reads our output has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
