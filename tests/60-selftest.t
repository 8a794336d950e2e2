#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The series' selftest (tools/testing/selftests/hyperv) against fake guests: what it
# reports for good and bad ones, and that no input makes it crash. It reads /proc/iomem
# and /sys, so it runs in a mount namespace in which both are replaced.
#
# SELFTEST_TREE: a kernel tree whose selftest is to be tested instead of the series'.
# shellcheck disable=SC2317 # the functions are called by run_ok
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

tree=${SELFTEST_TREE:-$BUILD/linux-$BASE}
[ -d "$tree" ] || "$TOP/kernel/tree" >&2
src=$tree/tools/testing/selftests/hyperv
[ -d "$src" ] || plan skip_all "no tools/testing/selftests/hyperv in $tree"
if [ "${1:-}" != --inside ]; then
	unshare -rm true 2>/dev/null ||
		plan skip_all "cannot create a mount namespace (unshare -rm)"
	exec unshare -rm "$0" --inside
fi
tmpdir
# The guest: proc/iomem and sys. The latter is /sys, and the former is copied to what
# is /proc/iomem.
R=$T/root
mkdir -p "$R/sys"
: >"$T/iomem"
mount --bind "$R/sys" /sys
mount --bind "$T/iomem" /proc/iomem

# build DIR FLAGS: as a kernel developer would, but not into the tree.
build() {
	mkdir -p "$T/$1"
	make -C "$src" OUTPUT="$T/$1" USERCFLAGS="$2"
}

stage "build"
run_ok "builds without a warning" build plain -Werror
run_ok "builds with sanitizers" build asan \
	"-g -fsanitize=address,undefined -fno-sanitize-recover=all"
if ! [ -x "$T/plain/hyperv_mmio" ] || ! [ -x "$T/asan/hyperv_mmio" ]; then
	done_testing
fi
run_ok "the selftests' Makefile lists it" \
	grep -qx 'TARGETS += hyperv' "$src/../Makefile"
is "$(grep -c -e getenv -e kmsg -e syslog -e uname "$src/hyperv_mmio.c")" 0 \
	"uses neither the environment nor the kernel log nor the kernel's version"

NET=00155d01-0203-0015-5d01-020300155d01
VIDEO=5620e0c7-8062-4dce-aeb7-520c7ef76171
PCI=bb8c4f33-2ba2-4808-9f7f-02f3b4da22fe
PCI2=00000002-7870-47b5-b203-907d12ca697e

# device GUID CLASS: a VMBus device.
device() {
	mkdir -p "$R/sys/bus/vmbus/devices/$1"
	echo "{$2}" >"$R/sys/bus/vmbus/devices/$1/class_id"
}

# pci_device GUID: a PCI pass-through device that works.
pci_device() {
	device "$1" 44c4f61d-4444-4400-9d52-802e27ede19f
	mkdir -p "$R/sys/bus/vmbus/drivers/hv_pci" \
		"$R/sys/bus/vmbus/devices/$1/pci${1:0:4}:00/${1:0:4}:00:00.0"
	ln -s ../../drivers/hv_pci "$R/sys/bus/vmbus/devices/$1/driver"
}

# pci_function ADDRESS VENDOR DEVICE BAR0: what PCI finds on a bus.
pci_function() {
	local dir=$R/sys/bus/pci/devices/$1
	mkdir -p "$dir"
	echo "0x$2" >"$dir/vendor"
	echo "0x$3" >"$dir/device"
	printf '%s\n' "$4" "0x0000000000000000 0x0000000000000000 0x0000000000000000" >"$dir/resource"
}

# iomem: lines of /proc/iomem on stdin, added at its end.
iomem() {
	cat >>"$R/proc/iomem"
}

# guest 1|2: a good guest of that generation in $R: the default layout, a network
# device, the framebuffer, two PCI pass-through devices.
guest() {
	rm -rf "$R/proc" "$R"/sys/*
	mkdir -p "$R/proc" "$R/sys/firmware/acpi" "$R/sys/bus/pci/devices"
	device "$NET" f8615163-df3e-46c5-913f-f2d2f965ed0e
	device "$VIDEO" da0a7802-e377-4aac-8e77-0558eb1073f8
	pci_device "$PCI"
	pci_device "$PCI2"
	pci_function bb8c:00:00.0 1414 b111 "0x0000000fe0000000 0x0000000fe0003fff 0x0000000000140204"
	iomem <<-EOF
		00001000-0009ffff : System RAM
		00100000-3fffffff : System RAM
		  01000000-01ffffff : Kernel code
	EOF
	case $1 in
	1)
		pci_function 0000:00:00.0 8086 7192 "0x0000000000000000 0x0000000000000000 0x0000000000000000"
		pci_function 0000:00:08.0 1414 5353 "0x00000000f8000000 0x00000000fbffffff 0x0000000000040200"
		iomem <<-EOF
			f8000000-fffbffff : PCI Bus 0000:00
			  f8000000-fbffffff : 0000:00:08.0
			    f8000000-f87fffff : $VIDEO
			  fec00000-fec003ff : IOAPIC 0
		EOF
		;;
	2)
		iomem <<-EOF
			f8000000-fbffffff : Hyper-V framebuffer
			  f8000000-f82fffff : BOOTFB
			  f8000000-f87fffff : $VIDEO
		EOF
		;;
	esac
	iomem <<-EOF
		fec01000-fec02fff : $PCI
		fec03000-fec04fff : $PCI2
		fe0000000-fe00fffff : $PCI
		  fe0000000-fe0003fff : bb8c:00:00.0
		    fe0000000-fe0003fff : nvme
	EOF
}

# edit SED: of /proc/iomem.
edit() {
	sed -i "$1" "$R/proc/iomem"
}

# run COMMAND...: output in $T/out, status in $rc.
run() {
	rc=0
	cat "$R/proc/iomem" >"$T/iomem"
	timeout 60 "$@" >"$T/out" 2>&1 || rc=$?
}

# mounted SCRIPT: the selftest, after that was run in another mount namespace.
mounted() {
	run unshare -m bash -c "set -e; ${1:-:}; exec \"\$0\"" "$T/plain/hyperv_mmio"
}

# ktap: $T/out as lines "TEST ok|skip|fail TEXT". Fails, with a reason, unless
# the plan and every result are there, in order, and the exit status fits. The
# text of a failure is what was printed since the result before.
ktap() {
	awk -v rc="$rc" '
	function bad(why) { print "not KTAP: " why; broken = 1; exit 1 }
	/^(TAP|KTAP) version [0-9]+$/ { version++ }
	/^1\.\.[0-9]+$/ { if (plan) bad("two plans"); plan = substr($0, 4) + 0 }
	/^(not )?ok / {
		verdict = "ok"
		if ($1 == "not") { verdict = "fail"; sub(/^not /, "") }
		if ($2 != ++seen) bad("result " $2 " where " seen " belongs")
		name = $3
		sub(/^global\./, "", name)
		if (match($0, / # SKIP /)) {
			if (verdict == "fail") bad("a skip that failed")
			verdict = "skip"
			text = substr($0, RSTART + 8)
		}
		failed += verdict == "fail"
		print name, verdict, text
		text = ""
		next
	}
	/^#/ { text = text " " $0 }
	/terminated (by|unexpectedly)|Sanitizer|runtime error/ { bad($0) }
	END {
		if (broken) exit 1
		if (version != 1) bad("no version line")
		if (!plan || plan != seen) bad(seen + 0 " results of " plan + 0)
		if (rc != (failed > 0)) bad("exit status " rc ", " failed + 0 " failed")
	}' "$T/out"
}

WELL=input_is_well_formed EXISTS=reservation_exists VALID=reservation_is_valid
FB=framebuffer_is_in_reservation AVOIDS=pci_avoids_reservation PRESENT=pci_devices_are_present
ALL="$WELL $EXISTS $VALID $FB $AVOIDS $PRESENT"

# judge BUILD [TEST ok|skip|fail REGEX]...: those are the results in that guest, REGEX
# matches the reason; all other tests pass.
judge() {
	local build=$1 name names regex got text
	local -A want=() why=()
	for name in $ALL; do
		want[$name]=ok
	done
	shift
	while [ $# -gt 0 ]; do
		want[$1]=$2 why[$1]=$3
		shift 3
	done
	run "$T/$build/hyperv_mmio"
	if ! ktap >"$T/verdicts"; then
		tail -n 1 "$T/verdicts"
		return 1
	fi
	names=$(cut -d' ' -f1 "$T/verdicts" | paste -sd' ')
	if [ "$names" != "$ALL" ]; then
		echo "the tests are $names"
		return 1
	fi
	while read -r name got text; do
		regex=${why[$name]:-}
		if [ "$got" != "${want[$name]}" ]; then
			echo "$name: $got $text; want ${want[$name]}"
			return 1
		elif ! [[ $text =~ $regex ]]; then
			echo "$name: $got, but says: $text; want: $regex"
			return 1
		fi
	done <"$T/verdicts"
}

# no_run REGEX [SCRIPT]: the selftest runs no test, gives that reason, and exits with 4.
# SCRIPT: as for mounted.
no_run() {
	mounted "${2:-}"
	[ "$rc" = 4 ] && [ "$(<"$T/out")" = "TAP version 13"$'\n'"$(tail -n 1 "$T/out")" ] &&
		[[ $(tail -n 1 "$T/out") =~ ^1\.\.0\ #\ SKIP\ $1 ]] && return
	echo "exit $rc: $(<"$T/out")"
	return 1
}

# reports DESC [TEST ok|skip|fail REGEX]...: judge's, as a test.
reports() {
	local desc=$1
	shift
	run_ok "$desc" judge plain "$@"
}

GEN1=("$FB" skip "Generation 1")
NO_RESERVATION=("$VALID" skip "no reservation" "$FB" skip "no reservation"
	"$AVOIDS" skip "no reservation")
NO_ENTRY="no .Hyper-V framebuffer. in /proc/iomem: .*or this kernel does not show"

stage "good guests"
guest 2
reports "Gen2: all passes"
sed -i /BOOTFB/d "$R/proc/iomem"
reports "Gen2, firmware's framebuffer not in /proc/iomem"
guest 2
edit 's/f8000000-fbffffff : Hyper/40000000-47ffffff : Hyper/; s/f8000000-f8\([27]\)/40000000-40\1/'
reports "Gen2, 3 GiB of low MMIO"
guest 2
edit 's/f8000000-fbffffff : Hyper/fe000000-fe7fffff : Hyper/; s/f8000000-f8\([27]\)/fe000000-fe\1/'
reports "Gen2, 8 MiB reserved"
guest 2
edit 's/f8000000-fbffffff : Hyper/f7d40000-fed3ffff : Hyper/; /: fec/d; /^fec0/d'
reports "Gen2, a reservation that ends at the vTPM hole"
guest 2
iomem <<<"f7ffe000-f7ffffff : $PCI"
iomem <<<"fc000000-fc001fff : $PCI"
reports "Gen2, PCI windows right below and above the reservation"
guest 2
pci_function 0001:00:00.0 8086 5353 "0x0000000fe0000000 0x0000000fe000ffff 0x0000000000140204"
reports "Gen2, another vendor's device 5353"
guest 2
edit "/$VIDEO/d"
reports "Gen2, no framebuffer driver" "$FB" skip "no driver has allocated the framebuffer"
guest 2
edit "/$PCI/d; /$PCI2/d"
rm -r "$R"/sys/bus/vmbus/devices/{"$PCI","$PCI2"} "$R/sys/bus/vmbus/drivers/hv_pci"
reports "Gen2, no PCI device" "$AVOIDS" skip "no PCI .* has an MMIO window" \
	"$PRESENT" skip "no PCI pass-through device"
rm -r "$R/sys/bus/vmbus/devices/$VIDEO"
edit "/$VIDEO/d"
reports "Gen2, no device but a reservation" "$FB" skip . "$AVOIDS" skip . "$PRESENT" skip .
guest 2
edit '/Hyper-V framebuffer/d'
rm -r "$R/sys/firmware/acpi"
reports "devicetree, nothing reserved" "$EXISTS" skip "without ACPI" "${NO_RESERVATION[@]}"
guest 1
reports "Gen1: all passes" "${GEN1[@]}"
guest 1
edit "s/f8000000-f87fffff : $VIDEO/fe8000000-fefffffff : $VIDEO/"
reports "Gen1, a framebuffer that was moved" "${GEN1[@]}"
guest 1
edit 's/f8000000-fffbffff : PCI/c0000000-fffbffff : PCI/'
iomem <<<"  c0000000-c0001fff : $PCI"
reports "Gen1, a PCI window below the VGA BAR" "${GEN1[@]}"
guest 1
pci_function 0000:00:08.0 1414 5353 "0x00000000f8000000 0x00000000f80fffff 0x0000000000040200"
reports "Gen1, a VGA BAR of 1 MiB" "${GEN1[@]}"
guest 1
pci_function 0000:00:08.0 1414 5353 "0x00000000e0000000 0x00000000efffffff 0x0000000000040200"
reports "Gen1, a VGA BAR of 256 MiB" "${GEN1[@]}"
guest 1
pci_function 0000:00:08.0 1414 5353 "0x0000000000000000 0x0000000003ffffff 0x0000000020040200"
reports "Gen1, a VGA BAR without an address" "$EXISTS" skip "BAR 0 .* no address" \
	"${GEN1[@]}" "$VALID" skip "no reservation" "$AVOIDS" skip "no reservation"
# linux-hyperv 2026-04-28, Dexuan Cui: 7680x4320, so hyperv_drm has moved the framebuffer.
# The PCI device is made up.
guest 1
cat >"$R/proc/iomem" <<EOF
f8000000-fffbffff : PCI Bus 0000:00
  f8000000-fbffffff : 0000:00:08.0
  fc000000-fc001fff : $PCI
  fec00000-fec003ff : IOAPIC 0
fee00000-fee00fff : Local APIC
fffc0000-ffffffff : PNP0C01:00
fe0000000-fffffffff : PCI Bus 0000:00
  fe0000000-fe7ffffff : $VIDEO
  fe8000000-fe80fffff : $PCI
EOF
reports "Gen1, linux-hyperv 2026-04-28" "${GEN1[@]}"

stage "bad guests"
guest 2
edit '/Hyper-V framebuffer/d'
reports "Gen2, no entry" "$EXISTS" fail "$NO_ENTRY" "${NO_RESERVATION[@]}"
rm -r "$R/sys/bus/vmbus/devices/$VIDEO"
reports "Gen2, no entry, no video" "$EXISTS" fail "$NO_ENTRY" "${NO_RESERVATION[@]}"
guest 2
edit '/Hyper-V framebuffer/d'
rm -r "$R"/sys/bus/vmbus/devices/{"$PCI","$PCI2"}
reports "Gen2, no entry, no PCI" "$EXISTS" fail "$NO_ENTRY" "${NO_RESERVATION[@]}" \
	"$PRESENT" skip .
# reserved RANGE REGEX [TEST ok|skip|fail REGEX]...: a Gen2 VM with that reservation.
reserved() {
	local range=$1 regex=$2
	shift 2
	guest 2
	edit "s/.* : Hyper-V/$range : Hyper-V/; /$VIDEO/d"
	reports "Gen2, $range reserved" "$FB" skip . "$VALID" fail "$regex" "$@"
}
reserved f8000000-fed40000 '\[mem 0xf8000000-0xfed40000\] is not between 1 MiB and 0xfed40000' \
	"$AVOIDS" fail .
reserved fed40000-ff53ffff "is not between"
reserved 1fe0000000-1fe7ffffff "is not between"
reserved 000fffff-008ffffe "is not between"
reserved f8000000-f87ffffe "is 8191 KiB, not 8 to 128 MiB"
reserved f0000000-f8000000 "is 131072 KiB, not 8 to 128 MiB"
guest 1
pci_function 0000:00:08.0 1414 5353 "0x00000000fc000000 0x00000000ffffffff 0x0000000000040200"
reports "Gen1, a VGA BAR in the vTPM hole" "$VALID" fail "is not between" \
	"$AVOIDS" fail . "${GEN1[@]}"

# moved RANGE: a Gen2 VM with the framebuffer there.
moved() {
	guest 2
	edit "s/.* : $VIDEO/$1 : $VIDEO/"
	reports "Gen2, the framebuffer at $1" "$FB" fail \
		"0x${1/-/-0x}\] of $VIDEO is not inside \[mem 0xf8000000-0xfbffffff\]"
}
moved fbffffff-fc000000
moved f7ffffff-f87fffff
moved fe0200000-fe09fffff

# in_the_way RANGE: a PCI window there, in either generation.
in_the_way() {
	local regex="0x${1/-/-0x}\] of $PCI2 overlaps the reservation \[mem 0xf8000000-0xfbffffff\]"
	guest 2
	iomem <<<"$1 : $PCI2"
	reports "Gen2, a PCI window at $1" "$AVOIDS" fail "$regex"
	guest 1
	iomem <<<"    $1 : $PCI2"
	reports "Gen1, a PCI window at $1" "$AVOIDS" fail "$regex" "${GEN1[@]}"
}
in_the_way f8000000-f8001fff
in_the_way f8800000-f8801fff
in_the_way fbffffff-fbffffff
in_the_way f7ffffff-f8000000
in_the_way f0000000-fdffffff

# linux-hyperv 2022-08-27, Vitaly Kuznetsov: the config window of a VF in the VGA BAR
guest 1
cat >"$R/proc/iomem" <<EOF
f8000000-fffbffff : PCI Bus 0000:00
  f8000000-fbffffff : 0000:00:08.0
    f8000000-f8001fff : $PCI
  fec00000-fec003ff : IOAPIC 0
fe0000000-fffffffff : PCI Bus 0000:00
  fe0000000-fe07fffff : $PCI
    fe0000000-fe07fffff : 2ba2:00:02.0
      fe0000000-fe07fffff : mlx4_core
EOF
reports "Gen1, linux-hyperv 2022-08-27" "$AVOIDS" fail "0xf8000000-0xf8001fff\] of $PCI" \
	"${GEN1[@]}"

guest 2
rm -r "$R/sys/bus/vmbus/devices/$PCI2/"{driver,pci*}
reports "a PCI device without a driver" "$PRESENT" fail "$PCI2 has no driver: unbound, refused by the host"
ln -s ../../drivers/uio_hv_generic "$R/sys/bus/vmbus/devices/$PCI2/driver"
mkdir "$R/sys/bus/vmbus/drivers/uio_hv_generic"
reports "a PCI device with another driver"
rm -r "$R/sys/bus/vmbus/devices/$PCI2/driver" "$R/sys/bus/vmbus/drivers/hv_pci"
reports "no pci-hyperv" "$PRESENT" skip "pci-hyperv is not loaded"
guest 2
rm -r "$R/sys/bus/vmbus/devices/$PCI/pci"*/*
reports "a bus without a device" "$PRESENT" fail "$PCI is bound to hv_pci, but has no PCI device"
guest 2
rm -r "$R/sys/bus/vmbus/devices/$PCI/pci"*/* "$R/sys/bus/vmbus/devices/$PCI2/"{driver,pci*}
{ sleep 1; rm -r "$R/sys/bus/vmbus/devices/"{"$PCI","$PCI2"}; } &
reports "PCI devices that the host removes while the test waits"
wait

stage "nothing to check"
guest 2
rm -r "$R/sys/bus/vmbus"
run_ok "not Hyper-V: exit 4" no_run "not a Hyper-V guest"
guest 2
edit 's/[0-9a-f]*-[0-9a-f]* /00000000-00000000 /'
run_ok "hidden addresses: exit 4" no_run "/proc/iomem shows no addresses: run this as root"
run_ok "addresses that this kernel hides: exit 4" no_run "/proc/iomem shows no addresses" \
	"umount /proc/iomem"
: >"$R/proc/iomem"
run_ok "an empty /proc/iomem: exit 4" no_run "/proc/iomem shows no addresses"
run_ok "no /proc/iomem: exit 4" no_run "/proc/iomem shows no addresses" \
	"mount -t tmpfs tmpfs /proc"
guest 2
rm -r "$R"/sys/bus/vmbus/devices/{"$VIDEO","$PCI","$PCI2"}
edit '/Hyper-V framebuffer/d'
run_ok "no device that uses MMIO: exit 4" no_run "no VMBus device uses MMIO"
rm -r "$R/sys/bus/vmbus/devices/$NET"
run_ok "no VMBus device at all: exit 4" no_run "no VMBus device uses MMIO"

stage "bad input"
# Lines that are not from /proc/iomem, one at a time, before good ones
while IFS= read -r bad; do
	guest 2
	{ printf '%b\n' "$bad"; cat "$R/proc/iomem"; } >"$T/new"
	mv "$T/new" "$R/proc/iomem"
	text=$(printf '%b\n' "$bad" | tr -d '\0' | tr '[]' ..)
	[[ $bad != *\\* ]] || text=
	run_ok "reported: '$bad'" judge asan "$WELL" fail "cannot parse .$text"
done <<-'BAD'

	x
	:
	f8000000
	f8000000-
	f8000000 : a
	f8000000-f8001fff
	f8000000-f8001fff a
	f8000000- : a
	-f8000000-f8001fff : a
	f8001fff-f8000000 : a
	g8000000-f8001fff : a
	f8000000-g8001fff : a
	10000000000000000-f : a
	f8000000-f8001fff\0000 : a
	\0000
	\0377\0376 : a
	\0033[2J\0033]0;ok 7 - all is well\0007
BAD
guest 2
printf 'f9000000-f8ffffff : one\nf9000000-f8ffffff : two\n' | iomem
iomem <<<"f8800000-f8801fff : $PCI"
run_ok "the first malformed line is reported, and reading goes on" judge asan \
	"$WELL" fail 'cannot parse .f9000000-f8ffffff : one' "$AVOIDS" fail 0xf8800000
guest 2
echo "not a range" >"$R/proc/iomem"
run_ok "nothing but a malformed line" judge asan "$WELL" fail "cannot parse .not a range" \
	"$EXISTS" fail "$NO_ENTRY" "${NO_RESERVATION[@]}"
for bad in "" "0x" "x y z" "0x00000000fbffffff 0x00000000f8000000 0x0000000000040200"; do
	guest 1
	pci_function 0000:00:08.0 1414 5353 "$bad"
	run "$T/asan/hyperv_mmio"
	like "$(ktap 2>&1 | grep "^$WELL ")" "fail .*cannot parse .$bad" "reported: a BAR of '$bad'"
done

guest 2
{
	printf 'f0000000-f0000fff : %0500000d\n' 0
	printf '%100000sf0000000-f0000fff : deep\n' ''
	for ((i = 0; i < 5000; i++)); do
		printf 'fe%07x-fe%07x : %s\n' $((i * 8192)) $((i * 8192 + 8191)) "$PCI"
	done
	printf 'f8800000-f8801fff : ../devices/%s\n' "$PCI" "${PCI:0:35}" "${PCI^^}"
} | iomem
edit '/\.\.\/devices.*fe$/d'
run_ok "long lines and 5001 windows" judge asan
iomem <<<"f8800000-f8801fff : $PCI"
run_ok "the last of 5002 windows counts" judge asan "$AVOIDS" fail 0xf8800000

# Guests with bytes changed, dropped and cut off, the same ones in each run: all results
# or none, and no sanitizer reports anything.
fuzz() {
	local seed files
	for ((seed = 1; seed <= 50; seed++)); do
		guest "$1"
		mapfile -t files < <(find "$R/sys/bus" -type f)
		SEED=$seed perl -0777 -pi -e '
			BEGIN { srand($ENV{SEED}) }
			for my $n (1 .. 1 + rand 12) {
				my $at = rand length;
				my $what = int rand 4;
				substr($_, $at, 1) = chr rand 256 if $what == 0;
				substr($_, $at, rand 9) = "" if $what == 1;
				substr($_, $at, 0) = substr($_, rand length, rand 40)
					if $what == 2;
				substr($_, $at) = "" if $what == 3 && rand() < .2;
			}' "$R/proc/iomem" "${files[@]}"
		run "$T/asan/hyperv_mmio"
		[ "$rc" != 4 ] || ! grep -q '^1\.\.0 # SKIP' "$T/out" || continue
		ktap >"$T/verdicts" && continue
		echo "seed $seed: $(tail -n 1 "$T/verdicts")"
		return 1
	done
}
for gen in 1 2; do
	run_ok "50 damaged Gen$gen guests" fuzz "$gen"
done

# On this machine, whatever it is: results, or exit 4 with a reason.
mounted "umount /proc/iomem /sys"
if [ "$rc" = 4 ]; then
	like "$(<"$T/out")" "1\.\.0 # SKIP (not a Hyper-V guest|/proc/iomem shows|no VMBus)" \
		"answers on the running system"
else
	run_ok "answers on the running system" ktap
fi
done_testing
