package twiml

import (
	"context"
	"strings"

	"fspivot/dialplan"
)

// Reject turns an unanswered call away with 486 or 603, and hangs an answered one up.
//
//	<Reject reason="busy" prompt="closed.wav"/>
//
// Prompt is named like a Play's content and heard as early media; one that can't be had is left out. Rejected is 603
// unless Settings.RejectCode. It never answers. The hangup behind the response is for channels that take none. Source:
// twiml.md 4.11.
type Reject struct {
	Busy   bool
	Prompt string
}

func parseReject(e *element) verb {
	if strings.TrimSpace(e.text()) != "" {
		e.problem("12200", "Reject takes no text: it is ignored")
	}
	for _, child := range e.children() {
		if child.name() != "Parameter" {
			child.problem("12200", "%s is not known inside Reject: it is skipped", clip(child.name()))
		}
	}
	return &Reject{Busy: e.enum("reason", "rejected", "13810", "rejected", "busy") == "busy", Prompt: e.attribute("prompt")}
}

func (v *Reject) run(ctx context.Context, s *session) (outcome, error) {
	response, cause := dialplan.Respond{Code: 603, Phrase: "Decline"}, dialplan.CallRejected
	switch code := s.Settings.RejectCode; {
	case v.Busy:
		response, cause = dialplan.Respond{Code: 486, Phrase: "Busy Here"}, dialplan.UserBusy
	case code >= 400 && code <= 699 && code != 603:
		response = dialplan.Respond{Code: code}
	}
	if s.Channel.Answered() {
		s.Channel.Queue(dialplan.Hangup{Cause: cause})
		return end, nil
	}
	if v.Prompt != "" {
		file, err := s.Media.File(ctx, v.Prompt)
		if err := ending(ctx, err); err != nil {
			return next, err
		}
		if err == nil && !file.IsZero() {
			s.Channel.Queue(dialplan.PreAnswer{}, dialplan.Playback{File: file})
		}
	}
	s.Channel.Queue(response, dialplan.Hangup{Cause: cause})
	return end, nil
}
