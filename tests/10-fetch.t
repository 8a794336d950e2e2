#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian packages: verified, cached, checked again; what cannot be had is said
# in one sentence.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
unset LINUX BASE

# A home of its own, with the indexes that are here.
# Only a mirror out of reach is no fault of what is tested.
if ! why=$("$TOP/kernel/getdeb" debian-archive-keyring 2>&1 >/dev/null) &&
	[[ $why = *"no package index could be read"* ]]; then
	plan skip_all "$why"
fi
H=$T/home
mkdir -p "$H/build"
cp -r "$TOP/deps" "$TOP/kernel" "$TOP/patches" "$H/"
flock "$BUILD/apt/lock" cp -r "$BUILD/apt" "$H/build/"
rm -f "$H/build/apt/lock"
CACHE=$H/build/cache
getdeb=$H/kernel/getdeb
# Small, and in every suite.
p="debian-archive-keyring"

deb=$("$getdeb" $p 2>"$T/log") || true
like "$deb" "^$CACHE/${p}_.*_all.deb\$" "getdeb prints the path of the package"
like "$(<"$T/log")" 'downloading' "which it downloaded"
is "$(dpkg-deb -f "$deb" Package)" $p "it is that package"
is "$(find "$CACHE/partial" -type f | wc -l)" 0 "nothing is left in partial/"
is "$("$getdeb" $p 2>&1)" "$deb" "the second time it comes from the cache"
is "$(apt-cache -c "$H/build/apt/apt.conf" show $p | grep -c "$(sha256sum "$deb" |
	cut -d' ' -f1)")" 1 "its sum is the one in the signed index"

echo x >>"$deb"
out=$("$getdeb" $p 2>&1)
like "$out" "${deb##*/} is damaged; dropped, downloading" "a damaged file is named"
run_ok "and replaced" dpkg-deb -f "$deb" Package

version=$(dpkg-deb -f "$deb" Version)
is "$("$getdeb" $p "$version")" "$deb" "an exact version"
is "$("$getdeb" $p "${version%%[.+]*}")" "$deb" "the start of a version"
run_fails "no suite \(.*bookworm.*\) has $p 1; there is: .*${version//+/.}" \
	"a version that does not exist, and those that do" "$getdeb" $p 1
run_fails 'no suite .* has linux-source-9.9; there is: no version' \
	"a package that does not exist" "$getdeb" linux-source-9.9
run_fails "not a package name: '../x'" "no package name" "$getdeb" ../x
run_fails "not a Debian version: '1 2'" "no version" "$getdeb" $p '1 2'

# A download that is cut short: the file is never in the cache.
rm "$deb"
mkdir -p "$CACHE/partial"
head -c 100 /dev/zero >"$CACHE/partial/${deb##*/}"
run_ok "after an interrupted download" "$getdeb" $p
run_ok "the package is whole" dpkg-deb -f "$deb" Package

# Two at a time.
rm "$deb"
"$getdeb" $p >"$T/one" 2>&1 &
"$getdeb" $p >"$T/two" 2>&1
wait
is "$(cat "$T/one" "$T/two" | grep -c '^getdeb: downloading')" 1 \
	"of two at a time one downloads"
is "$(tail -qn1 "$T/one" "$T/two" | sort -u)" "$deb" "and both have it"

# at MIRROR ARGS...: getdeb on a machine whose apt names that mirror only.
# shellcheck disable=SC2317 # run_fails calls it
at() {
	echo "deb $1 bookworm main" >"$T/sources.list"
	cat >"$T/apt.conf" <<-CONF
		Dir::Etc::sourcelist "$T/sources.list";
		Dir::Etc::sourceparts "/dev/null";
	CONF
	shift
	rm -rf "$H/build/apt/lists"
	APT_CONFIG=$T/apt.conf "$getdeb" "$@"
}
offline=http://mirror.invalid/debian
out=$(at $offline $p 2>&1) || true
is "$(tail -1 <<<"$out")" "$deb" "offline, the cached package serves"
echo x >>"$deb"
run_fails "is damaged; dropped.*downloading $p .* failed" \
	"but not when it is damaged" at $offline $p
run_fails 'no package index could be read' "nor is there another" at $offline hello
rm -rf "$H/build/apt"
flock "$BUILD/apt/lock" cp -r "$BUILD/apt" "$H/build/"

# An index that nobody trusted signed.
D=$T/mirror/dists/bookworm/main/binary-amd64
mkdir -p "$D"
printf x >"$T/mirror/hello.deb"
cat >"$D/Packages" <<P
Package: hello
Version: 99
Architecture: all
Filename: hello.deb
Size: 1
SHA256: $(printf x | sha256sum | cut -d' ' -f1)
P
cat >"$T/mirror/dists/bookworm/Release" <<R
Suite: bookworm
SHA256:
 $(sha256sum "$D/Packages" | cut -d' ' -f1) $(stat -c %s "$D/Packages") main/binary-amd64/Packages
R
run_fails 'no package index could be read' "an unsigned index is not used" \
	at "file:$T/mirror" hello
like "$(<"$H/build/apt/update.log")" 'is not signed' "for that reason"
rm -rf "$H/build/apt"
flock "$BUILD/apt/lock" cp -r "$BUILD/apt" "$H/build/"

# A full disk, as df tells.
mkdir "$T/bin"
cat >"$T/bin/df" <<'DF'
#!/bin/sh
echo Filesystem 1M-blocks Used Available Capacity Mounted
echo /dev/full 1000 993 7 99% /
DF
chmod +x "$T/bin/df"
rm -f "$CACHE/$p"*
run_fails "needs [0-9]+ MiB of free space and has 7 MiB" "no room to download" \
	env PATH="$T/bin:$PATH" "$getdeb" $p

# Source trees.
main=$(main_base)
run_fails "not a kernel version: 'six'" "fetch wants a version" "$H/kernel/fetch" six
run_fails 'has linux-source-5.19; there is: no version' "one that some suite has" \
	"$H/kernel/fetch" 5.19
run_fails 'has linux-source-6.1 6.1.2; there is: 6\.1\.' "6.1.2 is not 6.1.2xx" \
	"$H/kernel/fetch" 6.1.2
deb=$("$TOP/kernel/getdeb" "linux-source-$main")
ln "$deb" "$deb.sum" "$CACHE/" 2>/dev/null || cp "$deb" "$deb.sum" "$CACHE/"
run_fails "needs [0-9]+ MiB of free space in $T.*, which has 7 MiB" "no room to unpack" \
	env PATH="$T/bin:$PATH" "$H/kernel/fetch" "$main"
is "$(ls "$H/build/src")" "" "then there is no half tree"
mkdir "$T/mine"
run_fails "$T/mine exists and is not from kernel/fetch" "a directory of mine stays" \
	"$H/kernel/fetch" "$main" "$T/mine"
dest=$("$H/kernel/fetch" "$main" 2>/dev/null)
is "$dest" "$H/build/src/linux-$main" "fetch prints where the source is"
is "$(make -s -C "$dest" kernelversion)" "$(dpkg-deb -f "$deb" Version |
	cut -d- -f1)" "which is the one that the package has"
is "$(cut -d' ' -f1,2 "$dest.version")" "linux-source-$main $(dpkg-deb -f "$deb" Version)" \
	"and says so beside it"
echo mine >"$dest/mark"
is "$("$H/kernel/fetch" "$main" 2>&1)" "$dest" "again, it is there"
run_ok "and was not unpacked anew" test -e "$dest/mark"

# kernel/tree wants the same next, and need not unpack it again.
rm "$dest/mark"
exec 8>"$BUILD/tree-$main.lock"
if flock -n 8 && [ ! -e "$BUILD/linux-$main" ]; then
	rm -rf "$BUILD/linux-$main.src"
	mv "$dest.version" "$BUILD/linux-$main.src.version"
	mv "$dest" "$BUILD/linux-$main.src"
fi

done_testing
