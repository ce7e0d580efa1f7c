package timeline

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// Records get their times, are kept in order, and go to every sink in that order.
func TestTimeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var told [2][]Record
		line := New(func(r Record) { told[0] = append(told[0], r) }, func(r Record) { told[1] = append(told[1], r) })
		line.Add(Record{Kind: KindCall, From: Caller, To: Switch, Text: "calls",
			Fields: map[string]string{"account_id": "a"}})
		<-time.After(40 * time.Millisecond)
		line.Warn("13910", "length")
		line.Warn("", "something")
		<-time.After(2 * time.Second)
		line.Error("11200", "gone")
		line.Error("", "gone again")
		line.Add(Record{At: start.Add(-time.Hour), Since: time.Hour, Kind: KindResult, From: Switch, Took: time.Second})
		at := func(d time.Duration, r Record) Record {
			r.At, r.Since = start.Add(d), d
			return r
		}
		want := []Record{
			at(0, Record{Kind: KindCall, From: Caller, To: Switch, Text: "calls",
				Fields: map[string]string{"account_id": "a"}}),
			at(40*time.Millisecond, Record{Kind: KindWarning, From: FSPivot, Text: "length",
				Fields: map[string]string{"code": "13910"}}),
			at(40*time.Millisecond, Record{Kind: KindWarning, From: FSPivot, Text: "something"}),
			at(2040*time.Millisecond, Record{Kind: KindError, From: FSPivot, Text: "gone",
				Fields: map[string]string{"code": "11200"}}),
			at(2040*time.Millisecond, Record{Kind: KindError, From: FSPivot, Text: "gone again"}),
			at(2040*time.Millisecond, Record{Kind: KindResult, From: Switch, Took: time.Second}),
		}
		for name, got := range map[string][]Record{"kept": line.Records(), "first sink": told[0],
			"second sink": told[1]} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		line.Records()[0].Text = "changed"
		if got := line.Records()[0].Text; got != "calls" {
			t.Errorf("a copy's change shows: %q", got)
		}
	})
}

func TestNilTimeline(t *testing.T) {
	t.Parallel()
	var line *Timeline
	line.Add(Record{Text: "x"})
	line.Warn("1", "x")
	line.Error("1", "x")
	if got := line.Records(); got != nil {
		t.Errorf("records %v", got)
	}
}

// Sinks see what is not kept any more.
func TestTimelineIsBounded(t *testing.T) {
	t.Parallel()
	told := 0
	line := New(func(Record) { told++ })
	for i := range keep + 5 {
		line.Add(Record{Text: fmt.Sprint(i)})
	}
	got := line.Records()
	if len(got) != keep || got[keep-1].Text != fmt.Sprint(keep-1) || told != keep+5 {
		t.Errorf("%d kept, the last is %q, %d told", len(got), got[len(got)-1].Text, told)
	}
	for text, want := range map[string]string{
		strings.Repeat("x", textBytes):                   strings.Repeat("x", textBytes),
		strings.Repeat("x", textBytes+1):                 strings.Repeat("x", textBytes) + "…",
		strings.Repeat("x", textBytes-1) + "öö":          strings.Repeat("x", textBytes-1) + "…",
		strings.Repeat("x", textBytes-2) + "öö and more": strings.Repeat("x", textBytes-2) + "ö…",
	} {
		line = New()
		line.Add(Record{Text: text})
		if got := line.Records()[0].Text; got != want {
			t.Errorf("a text of %d bytes is kept with %d, want %d", len(text), len(got), len(want))
		}
	}
}

// Goroutines may add at once: nothing is lost, and what one adds stays in its order, in every sink the same.
func TestTimelineOfManyGoroutines(t *testing.T) {
	t.Parallel()
	var told []string
	line := New(func(r Record) { told = append(told, r.Text) })
	var adding sync.WaitGroup
	for g := range 8 {
		adding.Go(func() {
			for i := range 100 {
				line.Add(Record{Text: fmt.Sprintf("%d %d", g, i)})
			}
		})
	}
	adding.Wait()
	next := map[int]int{}
	var kept []string
	for _, r := range line.Records() {
		kept = append(kept, r.Text)
		var g, i int
		if _, err := fmt.Sscan(r.Text, &g, &i); err != nil || next[g] != i {
			t.Errorf("record %q, want the %dth of its goroutine", r.Text, next[g])
		}
		next[g]++
	}
	if diff := cmp.Diff(kept, told); diff != "" || len(kept) != 800 {
		t.Errorf("%d records (-kept +told):\n%s", len(kept), diff)
	}
}

// The JSON form is read by `fspivot call --json`'s users and the API's.
func TestRecordJSON(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Record{
		`{"at":"2026-01-02T03:04:05.006Z","since_ns":43000000,"kind":"command","from":"fspivot","to":"switch","text":"playback x","took_ns":5,"fields":{"app":"playback"}}`: {
			At: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Since: 43 * time.Millisecond, Kind: KindCommand,
			From: FSPivot, To: Switch, Text: "playback x", Took: 5,
			Fields: map[string]string{"app": "playback"}},
		`{"at":"0001-01-01T00:00:00Z","since_ns":0,"kind":"error","from":"far end","text":"a \ufffd \u001b"}`: {Kind: KindError, From: Far, Text: "a \xff \x1b"},
	} {
		got, err := json.Marshal(r)
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
		var back Record
		if err := json.Unmarshal(got, &back); err != nil {
			t.Error(err)
		}
		r.Text = strings.ToValidUTF8(r.Text, "\uFFFD")
		if diff := cmp.Diff(r, back); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	}
}

func TestPrinter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r    Record
		want string
	}{
		{Record{Since: 43 * time.Millisecond, Kind: KindCommand, From: FSPivot, To: Switch,
			Text: "playback silence_stream://20"},
			"  0.043  fspivot → switch    playback silence_stream://20\n"},
		{Record{Since: 1234567 * time.Microsecond, Kind: KindStep, From: FSPivot, Text: "module play"},
			"  1.235  fspivot             module play\n"},
		{Record{Since: 4000 * time.Second, Kind: KindAnswer, From: Web, To: FSPivot, Text: "200 text/xml",
			Took: 12345678 * time.Nanosecond},
			"4000.000  web → fspivot       200 text/xml  (12ms)\n"},
		{Record{Kind: KindResult, From: Switch, To: FSPivot, Text: "quick", Took: 999 * time.Microsecond},
			"  0.000  switch → fspivot    quick\n"},
		{Record{Kind: KindCall, From: Far, To: Switch, Text: "answered", Took: time.Minute},
			"  0.000  far end → switch    answered  (1m0s)\n"},
		{Record{Kind: KindWarning, From: FSPivot, Text: "length", Fields: map[string]string{"code": "13910"}},
			"  0.000  fspivot             warning: length [13910]\n"},
		{Record{Kind: KindWarning, From: FSPivot, Text: "length", Fields: map[string]string{"url": "x"}},
			"  0.000  fspivot             warning: length\n"},
		{Record{Kind: KindError, From: FSPivot, Text: "gone"}, "  0.000  fspivot             error: gone\n"},
		{Record{Kind: KindRequest, From: FSPivot, To: Web, Text: "GET http://h/",
			Fields: map[string]string{"code": "7"}}, "  0.000  fspivot → web       GET http://h/\n"},
		{Record{Kind: KindDigits, From: Caller, To: Switch, Text: ""}, "  0.000  caller → switch     \n"},
	} {
		var b strings.Builder
		Printer(&b, false)(c.r)
		if b.String() != c.want {
			t.Errorf("got  %q\nwant %q", b.String(), c.want)
		}
	}
}

func TestPrinterColours(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind]string{
		KindCall: "\x1b[1m", KindStep: "\x1b[1;36m", KindCommand: "\x1b[34m", KindResult: "\x1b[90m",
		KindDigits: "\x1b[35m", KindRequest: "\x1b[32m",
		KindAnswer: "\x1b[32m", KindWarning: "\x1b[33m", KindError: "\x1b[31m", "other": "",
	} {
		var b strings.Builder
		Printer(&b, true)(Record{Kind: kind, From: FSPivot, Text: "text\x1b[0m"})
		start, end := "  0.000  "+want+"fspivot  ", "text [0m\x1b[0m\n"
		if want == "" {
			end = "text [0m\n"
		}
		if got := b.String(); !strings.HasPrefix(got, start) || !strings.HasSuffix(got, end) {
			t.Errorf("%s: %q, want %q…%q", kind, got, start, end)
		}
	}
}

// Foreign text is shown as text: no line of its own, no colour, no other order than it has.
func TestPrinterNeutralises(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\x1b[2J\x1b[1;1Hroot":           " [2J [1;1Hroot",
		"\x1b]0;title\x07":               " ]0;title ",
		"a\r\nb\tc\vd\be\x00f\x7f":       "a  b c d e f ",
		"a\u009b31mred\u0085next":        "a 31mred next",
		"a\x9b31m\x90\xff":               "a\uFFFD31m\uFFFD\uFFFD", // not UTF-8, though a terminal of 8 bits would obey
		"a\u2028b\u2029c":                "a b c",
		"\u202egnp.exe\u202c \u2066x":    "gnp.exe x",
		"a\u200eb\u200fc\u200bd\ufeffe":  "abcde",
		"क\u200dष ب\u200cه":              "क\u200dष ب\u200cه",
		"Söhne 例え 🙂 \u00a0":              "Söhne 例え 🙂 \u00a0",
		strings.Repeat("x", 2000):        strings.Repeat("x", 2000),
		strings.Repeat("x", 2001):        strings.Repeat("x", 2000) + "…",
		strings.Repeat("x", 1999) + "öö": strings.Repeat("x", 1999) + "…",
	} {
		var b strings.Builder
		Printer(&b, false)(Record{Kind: KindAnswer, From: Web, Text: text})
		if got := strings.TrimSuffix(strings.TrimPrefix(b.String(), "  0.000  web                 "),
			"\n"); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func FuzzPrinter(f *testing.F) {
	f.Add("\x1b[2J")
	f.Add("a\u202eb\u0085\xff")
	f.Fuzz(func(t *testing.T, text string) {
		var b strings.Builder
		Printer(&b, false)(Record{Kind: KindError, From: FSPivot, Text: text, Fields: map[string]string{"code": "1"}})
		got := b.String()
		if !utf8.ValidString(got) || strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, " [1]\n") {
			t.Fatalf("%q is shown as %q", text, got)
		}
		for _, r := range strings.TrimSuffix(got, "\n") {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("%q is shown as %q", text, got)
			}
		}
	})
}

// Records of different calls come from different goroutines: each stays one line.
func TestPrinterOfManyGoroutines(t *testing.T) {
	t.Parallel()
	var b strings.Builder // not safe by itself
	write := Printer(&b, false)
	var printing sync.WaitGroup
	for range 8 {
		printing.Go(func() {
			for range 100 {
				write(Record{Kind: KindStep, From: FSPivot, Text: "module play"})
			}
		})
	}
	printing.Wait()
	if want := strings.Repeat("  0.000  fspivot             module play\n", 800); b.String() != want {
		t.Error("lines are mixed")
	}
}
