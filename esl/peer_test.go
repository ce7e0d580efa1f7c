package esl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// peer is the switch's side of one event socket, played by a test. Its methods may be called from any goroutine; what
// goes wrong fails the test and closes the connection, so that nobody waits for it.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	return &peer{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (p *peer) errorf(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf(format, args...)
	p.conn.Close()
}

// send writes bytes of the switch.
func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.errorf("switch sends %.60q: %v", text, err)
	}
}

// expect reads exactly what the service is to say.
func (p *peer) expect(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.in, got)
	if string(got[:n]) != want {
		p.errorf("service sent %q, want %q (%v)", got[:n], want, err)
	}
}

// ends reads what is left and wants the connection to end.
func (p *peer) ends() {
	p.t.Helper()
	rest, err := io.ReadAll(p.in)
	if len(rest) > 0 || err != nil && !errors.Is(err, io.ErrClosedPipe) {
		p.errorf("the connection ended with %q, %v; want its end", rest, err)
	}
}

// discard reads and forgets what the service sends from now on.
func (p *peer) discard() { _, _ = io.Copy(io.Discard, p.in) }

// sent is a command as the switch reads it.
type sent struct {
	Line    string
	Headers map[string]string // names in lower case
	Body    string
}

// readSent reads a command as mod_event_socket's read_packet does: blank lines are skipped, lines end in \n or \r\n,
// content-length bytes of body follow the blank line.
func readSent(in *bufio.Reader) (sent, error) {
	var c sent
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return sent{}, err
		}
		line := strings.TrimRight(text, "\r\n")
		switch {
		case line == "" && c.Line == "":
		case line == "":
			n, _ := strconv.Atoi(c.Headers["content-length"])
			body := make([]byte, n)
			_, err := io.ReadFull(in, body)
			c.Body = string(body)
			return c, err
		case c.Line == "":
			c.Line, c.Headers = strings.TrimSpace(line), map[string]string{}
		default:
			name, value, _ := strings.Cut(line, ":")
			c.Headers[strings.ToLower(name)] = strings.TrimLeft(value, " ")
		}
	}
}

// command reads the service's next command.
func (p *peer) command() sent {
	p.t.Helper()
	c, err := readSent(p.in)
	if err != nil {
		p.errorf("reading a command: %v", err)
	}
	return c
}

func (p *peer) reply(text string) {
	p.t.Helper()
	p.send("Content-Type: command/reply\nReply-Text: " + text + "\n\n")
}

func (p *peer) api(text string) {
	p.t.Helper()
	p.send(fmt.Sprintf("Content-Type: api/response\nContent-Length: %d\n\n%s", len(text), text))
}

// notice says that the connection ends: with linger after a while, with disconnect now.
func (p *peer) notice(disposition string) {
	p.t.Helper()
	p.send("Content-Type: text/disconnect-notice\nControlled-Session-UUID: " + ownUUID + "\n" +
		"Content-Disposition: " + disposition + "\nContent-Length: 7\n\ngoodbye")
}

func (p *peer) event(lines ...string) {
	p.t.Helper()
	p.send(eventFrame(lines...))
}

// eventFrame is a text/event-plain frame of header lines.
func eventFrame(lines ...string) string {
	body := strings.Join(lines, "\n") + "\n\n"
	return fmt.Sprintf("Content-Length: %d\nContent-Type: text/event-plain\n\n%s", len(body), body)
}

const (
	ownUUID = "cf74fdb1-0aa5-4ad0-9583-d0d6fd53e57c"
	setup   = "linger 5\n\nfilter Unique-ID " + ownUUID + "\n\nevent plain DTMF CHANNEL_HANGUP_COMPLETE\n\n"
)

var kinds = []string{"DTMF", "CHANNEL_HANGUP_COMPLETE"} // that the sessions of tests subscribe to

func connectReply(mode, control string) string {
	return "Event-Name: CHANNEL_DATA\nUnique-ID: " + ownUUID + "\n" +
		"Caller-Caller-ID-Name: Alice%20%22A%22\nvariable_empty: \n" +
		"Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: " + mode + "\nControl: " + control + "\n\n"
}

// greet plays the switch's part of a handshake that goes well.
func (p *peer) greet() {
	p.t.Helper()
	p.expect("connect\n\n")
	p.send(connectReply("async", "full"))
	p.expect(setup)
	p.reply("+OK will linger 5 seconds")
	p.reply("+OK filter added. [Unique-ID]=[" + ownUUID + "]")
	p.reply("+OK event listener enabled plain")
}

// meet connects a session over conn with a peer on the other end. Both are closed when the test ends.
func meet(t testing.TB, conn, other net.Conn) (*Session, *peer) {
	t.Helper()
	p := newPeer(t, other)
	var greeting sync.WaitGroup
	greeting.Go(p.greet)
	s, err := Connect(t.Context(), conn, kinds...)
	if err != nil {
		other.Close()
		greeting.Wait()
		t.Fatal(err)
	}
	greeting.Wait()
	t.Cleanup(func() { other.Close(); s.Close() })
	return s, p
}

// piped is meet over an in-memory connection, where a write ends when the other side has read it.
func piped(t testing.TB) (*Session, *peer) {
	t.Helper()
	here, there := net.Pipe()
	return meet(t, here, there)
}

// overTCP is meet over loopback TCP.
func overTCP(t testing.TB) (*Session, *peer) {
	t.Helper()
	here, there := loopback(t)
	return meet(t, here, there)
}

// loopback gives both ends of a TCP connection.
func loopback(t testing.TB) (here, there *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		conn.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); accepted.Close() })
	return accepted.(*net.TCPConn), conn.(*net.TCPConn)
}

// next waits for the session's next event or its end.
func next(t testing.TB, s *Session) (*Event, error) {
	t.Helper()
	for {
		e, err := s.Next()
		if e != nil || err != nil {
			return e, err
		}
		select {
		case <-s.Ready():
		case <-t.Context().Done():
			t.Fatal("no event")
		}
	}
}

// rest gives one header of each event that still comes, and the session's end.
func rest(t testing.TB, s *Session, header string) ([]string, error) {
	t.Helper()
	var all []string
	for {
		e, err := next(t, s)
		if err != nil {
			return all, err
		}
		all = append(all, e.Get(header))
	}
}

// trickle sends text ten times a second until the connection ends.
func trickle(p *peer, text string) {
	tick := time.NewTicker(time.Second / 10)
	defer tick.Stop()
	ended := make(chan struct{})
	go func() {
		p.discard()
		close(ended)
	}()
	for {
		select {
		case <-tick.C:
			_, _ = io.WriteString(p.conn, text)
		case <-ended:
			return
		}
	}
}

func mustAPI(t testing.TB, name, arguments string) Command {
	t.Helper()
	c, err := API(name, arguments)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustExecute(t testing.TB, app, argument, uuid string) Command {
	t.Helper()
	c, err := Execute(app, argument, uuid)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
