# SPDX-License-Identifier: GPL-2.0-only
"""lab's own tests; none of them boots anything."""
