package scenarios

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"fspivot/config"
	"fspivot/service"
	"fspivot/timeline"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Calls mostly wait: more of them at once than there are processors.
	if err := flag.Set("test.parallel", "24"); err != nil {
		panic(err)
	}
	code := m.Run()
	stopFreeSWITCH()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// world is a switch with people on its lines.
type world interface {
	// call dials as c says; the switch hands the call to the service that listens on port of loopback.
	call(t testing.TB, port int, c caller) phone
	// transfer is somebody who takes the service's channel, of that UUID, away from it and holds it.
	transfer(t testing.TB, id string, p phone)
	// idle waits until no channel of the stage's calls is left.
	idle(t testing.TB)
}

// caller is somebody who calls.
type caller struct {
	number  string            // dialled; "": pivot, which no callflow has
	from    string            // "": 15551230000
	name    string            // "": Ann Example
	headers map[string]string // X-… of the INVITE
	pivot   string            // path of the web application to pivot to where no callflow has the number
	format  string            // of the request parameters; "": twiml
}

// phone is the caller's side of a call.
type phone interface {
	press(keys string)       // 0-9 * # A-D, and w for half a second; comes back when all are pressed
	talk(d time.Duration)    // makes a noise from now on
	hangup()                 // as a caller does
	answered() chan struct{} // closed at the answer
	done() chan struct{}     // closed at the end
	end() ending             // after done
}

// ending is how a call ended for the caller.
type ending struct {
	Answered bool
	Cause    string // hangup cause
}

// everywhere runs a scenario on each switch that there is.
func everywhere(t *testing.T, scenario func(t *testing.T, s *stage), changes ...func(*config.Config)) {
	t.Helper()
	t.Parallel()
	t.Run("simulated", func(t *testing.T) {
		t.Parallel()
		scenario(t, newStage(t, func(s *stage) world { return newSimulated(t, s) }, changes...))
	})
	if os.Getenv(freeswitchVariable) == "" {
		return
	}
	t.Run("freeswitch", func(t *testing.T) {
		t.Parallel()
		w := startFreeSWITCH(t)
		scenario(t, newStage(t, func(s *stage) world { w.onStage(s); return w }, changes...))
	})
}

// stage is what a scenario plays on: the service with an account of its own, and a web application.
type stage struct {
	t        testing.TB
	dir      string // accounts, media, recordings
	web      *web
	world    world
	settings config.Config
	port     int // of the event socket

	mu      sync.Mutex
	records []timeline.Record
	changed chan struct{} // closed and made anew at every record
	log     logged
}

// logged is what the service wrote into its log.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(l.text.String(), "\n")
}

// patience is how long a scenario waits for what must come.
const patience = 30 * time.Second

func newStage(t testing.TB, w func(*stage) world, changes ...func(*config.Config)) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "scenario-") // t.TempDir has the test's name in it, which is no file name for the switch
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &stage{t: t, dir: dir, web: newWeb(t), changed: make(chan struct{})}
	c := config.Default()
	c.Accounts, c.Media.Dir, c.Media.Recordings = filepath.Join(s.dir, "accounts"), filepath.Join(s.dir, "media"), filepath.Join(s.dir, "recordings")
	c.Pivot.Allowed = []string{s.web.address()}
	c.ESL.DrainSeconds = 0
	s.settings = c
	for _, dir := range []string{filepath.Join(c.Accounts, c.DefaultAccount, "callflows"), c.Media.Dir, c.Media.Recordings} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	s.world = w(s)
	for _, change := range changes {
		change(&s.settings)
	}
	return s
}

// callflow gives the account a callflow; %s in it stands for the web application's address.
func (s *stage) callflow(number, flow string) {
	s.t.Helper()
	s.document("callflows", "flow"+number, `{"numbers": ["`+number+`"], "flow": `+flow+`}`)
}

// document gives the account a document; %s in it stands for the web application's address.
func (s *stage) document(collection, id, body string) {
	s.t.Helper()
	dir := filepath.Join(s.settings.Accounts, s.settings.DefaultAccount, collection)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		s.t.Fatal(err)
	}
	body = strings.ReplaceAll(body, "%s", s.web.URL())
	if err := os.WriteFile(filepath.Join(dir, id+".json"), []byte(body), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// serve starts the service; the first call does so by itself.
func (s *stage) serve() {
	s.t.Helper()
	if s.port != 0 {
		return
	}
	log := logrus.New()
	log.SetOutput(&s.log)
	run, err := service.New(s.settings, "test", logrus.NewEntry(log), s.observe)
	if err != nil {
		s.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- run.Serve(ctx, listener) }()
	s.t.Cleanup(func() {
		stop()
		select {
		case err := <-stopped:
			if err != nil {
				s.t.Errorf("service: %v", err)
			}
		case <-time.After(patience):
			s.t.Error("the service does not stop")
		}
		if s.t.Failed() {
			s.print()
		}
	})
}

// print shows the call to whoever reads a failure.
func (s *stage) print() {
	var b strings.Builder
	print := timeline.Printer(&b, false)
	for _, r := range s.all() {
		print(r)
	}
	s.t.Logf("the call:\n%s", b.String())
}

func (s *stage) observe(_ string, r timeline.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stage) all() []timeline.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// call makes a call.
func (s *stage) call(c caller) phone {
	s.t.Helper()
	s.serve()
	if c.number == "" {
		c.number = "pivot"
	}
	if c.from == "" {
		c.from = "15551230000"
	}
	if c.name == "" {
		c.name = "Ann Example"
	}
	if c.format == "" {
		c.format = "twiml"
	}
	if c.pivot != "" {
		c.pivot = s.web.URL() + c.pivot
	}
	return s.world.call(s.t, s.port, c)
}

// answered waits until the caller is answered.
func (s *stage) answered(p phone) {
	s.t.Helper()
	select {
	case <-p.answered():
	case <-p.done():
		s.t.Fatalf("not answered: %+v", p.end())
	case <-time.After(patience):
		s.t.Fatal("not answered")
	}
}

// finish waits for the end of the call and gives it.
func (s *stage) finish(p phone) ending {
	s.t.Helper()
	select {
	case <-p.done():
	case <-time.After(2 * patience):
		s.t.Fatal("the call does not end")
	}
	s.until("the end of the session", func(r timeline.Record) bool {
		return over(r)
	})
	return p.end()
}

// over tells whether a record is the end of a session: a hangup, a call that was taken away, a socket that closed.
func over(r timeline.Record) bool {
	return r.Kind == timeline.KindCall && r.From == timeline.Switch && (strings.HasPrefix(r.Text, "hung up") ||
		strings.HasPrefix(r.Text, "the call went elsewhere") || strings.HasPrefix(r.Text, "the event socket closed"))
}

// until waits for a record.
func (s *stage) until(what string, is func(timeline.Record) bool) timeline.Record {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.records, is)
		changed := s.changed
		var found timeline.Record
		if i >= 0 {
			found = s.records[i]
		}
		s.mu.Unlock()
		if i >= 0 {
			return found
		}
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// sent waits until an application whose text begins so was sent to the switch.
func (s *stage) sent(text string) timeline.Record {
	s.t.Helper()
	return s.until("the command "+text, func(r timeline.Record) bool {
		return r.Kind == timeline.KindCommand && strings.HasPrefix(r.Text, text)
	})
}

// ended waits until an application has ended.
func (s *stage) ended(app string) timeline.Record {
	s.t.Helper()
	return s.until("the end of "+app, func(r timeline.Record) bool {
		return r.Kind == timeline.KindResult && r.Fields["app"] == app
	})
}

// of gives the texts of all records of a kind.
func (s *stage) of(kind timeline.Kind) []string {
	var list []string
	for _, r := range s.all() {
		if r.Kind == kind {
			list = append(list, r.Text)
		}
	}
	return list
}

// spoken gives the texts that were sent to be spoken, in order.
func (s *stage) spoken() []string {
	var list []string
	for _, text := range s.of(timeline.KindCommand) {
		if rest, ok := strings.CutPrefix(text, "speak "); ok {
			parts := strings.SplitN(rest, "|", 3) // engine, voice, text
			list = append(list, parts[len(parts)-1])
		}
	}
	return list
}

// errors gives the texts of warnings and errors.
func (s *stage) faults() []string {
	return append(s.of(timeline.KindWarning), s.of(timeline.KindError)...)
}

// web is the user's web application.
type web struct {
	server *httptest.Server

	mu       sync.Mutex
	handlers map[string]http.HandlerFunc
	asked    []request
	changed  chan struct{}
}

// request is what the web application was asked.
type request struct {
	method, path string
	params       url.Values
	header       http.Header
}

// String is the request as a scenario compares it: its path and the parameters named.
func (r request) with(names ...string) string {
	line := r.path
	for _, name := range names {
		if values, ok := r.params[name]; ok {
			line += " " + name + "=" + strings.Join(values, ",")
		}
	}
	return line
}

func newWeb(t testing.TB) *web {
	w := &web{handlers: map[string]http.HandlerFunc{}, changed: make(chan struct{})}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.close)
	return w
}

func (w *web) close()          { w.server.CloseClientConnections(); w.server.Close() }
func (w *web) URL() string     { return w.server.URL }
func (w *web) address() string { return w.server.Listener.Addr().String() }

// answer has a path answered with a document: Callflow JSON when it begins with a brace, else TwiML. %s in it stands for
// the application's address.
func (w *web) answer(path, document string) {
	w.handle(path, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		if strings.HasPrefix(document, "{") {
			rw.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(rw, strings.ReplaceAll(document, "%s", w.URL()))
	})
}

// handle has a path answered, and what is below it where nothing else does.
func (w *web) handle(path string, h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handlers[path] = h
}

func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	w.mu.Lock()
	w.asked = append(w.asked, request{method: r.Method, path: r.URL.Path, params: maps.Clone(r.Form), header: r.Header.Clone()})
	close(w.changed)
	w.changed = make(chan struct{})
	h := w.handlers[r.URL.Path]
	if h == nil {
		h = w.handlers[path.Dir(r.URL.Path)]
	}
	w.mu.Unlock()
	if h == nil {
		http.NotFound(rw, r)
		return
	}
	h(rw, r)
}

func (w *web) requests() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

// lines gives every request with the parameters named.
func (w *web) lines(names ...string) []string {
	var list []string
	for _, r := range w.requests() {
		list = append(list, r.with(names...))
	}
	return list
}

// until waits until a path was asked.
func (w *web) until(t *testing.T, path string) request {
	t.Helper()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		i := slices.IndexFunc(w.asked, func(r request) bool { return r.path == path })
		changed := w.changed
		var found request
		if i >= 0 {
			found = w.asked[i]
		}
		w.mu.Unlock()
		if i >= 0 {
			return found
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited %s for a request of %s", patience, path)
		}
	}
}

// errNoAnswer is a world's answer when the switch does not do what it was told.
var errNoAnswer = errors.New("the switch did not answer")
