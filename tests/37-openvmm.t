#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The patches for OpenVMM can be sent; patches/openvmm/check and nest/firmware/build refuse
# what they cannot use. OPENVMM_SOURCE=CHECKOUT also applies and builds the patches, which
# takes many minutes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
CHECK=$TOP/patches/openvmm/check
commit=$(sed -n 's/^COMMIT=//p' "$CHECK")

stage patches
patches=("$TOP"/patches/openvmm/[0-9]*.patch)
run_ok "there are patches" test -f "${patches[0]}"
number=0
for patch in "${patches[@]}"; do
	name=${patch##*/}
	text=$(<"$patch")
	number=$((number + 1))
	like "$name $text" "^000$number-.*"$'\nFrom: hyperv-mmio project <' "$name has the neutral author"
	like "$text" $'\n'"Subject: \[PATCH $number/${#patches[@]}\] " "$name is patch $number of ${#patches[@]}"
	like "$(grep -c '^Signed-off-by:' "$patch" || true)" '^0$' "$name has no Signed-off-by"
	is "$(sed -n 's|^diff --git a/\(.*Cargo\.[a-z]*\) .*|\1|p' "$patch")" "" \
		"$name changes no Cargo manifest"
	is "$(git apply --numstat <"$patch" | awk '{ n += $1 + $2 } END { print (n > 0 && n < 350) }')" 1 \
		"$name changes less than 350 lines"
	like "$(<"$TOP/patches/openvmm/README.md")" $'\n'"\| 000$number \| [^|]+ \|" "README.md has a row for $name"
done

stage refusals
# fake NAME CODE: a program that runs CODE and succeeds. They come before the real ones, so
# that these tests do not need Rust.
fake() {
	printf '#!/bin/sh\n%s\nexit 0\n' "$2" >"$T/bin/$1"
	chmod +x "$T/bin/$1"
}
check=(env "PATH=$T/bin:$PATH" "GIT_CEILING_DIRECTORIES=$BUILD/check" "$CHECK")
mkdir "$T/bin"
for program in cargo rustc protoc pkg-config; do
	fake "$program" ""
done
usage='usage: patches/openvmm/check \[--build\] CHECKOUT'
run_fails "$usage" "it wants a checkout" "${check[@]}"
run_fails "$usage" "it wants a checkout with --build, too" "${check[@]}" --build
run_fails "$usage" "it refuses an unknown option" "${check[@]}" --bulid
run_fails "$T is not a git checkout" "it names a folder that is no checkout" "${check[@]}" "$T"
git init -q "$T/other"
git -C "$T/other" -c user.name=Dev -c user.email=dev@kernel.org commit -q --allow-empty -m one
other=$(git -C "$T/other" rev-parse HEAD)
run_fails "is at commit $other, but the patches are for $commit" \
	"it names both commits" "${check[@]}" "$T/other"
is "$(git -C "$T/other" for-each-ref | wc -l)" 1 "it leaves the branches alone"

fake cargo "[ \$1 != clippy ] || exit 1"
run_fails "cargo clippy of Rust .* is missing" "it wants clippy" "${check[@]}" "$T"
run_fails "$T is not a git checkout" "it does not want clippy with --build" \
	"${check[@]}" --build "$T"
fake rustc 'exit 1'
run_fails "Rust 1.95 is missing" "it wants Rust 1.95" \
	env -u RUSTUP_TOOLCHAIN "${check[@]}" "$T"
RUSTUP_TOOLCHAIN=1.96 run_fails "Rust 1.96 is missing" "RUSTUP_TOOLCHAIN names another Rust" \
	"${check[@]}" "$T"
fake pkg-config 'exit 1'
run_fails "OpenSSL's headers .* are missing" "it wants OpenSSL's headers" "${check[@]}" "$T"

# nest/firmware/build in a copy that needs no compiler, with a source of one file
stage firmware
mkdir -p "$T/top/nest" "$T/out/msvm-source"
cp -r "$TOP/deps" "$TOP/kernel" "$T/top/"
cp -r "$TOP/nest/firmware" "$T/top/nest/"
FIRMWARE=$T/top/nest/firmware/build
echo 'firmware: git python3' >"$T/top/deps/packages"
touch "$T/out/msvm-source/mine"
run_fails 'usage: nest/firmware/build CHECKOUTS OUT' "it wants two folders" "$FIRMWARE" "$T/clones"
run_fails "$T/out/msvm-source is there, and this script did not make it" \
	"it names a folder that it did not make" "$FIRMWARE" "$T/clones" "$T/out"
run_ok "and leaves it alone" test -f "$T/out/msvm-source/mine"
rm -r "$T/out/msvm-source"

mkdir -p "$T/out/src"
git init -q "$T/hub/owner/name"
touch "$T/hub/owner/name/file"
git -C "$T/hub/owner/name" add file
git -C "$T/hub/owner/name" -c user.name=Dev -c user.email=dev@kernel.org commit -q -m one
source=$(git -C "$T/hub/owner/name" rev-parse HEAD)
echo "part owner/name $source" >"$T/top/nest/firmware/sources"
run_fails "cannot fetch commit $source from $T/none/owner/name: put a clone .* at $T/clones/name, or" \
	"it says where a clone of what it cannot fetch may lie" \
	env GITHUB="$T/none" "$FIRMWARE" "$T/clones" "$T/out"
touch "$T/out/msvm-source/old" "$T/out/src/mine"
# edit.py ends it: that source is no firmware.
run_fails "edit.py: $T/out/msvm-source has no MsvmPkg" "it fetches the sources" \
	env GITHUB="$T/hub" "$FIRMWARE" "$T/clones" "$T/out"
run_ok "into a bare clone" git --git-dir="$T/clones/owner+name.git" cat-file -e "$source"
is "$(cd "$T/out" && find . -mindepth 1 | sort | paste -sd' ')" \
	"./msvm-source ./msvm-source/made-by-nest-firmware-build ./msvm-source/part ./msvm-source/part/file ./src ./src/mine" \
	"it makes its own folder anew, and no other"

stage build
if [ -z "${OPENVMM_SOURCE:-}" ]; then
	skip "OpenVMM builds with the patches" "OPENVMM_SOURCE is not set"
else
	before=$(git -C "$OPENVMM_SOURCE" status --porcelain=v2 --branch)
	run_ok "OpenVMM builds with the patches" "$CHECK" "$OPENVMM_SOURCE"
	output=$("$CHECK" --build "$OPENVMM_SOURCE" 2>"$T/steps") || true
	run_ok "--build prints the binary's path" test -x "$output"
	is "$(grep -Eo '(rustfmt|clippy|tests|doc|build): passed' "$T/steps")" "build: passed" \
		"--build only builds"
	is "$(git -C "$OPENVMM_SOURCE" status --porcelain=v2 --branch)" "$before" \
		"the checkout is as before"
fi
done_testing
