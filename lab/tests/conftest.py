# SPDX-License-Identifier: GPL-2.0-only
"""A copy of the programs that run jobs, with inner hosts that only pretend."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent.parent
# What a caller may have set to choose kernels and more
SETTINGS = ("ARCH", "BASE", "SERIES", "LINUX", "SET", "WORK", "KERNEL", "ROLE", "MODULES",
            "SANITIZE", "TIMES", "MATRIX", "SCENARIOS", "JUNIT", "TAP", "V", "JOBS", "ACCEL",
            "QUIET", "HOST", "OPENVMM", "MSVM", "HOSTILE", "ONLY", "PLAY", "AGAIN", "SOAK",
            "SETTINGS", "PATIENCE")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


class Bench:
    """A copy of lab/ and nest/, in which nest/probe, nest/qemu and nest/host are
    stubs, and a folder of jobs."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "top"
        self.jobs = folder / "jobs"
        self.jobs.mkdir()
        self.mark = f"BENCH={uuid.uuid4()}"
        shutil.copytree(TOP / "lab", self.top / "lab",
                        ignore=shutil.ignore_patterns("tests", "__pycache__"))
        (self.top / "nest").mkdir()
        shutil.copy(TOP / "nest/jobs", self.top / "nest/jobs")
        self.qemu = folder / "qemu"
        self.play("tcg", "real()")
        self.stub("qemu", f"echo {self.qemu}")
        self.stub("host", f"echo {folder}")

    def stub(self, name: str, line: str) -> None:
        """Have nest/NAME be a script of this line."""
        self.script(self.top / "nest" / name, line)

    @staticmethod
    def script(path: Path, *lines: str) -> None:
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
        path.chmod(0o755)

    def play(self, accel: str, code: str) -> None:
        """Run jobs under accel; inner hosts do what the code says, with the functions
        of fake_host.py."""
        self.stub("probe", f"echo {accel}")
        fake = TOP / "lab/tests/fake_host.py"
        (self.top.parent / "play").write_text(code, encoding="utf-8")
        self.script(self.qemu, f'PYTHONPATH="{TOP}" exec "{sys.executable}" "{fake}" '
                    f'"{self.top.parent}" "$@"')

    def job(self, name: str, *lines: str, deadline: int | None = None) -> Path:
        folder = self.jobs / name
        folder.mkdir()
        self.script(folder / "job", *lines)
        if deadline:
            (folder / "deadline").write_text(f"{deadline}\n", encoding="ascii")
        return folder

    def had(self, name: str, file: str) -> str:
        """What came back, without the last end of line."""
        path = self.jobs / name / file
        return path.read_bytes().decode().removesuffix("\n") if path.exists() else "-"

    def env(self, **more: str) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items()
                if k not in ("ARCH", "JOBS", "ACCEL", "BOOT", "GRACE", "FROZEN", "V")}
        key, value = self.mark.split("=")
        return {**keep, "PYTHONPATH": str(self.top), key: value, **more}

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """python3 with these arguments; by default the runner."""
        def default_signals() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen(
            [sys.executable, *(arguments or ("-m", "lab.runner", str(self.jobs)))],
            cwd=self.top.parent, env=self.env(**env), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=default_signals)

    def run(self, *arguments: str, **env: str) -> tuple[int, str]:
        """Its exit status and stderr. Nothing may be on stdout, and no traceback."""
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=60)
        assert not out, out
        assert "Traceback" not in err, err
        return process.returncode, err

    def processes(self) -> list[str]:
        """All processes that the bench has started."""
        found = []
        for path in Path("/proc").iterdir():
            if path.name.isdigit() and int(path.name) != os.getpid():
                try:
                    if self.mark.encode() in (path / "environ").read_bytes():
                        command = (path / "cmdline").read_bytes().replace(b"\0", b" ")
                        found.append(f"{path.name} {command.decode()}")
                except OSError:
                    continue
        return found

    def folders(self) -> list[Path]:
        """What lab has for the time of a run."""
        nest = self.top / "build/nest"
        return [path for path in nest.glob("*") if path.is_dir()]

    def kill_all(self) -> None:
        for line in self.processes():
            os.kill(int(line.split()[0]), signal.SIGKILL)


def wait_for(true: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.kill_all()
