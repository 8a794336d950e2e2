# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What every script here shares: where things are, how to say no, how to get a
# Debian package, and which have to be installed. Source it; it installs nothing.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$TOP/build
CACHE=$BUILD/cache
DEPENDENCIES=$TOP/deps/packages
# Debian's git and python3, whichever the caller has first
case :$PATH: in
:"$TOP"/deps/bin:*) ;;
*) PATH=$TOP/deps/bin:$PATH ;;
esac
JOBS=${JOBS:-$(nproc)}
# The series' base, and with LINUX=<tree> the name for a tree of the user's;
# SERIES is the base whose patches it gets.
BASE=${BASE:-7.3}
[ "$BASE" = local ] || SERIES=$BASE
export TOP BUILD CACHE JOBS BASE SERIES PATH
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

# packages GROUP...: the Debian packages of these groups of deps/packages, a line each;
# fails if there is no such group.
packages() {
	awk -v asked="$*" '
		function add(name,  i, n, word) {
			if (!(name in text)) {
				print FILENAME ": no such group: " name >"/dev/stderr"
				failed = 1
			}
			if (failed || seen[name]++) return
			n = split(text[name], word, " ")
			for (i = 1; i <= n; i++)
				if (word[i] ~ /^@/) add(substr(word[i], 2)); else found[word[i]]
		}
		/^[a-z]/ { sub(/:/, ""); key = $1; $1 = ""; text[key] = text[key] $0 }
		END {
			n = split(asked, ask, " ")
			for (i = 1; i <= n; i++) add(ask[i])
			if (failed) exit 1
			for (p in found) print p
		}' "$DEPENDENCIES" | sort
}

# missing GROUP...: those of them that are not installed.
missing() {
	local all
	all=$(packages "$@") || exit
	# shellcheck disable=SC2086 # a word a package
	comm -13 <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $all 2>/dev/null |
		sed -n 's/^installed //p' | sort -u) <(echo "$all")
}

# need GROUP...: fails, with their names, if packages of these groups are missing.
need() {
	local names
	names=$(missing "$@") || exit
	[ -z "$names" ] ||
		die "these packages are missing: ${names//$'\n'/ }; make deps installs all"
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
