#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The series' selftest (tools/testing/selftests/hyperv), run on stored samples
# of what a guest shows: its verdicts, and that no input makes it crash.
#
# A sample in tests/data/iomem holds lines "expect TEST ok|skip|fail [REGEX]",
# REGEX against the reason for the skip or the lines the failing test printed,
# then "== FILE" (or "== DIR/") and the file's text, again and again.
#
# SELFTEST_TREE: a kernel tree that has the selftest, to try one out.
# shellcheck disable=SC2317 # the functions are called by run_ok
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

tree=${SELFTEST_TREE:-$BUILD/linux-$BASE}
[ -d "$tree" ] || "$TOP/kernel/tree" >&2
src=$tree/tools/testing/selftests/hyperv
[ -d "$src" ] || plan skip_all "no tools/testing/selftests/hyperv in $tree"

tmpdir
unset HYPERV_MMIO_ROOT

# build DIR FLAGS: the way a kernel developer would, but not into the tree.
build() {
	mkdir -p "$T/$1"
	make -C "$src" OUTPUT="$T/$1" USERCFLAGS="$2"
}

run_ok "builds without a warning" build plain "-Werror -Wextra"
run_ok "builds with sanitizers" build asan \
	"-g -fsanitize=address,undefined -fno-sanitize-recover=all"
if ! [ -x "$T/plain/hyperv_mmio" ] || ! [ -x "$T/asan/hyperv_mmio" ]; then
	done_testing
fi
run_ok "the selftests' Makefile lists it" \
	grep -qx 'TARGETS += hyperv' "$src/../Makefile"

# unpack SAMPLE: as $T/root; the expectations as $T/expect.
unpack() {
	local files
	rm -rf "$T/root"
	mkdir -p "$T/root"
	mapfile -t files < <(sed -n "s|^== |$T/root/|p" "$1")
	mkdir -p "${files[@]%/*}"
	awk -v root="$T/root/" -v out="$T/expect" '
		BEGIN { printf "" >out }
		/^== / { out = root substr($0, 4); if (out ~ /\/$/) out = "/dev/null"; printf "" >out; next }
		{ print >out }' "$1"
}

# run [BUILD]: the selftest on $T/root; output in $T/out, status in $rc.
run() {
	rc=0
	HYPERV_MMIO_ROOT=$T/root timeout 60 \
		"$T/${1:-plain}/hyperv_mmio" >"$T/out" 2>&1 || rc=$?
}

# ktap: $T/out as lines "TEST ok|skip|fail TEXT". Fails, with a reason, unless
# the plan and every result are there, in order, and the exit status fits. The
# text of a failure is what was printed since the result before.
ktap() {
	awk -v rc="$rc" '
	function bad(why) { print "not KTAP: " why; broken = 1; exit 1 }
	/^(TAP|KTAP) version [0-9]+$/ { version++ }
	/^1\.\.[0-9]+$/ { if (plan) bad("two plans"); plan = substr($0, 4) + 0 }
	/^(not )?ok / {
		verdict = "ok"
		if ($1 == "not") { verdict = "fail"; sub(/^not /, "") }
		if ($2 != ++seen) bad("result " $2 " where " seen " belongs")
		name = $3
		sub(/^hyperv_mmio\./, "", name)
		if (match($0, / # SKIP /)) {
			if (verdict == "fail") bad("a skip that failed")
			verdict = "skip"
			text = substr($0, RSTART + 8)
		}
		failed += verdict == "fail"
		print name, verdict, text
		text = ""
		next
	}
	/^#/ { text = text " " $0 }
	/terminated (by|unexpectedly)|Sanitizer|runtime error/ { bad($0) }
	END {
		if (broken) exit 1
		if (version != 1) bad("no version line")
		if (!plan || plan != seen) bad(seen + 0 " results of " plan + 0)
		if (rc != (failed > 0)) bad("exit status " rc ", " failed + 0 " failed")
	}' "$T/out"
}

# judge: the selftest's verdicts on $T/root against $T/expect.
judge() {
	local _ name verdict regex got text want=0
	run "$@"
	if ! ktap >"$T/verdicts"; then
		tail -n 1 "$T/verdicts"
		return 1
	fi
	while read -r _ name verdict regex; do
		want=$((want + 1))
		read -r _ got text < <(grep "^$name " "$T/verdicts") || true
		if [ "$got" != "$verdict" ]; then
			echo "$name: $got $text; want $verdict"
			return 1
		elif ! [[ $text =~ $regex ]]; then
			echo "$name: $got, but says: $text; want: $regex"
			return 1
		fi
	done < <(grep '^expect ' "$T/expect")
	[ "$want" = "$(wc -l <"$T/verdicts")" ] ||
		{ echo "$want expectations"; return 1; }
}

for sample in "$TOP"/tests/data/iomem/*; do
	unpack "$sample"
	run_ok "${sample##*/}" judge
done

# What is no line of /proc/iomem, one at a time, between good ones.
while IFS= read -r bad; do
	unpack "$TOP/tests/data/iomem/gen2-kdump-overlap"
	{ printf '%b\n' "$bad"; cat "$T/root/proc/iomem"; } >"$T/iomem"
	mv "$T/iomem" "$T/root/proc/iomem"
	sed -i 's/^\(expect input_is_well_formed\) .*/\1 fail first:/' "$T/expect"
	run_ok "reported: ${bad:0:50}" judge asan
done <<-'BAD'

	x
	:
	f8000000
	f8000000-
	-f8001fff : a
	f8000000 : a
	f8000000-f8001fff
	f8000000-f8001fff: a
	f8000000-f8001fff a
	f8000000- f8001fff : a
	f8000000--1 : a
	-f8000000-f8001fff : a
	+f8000000-f8001fff : a
	f8001fff-f8000000 : a
	g8000000-f8001fff : a
	f8000000-g8001fff : a
	10000000000000000-ffffffffffffffff0 : a
	0-10000000000000000 : a
	\tf8000000-f8001fff : a
	f8000000-f8001fff\0000 : a
	\0000
	\0377\0376 : a
	\0033[2J\0033]0;ok 7 - all is well\0007
BAD

# What is no hv_mmio line: the reservation then is not known.
while IFS= read -r bad; do
	unpack "$TOP/tests/data/iomem/malformed-log"
	BAD=$bad perl -pi -e 's/hv_mmio=.*/hv_mmio=$ENV{BAD}/' \
		"$T/root/dev/kmsg"
	sed -i 's/^\(expect input_is_well_formed\) .*/\1 fail first:/' "$T/expect"
	run_ok "reported: hv_mmio=${bad:0:60}" judge asan
done <<-'BAD'

	(null)
	(null),
	(null)fb=(null)
	[mem 0xf8000000-0xfed3ffff]
	[mem 0xf8000000-0xfed3ffff],
	[mem 0xf8000000-0xfed3ffff], fb=(null)
	[mem 0xf8000000-0xfed3ffff] fb=
	[mem 0xf8000000-0xfed3ffff] fb=[mem
	[mem 0xf8000000-0xfed3ffff] fb=[mem 0xf8000000-0xfbffffff
	[mem 0xf8000000-0xfed3ffff] fb=[mem 0xfbffffff-0xf8000000]
	[mem size 0x06d40000] fb=(null)
	[io  0xf800-0xfed3] fb=(null)
	[mem 0x1f8000000f8000000-0x1ffffffffffffffffff] fb=(null)
BAD

# Long lines, many windows, more MMIO windows than the selftest keeps.
unpack "$TOP/tests/data/iomem/gen2-kdump-overlap"
{
	printf 'f0000000-f0000fff : %0500000d\n' 0
	printf '%0100000x-f0000fff : a\n' 0
	printf '%100000s00000000-00000fff : deep\n' ''
	for ((i = 0; i < 5000; i++)); do
		printf 'fe%07x-fe%07x : bb8c4f33-2ba2-4808-9f7f-02f3b4da22fe\n' \
			$((i * 8192)) $((i * 8192 + 8191))
	done
} >>"$T/root/proc/iomem"
{
	printf '6,9,9,-;%0300000d\n' 0
	printf '6,9,9,-;hv_vmbus: hv_mmio=[mem 0xf8000000-0xfed3ffff]'
	printf ',[mem 0xfe0000000-0xfffffffff]%.0s' {1..100}
	printf ' fb=[mem 0xf8000000-0xfbffffff]\n'
} >>"$T/root/dev/kmsg"
run_ok "long lines and 5001 windows" judge asan

# Samples with bytes changed, dropped and cut off, the same ones in each run:
# whatever the verdicts, all of them come, and no sanitizer speaks.
fuzz() {
	local seed
	for ((seed = 1; seed <= 75; seed++)); do
		unpack "$1"
		SEED=$seed perl -0777 -pi -e '
			BEGIN { srand($ENV{SEED}) }
			for my $n (1 .. 1 + rand 12) {
				my $at = rand length;
				my $what = int rand 4;
				substr($_, $at, 1) = chr rand 256 if $what == 0;
				substr($_, $at, rand 9) = "" if $what == 1;
				substr($_, $at, 0) = substr($_, rand length, rand 40)
					if $what == 2;
				substr($_, $at) = "" if $what == 3 && rand() < .2;
			}' "$T/root/proc/iomem" "$T/root/dev/kmsg" \
			"$T"/root/sys/bus/*/devices/*/*
		run asan
		ktap >"$T/verdicts" && continue
		echo "seed $seed: $(tail -n 1 "$T/verdicts")"
		return 1
	done
}
for sample in gen1-2026-04-28 gen2-kdump-overlap; do
	run_ok "75 damaged copies of $sample" \
		fuzz "$TOP/tests/data/iomem/$sample"
done

# A real /dev/kmsg gives a record a read, and at its end has to be left.
if dd if=/dev/kmsg iflag=nonblock bs=8192 count=1 >"$T/out" 2>&1; then
	unpack "$TOP/tests/data/iomem/gen2-no-pci"
	ln -sf /dev/kmsg "$T/root/dev/kmsg"
	run
	like "$(ktap | grep '^reservation_exists ')" \
		'skip (the kernel did not connect|the beginning of)' \
		"reads /dev/kmsg to its end"
else
	skip "reads /dev/kmsg to its end" "no /dev/kmsg to read here"
fi

# On this machine, whatever it is: no crash, and as nobody no verdict.
rc=0
"$T/plain/hyperv_mmio" >"$T/out" 2>&1 || rc=$?
run_ok "answers on the running system" ktap
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$T"
	rc=0
	setpriv --reuid=65534 --clear-groups \
		"$T/plain/hyperv_mmio" >"$T/out" 2>&1 || rc=$?
	run_ok "answers without being root" ktap
	is "$(grep -c '^ok .* # SKIP ' "$T/out")" 8 "skips without being root"
else
	skip "answers without being root" "not root to begin with"
	skip "skips without being root" "not root to begin with"
fi

done_testing
