#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The one list of packages: how deps/install gets what is missing, that nothing else
# can while tests run, and that nothing is missing with which make fresh last passed.
# A new Debian gets all of it here, and runs two tests and docs/ci.md's commands with that.
# shellcheck disable=SC2016,SC2317 # lines for other shells; run_ok and others call functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
cd "$TOP"
unset NO_INSTALL STRICT WORK

# With more packages than make fresh had, what passed with it passes. What each of those is
# for is tried in a new Debian below. With fewer, it has to pass again.
passed="the list has all packages with which make fresh passed (else run it, and commit
deps/fresh-passed)"
if [ -n "${NEW_DEBIAN:-}" ]; then
	skip "${passed//$'\n'/ }" "this is a new Debian"
else
	is "$(comm -23 <(sed -n 's/^packages //p' deps/fresh-passed | tr ' ' '\n' | sort) \
		<(packages check) | paste -sd' ')" "" "${passed//$'\n'/ }"
	run_ok "fresh-passed has a list" grep -q '^packages .* .* ' deps/fresh-passed
fi

# A machine that we pretend to have, on which two packages are installed.
mkdir -p "$T/top" "$T/bin"
cp -r deps kernel "$T/top/"
cat >"$T/top/deps/packages" <<-'LIST'
	# a list
	low: liba libb
	high: @low libc
	high: libd @low
	loop: @loop liba
	broken: @none
LIST
cat >"$T/bin/dpkg-query" <<-SH
	#!/bin/sh
	for p; do
		! grep -qx "\$p" "$T/have" || echo "installed \$p"
	done
SH
cat >"$T/bin/apt-get" <<-SH
	#!/bin/sh
	echo "\$*" >>"$T/calls"
	case \$* in
	*update*) exit 0 ;;
	esac
	n=\$(grep -c ' install ' "$T/calls")
	[ "\$n" -gt "\$(cat "$T/fails")" ] || {
		if [ -e "$T/unknown" ]; then
			echo "E: Unable to locate package libb"
		else
			echo "E: the mirror is away"
		fi
		exit 100
	}
	for p; do
		case \$p in lib*) echo "\$p" >>"$T/have" ;; esac
	done
SH
cat >"$T/bin/id" <<-SH
	#!/bin/sh
	cat "$T/id"
SH
chmod +x "$T"/bin/*
# install FAILS ARGUMENT...: deps/install there; apt-get fails FAILS times.
install() {
	printf '%s\n' liba libz >"$T/have"
	: >"$T/calls"
	echo "$1" >"$T/fails"
	shift
	PATH=$T/bin:$PATH PAUSE=0 "$T/top/deps/install" "$@"
}
echo 0 >"$T/id"
run_ok "what is missing is installed" install 0 high
is "$(grep -c ' install ' "$T/calls")" 1 "at once"
is "$(sort "$T/have" | paste -sd' ')" "liba libb libc libd libz" "all of it, and no more"
run_ok "what is there already" install 0 loop
is "$(cat "$T/calls")" "" "is not installed again"
run_ok "a mirror that fails for a moment is tried again" install 3 low
run_fails 'install libb failed 4 times: E: the mirror is away; see' \
	"but not more than three times, and the reason is shown" install 4 low
: >"$T/unknown"
run_fails 'install: apt-get: E: Unable to locate package libb; see' \
	"a package that does not exist is not tried again" install 4 low
rm "$T/unknown"
run_fails "no such group: none" "a group names an unknown group" install 0 broken
run_fails "no such group: tree" "an unknown group" install 0 tree
run_fails 'NO_INSTALL=1, and these packages are missing: libb libc libd' \
	"with NO_INSTALL=1 what is missing is listed" env NO_INSTALL=1 \
	bash -c "$(declare -f install); T=$T; install 0 high"
is "$(cat "$T/calls")" "" "and nothing is installed"
run_fails "NO_INSTALL is 1 or nothing, not 'yes'" "NO_INSTALL=yes" env NO_INSTALL=yes \
	bash -c "$(declare -f install); T=$T; install 0 high"
echo 1000 >"$T/id"
run_fails 'these packages are missing: libb libc libd; as root: make deps' \
	"a user who is not root" install 0 high
rm "$T/bin/id"

# Scripts say what they need, and install nothing.
run_fails '^getdeb: these packages are missing: .*; make deps installs all' \
	"a script without its packages" env PATH="$T/bin:$PATH" bash -c \
	"cp '$TOP/deps/packages' '$T/top/deps/'; exec '$T/top/kernel/getdeb' hello"

# Each verb of the Makefile installs its group first; each group is used; make check has all.
is "$(sed -n 's/^\([a-z]*\):.*##.*/\1/p' Makefile | while read -r verb; do
	case $verb in
	help | deps | clean) continue ;;
	esac
	packages "$verb" >/dev/null || echo "$verb"
	sed -n "/^$verb:/ { n; p }" Makefile | grep -qxE \
		$'\t@deps/install \\$@( \\$\\((FOR_HOST|FOR_ARCH|if \\$\\(ARM64\\),compile-arm64)\\))*' ||
		echo "$verb"
done)" "" "each verb installs its group before anything else"
groups() {
	sed -n 's/^\([a-z0-9_-]*\):.*/\1/p' deps/packages | sort -u
}
is "$(groups | while read -r group; do
	grep -qE "^$group:.*##" Makefile || grep -qE "[ ]@$group( |\$)" deps/packages ||
		grep -qsE "^[[:space:]]*need (.* )?($group|\"${group%-*}-\\\$arch\")( |\$)" \
			kernel/* nest/* nest/*/* guest/* sweep/* bench/* report/* ||
		grep -q "^    \"[a-z]*\": (.*, \"$group\", " lab/__main__.py ||
		grep -q "filter $group,\$(HOST)" Makefile || echo "$group"
done)" "" "each group is used"
# No test builds the firmware.
is "$(groups | grep -vx firmware | while read -r group; do packages "$group"; done | sort -u |
	comm -23 - <(packages check))" "" "make check has the packages of all other groups"

# Other distributions: names, and what each package brings
run_ok "deps/programs has each package, once" cmp <(sed '/^#/d; s/\t.*//' deps/programs) \
	<(groups | while read -r group; do packages "$group"; done | sort -u)
# not_brought: lines of it whose file is neither in the package nor in what it depends on
not_brought() {
	local package file all
	while read -r package file; do
		# Only what the firmware needs may be missing.
		all=$(dpkg-query -W -f '${db:Status-Status} ${Depends}' "$package" 2>/dev/null) || all=
		if [[ $all != installed* ]]; then
			[[ $firmware = *" $package "* ]] || echo "$package is missing"
			continue
		fi
		# Names without versions and alternatives
		all=$(sed 's/^installed//; s/([^)]*)//g; s/:[a-z]*//g; s/[,|]/ /g' <<<"$all")
		# shellcheck disable=SC2086 # a word a package
		all=$(dpkg-query -L "$package" $all 2>/dev/null || true)
		grep -qxE ".*/${file//+/[+]}" <<<"$all" || echo "$package: $file"
	done < <(grep -v '^#' deps/programs)
}
firmware=" $(packages firmware | paste -sd' ') "
is "$(not_brought)" "" "each package brings its file"
# A machine without dpkg and apt; of what a group needs it has flex.
mkdir "$T/elsewhere"
for c in awk bash comm cut dirname mkdir nproc sed sort uname; do
	ln -s "$(type -P "$c")" "$T/elsewhere/"
done
ln -s "$(type -P true)" "$T/elsewhere/flex"
printf 'ID=fedora\nPRETTY_NAME="Fedora Linux 41"\n' >"$T/os-release"
cp deps/packages "$T/top/deps/"
# elsewhere SETTING: deps/install there
elsewhere() {
	env -i PATH="$T/elsewhere" OS_RELEASE="$T/os-release" "$1" "$T/top/deps/install" compile
}
for setting in NO_INSTALL=1 NO_INSTALL=; do
	run_fails $'bison  .*\ninstall: this is Fedora Linux 41. .* Containerfile makes a Debian' \
		"without apt, packages are listed with what they bring: $setting" elsewhere "$setting"
done
is "$(elsewhere NO_INSTALL=1 2>/dev/null | grep -E '^(flex|libelf-dev) ')" \
	"$([ -e /usr/include/gelf.h ] || printf '%-24s gelf.h\n' libelf-dev)" "but not what is there"

# The container: it installs what deps has, and nothing else. deps/fresh runs its lines.
is "$(sed '/^#/d; s/ .*//' Containerfile | paste -sd' ')" "FROM COPY WORKDIR RUN CMD" \
	"Containerfile has these lines only"
is "$(sed -n 's/^RUN //p' Containerfile)" "deps/install demo" "it installs what make demo needs"
is "$(sed -n 's/^CMD //p' Containerfile)" '["make", "demo"]' "and runs make demo"
like "$(sed -n 's/^COPY //p; s/^WORKDIR //p' Containerfile)" $'^. /src\n/src$' "in its copy"

# The guard. What it says is not for this run's log.
export GUARD_LOG=$T/guard.log
guard=$TOP/deps/guard
n=0
for c in "apt-get -y install hello" "apt-get update" "apt-get -o A=b -q remove hello" \
	"apt-get -o Acquire::Retries=3 update" "apt install hello" "dpkg -i hello.deb" \
	"dpkg -iE hello.deb" "dpkg --root=/ -i hello.deb" "dpkg --purge hello" \
	"dpkg --add-architecture i386" "python3 -V" "pip install hello"; do
	n=$((n + 1))
	# shellcheck disable=SC2086 # words
	run_fails "^${c%% *} .*must not install packages; .* Called by: <- " "refused: $c" \
		"$guard/${c%% *}" ${c#* }
done
is "$(wc -l <"$T/guard.log")" "$n" "each is in the log, for tests/run"
for c in "dpkg --compare-versions 1 lt 2" "dpkg --robot --version" "apt-get -c /dev/null -s install hello" \
	"apt-get indextargets" "apt-get --version"; do
	# shellcheck disable=SC2086
	run_ok "passes through: $c" "$guard/${c%% *}" ${c#* }
done
is "$(wc -l <"$T/guard.log")" "$n" "those are not in the log"
unset GUARD_LOG
# A test that calls apt-get makes the run red, whatever it makes of that.
mkdir -p "$T/run/tests"
cp -r deps kernel "$T/run/"
cp tests/run tests/lib.sh tests/skips "$T/run/tests/"
echo 'a guests' >"$T/run/tests/order"
# a LINE...: the only test there.
a() {
	printf '%s\n' '. "$(dirname "$0")/lib.sh"' "$@" done_testing >"$T/run/tests/a.t"
	sed -i '1i #!/bin/bash' "$T/run/tests/a.t"
}
a 'ok fine' 'stage one' 'sleep 0.2' 'apt-get install hello >/dev/null 2>&1 || true'
run_fails 'forbidden calls by tests:.*apt-get install hello: .*1 passed, 1 failed, 0 skipped' \
	"a test that calls apt-get is red" "$T/run/tests/run"
a 'ok fine' 'stage one' 'sleep 0.2'
like "$("$T/run/tests/run")" $'\n  one +0 +0\n.*\n1 passed, 0 failed, 0 skipped$' \
	"steps are in the table"
a 'skip this "for no reason at all"'
like "$("$T/run/tests/run")" '    1 for no reason at all \(a\)   NOT IN tests/skips' \
	"what is skipped is named"
run_fails '0 passed, 1 failed, 1 skipped' "and red with STRICT=1" env STRICT=1 "$T/run/tests/run"
a 'skip this "for time; FULL=1 runs it"'
run_ok "but for a known reason" env STRICT=1 "$T/run/tests/run"
a 'ok one' 'exit 3'
run_fails 'it died or broke its plan.*Dubious.*1 passed, 1 failed' "a test that dies is red" \
	"$T/run/tests/run"
a 'plan 2' 'ok one'
run_fails '1 passed, 1 failed' "as is one that does not keep its plan" "$T/run/tests/run"
# One that does not end, also when it is told to, names what it waits for.
a 'ok one' "trap '' TERM" 'while :; do sleep 1234; done'
GRACE=$(sed -n 's/^GRACE = \([0-9]*\) .*/\1/p' "$T/run/tests/run")
sed -i 's/^GRACE = .*/GRACE = 2/' "$T/run/tests/run"
run_ok "a test that is told to end has time for it" test "$GRACE" -ge 10
run_fails 'not ok - it did not end after 1 s.*it ran: sleep 1234.*it said last: ok 1 - one.*1 passed, 1 failed' \
	"a test that does not end is ended, and is red" env LIMIT=1 "$T/run/tests/run"
run_fails "LIMIT is a number of seconds, 0 for none, not 'long'" "LIMIT that is no number" \
	env LIMIT=long "$T/run/tests/run"
a 'ok one' 'sleep 1234'
rc=0
timeout -s TERM 3 "$T/run/tests/run" >"$T/ended" 2>&1 || rc=$?
is "$rc" 124 "a run that is ended ends"
like "$(<"$T/ended")" 'a: ended by SIGTERM after [23] s.*it ran: sleep 1234' \
	"and says what it waited for"
a 'ok one'
run_fails "no such test: 'b' .there is: a" "an unknown test" "$T/run/tests/run" b
echo 'b guests a' >>"$T/run/tests/order"
run_fails 'does not list each test once; there is: a' "the order names an unknown test" \
	"$T/run/tests/run"
echo 'a guests b' >"$T/run/tests/order"
run_fails "a needs 'b', which is not above it" "the order has a test before what it needs" \
	"$T/run/tests/run"
echo 'a fast' >"$T/run/tests/order"
run_fails "a is in no lane of compile, guests: 'fast'" "an unknown lane" "$T/run/tests/run"
# What comes after another's end, through a test that was not asked for
printf '%s\n' 'a compile' 'b guests a' 'c guests b' >"$T/run/tests/order"
for t in b c; do
	printf '%s\n' '#!/bin/bash' '. "$(dirname "$0")/lib.sh"' \
		'run_ok after test -e "$BUILD/a-is-done"' done_testing >"$T/run/tests/$t.t"
done
a 'sleep 1' ': >"$BUILD/a-is-done"' 'ok a'
run_ok "a test waits for what those need that it needs" "$T/run/tests/run" a c
# Ended from outside
a 'sleep 1000 & echo $! >"$BUILD/pid"; wait'
rm -f "$T/run/build/pid"
"$T/run/tests/run" a >/dev/null 2>&1 &
runner=$!
for ((i = 0; i < 100; i++)); do
	[ ! -s "$T/run/build/pid" ] || break
	sleep 0.1
done
kill -TERM "$runner"
rc=0
wait "$runner" || rc=$?
is "$rc" 143 "an interrupted run ends"
sleep 0.5
# One whose parent is gone may stay behind as a zombie.
is "$(sed 's/.*) \(.\).*/\1/; s/Z//' "/proc/$(cat "$T/run/build/pid")/stat" 2>/dev/null || true)" "" \
	"and ends what its tests have started"

if [ "$(id -u)" != 0 ]; then
	skip "a new Debian gets all packages" "installing Debian into a folder needs root"
elif [ -n "${NEW_DEBIAN:-}" ]; then
	skip "a new Debian gets all packages" "this is a new Debian"
elif ! why=$(kernel/getdeb debian-archive-keyring 2>&1 >/dev/null) &&
	[[ $why = *"no package index could be read"* ]]; then
	skip "a new Debian gets all packages" "$why"
else
	# What is left after a failure
	rest=$T/rest
	mkdir -p "$rest/root/src/deps"
	run_fails 'rest is for when make demo has passed and tests of make check have failed' \
		"--rest without a failure before" env FRESH="$rest" deps/fresh --rest
	printf 'make demo\tok\t9 minutes\nmake check\tFAILED\t30 minutes\n' >"$rest/verdicts"
	echo '[11:28:14] 98-deb: ok, 1 passed' >"$rest/2.log"
	run_fails '2.log names no test that failed' "--rest without a failed test" \
		env FRESH="$rest" deps/fresh --rest
	echo '[11:28:14] 98-deb: FAILED, 0 passed' >>"$rest/2.log"
	sed '$a check: hello' deps/packages >"$rest/root/src/deps/packages"
	run_fails 'deps/packages has lost hello since; run make fresh anew' \
		"--rest with a shorter list" env FRESH="$rest" deps/fresh --rest
	stage "a new Debian"
	# docs/ci.md's commands; apt-get's lists are there after make deps.
	mapfile -t commands < <(sed -n '/^      - run: |$/,/^      - uses/s/^          //p' docs/ci.md)
	is "${#commands[@]} ${commands[0]}" "3 make deps" "docs/ci.md has its commands"
	run_ok "a new Debian gets all packages, runs two tests, and docs/ci.md's commands work" \
		env FRESH="$T/fresh" deps/fresh "${commands[0]}" "make check T='00 62'" "${commands[@]:1}"
	run_ok "JUnit's file has the run" grep -q 'tests="1" failures="0"' \
		"$T/fresh/root/src/junit.xml"
fi
done_testing
