#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Linux 7.4 adds a registry of vPCI buses, which changes hv_pci_probe() and
# hv_pci_remove(). The patches of 7.3 must apply before it and after it, with
# the same result. tests/data/iommu.patch stands in for that change; IOMMU=FILE tests
# the real one. Works on a temporary index and writes no kernel source.
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

# apply FILE: to the index, without fuzz. If that fails, as a three-way merge.
# shellcheck disable=SC2317 # run_ok calls it
apply() {
	k apply --cached "$1" || k apply --cached --3way "$1"
}
# all FILE...: apply them to the base in this order; TREE is the result.
all() {
	local f
	k read-tree base
	for f; do
		run_ok "${f##*/} applies" apply "$f"
	done
	run_ok "nothing is left to resolve" test -z "$(k ls-files --unmerged)"
	TREE=$(k write-tree 2>/dev/null) || TREE=unmerged
}

stage "patches first"
all "${patches[@]}" "$IOMMU"
first=$TREE
stage "patches second"
all "$IOMMU" "${patches[@]}"
is "$TREE" "$first" "the order does not matter"

# The registry entry must be removed whenever the root bus is.
removed=$(k show "$TREE:drivers/pci/controller/pci-hyperv.c" 2>/dev/null |
	sed -n '/^static void hv_pci_remove/,/^}/p') || removed=
like "$removed" 'pci_remove_root_bus\(.*(_del|_unregister_pci_bus)\(dom\);.*hv_pci_bus_exit\(' \
	"hv_pci_remove() drops the registry entry after the root bus"
done_testing
