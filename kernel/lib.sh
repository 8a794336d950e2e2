# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What every script here shares: where things are, how to say no, how to get
# a Debian package. Source it; it runs nothing.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$TOP/build
CACHE=$BUILD/cache
JOBS=${JOBS:-$(nproc)}
# The series' base, and with LINUX=<tree> the name for a tree of the user's;
# SERIES is the base whose patches it gets.
BASE=${BASE:-7.3}
[ "$BASE" = local ] || SERIES=$BASE
export TOP BUILD CACHE JOBS BASE SERIES
# What can be behind a kernel's name, as 7.3-series-debug: kernel/config/NAME.config
# is put over the rest. "|" is between them.
# shellcheck disable=SC2034
OVER='debug|efifb|nosysfb'
# A make that called us is not to talk to the kernel's.
unset MAKEFLAGS MFLAGS MAKELEVEL
[ -z "${LINUX:-}" ] || BASE=local
mkdir -p "$CACHE"

# die MESSAGE: one clear sentence on stderr, exit 1.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# say MESSAGE: a line of progress on stderr.
say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# need PACKAGE...: install the Debian packages that are missing.
need() {
	local p missing=()
	for p; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null |
			grep -qx installed || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] ||
		die "missing packages; as root: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	apt-get update -qq >"$BUILD/apt.log" 2>&1 || true
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		-o DPkg::Lock::Timeout=300 \
		--no-install-recommends "${missing[@]}" >>"$BUILD/apt.log" 2>&1 ||
		die "apt-get install ${missing[*]} failed; see $BUILD/apt.log"
}

# debian_kernel VERSION: the package of Debian's newest kernel of that version,
# VERSION-amd64, or without that end its cloud kernel; its name holds the ABI
# number, which only the metapackage knows.
debian_kernel() {
	local flavour=cloud-amd64 meta name
	[[ $1 != *-amd64 ]] || flavour=amd64
	meta=$("$TOP/kernel/getdeb" "linux-image-$flavour" "${1%-amd64}") || return
	name=$(dpkg-deb -f "$meta" Depends |
		grep -o "linux-image-[0-9][^ ,]*-$flavour" | head -n 1)
	[ -n "$name" ] || die "${meta##*/} names no kernel package"
	"$TOP/kernel/getdeb" "$name"
}
