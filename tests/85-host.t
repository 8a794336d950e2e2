#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# hvhost under KVM: each way that a run can end is told apart, and what the
# scenarios do not ask for: many processors, old VMBus versions, its own
# requests to shut down.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX
tmpdir
"$TOP/lab/lab" files "$T/files" series
mkdir -p "$T/jobs"

# job NAME OPTIONS COMMANDLINE [AFTER [BEFORE]]: hvhost with these; AFTER is shell that
# runs beside it, with its process in $pid, BEFORE is shell that runs first.
job() {
	local d=$T/jobs/$1
	mkdir -p "$d"
	ln "$T/files/series/bzImage" "$T/files/series/initrd" "$d/"
	cp "$T/files/hvhost" "$d/hvhost"
	echo 140 >"$d/deadline"
	cat >"$d/job" <<-JOB
		#!/bin/sh
		head -c 100000 bzImage >cut
		${5:-:}
		./hvhost run --kernel bzImage --initrd initrd --trace out/trace --timeout 120 $2 \\
			--append 'console=ttyS0 quiet $3' 2>out/host &
		pid=\$!
		${4:-:}
		wait \$pid
	JOB
	chmod +x "$d/job"
}
# There is no /none: the kernel panics, and a second later wants a reset.
none='rdinit=/none panic=1'
job poweroff '--generation 2' ''
job reset '--generation 2' "$none"
job reset-gen1 '--generation 1' "$none"
job reset-efi '--generation 2' "$none reboot=efi"
job triple '--generation 2' "$none reboot=triple"
job no-firmware '--generation 2 --firmware none' ''
# Without panic= it hangs after its panic, so it never ends by itself.
job timeout '--generation 2 --timeout 5' 'rdinit=/none'
job host-error '--generation 2 --kernel cut' ''
job usage '--generation 3' ''
job usage-firmware '--generation 1 --firmware none' ''
job cpus '--generation 2 --cpus 8' ignore_loglevel
job old-vmbus '--generation 1 --vmbus-version 4.0' ''
job middle-vmbus '--generation 2 --vmbus-version 5.1' ''
# A stop by signal is a request to the guest, as is a word on its console.
job sigterm '--generation 2' 'guest.path=shutdown' \
	"until grep -q '\"ic\".*shutdown' out/trace; do sleep 1; done; sleep 1; kill -TERM \$pid"
# The host's own failures: killed, and disks that are full. The guest writes to the one that
# has room for a few pages after its file system was made.
job sigkill '--generation 2' '' \
	"until grep -q '\"ic\".*shutdown' out/trace; do sleep 1; done; kill -KILL \$pid"
job full-trace '--generation 2 --trace /dev/full' ''
job full-disk '--generation 2 --pci nvme,disk=small/disk' \
	'guest.modules=pci-hyperv guest.disk=yes' : "mkdir small
		mount -t tmpfs none small
		truncate -s 16M small/disk && mkfs.ext4 -q -F -m 0 small/disk
		mount -o remount,size=\$((\$(du -k small/disk | cut -f 1) + 8))k small
		trap 'umount -l small' EXIT"
rc=0
"$TOP/lab/lab" jobs "$T/jobs" >/dev/null || rc=$?
is "$rc" 3 "the jobs run"

# ended NAME STATUS HOW [ERROR]: how that one did.
ended() {
	local d=$T/jobs/$1
	is "$(cat "$d/rc" 2>/dev/null || cat "$d/why")" "$2" "$1: exit status $2"
	[ -z "$3" ] || is "$(jq -r 'select(.event == "end") | "\(.how) \(.status)"' \
		"$d/out/trace" 2>&1)" "$3 $2" "$1: the trace says $3"
	[ -z "${4:-}" ] || like "$(cat "$d/out/host")" "$4" "$1: so does stderr"
}
ended poweroff 0 poweroff
ended reset 3 reset 'reset: '
ended reset-gen1 3 reset
ended reset-efi 3 reset
ended triple 4 triple_fault 'triple_fault: '
ended no-firmware 0 poweroff
ended timeout 124 timeout 'timeout: '
ended host-error 1 host_error 'cut: syssize 0x[0-9a-f]+: [0-9]+ bytes, the file has [0-9]+'
ended usage 2 '' "generation.*'?3'?"
ended usage-firmware 2 '' 'without firmware needs generation 2, not 1'
ended cpus 0 poweroff
ended old-vmbus 0 poweroff
ended middle-vmbus 0 poweroff
ended sigterm 0 poweroff
ended sigkill 137 ''
is "$(jq -r .event "$T/jobs/sigkill/out/trace" 2>&1 | sed -n '1p; /end/p')" layout \
	"sigkill: the trace has whole lines, and no end"
ended full-trace 1 '' "cannot write trace '/dev/full', which ends here: No space left on device"
ended full-disk 1 host_error 'nvme0: the file of its disk: No space left on device'

# seen NAME REGEX DESC: the guest's console has that.
seen() {
	like "$(tr -d '\r' <"$T/jobs/$1/console")" "$2" "$1: $3"
}
seen poweroff 'Vmbus version:6.0' "the newest VMBus version"
seen old-vmbus 'Vmbus version:4.0' "the one that the host has"
seen middle-vmbus 'Vmbus version:5.1' "the one that the host has"
like "$(jq -c 'select(.event == "layout") | .fb' "$T/jobs/no-firmware/out/trace")" '^null$' \
	"no-firmware: the framebuffer is nowhere at first"
like "$(jq -r 'select(.event == "boot") | "\(.lfb_base) \(.lfb_size)"' \
	"$T/jobs/no-firmware/out/trace")" '^0x0 0$' "no-firmware: nor does screen_info tell of one"
seen poweroff 'guest: efi yes' "the guest has EFI"
seen no-firmware 'guest: efi no' "the guest has none"
seen no-firmware 'Vmbus version:6.0' "but VMBus"

seen cpus 'Brought up 1 node, 8 CPUs' "the guest has all eight at work"
is "$(jq -r 'select(.event == "shutdown_ack") | .status' \
	"$T/jobs/sigterm/out/trace")" 0x0 "sigterm: the guest agrees to shut down"
done_testing
