# SPDX-License-Identifier: GPL-2.0-only
"""lab compare: the same guest on hvhost and on OpenVMM, and where the two differ in what they
say to it, message by message. What is known to differ is in differences.toml, with reasons;
anything else is a failure."""

from __future__ import annotations

import fnmatch
import os
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from lab import findings, guest, hosts, job, kernels, openvmm, runner, scenario, schema
from lab.common import BUILD, TOP, LabError, one_of, read_file, say
from lab.job import Job
from lab.locks import scratch
from lab.messages import PCI, VMBUS, Message, Talk, add_findings, from_trace
from lab.overheard import from_log
from lab.process import need
from lab.scenario import kernels_of
from lab.verdict import clean

KNOWN = TOP / "lab" / "differences.toml"
HOSTS = ("hvhost", "openvmm")
# What a host does not say, where the other one does
NOTHING = "-"
# What is compared if nothing else is asked for. It has all devices, so here each entry of the
# list must cover something.
DEFAULT = "openvmm-drm-first"


@dataclass(frozen=True)
class Difference:
    """A message that is not the same on both hosts."""

    which: str          # kernel
    device: str
    name: str
    values: tuple[str, str]     # on hvhost, on OpenVMM
    where: tuple[str, str]      # "" where there is none


@dataclass(frozen=True)
class Known:
    """A difference that is known: patterns, and what there is to say of it."""

    device: str         # one or more, with ", " between them
    message: str        # the same
    hvhost: str
    openvmm: str
    why: str
    mend: str = ""      # how hvhost is to change; or
    keep: str = ""      # why it stays as it is
    only: str = ""      # where alone it is seen; "" for everywhere

    def covers(self, one: Difference) -> bool:
        return matches(one.device, self.device.split(", ")) and \
            matches(one.name, self.message.split(", ")) and \
            matches(one.values[0], [self.hvhost]) and matches(one.values[1], [self.openvmm])

    @property
    def text(self) -> str:
        """For people, in Markdown."""
        where = f"Only {self.only}. " if self.only else ""
        fate = f"To be changed in hvhost: {self.mend}" if self.mend else f"Kept: {self.keep}"
        return (f"`{self.device}`: `{self.message}`: hvhost `{self.hvhost}`, OpenVMM "
                f"`{self.openvmm}`. {where}{self.why} {fate}")


def matches(value: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def read_known(file: Path = KNOWN) -> list[Known]:
    """The differences that are known. LabError names an entry that is malformed."""
    keys = {"device", "message", "hvhost", "openvmm", "why"}
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise LabError(f"{file}: {e}") from None
    if set(data) != {"difference"} or not isinstance(data["difference"], list):
        raise LabError(f"{file}: it must have [[difference]], and nothing else")
    found = []
    for number, entry in enumerate(data["difference"], 1):
        wrong = sorted(keys ^ set(entry) - {"mend", "keep", "only"}) + \
            [key for key, value in entry.items() if not isinstance(value, str) or not value]
        if wrong:
            raise LabError(f"{file}: difference {number}: {wrong[0]} is missing, unknown or no "
                           "text")
        if ("mend" in entry) == ("keep" in entry):
            raise LabError(f"{file}: difference {number}: it needs mend or keep, and not both")
        found.append(Known(**entry))
    return found


def talks_of(one: Job) -> list[Talk]:
    """What each kernel of that run and its host said. LabError if it did not end well."""
    out = one.folder / "out"
    status = read_file(one.folder / "rc").strip()
    if status != "0":
        raise LabError(f"{one.folder}: the guest did not power off (status {status})")
    talks = from_trace(out / "trace") if one.host.name == "hvhost" else \
        from_log(out / "log", one.scenario)
    which = kernels_of(one.path)
    if len(talks) < len(which):
        raise LabError(f"{one.folder}: {len(which)} kernels ran, {len(talks)} are in the "
                       f"{'trace' if one.host.name == 'hvhost' else 'log'}")
    # Firmware, which uses VMBus as well, comes before the kernels.
    talks = talks[-len(which):]
    add_findings(talks, findings.read(out / "findings"), one.scenario)
    return talks


def of_device(talk: Talk, device: str) -> list[Message]:
    return [m for m in talk.messages if m.device == device]


def aligned(mine: list[Message], theirs: list[Message]) -> \
        Iterator[tuple[Message | None, Message | None]]:
    """Messages of the same name side by side, in order; with None what one host alone has."""
    matcher = SequenceMatcher(None, [m.name for m in mine], [m.name for m in theirs],
                              autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield from zip(mine[a:b], theirs[c:d])
        else:
            yield from ((m, None) for m in mine[a:b])
            yield from ((None, m) for m in theirs[c:d])


def differing(which: str, pairs: Iterable[tuple[Message | None, Message | None]]) -> \
        Iterator[Difference]:
    for pair in pairs:
        one = pair[0] or pair[1]
        values = [(m.value or "sent") if m else NOTHING for m in pair]
        if one and values[0] != values[1]:
            yield Difference(which, one.device, one.name, (values[0], values[1]),
                             (pair[0].where if pair[0] else "", pair[1].where if pair[1] else ""))


def offers(which: str, mine: Talk, theirs: Talk) -> Iterator[Difference]:
    """What one host alone offers, and the order of what both do."""
    both = [name for name in mine.offered if name in theirs.offered]
    order = " ".join(both), " ".join(name for name in theirs.offered if name in both)
    where = ["", ""]
    for side, talk in enumerate((mine, theirs)):
        for name in talk.offered:
            first = next(m for m in of_device(talk, name) if m.name == "offer")
            where[side] = where[side] or first.where
            if name not in both:
                pair = (None, first) if side else (first, None)
                yield from differing(which, [pair])
    if order[0] != order[1]:
        yield Difference(which, VMBUS, "order of offers", order, (where[0], where[1]))


def freed(talk: Talk, both: list[str]) -> list[Message]:
    """VMBus' own messages; of what is closed only what both hosts offer."""
    return [Message(m.device, m.name, " ".join(n for n in m.value.split() if n in both)
                    or "nothing", m.where) if m.name.endswith(" closes") else m
            for m in of_device(talk, VMBUS)]


def differences(mine: list[Talk], theirs: list[Talk], which: Iterable[str]) -> list[Difference]:
    """All between hvhost's talks and OpenVMM's."""
    found: list[Difference] = []
    for name, a, b in zip(which, mine, theirs):
        both = [device for device in a.offered if device in b.offered]
        found += offers(name, a, b)
        found += differing(name, aligned(freed(a, both), freed(b, both)))
        # A device that is offered again is in there twice.
        for device in (PCI, *dict.fromkeys(both)):
            found += differing(name, aligned(of_device(a, device), of_device(b, device)))
    return found


def table(found: list[Difference], known: list[Known]) -> list[str]:
    """A line a difference, with the number of what is known of it or NEW."""
    rows = [("", "kernel", "device", "message", "hvhost", "OpenVMM", "evidence")]
    for one in found:
        number = next((n for n, entry in enumerate(known, 1) if entry.covers(one)), 0)
        rows.append((str(number) if number else "NEW", one.which, one.device, one.name,
                     *one.values, " ".join(where for where in one.where if where)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [clean("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip())
            for row in rows]


def stale(found: list[Difference], known: list[Known]) -> list[Known]:
    """What is known of no difference that was found, though it should be everywhere."""
    return [entry for entry in known if not entry.only and not any(map(entry.covers, found))]


def report(found: list[Difference], known: list[Known], name: str) -> int:
    """Print the differences in that scenario, and why they are there. 1 if one is new, or an
    entry of what is known is stale."""
    seen = [(n, entry) for n, entry in enumerate(known, 1) if any(map(entry.covers, found))]
    new = [one for one in found if not any(entry.covers(one) for entry in known)]
    print("\n".join(table(found, known)))
    print()
    for number, entry in seen:
        print(f"{number}: {entry.text}")
    gone = stale(found, known) if name == DEFAULT else []
    for entry in gone:
        print(f"STALE: nothing differs like this any more: {entry.text}")
    print(f"{len(found)} differences, {len(new)} of them new")
    return 1 if new or gone else 0


def compare_jobs(jobs: list[Job]) -> int:
    """Two runs, of one host each."""
    by_host = {one.host.name: one for one in jobs}
    if set(by_host) != set(HOSTS):
        raise LabError(f"one run on each of {' and '.join(HOSTS)} is needed, not on "
                       f"{' and '.join(one.host.name for one in jobs)}")
    mine, theirs = (by_host[host] for host in HOSTS)
    for what, a, b in (("scenarios", mine.scenario.reference, theirs.scenario.reference),
                       ("paths", mine.path, theirs.path),
                       ("kernels", mine.kernel.name, theirs.kernel.name)):
        if a != b:
            raise LabError(f"the {what} differ: {a} on hvhost, {b} on OpenVMM")
    found = differences(talks_of(mine), talks_of(theirs), kernels_of(mine.path))
    return report(found, read_known(), mine.scenario.name)


def run(name: str, path: str) -> int:
    """Run the scenario on both hosts, and compare."""
    one = scenario.load(name)
    one_of(path, schema.PATHS, "path")
    need("run")
    openvmm.program()
    kernel = kernels.pair(os.environ.get("KERNEL") or kernels.set_kernel())
    chosen = [hosts.named(host) for host in HOSTS]
    for host in chosen:
        why = host.lacks(one, path, kernel)
        if why:
            raise LabError(f"{one.name}, {path}: {why}")
    last = BUILD / "compare"
    with scratch(BUILD / "run", "lab") as folder:
        guest.files(folder / "files", [kernel], chosen)
        for host in chosen:
            job.make(folder / "jobs" / host.name, folder / "files", one, path, kernel,
                     more="quiet", host=host)
        runner.run_jobs(folder / "jobs", verbose=bool(os.environ.get("V")))
        shutil.rmtree(last, ignore_errors=True)
        (folder / "jobs").rename(last)
    say(f"files: {last}")
    return compare_jobs([job.read(last / host) for host in HOSTS])


def markdown() -> list[str]:
    """The section of hvhost/README.md."""
    return [f"{number}. {entry.text}" for number, entry in enumerate(read_known(), 1)]
