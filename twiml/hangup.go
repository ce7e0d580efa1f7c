package twiml

import (
	"context"

	"fspivot/dialplan"
)

// Hangup ends the call behind what plays: <Hangup/>. It answers an unanswered call first, unless Settings.HangupSilent.
// Source: twiml.md 4.12.
type Hangup struct{}

func parseHangup(e *element) verb {
	e.nothing()
	return &Hangup{}
}

func (*Hangup) run(_ context.Context, s *session) (outcome, error) {
	if !s.Settings.HangupSilent {
		s.answer()
	}
	s.Channel.Queue(dialplan.Hangup{})
	return end, nil
}
