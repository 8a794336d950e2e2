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

# kernel_version: "7.3.4" from a kernel's Makefile on stdin.
kernel_version() {
	awk -F' *= *' '
		$1 == "VERSION" { v = $2 }
		$1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { s = $2 }
		$1 == "EXTRAVERSION" { print v "." p (s > 0 ? "." s : "") $2; exit }'
}
