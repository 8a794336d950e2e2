# SPDX-License-Identifier: GPL-2.0-only
"""The files that guests need: kernels, built or found, and their initramfs."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lab import hosts, scenario
from lab.arches import X86, Arch
from lab.common import TOP, LabError, say, unique
from lab.kernels import Kernel, Pair
from lab.process import call
from lab.vmm import Vmm

# What guests load of a distribution's kernel, where it is a module: these, and the drivers
# of all scenarios.
MODULES = ("hv_vmbus", "hv_utils", "pci-hyperv", "nvme", "ext4", "hyperv_drm", "hyperv_fb", "vfb",
           "simpledrm")


def wanted_modules() -> set[str]:
    drivers = {name.lstrip("-") for one in map(scenario.load, scenario.names())
               for which in ("first", "second") for name in one.drivers(which)}
    return drivers | set(MODULES)


def release_in_bzimage(image: Path) -> str:
    """As in Documentation/arch/x86/boot.rst."""
    with image.open("rb") as f:
        head = f.read(0x210)
        if head[0x202:0x206] != b"HdrS":
            raise LabError(f"{image} is not a bzImage")
        f.seek(0x200 + struct.unpack_from("<H", head, 0x20e)[0])
        return f.read(256).split(b"\0")[0].decode("ascii", "replace")


def release_in_image(image: Path) -> str:
    """Documentation/arch/arm64/booting.rst has no release: take it from the kernel's banner."""
    data = image.read_bytes()
    if data[0x38:0x3c] != b"ARM\x64":
        raise LabError(f"{image} is not an arm64 Image")
    found = re.search(rb"Linux version ([\x21-\x7e]+) ", data)
    return found[1].decode("ascii") if found else ""


FORMATS = {"bzImage": ("a bzImage", release_in_bzimage),
           "Image": ("an arm64 Image", release_in_image)}


def release_of(image: Path, arch: Arch = X86) -> str:
    """The release that a kernel's file says it has."""
    what, read = FORMATS[arch.image]
    try:
        text = read(image)
    except (OSError, struct.error) as e:
        raise LabError(f"{image} is not {what}: {e}") from None
    words = text.split()
    if not words:
        raise LabError(f"{image} does not say which release it is")
    return words[0]


def module_tree(image: Path, release: str) -> Path | None:
    """Where the modules of that kernel are: ROOT with lib/modules/RELEASE. Next to the
    image, as in build/kernel or an unpacked package, else on this machine."""
    asked = os.environ.get("MODULES")
    roots = [Path(asked)] if asked else []
    roots += [image.parent / "modules", image.parent, image.parent.parent,
              image.parent.parent / "usr", Path("/")]
    for root in roots:
        if (root / "lib" / "modules" / release).is_dir():
            return root
    if asked:
        raise LabError(f"MODULES: {asked} has no lib/modules/{release}")
    return None


def unpack(file: Path, to: Path) -> Path:
    """Copy a module, unpacked: a guest in a guest unpacks slowly."""
    if file.suffix == ".xz":
        to = to.with_suffix("")
        to.write_bytes(lzma.decompress(file.read_bytes()))
    elif file.suffix == ".zst":
        to = to.with_suffix("")
        subprocess.run(["zstd", "-dqf", file, "-o", to], check=True)
    else:
        shutil.copy(file, to)
    return to


def pick_modules(root: Path, release: str, wanted: Iterable[str], to: Path) -> None:
    """TO/lib/modules/RELEASE with those modules and what they depend on."""
    own, new = root / "lib" / "modules" / release, to / "lib" / "modules" / release
    files = set()
    for name in wanted:
        done = subprocess.run(["modprobe", "-d", root, "-S", release, "--show-depends", name],
                              capture_output=True, text=True, check=False)
        files |= set(re.findall(r"^insmod (\S+)", done.stdout, re.M))
    for name in sorted(files):
        file = Path(name).resolve()
        folder = new / file.relative_to(own.resolve()).parent
        folder.mkdir(parents=True, exist_ok=True)
        unpack(file, folder / file.name)
    new.mkdir(parents=True, exist_ok=True)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        if (own / name).exists():
            shutil.copy(own / name, new)
    subprocess.run(["depmod", "-b", to, release], check=True)


def find_file(kernel: Kernel, to: Path, arch: Arch = X86) -> list[str]:
    """A kernel of the user's: its image and release in TO. Returns what of it goes into
    the initramfs."""
    path = kernel.path()
    image = path / arch.image if path.is_dir() else path
    if not image.is_file():
        raise LabError(f"KERNEL: no such file: {image}")
    release = release_of(image, arch)
    shutil.copy(image, to / arch.image)
    (to / "release").write_text(f"{release}\n", encoding="utf-8")
    root = module_tree(image, release)
    if not root:
        say(f"{kernel.name}: {release}, no modules found (MODULES=ROOT has lib/modules/{release})")
        return []
    pick_modules(root, release, wanted_modules(), to / "modules")
    say(f"{kernel.name}: {release}, modules from {root}")
    return [f"lib/modules={to}/modules/lib/modules"]


def find_built(kernel: Kernel, to: Path, arch: Arch = X86) -> list[str]:
    """The same of one that was built, or unpacked from Debian's package."""
    folder = kernel.path(arch)
    if not (folder / arch.image).exists():
        raise LabError(f"{kernel.name}: {folder} has no {arch.image}")
    shutil.copy(folder / arch.image, to)
    shutil.copy(folder / "release", to)
    parts = []
    if (folder / "modules").is_dir():
        parts.append(f"lib/modules={folder}/modules/lib/modules")
    if (folder / "selftest").is_dir():
        parts.append(f"selftest={folder}/selftest/hyperv_mmio")
    return parts


def build(kernels: Iterable[Kernel], arch: Arch = X86) -> None:
    """Have kernel/build and kernel/debian make what is not a file."""
    env = arch.environment
    ours = unique(k.build for k in kernels if k.base and not k.is_file)
    for kernel in kernels:
        if kernel.is_debian:
            call(TOP / "kernel" / "debian", kernel.name.removeprefix("debian-"), env=env)
    if ours:
        call(TOP / "kernel" / "build", *ours, env=env)


def each(folder: Path, kernels: Iterable[Kernel], vmms: Iterable[Vmm], arch: Arch,
         more: Iterable[str] = ()) -> dict[str, list[str]]:
    """FOLDER/KERNEL of each, with its image, release and initrd, in which is MORE as well.
    Returns what else is in that, by the kernel's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for host in vmms or [hosts.chosen()]:
        host.put(folder, arch)
    kernels = sorted(kernels, key=lambda k: k.name)
    build(kernels, arch)
    parts: dict[str, list[str]] = {}
    for kernel in kernels:
        to = folder / kernel.file_name
        to.mkdir()
        find = find_file if kernel.is_file else find_built
        parts[kernel.name] = [*find(kernel, to, arch), *more]
        call(TOP / "guest" / "mkinitrd", to / "initrd", *parts[kernel.name],
             env=arch.environment)
    return parts


def chain_files(folder: Path, kernels: Iterable[Kernel], arch: Arch = X86) -> None:
    """As files(), for guests in which each of these kernels can start each other one."""
    kernels = list(kernels)
    tool = call(TOP / "guest" / "tool", "kexec", env=arch.environment).strip()
    parts = each(folder, kernels, (), arch, [f".={tool}"])
    chain = folder / "chain"
    for kernel in kernels:
        own, to = folder / kernel.file_name, chain / kernel.file_name
        to.mkdir(parents=True)
        os.link(own / arch.image, to / "kernel")
        os.link(own / "initrd", to / "initrd")
    for kernel in kernels:
        # A new file: the one in the chain stays as it is.
        call(TOP / "guest" / "mkinitrd", folder / kernel.file_name / "initrd",
             *parts[kernel.name], f"chain={chain}", env=arch.environment)


def files(folder: Path, kernels: Iterable[Pair], vmms: Iterable[Vmm] = (),
          arch: Arch = X86) -> None:
    """FOLDER/KERNEL of each, with all that a guest needs: the kernel's image, release (of the
    first and of the second), initrd, and for those that start another kernel, initrd-kexec and
    initrd-kdump. The programs of VMMS, or of the host that HOST= names, are beside them."""
    kernels = sorted(set(kernels), key=lambda p: p.name)
    single = {k.name: k for p in kernels for k in (p.first, p.second)}
    parts = each(folder, single.values(), vmms, arch)
    for pair in kernels:
        to, first = folder / pair.file_name, folder / pair.first.file_name
        second = folder / pair.second.file_name
        if pair.first != pair.second:
            to.mkdir()
            os.link(first / arch.image, to / arch.image)
            os.link(first / "initrd", to / "initrd")
            (to / "release").write_text((first / "release").read_text(encoding="utf-8") +
                                        (second / "release").read_text(encoding="utf-8"),
                                        encoding="utf-8")
        for name, more in (("kexec", ()), ("kdump", ("--dump",))):
            call(TOP / "guest" / "mkinitrd", "--second", second / arch.image, *more,
                 "--second-initrd", second / "initrd", to / f"initrd-{name}",
                 *parts[pair.first.name], env=arch.environment)
