#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every scenario, on every path, with every kernel that it asks for: guests of
# hvhost, judged by its trace and by what they say. And that scenario files
# which are wrong are refused.
# shellcheck disable=SC2016 # what is in quotes is for sed and for the guest
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=nest/scenario.sh
. "$TOP/nest/scenario.sh"
unset LINUX KERNEL TIMES MATRIX
tmpdir
cd "$TOP"

run_ok "every scenario can be read" nest/scenario check
# Where layouts differ, each way to start a second kernel is tried; where only
# devices and drivers do, some are.
layouts=0
for name in $(scenario_names); do
	scenario_load "$name"
	[[ " ${C[paths]} " != *" kexec-s kexec-c kdump-s kdump-c "* ]] || layouts=$((layouts + 1))
	[ -z "$(pci_has nvme)" ] ||
		like " ${C[paths]} " ' kdump-[sc] ' "$name: has a crash dump to save"
done
run_ok "fourteen layouts have every path" test "$layouts" -ge 14

# wrong EREGEX DESC SED: gen2-default, so edited, is refused.
wrong() {
	sed "$3" scenarios/gen2-default.conf >"$T/wrong.conf"
	run_fails "wrong.conf:?[0-9]*: $1" "$2" nest/scenario check "$T/wrong.conf"
}
line=$(grep -n '^generation' scenarios/gen2-default.conf | cut -d: -f1)
sed 's/^generation.*/generation = 3/' scenarios/gen2-default.conf >"$T/wrong.conf"
run_fails "$T/wrong.conf:$line: generation cannot be '3'" \
	"a generation that there is not, with file and line" nest/scenario check "$T/wrong.conf"
wrong "no such key: 'generatoin'" "a key that there is not" 's/^generation/generatoin/'
wrong "not 'key = value': 'generation: 2'" "a line that is none" 's/^generation.*/generation: 2/'
wrong "generation a second time: '2'" "a key twice" '1a generation = 1'
wrong "there is no reserve" "no reserve" '/^reserve/d'
wrong "low-mmio cannot be '-1G'" "a size below zero" '1a low-mmio = -1G'
wrong "low-mmio cannot be 'lots'" "a size in words" '1a low-mmio = lots'
wrong "video cannot be '1024'" "half a resolution" '1a video = 1024'
wrong "crs cannot be '0xf8000000-0xf9000000'" "a range with 0x" '1a crs = 0xf8000000-0xf9000000'
wrong "crs cannot be 'f8000000'" "half a range" '1a crs = f8000000'
wrong "windows cannot be 'f8000000-f7ffffff'" "an inverted window to find" \
	's/^windows.*/windows = f8000000-f7ffffff/'
wrong "paths cannot be 'boot walk'" "a path that there is not" 's/^paths.*/paths = boot walk/'
wrong "paths cannot be 'boot boot'" "a path twice" 's/^paths.*/paths = boot boot/'
wrong "append cannot be .*guest.path" "the guest's own arguments" '1a append = guest.path=boot'
wrong 'append cannot be ' "a command line with a quote" "1a append = a'b"
wrong "pci cannot be 'nvme,disk=/dev/sda'" "a disk of the scenario's own" '1a pci = nvme,disk=/dev/sda'
wrong "pci cannot be 'test'" "a test device without BARs" '1a pci = test'
wrong "pci cannot be 'test,bar32=4K,refuse-d0=2'" "half a range of D0 entries" \
	'1a pci = test,bar32=4K,refuse-d0=2'
wrong "refuse-windows cannot be 'fec01000'" "half a range of refused config windows" \
	'1a refuse-windows = fec01000'
wrong "refuse-windows cannot be 'fecfffff-fec01000'" "an inverted one" \
	'1a refuse-windows = fecfffff-fec01000'
wrong "refuse-windows cannot be 'fec01000-fecfffff=103'" "one with a status that is no error" \
	'1a refuse-windows = fec01000-fecfffff=103'
wrong "tries cannot be '0'" "a config window at address 0" '1a tries = 0'
wrong "resume cannot be 'yes'" "resuming without a number" '1a resume = yes'
wrong "crash cannot be 'vmbus_open'" "a crash without a reason" '1a crash = vmbus_open'
wrong "more than one nvme" "two disks" '1a pci = nvme'
wrong "bar-conflicts cannot be 'maybe'" "a host that does not know" '1a bar-conflicts = maybe'
wrong "firmware-fb cannot be 'f8000000'" "half a framebuffer of firmware's" \
	'1a firmware-fb = f8000000'
wrong "add-on cannot be 'test0'" "a device that is to come, and not when" '1a add-on = test0'
wrong "remove-on cannot be 'video=1'" "a device that is not PCI's" '1a remove-on = video=1'
wrong "eject-on cannot be 'test0=10'" "one that goes with none" '1a eject-on = test0=10'
wrong "rescind-on cannot be 'test0'" "a channel that goes, and not when" '1a rescind-on = test0'
wrong "one-by-one with add-on" "what nobody would bind" \
	'1a one-by-one = yes\nadd-on = test0=nvme0'
wrong "gone cannot be 'all'" "devices that cannot go" '1a gone = all'
wrong "at-once cannot be '0'" "nothing at once" '1a at-once = 0'
wrong "handover cannot be 'vesafb'" "a driver to take over from that there is not" \
	'1a handover = vesafb'
wrong "dead-windows cannot be 'maybe'" "a host that may forget" '1a dead-windows = maybe'
wrong "one-by-one cannot be '2'" "two by two" '1a one-by-one = 2'
wrong "one-by-one with a Debian kernel" "what Debian's kernels cannot" '1a one-by-one = yes'
wrong "kernel cannot be '../7.3'" "a kernel that is a path" '1a kernel = ../7.3'
wrong "lost cannot be 'no-vram video'" "a loss without a reason" '1a lost = no-vram video'
wrong "lost cannot be 'burnt test0: why'" "a loss that there is not" '1a lost = burnt test0: why'
wrong "drivers cannot be 'pci-hyperv; rm'" "a driver that is none" 's/^drivers.*/drivers = pci-hyperv; rm/'
wrong "rebind cannot be 'hv_pci'" "cycles without a number" '1a rebind = hv_pci'
wrong "save cannot be 'half'" "half a dump" '1a save = half'
wrong "except cannot be '7.3 boot first nvme refused'" "a known failure without a reason" \
	'1a except = 7.3 boot first nvme refused'
wrong "also cannot be '7.3[.][.] boot'" "half a mix" '1a also = 7.3.. boot'
wrong "also cannot be '7.3'" "a kernel without paths" '1a also = 7.3'
wrong "except cannot be '7.3 boot first efi maybe'" "an exception of no value" \
	'1a except = 7.3 boot first efi maybe'
wrong "except cannot be '7.3 boot third efi no'" "a third kernel" \
	'1a except = 7.3 boot third efi no'
wrong "except cannot be '7.3 boot first windows f8000000'" "half a window to find" \
	'1a except = 7.3 boot first windows f8000000'
run_fails "no such scenario: 'gen3'" "a scenario that there is not" nest/scenario run gen3
run_fails "no such path: 'walk'" "a path that there is not, to run" \
	nest/scenario run gen2-default walk
run_fails "no such kernel: '2.6'.*debian-VERSION or a path" "a kernel that there is not" \
	env KERNEL=2.6 nest/scenario run gen2-default
run_fails "not a version of a Debian kernel: 'newest'" "a Debian kernel of no version" \
	kernel/debian newest
run_fails "has linux-image-cloud-amd64 5.0; there is: 6" \
	"a Debian kernel that there is not, with those that there are" kernel/debian 5.0
run_fails "nothing matches: gen3" "nothing to run" nest/matrix gen3

# Emulated, all of it takes near half an hour. So of what differs in little one
# is played here: FULL=1, or make matrix, plays all. Generation 2 as it comes
# has every path; what else there is has a crash whose dump is saved or lost,
# and where another path is what it is about, that.
chosen() {
	[ -z "${FULL:-}" ] || return 0
	case $1:$3:$2 in
	# Other kernels to build, with -debug minutes each
	*:*-debug:* | *:*-efifb:* | *:*-nosysfb:*) return 1 ;;
	*:6.12-*:* | *:6.1:* | *:6.1-nofix:*) return 1 ;;
	gen2-default:7.3-series:*) ;;
	gen2-efi-noruntime:*:kexec-s | gen2-64-buses:*:boot | gen2-reload:*:boot) ;;
	gen2-64-buses:* | gen2-reload:*) return 1 ;;
	gen2-efi-noruntime:* | gen2-foreign-fb:7.3-nofix:*) return 1 ;;
	gen1-8k*:7.3-series..*) ;;
	gen2-video-once:* | gen2-low-150m:* | gen2-4834x3622:* | *:7.3-series..*) return 1 ;;
	*:*debian-7.3:* | *:*debian-6.12:* | *:*..debian-*:* | *:debian-*..*:*) return 1 ;;
	*:*:kdump-c) ;;
	gen2-crs-degenerate:7.3:*) ;;
	*) [ "${C[paths]}" = boot ] ;;
	esac
}
cells=()
for name in $(scenario_names); do
	scenario_load "$name"
	while read -r path kernel; do
		! chosen "$name" "$path" "$kernel" || cells+=("$name:$path:$kernel")
	done < <(scenario_runs)
done
start=$SECONDS
rc=0
make -s matrix M="${cells[*]}" >"$T/table" || rc=$?
took=$((SECONDS - start))
is "$rc" 0 "the matrix is as it must be"
result=$BUILD/matrix/result.tsv
count=0
for name in $(scenario_names); do
	scenario_load "$name"
	while read -r path kernel; do
		what="$name, $path, $kernel"
		if ! chosen "$name" "$path" "$kernel"; then
			skip "$what" "for time; FULL=1 runs it, as does make matrix"
			continue
		fi
		count=$((count + 1))
		if ! row=$(grep -P "^\Q$name\E\t\Q$path\E\t\Q$kernel\E\t" "$result"); then
			not_ok "$what: ran" </dev/null
			continue
		fi
		while IFS= read -r verdict; do
			case $verdict in
			"pass "*) ok "$what: ${verdict#pass }" ;;
			*) not_ok "$what: ${verdict#fail }" </dev/null ;;
			esac
		done < <(cut -f6- <<<"$row" | tr '\t' '\n')
	done < <(scenario_runs)
done
is "$(wc -l <"$result")" "$count" "and nothing else ran"
like "$(cat "$T/table")" 'gen2-default +7.3-series( +ok){6}' "the table says so, too"

# What the bugs come from, in the guests' own words.
# said SCENARIO PATH KERNEL first|second BLOCK KEY
said() {
	tr -d '\r' <"$BUILD/matrix/jobs/$3.$1.$2/console" | half "$4" |
		if [ "$5" = - ]; then sed -n "s/^guest: $6 //p"; else
			block "$5" | sed -n "s/^$6 //p"
		fi
}
# lost SCENARIO PATH KERNEL CONFLICT: it lost its disk, and why, by all three:
# the guest's console, the host's trace, the disk.
lost() {
	local d=$BUILD/matrix/jobs/$3.$1.$2
	if [ "$4" = config ]; then
		like "$(tr -d '\r' <"$d/console" | half second)" \
			'PCI Pass-through VSP failed D0 Entry with status c0370048' \
			"$*: the guest says that D0 entry was refused"
		is "$(jq -r 'select(.event == "d0_entry" and .reason == "framebuffer") |
			"\(.device) \(.status)"' "$d/out/trace" | sort -u)" "nvme0 0xc0370048" \
			"$*: the host did so"
	fi
	is "$(jq -r 'select(.event == "conflict" and .device == "nvme0") |
		"\(.what) \(.with) \(.action)"' "$d/out/trace" | sort -u)" \
		"$4 framebuffer refused" "$*: the host knows the conflict"
	[[ $2 != kdump-* ]] || is "$(sed -n 's/^\(size\|elf\|fsck\) .*/\1/p' "$d/out/disk")" \
		fsck "$*: there is no dump"
}
# saved SCENARIO PATH KERNEL: the disk has a dump of the first kernel, and no conflict.
saved() {
	local d=$BUILD/matrix/jobs/$3.$1.$2
	is "$(jq -r 'select(.event == "conflict")' "$d/out/trace")" "" "$*: no conflict"
	[[ $2 != kdump-* ]] ||
		is "$(sed -n 's/^osrelease //p' "$d/out/disk")" "$(sed -n 1p "$d/release")" \
			"$*: the dump names the kernel that crashed"
}
for kernel in 7.3-nofix debian-6.1.176-amd64; do
	lost gen2-default kdump-c "$kernel" config
	like "$(jq -r 'select(.event == "vram_location" and .accepted) | .fb' \
		"$BUILD/matrix/jobs/$kernel.gen2-default.kdump-c/out/trace" | head -n 1)" \
		'^0xf8000000-' "$kernel: hyperv_drm was at work in the first kernel"
	is "$(said gen2-default kdump-c "$kernel" second screen lfb_base)" 0x0 \
		"$kernel: the second kernel is told of no framebuffer"
done
lost gen2-efi-noruntime kexec-s 7.3 config
lost gen2-8k kdump-c 7.3-nofix..7.3 config
saved gen2-8k kdump-c 7.3-nofix..7.3-series
saved gen2-efi-noruntime kexec-s 7.3-series
lost gen1-8k-low-1g kdump-c 7.3 config
lost gen1-8k kdump-c 7.3 bar
for kernel in 7.3-series 7.3..7.3-series 7.3-series..7.3; do
	saved gen1-8k-low-1g kdump-c "$kernel"
	saved gen1-8k kdump-c "$kernel"
done
# Stable kernels: what is lost without mainline's fix, and without the series
for run in "gen2-default kdump-c" "gen1-default kdump-c" "gen2-hyperv-fb kdump-c" \
	"gen2-efi-noruntime kexec-s"; do
	for kernel in 6.1-series ${FULL:+6.12-series}; do
		# shellcheck disable=SC2086 # two words
		saved $run "$kernel"
	done
done
if [ -n "${FULL:-}" ]; then
	lost gen2-default kdump-c 6.1-nofix config
	lost gen2-efi-noruntime kexec-s 6.1 config
	lost gen1-8k kdump-c 6.1 bar
fi
gen2=0
while IFS=$'\t' read -r name path kernel _; do
	[[ $name = gen2-* && $path = kdump-* && $kernel = 7.3-series ]] || continue
	scenario_load "$name"
	[ -n "$(pci_has nvme)" ] || continue
	gen2=$((gen2 + 1))
	saved "$name" "$path" "$kernel"
done <"$result"
run_ok "$gen2 crashes on Generation 2 had a dump to save" test "$gen2" -ge 12

# On a host that refuses config windows no device is lost in a kernel with the second
# try, whatever ran before it: judge has a verdict on it in each run, and here no
# scenario expects a loss, but for the host that refuses every window there is.
rescued=0 losers=''
for name in $(scenario_names); do
	scenario_load "$name"
	while read -r path kernel; do
		for which in first second; do
			[[ $(kernel_of "$kernel" "$which") = 7.3-series* ]] || continue
			[[ $which = first || $path = k* ]] || continue
			! losses "$kernel" "$path" "$which" | grep -qE '^(config-|outside)' ||
				losers+="$name $path $kernel $which;"
			[ "$(expected tries "$kernel" "$path" "$which")" = none ] ||
				! grep -qP "^\Q$name\E\t\Q$path\E\t\Q$kernel\E\t.*\tpass second try" "$result" ||
				rescued=$((rescued + 1))
		done
	done < <(scenario_runs)
done
is "$losers" "gen2-refused-all boot 7.3-series first;" \
	"no scenario has a kernel with the second try lose a device to a config window"
run_ok "$rescued kernels had config windows refused" test "$rescued" -ge 15

# What the guest says of a refusal with the series
out=$(tr -d '\r' <"$BUILD/matrix/jobs/7.3-series.gen2-fb-elsewhere.boot/console")
like "$out" 'status c0370048, config window \[mem 0xfec01000-0xfec02fff\]' \
	"a refusal names the window"
like "$out" 'Trying config window \[mem 0xfe0000000-0xfe0001fff\], not \[mem 0xfec01000-0xfec02fff\]' \
	"the second try names both windows"

for path in ${FULL:+kexec-c} kdump-c; do
	s="gen2-foreign-fb $path 7.3-series"
	# shellcheck disable=SC2086 # three words
	is "$(said $s first screen lfb_base) $(said $s first screen fb) $(
		said $s second screen lfb_base)" "0xf8000000 Virtual FB 0x0" \
		"$path with a foreign /dev/fb0 loses firmware's framebuffer"
done
for path in kexec-s ${FULL:+kdump-s}; do
	s="gen2-efi-noruntime $path 7.3"
	# shellcheck disable=SC2086
	is "$(said $s first - efi) $(said $s second - efi) $(
		said $s second mmio reservation)" "yes no none" \
		"$path without EFI runtime services: 7.3 has no EFI, reserves nothing"
	# shellcheck disable=SC2086
	is "$(said $s-series first - efi) $(said $s-series second - efi) $(
		said $s-series second mmio reservation)" "yes no f8000000-fbffffff" \
		"$path without EFI runtime services: 7.3-series reserves the bottom"
done

# The judge is not easily pleased: results that were good, but for one thing.
scenario_load gen2-default
good=7.3-series.gen2-default.kdump-s
# spoilt GROUP FILE SED|PICTURE: the good one, with that file so edited or replaced.
spoilt() {
	# Not to be read as a directive of TAP's
	local what=${3//#/}
	rm -rf "$T/job"
	cp -r "$BUILD/matrix/jobs/$good" "$T/job"
	case $2 in
	'') ;;
	*.png) cp "$T/job/$3" "$T/job/$2" ;;
	*) sed -i "$3" "$T/job/$2" ;;
	esac
	is "$(judge "$T/job" | sed -n 's/^fail \([^:]*\):.*/\1/p' | paste -sd,)" "$1" \
		"judged by ${1:-nothing} when ${2:-nothing} is ${what:-changed}"
}
spoilt "" "" ""
spoilt ends console '/^guest: finished/d'
spoilt ends console '/^guest: finished/i guest: failed kexec'
spoilt ends out/trace 's/"how":"poweroff"/"how":"reset"/'
spoilt "well behaved" out/trace '/"offers_requested"/s/.*/{"t":1,"event":"bad","who":"ring","what":"write index","value":"0xffff"}/'
spoilt detection console '0,/Hypervisor detected/s/Microsoft Hyper-V/KVM/'
spoilt detection console 's/^guest: release.*/guest: release 6.1/'
spoilt detection out/trace '/"guest_os_id".*"0x0"/d'
spoilt vmbus out/trace '/"unload","vp"/d'
spoilt vmbus out/trace '0,/"open"/s/"open"/"close"/'
spoilt vmbus console '/^guest: kernel second/,$s/Vmbus version/VMBus/'
spoilt efi console '/^guest: kernel second/,$s/^guest: efi yes/guest: efi no/'
spoilt lfb-base console '/^guest: kernel second/,$s/^lfb_base .*/lfb_base 0x0/'
spoilt windows console '/^guest: kernel second/,$s/^windows .*/windows none/'
spoilt windows out/trace '1s/fed3ffff/ffffffff/'
spoilt windows layout.json 's/fed3ffff/ffffffff/'
spoilt reserve,space console '/^guest: kernel second/,$s/^reservation .*/reservation none/'
spoilt reserve console '/^guest: kernel second/,$s/fb=.mem 0xf8/fb=[mem 0xf9/'
spoilt reserve layout.json 's/"reserve": "0xf8/"reserve": "0xf9/'
spoilt selftest console '/^guest: kernel second/,$s/^ok 3/not ok 3/'
spoilt selftest console '/^guest: kernel second/,$s/^guest: end selftest.*//'
spoilt selftest console '/^guest: kernel second/,$s/^\(ok 2 .*_exists\).*/\1 # SKIP why/'
spoilt vmcore console 's/^OSRELEASE=.*/OSRELEASE=6.1/'
spoilt vram out/trace '0,/"vram_location"/s/0xf8000000-/0xf9000000-/'
spoilt lost out/trace '/"vram_location"/d'
spoilt "d0,tries,second try,space" out/trace '/"d0_entry"/s/"status":"0x0"/"status":"0xc0370048"/'
spoilt d0 out/trace '/"d0_entry"/s/"held"/"state"/'
spoilt d0 console '/^guest: kernel second/a hv_pci: PCI Pass-through VSP failed D0 Entry with status c0370048'
spoilt conflicts out/trace '/"d0_entry"/i {"t":1,"event":"conflict","what":"bar","device":"nvme0","with":"framebuffer"}'
spoilt disk console '/^guest: kernel second/,$s/^guest: disk found/guest: disk missing/'
spoilt disk console '/^guest: kernel second/,$s/^guest: file .*/guest: file 0/'
spoilt disk out/disk 's/^file ./file x/'
spoilt disk out/disk 's/^fsck 0/fsck 4/'
spoilt dump out/disk '/^\(elf\|size\|osrelease\)/d'
spoilt dump out/disk 's/^osrelease 7/osrelease 6/'
spoilt dump console 's/^guest: dump saved.*/guest: dump lost no disk/'
spoilt space console '/^guest: kernel second/,$s/^held .*//'
spoilt space console '/^guest: kernel second/,$s/^\(held [0-9a-f-]*\)f/\1e/'
spoilt space out/trace 's/"window":"0xf/"window":"0xe/'
spoilt space out/trace '/"d0_entry".*"0x0"/a {"t":1,"event":"bar","device":"nvme0","bar":0,"range":"0xfc000000-0xfc003fff","decodes":true}'
scenario_load gen2-refused
good=7.3-series.gen2-refused.kdump-c
spoilt "" "" ""
spoilt "d0,tries" out/trace '/"reason":"window"/d'
spoilt tries out/trace '/"reason":"window"/s/"0xfec01000-0xfec02fff"/"0xfec03000-0xfec04fff"/'
spoilt d0 console '/^guest: kernel second/,$s/status c0370048/status c000000d/'
spoilt space console '/^guest: kernel second/,${
	s/^held fe0000000-fe0001fff/&\nheld fec01000-fec02fff/
	s/^fe0000000-fe0001fff\( : .*\)/&\nfec01000-fec02fff\1/
	s/^  fe0000000-fe0001fff\( : .*\)/&\n  fec01000-fec02fff\1/
}'
spoilt "lost,d0,second try,space" out/trace 's/"status":"0x0","reason":"ok"/"status":"0xc0370048","reason":"window"/'
scenario_load gen2-64-buses
good=7.3-series.gen2-64-buses.boot
spoilt at-once out/trace '/"event":"open","device":"test/d'
scenario_load gen2-hot
good=7.3-series.gen2-hot.kdump-c
spoilt hot out/trace '/"event":"eject"/d'
spoilt at-once out/trace '/"event":"open","device":"test/d'
spoilt space,hot out/trace '/"event":"rescind"/d'
spoilt space,hot out/trace '0,/"event":"offer",.*"test0"/{/"event":"offer",.*"test0"/d}'
scenario_load gen2-handover-simpledrm
good=7.3-series.gen2-handover-simpledrm.boot
spoilt "" "" ""
spoilt handover out/before.png out/screen.png
spoilt paint out/screen.png out/before.png
spoilt handover console 's/^.*: BOOTFB/f8000000-f82fffff : BOOT/'
spoilt handover console '/^guest: begin unbound/a f8000000-fbffffff : Hyper-V framebuffer'
scenario_load gen2-default
# ... and neither by what is lost, if that is saved.
tried=0
while read -r name path kernel; do
	tried=$((tried + 1))
	scenario_load "$name"
	EXCEPT+=("* * second nvme works")
	like "$(judge "$BUILD/matrix/jobs/$kernel.$name.$path" | paste -sd' ')" \
		'fail conflicts.* fail disk.* fail dump' \
		"$name, $path, $kernel: a loss is no success"
done < <(awk -F'\t' '$5 != "" && $2 ~ /^kdump-/ { print $1, $2, $3 }' "$result")
run_ok "$tried losses were so judged" test "$tried" -ge 5
scenario_load gen2-default
EXCEPT+=("* * second nvme refused: nothing")
like "$(judge "$BUILD/matrix/jobs/7.3-series.gen2-default.kdump-c" | paste -sd' ')" \
	'fail d0.* fail conflicts.* fail disk.* fail dump' "a success is no expected loss"
# ... nor is a crash, and who was to crash and did not, or to resume, is missed.
scenario_load gen2-resume-refused
EXCEPT=()
like "$(judge "$BUILD/matrix/jobs/7.3.gen2-resume-refused.boot")" \
	'fail ends: reset, 0 finished' "a crash is no success"
EXCEPT=("* * first crash hv_ringbuffer_write: nothing")
like "$(judge "$BUILD/matrix/jobs/7.3-series.gen2-resume-refused.boot")" \
	'fail ends: poweroff, 1 finished' "a success is no expected crash"
EXCEPT=("* * first crash hv_pci_remove: nothing")
like "$(judge "$BUILD/matrix/jobs/7.3.gen2-resume-refused.boot")" \
	'fail ends: .* in hv_ringbuffer_write, not ' "a crash elsewhere is not the expected one"
scenario_load gen2-resume
C[resume]=3
like "$(judge "$BUILD/matrix/jobs/7.3-series.gen2-resume.kdump-c")" 'fail vmbus: ' \
	"a kernel that did not resume is found out"
scenario_load gen2-default

# A triple fault: once may be the emulation's fault, twice is the kernel's.
mkdir "$T/scenarios"
sed '/^also/d; /^except/d; s/^paths.*/paths = boot/' scenarios/gen2-default.conf \
	>"$T/scenarios/triple.conf"
echo 'append = rdinit=/none panic=1 reboot=triple' >>"$T/scenarios/triple.conf"
rc=0
SCENARIOS=$T/scenarios MATRIX=$T/matrix nest/matrix >"$T/triple" 2>&1 || rc=$?
is "$rc" 1 "a kernel that always ends in a triple fault fails"
like "$(cat "$T/triple")" 'triple, boot, 7.3-series: fail ends: triple_fault' "and how is said"
if [ "$(nest/probe 2>/dev/null)" = tcg ]; then
	like "$(cat "$T/triple")" 'again, after a triple fault: 7.3-series.triple.boot' \
		"after a second chance"
else
	skip "after a second chance" "hardware KVM gives none"
fi
diag "again after a triple fault: $(find "$BUILD/matrix/jobs" -name again | wc -l)"

# Another kernel in the place of 7.3-series
run_ok "the matrix of another kernel" env MATRIX="$T/matrix" make -s matrix \
	M=gen2-default:boot KERNEL=6.1-series
is "$(cut -f1-3 "$T/matrix/result.tsv")" $'gen2-default\tboot\t6.1-series' \
	"has its runs alone"
run_fails "no such kernel: '5.4-series'" "a kernel that there is not, in the matrix" \
	env KERNEL=5.4-series nest/matrix

# One at a time, and by hand.
rc=0
make -s run S=gen2-default >"$T/run" 2>"$T/live" || rc=$?
is "$rc" 0 "a single scenario runs"
like "$(cat "$T/live")" 'Hypervisor detected: Microsoft Hyper-V' "its console is live"
like "$(cat "$T/run")" 'what the host saw.*contact .*pass reserve' \
	"the host's trace and the verdicts follow"
mkfifo "$T/keys"
timeout 120 make -s shell S=gen2-default <"$T/keys" >"$T/shell" 2>/dev/null &
shell=$!
exec 4>"$T/keys"
for ((i = 0; i < 100; i++)); do
	! grep -q '/ # ' "$T/shell" || break
	sleep 1
done
printf 'echo $((6 * 7))\nexit\n' >&4
rc=0
wait "$shell" || rc=$?
exec 4>&-
is "$rc" 0 "a shell in a guest ends when told to"
like "$(tr -d '\r' <"$T/shell")" $'\n42\n.*guest: finished' "and did as it was told"

diag "$count runs in $took s"
diag "seconds a guest, the slowest with 7.3-series: $(awk -F'\t' '$3 == "7.3-series" &&
	$4 + 0 > m[$2] + 0 { m[$2] = $4 } END { for (p in m) printf "%s %s ", p, m[p] }' "$result")"
done_testing
