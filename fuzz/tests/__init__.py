# SPDX-License-Identifier: GPL-2.0-only
"""make fuzz's own tests, with programs that only pretend to fuzz."""
