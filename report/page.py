# SPDX-License-Identifier: GPL-2.0-only
"""Pieces of HTML. Text from guests, hosts and files goes through esc()."""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

Row = Sequence[object]


def visible(c: str) -> str:
    """A character without a shape, or one that changes that of others, as text."""
    n = ord(c)
    if c in "\n\t":
        return c
    if n < 0x20:
        return chr(0x2400 + n)
    if n == 0x7f:
        return "\u2421"
    return f"\\u{n:04x}"


# All code points without a shape of their own: controls, bidi marks, halves of pairs
SHAPELESS = re.compile(
    "[^\t\n\x20-\x7e\xa0-\xac\xae-\u058f\u2010-\u2027\u2030-\u205e"
    "\u2070-\u2bff\u3000-\ud7ff\uf900-\ufdcf\ufe30-\ufefe\uff01-\uffef\ufffd]")


def esc(value: object) -> str:
    """Any text as HTML, in elements and in quoted attributes."""
    text = SHAPELESS.sub(
        lambda m: m[0] if unicodedata.category(m[0])[0] in "LMNPS" else
        visible(m[0]), str(value).replace("\r\n", "\n"))
    return html.escape(text, quote=True)


def ident(name: str) -> str:
    """A name as an element's id; different names have different ones."""
    return re.sub(r"[^A-Za-z0-9.-]", lambda m: f"_{ord(m[0]):x}_", name)


def scrolling(table_: str, caption: str, of: str) -> str:
    """A table that scrolls by itself where it is too wide. The regions of a page need
    different names, so OF says what it is of where others have the same caption."""
    name = f"{caption}: {of}" if of else caption
    return f'<div class="wide" tabindex="0" role="region" aria-label="{esc(name)}">{table_}</div>'


def table(head: Sequence[str], rows: Iterable[Row], caption: str, *, of: str = "",
          mark: Callable[[Row], str] | None = None, text_columns: int = 2) -> str:
    """A table. MARK(row) is a class; see scrolling() for OF."""
    def cell(tag: str, column: int, value: object) -> str:
        number = "" if column < text_columns else ' class="n"'
        return f"<{tag}{number}>{esc(value)}</{tag.split()[0]}>"

    out = [f"<table><caption>{esc(caption)}</caption><thead><tr>"]
    out += [cell('th scope="col"', i, text) for i, text in enumerate(head)]
    out.append("</tr></thead><tbody>")
    for row in rows:
        kind = mark(row) if mark else ""
        out.append(f'<tr class="{kind}">' if kind else "<tr>")
        out += [cell("td", i, value) for i, value in enumerate(row)]
        out.append("</tr>")
    out.append("</tbody></table>")
    return scrolling("".join(out), caption, of)


def stack(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str, *,
          of: str = "") -> str:
    """A table of HTML whose rows become lists on a phone."""
    def row(cells: Sequence[str]) -> str:
        return "".join(f'<td data-label="{esc(label)}">{cell}</td>'
                       for label, cell in zip(head, cells))

    heads = "".join(f'<th scope="col">{esc(label)}</th>' for label in head)
    body = "".join(f"<tr>{row(cells)}</tr>" for cells in rows)
    return scrolling(f'<table class="stack"><caption>{esc(caption)}</caption><thead><tr>{heads}'
                     f"</tr></thead><tbody>{body}</tbody></table>", caption, of)


def details(summary: str, inside: str, *, is_open: bool = False) -> str:
    return (f"<details{' open' if is_open else ''}><summary>{esc(summary)}</summary>"
            f"{inside}</details>")


def items(texts: Iterable[object]) -> str:
    """A list."""
    return f"<ul>{''.join(f'<li>{esc(text)}</li>' for text in texts)}</ul>"


def picture(svg: bytes, alt: str) -> str:
    """An SVG file as an image, in which nothing can run or load anything."""
    data = base64.b64encode(svg).decode("ascii")
    return f'<img alt="{esc(alt)}" src="data:image/svg+xml;base64,{data}">'


def svg_title(svg: bytes) -> str:
    """The title of an SVG file, or ""."""
    found = re.search(rb"<title>([^<]{1,300})</title>", svg[:4096])
    return html.unescape(found[1].decode("utf-8", "replace")) if found else ""
