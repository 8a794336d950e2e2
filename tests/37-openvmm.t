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
