# SPDX-License-Identifier: GPL-2.0-only
"""What lab needs of a program that is a Hyper-V host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from lab.arches import X86, Arch
from lab.kernels import Pair
from lab.scenario import Scenario


@dataclass(frozen=True)
class Order:
    """A run that is asked for. Its path may be shell."""

    scenario: Scenario
    path: str
    kernel: Pair
    patience: int               # seconds that the guest gets
    more: str = ""              # added to the kernel's command line
    options: tuple[str, ...] = ()  # added to hvhost's


class Vmm(ABC):
    """A host that guests run on."""

    name: str
    slowness = 1                # guests get so many times as long as on hvhost
    settings: tuple[str, ...] = ()  # environment variables that it reads

    @abstractmethod
    def demos(self, arch: Arch) -> tuple[str, ...]:
        """The scenarios of make demo: that of the table, and those below it."""

    @abstractmethod
    def put(self, files: Path, arch: Arch = X86) -> None:
        """Its programs for guests of ARCH, in FILES. LabError if they cannot be had."""

    def lacks(self, scenario: Scenario, path: str, kernel: Pair) -> str:
        """Why it cannot run this, or ""."""
        return ""

    @abstractmethod
    def saw(self, folder: Path) -> str:
        """What it says of a run, for people."""

    @abstractmethod
    def make(self, folder: Path, files: Path, order: Order) -> None:
        """The job's script, as FOLDER/job, and what it needs beside the guest's files,
        as hard links of what put() left in FILES."""
