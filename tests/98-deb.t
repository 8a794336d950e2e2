#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Packages: bindeb-pkg makes a trimmed one of the series, dpkg installs it in a Debian,
# which boots from NVMe on hvhost, and whose own kdump-tools saves its dump. FULL=1:
# with the kernel that Debian has without the fix it does not.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
unset LINUX BASE KERNEL
cd "$TOP"

if [ "$(id -u)" != 0 ]; then
	plan skip_all "installing packages into a folder needs root"
fi
export TRIMMED=1
stage "x86, the package"
D=$BUILD/deb-trimmed
if ! deb=$(make -s deb 2>"$T/log"); then
	not_ok "make deb makes packages" <"$T/log"
	done_testing
fi
ok "make deb makes packages"
release=$(dpkg-deb -f "$deb" Package)
release=${release#linux-image-}
like "$release" '^[0-9.]+-hyperv-mmio$' "the release is one of our own"
is "$(dpkg-deb -f "$deb" Version)" "${release%%-*}-$(find "patches/linux-$(main_base)" \
	-name '00[0-9][0-9]-*' ! -name '0000-*' | wc -l)" "the version counts the patches"
dpkg-deb --fsys-tarfile "$deb" | tar -xf - -C "$T" --wildcards './boot/config-*' './lib/modules/*'
config=$T/boot/config-$release
run_ok "it has what it was asked to have" kernel/honoured \
	kernel/config/deb-trimmed.config "$config"
is "$(grep -c -e ^CONFIG_PCI_HYPERV=y -e ^CONFIG_HYPERV_VMBUS=y -e ^CONFIG_BLK_DEV_NVME=y \
	-e ^CONFIG_DRM_HYPERV=m "$config")" 4 "and the drivers, as Debian's cloud kernel has them"
like "$(find "$T/lib/modules/$release" -name '*.ko*' | wc -l)" '^([6-9]|[1-5][0-9])$' \
	"few modules"
like "$(readelf -hlW "$D/hyperv_mmio")" 'Type: +EXEC' "there is a selftest"
run_ok "and what collects the rest" test -x "$D/hyperv-mmio-collect"
is "$(readelf -lW "$D/hyperv_mmio" | grep -c INTERP)" 0 "which needs no libraries"
like "$(make -s deb 2>&1)" "up to date" "what is up to date is not built again"

# The same for arm64, cross-compiled; no VM boots it here.
stage "arm64"
A=$BUILD/deb-arm64-trimmed arm64=
arm64=$(make -s deb ARCH=arm64 2>"$T/log") || not_ok "make deb makes packages for arm64" <"$T/log"
if [ -n "$arm64" ]; then
	is "$(dpkg-deb -f "$arm64" Package Architecture | paste -sd' ')" \
		"Package: linux-image-$release Architecture: arm64" "arm64: the package"
	mkdir "$T/arm64"
	dpkg-deb --fsys-tarfile "$arm64" | tar -xf - -C "$T/arm64" ./boot ./lib/modules
	is "$(arm64_image "$T/arm64/boot/vmlinuz-$release")" ARMd \
		"arm64: vmlinuz is an arm64 kernel that is not packed"
	run_ok "arm64: it has what it was asked to have" kernel/honoured \
		kernel/config/deb-trimmed.config "$T/arm64/boot/config-$release"
	is "$(find "$T/arm64/lib/modules/$release" -name 'hyperv_drm.ko*' -exec modinfo -F vermagic {} + |
		grep -c "^$release .*aarch64\$")" 1 "arm64: hyperv_drm is a module of that release"
	like "$(readelf -hlW "$A/hyperv_mmio" | grep -E 'Machine:|INTERP' | tr -s ' ')" \
		'^ Machine: AArch64$' "arm64: the selftest is a static program"
fi
stage "x86"

# The whole one, which takes an hour, as far as its configuration
whole=$(TRIMMED='' kernel/package deb --configure 2>"$T/log") || not_ok "make deb's configuration" <"$T/log"
run_ok "make deb has what it was asked to have" kernel/honoured kernel/config/deb.config "$whole"
is "$(grep -c -e ^CONFIG_PCI_HYPERV=y -e ^CONFIG_HYPERV_VMBUS=y -e ^CONFIG_BLK_DEV_NVME=y \
	-e ^CONFIG_DRM_HYPERV=m "$whole")" 4 "and the drivers"
root='BLK_DEV_DM|BLK_DEV_LOOP|BTRFS_FS|EXT4_FS|HYPERV_NET|HYPERV_STORAGE|OVERLAY_FS'
root+='|SECURITY_SELINUX|SQUASHFS|XFS_FS'
is "$(grep -cE "^CONFIG_($root)=[my]\$" "$whole")" 10 \
	"and what the roots and the initramfs of RHEL, SUSE and Azure Linux need"
run_fails "TRIMMED is 1 or nothing, not 'yes'" "TRIMMED=yes" env TRIMMED=yes kernel/package deb
run_fails "configure is not for TRIMMED=1" "half a trimmed one" kernel/package deb --configure
run_fails "KERNEL is series, mainline or nofix, not '6.1'" "packages of an unknown kernel" \
	env KERNEL=6.1 kernel/package deb
run_fails "KERNEL=nofix needs TRIMMED=1" "a whole package without the fix" \
	env TRIMMED= KERNEL=nofix kernel/package deb
run_fails "usage: kernel/package" "an option that there is not" kernel/package deb --fast
run_fails "usage: kernel/package" "packages of an unknown kind" kernel/package dpkg

run_fails "no such package: x.deb" "no package to install" guest/mkroot x.deb "$T/x"
run_fails "no such package: x.deb" "no such package to boot" lab/lab debian x.deb
run_fails "usage: lab debian" "no package to boot" lab/lab debian
run_fails "not what lab debian leaves" "nothing to judge" lab/lab debian --judge "$T"

# lines LABEL JOB: each line of the verdicts as a test.
lines() {
	local line n=0
	while IFS= read -r line; do
		n=$((n + 1))
		case $line in
		"pass "*) ok "$1: ${line#pass }" ;;
		*) not_ok "$1: ${line#fail }" </dev/null ;;
		esac
	done <"$2"
	[ "$n" -ge 12 ] || not_ok "$1: all is judged" <"$T/log"
}
rc=0
lab/lab debian "$deb" >"$T/verdicts" 2>"$T/log" || rc=$?
lines Debian "$T/verdicts"
J=$BUILD/debian/jobs/debian
is "$rc" 0 "Debian's own kdump-tools saves the dump"
[ "$rc" = 0 ] || diag "$(tail -n 40 "$J/console")"
[ ! -e "$J/again" ] || diag "again after a triple fault: $(tail -n 5 "$J/again")"

# broken WHAT LINE COMMAND...: what came back, spoilt by that command in its folder,
# is not taken for good: that line says so.
broken() {
	local what=$1 line=$2
	shift 2
	rm -rf "$T/job"
	cp -r "$J" "$T/job"
	(cd "$T/job" && "$@")
	run_fails "fail $line" "the verdicts see $what" lab/lab debian --judge "$T/job"
}
if [ "$rc" = 0 ]; then
	# shellcheck disable=SC2016 # the inner shell's
	broken "half a dump" "the dump has the log" \
		sh -c 'truncate -s 100000 out/crash/*/dump.*'
	broken "no dump" "one dump in /var/crash" rm -rf out/crash
	broken "another kernel" "release" sed -i 's/^guest: release .*/guest: release 7.3/' console
	broken "a selftest that fails" "selftest" sed -i 's/^ok 6 /not ok 6 /' console
	broken "no archive of what to send back" "hyperv-mmio-collect" rm out/crash/collected.tar.gz
	broken "a refused bus" "NVMe's bus came to D0" \
		sed -i '/"d0_entry"/s/"status":"0x0"/"status":"0xc0370048"/' out/trace
	broken "a file system that is not whole" "the file system" sh -c 'echo "e2fsck 4" >out/disk'
fi

if [ -n "${FULL:-}" ]; then
	old=$(debian_kernel 6.1.176-amd64)
	cp -r "$J" "$T/ours"
	rc=0
	lab/lab debian "$old" >"$T/verdicts" 2>"$T/log" || rc=$?
	is "$rc" 1 "without the fix it is not saved"
	like "$(<"$T/verdicts")" "fail NVMe's bus came to D0 in both: it is ok c0370048" \
		"as the host refuses the disk"
	like "$(<"$T/verdicts")" "fail one dump in /var/crash: dumps is 0, not 1" "and there is no dump"
	# What make deb's package came to is what stays.
	rm -rf "$J"
	cp -r "$T/ours" "$J"
else
	skip "Debian's kernel without the fix loses the dump" "for time; FULL=1 runs it"
fi
done_testing
