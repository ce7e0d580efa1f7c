package kazoojson

import (
	"errors"
	"testing"
	"time"

	"fspivot/dialplan"
)

func TestSleep(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]time.Duration{
		`{"duration": 1500, "unit": "ms"}`:    1500 * time.Millisecond,
		`{"duration": 2}`:                     2 * time.Second,
		`{"duration": "2", "unit": "s"}`:      2 * time.Second,
		`{"duration": 3, "unit": "m"}`:        3 * time.Minute,
		`{"duration": 4, "unit": "h"}`:        4 * time.Hour,
		`{"duration": 25, "unit": "h"}`:       24 * time.Hour,
		`{"duration": 86400000, "unit": "h"}`: 24 * time.Hour,
		`{"duration": 9223372036854775807}`:   24 * time.Hour,
		`{"duration": 5, "unit": "days"}`:     5 * time.Second,
		`{}`:                                  0,
		`{"duration": 0}`:                     0,
		`{"duration": -5}`:                    0,
		`{"duration": "soon"}`:                0,
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			s := script{digits: "1", typed: map[string][]dialplan.Digits{"wait": {"23"}}}
			if err := s.walk(t, action("sleep", data, "_", action("hangup", `{}`))); err != nil {
				t.Error(err)
			}
			s.expect(t, ended)
			waits, kept, left := []time.Duration{want}, map[string]string{"default": "1"}, dialplan.Digits("")
			if want == 0 {
				waits, kept, left = nil, nil, "1"
			}
			same(t, "waits", waits, s.waits)
			// Pressed before: kept. Pressed meanwhile: forgotten.
			same(t, "collections", kept, s.state.Collections)
			same(t, "keys", left, s.digits)
		})
	}
}

func TestSleepEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		err error
	}{
		"the caller hangs up":    {script: script{hangupAt: "wait"}},
		"the process is to stop": {script: script{cancelAt: "wait"}, err: errStopped},
	} {
		s := c.script
		if err := s.walk(t, action("sleep", `{"duration": 1}`, "_", say("b"))); !errors.Is(err, c.err) {
			t.Errorf("%s: error %v", name, err)
		}
		s.expect(t)
	}
}

func TestSleepFaults(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]string{
		`{"duration": -1}`:                {"flow/data/duration"},
		`{"duration": 86400001}`:          {"flow/data/duration"},
		`{"duration": "soon"}`:            {"flow/data/duration"},
		`{"duration": 1.5}`:               {"flow/data/duration"},
		`{"duration": 1, "unit": "days"}`: {"flow/data/unit"},
		`{"duration": 25, "unit": "h"}`:   nil,
	} {
		same(t, data, want, faults(t, action("sleep", data), true))
	}
}
