package simswitch

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// frame is what a test's service reads.
type frame struct {
	kind    string // Content-Type
	headers map[string]string
	body    string
	at      time.Time
}

func (f frame) name() string {
	if f.kind == "text/event-plain" {
		return f.headers["Event-Name"]
	}
	return f.kind
}

// app is a test's service on one connection: it sends bytes and keeps what comes.
type app struct {
	conn net.Conn
	mu   sync.Mutex
	all  []frame
	eof  chan struct{}
}

func parseHeaders(text string, decode bool) map[string]string {
	h := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok {
			continue
		}
		value = strings.TrimPrefix(value, " ")
		if decode {
			if x, err := url.PathUnescape(value); err == nil {
				value = x
			}
		}
		h[name] = value
	}
	return h
}

// readFrame reads one frame of the switch.
func readFrame(r *bufio.Reader) (frame, error) {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return frame{}, err
		}
		if line == "\n" {
			break
		}
		head.WriteString(line)
	}
	f := frame{headers: parseHeaders(head.String(), false), at: time.Now()}
	f.kind = f.headers["Content-Type"]
	if f.headers["Event-Name"] == "CHANNEL_DATA" {
		f.headers = parseHeaders(head.String(), true)
		return f, nil
	}
	if n, err := strconv.Atoi(f.headers["Content-Length"]); err == nil {
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return f, err
		}
		f.body = string(body)
		if f.kind == "text/event-plain" {
			f.headers = parseHeaders(f.body, true)
		}
	}
	return f, nil
}

func newApp(conn net.Conn) *app {
	a := &app{conn: conn, eof: make(chan struct{})}
	go func() {
		defer close(a.eof)
		r := bufio.NewReader(conn)
		for {
			f, err := readFrame(r)
			if err != nil {
				return
			}
			a.mu.Lock()
			a.all = append(a.all, f)
			a.mu.Unlock()
		}
	}()
	return a
}

func (a *app) send(text string) { io.WriteString(a.conn, text) }

// execute sends one application with its own Event-UUID, as the service does.
func (a *app) execute(id, name, arg string) {
	a.send(fmt.Sprintf("sendmsg\ncall-command: execute\nexecute-app-name: %s\nEvent-UUID: %s\nevent-lock: true\n"+
		"content-type: text/plain\ncontent-length: %d\n\n%s\n\n", name, id, len(arg), arg))
}

func (a *app) frames() []frame {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]frame(nil), a.all...)
}

// completions are "app uuid response" of what ended, in order.
func (a *app) completions() []string {
	var list []string
	for _, f := range a.frames() {
		if f.name() == "CHANNEL_EXECUTE_COMPLETE" {
			id := f.headers["Application-UUID"]
			if len(id) == 36 {
				id = "-"
			}
			list = append(list, f.headers["Application"]+" "+id+" "+f.headers["Application-Response"])
		}
	}
	return list
}

func (a *app) completion(id string) (frame, bool) {
	for _, f := range a.frames() {
		if f.name() == "CHANNEL_EXECUTE_COMPLETE" && f.headers["Application-UUID"] == id {
			return f, true
		}
	}
	return frame{}, false
}

// lab is a switch whose sockets end at a test.
type lab struct {
	s     *Switch
	conns chan net.Conn
	trace []Trace
}

func newLab(config Config) *lab {
	l := &lab{conns: make(chan net.Conn, 16)}
	config.Dial = func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		l.conns <- there
		return here, nil
	}
	config.Trace = func(t Trace) { l.trace = append(l.trace, t) }
	l.s = New(config)
	return l
}

// call starts a call whose service has connected and subscribed.
func (l *lab) call(t *testing.T, call Call) (*Phone, *app) {
	t.Helper()
	phone, err := l.s.Call(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(<-l.conns)
	a.send("connect\n\n")
	a.send("linger 2\n\n")
	a.send("myevents\n\n")
	return phone, a
}

func (l *lab) texts(kind string) []string {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	var list []string
	for _, x := range l.trace {
		if x.Kind == kind {
			list = append(list, x.Arg)
		}
	}
	return list
}

// inBubble runs a test in virtual time, with a switch that is closed at its end.
func inBubble(t *testing.T, config Config, test func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(config)
		defer l.s.Close()
		test(t, l)
	})
}

// after lets virtual time pass.
func after(d time.Duration) {
	<-time.After(d) // virtual: the bubble's clock
	synctest.Wait()
}

func TestQueueRunsWithoutTicks(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		start := time.Now()
		phone, a := l.call(t, Call{})
		a.execute("a1", "answer", "")
		a.execute("a2", "set", "x=1")
		for i := range 5 {
			a.execute(fmt.Sprintf("p%d", i), "playback", "silence_stream://20")
		}
		a.execute("h", "hangup", "")
		<-phone.Done()
		synctest.Wait()
		if took := time.Since(start); took > 130*time.Millisecond {
			t.Errorf("call took %v, want at most 130ms", took)
		}
		want := []string{
			"answer a1 _none_", "set a2 _none_", "playback p0 FILE PLAYED", "playback p1 FILE PLAYED",
			"playback p2 FILE PLAYED", "playback p3 FILE PLAYED", "playback p4 FILE PLAYED", "hangup h _none_",
			"socket - _none_",
		}
		if diff := cmp.Diff(want, a.completions()); diff != "" {
			t.Errorf("completions (-want +got):\n%s", diff)
		}
		ended := phone.Ended()
		if ended.Cause != "NORMAL_CLEARING" || ended.SIP != 0 {
			t.Errorf("ended with %+v", ended)
		}
	})
}
