#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own MMIO code over the layouts of the host rule. FULL=1: over all
# of them, with all drawn boots.
# shellcheck disable=SC2016 # what is in quotes is for sed
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=sweep/lib.sh
. "$TOP/sweep/lib.sh"
unset LINUX KERNEL KERNELS
BASE=$(main_base)
tmpdir
KERNELS_OURS=("$BASE-nofix" "$BASE" "$BASE-series")
# Boots of drawn layouts, of those that FULL=1 has; of arm64's only FULL=1 has any
AGREE=12 AGREE_FULL=40 AGREE_ARM64=12
SWEEP=$BUILD/sweep/sweep

# What is expected of the series is for sweep/report to know.
start=$SECONDS
rc=0
make -s -C "$TOP" sweep >"$T/table" 2>"$T/log" || rc=$?
is "$rc" 0 "the sweep finds what has to be" || cat "$T/log"
diag "$(grep -E '^[0-9]+ (layouts|ways)' "$T/table")"
diag "in $((SECONDS - start)) s, building it included"
for group in gen1 gen2-x86 gen2-arm64; do
	is "$(grep -cE "^$group +$BASE-series( -> $BASE-series)? +[0-9]+ +100\.000 % +[0-9]+ +0\.000 % .* 0 +[0-9]+$" "$T/table")" \
		4 "$group: the series is free of conflicts, and never worse"
	# On arm64 mainline is, too, and kernels before its fix are not.
	other=$BASE
	[ $group != gen2-arm64 ] || other=$BASE-nofix
	like "$(cat "$T/table")" "$group +$other -> $other +[0-9]+ +[0-9]{1,2}\.[0-9]{3} %" \
		"$group: $other is not"
done
like "$(cat "$T/table")" "gen1-no-high +$BASE-series -> $BASE-series +[0-9]+ +[1-9][0-9]\.[0-9]{3} %" \
	"Generation 1 without high MMIO stands in the table as it is"
# chained WHAT COUNT EREGEX: so many lines of the table of chains are so.
chained() {
	is "$(grep -cE "$3" "$T/table")" "$2" "$1"
}
for group in gen1 gen2-x86 gen2-arm64; do
	chained "$group: chains of the series, of any length, are free of conflicts" 2 \
		"^$group +$BASE-series +[0-9]+ +100\.000 % +[1-9][0-9]* +[1-9][0-9]* +[1-9] +[0-9]+ +0 +0 +0$"
	chained "$group: after any chain the series loses no config window to the framebuffer, and puts that back" 2 \
		"^$group +$BASE-nofix \.\.\. -> $BASE-series .* 0 +[0-9]+ +0$"
done
for group in gen2-x86 gen2-arm64; do
	# On arm64 a lie makes no difference.
	lines=1
	[ $group != gen2-arm64 ] || lines=2
	chained "$group: after a chain of $BASE and the series, the series has no conflict" "$lines" \
		"^$group +$BASE \.\.\. -> $BASE-series +[0-9]+ +100\.000 % .* 0 +0 +0 +0$"
	chained "$group: after a chain with $BASE-nofix, $BASE has some" 2 \
		"^$group +$BASE-nofix \.\.\. -> $BASE +.* [1-9][0-9]* +[1-9][0-9]* +[0-9]+ +[0-9]+$"
done
for group in gen1 gen1-no-high gen2-x86 gen2-arm64; do
	run_ok "the map of $group is XML" python3 -c '
import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.argv[1])' "$BUILD/sweep/out/map-$group.svg"
done
run_ok "an example can be played" make -s run \
	S=build/sweep/out/scenarios/gen2-x86-config-on-framebuffer-mainline.toml
cd "$TOP"
run_ok "the examples are scenarios" env SCENARIOS="$BUILD/sweep/out/scenarios" \
	lab/lab check
is "$(find "$BUILD/sweep/out/scenarios" -name '*.toml' | wc -l)" \
	"$(wc -l <"$BUILD/sweep/out/examples.jsonl")" "... of all examples"
like "$(sed 's/"kernel":"7.3"/"kernel":"9.9"/g' "$BUILD/sweep/out/examples.jsonl" |
	python3 -m sweep.scenario "$T/unknown" 2>&1)" \
	'^sweep.scenario: no scenarios with kernels that cannot be booted: 9.9$' \
	"a kernel that cannot be booted is named"
run_fails "^sweep.scenario: " "half a line" python3 -m sweep.scenario "$T/half" <<<'{"what":"drawn'

# The short cut through taken ranges leads nowhere else.
"$SWEEP" --draw 800 --seed 7 >"$T/short"
run_ok "a sweep without short cuts builds" env CFLAGS=-DNO_SHORTCUT \
	bash -c '. kernel/lib.sh; . sweep/lib.sh; sweep_build "$@"' \
	- "$T/slow" "${KERNELS_OURS[@]}"
"$T/slow/sweep" --draw 800 --seed 7 >"$T/long"
run_ok "without short cuts 800 lives are the same" cmp "$T/short" "$T/long"
faults() {
	jq -r '.first.faults[]?, .second.faults[]?' "$@" | sort -u | paste -sd' '
}
# Where a high window is missing nothing could be had, so that is no example.
is "$(faults "$T/short")" "$(echo '{"first":{"faults":["no-high-window"]}}' |
	faults "$BUILD/sweep/out/examples.jsonl" -)" \
	"each kind of fault that there is is among them"

# What is not as expected is said.
series=$("$TOP/sweep/source" "$BASE-series") base=$("$TOP/sweep/source" "$BASE")
features=$(sweep_features "$BASE-series")

sweep_build "$T/sets" "$BASE-nofix" "$BASE" "$BASE-reservation"
mkdir "$T/sets/out"
run_ok "with set 1 alone nothing overlaps the framebuffer on Gen2" bash -c '
	"$1/sweep" --every 20 --base "$2" "$1/out" >/dev/null 2>&1 &&
	"$3/sweep/report" "$1/out"' - "$T/sets" "$BASE" "$TOP"

# changed WHAT FILE SED-SCRIPT [SOURCE]: the series, or that source, with that change is in
# $T/broken.
changed() {
	local tree=$T/broken from=${4:-$series}
	rm -rf "$tree" "$tree.o"
	cp -r "$from" "$tree"
	sed -i -E "$3" "$tree/$2"
	! cmp -s "$from/$2" "$tree/$2" || {
		not_ok "$1: the source changes" <<<"$3"
		return 1
	}
}

# broken WHAT FILE SED-SCRIPT EREGEX: a source with that change is refused.
broken() {
	local tree=$T/broken
	changed "$1" "$2" "$3" || return 0
	run_fails "$4" "$1" bash -c '. kernel/lib.sh; . sweep/lib.sh; sweep_build "$@"' \
		- "$tree.o" "broken:$features=$tree"
}
vmbus=drivers/hv/vmbus_drv.c hv_pci=drivers/pci/controller/pci-hyperv.c
broken "a function that is gone" $vmbus 's/vmbus_free_mmio/vmbus_release_mmio/' \
	'vmbus_drv.c: there is no vmbus_free_mmio; if it was renamed, edit sweep/cut.spec and sweep/kernel.c'
broken "a function that is there twice" $hv_pci \
	'$a static void hv_free_config_window(struct hv_pcibus_device *hbus)\n{\n}' \
	'hv_free_config_window is there 2 times, in lines'
broken "a member that is gone" $hv_pci 's/resource_size_t low_mmio_space;/u64 low_space;/' \
	'hv_pcibus_device has 0 members low_mmio_space'
broken "a function with one more argument" $hv_pci \
	's/^(static int hv_allocate_config_window\(.*)\)/\1, int how)/' \
	'too few arguments to function .hv_allocate_config_window'
broken "a function of another type" $vmbus \
	's/^void vmbus_free_mmio\(/int vmbus_free_mmio(/' 'vmbus_free_mmio'
broken "something that is defined elsewhere" $vmbus \
	's/^(\tpci_dev_put\(pdev\);)/\1\n\tnew_helper();/' 'new_helper'
broken "a probe that allocates twice" $hv_pci \
	's/^(\tret = hv_allocate_config_window\(hbus\);)/\1\n\1/' \
	'hv_pci_probe calls hv_pci_allocate_bridge_windows 1 times, hv_allocate_config_window 2'

# What a kernel can do is stated, and never inferred from its source.
# cut_fails WHAT FEATURES EREGEX: sweep/cut refuses $T/broken as a kernel with these.
cut_fails() {
	run_fails "$3" "$1" "$TOP/sweep/cut" "$T/broken" "$T/broken.o" "$BASE-series" "$2"
}
while read -r feature file name is; do
	changed "$name" "$file" "s/\\b$name\\b/another_$name/" || continue
	mkdir "$T/broken.o"
	cut_fails "a series that renames $name" "$features" \
		"^cut: $BASE-series: $file: $is, but feature $feature is stated\. If it was renamed, edit sweep/cut\.spec\. .* features in patches/linux-\*/base\.toml"
done <<-END
	devicetree $vmbus vmbus_device_add there is no vmbus_device_add
	always-reserve $vmbus vmbus_choose_fb there is no vmbus_choose_fb
	find-space $vmbus vmbus_claim_mmio there is no vmbus_claim_mmio
	moved-fb $vmbus vmbus_claim_high there is no vmbus_claim_high
	second-window $hv_pci hv_allocate_other_config_window there is no hv_allocate_other_config_window
	second-window $hv_pci hv_pci_send_d0_entry there is no hv_pci_send_d0_entry
	config-at-ioapic $hv_pci HV_IOAPIC_BASE_ADDRESS hv_allocate_config_window does not use HV_IOAPIC_BASE_ADDRESS
END
is "$(sed -nE 's/^feature ([^ ]+) .*/\1/p' "$TOP/sweep/cut.spec" | sort)" \
	"$(tr , '\n' <<<"$features" | sort)" "the series has all features that sweep/cut.spec describes"
rm -rf "$T/broken"
cp -r "$series" "$T/broken"
for feature in ${features//,/ }; do
	left=,$features,
	left=${left/",$feature,"/,}
	cut_fails "a series without $feature, with its source" "$left" \
		"^cut: $BASE-series: .*: (there is|hv_allocate_config_window uses) [A-Za-z_]+, but feature $feature is not stated\."
done
cut_fails "a feature that does not exist" "second-windw" "there is no feature 'second-windw' \(.*second-window.*\)"
rm -rf "$T/broken"
cp -r "$base" "$T/broken"
for feature in ${features//,/ }; do
	[[ ,$(sweep_features "$BASE"), = *",$feature,"* ]] ||
		cut_fails "a kernel without the series that is stated to have $feature" \
			"$(sweep_features "$BASE"),$feature" "but feature $feature is stated\."
done
# The same by base.toml of a copy
mkdir "$T/copy"
cp -r "$TOP/deps" "$TOP/hvhost" "$TOP/kernel" "$TOP/patches" "$TOP/sweep" "$T/copy/"
# shellcheck disable=SC2317 # run_fails calls it
# copied ARGUMENT...: sweep_build of the copy
copied() {
	env TOP="$T/copy" bash -c 'set -e; . "$TOP/kernel/lib.sh"; . "$TOP/sweep/lib.sh"; sweep_build "$@"' - "$@"
}
sed -i 's/"3-windows:find-space"/"1-reservation:find-space"/' "$T/copy/patches/linux-$BASE/base.toml"
run_fails "cut: $BASE-reservation: .*: there is no vmbus_claim_mmio, but feature find-space is stated" \
	"a feature that base.toml states for too early a set" \
	copied "$T/copy.o" "$BASE-reservation=$("$TOP/sweep/source" "$BASE-reservation")"
sed -i 's/"1-reservation:find-space", //' "$T/copy/patches/linux-$BASE/base.toml"
run_fails "cut: $BASE-series: .*: there is vmbus_claim_mmio, but feature find-space is not stated" \
	"a feature that base.toml does not state" copied "$T/copy.o" "$BASE-series=$series"

# Variables that a later version of the series adds
if changed "a variable that is added" $vmbus \
	's/^static struct resource \*fw_fb_mmio;/&\nstatic int boots;/
	s/^\tvmbus_choose_fb\(hyperv_mmio, vga, &fb\);/\tif (boots++)\n\t\treturn;\n&/'; then
	sweep_build "$T/broken.o" "$BASE-nofix" "$BASE" "$BASE-series=$T/broken"
	run_ok "a variable that is added gets its first value again at each boot" \
		cmp <("$T/broken.o/sweep" --draw 100) <("$SWEEP" --draw 100)
fi

# The second try.
run_ok "the config window that replaces a refused one is chosen as documented" \
	"$SWEEP" --second
# no_second WHAT FILE SED-SCRIPT EREGEX: sweep --second finds what is wrong with that.
no_second() {
	changed "$1" "$2" "$3" || return 0
	sweep_build "$T/broken.o" "$BASE-series=$T/broken"
	run_fails "$4" "$1" "$T/broken.o/sweep" --second
}
no_second "a second window next to the refused one" $hv_pci \
	's/refused->end \+ PCI_FB_MAX_SIZE/refused->end + 1/' \
	'not ok .*: up: 128 MiB behind the refused window: try 2 is at 0xe8002000'
no_second "no second window below the refused one" $hv_pci \
	's/refused->start > PCI_FB_MAX_SIZE/false/' 'not ok .*: down: although high MMIO is preferred'
no_second "no second window that is near" $hv_pci \
	's/(&window, hbus->hdev, 0, )-1,/\10,/' 'not ok .*: anywhere'
no_second "a window that is freed before the other is accepted" $hv_pci \
	's/^(\t\trefused\[n\+\+\] = window;)/\1\n\t\tvmbus_free_mmio(window->start, PCI_CONFIG_MMIO_LENGTH);/' 'not ok '
no_second "refused windows that are leaked" $hv_pci \
	's/^\twhile \(n--\)/\twhile (0)/' 'not ok .*: not all is free again'
no_second "a fourth window" $hv_pci \
	's/(PCI_MAX_CONFIG_WINDOWS\t)3/\14/' 'not ok .*: all three are refused: try 4'
no_second "a kernel that does not try again" $hv_pci \
	's/(PCI_MAX_CONFIG_WINDOWS\t)3/\11/' 'not ok .*: try 2 is at 0, not'

# found_out WHAT FILE SED-SCRIPT EREGEX...: the sweep finds what is wrong with that.
found_out() {
	local expected also=''
	changed "$1" "$2" "$3" || return 0
	sweep_build "$T/broken.o" "$BASE-nofix" "$BASE" "$BASE-series=$T/broken"
	mkdir -p "$T/broken.o/out"
	"$T/broken.o/sweep" --every 100 --base "$BASE" "$T/broken.o/out" >/dev/null 2>&1
	for expected in "${@:4}"; do
		run_fails "$expected" "$1$also" "$TOP/sweep/report" "$T/broken.o/out"
		also=", also in chains"
	done
}
found_out "a series that reserves nothing" $vmbus 's/if \(fb\.flags\)/if (false \&\& fb.flags)/' \
	"FAIL: gen2-x86: $BASE-series -> $BASE-series: [0-9]+ ways end in a conflict with the framebuffer" \
	"FAIL: gen2-x86: chains of $BASE-series: [0-9]+ steps reserve too little" \
	"FAIL: gen2-x86: chains of $BASE-series: [0-9]+ steps end in a conflict with the framebuffer .*, as in: .*: (config|bar)-on-framebuffer" \
	"FAIL: gen2-arm64: chains of $BASE-nofix \.\.\. -> $BASE-series: [0-9]+ steps move the framebuffer to where"
found_out "config windows at x86's I/O APIC on arm64" $hv_pci \
	'/^static int hv_allocate_config_window/,/^}/{
		/^#(ifdef|endif)/d
	}' "FAIL: gen2-arm64: .* ways with a config window at x86's I/O APIC"
found_out "devices that are lost to a config window" $hv_pci \
	's/(PCI_MAX_CONFIG_WINDOWS\t)3/\11/' \
	"FAIL: gen2-arm64: $BASE-nofix -> $BASE-series: [0-9]+ ways lose a device to the framebuffer" \
	"FAIL: gen2-arm64: chains of $BASE-nofix \.\.\. -> $BASE-series: [0-9]+ steps lose a device to the framebuffer"
if changed "a set 1 that reserves nothing" $vmbus 's/if \(fb\.flags\)/if (false \&\& fb.flags)/' \
	"$("$TOP/sweep/source" "$BASE-reservation")"; then
	sweep_build "$T/broken.o" "$BASE-nofix" "$BASE" "$BASE-reservation=$T/broken"
	mkdir "$T/broken.o/out"
	"$T/broken.o/sweep" --every 100 --base "$BASE" "$T/broken.o/out" >/dev/null 2>&1
	run_fails "FAIL: gen2-x86: $BASE-reservation -> $BASE-reservation: [0-9]+ ways end in a conflict with the framebuffer" \
		"a set 1 that reserves nothing is found out" "$TOP/sweep/report" "$T/broken.o/out"
fi

# Chains: a search that misses some states
objects=("$BUILD"/sweep/{main,life,show,dims,trace,largest,second,kernels,arm64}.o
	"$BUILD"/sweep/host/{layout,mmio}.o)
for k in "${KERNELS_OURS[@]}"; do
	objects+=("$BUILD/sweep/$k"/{kernel,arm64}.o)
done
mkdir "$T/misses"
# misses WHAT SED-SCRIPT: a chain that is drawn gets to such a state.
misses() {
	sed -E "$2" "$TOP/sweep/chain.c" >"$T/misses/chain.c"
	gcc -std=gnu11 -D_GNU_SOURCE= -O2 -I"$TOP/sweep" -I"$TOP/hvhost" \
		-o "$T/misses/sweep" "$T/misses/chain.c" "${objects[@]}"
	run_fails "sweep: a chain leads elsewhere at its kernel [0-9]+: " "$1" \
		"$T/misses/sweep" --every 100 --base "$BASE" "$T/misses"
}
misses "a search of chains that hands on EFI always" 's/efi = 0; efi < 2/efi = 1; efi < 2/'
misses "a search of chains of two kernels" \
	's/^\tint view, efi;/&\n\n\tif (from->length)\n\t\treturn;/'
misses "a search that takes faults of another place" 's/(step\(on->work, )state\.fb(, k,)/\10\2/'

# Other places for config windows.
for patch in "$TOP"/sweep/placement/*.patch; do
	run_ok "${patch##*/} applies to the series" \
		env GIT_CEILING_DIRECTORIES="${series%/*}" \
		git -C "$series" apply -C1 --check "$patch"
done
run_ok "two placements are compared" env OUT="$T/placement" bash -c \
	'sweep/candidates --every 300 0 c 2>/dev/null >"$1"' - "$T/candidates"
like "$(cat "$T/candidates")" ' 0 +\+0 -0 .* 16/16/8/512/256 ' \
	"with $BASE's placement the largest 32-bit BAR is 16 MiB"
like "$(cat "$T/candidates")" ' c +\+[0-9]+ -[0-9]+ .* 32/32/16/512/256 ' \
	"with the series' it is 32 MiB"

rm -rf "$T/broken"
cp -r "$series" "$T/broken"
rm "$T/broken/kernel/resource.c"
run_fails 'has no kernel/resource.c' "a file that is gone" "$TOP/sweep/cut" \
	"$T/broken" "$T"

run_fails "'x' is not a number from 1 to" "--every x" "$SWEEP" --every x "$T"
run_fails "'0' is not a number from 1 to" "--draw 0" "$SWEEP" --draw 0
run_fails "there is no kernel '9.9'" "--base 9.9" "$SWEEP" --base 9.9 "$T"
run_fails '^usage: ' "no folder" "$SWEEP"
run_fails '^usage: ' "a folder to draw into" "$SWEEP" --draw 3 "$T"
run_fails "/none/pairs.tsv: No such file" "no such folder" "$SWEEP" --every 9999 \
	"$T/none"
run_fails "not a kernel version: '9.x'" "KERNELS=9.x" make -s sweep KERNELS=9.x
run_fails "not NAME=FOLDER or NAME:FEATURE,...=FOLDER: 'a='" "KERNELS=a=" make -s sweep KERNELS=a=
run_fails "no such folder: /none/." "KERNELS=a=/none" make -s sweep KERNELS=a=/none
run_fails "not NAME=FOLDER or NAME:FEATURE,...=FOLDER: 'a:B=/'" "KERNELS=a:B=/" make -s sweep KERNELS=a:B=/
run_fails "FULL is 1 or nothing, not '2'" "FULL=2" make -s sweep FULL=2

# Other trees: with mainline's fix in them, 6.1.176 without, the stable series.
OLD=(6.1.176 6.1 6.12 6.1-series ${FULL:+6.12-series} "$BASE-series")
run_ok "${OLD[*]} build" sweep_build "$T/old" "${OLD[@]}"
mkdir "$T/old/out"
run_ok "and are swept" "$T/old/sweep" --every 40 --base 6.12 "$T/old/out"
# conflicts KERNEL: ways of Generation 2 boots that end in one
conflicts() {
	awk -F '\t' -v k="$1" '$1 == "truth" && $2 == "gen2-x86" && $3 == k &&
		$4 == "-" { print $9 }' "$T/old/out/pairs.tsv"
}
for k in 6.1 6.12; do
	is "$(conflicts $k)" 0 "$k, which has mainline's fix, boots without a conflict"
done
like "$(conflicts 6.1.176)" '^[1-9]' "6.1.176, which has not, does not"
for k in 6.1 6.12; do
	if [[ " ${OLD[*]} " != *" $k-series "* ]]; then
		skip "$k-series after itself has no conflict on Generation 2" "for time; FULL=1 runs it"
		continue
	fi
	# It does not change where the framebuffer of a Generation 1 VM is moved to.
	like "$(awk -F '\t' -v k="$k-series" '$3 == k && $4 == k && $2 ~ /^gen2-/ {
		ways += $8; conflicts += $9 } END { print ways, conflicts }' "$T/old/out/pairs.tsv")" \
		'^[1-9][0-9]* 0$' "$k-series after itself has no conflict on Generation 2"
done

# column NAME: of the steps of the series after chains of all of these, summed up
column() {
	awk -F '\t' -v name="$1" -v last="$BASE-series" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["oldest"] == "6.1.176" && $at["last"] == last { n += $at[name] }
		END { print n + 0 }' "$T/old/out/chains.tsv"
}
like "$(column steps)" '^[1-9]' "there are chains of ${OLD[*]}"
for name in config-on-framebuffer reserves-less strays; do
	is "$(column "$name")" 0 "at their end $BASE-series has none of $name"
done

# Windows that no host would send.
for file in "$TOP"/sweep/crs/*.[ch]; do
	run_ok "checkpatch ${file#"$TOP/"}" perl "$BUILD/linux-$BASE/scripts/checkpatch.pl" \
		--root="$BUILD/linux-$BASE" --no-tree --strict --quiet --show-types \
		--ignore BIT_MACRO,CAMELCASE,PREFER_DEFINED_ATTRIBUTE_MACRO -f "$file"
done
start=$SECONDS
run_ok "the code builds with sanitizers" env SWEEP_TARGET=crs \
	bash -c '. kernel/lib.sh; . sweep/lib.sh; sweep_build "$@"' \
	- "$BUILD/sweep" "${KERNELS_OURS[@]}"
run_ok "a million random lists of windows" "$BUILD/sweep/crs" --count 1000000
run_fails "$BASE, seed 1: .* not all is right|too much is wrong" \
	"$BASE does not come through that" "$BUILD/sweep/crs" --kernel "$BASE" --count 10000
# Draws that depend on the order in which a compiler computes arguments differ between these two.
cat >"$T/draws.c" <<'END'
#include "crs/draw.h"
#include "crs/expect.h"
#include "crs/request.h"

static u64 state(void)
{
	return 0;
}

int main(void)
{
	const struct kernel kernel = { .devicetree = true, .state = state };
	int i, j;

	for (i = 0; i < 2000; i++) {
		struct list l = { .kernel = &kernel };

		draw_list(&l, 1, i);
		list_show(&l, stdout);
		expect_boot(&l);
		for (j = 0; j < 4; j++) {
			struct request q = request_make(&l);

			printf("; %s", list_request(&q).text);
		}
		printf("\n");
	}
	return 0;
}
END
for cc in gcc clang; do
	run_ok "what draws lists builds with $cc" "$cc" -std=gnu11 -D_GNU_SOURCE= -O2 -Isweep -Ihvhost \
		-o "$T/draws-$cc" "$T/draws.c" sweep/crs/{draw,expect,list,place,range,request}.c
	"$T/draws-$cc" >"$T/draws-$cc.out"
done
is "$(wc -l <"$T/draws-gcc.out")" 2000 "it draws 2000 lists and requests"
run_ok "a seed and an index draw the same whatever the compiler" \
	cmp "$T/draws-gcc.out" "$T/draws-clang.out"
diag "in $((SECONDS - start)) s"

# Layouts drawn by a fixed seed, booted.
# agreed COUNT: a test for each.
agreed() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${line#ok }" ;;
		"not ok "*) not_ok "${line#not ok }" </dev/null ;;
		"skip "*) skip "${line#skip }" "see there" ;;
		*) diag "$line" ;;
		esac
	done < <(python3 -m sweep.agree --count "$1" 2>&1 || echo "not ok sweep.agree: exit $?")
}
count=$AGREE
[ -z "${FULL:-}" ] || count=$AGREE_FULL
start=$SECONDS
agreed "$count"
for ((i = count; i < AGREE_FULL; i++)); do
	skip "drawn layout $((i + 1)), booted" "for time; FULL=1 runs it, as does python3 -m sweep.agree"
done
if [ -n "${FULL:-}" ]; then
	ARCH=arm64 agreed "$AGREE_ARM64"
else
	skip "$AGREE_ARM64 drawn layouts of arm64, booted" \
		"for time; FULL=1 runs it, as does ARCH=arm64 python3 -m sweep.agree"
fi
diag "in $((SECONDS - start)) s"
done_testing
