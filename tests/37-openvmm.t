#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The patches for OpenVMM can be sent, and patches/openvmm/check refuses what it cannot
# use. OPENVMM_SOURCE=CHECKOUT also applies and builds them, which takes many minutes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
CHECK=$TOP/patches/openvmm/check
commit=$(sed -n 's/^COMMIT=//p' "$CHECK")

stage patches
patches=("$TOP"/patches/openvmm/[0-9]*.patch)
run_ok "there are patches" test -f "${patches[0]}"
for patch in "${patches[@]}"; do
	name=${patch##*/}
	text=$(<"$patch")
	like "$name $text" $'^000[0-9]-.*\nFrom: hyperv-mmio project <' "$name has the neutral author"
	like "$(grep -c '^Signed-off-by:' "$patch" || true)" '^0$' "$name has no Signed-off-by"
	is "$(sed -n 's|^diff --git a/\(.*Cargo\.[a-z]*\) .*|\1|p' "$patch")" "" \
		"$name changes no Cargo manifest"
	is "$(git apply --numstat <"$patch" | awk '{ n += $1 + $2 } END { print (n > 0 && n < 300) }')" 1 \
		"$name changes less than 300 lines"
done

stage refusals
run_fails 'usage: patches/openvmm/check CHECKOUT' "it wants a checkout" "$CHECK"
run_fails "$T is not a git checkout" "it names a folder that is no checkout" \
	env GIT_CEILING_DIRECTORIES="$BUILD/check" "$CHECK" "$T"
git init -q "$T/other"
git -C "$T/other" -c user.name=Dev -c user.email=dev@kernel.org commit -q --allow-empty -m one
other=$(git -C "$T/other" rev-parse HEAD)
run_fails "is at commit $other, but the patches are for $commit" \
	"it names both commits" "$CHECK" "$T/other"
is "$(git -C "$T/other" for-each-ref | wc -l)" 1 "it leaves the branches alone"

stage build
if [ -z "${OPENVMM_SOURCE:-}" ]; then
	skip "OpenVMM builds with the patches" "OPENVMM_SOURCE is not set"
else
	before=$(git -C "$OPENVMM_SOURCE" status --porcelain=v2 --branch)
	run_ok "OpenVMM builds with the patches" "$CHECK" "$OPENVMM_SOURCE"
	is "$(git -C "$OPENVMM_SOURCE" status --porcelain=v2 --branch)" "$before" \
		"the checkout is as before"
fi
done_testing
