# SPDX-License-Identifier: GPL-2.0-only
"""Results of guests on a host that lies: kept as JSON lines, which findings are known, and a
table."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lab.common import LabError, say, words
from lab.sites import firmware_sites

KNOWN = Path(__file__).with_name("hostile.toml")


@dataclass
class Seed:
    """One guest: what it was to do, what was done to it, and what came of it."""

    seed: int
    rate: int
    scenario: str
    path: str
    kernel: str
    outcome: str = ""           # ok, stuck, host, or the kind of the first complaint
    rounds: int = 0             # of binding devices anew
    sites: list[str] = field(default_factory=list)  # for --hostile-only; none: all
    signatures: list[str] = field(default_factory=list)
    excerpt: list[str] = field(default_factory=list)
    mutations: list[str] = field(default_factory=list)
    only: str = ""              # what ONLY was
    checked: int = 0            # kernels whose MMIO windows were held against firmware's

    @property
    def key(self) -> tuple[int, int, str, str]:
        """Results of the same key are of the same lies."""
        return self.seed, self.rate, self.kernel, self.only

    @property
    def lied(self) -> set[str]:
        """The sites that lied."""
        return {name.partition(".")[0] for name in self.mutations}

    @property
    def command(self) -> str:
        """The command that runs it, but for its lies."""
        return f"make hostile SEEDS={self.seed} RATE={self.rate} KERNEL={self.kernel}"

    @property
    def again(self) -> str:
        """The command that runs it again."""
        only = f" ONLY={self.only}" if self.only else ""
        return f"{self.command}{only} AGAIN=1"


class Known:
    """The findings that are written up: signatures, and where they are described."""

    def __init__(self, file: Path = KNOWN) -> None:
        try:
            data = tomllib.loads(file.read_text(encoding="utf-8"))
            self.entries = [(re.compile(one["signature"]), str(one["finding"]),
                             str(one.get("site", ""))) for one in data.get("known", [])]
        except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, re.error) as e:
            raise LabError(f"{file}: {e}") from None

    def finding(self, signature: str, one: Seed) -> str:
        """Which finding of docs/findings.md that is, or "". One that needs lies at a site is
        not known of a guest to which that site did not lie; nor are the others of a guest to
        which firmware alone lied."""
        firmware_alone = bool(one.lied) and one.lied <= set(firmware_sites())
        return next((name for pattern, name, site in self.entries if pattern.fullmatch(signature)
                     and (site in one.lied if site else not firmware_alone)), "")

    def new(self, one: Seed) -> list[str]:
        """The signatures that are none of those findings."""
        return [s for s in one.signatures if not self.finding(s, one)]


def table(results: Iterable[Seed], known: Known) -> list[str]:
    """Sites by outcomes: how many guests ended so to which a site lied; then the
    signatures, and how often each was seen."""
    results = list(results)
    outcomes = sorted({r.outcome for r in results}, key=lambda o: (o != "ok", o))
    lines = [f"{'site':<20}" + "".join(f"{o:>10}" for o in outcomes)]
    for site in sorted({site for r in results for site in r.lied}):
        counts = [sum(r.outcome == o and site in r.lied for r in results) for o in outcomes]
        lines.append(f"{site:<20}" + "".join(f"{count or '-':>10}" for count in counts))
    counts = [sum(r.outcome == o for r in results) for o in outcomes]
    lines += [f"{'all guests':<20}" + "".join(f"{count:>10}" for count in counts), ""]
    seen: dict[str, list[Seed]] = {}
    for r in results:
        for signature in r.signatures:
            seen.setdefault(signature, []).append(r)
    for signature, runs in sorted(seen.items(), key=lambda item: -len(item[1])):
        lines.append(f"{len(runs):>5} {known.finding(signature, runs[0]) or 'NEW'}: {signature} "
                     f"(seeds {' '.join(str(r.seed) for r in runs[:6])})")
    return lines


def finish(results: list[Seed], folder: Path, known: Known) -> int:
    """Print the table and what is new. 0 if nothing is."""
    print("\n".join(table(results, known)))
    new = [(r, known.new(r)) for r in results]
    new = [(r, signatures) for r, signatures in new if signatures]
    for r, signatures in new:
        print(f"\nseed {r.seed}, rate {r.rate}, {r.scenario}, {r.path}, {r.kernel}: "
              f"{'; '.join(signatures)}")
        print("\n".join(f"  {line}" for line in r.excerpt[:15]))
        print(f"  lies: {words(r.mutations[:40])}\n  files: {folder / 'found' / str(r.seed)}\n"
              f"  again: {r.again}")
    say(f"{len(results)} guests, {len(new)} with something new")
    return 1 if new else 0
