# SPDX-License-Identifier: GPL-2.0-only
"""Pieces of HTML. What comes from guests, hosts and files goes through esc()."""
import base64
import html
import re
import unicodedata


def visible(c):
    """A character that has no shape, or would change that of others, as text."""
    n = ord(c)
    if c in "\n\t":
        return c
    if n < 0x20:
        return chr(0x2400 + n)
    if n == 0x7f:
        return "\u2421"
    return "\\u%04x" % n


# All that is not assigned to a shape: controls, bidi marks, halves of pairs
SHAPELESS = re.compile(
    "[^\t\n\x20-\x7e\xa0-\xac\xae-\u058f\u2010-\u2027\u2030-\u205e"
    "\u2070-\u2bff\u3000-\ud7ff\uf900-\ufdcf\ufe30-\ufefe\uff01-\uffef\ufffd]")


def esc(text):
    """Any text as HTML, in elements and in quoted attributes."""
    text = SHAPELESS.sub(
        lambda m: m[0] if unicodedata.category(m[0])[0] in "LMNPS" else
        visible(m[0]), str(text).replace("\r\n", "\n"))
    return html.escape(text, quote=True)


def ident(name):
    """A name as an element's id; different names have different ones."""
    return re.sub(r"[^A-Za-z0-9.-]", lambda m: "_%x_" % ord(m[0]), name)


def table(head, rows, caption, mark=None, text_columns=2):
    """A table that scrolls in itself where it is too wide. mark(row): a class."""
    out = ['<div class="wide" tabindex="0" role="region" aria-label="%s">'
           % esc(caption), "<table><caption>%s</caption><thead><tr>" % esc(caption)]
    out += ['<th scope="col"%s>%s</th>' % (
        "" if i < text_columns else ' class="n"', esc(h))
            for i, h in enumerate(head)]
    out.append("</tr></thead><tbody>")
    for row in rows:
        kind = mark(row) if mark else ""
        out.append('<tr%s>' % (' class="%s"' % kind if kind else ""))
        for i, cell in enumerate(row):
            out.append("<td%s>%s</td>" % (
                "" if i < text_columns else ' class="n"', esc(cell)))
        out.append("</tr>")
    out.append("</tbody></table></div>")
    return "".join(out)


def picture(svg, alt):
    """An SVG file as an image, in which nothing can run or load anything."""
    return '<img alt="%s" src="data:image/svg+xml;base64,%s">' % (
        esc(alt), base64.b64encode(svg).decode("ascii"))


def svg_title(svg):
    """What it says of itself, or nothing."""
    found = re.search(rb"<title>([^<]{1,300})</title>", svg[:4096])
    return html.unescape(found[1].decode("utf-8", "replace")) if found else ""
