# SPDX-License-Identifier: GPL-2.0-only
"""LISA's own suites kdump and kexec, and no others.

import_builtin_tests imports all suites, and with them the libraries of Azure.
"""
from lisa.microsoft.testsuites.kdump import kdumpcrash
from lisa.microsoft.testsuites.kexec import kexec_suite

__all__ = ["kdumpcrash", "kexec_suite"]
