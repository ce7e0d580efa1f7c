package scenarios

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fspivot/simswitch"
)

// simulated is package simswitch as a world.
type simulated struct {
	fs   *simswitch.Switch
	port atomic.Int64 // of the service

	mu     sync.Mutex
	traces []simswitch.Trace
	called []*simswitch.Phone
}

// phones are the callers, in order.
func (w *simulated) phones() []*simswitch.Phone {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.called
}

// newSimulated also fails the test when an argument expanded to a command.
func newSimulated(t testing.TB, _ *stage) *simulated {
	w := &simulated{}
	w.fs = simswitch.New(simswitch.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", w.port.Load()))
		},
		SpeechRate: 8 * time.Millisecond,
		Trace: func(r simswitch.Trace) {
			if r.Kind == simswitch.KindFrameIn || r.Kind == simswitch.KindFrameOut {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.traces = append(w.traces, r)
		},
	})
	t.Cleanup(func() {
		_ = w.fs.Close()
		for _, r := range w.traces {
			if r.Kind == simswitch.KindExpandedAPI {
				t.Errorf("an argument ran the command %q", r.Arg)
			}
		}
	})
	return w
}

func (w *simulated) call(t testing.TB, port int, c caller) phone {
	t.Helper()
	w.port.Store(int64(port))
	vars := map[string]string{}
	for name, value := range c.headers {
		vars["sip_h_"+name] = value
	}
	if c.pivot != "" {
		vars["fspivot_voice_url"], vars["fspivot_req_format"] = c.pivot, c.format
	}
	p, err := w.fs.Call(t.Context(), simswitch.Call{Request: c.number, From: c.from, FromName: c.name, Vars: vars, KeysNeedMedia: true})
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.called = append(w.called, p)
	w.mu.Unlock()
	sp := &simulatedPhone{p: p, answer: make(chan struct{}), gone: make(chan struct{})}
	go func() {
		select {
		case <-p.Answered():
			close(sp.answer)
		case <-p.Done():
		}
		<-p.Done()
		close(sp.gone)
	}()
	return sp
}

func (w *simulated) transfer(_ testing.TB, _ string, p phone) { p.(*simulatedPhone).p.Transfer() }

func (w *simulated) idle(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for w.fs.Channels() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d channels are left", w.fs.Channels())
		}
		<-time.After(10 * time.Millisecond)
	}
}

type simulatedPhone struct {
	p            *simswitch.Phone
	answer, gone chan struct{}
}

func (s *simulatedPhone) talk(d time.Duration)    { s.p.Say(d) }
func (s *simulatedPhone) hangup()                 { s.p.Hangup("") }
func (s *simulatedPhone) answered() chan struct{} { return s.answer }
func (s *simulatedPhone) done() chan struct{}     { return s.gone }

func (s *simulatedPhone) press(keys string) {
	s.p.Press(keys)
	took := time.Duration(len(keys)) * 60 * time.Millisecond
	took += time.Duration(strings.Count(keys, "w")) * 440 * time.Millisecond
	select {
	case <-time.After(took):
	case <-s.gone:
	}
}

func (s *simulatedPhone) end() ending {
	e := s.p.Ended()
	return ending{Answered: !e.Answered.IsZero(), Cause: e.Cause}
}
