# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# TAP for the tests in bash. Source it first, end with done_testing.
#
#	plan N | plan skip_all REASON
#	ok DESC		not_ok DESC [< diagnostics]
#	is GOT WANT DESC	like TEXT EREGEX DESC
#	run_ok DESC CMD...	run_fails EREGEX DESC CMD...
#	verdicts CMD...
#	skip DESC REASON	diag TEXT	tmpdir		home NAME [PATH...]
#	stage NAME
#	series_options TREE	arm64_image FILE	seeds LIST
#	done_testing

set -euo pipefail
# Tests are of all sets and run x86's guests on hvhost, unless they say otherwise.
unset SET HOST ARCH
# "echo why | not_ok what" must count in this shell, not in a child.
shopt -s lastpipe
# shellcheck source=kernel/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../kernel/lib.sh"

# No test reads the caller's stdin: not_ok takes a pipe there for diagnostics.
exec </dev/null
need check

TAP_COUNT=0 TAP_FAILED=0 TAP_PLANNED=0

# plan N: how many tests will come. plan skip_all REASON: none, and why.
plan() {
	if [ "$1" = skip_all ]; then
		printf '1..0 # SKIP %s\n' "$2"
		exit 0
	fi
	printf '1..%d\n' "$1"
	TAP_PLANNED=1
}

# diag TEXT: lines of explanation, on stdout to keep their place.
diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s\n' "$TAP_COUNT" "$1"
}

# not_ok DESC: a failure; what comes by a pipe or a here-document explains it.
# Inside "while read" loops call it with </dev/null.
not_ok() {
	TAP_COUNT=$((TAP_COUNT + 1)) TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s\n' "$TAP_COUNT" "$1"
	if [ -p /dev/stdin ] || [ -f /dev/stdin ]; then
		sed 's/^/# /'
	fi
}

is() {
	if [ "$1" = "$2" ]; then
		ok "$3"
	else
		not_ok "$3" <<< "got:  $1"$'\n'"want: $2"
	fi
}

like() {
	if [[ $1 =~ $2 ]]; then
		ok "$3"
	else
		not_ok "$3" <<< "got:  $1"$'\n'"want: $2"
	fi
}

# run_ok DESC CMD...: exits 0; else its output explains.
run_ok() {
	local desc=$1 out rc=0
	shift
	out=$("$@" 2>&1) || rc=$?
	if [ "$rc" = 0 ]; then
		ok "$desc"
	else
		not_ok "$desc" <<< "exit $rc: $*"$'\n'"$out"
	fi
}

# run_fails EREGEX DESC CMD...: exits with an error of its own (below 126: it
# was found, started and not killed) and says what EREGEX asks for.
run_fails() {
	local want=$1 desc=$2 out rc=0
	shift 2
	out=$("$@" 2>&1) || rc=$?
	if [ "$rc" -gt 0 ] && [ "$rc" -lt 126 ] && [[ $out =~ $want ]]; then
		ok "$desc"
	else
		not_ok "$desc" <<< "exit $rc: $*"$'\n'"$out"$'\n'"want: $want"
	fi
}

skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s # SKIP %s\n' "$TAP_COUNT" "$1" "$2"
}

# verdicts COMMAND...: a test for each of its lines "pass|fail|skip WHAT[: WHY]",
# and one for its exit status. Adds the number that pass to PASSED.
verdicts() {
	local verdict what rc=0 out=$BUILD/check/${0##*/}.verdicts
	mkdir -p "$BUILD/check"
	"$@" >"$out" || rc=$?
	while read -r verdict what; do
		case $verdict in
		pass)
			ok "$what"
			PASSED=$((${PASSED:-0} + 1)) ;;
		skip) skip "${what%: *}" "${what##*: }" ;;
		*) not_ok "$verdict $what" </dev/null ;;
		esac
	done <"$out"
	is "$rc" 0 "it succeeds: ${*##*/}"
}

# tmpdir: sets T, a directory of this test's own, gone when it ends.
tmpdir() {
	mkdir -p "$BUILD/check"
	T=$(mktemp -d "$BUILD/check/${0##*/}.XXXXXX")
	trap 'rm -rf "$T"' EXIT
}

# home NAME [PATH...]: H is a copy of this repository's deps/, kernel/ and patches/, with
# P its series (BASE's, or the main base's), and L its tree, which has the base and no series yet. Of its files
# only drivers/hv/ and PATHs are there; the rest git knows from MAIN, the real one.
home() {
	local base=${BASE:-$(main_base)}
	# shellcheck disable=SC2034 # P is the caller's
	H=$T/$1 P=$T/$1/patches/linux-$base L=$T/$1/build/linux-$base
	shift
	mkdir -p "$H/build"
	cp -r "$TOP/deps" "$TOP/kernel" "$TOP/patches" "$TOP/Makefile" "$H/"
	git init -q "$L"
	echo "$MAIN/.git/objects" >"$L/.git/objects/info/alternates"
	git -C "$L" config series.base "$(git -C "$MAIN" config series.base)"
	git -C "$L" config series.pin "$(base_values source "$base")"
	git -C "$L" config user.name Dev
	git -C "$L" config user.email dev@kernel.org
	git -C "$L" update-ref refs/tags/base "$(git -C "$MAIN" rev-parse base)"
	git -C "$L" sparse-checkout set --no-cone /.gitattributes /.gitignore \
		/drivers/hv/ "$@"
	git -C "$L" checkout -q -B series base
}

# series_options TREE: those lines of series.config whose options the series' Kconfig has.
series_options() {
	local line option
	grep '^CONFIG_' "$TOP/kernel/config/series.config" | while read -r line; do
		option=${line#CONFIG_}
		git -C "$1" grep -q "^config ${option%%=*}\$" series -- '*Kconfig*' && echo "$line"
	done || true
}

# seeds LIST: the seeds that SEEDS=LIST names, a line each.
seeds() {
	(cd "$TOP" && python3 -c 'import sys; from lab.seeds import parse_seeds as p
print(*p(sys.argv[1]), sep="\n")' "$1")
}

# arm64_image FILE: what tells that it is an arm64 kernel that is not packed, "ARMd".
arm64_image() {
	dd if="$1" bs=1 skip=56 count=4 status=none
}

# stage NAME: begins a step of the test, for the table of times that tests/run prints.
STEP='' STEP_SPENT=0
stage() {
	local spent stat
	# Behind the name in brackets; of the children that were waited for, in ticks.
	read -r stat </proc/$$/stat
	read -ra stat <<<"${stat##*) }"
	spent=$((stat[13] + stat[14]))
	[ -z "$STEP" ] || diag "$(awk -v start="$STEP_START" -v now="$EPOCHREALTIME" \
		-v ticks="$((spent - STEP_SPENT))" -v hz="$(getconf CLK_TCK)" -v what="$STEP" 'BEGIN {
		printf "step: %.1f s, %.1f s of processor: %s", now - start, ticks / hz, what }')"
	STEP=$1 STEP_START=$EPOCHREALTIME STEP_SPENT=$spent
}

# done_testing: the plan, unless it was given, and the verdict.
done_testing() {
	stage ''
	[ "$TAP_PLANNED" = 1 ] || printf '1..%d\n' "$TAP_COUNT"
	[ "$TAP_FAILED" = 0 ] || exit 1
	exit 0
}
