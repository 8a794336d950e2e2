# SPDX-License-Identifier: GPL-2.0-only
"""Guests on a host that lies: what their kernels complain of, results, reduction."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from lab import hostile, hostile_results, reduce, seeds, sites
from lab.common import TOP, LabError
from lab.splats import blocked, splats

WARN = """\
[    2.213611] unknown msgtype=-512
[    2.213701] WARNING: drivers/hv/vmbus_drv.c:1089 at __vmbus_on_msg_dpc+0x52/0x19e, CPU#0
[    2.220940] Modules linked in:
[    2.228984] RIP: 0010:__vmbus_on_msg_dpc+0x6e/0x19e
[    2.280503] Call Trace:
[    2.289371]  vmbus_on_msg_dpc+0xc/0x16
[    2.412821] ---[ end trace 0000000000000000 ]---
"""
OOPS = """\
[    3.1] BUG: kernel NULL pointer dereference, address: 0000000000000018
[    3.1] #PF: supervisor read access in kernel mode
[    3.1] Oops: Oops: 0000 [#1] SMP PTI
[    3.1] RIP: 0010:hv_pci_onchannelcallback+0x1c3/0x5a0
[    3.1] Call Trace:
[    3.1]  vmbus_on_event+0x45/0x1a0
[    3.1] ---[ end trace 0000000000000000 ]---
[    3.2] Kernel panic - not syncing: Fatal exception in interrupt
"""
GPF = """\
[    3.1] Oops: general protection fault, probably for non-canonical address 0x6b6b: 0000 [#1]
[    3.1] RIP: 0010:hv_eject_device_work+0x22/0x5a0
[    3.1] ---[ end trace 0000000000000000 ]---
"""
KASAN = """\
[    3.1] BUG: KASAN: slab-use-after-free in hv_pci_devices_present+0x6e/0x2a0
[    3.1] Read of size 8 at addr ffff888003c52a18 by task kworker/0:1/10
"""
UBSAN = """\
[    3.1] UBSAN: shift-out-of-bounds in drivers/pci/controller/pci-hyperv.c:2221:20
[    3.1] Call Trace:
[    3.1]  dump_stack_lvl+0x45/0x60
[    3.1]  survey_child_resources+0xc3/0x160
"""
LOCKDEP = """\
[    3.1] WARNING: possible circular locking dependency detected
[    3.1] kworker/0:1/10 is trying to acquire lock:
[    3.1] ffff88800 (&hbus->state_lock){+.+.}-{4:4}, at: hv_pci_bus_exit+0x45/0x1a0
"""
SLUB = """\
[    3.1] BUG kmalloc-96 (Tainted: G    B             ): Poison overwritten
[    3.1] Call Trace:
[    3.1]  check_bytes_and_report+0x45/0x60
[    3.1]  put_pcichild+0x22/0x40
"""
REFCOUNT = """\
[    3.1] refcount_t: underflow; use-after-free.
[    3.1] WARNING: lib/refcount.c:28 at refcount_warn_saturate+0x5/0x10, CPU#0: kworker/0:1/10
[    3.1] Call Trace:
[    3.1]  hv_eject_device_work+0x22/0x5a0
"""
LIST = """\
[    3.1] list_del corruption, ffff88800->next is LIST_POISON1 (dead000000000100)
[    3.1] kernel BUG at lib/list_debug.c:56!
[    3.1] RIP: 0010:__list_del_entry_valid_or_report+0x5/0x10
[    3.1] Call Trace:
[    3.1]  hv_eject_device_work+0x22/0x5a0
"""
HUNG = """\
[  243.1] INFO: task modprobe:96 blocked for more than 120 seconds.
[  243.1] Call Trace:
[  243.1]  __schedule+0x652/0x695
[  243.1]  schedule+0x2b/0x44
[  243.1]  wait_for_response+0x5f/0x84
"""
LEAK = """\
unreferenced object 0xffff888003c52a00 (size 96):
  comm "kworker/0:1", pid 10, jiffies 4294670000
  backtrace (crc 1234):
    kmalloc_trace+0x22/0x40
    hv_pci_devices_present+0x6e/0x2a0
"""
STALL = "[   60.1] rcu: INFO: rcu_sched self-detected stall on CPU\n"
LOCKUP = "[   60.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [kworker/0:1:10]\n"
MEMORY = "[    3.1] modprobe: page allocation failure: order:9, mode:0xcc0\n"
SLEEP = """\
[    3.1] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:591
[    3.1] Call Trace:
[    3.1]  __might_resched+0x45/0x60
[    3.1]  hv_compose_msi_msg+0x22/0x40
"""
FREE = "[    3.1] Trying to free nonexistent resource <00000000f8000000-00000000f8001fff>\n"


@pytest.mark.parametrize("log, signature", [
    (WARN, "warn: drivers/hv/vmbus_drv.c in __vmbus_on_msg_dpc"),
    (OOPS, "oops: kernel NULL pointer dereference in hv_pci_onchannelcallback"),
    (GPF, "oops: general protection fault in hv_eject_device_work"),
    (KASAN, "kasan: slab-use-after-free in hv_pci_devices_present"),
    (UBSAN, "ubsan: shift-out-of-bounds drivers/pci/controller/pci-hyperv.c in "
     "survey_child_resources"),
    (LOCKDEP, "lockdep: possible circular locking dependency detected"),
    (SLUB, "slab: Poison overwritten in put_pcichild"),
    (REFCOUNT, "refcount: underflow in hv_eject_device_work"),
    (LIST, "list: list_del corruption in hv_eject_device_work"),
    (HUNG, "hung: blocked in wait_for_response"),
    (LEAK, "leak: unreferenced object in hv_pci_devices_present"),
    (STALL, "stall: rcu_sched self-detected stall"),
    (LOCKUP, "lockup: soft lockup"),
    (MEMORY, "memory: page allocation failure"),
    (SLEEP, "atomic: sleeping function called from invalid context in hv_compose_msi_msg"),
    (FREE, "resource: Trying to free nonexistent resource"),
])
def test_complaints(log: str, signature: str) -> None:
    before = "[    1.0] hv_vmbus: Vmbus version:6.0\r\n"
    after = "[    9.0] reboot: Power down\r\n"
    found = list(splats(before + log.replace("\n", "\r\n") + after))
    assert found and found[0].signature == signature
    assert found[0].kind == signature.partition(":")[0]
    assert found[0].lines[0] in log
    # The same, however often and wherever it happens
    again = log.replace("3.1]", "55.123456]").replace("ffff888003c52a18", "ffff888012345678")
    assert [one.signature for one in splats(again)][0] == signature


def test_no_complaint() -> None:
    log = "\n".join(("[    1.0] hv_vmbus: Vmbus version:6.0", "guest: failed D0 entry",
                     "[    2.0] hv_pci 1-2: PCI Pass-through VSP failed D0 Entry with status c0",
                     "[    2.0] hv_vmbus: Unknown GPADL", "guest: finished"))
    assert not list(splats(log)) and not list(blocked(log))


def test_a_panic_after_an_oops_has_its_own_signature() -> None:
    assert [one.kind for one in splats(OOPS)] == ["oops", "panic"]


def test_what_waits() -> None:
    log = ("[   72.7] task:kworker/u4:0    state:D stack:0     pid:11\n"
           "[   72.7] Workqueue: hv_pci_1 pci_devices_present_work [pci_hyperv]\n"
           "[   72.7]  __schedule+0x652/0x695\n[   72.7]  __mutex_lock.constprop.0+0x227/0x345\n"
           "[   72.7]  ? pci_devices_present_work+0x4c/0x513 [pci_hyperv]\n"
           "[   72.7]  pci_devices_present_work+0xee/0x513 [pci_hyperv]\n"
           "[   72.8] task:modprobe        state:D stack:0     pid:96\n"
           "[   72.8]  schedule+0x2b/0x44\n[   72.8]  wait_for_completion+0x2b/0x44\n"
           "[   72.8]  vmbus_negotiate_version+0x5f/0x84\n")
    assert [one.signature for one in blocked(log)] == [
        "stuck: pci_devices_present_work", "stuck: vmbus_negotiate_version"]
    assert hostile.waiting("guest: kernel first\n")[0].signature == "stuck: in a program"
    assert hostile.waiting("[ 1.0] nothing\n")[0].signature == "stuck: at boot"


def job_folder(folder: Path, console: str, rc: int, host: str = "", trace: str = "",
               findings: str = "") -> Path:
    (folder / "out").mkdir(parents=True)
    (folder / "console").write_text(console, encoding="utf-8")
    (folder / "rc").write_text(f"{rc}\n", encoding="utf-8")
    for name, text in (("host", host), ("trace", trace), ("findings", findings)):
        (folder / "out" / name).write_text(text, encoding="utf-8")
    return folder


TRACE = """{"t":1.0,"event":"contact","version":"6.0"}
{"t":1.1,"event":"hostile","site":"message-type","number":1,"old":"0xf","new":"0xfffffe00"}
{"t":1.2,"event":"hostile","site":"eject","number":7}
{"t":1.3,"event":"hosti"""


@pytest.mark.parametrize("console, rc, host, outcome, signature", [
    ("guest: finished\n", 0, "", "ok", ""),
    ("guest: failed mount: no disk\n", 0, "", "ok", ""),
    (WARN, 0, "", "warn", "warn: drivers/hv/vmbus_drv.c in __vmbus_on_msg_dpc"),
    (WARN, 124, "", "warn", "warn: drivers/hv/vmbus_drv.c in __vmbus_on_msg_dpc"),
    ("guest: kernel first\n", 124, "", "stuck", "stuck: in a program"),
    ("guest: failed watch: idle for 20 s\n", 0, "", "stuck", "stuck: in a program"),
    ("", 3, "", "reset", "reset: the guest does not say why"),
    ("", 4, "", "triple", "triple fault"),
    ("", 1, "hvhost: vCPU 3: KVM_RUN: Bad address\n", "host",
     "host: hvhost: vCPU N: KVM_RUN: Bad address"),
    ("", 134, "==9==ERROR: AddressSanitizer: heap-use-after-free on\n", "host",
     "host: ERROR: AddressSanitizer: heap-use-after-free on"),
    ("[ 1.0] Kernel panic - not syncing: sysrq triggered crash\nguest: finished\n", 0, "", "ok",
     ""),
])
def test_judge(tmp_path: Path, console: str, rc: int, host: str, outcome: str,
               signature: str) -> None:
    one = hostile.drawn(1, 30, "series")
    hostile.judge(one, job_folder(tmp_path / "job", console, rc, host, TRACE))
    assert one.outcome == outcome
    assert (one.signatures or [""])[0] == signature
    assert one.mutations == ["message-type.1", "eject.7"]
    assert one.lied == {"message-type", "eject"}


TOLD = ('{"t":1,"event":"firmware","crs":["0xfe000000-0xf0000000","0xf8000000-0xfaffffff",'
        '"0xfb000000-0xfed3ffff","0xfe0000000-0xfffffffff"]}\n')
MMIO = "guest: begin mmio\nwindows %s\nreservation %s\nguest: end mmio 0 1.2\n"


@pytest.mark.parametrize("windows, reservation, what", [
    ("f8000000-fed3ffff fe0000000-fffffffff", "f8000000-fbffffff", ""),
    ("none", "none", ""),
    ("f8000000-fed3ffff", "f7ffffff-fbffffff", "reservation"),
    ("f8000000-fed40000", "none", "window"),
    ("f8000000-fed3ffff fe000000-f0000000", "none", "window"),
    ("f8000000-fed3ffff", "fb000000-faffffff", "reservation"),
])
def test_firmware_is_kept_to(tmp_path: Path, windows: str, reservation: str, what: str) -> None:
    """Windows and reservation are in what a lying host's tables give, in each kernel."""
    one = hostile.drawn(1, 30, "series")
    good = MMIO % ("f8000000-f8ffffff", "f8000000-f80fffff")
    folder = job_folder(tmp_path / "job", "guest: finished\n", 0, trace=TOLD,
                        findings=f"{good}guest: kernel second\n{MMIO % (windows, reservation)}")
    hostile.judge(one, folder)
    assert one.checked == 2
    assert one.signatures == ([f"firmware: a {what} that the tables do not give"] if what else [])
    # A host that does not lie there says nothing of it; what was not reported is not judged.
    (folder / "out" / "trace").write_text("", encoding="utf-8")
    hostile.judge(one, folder)
    assert (one.checked, one.outcome) == (0, "ok")
    (folder / "out" / "trace").write_text(TOLD, encoding="utf-8")
    (folder / "out" / "findings").write_text("guest: kernel first\n", encoding="utf-8")
    hostile.judge(one, folder)
    assert (one.checked, one.outcome) == (0, "ok")
    (folder / "out" / "findings").unlink()
    hostile.judge(one, folder)
    assert (one.checked, one.outcome) == (0, "ok")


def test_report_is_read(tmp_path: Path) -> None:
    """What the console does not show is in the kernel's log."""
    one = hostile.drawn(1, 30, "series")
    hostile.judge(one, job_folder(tmp_path / "job", "guest: finished\n", 0, findings=FREE))
    assert one.outcome == "resource"


def test_drawn() -> None:
    some = [hostile.drawn(seed, None, "series") for seed in range(200)]
    assert some == [hostile.drawn(seed, None, "series") for seed in range(200)]
    assert {(one.scenario, one.path) for one in some} == {
        play[:2] for play in hostile.PLAYS["x86"]}
    assert {one.rate for one in some} == {*hostile.RATES, *hostile.RATES_OF_FEW}
    assert all(site.lstrip("-") in sites.all_sites() for one in some for site in one.sites)
    assert len(sites.all_sites()) >= 110
    assert hostile.drawn(5, 77, "series").rate == 77
    # What docs/findings.md and tests/87-hostile.t say of a seed stays true.
    one = hostile.drawn(510, None, "series")
    assert (one.scenario, one.path, one.rounds, one.rate, one.sites) == (
        "gen2-default", "boot", 6, 100, ["eject"])
    # Firmware does not lie unless it is asked to.
    kinds = {frozenset(one.sites) for one in some if one.sites[0].startswith("-")}
    assert kinds == {frozenset(f"-{site}" for site in sites.firmware_sites()),
                     frozenset(f"-{site}" for site in
                               (*hostile.PATIENT, *sites.firmware_sites()))}
    assert not {site for one in some for site in one.sites} & {*sites.firmware_sites()}


def test_drawn_firmware(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONLY=firmware: the same guests, lied to by firmware alone, at sites that they have."""
    plain = [hostile.drawn(seed, None, "series") for seed in range(200)]
    monkeypatch.setenv("ONLY", "firmware")
    some = [hostile.drawn(seed, None, "series") for seed in range(200)]
    assert some == [hostile.drawn(seed, None, "series") for seed in range(200)]
    assert [(one.scenario, one.path, one.rounds) for one in some] == [
        (one.scenario, one.path, one.rounds) for one in plain]
    assert {one.rate for one in some} == {*hostile.FIRMWARE_RATES}
    assert {len(one.sites) for one in some} == {*hostile.FIRMWARE_SITES}
    assert {site for one in some for site in one.sites} == {
        site for site in sites.firmware_sites() if not site.startswith("ranges-")}
    assert all(one.scenario.startswith("gen1-") for one in some
               if any(site.startswith("vga-") for site in one.sites))
    assert " ONLY=firmware AGAIN=1" in some[0].again and "ONLY" not in plain[0].again
    assert {one.key for one in some}.isdisjoint(one.key for one in plain)
    monkeypatch.setenv("PLAY", "arm64-devicetree:boot")
    drawn = {site for seed in range(200) for site in hostile.drawn(seed, None, "series").sites}
    assert drawn == {site for site in sites.firmware_sites()
                     if site.startswith(("windows-", "ranges-"))}
    monkeypatch.delenv("PLAY")
    monkeypatch.setenv("ARCH", "arm64")
    assert {hostile.drawn(seed, None, "series").scenario for seed in range(99)} == {
        "arm64-default", "arm64-devicetree"}


def test_only_and_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY", "eject.3,ic")
    monkeypatch.setenv("PLAY", "gen2-rebind:kdump-c:4")
    one = hostile.drawn(1, 30, "series")
    assert (one.sites, one.scenario, one.path, one.rounds) == (
        ["eject.3", "ic"], "gen2-rebind", "kdump-c", 4)
    for bad, why in (("gen2-none:boot", "gen2-none"), ("gen2-default", "path of PLAY"),
                     ("gen2-default:boot:x", "PLAY is SCENARIO:PATH")):
        monkeypatch.setenv("PLAY", bad)
        with pytest.raises(LabError, match=why):
            hostile.drawn(1, 30, "series")


def test_seeds_and_rates() -> None:
    assert seeds.parse_seeds("7,1,20-22,21") == [7, 1, 20, 21, 22]
    assert hostile.parse_rate(None) is None and hostile.parse_rate("1000") == 1000
    for bad in ("", "x", "3-1", "1,,2", "-3", "0-1000000"):
        with pytest.raises(LabError, match="SEEDS: "):
            seeds.parse_seeds(bad)
    for bad in ("1001", "x", "-1"):
        with pytest.raises(LabError, match="RATE is 0 to 1000"):
            hostile.parse_rate(bad)


def test_known_and_table(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text('[[known]]\nsignature = "warn: .* in __vmbus_on_msg_dpc"\nfinding = "1"\n',
                    encoding="utf-8")
    known = hostile_results.Known(file)
    good, bad = hostile.drawn(1, 30, "series"), hostile.drawn(2, 30, "series")
    good.outcome, good.mutations = "ok", ["eject.1", "eject.2"]
    bad.outcome, bad.mutations = "warn", ["eject.1", "ic.4"]
    bad.signatures = ["warn: drivers/hv/vmbus_drv.c in __vmbus_on_msg_dpc"]
    assert not known.new(bad)
    assert hostile_results.finish([good, bad], tmp_path, known) == 0
    lines = hostile_results.table([good, bad], known)
    assert lines[0].split() == ["site", "ok", "warn"]
    assert lines[1].split() == ["eject", "1", "1"]
    assert lines[2].split() == ["ic", "-", "1"]
    assert lines[3].split() == ["all", "guests", "1", "1"]
    assert lines[-1].split()[:3] == ["1", "1:", "warn:"]
    with file.open("a", encoding="utf-8") as out:
        out.write('[[known]]\nsignature = "oops: .*"\nfinding = "2"\nsite = "rescind"\n')
    known = hostile_results.Known(file)
    bad.signatures.append("oops: kernel NULL pointer dereference in x")
    assert known.new(bad) == bad.signatures[1:]
    assert hostile_results.finish([good, bad], tmp_path, known) == 1
    # The guest waits for nobody if firmware alone lied.
    bad.mutations = ["crs-min.1"]
    assert known.new(bad) == bad.signatures
    for lies in ("crs-min.1 ic.1", ""):
        bad.mutations = lies.split()
        assert known.new(bad) == bad.signatures[1:]
    file.write_text('[[known]]\nsignature = "("\n', encoding="utf-8")
    with pytest.raises(LabError, match="known.toml"):
        hostile_results.Known(file)


def test_all_known_are_described() -> None:
    """Each finding that is known has its section in docs/findings.md."""
    text = (TOP / "docs" / "findings.md").read_text(encoding="utf-8")
    for _, name, site in hostile_results.Known().entries:
        assert not site or site in sites.all_sites()
        assert f"\n### {name}. " in text, name


def test_results_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that has a result is not run again; one that was cut off is."""
    ran: list[int] = []

    def batch(seeds: list[hostile_results.Seed], files: Path, folder: Path,
              done: Callable[[hostile_results.Seed], None]) -> None:
        for one in seeds:
            one.outcome = "ok"
            ran.append(one.seed)
            done(one)

    monkeypatch.setenv("HOSTILE", str(tmp_path))
    monkeypatch.setenv("KERNEL", "series")
    monkeypatch.setattr(hostile, "batch", batch)
    monkeypatch.setattr(hostile, "make_files", lambda folder, kernel: folder / "files")
    assert hostile.run("1-30", "40") == 0
    assert ran == list(range(1, 31))
    assert hostile.run("25-32", "40") == 0
    assert ran[30:] == [31, 32]
    # Another rate is another run, and so is another ONLY, which runs each time but for firmware.
    assert hostile.run("25", "41") == 0
    assert ran[32:] == [25]
    for only, times in (("firmware", 1), ("eject.1", 2)):
        monkeypatch.setenv("ONLY", only)
        for _ in range(2):
            assert hostile.run("25", "41") == 0
        assert ran[33:] == [25] * times
        del ran[33:]
    monkeypatch.delenv("ONLY")
    file = tmp_path / "results.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + '{"seed": 33, "ra', encoding="utf-8")
    assert len(seeds.read(file, hostile_results.Seed)) == 36
    file.write_text("nonsense\n" + json.dumps(asdict(hostile.drawn(1, 1, "x"))) + "\n",
                    encoding="utf-8")
    with pytest.raises(LabError, match="line 1 is malformed"):
        seeds.read(file, hostile_results.Seed)


@pytest.mark.parametrize("needed", [[7], [0, 19], [3, 4, 5], list(range(20))])
def test_reduce(needed: list[int]) -> None:
    """What is left is what the finding needs, whatever else there was."""
    items = [f"site.{n}" for n in range(20)]
    wanted = {f"site.{n}" for n in needed}
    tried = 0

    def test(lists: list[list[str]]) -> list[bool]:
        nonlocal tried
        tried += len(lists)
        assert all(lists)
        return [wanted <= set(one) for one in lists]

    assert reduce.reduce(items, test) == [f"site.{n}" for n in needed]
    assert tried <= 900


def test_reduce_on_a_fake_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                               capsys: pytest.CaptureFixture[str]) -> None:
    """Of ten lies, a guest warns because of two together."""
    lies = [f"eject.{n}" for n in range(1, 11)]

    def play(seeds: list[tuple[hostile_results.Seed, str, list[str]]], files: Path, jobs: Path,
             done: hostile.Done) -> None:
        for one, name, only in seeds:
            told = only or lies
            trace = "".join(f'{{"event":"hostile","site":"eject","number":{lie[6:]}}}\n'
                            for lie in told)
            folder = jobs / name
            if folder.exists():
                shutil.rmtree(folder)
            job_folder(folder, WARN if {"eject.3", "eject.8"} <= set(told) else "", 0,
                       trace=trace.replace('{"event"', '{"t":1,"event"'))
            done(name)

    monkeypatch.setenv("HOSTILE", str(tmp_path))
    monkeypatch.setenv("KERNEL", "series")
    monkeypatch.setattr(hostile, "play", play)
    monkeypatch.setattr(hostile, "make_files", lambda folder, kernel: folder / "files")
    assert hostile.smallest("4", "30") == 0
    out = capsys.readouterr().out
    assert "lies: eject.3 eject.8\n" in out
    assert "--hostile 4:30 --hostile-only eject.3,eject.8" in out
    with pytest.raises(LabError, match="one seed"):
        hostile.smallest("1-4", "30")
