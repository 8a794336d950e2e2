# SPDX-License-Identifier: GPL-2.0-only
"""Reads the results that an inner host hands back.

They are tar archives, one per job and one behind the other, and come from where
guests ran: nothing in them is trusted. An archive may have regular files and folders,
and only those that a job has: NAME/out with all below it, NAME/console, NAME/why and
NAME/rc. An archive is checked completely before the first file is written. The
tarfile module of Debian 12 has no extraction filters, and some archives make it loop,
so it is not used.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from lab.common import LabError

BLOCK = 512
ZEROS = bytes(BLOCK)
CHUNK = 1 << 20
LONGEST_NAME = 4096
FILES = ("console", "why", "rc")
FILE, FOLDER, LONG_NAME = b"0", b"5", b"L"
TYPES = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device",
         b"4": "a device", b"6": "a FIFO"}
# Errors that a bad archive cannot cause
OURS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)


class Refused(Exception):
    """Results that are not taken, and why."""


class Unreadable(Refused):
    """An archive that is cut or malformed: nothing behind it can be read either."""


@dataclass(frozen=True)
class Member:
    """A member of an archive, with the place of its content in the stream."""

    name: bytes
    kind: bytes
    mode: int
    start: int
    size: int


def quote(text: bytes | str) -> str:
    """Text from outside, safe to print."""
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    return ascii(text[:200])


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        raise Unreadable(f"a header has the number {quote(field)}")
    return int(digits, 8)


class Archives:
    """A stream of archives, which may still grow."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._at = 0

    def close(self) -> None:
        os.close(self._fd)

    def _read(self, start: int, size: int) -> bytes:
        data = os.pread(self._fd, size, start)
        if len(data) < size:
            raise Unreadable("the archive is cut")
        return data

    def _header(self) -> bytes | None:
        """The next header; None at the end of an archive."""
        block = self._read(self._at, BLOCK)
        self._at += BLOCK
        if block == ZEROS:
            return None
        # The sum counts its own field as spaces.
        if _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 32:
            raise Unreadable("a header has a wrong checksum")
        return block

    def _members(self) -> list[Member]:
        """All members of the next archive."""
        members = []
        long_name = None
        while (header := self._header()) is not None:
            name = header[:100].partition(b"\0")[0]
            kind, size = header[156:157], _octal(header[124:136])
            if kind == b"\0":
                kind = FILE
            member = Member(long_name or name, kind, _octal(header[100:108]),
                            self._at, size)
            self._at += -(-size // BLOCK) * BLOCK
            long_name = None
            if kind == LONG_NAME:
                if size > LONGEST_NAME:
                    raise Unreadable(f"a name has {size} bytes")
                long_name = self._read(member.start, size).partition(b"\0")[0]
            else:
                members.append(member)
        return members

    def take(self, job: str, folder: Path) -> int:
        """Write the results of the job, which must be the next archive, to its folder.
        Return the job's status."""
        try:
            while self._read(self._at, BLOCK) == ZEROS:
                self._at += BLOCK
        except Unreadable:
            raise Unreadable("there is no archive") from None
        members = self._members()
        places = [(_place(job, member), member) for member in members]
        status = self._status(job, members)
        # rc comes last: where it is, the rest is complete.
        places.sort(key=lambda pair: pair[0] == "rc")
        for place, member in places:
            try:
                self._write(folder / place, member)
            except OSError as error:
                if error.errno in OURS:
                    raise LabError(f"cannot write {error.filename or folder / place}:"
                                   f" {error.strerror}") from None
                raise Refused(f"{quote(member.name)}: {error.strerror}") from None
        return status

    def _status(self, job: str, members: list[Member]) -> int:
        last = [m for m in members if m.name == f"{job}/rc".encode()][-1:]
        if not last:
            raise Refused("there is no rc")
        text = self._read(last[0].start, min(last[0].size, 100)).strip()
        if not text.isdigit() or len(text) > 3 or int(text) > 255:
            raise Refused(f"rc is {quote(text)}, not a status from 0 to 255")
        return int(text)

    def _write(self, path: Path, member: Member) -> None:
        if member.kind == FOLDER:
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        mode = 0o600 | member.mode & 0o777
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            for done in range(0, member.size, CHUNK):
                size = min(CHUNK, member.size - done)
                file.write(self._read(member.start + done, size))


def _place(job: str, member: Member) -> str:
    """The place of a member in the job's folder; raises Refused if it has none."""
    what = quote(member.name)
    if member.kind not in (FILE, FOLDER):
        kind = TYPES.get(member.kind, f"of the type {quote(member.kind)}")
        raise Refused(f"{what} is {kind}")
    if member.name.startswith(b"/"):
        raise Refused(f"{what} is an absolute name")
    parts = os.fsdecode(member.name).removesuffix("/").split("/")
    if parts[0] != job or any(part in ("", ".", "..") for part in parts):
        raise Refused(f"{what} is outside of the job's folder")
    if parts[1:2] == ["out"] and (len(parts) > 2 or member.kind == FOLDER):
        return "/".join(parts[1:])
    if len(parts) == 2 and parts[1] in FILES and member.kind == FILE:
        return parts[1]
    raise Refused(f"{what} is not a result of a job")
