# SPDX-License-Identifier: GPL-2.0-only
"""Guest kernels by name: what a name means, and where its kernel is.

    series, mainline, nofix    of the main base; what BASE or LINUX choose instead
    SET                        the main base's sets up to that one, as reservation
    6.1-series, 6.1-mainline   the same of another base of patches/
    ...-debug                  with kernel/config/debug.config over the rest
    debian-6.1.176[-amd64]     Debian's own kernel; on arm64, [-arm64]
    a/path                     a bzImage, or a folder with one and its modules
    FIRST..SECOND              two of these, but no paths: the second kernel is another one
    stable                     in scenarios: the series of every stable base
"""

from __future__ import annotations

import functools
import os
import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.arches import X86, Arch
from lab.common import TOP, LabError

PATCHES = Path(os.environ.get("PATCHES") or TOP / "patches")
NAME = re.compile(r"(?:(\d+\.\d+)-)?([a-z]+(?:-[a-z0-9]+)*)")
DEBIAN = re.compile(r"debian-\d+\.\d[A-Za-z0-9.+~-]*")
ROLES = ("nofix", "mainline", "series")


@dataclass(frozen=True)
class Base:
    """A folder of patches/: the kernel release that a series is for."""

    name: str                   # 7.3
    main: bool
    variants: tuple[str, ...]
    sets: tuple[str, ...]       # without their numbers, in order
    selftest: bool
    features: tuple[tuple[str, str], ...]   # a set without its number, or base; the feature

    @property
    def roles(self) -> tuple[str, ...]:
        """nofix, mainline, the sets but for the last, series."""
        return ("nofix", "mainline", *self.sets[:-1], "series")

    def features_of(self, role: str) -> frozenset[str]:
        """What its kernel of that role can do, as base.toml states it."""
        sets = self.sets if role == "series" else \
            self.sets[:self.sets.index(role) + 1] if role in self.sets else ()
        return frozenset(feature for where, feature in self.features
                         if where in ("base", *sets))


def read_features(file: Path, items: Iterable[str], sets: Collection[str]) -> \
        tuple[tuple[str, str], ...]:
    """base.toml's features. SETS are folders."""
    found = []
    for item in items:
        where, colon, feature = item.partition(":")
        if not colon or (where != "base" and where not in sets):
            raise LabError(f"{file}: features has '{item}', not SET:FEATURE "
                           f"(sets: {', '.join(('base', *sets))})")
        found.append((where if where == "base" else where.partition("-")[2], feature))
    return tuple(found)


def read_base(folder: Path) -> Base:
    """What a folder of patches/ says of itself."""
    file = folder / "base.toml"
    try:
        facts = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise LabError(f"{file}: {e}") from None
    sets = sorted(d.name for d in folder.glob("[0-9]*-*") if d.is_dir())
    return Base(folder.name.removeprefix("linux-"), facts.get("role") == "main",
                tuple(facts.get("variants", ())),
                tuple(name.partition("-")[2] for name in sets),
                any(folder.glob("*/*-selftests-hyperv-*")),
                read_features(file, facts.get("features", ()), sets))


@functools.cache
def bases() -> dict[str, Base]:
    """All of them, the main one first, then by version."""
    found = [read_base(d) for d in PATCHES.glob("linux-*") if d.is_dir()]
    found.sort(key=lambda b: (not b.main, [int(n) for n in b.name.split(".")]))
    if not found or not found[0].main:
        raise LabError(f"{PATCHES}: no folder linux-* has role = \"main\" in its base.toml")
    return {b.name: b for b in found}


def main_base() -> Base:
    """The base that series, mainline and nofix without a number are of."""
    asked = os.environ.get("SERIES") or os.environ.get("BASE") or ""
    if asked in ("", "local"):
        return next(iter(bases().values()))
    if asked not in bases():
        raise LabError(f"BASE={asked} has no series (there is: {' '.join(bases())})")
    return bases()[asked]


def refuse_base() -> None:
    """BASE is for the verbs that build; lab has a name for each kernel."""
    base = os.environ.get("BASE") or "local"
    if base != "local" and base in bases() and not bases()[base].main:
        raise LabError(f"BASE={base} does not choose a kernel here; KERNEL={base}-series does")


@dataclass(frozen=True)
class Kernel:
    """One guest kernel. ROLE is what it is judged as: "" of Debian's and of unknown ones.
    NAME is what scenarios call it; of a file with a role, that role."""

    name: str
    base: Base | None = None
    role: str = ""
    variant: str = ""
    file: str = ""              # the user's own kernel

    @property
    def is_debian(self) -> bool:
        return self.name.startswith("debian-")

    @property
    def is_full_debian(self) -> bool:
        """Debian's kernel for all machines, not the one for clouds."""
        return self.is_debian and self.name.endswith(("-amd64", "-arm64"))

    @property
    def is_file(self) -> bool:
        return bool(self.file)

    @property
    def ours(self) -> bool:
        """It has the series, or some sets of it."""
        return self.base is not None and self.role not in ("", "nofix", "mainline")

    @property
    def selftest(self) -> bool:
        return self.ours and not self.is_file and self.base is not None and self.base.selftest

    @property
    def second_try(self) -> bool:
        """pci-hyperv tries another config window when the host refuses one."""
        return self.base is not None and "second-window" in self.base.features_of(self.role)

    @property
    def build(self) -> str:
        """kernel/build's name for it."""
        if not self.base:
            return self.name
        base = self.base.name
        if os.environ.get("LINUX") and self.base == main_base():
            base = "local"
        role = "" if self.role == "mainline" else f"-{self.role}"
        return base + role + (f"-{self.variant}" if self.variant else "")

    def path(self, arch: Arch = X86) -> Path:
        """Where it is once it is built; for a file, what was named."""
        return Path(self.file) if self.is_file else arch.kernels / self.build

    @property
    def file_name(self) -> str:
        """The name as part of a file's; the runner takes no other characters."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", self.file or self.name)
        return re.sub(r"\.\.+", "_", name).strip("._")


def split_variant(words: str, base: Base) -> tuple[str, str]:
    for variant in base.variants:
        if words.endswith(f"-{variant}"):
            return words.removesuffix(f"-{variant}"), variant
    return words, ""


@functools.cache
def kernel(name: str) -> Kernel:
    """The kernel of that name."""
    if "/" in name:
        return Kernel(name, file=name)
    if DEBIAN.fullmatch(name):
        return Kernel(name)
    found = NAME.fullmatch(re.sub(r"^\d+\.\d+$", r"\g<0>-mainline", name))
    base = None
    if found:
        base = main_base() if not found[1] else bases().get(found[1])
    if found and base:
        role, variant = split_variant(found[2], base)
        if role in base.roles:
            plain = role + (f"-{variant}" if variant else "")
            return Kernel(plain if base == main_base() else f"{base.name}-{plain}",
                          base, role, variant)
        if base.sets and role == base.sets[-1]:
            raise LabError(f"no such kernel: '{name}'; {role} is the last set, so use series")
    known = ", ".join((*main_base().roles, *(f"{b}-series" for b in bases()
                                             if b != main_base().name)))
    raise LabError(f"no such kernel: '{name}' ({known}, each also with "
                   f"-{', -'.join(main_base().variants)}; debian-VERSION or a path such as "
                   "./bzImage)")


def built(name: str) -> Kernel:
    """The kernel that kernel/build and the sweep call NAME: 7.3-series, or local-series of
    the user's own tree."""
    return kernel(re.sub(r"^local(?=-|$)", main_base().name, name))


@dataclass(frozen=True)
class Pair:
    """The first and the second kernel of a run; mostly they are the same."""

    first: Kernel
    second: Kernel

    @property
    def name(self) -> str:
        if self.first == self.second:
            return self.first.name
        return f"{self.first.name}..{self.second.name}"

    @property
    def file_name(self) -> str:
        if self.first == self.second:
            return self.first.file_name
        return f"{self.first.file_name}..{self.second.file_name}"

    def as_role(self, role: str) -> Pair:
        """The pair with each file judged as that role on the main base."""
        return Pair(*(Kernel(role, main_base(), role, file=k.file) if k.is_file else k
                      for k in (self.first, self.second)))

    @property
    def has_file(self) -> bool:
        return self.first.is_file or self.second.is_file

    def of(self, which: str) -> Kernel:
        return self.first if which == "first" else self.second


def pair(name: str) -> Pair:
    """The kernels that KERNEL or FIRST..SECOND name."""
    first, dots, second = name.partition("..")
    if "/" in name or not dots:
        first = second = name
    return Pair(kernel(first), kernel(second))


def expand(name: str) -> list[str]:
    """Of stable, and stable-nofix and so on, the kernels of all stable bases."""
    role = name.removeprefix("stable").removeprefix("-") or "series"
    if name != "stable" and not name.startswith("stable-"):
        return [name]
    return [f"{base.name}-{role}" for base in bases().values() if not base.main]


def set_kernel() -> str:
    """The kernel with all sets up to SET, or series."""
    asked = os.environ.get("SET") or ""
    if not asked:
        return "series"
    sets = main_base().sets
    plain = re.sub(r"^\d+-", "", asked)
    found = [s for s in sets if s == plain] or [s for s in sets if plain and s.startswith(plain)]
    if len(found) != 1:
        raise LabError(f"no such set: '{asked}' (there is: {', '.join(sets)})")
    return "series" if found[0] == sets[-1] else found[0]
