# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m sweep.scenario FOLDER <JSONL: scenarios of what the sweep shows.

Each line is one that sweep/show.c wrote: a layout and a way to use it, with all that the
kernel's code did there. It becomes FOLDER/NAME.toml, for make run and lab matrix, which
says the same of a real kernel on hvhost. Ways that cannot be on arm64, where no second kernel
is told of the framebuffer, run on x86 with the same MMIO windows.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lab import kernels
from lab.common import LabError

Way = dict[str, Any]            # a line of the sweep's
Facts = dict[str, Any]          # a table of a scenario, by its keys

ARM64_LOW = 512                 # MiB of low MMIO
ARM64_CPUS = 8                  # that sweep/dims.c has redistributors for
DRIVERS = {"video-first": ["hyperv_drm", "pci-hyperv"],
           "pci-first": ["pci-hyperv", "hyperv_drm"], "no-video": ["pci-hyperv"]}
WHY = "the sweep says so"


def kernel_name(name: str) -> str:
    """What lab calls that kernel of the sweep; "" if there is no such guest kernel."""
    try:
        return kernels.built(name).name
    except LabError:
        return ""


def size(kib: str) -> str:
    """1024K is 1M: numbers have four digits."""
    n, unit = int(kib[:-1]), "KMG".index(kib[-1])
    while n % 1024 == 0 and unit < 2:
        n, unit = n // 1024, unit + 1
    return f"{n}{'KMG'[unit]}"


def start(text: str | None) -> str:
    return text.split("-")[0] if text else "none"


def lost(kernel: Way) -> dict[str, list[str]]:
    """The devices of a kernel by how they were lost, in the words of scenarios."""
    kinds: dict[str, list[str]] = {}
    for i, bus in enumerate(kernel["bus"]):
        for fault in bus.get("faults", ()):
            kinds.setdefault(fault, []).append(f"test{i}")
    # A fault of no bus is the framebuffer's.
    for fault in kernel["faults"]:
        kinds.setdefault(fault, ["video"])
    return dict(sorted(kinds.items()))


def tries(kernel: Way) -> list[str] | str:
    """Where the config windows begin of each bus that had one refused."""
    found = []
    for _, bus in sorted((f"test{i}", bus) for i, bus in enumerate(kernel["bus"])
                         if bus.get("refused")):
        last = bus["config"] or bus.get("tried", {}).get("config")
        windows = [start(window) for window in [*bus["refused"], last] if window]
        found += [w for i, w in enumerate(windows) if w not in windows[i - 1:i]]
    return found or "none"


def facts(kernel: Way) -> Facts:
    """What a scenario expects of a kernel."""
    return {"efi": kernel["efi"], "lfb-base": start(kernel["told"]).replace("none", "0"),
            "windows": kernel["windows"], "reserve": kernel["reserve"] or "none",
            "vram": start(kernel["fb"]), "lost": lost(kernel), "tries": tries(kernel)}


def route(way: Way) -> str:
    """The guest's path. Kexec and kdump are the same to the sweep; drivers that probe video
    first are played with kdump. Only kexec_load forgets a framebuffer that a foreign /dev/fb0
    hides."""
    if way["path"] == "boot":
        return "boot"
    path = "kdump" if way["first"]["order"] == "video-first" else "kexec"
    # On arm64 both calls do the same: play either.
    forgets = len(way["pci"]) % 2 if on_arm64(way) else way["told"] == "zero"
    return f"{path}-{'c' if forgets else 's'}"


def on_arm64(way: Way) -> bool:
    return bool(way["group"] == "gen2-arm64" and
                (way["path"] == "boot" or way["told"] in ("zero", "never")))


def host(way: Way) -> Facts:
    found: Facts = {"generation": way["generation"]}
    low = way["low"] or (ARM64_LOW if way["group"] == "gen2-arm64" else 0)
    if on_arm64(way):
        found["max-cpus"] = ARM64_CPUS
    if low:
        found["low-mmio"] = f"{low}M"
    if way["other_host"]:
        found["not-windows"] = True
    if way["other_fb"]:
        found["fb-mapped"] = "8M" if way["generation"] == 2 else "offered"
    if way["high"] != "512M":
        found["high-mmio"] = way["high"]
    found["video"] = way["video"]
    told = way["first"]["told"]
    # Firmware reports the framebuffer by itself, except on Generation 1.
    if way["generation"] == 2 and way["told"] in ("never", "stale") or \
            way["generation"] == 1 and told:
        found["firmware-fb"] = told or "none"
    found["pci"] = ["test," + ",".join(f"{bar.split('=')[0]}={size(bar.split('=')[1])}"
                                       for bar in bus.split(",")) for bus in way["pci"]]
    return found


def guest(way: Way) -> Facts:
    first, second = way["first"], way.get("second")
    found: Facts = {"drivers": DRIVERS[first["order"]]}
    if second:
        found["second-drivers"] = DRIVERS[second["order"]]
    found["one-by-one"] = True
    if route(way).endswith("-c") and not on_arm64(way):
        found["fb"] = "vfb"
    if second and first["efi"] and not second["efi"]:
        found["append"] = "efi=noruntime"
    return found


def expectations(way: Way) -> Iterator[tuple[str, Facts]]:
    """The tables of what is expected: usually, and in which kernel something else."""
    # Windows and the reservation are the host's, whatever a kernel makes of them.
    usual = {**facts(way["first"]), "windows": way["layout"]["windows"],
             "reserve": way["layout"]["reserve"] or "none"}
    yield "[expect]", {**usual, **({"why": WHY} if usual["lost"] else {})}
    for which in ("first", "second"):
        own = facts(way[which]) if way.get(which) else {}
        other = {key: value for key, value in own.items() if value != usual[key]}
        if other:
            yield "[[except]]", {"in": which, **other,
                                 **({"why": WHY} if other.get("lost") else {})}


def toml(value: object) -> str:
    """A value as TOML; JSON's strings, numbers and lists are TOML's."""
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {toml(v)}" for key, v in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return json.dumps(value)


def text(way: Way, kernel: str) -> str:
    """The file."""
    about = f"{way['group']}, {way['what']}: {way['path']}, screen_info {way['told']}."
    top = {"about": about, "paths": [route(way)], "kernel": kernel}
    if on_arm64(way):
        top["arch"] = "arm64"
    elif way["group"] == "gen2-arm64":
        top["about"] = f"{about} On x86, with the same windows."
    lines = ["# SPDX-License-Identifier: GPL-2.0-only"]
    tables: list[tuple[str, Facts]] = [
        ("", top),
        ("[host]", host(way)), ("[guest]", guest(way)), *expectations(way)]
    for header, values in tables:
        lines += ["", header] if header else []
        lines += [f"{key} = {toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def write(folder: Path, lines: Iterable[str]) -> list[str]:
    """A file for each line. Returns the sweep's kernels that cannot be booted; scenarios
    with these are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    unknown: set[str] = set()
    for number, line in enumerate(lines, 1):
        way = json.loads(line)
        used = [way[which]["kernel"] for which in ("first", "second") if way.get(which)]
        names = [kernel_name(name) for name in used]
        unknown |= {name for name, known in zip(used, names) if not known}
        if not all(names):
            continue
        name = f"drawn-{number:03d}" if way["what"] == "drawn" else \
            f"{way['group']}-{way['what']}-{names[-1]}"
        if not re.fullmatch(r"[A-Za-z0-9.-]+", name):
            raise LabError(f"line {number}: '{name}' is no name for a scenario")
        (folder / f"{name}.toml").write_text(text(way, "..".join(dict.fromkeys(names))),
                                             encoding="ascii")
    return sorted(unknown)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m sweep.scenario FOLDER <JSONL", file=sys.stderr)
        return 2
    try:
        unknown = write(Path(sys.argv[1]), sys.stdin)
    except (LabError, OSError, ValueError, LookupError, TypeError) as e:
        print(f"sweep.scenario: {e or type(e).__name__}", file=sys.stderr)
        return 1
    if unknown:
        print("sweep.scenario: no scenarios with kernels that cannot be booted: "
              f"{' '.join(unknown)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
