package twiml

import (
	"context"
	"fmt"
	"time"

	"fspivot/dialplan"
)

// Gather collects keys while its prompts play, and after.
//
//	<Gather numDigits="4" finishOnKey="#" timeout="5" action="pin"><Say>Your PIN</Say></Gather>
//
// Max is 1–128 and 0 is 128. Timeout is how long each key is waited for, in whole seconds from 0; with
// Settings.GatherTotal all of them. The first key stops the prompts. With digits it asks for Action; without, the next
// verb's turn comes, or with OnEmpty the request goes out with empty Digits. Without children, in dialect pivot, keys
// pressed during earlier verbs count. A prompt of several pieces, such as a Say with a break, is repeated 100 times at
// most. No recogniser is here: speech is not heard. A hangup ends it without a request. Source: twiml.md 4.4.
type Gather struct {
	Action     reference // "": the current document
	Method     string
	Timeout    time.Duration
	Max        int
	Finish     dialplan.Digits
	Valid      dialplan.Digits // "": all keys count
	OnEmpty    bool
	Patient    bool // keys do not stop the prompts
	SpeechOnly bool
	Children   []verb // Say, Play, Pause
}

func parseGather(e *element) verb {
	v := &Gather{
		Action:  e.url("action"),
		Method:  e.method("method", "13312"),
		Max:     e.number("numDigits", e.number("maxDigits", 0, 1, 128, "13314"), 1, 128, "13314"),
		Finish:  e.keys("finishOnKey", "#", "13310"),
		Valid:   e.keys("validDigits", "", "12200"),
		OnEmpty: e.bool("actionOnEmptyResult", false, "12200"),
		Patient: !e.bool("bargeIn", true, "12200"),
	}
	if v.Timeout = 5 * time.Second; e.attribute("timeout") != "auto" {
		v.Timeout = e.seconds("timeout", 5, 0, 3600, "13313")
	}
	switch e.enum("input", "dtmf", "13335", "dtmf", "speech", "dtmf speech", "speech dtmf") {
	case "speech":
		v.SpeechOnly = true
		e.problem("13343", "there is no recogniser: Gather hears neither speech nor keys")
	case "dtmf speech", "speech dtmf":
		e.problem("13343", "there is no recogniser: Gather takes keys only")
	}
	for _, child := range e.children() {
		switch verb := parseVerb(child, "Gather").(type) {
		case *unknown:
		case *Play:
			if verb.Tones != "" {
				child.problem("13430", "Play with digits is not for Gather: it is skipped")
				continue
			}
			v.Children = append(v.Children, verb)
		default:
			v.Children = append(v.Children, verb)
		}
	}
	return v
}

func (v *Gather) run(ctx context.Context, s *session) (outcome, error) {
	s.answer()
	got, err := v.collect(ctx, s)
	if err != nil {
		return next, err
	}
	if got.Digits == "" && !v.OnEmpty {
		return next, nil
	}
	params := map[string]string{"Digits": string(got.Digits), "FinishedOnKey": got.Terminator}
	return request(s.action(v.Action, v.Method, params)), nil
}

func (v *Gather) collect(ctx context.Context, s *session) (dialplan.Collected, error) {
	prompts, err := v.prompts(ctx, s)
	if err != nil {
		return dialplan.Collected{}, err
	}
	collect := dialplan.Collect{
		Prompts: prompts, Max: v.Max, First: v.Timeout, Between: v.Timeout, Terminators: v.Finish, Valid: v.Valid,
		TypeAhead: !s.twilio() && len(v.Children) == 0, Patient: v.Patient,
	}
	switch {
	case v.SpeechOnly:
		return dialplan.Collected{}, v.listen(ctx, s, collect.Prompts)
	case s.Settings.GatherTotal:
		return v.collectTotal(ctx, s, collect)
	}
	return s.collect(ctx, collect)
}

// collectTotal has one time for all keys. It runs from the end of the prompts, or from the key that stops them.
func (v *Gather) collectTotal(ctx context.Context, s *session, collect dialplan.Collect) (dialplan.Collected, error) {
	most := collect.Max
	if most == 0 {
		most = 128
	}
	collect.First, collect.Between = 0, 0 // the prompts alone
	if !collect.Patient {
		collect.Max = 1
	}
	var all dialplan.Collected
	var end time.Time
	for {
		got, err := s.collect(ctx, collect)
		if err != nil {
			return dialplan.Collected{}, err
		}
		all.Digits, all.Terminator = all.Digits+got.Digits, got.Terminator
		switch {
		case got.Terminator != "", len(all.Digits) >= most:
			return all, nil
		case end.IsZero():
			end = time.Now().Add(v.Timeout)
		case got.Digits == "":
			return all, nil
		}
		collect.Prompts, collect.TypeAhead, collect.Patient, collect.Max = nil, true, false, 1
		collect.First = max(0, time.Until(end))
	}
}

// listen plays the prompts and waits, deaf to keys.
func (v *Gather) listen(ctx context.Context, s *session, prompts []dialplan.Prompt) error {
	for _, p := range prompts {
		if err := s.play(ctx, []dialplan.Application{p.Play}, p.Times, ""); err != nil {
			return err
		}
	}
	if v.Timeout > 0 {
		s.Channel.Queue(dialplan.Playback{File: dialplan.Silence(v.Timeout)})
	}
	if err := s.drain(ctx); err != nil {
		return err
	}
	s.Channel.ForgetDigits()
	return nil
}

// manyPrompts is how many prompts a Gather has at most, repetitions of those with several pieces included.
const manyPrompts = 10000

// prompts are the children in the collector's form. Their own terminators have no effect.
func (v *Gather) prompts(ctx context.Context, s *session) ([]dialplan.Prompt, error) {
	var list []dialplan.Prompt
	for _, child := range v.Children {
		var apps []dialplan.Application
		var err error
		loop := 1
		switch c := child.(type) {
		case *Say:
			apps, err = c.applications(ctx, s, "")
			loop = c.Loop
		case *Play:
			apps, err = c.applications(ctx, s, "")
			loop = c.Loop
		case *Pause:
			if c.Length > 0 {
				apps = []dialplan.Application{c.silence()}
			}
		}
		if err != nil {
			return nil, err
		}
		if list = append(list, repeated(apps, s.times(loop))...); len(list) > manyPrompts {
			s.Timeline.Error("14106", fmt.Sprintf("a Gather has over %d prompts: the others are left out", manyPrompts))
			return list[:manyPrompts], nil
		}
	}
	return list, nil
}

// unrolled is how often a prompt of several pieces is repeated at most: the collector repeats single pieces.
const unrolled = 100

func repeated(apps []dialplan.Application, times int) []dialplan.Prompt {
	if len(apps) == 1 {
		return []dialplan.Prompt{{Play: apps[0], Times: times}}
	}
	if times == 0 || times > unrolled {
		times = unrolled
	}
	times = min(times, 1+manyPrompts/max(1, len(apps)))
	var list []dialplan.Prompt
	for range times {
		for _, a := range apps {
			list = append(list, dialplan.Prompt{Play: a, Times: 1})
		}
	}
	return list
}
