# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What takes programs out of Debian's packages without installing them. Source it after
# lib.sh.

# unpack_debs FOLDER PACKAGE[=VERSION]...: what is in these packages of ARCH, in FOLDER.
unpack_debs() {
	local dest=$1 package deb
	shift
	for package; do
		if [[ $package = *=* ]]; then
			deb=$("$TOP/kernel/getdeb" "${package%%=*}" "${package#*=}")
		else
			deb=$("$TOP/kernel/getdeb" "$package")
		fi || return
		dpkg-deb -x "$deb" "$dest"
	done
}

# same_as_here PACKAGE: PACKAGE=VERSION, of the version that is installed on this machine.
# A rebuild of one architecture's package counts as the same.
same_as_here() {
	local version
	version=$(dpkg-query -W -f '${Version}' "$1")
	echo "$1=${version%+b[0-9]*}"
}

# libraries ROOT PROGRAM: the loader and the shared libraries that PROGRAM needs, a path
# each: those below ROOT, where packages were unpacked, else this machine's, or for a
# program of another machine those of the cross compiler.
libraries() {
	local machine=$ARCH_MACHINE-linux-gnu folders=() found
	local below=("$1"/{usr/,}lib/"$machine")
	if [ -n "$ARCH_CROSS" ]; then
		folders=("${below[@]}" "/usr/$machine/lib")
		found=$(needed "$2" "${folders[@]}")
	else
		found=$(LD_LIBRARY_PATH=${below[0]}:${below[1]} ldd "$2" 2>&1)
	fi
	[[ $found != *"not found"* ]] ||
		die "${2##*/} needs more libraries: $(grep 'not found' <<<"$found")"
	# None of a static program
	grep -o '/[^ ]*' <<<"$found" || true
}

# needed PROGRAM FOLDER...: what ldd prints, about, for a program that cannot run here and
# whose libraries are in these folders.
needed() {
	local queue=("$1") file name d
	local -A seen=()
	shift
	while [ ${#queue[@]} -gt 0 ]; do
		file=${queue[0]}
		queue=("${queue[@]:1}")
		while read -r name; do
			[ -z "${seen[$name]:-}" ] || continue
			seen[$name]=yes
			for d; do
				[ ! -e "$d/$name" ] || break
			done
			if [ -e "$d/$name" ]; then
				echo "$d/$name"
				queue+=("$d/$name")
			else
				echo "$name not found"
			fi
		done < <(readelf -dlW "$file" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p
			s/.*Requesting program interpreter: .*\/([^/]*)\]/\1/p')
	done
}

# put_libraries DEST ROOT PROGRAM: these, in DEST, where PROGRAM finds them.
put_libraries() {
	local libs lib to
	libs=$(libraries "$2" "$3") || return
	for lib in $libs; do
		to=$1/lib/$ARCH_MACHINE-linux-gnu/${lib##*/}
		[ "${lib##*/}" != "${ARCH_LOADER##*/}" ] || to=$1/$ARCH_LOADER
		[ -e "$to" ] || install -D -m 755 "$lib" "$to"
	done
}
