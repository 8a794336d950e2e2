#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The main job: make demo, from source to a crash dump lost and one saved. Its exit
# status is one thing; what it found, in build/demo/table.json, is judged here once more.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX

result=$BUILD/demo/table.json
rm -f "$result"
tmpdir
rc=0
start=$SECONDS
"$TOP/lab/lab" demo >"$T/table" 2> >(tee "$T/progress" >&2) || rc=$?
is "$rc" 0 "demo exits 0"
if ! [ -e "$result" ]; then
	tail -n 5 "$T/progress" | not_ok "demo leaves $result"
	done_testing
fi

# found WHAT BEFORE AFTER: patterns of what the result says, and that the table
# shows the same, in that order on a line.
found() {
	local before after
	IFS=$'\t' read -r before after < <(jq -r --arg what "$1" '.[] |
		select("\(.which): \(.title)" == $what) | "\(.before)\t\(.after)"' "$result") || true
	like "${before:-no line}" "^$2\$" "$1, without the fix"
	like "${after:-no line}" "^$3\$" "$1, with the series"
	[[ $1 = *BARs ]] ||
		run_ok "$1: the table shows both" grep -qF " ${before:--} ${after:--}" "$T/squeezed"
}
tr -s ' ' <"$T/table" >"$T/squeezed"
range='[0-9a-f]+-[0-9a-f]+'
found "first: VMBus reserves" f8000000-f87fffff f8000000-fbffffff
found "first: framebuffer is at" f8000000 f8000000
found "first: PCI config window" "$range" "$range"
found "first: NVMe disk" found found
found "second: is told of framebuffer" nothing nothing
found "second: VMBus reserves" none f8000000-fbffffff
found "second: framebuffer still is at" f8000000 f8000000
found "second: PCI config window" f8000000-f8001fff fec01000-fec02fff
found "second: host on D0 entry" "refused, c0370048" accepted
found "second: NVMe BARs" none "$range $range"
found "second: NVMe disk" missing found
found "second: CRASH DUMP" LOST 'saved, [1-9][0-9]* MiB, of 7\.3\..*'
# A host that refuses nothing
found "gen2-cover, second: host on D0 entry" "accepted, covered" accepted
found "gen2-cover, second: NVMe disk" missing found
found "gen2-cover, second: CRASH DUMP" LOST 'saved, [1-9][0-9]* MiB, of 7\.3\..*'
is "$(jq -r .ok "$BUILD/demo/result.jsonl" | paste -sd" ")" "true true true true" \
	"the verdicts are as expected"
like "$(grep 'low MMIO ' "$T/table")" 'low MMIO +XF+\.+ +F+r+\.+C\.*' \
	"the map of low MMIO shows what is where"
like "$(grep 'failed D0 Entry' "$BUILD/demo/jobs/nofix/console")" \
	'PCI Pass-through VSP failed D0 Entry with status c0370048' \
	"the guest says it in its own words"
# without_sizes FILE: the lines of the table, without the dump's size
without_sizes() {
	sed -nE "/\(before\)/,/^ *low MMIO: /{/\(before\)/d; /low MMIO: /d; s/[0-9]+ MiB/N MiB/; s/^ +//; p}" "$1"
}
run_ok "README shows this table" cmp <(without_sizes README.md) <(without_sizes "$T/table")
diag "the demo took $((SECONDS - start)) s"

# The same on arm64, where a second kernel is never told of the framebuffer
if [ -n "${FULL:-}" ]; then
	result=$BUILD/demo-arm64/table.json
	rm -f "$result"
	start=$SECONDS
	rc=0
	make -s -C "$TOP" demo ARCH=arm64 >"$T/table" || rc=$?
	is "$rc" 0 "arm64's demo exits 0"
	tr -s ' ' <"$T/table" >"$T/squeezed"
	found "first: VMBus reserves" e0000000-e07fffff e0000000-e7ffffff
	found "first: NVMe disk" found found
	found "second: is told of framebuffer" nothing nothing
	found "second: VMBus reserves" none e0000000-e7ffffff
	found "second: PCI config window" e0000000-e0001fff e8000000-e8001fff
	found "second: host on D0 entry" "refused, c0370048" accepted
	found "second: NVMe disk" missing found
	found "second: CRASH DUMP" LOST 'saved, [1-9][0-9]* MiB, of 7\.3\..*'
	diag "arm64's demo took $((SECONDS - start)) s"
else
	skip "the demo on arm64" "for time; FULL=1 runs it, as does make demo ARCH=arm64"
fi
done_testing
