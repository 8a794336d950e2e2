# SPDX-License-Identifier: GPL-2.0-only
"""What a guest and its host said to each other, as one list of messages for each kernel,
whichever host it was: read from hvhost's trace, by lab/overheard.py from OpenVMM's log, and
from the guest's findings where neither says it. lab/compare.py compares them.

Left out, as it differs from run to run or means nothing to the guest: relids, connection and
GPADL ids, open ids, transactions, times, addresses of ring and monitor pages, the messages
that a device is to write for an interrupt, the instance GUIDs of all but PCI devices. Vectors
are not compared by number: guests give them to devices in the order in which these come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.common import BadFile, words
from lab.findings import Findings
from lab.foreign import instance
from lab.scenario import Scenario
from lab.trace import Event, Life, read_trace

# What is offered to guests, by interface GUID. PCI devices have names of their own.
INTERFACES = {
    "57164f39-9115-4e78-ab55-382f3bd5422d": "heartbeat",
    "0e0b6031-5213-4934-818b-38d90ced39db": "shutdown",
    "9527e630-d0ae-497b-adce-e80ab0175caf": "timesync",
    "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6": "kvp",
    "35fa2e29-ea23-4236-96ae-3a6ebacba440": "vss",
    "34d14be3-dee4-41c8-9ae7-6b174977c192": "fcopy",
    "cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a": "keyboard",
    "f912ad6d-2b17-48ea-bd65-f927a61c7684": "mouse",
    "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f": "scsi",
    "f8615163-df3e-46c5-913f-f2d2f965ed0e": "network",
    "da0a7802-e377-4aac-8e77-0558eb1073f8": "video",
    "44c4f61d-4444-4400-9d52-802e27ede19f": "pci"}
# Of an offer
FLAGS = {1: "enumerate_device_interface", 2: "confidential_ring_buffer",
         4: "confidential_external_memory", 8: "require_pinned_external_memory",
         0x10: "named_pipe_mode", 0x2000: "tlnpi_provider"}
VMBUS = "VMBus"
PCI = "PCI"
# What Linux has for an interrupt that is masked, or that no CPU is to get yet
SPURIOUS = 0xef


@dataclass
class Message:
    """One, or what it caused: of a device's channel, or of VMBus itself."""

    device: str
    name: str
    value: str          # what is compared
    where: str          # file and line


@dataclass
class Talk:
    """All that one kernel and its host said."""

    messages: list[Message] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)    # in order
    windows: list[Message] = field(default_factory=list)    # config windows, by D0 entries
    _asked: set[str] = field(default_factory=set)       # devices to be sent BUS_RELATIONS
    _pending: dict[str, str] = field(default_factory=dict)  # a device's request, not completed

    def add(self, device: str, name: str, value: str, where: str) -> Message:
        self.messages.append(Message(device, name, value, where))
        return self.messages[-1]

    def offer(self, device: str, flags: list[str], megabytes: int, where: str) -> None:
        self.offered.append(device)
        self.add(device, "offer", f"flags {words(flags)}, {megabytes} MiB of MMIO", where)

    def frees(self, what: str, devices: list[str], where: str) -> None:
        """These channels were open, and are closed by a contact or by UNLOAD."""
        self.add(VMBUS, f"{what} closes", words(sorted(devices), "nothing"), where)

    def request(self, device: str, name: str, where: str) -> Message:
        """A message of the guest on a virtual PCI channel."""
        if name == "QUERY_BUS_RELATIONS":
            self._asked.add(device)
        self._pending[device] = name
        return self.add(device, name, "", where)

    def window(self, device: str, gpa: int, where: str) -> None:
        self.windows.append(Message(device, "config window", f"{gpa:x}", where))

    def end(self) -> None:
        """Buses are probed in parallel: which one gets which window is chance."""
        found = sorted({int(m.value, 16) for m in self.windows})
        if found:
            self.add(PCI, "config windows", words(f"{gpa:x}" for gpa in found),
                     self.windows[0].where)

    def relations(self, device: str, name: str, count: str, where: str) -> None:
        """BUS_RELATIONS or BUS_RELATIONS2, of the host."""
        how = "asked for" if device in self._asked else "not asked for"
        if device not in self._asked and device in self._pending:
            how += f", before {self._pending[device]} completed"
        self._asked.discard(device)
        self.add(device, name, f"count {count}, {how}", where)

    def completion(self, device: str, name: str, status: str, more: str, where: str) -> None:
        self._pending.pop(device, None)
        self.add(device, f"{name} completed", f"status {status}{more}", where)


def flags_of(value: int) -> list[str]:
    """The flags of an offer by name, and what has none."""
    rest = value & ~sum(FLAGS)
    return [name for bit, name in FLAGS.items() if value & bit] + [hex(rest)] * bool(rest)


def target(vector: int, vp: int) -> str:
    """What CREATE_INTERRUPT asks for."""
    return f"vector {vector:#x}, vp {vp}" if vector == SPURIOUS else f"a vector, vp {vp}"


def masks(text: str) -> str:
    return f", BAR masks {text}"


def number(e: Event, key: str) -> int:
    """A number that the event must have, decimal or with 0x."""
    try:
        return int(e.get(key), 0)
    except ValueError:
        raise BadFile(f"trace: line {e.line}: {e.name} with {key} '{e.get(key)}', which is no "
                      "number; an older hvhost wrote less") from None


class Traced:
    """A kernel in hvhost's trace."""

    def __init__(self) -> None:
        self.talk = Talk()
        self._names: dict[str, str] = {}        # a device's, by the trace's
        self._open: dict[str, Message] = {}     # the guest's last virtual PCI message
        self._closed: list[str] = []

    def device(self, e: Event) -> str:
        return self._names.get(e.device, e.device)

    def contact(self, e: Event) -> None:
        self.talk.add(VMBUS, "contact", f"version {e.get('version')} "
                      f"{'accepted' if e.true('accepted') else 'refused'}, "
                      f"messages to vp {e.get('target_vp')}", e.where)
        self._freed("contact", e)

    def unload(self, e: Event) -> None:
        self.talk.add(VMBUS, "UNLOAD", "", e.where)
        self._freed("UNLOAD", e)

    def _freed(self, what: str, e: Event) -> None:
        self.talk.frees(what, self._closed, e.where)
        self._closed = []

    def offers_requested(self, e: Event) -> None:
        self.talk.add(VMBUS, "request for offers", "", e.where)

    def offer(self, e: Event) -> None:
        kind = INTERFACES.get(e.get("type"), e.get("type"))
        self._names[e.device] = e.device if kind == "pci" else kind
        self.talk.offer(self.device(e), flags_of(number(e, "flags")),
                        number(e, "mmio_megabytes"), e.where)

    def open(self, e: Event) -> None:
        self.talk.add(self.device(e), "open", f"vp {e.get('vp')}", e.where)

    def close(self, e: Event) -> None:
        if e.get("by") in ("contact", "unload"):
            self._closed.append(self.device(e))
        elif e.get("by") in ("guest", "host"):
            self.talk.add(self.device(e), "close", f"by {e.get('by')}", e.where)

    def modify(self, e: Event) -> None:
        self.talk.add(self.device(e), "modify", f"vp {e.get('vp')}", e.where)

    def vpci(self, e: Event) -> None:
        device, name = self.device(e), e.get("message")
        if e.get("from") == "guest":
            self._open[device] = self.talk.request(device, name, e.where)
        elif e.get("status"):
            more = masks(e.get("masks")) if e.get("masks") else ""
            if e.get("version"):
                more += f", version {e.get('version')}"
            self.talk.completion(device, name, e.get("status"), more, e.where)
        elif name.startswith("BUS_RELATIONS"):
            self.talk.relations(device, name, e.get("count"), e.where)
        else:
            self.talk.add(device, name, "", e.where)

    def d0_entry(self, e: Event) -> None:
        self.talk.window(self.device(e), e.range("window").start, e.where)

    def interrupt_created(self, e: Event) -> None:
        """What else was in the guest's message."""
        if self.device(e) in self._open:
            self._open[self.device(e)].value = target(number(e, "vector"), number(e, "vp"))

    def video_version(self, e: Event) -> None:
        self.talk.add("video", "version", f"{e.get('version')} "
                      f"{'accepted' if e.true('accepted') else 'refused'}", e.where)

    def vram_location(self, e: Event) -> None:
        # OpenVMM's log has no word for one that unmaps it.
        if not e.true("accepted"):
            self.talk.add("video", "VRAM location", f"{e.get('gpa')} refused", e.where)
        elif e.get("fb"):
            self.talk.add("video", "VRAM location", f"mapped at {e.range('fb').start:x}", e.where)

    def read(self, life: Life) -> Talk:
        for e in life.events:
            handler: Callable[[Event], None] | None = \
                getattr(self, e.name, None) if e.name in EVENTS else None
            if handler:
                handler(e)
        self.talk.end()
        return self.talk


# The trace's events that are read
EVENTS = ("contact", "unload", "offers_requested", "offer", "open", "close", "modify", "vpci",
          "d0_entry", "interrupt_created", "video_version", "vram_location")


def from_trace(path: Path) -> list[Talk]:
    """hvhost's trace."""
    return [Traced().read(life) for life in read_trace(path).lives]


def device_of(scenario: Scenario, guid: str) -> str:
    """A PCI device's name, by its instance GUID."""
    for number, name in enumerate(scenario.device_names, 1):
        if instance(number) == guid:
            return name
    return guid


# What the guest alone says of a virtual PCI bus
VERSION = r"hv_pci (\S+): PCI VMBus probing: Using version (0x[0-9a-f]{1,8})$"
NOT_MOVED = r"hv_pci (\S+): hv_irq_retarget_interrupt\(\) failed: (0x[0-9a-f]+)$"


def add_findings(talks: list[Talk], said: Findings, scenario: Scenario) -> None:
    """The version of each virtual PCI bus, and whether interrupts could be moved."""
    for which, talk in zip(("first", "second"), talks):
        block = said.of(which).block("messages")
        for line, found in block.find(VERSION):
            version = int(found[2], 16)
            talk.add(device_of(scenario, found[1]), "version in use",
                     f"{version >> 16}.{version & 0xffff}", f"out/findings:{line.number}")
        stuck = {found[1]: (line, found[2]) for line, found in block.find(NOT_MOVED)}
        for guid, (line, status) in stuck.items():
            talk.add(device_of(scenario, guid), "HvRetargetDeviceInterrupt",
                     f"failed: {status}", f"out/findings:{line.number}")
