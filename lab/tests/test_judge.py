# SPDX-License-Identifier: GPL-2.0-only
"""The judge on recorded runs, good and spoilt: each group of verdicts turns red when what
it is about is not so, and no other does.

lab/tests/record makes the recordings, of job folders in build/matrix/jobs.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import job, judge, judged
from lab.kernels import pair
from lab.scenario import Exception_
from lab.verdict import Verdicts

RECORDINGS = Path(__file__).parent / "recordings"
DEFAULT = "series.gen2-default.kdump-s"
REFUSED = "series.gen2-refused.kdump-c"
NO_SPACE = "series.gen1-no-space.boot"
HOT = "series.gen2-hot.kdump-c"
HANDOVER = "series.gen2-handover-simpledrm.boot"
LOST = "nofix.gen2-default.kdump-c"
COVERED = "mainline.openvmm-drm-first.kdump-c"
CRASHED = "mainline.gen2-resume-refused.boot"
RESUMED = "series.gen2-resume.kdump-c"
RESCIND = "series-debug.gen2-debug-rescind.boot"
FAILSLAB = "series-debug.gen2-failslab.boot"
REBIND = "series.gen2-rebind.kdump-c"
FULL = "series.gen2-full-dump.kdump-c"
SHUTDOWN = "series.gen2-default.shutdown"
HIBERNATED = "series.gen2-hibernate.hibernate"
GROWN = "mainline.gen2-hibernate-video.hibernate"
NMI = "series.gen2-nmi.kdump-c"
ARM64 = "nofix.arm64-default.kdump-c"
ARM64_KEXEC = "series.arm64-default.kexec-s"
DEVICETREE = "series.arm64-devicetree.boot"
TRACE, FOUND, DISK = "out/trace", "out/findings", "out/disk"


def names() -> list[str]:
    return sorted(d.name for d in RECORDINGS.iterdir())


def judge_folder(folder: Path) -> Verdicts:
    one = job.read(folder)
    return judge.judge(folder, one.scenario, one.path, one.kernel)


def failed(v: Verdicts) -> list[str]:
    return [group for group, verdict in v.items() if not verdict.ok]


def text(v: Verdicts) -> str:
    return "\n".join(verdict.text for verdict in v.values() if not verdict.ok)


@pytest.mark.parametrize("name", names())
def test_good(name: str) -> None:
    v = judge_folder(RECORDINGS / name)
    assert not failed(v), text(v)
    assert len(v) >= (2 if name == CRASHED else 12)


@dataclass(frozen=True)
class Spoil:
    """An edit of a file of a recording, and the groups that see it. SECOND: only what
    the second kernel reported. WITH "" the file goes."""

    groups: str
    name: str
    file: str
    pattern: str
    to: str = ""
    second: bool = False
    count: int = 0


ENTRY = r'("event":"d0_entry".*)"status":"0x0","reason":"ok"'
REFUSAL = r'\1"status":"0xc0370048","reason":"window"'
SPOILS = [
    Spoil("ends", DEFAULT, FOUND, "^guest: finished\n"),
    Spoil("ends", DEFAULT, FOUND, "^guest: finished", "guest: failed kexec\nguest: finished"),
    Spoil("ends", DEFAULT, FOUND, "^guest: finished", "guest: cannot load x\nguest: finished"),
    Spoil("ends", DEFAULT, "console", r"\A", "job: cannot make the NVMe disk\n"),
    Spoil("ends", DEFAULT, TRACE, '"how":"poweroff"', '"how":"reset"'),
    Spoil("ends", DEFAULT, "rc", "0", "1"),
    Spoil("ends", CRASHED, "rc", "3", "0"),
    Spoil("ends", CRASHED, "console", "BUG: |Oops|general protection fault", "x "),
    Spoil("ends", CRASHED, "console", "^.*(BUG: |Oops)", "[    1.0] RIP: 0010:other+0x1/0x2\n"
          "[    1.0] BUG: x\n[    1.0] RIP: 0010:other+0x1/0x2\n\\g<0>", count=1),
    Spoil("well_behaved", DEFAULT, TRACE, '^.*"offers_requested".*$',
          '{"t":1,"event":"bad","who":"ring","what":"write index","value":"0xffff"}', count=1),
    Spoil("detection", DEFAULT, FOUND, "Hypervisor detected: Microsoft Hyper-V",
          "Hypervisor detected: KVM", count=1),
    Spoil("detection", DEFAULT, FOUND, "^guest: release .*", "guest: release 6.1"),
    Spoil("detection", DEFAULT, TRACE, r'^.*"guest_os_id".*"0x0".*\n'),
    Spoil("vmbus", DEFAULT, TRACE, r'^.*"unload","vp".*\n'),
    Spoil("vmbus", DEFAULT, TRACE, '"open"', '"close"', count=1),
    Spoil("vmbus", DEFAULT, TRACE, '"open","device":"shutdown"', '"open","device":"heartbeat"'),
    Spoil("vmbus", DEFAULT, FOUND, "Vmbus version", "VMBus", second=True),
    Spoil("vmbus", SHUTDOWN, TRACE, r'^.*"shutdown_ack".*\n'),
    Spoil("efi", DEFAULT, FOUND, "^guest: efi yes", "guest: efi no", second=True),
    Spoil("lfb-base", DEFAULT, FOUND, "^lfb_base .*", "lfb_base 0x0", second=True),
    Spoil("windows", DEFAULT, FOUND, "^windows .*", "windows none", second=True),
    Spoil("windows", DEFAULT, TRACE, "fed3ffff", "ffffffff", count=1),
    Spoil("windows", DEFAULT, "layout.json", "fed3ffff", "ffffffff"),
    Spoil("reserve space", DEFAULT, FOUND, "^reservation .*", "reservation none", second=True),
    Spoil("reserve", DEFAULT, FOUND, r"fb=\[mem 0xf8", "fb=[mem 0xf9", second=True),
    Spoil("reserve", DEFAULT, FOUND, r"^.*hv_mmio=.*\n", second=True),
    Spoil("reserve", DEFAULT, "layout.json", '"reserve": "0xf8', '"reserve": "0xf9'),
    Spoil("selftest", DEFAULT, FOUND, "^ok 3", "not ok 3", second=True),
    Spoil("selftest", DEFAULT, FOUND, "^guest: end selftest 0", "guest: end selftest 1",
          second=True),
    Spoil("selftest", DEFAULT, FOUND, r"^(ok 2 .*_exists).*", r"\1 # SKIP why", second=True),
    Spoil("reports", DEFAULT, FOUND, "^guest: begin reports", r"\g<0>\n[  1.0] BUG: KASAN",
          second=True),
    Spoil("reports", DEFAULT, FOUND, "^guest: end reports 0", "guest: end reports 1"),
    Spoil("reports", DEFAULT, "console", r"\Z", "[   99.0] BUG: KASAN: x\n"),
    Spoil("reports", DEFAULT, "console", r"\A", "[   0.1] WARNING: CPU: 0\n"),
    Spoil("reports", RESCIND, FOUND, "^guest: begin leaks", r"\g<0>\nunreferenced object"),
    Spoil("vmcore", DEFAULT, FOUND, "^OSRELEASE=.*", "OSRELEASE=6.1"),
    Spoil("vmcore", DEFAULT, FOUND, r"^size \d+", "size 4096"),
    Spoil("vmcore", DEFAULT, FOUND, "^elf core\n"),
    Spoil("crash", NMI, "out/dmesg", "Kernel panic - not syncing: .*", "all is well"),
    Spoil("crash", NMI, "out/dmesg", "Linux version 7.3.4-series", "Linux version 7.3.4-nofix"),
    Spoil("crash", NMI, DISK, "^opened .*", "unopened it is cut"),
    Spoil("crash", NMI, TRACE, '("guest_os_id","vp":)1(,"id":"0x8)', r"\g<1>0\2"),
    Spoil("busy", NMI, DISK, "^busy .*", "busy 65536"),
    Spoil("vram", DEFAULT, TRACE, '("vram_location".*)0xf8000000-', r"\g<1>0xf7000000-", count=1),
    Spoil("lost", DEFAULT, TRACE, r'^.*"vram_location".*\n'),
    Spoil("lost d0 tries second_try log space", DEFAULT, TRACE, ENTRY, REFUSAL),
    Spoil("d0", DEFAULT, TRACE, '("event":"d0_entry".*)"held"', r'\1"state"'),
    Spoil("d0", DEFAULT, FOUND, "^guest: begin messages",
          r"\g<0>\nhv_pci: PCI Pass-through VSP failed D0 Entry with status c0370048", second=True),
    Spoil("conflicts", DEFAULT, TRACE, '^.*"event":"d0_entry"',
          '{"t":1,"event":"conflict","what":"bar","device":"nvme0","with":"framebuffer"}\n'
          r"\g<0>", count=1),
    Spoil("disk", DEFAULT, FOUND, "^guest: disk found", "guest: disk missing", second=True),
    Spoil("disk", DEFAULT, FOUND, "^guest: file .*", "guest: file 0", second=True),
    Spoil("disk", DEFAULT, DISK, "^file .", "file x"),
    Spoil("disk", DEFAULT, DISK, "^fsck 0", "fsck 4"),
    Spoil("dump", DEFAULT, DISK, r"^(elf|size|osrelease) .*\n"),
    Spoil("dump", DEFAULT, DISK, "^osrelease 7", "osrelease 6"),
    Spoil("dump", DEFAULT, DISK, r"\Z", "cut 99999999\n"),
    Spoil("dump", DEFAULT, FOUND, "^guest: dump saved.*", "guest: dump lost no disk"),
    Spoil("full_dump", FULL, DISK, r"^size \d+", "size 4096"),
    Spoil("space", DEFAULT, FOUND, r"^held .*\n", second=True),
    Spoil("space", DEFAULT, FOUND, "^(held [0-9a-f-]*)f$", r"\1e", second=True),
    Spoil("space", DEFAULT, TRACE, '"window":"0xf', '"window":"0xe'),
    Spoil("space", DEFAULT, TRACE, '^.*"d0_entry".*"0x0".*$',
          r'\g<0>' '\n{"t":1,"event":"bar","device":"nvme0","bar":0,'
          '"range":"0xfc000000-0xfc003fff","decodes":true}'),
    Spoil("d0 tries log", REFUSED, TRACE, r'^.*"reason":"window".*\n'),
    Spoil("tries log", REFUSED, TRACE, '"0xfec01000-0xfec02fff"(.*"reason":"window")',
          r'"0xfec03000-0xfec04fff"\1'),
    Spoil("d0", REFUSED, FOUND, "status c0370048", "status c000000d", second=True),
    Spoil("log", REFUSED, FOUND, r", config window \[mem .*", second=True),
    Spoil("log", REFUSED, FOUND, r"config window \[mem 0xfec01000", "config window [mem 0x1000"),
    Spoil("log", NO_SPACE, FOUND, r"^.*: Need 0x2000 of MMIO space .*\n"),
    Spoil("log", NO_SPACE, FOUND, r"^.*: no MMIO space of 0x2000, .*\n"),
    Spoil("log", NO_SPACE, FOUND, r"^.* has space for 0x0\n"),
    Spoil("lost d0 second_try log space", REFUSED, TRACE, '"status":"0x0","reason":"ok"',
          '"status":"0xc0370048","reason":"window"'),
    Spoil("lost conflicts", COVERED, TRACE, '"reason":"covered"', '"reason":"ok"'),
    Spoil("conflicts", COVERED, TRACE, r'^.*"event":"conflict".*\n'),
    Spoil("lost d0", COVERED, TRACE, '"status":"0x0","reason":"covered"',
          '"status":"0xc0370048","reason":"framebuffer"'),
    Spoil("vram", COVERED, TRACE, '("vram_location".*)"fb":"[^"]*"', r'\1"fb":null'),
    Spoil("disk", COVERED, FOUND, "^guest: disks 2", "guest: disks 1", count=1),
    Spoil("disk", COVERED, FOUND, "^guest: disks 0", "guest: disks 1", second=True),
    Spoil("echo", HOT, FOUND, r"^ok (\S+ bar\d .*)$", r"not ok \1 reads 0", count=1),
    Spoil("echo", HOT, FOUND, r"^ok \S+ bar\d .*\n", count=1),
    Spoil("hot", HOT, TRACE, r'^.*"event":"eject".*\n'),
    Spoil("at-once", HOT, TRACE, r'^.*"event":"open","device":"test.*\n'),
    Spoil("space hot", HOT, TRACE, r'^.*"event":"rescind".*\n'),
    Spoil("set-up hot", RESCIND, TRACE, r'^.*"event":"eject".*\n'),
    Spoil("handover", HANDOVER, FOUND, "^.*: BOOTFB", "f8000000-f82fffff : BOOT"),
    Spoil("handover", HANDOVER, FOUND, "^guest: begin unbound",
          r"\g<0>\nf8000000-fbffffff : Hyper-V framebuffer"),
    Spoil("handover", HANDOVER, "out/before.png", "PNG"),
    Spoil("paint", HANDOVER, "out/screen.png", "PNG"),
    Spoil("paint ends", HANDOVER, FOUND, "^guest: painted 2", "guest: not painted: no console"),
    Spoil("rebind", REBIND, FOUND, "^guest: rebound hv_pci 3", "guest: rebound hv_pci 2"),
    Spoil("failslab", FAILSLAB, FOUND, "(^guest: failslab .*) hit .*", r"\1 hit 0 refused 0"),
    Spoil("vmbus", RESUMED, TRACE, r'^.*"event":"unload".*\n', count=1),
    Spoil("hibernate", HIBERNATED, "out/trace1", '"how":"poweroff"', '"how":"reset"'),
    Spoil("hibernate", HIBERNATED, "out/trace1", '^.*"offers_requested".*$',
          '{"t":1,"event":"bad","who":"ring","what":"write index","value":"0xffff"}', count=1),
    Spoil("hibernate", HIBERNATED, "out/trace1", ENTRY, REFUSAL),
    Spoil("hibernate", HIBERNATED, "out/trace1", "0xfec03000-0xfec04fff", "0xfec07000-0xfec08fff"),
    Spoil("hibernate", HIBERNATED, "out/rc1", "0", "124"),
    Spoil("hibernate", HIBERNATED, "out/findings1", "^guest: hibernates\n"),
    Spoil("hibernate", HIBERNATED, "out/findings1", "^guest: file .*", "guest: file 0"),
    Spoil("hibernate", HIBERNATED, FOUND, "^guest: restored\n"),
    Spoil("hibernate", HIBERNATED, FOUND, "^guest: loads .*", "guest: loads 6.1"),
    Spoil("vmbus", HIBERNATED, TRACE, r'^.*"event":"unload".*\n', count=1),
    Spoil("lost d0 conflicts", GROWN, TRACE, '"status":"0xc0370048","reason":"framebuffer"',
          '"status":"0x0","reason":"ok"'),
    Spoil("windows", HIBERNATED, "later.json", "fed3ffff", "ffffffff"),
    Spoil("detection", ARM64, FOUND, "Hyper-V: privilege flags", "Hyper-V: flags", count=1),
    # A crash kernel comes after UNLOAD if the host takes crash reports, kexec's never.
    Spoil("vmbus", ARM64, TRACE, r'^.*"event":"unload".*\n'),
    Spoil("vmbus", ARM64, FOUND, r"^.*crash_kexec_post_notifiers\n", count=1),
    Spoil("vmbus", ARM64_KEXEC, TRACE, '^.*"without_unload":true',
          '{"t":28,"event":"unload","vp":0}\n' r"\g<0>"),
    Spoil("detection well_behaved", ARM64_KEXEC, TRACE, '^.*"close","device":"heartbeat".*$',
          r"\g<0>" '\n{"t":26,"event":"guest_os_id","vp":0,"id":"0x0"}', count=1),
    Spoil("well_behaved", ARM64_KEXEC, TRACE, '"who":"ring"', '"who":"hypercall"'),
    Spoil("well_behaved", ARM64_KEXEC, TRACE, '^.*"offers_requested".*$',
          '{"t":1,"event":"bad","who":"ring","what":"write index","value":"0xffff"}', count=1),
    Spoil("well_behaved", ARM64_KEXEC, TRACE, r"\Z",
          '{"t":99,"event":"bad","who":"ring","what":"write index","value":"0xffff"}\n'),
    Spoil("reserve", DEVICETREE, FOUND, "^reservation none", "reservation e0000000-e7ffffff"),
    Spoil("selftest", DEVICETREE, FOUND, "^ok 6", "not ok 6"),
]


def spoil(folder: Path, one: Spoil) -> None:
    file = folder / one.file
    data = file.read_bytes()
    start = data.index(b"guest: kernel second") if one.second else 0
    new = re.sub(one.pattern.encode(), one.to.encode(), data[start:], count=one.count,
                 flags=re.M)
    assert new != data[start:], "nothing was spoilt"
    file.write_bytes(data[:start] + new)


def copy(name: str, to: Path) -> Path:
    shutil.copytree(RECORDINGS / name, to / name)
    return to / name


@pytest.mark.parametrize("one", SPOILS, ids=lambda s: f"{s.groups}: {s.name}: {s.pattern}")
def test_spoilt(tmp_path: Path, one: Spoil) -> None:
    folder = copy(one.name, tmp_path)
    spoil(folder, one)
    v = judge_folder(folder)
    expected = sorted(group.replace("_", " ") for group in one.groups.split())
    assert sorted(failed(v)) == expected, text(v)


def test_every_group_can_be_red() -> None:
    groups = {group for name in names() for group in judge_folder(RECORDINGS / name)}
    red = {group.replace("_", " ") for one in SPOILS for group in one.groups.split()}
    assert groups - red == set()


# What is cut, malformed or missing: one verdict that names it, and no other.
BROKEN = [
    ("trace", TRACE, r"\n[^\n]{9}[^\n]*\n\Z", '\n{"t":9,"ev', r"line \d+ is cut"),
    ("trace", TRACE, '"event":"open"', '"event:"open"', r"line \d+ is cut or malformed"),
    ("trace", TRACE, '^{"t":[0-9.]+,"event":"open"', '{"event":"open"', r"line \d+ is cut or"),
    ("trace", TRACE, '"window":"0xf[^"]*"', '"window":"here"', "window 'here', which is not a"),
    ("trace", TRACE, r"\A(.*\n)*", "", "it is empty"),
    ("trace", TRACE, r"\A.*\n", "", "there is no layout"),
    ("findings", FOUND, r"^guest: end mmio.*\n", "", "'guest: begin iomem' in the block mmio"),
    ("findings", FOUND, r"\n[^\n]*\n\Z", "\nguest: fin", r"line \d+ is cut"),
    ("findings", FOUND, "^guest: efi yes", "guest: eif yes", "the guest does not say"),
    ("findings", FOUND, r"\A(.*\n)*", "", "the guest reported nothing"),
    ("layout.json", "layout.json", r"\A\{", "", "Expecting value|Extra data|Expecting"),
    ("layout.json", "layout.json", r"\A", "[" * 5000, "/layout.json cannot be read"),
    ("release", "release", r"\A.*\n", "", "it has 0 lines"),
    ("findings", FOUND, r"^guest: end mmio .*", "guest: end mmio ", "in the block mmio"),
    ("trace", TRACE, r'("event":"bar",.*),"range":"[^"]*"', r"\1", "bar with range ''"),
]


@pytest.mark.parametrize(("group", "file", "pattern", "to", "said"), BROKEN,
                         ids=[b[4] for b in BROKEN])
def test_broken(tmp_path: Path, group: str, file: str, pattern: str, to: str,
                said: str) -> None:
    folder = copy(DEFAULT, tmp_path)
    spoil(folder, Spoil("", DEFAULT, file, pattern, to, count=1))
    v = judge_folder(folder)
    assert list(v) == [group], text(v)
    assert re.search(said, v[group].text), v[group].text


@pytest.mark.parametrize(("group", "file"), [("trace", TRACE), ("findings", FOUND),
                                             ("console", "console"),
                                             ("layout.json", "layout.json"),
                                             ("release", "release"), ("rc", "rc")])
def test_missing(tmp_path: Path, group: str, file: str) -> None:
    folder = copy(DEFAULT, tmp_path)
    (folder / file).unlink()
    v = judge_folder(folder)
    assert list(v) == [group]
    assert f"{folder / file} cannot be read: No such file" in v[group].text
    assert "not whole" not in v[group].text


def test_ended_from_outside(tmp_path: Path) -> None:
    folder = copy(DEFAULT, tmp_path)
    (folder / "why").write_text("killed after its deadline of 90 s\n")
    (folder / TRACE).unlink()
    v = judge_folder(folder)
    assert list(v) == ["ends"] and "killed after its deadline of 90 s" in v["ends"].text


def test_a_killed_host(tmp_path: Path) -> None:
    """Of hvhost nothing is left but whole lines and the shell's word for its end."""
    folder = copy(DEFAULT, tmp_path)
    for file, lines in ((TRACE, 30), (FOUND, 8)):
        text_of = (folder / file).read_text(encoding="utf-8").splitlines(True)
        (folder / file).write_text("".join(text_of[:lines]), encoding="utf-8")
    (folder / "rc").write_text("137\n")
    v = judge_folder(folder)
    assert list(v) == ["ends"]
    assert "the end is none, with status 137, not poweroff" in v["ends"].text


def test_a_trace_without_room(tmp_path: Path) -> None:
    """What the host said is with what is missing."""
    folder = copy(DEFAULT, tmp_path)
    said = "hvhost: host_error: cannot write trace 'out/trace', which ends here"
    (folder / TRACE).write_text("")
    (folder / "out/host").write_text(f"{said}\n")
    v = judge_folder(folder)
    assert list(v) == ["trace"]
    assert f"it is empty; out/host: {said}" in v["trace"].text


def test_a_kernel_that_never_starts(tmp_path: Path) -> None:
    folder = copy(DEFAULT, tmp_path)
    spoil(folder, Spoil("", DEFAULT, TRACE, '"how":"poweroff"', '"how":"triple_fault"'))
    (folder / FOUND).write_text("")
    (folder / "console").write_text("[    0.1] Kernel panic - not syncing: why\n")
    v = judge_folder(folder)
    assert list(v) == ["ends"]
    assert "the end is triple_fault, not poweroff" in v["ends"].text
    assert "reported nothing; console: " in v["ends"].text and "not syncing: why" in v["ends"].text


def test_what_a_guest_writes_cannot_stop_the_judge(tmp_path: Path) -> None:
    for name, pattern, to in ((FAILSLAB, " hit [0-9]+", " hit \u00b2"),
                              (DEFAULT, "^size [0-9]+", "size " + "9" * 5000),
                              (DEFAULT, "^guest: efi", "guest:   \x1b]0;\xff")):
        folder = copy(name, tmp_path)
        spoil(folder, Spoil("", name, FOUND, pattern, to))
        found = judged.result_of(job.read(folder))
        assert not found.ok and "the judge failed" not in found.verdicts[0].text
        assert "\x1b" not in "".join(verdict.text for verdict in found.verdicts)
        shutil.rmtree(folder)


def test_a_guest_that_stops_within_a_report(tmp_path: Path) -> None:
    folder = copy(DEFAULT, tmp_path)
    spoil(folder, Spoil("", DEFAULT, TRACE, '"how":"poweroff"', '"how":"triple_fault"'))
    spoil(folder, Spoil("", DEFAULT, FOUND, r"^guest: end pci(.*\n)*", second=True))
    v = judge_folder(folder)
    assert list(v) == ["ends"]
    assert "the end is triple_fault, not poweroff" in v["ends"].text
    assert "the block pci" in v["ends"].text


def with_exception(name: str, **expect: object) -> Verdicts:
    """The verdicts if the scenario expected something else."""
    one = job.read(RECORDINGS / name)
    scenario = one.scenario
    saved = list(scenario.exceptions)
    scenario.exceptions.append(Exception_(("*",), (one.path,), "second" if one.path[0] == "k"
                                          else "first", dict(expect)))
    try:
        return judge.judge(one.folder, scenario, one.path, one.kernel)
    finally:
        scenario.exceptions[:] = saved


def test_a_loss_is_no_success() -> None:
    assert {"lost", "d0", "conflicts", "disk", "dump"} <= \
        set(failed(with_exception(LOST, nvme="works")))


def test_a_device_that_the_framebuffer_covers() -> None:
    """The host accepts it, so D0 is as ever; the loss is told in words."""
    v = with_exception(COVERED, nvme="works", lost={})
    assert set(failed(v)) == {"lost", "conflicts", "disk", "dump"}
    assert v["lost"].text.startswith("fail lost: covered by the framebuffer: nvme0 of the second "
                                     "kernel (out/trace); covered by the framebuffer: nvme1")
    one = job.read(RECORDINGS / COVERED)
    assert one.scenario.known_failure(one.kernel, one.path).endswith(
        "reserves nothing; lost: covered by the framebuffer")


def test_a_success_is_no_expected_loss() -> None:
    assert {"lost", "d0", "conflicts", "disk", "dump"} <= \
        set(failed(with_exception(DEFAULT, nvme="refused", why="nothing")))


def test_a_crash() -> None:
    """It is no success; one in another function is not the expected one; and who was to
    crash and did not is missed."""
    v = with_exception(CRASHED, crash="none")
    assert "the end is reset, not poweroff" in v["ends"].text
    v = with_exception(CRASHED, crash="hv_pci_remove", why="nothing")
    assert "the crash is hv_ringbuffer_write, not hv_pci_remove" in v["ends"].text
    v = with_exception(HANDOVER, crash="hv_ringbuffer_write", why="nothing")
    assert "the end is poweroff, not reset" in v["ends"].text


def test_who_did_not_resume_is_missed() -> None:
    one = job.read(RECORDINGS / RESUMED)
    one.scenario.guest["resume"] += 1
    try:
        assert failed(judge.judge(one.folder, one.scenario, one.path, one.kernel)) == ["vmbus"]
    finally:
        one.scenario.guest["resume"] -= 1


def test_evidence_and_command() -> None:
    """A red verdict says where it can be seen, and how to run it again."""
    one = job.read(RECORDINGS / LOST)
    check = judge.judge(one.folder, one.scenario, one.path, pair("series"))["reserve"].failed[0]
    assert re.fullmatch(r"out/findings:\d+", check.evidence)
    assert check.expected == "f8000000-fbffffff" and check.got == "f8000000-f87fffff"
    assert one.again == "make run S=gen2-default P=kdump-c KERNEL=nofix"
