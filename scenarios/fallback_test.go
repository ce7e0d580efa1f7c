package scenarios

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"fspivot/timeline"
)

// A request that fails goes to the fallback URL, whose document the caller hears; the "_" child is not needed.
func TestFallbackURL(t *testing.T) {
	for name, c := range map[string]struct {
		voice    string // document; "": 404
		spoken   []string
		requests []string
	}{
		"first request": {"", []string{"Help is here."}, []string{"/voice", "/fallback ErrorCode=11217 ErrorUrl=%s/voice", "/done"}},
		"later request": {`<Response><Say>Wait.</Say><Redirect>nowhere</Redirect></Response>`, []string{"Wait.", "Help is here."},
			[]string{"/voice", "/nowhere", "/fallback ErrorCode=11217 ErrorUrl=%s/nowhere", "/done"}},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.callflow("2039", `{"module": "pivot", "data": {"voice_url": "%s/voice", "req_format": "twiml", "fallback_url": "%s/fallback", "fallback_method": "post"},
					"children": {"_": {"module": "tts", "data": {"text": "Please call later."}}}}`)
				if c.voice != "" {
					s.web.answer("/voice", c.voice)
				}
				s.web.answer("/fallback", `<Response><Say>Help is here.</Say><Redirect>done</Redirect></Response>`)
				s.web.answer("/done", `<Response><Hangup/></Response>`)
				end := s.finish(s.call(caller{number: "2039"}))
				diff(t, "spoken", c.spoken, s.spoken())
				diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
				var want []string
				for _, line := range c.requests {
					want = append(want, strings.ReplaceAll(line, "%s", s.web.URL()))
				}
				diff(t, "requests", want, s.web.lines("ErrorCode", "ErrorUrl"))
				if m := s.web.until(t, "/fallback").method; m != http.MethodPost {
					t.Errorf("method %s", m)
				}
			})
		})
	}
}

// A fallback that fails as well leaves everything as if there were none.
func TestFallbackURLFails(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.callflow("2040", `{"module": "pivot", "data": {"voice_url": "%s/voice", "fallback_url": "http://169.254.169.254/latest/meta-data#rc=0", "req_timeout_ms": 700},
			"children": {"_": {"module": "tts", "data": {"text": "Please call later."}}}}`)
		s.settings.Pivot.Blocked = append(s.settings.Pivot.Blocked, "169.254.0.0/16")
		end := s.finish(s.call(caller{number: "2040"}))
		diff(t, "spoken", []string{"Please call later."}, s.spoken())
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
		diff(t, "requests", []string{"/voice"}, s.web.lines())
	})
}

// A server that has a bad moment is asked again as the URL's fragment says, and the caller notices nothing.
func TestRetriesByFragment(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		var asked atomic.Int32
		s.callflow("2041", `{"module": "pivot", "data": {"voice_url": "%s/voice#rc=2&rp=5xx"}}`)
		s.web.handle("/voice", func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			reply("text/xml", "<Response><Say>There.</Say></Response>")(w, r)
		})
		end := s.finish(s.call(caller{number: "2041"}))
		diff(t, "spoken", []string{"There."}, s.spoken())
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
		diff(t, "requests", []string{"/voice", "/voice", "/voice"}, s.web.lines())
		diff(t, "warnings", []string{"attempt 1 failed, it is asked again: the web server answered 503",
			"attempt 2 failed, it is asked again: the web server answered 503"}, s.of(timeline.KindWarning))
	})
}
