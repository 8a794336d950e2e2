# SPDX-License-Identifier: GPL-2.0-only
"""Reads a scenario's TOML, table by table, and names the line of what is wrong in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from lab.common import LabError
from lab.schema import Key, Wrong


class Reader:
    """One file, while it is read: where things are in it, for errors."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.lines = text.split("\n")

    def fail(self, why: str, table: str = "", key: str = "", index: int = 0) -> LabError:
        line = self.line_of(table, key, index)
        return LabError(f"{self.file}:{f'{line}:' if line else ''} {why}")

    def line_of(self, table: str, key: str, index: int) -> int:
        """The line of a key, of the index-th table of that name; of the table if it has
        no such key; or 0."""
        current, count, found = "", -1, 0
        for number, line in enumerate(self.lines, 1):
            header = re.match(r"\s*(\[{1,2})\s*([\w-]+)\s*\]", line)
            if header:
                current = f"[{header[2]}]" if len(header[1]) == 2 else header[2]
                count += current == table
            at = current == table and (not table.startswith("[") or count == index)
            if at and header:
                found = number
            if at and key and re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
                return number
        return found

    def check(self, table: str, values: Any, keys: tuple[Key, ...],
              index: int = 0) -> dict[str, Any]:
        """The values of a table, each as its key has it."""
        if not isinstance(values, dict):
            raise self.fail(f"{table} is not a table", table)
        known = {key.name: key for key in keys}
        checked = {}
        for name, value in values.items():
            where = table.strip("[]") or "the top"
            if name not in known:
                raise self.fail(f"no such key in {where}: '{name}'", table, name, index)
            try:
                checked[name] = known[name].kind(value)
            except Wrong as e:
                shown = f"'{value}'" if isinstance(value, str) else repr(value)
                raise self.fail(f"{name} cannot be {shown}: expected {e}",
                                table, name, index) from None
        return checked


def load_toml(file: Path) -> tuple[dict[str, Any], Reader]:
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text), Reader(file, text)
    except OSError as e:
        raise LabError(f"cannot read {file}: {e.strerror}") from None
    except (ValueError, RecursionError) as e:
        raise LabError(f"{file}: not TOML: {e}") from None
