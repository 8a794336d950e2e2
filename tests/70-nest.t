#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# nest/probe and lab.runner: which accelerator, and what becomes of jobs that
# succeed, fail, hang, or take the inner host down with them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

tmpdir
cd "$TOP"

# The probe. What it says of this machine has to hold when tried.
accel=$(nest/probe 2>"$T/why") || true
like "$accel" '^(kvm|tcg)$' "probe names an accelerator"
like "$(cat "$T/why")" "probe: $accel: ...+" "probe says why"
is "$(ACCEL=tcg nest/probe 2>/dev/null)" tcg "ACCEL=tcg is obeyed"
run_fails "ACCEL is auto, kvm or tcg, not 'xen'" "an unknown ACCEL is refused" \
	env ACCEL=xen nest/probe
if [ "$accel" = kvm ]; then
	is "$(ACCEL=kvm nest/probe 2>/dev/null)" kvm "ACCEL=kvm is obeyed"
else
	run_fails 'ACCEL=kvm is impossible here: ...' \
		"ACCEL=kvm is refused with the reason" env ACCEL=kvm nest/probe
fi

# The probe's judgement, on a QEMU that we pretend to have.
host=$(nest/host)
mkdir -p "$T/top/build/nest" "$T/bin"
cp -r deps kernel lab nest "$T/top/"
ln -s "$host" "$T/top/build/nest/"

# pretend SCRIPT: what the probe says when that is QEMU.
pretend() {
	printf '#!/bin/sh\necho >>%s/starts\n%s\n' "$T" "$1" >"$T/bin/qemu-system-x86_64"
	chmod +x "$T/bin/qemu-system-x86_64"
	rm -f "$T/top/build/nest/probe" "$T/starts"
	PATH=$T/bin:$PATH PATIENCE=1 "$T/top/nest/probe" 2>"$T/why" || true
}

hyperv='echo "[ 0.0] Hypervisor detected: Microsoft Hyper-V";'
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	is "$(pretend "$hyperv echo nest: alive")" kvm "a guest that lives means kvm"
	PATH=$T/bin:$PATH "$T/top/nest/probe" >/dev/null 2>&1
	is "$(wc -l <"$T/starts")" 1 "the answer is kept"
	is "$(pretend 'echo nest: alive')" tcg "a guest that sees no Hyper-V means tcg"
	is "$(pretend "$hyperv exec sleep 9")" tcg "a guest that hangs means tcg"
	like "$(cat "$T/why")" 'did not come up in 1 s' "and the probe says so"
	is "$(pretend 'echo cannot set MSR 0x10a >&2; exit 1')" tcg \
		"a QEMU that fails means tcg"
	like "$(cat "$T/why")" 'cannot set MSR 0x10a' "and the probe quotes it"
else
	skip "the probe's judgement" "no /dev/kvm to open"
fi

# The QEMU of inner hosts. Without a newer one the machine's own must do.
if [ "$accel" = tcg ]; then
	like "$(nest/qemu 2>"$T/why")" '^/' "a QEMU is found for inner hosts"
	version=$("$(nest/qemu 2>/dev/null)" --version |
		sed -n 's/.*version \([0-9.]*\).*/\1/p')
	if grep -q 'which freezes now and then' "$T/why"; then
		skip "it has what keeps it from freezing" "$(cat "$T/why")"
	else
		is "$(printf '%s\n' 10.2 "$version" | sort -V | head -n 1)" 10.2 \
			"it has what keeps it from freezing"
	fi
else
	skip "the QEMU of inner hosts" "hardware KVM works here: there are none"
fi
run_fails 'QEMU: no such program: /none' "a wrong QEMU is named" \
	env QEMU=/none nest/qemu
printf '#!/bin/sh\nexit 3\n' >"$T/top/kernel/getdeb"
is "$("$T/top/nest/qemu" 2>"$T/why")" "$(command -v qemu-system-x86_64)" \
	"without a newer QEMU in the archive it is this machine's"
version=$(dpkg-query -W -f '${Version}' qemu-system-x86)
if dpkg --compare-versions "$version" lt 1:10.2; then
	like "$(cat "$T/why")" 'freezes now and then: no other can be had' \
		"and qemu says so"
else
	skip "and qemu says so" "this machine's $version will do"
fi

# job NAME LINE...: a folder with that script.
job() {
	local d=$T/jobs/$1
	shift
	mkdir -p "$d"
	{
		echo '#!/bin/sh'
		printf '%s\n' "$@"
	} >"$d/job"
	chmod +x "$d/job"
}

# runner TOP: run the jobs with that tree's lab.
runner() {
	PYTHONPATH=$1 exec python3 -BP -m lab.runner "$T/jobs"
}

# had NAME FILE: what came back.
had() {
	cat "$T/jobs/$1/$2" 2>&1 || true
}

# four HOW TOP: four jobs in a row in one host.
four() {
	local rc=0 boot='cat /proc/sys/kernel/random/boot_id >out/boot'
	job a-good 'echo to stdout; echo to stderr >&2; test -c /dev/kvm || exit 9' \
		'mkdir out/sub; tr a-z A-Z <data >out/sub/data' \
		'truncate -s 8M disk && mkfs.ext4 -q -F disk && e2fsck -fn disk >/dev/null 2>&1 &&' \
		'debugfs -R "dump / root" disk 2>/dev/null && [ -s root ] &&' \
		'readelf -h /proc/self/exe | grep -c Machine: >out/tools' "$boot"
	echo 'from a link' >"$T/data"
	ln -s "$T/data" "$T/jobs/a-good/data"
	job b-fails 'echo failing; exit 3'
	echo stale >"$T/jobs/b-fails/why"
	job c-hangs 'echo before' 'sleep 1000 & sleep 1000' 'echo after'
	echo 2 >"$T/jobs/c-hangs/deadline"
	job d-last "$boot" 'ls -A'
	(JOBS=1 runner "$2") >"$T/stdout" 2>"$T/progress" || rc=$?

	is "$rc" 3 "$1: its exit status says that not every job's rc is 0"
	is "$(had a-good rc)" 0 "$1: a job that succeeds: its rc"
	is "$(had a-good console)" $'to stdout\nto stderr' "$1: its console"
	is "$(had a-good out/sub/data)" 'FROM A LINK' \
		"$1: a file it made of one it was given"
	is "$(had a-good out/tools)" 1 "$1: it had e2fsprogs and readelf"
	is "$(had b-fails rc)" 3 "$1: a job that fails: its rc"
	is "$(find "$T/jobs/b-fails/why" 2>/dev/null || true)" '' \
		"$1: nothing is left of an earlier run"
	is "$(had c-hangs rc)" 124 "$1: a job that hangs: its rc"
	is "$(had c-hangs console)" before "$1: its console until then"
	is "$(had c-hangs why)" 'killed after its deadline of 2 s' \
		"$1: and why it ended"
	is "$(had d-last rc)" 0 "$1: the job after it still runs"
	is "$(had d-last console | sort | paste -sd' ')" 'console job out' \
		"$1: in its own folder"
	is "$(had d-last out/boot)" "$(had a-good out/boot)" "$1: in the same host"
	is "$(cat "$T/stdout")" '' "$1: stdout stays free"
	like "$(cat "$T/progress")" '4 of 4: d-last: rc 0' "$1: progress is on stderr"
	rm -rf "$T/jobs"
}
four "$accel" "$TOP"
# The other way where it can only be pretended: these jobs start no guest.
if [ "$accel" = tcg ] && [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	is "$(pretend "$hyperv echo nest: alive")" kvm "hardware KVM is pretended"
	PATH=$T/bin:$PATH four "as if kvm" "$T/top"
fi

# An inner host that dies. Nowhere else: see the script's first line.
if [ "$accel" = tcg ]; then
	# shellcheck disable=SC2016 # for the job to expand
	inside='[ "$NEST" = tcg ] && [ -x /nest/jobs ] || exit 9'
	job a-first 'echo kept'
	job b-panics "$inside" 'echo last words; sleep 1' \
		'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60'
	# Every process stops, as in an inner host that froze.
	job c-freezes "$inside" '[ -e retried ] || {' \
		'	echo >out/stale; kill -STOP -1; sleep 60' \
		'}' 'cat retried; ls out'
	# Only what waits for the job stops; the heart beats on.
	# shellcheck disable=SC2016
	job d-sticks '[ -e retried ] || { kill -STOP $PPID; sleep 60; }'
	echo 2 >"$T/jobs/d-sticks/deadline"
	job e-next 'echo alive'
	job f-next 'echo alive'
	rc=0
	(FROZEN=8 GRACE=4 JOBS=2 runner "$TOP") >/dev/null 2>"$T/progress" || rc=$?
	is "$rc" 3 "an inner host dies each time: the exit status says so"
	is "$(had b-panics rc)" 125 "the job that it ran gets 125"
	like "$(had b-panics why)" '^the inner host died' "and why"
	is "$(had b-panics console)" 'last words' "what it printed is kept"
	is "$(had b-panics retried)" 2 "it was tried three times"
	is "$(had a-first console)" kept "the result of a job before is kept"
	is "$(had c-freezes rc)" 0 "an inner host freezes: its job runs again"
	is "$(had c-freezes console)" 1 "it is told, and finds nothing left over"
	like "$(cat "$T/progress")" \
		'lab: c-freezes: the inner host froze.*; running it again, try 2 of 3' \
		"and lab says so"
	is "$(had d-sticks rc) $(had d-sticks retried)" '0 1' \
		"so does a job whose result does not come"
	like "$(cat "$T/progress")" 'lab: d-sticks: the inner host stopped answering' \
		"and lab says so"
	is "$(had e-next console) $(had f-next console)" 'alive alive' \
		"the next jobs run in new ones"
	is "$(find "$T/jobs/"[aef]-*/retried 2>/dev/null || true)" '' \
		"no other job ran again"
	like "$(cat "$T/progress")" \
		'lab: ran again because an inner host died or froze: b-panics c-freezes d-sticks' \
		"in the end lab lists them"
	rm -rf "$T/jobs"
else
	skip "an inner host dies" "hardware KVM works here: there is none"
fi

# arm64's, which is emulated on any other machine.
is "$(ARCH=arm64 nest/probe 2>"$T/why")" \
	"$([ "$(uname -m)" = aarch64 ] && echo "$accel" || echo tcg)" "arm64: an accelerator"
like "$(<"$T/why")" 'tcg: the guests are aarch64, this machine is|a Linux guest ran' "arm64: and why"
if [ "$(uname -m)" != aarch64 ]; then
	run_fails 'ACCEL=kvm is impossible here: the guests are aarch64, this machine is' \
		"arm64: ACCEL=kvm is refused with the reason" env ARCH=arm64 ACCEL=kvm nest/probe
fi
job arm64 'uname -m; test -c /dev/kvm || exit 9; readelf -h /bin/busybox | grep -o AArch64' \
	'truncate -s 8M disk && mkfs.ext4 -q -F disk && e2fsck -fn disk >/dev/null 2>&1 &&' \
	'debugfs -R "dump / root" disk 2>/dev/null && [ -s root ] && echo tools'
rc=0
(ARCH=arm64 ACCEL=tcg JOBS=1 runner "$TOP") >/dev/null 2>"$T/progress" || rc=$?
is "$rc $(had arm64 console | paste -sd' ')" '0 aarch64 AArch64 tools' \
	"arm64: an inner host has KVM, e2fsprogs and readelf"
rm -rf "$T/jobs"

# users: the processes that are at work in $work.
work=
users() {
	grep -ls "$work/" /proc/[0-9]*/cmdline || true
	find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$work/*" 2>/dev/null ||
		true
}

# gone: waits until $work has no processes, at most 5 s, and prints those it has.
gone() {
	local i
	for ((i = 0; i < 50; i++)); do
		[ -n "$(users)" ] || return 0
		sleep 0.1
	done
	users
}

# interrupted HOW TOP SIGNAL: such a run leaves no process and, unless it is killed, no
# folder behind.
interrupted() {
	local pid i
	job sleeper 'setsid sleep 1000 &' 'echo there; exec sleep 1000'
	: >"$T/progress"
	(V=1 runner "$2") >/dev/null 2>"$T/progress" &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		! grep -qx there "$T/progress" || break
		sleep 0.1
	done
	# Others may be running something, too.
	for work in "$2"/build/nest/jobs-*; do
		tar -tf "$work/0/in.tar" 2>/dev/null | grep ^sleeper/ >/dev/null && break
	done
	is "$(grep -cx there "$T/progress")" 1 "$1: V=1 shows the console live"
	is "$([ -z "$(users)" ] || echo some)" some "$1: a run at work has processes"
	kill -s "$3" "$pid"
	{ wait "$pid" || true; } 2>/dev/null
	if [ "$3" = KILL ]; then
		is "$(gone)" '' "$1: a killed run leaves no process"
		rm -rf "$work"
	else
		is "$(users)" '' "$1: SIG$3: an interrupted run leaves no process"
		is "$(find "$work" -maxdepth 0 2>/dev/null || true)" '' \
			"$1: SIG$3: and no folder"
	fi
	rm -rf "$T/jobs"
}
interrupted "$accel" "$TOP" TERM
interrupted "$accel" "$TOP" KILL
if [ -e "$T/top/build/nest/probe" ] && [ "$accel" = tcg ]; then
	PATH=$T/bin:$PATH interrupted "as if kvm" "$T/top" HUP
	PATH=$T/bin:$PATH interrupted "as if kvm" "$T/top" KILL
fi

# An inner host that does not come up, tried again; then the reason is said.
job never true
pretend 'echo booting >&2; exec sleep 60' >/dev/null
: >"$T/starts"
run_fails 'stopped answering; its last words: booting; see' \
	"an inner host that never comes up is given up" \
	env QEMU="$T/bin/qemu-system-x86_64" ACCEL=tcg BOOT=1 JOBS=1 \
	PYTHONPATH="$T/top" python3 -BP -m lab.runner "$T/jobs"
is "$(wc -l <"$T/starts")" 3 "after three tries"
rm -rf "$T/jobs"

done_testing
