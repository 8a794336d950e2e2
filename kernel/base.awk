# SPDX-License-Identifier: GPL-2.0-only
# Reads patches/linux-*/base.toml and prints a line "BASE KEY VALUE" for each value, for
# a list one for each element. These files are a subset of TOML: KEY = VALUE on one line,
# where VALUE is a string or a list of strings, without escapes. Anything else is an error
# that names file, line and value. -v config= is the folder of the configuration fragments.
BEGIN {
	keys = split("source role variants config checkpatch lint kunit features", key, " ")
	allowed["source"] = "linux-source-[0-9]+[.][0-9]+ [0-9][A-Za-z0-9.+~-]*"
	allowed["role"] = "main|stable"
	allowed["variants"] = allowed["config"] = "[a-z0-9]+(-[a-z0-9]+)*"
	allowed["checkpatch"] = "[A-Z][A-Z0-9_]*"
	allowed["lint"] = "sets|patches|docs|scripts|coccinelle|bisect|configs"
	allowed["kunit"] = "x86_64|arm64"
	# sweep/cut.spec says by what the source shows each of them.
	allowed["features"] = "(base|[0-9]+-[a-z]+(-[a-z]+)*):" \
		"(devicetree|always-reserve|find-space|second-window|config-at-ioapic|moved-fb)"
	string = "\"[^\"]*\""
	list = "[[] *(" string " *(, *" string " *)*,? *)?[]]"
}

function fail(text)
{
	print tool ": " text >"/dev/stderr"
	failed = 1
	exit 1
}

function bad(text)
{
	fail(FILENAME ":" FNR ": " text)
}

# check(NAME, ITEM): key NAME can have the value ITEM.
function check(name, item,  none, set, about)
{
	if (item !~ "^(" allowed[name] ")$")
		bad(name " cannot be '" item "' (" allowed[name] ")")
	if ((name == "variants" || name == "config") && (getline none <(config item ".config")) < 0)
		bad(name " has '" item "', but there is no " config item ".config")
	set = item
	sub(/:.*/, "", set)
	about = FILENAME
	sub(/base[.]toml$/, set "/about", about)
	if (name == "features" && set != "base" && (getline none <about) < 0)
		bad(name " has '" item "', but there is no set " set " (no " about ")")
	if (name != "role" || item != "main")
		return
	if (main)
		bad("role is 'main', but " main " has that role already")
	main = FILENAME
}

/^[ \t]*(#.*)?$/ {
	next
}

!/^[A-Za-z0-9_-]+ *= *[^ ]/ {
	bad("not KEY = VALUE: '" $0 "'")
}

{
	name = value = $0
	sub(/ *=.*/, "", name)
	sub(/[^=]*= */, "", value)
	if (!(name in allowed))
		bad("no such key: '" name "'")
	if ((FILENAME, name) in seen)
		bad("key '" name "' is repeated")
	seen[FILENAME, name]
	scalar = name == "source" || name == "role"
	if (!match(value, "^" (scalar ? string : list)) ||
	    substr(value, RLENGTH + 1) !~ /^[ \t]*(#.*)?$/)
		bad(name " is not " (scalar ? "a string" : "a list of strings") " on one line: " value)
	n = split(substr(value, 1, RLENGTH), part, "\"")
	base = FILENAME
	sub(/.*\/linux-/, "", base)
	sub(/\/base[.]toml$/, "", base)
	for (i = 2; i <= n; i += 2) {
		check(name, part[i])
		print base, name, part[i]
	}
}

END {
	if (failed)
		exit 1
	for (i = 1; i < ARGC; i++)
		for (k = 1; k <= keys; k++)
			if (!((ARGV[i], key[k]) in seen))
				fail(ARGV[i] ": key '" key[k] "' is missing")
	if (!main)
		fail("no patches/linux-*/base.toml has role = \"main\"")
}
