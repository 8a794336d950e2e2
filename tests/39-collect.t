#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest/hyperv-mmio-collect on a system that is only files: what it keeps, what it leaves
# out, and what it misses. 98-deb runs it in a Debian on hvhost.
# shellcheck disable=SC2317 # run_ok and others call functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir

R=$T/root
GUID=69637076-0001-4000-8000-687668737400
VIDEO=68767600-0003-4000-8000-766964656f00
NIC=000d3a6d-d40b-000d-3a6d-d40b000d3a6d
mkdir -p "$R/proc" "$R/etc/default" "$R/sys/kernel" "$R/sys/firmware/efi" "$R/var/crash/1" \
	"$R/sys/bus/pci/devices/5353:00:00.0" "$R/sys/class/dmi/id" "$T/bin" "$T/at"
cat >"$R/proc/iomem" <<-END
	f8000000-fbffffff : Hyper-V framebuffer
	  f8000000-f87fffff : $VIDEO
	fec01000-fec02fff : $GUID
END
echo "BOOT_IMAGE=/boot/vmlinuz root=PARTUUID=abcd-0123 ro crashkernel=512M token=hunter2 -- --key hunter3" \
	>"$R/proc/cmdline"
echo '0 hyperv_drmdrmfb' >"$R/proc/fb"
echo 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"' >"$R/etc/os-release"
printf '%s\n' 'KDUMP_KEXEC_ARGS="-c"' 'SSH="root@secret"' >"$R/etc/default/kdump-tools"
echo 1 >"$R/sys/kernel/kexec_crash_loaded"
for line in "$GUID 44c4f61d-4444-4400-9d52-802e27ede19f hv_pci" \
	"$VIDEO da0a7802-e377-4aac-8e77-0558eb1073f8 hyperv_drm" \
	"$NIC f8615163-df3e-46c5-913f-f2d2f965ed0e hv_netvsc"; do
	read -r name class driver <<<"$line"
	mkdir -p "$R/sys/bus/vmbus/devices/$name" "$R/sys/bus/vmbus/drivers/$driver"
	echo "{$class}" >"$R/sys/bus/vmbus/devices/$name/class_id"
	ln -s "../../drivers/$driver" "$R/sys/bus/vmbus/devices/$name/driver"
done
pci=$R/sys/bus/pci/devices/5353:00:00.0
echo 0x1414 >"$pci/vendor"
echo 0xb111 >"$pci/device"
echo 0x010802 >"$pci/class"
echo "0x0000000fe0000000 0x0000000fe0003fff 0x0000000000140204" >"$pci/resource"
echo "the VM's memory" >"$R/var/crash/1/dump.202611300900"
# As docs/lisa has it kept: /proc/cmdline, /proc/iomem, dmesg.
WORDS="elfcorehdr=0x7000 BOOT_IMAGE=/boot/vmlinuz root=/dev/nvme0n1p1 token=hunter2"
cat >"$R/var/crash/hyperv-mmio-second" <<-END
	$WORDS
	f8000000-fbffffff : Hyper-V framebuffer
	[    0.000000] Command line: $WORDS
	[    0.100000] Unknown kernel command line parameters "token=hunter2"
	[    1.000000] hv_vmbus: hv_mmio=[mem 0xf8000000-0xfed3ffff] fb=[mem 0xf8000000-0xfbffffff]
	[    2.000000] user: hunter4
END
echo 7783-7084-3265-9085-8269-3286-77 >"$R/sys/class/dmi/id/chassis_asset_tag"
cat >"$T/log" <<-END
	Linux version 7.3.4-hyperv-mmio (x)
	Command line: root=/dev/nvme0n1p1 token=hunter2
	Unknown kernel command line parameters "BOOT_IMAGE=/boot/vmlinuz-hyperv-mmio token=hunter2", will be passed to user space.
	Hyper-V: Host Build 10.0.20348.1-1-0
	hv_vmbus: hv_mmio=[mem 0xf8000000-0xfed3ffff] fb=[mem 0xf8000000-0xfbffffff]
	hv_netvsc $NIC eth0: 00:0d:3a:6d:d4:0b at 10.1.2.3
	systemd[1]: Hostname set to <hunter5>.
	systemd[1]: Hostname set to <hunter5-kdump>.
	EXT4-fs (nvme0n1p1): mounted filesystem 0b1c2d3e-0001-4000-8000-0123456789ab r/w with ordered data mode.
	XFS (nvme0n1p2): Mounting V5 Filesystem 0b1c2d3e-0002-4000-8000-0123456789ab
	BTRFS info (device nvme0n1p3): first mount of filesystem 0b1c2d3e-0003-4000-8000-0123456789ab
	hv_pci $GUID: PCI VMBus probing: Using version 0x10004
END
printf '#!/bin/sh\ncat "%s"\n' "$T/log" >"$T/bin/dmesg"
# shellcheck disable=SC2016 # the script's own
printf '#!/bin/sh\nfor word; do :; done\necho "${word##*compute/}"\n' >"$T/bin/curl"
printf '#!/bin/sh\necho "Serial Number 00-11-22"\n' >"$T/bin/lspci"
printf '#!/bin/sh\necho "ok 1 global.input_is_well_formed"\nexit 4\n' >"$T/at/hyperv_mmio"
cp "$TOP/guest/hyperv-mmio-collect" "$T/at/"
chmod +x "$T"/bin/* "$T/at/hyperv_mmio"

# collect NAME: NAME.tar.gz, and NAME/ with what is in it.
collect() {
	ROOT=$R PATH=$T/bin:$PATH "$T/at/hyperv-mmio-collect" "$T/$1.tar.gz" || return
	unpack "$1"
}
unpack() {
	mkdir "$T/$1"
	tar -xzf "$T/$1.tar.gz" -C "$T/$1"
}
run_ok "it collects" collect whole
W=$T/whole
is "$(cd "$W" && echo *)" \
	"azure cmdline dmesg fb iomem kexec lspci missing pci second selftest versions vmbus" \
	"it has all files"
is "$(cat "$W/iomem")" "$(cat "$R/proc/iomem")" "iomem is as it was"
is "$(cat "$W/cmdline")" \
	"BOOT_IMAGE=/boot/vmlinuz root=PARTUUID=(UUID) ro crashkernel=512M token=(left out)" \
	"of the command line, the values that matter"
is "$(cat "$W/vmbus")" "$(printf '%s\n' "other {f8615163-df3e-46c5-913f-f2d2f965ed0e}" \
	"video $VIDEO driver hyperv_drm" "pci $GUID driver hv_pci")" \
	"VMBus devices: names only of those in iomem"
like "$(cat "$W/pci")" \
	'^5353:00:00.0 0x1414:0xb111 class 0x010802 driver none.*0x0000000fe0000000' "PCI devices"
is "$(grep -c . "$W/dmesg")" 8 "eight lines of dmesg"
like "$(cat "$W/dmesg")" 'Host Build 10\.0\.20348\.1-1-0.*hv_mmio=.*\(MAC\) at \(IP\)' \
	"the host's build stays; addresses do not"
is "$(grep -oE '(EXT4-fs|XFS|BTRFS) .*ilesystem \(UUID\)' "$W/dmesg" | wc -l)" 3 \
	"file systems without their UUIDs"
like "$(cat "$W/dmesg")" "hv_pci $GUID: " "a VMBus device's name stays"
is "$(cat "$W/selftest")" $'ok 1 global.input_is_well_formed\nexit 4' "the selftest, and its status"
like "$(cat "$W/kexec")" \
	'kexec_crash_loaded 1.KDUMP_KEXEC_ARGS="-c".*file 16 .*/var/crash/1/dump\.202611300900' \
	"what kexec has loaded, and which dumps there are"
like "$(cat "$W/second")" '^f8000000-fbffffff : Hyper-V framebuffer.\[[ 0-9.]+] hv_vmbus: hv_mmio=[^'$'\n'']*$' \
	"the second kernel's reservation, and not its command line"
like "$(cat "$W/azure")" 'vmSize vmSize.api-version=.*location location' "Azure's size and region"
is "$(cat "$W/lspci")" "Serial Number (left out)" "no serial number"
is "$(cat "$W/missing")" "" "nothing is missing"
is "$(grep -rlE 'hunter|secret|memory|00:0d|000d3a|abcd-0123|0b1c2d3e' "$W" | paste -sd' ')" "" \
	"nothing secret is in it"
run_fails "whole.tar.gz exists already" "an archive that is there" collect whole
run_fails "no/x is no folder|no is no folder" "a folder that is not there" \
	"$T/at/hyperv-mmio-collect" "$T/no/x"
run_fails "usage: hyperv-mmio-collect" "an unknown option" "$T/at/hyperv-mmio-collect" --all

# As Red Hat's kdump keeps it: dmesg -T, and the journal.
cat >"$R/var/crash/1/kexec-dmesg.log" <<-END
	[Mon Nov 30 09:00:00 2026] Command line: $WORDS
	[Mon Nov 30 09:00:01 2026] nvme nvme0: pci function 5353:00:00.0
	Nov 30 09:00:01 hunter5 kernel: nvme nvme0: pci function 5353:00:00.0
END
mv "$R/var/crash/hyperv-mmio-second" "$T/kept"
run_ok "it collects Red Hat's log" collect redhat
is "$(cat "$T/redhat/second")" "[Mon Nov 30 09:00:01 2026] nvme nvme0: pci function 5353:00:00.0" \
	"of the second kernel's log, no command line and no line with the host's name"
mv "$T/kept" "$R/var/crash/hyperv-mmio-second"

# How Red Hat's and SUSE's kdump are set
mkdir -p "$R/usr/bin" "$R/etc/sysconfig"
printf '%s\n' 'standard_kexec_args="-s -p"' 'other_args="hunter6"' >"$R/usr/bin/kdumpctl"
printf '%s\n' 'KEXEC_OPTIONS="-c"' 'KDUMP_SAVEDIR="ftp://root:hunter6@host/x"' \
	'KDUMP_SAVEDIR="file:///var/crash"' 'KDUMP_SMTP_PASSWORD="hunter6"' >"$R/etc/sysconfig/kdump"
run_ok "it collects other settings" collect settings
is "$(grep -E '^[A-Z_]+=|^standard' "$T/settings/kexec")" 'KDUMP_KEXEC_ARGS="-c"
KEXEC_OPTIONS="-c"
KDUMP_SAVEDIR=(left out)
KDUMP_SAVEDIR="file:///var/crash"
standard_kexec_args="-s -p"' "how SUSE's and Red Hat's kdump are set, and no password"
is "$(grep -rl hunter "$T/settings" "$T/redhat")" "" "nothing secret is in these"

# What is not there is named, and the rest is collected.
# missing NAME EREGEX WHAT
missing() {
	run_fails "missing:.*$2" "$3 is missed" collect "$1"
	unpack "$1"
	like "$(cat "$T/$1/missing")" "$2" "that is in the archive as well"
}
mv "$T/at/hyperv_mmio" "$T/kept"
missing selftest "selftest: no hyperv_mmio" "the selftest"
mv "$T/kept" "$T/at/hyperv_mmio"
sed -i 's/^\( *\)[0-9a-f]*-[0-9a-f]*/\100000000-00000000/' "$R/proc/iomem"
missing iomem "iomem: /proc/iomem shows no addresses; run this as root" "iomem without addresses"
sed -i /hv_mmio=/d "$T/log"
missing line "dmesg: no line with hv_mmio=" "the line about MMIO windows"
rm -r "$R/sys/bus/vmbus/devices"
missing vmbus "vmbus: there are no VMBus devices" "VMBus"
done_testing
