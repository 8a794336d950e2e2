#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# docs/lisa: LISA itself loads each runbook and has all its keys and cases, and runs our
# cases on a VM that answers by a script. make check installs LISA before the tests begin.
# shellcheck disable=SC2317 # run_ok and others call functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
cd "$TOP"
# No bytecode beside the sources
export PYTHONDONTWRITEBYTECODE=1
LISA=$BUILD/lisa/bin

[ -e "$BUILD/lisa/made" ] ||
	plan skip_all "LISA is not installed: $(cat "$BUILD/lisa.why" 2>/dev/null || echo "run make lisa")"

stage "types and style"
types() {
	mypy --strict --cache-dir "$BUILD/check/mypy-lisa-$2" --python-executable "$LISA/python" "$@"
}
run_ok "the cases have their types right" types --follow-imports silent docs/lisa/hyperv_mmio
# What these import takes minutes.
run_ok "and so has this test" types --follow-imports skip --ignore-missing-imports \
	--allow-subclassing-any tests/lisa/node.py tests/lisa/check.py tests/lisa/run.py
run_ok "and keep to Python's style" flake8 --max-line-length 100 docs/lisa tests/lisa

stage "runbooks"
verdicts "$LISA/python" tests/lisa/check.py
stage "cases"
verdicts "$LISA/python" tests/lisa/run.py "$T/runs"

# An index that is not there, in a copy of this repository.
stage "installing LISA"
mkdir -p "$T/top/docs/lisa"
cp -r deps kernel "$T/top/"
cp docs/lisa/requirements.txt "$T/top/docs/lisa/"
away() {
	env PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_FIND_LINKS='' PIP_NO_CACHE_DIR=1 \
		PIP_RETRIES=0 "$T/top/deps/index" lisa "$@"
}
run_fails "index: LISA is not installed: NO_INSTALL=1" "NO_INSTALL=1" env NO_INSTALL=1 \
	"$T/top/deps/index" lisa
run_fails "index: LISA is not installed: pip: ERROR: .*; see " "an index that is away" away
run_ok "is no failure with --try" env NO_INSTALL=1 "$T/top/deps/index" lisa --try
run_ok "but the reason is kept" grep -qx "NO_INSTALL=1" "$T/top/build/lisa.why"
run_ok "and nothing is left of LISA" test ! -e "$T/top/build/lisa"
run_fails "usage: deps/index lisa.axe" "an unknown option" "$T/top/deps/index" lisa --now
done_testing
