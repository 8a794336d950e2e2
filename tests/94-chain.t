#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A chain of kernels, each started by the one before: the short form of make chain. SEEDS=1-10
# for others. The one here is of three kernels, of which mainline, the second, is told of no EFI.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX KERNEL KERNELS SETTINGS AGAIN N
usual=77
SEEDS=${SEEDS:-$usual}
export CHAIN=$BUILD/check/chain
cd "$TOP"

rm -rf "$CHAIN"
start=$SECONDS
run_ok "seeds $SEEDS: no kernel with the series loses a device" lab/lab chain "$SEEDS"
results=$CHAIN/results.jsonl
want=$(seeds "$SEEDS" | wc -l)
is "$(grep -c . "$results")" "$want" "each has a result"
diag "$want chains in $((SECONDS - start)) s; $(jq -rs 'map(.seconds | tostring) | join(" ")' \
	"$results") s each; faults of the emulator: $(jq -r '.faults[]' "$results" | wc -l)"
if [ "$SEEDS" = "$usual" ]; then
	is "$(jq -r '.kernels | join(" ")' "$results")" "series mainline series" \
		"mainline is between two kernels with the series"
	is "$(jq -c .lost "$results")" '[[],["nvme0","nvme1"],[]]' "mainline alone loses its disks"
fi
seed=$(jq -r .seed "$results" | head -n 1)
is "$(lab/lab chain "$seed" 2>&1 >/dev/null | grep -c 'jobs under')" 0 \
	"a seed that has a result is not run again"
run_fails "N is a number of runs from 1 to 1000000, not 'many'" "N=many" lab/lab chain '' many
run_fails "KERNEL=nofix: make chain needs a kernel with the series" "KERNEL=nofix" \
	env KERNEL=nofix lab/lab chain 1
done_testing
