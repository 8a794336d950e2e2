# SPDX-License-Identifier: GPL-2.0-only
"""LISA cases for the series' selftest, tools/testing/selftests/hyperv.

For LISA's "extension"; see cases.yml. Needs Hyper-V; not run here.
"""
import re
import time
from pathlib import Path, PurePath
from typing import Any, Dict

from func_timeout import FunctionTimedOut

from lisa import (
    LisaException,
    Logger,
    Node,
    RemoteNode,
    SkippedException,
    TestCaseMetadata,
    TestResult,
    TestSuite,
    TestSuiteMetadata,
    simple_requirement,
)
from lisa.messages import TestStatus, send_sub_test_result_message
from lisa.operating_system import Linux, Posix

# "ok 6 global.pci_devices_are_present # SKIP no PCI pass-through device"
KTAP = re.compile(r"^(ok|not ok) \d+ (\S+)(?: # SKIP (.*))?$", re.M)
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@TestSuiteMetadata(
    area="hyperv_mmio",
    category="functional",
    description="""
    Whether PCI devices keep off the MMIO space of the framebuffer, in the first
    kernel and in one started by kexec.
    """,
    requirement=simple_requirement(supported_os=[Linux]),
)
class HypervMmio(TestSuite):
    @TestCaseMetadata(
        description="The selftest, in the kernel that firmware started.",
        priority=1,
    )
    def verify_hyperv_mmio_boot(
        self,
        node: Node,
        variables: Dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        self._selftest(node, variables, log_path, result)

    @TestCaseMetadata(
        description="""
        The selftest after kexec -c. That tells the second kernel of no framebuffer
        if /dev/fb0 is hyperv_drm's.
        """,
        priority=1,
    )
    def verify_hyperv_mmio_kexec_load(
        self,
        node: Node,
        log: Logger,
        variables: Dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        self._kexec(node, log, variables, "-c")
        self._selftest(node, variables, log_path, result)

    @TestCaseMetadata(
        description="The selftest after kexec -s.",
        priority=1,
    )
    def verify_hyperv_mmio_kexec_file_load(
        self,
        node: Node,
        log: Logger,
        variables: Dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        self._kexec(node, log, variables, "-s")
        self._selftest(node, variables, log_path, result)

    def _selftest(
        self,
        node: Node,
        variables: Dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        self._check_release(node, variables)
        local = PurePath(variables["deb_dir"]) / "hyperv_mmio"
        remote = node.working_path / "hyperv_mmio"
        node.shell.copy(local, remote)
        node.execute(f"chmod +x {remote}", expected_exit_code=0)
        run = node.execute(str(remote), sudo=True)

        # What to send back
        (log_path / "selftest").write_text(run.stdout)
        for name, command in (("iomem", "cat /proc/iomem"), ("dmesg", "dmesg")):
            (log_path / name).write_text(node.execute(command, sudo=True).stdout)

        counts = {status: 0 for status in TestStatus}
        for verdict, name, reason in KTAP.findall(run.stdout.replace("\r", "")):
            status = TestStatus.PASSED
            if verdict != "ok":
                status = TestStatus.FAILED
            elif reason:
                status = TestStatus.SKIPPED
            counts[status] += 1
            send_sub_test_result_message(
                test_result=result,
                test_case_name=name,
                test_status=status,
                test_message=reason,
            )
        # KSFT_SKIP: it ran no test, and says why.
        if run.exit_code == 4:
            raise SkippedException(f"nothing was checked:\n{run.stdout}")
        if run.exit_code or counts[TestStatus.FAILED]:
            raise LisaException(f"the selftest fails:\n{run.stdout}")
        if not counts[TestStatus.PASSED]:
            raise SkippedException(f"nothing was checked:\n{run.stdout}")

    def _check_release(self, node: Node, variables: Dict[str, Any]) -> None:
        release = node.execute("uname -r").stdout.strip()
        if release != variables["kernel_release"]:
            raise LisaException(f"this is kernel {release}")

    def _kexec(
        self, node: Node, log: Logger, variables: Dict[str, Any], how: str
    ) -> None:
        assert isinstance(node, RemoteNode) and isinstance(node.os, Posix)
        self._check_release(node, variables)
        if node.execute("command -v kexec", shell=True, sudo=True).exit_code:
            node.os.install_packages("kexec-tools")
        release = variables["kernel_release"]
        node.execute(
            f"kexec -l {how} --reuse-cmdline "
            f"--initrd=/boot/initrd.img-{release} /boot/vmlinuz-{release}",
            sudo=True,
            expected_exit_code=0,
        )
        before = self._boot_id(node)
        node.mark_dirty()
        try:
            node.execute("systemctl kexec", sudo=True, timeout=10)
        except (Exception, FunctionTimedOut) as e:
            log.debug(f"the connection is gone: {e}")
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            time.sleep(10)
            try:
                node.close()
                if self._boot_id(node) not in ("", before):
                    return
            except (Exception, FunctionTimedOut) as e:
                log.debug(f"not there yet: {e}")
        raise LisaException(f"no answer after kexec {how}: was its disk refused?")

    def _boot_id(self, node: Node) -> str:
        return node.execute(f"cat {BOOT_ID}", timeout=20).stdout.strip()
