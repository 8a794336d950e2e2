# SPDX-License-Identifier: GPL-2.0-only
"""Two hosts compared: what is read of each, what counts as a difference, what is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import compare, job, recordings, scenario
from lab.common import TOP, BadFile, LabError
from lab.compare import NOTHING, Difference, Known
from lab.messages import INTERFACES

COMPARED = "series.openvmm-drm-first.kexec-s"
GUIDS = {name: guid for guid, name in INTERFACES.items()}
NVME = "69637076-0001-4000-8000-687668737400"
VIDEO = "68767600-0003-4000-8000-766964656f00"
MASKS = "ffff000c ffffffff 0 0 0 0"


def event(name: str, **data: object) -> str:
    return json.dumps({"t": 1, "event": name} | data)


def vpci(who: str, message: str, **data: object) -> str:
    return event("vpci", device="nvme0", **{"from": who}, message=message, **data)


def trace() -> list[str]:
    """What hvhost has of a boot with video and one NVMe controller."""
    return [
        event("layout", fb=None),
        event("guest_os_id", id="0x81"),
        event("contact", version="6.0", accepted=True, target_vp=0),
        event("offers_requested"),
        event("offer", device="video", type=GUIDS["video"], instance=VIDEO, relid=1,
              flags="0x10", mmio_megabytes=8),
        event("offer", device="nvme0", type=GUIDS["pci"], instance=NVME, relid=2, flags="0x0",
              mmio_megabytes=0),
        event("open", device="video", vp=0),
        event("video_version", version="3.5", accepted=True),
        event("vram_location", gpa="0xf8000000", fb="0xf8000000-0xf87fffff", accepted=True),
        event("open", device="nvme0", vp=0),
        vpci("guest", "QUERY_PROTOCOL_VERSION"),
        vpci("host", "QUERY_PROTOCOL_VERSION", status="0x0"),
        vpci("guest", "QUERY_BUS_RELATIONS"),
        vpci("host", "BUS_RELATIONS2", count=1),
        vpci("guest", "QUERY_RESOURCE_REQUIREMENTS"),
        vpci("host", "QUERY_RESOURCE_REQUIREMENTS", status="0x0", masks=MASKS),
        vpci("guest", "D0_ENTRY"),
        event("d0_entry", device="nvme0", window="0xfec01000-0xfec02fff", status="0x0"),
        vpci("host", "D0_ENTRY", status="0x0"),
        vpci("guest", "CREATE_INTERRUPT3"),
        event("interrupt_created", device="nvme0", vp=0, vector=36),
        vpci("host", "CREATE_INTERRUPT3", status="0x0"),
        vpci("guest", "DELETE_INTERRUPT"),
        event("close", device="nvme0", by="unload"),
        event("close", device="video", by="unload"),
        event("unload", vp=0)]


def got(text: str) -> str:
    return f"  1.5s TRACE vmbus_server::channels:  received vmbus message msg={text}"


def sent(text: str) -> str:
    return f"  1.5s TRACE vmbus_server::channels:  sending message typ={text}"


def bus(text: str, packet: str = "") -> str:
    span = f"vpci_handle_packet{{ instance_id={NVME} packet={packet} transaction_id=0x1}}: "
    return f"  1.5s TRACE {span if packet else ''}vpci::device:  {text}"


def asks(kind: str, packet: str) -> list[str]:
    return [bus(f"parsing vpci packet message_type={kind}"),
            bus(f"vpci packet packet={packet} instance_id={NVME}")]


def offered(name: str, guid: str, flags: str, megabytes: int, channel: int) -> str:
    return sent(f"OFFER_CHANNEL msg=OfferChannel {{ interface_id: {GUIDS[name]}, "
                f"instance_id: {guid}, rsvd: [0], flags: OfferFlags {{ {flags} }}, "
                f"mmio_megabytes: {megabytes}, channel_id: ChannelId({channel}), x: 0 }}")


def opened(channel: int) -> list[str]:
    return [got(f"OpenChannel(OpenChannel {{ channel_id: ChannelId({channel}), open_id: 1, "
                "target_vp: 0, more: 1 }, [])"),
            sent(f"OPEN_CHANNEL_RESULT msg=OpenResult {{ channel_id: ChannelId({channel}), "
                 "open_id: 1, status: 0 }")]


def closed(name: str, guid: str) -> str:
    return ("  1.5s  INFO vmbus_server::channels:  closed channel offer_id=0x1 "
            f"key={{{GUIDS[name]}}}-{{{guid}}}-0")


def log() -> list[str]:
    """The same in OpenVMM's words."""
    return [
        got("InitiateContact(InitiateContact { version_requested: 60000, target_message_vp: 0 })"),
        sent("VERSION_RESPONSE msg=VersionResponse { version_supported: 1 }"),
        got("RequestOffers(RequestOffers, [])"),
        offered("video", "5620e0c7-8062-4dce-aeb7-520c7ef76171",
                "named_pipe_mode: true, tlnpi_provider: false", 8, 1),
        offered("pci", NVME, "named_pipe_mode: false", 0, 2),
        *opened(1),
        "  1.5s  INFO uidevices::video:  video negotiation succeeded version=Version "
        "{ major: 3, minor: 5 }",
        "  1.5s DEBUG framebuffer:  Mapped VRAM to guest at address 0xf8000000",
        *opened(2),
        bus("parsing vpci packet message_type=QUERY_PROTOCOL_VERSION"),
        bus("completion payload=QueryProtocolVersionReply { status: SUCCESS }"),
        *asks("QUERY_BUS_RELATIONS", "QueryRelations"),
        f"  1.5s TRACE vpci_send_child_device{{ instance_id={NVME}}}: vpci::device:  send packet "
        "payload=X { message_type: BUS_RELATIONS2, device_count: 1, device: [] }",
        *asks("CURRENT_RESOURCE_REQUIREMENTS", "QueryResources"),
        bus("completion payload=Reply { status: SUCCESS, bars: [ffff000c, ffffffff, 0, 0, 0, 0] }",
            "QueryResources"),
        *asks("FDO_D0_ENTRY", "FdoD0Entry { mmio_start: fec01000 }"),
        bus("completion payload=SUCCESS"),
        *asks("CREATE_INTERRUPT3", "CreateInterrupt { vector: 25, count: 1, "
              "target_processors: [0] }"),
        bus("completion payload=CreateInterruptReply { status: SUCCESS, x: 0 }", "CreateInterrupt"),
        *asks("DELETE_INTERRUPT", "DeleteInterrupt"),
        got("Unload(Unload, [])"),
        closed("video", "5620e0c7-8062-4dce-aeb7-520c7ef76171"),
        closed("pci", NVME),
        sent("UNLOAD_COMPLETE msg=UnloadComplete")]


FINDINGS = ["guest: kernel first", "guest: begin messages",
            f"[ 1.0] hv_pci {NVME}: PCI VMBus probing: Using version 0x10004",
            "guest: end messages 0 1.00"]


def write(folder: Path, host: str, lines: list[str], findings: list[str]) -> Path:
    """The folder of a run."""
    (folder / "out").mkdir(parents=True)
    about = {"scenario": "openvmm-drm-first", "path": "boot", "kernel": "series", "host": host}
    (folder / "about.json").write_text(json.dumps(about))
    (folder / "rc").write_text("0\n")
    (folder / "out" / ("trace" if host == "hvhost" else "log")).write_text("\n".join([*lines, ""]))
    (folder / "out" / "findings").write_text("\n".join([*findings, ""]))
    return folder


class Pair:
    """The folders of two runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace, self.log = trace(), log()
        self.findings = list(FINDINGS)

    def write(self) -> list[job.Job]:
        return [job.read(write(self.folder / "a", "hvhost", self.trace, FINDINGS)),
                job.read(write(self.folder / "b", "openvmm", self.log, self.findings))]

    def find(self, text: str) -> int:
        return next(n for n, line in enumerate(self.log) if text in line)

    def replace(self, old: str, new: str) -> None:
        self.log[self.find(old)] = self.log[self.find(old)].replace(old, new)

    def differences(self) -> list[Difference]:
        mine, theirs = map(compare.talks_of, self.write())
        return compare.differences(mine, theirs, ["first"])


@pytest.fixture(name="pair")
def made_up(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_the_same_said_by_both(pair: Pair, capsys: pytest.CaptureFixture[str],
                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "read_known", list)
    assert compare.compare_jobs(pair.write()) == 0
    assert "0 differences, 0 of them new" in capsys.readouterr().out


def test_all_of_it_is_read(pair: Pair) -> None:
    for talk in (talks[0] for talks in map(compare.talks_of, pair.write())):
        assert talk.offered == ["video", "nvme0"]
        assert [m.name for m in compare.of_device(talk, "nvme0")] == [
            "offer", "open", "QUERY_PROTOCOL_VERSION", "QUERY_PROTOCOL_VERSION completed",
            "QUERY_BUS_RELATIONS", "BUS_RELATIONS2", "QUERY_RESOURCE_REQUIREMENTS",
            "QUERY_RESOURCE_REQUIREMENTS completed", "D0_ENTRY", "D0_ENTRY completed",
            "CREATE_INTERRUPT3", "CREATE_INTERRUPT3 completed", "DELETE_INTERRUPT",
            "version in use"]
        assert [m.value for m in talk.messages if m.device in ("VMBus", "PCI", "video")] == [
            "version 6.0 accepted, messages to vp 0", "nothing", "", "flags named_pipe_mode, "
            "8 MiB of MMIO", "vp 0", "3.5 accepted", "mapped at f8000000", "", "nvme0 video",
            "fec01000"]


def drop_relations(pair: Pair) -> None:
    del pair.log[pair.find("BUS_RELATIONS2")]


def relations_twice(pair: Pair) -> None:
    at = pair.find("BUS_RELATIONS2")
    pair.log.insert(pair.find("completion payload=SUCCESS"), pair.log[at])


def relations_late(pair: Pair) -> None:
    at = pair.find("BUS_RELATIONS2")
    pair.log.insert(pair.find("completion payload=SUCCESS") + 1, pair.log[at])


def swap(pair: Pair) -> None:
    at = pair.find("CREATE_INTERRUPT3")
    gone = pair.find("DELETE_INTERRUPT")
    pair.log[at:gone + 2] = pair.log[gone:gone + 2] + pair.log[at:gone]


def swap_offers(pair: Pair) -> None:
    at = pair.find("OFFER_CHANNEL")
    pair.log[at:at + 2] = pair.log[at + 1], pair.log[at]


def not_moved(pair: Pair) -> None:
    pair.findings.insert(3, f"[ 2.0] hv_pci {NVME}: hv_irq_retarget_interrupt() failed: 0x2")


def changes(old: str, new: str) -> Callable[[Pair], None]:
    return lambda pair: pair.replace(old, new)


@pytest.mark.parametrize("change, expected", [
    (drop_relations, [("nvme0", "BUS_RELATIONS2", "count 1, asked for", NOTHING)]),
    (relations_twice, [("nvme0", "BUS_RELATIONS2", NOTHING,
                        "count 1, not asked for, before D0_ENTRY completed")]),
    (relations_late, [("nvme0", "BUS_RELATIONS2", NOTHING, "count 1, not asked for")]),
    (swap, [("nvme0", "DELETE_INTERRUPT", NOTHING, "sent"),
            ("nvme0", "DELETE_INTERRUPT", "sent", NOTHING)]),
    (swap_offers, [("VMBus", "order of offers", "video nvme0", "nvme0 video")]),
    (not_moved, [("nvme0", "HvRetargetDeviceInterrupt", NOTHING, "failed: 0x2")]),
    (changes("payload=SUCCESS", "payload=NOT_SUPPORTED"),
     [("nvme0", "D0_ENTRY completed", "status 0x0", "status 0xc00000bb")]),
    (changes("bars: [ffff000c", "bars: [fffff00c"),
     [("nvme0", "QUERY_RESOURCE_REQUIREMENTS completed", f"status 0x0, BAR masks {MASKS}",
       f"status 0x0, BAR masks {MASKS.replace('ffff000c', 'fffff00c')}")]),
    (changes("mmio_start: fec01000", "mmio_start: f8000000"),
     [("PCI", "config windows", "fec01000", "f8000000")]),
    (changes("vector: 25", "vector: ef"),
     [("nvme0", "CREATE_INTERRUPT3", "a vector, vp 0", "vector 0xef, vp 0")]),
    (changes("target_processors: [0]", "target_processors: [b, a]"),
     [("nvme0", "CREATE_INTERRUPT3", "a vector, vp 0", "a vector, vp 10")]),
    (changes("named_pipe_mode: true", "enumerate_device_interface: true"),
     [("video", "offer", "flags named_pipe_mode, 8 MiB of MMIO",
       "flags enumerate_device_interface, 8 MiB of MMIO")]),
    (changes("mmio_megabytes: 8", "mmio_megabytes: 10"),
     [("video", "offer", "flags named_pipe_mode, 8 MiB of MMIO",
       "flags named_pipe_mode, 16 MiB of MMIO")]),
    (changes("minor: 5", "minor: 2"), [("video", "version", "3.5 accepted", "3.2 accepted")]),
    (changes("0xf8000000", "0xf9000000"),
     [("video", "VRAM location", "mapped at f8000000", "mapped at f9000000")]),
    (changes("version_requested: 60000", "version_requested: 50003"),
     [("VMBus", "contact", "version 6.0 accepted, messages to vp 0",
       "version 5.3 accepted, messages to vp 0")]),
    (lambda pair: pair.log.remove(closed("pci", NVME)),
     [("VMBus", "UNLOAD closes", "nvme0 video", "video")]),
    (lambda pair: pair.log.insert(4, offered("scsi", NVME, "x: true", 0, 3)),
     [("scsi", "offer", NOTHING, "flags x, 0 MiB of MMIO")]),
    (changes("open_id: 1, status: 0", "open_id: 1, status: c0000001"),
     [("video", "open", "vp 0", "vp 0, status 0xc0000001")])])
def test_a_difference(pair: Pair, change: Callable[[Pair], None],
                      expected: list[tuple[str, str, str, str]]) -> None:
    change(pair)
    found = pair.differences()
    assert [(one.device, one.name, *one.values) for one in found] == expected
    files = [("out/trace", "out/log"), ("out/findings", "out/findings")]
    assert all(where.partition(":")[0] in files[one.name.startswith("Hv")]
               for one in found for where in one.where if where)


def test_a_difference_is_red_unless_it_is_known(pair: Pair, capsys: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    pair.replace("payload=SUCCESS", "payload=NOT_SUPPORTED")
    jobs = pair.write()
    assert compare.compare_jobs(jobs) == 1
    said = capsys.readouterr().out
    assert "NEW  first   nvme0   D0_ENTRY completed" in said and "out/trace:19 out/log:22" in said
    known = [Known("nvme*", "D0_ENTRY completed", "status 0x0", "*bb", "It is.", mend="so.")]
    monkeypatch.setattr(compare, "read_known", lambda: known)
    assert compare.compare_jobs(jobs) == 0
    assert "1: `nvme*`: `D0_ENTRY completed`: " in capsys.readouterr().out


def test_an_entry_that_covers_nothing_is_red(pair: Pair, capsys: pytest.CaptureFixture[str],
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = pair.write()
    known = [Known("nvme*", "D0_ENTRY completed", "status 0x0", "*bb", "It was.", keep="so.")]
    monkeypatch.setattr(compare, "read_known", lambda: known)
    assert compare.compare_jobs(jobs) == 1
    assert "STALE: nothing differs like this any more: `nvme*`: " in capsys.readouterr().out
    # Another scenario may lack what it is about.
    monkeypatch.setattr(compare, "DEFAULT", "openvmm-no-pci")
    assert compare.compare_jobs(jobs) == 0


def test_an_entry_that_is_seen_in_some_places_only(pair: Pair,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    known = [Known("nvme*", "D0_EXIT", "a", "b", "It is.", keep="so.", only="on old KVM")]
    monkeypatch.setattr(compare, "read_known", lambda: known)
    assert compare.compare_jobs(pair.write()) == 0
    assert "OpenVMM `b`. Only on old KVM. It is. Kept: so." in known[0].text


@pytest.mark.parametrize("key", ["device", "message", "hvhost", "openvmm"])
def test_a_known_difference_matches_in_all(key: str) -> None:
    one = Difference("first", "nvme1", "D0_EXIT", ("1, 2", "-"), ("", ""))
    patterns = {"device": "video, nvme*", "message": "D0_ENTRY, D0_EXIT", "hvhost": "1, *",
                "openvmm": "-", "why": "It is."}
    assert Known(**patterns).covers(one)
    assert not Known(**patterns | {key: "other"}).covers(one)


def test_a_contact_that_is_refused_is_made_again(pair: Pair) -> None:
    again = [line.replace("version_requested: 60000", "version_requested: 60001")
             .replace("version_supported: 1", "version_supported: 0") for line in pair.log[:2]]
    pair.log[:0] = again
    talks = compare.talks_of(pair.write()[1])
    assert len(talks) == 1
    assert [m.value for m in talks[0].messages if m.name == "contact"] == [
        "version 6.1 refused, messages to vp 0", "version 6.0 accepted, messages to vp 0"]


def test_firmware_is_no_kernel(pair: Pair) -> None:
    pair.log[:0] = pair.log[:4]
    assert pair.differences() == []


def both(text: str) -> list[str]:
    """What two buses do at the same time: LINE of the first, then of the second."""
    other = NVME.replace("-0001-", "-0002-")
    return [text, text.replace(NVME, other)]


def test_two_buses_at_the_same_time(pair: Pair) -> None:
    first = pair.find("message_type=QUERY_PROTOCOL_VERSION")
    last = pair.find("Unload(")
    second = offered("pci", NVME.replace("-0001-", "-0002-"), "named_pipe_mode: false", 0, 3)
    told = [line for line in pair.log[first:last] if "BUS_RELATIONS2" in line][0]
    lines = [text for line in pair.log[first:last] for text in both(line)]
    at = next(n for n, line in enumerate(lines) if "completion payload=SUCCESS" in line)
    # D0 entry of both; then the second one's answers, then the first one's
    lines[at:at + 2] = [both(told)[1], lines[at], told, lines[at]]
    pair.log[first:last] = [*opened(3), *lines]
    pair.log.insert(5, second)
    talk = compare.talks_of(pair.write()[1])[0]
    for name in ("nvme0", "nvme1"):
        assert [(m.name, m.value) for m in compare.of_device(talk, name)][8:12] == [
            ("D0_ENTRY", ""),
            ("BUS_RELATIONS2", "count 1, not asked for, before D0_ENTRY completed"),
            ("D0_ENTRY completed", "status 0x0"), ("CREATE_INTERRUPT3", "a vector, vp 0")]


def test_each_kind_of_interrupt_is_told_apart(pair: Pair) -> None:
    at = pair.find("CREATE_INTERRUPT3")
    pair.log[at:at] = [line.replace("INTERRUPT3", "INTERRUPT2") for line in pair.log[at:at + 3]]
    assert [(one.name, one.values[0]) for one in pair.differences()] == [
        ("CREATE_INTERRUPT2", NOTHING), ("CREATE_INTERRUPT2 completed", NOTHING)]


def test_a_version_that_is_refused_is_asked_for_again(pair: Pair) -> None:
    at = pair.find("QUERY_PROTOCOL_VERSION")
    pair.log[at:at] = [pair.log[at], pair.log[at + 1].replace("SUCCESS", "REVISION_MISMATCH")]
    assert [(one.name, one.values) for one in pair.differences()] == [
        ("QUERY_PROTOCOL_VERSION", (NOTHING, "sent")),
        ("QUERY_PROTOCOL_VERSION completed", (NOTHING, "status 0xc0000059"))]


def test_a_bus_that_fails_is_named(pair: Pair) -> None:
    at = pair.find("vpci packet packet=CreateInterrupt")
    pair.log[at + 1] = bus("completion payload=BAD_DATA")
    pair.log.insert(at + 1, f"  1.5s  WARN vpci::device:  request failed e=x instance_id={NVME}")
    assert [(one.name, one.values[1]) for one in pair.differences()] == [
        ("CREATE_INTERRUPT3 completed", "status 0xc000090b")]


@pytest.mark.parametrize("change, why", [
    ({"host": "hvhost"}, "one run on each of hvhost and openvmm is needed"),
    ({"kernel": "nofix"}, "the kernels differ: series on hvhost, nofix on OpenVMM"),
    ({"path": "kexec-s"}, "the paths differ: boot on hvhost, kexec-s on OpenVMM"),
    ({"scenario": "openvmm-pci-first"}, "the scenarios differ: openvmm-drm-first")])
def test_runs_that_cannot_be_compared(pair: Pair, change: dict[str, str], why: str) -> None:
    jobs = pair.write()
    about = jobs[1].folder / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | change))
    with pytest.raises(LabError, match=why):
        compare.compare_jobs([jobs[0], job.read(jobs[1].folder)])


@pytest.mark.parametrize("name, text, why", [
    ("rc", "4\n", "did not power off .status 4"),
    ("out/log", "nothing\n", "1 kernels ran, 0 are in the log")])
def test_runs_that_did_not_end_well(pair: Pair, name: str, text: str, why: str) -> None:
    jobs = pair.write()
    (jobs[1].folder / name).write_text(text)
    with pytest.raises(LabError, match=why):
        compare.compare_jobs(jobs)


@pytest.mark.parametrize("old, new", [
    ('"flags": "0x10", ', ""), ('"mmio_megabytes": 8', '"mmio_megabytes": null'),
    ('"vector": 36', '"vector": "x"'), ('"window": "0xfec01000-0xfec02fff"', '"window": "here"')])
def test_a_trace_that_says_too_little(pair: Pair, old: str, new: str) -> None:
    pair.trace = [line.replace(old, new) for line in pair.trace]
    with pytest.raises(BadFile, match="trace: line [0-9]+: .* which is not? "):
        compare.talks_of(pair.write()[0])


@pytest.mark.parametrize("text, why", [
    ("", "must have"), ("[[other]]\n", "must have"), ("x\n", "Expected"),
    ("difference = 5\n", "must have"),
    ("[[difference]]\ndevice = 'a'\n", "difference 1: hvhost is missing"),
    ("[[difference]]\ndevice = 'a'\nmessage = 'a'\nhvhost = 'a'\nopenvmm = 'a'\nwhy = ''\n",
     "difference 1: why"),
    ("[[difference]]\ndevice = 'a'\nmessage = 'a'\nhvhost = 'a'\nopenvmm = 'a'\nwhy = 'a'\n"
     "more = 'a'\n", "difference 1: more"),
    ("[[difference]]\ndevice = 'a'\nmessage = 'a'\nhvhost = 'a'\nopenvmm = 'a'\nwhy = 'a'\n",
     "difference 1: it needs mend or keep"),
    ("[[difference]]\ndevice = 'a'\nmessage = 'a'\nhvhost = 'a'\nopenvmm = 'a'\nwhy = 'a'\n"
     "mend = 'a'\nkeep = 'a'\n", "difference 1: it needs mend or keep")])
def test_what_cannot_be_known(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "known.toml"
    file.write_text(text)
    with pytest.raises(LabError, match=why):
        compare.read_known(file)


def test_the_readme_lists_what_is_known() -> None:
    text = (TOP / "hvhost" / "README.md").read_text()
    section = text.partition("## How it differs from OpenVMM\n")[2].partition("\n## ")[0]
    assert "\n".join(compare.markdown()) in section, "print it with lab/lab compare --known"


@pytest.fixture(name="recorded")
def a_recorded_pair(tmp_path: Path) -> Iterator[list[job.Job]]:
    """The same run on each host."""
    for host in compare.HOSTS:
        recordings.unpack(recordings.FOLDER / host / f"{COMPARED}.tar.xz", tmp_path / host)
    yield [job.read(tmp_path / host) for host in compare.HOSTS]


def test_what_was_recorded_differs_as_is_known(recorded: list[job.Job],
                                               capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.compare_jobs(recorded) == 0, capsys.readouterr().out
    mine, theirs = map(compare.talks_of, recorded)
    found = compare.differences(mine, theirs, ["first", "second"])
    unseen = [entry for entry in compare.read_known() if not any(map(entry.covers, found))]
    assert not unseen, "known, and nowhere to be seen"


@pytest.mark.parametrize("old, new", [
    ('"message":"BUS_RELATIONS2","count":1', '"message":"BUS_RELATIONS2","count":2'),
    ('"message":"D0_ENTRY","status":"0x0"', '"message":"D0_ENTRY","status":"0xc0370048"'),
    ('"message":"QUERY_BUS_RELATIONS"', '"message":"D0_EXIT"')])
def test_a_change_of_what_was_recorded_is_red(recorded: list[job.Job], old: str, new: str) -> None:
    file = recorded[0].folder / "out" / "trace"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    assert compare.compare_jobs(recorded) == 1


def test_without_openvmm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "need", lambda group: None)
    assert "openvmm-drm-first" in scenario.names()
    with pytest.raises(LabError, match="OPENVMM is not set"):
        compare.run("openvmm-drm-first", "kexec-s")
