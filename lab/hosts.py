# SPDX-License-Identifier: GPL-2.0-only
"""The hosts that there are, and which one is asked for."""

from __future__ import annotations

import os
import platform

from lab.common import one_of
from lab.hvhost import Hvhost
from lab.openvmm import OpenVmm
from lab.vmm import Vmm

HOSTS: dict[str, Vmm] = {host.name: host for host in (Hvhost(), OpenVmm())}


def named(name: str) -> Vmm:
    return HOSTS[one_of(name, list(HOSTS), "host")]


def chosen() -> Vmm:
    """The one that HOST names. Some shells set HOST to the machine's name."""
    name = os.environ.get("HOST") or ""
    return named("hvhost" if name in ("", platform.node()) else name)
