#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# hvhost without KVM: it builds, its unit tests and fuzzers pass, it says what
# it is and what it will not do. FUZZ_TIME=20 seconds for each fuzzer.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

FUZZ_TIME=${FUZZ_TIME:-20}
O=$BUILD/hvhost
HVHOST=$O/hvhost
tmpdir

# shellcheck disable=SC2317 # run_ok calls it
hv() { make --no-print-directory -C "$TOP/hvhost" -j"$JOBS" "$@"; }

run_ok "gcc builds it without a warning" hv O="$O" CC=gcc
run_ok "clang builds it without a warning" hv O="$O/clang" CC=clang
run_ok "the unit tests build, plain and sanitized" hv O="$O" CC=gcc tests
run_ok "the fuzzers build" hv O="$O" fuzz
[ -x "$HVHOST" ] || die "no $HVHOST to test"

for f in "$HVHOST" "$O/clang/hvhost"; do
	is "$(readelf -lW "$f" | grep -c 'INTERP\|DYNAMIC' || true)" 0 \
		"it is static: ${f#"$BUILD/"}"
done

# cmocka BINARY: its tests, each as one of ours, and its exit status. A test
# that crashes takes those after it along, so their number counts too.
cmocka() {
	local out=$T/tap rc=0 planned seen=0 line open='' name=${1#"$O/"}
	(cd "$T" && CMOCKA_MESSAGE_OUTPUT=TAP "$1") >"$out" 2>&1 || rc=$?
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			seen=$((seen + 1))
			open="$name: ${line#* - }"
			case $line in
			ok*) ok "$open" ;;
			*) not_ok "$open" </dev/null ;;
			esac ;;
		1..*) planned=${line#1..} ;;
		*) diag "${line#"# "}" ;;
		esac
	done <"$out"
	is "$rc $seen" "0 ${planned:-some}" "$name: all of it ran and passed"
}

for test in $(hv -s O="$O" list); do
	cmocka "$O/tests/$test"
	cmocka "$O/asan/tests/$test"
done
for test in layout trace options run ring gpadl vmbus mmio pcicfg vpci nvme synthvid screen \
	vram gate pl011 smccc image acpi64 firmware; do
	run_ok "there are tests of $test" test -e "$O/asan/tests/test_$test"
done
run_ok "the sanitizers are in" grep -q __asan_report "$O/asan/tests/test_ring"

# Each of its calls fails once. FULL=1: more machines, and all calls from each one on.
# shellcheck disable=SC2317 # verdicts calls it
faults() { hv -s O="$O" faults; }
verdicts faults

# Disks that are full, and readers that go away, with the guest of the test before
FAULTS=$O/asan/hvhost-faults
# lost STATUS WANT ARGUMENT...: hvhost run with these ends in time; stderr has WANT.
lost() {
	local status=$1 want=$2 rc=0 err
	shift 2
	err=$(cd "$T" && timeout -s KILL 20 "$FAULTS" run --kernel kernel --memory 128M "$@" \
		2>&1 >"${STDOUT:-/dev/null}" </dev/null) || rc=$?
	is "$rc" "$status" "exit $status: hvhost run $*${STDOUT:+ >$STDOUT}"
	like "$err" "$want" "... says why"
}
hvhost/tests/faults --kernel "$T/kernel"
lost 0 '^$' --trace trace
lost 1 "^hvhost: cannot write trace '/dev/full', which ends here: No space left on device" \
	--trace /dev/full
lost 1 "^hvhost: cannot write findings '/dev/full': No space left on device" \
	--findings /dev/full
STDOUT=/dev/full lost 1 "^hvhost: cannot write the console: No space left on device" \
	--trace trace
is "$(jq -r 'select(.event == "end") | "\(.status) \(.why)"' "$T/trace")" \
	"1 the console could not be written" "... and so does the trace, which is whole"
lost 1 "^hvhost: screen '/dev/full/s.png': Not a directory" --screen /dev/full/s.png
HVHOST_GUEST=reset lost 3 "^hvhost: reset: ACPI reset register" --cpus 1
HVHOST_GUEST=reset HVHOST_FAULT=KVM_IRQ_LINE:1 lost 1 "^hvhost: KVM does not set interrupt line" --cpus 2
HVHOST_FAULT=poll:1+ lost 1 "^hvhost: poll: Cannot allocate memory" --cpus 1
mkfifo "$T/pipe"
exec 8<>"$T/pipe"
exec 9>"$T/pipe"
exec 8<&-
rc=0
err=$(cd "$T" && timeout -s KILL 20 "$FAULTS" run --kernel kernel --memory 128M 2>&1 >&9 </dev/null) || rc=$?
exec 9>&-
is "$rc" 1 "exit 1: hvhost run, whose reader has gone"
like "$err" "^hvhost: cannot write the console: Broken pipe" "... says why"

# arm64: compiled here, and run by qemu-user
ARM64=$BUILD/hvhost-arm64
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64-static >/dev/null; then
	run_ok "it builds for arm64 without a warning" hv ARCH=arm64 O="$ARM64" all tests
	is "$(readelf -hlW "$ARM64/hvhost" |
		awk '/Machine:/ { print $2 } /INTERP|DYNAMIC/ { print "dynamic" }')" AArch64 \
		"it is static, and arm64's"
	run_ok "the unit tests pass on arm64" hv ARCH=arm64 O="$ARM64" check
	like "$(qemu-aarch64-static "$ARM64/hvhost" layout)" '"0xe0000000-0xffffffff"' \
		"arm64's host is the default there"
	run_ok "... and x86's is for layout only" grep -q "this hvhost runs arm64" <(
		qemu-aarch64-static "$ARM64/hvhost" run --arch x86 --kernel /dev/null 2>&1)
else
	skip "arm64" "no aarch64-linux-gnu-gcc or no qemu-aarch64-static (unit-arm64)"
fi

# Fuzzers, as many at once as there are processors
fuzzers=()
for f in "$TOP"/hvhost/tests/fuzz_*.c; do
	[ -e "$f" ] || continue
	f=$(basename "$f" .c)
	fuzzers+=("${f#fuzz_}")
done
run_ok "there are fuzzers of rings, VMBus, video, PCI, NVMe, calls and firmware" \
	test "${#fuzzers[@]}" -ge 7
# Log of libFuzzer on stdin: how many edges it reached, 0 if it does not say.
coverage() { sed -n 's/.* cov: \([0-9]*\).*/\1/p' | tail -1 | grep . || echo 0; }
rm -f "$O"/fuzz/*.log
run_ok "the fuzzers find nothing" hv O="$O" TIME="$FUZZ_TIME" -k fuzz-run
mkdir "$T/empty"
for f in "${fuzzers[@]}"; do
	log=$O/fuzz/$f.log
	[ -e "$log" ] || : >"$log"
	run_ok "$f starts from a corpus" test -n \
		"$(ls -A "$TOP/hvhost/tests/corpus/$f" 2>/dev/null)"
	read -r runs secs < <(sed -n \
		's/^Done \([0-9]*\) runs in \([0-9]*\) sec.*/\1 \2/p' "$log") ||
		runs=0 secs=0
	diag "$f: $runs runs in $secs s"
	run_ok "$f ran for $FUZZ_TIME s" test "$secs" -ge "$FUZZ_TIME"
	run_ok "$f made progress" test "$runs" -ge $((FUZZ_TIME * 100))
	cov=$(coverage <"$log")
	none=$("$O/fuzz/fuzz_$f" -runs=0 "$T/empty" 2>&1 | coverage)
	diag "$f: coverage $cov, of an empty input $none"
	run_ok "$f reaches twice what an empty input does" test \
		"$none" -gt 0 -a "$cov" -ge $((2 * none))
done

# Kernel style, by the kernel's own judge, but for what only kernels have:
# BIT(), __printf() and the like, and names such as CMUnitTest that we did not
# choose; in the tests long strings too.
checkpatch=$BUILD/linux-7.3/scripts/checkpatch.pl
ignore=BIT_MACRO,PREFER_DEFINED_ATTRIBUTE_MACRO,VOLATILE,CAMELCASE
tests_ignore=EMBEDDED_FUNCTION_NAME,LONG_LINE_STRING,STATIC_CONST_CHAR_ARRAY
cd "$TOP"
mapfile -t sources < <(git ls-files "hvhost/*.[ch]")
for f in "${sources[@]}"; do
	if ! [ -e "$checkpatch" ]; then
		skip "checkpatch $f" "no build/linux-7.3, kernel/tree makes it"
		continue
	fi
	case $f in
	hvhost/tests/*) types=$ignore,$tests_ignore ;;
	*) types=$ignore ;;
	esac
	run_ok "checkpatch $f" perl "$checkpatch" \
		--root="$BUILD/linux-7.3" --no-tree --strict --quiet \
		--show-types --ignore "$types" -f "$f"
done

# Includes point one way: core <- hv <- dev <- arch <- main. Options are for main alone.
# wrong FOLDER FOLDERS: what FOLDER includes of others than FOLDERS
wrong() {
	grep -nE '^#include "[a-z0-9]+/' hvhost/"$1"/*.[ch] | grep -vE "\"($2)/[a-z_0-9]+\.h\"\$" || true
}
is "$(wrong core core)" "" "core includes nothing of others"
is "$(wrong hv 'core|hv')" "" "hv includes core alone"
is "$(wrong dev 'core|hv|dev')" "" "dev includes core and hv alone"
is "$(wrong arch 'core|hv|dev|arch')" "" "arch includes no architecture's own"
is "$(wrong arch/x86 'core|hv|dev|arch|arch/x86')" "" "arch/x86 includes no other architecture's"
is "$(wrong arch/arm64 'core|hv|dev|arch|arch/arm64')" "" "nor does arch/arm64"
is "$(grep -l '"core/options.h"' "${sources[@]}" | paste -sd' ')" \
	"hvhost/core/options.c hvhost/main.c hvhost/tests/test_options.c" \
	"options are included by main, their parser and its test"

is "$(awk 'FNR == 1 { start = 0 }
	/^[a-z_].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
	/^{/ { start = FNR }
	/^}/ && start {
		if (FNR - start + 1 > 80) print FILENAME ": " name, FNR - start + 1
		start = 0
	}' "${sources[@]}")" "" "no function has more than 80 lines"

# Backtraces read: a static function's name begins as its file's does.
is "$(awk '/^static .*\(/ && !/[;=]$/ && !/ = / {
		file = FILENAME; sub(/.*\//, "", file); sub(/s?(_.*)?\.c$/, "", file)
		name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
		if (name !~ "^" file "s?_") print FILENAME ": " name
	}' hvhost/main.c hvhost/core/*.c hvhost/hv/*.c hvhost/dev/*.c)" "" \
	"static functions are called after their file"

# What it says
run_ok "hvhost --help" "$HVHOST" --help
help=$("$HVHOST" --help)
while read -r option; do
	like "$help" "$option" "--help tells of $option"
done < <(sed -n 's/^\t{ "\([a-z-]*\)", .*/--\1/p' hvhost/core/options.c)
is "$("$HVHOST" run --help)" "$help" "hvhost run --help says the same"
mapfile -t kinds < <(sed -n 's/^\t\.prefix = "\(.*\)",$/\1/p' hvhost/dev/*.c)
is "${#kinds[@]}" "$(grep -c '_kind,$' hvhost/dev/kinds.c)" \
	"every kind of device is in the table"
for kind in "${kinds[@]}"; do
	like "$help" "--pci $kind" "--help tells of --pci $kind"
	run_ok "the README tells of --pci $kind" \
		grep -q -e "^- \`--pci $kind" hvhost/README.md
done

# README's table of differences: options that exist, with values that they can have
table=$(sed -n '/^## How it differs from other hosts$/,/^## How it differs from OpenVMM$/{/^|/p}' \
	hvhost/README.md)
is "$(awk -F'|' '{ print NF }' <<<"$table" | sort -u)" 8 \
	"the table of differences has six columns in each row"
# shellcheck disable=SC2016 # for grep
named=$(grep -oE '`--[^`]+`' <<<"$table" | tr -d '`' | sort -u)
like "$named" "--dead-devices hold" "it names options"
while read -r option value; do
	like "$help" " $option( |,|\$)" "it names $option, which is an option"
	if [ -n "$value" ]; then
		run_ok "... that can be $value" "$HVHOST" layout "$option" "$value"
	else
		run_fails "^hvhost: $option needs a value;" "... that has a value" \
			"$HVHOST" layout "$option"
	fi
done <<<"$named"

# refuses WANT ARGUMENT...: exit 2, one line, which says what.
refuses() {
	local want=$1 out rc=0
	shift
	out=$("$HVHOST" "$@" 2>&1 >/dev/null) || rc=$?
	is "$rc $(wc -l <<<"$out")" "2 1" "exit 2 and one line: hvhost $*"
	like "$out" "$want" "it says why: hvhost $*"
}
refuses "no command"
refuses "no such command: 'walk'" walk
refuses "run needs --kernel" run
refuses "unknown option '--colour'" run --colour
refuses "--memory '1T' is not a size" run --kernel /dev/null --memory 1T
refuses "--cpus '9' is not 1 to 8" run --kernel /dev/null --cpus 9
refuses "low MMIO of 4096 MiB is not within 128 to 3584" layout --low-mmio 4G
refuses "generation 1 is x86 only" layout --arch arm64 --generation 1
refuses "--firmware-fb '1G' is not START-END in hexadecimal, or none" \
	layout --firmware-fb 1G
refuses "firmware's framebuffer .* ends before it starts" \
	layout --firmware-fb f8000000-f7ffffff
refuses "firmware's framebuffer of 4096 bytes is not whole 64 KiB" \
	layout --generation 1 --firmware-fb f8000000-f8000fff
refuses "--bar-reads '1' is not exact or zero" run --bar-reads 1
refuses "--refuse-windows 'fec01000' is not START-END or START-END=STATUS in hexadecimal" \
	run --refuse-windows fec01000
refuses "--refuse-windows .* is not a range that ends at or after its start" \
	run --refuse-windows fecfffff-fec01000
refuses "--refuse-windows .* is not a range with a status from 80000000 to ffffffff" \
	run --refuse-windows fec01000-fecfffff=103
refuses "--hostile 'x' is not SEED or SEED:RATE, with a rate of 0 to 1000" \
	run --hostile x
refuses "--hostile '1:1001' is not SEED or SEED:RATE" run --hostile 1:1001
refuses "--hostile-only 'nowhere' is not SITE" run --hostile 1 --hostile-only nowhere
refuses "--hostile-only needs --hostile" run --kernel /dev/null --hostile-only eject
refuses "memory of 32 MiB is less than 64" run --kernel /dev/null --memory 32M
refuses "cannot read --kernel 'no-such-kernel': No such file" \
	run --kernel no-such-kernel
refuses "cannot read --initrd '/': Is a directory" \
	run --kernel /dev/null --initrd /
# Before KVM is asked for anything
run_fails "cannot write findings '/none/findings': No such file" \
	"findings that cannot be written: no such folder" \
	"$HVHOST" run --kernel /dev/null --findings /none/findings
run_fails "cannot write findings '/': Is a directory" \
	"findings that cannot be written: a folder" \
	"$HVHOST" run --kernel /dev/null --findings /
refuses "--findings '' is not a file" run --kernel /dev/null --findings ''
run_fails "No space left" "a full disk is noticed" \
	bash -c "'$HVHOST' layout >/dev/full"

# layout WANT FILTER OPTION...: what jq makes of it
layout() {
	local want=$1 filter=$2
	shift 2
	is "$("$HVHOST" layout "$@" | jq -r "$filter")" "$want" \
		"hvhost layout $*: $filter"
}
layout 0xf8000000-0xfed3ffff '.windows[0]'
layout 0xfe0000000-0xfffffffff '.windows[1]'
layout 0xf8000000-0xfbffffff .reserve
layout 0xf8000000-0xfbffffff .reserve --generation 1
layout 0xf8000000-0xfffbffff '.crs[0]' --generation 1
layout 0xf8000000-0xfbffffff .vga_bar --generation 1 --low-mmio 1G
layout 0x40000000-0x47ffffff .reserve --low-mmio 3G
layout 0xc0000000-0xc7ffffff .reserve --low-mmio 1G
layout 0xf0000000-0xf7ffffff .reserve --video 7680x4320
layout 128 .mmio_megabytes --video 7680x4320
layout 0xf7800000-0xfbbfffff .reserve --video 4834x3622
layout 0xf6a00000-0xfb4fffff .reserve --low-mmio 150M
layout 0xfe000000-0xfe7fffff .reserve --low-mmio 32M --not-windows
layout 0x100000000-0xffffffff '.crs[1]' --high-mmio none
layout 1 '.windows | length' --high-mmio none
layout 0xe0000000-0xe7ffffff .reserve --arch arm64
layout "0xf8000000-0xf9ffffff 0xfc000000-0xfed3ffff" '.windows | join(" ")' \
	--crs 0xfc000000-0xffffffff --crs f8000000-f9ffffff --crs 5000-4000
layout null .fb --fb none
layout 0xf8000000-0xfbffffff .reserve --fb fd000000-fdffffff
layout 0x40000000-0x47ffffff .reserve --low-mmio 3G --firmware-fb f8000000-f82fffff
layout 0xc0000000-0xc07fffff .fb --low-mmio 1G --firmware-fb f8000000-f82fffff
layout null .fb_firmware --firmware-fb none
layout null .fb_firmware --generation 1
layout 0xf8000000-0xf82fffff .fb_firmware --generation 1 --firmware-fb f8000000-f82fffff
layout 0xf8000000-0xfbffffff .reserve --generation 1 --low-mmio 130M \
	--firmware-fb f7e00000-f80fffff

# The README against the code: events and their members
mapfile -t traced < <(grep -l 'trace_begin(' "${sources[@]}" |
	grep -v -e '/trace\.[ch]$' -e /tests/)
awk 'match($0, /trace_begin\("[a-z_]*"/) {
		event = substr($0, RSTART + 13, RLENGTH - 14)
		print event
	}
	match($0, /trace_channel\("[a-z_]*"/) {
		event = substr($0, RSTART + 15, RLENGTH - 16)
		print event; print event, "device"; print event, "relid"
	}
	/vpci_trace_message\(bus, / { event = "vpci" }
	match($0, /trace_(str|num|hex|bool|range|ranges|guid)\("[a-z_]*"/) {
		split(substr($0, RSTART, RLENGTH), key, "\"")
		if (event != "")
			print event, key[2]
	}
	/trace_end\(\)|^}/ { event = "" }' "${traced[@]}" hvhost/core/trace.c | sort -u >"$T/code"
awk '/^### Events/ { on = 1; next } /^## / { on = 0 }
	!on { next }
	/^- / { item++; head = 1; n = 0 }
	/^$/ { item = 0 }
	item {
		rest = $0
		while (match(rest, /`[a-z_]*`|:/)) {
			word = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
			if (word == ":") { head = 0; continue }
			gsub(/`/, "", word)
			if (head) { event[++n] = word; print word }
			else for (i = 1; i <= n; i++) print event[i], word
		}
	}' hvhost/README.md | sort -u >"$T/readme"
run_ok "the code has events" test "$(wc -l <"$T/code")" -ge 40
is "$(comm -23 "$T/code" "$T/readme")" "" \
	"every event and member is in the README"
is "$(grep -v ' ' "$T/readme" | comm -13 <(grep -v ' ' "$T/code") -)" "" \
	"the README has no other events"
# Where it describes several at once, one of them must have the member.
is "$(cut -sd' ' -f2 "$T/readme" | sort -u |
	comm -13 <(cut -sd' ' -f2 "$T/code" | sort -u) -)" "" \
	"the README has no other members"
for file in "${traced[@]}"; do
	run_ok "$file: every event has a name of its own" \
		awk '
		/^static void vmbus_trace_channel/ { in_helper = 1 }
		/^}/ { in_helper = 0 }
		/trace_begin\([^"]/ && !in_helper { bad = 1; print }
		END { exit bad }' "$file"
done
is "$(sed -n '/^enum run_end/,/^}/s/.*= \([0-9]*\),.*/\1/p' hvhost/core/run.h)" \
	"$(sed -n 's/^| \([0-9]*\) |.*/\1/p' hvhost/README.md)" \
	"the README has every exit status"

# Where the host lies: the table of sites, in the code and in the README; each is used.
sed -n 's/^\t\[HOSTILE_\([A-Z0-9_]*\)\] = "\([a-z0-9-]*\)",$/\2 \1/p' \
	hvhost/core/hostile.c >"$T/sites"
run_ok "there are sites of lies" test "$(wc -l <"$T/sites")" -ge 110
# shellcheck disable=SC2016 # backticks of Markdown
is "$(sed -n '/^## A host that lies/,/^## How/s/^| `\([a-z0-9-]*\)` |.*/\1/p' hvhost/README.md)" \
	"$(cut -d' ' -f1 "$T/sites")" "the README has every site of lies, in the same order"
is "$(sed -n '/^enum hostile_site/,/^}/s/^\tHOSTILE_\([A-Z0-9_]*\),$/\1/p' hvhost/core/hostile.h)" \
	"$(cut -d' ' -f2 "$T/sites")" "every site of lies has a name"
is "$(cut -d' ' -f2 "$T/sites" | while read -r site; do
	grep -qwr "HOSTILE_$site" hvhost/hv hvhost/arch || echo "$site"
done)" "" "the host lies at every site"
done_testing
