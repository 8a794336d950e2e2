# SPDX-License-Identifier: GPL-2.0-only
"""Judges what came back of a run: what the host says first, then the guest's findings.

GROUPS has the functions for each group of verdicts, by host; scenarios/README.md says what
they assert. Those on devices are in devices.py, those on OpenVMM in foreign.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import crashes, devices, findings, foreign, hibernate, losses
from lab.common import BadFile, Range, read_file, read_text, words
from lab.findings import Findings, Line, Report
from lab.kernels import Pair
from lab.scenario import NO_D0, Scenario, kernels_of
from lab.trace import Life, Trace, is_pci, read_trace
from lab.verdict import Verdicts, shown
from lab.witness import Witness, read_witness


@dataclass
class Run:
    """A job folder and what came back in it, read."""

    folder: Path
    scenario: Scenario
    path: str
    kernel: Pair
    releases: list[str]
    layout: dict[str, object]   # hvhost layout's, of the host that the run ends on
    began: dict[str, object]    # the same of the one that it begins on
    trace: Trace                # hvhost's; empty of another host
    witness: Witness | None     # OpenVMM's view
    findings: Findings
    console: list[Line]
    disk: dict[str, str]        # out/disk, by the first word
    status: str                 # the job's, which is the host's

    @property
    def host(self) -> str:
        return "openvmm" if self.witness else "hvhost"

    @property
    def which(self) -> tuple[str, ...]:
        return kernels_of(self.path)

    @property
    def kernels(self) -> int:
        """How many kernels run, one after the other."""
        return len(self.which)

    def life(self, which: str) -> Life:
        """That kernel in the trace; an empty one if it never came to be."""
        number = 1 if which == "first" else 2
        if number <= len(self.trace.lives):
            return self.trace.lives[number - 1]
        return Life(number, self.trace.lives[-1].vram if self.trace.lives else None)

    def report(self, which: str) -> Report:
        return self.findings.of(which)

    def expected(self, key: str, which: str) -> object:
        return self.scenario.expected(key, self.kernel, self.path, which)

    def losses(self, which: str) -> list[tuple[str, str]]:
        return self.scenario.losses(self.kernel, self.path, which)

    def found_losses(self, which: str) -> list[tuple[str, str]]:
        """The (kind, device) of all that this kernel lost."""
        if self.witness:
            return foreign.losses(self, which)
        return losses.losses(self.life(which), self.report(which), self.scenario.guest["gone"])

    def release(self, which: str) -> str:
        return self.releases[0 if which == "first" else -1] if self.releases else ""

    @property
    def crash(self) -> str:
        """The function that the first kernel has to crash in, or none."""
        return str(self.expected("crash", "first"))


def read_layout(path: Path) -> dict[str, object]:
    try:
        found = json.loads(read_file(path))
    except (ValueError, RecursionError) as e:
        raise BadFile(f"{path.name}: {path} cannot be read: {e}") from None
    return found if isinstance(found, dict) else {}


def read_words(path: Path) -> list[str]:
    """The words in a file that must be there."""
    return read_file(path).split()


def read_pairs(path: Path) -> dict[str, str]:
    """Lines "KEY VALUE"; nothing if there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(line.partition(" ")[::2] for line in text.splitlines())


def read_run(folder: Path, scenario: Scenario, path: str, kernel: Pair,
             host: str = "hvhost") -> Run:
    """BadFile names what is missing, cut or malformed."""
    ours = host == "hvhost"
    trace = read_trace(folder / "out" / "trace") if ours else Trace([])
    witness = None if ours else read_witness(folder / "out")
    console = findings.read_console(folder / "console")
    found = findings.read(folder / "out" / "findings")
    releases = read_words(folder / "release")
    if len(releases) != len({kernel.first.name, kernel.second.name}):
        raise BadFile(f"release: it has {len(releases)} lines")
    began = read_layout(folder / "layout.json") if ours else {}
    layout = read_layout(folder / "later.json") if path == "hibernate" else began
    return Run(folder, scenario, path, kernel, releases, layout, began, trace, witness, found,
               console,
               read_pairs(folder / "out" / "disk"), " ".join(read_words(folder / "rc")))


def ends(run: Run, v: Verdicts) -> None:
    """It ran to its end, or crashed where it had to."""
    end = run.trace.end
    where = end.where if end else "out/trace"
    crash = run.crash
    v.check("ends", "the end", "poweroff" if crash == "none" else "reset",
            end.get("how") if end else "", where)
    finished = 0 if run.path == "shutdown" or crash != "none" else 1
    v.check("ends", "finished guests", finished, run.findings.finished, "out/findings")
    v.check("ends", "hvhost's status", end.get("status") if end else "0", run.status, "out/host")
    for line in run.findings.failures:
        v.fail("ends", "the guest reported", line.text, f"out/findings:{line.number}")
    if crash != "none":
        found = findings.crashed_in(run.console)
        v.check("ends", "the crash", crash, found.text if found else "",
                f"console:{found.number}" if found else "console")


def job_itself(run: Run, v: Verdicts) -> None:
    """The job could do what it had to."""
    for line in findings.job_failures(run.console):
        v.fail("ends", "the job", line.text.removeprefix("job: "), f"console:{line.number}")


def left_open(run: Run) -> range:
    """The lines of the trace in which the host uses rings that a kernel left open for the next
    one, which does not know and writes over them: until that makes contact."""
    if unloads(run) or len(run.trace.lives) < 2:
        return range(0)
    done = [e.line for e in run.trace.lives[0].events
            if e.name not in ("bad", "heartbeat") and e.get("by") != "host"]
    contact = run.trace.lives[1].last("contact")
    return range(done[-1], contact.line if contact else len(run.trace.events) + 1)


def well_behaved(run: Run, v: Verdicts) -> None:
    """The host had nothing to complain of."""
    v.open("well behaved")
    left = left_open(run)
    for e in run.trace.events:
        if e.name == "bad" and not (e.get("who") == "ring" and e.line in left):
            v.fail("well behaved", e.get("who"), f"{e.get('what')} {e.get('value')}", e.where)


def os_ids(run: Run, v: Verdicts) -> None:
    """Each kernel told the host that it is Linux, and on x86 takes that back before kexec. On
    its way out the last one may take it back, or not."""
    ids = [e.get("id") for e in run.trace.events if e.name == "guest_os_id"]
    names = ["off" if i == "0x0" else "linux" if i.startswith("0x81") else i for i in ids]
    if names[-1:] == ["off"]:
        names.pop()
    between = ["off"] if run.scenario.arch.unloads else []
    v.check("detection", "guest OS ids", ["linux", *[*between, "linux"] * (run.kernels - 1)],
            names, "out/trace")


def detection(run: Run, v: Verdicts) -> None:
    """Hyper-V was detected, by the kernel that was meant."""
    for which in run.which:
        report = run.report(which)
        arch = run.scenario.arch
        v.check("detection", f"{which}: the hypervisor", arch.hypervisor,
                report.block("messages").first(arch.detected), report.where("messages"))
        v.check("detection", f"{which}: the release", run.release(which),
                report.fact("release"), report.where("release"))


def unloads(run: Run) -> bool:
    """The first kernel ends its connection before it starts the second one. On arm64 Linux
    only does so when it panics, if the host takes crash reports: the kernel then runs its panic
    notifiers before the crash kernel."""
    return run.scenario.arch.unloads or (run.path.startswith("kdump-") and bool(
        run.report("first").block("messages").first("(enabling crash_kexec_post_notifiers)")))


def connections(run: Run, v: Verdicts) -> None:
    """VMBus: connected in each kernel, given back between them, used."""
    # The kernel that loads a hibernated one disconnects before that resumes.
    resumes = int(run.scenario.guest["resume"]) + (run.path == "hibernate")
    expected = ["contact", *["unload", "contact"] * resumes]
    if run.kernels > 1:
        expected += (["unload", "contact"] if unloads(run) else ["contact"]) * (run.kernels - 1)
    if run.path == "shutdown":
        expected += ["shutdown_request", "shutdown_ack"]
    seen = [e.name for e in run.trace.events
            if e.name in ("unload", "shutdown_request", "shutdown_ack")
            or (e.name == "contact" and e.true("accepted"))]
    if seen[-1:] == ["unload"]:
        seen.pop()
    v.check("vmbus", "connections", expected, seen, "out/trace")
    for device in ("heartbeat", "shutdown"):
        opens = [e for e in run.trace.events if e.name == "open" and e.device == device]
        times = run.kernels + resumes
        if run.scenario.guest["no-suspend"]:
            # Linux suspends what was offered last first, and when a bus cannot be suspended
            # opens that again.
            offered = [e.device for e in run.trace.events if e.name == "offer"]
            buses = [i for i, name in enumerate(offered) if is_pci(name)]
            times += device in offered and offered.index(device) > min(buses, default=len(offered))
        v.check("vmbus", f"times that {device} was opened", times, len(opens), "out/trace")


def vmbus(run: Run, v: Verdicts) -> None:
    """Each kernel says that it is connected to VMBus."""
    for which in run.which:
        said = any(run.report(which).block("messages").find("Vmbus version:"))
        v.check("vmbus", f"{which}: the kernel says so", True, said,
                run.report(which).where("messages"))


def spans(values: object) -> str:
    """Ranges of hvhost layout or of the trace, without 0x."""
    return words(str(Range.parse(r) or r) for r in values) if isinstance(values, list) else "none"


def told(run: Run, v: Verdicts) -> None:
    """efi, lfb-base: what each kernel was told."""
    for which in run.which:
        report = run.report(which)
        v.check("efi", which, run.expected("efi", which), report.fact("efi"), report.where("efi"))
        v.check("lfb-base", which, run.expected("lfb-base", which), report.lfb_base,
                report.where("screen"))


def windows(run: Run, v: Verdicts) -> None:
    """The MMIO windows of each kernel."""
    for which in run.which:
        found = run.report(which).windows
        v.check("windows", which, shown(run.expected("windows", which)),
                "" if found is None else words(found), run.report(which).where("mmio"))


def host_windows(run: Run, v: Verdicts) -> None:
    """The host's windows and reservation, as the scenario has them."""
    usual = words(run.scenario.expect["windows"])
    v.check("windows", "hvhost layout", usual, spans(run.began.get("windows")), "layout.json")
    first = run.trace.layout
    v.check("windows", "the host", spans(run.layout.get("windows")),
            spans(first.data.get("windows") if first else None), "out/trace")
    found = run.began.get("reserve")
    v.check("reserve", "hvhost layout", run.scenario.expect["reserve"],
            spans([found] if found else []), "layout.json")


def reserve(run: Run, v: Verdicts) -> None:
    """What each kernel reserves, and what its log says that it does, if it says it."""
    for which in run.which:
        report, expected = run.report(which), run.expected("reserve", which)
        v.check("reserve", which, expected, report.reserve, report.where("mmio"))
        kernel = run.kernel.of(which)
        says = kernel.ours and kernel.base and kernel.base.main and run.scenario.has_acpi
        if report.printed or says:
            v.check("reserve", f"{which}: the log", expected, report.printed,
                    report.where("messages"))


def selftest(run: Run, v: Verdicts) -> None:
    """It passes, or fails only because of a device that has to be lost. It must have
    found the reservation if there has to be one: a skipped test proves nothing."""
    for which in run.which:
        if not run.kernel.of(which).selftest:
            continue
        lost = any(kind in NO_D0 and device != "video" for kind, device in run.losses(which))
        block = run.report(which).block("selftest")
        failed = [m[1] for _, m in block.find(r"^not ok \d+ (\S+)")]
        seen = any("# SKIP" not in line.text or not run.scenario.has_acpi
                   for line, _ in block.find(r"^ok .*reservation_exists"))
        got = f"failed {words(failed)}" if failed else \
            "pass" if block.status == "0" and seen else f"exit {block.status or 'missing'}"
        v.check("selftest", which,
                "failed global.pci_devices_are_present" if lost else "pass", got,
                run.report(which).where("selftest"))


def reports(run: Run, v: Verdicts) -> None:
    """A kernel with the series warns of nothing, and leaks nothing where that is asked."""
    for which in run.which:
        if not run.kernel.of(which).ours:
            continue
        for name in ("reports", "leaks"):
            if name == "reports" or run.scenario.guest["leaks"]:
                block = run.report(which).block(name)
                texts = dict.fromkeys(line.text.split("] ", 1)[-1] for line in block.lines)
                v.check("reports", f"{which}: {name}", "none, looked for",
                        f"{'; '.join(list(texts)[:12]) or 'none'}, "
                        f"{'looked for' if block.status == '0' else 'not looked for'}",
                        run.report(which).where(name))
        for line in findings.warnings(run.console, which)[:3]:
            v.fail("reports", f"{which}: the console", line.text, f"console:{line.number}")


Group = Callable[[Run, Verdicts], None]
# By the guest's findings and what is on its disk
GUEST: tuple[Group, ...] = (detection, vmbus, told, windows, reserve, selftest, reports,
                            crashes.vmcore, devices.loops, devices.disk, devices.dump,
                            crashes.crash)
# Of a run that has to end in a crash, only these are judged.
BASIC: dict[str, tuple[Group, ...]] = {
    "hvhost": (ends, hibernate.hibernate, job_itself, well_behaved),
    "openvmm": (foreign.ends, job_itself, foreign.well_behaved)}
GROUPS: dict[str, tuple[Group, ...]] = {
    "hvhost": (os_ids, connections, host_windows, *GUEST, devices.vram, devices.lost, devices.d0,
               devices.tries, devices.log, devices.conflicts, devices.echo, devices.space,
               devices.hot, devices.at_once, devices.pictures, devices.handover),
    "openvmm": (foreign.host_windows, *GUEST, foreign.vram, foreign.lost, foreign.d0)}


def last_words(folder: Path, only: str = "") -> str:
    """What the host said last, or the kernel when it panicked, as the end of a sentence; ONLY
    what is in that file."""
    for name, pattern in (("console", r".*Kernel panic.*"), ("out/host", r".+"),
                          ("out/log", r".*guest halted.*|fatal error.*|.*panicked at.*")):
        found = re.findall(pattern, read_text(folder / name))
        if found and only in ("", name):
            return f"; {name}: {found[-1].strip()}"
    return ""


def end_of(run: Run) -> str:
    """How the run ended: poweroff, or in the host's words."""
    if run.witness:
        how = run.witness.end[0]
        return "poweroff" if how == "PowerOff" else how
    return run.trace.end.get("how") if run.trace.end else ""


def stopped_early(run: Run, v: Verdicts) -> None:
    """One verdict, and no other: the guest did not get to its end, and was about to report
    more."""
    v.check("ends", "the end", "poweroff", end_of(run) or f"none, with status {run.status}",
            run.findings.cut + last_words(run.folder))


def unreadable(folder: Path, why: BadFile, v: Verdicts) -> None:
    """One verdict, and no other: what was ended from outside, or what cannot be read."""
    try:
        text = (folder / "why").read_text(encoding="utf-8", errors="replace")
        v.fail("ends", "", text.strip() + last_words(folder))
    except OSError:
        group, _, text = str(why).partition(": ")
        v.fail(group, group, text + (last_words(folder, "out/host") if group == "trace" else ""))


def judge(folder: Path, scenario: Scenario, path: str, kernel: Pair,
          host: str = "hvhost") -> Verdicts:
    """The verdicts over what came back of a run."""
    def groups(run: Run, v: Verdicts) -> None:
        for group in BASIC[host] + (GROUPS[host] if run.crash == "none" else ()):
            group(run, v)

    return judge_by(groups, folder, scenario, path, kernel, host)


def judge_by(groups: Group, folder: Path, scenario: Scenario, path: str, kernel: Pair,
             host: str = "hvhost") -> Verdicts:
    """The verdicts of GROUPS over what came back of a run, if it is whole."""
    v = Verdicts()
    try:
        if (folder / "why").exists():
            raise BadFile("why: it was ended from outside")
        run = read_run(folder, scenario, path, kernel, host)
        if run.crash == "none" and run.findings.cut:
            if end_of(run) == "poweroff":
                raise BadFile(run.findings.cut)
            stopped_early(run, v)
            return v
        groups(run, v)
    except BadFile as e:
        v.clear()
        unreadable(folder, e, v)
    return v
