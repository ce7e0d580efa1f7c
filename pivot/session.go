// Package pivot is the pivot session: it asks the user's web server what to do with a call, finds out what the answer
// means, has it carried out by package twiml or hands a callflow back, and so on until the call ends. It knows the
// failures and where each leads. docs/reference/pivot.md is its book.
//
// Goroutines: each request runs on one, which the owner of the call waits for beside the call's events; requests that
// outlive their call are owned by Service, whose Close waits for them. Start reading at Service.Run.
package pivot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/kazoojson"
	"fspivot/media"
	"fspivot/timeline"
	"fspivot/twiml"
)

// Parameter formats of a pivot node.
const (
	formatKazoo = "kazoo"
	formatTwiML = "twiml"
)

const accept = "text/xml, application/xml, application/json;q=0.9, */*;q=0.1"

// Service is what the pivot sessions of all calls share.
type Service struct {
	Client      *egress.Client
	Policy      *egress.Policy
	Timeout     time.Duration // the most that one request may take, from before DNS to the end of its body
	MaxBody     int64         // bytes of an answer
	MaxRequests int           // of one call
	TwiML       twiml.Settings

	detached sync.WaitGroup
}

// Close waits for requests that outlived their call; each has its deadline.
func (s *Service) Close() { s.detached.Wait() }

// Channel is all that a session asks of a live call.
type Channel interface {
	twiml.Channel
	WaitFor(ctx context.Context, done <-chan struct{}) error
	Gone() bool
}

// Call is one call as sessions see it. It lives as long as the call: cookies and the guard against loops are kept in it.
type Call struct {
	Channel  Channel
	State    *call.State
	Media    *media.Call
	Routes   twiml.Routes
	Timeline *timeline.Timeline
	Key      string // signs its requests, "": they are not signed; never on record

	jar   http.CookieJar
	guard guard
}

// session is one pivot node at work.
type session struct {
	*Service
	call      *Call
	data      kazoojson.PivotData
	origin    *egress.URL // of the voice URL: custom headers go nowhere else
	vars      map[string]string
	iteration int
	heard     bool // a document, or a flow: a failure is a later request's
	fell      bool // the fallback URL had its turn
}

// request is one to be sent.
type request struct {
	url    *egress.URL
	fault  error  // url cannot be asked, and is nil
	shown  string // url as it was written, for whom it may concern; without credentials
	method string
	params map[string]string
}

func newRequest(raw, method string, u *egress.URL, err error) *request {
	r := &request{url: u, fault: err, method: method, shown: egress.Shown(raw)}
	if err == nil {
		r.shown = u.Redacted()
	}
	return r
}

// Run asks data's voice URL and does what it says, and what further documents say. It comes back with a flow to go on
// with, with Failed when the first request failed, with Left when the call went elsewhere, or empty when the call was
// ended. Before it fails or ends the call over a request, the fallback URL is asked. The error is dialplan.ErrGone when
// the caller hung up, and the context's cause when that ended. Source: pivot.md 1, 14; twiml.md 3.5.
func (s *Service) Run(ctx context.Context, c *Call, data kazoojson.PivotData) (kazoojson.Pivot, error) {
	run := &session{Service: s, call: c, data: data, vars: map[string]string{}}
	if c.jar == nil {
		c.jar, _ = cookiejar.New(nil) // never fails without options
	}
	first, err := egress.ParseURL(data.VoiceURL)
	run.origin = first
	next := newRequest(data.VoiceURL, data.Method, first, err)
	for {
		a, base, err := run.ask(ctx, next)
		if err != nil {
			if next = run.fallback(ctx, next, err); next == nil {
				return run.failed(ctx, err)
			}
			continue
		}
		run.heard = true
		if a.flow != nil {
			return kazoojson.Pivot{Flow: a.flow}, nil
		}
		var end kazoojson.Pivot
		if next, end, err = run.execute(ctx, a, base); next == nil {
			return end, err
		}
	}
}

// fallback is the request that takes the place of one that failed: of the node's fallback URL, with what that one would
// have told. It is nil when there is none, when it had its turn in this session, and where nobody is to be asked any more.
// Source: twiml.md 3.5.
func (s *session) fallback(ctx context.Context, failed *request, err error) *request {
	_, limited := errors.AsType[limitError](err)
	if s.data.FallbackURL == "" || s.fell || limited || errors.Is(err, dialplan.ErrGone) || ctx.Err() != nil {
		return nil
	}
	s.fell = true
	s.call.Timeline.Warn(code(err), fmt.Sprintf("the web server could not be asked, the fallback URL is: %v", err))
	u, fault := egress.ParseURL(s.data.FallbackURL)
	r := newRequest(s.data.FallbackURL, or(s.data.FallbackMethod, s.data.Method), u, fault)
	r.params = map[string]string{}
	maps.Copy(r.params, failed.params)
	r.params["ErrorCode"], r.params["ErrorUrl"] = code(err), failed.shown
	return r
}

// failed ends the session by the book: the first request's failure goes back to the callflow, a later one ends the call.
func (s *session) failed(ctx context.Context, err error) (kazoojson.Pivot, error) {
	switch {
	case errors.Is(err, dialplan.ErrGone):
		return kazoojson.Pivot{}, err
	case ctx.Err() != nil: // it may have ended the request before it ended the wait for it
		return kazoojson.Pivot{}, context.Cause(ctx)
	}
	_, limited := errors.AsType[limitError](err)
	if !s.heard && !limited {
		s.call.Timeline.Error(code(err), fmt.Sprintf("the web server could not be asked, the callflow goes on: %v", err))
		return kazoojson.Pivot{Failed: true}, nil
	}
	s.call.Timeline.Error(code(err), fmt.Sprintf("the web server could not be asked again, the call is ended: %v", err))
	return kazoojson.Pivot{}, s.hangup(ctx)
}

// code is that of debug records. Source: twiml.md, appendix C.
func code(err error) string {
	if e, ok := errors.AsType[interface {
		error
		Code() string
	}](err); ok {
		return e.Code()
	}
	if e, ok := errors.AsType[*twiml.DocumentError](err); ok && e.Code != "" {
		return e.Code
	}
	return "11200"
}

// hangup ends the call behind what still plays.
func (s *session) hangup(ctx context.Context) error {
	s.call.Channel.Queue(dialplan.Hangup{})
	if err := s.call.Channel.Drain(ctx); err != nil && !errors.Is(err, dialplan.ErrGone) {
		return err
	}
	return nil
}

// execute carries an answer out. It gives the next request; without one the session is over as the Pivot says.
func (s *session) execute(ctx context.Context, a answer, base *egress.URL) (*request, kazoojson.Pivot, error) {
	if a.twiml == nil {
		if s.TwiML.EmptyAnswers {
			s.call.Channel.Queue(dialplan.Answer{})
		}
		return nil, kazoojson.Pivot{}, s.hangup(ctx)
	}
	outcome, err := a.twiml.Run(ctx, &twiml.Run{
		Channel: s.call.Channel, Call: s.call.State, Media: documentMedia{s.call.Media, base, s.call.State}, Routes: s.call.Routes,
		Timeline: s.call.Timeline, Vars: s.vars, Settings: s.TwiML,
	})
	wanted := outcome.Request
	switch {
	case outcome.Kind == twiml.RequestNext && wanted.Detached:
		s.detach(wanted, base)
		return nil, kazoojson.Pivot{}, err
	case err != nil || outcome.Kind != twiml.RequestNext:
		return nil, kazoojson.Pivot{Left: outcome.Kind == twiml.Left}, err
	}
	return resolve(wanted, base), kazoojson.Pivot{}, nil
}

// resolve makes the request that a document at base wants.
func resolve(wanted *twiml.Request, base *egress.URL) *request {
	u, err := (*egress.URL)(nil), wanted.Invalid
	if err == nil {
		u, err = base.Resolve(wanted.URL)
	}
	r := newRequest(wanted.URL, wanted.Method, u, err)
	r.params = wanted.Params
	return r
}

// count is one more request of the call, unless it has made too many.
func (s *session) count() error {
	s.iteration++
	s.call.State.Requests++
	if most := s.MaxRequests; most > 0 && s.call.State.Requests > most {
		return limitError(fmt.Sprintf("over %d requests in one call (pivot.max_requests)", most))
	}
	return nil
}

// already is closed: waiting for it takes what is known of the call and comes back.
var already = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// ask sends a request and reads the answer while the call goes on beside it: a hangup cancels it at once. base is the
// URL against which the document's own are relative.
func (s *session) ask(ctx context.Context, r *request) (answer, *egress.URL, error) {
	if r.fault != nil {
		return answer{}, nil, r.fault
	}
	if err := s.count(); err != nil {
		return answer{}, nil, err
	}
	if err := s.call.guard.next(); err != nil {
		return answer{}, nil, err
	}
	if err := s.call.Channel.WaitFor(ctx, already); err != nil {
		return answer{}, nil, err // a caller who has gone is not asked for
	}
	status := statusRinging
	if s.call.Channel.Answered() {
		status = statusInProgress
	}
	outgoing, err := s.build(r, status)
	if err != nil {
		return answer{}, nil, err
	}
	s.recordRequest(outgoing)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var response *egress.Response
	var fault error
	done := make(chan struct{})
	started := time.Now()
	go func() {
		defer close(done)
		response, fault = s.Client.Do(ctx, outgoing)
	}()
	err = s.call.Channel.WaitFor(ctx, done)
	cancel()
	<-done
	s.call.guard.over()
	if err != nil {
		return answer{}, nil, err
	}
	s.recordAnswer(response, fault, time.Since(started))
	if fault != nil {
		return answer{}, nil, fault
	}
	if response.Method != outgoing.Method {
		s.call.Timeline.Warn("", "a redirect made a GET of the POST: its parameters were lost; 307 and 308 keep them")
	}
	a, problems, err := read(response)
	for _, p := range problems {
		s.call.Timeline.Warn(p.Code, p.String())
	}
	base := r.url
	if len(response.Redirects) > 0 {
		base = response.URL // RFC 3986 5.1.3; twiml.md 9.2
	}
	return a, base, err
}

// build makes the HTTP request of r. Source: pivot.md 3, 5; twiml.md 3.3.
func (s *session) build(r *request, status string) (egress.Request, error) {
	params := parameters(s.data.ReqFormat, facts{state: s.call.State, status: status, results: r.params, vars: s.vars})
	out := egress.Request{Method: http.MethodGet, URL: r.url, Accept: accept, MaxBody: s.MaxBody, Timeout: s.timeout(), Retries: 1,
		Jar: s.call.jar, Header: http.Header{}, Key: s.call.Key, Again: s.recordAttempt}
	for _, problem := range out.Override() {
		s.call.Timeline.Warn("11243", problem.Error())
	}
	out.Header.Set("I-Twilio-Idempotency-Token", uuid.NewString()) // the retries' as well
	if r.url.SameOrigin(s.origin) {
		for name, value := range s.data.Headers {
			out.Header.Set(name, value)
		}
	}
	if strings.EqualFold(r.method, http.MethodPost) {
		out.Method = http.MethodPost
		if s.data.ReqBodyFormat == "json" {
			body, err := params.EncodeJSON()
			if err != nil {
				return out, err
			}
			out.Body, out.ContentType = body, "application/json"
			return out, nil
		}
		out.Body, out.ContentType = []byte(params.EncodeForm()), "application/x-www-form-urlencoded"
		return out, nil
	}
	out.URL = r.url.WithQuery(params.EncodeForm())
	return out, nil
}

func (s *session) timeout() time.Duration {
	if t := s.data.Timeout; t > 0 && t < s.Timeout {
		return t
	}
	return s.Timeout
}

// detach sends a request that the caller's hangup caused: best effort, in the background, its answer is not read.
// Source: twiml.md 2.5.
func (s *session) detach(wanted *twiml.Request, base *egress.URL) {
	r := resolve(wanted, base)
	err := r.fault
	var out egress.Request
	if err == nil {
		if err = s.count(); err == nil {
			out, err = s.build(r, statusCompleted)
		}
	}
	if err != nil {
		s.call.Timeline.Warn(code(err), fmt.Sprintf("no request after the hangup: %v", err))
		return
	}
	out.Retries = 0
	s.recordRequest(out)
	s.detached.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
		defer cancel()
		started := time.Now()
		response, err := s.Client.Do(ctx, out)
		s.recordAnswer(response, err, time.Since(started))
	})
}

func (s *session) recordRequest(r egress.Request) {
	target := r.Target().Redacted()
	text := r.Method + " " + target
	if len(r.Body) > 0 {
		text += " " + string(r.Body)
	}
	s.call.Timeline.Add(timeline.Record{Kind: timeline.KindRequest, From: timeline.FSPivot, To: timeline.Web, Text: text,
		Fields: map[string]string{"url": target, "method": r.Method, "iteration": fmt.Sprint(s.iteration)}})
}

// recordAttempt tells of an attempt that another follows.
func (s *session) recordAttempt(a egress.Attempt) {
	record := timeline.Record{Kind: timeline.KindWarning, From: timeline.FSPivot,
		Fields: map[string]string{"attempt": fmt.Sprint(a.Number)}}
	what := fmt.Sprint(a.Err)
	if a.Err == nil {
		what = fmt.Sprintf("the web server answered %d", a.Status)
		record.Fields["status"] = fmt.Sprint(a.Status)
	} else if e, ok := errors.AsType[*egress.Error](a.Err); ok {
		record.Fields["reason"] = string(e.Reason)
	}
	record.Text = fmt.Sprintf("attempt %d failed, it is asked again: %s", a.Number, what)
	s.call.Timeline.Add(record)
}

// recordAnswer tells what came of a request. It may be called from any goroutine.
func (s *session) recordAnswer(r *egress.Response, fault error, took time.Duration) {
	record := timeline.Record{Kind: timeline.KindAnswer, From: timeline.Web, To: timeline.FSPivot, Took: took, Fields: map[string]string{}}
	if fault != nil {
		record.Text = "no answer: " + fault.Error()
		if e, ok := errors.AsType[*egress.Error](fault); ok {
			record.Fields["reason"] = string(e.Reason)
		}
	} else {
		record.Text = fmt.Sprintf("%d %s, %d bytes", r.Status, or(clip(r.Header.Get("Content-Type")), "without content type"), len(r.Body))
		record.Fields["status"] = fmt.Sprint(r.Status)
		if r.Attempts > 1 {
			record.Text += fmt.Sprintf(", at attempt %d", r.Attempts)
			record.Fields["attempt"] = fmt.Sprint(r.Attempts)
		}
		if len(r.Redirects) > 0 {
			record.Text += " from " + r.URL.Redacted()
			record.Fields["url"] = r.URL.Redacted()
		}
	}
	s.call.Timeline.Add(record)
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// documentMedia is the library as one document sees it: its relative names are relative to the document.
type documentMedia struct {
	*media.Call
	base  *egress.URL
	state *call.State
}

func (m documentMedia) File(ctx context.Context, ref string) (dialplan.File, error) {
	m.Language = m.state.Language // a callflow may have changed it
	return m.Call.File(ctx, ref, m.base)
}

func (m documentMedia) Speech(ctx context.Context, text dialplan.Text, voice, language, engine string, stop dialplan.Digits) (dialplan.Application, error) {
	return m.Call.Speech(ctx, text, voice, language, engine, stop)
}

func (m documentMedia) Recording(upload, method string) (twiml.Recording, error) {
	r, err := m.Record(upload, method, "", m.base)
	if err != nil {
		return twiml.Recording{}, err
	}
	return twiml.Recording{ID: r.ID, URL: r.URL, File: r.File, UploadURL: upload, UploadMethod: method}, nil
}

func (m documentMedia) Finished(r twiml.Recording, length time.Duration) {
	m.Call.Finished(r.ID, length)
}
