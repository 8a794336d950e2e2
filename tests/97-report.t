#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The report: in headless Chromium, without network and without scripts, and made of
# data that is hostile, cut or missing. It shows what the last matrix and sweep left;
# this test runs a small one where there is none.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX KERNEL KERNELS TIMES MATRIX SWEEP BENCH REPORT
BASE=7.3
tmpdir
cd "$TOP"

MATRIX=$BUILD/matrix SWEEP=$BUILD/sweep/out
# kernels: the main base's kernels that the matrix has runs of
kernels() {
	grep -ohE '"kernel": "(nofix|mainline|series)"' "$MATRIX/result.jsonl" 2>/dev/null | sort -u
}
if [ "$(kernels | wc -l)" -lt 2 ]; then
	MATRIX=$T/matrix
	export MATRIX
	run_ok "a small matrix" lab/lab matrix gen2-default:kdump-c:nofix gen2-default:kdump-c:series
fi
if [ ! -e "$SWEEP/map.tsv" ]; then
	SWEEP=$T/sweep
	# shellcheck source=sweep/lib.sh
	. "$TOP/sweep/lib.sh"
	sweep_build "$BUILD/sweep" "$BASE-nofix" "$BASE" "$BASE-series"
	mkdir "$SWEEP"
	"$BUILD/sweep/sweep" --every 500 --base "$BASE" "$SWEEP" >"$SWEEP/layouts" 2>/dev/null
	sweep/report "$SWEEP" >/dev/null || true
fi
export MATRIX SWEEP BENCH=$T/bench

# Root needs no user namespace for one without network.
apart=(unshare -n)
[ "$(id -u)" = 0 ] || apart+=(-r)
# shellcheck disable=SC2317 # called by run_ok
# look: what Chromium makes of the report, in $T/look
look() {
	rm -rf "$T/look"
	mkdir "$T/look"
	"${apart[@]}" timeout 120 report/look "$REPORT" "$T/look" >"$T/said"
}

# has EREGEX DESC: the report, which is too long to be shown when it has not
has() {
	run_ok "$2" grep -qE -- "$1" "$REPORT"
}

# Plots as the bench leaves them
mkdir "$BENCH"
echo '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>ns an allocation</title></svg>' >"$BENCH/plot-alloc.svg"
printf 'what\tmainline\tseries\nalloc, 256 devices\t901\t13 <ns>\n' >"$BENCH/results.tsv"

start=$SECONDS
export REPORT=$T/report.html
run_ok "make report" make -s report
diag "in $((SECONDS - start)) s: $(stat -c %s "$REPORT") bytes of $(wc -l <"$MATRIX/result.jsonl") runs"
run_ok "in less than 15 MB" test "$(stat -c %s "$REPORT")" -lt 15000000

start=$SECONDS
run_ok "Chromium shows it, without network" look
diag "in $((SECONDS - start)) s"
said=$(cat "$T/said")
for screen in phone dark; do
	is "$(sed -n "s/^width-$screen //p" <<<"$said")" "360 360" \
		"$screen: the page does not scroll sideways"
done
like "$said" 'request file:///' "requests are seen"
is "$(grep '^request ' <<<"$said" | grep -vxE "request (file://$REPORT|data:image/svg.*)" || true)" "" \
	"and none is for anything but the file"
for f in phone-0 desktop-0 dark-0; do
	like "$(head -c 8 "$T/look/$f.png" | od -An -tx1)" '89 50 4e 47' "$f.png is a picture"
done
like "$(grep -ac '/Type /Page$' "$T/look/report.pdf")" '^[1-9][0-9]?$' \
	"printed, it has pages, and not hundreds"

# What the document has, with Chromium's own idea of what is in it.
cat >"$T/check" <<'PYTHON'
"""check DOM MATRIX: lines "pass WHAT" or "fail WHAT: WHY"."""
import collections, html.parser, json, os, sys

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.ids, self.links, self.tags = [], [], []
        self.text, self.of, self.open = [], collections.defaultdict(list), None
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "article":
            self.open = attrs["id"]
        if tag == "a":
            self.links.append(attrs.get("href", ""))
    def handle_endtag(self, tag):
        if tag == "article":
            self.open = None
    def handle_data(self, data):
        self.text.append(data)
        if self.open:
            self.of[self.open].append(data)

def verdict(what, wrong):
    print("fail %s: %s" % (what, wrong[:3]) if wrong else "pass " + what)

page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
verdict("ids are unique", [i for i, n in collections.Counter(page.ids).items() if n > 1])
verdict("each link has its target",
        [h for h in page.links if h[:1] != "#" or h[1:] not in page.ids] or
        ([] if page.links else ["there are no links"]))
verdict("nothing runs, nothing is loaded from elsewhere",
        [(t, a) for t, a in page.tags if t in ("script", "link", "iframe", "object", "embed")
         or any(k.startswith("on") or (k in ("src", "xlink:href", "srcset", "action") and
                                       not str(v).startswith("data:image/"))
                for k, v in a.items())])
verdict("pictures say what is in them",
        [(t, str(a)[:80]) for t, a in page.tags if (t == "img" and not a.get("alt")) or
         (t == "svg" and not a.get("aria-label") and a.get("aria-hidden") != "true")])
verdict("tables have headers and captions", [] if
        sum(t == "table" for t, _ in page.tags) == sum(t == "caption" for t, _ in page.tags)
        <= sum(t == "th" and "scope" in a for t, a in page.tags) else ["not all"])
text = "".join(page.text)
wrong = []
for line in open(os.path.join(sys.argv[2], "result.jsonl"), encoding="utf-8"):
    result = json.loads(line)
    name = os.path.basename(result["folder"])
    job = os.path.join(sys.argv[2], "jobs", name)
    own = "".join(page.of.get("run-" + name, []))
    if "#run-" + name not in page.links or not own:
        wrong.append(name + " is not linked, or not there")
    if result["known_failure"] not in own:
        wrong.append(name + " does not say why")
    for v in result["verdicts"]:
        said = [v["text"].replace("fail ", "FAIL ", 1)]
        for check in v["checks"]:
            if check["expected"] == check["got"]:
                continue
            said += [check["what"], check["expected"], check["got"], check["evidence"],
                     result["folder"], result["again"]]
        wrong += ["%s: %s" % (name, text) for text in said if text not in own]
    for file in "console", "out/findings":
        lines = open(os.path.join(job, file), encoding="utf-8", errors="replace").read()
        missing = [l for l in lines.replace("\r", "").split("\n")
                   if l.isprintable() and l not in own]
        if missing:
            wrong.append("%s: %s: %s" % (name, file, missing[0]))
    trace = open(os.path.join(job, "out", "trace")).read().count("\n")
    if "trace, %d events" % trace not in own.replace("Host's ", ""):
        wrong.append("%s: a trace of %d events" % (name, trace))
verdict("each run's verdicts, reason, findings, console and trace are in it", wrong)
for word in ("dump saved", "dump lost", "framebuffer", "ns an allocation", "13 <ns>"):
    verdict("it says '%s'" % word, [] if word in text else ["it does not"])
PYTHON
verdicts python3 "$T/check" "$T/look/dom.html" "$MATRIX"
has 'class="config no"' "a refused config window is on a map"
for group in gen1 gen2-x86; do
	run_ok "the sweep's map of $group is in it" grep -qF \
		"$(base64 -w0 "$SWEEP/map-$group.svg" | tail -c 400)" "$REPORT"
done
has "<td>kernel series</td><td>[^<]*7\.3" "it has the versions of kernels"

# What is not there is said; with nothing at all there is no report.
run_fails "there is no matrix; make matrix makes it.*nothing to report of" "nothing to report of" \
	env MATRIX=/none SWEEP=/none report/run
report=$(MATRIX=/none report/run 2>&1)
like "$report" "there is no matrix; make matrix makes it" "without a matrix, on stderr"
has "Matrix: not run; make matrix does" "and in the report"
report=$(SWEEP=/none report/run 2>&1)
like "$report" "there is no sweep; make sweep makes it" "without a sweep, on stderr"
has "Sweep: not run; make sweep does" "and in the report"

# Of several kernels with the series, that of the same version is beside one without.
# result KERNEL [KEY=VALUE...]: a line of result.jsonl; VALUE is JSON
result() {
	python3 - "$@" <<-'END'
		import json, sys
		r = dict(scenario="gen2-default", path="kdump-c", kernel=sys.argv[1], seconds=9,
		         known_failure="", again="make run", role="", lost="", notes=[],
		         verdicts=[{"group": "ends", "checks": []}])
		r["folder"] = "build/matrix/jobs/%s.gen2-default.kdump-c" % sys.argv[1].replace("/", "_")
		for arg in sys.argv[2:]:
		    key, _, value = arg.partition("=")
		    r[key] = json.loads(value)
		print(json.dumps(r))
	END
}
mkdir "$T/mix"
{
	result series
	result nofix known_failure='"why 7.3"'
	result debian-6.1.176 known_failure='"why 6.1"'
	result 6.1-series
} >"$T/mix/result.jsonl"
run_ok "of two versions" env MATRIX="$T/mix" report/run
for version in 6.1 7.3; do
	series=$version-series
	has "why $version</td><td data-label=\"with the series\"><a class=\"good\" href=\"#run-${series#"$BASE-"}\." \
		"a loss of $version is beside $series"
done

# A red cell says all that is needed to look into it; so does a kernel that is a file.
mkdir -p "$T/red/jobs/nofix.gen2-default.kdump-c/out"
printf '%s\n' '{"t":0.1,"event":"layout","windows":["0xf8000000-0xfed3ffff"],"fb":"0xf8000000-0xf83fffff"}' \
	'{"t":1,"event":"guest_os_id","id":"0x8100000703040000"}' \
	'{"t":2,"event":"contact","accepted":true}' '{"t":3,"event":"end","how":"poweroff"}' \
	>"$T/red/jobs/nofix.gen2-default.kdump-c/out/trace"
printf 'guest: kernel first\nguest: begin mmio\nreservation f8000000-f87fffff\nguest: end mmio 0 1\n' \
	>"$T/red/jobs/nofix.gen2-default.kdump-c/out/findings"
{
	result nofix verdicts='[{"group": "vmbus", "checks": [{"what": "connections", "expected": "contact unload",
		"got": "", "evidence": "out/trace:3"}]}, {"group": "ends", "checks": []}]' again='"make run S=x"'
	result a/bzImage role='"mainline"' lost='"second kernel: nvme0"' notes='["first: 9.9.9"]'
} >"$T/red/result.jsonl"
run_ok "of a red cell and an unknown kernel" env MATRIX="$T/red" report/run
has 'expected">contact unload</td><td data-label="got">nothing</td><td data-label="evidence"><a href="#run-nofix.gen2-default.kdump-c_trace-3">out/trace:3<' \
	"each failed check: expected, got, evidence"
has 'Files: <code>build/matrix/jobs/nofix.gen2-default.kdump-c</code>.*<code>make run S=x</code>' \
	"its files, and the command to run it again"
has '^<mark id="run-nofix.gen2-default.kdump-c_trace-3">[^<]* contact +accepted yes</mark>' \
	"the evidence is marked"
has '<td>first kernel \(nofix\)</td><td>reserved by the kernel</td><td>f8000000-f87fffff</td>' \
	"the guest's findings are on the map"
has 'a/bzImage was judged as mainline-like. Lost: second kernel: nvme0.</p><ul><li>first: 9.9.9</li>' \
	"an unknown kernel's role, loss and notes"
has '<a class="lost" href="#run-a_5f_bzImage' "... and its cell is not green"

has 'Guests: x86; make report ARCH=arm64 shows arm64.s</li>' "and where arm64's runs are"

# A kernel that resumes contacts VMBus again, and stays the same kernel.
sed '$i {"t":2.5,"event":"contact","accepted":true}' "$T/red/jobs/nofix.gen2-default.kdump-c/out/trace" \
	>"$T/trace"
mv "$T/trace" "$T/red/jobs/nofix.gen2-default.kdump-c/out/trace"
run_ok "of a guest that resumed" env MATRIX="$T/red" report/run
is "$(grep -c '— kernel . —' "$REPORT")" 1 "it has one kernel"

# Runs as lab recorded them: one has failed, some lose a device; one was not run.
mkdir -p "$T/rec/jobs"
R=lab/tests/recordings
for run in nofix.gen2-default.kdump-c mainline.openvmm-drm-first.kdump-c nofix.arm64-default.kdump-c \
	mainline.gen2-resume-refused.boot series.gen1-no-space.boot series.gen2-refused.kdump-c \
	series.gen2-default.kdump-{c,s}; do
	cp -r "$R/$run" "$T/rec/jobs/"
done
sed -i 's/"how":"poweroff"/"how":"reset"/' "$T/rec/jobs/series.gen2-default.kdump-s/out/trace"
run_fails 'the end is reset, not poweroff' "a spoilt recording is red" lab/lab judge "$T/rec/jobs/series.gen2-default.kdump-s"
lab/lab judge --json "$T"/rec/jobs/* >"$T/rec/result.jsonl" || true
{
	result "$(sets | sed -n '1s/^[0-9]*-//p')" scenario='"gen2-8k"'
	result series scenario='"gen2-azure-cvm-1g"' skipped='"this host has no VBS"' folder='""'
} >>"$T/rec/result.jsonl"
run_ok "of recorded runs" env MATRIX="$T/rec" report/run
# at RUN FILE LINE: a link to it
at() {
	echo "<a href=\"#run-$1_$2-$3\">(out/)?$2:$3</a>"
}
# shown RUN FILE LINE TEXT: the line that it leads to
shown() {
	echo "^<mark id=\"run-$1_$2-$3\">[^<]*$4"
}
end=$(grep -n '"event":"end"' "$T/rec/jobs/series.gen2-default.kdump-s/out/trace" | cut -d: -f1)
has "poweroff</td><td data-label=\"got\">reset</td><td data-label=\"evidence\">$(
	at series.gen2-default.kdump-s trace "$end")" "what failed leads to its evidence"
has "$(shown series.gen2-default.kdump-s trace "$end" 'end +how reset')" "which is that line"
clash=$(grep -n '"event":"conflict"' "$R/nofix.gen2-default.kdump-c/out/trace" | cut -d: -f1)
has "second: config/framebuffer \($(at nofix.gen2-default.kdump-c trace "$clash")\)" \
	"what is lost leads to its evidence"
has "$(shown nofix.gen2-default.kdump-c trace "$clash" 'conflict +what config +device nvme0')" \
	"which is that line"
has "the crash: hv_ringbuffer_write \($(at mainline.gen2-resume-refused.boot console '[0-9]+')\)" \
	"so does a crash"
has "first: no-config-window test0 \(<a href=\"#run-series.gen1-no-space.boot_trace\">out/trace<" \
	"so does a loss that is no line of the trace"
all=$(sets | sed 's/^[0-9]*-//' | paste -sd, | sed 's/,/, /g')
has "<td data-label=\"what it is\">Linux $BASE with the sets $all</td>" "the series' sets are named"
has "<td data-label=\"what it is\">Linux $BASE with the set ${all%%,*}</td>" "as are those of the first set"
has 'nvme0: fec01000-fec02fff refused, c0370048; fe0000000-fe0001fff accepted</li>' \
	"second tries: which windows, and what the host said"
has 'Guests: arm64 and x86</li>' "it has arm64's runs, too"
# with OPTION SETTING RUNS
with() {
	has "<code>$1</code></td><td data-label=\"setting\">$2</td><td data-label=\"runs\">$3" \
		"runs with $1 = $2"
}
with overlap cover '1: <span class="lost">1 lose a device, as expected</span></td>'
with offers video-first 'not run</td>'
has '1 could not be run</summary><ul><li>gen2-azure-cvm-1g, kdump-c, series: this host has no VBS</li>' \
	"a run that a host cannot have is no result"
# What of it can be used by everybody
stage "use"
axe=$BUILD/axe
[ -e "$axe/made" ] || skip "axe-core finds nothing in it" \
	"axe-core is not installed: $(cat "$axe.why" 2>/dev/null || echo "run deps/index axe")"
[ -e "$axe/made" ] && axe=$axe/axe.min.js || axe=
verdicts "${apart[@]}" timeout 300 python3 -B tests/report/use.py "$REPORT" ${axe:+"$axe"}
stage "the rest"
printf "hosts' settings\toffers=video-first\n" >"$T/rec/about"
run_ok "with SETTINGS" env SETTINGS=bad MATRIX="$T/rec" report/run
has "SETTINGS=&#x27;offers=video-first&#x27;" "they are said"
with offers video-first '1?[0-9]: '
with offers 'guid, the default' '(not run|[1-9]: )'
printf "hosts' settings\toffers=<b>\n" >"$T/rec/about"
run_ok "with SETTINGS that cannot be" env MATRIX="$T/rec" report/run
has 'matrix: about: SETTINGS: offers cannot be &#x27;&lt;b&gt;&#x27;: expected' "that is said"
run_ok "the report knows each option and its settings" env PYTHONPATH="$TOP" python3 -BP -c '
from lab.schema import HOST
from report.coverage import OPTIONS
kinds = {key.name: key.kind for key in HOST}
for name, values in OPTIONS.items():
    assert set(kinds[name].__closure__[0].cell_contents) == set(values), name'
run_fails "usage: deps/index lisa.axe" "deps/index without a name" deps/index
mkdir "$T/top" "$T/top/report"
cp -r deps kernel "$T/top/"
cp report/axe.txt "$T/top/report/"
run_fails "index: axe-core is not installed: pip: ERROR: .*; see " "an index that is away" \
	env PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_FIND_LINKS= PIP_NO_CACHE_DIR=1 \
	PIP_RETRIES=0 "$T/top/deps/index" axe
run_ok "the reason is kept" grep -q '^pip: ERROR' "$T/top/build/axe.why"

# A host and a guest that mean harm, runs that were killed, a sweep without maps.
job=$T/bad/jobs/series.gen2-default.boot
mkdir -p "$job/out" "$T/bad/jobs/mainline.nobody.boot" "$T/maps"
cp "$SWEEP"/*.tsv "$T/maps/"
head -c 300 "$SWEEP/left.tsv" >"$T/maps/left.tsv"
{
	echo 'guest: kernel first <script>alert(1)</script> & </pre></details>'
	printf 'a\033[2Jb\001\177\302\233\342\200\256c\377\r\n<img src=x onerror=alert(2)>\n'
	seq -f 'a guest that says far too much, line %.0f' 9000
} >"$job/console"
head -n 3 "$job/console" >"$job/out/findings"
printf 'guest: begin <script>x</script>\nguest: end' >>"$job/out/findings"
{
	echo '{"t":0.1,"event":"layout","windows":["0xf8000000-0xfed3ffff",7,"0x2-0x1","0xz"],"crs":"x","fb":"0xf8000000-0xf83fffff"}'
	echo '{"t":1,"event":"guest_os_id","id":"<script>"}'
	echo '{"t":"<b>","event":"contact","accepted":true,"version":"\ud800<script>"}'
	echo '{"t":1,"event":"d0_entry","device":"<script>x</script>","window":"0xfc000000-0xfc001fff","status":"0x0"}'
	echo '{"t":1,"event":"d0_entry","device":"nvme0","status":"0x0"}'
	echo '{"t":1,"event":"vram_location","accepted":true}'
	echo '{"t":2,"event":"conflict","what":"bar","device":null,"bar":[1],"range":"0x0-0xffffffffffffffff","with":"framebuffer","action":"refused"}'
	printf '%0200000d\n' 0 | tr 0 '['
	echo '{"t":1e999,"event":"end","how":7,"status":'"$(printf '9%.0s' {1..5000})"'}'
	echo '[]'
	printf '{"t":3,"event":"bar","dev'
} >"$job/out/trace"
{
	result series path='"boot"' folder='"/x/series.gen2-default.boot"' known_failure='"why <script>"' \
		verdicts='[{"group": "d0", "checks": [{"what": "<script>", "expected": "\"<script>&", "got": "\u202e"}]}]'
	result ../../x scenario='"<i>"' folder='"../<i>.boot"'
	result series folder='"/"' again=7
	printf '{"half": "of'
} >"$T/bad/result.jsonl"
run_ok "of hostile data" env MATRIX="$T/bad" SWEEP="$T/maps" report/run
is "$(grep -ciE '<script|<img src=x|<i>|onerror=.*>$' "$REPORT" || true)" 0 "nothing of it is HTML"
is "$(LC_ALL=C grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae|\xc2[\x80-\x9f]' "$REPORT" || true)" 0 \
	"and control bytes are not"
has '&lt;script&gt;alert\(1\)&lt;/script&gt; &amp; &lt;/pre&gt;' "it is there as text"
has 'a␛\[2Jb␁␡\\u009b\\u202ec�' "as are control bytes"
has '^… [0-9]{4} lines are left out here' "of far too much the middle is left out"
has '^a guest that says far too much, line 9000$' "but not the end"
has 'The trace is cut: 7 of its lines are not whole' "a cut trace is said to be"
has '✕ not whole: \{&quot;t&quot;:3,&quot;event&quot;:&quot;bar&quot;,&quot;dev' \
	"and its last line is there"
has 'The findings are cut: findings: the block &lt;script&gt;x&lt;/script&gt; from line 4 has no end' "cut findings are said to be"
has '^guest: begin &lt;script&gt;x&lt;/script&gt;$' "and they are there"
has 'sweep: map-gen1.svg is missing' "a missing map is said to be"
has 'sweep: left.tsv cannot be read' "half a table is said to be"
has 'matrix: The last line of result.jsonl is cut' "half a line of results is said to be"
has 'matrix: Line 3 of result.jsonl is cut: ' "a line of results with a wrong value"
has 'matrix: mainline.nobody.boot: it ran, but has no result' "a run without a result"
has 'matrix: &lt;i&gt;.boot: its folder is gone' "a result without a run"
run_ok "Chromium shows that, too" look
is "$(sed -n "s/^width-phone //p" "$T/said")" "360 360" "and it does not scroll sideways"

# README's picture, of two recorded runs
picture() {
	PYTHONPATH=$TOP python3 -BP -m report.picture "$@"
}
run_ok "docs/low-mmio.svg is what report.picture draws" cmp <(picture \
	"$R/nofix.gen2-default.kdump-c" "$R/series.gen2-default.kdump-c") docs/low-mmio.svg
run_fails "no kernel got as far as VMBus" "a run without a trace has no picture" \
	picture "$T/none.gen2-default.boot" "$R/series.gen2-default.kdump-c"
run_fails "^usage: " "a picture of one run" picture "$R/series.gen2-default.kdump-c"
done_testing
