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
// in Say. With digits the content is ignored, and the next verb begins when they are out. A file that can't be had is
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
		v.Tones, v.Ref = tones, ""
	} else if v.Ref == "" {
		e.problem("12200", "Play names nothing to play: it is skipped")
	}
	return v
}

func (v *Play) run(ctx context.Context, s *session) (outcome, error) {
	s.answer()
	if v.Tones != "" {
		return next, s.queue(ctx, v.tones()...)
	}
	stop := s.stop(v.Terminators, v.Default)
	apps, err := v.applications(ctx, s, stop)
	if err != nil {
		return next, err
	}
	return next, s.play(ctx, apps, v.Loop, stop)
}

// tones send the tones. send_dtmf does not wait for them: silence of their length does.
func (v *Play) tones() []dialplan.Application {
	var apps []dialplan.Application
	for _, a := range (dialplan.SendDTMF{Tones: v.Tones}).Split() {
		apps = append(apps, a)
		if send, ok := a.(dialplan.SendDTMF); ok {
			apps = append(apps, dialplan.Playback{File: dialplan.Silence(send.Tones.Duration(defaultTone))})
		}
	}
	return apps
}

// applications play the file once. The error is the call's end, or the context's.
func (v *Play) applications(ctx context.Context, s *session, stop dialplan.Digits) ([]dialplan.Application, error) {
	if v.Ref == "" {
		return nil, nil
	}
	file, err := s.Media.File(ctx, v.Ref)
	if err != nil || file.IsZero() {
		return nil, ending(ctx, err)
	}
	return []dialplan.Application{dialplan.Playback{File: file, Stop: stop}}, nil
}

// defaultTone is how long the switch makes a tone that no length is given for.
const defaultTone = 250 * time.Millisecond
