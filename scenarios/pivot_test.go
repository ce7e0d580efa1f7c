package scenarios

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/config"
	"fspivot/timeline"
)

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// The documentation's example: extension 2030.
func TestExtension2030(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.callflow("2030", `{"module": "pivot", "data": {"method": "GET", "req_timeout_ms": 5000, "req_format": "twiml", "voice_url": "%s/voice"}}`)
		s.web.answer("/voice", `<?xml version="1.0" encoding="UTF-8"?><Response><Say>Pivot is pretty awesome. Have a great day.</Say></Response>`)
		end := s.finish(s.call(caller{number: "2030"}))
		diff(t, "spoken", []string{"Pivot is pretty awesome. Have a great day."}, s.spoken())
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
		asked := s.web.until(t, "/voice")
		for name, want := range map[string]string{"AccountSid": "demo", "ApiVersion": "2010-04-01", "CallStatus": "ringing", "From": "15551230000",
			"CallerNumber": "15551230000", "CallerName": "Ann Example", "Direction": "inbound", "To": "2030"} {
			if got := asked.params.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

// A server that answers with Callflow JSON: digits by collection, variables, a nested pivot.
func TestCallflowJSON(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.callflow("2031", `{"module": "tts", "data": {"text": "Type your code."}, "children": {"_":
			{"module": "collect_dtmf", "data": {"max_digits": 4, "collection_name": "pin", "timeout": 8000}, "children": {"_":
			{"module": "pivot", "data": {"voice_url": "%s/code", "method": "post"}}}}}}`)
		s.web.answer("/code", `{"module": "set_variables", "data": {"custom_application_vars": {"tier": "gold"}}, "children": {"_":
			{"module": "tts", "data": {"text": "Welcome."}, "children": {"_":
			{"module": "pivot", "data": {"voice_url": "%s/again"}}}}}}`)
		s.web.answer("/again", `{"module": "play", "data": {"id": "tone_stream://%(200,0,440)"}, "children": {"_": {"module": "hangup", "data": {}}}}`)
		p := s.call(caller{number: "2031"})
		s.sent("speak")
		s.answered(p)
		p.press("ww0815")
		end := s.finish(p)
		diff(t, "requests", []string{"/code Digits[pin]=0815", "/again Digits[pin]=0815 Custom-Application-Vars[tier]=gold"},
			s.web.lines("Digits[pin]", "Custom-Application-Vars[tier]"))
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
		if m := s.web.until(t, "/code").method; m != http.MethodPost {
			t.Errorf("method %s", m)
		}
	})
}

// failures are what a web server can do instead of answering, and how long the caller may wait for the way out.
var failures = map[string]http.HandlerFunc{
	"500":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	"404":            http.NotFound,
	"204":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"rubbish":        reply("text/xml", "<Response><Say>unfinished"),
	"wrong root":     reply("text/xml", "<Foo/>"),
	"html":           reply("text/html", "<html></html>"),
	"bad json":       reply("application/json", `{"module": `),
	"no module":      reply("application/json", `{}`),
	"unknown module": reply("application/json", `{"module": "tts", "data": {"text": "x"}, "children": {"_": {"module": "nosuch", "data": {}}}}`),
	"cut": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("<Response/>"))
	},
	"reset": func(w http.ResponseWriter, _ *http.Request) { drop(w) },
	"hang":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	"slow body": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte("<Response>"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	},
	"redirect loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
	"blocked redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	},
}

func reply(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	}
}

func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// A first request that fails goes on with the node's "_" child; within the deadline.
func TestFirstRequestFails(t *testing.T) {
	for name, handler := range failures {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.callflow("2032", `{"module": "pivot", "data": {"voice_url": "%s/voice", "req_timeout_ms": 700}, "children": {"_":
					{"module": "tts", "data": {"text": "Please call later."}}}}`)
				s.web.handle("/voice", handler)
				end := s.finish(s.call(caller{number: "2032"}))
				diff(t, "spoken", []string{"Please call later."}, s.spoken())
				diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
				asked := s.until("the request", func(r timeline.Record) bool { return r.Kind == timeline.KindRequest })
				if wait := s.sent("speak").Since - asked.Since; wait > 1500*time.Millisecond {
					t.Errorf("the caller waited %s", wait)
				}
			})
		})
	}
}

// Nobody listens at all.
func TestWebServerIsDown(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		_ = l.Close()
		s.settings.Pivot.Allowed = append(s.settings.Pivot.Allowed, address)
		s.callflow("2033", fmt.Sprintf(`{"module": "pivot", "data": {"voice_url": "http://%s/"}, "children": {"_": {"module": "tts", "data": {"text": "Later."}}}}`, address))
		end := s.finish(s.call(caller{number: "2033"}))
		diff(t, "spoken", []string{"Later."}, s.spoken())
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
	})
}

// A later request that fails ends the call, whatever the "_" child says.
func TestLaterRequestFails(t *testing.T) {
	for name, handler := range failures {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.callflow("2034", `{"module": "pivot", "data": {"voice_url": "%s/voice", "req_timeout_ms": 700}, "children": {"_":
					{"module": "tts", "data": {"text": "Please call later."}}}}`)
				s.web.answer("/voice", `<Response><Say>Wait.</Say><Redirect>later</Redirect></Response>`)
				s.web.handle("/later", handler)
				end := s.finish(s.call(caller{number: "2034"}))
				diff(t, "spoken", []string{"Wait."}, s.spoken())
				diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
			})
		})
	}
}

// A blocked address is never dialled, and counts as a failed request.
func TestBlockedVoiceURL(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:%d/", "http://localhost:%d/", "http://[::1]:%d/", "http://0x7f.1:%d/", "http://2130706433:%d/",
		"http://[::ffff:127.0.0.1]:%d/", "http://user@127.0.0.1:%d/"} {
		t.Run(url, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.settings.Pivot.Allowed = nil
				port := s.web.server.Listener.Addr().(*net.TCPAddr).Port
				s.callflow("2035", fmt.Sprintf(`{"module": "pivot", "data": {"voice_url": "`+url+`"}, "children": {"_": {"module": "tts", "data": {"text": "Blocked."}}}}`, port))
				s.finish(s.call(caller{number: "2035"}))
				diff(t, "spoken", []string{"Blocked."}, s.spoken())
				diff(t, "requests", 0, len(s.web.requests()))
			})
		})
	}
}

// A pivot in a returned flow has a fallback of its own; the first node's is forgotten.
func TestNestedPivotFails(t *testing.T) {
	for name, c := range map[string]struct {
		child string
		want  []string
	}{
		"with a child":    {`{"module": "tts", "data": {"text": "Inner."}}`, []string{"Inner."}},
		"without a child": {`{}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.callflow("2036", `{"module": "pivot", "data": {"voice_url": "%s/voice"}, "children": {"_": {"module": "tts", "data": {"text": "Outer."}}}}`)
				s.web.answer("/voice", `{"module": "pivot", "data": {"voice_url": "%s/inner"}, "children": {"_": `+c.child+`}}`)
				s.finish(s.call(caller{number: "2036"}))
				diff(t, "spoken", c.want, s.spoken())
				diff(t, "requests", []string{"/voice", "/inner"}, s.web.lines())
			})
		})
	}
}

// A document that does nothing ends the call, without a fallback.
func TestEmptyAnswers(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"empty response": reply("text/xml", "<Response/>"), "empty body": reply("text/xml", ""), "blank": reply("application/json", " \n"),
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.callflow("2037", `{"module": "pivot", "data": {"voice_url": "%s/voice"}, "children": {"_": {"module": "tts", "data": {"text": "Outer."}}}}`)
				s.web.handle("/voice", handler)
				end := s.finish(s.call(caller{number: "2037"}))
				diff(t, "spoken", []string(nil), s.spoken())
				if end.Answered {
					t.Error("the call was answered")
				}
			})
		})
	}
}

// The caller's hangup cancels a request that is under way, at once.
func TestHangupDuringRequest(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		cancelled := make(chan time.Time, 1)
		s.web.answer("/voice", `<Response><Say>Hello.</Say><Redirect>slow</Redirect></Response>`)
		s.web.handle("/slow", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			cancelled <- time.Now()
		})
		p := s.call(caller{pivot: "/voice"})
		s.web.until(t, "/slow")
		began := time.Now()
		p.hangup()
		s.finish(p)
		select {
		case at := <-cancelled:
			if took := at.Sub(began); took > time.Second {
				t.Errorf("cancelled after %s", took)
			}
		case <-time.After(patience):
			t.Error("the request was not cancelled")
		}
		diff(t, "faults", []string(nil), s.faults())
	})
}

// Redirects: relative URLs, methods, variables; what stands behind is not reached.
func TestRedirect(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/a/b.php", `<Response><Set><Variable key="k" value="v &amp; w"/></Set><Redirect>c.php?x=1</Redirect><Say>Never.</Say></Response>`)
		s.web.answer("/a/c.php", `<Response><Redirect method="POST">/d</Redirect></Response>`)
		s.web.answer("/d", `<Response><Say>There.</Say><Hangup/></Response>`)
		s.finish(s.call(caller{pivot: "/a/b.php"}))
		diff(t, "requests", []string{"/a/b.php", "/a/c.php k=v & w x=1", "/d k=v & w"}, s.web.lines("k", "x"))
		diff(t, "spoken", []string{"There."}, s.spoken())
		if m := s.web.requests()[2].method; m != http.MethodPost {
			t.Errorf("method %s", m)
		}
	})
}

// A document that asks for itself for ever is stopped.
func TestEndlessRedirect(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/voice", `<Response><Redirect/></Response>`)
		s.web.answer("/loop", `<Response><Redirect>loop</Redirect></Response>`)
		end := s.finish(s.call(caller{pivot: "/loop"}))
		if n := len(s.web.requests()); n < 10 || n > 100 {
			t.Errorf("%d requests", n)
		}
		if end.Cause == "" {
			t.Error("no cause")
		}
	}, func(c *config.Config) { c.Pivot.MaxRequests = 60 })
}

// A web server that redirects: the answer's own URL is the base of what is relative.
func TestRelativeToFinalURL(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.handle("/start", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/deep/voice.xml", http.StatusFound) })
		s.web.answer("/deep/voice.xml", `<Response><Redirect>next.xml</Redirect></Response>`)
		s.web.answer("/deep/next.xml", `<Response><Hangup/></Response>`)
		s.finish(s.call(caller{pivot: "/start"}))
		diff(t, "requests", []string{"/start", "/deep/voice.xml", "/deep/next.xml"}, s.web.lines())
	})
}

// Numbers that no callflow has are refused.
func TestUnknownNumber(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.callflow("2038", `{"module": "hangup", "data": {}}`)
		end := s.finish(s.call(caller{number: "999"}))
		if end.Answered || !strings.Contains("UNALLOCATED_NUMBER NO_ROUTE_DESTINATION", end.Cause) {
			t.Errorf("%+v", end)
		}
	})
}
