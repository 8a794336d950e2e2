# SPDX-License-Identifier: GPL-2.0-only
"""The bench: what the series costs, against its base."""
