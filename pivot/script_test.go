package pivot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/kazoojson"
	"fspivot/media"
	"fspivot/timeline"
)

// whole compares dialplan values with all their fields.
var whole = cmp.Exporter(func(reflect.Type) bool { return true })

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// line is a call that goes as a test wants it. It implements Channel.
type line struct {
	answered bool
	typed    []dialplan.Digits                                              // what each Collect gets, in turn
	do       func(dialplan.Application) (dialplan.Completion, dialplan.End) // of Do; an End is the call's
	takes    time.Duration                                                  // what is queued, until Drain comes back
	hangup   chan struct{}                                                  // closed: the caller hangs up

	apps  []dialplan.Application // everything that was asked for, in order
	end   dialplan.End
	ended bool // a Hangup is queued
}

func newLine() *line { return &line{hangup: make(chan struct{})} }

func (l *line) Queue(apps ...dialplan.Application) {
	for _, a := range apps {
		switch a.(type) {
		case dialplan.Answer:
			if l.answered {
				continue
			}
			l.answered = true
		case dialplan.Hangup, dialplan.Respond:
			l.ended = true
		}
		l.apps = append(l.apps, a)
	}
}

func (l *line) news(ctx context.Context) error {
	select {
	case <-l.hangup:
		l.end.How = dialplan.HungUp
	default:
	}
	switch {
	case l.Gone():
		return dialplan.ErrGone
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

func (l *line) Do(ctx context.Context, a dialplan.Application) (dialplan.Completion, error) {
	l.apps = append(l.apps, a)
	if err := l.news(ctx); err != nil || l.do == nil {
		return dialplan.Complete(a.Name(), "", nil), err
	}
	done, end := l.do(a)
	l.end = end
	return done, l.news(ctx)
}

func (l *line) Collect(ctx context.Context, c dialplan.Collect) (dialplan.Collected, error) {
	if err := l.news(ctx); err != nil || len(l.typed) == 0 {
		return dialplan.Collected{}, err
	}
	digits := l.typed[0]
	l.typed = l.typed[1:]
	return dialplan.Collected{Digits: digits}, nil
}

func (l *line) Drain(ctx context.Context) error {
	if l.takes > 0 {
		<-time.After(l.takes)
	}
	if l.ended {
		l.end = dialplan.End{How: dialplan.HungUp, Cause: "NORMAL_CLEARING"}
	}
	return l.news(ctx)
}

func (*line) HasModule(context.Context, string) (bool, error) { return true, nil }
func (*line) SwitchID() string                                { return "switch1" }

func (l *line) WaitFor(ctx context.Context, done <-chan struct{}) error {
	if err := l.news(ctx); err != nil {
		return err
	}
	select {
	case <-done:
	case <-l.hangup:
	case <-ctx.Done():
	}
	return l.news(ctx)
}

func (l *line) Answered() bool                    { return l.answered }
func (l *line) Digits() dialplan.Digits           { return "" }
func (l *line) ForgetDigits()                     {}
func (l *line) Watch(...string)                   {}
func (l *line) Unwatch() map[string]*dialplan.Leg { return nil }
func (l *line) End() dialplan.End                 { return l.end }
func (l *line) Gone() bool                        { return l.end.How != "" }

// asked is a request that the web application got.
type asked struct {
	method, path, query, body string
	header                    http.Header
}

// String is what most tests compare.
func (a asked) String() string { return a.method + " " + a.path }

// web is a web application.
type web struct {
	*httptest.Server
	mu       sync.Mutex
	handlers map[string]http.HandlerFunc
	requests []asked
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{handlers: map[string]http.HandlerFunc{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.requests = append(w.requests, asked{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header.Clone()})
		h := w.handlers[r.URL.Path]
		w.mu.Unlock()
		if h == nil {
			http.NotFound(rw, r)
			return
		}
		h(rw, r)
	}))
	t.Cleanup(func() {
		w.CloseClientConnections()
		w.Close()
	})
	return w
}

func (w *web) handle(path string, h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handlers[path] = h
}

// answer has a path answered with a document, Callflow JSON when it begins with a brace.
func (w *web) answer(path, document string) { w.handle(path, reply(document)) }

func reply(document string) http.HandlerFunc {
	kind := "text/xml"
	if strings.HasPrefix(document, "{") {
		kind = "application/json"
	}
	return typed(kind, document)
}

func typed(kind, document string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(rw, document)
	}
}

func status(code int) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }
}

func redirect(code int, location string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Location", location)
		rw.WriteHeader(code)
	}
}

// dawdle answers when the client has gone.
func dawdle(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func (w *web) all() []asked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// lines are the requests as method and path.
func (w *web) lines() []string {
	var list []string
	for _, a := range w.all() {
		list = append(list, a.String())
	}
	return list
}

// nowhere is a name server that knows no name but localhost.
type nowhere struct{}

func (nowhere) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "localhost" {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return nil, fmt.Errorf("no such host %s", host)
}

// newService blocks one host, blocked.test, and lets loopback be asked.
func newService(t *testing.T, change ...func(*Service)) *Service {
	t.Helper()
	policy, err := egress.NewPolicy([]string{"blocked.test", "127.0.0.9/32"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Client: egress.NewClient(egress.Config{Policy: policy, Version: "test", Resolver: nowhere{}}),
		Timeout: patience, MaxBody: 1 << 16, MaxRequests: 1000}
	for _, c := range change {
		c(s)
	}
	t.Cleanup(func() {
		s.Close()
		s.Client.Close()
	})
	return s
}

func newCall(t *testing.T, l *line) *Call {
	t.Helper()
	voice, err := dialplan.ParseVoice("flite", "slt")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	library, err := media.New(media.Config{Dir: dir, Recordings: dir, Voice: voice, BaseURL: "http://pbx.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { library.Close(patience) })
	records := timeline.New()
	return &Call{Channel: l, State: device(), Timeline: records,
		Media: &media.Call{Library: library, Account: "demo", Channel: l, Timeline: records}}
}

// get is a pivot node's data as far as most tests go.
func get(url string) kazoojson.PivotData {
	return kazoojson.PivotData{VoiceURL: url, Method: http.MethodGet, ReqFormat: formatKazoo, ReqBodyFormat: "form"}
}

// run asks url on l and gives what the session came to.
func run(t *testing.T, s *Service, c *Call, data kazoojson.PivotData) kazoojson.Pivot {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the session does not end"))
	defer cancel()
	got, err := s.Run(ctx, c, data)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, whole); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// texts are those of a kind of record.
func texts(c *Call, kind timeline.Kind) []string {
	var list []string
	for _, r := range c.Timeline.Records() {
		if r.Kind == kind {
			list = append(list, r.Text)
		}
	}
	return list
}

var hungUp = []dialplan.Application{dialplan.Hangup{}}
