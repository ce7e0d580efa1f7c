package kazoojson

import (
	"errors"
	"testing"
	"time"

	"fspivot/dialplan"
)

func recorded(n string, limit time.Duration) dialplan.Record {
	f, err := dialplan.LocalFile("/recordings/r" + n + ".wav")
	if err != nil {
		panic(err)
	}
	return dialplan.Record{File: f, Limit: limit, Silence: 5 * time.Second, Threshold: 200, Stop: dialplan.Any}
}

func TestRecordCaller(t *testing.T) {
	t.Parallel()
	long := result{vars: dialplan.Scripted{"record_ms": "3500", "playback_terminator_used": "5"}}
	for name, c := range map[string]struct {
		script
		data    string
		want    apps
		made    []string
		lengths []time.Duration
		vars    map[string]string
		err     error
	}{
		"ended by a key, which is forgotten": {
			script: script{results: map[string][]result{"record": {long}}, typed: map[string][]dialplan.Digits{"record": {"5"}}},
			data:   `{"format": "wav", "time_limit": 120, "url": "https://dictation.example.com/box/7", "method": "post"}`,
			want:   apps{dialplan.Answer{}, recorded("1", 2*time.Minute), said("b"), ended},
			made:   []string{"https://dictation.example.com/box/7 POST wav"}, lengths: []time.Duration{3500 * time.Millisecond},
			vars: map[string]string{"Media-Name": "r1.wav", "Media-Transfer-Method": "post", "Media-Transfer-Destination": "https://dictation.example.com/box/7"}},
		"kept here without a URL": {data: `{}`, want: apps{dialplan.Answer{}, recorded("1", time.Hour), said("b"), ended},
			made: []string{" PUT "}, lengths: []time.Duration{0}, vars: map[string]string{"Media-Name": "r1.wav"}},
		"an answered call": {script: script{answered: true}, data: `{"format": "mp3", "time_limit": "5"}`, want: apps{recorded("1", 5*time.Second), said("b"), ended},
			made: []string{" PUT mp3"}, lengths: []time.Duration{0}, vars: map[string]string{"Media-Name": "r1.wav"}},
		"the caller hangs up: it is delivered": {script: script{answered: true, hangupAt: "record", results: map[string][]result{"record": {long}}}, data: `{}`, want: apps{recorded("1", time.Hour)},
			made: []string{" PUT "}, lengths: []time.Duration{3500 * time.Millisecond}, vars: map[string]string{"Media-Name": "r1.wav"}},
		"it never ran": {script: script{answered: true, results: map[string][]result{"record": {{dropped: true}}}}, data: `{}`, want: apps{recorded("1", time.Hour), said("b"), ended},
			made: []string{" PUT "}, lengths: []time.Duration{0}, vars: map[string]string{"Media-Name": "r1.wav"}},
		"no file can be made: nobody answers": {script: script{noFile: true}, data: `{}`, want: apps{dialplan.Answer{}, said("b"), ended}},
		"a bad URL, stored: nobody answers":   {data: `{"url": "ftp://h/"}`, want: apps{dialplan.Answer{}, said("b"), ended}},
		"the process is to stop": {script: script{answered: true, cancelAt: "record", results: map[string][]result{"record": {long}}}, data: `{}`, want: apps{recorded("1", time.Hour)},
			made: []string{" PUT "}, lengths: []time.Duration{3500 * time.Millisecond}, vars: map[string]string{"Media-Name": "r1.wav"}, err: errStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			if err := s.walk(t, action("record_caller", c.data, "_", say("b"))); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t, c.want...)
			same(t, "recordings", c.made, s.made)
			same(t, "lengths", c.lengths, s.lengths)
			same(t, "variables", c.vars, s.state.ChannelVars)
			same(t, "collections", map[string]string(nil), s.state.Collections)
		})
	}
}

// Keys that were pressed before are not the recording's.
func TestRecordCallerKeepsTypeAhead(t *testing.T) {
	t.Parallel()
	s := script{answered: true, digits: "12", typed: map[string][]dialplan.Digits{"record": {"5"}}}
	if err := s.walk(t, action("record_caller", `{}`)); err != nil {
		t.Error(err)
	}
	same(t, "collections", map[string]string{"default": "12"}, s.state.Collections)
	if s.digits != "" {
		t.Errorf("the key %q is left", s.digits)
	}
}

func TestRecordCallerFaults(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]string{
		`{"url": "ftp://h/"}`:         {"flow/data/url"},
		`{"url": "nonsense"}`:         {"flow/data/url"},
		`{"method": "patch"}`:         {"flow/data/method"},
		`{"format": "ogg"}`:           {"flow/data/format"},
		`{"time_limit": 4}`:           {"flow/data/time_limit"},
		`{"time_limit": 10801}`:       {"flow/data/time_limit"},
		`{"url": "", "format": null}`: nil,
	} {
		same(t, data, want, faults(t, action("record_caller", data), true))
	}
	m, warnings := moduleOf(t, "record_caller", `{"time_limit": 1, "method": "delete", "format": "ogg"}`, false)
	same(t, "stored", &recordCaller{Format: "wav", Limit: 5 * time.Second, Method: "PUT"}, m)
	same(t, "warnings", []string{"time_limit: 1 is not between 5 and 10800: 5 is used", `method: "delete" is none of put, post: put is used`, `format: "ogg" is none of mp3, wav: wav is used`}, warnings)
}
