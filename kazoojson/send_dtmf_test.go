package kazoojson

import (
	"strings"
	"testing"
	"time"

	"fspivot/dialplan"
)

func tones(t dialplan.Tones, ms int) dialplan.SendDTMF {
	return dialplan.SendDTMF{Tones: t, Length: time.Duration(ms) * time.Millisecond}
}

func TestSendDTMF(t *testing.T) {
	t.Parallel()
	ninety := dialplan.Tones(strings.Repeat("1", 90))
	for name, c := range map[string]struct {
		data     string
		want     apps
		waits    []time.Duration
		problems []string
	}{
		"2 s each by default":       {data: `{"digits": "12#"}`, want: apps{tones("12#", 2000)}},
		"a length":                  {data: `{"digits": "1w2345#", "duration_ms": 250}`, want: apps{tones("1w2345#", 250)}},
		"a length as a text":        {data: `{"digits": "1", "duration_ms": "100"}`, want: apps{tones("1", 100)}},
		"a length below 0":          {data: `{"digits": "1", "duration_ms": -1}`, want: apps{tones("1", 0)}},
		"a length beyond the codec": {data: `{"digits": "1", "duration_ms": 99999}`, want: apps{tones("1", 24000)}},
		"pauses, letters":           {data: `{"digits": "wW,aD*"}`, want: apps{tones("wWWAD*", 2000)}},
		"what is no tone":           {data: `{"digits": "1-2 ${x}"}`, want: apps{tones("12", 2000)}, problems: []string{"flow/data/digits: has 6 characters that are no tones: they are left out"}},
		"nothing but that":          {data: `{"digits": "-"}`, problems: []string{"flow/data/digits: has 1 characters that are no tones: they are left out"}},
		"none, stored":              {data: `{}`, problems: []string{"flow/data/digits: is missing: the module is passed over"}},
		"a number, stored":          {data: `{"digits": 123}`, problems: []string{"flow/data/digits: is no text: the module is passed over"}},
		"a length that is none":     {data: `{"digits": "1", "duration_ms": "long"}`, want: apps{tones("1", 2000)}, problems: []string{`flow/data/duration_ms: "long" is no whole number`}},
		"more than the switch takes": {data: `{"digits": "` + string(ninety) + `23", "duration_ms": 100}`, want: apps{tones(ninety, 100), tones("23", 100)},
			waits: []time.Duration{90 * 350 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s script
			if err := s.walk(t, action("send_dtmf", c.data, "_", action("hangup", `{}`))); err != nil {
				t.Error(err)
			}
			s.expect(t, append(c.want, ended)...)
			same(t, "waits", c.waits, s.waits)
			same(t, "problems", c.problems, s.problems())
		})
	}
	s := script{hangupAt: "wait"}
	if err := s.walk(t, action("send_dtmf", `{"digits": "`+string(ninety)+`1"}`, "_", say("b"))); err != nil {
		t.Error(err)
	}
	s.expect(t, tones(ninety, 2000))
}

func TestSendDTMFFaults(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]string{
		`{}`:                                   {"flow/data/digits"},
		`{"digits": ""}`:                       {"flow/data/digits"},
		`{"digits": 1}`:                        {"flow/data/digits"},
		`{"digits": "1", "duration_ms": true}`: {"flow/data/duration_ms"},
		`{"digits": "1", "duration_ms": 1}`:    nil,
	} {
		same(t, data, want, faults(t, action("send_dtmf", data), true))
	}
}
