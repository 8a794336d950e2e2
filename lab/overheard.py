# SPDX-License-Identifier: GPL-2.0-only
"""OpenVMM's log as the messages of lab/messages.py. Numbers in its messages are hexadecimal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lab.findings import Line
from lab.messages import INTERFACES, VMBUS, Message, Talk, device_of, masks, target
from lab.scenario import Scenario
from lab.witness import GUID, lines_of

# Its names of virtual PCI messages, where Linux has others
NAMES = {
    "FDO_D0_ENTRY": "D0_ENTRY", "FDO_D0_EXIT": "D0_EXIT",
    "CURRENT_RESOURCE_REQUIREMENTS": "QUERY_RESOURCE_REQUIREMENTS",
    "ASSIGNED_RESOURCES": "RESOURCES_ASSIGNED", "ASSIGNED_RESOURCES2": "RESOURCES_ASSIGNED2",
    "ASSIGNED_RESOURCES3": "RESOURCES_ASSIGNED3", "RELEASE_RESOURCES": "RESOURCES_RELEASED",
    "EJECT_COMPLETE": "EJECTION_COMPLETE"}
# The guest's requests, as they are in the log once they are parsed
REQUESTS = {
    "FdoD0Entry": "D0_ENTRY", "FdoD0Exit": "D0_EXIT", "QueryRelations": "QUERY_BUS_RELATIONS",
    "QueryResources": "QUERY_RESOURCE_REQUIREMENTS", "AssignedResources": "RESOURCES_ASSIGNED",
    "ReleaseResources": "RESOURCES_RELEASED", "CreateInterrupt": "CREATE_INTERRUPT",
    "DeleteInterrupt": "DELETE_INTERRUPT"}
STATUS = {"SUCCESS": "0x0", "REVISION_MISMATCH": "0xc0000059", "BAD_DATA": "0xc000090b",
          "NOT_SUPPORTED": "0xc00000bb"}
VERSIONS = {"WIN8": "1.0", "WIN10": "1.1", "RS1": "1.2", "VB": "1.3", "FE": "1.4"}
# What of a message is looked for
RECEIVED = r"vmbus_server::channels: +received vmbus message msg="
SENT = r"vmbus_server::channels: +sending message typ="
CHANNEL = r"channel_id: ChannelId\(([0-9a-f]+)\)"
PATTERNS = {name: re.compile(pattern) for name, pattern in {
    "contact": RECEIVED + r"InitiateContact.*version_requested: ([0-9a-f]{1,8}), "
                          r"target_message_vp: ([0-9a-f]+)",
    "answer": SENT + r"VERSION_RESPONSE .*version_supported: ([01])",
    "requested": RECEIVED + r"RequestOffers\(",
    "offer": SENT + rf"OFFER_CHANNEL msg=OfferChannel {{ interface_id: ({GUID}), "
                    rf"instance_id: ({GUID}), .*flags: OfferFlags {{ (.*?) }}, "
                    rf"mmio_megabytes: ([0-9a-f]{{1,4}}), .*{CHANNEL}",
    "open": RECEIVED + rf"OpenChannel\(.*?{CHANNEL}, .*target_vp: ([0-9a-f]+)",
    "opened": SENT + rf"OPEN_CHANNEL_RESULT .*{CHANNEL}, .*status: ([0-9a-f]+)",
    "close": RECEIVED + rf"CloseChannel\(.*?{CHANNEL}",
    "modify": RECEIVED + rf"ModifyChannel\(.*?{CHANNEL}, target_vp: ([0-9a-f]+)",
    "unload": RECEIVED + r"Unload\(",
    "closed": rf"vmbus_server::channels: +closed channel .*key={{({GUID})}}-{{({GUID})}}",
    "unloaded": SENT + r"UNLOAD_COMPLETE",
    "video": r"uidevices::video: +video negotiation succeeded version=Version "
             r"{ major: (\d+), minor: (\d+) }",
    "vram": r"framebuffer: +Mapped VRAM to guest at address 0x([0-9a-f]{1,16})",
    "parsing": r"vpci::device: +parsing vpci packet message_type=(\w+)$",
    "request": rf"vpci::device: +vpci packet packet=(.*) instance_id=({GUID})$",
    "failed": rf"vpci::device: +request failed .*instance_id=({GUID})",
    "relations": rf"vpci_send_child_device{{ instance_id=({GUID})}}.*send packet payload="
                 r".*message_type: (\w+), device_count: ([0-9a-f]+)",
    "completion": rf"(?:vpci_handle_packet{{ instance_id=({GUID}) .*)?vpci::device: +"
                  r"completion payload=(.*)$"}.items()}


def name_of(scenario: Scenario, interface: str, guid: str) -> str:
    """What hvhost calls that device."""
    kind = INTERFACES.get(interface, interface)
    return device_of(scenario, guid) if kind == "pci" else kind


class Overheard:
    """The log, line by line."""

    def __init__(self, scenario: Scenario) -> None:
        self.talks: list[Talk] = []
        self._scenario = scenario
        self._freeing: list[str] | None = None  # by a contact or UNLOAD that is under way
        self._contact: Message | None = None
        self._start()

    def _start(self) -> None:
        """A new kernel, or firmware before it."""
        self.talk = Talk()
        self._channels: dict[str, str] = {}     # devices by channel id
        self._opening: dict[str, Message] = {}  # by channel id
        self._last: dict[str, str] = {}         # a device's last message
        # What the log has without a device's name. Buses speak at the same time.
        self._types: list[str] = []             # messages that came
        self._unversioned: list[str] = []       # devices that have yet to ask for a version,
        self._versioning: list[str] = []        # have asked,
        self._entering: list[str] = []          # have to be told that they are in D0,
        self._failing: list[str] = []           # that they failed

    def read(self, line: Line) -> None:
        for name, pattern in PATTERNS.items():
            found = pattern.search(line.text)
            if found:
                handler: Callable[..., None] = getattr(self, name)
                handler(f"out/log:{line.number}", *(group or "" for group in found.groups()))
                return

    def contact(self, where: str, version: str, vp: str) -> None:
        # A kernel that was refused asks again, for an older version.
        if not self.talks or not self._refused:
            self._start()
            self.talks.append(self.talk)
        code = int(version, 16)
        self._contact = self.talk.add(VMBUS, "contact", f"version {code >> 16}.{code & 0xffff}",
                                      where)
        self._target = f"messages to vp {int(vp, 16)}"
        self._freeing = []

    @property
    def _refused(self) -> bool:
        return self._contact is not None and "refused" in self._contact.value

    def answer(self, where: str, supported: str) -> None:
        if self._contact:
            word = "accepted" if supported == "1" else "refused"
            self._contact.value += f" {word}, {self._target}"
            self._freed("contact", self._contact.where)

    def _freed(self, what: str, where: str) -> None:
        self.talk.frees(what, self._freeing or [], where)
        self._freeing = None

    def requested(self, where: str) -> None:
        self.talk.add(VMBUS, "request for offers", "", where)

    def offer(self, where: str, interface: str, guid: str, said: str, megabytes: str,
              channel: str) -> None:
        device = name_of(self._scenario, interface, guid)
        self._channels[channel] = device
        flags = [name for name, value in re.findall(r"(\w+): (true|false)", said)
                 if value == "true"]
        self.talk.offer(device, flags, int(megabytes, 16), where)

    def _device(self, channel: str) -> str:
        return self._channels.get(channel, f"channel {channel}")

    def open(self, where: str, channel: str, vp: str) -> None:
        self._opening[channel] = self.talk.add(self._device(channel), "open",
                                               f"vp {int(vp, 16)}", where)

    def opened(self, where: str, channel: str, status: str) -> None:
        message = self._opening.pop(channel, None)
        if message and status != "0":
            message.value += f", status 0x{status}"
        elif message:
            self._unversioned.append(message.device)

    def close(self, where: str, channel: str) -> None:
        self.talk.add(self._device(channel), "close", "by guest", where)

    def modify(self, where: str, channel: str, vp: str) -> None:
        self.talk.add(self._device(channel), "modify", f"vp {int(vp, 16)}", where)

    def unload(self, where: str) -> None:
        self._contact = self.talk.add(VMBUS, "UNLOAD", "", where)
        self._freeing = []

    def closed(self, where: str, interface: str, guid: str) -> None:
        if self._freeing is not None:
            self._freeing.append(name_of(self._scenario, interface, guid))

    def unloaded(self, where: str) -> None:
        if self._contact:
            self._freed("UNLOAD", self._contact.where)

    def video(self, where: str, major: str, minor: str) -> None:
        self.talk.add("video", "version", f"{major}.{minor} accepted", where)

    def vram(self, where: str, gpa: str) -> None:
        self.talk.add("video", "VRAM location", f"mapped at {int(gpa, 16):x}", where)

    def parsing(self, where: str, kind: str) -> None:
        name = NAMES.get(kind, kind)
        if name != "QUERY_PROTOCOL_VERSION":
            self._types.append(name)
            return
        # Linux begins with buses in the order in which it opened them.
        device = next((d for d in self._unversioned if d in self._scenario.device_names), "")
        if device:
            self._unversioned.remove(device)
            self._versioning.append(device)
            self._asks(device, name, where)

    def request(self, where: str, packet: str, guid: str) -> None:
        device = device_of(self._scenario, guid)
        found = re.match(r"(?:DeviceRequest {.*? request: )?(\w+)", packet)
        kind = REQUESTS.get(found[1], found[1]) if found else packet
        # The log has no number of CREATE_INTERRUPT3 here.
        name = next((name for name in self._types if name.startswith(kind)), kind)
        if name in self._types:
            self._types.remove(name)
        message = self._asks(device, name, where)
        window = re.search(r"mmio_start: ([0-9a-f]{1,16})", packet)
        wanted = re.search(r"vector: ([0-9a-f]{1,8}), .*target_processors: \[(.*?)\]", packet)
        if name == "D0_ENTRY" and window:
            self.talk.window(device, int(window[1], 16), where)
            self._entering.append(device)
        elif wanted:
            vps = [int(vp, 16) for vp in re.findall(r"[0-9a-f]{1,8}", wanted[2])]
            message.value = target(int(wanted[1], 16), min(vps, default=0))

    def _asks(self, device: str, name: str, where: str) -> Message:
        self._last[device] = name
        return self.talk.request(device, name, where)

    def failed(self, where: str, guid: str) -> None:
        self._failing.append(device_of(self._scenario, guid))

    def relations(self, where: str, guid: str, kind: str, count: str) -> None:
        device = device_of(self._scenario, guid)
        self.talk.relations(device, NAMES.get(kind, kind), str(int(count, 16)), where)
        if device in self._entering:
            # The completion of its D0 entry comes next.
            self._entering.remove(device)
            self._entering.insert(0, device)

    def completion(self, where: str, guid: str, payload: str) -> None:
        word = re.search(r"(?:status: |^)([A-Z_]+)\b", payload)
        status = word[1] if word else "?"
        bars = re.search(r"bars: \[(.*?)\]", payload)
        version = re.search(r"protocol_version: (\w+)", payload)
        more = masks(bars[1].replace(",", "")) if bars else ""
        waiting = self._failing or self._entering
        if payload.startswith("QueryProtocolVersionReply"):
            waiting = self._versioning
        device = device_of(self._scenario, guid) if guid else waiting.pop(0) if waiting else "?"
        if version:
            more = f", version {VERSIONS.get(version[1], version[1])}"
        if waiting is self._versioning and status != "SUCCESS":
            self._unversioned.insert(0, device)
        self.talk.completion(device, self._last.get(device, "?"),
                             STATUS.get(status, status), more, where)


def from_log(path: Path, scenario: Scenario) -> list[Talk]:
    """OpenVMM's log."""
    overheard = Overheard(scenario)
    for line in lines_of(path):
        overheard.read(line)
    for talk in overheard.talks:
        talk.end()
    return overheard.talks
