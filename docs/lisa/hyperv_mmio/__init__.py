# SPDX-License-Identifier: GPL-2.0-only
"""LISA cases for the series; see docs/azure.md. Loaded by cases.yml as an extension."""
