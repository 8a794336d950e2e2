# SPDX-License-Identifier: GPL-2.0-only
"""make fuzz: all fuzzers for hours, with inputs that are kept, and what they reach."""
