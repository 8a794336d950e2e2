# SPDX-License-Identifier: GPL-2.0-only
"""Results of chains of kernels: what each was, what came of it, and a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lab.common import say
from lab.seeds import show_wrong


@dataclass
class Chain:
    """One chain: what is drawn, and what came of it."""

    seed: int
    kernel: str                 # with the series; the last
    others: str                 # that were drawn from as well
    machine: str                # the scenario that it is made of
    kernels: list[str]          # in their order
    calls: list[str]            # s or c, how each but the first was started
    drivers: list[list[str]]    # of each, in the order in which it loads them
    pci: list[str]
    settings: str = ""          # SETTINGS
    outcome: str = ""           # ok; lost: a device; other; none: the emulator gave no result
    why: list[str] = field(default_factory=list)
    lost: list[list[str]] = field(default_factory=list)  # devices, by kernel
    faults: list[str] = field(default_factory=list)  # after which it was run again
    seconds: float = 0          # of the host's clock

    @property
    def key(self) -> tuple[object, ...]:
        """Results with the same key are of the same run."""
        return self.seed, self.kernel, self.others, self.settings

    @property
    def again(self) -> str:
        """The command that runs it again."""
        words = ["make chain", f"SEEDS={self.seed}", f"KERNEL={self.kernel}",
                 f"KERNELS='{self.others}'"]
        words += [f"SETTINGS='{self.settings}'"] if self.settings else []
        return " ".join([*words, "AGAIN=1"])

    @property
    def about(self) -> str:
        """All that was drawn, in words."""
        words = [f"{name} {order[0].partition('-')[0].partition('_')[0]} first"
                 for name, order in zip(self.kernels, self.drivers)]
        chain = words[0] + "".join(f" -{call}> {word}" for call, word in zip(self.calls, words[1:]))
        return f"{self.machine}, {' + '.join(self.pci)}: {chain}"


def table(found: Iterable[Chain]) -> list[str]:
    """For each kernel how often it ran, and how often it lost a device."""
    ran: dict[str, int] = {}
    lost: dict[str, int] = {}
    for one in found:
        # Without verdicts nothing is known of what was lost.
        for name, devices in zip(one.kernels, one.lost):
            ran[name] = ran.get(name, 0) + 1
            lost[name] = lost.get(name, 0) + bool(devices)
    lines = [f"{'kernel':<24}{'ran':>8}{'lost a device':>16}"]
    return lines + [f"{name:<24}{ran[name]:>8}{lost[name] or '-':>16}" for name in sorted(ran)]


def finish(found: list[Chain], folder: Path) -> int:
    """Print the table and each run that is not as expected. 0 if all are."""
    print("\n".join(table(found)))
    wrong = show_wrong(found, folder)
    faults = sum(len(one.faults) for one in found)
    say(f"{len(found)} chains of {sum(len(one.kernels) for one in found)} kernels, "
        f"{len(wrong) or 'none'} not as expected; faults of the emulator: {faults}")
    return 1 if wrong else 0
