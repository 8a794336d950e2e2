#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The cells of tests/90-scenarios.cells, or with FULL=1 all: guests of hvhost, judged by its
# trace and by what they report. lab/tests has what can be tested without a guest.
# shellcheck disable=SC2016 # what is in quotes is for the guest
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX KERNEL TIMES MATRIX ROLE JUNIT TAP
tmpdir
cd "$TOP"
lab=lab/lab

run_ok "every scenario can be read" $lab check
run_fails "no such scenario: 'gen3'" "a scenario that does not exist" $lab run gen3
run_fails "no such path: 'walk'" "a path that does not exist" $lab run gen2-default walk
run_fails "no such kernel: '2.6'.*debian-VERSION or a path" "a kernel that does not exist" \
	env KERNEL=2.6 $lab run gen2-default
run_fails "no such file: no/bzImage" "a file that does not exist" \
	env KERNEL=no/bzImage $lab run gen2-default
run_fails "no such ROLE: 'hero' .*series, mainline" "a role that does not exist" \
	env ROLE=hero $lab matrix gen2-default:boot:series
run_fails "not a version of a Debian kernel: 'newest'" "a Debian kernel of no version" \
	kernel/debian newest
run_fails "has linux-image-cloud-amd64 5.0; there is: 6" \
	"a Debian kernel that is not in the archive, with those that are" kernel/debian 5.0
run_fails "nothing matches: gen3" "nothing to run" $lab matrix gen3
run_fails "TIMES is a number" "TIMES that is no number" env TIMES=x $lab matrix gen2-default:boot

# judged RESULT: each of its verdicts is a test.
judged() {
	local ok what
	while IFS=$'\t' read -r ok what; do
		case $ok in
		true) ok "$what" ;;
		*) not_ok "$what" </dev/null ;;
		esac
	done < <(jq -r '"\(.scenario), \(.path), \(.kernel)" as $cell |
		.verdicts[] | "\(.ok)\t\($cell): \(.text | sub("^(pass|fail) "; ""))"' "$1")
}

# not_played RESULT: each cell of ARCH that is not in it.
not_played() {
	local cell
	while read -r cell; do
		skip "$cell" "for time; FULL=1 runs it, as does make matrix${ARCH:+ ARCH=$ARCH}"
	done < <($lab cells '*' | sort | comm -23 - <(jq -r '"\(.scenario):\(.path):\(.kernel)"' \
		"$1" | sort))
}

mapfile -t cells < <(grep -v '^\(#\|$\|arm64-\)' tests/90-scenarios.cells)
mapfile -t arm64 < <(grep '^arm64-' tests/90-scenarios.cells)
[ -z "${FULL:-}" ] || cells=('*') arm64=('*')
start=$SECONDS rc=0
make -s matrix M="${cells[*]}" JUNIT="$T/junit.xml" >"$T/table" || rc=$?
took=$((SECONDS - start))
is "$rc" 0 "the matrix is as expected"
[ "$rc" = 0 ] || diag "$(cat build/matrix/failures)"
result=build/matrix/result.jsonl
judged "$result"
count=$(wc -l <"$result")
not_played "$result"
[ -n "${FULL:-}" ] || is "$count" ${#cells[@]} "each cell was played once"
like "$(cat "$T/table")" 'gen2-default +series( +ok){6}' "the table says so, too"
is "$(grep -c '<testcase ' "$T/junit.xml") $(grep -o 'failures="[0-9]*"' "$T/junit.xml")" \
	"$count failures=\"0\"" "and so does JUnit's file"

# The same on arm64
if compgen -G "build/nest/arm64/host-*/initrd" >/dev/null; then
	start=$SECONDS rc=0
	make -s matrix ARCH=arm64 M="${arm64[*]}" >/dev/null || rc=$?
	is "$rc" 0 "the matrix of arm64 is as expected"
	[ "$rc" = 0 ] || diag "$(cat build/matrix-arm64/failures)"
	judged build/matrix-arm64/result.jsonl
	[ -n "${FULL:-}" ] || is "$(wc -l <build/matrix-arm64/result.jsonl)" ${#arm64[@]} \
		"each cell of arm64 was played once"
	ARCH=arm64 not_played build/matrix-arm64/result.jsonl
	diag "arm64's runs in $((SECONDS - start)) s"
else
	for cell in "${arm64[@]}"; do
		skip "$cell" "there is no inner host of arm64; ARCH=arm64 nest/host makes one"
	done
fi

# The cause of the bug, as guest, host and disk report it.
# job SCENARIO PATH KERNEL: its folder.
job() { echo "build/matrix/jobs/$3.$1.$2"; }
# second FILE: what the second kernel reported.
second() { sed -n '/^guest: kernel second$/,$p' "$1/out/findings"; }
# lost SCENARIO PATH KERNEL config|bar: the disk is lost to the framebuffer.
lost() {
	local d
	d=$(job "$@")
	if [ "$4" = config ]; then
		like "$(second "$d")" 'PCI Pass-through VSP failed D0 Entry with status c0370048' \
			"$*: the guest says that D0 entry was refused"
		is "$(jq -r 'select(.event == "d0_entry" and .reason == "framebuffer") |
			"\(.device) \(.status)"' "$d/out/trace" | sort -u)" "nvme0 0xc0370048" \
			"$*: the host refused it"
	fi
	is "$(jq -r 'select(.event == "conflict" and .device == "nvme0") |
		"\(.what) \(.with) \(.action)"' "$d/out/trace" | sort -u)" \
		"$4 framebuffer refused" "$*: the host saw the conflict"
	[[ $2 != kdump-* ]] || is "$(sed -n 's/^\(size\|elf\|fsck\) .*/\1/p' "$d/out/disk")" \
		fsck "$*: there is no dump"
}
# saved SCENARIO PATH KERNEL: no conflict, and the disk has the first kernel's dump.
saved() {
	local d
	d=$(job "$@")
	is "$(jq -r 'select(.event == "conflict")' "$d/out/trace")" "" "$*: no conflict"
	[[ $2 != kdump-* ]] ||
		is "$(sed -n 's/^osrelease //p' "$d/out/disk")" "$(sed -n 1p "$d/release")" \
			"$*: the dump names the kernel that crashed"
}
for kernel in nofix debian-6.1.176-amd64; do
	lost gen2-default kdump-c "$kernel" config
	d=$(job gen2-default kdump-c "$kernel")
	like "$(jq -r 'select(.event == "vram_location" and .accepted) | .fb' "$d/out/trace" |
		head -n 1)" '^0xf8000000-' "$kernel: hyperv_drm ran in the first kernel"
	like "$(second "$d")" $'\nlfb_base 0x0\n' "$kernel: screen_info is empty in the second"
done
lost gen2-efi-noruntime kexec-s mainline config
lost gen2-8k kdump-c nofix..mainline config
saved gen2-8k kdump-c nofix..series
saved gen2-efi-noruntime kexec-s series
lost gen1-8k-low-1g kdump-c mainline config
lost gen1-8k kdump-c mainline bar
for kernel in series mainline..series series..mainline; do
	saved gen1-8k-low-1g kdump-c "$kernel"
	saved gen1-8k kdump-c "$kernel"
done
for run in "gen2-default kdump-c" "gen1-default kdump-c" "gen2-hyperv-fb kdump-c" \
	"gen2-efi-noruntime kexec-s"; do
	for kernel in 6.1-series ${FULL:+6.12-series}; do
		# shellcheck disable=SC2086 # two words
		saved $run "$kernel"
	done
done
if [ -n "${FULL:-}" ]; then
	lost gen2-default kdump-c 6.1-nofix config
	lost gen2-efi-noruntime kexec-s 6.1-mainline config
	lost gen1-8k kdump-c 6.1-mainline bar
fi
gen2=0
while IFS=: read -r name path kernel; do
	[ -e "$(job "$name" "$path" "$kernel")/out/disk" ] || continue
	gen2=$((gen2 + 1))
	saved "$name" "$path" "$kernel"
done < <(jq -r 'select((.scenario | startswith("gen2-")) and (.path | startswith("kdump-")) and
	.kernel == "series") | "\(.scenario):\(.path):\(.kernel)"' "$result")
run_ok "$gen2 crashes on Generation 2 had a dump to save" test "$gen2" -ge 12
# Whatever ran before it, a kernel with the second try loses no device to a refused window;
# lab/tests checks that no scenario expects a loss. Here: that windows were refused at all.
rescued=$(jq -s '[.[].verdicts[] | select(.group == "tries") | .checks[] |
	select(.expected != "none")] | length' "$result")
run_ok "$rescued kernels had config windows refused" test "$rescued" -ge 15

# What the guest says of a refusal with the series
out=$(cat "$(job gen2-fb-elsewhere boot series)/out/findings")
like "$out" 'status c0370048, config window \[mem 0xfec01000-0xfec02fff\]' \
	"a refusal names the window"
like "$out" 'Retrying with config window \[mem 0xfe0000000-0xfe0001fff\] instead of \[mem 0xfec01000-0xfec02fff\]' \
	"the second try names both windows"
for path in ${FULL:+kexec-c} kdump-c; do
	d=$(job gen2-foreign-fb "$path" series)
	is "$(sed -n 's/^\(lfb_base\|fb\) //p' "$d/out/findings" | head -n 3 | paste -sd' ')" \
		"0xf8000000 Virtual FB 0x0" "$path with a foreign /dev/fb0 loses firmware's framebuffer"
done
for kernel in mainline series; do
	d=$(job gen2-efi-noruntime kexec-s "$kernel")
	is "$(sed -n 's/^guest: efi //p' "$d/out/findings" | paste -sd' ')" "yes no" \
		"kexec-s without EFI runtime services: the second $kernel has no EFI"
done

# What ran here and was recorded on OpenVMM came out alike there.
mapfile -t same < <(for d in build/matrix/jobs/*openvmm-*; do
	[ ! -e "lab/recordings/openvmm/${d##*/}.tar.xz" ] || echo "$d"
done)
PASSED=0
verdicts $lab agree "${same[@]}"
run_ok "runs agree with OpenVMM" test "$PASSED" -ge 4
if [ -z "${OPENVMM:-}" ]; then
	skip "mainline loses both disks on OpenVMM, set 1 none" "OPENVMM is not set"
else
	run_ok "mainline loses both disks on OpenVMM, set 1 none" \
		env HOST=openvmm MATRIX="$T/openvmm" $lab matrix \
		openvmm-drm-first:kdump-c:mainline openvmm-drm-first:kdump-c:reservation
	is "$(jq -r '"\(.kernel) \(.known_failure)"' "$T/openvmm/result.jsonl" | sort | paste -sd' ')" \
		"mainline true reservation false" "as the table says"
fi

# A triple fault: once may be the emulation's fault, twice is the kernel's.
mkdir "$T/scenarios"
cat >"$T/scenarios/triple.toml" <<'TRIPLE'
about = "A kernel that always ends in a triple fault."
profile = "gen2"
paths = ["boot"]
[guest]
append = "rdinit=/none panic=1 reboot=triple"
TRIPLE
run_fails 'triple, boot, series:.*fail ends: the end is triple_fault, not poweroff.*again: make run' \
	"a kernel that always ends in a triple fault fails, and how is said" \
	env SCENARIOS="$T/scenarios" MATRIX="$T/matrix" $lab matrix
if [ "$(nest/probe 2>/dev/null)" = tcg ]; then
	run_ok "after a second chance" test -e "$T/matrix/jobs/series.triple.boot/again"
else
	skip "after a second chance" "hardware KVM gives none"
fi
diag "again after a triple fault: $(find build/matrix/jobs -name again | wc -l)"

# Other people's kernels: Debian's 6.1.176 and our own, both as files that nobody knows.
for file in debian-6.1.176-amd64/bzImage:lost 7.3-series/bzImage:saved; do
	image=build/kernel/${file%:*}
	rc=0
	MATRIX=$T/matrix JUNIT=$T/junit.xml TAP=$T/tap make -s matrix KERNEL="$image" \
		M=gen2-default:kdump-c >"$T/out" 2>"$T/err" || rc=$?
	if [ "${file#*:}" = lost ]; then
		is "$rc" 2 "$image, unknown: make fails"
		like "$(cat "$T/out")" 'judged as unknown, lost: second kernel: nvme0' \
			"$image: it lost its disk"
		like "$(cat "$T/out")" 'second: 6.1.*reserves none; .*refused nvme0 f8' \
			"$image: what was observed"
		like "$(cat "$T/junit.xml")" '<failure message="[^"]*nvme0' "$image: JUnit says so"
		like "$(cat "$T/tap")" 'not ok 1 - gen2-default, kdump-c, .*nvme0' "$image: TAP says so"
	else
		is "$rc" 0 "$image, unknown: exit status 0"
		like "$(cat "$T/out")" 'judged as series-like, lost: nothing' "$image: like the series"
		like "$(cat "$T/junit.xml")" 'tests="1" failures="0".*pass dump' "$image: JUnit says so"
	fi
done

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
done_testing
