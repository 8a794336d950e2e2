# SPDX-License-Identifier: GPL-2.0-only
"""The path hibernate: two hosts in a row with the same disks."""

from __future__ import annotations

from lab import hvhost, scenario
from lab.kernels import pair
from lab.vmm import Order


def commands(name: str, kernels: str = "series") -> list[str]:
    """The job's lines that start hvhost."""
    text = hvhost.script(Order(scenario.load(name), "hibernate", pair(kernels), 240))
    lines = text.split("\n")
    assert lines[1].startswith("./nvme make ") and lines[2].startswith("truncate -s 1024M disk1")
    found = [line for line in lines if line.startswith("./hvhost run")]
    between = lines[lines.index(found[0]) + 1:lines.index(found[1])]
    assert between == ["rc=$?", "echo $rc >out/rc1", '[ "$rc" = 0 ] || exit "$rc"']
    return found


def test_two_hosts() -> None:
    """Each has the disks and the time, and writes files of its own."""
    for name in ("gen2-hibernate", "gen1-hibernate"):
        first, second = commands(name)
        for line in (first, second):
            assert "--pci nvme,disk=disk --pci nvme,disk=disk1" in line
            assert "--timeout 240" in line
        assert "--kernel bzImage --initrd initrd " in first
        assert "--kernel loader --initrd loader-initrd " in second
        assert "--trace out/trace1" in first and first.endswith("2>out/host1")
        assert "--trace out/trace --findings out/findings " in second
        assert "guest.loader" not in first and "guest.loader=yes" in second
        assert "guest.path=hibernate" in first and "guest.path=hibernate" in second


def test_later() -> None:
    """Only the second host is different."""
    first, second = commands("gen2-hibernate-larger")
    assert "--low-mmio" not in first and "--low-mmio 1G" in second
    one = scenario.load("gen2-hibernate-larger")
    assert one.later.host["low-mmio"] == "1G" and one.host["low-mmio"] is None
