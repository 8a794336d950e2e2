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
# Stable kernels, those that scenarios are played with: not again for KUnit
unset LINUX
for base in 6.1 6.12; do
	if [ "$base" != 6.1 ] && [ -z "${FULL:-}" ]; then
		skip "$base-series: its KUnit tests" "for time; FULL=1 runs them"
		continue
	fi
	PASSED=0
	run_ok "$base-series builds" "$TOP/kernel/build" "$base-series"
	BASE=$base IMAGE=$BUILD/kernel/$base-series/bzImage \
		verdicts "$TOP/kernel/kunit" x86_64
	run_ok "at least 25 cases on $base-series" test "$PASSED" -ge 25
done
run_fails "no such architecture: 'vax'" "an unknown architecture is named" \
	"$TOP/kernel/kunit" vax
done_testing
