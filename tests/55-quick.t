#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make quick, with all that it runs built; and that it says what fails.
# shellcheck disable=SC2016 # for another shell
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX BASE KERNEL
tmpdir
cd "$TOP"

rc=0
make -s quick >"$T/out" 2>"$T/err" || rc=$?
is "$rc" 0 "make quick succeeds"
[ "$rc" = 0 ] || diag "$(cat "$T/out")"
is "$(sed -n 's/ .*//p' "$T/out" | paste -sd' ')" "build kunit unit lab sweep cells all" \
	"it has a line for each part"
is "$(grep -cE '^[a-z]+ +ok +[0-9]+ s$' "$T/out")" 7 "each says how long it took"
diag "$(cat "$T/out")"
like "$(cat build/quick/cells.log)" '3 of 3 as expected; 0 of those lose a device' \
	"three crashes were judged, and none is one that must lose its disk"
run_fails '^quick: usage: ' "it takes no argument" tests/quick x

# A copy in which each part is one that we choose.
mkdir -p "$T/top/tests" "$T/top/lab/tests" "$T/top/sweep" "$T/top/hvhost"
cp -r deps kernel "$T/top/"
cp tests/quick "$T/top/tests/"
for f in kernel/build kernel/kunit sweep/run lab/lab lab/tests/run; do
	printf '#!/bin/sh\necho "WORK=$WORK"\n' >"$T/top/$f"
	chmod +x "$T/top/$f"
done
printf 'check:\n\t@echo unit\n' >"$T/top/hvhost/Makefile"
run_ok "all parts succeed" "$T/top/tests/quick"
is "$(cat "$T/top/build/quick/"*.log | sort | uniq -c | sed 's/^ *//' | paste -sd,)" "5 WORK=1,1 unit" \
	"each works on the tree as it is checked out"
for f in kernel/build kernel/kunit sweep/run lab/lab lab/tests/run; do
	cp "$T/top/$f" "$T/good"
	printf '#!/bin/sh\necho "not ok 1 - why"\nexit 3\n' >"$T/top/$f"
	run_fails 'FAILED .*not ok 1 - why.*all      FAILED' "$f fails: so does make quick" \
		"$T/top/tests/quick"
	cp "$T/good" "$T/top/$f"
done
printf 'check:\n\t@exit 1\n' >"$T/top/hvhost/Makefile"
run_fails 'unit     FAILED' "hvhost's unit tests fail: so does make quick" "$T/top/tests/quick"
done_testing
