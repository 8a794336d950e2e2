# SPDX-License-Identifier: GPL-2.0-only
"""What the matrix covers: kernels with their sets, options of the host, second tries."""

from __future__ import annotations

from collections.abc import Iterable

from lab.kernels import Kernel
from lab.trace import Life
from report import maps
from report.article import link
from report.page import esc, items, stack
from report.runs import Matrix, Run, kernel_of, kernel_order, names_of, scenario_of, shown_kernel

# Options of the host that have two settings, because the sources about hosts disagree or
# none has the real host's answer; first the one that is used unless a scenario or SETTINGS
# says otherwise
OPTIONS = {"bar-conflicts": ("refuse", "ignore"), "bar-reads": ("exact", "zero"),
           "dead-devices": ("hold", "release"), "offers": ("guid", "video-first"),
           "overlap": ("refuse", "cover")}
RESULTS = {"good": "as expected", "lost": "lose a device, as expected",
           "fail": "not as expected"}
# Devices of a run whose second tries are shown
DEVICES = 4


def outcome(runs: list[Run]) -> str:
    """How many runs there are, and what came of them."""
    kinds = [run.word[0] for run in runs]
    found = [f'<span class="{kind}">{kinds.count(kind)} {words}</span>'
             for kind, words in RESULTS.items() if kind in kinds]
    return f"{len(runs)}: {', '.join(found)}" if runs else "not run"


# Kernels

def about_kernel(name: str) -> str:
    """What a kernel is, in words."""
    first, second = names_of(name)
    if first != second:
        return f"{first}, and then {second}"
    kernel = kernel_of(name)
    if not kernel:
        return ""
    if kernel.is_debian:
        return "Debian\u2019s"
    if not kernel.base:
        return "a kernel given by its file"
    variant = f", with kernel/config/{kernel.variant}.config" if kernel.variant else ""
    return f"Linux {kernel.base.name}{with_sets(kernel)}{variant}"


def with_sets(kernel: Kernel) -> str:
    """The sets that a kernel of a base has."""
    assert kernel.base
    if kernel.role == "nofix":
        return " without mainline\u2019s own fix"
    sets = kernel.base.sets
    if kernel.role in sets:
        sets = sets[:sets.index(kernel.role) + 1]
    elif kernel.role != "series":
        return ""
    return f" with {'the set' if len(sets) == 1 else 'the sets'} {', '.join(sets)}"


def kernels_section(matrix: Matrix) -> str:
    if not matrix.runs:
        return ""
    rows = []
    for name in sorted({run.kernel for run in matrix.runs}, key=kernel_order):
        own = [run for run in matrix.runs if run.kernel == name]
        rows.append([esc(shown_kernel(name)), esc(about_kernel(name)), outcome(own)])
    shown = stack(("kernel", "what it is", "runs"), rows, "Kernels, and their runs")
    return f'<section id="kernels"><h2>Kernels and sets</h2>{shown}</section>'


# Options

def setting(run: Run, option: str) -> str:
    """How the run's host had that option; "" if its scenario is not known."""
    found = scenario_of(run.scenario)
    return str(found.host[option] or OPTIONS[option][0]) if found else ""


def options_section(matrix: Matrix) -> str:
    if not matrix.runs:
        return ""
    rows = []
    for option, values in OPTIONS.items():
        for value in values:
            own = [run for run in matrix.runs if setting(run, option) == value]
            usual = ", the default" if value == values[0] else ""
            rows.append([f"<code>{esc(option)}</code>", esc(value + usual), outcome(own)])
    how = f"This matrix was run with SETTINGS='{matrix.settings}', which counts where a " \
        "scenario does not set the option itself." if matrix.settings else \
        "This matrix was run without SETTINGS=, so each scenario has the default or what it " \
        "sets itself."
    shown = stack(("option", "setting", "runs"), rows, "Settings of the host, and their runs")
    return ('<section id="options"><h2>Options of the host</h2><p>Where nobody knows how a real '
            f"host behaves, or two hosts differ, hvhost has an option. {esc(how)} Only runs in "
            "which the option matters can end differently.</p>"
            f"{shown}</section>")


# Second tries

def attempts(life: Life) -> dict[str, list[str]]:
    """By device, the config windows that a kernel tried, in order, with what the host said.
    That the kernel before still holds the bus says nothing about the window."""
    found: dict[str, list[str]] = {}
    for e in life.all("d0_entry"):
        if e.get("reason") == "held":
            continue
        status = e.get("status")
        said = "accepted" if status == "0x0" else f"refused, {status.removeprefix('0x')}"
        tried = found.setdefault(e.device, [])
        one = f"{e.range('window')} {said}"
        if one not in tried[-1:]:
            tried.append(one)
    return found


def second_tries(life: Life) -> Iterable[str]:
    """A line for each device that had a window refused and was given another."""
    for device, tried in attempts(life).items():
        windows = list(dict.fromkeys(one.partition(" ")[0] for one in tried))
        if len(windows) > 1 and any(" refused" in one for one in tried):
            yield f"{device}: {'; '.join(tried)}"


def tries_section(matrix: Matrix) -> str:
    rows = []
    for run in matrix.runs:
        for head, life in maps.kernels_of(run):
            lines = list(second_tries(life))
            if len(lines) > DEVICES:
                lines[DEVICES:] = [f"and {len(lines) - DEVICES} more devices"]
            if lines:
                rows.append([esc(f"{run.scenario}, {run.path}"), esc(head), link(run),
                             items(lines)])
    if not rows:
        return ""
    shown = stack(("run", "kernel", "result", "config windows, in order"), rows, "Second tries")
    return ('<section id="tries"><h2>Second tries</h2><p>The host refused a config window, and '
            f"pci-hyperv tried another one.</p>{shown}</section>")
