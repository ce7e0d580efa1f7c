package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"fspivot/config"
	"fspivot/simswitch"
	"fspivot/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var whole = cmp.Exporter(func(reflect.Type) bool { return true })

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, whole); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// stage is the service between a simulated switch and a web application, with accounts of its own.
type stage struct {
	t        *testing.T
	settings config.Config
	log      journal
	web      *httptest.Server
	fs       *simswitch.Switch
	service  *Service
	stop     context.CancelFunc
	stopped  chan struct{} // closed when Serve came back

	observe func(timeline.Record) // set before serve; nil: nobody looks
	dial    func() error          // asked before the switch connects; nil: it does

	mu       sync.Mutex
	handlers map[string]http.HandlerFunc
	asked    []string // METHOD PATH?QUERY BODY
	records  []timeline.Record
	heard    []string      // what happened at the switch: kind and application
	changed  chan struct{} // closed and made anew at every request and record
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, settings: config.Default(), handlers: map[string]http.HandlerFunc{}, changed: make(chan struct{}),
		stopped: make(chan struct{})}
	s.web = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(func() {
		s.web.CloseClientConnections()
		s.web.Close()
	})
	dir := t.TempDir()
	c := &s.settings
	c.Accounts, c.Media.Dir, c.Media.Recordings = filepath.Join(dir, "accounts"), filepath.Join(dir, "media"), filepath.Join(dir, "recordings")
	c.Pivot.Allowed = []string{s.web.Listener.Addr().String()}
	for _, dir := range []string{filepath.Join(c.Accounts, "demo"), c.Media.Dir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// document writes an account document; $WEB in it is the web application's address.
func (s *stage) document(name, body string) {
	s.t.Helper()
	name = filepath.Join(s.settings.Accounts, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(body, "$WEB", s.web.URL)), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// callflow gives the default account a callflow.
func (s *stage) callflow(number, flow string) {
	s.t.Helper()
	s.document("demo/callflows/flow"+number+".json", `{"numbers": ["`+number+`"], "flow": `+flow+`}`)
}

// prepare makes the service without letting it serve.
func (s *stage) prepare() *Service {
	s.t.Helper()
	log := logrus.New()
	log.SetOutput(&s.log)
	log.SetLevel(logrus.DebugLevel)
	var err error
	s.service, err = New(s.settings, "test", logrus.NewEntry(log), s.see)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.service
}

// serve starts the service and the switch; at the test's end both must come to an end.
func (s *stage) serve() {
	s.t.Helper()
	s.prepare()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		defer close(s.stopped)
		if err := s.service.Serve(ctx, listener); err != nil {
			s.t.Errorf("Serve: %v", err)
		}
	}()
	s.fs = simswitch.New(simswitch.Config{
		Sockets: 2, SpeechRate: 8 * time.Millisecond, Trace: s.trace,
		Dial: func(ctx context.Context) (net.Conn, error) {
			if s.dial != nil {
				if err := s.dial(); err != nil {
					return nil, err
				}
			}
			return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		},
	})
	s.t.Cleanup(func() {
		_ = s.fs.Close()
		cancel()
		s.end()
		if s.t.Failed() {
			s.t.Logf("the log:\n%s", s.log.String())
		}
	})
}

// end waits until the service has stopped.
func (s *stage) end() {
	s.t.Helper()
	select {
	case <-s.stopped:
	case <-time.After(patience):
		s.t.Fatal("the service does not stop")
	}
}

func (s *stage) call(c simswitch.Call) *simswitch.Phone {
	s.t.Helper()
	p, err := s.fs.Call(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// over waits for the end of a call.
func (s *stage) over(p *simswitch.Phone) simswitch.Ended {
	s.t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		s.t.Fatal("the call does not end")
	}
	return p.Ended()
}

func (s *stage) see(_ string, r timeline.Record) {
	s.mu.Lock()
	s.records = append(s.records, r)
	s.news()
	s.mu.Unlock()
	if s.observe != nil {
		s.observe(r)
	}
}

func (s *stage) trace(r simswitch.Trace) {
	if r.Kind == simswitch.KindFrameIn || r.Kind == simswitch.KindFrameOut {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, strings.TrimSpace(r.Kind+" "+r.App))
	s.news()
}

// happens waits for something at the switch: "execute record".
func (s *stage) happens(what string) {
	s.t.Helper()
	s.wait(what, func() bool { return slices.Contains(s.heard, what) })
}

// news wakes who waits; mu is held.
func (s *stage) news() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// until waits for a record whose text contains that.
func (s *stage) until(text string) {
	s.t.Helper()
	s.wait(text, func() bool {
		return slices.ContainsFunc(s.records, func(r timeline.Record) bool { return strings.Contains(r.Text, text) })
	})
}

// wait waits until is holds, which is asked with mu held.
func (s *stage) wait(what string, is func() bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		ok, changed := is(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

func (s *stage) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	line := strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
	s.mu.Lock()
	s.asked = append(s.asked, line)
	s.news()
	h := s.handlers[r.URL.Path]
	s.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

// on has a path of the web application answered with a document; $WEB in it is its address.
func (s *stage) on(path, document string) {
	s.handle(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		if strings.HasPrefix(document, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(document, "$WEB", s.web.URL))
	})
}

func (s *stage) handle(path string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[path] = h
}

func (s *stage) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// spoken are the texts that were sent to be spoken.
func (s *stage) spoken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, r := range s.records {
		if text, ok := strings.CutPrefix(r.Text, "speak "); ok && r.Kind == timeline.KindCommand {
			list = append(list, text[strings.LastIndexByte(text, '|')+1:])
		}
	}
	return list
}

var errRefused = errors.New("refused")

func pivotTo(url string) string {
	return fmt.Sprintf(`{"module": "pivot", "data": {"voice_url": %q, "req_format": "twiml"}}`, url)
}
