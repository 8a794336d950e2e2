# SPDX-License-Identifier: GPL-2.0-only
"""fake_host.py FOLDER OPTION...: plays QEMU with an inner host in it.

Runs FOLDER/play, Python that calls the functions below. FOLDER/starts gets a line
whenever one starts.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.tests.make_archive import archive, good, member

__all__ = ["archive", "good", "member", "os"]  # for FOLDER/play, too

FOLDER = Path(sys.argv[1])
OPTIONS = " ".join(sys.argv[2:])
JOBS = re.findall(r"file=(\S+?),format=raw", OPTIONS)[0]
PORTS = dict(re.findall(r"file,id=(\w+),path=(\S+)", OPTIONS))


def put(port: int, data: bytes) -> None:
    with open(PORTS[f"c{port}"], "ab") as file:
        file.write(data)


def event(text: str | bytes) -> None:
    put(1, (text if isinstance(text, bytes) else text.encode()) + b"\n")


def begin(name: str) -> None:
    event(f"start {name} 120")
    put(3, f"@@nest@@ {name}\n".encode())


def done(name: str, results: bytes) -> None:
    begin(name)
    put(2, results)
    event(f"end {name} 0 1")


def real() -> None:
    """Run the jobs on this machine, as an inner host does."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as work:
        subprocess.run(["tar", "-xf", JOBS, "-C", work], check=True)
        event("up")
        with open(PORTS["c1"], "ab") as events:
            subprocess.run([FOLDER / "top/nest/jobs", work, PORTS["c2"], PORTS["c3"]],
                           env={"NEST": "kvm", "PATH": "/usr/bin:/bin"}, stdout=events,
                           check=False)


def sleep(seconds: float = 1000) -> None:
    time.sleep(seconds)


with open(FOLDER / "starts", "a", encoding="ascii") as started:
    started.write("started\n")
START = len((FOLDER / "starts").read_text(encoding="ascii").split())
code = (FOLDER / "play").read_text(encoding="utf-8")
exec(compile(code, "play", "exec"))
