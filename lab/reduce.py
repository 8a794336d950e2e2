# SPDX-License-Identifier: GPL-2.0-only
"""Delta debugging: the smallest part of a list that still does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Whether each of these lists does it; those of one call may be tried side by side.
Test = Callable[[list[list[str]]], list[bool]]


def split(items: Sequence[str], parts: int) -> list[list[str]]:
    """The items in so many parts of about the same length, none empty."""
    size, more = divmod(len(items), parts)
    found, start = [], 0
    for n in range(parts):
        end = start + size + (n < more)
        if end > start:
            found.append(list(items[start:end]))
        start = end
    return found


def reduce(items: Sequence[str], test: Test) -> list[str]:
    """A part of ITEMS that does it, of which no item can be left out alone. ITEMS has to
    do it. That is ddmin (Zeller and Hildebrandt, 2002)."""
    rest, parts = list(items), 2
    while len(rest) > 1:
        pieces = split(rest, min(parts, len(rest)))
        others = [[item for item in rest if item not in piece] for piece in pieces]
        # With two pieces each is the other's rest.
        tries = pieces if len(pieces) == 2 else pieces + others
        done = test(tries)
        hit = next((n for n, did in enumerate(done) if did), None)
        if hit is not None:
            was_piece = hit < len(pieces)
            rest = tries[hit]
            parts = 2 if was_piece else max(parts - 1, 2)
        elif parts >= len(rest):
            break
        else:
            parts = min(2 * parts, len(rest))
    return rest
