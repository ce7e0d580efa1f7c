package twiml

import (
	"context"
	"time"

	"fspivot/dialplan"
)

// Pause is silence on the channel: <Pause length="3"/>. It answers first, in dialect twilio only behind a verb that
// did; a hangup ends it at once, keys do not. Source: twiml.md 4.3.
type Pause struct {
	Length time.Duration // whole seconds; absent: 1 s, 0 and below: none with 13910, above 3600: 3600 s with 13910
}

func parsePause(e *element) verb {
	e.nothing()
	length := e.seconds("length", 1, 1, 3600, "13910")
	if e.attribute("length") == "0" {
		length = 0
	}
	return &Pause{Length: length}
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
