# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Scenarios: reading them, making jobs for nest/run of them, judging what came
# back. Source it after kernel/lib.sh. scenarios/README.md says what is in the
# files.

SCENARIOS=${SCENARIOS:-$TOP/scenarios}
PATHS=(boot kexec-s kexec-c kdump-s kdump-c shutdown)
# MiB that a crash kernel needs: ours, or one of Debian's, which are larger
# and come with larger initramfs.
CRASH_OURS=160 CRASH_DEBIAN=256
# Modules that Debian's kernels need for what ours have built in.
DEBIAN_MODULES=hv_vmbus,hv_utils,pci-hyperv

# A scenario, once scenario_load has read it:
#	C		its values by key
#	CRS ALSO EXCEPT	what may be given more than once
declare -A C
CRS=() ALSO=() EXCEPT=()

# scenario_names: those that there are.
scenario_names() {
	local f
	for f in "$SCENARIOS"/*.conf; do
		[ ! -e "$f" ] || basename "$f" .conf
	done
}

# subset WORDS...: the words on stdin are some of these, and none is twice.
subset() {
	local w words seen=" "
	read -ra words
	for w in "${words[@]}"; do
		[[ " $* " == *" $w "* && $seen != *" $w "* ]] || return 1
		seen+="$w "
	done
	[ "$seen" != " " ]
}

# is_ranges RANGE...: hexadecimal START-END, both ends in it.
is_ranges() {
	local r
	[ $# -gt 0 ] || return 1
	for r; do
		[[ $r =~ ^([0-9a-f]{1,16})-([0-9a-f]{1,16})$ ]] || return 1
		printf '%016x\n%016x\n' "0x${BASH_REMATCH[1]}" "0x${BASH_REMATCH[2]}" |
			LC_ALL=C sort -c 2>/dev/null || return 1
	done
}

# good_value KEY VALUE: VALUE can be one.
good_value() {
	local size='^[1-9][0-9]{0,5}[MG]$' range='^[0-9a-f]{1,16}-[0-9a-f]{1,16}$'
	local words
	read -ra words <<<"$2"
	case $1 in
	generation) [[ $2 =~ ^[12]$ ]] ;;
	cpus) [[ $2 =~ ^[1-8]$ ]] ;;
	memory | low-mmio) [[ $2 =~ $size ]] ;;
	high-mmio) [[ $2 = none || $2 =~ $size ]] ;;
	video) [[ $2 =~ ^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$ ]] ;;
	not-windows) [[ $2 =~ ^(yes|no)$ ]] ;;
	crs) [[ $2 =~ $range ]] ;;
	fb) [[ $2 = none ]] || is_ranges "$2" ;;
	isolation) [[ $2 =~ ^(none|vbs)$ ]] ;;
	vmbus-version) [[ $2 =~ ^[0-9]{1,2}\.[0-9]{1,2}$ ]] ;;
	append) [[ $2 =~ ^[A-Za-z0-9=.,:\ _-]+$ && $2 != *guest.* ]] ;;
	guest-fb) [[ $2 = vfb ]] ;;
	paths) subset "${PATHS[@]}" <<<"$2" ;;
	efi) [[ $2 =~ ^(yes|no)$ ]] ;;
	lfb-base) [[ $2 =~ ^(0|[1-9a-f][0-9a-f]{0,15})$ ]] ;;
	reserve) [[ $2 = none ]] || is_ranges "$2" ;;
	windows) [[ $2 = none ]] || is_ranges "${words[@]}" ;;
	also)
		[ ${#words[@]} -ge 2 ] &&
			[[ ${words[0]} =~ ^(debian-)?[0-9]+\.[0-9][a-z0-9.+~-]*$ ]] &&
			{ [ "${words[*]:1}" = '*' ] ||
			subset "${PATHS[@]}" <<<"${words[*]:1}"; } ;;
	except)
		[ ${#words[@]} -ge 5 ] &&
			[[ ${words[0]} =~ ^[a-z0-9.+~*,-]+$ ]] &&
			{ [ "${words[1]}" = '*' ] ||
			subset "${PATHS[@]}" <<<"${words[1]//,/ }"; } &&
			[[ ${words[2]} =~ ^(first|second|both)$ ]] &&
			[[ ${words[3]} =~ ^(efi|lfb-base|reserve|windows)$ ]] &&
			good_value "${words[3]}" "${words[*]:4}" ;;
	esac
}

# scenario_load NAME|FILE: sets C, CRS, ALSO and EXCEPT, or says what is wrong
# where and ends.
scenario_load() {
	local file=$1 line n=0 key value
	if [[ $1 != */* ]]; then
		file=$SCENARIOS/$1.conf
		[[ $1 =~ ^[a-z0-9][a-z0-9.-]*$ && -e $file ]] ||
			die "no such scenario: '$1' (there is: $(scenario_names | paste -sd' '))"
	fi
	[ -r "$file" ] || die "no such scenario: $file"
	C=() CRS=() ALSO=() EXCEPT=()
	while IFS= read -r line || [ -n "$line" ]; do
		n=$((n + 1))
		[[ ! $line =~ ^[[:space:]]*(#.*)?$ ]] || continue
		[[ $line =~ ^([a-z-]+)\ *=\ *(.*[^ ])\ *$ ]] ||
			die "$file:$n: not 'key = value': '$line'"
		key=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
		case $key in
		generation | memory | cpus | low-mmio | high-mmio | video | \
			not-windows | fb | isolation | vmbus-version | append | \
			guest-fb | paths | efi | lfb-base | windows | reserve)
			[ -z "${C[$key]:-}" ] ||
				die "$file:$n: $key a second time: '$value'" ;;
		crs | also | except) ;;
		*) die "$file:$n: no such key: '$key'" ;;
		esac
		set -f
		good_value "$key" "$value" ||
			die "$file:$n: $key cannot be '$value'"
		set +f
		case $key in
		crs) CRS+=("$value") ;;
		also) ALSO+=("$value") ;;
		except) EXCEPT+=("$value") ;;
		*) C[$key]=$value ;;
		esac
	done <"$file"
	for key in generation paths efi lfb-base windows reserve; do
		[ -n "${C[$key]:-}" ] || die "$file: there is no $key"
	done
	C[name]=$(basename "$file" .conf)
	: "${C[memory]:=768M}" "${C[cpus]:=1}"
}

# scenario_options: hvhost's options for the loaded scenario, one a line.
scenario_options() {
	local key r
	for key in generation memory cpus low-mmio high-mmio video fb isolation \
		vmbus-version; do
		[ -z "${C[$key]:-}" ] || printf '%s\n' "--$key" "${C[$key]}"
	done
	[ "${C[not-windows]:-no}" = no ] || echo --not-windows
	for r in "${CRS[@]}"; do
		printf '%s\n' --crs "$r"
	done
}

# scenario_layout_options: those of them that hvhost layout takes.
scenario_layout_options() {
	local skip=
	while read -r o; do
		case $o in
		--cpus | --isolation | --vmbus-version) skip=1 ;;
		*)
			[ -n "$skip" ] || echo "$o"
			skip= ;;
		esac
	done < <(scenario_options)
}

# expected KEY KERNEL PATH first|second: what the scenario says of it.
expected() {
	local value=${C[$1]} e kernels path which key v k names
	for e in "${EXCEPT[@]}"; do
		read -r kernels path which key v <<<"$e"
		[ "$key" = "$1" ] || continue
		[[ $which = "$4" || $which = both ]] || continue
		[[ $path = '*' || ,$path, = *",$3,"* ]] || continue
		IFS=, read -ra names <<<"$kernels"
		for k in "${names[@]}"; do
			# shellcheck disable=SC2053 # a pattern
			[[ $2 != $k ]] || value=$v
		done
	done
	echo "$value"
}

# scenario_runs: "PATH KERNEL" of all that is to be run of it.
scenario_runs() {
	local p a kernel paths
	for p in ${C[paths]}; do
		echo "$p 7.3-series"
	done
	for a in "${ALSO[@]}"; do
		read -r kernel paths <<<"$a"
		[ "$paths" != '*' ] || paths=${C[paths]}
		for p in $paths; do
			echo "$p $kernel"
		done
	done
}

# hvhost_build: the host, built.
hvhost_build() {
	need gcc libc6-dev make acpica-tools
	make -s -C "$TOP/hvhost" >"$BUILD/hvhost.log" 2>&1 ||
		die "hvhost does not build; see $BUILD/hvhost.log"
}

# kernel_folder KERNEL: where it is once it is built.
kernel_folder() {
	case $1 in
	*/*) echo "$1" ;;
	debian-*) echo "$BUILD/kernel/$1" ;;
	*) echo "$BUILD/kernel/${1/#7.3/$BASE}" ;;
	esac
}

# guest_files FOLDER KERNEL...: make FOLDER/KERNEL with all that a guest with
# that kernel needs: bzImage, release, initrd, and for those that start
# another, initrd-second.
guest_files() {
	local folder=$1 k ours=() d to add
	shift
	for k; do
		case $k in
		debian-*) "$TOP/kernel/debian" "${k#debian-}" >/dev/null || exit ;;
		*/*) ;;
		*) ours+=("${k/#7.3/$BASE}") ;;
		esac
	done
	[ ${#ours[@]} = 0 ] || "$TOP/kernel/build" "${ours[@]}" >&2
	for k; do
		d=$(kernel_folder "$k") to=$folder/${k//\//_} add=()
		mkdir -p "$to"
		if [ -f "$d" ]; then
			# Any bzImage: what it is we do not know.
			cp "$d" "$to/bzImage"
			: >"$to/release"
		else
			[ -e "$d/bzImage" ] || die "$d has no bzImage"
			cp "$d/bzImage" "$d/release" "$to/"
			[ ! -d "$d/modules" ] || add+=("lib/modules=$d/modules/lib/modules")
			[ ! -e "$d/selftest" ] || add+=("selftest=$d/selftest/hyperv_mmio")
		fi
		"$TOP/guest/mkinitrd" "$to/initrd" "${add[@]}"
		"$TOP/guest/mkinitrd" --second "$to/bzImage" "$to/initrd-second" "${add[@]}"
	done
}

# command_line KERNEL PATH [MORE]: what the guest's kernel is given.
command_line() {
	local line="console=ttyS0 panic=-1 ${C[append]:-} guest.path=$2 ${3:-}" mib
	[[ $1 != debian-* ]] || line+=" guest.modules=$DEBIAN_MODULES"
	[ -z "${C[guest-fb]:-}" ] || line+=" guest.fb=${C[guest-fb]}"
	if [[ $2 = kdump-* ]]; then
		mib=$CRASH_OURS
		[[ $1 != debian-* ]] || mib=$CRASH_DEBIAN
		line+=" crashkernel=${mib}M"
	fi
	echo "$line"
}

# job_make FOLDER FILES KERNEL PATH SECONDS [MORE]: the loaded scenario as a job
# for nest/run, with the guest's files from FILES/KERNEL, or with PATH shell,
# for nest/shell. They are hard links: nest/run's archive has what many jobs
# share once.
job_make() {
	local d=$1 files=$2/${3//\//_} initrd=initrd options
	mkdir -p "$d"
	# By hand, in a shell, kexec is wanted too.
	[[ $4 != k* && $4 != shell ]] || initrd="initrd-second"
	ln "$files/bzImage" "$files/$initrd" "$2/hvhost" "$d/"
	mapfile -t options < <(scenario_options)
	{
		echo "#!/bin/sh"
		printf './hvhost run --kernel bzImage --initrd %s' "$initrd"
		printf " %s" "${options[@]}"
		printf " --trace out/trace --append '%s'" \
			"$(command_line "$3" "$4" "${6:-}")"
		case $4 in
		shell) ;;
		shutdown)
			printf " --timeout %s -v --shutdown-on 'guest: waits for shutdown' 2>out/host" "$5" ;;
		*) printf " --timeout %s -v 2>out/host" "$5" ;;
		esac
		echo
	} >"$d/job"
	chmod 755 "$d/job"
	# A little more for a guest that hvhost does not end.
	[ "$4" = shell ] || echo $(($5 + 10)) >"$d/deadline"
	mapfile -t options < <(scenario_layout_options)
	"$BUILD/hvhost/hvhost" layout "${options[@]}" >"$d/layout.json" ||
		die "${C[name]}: hvhost does not take this layout"
	echo "${C[name]} $4 $3" >"$d/scenario"
	cp "$files/release" "$d/"
}

# half FIRST|SECOND: the lines of the console on stdin that are that kernel's.
half() {
	if [ "$1" = first ]; then
		sed '/^guest: kernel second$/,$d'
	else
		sed -n '/^guest: kernel second$/,$p'
	fi
}

# block NAME: what the console on stdin has between that block's markers.
block() {
	sed -n "/^guest: begin $1\$/,/^guest: end $1 /{/^guest: /!p}"
}

# plain: hvhost's 0xA-0xB as the guest and the scenarios write it, in a line.
plain() {
	sed 's/0x//g' | paste -sd' '
}

# verdict GROUP WANT GOT: a line "pass GROUP" or "fail GROUP: why".
verdict() {
	if [ "$2" = "$3" ]; then
		echo "pass $1"
	else
		printf 'fail %s: %s, not %s\n' "$1" "${3:-nothing}" "${2:-nothing}"
	fi
}

# selftest_verdict: of the selftest's output on stdin: "pass", or what it is
# instead. At least the reservation has to be among what it could check.
selftest_verdict() {
	awk '/^guest: end selftest / { status = $4 }
		/^ok / && /# SKIP/ { next }
		/^ok / && /input_is_well_formed/ { seen = 1 }
		/^not ok / { fail = fail " " $4 }
		END {
			if (status == "") print "missing"
			else if (fail) print "failed" fail
			else if (status || !seen) print "exit " status
			else print "pass"
		}'
}

# judge JOB: the verdicts over what came back of a job, one a line; the loaded
# scenario is that job's. The host's trace first, then the guest's console.
judge() {
	local d=$1 kernel path release text trace how which kernels=(first) part v w
	read -r _ path kernel <"$d/scenario"
	release=$(cat "$d/release" 2>/dev/null || true)
	text=$(tr -d '\r' <"$d/console" 2>/dev/null) || text=
	[[ $path != k* ]] || kernels=(first second)
	trace=$(jq -rs -f /dev/stdin "$d/out/trace" 2>/dev/null <<-'JQ'
		def count(e): map(select(.event == e)) | length;
		[.[] | select(.event == "layout")][0] as $l |
		([.[] | select(.event == "end")][0] // {}) as $last |
		"end \($last.how // "-")",
		"windows \([$l.windows[]?] | join(" "))",
		"bad \([.[] | select(.event == "bad") | "\(.who) \(.what) \(.value)"][0] // "-")",
		"vmbus \([.[] | select(.event == "contact" or .event == "unload" or
			.event == "shutdown_request" or .event == "shutdown_ack")
			| select(.event != "contact" or .accepted) | .event] | join(" "))",
		"opens \(count("open"))",
		"os \([.[] | select(.event == "guest_os_id") | .id]
			| map(if . == "0x0" then "off" elif startswith("0x81") then "linux" else . end) | join(" "))"
	JQ
	) || trace=
	# of KEY: its value in there
	of() {
		sed -n "s/^$1 //p" <<<"$trace"
	}

	# It ran to its end.
	how="$(of end), $(grep -c '^guest: finished$' <<<"$text" || true) finished"
	v=$(grep -m 1 '^guest: failed' <<<"$text" | sed 's/^guest: //' || true)
	[ -z "$v" ] || how+=", $v"
	v=$(grep -m 1 '^guest: cannot' <<<"$text" | sed 's/^guest: //' || true)
	[ -z "$v" ] || how+=", $v"
	[ ! -e "$d/why" ] || how+=", $(cat "$d/why")"
	w="poweroff, 1 finished"
	[ "$path" != shutdown ] || w="poweroff, 0 finished"
	verdict ends "$w" "$how"
	verdict "well behaved" - "$(of bad)"

	# Hyper-V, and each kernel the one that was meant.
	w="linux" v="Microsoft Hyper-V${release:+ $release}"
	if [ ${#kernels[@]} = 2 ]; then
		w="linux off linux" v+=", $v"
	fi
	verdict detection "$w, $v" "$(of os | sed 's/ off$//'), $(
		for which in "${kernels[@]}"; do
			part=$(half "$which" <<<"$text")
			echo "$(sed -n 's/.*Hypervisor detected: //p' <<<"$part" | head -n 1)${release:+ $(
				sed -n 's/^guest: release //p' <<<"$part" | head -n 1)}"
		done | paste -sd, | sed 's/,/, /g')"

	# VMBus: connected in each, given back between them, used.
	w="contact"
	case $path in
	k*) w="contact unload contact" ;;
	shutdown) w="contact shutdown_request shutdown_ack" ;;
	esac
	how=$(of vmbus)
	# On the way out a kernel may give it back, or not.
	verdict vmbus "$w, $((2 * ${#kernels[@]})) opens$(
		for which in "${kernels[@]}"; do echo -n ", said"; done)" \
		"${how% unload}, $(of opens) opens$(
		for which in "${kernels[@]}"; do
			half "$which" <<<"$text" | sed -n "/Vmbus version:/{s/.*/, said/p;q}"
		done | tr -d "\n")"

	# What the kernels see: wanted and got, for each.
	local key got want
	for key in efi lfb-base windows reserve; do
		want='' got=''
		for which in "${kernels[@]}"; do
			part=$(half "$which" <<<"$text")
			want+="$(expected "$key" "$kernel" "$path" "$which"); "
			case $key in
			efi) v=$(sed -n 's/^guest: efi //p' <<<"$part") ;;
			lfb-base) v=$(block screen <<<"$part" | sed -n 's/^lfb_base 0x//p') ;;
			windows) v=$(block mmio <<<"$part" | sed -n 's/^windows //p') ;;
			reserve)
				v=$(block mmio <<<"$part" | sed -n 's/^reservation //p')
				# What it prints has to agree, if it prints it.
				w=$(sed -n 's/.*hv_mmio=.* fb=//p' <<<"$part" | tail -n 1 |
					sed 's/\[mem 0x\(.*\)-0x\(.*\)\]/\1-\2/; s/(null)/none/')
				[ "${w:-$v}" = "$v" ] || v+=" but prints $w" ;;
			esac
			got+="${v:-nothing}; "
		done
		case $key in
		windows)
			# The host's own idea, and the one that was true.
			v=$(jq -r '.windows[]?' "$d/layout.json" | plain)
			want+="layout ${C[windows]}" got+="layout ${v:-none}"
			want+="; trace ${C[windows]}"
			got+="; trace $(of windows | plain)" ;;
		reserve)
			v=$(jq -r '.told_reserve // empty' "$d/layout.json" | plain)
			want+="layout ${C[reserve]}" got+="layout ${v:-none}" ;;
		esac
		verdict "$key" "${want%; }" "${got%; }"
	done

	if [[ $kernel = *-series ]]; then
		want='' got=''
		for which in "${kernels[@]}"; do
			want+="pass " got+="$(half "$which" <<<"$text" |
				sed -n '/^guest: begin selftest$/,/^guest: end selftest /p' |
				selftest_verdict) "
		done
		verdict selftest "$want" "$got"
	fi
	if [[ $path = kdump-* ]]; then
		part=$(half second <<<"$text" | block vmcore)
		verdict vmcore "elf core, OSRELEASE=$release, large" \
			"$(grep '^elf' <<<"$part" || true), $(grep ^OSRELEASE= <<<"$part" || true), $(
			awk '$1 == "size" && $2 > 64 * 1048576 { print "large" }' <<<"$part")"
	fi
}
