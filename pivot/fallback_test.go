package pivot

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"fspivot/dialplan"
	"fspivot/kazoojson"
	"fspivot/timeline"
)

// told is what a request told the web application, by GET or POST.
func told(t *testing.T, a asked) url.Values {
	t.Helper()
	form, err := url.ParseQuery(a.query + "&" + a.body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// Which request fails, what the fallback URL answers, and what comes of it. Source: twiml.md 3.5.
func TestFallback(t *testing.T) {
	t.Parallel()
	const flow = `{"module": "tts", "data": {"text": "x"}}`
	for name, c := range map[string]struct {
		first, fallback string // documents; "": 404
		want            kazoojson.Pivot
		hangup          bool
		requests        []string
	}{
		"first, a document":        {"", "<Response><Redirect>good</Redirect></Response>", kazoojson.Pivot{}, true, []string{"/first", "/fall/back", "/fall/good"}},
		"first, and it fails":      {"", "", kazoojson.Pivot{Failed: true}, false, []string{"/first", "/fall/back"}},
		"first, nothing to do":     {"", "<Response/>", kazoojson.Pivot{}, true, []string{"/first", "/fall/back"}},
		"first, not a document":    {"", "<Foo/>", kazoojson.Pivot{Failed: true}, false, []string{"/first", "/fall/back"}},
		"first, then a later":      {"", "<Response><Redirect>bad</Redirect></Response>", kazoojson.Pivot{}, true, []string{"/first", "/fall/back", "/fall/bad"}},
		"later, a document":        {"<Response><Redirect>bad</Redirect></Response>", "<Response><Redirect>good</Redirect></Response>", kazoojson.Pivot{}, true, []string{"/first", "/bad", "/fall/back", "/fall/good"}},
		"later, and it fails":      {"<Response><Redirect>bad</Redirect></Response>", "", kazoojson.Pivot{}, true, []string{"/first", "/bad", "/fall/back"}},
		"later, never sent":        {"<Response><Redirect>ftp://h/</Redirect></Response>", "<Response/>", kazoojson.Pivot{}, true, []string{"/first", "/fall/back"}},
		"later, and again":         {"<Response><Redirect>bad</Redirect></Response>", "<Response><Redirect>bad</Redirect></Response>", kazoojson.Pivot{}, true, []string{"/first", "/bad", "/fall/back", "/fall/bad"}},
		"nothing fails":            {"<Response/>", "<Response><Redirect>good</Redirect></Response>", kazoojson.Pivot{}, true, []string{"/first"}},
		"a fault in the first":     {"<Response><Say>", "<Response/>", kazoojson.Pivot{}, true, []string{"/first", "/fall/back"}},
		"a flow that cannot be":    {`{"module": "nosuch", "data": {}}`, "<Response/>", kazoojson.Pivot{}, true, []string{"/first", "/fall/back"}},
		"the fallback has a flow":  {"", flow, kazoojson.Pivot{}, false, []string{"/first", "/fall/back"}},
		"later, and it has a flow": {"<Response><Redirect>bad</Redirect></Response>", flow, kazoojson.Pivot{}, false, []string{"/first", "/bad", "/fall/back"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t)
			if c.first != "" {
				w.answer("/first", c.first)
			}
			if c.fallback != "" {
				w.answer("/fall/back", c.fallback)
			}
			w.answer("/fall/good", "<Response/>")
			l := newLine()
			data := get(w.URL + "/first")
			data.FallbackURL = w.URL + "/fall/back"
			got := run(t, newService(t), newCall(t, l), data)
			if c.fallback == flow {
				if got.Flow == nil || got.Flow.Module != "tts" {
					t.Errorf("session: %+v", got)
				}
				got.Flow = nil
			}
			diff(t, "session", c.want, got)
			want := []dialplan.Application(nil)
			if c.hangup {
				want = hungUp
			}
			diff(t, "applications", want, l.apps)
			var paths []string
			for _, a := range w.all() {
				paths = append(paths, a.path)
			}
			diff(t, "requests", c.requests, paths)
		})
	}
}

// The fallback request tells what the failed one would have, and what was wrong with it; no later one does.
func TestFallbackTells(t *testing.T) {
	t.Parallel()
	closed := newWeb(t)
	refused := strings.Replace(closed.URL, "http://", "http://u:s3cret@", 1) + "/x?y=1#rc=0"
	shown := closed.URL + "/x?y=1"
	closed.Close()
	for name, c := range map[string]struct{ method, format, action, code, url string }{
		"refused":      {"GET", formatTwiML, refused, "11205", shown},
		"refused POST": {"POST", formatTwiML, refused, "11205", shown},
		"kazoo":        {"POST", formatKazoo, refused, "11205", shown},
		"blocked":      {"GET", formatTwiML, "http://blocked.test/a b", "11100", "http://blocked.test/a%20b"},
		"no such host": {"GET", formatTwiML, "http://nosuch.test", "11210", "http://nosuch.test/"},
		"not http":     {"GET", formatTwiML, "ftp://u:s3cret@h/", "11100", "…@h/"},
		"404":          {"GET", formatTwiML, "nowhere", "11217", "$WEB/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t)
			w.answer("/a", `<Response><Set><Variable key="k" value="v"/></Set><Gather numDigits="2" action="`+c.action+`"/></Response>`)
			w.answer("/fallback", `<Response><Redirect>after</Redirect></Response>`)
			w.answer("/after", `<Response/>`)
			l := newLine()
			l.answered, l.typed = true, []dialplan.Digits{"42"}
			data := get(w.URL + "/a")
			data.ReqFormat, data.FallbackURL, data.FallbackMethod = c.format, w.URL+"/fallback?z=1#rc=1", c.method
			data.Headers = map[string]string{"X-Key": "7"}
			call := newCall(t, l)
			run(t, newService(t), call, data)
			all := w.all()
			fallback, after := all[len(all)-2], all[len(all)-1]
			diff(t, "fallback request", c.method+" /fallback", fallback.String())
			form := told(t, fallback)
			for param, want := range map[string]string{"ErrorCode": c.code, "ErrorUrl": strings.Replace(c.url, "$WEB", w.URL, 1), "Digits": "42", "k": "v", "z": "1"} {
				diff(t, param, []string{want}, form[param])
			}
			diff(t, "custom header", "7", fallback.header.Get("X-Key"))
			diff(t, "next request", "GET /after", after.String())
			for _, param := range []string{"ErrorCode", "ErrorUrl", "Digits"} {
				diff(t, "later "+param, []string(nil), told(t, after)[param])
			}
			for _, r := range call.Timeline.Records() {
				if strings.Contains(r.Text, "s3cret") {
					t.Errorf("a record shows the password: %s", r.Text)
				}
			}
			if warned := texts(call, timeline.KindWarning); !strings.HasPrefix(warned[len(warned)-1], "the web server could not be asked, the fallback URL is: ") {
				t.Errorf("warnings %q", warned)
			}
		})
	}
}

// A fallback URL is held to what holds for others.
func TestFallbackIsChecked(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"http://blocked.test/", "http://127.0.0.9/", "ftp://h/", "http://", "http://u:s3cret@h h:x/"} {
		w := newWeb(t)
		l := newLine()
		c := newCall(t, l)
		data := get(w.URL + "/nowhere")
		data.FallbackURL = u
		diff(t, u, kazoojson.Pivot{Failed: true}, run(t, newService(t), c, data))
		diff(t, u+": code", "11100", lastCode(c))
		diff(t, u+": requests", []string{"GET /nowhere"}, w.lines())
	}
}

// A voice URL that cannot be asked fails like any first request; headers of the node then have no home.
func TestFallbackOfInvalidVoiceURL(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/fallback", "<Response/>")
	data := get("ftp://h/")
	data.FallbackURL, data.Headers = w.URL+"/fallback", map[string]string{"X-Key": "7"}
	diff(t, "session", kazoojson.Pivot{}, run(t, newService(t), newCall(t, newLine()), data))
	diff(t, "requests", []string{"GET /fallback"}, w.lines())
	diff(t, "header", "", w.all()[0].header.Get("X-Key"))
}

// Who has hung up, or asked too often, is not helped by another request.
func TestNoFallback(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/fallback", "<Response/>")
	l := newLine()
	w.handle("/a", func(rw http.ResponseWriter, r *http.Request) {
		close(l.hangup)
		dawdle(rw, r)
	})
	data := get(w.URL + "/a")
	data.FallbackURL = w.URL + "/fallback"
	if got, err := newService(t).Run(t.Context(), newCall(t, l), data); !errors.Is(err, dialplan.ErrGone) {
		t.Errorf("hung up: %+v, %v", got, err)
	}
	diff(t, "requests", []string{"GET /a"}, w.lines())

	l = newLine()
	c := newCall(t, l)
	c.State.Requests = 7
	diff(t, "over the limit", kazoojson.Pivot{}, run(t, newService(t, func(s *Service) { s.MaxRequests = 7 }), c, data))
	diff(t, "applications", hungUp, l.apps)
	diff(t, "requests", []string{"GET /a"}, w.lines())
}

// A fragment's settings hold for the first request and for later ones; what is tried, and what was wrong, is on record.
// Source: twiml.md 3.6; scenarios.md, W5, W6, W8.
func TestOverrides(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	turns := map[string]int{}
	failing := func(times int, then http.HandlerFunc) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if turns[r.URL.Path]++; turns[r.URL.Path] <= times {
				status(503)(rw, r)
				return
			}
			then(rw, r)
		}
	}
	w.handle("/a", failing(2, reply(`<Response><Redirect method="POST">b?x=1#rc=1&amp;rp=5xx&amp;zz=1</Redirect></Response>`)))
	w.handle("/b", failing(1, reply(`<Response><Redirect>c</Redirect></Response>`)))
	w.handle("/c", failing(1, reply(`<Response/>`)))
	c := newCall(t, newLine())
	diff(t, "session", kazoojson.Pivot{}, run(t, newService(t), c, get(w.URL+"/a#rc=2&rp=5xx")))
	diff(t, "requests", []string{"GET /a", "GET /a", "GET /a", "POST /b", "POST /b", "GET /c"}, w.lines()) // c has no settings
	diff(t, "warnings", []string{
		"attempt 1 failed, it is asked again: the web server answered 503",
		"attempt 2 failed, it is asked again: the web server answered 503",
		`connection setting "zz" is not known: it is left out`,
		"attempt 1 failed, it is asked again: the web server answered 503",
	}, texts(c, timeline.KindWarning))
	var answers []string
	for _, r := range c.Timeline.Records() {
		if r.Kind == timeline.KindAnswer {
			answers = append(answers, r.Fields["status"]+" "+r.Fields["attempt"])
		}
	}
	diff(t, "answers", []string{"200 3", "200 2", "503 "}, answers)
	diff(t, "iterations", []string{"1", "2", "3"}, iterations(c))
	tokens := map[string]int{}
	for _, a := range w.all() {
		tokens[a.path+a.header.Get("I-Twilio-Idempotency-Token")]++
	}
	diff(t, "paths and tokens", 3, len(tokens)) // a token a request, the same in its attempts
	for _, r := range c.Timeline.Records() {
		if all := fmt.Sprint(r.Text, r.Fields); strings.Contains(all, "rp=") {
			t.Errorf("a record shows the fragment: %s", all)
		}
	}
}

// What a fragment asks for stays inside the node's deadline.
func TestOverridesStayInTime(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.handle("/a", dawdle)
	data := get(w.URL + "/a#rc=5&rp=all&rt=15000&tt=15000")
	data.Timeout = 200 * time.Millisecond
	started := time.Now()
	diff(t, "session", kazoojson.Pivot{Failed: true}, run(t, newService(t), newCall(t, newLine()), data))
	if took := time.Since(started); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	diff(t, "requests", []string{"GET /a"}, w.lines())
}
