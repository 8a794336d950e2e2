# SPDX-License-Identifier: GPL-2.0-only
"""Child processes that never outlive lab, and signals that end lab cleanly.

Use the two together, in the main thread:

    with catch_signals(), Children() as children:
        child = children.start([...])
        while child.poll() is None:
            pause(0.1)

SIGINT, SIGTERM and SIGHUP only set a flag. pause() and check() raise Interrupted
for it, so that no signal interrupts a step that must be complete: to start a child and
to remember it, or to clean up. Each child runs under keeper.py, which ends it with
all its descendants when Children ends, and also when lab is killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from lab.common import TOP, LabError, nobody_reads, say

KEEPER = Path(__file__).resolve().with_name("keeper.py")
STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A keeper gives up after 10 s, on processes that SIGKILL does not end.
PATIENCE = 12.0

Command = Sequence["str | os.PathLike[str]"]


class Interrupted(KeyboardInterrupt):
    """A signal asks lab to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Signals:
    """The flag that the handlers set, and a pipe that wakes pause() up."""

    def __init__(self) -> None:
        self.stop: int | None = None
        self.read, self.write = os.pipe()
        for end in (self.read, self.write):
            os.set_blocking(end, False)

    def handle(self, number: int, _frame: object) -> None:
        self.stop = number

    def wait(self, seconds: float) -> None:
        """Wait, at most until a signal arrives; the end of a child is one."""
        select.select([self.read], [], [], max(seconds, 0.0))
        with contextlib.suppress(BlockingIOError):
            os.read(self.read, 4096)

    def close(self) -> None:
        os.close(self.read)
        os.close(self.write)


_signals: _Signals | None = None


@contextlib.contextmanager
def catch_signals() -> Iterator[None]:
    """Until this ends, signals that end a program only set a flag for pause() and
    check(). One that was ignored stays ignored. Can be nested."""
    global _signals
    if _signals:
        yield
        return
    _signals = _Signals()
    before = {number: signal.getsignal(number) for number in (*STOP, signal.SIGCHLD)}
    wakeup = signal.set_wakeup_fd(_signals.write, warn_on_full_buffer=False)
    try:
        for number in STOP:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, _signals.handle)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        yield
    except LabError:
        # What failed may have failed because of the signal.
        check()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        _signals.close()
        stop, _signals = _signals.stop, None
    if stop is not None:
        raise Interrupted(stop)


def check() -> None:
    """Raise Interrupted if a signal asks lab to end."""
    if _signals and _signals.stop is not None:
        raise Interrupted(_signals.stop)


def pause(seconds: float) -> None:
    """Sleep, at most until a child ends; raise Interrupted if lab is to end."""
    if not _signals:
        time.sleep(seconds)
        return
    check()
    _signals.wait(seconds)
    check()


def die_of(interrupted: Interrupted) -> NoReturn:
    """End as if nothing had caught the signal, so that the caller sees what it was."""
    signal.signal(interrupted.number, signal.SIG_DFL)
    os.kill(os.getpid(), interrupted.number)
    sys.exit(128 + interrupted.number)


@contextlib.contextmanager
def keep_terminal() -> Iterator[None]:
    """Restore the settings of the terminal that stdin is, if it is one."""
    settings = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        yield
    finally:
        if settings:
            # From the background it is allowed only to those who ignore SIGTTOU.
            before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, settings)
            signal.signal(signal.SIGTTOU, before)


class Child:
    """A command under a keeper."""

    def __init__(self, command: Command, *, session: bool,
                 stdin: int | IO[bytes] | None, stdout: int | IO[bytes] | None,
                 stderr: int | IO[bytes] | None, env: Mapping[str, str],
                 cwd: Path | None) -> None:
        read, self._alive = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-IS", KEEPER, str(read), *command],
                pass_fds=(read,), start_new_session=session, stdin=stdin,
                stdout=stdout, stderr=stderr, env={**os.environ, **env}, cwd=cwd)
        except BaseException:
            os.close(self._alive)
            raise
        finally:
            os.close(read)
        self._open = True

    def poll(self) -> int | None:
        """The exit status as keeper.py has it; None while it runs."""
        return self._process.poll()

    def stdout(self) -> IO[bytes]:
        """The read end of its stdout, which must be a pipe."""
        assert self._process.stdout
        return self._process.stdout

    def ask_to_end(self) -> None:
        """Tell the keeper to end everything, and do not wait for it."""
        if self._open:
            os.close(self._alive)
            self._open = False

    def end(self) -> None:
        """End the command and all its descendants; they are gone when this returns."""
        self.ask_to_end()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            say(f"process {self._process.pid} does not end; killing it")
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class Children:
    """The children of a block; all of them are ended when it ends."""

    def __init__(self) -> None:
        self._running: list[Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._running:
            child.ask_to_end()
        for child in self._running:
            child.end()
        self._running.clear()

    def start(self, command: Command, *, session: bool = True,
              stdin: int | IO[bytes] | None = subprocess.DEVNULL,
              stdout: int | IO[bytes] | None = None,
              stderr: int | IO[bytes] | None = None,
              env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        """Start a command. It inherits no descriptor but these three. Without a
        session of its own it can use lab's terminal."""
        check()
        child = Child(command, session=session, stdin=stdin, stdout=stdout,
                      stderr=stderr, env=env or {}, cwd=cwd)
        self._running.append(child)
        return child

    def end(self, child: Child) -> None:
        """End one of them."""
        child.end()
        self._running.remove(child)

    def call(self, *command: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Run a program of this repository and return its stdout. It explains a
        failure on stderr, which is shown."""
        child = self.start(command, stdout=subprocess.PIPE, env=env)
        out = b""
        os.set_blocking(child.stdout().fileno(), False)
        status = None
        while status is None:
            pause(0.2)
            status = child.poll()
            out += child.stdout().read() or b""
        self.end(child)
        if status:
            name = str(command[0]).removeprefix(f"{TOP}/")
            raise LabError(f"{name} failed with status {status}")
        return out.decode(errors="replace")


def call(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program of this repository and return its stdout; see Children.call()."""
    with Children() as children:
        return children.call(*command, env=env)


def need(group: str) -> None:
    """Say which packages of a group of deps/packages are missing, and end."""
    call("bash", "-c", '. "$1/kernel/lib.sh" && need "$2"', "lab", TOP, group)


def guarded(name: str, run: Callable[[], int]) -> int:
    """Run the main part of a program and return its exit status. What goes wrong is said
    as "NAME: WHY"; a signal ends the program as if nothing had caught it."""
    try:
        return run()
    except LabError as e:
        why = str(e)
    except Interrupted as interrupted:
        die_of(interrupted)
    except BrokenPipeError:
        nobody_reads()
        return 1
    except OSError as e:
        why = f"{e.filename or 'error'}: {e.strerror or e}"
    except subprocess.CalledProcessError as e:
        why = f"{e.cmd[0]} failed with status {e.returncode}"
    print(f"{name}: {why}", file=sys.stderr, flush=True)
    return 1
