package twiml

import (
	"context"

	"fspivot/dialplan"
)

// Reject turns an unanswered call away with 486 or 603, and hangs an answered one up.
//
//	<Reject reason="busy" prompt="closed.wav"/>
//
// Prompt is named like a Play's content and heard as early media; one that can't be had is left out. Rejected is 603
// unless Settings.RejectCode. It never answers. Source: twiml.md 4.11.
type Reject struct {
	Busy   bool
	Prompt string
}

func parseReject(e *element) verb {
	for _, child := range e.children() {
		if child.name() != "Parameter" {
			child.problem("12200", "%s is not known inside Reject: it is skipped", clip(child.name()))
		}
	}
	return &Reject{Busy: e.enum("reason", "rejected", "13810", "rejected", "busy") == "busy", Prompt: e.attribute("prompt")}
}

func (v *Reject) run(ctx context.Context, s *session) (outcome, error) {
	if s.Channel.Answered() {
		cause := dialplan.CallRejected
		if v.Busy {
			cause = dialplan.UserBusy
		}
		s.Channel.Queue(dialplan.Hangup{Cause: cause})
		return end, nil
	}
	if v.Prompt != "" {
		if file, err := s.Media.File(ctx, v.Prompt); err == nil && !file.IsZero() {
			s.Channel.Queue(dialplan.PreAnswer{}, dialplan.Playback{File: file})
		}
	}
	response := dialplan.Respond{Code: 603, Phrase: "Decline"}
	switch code := s.Settings.RejectCode; {
	case v.Busy:
		response = dialplan.Respond{Code: 486, Phrase: "Busy Here"}
	case code >= 300 && code != 603:
		response = dialplan.Respond{Code: code}
	}
	s.Channel.Queue(response)
	return end, nil
}
