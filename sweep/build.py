# SPDX-License-Identifier: GPL-2.0-only
"""Builds the sweep for programs in Python."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lab.common import TOP
from lab.process import Children

SCRIPT = '. "$1/kernel/lib.sh" && . "$TOP/sweep/lib.sh" && shift && sweep_build "$@"'


def build(folder: Path, kernels: Iterable[str], **env: str) -> None:
    """FOLDER/sweep of these kernels, as sweep_build in sweep/lib.sh; ENV is for that."""
    with Children() as children:
        children.call("bash", "-c", SCRIPT, "sweep", TOP, folder, *kernels, env=env)
