# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios: files of scenarios/, read and checked, and what they expect of a run."""

from __future__ import annotations

import fnmatch
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab import arches, kernels, schema
from lab.arches import Arch
from lab.common import TOP, LabError
from lab.kernels import Pair
from lab.reader import Reader, load_toml
from lab.schema import Key, Wrong

SCENARIOS = Path(os.environ.get("SCENARIOS") or TOP / "scenarios").resolve()
PROFILES = TOP / "scenarios" / "profiles.toml"
LISTS = ("also", "except")
NO_D0 = ("config-refused", "config-on-framebuffer", "config-on-device", "config-on-fixed",
         "outside", "no-config-window", "no-low-window", "no-high-window")


@dataclass(frozen=True)
class Exception_:
    """What some kernels on some paths have to find instead."""

    kernels: tuple[str, ...]
    paths: tuple[str, ...]
    which: str
    expect: dict[str, Any]

    def covers(self, name: str, path: str, which: str) -> bool:
        """NAME is a kernel's, or a pair's, which only patterns with ".." are about."""
        return self.which in (which, "both") and path in self.paths and \
            any(fnmatch.fnmatchcase(name, pattern) for pattern in self.kernels
                if ".." not in name or ".." in pattern)


@dataclass
class Scenario:
    """One file, checked: values by key, with defaults where it has none."""

    name: str
    file: Path
    about: str
    arch: Arch
    paths: tuple[str, ...]
    kernel: str
    host: dict[str, Any]
    guest: dict[str, Any]
    expect: dict[str, Any]
    also: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    exceptions: list[Exception_] = field(default_factory=list)

    @property
    def reference(self) -> str:
        """What load() takes to find it again: its name, or its file's."""
        return self.name if self.file.parent == TOP / "scenarios" else str(self.file)

    @property
    def pci(self) -> tuple[str, ...]:
        return tuple(self.host["pci"])

    @property
    def has_disk(self) -> bool:
        return self.disks > 0

    @property
    def has_uefi(self) -> bool:
        return self.host["generation"] == 2 and self.host["firmware"] in (None, "uefi")

    @property
    def has_acpi(self) -> bool:
        """VMBus gets its windows from ACPI, and reserves space in them for the framebuffer."""
        return bool(self.host["firmware"] != "devicetree")

    @property
    def has_test(self) -> bool:
        return any(device.startswith("test") for device in self.pci)

    @property
    def device_names(self) -> list[str]:
        """What the host calls the devices: nvme0, test0, test1 ..."""
        kinds = [device.partition(",")[0] for device in self.pci]
        return [f"{kind}{kinds[:i].count(kind)}" for i, kind in enumerate(kinds)]

    @property
    def disks(self) -> int:
        """How many NVMe controllers there are, each with one."""
        return self.pci.count("nvme")

    @property
    def paints(self) -> bool:
        return bool(self.guest["paint"] or self.guest["handover"])

    @property
    def later(self) -> Scenario:
        """With the host on which a hibernated VM resumes."""
        return replace(self, host={**self.host, **self.host["later"]})

    @property
    def hotplug(self) -> list[tuple[str, str, str]]:
        """What the host does to a device when another one is probed."""
        parts = [event.replace("=", " ").split() for event in self.host["hotplug"]]
        return [(what, device, other) for what, device, other in parts]

    def drivers(self, which: str) -> tuple[str, ...]:
        second = self.guest["second-drivers"]
        if which == "second" and second is not None:
            return tuple(second)
        return tuple(self.guest["drivers"])

    def expected(self, key: str, kernel: Pair, path: str, which: str) -> Any:
        """What a kernel has to find. In a pair, what is said of a kernel holds where
        it runs, and what is said of the pair counts more. The last exception wins."""
        value = self.expect[key]
        names = [kernel.of(which).name]
        if kernel.name not in names:
            names.append(kernel.name)
        for name in names:
            for exception in self.exceptions:
                if key in exception.expect and exception.covers(name, path, which):
                    value = exception.expect[key]
        return value

    def losses(self, kernel: Pair, path: str, which: str) -> list[tuple[str, str]]:
        """The (kind, device) that are lost in that kernel, a known failure."""
        nvme = self.expected("nvme", kernel, path, which)
        found = []
        how = {"refused": "config-on-framebuffer", "dead": "bar-on-framebuffer",
               "covered": "config-covered"}.get(nvme)
        if how:
            found.append((how, "nvme0"))
        for kind, names in self.expected("lost", kernel, path, which).items():
            found += [(kind, name) for name in names]
        return sorted(found)

    def known_failure(self, kernel: Pair, path: str) -> str:
        """Why this run has to lose a device or crash; "" if it must not."""
        for which in kernels_of(path):
            crashes = which == "first" and \
                self.expected("crash", kernel, path, which) != "none"
            losses = self.losses(kernel, path, which)
            if crashes or losses:
                why = str(self.expected("why", kernel, path, which) or "")
                covered = any(kind.endswith("-covered") for kind, _ in losses)
                return f"{why}; lost: covered by the framebuffer" if covered else why
        return ""

    def runs(self) -> Iterator[tuple[str, str]]:
        """Each (path, kernel's name) that the scenario asks for."""
        for name in kernels.expand(self.kernel):
            for path in self.paths:
                yield path, name
        for name, paths in self.also:
            for one in kernels.expand(name):
                for path in paths:
                    yield path, one


def kernels_of(path: str) -> tuple[str, ...]:
    """first, and on paths that start another kernel, second."""
    return ("first", "second") if path.startswith("k") else ("first",)


@functools.cache
def profiles() -> dict[str, dict[str, Any]]:
    return load_toml(PROFILES)[0]


def merged(values: dict[str, Any], reader: Reader) -> dict[str, Any]:
    """The file's values over those of its profile, and of that one's."""
    seen: list[str] = []
    while "profile" in values:
        values = dict(values)
        name = values.pop("profile")
        if not isinstance(name, str) or name not in profiles() or name in seen:
            raise reader.fail(f"no such profile: '{name}' (there is: "
                              f"{', '.join(profiles())})", "", "profile")
        seen.append(name)
        under = profiles()[name]
        for key, value in under.items():
            if key in LISTS:
                # The last one counts, and that is to be the file's.
                values[key] = [*value, *values.get(key, [])]
            elif isinstance(value, dict):
                values[key] = {**value, **values.get(key, {})}
            else:
                values.setdefault(key, value)
    return values


def check_shapes(values: dict[str, Any], reader: Reader) -> None:
    """Each table is one, or a list of them."""
    for key in ("host", "guest", "expect"):
        if not isinstance(values.get(key, {}), dict):
            raise reader.fail(f"{key} must be one table, [{key}]", f"[{key}]")
    for key in LISTS:
        found = values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            raise reader.fail(f"write [[{key}]], not [{key}] or {key} =", key)


def settings() -> dict[str, Any]:
    """SETTINGS="KEY=VALUE ...": of [host], for scenarios that do not say it themselves."""
    known = {key.name: key for key in schema.HOST}
    found: dict[str, Any] = {}
    for word in os.environ.get("SETTINGS", "").split():
        name, equals, value = word.partition("=")
        if name not in known or not equals:
            raise LabError(f"SETTINGS: '{word}' is not KEY=VALUE with a KEY of [host]")
        try:
            found[name] = known[name].kind(value)
        except Wrong as e:
            raise LabError(f"SETTINGS: {name} cannot be '{value}': expected {e}") from None
    return found


def with_defaults(values: dict[str, Any], keys: tuple[Key, ...]) -> dict[str, Any]:
    return {key.name: values.get(key.name, key.default) for key in keys}


def read(file: Path) -> Scenario:
    """The scenario in a file; LabError says what is wrong on which line."""
    raw, reader = load_toml(file)
    own = raw
    check_shapes(raw, reader)
    raw = merged(raw, reader)
    tables = {k: raw.pop(k) for k in ("host", "guest", "expect", *LISTS) if k in raw}
    tables["host"] = {**settings(), **tables.get("host", {})}
    top = with_defaults(reader.check("", raw, schema.TOP_KEYS), schema.TOP_KEYS)
    host, guest, expect = (
        with_defaults(reader.check(name, tables.get(name, {}), keys), keys)
        for name, keys in (("host", schema.HOST), ("guest", schema.GUEST),
                           ("expect", schema.EXPECT)))
    for table, values, keys in (("", top, ("about", "paths")), ("host", host, ("generation",)),
                                ("expect", expect, ("efi", "lfb-base", "windows", "reserve"))):
        for name in keys:
            if values[name] is None:
                raise reader.fail(f"there is no {name}", table)
    scenario = Scenario(file.stem, file, top["about"], arches.named(top["arch"]), top["paths"],
                        top["kernel"], host, guest, expect)
    skipped = len(tables.get("except", [])) - len(own.get("except", []))
    for index, values in enumerate(tables.get("also", [])):
        found = with_defaults(reader.check("[also]", values, schema.ALSO, index), schema.ALSO)
        if not found["kernel"]:
            raise reader.fail("there is no kernel", "[also]", "", index)
        scenario.also.append((found["kernel"], found["paths"] or scenario.paths))
    for index, values in enumerate(tables.get("except", []), -skipped):
        scenario.exceptions.append(read_exception(reader, values, index))
    check_whole(scenario, reader)
    return scenario


def read_exception(reader: Reader, values: Any, index: int) -> Exception_:
    keys = schema.EXCEPT + schema.EXPECT
    found = reader.check("[except]", values, keys, index)
    scope = {key.name: found.pop(key.name, key.default) for key in schema.EXCEPT}
    if not found:
        raise reader.fail("[[except]] has no key of [expect]", "[except]", "", index)
    if "crash" in found and scope["in"] == "second":
        raise reader.fail("crash is about the first kernel", "[except]", "crash", index)
    check_why(found, reader, "[except]", index)
    return Exception_(scope["kernels"], scope["paths"], scope["in"], found)


def check_why(values: dict[str, Any], reader: Reader, table: str, index: int = 0) -> None:
    for key, usual in (("nvme", "works"), ("lost", {}), ("crash", "none")):
        if values.get(key, usual) != usual and not values.get("why"):
            raise reader.fail(f"{key} = {values[key]!r} without why", table, key, index)


def check_hibernate(scenario: Scenario, reader: Reader) -> None:
    """What the path hibernate needs, and what is only for that."""
    hibernates = any(path == "hibernate" for path, _ in scenario.runs())
    if hibernates and scenario.disks != 2:
        raise reader.fail(f"hibernate with {scenario.disks} nvme, not two: the second one is for "
                          "the image", "host", "pci")
    if any("-64k" in name for path, name in scenario.runs() if path == "hibernate"):
        raise reader.fail("hibernate with a -64k kernel: guest/init looks for the image of one "
                          "with pages of 4 KiB", "", "kernel")
    if scenario.host["later"] and not hibernates:
        raise reader.fail("later without the path hibernate", "host", "later")


def check_runs(scenario: Scenario, reader: Reader) -> None:
    """No run twice, and no exception that is about no run."""
    runs = [(path, kernels.pair(name)) for path, name in scenario.runs()]
    names = [f"{path} {pair.name}" for path, pair in runs]
    for name in names:
        if names.count(name) > 1:
            raise reader.fail(f"the same run twice: {name}")
    own = len(scenario.exceptions) - len(load_toml(scenario.file)[0].get("except", []))
    for index, exception in enumerate(scenario.exceptions[own:]):
        if not any(exception.covers(name, path, which) for path, pair in runs
                   for which in kernels_of(path)
                   for name in (pair.of(which).name, pair.name)):
            raise reader.fail("an exception that is about no run of this scenario",
                              "[except]", "", index)


def check_whole(scenario: Scenario, reader: Reader) -> None:
    """Checks that involve several keys."""
    check_why(scenario.expect, reader, "expect")
    for host in (scenario.host, scenario.later.host):
        for key, why in arches.misfits(scenario.arch, host):
            raise reader.fail(why, "host", key)
    if (scenario.guest["crash-cpu"] or 0) >= scenario.host["cpus"]:
        raise reader.fail(f"crash-cpu = {scenario.guest['crash-cpu']} with "
                          f"{scenario.host['cpus']} cpus", "guest", "crash-cpu")
    for key, why in schema.misfits(scenario.arch, scenario.host, scenario.guest):
        raise reader.fail(why, "guest", key)
    names = [scenario.kernel, *(name for name, _ in scenario.also)]
    for name in names:
        for one in kernels.expand(name):
            try:
                kernels.pair(one)
            except LabError as e:
                raise reader.fail(str(e)) from None
    if scenario.guest["one-by-one"]:
        if any(what == "add" for what, _, _ in scenario.hotplug):
            raise reader.fail("one-by-one with hotplug's add: nobody would bind that device",
                              "guest", "one-by-one")
        if any("debian-" in name for name in names):
            raise reader.fail("one-by-one with a Debian kernel, whose VMBus is a module",
                              "guest", "one-by-one")
    check_hibernate(scenario, reader)
    check_runs(scenario, reader)
    known = scenario.device_names
    for device in (*scenario.guest["gone"],
                   *(d for found in scenario.expect["lost"].values() for d in found)):
        if device != "video" and device not in known:
            raise reader.fail(f"{device} is not in pci")
    for event in scenario.hotplug:
        for device in event[1:]:
            if device not in known:
                raise reader.fail(f"hotplug with {device}, which is not in pci", "host", "hotplug")


def names() -> list[str]:
    return sorted(f.stem for f in SCENARIOS.glob("*.toml") if f.name != PROFILES.name)


@functools.cache
def load(name: str) -> Scenario:
    """The scenario of that name, or in that file."""
    if "/" in name:
        return read(Path(name))
    if name not in names():
        raise LabError(f"no such scenario: '{name}' (known: {' '.join(names())})")
    return read(SCENARIOS / f"{name}.toml")
