package twiml

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"fspivot/dialplan"
)

// Record records the caller after a beep, until a key, silence, a length or the hangup ends it.
//
//	<Record action="done" maxLength="30" timeout="5" finishOnKey="#" recordingUrl="https://example.org/r"/>
//
// Limit is 1–86400 whole seconds and held to Settings.RecordMax; Silence is whole seconds, 0: silence never ends it.
// With an action, or in dialect twilio always, it asks with RecordingSid, RecordingDuration, RecordingUrl when there is
// audio, and Digits: the key, or "hangup" after a hangup. Upload and callback are Media's. Source: twiml.md 4.5, 5.
type Record struct {
	Action         reference
	HasAction      bool
	Method         string
	Silence, Limit time.Duration
	Finish         dialplan.Digits
	Beep           bool
	Store          storing
}

// storing is what becomes of a recording, as Record and Dial have it in common.
type storing struct {
	UploadURL, UploadMethod  string
	Callback, CallbackMethod string
	Events                   []string
}

func parseStoring(e *element) storing {
	reach := func(name, code string) string {
		r := parseReference(e.attribute(name))
		if r.invalid != nil {
			e.problem(code, "%s: %v: it is left out", name, r.invalid)
			return ""
		}
		return r.url
	}
	st := storing{
		UploadURL:      reach("recordingUrl", "11100"),
		UploadMethod:   e.enum("recordStoreMethod", "", "12200", "PUT", "POST", "PATCH"),
		Callback:       reach("recordingStatusCallback", "13256"),
		CallbackMethod: e.method("recordingStatusCallbackMethod", "12200"),
	}
	if st.UploadURL == "" {
		st.UploadURL = reach("storageUrl", "11100")
	}
	if st.UploadMethod == "" {
		st.UploadMethod = e.enum("storageUrlMethod", "", "12200", "PUT", "POST", "PATCH")
	}
	for _, event := range strings.FieldsFunc(e.attribute("recordingStatusCallbackEvent"), func(r rune) bool { return r == ' ' || r == ',' }) {
		switch event {
		case "in-progress", "completed", "absent":
			if !slices.Contains(st.Events, event) {
				st.Events = append(st.Events, event)
			}
		default:
			e.problem("13621", "recordingStatusCallbackEvent: %q is none of in-progress, completed, absent", clip(event))
		}
	}
	if len(st.Events) == 0 && st.Callback != "" {
		st.Events = []string{"completed"}
	}
	return st
}

// begin makes the recording.
func (st storing) begin(s *session) (Recording, error) {
	r, err := s.Media.Recording(st.UploadURL, st.UploadMethod)
	if err != nil {
		s.Timeline.Error("", "no recording can be made: "+err.Error())
		return r, err
	}
	r.Callback, r.CallbackMethod, r.CallbackEvents = st.Callback, st.CallbackMethod, st.Events
	r.UploadURL, r.UploadMethod = st.UploadURL, st.UploadMethod
	return r, nil
}

// parameters are what a request tells of a recording.
func (r Recording) parameters(length time.Duration, params map[string]string) {
	params["RecordingDuration"] = wholeSeconds(length)
	if r.ID != "" {
		params["RecordingSid"] = r.ID
	}
	if r.URL != "" && length > 0 {
		params["RecordingUrl"] = r.URL
	}
}

func parseRecord(e *element) verb {
	e.nothing()
	v := &Record{
		Action:    e.url("action"),
		HasAction: e.attribute("action") != "",
		Method:    e.method("method", "13610"),
		Silence:   e.seconds("timeout", 5, 0, 86400, "13611"),
		Limit:     e.seconds("maxLength", 3600, 1, 86400, "13612"),
		Finish:    e.keys("finishOnKey", allKeys, "13613"),
		Beep:      e.bool("playBeep", true, "13615"),
		Store:     parseStoring(e),
	}
	e.enum("trim", "", "13622", "trim-silence", "do-not-trim")
	if e.bool("transcribe", false, "13614") || e.attribute("transcribeCallback") != "" {
		e.problem("13750", "transcription is not supported yet: it is left out")
	}
	return v
}

func (v *Record) run(ctx context.Context, s *session) (outcome, error) {
	s.answer()
	asks := v.HasAction || s.twilio()
	params := map[string]string{}
	recording, err := v.Store.begin(s)
	if err != nil {
		if !asks {
			return next, nil
		}
		recording.parameters(0, params)
		if err := s.Channel.Drain(ctx); err != nil {
			return next, err
		}
		return request(s.action(v.Action, v.Method, params)), nil
	}
	if v.Beep {
		s.Channel.Queue(dialplan.Playback{File: dialplan.Beep()})
	}
	done, err := s.Channel.Do(ctx, v.application(s, recording.File))
	got := done.Recorded()
	gone := errors.Is(err, dialplan.ErrGone)
	if err != nil && !gone {
		s.Media.Finished(recording, got.Length)
		return next, err
	}
	if done.Dropped {
		got = dialplan.Recorded{}
	}
	s.Channel.ForgetDigits() // they ended the recording, or were spoken over
	s.Media.Finished(recording, got.Length)
	if !asks {
		return next, err
	}
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

func (v *Record) application(s *session, file dialplan.File) dialplan.Record {
	limit, threshold := s.Settings.RecordMax, s.Settings.RecordThreshold
	if limit <= 0 {
		limit = time.Hour
	}
	if threshold <= 0 {
		threshold = 200
	}
	if v.Silence == 0 {
		threshold = 0
	}
	return dialplan.Record{File: file, Limit: min(v.Limit, limit), Silence: v.Silence, Threshold: threshold, Stop: v.Finish}
}
