package dialplan_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fspivot/dialplan"
)

func TestLocalFile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/a.wav", "/var/lib/fspivot/My Prompt (1).wav", "/ä/日本.mp3", "/a,b&c=d~e%f+g-h.wav",
		"/" + strings.Repeat("a", 999)} {
		f, err := dialplan.LocalFile(name)
		if err != nil || f.String() != name || f.IsZero() {
			t.Errorf("LocalFile(%q) is %q, %v", name, f, err)
		}
	}
	for _, name := range []string{
		"", "a.wav", "./a", "../a", "/a/../b", "/a//b", "/a/", "/a/.", "//a", "/a'b", "/a\"b", "/a\\b", "/a$b", "/a{b}",
		"/${x}", "/a|b", "/a!b", "/a:b",
		"/say:x", "/a@@1", "/a[b]", "/a;b", "/a\nb", "/a\x00b", "/a\tb", "/a\xff", "shell_stream://x", "http://a/b",
		"/" + strings.Repeat("a", 1000),
	} {
		if f, err := dialplan.LocalFile(name); err == nil || !f.IsZero() {
			t.Errorf("LocalFile(%q) is %q, %v", name, f, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := "/" + foreign.Draw(t, "name")
		if f, err := dialplan.LocalFile(name); err == nil && (f.String() != name || !file.MatchString(name)) {
			t.Fatalf("file %q", f)
		}
	})
}

func TestLocalStream(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"default", "moh/8000", "a-b_c.d"} {
		if f, err := dialplan.LocalStream(name); err != nil || f.String() != "local_stream://"+name {
			t.Errorf("LocalStream(%q) is %q, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "/a", "a..b", "../a", "a b", "a:b", "a,b", "a{b}", "${x}", "a!b", "a\n",
		strings.Repeat("a", 129)} {
		if f, err := dialplan.LocalStream(name); err == nil || !f.IsZero() {
			t.Errorf("LocalStream(%q) is %q, %v", name, f, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := foreign.Draw(t, "name")
		if f, err := dialplan.LocalStream(name); err == nil && (f.String() != "local_stream://"+name ||
			!file.MatchString(f.String())) {
			t.Fatalf("stream %q", f)
		}
	})
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "1", -time.Hour: "1", time.Microsecond: "1", 1500 * time.Millisecond: "1500", time.Hour: "3600000",
		math.MaxInt64: "2147483647",
	} {
		if got := dialplan.Silence(d).String(); got != "silence_stream://"+want {
			t.Errorf("silence of %v is %q", d, got)
		}
	}
	if got := dialplan.EndlessSilence().String(); got != "silence_stream://-1" {
		t.Errorf("endless silence is %q", got)
	}
}
