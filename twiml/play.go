package twiml

import (
	"context"
	"strings"
	"time"

	"fspivot/dialplan"
)

// Play plays a file, or sends tones to the caller, after it has answered.
//
//	<Play loop="2" terminators="#">https://example.org/hello.wav</Play>
//	<Play digits="ww123"/>
//
// The content is a URL, absolute or relative to the document, a media id or a file's name. Loop and Terminators are as
// in Say. With Tones the content is ignored, and the next verb begins when they are out. A file that can't be had is
// skipped; the record is Media's. Source: twiml.md 4.2.
type Play struct {
	Ref         string
	Tones       dialplan.Tones // w: 0.5 s, W: 1 s
	Loop        int
	Terminators dialplan.Digits
	Default     bool // the document names no terminators
}

func parsePlay(e *element) verb {
	v := &Play{Ref: strings.TrimSpace(e.text()), Loop: e.loop("13410")}
	v.Terminators, v.Default = e.terminators()
	e.noElements()
	if digits := e.attribute("digits"); digits != "" {
		tones, dropped := dialplan.ParseTones(digits)
		if dropped > 0 {
			e.problem("13430", "digits=%q has %d characters that are no tones: they are left out", clip(digits), dropped)
		}
		v.Tones = tones
	} else if v.Ref == "" {
		e.problem("12200", "Play names nothing to play: it is skipped")
	}
	return v
}

func (v *Play) run(ctx context.Context, s *session) (outcome, error) {
	s.answer()
	if v.Tones != "" {
		return next, v.send(ctx, s)
	}
	stop := s.stop(v.Terminators, v.Default)
	return next, s.play(ctx, v.applications(ctx, s, stop), v.Loop, stop)
}

// send sends the tones. send_dtmf does not wait for them.
func (v *Play) send(ctx context.Context, s *session) error {
	if err := s.Channel.Drain(ctx); err != nil {
		return err
	}
	for _, a := range (dialplan.SendDTMF{Tones: v.Tones}).Split() {
		s.Channel.Queue(a)
		if err := s.Channel.Wait(ctx, a.(dialplan.SendDTMF).Tones.Duration(defaultTone)); err != nil {
			return err
		}
	}
	return nil
}

// applications play the file once.
func (v *Play) applications(ctx context.Context, s *session, stop dialplan.Digits) []dialplan.Application {
	if v.Ref == "" {
		return nil
	}
	file, err := s.Media.File(ctx, v.Ref)
	if err != nil || file.IsZero() {
		return nil
	}
	return []dialplan.Application{dialplan.Playback{File: file, Stop: stop}}
}

// defaultTone is how long the switch makes a tone that no length is given for.
const defaultTone = 250 * time.Millisecond
