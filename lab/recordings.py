# SPDX-License-Identifier: GPL-2.0-only
"""What came back of runs on OpenVMM, kept so that it can be judged again by whoever has no
OpenVMM: lab/recordings/openvmm/NAME.tar.xz, with the guest's findings and console and
OpenVMM's log. docs/openvmm.md has the table that they make."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from lab import job
from lab.common import TOP, BadFile, LabError
from lab.judged import result_of
from lab.locks import scratch
from lab.schema import PATHS
from lab.verdict import Result

FOLDER = TOP / "lab" / "recordings" / "openvmm"
# A run whose guest ended in a triple fault, and was run once more, has "again".
FILES = ("about.json", "again", "console", "rc", "release", "retried", "out/findings", "out/log",
         "out/inspect", "out/disk")
LARGEST = 4 << 20               # bytes of one file


def pack(folder: Path) -> bytes:
    """The files of a job's folder; the same files make the same bytes."""
    data = io.BytesIO()
    with lzma.open(data, "wb", preset=9) as packed, \
            tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in FILES:
            path = folder / name
            if path.exists():
                member = tarfile.TarInfo(name)
                member.size = path.stat().st_size
                with path.open("rb") as f:
                    archive.addfile(member, f)
    return data.getvalue()


def unpack(file: Path, to: Path) -> None:
    """Write the files of a recording to a new folder. BadFile if it is damaged."""
    try:
        with tarfile.open(file, "r:xz") as archive:
            for member in archive:
                if member.name not in FILES or not member.isfile() or member.size > LARGEST:
                    raise BadFile(f"{file.name}: it has {member.name}, {member.size} bytes, "
                                  "which is no file of a recording")
                content = archive.extractfile(member)
                assert content
                path = to / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as e:
        raise BadFile(f"{file.name}: it cannot be unpacked: {e}") from None


def record(folders: Iterable[Path], to: Path = FOLDER) -> None:
    """Keep these job folders, if they are as expected."""
    to.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        one = job.read(folder)
        if one.host.name != "openvmm":
            raise LabError(f"{folder} ran on {one.host.name}: only runs on OpenVMM are kept here")
        result = result_of(one)
        if not result.ok:
            raise LabError(f"{folder} is not as expected: {result.failed[0].text}")
        (to / f"{folder.name}.tar.xz").write_bytes(pack(folder))


def recorded(folder: Path = FOLDER) -> Iterator[tuple[str, Result, bool]]:
    """Each recording: its name, judged, and whether a triple fault came before it."""
    files = sorted(folder.glob("*.tar.xz"))
    if not files:
        raise LabError(f"{folder} has no recordings")
    for file in files:
        with scratch(TOP / "build" / "recordings", "judge") as work:
            to = work / file.name.removesuffix(".tar.xz")
            to.mkdir()
            unpack(file, to)
            yield to.name, result_of(job.read(to)), (to / "again").exists()


def cell(results: list[Result]) -> str:
    """How many runs kept their disks or lost them, as they had to."""
    if not results:
        return "-"
    bad = [r for r in results if not r.ok]
    if bad:
        return f"{len(bad)} of {len(results)} unexpected"
    what = "lost" if results[0].known_failure else "kept"
    return what if len(results) == 1 else f"{what} {len(results)}"


def markdown(found: Iterable[tuple[str, Result, bool]]) -> list[str]:
    """The table of docs/openvmm.md."""
    rows: dict[tuple[str, str], dict[str, list[Result]]] = {}
    runs = faults = 0
    for _, result, fault in found:
        row = rows.setdefault((result.scenario, result.kernel), {})
        row.setdefault(result.path, []).append(result)
        runs += 1
        faults += fault
    paths = [path for path in PATHS if any(path in row for row in rows.values())]
    lines = [f"| scenario | kernel | {' | '.join(paths)} |", "|---" * (len(paths) + 2) + "|"]
    for (name, kernel), row in rows.items():
        cells = " | ".join(cell(row.get(path, [])) for path in paths)
        lines.append(f"| {name} | {kernel} | {cells} |")
    return [*lines, "", f"{runs} runs; before {faults} of them the guest ended in a triple fault "
            "and was started once more."]
