#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""edit.py SRC: change the firmware's sources so that they build from what is public.

Left out are shared crypto, Secure Boot, TPM, network and AziHsm, which need binaries from
elsewhere. Two changes are for a nested guest: interrupt handlers leave CR8 alone, and the
NVMe driver does not look for a thousand namespaces.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PLATFORM = "MsvmPkg/MsvmPkgX64.dsc"
FLASH = "MsvmPkg/MsvmPkgX64.fdf"
# Modules that are left out, by the beginnings of their paths
LEFT_OUT = ("SecurityPkg/Hash2DxeCrypto", "NetworkPkg/", "MsvmPkg/AziHsmDxe", "MsvmPkg/NetvscDxe",
            "SecurityPkg/Tcg/", "MsvmPkg/MsvmTcg2PlatformDxe", "MsvmPkg/VmMeasurementDxe")
# Settings that this MU_BASECORE does not have
UNKNOWN = ("PcdUartIoPortBaseAddress", "PcdNvmeGenericTimeout", "PcdTpmInstanceGuid",
           "PcdSetGraphicsConsoleModeOnStart")
SECURITY_STUB = "MdeModulePkg/Universal/SecurityStubDxe/SecurityStubDxe.inf"
HANDLERS = ("MsvmPkg/CpuDxe/X64/InterruptVector.nasm",
            *(f"{library}/CpuExceptionHandlerLib/X64/{name}ExceptionHandlerAsm.nasm"
              for library in ("MsvmPkg/Library", "MU_BASECORE/UefiCpuPkg/Library")
              for name in ("", "SecPei")))
SET_FILTER = "gEfiMdeModulePkgTokenSpaceGuid.PcdNvmeNamespaceFilterId|0x0|UINT32|0x40000FF0"

# This MU_BASECORE has no IoMmuLib; a VM that is not isolated has no IOMMU.
IOMMU_FUNCTIONS = (
    "BOOLEAN EFIAPI IoMmuIsPresent (VOID)",
    "EFI_STATUS EFIAPI IoMmuMap (EDKII_IOMMU_OPERATION Operation, VOID *Host, UINTN *Bytes, "
    "EFI_PHYSICAL_ADDRESS *Device, VOID **Mapping)",
    "EFI_STATUS EFIAPI IoMmuUnmap (VOID *Mapping)",
    "EFI_STATUS EFIAPI IoMmuAllocateBuffer (EFI_ALLOCATE_TYPE Type, EFI_MEMORY_TYPE Memory, "
    "UINTN Pages, VOID **Host, UINT64 Attributes)",
    "EFI_STATUS EFIAPI IoMmuFreeBuffer (UINTN Pages, VOID *Host)",
)
IOMMU_PACKAGE = """[Defines]
  DEC_SPECIFICATION = 0x00010005
  PACKAGE_NAME = LocalPkg
  PACKAGE_GUID = 5f8c9a0e-6a43-4d1c-9f0e-0d9a6ad4c001
  PACKAGE_VERSION = 0.1
[Includes]
  Include
"""
IOMMU_LIBRARY = """[Defines]
  INF_VERSION = 0x00010005
  BASE_NAME = IoMmuLibNull
  FILE_GUID = 5f8c9a0e-6a43-4d1c-9f0e-0d9a6ad4c002
  MODULE_TYPE = DXE_DRIVER
  VERSION_STRING = 1.0
  LIBRARY_CLASS = IoMmuLib
[Sources]
  IoMmuLibNull.c
[Packages]
  MdePkg/MdePkg.dec
  MdeModulePkg/MdeModulePkg.dec
  LocalPkg/LocalPkg.dec
"""


class File:
    """A file that is changed; what cannot be changed as wanted ends the program."""

    def __init__(self, src: Path, name: str) -> None:
        self.path, self.name = src / name, name
        try:
            self.text = self.path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError) as e:
            raise SystemExit(f"edit.py: {name}: {e}") from None

    def sub(self, pattern: str, new: str, times: int = 1) -> File:
        """Replace the pattern, which must match so often; 0: any number of times."""
        self.text, n = re.subn(pattern, new, self.text, flags=re.M)
        if n != times and times:
            raise SystemExit(f"edit.py: {self.name}: {pattern!r} matches {n} times, not {times};"
                             " is it another commit?")
        return self

    def leave_out(self, start: int = 0) -> File:
        """Remove the lines of those modules, and the blocks in braces that follow them."""
        kept, inside = [], False
        for line in self.text[start:].split("\n"):
            word = line.strip()
            if inside:
                inside = word != "}"
            elif re.sub(r"^INF\s+", "", word).startswith(LEFT_OUT):
                inside = word.endswith("{")
            else:
                kept.append(line)
        self.text = self.text[:start] + "\n".join(kept)
        return self

    def write(self) -> None:
        self.path.write_text(self.text, encoding="utf-8", newline="\n")


def edit_platform(src: Path) -> None:
    """Modules, libraries and settings."""
    file = File(src, PLATFORM)
    file.leave_out(file.text.index("[Components]"))
    file.sub(rf"^(  {SECURITY_STUB}) \{{\n(?:.*\n)*?  \}}$",
             r"\1 {\n    <LibraryClasses>\n      SecurityManagementLib|MdeModulePkg/Library/"
             r"DxeSecurityManagementLib/DxeSecurityManagementLib.inf\n  }")
    file.sub(r"^!include \$\(SHARED_CRYPTO_PATH\)/Driver/Bin/CryptoDriver\.inc\.dsc\n", "")
    for name in UNKNOWN:
        file.sub(rf"^\s*\w+\.{name}\|.*\n", "", 0)
    file.sub(r"^\s*Tpm2HelpLib\|.*\n", "", 0)
    file.sub(r"MdePkg/Library/StackCheckLib/StackCheckLib\.inf",
             "MdePkg/Library/StackCheckLibNull/StackCheckLibNull.inf\n"
             "  BaseCryptLib|CryptoPkg/Library/BaseCryptLibNull/BaseCryptLibNull.inf", 0)
    file.sub(r"MsCorePkg/Library/FltUsedLib", "MdePkg/Library/FltUsedLib", 0)
    file.sub(r"IoMmuLib\|MdeModulePkg/Library/IoMmuLib/IoMmuLib\.inf",
             "IoMmuLib|LocalPkg/Library/IoMmuLibNull/IoMmuLibNull.inf")
    # lld needs to be told what link.exe is told.
    file.sub(r"^(\[.*BuildOptions\.common\.EDKII\.PEI_CORE\]\n"
             r"  MSFT:\*_\*_\*_DLINK_FLAGS   = (-align:4096 -filealign:4096))$",
             r"\1\n  *_CLANGPDB_*_DLINK_FLAGS = \2")
    file.write()


def edit_flash(src: Path) -> None:
    """What goes into the image, and a rule that it lacks."""
    file = File(src, FLASH).leave_out()
    file.sub(r"^!include \$\(SHARED_CRYPTO_PATH\).*\n", "", 0)
    file.text = file.text.rstrip() + ("\n\n[Rule.Common.SEC.RESET_VECTOR]\n"
                                      "  FILE RAW = $(NAMED_GUID) {\n    RAW BIN |.bin\n  }\n")
    file.write()


def add_iommu(src: Path) -> None:
    """A library that says that there is no IOMMU."""
    body = "#include <Uefi.h>\n#include <Library/IoMmuLib.h>\n"
    for function in IOMMU_FUNCTIONS:
        result = "FALSE" if function.startswith("BOOLEAN") else "EFI_UNSUPPORTED"
        body += f"{function} {{ return {result}; }}\n"
    header = "#pragma once\n#include <Protocol/IoMmu.h>\n" + \
        "".join(f"{function};\n" for function in IOMMU_FUNCTIONS)
    for name, text in {"LocalPkg.dec": IOMMU_PACKAGE, "Include/Library/IoMmuLib.h": header,
                       "Library/IoMmuLibNull/IoMmuLibNull.c": body,
                       "Library/IoMmuLibNull/IoMmuLibNull.inf": IOMMU_LIBRARY}.items():
        path = src / "LocalPkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    File(src, "MsvmPkg/VpcivscDxe/VpcivscDxe.inf").sub(
        r"^\[Packages\]$", "[Packages]\n    LocalPkg/LocalPkg.dec").write()


def add_settings(src: Path) -> None:
    """What MsvmPkg wants of a newer MU_BASECORE."""
    file = File(src, "MU_BASECORE/MdeModulePkg/MdeModulePkg.dec")
    file.text += f"\n[PcdsDynamic, PcdsDynamicEx]\n  {SET_FILTER}\n"
    file.write()
    file = File(src, "MsvmPkg/CpuDxe/CpuDxe.h")
    file.text = "#define X86_CPU_INTERRUPT_NUM 256\n" + file.text
    file.write()


def add_folders(src: Path) -> None:
    """Folders of headers that packages name, of submodules that are not needed."""
    for package in sorted(src.glob("*/*/*.dec")) + sorted(src.glob("*/*/*/*.dec")):
        section = ""
        for line in package.read_text(encoding="utf-8", errors="replace").split("\n"):
            line = line.partition("#")[0].strip()
            if line.startswith("["):
                section = line.lower()
            elif line and section.startswith("[includes"):
                (package.parent / line).mkdir(parents=True, exist_ok=True)


def edit_for_nesting(src: Path) -> None:
    """QEMU's TCG (10.x, 11.1) asserts in helper_write_crN when a nested SVM guest writes CR8
    while KVM waits for an interrupt window. The handlers restore CR8, which is always 0.

    OpenVMM's NVMe controller has room for 1024 namespaces. To ask for each of them takes a
    nested guest a minute. Its namespaces begin at 1 and have no gaps."""
    for name in HANDLERS:
        File(src, name).sub(r"^\s*mov\s+cr8, rax", "").write()
    File(src, "MU_BASECORE/MdeModulePkg/Bus/Pci/NvmExpressDxe/NvmExpress.c").sub(
        r"^(    if \(EFI_ERROR \(Status\)\) \{\n      )continue;", r"\1break;").write()


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: edit.py SRC")
    src = Path(sys.argv[1])
    if not (src / PLATFORM).is_file():
        raise SystemExit(f"edit.py: {src} has no {PLATFORM}")
    for edit in (edit_platform, edit_flash, add_iommu, add_settings, add_folders,
                 edit_for_nesting):
        edit(src)


if __name__ == "__main__":
    main()
