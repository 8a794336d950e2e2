# SPDX-License-Identifier: GPL-2.0-only
"""The cases: the selftest at boot and after kexec, and a crash dump."""
from __future__ import annotations

import contextlib
from pathlib import Path, PurePath
from typing import Any, Iterator

from func_timeout import FunctionTimedOut  # type: ignore[import]
from lisa import (
    LisaException,
    Logger,
    Node,
    SkippedException,
    TestCaseMetadata,
    TestResult,
    TestSuite,
    TestSuiteMetadata,
    simple_requirement,
)
from lisa.messages import TestStatus, send_sub_test_result_message
from lisa.operating_system import Linux

from . import kdump as crash_dump
from . import selftest
from .kexec import kexec, was_kexec
from .machine import check_release, root

STATUS = {
    selftest.PASSED: TestStatus.PASSED,
    selftest.FAILED: TestStatus.FAILED,
    selftest.SKIPPED: TestStatus.SKIPPED,
}
SEND = (("iomem", "cat /proc/iomem"), ("dmesg", "dmesg"), ("cmdline", "cat /proc/cmdline"))
HOUR = 3600


@TestSuiteMetadata(
    area="hyperv_mmio",
    category="functional",
    description="""
    PCI devices stay out of the MMIO space of the framebuffer, in the first kernel, after
    kexec, and in a crash kernel, which saves its dump on NVMe.
    """,
    requirement=simple_requirement(supported_os=[Linux]),
)
class HypervMmio(TestSuite):
    @TestCaseMetadata(
        description="The selftest, in the kernel that firmware started.",
        priority=1,
        timeout=HOUR,
    )
    def verify_hyperv_mmio_boot(
        self,
        node: Node,
        log: Logger,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        with self._watched(node, log, result):
            self._first(node, variables)
            self._selftest(node, variables, log_path, result)

    @TestCaseMetadata(
        description="""
        The selftest after kexec -c, which does not tell the second kernel where the
        framebuffer is if /dev/fb0 is hyperv_drm's.
        """,
        priority=1,
        timeout=HOUR,
    )
    def verify_hyperv_mmio_kexec_load(
        self,
        node: Node,
        log: Logger,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        with self._watched(node, log, result):
            self._kexec(node, log, variables, log_path, result, "-c")

    @TestCaseMetadata(
        description="The selftest after kexec -s.", priority=1, timeout=HOUR
    )
    def verify_hyperv_mmio_kexec_file_load(
        self,
        node: Node,
        log: Logger,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        with self._watched(node, log, result):
            self._kexec(node, log, variables, log_path, result, "-s")

    @TestCaseMetadata(
        description="""
        A crash with a second kernel loaded by kexec -c: a dump of this kernel is on
        NVMe, and the second kernel had the same reservation.
        """,
        priority=1,
        timeout=HOUR,
    )
    def verify_hyperv_mmio_kdump_load(
        self,
        node: Node,
        log: Logger,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        with self._watched(node, log, result):
            self._kdump(node, log, variables, log_path, result, "-c")

    @TestCaseMetadata(
        description="The same with kexec -s.", priority=1, timeout=HOUR
    )
    def verify_hyperv_mmio_kdump_file_load(
        self,
        node: Node,
        log: Logger,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        with self._watched(node, log, result):
            self._kdump(node, log, variables, log_path, result, "-s")

    @contextlib.contextmanager
    def _watched(self, node: Node, log: Logger, result: TestResult) -> Iterator[None]:
        """After a failure, keep the serial console, and the VM for no other case."""
        try:
            yield
        except SkippedException:
            raise
        except BaseException:  # FunctionTimedOut is no Exception
            node.mark_dirty()
            try:
                result.capture_serial_console_log()
            except (Exception, FunctionTimedOut) as e:
                log.info(f"no serial console: {e}")
            raise

    def _first(self, node: Node, variables: dict[str, Any]) -> str:
        """Return the release of the kernel, which firmware has started."""
        release = check_release(node, variables["kernel_release"])
        if was_kexec(node):
            node.reboot(time_out=900)
            check_release(node, release)
        return release

    def _kexec(
        self,
        node: Node,
        log: Logger,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
        how: str,
    ) -> None:
        release = self._first(node, variables)
        kexec(node, log, how, release, int(variables["boot_seconds"]))
        check_release(node, release)
        self._selftest(node, variables, log_path, result)

    def _kdump(
        self,
        node: Node,
        log: Logger,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
        how: str,
    ) -> None:
        with crash_dump.restored(node, log) as kdump:
            release = self._first(node, variables)
            crash_dump.prepare(node, kdump, how, variables["dump_disk"])
            check_release(node, release)  # prepare() may have rebooted into another kernel
            first = root(node, "dmesg")
            (log_path / "dmesg").write_text(first)
            dumps = crash_dump.crash(node, log, int(variables["boot_seconds"]))
            if not dumps:
                raise LisaException(
                    f"no new dump in {crash_dump.CRASH} after a crash with kexec {how}; "
                    "the serial console says whether the second kernel had its disk"
                )
            second = crash_dump.second_log(node, kdump, dumps[0])
            (log_path / "second").write_text(second)
            checks = crash_dump.check_dump(node, dumps[0], release)
            checks.append(crash_dump.check_second(first, second, bool(kdump.service)))
            for check in checks:
                status = TestStatus.FAILED if check.why else TestStatus.PASSED
                self._send(
                    result,
                    check.name,
                    TestStatus.SKIPPED if check.skipped else status,
                    check.why,
                )
            wrong = [check.why for check in checks if check.why and not check.skipped]
            if wrong:
                raise LisaException("; ".join(wrong))

    def _program(self, node: Node, variables: dict[str, Any]) -> PurePath:
        """Return where the selftest is in the VM: a copy of ours, or built there."""
        remote = node.working_path / "hyperv_mmio"
        if variables["selftest"]:
            node.shell.copy(PurePath(variables["selftest"]), remote)
        else:
            tree = f"{variables['source_dir']}/linux/tools/testing/selftests/hyperv"
            root(node, f"make -C {tree} && cp {tree}/hyperv_mmio {remote}")
        root(node, f"chmod 755 {remote}")
        return remote

    def _selftest(
        self,
        node: Node,
        variables: dict[str, Any],
        log_path: Path,
        result: TestResult,
    ) -> None:
        run = node.execute(str(self._program(node, variables)), sudo=True)
        (log_path / "selftest").write_text(run.stdout)
        for name, command in SEND:
            (log_path / name).write_text(node.execute(command, sudo=True).stdout)
        report = selftest.parse(run.stdout)
        for test in report.results:
            self._send(result, test.name, STATUS[test.status], test.reason)
        status, why = selftest.judge(report, run.exit_code)
        if status == selftest.SKIPPED:
            raise SkippedException(why)
        if status == selftest.FAILED:
            raise LisaException(f"the selftest: {why}\n{run.stdout}")

    def _send(
        self, result: TestResult, name: str, status: TestStatus, message: str
    ) -> None:
        send_sub_test_result_message(
            test_result=result,
            test_case_name=name,
            test_status=status,
            test_message=message,
        )
