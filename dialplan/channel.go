package dialplan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"fspivot/esl"
	"fspivot/timeline"
)

// Events are the kinds of events that a Channel needs from the start. Each of them carries every channel variable, so
// none is asked for without use; a bridge adds to them while it lasts.
var Events = []string{"CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP_COMPLETE", "DTMF"}

// answerTime is how long a question to the switch may take, for which the caller waits.
const answerTime = 2 * time.Second

// window is how many applications are at the switch ahead of the one that runs. More wait here.
const window = 32

// ErrGone says that the channel is not ours any more; Channel.End tells why.
var ErrGone = errors.New("dialplan: the channel is gone")

// How a channel ended.
const (
	HungUp = "hung up" // by either side; Cause tells
	Left   = "left"    // somebody took it away: a transfer, a pickup. It lives on without us
	Lost   = "lost"    // the event socket broke: it lives on in the switch's hands
)

// End is how the channel went. The zero value: it has not.
type End struct {
	How   string
	Cause Cause      // of HungUp
	Event *esl.Event // CHANNEL_HANGUP_COMPLETE with the billing variables, when it was seen
	Err   error      // why the event socket broke: of Lost, and of HungUp without Event
}

// Channel is a live call on the switch. It belongs to one goroutine, which every method but UUID must be called from:
// events are read by that goroutine, whenever it waits in one of the methods, in the order of the socket.
type Channel struct {
	session  *esl.Session
	timeline *timeline.Timeline
	began    int64 // Event-Sequence of the connect reply: what is below happened before us

	pending []*execution // at the switch, oldest first
	unsent  []*execution
	known   map[string]string // channel variables as the last setting of ours left them, or uncertain
	modules map[string]bool   // module_exists, asked once

	answered  bool
	answering bool // an Answer is queued
	keys      []rune
	legs      map[string]*Leg
	end       End
}

// execution is an application on its way.
type execution struct {
	uuid string
	app  Application
	sent time.Time
	done *Completion
	ours bool // a setting that the channel added: nobody asks for its result
}

// NewChannel makes a channel of a session. Records of everything sent and heard go to t, which may be nil.
func NewChannel(s *esl.Session, t *timeline.Timeline) *Channel {
	return &Channel{
		session:  s,
		timeline: t,
		began:    s.Data().Number("Event-Sequence"),
		known:    map[string]string{},
		modules:  map[string]bool{},
		answered: s.Data().Get("Answer-State") == "answered",
		legs:     map[string]*Leg{},
	}
}

// UUID is the channel's, which is also the call's id everywhere.
func (c *Channel) UUID() string { return c.session.UUID() }

// Variable gives a channel variable as it was when the channel connected.
func (c *Channel) Variable(name string) string { return c.session.Data().Variable(name) }

// Header gives a header of the channel's profile as it was when the channel connected.
func (c *Channel) Header(name string) string { return c.session.Data().Get(name) }

// Data calls f with every header of the channel as it connected.
func (c *Channel) Data(f func(name, value string)) { c.session.Data().Each(f) }

// Answered tells whether the caller was answered, or an answer is on its way.
func (c *Channel) Answered() bool { return c.answered || c.answering }

// End tells how the channel went; End.How is "" while it is ours.
func (c *Channel) End() End { return c.end }

// Gone tells that nothing more can be done on the channel.
func (c *Channel) Gone() bool { return c.end.How != "" }

// Queue has applications run one after the other behind all that was queued before. It never waits: the switch starts
// each at once when the one before it ends, without a tick of silence. Answer is left out when it was queued before.
func (c *Channel) Queue(apps ...Application) {
	for _, a := range apps {
		c.add(&execution{app: a})
	}
	c.flush()
}

// Do queues an application, waits for its end and gives its result. The error is ErrGone when the channel ended or left
// us before, and the context's cause when that ended.
func (c *Channel) Do(ctx context.Context, a Application) (Completion, error) {
	if _, ok := a.(Answer); ok && c.Answered() {
		return Completion{Application: a.Name()}, c.Drain(ctx)
	}
	e := c.enqueue(a)
	err := c.pump(ctx, nil, func() bool { return e.done != nil })
	if e.done != nil && (err == nil || errors.Is(err, ErrGone)) {
		if c.Gone() {
			return *e.done, ErrGone
		}
		return *e.done, nil
	}
	return Completion{Application: a.Name(), Dropped: true}, err
}

// enqueue is Queue for one application whose end is of interest.
func (c *Channel) enqueue(a Application) *execution {
	e := &execution{app: a}
	c.add(e)
	c.flush()
	return e
}

// add puts an execution behind all others.
func (c *Channel) add(e *execution) {
	switch a := e.app.(type) {
	case Answer:
		if c.Answered() {
			return
		}
		c.answering = true
	case Multiset:
		if steps := settings(a.Variables); len(steps) > 0 {
			last := len(steps) - 1
			for _, step := range steps[:last] {
				c.unsent = append(c.unsent, &execution{app: step})
			}
			e.app = steps[last]
		}
	}
	c.unsent = append(c.unsent, e)
}

// Drain waits until everything that was queued has ended; ErrGone says that the channel has.
func (c *Channel) Drain(ctx context.Context) error {
	err := c.pump(ctx, nil, func() bool { return len(c.pending) == 0 && len(c.unsent) == 0 })
	if err == nil && c.Gone() {
		return ErrGone
	}
	return err
}

// Wait waits for a time; a hangup ends it with ErrGone.
func (c *Channel) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return c.pump(ctx, timer.C, nil)
}

// WaitFor waits until done is closed or sent to; a hangup ends it with ErrGone.
func (c *Channel) WaitFor(ctx context.Context, done <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan time.Time, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case <-done:
			stop <- time.Time{}
		case <-ctx.Done():
		}
	}()
	err := c.pump(ctx, stop, nil)
	cancel(nil)
	<-finished
	return err
}

// WaitForEnd waits until the channel is gone.
func (c *Channel) WaitForEnd(ctx context.Context) error {
	err := c.pump(ctx, nil, func() bool { return false })
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// Break stops what plays and drops everything that was queued behind it, an Answer included. What was dropped never
// completes, and what still does comes too late to matter, so nobody waits for either. Source: mod_commands
// "uuid_break"; testdata/captures/uuidbreak.jsonl.
func (c *Channel) Break() {
	if len(c.pending) > 0 && !c.Gone() {
		c.api("uuid_break", c.UUID()+" all")
	}
	c.drop()
}

// api runs an API command without waiting for its answer.
func (c *Channel) api(name, arguments string) {
	command, err := esl.API(name, arguments)
	if err != nil {
		c.timeline.Error("", err.Error())
		return
	}
	c.timeline.Add(timeline.Record{Kind: timeline.KindCommand, From: timeline.FSPivot, To: timeline.Switch,
		Text: "api " + name, Fields: map[string]string{"app": name}})
	_ = c.session.Send(command) // a broken session shows itself in pump
}

// Kill hangs a channel up at once: another leg of this call, or this one for "". Source: mod_commands "uuid_kill".
func (c *Channel) Kill(leg string, cause Cause) {
	if leg == "" {
		leg = c.UUID()
	}
	if id, err := uuid.Parse(leg); err == nil {
		c.api("uuid_kill", id.String()+" "+cause.word())
	}
}

// SwitchID is the switch's own id: of the process, so that one which was started anew has another.
func (c *Channel) SwitchID() string { return c.Header("Core-UUID") }

// HasModule asks the switch, once, whether a module is loaded: an application of a missing one hangs the call up. The
// error is ErrGone when it can't be asked any more, the context's cause when that ended, and another when the switch is slow.
func (c *Channel) HasModule(ctx context.Context, name string) (bool, error) {
	if has, ok := c.modules[name]; ok {
		return has, nil
	}
	if name == "" || !only(name, "_-") {
		return false, nil
	}
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err := c.session.Call(asking, "module_exists", name)
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case asking.Err() != nil:
		return false, fmt.Errorf("dialplan: the switch did not say within %s whether it has %s", answerTime, name)
	case err != nil:
		return false, ErrGone
	}
	c.modules[name] = strings.TrimSpace(answer) == "true"
	return c.modules[name], nil
}

// ahead is how long what is at the switch takes at most.
func (c *Channel) ahead() time.Duration {
	var d time.Duration
	for _, e := range c.pending {
		d += atMost(e.app)
	}
	return d
}

// flush sends what fits into the window, in one write.
func (c *Channel) flush() {
	if len(c.unsent) == 0 {
		return
	}
	if c.Gone() {
		c.drop()
		return
	}
	var commands []esl.Command
	for len(c.unsent) > 0 && len(c.pending) < window {
		e := c.unsent[0]
		if _, ok := e.app.(parting); ok && c.ahead() > brief {
			break
		}
		c.unsent = c.unsent[1:]
		if v, ok := e.app.(void); ok && v.void() {
			c.timeline.Warn("", e.app.Name()+" has nothing to work on: it is left out")
			c.forget(e)
			continue
		}
		for _, s := range c.settings(e.app) {
			commands = c.command(commands, &execution{app: s, ours: true})
		}
		commands = c.command(commands, e)
	}
	if len(c.unsent) == 0 {
		c.unsent = nil
	}
	_ = c.session.Send(commands...) // a broken session shows itself in pump
}

// command puts an application on its way; one that the gate refuses is completed as dropped.
func (c *Channel) command(commands []esl.Command, e *execution) []esl.Command {
	e.uuid, e.sent = uuid.NewString(), time.Now()
	text, err := e.app.argument().wire(e.app.Name())
	var command esl.Command
	if err == nil {
		command, err = esl.Execute(e.app.Name(), text, e.uuid)
	}
	if err != nil {
		c.timeline.Error("", err.Error())
		c.forget(e)
		return commands
	}
	c.pending = append(c.pending, e)
	if !e.ours {
		c.timeline.Add(timeline.Record{Kind: timeline.KindCommand, From: timeline.FSPivot, To: timeline.Switch,
			Text: Describe(e.app), Fields: map[string]string{"app": e.app.Name(), "uuid": e.uuid}})
	}
	return append(commands, command)
}

// forget completes an execution that will never run, or whose end comes too late to matter.
func (c *Channel) forget(e *execution) {
	if e.done != nil {
		return
	}
	e.done = &Completion{Application: e.app.Name(), Dropped: true}
	if _, ok := e.app.(Answer); ok {
		c.answering = false
	}
	for _, v := range sets(e.app) {
		c.known[v.Name.word()] = uncertain
	}
}

// drop completes everything that can't run any more.
func (c *Channel) drop() {
	for _, list := range [][]*execution{c.pending, c.unsent} {
		for _, e := range list {
			c.forget(e)
		}
	}
	c.unsent, c.pending = nil, nil
}

// pump is the one place where the owner waits: it takes events until until is true, timer fires, the context ends or
// the channel is gone.
func (c *Channel) pump(ctx context.Context, timer <-chan time.Time, until func() bool) error {
	for {
		err := c.take(until)
		if until != nil && until() {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-c.session.Ready():
		case <-timer:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take handles the events that are there and sends what they made room for. It stops where until becomes true: what
// comes later is the next step's.
func (c *Channel) take(until func() bool) error {
	for until == nil || !until() {
		e, err := c.session.Next()
		if err != nil {
			c.broken(err)
			break
		}
		if e == nil {
			break
		}
		c.handle(e)
	}
	// Not at each completion: the next event may say that the channel went elsewhere, and then it is to be left alone.
	c.flush()
	if c.Gone() {
		c.drop()
		return ErrGone
	}
	return nil
}

// broken is the end of the session.
func (c *Channel) broken(err error) {
	switch c.end.How {
	case "":
		c.end = End{How: Lost, Err: err}
		c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.FSPivot,
			Text: "the event socket closed", Fields: map[string]string{"err": err.Error()}})
	case HungUp:
		c.end.Err = err
	}
}

func (c *Channel) handle(e *esl.Event) {
	if n := e.Number("Event-Sequence"); n > 0 && n < c.began || c.end.How == Left {
		return // of another's time with the channel
	}
	if e.UUID() != c.UUID() {
		c.otherLeg(e)
		return
	}
	switch e.Name() {
	case "DTMF":
		c.key(e)
	case "CHANNEL_ANSWER":
		c.wasAnswered()
	case "CHANNEL_EXECUTE_COMPLETE":
		c.complete(e)
	case esl.Refused:
		c.timeline.Error("", fmt.Sprintf("the switch refused %s: %s", e.Get("Application"), e.Get("Reply-Text")))
		c.settle(e.Get("Application-UUID"), nil)
	case esl.Disconnected:
		if c.end.How == "" { // hung up before our events were asked for; one that was taken away has said so before
			c.end = End{How: HungUp}
		}
	case "CHANNEL_HANGUP_COMPLETE":
		c.hungUp(e)
	}
}

func (c *Channel) wasAnswered() {
	if !c.answered {
		c.answered, c.answering = true, false
		c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.Caller,
			Text: "answered"})
	}
}

func (c *Channel) complete(e *esl.Event) {
	if e.Get("Answer-State") == "answered" {
		c.wasAnswered()
	}
	if cause := e.Get("Hangup-Cause"); cause != "" && c.end.How == "" {
		c.end = End{How: HungUp, Cause: Cause(cause)}
	}
	app := e.Get("Application")
	if app != "socket" {
		c.settle(e.Get("Application-UUID"), &Completion{Application: app, Response: e.Get("Application-Response"),
			vars: e})
	}
	// Our own socket action has ended, or will next: with a hangup the last event follows, without one we lost the
	// channel.
	if c.end.How == "" && (app == "socket" || e.Get("Channel-State-Number") == routing) {
		c.end = End{How: Left}
		c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.FSPivot,
			Text: "the call went elsewhere"})
	}
}

// routing is the state of a channel that was sent to the dialplan again, while what ran on it ends. Source: FreeSWITCH
// switch_types.h CS_ROUTING; testdata/captures/hold_transfer.jsonl.
const routing = "2"

// settle ends the execution of that uuid; nil: as dropped. Those before it that have not ended were dropped by the
// switch: it runs them in order.
func (c *Channel) settle(id string, done *Completion) {
	i := slices.IndexFunc(c.pending, func(e *execution) bool { return e.uuid == id })
	if i < 0 {
		return // not ours, or given up by Break
	}
	e := c.pending[i]
	if done == nil {
		c.forget(e)
		c.pending = slices.Delete(c.pending, i, i+1) // an answer to the command: what is before it still runs
		return
	}
	for _, before := range c.pending[:i] {
		c.forget(before)
	}
	e.done = done
	c.pending = slices.Delete(c.pending, 0, i+1)
	if _, ok := e.app.(Answer); ok {
		c.answering = false
	}
	if e.ours {
		return
	}
	text := e.app.Name()
	if done.Response != "" && done.Response != "_none_" {
		text += ": " + done.Response
	}
	c.timeline.Add(timeline.Record{Kind: timeline.KindResult, From: timeline.Switch, To: timeline.FSPivot,
		Text: text + " ended", Took: time.Since(e.sent), Fields: map[string]string{"app": e.app.Name(), "uuid": e.uuid}})
}

func (c *Channel) hungUp(e *esl.Event) {
	cause := Cause(e.Get("Hangup-Cause"))
	c.end = End{How: HungUp, Cause: cause, Event: e}
	c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.FSPivot,
		Text: "hung up: " + string(cause), Fields: map[string]string{"cause": string(cause)}})
}

// Finish takes the last events of a channel that was hung up, for at most a moment, so that End has the billing. Of a
// channel that still is ours, End.How stays "".
func (c *Channel) Finish(ctx context.Context) End {
	const moment = 2 * time.Second
	timer := time.NewTimer(moment)
	defer timer.Stop()
	for waiting := true; waiting && c.end.Event == nil && c.end.Err == nil && c.end.How != Left; {
		e, err := c.session.Next()
		switch {
		case e != nil:
			c.handle(e)
			continue
		case err != nil:
			c.broken(err)
			continue
		}
		select {
		case <-c.session.Ready():
		case <-timer.C:
			waiting = false
		case <-ctx.Done():
			waiting = false
		}
	}
	if c.end.How == HungUp && c.end.Event == nil {
		c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.FSPivot,
			Text: "hung up, without a last event"})
	}
	return c.end
}
