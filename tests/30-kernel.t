#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The guest kernels are what they are asked to be.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX BASE
tmpdir
main=$(main_base)
TREE=$BUILD/linux-$main OUT=$BUILD/kernel

run_ok "the kernels build" "$TOP/kernel/build"
[ -e "$OUT/$main-series/release" ] || done_testing

# image VARIANT: its uncompressed kernel.
image() {
	"$OUT/src/scripts/extract-vmlinux" "$OUT/$1/bzImage" >"$T/$1" || true
	echo "$T/$1"
}

version=$(make -s -C "$TREE" kernelversion)
for suffix in -nofix '' -series; do
	v=$main$suffix d=$OUT/$main$suffix
	is "$(<"$d/release")" "$version$suffix" "$v: its release"
	strings "$(image "$v")" >"$T/$v.strings"
	like "$(grep -m1 '^Linux version ' "$T/$v.strings")" \
		"^Linux version $version$suffix \(" "$v: bzImage is that release"
	is "$(ls "$d/modules/lib/modules")" "$version$suffix" "$v: the modules' folder"
	bad=$(find "$d/modules" -name '*.ko' -exec modinfo -F vermagic {} + |
		grep -v "^$version$suffix " || true)
	is "$bad" "" "$v: each module is of that release"
	for name in guest x86; do
		run_ok "$v: $name.config is honoured" \
			"$TOP/kernel/honoured" "$TOP/kernel/config/$name.config" "$d/config"
	done
	m=$d/modules/lib/modules/$version$suffix
	is "$(grep -c '/hv_vmbus.ko$' "$m/modules.builtin")" 1 "$v: hv_vmbus is built in"
	is "$(find "$m" -name hyperv_drm.ko -o -name pci-hyperv.ko | wc -l)" 2 \
		"$v: hyperv_drm and pci-hyperv are modules"
	run_ok "$v: System.map has vmbus_allocate_mmio" \
		grep -q ' vmbus_allocate_mmio$' "$d/System.map"
done

# Mainline's fix, by what it says when it has nothing to go by.
says='Unexpected framebuffer mmio base of zero'
is "$(grep -c "$says" "$T/$main.strings")" 1 "$main has mainline's fix"
is "$(grep -c "$says" "$T/$main-nofix.strings" || true)" 0 "$main-nofix does not"

series_options "$TREE" >"$T/series.config"
if [ -s "$T/series.config" ]; then
	run_ok "$main-series: series.config is honoured" "$TOP/kernel/honoured" \
		"$T/series.config" "$OUT/$main-series/config"
	is "$(grep -cxFf "$T/series.config" "$OUT/$main/config" || true)" 0 \
		"$main has none of these options"
else
	skip "$main-series: series.config is honoured" "the series has none of these options"
fi
if git -C "$TREE" rev-parse -q --verify series:tools/testing/selftests/hyperv >/dev/null; then
	is "$(readelf -lW "$OUT/$main-series/selftest/hyperv_mmio" | grep -c -e LOAD -e INTERP |
		sed 's/^[1-9].*/some/')" some "the selftest is a program"
	is "$(readelf -lW "$OUT/$main-series/selftest/hyperv_mmio" | grep -c INTERP || true)" 0 \
		"that needs no libraries"
else
	skip "the selftest is a program that needs no libraries" "the series has no selftest"
fi

# Nothing is built twice.
before=$(stat -c '%n %Y' "$OUT/$main"*/bzImage "$OUT/obj/vmlinux")
is "$("$TOP/kernel/build" "$main-nofix" "$main" "$main-series" 2>&1 | grep ^build:)" \
	"build: $main-nofix: up to date
build: $main: up to date
build: $main-series: up to date" "again, all are up to date"
is "$(stat -c '%n %Y' "$OUT/$main"*/bzImage "$OUT/obj/vmlinux")" "$before" "and not touched"
run_fails "no such kernel: '7.4' .$main-nofix, $main, $main-.*, $main-series," "a kernel that there is not" \
	"$TOP/kernel/build" 7.4
final=$(last_set "$main") final=${final#*-}
run_fails "no such kernel: '$main-$final'; $final is the last set, so use $main-series" \
	"the last set has no name of its own" "$TOP/kernel/build" "$main-$final"

# The kernel of the first set
set=$(sets "$main" | sed -n 1p)
v=$main-${set#*-}
run_ok "$v builds" env SET="$set" "$TOP/kernel/build" "$v"
is "$(<"$OUT/$v/release")" "$version-${set#*-}" "$v: its release"
like "$(SET=$set "$TOP/kernel/build" 2>&1 | grep ^build:)" "$v: up to date" \
	"with SET it is in the place of $main-series"
is "$(test -e "$OUT/$v/selftest" && echo yes)" "$(git -C "$TREE" rev-parse -q --verify \
	"$set:tools/testing/selftests/hyperv" >/dev/null && echo yes)" "$v: it has a selftest if its tree has"

# Only the series' last patch lets SYSFB be off.
run_fails "'# CONFIG_SYSFB is not set' is not honoured: there is 'CONFIG_SYSFB=y'" \
	"$main-nosysfb: there is no $main without SYSFB" "$TOP/kernel/build" "$main-nosysfb"
like "$(<"$OUT/$main-series/config")" 'CONFIG_SYSFB=y' "$main-series: as distributions have it, with"

run_fails "no such architecture: 'vax' .x86 arm64." "an unknown architecture is named" \
	env ARCH=vax "$TOP/kernel/build"
run_fails "'CONFIG_ARM64_64K_PAGES=y' is not honoured: there is no such option" \
	"x86 has no pages of 64 KiB" "$TOP/kernel/build" "$main-64k"

# A fragment that is not honoured.
printf 'CONFIG_A=y\n# CONFIG_B is not set\n' >"$T/config"
printf '# A comment\nCONFIG_A=y\n# CONFIG_B is not set\n# CONFIG_C is not set\n' >"$T/good"
run_ok "a fragment that is honoured" "$TOP/kernel/honoured" "$T/good" "$T/config"
for line in CONFIG_A=m CONFIG_B=y CONFIG_C=y '# CONFIG_A is not set'; do
	echo "$line" >"$T/bad"
	run_fails "'$line' is not honoured" "$line is not" \
		"$TOP/kernel/honoured" "$T/bad" "$T/config"
done

diag "$(cat "$OUT/timings")"
diag "$(awk '$2 == "first" { f = $3 } !($1 in s) { s[$1] = $3 } END {
	for (v in s) sum += s[v]
	if (f) printf "all three took %.2f times the first", sum / f }' "$OUT/timings")"
done_testing
