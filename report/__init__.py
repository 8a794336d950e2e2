# SPDX-License-Identifier: GPL-2.0-only
"""The report: one page of HTML of what matrix, sweep and bench found last."""
