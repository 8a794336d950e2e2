#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Many boots in a row, none of which may be lost. BOOTS=n says how many.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX KERNEL
BOOTS=${BOOTS:-12}
[[ $BOOTS =~ ^[1-9][0-9]{0,3}$ ]] || die "BOOTS is a number, not '$BOOTS'"

soak=$BUILD/check/soak
start=$SECONDS
run_ok "$BOOTS boots of gen2-default are as they must be" env TIMES="$BOOTS" \
	MATRIX="$soak" "$TOP/lab/lab" matrix gen2-default:boot:series
is "$(grep -c . "$soak/result.jsonl")" "$BOOTS" "each has a result"
is "$(jq -c 'select(.ok | not)' "$soak/result.jsonl")" "" "none failed"
# What was run again was not the guest's fault, but is worth knowing.
diag "in $((SECONDS - start)) s; again after an inner host died or froze: $(
	find "$soak/jobs" -name retried | wc -l)"
done_testing
