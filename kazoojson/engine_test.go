package kazoojson

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"fspivot/dialplan"
	"fspivot/timeline"
)

// acting is a module of tests.
type acting struct {
	act func(*runner) (step, error)
}

func (a acting) run(_ context.Context, c *runner) (step, error) { return a.act(c) }

// does is a node that acts, with children by key.
func does(act func(*runner) (step, error), children map[string]*Node) *Node {
	return &Node{Module: "test", place: &place{key: "flow"}, module: acting{act}, Children: children}
}

// asks is a node that asks the engine for one thing.
func asks(s step, children map[string]*Node) *Node {
	return does(func(*runner) (step, error) { return s, nil }, children)
}

// spoken is a node that says something; after may be nil.
func spoken(text string, after *Node) *Node {
	n := asks(next(), map[string]*Node{})
	n.module = &tts{Text: text}
	if after != nil {
		n.Children["_"] = after
	}
	return n
}

func TestWalkChildren(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step     step
		children []string // keys, " {}" behind an empty one
		want     apps
	}{
		"the child of the key":             {continueWith("1"), []string{"1", "_"}, apps{said("child 1"), ended}},
		"no such child: _":                 {continueWith("2"), []string{"1", "_"}, apps{said("child _"), ended}},
		"no such child and no _":           {continueWith("2"), []string{"1"}, apps{ended}},
		"an empty child ends it, _ or not": {continueWith("1"), []string{"1 {}", "_"}, apps{ended}},
		"no such child, an empty _":        {continueWith("2"), []string{"_ {}"}, apps{ended}},
		"no children":                      {next(), nil, apps{ended}},
		"next is _":                        {next(), []string{"1", "_"}, apps{said("child _"), ended}},
		"keys are compared to the letter":  {continueWith("user_busy"), []string{"USER_BUSY", "_"}, apps{said("child _"), ended}},
		"an empty key is a key":            {continueWith(""), []string{"", "_"}, apps{said("child"), ended}},
		"stop":                             {stop(), []string{"_"}, apps{ended}},
		"stop with a cause":                {stopWith("USER_BUSY"), []string{"_"}, apps{dialplan.Hangup{Cause: "USER_BUSY"}}},
		"hard stop":                        {hardStop(), []string{"_"}, apps{ended}},
		"leave":                            {leave(), []string{"_"}, nil},
		"branch to nothing, then _":        {branch(nil), []string{"_"}, apps{said("child _"), ended}},
		"replace by nothing":               {replace(nil), []string{"_"}, apps{ended}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			children := map[string]*Node{}
			for _, key := range c.children {
				if key, empty := strings.CutSuffix(key, " {}"); empty {
					children[key] = nil
					continue
				}
				children[key] = spoken("child "+key, nil)
			}
			s := script{answered: true}
			if err := s.run(t, asks(c.step, children)); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
			if s.ends != 1 {
				t.Errorf("waited %d times for the end", s.ends)
			}
		})
	}
}

// Flows that were branched from go on in turn when the current one stops, whatever its cause, but not after a hard stop.
func TestWalkReturns(t *testing.T) {
	t.Parallel()
	from := func(flow, after *Node) *Node { return asks(branch(flow), map[string]*Node{"_": after}) }
	for name, c := range map[string]struct {
		flow *Node
		want apps
	}{
		"one":                             {from(spoken("a", nil), spoken("b", nil)), apps{said("a"), said("b"), ended}},
		"two, the inner first":            {from(from(spoken("a", nil), spoken("b", nil)), spoken("c", nil)), apps{said("a"), said("b"), said("c"), ended}},
		"the one that goes on branches":   {from(spoken("a", nil), from(spoken("b", nil), spoken("c", nil))), apps{said("a"), said("b"), said("c"), ended}},
		"a stop is an end":                {from(asks(stop(), map[string]*Node{"_": spoken("a", nil)}), spoken("b", nil)), apps{said("b"), ended}},
		"a cause is forgotten":            {from(asks(stopWith("USER_BUSY"), nil), spoken("b", nil)), apps{said("b"), ended}},
		"a hard stop ends all":            {from(asks(hardStop(), nil), spoken("b", nil)), apps{ended}},
		"the last cause counts":           {from(asks(stopWith("USER_BUSY"), nil), asks(stopWith("NO_ANSWER"), nil)), apps{dialplan.Hangup{Cause: "NO_ANSWER"}}},
		"a replacement stops like a flow": {from(asks(replace(spoken("a", nil)), map[string]*Node{"_": spoken("x", nil)}), spoken("b", nil)), apps{said("a"), said("b"), ended}},
		"without a child nothing waits":   {from(from(spoken("a", nil), nil), spoken("b", nil)), apps{said("a"), said("b"), ended}},
		"left, nothing goes on":           {from(asks(leave(), nil), spoken("b", nil)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{answered: true}
			if err := s.run(t, c.flow); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
		})
	}
}

// 50 branches of one call are allowed, and not one more; replacements are not counted.
func TestWalkBranchLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings       Settings
		branches, most int
		ended          bool // before its time
	}{
		"49":                    {branches: 49},
		"50":                    {branches: 50},
		"51":                    {branches: 51, ended: true},
		"as many as are set":    {settings: Settings{MaxBranches: 3}, branches: 3},
		"one more than are set": {settings: Settings{MaxBranches: 3}, branches: 4, ended: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			did := 0
			var flow *Node
			flow = does(func(*runner) (step, error) {
				if did++; did > c.branches {
					return next(), nil
				}
				return branch(flow), nil
			}, map[string]*Node{"reached": nil})
			s := script{answered: true, settings: c.settings}
			c.branches-- // the root's is one of them
			root := asks(branch(asks(replace(flow), nil)), map[string]*Node{"_": spoken("after", nil)})
			if err := s.run(t, root); err != nil {
				t.Error(err)
			}
			if c.ended {
				s.expect(t, ended)
				same(t, "problems", []string{"too many branches in one call: it is ended"}, s.problems())
				return
			}
			s.expect(t, said("after"), ended)
			same(t, "problems", []string(nil), s.problems())
		})
	}
}

func TestWalkUnknownAndSkipped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flow     string
		want     apps
		problems []string
	}{
		"skipped":                      {flow: action("tts", `{"text": "a", "skip_module": true}`, "_", say("b")), want: apps{said("b"), ended}},
		"skipped by a text":            {flow: action("tts", `{"text": "a", "skip_module": "true"}`, "_", say("b")), want: apps{said("b"), ended}},
		"1 does not skip":              {flow: action("tts", `{"text": "a", "skip_module": 1, "terminators": []}`, "_", say("b")), want: apps{said("a"), said("b"), ended}},
		"skipped, its data is nothing": {flow: action("pivot", `{"skip_module": true}`, "_", say("b")), want: apps{said("b"), ended}},
		"skipped, without a child":     {flow: action("tts", `{"text": "a", "skip_module": true}`), want: apps{ended}},
		"unknown": {flow: action("nosuch", `{"id": "a"}`, "1", say("1"), "_", say("b")), want: apps{said("b"), ended},
			problems: []string{`flow: there is no module "nosuch": it is passed over`}},
		"unknown, without a child": {flow: action("nosuch", `{}`), want: apps{ended},
			problems: []string{`flow: there is no module "nosuch": it is passed over`}},
		"unknown and skipped": {flow: action("nosuch", `{"skip_module": true}`, "_", say("b")), want: apps{said("b"), ended}},
		"what a node is warned of is told when it is reached": {flow: action("sleep", `{"unit": "days"}`, "_", action("hangup", `{}`, "_", action("sleep", `{"unit": "years"}`))), want: apps{ended},
			problems: []string{`flow/data/unit: "days" is none of ms, s, m, h: s is used`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{answered: true}
			if err := s.walk(t, c.flow); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
			same(t, "problems", c.problems, s.problems())
		})
	}
}

func TestWalkEmptyFlow(t *testing.T) {
	t.Parallel()
	s := script{}
	if err := s.run(t, nil); err != nil {
		t.Error(err)
	}
	s.expect(t, ended)
}

func TestWalkSteps(t *testing.T) {
	t.Parallel()
	s := script{answered: true}
	if err := s.walk(t, action("answer", `{}`, "_", action("noop", `{}`, "_", action("nosuch", `{}`, "_", action("hangup", `{}`))))); err != nil {
		t.Error(err)
	}
	same(t, "steps", []string{"module answer", "module noop", "module hangup"}, s.told(timeline.KindStep))
	var where []string
	for _, r := range s.records.Records() {
		if r.Kind == timeline.KindStep {
			where = append(where, r.Fields["module"]+" "+r.Fields["path"])
		}
	}
	same(t, "fields", []string{"answer flow", "noop flow/children/_", "hangup flow/children/_/children/_/children/_"}, where)
}

// A module that panics is passed over; the call goes on.
func TestWalkPanic(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*runner) (step, error){
		"a panic":       func(*runner) (step, error) { panic("broken") },
		"a nil pointer": func(*runner) (step, error) { var m *tts; return m.run(t.Context(), nil) },
		"after work":    func(c *runner) (step, error) { c.Channel.Queue(dialplan.Answer{}); panic(errors.New("broken")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s script
			if err := s.run(t, does(act, map[string]*Node{"_": spoken("after", nil), "1": nil})); err != nil {
				t.Error(err)
			}
			s.expect(t, dialplan.Answer{}, said("after"), ended)
			if list := s.told(timeline.KindError); len(list) != 1 || !strings.HasPrefix(list[0], "module test: panic: ") || !strings.Contains(list[0], "engine_test.go") {
				t.Errorf("errors %q", list)
			}
		})
	}
}

// The caller may hang up, and the process may have to stop, at any step: nothing runs after it.
func TestWalkEndsAnywhere(t *testing.T) {
	t.Parallel()
	flow := func() *Node {
		return parsed(t, action("tts", `{"text": "a"}`, "_", action("play", `{"id": "b"}`, "_", action("sleep", `{"duration": 1}`, "_", action("collect_dtmf", `{}`, "_",
			action("noop", `{}`, "_", action("record_caller", `{}`, "_", action("callflow", `{"id": "c"}`, "_", action("resources", `{"to_did": "123456789"}`, "_", say("end"))))))))))
	}
	steps := []string{"speech", "speak", "file", "playback", "wait", "collect", "drain", "record", "pivot", "bridge"}
	flows := map[string]string{"c": action("pivot", `{"voice_url": "http://h/"}`, "_", say("d"))}
	whole := script{flows: flows, pivots: []Pivot{{Failed: true}}}
	if err := whole.run(t, flow()); err != nil {
		t.Fatal(err)
	}
	if n := len(whole.apps); n != 7 {
		t.Fatalf("the whole flow is %v", whole.apps)
	}
	for _, at := range steps {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := script{flows: flows, pivots: []Pivot{{Failed: true}}, hangupAt: at}
			if err := s.run(t, flow()); err != nil {
				t.Errorf("a hangup is no error: %v", err)
			}
			if len(s.apps) >= len(whole.apps) || !slices.EqualFunc(s.apps, whole.apps[:len(s.apps)], func(a, b dialplan.Application) bool { return a.Name() == b.Name() }) {
				t.Errorf("hung up: %v", s.apps)
			}
			s = script{flows: flows, pivots: []Pivot{{Failed: true}}, cancelAt: at}
			if err := s.run(t, flow()); !errors.Is(err, errStopped) {
				t.Errorf("to stop: error %v", err)
			}
			if slices.ContainsFunc(s.apps, func(a dialplan.Application) bool { return a == ended }) {
				t.Error("to stop: the caller was hung up")
			}
		})
	}
}

func TestWalkGoneBeforeItStarts(t *testing.T) {
	t.Parallel()
	s := script{gone: true}
	if err := s.walk(t, say("a")); err != nil {
		t.Error(err)
	}
	s.expect(t)
	if list := s.told(timeline.KindStep); len(list) > 0 {
		t.Errorf("steps %q", list)
	}
}

// A flow is parsed once and walked by many calls at once.
func TestWalkSharedFlow(t *testing.T) {
	t.Parallel()
	node := parsed(t, action("set_variables", `{"custom_application_vars": {"a": {"b": [1]}}}`, "_", action("collect_dtmf", `{"max_digits": 3}`, "_", say("x", "_",
		action("branch_variable", `{"variable": ["a", "b"], "scope": "custom_application_vars"}`, "_", action("resources", `{"to_did": "1"}`))))))
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for range 50 {
				s := script{state: caller}
				if err := s.run(t, node); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
