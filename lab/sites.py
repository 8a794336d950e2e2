# SPDX-License-Identifier: GPL-2.0-only
"""Where hvhost can lie: the sites in the tables of its README."""

from __future__ import annotations

import functools
import re

from lab.common import TOP

SITE = re.compile(r"^\| `([a-z0-9-]+)` \|", re.M)


def _section() -> str:
    text = (TOP / "hvhost" / "README.md").read_text(encoding="utf-8")
    return text.partition("\n## A host that lies\n")[2].partition("\n## ")[0]


@functools.cache
def all_sites() -> tuple[str, ...]:
    return tuple(SITE.findall(_section()))


@functools.cache
def firmware_sites() -> tuple[str, ...]:
    """The sites in what firmware says."""
    return tuple(SITE.findall(_section().partition("\n### What firmware says\n")[2]))


@functools.cache
def message_sites() -> tuple[str, ...]:
    """All others. Seeds lie at these alone, unless ONLY names others: a guest without MMIO
    space gets few of their lies."""
    return tuple(site for site in all_sites() if site not in firmware_sites())
