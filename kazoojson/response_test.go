package kazoojson

import (
	"errors"
	"strings"
	"testing"

	"fspivot/dialplan"
)

func TestResponse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		data string
		want apps
		err  error
	}{
		"busy by default":     {data: `{}`, want: apps{dialplan.Respond{Code: 486}}},
		"code and phrase":     {data: `{"code": 603, "message": "Declined"}`, want: apps{dialplan.Respond{Code: 603, Phrase: "Declined"}}},
		"code as a text":      {data: `{"code": "404"}`, want: apps{dialplan.Respond{Code: 404}}},
		"no number, stored":   {data: `{"code": "busy"}`, want: apps{dialplan.Respond{Code: 486}}},
		"media first":         {data: `{"code": 480, "media": "a"}`, want: apps{dialplan.PreAnswer{}, playback("a", ""), dialplan.Respond{Code: 480}}},
		"an answered call":    {script: script{answered: true}, data: `{"media": "a"}`, want: apps{playback("a", ""), dialplan.Respond{Code: 486}}},
		"media that is gone":  {script: script{missing: "a"}, data: `{"media": "a"}`, want: apps{dialplan.PreAnswer{}, dialplan.Respond{Code: 486}}},
		"code 200":            {data: `{"code": 200}`, want: apps{ended}},
		"code 100":            {data: `{"code": 100}`, want: apps{ended}},
		"code below 0":        {data: `{"code": -5}`, want: apps{ended}},
		"code 99999999999":    {data: `{"code": 99999999999}`, want: apps{ended}},
		"a redirection":       {data: `{"code": 302}`, want: apps{dialplan.Respond{Code: 302}, ended}},
		"a request to change": {script: script{answered: true}, data: `{"code": 488}`, want: apps{dialplan.Respond{Code: 488}}},
		"hangup in the media": {script: script{hangupAt: "playback"}, data: `{"media": "a"}`, want: apps{dialplan.PreAnswer{}, playback("a", "")}},
		"hangup in the fetch": {script: script{hangupAt: "file"}, data: `{"media": "a"}`, want: apps{dialplan.PreAnswer{}}},
		"the process stops":   {script: script{cancelAt: "playback"}, data: `{"media": "a"}`, want: apps{dialplan.PreAnswer{}, playback("a", "")}, err: errStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			s.typed = map[string][]dialplan.Digits{"playback": {"#"}}
			s.flows = map[string]string{"rejects": action("response", c.data, "_", say("b"))}
			// Neither its own child runs nor the flow that it was branched from: there is nobody to hear it.
			if err := s.walk(t, action("callflow", `{"id": "rejects"}`, "_", say("c"))); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t, c.want...)
		})
	}
}

// The code that was asked for is sent, whatever a dial before it came to.
func TestResponseAfterADial(t *testing.T) {
	t.Parallel()
	s := script{state: caller, results: map[string][]result{"bridge": {failing("USER_BUSY", "sip:486")}}}
	if err := s.walk(t, action("resources", `{}`, "USER_BUSY", action("response", `{"code": 404}`))); err != nil {
		t.Error(err)
	}
	s.expect(t, to("+14158867900"), dialplan.Respond{Code: 404})
}

func TestResponseFaults(t *testing.T) {
	t.Parallel()
	long := `{"media": "` + strings.Repeat("a", 2049) + `"}`
	for data, want := range map[string][]string{
		`{"code": "busy"}`: {"flow/data/code"},
		`{"code": []}`:     {"flow/data/code"},
		`{"message": {}}`:  {"flow/data/message"},
		long:               {"flow/data/media"},
		`{"code": 200}`:    nil,
		`{"media": "` + strings.Repeat("ä", 2048) + `"}`: nil,
	} {
		same(t, data[:min(len(data), 40)], want, faults(t, action("response", data), true))
	}
	m, warnings := moduleOf(t, "response", long, false)
	same(t, "stored", &response{Code: 486}, m)
	same(t, "warnings", []string{"media: has 2049 characters, over 2048: it is left out"}, warnings)
}
