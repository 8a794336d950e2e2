# SPDX-License-Identifier: GPL-2.0-only
"""readme.py PATCHES MAIN: prints PATCHES/README.md, where MAIN is the main base: the text
below, a table of which patch is in which series, and for each set a table of its patches.
kernel/export calls it."""

import email.parser
import email.policy
import re
import sys
from dataclasses import dataclass
from pathlib import Path

INTRO = """\
<!-- SPDX-License-Identifier: GPL-2.0-only -->
<!-- Written by make series; do not edit. -->
# The series

Each folder linux-* is for one base, which is named at the end of its cover letters.
It contains sets. Each set is a patch series with its own cover letter, as
`git format-patch` writes it, so that the sets can be reviewed and applied one after
the other. A set needs those before it. Its file `about` says what it is for.

openvmm/ is not for Linux: its patches add virtual PCI on KVM to OpenVMM. See its
README.md.

The patches for Linux are the source: `make tree` turns them into a git tree, and
`make series` writes them back. For another base than {main}, add `BASE=6.1` and so on.

## A new base

A new base needs a new folder and no other change. linux-VERSION contains its sets and
base.toml, in which each key and its value are on one line:

| Key | Value |
|---|---|
| source | The Debian package that `make tree` unpacks, and its version. If Debian no longer has that version, `make tree` takes the newest, and `make series` writes it here. |
| role | "main" for one base, which is the default of `BASE`. "stable" for the others; configuration options that a stable kernel lacks are left out. |
| variants | Suffixes that the name of a guest kernel can have, as in {main}-series-debug. With the suffix NAME, kernel/config/NAME.config is merged last into its configuration. |
| config | The NAMEs of the fragments kernel/config/NAME.config that are merged over guest.config for all guest kernels of this base. |
| checkpatch | The types of checkpatch.pl messages that are ignored. |
| lint | The checks that `make lint` runs by default. |
| kunit | The architectures that `make kunit` runs on by default. |
| features | What these kernels can do that others cannot. SET:FEATURE applies to kernels with that set or a later one, base:FEATURE to all kernels of this base. The sweep and the lab expect more of a kernel with a feature. Features are declared here, never inferred from the source, and then checked against it: sweep/cut.spec lists the functions of each feature, and the sweep does not build if base.toml and the source disagree. |

nofix.patch removes mainline's fix from the source, for the guest kernel VERSION-nofix.
prerequisite.patch is mainline's fix itself. If there is no nofix.patch, VERSION-nofix is
made by reverting prerequisite.patch; if there is neither, there is no such kernel.
"""

STABLE = """
## For stable kernels

{stable} are for stable kernels that have mainline's fix (commit
016a25e4b0df). Their set 1-stable has backports of patches 1 to 3 of linux-{main}'s
1-reservation, and of those patches of 2-fixes that stable kernels need. Its patches 2
and 3 have no stable tag. They are there because the tests need them, and as context for
patch 5. The set 2-tests adds
tests for use in this repository, and is never sent. The file left-out gives the reason
why each other patch is left out.

Each patch has the subject of its counterpart in linux-{main}. Stable kernels only take
patches that are in mainline, and the counterparts are not there yet. So each message
begins with

    [ Upstream commit <pending> ]

Replace <pending> with the commit before you send the patch. `[ backport: ... ]` at the end
of a message says what differs from {main}.

prerequisite.patch is also for a stable kernel that lacks mainline's fix, such as
Debian's 6.1.176. It is then applied before the series:

    make tree BASE=6.1 LINUX=<tree>    # applies prerequisite.patch if necessary

When a patch of linux-{main} changes, tests/20-tree.t names the stable patches that were
made from the old version. Update each one in build/linux-{oldest}: run
`git fetch ../linux-{main} series` and `git cherry-pick`, then `make series BASE={oldest}`.
If the stable patch needs no change, first remove its line from linux-{oldest}/ported.

The table gives the set and number of each patch.

"""


class ReadmeError(Exception):
    """What is wrong with which file, in one sentence."""


@dataclass
class Patch:
    """A stored patch."""

    number: int
    subject: str
    files: list[str]
    drivers: tuple[int, int]
    elsewhere: tuple[int, int]


def set_folders(base: Path) -> list[Path]:
    """The sets of a base in their order."""
    return sorted(path for path in base.glob("[0-9]*") if path.is_dir())


def read_patch(path: Path) -> Patch:
    """The patch that git format-patch wrote to path."""
    head, _, rest = path.read_text(encoding="utf-8", errors="replace").partition("\n\n")
    headers = email.parser.HeaderParser(policy=email.policy.default).parsestr(head)
    subject = re.sub(r"^\[[^]]*\] *", "", str(headers["Subject"] or ""))
    # Added and removed lines, in drivers/ and elsewhere
    lines = {True: [0, 0], False: [0, 0]}
    in_hunk = in_drivers = False
    for line in rest.split("\n"):
        if line.startswith("diff --git a/"):
            in_hunk, in_drivers = False, line.startswith("diff --git a/drivers/")
        elif line.startswith("@@ "):
            in_hunk = True
        elif in_hunk and line[:1] in ("+", "-"):
            lines[in_drivers]["+-".index(line[0])] += 1
    return Patch(
        number=int(path.name.split("-")[0]),
        subject=subject,
        files=re.findall(r"^diff --git a/\S+ b/(\S+)$", rest, re.MULTILINE),
        drivers=(lines[True][0], lines[True][1]),
        elsewhere=(lines[False][0], lines[False][1]),
    )


def read_set(folder: Path) -> list[Patch]:
    """The patches of a set, without its cover letter."""
    paths = sorted(folder.glob("[0-9]*-*.patch"))
    return [read_patch(path) for path in paths if not path.name.startswith("0000-")]


def read_pairs(path: Path, separator: str, keys: str) -> list[tuple[str, str]]:
    """The lines "KEY SEPARATOR VALUE" of a file, which may be missing."""
    pairs: list[tuple[str, str]] = []
    if not path.exists():
        return pairs
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if re.match(r"\s*(#|$)", line):
            continue
        key, *value = re.split(separator, line, maxsplit=1)
        if not value:
            raise ReadmeError(f"{path}:{number}: not {keys}: '{line}'")
        pairs.append((key, value[0]))
    return pairs


def where(bases: list[str], patches: dict[str, dict[str, list[Patch]]], top: Path) -> str:
    """The table of which patch is in which series, and why it is not in the others."""
    places: dict[str, dict[str, str]] = {base: {} for base in bases}
    reasons: dict[str, dict[str, str]] = {}
    subjects: dict[str, None] = {}
    for base in bases:
        for name, members in patches[base].items():
            for patch in members:
                subjects[patch.subject] = None
                places[base][patch.subject] = f"{name.split('-', 1)[1]} {patch.number}"
        left_out = read_pairs(top / f"linux-{base}/left-out", r"\t+", "a subject, a tab, and why")
        reasons[base] = dict(left_out)
    rows = [f"| Patch | {' | '.join(bases)} | Why not |", "|---|" + "---|" * (len(bases) + 1)]
    for subject in subjects:
        cells = [places[base].get(subject, "-") for base in bases]
        why = {reasons[base].get(subject, "") for base in bases if subject not in places[base]}
        rows.append(f"| {subject} | {' | '.join(cells)} | {'; '.join(sorted(why - {''}))} |")
    return "\n".join(rows) + "\n"


def patch_table(patches: list[Patch], judges: list[tuple[str, str]]) -> str:
    """The size of a set, and a table of its patches."""
    rows = []
    total = [0, 0, 0, 0]
    for patch in patches:
        added_removed = [*patch.drivers, *patch.elsewhere]
        total = [sum(pair) for pair in zip(total, added_removed, strict=True)]
        judged: dict[str, None] = {}
        for glob, by in judges:
            pattern = ".*".join(re.escape(part) for part in glob.split("*"))
            if any(re.fullmatch(pattern, name) for name in patch.files):
                judged[by] = None
        subject = patch.subject.replace("|", "\\|")
        names = "<br>".join(f"`{name}`" for name in patch.files)
        added, removed = (sum(added_removed[i::2]) for i in (0, 1))
        rows.append(
            f"| {patch.number} | {subject} | {names} | +{added} -{removed} | {'; '.join(judged)} |\n"
        )
    return (
        f"{len(patches)} patch{'' if len(patches) == 1 else 'es'}: +{total[0]} -{total[1]} lines"
        f" in drivers/, +{total[2]} -{total[3]} elsewhere.\n\n"
        "| # | Patch | Files | Lines | Judged by |\n|--:|---|---|---|---|\n" + "".join(rows)
    )


def one_set(folder: Path, patches: list[Patch], judges: list[tuple[str, str]]) -> str:
    """The section of a set."""
    text = f"\n### {folder.name}\n\n"
    if (folder / "about").exists():
        text += (folder / "about").read_text(encoding="utf-8") + "\n"
    if (folder / "never-sent").exists():
        reason = (folder / "never-sent").read_text(encoding="utf-8").rstrip("\n")
        text += f"Never sent: {reason}\n\n"
    return text + patch_table(patches, judges)


def readme(top: Path, main: str) -> str:
    """All of README.md."""
    bases = [path.name.removeprefix("linux-") for path in top.glob("linux-*/")]
    bases.sort(key=lambda base: [int(part) for part in base.split(".")])
    stable = [base for base in bases if base != main]
    patches = {
        base: {folder.name: read_set(folder) for folder in set_folders(top / f"linux-{base}")}
        for base in bases
    }
    judges = read_pairs(top / f"linux-{main}/judges", r"\s+", "a glob and what judges it")
    text = INTRO.format(main=main)
    if stable:
        *others, last = (f"linux-{base}" for base in reversed(stable))
        names = f"{', '.join(others)} and {last}" if others else last
        text += STABLE.format(main=main, oldest=stable[0], stable=names)
        text += where(bases[::-1], patches, top)
    for base in bases:
        text += f"\n## linux-{base}\n"
        for folder in set_folders(top / f"linux-{base}"):
            text += one_set(folder, patches[base][folder.name], judges)
    return text


def main() -> int:
    """The program."""
    if len(sys.argv) != 3:
        print("usage: readme.py PATCHES MAIN", file=sys.stderr)
        return 1
    try:
        sys.stdout.write(readme(Path(sys.argv[1]), sys.argv[2]))
    except (OSError, ValueError, ReadmeError) as error:
        print(f"readme.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
