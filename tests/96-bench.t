#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The bench, in its short form: that each part gives what it is for, and that what
# is wrong is found out. No time that is measured here is good or bad.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX KERNEL KERNELS PARTS PAIRS SHORT
tmpdir
cd "$TOP"
results=$BUILD/bench/results.tsv
rm -f "$results"
start=$SECONDS
rc=0
make -s bench SHORT=1 >"$T/table" 2>"$T/log" || rc=$?
is "$rc" 0 "the short bench runs"
[ "$rc" = 0 ] || diag "$(tail -n 20 "$T/log")"
diag "in $((SECONDS - start)) s"
[ -e "$results" ] || done_testing

# found PART CASE-EREGEX MEASURE UNIT: the series has such a line, with a median and
# a ratio that are numbers above 0, and so has the table.
found() {
	local got
	got=$(awk -F '\t' -v part="$1" -v case="$2" -v measure="$3" -v unit="$4" '
		$1 == part && $2 ~ case && $3 == measure && $4 == unit && $5 ~ /-series$/ {
			print ($7 > 0 && $10 > 0 && $7 $10 !~ /[^0-9.e-]/) ? "good" : $0
		}' "$results" | sort -u)
	is "$got" good "$1 has $3 in $4, $2"
	run_ok "... and the table" grep -qE "^  $2 +$3 +$4 " "$T/table"
}
is "$(head -n 1 "$results")" "$(printf 'part\tcase\tmeasure\tunit\tkernel\tsamples\tmedian\tq1\tq3\tratio\tratio_q1\tratio_q3')" \
	"the result says what is in it"
is "$(awk -F '\t' 'NF != 12' "$results")" "" "each line has all columns"
for unit in ns blocks; do
	for what in config windows; do
		for tree in empty crowded holes; do
			found alloc "low=(128|3072)M tree=$tree devices=[14]" $what $unit
		done
		found alloc 'low=3072M reserved=(8|32|128|512)M devices=1' $what $unit
	done
done
for what in config windows; do
	found guest 'gen2-azure-3g devices=(1|4|16|64|256)' $what ns
done
for what in contact offers d0-entries bars first-to-last guest-contact guest-bars; do
	found boot devices=1 $what s
done
for what in contact d0-entry saved; do
	found crash gen2-default $what s
done
found size drivers/hv/vmbus_drv.o text bytes
found size drivers/pci/controller/pci-hyperv.o text bytes
for picture in alloc-128M-config alloc-3072M-windows reserved guest-gen2-azure-3g boot crash; do
	run_ok "plot-$picture.svg is XML" python3 -c '
import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.argv[1])' "$BUILD/bench/plot-$picture.svg"
done
like "$(cat "$T/table")" 'config +blocks 7\.3 x [1-9][0-9]\.[0-9]+, 7\.3-series x 1\.0' \
	"the series' steps do not grow with the reservation, 7.3's do"

# A bench of one kernel, twice; of one that behaves like 7.3
export BENCH=$T/bench SHORT=1
base=$("$TOP/sweep/source" 7.3) series=$("$TOP/sweep/source" 7.3-series)
run_fails '7.3 and same have the same code that sweep/cut takes' \
	"a base that is there twice" env KERNELS="7.3 same:$(kernel_features 7.3)=$base" bench/run alloc
run_fails 'summary: with 7.3 allocating grows with what is reserved: config, windows' \
	"allocating that grows" env KERNELS="7.3-series=$series 7.3=$base" bench/run alloc

# Samples that are wrong; each is the only thing that is.
# wrong EREGEX DESC SAMPLE...: summary refuses them.
wrong() {
	local want=$1 desc=$2
	shift 2
	mkdir -p "$T/wrong"
	printf 'machine\t-\tcores\t1\t-\t0\t1\nmachine\t-\tload\t1\t-\t0\t1\nmachine\t-\tload\t1\t-\t1\t1\n' \
		>"$T/wrong/samples.tsv"
	printf '%b\n' "$@" >>"$T/wrong/samples.tsv"
	run_fails "$want" "$desc" bench/summary a b "$T/wrong" boot
}
line='boot\tdevices=1\tbars\ts'
wrong 'no value: ' "a sample that is no number" "$line\ta\t0\tnan" "$line\tb\t0\t1"
wrong 'not a sample: ' "a line that is none" "$line\ta\t0" "$line\tb\t0\t1"
wrong 'no sample of b' "a kernel without samples" "$line\ta\t0\t1"
wrong 'no pair of a and b' "samples without partners" "$line\ta\t0\t1" "$line\tb\t1\t1"
wrong 'ratio is not finite' "a ratio to nothing" "$line\ta\t0\t0" "$line\tb\t0\t1"
wrong 'boot has no samples' "a part without samples" 'size\tx\ttext\tbytes\ta\t0\t1' \
	'size\tx\ttext\tbytes\tb\t0\t1'

run_fails "no such part: 'x'" "PARTS=x" make -s bench PARTS=x
run_fails "SHORT is 1 or nothing, not '2'" "SHORT=2" make -s bench SHORT=2
run_fails "PAIRS is a number from 1 to 999, not '0'" "PAIRS=0" make -s bench PAIRS=0
run_fails "KERNELS is two kernels, not '7.3'" "KERNELS=7.3" make -s bench KERNELS=7.3
run_fails "'7.3' twice" "KERNELS='7.3 7.3'" make -s bench KERNELS="7.3 7.3"
run_fails "'7.3' twice" "KERNELS='7.3 mainline'" make -s bench KERNELS="7.3 mainline"
run_fails "NAME=FOLDER is for alloc alone, not for alloc size" "a folder to boot" \
	make -s bench KERNELS="7.3 a=$base" PARTS="alloc size"
run_fails "'0' is not a number from 1 to" "--samples 0" "$BUILD/bench/time/cost" --samples 0
run_fails '^usage: ' "cost x" "$BUILD/bench/time/cost" x
run_fails '^plots: usage: ' "plots of nothing" bench/plots
run_fails "no such kernel: '9.9'" "--make 9.9" kernel/build --make 9.9 vmlinux
run_fails '7.3-nokunit is for --make alone' "a guest kernel without KUnit" \
	kernel/build 7.3-nokunit
run_fails '^build: usage: ' "--make nothing" kernel/build --make 7.3
done_testing
