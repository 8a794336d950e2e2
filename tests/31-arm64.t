#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The guest kernels of arm64, of the same sources as 30-kernel's, are what they are asked to be.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX BASE
tmpdir
main=$(main_base)
TREE=$BUILD/linux-$main OUT=$BUILD/kernel
version=$(make -s -C "$TREE" kernelversion)
series_options "$TREE" >"$T/series.config"

run_ok "the kernels build with ARCH=arm64" env ARCH=arm64 "$TOP/kernel/build" \
	"$main-nofix" "$main-series"
for suffix in -nofix -series; do
	v="arm64, $main$suffix" d=$OUT/arm64/$main$suffix
	is "$(<"$d/release")" "$version$suffix" "$v: its release"
	is "$(arm64_image "$d/Image")" ARMd "$v: Image is an arm64 kernel"
	strings "$d/Image" >"$T/strings"
	like "$(grep -m1 '^Linux version ' "$T/strings")" "^Linux version $version$suffix \\(" \
		"$v: Image is that release"
	is "$(grep -cxFf "$T/series.config" "$d/config" || true)" \
		"$([ $suffix = -series ] && wc -l <"$T/series.config" || echo 0)" \
		"$v: the series' own options"
	for name in guest arm64; do
		run_ok "$v: $name.config is honoured" \
			"$TOP/kernel/honoured" "$TOP/kernel/config/$name.config" "$d/config"
	done
	is "$(find "$d/modules" \( -name hyperv_drm.ko -o -name pci-hyperv.ko \) \
		-exec modinfo -F vermagic {} + | grep -c "^$version$suffix .*aarch64\$")" 2 \
		"$v: hyperv_drm and pci-hyperv are modules of that release"
	like "$(find "$d/selftest" -type f -exec readelf -hlW {} + 2>&1 | grep -E 'Machine:|INTERP' |
		tr -s ' ' | paste -sd,)" "$([ $suffix = -series ] && echo '^ Machine: AArch64$' || echo '')" \
		"$v: the selftest is a static program, if there is one"
done
like "$(ARCH=aarch64 "$TOP/kernel/build" "$main-series" 2>&1)" "$main-series: up to date" \
	"again, it is up to date, by another name of the architecture"
diag "$(cat "$OUT/arm64/timings")"
done_testing
