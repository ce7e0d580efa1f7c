package twiml

import (
	"errors"
	"slices"
	"strings"
	"time"

	"fspivot/dialplan"
)

// Recording is one recording and what becomes of it.
type Recording struct {
	ID   string
	URL  string // where it will be found; "": nowhere
	File dialplan.File

	Source                   string // "RecordVerb" or "DialVerb"
	Channels                 int    // 1, or 2: the caller left, the other side right
	Callback, CallbackMethod string // as the document wrote them; "": none, POST
	CallbackEvents           []string
	UploadURL, UploadMethod  string
}

// storing is what becomes of a recording, as Record and Dial have it in common. Source: twiml.md 4.5, 5.
type storing struct {
	UploadURL, UploadMethod  string
	Callback, CallbackMethod string
	Events                   []string // of in-progress, completed, absent
}

func (e *element) storing() storing {
	reach := func(name, code string) string {
		written := e.attribute(name)
		if _, err := somewhere.Resolve(written); err != nil {
			e.problem(code, "%s: %v: it is left out", name, err)
			return ""
		}
		return written
	}
	st := storing{
		UploadURL:      reach("recordingUrl", "11100"),
		UploadMethod:   e.enum("recordStoreMethod", "", "12200", "PUT", "POST", "PATCH"),
		Callback:       reach("recordingStatusCallback", "13256"),
		CallbackMethod: e.method("recordingStatusCallbackMethod", "12200"),
	}
	if other := reach("storageUrl", "11100"); st.UploadURL == "" {
		st.UploadURL = other
	}
	if other := e.enum("storageUrlMethod", "", "12200", "PUT", "POST", "PATCH"); st.UploadMethod == "" {
		st.UploadMethod = other
	}
	events := strings.ReplaceAll(e.attribute("recordingStatusCallbackEvent"), ",", " ")
	for word := range strings.FieldsSeq(events) {
		switch event := strings.ToLower(word); event {
		case "in-progress", "completed", "absent":
			if !slices.Contains(st.Events, event) {
				st.Events = append(st.Events, event)
			}
		default:
			e.problem("13621", "recordingStatusCallbackEvent: %q is none of in-progress, completed, absent", clip(word))
		}
	}
	if len(st.Events) == 0 && st.Callback != "" {
		st.Events = []string{"completed"}
	}
	return st
}

// track reports a wish for one side only: both are recorded.
func (e *element) track() {
	if t := e.enum("recordingTrack", "both", "13622", "both", "inbound", "outbound"); t != "both" {
		e.problem("13750", "recordingTrack=%q is not supported yet: both sides are recorded", t)
	}
}

// begin makes the recording.
func (st storing) begin(s *session, source string, channels int) (Recording, error) {
	r, err := s.Media.Recording(st.UploadURL, st.UploadMethod)
	if err == nil && r.File.IsZero() {
		err = errors.New("there is no file for it")
	}
	if err != nil {
		s.Timeline.Error("", "no recording can be made: "+err.Error())
		return Recording{}, err
	}
	r.Source, r.Channels = source, channels
	r.Callback, r.CallbackMethod, r.CallbackEvents = st.Callback, st.CallbackMethod, st.Events
	r.UploadURL, r.UploadMethod = st.UploadURL, st.UploadMethod
	return r, nil
}

// discard gives a recording back that never was one: nobody is told of it.
func (s *session) discard(r Recording) {
	r.Callback, r.CallbackEvents = "", nil
	s.Media.Finished(r, 0)
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
