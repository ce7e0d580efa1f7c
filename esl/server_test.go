package esl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
)

// text is an address that reads as given.
type text string

func (text) Network() string  { return "tcp" }
func (t text) String() string { return string(t) }

// from is a connection whose peer has the given address.
type from struct {
	net.Conn
	address net.Addr
}

func (c from) RemoteAddr() net.Addr { return c.address }

// lines is a listener in memory: what is put into it is accepted, errors too.
type lines struct {
	arrivals chan any // net.Conn or error; capacity 0: an arrival waits for Accept
	closed   chan struct{}
	once     sync.Once
}

func newLines() *lines { return &lines{arrivals: make(chan any), closed: make(chan struct{})} }

func (l *lines) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case a := <-l.arrivals:
		if err, ok := a.(error); ok {
			return nil, err
		}
		return a.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *lines) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *lines) Addr() net.Addr { return text("lines") }

// dial connects a switch at 127.0.0.1. It fails when the listener is closed.
func (l *lines) dial(t testing.TB) (*peer, error) {
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	select {
	case l.arrivals <- net.Conn(from{here, text("127.0.0.1:5555")}):
		return newPeer(t, there), nil
	case <-l.closed:
		return nil, syscall.ECONNREFUSED
	}
}

// welcoming is a server for peers of this machine.
func welcoming(log *logrus.Entry, drain time.Duration, handle func(context.Context, *Session)) *Server {
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return &Server{Allow: allow, Events: kinds, Log: log, Drain: drain, Handle: handle}
}

// quiet is a log that a test can read.
func quiet() (*logrus.Entry, *test.Hook) {
	logger, hook := test.NewNullLogger()
	logger.SetLevel(logrus.DebugLevel)
	return logrus.NewEntry(logger), hook
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	tcp := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	for _, test := range []struct {
		allow string
		peer  net.Addr
		want  bool
		shown string
	}{
		{"127.0.0.0/8", tcp("127.0.0.1:5"), true, "127.0.0.1"},
		{"127.0.0.0/8", tcp("127.255.0.9:5"), true, "127.255.0.9"},
		{"127.0.0.0/8", tcp("128.0.0.1:5"), false, "128.0.0.1"},
		{"10.1.2.3/32", tcp("10.1.2.3:5"), true, "10.1.2.3"},
		{"10.1.2.3/32", tcp("10.1.2.4:5"), false, "10.1.2.4"},
		{"::1/128", tcp("[::1]:5"), true, "::1"},
		{"::1/128", tcp("[::2]:5"), false, "::2"},
		{"fd00::/8", tcp("[fd00::7]:5"), true, "fd00::7"},
		{"fe80::/10", text("[fe80::7%eth0]:5"), true, "fe80::7"},
		{"127.0.0.0/8", text("[::ffff:127.0.0.1]:5"), true, "127.0.0.1"}, // IPv4 in IPv6 clothes
		{"127.0.0.0/8", text("[::ffff:10.0.0.1]:5"), false, "10.0.0.1"},
		{"::ffff:127.0.0.0/104", tcp("127.0.0.1:5"), true, "127.0.0.1"},
		{"::ffff:127.0.0.0/104", text("[::ffff:127.0.0.1]:5"), true, "127.0.0.1"},
		{"::ffff:127.0.0.0/104", tcp("126.0.0.1:5"), false, "126.0.0.1"},
		{"::/0", tcp("[fd00::7]:5"), true, "fd00::7"},
		{"::/0", tcp("127.0.0.1:5"), false, "127.0.0.1"}, // all of IPv6 is not all of IPv4
		{"0.0.0.0/0", tcp("127.0.0.1:5"), true, "127.0.0.1"},
		{"0.0.0.0/0", tcp("[::1]:5"), false, "::1"},
		{"127.0.0.0/8", text("127.0.0.1"), false, "127.0.0.1"}, // no port: not what a TCP peer looks like
		{"0.0.0.0/0", text("pipe"), false, "pipe"},
		{"", tcp("127.0.0.1:5"), false, "127.0.0.1"},
	} {
		s := &Server{Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), {}}}
		if test.allow != "" {
			s.Allow = append(s.Allow, netip.MustParsePrefix(test.allow))
		}
		if shown, got := s.allowed(test.peer); got != test.want || shown != test.shown {
			t.Errorf("allow %q: %v as %q, want %v as %q", test.allow, got, shown, test.want, test.shown)
		}
	}
	if _, got := new(Server).allowed(tcp("127.0.0.1:5")); got {
		t.Error("an empty list allows a peer")
	}
}

// serving runs a server on a listener until the test ends, and gives what ends it before, with Serve's error.
func serving(t *testing.T, s *Server, listener net.Listener) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return stop
}

// Over real sockets, IPv4 and IPv6: a peer on the list gets a session whose end is Handle's, one that is not gets the
// end of its connection and not a byte.
func TestServe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		network, address, allow string
		welcome                 bool
	}{
		{"tcp4", "127.0.0.1:0", "127.0.0.0/8", true},
		{"tcp4", "127.0.0.1:0", "10.0.0.0/8", false},
		{"tcp6", "[::1]:0", "::1/128", true},
		{"tcp6", "[::1]:0", "127.0.0.0/8", false},
		{"tcp", "[::ffff:127.0.0.1]:0", "127.0.0.0/8", true},
	} {
		t.Run(fmt.Sprint(test.address, " for ", test.allow), func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen(test.network, test.address)
			if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
				t.Skipf("no IPv6 on this machine: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			log, hook := quiet()
			handled := make(chan string, 1)
			stop := serving(t, &Server{Allow: []netip.Prefix{netip.MustParsePrefix(test.allow)}, Events: kinds, Log: log,
				Handle: func(_ context.Context, s *Session) {
					if _, err := next(t, s); err != nil {
						t.Error(err)
					}
					handled <- s.UUID()
				}}, listener)
			conn, err := net.Dial(test.network, listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			p := newPeer(t, conn)
			if test.welcome {
				p.greet()
				p.event("Event-Name: DTMF")
				if got := <-handled; got != ownUUID {
					t.Errorf("session of channel %q", got)
				}
			}
			p.ends()
			if err := stop(); err != nil {
				t.Error(err)
			}
			var messages []string
			for _, e := range hook.AllEntries() {
				messages = append(messages, e.Level.String()+": "+e.Message)
			}
			var want []string
			if !test.welcome {
				want = []string{"warning: peer refused: not in esl.allow"}
			}
			if diff := cmp.Diff(want, messages); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

// A connection that becomes no session is logged by what it tells whom: a wrong dialplan line is the operator's to mend,
// a port check is nobody's business. The next one is served.
func TestServeFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, hook := quiet()
		l := newLines()
		handled := 0
		stop := serving(t, welcoming(log, 0, func(_ context.Context, s *Session) {
			if _, err := next(t, s); err == nil {
				handled++
			}
		}), l)
		for _, script := range []func(p *peer){
			func(p *peer) { p.conn.Close() },
			func(p *peer) { p.expect("connect\n\n"); p.conn.Close() },
			func(p *peer) { p.expect("connect\n\n"); p.send("Content-Length: -1\n\n"); p.ends() },
			func(p *peer) { p.expect("connect\n\n"); p.send(connectReply("async", "single-channel")); p.ends() },
			func(p *peer) { p.expect("connect\n\n"); p.ends() }, // says nothing
			func(p *peer) { p.greet(); p.event("Event-Name: DTMF"); p.ends() },
		} {
			p, err := l.dial(t)
			if err != nil {
				t.Fatal(err)
			}
			script(p)
			synctest.Wait()
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		var got []string
		for _, e := range hook.AllEntries() {
			got = append(got, fmt.Sprintf("%s: %s: %v", e.Level, e.Message, e.Data["peer"]))
		}
		without := ": connection without a channel: 127.0.0.1:5555"
		if diff := cmp.Diff([]string{
			"debug" + without, "debug" + without, "warning" + without,
			"error: the switch's dialplan line is incomplete: 127.0.0.1:5555",
			"warning" + without,
		}, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		if handled != 1 {
			t.Errorf("%d sessions were handled, want 1", handled)
		}
	})
}

// When the service stops, new calls are turned away at once while those that live may end in their own time.
func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := quiet()
		l := newLines()
		const length, drain = 20 * time.Second, time.Minute
		ended := make(chan time.Time, 1)
		stop := serving(t, welcoming(log, drain, func(ctx context.Context, s *Session) {
			<-time.After(length)
			ended <- time.Now()
			if err := ctx.Err(); err != nil {
				t.Errorf("the call was cancelled: %v", context.Cause(ctx))
			}
		}), l)
		p, err := l.dial(t)
		if err != nil {
			t.Fatal(err)
		}
		p.greet()
		start := time.Now()
		var stopping sync.WaitGroup
		stopping.Go(func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := l.dial(t); !errors.Is(err, syscall.ECONNREFUSED) || len(ended) > 0 {
			t.Errorf("a new call while one lives: %v; %d calls ended", err, len(ended))
		}
		stopping.Wait()
		if took := (<-ended).Sub(start); took != length || time.Since(start) != length {
			t.Errorf("the call ended after %v, Serve after %v; want both after %v", took, time.Since(start), length)
		}
		p.ends()
	})
}

// A call that does not end in time ends with ErrDrain, one in its handshake too; Serve waits for both.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	for _, drain := range []time.Duration{0, time.Second} {
		t.Run(drain.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, hook := quiet()
				l := newLines()
				const goodbye = 3 * time.Second
				var cause error
				stop := serving(t, welcoming(log, drain, func(ctx context.Context, s *Session) {
					<-ctx.Done()
					cause = context.Cause(ctx)
					<-time.After(goodbye)
				}), l)
				p, err := l.dial(t)
				if err != nil {
					t.Fatal(err)
				}
				p.greet()
				early, err := l.dial(t)
				if err != nil {
					t.Fatal(err)
				}
				early.expect("connect\n\n")
				start := time.Now()
				if err := stop(); err != nil {
					t.Error(err)
				}
				if !errors.Is(cause, ErrDrain) || time.Since(start) != drain+goodbye {
					t.Errorf("cause %v, Serve ended after %v, want after %v", cause, time.Since(start), drain+goodbye)
				}
				p.ends()
				early.ends()
				entries := hook.AllEntries()
				if len(entries) != 1 || !errors.Is(entries[0].Data["err"].(error), ErrDrain) {
					t.Errorf("log %v; want the one in its handshake, with %v", entries, ErrDrain)
				}
			})
		})
	}
}

// Over real sockets the listener is closed before the live call ends: the switch is refused and tries its next host.
func TestDrainClosesTheListenerFirst(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log, _ := quiet()
	release := make(chan struct{})
	stop := serving(t, welcoming(log, time.Hour, func(_ context.Context, s *Session) {
		<-release
		if err := s.Send(mustAPI(t, "still", "here")); err != nil {
			t.Error(err)
		}
	}), listener)
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := newPeer(t, conn)
	p.greet()
	stopping := make(chan error, 1)
	go func() { stopping <- stop() }()
	for {
		other, err := net.Dial("tcp", listener.Addr().String())
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err == nil {
			other.Close() // the listener was still open
		} else if !errors.Is(err, syscall.ECONNRESET) { // it was being closed
			t.Fatal(err)
		}
	}
	select {
	case err := <-stopping:
		t.Errorf("Serve ended while a call lives: %v", err)
	default:
	}
	let()
	p.expect("api still here\n\n")
	if err := <-stopping; err != nil {
		t.Error(err)
	}
}

// A shortage passes, a broken listener ends Serve with the reason; neither is taken for a stop.
func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, hook := quiet()
		l := newLines()
		stop := serving(t, welcoming(log, 0, func(ctx context.Context, _ *Session) { <-ctx.Done() }), l)
		shortage := &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		for range 3 {
			l.arrivals <- shortage
		}
		p, err := l.dial(t)
		if err != nil {
			t.Fatal(err)
		}
		p.greet()
		if entries := hook.AllEntries(); len(entries) != 3 || entries[0].Message != "accept" {
			t.Errorf("log %v, want three shortages", entries)
		}
		broken := &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EINVAL)}
		l.arrivals <- broken
		<-l.closed
		if err := stop(); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Serve ended with %v, want %v", err, broken)
		}
	})
}

// A stop during a shortage is a stop.
func TestStopDuringShortage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := quiet()
		l := newLines()
		stop := serving(t, &Server{Log: log}, l)
		l.arrivals <- syscall.EMFILE
		start := time.Now()
		if err := stop(); err != nil || time.Since(start) != 0 {
			t.Errorf("Serve ended with %v after %v", err, time.Since(start))
		}
	})
}

// A call that the switch drops is one call: the others go on.
func TestServeManyAtOnce(t *testing.T) {
	t.Parallel()
	const many = 50
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log, _ := quiet()
	ends := make(chan error, many)
	stop := serving(t, welcoming(log, time.Hour, func(_ context.Context, s *Session) {
		_, err := rest(t, s, "Event-Name")
		ends <- err
	}), listener)
	var playing sync.WaitGroup
	for range many {
		playing.Go(func() {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			p := newPeer(t, conn)
			p.greet()
			p.event("Event-Name: CHANNEL_HANGUP_COMPLETE")
		})
	}
	playing.Wait()
	for range many {
		if err := <-ends; !errors.Is(err, io.EOF) {
			t.Errorf("a session ended with %v", err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
