package dialplan_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fspivot/dialplan"
	"fspivot/esl"
	"fspivot/simswitch"
	"fspivot/timeline"
)

// lab is a call on the simulated switch, and our side of it.
type lab struct {
	*dialplan.Channel
	s     *simswitch.Switch
	phone *simswitch.Phone
	conn  net.Conn // our side
	line  *timeline.Timeline
	began time.Time

	mu    sync.Mutex
	trace []simswitch.Trace
}

// onCall runs a test in virtual time, with a call that has just connected.
func onCall(t *testing.T, config simswitch.Config, test func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lab{line: timeline.New(), began: time.Now()}
		conns := make(chan net.Conn, 1)
		config.Dial = func(context.Context) (net.Conn, error) {
			here, there := net.Pipe()
			conns <- there
			return here, nil
		}
		config.Trace = func(x simswitch.Trace) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.trace = append(l.trace, x)
		}
		l.s = simswitch.New(config)
		defer l.s.Close()
		var err error
		if l.phone, err = l.s.Call(t.Context(), simswitch.Call{}); err != nil {
			t.Fatal(err)
		}
		l.conn = <-conns
		session, err := esl.Connect(t.Context(), l.conn, dialplan.Events...)
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		l.Channel = dialplan.NewChannel(session, l.line)
		test(t, l)
	})
}

// at does something d after the call began.
func (l *lab) at(d time.Duration, do func()) { time.AfterFunc(time.Until(l.began.Add(d)), do) }

// since is the time from the call's beginning, in whole ticks.
func (l *lab) since() time.Duration { return time.Since(l.began).Round(20 * time.Millisecond) }

// traced gives what happened of some kinds, or of all.
func (l *lab) traced(kinds ...string) []simswitch.Trace {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.trace), func(x simswitch.Trace) bool {
		return !slices.Contains(kinds,
			x.Kind)
	})
}

// ran is what was executed so far, but for the socket.
func (l *lab) ran() []string {
	var list []string
	for _, x := range l.traced(simswitch.KindExecute) {
		if x.App != "socket" {
			list = append(list, strings.TrimSpace(x.App+" "+x.Arg))
		}
	}
	return list
}

// args are the arguments of what happened of a kind.
func (l *lab) args(kind string) []string {
	var list []string
	for _, x := range l.traced(kind) {
		list = append(list, x.Arg)
	}
	return list
}

// quiet is a file of silence.
func quiet(d time.Duration) dialplan.Playback { return dialplan.Playback{File: dialplan.Silence(d)} }

func wait(t *testing.T, l *lab, d time.Duration) {
	t.Helper()
	if err := l.Wait(t.Context(), d); err != nil {
		t.Fatalf("waiting: %v", err)
	}
}
