# SPDX-License-Identifier: GPL-2.0-only
"""Locks between runs of lab.

The kernel releases them when the process that holds them dies. Their descriptors are
closed on exec, so that no child keeps one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lab.common import LabError, number, say
from lab.process import pause

LIMIT = 1800  # seconds to wait for a lock, unless LOCK_WAIT is set
SILENCE = 2.0  # seconds of waiting after which lab says so


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _same(fd: int, path: Path) -> bool:
    """Whether the file still has its name; `make clean` may have removed it."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(fd: int) -> str:
    """Who holds the lock, as the end of a sentence."""
    words = os.pread(fd, 200, 0).decode(errors="replace").split("\t")
    if len(words) != 3 or not words[0].isdigit():
        return "another process"
    return f"{words[0]} ({words[1]}, since {words[2]})"


def _write(fd: int, text: str) -> None:
    """Say who holds the lock; the lock is held without it as well."""
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)


def _acquire(path: Path, limit: float) -> int:
    """Return the descriptor that holds the lock."""
    began = time.monotonic()
    said = False
    fd = _open(path)
    try:
        while True:
            if _try(fd):
                if _same(fd, path):
                    return fd
                os.close(fd)
                fd = _open(path)
                continue
            who = _holder(fd)
            waited = time.monotonic() - began
            if who.startswith(f"{os.getpid()} ("):
                raise LabError(f"this process already holds the lock {path}")
            if waited >= limit:
                raise LabError(f"waited {limit:g} s for {who}, which holds the lock"
                               f" {path}; try again when it has finished")
            if waited >= SILENCE and not said:
                said = True
                say(f"waiting for {who}")
            pause(0.1)
    except BaseException:
        os.close(fd)
        raise


@contextlib.contextmanager
def lock(path: Path, verb: str, limit: float | None = None) -> Iterator[None]:
    """Hold the lock file for the time of the block. VERB says what for, to those who
    wait. Raises LabError after LIMIT seconds without it."""
    try:
        fd = _acquire(path, number("LOCK_WAIT", LIMIT) if limit is None else limit)
    except OSError as error:
        raise LabError(f"cannot lock {path}: {error.strerror}") from None
    try:
        _write(fd, f"{os.getpid()}\t{verb}\t{time.strftime('%H:%M:%S')}")
        yield
    finally:
        _write(fd, "")
        os.close(fd)


@contextlib.contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder PARENT/PREFIX-..., removed when the block ends. It is locked until
    then; those of this prefix that a killed lab left behind are removed now."""
    with lock(parent / f"{prefix}.lock", "making a folder"):
        for old in parent.glob(f"{prefix}-*"):
            _remove_unused(old)
        folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=parent))
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        _try(fd)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(fd)


def _remove_unused(folder: Path) -> None:
    """Remove a folder of scratch() that no process holds."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if _try(fd):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(fd)
