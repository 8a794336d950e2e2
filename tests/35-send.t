#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make send: reads back what arrives, and tries what must not be sent. Runs each
# command of docs/sending.md. Works on copies, as a user with a home of their own.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
tmpdir
unshare -rn true 2>/dev/null ||
	plan skip_all "no network namespace can be made here (unshare -rn)"

"$TOP/kernel/tree" || not_ok "kernel/tree makes the tree"
MAIN=$TOP/build/linux-$(main_base)
DOC=$TOP/docs/sending.md
unset LINUX BASE REALLY PREV "${!GIT_@}" EMAIL

# A user whose settings would send mail to everywhere but where it should go.
U=$T/user
mkdir -p "$U/hooks"
cat >"$U/leak" <<'SH'
#!/bin/sh
touch "${0%/*}/ran"
echo leak@kernel.org
SH
chmod +x "$U/leak"
cp "$U/leak" "$U/hooks/sendemail-validate"
echo 'linux-hyperv@vger.kernel.org: leak@kernel.org' >"$U/aliases"
# wild FILE: such settings, in FILE.
wild() {
	local k
	for k in smtpServer=192.0.2.1 smtpServerPort=2525 smtpEncryption=tls \
		to=leak@kernel.org cc=leak@kernel.org bcc=leak@kernel.org \
		toCmd="$U/leak" ccCmd="$U/leak" aliasesFile="$U/aliases" \
		aliasFileType=sendmail confirm=never suppressCc=all thread=false \
		transferEncoding=base64 from=leak@kernel.org envelopeSender=leak@kernel.org \
		identity=work work.smtpServer=192.0.2.2 work.to=leak@kernel.org; do
		git config --file "$1" "sendemail.${k%%=*}" "${k#*=}"
	done
	git config --file "$1" core.hooksPath "$U/hooks"
}
wild "$U/.gitconfig"
git config --file "$U/.gitconfig" user.name 'Jane Dée'
git config --file "$U/.gitconfig" user.email jane@kernel.org

# user COMMAND...: as that user, in H, with a proxy that is not there.
user() {
	(cd "$H" && env HOME="$U" XDG_CONFIG_HOME="$U" all_proxy=socks5://192.0.2.3:1080 \
		http_proxy=http://192.0.2.3:3128 GIT_SMTP_SERVER=192.0.2.4 "$@")
}

# step COMMAND: one of docs/sending.md, as it is there; under TRACE, if set.
trace=()
step() {
	grep -qxF "    $1" "$DOC" || not_ok "docs/sending.md has '$1'" </dev/null
	echo "$1" >>"$T/steps"
	user "${trace[@]}" bash -c "$1"
}

numbered() {
	find "$1" -maxdepth 1 -name '[0-9]*.patch' ! -name '0000-*' | sort
}

# sort_mails: mails are what is in the sink, by their number in the subject.
sort_mails() {
	mapfile -t mails < <(cd "$H/build/sink/new" && grep -m1 -HE '^Subject: ' -- * |
		sed -E 's|^([^:]*):Subject: \[[^]]* ([0-9]+)/[0-9]+\].*|\2 \1|' | sort -n |
		sed "s|.* |$H/build/sink/new/|")
}

# header NAME MAIL: its value. The sink has addresses in one line.
header() {
	sed -n "/^\$/q; s/^$1: //Ip" "$2"
}

# to MAIL: the addresses it went to, sorted.
to() {
	header X-RcptTo "$1" | tr -d ' ' | tr , '\n' | sort -u
}

# maintainers PATCH: the addresses that the tree's MAINTAINERS has for it.
maintainers() {
	(cd "$L" && HOME=/nonexistent scripts/get_maintainer.pl --nogit \
		--nogit-fallback --norolestats "$1" 2>/dev/null) |
		grep -oE '[^ <>]+@[^ <>]+' | sort -u
}

body() {
	sed '1,/^$/d' "$1"
}

# The same with a server that works, of which recipients still are not to come.
mkdir "$U/real"
sed '/aliasesFile\|suppressCc\|^\tidentity\|bcc\|192\.0\.2\|smtpEncryption\|[fF]rom = \|envelope/d' \
	"$U/.gitconfig" >"$U/real/.gitconfig"
git config --file "$U/real/.gitconfig" sendemail.smtpServer 127.0.0.1
git config --file "$U/real/.gitconfig" sendemail.smtpServerPort 25

# What get_maintainer.pl and checkpatch.pl ask of a tree, and the series' files.
cd "$TOP"
mapfile -t kernel < <({
	printf '%s\n' COPYING CREDITS Kbuild MAINTAINERS Makefile README Kconfig \
		.get_maintainer.ignore arch/Kconfig fs/Kconfig init/Kconfig ipc/Makefile \
		lib/Kconfig kernel/Makefile include/linux/hyperv.h LICENSES \
		scripts/{get_maintainer.pl,checkpatch.pl,spelling.txt} \
		scripts/{const_structs.checkpatch,spdxcheck.py,spdxexclude}
	sed -n 's|^--- a/||p' patches/linux-"$(main_base)"/*/*.patch
} | sort -u | xargs git -C "$MAIN" ls-tree -r --name-only base --)
home a "${kernel[@]/#//}" /drivers/pci/controller/ /Documentation/virt/hyperv/ \
	/tools/testing/selftests/hyperv/
wild "$L/.git/config"
git init -q "$H"
wild "$H/.git/config"

# check_set SET: what make send left of it is what it should be.
check_set() {
	local set=$1 start end
	mapfile -t stored < <(numbered "$P/$set")
	mapfile -t sent < <(numbered "$H/build/send")
	start=$(H_ref set_start "$set") end=$(H_ref set_ref "$set")
	n=${#stored[@]}
	is "$(grep -v '^pass \|<fill in' "$T/out" | cut -d: -f1,2)" 'skip cover: base-commit
skip cover: range-diff
skip b4: prep --check' "$set: on Debian's source nothing fails"
	is "$(grep -c '^pass checkpatch: ' "$T/out")" "$n" "$set: checkpatch passes each patch"

	sort_mails
	is "${#mails[@]}" $((n + 1)) "$set: a mail a patch arrives, and the cover letter"
	cover=${mails[0]}
	is "$(for m in "${mails[@]}"; do header Subject "$m" | grep -oE '^\[.*[0-9]/[0-9]+\]'; done |
		sed 's/^\[\(RFC \)*//')" \
		"$(seq -f "PATCH %0${#n}g/$n]" 0 "$n")" "$set: numbered"
	id=$(header Message-Id "$cover")
	like "$id" '^<[^@ ]+@kernel\.org>$' "$set: the cover letter has a Message-Id"
	is "$(header In-Reply-To "$cover")" "" "$set: and is no reply"
	is "$(for m in "${mails[@]:1}"; do
		header In-Reply-To "$m"
		header References "$m"
	done | sort -u)" "$id" "$set: all others are replies to it, and to nothing else"
	is "$(for m in "${mails[@]}"; do header Message-Id "$m"; done | sort -u | wc -l)" $((n + 1)) \
		"$set: each Message-Id is another"
	is "$(for m in "${mails[@]}"; do
		header From "$m"
		header X-MailFrom "$m"
	done | sort -u)" '=?UTF-8?q?Jane=20D=C3=A9e?= <jane@kernel.org>
jane@kernel.org' "$set: all come from who signed"
	is "$(for m in "${mails[@]}"; do
		header Content-Type "$m"
		header Content-Transfer-Encoding "$m"
	done | sort -u)" '8bit
text/plain; charset=UTF-8' "$set: all are UTF-8 as it is"
	bad=
	for ((i = 1; i <= n; i++)); do
		cmp -s <(body "${mails[i]}") <(body "${sent[i - 1]}") || bad+=" $i"
	done
	is "$bad" "" "$set: no text was changed on the way"

	# Who has them
	bad=
	for ((i = 1; i <= n; i++)); do
		lists=$(to "${mails[i]}")
		[ "$lists" = "$(maintainers "${stored[i - 1]}")" ] || bad+=" $i:other"
		for list in linux-hyperv@vger.kernel.org linux-kernel@vger.kernel.org; do
			grep -qx "$list" <<<"$lists" || bad+=" $i:$list"
		done
		if grep -q '^diff --git a/drivers/pci/' "${stored[i - 1]}"; then
			for list in linux-pci@vger.kernel.org bhelgaas@google.com; do
				grep -qx "$list" <<<"$lists" || bad+=" $i:$list"
			done
			header To "${mails[i]}" >>"$T/pci"
		fi
	done
	is "$bad" "" \
		"$set: each goes to whom MAINTAINERS names; linux-hyperv has all, linux-pci PCI's"
	is "$(to "$cover")" "$(for m in "${mails[@]:1}"; do to "$m"; done | sort -u)" \
		"$set: the cover letter goes to all of them"
	is "$(cat "${mails[@]}" | sed -nE '/^(To|Cc): /,/^[A-Z]/p' | grep -ciE 'localhost|leak' || true)" 0 \
		"$set: no address is a stored author's or comes from settings"
	is "$(cat "${mails[@]}" | grep -c '^X-RcptTo:.*stable@' || true)" 0 "$set: none goes to stable"
	is "$(cat "${mails[@]:1}" | grep -c '^Cc: stable@vger.kernel.org')" \
		"$(cat "${stored[@]}" | grep -c '^Cc: stable@vger.kernel.org')" "$set: which remains a tag"

	# What is in them
	git -C "$L" checkout -q -B received "$start"
	run_ok "$set: they apply by git am to the sets before" git -C "$L" am -q "${mails[@]:1}"
	is "$(git -C "$L" rev-parse 'received^{tree}')" "$(git -C "$L" rev-parse "$end^{tree}")" \
		"$set: and give the set"
	is "$(git -C "$L" log --format='%an <%ae>%n%(trailers:key=Signed-off-by,valueonly,separator=%x2C)' \
		"$start..received" | sort -u)" 'Jane Dée <jane@kernel.org>' \
		"$set: written and signed by who sends"
	is "$(git -C "$L" log --format='%(trailers:key=Assisted-by,valueonly)' "$start..received" |
		grep -c .)" "$n" "$set: each says what assisted"
	git -C "$L" checkout -q series
	is "$(sed -n "/^Jane Dée ($n):$/,/^\$/p" "$cover" | sed 1d | words)" \
		"$(git -C "$L" log --reverse --format=%s "$start..$end" | words)" \
		"$set: the cover letter lists them"
	is "$(sed -n '/^ [^ ]* *| /,/^ [0-9]* files* changed/p' "$cover")" \
		"$(git -C "$L" diff --stat=72 "$start" "$end")" "$set: and what they change"
}
words() {
	grep -oE '[^ ]+'
}
# H_ref FUNCTION SET: what that of kernel/srclib.sh prints for the copy.
H_ref() {
	bash -c '. "$0/kernel/lib.sh" && . "$0/kernel/srclib.sh" && "$@"' "$H" "$@"
}

run_ok "make tree" step 'make tree'
mapfile -t sets < <(sets "$(main_base)")
first=${sets[0]} second=${sets[1]}
for set in "${sets[@]}"; do
	stage "$set"
	send=(user make send SET="$set")
	[ "$set" != "$first" ] || send=(step "make send SET=${set#*-}")
	if ! "${send[@]}" >"$T/out" 2>"$T/err"; then
		not_ok "make send SET=$set succeeds" < <(cat "$T/out" "$T/err")
		done_testing
	fi
	check_set "$set"
done
like "$(cat "$T/pci")" '=\?UTF-8\?q\?Krzysztof=20Wilczy=C5=84ski\?=' \
	"a name that is not ASCII is written as mail has it"
stage "a git tree"

# What is sent: a few patches, on a git tree, as a second version.
git init -q "$U/linux"
git -C "$MAIN" archive base -- "${kernel[@]}" | tar -x -C "$U/linux"
git -C "$U/linux" add -A -f
git -C "$U/linux" -c user.name=Dev -c user.email=dev@kernel.org commit -qm own
user make send SET="$second" LINUX="$U/linux" >"$T/out" 2>"$T/err" ||
	not_ok "a later set goes on a git tree, too" < <(cat "$T/out" "$T/err")
sort_mails
is "$(sed -n '/^base-commit: /,$p' "${mails[0]}" | sed 's/: .*//' | sort | uniq -c | sed 's/^ *//')" \
	"1 base-commit
$(numbered "$P/$first" | wc -l) prerequisite-patch-id" "it names the patches of the set before"
# Of the first set three patches, and no other set
mapfile -t stored < <(numbered "$P/$first")
rm -f "${stored[@]:3}"
for set in "${sets[@]:1}"; do
	rm -r "${P:?}/$set"
	sed -i "s/, \"$set:[a-z-]*\"//g" "$P/base.toml"
done
user make tree 2>/dev/null

trace=(strace -f --seccomp-bpf -qq -e "trace=connect,sendto,sendmsg" -o "$T/trace")
"${trace[@]}" true 2>/dev/null || trace=()
out=$(step 'make send SET=reservation LINUX=~/linux' 2>"$T/err") ||
	not_ok "make send LINUX=~/linux succeeds" <<<"$out"$'\n'"$(<"$T/err")"
is "$(grep -v '^pass \|<fill in' <<<"$out" | cut -d: -f1,2)" 'skip cover: public base
skip cover: range-diff
skip b4: prep --check' "on a git tree it has base-commit"
if [ ${#trace[@]} -gt 0 ]; then
	is "$(grep -oE 'sa_family=AF_INET.*(inet_addr|inet_pton)\([^)]*\)' "$T/trace" |
		sed 's/.*inet_//' | sort -u)" 'addr("127.0.0.1")' \
		"no connection is tried but to loopback"
else
	skip "no connection is tried but to loopback" "strace does not work here"
fi
trace=()
sort_mails
is "${#mails[@]}" 4 "three patches and the cover letter arrive"
is "$(tail -n 1 "${mails[0]}")" "base-commit: $(git -C "$U/linux" rev-parse HEAD)" \
	"which names that tree's HEAD"
run_ok "ls" step 'ls build/send build/sink/new'
is "$(step "grep -hE '^(Subject|X-RcptTo):' -r build/sink/new" | wc -l)" 8 \
	"who gets what can be read"
step 'cp -r build/send ~/reservation-v1'

# refused EREGEX DESC COMMAND...: with that message, and nothing is sent.
refused() {
	run_fails "$1" "$2" user "${@:3}"
	[ ! -e "$H/build/sink" ] || not_ok "$2: nothing is sent" </dev/null
}
A=(make send SET="$first" LINUX="$U/linux")
refused "REALLY is 1 or nothing, not 'yes'" "REALLY=yes is refused" make send REALLY=yes
refused 'LINUX=/nowhere is not a directory' "LINUX must exist" make send LINUX=/nowhere
refused 'PREV=.*has \[PATCH\], not \[PATCH v2\]' "a first version has none before it" \
	"${A[@]}" PREV="$U/reservation-v1"
refused 'no name and e-mail address' "without a name nothing is sent" \
	env HOME=/nowhere XDG_CONFIG_HOME=/nowhere "${A[@]}"
refused "'Jane <you@example.com>' is a placeholder" "nor from a placeholder" \
	env GIT_COMMITTER_NAME=Jane GIT_COMMITTER_EMAIL=you@example.com "${A[@]}"
# Settings that are the user's, of this repository, would count.
rm -rf "$H/.git"
refused 'needs sendemail.smtpServer' "REALLY=1 needs settings of git send-email" \
	env HOME="$U/none" XDG_CONFIG_HOME="$U/none" "${A[@]}" REALLY=1
refused 'sendemail.suppressCc.*drops the lists' "and none that drops recipients" \
	"${A[@]}" REALLY=1
OWN=$H/build/linux-local
echo '/* mine */' >>"$OWN/drivers/hv/vmbus_drv.c"
refused 'uncommitted work .*vmbus_drv.c' "nothing is sent with uncommitted work" "${A[@]}"
git -C "$OWN" commit -qam 'Drivers: hv: Mine'
refused 'commits that patches/ does not have' "nor with work that patches/ is without" "${A[@]}"
git -C "$OWN" reset -q --hard HEAD~
cp "${stored[1]}" "$T/kept"
sed -i '/^@@/,$ s/^ \(.*[a-z]\)/ x\1/' "${stored[1]}"
refused "${stored[1]##*/} does not apply" "nor with a damaged patch" "${A[@]}"
cp "$T/kept" "${stored[1]}"
# The last one, as what it adds is no context of another
cp "${stored[2]}" "$T/kept"
sed -i '/^+[^+]/ s/$/ /' "${stored[2]}"
refused 'fail checkpatch: .*trailing whitespace.*nothing is sent' \
	"nor with what checkpatch objects to" "${A[@]}"
cp "$T/kept" "${stored[2]}"
sed -i '/linux-hyperv@/d' "$U/linux/MAINTAINERS"
git -C "$U/linux" -c user.name=Dev -c user.email=dev@kernel.org commit -qam 'No list'
refused 'fail recipients: 0001-.* is not for linux-hyperv' "nor to less than linux-hyperv" \
	"${A[@]}"
git -C "$U/linux" reset -q --hard HEAD~

cp "${stored[1]}" "$T/kept"
sed -i '0,/^$/s//\nTested: <fill in: on which hosts>\n/' "${stored[1]}"
like "$(user "${A[@]}" 2>/dev/null)" "skip cover: '<fill in' is left, .*${stored[1]##*/}:1" \
	"a rehearsal says what is to be filled in"
cp "$T/kept" "${stored[1]}"

# REALLY=1 from settings that would send, were there a network.
R=(env HOME="$U/real" XDG_CONFIG_HOME="$U/real" "${A[@]}" REALLY=1)
COVER=$P/$first/0000-cover-letter.patch
cp "$COVER" "$T/cover"
sed -i 's/<fill in: [^>]*>/said/' "$COVER"
refused 'fail cover: public base: no remote branch of .* contains [0-9a-f]{12};' \
	"REALLY=1 needs a base that others have" "${R[@]}"
git -C "$U/linux" update-ref refs/remotes/origin/master HEAD
sed -i '0,/^$/s//\nTools: <fill in: which>\n/' "$COVER"
refused "fail cover: '<fill in' is left.* 0000-cover-letter.patch:1" \
	"and all filled in in the cover letter" "${R[@]}"
sed 's/generated-content.rst//; s/<fill in: [^>]*>/said/' "$T/cover" >"$COVER"
refused "fail cover: tools: .*generated-content.rst" "and that it says which tools were used" \
	"${R[@]}"
sed 's/<fill in: [^>]*>/said/' "$T/cover" >"$COVER"
sed -i '0,/^$/s//\nTested: <fill in: on which hosts>\n/' "${stored[1]}"
refused "fail cover: '<fill in' is left.* ${stored[1]##*/}:1" "and in the patches" "${R[@]}"
cp "$T/kept" "${stored[1]}"

# The next version.
user make tree 2>/dev/null
sed -i '0,/return 0;/ s//return 0; \/* v2 *\//' "$L/drivers/hv/vmbus_drv.c"
git -C "$L" commit -qa --amend --no-edit
sed -i '/^Subject: / s/\[PATCH /[PATCH v2 /' "$COVER"
run_ok "make series" step 'make series'
refused 'fail cover: range-diff.*nothing is sent' "a second version needs a range-diff" "${A[@]}"
refused 'PREV=/nowhere is neither a folder nor a range' "PREV must exist" \
	"${A[@]}" PREV=/nowhere
refused 'PREV=.* has no patches' "and have patches" "${A[@]}" PREV="$H"
refused 'fail cover: base-commit' "REALLY=1 needs base-commit" \
	env HOME="$U/real" XDG_CONFIG_HOME="$U/real" make send SET="$first" PREV="$U/reservation-v1" REALLY=1

step 'make send SET=reservation LINUX=~/linux PREV=~/reservation-v1' >"$T/out" 2>&1 ||
	not_ok "make send PREV=~/reservation-v1 succeeds" <"$T/out"
sort_mails
is "$(for m in "${mails[@]}"; do header Subject "$m" | grep -oE '^\[.*\]'; done | paste -sd' ')" \
	'[PATCH v2 0/3] [PATCH v2 1/3] [PATCH v2 2/3] [PATCH v2 3/3]' "it is v2"
is "$(body "${mails[0]}" | grep -oE '^[1-9]:  [0-9a-f]+ [=!<>] [1-9]:' | sed 's/  [0-9a-f]* / /')" \
	$'1: = 1:\n2: = 2:\n3: ! 3:' "the range-diff has what changed"
like "$(body "${mails[0]}")" 'return 0; /\* v2 \*/' "and how"

# REALLY=1, where there is no network but the sink's.
# really ANSWER: what is said then; git asks on the terminal.
really() {
	rm -rf "$T/real"
	printf '%s\n' "$1" | user env HOME="$U/real" XDG_CONFIG_HOME="$U/real" \
		kernel/sink "$T/real" script -qec \
		"make send SET=$first LINUX=$U/linux PREV=$U/reservation-v1 REALLY=1" /dev/null
}
# texts MAILDIR: of its mails what does not change from time to time.
texts() {
	local f
	for f in "$1"/new/*; do
		grep -vE '^(Date|Message-Id|In-Reply-To|References|X-Peer): ' "$f" | sha256sum
	done | sort
}
is "$(ls "$U/ran" "$U/hooks/ran" 2>/dev/null)" "" "no command or hook of the user's was run"
cp -r "$H/build/sink" "$T/rehearsed"
really q >"$T/out" 2>&1 || not_ok "REALLY=1 can be left" <"$T/out"
like "$(<"$T/out")" 'Send this email\?.*' "REALLY=1 asks"
is "$(ls "$T/real/new")" "" "and sends nothing if the answer is to quit"
really a >"$T/out" 2>&1 || not_ok "REALLY=1 sends" <"$T/out"
is "$(texts "$T/real")" "$(texts "$T/rehearsed")" \
	"REALLY=1 sends what the rehearsal sent, to the same, whatever else is set"

is "$(sed -n 's/^    //p' "$DOC" | grep -vE '# not run here: (leaves the machine|[a-z ]*; [0-9]{2}-[a-z]+ runs it on v7\.3)$' |
	grep -vxFf "$T/steps")" "" "each command of docs/sending.md was run"
run_fails 'unreachable' "the sink has no way out" "$TOP/kernel/sink" "$T/out.d" \
	bash -c ': <>/dev/tcp/192.0.2.1/25'
done_testing
