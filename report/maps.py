# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of a guest's MMIO space, as each kernel of a run had it.

A picture is a kernel; a block of it is low or high MMIO, to scale from end to
end; a row of that is one kind of thing. So what is below another is in its way,
whatever the colours are.
"""
from page import esc
from runs import parse_ranges

GIB4 = 1 << 32
# Of the picture, in its own units; a phone shows one as large as that.
WIDTH, LEFT, RIGHT, ROW, GAP, TEXT = 360, 74, 6, 15, 3, 11
LEAST = 3       # as wide is what would be too narrow to be seen
# A range here is (start, end); a thing is (row, range, what it is, why it was refused)
ROWS = (("window", "windows"), ("reserve", "reserved"), ("fb", "framebuffer"),
        ("config", "PCI config"), ("bar", "PCI BARs"))
# Once a page: what SVG refers to by name
DEFS = (
    '<svg width="0" height="0" aria-hidden="true" class="defs"><defs>'
    '<pattern id="hole" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<path d="M0 5 5 0" class="hatch"/></pattern>'
    '<pattern id="clash" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<path d="M0 0 6 6M0 6 6 0" class="cross"/></pattern></defs></svg>')


def size(span):
    n = span[1] - span[0] + 1
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if n >= 1 << shift:
            return "%g %s" % (round(n / (1 << shift), 2), unit)
    return "%d bytes" % n


def name(span):
    return "%x-%x" % span


def overlap(a, b):
    return a[0] <= b[1] and b[0] <= a[1]


def things_of(run, kernel):
    """All that is on a kernel's map."""
    layout = run.layout
    found = [("window", r, "window", None)
             for r in parse_ranges(layout.get("windows"))]
    found += [("hole", r, "hole: given by the host, not to be used", None)
              for r in holes(layout)]
    if isinstance(kernel.reserved, tuple):
        found.append(("reserve", kernel.reserved, "reserved by the kernel", None))
    if kernel.fb:
        found.append(("fb", kernel.fb, "framebuffer", None))
    found += [("config", r, "%s: config window" % device, None)
              for device, r in kernel.config.items()]
    found += [("bar", r, "%s: BAR %s" % key, None)
              for key, r in kernel.bars.items()]
    for (what, device, number), (r, other, action) in kernel.refused.items():
        row = {"framebuffer": "fb"}.get(what, what)
        if row not in ("fb", "config", "bar"):
            continue
        where = ("outside of the windows" if other == "outside"
                 else "on %s" % ("the framebuffer" if other == "framebuffer"
                                 else other))
        found.append((row, r, "%s%s %s: %s" % (
            device, " config window" if what == "config" else
            " BAR %s" % number if number else "", action, where),
                      "%s: %s" % (action, where)))
    return [t for t in found if t[1][0] <= t[1][1]]


def holes(layout):
    """What the host says is there, and guests must not use: the vTPM's."""
    found = []
    windows = sorted(parse_ranges(layout.get("windows")))
    for start, end in parse_ranges(layout.get("crs")):
        for first, last in windows:
            if last < start or first > end:
                continue
            if first > start:
                found.append((start, first - 1))
            start = max(start, last + 1)
        if start <= end:
            found.append((start, end))
    return found


def block(things, span, label, rows, top):
    """One of low and high MMIO; its height and its SVG."""
    scale = (WIDTH - LEFT - RIGHT) / (span[1] - span[0] + 1)
    things = [t for t in things if overlap(t[1], span)]

    def place(r):
        x = LEFT + (max(r[0], span[0]) - span[0]) * scale
        w = (min(r[1], span[1]) - max(r[0], span[0]) + 1) * scale
        if w >= LEAST:
            return x, w
        # What grows to be seen must not seem to reach into the framebuffer's place.
        more = int(LEAST / scale)
        behind, before = (any(
            t[0] in ("fb", "reserve") and overlap(t[1], grown) and not overlap(t[1], r)
            for t in things) for grown in (
                (r[0], r[0] + more), (r[1] - more, r[1])))
        if behind and not before:
            x += w - LEAST
        return min(max(x, LEFT), WIDTH - RIGHT - LEAST), LEAST

    y = top + TEXT + 6
    out = ['<text x="0" y="%d" class="head">%s MMIO, %s</text>'
           % (top + TEXT, label, size(span))]
    high = len(rows) * (ROW + GAP)
    # What is refused darkens all that is at the same addresses.
    clash = ""
    for _, r, _, refused in things:
        if refused:
            x, w = place(r)
            clash += ('<rect x="%.2f" y="%d" width="%.2f" height="%d" '
                      'fill="url(#clash)"/>' % (x, y, w, high - GAP))
    for row, words in rows:
        out.append('<text x="0" y="%d">%s</text><path d="M%d %.1fH%d" '
                   'class="line"/>' % (y + ROW - 4, words, LEFT, y + ROW / 2,
                                       WIDTH - RIGHT))
        for kind, r, what, refused in things:
            if kind != row and not (kind == "hole" and row == "window"):
                continue
            x, w = place(r)
            out.append('<rect x="%.2f" y="%d" width="%.2f" height="%d" '
                       'class="%s%s"><title>%s, %s, %s</title></rect>' % (
                           x, y, w, ROW, kind, " no" if refused else "",
                           esc(what), name(r), size(r)))
            if refused:
                # In words, on the side where there is room
                side = x + w / 2 < (LEFT + WIDTH) / 2
                out.append('<text x="%.2f" y="%d" class="bad"%s>\u2715 %s</text>' % (
                    x + w + 3 if side else x - 3, y + ROW - 4,
                    "" if side else ' text-anchor="end"', esc(refused)))
            elif kind == "hole" and w > 30:
                out.append('<text x="%.2f" y="%d" text-anchor="middle" class="name">'
                           "hole</text>" % (x + w / 2, y + ROW - 4))
        y += ROW + GAP
    out.append(clash)
    y += TEXT
    out.append('<text x="%d" y="%d" class="axis">%x</text><text x="%d" y="%d" '
               'text-anchor="end" class="axis">%x</text>' % (
                   LEFT, y, span[0], WIDTH - RIGHT, y, span[1]))
    return y + 10, "".join(out)


def spans(all_things):
    """Low and high MMIO, so that all of these have their place in them: what it is,
    its range, and the rows that are needed there."""
    found = []
    for label, least, most in (("low", 0, GIB4 - 1), ("high", GIB4, (1 << 64) - 1)):
        parts = [(max(r[0], least), min(r[1], most)) for _, r, _, _ in all_things
                 if overlap(r, (least, most))]
        if parts:
            present = {t[0] for t in all_things if overlap(t[1], (least, most))}
            found.append((label, (min(p[0] for p in parts),
                                  max(p[1] for p in parts)),
                          [r for r in ROWS if r[0] in present or r[0] == "window" or
                           (label == "low" and r[0] != "reserve")]))
    return found


def words(things):
    """What a picture shows, in a sentence for those who do not see it."""
    said = []
    for row, label in ROWS:
        here = [t for t in things if t[0] == row]
        few = ", ".join("%s%s" % (name(r), " refused" if refused else "")
                        for _, r, _, refused in here[:6])
        more = len(here) - 6
        said.append("%s: %s%s" % (label, few or "none",
                                  " and %d more" % more if more > 0 else ""))
    return "; ".join(said)


def draw(things, layout_spans, title):
    top, parts = 0, []
    for label, span, rows in layout_spans:
        top, svg = block(things, span, label, rows, top)
        parts.append(svg)
    return ('<svg viewBox="0 0 %d %d" class="map" role="img" aria-label="%s">'
            '%s</svg>' % (WIDTH, top, esc("%s: %s" % (title, words(things))),
                          "".join(parts)))


def kernels_of(run):
    """(heading, kernel) of each that a run had, and of a run that it had."""
    names = run.kernel.split("..") if ".." in run.kernel else [run.kernel] * 2
    said = ("first kernel", "second kernel, by %s" % run.path)
    found = []
    for i, kernel in enumerate(run.trace.kernels[:2]):
        head = "%s (%s)" % (said[i], names[i]) if run.path[0] == "k" else names[0]
        found.append((head, kernel))
    return found


def pair(run):
    """A run's maps, side by side where there is room, or why there are none."""
    kernels = kernels_of(run)
    if not kernels:
        return "<p>No kernel got as far as VMBus, so there is no map.</p>"
    things = [things_of(run, kernel) for _, kernel in kernels]
    layout_spans = spans([t for some in things for t in some])
    if not layout_spans:
        return "<p>There is no MMIO space, so there is no map.</p>"
    out = ['<div class="pair">']
    for (head, _), some in zip(kernels, things):
        out.append("<figure><figcaption>%s</figcaption>%s</figure>" % (
            esc(head), draw(some, layout_spans, head)))
    out.append("</div>")
    return "".join(out)


def addresses(run):
    """Rows of a table: what is where, to the byte."""
    for head, kernel in kernels_of(run):
        reserved = kernel.reserved
        if not isinstance(reserved, tuple):
            yield (head, "reserved by the kernel", reserved or "it did not say", "")
        for _, r, what, _ in things_of(run, kernel):
            yield (head, what, name(r), size(r))
