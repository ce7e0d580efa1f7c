package dialplan

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// window is how many applications are at the switch ahead of the one that runs. More wait here.
const window = 32

// maxDigits is how many keys are remembered that nobody has asked for yet. More are dropped, newest first.
const maxDigits = 128

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
	Cause Cause
	Event *esl.Event // CHANNEL_HANGUP_COMPLETE with the billing variables, when it was seen
	Err   error      // of Lost
}

// Channel is a live call on the switch. It belongs to one goroutine, which every method but UUID must be called from:
// events are read by that goroutine, whenever it waits in one of the methods, in the order of the socket.
type Channel struct {
	session  *esl.Session
	timeline *timeline.Timeline

	pending []*execution // at the switch, oldest first
	unsent  []Application
	known   map[string]string // channel variables as the last setting of ours left them
	modules map[string]bool   // module_exists, asked once

	answered  bool
	answering bool
	dropping  bool // the queue is being closed: nothing more is sent
	digits    []Key
	legs      map[string]*Leg
	end       End
	ending    bool // hung up, though CHANNEL_HANGUP_COMPLETE may still come
}

// Key is a key that the caller pressed.
type Key struct {
	Digit rune
	At    time.Time
}

// Leg is what is seen of a dialled leg.
type Leg struct {
	UUID     string
	Answered time.Time
	Ended    time.Time
	Cause    Cause
	Event    *esl.Event // its CHANNEL_HANGUP_COMPLETE
}

type execution struct {
	uuid string
	app  Application
	sent time.Time
	done *Completion
	ours bool // a setting that the channel added: nobody asks for its result
}

// NewChannel makes a channel of a session. Records of everything sent and heard go to t, which may be nil.
func NewChannel(s *esl.Session, t *timeline.Timeline) *Channel {
	c := &Channel{session: s, timeline: t, known: map[string]string{}, modules: map[string]bool{}, legs: map[string]*Leg{}}
	c.answered = s.Data().Get("Answer-State") == "answered"
	return c
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
func (c *Channel) Gone() bool { return c.end.How != "" || c.ending }

// Queue has applications run one after the other behind all that was queued before. It never waits: the switch starts
// each at once when the one before it ends, without a tick of silence. Answer is left out when it was queued before.
func (c *Channel) Queue(apps ...Application) {
	for _, a := range apps {
		if _, ok := a.(Answer); ok {
			if c.answered || c.answering {
				continue
			}
			c.answering = true
		}
		c.unsent = append(c.unsent, a)
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
	c.Queue(tracked{a, e})
	return e
}

// tracked carries an execution through the queue.
type tracked struct {
	Application
	execution *execution
}

// Drain waits until everything that was queued has ended.
func (c *Channel) Drain(ctx context.Context) error {
	return c.pump(ctx, nil, func() bool { return len(c.pending) == 0 && len(c.unsent) == 0 })
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

// Break stops what plays and drops everything that was queued behind it.
func (c *Channel) Break() {
	c.unsent = nil
	if len(c.pending) == 0 || c.Gone() {
		return
	}
	c.api("uuid_break", c.UUID()+" all")
	// What was dropped never completes, and what still does comes too late to matter: nobody waits for either.
	for _, e := range c.pending {
		if e.done == nil {
			e.done = &Completion{Application: e.app.Name(), Dropped: true}
		}
		// A dropped setting did not happen.
		clear(c.known)
	}
	c.pending = nil
	c.answering = false
}

// api runs an API command without waiting for its answer.
func (c *Channel) api(name, arguments string) {
	command, err := esl.API(name, arguments)
	if err != nil {
		return
	}
	c.timeline.Add(timeline.Record{Kind: timeline.KindCommand, From: timeline.FSPivot, To: timeline.Switch, Text: "api " + name, Fields: map[string]string{"app": name}})
	_ = c.session.Send(command) // a broken session shows itself in pump
}

// SetVariable sets a channel variable at once, beside what runs and without its turn in the queue. The value is stored
// as it is. Source: mod_commands "uuid_setvar".
func (c *Channel) SetVariable(v Variable) {
	c.api("uuid_setvar", c.UUID()+" "+v.Name.word()+" "+v.Value.s)
	c.known[v.Name.s] = v.Value.s
}

// SetVariables sets several at once; values with ; or quotes are set one by one. Source: "uuid_setvar_multi".
func (c *Channel) SetVariables(vars ...Variable) {
	var list []string
	for _, v := range vars {
		if v.Value.plain() {
			list = append(list, v.Name.word()+"="+v.Value.s)
			c.known[v.Name.s] = v.Value.s
		} else {
			c.SetVariable(v)
		}
	}
	if len(list) > 0 {
		c.api("uuid_setvar_multi", c.UUID()+" "+strings.Join(list, ";"))
	}
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

// HasModule asks the switch, once, whether a module is loaded: an application of a missing one hangs the call up.
func (c *Channel) HasModule(ctx context.Context, name string) bool {
	if has, ok := c.modules[name]; ok {
		return has
	}
	if !only(name, "_-") {
		return false
	}
	answer, err := c.session.Call(ctx, "module_exists", name)
	if err != nil {
		return false
	}
	c.modules[name] = strings.TrimSpace(answer) == "true"
	return c.modules[name]
}

// flush sends what fits into the window, in one write.
func (c *Channel) flush() {
	if c.Gone() {
		c.drop()
		return
	}
	var commands []esl.Command
	for len(c.unsent) > 0 && len(c.pending) < window {
		a := c.unsent[0]
		c.unsent = c.unsent[1:]
		e := &execution{app: a}
		if t, ok := a.(tracked); ok {
			a, e = t.Application, t.execution
			e.app = a
		}
		for _, s := range c.settings(a) {
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
		e.done = &Completion{Application: e.app.Name(), Dropped: true}
		return commands
	}
	c.pending = append(c.pending, e)
	if !e.ours {
		c.timeline.Add(timeline.Record{Kind: timeline.KindCommand, From: timeline.FSPivot, To: timeline.Switch,
			Text: Describe(e.app), Fields: map[string]string{"app": e.app.Name(), "uuid": e.uuid}})
	}
	return append(commands, command)
}

// settings are the channel variables that a depends on and that do not hold yet.
func (c *Channel) settings(a Application) []Application {
	var vars []Variable
	if n, ok := a.(needs); ok {
		for _, v := range n.needs() {
			// What nobody asked for stays as the dialplan set it, until we have set it ourselves.
			if have, ok := c.known[v.Name.s]; have != v.Value.s || !ok && v.Value.s != "" {
				vars = append(vars, v)
			}
		}
	}
	if r, ok := a.(clears); ok {
		for _, name := range r.clears() {
			vars = append(vars, variable(name, ""))
		}
	}
	for _, v := range vars {
		c.known[v.Name.s] = v.Value.s
	}
	switch s := a.(type) { // what a flow sets itself
	case Set:
		c.known[s.Variable.Name.s] = s.Value.s
	case Multiset:
		for _, v := range s.Variables {
			c.known[v.Name.s] = v.Value.s
		}
	}
	return settings(vars)
}

// drop completes everything that can't run any more.
func (c *Channel) drop() {
	for _, a := range c.unsent {
		if t, ok := a.(tracked); ok && t.execution.done == nil {
			t.execution.done = &Completion{Application: t.Application.Name(), Dropped: true}
		}
	}
	for _, e := range c.pending {
		if e.done == nil {
			e.done = &Completion{Application: e.app.Name(), Dropped: true}
		}
	}
	c.unsent, c.pending = nil, nil
}

// pump is the one place where the owner waits: it takes events until until is true, timer fires, the context ends or
// the channel is gone.
func (c *Channel) pump(ctx context.Context, timer <-chan time.Time, until func() bool) error {
	for {
		if err := c.take(until); err != nil {
			return err
		}
		if until != nil && until() {
			return nil
		}
		if c.Gone() {
			return ErrGone
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

// take handles the events that are there. It stops where until becomes true: what comes later is the next step's.
func (c *Channel) take(until func() bool) error {
	for {
		if until != nil && until() {
			return nil
		}
		e, err := c.session.Next()
		if err != nil {
			if c.end.How == "" {
				c.end = End{How: Lost, Err: err}
				if c.ending {
					c.end.How = HungUp
				}
			}
			c.drop()
			return ErrGone
		}
		if e == nil {
			return nil
		}
		c.handle(e)
	}
}

func (c *Channel) handle(e *esl.Event) {
	if e.UUID() != c.UUID() {
		c.otherLeg(e)
		return
	}
	switch e.Name() {
	case "DTMF":
		c.key(e)
	case "CHANNEL_EXECUTE_COMPLETE":
		c.complete(e)
	case esl.Refused:
		c.timeline.Error("", fmt.Sprintf("the switch refused %s: %s", e.Get("Application"), e.Get("Reply-Text")))
		c.settle(e.Get("Application-UUID"), Completion{Application: e.Get("Application"), Dropped: true})
	case "CHANNEL_HANGUP_COMPLETE":
		c.hungUp(e)
	}
}

func (c *Channel) key(e *esl.Event) {
	d := strings.ToUpper(e.Get("DTMF-Digit"))
	if len(d) != 1 || !strings.Contains(Keys, d) {
		return
	}
	c.timeline.Add(timeline.Record{Kind: timeline.KindDigits, From: timeline.Caller, To: timeline.Switch, Text: "key " + d})
	if len(c.digits) < maxDigits {
		c.digits = append(c.digits, Key{Digit: rune(d[0]), At: time.Now()})
	}
}

func (c *Channel) complete(e *esl.Event) {
	if e.Get("Answer-State") == "answered" && !c.answered {
		c.answered, c.answering = true, false
		c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.Caller, Text: "answered"})
	}
	hungUp := e.Get("Hangup-Cause") != ""
	if hungUp {
		c.ending = true
		c.end.Cause = Cause(e.Get("Hangup-Cause"))
	}
	if e.Get("Application") == "socket" {
		// Our own socket action has ended: with a hangup the last event follows, without one we lost the channel.
		if !hungUp {
			c.end = End{How: Left}
			c.drop()
			c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.FSPivot, Text: "the call went elsewhere"})
		}
		return
	}
	c.settle(e.Get("Application-UUID"), Completion{Application: e.Get("Application"), Response: e.Get("Application-Response"), vars: e})
	c.flush()
}

// settle ends the execution of that uuid. Those before it that have not ended were dropped by the switch: it runs them
// in order.
func (c *Channel) settle(id string, done Completion) {
	i := slices.IndexFunc(c.pending, func(e *execution) bool { return e.uuid == id })
	if i < 0 {
		return // not ours, or given up by Break
	}
	for _, e := range c.pending[:i] {
		if e.done == nil {
			e.done = &Completion{Application: e.app.Name(), Dropped: true}
		}
	}
	e := c.pending[i]
	e.done = &done
	c.pending = slices.Delete(c.pending, 0, i+1)
	if e.ours {
		return
	}
	text := e.app.Name()
	if done.Response != "" && done.Response != "_none_" {
		text += ": " + done.Response
	}
	c.timeline.Add(timeline.Record{Kind: timeline.KindResult, From: timeline.Switch, To: timeline.FSPivot, Text: text + " ended",
		Took: time.Since(e.sent), Fields: map[string]string{"app": e.app.Name(), "uuid": e.uuid}})
}

func (c *Channel) hungUp(e *esl.Event) {
	cause := Cause(e.Get("Hangup-Cause"))
	c.ending = true
	c.end = End{How: HungUp, Cause: cause, Event: e}
	c.drop()
	c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Switch, To: timeline.FSPivot, Text: "hung up: " + string(cause), Fields: map[string]string{"cause": string(cause)}})
}

// Finish takes the last events of a channel that was hung up, for at most a moment, so that End has the billing.
func (c *Channel) Finish(ctx context.Context) End {
	const moment = 2 * time.Second
	timer := time.NewTimer(moment)
	defer timer.Stop()
	for c.end.Event == nil && c.end.How != Left && c.end.How != Lost {
		e, err := c.session.Next()
		switch {
		case e != nil:
			c.handle(e)
			continue
		case err != nil:
			c.end = End{How: HungUp, Cause: c.end.Cause, Err: err}
			return c.end
		}
		select {
		case <-c.session.Ready():
		case <-timer.C:
			c.end = End{How: HungUp, Cause: c.end.Cause}
			return c.end
		case <-ctx.Done():
			return c.end
		}
	}
	return c.end
}

// Watch has the events of dialled legs delivered as well, and Unwatch stops that. Source: docs/reference/esl.md, Which
// events.
func (c *Channel) Watch(legs ...string) {
	var commands []esl.Command
	for _, id := range legs {
		if f, err := esl.Filter("Unique-ID", id); err == nil {
			commands = append(commands, f)
			c.legs[id] = &Leg{UUID: id}
		}
	}
	if subscribe, err := esl.Subscribe("CHANNEL_ANSWER", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA"); err == nil {
		commands = append(commands, subscribe)
	}
	_ = c.session.Send(commands...)
}

// Unwatch ends Watch and gives what was seen of each leg.
func (c *Channel) Unwatch() map[string]*Leg {
	var commands []esl.Command
	for id := range maps.Keys(c.legs) {
		if f, err := esl.Unfilter("Unique-ID", id); err == nil {
			commands = append(commands, f)
		}
	}
	if u, err := esl.Unsubscribe("CHANNEL_ANSWER", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA"); err == nil {
		commands = append(commands, u)
	}
	if !c.Gone() {
		_ = c.session.Send(commands...)
	}
	legs := c.legs
	c.legs = map[string]*Leg{}
	return legs
}

func (c *Channel) otherLeg(e *esl.Event) {
	leg, ok := c.legs[e.UUID()]
	if !ok {
		return
	}
	record := func(text string) {
		c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Far, To: timeline.Switch, Text: text, Fields: map[string]string{"leg": leg.UUID}})
	}
	switch e.Name() {
	case "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA":
		record("rings")
	case "CHANNEL_ANSWER":
		leg.Answered = time.Now()
		record("answered")
	case "CHANNEL_HANGUP_COMPLETE":
		leg.Ended, leg.Cause, leg.Event = time.Now(), Cause(e.Get("Hangup-Cause")), e
		record("hung up: " + string(leg.Cause))
	}
}

// Digits gives the keys that were pressed and not taken yet.
func (c *Channel) Digits() Digits {
	var b strings.Builder
	for _, k := range c.digits {
		b.WriteRune(k.Digit)
	}
	return Digits(b.String())
}

// ForgetDigits drops the keys that were pressed so far.
func (c *Channel) ForgetDigits() { c.digits = nil }

// TakeDigits gives the keys that were pressed so far and forgets them.
func (c *Channel) TakeDigits() Digits {
	d := c.Digits()
	c.digits = nil
	return d
}
