package dialplan_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
	"fspivot/esl"
	"fspivot/timeline"
)

// peer is the switch's side of a socket, and does only what a test says: for what the simulated switch does not do.
type peer struct {
	*dialplan.Channel
	conn  net.Conn
	data  string                      // reply to connect; "": that of a channel which rings
	reply func(command string) string // to each command; nil: +OK
	mute  bool                        // questions are taken and not answered

	mu   sync.Mutex
	sent []command
}

// command is what our side sent: an application with its uuid, or another line.
type command struct{ line, uuid string }

const peerUUID = "00000000-0000-4000-8000-00000000000a"

// onPeer runs a test in virtual time, with a channel that has just connected to a peer.
func onPeer(t *testing.T, test func(t *testing.T, p *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		p := &peer{conn: there}
		read := make(chan struct{})
		go func() {
			defer close(read)
			p.read()
		}()
		session, err := esl.Connect(t.Context(), here, dialplan.Events...)
		if err != nil {
			t.Fatal(err)
		}
		p.Channel = dialplan.NewChannel(session, timeline.New())
		synctest.Wait() // until everything of connecting was answered
		test(t, p)
		session.Close()
		_ = p.conn.Close()
		<-read
	})
}

func (p *peer) read() {
	in := bufio.NewReader(p.conn)
	for {
		var head []string
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line = strings.TrimRight(line, "\r\n"); line == "" {
				break
			}
			head = append(head, line)
		}
		header := func(name string) string {
			for _, line := range head {
				if value, ok := strings.CutPrefix(strings.ToLower(line), name+": "); ok {
					return line[len(line)-len(value):]
				}
			}
			return ""
		}
		length, _ := strconv.Atoi(header("content-length"))
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		if length > 0 {
			_, _ = in.Discard(2)
		}
		c := command{line: head[0], uuid: header("event-uuid")}
		if app := header("execute-app-name"); app != "" {
			c.line = strings.TrimSpace(app + " " + string(body))
		}
		p.mu.Lock()
		p.sent = append(p.sent, c)
		p.mu.Unlock()
		answer := "Content-Type: command/reply\nReply-Text: +OK\n\n"
		switch {
		case c.line == "connect" && p.data != "":
			answer = p.data
		case c.line == "connect":
			answer = "Event-Name: CHANNEL_DATA\nEvent-Sequence: 100\nUnique-ID: " + peerUUID +
				"\nAnswer-State: ringing\n" +
				"Content-Type: command/reply\nReply-Text: +OK\nSocket-Mode: async\nControl: full\n\n"
		case strings.HasPrefix(c.line, "api ") && p.mute:
			continue
		case strings.HasPrefix(c.line, "api "):
			answer = "Content-Type: api/response\nContent-Length: 3\n\n+OK"
		case p.reply != nil:
			answer = "Content-Type: command/reply\nReply-Text: " + p.reply(c.line) + "\n\n"
		}
		if _, err := p.conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}

// event sends an event of the call.
func (p *peer) event(name string, headers ...string) {
	body := "Event-Name: " + name + "\nUnique-ID: " + peerUUID + "\n" + strings.Join(headers, "\n") + "\n\n"
	_, _ = fmt.Fprintf(p.conn, "Content-Length: %d\nContent-Type: text/event-plain\n\n%s", len(body), body)
}

// completes sends the completion of an application that was sent.
func (p *peer) completes(line string, headers ...string) {
	app, _, _ := strings.Cut(line, " ")
	p.event("CHANNEL_EXECUTE_COMPLETE", append(headers, "Application: "+app, "Application-UUID: "+p.uuid(line),
		"Application-Response: _none_")...)
}

// uuid is the last one with which an application was sent.
func (p *peer) uuid(line string) string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	id := ""
	for _, c := range p.sent {
		if c.line == line {
			id = c.uuid
		}
	}
	return id
}

// lines are the commands that were sent, but for those of connecting.
func (p *peer) lines() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, c := range p.sent[4:] {
		list = append(list, c.line)
	}
	return list
}

// TestBreakWhileAnswering breaks while the answer is under way: it comes late, and counts.
func TestBreakWhileAnswering(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		p.Queue(dialplan.Answer{}, quiet(time.Minute))
		answer := p.uuid("answer")
		p.Break()
		if p.Answered() {
			t.Error("an answer that may have been dropped counts")
		}
		p.Queue(dialplan.Answer{})
		p.event("CHANNEL_EXECUTE_COMPLETE", "Application: answer", "Application-UUID: "+answer,
			"Answer-State: answered")
		if p.ForgetDigits(); !p.Answered() {
			t.Error("the call was answered, and does not count as")
		}
		p.Break() // drops the second answer, which was none
		if !p.Answered() {
			t.Error("the call is not answered any more")
		}
		want := []string{
			"answer", "set playback_terminators=none", "playback silence_stream://60000", "api uuid_break " + peerUUID +
				" all", "answer",
			"api uuid_break " + peerUUID + " all",
		}
		if diff := cmp.Diff(want, p.lines()); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
	})
}

// TestSomebodyElsesBreak has the switch go on behind what somebody dropped: that is dropped for us as well.
func TestSomebodyElsesBreak(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		p.Queue(quiet(time.Second), dialplan.Playback{File: dialplan.Silence(2 * time.Second), Stop: "1"},
			quiet(3*time.Second))
		p.completes("playback silence_stream://1000")
		p.completes("playback silence_stream://3000", "variable_playback_terminators: none")
		if err := p.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		p.Queue(quiet(4 * time.Second)) // its setting was seen to run
		p.Queue(dialplan.Playback{File: dialplan.Silence(5 * time.Second), Stop: "1"})
		want := []string{
			"set playback_terminators=none", "playback silence_stream://1000", "set playback_terminators=1",
			"playback silence_stream://2000", "set playback_terminators=none", "playback silence_stream://3000",
			"set playback_terminators=none", "playback silence_stream://4000", "set playback_terminators=1",
			"playback silence_stream://5000",
		}
		if diff := cmp.Diff(want, p.lines()); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
	})
}

// TestOthersEvents are not ours: of applications that we did not start, of other channels, and from before our time.
func TestOthersEvents(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		p.event("CHANNEL_EXECUTE_COMPLETE", "Event-Sequence: 99", "Application: socket",
			"Application-UUID: x") // of the process before us
		p.event("DTMF", "Event-Sequence: 98", "DTMF-Digit: 1")
		p.event("DTMF", "Event-Sequence: 101", "DTMF-Digit: 2")
		p.event("DTMF", "DTMF-Digit: x")
		p.event("DTMF", "DTMF-Digit: 34")
		p.event("DTMF", "DTMF-Digit: d")
		p.event("CHANNEL_EXECUTE_COMPLETE", "Application: playback",
			"Application-UUID: 00000000-0000-4000-8000-000000000009")
		body := "Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: 00000000-0000-4000-8000-00000000000b\n" +
			"Hangup-Cause: USER_BUSY\n\n"
		_, _ = fmt.Fprintf(p.conn, "Content-Length: %d\nContent-Type: text/event-plain\n\n%s", len(body), body)
		p.Queue(dialplan.Mark{})
		synctest.Wait()
		if got := p.TakeDigits(); got != "2D" || p.Gone() {
			t.Errorf("keys %q, end %+v", got, p.End())
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("still waiting"))
		defer cancel()
		if err := p.Drain(ctx); err == nil || errors.Is(err, dialplan.ErrGone) {
			t.Errorf("our application ended with another's: %v", err)
		}
	})
}

// TestRefused is a command that the switch does not take: it completes at once, and what is before it goes on.
func TestRefused(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		p.reply = func(line string) string {
			if strings.HasPrefix(line, "set_mute") {
				return "-ERR no"
			}
			return "+OK"
		}
		p.Queue(quiet(time.Second))
		done, err := p.Do(t.Context(), dialplan.MuteWrite{})
		if err != nil || !done.Dropped || done.Application != "set_mute" {
			t.Errorf("refused: %+v, %v", done, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("what was before it does not count any more: %v", err)
		}
		p.completes("playback silence_stream://1000")
		if err := p.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRefusedWindow has every command of a full window refused: what waits behind it follows.
func TestRefusedWindow(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		p.reply = func(string) string { return "-ERR no" }
		for range 100 {
			p.Queue(dialplan.Mark{})
		}
		if err := p.Drain(t.Context()); err != nil || len(p.lines()) != 100 {
			t.Errorf("%d were sent: %v", len(p.lines()), err)
		}
	})
}

// TestNothingFollowsACallThatLeft has what ran end, and then the socket: what waited here is not sent any more.
func TestNothingFollowsACallThatLeft(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		for range 100 {
			p.Queue(dialplan.Mark{})
		}
		sent := len(p.lines())
		p.event("CHANNEL_EXECUTE_COMPLETE", "Application: eval", "Application-UUID: "+p.uuid("eval fspivot"))
		p.event("CHANNEL_EXECUTE_COMPLETE", "Application: socket")
		synctest.Wait()
		if err := p.Drain(t.Context()); !errors.Is(err, dialplan.ErrGone) || p.End().How != dialplan.Left {
			t.Errorf("drain: %v, end %+v", err, p.End())
		}
		if after := p.lines()[sent:]; sent != 32 || len(after) > 0 {
			t.Errorf("%d were sent ahead, then %q", sent, after)
		}
	})
}

func TestFinish(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		events func(p *peer)
		want   dialplan.End // but for Event and Err
		event  bool
		broken bool
		took   time.Duration
	}{
		{"complete", func(p *peer) {
			p.completes("eval fspivot", "Hangup-Cause: USER_BUSY")
			p.event("CHANNEL_EXECUTE_COMPLETE", "Application: socket", "Hangup-Cause: USER_BUSY")
			p.event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: USER_BUSY")
		}, dialplan.End{How: dialplan.HungUp, Cause: dialplan.UserBusy}, true, false, 0},
		{"nothing ran", func(p *peer) {
			p.event("CHANNEL_EXECUTE_COMPLETE", "Application: socket", "Hangup-Cause: USER_BUSY")
			p.event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: USER_BUSY")
		}, dialplan.End{How: dialplan.HungUp, Cause: dialplan.UserBusy}, true, false, 0},
		{"the last event is late", func(p *peer) {
			p.event("CHANNEL_EXECUTE_COMPLETE", "Application: socket", "Hangup-Cause: USER_BUSY")
			time.AfterFunc(time.Second, func() { p.event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: USER_BUSY") })
		}, dialplan.End{How: dialplan.HungUp, Cause: dialplan.UserBusy}, true, false, time.Second},
		{"the last event never comes", func(p *peer) {
			p.event("CHANNEL_EXECUTE_COMPLETE", "Application: socket", "Hangup-Cause: USER_BUSY")
		}, dialplan.End{How: dialplan.HungUp, Cause: dialplan.UserBusy}, false, false, 2 * time.Second},
		{"the socket closes without it", func(p *peer) {
			p.event("CHANNEL_EXECUTE_COMPLETE", "Application: socket", "Hangup-Cause: USER_BUSY")
			time.AfterFunc(time.Second, func() { _ = p.conn.Close() })
		}, dialplan.End{How: dialplan.HungUp, Cause: dialplan.UserBusy}, false, true, time.Second},
		{"it left", func(p *peer) {
			p.event("CHANNEL_EXECUTE_COMPLETE", "Application: socket")
			p.event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: USER_BUSY")
		}, dialplan.End{How: dialplan.Left}, false, false, 0},
		{"the socket broke", func(p *peer) { _ = p.conn.Close() }, dialplan.End{How: dialplan.Lost}, false, true, 0},
		{"it still is ours", func(p *peer) { p.completes("eval fspivot") }, dialplan.End{}, false, false,
			2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onPeer(t, func(t *testing.T, p *peer) {
				p.Queue(dialplan.Mark{})
				synctest.Wait()
				c.events(p)
				began := time.Now()
				if err := p.Drain(t.Context()); (err == nil) != (c.want == dialplan.End{}) || err != nil &&
					!errors.Is(err, dialplan.ErrGone) {
					t.Errorf("drain: %v", err)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("what was pending took %v to end", took)
				}
				end := p.Finish(t.Context())
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				if (end.Event != nil) != c.event || (end.Err != nil) != c.broken {
					t.Errorf("last event %v, error %v", end.Event, end.Err)
				}
				if end.Event, end.Err = nil, nil; end != c.want {
					t.Errorf("end is %+v, want %+v", end, c.want)
				}
			})
		})
	}
}

// TestAnswerByOthers is a channel that is answered by what runs, while its legs are watched.
func TestAnswerByOthers(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		p.Watch()
		p.event("CHANNEL_ANSWER")
		if p.ForgetDigits(); !p.Answered() {
			t.Error("not answered")
		}
		p.Queue(dialplan.Answer{})
		if diff := cmp.Diff([]string{"event plain CHANNEL_ANSWER CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA"},
			p.lines()); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
	})
}

// TestSilentSwitch is one that takes a question and does not answer: nobody waits for it long.
func TestSilentSwitch(t *testing.T) {
	t.Parallel()
	onPeer(t, func(t *testing.T, p *peer) {
		p.mute = true
		began := time.Now()
		has, err := p.HasModule(t.Context(), "mod_flite")
		if took := time.Since(began); has || err == nil || errors.Is(err, dialplan.ErrGone) || took != 2*time.Second {
			t.Errorf("after %v: %t, %v", took, has, err)
		}
	})
}
