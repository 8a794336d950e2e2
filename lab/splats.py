# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel's log complains of: each complaint with its kind, and a signature that is
the same for the same cause in another run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Kinds, and the first line of each in the log. What is in brackets belongs to the
# signature. The order counts: the first that matches is the kind.
KINDS: tuple[tuple[str, str], ...] = (
    ("kasan", r"BUG: KASAN: (\S+) in"),
    ("ubsan", r"UBSAN: (\S+) in (\S+?):\d+"),
    ("lockdep", r"WARNING: (possible [a-z ]+ detected|inconsistent lock state|suspicious RCU usage"
                r"|bad unlock balance detected|[a-zA-Z -]+ lock dependency detected)"),
    ("lockdep", r"BUG: (Invalid wait context|MAX_\w+ too low)"),
    ("atomic", r"BUG: (sleeping function called from invalid context|scheduling while atomic)"),
    ("slab", r"BUG [\w-]+ \([^)]*\): (.*)"),
    ("lockup", r"BUG: (soft lockup|workqueue lockup)|Watchdog detected (hard LOCKUP)"),
    ("stall", r"rcu: INFO: (\w+ (?:self-)?detected (?:expedited )?stall)"),
    ("hung", r"INFO: task \S+ (blocked) for more than"),
    ("list", r"(list_(?:add|del) (?:double add|corruption))"),
    ("refcount", r"refcount_t: ([a-z ]+)"),
    ("bug", r"kernel BUG at (\S+?):\d+"),
    ("oops", r"BUG: (kernel NULL pointer dereference|unable to handle [a-z ]+)"),
    ("oops", r"Oops: ([a-z ]*general protection fault[a-z -]*)"),
    ("oops", r"Oops: ([a-z ]+):"),
    ("bug", r"BUG: (.*)"),
    ("warn", r"WARNING: (?:CPU: \d+ PID: \d+ at )?(\S+?):\d+"),
    ("warn", r"WARNING: (.*)"),
    ("resource", r"(Trying to free nonexistent resource)"),
    ("leak", r"(unreferenced object)"),
    ("memory", r"(page allocation failure|Out of memory)"),
    ("panic", r"Kernel panic - not syncing: (.*)"),
)
# What begins a stack trace that sysrq w prints of a task that waits
BLOCKED = re.compile(r"task:(\S+)\s+state:D")
STAMP = re.compile(r"^(?:<\d>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
# A frame of a stack, but for one that may be a remnant
FRAME = re.compile(r"^\s*(?:RIP: \d+:)?([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+")
# Frames that are the same whatever went wrong
COMMON = re.compile(
    r"dump_stack\w*|show_\w+|print_\w+|__?warn\w*|report_bug|handle_bug|exc_\w+|asm_\w+|die\w*|"
    r"oops\w*|kasan_\w+|__kasan\w*|__asan\w*|ubsan_\w+|__ubsan\w*|check_bytes\w*|check_object|"
    r"object_err|slab_\w+|\w*kfree\w*|\w*kmalloc\w*|\w*kmem_cache\w*|free_to_partial_list|"
    r"___slab_alloc|refcount_\w+|__list_\w+|mem(cpy|set|move|cmp)\w*|__mem\w+|_raw_\w+|do_raw_\w+|"
    r"queued_spin\w*|native_queued\w*|lock_\w+|__lock_\w+|validate_chain|__might_\w+|schedule\w*|"
    r"__schedule\w*|wait_for_completion\w*|wait_for_common|__wait_for_common|do_wait\w*|msleep\w*|"
    r"usleep\w*|mutex_lock\w*|__mutex_lock\w*|mark_lock\w*|panic\w*|vpanic|page_fault_oops|"
    r"no_context|do_user_addr_fault|fixup_exception|__bad_area\w*|bad_area\w*|add_taint|srso_\w+|"
    r"__x86\w*|ret_from\w*|free_object")
# A stack has no more lines than this
STACK = 60
EXCERPT = 45


@dataclass(frozen=True)
class Splat:
    """One complaint: its kind, signature and log lines."""

    kind: str
    signature: str
    lines: tuple[str, ...]


def plain(line: str) -> str:
    """A line without its time."""
    return STAMP.sub("", line.rstrip("\r"))


def _same(text: str) -> str:
    """A text without what changes from run to run."""
    text = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,16}\b", "N", text)
    return " ".join(re.sub(r"\b\d+\b", "N", text).split())[:100]


def _begins(text: str) -> tuple[str, str] | None:
    """The kind and the words of a complaint that begins with this line."""
    for kind, pattern in KINDS:
        found = re.search(pattern, text)
        if found:
            return kind, _same(" ".join(word for word in found.groups() if word))
    return None


def frame(lines: Sequence[str]) -> str:
    """The first function of a stack that says something of the cause."""
    for line in lines:
        found = FRAME.match(line)
        name = found[1].partition(".")[0] if found else ""
        if name and not COMMON.fullmatch(name):
            return name
    return ""


def _end(lines: Sequence[str], start: int) -> int:
    """Where the complaint that begins there ends."""
    for n in range(start + 1, min(start + STACK, len(lines))):
        if "end trace" in lines[n] or (n > start + 1 and _begins(lines[n]) and
                                       not re.search("Oops|#PF|list_|refcount", lines[n])):
            return n
    return min(start + STACK, len(lines))


def splats(log: str) -> Iterator[Splat]:
    """The complaints of a log, in order. What is one oops is one complaint."""
    lines = [plain(line) for line in log.split("\n")]
    n = 0
    while n < len(lines):
        begun = _begins(lines[n])
        if not begun:
            n += 1
            continue
        kind, words = begun
        end = _end(lines, n)
        if kind in ("leak", "lockdep", "panic", "memory") and frame(lines[n:end]) == "":
            end = min(n + 2, len(lines))
        # "refcount_t: ..." and "list_del corruption" are the first words of a WARNING or
        # a BUG, whose own line says nothing more.
        at = frame(lines[n + 1:end])
        own = re.search(r" (?:at|in) ([\w.]+)\+0x", lines[n])
        where = own[1].partition(".")[0] if own and not COMMON.fullmatch(own[1]) else at
        yield Splat(kind, f"{kind}: {words}{f' in {where}' if where else ''}",
                    tuple(lines[n:min(end, n + EXCERPT)]))
        n = end


def blocked(log: str) -> Iterator[Splat]:
    """The tasks that wait without a limit, as sysrq w lists them."""
    lines = [plain(line) for line in log.split("\n")]
    for n, line in enumerate(lines):
        found = BLOCKED.search(line)
        if not found:
            continue
        end = next((m for m in range(n + 1, min(n + STACK, len(lines)))
                    if BLOCKED.search(lines[m])), min(n + STACK, len(lines)))
        where = frame(lines[n + 1:end])
        yield Splat("stuck", f"stuck: {where or 'somewhere'}", tuple(lines[n:min(end, n + 25)]))
