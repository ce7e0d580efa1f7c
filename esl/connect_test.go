package esl

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// connecting runs Connect against a script of the switch, which runs beside it and may block: its connection is closed
// when Connect has returned.
func connecting(t *testing.T, ctx context.Context, script func(p *peer)) (*Session, error) {
	t.Helper()
	here, there := net.Pipe()
	p := newPeer(t, there)
	var playing sync.WaitGroup
	playing.Go(func() { script(p) })
	s, err := Connect(ctx, here, kinds...)
	if err != nil {
		if _, err := here.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Connect failed and left the connection open: %v", err)
		}
		there.Close()
	}
	playing.Wait()
	if s != nil {
		t.Cleanup(func() { there.Close(); s.Close() })
	}
	return s, err
}

// The handshake is these bytes and no others, whatever comes between and however it is cut.
func TestConnect(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]func(p *peer){
		"at once": func(p *peer) { p.send(connectReply("async", "full")) },
		"byte by byte": func(p *peer) {
			for i := range connectReply("async", "full") {
				p.send(connectReply("async", "full")[i : i+1])
			}
		},
		"blank lines before": func(p *peer) { p.send("\n\n" + connectReply("async", "full")) },
		"another kind before": func(p *peer) {
			p.send("Content-Type: log/data\nContent-Length: 2\n\n\n\n" + connectReply("async", "full"))
		},
		"an event behind": func(p *peer) {
			p.send(connectReply("async", "full") + eventFrame("Event-Name: DTMF"))
		},
		"CRLF": func(p *peer) { p.send(strings.ReplaceAll(connectReply("async", "full"), "\n", "\r\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := connecting(t, t.Context(), func(p *peer) {
				p.expect("connect\n\n")
				reply(p)
				p.expect(setup)
				p.reply("+OK will linger 5 seconds")
			})
			if err != nil {
				t.Fatal(err)
			}
			d := s.Data()
			got := []string{s.UUID(), d.Name(), d.Get("Caller-Caller-ID-Name"), d.Get("Socket-Mode"), d.Get("Control")}
			if diff := cmp.Diff([]string{ownUUID, "CHANNEL_DATA", `Alice "A"`, "async", "full"}, got); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			if !s.Data().Has("variable_empty") || s.Data().Has("variable_missing") {
				t.Error("the data lacks an empty variable or has a missing one")
			}
		})
	}
}

// Without kinds of events none are subscribed to: the switch would refuse an empty list.
func TestConnectWithoutEvents(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	p := newPeer(t, there)
	var playing sync.WaitGroup
	playing.Go(func() {
		p.expect("connect\n\n")
		p.send(connectReply("async", "full"))
		p.expect("linger 5\n\nfilter Unique-ID " + ownUUID + "\n\n")
		p.conn.Close()
	})
	s, err := Connect(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	playing.Wait()
}

func TestModeError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mode, control, missing string }{
		{"static", "full", "lacks the word async:"},
		{"async", "single-channel", "lacks the word full:"},
		{"static", "single-channel", "lacks the word async and full:"},
		{"", "", "lacks the word async and full:"},
	} {
		_, err := connecting(t, t.Context(), func(p *peer) {
			p.expect("connect\n\n")
			p.send(connectReply(test.mode, test.control))
			p.ends() // nothing that would be refused is sent
		})
		mode, ok := errors.AsType[*ModeError](err)
		if !ok {
			t.Errorf("%v: error %v, want a ModeError", test, err)
			continue
		}
		if diff := cmp.Diff(&ModeError{Mode: test.mode, Control: test.control}, mode); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
		if !strings.Contains(err.Error(), test.missing) || !strings.Contains(err.Error(), `data="host:port async full"`) {
			t.Errorf("%v: the text does not tell what to write: %v", test, err)
		}
	}
}

func TestConnectFails(t *testing.T) {
	t.Parallel()
	const at = "esl: connect: "
	for name, test := range map[string]struct {
		reply string
		err   error  // nil: any
		text  string // of the error
	}{
		"end at once":      {"", io.EOF, at},
		"end in the reply": {"Event-Name: CHANNEL_DATA\n", io.ErrUnexpectedEOF, at},
		"refused":          {"Content-Type: command/reply\nReply-Text: -ERR%20no\n\n", nil, `the switch answered "-ERR no"`},
		"no channel":       {"Content-Type: command/reply\nReply-Text: +OK\n\n", nil, "names no channel"},
		"rude rejection": {"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
			nil, `text/rude-rejection: "Access Denied`},
		"goodbye": {"Content-Type: text/disconnect-notice\nContent-Length: 13\n\nDisconnected\n",
			nil, `text/disconnect-notice: "Disconnected`},
		"bad length":           {"Content-Type: command/reply\nContent-Length: -1\n\n", errBadLength, at},
		"huge body":            {"Content-Type: command/reply\nContent-Length: 1000000000\n\n", errBodyTooLong, at},
		"a channel of two":     {strings.Replace(connectReply("async", "full"), ownUUID, "a%0Aexit", 1), nil, "line break"},
		"not a switch at all":  {"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad", io.EOF, at},
		"only other kinds":     {eventFrame("Event-Name: DTMF") + eventFrame("Event-Name: DTMF"), io.EOF, at},
		"endless header block": {strings.Repeat("a: b\n", maxHeaderBytes/5+1), errHeaderTooLong, at},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := connecting(t, t.Context(), func(p *peer) {
				p.expect("connect\n\n")
				_, _ = io.WriteString(p.conn, test.reply)
				p.conn.Close()
			})
			if err == nil || test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want %v with %q", err, test.err, test.text)
			}
		})
	}
}

// A peer that dawdles gets the time of the whole handshake and no more, however busy it looks.
func TestConnectSlowly(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(p *peer){
		"does not read":      func(*peer) {},
		"says nothing":       func(p *peer) { p.expect("connect\n\n") },
		"half a reply":       func(p *peer) { p.expect("connect\n\n"); p.send("Event-Name: CHANNEL_DATA\n") },
		"half a body":        func(p *peer) { p.expect("connect\n\n"); p.send("Content-Length: 10\n\nhalf") },
		"endless frames":     func(p *peer) { p.expect("connect\n\n"); trickle(p, eventFrame("Event-Name: HEARTBEAT")) },
		"endless headers":    func(p *peer) { p.expect("connect\n\n"); trickle(p, "a: b\n") },
		"endless blank line": func(p *peer) { p.expect("connect\n\n"); trickle(p, "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := connecting(t, t.Context(), script)
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("error %v, want %v", err, os.ErrDeadlineExceeded)
				}
				if took := time.Since(start); took != connectTimeout {
					t.Errorf("took %v, want %v", took, connectTimeout)
				}
			})
		})
	}
}

// A handshake ends with its context, wherever it is.
func TestConnectCancelled(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for name, script := range map[string]func(p *peer){
		"before connect is read": func(*peer) {},
		"before the reply":       func(p *peer) { p.expect("connect\n\n") },
		"in the reply":           func(p *peer) { p.expect("connect\n\n"); p.send("Event-Name: CHANNEL_DATA\n") },
		"before setup is read":   func(p *peer) { p.expect("connect\n\n"); p.send(connectReply("async", "full")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				start := time.Now()
				time.AfterFunc(time.Second, func() { cancel(cause) })
				_, err := connecting(t, ctx, script)
				if took := time.Since(start); !errors.Is(err, cause) || took != time.Second {
					t.Errorf("error %v after %v, want %v after 1 s", err, took, cause)
				}
			})
		})
	}
}

// The context of Connect has no say over the session.
func TestConnectContextEndsLater(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := (*peer)(nil)
	s, err := connecting(t, ctx, func(peer *peer) { p = peer; peer.greet() })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	p.event("Event-Name: DTMF")
	if e, err := next(t, s); err != nil || e.Name() != "DTMF" {
		t.Errorf("event %v, error %v", e, err)
	}
}

// A refused filter or subscription would leave a call that never ends; a refused linger only costs the last events.
func TestSetupRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		replies []string
		end     string // part of the reason; "" when the session goes on
	}{
		"linger": {[]string{"-ERR not controlling a session", "+OK", "+OK"}, ""},
		"filter": {[]string{"+OK", "-ERR invalid syntax", "+OK"}, `refused this channel's events: "-ERR invalid syntax"`},
		"event":  {[]string{"+OK", "+OK", "-ERR no keywords"}, `refused this channel's events: "-ERR no keywords"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p *peer
			s, err := connecting(t, t.Context(), func(peer *peer) {
				p = peer
				p.expect("connect\n\n")
				p.send(connectReply("async", "full"))
				p.expect(setup)
			})
			if err != nil {
				t.Fatal(err)
			}
			var playing sync.WaitGroup
			defer playing.Wait()
			playing.Go(func() {
				var all strings.Builder
				for _, text := range test.replies {
					all.WriteString("Content-Type: command/reply\nReply-Text: " + text + "\n\n")
				}
				_, _ = io.WriteString(p.conn, all.String()+eventFrame("Event-Name: DTMF"))
			})
			e, err := next(t, s)
			switch {
			case test.end == "" && (err != nil || e.Name() != "DTMF"):
				t.Errorf("event %v, error %v; want the session to go on", e, err)
			case test.end != "" && (err == nil || !strings.Contains(err.Error(), test.end)):
				t.Errorf("event %v, error %v; want %s", e, err, test.end)
			case test.end != "":
				p.ends()
			}
		})
	}
}
