package esl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Replies belong to commands in their order, whoever waits for them and whatever comes between.
func TestRepliesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := piped(t)
		var calling, playing sync.WaitGroup
		var asked []string
		playing.Go(func() {
			for range 6 {
				asked = append(asked, p.command().Line)
			}
		})
		answers := map[string]string{}
		var mu sync.Mutex
		call := func(name string) {
			calling.Go(func() {
				answer, err := s.Call(t.Context(), name, "")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				answers[name] = answer
			})
			synctest.Wait() // it is on its way before the next one
		}
		if err := s.Send(mustExecute(t, "answer", "", "a-1")); err != nil {
			t.Error(err)
		}
		call("first")
		if err := s.Send(mustAPI(t, "nobody", "waits"), mustExecute(t, "hangup", "", "a-2")); err != nil {
			t.Error(err)
		}
		call("second")
		call("third")
		playing.Wait()
		want := []string{"sendmsg", "api first", "api nobody waits", "sendmsg", "api second", "api third"}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
		p.reply("+OK a-1")
		p.event("Event-Name: BETWEEN")
		p.api("one")
		p.api("-ERR nobody hears this")
		p.reply("+OK a-2")
		p.send("Content-Type: text/unknown\n\n")
		p.api("")
		p.reply("+OK three")
		calling.Wait()
		if diff := cmp.Diff(map[string]string{"first": "one", "second": "", "third": "+OK three"}, answers); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		p.reply("+OK to nothing")
		p.conn.Close()
		got, err := rest(t, s, "Event-Name")
		if !slices.Equal(got, []string{"BETWEEN"}) || !errors.Is(err, io.EOF) {
			t.Errorf("events %q, %v", got, err)
		}
	})
}

// Many callers at once each get their own answer.
func TestCallsAtOnce(t *testing.T) {
	t.Parallel()
	const many = 200
	s, p := overTCP(t)
	var playing, calling sync.WaitGroup
	playing.Go(func() {
		for range many {
			p.api(strings.TrimPrefix(p.command().Line, "api echo "))
			p.event("Event-Name: BETWEEN")
		}
		p.conn.Close()
	})
	for i := range many {
		calling.Go(func() {
			answer, err := s.Call(t.Context(), "echo", fmt.Sprint(i))
			if err != nil || answer != fmt.Sprint(i) {
				t.Errorf("call %d was answered %q, %v", i, answer, err)
			}
		})
	}
	calling.Wait()
	playing.Wait()
	if got, err := rest(t, s, "Event-Name"); len(got) != many || !errors.Is(err, io.EOF) {
		t.Errorf("%d events, %v", len(got), err)
	}
}

// What the switch answers is the caller's to read, errors too, and as it came: an answer is not percent-encoded.
func TestCallAnswers(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	for sent, want := range map[string]string{
		"Content-Type: api/response\nContent-Length: 16\n\n-ERR no command\n": "-ERR no command\n",
		"Content-Type: command/reply\nReply-Text: -ERR command not found\n\n": "-ERR command not found",
		"Content-Type: api/response\nContent-Length: 5\n\n50%25":              "50%25",
		"Content-Type: command/reply\nReply-Text: 50%25\n\n":                  "50%25",
		"Content-Type: api/response\nContent-Length: 0\n\n":                   "",
		"Content-Type: command/reply\n\n":                                     "",
	} {
		var playing sync.WaitGroup
		playing.Go(func() { p.expect("api name arguments\n\n"); p.send(sent) })
		got, err := s.Call(t.Context(), "name", "arguments")
		playing.Wait()
		if got != want || err != nil {
			t.Errorf("%q: answer %q, %v; want %q", sent, got, err, want)
		}
	}
	if _, err := s.Call(t.Context(), "name", "a\nb"); err == nil {
		t.Error("a call of two lines was made")
	}
}

// A call ends with its context, and its late answer is nobody else's.
func TestCallCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := piped(t)
		cause := errors.New("cause")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		var playing sync.WaitGroup
		playing.Go(func() { p.expect("api slow \n\n") })
		start := time.Now()
		if answer, err := s.Call(ctx, "slow", ""); !errors.Is(err, cause) || time.Since(start) != time.Second {
			t.Errorf("answer %q, error %v after %v; want %v after 1 s", answer, err, time.Since(start), cause)
		}
		playing.Wait()
		playing.Go(func() {
			p.expect("api quick \n\n")
			p.api("late answer to slow")
			p.api("answer to quick")
		})
		if answer, err := s.Call(t.Context(), "quick", ""); answer != "answer to quick" || err != nil {
			t.Errorf("answer %q, error %v", answer, err)
		}
		playing.Wait()
	})
}

// A call ends with the session, and one made afterwards is not sent.
func TestCallEndsWithTheSession(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	var playing sync.WaitGroup
	playing.Go(func() { p.expect("api status \n\n"); p.conn.Close() })
	if answer, err := s.Call(t.Context(), "status", ""); answer != "" || !errors.Is(err, io.EOF) {
		t.Errorf("answer %q, error %v; want %v", answer, err, io.EOF)
	}
	playing.Wait()
	if answer, err := s.Call(t.Context(), "status", ""); answer != "" || !errors.Is(err, io.EOF) {
		t.Errorf("afterwards: answer %q, error %v; want %v", answer, err, io.EOF)
	}
}

// stalled is a connection where writing an api command takes until the session has ended.
type stalled struct {
	net.Conn
	ended <-chan struct{}
}

func (c *stalled) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if strings.HasPrefix(string(b), "api ") {
		<-c.ended
	}
	return n, err
}

// An answer that came with the end of the session still counts.
func TestCallAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	for range 30 { // answer and end are there at once: either may be seen first
		here, there := net.Pipe()
		conn := &stalled{Conn: here}
		s, p := meet(t, conn, there)
		conn.ended = s.stopped
		var playing sync.WaitGroup
		playing.Go(func() {
			p.expect("api status \n\n")
			p.api("UP")
			p.conn.Close()
		})
		if answer, err := s.Call(t.Context(), "status", ""); answer != "UP" || err != nil {
			t.Errorf("answer %q, error %v", answer, err)
		}
		playing.Wait()
	}
}

// An execute that the switch refused comes back as an event, in its place among the others; it names the execute, and
// the switch's words cannot add headers to it.
func TestRefused(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	var playing sync.WaitGroup
	playing.Go(func() {
		commands := []Command{mustExecute(t, "answer", "", "a-1"), mustExecute(t, "play%20back", "x", "a%0A2"),
			mustAPI(t, "nosuch", ""), mustExecute(t, "hangup", "", "a-3")}
		if err := s.Send(commands...); err != nil {
			t.Error(err)
		}
	})
	for range 4 {
		p.command()
	}
	playing.Wait()
	p.event("Event-Name: BEFORE")
	p.reply("+OK")
	p.reply("-ERR memory error 100%41%0AEvent-Name: DTMF")
	p.event("Event-Name: BETWEEN")
	p.api("-ERR nosuch Command not found!\n")
	p.reply("-ERR invalid session id []")
	p.event("Event-Name: AFTER")
	p.conn.Close()
	type header struct{ Name, Value string }
	var got [][]header
	for {
		e, err := next(t, s)
		if err != nil {
			break
		}
		var list []header
		e.Each(func(name, value string) { list = append(list, header{name, value}) })
		got = append(got, list)
	}
	want := [][]header{
		{{"Event-Name", "BEFORE"}},
		{{"Event-Name", Refused}, {"Unique-ID", ownUUID}, {"Application", "play%20back"}, {"Application-UUID", "a%0A2"},
			{"Reply-Text", "-ERR memory error 100%41%0AEvent-Name: DTMF"}},
		{{"Event-Name", "BETWEEN"}},
		{{"Event-Name", Refused}, {"Unique-ID", ownUUID}, {"Application", "hangup"}, {"Application-UUID", "a-3"},
			{"Reply-Text", "-ERR invalid session id []"}},
		{{"Event-Name", "AFTER"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A switch that answers nothing any more ends the session: a command that is silently dropped would be waited for.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	s, p := piped(t)
	var playing sync.WaitGroup
	playing.Go(p.discard)
	commands := slices.Repeat([]Command{mustAPI(t, "status", "")}, maxOutstanding/10)
	for range 10 {
		if err := s.Send(commands...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Send(commands[0]); !errors.Is(err, ErrUnanswered) {
		t.Errorf("one command more: %v, want %v", err, ErrUnanswered)
	}
	if e, err := next(t, s); e != nil || !errors.Is(err, ErrUnanswered) {
		t.Errorf("the session goes on with %v, %v; want %v", e, err, ErrUnanswered)
	}
	playing.Wait() // the connection was closed
}
