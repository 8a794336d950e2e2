# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the scripts about source trees share. Source it after lib.sh.

PATCHES=$TOP/patches/linux-$SERIES
[ -d "$PATCHES" ] || die "BASE=$SERIES has no series (there is: $(bases | paste -sd' '))"
[ -n "$(sets)" ] || die "$PATCHES has no set; a set is a folder like 1-reservation"
# What a kernel's name can end with, with "|" between: see variants
VARIANTS=$(variants)
for set in $(sets); do
	[[ $set =~ ^[0-9]+-[a-z]+$ && ! ${set#*-} =~ ^(series|nofix|$VARIANTS)$ ]] ||
		die "$PATCHES/$set: a set's name is a number, '-' and lowercase letters," \
			"and not series, nofix${VARIANTS:+, ${VARIANTS//|/, }}"
done
unset set
# Up to which set; nothing means all.
[ -z "${SET:=}" ] || SET=$(set_named "$SET")
export SET
# Mainline's fix, for a base that is without it
# shellcheck disable=SC2034
PREREQUISITE=$PATCHES/prerequisite.patch
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

# worktree DIR REF: DIR is a work tree of the tree, and holds REF.
worktree() {
	local gitdir
	gitdir=$(g -C "$1" rev-parse --path-format=absolute --git-common-dir \
		2>/dev/null) || gitdir=
	if [ "$gitdir" != "$TREE/.git" ]; then
		# Of no tree, or of one that is gone.
		mkdir -p "${1%/*}"
		room "${1%/*}" 2500 "building kernels"
		rm -rf "$1"
		t worktree prune
		t worktree add -q --force --detach "$1" "$2"
	fi
	g -C "$1" checkout -q --force --detach "$2"
}

# progress WHAT TOTAL LOG: make's output on stdin goes to LOG; now and then a
# line on stderr says how far it is. TOTAL is about how many files will be
# compiled, or 0. Prints how many were.
progress() {
	local line n=0 start=$SECONDS next=$((SECONDS + 10)) t left
	while IFS= read -r line; do
		printf '%s\n' "$line" >&5
		[ -z "${V:-}" ] || printf '%s\n' "$line" >&2
		[[ $line != "  "[A-Z]* ]] || n=$((n + 1))
		[ "$SECONDS" -ge "$next" ] || continue
		next=$((SECONDS + 10)) t=$((SECONDS - start))
		left=
		if [ "$2" -gt "$n" ] && [ "$n" -gt 0 ]; then
			left=", about $((t * ($2 - n) / n)) s left"
			left=" of about $2$left"
		fi
		say "$1: $n files$left, $t s so far"
	done 5>>"$3"
	echo "$n"
}

# known COMMIT: of the lines of a configuration on stdin those whose option the
# kernel at COMMIT has.
known() {
	awk 'FNR == NR { has["CONFIG_" $2]; next }
		match($0, /CONFIG_[A-Za-z0-9_]+/) && substr($0, RSTART, RLENGTH) in has' \
		<(g -C "$TREE" grep -h -E '^[[:space:]]*(menu)?config [A-Z0-9a-z_]+' "$1" \
			-- '*Kconfig*') -
}

# set_ref SET: the git ref that it ends with: a branch of its name, for the last set
# branch series.
set_ref() {
	if [ "$1" = "$(last_set)" ]; then
		echo refs/heads/series
	else
		echo "refs/heads/$1"
	fi
}

# set_start SET: the git ref that it starts from: the end of the set before, or tag base.
set_start() {
	local set start=refs/tags/base
	for set in $(sets); do
		[ "$set" != "$1" ] || break
		start=$(set_ref "$set")
	done
	echo "$start"
}

# chosen: the sets up to SET, or all.
chosen() {
	sets | if [ -n "$SET" ]; then sed "/^$SET\$/q"; else cat; fi
}

# end_ref: the git ref that they end with.
end_ref() {
	set_ref "${SET:-$(last_set)}"
}

# one_set: sets SET, if it is not given, to the only set; dies if there are more, or if it
# is one that is never sent.
one_set() {
	local all
	if [ -z "$SET" ]; then
		all=$(sets)
		[[ $all != *$'\n'* ]] || die "SET is missing: one of ${all//$'\n'/, }"
		SET=$all
	fi
	[ ! -e "$PATCHES/$SET/never-sent" ] ||
		die "$SET is never sent: $(paste -sd' ' "$PATCHES/$SET/never-sent")"
}

# set_patches SET: its stored patches, without the cover letter, a path each.
set_patches() {
	find "$PATCHES/$1" -maxdepth 1 -name '[0-9]*.patch' ! -name '0000-*' | sort
}

# patch_sum: a hash of the stored sets, without their cover letters.
patch_sum() {
	local set
	for set in $(sets); do
		echo "$set"
		set_patches "$set" | tr '\n' '\0' | xargs -0r cat
	done | sha256sum | cut -d' ' -f1
}

# keep: records in refs/kept where the sets end that patches/ holds now, and removes
# branches of sets that are gone.
keep() {
	local set ref branch
	for set in $(sets); do
		ref=$(set_ref "$set")
		t update-ref "refs/kept/${ref#refs/heads/}" "$ref"
	done
	t for-each-ref --format='%(refname:lstrip=2)' refs/kept | while read -r branch; do
		[ "$branch" != series ] || continue
		sets | sed '$d' | grep -qxF "$branch" || {
			t update-ref -d "refs/heads/$branch" "refs/kept/$branch" 2>/dev/null || true
			t update-ref -d "refs/kept/$branch"
		}
	done
}

# applied WAY START PATCH...: sets APPLIED, the commit that they make on START by git
# am, or with WAY -3 by git am -3, which leaves out what START has already. They are
# applied in another work tree that holds the files they touch and no others, so a patch
# that fails changes nothing.
applied() {
	local aside=$TREE.am way=$1 start=$2 p
	shift 2
	rm -rf "$aside"
	t worktree prune
	t worktree add -q --no-checkout --detach "$aside" "$start"
	# Merging needs the files themselves.
	g -C "$aside" sparse-checkout set --no-cone --stdin < <(echo /Makefile
		[ $# = 0 ] || sed -nE 's,^(---|\+\+\+) [ab](/.*),\2,p' "$@" | sort -u)
	g -C "$aside" read-tree -m -u HEAD
	for p; do
		if ! (ours "$(t log -1 --format=%at base)"
			unset "${!GIT_AUTHOR_@}"
			g -C "$aside" am -q --committer-date-is-author-date \
				${way:+"$way"} "$p") >"$BUILD/tree.log" 2>&1; then
			if [ -n "$way" ] && has "$start" "$p"; then
				say "${p##*/} is left out: the base has a commit of that subject"
				g -C "$aside" am -q --skip
				continue
			fi
			t worktree remove --force "$aside"
			die "$p does not apply: $(grep -m1 -E '^(error|fatal)' \
				"$BUILD/tree.log" || tail -1 "$BUILD/tree.log")"
		fi
	done
	# shellcheck disable=SC2034
	APPLIED=$(g -C "$aside" rev-parse HEAD)
	t worktree remove --force "$aside"
}

# has COMMIT PATCH: a commit of the patch's subject is in the year before COMMIT.
has() {
	local subject
	subject=$(g mailinfo /dev/null /dev/null <"$2" | sed -n 's/^Subject: //p')
	t log --format=%s --since="$(($(t log -1 --format=%ct "$1") - 31536000))" "$1" |
		grep -cxF "$subject" >/dev/null
}

# series_commit: the commit that the series ends with; with WORK=1 one of the tree as it
# is checked out, with the uncommitted changes to files that git knows. The same tree
# gives the same commit.
series_commit() {
	local index tree
	[[ ${WORK:-} =~ ^[01]?$ ]] || die "WORK is 1 or nothing, not '$WORK'"
	if [ "${WORK:-0}" != 1 ]; then
		t rev-parse --verify refs/heads/series
		return
	fi
	[ -z "$(t ls-files -u)" ] || die "$TREE has conflicts that are not resolved; see git status"
	# Not in the tree's own index, which somebody may be working with.
	index=$(mktemp "$BUILD/index.XXXXXX")
	cp "$(t rev-parse --path-format=absolute --git-path index)" "$index"
	tree=$(GIT_INDEX_FILE=$index t add -u && GIT_INDEX_FILE=$index t write-tree) || tree=
	rm -f "$index"
	[ -n "$tree" ] || die "$TREE: git cannot record what is checked out; see git status"
	if [ "$tree" = "$(t rev-parse 'HEAD^{tree}')" ]; then
		t rev-parse HEAD
	else
		(ours "$(t log -1 --format=%at HEAD)"; t commit-tree -p HEAD -m "work on the series" "$tree")
	fi
}

# kernel_commit KERNEL: the commit that a guest kernel of this base is built from; nothing
# if the tree has none.
kernel_commit() {
	case $1 in
	*-series) series_commit ;;
	*-nofix) t rev-parse -q --verify refs/tags/nofix || true ;;
	*-*) t rev-parse --verify "$(set_ref "$(set_named "${1##*-}")")" ;;
	*) t rev-parse --verify refs/tags/base ;;
	esac
}

# What a second or later version has in the prefix of its subjects.
# shellcheck disable=SC2034
LATER=' v([2-9]|[1-9][0-9]+)( |$)'

# verdict pass|fail|skip WHAT[: WHY]: one line of what the check $check finds.
# A fail sets rc.
# shellcheck disable=SC2034,SC2154 # both are the caller's
verdict() {
	echo "$1 $check: ${*:2}"
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

# checkpatch TREE ARGS...: runs TREE's checkpatch.pl --strict. The Debian base knows no
# commit; kernel/lint checks that MAINTAINERS covers new files; base.toml names other types
# to ignore. checkpatch.pl looks for the names that are in use in the folder that it runs in.
checkpatch() {
	local ignore type
	ignore=UNKNOWN_COMMIT_ID,FILE_PATH_CHANGES
	for type in $(base_values checkpatch); do
		ignore+=,$type
	done
	[ -e "$1/include/uapi/linux/screen_info.h" ] || ignore+=,CAMELCASE
	(cd "$1" && scripts/checkpatch.pl --strict --quiet --no-summary \
		--ignore "$ignore" "${@:2}")
}

# kernel_version: "7.3.4" from a kernel's Makefile on stdin.
kernel_version() {
	awk -F' *= *' '
		$1 == "VERSION" { v = $2 }
		$1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { s = $2 }
		$1 == "EXTRAVERSION" && !n++ { print v "." p (s > 0 ? "." s : "") $2 }'
}

# port_sums FOLDER: for each stored patch of its sets a line with what stands for its
# message and changes, whatever its number and place, and its subject.
port_sums() {
	local d p
	d=$(mktemp -d "$BUILD/ports.XXXXXX")
	for p in "$1"/[0-9]*-*/[0-9]*.patch; do
		[[ $p != */0000-* && -e $p ]] || continue
		g mailinfo "$d/message" "$d/diff" <"$p" >"$d/head"
		printf '%s %s\n' "$({
			sed '/^---$/,$d' "$d/message"
			g patch-id --stable <"$d/diff" | cut -d' ' -f1
		} | sha256sum | cut -c1-12)" "$(sed -n 's/^Subject: //p' "$d/head")"
	done
	rm -rf "$d"
}
