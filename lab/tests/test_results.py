# SPDX-License-Identifier: GPL-2.0-only
"""Results as files and tables: JSON lines, TAP, JUnit."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab import results
from lab.common import LabError
from lab.verdict import Check, Result, Verdict, Verdicts, failures

GOOD = Verdict("ends", [Check("the end", "poweroff", "poweroff", "out/trace:9")])
BAD = Verdict("disk", [Check("second", "found", "missing \x1b<&\x00", "out/findings:3")])


def result(path: str = "boot", *verdicts: Verdict, kernel: str = "series",
           known_failure: str = "", lost: str = "", role: str = "") -> Result:
    return Result("gen2-default", path, kernel, 4.5, known_failure, list(verdicts or (GOOD,)),
                  "build/x", "make run S=gen2-default", role, lost)


def test_verdicts() -> None:
    v = Verdicts()
    v.check("a", "x", True, "yes")
    v.check("a", "y", None, "")
    v.check("a", "z", {"b", "a"}, "a b")
    v.check("b", "n", 2, 3, "out/trace:4")
    v.open("c")
    assert v["a"].ok and not v["b"].ok and v["c"].ok and not v.ok
    assert v["b"].text == "fail b: n is 3, not 2 (out/trace:4)"


def test_a_run_without_verdicts_is_no_success() -> None:
    empty = Result("s", "boot", "series", None, "", [], "f", "again")
    assert not empty.ok and "no verdicts" in "\n".join(failures([empty]))


def test_write_and_read(tmp_path: Path) -> None:
    file = tmp_path / "result.jsonl"
    done = [result(), result("kdump-c", GOOD, BAD, lost="nvme0", role="unknown")]
    results.write(done, file)
    assert results.read(file) == done
    file.write_text(file.read_text()[:-20])
    with pytest.raises(LabError, match="result.jsonl: line 2 is cut"):
        results.read(file)
    with pytest.raises(LabError, match="No such file"):
        results.read(tmp_path / "none")


def test_table() -> None:
    done = [result(), result("kdump-c", known_failure="a bug", kernel="nofix"),
            result("kdump-s", BAD), result("kexec-s"), result("kexec-s", BAD)]
    lines = results.table(done)
    assert lines[0].split() == ["scenario", "kernel", "boot", "kexec-s", "kexec-c", "kdump-s",
                                "kdump-c", "shutdown", "hibernate"]
    assert lines[1].split() == ["gen2-default", "series", "ok", "1/2", "-", "FAIL", *"---"]
    assert lines[2].split() == ["gen2-default", "nofix", *"----", "lost", *"--"]
    assert "3 of 5 as expected; 1 of those lose a device" in "\n".join(lines)
    assert lines[-1] == "  gen2-default, nofix: a bug"


def test_failures_say_cause_files_and_command() -> None:
    lines = failures([result(), result("boot", GOOD, BAD)])
    assert lines[0] == "gen2-default, boot, series:"
    assert lines[1].startswith("  fail disk: second is missing")
    assert lines[2:] == ["  files: build/x", "  again: make run S=gen2-default"]


def test_tap() -> None:
    out = io.StringIO()
    results.tap([result(), result("kdump-c", GOOD, BAD, lost="nvme0")], out)
    lines = out.getvalue().splitlines()
    assert lines[:4] == ["TAP version 13", "1..2", "ok 1 - gen2-default, boot, series",
                         "not ok 2 - gen2-default, kdump-c, series: nvme0"]
    assert lines[4].startswith("# fail disk")


def test_junit(tmp_path: Path) -> None:
    file = tmp_path / "new" / "junit.xml"
    results.junit([result(), result("kdump-c", GOOD, BAD, lost="nvme0")], file)
    suite = ElementTree.parse(file).getroot()
    assert suite.attrib["tests"] == "2" and suite.attrib["failures"] == "1"
    good, bad = suite.findall("testcase")
    assert good.find("failure") is None and good.attrib["time"] == "4.5"
    failure = bad.find("failure")
    assert failure is not None and failure.attrib["message"] == "nvme0"
    assert "again: make run" in str(failure.text)
    with pytest.raises(LabError, match="cannot write /proc/none/x"):
        results.junit([], Path("/proc/none/x"))
