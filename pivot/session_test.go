package pivot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/kazoojson"
	"fspivot/timeline"
)

// Every way in which a request can fail, as the first and as a later one. Source: pivot.md 9, 14.
func TestFailure(t *testing.T) {
	t.Parallel()
	closed := newWeb(t)
	refused := closed.URL
	closed.Close()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		url     string // instead of the handler's
		code    string
	}{
		"refused":       {url: refused + "/x", code: "11205"},
		"no such host":  {url: "http://nosuch.test/", code: "11210"},
		"blocked":       {url: "http://blocked.test/", code: "11100"},
		"blocked range": {url: "http://127.0.0.9/", code: "11100"},
		"no TLS":        {url: "https" + strings.TrimPrefix(newWeb(t).URL, "http") + "/", code: "11220"},
		"timeout":       {handler: dawdle, code: "11200"},
		"slow body": {handler: func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "text/xml")
			_, _ = rw.Write([]byte("<Response>"))
			rw.(http.Flusher).Flush()
			dawdle(rw, r)
		}, code: "11200"},
		"cut": {handler: func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/xml")
			rw.Header().Set("Content-Length", "1000")
			_, _ = rw.Write([]byte("<Response/>"))
		}, code: "11206"},
		"too large":     {handler: reply("<Response>" + strings.Repeat(" ", 1<<16) + "</Response>"), code: "11750"},
		"201":           {handler: status(201), code: "11200"},
		"204":           {handler: status(204), code: "11200"},
		"206":           {handler: status(206), code: "11200"},
		"304":           {handler: status(304), code: "11200"},
		"404":           {handler: status(404), code: "11217"},
		"500":           {handler: status(500), code: "11217"},
		"503":           {handler: status(503), code: "11217"},
		"loop":          {handler: redirect(302, "/bad"), code: "11215"},
		"no location":   {handler: status(302), code: "11206"},
		"to blocked":    {handler: redirect(302, "http://blocked.test/"), code: "11100"},
		"to ftp":        {handler: redirect(302, "ftp://h/"), code: "11206"},
		"html":          {handler: typed("text/html", "<Response/>"), code: "12300"},
		"unfinished":    {handler: reply("<Response><Say>"), code: "12100"},
		"wrong root":    {handler: reply("<Foo/>"), code: "12102"},
		"bad JSON":      {handler: reply(`{"module": `), code: "11200"},
		"no module":     {handler: reply(`{}`), code: "11200"},
		"bad module":    {handler: reply(`{"module": "tts", "data": {"text": "x"}, "children": {"_": {"module": "nosuch", "data": {}}}}`), code: "11200"},
		"nested ftp":    {handler: reply(`{"module": "pivot", "data": {"voice_url": "ftp://h/"}}`), code: "11100"},
		"JSON by a lie": {handler: typed("", `{"module": "hangup", "data": {}}`), code: "12100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t)
			bad := c.url
			if c.handler != nil {
				w.handle("/bad", c.handler)
				bad = w.URL + "/bad"
			}
			w.answer("/first", "<Response><Redirect>"+bad+"</Redirect></Response>")
			s := newService(t)
			data := get(bad)
			data.Timeout = 200 * time.Millisecond
			if c.handler == nil || name == "too large" {
				data.Timeout = patience
			}

			l := newLine()
			first := newCall(t, l)
			diff(t, "first request", kazoojson.Pivot{Failed: true}, run(t, s, first, data))
			diff(t, "applications of the first", []dialplan.Application(nil), l.apps)
			diff(t, "code of the first", c.code, lastCode(first))

			l = newLine()
			later := newCall(t, l)
			data.VoiceURL = w.URL + "/first"
			diff(t, "later request", kazoojson.Pivot{}, run(t, s, later, data))
			diff(t, "applications of the later", hungUp, l.apps)
			diff(t, "code of the later", c.code, lastCode(later))
		})
	}
}

// lastCode is that of the last error on record.
func lastCode(c *Call) string {
	code := "none"
	for _, r := range c.Timeline.Records() {
		if r.Kind == timeline.KindError {
			code = r.Fields["code"]
		}
	}
	return code
}

// What a document names that cannot be asked at all.
func TestInvalidLaterURL(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"<Redirect>ftp://h/</Redirect>", "<Redirect></Redirect>", "<Redirect>mailto:x@y</Redirect>",
		`<Gather numDigits="1" action="tel:5"/>`} {
		w := newWeb(t)
		w.answer("/first", "<Response>"+doc+"</Response>")
		l := newLine()
		l.answered, l.typed = true, []dialplan.Digits{"1"}
		c := newCall(t, l)
		diff(t, doc, kazoojson.Pivot{}, run(t, newService(t), c, get(w.URL+"/first")))
		diff(t, doc+": applications", hungUp, l.apps)
		diff(t, doc+": code", "11100", lastCode(c))
		diff(t, doc+": requests", []string{"GET /first"}, w.lines())
	}
}

// A voice URL that can't be asked is a failed first request, though nothing was sent.
func TestInvalidVoiceURL(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "ftp://h/", "http://", "http://u:s3cret@h h:x/", "http://[::1/"} {
		l := newLine()
		c := newCall(t, l)
		diff(t, u, kazoojson.Pivot{Failed: true}, run(t, newService(t), c, get(u)))
		diff(t, u+": applications", []dialplan.Application(nil), l.apps)
		diff(t, u+": code", "11100", lastCode(c))
		if all := strings.Join(texts(c, timeline.KindError), "\n"); strings.Contains(all, "s3cret") {
			t.Errorf("the record shows the password: %s", all)
		}
	}
}

// A valid answer that asks for nothing ends the call, and is no failure.
func TestNothing(t *testing.T) {
	t.Parallel()
	for _, answers := range []bool{false, true} {
		want := hungUp
		if answers {
			want = []dialplan.Application{dialplan.Answer{}, dialplan.Hangup{}}
		}
		for _, body := range []string{"", " \n\t", "<Response/>", "<Response> <!-- nothing --> </Response>"} {
			w := newWeb(t)
			w.answer("/a", body)
			l := newLine()
			s := newService(t, func(s *Service) { s.TwiML.EmptyAnswers = answers })
			diff(t, body, kazoojson.Pivot{}, run(t, s, newCall(t, l), get(w.URL+"/a")))
			diff(t, body+": applications", want, l.apps)
		}
	}
}

// A Callflow JSON answer takes the call over, whatever the node's req_format, in the first and in a later answer.
func TestFlow(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/flow", `{"module": "tts", "data": {"text": "x"}}`)
	w.answer("/first", "<Response><Redirect>flow</Redirect></Response>")
	for _, path := range []string{"/flow", "/first"} {
		l := newLine()
		data := get(w.URL + path)
		data.ReqFormat = formatTwiML
		got := run(t, newService(t), newCall(t, l), data)
		if got.Flow == nil || got.Flow.Module != "tts" || got.Failed || got.Left {
			t.Errorf("%s: %+v", path, got)
		}
		diff(t, path+": applications", []dialplan.Application(nil), l.apps)
	}
}

// A caller who has hung up before is not asked for.
func TestGoneBefore(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/a", "<Response/>")
	l := newLine()
	close(l.hangup)
	c := newCall(t, l)
	got, err := newService(t).Run(t.Context(), c, get(w.URL+"/a"))
	if !errors.Is(err, dialplan.ErrGone) || got != (kazoojson.Pivot{}) {
		t.Errorf("%+v, %v", got, err)
	}
	diff(t, "requests", []string(nil), w.lines())
	diff(t, "requests on record", []string(nil), iterations(c))
}

// A request that the end of the service cancelled is no failure of the web server's.
func TestStoppedRequest(t *testing.T) {
	t.Parallel()
	stopping := errors.New("stopping")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopping)
	l := newLine()
	s := session{Service: newService(t), call: newCall(t, l), iteration: 1}
	got, err := s.failed(ctx, &egress.Error{Reason: egress.Cancelled, Err: context.Canceled})
	if err != stopping || got != (kazoojson.Pivot{}) {
		t.Errorf("%+v, %v", got, err)
	}
	diff(t, "applications", []dialplan.Application(nil), l.apps)
}

// A hangup, or the end of the service, cancels a request at once, and nothing comes of its answer.
func TestCancel(t *testing.T) {
	t.Parallel()
	stopping := errors.New("stopping")
	for name, want := range map[string]error{"hangup": dialplan.ErrGone, "drain": stopping} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			l := newLine()
			noticed := make(chan struct{})
			w.handle("/a", func(rw http.ResponseWriter, r *http.Request) {
				if name == "hangup" {
					close(l.hangup)
				} else {
					cancel(stopping)
				}
				<-r.Context().Done()
				close(noticed)
			})
			started := time.Now()
			got, err := newService(t).Run(ctx, newCall(t, l), get(w.URL+"/a"))
			if took := time.Since(started); took > patience/2 {
				t.Errorf("it took %s", took)
			}
			if !errors.Is(err, want) || got != (kazoojson.Pivot{}) {
				t.Errorf("%+v, %v; want %v", got, err, want)
			}
			diff(t, "applications", []dialplan.Application(nil), l.apps)
			select {
			case <-noticed:
			case <-time.After(patience):
				t.Error("the web server's request lives on")
			}
		})
	}
}

// A call that somebody took away is left alone, and its web server is asked no more.
func TestLeft(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/a", `<Response><Record action="b" playBeep="false"/><Say>never</Say></Response>`)
	l := newLine()
	l.answered = true
	l.do = func(a dialplan.Application) (dialplan.Completion, dialplan.End) {
		return dialplan.Complete(a.Name(), "", nil), dialplan.End{How: dialplan.Left}
	}
	s := newService(t)
	diff(t, "session", kazoojson.Pivot{Left: true}, run(t, s, newCall(t, l), get(w.URL+"/a")))
	s.Close()
	diff(t, "requests", []string{"GET /a"}, w.lines())
	for _, a := range l.apps {
		if _, ok := a.(dialplan.Hangup); ok {
			t.Error("the call was hung up")
		}
	}
}

// A caller who hangs up in a recording: its result is told once, as far as it got.
func TestDetached(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "POST"} {
		w := newWeb(t)
		w.answer("/a", `<Response><Record action="done" method="`+method+`" playBeep="false"/><Say>never</Say></Response>`)
		w.handle("/done", status(500)) // nobody cares
		if method == "POST" {
			w.handle("/done", func(rw http.ResponseWriter, _ *http.Request) {
				conn, _, err := rw.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.Close() // nor asks again
			})
		}
		l := newLine()
		l.answered = true
		l.do = func(a dialplan.Application) (dialplan.Completion, dialplan.End) {
			return dialplan.Complete(a.Name(), "", dialplan.Scripted{"record_ms": "2400"}), dialplan.End{How: dialplan.HungUp, Cause: "NORMAL_CLEARING"}
		}
		s := newService(t)
		c := newCall(t, l)
		data := get(w.URL + "/a")
		data.ReqFormat = formatTwiML
		got, err := s.Run(t.Context(), c, data)
		if !errors.Is(err, dialplan.ErrGone) || got != (kazoojson.Pivot{}) {
			t.Errorf("%+v, %v", got, err)
		}
		s.Close()
		diff(t, "requests", []string{"GET /a", method + " /done"}, w.lines())
		last := w.all()[1]
		form, err := url.ParseQuery(last.query + last.body)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"CallStatus": "completed", "Digits": "hangup", "RecordingDuration": "2", "CallSid": c.State.ID} {
			diff(t, method+": "+name, want, form.Get(name))
		}
		if u := form.Get("RecordingUrl"); !strings.HasPrefix(u, "http://pbx.test/v2/accounts/demo/recordings/") {
			t.Errorf("RecordingUrl %q", u)
		}
		diff(t, "code", "none", lastCode(c))
		diff(t, "iterations", []string{"1", "2"}, iterations(c))
	}
}

// A detached request that cannot be made is on record, and that is all.
func TestDetachedInvalid(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/a", `<Response><Record action="ftp://h/" playBeep="false"/></Response>`)
	l := newLine()
	l.answered = true
	l.do = func(a dialplan.Application) (dialplan.Completion, dialplan.End) {
		return dialplan.Complete(a.Name(), "", nil), dialplan.End{How: dialplan.HungUp}
	}
	s := newService(t)
	c := newCall(t, l)
	if _, err := s.Run(t.Context(), c, get(w.URL+"/a")); !errors.Is(err, dialplan.ErrGone) {
		t.Error(err)
	}
	s.Close()
	diff(t, "requests", []string{"GET /a"}, w.lines())
	var found bool
	for _, text := range texts(c, timeline.KindWarning) {
		found = found || strings.HasPrefix(text, "no request after the hangup: ")
	}
	if !found {
		t.Errorf("no record of it: %q", texts(c, timeline.KindWarning))
	}
}

func iterations(c *Call) []string {
	var list []string
	for _, r := range c.Timeline.Records() {
		if r.Kind == timeline.KindRequest {
			list = append(list, r.Fields["iteration"])
		}
	}
	return list
}

// Iterations are a session's; requests are the call's. Source: pivot.md 16.
func TestIterations(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/1", "<Response><Redirect>2</Redirect></Response>")
	w.answer("/2", "<Response><Redirect>3</Redirect></Response>")
	w.answer("/3", `{"module": "hangup", "data": {}}`)
	c := newCall(t, newLine())
	s := newService(t)
	run(t, s, c, get(w.URL+"/1"))
	run(t, s, c, get(w.URL+"/2"))
	diff(t, "iterations", []string{"1", "2", "3", "1", "2"}, iterations(c))
	diff(t, "requests of the call", 5, c.State.Requests)
}

// Headers and credentials of the node go to its own origin alone, through verbs and redirects. Source: pivot.md 2, 12.1.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	home, other := newWeb(t), newWeb(t)
	home.answer("/dir/1", "<Response><Redirect>2</Redirect></Response>")
	home.answer("/dir/2", "<Response><Redirect>"+other.URL+"/3</Redirect></Response>")
	other.answer("/3", "<Response><Redirect>4</Redirect></Response>")
	other.answer("/4", "<Response><Redirect>"+home.URL+"/5</Redirect></Response>")
	home.handle("/5", redirect(307, other.URL+"/6"))
	other.answer("/6", "<Response/>")
	c := newCall(t, newLine())
	data := get(strings.Replace(home.URL, "http://", "http://us%C3%A9r:p%40ss%3Aw%25@", 1) + "/dir/1#frag")
	data.Headers = map[string]string{"X-Key": "s3cret"}
	run(t, newService(t), c, data)

	type sent struct{ request, key, user, password string }
	list := func(w *web) (out []sent) {
		for _, a := range w.all() {
			r := &http.Request{Header: a.header}
			user, password, _ := r.BasicAuth()
			out = append(out, sent{a.String(), a.header.Get("X-Key"), user, password})
		}
		return out
	}
	diff(t, "at home", []sent{
		{"GET /dir/1", "s3cret", "usér", "p@ss:w%"},
		{"GET /dir/2", "s3cret", "usér", "p@ss:w%"}, // relative, of the same origin
		{"GET /5", "s3cret", "", ""},                // back home, but by another's word: it has no credentials
	}, list(home))
	diff(t, "elsewhere", []sent{{request: "GET /3"}, {request: "GET /4"}, {request: "GET /6"}}, list(other))
	for _, r := range c.Timeline.Records() {
		all := fmt.Sprint(r.Text, r.Fields)
		for _, secret := range []string{"s3cret", "p%40ss", "p@ss", "usér", "us%C3%A9r", "frag"} {
			if strings.Contains(all, secret) {
				t.Errorf("a record shows %q: %s", secret, all)
			}
		}
	}
}

// The four ways of sending parameters. Source: pivot.md 3, 5.
func TestBody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, format, query string
		want                  asked // its header's Content-Type alone
	}{
		"GET":              {"GET", "form", "", asked{query: "Account-ID=demo&", header: http.Header{}}},
		"GET, json":        {"GET", "json", "", asked{query: "Account-ID=demo&", header: http.Header{}}},
		"GET with a query": {"GET", "form", "?x=1&Call-ID=mine&", asked{query: "x=1&Call-ID=mine&Account-ID=demo&", header: http.Header{}}},
		"GET with a mark":  {"GET", "form", "?", asked{query: "Account-ID=demo&", header: http.Header{}}},
		"POST": {"POST", "form", "?x=1", asked{query: "x=1", body: "Account-ID=demo&",
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}},
		"POST, json": {"POST", "json", "?x=1", asked{query: "x=1", body: `{"Account-ID":"demo",`,
			header: http.Header{"Content-Type": {"application/json"}}}},
	} {
		w := newWeb(t)
		w.answer("/a", "<Response/>")
		call := newCall(t, newLine())
		call.State.StoreDigits("pin", "0123")
		data := get(w.URL + "/a" + c.query)
		data.Method, data.ReqBodyFormat = c.method, c.format
		run(t, newService(t), call, data)
		got := w.all()[0]
		diff(t, name+": method", c.method, got.method)
		diff(t, name+": Content-Type", c.want.header["Content-Type"], got.header["Content-Type"])
		diff(t, name+": Accept", accept, got.header.Get("Accept"))
		diff(t, name+": User-Agent", "fspivot/test", got.header.Get("User-Agent"))
		facts := parameters(formatKazoo, facts{state: call.State, status: statusRinging})
		whole := facts.EncodeForm()
		if c.format == "json" && c.method == "POST" {
			body, err := facts.EncodeJSON()
			if err != nil {
				t.Fatal(err)
			}
			whole = string(body)
		}
		query, body := c.want.query, c.want.body
		if body != "" {
			if !strings.HasPrefix(whole, body) {
				t.Errorf("%s: %q does not begin with %q", name, whole, body)
			}
			body = whole
		} else {
			query = strings.TrimSuffix(query, "Account-ID=demo&") + whole
		}
		diff(t, name+": query", query, got.query)
		diff(t, name+": body", body, got.body)
	}
}

// A result belongs to one request; a variable to all that follow in its session, and to no other session. Documents of
// GET requests are asked again without the parameters. Source: pivot.md 7, 8; twiml.md 2.3.
func TestResults(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	turn := 0
	w.handle("/a", func(rw http.ResponseWriter, r *http.Request) {
		turn++
		reply([]string{
			`<Response><Set><Variable key="k" value="v"/><Variable key="Call-ID" value="mine"/></Set><Gather numDigits="2"/></Response>`,
			`<Response><Gather numDigits="2"/><Redirect>?y=2</Redirect></Response>`,
			`<Response><Redirect/></Response>`,
			`<Response/>`,
		}[turn-1])(rw, r)
	})
	l := newLine()
	l.answered, l.typed = true, []dialplan.Digits{"*0"}
	c := newCall(t, l)
	s := newService(t)
	run(t, s, c, get(w.URL+"/a?x=1"))
	turn, c.Channel = 3, newLine()
	run(t, s, c, get(w.URL+"/a"))
	var got []string
	for _, a := range w.all() {
		form, err := url.ParseQuery(a.query)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "Call-ID", []string{c.State.ID}, form["Call-ID"])
		got = append(got, fmt.Sprintf("x=%s y=%s k=%s Digits=%s", form["x"], form["y"], form["k"], form["Digits"]))
	}
	diff(t, "requests", []string{
		"x=[1] y=[] k=[] Digits=[]",
		"x=[1] y=[] k=[v] Digits=[*0]",
		"x=[] y=[2] k=[v] Digits=[]",
		"x=[] y=[] k=[] Digits=[]",
	}, got)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ node, most, want time.Duration }{
		{0, 5 * time.Second, 5 * time.Second},
		{time.Second, 5 * time.Second, time.Second},
		{5 * time.Second, time.Second, time.Second},
		{-time.Second, 5 * time.Second, 5 * time.Second},
		{time.Hour, 5 * time.Second, 5 * time.Second},
	} {
		s := session{Service: &Service{Timeout: c.most}, data: kazoojson.PivotData{Timeout: c.node}}
		if got := s.timeout(); got != c.want {
			t.Errorf("node %s, setting %s: %s, want %s", c.node, c.most, got, c.want)
		}
	}
}

// Cookies live as long as the call, over its sessions, and are no other call's. Source: twiml.md 3.3.
func TestCookies(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.handle("/a", func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "session", Value: "7"})
		reply("<Response><Redirect>b</Redirect></Response>")(rw, r)
	})
	w.answer("/b", `{"module": "hangup", "data": {}}`)
	s := newService(t)
	c := newCall(t, newLine())
	run(t, s, c, get(w.URL+"/a"))
	run(t, s, c, get(w.URL+"/b"))
	run(t, s, newCall(t, newLine()), get(w.URL+"/b"))
	var got []string
	for _, a := range w.all() {
		got = append(got, a.path+" "+a.header.Get("Cookie"))
	}
	diff(t, "cookies", []string{"/a ", "/b session=7", "/b session=7", "/b "}, got)
}

// After a redirect the final URL is the base, and a POST that became a GET is told of. Source: twiml.md 2.3, 3.5.
func TestRebase(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]struct {
		method string
		warned bool
	}{301: {"GET", true}, 302: {"GET", true}, 303: {"GET", true}, 307: {"POST", false}, 308: {"POST", false}} {
		w := newWeb(t)
		w.handle("/a/start", redirect(code, "/b/real?z=1"))
		w.answer("/b/real", `<Response><Redirect method="POST">next</Redirect></Response>`)
		w.answer("/b/next", "<Response/>")
		c := newCall(t, newLine())
		data := get(w.URL + "/a/start")
		data.Method = http.MethodPost
		run(t, newService(t), c, data)
		diff(t, fmt.Sprint(code, ": requests"), []string{"POST /a/start", want.method + " /b/real", "POST /b/next"}, w.lines())
		warned := strings.Contains(strings.Join(texts(c, timeline.KindWarning), "\n"), "a redirect made a GET of the POST")
		diff(t, fmt.Sprint(code, ": warned"), want.warned, warned)
		if second := w.all()[1]; (second.body == "") != want.warned {
			t.Errorf("%d: body %q", code, second.body)
		}
	}
}

// Documents that ask for one another without anybody hearing anything end the call. Source: twiml.md 2.6; pivot.md 16.
func TestLoop(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/a", "<Response><Redirect>b</Redirect></Response>")
	w.answer("/b", `<Response><Set><Variable key="k" value="v"/></Set><Redirect>a</Redirect></Response>`)
	w.answer("/json", `{"module": "pivot", "data": {"voice_url": "`+w.URL+`/json"}}`)

	t.Run("TwiML", func(t *testing.T) {
		l := newLine()
		c := newCall(t, l)
		diff(t, "session", kazoojson.Pivot{}, run(t, newService(t), c, get(w.URL+"/a")))
		diff(t, "applications", hungUp, l.apps)
		if n := c.State.Requests; n <= idleDocuments/2 || n > 1000 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("nested", func(t *testing.T) {
		l := newLine()
		c := newCall(t, l)
		s := newService(t)
		for {
			got := run(t, s, c, get(w.URL+"/json"))
			if got.Flow != nil && c.State.Requests <= 1000 {
				continue
			}
			diff(t, "session", kazoojson.Pivot{}, got) // not Failed: the node's child could ask again
			break
		}
		diff(t, "applications", hungUp, l.apps)
	})
	t.Run("heard", func(t *testing.T) {
		l := newLine()
		l.takes = 2 * idleTime
		c := newCall(t, l)
		s := newService(t, func(s *Service) { s.MaxRequests = idleDocuments + 10 })
		diff(t, "session", kazoojson.Pivot{}, run(t, s, c, get(w.URL+"/a")))
		diff(t, "requests of the call", s.MaxRequests+1, c.State.Requests)
		if last := strings.Join(texts(c, timeline.KindError), "\n"); !strings.Contains(last, "pivot.max_requests") {
			t.Errorf("the record does not name the setting: %s", last)
		}
	})
	t.Run("first of a session over the limit", func(t *testing.T) {
		l := newLine()
		c := newCall(t, l)
		c.State.Requests = 7
		s := newService(t, func(s *Service) { s.MaxRequests = 7 })
		diff(t, "session", kazoojson.Pivot{}, run(t, s, c, get(w.URL+"/a")))
		diff(t, "applications", hungUp, l.apps)
	})
}

// The language that prompts are taken in is the call's of now, not of its beginning.
func TestLanguage(t *testing.T) {
	t.Parallel()
	c := newCall(t, newLine())
	for _, language := range []string{"en-us", "de"} {
		dir := filepath.Join(c.Media.Dir, "prompts", language)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "hello.wav"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := documentMedia{c.Media, nil, c.State}
	for _, language := range []string{"en-us", "de", "en-us"} {
		c.State.Language = language
		f, err := m.File(t.Context(), "prompt://demo/hello")
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join("prompts", language, "hello.wav"); !strings.HasSuffix(f.String(), want) {
			t.Errorf("%s: %s", language, f)
		}
	}
}
