package kazoojson

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/timeline"
)

// Channel is all that modules ask of a live call: *dialplan.Channel provides it, and a script in unit tests.
type Channel interface {
	Queue(...dialplan.Application)
	Do(context.Context, dialplan.Application) (dialplan.Completion, error)
	Collect(context.Context, dialplan.Collect) (dialplan.Collected, error)
	Drain(context.Context) error
	Wait(context.Context, time.Duration) error
	WaitForEnd(context.Context) error
	Gone() bool
	Answered() bool
	TakeDigits() dialplan.Digits
	ForgetDigits()
}

// Media turns what a node names into what the switch can play, and speaks.
type Media interface {
	// File resolves a media reference; the error has been recorded.
	File(ctx context.Context, ref string) (dialplan.File, error)
	// Speech gives the application that says text.
	Speech(ctx context.Context, text dialplan.Text, voice, language, engine string,
		stop dialplan.Digits) (dialplan.Application, error)
	// Recording makes a new recording; uploadURL is where it is to be sent, "" for nowhere.
	Recording(uploadURL, method, format string) (Recording, error)
	// Finished hands a recording over to be uploaded; length 0: nothing was recorded.
	Finished(r Recording, length time.Duration)
}

// Recording is a file that the switch writes, and where it will be found.
type Recording struct {
	ID, URL                 string
	File                    dialplan.File
	UploadURL, UploadMethod string
}

// Routes says how numbers are dialled.
type Routes interface {
	Number(n dialplan.Number) (dialplan.Endpoint, error)
}

// Pivot is what a pivot session came to. With no field set it has ended the call.
type Pivot struct {
	Flow   *Node // Callflow JSON: it takes the current flow's place
	Failed bool  // the first request failed: the flow goes on at "_"
	Left   bool  // the call went elsewhere and is to be left alone
}

// Run is what a flow runs with.
type Run struct {
	Channel   Channel
	Call      *call.State
	Media     Media
	Routes    Routes
	Flows     func(id string) (*Node, bool)                      // stored callflows of the account; a nil node is an empty flow
	Documents func(collection, id string) (map[string]any, bool) // account documents; "accounts" is the account's own
	Pivot     func(ctx context.Context, data PivotData) (Pivot, error)
	Timeline  *timeline.Timeline
	Settings  Settings
}

// Settings of the engine.
type Settings struct {
	MaxBranches int // branches of one call; 0: 50
}

// A step is what a module asks the engine for. Source: callflow-engine.md 4.3.
type step struct {
	kind  stepKind
	key   string         // of continueWith
	flow  *Node          // of branch and replace
	cause dialplan.Cause // of stopWith
}

type stepKind int

const (
	kindContinue stepKind = iota
	kindStop
	kindHardStop
	kindBranch
	kindReplace
	kindLeave
)

// continueWith goes on at a child, "_" when there is no such one.
func continueWith(key string) step { return step{kind: kindContinue, key: key} }

// next goes on at "_".
func next() step { return continueWith("_") }

// stop ends the flow; one that was branched from goes on.
func stop() step { return step{kind: kindStop} }

// stopWith is stop with the cause to hang up with, which counts only when no flow goes on.
func stopWith(cause dialplan.Cause) step { return step{kind: kindStop, cause: cause} }

// hardStop ends the call, whatever waits.
func hardStop() step { return step{kind: kindHardStop} }

// branch runs another flow, and then "_".
func branch(flow *Node) step { return step{kind: kindBranch, flow: flow} }

// replace runs another flow in place of this one.
func replace(flow *Node) step { return step{kind: kindReplace, flow: flow} }

// leave ends the flow without a hangup: the call belongs to somebody else.
func leave() step { return step{kind: kindLeave} }

// A module is the action of a node.
type module interface {
	// run does the action. The error is dialplan.ErrGone when the caller is gone, or the context's cause.
	run(ctx context.Context, c *runner) (step, error)
}

// runner is a walk at work: what modules see.
type runner struct {
	*Run
	node     *Node
	returns  []*Node // flows that go on when the current one stops
	branches int     // left
	answers  string  // what collect_dtmf put into the default collection: not typed ahead
}

const defaultBranches = 50

// Walk runs a flow to its end and hangs the caller up behind what is queued, unless the call was given away or is gone.
// A caller who hangs up is an outcome, not an error: the error is the context's cause alone. Source: callflow-engine.md 4.
func Walk(ctx context.Context, r *Run, flow *Node) error {
	c := &runner{Run: r, node: flow, branches: r.Settings.MaxBranches}
	if c.branches == 0 {
		c.branches = defaultBranches
	}
	cause, err := c.walk(ctx)
	if r.Channel.Gone() || errors.Is(err, dialplan.ErrGone) {
		return nil
	}
	if err != nil && !errors.Is(err, errLeft) {
		return err
	}
	if err == nil {
		r.Channel.Queue(dialplan.Hangup{Cause: cause})
	}
	return gone(r.Channel.WaitForEnd(ctx))
}

// errLeft says that the call belongs to somebody else.
var errLeft = errors.New("the call was left alone")

func gone(err error) error {
	if errors.Is(err, dialplan.ErrGone) {
		return nil
	}
	return err
}

// walk goes from node to node. It gives the cause to hang up with.
func (c *runner) walk(ctx context.Context) (dialplan.Cause, error) {
	for {
		if c.Channel.Gone() {
			return "", dialplan.ErrGone
		}
		s := stop()
		if c.node != nil {
			var err error
			if s, err = c.launch(ctx); err != nil {
				return "", err
			}
		}
		if s.kind == kindContinue {
			child, ok := c.node.Children[s.key]
			if !ok {
				child, ok = c.node.Children["_"]
			}
			if ok && child != nil {
				c.node = child
				continue
			}
			s = stop()
		}
		switch s.kind {
		case kindHardStop:
			return s.cause, nil
		case kindLeave:
			return "", errLeft
		case kindReplace:
			c.node = s.flow
		case kindBranch:
			if c.branches == 0 {
				c.Timeline.Error("", "too many branches in one call: it is ended")
				return "", nil
			}
			c.branches--
			if after := c.node.Children["_"]; after != nil {
				c.returns = append(c.returns, after)
			}
			c.node = s.flow
		case kindStop:
			if len(c.returns) == 0 {
				return s.cause, nil
			}
			c.node = c.returns[len(c.returns)-1]
			c.returns = c.returns[:len(c.returns)-1]
		}
	}
}

// launch runs the current node's module. A module that panics is passed over: it must not cost the call.
func (c *runner) launch(ctx context.Context) (s step, err error) {
	n := c.node
	if n.skip {
		return next(), nil
	}
	path := n.Path()
	if n.module == nil {
		c.Timeline.Warn("", fmt.Sprintf("%s: there is no module %q: it is passed over", path, clip(n.Module)))
		return next(), nil
	}
	c.Timeline.Add(timeline.Record{Kind: timeline.KindStep, From: timeline.FSPivot, Text: "module " + n.Module,
		Fields: map[string]string{"module": n.Module, "path": path}})
	for _, w := range n.warnings {
		c.Timeline.Warn("", path+"/data/"+w)
	}
	defer func() {
		if fault := recover(); fault != nil {
			c.Timeline.Error("", fmt.Sprintf("module %s: panic: %v\n%s", n.Module, fault, debug.Stack()))
			s, err = next(), nil
		}
	}()
	return n.module.run(ctx, c)
}

// attempt tells whether there is a child of that key that does something.
func (c *runner) attempt(key string) bool { return key != "" && c.node.Children[key] != nil }
