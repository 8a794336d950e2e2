#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What guests are made of: their initramfs, also with a second kernel's, the
# tools from Debian's packages, Debian's kernels, and what our own programs say
# on a machine where there is nothing to find.
# shellcheck disable=SC2317 # the functions are called by run_ok
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX
tmpdir
cd "$TOP"

# unpack ARCHIVE FOLDER: it may be several, one behind the other.
unpack() {
	mkdir -p "$2"
	(cd "$2" && while cpio --quiet -id --no-absolute-filenames; do :; done) \
		<"$1" 2>/dev/null
}

# wrong EREGEX DESC ARGS...: guest/mkinitrd refuses them.
wrong() {
	local want=$1 desc=$2
	shift 2
	run_fails "$want" "mkinitrd: $desc" guest/mkinitrd "$@"
}
echo first >"$T/first"
echo second >"$T/second"
echo kernel >"$T/kernel"
wrong '^mkinitrd: usage: ' "nothing to make"
wrong '^mkinitrd: usage: ' "an option that there is not" --third "$T/out"
wrong '^mkinitrd: usage: ' "a dump without a second kernel" --dump "$T/out"
wrong '^mkinitrd: usage: ' "a second initrd without its kernel" \
	--second-initrd "$T/second" "$T/out"
wrong "no such kernel for the guest: $T/none" "a second kernel that is not there" \
	--second "$T/none" "$T/out"
wrong "no such second initrd: $T/none" "a second initrd that is not there" \
	--second "$T/kernel" --second-initrd "$T/none" "$T/out"
wrong "no such file for the guest's /a: $T/none" "a file that is not there" \
	"$T/out" "a=$T/none"

run_ok "mkinitrd: one for the second kernel" guest/mkinitrd "$T/initrd2" "id=$T/second"
run_ok "mkinitrd: one with that" guest/mkinitrd --second "$T/kernel" \
	--second-initrd "$T/initrd2" --dump "$T/mixed" "id=$T/first"
run_ok "mkinitrd: the same again" guest/mkinitrd --second "$T/kernel" \
	--second-initrd "$T/initrd2" --dump "$T/again" "id=$T/first"
run_ok "mkinitrd: same input, same bytes" cmp "$T/mixed" "$T/again"
run_ok "mkinitrd: one whose second is itself" guest/mkinitrd --second "$T/kernel" \
	"$T/same" "id=$T/first"

# has FOLDER FILE yes|no.
has() {
	is "$([ -e "$T/$1/$2" ] && echo yes || echo no)" "$3" "$1: $2: $3"
}
unpack "$T/mixed" "$T/mixed.first"
unpack "$T/mixed.first/second/initrd" "$T/mixed.second"
unpack "$T/same" "$T/same.first"
unpack "$T/same.first/second/initrd" "$T/same.second"
is "$(cat "$T/mixed.first/id" "$T/mixed.second/id" "$T/same.first/id" "$T/same.second/id" |
	paste -sd' ')" 'first second first first' "each kernel has its own files"
is "$(<"$T/mixed.first/second/kernel")" kernel "the second kernel is there"
for f in mixed.first mixed.second same.first same.second; do
	has "$f" init yes
	has "$f" bin/report yes
	has "$f" bin/echo-bars yes
	has "$f" bin/kexec "$([[ $f = *.first ]] && echo yes || echo no)"
	has "$f" bin/makedumpfile "$([ "$f" = mixed.second ] && echo yes || echo no)"
done

# runs FOLDER PROGRAM ARGS...: it starts with the libraries of that folder, and
# no others.
runs() {
	local d=$T/$1 program=$2
	shift 2
	"$d/lib64/ld-linux-x86-64.so.2" --inhibit-cache \
		--library-path "$d/lib/x86_64-linux-gnu" "$d/bin/$program" "$@" 2>&1
}
like "$(runs mixed.first kexec -v)" '^kexec-tools 2' "kexec has its libraries"
like "$(runs mixed.second makedumpfile -v)" '^makedumpfile: version 1' \
	"makedumpfile has its libraries"
run_fails '^tool: usage: ' "a tool that there is not" guest/tool crash

# An arm64 guest has the same files, for its machine.
ARCH=arm64 guest/mkinitrd "$T/arm64.second" "id=$T/second" >"$T/out" 2>&1 &&
	ARCH=arm64 guest/mkinitrd --second "$T/kernel" --second-initrd "$T/arm64.second" --dump \
		"$T/arm64" "id=$T/first" >>"$T/out" 2>&1
is "$?" 0 "arm64: an initramfs with a second one is made" <"$T/out"
unpack "$T/arm64" "$T/arm64.first"
unpack "$T/arm64.first/second/initrd" "$T/arm64.second.d"
is "$(cd "$T/arm64.first" && find . ! -path './lib*' | sort)" \
	"$(cd "$T/mixed.first" && find . ! -path './lib*' | sort)" "arm64: the same files as on x86"
for p in first/bin/{busybox,report,echo-bars,kexec} second.d/bin/makedumpfile; do
	is "$(readelf -hW "$T/arm64.$p" | sed -n 's/^ *Machine: *//p')" AArch64 "arm64: $p is for it"
done
# arm64 FOLDER PROGRAM ARGS...: like runs.
arm64() {
	qemu-aarch64-static "$T/arm64.$1/lib/ld-linux-aarch64.so.1" --inhibit-cache --library-path \
		"$T/arm64.$1/lib/aarch64-linux-gnu" "$T/arm64.$1/bin/$2" "${@:3}" 2>&1
}
like "$(arm64 first kexec -v)" '^kexec-tools 2' "arm64: kexec has its libraries"
like "$(arm64 second.d makedumpfile -v)" '^makedumpfile: version 1' \
	"arm64: makedumpfile has its libraries"
is "$(qemu-aarch64-static "$T/arm64.first/bin/busybox" echo works 2>&1)" works \
	"arm64: busybox runs"

# No device echoes here; and the report ends each block that it begins.
run_fails '^exit 1: |no device that echoes' "echo-bars: no devices" \
	"$T/same.first/bin/echo-bars"
"$T/same.first/bin/report" >"$T/report" 2>&1 || true
is "$(sed -n 's/^guest: begin //p' "$T/report" | paste -sd' ')" \
	"$(sed -n 's/^guest: end \([a-z]*\) .*/\1/p' "$T/report" | paste -sd' ')" \
	"the report: each block ends"
is "$(sed -n '/^guest: begin pci$/,/^guest: end/{/^guest/!p}' "$T/report" | wc -l)" \
	"$(find /sys/bus/pci/devices -mindepth 1 2>/dev/null | wc -l)" \
	"the report: a line a PCI device"
is "$(sed -n '/^guest: begin pci$/,/^guest: end/{/^guest/!p}' "$T/report" |
	grep -cvE '^[0-9a-f:.]{12,} [0-9a-f]{4}:[0-9a-f]{4} [0-9a-f]{6} [^ ]+( bar[0-5] (unset|0x[0-9a-f]+-0x[0-9a-f]+))*$' ||
	true)" 0 "the report: ... that says what and where it is"

# Debian's kernels have the modules that guests are told to load, and all that
# those need, softly too.
for version in 6.1.176 6.1.176-amd64; do
	d=$(kernel/debian "$version")
	release=$(<"$d/release")
	like "$release" "^6\.1\.0-[0-9]+-$([[ $version = *-amd64 ]] || echo cloud-)amd64$" \
		"debian-$version: its flavour"
	for m in hv_vmbus hv_utils pci-hyperv nvme ext4 crypto-crc32c \
		"$([[ $version = *-amd64 ]] && echo hyperv_drm || echo hyperv_fb)"; do
		run_ok "debian-$version: $m" modprobe -d "$d/modules" -S "$release" \
			--show-depends "$m"
	done
done
done_testing
