# SPDX-License-Identifier: GPL-2.0-only
"""Tests without what a caller may have set."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ARCH", "FUZZ", "HOURS", "JOBS", "ONLY", "SET"):
        monkeypatch.delenv(name, raising=False)
