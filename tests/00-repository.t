#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What every file here has to keep to.
# shellcheck disable=SC2317 # the functions are called by run_ok
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TOP"
# Whoever owns the checkout
git() {
	command git -c safe.directory='*' "$@"
}

# none COMMAND...: it finds nothing.
none() {
	local out
	local rc=0
	out=$("$@") || rc=$?
	# grep has 1 for "nothing".
	if [ "$rc" -gt 1 ] || [ -n "$out" ]; then
		echo "exit $rc: $out"
		return 1
	fi
}

# Patches carry the tags of the files they add; data has no place for one.
without_spdx() {
	git ls-files | grep -vE '^(COPYING|patches/.*\.patch|sweep/placement/.*\.patch|patches/.*/(about|never-sent)|tests/data/.*|hvhost/tests/corpus/[a-z]*/.*|lab/(recordings|tests/recordings|tests/compared)/.*|.*/LICENSE)$' |
		while read -r f; do
			head -3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0' || echo "$f"
		done
}

# The mirrors of this machine, by its own configuration.
# shellcheck disable=SC2016 # apt expands it
mirrors() {
	apt-get indextargets --no-release-info --format '$(SITE)' 2>/dev/null | sed -E 's#^[a-z+]+://##; s#/.*##' |
		grep -F . | sort -u
}

mirror_names() {
	git grep -nIFf <(mirrors) -- .
}

# Verbs that the README and docs/ name and the Makefile does not have.
unknown_verbs() {
	git grep -ohE 'make [a-z]+\b' -- README.md docs/ 'patches/README.md' | sort -u |
		while read -r _ verb; do
			grep -q "^$verb:.*##" Makefile || echo "make $verb"
		done
}

# Files and folders that README's layout names and that are not there.
missing_places() {
	grep -oE '^    [a-z.]+/( |$)' README.md | while read -r dir; do
		[ -d "$dir" ] || echo "$dir"
	done
}

# Scenarios, tests and files that README and docs/ name and that are not there
missing_names() {
	local docs=(README.md docs/*.md)
	grep -ohE '\bS=[a-z0-9-]+( |`|$)' "${docs[@]}" | tr -d '` ' | sort -u | while read -r s; do
		[ -f "scenarios/${s#S=}.toml" ] || echo "$s"
	done
	grep -ohE '\bT=[0-9]{2}-[a-z]+' "${docs[@]}" | sort -u | while read -r t; do
		[ -f "tests/${t#T=}.t" ] || echo "$t"
	done
	grep -ohE '(^|[ `(])(docs|lab|tests|patches|hvhost|nest|scenarios)/[a-z0-9/._-]*[a-z0-9]' "${docs[@]}" |
		tr -d '`( ' | sort -u | while read -r f; do
			[ -e "$f" ] || echo "$f"
		done
}

# LISA's runbooks are YAML; all they include or load is there; the cases compile.
lisa_parses() {
	/usr/bin/python3 - docs/lisa <<-'END'
		import pathlib, re, sys, yaml
		top = pathlib.Path(sys.argv[1])
		for book in top.glob("*.yml"):
		    data = yaml.safe_load(book.read_text())
		    for path in [i["path"] for key in ("include", "extension") for i in data.get(key, [])]:
		        # $(kernel) stands for any
		        if not list(top.glob(re.sub(r"\$\(\w+\)", "*", path))):
		            sys.exit(f"{book}: {path} is not there")
		for cases in top.glob("*/*.py"):
		    compile(cases.read_text(), str(cases), "exec")
	END
}

# Folders of build/ that lab/ names and that make clean leaves
left_by_clean() {
	local name globs
	globs=$(make -sn clean | tr ' ' '\n' | sed -n 's|^build/||p')
	grep -ohE '\bBUILD / "[a-z]+"' lab/*.py | grep -oE '[a-z]+' | sort -u | while read -r name; do
		grep -qxE "${name}[*]?" <<<"$globs" || echo "build/$name"
	done
}

# No function in lab/ has more than 60 lines, no file more than 400.
small() {
	python3 - <<-'END'
		import ast, pathlib
		for file in sorted(pathlib.Path("lab").glob("*.py")):
		    text = file.read_text()
		    if text.count("\n") > 400:
		        print(f"{file} has {text.count(chr(10))} lines")
		    for node in ast.walk(ast.parse(text)):
		        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60:
		            print(f"{file}: {node.name} has {node.end_lineno - node.lineno + 1} lines")
	END
}

for package in lab bench fuzz sweep report; do
	run_ok "$package/ has its types right" mypy --strict --cache-dir build/check/mypy -p "$package"
done
for file in tests/run hvhost/tests/faults; do
	run_ok "$file has its types right" mypy --strict --cache-dir build/check/mypy "$file"
done
run_ok "lab/, fuzz/, report/ and hvhost/tests/faults keep to Python's style" \
	flake8 --max-line-length 100 lab fuzz report report/look tests/report hvhost/tests/faults
run_ok "lab/ has small functions and files" none small
run_ok "git knows the files" git ls-files --error-unmatch README.md
run_ok "each file has its SPDX tag" none without_spdx
run_ok "COPYING is the GPL, version 2" grep -q 'Version 2, June 1991' COPYING
run_ok "the machine's configuration names a mirror" test -n "$(mirrors)"
run_ok "no mirror's name is written down" none mirror_names
run_ok "no stored patch is signed off" none \
	git grep -nE '^Signed-off-by:' -- patches
run_ok "README and docs name no verb that make does not have" none unknown_verbs
run_ok "they name no scenario, test or file that is not there" none missing_names
run_ok "LISA's runbooks and cases parse" lisa_parses
run_ok "make clean removes what lab/ leaves" none left_by_clean
run_ok "README shows make demo" grep -q 'make demo' README.md
run_ok "README shows make check" grep -q 'make check' README.md
run_ok "README's layout is the repository's" none missing_places
like "$(make -s help)" "make demo .*make check " "make help lists the verbs"
done_testing
