# SPDX-License-Identifier: GPL-2.0-only
"""A VM as LISA sees it: an SSH server that answers by a script, and runs nothing.

It has a kernel with a command line, a boot ID and a selftest, and disks; it can be
rebooted, by kexec or by a reset, and crashes. How it behaves is in a Script.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import random
import re
import shlex
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import paramiko  # type: ignore[import]

RELEASE = "7.3.4-hyperv-mmio"
RESERVED = "0xf8000000-0xfbffffff"
CMDLINE = "BOOT_IMAGE=/boot/vmlinuz root=/dev/nvme0n1p1 ro crashkernel=512M"
FIRST_BOOT = datetime.datetime(2026, 11, 30, 7, 0)
DOWN = 0.5  # seconds that a boot takes
LATE = 14  # and one that is waited for in vain
DEBIAN = """ID=debian
NAME="Debian GNU/Linux"
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION="12 (bookworm)"
VERSION_ID="12"
VERSION_CODENAME=bookworm"""
ROCKY = """ID="rocky"
NAME="Rocky Linux"
PRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"
VERSION="9.4 (Blue Onyx)"
VERSION_ID="9.4\""""
AZURE_LINUX = """ID=azurelinux
NAME="Microsoft Azure Linux"
PRETTY_NAME="Microsoft Azure Linux 3.0"
VERSION="3.0.20261101"
VERSION_ID="3.0\""""
SYSTEMS = {"debian": DEBIAN, "rocky": ROCKY, "azurelinux": AZURE_LINUX}
TESTS = (
    "input_is_well_formed",
    "reservation_exists",
    "reservation_is_valid",
    "framebuffer_is_in_reservation",
    "pci_avoids_reservation",
    "pci_devices_are_present",
)
WRAPPER = re.compile(
    r"^(?P<pid>echo \$\$; )?"
    r"(?P<cd>cd .*? 2>&1 \|\| \{ echo '\n'spur-cd: \$\?; exit 1; \}; echo '\n'spur-cd: 0; )?"
    r"(?:export .*?; )*\{ \{ command -v .*?; \} && echo 0; \} \|\| \{ echo \$\?; exit 1; \}; "
    r"exec (?P<command>.*)$",
    re.S,
)


def ktap(skipped: dict[str, str], failed: tuple[str, ...] = (), stop: int = 99) -> str:
    """What the selftest prints; it dies after that many tests."""
    lines = ["TAP version 13", f"1..{len(TESTS)}"]
    for number, name in enumerate(TESTS[:stop], 1):
        verdict = "not ok" if name in failed else "ok"
        why = f" # SKIP {skipped[name]}" if name in skipped else ""
        lines.append(f"{verdict} {number} global.{name}{why}")
    return "\n".join(lines) + "\n"


@dataclass
class Script:
    """How the VM behaves."""

    selftest: str = field(default_factory=lambda: ktap({}))
    selftest_exit: int = 0
    kexec: str = "works"  # or resets, fails, loads nothing, hangs
    crash: str = "saves"  # or loses, hangs
    crash_disk: str = "nvme0n1p1"  # what /var/crash is on
    dump_disk: str = ""  # and after the crash, if something else
    dump_release: str = RELEASE
    second: str = RESERVED  # what the second kernel reserves; "" for nothing
    keeps_second: bool = True
    release: str = RELEASE  # the kernel at first
    cmdline: str = CMDLINE  # and its command line
    default: str = ""  # the kernel that a reboot boots, if not the same one
    installs: str = RELEASE  # what the package contains
    spare: str = ""  # an NVMe disk that nothing uses
    spare_has: str = ""  # what lsblk says is on it
    system: str = "debian"  # or rocky, azurelinux
    fixed: str = "-d -p"  # what kdumpctl always runs kexec with
    crash_mib: int = 512  # reserved for the crash kernel at first
    crash_max: int = 512  # and at most, whatever the command line asks for
    # With sudo, LISA waits 4 seconds for it to ask for a password. Without, it is root.
    sudo: bool = False


class Machine:
    """The VM's state, and its answers."""

    def __init__(self, script: Script, root: Path) -> None:
        self.script = script
        self.root = root
        self.log = (root.parent / "commands").open("w", encoding="utf-8")
        self.unknown: list[str] = []
        self.transports: list[paramiko.Transport] = []
        self.down_until = 0.0
        self.loaded = ""
        self.dumps: list[str] = []
        self.kdump_changed = False
        self.has_second = False
        self.second = "/var/crash/hyperv-mmio-second"
        self.crash_disk = script.crash_disk
        self.release = script.release
        self.crash_mib = self.crash_next = script.crash_mib
        self.boots: list[str] = []
        self.boot(script.cmdline)

    def boot(self, cmdline: str) -> None:
        self.cmdline = cmdline
        self.boot_id = str(uuid.uuid4())
        self.loaded = ""
        self.crash_mib = min(self.crash_next, self.script.crash_max)
        # LISA's reboot waits for another time of boot, which has no seconds.
        self.booted = FIRST_BOOT + datetime.timedelta(minutes=10 * len(self.boots))
        self.boots.append(cmdline)

    def restart(self, cmdline: str, back: bool = True) -> None:
        """Go down a moment after this answer, and come back if so."""

        def go() -> None:
            time.sleep(0.2)
            self.down_until = time.monotonic() + (DOWN if back else LATE)
            self.boot(cmdline)
            for transport in self.transports:
                transport.close()
            self.transports.clear()

        threading.Thread(target=go, daemon=True).start()

    @property
    def is_down(self) -> bool:
        return time.monotonic() < self.down_until

    def run(self, line: str) -> tuple[int, str]:
        """Answer a command line as LISA's SSH library wraps it."""
        wrapped = WRAPPER.match(line)
        if not wrapped:
            return 127, f"sh: 1: {line.strip()}: not found\n"
        words = shlex.split(wrapped["command"])
        if words[0] == "sudo":
            words = words[1:]
        command = words[2] if words[:2] == ["sh", "-c"] else " ".join(words)
        status, text = self.answer(command.strip())
        self.log.write(f"{status} {command}\n")
        self.log.flush()
        head = ("4242\n" if wrapped["pid"] else "") + ("\nspur-cd: 0\n" if wrapped["cd"] else "")
        return status, f"{head}0\n{text}"

    def answer(self, command: str) -> tuple[int, str]:
        """Answer a command: the first handler whose pattern is all of it."""
        for pattern, handler in HANDLERS:
            found = re.fullmatch(pattern, command, re.S)
            if found:
                return handler(self, found)
        self.unknown.append(command)
        return 127, f"{command}: not in the script\n"


Handler = Callable[["Machine", "re.Match[str]"], tuple[int, str]]


def says(text: str, status: int = 0) -> Handler:
    return lambda machine, found: (status, text)


def cat(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    files = {
        "/proc/cmdline": machine.cmdline,
        "/proc/sys/kernel/random/boot_id": machine.boot_id,
        "/sys/kernel/kexec_loaded": "1" if machine.loaded else "0",
        "/sys/kernel/kexec_crash_loaded": "1",
        "/sys/kernel/kexec_crash_size": str(machine.crash_mib << 20),
        "/proc/iomem": "f8000000-fbffffff : Hyper-V framebuffer",
        "/etc/default/grub.d/kdump-tools.cfg": f"crashkernel={machine.crash_next}M",
        "/etc/os-release": SYSTEMS[machine.script.system],
        "/etc/debian_version": "12.12",
        "/etc/redhat-release": "Rocky Linux release 9.4 (Blue Onyx)",
    }
    path = found[1]
    if path == machine.second and machine.has_second:
        return 0, second(machine)
    if path in files:
        return 0, files[path] + "\n"
    return 1, f"cat: {path}: No such file or directory\n"


def dmesg(reserved: str, release: str) -> str:
    line = f"hv_vmbus: hv_mmio=[mem 0xf8000000-0xfed3ffff] fb=[mem {reserved}]\n"
    return f"Linux version {release} (x)\n" + (line if reserved else "")


def second(machine: Machine) -> str:
    return CMDLINE + "\n" + dmesg(machine.script.second, machine.script.release)


def forget_second(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    machine.has_second = False
    return 0, ""


def kexec_load(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    words = shlex.split(found[0])
    if machine.script.kexec != "loads nothing":
        machine.loaded = next(w for w in words if w.startswith("--command-line="))[15:]
    return 0, ""


def kexec_go(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    how = machine.script.kexec
    if how == "fails":
        return 1, "Failed to start kexec.target: Transaction is destructive.\n"
    machine.restart(machine.loaded if how == "works" else CMDLINE, how != "hangs")
    return 0, ""


def devices(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    name = found[1]
    disk = name.removesuffix("p1") if name.startswith("nvme") else name.rstrip("1")
    return 0, f"{name}\n" + (f"{disk}\n" if disk != name else "")


def mount(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    machine.crash_disk = machine.script.spare
    return 0, ""


def crash(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    script = machine.script
    saves = script.crash == "saves" and machine.crash_mib >= 512
    machine.has_second = saves and script.keeps_second
    if saves:
        folder = f"/var/crash/{len(machine.dumps)}"
        if script.system != "debian":
            machine.dumps.append(f"{folder}/vmcore")
            machine.second = f"{folder}/kexec-dmesg.log"
        else:
            machine.dumps.append(f"{folder}/dump.202611300900")
    machine.crash_disk = script.dump_disk or machine.crash_disk
    machine.restart(CMDLINE, script.crash != "hangs")
    return 0, ""


def reboot(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    machine.release = machine.script.default or machine.release
    machine.restart(CMDLINE)
    return 0, ""


def crashkernel(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    """Set crashkernel= for the next boot."""
    machine.crash_next = int(found[1])
    return 0, ""


def change_kdump(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    machine.kdump_changed = True
    return 0, ""


def restore_kdump(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    machine.kdump_changed = False
    return 0, ""


def exists(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    path = found[1]
    name = "initrd.img-{}" if machine.script.system == "debian" else "initramfs-{}.img"
    there = {f"/boot/vmlinuz-{machine.release}", "/boot/" + name.format(machine.release)}
    if machine.script.system == "azurelinux":
        there.add("/etc/default/grub.d/51_kexec_tools.cfg")
    if machine.has_second:
        there.add(machine.second)
    return (0 if path in there else 1), ""


def selftest(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    return machine.script.selftest_exit, machine.script.selftest


def grub_entry(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    return 0, f"gnulinux-{found[1]}-0000-1111\n"


def install(machine: Machine, found: re.Match[str]) -> tuple[int, str]:
    path = machine.root / found[1].lstrip("/")
    if not path.is_file():
        return 1, f"dpkg: error: cannot access archive '{found[1]}'\n"
    machine.release = machine.script.installs
    return 0, "Setting up linux-image\n"


HANDLERS: tuple[tuple[str, Handler], ...] = (
    # LISA's own
    (r"uname -vrmo|uname -(?P<flag>r)", lambda m, f: (0, (
        f"{m.release}\n" if f["flag"] else f"{m.release} #1 SMP x86_64 GNU/Linux\n"))),
    (r"cat (\S+)", cat),
    (r"command -v sudo", lambda m, f: (0 if m.script.sudo else 127, "")),
    (r"command -v (\S+)", lambda m, f: (0, f"/usr/bin/{f[1]}\n")),
    (r"ls|pwd|chmod .*|mkdir -p [^;]*", says("")),
    (r"echo (.*)", lambda m, f: (0, f[1].replace("$HOME", "/root") + "\n")),
    (r"lsb_release -d", lambda m, f: (0, "Description:\t" + re.findall(
        r'PRETTY_NAME="(.*)"', SYSTEMS[m.script.system])[0] + "\n")),
    (r"uptime -s.*", lambda m, f: (0, f"{m.booted:%F %T}\n")),
    (r"modinfo .*", says("modinfo: ERROR: Module not found.\n", 1)),
    (r"who -b", lambda m, f: (0, f"         system boot  {m.booted:%F %H:%M}\n")),
    (r"date", lambda m, f: (0, f"{m.booted + datetime.timedelta(minutes=5):%a %b %d %T UTC %Y}\n")),
    (r"/usr/bin/reboot|systemctl reboot -i", reboot),
    # The cases'
    (r"test -e (\S+)", exists),
    (r"kexec -l -[cs] /boot/vmlinuz-\S+ --initrd=/boot/init\S+ --command-line=.*", kexec_load),
    (r"systemctl kexec", kexec_go),
    (r"\S+/hyperv_mmio", selftest),
    (r"dmesg", lambda m, f: (0, dmesg(RESERVED, m.release))),
    (r"findmnt -nvo SOURCE -T \S+", lambda m, f: (0, f"/dev/{m.crash_disk}\n")),
    (r"lsblk -nslo NAME /dev/(\S+)", devices),
    (r"lsblk -nro NAME,FSTYPE,LABEL /dev/(\S+)",
     lambda m, f: (0, f"{m.script.spare_has or f[1]}\n") if f[1] == m.script.spare else (32, "")),
    (r"mkfs.ext4 -q -L hyperv-mmio \S+", says("")),
    (r"mkdir -p /var/crash; grep -qs .*/etc/fstab; systemctl daemon-reload; .*", mount),
    (r"cp -n (\S+) \1.hyperv-mmio; sed -i '/\^#\* \*(KDUMP_)?KEXEC_ARGS=/d' \1; echo .*",
     change_kdump),
    (r"\[ ! -e (\S+).hyperv-mmio \] \|\| mv \1.hyperv-mmio \1"
     r"(; rm -rf /etc/systemd/system/kdump-tools-dump.service.d)?", restore_kdump),
    (r"kdump-config unload; kdump-config load", says("")),
    (r"sed -n 's/\^standard_kexec_args=//p' \$\(command -v kdumpctl\)",
     lambda m, f: (0, f'"{m.script.fixed}"\n')),
    (r"kdumpctl restart", says("")),
    (r"rpm -i --oldpackage --replacepkgs (\S+)", install),
    (r"grubby --set-default /boot/vmlinuz-\S+", says("")),
    (r"ls /etc/default/grub.d/\S+.cfg|ls -lt /run/systemd/system", says("")),
    (r"systemctl enable kdump(-tools)?", says("")),
    (r"lscpu", says("Architecture: x86_64\nCPU(s): 4\n")),
    (r"sed -i.bak .*nr_cpus=1/g. /etc/sysconfig/kdump", says("")),
    (r"sed -i 's/crashkernel=.*/crashkernel=(\d+)M/' /etc/default/grub.d/51_kexec_tools.cfg; "
     r"grub2-mkconfig -o /boot/grub2/grub.cfg", crashkernel),
    (r"sed -i.bak .*crashkernel=(\d+)M/g. /etc/default/grub.d/kdump-tools.cfg", crashkernel),
    (r"grubby --update-kernel=.* --remove-args=.*; grubby .* --args=.crashkernel=(\d+)M.",
     crashkernel),
    (r"rm -f /var/crash/hyperv-mmio-second", forget_second),
    (r"find /var/crash -type f .*", lambda m, f: (0, "".join(d + "\n" for d in m.dumps))),
    (r"sync; .*sysrq-trigger.*", crash),
    (r"head -c 16777216 /var/crash/\S+ \| grep .*",
     lambda m, f: (0, f"OSRELEASE={m.script.dump_release}\n")),
    # The package's
    (r"DEBIAN_FRONTEND=noninteractive dpkg -i (\S+)", install),
    (r"mkdir -p \S+; printf .*hyperv-mmio.conf", says("")),
    (r"update-grub|printf .*zz-hyperv-mmio.cfg; update-grub", says("")),
    (r"grep -om1 'gnulinux-(\S+)-\[\^'\\''\]\*' /boot/grub/grub.cfg", grub_entry),
)


class Connection(paramiko.Transport):
    """Answers a command only after LISA was told that it has started."""

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)
        if data.asbytes()[:1] == paramiko.common.cMSG_CHANNEL_SUCCESS:
            for work in self.server_object.pending:
                threading.Thread(target=work, daemon=True).start()
            self.server_object.pending.clear()


class Server(paramiko.ServerInterface):
    """One connection. Any key will do."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.pending: list[Callable[[], None]] = []

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_pty_request(self, *arguments: object) -> bool:
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        def work() -> None:
            status, text = self.machine.run(command.decode())
            with contextlib.suppress(OSError, EOFError):  # the VM went down meanwhile
                channel.sendall(text.encode())
                channel.send_exit_status(status)
                channel.close()

        self.pending.append(work)
        return True


class Files(paramiko.SFTPServerInterface):
    """The VM's files, which are below a folder."""

    def __init__(self, server: Server, root: Path) -> None:
        super().__init__(server)
        self.root = root

    def _path(self, path: str) -> Path:
        return self.root / os.path.normpath("/" + path).lstrip("/")

    def stat(self, path: str):  # type: ignore[no-untyped-def]
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as e:
            return paramiko.SFTPServer.convert_errno(e.errno or 0)

    lstat = stat

    def mkdir(self, path: str, attr: object) -> int:
        self._path(path).mkdir(parents=True, exist_ok=True)
        return int(paramiko.SFTP_OK)

    def remove(self, path: str) -> int:
        self._path(path).unlink(missing_ok=True)
        return int(paramiko.SFTP_OK)

    def rename(self, oldpath: str, newpath: str) -> int:
        self._path(oldpath).rename(self._path(newpath))
        return int(paramiko.SFTP_OK)

    posix_rename = rename

    def chattr(self, path: str, attr: object) -> int:
        return int(paramiko.SFTP_OK)

    def open(self, path: str, flags: int, attr: object):  # type: ignore[no-untyped-def]
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.fdopen(os.open(target, flags | os.O_CREAT, 0o644), "r+b")
        except OSError as e:
            return paramiko.SFTPServer.convert_errno(e.errno or 0)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = file
        return handle


def listen(port: int = 0) -> tuple[socket.socket, int]:
    """Listen on that port, or on a free one."""
    while True:
        # Not one that the kernel gives to connections: they would take it meanwhile.
        number = port or random.randrange(20000, 32000)
        try:
            return socket.create_server(("127.0.0.1", number)), number
        except OSError:
            time.sleep(0.1)


def serve(machine: Machine) -> int:
    """Listen on loopback, in the background. Return the port."""
    key = paramiko.ECDSAKey.generate()
    first, port = listen()

    def accept(listener: socket.socket) -> None:
        listener.settimeout(0.1)
        while True:
            if machine.is_down:
                # Nobody is there: connections are refused.
                listener.close()
                while machine.is_down:
                    time.sleep(0.1)
                listener, _ = listen(port)
                listener.settimeout(0.1)
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            transport = Connection(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files, machine.root)
            machine.transports.append(transport)
            # Not negotiated here: it may only be a look whether the port is open.
            transport.start_server(event=threading.Event(), server=Server(machine))

    threading.Thread(target=accept, args=(first,), daemon=True).start()
    return port
