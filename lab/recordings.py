# SPDX-License-Identifier: GPL-2.0-only
"""What came back of runs on OpenVMM, and of the same ones on hvhost, kept so that it can be
judged again by whoever has no OpenVMM: lab/recordings/HOST/NAME.tar.xz, with the guest's
findings and console and what the host says. docs/openvmm.md has the table that they make."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import job
from lab.common import BUILD, TOP, BadFile, LabError
from lab.foreign import symptoms
from lab.judge import Run, read_run
from lab.judged import result_of
from lab.locks import scratch
from lab.schema import PATHS
from lab.verdict import Result

FOLDER = TOP / "lab" / "recordings"
# A run whose guest ended in a triple fault, and was run once more, has "again".
FILES = ("about.json", "again", "console", "layout.json", "rc", "release", "retried",
         "out/findings", "out/log", "out/inspect", "out/trace", "out/disk")
LARGEST = 4 << 20               # bytes of one file
# Verdicts that mean the same on each host
SAME = ("detection", "efi", "lfb-base", "reserve", "selftest", "vram", "lost", "disk", "dump",
        "vmcore")


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
                if member.size > LARGEST:
                    raise LabError(f"{path} has {member.size} bytes, too many to keep")
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


def free_name(folder: Path, name: str) -> Path:
    """NAME.tar.xz, or NAME.2.tar.xz and so on of a run that is there already."""
    names = (f"{name}{number}.tar.xz" for number in ("", *(f".{n}" for n in range(2, 100))))
    return next(folder / name for name in names if not (folder / name).exists())


def record(folders: Iterable[Path], to: Path = FOLDER) -> None:
    """Keep these job folders, if they are as expected."""
    for folder in folders:
        one = job.read(folder)
        result = result_of(one)
        if not result.ok:
            why = result.failed[0].text if result.failed else "no verdicts"
            raise LabError(f"{folder} is not as expected: {why}")
        (to / one.host.name).mkdir(parents=True, exist_ok=True)
        free_name(to / one.host.name, folder.name).write_bytes(pack(folder))


@dataclass
class Recorded:
    """A recording, judged."""

    name: str
    result: Result
    fault: bool                 # a triple fault came before it
    symptoms: list[str]         # what the guest logs of devices that it loses


def symptoms_of(run: Run) -> list[str]:
    """What each kernel of a run logged of devices that it lost."""
    return [f"{which}: {line}" for which in run.which for line in sorted(symptoms(run, which))]


def judged_run(folder: Path) -> Recorded:
    """A job's folder, judged."""
    one = job.read(folder)
    run = read_run(folder, one.scenario, one.path, one.kernel, one.host.name)
    return Recorded(folder.name, result_of(one), (folder / "again").exists(), symptoms_of(run))


def recorded(host: str = "openvmm", folder: Path = FOLDER, name: str = "*") -> Iterator[Recorded]:
    """Each recording of that host whose name this pattern fits, judged again."""
    files = sorted((folder / host).glob(f"{name}.tar.xz"))
    if not files:
        raise LabError(f"{folder / host} has no recordings of {name}")
    for file in files:
        with scratch(BUILD / "recordings", "judge") as work:
            to = work / file.name.removesuffix(".tar.xz")
            to.mkdir()
            unpack(file, to)
            yield judged_run(to)


def cell(results: list[Result]) -> str:
    """Whether the runs kept their disks or lost them, as they had to; and how many."""
    if not results:
        return "-"
    bad = [r for r in results if not r.ok]
    if bad:
        return f"{len(bad)} of {len(results)} unexpected"
    what = "lost" if results[0].known_failure else "kept"
    return what if len(results) == 1 else f"{what} {len(results)}"


def markdown(found: Iterable[Recorded]) -> list[str]:
    """The table of docs/openvmm.md."""
    rows: dict[tuple[str, str], dict[str, list[Result]]] = {}
    runs = 0
    again: list[str] = []
    for one in found:
        result = one.result
        row = rows.setdefault((result.scenario, result.kernel), {})
        row.setdefault(result.path, []).append(result)
        runs += 1
        if one.fault:
            again.append(f"`{one.name}`")
    paths = [path for path in PATHS if any(path in row for row in rows.values())]
    lines = [f"| scenario | kernel | {' | '.join(paths)} |", "|---" * (len(paths) + 2) + "|"]
    for (name, kernel), row in sorted(rows.items()):
        cells = " | ".join(cell(row.get(path, [])) for path in paths)
        lines.append(f"| {name} | {kernel} | {cells} |")
    said = f"{runs} runs."
    if again:
        said += f" These were started once more after a triple fault: {', '.join(again)}."
    return [*lines, "", said]


def found_by(one: Recorded) -> dict[str, str]:
    """What each verdict that means the same on each host found."""
    return {f"{verdict.group}, {check.what}": check.got for verdict in one.result.verdicts
            if verdict.group in SAME for check in verdict.checks}


def differences(ours: Recorded, theirs: Recorded) -> list[str]:
    """Where hvhost and OpenVMM do not agree on the same run."""
    left, right = found_by(ours), found_by(theirs)
    found = [f"{ours.name}: {what}: {left[what]} on hvhost, {right[what]} on OpenVMM"
             for what in left if what in right and left[what] != right[what]]
    if set(ours.symptoms) != set(theirs.symptoms) or \
            devices(ours.symptoms) != devices(theirs.symptoms):
        found.append(f"{ours.name}: the guest's log: {ours.symptoms} on hvhost, "
                     f"{theirs.symptoms} on OpenVMM")
    return found


def devices(lines: list[str]) -> int:
    """How many devices these symptoms are of. Which line a kernel logs of one depends on the
    pixels: that it ignores the device, twice, or if they are blank that the probe failed."""
    ignored = sum("ignoring device" in line for line in lines)
    return len(lines) - ignored + ignored // 2


def agree(folders: Iterable[Path]) -> Iterator[tuple[str, list[str]]]:
    """Of each of these jobs of hvhost: its name, and where it differs from the recordings of
    the same run on OpenVMM. LabError if there is none."""
    for folder in folders:
        ours = judged_run(folder)
        yield folder.name, sorted({line for theirs in recorded(name=f"{folder.name}*")
                                   for line in differences(ours, theirs)})
