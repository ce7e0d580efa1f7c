package esl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/percipia/eslgo/command"
)

// Limits and times of a session.
const (
	connectTimeout = 5 * time.Second  // for the reply to connect
	writeTimeout   = 10 * time.Second // for the switch to take a command
	byeTimeout     = time.Second      // for the last frames after exit
	linger         = 5                // seconds that the switch keeps the socket after the channel's end
	maxBacklog     = 20000            // events that wait for the owner
	maxOutstanding = 10000            // commands that wait for a reply
	readBuffer     = 4 << 10
)

// Refused is the Event-Name of the event that stands for an execute which the switch answered with -ERR: it will never
// complete. It has Application, Application-UUID and Reply-Text, and is ours: the switch sends no such event.
const Refused = "FSPIVOT_REFUSED"

// Reasons why a session ended, for errors.Is on Session.Next's error.
var (
	ErrClosed  = errors.New("esl: session closed by us")
	ErrBacklog = fmt.Errorf("esl: over %d events waiting", maxBacklog)
)

// A ModeError tells what the dialplan's socket action lacks. Source: docs/reference/esl.md, Frames.
type ModeError struct{ Mode, Control string }

func (e *ModeError) Error() string {
	var missing []string
	if e.Mode != "async" {
		missing = append(missing, "async")
	}
	if e.Control != "full" {
		missing = append(missing, "full")
	}
	return fmt.Sprintf("esl: the dialplan's socket action lacks the word %s: write <action application=\"socket\" data=\"host:port async full\"/>",
		strings.Join(missing, " and "))
}

// A Session is one channel's event socket. Send, Call and Exit may be called from any goroutine; Next and Ready belong
// to the one that owns the call.
type Session struct {
	conn net.Conn
	in   *bufio.Reader
	data *Event
	uuid string

	write   sync.Mutex // held while a command is written and its place in waiting taken, so that both have one order
	waiting []waiter   // commands without a reply yet, oldest first; guarded by mu

	mu      sync.Mutex
	backlog []*Event
	end     error
	ready   chan struct{} // capacity 1: set when backlog or end changed
	stopped chan struct{} // closed when the reader has ended
}

type waiter struct {
	command Command
	reply   chan<- string // capacity 1, or nil where nobody waits
}

// Connect makes a session of a connection that the switch has opened: it introduces itself, reads the channel's data,
// and subscribes to the named events of this channel alone. A *ModeError means that the dialplan line is wrong. The
// connection is closed when Connect fails, and belongs to the session otherwise.
func Connect(ctx context.Context, conn net.Conn, events ...string) (*Session, error) {
	s := &Session{conn: conn, in: bufio.NewReaderSize(conn, readBuffer), ready: make(chan struct{}, 1), stopped: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := s.handshake(events)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	go s.read()
	return s, nil
}

func (s *Session) handshake(events []string) error {
	if err := s.conn.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return err
	}
	if err := s.put("connect"); err != nil {
		return fmt.Errorf("esl: connect: %w", err)
	}
	f, err := readFrame(s.in)
	if err != nil {
		return fmt.Errorf("esl: connect: %w", err)
	}
	s.data = &Event{head: f.head, body: f.body}
	s.uuid = s.data.Get("Unique-ID")
	if s.uuid == "" {
		s.uuid = s.data.Get("Channel-Call-UUID")
	}
	if s.uuid == "" {
		return fmt.Errorf("esl: connect: the reply %q names no channel", clip(f.head))
	}
	if mode, control := s.data.Get("Socket-Mode"), s.data.Get("Control"); mode != "async" || control != "full" {
		return &ModeError{Mode: mode, Control: control}
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	filter, err := Filter("Unique-ID", s.uuid)
	if err != nil {
		return err
	}
	subscribe, err := Subscribe(events...)
	if err != nil {
		return err
	}
	// The library's Linger builder multiplies its seconds by a billion, hence the plain text.
	return s.Send(Command{wire: fmt.Sprintf("linger %d", linger)}, filter, subscribe)
}

// Data is the channel as it was when it connected: profile headers, and variables as variable_<name>.
func (s *Session) Data() *Event { return s.data }

// UUID is the channel's.
func (s *Session) UUID() string { return s.uuid }

// Send writes commands, in one piece and in order, without waiting for replies. A refused execute comes back as a
// Refused event; other refusals concern nobody. The error is of the connection: the session is over.
func (s *Session) Send(commands ...Command) error {
	return s.send(nil, commands...)
}

// Call runs an API command and waits for its answer, "-ERR …" included.
func (s *Session) Call(ctx context.Context, name, arguments string) (string, error) {
	c, err := API(name, arguments)
	if err != nil {
		return "", err
	}
	reply := make(chan string, 1)
	if err := s.send(reply, c); err != nil {
		return "", err
	}
	select {
	case answer := <-reply:
		return answer, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-s.stopped:
		select {
		case answer := <-reply:
			return answer, nil
		default:
			return "", fmt.Errorf("esl: api %s: %w", name, s.ended())
		}
	}
}

func (s *Session) send(reply chan<- string, commands ...Command) error {
	if len(commands) == 0 {
		return nil
	}
	var wire strings.Builder
	for i, c := range commands {
		if i > 0 {
			wire.WriteString("\n\n")
		}
		wire.WriteString(c.wire)
	}
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	err := s.end
	if err == nil && len(s.waiting)+len(commands) > maxOutstanding {
		err = fmt.Errorf("esl: over %d commands without a reply", maxOutstanding)
	}
	if err == nil {
		for _, c := range commands {
			s.waiting = append(s.waiting, waiter{command: c, reply: reply})
		}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := s.put(wire.String()); err != nil {
		// The reader sees the broken connection as well; ending it here makes sure that it does.
		_ = s.conn.Close()
		return fmt.Errorf("esl: write: %w", err)
	}
	return nil
}

func (s *Session) put(message string) error {
	_, err := s.conn.Write([]byte(message + "\n\n"))
	return err
}

// Ready tells that Next has something: wait on it, then call Next until it has nothing.
func (s *Session) Ready() <-chan struct{} { return s.ready }

// Next gives the oldest event that was not yet taken; nil and no error when there is none now. After the last event of
// a session that ended it gives the reason.
func (s *Session) Next() (*Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.backlog) > 0 {
		e := s.backlog[0]
		s.backlog[0] = nil
		s.backlog = s.backlog[1:]
		if len(s.backlog) == 0 {
			s.backlog = nil
		}
		return e, nil
	}
	return nil, s.end
}

func (s *Session) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

// Exit gives the channel back: with `exit` the dialplan goes on with its next action, or ends. It reads what still
// comes for a moment, closes the connection and waits for the reader.
func (s *Session) Exit() {
	if s.Send(Command{wire: command.Exit{}.BuildMessage()}) == nil {
		_ = s.conn.SetReadDeadline(time.Now().Add(byeTimeout))
		<-s.stopped
	}
	s.Close()
}

// Close drops the connection and waits for the reader. The channel lives on without us, as after Exit.
func (s *Session) Close() {
	s.finish(ErrClosed)
	_ = s.conn.Close()
	<-s.stopped
}

func (s *Session) finish(reason error) {
	s.mu.Lock()
	if s.end == nil {
		s.end = reason
	}
	s.mu.Unlock()
	s.wake()
}

func (s *Session) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// read is the reader goroutine. It never waits for anybody but the switch.
func (s *Session) read() {
	defer close(s.stopped)
	for {
		f, err := readFrame(s.in)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				err = ErrClosed
			}
			s.finish(fmt.Errorf("esl: read: %w", err))
			return
		}
		switch f.contentType() {
		case contentEvent:
			if !s.deliver(newEvent(f.body)) {
				s.finish(ErrBacklog)
				return
			}
		case contentReply:
			s.answer(f.head.get("Reply-Text"))
		case contentAPI:
			s.answer(string(f.body))
		case contentDisconnect, contentRude:
			// With linger the last events may still come behind the notice; without it the switch closes next.
		default:
			// A kind that this version does not know: its length was read, so the stream goes on behind it.
		}
	}
}

func (s *Session) deliver(e *Event) bool {
	s.mu.Lock()
	full := len(s.backlog) >= maxBacklog
	if !full {
		s.backlog = append(s.backlog, e)
	}
	s.mu.Unlock()
	s.wake()
	return !full
}

// answer gives a reply to the oldest command that waits for one. The switch answers in order and every command once.
func (s *Session) answer(text string) {
	s.mu.Lock()
	if len(s.waiting) == 0 {
		s.mu.Unlock()
		return
	}
	w := s.waiting[0]
	s.waiting = s.waiting[1:]
	if len(s.waiting) == 0 {
		s.waiting = nil
	}
	s.mu.Unlock()
	if w.reply != nil {
		w.reply <- text
	}
	if w.command.uuid != "" && strings.HasPrefix(text, "-ERR") {
		s.deliver(&Event{head: headers(fmt.Sprintf("Event-Name: %s\nUnique-ID: %s\nApplication: %s\nApplication-UUID: %s\nReply-Text: %s\n",
			Refused, s.uuid, w.command.app, w.command.uuid, strings.TrimSpace(text)))})
	}
}
