package esl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/percipia/eslgo/command"
)

// Limits and times of a session.
const (
	connectTimeout = 5 * time.Second        // for the whole reply to connect
	writeTimeout   = 10 * time.Second       // for the switch to take a command
	byeTimeout     = time.Second            // for exit to be taken and the last frames to come
	settleTime     = 100 * time.Millisecond // after connect, before we may leave
	linger         = 5                      // seconds that the switch keeps the socket after the channel's end
	maxBacklog     = 20000                  // events that wait for the owner
	maxBacklogSize = 128 << 20              // bytes of them
	maxOutstanding = 10000                  // commands that wait for a reply
	readBuffer     = 2 << 10                // of each call for as long as it lives; an event's body is read past it
)

// Refused is the Event-Name of the event that stands for an execute which the switch answered with -ERR: it will never
// complete. It has Application, Application-UUID and Reply-Text, and is ours: the switch sends no such event.
const Refused = "FSPIVOT_REFUSED"

// Disconnected is the Event-Name of the event that stands for the switch's notice that the channel is gone. Nothing that
// was sent completes any more, though its last events may still come. It has no other header than Unique-ID.
const Disconnected = "FSPIVOT_DISCONNECTED"

// Reasons why a session ended, for errors.Is on Session.Next's error.
var (
	ErrClosed     = errors.New("esl: session closed by us")
	ErrBacklog    = fmt.Errorf("esl: over %d events or %d MB waiting", maxBacklog, maxBacklogSize>>20)
	ErrUnanswered = fmt.Errorf("esl: over %d commands without a reply", maxOutstanding)
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
	return fmt.Sprintf("esl: the dialplan's socket action lacks the word %s: "+
		"write <action application=\"socket\" data=\"host:port async full\"/>", strings.Join(missing, " and "))
}

// A Session is one channel's event socket. Send, Call, Exit and Close may be called from any goroutine; Next and Ready
// belong to the one that owns the call.
type Session struct {
	conn net.Conn
	in   *frameReader // the handshake's, then the reader's
	data *Event
	uuid string
	came time.Time // when the switch had answered to connect

	write sync.Mutex // held while commands take their places in waiting and are written, so that both have one order

	mu      sync.Mutex    // guards what follows
	waiting []waiter      // commands without a reply yet, oldest first
	backlog []*Event      // oldest first
	size    int           // of the backlog, in bytes
	leaving bool          // Exit was called: however the connection ends now, it was us
	reason  error         // why the session ends; no command is taken any more
	over    bool          // the reader has ended: no event comes any more
	ready   chan struct{} // capacity 1: set when backlog or over changed
	stopped chan struct{} // closed when the reader has ended
}

type waiter struct {
	command Command
	reply   chan<- string // capacity 1, or nil where nobody waits
}

// Connect makes a session of a connection that the switch has opened: it introduces itself, reads the channel's data,
// and subscribes to the named events of this channel alone. A *ModeError means that the dialplan line is wrong. The
// connection is closed when Connect fails, and belongs to the session otherwise. ctx is for the time of Connect only.
func Connect(ctx context.Context, conn net.Conn, events ...string) (*Session, error) {
	s := &Session{conn: conn, in: newFrameReader(conn), ready: make(chan struct{}, 1), stopped: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err := s.handshake(events)
	if !stop() {
		err = fmt.Errorf("esl: connect: %w", context.Cause(ctx))
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
		return fmt.Errorf("esl: connect: %w", err)
	}
	if _, err := s.conn.Write([]byte("connect\n\n")); err != nil {
		return fmt.Errorf("esl: connect: %w", err)
	}
	if err := s.introduce(); err != nil {
		return err
	}
	s.came = time.Now()
	if mode, control := s.data.Get("Socket-Mode"), s.data.Get("Control"); mode != "async" || control != "full" {
		s.settle()
		return &ModeError{Mode: mode, Control: control}
	}
	// The library's Linger builder multiplies its seconds by a billion, hence the plain text.
	setup := []Command{{wire: fmt.Sprintf("linger %d", linger)}}
	filter, err := Filter("Unique-ID", s.uuid)
	if err != nil {
		return err
	}
	filter.must = true // it keeps other calls' events out
	setup = append(setup, filter)
	if len(events) > 0 {
		subscribe, err := Subscribe(events...)
		if err != nil {
			return err
		}
		subscribe.must = true // a call without events never ends
		setup = append(setup, subscribe)
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("esl: connect: %w", err)
	}
	return s.Send(setup...)
}

// introduce reads the reply to connect: the channel's data.
func (s *Session) introduce() error {
	for {
		f, err := s.in.read()
		if err != nil {
			return fmt.Errorf("esl: connect: %w", err)
		}
		switch f.kind {
		case contentReply:
			s.data = &Event{head: bytes.Clone(f.head), body: f.body}
			if s.uuid = s.data.Get("Unique-ID"); s.uuid != "" {
				return nil
			}
			if text := s.data.Get("Reply-Text"); strings.HasPrefix(text, "-ERR") {
				return fmt.Errorf("esl: connect: the switch answered %q", clip([]byte(text)))
			}
			return fmt.Errorf("esl: connect: the reply %q names no channel", clip(f.head))
		case contentRude, contentDisconnect:
			return fmt.Errorf("esl: connect: %s: %q", f.kind, clip(f.body))
		}
	}
}

// Data is the channel as it was when it connected: profile headers, and variables as variable_<name>.
func (s *Session) Data() *Event { return s.data }

// UUID is the channel's.
func (s *Session) UUID() string { return s.uuid }

// Send writes commands, in one piece and in order, without waiting for replies. A refused execute comes back as a
// Refused event; other refusals concern nobody. The error is why the session is over. It waits for nothing but a switch
// that does not read, and for that not long.
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
	var wire []byte
	for _, c := range commands {
		wire = append(append(wire, c.wire...), "\n\n"...)
	}
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.expect(reply, commands); err != nil {
		return err
	}
	err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = s.conn.Write(wire)
	}
	if err != nil {
		// A part of a command may have gone out: nothing can follow it.
		return s.fail(fmt.Errorf("esl: write: %w", err))
	}
	return nil
}

// expect queues commands for their replies. A switch that answers none any more ends the session: a command that is
// silently lost is a call that never ends.
func (s *Session) expect(reply chan<- string, commands []Command) error {
	s.mu.Lock()
	reason, full := s.reason, len(s.waiting)+len(commands) > maxOutstanding
	if reason == nil && !full {
		for _, c := range commands {
			c.wire = "" // on its way
			s.waiting = append(s.waiting, waiter{command: c, reply: reply})
		}
	}
	s.mu.Unlock()
	if reason == nil && full {
		return s.fail(ErrUnanswered)
	}
	return reason
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
		s.size -= e.size()
		if len(s.backlog) == 0 {
			s.backlog = nil
		}
		return e, nil
	}
	if s.over {
		return nil, s.reason
	}
	return nil, nil
}

func (s *Session) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// Exit gives the channel back: with `exit` the dialplan goes on with its next action, or ends. It reads what still
// comes for a moment, closes the connection and waits for the reader.
func (s *Session) Exit() {
	s.settle()
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	bye := time.AfterFunc(byeTimeout, func() { _ = s.fail(ErrClosed) })
	defer bye.Stop()
	if s.Send(Command{wire: command.Exit{}.BuildMessage()}) == nil {
		<-s.stopped
	}
	s.Close()
}

// settle waits until the switch has surely parked the channel for us. Who leaves before that leaves the channel parked for
// ever: the switch wakes it when the socket goes, and then parks it. Source: FreeSWITCH 1.10.12 mod_event_socket
// socket_function; tried, with 1 of 2 calls stuck that were left at once.
func (s *Session) settle() {
	left := time.NewTimer(time.Until(s.came.Add(settleTime)))
	defer left.Stop()
	select {
	case <-left.C:
	case <-s.stopped: // by the switch
	}
}

// Close drops the connection and waits for the reader. The channel lives on without us, as after Exit.
func (s *Session) Close() {
	_ = s.fail(ErrClosed)
	<-s.stopped
}

// fail ends the session for a reason, unless it has one, and gives the one that counts. The reader ends with the
// connection.
func (s *Session) fail(reason error) error {
	s.mu.Lock()
	if s.reason == nil {
		if s.leaving {
			reason = ErrClosed
		}
		s.reason = reason
	}
	reason = s.reason
	s.mu.Unlock()
	_ = s.conn.Close()
	return reason
}

func (s *Session) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// read is the reader goroutine. It never waits for anybody but the switch.
func (s *Session) read() {
	_ = s.fail(s.receive())
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.wake()
	close(s.stopped)
}

func (s *Session) receive() error {
	told := false // that the channel is gone
	for {
		f, err := s.in.read()
		if err != nil {
			return fmt.Errorf("esl: read: %w", err)
		}
		switch f.kind {
		case contentEvent:
			err = s.deliver(newEvent(f.body))
		case contentReply:
			text, _ := f.head.raw("Reply-Text") // not percent-encoded, except in the reply to connect
			err = s.answer(string(text))
		case contentAPI:
			err = s.answer(string(f.body))
		case contentDisconnect, contentRude:
			// With linger the last events may still come behind the notice, without it the switch closes next; and should
			// it do neither, the session ends all the same.
			if told {
				break
			}
			told = true
			_ = s.conn.SetReadDeadline(time.Now().Add((linger + 2) * time.Second))
			err = s.deliver(&Event{head: fmt.Appendf(nil, "Event-Name: %s\nUnique-ID: %s\n", Disconnected, url.PathEscape(s.uuid))})
		default:
			// A kind that this version does not know: its length was read, so the stream goes on behind it.
		}
		if err != nil {
			return err
		}
	}
}

func (s *Session) deliver(e *Event) error {
	s.mu.Lock()
	full := len(s.backlog) >= maxBacklog || s.size+e.size() > maxBacklogSize
	if !full {
		s.backlog = append(s.backlog, e)
		s.size += e.size()
	}
	s.mu.Unlock()
	if full {
		return ErrBacklog
	}
	s.wake()
	return nil
}

// answer gives a reply to the oldest command that waits for one. The switch answers in order and every command once.
func (s *Session) answer(text string) error {
	s.mu.Lock()
	if len(s.waiting) == 0 {
		s.mu.Unlock()
		return nil
	}
	w := s.waiting[0]
	s.waiting[0] = waiter{}
	s.waiting = s.waiting[1:]
	if len(s.waiting) == 0 {
		s.waiting = nil
	}
	s.mu.Unlock()
	if w.reply != nil {
		w.reply <- text
	}
	if !strings.HasPrefix(text, "-ERR") {
		return nil
	}
	text = strings.TrimSpace(text)
	switch c := w.command; {
	case c.must:
		return fmt.Errorf("esl: the switch refused this channel's events: %q", text)
	case c.uuid != "":
		return s.deliver(refused(s.uuid, c, text))
	}
	return nil
}

// refused makes the event that stands for an execute which will never complete.
func refused(channel string, c Command, text string) *Event {
	const lines = "Event-Name: %s\nUnique-ID: %s\nApplication: %s\nApplication-UUID: %s\nReply-Text: %s\n"
	return &Event{head: fmt.Appendf(nil, lines,
		Refused, url.PathEscape(channel), url.PathEscape(c.app), url.PathEscape(c.uuid), url.PathEscape(text))}
}
