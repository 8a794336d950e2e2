# SPDX-License-Identifier: GPL-2.0-only
"""A job folder, judged: the verdicts with all that is needed to look into them."""

from __future__ import annotations

from pathlib import Path

from lab import unknown
from lab.common import TOP, BadFile, LabError
from lab.job import Job
from lab.judge import judge, read_run
from lab.kernels import Pair
from lab.trace import read_trace
from lab.verdict import Result, Verdicts
from lab.witness import read_witness


def judged_as(folder: Path, cell: Job) -> tuple[Verdicts, Pair, str, list[str], str]:
    """Of a kernel that is a file: verdicts, the pair with its role, that role, what was
    observed, and what was lost."""
    asked = unknown.asked_role()
    try:
        run = read_run(folder, cell.scenario, cell.path, cell.kernel, cell.host.name)
        whole = not (folder / "why").exists() and not run.findings.cut
        role = asked or unknown.find_role(run)
        lost, seen = unknown.lost(run), unknown.observed(run)
        if whole and role == "unknown":
            return unknown.judge_unknown(run), cell.kernel, role, seen, lost
        if whole:
            pair = cell.kernel.as_role(role)
            v = judge(folder, cell.scenario, cell.path, pair, cell.host.name)
            if role != "series" and not asked:
                unknown.judge_losses(run, v)
            return v, pair, role, seen, lost
    except BadFile:
        pass
    v = judge(folder, cell.scenario, cell.path, cell.kernel, cell.host.name)
    return v, cell.kernel, "", [], ""


def seconds_of(one: Job) -> float | None:
    """How long the guest ran, by the host's clock."""
    try:
        if one.host.name == "openvmm":
            return read_witness(one.folder / "out").seconds
        return read_trace(one.folder / "out" / "trace").seconds
    except BadFile:
        return None


def result_of(one: Job) -> Result:
    """The verdicts over a job folder, with what is needed to look into it."""
    pair, role, lost = one.kernel, "", ""
    notes: list[str] = []
    try:
        if one.kernel.has_file:
            v, pair, role, notes, lost = judged_as(one.folder, one)
        else:
            v = judge(one.folder, one.scenario, one.path, one.kernel, one.host.name)
    except LabError:
        raise
    except Exception as e:  # pylint: disable=broad-except
        # What a guest wrote may not stop the judging of others.
        v = Verdicts()
        v.fail("judge", "the judge failed", f"{type(e).__name__}: {e}")
    known = "" if role == "unknown" else one.scenario.known_failure(pair, one.path)
    return Result(one.scenario.name, one.path, one.kernel.name, seconds_of(one), known,
                  list(v.values()), str(one.folder).removeprefix(f"{TOP}/"), one.again,
                  role, lost, notes, one.host.name)
