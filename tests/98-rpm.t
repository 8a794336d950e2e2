#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Packages for RPM: binrpm-pkg makes a trimmed one of the series. It has what it should have, and
# rpm installs it into a folder, where its scripts ask for an entry of the boot loader.
# No distribution that uses RPM boots here.
# shellcheck disable=SC2016,SC2317 # scripts of another root; run_ok calls functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
unset LINUX BASE KERNEL
cd "$TOP"
export TRIMMED=1

# query ARGUMENT...: what rpm says of a package that is not installed; rpm makes a database
# in the home folder.
query() {
	HOME=$T rpm -qp "$@"
}

stage "x86, the package"
D=$BUILD/rpm-trimmed
mkdir "$T/home"
if ! rpm=$(HOME=$T/home make -s rpm 2>"$T/log"); then
	not_ok "make rpm makes packages" <"$T/log"
	done_testing
fi
ok "make rpm makes packages"
is "$(ls -A "$T/home")" "" "and nothing in the home folder"
like "$rpm" "^$D/kernel-[0-9][^/]*\.rpm\$" "it prints the path of the one with the kernel"
like "$(make -s rpm 2>&1)" "up to date" "what is up to date is not built again"
patches=$(find "patches/linux-$(main_base)" -name '00[0-9][0-9]-*' ! -name '0000-*' | wc -l)
mkdir "$T/root"
rpm2cpio "$rpm" | cpio -D "$T/root" -idm --quiet
release=$(ls "$T/root/lib/modules")
M=$T/root/lib/modules/$release
like "$release" '^[0-9.]+-hyperv-mmio$' "the release is one of our own"
is "$(query --qf '%{NAME} %{VERSION} %{RELEASE} %{ARCH}' "$rpm")" \
	"kernel ${release//-/_} $patches x86_64" "its name, version and architecture; it counts the patches"
is "$(query --qf '%{BUILDHOST}' "$rpm")" localhost "it does not name this machine"
is "$(query --requires "$rpm" | grep -v '^rpmlib(' | sort -u)" /bin/sh "it needs no other package"
like "$(file -b "$M/vmlinuz")" "bzImage, version $release .* #$patches SMP" \
	"vmlinuz is a kernel of that release"
run_ok "it has what it was asked to have" kernel/honoured kernel/config/deb-trimmed.config "$M/config"
is "$(grep -c -e ^CONFIG_PCI_HYPERV=y -e ^CONFIG_HYPERV_VMBUS=y -e ^CONFIG_BLK_DEV_NVME=y \
	-e ^CONFIG_DRM_HYPERV=m "$M/config")" 4 "and the drivers, as Debian's cloud kernel has them"
is "$(grep -cE '/(hv_vmbus|pci-hyperv)\.ko$' "$M/modules.builtin")" 2 \
	"VMBus and pci-hyperv are built in"
run_ok "System.map is of that kernel" grep -q ' vmbus_allocate_mmio$' "$M/System.map"
is "$(find "$M" -name 'hyperv_drm.ko*' -exec modinfo -F vermagic {} + | grep -c "^$release ")" 1 \
	"hyperv_drm is a module of that release"
run_ok "modules are stripped" grep -q '^  STRIP .*/hyperv_drm\.ko$' \
	"$BUILD/kernel/$(main_base)-series-deb-trimmed.make.log"
is "$(find "$D" -name '*.rpm' -printf '%f\n' | sed 's/-[0-9].*//' | sort | paste -sd' ')" \
	"kernel kernel-headers" "there is no package of headers for modules"
like "$(readelf -hlW "$D/hyperv_mmio")" 'Type: +EXEC' "there is a selftest"
run_ok "and what collects the rest" test -x "$D/hyperv-mmio-collect"

stage "installing it"
# A folder with the programs that the scripts call; these two write down how.
if [ "$(id -u)" = 0 ]; then
	R=$T/installed
	mkdir -p "$R"/{bin,usr/bin,usr/sbin,boot,var/tmp}
	cp /bin/busybox "$R/bin/"
	for c in sh cp rm; do
		ln -s busybox "$R/bin/$c"
	done
	printf '#!/bin/sh\nexec busybox cmp -s "$2" "$3"\n' >"$R/bin/cmp"
	for c in usr/bin/kernel-install usr/sbin/depmod; do
		printf '#!/bin/sh\necho "${0##*/} $*" >>/calls\n' >"$R/$c"
	done
	chmod +x "$R"/bin/cmp "$R"/usr/*/*
	# there ARGUMENT...: rpm in that folder
	there() {
		HOME=$T rpm --root "$R" --dbpath /rpmdb "$@"
	}
	run_ok "rpm installs it" there -i --nodeps "$rpm"
	is "$(<"$R/calls")" "kernel-install add $release /lib/modules/$release/vmlinuz
depmod $release" "its script calls kernel-install, and then depmod"
	run_ok "and copies the kernel to /boot" cmp "$M/vmlinuz" "$R/boot/vmlinuz-$release"
	is "$(ls "$R/boot")" "System.map-$release
config-$release
vmlinuz-$release" "with its configuration and System.map"
	: >"$R/calls"
	run_ok "rpm removes it" there -e kernel
	is "$(<"$R/calls") $(find "$R/boot" "$R/lib/modules" -type f)" \
		"kernel-install remove $release " "its entry and its files are gone"
else
	skip "rpm installs it" "installing packages into a folder needs root"
fi

stage "what is wrong"
run_fails "KERNEL is series, mainline or nofix, not '6.1'" "packages of an unknown kernel" \
	env KERNEL=6.1 kernel/package rpm
run_fails "KERNEL=nofix needs TRIMMED=1" "a whole package without the fix" \
	env TRIMMED= KERNEL=nofix kernel/package rpm
run_fails "usage: kernel/package" "an option that there is not" kernel/package rpm --fast
# Older kernels have no such file, and make packages in another way.
MAIN=$BUILD/linux-$(main_base)
home old
"$H/kernel/tree" 2>"$T/log" || not_ok "a tree of its own" <"$T/log"
git -C "$L" rm -q --sparse --cached scripts/package/kernel.spec
git -C "$L" commit -q -m "without a spec"
run_fails "7.3-series has no scripts/package/kernel.spec" "a kernel without a spec" \
	"$H/kernel/package" rpm
done_testing
