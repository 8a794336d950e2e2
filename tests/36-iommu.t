#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Linux 7.4 adds a registry of vPCI buses, which changes hv_pci_probe() and
# hv_pci_remove(). The patches of 7.3 and that change meet in one place, whichever comes
# first: in hv_pci_remove(), as 2-fixes' cover letter says. tests/data/iommu.patch stands in
# for that change; IOMMU=FILE tests the real one. Works on a temporary index and writes no
# kernel source.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
"$TOP/kernel/tree" || not_ok "kernel/tree makes the tree"
MAIN=$TOP/build/linux-$(main_base)
unset LINUX BASE
home a
IOMMU=${IOMMU:-$TOP/tests/data/iommu.patch}
export GIT_INDEX_FILE=$T/index

k() {
	git -C "$L" "$@"
}

mapfile -t patches < <(find "$P" -name '[0-9]*.patch' ! -name '0000-*' | sort)
run_ok "there are patches to apply" test "${#patches[@]}" -gt 0
IOMMU=$(realpath "$IOMMU")

# state FILE...: COMMIT is the base with these patches.
state() {
	local f
	k read-tree base
	for f; do
		run_ok "${f##*/} applies" k apply --cached "$f"
	done
	COMMIT=$(k -c user.name=a -c user.email=a@localhost commit-tree -p base -m a \
		"$(k write-tree)")
}
# merge FIRST SECOND: SECOND onto FIRST; what git leaves of pci-hyperv.c is in $T/merged.
merge() {
	local out rc=0
	out=$(k merge-tree --write-tree --name-only "$1" "$2") || rc=$?
	is "$rc" 1 "there is something to resolve"
	is "$(sed -n '2,/^$/p' <<<"$out" | paste -sd' ')" "$file " "in pci-hyperv.c alone"
	k show "$(head -n 1 <<<"$out"):$file" >"$T/merged"
	is "$(grep -c '^<<<<<<<' "$T/merged")" 1 "it is one conflict"
	is "$(awk '/^[a-z].*\(/ { name = $0 } /^<<<<<<</ { print name }' "$T/merged")" \
		"static void hv_pci_remove(struct hv_device *hdev)" "in hv_pci_remove()"
}
file=drivers/pci/controller/pci-hyperv.c

stage "each alone"
state "${patches[@]}"
ours=$COMMIT
state "$IOMMU"
theirs=$COMMIT
stage "patches first"
merge "$ours" "$theirs"
# The call that their side has in the block that ours makes unconditional
call=$(sed -n '/^=======$/,/^>>>>>>>/p' "$T/merged" | grep -E '(_del|_unregister_pci_bus)\(dom\);') || call=
like "$call" . "their side drops the registry entry in that block"
like "$(sed -n '/^=======$/,/^>>>>>>>/p' "$T/merged" | tr -d '\n')" \
	"pci_unlock_rescan_remove\\(\\);\\s*$(sed 's/[()]/\\&/g; s/^\s*//' <<<"$call")" \
	"right behind the removal of the root bus"
like "$(sed -n '/^<<<<<<</,/^=======$/p' "$T/merged")" 'pci_unlock_rescan_remove\(\);'$'\n=======$' \
	"which is where our side ends"
stage "patches second"
merge "$theirs" "$ours"
done_testing
