package twiml

import (
	"context"
	"time"

	"fspivot/dialplan"
)

// Pause is silence on the channel: <Pause length="3"/>. It answers first, in dialect twilio only behind a verb that
// did; a hangup ends it at once, keys do not. Source: twiml.md 4.3.
type Pause struct {
	Length time.Duration // whole seconds; absent: 1 s. With 13910: 0: none, below 0 or no number: 1 s, above 3600: 3600 s
}

func parsePause(e *element) verb {
	e.nothing()
	v := &Pause{Length: e.seconds("length", 1, 0, 3600, "13910")}
	if v.Length == 0 {
		e.problem("13910", "length is 0: there is no pause")
	}
	return v
}

func (v *Pause) run(ctx context.Context, s *session) (outcome, error) {
	if !s.twilio() {
		s.answer()
	}
	if v.Length == 0 {
		return next, nil
	}
	if !s.Channel.Answered() {
		return next, s.queue(ctx, dialplan.Sleep{For: v.Length})
	}
	return next, s.queue(ctx, v.silence())
}

func (v *Pause) silence() dialplan.Application {
	return dialplan.Playback{File: dialplan.Silence(v.Length)}
}
