package service

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fspivot/simswitch"
	"fspivot/timeline"
)

// A number that nobody has is refused as such, without an answer.
func TestUnknownNumber(t *testing.T) {
	t.Parallel()
	for name, vars := range map[string]map[string]string{"number": nil, "account": {"fspivot_account_id": "nosuch"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.serve()
			end := s.over(s.call(simswitch.Call{Request: "2030", Vars: vars}))
			diff(t, "SIP status", 404, end.SIP)
			diff(t, "answered", true, end.Answered.IsZero())
		})
	}
}

// Without a callflow the dialplan's variables are a pivot node.
func TestVoiceURL(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.on("/a", `<Response><Say>Hello</Say></Response>`)
	s.serve()
	end := s.over(s.call(simswitch.Call{Request: "9999", From: "100", Vars: map[string]string{
		"fspivot_voice_url": s.web.URL + "/a?x=1", "fspivot_method": "post", "fspivot_req_format": "kazoo", "fspivot_req_body_format": "json",
		"fspivot_req_timeout_ms": "3000", "sip_h_X-Foo": "bar baz",
	}}))
	diff(t, "cause", "NORMAL_CLEARING", end.Cause)
	diff(t, "spoken", []string{"Hello"}, s.spoken())
	asked := s.requests()
	if len(asked) != 1 || !strings.HasPrefix(asked[0], `POST /a?x=1 {"Account-ID":"demo",`) ||
		!strings.Contains(asked[0], `"Custom-SIP-Headers":{"X-Foo":"bar baz"}`) || !strings.Contains(asked[0], `"Request":"9999"`) {
		t.Errorf("requests %q", asked)
	}
}

// A dialplan can name a fallback as well.
func TestVoiceURLFallback(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.on("/help", `<Response><Say>Help</Say></Response>`)
	s.serve()
	s.over(s.call(simswitch.Call{Request: "9999", From: "100", Vars: map[string]string{
		"fspivot_voice_url": s.web.URL + "/nowhere", "fspivot_fallback_url": s.web.URL + "/help", "fspivot_fallback_method": "post",
	}}))
	diff(t, "spoken", []string{"Help"}, s.spoken())
	asked := s.requests()
	if len(asked) != 2 || !strings.HasPrefix(asked[1], "POST /help ") || !strings.Contains(asked[1], "ErrorCode=11217") ||
		!strings.Contains(asked[1], "ErrorUrl="+url.QueryEscape(s.web.URL+"/nowhere")) {
		t.Errorf("requests %q", asked)
	}
}

// The account's auth_token signs its calls' requests, and shows nowhere.
func TestSigned(t *testing.T) {
	t.Parallel()
	const key = "fspivot-test-key-7c2a"
	for name, want := range map[string]struct {
		document       string
		signed, warned bool
	}{
		"a token":     {document: `{"auth_token": "` + key + `", "realm": "a.example"}`, signed: true},
		"empty":       {document: `{"auth_token": ""}`},
		"none":        {document: `{"realm": "a.example"}`},
		"not a token": {document: `{"auth_token": ["` + key + `"]}`, warned: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.document("demo/account.json", want.document)
			s.callflow("2030", pivotTo(s.web.URL+"/a?x=1"))
			var got http.Header
			var address string
			s.handle("/a", func(w http.ResponseWriter, r *http.Request) {
				got, address = r.Header.Clone(), s.web.URL+r.URL.RequestURI()
				w.Header().Set("Content-Type", "text/xml")
				_, _ = io.WriteString(w, "<Response><Hangup/></Response>")
			})
			s.serve()
			s.over(s.call(simswitch.Call{Request: "2030"}))
			s.stop()
			s.end()
			signature := []string(nil)
			if want.signed {
				mac := hmac.New(sha1.New, []byte(key))
				mac.Write([]byte(address))
				signature = []string{base64.StdEncoding.EncodeToString(mac.Sum(nil))}
			}
			diff(t, "signature", signature, got["X-Twilio-Signature"])
			warned := false
			for _, r := range s.records {
				warned = warned || r.Text == "the account's auth_token is no text: requests are not signed"
				if strings.Contains(fmt.Sprint(r), key) {
					t.Errorf("the key is on the timeline: %s", r.Text)
				}
			}
			diff(t, "warned", want.warned, warned)
			if log := s.log.String(); strings.Contains(log, key) || !strings.Contains(log, "GET "+s.web.URL) {
				t.Errorf("the log has the key, or no request: %s", log)
			}
		})
	}
}

// The first failure goes back to the callflow; a nested pivot's to its own child; a later request's ends the call.
func TestFallback(t *testing.T) {
	t.Parallel()
	const say = `{"module": "tts", "data": {"text": "Sorry"}}`
	for name, c := range map[string]struct {
		document string // "": 404
		want     []string
	}{
		"first":                   {"", []string{"Sorry"}},
		"later":                   {`<Response><Redirect>/nowhere</Redirect></Response>`, nil},
		"nothing":                 {`<Response/>`, nil},
		"nested, with a child":    {`{"module": "pivot", "data": {"voice_url": "$WEB/nowhere"}, "children": {"_": {"module": "tts", "data": {"text": "Nested"}}}}`, []string{"Nested"}},
		"nested, without a child": {`{"module": "pivot", "data": {"voice_url": "$WEB/nowhere"}}`, nil},
		"invalid":                 {`{"module": "tts", "data": {"text": "x"}, "children": {"_": {"module": "nosuch", "data": {}}}}`, []string{"Sorry"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.callflow("2030", `{"module": "pivot", "data": {"voice_url": "$WEB/a"}, "children": {"_": `+say+`}}`)
			if c.document != "" {
				s.on("/a", c.document)
			}
			s.serve()
			end := s.over(s.call(simswitch.Call{Request: "2030"}))
			diff(t, "cause", "NORMAL_CLEARING", end.Cause)
			diff(t, "spoken", c.want, s.spoken())
		})
	}
}

// Callflows that change while the service runs are those of the next call; one that became invalid stays as it was.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.callflow("2030", `{"module": "tts", "data": {"text": "Old"}}`)
	s.serve()
	s.over(s.call(simswitch.Call{Request: "2030"}))
	s.callflow("2030", `{"module": "tts", "data": {"text": "Newer"}}`)
	s.logged("account documents read again")
	s.over(s.call(simswitch.Call{Request: "2030"}))
	s.callflow("2030", `{"module": "tts", "data": {"text": `)
	s.logged("faulty ones keep their old content")
	s.over(s.call(simswitch.Call{Request: "2030"}))
	diff(t, "spoken", []string{"Old", "Newer", "Newer"}, s.spoken())
}

// logged waits until the log has that.
func (s *stage) logged(text string) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !strings.Contains(s.log.String(), text) {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited %s for %q in the log", patience, text)
		}
	}
}

// A panic ends the call that it arose in, and nothing else.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.callflow("2030", `{"module": "answer", "data": {}, "children": {"_": {"module": "sleep", "data": {"duration": 1}, "children": {"_":
		{"module": "tts", "data": {"text": "Still here"}}}}}}`)
	s.callflow("2031", `{"module": "hangup", "data": {}}`)
	s.observe = func(r timeline.Record) {
		if r.Kind == timeline.KindCall && strings.HasPrefix(r.Text, "calls 2031") {
			panic("s.observe")
		}
	}
	s.serve()
	other := s.call(simswitch.Call{Request: "2030"})
	<-other.Answered()
	end := s.over(s.call(simswitch.Call{Request: "2031"}))
	diff(t, "cause", "NORMAL_TEMPORARY_FAILURE", end.Cause)
	diff(t, "cause of the other", "NORMAL_CLEARING", s.over(other).Cause)
	diff(t, "spoken", []string{"Still here"}, s.spoken())
	if log := s.log.String(); strings.Count(log, "panic: the call is hung up") != 1 || !strings.Contains(log, "service_test.go") {
		t.Error("the log has no stack")
	}
}

// An observer that panics at everything costs calls, not the process.
func TestPanicAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.callflow("2030", `{"module": "hangup", "data": {}}`)
	s.observe = func(timeline.Record) { panic("always") }
	s.serve()
	s.over(s.call(simswitch.Call{Request: "2030"}))
	s.over(s.call(simswitch.Call{Request: "2030"}))
	diff(t, "panics", 2, strings.Count(s.log.String(), "panic: the call is hung up"))
}

// A service that stops gives calls back that do not end by themselves, and hangs none up: what was queued goes on at the
// switch, and then the dialplan's next action. Source: esl.md, Several nodes.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		document string
		marker   string // that the call is there
		goesOn   bool   // with the next action, at once
	}{
		"pause":   {`<Response><Pause length="3600"/></Response>`, "execute playback", false},
		"gather":  {`<Response><Gather timeout="3600"/></Response>`, "execute answer", true},
		"request": {"", "connect", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.callflow("2030", pivotTo("$WEB/a"))
			if c.document != "" {
				s.on("/a", c.document)
			} else {
				s.handle("/a", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			}
			s.settings.ESL.DrainSeconds = 1
			var dials atomic.Int32
			again := make(chan struct{})
			s.dial = func() error {
				if dials.Add(1) == 2 {
					close(again)
					return errRefused
				}
				return nil
			}
			s.serve()
			p := s.call(simswitch.Call{Request: "2030"})
			s.happens(c.marker)
			s.wait("the request", func() bool { return len(s.asked) == 1 })
			stopping := time.Now()
			s.stop()
			s.end()
			if took := time.Since(stopping); took < time.Second || took > 5*time.Second {
				t.Errorf("the service took %s to stop, of 1 s for its calls", took)
			}
			if c.goesOn {
				select {
				case <-again:
				case <-time.After(patience):
					t.Fatal("the switch did not go on with the dialplan")
				}
			} else {
				diff(t, "calls at the switch", 1, s.fs.Channels())
			}
			for _, r := range s.records {
				if r.Kind == timeline.KindCommand && strings.Contains(r.Text, "uuid_kill") {
					t.Errorf("the call was hung up: %s", r.Text)
				}
			}
			if !strings.Contains(s.log.String(), "the call was given back to the switch") {
				t.Error("the log does not tell")
			}
			p.Hangup("")
			s.over(p)
		})
	}
}

// Calls that end in time are let end.
func TestDrainPatience(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.callflow("2030", pivotTo("$WEB/a"))
	s.on("/a", `<Response><Pause length="1"/><Say>Goodbye</Say></Response>`)
	s.serve()
	p := s.call(simswitch.Call{Request: "2030"})
	s.until("playback ")
	s.stop()
	s.end()
	diff(t, "cause", "NORMAL_CLEARING", s.over(p).Cause)
	diff(t, "spoken", []string{"Goodbye"}, s.spoken())
}

// Wherever a call is, the caller's hangup ends its session at once: the service has nothing to wait for.
func TestHangup(t *testing.T) {
	t.Parallel()
	flow := func(module, data string) string { return `{"module": "` + module + `", "data": ` + data + `}` }
	document := func(verbs string) string { return "<Response>" + verbs + "</Response>" }
	for name, c := range map[string]struct {
		flow, document string
		marker         string // what happens at the switch before the caller leaves
		asks           string // what the web server is asked afterwards; "": nothing
	}{
		"request":      {document: "", marker: "connect"},
		"Say":          {document: document("<Say>" + strings.Repeat("Never ending. ", 200) + "</Say><Redirect>b</Redirect>"), marker: "execute speak"},
		"Pause":        {document: document(`<Pause length="3600"/><Redirect>b</Redirect>`), marker: "execute playback"},
		"Gather":       {document: document(`<Gather timeout="3600" action="b"/>`), marker: "answer"},
		"Dial":         {document: document(`<Dial action="b" timeout="600">15550008480</Dial>`), marker: "dial", asks: "/b CallStatus=completed DialCallStatus=canceled"},
		"Record":       {document: document(`<Record action="b" playBeep="false" timeout="0"/>`), marker: "execute record", asks: "/b CallStatus=completed Digits=hangup"},
		"tts":          {flow: flow("tts", `{"text": "`+strings.Repeat("Never ending. ", 70)+`"}`), marker: "execute speak"},
		"sleep":        {flow: flow("sleep", `{"duration": 3600}`), marker: "execute ring_ready"},
		"collect_dtmf": {flow: flow("collect_dtmf", `{"max_digits": 4, "timeout": 3600000}`), marker: "answer"},
		"dead_air":     {flow: flow("dead_air", `{}`), marker: "answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if c.flow == "" {
				c.flow = pivotTo("$WEB/a")
			}
			s.callflow("2030", c.flow)
			if c.document != "" {
				s.on("/a", c.document)
			} else {
				s.handle("/a", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			}
			s.on("/b", `<Response/>`)
			s.settings.ESL.DrainSeconds = 3600
			s.serve()
			p := s.call(simswitch.Call{Request: "2030"})
			s.happens(c.marker)
			if c.flow == pivotTo("$WEB/a") {
				s.wait("the request", func() bool { return len(s.asked) == 1 })
			}
			p.Hangup("")
			s.over(p)
			s.stop()
			stopping := time.Now()
			s.end()
			if took := time.Since(stopping); took > 4*time.Second {
				t.Errorf("the session lived on for %s", took)
			}
			var after []string
			for _, line := range s.requests() {
				u, err := url.Parse(strings.Fields(line)[1])
				if err != nil {
					t.Fatal(err)
				}
				if u.Path == "/a" {
					continue
				}
				text := u.Path
				for _, name := range []string{"CallStatus", "DialCallStatus", "Digits"} {
					if v := u.Query().Get(name); v != "" {
						text += " " + name + "=" + v
					}
				}
				after = append(after, text)
			}
			diff(t, "requests after the hangup", strings.Join(after, "\n"), c.asks)
		})
	}
}

// A call that somebody else takes away is left alone.
func TestTransferred(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{`<Pause length="3600"/><Redirect>b</Redirect>`, `<Gather timeout="3600"/>`, `<Record timeout="0" action="b"/>`} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.callflow("2030", pivotTo("$WEB/a"))
			s.on("/a", "<Response>"+verb+"</Response>")
			s.settings.ESL.DrainSeconds = 3600
			s.serve()
			p := s.call(simswitch.Call{Request: "2030"})
			s.until("answered")
			p.Transfer()
			s.until("the call went elsewhere")
			s.stop()
			s.end() // the session is over
			select {
			case <-p.Done():
				t.Error("the call was hung up")
			default:
			}
			diff(t, "calls at the switch", 1, s.fs.Channels())
			diff(t, "requests", 1, len(s.requests()))
			p.Hangup("")
			s.over(p)
		})
	}
}

// No line of the log, at its most talkative, has a secret in it: neither of the configuration, nor of a URL, nor what a
// caller types.
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	withPassword := strings.Replace(s.web.URL, "http://", "http://user:pa55word@", 1)
	s.settings.HTTP.AuthToken = "t0ken"
	s.callflow("2030", `{"module": "collect_dtmf", "data": {"max_digits": 6, "collection_name": "pin", "timeout": 20000}, "children": {"_":
		{"module": "pivot", "data": {"voice_url": "`+withPassword+`/a?api_key=k3y", "method": "post", "req_body_format": "json", "debug": true,
		"custom_request_headers": {"X-Secret": "h3ader"}}}}}`)
	s.on("/a", `{"module": "pivot", "data": {"voice_url": "`+withPassword+`/b", "method": "post", "req_format": "twiml"}}`)
	s.on("/b", `<Response><Say>Code</Say><Gather numDigits="6" action="c" method="POST"/></Response>`)
	s.on("/c", `<Response><Say>Card</Say><Gather numDigits="6" finishOnKey="" action="d?access_key=k3y"/></Response>`)
	s.on("/d", `<Response><Play>`+withPassword+`/nosuch.wav</Play><Play>http://user:pa55word@nosuch host/</Play>
		<Record recordingUrl="`+withPassword+`/up" maxLength="1" timeout="1" action="`+withPassword+`/e" playBeep="false"/></Response>`)
	s.on("/e", `<Response><Redirect>http://user:pa55word@127.0.0.1:1/x?Digits=736251</Redirect></Response>`)
	s.serve()
	p := s.call(simswitch.Call{Request: "2030"})
	<-p.Answered()
	p.Press("481516")
	s.wait("the code", func() bool { return len(s.asked) >= 2 })
	s.until("speak flite|slt|Code")
	p.Press("w234299")
	s.until("speak flite|slt|Card")
	p.Press("w**7362")
	s.over(p)
	asked := s.requests()
	if len(asked) < 5 || !strings.Contains(asked[0], `"Digits":{"pin":"481516"}`) || !strings.Contains(asked[2], "Digits=234299") ||
		!strings.Contains(asked[3], "Digits=%2A%2A7362") {
		t.Fatalf("the call did not go as planned: %q", asked)
	}
	s.stop()
	s.end()
	log := s.log.String()
	for _, want := range []string{`Digits=(6)`, `\"Digits\":{\"pin\":\"(6)\"}`, "/a?api_key=(hidden)"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %s", want)
		}
	}
	for _, secret := range []string{"pa55word", "t0ken", "k3y", "h3ader", "481516", "234299", "7362", "736251", "key 4", "key *"} {
		for line := range strings.Lines(log) {
			if strings.Contains(line, secret) {
				t.Errorf("%q in: %s", secret, line)
			}
		}
	}
	for _, r := range s.records {
		for _, text := range []string{r.Text, r.Fields["url"], r.Fields["err"]} {
			for _, secret := range []string{"pa55word", "h3ader", "t0ken"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q on the timeline: %s", secret, text)
				}
			}
		}
	}
}

func TestHide(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "key": "key", "calls 2030 from 100": "calls 2030 from 100",
		"GET http://h/?Digits=12&To=3":                                   "GET http://h/?Digits=(2)&To=3",
		"GET http://h/?Digits=":                                          "GET http://h/?Digits=(0)",
		"GET http://h/?Digits=%2A0%23":                                   "GET http://h/?Digits=(3)",
		"POST http://h/ A=b&Digits[pin]=12&Digits[x%5D]=%2A":             "POST http://h/ A=b&Digits[pin]=(2)&Digits[x%5D]=(1)",
		"x Digits%5Bpin%5D=12":                                           "x Digits%5Bpin%5D=(2)",
		"no answer: timeout: http://h/?Digits=12: deadline":              "no answer: timeout: http://h/?Digits=(2): deadline",
		`{"Digits":"12","To":"34"}`:                                      `{"Digits":"(2)","To":"34"}`,
		`{"Digits":{"a":"12","default":""},"To":"34"}`:                   `{"Digits":{"a":"(2)","default":"(0)"},"To":"34"}`,
		"http://h/?token=abc&x=1":                                        "http://h/?token=(hidden)&x=1",
		"http://h/?API_Key=abc":                                          "http://h/?API_Key=(hidden)",
		"Custom-SIP-Headers[X-Token]=abc&b=1":                            "Custom-SIP-Headers[X-Token]=(hidden)&b=1",
		`{"Custom-SIP-Headers":{"X-Token":"a\"bc"},"To":"3"}`:            `{"Custom-SIP-Headers":{"X-Token":"(hidden)"},"To":"3"}`,
		"http://h/?tokenless=abc":                                        "http://h/?tokenless=abc",
		"POST http://h/ ErrorUrl=http%3A%2F%2Fk%2F%3Fapi_key%3Dabc&To=3": "POST http://h/ ErrorUrl=http%3A%2F%2Fk%2F%3F(hidden)&To=3",
		"GET http://h/?ErrorUrl=http%3A%2F%2Fk%2F&To=3%3F":               "GET http://h/?ErrorUrl=http%3A%2F%2Fk%2F&To=3%3F",
	} {
		if got := hide(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// The language of prompts is the call's of now.
func TestFlowLanguage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, language := range []string{"en-us", "de"} {
		name := filepath.Join(s.settings.Media.Dir, "prompts", language, "hello.wav")
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, make([]byte, 1000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.callflow("2030", `{"module": "play", "data": {"id": "prompt://demo/hello"}}`)
	s.document("demo/account.json", `{"language": "DE"}`)
	s.serve()
	s.over(s.call(simswitch.Call{Request: "2030"}))
	s.until(filepath.Join("prompts", "de", "hello.wav"))
}

// Recordings are told by the address that others reach the service by.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.callflow("2030", pivotTo("$WEB/a"))
	s.on("/a", `<Response><Record action="b" method="POST" maxLength="1" timeout="1" playBeep="false"/></Response>`)
	s.on("/b", `<Response/>`)
	s.settings.HTTP.PublicURL = "https://pbx.example.com/voice/"
	s.serve()
	s.over(s.call(simswitch.Call{Request: "2030"}))
	form, err := url.ParseQuery(strings.TrimPrefix(s.requests()[1], "POST /b "))
	if err != nil {
		t.Fatal(err)
	}
	if u := form.Get("RecordingUrl"); !strings.HasPrefix(u, "https://pbx.example.com/voice/v2/accounts/demo/recordings/") {
		t.Errorf("RecordingUrl %q", u)
	}
}

// A configuration that cannot be used is an error, and leaves nothing running.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.settings.Media.Recordings = file
	if _, err := New(s.settings, "test", nil); err == nil {
		t.Error("a file is taken for the folder of recordings")
	}
}
