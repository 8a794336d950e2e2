#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make lint: each of its findings is a test.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

for check in sets patches docs scripts coccinelle bisect configs; do
	stage "$check"
	verdicts "$TOP/kernel/lint" "$check"
	run_ok "$check has a verdict" grep -q "^[a-z]* $check: " \
		"$BUILD/check/40-lint.t.verdicts"
done
stage "stable series"
# Stable kernels: what has to do with the patches. The scripts are the same, and
# so is what they are built with.
unset LINUX
for base in $(stable_bases); do
	if [ -n "${FULL:-}" ]; then
		BASE=$base verdicts "$TOP/kernel/lint"
	else
		skip "$base: checkpatch, kernel-doc, sparse and W=1" "for time; FULL=1 runs them"
	fi
done
set=$(sets "$BASE" | sed -n 1p)
out=$(SET=$set "$TOP/kernel/lint" patches 2>/dev/null) || true
is "$(grep -oE 'checkpatch [^ /]+/' <<<"$out" | sort -u)" "checkpatch $set/" \
	"SET: the patches of the sets up to it"
run_fails "no such check: 'typo'" "an unknown check is named" \
	"$TOP/kernel/lint" typo
done_testing
