# SPDX-License-Identifier: GPL-2.0-only
"""Each runbook of docs/lisa, by LISA itself: it loads, has all the keys that LISA knows
and no others, and has its cases. Prints "pass|fail WHAT[: WHY]".

"lisa check" only loads a runbook: a misspelt key of a platform or of an installer fails
when the platform is used. So they are parsed here as the platform does.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import node

TOP = Path(__file__).resolve().parents[2]
LISA = TOP / "docs" / "lisa"
OURS = {
    f"verify_hyperv_mmio_{name}"
    for name in ("boot", "kexec_load", "kexec_file_load", "kdump_load", "kdump_file_load")
}
KEXEC = {
    "verify_kexec_reboot_systemd",
    "verify_kexec_reboot_direct",
    "verify_kexec_reboot_systemd_with_running_guests",
}
KDUMP = {
    f"verify_kdumpcrash_{name}"
    for name in ("single_core", "smp", "on_random_cpu", "on_cpu32", "on_cpu192",
                 "on_cpu415", "auto_size", "large_memory_auto_size")
}
# runbook, kernel or platform: variables, and the cases that it runs
RUNBOOKS = (
    ("azure", "package", OURS | KEXEC | KDUMP),
    ("azure", "source", OURS | KEXEC | KDUMP),
    ("azure", "none", OURS | KEXEC | KDUMP),
    ("hyperv", "package", OURS | KEXEC),
    ("hyperv", "source", OURS | KEXEC),
    ("vm", "package", OURS | KEXEC),
    ("vm", "source", OURS | KEXEC),
    ("vm", "none", OURS | KEXEC),
    ("baseline", "azure", {"verify_hyperv_mmio_kdump_load"}),
    ("baseline", "hyperv", {"verify_hyperv_mmio_kdump_load"}),
    ("baseline", "vm", {"verify_hyperv_mmio_kdump_load"}),
)
AZURE = ("azure", "msrestazure")
OUT = sys.stdout  # LISA puts something else there


def load(name: str, which: str) -> Any:
    """The runbook's builder, with what has to be given."""
    from lisa.parameter_parser.runbook import RunbookBuilder

    key = "platform" if name == "baseline" else "kernel"
    given = {key: which, "admin_private_key_file": __file__, "package": "/x.deb",
             "patches": str(TOP / "patches" / "linux-7.3"),
             "subscription_id": f"{'0' * 8}-0000-0000-0000-{'0' * 12}",
             "address": "127.0.0.1", "host": "127.0.0.1", "host_password": "x",
             "admin_password": "x", "vhd": "C:\\x.vhdx", "location_path": "PCIROOT(0)"}
    return RunbookBuilder.from_path(
        LISA / f"{name}.yml", [f"{k}:{v}" for k, v in given.items()]
    )


def cases(builder: Any) -> set[str]:
    from lisa import schema
    from lisa.testselector import select_testcases

    criteria = schema.load_by_type_many(schema.TestCase, builder.partial_resolve("testcase"))
    return {case.name for case in select_testcases(criteria)}


def parse_platform(runbook: Any) -> None:
    """Parse what the platform parses when it is used."""
    from lisa import schema
    from lisa.sut_orchestrator.hyperv.schema import HypervNodeSchema, HypervPlatformSchema

    (platform,) = runbook.platform
    kinds: tuple[Any, Any] = (None, None)
    if platform.type == "azure":
        from lisa.sut_orchestrator.azure.common import AzureNodeSchema
        from lisa.sut_orchestrator.azure.platform_ import AzurePlatformSchema

        kinds = AzurePlatformSchema, AzureNodeSchema
    elif platform.type == "hyperv":
        kinds = HypervPlatformSchema, HypervNodeSchema
    if not kinds[0]:
        return
    own = platform.get_extended_runbook(kinds[0])
    requirement = schema.load_by_type(schema.Capability, platform.requirement)
    machine = requirement.get_extended_runbook(kinds[1], platform.type)
    if platform.type == "azure" and machine.osdisk_size_in_gb < 64:
        raise ValueError(f"{machine.osdisk_size_in_gb} GiB of disk are too few to build a kernel")
    if requirement.disk:
        refuse_extra(requirement.disk, "disk")
    for pool in getattr(own, "device_pools", None) or []:
        parse_pool(pool)


def parse_pool(pool: Any) -> None:
    """LISA takes a location path for a device of any type that it supports at all."""
    from lisa.sut_orchestrator.hyperv.hyperv_device_pool import HyperVDevicePool

    found: list[str] = []
    devices = HyperVDevicePool(None, None, None)
    devices.create_device_pool_from_location_paths = (
        lambda pool_type, location_paths: found.extend(location_paths))
    devices.configure_device_passthrough_pool([pool])
    if found != ["PCIROOT(0)"]:
        raise ValueError(f"LISA assigns {found}")


def parse_kernel(builder: Any) -> list[str]:
    """Parse what the transformers parse; return their types."""
    from lisa import schema
    from lisa.transformer import Transformer
    from lisa.transformers import kernel_installer, kernel_source_installer
    from lisa.util import subclasses

    factory = subclasses.Factory[Transformer](Transformer)
    factory.initialize()
    found = []
    for data in builder.partial_resolve("transformer") or []:
        known = factory[data["type"]].type_schema()
        runbook = schema.load_by_type(known, data)
        refuse_extra(runbook, "transformer")
        found.append(runbook.type)
        if runbook.type == "kernel_installer":
            parse_installer(schema, kernel_installer, kernel_source_installer, runbook)
    return found


def parse_installer(schema: Any, installers: Any, sources: Any, runbook: Any) -> None:
    data = runbook.installer
    data = data if isinstance(data, dict) else data.to_dict()
    installer = schema.load_by_type(sources.SourceInstallerSchema, data)
    location = installer.location
    refuse_extra(installer, "installer")
    location = location if isinstance(location, dict) else location.to_dict()
    refuse_extra(schema.load_by_type(sources.RepoLocationSchema, location), "location")
    for modifier in installer.modifier:
        modifier = modifier if isinstance(modifier, dict) else modifier.to_dict()
        refuse_extra(schema.load_by_type(sources.PatchModifierSchema, modifier), "modifier")


def refuse_extra(runbook: Any, what: str) -> None:
    extra = getattr(runbook, "extended_schemas", None)
    if extra:
        raise ValueError(f"LISA knows no such keys of {what}: {', '.join(extra)}")


def check_runbook(name: str, which: str, expected: set[str]) -> str:
    """Return what is wrong with it."""
    builder = load(name, which)
    runbook = builder.resolve()
    parse_platform(runbook)
    transformers = parse_kernel(builder)
    kernel = "package" if name == "baseline" else which
    wanted = {"package": ["hyperv_mmio_package"], "source": ["kernel_installer"], "none": []}
    if transformers != wanted[kernel]:
        return f"its transformers are {transformers}"
    found = cases(builder)
    return "" if found == expected else f"its cases are {sorted(found)}"


def check_serial_console() -> str:
    """LISA's kdump cases need a serial console: they only run where there is one."""
    from lisa.features import SerialConsole
    from lisa.sut_orchestrator.azure.platform_ import AzurePlatform
    from lisa.sut_orchestrator.hyperv.platform_ import HypervPlatform
    from lisa.sut_orchestrator.ready import ReadyPlatform

    def has(platform: Any) -> bool:
        return any(issubclass(f, SerialConsole) for f in platform.supported_features())

    for platform, book in ((AzurePlatform, "azure"), (HypervPlatform, "hyperv"),
                           (ReadyPlatform, "vm")):
        if cases(load(book, "package")) & KDUMP and not has(platform):
            return f"{book}.yml runs LISA's kdump cases"
    return ""


def check_patches() -> str:
    """kernel-source.yml applies each patch once, in order, and no cover letter."""
    builder = load("vm", "source")
    (data,) = builder.partial_resolve("transformer")
    found = [file for modifier in data["installer"]["modifier"]
             for file in sorted(glob.glob(modifier["local_patches"]))]
    patches = sorted(str(p) for p in (TOP / "patches" / "linux-7.3").glob("[0-9]-*/*.patch")
                     if not p.name.startswith("0000-"))
    missing = [Path(p).name for p in patches if p not in found]
    if missing or found != patches:
        return f"it applies {len(found)} of {len(patches)}; missing: {', '.join(missing)}"
    return ""


def check_baseline() -> str:
    """baseline.yml names the kernel that loses its disk in tests/90-scenarios.cells, which
    has hyperv_drm; docs/azure.md has that package installed."""
    release = str(load("baseline", "azure").variables["kernel_release"].data)
    cells = (TOP / "tests" / "90-scenarios.cells").read_text()
    if not re.search(r"^gen2-default:kdump-c:debian-6\.1\.176-amd64$", cells, re.M):
        return "90-scenarios.cells has no such kernel"
    page = re.findall(r"baseline.*?getdeb linux-image-(\S+)\)",
                      (TOP / "docs" / "azure.md").read_text(), re.S)
    if not re.fullmatch(r"6\.1\.0-[0-9]+-amd64", release) or page != [release]:
        return f"the kernel is {release}; docs/azure.md installs {page}"
    return ""


def our_package() -> Any:
    """docs/lisa/hyperv_mmio, as LISA loads it."""
    from lisa.util.package import import_package

    import_package(LISA / "hyperv_mmio", "hyperv_mmio")
    import hyperv_mmio.kdump
    import hyperv_mmio.selftest
    import hyperv_mmio.suite

    return hyperv_mmio


def check_selftest() -> str:
    """What the selftest prints, its exit status, and what is made of them."""
    selftest = our_package().selftest
    everything = node.ktap({})
    table = (
        (everything, 0, "passed", ""),
        (everything.replace("\n", "\r\n"), 0, "passed", ""),
        (everything, 1, "failed", "exit status 1"),
        (everything, 4, "skipped", "nothing was checked"),
        ("", 127, "failed", "printed no plan; exit status 127"),
        ("TAP version 13\n1..0 # SKIP no VMBus device uses MMIO\n", 4, "skipped",
         "nothing was checked: no VMBus device uses MMIO"),
        (node.ktap({}, stop=5), 0, "failed", "6 tests planned, 5 reported"),
        (node.ktap({}, failed=("reservation_exists",)), 1, "failed",
         "failed: global.reservation_exists"),
        (node.ktap(dict.fromkeys(node.TESTS, "why"), failed=("reservation_exists",)), 4,
         "failed", "failed: global.reservation_exists"),
        (node.ktap({"pci_devices_are_present": "none"}), 0, "passed", ""),
        (everything.replace("pci_avoids", "pci_evades"), 0, "failed", "no result for one of"),
        (node.ktap(dict.fromkeys(node.TESTS[4:], "none")), 0, "skipped",
         "no PCI device was checked: none"),
    )
    for text, status, expected, why in table:
        found, said = selftest.judge(selftest.parse(text), status)
        if found != expected or why not in said:
            return f"{text!r}, exit {status}: {found}, {said}"
    return ""


def check_second() -> str:
    """What the first and the second kernel log, and what is made of them."""
    kdump = our_package().kdump
    first = node.dmesg(node.RESERVED, "7.3")
    table = (
        (first, first, True, "", False),
        (first, node.dmesg("0xf8000000-0xf87fffff", "7.3"), True,
         "reserved 0xf8000000-0xf87fffff, the first 0xf8000000-0xfbffffff", False),
        (first, node.dmesg("", "7.3"), True, "reserved nothing, the first", False),
        (first, "", True, "left no /var/crash/hyperv-mmio-second", False),
        (first, "", False, "keeps no log", True),
        (node.dmesg("", "6.1"), first, True, "first kernel prints no reservation", True),
    )
    for one, two, kept, why, skipped in table:
        found = kdump.check_second(one, two, kept)
        if why not in found.why or bool(why) != bool(found.why) or found.skipped != skipped:
            return f"{two!r} after {one!r}: {found}"
    return ""


def check_watched() -> str:
    """Each failure marks the VM as dirty and keeps the console, also if LISA's console hangs;
    a skipped case does not."""
    from func_timeout import FunctionTimedOut
    from lisa import LisaException, SkippedException

    suite = our_package().suite.HypervMmio
    for error, expected in ((LisaException("x"), ["dirty", "console"]),
                            (FunctionTimedOut("x"), ["dirty", "console"]),
                            (SkippedException("x"), [])):
        calls: list[str] = []

        def console() -> None:
            calls.append("console")
            raise FunctionTimedOut("console")

        try:
            with suite._watched(None, SimpleNamespace(mark_dirty=lambda: calls.append("dirty")),
                                logging.getLogger(),
                                SimpleNamespace(capture_serial_console_log=console)):
                raise error
        except BaseException as e:
            if e is not error:
                return f"{error!r} became {e!r}"
        if calls != expected:
            return f"after {error!r}: {calls}"
    return ""


def in_child(what: str, check: Callable[[], str]) -> bool:
    """Run a check in a process of its own: LISA keeps what it has loaded."""
    with tempfile.TemporaryFile("w+") as file:
        pid = os.fork()
        if not pid:
            why = "it dies"
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            try:
                why = check()
            except BaseException as e:  # also SystemExit, which is LISA's for bad input
                why = f"{type(e).__name__}: {e}" + traceback.format_exc()[-1500:]
            file.write(why)
            file.flush()
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        file.seek(0)
        why = file.read() or ("" if status == 0 else f"it ends with {status}")
    text = f"fail {what}: {' '.join(why.split())}" if why else f"pass {what}"
    print(text, file=OUT, flush=True)
    return not why


def without_azure(name: str) -> str:
    """LISA's Azure libraries are not there."""
    for module in AZURE:
        sys.modules[module] = None  # type: ignore[assignment]
    load(name, "package" if name != "baseline" else "vm").resolve()
    return ""


def main() -> int:
    import lisa.main  # noqa: F401  before all forks

    good = [in_child(f"{name}.yml, {which}: LISA takes it, and has its cases",
                     partial(check_runbook, name, which, expected))
            for name, which, expected in RUNBOOKS]
    good += [in_child(f"{name}.yml loads without LISA's Azure libraries",
                      partial(without_azure, name)) for name in ("hyperv", "vm", "baseline")]
    good.append(in_child("LISA's kdump cases only run where LISA has a serial console",
                         check_serial_console))
    good.append(in_child("the selftest's output is judged", check_selftest))
    good.append(in_child("the second kernel's log is judged", check_second))
    good.append(in_child("a failure keeps the console and marks the VM as dirty", check_watched))
    good.append(in_child("kernel-source.yml applies each patch", check_patches))
    good.append(in_child("baseline.yml has a kernel that loses its disk", check_baseline))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
