package dialplan_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"fspivot/dialplan"
)

func TestParseDigits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]dialplan.Digits{"": "", "0123456789*#": "0123456789*#", "abcdABCD": "ABCDABCD"} {
		if got, err := dialplan.ParseDigits(text); err != nil || got != want {
			t.Errorf("ParseDigits(%q) is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{" ", "1 2", "e", "w", "1,2", "any", "none", "${x}", "1\n", "é", "１"} {
		if got, err := dialplan.ParseDigits(text); err == nil || got != "" {
			t.Errorf("ParseDigits(%q) is %q, %v", text, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if d, err := dialplan.ParseDigits(foreign.Draw(t, "text")); err == nil && d != "" &&
			!keys.MatchString(string(d)) {
			t.Fatalf("digits %q", d)
		}
	})
}

// TestTerminators is about playback_terminators: unset means * to the switch, so it is never left out.
func TestTerminators(t *testing.T) {
	t.Parallel()
	for stop, want := range map[dialplan.Digits]string{
		"": "none", "#": "#", "12": "12", "0123456789*#": "any", dialplan.Any: "any", "123456789*#": "123456789*#",
		"ABCD": "ABCD",
		"any":  "none", "${x}": "none", "1 2,3": "123",
	} {
		got := dialplan.Needs(dialplan.Playback{Stop: stop})
		if len(got) != 1 || got[0].Name.String() != "playback_terminators" || got[0].Value.String() != want {
			t.Errorf("terminators %q: %v, want %q", stop, got, want)
		}
	}
}

func TestParseTones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		want    dialplan.Tones
		dropped int
		lasts   time.Duration // with tones of 100 ms
	}{
		{"", "", 0, 0},
		{"12*#", "12*#", 0, 4 * 350 * time.Millisecond},
		{"1w2W3,4", "1w2W3W4", 0, 4*350*time.Millisecond + 2500*time.Millisecond},
		{"abcd ABCD", "ABCDABCD", 1, 8 * 350 * time.Millisecond},
		{"+1@9~é\n", "19", 5, 2 * 350 * time.Millisecond},
	} {
		got, dropped := dialplan.ParseTones(c.text)
		if got != c.want || dropped != c.dropped {
			t.Errorf("ParseTones(%q) is %q, %d dropped", c.text, got, dropped)
		}
		if lasts := got.Duration(100 * time.Millisecond); lasts != c.lasts {
			t.Errorf("%q lasts %v, want %v", got, lasts, c.lasts)
		}
	}
}
