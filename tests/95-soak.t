#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Kdumps drawn by seeds, of which none may be lost: the short form of make soak. SEEDS=1-100
# for others. Those here draw few buses and few vCPUs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX KERNEL SETTINGS AGAIN N
usual=98,244,295,313
SEEDS=${SEEDS:-$usual}
export SOAK=$BUILD/check/soak
cd "$TOP"

rm -rf "$SOAK"
start=$SECONDS
run_ok "seeds $SEEDS: no kdump is lost" lab/lab soak "$SEEDS"
results=$SOAK/results.jsonl
want=$(seeds "$SEEDS" | wc -l)
is "$(grep -c . "$results")" "$want" "each has a result"
is "$(jq -r 'select(.outcome != "ok") | "\(.seed) \(.outcome)"' "$results")" "" "none is lost"
diag "$want kdumps in $((SECONDS - start)) s; $(jq -rs 'map(.seconds | tostring) | join(" ")' \
	"$results") s each; faults of the emulator: $(jq -r '.faults[]' "$results" | wc -l)"

# What the seeds above are chosen for
# drawn FILTER: the values of it in the results.
drawn() { jq -r "$1" "$results" | sort -u | paste -sd' '; }
if [ "$SEEDS" = "$usual" ]; then
	is "$(drawn '.machine[0:4]')" "gen1 gen2" "both generations crash"
	is "$(drawn .crash)" "init nmi oom sysrq" "in each way that an ordinary kernel can"
	is "$(drawn .path)" "kdump-c kdump-s" "with a second kernel that either call loaded"
	is "$(drawn .busy)" "false true" "with and without writes under way"
	is "$(drawn .cpus)" "1 2" "on one vCPU and on two"
	run_ok "and there not on the first" test "$(drawn 'select(.cpu > 0) | .seed')"
fi
seed=$(jq -r .seed "$results" | head -n 1)
is "$(lab/lab soak "$seed" 2>&1 >/dev/null | grep -c 'jobs under')" 0 \
	"a seed that has a result is not run again"
run_fails "N is a number of runs from 1 to 1000000, not 'many'" "N=many" lab/lab soak '' many
run_fails "SEEDS: '9-1' is not SEED or FIRST-LAST" "SEEDS=9-1" lab/lab soak 9-1
run_fails "KERNEL=nofix: make soak needs a kernel with the series" "KERNEL=nofix" \
	env KERNEL=nofix lab/lab soak 1
done_testing
