# SPDX-License-Identifier: GPL-2.0-only
"""The host's trace: what is an event, and which kernel's it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.common import BadFile, Range
from lab.trace import Trace, parse_line, read_trace

RECORDINGS = Path(__file__).parent / "recordings"


def trace(*events: Mapping[str, object]) -> Trace:
    lines = [{"t": n} | dict(event) for n, event in enumerate(events)]
    return Trace([parse_line(n, json.dumps(line)) for n, line in enumerate(lines, 1)])


LAYOUT = {"event": "layout", "fb": "0x1000-0x1fff"}
OS = {"event": "guest_os_id", "id": "0x81"}
OFF = {"event": "guest_os_id", "id": "0x0"}


def test_kernels_are_split_by_their_os_id() -> None:
    found = trace(LAYOUT, OS, {"event": "contact", "accepted": True}, OFF, OS)
    assert [life.number for life in found.lives] == [1, 2]
    assert len(found.lives[0].events) == 3, "what comes before the first is nobody's"


def test_a_kernel_that_resumes_is_one() -> None:
    contact = {"event": "contact", "accepted": True}
    assert len(trace(LAYOUT, OS, contact, {"event": "unload"}, contact).lives) == 1
    recorded = read_trace(RECORDINGS / "series.gen2-resume.kdump-c" / "out" / "trace")
    assert len(recorded.lives) == 2
    assert len(recorded.lives[0].all("contact")) == 3, "it resumed twice"


def test_the_framebuffer_stays_where_a_kernel_has_put_it() -> None:
    moved = {"event": "vram_location", "accepted": True, "fb": "0x5000-0x5fff"}
    refused = {"event": "vram_location", "accepted": False, "fb": "0x7000-0x7fff"}
    found = trace(LAYOUT, OS, moved, refused, OS)
    assert found.lives[0].fb == Range(0x1000, 0x1fff)
    assert found.lives[1].fb == found.lives[1].vram == Range(0x5000, 0x5fff)


def test_devices_that_come_and_go() -> None:
    offer = {"event": "offer", "device": "test0", "instance": "a"}
    found = trace(LAYOUT, OS, offer, {"event": "rescind", "device": "test0"},
                  {**offer, "device": "test1", "instance": "b"})
    assert found.lives[0].present == {"test1": "b"}
    assert found.lives[0].instances == {"test0": "a", "test1": "b"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"t":1}', '{"event":"x"}',
                                  '{"t":"1","event":"x"}', '{"t":-1,"event":"x"}',
                                  '{"t":true,"event":"x"}', '{"t":1e9,"event":"x"}',
                                  '{"t":1,"event":5}', '{"t":NaN,"event":"x"}',
                                  "[" * 5000])
def test_what_is_no_event(text: str) -> None:
    with pytest.raises(BadFile, match="line 7 is cut or malformed"):
        parse_line(7, text)


@pytest.mark.parametrize("value", ["here", "0x10", "0x1-0x", 5, ["0x1-0x2"]])
def test_what_is_no_range(value: object) -> None:
    with pytest.raises(BadFile, match="line 7: d0_entry with window .*not a range"):
        parse_line(7, json.dumps({"t": 1, "event": "d0_entry", "window": value}))


def test_ranges() -> None:
    assert Range.parse("0xf8000000-0xfbffffff") == Range.parse("f8000000-fbffffff")
    assert str(Range(0x10, 0x1f)) == "10-1f" and Range(0x10, 0x1f).size == 16
    assert Range(1, 5).overlaps(Range(5, 9)) and not Range(1, 4).overlaps(Range(5, 9))
    assert Range.parse("f" * 17 + "-1") is None and Range.parse(None) is None
