#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# patches/linux-BASE/base.toml: a new base is a new folder and nothing else, and a wrong
# file is refused with its name, the line and the value.
# shellcheck disable=SC2016,SC2317 # $0 is for bash -c; run_ok and others call functions
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
unset LINUX BASE

H=$T/home P=$T/home/patches
mkdir "$H"
cp -r "$TOP/deps" "$TOP/kernel" "$TOP/patches" "$H/"
main=$(main_base)

# lib FUNCTION ARGUMENT...: what that function of kernel/lib.sh prints for the copy.
lib() {
	bash -c 'set -euo pipefail; . "$0/kernel/lib.sh" && "$@"' "$H" "$@"
}

# toml: the values of all base.toml as Python reads them, as base_facts prints them.
toml() {
	python3 - "$TOP" <<-'END'
		import pathlib, sys, tomllib
		for path in pathlib.Path(sys.argv[1]).glob("patches/linux-*/base.toml"):
		    base = path.parent.name.removeprefix("linux-")
		    for key, value in tomllib.loads(path.read_text()).items():
		        for item in [value] if isinstance(value, str) else value:
		            print(base, key, item)
	END
}
is "$(base_facts | sort)" "$(toml | sort)" "Python's tomllib reads the same"
like "$(base_facts)" "$main role main" "one of them is the main base"
is "$(lib main_base)" "$main" "which is the default"
is "$(bash -c '. "$0/kernel/lib.sh" && echo "$BASE"' "$H")" "$main" "of BASE, too"

stage "a new base"
# A copy of another one, with that one's sets
old=$(stable_bases | tail -n 1)
cp -r "$P/linux-$old" "$P/linux-99.9"
sed -i 's/^source.*/source = "linux-source-99.9 99.9.1-1"/' "$P/linux-99.9/base.toml"
is "$(lib kernel_names 99.9)" "$(kernel_names "$old" | sed 's/^[^-]*/99.9/')" "it has kernels"
is "$(lib sets 99.9)" "$(sets "$old")" "and sets"
is "$(lib stable_bases)" "$(stable_bases; echo 99.9)" "it is a stable base"
is "$(lib main_base)" "$main" "the main base is another"
run_ok "99.9-series is a kernel" lib kernel_check 99.9-series
run_ok "99.9-series-debug is one, too" lib kernel_check 99.9-series-debug
run_fails "no such kernel: '99.8-series'" "99.8-series is not" lib kernel_check 99.8-series
is "$(BASE=99.9 lib base_values source)" "linux-source-99.9 99.9.1-1" "it has a source"
like "$("$H/kernel/versions")" $'patches, linux-99.9\t[1-9][0-9]* on linux-source-99.9 99.9.1-1\n' \
	"and is listed with the versions"
run_fails "BASE=99.8 has no series .there is: .* 99\.9\)" "it is named where another is missing" \
	env BASE=99.8 "$H/kernel/tree"
# A base may have fewer variants and configuration fragments.
sed -i 's/^variants.*/variants = [ "debug", ]/; s/^config.*/config = []  # none/' \
	"$P/linux-99.9/base.toml"
is "$(lib variants 99.9)" debug "a list may end with a comma, and a comment may follow"
is "$(lib base_values config 99.9)" "" "a list may be empty"
sed -i 's/^features.*/features = ["base:devicetree", "2-tests:moved-fb"]/' "$P/linux-99.9/base.toml"
for kernel in 99.9-nofix:devicetree 99.9:devicetree 99.9.7:devicetree 99.9-stable:devicetree \
	99.9-series:devicetree,moved-fb 99.9-mytree:devicetree 99.8:; do
	is "$(lib kernel_features "${kernel%%:*}" | paste -sd,)" "${kernel#*:}" \
		"${kernel%%:*} has the features that are stated for it"
done
run_fails "no such kernel: '99.9-efifb' .*, each also with -debug\)" \
	"a variant that the base does not have" lib kernel_check 99.9-efifb
sed -i 's/^variants.*/variants = []/' "$P/linux-99.9/base.toml"
run_fails "no such kernel: '99.9-debug' .*, 99.9-series\)" "a base without variants" \
	lib kernel_check 99.9-debug

stage "README.md"
# readme: what make series writes to patches/README.md.
readme() {
	python3 "$H/kernel/readme.py" "$P" "$main"
}
like "$(readme)" "
\| Patch \| 99\.9 \| .*
## linux-99\.9

### 1-" "README.md has the new base"
first=$(find "$P/linux-99.9" -name '0001-*.patch' | sort | sed -n 1p)
sed -i 's/^Subject: .*/Subject: [PATCH 1\/9] =?UTF-8?q?A_b=C3=BCg_or?=/' "$first"
like "$(readme)" $'\n\\| A büg or[^|]* \\| stable 1 \\| - ' "it decodes a subject that is not ASCII"
echo 'A patch without a reason' >>"$P/linux-99.9/left-out"
n=$(wc -l <"$P/linux-99.9/left-out")
run_fails "^readme.py: $P/linux-99.9/left-out:$n: not a subject, a tab, and why: 'A patch without a reason'$" \
	"a patch that is left out without a reason" readme
sed -i '$d' "$P/linux-99.9/left-out"
rm "$first"
ln -s /none "$first"
run_fails "^readme.py: .*No such file .*${first##*/}'$" "a patch that cannot be read" readme

stage "wrong files"
F=$P/linux-99.9/base.toml
# kernel/versions stands for every script here: it does little else than to read the files.
# wrong MESSAGE DESC SED-SCRIPT: the other one's base.toml, changed like that, is refused.
wrong() {
	sed "$3" "$P/linux-$old/base.toml" >"$F"
	run_fails "^versions: $F:$1" "$2" "$H/kernel/versions"
}
# The keys are in lines 3 to 10.
wrong "3: source cannot be 'linux 6.12' " "a source that is no package" \
	's/^source.*/source = "linux 6.12"/'
wrong "3: source cannot be '' " "an empty string" 's/^source.*/source = ""/'
wrong "3: source is not a string on one line: 5$" "a number" 's/^source.*/source = 5/'
wrong "4: role cannot be 'old' .main\|stable.$" "an unknown role" 's/"stable"/"old"/'
wrong "4: role is not a string on one line: \[\"stable\"\]$" "a list that should be a string" \
	's/"stable"/["stable"]/'
wrong "4: role is not a string on one line: \"stable$" "a string without an end" 's/"stable"/"stable/'
wrong "4: role is not a string on one line: \"stable\" x$" "text after a value" 's/"stable"/& x/'
wrong "4: not KEY = VALUE: 'role stable'$" "a line that is no key and value" 's/^role.*/role stable/'
wrong "4: not KEY = VALUE: '\[role\]'$" "a table" 's/^role.*/[role]/'
wrong "4: no such key: 'rule'$" "an unknown key" 's/^role/rule/'
wrong "5: key 'role' is repeated$" "a repeated key" '/^role/p'
wrong "5: variants has 'fast', but there is no $H/kernel/config/fast.config$" \
	"a variant without a configuration" 's/"debug"/"fast"/'
wrong "5: variants cannot be '../debug' " "a variant that is a path" 's/"debug"/"..\/debug"/'
wrong "5: variants is not a list of strings on one line: \"debug\"$" \
	"a string that should be a list" 's/^variants.*/variants = "debug"/'
wrong "5: variants is not a list of strings on one line: \[$" "a list over lines" \
	's/^variants = \[/&\n/'
wrong "6: config has 'older', but there is no $H/kernel/config/older.config$" \
	"a fragment that does not exist" 's/"old"/"older"/'
wrong "7: checkpatch cannot be 'camelcase' " "a type that checkpatch cannot have" \
	's/"CAMELCASE"/"camelcase"/'
wrong "8: lint cannot be 'patch' " "an unknown check" 's/"patches"/"patch"/'
wrong "9: kunit cannot be 'vax' " "an unknown architecture" 's/"x86_64"/"vax"/'
wrong "10: features cannot be '1-stable:magic' " "an unknown feature" \
	's/^features.*/features = ["1-stable:magic"]/'
wrong "10: features cannot be 'always-reserve' " "a feature without a set" \
	's/^features.*/features = ["always-reserve"]/'
wrong "10: features has '9-more:find-space', but there is no set 9-more .no $P/linux-99.9/9-more/about.$" \
	"a feature of a set that does not exist" 's/^features.*/features = ["9-more:find-space"]/'
wrong " key 'kunit' is missing$" "a missing key" '/^kunit/d'
wrong " key 'source' is missing$" "an empty file" d
wrong "4: role is 'main', but $P/linux-$main/base.toml has that role already$" "two main bases" \
	's/"stable"/"main"/'
rm "$F"
run_fails "^versions: $F is missing; patches/README.md says" "a folder without base.toml" "$H/kernel/versions"
mv "$P/linux-99.9" "$P/linux-new"
run_fails "^versions: $P/linux-new: a folder's name is linux- and a version" \
	"a folder that is not named after a version" "$H/kernel/versions"
rm -r "$P/linux-new"
sed -i 's/"main"/"stable"/' "$P/linux-$main/base.toml"
run_fails '^versions: no patches/linux-\*/base.toml has role = "main"$' "no main base" "$H/kernel/versions"
run_fails '^versions: no patches/linux-\*/base.toml has role = "main"$' "whatever BASE is" \
	env BASE="$old" "$H/kernel/versions"
cp "$TOP/patches/linux-$main/base.toml" "$P/linux-$main/"
is "$(lib main_base)" "$main" "the files as they are"
rm -r "$P"
run_ok "scripts that need no base work without patches/" "$H/kernel/versions"
done_testing
