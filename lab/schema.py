# SPDX-License-Identifier: GPL-2.0-only
"""What can be in a scenario: one line a key. scenarios/README.md's tables are made of
this (lab schema); scenario.py reads files with it.

A kind checks a value and returns it as the code wants it; what it raises is what the
key should have been.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.arches import ARCHES, X86, Arch
from lab.common import Range

PATHS = ("boot", "kexec-s", "kexec-c", "kdump-s", "kdump-c", "shutdown", "hibernate")
# How a kernel can crash; those from irq on need LKDTM, which the -soak kernels have
CRASHES = ("sysrq", "oom", "init", "nmi", "irq", "oops", "stack", "lockup")
# How a device can be lost; the sweep has the same words.
LOSSES = ("config-refused", "config-on-framebuffer", "bar-on-framebuffer",
          "config-on-device", "bar-on-device", "framebuffer-on-device", "config-on-fixed",
          "bar-on-fixed", "framebuffer-on-fixed", "outside",
          "no-config-window", "no-low-window", "no-high-window", "no-vram",
          "config-covered", "bar-covered")
TEST = r"test(?:0|[1-9]\d{0,2})"
# Disks that a VM has at most
NVMES = 64
DEVICE = rf"(?:nvme(?:0|[1-9]\d?)|{TEST})"
PCI = (r"(?:([1-9]\d?) x )?"
       r"(nvme|test(?:,bar(?:32|64)=[1-9]\d{0,3}[KMG])+(?:,refuse-d0=[1-9]-[1-9])?)")

Kind = Callable[[Any], Any]


class Wrong(ValueError):
    """A value is not what its key should be: that, as "expected ..."."""


def matching(pattern: str, what: str) -> Kind:
    """Text that matches the whole pattern."""
    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise Wrong(what)
        return value
    return check


def choice(*values: object) -> Kind:
    """One of these values, of the same type: 1 is not true."""
    def check(value: Any) -> Any:
        if not any(value == v and type(value) is type(v) for v in values):
            raise Wrong(" or ".join(str(v) for v in values))
        return value
    return check


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def whole(low: int, high: int) -> Kind:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Wrong(f"a number from {low} to {high}")
        return value
    return check


def several(kind: Kind, least: int = 1, distinct: bool = True) -> Kind:
    """A list of such values."""
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) < least:
            raise Wrong("a list" + (" that is not empty" if least else ""))
        found = tuple(kind(v) for v in value)
        if distinct and len(set(found)) < len(found):
            raise Wrong("a list with each value once")
        return found
    return check


def span(value: Any) -> str:
    found = Range.parse(value)
    if not found or "0x" in value or found.start > found.end:
        raise Wrong("START-END in hexadecimal")
    return str(value)


def any_span(value: Any) -> str:
    """A range that may be inverted or empty, as hosts may report and kernels may take."""
    if not Range.parse(value) or "0x" in value:
        raise Wrong("START-END in hexadecimal")
    return str(value)


def or_none(kind: Kind) -> Kind:
    def check(value: Any) -> Any:
        if value == "none":
            return value
        try:
            return kind(value)
        except Wrong as e:
            raise Wrong(f"{e} or none") from None
    return check


def refused(value: Any) -> str:
    """START-END, or START-END=STATUS as hvhost takes it: the status has bit 31 set."""
    what = "START-END or START-END=STATUS in hexadecimal"
    found = re.fullmatch(r"([^=]*)(?:=[89a-f][0-9a-f]{7})?", value) \
        if isinstance(value, str) else None
    if not found:
        raise Wrong(what)
    span(found[1])
    return str(value)


def devices(value: Any) -> tuple[str, ...]:
    """PCI devices, "3 x test,bar32=1M" as three of them."""
    found: list[str] = []
    if not isinstance(value, list):
        raise Wrong("a list of devices")
    for item in value:
        match = re.fullmatch(PCI, item) if isinstance(item, str) else None
        if not match:
            raise Wrong("nvme or test,bar32=SIZE,bar64=SIZE...,refuse-d0=N-M, "
                        "perhaps with \"8 x \" before it")
        found += [match[2]] * int(match[1] or 1)
    if found.count("nvme") > NVMES:
        raise Wrong(f"at most {NVMES} nvme")
    return tuple(found)


def losses(value: Any) -> dict[str, tuple[str, ...]]:
    """Devices by how they are lost."""
    if not isinstance(value, dict):
        raise Wrong("{ KIND = [DEVICE...] }")
    for kind in value:
        if kind not in LOSSES:
            raise Wrong(f"kinds of loss: {', '.join(LOSSES)}")
    name = matching(rf"{TEST}|nvme[1-9]\d?|video",
                    "test0 and so on, nvme1 and so on, or video")
    return {kind: several(name)(items) for kind, items in value.items()}


def changes(value: Any) -> dict[str, Any]:
    """Keys of [host] that have another value later."""
    if not isinstance(value, dict) or not value or set(value) - set(LATER):
        raise Wrong(f"{{ KEY = VALUE }} with keys of {', '.join(LATER)}")
    kinds = {key.name: key.kind for key in HOST}
    return {name: kinds[name](one) for name, one in value.items()}


SIZE = matching(r"[1-9]\d{0,5}[MG]", "a size such as 384M or 3G")
ADDRESS = matching(r"0|[1-9a-f][0-9a-f]{0,15}", "an address in hexadecimal")
EVENT = matching(rf"(?:add|eject|remove|rescind) {DEVICE}={DEVICE}",
                 "add, eject, remove or rescind, and DEVICE=OTHER")
MODULE = matching(r"-?[a-z_-]+", "the name of a module, or -NAME to unload it")
KERNEL = r"(?:[0-9]+\.[0-9]+-)?[a-z]+(?:-[a-z0-9]+)*|debian-\d+\.\d[A-Za-z0-9.+~-]*"


@dataclass(frozen=True)
class Key:
    """A key of a table."""

    name: str
    kind: Kind
    about: str
    default: Any = None


TOP_KEYS = (
    Key("about", matching(r"\S[\s\S]*", "text"),
        "what the scenario is for; its first sentence is in `lab list`"),
    Key("profile", matching(r"[a-z0-9-]+", "a name"),
        "start from this profile of `profiles.toml`"),
    Key("arch", choice(*ARCHES), "the guest's architecture: x86, or arm64, which has no "
        "Generation 1; its profile is `arm64`", "x86"),
    Key("paths", several(choice(*PATHS)), f"some of {', '.join(PATHS)}. hibernate: FIRST writes "
        "its memory to the second NVMe disk; SECOND boots in a new VM with these disks and loads "
        "it"),
    Key("kernel", matching(rf"(?:{KERNEL})(?:\.\.(?:{KERNEL}))?", "a kernel, or FIRST..SECOND"),
        "the kernel for these paths, or FIRST..SECOND, two different ones", "series"),
)

HOST = (
    Key("generation", choice(1, 2), "1 or 2"),
    Key("memory", SIZE, "384M unless given; 768M with Debian's, your own or a -64k kernel; 1024M "
        "with -debug, whatever is given"),
    Key("cpus", whole(1, 8), "virtual processors", 1),
    Key("max-cpus", whole(1, 2048), "arm64: how many virtual processors the VM might have; each "
        "has a redistributor of 128 KiB in low MMIO; as many as `cpus` unless given"),
    Key("firmware", choice("uefi", "none", "devicetree"), "Generation 2: uefi (the default), none "
        "or devicetree. none: the kernel is loaded without EFI, and the framebuffer is not mapped "
        "until the guest places it. devicetree, arm64: the same, without ACPI; `crs` are the "
        "ranges of the VMBus node"),
    Key("low-mmio", SIZE, "size of low MMIO"),
    Key("high-mmio", or_none(SIZE), "size of high MMIO, or none"),
    Key("not-windows", flag, "allow less low MMIO than Windows allows", False),
    Key("video", matching(r"[1-9]\d{0,4}x[1-9]\d{0,4}", "WIDTHxHEIGHT"),
        "the largest resolution"),
    Key("crs", several(any_span, distinct=False),
        "exactly these MMIO windows, START-END in hexadecimal, in this order"),
    Key("fb", or_none(span), "where the framebuffer is, or none"),
    Key("fb-mapped", matching(r"[1-9]\d{0,3}[KM]|offered", "a size such as 8M, or offered"),
        "how much of the framebuffer is mapped before a driver moves it. The default is the whole "
        "offered size, on Generation 1 at most the VGA device's BAR"),
    Key("firmware-fb", or_none(span), "what screen_info reports, even if it is wrong, or none"),
    Key("isolation", choice("none", "vbs"), "none or vbs"),
    Key("vmbus-version", matching(r"\d{1,2}\.\d{1,2}", "a version such as 5.3"),
        "the newest VMBus version that the host accepts"),
    Key("synthvid", flag, "false: no synthetic video device", True),
    Key("pci", devices, "virtual PCI devices in order: `nvme`, the first of which has a new ext4 "
        "file system, or `test,bar32=16M,bar64=...`; `8 x ` before a device means eight of them. "
        "`refuse-d0=2-3` at the end of a test device: the host refuses its second and third D0 "
        "entry", ()),
    Key("refuse-windows", several(refused), "START-END or START-END=STATUS in hexadecimal: "
        "the host refuses config windows that overlap this range, with that status or c0370048",
        ()),
    Key("bar-conflicts", choice("refuse", "ignore"),
        "whether a BAR on the framebuffer decodes: refuse or ignore"),
    Key("overlap", choice("refuse", "cover"), "what the host does about config windows and BARs "
        "on the framebuffer: refuse (the default), or cover: it accepts them, and the "
        "framebuffer's memory covers them, as on OpenVMM"),
    Key("dead-devices", choice("hold", "release"), "hold (the default): the first D0 entry fails "
        "if the previous kernel did not release the device; release: the host releases it"),
    Key("offers", choice("guid", "video-first"), "the order of offers: guid (the default), by "
        "interface GUID, so PCI before video; or video-first"),
    Key("bar-reads", choice("exact", "zero"), "zero: while a device decodes, its BARs read as 0; "
        "exact (the default): as they were written"),
    Key("hotplug", several(EVENT), "`WHAT DEVICE=OTHER`, WHAT being add, eject, remove or "
        "rescind: the host adds, ejects, removes (by surprise) or rescinds DEVICE when a kernel "
        "first probes OTHER, which may be DEVICE itself", ()),
    Key("later", changes, "hibernate: `{ KEY = VALUE }`, the keys that differ on the host on which "
        "the VM resumes: low-mmio, high-mmio, video, fb, firmware-fb or refuse-windows", {}),
)
# Keys of [host] that later can change
LATER = ("low-mmio", "high-mmio", "video", "fb", "firmware-fb", "refuse-windows")

GUEST = (
    Key("drivers", several(MODULE, 0, False),
        "modules that the first kernel loads, in order; `-NAME` unloads one", ()),
    Key("second-drivers", several(MODULE, 0, False),
        "the same for the second kernel; as `drivers` unless given"),
    Key("append", matching(r"(?!.*guest\.)[A-Za-z0-9=.,:/ _-]+",
                           "kernel arguments without guest.*"),
        "added to the command line of both kernels"),
    Key("fb", choice("vfb"), "vfb: /dev/fb0 is not firmware's framebuffer"),
    Key("one-by-one", flag, "bind devices one after the other, in the order of their offers; "
        "not with Debian's kernels", False),
    Key("resume", whole(1, 9), "hibernate (without an image) and resume this many times", 0),
    Key("no-suspend", flag, "hibernate once more after that, which must fail", False),
    Key("rebind", several(matching(r"[a-z_]+:[1-9]\d?", "DRIVER:TIMES")),
        "`DRIVER:N`: unbind and bind that driver's devices N times", ()),
    Key("failslab", several(matching(r"[a-z_]+:[1-9]\d{0,2}", "DRIVER:TIMES")),
        "`DRIVER:N`: bind N times, each time with another allocation failing", ()),
    Key("leaks", flag,
        "let kmemleak look for leaks at the end; without it, count pci-hyperv's child devices",
        False),
    Key("paint", flag, "draw on the screen; the host saves it as `out/screen.png`", False),
    Key("handover", choice("simpledrm", "efifb"), "draw with this driver before the others are "
        "loaded (`out/before.png`), and another picture after; then unload hyperv_drm and "
        "unbind VMBus"),
    Key("crash-cpu", whole(0, 7), "the virtual processor that the first kernel crashes on"),
    Key("crash-by", choice(*CRASHES), "how the first kernel crashes. sysrq: as without this "
        "key; oom: no memory is left; init: process 1 exits; nmi, x86: the host sends an NMI. With "
        "a -soak kernel also irq: a panic in an interrupt; oops: an oops in a process; stack: a "
        "stack overflow; lockup: a processor keeps interrupts off, which needs 2 `cpus`. With this "
        "key the host opens the dump after the guest has ended"),
    Key("busy", flag, "the first kernel writes to the disk while it crashes", False),
    Key("save", choice("small", "full"), "full: save all memory of a crashed kernel", "small"),
    Key("gone", several(matching(DEVICE, "a PCI device")),
        "devices that are no longer there at the end", ()),
)

EXPECT = (
    Key("efi", flag, "whether the kernel has EFI"),
    Key("lfb-base", ADDRESS, "the framebuffer in screen_info, in hexadecimal, or 0"),
    Key("windows", several(any_span, 0, False), "the MMIO windows that VMBus has"),
    Key("reserve", or_none(span), "what VMBus reserves in them for the framebuffer, or none"),
    Key("vram", or_none(ADDRESS), "where the framebuffer is when the kernel is done, or none; "
        "by default where firmware put it"),
    Key("at-once", whole(1, 99), "at least this many buses are probed at the same time"),
    Key("nvme", choice("works", "refused", "dead", "ignored", "covered"), "the disk with the file "
        "system: works, the default; or, with a reason in `why`: refused (D0 entry fails with "
        "c0370048), dead (its BARs are on the framebuffer and do not decode), ignored (they are on "
        "the framebuffer and decode), covered (the framebuffer covers its config window)",
        "works"),
    Key("lost", losses, "`{ KIND = [DEVICE...] }`, a known failure: how test devices, NVMe "
        f"controllers other than the first, or `video` are lost. KIND: {', '.join(LOSSES)}", {}),
    Key("tries", or_none(several(ADDRESS, distinct=False)), "for each device of which the host "
        "refuses a config window, the start of each window that the guest tries, in order; or "
        "none", "none"),
    Key("crash", matching(r"[a-z0-9_]+", "a function or none"), "the function in which the first "
        "kernel crashes, a known failure; then only ends and well behaved are judged",
        "none"),
    Key("why", matching(r"\S.*", "a sentence"),
        "the reason for a known failure; required if there is one"),
)

ALSO = (
    Key("kernel", matching(rf"(?:{KERNEL})(?:\.\.(?:{KERNEL}))?", "a kernel, or FIRST..SECOND"),
        "another kernel, or FIRST..SECOND, or stable: the series of each stable base"),
    Key("paths", several(choice(*PATHS)), "its paths; all paths of the scenario unless given"),
)

EXCEPT = (
    Key("kernels", several(matching(r"[A-Za-z0-9.+~*-]+", "a kernel's name, perhaps with *")),
        "the kernels concerned, `*` in a name stands for anything; all unless given", ("*",)),
    Key("paths", several(choice(*PATHS)), "the paths concerned; all unless given", PATHS),
    Key("in", choice("first", "second", "both"), "first, second or both kernels", "both"),
)


def misfits(arch: Arch, host: dict[str, Any], guest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, why) of each key of [guest] that this machine cannot have."""
    if guest["crash-by"] == "nmi" and arch is not X86:
        yield "crash-by", "crash-by = nmi is x86's"
    if guest["crash-by"] == "lockup" and host["cpus"] < 2:
        yield "crash-by", "crash-by = lockup with 1 cpu: another one has to find it"
    if guest["busy"] and "nvme" not in host["pci"]:
        yield "busy", "busy without nvme: there is no disk to write to"


def tables() -> dict[str, tuple[Key, ...]]:
    """The tables of a scenario, by their TOML headers."""
    return {"": TOP_KEYS, "host": HOST, "guest": GUEST, "expect": EXPECT,
            "[also]": ALSO, "[except]": EXCEPT}


def markdown() -> str:
    """The tables of scenarios/README.md."""
    heads = {"": "At the top", "host": "`[host]`", "guest": "`[guest]`", "expect":
             "`[expect]`, and each key also in `[[except]]`", "[also]": "`[[also]]`",
             "[except]": "`[[except]]`"}
    lines = []
    for name, keys in tables().items():
        lines += [f"{heads[name]}:", "", "| key | value |", "|-----|-------|"]
        lines += [f"| `{key.name}` | {key.about} |" for key in keys]
        lines.append("")
    return "\n".join(lines)
