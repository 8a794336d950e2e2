# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Scenarios: reading them, making jobs for nest/run of them, judging what came
# back. Source it after kernel/lib.sh. scenarios/README.md says what is in the
# files.

SCENARIOS=${SCENARIOS:-$TOP/scenarios}
PATHS=(boot kexec-s kexec-c kdump-s kdump-c shutdown)
# MiB that a VM has unless its scenario says otherwise, and that a crash kernel
# needs: with our kernels, with one of Debian's, which are larger and come with
# larger initramfs, and with one with KASAN. A dump of less memory takes less time.
MEMORY_OURS=384 MEMORY_DEBIAN=768 MEMORY_DEBUG=1024
CRASH_OURS=96 CRASH_DEBIAN=256 CRASH_DEBUG=384
# Modules that Debian's kernels need for what ours have built in: always, and
# for the disk, where those with -amd64 at the end have no driver built in.
DEBIAN_MODULES=hv_vmbus,hv_utils
DEBIAN_DISK_MODULES=nvme,ext4
# What guest/init writes to its disk, seq 20000.
FILE_SUM=f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a
# The first picture that it paints, in the console's colours (0xaa a channel); the
# second is the other way round.
PICTURE="aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 000000"
# MiB of the NVMe disk: room for a dump without what makedumpfile leaves out,
# and for one of everything.
DISK_SMALL=384 DISK_FULL=1024

# A scenario, once scenario_load has read it:
#	C			its values by key
#	CRS REFUSE PCI ON ALSO EXCEPT	what may be given more than once; ON: as options
declare -A C
CRS=() REFUSE=() PCI=() ON=() ALSO=() EXCEPT=()

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

# are_as_found RANGE...: the same, but a kernel may have taken inverted ones.
are_as_found() {
	local r
	for r; do
		[[ $r =~ ^[0-9a-f]{1,16}-[0-9a-f]{1,16}$ ]] || return 1
	done
}

# What can happen to a device that is not as it should be: scenarios/README.md
# and the sweep have the same words for it.
LOSSES='config-refused|config-on-framebuffer|bar-on-framebuffer|config-on-device|bar-on-device|framebuffer-on-device|outside|no-config-window|no-low-window|no-high-window|no-vram'

# Those of them with which pci-hyperv does not bind the device.
UNBOUND='config-refused|config-on-framebuffer|config-on-device|outside|no-config-window|no-low-window|no-high-window'

# good_value KEY VALUE: VALUE can be one.
good_value() {
	local size='^[1-9][0-9]{0,5}[MG]$' range='^[0-9a-f]{1,16}-[0-9a-f]{1,16}$'
	local kernel='(debian-)?[0-9]+\.[0-9][a-z0-9.+~-]*'
	local lost="($LOSSES)( (test(0|[1-9][0-9]{0,2})|video))+"
	local words
	read -ra words <<<"$2"
	case $1 in
	generation) [[ $2 =~ ^[12]$ ]] ;;
	cpus) [[ $2 =~ ^[1-8]$ ]] ;;
	memory | low-mmio) [[ $2 =~ $size ]] ;;
	high-mmio) [[ $2 = none || $2 =~ $size ]] ;;
	video) [[ $2 =~ ^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$ ]] ;;
	not-windows | synthvid | paint | one-by-one | leaks) [[ $2 =~ ^(yes|no)$ ]] ;;
	pci) [[ $2 =~ ^([1-9][0-9]?\ *x\ *)?(nvme|test(,bar(32|64)=[1-9][0-9]{0,3}[KMG])+(,refuse-d0=[1-9]-[1-9])?)$ ]] ;;
	add-on | eject-on | remove-on | rescind-on)
		[[ $2 =~ ^(nvme0|test(0|[1-9][0-9]{0,2}))=(nvme0|test(0|[1-9][0-9]{0,2}))$ ]] ;;
	gone) [[ $2 =~ ^(nvme0|test[0-9]{1,3})(\ (nvme0|test[0-9]{1,3}))*$ ]] ;;
	at-once) [[ $2 =~ ^[1-9][0-9]?$ ]] ;;
	handover) [[ $2 =~ ^(simpledrm|efifb)$ ]] ;;
	bar-conflicts) [[ $2 =~ ^(refuse|ignore)$ ]] ;;
	dead-windows) [[ $2 =~ ^(forget|keep)$ ]] ;;
	drivers | second-drivers) [[ $2 = none || $2 =~ ^-?[a-z_-]+(\ -?[a-z_-]+)*$ ]] ;;
	rebind) [[ $2 =~ ^[a-z_]+:[1-9][0-9]?(\ [a-z_]+:[1-9][0-9]?)*$ ]] ;;
	resume) [[ $2 =~ ^[1-9]$ ]] ;;
	failslab) [[ $2 =~ ^[a-z_]+:[1-9][0-9]{0,2}(\ [a-z_]+:[1-9][0-9]{0,2})*$ ]] ;;
	save) [[ $2 =~ ^(small|full)$ ]] ;;
	vram) [[ $2 =~ ^(none|[1-9a-f][0-9a-f]{0,15})$ ]] ;;
	nvme) [[ $2 = works || $2 =~ ^(refused|dead|ignored):\ [^:]+$ ]] ;;
	crash) [[ $2 =~ ^[a-z0-9_]+:\ [^:]+$ ]] ;;
	lost) [[ $2 = none || $2 =~ ^$lost(, $lost)*:\ [^:]+$ ]] ;;
	kernel) [[ $2 =~ ^$kernel(\.\.$kernel)?$ && $2 != *.. ]] ;;
	crs) [[ $2 =~ $range ]] ;;
	# As hvhost takes it: the status has bit 31 set
	refuse-windows) [[ ! $2 =~ = || $2 =~ =[89a-f][0-9a-f]{7}$ ]] && is_ranges "${2%%=*}" ;;
	tries) [[ $2 = none || $2 =~ ^[1-9a-f][0-9a-f]{0,15}(\ [1-9a-f][0-9a-f]{0,15})*$ ]] ;;
	fb | firmware-fb) [[ $2 = none ]] || is_ranges "$2" ;;
	isolation) [[ $2 =~ ^(none|vbs)$ ]] ;;
	vmbus-version) [[ $2 =~ ^[0-9]{1,2}\.[0-9]{1,2}$ ]] ;;
	append) [[ $2 =~ ^[A-Za-z0-9=.,:/\ _-]+$ && $2 != *guest.* ]] ;;
	guest-fb) [[ $2 = vfb ]] ;;
	paths) subset "${PATHS[@]}" <<<"$2" ;;
	efi) [[ $2 =~ ^(yes|no)$ ]] ;;
	lfb-base) [[ $2 =~ ^(0|[1-9a-f][0-9a-f]{0,15})$ ]] ;;
	reserve) [[ $2 = none ]] || is_ranges "$2" ;;
	windows) [[ $2 = none ]] || is_ranges "${words[@]}" ;;
	also)
		[ ${#words[@]} -ge 2 ] && good_value kernel "${words[0]}" &&
			{ [ "${words[*]:1}" = '*' ] ||
			subset "${PATHS[@]}" <<<"${words[*]:1}"; } ;;
	except)
		[ ${#words[@]} -ge 5 ] &&
			[[ ${words[0]} =~ ^[a-z0-9.+~*,-]+$ ]] &&
			{ [ "${words[1]}" = '*' ] ||
			subset "${PATHS[@]}" <<<"${words[1]//,/ }"; } &&
			[[ ${words[2]} =~ ^(first|second|both)$ ]] &&
			[[ ${words[3]} =~ ^(efi|lfb-base|reserve|windows|vram|nvme|lost|tries|crash)$ ]] &&
			{ good_value "${words[3]}" "${words[*]:4}" ||
			{ [ "${words[3]}" = windows ] && are_as_found "${words[@]:4}"; }; } ;;
	esac
}

# scenario_load NAME|FILE: sets C, CRS and the others, or says what is wrong
# where and ends.
scenario_load() {
	local file=$1 line n=0 key value i
	if [[ $1 != */* ]]; then
		file=$SCENARIOS/$1.conf
		[[ $1 =~ ^[a-z0-9][a-z0-9.-]*$ && -e $file ]] ||
			die "no such scenario: '$1' (there is: $(scenario_names | paste -sd' '))"
	fi
	[ -r "$file" ] || die "no such scenario: $file"
	C=() CRS=() REFUSE=() PCI=() ON=() ALSO=() EXCEPT=()
	while IFS= read -r line || [ -n "$line" ]; do
		n=$((n + 1))
		[[ ! $line =~ ^[[:space:]]*(#.*)?$ ]] || continue
		[[ $line =~ ^([a-z-]+)\ *=\ *(.*[^ ])\ *$ ]] ||
			die "$file:$n: not 'key = value': '$line'"
		key=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
		case $key in
		generation | memory | cpus | low-mmio | high-mmio | video | \
			not-windows | fb | firmware-fb | isolation | vmbus-version | \
			append | synthvid | bar-conflicts | dead-windows | drivers | \
			second-drivers | one-by-one | resume | rebind | failslab | \
			leaks | paint | handover | gone | at-once | save | vram | \
			guest-fb | paths | kernel | efi | lfb-base | windows | \
			reserve | nvme | lost | tries | crash)
			[ -z "${C[$key]:-}" ] ||
				die "$file:$n: $key a second time: '$value'" ;;
		crs | refuse-windows | pci | *-on | also | except) ;;
		*) die "$file:$n: no such key: '$key'" ;;
		esac
		set -f
		good_value "$key" "$value" ||
			die "$file:$n: $key cannot be '$value'"
		set +f
		case $key in
		crs) CRS+=("$value") ;;
		refuse-windows) REFUSE+=("$value") ;;
		*-on) ON+=("--$key" "${value/=/=@}") ;;
		pci)
			[[ $value = *x* ]] || value="1 x $value"
			for ((i = 0; i < ${value%%x*}; i++)); do
				PCI+=("$(tr -d ' ' <<<"${value#*x}")")
			done ;;
		also) ALSO+=("$value") ;;
		except) EXCEPT+=("$value") ;;
		*) C[$key]=$value ;;
		esac
	done <"$file"
	for key in generation paths efi lfb-base windows reserve; do
		[ -n "${C[$key]:-}" ] || die "$file: there is no $key"
	done
	C[name]=$(basename "$file" .conf)
	: "${C[cpus]:=1}" "${C[drivers]:=none}" "${C[kernel]:=7.3-series}"
	: "${C[second-drivers]:=${C[drivers]}}" "${C[save]:=small}" "${C[nvme]:=works}" "${C[tries]:=none}"
	[ -z "${C[handover]:-}" ] || C[paint]=yes
	[ "$(printf '%s\n' "${PCI[@]}" | grep -cx nvme)" -le 1 ] ||
		die "$file: more than one nvme, and no way to tell which has the dump"
	[[ ${C[one-by-one]:-no} = no || ${ON[*]} != *--add-on* ]] ||
		die "$file: one-by-one with add-on, which nobody would bind"
	[[ ${C[one-by-one]:-no} = no || ${C[kernel]}${ALSO[*]} != *debian-* ]] ||
		die "$file: one-by-one with a Debian kernel, whose VMBus is a module"
}

# scenario_memory KERNEL: what the loaded scenario's VM has with that kernel.
scenario_memory() {
	case ${C[memory]:-}$1 in
	*-debug*) echo "${MEMORY_DEBUG}M" ;;
	[0-9]*[MG]*) echo "${C[memory]}" ;;
	*debian-*) echo "${MEMORY_DEBIAN}M" ;;
	*) echo "${MEMORY_OURS}M" ;;
	esac
}

# given KEY...: those of the scenario's values as options of hvhost.
given() {
	local key
	for key; do
		[ -z "${C[$key]:-}" ] || printf '%s\n' "--$key" "${C[$key]}"
	done
}

# scenario_layout_options KERNEL: hvhost layout's options for the loaded
# scenario, one a line.
scenario_layout_options() {
	local r
	printf '%s\n' --memory "$(scenario_memory "$1")"
	given generation low-mmio high-mmio video fb firmware-fb
	[ "${C[not-windows]:-no}" = no ] || echo --not-windows
	for r in "${CRS[@]}"; do
		printf '%s\n' --crs "$r"
	done
}

# scenario_options KERNEL: hvhost run's, which takes those as well.
scenario_options() {
	local r
	scenario_layout_options "$1"
	given cpus isolation vmbus-version bar-conflicts dead-windows
	[ "${C[synthvid]:-yes}" = yes ] || echo --no-synthvid
	for r in "${REFUSE[@]}"; do
		printf '%s\n' --refuse-windows "$r"
	done
	if [ -n "${C[handover]:-}" ]; then
		printf '%s\n' --screen-on "out/before.png=guest: painted 1" \
			--screen-on "out/screen.png=guest: painted 2"
	elif [ -n "${C[paint]:-}" ]; then
		printf '%s\n' --screen out/screen.png
	fi
	[ ${#ON[@]} = 0 ] || printf '%s\n' "${ON[@]}"
	for r in "${PCI[@]}"; do
		printf '%s\n' --pci "${r/#nvme/nvme,disk=disk}"
	done
}

# kernel_of KERNEL first|second: that one of a mix, else the kernel itself.
kernel_of() {
	case $1 in
	*/*) echo "$1" ;;
	*..*) [ "$2" = first ] && echo "${1%..*}" || echo "${1#*..}" ;;
	*) echo "$1" ;;
	esac
}

# expected KEY KERNEL PATH first|second: what the scenario says of it. In a
# mix what is said of a kernel holds where it runs, and of the mix, after that.
expected() {
	local value=${C[$1]:-} e kernels path which key v k names name own
	own=$(kernel_of "$2" "$4")
	for name in "$own" "$2"; do
		for e in "${EXCEPT[@]}"; do
			read -r kernels path which key v <<<"$e"
			[ "$key" = "$1" ] || continue
			[[ $which = "$4" || $which = both ]] || continue
			[[ $path = '*' || ,$path, = *",$3,"* ]] || continue
			IFS=, read -ra names <<<"$kernels"
			for k in "${names[@]}"; do
				# shellcheck disable=SC2053 # a pattern
				[[ $name != $k ]] || value=$v
			done
		done
		[ "$own" != "$2" ] || break
	done
	echo "$value"
}

# bug KERNEL PATH: the reason why that run must fail, if it must.
bug() {
	local which key value
	for which in first second; do
		[[ $which = first || $2 = k* ]] || return 0
		for key in nvme lost crash; do
			value=$(expected "$key" "$1" "$2" "$which")
			case $value in
			ignored:*) ;;
			*:*)
				echo "${value#*: }"
				return ;;
			esac
		done
	done
}

# is_ours KERNEL: it has a series, or the first set of one.
is_ours() {
	[[ ${1##*/} = *-@(series|reservation)* ]]
}

# has_selftest KERNEL: it is one of a series that has the selftest.
has_selftest() {
	local name=${1##*/}
	is_ours "$1" &&
		compgen -G "$TOP/patches/linux-${name%%-*}/*/*-selftests-hyperv-*" >/dev/null
}

# losses KERNEL PATH first|second: what the scenario says is lost in it, lines
# "KIND DEVICE".
losses() {
	local kind='' word words
	case $(expected nvme "$@") in
	refused:*) echo "config-on-framebuffer nvme0" ;;
	dead:*) echo "bar-on-framebuffer nvme0" ;;
	esac
	words=$(expected lost "$@")
	words=${words%%:*}
	for word in ${words//,/}; do
		case $word in
		none) ;;
		test* | video) echo "$kind $word" ;;
		*) kind=$word ;;
		esac
	done
}

# scenario_runs: "PATH KERNEL" of all that is to be run of it.
scenario_runs() {
	local p a kernel paths
	for p in ${C[paths]}; do
		echo "$p ${C[kernel]}"
	done
	for a in "${ALSO[@]}"; do
		read -r kernel paths <<<"$a"
		[ "$paths" != '*' ] || paths=${C[paths]}
		for p in $paths; do
			echo "$p $kernel"
		done
	done
}

# hvhost_build: the host, built, with SANITIZE=1 with sanitizers; sets HVHOST.
hvhost_build() {
	need hvhost
	HVHOST=$BUILD/hvhost/${SANITIZE:+asan/}hvhost
	make -s -C "$TOP/hvhost" O="$BUILD/hvhost" "$HVHOST" >"$BUILD/hvhost.log" 2>&1 ||
		die "hvhost does not build; see $BUILD/hvhost.log"
}

# kernel_known KERNEL: ends here if there can be none of that name.
kernel_known() {
	[[ $1 = debian-* ]] || kernel_check "${1/#7.3/$BASE}" "those of another base, debian-VERSION or a path"
}

# kernel_folder KERNEL: where it is once it is built.
kernel_folder() {
	case $1 in
	*/*) echo "$1" ;;
	debian-*) echo "$BUILD/kernel/$1" ;;
	*) echo "$BUILD/kernel/${1/#7.3/$BASE}" ;;
	esac
}

# guest_parts KERNEL: sets PARTS, what of it goes into its initramfs.
guest_parts() {
	local d
	d=$(kernel_folder "$1")
	PARTS=()
	[ ! -d "$d/modules" ] || PARTS+=("lib/modules=$d/modules/lib/modules")
	[ ! -e "$d/selftest" ] || PARTS+=("selftest=$d/selftest/hyperv_mmio")
}

# guest_files FOLDER KERNEL...: make FOLDER/KERNEL with all that a guest with
# that kernel needs: bzImage, release (of the first and of the second), initrd,
# and for those that start another, initrd-kexec and initrd-kdump. FIRST..SECOND is a mix.
guest_files() {
	local folder=$1 k all=() ours=() d to first second
	shift
	mapfile -t all < <(for k; do
		kernel_of "$k" first
		kernel_of "$k" second
	done | sort -u)
	for k in "${all[@]}"; do
		case $k in
		debian-*) "$TOP/kernel/debian" "${k#debian-}" >/dev/null || exit ;;
		*/*) ;;
		*) ours+=("${k/#7.3/$BASE}") ;;
		esac
	done
	[ ${#ours[@]} = 0 ] || "$TOP/kernel/build" "${ours[@]}" >&2
	for k in "${all[@]}"; do
		d=$(kernel_folder "$k") to=$folder/${k//\//_}
		mkdir -p "$to"
		if [ -f "$d" ]; then
			# Any bzImage: what it is we do not know.
			cp "$d" "$to/bzImage"
			: >"$to/release"
		else
			[ -e "$d/bzImage" ] || die "$d has no bzImage"
			cp "$d/bzImage" "$d/release" "$to/"
		fi
		guest_parts "$k"
		"$TOP/guest/mkinitrd" "$to/initrd" "${PARTS[@]}"
	done
	for k; do
		first=$(kernel_of "$k" first) second=$(kernel_of "$k" second)
		d=$folder/${first//\//_} to=$folder/${k//\//_}
		if [ "$first" != "$second" ]; then
			mkdir -p "$to"
			ln "$d/bzImage" "$d/initrd" "$to/"
			cat "$d/release" "$folder/${second//\//_}/release" >"$to/release"
		fi
		guest_parts "$first"
		second=$folder/${second//\//_}
		"$TOP/guest/mkinitrd" --second "$second/bzImage" \
			--second-initrd "$second/initrd" "$to/initrd-kexec" "${PARTS[@]}"
		"$TOP/guest/mkinitrd" --second "$second/bzImage" --dump \
			--second-initrd "$second/initrd" "$to/initrd-kdump" "${PARTS[@]}"
	done
}

# modules KERNEL first|second: what that kernel is to load, with commas.
modules() {
	local key=drivers kernel all=() d
	[ "$2" = first ] || key="second-drivers"
	kernel=$(kernel_of "$1" "$2")
	[[ $kernel != debian-* ]] || all+=("$DEBIAN_MODULES")
	[[ $kernel != debian-*-amd64 || -z $(pci_has nvme) ]] || all+=("$DEBIAN_DISK_MODULES")
	for d in ${C[$key]/#none/}; do
		# Their cloud kernels have the driver that was there before.
		[[ $kernel != debian-* || $kernel = *-amd64 ]] || d=${d/hyperv_drm/hyperv_fb}
		all+=("$d")
	done
	(IFS=, && echo "${all[*]}")
}

# pci_has nvme|test: "yes" if such a device is there.
pci_has() {
	local p
	for p in "${PCI[@]}"; do
		[[ $p != $1* ]] || { echo yes; return; }
	done
}

# command_line KERNEL PATH [MORE]: what the guest's kernel is given.
command_line() {
	local line="console=ttyS0 panic=-1 ${C[append]:-} guest.path=$2 ${3:-}" mib m m2
	m=$(modules "$1" first) m2=$(modules "$1" second)
	[ -z "$m$m2" ] || line+=" guest.modules=$m guest.modules2=$m2"
	[ -z "${C[guest-fb]:-}" ] || line+=" guest.fb=${C[guest-fb]}"
	[ "${C[one-by-one]:-no}" = no ] || line+=" guest.one-by-one=yes"
	[ -z "$(pci_has test)" ] || line+=" guest.echo=yes"
	[ "${C[paint]:-no}" = no ] || line+=" guest.paint=yes"
	[ -z "${C[handover]:-}" ] || line+=" guest.handover=${C[handover]}"
	[ ${#ON[@]} = 0 ] || line+=" guest.settle=$((${#PCI[@]} - $(wc -w <<<"${C[gone]:-}")))"
	[ -z "${C[resume]:-}" ] || line+=" guest.resume=${C[resume]}"
	[ -z "${C[rebind]:-}" ] || line+=" guest.rebind=${C[rebind]// /,}"
	[ -z "${C[failslab]:-}" ] || line+=" guest.failslab=${C[failslab]// /,}"
	[ "${C[leaks]:-no}" = no ] || line+=" guest.leaks=yes"
	if [ -n "$(pci_has nvme)" ]; then
		line+=" guest.disk=yes"
		[[ $2 != kdump-* ]] || line+=" guest.dump=${C[save]}"
	fi
	if [[ $2 = kdump-* ]]; then
		mib=$CRASH_OURS
		[[ $1 != *debian-* ]] || mib=$CRASH_DEBIAN
		[[ $1 != *-debug* ]] || mib=$CRASH_DEBUG
		line+=" crashkernel=${mib}M"
	fi
	echo "$line"
}

# make_disk: lines of a job that make the file "disk", with an empty ext4.
make_disk() {
	local mib=$DISK_SMALL
	[ "${C[save]}" = small ] || mib=$DISK_FULL
	cat <<-DISK
		truncate -s ${mib}M disk && mkfs.ext4 -q -F -m 0 disk || {
			echo "job: cannot make the NVMe disk"
			exit 1
		}
	DISK
}

# look_at_disk: lines of a job that leave in out/disk what the host finds on
# that disk when the guest has gone, for judge: lines "KEY VALUE".
look_at_disk() {
	cat <<-'DISK'
		{
			e2fsck -fn disk >out/fsck 2>&1
			echo "fsck $?"
			debugfs -R 'dump /file file' disk >/dev/null 2>&1
			[ ! -s file ] || echo "file $(sha256sum <file | cut -d' ' -f1)"
			export DEBUGFS_PAGER=__none__
			size=$(debugfs -R 'stat /dump' disk 2>/dev/null | sed -n 's/^User:.* Size: //p')
			if [ "${size:-0}" -gt 0 ]; then
				echo "size $size"
				# The headers, and the note in which a kernel tells of itself
				debugfs -R 'cat /dump' disk 2>/dev/null | head -c 1048576 >dump
				readelf -hlW dump >out/dump 2>&1
				echo "elf $(sed -n 's/^ *Type: *//p' out/dump), $(grep -c '^ *LOAD' out/dump) segments"
				# As long as its headers say
				sed -n 's/^ *LOAD *//p' out/dump | while read -r offset _ _ bytes _; do
					[ $((offset + bytes)) -le "$size" ] || echo "cut $((offset + bytes))"
				done | tail -n 1
				echo "osrelease $(strings dump | sed -n 's/^OSRELEASE=//p' | head -n 1)"
			fi
			rm -f disk file dump
		} >out/disk
	DISK
}

# job_make FOLDER FILES KERNEL PATH SECONDS [MORE]: the loaded scenario as a job
# for nest/run, with the guest's files from FILES/KERNEL, or with PATH shell,
# for nest/shell. They are hard links: nest/run's archive has what many jobs
# share once.
job_make() {
	local d=$1 files=$2/${3//\//_} initrd=initrd options
	mkdir -p "$d"
	case $4 in
	kexec-*) initrd="initrd-kexec" ;;
	# By hand, in a shell, all is wanted.
	kdump-* | shell) initrd="initrd-kdump" ;;
	esac
	ln "$files/bzImage" "$files/$initrd" "$2/hvhost" "$d/"
	mapfile -t options < <(scenario_options "$3")
	{
		echo "#!/bin/sh"
		[ -z "$(pci_has nvme)" ] || make_disk
		printf './hvhost run --kernel bzImage --initrd %s' "$initrd"
		printf " %q" "${options[@]}"
		printf " --trace out/trace --append '%s'" \
			"$(command_line "$3" "$4" "${6:-}")"
		case $4 in
		shell) ;;
		shutdown)
			printf " --timeout %s -v --shutdown-on 'guest: waits for shutdown' 2>out/host" "$5" ;;
		*) printf " --timeout %s -v 2>out/host" "$5" ;;
		esac
		printf '\nrc=$%s\n' '?'
		[ -z "$(pci_has nvme)" ] || look_at_disk
		printf 'exit "$%s"\n' rc
	} >"$d/job"
	chmod 755 "$d/job"
	# A little more for a guest that hvhost does not end.
	[ "$4" = shell ] || echo $(($5 + 10)) >"$d/deadline"
	mapfile -t options < <(scenario_layout_options "$3")
	"$HVHOST" layout "${options[@]}" >"$d/layout.json" ||
		die "${C[name]}: hvhost does not take this layout"
	echo "${C[name]} $4 $3" >"$d/scenario"
	cp "$files/release" "$d/"
}

# play FOLDER: run the jobs in it; how each fared is theirs to tell.
play() {
	local rc=0
	"$TOP/nest/run" "$1" || rc=$?
	[ "$rc" = 0 ] || [ "$rc" = 3 ] || exit "$rc"
}

# hvhost's exit status for it
TRIPLE_FAULT=4

# play_fair FOLDER: play it. Emulated KVM is not quite KVM: 1 guest in some 600 ended
# in a triple fault. So there, and only there, such a guest gets a second chance, and
# a file "again" with the first console. A kernel whose own fault it is does it again.
play_fair() {
	local d again=$1.again
	rm -rf "$again"
	play "$1"
	[ "$("$TOP/nest/probe" 2>/dev/null)" = tcg ] || return 0
	mkdir "$again"
	for d in "$1"/*/; do
		[ "$(cat "$d/rc" 2>/dev/null)" != "$TRIPLE_FAULT" ] || mv "$d" "$again/"
	done
	! rmdir "$again" 2>/dev/null || return 0
	say "again, after a triple fault: $(cd "$again" && echo *)"
	for d in "$again"/*/; do
		mv "$d/console" "$d/again"
	done
	play "$again"
	mv "$again"/* "$1/"
	rmdir "$again"
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

# heard CONSOLE: what judge wants of it, as lines "KEY VALUE", each KEY with
# .first or .second, and "ends" for both.
heard() {
	awk '
		function plain(r) { gsub(/0x|\[mem |\]/, "", r); sub(/^\(null\)/, "none", r); return r }
		function keep(key, value) { if (!((which, key) in v)) v[which, key] = value }
		function note(text) { ends = ends ", " text }
		BEGIN { which = "first" }
		{ sub(/\r$/, "") }
		# Its own first messages, if there are any, come before it says so.
		/^guest: (starts|kernel) second/ { which = "second" }
		/^guest: begin / { block = $3; next }
		/^guest: end selftest/ {
			keep("selftest", failed ? "failed" failed : $4 || !seen ? "exit " $4 : "pass")
			failed = seen = ""
		}
		/^guest: end reports 0 / { keep("looked", "yes") }
		/^guest: end leaks 0 / { keep("leaks", "none") }
		/^guest: end echo/ {
			for (t in answers) if (!(t in fails)) echoes += answers[t]
			keep("echo", ($4 == (dead != "") ? "" : "exit " $4 ", ") echoes + 0 " BARs" dead)
			keep("strange", strange)
			echoes = dead = strange = ""
			split("", answers)
			split("", fails)
		}
		/^guest: end / { block = ""; next }
		/^guest: finished$/ { finished++ }
		/^(guest: (failed|cannot|not painted)|job: )/ && !noted++ { note(substr($0, $1 == "job:" ? 1 : 8)) }
		/^guest: (release|efi|disk|file) / { v[which, $2] = $3 }
		/^guest: painted [12]$/ { v[which, "paint"] = $3 }
		/^guest: failslab / { v[which, "failslab"] = v[which, "failslab"] $3 ":" $4 " "; hits[which] += $6; refusals[which] += $8 }
		/^guest: rebound / { v[which, "rebind"] = v[which, "rebind"] $3 ":" $4 " " }
		/^guest: dump / { keep("dump", $3 == "saved" ? $3 : substr($0, 13)) }
		/failed D0 Entry with status / {
			t = $0; sub(/.*with status /, "", t); sub(/[ ,].*/, "", t)
			if (index(v[which, "refused"], t) == 0)
				v[which, "refused"] = v[which, "refused"] t " "
		}
		# Of a device, by its instance
		/: Need 0x[0-9a-f]+ of (low|high) MMIO space/ {
			for (i = 2; $i != "Need"; i++) t = $i
			v[which, "need"] = v[which, "need"] t $(i + 3) " "
		}
		/RIP: 0010:/ { t = $0; sub(/.*RIP: 0010:/, "", t); sub(/\+.*/, "", t); keep("crash", t) }
		block == "echo" && /^ok / { answers[$2]++ }
		block == "echo" && /^not ok / {
			if (!($3 in fails)) dead = dead (dead == "" ? ", dead: " : " ") $3
			fails[$3]
			strange = strange ", " $0
		}
		/Hypervisor detected: / { t = $0; sub(/.*Hypervisor detected: /, "", t); keep("hypervisor", t) }
		/Vmbus version:/ { keep("vmbus", "said") }
		/hv_mmio=.* fb=/ { t = $0; sub(/.* fb=/, "", t); v[which, "printed"] = plain(t) }
		# Each once, without its time
		block == "reports" {
			t = $0; sub(/^\[[ 0-9.]*\] */, "", t)
			if (index(v[which, "reports"], t ";") == 0) v[which, "reports"] = v[which, "reports"] t "; "
		}
		block == "leaks" { leaks[which]++; if (leaks[which] < 12) v[which, "leaks"] = v[which, "leaks"] $0 "; " }
		block == "screen" && /^lfb_base / { keep("lfb-base", substr($2, 3)) }
		block == "mmio" && /^windows / { keep("windows", substr($0, 9)) }
		block == "mmio" && /^reservation / { keep("reserve", $2) }
		block == "mmio" && /^held / { v[which, "space"] = v[which, "space"] "held " $2 "; " }
		# Of VMBus devices, by their instances
		block == "iomem" && $3 ~ /^........-....-....-....-............$/ {
			v[which, "space"] = v[which, "space"] "iomem " $1 " " $3 "; "
		}
		block == "vmcore" && /^elf / { keep("elf", $0) }
		block == "vmcore" && /^OSRELEASE=/ { keep("osrelease", $0) }
		block == "vmcore" && /^size / {
			keep("vmcore-size", $2)
			keep("large", $2 > 64 * 1048576 ? "large" : "small")
		}
		# It must have found the reservation: a skipped test proves nothing.
		block == "selftest" && /^ok .*reservation_exists/ && !/# SKIP/ { seen = 1 }
		block == "selftest" && /^not ok / { failed = failed " " $4 }
		END {
			print "ends", finished + 0 " finished" ends
			for (k in hits) v[k, "hits"] = (hits[k] ? "some" : "no") " hits, " (refusals[k] ? "some" : "no") " refusals"
			for (k in v) { split(k, a, SUBSEP); print a[2] "." a[1], v[k] }
		}' "$1"
}

# For jq, on a whole trace: the events of kernel N. Each tells once who it is.
# shellcheck disable=SC2016 # jq expands it
EVENTS_OF='def events_of(n): [foreach .[] as $e (0; if $e.event == "guest_os_id" and
	$e.id != "0x0" then . + 1 else . end; {n: ., e: $e}) | select(.n == n) | .e];'

# seen TRACE LAYOUT [NEED1 NEED2 [GONE]]: what judge wants of the host's trace,
# and of what hvhost layout says, as lines "KEY VALUE". NEED: what heard says of
# the first and the second kernel, for only guests know why they leave D0. GONE:
# devices that are not there in the end; what they come to is not asked.
seen() {
	jq -rs --slurpfile layout "$2" --arg need1 "${3:-}" --arg need2 "${4:-}" \
		--arg gone "${5:-}" "$EVENTS_OF"'
		def plain: [.[]? | gsub("0x"; "")] | join(" ");
		def start: . // "none" | split("-")[0] | ltrimstr("0x");
		# What a conflict is with; the host goes by the worst
		def worst: map(if . == "framebuffer" or . == "outside" then . else "device" end) |
			if index("framebuffer") then "framebuffer"
			elif index("device") then "device" else "outside" end;
		def kind(what): if . == "outside" then . else what + "-on-" + . end;
		def attempts: group_by([.what, .device, .bar, .range]) |
			map({what: .[0].what, device: .[0].device, with: map(.with) | worst});
		# BARs that were refused when they were last to decode
		def dead_bars: reduce .[] as $e ({}; "\($e.device) \($e.bar)" as $bar |
			if $e.event == "conflict" and $e.what == "bar" and $e.action == "refused" then
				.[$bar] |= {device: $e.device, with: ((.with // []) + [$e.with])}
			elif $e.event == "bar" and $e.decodes then del(.[$bar]) else . end) |
			map("\(.with | worst | kind("bar")) \(.device)");
		def lost_buses(need; instance): group_by(.device) | .[] | .[0].device as $d |
			map(select(.event | startswith("d0_"))) | last as $last |
			map(select(.event == "d0_entry")) | last as $entry |
			if $entry == null then "no-config-window \($d)"
			elif $entry.reason == "window" or $entry.reason == "told" then "config-refused \($d)"
			elif $entry.reason == "framebuffer" then "config-on-framebuffer \($d)"
			elif $entry.reason == "overlap" then "config-on-device \($d)"
			elif $entry.reason == "outside" then "outside \($d)"
			elif $last.event == "d0_entry" then empty
			else (need | split(" ")[] | split(":") | select(.[0] == instance[$d]) |
				"no-\(.[1])-window \($d)") end;
		# The config windows that a device is given, in order, each with the status
		# of the last D0 entry. A bus that is held says nothing about its window.
		def windows: reduce .[] as $e ({all: [], opened: 0};
			if $e.event == "open" then .opened += 1
			elif $e.event != "d0_entry" or $e.reason == "held" then .
			else .opened as $n | ($e.window | start) as $w |
				if .all[-1] // {} | .window == $w and .opened == $n
				then .all[-1].status = $e.status
				else .all += [{window: $w, status: $e.status, opened: $n}] end end) | .all;
		def refused: any(.[]; .status != "0x0");
		# Its last D0 entry was accepted.
		def entered(device): map(select(.event == "d0_entry" and .device == device)) |
			last.status == "0x0";
		def stays: .device as $d | $gone | split(" ") | index($d) | not;
		def is_pci: .device // "" | startswith("nvme") or startswith("test");
		def present: reduce .[] as $e ({}; if $e.event == "offer" then
			.[$e.device] = $e.instance elif $e.event == "rescind" then
			del(.[$e.device]) else . end);
		# Each event e, with how many buses are between open and D0 then, how
		# many others had to come to D0 yet when some had begun to, and whether
		# its own had
		def probing: foreach .[] as $e ({on: {}, to: {}};
			.e = $e | .left = (.to | del(.[$e.device // ""]) | length) |
			.was_up = (.to | has($e.device // "") | not) |
			if $e.event == "offer" and ($e | is_pci) then .to[$e.device] = 1
			elif $e.event == "open" and ($e | is_pci) then .on[$e.device] = 1 | .begun = true
			elif $e.event == "close" then del(.on[$e.device])
			elif $e.event == "rescind" or ($e.event == "d0_entry" and $e.status == "0x0")
			then del(.on[$e.device]) | del(.to[$e.device]) else . end);
		# What a bus has: its config window, and what decoded since
		def has: reduce .[] as $e ({}; $e.device as $d |
			if $e.event == "d0_entry" and $e.status == "0x0" then
				.[$d] = ["config \($e.window)"]
			elif $e.event == "d0_exit" or $e.event == "rescind" then del(.[$d])
			elif $e.event == "bar" and $e.decodes then .[$d] += ["bar \($e.range)"]
			else . end);
		(map(select(.event == "layout"))[0] // {}) as $said |
		(map(select(.event == "end"))[0] // {}) as $last |
		"end \($last.how // "-")",
		"bad \([.[] | select(.event == "bad") | "\(.who) \(.what) \(.value)"][0] // "-")",
		"vmbus \([.[] | select(.event == "unload" or .event == "shutdown_request" or
			.event == "shutdown_ack" or (.event == "contact" and .accepted))
			| .event] | join(" "))",
		"opens \(map(select(.event == "open" and
			(.device == "heartbeat" or .device == "shutdown"))) | length)",
		"os \([.[] | select(.event == "guest_os_id") | .id | if . == "0x0" then "off"
			elif startswith("0x81") then "linux" else . end] | join(" "))",
		"traced \($said.windows | plain)",
		"layout \($layout[0].windows | plain)",
		"layout-reserve \([$layout[0].reserve // empty] | plain)",
		"layout-fb \($layout[0].fb | start)",
		(["first", 1], ["second", 2]) as [$which, $n] |
		events_of($n) as $own |
		"d0.\($which) \([$own[] | select(.event == "d0_entry" and stays)] | group_by(.device) |
			map(last.status | if . == "0x0" then "ok" else ltrimstr("0x") end) |
			if . == [] then "none" else unique | join(",") end)",
		"buses.\($which) \([$own[] | select(.event == "d0_entry" and stays) | .device] | unique | length)",
		([$own[] | select(is_pci)] | group_by(.device) | map(windows) | map(select(refused))) as $refused |
		"refusals.\($which) \([$refused[][].status | select(. != "0x0") | ltrimstr("0x")] |
			unique | join(" "))",
		"tries.\($which) \([$refused[] | map(.window) | reduce .[] as $w ([];
			if last == $w then . else . + [$w] end) | join(" ")] |
			if . == [] then "none" else join(" ") end)",
		"gave-up.\($which) \([$own[] | select(.event == "d0_entry" and stays) | .device] | unique |
			map(select(. as $d | $own | entered($d) | not)) |
			if . == [] then "none" else join(" ") end)",
		"present.\($which) \([$own | present | keys[] | select({device: .} | is_pci)] | join(" "))",
		"space.\($which) \($own | present as $there | [($there | .[] | "there - \(.);"),
			(has | to_entries[] | "\(.value[] | gsub("0x"; "")) \($there[.key]);"),
			"framebuffer \($said.fb // "" | gsub("0x"; ""));"] | join(""))",
		"at-once.\($which) \([$own | probing | .on | length] | max // 0)",
		([$own | probing | select(.begun and .left > 0)] |
			map(select(.e.event == "eject" and .e.how != "done")) as $goes |
			"hot.\($which) \($goes | map(.e.device) | unique | length) gone, \(
				if any(.[]; .e.event == "offer" and (.e | is_pci))
				then "some" else "none" end) come",
			"were-up.\($which) \($goes | map(select(.was_up) | .e.device) | unique | length)"),
		"held.\($which) \([$own[] | select(.event == "d0_entry" and .reason == "held") |
			.device] | unique | length)",
		# A config window that was refused is no harm if another one was accepted.
		"conflicts.\($which) \([$own[] | select(.event == "conflict") | select(
			(.device as $d | .what == "config" and ($own | entered($d))) | not)] | attempts |
			map(.what + "/" + .with) | if . == [] then "none" else unique | join(",") end)",
		"lost.\($which) \(
			([$own[] | select(.event == "offer")] | map({(.device): .instance}) | add) as $instance |
			[($own | dead_bars[]),
			([$own[] | select(.event == "conflict" and .what == "framebuffer")] | attempts[] |
				(.with | kind("framebuffer")) + " video"),
			([$own[] | select((.event == "open" and is_pci) or .event == "d0_entry" or
				.event == "d0_exit") | select(stays)] |
				lost_buses(if $n == 1 then $need1 else $need2 end; $instance)),
			(if any($own[]; .event == "open" and .device == "video") and
				(any($own[]; .event == "vram_location" and .accepted) | not)
				then "no-vram video" else empty end)] | unique | join(", "))",
		# It stays where the kernel before has put it.
		"vram.\($which) \([range($n + 1) as $k | events_of($k)[] |
			select(.event == "vram_location" and .accepted) | .fb] |
			last // $said.fb | start)"' "$1"
}

# sorted SEPARATOR WORDS: each once, in order.
sorted() {
	tr -s ' ' '\n' <<<"$2" | sed '/^$/d' | LC_ALL=C sort -u | paste -sd"$1"
}

# space_wrong LIST: what does not agree of what a guest holds of MMIO space (held
# RANGE), whose that is by its /proc/iomem (iomem RANGE INSTANCE), and of what is
# reserved (reserve RANGE), where who is given some has it in /proc/iomem alone; of
# where the host has the framebuffer (framebuffer RANGE), which may be kept as well; of
# the devices that the host has (there - INSTANCE), their config windows (config
# RANGE INSTANCE) and BARs (bar ...). Each has ";" at its end.
space_wrong() {
	awk '
		function pad(s) { while (length(s) < 16) s = "0" s; return s }
		function number(s,  i, n) {
			for (i = 1; i <= length(s); i++) n = 16 * n + index("123456789abcdef", substr(s, i, 1))
			return n
		}
		{ split($2, at, "-"); first = pad(at[1]); last = pad(at[2]); range = first "-" last }
		$1 == "reserve" { start = first; end = last }
		$1 == "framebuffer" { fb = range }
		$1 == "held" { held[range] }
		$1 == "iomem" { n++; name[n] = range; from[n] = first; to[n] = last; whose[n] = $3 }
		$1 == "there" { there[$3] }
		$1 == "config" || $1 == "bar" { m++; what[m] = $1; low[m] = first; high[m] = last; of[m] = $3 }
		END {
			for (i = 1; i <= n; i++) {
				seen[name[i]]
				if (!(name[i] in held) && !(from[i] >= start && to[i] <= end)) print "not held: " name[i]
				if (!(whose[i] in there)) print "left behind: " name[i]
				# 8 KiB are a config window. If it is not the one in use, it was leaked.
				if (number(to[i]) - number(from[i]) == 8191) {
					for (j = 1; j <= m; j++)
						if (of[j] == whose[i] && what[j] == "config" && low[j] "-" high[j] == name[i]) break
					if (j > m) print "not in use: " name[i]
				}
				for (j = 1; j < i; j++) if (from[i] <= to[j] && from[j] <= to[i]) print "twice: " name[i]
			}
			for (range in held) if (!(range in seen) && range != fb) print "nobody'\''s: " range
			for (i = 1; i <= m; i++) {
				for (j = 1; j <= n; j++)
					if (whose[j] == of[i] && from[j] <= low[i] && high[i] <= to[j] &&
						(what[i] == "bar" || name[j] == low[i] "-" high[i])) break
				if (j > n) print "not its own " what[i] ": " low[i] "-" high[i]
			}
		}' <<<"${1//;/$'\n'}" | LC_ALL=C sort | sed 4q | paste -sd,
}

# iomem_at CONSOLE BLOCK ADDRESS: what /proc/iomem, as that block has it, says of
# that address, the outermost first, but for PCI's buses and BARs; VMBus for an
# instance of a device of its.
iomem_at() {
	tr -d '\r' <"$1" | block "$2" | awk -v at="$3" '
		function pad(s) { while (length(s) < 16) s = "0" s; return s }
		{
			split($1, range, "-"); name = $0; sub(/.* : /, "", name)
			if (name ~ /^........-....-....-....-............$/) name = "VMBus"
			if (name ~ /^PCI Bus |^....:..:..[.].$/) next
			if (pad(range[1]) <= pad(at) && pad(at) <= pad(range[2]))
				names = names (names == "" ? "" : " > ") name
		}
		END { print names == "" ? "nothing" : names }'
}

# picture FILE: of what guest/init paints, the eight colours, in hexadecimal.
picture() {
	pngtopnm "$1" 2>/dev/null | pnmcut -left 0 -top 56 -width 512 -height 1 2>/dev/null |
		pnmtoplainpnm 2>/dev/null | sed 1,3d | tr -s ' ' '\n' | sed '/^$/d' |
		awk 'NR % 192 > 96 && NR % 192 < 100 {
			printf "%s%02x", (NR > 192 && NR % 3 == 1 ? " " : ""), $1 }' || true
}

# verdict GROUP WANT GOT: a line "pass GROUP" or "fail GROUP: why".
verdict() {
	if [ "$2" = "$3" ]; then
		echo "pass $1"
	else
		printf 'fail %s: %s, not %s\n' "$1" "${3:-nothing}" "${2:-nothing}"
	fi
}

# judge JOB: the verdicts over what came back of a job, one a line; the loaded
# scenario is that job's. The host's trace first, then the guest's console.
judge() {
	local d=$1 path kernel key value which want got kernels=(first) crash i
	local -A host=() guest=() disk=() release=()
	read -r _ path kernel <"$d/scenario"
	release[first]=$(sed -n 1p "$d/release")
	release[second]=$(sed -n '$p' "$d/release")
	[[ $path != k* ]] || kernels+=(second)
	while read -r key value; do
		guest[$key]=$value
	done < <(heard "$d/console" 2>/dev/null)
	while read -r key value; do
		host[$key]=$value
	done < <(seen "$d/out/trace" "$d/layout.json" "${guest[need.first]:-}" \
		"${guest[need.second]:-}" "${C[gone]:-}" 2>/dev/null)
	while read -r key value; do
		disk[$key]=$value
	done < <(cat "$d/out/disk" 2>/dev/null)

	# It ran to its end.
	got="${host[end]:-no trace}, ${guest[ends]:-no console}"
	[ ! -e "$d/why" ] || got+=", $(<"$d/why")"
	want="poweroff, 1 finished"
	[ "$path" != shutdown ] || want="poweroff, 0 finished"
	crash=$(expected crash "$kernel" "$path" first)
	crash=${crash%%:*}
	if [ -n "$crash" ]; then
		want="reset, 0 finished, in $crash"
		got+=", in ${guest[crash.first]:-nothing}"
	fi
	verdict ends "$want" "$got"
	verdict "well behaved" - "${host[bad]:-}"
	# It had no time to report.
	[ -z "$crash" ] || return 0

	# Hyper-V, and each kernel the one that was meant. On its way out the
	# last one may take itself off, or not.
	want="linux" got=${host[os]:-}
	[ ${#kernels[@]} = 1 ] || want="linux off linux"
	got=${got% off}
	for which in "${kernels[@]}"; do
		want+=", Microsoft Hyper-V ${release[$which]}"
		got+=", ${guest[hypervisor.$which]:-} ${release[$which]:+${guest[release.$which]:-}}"
	done
	verdict detection "$want" "$got"

	# VMBus: connected in each, given back between them, used.
	# To hibernate is to give it back, too.
	want="contact" got=${host[vmbus]:-}
	for ((i = 0; i < ${C[resume]:-0}; i++)); do
		want+=" unload contact"
	done
	case $path in
	k*) want+=" unload contact" ;;
	shutdown) want+=" shutdown_request shutdown_ack" ;;
	esac
	want+=", $((2 * (${#kernels[@]} + i))) opens"
	got="${got% unload}, ${host[opens]:-0} opens"
	for which in "${kernels[@]}"; do
		want+=", said"
		got+=", ${guest[vmbus.$which]:-silent}"
	done
	verdict vmbus "$want" "$got"

	# What the kernels see.
	for key in efi lfb-base windows reserve; do
		want='' got=''
		for which in "${kernels[@]}"; do
			want+="$(expected "$key" "$kernel" "$path" "$which"); "
			value=${guest[$key.$which]:-nothing}
			# What it prints has to agree, if it prints it.
			if [ "$key" = reserve ] &&
				[ "${guest[printed.$which]:-$value}" != "$value" ]; then
				value+=" but prints ${guest[printed.$which]}"
			fi
			got+="$value; "
		done
		# The host's own idea too, and the one that was true.
		case $key in
		windows)
			want+="layout ${C[windows]}; trace ${C[windows]}; "
			got+="layout ${host[layout]:-none}; trace ${host[traced]:-none}; " ;;
		reserve)
			want+="layout ${C[reserve]}; "
			got+="layout ${host[layout-reserve]:-none}; " ;;
		esac
		verdict "$key" "${want%; }" "${got%; }"
	done

	want='' got=''
	for which in "${kernels[@]}"; do
		has_selftest "$(kernel_of "$kernel" "$which")" || continue
		value=pass
		# A device that is lost has no driver.
		! grep -Eq "^($UNBOUND) (nvme|test)" <<<"$(losses "$kernel" "$path" "$which")" ||
			value="failed global.pci_devices_are_present"
		want+="$value " got+="${guest[selftest.$which]:-missing} "
	done
	[ -z "$want" ] || verdict selftest "$want" "$got"
	want='' got=''
	for which in "${kernels[@]}"; do
		is_ours "$(kernel_of "$kernel" "$which")" || continue
		want+="none, " got+="${guest[reports.$which]:-none}, "
		[ "${guest[looked.$which]:-}" = yes ] || got+="not asked for, "
		[ "${C[leaks]:-no}" = no ] || want+="none leaks, " got+="${guest[leaks.$which]:-not looked for} leaks, "
	done
	[ -z "$want" ] || verdict reports "$want" "$got"
	[[ $path != kdump-* ]] ||
		verdict vmcore "elf core, OSRELEASE=${release[first]}, large" \
			"${guest[elf.second]:-}, ${guest[osrelease.second]:-}, ${guest[large.second]:-}"
	judge_devices
}

# judge_pictures: judge's part on the screen, with judge_devices' variables too.
judge_pictures() {
	local pictures=(x "$PICTURE" "$(tr ' ' '\n' <<<"$PICTURE" | tac | paste -sd' ')") entry='' under=

	want=${want_paint% }
	verdict paint "$want_paint${pictures[${want##* }]}" "$got_paint$(picture "$d/out/screen.png")"
	[ -n "${C[handover]:-}" ] || return 0
	# What firmware's framebuffer showed while it was firmware's
	want="${pictures[1]}" got=$(picture "$d/out/before.png")
	[[ $kernel != *-series* || ${C[generation]} != 2 ]] || entry="Hyper-V framebuffer"
	under=${entry:+$entry > }
	got+=", $(iomem_at "$d/console" before "${C[lfb-base]}")"
	for key in iomem unloaded unbound; do
		got+=", $(iomem_at "$d/console" "$key" "${host[vram.first]:-0}")"
	done
	case ${C[handover]} in
	simpledrm) want+=", ${under}BOOTFB > simpledrm" ;;
	efifb) want+=", ${under}efifb" ;;
	esac
	verdict handover "$want, ${under}VMBus, ${entry:-nothing}, nothing" "$got"
}

# judge_devices: judge's part on the framebuffer and PCI devices, with its
# variables.
judge_devices() {
	local nvme want_d0='' got_d0='' want_c='' got_c='' want_disk='' got_disk=''
	local want_echo='' got_echo='' want_paint='' got_paint='' want_vram='' got_vram=''
	local want_lost='' got_lost='' want_tries='' got_tries='' want_up='' got_up=''
	local drivers words said i n held bars dead tests conflicts
	local want_space='' got_space='' want_hot='' got_hot='' present
	local -A lost=() had=()

	for which in "${kernels[@]}"; do
		nvme=$(expected nvme "$kernel" "$path" "$which")
		drivers=$(modules "$kernel" "$which")
		value=$(losses "$kernel" "$path" "$which" | LC_ALL=C sort -u)
		want_lost+="${value//$'\n'/, }; "
		got_lost+="${host[lost.$which]:-}; "
		lost=()
		while read -r key words; do
			[ -z "$key" ] || lost[$words]+=" $key"
		done <<<"$value"

		# Where the host has the framebuffer when that kernel is done.
		value=$(expected vram "$kernel" "$path" "$which")
		: "${value:=${host[layout-fb]:-}}"
		want_vram+="$value " got_vram+="${host[vram.$which]:-nothing} "

		# The config windows of the devices that had one refused. With the second
		# try no device is left without a window.
		if [[ $(kernel_of "$kernel" "$which") = 7.3-series* ]]; then
			want_tries+="$(expected tries "$kernel" "$path" "$which"); "
			got_tries+="${host[tries.$which]:-nothing}; "
			value=$(losses "$kernel" "$path" "$which" |
				sed -n 's/^\(config-[^ ]*\|outside\) //p' | sort -u | paste -sd' ')
			want_up+="${value:-none}; "
			got_up+="${host[gave-up.$which]:-nothing}; "
		fi

		# Which buses came to D0, in a second kernel only after the host
		# was asked to let go of what the first had; and what the guest
		# says of a refusal.
		words='' said='' n=0 held=0 bars=0 dead='' tests=0 conflicts='' present=''
		for i in "${!PCI[@]}"; do
			key=nvme0
			[ "${PCI[i]}" = nvme ] || key=test$((tests++))
			[[ " ${C[gone]:-} " != *" $key "* ]] || continue
			present+="$key "
			[[ ,$drivers, = *,pci-hyperv,* ]] || continue
			case ${lost[$key]:-} in
			*no-config-window*) continue ;;
			*config-on-framebuffer*) said+="c0370048 " ;;
			*config-refused*) said+="${host[refusals.$which]:-} " ;;
			*config-on-device* | *outside*) said+="c0000018 " ;;
			*) words="ok " ;;
			esac
			n=$((n + 1))
			held=$((held + ${had[$key]:-0}))
			[[ ! ${lost[$key]:-} =~ config-|no-|outside ]] || continue
			[ "$which" = second ] || had[$key]=1
			if [ -n "${lost[$key]:-}" ]; then
				dead+=" $(printf %04x $((i + 1))):00:00.0"
			else
				bars=$((bars + $(tr -cd , <<<"${PCI[i]%,refuse*}" | wc -c)))
			fi
		done
		[ "$n" != 0 ] || words=none
		want_d0+="$(sorted , "$said $words") $n buses said $(sorted , "${host[refusals.$which]:-}") "
		got_d0+="${host[d0.$which]:-nothing} ${host[buses.$which]:-0} buses "
		got_d0+="said $(sorted , "${guest[refused.$which]:-}") "
		if [ "$which" = second ]; then
			want_d0+="$held held " got_d0+="${host[held.second]:-0} held "
		fi

		[[ $nvme != ignored* ]] || lost[nvme0]="bar-on-framebuffer"
		for key in "${lost[@]}"; do
			[[ $key != *-on-* ]] || conflicts+="${key//-on-//} "
		done
		conflicts=$(sorted , "$conflicts")
		want_c+="${conflicts:-none} " got_c+="${host[conflicts.$which]:-nothing} "

		value=found
		[[ $nvme != refused* && $nvme != dead* ]] || value=missing
		want_disk+="$value " got_disk+="${guest[disk.$which]:-silent} "
		# What the first kernel wrote is there for it, for the second,
		# and for the host.
		if [ "$value" = found ]; then
			want_disk+="$FILE_SUM " got_disk+="${guest[file.$which]:-none} "
		fi
		key="$bars BARs${dead:+, dead:$dead}"
		# No device to try, on whichever bus
		[ "$bars$dead" != 0 ] || key="exit 1, 0 BARs"
		want_echo+="$key; "
		value=${guest[echo.$which]:-none}
		[ "$key" = "$value" ] || value+=${guest[strange.$which]:-}
		got_echo+="$value; "
		# The second picture is the second kernel's, or after a handover.
		want_paint+="$([ "$which${C[handover]:-}" = first ] && echo 1 || echo 2) "
		got_paint+="${guest[paint.$which]:-not painted} "

		if is_ours "$(kernel_of "$kernel" "$which")"; then
			want_space+="; "
			value="reserve ${guest[reserve.$which]:-};"
			value+="${guest[space.$which]:-}${host[space.$which]:-}"
			got_space+="$(space_wrong "$value"); "
		fi
		want_hot+="$(sorted ' ' "$present"); "
		got_hot+="$(sorted ' ' "${host[present.$which]:-}"); "
	done
	verdict vram "$want_vram" "$got_vram"
	verdict lost "$want_lost" "$got_lost"
	verdict d0 "$want_d0" "$got_d0"
	[ -z "$want_tries" ] || verdict tries "$want_tries" "$got_tries"
	[ -z "$want_up" ] || verdict "second try" "$want_up" "$got_up"
	verdict conflicts "$want_c" "$got_c"
	[ -z "$(pci_has test)" ] || verdict echo "$want_echo" "$got_echo"
	[ -z "$want_space" ] || verdict space "$want_space" "$got_space"
	if [ ${#ON[@]} -gt 0 ]; then
		n=$(printf '%s %s\n' "${ON[@]}" | sed -n 's/^--[er][a-z]*-on \([^=]*\)=.*/\1/p' |
			sort -u | wc -l)
		want_hot+="$n gone, $([[ ${ON[*]} = *--add-on* ]] && echo some || echo none) come"
		verdict hot "$want_hot while others were probed" \
			"$got_hot${host[hot.first]:-} while others were probed"
		[ "${C[one-by-one]:-no}" = no ] ||
			verdict set-up "$n that go were set up" "${host[were-up.first]:-} that go were set up"
	fi
	if [ -n "${C[at-once]:-}" ]; then
		n=${host[at-once.first]:-0}
		verdict at-once "at least ${C[at-once]}" \
			"$([ "$n" -ge "${C[at-once]}" ] && echo "at least ${C[at-once]}" || echo "$n")"
	fi
	[ "${C[paint]:-no}" = no ] || judge_pictures
	[ -z "${C[failslab]:-}" ] || verdict failslab "${C[failslab]} some hits, some refusals" \
		"${guest[failslab.first]:-nothing} ${guest[hits.first]:-}"
	[ -z "${C[rebind]:-}" ] || verdict rebind "${C[rebind]}" "${guest[rebind.first]:-nothing}"
	[ -n "$(pci_has nvme)" ] || return 0
	verdict disk "$want_disk$FILE_SUM fsck 0" \
		"$got_disk${disk[file]:-none} fsck ${disk[fsck]:-not run}"
	[[ $path = kdump-* ]] || return 0
	# The dump, as the host finds it when all is over.
	want="saved, CORE (Core file), some segments, ${release[first]}"
	got="${guest[dump.second]:-silent}, none"
	case $(expected nvme "$kernel" "$path" second) in
	refused* | dead*) want="lost no disk, none" ;;
	esac
	if [ -n "${disk[elf]:-}" ]; then
		got="${guest[dump.second]:-silent}, ${disk[elf]}, ${disk[osrelease]:-}"
		[ -z "${disk[cut]:-}" ] || got+=", ${disk[size]} of ${disk[cut]} bytes"
		got=$(sed -E 's/, [1-9][0-9]* segments/, some segments/' <<<"$got")
	fi
	verdict dump "$want" "$got"
	[ "${C[save]}" = small ] || verdict "full dump" \
		"${guest[vmcore-size.second]:-no} bytes" "${disk[size]:-0} bytes"
}
