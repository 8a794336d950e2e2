# SPDX-License-Identifier: GPL-2.0-only
"""The laboratory: reads scenarios, runs them on a host, judges what came back."""
