#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make kunit: each case on each architecture is a test.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

for arch in x86_64 arm64; do
	stage "$arch"
	PASSED=0
	verdicts "$TOP/kernel/kunit" "$arch"
	run_ok "at least 25 cases on $arch" test "$PASSED" -ge 25
done
# .kunitconfig asks for all that x86_64 needs, but for what makes it a PC. Without EFI,
# too: the guest kernel has that.
stage "configuration"
tmpdir
tree=$BUILD/linux-$BASE
{
	printf 'CONFIG_%s=y\n' 64BIT SMP HYPERVISOR_GUEST PARAVIRT
	grep '^CONFIG_' "$tree/drivers/hv/.kunitconfig"
} >"$T/fragments"
run_ok "x86_64 can be configured by .kunitconfig" make -s -C "$tree" O="$T/obj" ARCH=x86_64 \
	KCONFIG_ALLCONFIG="$T/fragments" allnoconfig
run_ok "it has all that .kunitconfig asks for, without EFI" "$TOP/kernel/honoured" \
	<(cat "$T/fragments"; echo "# CONFIG_EFI is not set") "$T/obj/.config"

# Stable kernels, those that scenarios are played with: not again for KUnit
unset LINUX
oldest=$(stable_bases | sed -n 1p)
for base in $(stable_bases); do
	if [ "$base" != "$oldest" ] && [ -z "${FULL:-}" ]; then
		skip "$base-series: its KUnit tests" "for time; FULL=1 runs them"
		continue
	fi
	PASSED=0
	stage "$base-series, x86_64"
	BASE=$base verdicts "$TOP/kernel/kunit" x86_64
	run_ok "at least 25 cases on $base-series" test "$PASSED" -ge 25
done
main=$(main_base)
set=$(sets "$main" | sed -n 1p)
if git -C "$BUILD/linux-$main" cat-file -e "$set:drivers/hv/.kunitconfig" 2>/dev/null; then
	PASSED=0
	stage "$set, x86_64"
	BASE=$main SET=$set verdicts "$TOP/kernel/kunit" x86_64
	run_ok "cases pass with SET=$set" test "$PASSED" -gt 0
else
	run_fails "$set has no KUnit tests" "a set without KUnit tests" \
		env BASE="$main" SET="$set" "$TOP/kernel/kunit" x86_64
fi
run_fails "no such architecture: 'vax'" "an unknown architecture is named" \
	"$TOP/kernel/kunit" vax
done_testing
