# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What every script here shares: where things are, how to say no, how to get a
# Debian package, which have to be installed, and what the bases, sets and guest kernels
# are. Source it; it installs nothing.

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
# A make that called us is not to talk to the kernel's.
unset MAKEFLAGS MFLAGS MAKELEVEL
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

# base_facts: what patches/linux-*/base.toml say; see kernel/base.awk. A copy of the scripts
# without patches/ has no base.
base_facts() {
	local file files=("$TOP"/patches/linux-*/)
	[ -d "$TOP/patches" ] || return 0
	files=("${files[@]/%/base.toml}")
	for file in "${files[@]}"; do
		[[ $file =~ /linux-[1-9][0-9]*\.[0-9]+/base\.toml$ ]] ||
			die "${file%/*}: a folder's name is linux- and a version such as 6.12"
		[ -f "$file" ] || die "$file is missing; patches/README.md says what it contains"
	done
	awk -v tool="${0##*/}" -v config="$TOP/kernel/config/" -f "$TOP/kernel/base.awk" "${files[@]}"
}

# base_values KEY [BASE]: the values of KEY in BASE's base.toml, a line each.
base_values() {
	local base=${2:-$SERIES} line
	[ "$base" != local ] || base=$SERIES
	while IFS= read -r line; do
		[[ $line != "$base $1 "* ]] || echo "${line#"$base $1 "}"
	done <<<"$BASE_FACTS"
}

# bases: all bases, oldest first.
bases() {
	cut -d' ' -f1 <<<"$BASE_FACTS" | sort -uV
}

# main_base: the base that BASE defaults to, and that the others are compared with.
main_base() {
	sed -n 's/ role main$//p' <<<"$BASE_FACTS"
}

# stable_bases: the others, oldest first.
stable_bases() {
	bases | grep -vxF "$(main_base)" || true
}

# is_main [BASE]: BASE is the main base.
is_main() {
	[ "${1:-$SERIES}" = "$(main_base)" ]
}

# base_suffix BASE: the end of the names of BASE's folders in build/. The main base has
# none.
base_suffix() {
	is_main "$1" || echo "-$1"
}

# variants [BASE]: what a kernel's name can end with, as in 7.3-series-debug, with "|"
# between them: kernel/config/NAME.config is put over the rest.
variants() {
	base_values variants "$@" | paste -sd'|'
}

# arch_load: sets what kernel/arches says of ARCH as ARCH_MACHINE, ARCH_MAKE, ARCH_BOOT (the
# folder below arch/ that the image is built in), ARCH_IMAGE, ARCH_DEBIAN, ARCH_QEMU,
# ARCH_LOADER; ARCH_CROSS, the prefix of its compiler if this machine is another; and
# ARCH_FOLDER, the end of the names of its folders in build/, which x86 does not have. ARCH
# may be the kernel's or Debian's name for it, and becomes the one used here.
# shellcheck disable=SC2034 # callers use them
arch_load() {
	local known=() name machine make boot image debian qemu loader asked=$ARCH
	ARCH=''
	while read -r name machine make boot image debian qemu loader; do
		[[ $name =~ ^[a-z] ]] || continue
		known+=("$name")
		[[ " $name $machine $make $debian " = *" $asked "* ]] || continue
		ARCH=$name ARCH_MACHINE=$machine ARCH_MAKE=$make ARCH_BOOT=$boot ARCH_IMAGE=$image
		ARCH_DEBIAN=$debian ARCH_QEMU=$qemu ARCH_LOADER=$loader
	done <"$TOP/kernel/arches"
	[ -n "$ARCH" ] || die "no such architecture: '$asked' (${known[*]})"
	ARCH_CROSS='' ARCH_FOLDER=''
	[ "$(uname -m)" = "$ARCH_MACHINE" ] || ARCH_CROSS=$ARCH_MACHINE-linux-gnu-
	[ "$ARCH" = x86 ] || ARCH_FOLDER=/$ARCH
}

# for_arch GROUP: the group of deps/packages that ARCH has for it: GROUP-ARCH, but GROUP
# on x86.
for_arch() {
	if [ "$ARCH" = x86 ]; then echo "$1"; else echo "$1-$ARCH"; fi
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

# apt_state DEBIAN: the folder with kernel/getdeb's apt state for Debian's architecture of
# that name.
apt_state() {
	if [ "$1" = amd64 ]; then echo "$BUILD/apt"; else echo "$BUILD/apt-$1"; fi
}

# debian_kernel VERSION: the package of Debian's newest kernel of that version for ARCH,
# VERSION-amd64 (VERSION-arm64), or without that end its cloud kernel; its name holds the
# ABI number, which only the metapackage knows.
debian_kernel() {
	local flavour=cloud-$ARCH_DEBIAN meta name
	[[ $1 != *-"$ARCH_DEBIAN" ]] || flavour=$ARCH_DEBIAN
	meta=$("$TOP/kernel/getdeb" "linux-image-$flavour" "${1%-"$ARCH_DEBIAN"}") || return
	name=$(dpkg-deb -f "$meta" Depends |
		grep -o "linux-image-[0-9][^ ,]*-$flavour" | head -n 1)
	[ -n "$name" ] || die "${meta##*/} names no kernel package"
	"$TOP/kernel/getdeb" "$name"
}

# sets [BASE]: the sets of BASE's patches in their order, a line each. A set is a folder
# of patches/linux-BASE, a number and a name, as 1-reservation.
sets() {
	local base=${1:-$SERIES} folder
	[ "$base" != local ] || base=$SERIES
	for folder in "$TOP/patches/linux-$base"/[0-9]*/; do
		folder=${folder%/}
		[ ! -d "$folder" ] || echo "${folder##*/}"
	done
}

# last_set [BASE]: the last of them.
last_set() {
	sets "$@" | tail -n 1
}

# set_named NAME: the set of that name; the number may be missing, and the end of the
# name. Dies if there is none, or more than one.
set_named() {
	local all found=
	all=$(sets)
	[[ ! $1 =~ ^[0-9a-z-]+$ ]] || found=$(grep -xE "([0-9]+-)?$1" <<<"$all" ||
		grep -E "^([0-9]+-)?$1" <<<"$all") || true
	[[ $found && $found != *$'\n'* ]] ||
		die "no such set: '$1' (linux-$SERIES has ${all//$'\n'/, })"
	echo "$found"
}

# series_kernel BASE: the guest kernel with all sets up to SET, or with all there are.
series_kernel() {
	local set=
	if [ -n "${SET:-}" ]; then
		[ "${WORK:-0}" != 1 ] || die "WORK=1 uses the tree as it is checked out, not a SET"
		set=$(set_named "$SET") || exit
	fi
	[ "$set" != "$(last_set)" ] || set=
	[ -z "$set" ] || set=${set#*-}
	echo "$1-${set:-series}"
}

# kernel_names BASE: the guest kernels of BASE, a line each: see kernel/build.
kernel_names() {
	local set last
	last=$(last_set "$1")
	[ -n "$last" ] || return 0
	printf '%s\n' "$1-nofix" "$1"
	for set in $(sets "$1"); do
		[ "$set" = "$last" ] || echo "$1-${set#*-}"
	done
	echo "$1-series"
}

# kernel_features NAME: the features that base.toml states for guest kernel NAME, which is
# no variant, a line each; none if there is no such base. A user's tree that is neither the
# series nor named after a set has the base's alone.
kernel_features() {
	local base=${1%%-*} role='' set line all
	[[ $1 != *-* ]] || role=${1#*-}
	[ "$base" = local ] || [[ ! $base =~ ^[0-9]+\.[0-9]+ ]] || base=${BASH_REMATCH[0]}
	all=$(sets "$base")
	[[ $role = series || $'\n'$all$'\n' = *[0-9]"-$role"$'\n'* ]] || all=
	for set in base $all; do
		while IFS= read -r line; do
			[[ $line != "$set:"* ]] || echo "${line#*:}"
		done < <(base_values features "$base")
		[ "${set#*-}" != "$role" ] || break
	done
}

# kernel_check NAME [MORE]: dies if there is no guest kernel NAME. MORE is what else the
# caller takes.
kernel_check() {
	local name=$1 base=${1%%-*} names last over
	over=$(variants "$base")
	[[ -z $over || ! $name =~ ^(.*)-($over)$ ]] || name=${BASH_REMATCH[1]}
	names=$(kernel_names "$base")
	! grep -qxFe "$name" <<<"$names" || return 0
	last=$(last_set "$base")
	[ -z "$last" ] || [ "$name" != "$base-${last#*-}" ] ||
		die "no such kernel: '$1'; ${last#*-} is the last set, so use $base-series"
	if [ -z "$names" ]; then
		names=$(kernel_names "$BASE")
		over=$(variants "$BASE")
	fi
	die "no such kernel: '$1' (${names//$'\n'/, }${over:+, each also with -${over//|/, -}}${2:+; $2})"
}

ARCH=${ARCH:-x86}
arch_load
BASE_FACTS=$(base_facts) || exit
# The series' base, and with LINUX=<tree> the name for a tree of the user's;
# SERIES is the base whose patches it gets.
BASE=${BASE:-$(main_base)}
[ "$BASE" = local ] || SERIES=$BASE
[ -z "${LINUX:-}" ] || BASE=local
export TOP BUILD CACHE JOBS BASE SERIES PATH
