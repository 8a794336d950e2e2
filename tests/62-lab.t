#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# lab's own tests, which boot nothing: scenarios and kernels by name, the runner with a fake
# host, and the judge on recorded runs, good and spoilt.
# shellcheck disable=SC2317 # verdicts calls the function
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX BASE KERNEL ROLE
tmpdir
cd "$TOP"

# verdicts reads these lines.
lab_tests() {
	local rc=0
	lab/tests/run --junitxml="$T/junit.xml" >"$T/out" 2>&1 || rc=$?
	python3 - "$T/junit.xml" <<-'END'
		import sys
		from xml.etree import ElementTree
		for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
		    bad = case.find("failure") is not None or case.find("error") is not None
		    skipped = case.find("skipped")
		    word = "fail" if bad else "pass" if skipped is None else "skip"
		    name = f"{case.attrib['classname'].rpartition('.')[2]} {case.attrib['name']}"
		    why = "" if skipped is None else f": {skipped.attrib['message']}"
		    print(word, ascii(name)[1:-1].replace("#", "%"), why)
	END
	return "$rc"
}
verdicts lab_tests
run_ok "there were some" test "${PASSED:-0}" -ge 300
start=$SECONDS
run_ok "the judge's recordings" lab/tests/run -k test_judge
diag "the judge's recordings were judged in $((SECONDS - start)) s"
grep -A 40 '^____' "$T/out" | head -n 200 | sed 's/^/# /' || true
done_testing
