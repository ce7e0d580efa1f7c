package esl

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// The reader takes 10,000 events while the owner is elsewhere, without waiting for it; over an in-memory connection a
// write ends when it was read, so that the peer would notice. The owner then finds them in order.
func TestEventOrder(t *testing.T) {
	t.Parallel()
	const many = 10000
	s, p := piped(t)
	for i := range many {
		p.event("Event-Name: DTMF", fmt.Sprint("DTMF-Digit: ", i%10), fmt.Sprint("Event-Sequence: ", i))
	}
	p.conn.Close()
	var got []string
	for range many {
		e, err := next(t, s)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Get("Event-Sequence"))
	}
	if e, err := next(t, s); e != nil || !errors.Is(err, io.EOF) {
		t.Errorf("behind the last event: %v, %v; want %v", e, err, io.EOF)
	}
	for i, sequence := range got {
		if sequence != fmt.Sprint(i) {
			t.Fatalf("event %d has sequence %s", i, sequence)
		}
	}
}

// An owner that comes and goes gets them in order as well.
func TestEventOrderWhileReading(t *testing.T) {
	t.Parallel()
	const many = 2000
	s, p := overTCP(t)
	var playing sync.WaitGroup
	defer playing.Wait()
	playing.Go(func() {
		var stream strings.Builder
		for i := range many {
			stream.WriteString(eventFrame("Event-Name: DTMF", fmt.Sprint("Event-Sequence: ", i)))
			if i%7 == 0 || i == many-1 {
				p.send(stream.String())
				stream.Reset()
			}
		}
		p.conn.Close()
	})
	got, err := rest(t, s, "Event-Sequence")
	if !errors.Is(err, io.EOF) || len(got) != many {
		t.Errorf("%d events, %v; want %d and %v", len(got), err, many, io.EOF)
	}
	for i, sequence := range got {
		if sequence != fmt.Sprint(i) {
			t.Fatalf("event %d has sequence %s", i, sequence)
		}
	}
}

// Next never waits, and Ready comes with what Next has.
func TestNextAndReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := piped(t)
		isReady := func() bool {
			synctest.Wait()
			select {
			case <-s.Ready():
				return true
			default:
				return false
			}
		}
		if e, err := s.Next(); e != nil || err != nil || isReady() {
			t.Errorf("nothing came: %v, %v", e, err)
		}
		p.event("Event-Name: A")
		p.event("Event-Name: B")
		if !isReady() {
			t.Error("two events: not ready")
		}
		if isReady() {
			t.Error("ready twice without news")
		}
		for _, want := range []string{"A", "B"} {
			if e, err := s.Next(); err != nil || e.Name() != want {
				t.Errorf("event %v, %v; want %s", e, err, want)
			}
		}
		if e, err := s.Next(); e != nil || err != nil {
			t.Errorf("all were taken: %v, %v", e, err)
		}
		p.event("Event-Name: C")
		p.conn.Close()
		if !isReady() {
			t.Error("an event and the end: not ready")
		}
		if e, err := s.Next(); err != nil || e.Name() != "C" {
			t.Errorf("event %v, %v; want C", e, err)
		}
		for range 2 {
			if e, err := s.Next(); e != nil || !errors.Is(err, io.EOF) {
				t.Errorf("the end: %v, %v; want %v, for good", e, err, io.EOF)
			}
		}
	})
}

// Events that nobody takes are kept up to a limit, which ends the session; those that were kept are still given.
func TestBacklogLimit(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	stream := strings.Repeat(eventFrame("Event-Name: DTMF"), 1000)
	for range maxBacklog / 1000 {
		p.send(stream)
	}
	_, _ = io.WriteString(p.conn, eventFrame("Event-Name: TOO_MANY"))
	p.ends()
	got, err := rest(t, s, "Event-Name")
	if len(got) != maxBacklog || slices.Contains(got, "TOO_MANY") || !errors.Is(err, ErrBacklog) {
		t.Errorf("%d events, then %v; want %d, then %v", len(got), err, maxBacklog, ErrBacklog)
	}
}

// The backlog is limited in bytes too, and what was taken makes room.
func TestBacklogSizeLimit(t *testing.T) {
	t.Parallel()
	s := &Session{ready: make(chan struct{}, 1)}
	large := &Event{body: make([]byte, maxBodyBytes)}
	most := maxBacklogSize / maxBodyBytes
	for range most {
		if err := s.deliver(large); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.deliver(large); !errors.Is(err, ErrBacklog) {
		t.Errorf("one event more: %v, want %v", err, ErrBacklog)
	}
	for range 3 * most {
		if e, err := s.Next(); e != large || err != nil {
			t.Fatal(e, err)
		}
		if err := s.deliver(large); err != nil {
			t.Fatalf("in place of the one that was taken: %v", err)
		}
	}
}

// With linger the last events come behind the notice; frames of kinds that nobody knows pass by.
func TestEventsBehindTheNotice(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	p.notice("linger")
	p.event("Event-Name: CHANNEL_EXECUTE_COMPLETE")
	p.send("Content-Type: log/data\nContent-Length: 27\n\nContent-Type: command/reply\n")
	p.send("Reply-Text: nothing\n\n")
	p.send("Content-Type: text/event-json\nContent-Length: 2\n\n{}")
	p.event("Event-Name: CHANNEL_HANGUP_COMPLETE")
	p.notice("disconnect")
	p.conn.Close()
	got, err := rest(t, s, "Event-Name")
	if diff := cmp.Diff([]string{Disconnected, "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP_COMPLETE"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("ended with %v, want %v", err, io.EOF)
	}
}

// Commands go out in one piece and in order, each behind the blank line of the one before.
func TestSend(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	var playing sync.WaitGroup
	defer playing.Wait()
	if err := s.Send(); err != nil {
		t.Errorf("nothing: %v", err)
	}
	playing.Go(func() {
		commands := []Command{mustAPI(t, "uuid_break", ownUUID+" all"), mustExecute(t, "speak", "a\n\nb", "a-1"),
			mustExecute(t, "hangup", "", "a-2")}
		if err := s.Send(commands...); err != nil {
			t.Error(err)
		}
		if err := s.Send(mustAPI(t, "status", "")); err != nil {
			t.Error(err)
		}
	})
	type short struct{ Line, App, UUID, Lock, Body string }
	var got []short
	for range 4 {
		c := p.command()
		h := c.Headers
		got = append(got, short{c.Line, h["execute-app-name"], h["event-uuid"], h["event-lock"], c.Body})
	}
	if diff := cmp.Diff([]short{
		{Line: "api uuid_break " + ownUUID + " all"},
		{"sendmsg", "speak", "a-1", "true", "a\n\nb"},
		{"sendmsg", "hangup", "a-2", "true", ""},
		{Line: "api status"},
	}, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// One piece: a peer that reads one write at a time gets three commands in it.
func TestSendInOnePiece(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	var playing sync.WaitGroup
	defer playing.Wait()
	playing.Go(func() {
		if err := s.Send(mustAPI(t, "one", ""), mustAPI(t, "two", "2"), mustAPI(t, "three", "")); err != nil {
			t.Error(err)
		}
	})
	b := make([]byte, 1000)
	n, err := p.conn.Read(b)
	if want := "api one \n\napi two 2\n\napi three \n\n"; string(b[:n]) != want || err != nil {
		t.Errorf("read %q, %v; want %q", b[:n], err, want)
	}
}

// While a write waits for the switch, events are taken all the same: a switch that sends before it reads is no deadlock.
func TestReadingWhileWriting(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := s.Send(mustAPI(t, "status", "")); err != nil {
			t.Error(err)
		}
	})
	for range 100 {
		p.event("Event-Name: DTMF")
	}
	p.expect("api status \n\n")
	sending.Wait()
	p.conn.Close()
	if got, err := rest(t, s, "Event-Name"); len(got) != 100 || !errors.Is(err, io.EOF) {
		t.Errorf("%d events, %v", len(got), err)
	}
}
