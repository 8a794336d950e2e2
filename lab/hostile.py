# SPDX-License-Identifier: GPL-2.0-only
"""Guests on a host that lies: a seed each, many in a row in one inner host, judged by what
their kernels say. Losing a device is no finding. Results are kept and resumed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lab import arches, firmware, guest, job, kernels, reduce, runner, scenario
from lab.common import TOP, LabError, number, one_of, read_text, say, words
from lab.hostile_results import Known, Seed, finish
from lab.locks import lock
from lab.plan import size_class
from lab.schema import PATHS
from lab.seeds import keep, parse_seeds, resume
from lab.sites import firmware_sites, message_sites
from lab.splats import Splat, blocked, splats
from lab.verdict import clean

# What guests do, by architecture, and how often of 20
PLAYS = {
    "x86": (("gen2-default", "boot", 10), ("gen1-default", "boot", 3), ("gen2-resume", "boot", 4),
            ("gen2-default", "kdump-s", 2), ("gen1-default", "kdump-c", 1)),
    "arm64": (("arm64-default", "boot", 10), ("arm64-devicetree", "boot", 7),
              ("arm64-default", "kdump-s", 2), ("arm64-devicetree", "kdump-c", 1))}
# How often a guest binds each device anew, if it is to
ROUNDS = 6
# Where lies end a guest early, for it waits for an answer that does not come
PATIENT = ("message-drop", "message-late", "message-type", "message-size", "message-bytes",
           "version-supported", "version-connection", "offer-guid", "offer-relid", "open-relid",
           "open-id", "gpadl-relid", "gpadl-handle", "signal-drop", "signal-flag", "packet-drop",
           "packet-type", "packet-transaction", "packet-offset", "packet-length", "ring-write",
           "rescind-relid")
# Lies in 1000 decisions, unless a rate is given: at all sites, or at a few
RATES = (1, 2, 3, 5, 10, 20)
RATES_OF_FEW = (30, 100, 300, 1000)
# ONLY=firmware: the number of firmware's sites that a seed draws, and the rates. Each site has
# few decisions. With these numbers ACPICA accepts more than half of the tables.
FIRMWARE = "firmware"
FIRMWARE_SITES = (2, 3, 5, 8)
FIRMWARE_RATES = (500, 1000)
BATCH = 20  # guests of one inner host
# Seconds that a guest gets; it needs 5 to 15, and several times that on a busy machine.
PATIENCE = 400
# Seconds without an event or a finding after which it is taken to be stuck; seconds of
# idleness after which it says itself what it waits for
QUIET, IDLE = 75, 60
# Warnings reach the console, and an oops ends the run. Freed memory is poisoned, which
# KASAN does without.
MORE = ("loglevel=5 oops=panic slab_debug=FZP,kmalloc-* nvme_core.io_timeout=5 "
        "nvme_core.admin_timeout=5")
TRIPLE_FAULT = 4
# Complaints that are asked for
WANTED = re.compile("sysrq triggered crash")
SANITIZER = re.compile(r"ERROR: AddressSanitizer: .*|.*runtime error: .*")
# Statuses of hvhost that say that it, or its job, is broken
BROKEN = {1, 2, 126, 127, 132, 134, 135, 136, 137, 139}


Done = Callable[[str], None]


def firmware_sites_of(name: str) -> list[str]:
    """Those that a scenario's machine has."""
    host = scenario.load(name).host
    devicetree = host["firmware"] == "devicetree"
    there = {"windows": True, "crs": not devicetree, "ranges": devicetree,
             "screen": not devicetree, "vga": host["generation"] == 1}
    return [site for site in firmware_sites() if there[site.partition("-")[0]]]


def drawn_tables(draw: random.Random, name: str) -> tuple[list[str], int]:
    """ONLY=firmware: sites and rate."""
    sites = draw.sample(firmware_sites_of(name), draw.choice(FIRMWARE_SITES))
    return sorted(sites), draw.choice(FIRMWARE_RATES)


def drawn(seed: int, rate: int | None, kernel: str) -> Seed:
    """What the guest of a seed is to do."""
    draw = random.Random(f"hostile {seed}")
    plays = PLAYS[arches.chosen().name]
    name, path = draw.choices([play[:2] for play in plays], [play[2] for play in plays])[0]
    rounds = draw.choice((0, ROUNDS)) if path == "boot" else 0
    # All sites, those with patience, or up to three
    kind = draw.choice(("all", "patient", "few", "few"))
    never = [*(PATIENT if kind == "patient" else ()), *firmware_sites()]
    sites = [f"-{site}" for site in never]
    if kind == "few":
        sites = sorted(draw.sample(message_sites(), draw.choice((1, 1, 2, 3))))
    found = draw.choice(RATES_OF_FEW if kind == "few" else RATES)
    if os.environ.get("PLAY"):
        name, path, rounds = chosen(os.environ["PLAY"])
    only = os.environ.get("ONLY") or ""
    if only == FIRMWARE:
        sites, found = drawn_tables(draw, name)
    elif only:
        sites = only.split(",")
    return Seed(seed, found if rate is None else rate, name, path, kernel, rounds=rounds,
                sites=sites, only=only)


def chosen(text: str) -> tuple[str, str, int]:
    """PLAY: SCENARIO:PATH or SCENARIO:PATH:ROUNDS, instead of what the seed draws."""
    name, _, rest = text.partition(":")
    path, _, rounds = rest.partition(":")
    one_of(path, [known for known in PATHS if known != "hibernate"], "path of PLAY")
    if rounds and not re.fullmatch(r"\d{1,3}", rounds):
        raise LabError(f"PLAY is SCENARIO:PATH[:ROUNDS], not '{text}'")
    return scenario.load(name).name, path, int(rounds or 0)


def parse_rate(text: str | None) -> int | None:
    if text in (None, ""):
        return None
    if not re.fullmatch(r"\d{1,4}", text or "") or int(text or 0) > 1000:
        raise LabError(f"RATE is 0 to 1000 lies in 1000 decisions, not '{text}'")
    return int(text or 0)


def events(trace: str, name: str) -> Iterator[dict[str, Any]]:
    """The events of that name in a trace that may be cut."""
    for line in trace.split("\n"):
        if f'"event":"{name}"' not in line:
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def mutations(trace: str) -> list[str]:
    """SITE.NUMBER of each lie that a trace tells of."""
    found = [f"{event.get('site')}.{event.get('number')}" for event in events(trace, "hostile")]
    return list(dict.fromkeys(found))


def complaints(console: str, report: str) -> list[Splat]:
    """What the kernels complain of on the console and, if they get that far, in the
    report; each signature once."""
    found = [one for text in (console, report) for one in splats(text)
             if not WANTED.search(one.lines[0])]
    return list({one.signature: one for one in found}.values())


def waiting(console: str) -> list[Splat]:
    """Why a guest does not end."""
    found = list({one.signature: one for one in blocked(console)}.values())
    if found:
        return found
    lines = [line.rstrip("\r") for line in console.split("\n") if line.strip()]
    where = "in a program" if any(line.startswith("guest: ") for line in lines) else "at boot"
    return [Splat("stuck", f"stuck: {where}", tuple(lines[-12:]))]


def host_error(folder: Path, rc: int) -> list[Splat]:
    """What went wrong with hvhost itself."""
    said = read_text(folder / "out" / "host")
    found = SANITIZER.search(said)
    if not found and rc not in BROKEN and not (folder / "why").exists():
        return []
    last = [line for line in said.split("\n") if line.startswith("hvhost: ")]
    text = found[0] if found else read_text(folder / "why").strip() or words(last[-1:], f"rc {rc}")
    text = re.sub(r"\bvCPU \d+", "vCPU N", text)  # whichever it was
    return [Splat("host", f"host: {text[:100]}", tuple(said.split("\n")[-30:]))]


def judge(one: Seed, folder: Path) -> None:
    """Fill in what came of a guest."""
    console = read_text(folder / "console")
    try:
        rc = int(read_text(folder / "rc"))
    except ValueError:
        rc = 1
    trace = read_text(folder / "out" / "trace")
    found = complaints(console, read_text(folder / "out" / "findings"))
    misplaced, one.checked = firmware.check(folder, events(trace, "firmware"))
    found += misplaced
    broken = host_error(folder, rc)
    if broken:
        found = broken + found
    elif rc == TRIPLE_FAULT:
        found.append(Splat("triple", "triple fault", tuple(console.split("\n")[-12:])))
    elif rc == 124 or "guest: failed watch" in console:
        found += waiting(console)
    elif rc == 3 and not found:
        found.append(Splat("reset", "reset: the guest does not say why",
                           tuple(console.split("\n")[-12:])))
    one.mutations = mutations(trace)
    one.signatures = [splat.signature for splat in found]
    one.excerpt = [clean(line) for line in found[0].lines] if found else []
    one.outcome = found[0].kind if found else "ok"


def play(seeds: Sequence[tuple[Seed, str, Sequence[str]]], files: Path, jobs: Path,
         done: Done) -> None:
    """Run guests, each (what, folder's name, the only mutations). DONE is called with
    the name of each that has ended."""
    shutil.rmtree(jobs, ignore_errors=True)
    arch = arches.chosen()
    for one, name, only in seeds:
        pair = kernels.pair(one.kernel)
        # KASAN makes guests slow, and finds more; kmemleak comes with it.
        slow, leaks = (3, " guest.leaks=yes") if size_class(pair) == "debug" else (1, "")
        slow *= arch.slowness
        quiet = number("QUIET_SECONDS", QUIET * slow)
        torture = f" guest.torture={one.rounds}" if one.rounds else ""
        options = ["--hostile", f"{one.seed}:{one.rate}"]
        if only or one.sites:
            options += ["--hostile-only", ",".join(only or one.sites)]
        made = job.make(jobs / name, files, scenario.load(one.scenario), one.path, pair,
                        patience=number("PATIENCE", PATIENCE * slow),
                        more=f"{MORE} guest.watch={IDLE}{torture}{leaks}",
                        options=tuple(options)).folder
        shutil.copy(TOP / "nest" / "quiet", made / "quiet")
        script = (made / "job").read_text(encoding="utf-8")
        (made / "job").write_text(script.replace("./hvhost run", f"./quiet {quiet} ./hvhost run"),
                                  encoding="utf-8")
    runner.run_jobs(jobs, jobs=number("JOBS", 1), verbose=bool(os.environ.get("V")), ready=done,
                    arch=arch)


def where() -> Path:
    return Path(os.environ.get("HOSTILE") or arches.chosen().folder("hostile"))


def kernel_name() -> str:
    return os.environ.get("KERNEL") or "series-debug"


def make_files(files: Path, kernel: str) -> None:
    guest.files(files, [kernels.pair(kernel)], arch=arches.chosen())


def run(seeds: str, rate: str | None) -> int:
    """Run the guests of these seeds, but for those with results."""
    folder, kernel, known = where(), kernel_name(), Known()
    asked = [drawn(seed, parse_rate(rate), kernel) for seed in parse_seeds(seeds)]
    # A result does not say what PLAY was, nor which lies ONLY listed.
    again = bool(os.environ.get("PLAY")) or os.environ.get("ONLY") not in (None, "", FIRMWARE)
    found = resume(asked, Seed, folder, "make hostile",
                   lambda files: make_files(files, kernel),
                   lambda some, done: batch(some, folder / "files", folder, done),
                   again=again, size=BATCH)
    return finish(found, folder, known)


def batch(seeds: Sequence[Seed], files: Path, folder: Path,
          done: Callable[[Seed], None]) -> None:
    """Run guests, judge each as it ends, and hand it to DONE. One whose triple fault does
    not come again was the emulator's victim."""
    by_name = {f"n{n:02d}.{one.seed}": one for n, one in enumerate(seeds)}
    again: list[str] = []

    def ended(name: str) -> None:
        one = by_name[name]
        judge(one, folder / "jobs" / name)
        if one.outcome != "ok" or os.environ.get("KEEP", "") not in ("", "0"):
            keep(folder / "jobs" / name, folder / "found" / str(one.seed))
        if one.outcome == "triple" and name not in again:
            again.append(name)
        else:
            done(one)

    play([(one, name, ()) for name, one in by_name.items()], files, folder / "jobs", ended)
    if again:
        play([(by_name[name], name, ()) for name in list(again)], files, folder / "jobs", ended)


def smallest(seed: str, rate: str | None) -> int:
    """Reduce the lies of a seed to those that its first complaint needs."""
    folder, kernel = where(), kernel_name()
    if not re.fullmatch(r"\d{1,19}", seed):
        raise LabError(f"--reduce takes one seed, not '{seed}'")
    asked = drawn(int(seed), parse_rate(rate), kernel)
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / "lock", "make hostile"):
        files = folder / "files"
        shutil.rmtree(files, ignore_errors=True)
        make_files(files, kernel)
        ended: list[Seed] = []
        batch([asked], files, folder, ended.append)
        if not ended or ended[0].outcome == "ok":
            raise LabError(f"seed {seed}, rate {asked.rate}: it ends well, nothing to reduce")
        first = ended[0]
        target = first.signatures[0]
        say(f"to be kept: {target}; lies: {len(first.mutations)}")

        def test(lists: list[list[str]]) -> list[bool]:
            tries = {f"t{n:03d}": drawn(first.seed, first.rate, kernel)
                     for n in range(len(lists))}
            play([(tries[name], name, only) for name, only in zip(tries, lists)], files,
                 folder / "jobs", lambda name: judge(tries[name], folder / "jobs" / name))
            did = [target in tries[name].signatures for name in tries]
            say(f"{len(lists)} parts of {max(map(len, lists))} lies, {sum(did)} do it")
            return did

        rest = reduce.reduce(first.mutations, test)
        if not test([rest])[0]:
            say("these lies alone do not do it each time")
        shutil.rmtree(files, ignore_errors=True)
    print(f"{target}\nlies: {words(rest)}\n"
          f"again: {first.command} ONLY={','.join(rest)}\n"
          f"({first.scenario}, {first.path}: hvhost run --hostile {first.seed}:{first.rate} "
          f"--hostile-only {','.join(rest)} ...)")
    return 0
