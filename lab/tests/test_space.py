# SPDX-License-Identifier: GPL-2.0-only
"""Whose the MMIO space is that a kernel holds."""

from __future__ import annotations

import pytest

from lab.common import Range
from lab.space import framebuffers, guest_errors


def spans(*texts: str) -> set[Range]:
    return {found for text in texts if (found := Range.parse(text))}


@pytest.mark.parametrize(("layout", "found"), [
    ({"fb": "0xe0000000-0xe07fffff", "fb_firmware": "0xe0000000-0xe02fffff"},
     ["e0000000-e07fffff"]),
    ({"fb": "0x70000000-0x71dfffff", "fb_firmware": "0xf8000000-0xf82fffff"},
     ["70000000-71dfffff", "f8000000-f87fffff"]),
    ({"fb": None, "fb_firmware": "0xf8000000-0xf9ffffff"}, ["f8000000-f9ffffff"]),
    ({"fb": None, "fb_firmware": None}, [])])
def test_framebuffers(layout: dict[str, object], found: list[str]) -> None:
    assert framebuffers(layout) == spans(*found)


def test_what_is_held() -> None:
    """A stale framebuffer of firmware's is held outside of the reservation; all else that no
    device has is an error."""
    held = spans("f8000000-f87fffff", "78000000-78001fff")
    owned = [(Range(0x78000000, 0x78001fff), "a bus")]
    assert not list(guest_errors(owned, held, None, spans("f8000000-f87fffff"), {"a bus"}))
    assert list(guest_errors(owned, held, None, set(), {"a bus"})) == \
        ["nobody's: f8000000-f87fffff"]
