# SPDX-License-Identifier: GPL-2.0-only
"""Scenario files: that all of ours can be read, and that wrong ones are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab import kernels, scenario, schema
from lab.common import TOP, LabError

GOOD = """# SPDX-License-Identifier: GPL-2.0-only
about = "A test."
profile = "gen2"
paths = ["boot", "kdump-c"]

[host]
pci = ["nvme", "2 x test,bar32=1M"]

[guest]
append = "quiet"

[expect]
at-once = 2

[[also]]
kernel = "nofix"

[[except]]
kernels = ["nofix"]
in = "second"
nvme = "refused"
why = "a bug"
"""


def read(tmp_path: Path, text: str) -> scenario.Scenario:
    file = tmp_path / "wrong.toml"
    file.write_text(text, encoding="utf-8")
    return scenario.read(file)


@pytest.mark.parametrize("name", scenario.names())
def test_ours(name: str) -> None:
    found = scenario.load(name)
    assert list(found.runs())
    # Where there is a disk, there is a crash dump to save, but for what is about more.
    if found.has_disk and len(found.paths) > 1:
        assert any(path.startswith("kdump-") for path in found.paths)


def test_layouts_have_every_path() -> None:
    four = {"kexec-s", "kexec-c", "kdump-s", "kdump-c"}
    assert sum(four <= set(scenario.load(name).paths) for name in scenario.names()) >= 14


def test_second_try() -> None:
    """With the second try no device is lost to a refused config window, whatever ran
    before; but for the host that refuses every window there is."""
    by_window = ("config-refused", "config-on-framebuffer", "config-on-device", "outside")
    losers, rescued = set(), 0
    for name in scenario.names():
        one = scenario.load(name)
        for path, kernel in one.runs():
            pair = kernels.pair(kernel)
            for which in scenario.kernels_of(path):
                if pair.of(which).second_try:
                    if any(kind in by_window for kind, _ in one.losses(pair, path, which)):
                        losers.add(name)
                    rescued += one.expected("tries", pair, path, which) != "none"
    assert losers == {"gen2-refused-all"}
    assert rescued >= 15


def test_good(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert found.device_names == ["nvme0", "test0", "test1"]
    assert list(found.runs()) == [("boot", "series"), ("kdump-c", "series"),
                                  ("boot", "nofix"), ("kdump-c", "nofix")]
    assert found.host["generation"] == 2, "from the profile of the profile"
    assert found.expect["lfb-base"] == "f8000000"
    nofix, series = kernels.pair("nofix"), kernels.pair("series")
    assert found.expected("lfb-base", series, "kdump-c", "second") == "0", "the profile's exception"
    assert found.expected("nvme", nofix, "kdump-c", "second") == "refused"
    assert found.expected("nvme", nofix, "kdump-c", "first") == "works"
    assert found.expected("nvme", series, "kdump-c", "second") == "works"
    assert found.known_failure(nofix, "kdump-c") == "a bug"
    assert not found.known_failure(nofix, "boot"), "there is no second kernel"
    assert not found.known_failure(series, "kdump-c")


def test_pairs(tmp_path: Path) -> None:
    text = GOOD + """
[[except]]
kernels = ["series..nofix"]
in = "second"
nvme = "works"
[[except]]
kernels = ["*-nofix"]
vram = "1000"
[[also]]
kernel = "series..nofix"
[[also]]
kernel = "6.1-nofix"
"""
    found = read(tmp_path, text)
    mixed = kernels.pair("series..nofix")
    assert found.expected("nvme", mixed, "kdump-c", "second") == "works", "the pair counts more"
    assert found.expected("nvme", kernels.pair("mainline..nofix"), "kdump-c", "second") == \
        "refused", "else what is said of the kernel that runs"
    assert found.expected("vram", kernels.pair("6.1-nofix"), "boot", "first") == "1000"
    assert found.expected("vram", kernels.pair("nofix"), "boot", "first") is None
    for name in ("*", "nofix"):
        text = (GOOD + "[[except]]\nvram = \"1\"\n"
                f"[[except]]\nkernels = [\"{name}\"]\nvram = \"2\"\n")
        assert read(tmp_path, text).expected("vram", kernels.pair("nofix..series"), "kdump-c",
                                             "first") == "2", "the last one that matches"


# What is changed in GOOD, and what is said of it
WRONG = [
    ("[host]", "[host]\ngeneration = 3", "generation cannot be 3: expected 1 or 2"),
    ("[host]", "[host]\ngeneration = true", "generation cannot be True"),
    ("[host]", "[host]\ngeneratoin = 2", "no such key in host: 'generatoin'"),
    ("[host]", "[hots]", "no such key in the top: 'hots'"),
    ("paths = ", "path = ", "no such key in the top: 'path'"),
    ("about = \"A test.\"\n", "", "there is no about"),
    ("[host]\n", "[host]\nlow-mmio = \"-1G\"\n", "low-mmio cannot be '-1G'"),
    ("[host]\n", "[host]\nlow-mmio = \"lots\"\n", "low-mmio cannot be 'lots': expected a size"),
    ("[host]\n", "[host]\nvideo = \"1024\"\n", "video cannot be '1024': expected WIDTHxHEIGHT"),
    ("[host]\n", "[host]\ncrs = [\"0xf8000000-0xf9000000\"]\n", "crs cannot be"),
    ("[host]\n", "[host]\ncrs = [\"f8000000\"]\n", "crs cannot be"),
    ("[host]\n", "[host]\ncrs = \"f8000000-f9000000\"\n", "crs cannot be .*expected a list"),
    ("[host]\n", "[host]\ncpus = 0\n", "cpus cannot be 0: expected a number from 1 to 8"),
    ("[host]\n", "[host]\nfb = \"f9000000-f8000000\"\n", "fb cannot be 'f9000000-f8000000'"),
    ("[host]\n", "[host]\nfirmware-fb = \"f8000000\"\n", "firmware-fb cannot be 'f8000000'"),
    ("\"nvme\"", "\"nvme,disk=/dev/sda\"", "pci cannot be"),
    ("\"nvme\"", "\"65 x nvme\"", "pci cannot be .*at most 64 nvme"),
    ("[host]", "[host]\nfirmware = \"bios\"", "firmware cannot be 'bios': expected uefi or none"),
    ("[host]", "[host]\noverlap = \"covered\"", "overlap cannot be .*refuse or cover"),
    ("test,bar32=1M", "test", "pci cannot be"),
    ("test,bar32=1M", "test,bar32=4K,refuse-d0=2", "pci cannot be"),
    ("[host]\n", "[host]\nrefuse-windows = [\"fec01000\"]\n", "refuse-windows cannot be"),
    ("[host]\n", "[host]\nrefuse-windows = [\"fecfffff-fec01000\"]\n", "refuse-windows cannot be"),
    ("[host]\n", "[host]\nrefuse-windows = [\"fec01000-fecfffff=103\"]\n",
     "refuse-windows cannot be .*STATUS"),
    ("[host]\n", "[host]\nhotplug = [\"add test0\"]\n", "hotplug cannot be"),
    ("[host]\n", "[host]\nhotplug = [\"remove video=1\"]\n", "hotplug cannot be"),
    ("[host]\n", "[host]\nhotplug = [\"drop test0=test1\"]\n", "hotplug cannot be"),
    ("[host]\n", "[host]\nhotplug = [\"add test0=test7\"]\n", "test7, which is not in pci"),
    ("[host]\n", "[host]\nbar-conflicts = \"maybe\"\n", "bar-conflicts cannot be 'maybe'"),
    ("[host]\n", "[host]\nbar-reads = \"maybe\"\n", "bar-reads cannot be 'maybe'"),
    ("\"kdump-c\"]", "\"hibernate\"]", "hibernate with 1 nvme, not two"),
    ("[host]\n", "[host]\nlater = { video = \"8x8\" }\n", "later without the path hibernate"),
    ("[host]\n", "[host]\nlater = { cpus = 2 }\n", "later cannot be .*with keys of low-mmio, "),
    ("[host]\n", "[host]\nlater = {}\n", "later cannot be .*KEY = VALUE"),
    ("[host]\n", "[host]\nlater = { video = \"8\" }\n", "later cannot be .*WIDTHxHEIGHT"),
    ("[guest]\n", "[guest]\none-by-one = 2\n", "one-by-one cannot be 2: expected true or false"),
    ("[guest]\n", "[guest]\ndrivers = [\"pci-hyperv; rm\"]\n", "drivers cannot be"),
    ("[guest]\n", "[guest]\nresume = \"yes\"\n", "resume cannot be 'yes'"),
    ("[guest]\n", "[guest]\nrebind = [\"hv_pci\"]\n", "rebind cannot be"),
    ("[guest]\n", "[guest]\nsave = \"half\"\n", "save cannot be 'half'"),
    ("[guest]\n", "[guest]\ngone = [\"all\"]\n", "gone cannot be"),
    ("[guest]\n", "[guest]\nhandover = \"vesafb\"\n", "handover cannot be 'vesafb'"),
    ("\"quiet\"", "\"guest.path=boot\"", "append cannot be 'guest.path=boot'"),
    ("\"quiet\"", "\"a'b\"", "append cannot be"),
    ("at-once = 2", "at-once = 0", "at-once cannot be 0"),
    ("at-once = 2", "windows = [\"f8000000\"]", "windows cannot be"),
    ("at-once = 2", "tries = [\"0x10\"]", "tries cannot be"),
    ("at-once = 2", "lost = { burnt = [\"test0\"] }", "lost cannot be .*kinds of loss"),
    ("at-once = 2", "lost = { outside = [\"nvme0\"] }", "lost cannot be"),
    ("at-once = 2", "lost = { outside = [\"test0\"] }", "lost = .* without why"),
    ("at-once = 2", "crash = \"vmbus_open\"", "crash = 'vmbus_open' without why"),
    ("why = \"a bug\"\n", "", "nvme = 'refused' without why"),
    ("\"kdump-c\"]", "\"walk\"]", "paths cannot be"),
    ("\"kdump-c\"]", "\"boot\"]", "paths cannot be .*each value once"),
    ("\"gen2\"", "\"gen3\"", "no such profile: 'gen3'"),
    ("kernel = \"nofix\"", "kernel = \"../7.3\"", "kernel cannot be '../7.3'"),
    ("kernel = \"nofix\"", "kernel = \"newest\"", "no such kernel: 'newest'"),
    ("kernel = \"nofix\"", "kernel = \"5.4-series\"", "no such kernel: '5.4-series'"),
    ("kernel = \"nofix\"", "kernel = \"nofix..\"", "kernel cannot be 'nofix..'"),
    ("kernel = \"nofix\"", "paths = [\"boot\"]", "there is no kernel"),
    ("kernels = [\"nofix\"]", "kernels = [\"no fix\"]", "kernels cannot be"),
    ("in = \"second\"", "in = \"third\"", "in cannot be 'third'"),
    ("nvme = \"refused\"", "nvme = \"maybe\"", "nvme cannot be 'maybe'"),
    ("nvme = \"refused\"\nwhy = \"a bug\"\n", "", "has no key of .expect."),
    ("[[also]]", "[also]", "write ..also.., not .also."),
    ("[host]\n", "[[host]]\n", "host must be one table"),
    ("profile = \"gen2\"\n", "profile = \"gen2\"\nguest = 3\n", "not TOML|guest must be one table"),
    ("kernels = [\"nofix\"]", "kernels = [\"nofxi\"]", "about no run of this scenario"),
    ("in = \"second\"", "in = \"second\"\npaths = [\"boot\"]", "about no run of this scenario"),
    ("kernel = \"nofix\"", "kernel = \"series\"", "the same run twice: boot series"),
    ("nvme = \"refused\"", "crash = \"f\"", "crash is about the first kernel"),
    ("[guest]\n", "[guest]\ngone = [\"test7\"]\n", "test7 is not in pci"),
    ("paths = [", "paths = [[", "not TOML"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[w[2] for w in WRONG])
def test_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(LabError, match=said) as error:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert str(error.value).startswith(str(tmp_path / "wrong.toml"))


def test_a_list_that_is_none(tmp_path: Path) -> None:
    text = GOOD.partition("[[also]]")[0]
    for value in ("3", "[3]", "\"x\""):
        with pytest.raises(LabError, match="write ..also.., not .also. or also ="):
            read(tmp_path, text.replace("[host]", f"also = {value}\n[host]"))


def test_line_is_named(tmp_path: Path) -> None:
    text = GOOD + "\n[[except]]\nvram = \"x\"\n"
    line = text.split("\n").index("vram = \"x\"") + 1
    with pytest.raises(LabError, match=f"wrong.toml:{line}: vram cannot be 'x'"):
        read(tmp_path, text)


def test_together(tmp_path: Path) -> None:
    text = GOOD.replace("[guest]", "[guest]\none-by-one = true")
    added = text.replace("[host]", "[host]\nhotplug = [\"add test0=test1\"]")
    with pytest.raises(LabError, match="one-by-one with hotplug's add"):
        read(tmp_path, added)
    debian = text.replace("kernel = \"nofix\"", "kernel = \"debian-6.1.176\"")
    with pytest.raises(LabError, match="one-by-one with a Debian kernel"):
        read(tmp_path, debian)


def test_unknown_name() -> None:
    with pytest.raises(LabError, match="no such scenario: 'gen3' .*gen2-default"):
        scenario.load("gen3")


def test_documented() -> None:
    """README's tables are those of the schema."""
    text = (TOP / "scenarios" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- schema -->\n(.*)<!-- end -->", text, re.S)
    assert found and found[1].strip() == schema.markdown().strip(), \
        "lab/lab schema prints what belongs there"


def test_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SETTINGS counts where a scenario does not say otherwise."""
    monkeypatch.setenv("SETTINGS", "dead-devices=release offers=video-first")
    one = scenario.read(scenario.SCENARIOS / "gen2-default.toml")
    assert one.host["dead-devices"] == "release"
    assert one.host["offers"] == "video-first"
    assert one.host["bar-reads"] is None
    text = (scenario.SCENARIOS / "gen2-default.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(f"{text}\n[host]\ndead-devices = \"hold\"\n", encoding="utf-8")
    assert scenario.read(own).host["dead-devices"] == "hold"
    for wrong, why in (("dead-devices", "not KEY=VALUE"), ("none=1", "not KEY=VALUE"),
                       ("offers=none", "offers cannot be 'none': expected guid or video-first")):
        monkeypatch.setenv("SETTINGS", wrong)
        with pytest.raises(LabError, match=why):
            scenario.read(own)
