# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel lost to the framebuffer, on a host that lets that cover devices."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lab.findings import Report
from lab.losses import losses
from lab.trace import Life, parse_line

LOW, FB, HIGH = "0xf8000000-0xf8001fff", "0xf8000000-0xf87fffff", "0xfe0000000-0xfe07fffff"
OPEN = {"event": "open", "device": "nvme0"}
EXIT = {"event": "d0_exit", "device": "nvme0"}
VIDEO = {"event": "open", "device": "video"}
NOWHERE = {"event": "vram_location", "accepted": True, "fb": None}


def entry(reason: str, status: str = "0x0") -> dict[str, object]:
    return {"event": "d0_entry", "device": "nvme0", "window": LOW, "status": status,
            "reason": reason}


def bar(decodes: bool, number: int = 0) -> dict[str, object]:
    return {"event": "bar", "device": "nvme0", "bar": number, "range": HIGH, "decodes": decodes}


def on_fb(action: str) -> dict[str, object]:
    return {"event": "conflict", "what": "bar", "device": "nvme0", "bar": 0, "range": HIGH,
            "with": "framebuffer", "with_range": FB, "action": action}


def move(to: str, *onto: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The framebuffer moves there, onto parts of nvme0."""
    conflict: dict[str, object] = {"event": "conflict", "what": "framebuffer", "range": to,
                                   "device": "framebuffer", "with": "nvme0", "with_range": LOW,
                                   "action": "covered"}
    return [*(conflict | dict(part) for part in onto),
            {"event": "vram_location", "accepted": True, "fb": to}]


CONFIG = {"with_what": "config"}
BAR = {"with_what": "bar", "with_bar": 0}


def lost(*events: Mapping[str, object]) -> list[str]:
    life = Life(1, None, [parse_line(n, json.dumps({"t": n} | dict(event)))
                          for n, event in enumerate(events, 1)])
    return [f"{kind} {device}" for kind, device in losses(life, Report(), ())]


def test_a_window_that_is_covered_is_lost() -> None:
    assert lost(OPEN, entry("covered")) == ["config-covered nvme0"]
    assert not lost(OPEN, entry("covered"), EXIT, entry("ok"))
    assert lost(OPEN, entry("ok"), EXIT, entry("covered")) == ["config-covered nvme0"]


def test_it_stays_lost_when_the_framebuffer_leaves() -> None:
    """The kernel has read pixels by then."""
    assert lost(OPEN, entry("covered"), *move(HIGH)) == ["config-covered nvme0"]


def test_a_bar_that_is_covered_is_lost_until_it_decodes_elsewhere() -> None:
    assert lost(OPEN, entry("ok"), on_fb("covered"), bar(True)) == ["bar-covered nvme0"]
    assert lost(OPEN, entry("ok"), on_fb("covered"), bar(True), bar(False)) == \
        ["bar-covered nvme0"]
    assert not lost(OPEN, entry("ok"), on_fb("covered"), bar(True), bar(False), bar(True))
    assert lost(OPEN, entry("ok"), on_fb("refused"), bar(False)) == ["bar-on-framebuffer nvme0"]
    assert not lost(OPEN, entry("ok"), on_fb("ignored"), bar(True))


def test_the_framebuffer_that_moves_onto_a_device() -> None:
    """The device is lost, video is not, until the framebuffer leaves or the device is used
    anew."""
    assert lost(OPEN, entry("ok"), *move(FB, CONFIG)) == ["config-covered nvme0"]
    assert lost(OPEN, entry("ok"), bar(True), *move(FB, CONFIG, BAR)) == \
        ["bar-covered nvme0", "config-covered nvme0"]
    assert not lost(OPEN, entry("ok"), *move(FB, CONFIG), *move(HIGH))
    assert not lost(OPEN, entry("ok"), *move(FB, CONFIG), NOWHERE)
    assert not lost(OPEN, entry("ok"), *move(FB, CONFIG), EXIT)
    assert not lost(OPEN, entry("ok"), *move(FB, CONFIG), EXIT, entry("ok"))
    assert not lost(OPEN, entry("ok"), *move(FB, CONFIG), OPEN, entry("ok")), "without exit"
    assert lost(OPEN, entry("ok"), bar(True), bar(True, 4), *move(FB, BAR), bar(False, 4)) == \
        ["bar-covered nvme0"]
    assert not lost(OPEN, entry("ok"), bar(True), *move(FB, BAR), bar(False), bar(True))


def test_what_a_dead_kernel_held_is_not_lost() -> None:
    assert not lost(*move(FB, CONFIG, BAR), OPEN, entry("ok"))


def test_where_a_framebuffer_is_that_is_mapped_nowhere() -> None:
    assert Life(1, None).vram is None
    assert Life(1, None, [parse_line(1, json.dumps({"t": 1} | NOWHERE))]).vram is None
    assert not lost(VIDEO, NOWHERE)
