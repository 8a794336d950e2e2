# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# How an inner host is started, for nest/run and nest/shell. Source it after
# kernel/lib.sh.

# MiB that an inner host may use, jobs' files included
# shellcheck disable=SC2034
INNER_MEMORY=4096

# inner_find: have what inner hosts are made of, which may take a while.
inner_find() {
	inner_qemu=$("$TOP/nest/qemu")
	inner_image=$("$TOP/nest/host")
}

# inner_host SMP JOBS [WORD]: sets INNER, the command that starts an inner host
# with SMP processors and the jobs in the archive JOBS; WORD goes to its init.
# What it says where, and to whom, is for the caller to add.
inner_host() {
	[ -n "${inner_image:-}" ] || inner_find
	truncate -s %512 "$2"
	# TCG runs rep movsb and stosb a byte at a time, and has no use for
	# mitigations: without both, a guest that boots and starts another by
	# kexec takes 8 s of processor time, not 13.
	# shellcheck disable=SC2034,SC2054
	INNER=("$inner_qemu" -accel "tcg,thread=multi"
		-cpu "max,svm=on,npt=on,-erms,-fsrm" -smp "$1" -m "$INNER_MEMORY"
		-nodefaults -no-user-config -display none -no-reboot
		-kernel "$inner_image/vmlinuz" -initrd "$inner_image/initrd"
		-append "console=ttyS0 panic=-1 tsc=reliable clocksource=tsc mitigations=off${3:+ $3}"
		-drive "file=$2,format=raw,if=none,id=in,readonly=on"
		-device virtio-blk-pci,drive=in
		-device virtio-serial-pci)
}
