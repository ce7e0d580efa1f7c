package twiml

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fspivot/dialplan"
)

// Record records the caller after a beep, until a key, silence, a length or the hangup ends it.
//
//	<Record action="done" maxLength="30" timeout="5" finishOnKey="#" recordingUrl="https://example.org/r"/>
//
// Limit is 1–86400 whole seconds and held to Settings.RecordMax; Silence is whole seconds, 0: silence never ends it.
// With an action, or in dialect twilio always, it asks with RecordingSid, RecordingDuration, RecordingUrl when there is
// audio, and Digits: the key, or "hangup" after a hangup. A caller who goes before the beep, or without one before the
// recording, was not recorded: nothing is asked. Upload and callback are Media's. Source: twiml.md 4.5, 5.
type Record struct {
	Action         reference
	HasAction      bool
	Method         string
	Silence, Limit time.Duration
	Named          bool // the document names the limit
	Finish         dialplan.Digits
	Beep           bool
	Store          storing
}

func parseRecord(e *element) verb {
	e.nothing()
	v := &Record{
		Action:    e.url("action"),
		HasAction: e.attribute("action") != "",
		Method:    e.method("method", "13610"),
		Silence:   e.seconds("timeout", 5, 0, 86400, "13611"),
		Limit:     e.seconds("maxLength", 3600, 1, 86400, "13612"),
		Named:     e.attribute("maxLength") != "",
		Finish:    e.keys("finishOnKey", allKeys, "13613"),
		Beep:      e.bool("playBeep", true, "13615"),
		Store:     e.storing(),
	}
	e.track()
	e.enum("trim", "", "13699", "trim-silence", "do-not-trim")
	if e.bool("transcribe", false, "13614") || e.attribute("transcribeCallback") != "" {
		e.problem("13750", "transcription is not supported yet: it is left out")
	}
	return v
}

func (v *Record) run(ctx context.Context, s *session) (outcome, error) {
	s.answer()
	asks := v.HasAction || s.twilio()
	if v.Beep {
		// A caller who goes during the beep was being recorded, one who goes before it was not.
		if err := s.drain(ctx); err != nil {
			return next, err
		}
	}
	recording, err := v.Store.begin(s, "RecordVerb", 1)
	if err != nil {
		return v.without(ctx, s, asks)
	}
	if v.Beep {
		s.Channel.Queue(dialplan.Playback{File: dialplan.Beep()})
	}
	done, err := s.do(ctx, v.application(s, recording.File))
	gone := errors.Is(err, dialplan.ErrGone)
	got := done.Recorded()
	switch {
	case err != nil && !gone, gone && done.Dropped && !v.Beep:
		s.discard(recording)
		return next, err
	case done.Dropped:
		got = dialplan.Recorded{}
	}
	s.Channel.ForgetDigits() // they ended the recording, or were spoken over
	s.Media.Finished(recording, got.Length)
	if !asks {
		return next, err
	}
	params := map[string]string{}
	recording.parameters(got.Length, params)
	r := s.action(v.Action, v.Method, params)
	switch {
	case gone:
		params["Digits"], r.Detached = "hangup", true
	case got.Terminator != "" && v.Finish != "":
		params["Digits"] = got.Terminator
	}
	return request(r), err
}

// without is a Record that has nowhere to record to.
func (v *Record) without(ctx context.Context, s *session, asks bool) (outcome, error) {
	if !asks {
		return next, nil
	}
	if err := s.drain(ctx); err != nil {
		return next, err
	}
	params := map[string]string{}
	Recording{}.parameters(0, params)
	return request(s.action(v.Action, v.Method, params)), nil
}

func (v *Record) application(s *session, file dialplan.File) dialplan.Record {
	most, threshold := s.Settings.RecordMax, s.Settings.RecordThreshold
	if most <= 0 {
		most = time.Hour
	}
	if v.Named && v.Limit > most {
		s.Timeline.Warn("13612", fmt.Sprintf("maxLength is over the setting's %s, which is taken", most))
	}
	if threshold <= 0 {
		threshold = 200
	}
	if v.Silence == 0 {
		threshold = 0
	}
	return dialplan.Record{File: file, Limit: min(v.Limit, most), Silence: v.Silence, Threshold: threshold, Stop: v.Finish}
}
