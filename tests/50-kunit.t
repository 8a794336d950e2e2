#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make kunit: each case on each architecture is a test.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

for arch in x86_64 arm64; do
	PASSED=0
	verdicts "$TOP/kernel/kunit" "$arch"
	run_ok "at least 25 cases on $arch" test "$PASSED" -ge 25
done
run_fails "no such architecture: 'vax'" "an unknown architecture is named" \
	"$TOP/kernel/kunit" vax
done_testing
