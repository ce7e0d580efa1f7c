package esl

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A frame that cannot be read ends the session, with what came before it delivered and the connection closed.
func TestBrokenFrame(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]error{
		"Content-Length: -1\n\n":         errBadLength,
		"Content-Length: 1000000000\n\n": errBodyTooLong,
		"Content-Length: 2\n\n":          io.ErrUnexpectedEOF,
		"Content-Ty":                     io.ErrUnexpectedEOF,
	} {
		s, p := piped(t)
		p.event("Event-Name: DTMF")
		_, _ = io.WriteString(p.conn, stream)
		if errors.Is(want, io.ErrUnexpectedEOF) {
			p.conn.Close()
		} else {
			p.ends()
		}
		got, err := rest(t, s, "Event-Name")
		if !slices.Equal(got, []string{"DTMF"}) || !errors.Is(err, want) {
			t.Errorf("%q: %q, then %v; want one event, then %v", stream, got, err, want)
		}
		if err := s.Send(mustAPI(t, "status", "")); !errors.Is(err, want) {
			t.Errorf("%q: sending afterwards: %v, want %v", stream, err, want)
		}
	}
}

// The end of a session shows behind the last event that its reader still finds, though the reason was there before.
func TestEndComesLast(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer there.Close()
	in := newFrameReader(strings.NewReader(eventFrame("Event-Name: LAST")))
	s := &Session{conn: here, in: in, ready: make(chan struct{}, 1), stopped: make(chan struct{})}
	if err := s.fail(ErrClosed); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if e, err := s.Next(); e != nil || err != nil {
		t.Errorf("before the reader has ended: %v, %v", e, err)
	}
	s.read()
	got, err := rest(t, s, "Event-Name")
	if !slices.Equal(got, []string{"LAST"}) || !errors.Is(err, ErrClosed) {
		t.Errorf("events %q, then %v; want one and %v", got, err, ErrClosed)
	}
}

// A switch that takes half of a command and no more ends the session after the time for it: nothing could follow.
func TestPartialWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := piped(t)
		var playing sync.WaitGroup
		playing.Go(func() { _, _ = p.conn.Read(make([]byte, 7)) })
		start := time.Now()
		err := s.Send(mustAPI(t, "status", ""))
		if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took != writeTimeout {
			t.Errorf("error %v after %v, want %v after %v", err, took, os.ErrDeadlineExceeded, writeTimeout)
		}
		playing.Wait()
		for what, f := range map[string]func() error{
			"next": func() error { _, err := next(t, s); return err },
			"send": func() error { return s.Send(mustAPI(t, "status", "")) },
			"call": func() error { _, err := s.Call(t.Context(), "status", ""); return err },
		} {
			if err := f(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v, want %v", what, err, os.ErrDeadlineExceeded)
			}
		}
		p.ends()
	})
}

// Exit says exit, takes what still comes, and ends as we wished.
func TestExit(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	p.event("Event-Name: BEFORE")
	var playing sync.WaitGroup
	playing.Go(func() {
		p.expect("exit\n\n")
		p.event("Event-Name: LAST")
		p.reply("+OK bye")
		p.notice("disconnect")
		p.conn.Close()
	})
	s.Exit()
	playing.Wait()
	got, err := rest(t, s, "Event-Name")
	if !slices.Equal(got, []string{"BEFORE", "LAST", Disconnected}) || !errors.Is(err, ErrClosed) {
		t.Errorf("events %q, then %v; want all and %v", got, err, ErrClosed)
	}
	s.Exit() // again: nothing happens
	if err := s.Send(mustAPI(t, "status", "")); !errors.Is(err, ErrClosed) {
		t.Errorf("sending afterwards: %v, want %v", err, ErrClosed)
	}
}

// Exit does not leave before the switch has parked the channel, unless the switch has left.
func TestExitSettles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wait, want time.Duration
		closes     bool
	}{{0, settleTime, false}, {settleTime / 2, settleTime / 2, false}, {settleTime, 0, false}, {0, 0, true}} {
		synctest.Test(t, func(t *testing.T) {
			s, p := piped(t)
			var playing sync.WaitGroup
			playing.Go(func() {
				if !c.closes {
					p.expect("exit\n\n")
				}
				p.conn.Close()
			})
			time.Sleep(c.wait)
			synctest.Wait()
			start := time.Now()
			s.Exit()
			if took := time.Since(start); took != c.want {
				t.Errorf("after %v, closed %t: took %v, want %v", c.wait, c.closes, took, c.want)
			}
			playing.Wait()
		})
	}
}

// Exit waits for a switch that does not hurry, but not long.
func TestExitUnanswered(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(p *peer){
		"does not read":   func(*peer) {},
		"does not answer": func(p *peer) { p.expect("exit\n\n") },
		"does not close":  func(p *peer) { p.expect("exit\n\n"); p.reply("+OK bye") },
		"does not stop":   func(p *peer) { p.expect("exit\n\n"); trickle(p, eventFrame("Event-Name: DTMF")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := piped(t)
				var playing sync.WaitGroup
				playing.Go(func() { script(p) })
				start := time.Now()
				s.Exit()
				if took := time.Since(start); took != settleTime+byeTimeout {
					t.Errorf("took %v, want %v", took, settleTime+byeTimeout)
				}
				playing.Wait()
				p.ends()
				if _, err := rest(t, s, ""); !errors.Is(err, ErrClosed) {
					t.Errorf("ended with %v, want %v", err, ErrClosed)
				}
			})
		})
	}
}

// Close ends everything at once: the connection, a write that waits, calls, and the reader.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := piped(t)
		p.event("Event-Name: BEFORE")
		start := time.Now()
		var waiting, playing sync.WaitGroup
		waiting.Go(func() {
			if _, err := s.Call(t.Context(), "status", ""); !errors.Is(err, ErrClosed) {
				t.Errorf("a call that waits for its answer: %v, want %v", err, ErrClosed)
			}
		})
		playing.Go(func() { p.expect("api status \n\n") })
		playing.Wait()
		waiting.Go(func() {
			if err := s.Send(mustAPI(t, "nobody", "reads")); !errors.Is(err, ErrClosed) {
				t.Errorf("a write that waits: %v, want %v", err, ErrClosed)
			}
		})
		synctest.Wait()
		for range 3 {
			waiting.Go(s.Close)
		}
		waiting.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
		p.ends()
		got, err := rest(t, s, "Event-Name")
		if !slices.Equal(got, []string{"BEFORE"}) || !errors.Is(err, ErrClosed) {
			t.Errorf("events %q, then %v; want one and %v", got, err, ErrClosed)
		}
	})
}

// A connection that the switch resets ends the session, with the reason.
func TestReset(t *testing.T) {
	t.Parallel()
	here, there := loopback(t)
	s, p := meet(t, here, there)
	p.event("Event-Name: DTMF")
	if e, err := next(t, s); err != nil || e.Name() != "DTMF" {
		t.Errorf("event %v, %v", e, err)
	}
	if err := there.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	there.Close()
	if e, err := next(t, s); e != nil || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("event %v, error %v; want %v", e, err, syscall.ECONNRESET)
	}
	if err := s.Send(mustAPI(t, "status", "")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("sending afterwards: %v, want %v", err, syscall.ECONNRESET)
	}
}

// A switch that closed its half will not answer: the session ends, and the other half with it.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	here, there := loopback(t)
	s, p := meet(t, here, there)
	p.event("Event-Name: DTMF")
	if err := there.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := rest(t, s, "Event-Name")
	if !slices.Equal(got, []string{"DTMF"}) || !errors.Is(err, io.EOF) {
		t.Errorf("events %q, then %v; want one and %v", got, err, io.EOF)
	}
	p.ends()
}
