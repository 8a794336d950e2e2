#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The main job: nest/demo, from source to booted guests. Its exit status is one
# thing; what it found, in build/demo/result.tsv, is judged here once more.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

result=$BUILD/demo/result.tsv
rm -f "$result"
tmpdir
rc=0
"$TOP/nest/demo" >"$T/table" 2> >(tee "$T/progress" >&2) || rc=$?
is "$rc" 0 "demo exits 0"
if ! [ -e "$result" ]; then
	tail -n 5 "$T/progress" | not_ok "demo leaves $result"
	done_testing
fi
accel=$("$TOP/nest/probe" 2>/dev/null)
is "$(sed 1d "$result" | wc -l)" "$([ "$accel" = kvm ] && echo 6 || echo 3)" \
	"a line a guest"

# The windows of nest/windows.asl; the low one up to the vTPM hole.
low=f8000000-fed3ffff high=fe0000000-fffffffff

# guest KERNEL FIRMWARE RESERVATION: what that line of the result must say.
guest() {
	local line what="$1, $2"
	if [ "$2 $accel" = "efi tcg" ]; then
		skip "$what" "OVMF needs hardware KVM"
		return
	fi
	line=$(grep -P "^\Q$1\E\t$2\t" "$result") || true
	IFS=$'\t' read -r _ _ hypervisor vmbus lo hi fb printed test good <<<"$line"
	is "$hypervisor" "Microsoft Hyper-V" "$what: detects Hyper-V"
	like "$vmbus" '^[0-9]+\.[0-9]+$' "$what: negotiates a VMBus version"
	is "$lo $hi" "$low $high" "$what: takes the windows as the host gives them"
	is "$fb" "$3" "$what: its reservation"
	is "$good" yes "$what: demo thinks so too"
	case $1 in
	*-nofix) is "$printed" silent "$what: says nothing of it" ;;
	*-series)
		is "$printed" "$fb" "$what: says what it has"
		like "$test" '^pass ' "$what: the selftest passes" ;;
	*) like "$test" '^(pass|skip|FAIL) ' "$what: the selftest runs" ;;
	esac
	like "$(cat "$T/table")" "$1 +$([ "$2" = efi ] && echo EFI || echo no EFI)" "$what: is in the table"
}
half=f8000000-fbffffff
guest "$BASE-nofix" efi none
guest "$BASE-nofix" noefi none
guest "$BASE" efi $half
guest "$BASE" noefi none
guest "$BASE-series" efi $half
guest "$BASE-series" noefi $half

done_testing
