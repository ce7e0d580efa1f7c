package kazoojson

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"fspivot/call"
	"fspivot/dialplan"
)

func TestPivotData(t *testing.T) {
	t.Parallel()
	const url = "https://app.example.com/voice"
	good := func(change func(*PivotData)) PivotData {
		d := PivotData{VoiceURL: url, Method: "GET", ReqFormat: "kazoo", ReqBodyFormat: "form", Timeout: 5 * time.Second}
		change(&d)
		return d
	}
	for data, c := range map[string]struct {
		want     PivotData
		warnings int
	}{
		``:                                       {want: good(func(*PivotData) {})},
		`"method": "post"`:                       {want: good(func(d *PivotData) { d.Method = "POST" })},
		`"method": "POST"`:                       {want: good(func(d *PivotData) { d.Method = "POST" })},
		`"method": "GET"`:                        {want: good(func(*PivotData) {})},
		`"req_format": "twiml"`:                  {want: good(func(d *PivotData) { d.ReqFormat = "twiml" })},
		`"req_body_format": "json"`:              {want: good(func(d *PivotData) { d.ReqBodyFormat = "json" })},
		`"debug": true`:                          {want: good(func(d *PivotData) { d.Debug = true })},
		`"debug": "true"`:                        {want: good(func(d *PivotData) { d.Debug = true })},
		`"debug": "yes"`:                         {want: good(func(*PivotData) {})},
		`"debug": 1`:                             {want: good(func(*PivotData) {})},
		`"cdr_url": ""`:                          {want: good(func(*PivotData) {})},
		`"cdr_url": "http://a.example/c"`:        {want: good(func(d *PivotData) { d.CDRURL = "http://a.example/c" })},
		`"fallback_method": "post"`:              {want: good(func(*PivotData) {})},
		`"fallback_url": " http://a.example/f "`: {want: good(func(d *PivotData) { d.FallbackURL, d.FallbackMethod = "http://a.example/f", "GET" })},
		`"method": "post", "fallback_url": "http://a.example/f#rc=0"`: {want: good(func(d *PivotData) {
			d.Method, d.FallbackURL, d.FallbackMethod = "POST", "http://a.example/f#rc=0", "POST"
		})},
		`"method": "post", "fallback_url": "http://a.example/f", "fallback_method": "get"`: {want: good(func(d *PivotData) {
			d.Method, d.FallbackURL, d.FallbackMethod = "POST", "http://a.example/f", "GET"
		})},
		`"req_timeout_ms": 1500`:       {want: good(func(d *PivotData) { d.Timeout = 1500 * time.Millisecond })},
		`"req_timeout_ms": "20"`:       {want: good(func(d *PivotData) { d.Timeout = 20 * time.Millisecond })},
		`"req_timeout_ms": 5000`:       {want: good(func(*PivotData) {})},
		`"req_timeout_ms": 0`:          {want: good(func(*PivotData) {}), warnings: 1},
		`"req_timeout_ms": -1`:         {want: good(func(*PivotData) {}), warnings: 1},
		`"req_timeout_ms": 5001`:       {want: good(func(*PivotData) {}), warnings: 1},
		`"req_timeout": "5"`:           {want: good(func(*PivotData) {})},
		`"unknown": {"a": [1]}`:        {want: good(func(*PivotData) {})},
		`"custom_request_headers": {}`: {want: good(func(*PivotData) {})},
		`"custom_request_headers": {"x-ok": "a\tb", "X-N": 5, "X-B": true}`: {want: good(func(d *PivotData) { d.Headers = map[string]string{"X-Ok": "a\tb", "X-N": "5", "X-B": "true"} })},
		`"custom_request_headers": {"X-A": "1", "x-a": "2"}`:                {want: good(func(d *PivotData) { d.Headers = map[string]string{"X-A": "2"} })},
		`"custom_request_headers": {"X-": "a", "Authorization": "b", "X-Bad\r\nHost: a": "c", "X-C": "d\r\ne", "X-D": null, "X-E": {}, "X-F": [], "X-\u00e9": "g", "X-G": "\u007f", "X-Good": "ok"}`: {
			want: good(func(d *PivotData) { d.Headers = map[string]string{"X-Good": "ok"} }), warnings: 9},
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			if data != "" {
				data += ", "
			}
			m, warnings := moduleOf(t, "pivot", `{`+data+`"voice_url": "`+url+`"}`, true)
			same(t, "data", c.want, *m.(*PivotData))
			if len(warnings) != c.warnings {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
}

func TestPivotURL(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"http://h/": true, "HTTP://host/": true, "https://u:p%40@h.example:8443/a?b=c#rc=3": true, "http://[::1]:80/a": true, " http://h/ ": true, "http://h?x=1": true,
		"": false, "ftp://h/": false, "h/a": false, "//h/a": false, "http://": false, "http:///a": false, "file:///etc/passwd": false, "http://h:0/": false,
		"http://h:99999/": false, "http://a b/": false, "javascript:alert(1)": false, "${system(id)}": false,
	} {
		for _, strict := range []bool{true, false} {
			got := faults(t, action("pivot", fmt.Sprintf(`{"voice_url": %q}`, url)), strict)
			if (got == nil) != ok || !ok && got[0] != "flow/data/voice_url" {
				t.Errorf("voice_url %q, strict %v: faults %q", url, strict, got)
			}
		}
	}
	m, _ := moduleOf(t, "pivot", `{"voice_url": " https://u:p@h/a#b "}`, true)
	if got := m.(*PivotData).VoiceURL; got != "https://u:p@h/a#b" {
		t.Errorf("voice_url %q", got)
	}
}

func TestPivotFaults(t *testing.T) {
	t.Parallel()
	for data, c := range map[string]struct{ strict, stored []string }{
		`{}`:                {[]string{"flow/data/voice_url"}, []string{"flow/data/voice_url"}},
		`{"voice_url": {}}`: {[]string{"flow/data/voice_url", "flow/data/voice_url"}, []string{"flow/data/voice_url", "flow/data/voice_url"}},
		`{"voice_url": "http://h/", "method": "Get"}`:                                               {[]string{"flow/data/method"}, nil},
		`{"voice_url": "http://h/", "method": "put"}`:                                               {[]string{"flow/data/method"}, []string{"flow/data/method"}},
		`{"voice_url": "http://h/", "req_format": "xml"}`:                                           {[]string{"flow/data/req_format"}, []string{"flow/data/req_format"}},
		`{"voice_url": "http://h/", "req_body_format": "xml"}`:                                      {[]string{"flow/data/req_body_format"}, []string{"flow/data/req_body_format"}},
		`{"voice_url": "http://h/", "cdr_url": "ftp://h/"}`:                                         {[]string{"flow/data/cdr_url"}, []string{"flow/data/cdr_url"}},
		`{"voice_url": "http://h/", "fallback_url": "ftp://h/"}`:                                    {[]string{"flow/data/fallback_url"}, []string{"flow/data/fallback_url"}},
		`{"voice_url": "http://h/", "fallback_method": "put"}`:                                      {[]string{"flow/data/fallback_method"}, []string{"flow/data/fallback_method"}},
		`{"voice_url": "http://h/", "fallback_method": "Post"}`:                                     {[]string{"flow/data/fallback_method"}, nil},
		`{"voice_url": "http://h/", "req_timeout_ms": 5001}`:                                        {nil, []string{"flow/data/req_timeout_ms"}},
		`{"voice_url": "http://h/", "req_timeout_ms": "soon"}`:                                      {[]string{"flow/data/req_timeout_ms"}, nil},
		`{"voice_url": "http://h/", "req_timeout_ms": []}`:                                          {[]string{"flow/data/req_timeout_ms"}, []string{"flow/data/req_timeout_ms"}},
		`{"voice_url": "http://h/", "custom_request_headers": []}`:                                  {[]string{"flow/data/custom_request_headers"}, []string{"flow/data/custom_request_headers"}},
		`{"voice_url": "http://h/", "custom_request_headers": {"Authorization": "a", "X-A": null}}`: {nil, []string{"flow/data/custom_request_headers", "flow/data/custom_request_headers"}},
	} {
		same(t, data+" returned", c.strict, faults(t, action("pivot", data), true))
		same(t, data+" stored", c.stored, faults(t, action("pivot", data), false))
	}
}

func TestPivot(t *testing.T) {
	t.Parallel()
	const ask = `{"voice_url": "http://h/"}`
	flows := map[string]string{"asks": action("pivot", ask, "_", say("fallback"))}
	for name, c := range map[string]struct {
		script
		flow    string
		answers []string // Callflow JSON; "failed", "left", "ended"
		want    apps
		asked   int
		err     error
	}{
		"the answer takes the flow's place": {flow: action("pivot", ask, "_", say("a")), answers: []string{say("b")}, want: apps{said("b"), ended}, asked: 1},
		"the first request failed":          {flow: action("pivot", ask, "_", say("a")), answers: []string{"failed"}, want: apps{said("a"), ended}, asked: 1},
		"it failed, and there is no child":  {flow: action("pivot", ask), answers: []string{"failed"}, want: apps{ended}, asked: 1},
		"the session ended the call":        {flow: action("pivot", ask, "_", say("a")), answers: []string{"ended"}, want: apps{ended}, asked: 1},
		"the call went elsewhere":           {flow: action("pivot", ask, "_", say("a")), answers: []string{"left"}, want: nil, asked: 1},
		"a second one stands by":            {flow: action("pivot", ask, "_", action("pivot", ask, "_", say("a"))), answers: []string{"failed", "failed"}, want: apps{said("a"), ended}, asked: 2},
		"the second one is not needed":      {flow: action("pivot", ask, "_", action("pivot", ask)), answers: []string{say("b")}, want: apps{said("b"), ended}, asked: 1},
		"a nested one":                      {flow: action("pivot", ask), answers: []string{say("b", "_", action("pivot", ask, "_", say("c"))), "failed"}, want: apps{said("b"), said("c"), ended}, asked: 2},
		"outer flows go on after an answer": {flow: action("callflow", `{"id": "asks"}`, "_", say("outer")), answers: []string{say("b")}, want: apps{said("b"), said("outer"), ended}, asked: 1},
		"not after one that hangs up":       {flow: action("callflow", `{"id": "asks"}`, "_", say("outer")), answers: []string{action("hangup", `{}`)}, want: apps{ended}, asked: 1},
		"nor after a session's end":         {flow: action("callflow", `{"id": "asks"}`, "_", say("outer")), answers: []string{"ended"}, want: apps{ended}, asked: 1},
		"an answer does not count as a branch": {script: script{settings: Settings{MaxBranches: 1}}, flow: action("pivot", ask),
			answers: []string{action("pivot", ask), action("pivot", ask), action("callflow", `{"id": "asks"}`), "failed"}, want: apps{said("fallback"), ended}, asked: 4},
		"the caller hangs up meanwhile":  {script: script{hangupAt: "pivot"}, flow: action("pivot", ask, "_", say("a")), answers: []string{"failed"}, asked: 1},
		"the process is to stop":         {script: script{cancelAt: "pivot"}, flow: action("pivot", ask, "_", say("a")), answers: []string{"failed"}, asked: 1, err: errStopped},
		"gone before it is asked at all": {script: script{gone: true}, flow: action("pivot", ask)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			s.answered, s.flows = true, flows
			for _, a := range c.answers {
				switch a {
				case "failed":
					s.pivots = append(s.pivots, Pivot{Failed: true})
				case "left":
					s.pivots = append(s.pivots, Pivot{Left: true})
				case "ended":
					s.pivots = append(s.pivots, Pivot{})
				default:
					s.pivots = append(s.pivots, Pivot{Flow: parsed(t, a)})
				}
			}
			if err := s.walk(t, c.flow); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t, c.want...)
			if len(s.asked) != c.asked {
				t.Errorf("asked %d times", len(s.asked))
			}
		})
	}
}

// The data that the web server is asked with is the node's.
func TestPivotAsks(t *testing.T) {
	t.Parallel()
	s := script{pivots: []Pivot{{Failed: true}}, state: call.State{ID: "a"}}
	if err := s.walk(t, action("pivot", `{"voice_url": "http://h/a", "method": "post", "req_format": "twiml", "req_timeout_ms": 100}`)); err != nil {
		t.Error(err)
	}
	same(t, "asked", []PivotData{{VoiceURL: "http://h/a", Method: "POST", ReqFormat: "twiml", ReqBodyFormat: "form", Timeout: 100 * time.Millisecond}}, s.asked)
	s.expect(t, dialplan.Hangup{})
}
