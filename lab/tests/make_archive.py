# SPDX-License-Identifier: GPL-2.0-only
"""Archives as inner hosts hand them back, and such as they should not."""

from __future__ import annotations

import io
import tarfile

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", **fields: object) -> Member:
    """A member of an archive and its content; fields are those of TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def archive(*members: Member) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def good(name: str, status: int = 0) -> bytes:
    """What a job hands back that printed "fine"."""
    return archive(member(f"{name}/out", type=tarfile.DIRTYPE, mode=0o755),
                   member(f"{name}/console", b"fine\n"),
                   member(f"{name}/rc", b"%d\n" % status))
