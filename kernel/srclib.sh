# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the scripts about source trees share. Source it after lib.sh.

# shellcheck disable=SC2034
PATCHES=$TOP/patches/linux-7.3
# shellcheck disable=SC2034
TREE=$BUILD/linux-$BASE

# g GIT-ARGS...: git without the caller's settings: hooks, signing, diff
# options or an editor's environment must not change what comes out.
unset "${!GIT_@}"
g() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -c safe.directory='*' -c gc.auto=0 -c maintenance.auto=false \
		-c core.hooksPath=/dev/null -c commit.gpgSign=false \
		-c core.abbrev=12 -c core.autocrlf=false -c core.quotePath=false \
		-c advice.detachedHead=false "$@"
}

# t GIT-ARGS...: git in the tree.
t() {
	g -C "$TREE" "$@"
}

# ours DATE: what is committed here comes out the same everywhere.
ours() {
	export GIT_AUTHOR_NAME='kernel/tree' GIT_AUTHOR_EMAIL='tree@localhost'
	export GIT_COMMITTER_NAME='kernel/tree' GIT_COMMITTER_EMAIL='tree@localhost'
	export GIT_AUTHOR_DATE="@$1 +0000" GIT_COMMITTER_DATE="@$1 +0000"
}

# room DIR MIB WHAT: DIR has MIB of free space for WHAT.
room() {
	local free
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die "$3 needs $2 MiB of free space in $1, which has $free MiB"
}

# patch_sum: what stands for the stored patches, their cover letter aside.
patch_sum() {
	find "$PATCHES" -maxdepth 1 -name '[0-9]*.patch' ! -name '0000-*' \
		-print0 | sort -z | xargs -0r cat | sha256sum | cut -d' ' -f1
}

# applied WAY PATCH...: sets APPLIED, the commit that they make on tag base by git
# am, or with WAY -3 by git am -3. They go on in a work tree aside that holds next
# to no files, so a patch that fails changes nothing.
applied() {
	local aside=$TREE.am way=$1 p
	shift
	rm -rf "$aside"
	t worktree prune
	t worktree add -q --no-checkout --detach "$aside" base
	g -C "$aside" sparse-checkout set --no-cone /Makefile
	g -C "$aside" read-tree -m -u HEAD
	for p; do
		if ! (ours "$(t log -1 --format=%at base)"
			unset "${!GIT_AUTHOR_@}"
			g -C "$aside" am -q --committer-date-is-author-date \
				${way:+"$way"} "$p") >"$BUILD/tree.log" 2>&1; then
			t worktree remove --force "$aside"
			die "$p does not apply: $(grep -m1 -E '^(error|fatal)' \
				"$BUILD/tree.log" || tail -1 "$BUILD/tree.log")"
		fi
	done
	# shellcheck disable=SC2034
	APPLIED=$(g -C "$aside" rev-parse HEAD)
	t worktree remove --force "$aside"
}

# What a second or later version has in the prefix of its subjects.
# shellcheck disable=SC2034
LATER=' v([2-9]|[1-9][0-9]+)( |$)'

# verdict pass|fail|skip WHAT[: WHY]: one line of what the check $check finds.
# A fail sets rc.
# shellcheck disable=SC2034,SC2154 # both are the caller's
verdict() {
	echo "$1 $check: $2"
	[ "$1" != fail ] || rc=1
}

# judge WHAT COMMAND...: pass if it succeeds and prints nothing.
judge() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1) && [ -z "$out" ]; then
		verdict pass "$what"
	else
		verdict fail "$what: $(head -c 2000 <<<"${out:-exit $?}" | paste -sd'|')"
	fi
}

# checkpatch TREE ARGS...: what TREE's own has to say, strictly. The Debian base
# knows no commit; kernel/lint asks MAINTAINERS for new files.
checkpatch() {
	"$1/scripts/checkpatch.pl" --strict --quiet --root="$1" --no-summary \
		--ignore UNKNOWN_COMMIT_ID,FILE_PATH_CHANGES "${@:2}"
}

# kernel_version: "7.3.4" from a kernel's Makefile on stdin.
kernel_version() {
	awk -F' *= *' '
		$1 == "VERSION" { v = $2 }
		$1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { s = $2 }
		$1 == "EXTRAVERSION" { print v "." p (s > 0 ? "." s : "") $2; exit }'
}
