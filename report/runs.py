# SPDX-License-Identifier: GPL-2.0-only
"""What nest/matrix left behind: results, the host's traces, guests' consoles.

Guests write much of this, and a run may have been killed: nothing is taken to
be whole. What is not is among the problems of the run or of the matrix.
"""
import collections
import json
import os
import re

PATHS = ("boot", "kexec-s", "kexec-c", "kdump-s", "kdump-c", "shutdown")
# What of one text is shown, in bytes: more than any good run has. From the
# start and from the end.
HEAD, TAIL = 192 << 10, 64 << 10


def read(*path):
    """A file's bytes, or None."""
    try:
        with open(os.path.join(*path), "rb") as f:
            return f.read()
    except OSError:
        return None


def text(data):
    return data.decode("utf-8", "replace")


def about(folder):
    """What kernel/versions and others wrote, as pairs."""
    lines = text(read(folder, "about") or b"").split("\n")
    return [tuple(line.split("\t", 1)) for line in lines if "\t" in line]


def parse_range(value):
    """(start, end) of START-END, or None."""
    m = re.fullmatch(r"(?:0x)?([0-9a-f]{1,16})-(?:0x)?([0-9a-f]{1,16})",
                     value if isinstance(value, str) else "")
    return (int(m[1], 16), int(m[2], 16)) if m else None


def parse_ranges(values):
    """Those of a list that are ranges and not empty."""
    if not isinstance(values, list):
        return []
    found = [parse_range(v) for v in values]
    return [r for r in found if r and r[0] <= r[1]]


class Kernel:
    """One kernel of a run: what it had, when it last had it."""

    def __init__(self, fb):
        self.fb = fb
        self.reserved = None    # a range, or "none", or None: it did not say
        self.config = {}        # ranges by device
        self.bars = {}          # by (device, number)
        self.refused = {}       # (range, with) by (what, device, number)
        self.began = None


def event_of(line):
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    return event


class Trace:
    """The host's trace: events, and what each kernel made of MMIO space."""

    def __init__(self, data):
        self.lines = []         # (event or None, text)
        for line in text(data).split("\n"):
            if line:
                self.lines.append((event_of(line), line))
        self.whole = data.endswith(b"\n") or not data
        self.broken = sum(event is None for event, _ in self.lines)
        self.layout = next((e for e, _ in self.lines
                            if e and e["event"] == "layout"), {})
        self.kernels = []
        self.last = 0
        self.follow()

    def follow(self):
        """Each kernel makes contact: nest/scenario.sh counts them alike."""
        fb = parse_range(self.layout.get("fb"))
        kernel = None
        for event, _ in self.lines:
            if event is None:
                continue
            t = event.get("t")
            if isinstance(t, (int, float)) and 0 <= t < 1e6:
                self.last = max(self.last, t)
            name = event["event"]
            if name == "contact" and event.get("accepted") is True:
                kernel = Kernel(fb)
                kernel.began = t if isinstance(t, (int, float)) else None
                self.kernels.append(kernel)
            if kernel is None:
                continue
            span = parse_range(event.get("range"))
            device = str(event.get("device"))
            if name == "vram_location" and event.get("accepted") is True:
                fb = kernel.fb = parse_range(event.get("fb")) or fb
            elif name == "d0_entry" and event.get("status") == "0x0":
                window = parse_range(event.get("window"))
                if window:
                    kernel.config[device] = window
                    kernel.refused.pop(("config", device, None), None)
            elif name == "bar" and event.get("decodes") is True and span:
                kernel.bars[device, str(event.get("bar"))] = span
                kernel.refused.pop(("bar", device, str(event.get("bar"))), None)
            elif name == "conflict" and span:
                what = str(event.get("what"))
                number = str(event.get("bar")) if what == "bar" else None
                old = kernel.refused.get((what, device, number))
                # The framebuffer is the worst of what is in the way.
                if not old or old[0] != span or old[1] != "framebuffer":
                    kernel.refused[what, device, number] = (
                        span, str(event.get("with")), str(event.get("action")))


def reservations(console):
    """What the first and the second kernel say that they reserve."""
    found = {}
    which = block = None
    for line in console.split("\n"):
        line = line.rstrip("\r")
        if re.match(r"guest: (starts|kernel) second", line):
            which = "second"
        elif line.startswith("guest: begin "):
            block = line[13:]
        elif line.startswith("guest: end "):
            block = None
        elif block == "mmio" and line.startswith("reservation "):
            value = line.split()[1:2]
            found.setdefault(which or "first", value[0] if value else "")
    return found


class Run:
    """A cell of the matrix, or one of those in it."""

    def __init__(self, fields, folder):
        self.scenario, self.path, self.kernel, seconds, self.reason = fields[:5]
        self.seconds = int(seconds) if seconds.isdigit() else None
        self.verdicts = []
        for field in fields[5:]:
            verdict, _, rest = field.partition(" ")
            group, _, why = rest.partition(": ")
            self.verdicts.append((verdict == "pass", group, why))
        self.failed = [v for v in self.verdicts if not v[0]]
        self.name = os.path.basename(folder)
        self.problems = []
        console = read(folder, "console")
        trace = read(folder, "out", "trace")
        if console is None:
            self.problems.append("There is no console.")
        if trace is None:
            self.problems.append("The host has left no trace.")
        self.console = text(console or b"").replace("\r\n", "\n")
        self.trace = Trace(trace or b"")
        if self.trace.broken or not self.trace.whole:
            self.problems.append(
                "The trace is cut: %d of its lines %s not whole, and shown as it is."
                % (max(self.trace.broken, 1),
                   "is" if self.trace.broken < 2 else "are"))
        self.layout = self.trace.layout or event_layout(read(folder, "layout.json"))
        said = reservations(self.console)
        for which, kernel in zip(("first", "second"), self.trace.kernels):
            value = said.get(which)
            kernel.reserved = parse_range(value) or value
        disk = read(folder, "out", "disk")
        self.disk = dict(line.partition(" ")[::2]
                         for line in text(disk or b"").split("\n") if line)
        self.has_disk = disk is not None
        for name, words in (
                ("again", "It ran again after a triple fault of emulated KVM."),
                ("retried", "It ran again after the machine that had hvhost in it "
                            "died or froze."),
                ("why", None)):
            said = read(folder, name)
            if said is not None:
                self.problems.append(words or text(said).strip())

    @property
    def lost(self):
        """It loses a device, as the scenario says that it must."""
        return bool(self.reason)

    @property
    def dump(self):
        """saved, lost, or None where there is none to save."""
        if not self.path.startswith("kdump-") or not self.has_disk:
            return None
        return "saved" if self.disk.get("elf") else "lost"

    def word(self):
        """good, lost or fail, and that in words."""
        if self.failed or not self.verdicts:
            return "fail", "FAIL"
        if self.dump == "lost":
            return "lost", "dump lost"
        if self.lost:
            return "lost", "device lost"
        return "good", "dump saved" if self.dump else "ok"


def event_layout(data):
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


class Matrix:
    """All that is in the folder of a matrix, or None of it."""

    def __init__(self, folder):
        self.folder = folder
        self.problems = []
        self.runs = []
        self.about = about(folder)
        result = read(folder, "result.tsv")
        self.there = result is not None
        if not self.there:
            return
        self.time = os.stat(os.path.join(folder, "result.tsv")).st_mtime
        jobs = os.path.join(folder, "jobs")
        names = sorted(os.listdir(jobs)) if os.path.isdir(jobs) else []
        count = collections.Counter()
        lines = text(result).split("\n")
        if lines.pop():
            self.problems.append("The last line of result.tsv is cut.")
        for n, line in enumerate(lines, 1):
            fields = line.split("\t")
            if len(fields) < 6:
                self.problems.append("Line %d of result.tsv is cut: %s"
                                     % (n, line))
                continue
            # As nest/matrix names them, with a number if there are several
            name = "%s.%s.%s" % (fields[2], fields[0], fields[1])
            count[name] += 1
            numbered = "%s.%04d" % (name, count[name])
            if numbered in names:
                name = numbered
            elif name not in names:
                self.problems.append("%s: its folder is gone." % name)
            self.runs.append(Run(fields, os.path.join(jobs, name.replace("/", "_"))))
        seen = {run.name for run in self.runs}
        for name in names:
            if name not in seen:
                self.problems.append("%s: it was played, and has no result." % name)

    def scenarios(self):
        """Runs by scenario, in the order of their names."""
        found = collections.defaultdict(list)
        for run in self.runs:
            found[run.scenario].append(run)
        return sorted(found.items())


def kernel_order(name):
    """Without the series, with it, mixes."""
    return (".." in name, "-series" in name, not name.startswith("debian-"),
            not name.endswith("-nofix"), name)


def scenario_text(top, name):
    """What the file of a scenario says of it."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        return ""
    words = []
    for line in text(read(top, "scenarios", name + ".conf") or b"").split("\n")[1:]:
        if not line.startswith("# "):
            break
        words.append(line[2:])
    return " ".join(words)
