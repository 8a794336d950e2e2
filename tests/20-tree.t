#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Patches to tree and back, and what kernel/tree and kernel/export refuse.
# Works on copies: a developer's own tree stays as it is.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir

"$TOP/kernel/tree" || not_ok "kernel/tree makes the tree"
main=$(main_base)
MAIN=$TOP/build/linux-$main
unset LINUX BASE

patches() {
	(cd "$1" && find . -name '[0-9]*.patch' ! -name '0000-*' | sort)
}
# edit: changes one file in a way that git am understands later.
edit() {
	echo "/* $1 */" >>"$L/drivers/hv/vmbus_drv.c"
}

home a
run_ok "the stored patches apply" "$H/kernel/tree"
mapfile -t sets < <(sets "$main")
first=${sets[0]} second=${sets[1]} final=${sets[-1]} before_final=${sets[-2]}
start=base
for set in "${sets[@]}"; do
	end=$set
	[ "$set" != "$final" ] || end=series
	is "$(git -C "$L" rev-list --count "$start..$end")" "$(patches "$P/$set" | wc -l)" \
		"branch $end is where $set ends"
	start=$end
done
is "$(git -C "$L" rev-list --count base..series)" "$(patches "$P" | wc -l)" \
	"one commit each"
is "$(git -C "$L" diff --stat base nofix | sed -n 1p | cut -d' ' -f2)" \
	drivers/hv/vmbus_drv.c "nofix changes vmbus_drv.c"
is "$(git -C "$L" diff --name-only base nofix | wc -l)" 1 "and nothing else"
before=$(git -C "$L" rev-parse base nofix series)
run_ok "again, there is nothing to do" "$H/kernel/tree" --exact
is "$(git -C "$L" rev-parse base nofix series)" "$before" "and nothing changes"

run_ok "make series writes them" "$H/kernel/export"
if [ "$(git -C "$MAIN" config series.base)" = "$(base_values source "$main")" ]; then
	run_ok "the same, byte for byte, as are stored" diff -r "$TOP/patches" "$H/patches"
else
	diag "the base is not the source that patches/linux-$main/base.toml names:" \
		"compared by patch-id"
	ids() { (cd "$1/linux-$main" && patches . | xargs cat) | git patch-id --stable | cut -d' ' -f1; }
	is "$(ids "$H/patches")" "$(ids "$TOP/patches")" "the same changes as are stored"
fi
cp -r "$H/patches" "$T/once"
touch "$P"/*/*
run_ok "make series again" "$H/kernel/export"
run_ok "gives the same" diff -r "$T/once" "$H/patches"
is "$(cat "$P"/*/*.patch | grep -c '^Signed-off-by:' || true)" 0 \
	"no stored patch is signed off"
base=$(tail -n 1 "$P/$first/0000-cover-letter.patch")
like "$base" "^base: v${main/./\\.}[0-9.]* \\(linux-source-$main " "the cover letter ends with the base"
is "$(tail -n 2 "$P/$final/0000-cover-letter.patch")" "$base
prerequisite: $(printf '%s, ' "${sets[@]}" | sed "s/, $final, //")" \
	"that of a later set also with the sets before it"
for set in "${sets[@]}"; do
	n=$(patches "$P/$set" | wc -l)
	is "$(grep -hoE -m1 '^Subject: \[[^]]*PATCH [0-9]+/[0-9]+\]' "$P/$set"/*.patch |
		sed 's/.* //; s/]//')" "$(seq -f "%0${#n}g/$n" 0 "$n")" "$set: numbers start anew"
	is "$(awk -v set="$set" '/^##/ { on = $2 == set } on && /^\| [0-9]/' "$H/patches/README.md" |
		wc -l)" "$n" "$set: README.md has a line a patch"
done
is "$(sed -n "/^## linux-$main/,\$ { /^| [0-9]/p }" "$H/patches/README.md" | wc -l)" \
	"$(patches "$P" | wc -l)" "README.md has a line a patch"

# A cover letter keeps its text and its prefix.
{
	sed '/^Subject: /,$d' "$P/$first/0000-cover-letter.patch"
	printf '%s\n' 'Subject: [RFC PATCH v2 00/01] Keep the – title' '' Text. '' 'A list (2):' \
		'  of this' ''
	sed -n '/^[^ ].* ([0-9]*):$/,$p' "$P/$first/0000-cover-letter.patch"
} >"$T/cover"
cp "$T/cover" "$P/$first/0000-cover-letter.patch"
run_ok "make series with another cover letter" "$H/kernel/export"
like "$(<"$P/$first/0000-cover-letter.patch")" \
	"Subject: \[RFC PATCH v2 0+/[0-9]+\] Keep the – title"$'\n' "keeps its subject"
like "$(<"$P/$first/0000-cover-letter.patch")" \
	$'\n\nText.\n\nA list \\(2\\):\n  of this\n\n[^\n]+ \\([0-9]+\\):\n  ' "and its text"
is "$(grep -c '^base' "$P/$first/0000-cover-letter.patch")" 1 "and has one base line"
like "$(cat "$P/$first"/0001-*)" '\[RFC PATCH v2 0*1/' "patches have its prefix"
rm -r "$H/patches"
cp -r "$T/once" "$H/patches"

# Sets: where they end, and what SET means.
stage sets
run_fails "no such set: 'typo' \\(linux-$main has $first, $second, " "an unknown SET" \
	env SET=typo "$H/kernel/tree"
is "$(for name in "$first" "${first#*-}" "${first:0:3}"; do
	SET=$name bash -c '. "$0/kernel/lib.sh" && series_kernel "$1"' "$H" "$main"
done | sort -u)" "$main-${first#*-}" "a set's kernel has its name, which may be shortened"
is "$(SET=$final bash -c '. "$0/kernel/lib.sh" && series_kernel "$1"' "$H" "$main")" "$main-series" \
	"but for the last set"
run_fails "WORK=1 uses the tree as it is checked out, not a SET" "SET with WORK=1" \
	env SET="$first" WORK=1 "$H/kernel/build"
echo '/* fixed */' >>"$L/drivers/hv/channel.c"
git -C "$L" commit -qa --fixup="$first"
GIT_SEQUENCE_EDITOR=true git -C "$L" rebase -q -i --autosquash base
is "$(git -C "$L" diff --name-only "$first@{1}" "$first") $(git -C "$L" rev-list --count \
	"$first..series")" "drivers/hv/channel.c $(($(patches "$P" | wc -l) - $(patches "$P/$first" | wc -l)))" \
	"git rebase moves the branches of sets along"
run_ok "make series after it" "$H/kernel/export"
is "$(cd "$P" && grep -l '^+/\* fixed \*/' ./*/0*.patch | cut -d/ -f2)" "$first" \
	"the fixup went to the set it was for"

cp -r "$H/patches" "$T/fixed"
git -C "$L" branch -qf "$first" "$first~"
run_fails "branch $first .* is not where that set ends.*branch -f $first refs/kept/$first" \
	"make tree says that a set's branch was moved" "$H/kernel/tree" --exact
run_ok "other scripts leave it where it is" "$H/kernel/tree"
run_ok "make series takes it from there" "$H/kernel/export"
is "$(patches "$P/$first" | wc -l) $(patches "$P/$second" | wc -l)" \
	"$(($(patches "$T/fixed/linux-$main/$first" | wc -l) - 1)) $(($(
	patches "$T/fixed/linux-$main/$second" | wc -l) + 1))" "a patch is in the next set then"
git -C "$L" branch -qf "$second" base
run_fails "branch $second .* is not between $first and series" "sets out of order" "$H/kernel/export"
git -C "$L" branch -qf "$second" "$first"
run_fails "the set $second has no commit" "a set without a patch" "$H/kernel/export"
git -C "$L" branch -qD "$second"
run_fails "has no branch $second.*make it: git -C .* branch $second COMMIT" \
	"a set without a branch" "$H/kernel/export"
git -C "$L" branch -q "$second" "refs/kept/$second"
git -C "$L" branch -qf "$first" "$first@{1}"
run_ok "make series with the branches back" "$H/kernel/export"
run_ok "gives what was before" diff -r "$T/fixed" "$H/patches"

mkdir "$P/8-more"
git -C "$L" branch -q "$final" series~
run_ok "make series with another set" "$H/kernel/export"
is "$(patches "$P/8-more" | wc -l) $(grep -c '<fill in: ' "$P/8-more/0000-cover-letter.patch")" "1 4" \
	"its cover letter says what is to be filled in"
is "$(SET=8 bash -c '. "$0/kernel/lib.sh" && kernel_names "$1"' "$H" "$main" | grep "${final#*-}")" \
	"$main-${final#*-}" "the set before it has a kernel"
rm -r "$P/8-more"
run_ok "make series without it" "$H/kernel/export"
is "$(git -C "$L" for-each-ref "refs/heads/$final" "refs/kept/$final")" "" "its branch is gone"
run_ok "and nothing else changed" diff -r "$T/fixed" "$H/patches"
mkdir "$P/8-nofix"
run_fails "8-nofix: a set's name is" "a set with the name of another kernel" "$H/kernel/tree"
rmdir "$P/8-nofix"

git -C "$L" branch -qf "$first" series
is "$(SET=$first "$H/kernel/lint" sets 2>/dev/null | grep -cE \
	"^fail sets: $first: [0-9]+ (patches|net lines .*): at most (10|120) ")" 2 \
	"make lint fails for a set that is too long"
git -C "$L" branch -qf "$first" "refs/kept/$first"
run_ok "and not for the sets as they are" "$H/kernel/lint" sets
stage work

# Work that patches/ does not hold.
edit mine
run_fails 'uncommitted work .*drivers/hv/vmbus_drv.c' \
	"make tree says that there is uncommitted work" "$H/kernel/tree" --exact
run_ok "which other scripts leave as it is" "$H/kernel/tree"
last=("$P/$final"/0*.patch)
sed -i 's/^Subject: .*\]/& Another/' "${last[-1]}"
run_fails 'uncommitted work' "patches that changed do not go over it" "$H/kernel/tree"
like "$(tail -1 "$L/drivers/hv/vmbus_drv.c")" 'mine' "it is still there"
run_fails 'uncommitted work' "make series refuses it too" "$H/kernel/export"
git -C "$L" commit -qam 'fixup! something'
run_fails 'make series' "nor do they go over a commit" "$H/kernel/tree"
run_fails 'fixup! something.*autosquash' "make series refuses fixup commits" \
	"$H/kernel/export"
git -C "$L" commit -q --amend -s -m 'Drivers: hv: Say so

Why.

Fixes: 123456789abc ("Drivers: hv: Other")
Cc: stable@vger.kernel.org'
run_ok "make series writes a commit" "$H/kernel/export"
new=$(ls "$P"/*/*-Drivers-hv-Say-so.patch)
is "$(grep -c ^Signed-off-by "$new" || true)" 0 "without its Signed-off-by"
run_ok "then the tree and the patches agree" "$H/kernel/tree" --exact
echo mine >"$L/drivers/hv/new.c"
run_fails 'uncommitted work .*drivers/hv/new.c' "a new file is work as well" \
	"$H/kernel/tree" --exact
rm "$L/drivers/hv/new.c"

# The copy to send.
cp -r "$H/patches" "$T/stored"
# shellcheck disable=SC2317 # run_ok calls it
as() {
	GIT_COMMITTER_NAME=$1 GIT_COMMITTER_EMAIL=$2 "$H/kernel/export" --signoff
}
run_fails "SET is missing: one of $first, $second, " "only one set is signed at a time" \
	as 'A Name' name@kernel.org
export SET=${final#*-}
run_fails placeholder "nobody signs off as root" as root root@kernel.org
run_fails placeholder "nor as you@example.com" as 'A Name' you@example.com
run_fails 'no name and e-mail' "nor without a name" env -u GIT_COMMITTER_NAME \
	-u GIT_COMMITTER_EMAIL -u EMAIL HOME=/nowhere XDG_CONFIG_HOME=/nowhere \
	GIT_CONFIG_NOSYSTEM=1 GIT_DIR="$T/none" "$H/kernel/export" --signoff
run_ok "make series SIGNOFF=1" as 'Jane Dée' jane@kernel.org
S=$H/build/send
is "$(patches "$S")" "$(patches "$P/$final")" "has the same patches"
mapfile -t sent < <(patches "$S" | sed "s|^\.|$S|")
is "$(grep -L '^Signed-off-by: Jane Dée <jane@kernel.org>$' "${sent[@]}")" "" \
	"each signed off"
is "$(sed -n '/^Fixes:/,/^---/p' "$S/${new##*/}")" \
	'Fixes: 123456789abc ("Drivers: hv: Other")
Cc: stable@vger.kernel.org
Assisted-by: LLM
Signed-off-by: Jane Dée <jane@kernel.org>
---' "the tags are in their order"
run_ok "the stored patches stay as they were" diff -r "$T/stored" "$H/patches"
# tags MESSAGE: the end of it in the copy to send, from the first line of text on.
tags() {
	edit tags
	git -C "$L" commit -qam "$1"
	as 'Jane Dée' jane@kernel.org >"$T/out" 2>&1 || cat "$T/out"
	patches "$S" | tail -n 1 | sed "s|^\.|$S|" | xargs sed -n '/^Why/,/^---/p'
	git -C "$L" reset -q --hard HEAD~
}
is "$(tags 'Drivers: hv: A

Why.

Cc: stable@vger.kernel.org
Assisted-by: Tool:version-1
 [other]
Signed-off-by: Dev <dev@kernel.org>
Reported-by: A long name
 <a@kernel.org>
Assisted-by: Tool
Signed-off-by: Dev <dev@kernel.org>')" 'Why.

Cc: stable@vger.kernel.org
Reported-by: A long name
 <a@kernel.org>
Assisted-by: Tool:version-1 [other]
Assisted-by: Tool
Signed-off-by: Jane Dée <jane@kernel.org>
---' "what assisted stays, an earlier sign-off does not"
is "$(tags $'Drivers: hv: A\n\nWhy: no\ntag.')" 'Why: no
tag.

Assisted-by: LLM
Signed-off-by: Jane Dée <jane@kernel.org>
---' "tags are a paragraph of their own"
git -C "$L" checkout -q -b sent "$before_final"
run_ok "the copy applies to the set before by git am" git -C "$L" am -q "${sent[@]}"
is "$(git -C "$L" rev-list -1 --format=%an HEAD | tail -1)" 'Jane Dée' "authored by who sends"
run_ok "and gives the series" git -C "$L" diff --quiet series
git -C "$L" checkout -q series
git -C "$L" branch -qD sent
echo 'for one reason' >"$P/$final/never-sent"
run_fails "$final is never sent: for one reason" "a set that is never sent" as 'Jane' jane@kernel.org
rm "$P/$final/never-sent"
unset SET

# A damaged patch.
before=$(git -C "$L" rev-parse series)
sed -i '/^@@/,$ s/^ \(.*[a-z]\)/ x\1/' "$new"
run_fails "${new##*/} does not apply" "a damaged patch is named" "$H/kernel/tree"
is "$(git -C "$L" rev-parse series) $(git -C "$L" status --porcelain)" "$before " \
	"and the tree is as it was"
head -c 300 "$new" >"$new.half"
mv "$new.half" "$new"
run_fails "${new##*/} does not apply" "half a patch as well" "$H/kernel/tree"
cp "$T/stored/linux-$main/${new#"$P/"}" "$P/$final/"
run_ok "the whole one applies" "$H/kernel/tree"

# LINUX=: a tree of the user's own.
linux() {
	LINUX=$1 "$H/kernel/tree"
}
run_fails 'LINUX=/nonexistent is not a directory' "LINUX must exist" linux /nonexistent
run_fails 'is not a Linux kernel tree' "be a kernel tree" linux "$T"
mkdir "$T/old"
printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n' \
	"${main%.*}" "${main#*.}" >"$T/old/Makefile"
run_fails "is Linux $main-rc2; the series needs $main or later" "and new enough" linux "$T/old"
# As little of one as the patches need.
mkdir "$T/own"
{
	sed -n 's|^--- a/||p' "$P"/*/*.patch
	printf '%s\n' Makefile drivers/hv/vmbus_drv.c
} | sort -u | xargs git -C "$MAIN" ls-tree -r --name-only base -- |
	xargs git -C "$MAIN" archive base -- | tar -x -C "$T/own"
list() {
	(cd "$T/own" && find . -type f -print0 | sort -z | xargs -0 stat -c '%n %Y %s')
}
LOCAL=$H/build/linux-local
before=$(list)
run_ok "LINUX=<plain tree> works" linux "$T/own"
is "$(git -C "$LOCAL" rev-list --count base..series)" "$(patches "$P" | wc -l)" \
	"it gets the series"
is "$(list)" "$before" "and stays as it was"
tip=$(git -C "$LOCAL" rev-parse series)
run_ok "again" linux "$T/own"
is "$(git -C "$LOCAL" rev-parse series)" "$tip" "nothing changes"
echo '# mine' >>"$T/own/Makefile"
run_ok "when the tree changes" linux "$T/own"
is "$(git -C "$LOCAL" show base:Makefile | tail -1)" '# mine' "so does the base"

git init -q "$T/own"
git -C "$T/own" add -A
git -C "$T/own" -c user.name=Dev -c user.email=dev@kernel.org commit -qm own
echo '# more' >>"$T/own/Makefile"
before=$(list)
run_ok "LINUX=<git tree> works" linux "$T/own"
is "$(git -C "$LOCAL" rev-parse base)" "$(git -C "$T/own" rev-parse HEAD)" \
	"its HEAD is the base"
is "$(list)" "$before" "it stays as it was"
like "$(linux "$T/own" 2>&1)" 'uncommitted changes, which are not used' \
	"what it has not committed is not used, and that is said"
run_ok "make series with LINUX" env LINUX="$T/own" "$H/kernel/export"
base="base-commit: $(git -C "$T/own" rev-parse HEAD)"
is "$(tail -n 1 "$P/$first/0000-cover-letter.patch")" "$base" "names that commit as the base"
is "$(sed -n '/^base-commit: /,$p' "$P/$final/0000-cover-letter.patch")" "$base
$(git -C "$LOCAL" rev-list --reverse "base..$before_final" | while read -r c; do
	git -C "$LOCAL" diff-tree -p "$c" | git patch-id --stable | sed 's/ .*//; s/^/prerequisite-patch-id: /'
done)" "and the patches of the sets before"
git -C "$T/own" checkout -q Makefile
git -C "$T/own" -c user.name=Dev -c user.email=dev@kernel.org am -q \
	"$P/$first"/000[1-9]-*.patch
run_ok "LINUX=<git tree with the first set>" linux "$T/own"
is "$(git -C "$LOCAL" rev-parse "$first")" "$(git -C "$T/own" rev-parse HEAD)" \
	"that set is in the base"
run_ok "the next one can be sent" env SET="$second" LINUX="$T/own" GIT_COMMITTER_NAME=Jane \
	GIT_COMMITTER_EMAIL=jane@kernel.org "$H/kernel/export" --signoff
is "$(sed -n '/^base-commit: /,$p' "$S/0000-cover-letter.patch")" \
	"base-commit: $(git -C "$T/own" rev-parse HEAD)" "without prerequisites"
run_fails "the set $first has no commit" "make series does not take its patches for gone" \
	env LINUX="$T/own" "$H/kernel/export"

# The series for stable kernels. Each patch of the main base is in them, or is said to
# be left out, and is as it was when they were made of it.
# shellcheck source=kernel/srclib.sh
now=$(BASE=$main && . "$TOP/kernel/srclib.sh" && port_sums "$TOP/patches/linux-$main")
mapfile -t stable < <(stable_bases)
for base in "${stable[@]}"; do
	stored=$TOP/patches/linux-$base
	is "$(grep -h '^[0-9a-f]' "$stored/ported" | grep -vxF "$now" || true)" "" \
		"$base: what each patch was made of has not changed in $main (see patches/README.md)"
	is "$({
		sed 's/^[^ ]* //; /^ /d' <(grep -v '^#' "$stored/ported")
		sed '/^#/d; s/\t.*//' "$stored/left-out"
	} | sort)" "$(cut -d' ' -f2- <<<"$now" | sort)" \
		"$base: each patch of $main is there once, or left out"
	is "$(grep -L '^\[ Upstream commit <pending> \]$' "$stored"/*/0*.patch |
		grep -v '/0000-' || true)" "" "$base: each patch names its upstream counterpart"
done
for base in "${stable[@]}"; do
	if [ "$base" != "${stable[0]}" ] && [ -z "${FULL:-}" ]; then
		skip "$base: its patches apply" "for time; FULL=1 makes its tree"
		continue
	fi
	run_ok "$base: kernel/tree makes the tree" env BASE="$base" "$TOP/kernel/tree"
	MAIN=$TOP/build/linux-$base
	BASE=$base home "$base"
	run_ok "$base: the stored patches apply" env BASE="$base" "$H/kernel/tree"
	run_ok "$base: make series writes them" env BASE="$base" "$H/kernel/export"
	run_ok "$base: the same as are stored" diff -r "$TOP/patches" "$H/patches"
done

# A new base is a new folder: that of the oldest one, under another number.
stage "a new base"
old=${stable[0]}
MAIN=$TOP/build/linux-$old
BASE=$old home new
cp -r "$P" "$H/patches/linux-99.9"
mv "$L" "$H/build/linux-99.9"
sed -i '/^role/s/$/  # a comment/' "$H/patches/linux-99.9/base.toml"
cp -r "$H/patches/linux-99.9" "$T/new-base"
run_ok "a new base: kernel/tree makes the tree" env BASE=99.9 "$H/kernel/tree"
run_ok "make series writes it" env BASE=99.9 "$H/kernel/export"
run_ok "as it was" diff -r "$T/new-base" "$H/patches/linux-99.9"
is "$(git -C "$H/build/linux-99.9" diff --name-only base nofix)" drivers/hv/vmbus_drv.c \
	"its tree has nofix"
git -C "$H/build/linux-99.9" config series.base "linux-source-99.9 99.9.9-9"
run_ok "make series from another source" env BASE=99.9 "$H/kernel/export"
is "$(diff "$T/new-base/base.toml" "$H/patches/linux-99.9/base.toml" | grep '^[<>]')" \
	"< $(grep ^source "$T/new-base/base.toml")
> source = \"linux-source-99.9 99.9.9-9\"" "base.toml names that one, and is otherwise as it was"
stage "without the fix"

# A 6.1 that is without mainline's fix gets that first.
MAIN=$TOP/build/linux-6.1
BASE=6.1 home own
mkdir "$T/nofix"
{
	sed -n 's|^--- a/||p' "$P"/*/*.patch
	printf '%s\n' Makefile drivers/hv/vmbus_drv.c
} | sort -u | xargs git -C "$MAIN" ls-tree -r --name-only nofix -- |
	xargs git -C "$MAIN" archive nofix -- | tar -x -C "$T/nofix"
run_ok "6.1: the series is in another copy" env BASE=6.1 "$H/kernel/tree"
run_ok "LINUX=<6.1 without the fix> works" env BASE=6.1 LINUX="$T/nofix" "$H/kernel/tree"
L=$H/build/linux-local
is "$(git -C "$L" diff --name-only nofix base)" drivers/hv/vmbus_drv.c \
	"the fix is put into its base"
is "$(git -C "$L" rev-parse base:drivers/hv/vmbus_drv.c)" \
	"$(git -C "$MAIN" rev-parse base:drivers/hv/vmbus_drv.c)" "as 6.1 has it"
is "$(git -C "$L" rev-list --count base..series)" "$(patches "$P" | wc -l)" \
	"then comes the series"
before=$(git -C "$L" rev-parse nofix base series)
run_ok "again" env BASE=6.1 LINUX="$T/nofix" "$H/kernel/tree"
is "$(git -C "$L" rev-parse nofix base series)" "$before" "nothing changes"
if [ -n "${FULL:-}" ]; then
	src=$("$TOP/kernel/fetch" 6.1.176)
	run_ok "Debian's 6.1.176 gets the fix and the series" \
		env BASE=6.1 LINUX="$src" "$H/kernel/tree"
	is "$(git -C "$L" log -1 --format=%s nofix) $(git -C "$L" rev-list --count nofix..series)" \
		"$(realpath "$src") $(($(patches "$P" | wc -l) + 1))" "on its own source"
else
	skip "Debian's 6.1.176 gets the fix and the series" "for time; FULL=1 tries it"
fi
run_fails "is Linux $main-rc2; BASE=6.1 needs 6.1" "6.1's series is for 6.1" \
	env BASE=6.1 LINUX="$T/old" "$H/kernel/tree"
run_fails "BASE=5.4 has no series .there is: $(bases | paste -sd' ')" "a base without a series" \
	env BASE=5.4 "$H/kernel/tree"

# A patch of the main base that changes leaves those behind that were made of it.
sed -i '0,/^$/s//\nChanged.\n/' "$H/patches/linux-$main"/*/0*.patch
cp "$P/ported" "$T/ported"
run_ok "make series of a stable series" env BASE=6.1 "$H/kernel/export"
run_ok "does not take an old port for a new one" cmp "$T/ported" "$P/ported"
subject=$(sed -n '/^#/!{s/^[^ ]* //p;q}' "$P/ported")
grep -vF " $subject" "$T/ported" >"$P/ported"
run_ok "make series again" env BASE=6.1 "$H/kernel/export"
is "$(diff "$T/ported" "$P/ported" | grep -cF " $subject")" 2 \
	"does when it is told to"

done_testing
