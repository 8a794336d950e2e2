#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make lint: each of its findings is a test.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

verdicts "$TOP/kernel/lint"
for check in patches docs scripts coccinelle bisect configs; do
	run_ok "$check has a verdict" grep -q "^[a-z]* $check: " \
		"$BUILD/check/40-lint.t.verdicts"
done
run_fails "no such check: 'typo'" "an unknown check is named" \
	"$TOP/kernel/lint" typo
done_testing
