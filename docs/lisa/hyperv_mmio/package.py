# SPDX-License-Identifier: GPL-2.0-only
"""A transformer: install a kernel package in the VM, and boot that kernel by default."""
from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from dataclasses_json import dataclass_json
from lisa import LisaException, Node, schema
from lisa.operating_system import CBLMariner, Debian, Fedora, Posix, RPMDistro
from lisa.transformers.deployment_transformer import (
    DeploymentTransformer,
    DeploymentTransformerSchema,
)
from lisa.util import field_metadata

from .machine import check_release, root

GRUB = "/etc/default/grub.d/zz-hyperv-mmio.cfg"
# The menu's entry of a kernel, as Debian's grub names it, and the submenu it is in
ENTRY = "grep -om1 'gnulinux-{}-[^'\\'']*' /boot/grub/grub.cfg"


@dataclass_json
@dataclass
class PackageSchema(DeploymentTransformerSchema):
    # linux-image-*.deb or kernel-*.rpm, on the machine that runs LISA
    package: str = field(default="", metadata=field_metadata(required=True))
    # what uname -r says of this kernel
    release: str = field(default="", metadata=field_metadata(required=True))


class PackageTransformer(DeploymentTransformer):
    """Unlike deb_package_installer, it also makes an older kernel the default."""

    @classmethod
    def type_name(cls) -> str:
        return "hyperv_mmio_package"

    @classmethod
    def type_schema(cls) -> type[schema.TypedSchema]:
        return PackageSchema

    @property
    def _output_names(self) -> list[str]:
        return []

    def _internal_run(self) -> dict[str, Any]:
        package, release = Path(self.runbook.package), self.runbook.release
        if package.suffix not in (".deb", ".rpm") or not package.is_file():
            raise LisaException(f"'{package}' is not the path of a .deb or .rpm")
        if not release:
            raise LisaException(f"kernel_release is not set; it is what {package.name} boots")
        node = self._node
        remote = node.working_path / package.name
        node.shell.copy(PurePath(package), remote)
        install(node, package.suffix, str(remote))
        boot_by_default(node, release)
        node.reboot(time_out=900)
        check_release(node, release)
        return {}


def install(node: Node, suffix: str, path: str) -> None:
    """Install the package at @path in the VM."""
    fits = Debian if suffix == ".deb" else RPMDistro
    if not isinstance(node.os, fits):
        raise LisaException(f"a {suffix} package cannot be installed on {node.os.name}")
    path = shlex.quote(path)
    if suffix == ".deb":
        root(node, f"DEBIAN_FRONTEND=noninteractive dpkg -i {path}", timeout=1800)
    else:
        root(node, f"rpm -i --oldpackage --replacepkgs {path}", timeout=1800)


def boot_by_default(node: Node, release: str) -> None:
    """Have the boot loader boot that kernel, also if it is not the newest."""
    if isinstance(node.os, Debian):
        root(node, "update-grub")
        menu = root(node, ENTRY.format("advanced")).strip()
        entry = root(node, ENTRY.format(f"{release}-advanced")).strip()
        # GRUB_FORCE_PARTUUID, which Ubuntu's images set, boots without an initrd first.
        root(
            node,
            f"printf '%s\\n' 'GRUB_DEFAULT=\"{menu}>{entry}\"' 'GRUB_FORCE_PARTUUID=' >{GRUB}; "
            "update-grub",
        )
    elif isinstance(node.os, CBLMariner):
        node.os.replace_boot_kernel(release)
    elif isinstance(node.os, Fedora):
        root(node, f"grubby --set-default /boot/vmlinuz-{release}")
    else:
        name = node.os.name if isinstance(node.os, Posix) else "this system"
        raise LisaException(f"it is not known how {name} chooses the kernel that it boots")
