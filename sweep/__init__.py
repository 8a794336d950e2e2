# SPDX-License-Identifier: GPL-2.0-only
"""The sweep's Python: scenarios of what it shows, and a check against hvhost."""
