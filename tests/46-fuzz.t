#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make fuzz: what it does with fuzzers, by programs that pretend; two real ones for seconds; and
# that crs finds a fault in the series. 45-hvhost runs each of hvhost's for longer.
# shellcheck disable=SC2317 # run_ok calls the function
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset FUZZ HOURS ONLY
tmpdir
cd "$TOP"

run_ok "fuzzers in turn, what is kept, what is reached" env PYTHONPATH="$TOP" \
	python3 -B -m pytest -q -n 4 -p no:cacheprovider fuzz/tests

# fuzz NAME...: these for some seconds, with inputs and the rest in $T/fuzz
fuzz() {
	FUZZ=$T/fuzz HOURS=0.005 ONLY="$*" fuzz/run >"$T/out" 2>"$T/err"
}
run_ok "make fuzz for some seconds" fuzz ring crs
cat "$T/err" - <"$T/out" | sed 's/^/# /'
for name in ring crs; do
	like "$(grep "^$name " "$T/out")" "^$name +[1-9][0-9]{2,} +[1-9]" "$name ran"
	run_ok "... its inputs are kept" test -n "$(ls -A "$T/fuzz/$name/corpus")"
done
like "$(grep '^hvhost/hv/ring.c ' "$T/out")" ' ([6-9][0-9]|100) %$' "what ring reaches is said"
like "$(grep '^the kernel ' "$T/out")" ' ([6-9][0-9]|100) %$' "... and crs"
# A function that is reached in any case, and a file that nothing here can
run_ok "what the kernel's functions are is known" grep -q '^the kernel: ' "$T/fuzz/unreached"
run_fails '^$' "... most of them are reached" grep \
	'^the kernel: functions .*vmbus_\(allocate_mmio\|walk_resources\|reserve_fb\)' \
	"$T/fuzz/unreached"
run_ok "files that no fuzzer has are named" grep -qx \
	'hvhost/arch/vm.c: all of it; no fuzzer that ran has it' "$T/fuzz/unreached"

run_fails "ONLY: no such fuzzer: 'rings' \(known: .* ring .* crs\)" "a fuzzer that there is not" \
	env ONLY=rings fuzz/run
run_fails "HOURS is a number of hours, as 8 or 0.5, not 'ten'" "hours that are none" \
	env HOURS=ten fuzz/run

# The series with windows that it does not sort out: from nothing crs has to find that.
cp -r "$(sweep/source "$BASE-series")" "$T/source"
file=$T/source/drivers/hv/vmbus_drv.c
run_ok "the series with a fault" sed -i '/^static .*vmbus_add_mmio(/,/^}/s/start > end || //' "$file"
run_fails '' "... differs" cmp "$(sweep/source "$BASE-series")/drivers/hv/vmbus_drv.c" "$file"
run_ok "... builds" env SWEEP_TARGET=fuzz/fuzz_crs bash -c '. kernel/lib.sh; . sweep/lib.sh; sweep_build "$@"' \
	- "$T/sweep" "$BASE-series=$T/source"
run_fails 'crs: .*(ends before it starts|is not a window|is a window)' "crs finds it" \
	"$T/sweep/fuzz/fuzz_crs" -seed=1 -runs=2000000 -artifact_prefix="$T/"
done_testing
