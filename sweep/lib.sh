# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Building the sweep. Source it after kernel/lib.sh.

# sweep_name KERNEL: what tables call a kernel that sweep_build takes.
sweep_name() {
	local name=${1%%=*}
	echo "${name%%:*}"
}

# sweep_features KERNEL: the features of sweep/cut.spec that are stated for it, with commas
# between them.
sweep_features() {
	local name=${1%%=*}
	if [[ $name = *:* ]]; then
		echo "${name#*:}"
	else
		kernel_features "$name" | paste -sd,
	fi
}

# sweep_build FOLDER KERNEL...: FOLDER/sweep of these kernels; each is one that
# sweep/source takes, NAME=FOLDER, or NAME:FEATURE,...=FOLDER. The features of a kernel
# without FEATURE are those that patches/linux-*/base.toml states for one of that name.
# SWEEP_TARGET=crs makes that instead.
sweep_build() {
	local o=$1 k name src kernels=()
	shift
	need sweep
	for k; do
		[[ $k =~ ^[A-Za-z0-9.+~-]+(:[a-z0-9,-]*)?(=.+)?$ ]] ||
			die "not NAME=FOLDER or NAME:FEATURE,...=FOLDER: '$k'"
		name=$(sweep_name "$k")
		if [[ $k = *=* ]]; then
			src=$("$TOP/sweep/source" "${k#*=}/.") || return
		else
			src=$("$TOP/sweep/source" "$name") || return
		fi
		kernels+=("$name=$src=$(sweep_features "$k")")
	done
	mkdir -p "$o"
	make -s -C "$TOP/sweep" KERNELS="${kernels[*]}" O="$o" \
		"$o/${SWEEP_TARGET:-sweep}" >"$o/make.log" 2>&1 || {
		tail -n 20 "$o/make.log" >&2
		die "the sweep of ${kernels[*]} cannot be built; see $o/make.log"
	}
}
