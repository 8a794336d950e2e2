# SPDX-License-Identifier: GPL-2.0-only
"""A scenario, a path and a kernel as a job folder, for the runner."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from lab import hosts
from lab.common import LabError, one_of
from lab.kernels import Pair, pair
from lab.plan import PATIENCE, initrd_of, size_class
from lab.scenario import Scenario, load
from lab.schema import PATHS
from lab.vmm import Order, Vmm


@dataclass(frozen=True)
class Job:
    """A job folder: what it runs, and on which host."""

    folder: Path
    scenario: Scenario
    path: str
    kernel: Pair
    host: Vmm

    @property
    def again(self) -> str:
        """The command that runs it again."""
        words = [f"S={self.scenario.reference}", f"P={self.path}", f"KERNEL={self.kernel.name}"]
        if self.host.name != "hvhost":
            words.insert(0, f"HOST={self.host.name}")
        words += [f"{name}={os.environ[name]}" for name in
                  ("ROLE", "LINUX", "MODULES", "WORK", *self.host.settings)
                  if os.environ.get(name, "") not in ("", "0")]
        return f"make run {shlex.join(words)}"


def make(folder: Path, files: Path, scenario: Scenario, path: str, kernels: Pair, *,
         patience: int | None = None, more: str = "", host: Vmm | None = None,
         options: tuple[str, ...] = ()) -> Job:
    """Make the job's folder, with the guest's files from FILES/KERNEL, as hard links: the
    archive for an inner host has once what many jobs share. PATH may be shell. HOST is the
    one that HOST= names unless given. OPTIONS are for hvhost."""
    host = host or hosts.chosen()
    patience = patience or PATIENCE[size_class(kernels)] * host.slowness * scenario.arch.slowness
    order = Order(scenario, path, kernels, patience, more, options)
    folder.mkdir(parents=True)
    own = files / kernels.file_name
    for name in (scenario.arch.image, initrd_of(path)):
        os.link(own / name, folder / name)
    host.make(folder, files, order)
    (folder / "job").chmod(0o755)
    if path != "shell":
        # A little more for a guest that the host does not end
        hosts_in_a_row = 2 if path == "hibernate" else 1
        (folder / "deadline").write_text(f"{order.patience * hosts_in_a_row + 10}\n",
                                         encoding="utf-8")
    (folder / "release").write_text((own / "release").read_text(encoding="utf-8"),
                                    encoding="utf-8")
    about = {"scenario": scenario.reference, "path": path, "kernel": kernels.name,
             "host": host.name}
    (folder / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    return Job(folder, scenario, path, kernels, host)


def read(folder: Path) -> Job:
    """The job that is in a folder."""
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        scenario, path, name = about["scenario"], about["path"], about["kernel"]
        host = about.get("host", "hvhost")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise LabError(f"{folder} is not the folder of a job: {e}") from None
    if not all(isinstance(value, str) for value in (scenario, path, name, host)):
        raise LabError(f"{folder}/about.json does not name a scenario, a path, a kernel and a host")
    one_of(path, PATHS, "path")
    return Job(folder, load(scenario), path, pair(name), hosts.named(host))
