# SPDX-License-Identifier: GPL-2.0-only
"""The result of tools/testing/selftests/hyperv, from what it prints."""
from __future__ import annotations

import re
from dataclasses import dataclass, field

# "ok 6 global.pci_devices_are_present # SKIP no PCI pass-through device"
RESULT = re.compile(r"^(ok|not ok) \d+ (\S+)(?: # SKIP (.*))?$", re.M)
# "1..6", or "1..0 # SKIP no VMBus device uses MMIO"
PLAN = re.compile(r"^1\.\.(\d+)(?: # SKIP (.*))?$", re.M)
# The tests that need a PCI pass-through device
PCI = ("pci_avoids_reservation", "pci_devices_are_present")
KSFT_SKIP = 4

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Result:
    """One test of the selftest."""

    name: str
    status: str
    reason: str = ""


@dataclass
class Report:
    """What the selftest printed."""

    plan: int | None = None
    why: str = ""  # why the whole run was skipped
    results: list[Result] = field(default_factory=list)

    def named(self, name: str) -> list[Result]:
        return [r for r in self.results if r.name.rpartition(".")[2] == name]


def parse(text: str) -> Report:
    """Parse KTAP output."""
    text = text.replace("\r", "")
    report = Report()
    plan = PLAN.search(text)
    if plan:
        report.plan, report.why = int(plan[1]), plan[2] or ""
    for verdict, name, reason in RESULT.findall(text):
        status = PASSED
        if verdict != "ok":
            status = FAILED
        elif reason:
            status = SKIPPED
        report.results.append(Result(name, status, reason))
    return report


def judge(report: Report, exit_code: int | None) -> tuple[str, str]:
    """Return the status of the whole run, and why it is that."""
    failed = [r.name for r in report.results if r.status == FAILED]
    if failed:
        return FAILED, f"failed: {', '.join(failed)}"
    if report.plan is None:
        return FAILED, f"the selftest printed no plan; exit status {exit_code}"
    if len(report.results) != report.plan:
        return FAILED, f"{report.plan} tests planned, {len(report.results)} reported"
    if exit_code == KSFT_SKIP:
        return SKIPPED, f"nothing was checked: {report.why or 'no reason given'}"
    if exit_code != 0:
        return FAILED, f"exit status {exit_code}"
    pci = [result for name in PCI for result in report.named(name)]
    if len(pci) != len(PCI):
        return FAILED, f"no result for one of {', '.join(PCI)}"
    if all(r.status == SKIPPED for r in pci):
        reasons = ", ".join(sorted({r.reason for r in pci}))
        return SKIPPED, f"no PCI device was checked: {reasons}"
    return PASSED, ""
