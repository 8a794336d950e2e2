#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Findings on COM2: hvhost's --findings and the guest's guest.findings. All that a guest
# writes before a crash, kexec or power-off arrives, the second kernel's findings follow,
# kernel messages stay on the console, and what cannot work is refused. CRASHES=20
# crashes that many guests (1).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX
CRASHES=${CRASHES:-1}
tmpdir
cd "$TOP"
make -s -C hvhost O="$BUILD/hvhost" "$BUILD/hvhost/hvhost"
kernel/build 7.3-series >&2
kernel=$BUILD/kernel/7.3-series

# A guest with a slow ttyS1, as real ones are: without its interrupt the driver sends
# 16 bytes every few ms. And a kexec that leaves 3 KiB in the driver's buffer, with
# the crash right after.
mkdir -p "$T/more/bin" "$T/jobs"
gcc -O2 -Wall -static -s -x c -o "$T/more/bin/slow" - <<'SLOW'
#include <fcntl.h>
#include <linux/serial.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(void)
{
	int fd = open("/dev/ttyS1", O_RDWR | O_NONBLOCK | O_NOCTTY);
	struct serial_struct s;

	if (fd < 0 || ioctl(fd, TIOCGSERIAL, &s))
		return 1;
	s.irq = 0;
	return !!ioctl(fd, TIOCSSERIAL, &s);
}
SLOW
cp "$(guest/tool kexec)/bin/kexec" "$T/more/bin/kexec-real"
cat >"$T/more/bin/kexec" <<'KEXEC'
#!/bin/sh
/bin/kexec-real "$@" && seq 1000 1600 >/dev/ttyS1
KEXEC
cat >"$T/more/early" <<'EARLY'
#!/bin/sh
mount -t devtmpfs dev /dev
/bin/slow && exec /init
EARLY
chmod 755 "$T/more/early" "$T/more/bin/"*
guest/mkinitrd --second "$kernel/bzImage" "$T/initrd"
guest/mkinitrd "$T/second" "early=$T/more/early" "bin/slow=$T/more/bin/slow"
guest/mkinitrd --second "$kernel/bzImage" --second-initrd "$T/second" "$T/slow-initrd"
(cd "$T/more" && find . -print0 | cpio --quiet -0oH newc -R 0:0) >>"$T/slow-initrd"

# job NAME INITRD OPTIONS COMMANDLINE: hvhost with these.
job() {
	local d=$T/jobs/$1
	mkdir "$d"
	ln "$T/$2" "$d/initrd"
	cp "$kernel/bzImage" "$BUILD/hvhost/hvhost" "$d/"
	echo 140 >"$d/deadline"
	cat >"$d/job" <<-JOB
		#!/bin/sh
		exec ./hvhost run --kernel bzImage --initrd initrd --memory 384M --timeout 120 \\
			$3 --append 'console=ttyS0 quiet panic=-1 $4' 2>out/host
	JOB
	chmod +x "$d/job"
}
file='--findings out/findings'
pairs=(kexec)
job kexec slow-initrd "$file" 'rdinit=/early guest.findings=ttyS1 guest.path=kexec-s'
for ((i = 1; i <= CRASHES; i++)); do
	pairs+=("crash$i")
	job "crash$i" slow-initrd "$file" \
		'rdinit=/early guest.findings=ttyS1 guest.path=kdump-c crashkernel=96M'
done
job gen1 initrd "--generation 1 $file --shutdown-on 'guest: waits for shutdown'" \
	'guest.findings=ttyS1 guest.path=shutdown'
job full initrd '--findings /dev/full' guest.findings=ttyS1
job no-port initrd '' guest.findings=ttyS1
job no-name initrd "$file" guest.findings=console
job console initrd "-v $file --shutdown-on 'guest: kernel first'" ''
rc=0
lab/lab jobs "$T/jobs" >/dev/null || rc=$?
is "$rc" 3 "the jobs run"

# exits NAME STATUS: that is its job's.
exits() {
	is "$(cat "$T/jobs/$1/rc" "$T/jobs/$1/why" 2>/dev/null)" "$2" "$1: exit status $2"
}
# said NAME: the findings on the console.
said() {
	tr -d '\r' <"$T/jobs/$1/console" | grep '^guest: ' || true
}
# half first|second FILE: what that kernel found.
half() {
	if [ "$1" = first ]; then
		sed '/^guest: kernel second$/,$d' "$2"
	else
		sed -n '/^guest: kernel second$/,$p' "$2"
	fi
}
# foreign FILE: lines of it that are in no block, and are no findings.
foreign() {
	sed '/^guest: begin /,/^guest: end /d; /^guest: /d' "$1"
}

blocks="messages reports screen mmio iomem pci"
for name in "${pairs[@]}"; do
	f=$T/jobs/$name/out/findings
	exits "$name" 0
	last=602
	if [[ $name = crash* ]]; then
		last=603
		is "$(half first "$f" | tail -n 1)" "guest: crashes sysrq" "$name: it says how it crashes"
	fi
	is "$(half first "$f" | tail -n $last | head -n 602 | sed 's/^\(guest: starts second\) .*/\1/')" \
		"$(seq 1000 1600)"$'\n'"guest: starts second" \
		"$name: what the first kernel wrote last is complete"
	is "$(half second "$f" | tail -n 1)" "guest: finished" \
		"$name: the second kernel's findings follow, to the last"
	for which in first second; do
		more=
		[[ $which,$name != second,crash* ]] || more=" vmcore"
		is "$(half "$which" "$f" | sed -n 's/^guest: end \([a-z]*\) 0 .*/\1/p' | paste -sd' ')" \
			"$blocks$more" "$name: the $which kernel's blocks"
		for message in 'Hypervisor detected: Microsoft Hyper-V' 'Vmbus version:' \
			'hv_mmio=.* fb='; do
			run_ok "$name: the $which kernel's message $message" grep -q "$message" \
				<(half "$which" "$f" | sed -n '/^guest: begin messages$/,/^guest: end /p')
		done
	done
	is "$(half first "$f" | head -n -$last | foreign /dev/stdin)$(half second "$f" |
		foreign /dev/stdin)" "" "$name: findings and nothing else"
	is "$(grep -c $'\r' "$f" || true)" 0 "$name: lines end in a line feed alone"
	like "$(said "$name")" $'\nguest: kernel second\n' "$name: the console has the lines"
	is "$(said "$name" | grep -E ': (begin|end) ' || true)" "" \
		"$name: and not the blocks"
done

exits gen1 0
is "$(tail -n 1 "$T/jobs/gen1/out/findings")" "guest: waits for shutdown" \
	"gen1: COM2 is there, too, and the host waits for what is sent to it"
exits console 0
is "$(wc -c <"$T/jobs/console/out/findings")" 0 "console: without guest.findings COM2 is silent"
run_ok "console: ... the findings are on the console" grep -q '^guest: end messages 0 ' \
	"$T/jobs/console/console"
is "$(grep -c shutdown_request "$T/jobs/console/out/host" || true)" 0 \
	"console: ... and with --findings the host waits for no text there"

exits full 1
like "$(cat "$T/jobs/full/out/host")" \
	"cannot write findings '/dev/full': No space left on device" \
	"full: the host says what it cannot write"
exits no-port 0
is "$(said no-port)" "guest: failed the argument guest.findings=ttyS1: no such port" \
	"no-port: the guest says what is missing"
exits no-name 0
is "$(said no-name)" "guest: failed the argument guest.findings=console: not ttyS1 to ttyS9, ttyAMA1 to ttyAMA9" \
	"no-name: the guest says what it cannot use"
done_testing
