#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The report: in headless Chromium, without network and without scripts, and made
# of data that is hostile, cut or not there. It is of what the matrix and the sweep
# have left; what there is none of is made here, small.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset LINUX KERNEL KERNELS TIMES MATRIX SWEEP BENCH REPORT
BASE=7.3
tmpdir
cd "$TOP"

MATRIX=$BUILD/matrix SWEEP=$BUILD/sweep/out
if [ "$(cut -f3 "$MATRIX/result.tsv" 2>/dev/null | sort -u | grep -cxE "$BASE(-nofix|-series)?")" -lt 2 ]; then
	MATRIX=$T/matrix
	export MATRIX
	run_ok "a small matrix" nest/matrix "gen2-default:kdump-c:$BASE-nofix" "gen2-default:kdump-c:$BASE-series"
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
diag "in $((SECONDS - start)) s: $(stat -c %s "$REPORT") bytes of $(wc -l <"$MATRIX/result.tsv") runs"
run_ok "in less than 15 MB" test "$(stat -c %s "$REPORT")" -lt 15000000

start=$SECONDS
run_ok "Chromium shows it, without network" look
diag "in $((SECONDS - start)) s"
said=$(cat "$T/said")
for screen in phone dark; do
	is "$(sed -n "s/^width-$screen //p" <<<"$said")" "390 390" \
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
import collections, html.parser, os, sys

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
wrong, alone = [], collections.Counter()
for line in open(os.path.join(sys.argv[2], "result.tsv"), encoding="utf-8"):
    fields = line.rstrip("\n").split("\t")
    name = "%s.%s.%s" % (fields[2], fields[0], fields[1])
    alone[name] += 1
    job = os.path.join(sys.argv[2], "jobs", name)
    if not os.path.isdir(job):
        name += ".%04d" % alone[name]
        job = os.path.join(sys.argv[2], "jobs", name)
    own = "".join(page.of.get("run-" + name, []))
    if "#run-" + name not in page.links or not own:
        wrong.append(name + " is not linked, or not there")
    if fields[4] not in own:
        wrong.append(name + " does not say why")
    for f in fields[5:]:
        if f.replace("fail ", "FAIL ", 1) not in own:
            wrong.append("%s: %s" % (name, f))
    console = open(os.path.join(job, "console"), encoding="utf-8", errors="replace").read()
    missing = [l for l in console.replace("\r", "").split("\n")
               if l.isprintable() and l not in own]
    if missing:
        wrong.append("%s: %s" % (name, missing[0]))
    trace = open(os.path.join(job, "out", "trace")).read().count("\n")
    if "trace, %d events" % trace not in own.replace("Host's ", ""):
        wrong.append("%s: a trace of %d events" % (name, trace))
verdict("each run's verdicts, reason, console and trace are in it", wrong)
for word in ("dump saved", "dump lost", "framebuffer", "ns an allocation", "13 <ns>"):
    verdict("it says '%s'" % word, [] if word in text else ["it does not"])
PYTHON
verdicts python3 "$T/check" "$T/look/dom.html" "$MATRIX"
has 'class="config no"' "a refused config window is on a map"
for group in gen1 gen2-x86; do
	run_ok "the sweep's map of $group is in it" grep -qF \
		"$(base64 -w0 "$SWEEP/map-$group.svg" | tail -c 400)" "$REPORT"
done
has "<td>kernel $BASE-series</td><td>[^<]*7\.3" "it has the versions of kernels"

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
mkdir "$T/mix"
printf 'gen2-default\tkdump-c\t%s\t9\t%s\tpass ends\n' 7.3-series '' 7.3-nofix 'why 7.3' \
	debian-6.1.176 'why 6.1' 6.1-series '' 7.3-series '' >"$T/mix/result.tsv"
run_ok "of two versions" env MATRIX="$T/mix" report/run
for version in 6.1 7.3; do
	has "why $version</td><td data-label=\"with the series\"><a class=\"good\" href=\"#run-$version-series" \
		"a loss of $version is beside $version-series"
done

# A host and a guest that mean harm, runs that were killed, a sweep without maps.
job=$T/bad/jobs/7.3-series.gen2-default.boot
mkdir -p "$job/out" "$T/bad/jobs/7.3.nobody.boot" "$T/maps"
cp "$SWEEP"/*.tsv "$T/maps/"
head -c 300 "$SWEEP/left.tsv" >"$T/maps/left.tsv"
{
	echo 'guest: kernel first <script>alert(1)</script> & </pre></details>'
	printf 'a\033[2Jb\001\177\302\233\342\200\256c\377\r\n<img src=x onerror=alert(2)>\n'
	seq -f 'a guest that says far too much, line %.0f' 9000
} >"$job/console"
{
	echo '{"t":0.1,"event":"layout","windows":["0xf8000000-0xfed3ffff",7,"0x2-0x1","0xz"],"crs":"x","fb":"0xf8000000-0xf83fffff"}'
	echo '{"t":"<b>","event":"contact","accepted":true,"version":"\ud800<script>"}'
	echo '{"t":1,"event":"d0_entry","device":"<script>x</script>","window":"0xfc000000-0xfc001fff","status":"0x0"}'
	echo '{"t":2,"event":"conflict","what":"bar","device":null,"bar":[1],"range":"0x0-0xffffffffffffffff","with":"framebuffer","action":"refused"}'
	printf '%0200000d\n' 0 | tr 0 '['
	echo '{"t":1e999,"event":"end","how":7,"status":'"$(printf '9%.0s' {1..5000})"'}'
	echo '[]'
	printf '{"t":3,"event":"bar","dev'
} >"$job/out/trace"
printf 'gen2-default\tboot\t7.3-series\tx\twhy <script>\tpass ends\tfail d0: "<script>&\n' >"$T/bad/result.tsv"
printf '<i>\tboot\t7.3/../..\t1\t\tpass ends\nhalf\tof' >>"$T/bad/result.tsv"
run_ok "of hostile data" env MATRIX="$T/bad" SWEEP="$T/maps" report/run
is "$(grep -ciE '<script|<img src=x|<i>|onerror=.*>$' "$REPORT" || true)" 0 "nothing of it is HTML"
is "$(LC_ALL=C grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae|\xc2[\x80-\x9f]' "$REPORT" || true)" 0 \
	"and control bytes are not"
has '&lt;script&gt;alert\(1\)&lt;/script&gt; &amp; &lt;/pre&gt;' "it is there as text"
has 'a␛\[2Jb␁␡\\u009b\\u202ec�' "as are control bytes"
has '^… [0-9]{4} lines are left out here' "of far too much the middle is left out"
has '^a guest that says far too much, line 9000$' "but not the end"
has 'The trace is cut: 4 of its lines are not whole' "a cut trace is said to be"
has '✕ not whole: \{&quot;t&quot;:3,&quot;event&quot;:&quot;bar&quot;,&quot;dev' \
	"and its last line is there"
has 'sweep: map-gen1.svg is missing' "a missing map is said to be"
has 'sweep: left.tsv cannot be read' "half a table is said to be"
has 'matrix: The last line of result.tsv is cut' "half a line of results is said to be"
has 'matrix: 7.3.nobody.boot: it was played, and has no result' "a run without a result"
has 'matrix: 7.3/../...&lt;i&gt;.boot: its folder is gone' "a result without a run"
run_ok "Chromium shows that, too" look
is "$(sed -n "s/^width-phone //p" "$T/said")" "390 390" "and it does not scroll sideways"
done_testing
