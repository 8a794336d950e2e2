# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Building the sweep. Source it after kernel/lib.sh.

# sweep_build FOLDER KERNEL...: FOLDER/sweep of these kernels; each is one that
# sweep/source takes, or NAME=FOLDER. SWEEP_TARGET=crs makes that instead.
sweep_build() {
	local o=$1 k src kernels=()
	shift
	need sweep
	for k; do
		if [[ $k = *=* ]]; then
			[[ $k =~ ^[A-Za-z0-9.+~-]+=(.+)$ ]] ||
				die "not NAME=FOLDER: '$k'"
			src=$("$TOP/sweep/source" "${BASH_REMATCH[1]}/.") || return
			kernels+=("${k%%=*}=$src")
		else
			src=$("$TOP/sweep/source" "$k") || return
			kernels+=("$k=$src")
		fi
	done
	mkdir -p "$o"
	make -s -C "$TOP/sweep" KERNELS="${kernels[*]}" O="$o" \
		"$o/${SWEEP_TARGET:-sweep}" >"$o/make.log" 2>&1 || {
		tail -n 20 "$o/make.log" >&2
		die "the sweep of ${kernels[*]} cannot be built; see $o/make.log"
	}
}
